# SPDX-License-Identifier: Apache-2.0
"""The bad vectors: one fault each, and all that is deeper than the fault is right for it."""
import base64, hashlib, hmac, struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import vector
from models import (FILES, KEY, KEYS, OTHER, PASSPHRASE, PASSPHRASE_OTHER, PAYLOAD, PUBLIC, RECORDS, SERVICE, SLOTS, STRANGE,
                    TAGS, directory, foreign_of, nested, patched, plain, records, single, small)
from writer import Aes, Foreign, Model, Passphrase, X25519, canonical, drawn, hkdf, sha256, slot, x25519_public


# ---- helpers of bad vectors ----

def flipped(tree, offset, name=vector.SINGLE):
    return patched(tree, offset, bytes([tree[name][offset] ^ 1]), name)


def change(**new):
    """A fault that sets members, or fields of file 0."""
    return lambda value, index=0: {**value, **new} if index == 0 else value


def entry(index, **new):
    """A fault in an entry of files."""
    def apply(document):
        files = [dict(file) for file in document["files"]]
        files[index].update(new)
        return {**document, "files": files}
    return apply


def without(name):
    return lambda value: {member: value[member] for member in value if member != name}


def swap(old, new, count=1):
    """A fault in the encoded document."""
    def apply(text):
        assert old in text, old
        return text.replace(old, new, count)
    return apply


def head_is(offset, data):
    """A fault in the bytes of A of file 0 before its commitment."""
    return lambda params, index: params[:offset] + data + params[offset + len(data):] if index == 0 else params


def path_is(path):
    """A fault in A alone."""
    return change(path=path, length=len(path))


def released(n):
    """What was handed out before the fault of a file made by records()."""
    return plain("records", RECORDS)[:n * 65536]


class Kit:
    def __init__(self):
        self.cases = {}

    def base(self, name, key="aes"):
        """Says where the faults that follow start from."""
        self.good, self.tree, self.key = name, vector.load("good/" + name), key

    def add(self, name, spec, expect, why, fault, key=None, out=b""):
        edits = fault if isinstance(fault, list) else vector.differences(self.tree, fault)
        assert (edits or key) and name not in self.cases, name
        self.cases[name] = vector.Case(name, edits, why=why, spec=spec, expect=expect,
                                       exit=7 if expect == "NOKEY" else 5, base="good/" + self.good,
                                       key=key or self.key, released=hashlib.sha256(out).hexdigest())


# ---- bad vectors ----

def bad_parameters(kit):
    kit.base("small")
    for name, magic, why in (("first", b"\x09COFR\r\n\x1a", "the high bit was stripped"),
                             ("crlf", b"\x89COFR\n\x1a\0", "line ends were changed"),
                             ("last", b"\x89COFR\r\n\x1b", "its last byte"), ("zero", bytes(8), "eight zero bytes")):
        kit.add(f"magic-{name}", "F-3", "FORMAT", f"the magic is wrong: {why}", small(fields=change(magic=magic)))
    for field in ("version", "suite"):
        for value in (0, 2, 256, 65535):
            kit.add(f"{field}-{value}", "F-3", "UNSUPPORTED",
                    f"{field} {value}", small(fields=change(**{field: value})))
    for bit in (1, 8, 16, 31):
        kit.add(f"flag-{bit}", "F-3", "UNSUPPORTED", f"flag bit {bit} is set", small(fields=change(flags=1 | 1 << bit)))
    for i in (0, 9):
        zero = bytes(i) + b"\1" + bytes(9 - i)
        kit.add(f"params-zero-{i}", "F-2", "FORMAT", f"byte {i} of the ten zero bytes of A",
                small(fields=change(zero=zero)))
    for value in (0, 1, 3, 4096, 32768, 65535, 65537, 98304, 1 << 25, 1 << 31, 0xffffffff):
        kit.add(f"record-size-{value}", "F-4", "FORMAT", f"a record size of {value}",
                small(fields=change(record=value)))
    for name, value in (("2-52-plus-1", 2**52 + 1), ("2-63", 2**63), ("2-64-minus-1", 2**64 - 1),
                        ("wraps", 2**64 - PAYLOAD + 100)):
        kit.add(f"size-{name}", "F-5", "FORMAT", f"a size of {value}", small(fields=change(size=value)))
    for name, value in (("zero", 0), ("minus-1", 99), ("plus-1", 101), ("2-52", 2**52)):
        kit.add(f"size-{name}", "F-1", "FORMAT", f"the head says {value} bytes where there are 100",
                small(fields=change(size=value), document=entry(0, size=value)))
    for index, count in ((0, 0), (1, 1), (0xffffffff, 1), (0, 2), (1, 2), (0, 1000001), (0, 0xffffffff)):
        kit.add(f"embedded-index-{index}-count-{count}", "F-6", "FORMAT",
                f"file {index} of {count} in a file with a key block", small(fields=change(index=index, count=count)))
    kit.base("directory")
    for index, count in ((3, 3), (0, 0), (0xffffffff, 3), (0, 1000001)):
        kit.add(f"directory-index-{index}-count-{count}", "F-6", "FORMAT", f"file {index} of {count} in a directory",
                directory(fields=change(index=index, count=count)).sealed())

    kit.base("small")
    for name, value, why in (("0", 0, "zero"), ("short", 18, "one byte too few"),
                             ("long", 20, "one byte too many, so the path ends in a zero byte"),
                             ("1921", 1921, "longer than its field"), ("65535", 65535, "longer than A")):
        kit.add(f"path-length-{name}", "F-7", "FORMAT", f"the length of the path is {why}",
                small(fields=change(length=value)))
    longest = "/".join(["p" * 239] * 8)
    kit.add("path-length-1921-full", "F-7", "FORMAT", "a path of 1920 bytes, and its length is one more",
            small(longest + "p", fields=change(length=1921)))
    for name, offset in (("first", 96 + 19), ("middle", 1000), ("last", 2015)):
        kit.add(f"path-padding-{name}", "F-2", "FORMAT", f"a byte after the path is not zero: the {name} one",
                small(params=head_is(offset, b"\1")))

    # faults under the commitment
    for name, offset in (("model-id", 16), ("salt", 64), ("salt-last", 95),
                         ("path", 96), ("first", 2016), ("last", 2047)):
        kit.add(f"commitment-{name}", "F-9", "AUTH", f"a bit of A was flipped at {offset}", flipped(kit.tree, offset))
    kit.add("commitment-zero", "F-9", "AUTH", "the commitment is zero", small(commitment=lambda *_: bytes(32)))
    kit.add("commitment-of-another-dek", "F-9", "AUTH", "the commitment is of another DEK; all else is right",
            small(commitment=lambda c, _: drawn("other", "commitment", 32)))
    kit.add("commitment-label", "F-9", "AUTH", "the commitment is the file key",
            small(head=lambda head, _: head[:2016] + file_key("small", head)))
    kit.add("commitment-half", "F-9", "AUTH", "only half of the commitment is right",
            small(commitment=lambda c, _: c[:16] + bytes(16)))
    kit.add("commitment-params-only", "F-9", "AUTH", "a path that was changed without its commitment; files agrees",
            small("Weights.safetensors", head=lambda head, _: head[:96] + b"W" + head[97:2016]
                  + kit.tree[vector.SINGLE][2016:2048]))
    # a head that is good and is not the one of the key block
    for name, fields in (("model-id", {"model_id": drawn("x", "model", 16)}),
                         ("salt", {"salt": drawn("x", "salt", 32)}), ("record-size", {"record": 1 << 17})):
        good_head = sha256(kit.tree[vector.SINGLE][:2048]).hex()
        kit.add(f"head-{name}", "F-16", "AUTH", f"a good head with another {name}, not the one whose hash is in files",
                small(fields=change(**fields), document=entry(0, head=good_head)))
    kit.add("head-model-id-listed", "F-16", "AUTH", "A has another model id than the key block; its hash is in files",
            small(fields=change(model_id=drawn("x", "model", 16))))
    kit.add("head-path", "F-16", "AUTH", "files has another path", small(document=entry(0, path="other.bin")))
    kit.add("head-size", "F-16", "AUTH", "files has another size", small(document=entry(0, size=101)))
    kit.add("head-hash", "F-16", "AUTH", "files has the hash of another head", small(document=entry(0, head="0" * 64)))
    kit.add("head-hash-params", "F-16", "AUTH", "files has the hash of A without its commitment",
            small(document=entry(0, head=sha256(kit.tree[vector.SINGLE][:2016]).hex())))
    kit.add("files-too-many", "F-14", "AUTH", "files has two entries, A says one", small(document=lambda d: {
        **d, "files": d["files"] + [{"head": "0" * 64, "path": "zzz", "size": 1}]}))
    kit.base("directory")
    kit.add("directory-head-index", "F-16", "AUTH", "A of file 0 says index 2",
            directory(fields=change(index=2)).sealed())
    kit.add("directory-head-count-more", "F-14", "AUTH", "A of file 0 says 4 files",
            directory(fields=change(count=4)).sealed())
    kit.add("directory-head-count-less", "F-14", "AUTH", "A of file 0 says 2 files",
            directory(fields=change(count=2)).sealed())
    kit.add("directory-head-model-id", "F-16", "AUTH", "A of file 0 has another model id",
            directory(fields=change(model_id=drawn("x", "model", 16))).sealed())
    kit.add("directory-head-path", "F-16", "AUTH", "A of file 0 has another path",
            directory(fields=path_is(b"config.jsOn")).sealed())
    kit.add("directory-head-size", "F-16", "AUTH", "files has another size",
            directory(document=entry(0, size=61)).sealed())
    kit.add("directory-head-hash", "F-16", "AUTH", "files has the hash of another head",
            directory(document=entry(1, head="ab" * 32)).sealed())


