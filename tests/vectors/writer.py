# SPDX-License-Identifier: Apache-2.0
"""A writer of sealed models, from docs/format.md alone and apart from tests/interop/reader.py.

What a real writer draws at random is derived here from a seed, so a model comes out the same each time.  A fault
is a function for one of STEPS: it gets what the writer is about to use and returns what it should use
instead, so all that is computed later (commitments, hashes, MACs) is right for the fault.
"""
import base64, hashlib, hmac, json, struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

STEPS = {
    "fields": "(fields by name, index): before A is packed",
    "params": "(the 2016 bytes before the commitment, index)",
    "commitment": "(32 bytes, index)",
    "head": "(the 2048 bytes of A, index): after the commitment; entries of files follow",
    "nonce": "(12 bytes, record, number of records)",
    "aad": "(32 bytes, record)",
    "dek": "(the DEK that is wrapped)",
    "binding": "(the bytes every wrap is bound to)",
    "recipients": "(list of recipients)",
    "document": "(the document without mac)",
    "signed": "(the document with mac)",
    "text": "(the encoded document with its line feed)",
    "slots": "(both slots)",
}


def drawn(seed, label, length):
    """What another writer takes from its random generator."""
    return hashlib.shake_256(f"{seed}/{label}".encode()).digest(length)


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(ikm, salt, info):
    prk = hmac.new(salt or bytes(32), ikm, "sha256").digest()
    return hmac.new(prk, info + b"\x01", "sha256").digest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def b64(data):
    return base64.b64encode(data).decode()


# ---- recipients, section 4 ----

class Aes:
    def __init__(self, kek):
        self.kek = kek

    def wrap(self, dek, binding, seed):
        salt = drawn(seed, "aes salt", 32)
        sealed = AESGCM(hkdf(self.kek, salt, b"coffer/1 wrap aes")).encrypt(bytes(12), dek, binding)
        key_id = hkdf(self.kek, b"", b"coffer/1 key id")[:16]
        return {"kind": "aes", "id": key_id.hex(), "wrapped": b64(salt + sealed)}


class Passphrase:
    def __init__(self, passphrase, log_n):
        self.passphrase, self.log_n = passphrase, log_n

    def wrap(self, dek, binding, seed):
        scrypt_salt, salt = drawn(seed, "scrypt salt", 16), drawn(seed, "passphrase salt", 32)
        kek = hashlib.scrypt(self.passphrase, salt=scrypt_salt, n=2**self.log_n, r=8, p=1, dklen=32, maxmem=2**31 - 1)
        sealed = AESGCM(hkdf(kek, salt, b"coffer/1 wrap passphrase")).encrypt(bytes(12), dek, binding)
        return {"kind": "passphrase", "salt": b64(scrypt_salt), "log_n": self.log_n, "wrapped": b64(salt + sealed)}


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class X25519:
    def __init__(self, public):
        self.public = public

    def wrap(self, dek, binding, seed):
        """RFC 9180 section 6.1, SealBase."""
        ephemeral = drawn(seed, "ephemeral", 32)
        enc = x25519_public(ephemeral)
        dh = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(self.public))
        kem, hpke = b"KEM" + bytes([0, 0x20]), b"HPKE" + bytes([0, 0x20, 0, 1, 0, 2])
        shared = self.expand(kem, self.extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + self.public, 32)
        context = bytes([0]) + self.extract(hpke, b"", b"psk_id_hash", b"")
        context += self.extract(hpke, b"", b"info_hash", b"coffer/1 wrap x25519")
        secret = self.extract(hpke, shared, b"secret", b"")
        key, nonce = (self.expand(hpke, secret, label, context, n) for label, n in ((b"key", 32), (b"base_nonce", 12)))
        key_id = sha256(b"coffer/1 key id" + self.public)[:16]
        return {"kind": "x25519", "id": key_id.hex(), "wrapped": b64(enc + AESGCM(key).encrypt(nonce, dek, binding))}

    @staticmethod
    def extract(suite, salt, label, ikm):
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256").digest()

    @staticmethod
    def expand(suite, prk, label, info, length):
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return hmac.new(prk, labelled + b"\x01", "sha256").digest()[:length]


class Foreign:
    """A recipient as it is: of a kind that no reader knows, or malformed."""
    def __init__(self, recipient):
        self.recipient = recipient

    def wrap(self, dek, binding, seed):
        return self.recipient


# ---- models, sections 2 and 3 ----

