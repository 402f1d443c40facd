#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Sigstore of our own, made anew at each run: certificate authority, logs, timestamp authority, and what they sign.

    universe.py list                      the names of the right ones and of the faults
    universe.py write FOLDER [NAME]       a model, its model.sig and trusted_root.json, right or with the fault NAME
    universe.py header                    tests/support/universe.h: one for the unit tests, which have no Python

As a module: Universe().make(NAME) gives a Case.  Every fault is one mistake; all signatures are made over the mistake, so that nothing
but the check that it names can refuse it.  What is made is described by a tree of settings; a case changes some of them:

    leaf.*   the signer's certificate     leaf.*.* the promise of the log of certificates in it
    body     the log entry's body         tree.*   the place of the entry in the log
    set.*    the signed entry timestamp   note.*   the checkpoint        proof.*  the inclusion proof
    stamps   the timestamps               bundle   the finished bundle   root     the trusted root      policy.*  what is asked for
"""
import base64, datetime, hashlib, json, os, sys
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import der

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
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)


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
KEY_DETAILS = {"sha256": "PKIX_ECDSA_P256_SHA_256", "sha384": "PKIX_ECDSA_P384_SHA_384", "sha512": "PKIX_ECDSA_P521_SHA_512"}


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
    resources = [{"name": n, "digest": hashlib.sha256(d).hexdigest(), "algorithm": "sha256"} for n, d in sorted(files.items())]
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
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "universe"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


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


# ---- the settings ----

@dataclass
class Case:
    """What was made, and what is asked about it."""
    name: str
    step: int  # of the checklist, that refuses it; 0 = it is right
    says: str  # a part of the sentence of the refusal
    text: bytes  # of the bundle
    bundle: dict
    root: dict
    identity: str
    issuer: str
    key: bytes  # PEM, of bundles without a certificate
    artifact: bytes  # of a message signature
    subject: str  # sha256:… of the statement's subject
    files: dict

    @property
    def oms(self):
        """Whether the bundle is of a kind that may be a model's signature."""
        return "dsseEnvelope" in self.bundle and self.key is None


@dataclass
class Plan:
    """A case before it is made: a name, what it starts from, and what it changes."""
    name: str
    base: str = "v1"
    step: int = 0
    says: str = ""
    change: dict = field(default_factory=dict)


