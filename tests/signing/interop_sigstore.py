#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer and the real Sigstore clients, model_signing's and sigstore's own, in the world of tests/peers/sigstore.

usage: interop_sigstore.py COFFER [WORD…]    runs the tests whose names have one of the words
COFFER_PEERS_PYTHON names an interpreter with model_signing and sigstore (tests/peers/setup makes one).  Exit code 77 means
skipped.
"""
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import sys
import tempfile
import threading
import urllib.request

import models
import peers

PYTHON = peers.python('model_signing', 'sigstore', 'click')

from world import World  # noqa: E402

CONFIGS = ('trust_config.json', 'trust_config_rekor_v2.json')
TREE = {name: models.FOLDER[name] for name in ('config.json', 'empty', 'with space.bin', '\u6a21\u578b/\u6743\u91cd.bin',
                                               'model/x', 'model-1.bin', '.hidden', '.gitignore')}


class Bench:
    def __init__(self, coffer, folder, world):
        self.folder, self.world = folder, world
        self.coffer = models.Coffer(coffer, folder, world)
        self.model = models.make_folder(self.at('a model'), TREE)
        self.signature = self.at('model.sig')
        clients = os.path.join(models.TESTS, 'peers')
        self.peer = peers.Client(PYTHON, os.path.join(clients, 'model_signing_client.py'), folder, world)
        self.sigstore = peers.Client(PYTHON, os.path.join(clients, 'sigstore', 'client.py'), folder, world)

    def at(self, name):
        return os.path.join(self.folder, name)

    def close(self):
        self.peer.close()
        self.sigstore.close()

    def home(self, name):
        """The variables that name a home of its own."""
        home = self.at(name)
        os.makedirs(home, exist_ok=True)
        return {'HOME': home, 'XDG_CONFIG_HOME': os.path.join(home, '.config'),
                'XDG_DATA_HOME': os.path.join(home, '.data'), 'XDG_CACHE_HOME': os.path.join(home, '.cache')}

    def reset(self):
        self.world.calm()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.signature)

    def config(self, log=1):
        return '--trust-config', self.world.at(CONFIGS[log - 1])

    @property
    def root(self):
        return '--trusted-root', self.world.at('trusted_root.json')

    def who(self, identity=None, issuer=None):
        return '--identity', identity or self.world.email, '--identity-provider', issuer or self.world.oidc.url

    def token(self, **claims):
        return '--identity-token', 'file:' + peers.write(self.at('token'), self.world.token(**claims).encode())

    # ---- the programs ----

    def sign(self, *words, log=1, **more):
        return self.coffer.succeed('sign', 'sigstore', self.model, '--signature', self.signature, *self.config(log),
                                   *words, **more)

    def refuse_to_sign(self, *words, codes, log=1, **more):
        """It ends with one of codes, and leaves no signature."""
        self.coffer.refuse('sign', 'sigstore', self.model, '--signature', self.signature, *self.config(log), *words,
                           codes=codes, **more)
        peers.expect('a signature is left', os.path.exists(self.signature), False)

    def checking(self, *words, **who):
        return ('verify', 'sigstore', self.model, '--signature', self.signature, *self.who(**who), *(words or self.root))

    def ask(self, *words):
        """model_signing, whose options have underscores."""
        words = ['--' + word[2:].replace('-', '_') if word.startswith('--') else word for word in words]
        answer = self.peer.ask(do='run', args=words, folder=self.folder)
        return answer['code'], answer['said']

    def peer_sign(self, *words, log=1):
        code, said = self.ask('sign', 'sigstore', self.model, '--signature', self.signature, *self.config(log), *words)
        peers.expect(f'model_signing sign: {said}', code, 0)

    def peer_verify(self, wanted, **who):
        code, said = self.ask(*self.checking(*self.config(), **who))
        peers.expect(f'model_signing verify: {said}', code, wanted)

    def all_verify(self, identity=None):
        """coffer, model_signing and sigstore accept the signature; coffer and model_signing nothing else."""
        self.coffer.succeed(*self.checking(identity=identity))
        self.coffer.succeed(*self.checking(*self.config(2), identity=identity))
        self.peer_verify(0, identity=identity)
        bundle = peers.read(self.signature).decode()
        answer = self.sigstore.ask(do='verify', config=self.world.at(CONFIGS[0]), bundle=bundle,
                                   identity=identity or self.world.email, issuer=self.world.oidc.url)
        payload = models.pki.unb64(json.loads(bundle)['dsseEnvelope']['payload']).decode()
        peers.expect('sigstore', answer, {'payload': payload})
        for wrong in ({'identity': 'somebody@example.com'}, {'issuer': self.world.oidc.url + '/'}):
            self.coffer.refuse(*self.checking(**wrong), codes=(6,))
            self.peer_verify(1, **wrong)
        for change in models.FOLDER_CHANGES:
            with models.changed(self.model, change):
                self.coffer.refuse(*self.checking(identity=identity), codes=(5,))
                self.peer_verify(1, identity=identity)


# ---- tests: each gets a bench ----

def test_they_sign(bench):
    for log in (1, 2):
        bench.reset()
        bench.peer_sign('--identity-token', bench.world.token(), log=log)
        bench.all_verify()


def test_we_sign(bench):
    for log in (1, 2):
        bench.reset()
        bench.sign(*bench.token(), log=log)
        bench.all_verify()
        material = json.loads(peers.read(bench.signature))['verificationMaterial']
        peers.expect('timestamps', len(material['timestampVerificationData']['rfc3161Timestamps']), 1)
        peers.expect('the entry', material['tlogEntries'][0]['kindVersion'],
                     {'kind': 'dsse' if log == 1 else 'hashedrekord', 'version': f'0.0.{log}'})


def test_sigstore_signs_our_statement(bench):
    """A statement of coffer's, signed by the client of sigstore itself."""
    bench.reset()
    keys = models.Keys(bench.at('keys'))
    bench.coffer.succeed('sign', 'key', bench.model, '--private-key', keys.at('p256.key'), '--signature', bench.at('key.sig'))
    statement = models.pki.unb64(json.loads(peers.read(bench.at('key.sig')))['dsseEnvelope']['payload']).decode()
    for log in (1, 2):
        answer = bench.sigstore.ask(do='sign', config=bench.world.at(CONFIGS[log - 1]), token=bench.world.token(),
                                    statement=statement)
        peers.write(bench.signature, answer['bundle'].encode())
        bench.all_verify()


