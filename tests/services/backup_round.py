# SPDX-License-Identifier: Apache-2.0
"""One round of backup and restore into a bucket, for every server of S3 that there is."""
import json
import os
import random
import shutil

import rig

STORE = 's3://models/backups/here'
KEK = ('--kek', 'file:backup.key')


def prepare(do):
    """Models, a key of the keyring, and one for backups."""
    do.env['COFFER_BACKUP_STORE'] = STORE
    do.ok('keygen')
    do.ok('keygen', '-o', 'backup.key')
    do.write('m/a.bin', random.Random(1).randbytes(300000))
    do.write('m/b.json', '{}')
    os.mkdir(do.at('models'))
    do.ok('seal', 'm', '-o', 'models/llama')
    do.ok('seal', 'm/a.bin', '-o', 'models/one.coffer')


def stats(outcome):
    return json.loads(outcome.out)


def same(do, one, other):
    """Two folders hold the same files."""
    def tree(folder):
        found = {}
        for base, _, names in os.walk(do.at(folder)):
            for name in names:
                with open(os.path.join(base, name), 'rb') as file:
                    found[os.path.relpath(os.path.join(base, name), do.at(folder))] = file.read()
        return found
    rig.equal(tree(one) == tree(other), True, f'{one} is {other}')


def whole(do):
    """Make, make again, list, verify, restore, prune."""
    do.expect(5, ('no backup store', '--init'), 'backup', 'create', 'models', *KEK)
    first = stats(do.ok('backup', 'create', 'models', '--init', '--part-size', '64K', *KEK, '--json'))
    rig.equal((first['models'], first['bytes_read']), (2, first['bytes']))
    again = stats(do.ok('backup', 'create', 'models', *KEK, '--json'))
    rig.equal(again['bytes_read'], 0)
    rig.equal(len(do.ok('backup', 'list').out.splitlines()), 2)
    do.expect(0, 'models/llama/coffer.json', 'backup', 'list', 'latest')
    do.expect(0, 'all are those that were made', 'backup', 'verify', *KEK)
    do.ok('backup', 'verify', '--quick')
    do.ok('backup', 'restore', 'latest', '-o', 'out', '--keyring', *KEK)
    same(do, 'models', 'out/models/models')
    same(do, '.config/coffer/keys', 'out/keyring')
    do.expect(10, '--force', 'backup', 'restore', 'latest', '-o', 'out')
    do.expect(0, '1 snapshot', 'backup', 'prune', '--keep-last', '1')
    rig.equal(len(do.ok('backup', 'list').out.splitlines()), 1)
    do.ok('backup', 'verify', *KEK)
    shutil.rmtree(do.at('out'))
