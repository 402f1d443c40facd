# SPDX-License-Identifier: Apache-2.0
"""pip's way to the Python package: make builds the extension, for it knows how, and this puts it in its place."""
import os
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

with open('include/coffer/coffer.h', encoding='utf-8') as header:
    VERSION = re.search(r'^#define COFFER_VERSION "(.*)"', header.read(), re.MULTILINE).group(1)


class Make(build_ext):
    """Have make build _native.abi3.so; $COFFER_NATIVE is one that was built already."""

    def build_extension(self, ext):
        """Build it and copy it where setuptools wants it."""
        made = os.environ.get('COFFER_NATIVE')
        if not made:
            made = 'build/python/coffer/_native.abi3.so'
            subprocess.run(['make', f'-j{os.cpu_count()}', f'PYTHON={sys.executable}', made], check=True)
        target = self.get_ext_fullpath(ext.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(made, target)


setup(version=VERSION,
      ext_modules=[Extension('coffer._native', ['python/coffer/_native.c'], py_limited_api=True)],
      cmdclass={'build_ext': Make},
      options={'bdist_wheel': {'py_limited_api': 'cp311'}})
