#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cut the power: from the trace of one run, build every state that a file system may legally leave, and judge each.

usage: tests/fault/power.py COFFER [WORD…]    (only the cases whose name holds a WORD)

The model.  The data of a file is durable after fsync or fdatasync of that file, the names in a folder after fsync of that folder.
Of what is not durable: names of one folder arrive in order, any number of them; a write arrives not at all, whole, or torn at a
boundary of 512 bytes (a disk writes a sector whole or not at all), or, where it made the file longer, as zeros; one write may be lost
while later ones arrive.  An unnamed file (O_TMPFILE) exists in no state until it is linked.  After the command has ended with 0,
every state must be «new».  That the model follows the command is checked: in the end it must hold what the folder holds.
"""
import itertools
import math
import os
import random
import re
import sys

import rig

SYSCALLS = ('open', 'openat', 'openat2', 'creat', 'close', 'dup', 'dup2', 'dup3', 'fcntl', 'write', 'pwrite64', 'fsync', 'fdatasync',
            'ftruncate', 'fallocate', 'link', 'linkat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat',
            'rmdir')
# after these a disk may hold something else than before
MOMENTS = ('creat', 'write', 'pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'fallocate', 'link', 'linkat', 'rename', 'renameat',
           'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir')
UNKNOWN = ('writev', 'pwritev', 'pwritev2', 'copy_file_range', 'sendfile', 'io_uring_setup', 'sync_file_range')
SECTOR = 512
VARIANTS = 40  # of one file at one moment
STATES = 300  # at one moment, less where a case says how much is enough; beyond that, a choice that the seed fixes


def text(hexed):
    return bytes(int(h, 16) for h in re.findall(r'\\x([0-9a-f]{2})', hexed))


class Inode:
    """One file: what is durable (None: not even its existence), what is there, and the changes between."""

    def __init__(self, content=b'', durable=False):
        self.now = bytearray(content)
        self.durable = bytes(content) if durable else None
        self.pending = []

    def change(self, op):
        self.pending.append(op)
        apply(self.now, op)

    def sync(self):
        self.durable = bytes(self.now)
        self.pending = []

    def variants(self):
        """Every content that may be found after the power is back."""
        start = self.durable or b''
        found = []
        for k in range(len(self.pending) + 1):
            done = replay(start, self.pending[:k])
            found.append(bytes(done))
            if k < len(self.pending) and self.pending[k][0] == 'write':
                _, off, data = self.pending[k]
                middle = (off + len(data) // 2) // SECTOR * SECTOR - off
                if 0 < middle < len(data):
                    found.append(bytes(replay(done, [('write', off, data[:middle])])))
                    found.append(bytes(replay(done, [('write', off + middle, data[middle:])])))
                if off + len(data) > len(start):
                    zeros = max(off, len(start))
                    found.append(bytes(replay(done, [('write', zeros, bytes(off + len(data) - zeros))])))
        for k in range(len(self.pending) - 1):
            found.append(bytes(replay(start, self.pending[:k] + self.pending[k + 1:])))
        found = list(dict.fromkeys(found))
        return found if len(found) <= VARIANTS else found[:VARIANTS // 2] + found[-VARIANTS // 2:]


def apply(content, op):
    kind, off = op[0], op[1]
    if kind == 'write':
        if len(content) < off:
            content.extend(bytes(off - len(content)))
        content[off:off + len(op[2])] = op[2]
    elif kind == 'size':
        del content[off:]
        content.extend(bytes(off - len(content)))
    else:  # room: as long as that, at least
        content.extend(bytes(max(0, off - len(content))))


def replay(start, ops):
    content = bytearray(start)
    for op in ops:
        apply(content, op)
    return content


class Disk:
    """Folders and files beneath one folder, as they are and as they may be found."""

    def __init__(self, root, tree):
        self.root = root
        self.names = {}  # path -> Inode, or 'folder'
        self.fds = {}
        self.positions = {}
        self.lagging = []  # changes of names that are not durable: (folders, [(path, what | None)])
        for path, content in tree.items():
            for parent in parents(path):
                self.names[parent] = 'folder'
            if not path.endswith('/'):
                self.names[path] = Inode(content, durable=True)
        self.durable_names = dict(self.names)

    def inside(self, path):
        full = os.path.normpath(path)
        return os.path.relpath(full, self.root) if full.startswith(self.root + '/') else None

    def rename(self, changes):
        """Names change together: [(path, Inode | 'folder' | None)]."""
        self.lagging.append(({os.path.dirname(p) for p, _ in changes}, changes))
        for path, what in changes:
            put(self.names, path, what)

    def sync_folder(self, folder):
        rest = []
        for folders, changes in self.lagging:
            if folder in folders:
                for path, what in changes:
                    put(self.durable_names, path, what)
            else:
                rest.append((folders, changes))
        self.lagging = rest

    def step(self, call):
        """Follow one system call; False when it changes nothing."""
        name, args, result = call.name, call.args, call.result
        if result is None or result < 0:
            return False
        if name in UNKNOWN:
            raise rig.Bad(f'the command uses {name}, which this model does not know')
        strings = [text(s) for s in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', args)]
        fd = re.match(r'(\d+)', args)
        fd = int(fd.group(1)) if fd else None
        file = self.fds.get(fd)
        if name in ('open', 'openat', 'openat2', 'creat'):
            return self.open(args, strings, result, name)
        if name == 'close':
            self.fds.pop(fd, None)
        elif name in ('dup', 'dup2', 'dup3') or (name == 'fcntl' and 'F_DUPFD' in args):
            self.fds[result] = file
        elif name in ('write', 'pwrite64'):
            if not isinstance(file, Inode):  # outside of the folder, or no file
                return False
            off = self.positions.get(fd, 0) if name == 'write' else int(args.rsplit(',', 1)[1])
            file.change(('write', off, strings[-1][:result]))
            if name == 'write':
                self.positions[fd] = off + result
            return True
        elif name == 'ftruncate' and isinstance(file, Inode):
            file.change(('size', int(args.rsplit(',', 1)[1])))
            return True
        elif name == 'fallocate' and isinstance(file, Inode):
            numbers = args.split(',')
            if 'KEEP_SIZE' not in numbers[1]:
                file.change(('room', int(numbers[2]) + int(numbers[3])))
            return True
        elif name in ('fsync', 'fdatasync'):
            if isinstance(file, Inode):
                file.sync()
            elif isinstance(file, str):
                self.sync_folder(file)
            return file is not None
        elif name != 'fcntl':
            return self.change_names(call, strings)
        return False

    def paths(self, args, strings):
        """The full paths that a call names, each beneath the folder its descriptor stands for."""
        folders = [text(f).decode() for f in re.findall(r'(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>', args)]
        found = []
        for i, string in enumerate(strings):
            folder = folders[min(i, len(folders) - 1)] if folders else self.root
            found.append(os.path.normpath(os.path.join(folder, string.decode())))
        return found

    def open(self, args, strings, result, name):
        self.fds.pop(result, None)
        self.positions[result] = 0
        full = self.paths(args, strings[:1])[0]
        if full == self.root:
            path = ''
        else:
            path = self.inside(full)
            if path is None:
                return False
        if 'O_TMPFILE' in args:
            self.fds[result] = Inode()
            return False
        what = self.names.get(path, 'folder' if path == '' else None)
        if what is None and ('O_CREAT' in args or name == 'creat'):
            what = Inode()
            self.rename([(path, what)])
        self.fds[result] = path if what == 'folder' else what
        if isinstance(what, Inode):
            if 'O_APPEND' in args:
                self.positions[result] = len(what.now)
            if 'O_TRUNC' in args and what.now:
                what.change(('size', 0))
        return True

    def change_names(self, call, strings):
        args = call.args
        full = self.paths(args, strings)
        inside = [self.inside(p) for p in full]
        if call.name in ('link', 'linkat'):
            if inside[1] is None:
                return False
            magic = re.match(r'/proc/self/fd/(\d+)$', full[0])
            self.rename([(inside[1], self.fds[int(magic.group(1))] if magic else self.names[inside[0]])])
        elif call.name.startswith('rename'):
            if inside[0] is None and inside[1] is None:
                return False
            if 'RENAME_EXCHANGE' in args:
                self.rename(self.move(inside[0], inside[1], self.names.copy()) + self.move(inside[1], inside[0], self.names.copy()))
            else:
                gone = [(p, None) for p in beneath(self.names, inside[1])]
                self.rename([(p, None) for p in beneath(self.names, inside[0])] + gone +
                            self.move(inside[0], inside[1], self.names))
        elif call.name in ('unlink', 'unlinkat', 'rmdir'):
            if inside[0] is None:
                return False
            self.rename([(inside[0], None)])
        elif call.name in ('mkdir', 'mkdirat'):
            if inside[0] is None:
                return False
            self.rename([(inside[0], 'folder')])
        return True

    @staticmethod
    def move(old, new, names):
        return [(new + p[len(old):], names[p]) for p in beneath(names, old)]

    def arrivals(self, limit):
        """How many changes of each folder have arrived: every way, or so many, those at the edges among them."""
        depths = self.depths()
        if math.prod(n + 1 for n in depths) <= limit:
            return list(itertools.product(*[range(n + 1) for n in depths]))
        chance = random.Random(1)
        found = {tuple(depths), tuple(0 for _ in depths)}
        for i in range(min(len(depths), limit // 4)):  # one folder behind the others, or ahead of them
            found.add(tuple(0 if i == j else n for j, n in enumerate(depths)))
            found.add(tuple(n if i == j else 0 for j, n in enumerate(depths)))
        while len(found) < limit:
            found.add(tuple(chance.randint(0, n) for n in depths))
        return sorted(found)

    def states(self, limit):
        """Every tree that may be found now, or where those are more than limit, a choice that is always the same."""
        found = []
        for k in self.arrivals(limit):
            names = self.names_after(dict(zip(self.folders(), k)))
            files = sorted((p, w) for p, w in names.items() if isinstance(w, Inode) and rooted(names, p))
            folders = [p + '/' for p, w in names.items() if w == 'folder' and rooted(names, p)]
            choices = [w.variants() for _, w in files]
            total = 1
            for choice in choices:
                total *= len(choice)
            if total <= limit:
                combos = itertools.product(*choices)
            else:  # each file in each of its variants, the others as they were and as they are
                combos = [tuple(c if i == j else other[pick] for j, other in enumerate(choices))
                          for i, choice in enumerate(choices) for c in choice for pick in (0, -1)]
            for combo in combos:
                tree = {p: None for p in folders}
                tree.update({p: c for (p, _), c in zip(files, combo)})
                found.append(tree)
        if len(found) > limit:
            found = random.Random(1).sample(found, limit)
        return found

    def folders(self):
        return sorted({f for folders, _ in self.lagging for f in folders})

    def depths(self):
        return [sum(f in folders for folders, _ in self.lagging) for f in self.folders()]

    def names_after(self, taken):
        """The names when of each folder's changes the first taken[folder] have arrived."""
        names = dict(self.durable_names)
        seen = dict.fromkeys(taken, 0)
        for folders, changes in self.lagging:
            for folder in folders:
                seen[folder] += 1
            if all(seen[f] <= taken[f] for f in folders):
                for path, what in changes:
                    put(names, path, what)
        return names


