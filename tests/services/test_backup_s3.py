#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer backup into a bucket, with an object store of our own (s3.py): what it does, and how it fails.

usage: tests/services/test_backup_s3.py COFFER [WORD…]
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import backup_round  # noqa: E402
import rig  # noqa: E402
import s3  # noqa: E402
from backup_round import KEK, stats  # noqa: E402

PREFIX = 'backups/here/'
INIT = ('--init', '--part-size', '64K')


class World:
    """A store with the bucket «models», and the command with what it is to back up."""

    def __init__(self, command, store):
        self.store = store
        self.do = rig.Coffer(command, **store.env(COFFER_S3_RETRIES='1'))
        self.objects = store.buckets.setdefault('models', {})
        backup_round.prepare(self.do)

    def create(self, *more, code=0, words=()):
        return self.do.expect(code, words, 'backup', 'create', 'models', *KEK, *more)

    def keys(self, below):
        return sorted(k for k in self.objects if k.startswith(PREFIX + below))

    def age(self, seconds):
        """All that is there was put so long ago."""
        for o in self.objects.values():
            o.mtime -= seconds


def a_round(w):
    backup_round.whole(w.do)
    rig.equal(w.keys('running/') + w.keys('removing/'), [], 'marks')


def only_ciphertext(w):
    w.do.write('models/README', 'plain words')
    w.create(*INIT, '--plain')
    secret = w.do.read('.config/coffer/keys/default.key').split(b'secret: ')[1].strip()
    for o in w.objects.values():
        rig.equal(b'plain words' in o.body or secret in o.body, False, 'something plain is in the store')


def only_what_is_new(w):
    w.create(*INIT)
    before = len(w.keys('objects/'))
    w.do.env['XDG_STATE_HOME'] = w.do.at('elsewhere')  # another machine, which knows nothing
    read = stats(w.create('--json'))
    rig.equal(read['bytes_read'], read['bytes'])
    new = len(w.keys('objects/')) - before
    rig.equal(new <= 4, True, f'{new} objects are new, more than a private part')


def something_else_there(w):
    w.objects['backups/here/mine'] = s3.Object(b'x')
    w.create(*INIT, code=10, words=('mine', 'prefix of its own'))
    del w.objects['backups/here/mine']
    w.objects['backups/other'] = s3.Object(b'x')
    w.create(*INIT)


def damage(w):
    w.create(*INIT)
    for key in w.keys('objects/'):
        o = w.objects[key]
        good = o.body
        name = key.rpartition('/')[2]
        w.objects[key] = s3.Object(good[:-1] + bytes([good[-1] ^ 1]))
        w.do.expect(5, (name, 'damaged'), 'backup', 'verify')
        w.objects[key] = s3.Object(good + b'x')
        w.do.expect(5, (name, 'damaged'), 'backup', 'verify')
        del w.objects[key]
        w.do.expect(5, (name, 'missing'), 'backup', 'verify', '--quick')
        w.objects[key] = s3.Object(good)
    key = w.keys('snapshots/')[0]
    good = w.objects[key].body
    w.objects[key] = s3.Object(good.replace(b'"h', b'"H', 1))
    w.do.expect(5, 'damaged', 'backup', 'verify')
    w.objects[key] = s3.Object(good)
    w.do.ok('backup', 'verify')


def restored_without_what_is_damaged(w):
    w.create(*INIT)
    snapshot = json.loads(w.objects[w.keys('snapshots/')[0]].body)
    part = next(f['parts'][0] for f in snapshot['files'] if f['path'].endswith('one.coffer'))
    key = next(k for k in w.keys('objects/') if part in k)
    good = w.objects.pop(key)
    w.do.expect(5, ('could not be restored', 'missing'), 'backup', 'restore', 'latest', '-o', 'out')
    w.objects[key] = good
    w.do.expect(0, 'going on', 'backup', 'restore', 'latest', '-o', 'out')
    backup_round.same(w.do, 'models', 'out/models/models')