def file_key(seed, head):
    return hkdf(drawn(seed, "dek", 32), head[64:96], b"coffer/1 file" + sha256(head[:2016]))


def bad_zeros(kit):
    kit.base("small")
    for name, offset in (("block-first", 2048), ("block-last", 4095), ("gap-first", TAGS + 16),
                         ("gap-middle", TAGS + 32), ("gap-last", PAYLOAD - 1)):
        kit.add(f"zeros-{name}", "F-2", "FORMAT", f"the byte at {offset} must be zero", flipped(kit.tree, offset))
    kit.base("directory")
    for name, offset in (("gap-first", 2064), ("gap-last", 4095)):
        kit.add(f"directory-zeros-{name}", "F-2", "FORMAT", f"the byte at {offset} of a file must be zero",
                flipped(kit.tree, offset, "config.json.coffer"))
    kit.base("empty")
    kit.add("empty-zeros-gap", "F-2", "FORMAT", "the last byte of the head of an empty file must be zero",
            flipped(kit.tree, PAYLOAD - 1))


def bad_records(kit):
    kit.base("records")
    good_tree, content = kit.tree, kit.tree[vector.SINGLE]
    key, aad = file_key("records", content), sha256(content[:2048])
    for i, name in enumerate(("first", "second", "third", "last")):
        kit.add(f"tag-{name}", "F-10", "AUTH", f"a bit of the {name} tag was flipped",
                flipped(good_tree, TAGS + 16 * i + 15), out=released(i))
        kit.add(f"ciphertext-{name}", "F-10", "AUTH", f"a bit of the {name} record was flipped",
                flipped(good_tree, PAYLOAD + 65536 * i + 500), out=released(i))
    kit.add("ciphertext-first-bit", "F-10", "AUTH", "the first bit of the payload", flipped(good_tree, PAYLOAD))
    kit.add("ciphertext-last-bit", "F-10", "AUTH", "the last bit of the payload",
            flipped(good_tree, len(content) - 1), out=released(3))
    kit.add("tags-zero", "F-10", "AUTH", "every tag is zero", patched(good_tree, TAGS, bytes(64)))
    kit.add("tag-zero-last", "F-10", "AUTH", "the last tag is zero", patched(good_tree, TAGS + 48, bytes(16)),
            out=released(3))
    kit.add("tag-half", "F-10", "AUTH", "only the first 12 bytes of the second tag are right",
            patched(good_tree, TAGS + 16 + 12, bytes(4)), out=released(1))
    kit.add("tags-shifted", "F-10", "AUTH", "the tags are one place further",
            patched(good_tree, TAGS, bytes(16) + content[TAGS:TAGS + 48]))

    def moved(*ranges, tags=True):
        """Edits: record TO gets what record FROM was."""
        lines = [f"file: {vector.SINGLE}"]
        for to, start in ranges:
            lines.append(f"copy {PAYLOAD + 65536 * to} {PAYLOAD + 65536 * start} 65536")
            if tags:
                lines.append(f"copy {TAGS + 16 * to} {TAGS + 16 * start} 16")
        return lines

    kit.add("records-swapped", "2.3", "AUTH", "records 0 and 1 are exchanged, with their tags", moved((0, 1), (1, 0)))
    kit.add("records-swapped-later", "2.3", "AUTH", "records 1 and 2 are exchanged, with their tags",
            moved((1, 2), (2, 1)), out=released(1))
    kit.add("records-swapped-bare", "2.3", "AUTH", "records 1 and 2 are exchanged, their tags are not",
            moved((1, 2), (2, 1), tags=False), out=released(1))
    kit.add("record-doubled", "2.3", "AUTH", "record 0 stands in place of record 1", moved((1, 0)), out=released(1))
    kit.add("tags-swapped", "2.3", "AUTH", "the tags of records 0 and 1 are exchanged",
            patched(good_tree, TAGS, content[TAGS + 16:TAGS + 32] + content[TAGS:TAGS + 16]))
    kit.add("record-zeroed", "2.3", "AUTH", "a hole: the tail is zero bytes",
            patched(good_tree, PAYLOAD + 3 * 65536, bytes(1000)), out=released(3))
    kit.add("record-dropped", "F-1", "FORMAT", "record 1 is dropped and the rest moved up", [
        f"file: {vector.SINGLE}", f"copy {PAYLOAD + 65536} {PAYLOAD + 2 * 65536} {65536 + 1000}",
        f"copy {TAGS + 16} {TAGS + 32} 32", f"at {TAGS + 48} {bytes(16).hex()}", f"truncate {len(content) - 65536}"])

    def resealed(index, nonce, aad=aad, key=key):
        """The ciphertext of a record stays, its tag becomes right for another nonce."""
        start = PAYLOAD + 65536 * index
        ciphertext = content[start:start + 65536]
        as_plain = AESGCM(key).encrypt(nonce, ciphertext, aad)[:-16]
        return patched(good_tree, TAGS + 16 * index, AESGCM(key).encrypt(nonce, as_plain, aad)[-16:])

    def nonce(i, last):
        return struct.pack(">3xQB", i, last)

    kit.add("last-flag-missing", "2.3", "AUTH", "the last record is sealed as one that others follow",
            resealed(3, nonce(3, 0)), out=released(3))
    kit.add("last-flag-first", "2.3", "AUTH", "record 0 is sealed as the last", resealed(0, nonce(0, 1)))
    kit.add("last-flag-middle", "2.3", "AUTH", "record 1 is sealed as the last", resealed(1, nonce(1, 1)),
            out=released(1))
    kit.add("last-flag-2", "2.3", "AUTH", "the last flag is 2", resealed(3, nonce(3, 2)), out=released(3))
    kit.add("nonce-from-1", "2.3", "AUTH", "record 0 is sealed with counter 1", resealed(0, nonce(1, 0)))
    kit.add("nonce-again", "2.3", "AUTH", "record 1 is sealed with counter 0", resealed(1, nonce(0, 0)),
            out=released(1))
    kit.add("nonce-little-endian", "2.3", "AUTH", "the counter of record 1 is little-endian",
            resealed(1, struct.pack("<3xQB", 1, 0)), out=released(1))
    kit.add("aad-empty", "2.3", "AUTH", "record 0 is sealed without associated data", resealed(0, nonce(0, 0), b""))
    kit.add("aad-params", "2.3", "AUTH", "record 1 is bound to the hash of A without its commitment",
            resealed(1, nonce(1, 0), sha256(content[:2016])), out=released(1))
    kit.add("key-is-dek", "2.2", "AUTH", "record 0 is sealed with the DEK itself",
            resealed(0, nonce(0, 0), key=drawn("records", "dek", 32)))
    kit.add("key-is-commitment", "2.2", "AUTH", "record 0 is sealed with the commitment",
            resealed(0, nonce(0, 0), key=content[2016:2048]))
    # fewer bytes, and a head that says so: what is left was never the end
    for n, name in ((3, "tail"), (2, "record-and-tail")):
        size = n * 65536
        kit.add(f"no-final-{name}", "2.3", "AUTH", f"the {name.replace('-', ' ')} is gone, and a resealed head says so",
                without_end(size), out=b"")
    kit.base("empty")
    kit.add("empty-tag", "F-10", "AUTH", "the tag of the empty record of an empty file", flipped(kit.tree, TAGS))
    kit.add("empty-tag-zero", "F-10", "AUTH", "an empty file without a tag", patched(kit.tree, TAGS, bytes(16)))
    kit.base("record-exact")
    kit.add("exact-last-flag", "2.3", "AUTH", "a full last record is sealed as one that an empty one follows",
            exact_without_last(kit.tree))


