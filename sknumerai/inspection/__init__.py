"""What scores are made of, as data and figures."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.inspection._contribution_display import ContributionDisplay
from sknumerai.inspection._explain_contribution import explain_contribution

__all__ = ["ContributionDisplay", "explain_contribution"]
