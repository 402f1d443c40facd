# SPDX-License-Identifier: Apache-2.0
"""Backup: a snapshot that is listed is whole, what was kept stays whole, and a restored file has its name only when it is."""
import json
import os
import tempfile

import cases
import rig
from cases import KEY1, TREE

MOST = 24  # points of a case and a fault
KEK = ('--kek', 'file:k1')
STORE = ('--store', 'store')
FOLDERS = {f'store/objects/{i:02x}/': b'' for i in range(256)}  # the rigs know no folders but those that they are told
OWN = ('store/', '.local/')


class Backups:
    """What is prepared for the cases, and how a store is judged."""

    def __init__(self, coffer):
        self.coffer = coffer
        os.environ['HOME'] = '.'
        for name in ('XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'COFFER_KEYS', 'COFFER_BACKUP_STORE'):
            os.environ.pop(name, None)
        sealed = cases.sealed_start(coffer, TREE, 'seal', 'm', '-o', 's')
        del sealed['k2']
        self.sealed = {'models/llama' + p[1:]: c for p, c in sealed.items() if p.startswith('s/')}
        self.start = {**self.sealed, 'k1': KEY1, '.config/coffer/note': b'the configuration\n'}
        self.create = [coffer, 'backup', 'create', 'models', *STORE, *KEK, '--jobs', '1']

    def after(self, *argvs, tree=None):
        """The folder that good commands leave."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, 'work')
            rig.write_tree(folder, self.start if tree is None else tree)
            for argv in argvs:
                outcome = rig.execute(argv, folder)
                if outcome.status != 0:
                    raise rig.Bad(f'cannot prepare {argv}: {outcome.err}')
            return {**FOLDERS, **rig.read_tree(folder)}

    def good(self, folder, *argv):
        outcome = rig.execute([self.coffer, 'backup', *argv, *STORE], folder)
        if outcome.status != 0:
            raise rig.Bad(f'{argv[0]}: {rig.last_line(outcome.err)}')

    def restores(self, folder, snapshot, want):
        """The snapshot comes back as what it was made of, the configuration too."""
        with tempfile.TemporaryDirectory() as scratch:
            out = os.path.join(scratch, 'out')
            self.good(folder, 'restore', snapshot, '-o', out, '--config', *KEK)
            got = rig.read_tree(out)
            if got.pop('config/note', None) != self.start['.config/coffer/note']:
                raise rig.Bad('the configuration is not what it was')
            if got != {'models/' + p: c for p, c in want.items()}:
                raise rig.Bad(f'{snapshot} restores something else')


def snapshots(tree):
    return sorted(p.rsplit('/', 1)[1] for p in tree if p.startswith('store/snapshots/') and p.endswith('.json'))


def check_inputs(tree, start):
    for path, data in start.items():
        if not path.startswith(OWN) and tree.get(path) != data:
            raise rig.Bad(f'{path} is not what it was')


def own(tree):
    return [p for p in tree if p.startswith(OWN)]


def first(backups):
    """Into a store that is made by the way."""
    def judge(folder):
        tree = rig.read_tree(folder)
        check_inputs(tree, backups.start)
        there = snapshots(tree)
        cases.only(tree, [*backups.start, *own(tree)], 'new')
        if not there:
            return 'between' if os.path.isdir(os.path.join(folder, 'store')) else 'old'
        for snapshot in there:
            backups.restores(folder, snapshot, backups.sealed)
        backups.good(folder, 'verify', *KEK)
        return 'new'

    argv = [*backups.create, '--init', '--part-size', '64K']
    return rig.Case('backup into a new store', argv, backups.start, judge, argv, most=MOST)


def second(backups):
    """One file is new: the first snapshot stays what it was."""
    start = backups.after([*backups.create, '--init', '--part-size', '64K'])
    more = {**backups.sealed, 'models/one.coffer': one_file(backups.coffer)}
    start['models/one.coffer'] = more['models/one.coffer']
    old = snapshots(start)

    def judge(folder):
        tree = rig.read_tree(folder)
        check_inputs(tree, {p: c for p, c in start.items() if not p.endswith('/')})
        there = snapshots(tree)
        if not set(old) <= set(there):
            raise rig.Bad('the old snapshot is gone')
        cases.only(tree, [*start, *own(tree)], 'new')
        backups.restores(folder, old[0], backups.sealed)
        for snapshot in set(there) - set(old):
            backups.restores(folder, snapshot, more)
        backups.good(folder, 'verify', *KEK)
        return 'old' if there == old else 'new'

    return rig.Case('backup of what is new', backups.create, start, judge, backups.create, most=MOST)


def one_file(coffer):
    return cases.sealed_start(coffer, {'m.bin': cases.FILE}, 'seal', 'm.bin', '-o', 's.coffer')['s.coffer']


def needed(tree, there):
    """The objects that snapshots name."""
    objects = set()
    for snapshot in there:
        doc = json.loads(tree['store/snapshots/' + snapshot])
        for file in [*doc['files'], doc['private']]:
            objects.update(f'store/objects/{p[:2]}/{p}' for p in file['parts'])
    return objects


def prune(backups):
    """Of three snapshots the last one is kept: whatever is listed is whole."""
    make = [*backups.create, '--init', '--part-size', '64K']
    with_one = {**backups.start, 'models/one.coffer': one_file(backups.coffer)}
    # in one folder, for what was backed up is known by its whole path
    start = backups.after(make, ['rm', 'models/one.coffer'], backups.create, backups.create, tree=with_one)
    old = snapshots(start)
    argv = [backups.coffer, 'backup', 'prune', *STORE, '--keep-last', '1']

    def judge(folder):
        tree = rig.read_tree(folder)
        check_inputs(tree, {p: c for p, c in start.items() if not p.endswith('/')})
        there = snapshots(tree)
        if not set(there) <= set(old) or old[-1] not in there:
            raise rig.Bad(f'{there} is left of {old}')
        backups.good(folder, 'verify', *KEK)
        backups.restores(folder, old[-1], backups.sealed)
        left = {p for p in tree if p.startswith('store/objects/')}
        if there == old:
            return 'old'
        return 'new' if len(there) == 1 and left == needed(tree, there) else 'between'

    return rig.Case('prune', argv, start, judge, argv, most=MOST, states=40)  # of a thousand and more, in which some unlinks were not yet done


def restore(backups):
    made = backups.after([*backups.create, '--init', '--part-size', '64K'])
    start = {p: c for p, c in made.items() if p.startswith('store/') or p == 'k1'}
    want = {'out/models/' + p: c for p, c in backups.sealed.items()}
    want['out/config/note'] = backups.start['.config/coffer/note']
    argv = [backups.coffer, 'backup', 'restore', 'latest', *STORE, '-o', 'out', '--config', *KEK, '--jobs', '1']

    def judge(folder):
        tree = rig.read_tree(folder)
        check_inputs(tree, {p: c for p, c in start.items() if not p.endswith('/')})
        for path, data in want.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'a part of {path} has its name already')
        done = all(p in tree for p in want) and 'out/.coffer.restoring' not in tree
        cases.only(tree, [*start, *want], 'new' if done else 'old')
        return 'new' if done else 'between' if os.path.isdir(os.path.join(folder, 'out')) else 'old'

    return rig.Case('restore', argv, start, judge, argv, most=MOST)


def all_cases(coffer):
    backups = Backups(coffer)
    return [first(backups), second(backups), prune(backups), restore(backups)]
