#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What coffer inspect says of files that carry code, against Python's own unpicklers and against torch.load(weights_only=True).

Usage: code_test.py COFFER [SEED].  The half with torch is skipped unless COFFER_PEERS_LOAD names a Python that has it.
"""
import collections
import io
import json
import os
import pickle
import random
import re
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
N_PROGRAMS = 2000
TENSOR_FILES = ['state.zip.pt', 'types.zip.pt', 'views.zip.pt', 'checkpoint.zip.pt', 'ordered.zip.pt', 'nested.zip.pt']


class Failed(Exception):
    pass


def allowlist():
    with open(os.path.join(HERE, '../../src/data/torch_globals.c'), encoding='utf-8') as file:
        return set(re.findall(r'^\t"([\w.]+)",$', file.read(), re.MULTILINE))


ALLOWED = allowlist()


class Client:
    """The command, with a key and a folder of its own."""

    def __init__(self, coffer, folder):
        self.coffer, self.folder = os.path.abspath(coffer), folder
        self.environment = {**os.environ, 'HOME': folder, 'COFFER_AUDIT': 'off'}
        self.run('keygen', '-o', os.path.join(folder, 'key'))

    def run(self, *words):
        done = subprocess.run([self.coffer, *words], env=self.environment, cwd=self.folder, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failed(f'coffer {" ".join(words)}: {done.stderr.decode()}')
        return done.stdout

    def inspect(self, model, *more):
        kek = 'file:' + os.path.join(self.folder, 'key')
        sealed = model + '.sealed'
        self.run('seal', model, '-o', sealed, '--kek', kek)
        return json.loads(self.run('inspect', sealed, '--kek', kek, '--json', *more))

    def code(self, model):
        """PATH to what the file carries, or None."""
        return {f['path']: f.get('code') for f in self.inspect(model)['files']}


# ---- Python's own unpicklers, with nothing behind the names ----

def watched(base):
    """An unpickler that writes down what is imported and called, and does nothing of it."""

    class Watched(base):
        def __init__(self, data):
            super().__init__(io.BytesIO(data), encoding='bytes')
            self.imported, self.called = set(), set()

        def find_class(self, module, name):
            full = f'{"builtins" if module == "__builtin__" else module}.{name}'
            seen = set() if full in ALLOWED else self.called
            if full not in ALLOWED:
                self.imported.add(full)

            class Anything:
                def __new__(cls, *_, **__):
                    seen.add(full)
                    return object.__new__(cls)

                def __init__(self, *_, **__):
                    pass

                def __call__(self, *_, **__):
                    seen.add(full)

                def __setstate__(self, _):
                    seen.add(full)

                def __setitem__(self, *_):
                    pass

                append = extend = add = __setitem__
            return Anything

        def persistent_load(self, what):
            if isinstance(what, tuple) and len(what) > 0 and what[0] in ('storage', b'storage') or type(what) is int:
                return None
            raise pickle.UnpicklingError('nobody has that')

    return Watched


def runs_code(data):
    """Whether an unpickler of Python's would call or import what is not on the list."""
    for base in (pickle.Unpickler, pickle._Unpickler):
        unpickler, ended = watched(base)(data), False
        try:
            unpickler.load()
            ended = True
        except Exception:  # whatever stops it: what it did before counts
            pass
        if unpickler.called or unpickler.imported and (ended or data[:1] == b'\x80' and len(data) > 2 and data[1] <= 5):
            return True
    return False


# ---- programs for them ----

def line(text):
    return text.encode() + b'\n'


def text_push(rng, text):
    raw = text.encode()
    return rng.choice((
        lambda: b'X' + len(raw).to_bytes(4, 'little') + raw, lambda: b'\x8c' + bytes([len(raw)]) + raw,
        lambda: b'U' + bytes([len(raw)]) + raw, lambda: b'V' + line(text), lambda: b'S' + line(repr(text)),
        lambda: b'\x8d' + len(raw).to_bytes(8, 'little') + raw, lambda: b'V' + line(''.join(f'\\u{ord(c):04x}' for c in text)),
        lambda: b'T' + len(raw).to_bytes(4, 'little') + raw))()


