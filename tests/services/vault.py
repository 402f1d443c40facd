#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Vault of our own: as much of HashiCorp Vault and OpenBao as coffer speaks with, for tests.

Transit (real AES-GCM and ChaCha20-Poly1305, keys derived with HKDF, versions, rewrap), KV version 2, tokens, AppRole, Kubernetes and JWT
logins, namespaces, policies with Vault's own rules (vault_acl.py), seal.  Answers, statuses and error texts are those of OpenBao 2
(internal/builtin/logical/{transit,kv}, internal/builtin/credential, internal/vault) and of the API documentation of both.  hvac, the client
that people use with Vault, is driven against it by vault_sdk.py.

In a test: Vault(), what it holds by admin(), then serve(), which is a rig.Server.  From a shell, for a page of docs/howto:

    python3 tests/services/vault.py FOLDER      says «ready», and serves until its standard input ends; FOLDER/env is for a shell to read
"""
import base64
import binascii
import hmac
import json
import os
import re
import secrets
import sys
import threading
import time
from urllib.parse import parse_qsl, unquote

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
import vault_acl  # noqa: E402

NAME = r'\w(?:[\w.-]*\w)?'
ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz'
MAX_TTL = 32 * 24 * 3600

DEFAULT_POLICY = '''
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
'''


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status, *errors, body=None):
        super().__init__(status, *errors)
        self.status, self.body = status, body or {'errors': list(errors)}


def denied():
    return Refused(403, '1 error occurred:\n\t* permission denied\n\n')


def bad_token():
    """Of HashiCorp's Vault; OpenBao says the same as when a policy does not allow it."""
    return Refused(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n')


def not_found():
    return Refused(404)


def no_route(path):
    return Refused(404, f'no handler for route "{path}". route entry not found.')


def utc(when):
    return time.strftime('%Y-%m-%dT%H:%M:%S.', time.gmtime(when)) + f'{int(when % 1 * 1e9):09d}Z'


def seconds(value, otherwise=0):
    """A duration as Vault takes it: 60, «60», «1h30m»."""
    if value in (None, ''):
        return otherwise
    if isinstance(value, (int, float)) or value.isdigit():
        return int(value)
    parts = re.findall(r'(\d+)([smhd])', value)
    if ''.join(n + unit for n, unit in parts) != value:
        raise Refused(400, f'error converting input {value} for field "ttl": time: invalid duration')
    return sum(int(n) * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[unit] for n, unit in parts)


def words(value):
    """A list as Vault takes it: a JSON array, or text with commas."""
    if value in (None, ''):
        return []
    return [w.strip() for w in value.split(',')] if isinstance(value, str) else list(value)


def number(value, what):
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refused(400, f'error converting input {value} for field "{what}"') from None


def unbase64(text, message):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Refused(400, message) from None


# ---- tokens and logins ----

class Token:
    def __init__(self, vault, namespace, policies, ttl, *, renewable=True, max_ttl=0, display='token', path='auth/token/create'):
        self.id = 'hvs.' + ''.join(secrets.choice(ALPHABET) for _ in range(24))
        self.accessor = ''.join(secrets.choice(ALPHABET) for _ in range(24))
        self.vault, self.namespace, self.policies, self.path = vault, namespace, list(policies), path
        self.display, self.renewable, self.ttl = display, renewable and ttl > 0, ttl
        self.issued = vault.now()
        self.end = self.issued + ttl if ttl > 0 else None
        self.last = self.issued + (max_ttl or MAX_TTL)

    def alive(self):
        return self.end is None or self.vault.now() < self.end

    def left(self):
        return 0 if self.end is None else max(0, round(self.end - self.vault.now()))

    def renew(self, increment):
        if not self.renewable:
            raise Refused(400, 'lease is not renewable')
        self.end = min(self.vault.now() + (increment or self.ttl), self.last)

    def auth(self):
        return {'client_token': self.id, 'accessor': self.accessor, 'policies': self.policies, 'token_policies': self.policies,
                'metadata': None, 'lease_duration': self.left(), 'renewable': self.renewable, 'entity_id': '', 'token_type': 'service',
                'orphan': True, 'num_uses': 0}

    def look(self):
        return {'id': self.id, 'accessor': self.accessor, 'policies': self.policies, 'ttl': self.left(), 'creation_ttl': self.ttl,
                'creation_time': int(self.issued), 'display_name': self.display, 'renewable': self.renewable, 'path': self.path,
                'expire_time': None if self.end is None else utc(self.end), 'issue_time': utc(self.issued), 'num_uses': 0,
                'orphan': True, 'type': 'service', 'meta': None, 'entity_id': '', 'explicit_max_ttl': 0}


def public_keys(pems):
    try:
        return [serialization.load_pem_public_key(pem.encode()) for pem in words(pems)]
    except ValueError as error:
        raise Refused(400, f'error parsing public key: {error}') from None


def signed_by(key, alg, signed, signature):
    try:
        if isinstance(key, rsa.RSAPublicKey) and alg == 'RS256':
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(key, ec.EllipticCurvePublicKey) and alg == 'ES256' and len(signature) == 64:
            r, s = int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big')
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        pass
    return False


def claims_of(jwt, keys, now):
    """The claims of a JWT that one of the keys signed and that is good now, or why it is not."""
    def part(text):
        return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))

    try:
        head, body, signature = jwt.split('.')
        alg, claims, signature = json.loads(part(head))['alg'], json.loads(part(body)), part(signature)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, 'error parsing token: malformed jwt'
    if not any(signed_by(key, alg, (jwt[:jwt.rindex('.')]).encode(), signature) for key in keys):
        return None, 'error verifying token signature: no known key successfully validated the token signature'
    if 'exp' in claims and now >= claims['exp'] + 60:
        return None, 'token is expired'
    if 'nbf' in claims and now < claims['nbf'] - 60:
        return None, 'token not yet valid'
    return claims, None


