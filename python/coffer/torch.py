# SPDX-License-Identifier: Apache-2.0
"""PyTorch: the tensors of a sealed model on any device, and torch.load() that runs nothing of what is pickled.

    weights = coffer.torch.load_file('llama.sealed', device='cuda')

On a CPU tensors lie in huge pages that they were decrypted into.  To a CUDA device they pass through a ring of pinned memory:
while one piece is being copied the next is being decrypted, and no more than the ring is in the memory of the host.
"""
from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Union

import torch

from coffer._errors import error_for
from coffer._model import File, Model, Tensor, open_file, open_model
from coffer._options import Path

Device = Union[str, int, torch.device]

MIB = 1 << 20
BATCH = 64 * MIB
"""Tensors that lie together are opened together until they are so large, and share that memory."""
PIECE = 16 * MIB
"""What goes to a device at a time: a multiple of every size of record."""
PIECES = 3

_DTYPES = {'F64': 'float64', 'F32': 'float32', 'F16': 'float16', 'BF16': 'bfloat16', 'I64': 'int64', 'I32': 'int32', 'I16': 'int16',
           'I8': 'int8', 'U64': 'uint64', 'U32': 'uint32', 'U16': 'uint16', 'U8': 'uint8', 'BOOL': 'bool', 'C64': 'complex64',
           'F8_E4M3': 'float8_e4m3fn', 'F8_E5M2': 'float8_e5m2', 'F8_E8M0': 'float8_e8m0fnu',
           'F8_E4M3FNUZ': 'float8_e4m3fnuz', 'F8_E5M2FNUZ': 'float8_e5m2fnuz'}
_PICKLED = re.compile(r'.*\.(bin|pt|pth)')


class Keys(NamedTuple):
    """What load_into() did not find a partner for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_file(path: Path | Model, device: Device = 'cpu', *, file: str | None = None, **how: Any) -> dict[str, torch.Tensor]:
    """The tensors of a sealed safetensors file, or of all that make up a sealed model: as safetensors.torch.load_file().

    file: that file of the model alone
    how: as for coffer.open_model()
    """
    with _opened(path, how) as model:
        return dict(iterate(model, device, [file] if file is not None else None))


def load(path: Path | Model, file: str | None = None, map_location: Any = None, **how: Any) -> Any:
    """torch.load() of a sealed .pt, .pth or .bin file, with weights_only=True: nothing that is pickled is run.

    file: which one, of a model with several files
    how: as for coffer.open_model()
    """
    if isinstance(path, Model):
        with path.open(_only(path) if file is None else file) as source:
            return _unpickle(source, map_location)
    with open_file(path, file, **how) as source:
        return _unpickle(source, map_location)


def load_state_dict(path: Path | Model, device: Device = 'cpu', **how: Any) -> dict[str, torch.Tensor]:
    """The state dict of a sealed model: of its safetensors files, or if it has none of its pickled ones, as load() reads them."""
    with _opened(path, how) as model:
        pickled = [] if weight_files(model) else _indexed(model, _PICKLED)
        if not pickled:
            return dict(iterate(model, device))
        state: dict[str, torch.Tensor] = {}
        for name in pickled:
            state.update(load(model, name, map_location=device))
        return state


def load_into(module: torch.nn.Module, path: Path | Model, device: Device | None = None, *, strict: bool = True,
              **how: Any) -> Keys:
    """Fill the parameters and buffers of a module from a sealed model, one batch at a time.

    device: None fills them where they are; else they are replaced by new ones there, which a module on «meta» needs
    strict: a name that only one of the two has is a RuntimeError, before anything is read
    """
    own = module.state_dict()
    with _opened(path, how) as model:
        files = weight_files(model)
        found = [t.name for t in model.tensors().values() if t.file in files]
        keys = Keys([n for n in own if n not in set(found)], [n for n in found if n not in own])
        if strict and (keys.missing_keys or keys.unexpected_keys):
            raise RuntimeError(f'the module is not that of the model {model.name}: only the module has {keys.missing_keys}, '
                               f'only the model has {keys.unexpected_keys}; strict=False takes what both have')
        if device is not None:
            module.load_state_dict(dict(iterate(model, device, files)), strict=False, assign=True)
            return keys
        with torch.no_grad():
            for name, tensor in iterate(model, _home(own), files):
                if name not in own:
                    continue
                if own[name].shape != tensor.shape:
                    raise RuntimeError(f'{name} has the shape {list(tensor.shape)} in the model {model.name}, and '
                                       f'{list(own[name].shape)} in the module')
                own[name].copy_(tensor)
    return keys


def iterate(model: Model, device: Device = 'cpu', files: list[str] | None = None) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor of an open model in order of file and offset, when it is on the device and authentic.

    files: of these alone; by default weight_files().  Who keeps no tensor holds one batch at a time: see BATCH.
    """
    at = torch.device(device)
    fill, done = _ring(at) if at.type == 'cuda' else (_fill_host, _nothing)
    try:
        for name in weight_files(model) if files is None else files:
            with model.open(name) as file:
                for batch in _batches(file.tensors(), name):
                    base = fill(file, batch[0].offset, max(t.offset + t.size for t in batch) - batch[0].offset)
                    for t in batch:
                        tensor = _view(base, t, t.offset - batch[0].offset)
                        yield t.name, tensor if at.type in ('cpu', 'cuda') else tensor.to(at)
    finally:
        done()


