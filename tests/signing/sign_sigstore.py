#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signs with an identity against tests/peers/sigstore, as it should be and with every fault that it knows.

usage: sign_sigstore.py BUILD [WORD…]    BUILD has coffer, adapters/sign_sigstore and adapters/sigstore; runs the tests whose names
have one of the words

What is signed is verified by coffer, and by the real client where COFFER_PEERS_PYTHON names one (tests/peers/setup).
No program may show a token, and after a refusal there is no signature.
"""
import base64
import contextlib
import datetime
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'peers')
sys.path[:0] = [PEERS, os.path.join(PEERS, 'sigstore')]
import peers  # noqa: E402

peers.need_cryptography()

import pki  # noqa: E402
from cryptography import x509  # noqa: E402
from world import World  # noqa: E402

DIGEST = '00' * 32
STATEMENT = json.dumps({'_type': 'https://in-toto.io/Statement/v1', 'predicateType': 'https://example.com/p',
                        'subject': [{'name': 'a', 'digest': {'sha256': DIGEST}}], 'predicate': {'names': ['secret-é']}})
CONFIGS = (None, 'signing_config.v0.2.json', 'signing_config_rekor_v2.v0.2.json')
OK, USAGE, NOTFOUND, PERM, FORM, SIGNATURE, KEY, NET, RATE = 0, 2, 3, 4, 5, 6, 7, 8, 11

#: fault, log, exit code and words with a trusted root, the same without one (None: it is for a verifier to notice)
FAULTS = (
    ('fulcio:wrong-sct', 1, SIGNATURE, 'SCT', None), ('fulcio:other-sct', 1, SIGNATURE, 'log', None),
    ('fulcio:sct-issuer', 1, SIGNATURE, 'SCT', None), ('fulcio:no-sct', 1, SIGNATURE, 'SCT', None),
    ('fulcio:other-key', 1, NET, 'another key', NET), ('fulcio:other-ca', 1, SIGNATURE, 'trusted root', None),
    ('fulcio:expired', 1, SIGNATURE, 'trusted root', None), ('fulcio:no-usage', 1, SIGNATURE, 'trusted root', None),
    ('fulcio:no-chain', 1, NET, 'no certificate', NET), ('fulcio:short-chain', 1, OK, '', OK),
    ('fulcio:status=500', 1, NET, 'answered 500', NET), ('fulcio:status=401', 1, PERM, 'answered 401', PERM),
    ('fulcio:status=503*2', 1, OK, '', OK),
    ('fulcio:status=429', 1, RATE, 'too many requests', RATE), ('fulcio:cut=100', 1, NET, 'no whole answer', NET),
    ('fulcio:refuse', 1, NET, '127.0.0.1', NET), ('fulcio:garbage', 1, NET, 'no JSON', NET),
    ('fulcio:huge=2', 1, NET, 'sent more than', NET), ('fulcio:redirect=http://127.0.0.1:1/', 1, NET, 'answered 30', NET),
    ('fulcio:slow=0.2', 1, OK, '', OK),
    *((f'rekor{n}:{fault}', n, code, words, bare) for n in (1, 2) for fault, code, words, bare in (
        ('stale-checkpoint', SIGNATURE, 'checkpoint', None), ('wrong-checkpoint', SIGNATURE, 'checkpoint', None),
        ('other-log', SIGNATURE, 'checkpoint', None), ('other-origin', SIGNATURE, 'checkpoint', None),
        ('witnessed', OK, '', OK), ('wrong-root', SIGNATURE, '', None), ('wrong-proof', SIGNATURE, 'proof', None),
        ('short-proof', SIGNATURE, 'proof', None), ('other-entry', SIGNATURE, '', SIGNATURE),
        ('other-id', SIGNATURE, 'log', None), ('cut=40', NET, 'no whole answer', NET), ('garbage', NET, 'no JSON', NET),
        ('huge=2', NET, 'sent more than', NET), ('status=400', NET, 'answered 400', NET))),
    ('rekor1:no-checkpoint', 1, NET, 'no entry', NET), ('rekor2:no-checkpoint', 2, SIGNATURE, 'checkpoint', None),
    ('rekor1:wrong-set', 1, SIGNATURE, 'timestamp', None), ('rekor1:no-set', 1, NET, 'no entry', NET),
    ('rekor1:other-time', 1, SIGNATURE, '', None), ('rekor1:late', 1, SIGNATURE, '', None),
    ('rekor1:exists', 1, NET, 'answered 409', NET),
    ('tsa:wrong-nonce', 2, SIGNATURE, 'another request', SIGNATURE),
    ('tsa:no-nonce', 2, SIGNATURE, 'another request', SIGNATURE),
    ('tsa:wrong-imprint', 2, SIGNATURE, 'something else', SIGNATURE),
    ('tsa:wrong-signature', 2, SIGNATURE, 'does not hold', SIGNATURE), ('tsa:other-key', 2, SIGNATURE, '', None),
    ('tsa:no-usage', 2, SIGNATURE, '', None), ('tsa:rejected', 2, SIGNATURE, 'gave none', SIGNATURE),
    ('tsa:no-certificate', 2, SIGNATURE, 'neither', SIGNATURE), ('tsa:late', 2, SIGNATURE, '', None),
    ('tsa:early', 2, SIGNATURE, '', None), ('tsa:ancient', 2, SIGNATURE, '', None), ('tsa:trailing', 2, FORM, 'DER', FORM),
    ('tsa:status=500', 2, NET, 'answered 500', NET), ('tsa:garbage', 2, FORM, 'DER', FORM),
    ('tsa:huge=1', 2, NET, 'sent more than', NET),
)

#: what the real client does not look at (tests/peers/sigstore/README.md), so only coffer is asked
UNSEEN = ('rekor1:other-origin', 'rekor2:other-origin')

#: fault of the provider, the way to sign in, exit code, words
SIGN_IN_FAULTS = (
    ('oidc:state', 'browser', NET, 'did not come back'), ('oidc:denied', 'browser', PERM, 'access_denied'),
    ('oidc:nonce', 'browser', PERM, 'nonce'), ('oidc:nonce', 'oob', PERM, 'nonce'),
    ('oidc:expired', 'browser', PERM, 'expired at'), ('oidc:audience', 'browser', PERM, 'aud'),
    ('oidc:issuer', 'browser', PERM, 'calls itself'), ('oidc:no-token', 'browser', PERM, 'no identity token'),
    ('oidc:denied', 'device', PERM, 'refused'), ('oidc:expired-device', 'device', PERM, 'expired'),
    ('oidc:pending', 'device', PERM, 'nobody signed in'), ('oidc:audience', 'device', PERM, 'aud'),
    ('oidc:status=500', 'browser', NET, 'answered 500'), ('oidc:garbage', 'browser', NET, 'no JSON'),
    ('oidc:huge=2', 'browser', NET, 'sent more than'),
)


def get(url):
    """What a browser gets, through every redirect."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
        return answer.read().decode()


