#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Google Cloud of our own: as much of Cloud KMS (REST, v1) and of Google's identities as coffer speaks with, for tests.

Key rings and keys (ENCRYPT_DECRYPT, real AES-256-GCM) with versions, their states and a primary one; the CRC-32C fields; IAM with
bindings of roles and members, and conditions (gcp_iam.py); access tokens for service accounts (JWT
bearer, and self-signed JWTs), refresh tokens, token exchange of a federated identity, impersonation; a metadata server.  Answers, statuses
and error texts are those of google.rpc.Status (AIP-193) and of the documentation.  google-cloud-kms and google-auth are driven against
it by gcp_sdk.py.

In a test: Gcp() and what it holds, then gcp.serve().  From a shell, for a page of docs/howto:

    python3 tests/services/gcp.py FOLDER      serves until its standard input ends; FOLDER/env is to be sourced
"""
import base64
import json
import os
import re
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import cloud_jwt
import gcp_iam
import rig
from rig import Answer

CLOUDKMS = 'https://www.googleapis.com/auth/cloudkms'
ALL_SCOPES = 'https://www.googleapis.com/auth/cloud-platform'
IAM = 'https://www.googleapis.com/auth/iam'
TOKEN_URI = 'https://oauth2.googleapis.com/token'  # which google-auth names as audience, wherever it asks


class Refused(Exception):
    """google.rpc.Status"""

    def __init__(self, http, status, message):
        super().__init__(message)
        self.answer = Answer(http, {'error': {'code': http, 'message': message, 'status': status}})


class BadGrant(Exception):
    """RFC 6749 section 5.2"""

    def __init__(self, error, description, http=400):
        super().__init__(description)
        self.answer = Answer(http, {'error': error, 'error_description': description})


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def timestamp(when):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(when)) + f'.{int(when % 1 * 1e9):09d}Z'


def unbase64(body, name):
    try:
        return base64.b64decode(body.get(name, ''), validate=True)
    except (ValueError, TypeError):
        raise Refused(400, 'INVALID_ARGUMENT', f"Invalid value at '{name}' (TYPE_BYTES), Base64 decoding failed") from None


# ---- keys ----

@dataclass
class Version:
    name: str
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    state: str = 'ENABLED'
    created: float = field(default_factory=time.time)
    looks: int = 0  # how often one must look until it is generated, as in an HSM

    @property
    def number(self):
        return int(self.name.rsplit('/', 1)[1])

    def doc(self):
        return {'name': self.name, 'state': self.state, 'protectionLevel': 'SOFTWARE', 'algorithm': 'GOOGLE_SYMMETRIC_ENCRYPTION',
                'createTime': timestamp(self.created), 'generateTime': timestamp(self.created)}


@dataclass
class Key:
    name: str
    created: float = field(default_factory=time.time)
    versions: list = field(default_factory=list)
    primary: Version = None
    slow: int = 0  # looks that a new version takes
    head: bytes = field(default_factory=lambda: b'\x0a\x24' + secrets.token_bytes(4))  # of each of its ciphertexts

    def add_version(self):
        version = Version(f'{self.name}/cryptoKeyVersions/{len(self.versions) + 1}')
        if self.slow:
            version.state, version.looks = 'PENDING_GENERATION', self.slow
        self.versions.append(version)
        return version

    def version(self, number):
        if not 1 <= int(number) <= len(self.versions):
            raise Refused(404, 'NOT_FOUND', f'CryptoKeyVersion {self.name}/cryptoKeyVersions/{number} not found.')
        return self.versions[int(number) - 1]

    def doc(self):
        doc = {'name': self.name, 'purpose': 'ENCRYPT_DECRYPT', 'createTime': timestamp(self.created),
               'versionTemplate': {'protectionLevel': 'SOFTWARE', 'algorithm': 'GOOGLE_SYMMETRIC_ENCRYPTION'}}
        if self.primary:
            doc['primary'] = self.primary.doc()
        return doc

    def encrypt(self, version, plaintext, aad):
        iv = secrets.token_bytes(12)
        return self.head + version.number.to_bytes(4, 'big') + iv + AESGCM(version.secret).encrypt(iv, plaintext, aad)

    def decrypt(self, ciphertext, aad):
        """The version that encrypted, and the plaintext."""
        if ciphertext[:6] != self.head:
            raise Refused(400, 'INVALID_ARGUMENT', "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
        version = self.version(int.from_bytes(ciphertext[6:10], 'big'))
        must_be_enabled(version)
        try:
            return version, AESGCM(version.secret).decrypt(ciphertext[10:22], ciphertext[22:], aad)
        except InvalidTag:
            raise Refused(400, 'INVALID_ARGUMENT', 'Decryption failed: the ciphertext is invalid.') from None


def must_be_enabled(version):
    if version.state != 'ENABLED':
        raise Refused(400, 'FAILED_PRECONDITION', f'{version.name} is not enabled, current state is: {version.state}.')


def check_crc(body, name, data):
    """Whether the checksum that was sent along, if any, agrees."""
    sent = body.get(f'{name}Crc32c')
    if sent is not None and int(sent) != crc32c(data):
        raise Refused(400, 'INVALID_ARGUMENT',
                      f'The checksum in field {name}_crc32c did not match the data in field {name}.')
    return sent is not None


# ---- who may do what ----

def bindings_of(policy):
    try:
        return gcp_iam.bindings_of(policy)
    except gcp_iam.BadPolicy as bad:
        raise Refused(400, 'INVALID_ARGUMENT', str(bad)) from None


class Call:
    """A request taken apart: method, path, query, headers, body, and the body as JSON or as a form."""

    def __init__(self, request):
        self.method, self.path, self.headers, self.body = request.method, unquote(request.path), request.headers, request.body
        self.query = dict(parse_qsl(request.query, keep_blank_values=True))
        self.form = self.json = {}
        try:
            if self.headers.get('Content-Type', '').startswith('application/x-www-form-urlencoded'):
                self.form = dict(parse_qsl(self.body.decode()))
            elif self.body:
                self.json = json.loads(self.body)
        except ValueError:
            raise Refused(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.') from None


@dataclass
class Token:
    member: str
    scopes: set
    ends: float


class Gcp:
    """All of it, in memory."""

    def __init__(self):
        self.lock = threading.RLock()
        self.url = ''  # set by serve()
        self.rings, self.keys, self.policies = set(), {}, {}  # by name; of policies by resource, '' = the organisation
        self.roles = {name: set(permissions) for name, permissions in gcp_iam.ROLES.items()}
        self.accounts, self.users, self.providers, self.tokens = {}, {}, {}, {}
        self.attached = None  # the service account of the machine, for the metadata server
        self.flavor = 'Google'
        self.lifetime = 3599
        self.billed = set()  # projects that were named to be billed

    # ---- what a test or an administrator makes ----

    def add_key(self, name, slow=0):
        ring = name.rsplit('/cryptoKeys/', 1)[0]
        self.rings.add(ring)
        key = self.keys[name] = Key(name, slow=slow)
        key.primary = key.add_version()
        key.primary.state = 'ENABLED'
        return key

    def grant(self, role, member, resource='', prefix=''):
        expression = f'resource.name.startsWith("{prefix}")' if prefix else ''
        self.policies.setdefault(resource, []).append(gcp_iam.Binding(role, [member], expression))

    def add_role(self, doc):
        """A custom role, as projects.roles.create has it."""
        name, permissions = gcp_iam.role_of(doc)
        self.roles[name] = permissions

    def add_bindings(self, resource, policy):
        """What «add-iam-policy-binding» does for each binding: those that are there stay."""
        self.policies.setdefault(resource, []).extend(gcp_iam.bindings_of(policy))

    def revoke(self, member):
        for bindings in self.policies.values():
            bindings[:] = [b for b in bindings if member not in b.members]

    def add_account(self, email):
        self.accounts[email] = cloud_jwt.Issuer(email)
        return f'serviceAccount:{email}'

    def account_file(self, email):
        """What «gcloud iam service-accounts keys create» writes."""
        issuer = self.accounts[email]
        return {'type': 'service_account', 'project_id': email.split('@')[1].split('.')[0], 'private_key_id': issuer.key_id,
                'private_key': issuer.pem, 'client_email': email, 'client_id': '100000000000000000001',
                'auth_uri': f'{self.url}/o/oauth2/auth', 'token_uri': f'{self.url}/token', 'universe_domain': 'googleapis.com'}

    def add_user(self, email):
        """What «gcloud auth application-default login» writes."""
        refresh = '1//' + secrets.token_urlsafe(32)
        self.users[refresh] = f'user:{email}'
        return {'type': 'authorized_user', 'client_id': 'client.apps.googleusercontent.com', 'client_secret': 'GOCSPX-' + secrets.token_hex(8),
                'refresh_token': refresh, 'token_uri': f'{self.url}/token'}

    def add_provider(self, issuer, audience):
        """A workload identity pool that believes this issuer."""
        self.providers[audience] = issuer

    def external_file(self, audience, source, impersonate=None):
        doc = {'type': 'external_account', 'audience': audience, 'subject_token_type': 'urn:ietf:params:oauth:token-type:jwt',
               'token_url': f'{self.url}/sts/v1/token', 'credential_source': source}
        if impersonate:
            doc['service_account_impersonation_url'] = f'{self.url}/v1/projects/-/serviceAccounts/{impersonate}:generateAccessToken'
        return doc

    def make_token(self, member, scopes=(CLOUDKMS,)):
        token = 'ya29.' + secrets.token_urlsafe(48)
        self.tokens[token] = Token(member, set(scopes), time.time() + self.lifetime)
        return token

    def expire_tokens(self):
        for token in self.tokens.values():
            token.ends = 0

    # ---- who asks ----

    def self_signed(self, text):
        """A JWT that a service account signed in place of an access token (google.aip.dev/auth/4111)."""
        _, claims = cloud_jwt.read(text)
        issuer = self.accounts.get(claims.get('iss'))
        if not issuer or claims.get('sub') != claims['iss']:
            raise cloud_jwt.BadToken('nobody signed it')
        audience = [self.url + '/', 'https://cloudkms.googleapis.com/', claims.get('aud') if 'scope' in claims else '']
        cloud_jwt.verify(text, issuer.key.public_key(), ['RS256'], audience, 3600)
        return f'serviceAccount:{claims["iss"]}'

    def member(self, call, scope=CLOUDKMS):
        kind, _, text = call.headers.get('Authorization', '').partition(' ')
        token = self.tokens.get(text)
        try:
            if kind == 'Bearer' and token and time.time() < token.ends and token.scopes & {scope, ALL_SCOPES}:
                return token.member
            if kind == 'Bearer' and not token and text.count('.') == 2 and not text.startswith('ya29.'):
                return self.self_signed(text)
        except cloud_jwt.BadToken:
            pass
        raise Refused(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or '
                                              'other valid authentication credential. See '
                                              'https://developers.google.com/identity/sign-in/web/devconsole-project.')

    def may(self, member, permission, resource):
        """Bindings of the resource and of all above it."""
        above = [r for r in self.policies if r == '' or resource == r or resource.startswith(r + '/')]
        return any(permission in self.roles.get(b.role, ()) and member in b.members and b.holds(resource)
                   for r in above for b in self.policies[r])

    def need(self, call, permission, resource):
        if not self.may(self.member(call), permission, resource):
            raise Refused(403, 'PERMISSION_DENIED',
                          f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).")

    # ---- requests ----

    def serve(self):
        server = rig.Server(self.answer)
        self.url = server.url
        return server

    def answer(self, request):
        with self.lock:
            self.billed.add(request.headers.get('x-goog-user-project'))
            try:
                return self.route(Call(request))
            except (Refused, BadGrant) as refused:
                return refused.answer

    def route(self, call):
        if call.path in ('', '/') or call.path.startswith('/computeMetadata/'):
            return self.metadata(call)
        if call.path == '/token':
            return self.grant_token(call)
        if call.path == '/sts/v1/token':
            return self.exchange(call)
        for method, pattern, do in ROUTES:
            match = re.fullmatch(pattern, call.path)
            if match and method == call.method:
                return do(self, call, *match.groups())
        raise Refused(404, 'NOT_FOUND', 'Method not found.')

    def key(self, call, permission, name, resource=None):
        self.need(call, permission, resource or name)
        if name not in self.keys:
            raise Refused(404, 'NOT_FOUND', f'CryptoKey {name} not found.')
        return self.keys[name]

    def encrypt(self, call, name, number):
        key = self.key(call, 'cloudkms.cryptoKeyVersions.useToEncrypt', name, f'{name}/cryptoKeyVersions/{number}' if number else name)
        version = key.version(number) if number else key.primary
        plaintext, aad = unbase64(call.json, 'plaintext'), unbase64(call.json, 'additionalAuthenticatedData')
        if not plaintext or len(plaintext) > 65536 or len(aad) > 65536:
            raise Refused(400, 'INVALID_ARGUMENT', 'The plaintext must be 1 to 65536 bytes, and the additional data at most 65536.')
        has_crc = check_crc(call.json, 'plaintext', plaintext)
        has_aad_crc = check_crc(call.json, 'additionalAuthenticatedData', aad)
        must_be_enabled(version)
        ciphertext = key.encrypt(version, plaintext, aad)
        answer = {'name': version.name, 'ciphertext': base64.b64encode(ciphertext).decode(), 'ciphertextCrc32c': str(crc32c(ciphertext)),
                  'protectionLevel': 'SOFTWARE'}
        # proto3's JSON leaves out what is false
        if has_crc:
            answer['verifiedPlaintextCrc32c'] = True
        if has_aad_crc:
            answer['verifiedAdditionalAuthenticatedDataCrc32c'] = True
        return Answer(200, answer)

    def decrypt(self, call, name):
        key = self.key(call, 'cloudkms.cryptoKeyVersions.useToDecrypt', name)
        ciphertext, aad = unbase64(call.json, 'ciphertext'), unbase64(call.json, 'additionalAuthenticatedData')
        check_crc(call.json, 'ciphertext', ciphertext)
        check_crc(call.json, 'additionalAuthenticatedData', aad)
        version, plaintext = key.decrypt(ciphertext, aad)
        answer = {'plaintext': base64.b64encode(plaintext).decode(), 'plaintextCrc32c': str(crc32c(plaintext)), 'protectionLevel': 'SOFTWARE'}
        if version is key.primary:
            answer['usedPrimary'] = True
        return Answer(200, answer)

    def get_key(self, call, name):
        return Answer(200, self.key(call, 'cloudkms.cryptoKeys.get', name).doc())

    def list_keys(self, call, ring):
        self.need(call, 'cloudkms.cryptoKeys.list', ring)
        keys = [k.doc() for name, k in sorted(self.keys.items()) if name.startswith(ring + '/')]
        return Answer(200, {'cryptoKeys': keys, 'totalSize': len(keys)})

    def create_ring(self, call, location):
        name = f'{location}/keyRings/{call.query["keyRingId"]}'
        self.need(call, 'cloudkms.keyRings.create', location)
        if name in self.rings:
            raise Refused(409, 'ALREADY_EXISTS', f'KeyRing {name} already exists.')
        self.rings.add(name)
        return Answer(200, {'name': name, 'createTime': timestamp(time.time())})

    def create_key(self, call, ring):
        name = f'{ring}/cryptoKeys/{call.query["cryptoKeyId"]}'
        self.need(call, 'cloudkms.cryptoKeys.create', ring)
        if ring not in self.rings:
            raise Refused(404, 'NOT_FOUND', f'KeyRing {ring} not found.')
        if name in self.keys:
            raise Refused(409, 'ALREADY_EXISTS', f'CryptoKey {name} already exists.')
        if call.json.get('purpose') not in ('ENCRYPT_DECRYPT', 1):
            raise Refused(400, 'INVALID_ARGUMENT', 'this KMS knows the purpose ENCRYPT_DECRYPT only')
        return Answer(200, self.add_key(name).doc())

    def create_version(self, call, name):
        key = self.key(call, 'cloudkms.cryptoKeyVersions.create', name)
        return Answer(200, key.add_version().doc())

    def get_version(self, call, name, number):
        version = self.key(call, 'cloudkms.cryptoKeyVersions.get', name, f'{name}/cryptoKeyVersions/{number}').version(number)
        version.looks -= 1
        if version.state == 'PENDING_GENERATION' and version.looks <= 0:
            version.state = 'ENABLED'
        return Answer(200, version.doc())

    def list_versions(self, call, name):
        key = self.key(call, 'cloudkms.cryptoKeyVersions.list', name)
        return Answer(200, {'cryptoKeyVersions': [v.doc() for v in key.versions], 'totalSize': len(key.versions)})

    def update_primary(self, call, name):
        key = self.key(call, 'cloudkms.cryptoKeys.update', name)
        version = key.version(call.json.get('cryptoKeyVersionId', 0))
        must_be_enabled(version)
        key.primary = version
        return Answer(200, key.doc())

    def update_version(self, call, name, number):
        version = self.key(call, 'cloudkms.cryptoKeyVersions.update', name).version(number)
        state = {1: 'ENABLED', 2: 'DISABLED'}.get(call.json.get('state'), call.json.get('state'))
        if call.query.get('updateMask') != 'state' or state not in ('ENABLED', 'DISABLED') or version.state not in ('ENABLED', 'DISABLED'):
            raise Refused(400, 'FAILED_PRECONDITION', f'{version.name} cannot become {state}, it is {version.state}.')
        version.state = state
        return Answer(200, version.doc())

    def destroy_version(self, call, name, number):
        version = self.key(call, 'cloudkms.cryptoKeyVersions.destroy', name).version(number)
        version.state = 'DESTROY_SCHEDULED'
        return Answer(200, version.doc())

    def restore_version(self, call, name, number):
        version = self.key(call, 'cloudkms.cryptoKeyVersions.restore', name).version(number)
        version.state = 'DISABLED'
        return Answer(200, version.doc())

    def need_resource(self, call, verb, name):
        if '/cryptoKeys/' in name:
            self.key(call, f'cloudkms.cryptoKeys.{verb}', name)
        else:
            self.need(call, f'cloudkms.keyRings.{verb}', name)

    def set_policy(self, call, name):
        """Of a key or a key ring; all that was there before is gone."""
        self.need_resource(call, 'setIamPolicy', name)
        self.policies[name] = bindings_of(call.json.get('policy', {}))
        return self.policy_answer(name)

    def get_policy(self, call, name):
        self.need_resource(call, 'getIamPolicy', name)
        return self.policy_answer(name)

    def policy_answer(self, name):
        return Answer(200, {'version': 3, 'etag': 'BwYZ', 'bindings': [b.doc() for b in self.policies.get(name, [])]})

    # ---- token endpoints ----

    def token_answer(self, member, scopes, **more):
        return Answer(200, {'access_token': self.make_token(member, scopes), 'expires_in': self.lifetime, 'token_type': 'Bearer', **more})

    def grant_token(self, call):
        form = call.form
        if form.get('grant_type') == 'urn:ietf:params:oauth:grant-type:jwt-bearer':
            return self.grant_by_jwt(form.get('assertion', ''))
        if form.get('grant_type') != 'refresh_token':
            raise BadGrant('unsupported_grant_type', f'Invalid grant_type: {form.get("grant_type")}')
        if form.get('refresh_token') not in self.users or not form.get('client_id') or not form.get('client_secret'):
            raise BadGrant('invalid_grant', 'Token has been expired or revoked.')
        scope = form.get('scope', ALL_SCOPES)
        return self.token_answer(self.users[form['refresh_token']], scope.split(), scope=scope)

    def grant_by_jwt(self, assertion):
        try:
            header, claims = cloud_jwt.read(assertion)
            issuer = self.accounts.get(claims.get('iss'))
            if not issuer:
                raise BadGrant('invalid_grant', 'Invalid grant: account not found')
            if header.get('kid') != issuer.key_id:
                raise cloud_jwt.BadToken('its key is not one of the account')
            cloud_jwt.verify(assertion, issuer.key.public_key(), ['RS256'], [f'{self.url}/token', TOKEN_URI], 3600)
        except cloud_jwt.BadToken as error:
            raise BadGrant('invalid_grant', f'Invalid JWT Signature: {error}') from None
        if claims.get('sub', claims['iss']) != claims['iss']:
            raise BadGrant('unauthorized_client', 'Client is unauthorized to retrieve access tokens using this method, or client not authorized '
                                                  'for any of the scopes requested.', 401)
        if not claims.get('scope'):
            raise BadGrant('invalid_scope', 'Empty or missing scope not allowed.')
        return self.token_answer(f'serviceAccount:{claims["iss"]}', claims['scope'].split())

    def exchange(self, call):
        form = call.form
        issuer = self.providers.get(form.get('audience'))
        if form.get('grant_type') != 'urn:ietf:params:oauth:grant-type:token-exchange' or \
                form.get('requested_token_type') != 'urn:ietf:params:oauth:token-type:access_token' or \
                form.get('subject_token_type') != 'urn:ietf:params:oauth:token-type:jwt' or not form.get('scope'):
            raise BadGrant('invalid_request', 'Invalid token exchange request.')
        if not issuer:
            raise BadGrant('invalid_target', "The target service indicated by the \"audience\" parameters is invalid.")
        try:
            claims = cloud_jwt.verify(form.get('subject_token', ''), issuer.key.public_key(), ['RS256'], [form['audience']], 86400)
        except cloud_jwt.BadToken as error:
            raise BadGrant('invalid_grant', f'The given credential is rejected by the attribute condition: {error}') from None
        return self.token_answer(f'principal:{claims["sub"]}', form['scope'].split(), issued_token_type=form['requested_token_type'])

    def impersonate(self, call, email):
        member = self.member(call, IAM)
        if not self.may(member, 'iam.serviceAccounts.getAccessToken', f'projects/-/serviceAccounts/{email}'):
            raise Refused(403, 'PERMISSION_DENIED', "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).")
        scopes = call.json.get('scope')
        if email not in self.accounts or not scopes:
            raise Refused(404, 'NOT_FOUND', 'Unknown service account')
        ends = time.time() + int(call.json.get('lifetime', '3600s').rstrip('s'))
        return Answer(200, {'accessToken': self.make_token(f'serviceAccount:{email}', scopes),
                            'expireTime': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(ends))})

    # ---- the metadata server ----

    def metadata(self, call):
        headers = {'Metadata-Flavor': self.flavor, 'Server': 'Metadata Server for VM'} if self.flavor else {}
        if call.path not in ('', '/') and call.headers.get('Metadata-Flavor') != 'Google':
            return Answer(403, b'Missing Metadata-Flavor:Google header.', {'Content-Type': 'text/html'})
        if call.headers.get('X-Forwarded-For'):
            return Answer(403, b'', headers)
        account = '/computeMetadata/v1/instance/service-accounts/default/'
        if call.path in ('', '/', '/computeMetadata/v1/'):
            return Answer(200, b'computeMetadata/\n', {'Content-Type': 'application/text', **headers})
        if call.path == '/computeMetadata/v1/project/project-id':
            return Answer(200, b'prj', {'Content-Type': 'application/text', **headers})
        if call.path == '/computeMetadata/v1/universe/universe-domain':
            return Answer(200, b'googleapis.com', {'Content-Type': 'application/text', **headers})
        if self.attached and call.path == account:
            return Answer(200, {'email': self.attached.split(':')[1], 'aliases': ['default'], 'scopes': [ALL_SCOPES]}, headers)
        if self.attached and call.path == account + 'token':
            return Answer(200, {'access_token': self.make_token(self.attached, [ALL_SCOPES]), 'expires_in': self.lifetime,
                                'token_type': 'Bearer'}, headers)
        return Answer(404, b'<html>Not Found</html>', {'Content-Type': 'text/html', **headers})


LOCATION = r'/v1/(projects/[^/]+/locations/[^/]+)'
RING = LOCATION[:-1] + r'/keyRings/[\w-]+)'
KEY = RING[:-1] + r'/cryptoKeys/[\w-]+)'
VERSION = KEY + r'/cryptoKeyVersions/(\d+)'
ROUTES = [
    ('POST', KEY + '()?:encrypt', Gcp.encrypt),
    ('POST', VERSION + ':encrypt', Gcp.encrypt),
    ('POST', KEY + ':decrypt', Gcp.decrypt),
    ('GET', KEY, Gcp.get_key),
    ('POST', KEY + ':updatePrimaryVersion', Gcp.update_primary),
    ('POST', KEY + ':setIamPolicy', Gcp.set_policy),
    ('GET', KEY + ':getIamPolicy', Gcp.get_policy),
    ('POST', RING + ':setIamPolicy', Gcp.set_policy),
    ('GET', RING + ':getIamPolicy', Gcp.get_policy),
    ('POST', KEY + '/cryptoKeyVersions', Gcp.create_version),
    ('GET', KEY + '/cryptoKeyVersions', Gcp.list_versions),
    ('GET', VERSION, Gcp.get_version),
    ('PATCH', VERSION, Gcp.update_version),
    ('POST', VERSION + ':destroy', Gcp.destroy_version),
    ('POST', VERSION + ':restore', Gcp.restore_version),
    ('GET', RING + '/cryptoKeys', Gcp.list_keys),
    ('POST', RING + '/cryptoKeys', Gcp.create_key),
    ('POST', LOCATION + '/keyRings', Gcp.create_ring),
    ('POST', r'/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken', Gcp.impersonate),
]
RING_NAME = 'projects/prj/locations/europe-west1/keyRings/models'


def main(folder):
    """For a reader of docs/howto: a ring with a key for each of two environments; a publisher, and a loader and a rotator of production."""
    os.makedirs(folder, exist_ok=True)
    gcp = Gcp()
    for environment in ('development', 'production'):
        gcp.add_key(f'{RING_NAME}/cryptoKeys/model-{environment}-llama')
    with gcp.serve() as server:
        for who, roles, prefix in (('publisher', ['cryptoKeyEncrypterDecrypter'], ''), ('loader', ['cryptoKeyDecrypter'], 'production'),
                                   ('rotator', ['cryptoKeyEncrypterDecrypter', 'admin'], 'production')):
            email = f'{who}@prj.iam.gserviceaccount.com'
            member = gcp.add_account(email)
            for role in roles:
                gcp.grant(f'roles/cloudkms.{role}', member, prefix=f'{RING_NAME}/cryptoKeys/model-{prefix}')
            with open(os.path.join(folder, f'{who}.json'), 'w', encoding='utf-8') as out:
                json.dump(gcp.account_file(email), out)
        with open(os.path.join(folder, 'env'), 'w', encoding='utf-8') as out:
            print(f'export COFFER_GCPKMS_ENDPOINT={server.url} GOOGLE_APPLICATION_CREDENTIALS={os.path.abspath(folder)}/publisher.json', file=out)
        print('ready', flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
