#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys and secrets in Vault and OpenBao, through the command, against the fake of vault.py: what works, and each way in which it does not.

usage: tests/services/test_vault.py COFFER [WORD…]
"""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from rig import Bad, equal  # noqa: E402

try:
    import vault as fake
    import vault_jwt
except ImportError:
    rig.skip_all('there is no Python package cryptography')

KEY = 'hashivault://llama'
POLICY = '''
path "transit/keys/llama" { capabilities = ["read"] }
path "transit/encrypt/llama" { capabilities = ["update"] }
path "transit/decrypt/llama" { capabilities = ["update"] }
'''
ROTATOR = '''
path "transit/keys/llama" { capabilities = ["read"] }
path "transit/keys/llama/rotate" { capabilities = ["update"] }
path "transit/rewrap/llama" { capabilities = ["update"] }
'''
SECRETS = 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }'
WEIGHTS = bytes(range(256)) * 1200


class World:
    """A Vault with two keys and a store, its server, and the command with a token that may use them."""

    def __init__(self, coffer, make=fake.Vault, **more):
        self.vault = make(**more)
        admin = self.vault.admin
        admin('POST', 'sys/mounts/transit', {'type': 'transit'})
        admin('POST', 'sys/mounts/secret', {'type': 'kv', 'options': {'version': '2'}})
        for name in ('llama', 'other'):
            admin('POST', f'transit/keys/{name}', {'derived': True})
        for name, text in (('user', POLICY), ('rotator', ROTATOR), ('secrets', SECRETS)):
            admin('POST', f'sys/policies/acl/{name}', {'policy': text})
        self.server = self.vault.serve()
        self.coffer = rig.Coffer(coffer, VAULT_ADDR=self.server.url, VAULT_TOKEN=self.vault.token('user'), COFFER_KEY_TIMEOUT='20')
        self.coffer.write('m/weights.bin', WEIGHTS)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.coffer.close()
        self.server.__exit__(kind, *rest)

    def seal(self, *more, out='s', kek=KEY, **kwargs):
        return self.coffer.ok('seal', 'm', '-o', out, '--name', 'llama', '--kek', kek, *more, **kwargs)

    def open(self, *more, sealed='s', kek=KEY, **kwargs):
        """It opens, and to what was sealed."""
        shutil.rmtree(self.coffer.at('out'), ignore_errors=True)
        outcome = self.coffer.ok('open', sealed, '-o', 'out', '--kek', kek, *more, **kwargs)
        equal(self.coffer.read('out/weights.bin'), WEIGHTS)
        return outcome

    def refused(self, code, words, *more, sealed='s', kek=KEY, **kwargs):
        shutil.rmtree(self.coffer.at('out'), ignore_errors=True)
        outcome = self.coffer.expect(code, words, 'open', sealed, '-o', 'out', '--kek', kek, *more, **kwargs)
        if os.path.exists(self.coffer.at('out')):
            raise Bad('something was opened')
        return outcome

    def block(self, sealed='s'):
        return json.loads(self.coffer.read(f'{sealed}/coffer.json'))

    def recipient(self, sealed='s'):
        return self.block(sealed)['services']['recipients'][0]

    def write_block(self, block, sealed='s'):
        self.coffer.write(f'{sealed}/coffer.json', json.dumps(block, sort_keys=True, separators=(',', ':'), ensure_ascii=False) + '\n')


# ---- transit ----

def seal_and_open(w):
    w.seal('--context', 'environment=production')
    recipient = w.recipient()
    equal({k: recipient[k] for k in ('kind', 'id', 'version', 'alg')},
          {'kind': 'hashivault', 'id': 'transit/llama', 'version': '1', 'alg': 'aes256-gcm96+context'})
    w.open()
    equal(w.vault.asked('transit'), ['transit/keys/llama', 'transit/encrypt/llama', 'transit/decrypt/llama'])


def associated_data(w):
    w.vault.admin('POST', 'transit/keys/plain', {})
    token = {'VAULT_TOKEN': w.vault.root_token}
    w.seal(kek='hashivault://plain?bind=aad', env=token)
    equal(w.recipient()['alg'], 'aes256-gcm96+aad')
    w.open(kek='hashivault://plain', env=token)
    w.coffer.expect(7, ['is not derived', 'bind=aad'], 'seal', 'm', '-o', 'x', '--kek', 'hashivault://plain', env=token)
    w.coffer.expect(7, 'leave bind=aad out', 'seal', 'm', '-o', 'x', '--kek', KEY + '?bind=aad', env=token)


def keys_are_never_made_by_accident(w):
    token = {'VAULT_TOKEN': w.vault.root_token}
    w.coffer.expect(7, 'vault write -f transit/keys/new derived=true', 'seal', 'm', '-o', 'x', '--kek', 'hashivault://new', env=token)
    w.coffer.expect(7, ('no handler for route', 'check the name of the mount'), 'seal', 'm', '-o', 'x', '--kek', 'hashivault://k?mount=nowhere', env=token)
    equal(w.vault.admin('LIST', 'transit/keys')['data']['keys'], ['llama', 'other'])


def rewrap_inside_the_server(w):
    """Whoever rewraps has no right to decrypt, and nobody decrypts."""
    w.seal()
    before = w.block()
    rotator = {'VAULT_TOKEN': w.vault.token('rotator')}
    w.coffer.ok('key', 'rotate', KEY, env=rotator)
    w.vault.log.clear()
    w.coffer.ok('rewrap', 's', '--kek', KEY, '--add', KEY, env=rotator)
    after = w.block()
    equal(after['services']['recipients'][0]['version'], '2')
    equal([p for p in w.vault.asked('transit') if not p.startswith('transit/keys')], ['transit/rewrap/llama'])
    equal({k: v for k, v in after.items() if k != 'services'}, {k: v for k, v in before.items() if k != 'services'})
    w.vault.admin('POST', 'transit/keys/llama/config', {'min_decryption_version': 2})
    w.open()


def context_of_another(w):
    """What Vault itself refuses, and what the envelope alone finds."""
    w.seal()
    w.coffer.ok('seal', 'm', '-o', 's2', '--name', 'mistral', '--kek', KEY)
    mixed = w.block()
    mixed['services'] = w.block('s2')['services']
    w.write_block(mixed)
    w.refused(5, 'message authentication failed')
    w.seal(out='s3')
    renamed = w.block('s3')
    renamed['name'] = 'mistral'
    w.write_block(renamed, 's3')
    w.refused(5, 'message authentication failed', sealed='s3')


def envelope_of_another(w):
    """A key that is not derived binds nothing; what coffer puts into it does."""
    w.seal()
    block = w.block()
    w.vault.admin('POST', 'transit/keys/plain', {})
    wrapped = w.vault.admin('POST', 'transit/encrypt/plain', {'plaintext': 'A' * 86 + '=='})['data']['ciphertext']
    block['services']['recipients'][0].update(id='transit/plain', wrapped=fake.base64.b64encode(wrapped.encode()).decode())
    w.write_block(block)
    w.refused(5, 'belongs to another model', kek='hashivault://plain', env={'VAULT_TOKEN': w.vault.root_token})


def damaged_wraps(w):
    w.seal()
    good = w.block()
    for text in ('vault:v1:AAAA', 'vault:v9:AAAA', 'vault:v1:!', 'vault:1', '\x01\x02', 'vault:v1:' + 'A' * 400):
        block = json.loads(json.dumps(good))
        block['services']['recipients'][0]['wrapped'] = fake.base64.b64encode(text.encode()).decode()
        w.write_block(block)
        w.refused(5, ())


def wrong_key(w):
    w.seal()
    w.refused(7, 'transit/llama', kek='hashivault://other')
    w.refused(7, 'transit/llama', kek=KEY + '?mount=elsewhere')
    w.refused(7, 'transit/llama', kek=KEY + '?namespace=team')


def versions_that_are_too_old(w):
    w.seal()
    w.vault.admin('POST', 'transit/keys/llama/rotate')
    w.open()
    w.vault.admin('POST', 'transit/keys/llama/config', {'min_decryption_version': 2})
    w.refused(7, 'disallowed by policy (too old)')


def several_recipients_one_dead(w):
    w.coffer.ok('keygen', '-o', 'k')
    w.seal('--kek', 'hashivault://llama', '--kek', 'file:k')
    w.open()
    w.vault.sealed = True
    w.open('--kek', 'file:k')
    w.refused(7, 'Vault is sealed')


# ---- the token ----

def expired(w):
    w.seal()
    w.vault.pass_time(40 * 86400)
    w.refused(7, ['VAULT_TOKEN', 'vault login'])


def revoked_permission(w):
    w.seal()
    w.vault.admin('POST', 'sys/policies/acl/user', {'policy': 'path "transit/keys/llama" { capabilities = ["read"] }'})
    w.refused(7, ['permission denied', 'none of its policies has «update» on transit/decrypt/llama'])


def revoked_token(w):
    w.seal()
    w.vault.admin('POST', 'auth/token/revoke', {'token': w.coffer.env['VAULT_TOKEN']})
    w.refused(7, 'vault login')


def no_token(w):
    w.seal()
    w.refused(7, 'vault login', env={'VAULT_TOKEN': None})
    w.coffer.write('.vault-token', w.coffer.env['VAULT_TOKEN'] + '\n')
    w.open(env={'VAULT_TOKEN': None})
    w.open(env={'VAULT_TOKEN': None, 'BAO_ADDR': w.server.url, 'BAO_TOKEN': w.coffer.env['VAULT_TOKEN'], 'VAULT_ADDR': None})


def approle(w):
    admin = w.vault.admin
    admin('POST', 'sys/auth/loaders', {'type': 'approle'})
    admin('POST', 'auth/loaders/role/gpu', {'token_policies': ['user'], 'token_ttl': '20m', 'secret_id_num_uses': 2})
    role = admin('GET', 'auth/loaders/role/gpu/role-id')['data']['role_id']
    secret = admin('POST', 'auth/loaders/role/gpu/secret-id')['data']['secret_id']
    w.coffer.write('secret-id', secret + '\n')
    env = {'VAULT_TOKEN': None, 'COFFER_VAULT_ROLE_ID': role, 'COFFER_VAULT_SECRET_ID_FILE': 'secret-id', 'COFFER_VAULT_AUTH_MOUNT': 'loaders'}
    w.seal(env=env)
    w.open(env=env)
    w.refused(7, ['logging in at auth/loaders/login', w.vault.spent], env=env)  # it was good for two
    w.refused(3, 'secret-id', env={**env, 'COFFER_VAULT_SECRET_ID_FILE': 'no/secret-id'})


def jwt(w):
    ci = vault_jwt.Signer('ES256')
    admin = w.vault.admin
    admin('POST', 'sys/auth/jwt', {'type': 'jwt'})
    admin('POST', 'auth/jwt/config', {'jwt_validation_pubkeys': [ci.public_pem], 'bound_issuer': 'https://ci.example'})
    admin('POST', 'auth/jwt/role/build', {'role_type': 'jwt', 'bound_audiences': ['vault'], 'user_claim': 'sub', 'token_policies': ['user']})
    claims = {'iss': 'https://ci.example', 'aud': 'vault', 'sub': 'build', 'iat': int(time.time()), 'exp': int(time.time()) + 600}
    w.coffer.write('jwt', ci.jwt(claims))
    env = {'VAULT_TOKEN': None, 'COFFER_VAULT_ROLE': 'build', 'COFFER_VAULT_JWT_FILE': 'jwt'}
    w.seal(env=env)
    w.open(env=env)
    w.coffer.write('jwt', ci.jwt({**claims, 'aud': 'other'}))
    w.refused(7, ['logging in at auth/jwt/login', 'audience'], env=env)
    w.coffer.write('jwt', vault_jwt.Signer('ES256').jwt(claims))
    w.refused(7, 'token signature', env=env)


def kubernetes(w):
    authority = rig.Authority(w.coffer.folder, 'cluster')
    with rig.Server(vault_jwt.reviewed, tls=authority) as api:
        in_cluster(w, api.url, w.coffer.read('cluster.crt').decode())


def in_cluster(w, url, certificate):
    cluster = vault_jwt.Signer('RS256')
    admin = w.vault.admin
    admin('POST', 'sys/auth/kubernetes', {'type': 'kubernetes'})
    admin('POST', 'auth/kubernetes/config', {'kubernetes_host': url, 'kubernetes_ca_cert': certificate, 'pem_keys': [cluster.public_pem],
                                             'disable_local_ca_jwt': True})
    admin('POST', 'auth/kubernetes/role/serve', {'bound_service_account_names': ['loader'], 'bound_service_account_namespaces': ['ml'],
                                                 'token_policies': ['user']})
    claims = {'kubernetes.io': {'namespace': 'ml', 'serviceaccount': {'name': 'loader', 'uid': '7'}}, 'iat': int(time.time()),
              'exp': int(time.time()) + 600}
    w.coffer.write('pod-token', cluster.jwt(claims))
    env = {'VAULT_TOKEN': None, 'COFFER_VAULT_AUTH': 'kubernetes', 'COFFER_VAULT_ROLE': 'serve', 'COFFER_VAULT_JWT_FILE': 'pod-token'}
    w.seal(env=env)
    w.open(env=env)
    claims['kubernetes.io']['namespace'] = 'web'
    w.coffer.write('pod-token', cluster.jwt(claims))
    w.refused(7, ['logging in at auth/kubernetes/login', 'namespace not authorized'], env=env)


def openbao_says_less(w):
    """Of a token that ended it says the same as of one without the right: the sentences differ nonetheless."""
    w.seal()
    w.vault.admin('POST', 'sys/policies/acl/user', {'policy': 'path "transit/keys/llama" { capabilities = ["read"] }'})
    w.refused(7, 'none of its policies')
    w.vault.pass_time(40 * 86400)
    w.refused(7, 'it ended or was revoked')


# ---- the server ----

def throttled(w):
    w.seal()
    quota = {'errors': ['request path "transit/decrypt/llama": rate limit quota exceeded']}
    w.server.fault(rig.status(429, quota), times=2)
    w.open()
    w.server.fault(rig.status(429, quota, {'Retry-After': '1'}), times=1)
    equal(w.open().seconds >= 1, True, 'Retry-After was obeyed')
    w.server.fault(rig.status(429, quota, {'Retry-After': '3000'}), times=1)
    w.refused(11, ['rate limit quota exceeded', '3000 s'])
    w.server.fault(rig.status(429, quota))
    w.refused(11, 'rate limit quota exceeded')


def unreachable(w):
    w.seal()
    w.refused(7, 'Vault did not answer', env={'VAULT_ADDR': f'http://127.0.0.1:{rig.nobody()}'})
    w.refused(7, 'set VAULT_ADDR', env={'VAULT_ADDR': None})
    w.refused(2, 'TLS', env={'VAULT_ADDR': 'http://vault.example:8200'})
    w.server.fault(rig.hang(), times=9)
    w.refused(7, 'Vault', env={'COFFER_KEY_TIMEOUT': '1'})


def broken_answers(w):
    w.seal()
    for act in (rig.close_before(), rig.close_within(20), rig.status(502, 'no'), rig.status(200, '<html>'), rig.status(200, '[]')):
        w.server.fault(act)
        w.refused(7, 'Vault', env={'COFFER_KEY_RETRIES': '1'})
        w.server.heal()
    for act in (rig.close_before(), rig.status(503, {'errors': ['Vault is sealed']})):
        w.server.fault(act, times=2)
        w.open()


def sealed(w):
    w.seal()
    w.vault.sealed = True
    w.refused(7, 'Vault is sealed')
    w.coffer.expect(7, 'Vault is sealed', 'seal', 'm', '-o', 'x', '--kek', KEY)
    w.vault.sealed = False
    w.open()


def namespaces(w):
    admin = w.vault.admin
    admin('POST', 'sys/namespaces/team-a')
    admin('POST', 'sys/mounts/transit', {'type': 'transit'}, 'team-a')
    admin('POST', 'transit/keys/llama', {'derived': True}, 'team-a')
    admin('POST', 'sys/policies/acl/user', {'policy': POLICY}, 'team-a')
    env = {'VAULT_TOKEN': w.vault.token('user', namespace='team-a')}
    w.seal(kek=KEY + '?namespace=team-a', env=env)
    equal(w.recipient()['id'], 'team-a/transit/llama')
    w.open(env={**env, 'VAULT_NAMESPACE': 'team-a/'})
    w.refused(7, 'team-a/transit/llama', env=env)  # the root's key of that name is another one
    w.refused(7, 'none of its policies has «update» on team-a/transit/decrypt/llama', kek=KEY + '?namespace=team-a')


def tls(coffer):
    """A private authority, and a client's certificate."""
    with rig.Coffer(coffer) as c:
        authority, clients = rig.Authority(c.folder, 'ca'), rig.Authority(c.folder, 'clients')
        certificate, key = clients.issue('gpu-7')
        vault = fake.Vault()
        vault.admin('POST', 'sys/mounts/transit', {'type': 'transit'})
        vault.admin('POST', 'transit/keys/llama', {'derived': True})
        c.write('m/w', b'w' * 70000)
        with vault.serve(tls=authority, client_ca=clients) as server:
            env = {'VAULT_ADDR': server.url, 'VAULT_TOKEN': vault.root_token, 'VAULT_CACERT': authority.ca, 'VAULT_CLIENT_CERT': certificate,
                   'VAULT_CLIENT_KEY': key, 'COFFER_KEY_RETRIES': '0'}
            c.ok('seal', 'm', '-o', 's', '--kek', KEY, env=env)
            equal({r.client['commonName'] for r in server.log}, {'gpu-7'})
            c.ok('check', 's', '--kek', KEY, env=env)
            c.expect(7, 'Vault did not answer', 'check', 's', '--kek', KEY, env={**env, 'VAULT_CACERT': None})
            c.expect(7, 'Vault did not answer', 'check', 's', '--kek', KEY, env={**env, 'VAULT_CLIENT_CERT': None, 'VAULT_CLIENT_KEY': None})
            bao = {name.replace('VAULT_', 'BAO_'): value for name, value in env.items()}
            c.ok('check', 's', '--kek', KEY, env=bao)


