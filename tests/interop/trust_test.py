#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer trust update against the TUF repository of tests/peers/sigstore, with each of its faults and some of transport.

That repository is proved with python-tuf by its own tests.  Usage: trust_test.py COFFER.  Exit code 77 means skipped.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import cryptography  # noqa: F401
except ImportError:
    print('there is no Python package cryptography')
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peers', 'sigstore'))
from world import World  # noqa: E402

# what coffer says of each fault of the repository: the name of the error, and a part of the sentence
FAULTS = {
    'expired-root': ('POLICY', 'root.json, version 2, expired'),
    'expired-timestamp': ('POLICY', 'timestamp.json'),
    'expired-snapshot': ('POLICY', 'snapshot.json'),
    'expired-targets': ('POLICY', 'targets.json'),
    'wrong-timestamp': ('SIGNATURE', 'timestamp.json is signed by 0'),
    'wrong-snapshot': ('SIGNATURE', 'snapshot.json is signed by 0'),
    'wrong-targets': ('SIGNATURE', 'targets.json is signed by 0'),
    'stranger-timestamp': ('SIGNATURE', 'timestamp.json is signed by 0'),
    'stranger-snapshot': ('SIGNATURE', 'snapshot.json is signed by 0'),
    'stranger-targets': ('SIGNATURE', 'targets.json is signed by 0'),
    'root-by-new-keys': ('SIGNATURE', 'version 1, names'),
    'root-by-old-keys': ('SIGNATURE', 'version 2, names'),
    'root-skips': ('ROLLBACK', 'says that it is version 3'),
    'targets-by-one': ('SIGNATURE', 'targets.json is signed by 1'),
    'targets-twice-by-one': ('SIGNATURE', 'targets.json is signed by 1'),
    'old-timestamp': ('ROLLBACK', 'timestamp.json is version 1'),
    'old-snapshot': ('ROLLBACK', 'version 1 of snapshot.json'),
    'old-targets': ('ROLLBACK', 'version 1 of targets.json'),
    'other-snapshot': ('NET', 'sent more than'),  # it is longer than the one that was announced
    'other-number': ('AUTH', 'says that it is version 1'),
    'other-type': ('FORMAT', 'no metadata of the role timestamp'),
    'no-target': ('NOTFOUND', 'has no trusted_root.json'),
    'wrong-target': ('AUTH', 'trusted_root.json is not the file'),
    'long-target': ('NET', 'sent more than'),
}
TRANSPORT = {
    'status=500': ('NET', '500'),
    'status=429': ('RATE', ''),
    'cut=100': ('NET', ''),
}


class Failed(Exception):
    pass


class Client:
    """coffer, with a home of its own."""

    def __init__(self, coffer, folder):
        self.coffer, self.home = coffer, tempfile.mkdtemp(dir=folder)

    def run(self, *arguments):
        environment = {'PATH': os.environ['PATH'], 'HOME': self.home, 'LC_ALL': 'C.UTF-8'}
        return subprocess.run([self.coffer, 'trust', *arguments], capture_output=True, text=True, env=environment,
                              check=False, timeout=60)

    def ok(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise Failed(f'{arguments}: {done.stderr}')
        return done.stdout

    def refuse(self, name, sentence, *arguments):
        done = self.run(*arguments)
        if not done.stderr.endswith(f'[{name}]\n') or sentence not in done.stderr or done.returncode == 0:
            raise Failed(f'{arguments}: not {name} «{sentence}» but {done.returncode}: {done.stderr}')

    def kept(self):
        """What was imported, by file name."""
        folder, files = os.path.join(self.home, '.config/coffer/sigstore'), {}
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), 'rb') as file:
                files[name] = file.read()
        return files


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f'{what}: {got!r}, not {wanted!r}')


def test_update(world, coffer):
    client = Client(coffer, world.folder)
    client.refuse('NOTFOUND', '--root FILE', 'update', '--mirror', world.tuf.url)
    client.ok('update', '--mirror', world.tuf.url + '/', '--root', world.at('root.json'))
    expect('what is kept', client.kept(), {
        'trusted_root.json': world.read('trusted_root.json'),
        'signing_config.json': world.read('signing_config.v0.2.json'), 'mirror': world.tuf.url.encode()})
    # from now on neither needs to be named
    for rotations in (0, 1, 3):
        for _ in range(rotations):
            world.tuf.rotate()
        world.tuf.publish()
        said = json.loads(client.ok('update', '--json'))
        expect('versions', (said['root_version'], said['targets_version']),
               (world.tuf.root_version, world.tuf.version))
    listed = json.loads(client.ok('list', '--json'))['trusted_root']
    expect('the mirror', listed['mirror'], world.tuf.url)
    # a file takes the mirror's place
    client.ok('import', world.at('trusted_root.json'))
    expect('what is kept', list(client.kept()), ['trusted_root.json'])
    # who begins at the first root gets to the newest
    Client(coffer, world.folder).ok('update', '--mirror', world.tuf.url, '--root', world.at('root.json'))


def test_fault(world, coffer, fault, name, sentence):
    client, mirror = Client(coffer, world.folder), ('update', '--mirror', world.tuf.url)
    client.ok(*mirror, '--root', world.at('root.json'))
    before = client.kept()
    world.tuf.publish()
    world.fault('tuf:' + fault)
    client.refuse(name, sentence, *mirror)
    expect(f'{fault}: what is kept', client.kept(), before)
    world.calm()
    if fault != 'expired-root':  # it was stored, as 5.3.8 wants, and this repository takes it back
        client.ok(*mirror)


def main():
    coffer = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, World(folder) as world:
        try:
            # the faults first: their sentences know the first root
            for fault, (name, sentence) in {**FAULTS, **TRANSPORT}.items():
                test_fault(world, coffer, fault, name, sentence)
            expect('faults without a test', set(world.tuf.own_faults) - set(FAULTS), set())
            test_update(world, coffer)
        except Failed as failed:
            print(failed)
            return 1
    print(f'{len(FAULTS) + len(TRANSPORT)} faults of a mirror are refused, rotations followed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