class Universe:
    def __init__(self):
        p256, p384 = ec.SECP256R1(), ec.SECP384R1()
        self.keys = {n: ec.generate_private_key(p256) for n in ("signer", "ct", "rekor1", "stranger", "tsa", "managed")}
        self.keys.update({n: ec.generate_private_key(p384) for n in ("root", "intermediate", "tsa-root", "signer384")})
        self.keys["rsa"] = rsa.generate_private_key(65537, 2048)
        self.keys["rekor2"] = ed25519.Ed25519PrivateKey.generate()
        self.keys["stranger2"] = ed25519.Ed25519PrivateKey.generate()
        self.ca_root = self.authority("root", "root", name("root"), name("root"), 1)
        self.ca = self.authority("intermediate", "root", name("intermediate"), name("root"), 0)
        self.tsa_root = self.authority("tsa-root", "tsa-root", name("tsa root"), name("tsa root"), 0)
        self.tsa = self.tsa_leaf()
        raw = self.keys["rekor2"].public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.ids = {"rekor1": sha256(spki(self.keys["rekor1"])), "ct": sha256(spki(self.keys["ct"])),
                    "rekor2": sha256(REKOR2.encode() + b"\n\x01" + raw)}
        self.plans = {"v1": Plan("v1")}
        for plan in (*right(self), *faults(self)):
            assert plan.name == "v1" or plan.name not in self.plans, plan.name
            self.plans[plan.name] = plan

    # -- who signs --

    def authority(self, key, issuer_key, subject, issuer, path_length, start=T0 - 1000 * DAY, end=T0 + 1000 * DAY):
        key = self.keys[key]
        return build_cert(key=key, issuer_key=self.keys[issuer_key], subject=subject, issuer=issuer, not_before=start,
                          not_after=end, extensions=ca_extensions(key, path_length), serial=x509.random_serial_number())

    def tsa_leaf(self, key="tsa", usage=(ExtendedKeyUsageOID.TIME_STAMPING,), critical=True, start=T0 - 500 * DAY,
                 end=T0 + 500 * DAY, issuer_key="tsa-root"):
        extensions = [(key_usage(digital_signature=True), True), (x509.ExtendedKeyUsage(usage), critical)]
        return build_cert(key=self.keys[key], issuer_key=self.keys[issuer_key], subject=name("tsa"), issuer=name("tsa root"),
                          not_before=start, not_after=end, extensions=extensions, serial=x509.random_serial_number())

    def leaf(self, s):
        extensions = []
        if s["usage"] is not None:
            extensions.append((key_usage(**s["usage"]), True))
        if s["ext_usage"] is not None:
            extensions.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(o) for o in s["ext_usage"]]), False))
        if s["constraints"] is not None:
            extensions.append((x509.BasicConstraints(s["constraints"], None), True))
        extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self.keys[s["key_id"] or s["issuer_key"]].public_key()), False))
        if s["san"]:
            extensions.append((x509.SubjectAlternativeName([san_of(text) for text in s["san"]]), s["san_critical"]))
        if s["issuer_raw"] is not None:
            extensions.append((raw_extension(FULCIO + "1", s["issuer_raw"].encode()), False))
        if s["issuer"] is not None:
            extensions.append((raw_extension(FULCIO + "8", s["issuer"] if isinstance(s["issuer"], bytes) else der.utf8(s["issuer"])), False))
        extensions += s["more"]
        common = dict(key=self.keys[s["key"]], issuer_key=self.keys[s["issuer_key"]], subject=s["subject"], issuer=s["issuer_name"],
                      not_before=s["start"], not_after=s["end"], serial=x509.random_serial_number())
        tbs = build_cert(extensions=extensions, **common).tbs_certificate_bytes
        if s["scts"]:
            entries = [self.sct(sct, tbs) for sct in s["scts"]]
            listed = b"".join(len(e).to_bytes(2, "big") + e for e in entries)
            value = der.octets(len(listed).to_bytes(2, "big") + listed)
            extensions.append((raw_extension(SCT_LIST, s["sct_value"] or value), False))
        return build_cert(extensions=extensions, **common)

    def sct(self, s, tbs):
        extension = s["extensions"]
        message = b"\0\0" + s["time"].to_bytes(8, "big") + b"\0\1" + sha256(spki(self.keys[s["issuer_key"]]))
        message += len(tbs).to_bytes(3, "big") + tbs + len(extension).to_bytes(2, "big") + extension
        signature = sign(self.keys[s["key"]], message, "sha256")
        return (bytes([s["version"]]) + s["id"] + s["time"].to_bytes(8, "big") + len(extension).to_bytes(2, "big") + extension +
                bytes(s["algorithms"]) + len(signature).to_bytes(2, "big") + signature)

    # -- what is made --

    def right_sct(self):
        return dict(key="ct", id=self.ids["ct"], time=(T0 - 1) * 1000 + 7, extensions=b"", issuer_key="intermediate", version=0,
                    algorithms=(4, 3))

    def settings(self, log, content, version):
        """How all is when it is right."""
        return {
            "log": log, "content": content, "version": version, "signer": "certificate", "payload_type": IN_TOTO,
            "kind": {"v1": {"dsse": ("dsse", "0.0.1"), "message": ("hashedrekord", "0.0.1")}[content], "v2": ("hashedrekord", "0.0.2")}[log],
            "key": "signer", "signature": None, "signed_payload": None, "files": MODEL, "artifact": b"an artifact\n",
            "leaf": dict(key=None, issuer_key="intermediate", key_id=None, issuer_name=name("intermediate"), subject=x509.Name([]), start=T0 - 60,
                         end=T0 + 540, usage={"digital_signature": True}, ext_usage=[ExtendedKeyUsageOID.CODE_SIGNING.dotted_string],
                         constraints=None, san=[IDENTITY], san_critical=True, issuer=ISSUER, issuer_raw=ISSUER, more=[],
                         scts=[self.right_sct()], sct_value=None),
            "body": None, "body_bytes": None,
            "tree": dict(size=11, index=5, offset=4163431),
            "set": dict(key="rekor1", time=T0, index=None, id=self.ids["rekor1"], present=log == "v1", body=None),
            "note": dict(origin={"v1": REKOR1 + " - " + TREE_ID, "v2": REKOR2}[log], name={"v1": REKOR1, "v2": REKOR2}[log],
                         key={"v1": "rekor1", "v2": "rekor2"}[log], hint=None, size=None, root=None, extra=[], before=[], after=[],
                         text=None, present=True),
            "proof": dict(index=None, size=None, root=None, hashes=None, present=True),
            "entry": dict(id=None, kind=None, index=None, time=None),
            "stamps": [] if log == "v1" else [dict(time=T0 + 2)],
            "chain": None, "bundle": None, "root": None, "text": None, "ask_key": None,
            "policy": dict(identity=IDENTITY, issuer=ISSUER),
        }

    def apply(self, settings, change):
        for path, value in change.items():
            at, *rest = path.split(".")
            if rest and rest[0] == "*":  # of the one SCT
                assert rest[1] in settings[at]["scts"][0], path
                settings[at]["scts"][0][rest[1]] = value
            elif rest:
                assert rest[0] in settings[at], path
                settings[at][rest[0]] = value
            else:
                assert at in settings, path
                settings[at] = value

    def make(self, name):
        plan = self.plans[name]
        log, *options = plan.base.split("-")
        content = "message" if "message" in options else "dsse"
        settings = self.settings(log, content, next((o for o in options if o.startswith("0.")), "0.3"))
        if "key" in options:
            settings.update(signer="key", key="managed", policy=dict(identity=None, issuer=None))
        self.apply(settings, plan.change)
        return self.finish(plan, settings)

    def finish(self, plan, s):
        key = self.keys[s["key"]]
        s["leaf"]["key"] = s["leaf"]["key"] or s["key"]
        leaf = self.leaf(s["leaf"]) if s["signer"] == "certificate" else None
        payload, subject = statement(s["files"])
        hash = curve_hash(key)
        if s["content"] == "dsse":
            message = pae(s["payload_type"], s["signed_payload"] or payload)
        else:
            message = s["artifact"]
        digest = hashlib.new(hash, message).digest()
        signature = s["signature"](self, message) if s["signature"] else sign_digest(key, hash, digest)
        facts = dict(leaf=leaf, key=key, payload=payload, hash=hash, digest=digest, signature=signature)
        body = self.body(s, facts)
        entry = self.entry(s, body)
        stamps = [self.stamp(one, signature) for one in s["stamps"]]
        bundle = self.bundle(s, facts, entry, stamps)
        root = self.trusted_root()
        for change, thing in ((s["bundle"], bundle), (s["root"], root)):
            if change:
                change(thing)
        text = json.dumps(bundle).encode()
        ask_key = s["signer"] == "key" if s["ask_key"] is None else s["ask_key"]
        return Case(plan.name, plan.step, plan.says, s["text"](text) if s["text"] else text, bundle, root, s["policy"]["identity"],
                    s["policy"]["issuer"], public_pem(self.keys["managed"]) if ask_key else None, s["artifact"], "sha256:" + subject.hex(),
                    s["files"])

    def body(self, s, facts):
        kind, version = s["kind"]
        leaf, signature, hash, digest = (facts[k] for k in ("leaf", "signature", "hash", "digest"))
        verifier = cert_pem(leaf) if leaf else public_pem(facts["key"])
        payload_hash = {"algorithm": "sha256", "value": sha256(facts["payload"]).hex()}
        if kind == "dsse":
            spec = {"envelopeHash": {"algorithm": "sha256", "value": sha256(b"an envelope").hex()}, "payloadHash": payload_hash,
                    "signatures": [{"signature": b64(signature), "verifier": b64(verifier)}]}
        elif kind == "intoto":
            spec = {"content": {"envelope": {"payloadType": s["payload_type"], "signatures": [
                {"publicKey": b64(verifier), "sig": b64(b64(signature).encode())}]}, "hash": payload_hash, "payloadHash": payload_hash}}
        elif version == "0.0.1":
            spec = {"data": {"hash": {"algorithm": hash, "value": digest.hex()}},
                    "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}}}
        else:
            who = {"x509Certificate": {"rawBytes": b64(cert_der(leaf))}} if leaf else {"publicKey": {"rawBytes": b64(spki(facts["key"]))}}
            spec = {"hashedRekordV002": {"data": {"algorithm": V2_HASHES[hash], "digest": b64(digest)}, "signature": {
                "content": b64(signature), "verifier": {"keyDetails": KEY_DETAILS[hash], **who}}}}
        body = {"apiVersion": version, "kind": kind, "spec": spec}
        if s["body"]:
            s["body"](self, body)
        return s["body_bytes"] or json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    def entry(self, s, body):
        tree, proof, note, promise, entry = (s[k] for k in ("tree", "proof", "note", "set", "entry"))
        leaves = [sha256(b"\0" + b"leaf %d" % i) for i in range(tree["size"])]
        leaves[tree["index"]] = sha256(b"\0" + body)
        index = tree["index"] + (tree["offset"] if s["log"] == "v1" else 0)
        root = tree_root(leaves)
        log = {"v1": "rekor1", "v2": "rekor2"}[s["log"]]
        out = {"logIndex": str(index if entry["index"] is None else entry["index"]), "logId": {"keyId": b64(entry["id"] or self.ids[log])},
               "kindVersion": dict(zip(("kind", "version"), entry["kind"] or s["kind"])), "canonicalizedBody": b64(body)}
        if s["log"] == "v1":
            out["integratedTime"] = str(promise["time"] if entry["time"] is None else entry["time"])
        if promise["present"]:
            text = '{"body":"%s","integratedTime":%d,"logID":"%s","logIndex":%d}' % (
                b64(promise["body"] or body), promise["time"], promise["id"].hex(), index if promise["index"] is None else promise["index"])
            out["inclusionPromise"] = {"signedEntryTimestamp": b64(sign(self.keys[promise["key"]], text.encode()))}
        if proof["present"]:
            path = tree_path(leaves, tree["index"])
            out["inclusionProof"] = {
                "logIndex": str(tree["index"] if proof["index"] is None else proof["index"]),
                "rootHash": b64(proof["root"] or root), "treeSize": str(proof["size"] or tree["size"]),
                "hashes": [b64(h) for h in (proof["hashes"](path) if proof["hashes"] else path)]}
            if note["present"]:
                out["inclusionProof"]["checkpoint"] = {"envelope": self.note(note, tree["size"], root, log)}
        return out

    def note(self, s, size, root, log):
        lines = [s["origin"], str(s["size"] or size), b64(s["root"] or root), *s["extra"]] if s["text"] is None else s["text"](size, root)
        text = "".join(line + "\n" for line in lines).encode()
        hint = s["hint"] or self.ids[log][:4]
        own = "— %s %s" % (s["name"], b64(hint + sign(self.keys[s["key"]], text)))
        return text.decode() + "\n" + "".join(line + "\n" for line in (*s["before"], own, *s["after"]))

    def stamp(self, s, signature):
        if isinstance(s, bytes):
            return s
        s = dict(message=signature, key="tsa", cert=self.tsa, issuer_name=name("tsa root")) | s
        return timestamp(**{**s, "key": self.keys[s["key"]]})

    def bundle(self, s, facts, entry, stamps):
        material = {"tlogEntries": [entry]}
        if stamps:
            material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(t)} for t in stamps]}
        if facts["leaf"] is None:
            material["publicKey"] = {"hint": hashlib.sha256(public_pem(facts["key"])).hexdigest()}
        elif s["version"] == "0.3":
            material["certificate"] = {"rawBytes": b64(cert_der(facts["leaf"]))}
        else:
            chain = [facts["leaf"], *(s["chain"] or [self.ca])]
            material["x509CertificateChain"] = {"certificates": [{"rawBytes": b64(cert_der(c))} for c in chain]}
        kind = "application/vnd.dev.sigstore.bundle" + (".v0.3+json" if s["version"] == "0.3" else "+json;version=" + s["version"])
        out = {"mediaType": kind, "verificationMaterial": material}
        if s["content"] == "dsse":
            out["dsseEnvelope"] = {"payload": b64(facts["payload"]), "payloadType": s["payload_type"],
                                   "signatures": [{"sig": b64(facts["signature"]), "keyid": ""}]}
        else:
            out["messageSignature"] = {"messageDigest": {"algorithm": V2_HASHES[facts["hash"]], "digest": b64(facts["digest"])},
                                       "signature": b64(facts["signature"])}
        return out

    # -- whom to believe --

    def trusted_log(self, url, key, details, id, start=T0 - 400 * DAY, end=None):
        valid = {"start": rfc3339(start)} | ({"end": rfc3339(end)} if end else {})
        return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(id)},
                "publicKey": {"rawBytes": b64(spki(self.keys[key])), "keyDetails": details, "validFor": valid}}

    def trusted_root(self):
        def authority(url, *chain):
            return {"uri": url, "subject": {"organization": "universe", "commonName": "universe"}, "validFor": {"start": rfc3339(T0 - 400 * DAY)},
                    "certChain": {"certificates": [{"rawBytes": b64(cert_der(c))} for c in chain]}}
        p256 = "PKIX_ECDSA_P256_SHA_256"
        return {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self.trusted_log("https://" + REKOR1, "rekor1", p256, self.ids["rekor1"]),
                          self.trusted_log("https://" + REKOR2, "rekor2", "PKIX_ED25519", self.ids["rekor2"])],
                "certificateAuthorities": [authority("https://fulcio.example", self.ca, self.ca_root)],
                "ctlogs": [self.trusted_log("https://ct.example/2025", "ct", p256, self.ids["ct"])],
                "timestampAuthorities": [authority("https://tsa.example/api/v1/timestamp", self.tsa, self.tsa_root)]}