def test_other_identities(bench):
    for subject in ('https://example.com/a/b@refs/heads/main', 'https://example.com/x%20y'):
        bench.reset()
        bench.sign(*bench.token(email=None, sub=subject))
        bench.all_verify(identity=subject)


def test_another_world(bench):
    """A trusted root of another Sigstore vouches for nothing here."""
    bench.reset()
    bench.peer_sign('--identity-token', bench.world.token())
    with World(bench.at('other')) as other:
        root = ('--trusted-root', other.at('trusted_root.json'))
        bench.coffer.refuse(*bench.checking(*root), codes=(6,))
        mixed = json.loads(peers.read(bench.world.at('trusted_root.json')))
        foreign = json.loads(peers.read(other.at('trusted_root.json')))
        for part in ('tlogs', 'certificateAuthorities', 'ctlogs', 'timestampAuthorities'):
            path = peers.write(bench.at('mixed.json'), json.dumps({**mixed, part: foreign[part]}).encode())
            bench.coffer.refuse(*bench.checking('--trusted-root', path), codes=(6,))


def test_faults(bench):
    """A few, through the command: the exit code says what kind it is, and there is no signature."""
    for fault, log, codes in (
            ('fulcio:status=429', 1, (11,)), ('fulcio:status=401', 1, (4,)), ('fulcio:status=500', 1, (8,)),
            ('fulcio:refuse', 1, (8,)), ('fulcio:wrong-sct', 1, (6,)), ('fulcio:other-ca', 1, (6,)),
            ('rekor1:stale-checkpoint', 1, (6,)), ('rekor2:other-entry', 2, (6,)), ('rekor1:wrong-set', 1, (6,)),
            ('rekor2:other-origin', 2, (6,)), ('tsa:wrong-nonce', 1, (6,)), ('tsa:wrong-signature', 2, (6,)),
            ('tsa:status=500', 1, (8,))):
        bench.reset()
        bench.world.fault(fault)
        bench.refuse_to_sign(*bench.token(), codes=codes, log=log)


def test_tokens(bench):
    """From a file, from the environment, from a CI job; from the command line with a warning, and never repeated."""
    bench.reset()
    bench.sign('--identity-token', 'env:MY_TOKEN', MY_TOKEN=bench.world.token())
    bench.all_verify()
    bench.reset()
    token = bench.world.token()
    code, said = bench.coffer.run('sign', 'sigstore', bench.model, '--signature', bench.signature, *bench.config(), '--identity_token', token)
    peers.expect(f'a token that is typed: {said}', (code, token in said, 'every process' in said), (0, False, True))
    bench.all_verify()
    bench.reset()
    job = {'GITHUB_ACTIONS': 'true', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN': bench.world.oidc.actions_secret,
           'ACTIONS_ID_TOKEN_REQUEST_URL': bench.world.oidc.url + '/actions?job=1'}
    bench.sign('--use_ambient_credentials', **job)
    bench.all_verify()
    bench.reset()
    bench.refuse_to_sign('--use_ambient_credentials', codes=(3,))
    bench.refuse_to_sign(*bench.token(aud='somebody'), codes=(4, 7))
    bench.refuse_to_sign(*bench.token(lifetime=-60), codes=(4, 7))


