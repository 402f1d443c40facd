#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer mount: what is read through it, in both of its ways, and how it ends.  usage: test_mount.py COFFER [WORD...]

Needs /dev/fuse, and root or fusermount3; passthrough needs root.  What this machine does not give is skipped, with the reason.
"""
import contextlib
import errno
import mmap
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from rig import MIB, NOBODY, ROOT, Skip, await_, check  # noqa: E402

RECORD = 64 << 10
BIG = 9 * MIB + 12345  # more than a huge page, and no multiple of anything
NAMES = {
    'big.bin': BIG,
    'second.bin': 5 * MIB,
    'small.bin': 3 * RECORD + 7,
    'one byte': 1,
    'empty': 0,
    'sub/ein Ölfaß 模型.json': 4096,
    'sub.txt': 10,
    'sub/' + 'deep/' * 40 + 'end': 100,
    'sub-2/a': RECORD,
}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def refused(call, number, what):
    """What call() does is refused with that errno."""
    try:
        call()
    except OSError as why:
        check(why.errno == number, f'{what}: {why!r}, not {errno.errorcode[number]}')
        return
    raise AssertionError(f'{what}: went through')


def mounts():
    """The folders that something hangs at."""
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        return [line.split()[4].replace('\\040', ' ') for line in f]


def is_mounted(path):
    return path in mounts()


class World(rig.World):
    """With sealed models, and what was sealed."""

    def __init__(self, command):
        super().__init__(command, 'mount')
        self.ok('keygen', '-o', 'key')
        self.plain = {}
        rng = random.Random(5)
        for name, size in NAMES.items():
            self.make('m/' + name, rng.randbytes(size))
            self.plain[name] = read(self.at('m', name))
        self.ok('seal', 'm', '-o', 'm.sealed', '--kek', 'file:key', '--record-size', '64K')
        self.ok('seal', 'm', '-o', 'm1.sealed', '--kek', 'file:key', '--record-size', '1M')
        self.ok('seal', 'm/big.bin', '-o', 'one.coffer', '--kek', 'file:key', '--record-size', '16M')
        os.mkdir(self.at('mnt'))

    def run(self, *argv, code=0, words=(), before=(), timeout=60):
        """Run coffer to its end, which must be that one, with these words on standard error."""
        r = subprocess.run([*before, self.coffer, *argv], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=timeout, check=False)
        said = r.stderr.decode()
        check(r.returncode == code, f'{argv}: ended with {r.returncode}, not {code}: {said}')
        for word in words:
            check(word in said, f'{argv}: does not say «{word}»: {said}')
        return said

    def ok(self, *argv):
        return self.run(*argv)

    @contextlib.contextmanager
    def mounted(self, *options, model='m.sealed', where='mnt', kek='file:key'):
        """While it is mounted, in the background; gives the folder."""
        self.ok('mount', model, where, '--kek', kek, *options)
        with self.cleared(where):
            yield self.at(where)

    @contextlib.contextmanager
    def cleared(self, where):
        """Nothing is left behind what is done, and after a failure nothing that could upset the next case."""
        try:
            yield
        except BaseException:
            self.after_failure()
            raise
        if is_mounted(self.at(where)):
            self.ok('umount', where, '--lazy')
        self.nothing_left()

    def after_failure(self):
        for path in mounts():
            if self.mark in path:
                subprocess.run(['umount', '-l', path], check=False)
        for pid in self.servers():
            os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def served(self, *options, model='m.sealed', where='mnt'):
        """While it is served in the foreground; gives the process."""
        p = subprocess.Popen([self.coffer, 'mount', model, where, '--kek', 'file:key', '--foreground', *options],
                             cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        with self.cleared(where):
            try:
                await_(lambda: is_mounted(self.at(where)) or p.poll() is not None, 'it is not mounted')
                check(p.poll() is None, 'it has ended')
                os.listdir(self.at(where))
                yield p
            finally:
                p.kill()
                p.wait()
                p.stderr.close()

    def ended(self, p, code, words=()):
        """That process, ended so, having said so."""
        check(p.wait(20) == code, f'ended with {p.returncode}, not {code}')
        said = p.stderr.read().decode()
        for word in words:
            check(word in said, f'does not say «{word}»: {said}')
        return said

    def servers(self):
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    if f'{self.variable}={self.mark}\0'.encode() in f.read() and int(pid) != os.getpid():
                        found.append(int(pid))
        return found

    def nothing_left(self):
        await_(lambda: not self.servers(), 'a server is left')

    def compare(self, folder):
        found = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)
        check(found == sorted(self.plain), f'other names: {found}')
        for name, content in self.plain.items():
            check(read(os.path.join(folder, name)) == content, f'{name} differs')

    def end(self):
        self.after_failure()
        super().end()


CACHE, PASS = ('--no-passthrough',), ()


def ways(world):
    """Both ways, or the one that is there."""
    return (CACHE, PASS) if can_pass(world) else (CACHE,)


def can_pass(world):
    """Whether this kernel passes through: then a damaged file cannot even be opened."""
    if not hasattr(world, 'passes'):
        damaged(world)
        with world.mounted(*PASS, model='bad.sealed') as m:
            try:
                os.close(os.open(m + '/big.bin', os.O_RDONLY))
                world.passes = False
            except OSError as why:
                check(why.errno == errno.EIO, why)
                world.passes = True
    return world.passes


def damaged(world):
    """A model whose big.bin has a bad record in its middle."""
    if os.path.exists(world.at('bad.sealed')):
        return
    shutil.copytree(world.at('m.sealed'), world.at('bad.sealed'))
    with open(world.at('bad.sealed/big.bin.coffer'), 'r+b') as f:
        f.seek(5 * MIB)
        byte = f.read(1)
        f.seek(5 * MIB)
        f.write(bytes([byte[0] ^ 1]))


# ---- what is read ----

def case_content(world):
    for model in 'm.sealed', 'm1.sealed':
        for way in ways(world):
            with world.mounted(*way, model=model) as m:
                world.compare(m)
                world.compare(m)


def case_cat_and_cmp(world):
    for way in ways(world):
        with world.mounted(*way) as m:
            subprocess.run(['cmp', world.at('m/big.bin'), m + '/big.bin'], check=True)
            subprocess.run(['diff', '-r', world.at('m'), m], check=True)


def case_ranges(world):
    """Any piece, by pread and by mmap, around the page cache, too."""
    rng = random.Random(7)
    for model in 'm.sealed', 'm1.sealed':
        for way in ways(world):
            with world.mounted(*way, model=model) as m:
                plain = world.plain['big.bin']
                fd = os.open(m + '/big.bin', os.O_RDONLY)
                for _ in range(200):
                    off, n = rng.randrange(BIG + 9), rng.choice((1, 4096, RECORD, 300000, 2 * MIB))
                    check(os.pread(fd, n, off) == plain[off:off + n], f'{n} bytes from {off}')
                with mmap.mmap(fd, BIG, mmap.MAP_SHARED, mmap.PROT_READ) as view:
                    for _ in range(200):
                        off, n = rng.randrange(BIG), rng.choice((1, 4096, 300000))
                        check(view[off:off + n] == plain[off:off + n], f'{n} mapped bytes from {off}')
                    os.close(fd)
                    check(view[:] == plain, 'the mapping does not outlive its descriptor')
                direct(m + '/big.bin', plain, rng)


def direct(path, plain, rng):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    room = mmap.mmap(-1, 2 * MIB)
    for _ in range(40):
        off = rng.randrange(BIG // 4096) * 4096
        n = os.preadv(fd, [room], off)
        check(n == min(len(room), BIG - off) and room[:n] == plain[off:off + n], f'{n} direct bytes from {off}')
    os.close(fd)
    room.close()


def case_descriptors(world):
    """What it was started with, as locks, it does not hold while it serves; nor the folder."""
    ends = os.pipe()
    subprocess.run([world.coffer, 'mount', 'm.sealed', 'mnt', '--kek', 'file:key'], cwd=world.dir, env=world.env, check=True,
                   pass_fds=(ends[1],), capture_output=True, timeout=60)
    with world.cleared('mnt'):
        os.close(ends[1])
        check(select.select([ends[0]], [], [], 5)[0] and os.read(ends[0], 1) == b'', 'the server has it, too')
        check(all(os.readlink(f'/proc/{pid}/cwd') == '/' for pid in world.servers()), 'the server keeps its folder')
    os.close(ends[0])


def case_ignored_children(world):
    """The exit code is there for whoever ignores SIGCHLD, too."""
    world.run('mount', 'absent', 'mnt', '--kek', 'file:key', code=3, before=('env', '--ignore-signal=CHLD'))


def case_one_file(world):
    """A model of one file, whose only record is larger than any request, is a folder with that file."""
    for way in ways(world):
        with world.mounted(*way, model='one.coffer') as m:
            check(os.listdir(m) == ['big.bin'], os.listdir(m))
            check(read(m + '/big.bin') == world.plain['big.bin'], 'it differs')


def case_attributes(world):
    with world.mounted() as m:
        for name, content in world.plain.items():
            st = os.stat(os.path.join(m, name))
            check((st.st_mode, st.st_size, st.st_uid, st.st_gid, st.st_nlink) ==
                  (0o100400, len(content), os.geteuid(), os.getegid(), 1), (name, st))
        st = os.stat(m)
        check((st.st_mode, st.st_nlink) == (0o40500, 4), st)
        check(os.stat(m + '/sub').st_ino == os.stat(m + '/sub/deep/..').st_ino, '.. is another folder')
        refused(lambda: os.stat(m + '/none'), errno.ENOENT, 'a file that is not there')
        refused(lambda: os.stat(m + '/big.bin/x'), errno.ENOTDIR, 'a file in a file')
        st = os.statvfs(m)
        check(st.f_blocks * st.f_frsize >= BIG and st.f_bfree == 0 and st.f_files == len(NAMES), st)
        check(st.f_flag & os.ST_RDONLY and st.f_flag & os.ST_NOSUID, st)
        inodes = {os.stat(os.path.join(d, n)).st_ino for d, ds, fs in os.walk(m) for n in ds + fs}
        check(len(inodes) == sum(len(ds) + len(fs) for _, ds, fs in os.walk(m)), 'two entries have one number')


def case_owner(world):
    if not ROOT:
        raise Skip('files of another owner take root')
    look = ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups', 'cat']
    with world.mounted('--owner', f'{NOBODY}:{NOBODY}', '--mode', '0440') as m:
        st = os.stat(m + '/small.bin')
        check((st.st_mode, st.st_uid, st.st_gid) == (0o100440, NOBODY, NOBODY), st)
        check(os.stat(m + '/sub').st_mode == 0o40550, 'the mode of a folder')
        r = subprocess.run([*look, m + '/small.bin'], capture_output=True, check=True)
        check(r.stdout == world.plain['small.bin'], 'its owner reads something else')
    for options in (), ('--allow-other',):
        with world.mounted(*options) as m:
            check(subprocess.run([*look, m + '/small.bin'], capture_output=True, check=False).returncode != 0,
                  'another user reads what is of root alone')
    with world.mounted('--allow-other', '--mode', '0444') as m:
        r = subprocess.run([*look, m + '/small.bin'], capture_output=True, check=True)
        check(r.stdout == world.plain['small.bin'], 'others read something else')
    world.run('mount', 'm.sealed', 'mnt', '--kek', 'file:key', '--mode', '0644', code=2, words=['0400'])
    world.run('mount', 'm.sealed', 'mnt', '--kek', 'file:key', '--owner', 'no-such-user', code=3, words=['no-such-user'])


def case_read_only(world):
    with world.mounted() as m:
        big = m + '/big.bin'
        for what, call in (('writing', lambda: open(big, 'r+b')), ('making', lambda: open(m + '/new', 'wb')),
                           ('a folder', lambda: os.mkdir(m + '/new')), ('deleting', lambda: os.unlink(big)),
                           ('moving', lambda: os.rename(big, m + '/new')), ('a link', lambda: os.symlink('x', m + '/new')),
                           ('a hard link', lambda: os.link(big, m + '/new')), ('cutting', lambda: os.truncate(big, 1)),
                           ('a mode', lambda: os.chmod(big, 0o777)), ('a time', lambda: os.utime(big)),
                           ('an attribute', lambda: os.setxattr(big, 'user.x', b'y'))):
            refused(call, errno.EROFS, what)
        fd = os.open(big, os.O_RDONLY)
        refused(lambda: mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE), errno.EACCES, 'a map to write')
        os.close(fd)


# ---- many, and in the middle ----

def case_thousand_readers(world):
    """Each with an open file of its own, at once, in processes of fifty."""
    for way in ways(world):
        with world.mounted(*way) as m:
            pids = []
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    os._exit(fifty_readers(m, world.plain))
                pids.append(pid)
            codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
            check(codes == [0] * len(pids), codes)
            world.compare(m)


def fifty_readers(m, plain):
    wrong, barrier = [], threading.Barrier(50)

    def reader(seed):
        rng = random.Random(seed)
        barrier.wait()
        try:
            for name in rng.sample(('big.bin', 'second.bin', 'small.bin'), 3):
                with open(os.path.join(m, name), 'rb', buffering=0) as f:
                    for _ in range(3):
                        off = rng.randrange(len(plain[name]))
                        f.seek(off)
                        if f.read(100000) != plain[name][off:off + 100000]:
                            wrong.append(name)
        except OSError as why:
            wrong.append(why)
    threads = [threading.Thread(target=reader, args=(os.getpid() + i,)) for i in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return 1 if wrong else 0


def case_killed_readers(world):
    """Readers that are killed at any moment leave the others alone."""
    rng = random.Random(3)
    for way in ways(world):
        with world.mounted(*way) as m:
            for _ in range(30):
                p = subprocess.Popen(['cat', m + '/big.bin', m + '/second.bin'], stdout=subprocess.DEVNULL)
                time.sleep(rng.random() * 0.02)
                p.kill()
                p.wait()
            world.compare(m)


def case_damaged(world):
    damaged(world)
    for way in ways(world):
        with world.served(*way, model='bad.sealed') as p:
            m = world.at('mnt')
            refused(lambda: read(m + '/big.bin'), errno.EIO, 'a damaged file')
            refused(lambda: os.close(os.open(m + '/big.bin', os.O_RDONLY)), errno.EIO, 'a damaged file, again')
            for name in 'second.bin', 'small.bin', 'empty':
                check(read(os.path.join(m, name)) == world.plain[name], f'its neighbour {name}')
            p.send_signal(signal.SIGTERM)
            said = world.ended(p, 5, ['big.bin'])
            check(len([line for line in said.splitlines() if 'authentic' in line and '[AUTH]' not in line]) <= 1, said)


def case_damaged_bytes(world):
    """Of a damaged file what was good is given before, and nothing bad ever."""
    damaged(world)
    with world.mounted(*CACHE, model='bad.sealed') as m:
        fd = os.open(m + '/big.bin', os.O_RDONLY)
        check(os.pread(fd, 4096, 0) == world.plain['big.bin'][:4096], 'its begin')
        refused(lambda: os.pread(fd, MIB, 9 * MIB // 2), errno.EIO, 'the bad record')
        refused(lambda: os.pread(fd, 4096, BIG - 4096), errno.EIO, 'behind it')
        os.close(fd)


def case_two_mounts(world):
    os.makedirs(world.at('mnt 2 ä'), exist_ok=True)
    with world.mounted() as a:
        b = world.at('mnt 2 ä')
        world.ok('mount', 'm1.sealed', 'mnt 2 ä', '--kek', 'file:key')
        world.compare(a)
        world.compare(b)
        check(os.stat(a).st_dev != os.stat(b).st_dev, 'one device')
        world.ok('umount', 'mnt 2 ä')
        check(not is_mounted(b), 'it is still mounted')
        world.compare(a)


def case_lost_key(world):
    shutil.copy(world.at('key'), world.at('other'))
    for way in ways(world):
        shutil.copy(world.at('other'), world.at('lost'))
        os.chmod(world.at('lost'), 0o600)
        with world.mounted(*way, kek='file:lost') as m:
            os.unlink(world.at('lost'))
            world.compare(m)


# ---- memory ----

def resident(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmHWM:'))


def case_bounded(world):
    """Small reads all over a large file keep no more records than they may."""
    size = 200 * MIB
    block = os.urandom(MIB)
    world.make('large/w.bin', block * (size // MIB))
    world.ok('seal', 'large', '-o', 'large.sealed', '--kek', 'file:key')
    with world.served(*CACHE, '--memory', '64M', model='large.sealed') as p:
        fd = os.open(world.at('mnt/w.bin'), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        for i in range(0, size, MIB):
            check(os.pread(fd, 100, i + 5000) == block[5000:5100], f'at {i}')
        os.close(fd)
        check(resident(p.pid) < 64 * MIB, f'{resident(p.pid) / MIB} MiB')
    shutil.rmtree(world.at('large'))
    if not can_pass(world):
        return
    # it does not fit, so it is read the other way
    with world.served('--memory', '64M', model='large.sealed'):
        check(read(world.at('mnt/w.bin')) == block * (size // MIB), 'it differs')
    shutil.rmtree(world.at('large.sealed'))


def case_room_for_one(world):
    """Of two files that do not fit together, each is passed through when the other is closed, and else read the other way."""
    if not can_pass(world):
        raise Skip('this kernel, or this user, passes nothing through')
    a, b = os.urandom(30 * MIB), os.urandom(30 * MIB)
    world.make('pair/a', a)
    world.make('pair/b', b)
    world.ok('seal', 'pair', '-o', 'pair.sealed', '--kek', 'file:key')
    shutil.rmtree(world.at('pair'))
    with world.mounted('--memory', '64M', '--ahead', model='pair.sealed') as m:
        for _ in range(3):
            check(read(m + '/a') == a and read(m + '/b') == b, 'one after the other')
        with open(m + '/a', 'rb') as f, open(m + '/b', 'rb') as g:
            check(f.read() == a and g.read() == b, 'both at once')
            with open(m + '/a', 'rb') as again, open(m + '/b', 'rb') as too:
                check(again.read() == a and too.read() == b, 'both twice')
        # a mapping keeps its bytes when the file had to go
        fd = os.open(m + '/a', os.O_RDONLY)
        view = mmap.mmap(fd, len(a), mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        check(read(m + '/b') == b, 'beside a mapping')
        check(view[:] == a, 'the mapping')
        view.close()
    shutil.rmtree(world.at('pair.sealed'))


# ---- the end ----

def case_busy(world):
    for way in ways(world):
        with world.mounted(*way) as m:
            f = open(m + '/big.bin', 'rb')
            world.run('umount', 'mnt', code=10, words=['in use', '--lazy'])
            check(is_mounted(m), 'it is gone')
            world.ok('umount', 'mnt', '--lazy')
            check(not is_mounted(m) and world.servers(), 'the server did not wait')
            check(f.read() == world.plain['big.bin'], 'whoever had it open')
            f.close()
            world.nothing_left()


def case_sigterm(world):
    for way in ways(world):
        for sent in signal.SIGTERM, signal.SIGINT:
            with world.served(*way) as p:
                world.compare(world.at('mnt'))
                p.send_signal(sent)
                world.ended(p, 0)
                check(not is_mounted(world.at('mnt')), 'it is still mounted')
    with world.served(*CACHE) as p:
        fd = os.open(world.at('mnt/big.bin'), os.O_RDONLY)
        p.send_signal(signal.SIGTERM)
        world.ended(p, 10, ['in use'])
        check(not is_mounted(world.at('mnt')), 'it is still mounted')
        refused(lambda: os.pread(fd, 10, 8 * MIB), errno.ENOTCONN, 'whoever had it open')
        with contextlib.suppress(OSError):
            os.close(fd)
    with world.mounted() as m:
        for pid in world.servers():
            os.kill(pid, signal.SIGTERM)
        await_(lambda: not is_mounted(m), 'a server in the background does not end')


def is_dead(path):
    try:
        os.statvfs(path)
    except OSError as why:
        return why.errno == errno.ENOTCONN
    return False


def case_killed(world):
    # the kernel lists without asking what it has listed before
    for way, listings in ((CACHE, 0), (CACHE, 2), (PASS, 0)):
        with world.mounted(*way) as m:
            for _ in range(listings):
                os.listdir(m)
            for pid in world.servers():
                os.kill(pid, signal.SIGKILL)
            world.nothing_left()
            await_(lambda: is_dead(m), 'the file system of a dead server')
            world.run('mount', 'm.sealed', 'mnt', '--kek', 'file:key', code=10, words=['coffer umount'])
            world.ok('umount', 'mnt')
            check(not is_mounted(m), 'it is still mounted')
        with world.mounted(*way) as m:
            world.compare(m)


def case_umount_elsewhere(world):
    """Umount by another name of the folder; and only what is coffer's."""
    os.symlink('mnt', world.at('link'))
    with world.mounted() as m:
        world.ok('umount', 'link/')
        check(not is_mounted(m), 'it is still mounted')
    for what in 'mnt', '/proc', '/':
        world.run('umount', what, code=3, words=['mounted nothing'])
    world.run('umount', 'nowhere', code=3)


