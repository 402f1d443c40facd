#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a Python program takes to load weights; prints seconds.

python_load.py load|touch FRAMEWORK PLAIN SEALED KEK warm|cold ROUNDS
    a line a round: coffer's load_file() of SEALED, that of safetensors of PLAIN; touch: and then every byte is read, which is
    what a lazy mapping puts off
python_load.py first FRAMEWORK SEALED KEK ROUNDS
    a line a round: from opening to the first tensor's last byte
python_load.py memory FRAMEWORK SEALED KEK
    the bytes by which the peak of the resident set passes what it was before load_file(), less those of the tensors

FRAMEWORK is numpy or torch.
"""
import importlib
import os
import sys
import time

import numpy

KINDS = {'numpy': 'np', 'torch': 'pt'}


def bytes_of(tensor):
    if not isinstance(tensor, numpy.ndarray):
        import torch
        tensor = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy()
    return tensor.reshape(-1).view(numpy.uint8)


def touch(tensors):
    total = 0
    for tensor in tensors.values():
        total ^= int(numpy.bitwise_xor.reduce(bytes_of(tensor).view(numpy.uint64)))
    return total


def forget(path):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def remember(path):
    with open(path, 'rb') as file:
        while file.read(16 << 20):
            pass


def timed(load, path, what, state):
    """Twice when it is warm, and the second counts: memory fresh from the host costs more than what is measured."""
    for _ in range(2 if state == 'warm' else 1):
        {'warm': remember, 'cold': forget}[state](path)
        start = time.monotonic()
        tensors = load(path)
        found = touch(tensors) if what == 'touch' else None
        took = time.monotonic() - start
        del tensors
    return took, found


def compare(what, framework, plain, sealed, kek, state, rounds):
    own = importlib.import_module('coffer.' + framework)
    beside = importlib.import_module('safetensors.' + framework)
    turns = [(lambda path: own.load_file(path, kek=kek), sealed), (beside.load_file, plain)]
    for turn in range(int(rounds)):
        took, found = [0, 0], [None, None]
        for i in ((0, 1), (1, 0))[turn % 2]:
            took[i], found[i] = timed(*turns[i], what, state)
        if found[0] != found[1]:
            sys.exit('python_load: the tensors differ')
        print(*took)


def first(framework, sealed, kek, rounds):
    opened = importlib.import_module('coffer.safetensors').safe_open
    for _ in range(int(rounds)):
        start = time.monotonic()
        with opened(sealed, KINDS[framework], kek=kek) as file:
            tensor = file.get_tensor('t0')
            print(time.monotonic() - start)
            del tensor


def resident(which):
    with open('/proc/self/status', encoding='ascii') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(which))


def memory(framework, sealed, kek):
    load_file = importlib.import_module('coffer.' + framework).load_file
    with open('/proc/self/clear_refs', 'w', encoding='ascii') as file:
        file.write('5')  # the peak begins anew
    before = resident('VmRSS')
    tensors = load_file(sealed, kek=kek)
    touch(tensors)
    print(resident('VmHWM') - before - sum(bytes_of(tensor).nbytes for tensor in tensors.values()))


if __name__ == '__main__':
    verb, *rest = sys.argv[1:]
    if verb in ('load', 'touch'):
        compare(verb, *rest)
    else:
        {'first': first, 'memory': memory}[verb](*rest)
