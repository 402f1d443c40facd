#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill each case before each of its system calls that write, and judge what is left; then run it again to the end.

usage: tests/fault/kill.py COFFER [WORD…]    (only the cases whose name holds a WORD)

The points are the (system call, nth) pairs of one clean run, for strace counts each system call of each thread apart.
"""
import os
import sys

import rig

WRITING = ('write', 'pwrite64', 'pwritev', 'fsync', 'fdatasync', 'sync_file_range', 'link', 'linkat', 'rename', 'renameat',
           'renameat2', 'unlink', 'unlinkat', 'ftruncate', 'fallocate', 'mkdir', 'mkdirat', 'rmdir', 'open', 'openat', 'openat2',
           'copy_file_range', 'fchmod', 'close')


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
        chosen = rig.thin(rig.points(calls, WRITING), case)
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