# ---- refusals ----

def case_where(world):
    mount = ('mount', 'm.sealed')
    world.run(*mount, 'nowhere', '--kek', 'file:key', code=3, words=['nowhere'])
    world.run(*mount, 'key', '--kek', 'file:key', code=2, words=['is a file'])
    world.run(*mount, 'm', '--kek', 'file:key', code=10, words=['not empty'])
    with world.mounted():
        world.run(*mount, 'mnt', '--kek', 'file:key', code=10, words=['not empty'])
    world.run('mount', 'nothing.sealed', 'mnt', '--kek', 'file:key', code=3)
    world.ok('keygen', '-o', 'wrong')
    world.run(*mount, 'mnt', '--kek', 'file:wrong', code=7)
    check(not is_mounted(world.at('mnt')), 'it is mounted')


def case_trust(world):
    world.ok('keygen', '--kind', 'p256', '-o', 'publisher')
    world.ok('keygen', '--kind', 'p256', '-o', 'stranger')
    world.ok('seal', 'm', '-o', 'signed.sealed', '--kek', 'file:key', '--sign', 'publisher')
    with world.mounted('--verify-key', 'publisher.pub', model='signed.sealed') as m:
        check(read(m + '/big.bin') == world.plain['big.bin'], 'it differs')
    for model in 'signed.sealed', 'm.sealed':
        world.run('mount', model, 'mnt', '--kek', 'file:key', '--verify-key', 'stranger.pub', code=6)
    check(not is_mounted(world.at('mnt')), 'it is mounted')