def without_end(size):
    """records() cut to @size bytes by one who knows the DEK: head, files and MAC are new, the records are the old ones.

    The file key depends on A, so the old records do not open under the new head, not even the first.
    """
    content = records()[vector.SINGLE]
    cut = records(fields=change(size=size), document=entry(0, size=size))[vector.SINGLE]
    n = size // 65536
    tags = content[TAGS:TAGS + 16 * n]
    return {vector.SINGLE: cut[:TAGS] + tags + bytes(PAYLOAD - TAGS - len(tags)) + content[PAYLOAD:PAYLOAD + size]}


def exact_without_last(tree):
    content = tree[vector.SINGLE]
    key, aad, nonce = AESGCM(file_key("record-exact", content)), sha256(content[:2048]), bytes(12)
    as_plain = key.encrypt(nonce, content[PAYLOAD:], aad)[:-16]
    return patched(tree, TAGS, key.encrypt(nonce, as_plain, aad)[-16:])


def bad_sizes(kit):
    kit.base("records")
    size = len(kit.tree[vector.SINGLE])

    def cut(n):
        return [f"file: {vector.SINGLE}", f"truncate {n}"]

    for n in (0, 1, 8, 96, 2047, 2048, 4095, 4096, SLOTS[0] + 64, SLOTS[1], SLOTS[1] + 100, TAGS - 1, TAGS, TAGS + 8,
              TAGS + 64, PAYLOAD - 1, PAYLOAD, PAYLOAD + 1, PAYLOAD + 65536, PAYLOAD + 65537, PAYLOAD + 2 * 65536,
              PAYLOAD + 3 * 65536, PAYLOAD + 3 * 65536 + 1, size - 16, size - 1):
        kit.add(f"truncated-{n}", "F-1", "FORMAT", f"cut to {n} of {size} bytes", cut(n))
    for n, what in ((1, "one zero byte"), (16, "16 zero bytes, the length of a tag"),
                    (65536 - 1000, "zeros up to a whole record"), (65536, "a record of zeros"),
                    (1 << 32, "4 GiB of zeros")):
        kit.add(f"extended-{n}", "F-1", "FORMAT", f"{what} follow the payload", cut(size + n))
    kit.add("extended-garbage", "F-1", "FORMAT", "garbage follows the payload",
            [f"file: {vector.SINGLE}", f"append {drawn('garbage', 'end', 40).hex()}"])
    kit.base("empty")
    kit.add("empty-truncated", "F-1", "FORMAT", "the last byte of the head of an empty file is gone", cut(PAYLOAD - 1))
    kit.add("empty-extended", "F-1", "FORMAT", "an empty file with one byte", cut(PAYLOAD + 1))
    kit.base("directory")
    name = "model-00001-of-00002.safetensors.coffer"
    for n in (0, 2047, 2048, 4096, 4296 - 1, 4296 + 1):
        kit.add(f"directory-resized-{n}", "F-1", "FORMAT", f"a sealed file of 4296 bytes has {n}",
                [f"file: {name}", f"truncate {n}"])


def bad_slots(kit):
    def with_slot(index, new):
        return patched(kit.tree, SLOTS[index], new.ljust(65536, b"\0")[:65536])

    for index in (0, 1):
        kit.base(f"slot-{index}-newer")
        where = f"slot {index}, which is the newer one"
        start = SLOTS[index]
        length = int.from_bytes(kit.tree[vector.SINGLE][start + 8:start + 12], "big")
        document = kit.tree[vector.SINGLE][start + 64:start + 64 + length]
        faults = (("magic", "the magic is wrong", slot(document, b"cofkeys\r")),
                  ("magic-zero", "the magic is zero", slot(document, bytes(8))),
                  ("length-0", "a document of length 0", slot(b"")),
                  ("length-65473", "longer than its slot", slot(document, length=65473)),
                  ("length-max", "a length of 2^32 - 1", slot(document, length=2**32 - 1)),
                  ("length-short", "the length leaves out the line feed", slot(document[:-1])[:64] + document),
                  ("length-long", "the length takes in a zero byte", slot(document + b"\0")),
                  ("zero-first", "the first of 20 zero bytes", slot(document, zero=b"\1" + bytes(19))),
                  ("zero-last", "the last of 20 zero bytes", slot(document, zero=bytes(19) + b"\1")),
                  ("no-json", "no document", slot(b"no JSON\n")))
        for name, why, new in faults:
            kit.add(f"slot-{index}-{name}", "F-12" if name in ("no-json", "length-long") else "F-18", "FORMAT",
                    f"{why}, the hash is right: {where}", with_slot(index, new))
        for name, offset in (("hash-first", 32), ("hash-last", 63), ("document", 64 + 20),
                             ("padding-first", 64 + length), ("padding-last", 65535)):
            kit.add(f"slot-{index}-{name}", "F-18", "FORMAT",
                    f"a bit was flipped in the {name.replace('-', ', ')}: {where}", flipped(kit.tree, start + offset))
        for name, why, new in (("half-blank", "only 32 of its first 64 bytes are zero", bytes(32)),
                               ("nearly-blank", "63 zero bytes and a one", bytes(63) + b"\1")):
            kit.add(f"slot-{index}-{name}", "F-18", "FORMAT", f"{why}: {where}", patched(kit.tree, start, new))
        kit.base(f"slot-{1 - index}-newer")
        for name, offset in (("magic", 0), ("length", 11), ("hash", 40), ("document", 64 + 20), ("padding", 60000)):
            kit.add(f"slot-{index}-older-{name}", "F-18", "FORMAT",
                    f"a bit was flipped in the {name} of slot {index}, and the other one is good and newer",
                    flipped(kit.tree, start + offset))
        kit.add(f"slot-{index}-older-no-json", "F-12", "FORMAT",
                f"slot {index} has a right hash and no document; the other one is good",
                with_slot(index, slot(b"no JSON\n")))
    kit.base("slot-full")
    start = b"cofkeys\n" + (65473).to_bytes(4, "big") + bytes(20)
    start += sha256(start + kit.tree[vector.SINGLE][SLOTS[0] + 64:SLOTS[1]])
    kit.add("slots-full-length-65473", "F-18", "FORMAT", "a document that fills its slot, and a length of one more",
            patched(patched(kit.tree, SLOTS[0], start), SLOTS[1], start))
    kit.base("small")
    document = single("small", 100, options={"context": {"team": "research"}}).document(3)
    kit.add("slots-blank", "F-19", "FORMAT", "both slots are blank",
            patched(patched(kit.tree, SLOTS[0], bytes(64)), SLOTS[1], bytes(64)))
    kit.add("slots-damaged", "F-18", "FORMAT", "both slots are damaged",
            flipped(flipped(kit.tree, SLOTS[0] + 100), SLOTS[1] + 100))
    kit.add("slot-blank-and-damaged", "F-18", "FORMAT", "slot 0 is blank, slot 1 is damaged",
            flipped(patched(kit.tree, SLOTS[0], bytes(64)), SLOTS[1] + 100))
    other = single("small", 100, (KEY, OTHER), options={"context": {"team": "research"}, "generation": 3}).document(3)
    for index in (0, 1):
        kit.add(f"slots-same-generation-{index}", "F-19", "FORMAT",
                f"two documents of one generation, the other in slot {index}", with_slot(index, slot(other)))
    newer = single("small", 100, options={"context": {"team": "research"}}).document(4)
    digit = newer.index(b'"mac":"') + 7
    forged = newer[:digit] + (b"0" if newer[digit:digit + 1] != b"0" else b"1") + newer[digit + 1:]
    kit.add("slot-newer-bad-mac", "F-15", "AUTH",
            "slot 1 is newer and not authentic: it counts, and slot 0 does not help", with_slot(1, slot(forged)))
    kit.add("slot-newer-raised", "F-15", "AUTH", "the generation of slot 1 was raised without its MAC",
            with_slot(1, slot(document.replace(b'"generation":3', b'"generation":4'))))
    kit.add("slot-of-another-model", "F-15", "AUTH", "slot 1 is newer and of another model with the same keys",
            with_slot(1, slot(single("x25519-other", 100).document(4))))
    kit.add("slots-of-another-model", "F-9", "AUTH", "both slots are of another model with the same keys",
            patched(kit.tree, SLOTS[0], slot(single("another", 100).document(4)) * 2))
    kit.add("slots-of-an-older-sealing", "F-16", "AUTH",
            "the slots are of another sealing of the same model, DEK and id",
            patched(kit.tree, SLOTS[0], slot(single("small", 100,
                                                    fields=change(salt=drawn("x", "older", 32))).document(4)) * 2))
    kit.add("slots-zero", "F-19", "FORMAT", "both slots are zero", patched(kit.tree, SLOTS[0], bytes(2 * 65536)))