def weight_files(model: Model) -> list[str]:
    """The safetensors files that make it up: those that its index names, else all that are not in a folder, else all.

    A model that is one file is that file, whatever its name.
    """
    if len(model.files) == 1 and not _PICKLED.fullmatch(model.files[0]):
        return list(model.files)
    return _indexed(model, re.compile(r'.*\.safetensors'))


def _opened(path: Path | Model, how: dict[str, Any]) -> Model | _Borrowed:
    return _Borrowed(path) if isinstance(path, Model) else open_model(path, **how)


class _Borrowed:
    """A model that somebody else closes."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __enter__(self) -> Model:
        return self.model

    def __exit__(self, *_: object) -> None:
        pass


def _only(model: Model) -> str:
    if len(model.files) != 1:
        raise error_for('USAGE', 2, f'the model has {len(model.files)} files, as {model.files[0]}; say which')
    return model.files[0]


def _indexed(model: Model, pattern: re.Pattern[str]) -> list[str]:
    files = [f for f in model.files if pattern.fullmatch(f)]
    for index in (f for f in model.files if '/' not in f and f.endswith('.index.json')):
        with model.open(index) as file:
            named = set(json.loads(file.read())['weight_map'].values())
        if named <= set(files):
            return sorted(named)
    return [f for f in files if not posixpath.dirname(f)] or files


def _unpickle(source: File, map_location: Any) -> Any:
    return torch.load(source, map_location=map_location, weights_only=True)  # type: ignore[no-untyped-call]


def _home(state: dict[str, Any]) -> torch.device:
    devices = {t.device for t in state.values() if isinstance(t, torch.Tensor)}
    return devices.pop() if len(devices) == 1 else torch.device('cpu')


def _batches(tensors: list[Tensor], file: str) -> Iterator[list[Tensor]]:
    batch: list[Tensor] = []
    for t in tensors:
        if t.dtype not in _DTYPES or not hasattr(torch, _DTYPES[t.dtype]):
            raise error_for('UNSUPPORTED', 1, f'{t.name} of {file} is {t.dtype}, which torch {torch.__version__} does not have')
        if batch and t.offset + t.size - batch[0].offset > BATCH:
            yield batch
            batch = []
        batch.append(t)
    if batch:
        yield batch


def _view(base: torch.Tensor, t: Tensor, at: int) -> torch.Tensor:
    """The tensor in its batch; in memory of its own where a device wants it better aligned than it lies."""
    dtype = getattr(torch, _DTYPES[t.dtype])
    raw = base[at:at + t.size]
    if at % (16 if base.is_cuda else dtype.itemsize):
        raw = raw.clone()
    return raw.view(dtype).view(t.shape)


Fill = Callable[[File, int, int], torch.Tensor]


def _nothing() -> None:
    pass


def _fill_host(file: File, offset: int, size: int) -> torch.Tensor:
    if size == 0:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(file.memory(offset, size, writable=True), dtype=torch.uint8)


def _ring(device: torch.device) -> tuple[Fill, Callable[[], None]]:
    """Pinned memory that DEVICE copies from, piece by piece, while the pieces behind are being decrypted."""
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