def case_code(world):
    world.make('code/modeling.py', b'import os\n')
    world.ok('seal', 'code', '-o', 'code.sealed', '--kek', 'file:key')
    world.run('mount', 'code.sealed', 'mnt', '--kek', 'file:key', code=6, words=['modeling.py', '--allow-code'])
    with world.mounted('--allow-code', model='code.sealed') as m:
        check(read(m + '/modeling.py') == b'import os\n', 'it differs')


def case_no_device(world):
    if not ROOT:
        raise Skip('only root can take /dev/fuse away')
    before = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev && exec "$@"', 'sh')
    if subprocess.run([*before, 'true'], capture_output=True, check=False).returncode != 0:
        raise Skip('this machine has no mount namespaces')
    world.run('mount', 'm.sealed', 'mnt', '--kek', 'file:key', before=before, code=3, words=['/dev/fuse', 'coffer run'])


def without_root(world):
    """Words in front of a command that give up root, where everybody may use FUSE, as on most machines."""
    if not shutil.which('fusermount3'):
        raise Skip('fusermount3 is not installed')
    if not ROOT:
        return ()
    for name in 'key', 'mnt':
        os.chown(world.at(name), NOBODY, NOBODY)
    line = ('mount -t tmpfs none /mnt && mknod -m 666 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse && '
            f'exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups -- "$@"')
    before = ('unshare', '-m', 'sh', '-c', line, 'sh')
    if subprocess.run([*before, 'true'], capture_output=True, check=False).returncode != 0:
        raise Skip('this machine has no mount namespaces')
    return before


