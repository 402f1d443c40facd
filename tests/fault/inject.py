#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Let the system calls of each case fail, one after the other: no room, a bad disk, no descriptors, interruptions.

usage: tests/fault/inject.py COFFER SHORTIO [WORD… | PART/PARTS]    (SHORTIO is the built tests/fault/shortio.c)

An error must end in a documented exit code and its line on stderr, with the folder «old», «between» or «new»; what ends with 0
must be «new» all the same (a fallback did it).  Then running again, unhurt, must end in «new».
"""
import os
import re
import sys

import rig

NAMES = {}  # NAME -> exit code, from the public header


def read_names():
    header = os.path.join(os.path.dirname(__file__), '../../include/coffer/err.h')
    with open(header, encoding='utf-8') as file:
        for name, value in re.findall(r'COFFER_E_([A-Z]+) = 0x([0-9a-f]+)', file.read()):
            NAMES[name] = int(value, 16) >> 8


# (what, system calls, error, exit codes that say so)
FAULTS = (
    ('no room', ('write', 'pwrite64', 'pwritev', 'ftruncate', 'fallocate', 'linkat', 'renameat2', 'mkdirat'), 'ENOSPC', (12,)),
    ('over quota', ('pwrite64',), 'EDQUOT', (12,)),
    ('bad disk, writing', ('write', 'pwrite64', 'pwritev', 'fsync', 'fdatasync', 'linkat', 'renameat', 'renameat2', 'unlinkat'), 'EIO', (12,)),
    ('bad disk, reading', ('read', 'pread64', 'preadv', 'getdents64'), 'EIO', (12,)),
    ('no descriptors', ('openat', 'openat2', 'open'), 'EMFILE', (12, 1)),
    ('other file system', ('linkat', 'renameat', 'renameat2'), 'EXDEV', (12,)),
    ('not allowed', ('linkat', 'renameat', 'renameat2', 'unlinkat', 'mkdirat', 'ftruncate'), 'EACCES', (4,)),
    ('no random numbers', ('getrandom',), 'EAGAIN', (1, 12)),
)
# what some systems lack: the command must do without
LACKING = (
    ('openat2', 'ENOSYS'),  # Linux before 5.6, some containers
    ('fallocate', 'EOPNOTSUPP'),
    ('fadvise64', 'ENOSYS'),
    ('renameat2', 'EINVAL'),  # a file system without RENAME_NOREPLACE or RENAME_EXCHANGE
    ('mlock', 'ENOMEM'),
    ('madvise', 'EINVAL'),
    ('sched_getaffinity', 'ENOSYS'),
    ('memfd_secret', 'ENOSYS'),
)
REFUSED = (('renameat2', 'rekey folder'), ('renameat2', 'rekey of many'),)  # it cannot be done in one step, so it is not done
FATAL = ('EIO', 'ENOSPC')  # tried once and from then on


def first_own(calls):
    """Where the program begins: the loader has mapped all libraries when it tells the kernel about the first thread."""
    for i, call in enumerate(calls):
        if call.name == 'set_tid_address':
            return i
    return 0


def own_points(calls, syscalls):
    """The points of the program itself, without what the loader does and without what goes to the terminal."""
    loader = set(rig.points(calls[:first_own(calls)], syscalls))
    terminal = set()
    counts = {}
    for call in calls:
        counts[call.pid, call.name] = counts.get((call.pid, call.name), 0) + 1
        if call.name == 'write' and re.match(r'[12],', call.args):
            terminal.add((call.name, counts[call.pid, call.name]))
    return [p for p in rig.points(calls, syscalls) if p not in loader and p not in terminal]


def judge(case, folder, outcome, codes):
    """What a hurt run may leave behind and say."""
    state = case.judge(folder)
    if outcome.status == 0:
        if state != 'new':
            raise rig.Bad(f'exits 0 and leaves «{state}»')
        if case.status != 0:
            raise rig.Bad('passes')
        return
    said = re.fullmatch(r'coffer: .+ \[([A-Z]+)\]', rig.last_line(outcome.err))
    if not said:
        raise rig.Bad(f'exits {outcome.status} and ends with «{rig.last_line(outcome.err)}»')
    if NAMES.get(said.group(1)) != outcome.status:
        raise rig.Bad(f'exits {outcome.status} and calls it {said.group(1)}')
    if outcome.status not in (*codes, case.status):
        raise rig.Bad(f'exits {outcome.status}, not {codes}: {rig.last_line(outcome.err)}')
    rig.complete(case, folder, state)


def sweep(case, report):
    with rig.scratch() as base:
        folder = os.path.join(base, 'work')
        rig.write_tree(folder, case.start)
        outcome, calls = rig.trace(case.argv, folder, env=case.env)
        if outcome.status != case.status:
            report.case('inject ' + case.name, 0, 'faults', [f'a clean run exits {outcome.status}: {outcome.err}'])
            return
        for what, syscalls, error, codes in FAULTS:
            complaints, n = [], 0
            for syscall, nth in rig.thin(own_points(calls, syscalls), case):
                for when in (f'{nth}', f'{nth}+') if error in FATAL else (f'{nth}',):
                    rig.write_tree(folder, case.start)
                    n += 1
                    try:
                        hurt = rig.execute(['strace', '-f', '-qq', '-o', os.devnull, '-e', f'trace={syscall}',
                                            '-e', f'inject={syscall}:error={error}:when={when}', *case.argv], folder, case.env)
                        judge(case, folder, hurt, codes)
                    except rig.Bad as why:
                        complaints.append(f'{syscall} {error} at {when}: {why}')
            if n:
                report.case(f'{what}: {case.name}', n, 'faults', complaints)


def without(case, report):
    """A system call that is not there at all, from the first use on."""
    complaints = []
    with rig.scratch() as base:
        folder = os.path.join(base, 'work')
        for syscall, error in LACKING:
            rig.write_tree(folder, case.start)
            try:
                hurt = rig.execute(['strace', '-f', '-qq', '-o', os.devnull, '-e', f'trace=?{syscall}',
                                    '-e', f'inject=?{syscall}:error={error}', *case.argv], folder, case.env)
                state = case.judge(folder)
                if (syscall, case.name) in REFUSED:
                    judge(case, folder, hurt, (12,))
                elif hurt.status != case.status or state != 'new':
                    raise rig.Bad(f'exits {hurt.status} and leaves «{state}»: {rig.last_line(hurt.err)}')
            except rig.Bad as why:
                complaints.append(f'without {syscall}: {why}')
    report.case(f'lacking: {case.name}', len(LACKING), 'system calls', complaints)


def short(case, report, shim):
    """Short and interrupted reads and writes must not show at all."""
    with rig.scratch() as base:
        folder, counter = os.path.join(base, 'work'), os.path.join(base, 'count')
        rig.write_tree(folder, case.start)
        hurt = rig.execute(case.argv, folder, {**(case.env or {}), 'LD_PRELOAD': shim, 'SHORTIO_COUNT': counter})
        complaints = []
        try:
            if hurt.status != case.status:
                raise rig.Bad(f'exits {hurt.status}: {rig.last_line(hurt.err)}')
            state = case.judge(folder)
            if state != 'new':
                raise rig.Bad(f'leaves «{state}»')
        except rig.Bad as why:
            complaints.append(str(why))
        with open(counter, encoding='ascii') as file:
            n = int(file.read())
        report.case(f'short and interrupted: {case.name}', n, 'calls', complaints)


def main():
    import cases
    read_names()
    report = rig.Report()
    shim = os.path.realpath(sys.argv[2])
    for case in rig.select(cases.all_cases(os.path.realpath(sys.argv[1])), sys.argv[3:]):
        short(case, report, shim)
        without(case, report)
        sweep(case, report)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