def bad_editions(kit):
    kit.base("edition-0-newer")
    kit.add("slots-of-one-edition", "F-19", "FORMAT", "two slots of one generation and edition that differ",
            patched(kit.tree, SLOTS[1], slot(single("small", 100, options={
                "services": ({**SERVICE, "version": "4"},), "edition": 10}).document(2))))
    kit.add("slot-of-no-edition", "F-15", "AUTH", "the slot of the higher generation has no services, and a wrong MAC",
            patched(kit.tree, SLOTS[1], slot(single("small", 100, signed=change(mac="0" * 64)).document(3))))


NOT_CANONICAL = (  # name, why, what stands in the document, what stands there instead
    ("space-colon", "a space after a colon", b'"coffer":1', b'"coffer": 1'),
    ("space-comma", "a space after a comma", b'"coffer":1,', b'"coffer":1, '),
    ("space-brace", "a space after a brace", b"{", b"{ "),
    ("line-feed-within", "a line feed within", b"{", b"{\n"),
    ("tab", "a tab", b'"files":', b'"files":\t'),
    ("order", "members out of order", b'"coffer":1,"commitment"', b'"commitment"'),
    ("escape-letter", "a letter as \\u", b'"name":"model"', b'"name":"\\u006dodel"'),
    ("escape-slash", "a slash as \\/", b'"name":"model"', b'"name":"mo\\/del"'),
    ("escape-member", "a member's name with \\u", b'"name"', b'"n\\u0061me"'),
    ("escape-line-feed", "a control character as \\n", b'"name":"model"', b'"name":"mo\\ndel"'),
    ("escape-control", "a control character as \\u0001", b'"name":"model"', b'"name":"mo\\u0001del"'),
    ("escape-nul", "a zero byte as \\u0000", b'"name":"model"', b'"name":"model\\u0000"'),
    ("raw-control", "a raw control character", b'"name":"model"', b'"name":"mo\x01del"'),
    ("raw-nul", "a raw zero byte", b'"name":"model"', b'"name":"mo\x00del"'),
    ("delete", "U+007F", b'"name":"model"', b'"name":"mo\x7fdel"'),
    ("not-utf-8", "a byte that is not UTF-8", b'"name":"model"', b'"name":"mo\xffdel"'),
    ("overlong", "an overlong slash", b'"name":"model"', b'"name":"mo\xc0\xafdel"'),
    ("surrogate", "half of a surrogate pair, in UTF-8", b'"name":"model"', b'"name":"mo\xed\xa0\x80del"'),
    ("surrogate-escape", "half of a surrogate pair as \\ud800", b'"name":"model"', b'"name":"mo\\ud800del"'),
    ("pair-escape", "a character as a surrogate pair", b'"name":"model"', b'"name":"mo\\ud83d\\udd11del"'),
    ("too-high", "a code point above U+10FFFF", b'"name":"model"', b'"name":"mo\xf4\x90\x80\x80del"'),
    ("comma", "a comma before a brace", b'"version":"1"}', b'"version":"1",}'),
    ("quotes", "single quotes", b'"name":"model"', b"'name':'model'"),
    ("comment", "a comment", b"{", b"{/**/"),
    ("double-same", "a member twice, with the same value", b'"coffer":1,', b'"coffer":1,"coffer":1,'),
    ("double-first", "a member twice, the first is right", b'"generation":1,', b'"generation":1,"generation":2,'),
    ("double-last", "a member twice, the last is right", b'"generation":1,', b'"generation":2,"generation":1,'),
    ("double-in-files", "a member twice in an entry of files", b'"size":60}', b'"size":60,"size":60}'),
    ("double-in-recipient", "a member twice in a recipient", b'"kind":"aes",', b'"kind":"aes","kind":"aes",'),
    ("number-fraction", "1.0", b'"generation":1', b'"generation":1.0'),
    ("number-exponent", "1e0", b'"generation":1', b'"generation":1e0'),
    ("number-zero-before", "01", b'"generation":1', b'"generation":01'),
    ("number-plus", "+1", b'"generation":1', b'"generation":+1'),
    ("number-hex", "0x1", b'"generation":1', b'"generation":0x1'),
    ("size-fraction", "60.0", b'"size":60', b'"size":60.0'))


