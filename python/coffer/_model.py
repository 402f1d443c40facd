# SPDX-License-Identifier: Apache-2.0
"""Models and their files, open."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Union

from coffer import _native, _options
from coffer._errors import error_for

Memory = _native.Memory
Writable = Union[bytearray, memoryview, Any]
"""Anything that has a writable buffer of bytes: a bytearray, an array, a tensor's memory."""


class Tensor(NamedTuple):
    """Where one tensor lies."""

    name: str
    dtype: str
    """As the file says: 'F32', 'BF16', 'Q4_K'."""
    shape: tuple[int, ...]
    file: str
    """The file of the model, '' for a lone one."""
    offset: int
    """Bytes from the start of that file."""
    size: int
    """Bytes."""


class File(_native.File):
    """One file of a sealed model, as open(path, 'rb') gives one: decrypted and verified as it is read, from any thread.

    It has the buffer protocol: memoryview(file) opens all of it, once, and outlives it.
    """

    def __init__(self, model: Model, index: int) -> None:
        super().__init__()
        self.name = model.files[index]
        self.mode = 'rb'
        self._at = 0

    def memory(self, offset: int = 0, size: int | None = None, writable: bool = False) -> Memory:
        """A range, or all, in memory of its own."""
        return self.load(offset, max(self.size - offset, 0) if size is None else size, writable)

    # what io.BufferedIOBase has

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return not self._refuse_closed()

    def seekable(self) -> bool:
        """Whether it can be read anywhere: yes."""
        return not self._refuse_closed()

    def writable(self) -> bool:
        """Whether it can be written: no."""
        return bool(self._refuse_closed())

    def isatty(self) -> bool:
        """Whether a person is at it: no."""
        return bool(self._refuse_closed())

    def fileno(self) -> int:
        """It has no descriptor; memfd() makes one."""
        raise io.UnsupportedOperation('fileno')

    def flush(self) -> None:
        """Nothing is held back."""
        self._refuse_closed()

    def detach(self) -> Any:
        """There is nothing below."""
        raise io.UnsupportedOperation('detach')

    def truncate(self, size: int | None = None) -> int:
        """It cannot be written."""
        raise io.UnsupportedOperation('truncate')

    def write(self, data: Any) -> int:
        """It cannot be written."""
        raise io.UnsupportedOperation('write')

    def writelines(self, lines: Any) -> None:
        """It cannot be written."""
        raise io.UnsupportedOperation('write')

    def tell(self) -> int:
        """Where the next read begins."""
        self._refuse_closed()
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where the next read begins, past the end too."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}
        if whence not in base:
            raise ValueError(f'invalid whence ({whence}, should be 0, 1 or 2)')
        if base[whence] + offset < 0:
            raise ValueError(f'negative seek value {base[whence] + offset}')
        self._at = base[whence] + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """At most so many bytes, all that are left by default."""
        n = self._left(size)
        data = self.read_bytes(self._at, n) if n else b''
        self._at += n
        return data

    read1 = read

    def readall(self) -> bytes:
        """All that are left."""
        return self.read()

    def readinto(self, buffer: Writable) -> int:
        """Fill a buffer, or less of it at the end of the file."""
        view = memoryview(buffer).cast('B')
        n = self._left(len(view))
        if n:
            self.read_into(self._at, view[:n])
        self._at += n
        return n

    readinto1 = readinto

    def peek(self, size: int = 0) -> bytes:
        """What would be read next."""
        at = self._at
        data = self.read(size or io.DEFAULT_BUFFER_SIZE)
        self._at = at
        return data

    def readline(self, size: int | None = -1) -> bytes:
        """A line with its end, or so much of it."""
        limit = self._left(size)
        at, line = self._at, b''
        while len(line) < limit and b'\n' not in line:
            line += self.read(min(io.DEFAULT_BUFFER_SIZE, limit - len(line)))
        line = line[: line.find(b'\n') + 1 or len(line)]
        self._at = at + len(line)
        return line

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """All lines that are left, or about so many bytes of them."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> File:
        self._refuse_closed()
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __enter__(self) -> File:
        self._refuse_closed()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'<coffer.File {self.name!r}{", closed" if self.closed else ""}>'

    def _refuse_closed(self) -> bool:
        if self.closed:
            raise ValueError('I/O operation on closed file')
        return False

    def _left(self, size: int | None) -> int:
        left = max(self.size - self._at, 0)
        return left if size is None or size < 0 else min(size, left)


io.BufferedIOBase.register(File)


class Model(_native.Model):
    """A sealed model, open: its key unwrapped, its files listed, its signature verified if somebody asked for one.

    From any thread, several at a time.  A child of a fork opens it again.  What it has given lives on after close().
    """

    def size(self, path: str) -> int:
        """Bytes of plaintext."""
        with self.open(path) as file:
            return file.size

    def open(self, path: str) -> File:
        """A file, to read as others are."""
        return File(self, self._index(path))

    def memory(self, path: str, *, writable: bool = False) -> Memory:
        """All of a file in huge pages: private to this process, in no core dump, given back when nobody looks at it."""
        with self.open(path) as file:
            return file.memory(writable=writable)

    def memfd(self, path: str) -> int:
        """A descriptor of all of a file, which nobody can change.  It is the caller's to close."""
        with self.open(path) as file:
            return file.memfd()

    def read_into(self, path: str, offset: int, buffer: Writable) -> None:
        """Fill a buffer with the bytes of a file from an offset; past its end is an error."""
        with self.open(path) as file:
            file.read_into(offset, buffer)

    def tensors(self) -> dict[str, Tensor]:  # type: ignore[override]
        """The tensors of all weight files, in order of file and offset."""
        files = self.files
        return {
            name: Tensor(name, dtype, shape, files[file], offset, size)
            for name, dtype, shape, file, offset, size in super().tensors()
        }

    def load_into(self, buffers: Mapping[str, Writable]) -> None:
        """Fill a buffer for each tensor that is named, each of the tensor's size, in order of file and offset."""

        def place(tensor: Tensor) -> Writable | None:
            return left.pop(tensor.name, None)

        left = dict(buffers)
        self.each(place)
        if left:
            raise error_for('NOTFOUND', 3, f'the model {self.name} has no tensor {min(left)}')

    def each(  # type: ignore[override]
        self,
        place: Callable[[Tensor], Writable | None],
        ready: Callable[[Tensor, Any], Any] = lambda tensor, buffer: None,
        *,
        ahead: int = 0,
    ) -> None:
        """Every tensor in order of file and offset: place() gives a buffer of its size, or None to leave it out;
        ready() is told when all of it is there and authentic, while those after it are being opened.

        Both are called in this thread.  At most `ahead` bytes (0: 64 MiB) are placed and not ready, but for one tensor.
        """
        files = self.files

        def named(raw: tuple[Any, ...]) -> Tensor:
            return Tensor(raw[0], raw[1], raw[2], files[raw[3]], raw[4], raw[5])

        super().each(lambda raw: place(named(raw)), lambda raw, buffer: ready(named(raw), buffer), ahead)

    @contextlib.contextmanager
    def folder(self, files: Iterable[str] | None = None) -> Iterator[str]:
        """A folder that looks like the model, for libraries that want paths.

        It has links to memory, which is given back at the end; processes of the same user can open them, too.
        """
        descriptors: list[int] = []
        with _folder_for_links() as top:
            try:
                for path in self.files if files is None else files:
                    descriptors.append(self.memfd(path))
                    link = os.path.join(top, path)
                    os.makedirs(os.path.dirname(link), mode=0o700, exist_ok=True)
                    os.symlink(f'/proc/{os.getpid()}/fd/{descriptors[-1]}', link)
                yield top
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return '<coffer.Model, closed>' if self.closed else f'<coffer.Model {self.name!r}, {len(self.files)} files>'

    def _index(self, path: str) -> int:
        try:
            return self.files.index(path)
        except ValueError:
            raise error_for('NOTFOUND', 3, f'the model {self.name} has no file {path}; .files lists them') from None


