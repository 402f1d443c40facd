# SPDX-License-Identifier: Apache-2.0
"""What universe.py makes: what must be accepted, and one mistake each, with the step of src/sign/sigstore.h it is about."""
import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sigstore_parts import *


@dataclass
class Plan:
    """A case before it is made: a name, what it starts from, and what it changes."""
    name: str
    base: str = "v1"
    step: int = 0
    says: str = ""
    change: dict = field(default_factory=dict)


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
    root.update(mediaType="application/vnd.dev.sigstore.clienttrustconfig.v0.1+json", trustedRoot=inner,
                signing_config={})


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
    yield Plan("sct-of-unknown-log-first",
               change={"leaf.scts": [u.right_sct() | dict(id=b"\7" * 32, key="stranger"), u.right_sct()]})
    yield Plan("sct-extensions", change={"leaf.*.extensions": b"\0\0\5abcde"})
    yield Plan("unknown-extension", change={"leaf.more": [(raw_extension("1.2.3.4.5", b"\5\0"), False)]})
    yield Plan("one-entry-tree", change={"tree.size": 1, "tree.index": 0})
    yield Plan("last-entry", change={"tree.size": 7, "tree.index": 6})
    yield Plan("first-entry", "v2", change={"tree.size": 8, "tree.index": 0})
    yield Plan("witnesses", "v2", change={"note.before": [witness], "note.after": [witness, other_key]})
    yield Plan("other-key-of-the-log-first", "v2", change={"note.before": [other_key]})
    yield Plan("checkpoint-extra-lines", change={"note.extra": ["Timestamp: 1675209600000000000", "more"]})
    yield Plan("checkpoint-key-id", change={"entry.id": b"\3" * 32, "set.id": b"\3" * 32, "root": several(
        put(b64(b"\3" * 32), "tlogs", 0, "logId", "keyId"),
        put({"keyId": b64(u.ids["rekor1"])}, "tlogs", 0, "checkpointKeyId"))})
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
    yield Plan("unknown-key-of-another-log",
               change={"root": put("PKIX_ML_DSA_65", "tlogs", 1, "publicKey", "keyDetails")})
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
    yield fault(1, "base64-line-end", "«sig» is not base64",
                bundle=put(lambda v: v[:8] + "\n" + v[8:], "dsseEnvelope", "signatures", 0, "sig"))
    yield fault(1, "base64-url-alphabet", "«payload» is not base64",
                bundle=put(lambda v: "-_" + v[2:], "dsseEnvelope", "payload"))
    yield fault(1, "base64-no-padding", "is not base64 of such a hash", "v1-message", artifact=b"x",
                bundle=put(lambda v: v.rstrip("="), "messageSignature", "messageDigest", "digest"))

    yield fault(2, "media-type-unknown", "which this version does not know",
                bundle=put("application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType"))
    yield fault(2, "media-type-none", "no mediaType", bundle=drop("mediaType"))

    yield fault(3, "two-contents", "not exactly one of dsseEnvelope",
                bundle=put({"signature": "AAAA"}, "messageSignature"))
    yield fault(3, "no-content", "not exactly one of dsseEnvelope", bundle=drop("dsseEnvelope"))
    yield fault(3, "two-signatures", "2 signatures in its envelope",
                bundle=put(lambda v: v + [signature], "dsseEnvelope", "signatures"))
    yield fault(3, "no-signature", "0 signatures in its envelope", bundle=put([], "dsseEnvelope", "signatures"))
    yield fault(3, "two-materials", "not exactly one of publicKey", bundle=put({"hint": "x"}, *MATERIAL, "publicKey"))
    yield fault(3, "no-material", "not exactly one of publicKey", bundle=drop(*MATERIAL, "certificate"))
    yield fault(3, "chain-in-0.3", "has a chain of certificates where", "v1-0.2",
                bundle=put("application/vnd.dev.sigstore.bundle.v0.3+json", "mediaType"))
    yield fault(3, "single-in-0.2", "has a single certificate where",
                bundle=put("application/vnd.dev.sigstore.bundle+json;version=0.2", "mediaType"))
    yield fault(3, "root-in-chain", "brings a root certificate", "v1-0.2", chain=[u.ca, u.ca_root])
    yield fault(3, "empty-chain", "has no certificate", "v1-0.2",
                bundle=put([], *MATERIAL, "x509CertificateChain", "certificates"))
    yield fault(3, "key-where-identity-is-asked", "no certificate binds", "v1-key", policy__identity=IDENTITY,
                policy__issuer=ISSUER, ask_key=False)
    yield fault(3, "certificate-where-key-is-asked", "not by the key that was given", policy__identity=None,
                policy__issuer=None, ask_key=True)

    yield fault(4, "no-entry", "has 0 log entries", bundle=put([], *MATERIAL, "tlogEntries"))
    yield fault(4, "two-entries", "has 2 log entries", bundle=put(lambda v: v * 2, *MATERIAL, "tlogEntries"))
    yield fault(4, "no-proof", "has no inclusion proof", proof__present=False)
    yield fault(4, "no-proof-v2", "has no inclusion proof", "v2", proof__present=False)
    yield fault(4, "no-proof-0.2", "has no inclusion proof", "v1-0.2", kind=("intoto", "0.0.2"), proof__present=False)
    yield fault(4, "no-checkpoint", "has no checkpoint", note__present=False)
    yield fault(4, "nothing-in-0.1", "has no inclusion proof", "v1-message-0.1", proof__present=False,
                set__present=False, stamps=[dict(time=T0)])

    yield fault(5, "root-media-type", "media type is",
                root=put("application/vnd.dev.sigstore.trustedroot+json;version=0.9", "mediaType"))
    yield fault(5, "root-no-start", "has no «start»", root=drop("tlogs", 0, "publicKey", "validFor", "start"))
    yield fault(5, "root-no-validity", "has no «start»", root=drop("certificateAuthorities", 0, "validFor"))
    yield fault(5, "root-doubled-log", "two logs with the same key id", root=put(lambda v: v + [v[0]], "tlogs"))
    yield fault(5, "root-chain-without-root", "is no root", root=chain_of("certificateAuthorities", u.ca))
    yield fault(5, "root-key-of-other-kind", "of the kind",
                root=put("PKIX_ED25519", "tlogs", 0, "publicKey", "keyDetails"))


