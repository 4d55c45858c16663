"""Networks for torch: tensors in, tensors out."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.modules._mlp import MLP

__all__ = ["MLP"]
