#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people write themselves: peers.py gcm|cfb seal|open IN OUT
or model_signing as a library: peers.py oms-verify MODEL SIGNATURE PUBLIC_KEY, which prints the seconds that it took

gcm  AES-256-GCM over the whole file in one call, as most scripts do: all of it in memory, twice.
cfb  AES-256-CFB in pieces with an HMAC-SHA256 over the ciphertext, as IBM's model-encryption does it.  This is a model of its
     loop, not its code: PKCS7 padding, which changes nothing at a multiple of the block, is left out.
"""
import hmac
import sys
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    CFB = modes.CFB

KEY, IV, PIECE = bytes(range(32)), bytes(16), 64 << 10


def gcm(verb, source, target):
    with open(source, 'rb') as src, open(target, 'wb') as out:
        data = src.read()
        out.write(getattr(AESGCM(KEY), {'seal': 'encrypt', 'open': 'decrypt'}[verb])(IV[:12], data, None))


def cfb(verb, source, target):
    cipher = Cipher(algorithms.AES(KEY), CFB(IV))
    step = cipher.encryptor() if verb == 'seal' else cipher.decryptor()
    mac = hmac.new(KEY, IV, 'sha256')
    with open(source, 'rb') as src, open(target, 'wb') as out:
        while piece := src.read(PIECE):
            done = step.update(piece)
            mac.update(done if verb == 'seal' else piece)
            out.write(done)
        out.write(step.finalize())
    mac.digest()


def oms_verify(model, signature, public_key):
    import model_signing
    config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    start = time.monotonic()
    config.verify(model, signature)
    print(time.monotonic() - start)


if __name__ == '__main__':
    if sys.argv[1] == 'oms-verify':
        sys.exit(oms_verify(*sys.argv[2:5]))
    {'gcm': gcm, 'cfb': cfb}[sys.argv[1]](*sys.argv[2:5])
