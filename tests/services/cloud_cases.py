# SPDX-License-Identifier: Apache-2.0
"""What must hold of every cloud's key service, through the real command.

A world (test_gcpkms.py, test_azurekms.py) has: server; coffer; uri and other_uri, keys that its credential may use; kind, name and host, as
sentences say them; alg; is_use(request), whether it wraps or unwraps; secrets(), texts that must not be seen; rotate(), disable(), revoke().
"""
import json

import rig
from rig import Bad, equal

PLAIN = {'config.json': b'{"layers": 2}', 'weights.bin': bytes(range(256)) * 700}


class Coffer(rig.Coffer):
    """Sees to it that no secret is said."""

    def __init__(self, command, world, **environment):
        super().__init__(command, **environment)
        self.world = world

    def run(self, *argv, env=None, stdin=b''):
        outcome = super().run(*argv, env=env, stdin=stdin)
        for secret in self.world.secrets():
            if secret and (secret in outcome.out or secret in outcome.err or any(secret in a for a in argv)):
                raise Bad(f'coffer {argv[0]} says a secret: {outcome.err}')
        return outcome


def model(w, name='model'):
    for path, content in PLAIN.items():
        w.coffer.write(f'{name}/{path}', content)


def seal(w, uri=None, out='sealed', name='llama'):
    model(w)
    return w.coffer.ok('seal', 'model', '-o', out, '--kek', uri or w.uri, '--name', name, '--version', '1', '--context', 'team=x')


def is_plain(w, folder='opened'):
    for path, content in PLAIN.items():
        equal(w.coffer.read(f'{folder}/{path}'), content, path)


def open_all(w, uri=None, sealed='sealed'):
    w.coffer.ok('open', sealed, '-o', 'opened', '--force', '--kek', uri or w.uri)
    is_plain(w)


def cannot_open(w, code, *words, uri=None, env=None, name=None):
    names = {5: '[AUTH]', 11: '[RATE]'}
    outcome = w.coffer.expect(code, [*words, name or names.get(code, '[')], 'open', 'sealed', '-o', 'refused', '--kek', uri or w.uri, env=env)
    return outcome


def keyblock(w, sealed='sealed'):
    return json.loads(w.coffer.read(f'{sealed}/coffer.json'))


def put_keyblock(w, block, sealed='sealed'):
    w.coffer.write(f'{sealed}/coffer.json', json.dumps(block, separators=(',', ':'), sort_keys=True) + '\n')


def recipient(w, sealed='sealed'):
    block = keyblock(w, sealed)
    equal(block['recipients'], [])
    equal(len(block['services']['recipients']), 1)
    return block['services']['recipients'][0]


# ---- the nine ----

def wrap(w):
    seal(w)
    r = recipient(w)
    equal((r['kind'], r['id'], r['version'], r['alg']), (w.kind, w.id, w.version(), w.alg))
    equal(len([r for r in w.server.log if w.is_use(r)]), 1, 'requests')
    w.coffer.expect(0, [w.kind, w.id, w.version()], 'inspect', 'sealed')


def open_(w):
    seal(w)
    w.server.heal()
    open_all(w)
    equal(len([r for r in w.server.log if w.is_use(r)]), 1, 'requests')


def rewrap(w):
    seal(w)
    w.coffer.ok('keygen', '-o', 'file.key')
    w.coffer.ok('rewrap', 'sealed', '--kek', w.uri, '--add', 'file:file.key')
    open_all(w, 'file:file.key')
    open_all(w)
    w.coffer.ok('rewrap', 'sealed', '--kek', 'file:file.key', '--add', w.other_uri, '--replace')
    open_all(w, w.other_uri)
    cannot_open(w, 7, name='[NOKEY]')


def wrong_context(w):
    """The wrap of one model stands in another one, which has the same name and context."""
    seal(w, out='other')
    seal(w)
    theirs, ours = keyblock(w, 'other'), keyblock(w)
    ours['services'] = theirs['services']
    put_keyblock(w, ours)
    w.server.heal()
    cannot_open(w, 5)
    equal(len([r for r in w.server.log if w.is_use(r)]), 1, 'requests')


def damaged_wrap(w):
    seal(w)
    block = keyblock(w)
    wrapped = block['services']['recipients'][0]['wrapped']
    block['services']['recipients'][0]['wrapped'] = wrapped[:40] + ('A' if wrapped[40] != 'A' else 'B') + wrapped[41:]
    put_keyblock(w, block)
    cannot_open(w, 5, w.name, w.host)


