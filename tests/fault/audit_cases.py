# SPDX-License-Identifier: Apache-2.0
"""Uses of a key whose audit log is hurt, too: whatever happens the log verifies, and what was opened is in it."""
import json
import os
import tempfile

import rig
from cases import FILE, KEY1, QUIET, only, sealed_start

LOG = 'log'


class Auditor:
    def __init__(self, coffer, before):
        self.coffer, self.before = coffer, before

    def look(self, folder):
        """The events of a log that verifies."""
        outcome = rig.execute([self.coffer, 'audit', 'verify', LOG], folder)
        if outcome.status not in ((0, 3) if not self.before else (0,)):
            raise rig.Bad(f'the log does not verify: {rig.last_line(outcome.err)}')
        exported = rig.execute([self.coffer, 'audit', 'export', LOG], folder).out
        found = [json.loads(line)['eventName'] for line in exported.splitlines()]
        if found[:len(self.before)] != self.before:
            raise rig.Bad(f'what was in the log is gone: {found}')
        return found[len(self.before):]


def opening(coffer, name, log, before, env):
    """A file is opened, with a log as given before, in which are the events `before`."""
    start = {k: v for k, v in sealed_start(coffer, {'m.bin': FILE}, 'seal', 'm.bin', '-o', 's.coffer').items() if k != 'k2'}
    start.update(log)
    auditor = Auditor(coffer, before)

    def judge(folder):
        tree = rig.read_tree(folder)
        said = auditor.look(folder)
        rest = {p: c for p, c in tree.items() if not p.startswith(LOG + '/')}
        if 'out' in tree and tree['out'] != FILE:
            raise rig.Bad('out is not what was sealed')
        if 'out' in tree and 'Unwrap' not in said:
            raise rig.Bad('the key was used without a record')
        only(rest, ('s.coffer', 'k1', 'out'), 'new' if 'out' in tree else 'old')
        return 'new' if 'out' in tree else 'old'

    argv = [coffer, 'open', 's.coffer', '-o', 'out', '--kek', 'file:k1', *QUIET]
    return rig.Case(name, argv, start, judge, [*argv, '--force'], env={'COFFER_AUDIT': LOG, **env})


def sealing(coffer):
    """A file is sealed, with no log before."""
    auditor = Auditor(coffer, [])

    def judge(folder):
        tree = rig.read_tree(folder)
        said = auditor.look(folder)
        if tree.get('m.bin') != FILE:
            raise rig.Bad('the input is not what it was')
        if 'm.coffer' in tree and 'Wrap' not in said:
            raise rig.Bad('the key was used without a record')
        rest = {p: c for p, c in tree.items() if not p.startswith(LOG + '/')}
        only(rest, ('m.bin', 'm.coffer', 'k1'), 'new' if 'm.coffer' in tree else 'old')
        return 'new' if 'm.coffer' in tree else 'old'

    argv = [coffer, 'seal', 'm.bin', '-o', 'm.coffer', '--kek', 'file:k1', *QUIET]
    return rig.Case('audit of sealing', argv, {'m.bin': FILE, 'k1': KEY1}, judge, [*argv, '--force'], env={'COFFER_AUDIT': LOG},
                    most=60)


def some_log(coffer):
    """The files of a log of three records, and half a fourth."""
    with tempfile.TemporaryDirectory() as folder:
        rig.write_tree(folder, {**sealed_start(coffer, {'m.bin': b'x'}, 'seal', 'm.bin', '-o', 's.coffer')})
        for _ in range(3):
            outcome = rig.execute([coffer, 'check', 's.coffer', '--kek', 'file:k1'], folder, {'COFFER_AUDIT': LOG})
            if outcome.status != 0:
                raise rig.Bad(outcome.err)
        tree = {p: c for p, c in rig.read_tree(folder).items() if p.startswith(LOG + '/')}
    tree[LOG + '/audit.jsonl'] += b'{"seq":4,"prev":"00'
    tree[os.path.join(LOG, 'lock')] = b''
    return tree


def all_cases(coffer):
    return [opening(coffer, 'audit of a first use', {}, [], {}),
            opening(coffer, 'audit behind what a crash tore, in a new part', some_log(coffer), ['Unwrap'] * 3,
                    {'COFFER_AUDIT_PART_SIZE': '1'}),
            sealing(coffer)]
