#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fake of Vault (vault.py) against hvac, the client that people use with Vault: each thing that coffer relies on.

usage: COFFER_PEERS_CLOUD=PYTHON tests/services/vault_sdk.py

PYTHON is an interpreter that has hvac.  Without it this is skipped.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import rig  # noqa: E402
from rig import equal  # noqa: E402


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def expect(kind, call, *args, words='', **kwargs):
    """The call fails with this exception of hvac, whose text holds the words."""
    try:
        call(*args, **kwargs)
    except kind as error:
        if words not in str(error):
            raise rig.Bad(f'{error} does not say {words}') from error
        return
    raise rig.Bad(f'{call} was done')


class World:
    """A fake, its server, and clients of it."""

    def __init__(self, hvac, vault, server):
        self.hvac, self.vault, self.server = hvac, vault, server

    def client(self, token=None, namespace=None):
        return self.hvac.Client(url=self.server.url, token=token or self.vault.root_token, namespace=namespace)


def transit_round_trip(w):
    c, x = w.client(), w.hvac.exceptions
    c.sys.enable_secrets_engine('transit')
    c.secrets.transit.create_key('k', derived=True)
    data = c.secrets.transit.read_key('k')['data']
    equal((data['type'], data['derived'], data['latest_version'], data['kdf']), ('aes256-gcm96', True, 1, 'hkdf_sha256'))
    sealed = c.secrets.transit.encrypt_data('k', plaintext=b64('dek'), context=b64('llama'))['data']['ciphertext']
    equal(sealed[:9], 'vault:v1:')
    equal(c.secrets.transit.decrypt_data('k', ciphertext=sealed, context=b64('llama'))['data']['plaintext'], b64('dek'))
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'k', ciphertext=sealed, context=b64('other'), words='message authentication failed')
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'k', ciphertext=sealed, words="missing 'context'")
    expect(x.InvalidRequest, c.secrets.transit.encrypt_data, 'k', plaintext=b64('dek'), words="missing 'context'")
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'k', ciphertext='vault:v9:' + sealed[9:], context=b64('llama'), words='too new')
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'no', ciphertext=sealed, words='encryption key not found')
    expect(x.InvalidPath, c.secrets.transit.read_key, 'no')
    expect(x.InvalidPath, c.secrets.transit.read_key, 'k', mount_point='nowhere', words='no handler for route')


def transit_versions(w):
    c, x = w.client(), w.hvac.exceptions
    c.secrets.transit.create_key('v', derived=True)
    old = c.secrets.transit.encrypt_data('v', plaintext=b64('dek'), context=b64('c'))['data']['ciphertext']
    c.secrets.transit.rotate_key('v')
    equal(c.secrets.transit.read_key('v')['data']['latest_version'], 2)
    new = c.secrets.transit.rewrap_data('v', ciphertext=old, context=b64('c'))['data']['ciphertext']
    equal(new[:9], 'vault:v2:')
    equal(c.secrets.transit.decrypt_data('v', ciphertext=new, context=b64('c'))['data']['plaintext'], b64('dek'))
    expect(x.InvalidRequest, c.secrets.transit.rewrap_data, 'v', ciphertext=old, context=b64('d'), words='message authentication failed')
    c.secrets.transit.update_key_configuration('v', min_decryption_version=2)
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'v', ciphertext=old, context=b64('c'), words='disallowed by policy (too old)')
    equal(list(c.secrets.transit.read_key('v')['data']['keys']), ['2'])
    equal(c.secrets.transit.list_keys()['data']['keys'], ['k', 'v'])
    expect(x.InvalidRequest, c.secrets.transit.delete_key, 'v', words='deletion is not allowed')


def transit_associated_data(w):
    c, x = w.client(), w.hvac.exceptions
    c.secrets.transit.create_key('a')
    sealed = c.secrets.transit.encrypt_data('a', plaintext=b64('dek'), associated_data=b64('m'))['data']['ciphertext']
    equal(c.secrets.transit.decrypt_data('a', ciphertext=sealed, associated_data=b64('m'))['data']['plaintext'], b64('dek'))
    expect(x.InvalidRequest, c.secrets.transit.decrypt_data, 'a', ciphertext=sealed, associated_data=b64('n'), words='authentication failed')
    expect(x.InvalidRequest, c.secrets.transit.rewrap_data, 'a', ciphertext=sealed, words='message authentication failed')


