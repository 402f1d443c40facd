#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Sigstore of our own, made anew at each run: certificate authority, logs, timestamp authority, and what they sign.

    universe.py list                   the names of what is right and of the faults, with the step that refuses each
    universe.py write FOLDER [NAME]    a model, its model.sig and trusted_root.json, right or with the fault NAME
    universe.py header                 tests/support/universe.h: one for the unit tests, which have no Python

As a module: Universe().make(NAME) gives a Case, write(FOLDER, case) its files.  Every fault is one mistake; all signatures
are made over the mistake, so that nothing but the check that it names can refuse it.  What is made is described by a tree
of settings (Universe.settings), of which a case of sigstore_faults.py changes some:

    leaf.*  the signer's certificate           leaf.*.*  the promise in it of the log of certificates
    body    the log entry's body               tree.*    the place of the entry in the log
    set.*   the signed entry timestamp         note.*    the checkpoint
    proof.* the inclusion proof                entry.*   what the bundle says of the entry
    stamps  the timestamps                     text      the bundle's JSON
    bundle, root                               the finished bundle and trusted root
    policy.* what is asked for
"""
import hashlib, json, os, sys
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sigstore_faults import Plan, faults, right
from sigstore_parts import *


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
    def is_envelope(self):
        """Whether it is an envelope, as a model's signature is, that an identity is asked of."""
        return "dsseEnvelope" in self.bundle and self.key is None

    @property
    def is_v03(self):
        return "version" not in self.bundle.get("mediaType", "")


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
        return build_cert(key=self.keys[key], issuer_key=self.keys[issuer_key], subject=name("tsa"),
                          issuer=name("tsa root"), not_before=start, not_after=end, extensions=extensions,
                          serial=x509.random_serial_number())

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
            value = s["issuer"] if isinstance(s["issuer"], bytes) else der.utf8(s["issuer"])
            extensions.append((raw_extension(FULCIO + "8", value), False))
        extensions += s["more"]
        common = dict(key=self.keys[s["key"]], issuer_key=self.keys[s["issuer_key"]], subject=s["subject"],
                      issuer=s["issuer_name"], not_before=s["start"], not_after=s["end"], serial=x509.random_serial_number())
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
        out = bytes([s["version"]]) + s["id"] + s["time"].to_bytes(8, "big") + len(extension).to_bytes(2, "big") + extension
        return out + bytes(s["algorithms"]) + len(signature).to_bytes(2, "big") + signature

    # -- what is made --

    def right_sct(self):
        return dict(key="ct", id=self.ids["ct"], time=(T0 - 1) * 1000 + 7, extensions=b"", issuer_key="intermediate",
                    version=0,
                    algorithms=(4, 3))

    def settings(self, log, content, version):
        """How all is when it is right."""
        v1 = {"dsse": ("dsse", "0.0.1"), "message": ("hashedrekord", "0.0.1")}
        return {
            "log": log, "content": content, "version": version,
            "kind": v1[content] if log == "v1" else ("hashedrekord", "0.0.2"),
            "signer": "certificate", "key": "signer", "signature": None, "signed_payload": None, "payload_type": IN_TOTO,
            "files": MODEL, "artifact": b"an artifact\n",
            "leaf": dict(key=None, issuer_key="intermediate", key_id=None, issuer_name=name("intermediate"),
                         subject=x509.Name([]), start=T0 - 60, end=T0 + 540, usage={"digital_signature": True},
                         ext_usage=[ExtendedKeyUsageOID.CODE_SIGNING.dotted_string], constraints=None, san=[IDENTITY],
                         san_critical=True, issuer=ISSUER, issuer_raw=ISSUER, more=[], scts=[self.right_sct()],
                         sct_value=None),
            "body": None, "body_bytes": None,
            "tree": dict(size=11, index=5, offset=4163431),
            "set": dict(key="rekor1", time=T0, index=None, id=self.ids["rekor1"], present=log == "v1", body=None),
            "note": dict(origin={"v1": REKOR1 + " - " + TREE_ID, "v2": REKOR2}[log], name={"v1": REKOR1, "v2": REKOR2}[log],
                         key={"v1": "rekor1", "v2": "rekor2"}[log], hint=None, size=None, root=None, extra=[], before=[],
                         after=[], text=None, present=True),
            "proof": dict(index=None, size=None, root=None, hashes=None, present=True),
            "entry": dict(id=None, kind=None, index=None, time=None),
            "stamps": [] if log == "v1" else [dict(time=T0 + 2)],
            "chain": None, "bundle": None, "root": None, "text": None,
            "ask_key": None, "policy": dict(identity=IDENTITY, issuer=ISSUER),
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
        return Case(name=plan.name, step=plan.step, says=plan.says, text=s["text"](text) if s["text"] else text,
                    bundle=bundle, root=root, **s["policy"], key=public_pem(self.keys["managed"]) if ask_key else None,
                    artifact=s["artifact"], subject="sha256:" + subject.hex(), files=s["files"])

    def body(self, s, facts):
        kind, version = s["kind"]
        leaf, signature, hash, digest = (facts[k] for k in ("leaf", "signature", "hash", "digest"))
        verifier = cert_pem(leaf) if leaf else public_pem(facts["key"])
        payload_hash = {"algorithm": "sha256", "value": sha256(facts["payload"]).hex()}
        if kind == "dsse":
            spec = {"envelopeHash": {"algorithm": "sha256", "value": sha256(b"an envelope").hex()},
                    "payloadHash": payload_hash,
                    "signatures": [{"signature": b64(signature), "verifier": b64(verifier)}]}
        elif kind == "intoto":
            logged = {"publicKey": b64(verifier), "sig": b64(b64(signature).encode())}
            spec = {"content": {"envelope": {"payloadType": s["payload_type"], "signatures": [logged]}, "hash": payload_hash,
                                "payloadHash": payload_hash}}
        elif version == "0.0.1":
            spec = {"data": {"hash": {"algorithm": hash, "value": digest.hex()}},
                    "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}}}
        else:
            who = ("x509Certificate", cert_der(leaf)) if leaf else ("publicKey", spki(facts["key"]))
            verifier = {"keyDetails": KEY_DETAILS[hash], who[0]: {"rawBytes": b64(who[1])}}
            spec = {"hashedRekordV002": {"data": {"algorithm": V2_HASHES[hash], "digest": b64(digest)},
                                         "signature": {"content": b64(signature), "verifier": verifier}}}
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
        out = {"logIndex": str(index if entry["index"] is None else entry["index"]),
               "logId": {"keyId": b64(entry["id"] or self.ids[log])},
               "kindVersion": dict(zip(("kind", "version"), entry["kind"] or s["kind"])),
               "canonicalizedBody": b64(body)}
        if s["log"] == "v1":
            out["integratedTime"] = str(promise["time"] if entry["time"] is None else entry["time"])
        if promise["present"]:
            text = '{"body":"%s","integratedTime":%d,"logID":"%s","logIndex":%d}' % (
                b64(promise["body"] or body), promise["time"], promise["id"].hex(), promise["index"] or index)
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
        lines = [s["origin"], str(s["size"] or size), b64(s["root"] or root), *s["extra"]]
        if s["text"]:
            lines = s["text"](size, root)
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
        kind = {"0.3": ".v0.3+json"}.get(s["version"], "+json;version=" + s["version"])
        out = {"mediaType": "application/vnd.dev.sigstore.bundle" + kind, "verificationMaterial": material}
        if s["content"] == "dsse":
            out["dsseEnvelope"] = {"payload": b64(facts["payload"]), "payloadType": s["payload_type"],
                                   "signatures": [{"sig": b64(facts["signature"]), "keyid": ""}]}
        else:
            out["messageSignature"] = {"messageDigest": {"algorithm": V2_HASHES[facts["hash"]],
                                                         "digest": b64(facts["digest"])},
                                       "signature": b64(facts["signature"])}
        return out

    # -- whom to believe --

    def trusted_log(self, url, key, details, id, start=T0 - 400 * DAY, end=None):
        valid = {"start": rfc3339(start)} | ({"end": rfc3339(end)} if end else {})
        return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(id)},
                "publicKey": {"rawBytes": b64(spki(self.keys[key])), "keyDetails": details, "validFor": valid}}

    def trusted_root(self):
        def authority(url, *chain):
            return {"uri": url, "subject": {"organization": "universe", "commonName": "universe"},
                    "validFor": {"start": rfc3339(T0 - 400 * DAY)},
                    "certChain": {"certificates": [{"rawBytes": b64(cert_der(c))} for c in chain]}}
        p256 = "PKIX_ECDSA_P256_SHA_256"
        return {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self.trusted_log("https://" + REKOR1, "rekor1", p256, self.ids["rekor1"]),
                          self.trusted_log("https://" + REKOR2, "rekor2", "PKIX_ED25519", self.ids["rekor2"])],
                "certificateAuthorities": [authority("https://fulcio.example", self.ca, self.ca_root)],
                "ctlogs": [self.trusted_log("https://ct.example/2025", "ct", p256, self.ids["ct"])],
                "timestampAuthorities": [authority("https://tsa.example/api/v1/timestamp", self.tsa, self.tsa_root)]}


