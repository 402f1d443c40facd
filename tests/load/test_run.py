#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer run: who sees the plaintext, what is left of it, and what becomes of the program.  usage: test_run.py COFFER [WORD...]

Some of it needs root, namespaces or a control group of its own; what this machine does not give is skipped, with the reason.
"""
import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from rig import MIB, NOBODY, ROOT, Skip, await_, check  # noqa: E402

CANARY = b'coffer-run-canary:' + os.urandom(24).hex().encode()


def weights(size):
    """Bytes with the canary in every page."""
    page = (CANARY + b'\0' * 4096)[:4096 - 32]
    return b''.join(page + os.urandom(32) for _ in range(size // 4096))


class World(rig.World):
    """With sealed models; what was sealed is gone."""

    def __init__(self, command):
        super().__init__(command, 'run')
        # places of this test's own, for others may run at the same time
        self.env['XDG_RUNTIME_DIR'] = self.at('runtime')
        os.mkdir(self.at('runtime'), 0o700)
        self.ok('keygen', '-o', 'key')
        self.ok('keygen', '-o', 'other')
        self.size = 3 * MIB
        self.make('llama/weights.bin', weights(self.size))
        self.make('llama/sub/config ä.json', b'{"model_type": "test"}\n')
        self.make('llama/empty', b'')
        self.ok('seal', 'llama', '-o', 'llama.sealed', '--kek', 'file:key')
        self.ok('seal', 'llama/weights.bin', '-o', 'renamed.coffer', '--kek', 'file:key')
        self.make('code/model.py', b'print("hello")\n')
        self.ok('seal', 'code', '-o', 'code.sealed', '--kek', 'file:key')
        shutil.rmtree(self.at('llama'))
        self.make('since', b'')
        for folder in 'home', 'home/runtime', 'root':
            os.mkdir(self.at(folder), 0o700)
            if ROOT:
                os.chown(self.at(folder), NOBODY, NOBODY)
        for key in 'key', 'other':
            if ROOT:
                shutil.copy(self.at(key), self.at(key + '.nobody'))
                os.chmod(self.at(key + '.nobody'), 0o600)
                os.chown(self.at(key + '.nobody'), NOBODY, NOBODY)

    def ok(self, *argv):
        subprocess.run([self.coffer, *argv], cwd=self.dir, env=self.env, check=True, capture_output=True)

    def argv(self, *program, model='llama.sealed', options=(), key='key', before=()):
        return [*before, self.coffer, 'run', '--model', model, '--kek', f'file:{key}', *options, '--', *program]

    def env_of(self, how):
        """Whoever is not root has a home of their own."""
        return {**self.env, 'HOME': self.at('home'), 'XDG_RUNTIME_DIR': self.at('home/runtime')} if how.get('key', '').endswith('.nobody') else self.env

    def run(self, *program, code=0, words=(), input=None, env=None, **how):
        """Run it to its end, which must be that one, with these words on standard error."""
        r = subprocess.run(self.argv(*program, **how), cwd=self.dir, env={**self.env_of(how), **(env or {})}, input=input,
                           stdin=subprocess.DEVNULL if input is None else None, capture_output=True, timeout=120, check=False)
        errors = r.stderr.decode()
        check(r.returncode == code, f'ended with {r.returncode}, not {code}: {errors}{r.stdout[-500:]!r}')
        for word in words:
            check(word in errors, f'does not say «{word}»: {errors}')
        r.errors = errors
        return r

    @contextlib.contextmanager
    def running(self, *program, wait=True, pass_fds=(), **how):
        """While it runs; «ready» on its output says that it does."""
        p = subprocess.Popen(self.argv(*program, **how), cwd=self.dir, env=self.env_of(how), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=pass_fds)
        try:
            if wait:
                line = p.stdout.readline()
                check(line.startswith(b'ready'), f'is not ready: {line!r} {p.stderr.read() if not line else b""}')
                p.words = line.decode().split()[1:]
            yield p
        finally:
            p.kill()
            p.wait()
            for stream in p.stdin, p.stdout, p.stderr:
                stream.close()

    def processes(self):
        """All that descend from this test's calls of coffer: by their environment, or by their name where that may not be read."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            for of, what in ('environ', f'{self.variable}={self.mark}\0'), ('cmdline', self.coffer + '\0'):
                with contextlib.suppress(OSError), open(f'/proc/{pid}/{of}', 'rb') as f:
                    if what.encode() in f.read() and int(pid) not in (os.getpid(), *found):
                        found.append(int(pid))
        return found

    def nothing_left(self):
        await_(lambda: not self.processes(), f'processes are left: {self.processes()}')
        with open('/proc/mounts', encoding='utf-8') as f:
            check(self.mark not in f.read(), 'something is left mounted')
        for place in 'runtime/coffer', 'home/runtime/coffer':
            if os.path.isdir(self.at(place)):
                check(os.listdir(self.at(place)) == ['.keep'], f'{os.listdir(self.at(place))} is left in {place}')