def transit_upsert(w):
    """Encrypting with a key that is not there makes it, for who may create: coffer must look first."""
    c = w.client()
    c.secrets.transit.encrypt_data('fresh', plaintext=b64('x'), context=b64('c'))
    equal(c.secrets.transit.read_key('fresh')['data']['derived'], True)
    c.sys.create_or_update_acl_policy('update-only', 'path "transit/encrypt/*" { capabilities = ["update"] }')
    low = w.client(w.vault.token('update-only'))
    expect(w.hvac.exceptions.Forbidden, low.secrets.transit.encrypt_data, 'newer', plaintext=b64('x'), words='permission denied')


def kv(w):
    c, x = w.client(), w.hvac.exceptions
    c.sys.enable_secrets_engine('kv', path='secret', options={'version': '2'})
    v2 = c.secrets.kv.v2
    equal(v2.create_or_update_secret('app/key', {'kek': 'one', 'user': 'u'}, cas=0)['data']['version'], 1)
    expect(x.InvalidRequest, v2.create_or_update_secret, 'app/key', {'kek': 'two'}, cas=0, words='did not match the current version')
    equal(v2.create_or_update_secret('app/key', {'kek': 'two'}, cas=1)['data']['version'], 2)
    equal(v2.read_secret_version('app/key', raise_on_deleted_version=True)['data']['data'], {'kek': 'two'})
    equal(v2.read_secret_version('app/key', version=1, raise_on_deleted_version=True)['data']['data']['user'], 'u')
    v2.delete_latest_version_of_secret('app/key')
    gone = v2.read_secret_version('app/key', raise_on_deleted_version=False)['data']
    equal((gone['data'], gone['metadata']['version'], gone['metadata']['deletion_time'] != ''), (None, 2, True))
    expect(x.InvalidPath, v2.read_secret_version, 'app/key', raise_on_deleted_version=True)
    v2.undelete_secret_versions('app/key', [2])
    equal(v2.read_secret_version('app/key', raise_on_deleted_version=True)['data']['data'], {'kek': 'two'})
    v2.delete_secret_versions('app/key', [1])
    v2.destroy_secret_versions('app/key', [1])
    v2.undelete_secret_versions('app/key', [1])
    equal(v2.read_secret_metadata('app/key')['data']['versions']['1']['destroyed'], True)
    v2.patch('app/key', {'more': 'm'})
    equal(v2.read_secret_version('app/key', raise_on_deleted_version=True)['data']['data'], {'kek': 'two', 'more': 'm'})
    v2.create_or_update_secret('other', {'a': 'b'})
    equal(v2.list_secrets('')['data']['keys'], ['app/', 'other'])
    equal(v2.list_secrets('app')['data']['keys'], ['key'])
    expect(x.InvalidPath, v2.list_secrets, 'nothing')
    expect(x.InvalidPath, v2.read_secret_version, 'never', raise_on_deleted_version=True)
    v2.delete_metadata_and_all_versions('app/key')
    expect(x.InvalidPath, v2.read_secret_metadata, 'app/key')


def tokens(w):
    c, x = w.client(), w.hvac.exceptions
    made = c.auth.token.create(policies=['default'], ttl='60s')['auth']
    equal((made['lease_duration'], made['renewable']), (60, True))
    mine = w.client(made['client_token'])
    equal(mine.is_authenticated(), True)
    w.vault.pass_time(40)
    equal(mine.auth.token.lookup_self()['data']['ttl'] in (19, 20), True)
    equal(mine.auth.token.renew_self()['auth']['lease_duration'] in (59, 60), True)
    w.vault.pass_time(61)
    expect(x.Forbidden, mine.auth.token.lookup_self, words='permission denied')
    equal(mine.is_authenticated(), False)
    other = c.auth.token.create(policies=['default'], ttl='60s', renewable=False)['auth']['client_token']
    expect(x.InvalidRequest, w.client(other).auth.token.renew_self, words='not renewable')
    w.client(other).auth.token.revoke_self()
    expect(x.Forbidden, w.client(other).auth.token.lookup_self)
    third = c.auth.token.create(policies=['default'])['auth']['client_token']
    c.auth.token.revoke(third)
    expect(x.Forbidden, w.client(third).auth.token.lookup_self)


