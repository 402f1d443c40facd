# SPDX-License-Identifier: Apache-2.0
"""The extension.  Its functions take what coffer._options has made of what users gave; paths are bytes."""

from collections.abc import Callable
from typing import Any

version: str
engine: str
"""Which AES-256-GCM is in use: 'libipsec-mb' or 'OpenSSL'."""

_Tensor = tuple[str, str, tuple[int, ...], int, int, int]
"""Name, dtype, shape, index of its file, offset in it, size."""
_Stats = tuple[int, int, int, float, str]

class Memory:
    """Bytes of a model, opened: private to this process.

    It has the buffer protocol, and lives as long as a view of it does.
    """

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class Model:
    """A sealed model, open."""

    def __new__(
        cls,
        path: bytes,
        keys: tuple[Any, ...] | None,
        call: dict[str, Any],
        trust: dict[str, Any] | None,
        options: dict[str, Any],
        allow_code: bool,
        /,
    ) -> Model: ...
    @property
    def name(self) -> str:
        """As its publisher calls it; verified."""
    @property
    def version(self) -> str:
        """Likewise."""
    @property
    def files(self) -> list[str]:
        """The relative paths of its files."""
    @property
    def closed(self) -> bool: ...
    def tensors(self) -> list[_Tensor]:
        """Those of all weight files."""
    def each(self, place: Callable[[_Tensor], Any], ready: Callable[[_Tensor, Any], Any], ahead: int, /) -> None: ...
    def close(self) -> None:
        """Wipe its keys as soon as no file of it is open; what it has given stays."""

class File:
    """One file of a model; it has the buffer protocol, and stays open when the model is closed."""

    def __new__(cls, model: Model, index: int, /) -> File: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def size(self) -> int:
        """Bytes of plaintext; verified."""
    @property
    def closed(self) -> bool: ...
    def load(self, offset: int, size: int, writable: bool, /) -> Memory:
        """A range in memory of its own, by all processors; past the end is an error."""
    def read_bytes(self, offset: int, size: int, /) -> bytes:
        """A range; past the end is an error."""
    def read_into(self, offset: int, buffer: Any, /) -> None:
        """Fill a buffer; past the end is an error, and then it is zeros."""
    def memfd(self) -> int:
        """A descriptor of all of it, which is the caller's to close."""
    def tensors(self) -> list[_Tensor]:
        """Those in it."""
    def close(self) -> None: ...

def seal(
    path: bytes,
    out: bytes,
    keys: tuple[Any, ...],
    call: dict[str, Any],
    options: dict[str, Any],
    signer: dict[str, Any] | None,
    /,
) -> _Stats: ...
def open_to(
    path: bytes,
    out: bytes,
    keys: tuple[Any, ...] | None,
    call: dict[str, Any],
    trust: dict[str, Any] | None,
    options: dict[str, Any],
    /,
) -> _Stats: ...
def check(path: bytes, keys: tuple[Any, ...] | None, call: dict[str, Any], /) -> _Stats: ...
def sign(
    path: bytes, signature: bytes, call: dict[str, Any], signer: dict[str, Any], options: dict[str, Any], /
) -> tuple[int, int, float, str]: ...
def verify(
    path: bytes, signature: bytes, call: dict[str, Any], trust: dict[str, Any], options: dict[str, Any], /
) -> tuple[Any, ...]: ...
def rewrap(
    path: bytes,
    keys: tuple[Any, ...] | None,
    call: dict[str, Any],
    options: dict[str, Any],
    add: tuple[Any, ...],
    remove: tuple[Any, ...],
    /,
) -> None: ...
def inspect(path: bytes, call: dict[str, Any], /) -> tuple[Any, ...]: ...
