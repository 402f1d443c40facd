#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare coffer's speed with that of other programs, side by side, and write docs/benchmarks.md.

usage: tests/bench/run.py [--build BUILD] [--out FILE] [--rounds N] [--quick] [--only WORD]

--quick takes small files and three rounds, to see that it works.  --only takes the sections whose name holds WORD and writes no
page.  Whatever is compared takes turns within a round; a ratio is taken within each round, and its median and range are shown.
"""
import argparse
import atexit
import datetime
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys

import loading
from rig import (GIB, HERE, MIB, ROOT, Page, Place, Run, Skip, coffer_plain, coffer_run, compete, forget, memory_gib, noise, ratios,
                 remember, remove, settle, size_text, sparse_weights)


# ---- the sections ----

def records(place, page, args):
    """One record in cache, one core."""
    program = os.path.join(place.build, 'bench', 'aead')
    if not os.path.exists(program):
        raise Skip('this machine has no libipsec-mb')
    out = subprocess.run(['taskset', '-c', '0', program], stdout=subprocess.PIPE, check=False).stdout.decode()
    for size, ratio in re.findall(r'(\d+) KiB +ratio ([\d.]+)', out):
        page.row(f'open a record of {size} KiB, one core, in cache', 'libipsec-mb called directly', [float(ratio)], 0.97)
    for size, way, rate in re.findall(r'(\d+) KiB +(\S.*?) +([\d.]+) GB/s', out):
        page.figures.append((f'a record of {size} KiB, one core: {way}', '', '', f'{rate} GB/s'))


def files(place, page, args):
    """Seal and open from the page cache to huge pages, beside cp."""
    plain, target = place.on('plain'), place.on('target')
    for home, path in (('tmpfs', place.on), ('the page cache of the disk', place.off)):
        if home != 'tmpfs':
            shutil.copyfile(plain, path('plain'))
            settle(path('plain'))
        coffer_run(place, ['seal', path('plain'), '-o', path('sealed')])
        for verb, source in (('seal', path('plain')), ('open', path('sealed'))):
            remember(source)
            own, beside = compete(place, args.rounds, [
                Run(f'coffer {verb}', [place.coffer, verb, '-q', source, '-o', target, *place.kek], target),
                Run('cp', ['cp', source, target], target)])
            page.row(f'{verb}, {home} to tmpfs, all cores', 'cp of the same bytes', ratios(beside, own), 1.0)
            page.figure(f'coffer {verb}, {home} to tmpfs', own, place.size)
            page.figure(f'cp, {home} to tmpfs ({verb})', beside, place.size)


def cold(place, page, args):
    """Open a file that is on disk alone."""
    sealed, target = place.off('sealed'), place.on('target')
    if not os.path.exists(sealed):
        coffer_run(place, ['seal', place.on('plain'), '-o', sealed])

    def before():
        forget(sealed)
    dd = ['dd', 'iflag=direct', 'bs=1M', 'status=none', 'if=' + sealed, 'of=/dev/null']
    own, check, beside = compete(place, args.rounds, [
        Run('coffer open', [place.coffer, 'open', '-q', sealed, '-o', target, *place.kek], target, before),
        Run('coffer check', [place.coffer, 'check', '-q', sealed, *place.kek], None, before),
        Run('dd', dd, None, before)])
    page.row('open, cold disk to tmpfs', 'dd iflag=direct to /dev/null', ratios(beside, own), 0.97)
    page.row('check, cold disk', 'dd iflag=direct to /dev/null', ratios(beside, check), 0.97)
    for name, took in (('coffer open, cold disk to tmpfs', own), ('coffer check, cold disk', check),
                       ('dd iflag=direct, cold disk', beside)):
        page.figure(name, took, place.size)


def peers(place, page, args):
    """The same job done by other programs, one after the other beside coffer."""
    size = place.size // 2
    os.truncate(place.on('plain'), size)
    coffer_run(place, ['seal', place.on('plain'), '-o', place.on('sealed')])
    for name, reach, prepare in PEERS:
        try:
            seal, open_, done = prepare(place)
        except Skip as why:
            page.skip(name, why)
            continue
        try:
            for verb, source, other in (('seal', place.on('plain'), seal), ('open', place.on('sealed'), open_)):
                own, beside = compete(place, args.peer_rounds, [
                    Run('coffer ' + verb, [place.coffer, verb, '-q', source, '-o', place.on('target'), *place.kek],
                        place.on('target')), other])
                page.row(f'{verb}, tmpfs to tmpfs', name, ratios(beside, own), reach)
                page.figure(f'{name}, {verb}', beside, size)
                if verb == 'seal':
                    seal.measure(place)  # what the other program shall open
        except Skip as why:
            page.skip(name, why)
        finally:
            done()
            remove(place.on('peer'))
            remove(place.on('opened'))


def tool(name):
    if not shutil.which(name):
        raise Skip(f'{name} is not installed')
    return name


def nothing():
    pass


def both(place, seal, open_):
    """The two runs of a peer, which seals plain to peer and opens that to opened."""
    return (Run('seal', seal, place.on('peer')), Run('open', open_, place.on('opened')), nothing)


def age(place):
    identity = place.off('age')
    remove(identity)
    subprocess.run([tool('age-keygen'), '-o', identity], check=True, stderr=subprocess.DEVNULL)
    recipient = subprocess.run(['age-keygen', '-y', identity], check=True, stdout=subprocess.PIPE).stdout.decode().strip()
    return both(place, ['age', '-e', '-r', recipient, '-o', place.on('peer'), place.on('plain')],
                ['age', '-d', '-i', identity, '-o', place.on('opened'), place.on('peer')])


def openssl(place):
    common = [tool('openssl'), 'enc', '-aes-256-ctr', '-pbkdf2', '-pass', 'file:' + place.key]
    return both(place, [*common, '-e', '-in', place.on('plain'), '-out', place.on('peer')],
                [*common, '-d', '-in', place.on('peer'), '-out', place.on('opened')])


def python(method):
    def prepare(place):
        program = os.path.join(HERE, 'peers.py')
        if subprocess.run([PYTHON, '-c', 'import cryptography'], stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skip('python3-cryptography is not installed')
        return both(place, [PYTHON, program, method, 'seal', place.on('plain'), place.on('peer')],
                    [PYTHON, program, method, 'open', place.on('peer'), place.on('opened')])
    return prepare


def gocryptfs(place):
    """Copying into and out of a mounted gocryptfs; mounted anew each time, so that nothing is in its page cache."""
    tool('gocryptfs')
    store, mount = place.on('peer'), place.off('mount')
    unmount = [shutil.which('fusermount3') or shutil.which('fusermount'), '-u', '-z', '-q', mount]
    if not unmount[0] or not os.path.exists('/dev/fuse'):
        raise Skip('FUSE is not there; ' + gocryptfs_speed())
    for folder in (store, mount):
        os.makedirs(folder, exist_ok=True)
    quiet = {'check': False, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    common = ['gocryptfs', '-q', '-passfile', place.off('word')]
    with open(place.off('word'), 'w', encoding='ascii') as file:
        file.write('correct horse\n')
    subprocess.run([*common, '-init', '-scryptn', '10', store], **quiet)

    def done():
        subprocess.run(unmount, **quiet)

    def anew():
        done()
        if subprocess.run([*common, store, mount], **quiet).returncode:
            raise Skip('it could not be mounted (FUSE is needed); ' + gocryptfs_speed())

    def empty():
        anew()
        remove(os.path.join(mount, 'plain'))
        anew()
    anew()
    return (Run('seal', ['cp', place.on('plain'), os.path.join(mount, 'plain')], None, empty),
            Run('open', ['cp', os.path.join(mount, 'plain'), place.on('opened')], place.on('opened'), anew), done)


def gocryptfs_speed():
    out = subprocess.run(['gocryptfs', '-speed'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
    found = re.search(rb'AES-GCM-256-OpenSSL\s+([\d.]+ MB/s)', out)
    return 'gocryptfs -speed says ' + (found.group(1).decode() if found else 'nothing') + ' for its cipher alone'


PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else 'python3'
PEERS = [
    ('age', 7, age),
    ('openssl enc -aes-256-ctr (no authentication)', 7, openssl),
    ('Python, AES-256-GCM in one call', 7, python('gcm')),
    ('Python, AES-256-CFB and HMAC in pieces', 7, python('cfb')),
    ('gocryptfs, copy into and out of the mount', 7, gocryptfs),
]


def hashes(place, page, args):
    """Eight files, one core."""
    names = [place.on(f'shard{i}') for i in range(8)]
    for name in names:
        noise(name, place.size // 8)
    try:
        one_core = ['taskset', '-c', '0']
        own, beside = compete(place, args.rounds, [
            Run('coffer hash', [*one_core, place.coffer, 'hash', '-q', *names]),
            Run('sha256sum', [*one_core, 'sha256sum', *names])])
    finally:
        for name in names:
            remove(name)
    page.row('SHA-256 of 8 files, one core', 'sha256sum', ratios(beside, own), 2.5)
    page.figure('coffer hash of 8 files, one core', own, place.size)
    page.figure('sha256sum of 8 files, one core', beside, place.size)


def signatures(place, page, args):
    """Eight shards: sign and verify."""
    model, signature, theirs = place.on('model'), place.on('model.sig'), place.on('theirs.sig')
    key = place.on('signing.pem')
    os.mkdir(model)
    for i in range(8):
        noise(os.path.join(model, f'model-{i + 1:05d}-of-00008.safetensors'), place.size // 8)
    names = [os.path.join(model, name) for name in sorted(os.listdir(model))]
    verbs = {
        'sign': ['sign', 'key', model, '--signature', signature, '--private-key', key],
        'verify': ['verify', 'key', model, '--signature', signature, '--public-key', key + '.pub'],
    }
    try:
        coffer_plain(place, ['keygen', '--kind', 'p256', '-o', key])
        coffer_plain(place, [*verbs['sign']])
        for verb, words in verbs.items():
            target = signature if verb == 'sign' else None
            one_core = ['taskset', '-c', '0']
            own, beside = compete(place, args.rounds, [
                Run(f'coffer {verb}', [*one_core, place.coffer, *words, '-q'], target),
                Run('sha256sum', [*one_core, 'sha256sum', *names])])
            page.row(f'{verb} 8 shards, one core', 'sha256sum', ratios(beside, own), 2.5)
            page.figure(f'coffer {verb}, 8 shards, one core', own, place.size)
            remove(signature)
            coffer_plain(place, [*verbs['sign']])
        page.row('peak memory, sign 8 shards', '', [Run('coffer sign', [place.coffer, *verbs['sign']], signature).measure(place)[1]],
                 64, at_most=True, unit=' MiB')
        model_signing(place, page, args, verbs, key, theirs)
        seal_and_sign(place, page, args, model, key)
    finally:
        for path in (model, signature, theirs, key, key + '.pub'):
            remove(path)


def model_signing(place, page, args, verbs, key, theirs):
    """The Python reference on the same model: its command, interpreter and all, and the time that its library takes alone."""
    python = os.environ.get('COFFER_PEERS_PYTHON', '')
    if not python or subprocess.run([python, '-c', 'import model_signing'], stderr=subprocess.DEVNULL, check=False).returncode:
        page.skip('model_signing', 'COFFER_PEERS_PYTHON names no Python that has it; tests/peers/setup makes one')
        return
    model = place.on('model')
    theirs_do = {
        'sign': [python, '-m', 'model_signing', 'sign', 'key', '--signature', theirs, '--private_key', key, model],
        'verify': [python, '-m', 'model_signing', 'verify', 'key', '--signature', theirs, '--public_key', key + '.pub', model],
    }
    for verb, words in verbs.items():
        target = place.on('model.sig') if verb == 'sign' else None
        other = theirs if verb == 'sign' else None
        if verb == 'verify':
            coffer_plain(place, [*verbs['sign']])
            subprocess.run(theirs_do['sign'], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        own, beside = compete(place, args.peer_rounds, [Run(f'coffer {verb}', [place.coffer, *words, '-q'], target),
                                                        Run(f'model_signing {verb}', theirs_do[verb], other)])
        page.row(f'{verb} 8 shards, all cores', "model_signing's command", ratios(beside, own), 3)
        page.figure(f'coffer {verb}, 8 shards, all cores', own, place.size)
        page.figure(f"model_signing's command, {verb}", beside, place.size)
        if verb == 'sign':
            continue
        alone = [peer_seconds([python, os.path.join(HERE, 'peers.py'), 'oms-verify', model, theirs, key + '.pub'])
                 for _ in range(args.peer_rounds)]
        page.row(f'{verb} 8 shards, all cores', "model_signing's library, without starting Python", ratios(alone, own), 3)
        page.figure(f"model_signing's library, {verb}", alone, place.size)


def seal_and_sign(place, page, args, model, key):
    """What signing adds to sealing."""
    plain, signed = compete(place, args.rounds, [
        Run('seal', [place.coffer, 'seal', '-q', model, '-o', place.on('target'), *place.kek], place.on('target')),
        Run('seal --sign', [place.coffer, 'seal', '-q', model, '-o', place.on('target'), *place.kek, '--sign', key],
            place.on('target'))])
    page.row('seal and sign 8 shards, all cores', 'sealing alone', ratios(plain, signed))
    page.figure('seal 8 shards, all cores', plain, place.size)
    page.figure('seal --sign 8 shards, all cores (both signatures)', signed, place.size)


def peer_seconds(command):
    """What the program says that its work took."""
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def rotation(place, page, args):
    """New recipients: a big model against a small one."""
    small, big_one = place.off('small'), place.off('big')
    for path, size in ((small, GIB), (big_one, 100 * GIB)):
        made = subprocess.run([sys.executable, os.path.join(HERE, 'sparse.py'), 'sealed', path, str(size), place.key],
                              stderr=subprocess.PIPE, check=False)
        if made.returncode:
            raise Skip('a sparse sealed file could not be made: ' + made.stderr.decode().strip().splitlines()[-1])
    command = [place.coffer, 'rewrap', '-q', *place.kek, '--add', place.kek[1]]
    of_small, of_big = compete(place, max(args.rounds, 11), [Run('1 GiB', [*command, small]), Run('100 GiB', [*command, big_one])])
    remove(small)
    remove(big_one)
    page.row('rewrap a model of 100 GiB (sparse)', 'the same of 1 GiB', ratios(of_small, of_big), 0.9)
    page.figure('coffer rewrap, 1 GiB, on disk', of_small)
    page.figure('coffer rewrap, 100 GiB (sparse), on disk', of_big)


def audit(place, page, args):
    """The log of key use: verifying a long one, and what writing costs."""
    count = 50000 if args.quick else 1000000
    make = os.path.join(place.build, 'bench', 'audit_log')
    log, batch, single = place.off('long-log'), place.off('batch-log'), place.off('single-log')
    place.room(GIB)
    try:
        subprocess.run([make, log, str(count)], stdout=subprocess.DEVNULL, check=True)
        parts = sorted(os.path.join(log, name) for name in os.listdir(log) if name.startswith('audit'))
        verify, beside = compete(place, args.rounds, [Run('verify', [place.coffer, 'audit', 'verify', '-q', log]),
                                                      Run('sha256sum', ['sha256sum', *parts])])
        page.row(f'verify an audit log of {count:,} records', '', verify, 5, at_most=True, unit=' s')
        page.row(f'verify an audit log of {count:,} records', 'sha256sum of the same files', ratios(beside, verify), 1)
        for what, folder, size in (('1,000 records in one batch', batch, 1000), ('a record by itself', single, 1)):
            took = [float(subprocess.run([make, folder, '1000' if size > 1 else '1', str(size)], stdout=subprocess.PIPE,
                                         check=True).stdout) for _ in range(args.rounds)]
            page.figure(f'audit log on disk: {what}, and a checkpoint', took)
        plain, sealed = place.off('small-model'), place.off('small-model.coffer')
        noise(plain, 4 * MIB)
        coffer_run(place, ['seal', plain, '-o', sealed])
        check = [place.coffer, 'check', '-q', sealed, *place.kek]
        off, on = compete(place, max(args.rounds, 11), [Run('off', ['env', 'COFFER_AUDIT=off', *check]),
                                                        Run('on', ['env', 'COFFER_AUDIT=' + place.off('audit'), *check])])
        page.row('check a model of 4 MiB, with the audit log on disk', 'the same with COFFER_AUDIT=off', ratios(off, on))
        page.figure('coffer check, 4 MiB, with the audit log on disk', on)
        page.figure('coffer check, 4 MiB, COFFER_AUDIT=off', off)
    finally:
        for path in (log, batch, single, place.off('small-model'), place.off('small-model.coffer')):
            remove(path if os.path.lexists(path) else None)


def rotation_of_many(place, page, args):
    """New recipients for 1,000 models, files and folders, on the disk."""
    many = 100 if args.quick else 1000
    tree, plain, other = place.off('models'), place.off('plain'), place.off('other.key')
    with open(plain, 'wb') as file:
        file.write(os.urandom(1000))
    with open(other, 'wb') as file:
        file.write(os.urandom(32))
    os.chmod(other, 0o600)
    os.makedirs(os.path.join(place.disk, 'one'))
    shutil.copy(plain, os.path.join(place.disk, 'one', 'weights.bin'))
    for source, out in ((plain, 'one.coffer'), (os.path.join(place.disk, 'one'), 'one.sealed')):
        subprocess.run([place.coffer, 'seal', '-q', source, '-o', place.off(out), *place.kek], check=True)
    os.mkdir(tree)
    for i in range(many // 2):
        shutil.copy(place.off('one.coffer'), os.path.join(tree, f'{i}.coffer'))
        shutil.copytree(place.off('one.sealed'), os.path.join(tree, f'{i}.sealed'))
    os.sync()
    kek = 'file:' + other
    there = [place.coffer, 'rewrap', '-q', '--all', tree, *place.kek, '--add', kek, '--remove', place.kek[1]]
    back = [place.coffer, 'rewrap', '-q', '--all', tree, '--kek', kek, '--add', place.kek[1], '--remove', kek]
    seconds = []
    for _ in range(max(args.rounds, 3)):
        seconds += [Run('there', there).measure(place)[0], Run('back', back).measure(place)[0]]
    settled = [Run('again', back).measure(place)[0] for _ in range(args.rounds)]
    remove(tree)
    page.row(f'rewrap --all of {many} models, half files and half folders', '', seconds, 2 * many / 1000, at_most=True, unit=' s')
    page.figure(f'coffer rewrap --all, {many} models, on disk ({many / statistics.median(seconds):.0f} models a second)', seconds)
    page.figure(f'the same again, nothing to change ({many / statistics.median(settled):.0f} models a second)', settled)


def backups(place, page, args):
    """Eight sealed shards into a store, on the tmpfs: the first time, and again when nothing has changed."""
    plain, model, store, copy = (place.on(name) for name in ('shards', 'shards.sealed', 'store', 'copy'))
    os.environ['XDG_STATE_HOME'] = place.disk
    os.mkdir(plain)
    for i in range(8):
        noise(os.path.join(plain, f'{i}.bin'), place.size // 8)
    coffer_run(place, ['seal', plain, '-o', model])
    remove(plain)
    create = [place.coffer, 'backup', 'create', model, '-q', '--store', store, '--models-only', *place.kek]
    first, beside = compete(place, args.rounds, [Run('coffer backup create', [*create, '--init'], store),
                                                 Run('cp -r', ['cp', '-r', model, copy], copy)])
    Run('coffer backup create', [*create, '--init'], store).measure(place)
    again, = compete(place, args.rounds, [Run('coffer backup create', create)])
    verify, hashed = compete(place, args.rounds, [
        Run('coffer backup verify', [place.coffer, 'backup', 'verify', '-q', 'latest', '--store', store]),
        Run('sha256sum', ['sh', '-c', 'exec sha256sum "$0"/*', model])])
    for path in (model, store):
        remove(path)
    page.row('first backup of 8 shards, tmpfs to tmpfs, all cores', 'cp -r of the same, which hashes nothing', ratios(beside, first))
    page.row('backup of 8 shards that did not change', 'the first one', ratios(first, again), 20)
    page.row('verify a backup of 8 shards', 'sha256sum, on one core', ratios(hashed, verify), 2.5)
    page.figure('coffer backup create, 8 shards, the first time', first, place.size)
    page.figure('coffer backup create, nothing changed', again)
    page.figure('coffer backup verify', verify, place.size)


def big(place, page, args):
    """Memory at any size, and one tensor of a big file."""
    sizes = [64 * MIB, place.size] if args.quick else [64 * MIB, GIB, 8 * GIB]
    place.room(2 * max(sizes))
    plain, sealed, target = place.off('weights.safetensors'), place.off('weights.coffer'), place.off('target')
    try:
        for size in sizes:
            remove(plain)
            remove(sealed)
            sparse_weights(plain, size)
            for verb, source, out in (('seal', plain, sealed), ('open', sealed, target)):
                _, peak = Run(verb, [place.coffer, verb, '-q', source, '-o', out, *place.kek], out).measure(place)
                page.row(f'peak memory, {verb} {size_text(size)}', '', [peak], 64, at_most=True, unit=' MiB')
            remove(target)
        first_tensor(place, page, sealed, max(sizes))
        os.rename(sealed, place.off(f'weights-{max(sizes)}.coffer'))  # see Place.weights()
    finally:
        for path in (plain, sealed, target):
            remove(path)


def first_tensor(place, page, sealed, size):
    name = 't0'
    tensor = ['open', '-q', sealed, '-o', place.on('tensor'), *place.kek, '--tensor', name]
    whole = compete(place, 7, [Run('coffer open --tensor', [place.coffer, *tensor, '--force'], place.on('tensor'))])[0]
    out = subprocess.run([os.path.join(place.build, 'bench', 'first_tensor'), sealed, 'file:' + place.key, name],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    laps = [[float(word) for word in line.split()] for line in out.splitlines()][1:]
    text = f'a 16 MiB tensor out of {size_text(size)}'
    page.row(text + ', in a program that runs', '', [lap[0] for lap in laps], 5, at_most=True, unit=' ms')
    page.row(text + ', coffer open --tensor, all of it', '', [took * 1e3 for took in whole], unit=' ms')
    for i, part in enumerate(('opening the model', 'its list of tensors', 'reading the tensor'), 1):
        page.figure(f'{text}: {part}', [lap[i] / 1e3 for lap in laps])


SECTIONS = [
    ('records', records),
    ('files', files),
    ('cold', cold),
    ('peers', peers),
    ('hash', hashes),
    ('sign', signatures),
    ('rewrap', rotation),
    ('audit', audit),
    ('rotation', rotation_of_many),
    ('backup', backups),
    ('big', big),
    ('load', loading.load),
    ('run', loading.run),
    ('mount', loading.mount),
    ('python', loading.python),
    ('loaders', loading.loaders),
]


# ---- the page ----

def now():
    return datetime.datetime.now(datetime.timezone.utc)


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        found = re.search(r'model name\s*: (.*)', file.read())
    return found.group(1) if found else platform.machine()


def ticks():
    """Ticks of all processors: all, and those that the host gave to others."""
    with open('/proc/stat', encoding='ascii') as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    return sum(fields), fields[7]


def system():
    with open('/etc/os-release', encoding='utf-8') as file:
        found = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return f'{found.group(1) if found else "Linux"}, Linux {platform.release()}'


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + ' --- |' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


def write_page(path, page, place, facts):
    reached = [row for row in page.rows if row[5] == 'yes']
    missed = [row for row in page.rows if row[5] == 'no']
    text = f"""# Benchmarks

