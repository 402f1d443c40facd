# SPDX-License-Identifier: Apache-2.0
"""The wheel: made from this system alone, installed into a fresh environment, imported, and used."""

import os
import shutil
import subprocess
import sys
import unittest
import venv
import zipfile

import support
from support import KEY, Case, write

import coffer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NATIVE = os.path.join(support.BUILD, 'python', 'coffer', '_native.abi3.so')
# those of the stable ABI whose names look as if they were not
STABLE = {
    '_Py_NoneStruct',
    '_Py_TrueStruct',
    '_Py_FalseStruct',
    '_Py_Dealloc',
    '_PyObject_New',
    '_PyObject_CallFunction_SizeT',
    '_Py_BuildValue_SizeT',
    '_PyArg_ParseTuple_SizeT',
}


def find(name):
    """Whether python has a module."""
    return subprocess.run([sys.executable, '-c', f'import {name}'], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(
    all(map(find, ('pip', 'setuptools', 'wheel', 'ensurepip'))), 'pip, setuptools, wheel or venv are not installed'
)
class Wheel(Case):
    """Made from a copy of the sources."""

    def test_it(self):
        self.wheel = self.make()
        self.look_into()
        self.use()

    def make(self):
        for name in 'pyproject.toml', 'setup.py', 'README.md', 'LICENSE', 'include/coffer/coffer.h':
            os.makedirs(os.path.join('source', os.path.dirname(name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join('source', name))
        shutil.copytree(os.path.join(ROOT, 'python'), 'source/python')
        done = subprocess.run(
            [
                sys.executable,
                '-m',
                'pip',
                'wheel',
                '--quiet',
                '--disable-pip-version-check',
                '--no-build-isolation',
                '--no-deps',
                '--no-index',
                '-w',
                'wheel',
                './source',
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, 'COFFER_NATIVE': NATIVE},
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(os.listdir('wheel')), 1)
        return os.path.join('wheel', os.listdir('wheel')[0])

    def look_into(self):
        name, version, python, abi, platform = os.path.basename(self.wheel).removesuffix('.whl').split('-')
        self.assertEqual((name, version, python, abi), ('coffer', coffer.__version__, 'cp311', 'abi3'))
        self.assertTrue(platform.startswith('linux_'), platform)
        with zipfile.ZipFile(self.wheel) as archive:
            names = set(archive.namelist())
            said = archive.read(f'coffer-{version}.dist-info/METADATA').decode()
        modules = {
            'coffer/' + name
            for name in os.listdir(os.path.join(ROOT, 'python', 'coffer'))
            if name.endswith(('.py', '.pyi', '.typed'))
        }
        self.assertEqual({n for n in names if n.startswith('coffer/')}, modules | {'coffer/_native.abi3.so'})
        self.assertNotIn('Requires-Dist: numpy\n', said)
        self.assertIn('Requires-Python: >=3.11', said)

    def use(self):
        venv.create('v', with_pip=True)
        subprocess.run(['v/bin/python', '-m', 'pip', 'install', '--quiet', '--no-index', self.wheel], check=True)
        write('m', b'weights')
        coffer.seal('m', 'm.coffer', kek=KEY)
        program = (
            'import coffer, sys\n'
            'assert coffer.__file__.startswith(sys.prefix), coffer.__file__\n'
            'print(bytes(coffer.open_model("m.coffer", kek=bytes(range(32))).memory("m")))\n'
        )
        environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
        done = subprocess.run(
            ['v/bin/python', '-c', program], capture_output=True, text=True, check=True, env=environment
        )
        self.assertEqual(done.stdout, "b'weights'\n")


class Native(unittest.TestCase):
    """The extension as it was built."""

    def test_nothing_of_the_stable_interface_is_exceeded(self):
        """All that the extension asks of Python is in the limited API."""
        asked = subprocess.run(
            ['nm', '-D', '--undefined-only', NATIVE], capture_output=True, text=True, check=True
        ).stdout
        private = {w for line in asked.splitlines() for w in line.split() if w.startswith('_Py')}
        self.assertEqual(private - STABLE, set())
        exported = subprocess.run(
            ['nm', '-D', '--defined-only', NATIVE], capture_output=True, text=True, check=True
        ).stdout
        self.assertEqual([line.split()[2] for line in exported.splitlines()], ['PyInit__native'])


if __name__ == '__main__':
    support.main()