# ---- KV ----

def kek_in_the_store(w):
    env = {'VAULT_TOKEN': w.vault.token('secrets')}
    kek = 'vaultkv://secret/model/llama'
    w.coffer.expect(7, f'coffer key rotate {kek}#kek', 'seal', 'm', '-o', 'x', '--kek', kek, env=env)
    w.coffer.ok('key', 'rotate', kek, env=env)
    w.seal(kek=kek, env=env)
    equal({k: w.recipient()[k] for k in ('kind', 'id', 'version')},
          {'kind': 'vaultkv', 'id': 'secret/model/llama#kek', 'version': '1'})
    w.open(kek=kek, env=env)
    w.coffer.ok('key', 'rotate', kek, env=env)
    w.open(kek=kek, env=env)
    w.coffer.ok('rewrap', 's', '--kek', kek, '--add', kek, env=env)
    equal(w.recipient()['version'], '2')
    w.coffer.ok('secret', 'delete', kek, '--versions', '1', env=env)
    w.open(kek=kek, env=env)
    w.coffer.ok('secret', 'delete', kek, env=env)
    w.refused(7, 'version 2 of secret/model/llama#kek was deleted', kek=kek, env=env)
    w.coffer.ok('secret', 'delete', kek, '--undelete', '--versions', '2', env=env)
    w.open(kek=kek, env=env)
    w.refused(7, 'none of its policies has «read» on secret/data/model/llama', kek=kek)