NAMES = (('posix', 'system'), ('__builtin__', 'eval'), ('builtins', 'getattr'), ('collections', 'OrderedDict'),
         ('torch._utils', '_rebuild_tensor_v2'), ('__builtin__', 'set'), ('mine', 'Class'), ('torch', 'device'))


def step(rng):
    """One or a few opcodes that go together."""
    module, name = rng.choice(NAMES)
    number = rng.choice((0, 1, 2, 3, 250, 70000))
    return rng.choice((
        lambda: b'N', lambda: b'K\1', lambda: b'(', lambda: b')', lambda: b'}', lambda: b']', lambda: b't', lambda: b'0',
        lambda: b'1', lambda: b'2', lambda: b'\x85', lambda: b'\x86', lambda: b'\x87', lambda: b'R', lambda: b'\x81', lambda: b'b',
        lambda: b'o', lambda: b'a', lambda: b'e', lambda: b's', lambda: b'u', lambda: b'd', lambda: b'l', lambda: b'Q',
        lambda: b'\x8f', lambda: b'\x90', lambda: b'\x91', lambda: b'\x92', lambda: b'\x93', lambda: b'\x94',
        lambda: b'c' + line(module) + line(name), lambda: b'c' + line(module) + line(name) + b')R',
        lambda: b'(i' + line(module) + line(name), lambda: b'(c' + line(module) + line(name) + b'No',
        lambda: text_push(rng, module) + text_push(rng, name) + b'\x93',
        lambda: text_push(rng, module) + b'q\2' + text_push(rng, name) + b'q\3h\2h\3\x93)R',
        lambda: text_push(rng, rng.choice((module, name, 'storage'))),
        lambda: b'(' + text_push(rng, 'storage') + b'NtQ',
        lambda: b'q' + bytes([number & 0xff]), lambda: b'h' + bytes([number & 0xff]), lambda: b'r' + number.to_bytes(4, 'little'),
        lambda: b'j' + number.to_bytes(4, 'little'), lambda: b'p' + line(str(number)), lambda: b'g' + line(str(number)),
        lambda: b'\x95' + bytes(8), lambda: b'.', lambda: rng.randbytes(1)))()


def program(rng):
    begin = rng.choice((b'', b'\x80\2', b'\x80\4', b'N', b'NN', b'(', b'N)'))
    return begin + b''.join(step(rng) for _ in range(rng.randrange(1, 14))) + rng.choice((b'', b'.', b'0.', b't.'))


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def mutated(rng):
    """What Python writes, with a byte changed here and there."""
    value = rng.choice(({'a': [1, 2.5, ('x', b'y', None)], 'b': {3}}, [Call(os.system, 'true')], collections.OrderedDict(a=1),
                        {'w': Call(getattr, Call(__import__, 'os'), 'system')}, Call(collections.OrderedDict, ())))
    data = bytearray(pickle.dumps(value, rng.randrange(6)))
    for _ in range(rng.randrange(3)):
        data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), ord('0'), ord('('), 0x94, 0x93))
    return bytes(data)


def against_python(client, seed):
    rng = random.Random(seed)
    model = os.path.join(client.folder, 'programs')
    os.mkdir(model)
    programs = {f'{i}.bin': (program if i % 4 else mutated)(rng) for i in range(N_PROGRAMS)}
    for name, data in programs.items():
        with open(os.path.join(model, name), 'wb') as file:
            file.write(data)
    code, n_code, n_false = client.code(model), 0, 0
    # a number that a value is remembered under costs the unpickler in C as much memory as that number is large
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, limits[1]))
    for name, data in programs.items():
        runs = runs_code(data)
        if runs and not code[name]:
            raise Failed(f'seed {seed}: Python runs what coffer says carries no code: {data!r}')
        n_code += runs
        n_false += bool(code[name]) and not runs
    resource.setrlimit(resource.RLIMIT_AS, limits)
    print(f'{N_PROGRAMS} pickles: {n_code} run code, each was named; {n_false} more were, for they cannot be told')
    if n_code < N_PROGRAMS // 10 or n_code > N_PROGRAMS * 9 // 10:
        raise Failed('the programs are not worth much')


