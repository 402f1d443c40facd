# SPDX-License-Identifier: Apache-2.0
"""The form of heads, slots, key blocks and paths: every refusal of docs/format.md that needs no key.

[F-n] marks what a line obeys.  Nothing that passes here is authentic yet.
"""
import base64, datetime, hashlib, json, re, struct
from collections import namedtuple


class Refused(Exception):
    """The name of an error of include/coffer/err.h and a sentence."""


def need(truth, sentence, error="FORMAT"):
    if not truth:
        raise Refused(error, sentence)


# ---- section 2.1: the parameters ----

Head = namedtuple("Head", "magic version suite flags model_id index count size record length zero salt path commitment")


def parse_head(raw):
    need(len(raw) == 2048, "shorter than a head")
    head = Head(*struct.unpack(">8sHHI16sIIQIH10s32s1920s32s", raw))
    need(head.magic == b"\x89COFR\r\n\x1a", "not a sealed file")  # [F-3]
    need((head.version, head.suite) == (1, 1) and head.flags in (0, 1), "another version, suite or flag", "UNSUPPORTED")
    need(head.record in [65536 << i for i in range(9)], "a record size that is not allowed")  # [F-4]
    need(head.size <= 1 << 52, "a size that is not allowed")  # [F-5]
    need(head.index < head.count <= 1000000 and (head.flags == 0 or head.count == 1), "index or count")  # [F-6]
    path, rest = head.path[:head.length], head.path[head.length:]
    need(head.length <= 1920 and not any(head.zero) and not any(rest), "bytes that are not zero")  # [F-2]
    check_path(path)  # [F-7]
    return head._replace(path=path.decode())


# ---- section 3: the document of a key block ----

def text(low, high):
    return rb"[^\0-\x1f\x7f]{%d,%d}" % (low, high)


def hexadecimal(length):
    return rb"[0-9a-f]{%d}" % (2 * length)


WHOLE, WHOLE_FROM_1 = (0, 2**53 - 1), (1, 2**53 - 1)
B64_16 = rb"[A-Za-z0-9+/]{21}[AQgw]=="
B64_80 = rb"[A-Za-z0-9+/]{106}[AEIMQUYcgkosw048]="
DOCUMENT = {
    "coffer": WHOLE, "model_id": hexadecimal(16), "name": text(1, 256), "version": text(0, 256), "context": dict,
    "generation": (1, 2**53 - 1), "commitment": hexadecimal(32), "recipients": list, "files": list,
    "mac": hexadecimal(32)}
FILE = {"head": hexadecimal(32), "path": text(1, 1920), "size": (0, 2**52)}
SERVICES = {"edition": WHOLE_FROM_1, "recipients": list}
KINDS = {
    "aes": {"kind": text(3, 3), "id": hexadecimal(16), "wrapped": B64_80},
    "passphrase": {"kind": text(10, 10), "salt": B64_16, "log_n": (10, 20), "wrapped": B64_80},
    "x25519": {"kind": text(6, 6), "id": hexadecimal(16), "wrapped": B64_80}}
OF_SERVICE = {  # section 4.1
    "kind": text(1, 31), "id": text(1, 512), "version": text(0, 128), "alg": text(1, 64), "created": text(20, 20),
    "wrapped": rb"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"}
SERVICE_KINDS = {
    **dict.fromkeys(("awskms", "azurekms", "gcpkms", "hashivault", "pkcs11"), OF_SERVICE),
    "vaultkv": {**OF_SERVICE, "wrapped": B64_80}}


def fits(value, shape):
    """Whether a value is as its shape says: a pattern of bytes, a range, a type, or the members of an object."""
    if isinstance(shape, bytes):
        return type(value) is str and re.fullmatch(shape, value.encode()) is not None
    if isinstance(shape, tuple):
        return type(value) is int and shape[0] <= value <= shape[1]
    if isinstance(shape, dict):
        return type(value) is dict and value.keys() == shape.keys() and all(fits(value[k], shape[k]) for k in shape)
    return type(value) is shape


def sound(value, depth=32):
    """[F-12] for texts, member names and numbers wherever they stand."""
    if type(value) in (list, dict) and depth == 0:
        return False
    if type(value) is list:
        return all(sound(element, depth - 1) for element in value)
    if type(value) is dict:
        return all(fits(name, rb"[ -~]*") and sound(value[name], depth - 1) for name in value)
    return value is None or type(value) is bool or fits(value, WHOLE) or fits(value, rb"[^\0-\x1f\x7f]*")