def _folder_for_links() -> tempfile.TemporaryDirectory[str]:
    """Where tempfile makes one, else in memory: that can be written where the root can only be read."""
    try:
        return tempfile.TemporaryDirectory(prefix='coffer-')
    except FileNotFoundError:
        return tempfile.TemporaryDirectory(prefix='coffer-', dir='/dev/shm')


def open_model(
    path: _options.Path,
    *,
    kek: _options.Keys = None,
    verify: _options.Path | None = None,
    identity: str | None = None,
    identity_provider: str | None = None,
    certificate_chain: _options.Path | Iterable[_options.Path] | None = None,
    name: str | None = None,
    trust_store: bool = True,
    environment: str | None = None,
    min_generation: int = 0,
    allow_code: bool = False,
    jobs: int = 0,
    signature: _options.Path | None = None,
    prompt: _options.Prompt | None = None,
) -> Model:
    """Open a sealed model: a folder, or one sealed file.

    kek: key URIs ('file:PATH', 'keyring:NAME', 'awskms://…', 'passphrase:'), or the 32 bytes of a key, which are
        copied to locked memory; by default what COFFER_KEK says, else every key of the local keyring
    verify: only what the owner of this public key (a PEM file) has signed; or certificate_chain: PEM files that the
        signer's certificate must lead to; or identity and identity_provider: who signed with Sigstore.  By default
        whom the trust store binds the model's name to; trust_store=False asks nobody
    signature: where the signature is; by default coffer.sig in the folder, beside a file S S.sig
    name: what the model must call itself
    environment, min_generation: which model of that name it must be; COFFER_ENVIRONMENT is the default
    allow_code: open one with files that carry code, which nothing here runs, but whoever loads them may
    jobs: how many threads; 0: one a processor
    prompt: asks for a passphrase or PIN, as prompt('passphrase for model.coffer', False) -> bytearray; by default the
        terminal does
    """
    call = _options.call(jobs, prompt, environment, min_generation)
    trust = _options.trust(verify, identity, identity_provider, certificate_chain)
    options = {'signature': _options.path(signature), 'ignore_trust_store': not trust_store, 'name': name}
    return Model(os.fsencode(path), _options.keys_to_open(kek), call, trust, options, allow_code)


def open_file(path: _options.Path, file: str | None = None, **options: Any) -> File:
    """Open one file of a sealed model; a model that is one file needs no name.  The rest is as for open_model()."""
    with open_model(path, **options) as model:
        if file is None and len(model.files) != 1:
            raise error_for('USAGE', 2, f'the model has {len(model.files)} files, as {model.files[0]}; say which')
        return model.open(model.files[0] if file is None else file)
