# SPDX-License-Identifier: Apache-2.0
"""What callers may give, in the form that _native takes: tuples, dicts without None, paths as bytes."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

from coffer._errors import error_for

Path = Union[str, bytes, 'os.PathLike[str]', 'os.PathLike[bytes]']
Key = Union[str, bytes, bytearray, memoryview]
Keys = Union[Key, Iterable[Key], None]
Prompt = Callable[[str, bool], Union[str, bytes, bytearray]]


def paths(given: Path | Iterable[Path] | None) -> tuple[bytes, ...]:
    """One path, many, or none."""
    if given is None:
        return ()
    if isinstance(given, (str, bytes, os.PathLike)):
        return (os.fsencode(given),)
    return tuple(os.fsencode(p) for p in given)


def path(given: Path | None) -> bytes | None:
    """A path, or None."""
    return None if given is None else os.fsencode(given)


def texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """One word, or many."""
    return (given,) if isinstance(given, str) else tuple(given)


def without_none(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def keys(given: Keys) -> tuple[Key, ...]:
    """URIs and raw keys; a path is no URI, which is a slip that has a sure answer."""
    several = (given,) if isinstance(given, (str, bytes, bytearray, memoryview)) else tuple(given or ())
    for key in several:
        if isinstance(key, str) and ':' not in key and os.path.exists(key):
            raise error_for('USAGE', 2, f'{key} does not say what kind of key it is; did you mean file:{key}?')
    return several


def keys_to_open(given: Keys) -> tuple[Key, ...] | None:
    """The same; none means $COFFER_KEK, and without it all of the local keyring, which is None."""
    if given is None:
        given = os.environ.get('COFFER_KEK', '').split() or None
    return None if given is None else keys(given)


def keys_to_seal(given: Keys) -> tuple[Key, ...]:
    """The same; none means $COFFER_KEK, and without it the key «default» of the local keyring."""
    if given is None:
        given = os.environ.get('COFFER_KEK', '').split() or 'keyring:default'
    return keys(given)


def environment(given: str | None) -> str | None:
    """One that is set wrong must not open more than one that is set right: it is never passed over."""
    variable = os.environ.get('COFFER_ENVIRONMENT')
    if variable == '':
        raise error_for('USAGE', 2, 'COFFER_ENVIRONMENT is set and empty; name an environment, or unset it')
    if given is not None and variable is not None and given != variable:
        raise error_for(
            'USAGE',
            2,
            f'environment={given!r} is not what COFFER_ENVIRONMENT says, which is {variable}; one of them is wrong',
        )
    return variable if given is None else given


def call(
    jobs: int = 0, prompt: Prompt | None = None, env: str | None = None, min_generation: int = 0
) -> dict[str, Any]:
    """What every call of the library can be told."""
    return without_none(
        {
            'jobs': jobs,
            'prompt': prompt or terminal(),
            'environment': environment(env),
            'min_generation': min_generation,
        }
    )


def trust(
    verify: Path | None,
    identity: str | None,
    identity_provider: str | None,
    certificate_chain: Path | Iterable[Path] | None,
    **more: Any,
) -> dict[str, Any] | None:
    """Whose signature is believed: a key's, a certificate's, an identity's; None when nothing of it was given."""
    chain = paths(certificate_chain)
    by = [
        method
        for method, is_given in (('key', verify), ('certificate', chain), ('sigstore', identity or identity_provider))
        if is_given
    ]
    if not by:
        return None
    if len(by) > 1:
        raise error_for(
            'USAGE',
            2,
            'one kind of signer is believed: a key (verify=), certificates '
            '(certificate_chain=), or an identity; leave the others out',
        )
    return {
        'method': by[0],
        **without_none(
            {
                'public_key': path(verify),
                'certificate_chain': chain or None,
                'identity': identity,
                'issuer': identity_provider,
                **more,
            }
        ),
    }


def terminal() -> Prompt | None:
    """Ask on the terminal, where there is one and a person at it."""
    return ask_terminal if sys.stdin is not None and sys.stdin.isatty() else None


def ask_terminal(what: str, confirm: bool) -> bytearray:
    """A line of the terminal, without echo, that never becomes a str."""
    with open('/dev/tty', 'r+b', buffering=0) as tty:
        old = termios.tcgetattr(tty)
        silent = old[:3] + [old[3] & ~termios.ECHO] + old[4:]
        try:
            termios.tcsetattr(tty, termios.TCSAFLUSH, silent)
            said = ask_line(tty, what)
            if confirm and ask_line(tty, 'the same again') != said:
                raise error_for('USAGE', 2, 'the two are not the same; nothing was done')
        finally:
            termios.tcsetattr(tty, termios.TCSAFLUSH, old)
    return said


def ask_line(tty: Any, what: str) -> bytearray:
    """One line, without its end."""
    room = bytearray(4096)
    tty.write(f'{what}: '.encode())
    n = os.readv(tty.fileno(), [room])
    tty.write(b'\n')
    said = room[:n].rstrip(b'\n')
    room[:] = bytes(len(room))
    return said
