# SPDX-License-Identifier: Apache-2.0
"""What a Sigstore is made of: signatures, statements, Merkle trees, certificates, timestamps."""
import base64, datetime, hashlib, json, os, sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.x509.oid import NameOID

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers", "sigstore"))

import der  # noqa: E402

T0 = 1748779200  # 2025-06-01T12:00:00Z: when everything is signed
ISSUER = "https://issuer.example"
IDENTITY = "https://example.org/models/.github/workflows/release.yml@refs/heads/main"
REKOR1, REKOR2 = "rekor1.example", "rekor2.example"
TREE_ID = "1193050959916656506"
FULCIO = "1.3.6.1.4.1.57264.1."
SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"
IN_TOTO = "application/vnd.in-toto+json"
DAY = 86400

MODEL = {"config.json": b'{"layers": 2}\n', "weights/a.bin": bytes(range(256)) * 16, "weights/b.bin": b"\x01" * 1000}


# ---- small things ----

def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).digest()


def date(seconds):
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def rfc3339(seconds):
    return date(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def cert_der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def cert_pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def curve_hash(key):
    """The hash that goes with a key."""
    size = getattr(getattr(key, "curve", None), "key_size", 256)
    return {256: "sha256", 384: "sha384", 521: "sha512"}[size]


HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
V2_HASHES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
KEY_DETAILS = {"sha256": "PKIX_ECDSA_P256_SHA_256", "sha384": "PKIX_ECDSA_P384_SHA_384",
               "sha512": "PKIX_ECDSA_P521_SHA_512"}


def sign(key, message, name=None):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(HASHES[name or curve_hash(key)]()))


def sign_digest(key, name, digest):
    return key.sign(digest, ec.ECDSA(utils.Prehashed(HASHES[name]())))


def pae(payload_type, payload):
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


# ---- a model and its statement (OMS 1.0) ----

def statement(files):
    resources = [{"name": n, "digest": hashlib.sha256(d).hexdigest(), "algorithm": "sha256"} for n,
                 d in sorted(files.items())]
    root = sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources))
    return json.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root.hex()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"resources": resources, "serialization": {
            "method": "files", "hash_type": "sha256", "allow_symlinks": False,
            "ignore_paths": [".git", ".gitattributes", ".github", ".gitignore"]}}}).encode(), root


# ---- Merkle trees (RFC 6962 2.1) ----

def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_root(leaves[:k]) + tree_root(leaves[k:]))


def tree_path(leaves, index):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return tree_path(leaves[:k], index) + [tree_root(leaves[k:])]
    return tree_path(leaves[k:], index - k) + [tree_root(leaves[:k])]


# ---- certificates ----

def build_cert(*, key, issuer_key, subject, issuer, not_before, not_after, extensions, serial):
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(date(not_before)).not_valid_after(date(not_after))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA384() if curve_hash(issuer_key) == "sha384" else hashes.SHA256())


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "universe"),
                      x509.NameAttribute(NameOID.COMMON_NAME, text)])


def raw_extension(dotted, value):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value)


def key_usage(**on):
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{usage: on.get(usage, False) for usage in every})


def ca_extensions(key, path_length):
    return [(x509.BasicConstraints(True, path_length), True), (key_usage(key_cert_sign=True, crl_sign=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)]


def san_of(text):
    """An e-mail address, a URI, «other:NAME» (Fulcio's user name), «foreign:NAME» (somebody else's), or «dns:NAME»."""
    kind, _, rest = text.partition(":")
    if kind in ("other", "foreign"):
        return x509.OtherName(x509.ObjectIdentifier(FULCIO + "7" if kind == "other" else "1.2.3.4.6"), der.utf8(rest))
    if kind == "dns":
        return x509.DNSName(rest)
    return x509.UniformResourceIdentifier(text) if "://" in text else x509.RFC822Name(text)


# ---- timestamps (RFC 3161) ----

def timestamp(*, message, time, key, cert, issuer_name, embed=True, hash="sha256", status=0, certs=(), flip=False):
    oids = {"sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3"}
    info = der.sequence(der.integer(1), der.oid("1.2.3.4.1"),
                        der.sequence(der.algorithm(oids[hash]), der.octets(hashlib.new(hash, message).digest())),
                        der.integer(x509.random_serial_number()), der.time(date(time)))
    ess = der.sequence(der.sequence(der.sequence(der.octets(sha256(cert_der(cert))))))
    attributes = [der.sequence(der.oid("1.2.840.113549.1.9.3"), der.set_of(der.oid("1.2.840.113549.1.9.16.1.4"))),
                  der.sequence(der.oid("1.2.840.113549.1.9.4"), der.set_of(der.octets(sha256(info)))),
                  der.sequence(der.oid("1.2.840.113549.1.9.16.2.47"), der.set_of(ess))]
    signature = bytearray(sign(key, der.set_of(*attributes), "sha256"))
    if flip:
        signature[-1] ^= 1
    signer = der.sequence(der.integer(1), der.sequence(issuer_name.public_bytes(), der.integer(cert.serial_number)),
                          der.algorithm(oids["sha256"]), der.context(0, b"".join(sorted(attributes))),
                          der.algorithm("1.2.840.10045.4.3.2"), der.octets(bytes(signature)))
    embedded = b"".join(cert_der(c) for c in (cert, *certs)) if embed else b""
    signed = der.sequence(der.integer(3), der.set_of(der.algorithm(oids["sha256"])),
                          der.sequence(der.oid("1.2.840.113549.1.9.16.1.4"), der.context(0, der.octets(info))),
                          der.context(0, embedded) if embedded else b"", der.set_of(signer))
    token = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.context(0, signed))
    return der.sequence(der.sequence(der.integer(status)), token if status in (0, 1) else b"")