class Model:
    def __init__(self, files, recipients, seed="model", dek=None, directory=False, record=65536,
                 name="model", version="1", context=None, generation=1, services=(), edition=1, faults=None):
        self.files = [(path, files[path]) for path in sorted(files, key=str.encode)]
        self.recipients, self.seed, self.directory, self.record = recipients, seed, directory, record
        self.dek = dek or drawn(seed, "dek", 32)
        self.model_id = drawn(seed, "model id", 16)
        self.public = {"name": name, "version": version, "context": context or {}, "model_id": self.model_id.hex()}
        self.generation, self.services, self.edition = generation, services, edition
        self.faults = faults or {}
        assert self.faults.keys() <= STEPS.keys()

    def step(self, name, value, *more):
        return self.faults[name](value, *more) if name in self.faults else value

    def head(self, index):
        """A, section 2.1; the salt in it is that of the file."""
        path, plain = self.files[index]
        fields = {
            "magic": b"\x89COFR\r\n\x1a", "version": 1, "suite": 1, "flags": 0 if self.directory else 1,
            "model_id": self.model_id, "index": index, "count": len(self.files), "size": len(plain),
            "record": self.record, "length": len(path.encode()), "zero": bytes(10),
            "salt": drawn(self.seed, f"salt {index}", 32), "path": path.encode()}
        fields = self.step("fields", fields, index)
        params = self.step("params", struct.pack(">8sHHI16sIIQIH10s32s1920s", *fields.values()), index)
        commitment = hkdf(self.dek, params[64:96], b"coffer/1 commit" + sha256(params))
        return self.step("head", params + self.step("commitment", commitment, index), index)

    def records(self, head, plain):
        """Section 2.3: the tag table and the ciphertext."""
        key = AESGCM(hkdf(self.dek, head[64:96], b"coffer/1 file" + sha256(head[:2016])))
        parts = [plain[i:i + self.record] for i in range(0, len(plain), self.record)] or [b""]
        tags = payload = b""
        for i, part in enumerate(parts):
            nonce = self.step("nonce", bytes(3) + i.to_bytes(8, "big") + bytes([i == len(parts) - 1]), i, len(parts))
            sealed = key.encrypt(nonce, part, self.step("aad", sha256(head), i))
            tags, payload = tags + sealed[-16:], payload + sealed[:-16]
        return tags, payload

    def sealed_file(self, index, slots):
        head = self.head(index)
        tags, payload = self.records(head, self.files[index][1])
        start = head + bytes(2048) + slots[0] + slots[1] if slots else head
        return start + tags + bytes(-len(start + tags) % 4096) + payload

    def document(self, generation):
        """Section 3: the key block as bytes."""
        binding = b"coffer/1 wrap\x00" + canonical(self.public)
        dek, binding = self.step("dek", self.dek), self.step("binding", binding)
        wrapped = [r.wrap(dek, binding, f"{self.seed}/{generation}/{i}") for i, r in enumerate(self.recipients)]
        document = {
            **self.public, "coffer": 1, "generation": generation, "recipients": self.step("recipients", wrapped),
            "commitment": hkdf(self.dek, self.model_id, b"coffer/1 model commitment").hex(),
            "files": [{"head": sha256(self.head(i)).hex(), "path": path, "size": len(plain)}
                      for i, (path, plain) in enumerate(self.files)]}
        document = self.step("document", document)
        key = hkdf(self.dek, self.model_id, b"coffer/1 key block")
        document = {**document, "mac": hmac.new(key, canonical(document), "sha256").hexdigest()}
        if self.services:
            document["services"] = {"edition": self.edition, "recipients": list(self.services)}
        return self.step("text", canonical(self.step("signed", document)) + b"\n")

    def sealed(self):
        """The sealed model: the bytes of each of its files by name; a single file is called model.coffer."""
        if self.directory:
            tree = {path + ".coffer": self.sealed_file(i, None) for i, (path, _) in enumerate(self.files)}
            return {**tree, "coffer.json": self.document(self.generation)}
        slots = self.step("slots", [slot(self.document(self.generation))] * 2)
        return {"model.coffer": self.sealed_file(0, slots)}


def slot(document, magic=b"cofkeys\n", length=None, zero=bytes(20)):
    """Section 3.1."""
    start = magic + (len(document) if length is None else length).to_bytes(4, "big") + zero
    return (start + sha256(start + document) + document).ljust(65536, b"\0")
