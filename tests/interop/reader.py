#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens sealed files and directories: a second reader, written from docs/format.md alone.

Here are the keys, the records and the file set; the form of everything is checked in form.py.  [F-n] marks what a
line obeys.
"""
import argparse, hashlib, hmac, os, re, struct, sys
from base64 import b64decode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from form import KINDS, Refused, canonical, choose, need, parse_document, parse_head

EXIT = {"RANGE": 2, "NOTFOUND": 3, "AUTH": 5, "FORMAT": 5, "UNSUPPORTED": 5, "PLAIN": 5, "FILESET": 5, "NOKEY": 7}


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(ikm, salt, info):
    return mac(mac(salt, ikm), info + b"\1")


def same(derived, stored, what):
    need(hmac.compare_digest(derived, stored), f"{what} differs", "AUTH")


def aead_open(key, nonce, sealed, aad, what):
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise Refused("AUTH", f"the tag of {what} differs") from None


# ---- section 4: recipients ----

def raw_public(secret):
    return secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def hpke_key(secret, enc, info):
    """RFC 9180, base mode: the key and the nonce of the first message."""
    def extract(suite, salt, label, ikm):
        return mac(salt, b"HPKE-v1" + suite + label + ikm)

    def expand(suite, prk, label, info, length):
        return mac(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\1")[:length]

    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\2"
    try:
        dh = secret.exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError:  # an all-zero shared secret
        raise Refused("AUTH", "an encapsulated key of low order") from None
    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + raw_public(secret), 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    prk = extract(suite, shared, b"secret", b"")
    return expand(suite, prk, b"key", context, 32), expand(suite, prk, b"base_nonce", context, 12)


def unwrap_one(recipient, keys, binding):
    """The DEK, or None where the recipient is for another key."""
    salt, sealed = b64decode(recipient["wrapped"])[:32], b64decode(recipient["wrapped"])[32:]
    if recipient["kind"] == "aes" and "aes" in keys:
        if hkdf(keys["aes"], b"", b"coffer/1 key id")[:16].hex() == recipient["id"]:
            return aead_open(hkdf(keys["aes"], salt, b"coffer/1 wrap aes"), bytes(12), sealed, binding, "a wrapped DEK")
    if recipient["kind"] == "x25519" and "x25519" in keys:
        secret = X25519PrivateKey.from_private_bytes(keys["x25519"])
        if sha256(b"coffer/1 key id" + raw_public(secret))[:16].hex() == recipient["id"]:
            key, nonce = hpke_key(secret, salt, b"coffer/1 wrap x25519")
            return aead_open(key, nonce, sealed, binding, "a wrapped DEK")
    if recipient["kind"] == "passphrase" and "passphrase" in keys:
        kek = hashlib.scrypt(keys["passphrase"], salt=b64decode(recipient["salt"]), n=1 << recipient["log_n"], r=8, p=1,
                             maxmem=2**31 - 1, dklen=32)
        try:
            return aead_open(hkdf(kek, salt, b"coffer/1 wrap passphrase"), bytes(12), sealed, binding, "a wrapped DEK")
        except Refused:
            return None  # of another passphrase or damaged: nobody can tell
    return None


def unwrap(block, keys):
    """The DEK of a key block, which is authentic on return [F-15]."""
    binding = b"coffer/1 wrap\0" + canonical({m: block[m] for m in ("context", "model_id", "name", "version")})
    known = (recipient for recipient in block["recipients"] if recipient["kind"] in KINDS)  # [F-22]
    dek = next(filter(None, (unwrap_one(recipient, keys, binding) for recipient in known)), None)
    need(dek, "none of the keys is a recipient", "NOKEY")
    model_id, unsigned = bytes.fromhex(block["model_id"]), canonical({m: block[m] for m in block if m not in ("mac", "services")})
    same(hkdf(dek, model_id, b"coffer/1 model commitment").hex(), block["commitment"], "the commitment of the model")
    same(mac(hkdf(dek, model_id, b"coffer/1 key block"), unsigned).hex(), block["mac"], "the MAC of the key block")
    return dek


# ---- section 2: the sealed file ----

class Sealed:
    """One sealed file; nothing of it is authentic before unlock()."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.params = self.file.read(2048)
        self.head = head = parse_head(self.params)
        self.n = max(1, -(-head.size // head.record))
        self.tags = 135168 if head.flags else 2048
        self.payload = -(-(self.tags + 16 * self.n) // 4096) * 4096
        need(self.file.seek(0, os.SEEK_END) == self.payload + head.size, "a size that is not that of the head")  # [F-1]
        need(not any(self.at(self.tags + 16 * self.n, self.payload)), "bytes that are not zero")  # [F-2]
        need(not head.flags or not any(self.at(2048, 4096)), "bytes that are not zero")

    def at(self, start, end):
        self.file.seek(start)
        return self.file.read(end - start)

    def slots(self):
        need(self.head.flags, "this file is part of a directory, which has the key block")
        return self.at(4096, 69632), self.at(69632, 135168)

    def unlock(self, dek, block, index):
        """[F-9] [F-14] [F-16]"""
        head, entry, digest = self.head, block["files"][index], sha256(self.params[:2016])
        same(hkdf(dek, head.salt, b"coffer/1 commit" + digest), head.commitment, "the commitment of a file")
        need((head.model_id.hex(), head.index, head.count, head.path, head.size, sha256(self.params).hex()) ==
             (block["model_id"], index, len(block["files"]), entry["path"], entry["size"], entry["head"]),
             "a head is not the one of the key block", "AUTH")
        self.key = hkdf(dek, head.salt, b"coffer/1 file" + digest)
        return self

    def read(self, offset, length):
        """Yields the plaintext of a range, a verified record at a time [F-10]."""
        record, size = self.head.record, self.head.size
        need(0 <= offset <= offset + length <= size, "a range past the end", "RANGE")
        for i in range(offset // record, max(1, -(-(offset + length) // record))):
            start, end, tag = i * record, min((i + 1) * record, size), self.tags + 16 * i
            sealed = self.at(self.payload + start, self.payload + end) + self.at(tag, tag + 16)
            nonce = struct.pack(">3xQ?", i, i == self.n - 1)
            plain = aead_open(self.key, nonce, sealed, sha256(self.params), f"record {i}")
            yield plain[max(offset - start, 0):offset + length - start]


# ---- a model ----

def open_file(path, keys):
    sealed = Sealed(path)
    block = choose(sealed.slots())
    return {sealed.head.path: sealed.unlock(unwrap(block, keys), block, 0)}


def open_directory(folder, keys):
    try:
        with open(os.path.join(folder, "coffer.json"), "rb") as file:
            document = file.read((256 << 20) + 1)
    except FileNotFoundError:
        raise Refused("FILESET", "there is no coffer.json") from None
    need(len(document) <= 256 << 20, "coffer.json is too long")
    block = parse_document(document, True)
    dek = unwrap(block, keys)
    paths = [entry["path"] for entry in block["files"]]
    there = {os.path.relpath(os.path.join(top, name), folder)
             for top, folders, names in os.walk(folder) for name in folders + names}
    visible = {name for name in there if name.endswith(".coffer") and not re.search(r"(^|/)\.", name)
               and not os.path.isdir(os.path.join(folder, name))}
    listed = {path + ".coffer" for path in paths}
    real = os.path.realpath(folder)
    need(all(os.path.isfile(os.path.join(real, name)) and os.path.realpath(os.path.join(real, name)) == os.path.join(
        real, name) for name in ["coffer.json", *listed & there]), "a link, or no regular file", "FILESET")  # [F-17]
    need(there.isdisjoint(paths), "something beside the sealed files", "PLAIN")
    need(visible <= listed <= there, "a missing or extra sealed file", "FILESET")
    files = {path: Sealed(os.path.join(folder, path + ".coffer")) for path in paths}
    need(not any(file.head.flags for file in files.values()), "a key block within a directory")
    return {path: files[path].unlock(dek, block, index) for index, path in enumerate(paths)}


def store(chunks, out):
    """Writes a file, which has its name only when all of it is verified; None only verifies, - is standard output."""
    if out == "-":
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return
    temporary = out + ".part" if out else os.devnull
    try:
        with open(temporary, "wb") as file:
            file.writelines(chunks)
    except Refused:
        if out:
            os.remove(temporary)
        raise
    if out:
        os.rename(temporary, out)


def run(args):
    given = {"aes": args.key, "x25519": args.x25519, "passphrase": args.passphrase_file}
    keys = {kind: open(path, "rb").read() for kind, path in given.items() if path}
    if "passphrase" in keys:
        keys["passphrase"] = keys["passphrase"].partition(b"\n")[0]
    directory = os.path.isdir(args.sealed)
    files = open_directory(args.sealed, keys) if directory else open_file(args.sealed, keys)
    need(args.file in (None, *files), "no such file in the model", "NOTFOUND")
    for path, file in files.items():
        if args.file in (None, path):
            out = args.out
            if directory and not args.file and out:
                out = os.path.join(out, path)
                os.makedirs(os.path.dirname(out), exist_ok=True)
            offset, length = map(int, args.range.split(":")) if args.range else (0, file.head.size)
            store(file.read(offset, length), out)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Open a sealed model; without -o, only verify it.")
    parser.add_argument("sealed", metavar="SEALED")
    parser.add_argument("--key", metavar="FILE", help="the 32 bytes of an AES key")
    parser.add_argument("--passphrase-file", metavar="FILE", help="its first line is the passphrase")
    parser.add_argument("--x25519", metavar="FILE", help="the 32 bytes of an X25519 secret key")
    parser.add_argument("--file", metavar="PATH", help="only this file of the model")
    parser.add_argument("--range", metavar="OFF:LEN", help="only these bytes of it")
    parser.add_argument("-o", dest="out", metavar="OUT", help="a file, or a folder for a whole directory, or -")
    try:
        run(parser.parse_args(argv))
    except Refused as refusal:
        error, sentence = refusal.args
        print(f"reader: {sentence} [{error}]", file=sys.stderr)
        return EXIT[error]
    return 0


if __name__ == "__main__":
    sys.exit(main())
