#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An Azure of our own: as much of Key Vault, Managed HSM, Entra and managed identities as coffer speaks with, for tests.

Keys with versions and attributes: RSA (RSA-OAEP-256 and RSA-OAEP, wrapkey and encrypt), and in a Managed HSM AES (A256KW, A256GCM with
associated data, whose IV it makes); role assignments with scopes and data actions; the challenge of a 401; access tokens by client secret,
certificate (RS256 and PS256 assertions), federated token, the metadata service and App Service.  Answers, statuses and error texts are
those of the documentation.  azure-keyvault-keys and azure-identity are driven against it by azure_sdk.py.

In a test: Azure() and what it holds, then azure.serve().  One server is the vault, Entra and the metadata service at once.  From a shell,
for a page of docs/howto:

    python3 tests/services/azure.py FOLDER      serves until its standard input ends; FOLDER/env is to be sourced
"""
import datetime
import json
import os
import re
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding

import cloud_jwt
import rig
from cloud_jwt import decode, encode
from rig import Answer

TENANT = '72f988bf-0000-41af-91ab-2d7cd011db47'
JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

# learn.microsoft.com/azure/key-vault/general/rbac-guide: data actions, behind «Microsoft.KeyVault/vaults/keys/»
ROLES = {
    'Key Vault Crypto Officer': {'read', 'create/action', 'update/action', 'delete', 'rotate/action', 'encrypt/action', 'decrypt/action',
                                 'wrap/action', 'unwrap/action'},
    'Key Vault Crypto User': {'read', 'update/action', 'encrypt/action', 'decrypt/action', 'wrap/action', 'unwrap/action'},
    'Key Vault Crypto Service Encryption User': {'read', 'wrap/action', 'unwrap/action'},
    'Key Vault Reader': {'read'},
}
KEYS = 'Microsoft.KeyVault/vaults/keys/'
ACTIONS = {'wrapkey': 'wrap/action', 'unwrapkey': 'unwrap/action', 'encrypt': 'encrypt/action', 'decrypt': 'decrypt/action'}
OPERATIONS = {'wrapkey': 'wrapKey', 'unwrapkey': 'unwrapKey', 'encrypt': 'encrypt', 'decrypt': 'decrypt'}
OAEP = {'RSA-OAEP-256': hashes.SHA256, 'RSA-OAEP': hashes.SHA1}
ALL_OPERATIONS = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']


class Refused(Exception):
    """Key Vault's error object."""

    def __init__(self, http, code, message, inner=None, headers=None):
        super().__init__(message)
        error = {'code': code, 'message': message}
        if inner:
            error['innererror'] = {'code': inner}
        self.answer = Answer(http, {'error': error}, headers)


class BadGrant(Exception):
    """Entra's: RFC 6749 section 5.2, with numbers."""

    def __init__(self, http, error, number, text):
        super().__init__(text)
        self.answer = Answer(http, {'error': error, 'error_description': f'AADSTS{number}: {text} Trace ID: {secrets.token_hex(16)}',
                                    'error_codes': [number], 'timestamp': time.strftime('%Y-%m-%d %H:%M:%SZ')})