def unprivileged():
    """Words in front of a command that give up root."""
    if not ROOT:
        return ()
    return ('setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups', '--')


def without_namespaces():
    """Words in front of a command that give it none, as containers do."""
    words = ('unshare', '-U', '-r', 'sh', '-c', 'echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_mnt_namespaces '
             '&& exec "$@"', 'sh')
    if subprocess.run([*words, 'true'], capture_output=True, check=False).returncode != 0:
        raise Skip('this machine has no user namespaces to forbid them in')
    return words


def without_namespaces_as_nobody(world):
    """The same for somebody who is not root, not even in a namespace: whoever sees another root folder gets none."""
    if not ROOT:
        raise Skip('only root can change the root folder')
    if subprocess.run(['unshare', '-m', 'true'], capture_output=True, check=False).returncode != 0:
        raise Skip('this machine has no mount namespaces to change it in')
    return ('unshare', '-m', 'sh', '-c', f'mount --rbind / {world.at("root")} && '
            f'exec chroot --userspec={NOBODY}:{NOBODY} {world.at("root")} env -C {world.dir} "$@"', 'sh')


def with_namespaces(world, before=()):
    """Whether there are some; without, the tests of the private place say nothing."""
    if subprocess.run([*before, 'true'], capture_output=True, check=False).returncode != 0:
        raise Skip('this machine does not set up its mounts so')
    if 'behind links' in world.run('true', before=before, key=key_of(before)).errors:
        raise Skip('this machine has no namespaces for a program')


def key_of(before):
    return 'key.nobody' if before and ROOT else 'key'


class Group:
    """A control group of its own, where one can be made: what it may have, and what it has."""

    def __init__(self, world, limit=None):
        v1 = os.path.exists('/sys/fs/cgroup/memory/memory.limit_in_bytes')
        self.dir = ('/sys/fs/cgroup/memory/' if v1 else '/sys/fs/cgroup/') + world.mark
        self.world = world
        self.limit = limit
        self.limit_file = self.dir + ('/memory.limit_in_bytes' if v1 else '/memory.max')
        self.label = 'total_shmem ' if v1 else 'shmem '
        self.into = ('sh', '-c', f'echo $$ >{self.dir}/cgroup.procs && exec "$@"', 'sh')

    def __enter__(self):
        try:
            os.mkdir(self.dir)
        except OSError as e:
            raise Skip(f'no memory cgroup can be made here: {e.strerror}') from e
        try:
            self.held()
            if self.limit:
                with open(self.limit_file, 'w', encoding='ascii') as f:
                    f.write(str(self.limit))
        except (OSError, StopIteration) as e:
            os.rmdir(self.dir)
            raise Skip(f'no memory cgroup can be limited here: {e!r}') from e
        return self

    def __exit__(self, *_):
        await_(lambda: not self.world.processes(), 'processes are left')
        os.rmdir(self.dir)

    def held(self):
        """Bytes of files in memory that it has."""
        with open(self.dir + '/memory.stat', encoding='ascii') as f:
            return next(int(line.split()[1]) for line in f if line.startswith(self.label))


# ---- what the program gets ----

def case_arguments(world):
    r = world.run('sh', '-c', 'cd "$1" && find -L . -type f | sort && wc -c <weights.bin && printf "%s|%s" "$COFFER_MODEL" "${COFFER_MODEL_FILE-none}"',
                  'sh', '{model}', env={'COFFER_MODEL_FILE': 'of another'})
    lines = r.stdout.decode().splitlines()
    check(lines[:4] == ['./empty', './sub/config ä.json', './weights.bin', str(world.size)], lines)
    folder, file = lines[4].split('|')
    check(folder.endswith('/llama') and file == 'none', lines)
    r = world.run('sh', '-c', 'printf "%s\n" "$@" "$COFFER_MODEL_FILE" && wc -c <"$1"', 'sh', '{file}', '{file:renamed}', '{model}', model='renamed.coffer')
    lines = r.stdout.decode().splitlines()
    check(lines[0] == lines[1] == lines[3] == lines[2] + '/weights.bin' and lines[4] == str(world.size), lines)


def case_several(world):
    r = world.run('sh', '-c', 'ls "$1" "$2" && wc -c <"$3"', 'sh', '{model}', '{model:zwei ä}', '{file:zwei ä}',
                  options=('--model', 'renamed.coffer=zwei ä'))
    check(r.stdout.decode().endswith(f'/zwei ä:\nweights.bin\n{world.size}\n'), r.stdout)


def case_nested(world):
    """What a program runs on a model of its own sees the program's model, too."""
    for before in [(), unprivileged()] if ROOT else [()]:
        key = key_of(before)
        with_namespaces(world, before)
        inner = world.argv('sh', '-c', 'wc -c <"$1/weights.bin" && wc -c <"$2"', 'sh', 'OUTER', '{file}', model='renamed.coffer', key=key)
        r = world.run('sh', '-c', 'exec ' + shlex.join(inner).replace('OUTER', '"$COFFER_MODEL"'), options=('--verbatim',),
                      before=before, key=key)
        check(r.stdout.split() == 2 * [str(world.size).encode()], r.stdout)
    world.nothing_left()