def marks(w):
    w.create(*INIT)
    w.objects[PREFIX + 'running/1'] = s3.Object(b'x')
    w.do.expect(10, 'in use', 'backup', 'prune', '--keep-last', '1')
    rig.equal(w.keys('removing/'), [])
    w.create()
    w.age(2 * 3600)  # of a run that was killed
    w.do.ok('backup', 'prune', '--keep-last', '1')
    rig.equal(w.keys('running/'), [])
    w.objects[PREFIX + 'removing/1'] = s3.Object(b'x')
    w.do.expect(10, 'in use', 'backup', 'prune', '--keep-last', '1')
    began = time.monotonic()
    w.objects[PREFIX + 'removing/1'].mtime -= 3598  # it gets old while we wait
    w.create(words='waiting')
    rig.equal(time.monotonic() - began > 1, True)


def pruned(w):
    w.create(*INIT)
    w.do.ok('seal', 'm/b.json', '-o', 'models/two.coffer')
    w.create()
    os.remove(w.do.at('models/two.coffer'))
    w.create()
    w.do.ok('backup', 'prune', '--keep-last', '1')
    before = w.keys('objects/')
    w.age(2 * 86400)
    w.do.expect(0, 'dry run', 'backup', 'prune', '--keep-last', '1', '--dry-run')
    rig.equal(w.keys('objects/'), before)
    w.do.ok('backup', 'prune', '--keep-last', '1')
    rig.equal(len(w.keys('objects/')) < len(before), True, 'nothing was removed')
    w.do.ok('backup', 'verify', *KEK)


def failing(w):
    w.create(*INIT)
    faults = ((503, b'<Error><Code>SlowDown</Code></Error>', 11), (500, b'<Error><Code>InternalError</Code></Error>', 8),
              (403, b'<Error><Code>AccessDenied</Code></Error>', 4))
    for status, body, code in faults:
        w.store.server.fault(rig.status(status, body, {'Content-Type': 'application/xml'}))
        w.create(code=code, words='s3://')
        w.do.expect(code, (), 'backup', 'list')
        w.store.server.heal()
    w.store.server.fault(rig.close_before())
    w.create(code=8)
    w.store.server.heal()
    # a put in the middle that is refused: nothing is listed, and the next run goes on
    w.do.ok('seal', 'm', '-o', 'models/more')
    before = w.keys('snapshots/')
    w.store.server.fault(rig.status(500), when=lambda r: r.method == 'PUT' and '/objects/' in r.path)
    w.create(code=8)
    w.store.server.heal()
    rig.equal(w.keys('snapshots/'), before)
    w.create()
    w.do.ok('backup', 'verify', *KEK)


def read_only(w):
    """Who may only read can list, verify and restore."""
    w.create(*INIT)
    w.store.server.fault(rig.status(403, b'<Error><Code>AccessDenied</Code></Error>'), when=lambda r: r.method != 'GET' and r.method != 'HEAD')
    w.do.ok('backup', 'list')
    w.do.ok('backup', 'verify', *KEK)
    w.do.ok('backup', 'restore', 'latest', '-o', 'out')
    backup_round.same(w.do, 'models', 'out/models/models')
    w.create(code=4)


def nobody_there(w):
    w.do.env['AWS_ENDPOINT_URL_S3'] = f'http://127.0.0.1:{rig.nobody()}'
    w.create(code=8)
    w.do.expect(8, (), 'backup', 'restore', 'latest', '-o', 'out')
    rig.equal(os.path.exists(w.do.at('out')), False)


def no_bucket(w):
    """Is not taken for one without a store."""
    w.do.env['COFFER_BACKUP_STORE'] = 's3://elsewhere/here'
    for argv in (('create', 'models', *KEK), ('create', 'models', *KEK, '--init'), ('list',), ('restore', 'latest', '-o', 'out')):
        w.do.expect(3, ('NoSuchBucket', 'elsewhere'), 'backup', *argv)


def main():
    report = rig.Report(sys.argv[2:])
    for case in (a_round, only_ciphertext, only_what_is_new, something_else_there, damage, restored_without_what_is_damaged, marks, pruned,
                 failing, read_only, nobody_there, no_bucket):
        def one(case=case):
            with s3.Store() as store:
                w = World(sys.argv[1], store)
                case(w)
                w.do.close()
        report.check(case.__name__.replace('_', ' '), one)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