def rotation_in_the_store_loses_nothing(w):
    env = {'VAULT_TOKEN': w.vault.token('secrets')}
    w.coffer.ok('secret', 'put', 'vaultkv://secret/a#note', env=env, stdin=b'keep me')
    w.coffer.ok('key', 'rotate', 'vaultkv://secret/a', env=env)
    equal(w.coffer.ok('secret', 'get', 'vaultkv://secret/a#note', env=env).out, 'keep me')
    # somebody writes between reading and writing
    w.server.fault(lambda exchange, make: (w.vault.admin('POST', 'secret/data/a', {'data': {'note': 'theirs'}}), exchange.send(make())),
                   times=1, when=lambda r: r.method == 'POST')
    w.coffer.expect(10, 'changed by somebody else', 'key', 'rotate', 'vaultkv://secret/a', env=env)
    equal(w.coffer.ok('secret', 'get', 'vaultkv://secret/a#note', env=env).out, 'theirs')


def secrets(w):
    c, env = w.coffer, {'VAULT_TOKEN': w.vault.token('secrets')}
    uri = 'vaultkv://secret/app/db#password'
    c.ok('secret', 'put', uri, env=env, stdin=b'pass "word"\n')
    equal(c.ok('secret', 'get', uri, env=env).out, 'pass "word"\n')
    c.write('value', 'zwei\u00e9')
    equal(json.loads(c.ok('secret', 'put', uri, '--file', 'value', '--json', env=env).out)['version'], 2)
    equal(c.ok('secret', 'get', uri, '--version', '1', env=env).out, 'pass "word"\n')
    c.ok('secret', 'get', uri, '-o', 'out', env=env)
    equal((c.read('out').decode(), os.stat(c.at('out')).st_mode & 0o777), ('zwei\u00e9', 0o600))
    c.expect(10, 'out', 'secret', 'get', uri, '-o', 'out', env=env)
    c.ok('secret', 'get', uri, '-o', 'out', '--force', env=env)
    binary = bytes(range(256))
    c.expect(2, '--binary', 'secret', 'put', uri + '2', env=env, stdin=binary)
    c.ok('secret', 'put', uri + '2', '--binary', env=env, stdin=binary)
    c.ok('secret', 'get', uri + '2', '--binary', '-o', 'bin', env=env)
    equal(c.read('bin'), binary)
    equal(c.ok('secret', 'get', uri, env=env).out, 'zwei\u00e9')  # the other field stayed
    c.expect(10, 'is 3 and not 2', 'secret', 'put', uri, '--latest', '2', env=env, stdin=b'x')
    c.ok('secret', 'put', uri, '--latest', '3', env=env, stdin=b'x')
    c.expect(10, 'is 4 and not 0', 'secret', 'put', uri, '--latest', '0', env=env, stdin=b'x')
    c.ok('secret', 'put', 'vaultkv://secret/new', '--latest', '0', env=env, stdin=b'x')
    equal(c.ok('secret', 'list', 'vaultkv://secret', env=env).out, 'app/\nnew\n')
    equal(json.loads(c.ok('secret', 'list', 'vaultkv://secret/app', '--json', env=env).out), {'secrets': ['db']})
    c.expect(3, 'nothing in secret/none', 'secret', 'list', 'vaultkv://secret/none', env=env)
    c.expect(3, 'no field «other»', 'secret', 'get', 'vaultkv://secret/app/db#other', env=env)
    c.expect(2, 'never goes on the command line', 'secret', 'put', uri, 'hunter2', env=env)
    c.expect(2, '1 to', 'secret', 'put', uri, env=env)
    c.expect(2, '1 to', 'secret', 'put', uri, env=env, stdin=b'a' * 262145)
    c.ok('secret', 'put', uri, env=env, stdin=b'a' * 262144)


