# SPDX-License-Identifier: Apache-2.0
"""Just enough DER (X.690) to write timestamps and certificate extensions by hand."""


def element(tag, content):
    n = len(content)
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x80 | len(size)]) + size) + content


def sequence(*parts):
    return element(0x30, b"".join(parts))


def set_of(*parts):
    return element(0x31, b"".join(sorted(parts)))


def integer(value):
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value):
    return element(0x04, value)


def utf8(text):
    return element(0x0C, text.encode())


def context(number, content):
    """[number], constructed: EXPLICIT around a whole element, IMPLICIT around the content of one."""
    return element(0xA0 | number, content)


def oid(dotted):
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray()
    for value in (40 * first + second, *rest):
        groups = [value & 0x7F]
        while value := value >> 7:
            groups.append(0x80 | value & 0x7F)
        out += bytes(reversed(groups))
    return element(0x06, bytes(out))


def algorithm(dotted, null=False):
    return sequence(oid(dotted), b"\x05\x00" if null else b"")


def time(moment):
    return element(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())
