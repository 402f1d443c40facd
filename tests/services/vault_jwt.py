# SPDX-License-Identifier: Apache-2.0
"""Whoever signs JWTs for a login: a CI service, or a Kubernetes cluster."""
import base64
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


class Signer:
    def __init__(self, alg):
        self.alg = alg
        self.key = rsa.generate_private_key(65537, 2048) if alg == 'RS256' else ec.generate_private_key(ec.SECP256R1())
        self.public_pem = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                             serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def jwt(self, claims):
        signed = part(json.dumps({'alg': self.alg, 'typ': 'JWT'}).encode()) + b'.' + part(json.dumps(claims).encode())
        if self.alg == 'RS256':
            signature = self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        return (signed + b'.' + part(signature)).decode()


def reviewed(request):
    """What the API of a cluster says of a token when a real Vault asks: whose it is.  That one has looked at the signature."""
    part = request.json()['spec']['token'].split('.')[1]
    account = json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))['kubernetes.io']
    user = f'system:serviceaccount:{account["namespace"]}:{account["serviceaccount"]["name"]}'
    return {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview',
            'status': {'authenticated': True, 'user': {'username': user, 'uid': account['serviceaccount']['uid']}}}