class Bench:
    def __init__(self, build, folder, world, client):
        self.coffer, self.adapters = os.path.join(build, 'coffer'), os.path.join(build, 'adapters')
        self.folder, self.world, self.client = folder, world, client
        self.environment = peers.plain_environment(folder, world)
        self.statement = peers.write(self.at('statement.json'), STATEMENT.encode())
        self.bundle = self.at('model.sig')

    def at(self, name):
        return os.path.join(self.folder, name)

    def token(self, **claims):
        return peers.write(self.at('token.jwt'), self.world.token(**claims).encode())

    def run(self, *arguments, log=1, root=True, person=None, **more):
        """Run the signer; person answers each URL that it shows.  The exit code, and what it said."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.bundle)
        command = [os.path.join(self.adapters, 'sign_sigstore')]
        if '--key' not in arguments:
            command += ['--signing-config', self.world.at(CONFIGS[log])]
            command += ['--trusted-root', self.world.at('trusted_root.json')] if root else []
        child = subprocess.Popen([*command, *arguments, self.statement, self.bundle], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**self.environment, **more})
        shown = ''
        if person:
            shown = child.stdout.readline()
            typed = person(*shown.split()) if shown else None
            if typed:
                child.stdin.write(typed + '\n')
                child.stdin.flush()
        out, said = child.communicate(timeout=90)
        if re.search(r'eyJ[A-Za-z0-9_-]{20}', shown + out + said) or self.world.oidc.actions_secret in out + said:
            raise peers.Failed(f'a token was shown: {shown}{out}{said}')
        if (child.returncode == 0) != os.path.exists(self.bundle) or (child.returncode == 0) != (said == ''):
            raise peers.Failed(f'exit code {child.returncode}, a bundle: {os.path.exists(self.bundle)}: {said}')
        return child.returncode, said

    def command(self, *arguments, code=0, words='', person=None):
        """Run coffer itself; what it says."""
        child = subprocess.Popen([self.coffer, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=self.environment)
        shown = child.stderr.readline() if person else ''
        if person:
            person(*re.search(r'open (\S+)(?: and enter the code (\S+))?$', shown).groups())
        out, said = child.communicate(timeout=90)
        if re.search(r'eyJ[A-Za-z0-9_-]{20}', shown + out + said):
            raise peers.Failed(f'a token was shown: {shown}{out}{said}')
        self.expect(f"coffer {' '.join(arguments)}", (child.returncode, shown + out + said), code, words)
        return out + said

    def expect(self, what, answer, code, words=''):
        if answer[0] != code or words not in answer[1]:
            raise peers.Failed(f'{what}: exit code {answer[0]}, «{answer[1].strip()}», not {code} with «{words}»')

    def verify(self, identity=None, issuer=None, code=0, real=True):
        """By coffer, and by the real client."""
        identity, issuer = identity or self.world.email, issuer or self.world.oidc.url
        done = subprocess.run([os.path.join(self.adapters, 'sigstore'), 'verify-bundle', '--bundle', self.bundle,
                               '--certificate-identity', identity, '--certificate-oidc-issuer', issuer,
                               '--trusted-root', self.world.at('trusted_root.json'), 'sha256:' + DIGEST],
                              env=self.environment, capture_output=True, text=True, check=False)
        peers.expect(f'verified by coffer: {done.stderr}', done.returncode, code)
        if not self.client or not real:
            return
        answer = self.client.ask(do='verify', config=self.world.at('trust_config.json'), identity=identity,
                                 issuer=issuer, bundle=peers.read(self.bundle).decode())
        peers.expect(f'verified by the real client: {answer}', 'error' in answer, code != 0)
        if code == 0:
            peers.expect('the payload', answer['payload'], STATEMENT)


# ---- tests: each gets a bench ----

def test_signs_and_verifies(bench):
    for log in (1, 2):
        for root in (True, False):
            bench.expect(log, bench.run('--token-file', bench.token(), log=log, root=root), OK)
            bench.verify()
        bench.verify(identity='somebody@example.com', code=SIGNATURE)
        bench.verify(issuer='https://example.com', code=SIGNATURE)
        material = json.loads(peers.read(bench.bundle))['verificationMaterial']
        peers.expect('material', sorted(material), ['certificate', 'timestampVerificationData', 'tlogEntries'])
        peers.expect('entries', [e['kindVersion'] for e in material['tlogEntries']],
                     [{'kind': ('dsse', 'hashedrekord')[log - 1], 'version': f'0.0.{log}'}])
        peers.expect('stamps', len(material['timestampVerificationData']['rfc3161Timestamps']), 1)


def test_a_growing_log(bench):
    """Proofs of many shapes."""
    for log in (1, 2):
        for _ in range(8):
            bench.expect(log, bench.run('--token-file', bench.token(), log=log), OK)


def test_other_identities(bench):
    """A subject without an e-mail address: a URI, or a user's name."""
    for subject in ('https://example.com/a/b@refs/heads/main', 'somebody'):
        token = bench.token(email=None, sub=subject)
        bench.expect(subject, bench.run('--token-file', token), OK)
        if subject != 'somebody':  # which the real client compares undecoded
            bench.verify(identity=subject)


