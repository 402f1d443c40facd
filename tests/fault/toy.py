#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writers for the self-test: one that is right, and one for each way to be wrong.  usage: toy.py HOW"""
import ctypes
import os
import sys

NEW = b'n' * 3000


def main(how):
    folder = os.open('.', os.O_RDONLY | os.O_DIRECTORY)
    if how == 'in-place':  # truncates what it replaces
        fd = os.open('out', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(fd, NEW[:1500])
        os.write(fd, NEW[1500:])
        os.fsync(fd)
        return
    if how == 'unnamed':  # the right way to make a file that is not there
        fd = os.open('.', os.O_RDWR | os.O_TMPFILE, 0o600)
        os.pwrite(fd, NEW, 0)
        os.fsync(fd)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.linkat(-100, b'/proc/self/fd/%d' % fd, folder, b'fresh', 0x400) != 0:
            raise OSError(ctypes.get_errno())
        os.fsync(folder)
        return
    fd = os.open('out.tmp', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, NEW)
        if how != 'no-fsync':
            os.fsync(fd)
    except OSError as why:
        if how == 'deaf':  # says that it worked
            os.unlink('out.tmp')
            return
        os.unlink('out.tmp')
        sys.stderr.write(f'coffer: cannot write: {why.strerror} [{"SPACE" if why.errno == 28 else "IO"}]\n')
        sys.exit(12)
    os.rename('out.tmp', 'out')
    if how != 'no-folder-fsync':
        os.fsync(folder)


main(sys.argv[1])
