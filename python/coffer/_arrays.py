# SPDX-License-Identifier: Apache-2.0
"""Arrays of NumPy and tensors of PyTorch over memory that was opened; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

from coffer._errors import error_for
from coffer._model import Memory

FRAMEWORKS = {'np': 'numpy', 'numpy': 'numpy', 'pt': 'torch', 'torch': 'torch', 'pytorch': 'torch'}
NUMPY = {
    'BOOL': 'bool_',
    'U8': 'uint8',
    'I8': 'int8',
    'U16': 'uint16',
    'I16': 'int16',
    'U32': 'uint32',
    'I32': 'int32',
    'U64': 'uint64',
    'I64': 'int64',
    'F16': 'float16',
    'F32': 'float32',
    'F64': 'float64',
    'C64': 'complex64',
}
# NumPy has no such types; the package ml_dtypes adds them
ML_DTYPES = {
    'BF16': 'bfloat16',
    'F8_E4M3': 'float8_e4m3fn',
    'F8_E5M2': 'float8_e5m2',
    'F8_E8M0': 'float8_e8m0fnu',
    'F8_E4M3FNUZ': 'float8_e4m3fnuz',
    'F8_E5M2FNUZ': 'float8_e5m2fnuz',
}
TORCH = {**NUMPY, **ML_DTYPES, 'BOOL': 'bool', 'F4': 'float4_e2m1fn_x2'}

Wrap = Callable[[Memory, int, str, 'tuple[int, ...]'], Any]
"""Makes an array that is a part of memory: the memory, the offset in it, the dtype as the file calls it, the shape."""


def wrapper(framework: str) -> Wrap:
    """How a framework does that."""
    if framework not in FRAMEWORKS:
        raise error_for('USAGE', 2, f'there is no framework {framework}; coffer knows {", ".join(FRAMEWORKS)}')
    return wrap_numpy if FRAMEWORKS[framework] == 'numpy' else wrap_torch


def wrap_numpy(memory: Memory, offset: int, dtype: str, shape: tuple[int, ...]) -> Any:
    """An array that keeps the memory."""
    numpy = importlib.import_module('numpy')
    count = math.prod(shape)
    kind = numpy_type(dtype)
    return numpy.frombuffer(memory, kind, count, offset).reshape(shape) if count else numpy.empty(shape, kind)


def numpy_type(name: str) -> Any:
    """NumPy's type for one of safetensors."""
    try:
        if name in NUMPY:
            return getattr(importlib.import_module('numpy'), NUMPY[name])
        return getattr(importlib.import_module('ml_dtypes'), ML_DTYPES[name])
    except KeyError:
        raise TypeError(f'NumPy has no type for {name}') from None
    except (ImportError, AttributeError):
        if name in NUMPY:
            raise
        raise TypeError(f'NumPy has no type for {name}; the package ml_dtypes adds it, and PyTorch has it') from None


def wrap_torch(memory: Memory, offset: int, dtype: str, shape: tuple[int, ...]) -> Any:
    """A tensor that keeps the memory; a copy where the offset is no multiple of its type's size."""
    torch = importlib.import_module('torch')
    kind = getattr(torch, TORCH.get(dtype, ''), None)
    if kind is None:
        raise TypeError(f'PyTorch {torch.__version__} has no type for {dtype}')
    if dtype == 'F4':  # two in a byte, and in an element of PyTorch's
        shape = (*shape[:-1], shape[-1] // 2)
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=kind)
    if offset % kind.itemsize:
        flat = torch.frombuffer(memory, dtype=torch.uint8, count=count * kind.itemsize, offset=offset)
        return flat.clone().view(kind).view(shape)
    return torch.frombuffer(memory, dtype=kind, count=count, offset=offset).view(shape)