def approle(w):
    c, x = w.client(), w.hvac.exceptions
    c.sys.enable_auth_method('approle')
    c.auth.approle.create_or_update_approle('loader', token_policies=['p'], token_ttl='30s', token_max_ttl='90s', secret_id_num_uses=2)
    role = c.auth.approle.read_role_id('loader')['data']['role_id']
    secret = c.auth.approle.generate_secret_id('loader')['data']['secret_id']
    for _ in range(2):
        auth = w.client('').auth.approle.login(role, secret)['auth']
        equal((auth['lease_duration'], auth['policies']), (30, ['default', 'p']))
    expect((x.InvalidRequest, x.InternalServerError), w.client('').auth.approle.login, role, secret, words=w.vault.spent)
    expect(x.InvalidRequest, w.client('').auth.approle.login, 'nobody', secret, words=w.vault.unknown)
    mine = w.client(auth['client_token'])
    for _ in range(5):
        w.vault.pass_time(20)
        if mine.is_authenticated():
            mine.auth.token.renew_self()
    equal(mine.is_authenticated(), False)  # past token_max_ttl


def jwt_logins(w):
    import vault_jwt  # pylint: disable=import-outside-toplevel
    c, x = w.client(), w.hvac.exceptions
    key, stranger = vault_jwt.Signer('ES256'), vault_jwt.Signer('RS256')
    c.sys.enable_auth_method('jwt', path='ci')
    c.auth.jwt.configure(jwt_validation_pubkeys=[key.public_pem], bound_issuer='https://ci.example', path='ci')
    c.auth.jwt.create_role('build', role_type='jwt', user_claim='sub', allowed_redirect_uris=[], bound_audiences=['vault'], token_policies=['p'],
                           token_ttl=60, path='ci')
    good = {'iss': 'https://ci.example', 'aud': 'vault', 'sub': 'build', 'iat': int(time.time()) + w.vault.skew, 'exp': int(time.time()) + 600 + w.vault.skew}
    equal(w.client('').auth.jwt.jwt_login('build', key.jwt(good), path='ci')['auth']['lease_duration'], 60)
    for claims, signer, words in (({**good, 'aud': 'other'}, key, 'audience'), ({**good, 'iss': 'x'}, key, 'issuer'),
                                  ({**good, 'exp': 5}, key, 'expired'),
                                  ({k: v for k, v in good.items() if k != 'iat'}, key, 'not yet valid'), (good, stranger, 'signature')):
        expect(x.InvalidRequest, w.client('').auth.jwt.jwt_login, 'build', signer.jwt(claims), path='ci', words=words)
    c.sys.enable_auth_method('kubernetes')
    # hvac takes certificates alone for pem_keys, Vault public keys too
    with tempfile.TemporaryDirectory() as folder:
        authority = rig.Authority(folder, 'cluster')
        with open(authority.ca, encoding='ascii') as file, rig.Server(vault_jwt.reviewed, tls=authority) as api:
            c.adapter.post('/v1/auth/kubernetes/config', json={'kubernetes_host': api.url, 'kubernetes_ca_cert': file.read(),
                                                               'pem_keys': [stranger.public_pem], 'disable_local_ca_jwt': True})
            pods(w, stranger, key)


def pods(w, stranger, key):
    c, x = w.client(), w.hvac.exceptions
    c.auth.kubernetes.create_role('serve', bound_service_account_names=['loader'], bound_service_account_namespaces=['ml'], policies=['p'])
    now = int(time.time()) + w.vault.skew
    pod = {'kubernetes.io': {'namespace': 'ml', 'serviceaccount': {'name': 'loader', 'uid': '7'}}, 'iat': now, 'exp': now + 600}
    equal('p' in w.client('').auth.kubernetes.login('serve', stranger.jwt(pod))['auth']['policies'], True)
    expect(x.Forbidden, w.client('').auth.kubernetes.login, 'serve', key.jwt(pod))
    pod['kubernetes.io']['namespace'] = 'web'
    expect(x.Forbidden, w.client('').auth.kubernetes.login, 'serve', stranger.jwt(pod), words='namespace not authorized')