def odd_names(w):
    """Names are whoever's who may write there, and do not speak to the terminal.  Vault refuses such names unless it is told not to."""
    w.vault.admin('POST', 'secret/data/odd/\u009b2J', {'data': {'a': 'b'}})
    equal(w.coffer.ok('secret', 'list', 'vaultkv://secret/odd', env={'VAULT_TOKEN': w.vault.token('secrets')}).out, '?2J\n')


def deleting_secrets(w):
    c, env = w.coffer, {'VAULT_TOKEN': w.vault.token('secrets')}
    uri = 'vaultkv://secret/app'
    for value in (b'one', b'two', b'three'):
        c.ok('secret', 'put', uri, env=env, stdin=value)
    c.ok('secret', 'delete', uri, env=env)
    c.expect(3, 'version 3 of secret/app#value was deleted', 'secret', 'get', uri, env=env)
    equal(c.ok('secret', 'get', uri, '--version', '2', env=env).out, 'two')
    c.ok('secret', 'delete', uri, '--versions', '3', '--undelete', env=env)
    equal(c.ok('secret', 'get', uri, env=env).out, 'three')
    c.ok('secret', 'delete', uri, '--destroy', '--versions', '1', '--versions', '2', env=env)
    c.expect(3, 'destroyed for ever', 'secret', 'get', uri, '--version', '2', env=env)
    c.expect(2, 'with all of its fields', 'secret', 'delete', uri + '#value', env=env)
    c.expect(2, '--versions', 'secret', 'delete', uri, '--undelete', env=env)
    c.ok('secret', 'delete', uri, '--destroy', '--yes', env=env)
    c.expect(3, 'has no secret', 'secret', 'get', uri, env=env)


