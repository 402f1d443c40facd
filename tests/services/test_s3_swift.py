#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client for object stores (src/net/s3.h), and coffer backup, with OpenStack Swift (swift.py): a server of S3 that others wrote, that checks
signatures and permissions, keeps what it is given on a disk, and does not know «If-None-Match».

usage: tests/services/test_s3_swift.py COFFER [WORD…]

Without Debian's packages of Swift this is skipped.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import backup_round  # noqa: E402
import rig  # noqa: E402
import s3_round  # noqa: E402
import swift  # noqa: E402
from backup_round import KEK, stats  # noqa: E402

BUCKET, PARTS = 'models', 'models+segments'
MIB = 1 << 20
INIT = ('--init', '--part-size', '64K')


# ---- the client ----

def conditions(do, _):
    """Swift says 501 to «If-None-Match», so the object is asked for first, which is told."""
    s3_round.put(do, b'1', 'if-absent', key='c', words='put, without exclusion')
    s3_round.put(do, b'2', 'if-absent', key='c', code=10, words='there is such an object already')
    rig.equal(s3_round.got(do, key='c'), b'1')


def stale_parts(do, store):
    """What an upload leaves that was killed in its middle is found and forgotten."""
    body = random.Random(3).randbytes(40 * MIB)
    do.write('body', body)
    killed_when(do, lambda: len(store.objects(PARTS, 'cut')) > 2, 'put', BUCKET, 'cut', 'body', str(5 * MIB))
    do.expect(3, 'there is no such object', 'head', BUCKET, 'cut')
    do.ok('abort-stale', BUCKET, 'cut', '1000')
    rig.equal(len(store.objects(PARTS, 'cut')) > 2, True, 'younger than that')
    do.ok('abort-stale', BUCKET, 'cut', str(int(time.time()) + 60))
    rig.equal(store.objects(PARTS, 'cut'), {})