def canonical(value):
    """RFC 8785, given that the value is sound."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_recipient(recipient, kinds, others):
    """[F-22]: others are the kinds of the other array."""
    need(type(recipient) is dict and fits(recipient.get("kind"), text(1, 31))
         and fits(recipient.get("wrapped"), text(0, 2732)), "a recipient is malformed")
    need(len(canonical(recipient)) <= 65536, "a recipient is too long")
    kind = recipient["kind"]
    need(kind not in others, "a recipient stands in the wrong array")
    if kind not in kinds:
        return
    if "created" in recipient:
        need(is_time(recipient["created"]), "a recipient of a known kind is malformed")
        kinds = {kind: {**kinds[kind], "created": text(20, 20)}}
    need(fits(recipient, kinds[kind]), "a recipient of a known kind is malformed")
    spare = re.search(r"(?:([A-Za-z0-9+/])==|([A-Za-z0-9+/])=)$", recipient["wrapped"])
    need(not spare or b64_again(recipient["wrapped"]), "spare bits of base64 are not zero")


def b64_again(encoded):
    return base64.b64encode(base64.b64decode(encoded)).decode() == encoded


def is_time(value):
    """One text for each second after 1970-01-01T00:00:00Z."""
    if not fits(value, rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"):
        return False
    try:
        return datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ") > datetime.datetime(1970, 1, 1)
    except ValueError:
        return False


def parse_document(raw, directory):
    try:
        block = json.loads(raw.decode())
        need(sound(block) and canonical(block) + b"\n" == raw, "the key block is not canonical")  # [F-12]
    except (ValueError, RecursionError):
        raise Refused("FORMAT", "the key block is not JSON") from None
    need(type(block) is dict and fits(block.get("coffer"), WHOLE), "not a key block")
    need(block["coffer"] == 1, "a key block of another version", "UNSUPPORTED")
    services = block.get("services")
    need(fits(block, DOCUMENT if services is None and "services" not in block else {**DOCUMENT, "services": SERVICES}), "a member of the key block is missing, unknown or malformed")
    need(len(block["context"]) <= 32, "too much context")
    need(all(fits(key, rb"[a-z0-9][a-z0-9._-]{0,63}") and fits(value, text(0, 256))  # [F-13]
             for key, value in block["context"].items()), "the context is malformed")
    of_services = services["recipients"] if services else []
    need(not services or of_services, "services without recipients")  # [F-26]
    need(1 <= len(block["recipients"]) + len(of_services) <= 32, "too few or too many recipients")
    for recipient in block["recipients"]:
        check_recipient(recipient, KINDS, SERVICE_KINDS)
    for recipient in of_services:
        check_recipient(recipient, SERVICE_KINDS, KINDS)
    need(1 <= len(block["files"]) <= 1000000, "too few or too many files")
    need(all(fits(entry, FILE) for entry in block["files"]), "an entry of files is malformed")
    check_paths([entry["path"].encode() for entry in block["files"]], directory)
    return block


# ---- section 3.1: the slots ----

def parse_slot(slot):
    """The key block of a slot, or None where it is blank [F-18]."""
    if not any(slot[:64]):
        return None
    magic, length, zero, digest = struct.unpack(">8sI20s32s", slot[:64])
    document = slot[64:64 + length]
    need(magic == b"cofkeys\n" and 1 <= length <= 65472 and not any(zero) and not any(slot[64 + length:])
         and hashlib.sha256(slot[:32] + document).digest() == digest, "a slot of the key block is damaged")
    return parse_document(document, False)


def age(block):
    """What orders the slots [F-19]."""
    return block["generation"], block.get("services", {"edition": 0})["edition"]


def choose(slots):
    """The key block that counts [F-19]."""
    blocks = sorted(filter(None, map(parse_slot, slots)), key=age)
    need(blocks, "both slots are blank")
    need(len(blocks) == 1 or age(blocks[0]) < age(blocks[1]) or slots[0] == slots[1], "two key blocks of one generation")
    return blocks[-1]


# ---- section 5: paths ----

def check_path(path):
    """[F-23]"""
    part = rb"[^\0-\x1f\x7f\\:/]{0,247}[^\0-\x1f\x7f\\:/ .]"
    need(len(path) <= 1920 and re.fullmatch(rb"%b(/%b)*" % (part, part), path), "a path that is not allowed")
    need(path.decode(errors="replace").encode() == path, "a path that is not UTF-8")


def check_paths(paths, directory):
    """[F-14] [F-24] [F-25]"""
    for path in paths:
        check_path(path)
    folded = {path.lower() for path in paths}
    folders = {path[:slash.start()] for path in folded for slash in re.finditer(b"/", path)}
    need(all(a < b for a, b in zip(paths, paths[1:])), "files are out of order")
    need(len(folded) == len(paths) and not folded & folders, "two paths are one on other systems")
    ours = rb"(?i)^coffer\.(json|sig)(/|$)|^\.coffer\.|\.coffer(/|$)"
    need(not directory or not any(re.search(ours, path) for path in paths), "a path that belongs to coffer")