def test_what_leaves_this_machine(bench):
    token = bench.token()
    text = peers.read(token)
    for log in (1, 2):
        before = {service: len(service.requests) for service in bench.world.services}
        bench.expect(log, bench.run('--token-file', token, log=log), OK)
        for service, n in before.items():
            new = service.requests[n:]
            bytes_ = b''.join(r.body + str(r.headers).encode() + r.path.encode() for r in new)
            peers.expect(f'the token at {service.name}', text in bytes_, service.name == 'fulcio')
            payload = base64.b64encode(STATEMENT.encode())[8:-8]
            peers.expect(f'the statement at {service.name}', payload in bytes_, service.name == 'rekor1' and log == 1)
            wanted = {'fulcio': 1, 'tsa': 1, f'rekor{log}': 1}.get(service.name, 0)
            peers.expect(f'requests to {service.name}', len(new), wanted)


def test_faults(bench):
    for fault, log, code, words, _ in FAULTS:
        bench.world.calm()
        bench.world.fault(fault)
        bench.expect(fault, bench.run('--token-file', bench.token(), log=log), code, words)


def test_faults_without_a_trusted_root(bench):
    for fault, log, _, words, code in FAULTS:
        if 'status' in fault:
            continue
        bench.world.calm()
        bench.world.fault(fault)
        bench.expect(fault, bench.run('--token-file', bench.token(), log=log, root=False), code or OK, words if code else '')
        if code is None:  # then whoever verifies it refuses
            bench.verify(code=SIGNATURE, real=fault not in UNSEEN)