def valid_for(kind, index, **times):
    """A change of the trusted root: from when to when one of its logs or authorities is believed."""
    def change(root):
        thing = root[kind][index]
        place = thing if kind.endswith("uthorities") else thing["publicKey"]
        place["validFor"] |= {k: v if isinstance(v, str) else rfc3339(v) for k, v in times.items()}
    return change


def chain_of(kind, *certs):
    def change(root):
        root[kind][0]["certChain"]["certificates"] = [{"rawBytes": b64(cert_der(c))} for c in certs]
    return change


def without(kind, index=None):
    def change(root):
        if index is None:
            root[kind] = []
        else:
            del root[kind][index]
    return change


def at(thing, *path):
    for step in path:
        thing = thing[step]
    return thing


def put(value, *path):
    """A change of a document: @value at @path, or what it makes of the value there."""
    def change(thing):
        place = at(thing, *path[:-1])
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    return change


def drop(*path):
    def change(thing):
        del at(thing, *path[:-1])[path[-1]]
    return change


def in_body(*changes):
    def change(_, body):
        for one in changes:
            one(body)
    return change


ENTRY = ("verificationMaterial", "tlogEntries", 0)
MATERIAL = ("verificationMaterial",)


def wrap_trust_config(root):
    inner = dict(root)
    root.clear()
    root.update(mediaType="application/vnd.dev.sigstore.clienttrustconfig.v0.1+json", trustedRoot=inner, signing_config={})


def several(*changes):
    def change(thing):
        for one in changes:
            one(thing)
    return change


# ---- what must be accepted ----