def case_folders_of_others(world):
    """Who can rename the folder that the models are mounted over can have the program read others."""
    for owner, mode, taken in (os.geteuid(), 0o700, True), (os.geteuid(), 0o777, False), (os.geteuid(), 0o1777, True), (NOBODY, 0o700, False):
        if owner != os.geteuid() and not ROOT:
            continue
        runtime = tempfile.mkdtemp(dir=world.dir)
        os.makedirs(os.path.join(runtime, 'deep'))
        os.chown(runtime, owner, -1)
        os.chmod(runtime, mode)
        for path in runtime, os.path.join(runtime, 'deep'):
            folder = world.run('sh', '-c', 'echo "$COFFER_MODEL"', env={'XDG_RUNTIME_DIR': path}).stdout.decode()
            check(folder.startswith(path + '/coffer/') == taken, f'{folder} for {path} of {owner}, {mode:o}')
    # a link that somebody else could turn
    runtime = tempfile.mkdtemp(dir=world.dir)
    os.symlink(runtime, world.at('link'))
    folder = world.run('sh', '-c', 'echo "$COFFER_MODEL"', env={'XDG_RUNTIME_DIR': world.at('link')}).stdout.decode()
    check(folder.startswith(runtime + '/'), folder)


def case_exit_codes(world):
    for code in 0, 1, 77, 255:
        world.run('sh', '-c', f'exit {code}', code=code)
    world.run('sh', '-c', 'kill -TERM $$', code=-signal.SIGTERM)
    world.run('sh', '-c', 'kill -PIPE $$', code=-signal.SIGPIPE)


def case_standard_streams(world):
    r = world.run('sh', '-c', 'cat; echo error >&2', input=b'through\0it')
    check(r.stdout == b'through\0it' and r.errors.endswith('error\n'), (r.stdout, r.errors))
    r = world.run('sh', '-c', 'ls /proc/self/fd | tr "\n" " "')
    check(r.stdout == b'0 1 2 3 ', f'descriptors went through: {r.stdout}')


def ignored(status):
    """The signals, as bits; others than the tests' own may be, of whoever runs these."""
    return int(re.search(rb'^SigIgn:\s*([0-9a-f]+)$', status, re.MULTILINE).group(1), 16)


def case_signals_are_as_they_were(world):
    show = 'grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status'
    plain = subprocess.run(['sh', '-c', show], capture_output=True, check=True).stdout
    check(world.run('sh', '-c', show).stdout == plain, 'signals differ')
    r = world.run('sh', '-c', show, before=('sh', '-c', 'trap "" HUP USR1 PIPE; exec "$@"', 'sh'))
    check(ignored(r.stdout) & 0x1201 == 0x1201, f'ignored signals were lost: {r.stdout}')
    r = world.run('grep', '^SigIgn', '/proc/self/status', before=('env', '--ignore-signal=CHLD'))
    check(ignored(r.stdout) & 0x10000, f'SIGCHLD was lost: {r.stdout}')


def case_masks(world):
    for mask in '000', '777', '277':
        for before in (), unprivileged():
            r = world.run('sh', '-c', 'umask; wc -c <"$0"', '{model}/weights.bin', before=('sh', '-c', f'umask {mask}; exec "$@"', 'sh', *before),
                          key='key.nobody' if before else 'key')
            check(r.stdout.decode().split() == ['0' + mask, str(world.size)], f'{mask}: {r.stdout}')


def case_lazy_keeps_no_descriptor(world):
    """A descriptor that the program closes says so to who is at its other end, whoever serves."""
    with_fuse(world)
    ends = os.pipe()
    with world.running('sh', '-c', f'exec {ends[1]}>&-; echo ready; read x', options=('--lazy',), pass_fds=(ends[1],)):
        os.close(ends[1])
        check(select.select([ends[0]], [], [], 5)[0] and os.read(ends[0], 1) == b'', 'somebody else has it, too')
    os.close(ends[0])


def case_writable_and_read_only(world):
    with_namespaces(world)
    world.run('sh', '-c', 'echo x >"$1/new" && cat "$1/new"', 'sh', '{model}')
    r = world.run('sh', '-c', 'echo x >"$1/new"', 'sh', '{model}', options=('--read-only',), code=2)
    check('Read-only file system' in r.errors, r.errors)


def case_size(world):
    with_namespaces(world)
    fill = 'dd if=/dev/zero of="$1/more" bs=1M count=200'
    r = world.run('sh', '-c', fill, 'sh', '{model}', options=('--size', '20M'), code=1)
    check('No space left' in r.errors, r.errors)
    world.run('sh', '-c', fill, 'sh', '{model}', options=('--size', '256M'))


