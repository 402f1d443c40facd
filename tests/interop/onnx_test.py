#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tensors of ONNX models that the onnx package writes lie where coffer inspect --tensors says, byte by byte.

Usage: onnx_test.py COFFER, with COFFER_PEERS_LOAD naming a Python that has onnx; else skipped, with exit code 77.
       onnx_test.py --make FOLDER, run by it: makes the models, and prints the bytes of each tensor as JSON.
"""
import json
import os
import subprocess
import sys
import tempfile


class Failed(Exception):
    pass


def weights():
    import ml_dtypes
    import numpy
    types = ('float32', 'float64', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'uint32', 'uint64', 'bool',
             'complex64', 'complex128', ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
    for dtype in types:
        yield f'w/{numpy.dtype(dtype).name}', numpy.arange(6).reshape(2, 3).astype(dtype)
    yield 'scalar', numpy.array(2.5, 'float32')
    yield 'empty', numpy.zeros((0, 4), 'float32')


def make(folder):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    import numpy
    arrays = dict(weights())
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    inner = helper.make_graph([], 'inner', [], [], [numpy_helper.from_array(numpy.ones(3, 'float32'), 'inside')])
    nodes = [helper.make_node('Constant', [], ['c'], value=numpy_helper.from_array(numpy.ones(2, 'float32'), 'constant')),
             helper.make_node('If', ['b'], ['z'], then_branch=inner, else_branch=inner)]
    typed = helper.make_tensor('numbers', TensorProto.INT64, [2], [1, 2])
    model = helper.make_model(helper.make_graph(nodes, 'graph', [], [], [*tensors, typed]))
    onnx.save(model, os.path.join(folder, 'here.onnx'))
    for name, options in (('one', {}), ('each', {'all_tensors_to_one_file': False}), ('all', {'convert_attribute': True})):
        os.mkdir(os.path.join(folder, name))
        onnx.save(onnx.load(os.path.join(folder, 'here.onnx')), os.path.join(folder, name, 'model.onnx'),
                  save_as_external_data=True, size_threshold=0,
                  **({} if name == 'each' else {'location': 'model.onnx.data'}), **options)
    print(json.dumps({name: [list(a.shape), a.tobytes().hex()] for name, a in arrays.items()}))


def check(folder, tensors, wanted):
    models = {}
    for t in tensors:
        with open(os.path.join(folder, t['file']), 'rb') as file:
            file.seek(t['offset'])
            content = file.read(t['size']).hex()
        if [t['shape'], content] != wanted[t['name']]:
            raise Failed(f'{t}: other bytes')
        model = 'here' if t['file'] == 'here.onnx' else t['file'].split('/')[0]
        models.setdefault(model, set()).add(t['name'])
    for model in ('here', 'one', 'each', 'all'):
        missing = set(wanted) - models[model]
        if missing:
            raise Failed(f'{model}: {sorted(missing)} are not listed')
    print(f'{len(tensors)} tensors of {len(models)} models lie where coffer says, byte by byte')


def main():
    if sys.argv[1] == '--make':
        make(sys.argv[2])
        return
    python, coffer = os.environ.get('COFFER_PEERS_LOAD'), os.path.abspath(sys.argv[1])
    if not python:
        print('COFFER_PEERS_LOAD names no Python with onnx; tests/peers/setup makes one')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as home:
        folder, sealed, key = (os.path.join(home, name) for name in ('models', 'sealed', 'key'))
        environment = {**os.environ, 'HOME': home, 'COFFER_AUDIT': 'off'}

        def run(*words):
            return subprocess.run(words, env=environment, capture_output=True, check=True).stdout

        os.mkdir(folder)
        try:
            wanted = json.loads(run(python, os.path.abspath(__file__), '--make', folder))
            run(coffer, 'keygen', '-o', key)
            run(coffer, 'seal', folder, '-o', sealed, '--kek', f'file:{key}')
            check(folder, json.loads(run(coffer, 'inspect', sealed, '--kek', f'file:{key}', '--tensors', '--json'))['tensors'], wanted)
        except subprocess.CalledProcessError as why:
            print(why, why.stderr.decode())
            sys.exit(1)
        except Failed as why:
            print(why)
            sys.exit(1)


main()