Written by `make bench`. Every ratio was taken in one run on one machine, whatever is compared taking turns; above 1 means that
coffer is faster; where the target is a limit (≤) it is coffer's time over the other's. Absolute figures, further down, are those of this machine and move with it; on a virtual machine they are
partly the host's.

{table(('', ''), facts)}

{len(reached)} of {len(reached) + len(missed)} targets are reached.{missing(missed)}

## Ratios and limits

{table(('what', 'beside', 'median', 'range', 'target', 'reached'), page.rows)}

## Absolute

{table(('what', 'median', 'best', 'rate at the median'), page.figures)}
{not_measured(page.skipped)}
## How

* Files hold random bytes, {size_text(place.size)} of them where no size is named. Targets are new files each time, on
  {place.about}.
* Before each run memory is taken and given back, and what makes a file is run twice in a row, and the second time counts:
  memory that comes fresh from the host of a virtual machine costs more than everything that is measured here. Programs by others get files of half the size.
* "all of it" is a process from its start to its end. "In a program that runs" is from `coffer_model_open()` to the last verified
  byte in memory.
* Cold means that the page cache holds nothing of the file (`posix_fadvise`); the host's cache may.
* `openssl enc` does not authenticate: it opens a changed file without a word. The Python rows are scripts of a few lines
  (`tests/bench/peers.py`) under {python_version()}; that with CFB models the loop of IBM's model-encryption.
