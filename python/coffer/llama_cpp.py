# SPDX-License-Identifier: Apache-2.0
"""llama-cpp-python: a Llama over a sealed GGUF file, or over all parts of one that was split.

    llm = coffer.llama_cpp.Llama('tiny.gguf.coffer', kek='file:model.key', n_ctx=512)
"""
from __future__ import annotations

import os
import re
from typing import Any

import llama_cpp

from coffer import _options
from coffer._errors import error_for
from coffer._keywords import split
from coffer._model import Model, open_model

_PART = re.compile(r'-\d{5}-of-\d{5}\.gguf$')


def Llama(sealed: _options.Path, file: str | None = None, **kw: Any) -> llama_cpp.Llama:  # noqa: N802
    """llama_cpp.Llama() of a sealed model; it may map its file, which is memory already, or read it.

    file: which .gguf of the model, if it has several; of one that was split the first
    kw: what coffer.open_model() takes is for it, the rest for llama_cpp
    """
    how, rest = split(kw)
    with open_model(sealed, **how) as model:
        first, *others = _parts(model, file)
        with model.folder([first, *others]) as folder:
            return llama_cpp.Llama(model_path=os.path.join(folder, first), **rest)


def _parts(model: Model, file: str | None) -> list[str]:
    if file is None:
        files = [f for f in model.files if f.endswith('.gguf')] or (model.files if len(model.files) == 1 else [])
        whole = {_PART.sub('', f) for f in files}
        if len(whole) != 1:
            raise error_for('USAGE', 2, f'the model {model.name} has {len(whole)} GGUF models; say which with file=')
        return sorted(files)
    if not _PART.search(file):
        return [file]
    return [file, *(f for f in model.files if f != file and _PART.search(f) and _PART.sub('', f) == _PART.sub('', file))]
