# SPDX-License-Identifier: Apache-2.0
"""safetensors files of sealed models, read as the safetensors package reads plain ones.

A model is a sealed folder, a file in it, its index, or one sealed file; or a Model that is open already.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any, Union

from coffer import _options
from coffer._arrays import FRAMEWORKS, Wrap, wrap_numpy, wrapper
from coffer._errors import error_for
from coffer._model import File, Model, Tensor, open_model

INDEX = '.safetensors.index.json'
SUFFIX = '.safetensors'

Source = Union[_options.Path, Model]


def locate(path: _options.Path) -> tuple[str, str | None]:
    """Which sealed model a path is of, and which file of it; None: the path is that of the model."""
    given = os.path.abspath(os.fsdecode(path))
    if os.path.isfile(os.path.join(given, 'coffer.json')):
        return given, None
    top = os.path.dirname(given)
    while not os.path.isfile(os.path.join(top, 'coffer.json')):
        if os.path.dirname(top) == top:
            return (given if os.path.exists(given) else given + '.coffer'), None
        top = os.path.dirname(top)
    return top, os.path.relpath(given, top).removesuffix('.coffer')


def shards(model: Model, file: str | None = None) -> list[str]:
    """The safetensors files of a model that belong together: those of its index, the only one, or model.safetensors.

    Of a model that is one file it is that one, whatever its name.
    """
    if file is None and len(model.files) == 1:
        file = model.files[0]
    if file is None:
        found = [f for f in model.files if f.endswith((SUFFIX, INDEX)) and '/' not in f]
        indexes = [f for f in found if f.endswith(INDEX)]
        whole = [f for f in found if f.endswith(SUFFIX)]
        if len(indexes) == 1:
            file = indexes[0]
        elif 'model' + SUFFIX in whole or len(whole) == 1:
            file = 'model' + SUFFIX if len(whole) > 1 else whole[0]
        elif found:
            raise error_for(
                'USAGE',
                2,
                f'the model {model.name} has {len(found)} safetensors files and no index that says '
                f'which belong together; name one, as {found[0]}',
            )
        else:
            raise error_for(
                'NOTFOUND', 3, f'the model {model.name} has no safetensors file among its {len(model.files)}'
            )
    return listed_in(model, file) if file.endswith(INDEX) else [file]


def listed_in(model: Model, file: str) -> list[str]:
    """The files that an index names, which lie beside it."""
    with model.open(file) as index:
        text = index.read()
    beside = os.path.dirname(file)
    try:
        return sorted({os.path.join(beside, name) for name in json.loads(text)['weight_map'].values()})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise error_for('FORMAT', 5, f'{file} is no index of files of weights: no JSON with a weight_map') from None


class safe_open:  # noqa: N801
    """As safetensors.safe_open: tensors by name, each decrypted when it is asked for, into memory of its own, which can
    be written to.

    A folder or an index is one file to it.  The keyword arguments but `file` are those of open_model().
    """

    def __init__(
        self,
        filename: Source,
        framework: str,
        device: Any = 'cpu',
        *,
        file: str | None = None,
        backend: str | None = None,
        **options: Any,
    ) -> None:
        del backend  # how plain files are read
        self._wrap = wrapper(framework)
        self._device = device
        if FRAMEWORKS[framework] == 'numpy' and str(device) != 'cpu':
            raise error_for('USAGE', 2, f'numpy has no device {device}')
        self._files: dict[str, File] = {}
        self._tensors: dict[str, Tensor] = {}
        if isinstance(filename, Model):
            self._read(filename, file)
            return
        path, within = locate(filename)
        with open_model(path, **options) as model:
            self._read(model, file or within)

    def _read(self, model: Model, file: str | None) -> None:
        try:
            for name in shards(model, file):
                self._files[name] = model.open(name)
                self._add(name)
        except BaseException:
            self.close()
            raise

    def _add(self, file: str) -> None:
        for name, dtype, shape, _, offset, size in self._files[file].tensors():
            if name in self._tensors:
                raise error_for('FORMAT', 5, f'the tensor {name} is in {self._tensors[name].file} and in {file}')
            self._tensors[name] = Tensor(name, dtype, shape, file, offset, size)

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return sorted(self._open())

    def offset_keys(self) -> list[str]:
        """The names of the tensors as they lie in the file."""
        return list(self._open())

    def metadata(self) -> dict[str, str] | None:
        """What its writer has noted in it."""
        self._open()
        found: dict[str, str] = {}
        for file in self._files.values():
            found.update(header_metadata(file))
        return found or None

    def get_tensor(self, name: str) -> Any:
        """A tensor."""
        return self.get_slice(name)[...]

    def get_tensors(self) -> dict[str, Any]:
        """Every tensor, as they lie in the file.  The tensors are parts of one memory a file, which is fastest."""
        tensors = self._open()
        found: dict[str, Any] = {}
        for path, file in self._files.items():
            memory = file.memory(writable=True)
            for t in tensors.values():
                if t.file == path:
                    found[t.name] = self._placed(self._wrap(memory, t.offset, t.dtype, t.shape))
        return found

    def get_slice(self, name: str) -> Slice:
        """A tensor that is read when it is indexed, and then no more of it than the first indexes need."""
        tensors = self._open()
        if name not in tensors:
            raise error_for('NOTFOUND', 3, f'there is no tensor {name} among {len(tensors)}')
        return Slice(tensors[name], self._files[tensors[name].file], self._wrap, self._placed)

    def close(self) -> None:
        """Let go of the model; the tensors stay."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._open())

    def _open(self) -> dict[str, Tensor]:
        if not self._files:
            raise ValueError('I/O operation on closed file')
        return self._tensors

    def _placed(self, array: Any) -> Any:
        return array if self._device in ('cpu', None) else array.to(self._device)


