# SPDX-License-Identifier: Apache-2.0
"""Sealed safetensors as NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coffer.safetensors import Source, safe_open

if TYPE_CHECKING:
    import numpy


def load_file(path: Source, **options: Any) -> dict[str, numpy.ndarray]:
    """Every tensor of a sealed safetensors file, or of a folder or an index of them, by name.

    As safetensors.numpy.load_file; the arrays can be written to and are parts of one memory a file, which goes with
    the last of them.  The keyword arguments are those of open_model(), and file=, which file of a model.
    """
    with safe_open(path, 'numpy', **options) as opened:
        return opened.get_tensors()
