#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""azurekms:// through the real command, against the fake of azure.py.

usage: tests/services/test_azurekms.py COFFER [WORD…]
"""
import json
import os
import sys
import time

import rig
from rig import Bad, equal

try:
    import azure
    import cloud_cases
    import cloud_jwt
except ImportError:
    rig.skip_all('there is no Python package cryptography')

from cloud_cases import cannot_open, keyblock, model, open_all, put_keyblock, recipient, seal


class World:
    kind, name, host, alg = 'azurekms', 'Azure Key Vault', '127.0.0.1', 'RSA-OAEP-256'
    vault = 'models.vault.azure.net'
    uri, other_uri = 'azurekms://models/llama', 'azurekms://models.vault.azure.net/other'
    id, other_id = (f'https://models.vault.azure.net/keys/{key}' for key in ('llama', 'other'))
    endpoint, denied, is_disabled = 'COFFER_AZUREKMS_ENDPOINT', 'Caller is not authorized', 'disabled key'
    malformed = ['azurekms://', 'azurekms://models', 'azurekms://models/', 'azurekms:///llama', uri + '/', uri + '/1/2', uri + '/x_y', uri + '?x=1',
                 'azurekms://mo_dels/llama', 'azurekms://models/ll%61ma', 'azurekms://user@models.vault.azure.net/llama',
                 'azurekms://models/' + 'a' * 128]

    def __init__(self):
        self.azure = azure.Azure(self.vault)
        self.keys = [self.azure.add_key(name) for name in ('llama', 'other')]
        self.server = self.azure.serve()
        self.app = self.azure.add_app('publisher')
        self.azure.roles['user of keys'] = {'wrap/action', 'unwrap/action'}
        self.azure.assign(self.app.client_id, 'user of keys')
        self.environment = {self.endpoint: self.server.url, 'AZURE_AUTHORITY_HOST': self.server.url, 'AZURE_TENANT_ID': azure.TENANT,
                            'AZURE_CLIENT_ID': self.app.client_id}
        self.private = [*self.app.secrets, self.azure.identity_header]

    def begin(self):
        self.set(COFFER_AZURE_CLIENT_SECRET_FILE=self.coffer.write('secret', self.app.secrets[0] + '\n'))

    def set(self, **variables):
        """Another credential in place of the first one's."""
        for name in ('COFFER_AZURE_CLIENT_SECRET_FILE', 'AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_FEDERATED_TOKEN_FILE',
                     'IDENTITY_ENDPOINT', 'IDENTITY_HEADER', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'):
            self.coffer.env.pop(name, None)
        self.coffer.env.update(variables)

    def is_use(self, request):
        return request.path.endswith(('wrapkey', 'crypt'))

    def is_token(self, request):
        return request.path.endswith('token')

    def unauthorized(self):
        return rig.status(401, {'error': {'code': 'Unauthorized', 'message': '[TokenExpired] Error validating token.'}},
                          {'WWW-Authenticate': 'Bearer error="invalid_token"'})

    def busy(self, headers=None):
        return rig.status(429, {'error': {'code': 'Throttled', 'message': 'Request was not processed because too many requests were received.'}},
                          headers)

    def secrets(self):
        return [*self.azure.tokens, *self.private]

    def version(self):
        return self.azure.keys['llama'][-1].name

    def rotate(self):
        self.azure.add_key('llama')

    def pinned(self, version):
        return f'{self.uri}/{version}'

    def disable(self):
        self.azure.keys['llama'][-1].enabled = False

    def revoke(self):
        self.azure.revoke(self.app.client_id)

    # ---- environments ----

    template = 'azurekms://models/model-{environment}-{name}'
    scope = '/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/models'

    def add_key(self, name):
        self.azure.add_key(name)

    def place(self, *_):
        return '--scope', self.scope, '--model', 'llama'

    def install(self, environment, role, doc):
        app = self.azure.add_app(f'{environment}-{role}')
        name = doc['roleDefinition']['Name']
        self.azure.roles[name] = {a.removeprefix('Microsoft.KeyVault/vaults/keys/') for a in doc['roleDefinition']['DataActions']}
        for assignment in doc['roleAssignments']:
            self.azure.assign(app.client_id, name, assignment['scope'].removeprefix(self.scope))

    def credential(self, environment, role):
        app = [a for a in self.azure.apps.values() if a.name == f'{environment}-{role}'][0]
        self.private += app.secrets
        return {'AZURE_CLIENT_ID': app.client_id, 'COFFER_AZURE_CLIENT_SECRET_FILE': self.coffer.write(f'{environment}-{role}', app.secrets[0])}

    def newest(self, name):
        return self.azure.keys[name][-1].name


class Hsm(World):
    """A Managed HSM with symmetric keys."""
    vault = 'models.managedhsm.azure.net'
    uri, other_uri = 'azurekms://models.managedhsm.azure.net/llama', 'azurekms://MODELS.managedhsm.azure.net/other'
    id, other_id = (f'https://models.managedhsm.azure.net/keys/{key}' for key in ('llama', 'other'))
    alg = 'A256GCM'

    def __init__(self):
        super().__init__()
        self.azure.roles['user of keys'] = {'read', 'wrap/action', 'unwrap/action', 'encrypt/action', 'decrypt/action'}


class Wrapping(Hsm):
    """Its keys may not encrypt."""
    alg = 'A256KW'

    def __init__(self):
        super().__init__()
        for key in self.keys:
            key.operations = ['wrapKey', 'unwrapKey']

    def rotate(self):
        self.azure.add_key('llama', operations=['wrapKey', 'unwrapKey'])


def asked(w):
    return [r for r in w.server.log if w.is_use(r)][-1]


# ---- of a vault ----

def requests(w):
    """The newest version wraps, the one in the recipient unwraps; and who may only wrap and unwrap needs no other right."""
    seal(w)
    equal(asked(w).target, '/keys/llama//wrapkey?api-version=7.4')
    equal(asked(w).json()['alg'], 'RSA-OAEP-256')
    equal(len(cloud_jwt.decode(asked(w).json()['value'])), 64)
    w.rotate()
    open_all(w)
    equal(asked(w).path, f'/keys/llama/{recipient(w)["version"]}/unwrapkey')


def rsa_sizes(w):
    for bits in (3072, 4096):
        w.keys[0].secret = azure.rsa.generate_private_key(65537, bits)
        seal(w, out=str(bits))
        open_all(w, sealed=str(bits))


def recipients_of_others(w):
    """What a recipient says is not sent on unless coffer could have written it."""
    seal(w)
    block = keyblock(w)
    w.server.heal()
    for change, code, name in (({'alg': 'RSA1_5'}, 5, '[UNSUPPORTED]'), ({'alg': 'RSA-OAEP'}, 5, '[UNSUPPORTED]'), ({'version': ''}, 5, '[AUTH]'),
                               ({'version': '../other'}, 5, '[AUTH]'), ({'version': 'a/b'}, 5, '[AUTH]'), ({'alg': 'A256GCM'}, 5, '[AUTH]')):
        put_keyblock(w, {**block, 'services': {**block['services'], 'recipients': [{**recipient(w), **change}]}})
        cannot_open(w, code, name=name)
        put_keyblock(w, block)
    equal([r for r in w.server.log if w.is_use(r)], [])


def kids(w):
    """An answer of another vault, key or version is none."""
    seal(w)
    version = w.version()
    for kid in ('https://evil.vault.azure.net/keys/llama/' + version, f'{w.other_id}/{version}', w.id, f'{w.id}/', f'{w.id}/../x', f'{w.id}x/{version}',
                f'{w.id}/{"0" * 32}', '', 7):
        w.server.heal()
        w.server.fault(rig.changed(lambda answer, kid=kid: rig.Answer(answer.status, {**json.loads(answer.body), 'kid': kid})), when=w.is_use)
        cannot_open(w, 7, w.name, name='[UNAVAILABLE]')
    w.server.heal()
    w.server.fault(rig.changed(lambda answer: rig.Answer(200, {**json.loads(answer.body), 'value': 'AAAA'})), when=w.is_use)
    cannot_open(w, 5)
    # by the name under which it is asked, as a server that knows no other
    w.server.heal()
    w.azure.host = w.server.url.removeprefix('http://')
    w.server.fault(rig.changed(lambda answer: rig.Answer(200, answer.body.replace(b'"https:', b'"http:'))), when=w.is_use)
    open_all(w)


def states(w):
    seal(w)
    key = w.azure.keys['llama'][-1]
    key.ends = int(time.time()) - 5
    open_all(w)
    w.coffer.expect(7, ['expired key', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
    key.ends, key.begins = None, int(time.time()) + 500
    w.coffer.expect(7, ['not yet valid', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
    key.begins, key.operations = None, ['wrapKey']
    cannot_open(w, 7, 'not permitted on this key', name='[REFUSED]')
    w.azure.deleted.add('llama')
    cannot_open(w, 7, 'recently deleted', name='[REFUSED]')
    del w.azure.keys['llama']
    cannot_open(w, 7, 'was not found', name='[REFUSED]')


def scopes(w):
    """A role over one key opens no other."""
    w.revoke()
    w.azure.assign(w.app.client_id, 'user of keys', '/keys/llama')
    seal(w)
    open_all(w)
    w.coffer.expect(7, ['Caller is not authorized', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.other_uri)


def challenges(w):
    """A vault gets tokens for itself alone, and says nothing about where credentials go."""
    seal(w)
    equal({t.resource for t in w.azure.tokens.values()}, {'https://vault.azure.net'})
    for resource in ('https://management.azure.com', 'https://vault.azure.net.evil.com', 'https://azure.example', 'https://ault.azure.net',
                     'https://other.vault.azure.net', 'http://vault.azure.net', 'https://'):
        w.azure.challenge_resource = resource
        w.server.heal()
        cannot_open(w, 7, 'models.vault.azure.net', name='[UNAVAILABLE]')
        equal([r for r in w.server.log if w.is_token(r)], [])
    w.azure.challenge_resource = None
    w.server.fault(rig.status(401, b'', {'WWW-Authenticate': 'Basic realm="x"'}))
    cannot_open(w, 7, 'which token it wants', name='[UNAVAILABLE]')
    w.server.heal()
    # the tenant, where nobody else says it
    del w.coffer.env['AZURE_TENANT_ID']
    open_all(w)
    # with «scope» in place of «resource», as newer services have it
    w.server.fault(rig.status(401, b'{}', {'WWW-Authenticate': f'Bearer authorization_uri="https://evil.example/{azure.TENANT}", '
                                                                 'scope="https://vault.azure.net/.default"'}), when=lambda r: r.path == '/keys')
    open_all(w)
    w.server.heal()
    w.server.fault(rig.status(401, b'{}', {'WWW-Authenticate': 'Bearer resource=https://vault.azure.net'}), when=lambda r: r.path == '/keys')
    cannot_open(w, 7, 'AZURE_TENANT_ID', name='[REFUSED]')


# ---- credentials ----

def client_secret(w):
    w.set(AZURE_CLIENT_SECRET=w.app.secrets[0])
    seal(w)
    open_all(w)
    w.set(AZURE_CLIENT_SECRET='no such secret')
    cannot_open(w, 7, 'Microsoft Entra', 'AADSTS7000215', name='[REFUSED]')
    w.app.expired = w.app.secrets[:]
    w.set(AZURE_CLIENT_SECRET=w.app.secrets[0])
    cannot_open(w, 7, 'AADSTS7000222', 'are expired', name='[REFUSED]')
    cannot_open(w, 7, 'AADSTS700016', env={'AZURE_CLIENT_ID': 'nobody'}, name='[REFUSED]')
    cannot_open(w, 7, 'AZURE_CLIENT_ID', env={'AZURE_CLIENT_ID': None}, name='[REFUSED]')
    cannot_open(w, 2, 'https', env={'AZURE_AUTHORITY_HOST': 'http://login.example.com'}, name='[USAGE]')


def certificate(w):
    pem = w.azure.add_certificate(w.app)
    w.private.append(pem.splitlines()[5])
    w.set(AZURE_CLIENT_CERTIFICATE_PATH=w.coffer.write('client.pem', pem))
    seal(w)
    open_all(w)
    key = azure.cloud_jwt.serialization.load_pem_private_key(pem.encode(), None)
    locked = key.private_bytes(azure.Encoding.PEM, azure.cloud_jwt.serialization.PrivateFormat.PKCS8,
                               azure.cloud_jwt.serialization.BestAvailableEncryption(b'hunter2'))
    w.coffer.write('client.pem', locked.decode() + pem[pem.index('-----BEGIN CERTIFICATE'):])
    w.coffer.env['AZURE_CLIENT_CERTIFICATE_PASSWORD'] = 'hunter2'
    w.private.append('hunter2')
    open_all(w)
    del w.coffer.env['AZURE_CLIENT_CERTIFICATE_PASSWORD']
    cannot_open(w, 7, 'client.pem')
    other = w.azure.add_certificate(w.azure.add_app('other'))
    w.coffer.write('client.pem', other)
    cannot_open(w, 7, 'AADSTS700213', name='[REFUSED]')
    w.coffer.write('client.pem', pem[:pem.index('-----BEGIN CERTIFICATE')] + other[other.index('-----BEGIN CERTIFICATE'):])
    w.app.certificates = w.azure.apps[list(w.azure.apps)[1]].certificates
    cannot_open(w, 7, 'signature does not hold', name='[REFUSED]')
    w.coffer.write('client.pem', 'no PEM')
    cannot_open(w, 5, 'client.pem', name='[FORMAT]')


def federated(w):
    cluster, now = cloud_jwt.Issuer('https://oidc.example.com/'), int(time.time())
    subject = 'system:serviceaccount:models:publisher'
    claims = {'iss': cluster.name, 'sub': subject, 'aud': 'api://AzureADTokenExchange', 'iat': now, 'exp': now + 3600}
    token = cluster.sign(claims)
    w.private.append(token)
    w.app.federated.append((cluster, subject))
    w.set(AZURE_FEDERATED_TOKEN_FILE=w.coffer.write('token', token))
    seal(w)
    open_all(w)
    w.coffer.write('token', cloud_jwt.Issuer(cluster.name).sign(claims))
    cannot_open(w, 7, 'AADSTS700027', name='[REFUSED]')
    os.unlink(w.coffer.at('token'))
    cannot_open(w, 3, 'token', name='[NOTFOUND]')


def metadata(w):
    w.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=w.server.url, http_proxy=f'http://127.0.0.1:{rig.nobody()}')
    for name in ('AZURE_CLIENT_ID', 'AZURE_TENANT_ID'):
        del w.coffer.env[name]
    model(w)
    w.coffer.expect(7, ['Identity not found', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
    w.azure.identity = w.app.client_id
    seal(w)
    open_all(w)
    open_all_as(w, w.app.client_id)
    cannot_open(w, 7, 'Identity not found', env={'AZURE_CLIENT_ID': 'another'}, name='[REFUSED]')
    w.server.fault(rig.status(410, b''), times=1, when=w.is_token)
    open_all(w)


def open_all_as(w, client):
    w.coffer.env['AZURE_CLIENT_ID'] = client
    open_all(w)
    del w.coffer.env['AZURE_CLIENT_ID']


def app_service(w):
    w.set(IDENTITY_ENDPOINT=w.server.url + '/msi/token', IDENTITY_HEADER=w.azure.identity_header)
    w.azure.identity = w.app.client_id
    seal(w)
    open_all(w)
    cannot_open(w, 7, 'identity service of Azure', env={'IDENTITY_HEADER': 'wrong'}, name='[REFUSED]')
    cannot_open(w, 2, 'IDENTITY_ENDPOINT', env={'IDENTITY_ENDPOINT': 'http://example.com/msi/token'}, name='[USAGE]')


def tls(w):
    """A vault under its own name, and a private root."""
    folder = w.coffer.at('ca')
    os.makedirs(folder)
    authority = rig.Authority(folder)
    with w.azure.serve(tls=authority) as server:
        w.azure.host = server.url.removeprefix('https://')
        w.azure.resource = 'https://localhost'
        w.coffer.env.update(SSL_CERT_FILE=authority.ca, AZURE_AUTHORITY_HOST=server.url)
        del w.coffer.env[w.endpoint]
        uri = f'azurekms://{w.azure.host}/llama'
        seal(w, uri)
        open_all(w, uri)
        equal(recipient(w)['id'], f'https://{w.azure.host}/keys/llama')
        cannot_open(w, 7, 'localhost', 'SSL_CERT_FILE', uri=uri, env={'SSL_CERT_FILE': None}, name='[UNAVAILABLE]')


# ---- of a Managed HSM ----

def associated_data(w):
    seal(w)
    sent = asked(w).json()
    aad = cloud_jwt.decode(sent['aad'])
    for word in (b'"llama"', b'"team":"x"', keyblock(w)['model_id'].encode()):
        if word not in aad:
            raise Bad(f'{word} is not in the associated data, {aad}')
    open_all(w)
    equal(cloud_jwt.decode(asked(w).json()['aad']), aad)


def kinds(w):
    """An RSA key of an HSM; and one that can wrap nothing."""
    w.azure.keys['llama'] = [azure.Version('RSA-HSM')]
    seal(w)
    equal(recipient(w)['alg'], 'RSA-OAEP-256')
    open_all(w)
    w.azure.keys['llama'] = [azure.Version('EC-HSM')]
    w.coffer.expect(7, ['can wrap nothing', '[KEY]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)


VAULT = [requests, rsa_sizes, recipients_of_others, kids, states, scopes, challenges, client_secret, certificate, federated, metadata, app_service,
         tls]
HSM = [cloud_cases.wrap, cloud_cases.open_, cloud_cases.rewrap, cloud_cases.wrong_context, cloud_cases.damaged_wrap, cloud_cases.wrong_key,
       cloud_cases.versions]

if __name__ == '__main__':
    sys.exit(cloud_cases.run(sys.argv, [('vault', World, cloud_cases.CASES + VAULT), ('HSM, AES-GCM', Hsm, HSM + [associated_data, kinds]),
                                        ('HSM, AES key wrap', Wrapping, HSM)]))
