# SPDX-License-Identifier: Apache-2.0
"""The keys of the kit and its good models, from which the faults are made too."""
import base64

import vector
from writer import Aes, Foreign, Model, Passphrase, X25519, canonical, drawn, sha256, slot, x25519_public

KEYS = {name: drawn("keys", name, 32) for name in ("aes", "aes-other", "x25519", "x25519-other")}
PASSPHRASE, PASSPHRASE_OTHER = b"correct horse battery staple", b"incorrect horse battery staple"
KEY = Aes(KEYS["aes"])
OTHER = Aes(KEYS["aes-other"])
PUBLIC = X25519(x25519_public(KEYS["x25519"]))
WORDS = Passphrase(PASSPHRASE, 10)
STRANGE = {"kind": "vault-transit", "key": "models/2026", "wrapped": "dmF1bHQ6djE6"}
SERVICE = {"kind": "hashivault", "id": "transit/models", "version": "3", "alg": "aes256-gcm96",
           "created": "2026-11-20T13:58:18Z", "wrapped": "dmF1bHQ6djM6AAAA"}  # opens nothing: no service is at hand
TAGS, PAYLOAD = 135168, 139264  # of a sealed file with an embedded key block and few records
SLOTS = (4096, 69632)


def plain(label, size):
    return drawn("plain", label, size)


def patched(tree, offset, new, name=vector.SINGLE):
    content = tree[name]
    return {**tree, name: content[:offset] + new + content[offset + len(new):]}


# ---- models to start from; each takes faults by step (writer.STEPS) and options of Model ----

def single(seed, size, recipients=(KEY,), path="weights.safetensors", options=None, **faults):
    return Model({path: plain(seed, size)}, recipients, seed=seed, faults=faults, **(options or {}))


def small(path="weights.safetensors", recipients=(KEY,), seed="small", **faults):
    return single(seed, 100, recipients, path, {"context": {"team": "research"}, "generation": 3}, **faults).sealed()


def generations(*generation_of_slot, newest=3, **faults):
    """One sealed file whose slots are of these generations; the one before the newest is not for our key."""
    models = [single("small", 100, (KEY,) if generation == newest else (OTHER,),
                     options={"context": {"team": "research"}}) for generation in generation_of_slot]
    slots = [slot(model.document(generation)) if generation else bytes(65536)
             for model, generation in zip(models, generation_of_slot)]
    return single("small", 100, options={"context": {"team": "research"}}, slots=lambda _: slots, **faults).sealed()


def editions(*edition_of_slot, **options):
    """One sealed file whose slots are of one generation and these editions."""
    slots = [slot(single("small", 100, options={"services": (SERVICE,) if edition else (), "edition": edition,
                                                **options}).document(2)) for edition in edition_of_slot]
    return single("small", 100, slots=lambda _: slots).sealed()


class Dated(Aes):
    """A recipient that says when it was wrapped."""
    def wrap(self, dek, binding, seed):
        return {**super().wrap(dek, binding, seed), "created": "2026-11-20T13:58:18Z"}


FILES = {"config.json": 60, "model-00001-of-00002.safetensors": 200, "model-00002-of-00002.safetensors": 150}


def directory(files=FILES, recipients=(KEY,), seed="directory", options=None, **faults):
    contents = {path: plain(path, size) for path, size in files.items()}
    return Model(contents, recipients, seed=seed, directory=True, faults=faults, **(options or {}))


RECORDS = 3 * 65536 + 1000


def records(**faults):
    return single("records", RECORDS, **faults).sealed()


def nested(depth):
    """Arrays, one in the other."""
    return [nested(depth - 1)] if depth else 1


def foreign_of(length):
    """A recipient of an unknown kind whose canonical form has this length."""
    return Foreign({**STRANGE, "x": "x" * (length - len(canonical({**STRANGE, "x": ""})))})


# ---- good models ----

