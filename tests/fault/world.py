#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the world does to a command: a full disk, a folder that may not be written, others at work, eyes.

usage: tests/fault/world.py COFFER [WORD…]

Needs root for the small disk and for becoming nobody; without it those are skipped.
"""
import base64
import glob
import os
import re
import subprocess
import sys
import threading
import time

import cases
import convert_cases
import rig

KEY = ('--kek', 'file:k1')
NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')


def refused(outcome, code, name=None):
    """The command ended with code and says so in its last line."""
    said = re.fullmatch(r'coffer: .+ \[([A-Z]+)\]', rig.last_line(outcome.err))
    if outcome.status != code or not said or (name and said.group(1) != name):
        raise rig.Bad(f'exits {outcome.status}, not {code} {name or ""}: {rig.last_line(outcome.err)}')


def done(outcome):
    if outcome.status != 0:
        raise rig.Bad(f'exits {outcome.status}: {rig.last_line(outcome.err)}')


def parent_of(proc):
    with open(proc + '/stat', encoding='ascii', errors='replace') as file:
        return int(file.read().rsplit(')', 1)[1].split()[1])


class World:
    def __init__(self, coffer):
        self.coffer = coffer
        self.judge = cases.Judge(coffer)

    def run(self, folder, *argv, before=(), env=None):
        return rig.execute([*before, self.coffer, *argv], folder, env)

    # ---- room ----

    def small_disk(self, argv, start, out, size, step=32):
        """On disks of every size up to one that suffices: exit 12 and nothing left, then enough room and success."""
        tried = 0
        with rig.scratch() as base:
            disk = os.path.join(base, 'disk')
            os.mkdir(disk)
            for kib in range(sum(len(c) for c in start.values()) // 1024 + 16, size, step):
                subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={kib}k', 'tmpfs', disk], check=True)
                try:
                    for path, data in start.items():
                        os.makedirs(os.path.dirname(os.path.join(disk, path)), exist_ok=True)
                        with open(os.path.join(disk, path), 'wb') as file:
                            file.write(data)
                        os.chmod(os.path.join(disk, path), 0o600)
                    outcome = self.run(disk, *argv)
                    if outcome.status == 0:
                        return f'{tried} disks too small, then one that suffices'
                    refused(outcome, 12, 'SPACE')
                    if os.path.isfile(os.path.join(disk, out)):
                        raise rig.Bad(f'{out} is there though the disk of {kib} KiB was full')
                    tried += 1
                    subprocess.run(['mount', '-o', f'remount,size={2 * size}k', disk], check=True)
                    done(self.run(disk, *argv))
                finally:
                    subprocess.run(['umount', disk], check=True)
        raise rig.Bad(f'{size} KiB do not suffice')

    def full_seal(self):
        return self.small_disk(['seal', 'm.bin', '-o', 'm.coffer', *KEY], {'m.bin': cases.FILE, 'k1': cases.KEY1}, 'm.coffer', 1024)

    def full_seal_folder(self):
        return self.small_disk(['seal', 'm', '-o', 's', *KEY], {**cases.TREE, 'k1': cases.KEY1}, 's/coffer.json', 1024)

    def full_open(self):
        start = cases.sealed_start(self.coffer, {'m.bin': cases.FILE}, 'seal', 'm.bin', '-o', 's.coffer')
        return self.small_disk(['open', 's.coffer', '-o', 'out', *KEY], start, 'out', 1024)

    def full_convert(self):
        """Of a foreign file, which is as long as what it becomes."""
        converter = convert_cases.Converter(self.coffer)
        start = converter.start('encmodel')
        said = []
        for argv in (['open', 'f.enc', '--from', 'encmodel'], ['convert', 'f.enc', '--from', 'encmodel', '--to', 'coffer'],
                     ['convert', 'f.enc', '--from', 'encmodel', '--to', 'cnap']):
            said.append(self.small_disk([*argv, *KEY, '-o', 'out'], start, 'out', 4096, 256))
        return '; '.join(said)

    def size_limit(self):
        """A limit on the size of files (ulimit -f) is lack of space, not a signal."""
        with rig.scratch() as folder:
            rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
            command = 'trap "" XFSZ; ulimit -f 64; exec "$0" seal m.bin -o m.coffer --kek file:k1'
            refused(rig.execute(['bash', '-c', command, self.coffer], folder), 12, 'SPACE')
            if os.path.exists(os.path.join(folder, 'm.coffer')):
                raise rig.Bad('m.coffer is there')

    # ---- not allowed ----

    def readonly_folder(self):
        with rig.scratch() as folder:
            rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
            for path in ('m.bin', 'k1'):
                os.chown(os.path.join(folder, path), 65534, 65534)
            os.chmod(folder, 0o555)
            refused(self.run(folder, 'seal', 'm.bin', '-o', 'm.coffer', *KEY, before=NOBODY), 4, 'PERM')
            os.chmod(folder, 0o755)
            os.chown(folder, 65534, 65534)
            done(self.run(folder, 'seal', 'm.bin', '-o', 'm.coffer', *KEY, before=NOBODY))
            if not self.judge.opens(folder, 'm.coffer', 'k1', cases.FILE):
                raise rig.Bad('what nobody sealed does not open')
        return 'refused as nobody in a folder 0555, done in a folder of its own'

    def unreadable_input(self):
        with rig.scratch() as folder:
            rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
            os.chmod(folder, 0o777)
            os.chown(os.path.join(folder, 'k1'), 65534, 65534)
            refused(self.run(folder, 'seal', 'm.bin', '-o', 'm.coffer', *KEY, before=NOBODY), 4, 'PERM')

    def mark_of_sealing(self):
        """A sealing that was killed at its last step left its mark, with the DEK wrapped for a key: removing the key removes it."""
        start = cases.sealed_start(self.coffer, cases.TREE, 'seal', 'm', '-o', 's')
        with rig.scratch() as folder:
            rig.write_tree(folder, {**start, 's/.coffer.partial': start['s/coffer.json']})
            done(self.run(folder, 'rewrap', 's', *KEY, '--add', 'file:k2', '--remove', 'file:k1'))
            if os.path.exists(os.path.join(folder, 's/.coffer.partial')):
                raise rig.Bad('.coffer.partial is there still')

    # ---- others at work ----

    def race(self):
        """Sixteen processes seal into one name: one does, the others are refused, and nothing is left of them."""
        for _ in range(4):
            with rig.scratch() as folder:
                rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
                running = [subprocess.Popen([self.coffer, 'seal', 'm.bin', '-o', 'm.coffer', *KEY], cwd=folder,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                           for _ in range(16)]
                statuses = sorted(p.wait(rig.LIMIT) for p in running)
                if statuses != [0] + [10] * 15:
                    raise rig.Bad(f'exit codes {statuses}')
                if not self.judge.opens(folder, 'm.coffer', 'k1', cases.FILE):
                    raise rig.Bad('the result does not open')
                cases.only(rig.read_tree(folder), ('m.bin', 'm.coffer', 'k1'), 'new')
        return '4 rounds of 16, one winner each'

    def race_folder(self):
        """Eight processes seal one folder into one: whoever ends with 0 has a model that opens; the others say 10."""
        with rig.scratch() as folder:
            rig.write_tree(folder, {**cases.TREE, 'k1': cases.KEY1})
            running = [subprocess.Popen([self.coffer, 'seal', 'm', '-o', 's', *KEY], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
            statuses = sorted(p.wait(rig.LIMIT) for p in running)
            if 0 not in statuses or set(statuses) - {0, 10}:
                raise rig.Bad(f'exit codes {statuses}')
            if not self.judge.opens(folder, 's', 'k1', cases.model(cases.TREE)):
                raise rig.Bad('the result does not open: ' + self.judge.why(folder, 's', 'k1'))
        return f'{statuses.count(0)} done, {statuses.count(10)} refused'

    def race_rewrap(self):
        """Eight rewraps of one sealed file at once: whatever they say, it opens with the key that none removes."""
        start = cases.sealed_start(self.coffer, {'m.bin': cases.FILE}, 'seal', 'm.bin', '-o', 's.coffer')
        with rig.scratch() as folder:
            rig.write_tree(folder, start)
            running = [subprocess.Popen([self.coffer, 'rewrap', 's.coffer', *KEY, '--add', 'file:k2'], cwd=folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                       for _ in range(8)]
            statuses = sorted(p.wait(rig.LIMIT) for p in running)
            if 0 not in statuses or set(statuses) - {0, 10}:
                raise rig.Bad(f'exit codes {statuses}')
            for key in ('k1', 'k2'):
                if not self.judge.opens(folder, 's.coffer', key, cases.FILE):
                    raise rig.Bad(f'does not open with {key}')
        return f'{statuses.count(0)} done, {statuses.count(10)} refused'

    def changing_input(self):
        """The model is written to while it is sealed: longer, shorter, or other bytes."""
        def append(path):
            with open(path, 'ab') as file:
                file.write(b'more')

        def overwrite(path):
            with open(path, 'r+b') as file:
                file.write(b'other')

        for change in (append, overwrite, lambda path: os.truncate(path, 1000)):
            with rig.scratch() as folder:
                rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
                path = os.path.join(folder, 'm.bin')
                timer = threading.Timer(0.9, change, [path])  # while the second read waits
                timer.start()
                outcome = rig.execute(['strace', '-f', '-qq', '-o', os.devnull, '-P', path, '-e', 'trace=read,pread64,preadv',
                                       '-e', 'inject=read,pread64,preadv:delay_exit=600000', self.coffer, 'seal', 'm.bin',
                                       '-o', 'm.coffer', *KEY, '--record-size', '64K', '--jobs', '1'], folder)
                timer.join()
                refused(outcome, 10, 'CHANGED')
                if os.path.exists(os.path.join(folder, 'm.coffer')):
                    raise rig.Bad('m.coffer is there')
        return 'longer, other bytes, shorter'

    # ---- eyes ----

    def no_secrets(self):
        """Neither key nor passphrase nor plaintext shows in arguments, environment, output, other files or what is written."""
        key, words = b'CANARY-KEY-0123456789abcdef-KEY!', b'CANARY-PASSPHRASE-correct-horse'
        hidden = [form for secret in (key, words) for form in
                  (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret))] + [cases.MARK]
        with rig.scratch() as folder:
            rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': key, 'words': words + b'\n', 'tmp/': b'', 'home/': b''})
            env = {'TMPDIR': os.path.join(folder, 'tmp'), 'HOME': os.path.join(folder, 'home')}
            argv = [self.coffer, 'seal', 'm.bin', '-o', 'm.coffer', *KEY, '--kek', 'passphrase:file=words']
            process = subprocess.Popen(['strace', '-f', '-qq', '-o', os.path.join(folder, 'log'), '-xx', '-s', '1048576',
                                        '-e', 'trace=write,pwrite64,fsync,sendto', '-e', 'inject=fsync:delay_enter=700000', *argv],
                                       cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            seen = self.look_inside(process)
            output, _ = process.communicate(timeout=rig.LIMIT)
            if process.returncode != 0:
                raise rig.Bad(f'exits {process.returncode}: {output!r}')
            if not seen:
                raise rig.Bad('the process was never seen; the rig is blind')
            with open(os.path.join(folder, 'log'), 'rb') as file:
                log = file.read()
            written = bytes.fromhex(b''.join(re.findall(rb'\\x([0-9a-f]{2})', log)).decode())
            if len(written) < len(cases.FILE):
                raise rig.Bad('what it wrote was not seen; the rig is blind')
            places = {**seen, 'output': output, 'what it wrote': written}
            places.update({p: c for p, c in rig.read_tree(folder).items() if p not in ('m.bin', 'k1', 'words', 'log')})
            for place, data in places.items():
                for form in hidden:
                    if form in data:
                        raise rig.Bad(f'{form!r} shows in {place}')
        return f'{len(hidden)} forms of secrets in {len(places)} places'

    def look_inside(self, process):
        """/proc of the command itself while it lives, which strace holds at its first fsync."""
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
            for proc in glob.glob('/proc/[0-9]*'):
                try:
                    if os.readlink(proc + '/exe') != self.coffer or parent_of(proc) != process.pid:
                        continue
                    time.sleep(0.2)
                    seen = {}
                    for name in ('cmdline', 'environ', 'limits', 'status'):
                        with open(f'{proc}/{name}', 'rb') as file:
                            seen[f'{proc}/{name}'] = file.read()
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
                # 1 byte is less than any core, and keeps it from a program that core_pattern names, too
                if not re.search(rb'Max core file size +1 +1 ', seen[f'{proc}/limits']):
                    raise rig.Bad('a core file could be written: its limit is not 1')
                return seen
        return {}

    def no_core(self):
        """A crash leaves no core file with keys in it."""
        with rig.scratch() as folder:
            rig.write_tree(folder, {'m.bin': cases.FILE, 'k1': cases.KEY1})
            command = 'ulimit -c unlimited; exec "$@"'
            outcome = rig.execute(['bash', '-c', command, '-', 'strace', '-f', '-qq', '-o', os.devnull, '-e', 'trace=fsync', '-e',
                                   'inject=fsync:signal=SIGABRT:when=1', self.coffer, 'seal', 'm.bin', '-o', 'm.coffer', *KEY], folder)
            if outcome.status == 0:
                raise rig.Bad('it was not killed; the rig is blind')
            cases.only(rig.read_tree(folder), ('m.bin', 'k1'), 'new')


TESTS = (
    ('disk full: seal file', 'full_seal', True),
    ('disk full: seal folder', 'full_seal_folder', True),
    ('disk full: open file', 'full_open', True),
    ('disk full: open and convert foreign files', 'full_convert', True),
    ('file size limit', 'size_limit', False),
    ('folder that may not be written', 'readonly_folder', True),
    ('input that may not be read', 'unreadable_input', True),
    ('mark of an interrupted sealing', 'mark_of_sealing', False),
    ('race: seal file', 'race', False),
    ('race: seal folder', 'race_folder', False),
    ('race: rewrap file', 'race_rewrap', False),
    ('input that changes', 'changing_input', False),
    ('secrets in sight', 'no_secrets', False),
    ('core files', 'no_core', False),
)


def main():
    world = World(os.path.realpath(sys.argv[1]))
    report = rig.Report()
    for name, method, needs_root in TESTS:
        if sys.argv[2:] and not any(w in name for w in sys.argv[2:]):
            continue
        if needs_root and os.geteuid() != 0:
            report.skip(name, 'needs root')
        else:
            report.check(name, getattr(world, method))
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