def case_capabilities(world):
    before = unprivileged()
    with_namespaces(world, before)
    show = 'grep -E "^Cap(Eff|Bnd|Amb)" /proc/self/status'
    dropped = world.run('sh', '-c', show, before=before, key=key_of(before)).stdout
    check(all(int(line.split()[1], 16) == 0 for line in dropped.splitlines()), dropped)
    kept = world.run('sh', '-c', show, before=before, key=key_of(before), options=('--keep-caps',)).stdout
    check(all(int(line.split()[1], 16) != 0 for line in kept.splitlines()), kept)


def case_user_is_the_same(world):
    before = unprivileged()
    r = world.run('sh', '-c', 'id -u; id -g', before=before, key=key_of(before))
    uid = NOBODY if ROOT else os.getuid()
    check(r.stdout.split()[0] == str(uid).encode(), r.stdout)


# ---- what is refused, before the program is started ----

def refused(world, code, words, **how):
    world.run('sh', '-c', f'touch {world.at("started")}', code=code, words=words, **how)
    check(not os.path.exists(world.at('started')), 'the program was started')
    world.nothing_left()


def case_refusals(world):
    refused(world, 7, ['no key opens it', '[NOKEY]'], key='other')
    refused(world, 3, ['[NOTFOUND]'], model='nothing')
    refused(world, 12, ['MiB', '--size allows 1.0 KiB', '[SPACE]'], options=('--size', '1K'))
    refused(world, 2, ['names no model', '[USAGE]'], options=('--', 'true', '{model:lama}'))
    refused(world, 6, ['--verify wants', '[POLICY]'], options=('--verify',))
    refused(world, 2, ['[USAGE]'], options=('--verify', '--no-trust-store'))
    refused(world, 6, ['model.py carries code', '--allow-code', '[POLICY]'], model='code.sealed')
    world.run('sh', '-c', 'test -e "$1/model.py"', 'sh', '{model}', model='code.sealed', options=('--allow-code',))
    refused(world, 2, ['two models are called llama'], options=('--model', 'llama.sealed'))


def case_programs_that_cannot_be_started(world):
    for program, code, word in (('no-such-program', 3, '[NOTFOUND]'), ('./nothing', 3, '[NOTFOUND]'), ('./key', 4, '[PERM]'), ('/tmp', 4, '[PERM]')):
        # the key would not open it: nothing was opened
        world.run(program, code=code, words=[word, 'cannot run'], key='other')


def damage(world):
    """A model of which the third record is not what it was."""
    if os.path.exists(world.at('bad.sealed')):
        return
    shutil.copytree(world.at('llama.sealed'), world.at('bad.sealed'))
    path = world.at('bad.sealed', 'weights.bin.coffer')
    with open(path, 'r+b') as f:
        f.seek(2 * MIB)
        byte = f.read(1)
        f.seek(2 * MIB)
        f.write(bytes([byte[0] ^ 1]))


def case_damaged(world):
    damage(world)
    refused(world, 5, ['is not authentic', '[AUTH]'], model='bad.sealed')
    refused(world, 5, ['is not authentic', '[AUTH]'], options=('--model', 'bad.sealed'))
    before = without_namespaces()
    refused(world, 5, ['is not authentic', '[AUTH]'], model='bad.sealed', before=before)


def case_signatures(world):
    run = lambda *a: subprocess.run(a, cwd=world.dir, env=world.env, check=True, capture_output=True)
    for who in 'publisher', 'stranger':
        run('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', who)
        run('openssl', 'ec', '-in', who, '-pubout', '-out', who + '.pub')
    for before in (), without_namespaces():
        refused(world, 6, ['[POLICY]'], options=('--verify-key', 'publisher.pub'), before=before)
    shutil.copytree(world.at('llama.sealed'), world.at('signed.sealed'))
    world.ok('sign', 'key', 'signed.sealed', '--private-key', 'publisher')
    for before in (), without_namespaces():
        refused(world, 6, ['[SIGNATURE]'], model='signed.sealed', options=('--verify-key', 'stranger.pub'), before=before)
        world.run('true', model='signed.sealed', options=('--verify-key', 'publisher.pub', '--verify'), before=before)
    # the trust store says whose it must be, and is asked by default
    world.ok('trust', 'add', 'llama', '--public-key', 'stranger.pub')
    refused(world, 6, ['[SIGNATURE]'], model='signed.sealed=x', options=('--name', 'llama'))
    world.ok('trust', 'remove', 'llama')
    world.ok('trust', 'add', 'llama', '--public-key', 'publisher.pub')
    world.run('true', model='signed.sealed', options=('--name', 'llama', '--verify'))
    world.ok('trust', 'remove', 'llama')