def agree(url, _):
    """Whoever is refused goes away."""
    with contextlib.suppress(OSError):
        get(url)


def type_the_code(url, _):
    return re.search('<code>(.*)</code>', get(url)).group(1)


def visit(url, code):
    if code not in url:
        raise peers.Failed(f'{url} is not for {code}')
    get(url)


def test_signing_in(bench):
    for way, person in (('browser', agree), ('oob', type_the_code), ('device', visit)):
        bench.expect(way, bench.run('--way', way, person=person), OK)
        bench.verify()
        issuer = ['--issuer', bench.world.oidc.url + '/']  # with a slash that the provider does not write
        bench.expect(way, bench.run('--way', way, *issuer, person=person), OK)


def test_a_client_with_a_password(bench):
    password = peers.write(bench.at('password'), b'p:%w rd&\n')
    before = len(bench.world.oidc.requests)
    bench.expect('basic', bench.run('--client-secret-file', password, person=agree), OK)
    asked = [r.headers.get('Authorization', '') for r in bench.world.oidc.requests[before:] if r.path == '/token']
    peers.expect('the password', [base64.b64decode(a.removeprefix('Basic ')) for a in asked], [b'sigstore:p%3A%25w%20rd%26'])


def test_another_client(bench):
    """Its name is the audience then, which this Fulcio does not take: so it is coffer that must not stand in the way."""
    bench.expect('client', bench.run('--client-id', 'models', person=agree), PERM, 'answered 401')


def test_sign_in_faults(bench):
    for fault, way, code, words in SIGN_IN_FAULTS:
        bench.world.calm()
        bench.world.fault(fault)
        person = {'browser': agree, 'oob': type_the_code, 'device': visit}[way]
        bench.expect(f'{fault} by {way}', bench.run('--way', way, '--patience', '2', person=person), code, words)


def test_slow_down(bench):
    """Asked to, it waits five seconds longer."""
    bench.world.fault('oidc:slow-down*1')
    started = time.monotonic()
    bench.expect('device', bench.run('--way', 'device', person=visit), OK)
    waited = time.monotonic() - started
    peers.expect('waiting', 6 < waited < 20, True)


def test_nobody_signs_in(bench):
    for way, words in (('browser', 'did not come back'), ('device', 'nobody signed in')):
        bench.world.fault('oidc:pending')
        bench.expect(way, bench.run('--way', way, '--patience', '2'), NET if way == 'browser' else PERM, words)
    bench.expect('oob', bench.run('--way', 'oob', person=lambda *_: 'x'), PERM, 'does not take the code')
    bench.expect('nobody', bench.run('--way', 'nobody'), USAGE, 'nobody can be asked')