def right(u):
    witness = "— witness.example/w1 " + b64(b"\1\2\3\4" + b"\5" * 64)
    other_key = "— %s %s" % (REKOR2, b64(b"\1\2\3\4" + b"\5" * 70))
    stamped = {"stamps": [dict(time=T0 + 2)]}
    yield Plan("v1")
    yield Plan("v1-stamped", change=stamped)
    yield Plan("v1-stamped-without-set", change=stamped | {"set.present": False})
    yield Plan("v1-message", "v1-message")
    yield Plan("v1-intoto", "v1-0.2", change={"kind": ("intoto", "0.0.2")})
    yield Plan("v1-0.1", "v1-message-0.1")
    yield Plan("v1-0.1-promise-alone", "v1-message-0.1", change={"proof.present": False})
    yield Plan("v1-0.1-proof-without-checkpoint", "v1-message-0.1", change={"note.present": False})
    yield Plan("v1-0.2-message", "v1-message-0.2")
    yield Plan("v1-key", "v1-key")
    yield Plan("v1-key-message", "v1-key-message")
    yield Plan("v2", "v2")
    yield Plan("v2-message", "v2-message")
    yield Plan("v2-key", "v2-key")
    yield Plan("p384", change={"key": "signer384"})
    yield Plan("p384-v2", "v2", change={"key": "signer384"})
    yield Plan("email", change={"leaf.san": ["a@example.org"], "policy.identity": "a@example.org"})
    yield Plan("other-name", change={"leaf.san": ["other:me"], "policy.identity": "me"})
    yield Plan("two-names", change={"leaf.san": ["a@example.org", IDENTITY]})
    yield Plan("old-issuer-extension", change={"leaf.issuer": None})
    yield Plan("new-issuer-extension-decides", change={"leaf.issuer_raw": "https://old.example"})
    yield Plan("sct-of-unknown-log-first", change={"leaf.scts": [u.right_sct() | dict(id=b"\7" * 32, key="stranger"), u.right_sct()]})
    yield Plan("sct-extensions", change={"leaf.*.extensions": b"\0\0\5abcde"})
    yield Plan("unknown-extension", change={"leaf.more": [(raw_extension("1.2.3.4.5", b"\5\0"), False)]})
    yield Plan("one-entry-tree", change={"tree.size": 1, "tree.index": 0})
    yield Plan("last-entry", change={"tree.size": 7, "tree.index": 6})
    yield Plan("first-entry", "v2", change={"tree.size": 8, "tree.index": 0})
    yield Plan("witnesses", "v2", change={"note.before": [witness], "note.after": [witness, other_key]})
    yield Plan("other-key-of-the-log-first", "v2", change={"note.before": [other_key]})
    yield Plan("checkpoint-extra-lines", change={"note.extra": ["Timestamp: 1675209600000000000", "more"]})
    yield Plan("checkpoint-key-id", change={"entry.id": b"\3" * 32, "set.id": b"\3" * 32, "root": several(
        put(b64(b"\3" * 32), "tlogs", 0, "logId", "keyId"), put({"keyId": b64(u.ids["rekor1"])}, "tlogs", 0, "checkpointKeyId"))})
    yield Plan("stamp-not-embedded", "v2", change={"stamps": [dict(time=T0, embed=False)]})
    yield Plan("stamp-sha512", "v2", change={"stamps": [dict(time=T0, hash="sha512")]})
    yield Plan("two-stamps", "v2", change={"stamps": [dict(time=T0), dict(time=T0 + 5)]})
    yield Plan("ends-included", change={"leaf.start": T0, "leaf.end": T0, "root": several(
        valid_for("tlogs", 0, start=T0, end=T0), valid_for("certificateAuthorities", 0, start=T0, end=T0))})
    yield Plan("ends-included-v2", "v2", change={"stamps": [dict(time=T0)], "root": several(
        valid_for("tlogs", 1, start=T0, end=T0), valid_for("certificateAuthorities", 0, start=T0, end=T0),
        valid_for("timestampAuthorities", 0, start=T0, end=T0))})
    yield Plan("sct-ends-included", change={"leaf.*.time": T0 * 1000 + 999, "root": valid_for(
        "ctlogs", 0, start=rfc3339(T0)[:-1] + ".9989Z", end=rfc3339(T0)[:-1] + ".9990Z")})
    yield Plan("unknown-key-of-another-log", change={"root": put("PKIX_ML_DSA_65", "tlogs", 1, "publicKey", "keyDetails")})
    yield Plan("trust-config", change={"root": wrap_trust_config})


# ---- one mistake each ----

def faults(u):
    yield from form_faults(u)
    yield from log_faults(u)
    yield from time_faults(u)
    yield from certificate_faults(u)
    yield from content_faults(u)


def fault(step, name, says, base="v1", /, **change):
    """@change: paths of settings, with «__» for the dots."""
    return Plan(name, base, step, says, {path.replace("__", "."): value for path, value in change.items()})