class TokenAuth:
    """auth/token"""

    def __init__(self, vault, namespace):
        self.vault, self.namespace = vault, namespace

    def operation(self, method, path):
        return {'GET': 'read', 'LIST': 'list', 'DELETE': 'delete'}.get(method, 'update')

    def answer(self, operation, path, body, request):
        token = request.token
        if path == 'create' and operation == 'update':
            return {'auth': self.create(body, token).auth()}
        if path == 'lookup-self' and operation == 'read':
            return {'data': token.look()}
        if path == 'renew-self' and operation == 'update':
            token.renew(seconds(body.get('increment')))
            return {'auth': token.auth()}
        if path == 'revoke-self' and operation == 'update':
            del self.vault.tokens[token.id]
            return None
        if path in ('lookup', 'revoke') and operation == 'update':
            other = self.vault.tokens.get(body.get('token'))
            if not other or not other.alive():
                raise Refused(403, 'bad token')
            if path == 'lookup':
                return {'data': other.look()}
            del self.vault.tokens[other.id]
            return None
        raise Refused(404, 'unsupported path')

    def create(self, body, parent):
        policies = sorted(set(words(body.get('policies')) or parent.policies))
        if 'root' not in parent.policies and not set(policies) <= set(parent.policies) | {'default'}:
            raise Refused(400, 'child policies must be subset of parent')
        if 'root' not in policies and not body.get('no_default_policy'):
            policies = sorted({*policies, 'default'})
        ttl = seconds(body.get('ttl'), 0 if 'root' in policies else MAX_TTL)
        return self.vault.add_token(self.namespace, policies, ttl, renewable=body.get('renewable', True),
                                    max_ttl=seconds(body.get('explicit_max_ttl')), display=body.get('display_name', 'token'))


class Login:
    """What the ways to log in have in common: roles, and tokens from them."""

    unauthenticated = ('login',)
    kind = 'none'

    def __init__(self, vault, namespace, mount):
        self.vault, self.namespace, self.mount = vault, namespace, mount
        self.roles, self.config = {}, {}

    def operation(self, method, path):
        if method in ('GET', 'LIST', 'DELETE'):
            return {'GET': 'read', 'LIST': 'list', 'DELETE': 'delete'}[method]
        role = re.fullmatch(f'role/({NAME})', path)
        return 'create' if role and role[1] not in self.roles else 'update'

    def answer(self, operation, path, body, request):
        role = re.fullmatch(f'role/({NAME})', path)
        if path == 'login' and operation == 'update':
            return {'auth': self.login(body).auth()}
        if path == 'config' and operation == 'update':
            self.configure(body)
            return None
        if role and operation in ('create', 'update'):
            self.roles.setdefault(role[1], self.new_role()).update(body)
            return None
        if role and operation == 'read':
            if role[1] not in self.roles:
                raise not_found()
            return {'data': {k: v for k, v in self.roles[role[1]].items() if not k.startswith('_')}}
        if role and operation == 'delete':
            self.roles.pop(role[1], None)
            return None
        return self.more(operation, path, body)

    def more(self, operation, path, body):
        raise Refused(404, 'unsupported path')

    def new_role(self):
        return {}

    def configure(self, body):
        self.config = body

    def token_of(self, role, name):
        policies = sorted({*words(role.get('token_policies') or role.get('policies')), 'default'})
        ttl = seconds(role.get('token_ttl') or role.get('ttl'), MAX_TTL)
        return self.vault.add_token(self.namespace, policies, ttl, max_ttl=seconds(role.get('token_max_ttl')),
                                    renewable=role.get('token_type') != 'batch', display=f'{self.kind}-{name}',
                                    path=f'auth/{self.mount}login')


