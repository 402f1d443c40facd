# SPDX-License-Identifier: Apache-2.0
"""JSON Web Tokens (RFC 7519) signed by RSA keys: made by identity providers, checked by token endpoints."""
import base64
import itertools
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PADDINGS = {'RS256': padding.PKCS1v15(), 'PS256': padding.PSS(padding.MGF1(hashes.SHA256()), 32)}


class BadToken(Exception):
    """It is not one that may be believed; says why."""


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def decode(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


_keys = []
_turn = itertools.count()


def rsa_key():
    """An RSA key of 2048 bits that differs from the fifteen before it: making each anew would take most of a test's time."""
    turn = next(_turn) % 16
    if turn == len(_keys):
        _keys.append(rsa.generate_private_key(65537, 2048))
    return _keys[turn]


class Issuer:
    """Whoever signs tokens: a service account, an identity provider, a client."""

    def __init__(self, name):
        self.name = name
        self.key = rsa_key()
        self.key_id = encode(name.encode())[:16]

    @property
    def pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()).decode()

    def sign(self, claims, alg='RS256', **header):
        parts = [encode(json.dumps(p).encode()) for p in ({'alg': alg, 'typ': 'JWT', 'kid': self.key_id, **header}, claims)]
        signature = self.key.sign('.'.join(parts).encode(), PADDINGS[alg], hashes.SHA256())
        return '.'.join([*parts, encode(signature)])


def read(token):
    """Header and claims, unchecked."""
    try:
        header, claims, _ = token.split('.')
        return json.loads(decode(header)), json.loads(decode(claims))
    except ValueError as error:
        raise BadToken(f'it is no JSON Web Token: {error}') from None


def verify(token, public_key, algs, audiences, max_age):
    """The claims of a token that this key signed, for one of these audiences, that lives for at most max_age seconds."""
    header, claims = read(token)
    signed, signature = token.rsplit('.', 1)
    if header.get('alg') not in algs:
        raise BadToken(f'it is signed by {header.get("alg")}, not {" or ".join(algs)}')
    try:
        public_key.verify(decode(signature), signed.encode(), PADDINGS[header['alg']], hashes.SHA256())
    except InvalidSignature:
        raise BadToken('its signature does not hold') from None
    now = time.time()
    if claims.get('aud') not in audiences:
        raise BadToken(f'it is for {claims.get("aud")}')
    if not claims.get('exp', 0) > now or claims.get('iat', 0) > now + 300 or claims.get('nbf', 0) > now + 300:
        raise BadToken('it is not of this time')
    if claims['exp'] - claims.get('iat', claims.get('nbf', 0)) > max_age:
        raise BadToken(f'it lives for more than {max_age} s')
    return claims
