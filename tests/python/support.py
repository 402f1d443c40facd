# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package share: a folder of their own, small models, and a last line that counts."""

import json
import os
import struct
import sys
import tempfile
import time
import unittest

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

# tests change folders, and their children look there, too
sys.path[:] = [os.path.abspath(p) for p in sys.path]
os.environ['PYTHONPATH'] = os.pathsep.join(
    os.path.abspath(p) for p in os.environ.get('PYTHONPATH', '.').split(os.pathsep)
)

BUILD = os.path.abspath(os.environ.get('COFFER_TEST_BUILD', 'build'))
KEY = bytes(range(32))
SIZES = {'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'I32': 4, 'U8': 1, 'BOOL': 1, 'F8_E4M3': 1}
needs_numpy = unittest.skipUnless(numpy, 'numpy is not installed')


def safetensors(tensors, metadata=None):
    """The bytes of a safetensors file; tensors: name to (dtype, shape, bytes)."""
    head, off = {'__metadata__': metadata} if metadata else {}, 0
    for name, (dtype, shape, data) in tensors.items():
        head[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [off, off + len(data)]}
        off += len(data)
    text = json.dumps(head).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + b''.join(data for _, _, data in tensors.values())


def noise(n, seed=1):
    """Bytes that look like weights, the same each time."""
    pattern = bytes((i * 7 + i // 251 + seed * 31) % 256 for i in range(min(n, 65537)))
    return (pattern * (n // max(len(pattern), 1) + 1))[:n]


def tensor(dtype, shape, seed=1):
    """An entry for safetensors()."""
    n = SIZES[dtype]
    for dim in shape:
        n *= dim
    return dtype, shape, bytes(n) if dtype == 'BOOL' else noise(n, seed)


def write(path, data):
    """A file, with its folders."""
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)


class Case(unittest.TestCase):
    """A test in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='coffer-test-')
        self.addCleanup(folder.cleanup)
        old, environment = os.getcwd(), dict(os.environ)
        self.addCleanup(os.environ.update, environment)
        self.addCleanup(os.environ.clear)
        self.addCleanup(os.chdir, old)
        os.chdir(folder.name)
        for name in [n for n in os.environ if n.startswith(('COFFER_', 'XDG_'))]:
            del os.environ[name]
        os.environ['HOME'] = folder.name

    def assertCoffer(self, code, exit_code, call, *args, **kwargs):  # noqa: N802
        """The exception of a call that must fail with that error."""
        import coffer

        with self.assertRaises(coffer.Error) as caught:
            call(*args, **kwargs)
        self.assertEqual((caught.exception.code, caught.exception.exit_code), (code, exit_code), str(caught.exception))
        self.assertGreater(len(str(caught.exception)), 10)
        return caught.exception


class Result(unittest.TextTestResult):
    """Counts what passed, too."""

    passed = 0
    began = 0.0

    def startTest(self, test):  # noqa: N802
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):  # noqa: N802
        super().stopTest(test)
        if time.monotonic() - self.began > 5:
            print(f'{test}: {time.monotonic() - self.began:.1f} s')

    def addSuccess(self, test):  # noqa: N802
        super().addSuccess(test)
        self.passed += 1


def main():
    """Run the tests of the program, and count as tests/run does."""
    runner = unittest.TextTestRunner(resultclass=Result, verbosity=1)
    result = unittest.main(testRunner=runner, exit=False, argv=sys.argv).result
    for test, reason in result.skipped:
        print(f'skipped: {test}: {reason}')
    failed = len(result.failures) + len(result.errors)
    print(f'{result.passed} passed, {failed} failed, {len(result.skipped)} skipped')
    sys.exit(1 if failed or not result.testsRun else 0)