* Peak memory is the largest resident set of the process; pages of a tmpfs or of the page cache are not in it.
* In `load` and `loaders` one process takes all turns, the plain ways too, and its start is in no figure. All cores are
  {os.cpu_count()}. A range that begins anywhere lies in two records of 1 MiB, and both are opened for it.
* A mount is new for each figure, so that each reads what nobody has read before it; opening the file is in the figure. "As it
  is" means with passthrough for root where the kernel has it; "a file in use" was opened by another program before.
* `coffer run` is a process from its start to its end, that of the program in it included; its sealed file is in the page cache.
* `load_file()` of safetensors maps the plain file for torch and reads nothing: "alone" holds that against opening all of it, which
  is why the rows in which every byte is read are there. Memory is the peak of the resident set over what it was before the call.
* Other people's loaders end with all of it in memory of the process, as coffer does, and write no file{loaders_version()}.
* The sparse model of 100 GiB has a good head and key block and no payload: rewrapping reads and writes nothing else.
* Nothing here passes or fails: `make check` times nothing.
"""
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text)


def loaders_version():
    script = ('from importlib.metadata import version, PackageNotFoundError\n'
              'for name in ("cryptography", "PyNaCl", "tensorizer", "jwcrypto", "safetensors", "torch", "numpy"):\n'
              '    try: print(name, version(name))\n'
              '    except PackageNotFoundError: pass')
    done = subprocess.run([loading.PEERS or 'false', '-c', script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return ': ' + ', '.join(done.stdout.decode().splitlines()) if done.stdout else ''


def missing(rows):
    return ' Not reached: ' + '; '.join(f'{row[0]}{" beside " + row[1] if row[1] else ""} ({row[2]}, target {row[4]})'
                                        for row in rows) + '.' if rows else ''


def not_measured(skipped):
    return '\n## Not measured\n\n' + '\n'.join(f'* {what}: {why}' for what, why in skipped) + '\n' if skipped else ''


def python_version():
    script = ('import platform, cryptography; from cryptography.hazmat.backends.openssl import backend as b;'
              'print("Python", platform.python_version(), "with cryptography", cryptography.__version__, "and",'
              ' " ".join(b.openssl_version_text().split()[:2]))')
    done = subprocess.run([PYTHON, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode().strip() or 'Python'


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--out', default=os.path.join(ROOT, 'docs', 'benchmarks.md'))
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--only', default='')
    args = parser.parse_args()
    size = 64 * MIB if args.quick or memory_gib('MemAvailable') < 8 else GIB
    args.rounds = 3 if args.quick else args.rounds
    args.peer_rounds = min(args.rounds, 5)
    place = Place(os.path.realpath(args.build), size)
    atexit.register(place.clean)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: sys.exit(f'bench: stopped by signal {which}'))
    if size != GIB and not args.quick:
        print('bench: under 8 GiB of memory are free, so files are small and ratios worth little')

    start, before, load = now(), ticks(), os.getloadavg()[0]
    page = Page()
    noise(place.on('plain'), size)
    coffer_run(place, ['seal', place.on('plain'), '-o', place.on('sealed')])
    for name, section in SECTIONS:
        if args.only not in name:
            continue
        print(f'{name} ({(now() - start).seconds} s): {section.__doc__.splitlines()[0]}', flush=True)
        try:
            section(place, page, args)
        except (Skip, OSError, subprocess.SubprocessError) as why:
            page.skip(name, str(why))
    after = ticks()
    stolen = 100 * (after[1] - before[1]) / max(after[0] - before[0], 1)
    version = subprocess.run([place.coffer, 'version'], stdout=subprocess.PIPE, check=False).stdout.decode().split('\n')
    facts = [
        ('coffer', ', '.join(line.strip() for line in version if line.strip())),
        ('processor', f'{processor()}, {os.cpu_count()} cores, {memory_gib("MemTotal"):.0f} GiB of memory'),
        ('system', system()),
        ('taken', f'{start:%Y-%m-%d %H:%M} UTC, in {(now() - start).seconds} s'),
        ('quiet?', f'load {load:.1f} at the start, {stolen:.1f} % of the time stolen by the host'),
    ]
    if load > os.cpu_count() / 4 or stolen > 2:
        facts[-1] = ('quiet?', f'**no: other programs were running, so take these figures as rough**; {facts[-1][1]}')
    for key, value in facts:
        print(f'{key}: {value}')
    if not args.only:
        write_page(args.out, page, place, facts)
        print('written: ' + os.path.relpath(args.out))


if __name__ == '__main__':
    main()