def test_given_tokens(bench):
    good = bench.world.token()
    rows = (('good', good, OK, ''), ('white space', f' {good}\n', OK, ''), ('empty', '', KEY, 'empty'),
            ('another audience', bench.world.token(aud='x'), PERM, 'aud'),
            ('expired', bench.world.token(-5), PERM, 'expired at'), ('cut', good[:200], FORM, 'Web Token'),
            ('unsigned', good.rpartition('.')[0] + '.', FORM, 'Web Token'), ('long', 'a' * 70000, KEY, 'too long'),
            ('another provider', bench.world.oidc.mint(key=pki.ec_key()), PERM, 'answered 401'))
    for name, text, code, words in rows:
        path = peers.write(bench.at('given.jwt'), text.encode())
        bench.expect(name, bench.run('--token-file', path), code, words)
    bench.expect('missing', bench.run('--token-file', bench.at('none')), NOTFOUND, 'cannot open')
    bench.expect('a variable', bench.run('--token-env', 'TOKEN', TOKEN=good), OK)
    bench.expect('no variable', bench.run('--token-env', 'TOKEN'), KEY, 'TOKEN')


def test_a_token_from_a_pipe(bench):
    """It can be read once only."""
    pipe = bench.at('pipe')
    os.mkfifo(pipe)
    token = bench.world.token()
    writer = threading.Thread(target=lambda: peers.write(pipe, token.encode()), daemon=True)
    writer.start()
    bench.expect('pipe', bench.run('--token-file', pipe), OK)


