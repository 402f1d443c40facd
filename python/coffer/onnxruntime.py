# SPDX-License-Identifier: Apache-2.0
"""onnxruntime: a session over a sealed model, with its external data, from memory.

    session = coffer.onnxruntime.session('resnet.sealed', kek='file:model.key')
"""
from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

import onnxruntime

from coffer import _options
from coffer._errors import error_for
from coffer._keywords import split
from coffer._model import Memory, Model, open_model

# an entry of TensorProto.external_data (13) as protobuf writes it: its length, key (1) «location», value (2) and its length
_LOCATION = re.compile(rb'\x6a([\x00-\x7f]|[\x80-\xff][\x01-\x7f])\x0a\x08location\x12([\x00-\x7f]|[\x80-\xff][\x01-\x7f])')


def session(sealed: _options.Path, file: str | None = None, *, sess_options: onnxruntime.SessionOptions | None = None,
            **kw: Any) -> onnxruntime.InferenceSession:
    """An InferenceSession of a sealed model.

    file: which .onnx of the model, if it has several
    sess_options: are added to where the model has external data
    kw: what coffer.open_model() takes is for it, the rest (providers, …) for onnxruntime
    """
    how, rest = split(kw)
    with open_model(sealed, **how) as model:
        name = _graph(model) if file is None else file
        graph = model.memory(name)
        external = {location: model.memory(path) for location, path in _external(model, name, graph)}
    options = sess_options or onnxruntime.SessionOptions()
    if external:
        if not hasattr(options, 'add_external_initializers_from_files_in_memory'):
            raise error_for('UNSUPPORTED', 1, f'onnxruntime {onnxruntime.__version__} cannot take external data from memory; '
                                              'a newer one can, and so can coffer run')
        options.add_external_initializers_from_files_in_memory(list(external), list(external.values()),
                                                               [len(memoryview(m)) for m in external.values()])
    return onnxruntime.InferenceSession(bytes(graph), options, **rest)


def _graph(model: Model) -> str:
    graphs = [f for f in model.files if f.endswith('.onnx')] or (model.files if len(model.files) == 1 else [])
    if len(graphs) != 1:
        raise error_for('USAGE', 2, f'the model {model.name} has {len(graphs)} files of ONNX; say which with file=')
    return graphs[0]


def _external(model: Model, name: str, graph: Memory) -> Iterator[tuple[str, str]]:
    """The files that the graph names, as it names them, and their paths in the model.

    One that the model has not is refused: onnxruntime would look for it in the working directory.
    """
    view = memoryview(graph)
    seen = set()
    for found in _LOCATION.finditer(view):
        size = found[2][0] & 0x7f | (found[2][1] << 7 if len(found[2]) == 2 else 0)
        seen.add(bytes(view[found.end():found.end() + size]))
    for location in sorted(seen):
        text = location.decode('utf-8', 'replace')
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
        if path in model.files:
            yield text, path
        elif text.isprintable():  # else it is the type of a value that is called «location»
            raise error_for('FORMAT', 5, f'{name}: tensors of it are in «{text}», which is not in the model')
