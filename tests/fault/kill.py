#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill each case before each of its system calls that change something on the disk, and judge what is left; then run it again to the end.

usage: tests/fault/kill.py COFFER [WORD…]    (only the cases whose name holds a WORD)

The points are the (system call, nth) pairs of one clean run, for strace counts each system call of each thread apart.  What is left by a
kill before another call is what is left by one before the next of these, for the kernel keeps what it was given.
"""
import itertools
import os
import re
import sys

import rig

CHANGING = ('write', 'pwrite64', 'pwritev', 'link', 'linkat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'ftruncate', 'fallocate',
            'mkdir', 'mkdirat', 'rmdir', 'copy_file_range', 'fchmod')
OPENING = ('open', 'openat', 'openat2')
ALIKE = 16  # of one call many times on end: as 256 folders of a new store


def changes(call):
    if call.name in OPENING:
        return re.search('O_CREAT|O_TRUNC|O_TMPFILE', call.args)
    return call.name in CHANGING and not (call.name == 'write' and re.match('[12],', call.args))


def points(calls):
    """Before each call that changes something; of a long run of one kind, some."""
    found = []
    every = dict.fromkeys(rig.points(calls, CHANGING + OPENING, changes))
    for _, run in itertools.groupby(every, key=lambda point: point[0]):
        found += rig.evenly(list(run), ALIKE)
    return found


def sweep(case, report):
    with rig.scratch() as base:
        folder = os.path.join(base, 'work')
        rig.write_tree(folder, case.start)
        outcome, calls = rig.trace(case.argv, folder, env=case.env)
        complaints = []
        try:
            state = case.judge(folder)
        except rig.Bad as why:
            state = str(why)
        if outcome.status != case.status or state != 'new':
            report.case(case.name, 0, 'points', [f'a clean run exits {outcome.status} and leaves «{state}»: {outcome.err}'])
            return
        chosen = points(calls)
        states = {}
        for syscall, nth in chosen:
            rig.write_tree(folder, case.start)
            rig.execute(['strace', '-f', '-qq', '-o', os.devnull, '-e', f'trace={syscall}',
                         '-e', f'inject={syscall}:signal=SIGKILL:when={nth}', *case.argv], folder, case.env)
            try:
                state = case.judge(folder)
                states[state] = states.get(state, 0) + 1
                rig.complete(case, folder, state)
            except rig.Bad as why:
                complaints.append(f'killed before {syscall} #{nth}: {why}')
        seen = ', '.join(f'{n} {s}' for s, n in sorted(states.items()))
        report.case(f'kill {case.name} ({seen})', len(chosen), 'points', complaints)


def main():
    import cases
    report = rig.Report()
    for case in rig.select(cases.all_cases(os.path.realpath(sys.argv[1])), sys.argv[2:]):
        if case.writes:
            sweep(case, report)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