class Giver(http.server.BaseHTTPRequestHandler):
    """Hands out tokens as Google's metadata server and Buildkite's agent API do."""
    token = ''

    def log_message(self, *_):
        pass

    def answer(self, ok, body):
        self.send_response(200 if ok else 403)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.answer(query == {'audience': 'sigstore', 'format': 'full'} and self.headers['Metadata-Flavor'] == 'Google' and
                    self.path.startswith('/computeMetadata/v1/instance/service-accounts/default/identity?'),
                    self.token.encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.answer(body == {'audience': 'sigstore'} and self.path == '/v3/jobs/job-1/oidc/tokens' and
                    self.headers['Authorization'] == 'Token agent-secret', json.dumps({'token': self.token}).encode())


def test_ambient(bench):
    actions = {'GITHUB_ACTIONS': 'true', 'ACTIONS_ID_TOKEN_REQUEST_URL': bench.world.oidc.url + '/actions?job=1',
               'ACTIONS_ID_TOKEN_REQUEST_TOKEN': bench.world.oidc.actions_secret}
    bench.expect('GitHub', bench.run('--way', 'ambient', **actions), OK)
    bench.verify()
    bench.expect('GitHub, refused', bench.run('--way', 'ambient', **{**actions, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN': 'x'}), PERM,
                 'answered 401')
    bench.expect('GitHub, no right', bench.run('--way', 'ambient', GITHUB_ACTIONS='true'), PERM, 'id-token: write')
    bench.expect('GitLab', bench.run('--way', 'ambient', GITLAB_CI='1', SIGSTORE_ID_TOKEN=bench.world.token()), OK)
    bench.expect('GitLab, none', bench.run('--way', 'ambient', GITLAB_CI='1'), PERM, 'id_tokens')
    Giver.token = bench.world.token()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Giver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f'127.0.0.1:{server.server_port}'
    proxy = {'http_proxy': 'http://127.0.0.1:1'}  # never on the way to a metadata server
    bench.expect('Google', bench.run('--way', 'ambient', GCE_METADATA_HOST=host, **proxy), OK)
    agent = {'BUILDKITE': 'true', 'BUILDKITE_JOB_ID': 'job-1', 'BUILDKITE_AGENT_ENDPOINT': f'http://{host}/v3'}
    bench.expect('Buildkite', bench.run('--way', 'ambient', BUILDKITE_AGENT_ACCESS_TOKEN='agent-secret', **agent), OK)
    bench.expect('Buildkite, refused', bench.run('--way', 'ambient', BUILDKITE_AGENT_ACCESS_TOKEN='x', **agent), PERM, '403')
    bench.expect('Buildkite, no right', bench.run('--way', 'ambient', **agent), PERM, 'BUILDKITE_AGENT_ACCESS_TOKEN')
    server.shutdown()
    bench.expect('nothing', bench.run('--way', 'ambient'), NOTFOUND, 'no CI service')


def test_configs(bench):
    def run(change, **more):
        config = json.loads(peers.read(bench.world.at(CONFIGS[2])))
        change(config)
        path = peers.write(bench.at('config.json'), json.dumps(config).encode())
        return bench.run('--signing-config', path, '--token-file', bench.token(), log=2, **more)

    bench.expect('no authority', run(lambda c: c.pop('caUrls')), FORM, 'no certificate authority')
    bench.expect('no log', run(lambda c: c.pop('rekorTlogUrls')), FORM, 'no log')
    bench.expect('no timestamps', run(lambda c: c.pop('tsaUrls')), FORM, 'no timestamp authority')
    config = json.loads(peers.read(bench.world.at('trust_config_rekor_v2.json')))
    path = peers.write(bench.at('both.json'), json.dumps(config).encode())
    bench.expect('a trust config', bench.run('--signing-config', path, '--trusted-root', path, '--token-file', bench.token()), OK)
    config = json.loads(peers.read(bench.world.at(CONFIGS[2])))
    config['rekorTlogUrls'][0]['url'] = 'http://rekor.example.com'
    path = peers.write(bench.at('plain.json'), json.dumps(config).encode())
    bench.expect('plain http', bench.run('--signing-config', path, '--token-file', bench.token()), USAGE, 'TLS')


def test_timestamps_of_keys(bench):
    """OpenSSL verifies the timestamp of a signature that a plain key made."""
    key = peers.write(bench.at('key.pem'), pki.key_pem(pki.ec_key()).encode())
    stamp = ['--tsa-url', bench.world.tsa.stamp_url]
    bench.expect('key', bench.run('--key', key, *stamp), OK)
    bundle = json.loads(peers.read(bench.bundle))
    stamps = bundle['verificationMaterial']['timestampVerificationData']['rfc3161Timestamps']
    peers.expect('stamps', len(stamps), 1)
    reply = peers.write(bench.at('reply.tsr'), base64.b64decode(stamps[0]['signedTimestamp']))
    data = peers.write(bench.at('signature'), base64.b64decode(bundle['dsseEnvelope']['signatures'][0]['sig']))
    done = subprocess.run(['openssl', 'ts', '-verify', '-data', data, '-in', reply, '-CAfile',
                           bench.world.at('tsa_chain.pem')], capture_output=True, text=True, check=False)
    peers.expect(f'openssl ts: {done.stdout}{done.stderr}', done.returncode, 0)
    bench.world.fault('tsa:wrong-nonce')
    bench.expect('key', bench.run('--key', key, *stamp), SIGNATURE, 'another request')
    bench.expect('no URL', bench.run('--key', key, '--tsa-url', 'ftp://x'), USAGE, 'not a URL')


def test_conformance(bench):
    """The protocol of sigstore-conformance: files and statements, signed by coffer, and by the real client for coffer."""
    adapter, token = os.path.join(bench.adapters, 'sigstore'), bench.world.token()
    artifact, bundle = peers.write(bench.at('a.txt'), b'weights'), bench.at('a.txt.bundle')
    root = ['--trusted-root', bench.world.at('trusted_root.json')]
    who = ['--certificate-identity', bench.world.email, '--certificate-oidc-issuer', bench.world.oidc.url]

    def run(*arguments, code=0):
        done = subprocess.run([adapter, *arguments], env=bench.environment, capture_output=True, text=True, check=False)
        bench.expect(arguments[0], (done.returncode, done.stderr), code)

    for log, config in enumerate(CONFIGS[1:], 1):
        sign = ['sign-bundle', '--identity-token', token, '--bundle', bundle, *root, '--signing-config', bench.world.at(config)]
        for statement in (False, True):
            run(*sign, *(['--in-toto', bench.statement] if statement else [artifact]))
            run('verify-bundle', '--bundle', bundle, *who, *root, 'sha256:' + DIGEST if statement else artifact)
            entry = json.loads(peers.read(bundle))['verificationMaterial']['tlogEntries'][0]['kindVersion']
            peers.expect('the entry', entry, {'kind': 'dsse' if statement and log == 1 else 'hashedrekord',
                                              'version': f'0.0.{log}'})
            if bench.client:
                ask = {'config': bench.world.at('trust_config.json'), 'identity': bench.world.email,
                       'issuer': bench.world.oidc.url, 'data': None if statement else 'weights'}
                answer = bench.client.ask(do='verify', bundle=peers.read(bundle).decode(), **ask)
                peers.expect(answer, answer.get('payload'), STATEMENT if statement else '')
                config_of = bench.world.at(('trust_config.json', 'trust_config_rekor_v2.json')[log - 1])
                theirs = bench.client.ask(do='sign', config=config_of, token=token,
                                          **({'statement': STATEMENT} if statement else {'data': 'weights'}))
                peers.write(bundle, theirs['bundle'].encode())
                run('verify-bundle', '--bundle', bundle, *who, *root, 'sha256:' + DIGEST if statement else artifact)
        run('verify-bundle', '--bundle', bundle, *who, *root, bench.at('token.jwt'), code=5)
    bench.world.fault('rekor1:other-entry')
    run('sign-bundle', '--identity-token', token, '--bundle', bundle, *root, '--signing-config', bench.world.at(CONFIGS[1]),
        artifact, code=SIGNATURE)


def test_command(bench):
    """The same by coffer itself: a model is signed and verified, and the real client agrees about the bundle."""
    model, bundle = bench.at('model'), bench.at('of-model.sig')
    for name in ('a.bin', 'd/b.bin'):
        peers.write(os.path.join(model, name), name.encode())
    peers.write(bench.at('of-model.jwt'), bench.world.token().encode())
    token = ['--identity-token', 'file:' + bench.at('of-model.jwt')]
    sign = ['sign', 'sigstore', model, '--signature', bundle, '--force']
    verify = ['verify', 'sigstore', model, '--signature', bundle]
    root = ['--trusted-root', bench.world.at('trusted_root.json')]
    who = ['--identity', bench.world.email, '--identity-provider', bench.world.oidc.url]

    def check():
        bench.command(*verify, *root, *who, words=bench.world.email)
        if bench.client:
            answer = bench.client.ask(do='verify', config=bench.world.at('trust_config.json'), identity=bench.world.email,
                                      issuer=bench.world.oidc.url, bundle=peers.read(bundle).decode())
            names = [r['name'] for r in json.loads(answer.get('payload', '{}')).get('predicate', {}).get('resources', [])]
            peers.expect(answer, names, ['a.bin', 'd/b.bin'])

    for config in ('trust_config.json', 'trust_config_rekor_v2.json'):
        trust = ['--trust-config', bench.world.at(config)]
        bench.command(*sign, *trust, *token)
        check()
    bench.command(*verify, *root, '--identity', 'x@example.com', *who[2:], code=SIGNATURE, words=bench.world.email)
    bench.command(*sign, '--signing-config', bench.world.at(CONFIGS[1]), *token, words='will not be verified')
    check()
    bench.command(*sign, *trust, '--quiet', person=agree)
    check()
    bench.command(*sign, *trust, '--device', person=visit)
    check()
    bench.command(*sign, *trust, '--oauth-force-oob', person=lambda *_: None, code=KEY, words='terminal')
    bench.command(*sign, *token, code=NOTFOUND, words='trust')
    bench.command('trust', 'import', bench.world.at('trust_config.json'))
    bench.command(*sign, *token)
    bench.command(*verify, *who, words=bench.world.email)
    bench.world.fault('rekor1:wrong-set')
    os.unlink(bundle)
    bench.command(*sign, *token, code=SIGNATURE, words='trusted root')
    peers.expect('a signature after a refusal', os.path.exists(bundle), False)


def test_command_with_timestamps(bench):
    model, bundle = bench.at('small'), bench.at('small.sig')
    peers.write(os.path.join(model, 'a.bin'), b'a')
    key = peers.write(bench.at('small.pem'), pki.key_pem(pki.ec_key()).encode())
    bench.command('sign', 'key', model, '--private-key', key, '--signature', bundle, '--tsa-url', bench.world.tsa.stamp_url)
    stamps = json.loads(peers.read(bundle))['verificationMaterial']['timestampVerificationData']['rfc3161Timestamps']
    peers.expect('stamps', len(stamps), 1)
    bench.command('sign', 'key', model, '--private-key', key, '--signature', bundle, '--force', '--tsa-url',
                  'http://127.0.0.1:1/', code=NET, words='127.0.0.1')


def test_a_certificate_that_expires(bench):
    """With a timestamp that is believed, the signature goes on holding; without one it does not."""
    model, bundle, key = bench.at('short'), bench.at('short.sig'), pki.ec_key()
    peers.write(os.path.join(model, 'a.bin'), b'a')
    ca, now = pki.Authority('a root', curve=pki.ec.SECP256R1), datetime.datetime.now(pki.UTC).replace(microsecond=0)
    leaf = ca.issue(key.public_key(), now - datetime.timedelta(hours=1), now + datetime.timedelta(seconds=3),
                    [(x509.KeyUsage(True, *[False] * 8), True),
                     (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), False)])
    peers.write(bench.at('leaf.pem'), pki.pem(leaf).encode())
    peers.write(bench.at('root.pem'), pki.pem(ca.certificate).encode())
    peers.write(bench.at('leaf.key'), pki.key_pem(key).encode())
    bench.command('sign', 'certificate', model, '--private-key', bench.at('leaf.key'), '--signing-certificate',
                  bench.at('leaf.pem'), '--signature', bundle, '--tsa-url', bench.world.tsa.stamp_url)
    time.sleep(4)
    verify = ['verify', 'certificate', model, '--signature', bundle, '--certificate-chain', bench.at('root.pem')]
    bench.command(*verify, code=SIGNATURE, words='expired')
    bench.command(*verify, '--tsa-chain', bench.world.at('tsa_chain.pem'), words='timestamp')


def tests_over_tls(build, python, failed):
    """A world behind https, whose CA comes by SSL_CERT_FILE; without it nobody is believed."""
    with tempfile.TemporaryDirectory() as folder, World(os.path.join(folder, 'world'), tls=True) as world:
        client = peers.Client(python, os.path.join(PEERS, 'sigstore', 'client.py'), folder, world) if python else None
        bench = Bench(build, folder, world, client)

        def test_over_https(bench):
            bench.expect('https', bench.run('--token-file', bench.token(), log=2), OK)
            bench.verify()
            bench.environment.pop('SSL_CERT_FILE')
            bench.expect('an unknown CA', bench.run('--token-file', bench.token()), NET, 'SSL_CERT_FILE')

        status = peers.run_tests({'test_over_https': test_over_https}, bench)
        if client:
            client.close()
    return failed or status


def main(build, *words):
    python = os.environ.get('COFFER_PEERS_PYTHON')
    if python and not peers.has(python, 'sigstore'):
        python = None
    if not python:
        print('without the real client: COFFER_PEERS_PYTHON does not name a Python that has it')
    tests = {name: value for name, value in globals().items() if name.startswith('test_')}
    with tempfile.TemporaryDirectory() as folder, World(os.path.join(folder, 'world')) as world:
        client = peers.Client(python, os.path.join(PEERS, 'sigstore', 'client.py'), folder, world) if python else None
        bench = Bench(os.path.abspath(build), folder, world, client)
        status = peers.run_tests(tests, bench, words, world.calm)
        if client:
            client.close()
    return status if words else tests_over_tls(os.path.abspath(build), python, status)


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
