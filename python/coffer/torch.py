# SPDX-License-Identifier: Apache-2.0
"""Sealed models in PyTorch: tensors on any device, and torch.load() that runs nothing of what is pickled.

    weights = coffer.torch.load_file('llama.sealed', device='cuda')

To a CUDA device tensors pass through a ring of pinned memory: while one piece is being copied the next is being decrypted, and no
more than the ring is in the memory of the host.
"""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, NamedTuple

import torch

from coffer._arrays import TORCH
from coffer._errors import error_for
from coffer._model import File, Model, open_model
from coffer.safetensors import INDEX, SUFFIX, Source, listed_in, locate, safe_open, shards

MIB = 1 << 20
BATCH = 64 * MIB
"""Tensors that lie together are opened together until they are so large, and share that memory."""
PIECE = 16 * MIB
"""What goes to a device at a time: a multiple of every size of record."""
PIECES = 3
PICKLED = re.compile(r'\.(bin|pt|pth)$')
PICKLED_INDEX = '.bin.index.json'

Fill = Callable[[File, int, int], torch.Tensor]
"""Bytes of a file from an offset, so many of them, as a tensor of bytes on a device."""


class Keys(NamedTuple):
    """What load_into() did not find a partner for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_file(path: Source, device: Any = 'cpu', **options: Any) -> dict[str, torch.Tensor]:
    """Every tensor of a sealed safetensors file, or of a folder or an index of them, by name.

    As safetensors.torch.load_file; the tensors can be written to and are parts of one memory a file, which goes with the last of
    them.  The keyword arguments are those of open_model(), and file=, which file of a model.
    """
    if torch.device(device).type == 'cpu':
        with safe_open(path, 'torch', **options) as opened:
            return opened.get_tensors()
    with _Opened(path, options) as (model, file):
        return dict(iterate(model, device, shards(model, file)))


def load(path: Source, map_location: Any = None, **options: Any) -> Any:
    """torch.load() of a sealed .pt, .pth or .bin file, with weights_only=True: nothing that is pickled is run.

    The keyword arguments are those of open_model(), and file=, which file of a model.
    """
    with _Opened(path, options) as (model, file):
        if file is None and len(model.files) != 1:
            raise error_for('USAGE', 2, f'the model {model.name} has {len(model.files)} files, as {model.files[0]}; say which')
        return _unpickle(model, model.files[0] if file is None else file, map_location)


def load_state_dict(path: Source, device: Any = 'cpu', **options: Any) -> dict[str, torch.Tensor]:
    """The state dict of a sealed model: of its safetensors files, or if it has none of its pickled ones, as load() reads them.

    Those are what their index lists, pytorch_model.bin, or the only one, and not what a training has left beside them.

    The keyword arguments are those of open_model(), and file=, which file of a model.
    """
    with _Opened(path, options) as (model, file):
        pickled = _pickled(model, file)
        if not pickled:
            return load_file(model, device, file=file)
        state: dict[str, torch.Tensor] = {}
        for name in pickled:
            state.update(_unpickle(model, name, device))
        return state


def load_into(module: torch.nn.Module, path: Source, device: Any = None, *, strict: bool = True, **options: Any) -> Keys:
    """Fill the parameters and buffers of a module from the safetensors files of a sealed model, one batch at a time.

    device: None fills them where they are; else they are replaced by new ones there, which a module on «meta» needs
    strict: a name that only one of the two has is a RuntimeError, before anything is read

    Of weights that are tied, one parameter under two names, the file needs one; they stay tied.

    The further keyword arguments are those of open_model(), and file=, which file of a model.
    """
    own = module.state_dict(keep_vars=True)
    with _Opened(path, options) as (model, file):
        files = shards(model, file)
        found = {name: None for f in files for name in _names(model, f)}
        tied = _tied(own, found)
        keys = Keys([n for n in own if n not in found and n not in tied], [n for n in found if n not in own])
        if strict and any(keys):
            raise RuntimeError(f'the module is not that of the model {model.name}: only the module has {keys.missing_keys}, '
                               f'only the model has {keys.unexpected_keys}; strict=False takes what both have')
        if device is not None:
            state = dict(iterate(model, device, files))
            for name, other in tied.items():
                state[name] = state[other] = _like(own[other], state[other])
            module.load_state_dict(state, strict=False, assign=True)
            return keys
        if any(own[name].is_meta for name in found if name in own):
            raise RuntimeError('the module is on «meta» and has no memory that could be filled; say on which device it is to be, '
                               "as device='cpu'")
        with torch.no_grad():
            for name, tensor in iterate(model, _home(own.values()), files):
                if name in own:
                    _fill(own[name], name, tensor, model)
    return keys


def iterate(model: Model, device: Any = 'cpu', files: Iterable[str] | None = None) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor of an open model in order of file and offset, when it is on the device and authentic.

    files: of these safetensors files alone; by default of those that make up the model

    Who keeps none of them holds one batch at a time.
    """
    to = torch.device(device)
    fill, done = _ring(to) if to.type == 'cuda' else (_fill_host, lambda: None)
    try:
        for name in shards(model) if files is None else files:
            with model.open(name) as file:
                for batch in _batches(file.tensors()):
                    start, end = batch[0][4], batch[-1][4] + batch[-1][5]
                    raw = fill(file, start, end - start)
                    for tensor, dtype, shape, _, offset, _ in batch:
                        found = _part(raw, offset - start, dtype, shape)
                        yield tensor, found if to.type in ('cpu', 'cuda') else found.to(to)
    finally:
        done()


