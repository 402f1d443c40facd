#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write big files that take hardly any room.

sparse.py weights OUT SIZE        a safetensors file of 16 MiB tensors t0, t1, …; their bytes are a hole
sparse.py sealed OUT SIZE KEK     a sealed file whose head and key block are good and whose payload is a hole: it can be
                                  rewrapped, which touches nothing else, and not be opened
"""
import json
import os
import struct
import sys

TENSOR = 16 << 20


def weights(out, size):
    count = (size - 1) // TENSOR  # the header takes the place of the last one
    header = {f't{i}': {'dtype': 'U8', 'shape': [TENSOR], 'data_offsets': [i * TENSOR, (i + 1) * TENSOR]}
              for i in range(count)}
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(out, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        file.truncate(8 + len(text) + count * TENSOR)


class Hole:
    """So many bytes that nobody looks at."""
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


def sealed(out, size, kek):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'vectors'))
    import writer

    class Sparse(writer.Model):
        def records(self, head, plain):
            return bytes(16 * -(-len(plain) // self.record)), b''

    with open(kek, 'rb') as file:
        model = Sparse({'model.bin': Hole(size)}, [writer.Aes(file.read())], record=1 << 20)
    with open(out, 'wb') as file:
        file.write(model.sealed()['model.coffer'])
        file.truncate(file.tell() + size)


if __name__ == '__main__':
    if sys.argv[1] == 'weights':
        weights(sys.argv[2], int(sys.argv[3]))
    else:
        sealed(sys.argv[2], int(sys.argv[3]), sys.argv[4])
