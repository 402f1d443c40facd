# SPDX-License-Identifier: Apache-2.0
"""The sections about loading: into memory, by «coffer run», through a mount, in Python, and how others load what they encrypted."""
import json
import os
import shutil
import struct
import subprocess
import time

import rig
from rig import GIB, MIB, Run, Skip, compete, noise, ratios, remember, remove, size_text

PEERS = os.environ.get('COFFER_PEERS_LOAD', '')


# ---- into memory, in C ----

def program(place, name):
    return os.path.join(place.build, 'bench', name)


def said(command, **more):
    """The numbers that a program prints, a list a line."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)
    if done.returncode != 0:
        words = done.stderr.decode('utf-8', 'replace').strip().splitlines() or ['nothing']
        raise Skip(f'{os.path.basename(command[0])} ended with {done.returncode} and said: {words[-1][:160]}')
    return [[float(word) for word in line.split()] for line in done.stdout.decode().splitlines()]


def ways(place, sealed, plain, rounds, *names):
    """What each way took, round by round, by tests/bench/load.c."""
    lines = said([program(place, 'load'), place.kek[1], sealed, plain, str(rounds), *names])
    return list(zip(*lines))


def pair(place):
    """A plain file and the same sealed, both in the tmpfs."""
    plain, sealed = place.on('plain'), place.on('sealed')
    if not os.path.exists(sealed) or os.path.getsize(plain) != place.size:
        remove(sealed)
        noise(plain, place.size)
        rig.coffer_run(place, ['seal', plain, '-o', sealed])
    return plain, sealed


def load(place, page, args):
    """A file into memory, ranges of it, and a model of many shards, in a program that runs."""
    plain, sealed = pair(place)
    whole = ['memory', 'memfd', 'plain-read', 'plain-read-all']
    memory, memfd, one, every = ways(place, sealed, plain, args.rounds, *whole)
    fill, plain_fill = ways(place, sealed, plain, args.rounds, 'fill', 'plain-fill')
    of_cp = beside_cp(place, page, args, plain, sealed)
    page.row('coffer_memory_new(), huge pages, all cores', 'cp of the plain file to huge tmpfs', of_cp, 1.0)
    page.row('coffer_memory_new(), huge pages, all cores', 'pread() of the plain file to huge pages', ratios(one, memory), 1.0)
    page.row('coffer_memory_new(), huge pages, all cores', 'the same by a thread a core', ratios(every, memory))
    page.row('coffer_file_load(), memory that is there, all cores', 'pread() by a thread a core', ratios(plain_fill, fill))
    page.row('coffer_file_memfd(), all cores', 'pread() of the plain file to huge pages', ratios(one, memfd))
    for what, took in (('coffer_memory_new()', memory), ('coffer_file_memfd()', memfd), ('coffer_file_load(), memory that is there', fill),
                       ('pread() to new huge pages, one thread', one), ('pread() to new huge pages, a thread a core', every)):
        page.figure(what, took, place.size)
    ranges(place, page, args, plain, sealed)
    shards(place, page)
    small_model(place, page, args)


def ranges(place, page, args, plain, sealed):
    """From the page cache of the disk.  What begins amid a record takes two of them to be opened."""
    kept = [place.off('kept'), place.off('kept.coffer')]
    for source, copy in zip((plain, sealed), kept):
        shutil.copyfile(source, copy)
        remember(copy)
    took = ways(place, kept[1], kept[0], args.rounds, 'ranges', 'plain-ranges', 'ranges-anywhere', 'plain-ranges-anywhere')
    for path in kept:
        remove(path)
    for where, own, beside, target in (('a multiple of 1 MiB', *took[:2], 0.5), ('anywhere', *took[2:], None)):
        page.row(f'coffer_file_read_at(), 1,000 times 1 MiB at {where}', 'pread() of the plain file', ratios(beside, own), target)
        page.figure(f'coffer_file_read_at(), 1,000 times 1 MiB at {where}', own, 1000 * MIB)


def beside_cp(place, page, args, plain, sealed):
    """Turn by turn; the library's seconds are those of the call, cp's those of the process, which starts in one millisecond."""
    cp, found, took = Run('cp', ['cp', plain, place.on('target')], place.on('target')), [], []
    for _ in range(args.rounds):
        cp.measure(place)
        took.append(cp.measure(place)[0])
        remove(cp.target)
        (own,), = ways(place, sealed, plain, 1, 'memory')
        found.append(took[-1] / own)
    page.figure('cp of the plain file to huge tmpfs', took, place.size)
    return found


def shards(place, page):
    """Unwrap and verify a signed model of a thousand small shards."""
    plain, sealed, key = place.on('shards'), place.on('shards.sealed'), place.on('shards.pem')
    os.mkdir(plain)
    try:
        for i in range(1000):
            with open(os.path.join(plain, f'model-{i + 1:05d}-of-01000.bin'), 'wb') as out:
                out.write(os.urandom(4096))
        rig.coffer_plain(place, ['keygen', '--kind', 'p256', '-o', key])
        rig.coffer_run(place, ['seal', plain, '-o', sealed, '--sign', key])
        laps = said([program(place, 'startup'), place.kek[1], sealed, key + '.pub'])[1:]
    finally:
        for path in (plain, sealed, key, key + '.pub'):
            remove(path)
    page.row('unwrap and verify a signed model of 1,000 shards', '', [sum(lap) for lap in laps], 150, at_most=True, unit=' ms')
    for i, part in enumerate(('unwrapping the key', 'its signature', 'the heads of all shards')):
        page.figure('1,000 shards: ' + part, [lap[i] / 1e3 for lap in laps])


def small_model(place, page, args):
    """What a process costs that opens next to nothing."""
    plain, sealed, target = place.off('small'), place.off('small.coffer'), place.on('small')
    noise(plain, 4 * MIB)
    rig.coffer_run(place, ['seal', plain, '-o', sealed])
    took, = compete(place, 3 * args.rounds, [Run('coffer open', [place.coffer, 'open', '-q', sealed, '-o', target, *place.kek], target, warm=64)])
    page.row('coffer open of 4 MiB, all of the process', '', [t * 1e3 for t in took], 10, at_most=True, unit=' ms')
    remove(plain)
    remove(sealed)


# ---- coffer run ----

def run(place, page, args):
    """A program that is started by «coffer run», beside the same one on plaintext in a tmpfs."""
    size = place.size if args.quick or rig.memory_gib('MemAvailable') < 18 else 8 * GIB
    reader = program(place, 'reader')
    sealed, opened = place.weights(size), place.on('opened')
    warm = size // MIB + 1024
    own_run = Run('coffer run', [place.coffer, 'run', '-q', '--model', sealed, *place.kek, '--', reader, 'touch', '{file}'], warm=warm)
    beside_run = Run('reader', [reader, 'touch', opened])
    own, beside = [], []
    for _ in range(min(args.rounds, 3)):
        remember(sealed)
        own.append(own_run.measure(place)[0])
        rig.coffer_run(place, ['open', sealed, '-o', opened])
        beside.append(beside_run.measure(place)[0])
        remove(opened)
    added = [o - b for o, b in zip(own, beside)]
    page.row(f'coffer run of {size_text(size)}: what it adds', 'the same program on plaintext in huge tmpfs', added,
             1.0 if size == 8 * GIB else None, at_most=True, unit=' s')
    page.figure(f'coffer run, {size_text(size)}, a program that touches every page', own, size)
    page.figure('the same program on plaintext in huge tmpfs', beside, size)
    small = place.off('small.coffer')
    noise(place.off('small'), 4 * MIB)
    rig.coffer_run(place, ['seal', place.off('small'), '-o', small])
    took, alone = compete(place, 3 * args.rounds, [
        Run('coffer run', [place.coffer, 'run', '-q', '--model', small, *place.kek, '--', 'true'], warm=64), Run('true', ['true'], warm=64)])
    page.row('coffer run of 4 MiB: what it adds', 'true', [(o - b) * 1e3 for o, b in zip(took, alone)], unit=' ms')
    remove(place.off('small'))
    remove(small)


# ---- coffer mount ----

class Mounted:
    """A file system that is mounted for as long as the block runs; entering it gives the file in it."""
    def __init__(self, folder, name, command, unmount):
        self.folder, self.name, self.command, self.unmount, self.server = folder, name, command, unmount, None

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.server = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        start = time.monotonic()
        while not os.path.ismount(self.folder):
            if self.server.poll() not in (None, 0) or time.monotonic() - start > 10:
                self.__exit__()
                said_last = self.server.stderr.read().decode('utf-8', 'replace').strip().splitlines()[-1:]
                raise Skip(f'{os.path.basename(self.command[0])} mounted nothing: {" ".join(said_last)[:160]}')
            time.sleep(0.005)
        return os.path.join(self.folder, self.name)

    def __exit__(self, *_):
        subprocess.run(self.unmount, stderr=subprocess.DEVNULL, check=False)
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        remove(self.folder)


def of_coffer(place, sealed, *options):
    folder = place.off('mounted')
    return Mounted(folder, 'plain', [place.coffer, 'mount', '-q', '--foreground', sealed, folder, *place.kek, *options],
                   [place.coffer, 'umount', '-q', folder])


def without_cryptography(place, plain):
    if not os.path.exists(program(place, 'plain_fuse')):
        raise Skip('libfuse3-dev is not installed')
    folder = place.off('plain-mounted')
    return Mounted(folder, 'file', [program(place, 'plain_fuse'), plain, folder], ['fusermount3', '-u', '-q', folder])


def of_gocryptfs(place, plain):
    """A gocryptfs in the tmpfs with @plain in it."""
    store, folder, word = place.on('store'), place.off('theirs'), place.off('word')
    if not shutil.which('gocryptfs'):
        raise Skip('gocryptfs is not installed')
    quiet = {'check': False, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    with open(word, 'w', encoding='ascii') as file:
        file.write('correct horse\n')
    mounted = Mounted(folder, 'file', ['gocryptfs', '-q', '-fg', '-passfile', word, store, folder],
                      ['fusermount3', '-u', '-q', folder])
    if not os.path.exists(store):
        os.makedirs(store)
        subprocess.run(['gocryptfs', '-q', '-init', '-scryptn', '10', '-passfile', word, store], **quiet)
        with mounted as path:
            shutil.copyfile(plain, path)
    return mounted


def look(place, way, mounted, before=None):
    """Seconds that the reader took from open() on, in a file system that was mounted just now; @before: looked that way before."""
    warm, reader = [program(place, 'measure'), place.result, str(place.size // MIB + 512), 'true'], program(place, 'reader')
    with mounted as path:
        subprocess.run(warm, check=True)
        if before:
            said([reader, before, path])
        return said([reader, way, path])[0][0]


def in_turns(rounds, *looks):
    """Each look() goes first in turn; one round before them counts for nothing."""
    took = [[] for _ in looks]
    for turn in range(rounds + 1):
        for i in range(len(looks)):
            which = (i + turn) % len(looks)
            seconds = looks[which]()
            if turn > 0:
                took[which].append(seconds)
    return took


def mount(place, page, args):
    """Through a file system, mounted anew for each figure."""
    plain, sealed = pair(place)
    rounds = min(args.rounds, 4)
    read = {
        'as it is': lambda: look(place, 'read', of_coffer(place, sealed)),
        'without passthrough': lambda: look(place, 'read', of_coffer(place, sealed, '--no-passthrough')),
        'a FUSE server without cryptography': lambda: look(place, 'read', without_cryptography(place, plain)),
        'gocryptfs': lambda: look(place, 'read', of_gocryptfs(place, plain)),
    }
    try:
        for how, beside, target in (('without passthrough', 'a FUSE server without cryptography', 0.85), ('as it is', 'gocryptfs', 5),
                                    ('without passthrough', 'gocryptfs', None)):
            try:
                own, theirs = in_turns(rounds, read[how], read[beside])
            except Skip as why:
                page.skip('coffer mount beside ' + beside, str(why))
                continue
            page.row(f'coffer mount, {how}: open a file and read it through', beside, ratios(theirs, own), target)
            page.figure(f'coffer mount, {how}: open a file and read it through', own, place.size)
            page.figure(f'{beside}: open a file and read it through', theirs, place.size)
        random_reads(place, page, rounds, plain, sealed)
        passthrough(place, page, rounds, sealed)
    finally:
        remove(place.on('store'))


def random_reads(place, page, rounds, plain, sealed):
    reader, kept = program(place, 'reader'), place.off('kept')
    shutil.copyfile(plain, kept)
    remember(kept)
    own, first, beside = in_turns(rounds, lambda: look(place, 'random', of_coffer(place, sealed), before='touch'),
                                  lambda: look(place, 'random', of_coffer(place, sealed, '--no-passthrough')),
                                  lambda: said([reader, 'random', kept])[0][0])
    remove(kept)
    page.row('coffer mount, as it is: 1,000 times 1 MiB anywhere, of a file in use', 'the plain file in the page cache', ratios(beside, own), 0.5)
    page.row('coffer mount, without passthrough: 1,000 times 1 MiB anywhere, all new', 'the plain file in the page cache', ratios(beside, first))
    page.figure('coffer mount, as it is: 1,000 times 1 MiB anywhere, of a file in use', own, 1000 * MIB)
    page.figure('coffer mount, without passthrough: 1,000 times 1 MiB anywhere, all new', first, 1000 * MIB)


def passthrough(place, page, rounds, sealed):
    """Opening is part of it: with passthrough a file is opened whole when somebody opens it."""
    target, reader = place.on('target'), program(place, 'reader')
    whole = Run('coffer open', [place.coffer, 'open', '-q', sealed, '-o', target, *place.kek], target)

    def opened(way):
        took = whole.measure(place)[0] + said([reader, way, target])[0][0]
        remove(target)
        return took
    for way, words in (('touch', 'touch every page of a mapping'), ('read', 'read it through')):
        own, beside = in_turns(rounds, lambda: look(place, way, of_coffer(place, sealed)),  # pylint: disable=cell-var-from-loop
                               lambda: opened(way))  # pylint: disable=cell-var-from-loop
        page.row(f'coffer mount, as it is: open a file and {words}', 'coffer open to huge tmpfs, and the same', ratios(beside, own), 0.8)
        page.figure(f'coffer mount, as it is: open a file and {words}', own, place.size)


# ---- Python ----

def peers_python(place, *modules):
    """The interpreter that has the peers, and what it must find."""
    if not PEERS:
        raise Skip('COFFER_PEERS_LOAD names no Python with the peers; tests/peers/setup makes one')
    if modules:
        done = subprocess.run([PEERS, '-c', 'import ' + ', '.join(modules)], stderr=subprocess.PIPE, env=python_environment(place), check=False)
        if done.returncode:
            raise Skip('; '.join(done.stderr.decode('utf-8', 'replace').strip().splitlines()[-1:]))
    return PEERS


def python_environment(place):
    more = os.environ.get('PYTHONPATH')
    return {**os.environ, 'PYTHONPATH': os.path.join(place.build, 'python') + (':' + more if more else '')}


def python_said(place, script, *args):
    return said([PEERS, os.path.join(rig.HERE, script), *map(str, args)], env=python_environment(place))


def safetensors_file(path, size):
    """Tensors of 16 MiB, half of them F32 and half BF16, of random bytes."""
    each, header = 16 * MIB, {'__metadata__': {'format': 'pt'}}
    for i in range(size // each):
        kind, width = ('F32', 4) if i % 2 == 0 else ('BF16', 2)
        header[f't{i}'] = {'dtype': kind, 'shape': [each // width // 1024, 1024], 'data_offsets': [i * each, (i + 1) * each]}
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-(len(text) + 8) % 4096)
    noise(path, size)
    with open(path, 'rb') as data, open(path + '.new', 'wb') as out:
        out.write(struct.pack('<Q', len(text)) + text)
        shutil.copyfileobj(data, out, 16 * MIB)
    os.rename(path + '.new', path)


def python(place, page, args):
    """load_file() of a sealed safetensors file beside the safetensors package on the plain one, in one process."""
    peers_python(place, 'coffer', 'safetensors', 'numpy')
    plain, sealed = place.off('model.safetensors'), place.off('model.safetensors.coffer')
    try:
        safetensors_file(plain, place.size)
        rig.coffer_run(place, ['seal', plain, '-o', sealed])
        for framework in ('numpy', 'torch'):
            try:
                peers_python(place, framework)
                python_framework(place, page, args, framework, plain, sealed)
            except Skip as why:
                page.skip('Python, ' + framework, str(why))
        first = place.weights(place.size if args.quick else 8 * GIB)
        laps = python_said(place, 'python_load.py', 'first', 'numpy', first, place.kek[1], 16)[1:]
        page.row(f'Python: a 16 MiB tensor out of {size_text(os.path.getsize(first))}, safe_open() and get_tensor()', '',
                 [lap[0] * 1e3 for lap in laps], 5, at_most=True, unit=' ms')
    finally:
        remove(plain)
        remove(sealed)


def python_framework(place, page, args, framework, plain, sealed):
    for state in ('warm', 'cold'):
        for what in ('load', 'touch'):
            lines = python_said(place, 'python_load.py', what, framework, plain, sealed, place.kek[1], state, args.rounds)
            own, beside = zip(*lines)
            then = {'load': 'alone', 'touch': 'and every byte read'}[what]
            page.row(f'Python, {framework}: load_file(), {then}, {state}', 'safetensors on the plain file',
                     [o / b for o, b in zip(own, beside)], 1.1, at_most=True)
            page.figure(f'Python, {framework}: coffer load_file(), {then}, {state}', own, place.size)
            page.figure(f'Python, {framework}: safetensors load_file(), {then}, {state}', beside, place.size)
    (beyond,), = python_said(place, 'python_load.py', 'memory', framework, sealed, place.kek[1])
    page.row(f'Python, {framework}: memory that load_file() takes beyond its tensors', '', [beyond / MIB], 64, at_most=True, unit=' MiB')


# ---- other people's loaders ----

LOADERS = [
    ('gcm', 'Python, AESGCM of a whole file', 1),
    ('secretbox', 'Python, XSalsa20-Poly1305 in 2 MiB (PyNaCl, one thread)', 1),
    ('tensorizer', "tensorizer's decryption (XSalsa20-Poly1305, all cores)", 1),
    ('jwe', 'one JWE a file (jwcrypto, as KServe)', 4),
]


def loaders(place, page, args):
    """Sealed weights into a Python program's memory, beside what others use for that."""
    peers_python(place, 'coffer')
    for name, what, share in LOADERS:
        size = place.size // 2 // share
        plain, sealed, theirs = place.on('loader'), place.on('loader.coffer'), place.on('loader.' + name)
        try:
            noise(plain, size)
            rig.coffer_run(place, ['seal', plain, '-o', sealed])
            own, beside = zip(*python_said(place, 'loaders.py', name, plain, theirs, sealed, place.kek[1], args.peer_rounds))
        except Skip as why:
            page.skip(what, str(why))
            continue
        finally:
            for path in (plain, sealed, theirs):
                remove(path)
        page.row(f'open {size_text(size)} into the memory of a Python program', what, ratios(beside, own), 7)
        page.figure(f'coffer, {size_text(size)} into the memory of a Python program', own, size)
        page.figure(f'{what}, {size_text(size)}', beside, size)