class AppRole(Login):
    kind = 'approle'

    def new_role(self):
        return {'bind_secret_id': True, '_role_id': secrets.token_hex(16), '_secrets': {}}

    def more(self, operation, path, body):
        match = re.fullmatch(f'role/({NAME})/(role-id|secret-id)', path)
        role = self.roles.get(match[1]) if match else None
        if not match:
            raise Refused(404, 'unsupported path')
        if role is None:
            raise not_found() if operation == 'read' else Refused(400, f'role "{match[1]}" does not exist')
        if match[2] == 'role-id' and operation == 'read':
            return {'data': {'role_id': role['_role_id']}}
        if match[2] == 'role-id' and operation == 'update':
            role['_role_id'] = body['role_id']
            return None
        if match[2] == 'secret-id' and operation == 'update':
            secret = secrets.token_hex(18)
            ttl = seconds(role.get('secret_id_ttl'))
            role['_secrets'][secret] = {'end': self.vault.now() + ttl if ttl else None, 'uses': int(role.get('secret_id_num_uses', 0))}
            return {'data': {'secret_id': secret, 'secret_id_accessor': secrets.token_hex(16), 'secret_id_ttl': ttl,
                             'secret_id_num_uses': int(role.get('secret_id_num_uses', 0))}}
        raise Refused(405, 'unsupported operation')

    def login(self, body):
        if not body.get('role_id'):
            raise Refused(400, 'missing role_id')
        found = [(name, role) for name, role in self.roles.items() if hmac.compare_digest(role['_role_id'], body['role_id'])]
        if not found:
            raise Refused(400, 'invalid role or secret ID')
        name, role = found[0]
        if role['bind_secret_id']:
            if not body.get('secret_id'):
                raise Refused(400, 'missing secret_id')
            self.spend(role['_secrets'], body['secret_id'])
        return self.token_of(role, name)

    def spend(self, known, secret):
        entry = known.get(secret)
        if not entry or (entry['end'] is not None and self.vault.now() >= entry['end']):
            raise Refused(400, 'invalid role or secret ID')
        if entry['uses'] == 1:
            del known[secret]
        elif entry['uses'] > 1:
            entry['uses'] -= 1


class Jwt(Login):
    kind = 'jwt'

    def configure(self, body):
        self.config = {**body, '_keys': public_keys(body.get('jwt_validation_pubkeys'))}

    def login(self, body):
        role = self.roles.get(body.get('role'))
        if not self.config:
            raise Refused(400, 'could not load configuration')
        if not body.get('role'):
            raise Refused(400, 'missing role')
        if role is None:
            raise Refused(400, f'role "{body["role"]}" could not be found')
        if not body.get('jwt'):
            raise Refused(400, 'missing token')
        claims, why = claims_of(body['jwt'], self.config['_keys'], self.vault.now())
        if claims is None:
            raise Refused(400, f'error validating token: {why}')
        self.check(role, claims)
        return self.token_of(role, body['role'])

    def check(self, role, claims):
        # without «nbf» and «iat» it counts from 150 seconds before the end on, and all clocks have a minute
        begins = claims.get('nbf') or claims.get('iat') or claims['exp'] - 150
        if begins > self.vault.now() + 60:
            raise Refused(400, 'error validating token: invalid not before (nbf) claim: token not yet valid')
        audiences, bound = words(claims.get('aud')), words(role.get('bound_audiences'))
        if self.config.get('bound_issuer') and claims.get('iss') != self.config['bound_issuer']:
            raise Refused(400, 'error validating token: invalid issuer (iss) claim')
        if audiences and not bound:
            raise Refused(400, 'audience claim found in JWT but no audiences bound to the role')
        if bound and not set(bound) & set(audiences):
            raise Refused(400, 'error validating token: invalid audience (aud) claim: audience claim does not match any bound audience')
        if role.get('bound_subject') and claims.get('sub') != role['bound_subject']:
            raise Refused(400, 'error validating token: invalid subject (sub) claim')
        for name, value in (role.get('bound_claims') or {}).items():
            if str(claims.get(name)) not in [str(v) for v in words(value)]:
                raise Refused(400, f'error validating claims: claim "{name}" does not match any associated bound claim values')


class Kubernetes(Login):
    """Which asks a cluster about the token; here, as with its «pem_keys», the cluster's public key decides."""

    kind = 'kubernetes'

    def configure(self, body):
        self.config = {**body, '_keys': public_keys(body.get('pem_keys'))}

    def login(self, body):
        role = self.roles.get(body.get('role'))
        for needed in ('role', 'jwt'):
            if not body.get(needed):
                raise Refused(400, f'missing {needed}')
        if role is None:
            raise Refused(400, f'invalid role name "{body["role"]}"')
        if not self.config:
            raise Refused(500, '1 error occurred:\n\t* could not load backend configuration\n\n')
        claims, why = claims_of(body['jwt'], self.config['_keys'], self.vault.now())
        if claims is None:
            raise Refused(403, f'1 error occurred:\n\t* {why}\n\n') if why else denied()
        account = claims.get('kubernetes.io', {})
        if account.get('namespace') not in words(role.get('bound_service_account_namespaces')) \
                and words(role.get('bound_service_account_namespaces')) != ['*']:
            raise Refused(403, 'namespace not authorized')
        if account.get('serviceaccount', {}).get('name') not in words(role.get('bound_service_account_names')) \
                and words(role.get('bound_service_account_names')) != ['*']:
            raise Refused(403, 'service account name not authorized')
        return self.token_of(role, body['role'])


# ---- Transit ----

AEADS = {'aes256-gcm96': (AESGCM, 32), 'aes128-gcm96': (AESGCM, 16), 'chacha20-poly1305': (ChaCha20Poly1305, 32)}
NO_CONTEXT = ("missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request "
              'information must be included in order to perform operations with the key')


