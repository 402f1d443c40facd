# SPDX-License-Identifier: Apache-2.0
"""A Merkle tree (RFC 6962, 2.1) and the signed note in which a log says how large it is.

Notes: https://github.com/C2SP/C2SP/blob/main/signed-note.md, checkpoints: tlog-checkpoint.md there.
"""
import hashlib
import threading

import pki


def leaf_hash(data):
    return hashlib.sha256(b'\0' + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b'\1' + left + right).digest()


def split(size):
    """The largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


class Tree:
    def __init__(self):
        self.leaves, self.full, self.lock = [], {}, threading.RLock()

    def __len__(self):
        return len(self.leaves)

    def append(self, data):
        """Put an entry in; its index."""
        with self.lock:
            self.leaves.append(leaf_hash(data))
            return len(self.leaves) - 1

    def root(self, size, start=0):
        """The hash of size leaves from start on."""
        if size == 0:
            return hashlib.sha256(b'').digest()
        if size == 1:
            return self.leaves[start]
        if (start, size) not in self.full:
            left = split(size)
            value = node_hash(self.root(left, start), self.root(size - left, start + left))
            if size & (size - 1):
                return value
            self.full[start, size] = value
        return self.full[start, size]

    def proof(self, index, size, start=0):
        """The hashes that lead from the leaf at index to the root of the first size leaves, from the leaf on."""
        if size == 1:
            return []
        left = split(size)
        if index < left:
            return self.proof(index, left, start) + [self.root(size - left, start + left)]
        return self.proof(index - left, size - left, start + left) + [self.root(left, start)]


def signature_line(name, hint, signature):
    """One signature line of a note; the note is its text, which ends in a newline, a blank line, and such lines."""
    return f'\u2014 {name} {pki.b64(hint + signature)}\n'


def checkpoint(origin, size, root):
    return f'{origin}\n{size}\n{pki.b64(root)}\n'