def secrets_in_place_of_files(w):
    c, env = w.coffer, {'VAULT_TOKEN': w.vault.token('secrets', 'user')}
    c.ok('secret', 'put', 'vaultkv://secret/pass', env=env, stdin=b'correct horse\nsecond line\n')
    w.seal(kek='passphrase:file=vaultkv://secret/pass', env=env)
    c.write('pass', 'correct horse')
    w.open(kek='passphrase:file=pass')
    c.ok('keygen', '--kind', 'p256', '-o', 'sign.key', '--passphrase-file', 'vaultkv://secret/pass', env=env)
    c.ok('sign', 'key', '--private-key', 'sign.key', '--passphrase-file', 'vaultkv://secret/pass', '--signature', 'sig', 'm', env=env)
    c.ok('verify', 'key', '--public-key', 'sign.key.pub', '--signature', 'sig', 'm')
    c.ok('secret', 'put', 'vaultkv://secret/signing#key', '--file', 'sign.key', env=env)
    for password in (['--passphrase-file', 'pass'], ['--password', 'vaultkv://secret/pass']):
        c.ok('sign', 'key', '--private-key', 'vaultkv://secret/signing#key', *password, '--signature', 'sig2', 'm', env=env)
        c.ok('verify', 'key', '--public-key', 'sign.key.pub', '--signature', 'sig2', 'm')
        os.unlink(c.at('sig2'))
    raw = bytes(range(32))
    c.write('raw.key', raw)
    c.ok('keygen', '-o', 'aes.key')
    for name, more in (('raw', ['--binary']), ('aes', [])):
        kept = f'vaultkv://secret/{name}#key'
        c.ok('secret', 'put', kept, '--file', f'{name}.key', *more, env=env)
        w.seal(kek=f'file:{kept}', out=name, env=env)
        c.ok('check', name, '--kek', f'file:{name}.key')
        c.ok('convert', name, '--file', 'weights.bin', '--from', 'coffer', '--to', 'cnap', '--kek', f'file:{kept}', '-o', f'{name}.cnap', env=env)
        c.ok('open', f'{name}.cnap', '--from', 'cnap', '--kek', f'file:{name}.key', '-o', f'{name}.plain')
        c.ok('encrypt', 'aes-256', '--encryption-key', kept, f'{name}.plain', env=env)
        c.ok('decrypt', 'aes-256', '--encryption-key', f'{name}.key', f'{name}.plain')
    c.expect(7, 'is neither 32 raw bytes', 'check', 'raw', '--kek', 'file:vaultkv://secret/pass', env=env)
    c.expect(3, 'the passphrase: Vault at', 'open', 's', '-o', 'x', '--kek', 'passphrase:file=vaultkv://secret/none', env=env)


