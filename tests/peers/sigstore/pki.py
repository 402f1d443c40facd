# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of the test world, made when it starts."""
import base64
import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.exceptions import InvalidSignature  # noqa: F401, others take it from here
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UTC = datetime.timezone.utc
YEAR = datetime.timedelta(days=365)
ORGANIZATION = 'coffer test world'


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def ec_key(curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


def ed25519_key():
    return ed25519.Ed25519PrivateKey.generate()


def spki(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def spki_pem(public):
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_id(public):
    """RFC 6962: what logs are called by."""
    return hashlib.sha256(spki(public)).digest()


def own_hash(public):
    """The hash that goes with a curve."""
    return {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}[public.curve.key_size]()


def sign(key, data):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, ec.ECDSA(own_hash(key.public_key())))


def verify(public, signature, data):
    """InvalidSignature unless it holds."""
    public.verify(signature, data, ec.ECDSA(own_hash(public)))


def verify_raw(public, signature, data):
    """The same for r and s side by side, as in a JSON web token."""
    half = len(signature) // 2
    numbers = (int.from_bytes(signature[:half], 'big'), int.from_bytes(signature[half:], 'big'))
    verify(public, encode_dss_signature(*numbers), data)


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(**set_bits):
    bits = dict.fromkeys(('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment',
                          'key_agreement', 'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only'), False)
    return x509.KeyUsage(**{**bits, **set_bits})


def begin(subject, public, issuer_name, issuer_public, start, end):
    """What every certificate here has: names, a serial number, times and the two key identifiers."""
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False))


class Authority:
    """A certificate and its key that issue others; without an issuer it is a root."""

    def __init__(self, common, issuer=None, usages=(), length=None, curve=ec.SECP384R1):
        self.key, self.issuer = ec_key(curve), issuer
        self.start = datetime.datetime.now(UTC).replace(microsecond=0) - YEAR
        above = issuer.certificate.subject if issuer else name(common)
        signer = issuer or self
        builder = begin(name(common), self.key.public_key(), above, signer.key.public_key(), self.start,
                        self.start + 10 * YEAR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        builder = builder.add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        self.certificate = signer.finish(builder)

    def finish(self, builder):
        return builder.sign(self.key, own_hash(self.key.public_key()))

    def leaf(self, public, start, end, extensions, subject=None):
        """The builder of a certificate for public; extensions are pairs (extension, critical)."""
        builder = begin(subject or x509.Name([]), public, self.certificate.subject, self.key.public_key(), start, end)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder

    def issue(self, *args, **kwargs):
        return self.finish(self.leaf(*args, **kwargs))

    def chain(self):
        """This certificate and those above it, the root last."""
        return [self.certificate] + (self.issuer.chain() if self.issuer else [])


class ServerIdentity:
    """A certificate for this machine, for those who insist on https."""

    def __init__(self):
        self.root = Authority('web root', curve=ec.SECP256R1)
        self.key = ec_key()
        now = datetime.datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName('localhost'),
                                             x509.IPAddress(ipaddress.ip_address('127.0.0.1'))])
        self.certificate = self.root.issue(
            self.key.public_key(), now - datetime.timedelta(hours=1), now + datetime.timedelta(days=30),
            ((names, False), (usage(digital_signature=True), True),
             (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)), subject=name('localhost'))
