#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models and places that are awkward, or that change underneath: each has its documented answer, and takes no more than its memory.

usage: tests/signing/bad_input.py COFFER [WORD…]

Where something happens while coffer is at work, strace stops it at a certain system call, the thing happens, and it goes on.
"""
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'fault'))

import rig  # noqa: E402

MIB = 1 << 20
NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')
TREE = {'m/a.bin': bytes(range(256)) * 4096, 'm/b/c.bin': b'c' * 700, 'm/empty': b''}
WALKED = 'getdents64', 4  # TREE is listed: m and b, each with what it holds and with its end
READING = 'pread64', 2  # of the file that is named


class Pen:
    """A folder with a model, a key pair, and the command."""

    def __init__(self, coffer, folder, tree):
        self.coffer, self.folder = coffer, folder
        rig.write_tree(folder, tree)
        os.chmod(folder, 0o755)
        self.ok('keygen', '--kind', 'p256', '-o', 'key')

    def at(self, *parts):
        return os.path.join(self.folder, *parts)

    def run(self, *argv, before=()):
        return rig.execute([*before, self.coffer, *argv], self.folder)

    def ok(self, *argv, before=()):
        outcome = self.run(*argv, before=before)
        if outcome.status != 0:
            raise rig.Bad(f'{argv} exits {outcome.status}: {rig.last_line(outcome.err)}')
        return outcome

    def refused(self, name, *argv, before=()):
        judge(self.run(*argv, before=before), name)

    def sign(self, model='m', signature='m.sig', *more):
        return ('sign', 'key', '--private-key', 'key', '--signature', signature, *more, model)

    def verify(self, model='m', signature='m.sig', *more):
        return ('verify', 'key', '--public-key', 'key.pub', '--signature', signature, *more, model)

    def signed(self, *more):
        """Sign, verify, and give back what was signed."""
        self.ok(*self.sign(), *more)
        self.ok(*self.verify())

    def held(self, point, change, *argv, path=None):
        """Run argv; at the point, stop it, let the change happen, and go on."""
        call, nth = point
        log = self.at('log')
        only = ['-P', self.at(path)] if path else []
        command = ['strace', '-f', '-o', log, *only, '-e', f'trace={call}', '-e', f'inject={call}:signal=SIGSTOP:when={nth}',
                   self.coffer, *argv]
        # who is traced cannot look for leaks, and must not end with an error for that
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'})
        pid = stopped(process, log)
        change()
        os.kill(pid, signal.SIGCONT)
        out, err = process.communicate(timeout=rig.LIMIT)
        os.unlink(log)
        return rig.Outcome(process.returncode, out, err)

    def measured(self, *argv):
        """(seconds, peak in MiB) of a run that ends with 0."""
        start = time.monotonic()
        process = subprocess.Popen([self.coffer, *argv], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise rig.Bad(f'{argv} exits {process.returncode}: {rig.last_line(said)}')
        return time.monotonic() - start, usage.ru_maxrss / 1024


def stopped(process, log):
    """The process that strace holds, as soon as it is stopped."""
    until = time.monotonic() + rig.LIMIT
    while time.monotonic() < until and process.poll() is None:
        if os.path.exists(log):
            with open(log, encoding='utf-8', errors='replace') as file:
                if 'stopped by SIGSTOP' in file.read():
                    with open(f'/proc/{process.pid}/task/{process.pid}/children', encoding='ascii') as children:
                        return int(children.read().split()[0])
        time.sleep(0.005)
    process.kill()
    raise rig.Bad(f'was never stopped; the rig is blind: {process.communicate()[1]}')


def judge(outcome, name):
    """It ended with that error, and with no word of success."""
    code = CODES[name]
    if outcome.status != code or not rig.last_line(outcome.err).endswith(f'[{name}]'):
        raise rig.Bad(f'exits {outcome.status}, not {code} {name}: {rig.last_line(outcome.err)}')
    if re.search(r'^verified', outcome.out + outcome.err, re.MULTILINE):
        raise rig.Bad('says that it is verified')


CODES = {'USAGE': 2, 'NOTFOUND': 3, 'PERM': 4, 'AUTH': 5, 'FILESET': 5, 'FORMAT': 5, 'SIGNATURE': 6, 'EXISTS': 10, 'CHANGED': 10,
         'BUSY': 10, 'SPACE': 12}


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


# ---- many and large ----

def many_files(pen):
    """100,000 files: memory is that of a few, and of what lists them."""
    n = 100_000
    for i in range(n):
        if i % 1000 == 0:
            os.makedirs(pen.at('m', f'{i // 1000:03d}'))
        write(pen.at('m', f'{i // 1000:03d}', f'{i:06d}'), b'%d' % i)
    signing = pen.measured(*pen.sign())
    verifying = pen.measured(*pen.verify())
    size = os.path.getsize(pen.at('m.sig')) / MIB
    # the text of the bundle, the statement in it, and what becomes of them; docs/signing.md says how much
    for what, (_, peak), bound in (('sign', signing, 90), ('verify', verifying, 70)):
        if peak > bound:
            raise rig.Bad(f'{what} takes {peak:.0f} MiB, more than {bound:.0f}')
    os.unlink(pen.at('m', '050', '050000'))
    pen.refused('FILESET', *pen.verify())
    return (f'sign {signing[0]:.1f} s, {signing[1]:.0f} MiB; verify {verifying[0]:.1f} s, {verifying[1]:.0f} MiB; '
            f'the signature {size:.0f} MiB')


def eight_files(pen):
    """8 files of 64 MiB, read side by side, in 64 MiB."""
    os.mkdir(pen.at('m'))
    for i in range(8):
        with open(pen.at('m', str(i)), 'wb') as file:
            for j in range(64):
                file.write(bytes([i, j]) * (MIB // 2))
    peaks = [pen.measured(*pen.sign())[1], pen.measured(*pen.verify())[1]]
    peaks.append(pen.measured(*pen.sign('m', 's.sig', '--serialization', 'shards', '--shard-size', '16M'))[1])
    peaks.append(pen.measured(*pen.verify('m', 's.sig'))[1])
    if max(peaks) > 64:
        raise rig.Bad(f'takes {max(peaks):.0f} MiB')
    return ', '.join(f'{peak:.0f} MiB' for peak in peaks)


def sparse(pen):
    """5 GiB of nothing: sizes past 32 bits, in files and in shards."""
    with open(pen.at('big'), 'wb') as file:
        file.truncate(5 << 30)
    pen.ok(*pen.sign('big', 'big.sig', '--serialization', 'shards', '--shard-size', '1G'))
    with open(pen.at('big'), 'r+b') as file:
        file.seek((5 << 30) - 1)
        file.write(b'x')
    pen.refused('AUTH', *pen.verify('big', 'big.sig'))


def no_bytes(pen):
    write(pen.at('one'), b'')
    pen.ok(*pen.sign('one', 'one.sig'))
    pen.ok(*pen.verify('one', 'one.sig'))
    write(pen.at('one'), b'x')
    pen.refused('AUTH', *pen.verify('one', 'one.sig'))
    os.mkdir(pen.at('void'))
    pen.refused('USAGE', *pen.sign('void', 'void.sig'))


def deep(pen):
    """A hundred folders in each other are signed; what is too deep is refused, and leaves nothing."""
    path = pen.at('m', *['d'] * 60)
    os.makedirs(path)
    write(os.path.join(path, 'f'), b'deep')
    pen.signed()
    os.makedirs(os.path.join(pen.at('n'), *['d'] * 300))
    write(os.path.join(pen.at('n'), 'f'), b'x')
    pen.refused('USAGE', *pen.sign('n', 'n.sig'))
    if os.path.exists(pen.at('n.sig')):
        raise rig.Bad('there is a signature')


def loops(pen):
    """Links in circles, to folders and out of the model end, with and without --allow-symlinks."""
    for target in ('.', '..', 'loop', '/', 'b', '../key', 'nothing', '/dev/zero'):
        os.symlink(target, pen.at('m', 'loop'))
        for more in ((), ('--allow-symlinks',)):
            pen.refused('USAGE', *pen.sign('m', 'l.sig', *more))
        os.unlink(pen.at('m', 'loop'))
    for make in (lambda p: os.mkfifo(p), lambda p: os.symlink('/dev/zero', p)):
        make(pen.at('m', 'odd'))
        pen.refused('USAGE', *pen.sign('m', 'l.sig', '--allow-symlinks'))
        os.unlink(pen.at('m', 'odd'))


def names(pen):
    """What can be a name is signed as it is; control characters and bytes that are no UTF-8 are refused, and not shown as they are."""
    for good in ("it's", '"quoted"', '模型', 'a b', 'back\\slash', '-dash', 'a:0:1', '%00', 'e\u0301', '*'):
        write(pen.at('m', good), b'x')
    pen.signed()
    for bad in (b'line\nbreak', b'\xff\xfe', b'tab\t', b'\x1b[31m', b'cut\xe6\xa8', b'\xc0\xaf', b'\xed\xa0\x80'):
        path = os.path.join(os.fsencode(pen.at('m')), bad)
        write(path, b'x')
        for name, argv in (('USAGE', pen.sign('m', 'n.sig')), ('FILESET', pen.verify())):
            outcome = pen.run(*argv)
            judge(outcome, name)
            if re.search(r'[\x00-\x09\x0b-\x1f\x7f\ufffd]', outcome.err):
                raise rig.Bad(f'{bad!r} is shown as it is: {outcome.err!r}')
        os.unlink(path)


# ---- places ----

def places(pen):
    """Where a signature cannot go; nothing is harmed, and nothing is left."""
    before = rig.read_tree(pen.folder)
    for name, place, more in (('EXISTS', 'm/a.bin', ()), ('EXISTS', 'm/a.bin', ('--force',)), ('EXISTS', 'm', ()),
                              ('EXISTS', 'm', ('--force',)), ('EXISTS', 'm/b', ('--force',)), ('NOTFOUND', 'no/such/m.sig', ()),
                              ('USAGE', 'm/', ('--force',)), ('NOTFOUND', '', ())):
        outcome = pen.run(*pen.sign('m', place, *more))
        if outcome.status not in (CODES[name], CODES['USAGE']):
            raise rig.Bad(f'--signature «{place}» {more} exits {outcome.status}: {rig.last_line(outcome.err)}')
    pen.refused('USAGE', *pen.sign('m/a.bin', 'm/a.bin', '--force'))
    if rig.read_tree(pen.folder) != before:
        raise rig.Bad('something was written')


def unreadable(pen):
    pen.signed()
    for path in ('key', 'm.sig', 'm/empty', 'm/a.bin'):
        os.chown(pen.at(path), 65534, 65534)
    os.chmod(pen.at('m', 'b', 'c.bin'), 0)
    os.chmod(pen.folder, 0o777)
    for path in ('m', 'm/b'):
        os.chmod(pen.at(path), 0o755)
    pen.refused('PERM', *pen.sign('m', 'n.sig'), before=NOBODY)
    pen.refused('PERM', *pen.verify(), before=NOBODY)
    os.chmod(pen.at('m', 'b', 'c.bin'), 0o644)
    os.chmod(pen.at('m', 'b'), 0)
    pen.refused('PERM', *pen.sign('m', 'n.sig'), before=NOBODY)
    pen.refused('PERM', *pen.verify(), before=NOBODY)
    os.chmod(pen.at('m', 'b'), 0o755)
    pen.ok(*pen.verify(), before=NOBODY)
    if os.path.exists(pen.at('n.sig')):
        raise rig.Bad('there is a signature')


def full_disk(pen):
    os.mkdir(pen.at('disk'))
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', pen.at('disk')], check=True)
    try:
        write(pen.at('disk', 'fill'), b'x' * 8192)
        pen.refused('SPACE', *pen.sign('m', 'disk/m.sig'))
        os.unlink(pen.at('disk', 'fill'))
        pen.ok(*pen.sign('m', 'disk/m.sig'))
        old = rig.read_tree(pen.at('disk'))
        write(pen.at('disk', 'fill'), b'x' * 4096)
        pen.refused('SPACE', *pen.sign('m', 'disk/m.sig', '--force'))
        os.unlink(pen.at('disk', 'fill'))
        if rig.read_tree(pen.at('disk')) != old:
            raise rig.Bad('the old signature is not what it was, or something is left')
    finally:
        subprocess.run(['umount', pen.at('disk')], check=True)


# ---- others at work ----

def change_file(pen):
    with open(pen.at('m', 'a.bin'), 'r+b') as file:
        file.seek(MIB - 1)
        file.write(b'?')


def replace_file(pen):
    write(pen.at('m', 'new'), TREE['m/a.bin'])
    os.rename(pen.at('m', 'new'), pen.at('m', 'a.bin'))


CHANGES = (
    ('changed', change_file),
    ('cut', lambda pen: os.truncate(pen.at('m', 'a.bin'), 1000)),
    ('longer', lambda pen: os.truncate(pen.at('m', 'a.bin'), 2 * MIB)),
    ('removed', lambda pen: os.unlink(pen.at('m', 'a.bin'))),
    ('renamed', lambda pen: os.rename(pen.at('m', 'a.bin'), pen.at('m', 'z.bin'))),
    ('replaced by its like', replace_file),
    ('another removed', lambda pen: os.unlink(pen.at('m', 'empty'))),
    ('another added', lambda pen: write(pen.at('m', 'b', 'more'), b'x')),
)


def while_hashing(pen):
    """Whatever happens to the model while a file of it is read, no signature is made of it, and none is found to hold."""
    def again():
        rig.write_tree(pen.at('m'), {p[2:]: c for p, c in TREE.items()})

    for name, change in CHANGES:
        again()
        pen.ok(*pen.sign('m', 'm.sig', '--force'))
        for argv in (pen.sign('m', 'n.sig'), pen.verify()):
            again()
            try:
                outcome = pen.held(READING, lambda c=change: c(pen), *argv, path='m/a.bin')
                if outcome.status not in (CODES['CHANGED'], CODES['FILESET']) or (argv[0] == 'sign' and outcome.status != 10):
                    raise rig.Bad(f'exits {outcome.status}: {rig.last_line(outcome.err)}')
            except rig.Bad as why:
                raise rig.Bad(f'{argv[0]}, {name}: {why}') from why
        if os.path.exists(pen.at('n.sig')):
            raise rig.Bad(f'{name}: there is a signature')
    return f'{2 * len(CHANGES)} changes'


def swapped_folder(pen):
    """Between listing and reading, a folder becomes a link to another with the same files: it is not followed."""
    pen.signed()
    rig.write_tree(pen.at('evil'), {'c.bin': TREE['m/b/c.bin']})

    def swap():
        os.rename(pen.at('m', 'b'), pen.at('gone'))
        os.symlink(pen.at('evil'), pen.at('m', 'b'))

    for argv in (pen.sign('m', 'n.sig'), pen.sign('m', 'n.sig', '--allow-symlinks'), pen.verify(),
                 pen.verify('m', 'm.sig', '--allow-symlinks')):
        outcome = pen.held(WALKED, swap, *argv)
        if outcome.status not in (2, 5, 10) or os.path.exists(pen.at('n.sig')):
            raise rig.Bad(f'{argv[0]} exits {outcome.status}: {rig.last_line(outcome.err)}')
        os.unlink(pen.at('m', 'b'))
        os.rename(pen.at('gone'), pen.at('m', 'b'))
    pen.ok(*pen.verify())


def replaced_model(pen):
    """A bad model is replaced by the good one after it was listed, as a sync would: it is still the bad one that was read."""
    pen.signed()
    rig.write_tree(pen.at('good'), {p[2:]: c for p, c in TREE.items()})
    change_file(pen)

    def replace():
        os.rename(pen.at('m'), pen.at('bad'))
        os.rename(pen.at('good'), pen.at('m'))

    judge(pen.held(WALKED, replace, *pen.verify()), 'AUTH')
    pen.ok(*pen.verify())


def two_signers(pen):
    """Twelve sign one model into one name, in the model itself: one whole signature, and nothing beside it."""
    for more, allowed in (((), (0, 10)), (('--force',), (0, 10))):
        running = [subprocess.Popen([pen.coffer, *pen.sign('m', 'm/model.sig', *more)], cwd=pen.folder, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(12)]
        statuses = sorted(p.wait(rig.LIMIT) for p in running)
        if set(statuses) - set(allowed) or 0 not in statuses or (not more and statuses.count(0) != 1):
            raise rig.Bad(f'exit codes {statuses}')
        pen.ok(*pen.verify('m', 'm/model.sig'))
        if set(os.listdir(pen.at('m'))) != {'a.bin', 'b', 'empty', 'model.sig'}:
            raise rig.Bad(f'beside the signature: {os.listdir(pen.at("m"))}')
    return f'{statuses.count(0)} with --force'


TESTS = (
    ('names', names, TREE, ()),
    ('no bytes', no_bytes, {}, ()),
    ('deep folders', deep, {}, ()),
    ('links in circles', loops, TREE, ()),
    ('places for a signature', places, TREE, ()),
    ('files that may not be read', unreadable, TREE, ('root', 'setpriv')),
    ('full disk', full_disk, TREE, ('root', 'mount')),
    ('changes while a file is read', while_hashing, TREE, ('strace',)),
    ('a folder becomes a link', swapped_folder, TREE, ('strace',)),
    ('the model is replaced', replaced_model, TREE, ('strace',)),
    ('many signers', two_signers, TREE, ()),
    ('5 GiB', sparse, {}, ('room',)),
    ('memory: 8 files of 64 MiB', eight_files, {}, ('memory', 'room')),
    ('memory: 100,000 files', many_files, {}, ('memory', 'room')),
)


def lacking(needs, coffer):
    """Why a test cannot be here, or nothing."""
    for need in needs:
        if need == 'root':
            if os.geteuid() != 0:
                return 'needs root'
        elif need == 'room':
            continue  # see roomy()
        elif need == 'memory':  # a build with sanitizers takes what it likes
            with open(coffer, 'rb') as file:
                if b'__asan_init' in file.read():
                    return 'is about a build without sanitizers'
        elif subprocess.run(['which', need], stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return f'there is no {need}'
    return None


def roomy():
    """A folder in memory if there is one with room, where many and large files are cheap; else None, which is that of all."""
    try:
        found = os.statvfs('/dev/shm')
    except OSError:
        return None
    enough = found.f_bavail * found.f_frsize > 2 << 30 and found.f_favail > 200_000
    return '/dev/shm' if enough and os.access('/dev/shm', os.W_OK) else None


def main():
    coffer = os.path.realpath(sys.argv[1])
    report = rig.Report()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, function, tree, needs in TESTS:
        if sys.argv[2:] and not any(word in name for word in sys.argv[2:]):
            continue
        why = lacking(needs, coffer)
        if why:
            report.skip(name, why)
            continue
        with tempfile.TemporaryDirectory(prefix='coffer-bad-', dir=roomy() if 'room' in needs else None) as base:
            os.chmod(base, 0o755)  # for nobody
            os.environ['HOME'] = base
            for variable in ('XDG_STATE_HOME', 'COFFER_AUDIT'):
                os.environ.pop(variable, None)
            report.check(name, lambda f=function, b=base, t=tree: f(Pen(coffer, os.path.join(os.path.realpath(b), 'work'), t)))
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
