"""Networks as scikit-learn estimators."""

__all__ = []