class _Opened:
    """Open what a caller calls a source; a model that is open already stays so.  Gives it and the file of it that is meant."""

    def __init__(self, source: Source, options: dict[str, Any]) -> None:
        file = options.pop('file', None)
        self._borrowed = isinstance(source, Model)
        if isinstance(source, Model):
            self._model, within = source, None
        else:
            path, within = locate(source)
            self._model = open_model(path, **options)
        self._file = within if file is None else file

    def __enter__(self) -> tuple[Model, str | None]:
        return self._model, self._file

    def __exit__(self, *_: object) -> None:
        if not self._borrowed:
            self._model.close()


def _pickled(model: Model, file: str | None) -> list[str]:
    names = [f for f in model.files if '/' not in f] if file is None else [file]
    if any(f.endswith((SUFFIX, INDEX)) for f in names):
        return []
    indexes = [f for f in names if f.endswith(PICKLED_INDEX)]
    if len(indexes) == 1:
        return listed_in(model, indexes[0])
    found = [f for f in names if PICKLED.search(f)]
    if 'pytorch_model.bin' in found:
        return ['pytorch_model.bin']
    if len(found) > 1:
        raise error_for('USAGE', 2, f'the model {model.name} has {len(found)} pickled files and no index that says which belong '
                                    f'together; name one, as file={found[0]!r}')
    return found


def _unpickle(model: Model, file: str, map_location: Any) -> Any:
    with model.open(file) as source:
        return torch.load(source, map_location=map_location, weights_only=True)  # type: ignore[arg-type]


def _names(model: Model, path: str) -> list[str]:
    with model.open(path) as file:
        return [t[0] for t in file.tensors()]


def _tied(own: dict[str, Any], found: Container[str]) -> dict[str, str]:
    """Names that only the module has, of what it has under a name that was found, too: that name."""
    first = {id(tensor): name for name, tensor in own.items() if name in found}
    return {name: first[id(tensor)] for name, tensor in own.items() if name not in found and id(tensor) in first}


def _like(own: Any, tensor: torch.Tensor) -> torch.Tensor:
    """One parameter, where the module has one: load_state_dict() would make one for each name."""
    if isinstance(own, torch.nn.Parameter) and not isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(tensor, requires_grad=own.requires_grad)
    return tensor


def _home(tensors: Iterable[Any]) -> torch.device:
    devices = {t.device for t in tensors if isinstance(t, torch.Tensor)}
    return devices.pop() if len(devices) == 1 else torch.device('cpu')


def _fill(own: torch.Tensor, name: str, tensor: torch.Tensor, model: Model) -> None:
    if own.shape != tensor.shape:
        raise RuntimeError(f'{name} has the shape {list(tensor.shape)} in the model {model.name}, and {list(own.shape)} in the '
                           'module')
    own.copy_(tensor)


def _batches(tensors: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for t in tensors:
        if batch and t[4] + t[5] - batch[0][4] > BATCH:
            yield batch
            batch = []
        batch.append(t)
    if batch:
        yield batch


def _part(raw: torch.Tensor, offset: int, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor in bytes, or in memory of its own where it does not lie as its type, or a device, wants it."""
    kind = getattr(torch, TORCH.get(dtype, ''), None)
    if kind is None:
        raise TypeError(f'PyTorch {torch.__version__} has no type for {dtype}')
    if dtype == 'F4':  # two in a byte, and in an element of PyTorch's
        shape = (*shape[:-1], shape[-1] // 2)
    flat = raw[offset:offset + math.prod(shape) * kind.itemsize]
    if offset % (16 if raw.is_cuda else kind.itemsize):
        flat = flat.clone()
    return flat.view(kind).view(shape)


def _fill_host(file: File, offset: int, size: int) -> torch.Tensor:
    if size == 0:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(file.memory(offset, size, writable=True), dtype=torch.uint8)


def _ring(device: torch.device) -> tuple[Fill, Callable[[], None]]:
    """Pinned memory that a CUDA device copies from, piece by piece, while the pieces behind are being decrypted."""
    stream = torch.cuda.Stream(device)
    pieces = [(torch.empty(PIECE, dtype=torch.uint8, pin_memory=True), torch.cuda.Event()) for _ in range(PIECES)]
    turn = 0

    def fill(file: File, offset: int, size: int) -> torch.Tensor:
        nonlocal turn
        target = torch.empty(size, dtype=torch.uint8, device=device)
        stream.wait_stream(torch.cuda.current_stream(device))  # which may still use what the memory was before
        at = 0
        while at < size:
            n = min(PIECE - (offset + at) % PIECE, size - at)
            memory, copied = pieces[turn % PIECES]
            copied.synchronize()
            file.read_into(offset + at, memory[:n].numpy())
            with torch.cuda.stream(stream):
                target[at:at + n].copy_(memory[:n], non_blocking=True)
                copied.record(stream)
            at, turn = at + n, turn + 1
        torch.cuda.current_stream(device).wait_stream(stream)
        return target

    def done() -> None:
        stream.synchronize()
        for memory, _ in pieces:
            memory.zero_()  # torch keeps pinned memory for whoever asks next

    return fill, done


__all__ = ['Keys', 'iterate', 'load', 'load_file', 'load_into', 'load_state_dict']