def log_faults(u):
    stranger, origin = sha256(spki(u.keys["stranger"])), REKOR1 + " - " + TREE_ID
    path = lambda change: dict(proof__hashes=change)
    yield fault(6, "log-unknown", "does not list", root=without("tlogs", 0))
    # no other log will do, whoever made the signatures
    yield fault(6, "log-id-of-another", "SET", entry__id=u.ids["rekor2"])
    yield fault(6, "log-id-unknown", "does not list", entry__id=stranger)
    yield fault(6, "log-id-short", "does not list", entry__id=u.ids["rekor1"][:31])
    yield fault(6, "log-key-kind-unknown", "kind that is not supported",
                root=put("PKIX_ML_DSA_65", "tlogs", 0, "publicKey", "keyDetails"))

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
    yield fault(9, "note-other-origin", "checkpoint of the log entry is not of",
                note__origin="rekor.example - " + TREE_ID)
    yield fault(9, "note-origin-without-tree", "checkpoint of the log entry is not of", note__origin=REKOR1)
    yield fault(9, "note-origin-prefix", "checkpoint of the log entry is not of",
                note__origin=REKOR1 + ".evil.example - " + TREE_ID)
    yield fault(9, "note-origin-with-tree-v2", "checkpoint of the log entry is not of", "v2",
                note__origin=REKOR2 + " - " + TREE_ID)
    for kind, says, text in (("no-root", "has no root hash", lambda size, root: [origin, str(size)]),
                             ("short-root", "has no root hash", lambda size, root: [origin, str(size), b64(root[:31])]),
                             ("no-size", "how large", lambda size, root: [origin, b64(root)]),
                             ("size-leading-zero", "how large", lambda size, root: [origin, "0%d" % size, b64(root)]),
                             ("no-origin", "which log it is of", lambda size, root: ["", str(size), b64(root)])):
        yield fault(9, "note-" + kind, says, note__text=text)
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
    yield fault(10, "wrong-proof-in-0.1", "does not lead", "v1-message-0.1", note__present=False,
                proof__root=b"\1" * 32)


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
    yield fault(7, "stamp-by-unlisted-leaf", "is not one of those trusted", "v2",
                **stamp(key="stranger", cert=other_tsa))
    yield fault(7, "stamp-signature", "own signature does not hold", "v2", **stamp(flip=True))
    yield fault(7, "stamp-refused", "authority gave none", "v2", **stamp(status=2))
    yield fault(7, "stamp-no-der", "no TimeStampResp", "v2", stamps=[b"no timestamp"])
    yield fault(7, "stamp-trailing", "no TimeStampResp", "v2", bundle=put(lambda v: b64(base64.b64decode(v) + b"\0"),
                *MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"))
    for kind, says, leaf in (("usage", "may not give timestamps",
                              u.tsa_leaf(usage=(ExtendedKeyUsageOID.CODE_SIGNING,))),
                             ("usage-not-alone", "may not give timestamps", u.tsa_leaf(usage=code)),
                             ("usage-not-critical", "may not give timestamps", u.tsa_leaf(critical=False)),
                             ("leaf-expired", "«CN=tsa,O=universe» expired", u.tsa_leaf(end=T0 - 1)),
                             ("leaf-future", "«CN=tsa,O=universe» begins", u.tsa_leaf(start=T0 + 1)),
                             ("leaf-of-another-root", "certificate signature failure", u.tsa_leaf(issuer_key="root"))):
        yield fault(7, "stamp-" + kind, says, "v2", root=chain_of("timestampAuthorities", leaf, u.tsa_root),
                    **stamp(cert=leaf))
    old = u.authority("tsa-root", "tsa-root", name("tsa root"), name("tsa root"), 0, end=T0 - 1)
    yield fault(7, "stamp-root-expired", "«CN=tsa root,O=universe» expired", "v2",
                root=chain_of("timestampAuthorities", u.tsa, old), **stamp())
    yield fault(7, "stamp-before-authority", outside, "v2", root=valid_for("timestampAuthorities", 0, start=T0 + 1),
                **stamp())
    yield fault(7, "stamp-after-authority", outside, "v2", root=valid_for("timestampAuthorities", 0, end=T0 - 1),
                **stamp())
    yield fault(7, "stamp-no-authority", "lists no timestamp authority", "v2", root=without("timestampAuthorities"),
                **stamp())
    yield fault(7, "stamp-twice", "timestamp that is there twice", "v2",
                bundle=put(lambda v: v * 2, *MATERIAL, "timestampVerificationData", "rfc3161Timestamps"))
    yield fault(7, "stamps-too-many", "33 elements", "v2",
                bundle=put(lambda v: v * 33, *MATERIAL, "timestampVerificationData", "rfc3161Timestamps"))
    yield fault(7, "v2-without-stamp", "Rekor v2 needs a trusted timestamp", "v2", stamps=[])
    yield fault(7, "v2-with-a-time-of-its-own", "Rekor v2 needs a trusted timestamp", "v2", stamps=[], bundle=several(
        put(str(T0), *ENTRY, "integratedTime"), put({"signedEntryTimestamp": "AAAA"}, *ENTRY, "inclusionPromise")))
    yield fault(7, "set-time-out-of-bounds", "out of all bounds", set__time=1 << 60)
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
    yield fault(11, "leaf-expired", "issued by «CN=intermediate,O=universe» expired", leaf__start=T0 - 600,
                leaf__end=T0 - 1)
    yield fault(11, "leaf-future", "issued by «CN=intermediate,O=universe» begins", leaf__start=T0 + 1)
    yield fault(11, "leaf-expired-at-stamp", "issued by «CN=intermediate,O=universe» expired", "v2", leaf__end=T0 + 1)
    yield fault(11, "leaf-expired-at-second-time", "issued by «CN=intermediate,O=universe» expired",
                stamps=[dict(time=T0 + 541)])
    yield fault(11, "leaf-expired-at-set-beside-stamp", "issued by «CN=intermediate,O=universe» expired",
                leaf__end=T0 + 5, set__time=T0 + 6, stamps=[dict(time=T0)])
    yield fault(11, "intermediate-expired", "certificate «CN=intermediate,O=universe» expired",
                root=chain_of("certificateAuthorities", ca(end=T0 - 1), u.ca_root))
    yield fault(11, "intermediate-future", "certificate «CN=intermediate,O=universe» begins",
                root=chain_of("certificateAuthorities", ca(start=T0 + 1), u.ca_root))
    yield fault(11, "root-expired", "certificate «CN=root,O=universe» expired",
                root=chain_of("certificateAuthorities", u.ca, old_root))
    yield fault(11, "before-authority", none, root=valid_for("certificateAuthorities", 0, start=T0 + 1))
    yield fault(11, "after-authority", none, root=valid_for("certificateAuthorities", 0, end=T0 - 1))
    yield fault(11, "no-authority", none, root=without("certificateAuthorities"))
    yield fault(11, "signed-by-stranger", "certificate signature failure", leaf__issuer_key="stranger",
                leaf__key_id="intermediate",
                **{"leaf__*__issuer_key": "stranger"})
    yield fault(11, "issued-by-stranger", "is not trusted: its issuer", leaf__issuer_key="stranger",
                **{"leaf__*__issuer_key": "stranger"})

    false = "in the certificate's SCT is false"
    sct = lambda **s: {"leaf__*__" + k: v for k, v in s.items()}
    yield fault(12, "sct-none", "has no SCT", leaf__scts=[])
    yield fault(12, "sct-other-key", false, **sct(key="stranger"))
    yield fault(12, "sct-other-issuer", false, **sct(issuer_key="root"))
    yield fault(12, "sct-unknown-log", "none of the trusted root's logs", root=without("ctlogs"))
    yield fault(12, "sct-before-log", "when the trusted root does not believe the log https://ct",
                root=valid_for("ctlogs", 0, start=T0))
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
    yield fault(13, "other-extended-usage", "may not sign",
                leaf__ext_usage=[ExtendedKeyUsageOID.SERVER_AUTH.dotted_string])
    yield fault(13, "authority-as-leaf", "one of an authority", leaf__constraints=True)
    yield fault(13, "critical-unknown-extension", "unhandled critical extension",
                leaf__more=[(raw_extension("1.2.3.4.5", b"\5\0"), True)])
    yield fault(13, "subject", "has a subject", leaf__subject=name("somebody"))
    yield fault(13, "name-not-critical", "is not critical", leaf__san_critical=False)
    yield fault(13, "no-name", "names nobody", leaf__san=[])

    yield fault(14, "identity", "the signature is by «%s»" % IDENTITY, policy__identity=IDENTITY + "x")
    yield fault(14, "identity-prefix", "the signature is by", policy__identity=IDENTITY[:-1])
    yield fault(14, "identity-case", "the signature is by", policy__identity=IDENTITY.upper())
    yield fault(14, "identity-in-a-dns-name", "names no e-mail address", leaf__san=["dns:example.org"],
                policy__identity="example.org")
    yield fault(14, "identity-in-another-other-name", "names no e-mail address", leaf__san=["foreign:me"],
                policy__identity="me")
    yield fault(14, "issuer", "vouched for by «%s»" % ISSUER, policy__issuer=ISSUER + "/")
    yield fault(14, "issuer-in-old-extension-alone", "vouched for by «https://new.example»",
                leaf__issuer="https://new.example")
    yield fault(14, "issuer-absent", "does not say who vouched", leaf__issuer=None, leaf__issuer_raw=None)
    yield fault(14, "issuer-not-der", "extension for the issuer of the identity is malformed",
                leaf__issuer=ISSUER.encode())
    yield fault(14, "issuer-trailing", "extension for the issuer of the identity is malformed",
                leaf__issuer=der.utf8(ISSUER) + b"\0")


def content_faults(u):
    spec = ("spec",)
    one = ("spec", "signatures", 0)
    v2 = ("spec", "hashedRekordV002")
    hash = put("0" * 64, *spec, "payloadHash", "value")
    other = {"says": "", "cert": b64(cert_pem(u.leaf(u.settings("v1", "dsse", "0.3")["leaf"] | {"key": "signer"})))}
    other_der = b64(cert_der(u.leaf(u.settings("v1", "dsse", "0.3")["leaf"] | {"key": "signer"})))
    digest, sig, cert, key = ("about other content", "about another signature", "another certificate than",
                              "another key than")
    body = lambda *changes: {"body": in_body(*changes)}
    yield fault(15, "body-digest", digest, **body(hash))
    yield fault(15, "body-digest-algorithm", digest, **body(several(
        put("sha384", *spec, "payloadHash", "algorithm"), put("0" * 96, *spec, "payloadHash", "value"))))
    yield fault(15, "body-signature", sig, **body(put("MEUCIQ==", *one, "signature")))
    yield fault(15, "body-certificate", cert, **body(put(other["cert"], *one, "verifier")))
    yield fault(15, "body-two-signatures", "body of the log entry is not as",
                **body(put(lambda v: v * 2, *spec, "signatures")))
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
    yield fault(15, "message-body-certificate", cert, "v1-message",
                **body(put(other["cert"], *spec, "signature", "publicKey", "content")))
    yield fault(15, "key-in-place-of-certificate", "holds no «-----BEGIN CERTIFICATE", "v1-message",
                **body(put(b64(public_pem(u.keys["signer"])), *spec, "signature", "publicKey", "content")))
    yield fault(15, "message-body-key", key, "v1-key-message",
                **body(put(b64(public_pem(u.keys["stranger"])), *spec, "signature", "publicKey", "content")))
    intoto = ("spec", "content")
    envelope = (*intoto, "envelope", "signatures", 0)
    yield fault(15, "intoto-body-digest", digest, "v1-0.2", kind=("intoto", "0.0.2"),
                **body(put("0" * 64, *intoto, "payloadHash", "value")))
    yield fault(15, "intoto-body-signature", sig, "v1-0.2", kind=("intoto", "0.0.2"),
                **body(put(b64(b64(b"x").encode()), *envelope, "sig")))
    yield fault(15, "intoto-body-certificate", cert, "v1-0.2", kind=("intoto", "0.0.2"),
                **body(put(other["cert"], *envelope, "publicKey")))
    yield fault(15, "v2-body-digest", digest, "v2", **body(put(b64(b"\0" * 32), *v2, "data", "digest")))
    yield fault(15, "v2-body-digest-algorithm", digest, "v2", **body(put("SHA2_384", *v2, "data", "algorithm")))
    yield fault(15, "v2-body-signature", sig, "v2", **body(put("MEUCIQ==", *v2, "signature", "content")))
    yield fault(15, "v2-body-certificate", cert, "v2",
                **body(put(other_der, *v2, "signature", "verifier", "x509Certificate", "rawBytes")))
    yield fault(15, "v2-body-no-certificate", cert, "v2", **body(drop(*v2, "signature", "verifier", "x509Certificate")))
    yield fault(15, "v2-body-key", key, "v2-key",
                **body(put(b64(spki(u.keys["stranger"])), *v2, "signature", "verifier", "publicKey", "rawBytes")))

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
    yield fault(16, "p384-with-sha256", false, key="signer384", signature=lambda v,
                m: sign(v.keys["signer384"], m, "sha256"))
    yield fault(16, "key-of-rsa", "a key for RSA", key="rsa", signature=lambda v,
                m: v.keys["rsa"].sign(m, padding.PKCS1v15(), hashes.SHA256()))
    yield fault(16, "payload-type", "is no in-toto statement", payload_type="application/json")
    yield fault(16, "named-digest", "the hash that it names differs", "v1-message",
                bundle=put(b64(b"\0" * 32), "messageSignature", "messageDigest", "digest"))