def good():
    """Name, why, key, sealed model, plaintext by path."""
    def one(name, why, model, key="aes", tree=None):
        return name, why, key, tree or model.sealed(), dict(model.files)

    def size(name, why, n):
        return one(name, why, single(name, n))

    def several(name, why, recipients, key="aes"):
        return one(name, why, single(name, 1000, recipients), key)

    yield size("empty", "an empty file has one empty record", 0)
    yield size("one-byte", "one byte", 1)
    yield size("record-minus-1", "a record that lacks one byte", 65535)
    yield size("record-exact", "a last record that is full", 65536)
    yield size("record-plus-1", "a last record of one byte", 65537)
    yield size("records", "three records and a tail", RECORDS)
    for log in range(17, 25):
        yield one(f"record-size-{2 ** (log - 10)}k", f"a record size of 2^{log} bytes",
                  single(f"record-size-{log}", 1000, options={"record": 1 << log}))
    yield one("record-1m-twice", "two records of the default size, the last of one byte",
              single("record-1m-twice", (1 << 20) + 1, options={"record": 1 << 20}))

    yield one("path-coffer", "the path of a single file may end in .coffer", single("path-coffer", 10, path="w.coffer"))
    plaintext = single("small", 100)
    yield one("small", "what most faults are made of; both slots are the same", plaintext, tree=small())
    yield one("slot-0-newer", "an interrupted rewrap: slot 0 counts, slot 1 is not for this key", plaintext,
              tree=generations(3, 2))
    yield one("slot-1-newer", "an interrupted rewrap: slot 1 counts, slot 0 is not for this key", plaintext,
              tree=generations(2, 3))
    yield one("slot-1-much-newer", "generations are compared as numbers, not as text", plaintext,
              tree=generations(9, 10, newest=10))
    yield one("slot-0-blank", "an interrupted rewrap: slot 0 is blank", plaintext, tree=generations(0, 3))
    yield one("slot-1-blank", "an interrupted rewrap: slot 1 is blank", plaintext, tree=generations(3, 0))
    for index in (0, 1):
        garbage = patched(generations(0, 3) if index == 0 else generations(3, 0), SLOTS[index] + 64,
                          drawn("garbage", index, 400))
        yield one(f"slot-{index}-blank-garbage",
                  f"slot {index} is blank; what follows its first 64 bytes has no meaning", plaintext, tree=garbage)

    yield several("passphrase", "a passphrase, log_n 10", (WORDS,), "passphrase")
    yield several("x25519", "an X25519 key", (PUBLIC,), "x25519")
    for key in ("aes", "passphrase", "x25519"):
        yield several(f"three-kinds-{key}", "recipients of three kinds", (OTHER, WORDS, PUBLIC, KEY), key)
    others = [Aes(drawn("recipients-32", i, 32)) for i in range(31)]
    yield several("recipients-32", "32 recipients, ours last", (*others, KEY))
    yield several("passphrases-2", "ours is the second passphrase", (Passphrase(PASSPHRASE_OTHER, 10), WORDS),
                  "passphrase")
    yield several("foreign", "a recipient of an unknown kind is skipped", (Foreign(STRANGE), KEY))
    yield several("foreign-members", "an unknown kind may have any members",
                  (KEY, Foreign({**STRANGE, "a": [1, 2, {"b": None, "c": [True, False]}], "n": 2**53 - 1,
                                 "text": "K\u00f6nig \U0001f511 \u2028 \"\\"})))
    yield several("foreign-longest", "an unknown kind as long and as deep as it may be",
                  (Foreign({"kind": "k" * 31, "wrapped": "A" * 2732, "x": nested(29)}), KEY))
    yield several("foreign-upper-case", "kinds are compared byte by byte: AES is unknown",
                  (Foreign({"kind": "AES", "wrapped": ""}), KEY))
    yield several("created", "a recipient that says when it was wrapped", (Dated(KEYS["aes"]),))
    yield one("services", "recipients of key services, outside of the MAC", single("services", 100, options={
        "services": (SERVICE, {**SERVICE, "kind": "vaultkv", "wrapped": base64.b64encode(bytes(80)).decode()},
                     {**SERVICE, "kind": "awskms", "id": "i" * 512, "version": "", "alg": "a" * 64,
                      "wrapped": "A" * 2728}, STRANGE),
        "edition": 2**53 - 1}))
    yield one("services-31", "31 recipients of services and ours", single("services-31", 100, options={
        "services": (SERVICE,) * 31}))
    plaintext = single("small", 100)
    yield one("edition-0-newer", "an interrupted rewrap inside a service: slot 0 counts", plaintext,
              tree=editions(10, 9))
    yield one("edition-1-newer", "an interrupted rewrap inside a service: slot 1 counts", plaintext,
              tree=editions(1, 2))
    context = {f"key-{i:02}.{'x' * 57}": "v" * 256 for i in range(31)}
    yield one("text-longest", "name, version and context as long as they may be", single("text", 10, options={
        "name": "\u00e4" * 128, "version": "v" * 256, "context": {**context, "0": ""}, "generation": 2**53 - 1}))
    yield one("text-shortest", "a name of one byte, an empty version", single("short", 10, options={
        "name": "\u007e", "version": ""}))

    def full(length):
        return single("slot-full", 100, (KEY, Foreign({**STRANGE, "text": "x" * length})))
    used = len(full(0).document(1))
    yield one("slot-full", "a document that fills its slot to the last byte", full(65472 - used))

    yield one("directory", "three files", directory())
    yield one("directory-one-file", "a directory of one file", directory({"weights.bin": 10}, seed="one"))
    yield one("directory-empty-files", "empty files", directory({"a": 0, "b": 0}, seed="empty"))
    part = "p" * 248
    deep = "/".join([part] * 7 + ["q" * (1920 - 7 * 249)])
    yield one("directory-deep", "paths as deep and as long as they may be",
              directory({"a/b/c/d/e/f/g/h.bin": 10, deep: 20, "r" * 248: 5}, seed="deep"))
    yield one("directory-names", "spaces, Unicode, unusual signs; bytes are ordered, not letters",
              directory({"a b/c d.bin": 1, "a-b": 2, "a.b": 3, "a0": 4, " leading": 5, "Z": 6,
                         "\u00e9t\u00e9/\u6a21\u578b.bin": 7, "e\u0301t\u00e9": 8, "\U0001f511": 9, "\uff5e": 10,
                         "'\"$(x)&;*?[]{}~!#%": 11, "...x": 12, "-rf": 13}, seed="names"))
    yield one("directory-hidden", "a hidden file that is in the list belongs to the model",
              directory({".config/tokens.json": 10, ".gitattributes": 20, "w.bin": 30}, seed="hidden"))
    model = directory(seed="unrelated")
    yield one("directory-unrelated", "files that belong to no model are no matter", model,
              tree={**model.sealed(), "README.md": b"# a model\n", "coffer.sig": b"{}\n", "notes/today.txt": b"none\n",
                    ".coffer": b"x", ".cache/stray.coffer": b"x", ".stray.coffer": b"x",
                    "deep/.hidden/stray.coffer": b"x", "w.coffer.txt": b"x", ".coffer.partial": b"{}\n",
                    "config.json.coffer.bak": b"x"})
    sizes = [65536, 1 << 17, 1 << 20]
    yield one("directory-record-sizes", "each file has its own record size",
              directory(seed="sizes", fields=lambda fields, index: {**fields, "record": sizes[index]}))
    yield one("directory-foreign", "an unknown kind in coffer.json",
              directory(recipients=(Foreign(STRANGE), PUBLIC, KEY), seed="directory-foreign"))
    yield one("directory-foreign-longest", "an unknown kind of 65536 bytes",
              directory(recipients=(foreign_of(65536), KEY), seed="directory-foreign-longest"))
    yield one("directory-services", "recipients of services in coffer.json",
              directory(seed="directory-services", options={"services": (SERVICE, SERVICE), "edition": 7}))
    yield one("directory-passphrase", "a passphrase and a directory", directory(recipients=(WORDS,), seed="dp"),
              "passphrase")
    yield one("directory-x25519", "an X25519 key and a directory", directory(recipients=(PUBLIC,), seed="dx"), "x25519")