class TransitKey:
    def __init__(self, vault, name, kind, derived):
        if kind not in AEADS:
            raise Refused(400, f'unknown key type {kind}')
        self.vault, self.name, self.kind, self.derived = vault, name, kind, derived
        self.versions = []  # (bytes, when)
        self.min_decryption, self.min_encryption, self.deletion_allowed, self.soft_deleted = 1, 0, False, False
        self.rotate()

    def rotate(self):
        self.versions.append((secrets.token_bytes(32), self.vault.now()))

    @property
    def latest(self):
        return len(self.versions)

    def data(self):
        first = min(self.min_decryption, self.latest)
        out = {'name': self.name, 'type': self.kind, 'derived': self.derived, 'deletion_allowed': self.deletion_allowed,
               'min_available_version': 0, 'min_decryption_version': self.min_decryption,
               'min_encryption_version': self.min_encryption, 'latest_version': self.latest, 'exportable': False,
               'allow_plaintext_backup': False, 'supports_encryption': True, 'supports_decryption': True, 'supports_signing': False,
               'supports_derivation': True, 'auto_rotate_period': 0, 'imported_key': False, 'soft_deleted': self.soft_deleted,
               'keys': {str(i): int(when) for i, (_, when) in enumerate(self.versions, 1) if i >= first}}
        if self.derived:
            out.update(kdf='hkdf_sha256', convergent_encryption=False)
        return out

    def cipher(self, version, context):
        if self.soft_deleted:
            raise Refused(400, 'refusing to use soft-deleted key')
        aead, size = AEADS[self.kind]
        key = self.versions[version - 1][0]
        if not self.derived:
            return aead(key[:size])
        if not context:
            raise Refused(400, NO_CONTEXT)
        return aead(HKDF(hashes.SHA256(), size, None, context).derive(key))

    def encrypt(self, plaintext, context, aad, version=0):
        if version > self.latest:
            raise Refused(400, 'requested version for encryption is higher than the latest key version')
        if version and version < self.min_encryption:
            raise Refused(400, 'requested version for encryption is less than the minimum encryption key version')
        version = version or self.latest
        nonce = secrets.token_bytes(12)
        sealed = nonce + self.cipher(version, context).encrypt(nonce, plaintext, aad)
        return {'ciphertext': f'vault:v{version}:{base64.b64encode(sealed).decode()}', 'key_version': version}

    def decrypt(self, text, context, aad):
        if not text.startswith('vault:v'):
            raise Refused(400, 'invalid ciphertext: no prefix')
        version, colon, sealed = text[len('vault:v'):].partition(':')
        if not colon:
            raise Refused(400, 'invalid ciphertext: wrong number of fields')
        if not re.fullmatch('[0-9]{1,18}', version):
            raise Refused(400, 'invalid ciphertext: version number could not be decoded')
        version = int(version) or 1
        if version > self.latest:
            raise Refused(400, 'invalid ciphertext: version is too new')
        if version < self.min_decryption:
            raise Refused(400, 'ciphertext or signature version is disallowed by policy (too old)')
        sealed = unbase64(sealed, 'invalid ciphertext: could not decode base64')
        cipher = self.cipher(version, context)
        if len(sealed) < 12:
            raise Refused(400, 'invalid ciphertext length')
        try:
            return cipher.decrypt(sealed[:12], sealed[12:], aad)
        except InvalidTag:
            raise Refused(400, 'cipher: message authentication failed') from None


class Transit:
    def __init__(self, vault):
        self.vault, self.keys = vault, {}

    def operation(self, method, path):
        if method in ('GET', 'LIST', 'DELETE'):
            return {'GET': 'read', 'LIST': 'list', 'DELETE': 'delete'}[method]
        match = re.fullmatch(f'encrypt/({NAME})', path)
        return 'create' if match and match[1] not in self.keys else 'update'

    def answer(self, operation, path, body, request):
        match = re.fullmatch(f'(keys|encrypt|decrypt|rewrap)/({NAME})(?:/(rotate|config))?', path)
        if path.rstrip('/') == 'keys' and operation == 'list':
            if not self.keys:
                raise not_found()
            return {'data': {'keys': sorted(self.keys)}}
        if not match or (match[3] and match[1] != 'keys'):
            raise Refused(404, 'unsupported path')
        verb, name, more = match.groups()
        if verb == 'keys':
            return self.manage(operation, name, more, body)
        if operation not in ('create', 'update'):
            raise Refused(405, 'unsupported operation')
        return {'data': getattr(self, verb)(operation, name, body)}

    def manage(self, operation, name, more, body):
        key = self.keys.get(name)
        if operation == 'read' and not more:
            if not key:
                raise not_found()
            return {'data': key.data()}
        if operation == 'update' and not more:
            if not key:
                self.keys[name] = TransitKey(self.vault, name, body.get('type', 'aes256-gcm96'), body.get('derived') in (True, 'true'))
            return {'data': self.keys[name].data()}
        if not key:
            raise Refused(400, 'key not found' if more == 'rotate' else f'no existing key named {name} could be found')
        if operation == 'update' and more == 'rotate':
            key.rotate()
        elif operation == 'update' and more == 'config':
            self.configure(key, body)
        elif operation == 'delete' and not more:
            if not key.deletion_allowed:
                raise Refused(400, f'error deleting policy {name}: deletion is not allowed for this key')
            del self.keys[name]
            return None
        else:
            raise Refused(405, 'unsupported operation')
        return {'data': key.data()}

    def configure(self, key, body):
        least = number(body.get('min_decryption_version', key.min_decryption), 'min_decryption_version')
        if least > key.latest:
            raise Refused(400, f'cannot set min decryption version of {least}, latest key version is {key.latest}')
        key.min_decryption = max(least, 1)
        key.min_encryption = number(body.get('min_encryption_version', key.min_encryption), 'min_encryption_version')
        key.deletion_allowed = body.get('deletion_allowed', key.deletion_allowed) in (True, 'true')

    def need(self, name):
        if name not in self.keys:
            raise Refused(400, 'encryption key not found')
        return self.keys[name]

    @staticmethod
    def bound_to(body):
        return (unbase64(body.get('context') or '', 'failed to base64-decode context'),
                unbase64(body.get('associated_data') or '', 'failed to base64-decode associated_data'))

    def encrypt(self, operation, name, body):
        if 'plaintext' not in body:
            raise Refused(400, 'missing plaintext to encrypt')
        plaintext = unbase64(body['plaintext'], 'illegal base64 data at input byte 0')
        context, aad = self.bound_to(body)
        if operation == 'create':  # the token may create it: this is what coffer must never rely on
            self.keys[name] = TransitKey(self.vault, name, body.get('type', 'aes256-gcm96'), bool(context))
        return self.need(name).encrypt(plaintext, context, aad, number(body.get('key_version', 0), 'key_version'))

    def decrypt(self, operation, name, body):
        if not body.get('ciphertext'):
            raise Refused(400, 'missing ciphertext to decrypt')
        context, aad = self.bound_to(body)
        return {'plaintext': base64.b64encode(self.need(name).decrypt(body['ciphertext'], context, aad)).decode()}

    def rewrap(self, operation, name, body):
        """Knows no associated_data: what was encrypted with some does not open (hashicorp/vault 29532)."""
        if not body.get('ciphertext'):
            raise Refused(400, 'missing ciphertext to decrypt')
        context, _ = self.bound_to({'context': body.get('context')})
        key = self.need(name)
        return key.encrypt(key.decrypt(body['ciphertext'], context, b''), context, b'', number(body.get('key_version', 0), 'key_version'))