class Slice:
    """A tensor that was not read yet; indexing it reads it."""

    def __init__(self, tensor: Tensor, file: File, wrap: Wrap, placed: Callable[[Any], Any]) -> None:
        self._tensor = tensor
        self._file = file
        self._wrap = wrap
        self._placed = placed

    def get_shape(self) -> list[int]:
        """Its shape."""
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        """Its dtype as the file calls it, 'F32'."""
        return self._tensor.dtype

    def __getitem__(self, index: Any) -> Any:
        """What the framework makes of the index.  A part that is not contiguous is a copy."""
        tensor = self._tensor
        left = index if isinstance(index, tuple) else (index,)
        if self._wrap is wrap_numpy:
            left = tuple(int(i) if isinstance(i, bool) else i for i in left)
        first, shape, size = 0, tensor.shape, tensor.size
        width, part_of_byte = divmod(size, math.prod(shape) or 1)
        if not part_of_byte:
            first, shape, left = leading(shape, left)
            size = math.prod(shape) * width
        array = self._wrap(self._file.load(tensor.offset + first * width, size, True), 0, tensor.dtype, shape)
        if not is_all(shape, left):
            array = array[left]
            if array.nbytes < size:
                array = array.clone() if hasattr(array, 'clone') else array.copy()
        return self._placed(array)


def leading(shape: tuple[int, ...], index: tuple[Any, ...]) -> tuple[int, tuple[int, ...], tuple[Any, ...]]:
    """The block that the first indexes cut out, as its first element and its shape, and the index that is left."""
    if not all(i is Ellipsis or isinstance(i, slice) or is_number(i) for i in index):
        return 0, shape, index
    first = depth = 0
    while depth < min(len(index), len(shape)) and is_number(index[depth]):
        try:
            first += range(shape[depth])[index[depth]] * math.prod(shape[depth + 1 :])
        except IndexError:
            raise IndexError(f'index {index[depth]} is out of range for dimension {depth} of {shape[depth]}') from None
        depth += 1
    inner, left = shape[depth:], index[depth:]
    if inner and left and isinstance(left[0], slice) and (left[0].step is None or left[0].step > 0):
        start, stop, step = left[0].indices(inner[0])
        inner = (max(stop - start, 0), *inner[1:])
        first += start * math.prod(inner[1:])
        left = (slice(None, None, step if step > 1 else None), *left[1:])
    return first, inner, left


def is_number(index: Any) -> bool:
    """Whether it is an int of some kind, which neither an array nor True is."""
    return hasattr(index, '__index__') and not isinstance(index, bool) and not getattr(index, 'shape', ())


def is_all(shape: tuple[int, ...], index: tuple[Any, ...]) -> bool:
    """Whether the index leaves nothing out, and there is nothing wrong with it."""
    dots = sum(i is Ellipsis for i in index)
    return (
        dots <= 1
        and len(index) - dots <= len(shape)
        and all(i is Ellipsis or isinstance(i, slice) and i == slice(None) for i in index)
    )


def header_metadata(file: File) -> dict[str, str]:
    """The pairs of text in the head of a safetensors file, which was read before without a fault."""
    length = bytearray(8)
    file.read_into(0, length)
    head = bytearray(struct.unpack('<Q', length)[0])
    file.read_into(8, head)
    found = json.loads(head).get('__metadata__') or {}
    return {str(key): str(value) for key, value in found.items()}
