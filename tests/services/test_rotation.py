#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rotation of many models that depend on a key service, against the fake of vault.py: by a rotator that may not decrypt.

usage: tests/services/test_rotation.py COFFER [WORD…]
"""
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from rig import equal  # noqa: E402

try:
    import test_vault
except ImportError:
    rig.skip_all('there is no Python package cryptography')

KEY = test_vault.KEY
N = 40


class World(test_vault.World):
    """Some models below t, files and folders, on the key llama."""

    def __init__(self, coffer):
        super().__init__(coffer)
        self.rotator = {'VAULT_TOKEN': self.vault.token('rotator')}
        os.mkdir(self.coffer.at('t'))
        self.seal(out='t/0')
        self.coffer.ok('seal', 'm/weights.bin', '-o', 't/1', '--kek', KEY)
        for i in range(2, N):
            (shutil.copy if i % 2 else shutil.copytree)(self.coffer.at(f't/{i % 2}'), self.coffer.at(f't/{i}'))
        self.vault.log.clear()

    def used(self):
        """What was asked of the service, but for what only looks at a key."""
        return [p for p in self.vault.asked('transit') if not p.startswith('transit/keys')]

    def rewrap_all(self, *more, kek=KEY, env=None):
        self.vault.log.clear()
        return json.loads(self.coffer.ok('rewrap', '--all', 't', '--kek', kek, '--json', *more, env=env).out)


def to_a_new_version(w):
    """Rotate, see what is due, rewrap inside the server, see that nothing is; and nobody has decrypted."""
    equal(w.rewrap_all(env=w.rotator)['settled'], N)
    equal(w.used(), [])
    equal(w.coffer.ok('key', 'rotate', KEY, env=w.rotator).out.strip(), '2')
    due = json.loads(w.coffer.ok('key', 'status', 't', '--kek', KEY, '--json', env=w.rotator).out)
    equal((due['rewrap_due'], due['models'][0]['recipients'][0]['newest']), (N, '2'))
    would = w.rewrap_all('--dry-run', env=w.rotator)
    equal((would['changed'], w.used()), (N, []))
    equal({k: would['models'][0]['changes'][0][k] for k in ('change', 'before', 'version')},
          {'change': 'renew', 'before': '1', 'version': '2'})
    done = w.rewrap_all(env=w.rotator)
    equal((done['changed'], {m['way'] for m in done['models']}), (N, {'service'}))
    equal(w.used(), ['transit/rewrap/llama'] * N)
    equal(len(w.vault.asked('transit')) - N, 1)  # which version is the newest, once for all
    again = w.rewrap_all(env=w.rotator)
    equal((again['settled'], w.used()), (N, []))
    equal(json.loads(w.coffer.ok('key', 'status', 't', '--kek', KEY, '--json').out)['rewrap_due'], 0)
    w.vault.admin('POST', 'transit/keys/llama/config', {'min_decryption_version': 2})
    for i in (0, 1, N - 1):
        w.coffer.ok('check', f't/{i}', '--kek', KEY)


def a_key_for_each_model(w):
    """One URI names them all: status and rewrap ask of each which version is its newest, and one whose key cannot be asked hides no other."""
    template, env = 'hashivault://{name}', {'VAULT_TOKEN': w.vault.root_token}
    w.vault.admin('POST', 'transit/keys/weights.bin', {'derived': True})
    w.coffer.ok('seal', 'm/weights.bin', '-o', 't/own', '--kek', template, env=env)

    def status(code=0):
        return json.loads(w.coffer.expect(code, (), 'key', 'status', 't', '--kek', template, '--json', env=env).out)
    equal((status()['rewrap_due'], w.rewrap_all(kek=template, env=env)['changed']), (0, 0))
    w.vault.admin('POST', 'transit/keys/weights.bin/rotate')
    due = [m for m in status()['models'] if any(r.get('rewrap_due') for r in m['recipients'])]
    equal([(m['path'], m['recipients'][0]['newest']) for m in due], [('t/own', '2')])
    equal(w.rewrap_all(kek=template, env=env)['changed'], 1)
    equal((status()['rewrap_due'], w.rewrap_all(kek=template, env=env)['changed']), (0, 0))
    w.vault.admin('POST', 'transit/keys/llama/rotate')
    w.server.fault(rig.status(403, {'errors': ['permission denied']}), when=lambda request: request.path.endswith('/weights.bin'))
    w.coffer.expect(7, f'at least {N} to rewrap', 'key', 'status', 't', '--kek', template, '--kek', KEY, env=env)


def goes_on_after_trouble(w):
    """A server that fails in the middle leaves each model as it was or done, and the same command does the rest."""
    w.vault.admin('POST', 'transit/keys/llama/rotate')
    seen = []

    def some(request):
        if 'rewrap' not in request.target:
            return False
        seen.append(1)
        return len(seen) > N // 2

    w.server.fault(rig.status(403, {'errors': ['permission denied']}), when=some)
    outcome = w.coffer.expect(7, f'{N - N // 2} of {N} models failed; the first: t/', 'rewrap', '--all', 't', '--kek', KEY, env=w.rotator)
    if 'the same command' not in outcome.err:
        raise rig.Bad(outcome.err)
    w.server.heal()
    equal(w.rewrap_all(env=w.rotator)['changed'], N - N // 2)
    w.coffer.ok('check', 't/5', '--kek', KEY)


def out_and_in_again(w):
    """To a key of one's own and back goes through this machine, from any provider to any."""
    w.coffer.ok('keygen', '-o', 'own')
    out = w.rewrap_all('--add', 'file:own', '--remove', KEY)
    equal((out['changed'], {m['way'] for m in out['models']}), (N, {'here'}))
    w.coffer.ok('check', 't/3', '--kek', 'file:own')
    w.coffer.expect(7, 'no key opens it', 'check', 't/3', '--kek', KEY)
    back = w.rewrap_all('--add', KEY, '--replace', kek='file:own')
    equal((back['changed'], {m['way'] for m in back['models']}), (N, {'here'}))
    w.coffer.ok('check', 't/3', '--kek', KEY)


def side_by_side(w):
    """Requests overlap: a server that takes its time for each is waited for once in 16."""
    w.vault.admin('POST', 'transit/keys/llama/rotate')
    w.server.fault(rig.late(0.25), when=lambda request: 'rewrap' in request.target)
    began = time.monotonic()
    equal(w.rewrap_all(env=w.rotator)['changed'], N)
    took = time.monotonic() - began
    if took > N * 0.25 / 2:
        raise rig.Bad(f'{N} models took {took:.1f} s')


def one_by_its_name(w):
    """Without a change named it is wrapped anew for the same key, and the report says where."""
    outcome = w.coffer.ok('rewrap', 't/0', '--kek', KEY, env=w.rotator)
    if 'inside the key service' not in outcome.err:
        raise rig.Bad(outcome.err)


CASES = [to_a_new_version, a_key_for_each_model, goes_on_after_trouble, out_and_in_again, side_by_side, one_by_its_name]


def in_world(coffer, case):
    with World(coffer) as w:
        case(w)


def main():
    report = rig.Report(sys.argv[2:])
    for case in CASES:
        report.check(case.__name__, in_world, sys.argv[1], case)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
