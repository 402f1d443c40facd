# SPDX-License-Identifier: Apache-2.0
"""Fulcio: certificates of ten minutes for whoever the identity token names, and the CT log that saw them.

https://github.com/sigstore/fulcio: docs/oid-info.md, docs/ctlog.md, fulcio.proto; RFC 6962, 3.2 and 3.3.
"""
import datetime
import hashlib
import struct

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

import der
import pki
from service import Refusal, Reply, Service

LIFETIME = datetime.timedelta(minutes=10)
SCT_LIST = x509.ObjectIdentifier('1.3.6.1.4.1.11129.2.4.2')
ISSUER_V1 = x509.ObjectIdentifier('1.3.6.1.4.1.57264.1.1')
ISSUER_V2 = x509.ObjectIdentifier('1.3.6.1.4.1.57264.1.8')
USER_NAME = x509.ObjectIdentifier('1.3.6.1.4.1.57264.1.7')


def opaque(data, width):
    """A TLS vector: its length in width bytes before it."""
    return len(data).to_bytes(width, 'big') + data


class Fulcio(Service):
    name = 'fulcio'
    own_faults = {
        'wrong-sct': 'spoils the signature of the SCT',
        'other-sct': 'has the SCT signed by a log that nobody knows',
        'sct-issuer': 'signs the SCT for another issuer',
        'no-sct': 'leaves the SCT out',
        'other-key': 'certifies another key than the one that was sent',
        'other-name': 'certifies another identity',
        'other-issuer': 'names another identity provider',
        'other-ca': 'signs with a CA of the same name that nobody knows',
        'expired': 'gives a certificate that ended an hour ago',
        'short-chain': 'answers with the leaf alone',
        'no-chain': 'answers without a chain',
        'no-usage': 'leaves out extended key usage code signing',
    }

    def __init__(self, world):
        super().__init__(world)
        self.root = pki.Authority('fulcio root', length=1)
        self.ca = pki.Authority('fulcio intermediate', self.root, [ExtendedKeyUsageOID.CODE_SIGNING], length=0)
        self.stranger = pki.Authority('fulcio intermediate', pki.Authority('fulcio root', length=1),
                                      [ExtendedKeyUsageOID.CODE_SIGNING], length=0)
        self.ct_key, self.other_ct_key = pki.ec_key(), pki.ec_key()

    def routes(self):
        return {('POST', '/api/v2/signingCert'): self.signing_cert, ('GET', '/api/v2/trustBundle'): self.trust_bundle}

    def trust_bundle(self, _):
        return Reply({'chains': [{'certificates': [pki.pem(c) for c in self.ca.chain()]}]})

    def signing_cert(self, request):
        body = request.json()
        token = request.bearer() or (body.get('credentials') or {}).get('oidcIdentityToken')
        if not token:
            raise Refusal(401, 'there is no identity token')
        claims = self.world.oidc.claims(token)
        public = self.key_of(body, claims)
        leaf, authority = self.certify(public, claims)
        chain = [] if self.is_bad('short-chain') else authority.chain()
        if self.is_bad('no-chain'):
            return Reply({'signedCertificateEmbeddedSct': {}})
        return Reply({'signedCertificateEmbeddedSct': {
            'chain': {'certificates': [pki.pem(c) for c in [leaf, *chain]]}}})

    # ---- what was sent ----

    def key_of(self, body, claims):
        """The public key of the request, whose owner has shown to have the private one."""
        try:
            if 'certificateSigningRequest' in body:
                request = x509.load_pem_x509_csr(pki.unb64(body['certificateSigningRequest']))
                if not request.is_signature_valid:
                    raise Refusal(400, 'the signing request is not signed by its key')
                public = request.public_key()
            else:
                part = body['publicKeyRequest']
                public = load_pem_public_key(part['publicKey']['content'].encode())
                pki.verify(public, pki.unb64(part['proofOfPossession']), self.principal(claims)[0].encode())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(400, f'the request cannot be read: {error!r}') from None
        except pki.InvalidSignature:
            raise Refusal(400, 'the proof of possession does not hold') from None
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise Refusal(400, 'the key is not on an elliptic curve')
        return public

    @staticmethod
    def principal(claims):
        """Who the token names: (text, general name).  An e-mail address, a URI, or a user's name."""
        if claims.get('email'):
            if claims.get('email_verified') is not True:
                raise Refusal(403, 'the e-mail address is not verified')
            return claims['email'], x509.RFC822Name(claims['email'])
        if '://' in claims['sub']:
            return claims['sub'], x509.UniformResourceIdentifier(claims['sub'])
        return claims['sub'], x509.OtherName(USER_NAME, der.utf8(claims['sub']))

    # ---- what is given ----

    def certify(self, public, claims):
        """(a certificate for public, who issued it)"""
        now = self.world.now()
        start = now - 2 * 6 * LIFETIME if self.is_bad('expired') else now
        name = self.principal(claims)[1]
        if self.is_bad('other-name'):
            name = x509.RFC822Name('somebody.else@example.com')
        issuer = claims['iss'] + '/other' if self.is_bad('other-issuer') else claims['iss']
        if self.is_bad('other-key'):
            public = pki.ec_key().public_key()
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH if self.is_bad('no-usage') else ExtendedKeyUsageOID.CODE_SIGNING]
        extensions = [
            (pki.usage(digital_signature=True), True), (x509.ExtendedKeyUsage(usages), False),
            (x509.SubjectAlternativeName([name]), True),
            (x509.UnrecognizedExtension(ISSUER_V1, issuer.encode()), False),
            (x509.UnrecognizedExtension(ISSUER_V2, der.utf8(issuer)), False)]
        authority = self.stranger if self.is_bad('other-ca') else self.ca
        builder = authority.leaf(public, start, start + LIFETIME, extensions)
        if not self.is_bad('no-sct'):
            timestamps = self.timestamps(authority.finish(builder), authority, start)
            builder = builder.add_extension(x509.UnrecognizedExtension(SCT_LIST, timestamps), critical=False)
        return authority.finish(builder), authority

    def timestamps(self, precertificate, authority, when):
        """The value of the SCT extension, with one SCT, for a certificate that lacks nothing but it."""
        issuer = self.root if self.is_bad('sct-issuer') else authority
        key = self.other_ct_key if self.is_bad('other-sct') else self.ct_key
        moment = struct.pack('>Q', int(when.timestamp() * 1000))
        entry = struct.pack('>H', 1) + pki.key_id(issuer.key.public_key()) \
            + opaque(precertificate.tbs_certificate_bytes, 3)
        signature = pki.sign(key, b'\0\0' + moment + entry + opaque(b'', 2))
        if self.is_bad('wrong-sct'):
            signature = pki.sign(key, hashlib.sha256(signature).digest())
        sct = b'\0' + pki.key_id(key.public_key()) + moment + opaque(b'', 2) + b'\4\3' + opaque(signature, 2)
        return der.octets(opaque(opaque(sct, 2), 2))
