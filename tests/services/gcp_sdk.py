#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fake of Google Cloud (gcp.py) against google-cloud-kms and google-auth, the clients that people use: each thing that coffer relies on.

usage: COFFER_PEERS_CLOUD=PYTHON tests/services/gcp_sdk.py

PYTHON is an interpreter that has both.  Without it this is skipped.
"""
import importlib
import json
import os
import sys
import tempfile
import time

import cloud_peers

cloud_peers.need('google.cloud.kms, cryptography')

# pylint: disable=wrong-import-position
import google.auth  # noqa: E402
from google.api_core import exceptions as errors  # noqa: E402
from google.auth import compute_engine, identity_pool  # noqa: E402
from google.auth import exceptions as auth_errors  # noqa: E402
from google.auth.compute_engine import _metadata  # noqa: E402
from google.auth.transport.requests import Request  # noqa: E402
from google.cloud import kms  # noqa: E402
from google.oauth2 import credentials as oauth2  # noqa: E402
from google.oauth2 import service_account  # noqa: E402

import cloud_jwt  # noqa: E402
import gcp as fake  # noqa: E402
import rig  # noqa: E402
from rig import equal  # noqa: E402

SCOPES = [fake.CLOUDKMS]
KEY = fake.RING_NAME + '/cryptoKeys/llama'
EMAIL = 'publisher@prj.iam.gserviceaccount.com'
AUDIENCE = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci'


def refused(kind, function, *args, words='', **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        if words not in str(error):
            raise rig.Bad(f'{error!r} does not say «{words}»') from error
        return
    raise rig.Bad(f'{function} was done')


class World:
    def __init__(self, folder):
        self.folder, self.gcp = folder, fake.Gcp()
        self.server = self.gcp.serve()
        self.member = self.gcp.add_account(EMAIL)

    def write(self, name, doc):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(doc if isinstance(doc, str) else json.dumps(doc))
        return path

    def credentials(self, scopes=SCOPES):
        return service_account.Credentials.from_service_account_info(self.gcp.account_file(EMAIL), scopes=scopes)

    def client(self, credentials=None):
        return kms.KeyManagementServiceClient(credentials=credentials or self.credentials(), transport='rest',
                                              client_options={'api_endpoint': self.server.url})


def keys_and_versions(w):
    c = w.client()
    w.gcp.grant('roles/cloudkms.admin', w.member)
    location, ring = fake.RING_NAME.split('/keyRings/')
    equal(c.create_key_ring(parent=location, key_ring_id=ring, key_ring={}).name, fake.RING_NAME)
    made = c.create_crypto_key(parent=fake.RING_NAME, crypto_key_id='llama', crypto_key={'purpose': kms.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT})
    equal(made.name, KEY)
    equal(made.primary.name, KEY + '/cryptoKeyVersions/1')
    refused(errors.Conflict, c.create_crypto_key, parent=fake.RING_NAME, crypto_key_id='llama', crypto_key={'purpose': 1})
    equal([k.name for k in c.list_crypto_keys(parent=fake.RING_NAME)], [KEY])
    version = c.create_crypto_key_version(parent=KEY, crypto_key_version={})
    equal(version.name, KEY + '/cryptoKeyVersions/2')
    equal(version.state, kms.CryptoKeyVersion.CryptoKeyVersionState.ENABLED)
    equal(c.get_crypto_key(name=KEY).primary.name[-1], '1')
    equal(c.update_crypto_key_primary_version(name=KEY, crypto_key_version_id='2').primary.name[-1], '2')
    equal(c.get_crypto_key(name=KEY).primary.create_time.timestamp() > time.time() - 60, True)
    equal([v.name[-1] for v in c.list_crypto_key_versions(parent=KEY)], ['1', '2'])
    refused(errors.NotFound, c.get_crypto_key_version, name=KEY + '/cryptoKeyVersions/7', words='not found')


def slow_versions(w):
    """An HSM is asked until a new version is generated."""
    key = w.gcp.add_key(fake.RING_NAME + '/cryptoKeys/hsm', slow=2)
    w.gcp.grant('roles/cloudkms.admin', w.member)
    c = w.client()
    states = kms.CryptoKeyVersion.CryptoKeyVersionState
    version = c.create_crypto_key_version(parent=key.name, crypto_key_version={})
    equal(version.state, states.PENDING_GENERATION)
    refused(errors.BadRequest, c.update_crypto_key_primary_version, name=key.name, crypto_key_version_id='2')
    equal([c.get_crypto_key_version(name=version.name).state for _ in range(2)], [states.PENDING_GENERATION, states.ENABLED])


def encrypt(c, **more):
    return c.encrypt(request={'name': KEY, 'plaintext': b'dek', 'additional_authenticated_data': b'llama', **more})


def round_trip(w):
    w.gcp.add_key(KEY)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypterDecrypter', w.member, KEY)
    c = w.client()
    sealed = encrypt(c, plaintext_crc32c=fake.crc32c(b'dek'), additional_authenticated_data_crc32c=fake.crc32c(b'llama'))
    equal(sealed.name, KEY + '/cryptoKeyVersions/1')
    equal((sealed.verified_plaintext_crc32c, sealed.verified_additional_authenticated_data_crc32c), (True, True))
    equal(sealed.ciphertext_crc32c, fake.crc32c(sealed.ciphertext))
    request = {'name': KEY, 'ciphertext': sealed.ciphertext, 'additional_authenticated_data': b'llama',
               'ciphertext_crc32c': fake.crc32c(sealed.ciphertext), 'additional_authenticated_data_crc32c': fake.crc32c(b'llama')}
    opened = c.decrypt(request=request)
    equal((opened.plaintext, opened.plaintext_crc32c, opened.used_primary), (b'dek', fake.crc32c(b'dek'), True))
    equal(encrypt(c).verified_plaintext_crc32c, False)
    refused(errors.BadRequest, encrypt, c, plaintext_crc32c=7, words='checksum')
    refused(errors.BadRequest, c.decrypt, request={**request, 'ciphertext_crc32c': 7}, words='checksum')
    refused(errors.BadRequest, c.decrypt, name=KEY, ciphertext=sealed.ciphertext, words='Decryption failed')
    broken = sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])
    refused(errors.BadRequest, c.decrypt, request={**request, 'ciphertext': broken, 'ciphertext_crc32c': None}, words='Decryption failed')
    other = w.gcp.add_key(KEY + '2')
    w.gcp.grant('roles/cloudkms.cryptoKeyDecrypter', w.member, other.name)
    refused(errors.BadRequest, c.decrypt, request={**request, 'name': other.name}, words='correct CryptoKey')


def states(w):
    w.gcp.add_key(KEY)
    for role in ('cryptoKeyEncrypterDecrypter', 'admin'):
        w.gcp.grant('roles/cloudkms.' + role, w.member, KEY)
    c = w.client()
    sealed = encrypt(c).ciphertext
    version = KEY + '/cryptoKeyVersions/1'
    enums = kms.CryptoKeyVersion.CryptoKeyVersionState
    mask = {'paths': ['state']}
    c.update_crypto_key_version(crypto_key_version={'name': version, 'state': enums.DISABLED}, update_mask=mask)
    refused(errors.BadRequest, encrypt, c, words='is not enabled, current state is: DISABLED')
    refused(errors.BadRequest, c.decrypt, name=KEY, ciphertext=sealed)
    c.update_crypto_key_version(crypto_key_version={'name': version, 'state': enums.ENABLED}, update_mask=mask)
    equal(c.decrypt(request={'name': KEY, 'ciphertext': sealed, 'additional_authenticated_data': b'llama'}).plaintext, b'dek')
    equal(c.destroy_crypto_key_version(name=version).state, enums.DESTROY_SCHEDULED)
    refused(errors.BadRequest, c.decrypt, name=KEY, ciphertext=sealed, words='DESTROY_SCHEDULED')
    equal(c.restore_crypto_key_version(name=version).state, enums.DISABLED)


def rights(w):
    w.gcp.add_key(KEY)
    c = w.client()
    refused(errors.Forbidden, encrypt, c, words='cloudkms.cryptoKeyVersions.useToEncrypt')
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypter', w.member, prefix=fake.RING_NAME + '/cryptoKeys/ll')
    sealed = encrypt(c).ciphertext
    refused(errors.Forbidden, c.decrypt, name=KEY, ciphertext=sealed, words='useToDecrypt')
    w.gcp.revoke(w.member)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypter', w.member, prefix=fake.RING_NAME + '/cryptoKeys/other')
    refused(errors.Forbidden, encrypt, c)
    # as a binding that the API sets
    w.gcp.grant('roles/cloudkms.admin', w.member)
    role = {'role': 'roles/cloudkms.cryptoKeyDecrypter', 'members': [w.member],
            'condition': {'title': 'ours', 'expression': f'resource.name.startsWith("{KEY}")'}}
    policy = c.set_iam_policy(request={'resource': KEY, 'policy': {'version': 3, 'bindings': [role]}})
    equal(policy.bindings[0].condition.expression, f'resource.name.startsWith("{KEY}")')
    equal(c.decrypt(request={'name': KEY, 'ciphertext': sealed, 'additional_authenticated_data': b'llama'}).plaintext, b'dek')


def conditions(w):
    """On a key ring: a whole name, and what is below it; and what is no policy."""
    other = fake.RING_NAME + '/cryptoKeys/llama-2'
    for name in (KEY, other):
        w.gcp.add_key(name)
    w.gcp.grant('roles/cloudkms.admin', w.member)
    c = w.client()
    own = {'role': 'roles/cloudkms.cryptoKeyEncrypter', 'members': [w.member],
           'condition': {'title': 'one', 'expression': f'resource.name == "{KEY}" || resource.name.startsWith("{KEY}/")'}}
    policy = c.set_iam_policy(request={'resource': fake.RING_NAME, 'policy': {'version': 3, 'bindings': [own]}})
    equal((policy.version, policy.bindings[0].condition.expression), (3, own['condition']['expression']))
    equal(list(c.get_iam_policy(request={'resource': fake.RING_NAME}).bindings), list(policy.bindings))
    encrypt(c)
    encrypt(c, name=KEY + '/cryptoKeyVersions/1')
    refused(errors.Forbidden, encrypt, c, name=other, words='useToEncrypt')
    long = {**own, 'condition': {'title': 'long', 'expression': ' || '.join([f'resource.name == "{KEY}"'] * 14)}}
    odd = {**own, 'condition': {'title': 'odd', 'expression': 'resource.name.endsWith("llama")'}}
    for bad, words in (([long], '12 logical operators'), ([odd], 'does not know'), ([own] * 21, '20 bindings')):
        refused(errors.BadRequest, c.set_iam_policy, request={'resource': fake.RING_NAME, 'policy': {'version': 3, 'bindings': bad}}, words=words)
    refused(errors.BadRequest, c.set_iam_policy, request={'resource': fake.RING_NAME, 'policy': {'version': 1, 'bindings': [own]}}, words='version 3')


def service_accounts(w):
    token = w.credentials()
    token.refresh(Request())
    equal(w.gcp.tokens[token.token].member, w.member)
    stranger = w.gcp.account_file(EMAIL) | {'private_key': cloud_jwt.Issuer('x').pem}
    bad = service_account.Credentials.from_service_account_info(stranger, scopes=SCOPES)
    refused(auth_errors.RefreshError, bad.refresh, Request(), words='Invalid JWT Signature')
    refused(auth_errors.RefreshError, w.credentials().with_subject('boss@example.com').refresh, Request(), words='unauthorized_client')
    # what the client does by itself: it signs its own access token
    w.gcp.add_key(KEY)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypter', w.member, KEY)
    encrypt(w.client(w.credentials().with_always_use_jwt_access(True)))


def tokens_end(w):
    w.gcp.add_key(KEY)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypter', w.member, KEY)
    fixed = oauth2.Credentials(w.gcp.make_token(w.member))
    encrypt(w.client(fixed))
    w.gcp.expire_tokens()
    refused((errors.Unauthorized, auth_errors.RefreshError), encrypt, w.client(fixed))
    unscoped = oauth2.Credentials(w.gcp.make_token(w.member, ['https://www.googleapis.com/auth/userinfo.email']))
    refused((errors.Unauthorized, auth_errors.RefreshError), encrypt, w.client(unscoped))


def users(w):
    info = w.gcp.add_user('ann@example.com')
    path = w.write('adc.json', {**info, 'quota_project_id': 'bill-me'})
    credentials, _ = google.auth.load_credentials_from_file(path, scopes=SCOPES)
    credentials._token_uri = info['token_uri']  # the library takes its own from no file
    credentials.refresh(Request())
    equal(w.gcp.tokens[credentials.token].member, 'user:ann@example.com')
    w.gcp.add_key(KEY)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypter', 'user:ann@example.com', KEY)
    encrypt(w.client(credentials))
    equal('bill-me' in w.gcp.billed, True)
    w.gcp.users.clear()
    refused(auth_errors.RefreshError, credentials.refresh, Request(), words='revoked')


def federation(w):
    ci = cloud_jwt.Issuer('https://ci.example.com')
    w.gcp.add_provider(ci, AUDIENCE)
    now = int(time.time())
    claims = {'iss': ci.name, 'sub': 'repo:models', 'aud': AUDIENCE, 'iat': now, 'exp': now + 600}
    source = {'file': w.write('token', ci.sign(claims))}
    credentials = identity_pool.Credentials.from_info(w.gcp.external_file(AUDIENCE, source), scopes=SCOPES)
    credentials.refresh(Request())
    equal(w.gcp.tokens[credentials.token].member, 'principal:repo:models')
    # and from there to a service account
    spoken_for = identity_pool.Credentials.from_info(w.gcp.external_file(AUDIENCE, source, EMAIL), scopes=SCOPES)
    refused(auth_errors.RefreshError, spoken_for.refresh, Request(), words='iam.serviceAccounts.getAccessToken')
    w.gcp.roles['roles/iam.workloadIdentityUser'] = {'iam.serviceAccounts.getAccessToken'}
    w.gcp.grant('roles/iam.workloadIdentityUser', 'principal:repo:models', f'projects/-/serviceAccounts/{EMAIL}')
    spoken_for.refresh(Request())
    equal(w.gcp.tokens[spoken_for.token].member, w.member)
    w.write('token', cloud_jwt.Issuer('x').sign(claims))
    refused(auth_errors.GoogleAuthError, credentials.refresh, Request(), words='signature does not hold')


def metadata(w):
    os.environ['GCE_METADATA_HOST'] = os.environ['GCE_METADATA_IP'] = w.server.url.removeprefix('http://')
    importlib.reload(_metadata)
    equal(_metadata.ping(Request()), True)
    w.gcp.attached = w.member
    credentials = compute_engine.Credentials()
    credentials.refresh(Request())
    equal(w.gcp.tokens[credentials.token].member, w.member)
    w.gcp.flavor = None
    equal(_metadata.ping(Request(), retry_count=1), False)


def in_world(case):
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder)
        with w.server:
            case(w)


CASES = [keys_and_versions, slow_versions, round_trip, states, rights, conditions, service_accounts, tokens_end, users, federation, metadata]

if __name__ == '__main__':
    report = rig.Report(sys.argv[1:])
    for case in CASES:
        report.check(case.__name__.replace('_', ' '), in_world, case)
    sys.exit(report.end())