def case_no_room(world):
    """A control group that is smaller than the model."""
    world.make('big/weights.bin', b'\0' * (80 * MIB))
    world.ok('seal', 'big', '-o', 'big.sealed', '--kek', 'file:key')
    shutil.rmtree(world.at('big'))
    with Group(world, 64 * MIB) as group:
        refused(world, 12, ['81.6 MiB', f'the memory cgroup /{world.mark} has', '[SPACE]'], model='big.sealed', before=group.into)
        world.run('true', before=group.into)


# ---- who sees it ----

HOLD = 'echo ready "$1"; read -r _; exit 0'


def path_elsewhere(path):
    """Where else the file can be seen: by this process, or in another namespace than the program's."""
    seen = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            seen.setdefault(os.readlink(f'/proc/{pid}/ns/mnt'), pid)
    return [ns for ns, pid in seen.items() if os.path.exists(f'/proc/{pid}/root{path}')]


def changed_files(since):
    """All files of all file systems on disks and in memory that were written since."""
    mounts = set()
    with open('/proc/mounts', encoding='utf-8') as f:
        for line in f:
            _, where, kind = line.split()[:3]
            if kind in ('ext4', 'xfs', 'btrfs', 'overlay', 'tmpfs', 'devtmpfs', 'f2fs', 'zfs') and os.path.isdir(where):
                mounts.add(where)
    for where in mounts:
        found = subprocess.run(['find', where, '-xdev', '-type', 'f', '-newer', since, '-print0'], capture_output=True, check=False)
        yield from found.stdout.split(b'\0')[:-1]


def has_canary(path):
    before = b''
    with contextlib.suppress(OSError), open(path, 'rb') as f:
        while piece := f.read(4 * MIB):
            if CANARY in before + piece:
                return True
            before = piece[-len(CANARY):]
    return False


def search(world):
    found = [p for p in changed_files(world.at('since')) if has_canary(p)]
    check(not found, f'plaintext is in {found}')
    with open('/proc/swaps', encoding='utf-8') as f:
        for line in list(f)[1:]:
            check(not has_canary(line.split()[0]), f'plaintext is in the swap {line}')


def look_for_it(world, p):
    """While it runs nobody sees what it sees."""
    inside = f'/proc/{p.pid}/root{p.words[0]}/weights.bin'
    if ROOT:
        check(has_canary(inside), 'the canary is not even where it belongs')
        seen = path_elsewhere(p.words[0] + '/weights.bin')
        check(seen == [os.readlink(f'/proc/{p.pid}/ns/mnt')], f'seen in {seen}')
    check(not os.path.exists(p.words[0]), 'seen from outside')


def case_shared_mounts(world):
    """Where mounts go on to other namespaces, as systemd sets it up, this one does not."""
    if not ROOT:
        raise Skip('only root can set mounts up so')
    before = ('unshare', '-m', '--propagation', 'shared', 'sh', '-c', '"$@"', 'sh')
    with_namespaces(world, before)
    with world.running('sh', '-c', HOLD, 'sh', '{model}', before=before) as p:
        check(not os.path.exists(f'/proc/{p.pid}/root{p.words[0]}'), 'it went on to the shell that started it')
        p.stdin.write(b'\n')
        p.stdin.flush()
        p.wait(20)


def case_core_dumps(world):
    """A program that has the plaintext in its memory crashes."""
    os.makedirs(world.at('cores'))
    os.chmod(world.at('cores'), 0o777)
    crash = 'import os, sys\nheld = open(sys.argv[1] + "/weights.bin", "rb").read()\nos.abort()'
    cases = [()]
    with contextlib.suppress(Skip):
        cases.append(without_namespaces())
    for before in cases:
        world.run('sh', '-c', f'cd {world.at("cores")} && ulimit -c 2>/dev/null && exec {sys.executable} -c \'{crash}\' "$1"', 'sh', '{model}',
                  before=('sh', '-c', 'ulimit -c unlimited 2>/dev/null; exec "$@"', 'sh', *before), code=-signal.SIGABRT)
    world.nothing_left()
    found = [n for n in os.listdir(world.at('cores')) if has_canary(world.at('cores', n))]
    check(not found, f'plaintext is in {found}')
    plain = subprocess.run(['sh', '-c', f'cd {world.at("cores")} && ulimit -c unlimited && kill -ABRT $$'], check=False)
    check(plain.returncode == -signal.SIGABRT, plain)
    if not os.listdir(world.at('cores')) and ROOT:
        with open('/proc/sys/kernel/core_pattern', encoding='utf-8') as f:
            raise Skip(f'other programs leave no core here either: {f.read().strip()}')


def case_root_of_core_dumps(world):
    """Root can raise the limit again; no memory goes into a core all the same."""
    raise_it = ('sh', '-c', 'ulimit -c 0; ulimit -c unlimited')
    if not ROOT or subprocess.run(raise_it, capture_output=True, check=False).returncode != 0:
        raise Skip('only root with CAP_SYS_RESOURCE can raise the limit')
    os.makedirs(world.at('cores'), exist_ok=True)
    crash = 'import os, sys\nheld = open(sys.argv[1] + "/weights.bin", "rb").read()\nos.abort()'
    world.run('sh', '-c', f'cd {world.at("cores")} && ulimit -c unlimited && exec {sys.executable} -c \'{crash}\' "$1"', 'sh', '{model}',
              code=-signal.SIGABRT)
    found = [n for n in os.listdir(world.at('cores')) if has_canary(world.at('cores', n))]
    check(not found, f'plaintext is in {found}')