# ---- KV version 2 ----

class Secret:
    def __init__(self, now):
        self.versions, self.current, self.created = {}, 0, now
        self.max_versions, self.cas_required, self.custom = 0, False, None


class Kv:
    def __init__(self, vault):
        self.vault, self.secrets = vault, {}
        self.max_versions, self.cas_required = 0, False

    def operation(self, method, path):
        if method in ('GET', 'LIST', 'DELETE', 'PATCH'):
            return {'GET': 'read', 'LIST': 'list', 'DELETE': 'delete', 'PATCH': 'patch'}[method]
        part, _, name = path.partition('/')
        return 'create' if part in ('data', 'metadata') and name not in self.secrets else 'update'

    def answer(self, operation, path, body, request):
        part, _, name = path.partition('/')
        if path == 'config':
            return self.configure(operation, body)
        verb = getattr(self, 'on_' + part, None) if part in ('data', 'metadata', 'delete', 'undelete', 'destroy') else None
        if not verb or (not name and operation != 'list'):
            raise Refused(404, 'unsupported path')
        return verb(operation, name, body, request)

    def configure(self, operation, body):
        if operation == 'read':
            return {'data': {'max_versions': self.max_versions, 'cas_required': self.cas_required, 'delete_version_after': '0s'}}
        self.max_versions = number(body.get('max_versions', 0), 'max_versions')
        self.cas_required = body.get('cas_required', False) in (True, 'true')
        return None

    def meta_of(self, secret, version):
        entry = secret.versions[version]
        return {'version': version, 'created_time': utc(entry['created']), 'destroyed': entry['destroyed'],
                'deletion_time': utc(entry['deleted']) if entry['deleted'] else '', 'custom_metadata': secret.custom}

    def on_data(self, operation, name, body, request):
        if operation == 'read':
            return self.read(name, number(request.query.get('version', 0), 'version'))
        if operation in ('create', 'update'):
            if not isinstance(body.get('data'), dict):
                raise Refused(400, 'no data provided')
            return self.write(name, body['data'], body.get('options') or {})
        if operation == 'patch':
            had = self.read(name, 0)['data']['data']
            merged = {k: v for k, v in {**had, **body['data']}.items() if v is not None}
            return self.write(name, merged, body.get('options') or {})
        if operation == 'delete':
            secret = self.secrets.get(name)
            if secret and secret.current:
                self.mark(secret, [secret.current])
            return None
        raise Refused(405, 'unsupported operation')

    def read(self, name, version):
        secret = self.secrets.get(name)
        version = version or (secret.current if secret else 0)
        if not secret or version not in secret.versions:
            raise not_found()
        entry, meta = secret.versions[version], self.meta_of(secret, version)
        if entry['deleted'] or entry['destroyed']:
            raise Refused(404, body=self.vault.wrapped({'data': {'data': None, 'metadata': meta}}))
        return {'data': {'data': entry['data'], 'metadata': meta}}

    def write(self, name, data, options):
        secret = self.secrets.get(name) or Secret(self.vault.now())
        if 'cas' in options:
            if number(options['cas'], 'cas') != secret.current:
                raise Refused(400, 'check-and-set parameter did not match the current version')
        elif self.cas_required or secret.cas_required:
            raise Refused(400, 'check-and-set parameter required for this call')
        self.secrets[name] = secret
        secret.current += 1
        secret.versions[secret.current] = {'data': data, 'created': self.vault.now(), 'deleted': None, 'destroyed': False}
        for old in sorted(secret.versions)[:-(secret.max_versions or self.max_versions or 10)]:
            del secret.versions[old]
        return {'data': self.meta_of(secret, secret.current)}

    def mark(self, secret, versions):
        for version in versions:
            entry = secret.versions.get(number(version, 'versions'))
            if entry and not entry['deleted'] and not entry['destroyed']:
                entry['deleted'] = self.vault.now()

    def each(self, name, body):
        if not body.get('versions'):
            raise Refused(400, 'No version number provided')
        secret = self.secrets.get(name)
        versions = [number(v, 'versions') for v in words(body['versions'])]
        return secret, [secret.versions[v] for v in versions if v in secret.versions] if secret else []

    def on_delete(self, operation, name, body, request):
        secret, _ = self.each(name, body)
        if secret:
            self.mark(secret, words(body['versions']))

    def on_undelete(self, operation, name, body, request):
        for entry in self.each(name, body)[1]:
            if not entry['destroyed']:
                entry['deleted'] = None

    def on_destroy(self, operation, name, body, request):
        for entry in self.each(name, body)[1]:
            entry.update(destroyed=True, data=None)

    def on_metadata(self, operation, name, body, request):
        secret = self.secrets.get(name)
        if operation == 'list':
            prefix = name if not name or name.endswith('/') else name + '/'
            below = sorted({prefix + s[len(prefix):].partition('/')[0] + ('/' if '/' in s[len(prefix):] else '')
                            for s in self.secrets if s.startswith(prefix)})
            if not below:
                raise not_found()
            return {'data': {'keys': [b[len(prefix):] for b in below]}}
        if operation == 'delete':
            self.secrets.pop(name, None)
            return None
        if operation == 'read':
            if not secret:
                raise not_found()
            versions = {str(v): {k: m for k, m in self.meta_of(secret, v).items() if k not in ('version', 'custom_metadata')}
                        for v in secret.versions}
            return {'data': {'versions': versions, 'current_version': secret.current, 'oldest_version': min(secret.versions, default=0),
                             'created_time': utc(secret.created), 'updated_time': utc(secret.created), 'custom_metadata': secret.custom,
                             'max_versions': secret.max_versions, 'cas_required': secret.cas_required, 'delete_version_after': '0s'}}
        secret = self.secrets.setdefault(name, Secret(self.vault.now()))
        secret.max_versions = number(body.get('max_versions', secret.max_versions), 'max_versions')
        secret.cas_required = body.get('cas_required', secret.cas_required) in (True, 'true')
        secret.custom = body.get('custom_metadata', secret.custom)
        return None