def put(names, path, what):
    if what is None:
        names.pop(path, None)
    else:
        names[path] = what


def parents(path):
    parts = path.rstrip('/').split('/')
    last = len(parts) if path.endswith('/') else len(parts) - 1
    return ['/'.join(parts[:i]) for i in range(1, last + 1)]


def beneath(names, path):
    return [p for p in names if p == path or p.startswith(path + '/')]


def rooted(names, path):
    return all(names.get(p) == 'folder' for p in parents(path))


def cut(case, report):
    with rig.scratch() as base:
        folder = os.path.realpath(os.path.join(base, 'work'))
        rig.write_tree(folder, case.start)
        outcome, calls = rig.trace(case.argv, folder, SYSCALLS + UNKNOWN, ('-y', '-xx', '-s', '67108864'), case.env)
        after = rig.read_tree(folder)
        if outcome.status != 0:
            report.case('power ' + case.name, 0, 'states', [f'a clean run exits {outcome.status}: {outcome.err}'])
            return
        disk = Disk(folder, case.start)
        seen, complaints = {}, []

        limit = case.states or STATES

        def explore(moment, ended=False):
            for tree in disk.states(limit):
                key = (frozenset(tree.items()), ended)
                if key in seen:
                    continue
                rig.write_tree(folder, tree)
                try:
                    seen[key] = case.judge(folder)
                    if ended and seen[key] != 'new':
                        raise rig.Bad(f'the command has ended with 0, and yet this is «{seen[key]}»')
                    rig.complete(case, folder, seen[key])
                except rig.Bad as why:
                    seen[key] = 'bad'
                    sizes = {p: len(c) for p, c in tree.items() if c is not None}
                    complaints.append(f'cut after {moment}: {why}; {sizes}')

        try:
            for i, call in enumerate(calls):
                if disk.step(call) and call.name in MOMENTS:
                    explore(f'{call.name} (call {i})')
            now = {p: bytes(w.now) for p, w in disk.names.items() if isinstance(w, Inode)}
            if now != after:
                complaints.append(f'the model did not follow the command: it holds {sorted(now)}, the folder {sorted(after)}')
            explore('the end', ended=True)
        except rig.Bad as why:
            complaints.append(str(why))
        report.case('power ' + case.name, len(seen), 'states', complaints)


def main():
    import cases
    report = rig.Report()
    for case in rig.select(cases.all_cases(os.path.realpath(sys.argv[1])), sys.argv[2:]):
        if case.writes:
            cut(case, report)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