def expired(w):
    """A token that ended is got anew, once; then it is the end."""
    seal(w)
    w.server.fault(w.unauthorized(), times=1, when=w.is_use)
    w.server.log.clear()
    open_all(w)
    equal(len([r for r in w.server.log if w.is_token(r)]), 2, 'tokens')
    w.server.fault(w.unauthorized(), when=w.is_use)
    w.server.log.clear()
    cannot_open(w, 7, w.name, w.host, 'expired', name='[REFUSED]')
    equal(len([r for r in w.server.log if w.is_use(r)]), 2, 'requests')


def throttled(w):
    seal(w)
    w.server.fault(w.busy(), times=2, when=w.is_use)
    open_all(w)
    w.server.fault(w.busy(headers={'Retry-After': '700'}), when=w.is_use)
    outcome = cannot_open(w, 11, w.name, w.host, 'try again in 700 s')
    if outcome.seconds > 20:
        raise Bad(f'it waited {outcome.seconds} s for what it cannot wait for')
    w.server.heal()
    w.server.fault(w.busy(), when=w.is_use)
    cannot_open(w, 11, w.name, 'too many', env={'COFFER_KEY_RETRIES': '2'})
    equal(len([r for r in w.server.log if w.is_use(r)]), 3, 'requests')


def unreachable(w):
    seal(w)
    short = {'COFFER_KEY_TIMEOUT': '3', 'COFFER_KEY_RETRIES': '1'}
    for fault in (rig.close_before(), rig.close_within(20), rig.status(503, b'no'), rig.status(502, '<html>'), rig.hang()):
        w.server.heal()
        w.server.fault(fault, when=w.is_use)
        outcome = cannot_open(w, 7, w.name, w.host, env=short, name='[UNAVAILABLE]')
        if outcome.seconds > 20:
            raise Bad(f'it took {outcome.seconds} s')
    w.server.heal()
    w.server.fault(rig.status(200, 'no JSON'), when=w.is_use)
    cannot_open(w, 7, 'no JSON', env=short, name='[UNAVAILABLE]')
    w.server.heal()
    for fault in (rig.close_before(), rig.status(503), rig.close_within(10)):
        w.server.fault(fault, times=1, when=w.is_use)
    open_all(w)
    cannot_open(w, 7, 'check', env={**short, w.endpoint: f'http://127.0.0.1:{rig.nobody()}'}, name='[UNAVAILABLE]')
    # and beyond this machine without TLS, not even a try is made
    w.server.log.clear()
    cannot_open(w, 2, 'https', env={w.endpoint: 'http://example.invalid'}, name='[USAGE]')


def wrong_key(w):
    seal(w)
    w.server.heal()
    cannot_open(w, 7, uri=w.other_uri, name='[NOKEY]')
    equal([r for r in w.server.log if w.is_use(r)], [], 'requests')
    # the recipient says that it is of the other key, and is not
    block = keyblock(w)
    seal(w, w.other_uri, out='other')
    block['services']['recipients'][0].update({k: recipient(w, 'other')[k] for k in ('id', 'version')})
    put_keyblock(w, block)
    cannot_open(w, 5, w.name, uri=w.other_uri)


def revoked(w):
    seal(w)
    w.revoke()
    cannot_open(w, 7, w.name, w.host, w.denied, name='[REFUSED]')
    model(w)
    w.coffer.expect(7, [w.name, '[REFUSED]'], 'seal', 'model', '-o', 'new', '--kek', w.uri)


# ---- and more ----

def versions(w):
    """What an older version wrapped still opens; a rewrap takes it to the newer one."""
    seal(w)
    old = w.version()
    w.rotate()
    new = w.version()
    open_all(w)
    equal(recipient(w)['version'], old)
    w.coffer.ok('rewrap', 'sealed', '--kek', w.uri, '--add', w.uri)
    equal(recipient(w)['version'], new)
    open_all(w)
    seal(w, w.pinned(old), out='pinned')
    equal(recipient(w, 'pinned')['version'], old)
    open_all(w, sealed='pinned')
    open_all(w, w.pinned(old), sealed='pinned')


def disabled(w):
    seal(w)
    w.disable()
    cannot_open(w, 7, w.name, w.host, w.is_disabled, name='[REFUSED]')


