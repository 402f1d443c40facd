# SPDX-License-Identifier: Apache-2.0
"""transformers, and everything else that takes the folder of a model.

    model = coffer.transformers.from_pretrained(AutoModel, 'minilm.sealed', kek='file:model.key')

    with coffer.transformers.opened('minilm.sealed') as folder:
        pipe = transformers.pipeline('feature-extraction', folder)
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from coffer import _options
from coffer._keywords import split
from coffer._model import open_model


@contextlib.contextmanager
def opened(sealed: _options.Path, **how: Any) -> Iterator[str]:
    """A folder that looks like the model; its files are in memory alone, for as long as it is open or somebody maps them.

    how: as for coffer.open_model()
    """
    with open_model(sealed, **how) as model, model.folder() as folder:
        yield folder


def from_pretrained(auto_class: Any, sealed: _options.Path, *args: Any, **kw: Any) -> Any:
    """auto_class.from_pretrained() of a sealed model: AutoModel, AutoTokenizer, a class of your own.

    kw: what coffer.open_model() takes is for it, the rest for transformers
    """
    how, rest = split(kw)
    with opened(sealed, **how) as folder:
        return auto_class.from_pretrained(folder, *args, **rest)
