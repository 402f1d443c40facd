#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the test world with the real client: what it signs here it accepts, and what a fault spoils it refuses.

usage: sigstore_test.py [WORD…]    runs the tests whose names have one of the words
COFFER_PEERS_PYTHON names an interpreter that has the packages of tests/peers/setup.  Exit code 77 means skipped.
"""
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import peers  # noqa: E402

peers.need_cryptography()
PYTHON = peers.python('sigstore')

import pki  # noqa: E402
from world import World  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGS = ('trust_config.json', 'trust_config_rekor_v2.json')
STATEMENT = json.dumps({'_type': 'https://in-toto.io/Statement/v1', 'predicateType': 'https://example.com/p',
                        'subject': [{'name': 'a', 'digest': {'sha256': '00' * 32}}], 'predicate': {'a': [1, 'é']}})

#: fault, the log that is used, where the real client notices: when it signs, when it verifies, or («no») never
FAULTS = (
    ('fulcio:wrong-sct', 1, 'sign'), ('fulcio:other-sct', 1, 'sign'), ('fulcio:sct-issuer', 1, 'sign'),
    ('fulcio:no-sct', 1, 'sign'), ('fulcio:other-key', 1, 'sign'), ('fulcio:other-name', 1, 'verify'),
    ('fulcio:other-issuer', 1, 'verify'), ('fulcio:other-ca', 1, 'verify'), ('fulcio:expired', 1, 'sign'),
    ('fulcio:short-chain', 1, 'sign'), ('fulcio:no-chain', 1, 'sign'), ('fulcio:no-usage', 1, 'verify'),
    ('fulcio:status=429', 1, 'sign'), ('fulcio:status=500', 1, 'sign'), ('fulcio:cut', 1, 'sign'),
    ('fulcio:refuse', 1, 'sign'), ('fulcio:garbage', 1, 'sign'), ('fulcio:redirect', 1, 'sign'),
    ('fulcio:slow=0.2', 1, 'no'), ('fulcio:huge=1', 1, 'sign'), ('rekor1:status=503', 1, 'sign'),
    *((f'rekor{n}:{fault}', n, where) for n in (1, 2) for fault, where in (
        ('stale-checkpoint', 'verify'), ('wrong-checkpoint', 'verify'), ('other-log', 'verify'),
        ('other-origin', 'no'), ('no-checkpoint', 'sign'), ('witnessed', 'no'), ('wrong-root', 'verify'),
        ('wrong-proof', 'verify'), ('short-proof', 'verify'), ('other-entry', 'verify'), ('other-id', 'verify'),
        ('cut=40', 'sign'))),
    ('rekor1:wrong-set', 1, 'verify'), ('rekor1:no-set', 1, 'sign'), ('rekor1:other-time', 1, 'verify'),
    ('rekor1:late', 1, 'verify'), ('rekor1:exists', 1, 'sign'),
    ('tsa:wrong-nonce', 2, 'no'), ('tsa:no-nonce', 2, 'no'), ('tsa:wrong-imprint', 2, 'verify'),
    ('tsa:wrong-signature', 2, 'verify'), ('tsa:other-key', 2, 'verify'), ('tsa:no-usage', 2, 'verify'),
    ('tsa:rejected', 2, 'verify'), ('tsa:no-certificate', 2, 'no'), ('tsa:late', 2, 'verify'),
    ('tsa:early', 2, 'verify'), ('tsa:ancient', 2, 'verify'), ('tsa:trailing', 2, 'sign'),
    ('tsa:status=500', 2, 'sign'),
)


#: fault of the repository, and whether the client has been there before
TUF_FAULTS = (
    *((f'{what}-{role}', False) for what in ('expired', 'wrong', 'stranger')
      for role in ('timestamp', 'snapshot', 'targets')),
    ('expired-root', False), ('root-by-new-keys', False), ('root-by-old-keys', False), ('root-skips', False),
    ('targets-by-one', False), ('targets-twice-by-one', False), ('old-timestamp', True), ('old-snapshot', True),
    ('old-targets', True), ('other-snapshot', False), ('other-number', False), ('other-type', False),
    ('no-target', False), ('wrong-target', False), ('long-target', False), ('status=500', False), ('cut', False),
    ('garbage', False), ('huge=1', False),
)


class Bench:
    """A world, its folder, and the real client."""

    def __init__(self, folder, world):
        self.folder, self.world = folder, world
        self.client = peers.Client(PYTHON, os.path.join(HERE, 'client.py'), folder, world)

    def at(self, name):
        return os.path.join(self.folder, name)

    def config(self, log=1):
        return self.world.at(CONFIGS[log - 1])

    def sigstore(self, *args, status=0, **more):
        """Run the command «sigstore» of the real client, which must end with status."""
        done = subprocess.run([PYTHON, '-m', 'sigstore', *args],
                              env={**self.client.environment, **more}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        peers.expect(f"sigstore {' '.join(args)}\n{done.stdout}{done.stderr}", done.returncode, status)

    def command(self, *args, **more):
        """The same with the trust config of this world."""
        self.sigstore('--trust-config', self.config(), *args, **more)

    def sign_and_verify(self, log, statement=False, name=None):
        """Where the client refuses: «sign», «verify» or «no»; and what it said."""
        content = {'statement': STATEMENT} if statement else {'data': 'weights'}
        signed = self.client.ask(do='sign', config=self.config(log), token=self.world.token(), **content)
        if 'error' in signed:
            return 'sign', signed['error']
        verified = self.client.ask(do='verify', config=self.config(log), bundle=signed['bundle'],
                                   identity=name or self.world.email, issuer=self.world.oidc.url,
                                   data=content.get('data'))
        if 'error' in verified:
            return 'verify', verified['error']
        if statement:
            peers.expect('the payload', verified['payload'], STATEMENT)
        return 'no', signed['bundle']


# ---- tests: each gets a bench ----

def test_signs_and_verifies(bench):
    for log in (1, 2):
        for statement in (False, True):
            where, text = bench.sign_and_verify(log, statement)
            peers.expect(f'rekor{log}: {text}', where, 'no')
            material = json.loads(text)['verificationMaterial']
            peers.expect('timestamps', len(material['timestampVerificationData']['rfc3161Timestamps']), 1)
            kind = ('dsse' if statement else 'hashedrekord') if log == 1 else 'hashedrekord'
            peers.expect('the entry', material['tlogEntries'][0]['kindVersion'],
                         {'kind': kind, 'version': f'0.0.{log}'})


def test_a_growing_log(bench):
    """Proofs of many shapes: the tree grows past a power of two."""
    for log in (1, 2):
        for _ in range(12):
            where, text = bench.sign_and_verify(log)
            peers.expect(f'rekor{log} at {len(bench.world.rekor1.tree)}: {text}', where, 'no')


def test_identities(bench):
    """The name is the token's e-mail address, or else its subject, as a URI or a user's name."""
    # this client compares a user's name with the DER of the UTF8String in the certificate, two bytes before it and all
    for subject, known_as in (('https://example.com/a/b@refs/heads/main',) * 2, ('somebody', '\f\bsomebody')):
        token = bench.world.token(email=None, sub=subject)
        signed = bench.client.ask(do='sign', config=bench.config(), token=token, data='x')
        ask = {'do': 'verify', 'config': bench.config(), 'bundle': signed.get('bundle'),
               'issuer': bench.world.oidc.url, 'data': 'x'}
        peers.expect(signed, bench.client.ask(identity=known_as, **ask), {'payload': ''})
        peers.expect('another name', 'error' in bench.client.ask(identity=subject + 'x', **ask), True)


def test_refuses_tokens(bench):
    for what, token in (('expired', bench.world.token(lifetime=-1)),
                        ('another issuer', bench.world.token(iss='https://a.b')),
                        ('another key', bench.world.oidc.mint(key=bench.world.fulcio.ct_key)),
                        ('not verified', bench.world.token(email_verified=False))):
        answer = bench.client.ask(do='sign', config=bench.config(), token=token, data='x')
        peers.expect(f'a token that is: {what}', 'error' in answer, True)


def test_faults(bench):
    for switch, log, where in FAULTS:
        bench.world.fault(switch)
        found, text = bench.sign_and_verify(log, statement=log == 2)
        bench.world.calm()
        peers.expect(f'{switch}: {text}', found, where)
    own = {f'{service.name}:{fault}' for service in bench.world.services if service.name not in ('oidc', 'tuf')
           for fault in service.own_faults}
    peers.expect('faults without a test', own - {switch for switch, _, _ in FAULTS}, set())


def test_a_fault_passes(bench):
    bench.world.fault('fulcio:status=429*2')
    peers.expect('three answers', [bench.sign_and_verify(1)[0] for _ in range(3)], ['sign', 'sign', 'no'])


def test_command(bench):
    """sign, attest and verify with the client's own command, over both logs."""
    peers.write(bench.at('w.bin'), b'weights')
    peers.write(bench.at('p.json'), json.dumps({
        'buildDefinition': {'buildType': 'https://example.com/b', 'externalParameters': {}},
        'runDetails': {'builder': {'id': 'https://example.com/r'}}}).encode())
    token = bench.world.token()
    with open(bench.config(), encoding='utf-8') as file:
        both = json.load(file)
    both['signingConfig']['rekorTlogUrls'] += bench.world.signing_config(bench.world.rekor2)['rekorTlogUrls']
    peers.write(bench.world.at('trust_config.json'), json.dumps(both).encode())
    for log in ('1', '2'):
        bundle = bench.at('w.sigstore')
        who = ('--cert-identity', bench.world.email, '--cert-oidc-issuer', bench.world.oidc.url)
        for action in (('sign',), ('attest', '--predicate', bench.at('p.json'),
                                   '--predicate-type', 'https://slsa.dev/provenance/v1')):
            bench.command(*action, '--rekor-version', log, '--identity-token', token, '--bundle', bundle, '--overwrite',
                          bench.at('w.bin'))
            bench.command('verify', 'identity', '--bundle', bundle, *who, bench.at('w.bin'))
            bench.command('verify', 'identity', '--bundle', bundle, *who, bench.at('p.json'), status=1)
    bench.world.write_files()