# ---- namespaces and what belongs to each ----

LOGINS = {'approle': AppRole, 'jwt': Jwt, 'kubernetes': Kubernetes}


class Namespace:
    def __init__(self, vault, path):
        self.vault, self.path = vault, path  # «team-a/», or the empty text for root
        self.policies = {'default': DEFAULT_POLICY}
        self.mounts = {}
        self.auth = {'token/': TokenAuth(vault, self)}

    def mount(self, path, kind, options=None):
        path = path.strip('/') + '/'
        if path in self.mounts:
            raise Refused(400, f'path is already in use at {path}')
        if kind == 'transit':
            self.mounts[path] = Transit(self.vault)
        elif kind == 'kv' and str((options or {}).get('version', '1')) == '2' or kind == 'kv-v2':
            self.mounts[path] = Kv(self.vault)
        else:
            raise Refused(400, f'plugin not found in the catalog: {kind}')

    def enable(self, path, kind):
        path = path.strip('/') + '/'
        if path in self.auth:
            raise Refused(400, f'path is already in use at {path}')
        if kind not in LOGINS:
            raise Refused(400, f'plugin not found in the catalog: {kind}')
        self.auth[path] = LOGINS[kind](self.vault, self, path)

    def find(self, path):
        """(what answers, the path below it), of the longest mount that the path begins with"""
        table = {**self.mounts, **{'auth/' + p: b for p, b in self.auth.items()}}
        fits = [mount for mount in table if path.startswith(mount)]
        if not fits:
            raise no_route(path)
        mount = max(fits, key=len)
        return table[mount], path[len(mount):]


