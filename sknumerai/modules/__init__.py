"""Networks for torch: tensors in, tensors out."""

__all__ = []