def policies(w):
    c, x = w.client(), w.hvac.exceptions
    c.sys.create_or_update_acl_policy('dev', '''
# the longest prefix decides, an exact path before it
path "secret/data/*" { capabilities = ["read"] }
path "secret/data/prod/*" { capabilities = ["deny"] }
path "secret/data/prod/open" { capabilities = ["read"] }
path "secret/+/team/*" { capabilities = ["list"] }
''')
    for name in ('x', 'prod/secret', 'prod/open'):
        c.secrets.kv.v2.create_or_update_secret(name, {'a': 'b'})
    mine = w.client(w.vault.token('dev'))
    for name in ('x', 'prod/open'):
        equal(mine.secrets.kv.v2.read_secret_version(name, raise_on_deleted_version=True)['data']['data'], {'a': 'b'})
    expect(x.Forbidden, mine.secrets.kv.v2.read_secret_version, 'prod/secret', raise_on_deleted_version=True)
    equal(mine.sys.get_capabilities(['secret/data/x', 'secret/data/prod/secret'])['data']['secret/data/x'], ['read'])
    expect(x.Forbidden, mine.secrets.kv.v2.create_or_update_secret, 'x', {'a': 'c'})
    expect(x.InvalidRequest, c.sys.create_or_update_acl_policy, 'bad', 'path "a" { capabilities = ["fly"] }', words='invalid capability')
    c.sys.delete_acl_policy('dev')
    expect(x.Forbidden, mine.secrets.kv.v2.read_secret_version, 'x', raise_on_deleted_version=True)


def namespaces(w):
    c, x = w.client(), w.hvac.exceptions
    c.sys.create_namespace('team-a')
    a = w.client(namespace='team-a')
    a.sys.enable_secrets_engine('transit')
    a.secrets.transit.create_key('k', derived=True)
    expect(x.InvalidPath, c.secrets.transit.read_key, 'team-a-only')
    a.sys.create_or_update_acl_policy('p', 'path "transit/keys/k" { capabilities = ["read"] }')
    token = w.vault.token('p', namespace='team-a')
    equal(w.client(token, 'team-a').secrets.transit.read_key('k')['data']['latest_version'], 1)
    expect(x.Forbidden, w.client(token).secrets.transit.read_key, 'k')
    expect(x.InvalidPath, w.client(namespace='team-b').secrets.transit.read_key, 'k')


def seal_and_faults(w):
    c, x = w.client(), w.hvac.exceptions
    w.vault.sealed = True
    equal(c.sys.is_sealed(), True)
    expect(x.VaultDown, c.secrets.transit.read_key, 'k', words='sealed')
    w.vault.sealed = False
    w.server.fault(rig.status(429, {'errors': ['request path "transit/keys/k": rate limit quota exceeded']}), times=1)
    expect(x.RateLimitExceeded, c.secrets.transit.read_key, 'k', words='quota exceeded')
    equal(c.secrets.transit.read_key('k')['data']['latest_version'], 1)
    if not w.vault.need_request_header:
        return
    bare = w.hvac.Client(url=w.server.url, token=w.vault.root_token)
    bare.adapter.request_header = False
    expect(x.UnexpectedError, bare.secrets.transit.read_key, 'k', words="missing 'X-Vault-Request' header")


CASES = [transit_round_trip, transit_versions, transit_associated_data, transit_upsert, kv, tokens, approle, jwt_logins, policies, namespaces,
         seal_and_faults]


def main():
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if os.environ.get('COFFER_VAULT_SDK') != '1':
        if not python or subprocess.run([python, '-c', 'import hvac, cryptography'], stderr=subprocess.DEVNULL, check=False).returncode:
            print('COFFER_PEERS_CLOUD names no Python with hvac and cryptography')
            return 77
        return subprocess.run([python, __file__], env={**os.environ, 'COFFER_VAULT_SDK': '1'}, check=False).returncode
    import hvac  # pylint: disable=import-outside-toplevel
    import vault as fake  # pylint: disable=import-outside-toplevel
    report = rig.Report(sys.argv[1:])
    vault = fake.Vault()
    with vault.serve() as server:
        world = World(hvac, vault, server)
        for case in CASES:
            report.check(case.__name__, case, world)
    with_itself(hvac, report)
    return report.end()


def with_itself(hvac, report):
    """The same cases with a real Vault, where there is one: so the fake does as that does."""
    import vault_itself  # pylint: disable=import-outside-toplevel
    if not os.environ.get('COFFER_PEERS_VAULT'):
        report.skip('the same with Vault itself', 'COFFER_PEERS_VAULT names no Vault')
        return
    vault = vault_itself.Vault()
    try:
        with vault.serve() as server:
            world = World(hvac, vault, server)
            for case in CASES:
                if case is not namespaces:  # only what is sold has them
                    vault_itself.check(report, case, world)
    finally:
        vault.stop()


if __name__ == '__main__':
    sys.exit(main())