class Sys:
    """sys/…, of one namespace"""

    def __init__(self, vault, namespace):
        self.vault, self.namespace = vault, namespace

    def operation(self, method, path):
        return {'GET': 'read', 'LIST': 'list', 'DELETE': 'delete'}.get(method, 'update')

    def answer(self, operation, path, body, request):
        for pattern, verb in self.table:
            match = re.fullmatch(pattern, path)
            if match:
                return verb(self, operation, body, request, *match.groups())
        raise Refused(404, 'unsupported path')

    def policy(self, operation, body, request, name):
        known = self.namespace.policies
        if operation == 'list' or (operation == 'read' and not name):
            return {'data': {'keys': sorted([*known, 'root']), 'policies': sorted([*known, 'root'])}}
        name = name.lower()
        if operation == 'read':
            if name not in known:
                raise not_found()
            return {'data': {'name': name, 'policy': known[name], 'rules': known[name]}}
        if operation == 'delete':
            known.pop(name, None)
            return None
        if name == 'root':
            raise Refused(400, 'cannot update "root" policy')
        text = body.get('policy') or body.get('rules')
        if not text:
            raise Refused(400, "'policy' parameter not supplied or empty")
        try:
            if re.fullmatch('[A-Za-z0-9+/]+=*', text):  # base64 is taken too
                text = base64.b64decode(text, validate=True).decode()
            vault_acl.parse(text)
        except (vault_acl.BadPolicy, ValueError) as error:
            raise Refused(400, str(error)) from None
        known[name] = text
        return None

    def mounts(self, operation, body, request, path):
        if operation == 'read':
            kinds = {m: {'type': 'transit' if isinstance(b, Transit) else 'kv',
                         'options': {'version': '2'} if isinstance(b, Kv) else None} for m, b in self.namespace.mounts.items()}
            return {'data': kinds}
        if operation == 'delete':
            self.namespace.mounts.pop(path.strip('/') + '/', None)
            return None
        self.namespace.mount(path, body.get('type'), body.get('options'))
        return None

    def auth(self, operation, body, request, path):
        if operation == 'read':
            return {'data': {p: {'type': getattr(b, 'kind', 'token')} for p, b in self.namespace.auth.items()}}
        if operation == 'delete':
            self.namespace.auth.pop(path.strip('/') + '/', None)
            return None
        self.namespace.enable(path, body.get('type'))
        return None

    def spaces(self, operation, body, request, name):
        if operation == 'update':
            return {'data': {'path': self.vault.add_namespace(self.namespace.path + name.strip('/')).path}}
        below = [p[len(self.namespace.path):] for p in self.vault.namespaces if p != self.namespace.path and p.startswith(self.namespace.path)]
        if not below:
            raise not_found()
        return {'data': {'keys': sorted(below)}}

    def capabilities(self, operation, body, request):
        out = {}
        for path in words(body.get('paths') or body.get('path')):
            if 'root' in request.token.policies:
                out[path] = ['root']
            else:
                out[path] = sorted(self.vault.acl_of(request.token).capabilities(self.namespace.path + path, True)) or ['deny']
        return {'data': {**out, 'capabilities': next(iter(out.values()), [])}}

    def seal(self, operation, body, request):
        self.vault.sealed = True

    table = [
        (r'polic(?:y|ies/acl)/?([\w.-]*)', policy),
        (r'mounts/?(.*)', mounts),
        (r'auth/?(.*)', auth),
        (r'namespaces/?(.*)', spaces),
        (r'capabilities-self', capabilities),
        (r'seal', seal),
    ]


# ---- the server ----

class Request:
    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query, self.headers, self.body = method, path, query, headers, body
        self.token = None
        self.operation = ''


