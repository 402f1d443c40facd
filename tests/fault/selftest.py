#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rigs can fail: each is given a writer that is wrong in the way it looks for, and one that is right.

usage: tests/fault/selftest.py SHORTIO FAILALLOC
"""
import contextlib
import io
import os
import sys

import alloc
import inject
import kill
import power
import rig

OLD, NEW = b'o' * 2000, b'n' * 3000
TOY = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'toy.py')
PYTHON = [os.path.realpath(sys.executable), '-S', '-E']


def toy(how):
    name = 'fresh' if how == 'unnamed' else 'out'

    def judge(folder):
        found = rig.read_tree(folder).get(name)
        if found == (OLD if name == 'out' else None):
            return 'old'
        if found != NEW:
            raise rig.Bad(f'{name} is {"gone" if found is None else len(found)}')
        return 'new'

    right = how if how == 'unnamed' else 'right'
    return rig.Case(how, [*PYTHON, TOY, how], {'out': OLD}, judge, [*PYTHON, TOY, right])


def shell(script):
    """A writer that is a line of shell; it copies «in» to «out»."""
    def judge(folder):
        found = rig.read_tree(folder).get('out')
        if found is None:
            return 'old'
        if found != NEW:
            raise rig.Bad(f'out is {len(found)} bytes')
        return 'new'
    return rig.Case(script, ['sh', '-c', script], {'in': NEW}, judge, ['cp', 'in', 'out'])


def verdict(function):
    """Run one rig silently; return (cases passed, cases failed, what it said)."""
    report, said = rig.Report(), io.StringIO()
    with contextlib.redirect_stdout(said):
        function(report)
    return report.passed, report.failed, said.getvalue()


def main():
    shortio, failalloc = (os.path.realpath(p) for p in sys.argv[1:3])
    inject.read_names()
    good_alloc = rig.Case('ls', ['ls', '-d', '.'], {}, lambda folder: 'new', ['true'])
    wanted = (
        ('kill accepts the right writer', True, lambda r: kill.sweep(toy('right'), r)),
        ('kill sees a writer that truncates', False, lambda r: kill.sweep(toy('in-place'), r)),
        ('power accepts the right writer', True, lambda r: power.cut(toy('right'), r)),
        ('power accepts an unnamed file that is linked', True, lambda r: power.cut(toy('unnamed'), r)),
        ('power sees a writer that truncates', False, lambda r: power.cut(toy('in-place'), r)),
        ('power sees a missing fsync', False, lambda r: power.cut(toy('no-fsync'), r)),
        ('power sees a missing fsync of the folder', False, lambda r: power.cut(toy('no-folder-fsync'), r)),
        ('inject sees an error that is swallowed', False, lambda r: inject.sweep(toy('deaf'), r)),
        ('short accepts a reader that goes on', True, lambda r: inject.short(shell('exec tee out <in'), r, shortio)),
        ('short sees a reader that does not', False,
         lambda r: inject.short(shell('exec dd if=in of=out bs=3000 count=1'), r, shortio)),
        ('alloc sees a program that gives up in its own way', False, lambda r: alloc.sweep(good_alloc, r, failalloc)),
    )
    passed = failed = 0
    for name, accepts, function in wanted:
        ok, bad, said = verdict(function)
        if (bad == 0 and ok > 0) if accepts else bad > 0:
            passed += 1
            print(f'ok    {name}')
        else:
            failed += 1
            print(f'FAIL  {name}:\n{said}')
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