def case_without_root(world):
    """By fusermount3, which is set-uid root."""
    try:
        before = without_root(world)
        script = """set -eu
            coffer=$1
            "$coffer" mount m.sealed mnt --kek file:key
            diff -r m mnt
            cat mnt/big.bin >/dev/null &
            exec 3<mnt/big.bin
            wait
            code=0; "$coffer" umount mnt || code=$?
            [ $code -eq 10 ]
            exec 3<&-
            "$coffer" umount mnt
            ! mountpoint -q mnt
            "$coffer" mount m.sealed mnt --kek file:key --foreground &
            until mountpoint -q mnt; do sleep 0.05; done
            kill $!
            wait $!
            ! mountpoint -q mnt
            code=0; PATH=/nowhere "$coffer" mount m.sealed mnt --kek file:key || code=$?
            [ $code -eq 4 ]
            """
        r = subprocess.run([*before, 'sh', '-c', script, 'sh', world.coffer], cwd=world.dir, env=world.env, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=60, check=False)
        check(r.returncode == 0, f'{r.returncode}: {r.stdout.decode()}{r.stderr.decode()}')
        check(b'fusermount3' in r.stderr and b'coffer run' in r.stderr, r.stderr)
        world.nothing_left()
    finally:
        if ROOT:
            os.chown(world.at('mnt'), 0, 0)
            os.chown(world.at('key'), 0, 0)


def main():
    if not os.path.exists('/dev/fuse'):
        print('there is no /dev/fuse')
        return 77
    if not ROOT and not shutil.which('fusermount3'):
        print('mounting takes root or fusermount3')
        return 77
    return rig.run_cases(World(sys.argv[1]), globals())


if __name__ == '__main__':
    sys.exit(main())