class Vault:
    """
    spent, unknown: what it says of a secret id that has been used as often as it may, and of a role id that is none.
    log: one dict for each request that was answered: method, path (with its namespace in front), operation, status, who (the token's display
    name).  Never a body.
    """

    spent = unknown = 'invalid role or secret ID'

    def __init__(self, *, openbao=False, need_request_header=True):
        self.openbao, self.need_request_header = openbao, need_request_header
        self.lock = threading.RLock()
        self.skew, self.sealed = 0, False
        self.log = []
        self.tokens, self.namespaces = {}, {}
        self.root = self.add_namespace('')
        self.root_token = self.add_token(self.root, ['root'], 0, display='root').id

    def now(self):
        return time.time() + self.skew

    def pass_time(self, by):
        """Let so many seconds pass, for the server alone."""
        self.skew += by

    def add_namespace(self, path):
        path = path.strip('/') + '/' if path.strip('/') else ''
        return self.namespaces.setdefault(path, Namespace(self, path))

    def add_token(self, namespace, policies, ttl, **more):
        token = Token(self, namespace, policies, ttl, **more)
        self.tokens[token.id] = token
        return token

    def acl_of(self, token):
        known = token.namespace.policies
        return vault_acl.Acl([(token.namespace.path, vault_acl.parse(known[name])) for name in token.policies if name in known])

    @staticmethod
    def wrapped(answer):
        return {'request_id': secrets.token_hex(16), 'lease_id': '', 'renewable': False, 'lease_duration': 0, 'data': None,
                'wrap_info': None, 'warnings': None, 'auth': None, **answer}

    # -- one request --

    def split_namespace(self, request):
        """The namespace of the header and of the front of the path together."""
        full = (request.headers.get('x-vault-namespace', '').strip('/') + '/' + request.path).lstrip('/')
        found = max((p for p in self.namespaces if full.startswith(p)), key=len)
        wanted = request.headers.get('x-vault-namespace', '').strip('/')
        if wanted and not (found.rstrip('/') + '/').startswith(wanted + '/'):
            raise no_route(request.path)
        return self.namespaces[found], full[len(found):]

    def authenticate(self, request):
        given = request.headers.get('x-vault-token')
        if not given and request.headers.get('authorization', '').startswith('Bearer '):
            given = request.headers['authorization'][len('Bearer '):]
        if not given:
            raise Refused(403, 'permission denied' if self.openbao else 'missing client token')
        token = self.tokens.get(given)
        if not token or not token.alive():
            raise Refused(403, 'permission denied') if self.openbao else bad_token()
        return token

    def allow(self, request, namespace, path):
        token = request.token
        inside = namespace.path.startswith(token.namespace.path)
        if inside and 'root' in token.policies:
            return
        if not inside or not self.acl_of(token).allows(namespace.path + path, request.operation):
            raise denied()

    def open_paths(self, path):
        """What is answered without a token, and when sealed."""
        if path == 'sys/seal-status':
            return {'type': 'shamir', 'initialized': True, 'sealed': self.sealed, 't': 1, 'n': 1, 'progress': 0, 'version': '1.15.6',
                    'cluster_name': 'coffer', 'recovery_seal': False, 'storage_type': 'inmem'}
        if path == 'sys/health':
            if self.sealed:
                raise Refused(503, body={'initialized': True, 'sealed': True, 'standby': True})
            return {'initialized': True, 'sealed': False, 'standby': False, 'version': '1.15.6'}
        return None

    def route(self, request):
        if self.need_request_header and request.headers.get('x-vault-request') != 'true':
            raise Refused(412, "missing 'X-Vault-Request' header")
        answer = self.open_paths(request.path)
        if answer is not None:
            return answer
        if self.sealed:
            raise Refused(503, 'Vault is sealed')
        namespace, path = self.split_namespace(request)
        request.path = namespace.path + path
        if path.startswith('sys/'):
            backend, below = Sys(self, namespace), path[len('sys/'):]
        else:
            try:
                backend, below = namespace.find(path)
            except Refused:
                self.authenticate(request)  # who has no token learns nothing of what there is
                raise
        request.operation = backend.operation(request.method, below)
        if below not in getattr(backend, 'unauthenticated', ()):
            request.token = self.authenticate(request)
            self.allow(request, namespace, path)
        answer = backend.answer(request.operation, below, request.body, request)
        return None if answer is None else self.wrapped(answer)

    def handle(self, method, path, query, headers, raw):
        """(status, body, headers): what one request is answered"""
        with self.lock:
            if method == 'GET' and query.get('list') in ('true', '1'):
                method = 'LIST'
            if method == 'LIST' and not path.endswith('/'):
                path += '/'
            request = Request(method, path, query, headers, {})
            more, status = {'Content-Type': 'application/json', 'Cache-Control': 'no-store'}, 204
            try:
                request.body = json.loads(raw) if raw.strip() else {}
                if not isinstance(request.body, dict):
                    raise Refused(400, 'error parsing JSON')
                answer = self.route(request)
                status = 200 if answer is not None else 204
            except ValueError:
                status, answer = 400, {'errors': ['failed to parse JSON input']}
            except Refused as refused:
                status, answer = refused.status, refused.body
            self.log.append({'method': method, 'path': request.path, 'operation': request.operation, 'status': status,
                             'who': request.token.display if request.token else '', 'at': self.now()})
            return status, b'' if answer is None else json.dumps(answer).encode() + b'\n', more

    def asked(self, word=''):
        """The paths of the requests so far that hold @word."""
        with self.lock:
            return [entry['path'] for entry in self.log if word in entry['path']]

    # -- for a test: what an administrator would do, past HTTP --

    def admin(self, method, path, body=None, namespace=''):
        status, raw, _ = self.handle(method, path, {}, {'x-vault-token': self.root_token, 'x-vault-request': 'true',
                                                        'x-vault-namespace': namespace}, json.dumps(body or {}).encode())
        answer = json.loads(raw) if raw else {}
        if status >= 300:
            raise AssertionError(f'{method} {path}: {status} {answer}')
        with self.lock:
            self.log.pop()
        return answer

    def token(self, *policies, namespace='', **more):
        """A new token with these policies."""
        return self.admin('POST', 'auth/token/create', {'policies': list(policies), **more}, namespace)['auth']['client_token']



    # -- over HTTP --

    def answer(self, request):
        """What rig.Server asks for."""
        path, headers = unquote(request.path), {k.lower(): v for k, v in request.headers.items()}
        if not path.startswith('/v1/'):
            return rig.Answer(404)
        return rig.Answer(*self.handle(request.method, path[len('/v1/'):], dict(parse_qsl(request.query)), headers, request.body))

    def serve(self, tls=None, client_ca=None):
        return rig.Server(self.answer, tls, client_ca)


ENV = '''VAULT_ADDR={url}
VAULT_CACERT={ca}
PATH={folder}/bin:$PATH
export VAULT_ADDR VAULT_CACERT PATH
cp {folder}/root-token "$HOME/.vault-token"
'''


def main():
    """As `vault server -dev` has it, a KV store is at secret/; its `vault login` has been done."""
    folder = os.path.realpath(sys.argv[1])
    os.makedirs(os.path.join(folder, 'bin'))
    os.symlink(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vault_cli.py'), os.path.join(folder, 'bin', 'vault'))
    vault = Vault()
    vault.admin('POST', 'sys/mounts/secret', {'type': 'kv', 'options': {'version': '2'}})
    authority = rig.Authority(folder)
    with vault.serve(tls=authority) as server:
        for name, text in (('root-token', vault.root_token + '\n'), ('env', ENV.format(url=server.url, ca=authority.ca, folder=folder))):
            with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
                file.write(text)
        print('ready', flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    main()