def case_two_at_once(world):
    with_namespaces(world)
    with world.running('sh', '-c', HOLD, 'sh', '{model}') as a, world.running('sh', '-c', HOLD, 'sh', '{file}', model='renamed.coffer') as b:
        check(os.path.dirname(a.words[0]) == os.path.dirname(os.path.dirname(b.words[0])), 'places differ')
        if ROOT:
            check(os.listdir(f'/proc/{a.pid}/root' + os.path.dirname(a.words[0])) == ['llama'], 'sees the other one')
    world.nothing_left()


# ---- how it ends ----

def case_children_keep_it(world):
    """The place lives as long as the last process in it."""
    with_namespaces(world)
    script = f'(exec >/dev/null 2>&1; while test ! -e {world.at("go")}; do sleep 0.1; done; wc -c <"$1/weights.bin" >{world.at("late")}) & exit 3'
    world.run('sh', '-c', script, 'sh', '{model}', code=3)
    world.make('go', b'')
    await_(lambda: os.path.exists(world.at('late')) and os.path.getsize(world.at('late')), 'the child did not come to its end')
    with open(world.at('late'), encoding='ascii') as f:
        check(int(f.read()) == world.size, 'the place went with the first process')
    world.nothing_left()


def case_killed_program(world):
    for before in cases_of_both():
        with world.running('sh', '-c', HOLD, 'sh', '{model}', before=before) as p:
            p.send_signal(signal.SIGKILL)
            check(p.wait(20) == -signal.SIGKILL, 'survived')
        world.nothing_left()


def case_memory_goes(world):
    """It is the kernel's again when the program has ended, and when it or coffer was killed."""
    for before in cases_of_both():
        for end in signal.SIGTERM, signal.SIGKILL:
            with Group(world) as group:
                with world.running('sh', '-c', HOLD, 'sh', '{model}', before=(*group.into, *before)) as p:
                    check(group.held() >= world.size, 'it is not even there')
                    p.send_signal(end)
                    p.wait(20)
                await_(lambda g=group: g.held() == 0, 'the memory is still held')


def cases_of_both():
    yield ()
    with contextlib.suppress(Skip):
        yield without_namespaces()


def case_signals_while_opening(world):
    subprocess.run([world.coffer, 'seal', 'code', '-o', 'secret.sealed', '--kek', 'passphrase:fd=0'], input=b'secret\n', cwd=world.dir,
                   env=world.env, check=True, capture_output=True)
    for number, code in (signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL):
        read, write = os.pipe()
        with world.running('true', wait=False, pass_fds=(read,), model='secret.sealed', options=('--kek', f'passphrase:fd={read}')) as p:
            await_(lambda: len(world.processes()) == 2, 'no keeper is at work')
            time.sleep(0.2)
            p.send_signal(number)
            if number != signal.SIGKILL:
                time.sleep(0.2)
                os.write(write, b'secret\n')
            else:
                await_(lambda: world.processes() in ([], [p.pid]), 'the keeper still waits for its key')
            os.close(write)
            os.close(read)
            check(p.wait(20) == code, f'{number!r}: ended with {p.returncode}')
            world.nothing_left()


def case_killed_while_opening(world):
    """At several moments of it; where there are no namespaces, too."""
    world.make('large/weights.bin', weights(96 * MIB))
    world.ok('seal', 'large', '-o', 'large.sealed', '--kek', 'file:key')
    shutil.rmtree(world.at('large'))
    for before in cases_of_both():
        for delay in 0.01, 0.03, 0.06, 0.1, 0.15:
            with world.running('sleep', '60', wait=False, model='large.sealed', before=before) as p:
                time.sleep(delay)
                p.kill()
                p.wait()
            await_(lambda: not world.processes(), f'processes are left: {world.processes()}')
    world.run('true', before=before)  # which clears away links
    world.nothing_left()