def several(w):
    """Any one of them opens; where none does, each says why."""
    w.coffer.ok('keygen', '-o', 'file.key')
    model(w)
    w.coffer.ok('seal', 'model', '-o', 'sealed', '--kek', w.uri, '--kek', w.other_uri, '--kek', 'file:file.key')
    for uri in (w.uri, w.other_uri, 'file:file.key'):
        open_all(w, uri)
    w.revoke()
    w.coffer.ok('open', 'sealed', '-o', 'opened', '--force', '--kek', w.uri, '--kek', 'file:file.key')
    w.coffer.expect(7, ['llama: ' + w.name, 'other: ' + w.name], 'open', 'sealed', '-o', 'refused', '--kek', w.uri, '--kek', w.other_uri)


def malformed(w):
    for uri in w.malformed:
        model(w)
        w.coffer.expect(2, ['names no key', '[USAGE]'], 'seal', 'model', '-o', 'x', '--kek', uri)


def environments(w):
    """The policies that coffer prints, as the service takes them: who may load one environment can neither open another one nor seal."""
    for environment in ('development', 'production'):
        w.add_key(f'model-{environment}-llama')
        for role in ('publisher', 'loader', 'rotator', 'auditor'):
            policy = w.coffer.ok('key', 'policy', '--provider', w.kind, '--environment', environment, '--role', role, *w.place(environment, role))
            w.install(environment, role, json.loads(policy.out))
    model(w)
    for environment in ('development', 'production'):
        w.coffer.ok('seal', 'model', '-o', environment, '--name', 'llama', '--environment', environment, '--kek', w.template,
                    env=w.credential(environment, 'publisher'))
    ours, theirs = w.credential('development', 'loader'), w.credential('production', 'loader')
    w.coffer.ok('open', 'development', '-o', 'opened', '--kek', w.template, env=ours)
    is_plain(w)
    for kek in (w.template, w.template.replace('{environment}', 'production').replace('{name}', 'llama')):
        w.coffer.expect(7, [w.name, '[REFUSED]'], 'open', 'production', '-o', 'refused', '--kek', kek, env=ours)
    w.coffer.ok('check', 'production', '--kek', w.template, env=theirs)
    for role in ('loader', 'auditor'):
        w.coffer.expect(7, [w.name, '[REFUSED]'], 'seal', 'model', '-o', 'x', '--name', 'llama', '--environment', 'development', '--kek', w.template,
                        env=w.credential('development', role))
    for role in ('publisher', 'auditor'):
        w.coffer.expect(7, [w.name, '[REFUSED]'], 'check', 'development', '--kek', w.template, env=w.credential('development', role))
    # a production model that says that it is one of development, and then that a key of development wrapped it
    block = keyblock(w, 'production')
    block['context']['environment'] = 'development'
    put_keyblock(w, block, 'production')
    w.coffer.expect(7, '[NOKEY]', 'open', 'production', '-o', 'refused', '--kek', w.template, env=ours)
    block['services']['recipients'][0].update({k: recipient(w, 'development')[k] for k in ('id', 'version')})
    put_keyblock(w, block, 'production')
    w.coffer.expect(5, [w.name, '[AUTH]'], 'open', 'production', '-o', 'refused', '--kek', w.template, env=ours)
    rotation(w)


def rotation(w):
    rotator, auditor = w.credential('development', 'rotator'), w.credential('development', 'auditor')
    kek = w.template.replace('{environment}', 'development').replace('{name}', 'llama')
    w.coffer.expect(7, [w.name, '[REFUSED]'], 'key', 'rotate', kek, env=auditor)
    w.coffer.ok('key', 'rotate', kek, env=rotator)
    w.coffer.expect(0, ['due'], 'key', 'status', 'development', '--kek', kek, env=auditor)
    w.coffer.ok('rewrap', 'development', '--kek', kek, env=rotator)
    equal(recipient(w, 'development')['version'], w.newest('model-development-llama'))
    w.coffer.ok('check', 'development', '--kek', w.template, env=w.credential('development', 'loader'))


CASES = [wrap, open_, rewrap, wrong_context, damaged_wrap, expired, throttled, unreachable, wrong_key, revoked, versions, disabled, several, malformed,
         environments]


def run(argv, worlds):
    """@worlds: a name, what makes one, and its cases"""
    report = rig.Report(argv[2:])
    for name, make_world, cases in worlds:
        for case in cases:
            def in_world(case=case, make_world=make_world):
                world = make_world()
                with world.server, Coffer(argv[1], world, **world.environment) as world.coffer:
                    world.begin()
                    case(world)
            report.check(f'{name}: {case.__name__.strip("_").replace("_", " ")}', in_world)
    return report.end()
