#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fake of Azure (azure.py) against azure-keyvault-keys and azure-identity, the clients that people use: each thing that coffer relies on.

usage: COFFER_PEERS_CLOUD=PYTHON tests/services/azure_sdk.py

PYTHON is an interpreter that has both.  Without it this is skipped.
"""
import contextlib
import datetime
import importlib.util
import os
import sys
import tempfile
import time

import cloud_jwt
import cloud_peers
import rig
from rig import equal

cloud_peers.need('azure.keyvault.keys, azure.identity, cryptography')
HERE = sys.path.pop(0)  # the fake has the name of the SDK's package, and is not to stand in its way

# pylint: disable=wrong-import-position
from azure.core import exceptions as errors  # noqa: E402
from azure.identity import (CertificateCredential, ClientSecretCredential, EnvironmentCredential, ManagedIdentityCredential,  # noqa: E402
                            WorkloadIdentityCredential)
from azure.keyvault.keys import KeyClient  # noqa: E402
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm  # noqa: E402

spec = importlib.util.spec_from_file_location('fake_azure', os.path.join(HERE, 'azure.py'))
fake = importlib.util.module_from_spec(spec)
sys.modules['fake_azure'] = fake
spec.loader.exec_module(fake)

RSA_256, A256KW = KeyWrapAlgorithm.rsa_oaep_256, KeyWrapAlgorithm.aes_256
ENVELOPE = bytes(range(64))


def refused(kind, function, *args, words='', **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        if words not in str(error):
            raise rig.Bad(f'{error!r} does not say «{words}»') from error
        return
    raise rig.Bad(f'{function} was done')


@contextlib.contextmanager
def environment(**variables):
    old = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in old.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


class World:
    """A vault under the name by which the SDK reaches it, for a service principal with a role that may only use keys."""

    def __init__(self, folder, is_hsm):
        self.folder = folder
        self.authority = rig.Authority(folder)
        self.azure = fake.Azure('models.managedhsm.azure.net' if is_hsm else 'models.vault.azure.net')
        self.server = self.azure.serve(tls=self.authority)
        self.azure.host = self.server.url.removeprefix('https://')
        self.azure.roles['user of keys'] = {'wrap/action', 'unwrap/action', 'encrypt/action', 'decrypt/action'}
        self.app = self.azure.add_app('publisher')
        self.azure.assign(self.app.client_id, 'user of keys')

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        return path

    @property
    def entra(self):
        return {'authority': self.server.url, 'disable_instance_discovery': True}

    def credential(self, secret=None):
        return ClientSecretCredential(fake.TENANT, self.app.client_id, secret or self.app.secrets[0], **self.entra)

    def client(self, credential=None, **more):
        return KeyClient(self.server.url, credential or self.credential(), **{'verify_challenge_resource': False, 'retry_total': 0} | more)

    def user(self, name, version='', credential=None):
        """Of one key; it may not read it, and so has to ask the service."""
        kid = f'{self.server.url}/keys/{name}' + (f'/{version}' if version else '')
        return CryptographyClient(kid, credential or self.credential(), verify_challenge_resource=False, retry_total=0)


def wrapping(w):
    one = w.azure.add_key('llama')
    sealed = w.user('llama').wrap_key(RSA_256, ENVELOPE)
    equal(len(sealed.encrypted_key), 256)
    equal(w.server.log[-1].path, '/keys/llama//wrapkey')  # of the newest version
    two = w.azure.add_key('llama')
    equal(w.user('llama', one.name).unwrap_key(RSA_256, sealed.encrypted_key).key, ENVELOPE)
    newer = w.user('llama').wrap_key(RSA_256, ENVELOPE)
    equal(w.user('llama', two.name).unwrap_key(RSA_256, newer.encrypted_key).key, ENVELOPE)
    refused(errors.HttpResponseError, w.user('llama', two.name).unwrap_key, RSA_256, sealed.encrypted_key, words='BadParameter')
    refused(errors.HttpResponseError, w.user('llama', one.name).unwrap_key, RSA_256, b'\0' + sealed.encrypted_key[1:], words='BadParameter')
    refused(errors.HttpResponseError, w.user('llama').wrap_key, A256KW, ENVELOPE, words='incompatible')
    refused(errors.ResourceNotFoundError, w.user('nobody').wrap_key, RSA_256, ENVELOPE, words='KeyNotFound')


def symmetric(w):
    w.azure.add_key('sym')
    gcm = EncryptionAlgorithm.a256_gcm
    sealed = w.user('sym').encrypt(gcm, ENVELOPE, additional_authenticated_data=b'llama')
    equal((len(sealed.iv), len(sealed.tag), len(sealed.ciphertext)), (12, 16, 64))
    more = {'iv': sealed.iv, 'authentication_tag': sealed.tag}
    equal(w.user('sym').decrypt(gcm, sealed.ciphertext, additional_authenticated_data=b'llama', **more).plaintext, ENVELOPE)
    refused(errors.HttpResponseError, w.user('sym').decrypt, gcm, sealed.ciphertext, additional_authenticated_data=b'other', **more,
            words='BadParameter')
    wrapped = w.user('sym').wrap_key(A256KW, ENVELOPE).encrypted_key
    equal((len(wrapped), w.user('sym').unwrap_key(A256KW, wrapped).key), (72, ENVELOPE))
    refused(errors.HttpResponseError, w.user('sym').unwrap_key, A256KW, b'\0' + wrapped[1:], words='BadParameter')
    refused(errors.HttpResponseError, w.user('sym').wrap_key, RSA_256, ENVELOPE, words='incompatible')


def versions(w):
    w.azure.assign(w.app.client_id, 'Key Vault Crypto Officer')
    c = w.client()
    made = c.create_rsa_key('llama', size=2048)
    equal((made.name, made.key_type, made.properties.enabled), ('llama', 'RSA', True))
    equal(abs(made.properties.created_on.timestamp() - time.time()) < 60, True)
    new = c.rotate_key('llama')
    equal(new.properties.version != made.properties.version, True)
    equal(c.get_key('llama').properties.version, new.properties.version)
    equal(c.get_key('llama', made.properties.version).properties.version, made.properties.version)
    equal(len(list(c.list_properties_of_key_versions('llama'))), 2)
    equal([k.name for k in c.list_properties_of_keys()], ['llama'])
    refused(errors.ResourceNotFoundError, c.get_key, 'nobody', words='KeyNotFound')
    c.begin_delete_key('llama')
    refused(errors.ResourceNotFoundError, c.rotate_key, 'llama', words='recently deleted')
    refused(errors.ResourceExistsError, c.create_rsa_key, 'llama', words='deleted but recoverable')


def states(w):
    w.azure.assign(w.app.client_id, 'Key Vault Crypto Officer')
    version = w.azure.add_key('llama')
    sealed = w.user('llama').wrap_key(RSA_256, ENVELOPE).encrypted_key
    c = w.client()
    w.azure.revoke(w.app.client_id)
    w.azure.assign(w.app.client_id, 'user of keys')
    w.azure.roles['user of keys'] |= {'update/action'}
    c.update_key_properties('llama', enabled=False)
    refused(errors.HttpResponseError, w.user('llama', version.name).unwrap_key, RSA_256, sealed, words='disabled key')
    c.update_key_properties('llama', enabled=True, expires_on=datetime.datetime.fromtimestamp(time.time() - 10))
    refused(errors.HttpResponseError, w.user('llama', version.name).wrap_key, RSA_256, ENVELOPE, words='expired key')
    equal(w.user('llama', version.name).unwrap_key(RSA_256, sealed).key, ENVELOPE)
    version.ends, version.operations = None, ['wrapKey']
    refused(errors.HttpResponseError, w.user('llama', version.name).unwrap_key, RSA_256, sealed, words='not permitted on this key')


def rights(w):
    w.azure.add_key('llama')
    w.azure.add_key('other')
    w.azure.revoke(w.app.client_id)
    refused(errors.HttpResponseError, w.user('llama').wrap_key, RSA_256, ENVELOPE, words='ForbiddenByRbac')
    w.azure.assign(w.app.client_id, 'user of keys', '/keys/llama')
    w.user('llama').wrap_key(RSA_256, ENVELOPE)
    refused(errors.HttpResponseError, w.user('other').wrap_key, RSA_256, ENVELOPE, words='Caller is not authorized')
    refused(errors.HttpResponseError, w.client().get_key, 'llama', words="keys/read'")


def challenges(w):
    w.azure.add_key('llama')
    w.azure.assign(w.app.client_id, 'Key Vault Reader')
    checked = w.client(verify_challenge_resource=True)
    refused(ValueError, checked.get_key, 'llama', words='does not match the requested domain')
    w.azure.tokens.clear()
    w.client().get_key('llama')
    equal({t.resource for t in w.azure.tokens.values()}, {'https://vault.azure.net'})
    c = w.client()
    c.get_key('llama')
    w.azure.expire_tokens()
    refused(errors.ClientAuthenticationError, c.get_key, 'llama', words='')


def secrets(w):
    token = w.credential().get_token('https://vault.azure.net/.default')
    equal(w.azure.tokens[token.token].principal, w.app.client_id)
    refused(errors.ClientAuthenticationError, w.credential('wrong').get_token, 'https://vault.azure.net/.default', words='AADSTS7000215')
    w.app.expired = w.app.secrets[:]
    refused(errors.ClientAuthenticationError, w.credential().get_token, 'https://vault.azure.net/.default', words='are expired')


def certificates(w):
    path = w.write('client.pem', w.azure.add_certificate(w.app))
    credential = CertificateCredential(fake.TENANT, w.app.client_id, path, **w.entra)
    equal(w.azure.tokens[credential.get_token('https://vault.azure.net/.default').token].principal, w.app.client_id)
    with environment(AZURE_TENANT_ID=fake.TENANT, AZURE_CLIENT_ID=w.app.client_id, AZURE_CLIENT_CERTIFICATE_PATH=path,
                     AZURE_AUTHORITY_HOST=w.server.url):
        EnvironmentCredential(disable_instance_discovery=True).get_token('https://vault.azure.net/.default')
    other = CertificateCredential(fake.TENANT, w.azure.add_app('other').client_id, path, **w.entra)
    refused(errors.ClientAuthenticationError, other.get_token, 'https://vault.azure.net/.default', words='AADSTS700213')


def federation(w):
    cluster, now = cloud_jwt.Issuer('https://oidc.example.com/'), int(time.time())
    w.app.federated.append((cluster, 'system:serviceaccount:models:publisher'))
    claims = {'iss': cluster.name, 'sub': 'system:serviceaccount:models:publisher', 'aud': 'api://AzureADTokenExchange', 'iat': now,
              'exp': now + 3600}
    path = w.write('token', cluster.sign(claims))
    def credential():
        return WorkloadIdentityCredential(tenant_id=fake.TENANT, client_id=w.app.client_id, token_file_path=path, **w.entra)
    equal(w.azure.tokens[credential().get_token('https://vault.azure.net/.default').token].principal, w.app.client_id)
    w.write('token', cloud_jwt.Issuer(cluster.name).sign(claims))
    refused(errors.ClientAuthenticationError, credential().get_token, 'https://vault.azure.net/.default', words='signature does not hold')


def identities(w):
    scope = 'https://vault.azure.net/.default'
    with environment(AZURE_POD_IDENTITY_AUTHORITY_HOST=w.server.url):
        refused(Exception, ManagedIdentityCredential().get_token, scope, words='')
        w.azure.identity = w.app.client_id
        equal(w.azure.tokens[ManagedIdentityCredential().get_token(scope).token].principal, w.app.client_id)
        equal(w.azure.tokens[ManagedIdentityCredential(client_id=w.app.client_id).get_token(scope).token].resource, 'https://vault.azure.net')
    with environment(IDENTITY_ENDPOINT=f'{w.server.url}/msi/token', IDENTITY_HEADER=w.azure.identity_header):
        equal(w.azure.tokens[ManagedIdentityCredential().get_token(scope).token].principal, w.app.client_id)
    with environment(IDENTITY_ENDPOINT=f'{w.server.url}/msi/token', IDENTITY_HEADER='wrong'):
        refused(errors.ClientAuthenticationError, ManagedIdentityCredential().get_token, scope)


def in_world(case):
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder, case is symmetric)
        with w.server, environment(REQUESTS_CA_BUNDLE=w.authority.ca, SSL_CERT_FILE=w.authority.ca):
            case(w)


CASES = [wrapping, symmetric, versions, states, rights, challenges, secrets, certificates, federation, identities]

if __name__ == '__main__':
    report = rig.Report(sys.argv[1:])
    for case in CASES:
        report.check(case.__name__, in_world, case)
    sys.exit(report.end())