# ---- environments ----

def environments(w):
    """With the policies that coffer itself writes: a loader of development opens nothing of production, a publisher opens nothing."""
    root = {'VAULT_TOKEN': w.vault.root_token}
    template = 'hashivault://model-{environment}-{name}'
    tokens = {}
    for environment in ('development', 'production'):
        w.vault.admin('POST', f'transit/keys/model-{environment}-llama', {'derived': True})
        for role in ('publisher', 'loader', 'rotator'):
            more = ['--model', 'llama'] if role == 'rotator' else []
            w.coffer.ok('key', 'policy', '--provider', 'hashivault', '--environment', environment, '--role', role, *more, '--apply', env=root)
            tokens[environment, role] = {'VAULT_TOKEN': w.vault.token(f'coffer-{environment}-{role}')}
        w.seal('--environment', environment, out=environment, kek=template, env=tokens[environment, 'publisher'])
        w.open(sealed=environment, kek=template, env=tokens[environment, 'loader'])
        w.refused(7, 'none of its policies', sealed=environment, kek=template, env=tokens[environment, 'publisher'])
        w.refused(7, 'none of its policies', sealed=environment, kek=template, env=tokens[environment, 'rotator'])
        w.coffer.ok('key', 'rotate', f'hashivault://model-{environment}-llama', env=tokens[environment, 'rotator'])
        w.coffer.ok('rewrap', environment, '--kek', template, '--add', template, env=tokens[environment, 'rotator'])
        equal(w.recipient(environment)['version'], '2')
    for kek in (template, 'hashivault://model-production-llama'):
        w.refused(7, 'none of its policies', sealed='production', kek=kek, env=tokens['development', 'loader'])
    w.coffer.expect(7, 'none of its policies', 'seal', 'm', '-o', 'x', '--name', 'llama', '--environment', 'production', '--kek', template,
                    env=tokens['development', 'publisher'])
    w.coffer.expect(7, 'none of its policies', 'key', 'rotate', 'hashivault://model-production-llama', env=tokens['development', 'rotator'])