def sign_in(bench, person, *words):
    """Run «coffer sign sigstore» without a token, on a terminal; person gets the address shown, and returns what is typed."""
    words = ('sign', 'sigstore', bench.model, '--signature', bench.signature, *bench.config(), *words)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(bench.folder)
        os.execve(bench.coffer.command, [bench.coffer.command, *words], bench.coffer.environment)
    watch = threading.Timer(60, os.kill, (child, signal.SIGKILL))
    watch.start()
    said, answer = '', None
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while data := os.read(terminal, 4096):
            said += data.decode(errors='replace')
            address = re.search(r'https?://\S+(?=\s)', said)
            if address and answer is None:
                answer = person(address.group(0).rstrip('.,;:)»'))
            # what is typed before it is asked for is thrown away
            if answer and said.endswith(': '):
                os.write(terminal, answer.encode())
                answer = ''
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    watch.cancel()
    os.close(terminal)
    if re.search('eyJ[A-Za-z0-9_-]{20}', said):
        raise peers.Failed(f'a token was shown: {said}')
    return status, said


def get(address):
    with urllib.request.urlopen(address) as page:
        return page.read().decode()


def go_there(address):
    with contextlib.suppress(OSError):
        get(address)
    return ''


def fetch_code(address):
    return re.search('<code>(.*)</code>', get(address)).group(1) + '\n'


def test_signing_in(bench):
    """In a browser on this machine, on another device, and with a code that is typed in."""
    for person, words in ((go_there, ()), (go_there, ('--device',)), (fetch_code, ('--oauth-force-oob',)),
                          (go_there, ('--identity-provider', bench.world.oidc.url))):
        bench.reset()
        code, said = sign_in(bench, person, *words)
        peers.expect(f'signing in {words}: {said}', code, 0)
        bench.coffer.succeed(*bench.checking())
        bench.peer_verify(0)
    for fault, words, codes in (('oidc:denied', (), (4,)), ('oidc:denied', ('--device',), (4,)), ('oidc:nonce', (), (4,))):
        bench.reset()
        bench.world.fault(fault)
        code, said = sign_in(bench, go_there, *words)
        peers.expect(f'{fault}: {said}', (code in codes, os.path.exists(bench.signature)), (True, False))


def test_imported_trust(bench):
    """After «coffer trust import» of a ClientTrustConfig nothing has to be named."""
    bench.reset()
    other = bench.home('importing')
    check = ('verify', 'sigstore', bench.model, '--signature', bench.signature, *bench.who())
    bench.peer_sign('--identity-token', bench.world.token())
    peers.expect('before', bench.coffer.run(*check, **other)[0] != 0, True)
    bench.coffer.succeed('trust', 'import', bench.world.at(CONFIGS[1]), **other)
    bench.coffer.succeed(*check, **other)
    bench.coffer.succeed('sign', 'sigstore', bench.model, '--signature', bench.signature, '--force', *bench.token(), **other)
    bench.coffer.succeed(*check, **other)
    bench.peer_verify(0)


def test_trust_update(bench):
    """«coffer trust update» from the TUF repository, through rotations and past what it must refuse."""
    bench.reset()
    other = bench.home('updating')
    bench.peer_sign('--identity-token', bench.world.token())
    check = ('verify', 'sigstore', bench.model, '--signature', bench.signature, *bench.who())
    update = ('trust', 'update', '--mirror', bench.world.tuf.url)
    peers.expect('without a first root', bench.coffer.run(*update, **other)[0] != 0, True)
    peers.expect('before', bench.coffer.run(*check, **other)[0] != 0, True)
    bench.coffer.succeed(*update, '--root', bench.world.at('root.json'), **other)
    bench.coffer.succeed(*check, **other)
    for _ in range(3):
        bench.world.tuf.rotate()
    bench.coffer.succeed('trust', 'update', **other)
    for fault in bench.world.tuf.own_faults:
        # in a copy of that home, for an expired root that is signed as it should be is kept
        shutil.copytree(bench.at('updating'), bench.at(fault))
        bench.world.fault('tuf:' + fault)
        code, said = bench.coffer.run('trust', 'update', **bench.home(fault))
        bench.world.calm()
        peers.expect(f'{fault}: {said}', code in (3, 5, 6, 8, 10), True)
        bench.coffer.succeed(*check, **bench.home(fault))
        bench.coffer.succeed('trust', 'update', **other)
    bench.coffer.succeed('sign', 'sigstore', bench.model, '--signature', bench.signature, '--force', *bench.token(), **other)
    bench.peer_verify(0)


def main(words):
    if not words:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, World(os.path.join(folder, 'world')) as world, \
            contextlib.closing(Bench(words[0], folder, world)) as bench:
        tests = {name: test for name, test in globals().items() if name.startswith('test_')}
        return peers.run_tests(tests, bench, words[1:], before=bench.reset)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