# ---- keys ----

def bech32(prefix, data):
    """BIP 173."""
    bits, words = int.from_bytes(data, "big") << (-len(data) * 8 % 5), []
    for _ in range(-(-len(data) * 8 // 5)):
        words, bits = [bits & 31] + words, bits >> 5
    check = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + words + [0] * 6:
        top, check = check >> 25, (check & 0x1ffffff) << 5 ^ value
        for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            check ^= generator if top >> i & 1 else 0
    words += [(check ^ 1) >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[word] for word in words)


def key_file(secret):
    """The form in which the coffer command takes an X25519 key: a raw file of 32 bytes is an AES key."""
    public = x25519_public(secret)
    lines = ("coffer-key v1", "kind: x25519", "id: " + sha256(b"coffer/1 key id" + public)[:16].hex(),
             "created: 2026-01-01T00:00:00Z", "public: " + bech32("coffer", public),
             "secret: " + base64.b64encode(secret).decode())
    return "".join(line + "\n" for line in lines).encode()


def keys():
    return {
        "aes.key": KEYS["aes"], "aes-other.key": KEYS["aes-other"],
        "x25519.raw": KEYS["x25519"], "x25519.key": key_file(KEYS["x25519"]),
        "x25519-other.raw": KEYS["x25519-other"], "x25519-other.key": key_file(KEYS["x25519-other"]),
        "passphrase.txt": PASSPHRASE + b"\n", "passphrase-other.txt": PASSPHRASE_OTHER + b"\n"}
