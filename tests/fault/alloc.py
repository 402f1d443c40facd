#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Let each allocation of each case fail, once, and now and then all from there on.

usage: tests/fault/alloc.py COFFER FAILALLOC [WORD…]    (FAILALLOC is the built tests/fault/failalloc.c)

The command must end with 1 and [NOMEM] (or 0 where it could do without), never by a signal, and never claim what it did not do.
"""
import concurrent.futures
import os
import re
import sys

import rig

BATCH = 2  # at a time
DEFAULT = ('seal file', 'open file', 'audit of a first use',  # each takes a minute or two
           'sign', 'verify of a changed file', "verify of a stranger's signature", 'seal and sign folder', 'open signed folder',
           'open from encmodel', 'open of a changed cnap', 'convert encmodel to coffer', 'convert coffer to aes-cbc')
STEP = 37  # from every so many on, all allocations fail


def allowed(case, folder, outcome):
    state = case.judge(folder)
    if outcome.status < 0:
        raise rig.Bad(f'killed by signal {-outcome.status}')
    if outcome.status == 0:
        if state != 'new':
            raise rig.Bad(f'exits 0 and leaves «{state}»')
        if case.status != 0:
            raise rig.Bad('passes')
    elif not re.fullmatch(r'coffer: .+ \[[A-Z]+\]', rig.last_line(outcome.err)):
        raise rig.Bad(f'exits {outcome.status} and ends with «{rig.last_line(outcome.err)}»')
    elif outcome.status not in (1, 5, 6, 7, 12):  # a library may call its lack of memory by another name
        raise rig.Bad(f'exits {outcome.status}: {rig.last_line(outcome.err)}')
    elif state == 'between':
        rig.complete(case, folder, state)


def hurt(case, base, shim, spec):
    folder = os.path.join(base, spec)
    rig.write_tree(folder, case.start)
    try:
        outcome = rig.execute(case.argv, folder, {**(case.env or {}), 'LD_PRELOAD': shim, 'FAILALLOC': spec})
        allowed(case, folder, outcome)
    except rig.Bad as why:
        return f'allocation {spec}: {why}'
    finally:
        rig.remove_tree(folder)
    return None


def sweep(case, report, shim):
    with rig.scratch() as base:
        folder, counter = os.path.join(base, 'work'), os.path.join(base, 'count')
        rig.write_tree(folder, case.start)
        outcome = rig.execute(case.argv, folder, {**(case.env or {}), 'LD_PRELOAD': shim, 'FAILALLOC_COUNT': counter})
        if outcome.status != case.status:
            report.case('alloc ' + case.name, 0, 'allocations', [f'a clean run exits {outcome.status}: {outcome.err}'])
            return
        with open(counter, encoding='ascii') as file:
            n = int(file.read())
        specs = [str(i) for i in rig.thin(range(1, n + 1), case)] + [f'{i}+' for i in rig.thin(range(1, n + 1, STEP), case)]
        with concurrent.futures.ThreadPoolExecutor(BATCH) as pool:
            complaints = [c for c in pool.map(lambda spec: hurt(case, base, shim, spec), specs) if c]
        report.case('alloc ' + case.name, len(specs), 'failing allocations', complaints)


def main():
    import cases
    report = rig.Report()
    shim = os.path.realpath(sys.argv[2])
    for case in rig.select(cases.all_cases(os.path.realpath(sys.argv[1])), sys.argv[3:]):
        if sys.argv[3:] or case.name in DEFAULT:
            sweep(case, report, shim)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
