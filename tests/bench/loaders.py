#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How people load weights that they encrypted: loaders.py WAY PLAIN THEIRS SEALED KEK ROUNDS

Encrypts PLAIN to THEIRS, then prints a line a round: the seconds of coffer on SEALED, of WAY on THEIRS; both end with all of it
in memory of this process, and no file is written.

gcm         AES-256-GCM over the whole file in one call, as most scripts do
secretbox   XSalsa20-Poly1305 in pieces of 2 MiB by PyNaCl, one after the other
tensorizer  the same cipher by tensorizer's own code: pieces of 2 MiB, in place, by as many threads as it likes
jwe         one JWE a file by jwcrypto, as KServe does: the text, all of it, base64
"""
import os
import sys
import time

import coffer

KEY, PIECE = bytes(range(32)), 2 << 20


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def gcm(plain, theirs):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    with open(theirs, 'wb') as out:
        out.write(AESGCM(KEY).encrypt(bytes(12), read(plain), None))
    return lambda: AESGCM(KEY).decrypt(bytes(12), read(theirs), None)


def secretbox(plain, theirs):
    from nacl.secret import SecretBox
    box = SecretBox(KEY)
    size, sealed = os.path.getsize(plain), PIECE + SecretBox.NONCE_SIZE + SecretBox.MACBYTES
    with open(plain, 'rb') as source, open(theirs, 'wb') as out:
        while piece := source.read(PIECE):
            out.write(box.encrypt(piece))

    def load():
        memory, at = bytearray(size), 0
        with open(theirs, 'rb') as source:
            while piece := source.read(sealed):
                done = box.decrypt(piece)
                memory[at:at + len(done)] = done
                at += len(done)
        return memory
    return load


def tensorizer(plain, theirs):
    try:
        from tensorizer._crypt import ChunkedEncryption
    except (ImportError, RuntimeError) as why:
        sys.exit(f'tensorizer is not there: {why}')
    memory = bytearray(read(plain))
    nonce = ChunkedEncryption.random_nonce()
    count = -(-len(memory) // PIECE)

    def manager(buffer, macs):
        nonces = list(ChunkedEncryption.sequential_nonces(nonce, count))
        return ChunkedEncryption(key=KEY, buffer=buffer, chunk_size=PIECE, nonces=nonces, macs=macs)
    with manager(memory, None) as crypt:
        crypt.encrypt_all(wait=True)
        macs = [bytearray(mac) for mac in crypt.macs]
    with open(theirs, 'wb') as out:
        out.write(memory)

    def load():
        buffer = bytearray(len(memory))
        with open(theirs, 'rb') as source:
            source.readinto(buffer)
        with manager(buffer, macs) as crypt:
            crypt.decrypt_all(wait=True)
        return buffer
    return load


def jwe(plain, theirs):
    from jwcrypto import jwe as of, jwk
    key = jwk.JWK(kty='oct', k=jwk.base64url_encode(KEY))
    token = of.JWE(read(plain), protected='{"alg":"dir","enc":"A256GCM"}')
    token.add_recipient(key)
    with open(theirs, 'w', encoding='ascii') as out:
        out.write(token.serialize(compact=True))

    def load():
        with open(theirs, encoding='ascii') as source:
            text = source.read()
        opened = of.JWE()
        opened.deserialize(text, key)
        return opened.payload
    return load


def own(sealed, kek):
    def load():
        with coffer.open_model(sealed, kek=kek) as model:
            return model.memory(model.files[0])
    return load


def timed(load, expected):
    start = time.monotonic()
    memory = load()
    took = time.monotonic() - start
    if memoryview(memory) != expected:
        sys.exit('loaders: what was loaded is not what was sealed')
    return took


def main(way, plain, theirs, sealed, kek, rounds):
    turns = [own(sealed, kek), {'gcm': gcm, 'secretbox': secretbox, 'tensorizer': tensorizer, 'jwe': jwe}[way](plain, theirs)]
    expected = memoryview(read(plain))
    for turn in range(int(rounds) + 1):
        took = [0, 0]
        for i in ((0, 1), (1, 0))[turn % 2]:
            took[i] = timed(turns[i], expected)
        if turn > 0:  # the first brings memory and modules
            print(*took)


if __name__ == '__main__':
    main(*sys.argv[1:])