def number(integer):
    return encode(integer.to_bytes((integer.bit_length() + 7) // 8, 'big'))


# ---- keys ----

@dataclass
class Version:
    kind: str  # kty
    name: str = field(default_factory=lambda: secrets.token_hex(16))
    secret: object = None
    operations: list = field(default_factory=lambda: list(ALL_OPERATIONS))
    enabled: bool = True
    created: int = field(default_factory=lambda: int(time.time()))
    begins: int = None
    ends: int = None

    def __post_init__(self):
        if self.secret is None:
            self.secret = secrets.token_bytes(32) if self.kind.startswith('oct') else cloud_jwt.rsa_key()

    def attributes(self):
        doc = {'enabled': self.enabled, 'created': self.created, 'updated': self.created, 'recoveryLevel': 'Recoverable+Purgeable',
               'recoverableDays': 90, 'exportable': False}
        return doc | ({'nbf': self.begins} if self.begins else {}) | ({'exp': self.ends} if self.ends else {})

    def jwk(self, kid):
        doc = {'kid': kid, 'kty': self.kind, 'key_ops': self.operations}
        if not self.kind.startswith('oct'):
            numbers = self.secret.public_key().public_numbers()
            doc |= {'n': number(numbers.n), 'e': number(numbers.e)}
        return doc

    # what each algorithm makes of a value

    def rsa_wrap(self, alg, value, _):
        oaep = padding.OAEP(padding.MGF1(OAEP[alg]()), OAEP[alg](), None)
        return {'value': encode(self.secret.public_key().encrypt(value, oaep))}

    def rsa_unwrap(self, alg, value, _):
        oaep = padding.OAEP(padding.MGF1(OAEP[alg]()), OAEP[alg](), None)
        return {'value': encode(self.secret.decrypt(value, oaep))}

    def kw_wrap(self, _, value, __):
        return {'value': encode(aes_key_wrap(self.secret, value))}

    def kw_unwrap(self, _, value, __):
        return {'value': encode(aes_key_unwrap(self.secret, value))}

    def gcm_encrypt(self, _, value, body):
        if body.get('iv'):
            raise Refused(400, 'BadParameter', 'The IV of AES-GCM is made by the service.')
        iv = secrets.token_bytes(12)
        sealed = AESGCM(self.secret).encrypt(iv, value, decode(body.get('aad', '')))
        return {'value': encode(sealed[:-16]), 'tag': encode(sealed[-16:]), 'iv': encode(iv), 'aad': body.get('aad', '')}

    def gcm_decrypt(self, _, value, body):
        return {'value': encode(AESGCM(self.secret).decrypt(decode(body['iv']), value + decode(body['tag']), decode(body.get('aad', ''))))}


ALGORITHMS = {('RSA', 'wrapkey'): Version.rsa_wrap, ('RSA', 'unwrapkey'): Version.rsa_unwrap, ('RSA', 'encrypt'): Version.rsa_wrap,
              ('RSA', 'decrypt'): Version.rsa_unwrap, ('A256KW', 'wrapkey'): Version.kw_wrap, ('A256KW', 'unwrapkey'): Version.kw_unwrap,
              ('A256GCM', 'encrypt'): Version.gcm_encrypt, ('A256GCM', 'decrypt'): Version.gcm_decrypt}


# ---- who may do what ----

@dataclass
class Assignment:
    principal: str
    role: str
    scope: str = ''  # of the vault; or «/keys/NAME»


class BadPolicy(ValueError):
    """Something that Azure would not take."""


RESOURCE_GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/models'
ASSIGNABLE = re.compile(r'/subscriptions/[0-9a-f-]+(/resourceGroups/[\w.()-]+)?|/providers/Microsoft\.Management/managementGroups/[\w.()-]+')


def role_of(doc):
    """(name, data actions, assignable scopes) of a custom role, as «az role definition create» takes it (RBAC, Azure custom roles)."""
    if set(doc) - {'Name', 'Description', 'Actions', 'NotActions', 'DataActions', 'NotDataActions', 'AssignableScopes'}:
        raise BadPolicy(f'this is no role definition: {doc}')
    if not 1 <= len(doc['Name']) <= 128 or not doc['Description'] or doc['NotDataActions'] or doc['Actions'] or doc['NotActions']:
        raise BadPolicy('this Azure knows roles of data actions alone')
    known = {KEYS + action for action in set().union(*ROLES.values())}
    for action in doc['DataActions']:
        if action not in known:
            raise BadPolicy(f'{action} does not match any of the actions supported by the providers')
    if not doc['AssignableScopes']:
        raise BadPolicy('a role is assignable somewhere')
    for scope in doc['AssignableScopes']:
        if not ASSIGNABLE.fullmatch(scope):
            raise BadPolicy(f'{scope} is not a management group, a subscription or a resource group')
    return doc['Name'], {action.removeprefix(KEYS) for action in doc['DataActions']}, doc['AssignableScopes']


@dataclass
class App:
    """A service principal."""
    name: str
    client_id: str = field(default_factory=lambda: f'{secrets.token_hex(4)}-0000-4000-8000-{secrets.token_hex(6)}')
    secrets: list = field(default_factory=list)
    expired: list = field(default_factory=list)
    certificates: list = field(default_factory=list)
    federated: list = field(default_factory=list)  # (cloud_jwt.Issuer, subject)


@dataclass
class Token:
    principal: str
    resource: str
    ends: float


class Call:
    """A request taken apart: method, path, query, headers, and the body as JSON or as a form."""

    def __init__(self, request):
        self.method, self.path, self.headers = request.method, unquote(request.path), request.headers
        self.query = dict(parse_qsl(request.query, keep_blank_values=True))
        self.form = self.json = {}
        try:
            if self.headers.get('Content-Type', '').startswith('application/x-www-form-urlencoded'):
                self.form = dict(parse_qsl(request.body.decode()))
            elif request.body:
                self.json = json.loads(request.body)
        except ValueError:
            raise Refused(400, 'BadParameter', 'The body is no JSON.') from None


class Azure:
    """A vault or Managed HSM called host, and what is around it, in memory."""

    def __init__(self, host='models.vault.azure.net'):
        self.lock = threading.RLock()
        self.host, self.url = host, ''  # url is set by serve()
        self.is_hsm = '.managedhsm.' in host
        self.resource = 'https://' + (host.split('.', 1)[1] if '.' in host else host.split(':')[0])
        self.keys, self.deleted, self.tokens, self.apps = {}, set(), {}, {}
        self.roles = {name: set(actions) for name, actions in ROLES.items()}
        self.assignable = {}  # of custom roles
        self.id = f'{RESOURCE_GROUP}/providers/Microsoft.KeyVault/vaults/{host.split(".")[0]}'
        self.assignments = []
        self.identity = None  # the managed identity of the machine
        self.identity_header = secrets.token_hex(16)  # of App Service
        self.lifetime = 3599
        self.challenge_resource = None  # another than it should be

    # ---- what a test or an administrator makes ----

    def add_key(self, name, kind=None, operations=None):
        version = Version(kind or ('oct-HSM' if self.is_hsm else 'RSA'))
        version.operations = operations or version.operations
        self.keys.setdefault(name, []).append(version)
        return version

    def add_app(self, name, secret=None):
        app = App(name)
        app.secrets.append(secret or secrets.token_urlsafe(30))
        self.apps[app.client_id] = app
        return app

    def add_certificate(self, app):
        """A new one; key and certificate as PEM."""
        issuer = cloud_jwt.Issuer(app.name)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, app.name)])
        now, day = datetime.datetime.utcnow(), datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(issuer.key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
        certificate = builder.sign(issuer.key, hashes.SHA256())
        app.certificates.append(certificate)
        return issuer.pem + certificate.public_bytes(Encoding.PEM).decode()

    def assign(self, principal, role, scope=''):
        self.assignments.append(Assignment(principal, role, scope))

    def add_role(self, doc):
        """A custom role."""
        name, actions, scopes = role_of(doc)
        self.roles[name], self.assignable[name] = actions, scopes
        return name

    def assign_at(self, principal, role, resource):
        """By the id of a resource: the vault, or a key of it."""
        if not any((resource + '/').startswith(scope + '/') for scope in self.assignable[role]):
            raise BadPolicy(f'the role {role} is not assignable to {resource}')
        below = resource.removeprefix(self.id)
        if below == resource or not re.fullmatch('(/keys/[0-9a-zA-Z-]+)?', below):
            raise BadPolicy(f'{resource} is neither this vault nor a key of it')
        self.assign(principal, role, below)

    def revoke(self, principal):
        self.assignments = [a for a in self.assignments if a.principal != principal]

    def make_token(self, principal, resource=None):
        token = 'eyJ0eXAi.' + secrets.token_urlsafe(48) + '.' + secrets.token_urlsafe(12)
        self.tokens[token] = Token(principal, resource or self.resource, time.time() + self.lifetime)
        return token

    def expire_tokens(self):
        for token in self.tokens.values():
            token.ends = 0

    def serve(self, **more):
        server = rig.Server(self.answer, **more)
        self.url = server.url
        return server

    # ---- requests ----

    def answer(self, request):
        with self.lock:
            try:
                return self.route(Call(request))
            except (Refused, BadGrant) as refused:
                return refused.answer

    def route(self, call):
        if call.path == f'/{TENANT}/oauth2/v2.0/token':
            return self.grant_token(call)
        if call.path == f'/{TENANT}/v2.0/.well-known/openid-configuration':
            return Answer(200, {'token_endpoint': f'{self.url}/{TENANT}/oauth2/v2.0/token', 'issuer': f'{self.url}/{TENANT}/v2.0',
                                'authorization_endpoint': f'{self.url}/{TENANT}/oauth2/v2.0/authorize'})
        if call.path == '/metadata/identity/oauth2/token':
            return self.metadata(call)
        if call.path == '/msi/token':
            return self.app_service(call)
        self.need_token(call)
        if not re.fullmatch(r'7\.[4-9](-preview\.\d)?|20\d\d-\d\d-\d\d(-preview\.\d)?', call.query.get('api-version', '')):
            raise Refused(400, 'BadParameter', f'api-version {call.query.get("api-version")} is not known')
        for method, pattern, do in ROUTES:
            match = re.fullmatch(pattern, call.path)
            if match and method == call.method:
                return do(self, call, *match.groups())
        raise Refused(404, 'NotFound', f'Request for {call.path} is not known')

    def unauthorized(self, message):
        challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{self.challenge_resource or self.resource}"'
        return Refused(401, 'Unauthorized', message, headers={'WWW-Authenticate': challenge})

    def need_token(self, call):
        kind, _, text = call.headers.get('Authorization', '').partition(' ')
        if kind != 'Bearer':
            raise self.unauthorized('AKV10000: Request is missing a Bearer or PoP token.')
        token = self.tokens.get(text)
        if not token:
            raise self.unauthorized("Error validating token: 'S2S12005'.")
        if time.time() >= token.ends:
            raise self.unauthorized('[TokenExpired] Error validating token: the token has expired.')
        if token.resource != self.resource:
            raise self.unauthorized(f'AKV10022: Invalid audience. Expected {self.resource}, found: {token.resource}.')
        call.principal = token.principal

    def need(self, call, action, name=''):
        scope = f'/keys/{name}'
        if not any(a.principal == call.principal and action in self.roles.get(a.role, ()) and a.scope in ('', scope)
                   for a in self.assignments):
            service = 'managedHsm' if self.is_hsm else 'vaults'
            raise Refused(403, 'Forbidden', 'Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or '
                          'role definitions were changed recently, please observe propagation time.\r\nCaller: '
                          f"appid={call.principal}\r\nAction: 'Microsoft.KeyVault/{service}/keys/{action}'\r\n"
                          f"Resource: '/keys/{name}'", inner='ForbiddenByRbac')

    def kid(self, name, version):
        return f'https://{self.host}/keys/{name}/{version.name}'

    def bundle(self, name, version):
        return Answer(200, {'key': version.jwk(self.kid(name, version)), 'attributes': version.attributes(), 'tags': {}})

    def version(self, name, version):
        if name not in self.keys or name in self.deleted:
            raise Refused(404, 'KeyNotFound', f'A key with (name/id) {name} was not found in this key vault. If you recently deleted this key '
                                              'you may be able to recover it using the correct recovery command.')
        found = [v for v in self.keys[name] if v.name == version] if version else self.keys[name][-1:]
        if not found:
            raise Refused(404, 'KeyNotFound', f'A key with (name/id) {name}/{version} was not found in this key vault.')
        return found[0]

    def create(self, call, name):
        self.need(call, 'create/action', name)
        kind = call.json.get('kty', '')
        if name in self.deleted:
            raise Refused(409, 'Conflict', f'Key {name} is currently in a deleted but recoverable state, and its name cannot be reused.',
                          inner='ObjectIsDeletedButRecoverable')
        if kind not in (('RSA-HSM', 'oct-HSM') if self.is_hsm else ('RSA', 'RSA-HSM')):
            raise Refused(400, 'BadParameter', f'Property kty has the invalid value {kind}')
        version = self.add_key(name, kind, call.json.get('key_ops'))
        self.set_attributes(version, call.json.get('attributes', {}))
        return self.bundle(name, version)

    def set_attributes(self, version, attributes):
        version.enabled = attributes.get('enabled', version.enabled)
        version.begins = attributes.get('nbf', version.begins)
        version.ends = attributes.get('exp', version.ends)

    def get(self, call, name, version=''):
        self.need(call, 'read', name)
        return self.bundle(name, self.version(name, version))

    def list_keys(self, call):
        self.need(call, 'read')
        return Answer(200, {'value': [{'kid': f'https://{self.host}/keys/{name}', 'attributes': versions[-1].attributes()}
                                      for name, versions in sorted(self.keys.items())], 'nextLink': None})

    def list_versions(self, call, name):
        self.need(call, 'read', name)
        self.version(name, '')
        return Answer(200, {'value': [{'kid': self.kid(name, v), 'attributes': v.attributes()} for v in self.keys[name]], 'nextLink': None})

    def update(self, call, name, version=''):
        self.need(call, 'update/action', name)
        found = self.version(name, version)
        self.set_attributes(found, call.json.get('attributes', {}))
        return self.bundle(name, found)

    def rotate(self, call, name):
        self.need(call, 'rotate/action', name)
        old = self.version(name, '')
        return self.bundle(name, self.add_key(name, old.kind, old.operations))

    def delete(self, call, name):
        self.need(call, 'delete', name)
        version = self.version(name, '')
        self.deleted.add(name)
        answer = json.loads(self.bundle(name, version).body)
        return Answer(200, answer | {'recoveryId': f'https://{self.host}/deletedkeys/{name}', 'deletedDate': int(time.time()),
                                     'scheduledPurgeDate': int(time.time()) + 90 * 86400})

    def use(self, call, name, version, verb):
        self.need(call, ACTIONS[verb], name)
        found = self.version(name, version)
        operation = OPERATIONS[verb]
        self.must_be_usable(found, operation)
        alg = call.json.get('alg', '')
        do = ALGORITHMS.get(('RSA' if alg in OAEP else alg, verb))
        if not do or (alg in OAEP) != found.kind.startswith('RSA'):
            raise Refused(400, 'BadParameter', f'Key and signing algorithm are incompatible. Key https://{self.host}/keys/{name} uses {found.kind}, '
                                               f'and algorithm {alg} is only compatible with another.')
        try:
            made = do(found, alg, decode(call.json['value']), call.json)
        except (ValueError, KeyError, InvalidTag, InvalidUnwrap):
            raise Refused(400, 'BadParameter', 'The parameter is incorrect.\r\n') from None
        return Answer(200, {'kid': self.kid(name, found), **made})

    def must_be_usable(self, version, operation):
        now = time.time()
        gentle = operation in ('unwrapKey', 'decrypt')  # for data of old
        if operation not in version.operations:
            raise Refused(403, 'Forbidden', f'Operation {operation} is not permitted on this key.', inner='KeyOperationForbidden')
        if not version.enabled:
            raise Refused(403, 'Forbidden', f'Operation {operation} is not allowed on a disabled key.', inner='KeyDisabled')
        if version.begins and now < version.begins and not gentle:
            raise Refused(403, 'Forbidden', f'Operation {operation} is not allowed on a key that is not yet valid.', inner='KeyNotYetValid')
        if version.ends and now >= version.ends and not gentle:
            raise Refused(403, 'Forbidden', f'Operation {operation} is not allowed on an expired key.', inner='KeyExpired')

    # ---- Entra ----

    def grant_token(self, call):
        app = self.apps.get(call.form.get('client_id'))
        scope = call.form.get('scope', '').split()
        if call.form.get('grant_type') != 'client_credentials':
            raise BadGrant(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.')
        if not app:
            raise BadGrant(400, 'unauthorized_client', 700016, f'Application with identifier {call.form.get("client_id")!r} was not found in the '
                                                               "directory 'models'.")
        if len(scope) != 1 or not scope[0].endswith('/.default'):
            raise BadGrant(400, 'invalid_scope', 70011, f'The provided value for scope {" ".join(scope)} is not valid.')
        if 'client_secret' in call.form:
            self.check_secret(app, call.form['client_secret'])
        elif call.form.get('client_assertion_type') == JWT_BEARER:
            self.check_assertion(app, call.form.get('client_assertion', ''))
        else:
            raise BadGrant(401, 'invalid_client', 7000218, "The request body must contain the following parameter: 'client_assertion' or "
                                                           "'client_secret'.")
        return Answer(200, {'token_type': 'Bearer', 'expires_in': self.lifetime, 'ext_expires_in': self.lifetime,
                            'access_token': self.make_token(app.client_id, scope[0].removesuffix('/.default'))})

    def check_secret(self, app, secret):
        if secret in app.expired:
            raise BadGrant(401, 'invalid_client', 7000222, f"The provided client secret keys for app '{app.client_id}' are expired.")
        if secret not in app.secrets:
            raise BadGrant(401, 'invalid_client', 7000215, 'Invalid client secret provided. Ensure the secret being sent in the request is the '
                                                           'client secret value, not the client secret ID.')

    def check_assertion(self, app, assertion):
        try:
            header, claims = cloud_jwt.read(assertion)
            for issuer, subject in app.federated:
                if (claims.get('iss'), claims.get('sub')) == (issuer.name, subject):
                    cloud_jwt.verify(assertion, issuer.key.public_key(), ['RS256'], ['api://AzureADTokenExchange'], 86400)
                    return
            for certificate in app.certificates:
                if header.get('x5t#S256') == encode(certificate.fingerprint(hashes.SHA256())) or \
                        header.get('x5t', '').rstrip('=') == encode(certificate.fingerprint(hashes.SHA1())):
                    audience = [f'{self.url}/{TENANT}/oauth2/v2.0/token']
                    cloud_jwt.verify(assertion, certificate.public_key(), ['RS256', 'PS256'], audience, 3600)
                    if (claims.get('iss'), claims.get('sub')) != (app.client_id, app.client_id) or not claims.get('jti'):
                        raise cloud_jwt.BadToken('it does not name the client')
                    return
        except cloud_jwt.BadToken as error:
            raise BadGrant(401, 'invalid_client', 700027, f'Client assertion failed signature validation: {error}.') from None
        raise BadGrant(401, 'invalid_client', 700213, 'No matching federated identity record, or certificate, found for the presented assertion.')

    # ---- managed identities ----

    def identity_answer(self, call):
        client = call.query.get('client_id')
        if not self.identity or (client and client != self.identity):
            return Answer(400, {'error': 'invalid_request', 'error_description': 'Identity not found'})
        token = self.make_token(self.identity, call.query.get('resource'))
        return Answer(200, {'access_token': token, 'client_id': self.identity, 'expires_in': str(self.lifetime),
                            'expires_on': str(int(time.time()) + self.lifetime), 'resource': call.query.get('resource'), 'token_type': 'Bearer'})

    def metadata(self, call):
        if call.headers.get('Metadata') != 'true' or call.headers.get('X-Forwarded-For') or call.query.get('api-version') != '2018-02-01':
            return Answer(400, {'error': 'invalid_request', 'error_description': 'Required metadata header not specified'})
        return self.identity_answer(call)

    def app_service(self, call):
        if call.headers.get('X-IDENTITY-HEADER') != self.identity_header or call.query.get('api-version') != '2019-08-01':
            return Answer(401, {'statusCode': 401, 'message': 'The identity header is not the one'})
        return self.identity_answer(call)


KEY = r'/keys/([0-9a-zA-Z-]+)'
VERSION = KEY + r'/([0-9a-f]*)'
ROUTES = [
    ('POST', KEY + '/create', Azure.create),
    ('POST', KEY + '/rotate', Azure.rotate),
    ('POST', VERSION + '/(wrapkey|unwrapkey|encrypt|decrypt)', Azure.use),
    ('GET', '/keys', Azure.list_keys),
    ('GET', KEY + '/versions', Azure.list_versions),
    ('GET', KEY + '/?', Azure.get),
    ('GET', VERSION, Azure.get),
    ('PATCH', KEY + '/?', Azure.update),
    ('PATCH', VERSION, Azure.update),
    ('DELETE', KEY, Azure.delete),
]


def main(folder):
    """For a reader of docs/howto: the vault «models-production» with a key; a publisher, a loader and a rotator, each with a secret."""
    os.makedirs(folder, exist_ok=True)
    azure = Azure('models-production.vault.azure.net')
    for name in ('model-production-llama', 'model-production-other'):
        azure.add_key(name)
    roles = {'publisher': 'Key Vault Crypto Service Encryption User', 'loader': 'Key Vault Crypto Service Encryption User',
             'rotator': 'Key Vault Crypto Officer'}
    with azure.serve() as server:
        for who, role in roles.items():
            app = azure.add_app(who)
            azure.assign(app.client_id, role, '' if who == 'publisher' else '/keys/model-production-llama')
            with open(os.path.join(folder, f'{who}.secret'), 'w', encoding='utf-8') as out:
                print(app.secrets[0], file=out)
            with open(os.path.join(folder, f'{who}.env'), 'w', encoding='utf-8') as out:
                print(f'export AZURE_TENANT_ID={TENANT} AZURE_CLIENT_ID={app.client_id}', file=out)
                print(f'export COFFER_AZURE_CLIENT_SECRET_FILE={os.path.abspath(folder)}/{who}.secret', file=out)
        with open(os.path.join(folder, 'env'), 'w', encoding='utf-8') as out:
            print(f'export COFFER_AZUREKMS_ENDPOINT={server.url} AZURE_AUTHORITY_HOST={server.url}', file=out)
            print(f'. {os.path.abspath(folder)}/publisher.env', file=out)
        print('ready', flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
