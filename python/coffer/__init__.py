# SPDX-License-Identifier: Apache-2.0
"""coffer: sealed AI models, opened into memory at the speed of plain ones.

    with coffer.open_model('llama.sealed', kek='file:model.key') as model:
        config = json.load(model.open('config.json'))
        weights = coffer.numpy.load_file(model)  # import coffer.numpy

docs/python.md has an overview, docs/howto/python.md a walk through it.
"""

from coffer._errors import (
    AttestError,
    AuthError,
    ConflictError,
    Error,
    InterruptedError_,
    IOError_,
    KeyError_,
    NetError,
    NotFoundError,
    PermissionError_,
    RateError,
    SignatureError,
    UsageError,
)
from coffer._model import File, Memory, Model, Tensor, open_model
from coffer._model import open_file as open  # noqa: A004
from coffer._native import engine, version as __version__
from coffer._verbs import (
    Inspection,
    Recipient,
    SignStats,
    Stats,
    Verdict,
    check,
    inspect,
    open_to,
    rewrap,
    seal,
    sign,
    verify,
)

__all__ = [
    'AttestError',
    'AuthError',
    'ConflictError',
    'Error',
    'File',
    'IOError_',
    'Inspection',
    'InterruptedError_',
    'KeyError_',
    'Memory',
    'Model',
    'NetError',
    'NotFoundError',
    'PermissionError_',
    'RateError',
    'Recipient',
    'SignStats',
    'SignatureError',
    'Stats',
    'Tensor',
    'UsageError',
    'Verdict',
    '__version__',
    'check',
    'engine',
    'inspect',
    'open',
    'open_model',
    'open_to',
    'rewrap',
    'seal',
    'sign',
    'verify',
]