def bad_document(kit):
    kit.base("directory")

    def edited(**faults):
        return directory(**faults).sealed()

    def whole(text):
        return {**kit.tree, "coffer.json": text}

    good_text = kit.tree["coffer.json"]
    for name, why, text in (("empty", "an empty file", b""), ("lf", "one line feed", b"\n"),
                            ("object", "an empty object", b"{}\n"), ("array", "an array", b"[]\n"),
                            ("null", "null", b"null\n"), ("number", "a number", b"1\n"), ("text", "a text", b'"x"\n'),
                            ("cut", "the second half is gone", good_text[:len(good_text) // 2]),
                            ("twice", "the document stands there twice", good_text * 2),
                            ("deep", "5000 arrays, one in the other", b"[" * 5000),
                            ("utf-16", "UTF-16", good_text[:40].decode().encode("utf-16-le"))):
        kit.add(f"json-is-{name}", "F-12", "FORMAT", f"coffer.json is no document: {why}", whole(text))
    kit.add("json-too-long", "3", "FORMAT", "coffer.json has more than 256 MiB",
            ["file: coffer.json", f"truncate {(256 << 20) + 1}"])
    for name, why, text in (("no-lf", "the line feed is missing", good_text[:-1]),
                            ("two-lf", "two line feeds", good_text + b"\n"),
                            ("crlf", "a carriage return before the line feed", good_text[:-1] + b"\r\n"),
                            ("cr", "a carriage return, no line feed", good_text[:-1] + b"\r"),
                            ("space-after", "a space before the line feed", good_text[:-1] + b" \n"),
                            ("nul-after", "a zero byte after the line feed", good_text + b"\0"),
                            ("nul-before", "a zero byte before the line feed", good_text[:-1] + b"\0\n"),
                            ("space-before", "a space in front", b" " + good_text),
                            ("bom", "a byte order mark", b"\xef\xbb\xbf" + good_text)):
        kit.add(f"json-{name}", "F-12", "FORMAT", f"not canonical: {why}", whole(text))
    for name, why, old, new in NOT_CANONICAL:
        kit.add(f"json-{name}", "F-12", "FORMAT",
                f"not canonical, or not JSON: {why}; the MAC is right for the canonical form",
                edited(text=text_order if name == "order" else swap(old, new)))

    members = ("coffer", "model_id", "name", "version", "context", "generation", "commitment", "recipients", "files")
    for name in members:
        kit.add(f"member-missing-{name}", "F-12", "FORMAT", f"there is no {name}", edited(document=without(name)))
    kit.add("member-missing-mac", "F-12", "FORMAT", "there is no mac", edited(signed=without("mac")))
    kit.add("member-unknown", "F-12", "FORMAT", "an unknown member, under a right MAC",
            edited(document=change(extra=1)))
    kit.add("member-unknown-last", "F-12", "FORMAT", "an unknown member after all others, not under the MAC",
            edited(signed=change(zzz="")))
    kit.add("member-upper-case", "F-12", "FORMAT", "Name instead of name",
            edited(document=lambda d: {"Name" if m == "name" else m: v for m, v in d.items()}))
    for name in ("head", "path", "size"):
        kit.add(f"entry-missing-{name}", "F-12", "FORMAT", f"an entry of files has no {name}",
                edited(document=lambda d, name=name: {**d, "files": [without(name)(d["files"][0]), *d["files"][1:]]}))
    for name, value in (("text", "config.json"), ("null", None), ("array", [])):
        kit.add(f"entry-{name}", "3", "FORMAT", f"an entry of files is {value!r}",
                edited(document=lambda d, value=value: {**d, "files": [value, *d["files"][1:]]}))
    kit.add("entry-unknown", "F-12", "FORMAT", "an entry of files has an unknown member",
            edited(document=entry(0, mode=420)))
    for name, member, value in (("coffer-text", "coffer", "1"), ("coffer-true", "coffer", True),
                                ("coffer-negative", "coffer", -1), ("coffer-null", "coffer", None),
                                ("model-id-number", "model_id", 1), ("name-number", "name", 1),
                                ("name-null", "name", None), ("name-array", "name", ["model"]),
                                ("version-number", "version", 1), ("context-array", "context", []),
                                ("context-null", "context", None), ("context-text", "context", "x"),
                                ("context-of-number", "context", {"a": 1}),
                                ("context-of-array", "context", {"a": ["b"]}),
                                ("context-of-null", "context", {"a": None}), ("commitment-number", "commitment", 0),
                                ("recipients-object", "recipients", {}), ("files-object", "files", {}),
                                ("generation-text", "generation", "1"), ("generation-true", "generation", True),
                                ("generation-null", "generation", None)):
        kit.add(f"type-{name}", "3", "FORMAT", f"{member} is {value!r}", edited(document=change(**{member: value})))
    for name, value in (("0", 0), ("negative", -1), ("fraction", 1.5), ("2-53", 2**53), ("2-53-plus-1", 2**53 + 1),
                        ("wraps", 2**64 + 1), ("400-digits", 10**400)):
        kit.add(f"generation-{name}", "3", "FORMAT", f"a generation that is not allowed: {name}",
                edited(document=change(generation=value)))
    for value in (0, 2, 2**53 - 1):
        kit.add(f"coffer-{value}", "3", "UNSUPPORTED", f"a key block of version {value}",
                edited(document=change(coffer=value)))
    for name, new, why in (("upper-case", lambda h: h.upper(), "upper-case digits"),
                           ("short", lambda h: h[:-2], "two digits are missing"),
                           ("long", lambda h: h + "00", "two digits too many"), ("empty", lambda h: "", "empty"),
                           ("no-hex", lambda h: "g" + h[1:], "a letter that is no digit")):
        for member in ("model_id", "commitment"):
            kit.add(f"hex-{member}-{name}".replace("_", "-"), "3", "FORMAT", f"{member}: {why}",
                    edited(document=lambda d, m=member, new=new: {**d, m: new(d[m])}))
        kit.add(f"hex-mac-{name}", "3", "FORMAT", f"mac: {why}",
                edited(signed=lambda d, new=new: {**d, "mac": new(d["mac"])}))
        kit.add(f"hex-head-{name}", "3", "FORMAT", f"head: {why}",
                edited(document=lambda d, new=new: entry(0, head=new(d["files"][0]["head"]))(d)))
    for name, options in (("name-empty", {"name": ""}), ("name-257", {"name": "n" * 257}),
                          ("name-257-bytes", {"name": "\u00e4" * 128 + "n"}), ("version-257", {"version": "v" * 257}),
                          ("context-33", {"context": {f"k{i}": "" for i in range(33)}}),
                          ("context-value-257", {"context": {"k": "v" * 257}})):
        kit.add(f"text-{name}", "3", "FORMAT", f"too long, too many or too few: {name}",
                directory(options=options).sealed())
    for name, key in (("empty", ""), ("upper-case", "Key"), ("65", "k" * 65), ("dot", ".key"), ("hyphen", "-key"),
                      ("underscore", "_key"), ("space", "a key"), ("unicode", "cl\u00e9"), ("slash", "a/b")):
        kit.add(f"context-key-{name}", "F-13", "FORMAT", f"the key {key!r} in context",
                directory(options={"context": {key: "value"}}).sealed())

    def digit(member):
        return lambda d: {**d, member: ("1" if d[member][0] == "0" else "0") + d[member][1:]}

    kit.add("commitment-of-model", "F-15", "AUTH", "the commitment of the model is wrong, the MAC is right for it",
            edited(document=digit("commitment")))
    kit.add("commitment-of-model-zero", "F-15", "AUTH", "the commitment of the model is zero",
            edited(document=change(commitment="0" * 64)))
    kit.add("mac-flipped", "F-15", "AUTH", "a bit of the MAC was flipped", edited(signed=digit("mac")))
    kit.add("mac-zero", "F-15", "AUTH", "the MAC is zero", edited(signed=change(mac="0" * 64)))
    kit.add("mac-is-hash", "F-15", "AUTH", "the MAC is a hash without a key",
            edited(signed=lambda d: {**d, "mac": sha256(canonical(without("mac")(d))).hex()}))
    kit.add("mac-over-line-feed", "F-15", "AUTH", "the MAC is over the document and its line feed",
            edited(signed=lambda d: {**d, "mac": mac_of("directory", canonical(without("mac")(d)) + b"\n")}))
    for name, fault in (("generation", change(generation=2)), ("files", entry(0, size=61)),
                        ("head", entry(0, head="0" * 64)),
                        ("recipients", lambda d: {**d, "recipients": d["recipients"] + [STRANGE]})):
        kit.add(f"mac-old-{name}", "F-15", "AUTH", f"{name} changed, the MAC did not", edited(signed=fault))
    for name, fault in (("name", change(name="other")), ("version", change(version="2")),
                        ("context", change(context={"a": "b"}))):
        kit.add(f"binding-{name}", "4", "AUTH",
                f"{name} changed under a right MAC, but the DEK was wrapped for the old one", edited(document=fault))
    kit.add("binding-empty", "4", "AUTH", "the DEK is wrapped without associated data", edited(binding=lambda _: b""))
    kit.add("binding-no-label", "4", "AUTH", "the DEK is wrapped for the bare binding",
            edited(binding=lambda b: b[14:]))
    kit.add("files-none", "3", "FORMAT", "files is empty", edited(document=change(files=[])))
    kit.add("files-out-of-order", "F-14", "FORMAT", "two entries of files are exchanged",
            edited(document=lambda d: {**d, "files": [d["files"][i] for i in (1, 0, 2)]}))
    kit.add("files-reversed", "F-14", "FORMAT", "files in descending order",
            edited(document=lambda d: {**d, "files": d["files"][::-1]}))
    kit.add("files-double", "F-14", "FORMAT", "an entry of files twice",
            edited(document=lambda d: {**d, "files": [d["files"][0], *d["files"]]}))
    for name, value in (("text", "60"), ("negative", -60), ("fraction", 60.5),
                        ("2-52-plus-1", 2**52 + 1), ("null", None)):
        kit.add(f"entry-size-{name}", "3", "FORMAT", f"the size in files is {value!r}",
                edited(document=entry(0, size=value)))
    kit.base("small")
    for name, why, faults in (("double", "a member twice", {"text": swap(b'"coffer":1,', b'"coffer":1,"coffer":1,')}),
                              ("space", "a space after a colon", {"text": swap(b'"coffer":1', b'"coffer": 1')}),
                              ("no-lf", "no line feed", {"text": lambda t: t[:-1]}),
                              ("unknown", "an unknown member", {"document": change(extra=1)}),
                              ("generation-0", "generation 0", {"document": change(generation=0)})):
        kit.add(f"slots-json-{name}", "F-12", "FORMAT", f"both slots, with right hash and MAC: {why}", small(**faults))
    kit.add("slots-coffer-2", "3", "UNSUPPORTED", "a key block of version 2 in both slots",
            small(document=change(coffer=2)))
    kit.add("slots-mac", "F-15", "AUTH", "the MAC in both slots is wrong, their hashes are right",
            small(signed=digit("mac")))


def text_order(text):
    """Two members exchanged."""
    start = text.index(b'"commitment"')
    end = text.index(b",", start) + 1
    first = text.index(b'"coffer"')
    return text[:first] + text[start:end] + text[first:start] + text[end:]


def mac_of(seed, data):
    key = hkdf(drawn(seed, "dek", 32), drawn(seed, "model id", 16), b"coffer/1 key block")
    return hmac.new(key, data, "sha256").hexdigest()


def bad_recipients(kit):
    kit.base("directory")

    def edited(fault):
        """The recipient is what @fault makes of it, under a right MAC."""
        class Changed(Aes):
            def wrap(self, dek, binding, seed):
                return fault(super().wrap(dek, binding, seed))
        return directory(recipients=(Changed(KEYS["aes"]),)).sealed()

    def wrapped(fault):
        def apply(recipient):
            raw = fault(base64.b64decode(recipient["wrapped"]))
            return {**recipient, "wrapped": base64.b64encode(raw).decode()}
        return edited(apply)

    def form(name, why, fault):
        kit.add(f"recipient-{name}", "F-22", "FORMAT", f"an aes recipient: {why}", edited(fault))

    kit.add("recipients-none", "3", "FORMAT", "no recipients", directory(recipients=()).sealed())
    others = [Aes(drawn("recipients-33", i, 32)) for i in range(32)]
    kit.add("recipients-33", "3", "FORMAT", "33 recipients", directory(recipients=(KEY, *others)).sealed())
    kit.add("recipient-not-object", "4", "FORMAT", "a recipient is a text",
            directory(recipients=(KEY, Foreign("aes"))).sealed())
    kit.add("recipient-null", "4", "FORMAT", "a recipient is null", directory(recipients=(KEY, Foreign(None))).sealed())
    form("no-kind", "without kind", without("kind"))
    form("kind-number", "kind is a number", change(kind=1))
    form("no-id", "without id", without("id"))
    form("no-wrapped", "without wrapped", without("wrapped"))
    form("unknown-member", "an unknown member", change(extra=""))
    form("member-of-passphrase", "it has log_n", change(log_n=10))
    form("id-upper-case", "the id in upper case", lambda r: {**r, "id": r["id"].upper()})
    form("id-short", "an id of 15 bytes", lambda r: {**r, "id": r["id"][:-2]})
    form("id-long", "an id of 17 bytes", lambda r: {**r, "id": r["id"] + "00"})
    form("id-empty", "an empty id", change(id=""))
    form("wrapped-number", "wrapped is a number", change(wrapped=1))
    form("wrapped-empty", "wrapped is empty", change(wrapped=""))
    form("wrapped-unpadded", "base64 without padding", lambda r: {**r, "wrapped": r["wrapped"].rstrip("=")})
    form("wrapped-padded-more", "base64 with too much padding", lambda r: {**r, "wrapped": r["wrapped"] + "=="})
    form("wrapped-spare-bits", "base64 whose spare bits are not zero",
         lambda r: {**r, "wrapped": spare_bits(r["wrapped"])})
    form("wrapped-url", "base64 of the URL alphabet", lambda r: {**r, "wrapped": "-_" + r["wrapped"][2:]})
    form("wrapped-space", "base64 with a space",
         lambda r: {**r, "wrapped": r["wrapped"][:40] + " " + r["wrapped"][40:]})
    form("wrapped-hex", "hexadecimal", lambda r: {**r, "wrapped": base64.b64decode(r["wrapped"]).hex()})
    for n in (0, 31, 48, 64, 79, 81, 96, 112):
        kit.add(f"recipient-wrapped-{n}-bytes", "F-22", "FORMAT", f"wrapped has {n} bytes, not 80",
                wrapped(lambda raw, n=n: raw[:n].ljust(n, b"\0")))
    kit.add("recipient-second-malformed", "F-22", "FORMAT", "a malformed recipient after one that opens",
            directory(recipients=(KEY, Foreign({**OTHER.wrap(bytes(32), b"", "x"), "extra": 1}))).sealed())
    kit.add("foreign-no-wrapped", "4", "FORMAT", "a recipient of an unknown kind without wrapped",
            directory(recipients=(KEY, Foreign({"kind": "vault-transit", "key": "x"}))).sealed())
    for name, why, recipient in (("kind-empty", "an empty kind", {"kind": ""}),
                                 ("kind-32", "a kind of 32 bytes", {"kind": "k" * 32}),
                                 ("wrapped-2733", "a wrapped of 2733 bytes", {"wrapped": "A" * 2733}),
                                 ("nested", "arrays that are the 33rd level", {"x": nested(30)})):
        kit.add(f"foreign-{name}", "F-22", "FORMAT", f"a recipient of an unknown kind: {why}",
                directory(recipients=(KEY, Foreign({**STRANGE, **recipient}))).sealed())
    kit.add("foreign-fraction", "F-12", "FORMAT", "a number in a recipient of an unknown kind is not canonical",
            directory(recipients=(KEY, Foreign({**STRANGE, "n": 1})), text=swap(b'"n":1', b'"n":1.0')).sealed())
    kit.add("foreign-order", "F-12", "FORMAT", "members of an unknown kind out of order",
            directory(recipients=(KEY, Foreign(STRANGE)),
                      text=swap(b'"key":"models/2026","kind":"vault-transit"',
                                b'"kind":"vault-transit","key":"models/2026"')).sealed())
    kit.add("foreign-double", "F-12", "FORMAT", "a member of an unknown kind twice",
            directory(recipients=(KEY, Foreign(STRANGE)),
                      text=swap(b'"key":"models/2026"', b'"key":"models/2026","key":"models/2026"')).sealed())
    kit.add("foreign-name", "F-12", "FORMAT", "a member of an unknown kind whose name is not ASCII",
            directory(recipients=(KEY, Foreign({**STRANGE, "cl\u00e9": 1}))).sealed())
    kit.add("foreign-control", "F-12", "FORMAT", "a control character in a member of an unknown kind",
            directory(recipients=(KEY, Foreign({**STRANGE, "key": "a\nb"}))).sealed())

    form("created-number", "created is a number", change(created=1))
    for name, text in (("fraction", "2026-11-20T13:58:18.5Z"), ("offset", "2026-11-20T13:58:18+00:00"),
                       ("day", "2026-02-30T00:00:00Z"), ("hour", "2026-11-20T24:00:00Z"),
                       ("epoch", "1970-01-01T00:00:00Z"), ("empty", ""), ("lower", "2026-11-20t13:58:18z")):
        form(f"created-{name}", f"created is «{text}»", change(created=text))

    def services(*recipients, edition=1, **faults):
        """A directory with these recipients of services."""
        return directory(options={"services": recipients, "edition": edition}, **faults).sealed()

    def in_services(name, why, recipient, spec="F-22"):
        kit.add(f"service-{name}", spec, "FORMAT", f"a recipient of a service: {why}", services(recipient))

    kit.add("services-empty", "F-26", "FORMAT", "services without a recipient",
            directory(signed=change(services={"edition": 1, "recipients": []})).sealed())
    for name, value in (("null", None), ("array", []), ("no-edition", {"recipients": [SERVICE]}),
                        ("no-recipients", {"edition": 1}), ("object", {"edition": 1, "recipients": SERVICE}),
                        ("extra", {"edition": 1, "recipients": [SERVICE], "x": 1})):
        kit.add(f"services-{name}", "3", "FORMAT", f"services is malformed: {name}",
                directory(signed=change(services=value)).sealed())
    for edition in (0, -1, 2**53, "1"):
        kit.add(f"services-edition-{edition if edition != '1' else 'text'}", "3", "FORMAT", f"edition is {edition!r}",
                services(SERVICE, edition=edition))
    kit.add("services-33", "3", "FORMAT", "32 recipients of services and one more", services(*(SERVICE,) * 32))
    kit.add("services-under-mac", "F-15", "AUTH", "the MAC is over services, too",
            directory(document=change(services={"edition": 1, "recipients": [SERVICE]})).sealed())
    for kind in ("awskms", "azurekms", "gcpkms", "hashivault", "pkcs11", "vaultkv"):
        kit.add(f"service-{kind}-outside", "F-22", "FORMAT", f"a recipient of kind {kind} stands outside of services",
                directory(recipients=(KEY, Foreign({**SERVICE, "kind": kind, "wrapped": "A" * 104 + "AAA="}))).sealed())
    in_services("aes-within", "an aes recipient stands in services", KEY.wrap(bytes(32), b"", "x"))
    for member in SERVICE:
        in_services(f"no-{member}", f"without {member}", without(member)(SERVICE))
    in_services("unknown-member", "an unknown member", {**SERVICE, "x": ""})
    for name, why, new in (("id-empty", "an empty id", {"id": ""}), ("id-513", "an id of 513 bytes", {"id": "i" * 513}),
                           ("version-129", "a version of 129 bytes", {"version": "v" * 129}),
                           ("alg-empty", "an empty alg", {"alg": ""}), ("alg-65", "an alg of 65 bytes", {"alg": "a" * 65}),
                           ("wrapped-empty", "wrapped is empty", {"wrapped": ""}),
                           ("created-day", "there is no such day", {"created": "2026-02-30T00:00:00Z"}),
                           ("vaultkv-79", "wrapped of a vaultkv has 79 bytes",
                            {"kind": "vaultkv", "wrapped": base64.b64encode(bytes(79)).decode()})):
        in_services(name, why, {**SERVICE, **new})
    kit.add("services-only-unknown", "F-22", "NOKEY", "only recipients of services, and none is at hand",
            directory(recipients=(), options={"services": (SERVICE,)}).sealed())

    for name, i in (("salt", 0), ("salt-last", 31), ("ciphertext", 32),
                    ("ciphertext-last", 63), ("tag", 64), ("tag-last", 79)):
        kit.add(f"wrap-{name}", "4", "AUTH", f"a bit of wrapped was flipped at {i}, under a right MAC",
                wrapped(lambda raw, i=i: raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1:]))
    kit.add("wrap-another-dek", "F-15", "AUTH", "another DEK is wrapped",
            directory(dek=lambda _: drawn("x", "dek", 32)).sealed())
    kit.add("wrap-of-another-model", "4", "AUTH", "the recipient is that of another model with the same key",
            directory(recipients=(Foreign(KEY.wrap(drawn("x", "dek", 32), b"coffer/1 wrap\0{}", "other")),)).sealed())
    kit.add("wrap-info", "4", "AUTH", "an aes recipient is wrapped as a passphrase is",
            directory(recipients=(Foreign(wrapped_as(b"coffer/1 wrap passphrase")),)).sealed())
    kit.add("wrap-id-flipped", "4", "NOKEY", "the id is that of no key at hand",
            edited(lambda r: {**r, "id": ("1" if r["id"][0] == "0" else "0") + r["id"][1:]}))
    kit.add("wrap-kind-upper-case", "F-22", "NOKEY", "AES is an unknown kind, and there is no other",
            edited(change(kind="AES")))
    kit.add("wrap-foreign-only", "F-22", "NOKEY", "only a recipient of an unknown kind",
            directory(recipients=(Foreign(STRANGE),)).sealed())
    kit.add("key-removed", "4", "NOKEY", "rewrapped for another key", directory(recipients=(OTHER,)).sealed())

    kit.base("directory-foreign-longest")
    kit.add("foreign-long", "F-22", "FORMAT", "a recipient of an unknown kind of 65537 bytes",
            directory(recipients=(foreign_of(65537), KEY), seed="directory-foreign-longest").sealed())

    kit.base("directory-passphrase", "passphrase")

    def words(fault, log_n=10):
        class Changed(Passphrase):
            def wrap(self, dek, binding, seed):
                return fault(super().wrap(dek, binding, seed))
        return directory(recipients=(Changed(PASSPHRASE, log_n),), seed="dp").sealed()

    for value in (0, 1, 9, 21, 22, 64, 2**32 + 10, -10):
        kit.add(f"scrypt-log-n-{value}", "F-22", "FORMAT", f"log_n is {value}", words(change(log_n=value)))
    for name, value in (("text", "10"), ("null", None), ("fraction", 10.5), ("true", True)):
        kit.add(f"scrypt-log-n-{name}", "F-22", "FORMAT", f"log_n is {value!r}", words(change(log_n=value)))
    for name, why, fault in (("no-salt", "without salt", without("salt")),
                             ("no-log-n", "without log_n", without("log_n")),
                             ("unknown-member", "an unknown member", change(r=8)),
                             ("id", "it has an id", change(id="0" * 32)),
                             ("salt-15", "a salt of 15 bytes", change(salt=base64.b64encode(bytes(15)).decode())),
                             ("salt-17", "a salt of 17 bytes", change(salt=base64.b64encode(bytes(17)).decode())),
                             ("salt-spare-bits", "base64 of the salt has spare bits",
                              lambda r: {**r, "salt": spare_bits(r["salt"])}),
                             ("salt-hex", "a salt in hexadecimal",
                              lambda r: {**r, "salt": base64.b64decode(r["salt"]).hex()}),
                             ("salt-empty", "an empty salt", change(salt="")),
                             ("wrapped-79", "79 bytes", change(wrapped=base64.b64encode(bytes(79)).decode()))):
        kit.add(f"scrypt-{name}", "F-22", "FORMAT", f"a passphrase recipient: {why}", words(fault))
    kit.add("scrypt-salt-changed", "4", "NOKEY", "the salt of scrypt was changed: as another passphrase",
            words(change(salt=base64.b64encode(bytes(16)).decode())))
    kit.add("scrypt-log-n-changed", "4", "NOKEY", "log_n is 11, it was wrapped with 10: as another passphrase",
            words(change(log_n=11)))
    kit.add("passphrase-wrong", "4", "NOKEY", "another passphrase",
            directory(recipients=(Passphrase(PASSPHRASE_OTHER, 10),), seed="dp").sealed())

    kit.base("directory-x25519", "x25519")

    def pair(fault):
        class Changed(X25519):
            def wrap(self, dek, binding, seed):
                return fault(super().wrap(dek, binding, seed))
        return directory(recipients=(Changed(PUBLIC.public),), seed="dx").sealed()

    def enc(new):
        return lambda r: {**r, "wrapped": base64.b64encode(new(base64.b64decode(r["wrapped"]))).decode()}

    for name, why, fault in (("no-id", "without id", without("id")),
                             ("unknown-member", "an unknown member", change(enc="")),
                             ("wrapped-79", "79 bytes", enc(lambda raw: raw[:-1])),
                             ("wrapped-81", "81 bytes", enc(lambda raw: raw + b"\0")),
                             ("wrapped-48", "the encapsulated key is missing", enc(lambda raw: raw[32:]))):
        kit.add(f"x25519-{name}", "F-22", "FORMAT", f"an x25519 recipient: {why}", pair(fault))
    order_8 = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
    for name, why, fault in (("enc-zero", "the encapsulated key is zero", enc(lambda raw: bytes(32) + raw[32:])),
                             ("enc-one", "the encapsulated key is 1", enc(lambda raw: b"\1" + bytes(31) + raw[32:])),
                             ("enc-low-order", "the encapsulated key is of order 8",
                              enc(lambda raw: order_8 + raw[32:])),
                             ("enc-high-bit", "the unused bit of the encapsulated key is set",
                              enc(lambda raw: raw[:31] + bytes([raw[31] ^ 0x80]) + raw[32:])),
                             ("enc-flipped", "a bit of the encapsulated key",
                              enc(lambda raw: bytes([raw[0] ^ 1]) + raw[1:])),
                             ("ciphertext", "a bit of the ciphertext",
                              enc(lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])),
                             ("tag", "a bit of the tag", enc(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])))):
        kit.add(f"x25519-{name}", "4", "AUTH", f"an x25519 recipient: {why}", pair(fault))
    another = X25519(x25519_public(KEYS["x25519-other"])).wrap(bytes(32), b"", "x")["wrapped"]
    kit.add("x25519-to-another", "4", "AUTH", "wrapped for another key under this one's id",
            pair(change(wrapped=another)))