def killed_when(do, there, *argv):
    """Start the command, and kill it as soon as that is so; False when it ended by itself in that very moment."""
    process = subprocess.Popen([do.command, *argv], cwd=do.folder, env=do.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not there():
            if process.poll() is not None:
                raise rig.Bad(f'coffer {" ".join(argv)} ended before it could be killed')
    finally:
        process.kill()
        process.wait()
    return process.returncode < 0


# ---- backups ----

class World:
    """A store in a folder of the bucket that nobody else uses, and the command with what it is to back up."""

    count = 0

    def __init__(self, command, store):
        World.count += 1
        self.store, self.prefix = store, f'backups/{World.count}/'
        self.do = rig.Coffer(command, COFFER_S3_RETRIES='1', **store.env())
        backup_round.prepare(self.do)
        self.do.env['COFFER_BACKUP_STORE'] = f's3://{BUCKET}/{self.prefix[:-1]}'

    def create(self, *more, code=0, words=()):
        return self.do.expect(code, words, 'backup', 'create', 'models', *KEK, *more)

    def objects(self, below='objects/'):
        return self.store.objects(BUCKET, self.prefix + below)

    def remove(self, name):
        with rig.Coffer(os.path.join(os.path.dirname(self.do.command), 'adapters', 's3'), **self.store.env()) as tool:
            tool.ok('delete', BUCKET, name)

    def untouched(self, before):
        """None of these objects was put again."""
        now = self.objects()
        rig.equal([name for name, o in before.items() if name not in now or now[name]['last_modified'] != o['last_modified']], [], 'put again')

    def become(self, user, secret=None):
        self.do.env.update(self.store.env(user, secret))


def a_round(w):
    backup_round.whole(w.do)
    rig.equal((w.objects('running/'), w.objects('removing/')), ({}, {}), 'marks')


def unchanged_costs_nothing(w):
    w.do.write('big', random.Random(4).randbytes(3 * MIB))
    w.do.ok('seal', 'big', '-o', 'models/big.coffer')
    first = stats(w.create(*INIT, '--json'))
    before = w.objects()
    rig.equal(len(before) > 40, True, f'{len(before)} objects')
    again = stats(w.create('--json'))
    rig.equal((first['bytes_read'] > 3 * MIB, again['bytes_read']), (True, 0))
    w.untouched(before)
    new = {name: o['bytes'] for name, o in w.objects().items() if name not in before}
    rig.equal(len(new) <= 4, True, f'{new} are more than a private part')
    w.do.env['XDG_STATE_HOME'] = w.do.at('elsewhere')  # another machine, which knows nothing and reads all
    w.create()
    w.untouched(before)


def a_flipped_byte(w):
    """On the disk of the server: it hands the object out once before it notices, and has none any more from then on."""
    w.create(*INIT)
    w.do.ok('backup', 'verify')
    name = max(w.objects(), key=lambda n: w.objects()[n]['bytes'])
    path = w.store.file_of(BUCKET, name)
    with open(path, 'r+b') as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    w.do.expect(5, (name.rpartition('/')[2], 'damaged'), 'backup', 'verify')
    w.do.expect(5, (name.rpartition('/')[2], 'missing'), 'backup', 'verify')
    w.do.expect(5, ('could not be restored', 'missing'), 'backup', 'restore', 'latest', '-o', 'out')
    w.remove(name)  # as docs/howto/backup.md says: it is listed still
    w.do.env['XDG_STATE_HOME'] = w.do.at('elsewhere')
    w.create()
    w.do.ok('backup', 'verify', *KEK)
    w.do.ok('backup', 'restore', 'latest', '-o', 'again')
    backup_round.same(w.do, 'models', 'again/models/models')


def killed(w):
    """In its middle: nothing is listed, and the next one goes on with what is there; prune and restore killed as well."""
    w.do.write('big', random.Random(5).randbytes(24 * MIB))
    w.do.ok('seal', 'big', '-o', 'models/big.coffer')
    for part in (5, 40, 100):
        killed_when(w.do, lambda n=part: len(w.objects()) > n, 'backup', 'create', 'models', *KEK, *INIT)
        rig.equal(w.objects('snapshots/'), {})
    there = w.objects()
    w.create()
    w.untouched(there)
    w.do.ok('backup', 'verify', *KEK)
    rig.equal(len(w.do.ok('backup', 'list').out.splitlines()), 1)
    if killed_when(w.do, lambda: os.path.exists(w.do.at('out/models')), 'backup', 'restore', 'latest', '-o', 'out'):
        w.do.ok('backup', 'restore', 'latest', '-o', 'out')
    backup_round.same(w.do, 'models', 'out/models/models')
    # the marks of those that were killed are young, and in the way of pruning alone
    w.do.expect(10, 'in use', 'backup', 'prune', '--keep-last', '1')


def who_may(w):
    w.become(swift.OWNER, 'not-the-secret')
    w.create(*INIT, code=4, words='check the credentials')
    w.become(swift.STRANGER)
    w.create(*INIT, code=4, words='check the credentials')
    w.become(swift.OWNER)
    w.create(*INIT)
    for user in (swift.OWNER, 'not-the-secret'), (swift.STRANGER, None), ('test:nobody', 'x'):
        w.become(*user)
        w.create(code=4, words='s3://')
        for argv in (('list',), ('verify',), ('restore', 'latest', '-o', 'out'), ('prune', '--keep-last', '1')):
            w.do.expect(4, 's3://', 'backup', *argv)
    w.become(swift.READER)
    w.do.ok('backup', 'list')
    w.do.ok('backup', 'verify', *KEK)
    w.do.ok('backup', 'restore', 'latest', '-o', 'out')
    backup_round.same(w.do, 'models', 'out/models/models')
    w.create(code=4, words='AccessDenied')
    w.do.expect(4, 'AccessDenied', 'backup', 'prune', '--keep-last', '1')
    w.become(swift.OWNER)
    w.do.ok('backup', 'verify', *KEK)


def another_key(w):
    """A key that the backup was not made with opens nothing of it."""
    w.create(*INIT)
    w.do.ok('keygen', '-o', 'other.key')
    w.do.expect(7, 'no key opens it', 'backup', 'verify', '--kek', 'file:other.key')
    w.do.expect(7, 'no key opens it', 'backup', 'restore', 'latest', '-o', 'out', '--keyring', '--kek', 'file:other.key')


def no_bucket(w):
    w.do.env['COFFER_BACKUP_STORE'] = 's3://models-elsewhere/here'
    w.create(*INIT, code=3, words=('NoSuchBucket', 'models-elsewhere'))
    w.create(code=3, words=('NoSuchBucket', 'models-elsewhere'))
    w.do.expect(3, 'NoSuchBucket', 'backup', 'list')
    w.do.expect(3, 'NoSuchBucket', 'backup', 'restore', 'latest', '-o', 'out')


def big_objects(w):
    """Objects of more than 64 MiB are put in parts, and are one object then."""
    w.do.write('big', random.Random(6).randbytes(150 * MIB))
    w.do.ok('seal', 'big', '-o', 'models/big.coffer')
    w.create('--init', '--part-size', '128M')
    sizes = sorted(o['bytes'] for o in w.objects().values())
    rig.equal(sizes[-1], 128 * MIB)
    rig.equal(len(w.store.objects(PARTS, w.prefix)) >= 2, True, 'parts')
    w.do.ok('backup', 'verify', *KEK)
    w.do.ok('backup', 'restore', 'latest', '-o', 'out')
    backup_round.same(w.do, 'models', 'out/models/models')
    w.do.env['XDG_STATE_HOME'] = w.do.at('elsewhere')
    before = w.objects()
    w.create()
    w.untouched(before)


def a_node_that_is_gone(w):
    """The last case: the proxy answers, and has nobody to ask.  That is tried again, and told."""
    w.create(*INIT)
    w.store.lose('object')
    w.create(code=8, words=('ServiceUnavailable', 's3://'))
    w.do.expect(8, 'ServiceUnavailable', 'backup', 'verify')
    w.do.expect(8, 'ServiceUnavailable', 'backup', 'restore', 'latest', '-o', 'out')
    w.store.stop()
    w.create(code=8, words='s3://')


def main():
    swift.need()
    report = rig.Report(sys.argv[2:])
    with tempfile.TemporaryDirectory(prefix='coffer-swift-') as folder, swift.Swift(folder) as store:
        store.make(BUCKET)
        with rig.Coffer(os.path.join(os.path.dirname(sys.argv[1]), 'adapters', 's3'), **store.env()) as do:
            for case in (s3_round.objects, s3_round.parts, s3_round.lists):
                report.check('client: ' + case.__name__, case, do)
            for case in (conditions, stale_parts):
                report.check('client: ' + case.__name__.replace('_', ' '), case, do, store)
        for case in (a_round, unchanged_costs_nothing, a_flipped_byte, killed, who_may, another_key, no_bucket, big_objects,
                     a_node_that_is_gone):
            def one(case=case):
                w = World(sys.argv[1], store)
                case(w)
                w.do.close()
            report.check('backup: ' + case.__name__.replace('_', ' '), one)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
