#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encrypted files of other programs, as those programs write and read them with Python's cryptography.

usage: foreign.py make FORMAT KEY PLAIN FILE [OPTION=VALUE...]
       foreign.py open FORMAT KEY FILE PLAIN [OPTION=VALUE...]
       foreign.py again FORMAT KEY FILE      make FILE anew from its own plaintext and IV; it must come out as it is
       foreign.py dumps                      a line of JSON on standard input, as json.dumps() writes it
       foreign.py numbers N                  N random floats in JSON, in an array

KEY is a file of 32 bytes.  Options: aad=TEXT, metadata=JSON, padding=pkcs7|zero, dek=FILE (wrapped by nobody we know).
"""
import base64
import hashlib
import hmac
import json
import os
import random
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


class KMS:
    """Stands for a key service: nonce, AES-256-GCM of the DEK with the encryption context, tag."""

    def __init__(self, key):
        self.key = AESGCM(key)

    def encrypt(self, dek, context, nonce=None):
        nonce = nonce or os.urandom(12)
        return nonce + self.key.encrypt(nonce, dek, json.dumps(context).encode())

    def decrypt(self, blob, context):
        return self.key.decrypt(blob[:12], blob[12:], json.dumps(context).encode())


def make_encmodel(key, plain, iv=None, aad=None, **_):
    nonce = iv or os.urandom(12)
    aad = None if aad is None else aad.encode()
    metadata = {
        "version": 1,
        "algorithm": "AES-256-GCM",
        "plaintext_size": len(plain),
        "plaintext_hash": hashlib.sha256(plain).hexdigest(),
        "has_aad": aad is not None,
    }
    metadata = json.dumps(metadata).encode()
    return b"ENCMODEL" + len(metadata).to_bytes(4, "big") + metadata + nonce + AESGCM(key).encrypt(nonce, plain, aad)


def open_encmodel(key, data, aad=None, **_):
    assert data[:8] == b"ENCMODEL"
    end = 12 + int.from_bytes(data[8:12], "big")
    metadata = json.loads(data[12:end])
    plain = AESGCM(key).decrypt(data[end:end + 12], data[end + 12:], None if aad is None else aad.encode())
    assert hashlib.sha256(plain).hexdigest() == metadata.get("plaintext_hash")
    return plain


def make_envmodel(key, plain, iv=None, metadata='{}', dek=None, envelope=None, **_):
    metadata = json.loads(metadata)
    nonce = iv or os.urandom(12)
    if envelope:
        wrapped = base64.b64decode(envelope["encrypted_dek"])
        dek = KMS(key).decrypt(wrapped, metadata)
    elif dek:
        dek, wrapped = read(dek), os.urandom(184)
    else:
        dek = AESGCM.generate_key(bit_length=256)
        wrapped = KMS(key).encrypt(dek, metadata)
    ciphertext = AESGCM(dek).encrypt(nonce, plain, json.dumps(metadata).encode())
    envelope = {
        "version": 1,
        "kms_key_id": envelope["kms_key_id"] if envelope else "arn:aws:kms:eu-west-1:111122223333:key/1234abcd",
        "encrypted_dek": base64.b64encode(wrapped).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "metadata": metadata,
        "plaintext_hash": hashlib.sha256(plain).hexdigest(),
    }
    envelope = json.dumps(envelope).encode()
    return b"ENVMODEL" + len(envelope).to_bytes(4, "big") + envelope + ciphertext


def envelope_of(data):
    assert data[:8] == b"ENVMODEL"
    end = 12 + int.from_bytes(data[8:12], "big")
    return json.loads(data[12:end]), data[end:]


def open_envmodel(key, data, **_):
    envelope, ciphertext = envelope_of(data)
    metadata = envelope.get("metadata", {})
    dek = KMS(key).decrypt(base64.b64decode(envelope["encrypted_dek"]), metadata)
    plain = AESGCM(dek).decrypt(base64.b64decode(envelope["nonce"]), ciphertext, json.dumps(metadata).encode())
    assert hashlib.sha256(plain).hexdigest() == envelope.get("plaintext_hash")
    return plain


def make_cnap(key, plain, iv=None, **_):
    iv = iv or os.urandom(12)
    data = AESGCM(key).encrypt(iv, plain, None)
    return struct.pack('<3I', len(iv), 16, len(data)) + iv + data


def open_cnap(key, data, **_):
    iv_len, tag_len, data_len = struct.unpack('<3I', data[:12])
    assert data_len == len(data) - 12 - iv_len
    iv, tag = data[12:12 + iv_len], data[-tag_len:]
    decryptor = Cipher(algorithms.AES(key), modes.GCM(iv, tag)).decryptor()
    return decryptor.update(data[12 + iv_len:-tag_len]) + decryptor.finalize()


def make_aes_cbc(key, plain, iv=None, padding='pkcs7', **_):
    iv = iv or os.urandom(16)
    n = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return iv + encryptor.update(plain + (b'\0' if padding == 'zero' else bytes([n])) * n) + encryptor.finalize()


def open_aes_cbc(key, data, padding='pkcs7', **_):
    decryptor = Cipher(algorithms.AES(key), modes.CBC(data[:16])).decryptor()
    plain = decryptor.update(data[16:]) + decryptor.finalize()
    if padding == 'zero':
        return plain.rstrip(b'\0')
    assert 1 <= plain[-1] <= 16 and plain.endswith(plain[-1:] * plain[-1])
    return plain[:-plain[-1]]


def make_ibm(key, plain, iv=None, **_):
    iv = iv or os.urandom(16)
    n = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), CFB(iv)).encryptor()
    data = encryptor.update(plain + bytes([n]) * n) + encryptor.finalize()
    return iv + hmac.digest(key, iv + data, 'sha256') + data


def again(form, key, data, options):
    """The bytes that the other program would have written for this plaintext under this IV."""
    plain = globals()['open_' + form](key, data, **options)
    if form == 'encmodel':
        end = 12 + int.from_bytes(data[8:12], "big")
        options['iv'] = data[end:end + 12]
    elif form == 'envmodel':
        envelope, _ = envelope_of(data)
        options.update(iv=base64.b64decode(envelope['nonce']), envelope=envelope,
                       metadata=json.dumps(envelope['metadata']))
    else:
        options['iv'] = data[12:24] if form == 'cnap' else data[:16]
    return globals()['make_' + form](key, plain, **options)


def main(verb, *words):
    if verb == 'dumps':
        for line in sys.stdin:
            print(json.dumps(json.loads(line)))
        return
    if verb == 'numbers':
        numbers = (struct.unpack('<d', random.randbytes(8))[0] for _ in range(int(words[0])))
        print([n for n in numbers if n == n and abs(n) != float('inf')])
        return
    form, key, source = words[0].replace('-', '_'), read(words[1]), read(words[2])
    options = dict(w.split('=', 1) for w in words[3:] if '=' in w)
    if verb == 'again':
        if again(form, key, source, options) != source:
            sys.exit('%s is not what the other program would have written' % words[2])
        return
    write(words[3], globals()[verb + '_' + form](key, source, **options))


if __name__ == '__main__':
    main(*sys.argv[1:])
