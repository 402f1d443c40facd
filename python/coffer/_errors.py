# SPDX-License-Identifier: Apache-2.0
"""The exceptions, one for each category of error (and exit code of the command)."""

from __future__ import annotations

import logging


class Error(Exception):
    """What the library could not do.  str() is the sentence: what, why, and what to do."""

    code: str = 'OTHER'
    """The error's name, as 'AUTH'."""
    exit_code: int = 1
    """What the command would end with."""


class UsageError(Error, ValueError):
    """The call cannot be meant so."""


class NotFoundError(Error, LookupError):
    """There is no such file, tensor or key."""


class PermissionError_(Error):
    """Not allowed."""


class AuthError(Error):
    """The data is not authentic, damaged, or not what was sealed."""


class SignatureError(Error):
    """The signature does not hold, or a policy says no."""


class KeyError_(Error):
    """No key opens it, or the service of the key said no."""


class NetError(Error):
    """The network."""


class AttestError(Error):
    """The attestation does not hold."""


class ConflictError(Error):
    """It is there already, is sealed already, has changed, or is in use."""


class RateError(Error):
    """A service asks to be asked less often."""


class IOError_(Error):
    """Reading, writing, or the room for it."""


class InterruptedError_(Error):
    """The call was cancelled."""


CATEGORIES: dict[int, type[Error]] = {
    2: UsageError,
    3: NotFoundError,
    4: PermissionError_,
    5: AuthError,
    6: SignatureError,
    7: KeyError_,
    8: NetError,
    9: AttestError,
    10: ConflictError,
    11: RateError,
    12: IOError_,
    130: InterruptedError_,
}

for _category in Error, *CATEGORIES.values():
    _category.__module__ = 'coffer'  # where callers have them from, and what tracebacks call them


def error_for(code: str, exit_code: int, text: str) -> Error:
    """The exception that stands for an error of the library."""
    error = CATEGORIES.get(exit_code, Error)(text)
    error.code = code
    error.exit_code = exit_code
    return error


def notice(text: str) -> None:
    """What is worth knowing but no failure."""
    logging.getLogger('coffer').info('%s', text)
