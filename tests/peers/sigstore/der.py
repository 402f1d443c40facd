# SPDX-License-Identifier: Apache-2.0
"""As much DER (X.690) as timestamps and certificate extensions need: written by hand, so that a test can write it wrong."""
import datetime


def tlv(tag, *parts):
    body = b''.join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *sorted(parts))


def octets(data):
    return tlv(0x04, data)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, 'big', signed=True))


def utf8(text):
    return tlv(0x0c, text.encode())


def null():
    return tlv(0x05)


def boolean(value):
    return tlv(0x01, b'\xff' if value else b'\0')


def context(number, *parts, constructed=True):
    return tlv(0x80 | (0x20 if constructed else 0) | number, *parts)


def time(when):
    """A GeneralizedTime in whole seconds of an aware datetime, which is all that RFC 3161 asks for."""
    return tlv(0x18, when.astimezone(datetime.timezone.utc).strftime('%Y%m%d%H%M%SZ').encode())


def oid(dotted):
    first, second, *rest = map(int, dotted.split('.'))
    out = bytearray([40 * first + second])
    for arc in rest:
        septets = [arc & 0x7f]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7f)
        out += bytes(reversed(septets))
    return tlv(0x06, bytes(out))


def algorithm(dotted):
    """An AlgorithmIdentifier without parameters, as ECDSA and hashes have it."""
    return sequence(oid(dotted))


def read(data, at=0):
    """One element of data: (tag, its contents, the place after it)."""
    tag, length = data[at], data[at + 1]
    at += 2
    if length & 0x80:
        n = length & 0x7f
        length = int.from_bytes(data[at:at + n], 'big')
        at += n
    if len(data) - at < length:
        raise ValueError('an element is longer than what holds it')
    return tag, data[at:at + length], at + length


def children(data):
    """The elements of the contents of a SEQUENCE or SET: [(tag, contents, whole)]."""
    out, at = [], 0
    while at < len(data):
        tag, contents, after = read(data, at)
        out.append((tag, contents, data[at:after]))
        at = after
    return out
