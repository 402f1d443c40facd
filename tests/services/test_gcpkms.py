#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gcpkms:// through the real command, against the fake of gcp.py.

usage: tests/services/test_gcpkms.py COFFER [WORD…]
"""
import base64
import json
import sys
import time

import rig
from rig import Bad, equal

try:
    import cloud_cases
    import cloud_jwt
    import gcp
except ImportError:
    rig.skip_all('there is no Python package cryptography')

from cloud_cases import cannot_open, model, open_all, seal

EMAIL = 'publisher@prj.iam.gserviceaccount.com'
AUDIENCE = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci'


class World:
    kind, name, host, alg = 'gcpkms', 'Google Cloud KMS', '127.0.0.1', 'GOOGLE_SYMMETRIC_ENCRYPTION'
    id, other_id = (f'{gcp.RING_NAME}/cryptoKeys/{key}' for key in ('llama', 'other'))
    uri, other_uri = f'gcpkms://{id}', f'gcpkms://{other_id}'
    endpoint, denied, is_disabled = 'COFFER_GCPKMS_ENDPOINT', 'useToDecrypt', 'state is: DISABLED'
    malformed = ['gcpkms://', 'gcpkms://projects/p', uri + '/', uri + '/cryptoKeyVersions/x', uri + '/cryptoKeyVersions/', uri + '/aliases/1',
                 uri + '?x=1', uri.replace('llama', '..'), uri.replace('llama', 'a' * 129), uri.replace('keyRings', 'rings'), uri + '%2f']

    def __init__(self):
        self.gcp = gcp.Gcp()
        self.keys = [self.gcp.add_key(name) for name in (self.id, self.other_id)]
        self.server = self.gcp.serve()
        self.environment = {self.endpoint: self.server.url}
        self.member = self.gcp.add_account(EMAIL)
        self.gcp.grant('roles/cloudkms.cryptoKeyEncrypterDecrypter', self.member, gcp.RING_NAME)
        self.private = [self.gcp.accounts[EMAIL].pem.splitlines()[5]]

    def begin(self):
        self.use(self.gcp.account_file(EMAIL))

    def use(self, doc):
        """Application default credentials in a file."""
        self.coffer.env['GOOGLE_APPLICATION_CREDENTIALS'] = self.coffer.write('credential.json', doc if isinstance(doc, str) else json.dumps(doc))

    def is_use(self, request):
        return request.path.endswith(('crypt', '%3Aencrypt', '%3Adecrypt'))

    def is_token(self, request):
        return request.path.endswith('token')

    def unauthorized(self):
        return rig.status(401, {'error': {'code': 401, 'message': 'Request had invalid authentication credentials.', 'status': 'UNAUTHENTICATED'}})

    def busy(self, headers=None):
        return rig.status(429, {'error': {'code': 429, 'message': 'Quota exceeded for quota metric', 'status': 'RESOURCE_EXHAUSTED'}}, headers)

    def secrets(self):
        return [*self.gcp.tokens, *self.gcp.users, *self.private]

    def version(self):
        return str(self.keys[0].primary.number)

    def rotate(self):
        self.keys[0].primary = self.keys[0].add_version()

    def pinned(self, version):
        return f'{self.uri}/cryptoKeyVersions/{version}'

    def disable(self, state='DISABLED'):
        self.keys[0].primary.state = state

    def revoke(self):
        self.gcp.revoke(self.member)

    # ---- environments ----

    template = f'gcpkms://{gcp.RING_NAME}/cryptoKeys/model-{{environment}}-{{name}}'

    def add_key(self, name):
        return self.gcp.add_key(f'{gcp.RING_NAME}/cryptoKeys/{name}', slow=2)

    def place(self, environment, role):
        return '--scope', gcp.RING_NAME, '--member', f'serviceAccount:{environment}-{role}@prj.iam.gserviceaccount.com'

    def install(self, environment, role, doc):
        self.gcp.add_account(f'{environment}-{role}@prj.iam.gserviceaccount.com')
        self.gcp.add_role(doc['customRole'])
        self.gcp.add_bindings(gcp.RING_NAME, doc['policy'])

    def credential(self, environment, role):
        doc = self.gcp.account_file(f'{environment}-{role}@prj.iam.gserviceaccount.com')
        return {'GOOGLE_APPLICATION_CREDENTIALS': self.coffer.write(f'{environment}-{role}.json', json.dumps(doc))}

    def newest(self, name):
        return str(self.gcp.keys[f'{gcp.RING_NAME}/cryptoKeys/{name}'].primary.number)


def asked(w):
    """The last request that used the key, as JSON."""
    return [r for r in w.server.log if w.is_use(r)][-1].json()


def binding_is_sent(w):
    """The service gets the context as associated data, and all checksums."""
    seal(w)
    sent = asked(w)
    aad = base64.b64decode(sent['additionalAuthenticatedData'])
    equal(sent['additionalAuthenticatedDataCrc32c'], str(gcp.crc32c(aad)))
    equal(sent['plaintextCrc32c'], str(gcp.crc32c(base64.b64decode(sent['plaintext']))))
    equal(len(base64.b64decode(sent['plaintext'])), 64)
    for word in (b'"llama"', b'"team":"x"', cloud_cases.keyblock(w)['model_id'].encode()):
        if word not in aad:
            raise Bad(f'{word} is not in the associated data, {aad}')
    open_all(w)
    sent = asked(w)
    equal(base64.b64decode(sent['additionalAuthenticatedData']), aad)
    equal(sent['ciphertextCrc32c'], str(gcp.crc32c(base64.b64decode(sent['ciphertext']))))


def tampered(change):
    def act(answer):
        doc = json.loads(answer.body)
        change(doc)
        return rig.Answer(answer.status, doc)
    return rig.changed(act)


def flip(name):
    def change(doc):
        data = bytearray(base64.b64decode(doc[name]))
        data[5] ^= 1
        doc[name] = base64.b64encode(data).decode()
    return change


def without(name):
    return lambda doc: doc.pop(name)


def becomes(name, value):
    return lambda doc: doc.update({name: value})


DAMAGE = {
    'encrypt': [flip('ciphertext'), becomes('ciphertextCrc32c', '7'), without('ciphertextCrc32c'), without('verifiedPlaintextCrc32c'),
                becomes('verifiedPlaintextCrc32c', False), without('verifiedAdditionalAuthenticatedDataCrc32c'), without('name'),
                becomes('name', World.other_id + '/cryptoKeyVersions/1'), becomes('name', World.id + 'x/cryptoKeyVersions/1'),
                becomes('name', World.id + '/cryptoKeyVersions/x'), without('ciphertext'), becomes('ciphertext', '')],
    'decrypt': [flip('plaintext'), becomes('plaintextCrc32c', '7'), without('plaintextCrc32c'), without('plaintext'), becomes('plaintext', '!')],
}


def checksums(w):
    """What does not come through whole is asked for again, three times at most."""
    model(w)
    for change in DAMAGE['encrypt']:
        w.server.heal()
        w.server.fault(tampered(change), when=w.is_use)
        w.coffer.expect(7, [w.name, 'not whole', '[UNAVAILABLE]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
        equal(len([r for r in w.server.log if w.is_use(r)]), 3, 'requests')
    w.server.heal()
    w.server.fault(tampered(flip('ciphertext')), times=2, when=w.is_use)
    seal(w)
    for change in DAMAGE['decrypt']:
        w.server.heal()
        w.server.fault(tampered(change), when=w.is_use)
        cannot_open(w, 7, w.name, 'not whole', name='[UNAVAILABLE]')
        equal(len([r for r in w.server.log if w.is_use(r)]), 3, 'requests')
    w.server.heal()
    w.server.fault(tampered(flip('plaintext')), times=2, when=w.is_use)
    open_all(w)


def request_damaged(w):
    """The service says that what it got does not have its checksum: that is no damaged wrap, and is sent again."""
    seal(w)
    error = {'error': {'code': 400, 'status': 'INVALID_ARGUMENT',
                       'message': 'The checksum in field ciphertext_crc32c did not match the data in field ciphertext.'}}
    w.server.fault(rig.status(400, error), times=1, when=w.is_use)
    open_all(w)
    w.server.fault(rig.status(400, error), when=w.is_use)
    cannot_open(w, 7, 'checksum', name='[UNAVAILABLE]')


def states(w):
    seal(w)
    for state in ('DISABLED', 'DESTROY_SCHEDULED', 'DESTROYED'):
        w.disable(state)
        cannot_open(w, 7, w.name, state, name='[REFUSED]')
    del w.gcp.keys[w.id]
    cannot_open(w, 7, 'not found', name='[REFUSED]')


def cosign_uri(w):
    """«versions» is what cosign writes."""
    seal(w, w.uri + '/versions/1')
    open_all(w)


# ---- credentials ----

def user_file(w):
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypterDecrypter', 'user:ann@example.com', w.id)
    info = w.gcp.add_user('ann@example.com')
    w.private.append(info['client_secret'])
    w.use({**info, 'quota_project_id': 'bill-me'})
    seal(w)
    equal(asked_header(w, 'x-goog-user-project'), 'bill-me')
    w.coffer.env['GOOGLE_CLOUD_QUOTA_PROJECT'] = 'bill-another'
    open_all(w)
    equal(asked_header(w, 'x-goog-user-project'), 'bill-another')
    w.gcp.users.clear()
    cannot_open(w, 7, 'Google', 'expired or revoked', name='[REFUSED]')


def asked_header(w, name):
    return [r for r in w.server.log if w.is_use(r)][-1].headers.get(name)


def well_known_file(w):
    doc = w.coffer.read('credential.json')
    del w.coffer.env['GOOGLE_APPLICATION_CREDENTIALS']
    w.coffer.write('.config/gcloud/application_default_credentials.json', doc)
    seal(w)
    w.coffer.write('elsewhere/application_default_credentials.json', 'no JSON')
    w.coffer.env['CLOUDSDK_CONFIG'] = w.coffer.at('elsewhere')
    cannot_open(w, 7, 'application_default_credentials.json', name='[KEY]')


def metadata(w):
    del w.coffer.env['GOOGLE_APPLICATION_CREDENTIALS']
    w.coffer.env['GCE_METADATA_HOST'] = w.server.url.removeprefix('http://')
    w.coffer.env['http_proxy'] = f'http://127.0.0.1:{rig.nobody()}'
    model(w)
    w.coffer.expect(7, ['the metadata server of Google Cloud', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
    w.gcp.attached = w.member
    seal(w)
    open_all(w)
    w.gcp.flavor = None
    cannot_open(w, 7, 'not the metadata server', name='[UNAVAILABLE]')


def federated(w):
    """The token of another identity provider, from a file or a URL; then that of a service account."""
    ci = cloud_jwt.Issuer('https://ci.example.com')
    w.gcp.add_provider(ci, AUDIENCE)
    now = int(time.time())
    token = ci.sign({'iss': ci.name, 'sub': 'repo:models', 'aud': AUDIENCE, 'iat': now, 'exp': now + 600})
    w.private.append(token)
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypterDecrypter', 'principal:repo:models', w.id)
    w.use(w.gcp.external_file(AUDIENCE, {'file': w.coffer.write('token', token + '\n')}))
    seal(w)
    w.revoke()
    w.coffer.write('token.json', json.dumps({'id_token': token}))
    source = {'file': w.coffer.at('token.json'), 'format': {'type': 'json', 'subject_token_field_name': 'id_token'}}
    w.use(w.gcp.external_file(AUDIENCE, source))
    open_all(w)
    serve = w.server.answer
    w.server.answer = lambda r: rig.Answer(200 if r.headers.get('X-Key') == 'of CI' else 403, {'value': token}) if r.path == '/ci' else serve(r)
    source = {'url': w.server.url + '/ci', 'headers': {'X-Key': 'of CI'}, 'format': {'type': 'json', 'subject_token_field_name': 'value'}}
    w.use(w.gcp.external_file(AUDIENCE, source))
    open_all(w)
    w.use(w.gcp.external_file(AUDIENCE, {**source, 'headers': {}}))
    cannot_open(w, 4, '403', name='[PERM]')
    # for a service account
    w.gcp.revoke('principal:repo:models')
    w.gcp.grant('roles/cloudkms.cryptoKeyEncrypterDecrypter', w.member, gcp.RING_NAME)
    w.use(w.gcp.external_file(AUDIENCE, source, EMAIL))
    cannot_open(w, 7, 'iam.serviceAccounts.getAccessToken', name='[REFUSED]')
    w.gcp.roles['roles/iam.workloadIdentityUser'] = {'iam.serviceAccounts.getAccessToken'}
    w.gcp.grant('roles/iam.workloadIdentityUser', 'principal:repo:models', f'projects/-/serviceAccounts/{EMAIL}')
    open_all(w)
    w.coffer.write('token', cloud_jwt.Issuer('x').sign(cloud_jwt.read(token)[1]))
    w.use(w.gcp.external_file(AUDIENCE, {'file': w.coffer.at('token')}))
    cannot_open(w, 7, 'its signature does not hold', name='[REFUSED]')
    for source in ({'environment_id': 'aws1', 'url': 'http://169.254.169.254/'}, {'executable': {'command': 'x'}}, {}):
        w.use(w.gcp.external_file(AUDIENCE, source))
        cannot_open(w, 7, 'credential_source', name='[KEY]')


def bad_credentials(w):
    good = w.gcp.account_file(EMAIL)
    seal(w)
    w.use({**good, 'private_key': cloud_jwt.Issuer('x').pem})
    cannot_open(w, 7, 'Invalid JWT Signature', name='[REFUSED]')
    w.use({**good, 'client_email': 'nobody@prj.iam.gserviceaccount.com'})
    cannot_open(w, 7, 'account not found', name='[REFUSED]')
    for change, words in (({'private_key': 'no PEM'}, 'credential.json'), ({'private_key': None}, 'private_key'), ({'client_email': None}, 'client_email'),
                          ({'type': 'gdch_service_account'}, 'service_account'), ({'type': None}, 'service_account')):
        w.use({k: v for k, v in {**good, **change}.items() if v is not None})
        cannot_open(w, 7, words, name='[KEY]')
    w.coffer.env['GOOGLE_APPLICATION_CREDENTIALS'] = w.coffer.write('odd.json', 'hunter2')
    cannot_open(w, 7, 'odd.json is no credential', name='[KEY]')
    w.use({**good, 'token_uri': 'http://token.example.com/token'})
    cannot_open(w, 2, 'https', name='[USAGE]')
    w.coffer.env['GOOGLE_APPLICATION_CREDENTIALS'] = w.coffer.at('nothing.json')
    cannot_open(w, 3, 'nothing.json', name='[NOTFOUND]')


def emulator(w):
    """KMS_EMULATOR_HOST is asked without a credential."""
    del w.coffer.env['GOOGLE_APPLICATION_CREDENTIALS'], w.coffer.env[w.endpoint]
    w.coffer.env['KMS_EMULATOR_HOST'] = w.server.url.removeprefix('http://')
    model(w)
    w.coffer.expect(7, ['credential', '[REFUSED]'], 'seal', 'model', '-o', 'x', '--kek', w.uri)
    equal([r for r in w.server.log if r.headers.get('Authorization')], [])
    w.gcp.member = lambda *_: w.member
    seal(w)
    open_all(w)


def policy_of_one_model(w):
    """The condition names the key, and what is below it, and no other whose name begins like it."""
    for name in ('model-production-llama', 'model-production-llama2'):
        w.add_key(name)
    for role in ('publisher', 'loader'):
        out = w.coffer.ok('key', 'policy', '--provider', 'gcpkms', '--environment', 'production', '--role', role, '--model', 'llama',
                          *w.place('production', role)).out
        w.install('production', role, json.loads(out))
    model(w)
    publisher, loader = w.credential('production', 'publisher'), w.credential('production', 'loader')
    w.coffer.ok('seal', 'model', '-o', 'x', '--name', 'llama', '--environment', 'production', '--kek', w.template, env=publisher)
    w.coffer.ok('check', 'x', '--kek', w.template, env=loader)
    w.coffer.expect(7, ['useToEncrypt', '[REFUSED]'], 'seal', 'model', '-o', 'y', '--name', 'llama2', '--environment', 'production', '--kek',
                    w.template, env=publisher)


CASES = [binding_is_sent, checksums, request_damaged, states, cosign_uri, policy_of_one_model, user_file, well_known_file, metadata, federated,
         bad_credentials, emulator]

if __name__ == '__main__':
    sys.exit(cloud_cases.run(sys.argv, [('key', World, cloud_cases.CASES + CASES)]))