# ---- torch ----

def may_be_refused(name):
    """Data that torch.load(weights_only=True) does not read, though nothing in it calls anything.

    It knows the opcodes of protocol 2 only, and not all storages in files of the old kind.
    """
    return name.endswith(('.p1.pt', '.p4.pt')) or name in ('storage.old.pt', 'types.old.pt')


def check_list(torch):
    missing = set(torch['allowed']) - ALLOWED
    if missing:
        raise Failed(f'torch {torch["version"]} allows what src/data/torch_globals.c does not have: {sorted(missing)}')
    extra = ALLOWED - set(torch['allowed'])
    print(f'torch {torch["version"]} allows {len(torch["allowed"])} names, coffer these and {len(extra)} more')
    if extra and tuple(map(int, torch['version'].split('.')[:2])) >= (2, 15):
        raise Failed(f'src/data/torch_globals.c has what torch does not allow: {sorted(extra)}')


def against_torch(client, python):
    model = os.path.join(client.folder, 'torch')
    os.mkdir(model)
    done = subprocess.run([python, os.path.join(HERE, 'code_torch.py'), model], cwd=client.folder, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f'code_torch.py: {done.stderr.decode()}')
    torch = json.loads(done.stdout)
    check_list(torch)
    code = client.code(model)
    for name, takes in torch['takes'].items():
        if takes and code[name]:
            raise Failed(f'torch takes {name}, of which coffer says that it {code[name]}')
        if not takes and not code[name] and not may_be_refused(name):
            raise Failed(f'torch refuses {name}, of which coffer says nothing')
        if name.startswith(('bad-', 'module', 'class', 'function')) and not code[name]:
            raise Failed(f'coffer says nothing of {name}')
    if os.path.exists(os.path.join(client.folder, 'done')):
        raise Failed('something was run')
    print(f'{len(code)} files of torch: it takes {sum(torch["takes"].values())}, and coffer says the same')


def against_torch_tensors(client, python):
    """The bytes at the places that coffer lists are those of the tensors that torch gives."""
    model = os.path.join(client.folder, 'tensors')
    os.mkdir(model)
    for name in TENSOR_FILES:
        os.rename(os.path.join(client.folder, 'torch', name), os.path.join(model, name))
    done = subprocess.run([python, os.path.join(HERE, 'code_torch.py'), model, '--tensors'], cwd=client.folder,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f'code_torch.py: {done.stderr.decode()}')
    listed = {(t['file'], t['name']): t for t in client.inspect(model, '--tensors')['tensors']}
    wanted = {(f, name): t for f, all_of in json.loads(done.stdout).items() for name, t in all_of.items()}
    for place, (shape, content) in wanted.items():
        with open(os.path.join(model, place[0]), 'rb') as file:
            file.seek(listed[place]['offset'])
            if listed[place]['shape'] != shape or file.read(listed[place]['size']).hex() != content:
                raise Failed(f'{place}: other bytes')
    if ('views.zip.pt', 'transposed') in listed or len(wanted) < 30:
        raise Failed('other tensors are listed')
    print(f'{len(wanted)} tensors of torch lie where coffer says, byte by byte; {len(listed) - len(wanted)} more are in dicts of dicts')


def main():
    python = os.environ.get('COFFER_PEERS_LOAD')
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    with tempfile.TemporaryDirectory() as folder:
        client = Client(sys.argv[1], folder)
        try:
            against_python(client, seed)
            if python:
                against_torch(client, python)
                against_torch_tensors(client, python)
        except Failed as why:
            print(why)
            sys.exit(1)
    if not python:
        print('against Python alone: COFFER_PEERS_LOAD names no Python with torch; tests/peers/setup makes one')
        sys.exit(77)


main()