def test_browser(bench):
    """Authorization code with PKCE; the browser is a program that follows redirects."""
    peers.write(bench.at('w.bin'), b'weights')
    browser = peers.write(bench.at('browser'), f'#!{sys.executable}\nimport sys, urllib.request\n'
                          'urllib.request.urlopen(sys.argv[1]).read()\n'.encode())
    os.chmod(browser, 0o755)
    sign = ('sign', '--overwrite', '--bundle', bench.at('b'), bench.at('w.bin'))
    bench.command(*sign, BROWSER=browser + ' %s &')
    for fault in ('oidc:state', 'oidc:denied', 'oidc:expired', 'oidc:audience', 'oidc:no-token', 'oidc:status=500'):
        bench.world.fault(fault)
        bench.command(*sign, BROWSER=browser + ' %s &', status=1)
        bench.world.calm()


def test_code_by_hand(bench):
    peers.write(bench.at('w.bin'), b'weights')
    with subprocess.Popen(
            [PYTHON, '-m', 'sigstore', '--trust-config', bench.config(), 'sign', '--overwrite', '--oauth-force-oob',
             '--bundle', bench.at('b'), bench.at('w.bin')], env=bench.client.environment, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        address = next(line.strip() for line in process.stderr if line.strip().startswith('http'))
        with urllib.request.urlopen(address) as page:
            code = re.search('<code>(.*)</code>', page.read().decode()).group(1)
        _, said = process.communicate(code + '\n')
        peers.expect(said, process.returncode, 0)


def test_ambient(bench):
    """The token of a GitHub Actions job."""
    peers.write(bench.at('w.bin'), b'weights')
    job = {'GITHUB_ACTIONS': 'true', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN': bench.world.oidc.actions_secret,
           'ACTIONS_ID_TOKEN_REQUEST_URL': bench.world.oidc.url + '/actions?job=1'}
    sign = ('sign', '--overwrite', '--bundle', bench.at('b'), bench.at('w.bin'))
    bench.command(*sign, **job)
    bench.command(*sign, **{**job, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN': 'wrong'}, status=1)


def test_device(bench):
    """No client of PyPI's has the device flow, so here are the steps of RFC 8628 as a client takes them."""
    def post(path, **form):
        request = urllib.request.Request(bench.world.oidc.url + path, urllib.parse.urlencode(form).encode())
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    device = post('/device/code', client_id='sigstore', scope='openid email')
    grant = {'grant_type': 'urn:ietf:params:oauth:grant-type:device_code', 'client_id': 'sigstore',
             'device_code': device['device_code']}
    peers.expect('at first', post('/token', **grant)['error'], 'authorization_pending')
    token = post('/token', **grant)['id_token']
    peers.expect('the token', bench.world.oidc.claims(token)['email'], bench.world.email)
    peers.expect('a second time', post('/token', **grant)['error'], 'invalid_grant')


def test_public_key_request(bench):
    """Fulcio's other request, with a proof of possession over the name."""
    key = pki.ec_key()

    def ask(signed, token=bench.world.token()):
        body = {'credentials': {'oidcIdentityToken': token}, 'publicKeyRequest': {
            'publicKey': {'algorithm': 'ECDSA', 'content': pki.spki_pem(key.public_key())},
            'proofOfPossession': pki.b64(pki.sign(key, signed.encode()))}}
        request = urllib.request.Request(bench.world.fulcio.url + '/api/v2/signingCert', json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    peers.expect('the name signed', ask(bench.world.email), 200)
    peers.expect('another name signed', ask('other@example.com'), 400)
    peers.expect('without a token', ask(bench.world.email, None), 401)


def test_timestamp_with_openssl(bench):
    peers.write(bench.at('stamped'), b'signature')

    def stamp(*options):
        query, reply = bench.at('query'), bench.at('reply')
        subprocess.run(['openssl', 'ts', '-query', '-data', bench.at('stamped'), *options, '-out', query],
                       check=True, capture_output=True)
        with open(query, 'rb') as file:
            request = urllib.request.Request(bench.world.tsa.stamp_url, file.read(),
                                             {'Content-Type': 'application/timestamp-query'})
        with urllib.request.urlopen(request) as answer:
            peers.write(reply, answer.read())
        return subprocess.run(['openssl', 'ts', '-verify', '-queryfile', query, '-in', reply, '-CAfile',
                               bench.world.at('tsa_chain.pem'), '-untrusted', bench.world.at('tsa_chain.pem')],
                              capture_output=True, check=False).returncode

    for options in (('-sha256', '-cert'), ('-sha384',), ('-sha512', '-cert', '-no_nonce')):
        peers.expect(options, stamp(*options), 0)
    for fault in ('wrong-nonce', 'wrong-imprint', 'wrong-signature', 'other-key', 'no-usage', 'rejected'):
        bench.world.fault('tsa:' + fault)
        peers.expect(fault, stamp('-sha256', '-cert'), 1)
        bench.world.calm()


def test_tuf(bench):
    """python-tuf's client fetches the targets, follows rotations of the root, and sees what is published anew."""
    tuf, folder = bench.world.tuf, tempfile.mkdtemp(dir=bench.folder)

    def update(where=folder):
        return bench.client.ask(do='tuf', url=tuf.url, root=bench.world.at('root.json'), folder=where,
                                targets=list(tuf.targets))

    wanted = {'targets': {name: data.decode() for name, data in tuf.targets.items()}}
    peers.expect('at first', update(), wanted)
    for _ in range(3):
        tuf.rotate()
    peers.expect('after three rotations', update(), wanted)
    peers.expect('after them, for the first time', update(tempfile.mkdtemp(dir=bench.folder)), wanted)
    tuf.publish({**tuf.targets, 'more.json': b'{"more": 1}'})
    peers.expect('with one target more', update(), {'targets': {**wanted['targets'], 'more.json': '{"more": 1}'}})
    for fault, known in TUF_FAULTS:
        bench.world.fault('tuf:' + fault)
        answer = update(folder if known else tempfile.mkdtemp(dir=bench.folder))
        bench.world.calm()
        peers.expect(f'{fault}: {answer}', 'error' in answer, True)
        peers.expect('after it', 'error' in update(), False)
    peers.expect('faults without a test', set(tuf.own_faults) - {fault for fault, _ in TUF_FAULTS}, set())


def test_instance(bench):
    """The client's own way: trust the instance, then sign and verify with what the repository says."""
    peers.write(bench.at('w.bin'), b'weights')
    where = ('--instance', bench.world.tuf.url)
    bench.sigstore(*where, 'trust-instance', bench.world.at('root.json'))
    bench.sigstore(*where, 'sign', '--overwrite', '--identity-token', bench.world.token(), '--bundle', bench.at('b'),
                   bench.at('w.bin'))
    bench.world.tuf.rotate()
    bench.sigstore(*where, 'verify', 'identity', '--cert-identity', bench.world.email, '--cert-oidc-issuer',
                   bench.world.oidc.url, '--bundle', bench.at('b'), bench.at('w.bin'))
    bench.world.fault('tuf:expired-timestamp')
    bench.sigstore(*where, 'verify', 'identity', '--cert-identity', bench.world.email, '--cert-oidc-issuer',
                   bench.world.oidc.url, '--bundle', bench.at('b'), bench.at('w.bin'), status=1)


def test_https(bench):
    """The same over TLS, for clients that insist on it."""
    with World(bench.at('tls'), tls=True) as world:
        other = Bench(bench.folder, world)
        with contextlib.closing(other.client):
            peers.expect('over TLS', other.sign_and_verify(1)[0], 'no')
            peers.expect('over TLS', other.sign_and_verify(2, statement=True)[0], 'no')
    peers.expect('the addresses', world.fulcio.url.startswith('https://'), True)


def test_as_a_program(bench):
    """world.py as other programs start it: files, «ready», the control port, and an end with its standard input."""
    folder = bench.at('program')
    with subprocess.Popen([sys.executable, os.path.join(HERE, 'world.py'), folder, '--fault', 'fulcio:status=500*1'],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Timer(60, process.kill)
        watch.start()
        peers.expect('its word', process.stdout.readline(), 'ready\n')
        with open(os.path.join(folder, 'world.json'), encoding='utf-8') as file:
            world = json.load(file)
        with open(os.path.join(folder, 'world.env'), encoding='utf-8') as file:
            peers.expect('world.env', dict(line.rstrip('\n').split('=', 1) for line in file), world)

        def control(path, body=None):
            with urllib.request.urlopen(world['control'] + path, body) as answer:
                return answer.read().decode()

        def sign():
            return 'error' in bench.client.ask(do='sign', config=os.path.join(folder, 'trust_config.json'),
                                               token=control('/token?sub=other'), data='x')

        peers.expect('with the fault, and after', [sign(), sign()], [True, False])
        control('/fault', b'rekor1:status=500\nfulcio:slow=0.1')
        peers.expect('with another', sign(), True)
        control('/calm', b'')
        peers.expect('without', sign(), False)
        peers.expect('what was asked', sum(r['service'] == 'fulcio' for r in json.loads(control('/requests'))), 4)
        process.stdin.close()
        peers.expect('its end', process.wait(), 0)
        watch.cancel()


def main(words):
    with tempfile.TemporaryDirectory() as folder, World(os.path.join(folder, 'world')) as world:
        bench = Bench(folder, world)
        with contextlib.closing(bench.client):
            return peers.run_tests({name: test for name, test in globals().items() if name.startswith('test_')},
                                   bench, words, before=world.calm)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