def form_faults(u):
    def text(old, new):
        return lambda json: json.replace(old, new, 1)
    signature = at(u.make("v1").bundle, "dsseEnvelope", "signatures", 0)
    yield fault(1, "json-doubled-member", "duplicate", text=text(b'"mediaType"', b'"mediaType": "x", "mediaType"'))
    yield fault(1, "json-trailing", "end of file", text=lambda json: json + b"{}")
    yield fault(1, "json-lone-surrogate", "invalid Unicode", text=text(b'"keyid": ""', b'"keyid": "\\ud800"'))
    yield fault(1, "json-too-deep", "nested deeper", text=text(b'"keyid": ""', b'"keyid": ' + b"[" * 40 + b"]" * 40))
    yield fault(1, "negative-index", "is no whole number from 0", bundle=put("-1", *ENTRY, "logIndex"))
    yield fault(1, "index-too-large", "is no whole number from 0", bundle=put(str(1 << 63), *ENTRY, "logIndex"))
    yield fault(1, "base64-line-end", "«sig» is not base64", bundle=put(lambda v: v[:8] + "\n" + v[8:], "dsseEnvelope", "signatures", 0, "sig"))
    yield fault(1, "base64-url-alphabet", "«payload» is not base64", bundle=put(lambda v: "-_" + v[2:], "dsseEnvelope", "payload"))
    yield fault(1, "base64-no-padding", "is not base64 of such a hash", "v1-message", artifact=b"x", bundle=put(lambda v: v.rstrip("="), "messageSignature", "messageDigest", "digest"))

    yield fault(2, "media-type-unknown", "which this version does not know", bundle=put("application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType"))
    yield fault(2, "media-type-none", "no mediaType", bundle=drop("mediaType"))

    yield fault(3, "two-contents", "not exactly one of dsseEnvelope", bundle=put({"signature": "AAAA"}, "messageSignature"))
    yield fault(3, "no-content", "not exactly one of dsseEnvelope", bundle=drop("dsseEnvelope"))
    yield fault(3, "two-signatures", "2 signatures in its envelope", bundle=put(lambda v: v + [signature], "dsseEnvelope", "signatures"))
    yield fault(3, "no-signature", "0 signatures in its envelope", bundle=put([], "dsseEnvelope", "signatures"))
    yield fault(3, "two-materials", "not exactly one of publicKey", bundle=put({"hint": "x"}, *MATERIAL, "publicKey"))
    yield fault(3, "no-material", "not exactly one of publicKey", bundle=drop(*MATERIAL, "certificate"))
    yield fault(3, "chain-in-0.3", "has a chain of certificates where", "v1-0.2",
                bundle=put("application/vnd.dev.sigstore.bundle.v0.3+json", "mediaType"))
    yield fault(3, "single-in-0.2", "has a single certificate where",
                bundle=put("application/vnd.dev.sigstore.bundle+json;version=0.2", "mediaType"))
    yield fault(3, "root-in-chain", "brings a root certificate", "v1-0.2", chain=[u.ca, u.ca_root])
    yield fault(3, "empty-chain", "has no certificate", "v1-0.2", bundle=put([], *MATERIAL, "x509CertificateChain", "certificates"))
    yield fault(3, "key-where-identity-is-asked", "no certificate binds", "v1-key", policy__identity=IDENTITY, policy__issuer=ISSUER, ask_key=False)
    yield fault(3, "certificate-where-key-is-asked", "not by the key that was given", policy__identity=None, policy__issuer=None, ask_key=True)

    yield fault(4, "no-entry", "has 0 log entries", bundle=put([], *MATERIAL, "tlogEntries"))
    yield fault(4, "two-entries", "has 2 log entries", bundle=put(lambda v: v * 2, *MATERIAL, "tlogEntries"))
    yield fault(4, "no-proof", "has no inclusion proof", proof__present=False)
    yield fault(4, "no-proof-v2", "has no inclusion proof", "v2", proof__present=False)
    yield fault(4, "no-proof-0.2", "has no inclusion proof", "v1-0.2", kind=("intoto", "0.0.2"), proof__present=False)
    yield fault(4, "no-checkpoint", "has no checkpoint", note__present=False)
    yield fault(4, "nothing-in-0.1", "has no inclusion proof", "v1-message-0.1", proof__present=False, set__present=False, stamps=[dict(time=T0)])

    yield fault(5, "root-media-type", "media type is", root=put("application/vnd.dev.sigstore.trustedroot+json;version=0.9", "mediaType"))
    yield fault(5, "root-no-start", "has no «start»", root=drop("tlogs", 0, "publicKey", "validFor", "start"))
    yield fault(5, "root-no-validity", "has no «start»", root=drop("certificateAuthorities", 0, "validFor"))
    yield fault(5, "root-doubled-log", "two logs with the same key id", root=put(lambda v: v + [v[0]], "tlogs"))
    yield fault(5, "root-chain-without-root", "is no root", root=chain_of("certificateAuthorities", u.ca))
    yield fault(5, "root-key-of-other-kind", "of the kind", root=put("PKIX_ED25519", "tlogs", 0, "publicKey", "keyDetails"))


def log_faults(u):
    stranger = sha256(spki(u.keys["stranger"]))
    path = lambda change: dict(proof__hashes=change)
    yield fault(6, "log-unknown", "does not list", root=without("tlogs", 0))
    yield fault(6, "log-id-of-another", "SET", entry__id=u.ids["rekor2"])  # no other log will do, whoever made the signatures
    yield fault(6, "log-id-unknown", "does not list", entry__id=stranger)
    yield fault(6, "log-id-short", "does not list", entry__id=u.ids["rekor1"][:31])
    yield fault(6, "log-key-kind-unknown", "kind that is not supported", root=put("PKIX_ML_DSA_65", "tlogs", 0, "publicKey", "keyDetails"))

    yield fault(8, "set-other-key", "SET", set__key="stranger")
    yield fault(8, "set-other-time", "SET", entry__time=T0 + 1)
    yield fault(8, "set-other-index", "SET", set__index=17)
    yield fault(8, "set-other-log", "SET", set__id=stranger)
    yield fault(8, "set-other-body", "SET", set__body=b'{"other":1}')
    yield fault(8, "set-empty-text", "SET", bundle=put("AA==", *ENTRY, "inclusionPromise", "signedEntryTimestamp"))
    yield fault(8, "set-other-key-0.1", "SET", "v1-message-0.1", set__key="stranger", proof__present=False)

    yield fault(9, "note-other-key", "under the log's checkpoint is false", note__key="stranger")
    yield fault(9, "note-other-key-v2", "under the log's checkpoint is false", "v2", note__key="stranger2")
    yield fault(9, "note-other-name", "no signature of", note__name="rekor.example")
    yield fault(9, "note-other-hint", "no signature of", note__hint=stranger[:4])
    yield fault(9, "note-other-origin", "checkpoint of the log entry is not of", note__origin="rekor.example - " + TREE_ID)
    yield fault(9, "note-origin-without-tree", "checkpoint of the log entry is not of", note__origin=REKOR1)
    yield fault(9, "note-origin-prefix", "checkpoint of the log entry is not of", note__origin=REKOR1 + ".evil.example - " + TREE_ID)
    yield fault(9, "note-origin-with-tree-v2", "checkpoint of the log entry is not of", "v2", note__origin=REKOR2 + " - " + TREE_ID)
    yield fault(9, "note-no-root", "has no root hash", note__text=lambda size, root: [REKOR1 + " - " + TREE_ID, str(size)])
    yield fault(9, "note-short-root", "has no root hash", note__text=lambda size, root: [REKOR1 + " - " + TREE_ID, str(size), b64(root[:31])])
    yield fault(9, "note-no-size", "how large", note__text=lambda size, root: [REKOR1 + " - " + TREE_ID, b64(root)])
    yield fault(9, "note-size-leading-zero", "how large", note__text=lambda size, root: [REKOR1 + " - " + TREE_ID, "0%d" % size, b64(root)])
    yield fault(9, "note-no-origin", "which log it is of", note__text=lambda size, root: ["", str(size), b64(root)])
    yield fault(9, "note-line-malformed", "malformed", note__before=["- witness.example AAAAAAAA"])
    yield fault(9, "note-without-signatures", "followed by signatures",
                bundle=put(lambda v: v.split("\n\n")[0] + "\n", *ENTRY, "inclusionProof", "checkpoint", "envelope"))

    yield fault(10, "size-differs", "the log's checkpoint of one with 12", note__size=12)
    yield fault(10, "root-differs", "another root hash than the log's checkpoint", note__root=b"\1" * 32)
    yield fault(10, "proof-root-differs", "another root hash than the log's checkpoint", proof__root=b"\1" * 32)
    yield fault(10, "both-roots-differ", "does not lead", note__root=b"\1" * 32, proof__root=b"\1" * 32)
    yield fault(10, "proof-index", "does not lead", proof__index=4)
    yield fault(10, "proof-index-past-end", "that has only 11", proof__index=11)
    yield fault(10, "proof-global-index", "that has only 11", proof__index=5 + 4163431)
    yield fault(10, "hash-missing", "hashes where", **path(lambda p: p[:-1]))
    yield fault(10, "hash-too-many", "hashes where", **path(lambda p: p + [b"\0" * 32]))
    yield fault(10, "hash-changed", "does not lead", **path(lambda p: [b"\0" * 32] + p[1:]))
    yield fault(10, "hashes-swapped", "does not lead", **path(lambda p: [p[1], p[0]] + p[2:]))
    yield fault(10, "hash-short", "has 31 bytes", **path(lambda p: [p[0][:31]] + p[1:]))
    yield fault(10, "body-of-another-entry", "does not lead", set__present=False, stamps=[dict(time=T0)],
                bundle=put(lambda v: b64(base64.b64decode(v) + b" "), *ENTRY, "canonicalizedBody"))
    yield fault(10, "index-differs-v2", "its inclusion proof for number", "v2", entry__index=4)
    yield fault(10, "wrong-proof-in-0.1", "does not lead", "v1-message-0.1", note__present=False, proof__root=b"\1" * 32)


