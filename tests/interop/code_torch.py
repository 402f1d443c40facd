#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that torch.save() writes, and whether torch.load(weights_only=True) takes them.

usage: code_torch.py FOLDER            make them; on standard output a JSON object: torch's version, its allowlist, and of each
                                       file whether it was taken
       code_torch.py FOLDER --tensors  of each file there that is taken: its tensors, with shape and bytes

Run by code_test.py with a Python that has torch.
"""
import collections
import json
import os
import subprocess
import sys
import warnings

import numpy
import torch

warnings.simplefilter('ignore')


class Call:
    """Pickles as a call of FUNCTION."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def model():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.LSTM(8, 2))


def optimizer_state(kind, **options):
    net = torch.nn.Linear(4, 2)
    optimizer = kind(net.parameters(), **options)
    net(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def with_attribute(tensor):
    tensor.note = 'kept'
    return tensor


def objects():
    t = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    yield 'state', model().state_dict()
    yield 'types', {str(d): torch.zeros(3, dtype=d) for d in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
        torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16)}
    yield 'views', {'whole': t, 'transposed': t.t(), 'part': t[1:, :2], 'row': t[1], 'scalar': t[0, 0], 'none': t[:0]}
    yield 'nested', {'a': [t, (1, 'x', None, True, 2.5, 10 ** 30)], 'b': {'c': {1, 2}}, 'd': b'bytes', 'e': bytearray(b'x'),
                     'f': 1 + 2j, 'g': torch.Size([1]), 'h': torch.device('cpu'), 'i': torch.float32, 'j': t.to_sparse().layout}
    yield 'checkpoint', {'model': model().state_dict(), 'epoch': 3, 'optimizer': optimizer_state(torch.optim.Adam),
                         'sgd': optimizer_state(torch.optim.SGD, lr=0.1, momentum=0.9)}
    yield 'parameter', torch.nn.Parameter(t)
    yield 'attribute', with_attribute(t.clone())
    yield 'sparse', t.to_sparse()
    yield 'csr', t.to_sparse_csr()
    yield 'quantised', torch.quantize_per_tensor(t, 0.1, 0, torch.qint8)
    yield 'per-channel', torch.quantize_per_channel(t, torch.ones(3), torch.zeros(3, dtype=torch.long), 0, torch.qint8)
    yield 'meta', t.to('meta')
    yield 'conjugate', torch.view_as_complex(torch.ones(3, 2)).conj()
    yield 'storage', t.untyped_storage()
    yield 'counter', collections.Counter('abca')
    yield 'ordered', collections.OrderedDict(a=t, b=collections.OrderedDict(c=1))
    yield 'frozenset', frozenset([1])
    yield 'numpy', {'a': numpy.ones(3)}
    yield 'numpy-number', numpy.float64(1)
    yield 'numpy-type', numpy.dtype('f4')
    yield 'module', model()
    yield 'range', range(3)
    yield 'namespace', __import__('argparse').Namespace(a=1)
    yield 'class', subprocess.Popen
    yield 'function', os.system
    yield 'bad-system', {'w': t, 'x': Call(os.system, 'touch done')}
    yield 'bad-eval', Call(eval, '1')
    yield 'bad-exec', Call(exec, '1')
    yield 'bad-popen', Call(subprocess.Popen, ['true'])
    yield 'bad-getattr', Call(getattr, Call(__import__, 'os'), 'system')
    yield 'bad-load', Call(torch.load, 'x')
    yield 'bad-bytes', Call(torch.storage._load_from_bytes, b'x')
    yield 'bad-key', {Call(os.getcwd): 1}
    yield 'bad-many', [Call(f) for f in (os.getcwd, os.getpid, os.getppid, os.cpu_count, os.times)]
    yield 'bad-deep', [[[[({'a': (Call(os.getcwd),)},)]]]]


def make(folder):
    for name, value in objects():
        for kind, options in (('zip', {}), ('old', {'_use_new_zipfile_serialization': False}),
                              ('p1', {'pickle_protocol': 1}), ('p4', {'pickle_protocol': 4})):
            torch.save(value, os.path.join(folder, f'{name}.{kind}.pt'), **options)
    script = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(script, os.path.join(folder, 'script.zip.pt'))


def takes(path):
    try:
        torch.load(path, weights_only=True)
        return True
    except Exception:  # whatever it is, it was not taken
        return False


def tensors(path):
    """NAME to shape and bytes, of the tensors of a dict whose elements lie one after the other."""
    value = torch.load(path, weights_only=True)
    if not isinstance(value, dict):
        return {}
    return {name: [list(t.shape), t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex()]
            for name, t in value.items()
            if isinstance(t, torch.Tensor) and t.layout == torch.strided and t.is_contiguous()}


def main():
    folder = sys.argv[1]
    files = sorted(os.listdir(folder))
    if sys.argv[2:]:
        print(json.dumps({f: tensors(os.path.join(folder, f)) for f in files if takes(os.path.join(folder, f))}))
        return
    make(folder)
    from torch._weights_only_unpickler import _get_allowed_globals
    print(json.dumps({'version': torch.__version__, 'allowed': sorted(_get_allowed_globals()),
                      'takes': {f: takes(os.path.join(folder, f)) for f in sorted(os.listdir(folder))}}))


main()