def interrupted_at_terminal(world, words):
    """Exit code and words after Ctrl-C of a program that has said that it is ready."""
    with open(world.at('line'), 'w', encoding='utf-8') as f:
        f.write('exec ' + ' '.join("'" + w.replace("'", "'\\''") + "'" for w in words) + '\n')
    p = subprocess.Popen(['script', '-qec', 'sh ' + world.at('line'), '/dev/null'], cwd=world.dir, env=world.env, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    seen = b''
    while b'ready' not in seen:
        piece = os.read(p.stdout.fileno(), 1000)
        check(piece, f'no terminal: {seen}')
        seen += piece
    p.stdin.write(b'\x03')
    p.stdin.flush()
    rest = p.stdout.read()
    p.stdin.close()
    return p.wait(20), rest


def case_terminal(world):
    """Ctrl-C at a terminal goes to the program, and the program's answer counts."""
    if shutil.which('script') is None:
        raise Skip('script(1) is not installed')
    words = ('sh', '-c', "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done")
    code, seen = interrupted_at_terminal(world, words)
    check(b'caught' in seen, seen)
    check(interrupted_at_terminal(world, world.argv(*words)) == (code, seen), f'without coffer {code}, {seen}')
    world.nothing_left()


def case_places(world):
    """$XDG_RUNTIME_DIR when it is fit, else one of the system's; links and folders of others are passed over."""
    with_namespaces(world)
    show = ('sh', '-c', 'printf %s "$COFFER_MODEL"')
    place = world.at('elsewhere')
    os.mkdir(place)
    check(world.run(*show, env={'XDG_RUNTIME_DIR': place}).stdout.decode() == place + '/coffer/llama', 'not where it was told')
    check(os.stat(place + '/coffer').st_mode & 0o7777 == 0o700, 'others can look in')
    fallback = '/run/coffer' if ROOT else f'/tmp/.coffer-{os.getuid()}'
    for spoil in 'mode', 'link', 'file', 'unset', 'relative':
        runtime = place
        if spoil == 'mode':
            os.chmod(place + '/coffer', 0o750)
        elif spoil == 'link':
            os.rename(place + '/coffer', place + '/real')
            os.chmod(place + '/real', 0o700)
            os.symlink('real', place + '/coffer')
        elif spoil == 'file':
            os.unlink(place + '/coffer')
            world.make('elsewhere/coffer', b'')
        else:
            runtime = '' if spoil == 'unset' else 'elsewhere'
        got = world.run(*show, env={'XDG_RUNTIME_DIR': runtime}).stdout.decode()
        check(got == fallback + '/llama', f'{spoil}: {got}')


# ---- --lazy ----

def with_fuse(world, before=()):
    """Words in front of a command for which there is a /dev/fuse that it may open."""
    words = before
    if ROOT and os.path.exists('/dev/fuse') and not os.stat('/dev/fuse').st_mode & 0o002:
        node = world.at('fuse')
        if not os.path.exists(node):
            os.mknod(node, 0o20666, os.stat('/dev/fuse').st_rdev)
            os.chmod(node, 0o666)
        words = ('unshare', '-m', 'sh', '-c', f'mount --bind {node} /dev/fuse && exec "$@"', 'sh', *before)
    if not os.path.exists('/dev/fuse') or subprocess.run([*words, 'sh', '-c', ': <>/dev/fuse'], capture_output=True, check=False).returncode:
        raise Skip('this machine has no /dev/fuse, or not for everybody')
    return words


def case_lazy(world):
    """Root's kernel may read from memory by itself; everybody else's asks."""
    for user in {(), unprivileged()}:
        before = with_fuse(world, user)
        script = 'echo ready "$1" "$2"; cd "$1" && find -L . -type f | sort | tr "\n" " " && { wc -c <weights.bin || echo; }; { cmp weights.bin "$2" && echo same || echo; }; ' \
            'touch "$1/new" 2>&1; read -r _; exit 5'
        with world.running('sh', '-c', script, 'sh', '{model}', '{file:renamed}', before=before, key=key_of(user),
                           options=('--model', 'renamed.coffer', '--lazy')) as p:
            check(p.stdout.readline() == f'./empty ./sub/config ä.json ./weights.bin {world.size}\n'.encode(), 'other files')
            check(p.stdout.readline() == b'same\n', 'other bytes')
            check(b'Read-only file system' in p.stdout.readline(), 'can be written')
            if user:
                check(not os.path.exists(p.words[0]) and not os.path.exists(f'/proc/{p.pid}/root{p.words[0]}'), 'another user, root, can look in')
            else:
                look_for_it(world, p)
            p.stdin.write(b'\n')
            p.stdin.flush()
            check(p.wait(20) == 5, 'ended badly')
        world.nothing_left()


def case_lazy_refusals(world):
    before = with_fuse(world)
    refused(world, 6, ['model.py carries code'], model='code.sealed', before=before, options=('--lazy',))
    refused(world, 7, ['no key opens it'], key='other', before=before, options=('--lazy',))
    refused(world, 6, ['--verify wants'], before=before, options=('--lazy', '--verify'))


def case_lazy_damaged(world):
    """Who reads what is not authentic gets an error."""
    damage(world)
    before = with_fuse(world)
    r = world.run('sh', '-c', 'cat "$1/sub/config ä.json"; cat "$1/weights.bin"', 'sh', '{model}', model='bad.sealed', options=('--lazy',), before=before, code=1)
    check('Input/output error' in r.errors, r.errors)
    check(r.stdout.startswith(b'{"model_type": "test"}\n') and len(r.stdout) < 2 * MIB + 100, 'bytes of a bad record came through')


def case_lazy_killed(world):
    """The program, and the server: whoever is left comes to an end."""
    before = with_fuse(world)
    for victim in 'program', 'server':
        with world.running('sh', '-c', HOLD, 'sh', '{model}', before=before, options=('--lazy',)) as p:
            if victim == 'program':
                p.kill()
                p.wait(20)
            else:
                for pid in set(world.processes()) - {p.pid}:
                    os.kill(pid, signal.SIGKILL)
                if ROOT:
                    await_(lambda: not os.path.exists(f'/proc/{p.pid}/root{p.words[0]}/weights.bin'), 'is still served')
        world.nothing_left()


def case_lazy_without_namespaces(world):
    world.run('sh', '-c', 'wc -c <"$1/weights.bin"', 'sh', '{model}', before=without_namespaces(), options=('--lazy',), words=['--lazy needs a namespace'])


# ---- where the system gives less ----

def case_without_namespaces(world):
    see_links(world, without_namespaces(), 'key')


def case_without_namespaces_as_nobody(world):
    see_links(world, without_namespaces_as_nobody(world), 'key.nobody')


def see_links(world, before, key):
    script = 'echo ready "$1" "$2"; cd "$1" && find . -type l | sort | tr "\n" " " && { wc -c <weights.bin || echo; }; { cmp weights.bin "$2" && echo same || echo; }; read -r _'
    with world.running('sh', '-c', script, 'sh', '{model}', '{file:renamed}', before=before, key=key, options=('--model', 'renamed.coffer')) as p:
        folder = os.path.dirname(p.words[0])
        check(p.stdout.readline() == f'./empty ./sub/config ä.json ./weights.bin {world.size}\n'.encode(), 'other files')
        check(p.stdout.readline() == b'same\n', 'other bytes')
        check(os.stat(folder).st_mode & 0o77 == 0, 'others can look into the folder of links')
        for path in (os.path.join(d, n) for d, _, names in os.walk(folder) for n in names):
            check(os.path.islink(path), f'{path} is no link')
        try:
            with open(p.words[1], 'r+b') as f:
                f.write(b'x')
        except OSError:
            pass
        else:
            raise AssertionError('what is opened can be changed')
        p.stdin.write(b'\n')
        p.stdin.flush()
        check(p.wait(20) == 0, 'ended badly')
        check(b'warning: ' in p.stderr.read(), 'says nothing of it')
        await_(lambda: not os.path.exists(folder), 'the links stay')
    world.nothing_left()


def case_killed_keeper(world):
    """With it goes the memory; the next run clears away the links."""
    before = without_namespaces()
    with world.running('sh', '-c', HOLD, 'sh', '{model}', before=before) as p:
        for pid in world.processes():
            with open(f'/proc/{pid}/comm', encoding='utf-8') as f:
                if f.read() == 'coffer-keeper\n':
                    os.kill(pid, signal.SIGKILL)
        await_(lambda: not os.path.exists(p.words[0] + '/weights.bin'), 'the memory lives')
        check(os.path.islink(p.words[0] + '/weights.bin'), 'no links are left to clear away')
        world.run('true', before=before)
        check(not os.path.exists(os.path.dirname(p.words[0])), 'the links were not cleared away')
    world.nothing_left()


def case_read_only_root(world):
    if not ROOT:
        raise Skip('only root can make one')
    small = 'mount --make-rprivate / && mount -o remount,bind,ro / && mount -t tmpfs -o size=64k none /dev/shm'
    readonly = small + ' && mount -o remount,ro /dev/shm'
    for line in small, readonly:
        words = ('unshare', '-m', 'sh', '-c', line + ' && exec "$@"', 'sh')
        if subprocess.run([*words, 'true'], capture_output=True, check=False).returncode != 0:
            raise Skip('the root of this machine cannot be made read-only for a process')
        if line == readonly and all(os.listdir(p) for p in ('/mnt', '/media', '/srv', '/opt')):
            raise Skip('this machine has no empty folder to mount over')
        for user in (), unprivileged():
            world.run('sh', '-c', 'wc -c <"$1/weights.bin"', 'sh', '{model}', before=(*words, *user), key=key_of(user),
                      env={'XDG_RUNTIME_DIR': ''})


def case_nobody_else_sees_it(world):
    """
    As root and as somebody; no file system and no swap has it, neither of these runs nor of all those before.  This is the last
    case, for that takes a while.
    """
    users = [(), unprivileged()] if ROOT else [()]
    for before in users:
        with_namespaces(world, before)
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(world.running('sh', '-c', HOLD, 'sh', '{model}', before=b, key=key_of(b))) for b in users]
        for p in programs:
            look_for_it(world, p)
        search(world)
        for p in programs:
            p.stdin.write(b'\n')
            p.stdin.flush()
            check(p.wait(20) == 0, 'ended badly')
    world.nothing_left()


def main():
    return rig.run_cases(World(sys.argv[1]), globals())


if __name__ == '__main__':
    sys.exit(main())