def time_faults(u):
    other_tsa = u.tsa_leaf("stranger")
    own_root = u.tsa_leaf("stranger", issuer_key="stranger")
    code = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
    stamp = lambda **s: {"stamps": [dict(time=T0) | s]}
    outside = "does not believe the authority"
    yield fault(7, "stamp-of-other-message", "over something else", "v2", **stamp(message=b"something else"))
    yield fault(7, "stamp-of-base64", "over something else", "v2", **stamp(message=b"MEUCIQ=="))
    yield fault(7, "stamp-of-other-message-beside-set", "over something else", **stamp(message=b"something else"))
    yield fault(7, "stamp-untrusted", "is not one of those trusted", "v2", **stamp(key="stranger", cert=own_root))
    yield fault(7, "stamp-by-unlisted-leaf", "is not one of those trusted", "v2", **stamp(key="stranger", cert=other_tsa))
    yield fault(7, "stamp-signature", "own signature does not hold", "v2", **stamp(flip=True))
    yield fault(7, "stamp-refused", "authority gave none", "v2", **stamp(status=2))
    yield fault(7, "stamp-no-der", "no TimeStampResp", "v2", stamps=[b"no timestamp"])
    yield fault(7, "stamp-trailing", "no TimeStampResp", "v2", bundle=put(lambda v: b64(base64.b64decode(v) + b"\0"),
                *MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"))
    for kind, says, leaf in (("usage", "may not give timestamps", u.tsa_leaf(usage=(ExtendedKeyUsageOID.CODE_SIGNING,))),
                             ("usage-not-alone", "may not give timestamps", u.tsa_leaf(usage=code)),
                             ("usage-not-critical", "may not give timestamps", u.tsa_leaf(critical=False)),
                             ("leaf-expired", "«CN=tsa,O=universe» expired", u.tsa_leaf(end=T0 - 1)),
                             ("leaf-future", "«CN=tsa,O=universe» begins", u.tsa_leaf(start=T0 + 1)),
                             ("leaf-of-another-root", "certificate signature failure", u.tsa_leaf(issuer_key="root"))):
        yield fault(7, "stamp-" + kind, says, "v2", root=chain_of("timestampAuthorities", leaf, u.tsa_root), **stamp(cert=leaf))
    old = u.authority("tsa-root", "tsa-root", name("tsa root"), name("tsa root"), 0, end=T0 - 1)
    yield fault(7, "stamp-root-expired", "«CN=tsa root,O=universe» expired", "v2", root=chain_of("timestampAuthorities", u.tsa, old), **stamp())
    yield fault(7, "stamp-before-authority", outside, "v2", root=valid_for("timestampAuthorities", 0, start=T0 + 1), **stamp())
    yield fault(7, "stamp-after-authority", outside, "v2", root=valid_for("timestampAuthorities", 0, end=T0 - 1), **stamp())
    yield fault(7, "stamp-no-authority", "lists no timestamp authority", "v2", root=without("timestampAuthorities"), **stamp())
    yield fault(7, "stamp-twice", "timestamp that is there twice", "v2", bundle=put(lambda v: v * 2, *MATERIAL, "timestampVerificationData", "rfc3161Timestamps"))
    yield fault(7, "stamps-too-many", "33 elements", "v2", bundle=put(lambda v: v * 33, *MATERIAL, "timestampVerificationData", "rfc3161Timestamps"))
    yield fault(7, "v2-without-stamp", "Rekor v2 needs a trusted timestamp", "v2", stamps=[])
    yield fault(7, "v2-with-a-time-of-its-own", "Rekor v2 needs a trusted timestamp", "v2", stamps=[], bundle=several(
        put(str(T0), *ENTRY, "integratedTime"), put({"signedEntryTimestamp": "AAAA"}, *ENTRY, "inclusionPromise")))
    yield fault(7, "no-time", "neither a signed entry timestamp", set__present=False)
    log = "does not believe the log"
    yield fault(7, "set-before-log", log, root=valid_for("tlogs", 0, start=T0 + 1))
    yield fault(7, "set-after-log", log, root=valid_for("tlogs", 0, end=rfc3339(T0 - 1)[:-1] + ".999Z"))
    yield fault(7, "stamp-before-log-v2", log, "v2", root=valid_for("tlogs", 1, start=T0 + 3))
    yield fault(7, "stamp-after-log-v2", log, "v2", root=valid_for("tlogs", 1, end=T0 + 1))


def certificate_faults(u):
    def ca(**times):
        return u.authority("intermediate", "root", name("intermediate"), name("root"), 0, **times)
    old_root = u.authority("root", "root", name("root"), name("root"), 1, end=T0 - 1)
    none = "believes no certificate authority"
    yield fault(11, "leaf-expired", "issued by «CN=intermediate,O=universe» expired", leaf__start=T0 - 600, leaf__end=T0 - 1)
    yield fault(11, "leaf-future", "issued by «CN=intermediate,O=universe» begins", leaf__start=T0 + 1)
    yield fault(11, "leaf-expired-at-stamp", "issued by «CN=intermediate,O=universe» expired", "v2", leaf__end=T0 + 1)
    yield fault(11, "leaf-expired-at-second-time", "issued by «CN=intermediate,O=universe» expired", stamps=[dict(time=T0 + 541)])
    yield fault(11, "leaf-expired-at-set-beside-stamp", "issued by «CN=intermediate,O=universe» expired", leaf__end=T0 + 5, set__time=T0 + 6, stamps=[dict(time=T0)])
    yield fault(11, "intermediate-expired", "certificate «CN=intermediate,O=universe» expired", root=chain_of("certificateAuthorities", ca(end=T0 - 1), u.ca_root))
    yield fault(11, "intermediate-future", "certificate «CN=intermediate,O=universe» begins", root=chain_of("certificateAuthorities", ca(start=T0 + 1), u.ca_root))
    yield fault(11, "root-expired", "certificate «CN=root,O=universe» expired", root=chain_of("certificateAuthorities", u.ca, old_root))
    yield fault(11, "before-authority", none, root=valid_for("certificateAuthorities", 0, start=T0 + 1))
    yield fault(11, "after-authority", none, root=valid_for("certificateAuthorities", 0, end=T0 - 1))
    yield fault(11, "no-authority", none, root=without("certificateAuthorities"))
    yield fault(11, "signed-by-stranger", "certificate signature failure", leaf__issuer_key="stranger", leaf__key_id="intermediate",
                **{"leaf__*__issuer_key": "stranger"})
    yield fault(11, "issued-by-stranger", "is not trusted: its issuer", leaf__issuer_key="stranger", **{"leaf__*__issuer_key": "stranger"})

    false = "in the certificate's SCT is false"
    sct = lambda **s: {"leaf__*__" + k: v for k, v in s.items()}
    yield fault(12, "sct-none", "has no SCT", leaf__scts=[])
    yield fault(12, "sct-other-key", false, **sct(key="stranger"))
    yield fault(12, "sct-other-issuer", false, **sct(issuer_key="root"))
    yield fault(12, "sct-unknown-log", "none of the trusted root's logs", root=without("ctlogs"))
    yield fault(12, "sct-before-log", "when the trusted root does not believe the log https://ct", root=valid_for("ctlogs", 0, start=T0))
    yield fault(12, "sct-after-log", "when the trusted root does not believe the log https://ct",
                root=valid_for("ctlogs", 0, end=rfc3339(T0 - 1)[:-1] + ".006Z"))
    yield fault(12, "sct-version", "of version 2", **sct(version=1))
    yield fault(12, "sct-algorithm", "algorithm that is not used", **sct(algorithms=(4, 1)))
    yield fault(12, "sct-hash", "algorithm that is not used", **sct(algorithms=(2, 3)))
    yield fault(12, "sct-list-trailing", "list of SCTs is malformed", leaf__sct_value=der.octets(b"\0\0\0"))
    yield fault(12, "sct-list-empty", "list of SCTs is malformed", leaf__sct_value=der.octets(b"\0\0"))
    yield fault(12, "sct-short", "SCT that is malformed", leaf__sct_value=der.octets(b"\0\5\0\3\0ab"))

    yield fault(13, "no-signature-usage", "may not sign", leaf__usage={"key_encipherment": True})
    yield fault(13, "no-usage", "may not sign", leaf__usage=None)
    yield fault(13, "no-extended-usage", "may not sign", leaf__ext_usage=None)
    yield fault(13, "other-extended-usage", "may not sign", leaf__ext_usage=[ExtendedKeyUsageOID.SERVER_AUTH.dotted_string])
    yield fault(13, "authority-as-leaf", "one of an authority", leaf__constraints=True)
    yield fault(13, "critical-unknown-extension", "unhandled critical extension", leaf__more=[(raw_extension("1.2.3.4.5", b"\5\0"), True)])
    yield fault(13, "subject", "has a subject", leaf__subject=name("somebody"))
    yield fault(13, "name-not-critical", "is not critical", leaf__san_critical=False)
    yield fault(13, "no-name", "names nobody", leaf__san=[])

    yield fault(14, "identity", "the signature is by «%s»" % IDENTITY, policy__identity=IDENTITY + "x")
    yield fault(14, "identity-prefix", "the signature is by", policy__identity=IDENTITY[:-1])
    yield fault(14, "identity-case", "the signature is by", policy__identity=IDENTITY.upper())
    yield fault(14, "identity-in-a-dns-name", "names no e-mail address", leaf__san=["dns:example.org"], policy__identity="example.org")
    yield fault(14, "identity-in-another-other-name", "names no e-mail address", leaf__san=["foreign:me"], policy__identity="me")
    yield fault(14, "issuer", "vouched for by «%s»" % ISSUER, policy__issuer=ISSUER + "/")
    yield fault(14, "issuer-in-old-extension-alone", "vouched for by «https://new.example»", leaf__issuer="https://new.example")
    yield fault(14, "issuer-absent", "does not say who vouched", leaf__issuer=None, leaf__issuer_raw=None)
    yield fault(14, "issuer-not-der", "extension for the issuer of the identity is malformed", leaf__issuer=ISSUER.encode())
    yield fault(14, "issuer-trailing", "extension for the issuer of the identity is malformed", leaf__issuer=der.utf8(ISSUER) + b"\0")


def content_faults(u):
    spec = ("spec",)
    one = ("spec", "signatures", 0)
    v2 = ("spec", "hashedRekordV002")
    hash = put("0" * 64, *spec, "payloadHash", "value")
    other = {"says": "", "cert": b64(cert_pem(u.leaf(u.settings("v1", "dsse", "0.3")["leaf"] | {"key": "signer"})))}
    other_der = b64(cert_der(u.leaf(u.settings("v1", "dsse", "0.3")["leaf"] | {"key": "signer"})))
    digest, sig, cert, key = ("about other content", "about another signature", "another certificate than", "another key than")
    body = lambda *changes: {"body": in_body(*changes)}
    yield fault(15, "body-digest", digest, **body(hash))
    yield fault(15, "body-digest-algorithm", digest, **body(several(
        put("sha384", *spec, "payloadHash", "algorithm"), put("0" * 96, *spec, "payloadHash", "value"))))
    yield fault(15, "body-signature", sig, **body(put("MEUCIQ==", *one, "signature")))
    yield fault(15, "body-certificate", cert, **body(put(other["cert"], *one, "verifier")))
    yield fault(15, "body-two-signatures", "body of the log entry is not as", **body(put(lambda v: v * 2, *spec, "signatures")))
    yield fault(15, "body-no-signature", "body of the log entry is not as", **body(put([], *spec, "signatures")))
    yield fault(15, "body-kind", "is not of the kind", **body(put("intoto", "kind")))
    yield fault(15, "body-version", "is not of the kind", **body(put("0.0.2", "apiVersion")))
    yield fault(15, "body-spec", "body of the log entry is not as", **body(drop("spec")))
    yield fault(15, "body-no-json", "the body of the log entry", body_bytes=b"{")
    yield fault(15, "body-unknown-kind", "of the kind rekord 0.0.1", kind=("rekord", "0.0.1"))
    yield fault(15, "body-v2-of-dsse", "of the kind dsse 0.0.2", "v2", kind=("dsse", "0.0.2"))
    yield fault(15, "message-in-dsse-entry", "is not about a file", "v1-message", kind=("dsse", "0.0.1"))
    yield fault(15, "envelope-in-hashedrekord-entry", "is not about an envelope", kind=("hashedrekord", "0.0.1"))
    yield fault(15, "message-body-digest", digest, "v1-message", **body(put("0" * 64, *spec, "data", "hash", "value")))
    yield fault(15, "message-body-digest-algorithm", digest, "v1-message", **body(several(
        put("sha512", *spec, "data", "hash", "algorithm"), put("0" * 128, *spec, "data", "hash", "value"))))
    yield fault(15, "message-body-signature", sig, "v1-message", **body(put("MEUCIQ==", *spec, "signature", "content")))
    yield fault(15, "message-body-certificate", cert, "v1-message", **body(put(other["cert"], *spec, "signature", "publicKey", "content")))
    yield fault(15, "key-in-place-of-certificate", "holds no «-----BEGIN CERTIFICATE", "v1-message",
                **body(put(b64(public_pem(u.keys["signer"])), *spec, "signature", "publicKey", "content")))
    yield fault(15, "message-body-key", key, "v1-key-message",
                **body(put(b64(public_pem(u.keys["stranger"])), *spec, "signature", "publicKey", "content")))
    intoto = ("spec", "content")
    envelope = (*intoto, "envelope", "signatures", 0)
    yield fault(15, "intoto-body-digest", digest, "v1-0.2", kind=("intoto", "0.0.2"), **body(put("0" * 64, *intoto, "payloadHash", "value")))
    yield fault(15, "intoto-body-signature", sig, "v1-0.2", kind=("intoto", "0.0.2"), **body(put(b64(b64(b"x").encode()), *envelope, "sig")))
    yield fault(15, "intoto-body-certificate", cert, "v1-0.2", kind=("intoto", "0.0.2"), **body(put(other["cert"], *envelope, "publicKey")))
    yield fault(15, "v2-body-digest", digest, "v2", **body(put(b64(b"\0" * 32), *v2, "data", "digest")))
    yield fault(15, "v2-body-digest-algorithm", digest, "v2", **body(put("SHA2_384", *v2, "data", "algorithm")))
    yield fault(15, "v2-body-signature", sig, "v2", **body(put("MEUCIQ==", *v2, "signature", "content")))
    yield fault(15, "v2-body-certificate", cert, "v2", **body(put(other_der, *v2, "signature", "verifier", "x509Certificate", "rawBytes")))
    yield fault(15, "v2-body-no-certificate", cert, "v2", **body(drop(*v2, "signature", "verifier", "x509Certificate")))
    yield fault(15, "v2-body-key", key, "v2-key", **body(put(b64(spki(u.keys["stranger"])), *v2, "signature", "verifier", "publicKey", "rawBytes")))

    false = "the signature is not by the key"
    by_stranger = lambda universe, message: sign(universe.keys["stranger"], message)
    yield fault(16, "signature-by-stranger", false, signature=by_stranger)
    yield fault(16, "signature-by-stranger-v2", false, "v2", signature=by_stranger)
    yield fault(16, "signature-by-stranger-key", false, "v1-key", signature=by_stranger)
    yield fault(16, "message-by-stranger", false, "v2-message", signature=by_stranger)
    yield fault(16, "signature-of-other-payload", false, signed_payload=b"{}")
    yield fault(16, "signature-without-pae", false, signature=lambda v, m: sign(v.keys["signer"], m.split(b" ", 4)[4]))
    yield fault(16, "signature-trailing", false, signature=lambda v, m: sign(v.keys["signer"], m) + b"\0")
    yield fault(16, "signature-empty", "«sig» is missing or empty", signature=lambda v, m: b"")
    yield fault(16, "p384-with-sha256", false, key="signer384", signature=lambda v, m: sign(v.keys["signer384"], m, "sha256"))
    yield fault(16, "key-of-rsa", "a key for RSA", key="rsa", signature=lambda v, m: v.keys["rsa"].sign(m, padding.PKCS1v15(), hashes.SHA256()))
    yield fault(16, "payload-type", "is no in-toto statement", payload_type="application/json")
    yield fault(16, "named-digest", "the hash that it names differs", "v1-message",
                bundle=put(b64(b"\0" * 32), "messageSignature", "messageDigest", "digest"))


# ---- for the command line ----

def write(folder, case):
    """A model, model.sig beside it, and trusted_root.json; what else a verifier is told goes to expected.json."""
    for path, data in case.files.items():
        path = os.path.join(folder, "model", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
    for file, data in (("model.sig", case.text), ("trusted_root.json", json.dumps(case.root).encode()), ("artifact", case.artifact),
                       ("expected.json", json.dumps({"name": case.name, "step": case.step, "says": case.says, "identity": case.identity,
                                                     "issuer": case.issuer, "subject": case.subject}).encode())) + (
                       (("key.pub", case.key),) if case.key else ()):
        with open(os.path.join(folder, file), "wb") as out:
            out.write(data)


def literal(name, text, comment):
    """@text as a string of C."""
    pieces = [text[i:i + 96] for i in range(0, len(text), 96)]
    lines = ['\t"%s"' % piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces]
    return "/* %s */\nstatic const char %s[] =\n%s;\n" % (comment, name, "\n".join(lines))


def header(universe):
    compact = lambda thing: json.dumps(thing, separators=(",", ":"))
    v1, v2, message = (universe.make(n) for n in ("v1-stamped", "v2", "v1-message"))
    digest = ", ".join("0x%02x" % byte for byte in sha256(message.artifact))
    print("""/* SPDX-License-Identifier: Apache-2.0 */
/* Made by tests/signing/universe.py: a trusted root, and bundles that it vouches for, all of the second UNIVERSE_TIME. */
#ifndef SUPPORT_UNIVERSE_H
#define SUPPORT_UNIVERSE_H

#include <stdint.h>

/* clang-format off */
#define UNIVERSE_TIME %d
#define UNIVERSE_IDENTITY "%s"
#define UNIVERSE_ISSUER "%s"
""" % (T0, IDENTITY, ISSUER))
    print(literal("universe_root", compact(v1.root), "trusted_root.json"))
    print(literal("universe_v1", compact(v1.bundle), "an envelope, Rekor v1 with SET, and a timestamp two seconds later"))
    print(literal("universe_v2", compact(v2.bundle), "an envelope, Rekor v2, a timestamp two seconds later"))
    print(literal("universe_message", compact(message.bundle), "the signature of a file, Rekor v1 with SET"))
    print("/* that file's SHA-256 */\nstatic const uint8_t universe_digest[] = {%s};\n/* clang-format on */\n\n#endif" % digest)


def main(arguments):
    universe = Universe()
    if arguments == ["list"]:
        for plan in universe.plans.values():
            print("%2d  %s" % (plan.step, plan.name))
    elif arguments == ["header"]:
        header(universe)
    elif len(arguments) in (2, 3) and arguments[0] == "write":
        write(arguments[1], universe.make(*(arguments[2:] or ["v1"])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