def spare_bits(text):
    """The same bytes in base64 that is not canonical."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    end = len(text.rstrip("=")) - 1
    return text[:end] + alphabet[alphabet.index(text[end]) + 1] + text[end + 1:]


def wrapped_as(info):
    model = directory()
    binding = b"coffer/1 wrap\0" + canonical(model.public)
    salt = drawn("wrapped as", "salt", 32)
    sealed = AESGCM(hkdf(KEYS["aes"], salt, info)).encrypt(bytes(12), model.dek, binding)
    return {"kind": "aes", "id": hkdf(KEYS["aes"], b"", b"coffer/1 key id")[:16].hex(),
            "wrapped": base64.b64encode(salt + sealed).decode()}


def bad_keys(kit):
    """Good models and the wrong key: the fault is in what is given to the reader."""
    for base, key in (("small", "aes-other"), ("small", "passphrase"), ("small", "x25519"),
                      ("passphrase", "passphrase-other"), ("passphrase", "aes"), ("x25519", "x25519-other"),
                      ("x25519", "aes"), ("directory", "aes-other"), ("recipients-32", "aes-other")):
        kit.base(base)
        kit.add(f"key-{key}-for-{base}", "4", "NOKEY", f"a good model and no key of it: {key}", [], key=key)


BAD_PATHS = {"absolute": "/weights", "empty-part": "a//b", "slash-last": "a/", "dot": ".", "dot-dot": "..",
             "dot-dot-first": "../b", "dot-dot-middle": "a/../b", "dot-dot-last": "a/..", "dot-first": "./a",
             "dot-middle": "a/./b", "dots-3": "...", "backslash": "a\\b", "control-1": "a\1b", "control-1f": "a\x1fb",
             "line-feed": "a\nb", "delete": "a\x7fb", "part-249": "p" * 249, "part-249-folder": "p" * 249 + "/w",
             "space-last": "weights ", "space-last-folder": "a /b", "dot-last": "weights.", "dot-last-folder": "a./b",
             "colon": "a:b", "drive": "C:/weights", "stream": "weights:x"}


def bad_paths(kit):
    kit.base("small")
    for name, path in BAD_PATHS.items():
        kit.add(f"path-{name}", "F-23", "FORMAT", f"the path {path[:20]!r}; commitment, files and MAC are right",
                small(path))
    for name, path, why in (("not-utf-8", b"weights\xff", "a byte that is not UTF-8"),
                            ("overlong", b"..\xc0\xafw", "an overlong slash"),
                            ("surrogate", b"w\xed\xa0\x80", "half of a surrogate pair"),
                            ("cut", b"w\xe2\x82", "a character that is cut off"), ("nul", b"w\0x", "a zero byte"),
                            ("too-high", b"w\xf5\x80\x80\x80", "a code point above U+10FFFF")):
        kit.add(f"path-{name}", "F-23", "FORMAT", f"the path in A has {why}", small(fields=path_is(path)))
    kit.base("directory")
    for name in ("absolute", "dot-dot-first", "dot-dot-middle", "empty-part", "backslash", "colon", "space-last",
                 "dot-last", "part-249"):
        kit.add(f"directory-path-{name}", "F-23", "FORMAT", f"a path {BAD_PATHS[name][:20]!r} in files",
                directory(document=paths_are("config.json", BAD_PATHS[name])).sealed())
    kit.add("directory-path-1921", "F-7", "FORMAT", "a path of 1921 bytes in files",
            directory(document=paths_are("config.json", "/".join(["p" * 239] * 8) + "/x")).sealed())
    kit.add("directory-path-empty", "F-7", "FORMAT", "an empty path in files",
            directory(document=paths_are("config.json", "")).sealed())
    for name, files, why in (("case", {"W.bin": 5, "w.bin": 6}, "W.bin and w.bin"),
                             ("case-folder", {"A/w": 5, "a/w": 6}, "A/w and a/w"),
                             ("folder", {"a": 5, "a/b": 6}, "a and a/b"),
                             ("folder-case", {"A": 5, "a/b": 6}, "A and a/b"),
                             ("folder-apart", {"a": 5, "a-b": 5, "a/b/c": 6}, "a and a/b/c, not neighbours")):
        kit.add(f"paths-{name}", "F-24", "FORMAT", f"two paths of one model: {why}",
                directory(files, seed="paths").sealed())
    for name, path in (("json", "coffer.json"), ("sig", "coffer.sig"), ("sig-folder", "coffer.sig/w"),
                       ("sealed", "w.coffer"), ("sealed-deep", "a/w.coffer"), ("sealed-folder", "a.coffer/w"),
                       ("sealed-dot", ".coffer"), ("partial", ".coffer.partial"), ("dot", ".coffer.x/w")):
        kit.add(f"paths-coffer-{name}", "F-25", "FORMAT", f"a path that belongs to coffer: {path}",
                directory({path: 5}, seed="paths").sealed())


def paths_are(old, new):
    """A fault: a path of files is another, and the order is right for it."""
    def apply(document):
        files = [{**file, "path": new if file["path"] == old else file["path"]} for file in document["files"]]
        return {**document, "files": sorted(files, key=lambda file: file["path"].encode())}
    return apply


def bad_sets(kit):
    kit.base("directory")
    tree = kit.tree
    first, second, third = (path + ".coffer" for path in FILES)

    def less(*names):
        return {name: content for name, content in tree.items() if name not in names}

    kit.add("set-missing", "F-17", "FILESET", "a sealed file is missing", less(second))
    kit.add("set-missing-all", "F-17", "FILESET", "every sealed file is missing", less(first, second, third))
    kit.add("set-extra", "F-17", "FILESET", "a sealed file that is not in the list", {**tree, "zzz.coffer": b"x"})
    kit.add("set-extra-empty", "F-17", "FILESET", "an empty extra sealed file", {**tree, "a.coffer": b""})
    kit.add("set-extra-folder", "F-17", "FILESET",
            "an extra sealed file in a folder", {**tree, "sub/folder/x.coffer": b"x"})
    kit.add("set-doubled", "F-17", "FILESET", "a sealed file once more under another name",
            {**tree, "copy.coffer": tree[second]})
    kit.add("set-doubled-case", "F-17", "FILESET", "a sealed file once more, its name in capitals",
            {**tree, "CONFIG.JSON.coffer": tree[first]})
    kit.add("set-renamed", "F-17", "FILESET", "a sealed file has another name",
            {**less(second), "other.coffer": tree[second]})
    kit.add("set-moved", "F-17", "FILESET", "a sealed file was moved into a folder",
            {**less(second), "sub/" + second: tree[second]})
    kit.add("set-plain-beside", "F-17", "PLAIN", "a plain file beside its sealed one",
            {**tree, "config.json": plain("config.json", 60)})
    kit.add("set-plain-other", "F-17", "PLAIN",
            "another plain file beside a sealed one", {**tree, "config.json": b"{}\n"})
    kit.add("set-plain-empty", "F-17", "PLAIN", "an empty plain file beside a sealed one", {**tree, "config.json": b""})
    kit.add("set-plain-instead", "F-17", "PLAIN", "a plain file instead of its sealed one",
            {**less(first), "config.json": plain("config.json", 60)})
    kit.add("set-plain-within", "F-3", "FORMAT", "a plain file under the name of the sealed one",
            {**tree, second: plain("model-00001-of-00002.safetensors", 200)})
    kit.add("set-plain-within-long", "F-3", "FORMAT", "a long plain file under the name of the sealed one",
            {**tree, second: plain("long", 5000)})
    kit.add("set-exchanged", "F-16", "AUTH", "two sealed files have exchanged their names",
            {**tree, second: tree[third], third: tree[second]})
    kit.add("set-replaced", "F-16", "AUTH",
            "one sealed file stands there twice, in place of another", {**tree, third: tree[second]})
    another = directory(seed="another", options={"dek": drawn("directory", "dek", 32)}).sealed()
    kit.add("set-other-model", "F-16", "AUTH",
            "a file of another model with the same DEK", {**tree, second: another[second]})
    kit.add("set-other-dek", "F-9", "AUTH", "a file of another model with another DEK",
            {**tree, second: directory(seed="another dek").sealed()[second]})
    older = directory(fields=lambda f, index: {**f, "salt": drawn("older", index, 32)}).sealed()
    kit.add("set-older-file", "F-16", "AUTH",
            "a file of an older sealing of the same model", {**tree, second: older[second]})
    kit.add("set-key-block-other-model", "F-15", "AUTH", "coffer.json of another model with the same keys and DEK",
            {**tree, "coffer.json": another["coffer.json"]})
    kit.add("set-key-block-older", "F-16", "AUTH", "coffer.json of an older sealing of the same model",
            {**tree, "coffer.json": older["coffer.json"]})
    kit.add("set-no-key-block", "3", "FILESET", "coffer.json is missing", less("coffer.json"))
    kit.add("set-alone", "3", "FORMAT", "one file of a directory by itself: it has no key block",
            {vector.SINGLE: tree[first]})
    partial = directory(document=lambda d: {**d, "files": [{**file, "head": ""}
                        for file in d["files"]]}).sealed()["coffer.json"]
    kit.add("set-partial", "3.2", "FILESET", "sealing was interrupted: there is only .coffer.partial",
            {**less("coffer.json"), ".coffer.partial": partial})
    kit.add("set-partial-renamed", "3", "FORMAT",
            "coffer.json without heads, as .coffer.partial is", {**tree, "coffer.json": partial})
    kit.base("directory-one-file")
    kit.add("set-embedded", "2", "FORMAT",
            "a sealed file of a directory has a key block of its own; its hash is in files", embedded_in_directory())
    kit.base("directory-hidden")
    kit.add("set-missing-hidden", "F-17", "FILESET", "a hidden file of the list is missing",
            {name: content for name, content in kit.tree.items() if name != ".gitattributes.coffer"})
    kit.add("set-plain-hidden", "F-17", "PLAIN", "a hidden plain file beside its sealed one",
            {**kit.tree, ".gitattributes": b"x"})


def embedded_in_directory():
    files = {"weights.bin": plain("weights.bin", 10)}
    inner = Model(files, (KEY,), seed="one").sealed()[vector.SINGLE]
    head = sha256(inner[:2048]).hex()
    return {**directory({"weights.bin": 10}, seed="one", document=entry(0,
                        head=head)).sealed(), "weights.bin.coffer": inner}


PARTS = (bad_parameters, bad_zeros, bad_records, bad_sizes, bad_slots, bad_editions, bad_document, bad_recipients, bad_keys,
         bad_paths, bad_sets)