# ---- what nobody may see ----

def writes_of(w, argv, env, stdin):
    """What the command wrote anywhere but to the server, as strace has it with all bytes in hexadecimal, and what it said."""
    trace = w.coffer.at('trace')
    done = subprocess.run(['strace', '-f', '-xx', '-s', '100000', '-o', trace, '-e', 'trace=write,writev,pwrite64,execve,openat',
                           w.coffer.command, *argv], cwd=w.coffer.folder, env={**env, 'ASAN_OPTIONS': 'detect_leaks=0'}, input=stdin, capture_output=True, check=False)
    equal(done.returncode, 0, f'{argv}: {done.stderr.decode()}')
    with open(trace, encoding='ascii') as file:
        lines = file.readlines()
    if not any('execve' in line for line in lines):
        raise Bad('strace saw nothing')
    return [*lines, ''.join(f'\\x{b:02x}' for b in done.stdout + done.stderr)]


def nothing_leaks(w):
    """Neither a token, nor the secret id, nor a value, nor the DEK stands in any argument, name or write but to the server."""
    if not shutil.which('strace'):
        raise Bad('strace is not installed: apt install strace')
    admin = w.vault.admin
    admin('POST', 'sys/auth/approle', {'type': 'approle'})
    admin('POST', 'auth/approle/role/gpu', {'token_policies': ['user', 'secrets']})
    role = admin('GET', 'auth/approle/role/gpu/role-id')['data']['role_id']
    secret_id = admin('POST', 'auth/approle/role/gpu/secret-id')['data']['secret_id']
    w.coffer.write('secret-id', secret_id)
    env = {**w.coffer.env, 'COFFER_VAULT_ROLE_ID': role, 'COFFER_VAULT_SECRET_ID_FILE': 'secret-id'}
    env.pop('VAULT_TOKEN')
    value, kek = b'the-value-of-the-secret', 'vaultkv://secret/kek'
    lines = []
    for argv, stdin in ((('seal', 'm', '-o', 's', '--kek', KEY), b''), (('open', 's', '-o', 'out', '--kek', KEY), b''),
                        (('secret', 'put', 'vaultkv://secret/x'), value), (('key', 'rotate', kek), b''),
                        (('seal', 'm', '-o', 's2', '--kek', kek), b''), (('open', 's2', '-o', 'out2', '--kek', kek), b'')):
        lines += writes_of(w, argv, env, stdin)
    block = w.block()
    binding = json.dumps({k: block[k] for k in ('context', 'model_id', 'name', 'version')}, sort_keys=True, separators=(',', ':'))
    envelope = fake.base64.b64decode(admin('POST', 'transit/decrypt/llama', {
        'ciphertext': fake.base64.b64decode(w.recipient()['wrapped']).decode(),
        'context': fake.base64.b64encode(binding.encode()).decode()})['data']['plaintext'])
    equal(len(envelope), 64)
    text = admin('GET', 'secret/data/kek')['data']['data']['kek'].encode()
    hidden = [secret_id.encode(), value, text, fake.base64.b64decode(text), envelope[:32], fake.base64.b64encode(envelope)[:40],
              *[t.encode() for t in w.vault.tokens]]
    if not any(''.join(f'\\x{b:02x}' for b in value) in line
               for line in writes_of(w, ('secret', 'get', 'vaultkv://secret/x', '-o', 'got'), env, b'')):
        raise Bad('what is written on purpose was not seen either')
    for word in hidden:
        seen = ''.join(f'\\x{b:02x}' for b in word)
        for line in lines:
            if seen in line:
                raise Bad(f'a secret is in: {line[:200]}')


CASES = [seal_and_open, associated_data, keys_are_never_made_by_accident, rewrap_inside_the_server, context_of_another, envelope_of_another,
         damaged_wraps, wrong_key, versions_that_are_too_old, several_recipients_one_dead, expired, revoked_permission, revoked_token, no_token,
         approle, jwt, kubernetes, throttled, unreachable, broken_answers, sealed, namespaces, kek_in_the_store,
         rotation_in_the_store_loses_nothing, secrets, odd_names, deleting_secrets, secrets_in_place_of_files, environments, nothing_leaks]


def in_world(coffer, case, **more):
    with World(coffer, **more) as w:
        case(w)


def main():
    coffer = sys.argv[1]
    report = rig.Report(sys.argv[2:])
    for case in CASES:
        report.check(case.__name__, in_world, coffer, case)
    report.check('openbao_says_less', in_world, coffer, openbao_says_less, openbao=True)
    report.check('tls', tls, coffer)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