# ---- for the command line ----

def write(folder, case):
    """A model, model.sig beside it, and trusted_root.json; what else a verifier is told goes to expected.json."""
    for path, data in case.files.items():
        path = os.path.join(folder, "model", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
    for file, data in (("model.sig", case.text), ("trusted_root.json", json.dumps(case.root).encode()),
                       ("artifact", case.artifact),
                       ("expected.json",
                        json.dumps({"name": case.name, "step": case.step, "says": case.says, "identity": case.identity,
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
/* Made by tests/signing/universe.py: a trusted root, and bundles that it vouches for, of the second UNIVERSE_TIME. */
#ifndef SUPPORT_UNIVERSE_H
#define SUPPORT_UNIVERSE_H

#include <stdint.h>

/* clang-format off */
#define UNIVERSE_TIME %d
#define UNIVERSE_IDENTITY "%s"
#define UNIVERSE_ISSUER "%s"
""" % (T0, IDENTITY, ISSUER))
    print(literal("universe_root", compact(v1.root), "trusted_root.json"))
    print(literal("universe_v1", compact(v1.bundle),
                  "an envelope, Rekor v1 with SET, and a timestamp two seconds later"))
    print(literal("universe_v2", compact(v2.bundle), "an envelope, Rekor v2, a timestamp two seconds later"))
    print(literal("universe_message", compact(message.bundle), "the signature of a file, Rekor v1 with SET"))
    print("/* that file's SHA-256 */\nstatic const uint8_t universe_digest[] = {%s};" % digest)
    print("/* clang-format on */\n\n#endif")


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
