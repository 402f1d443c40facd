#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tests of the safetensors package itself, over sealed files: what they read is sealed first, and read by coffer.

Usage: safetensors_suite.py COFFER BUILD.  Runs in the Python that COFFER_PEERS_LOAD names, with the tests that tests/peers/setup
has put beside it, out of the source package of the same version.  Exit code 77 means skipped, for the reason in the last line.

A test of OTHERWISE must fail, for the reason that stands there; one that does not any more fails this.
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

OTHERWISE = {
    'test_simple.py::WindowsTestCase::test_get_correctly_dropped': 'a closed reader is ValueError, as of a closed file',
    'test_simple.py::ErrorsTestCase::test_file_not_found': 'a missing model is coffer.NotFoundError, in words of our own',
    'test_pread_backend.py::PreadBackendTests::test_invalid_backend_string_raises': 'how plain files are read means nothing here',
    'test_simple.py::ReadmeTestCase::test_numpy_slice': 'slices past the end are those of NumPy, not SafetensorError',
}
FILES = ('test_simple.py', 'test_pt_comparison.py', 'test_pt_model.py', 'test_multithreaded.py', 'test_pread_backend.py')
# of the others: test_handle reads open files of any origin, test_threadable writes; the rest are other frameworks

PEER = os.environ.get('COFFER_PEERS_LOAD')
if not PEER:
    print(os.environ.get('COFFER_PEERS_LOAD_WHY') or os.environ.get('COFFER_PEERS_WHY') or
          'COFFER_PEERS_LOAD names no Python with torch, safetensors and the others; tests/peers/setup makes one')
    sys.exit(77)
BUILD = os.path.abspath(sys.argv[2])
if not os.path.exists(os.path.join(BUILD, 'python', 'coffer', '_native.abi3.so')):
    print(f'the Python package is not built: make python (in {os.path.basename(BUILD)})')
    sys.exit(77)
if os.environ.get('COFFER_SUITE') != 'inside':
    os.environ.update(COFFER_SUITE='inside', PYTHONPATH=os.path.join(BUILD, 'python'))
    os.execv(PEER, [PEER, os.path.abspath(__file__), *sys.argv[1:]])

try:
    import pytest
    import safetensors
    import safetensors.numpy
    import safetensors.torch
except ImportError as missing:
    print(f'{PEER} has no {missing.name}')
    sys.exit(77)

import coffer  # noqa: E402
import coffer.numpy  # noqa: E402
import coffer.safetensors  # noqa: E402
import coffer.torch  # noqa: E402

KEK = bytes(range(32))


class Sealed:
    """What stands in for the readers of the package."""

    def __init__(self, folder):
        self.folder = folder
        self.n_read = 0

    def sealed(self, path):
        """The sealed form of a plain file, if that exists."""
        self.n_read += 1
        if not os.path.exists(path):
            return path
        out = os.path.join(tempfile.mkdtemp(dir=self.folder), os.path.basename(path) + '.coffer')
        coffer.seal(path, out, kek=KEK)
        return out

    def safe_open(self, filename, framework, device='cpu', backend='mmap'):
        return coffer.safetensors.safe_open(self.sealed(filename), framework, device, backend=backend, kek=KEK)

    def load_file_torch(self, filename, device='cpu', backend='mmap'):
        del backend
        return coffer.torch.load_file(self.sealed(filename), device, kek=KEK)

    def load_file_numpy(self, filename, backend='mmap'):
        del backend
        return coffer.numpy.load_file(self.sealed(filename), kek=KEK)

    def stand_in(self):
        safetensors.safe_open = safetensors.torch.safe_open = safetensors.numpy.safe_open = self.safe_open
        safetensors.torch.load_file = self.load_file_torch
        safetensors.numpy.load_file = self.load_file_numpy


class Plugin:
    """Marks what must fail, and counts."""

    def __init__(self):
        self.unknown = set(OTHERWISE)
        self.counts = dict.fromkeys(('passed', 'failed', 'skipped'), 0)

    def pytest_collection_modifyitems(self, items):
        for item in items:
            name = item.nodeid.split('/')[-1]
            if name in OTHERWISE:
                self.unknown.discard(name)
                item.add_marker(pytest.mark.xfail(strict=True, reason=OTHERWISE[name]))

    def pytest_runtest_logreport(self, report):
        if report.when == 'call' or report.outcome != 'passed':
            self.counts[report.outcome] += 1


def main():
    version = safetensors.__version__
    source = pathlib.Path(sys.prefix, 'share', 'safetensors-' + version, 'bindings', 'python', 'tests')
    if not source.is_dir():
        print(f'the tests of safetensors {version} are not beside it: pip could not get its source package')
        return 77
    with tempfile.TemporaryDirectory() as top:
        shutil.copytree(source, os.path.join(top, 'tests'))
        os.makedirs(os.path.join(top, 'tests', 'data'), exist_ok=True)
        os.makedirs(os.path.join(top, 'sealed'))
        os.environ.update(HOME=top, COFFER_AUDIT=os.path.join(top, 'audit'))
        os.chdir(top)
        sealed, plugin = Sealed(os.path.join(top, 'sealed')), Plugin()
        sealed.stand_in()
        pytest.main(['-q', '-p', 'no:cacheprovider', '-rxs', '--no-header', *(f'tests/{f}' for f in FILES)], [plugin])
    for name in sorted(plugin.unknown):
        print(f'{name} is not a test of safetensors {version} any more')
    failed = plugin.counts['failed'] + len(plugin.unknown)
    print(f'safetensors {version}: {sealed.n_read} files were sealed and read')
    print(f'{plugin.counts["passed"]} passed, {failed} failed, {plugin.counts["skipped"]} skipped')
    return 1 if failed or not sealed.n_read else 0


if __name__ == '__main__':
    sys.exit(main())
