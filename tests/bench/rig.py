# SPDX-License-Identifier: Apache-2.0
"""What all sections of the benchmark stand on: the place with its files, runs that take turns, and the page of rows."""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MIB, GIB = 1 << 20, 1 << 30


class Skip(Exception):
    """A row that cannot be measured here, and why."""


# ---- the place: files on disk, and a tmpfs of huge pages ----

class Place:
    def __init__(self, build, size):
        self.build, self.size = build, size
        self.coffer = os.path.join(build, 'coffer')
        self.disk = tempfile.mkdtemp(prefix='bench-', dir=build)
        self.memory, self.mounted, self.about = self.mount()
        self.key = os.path.join(self.disk, 'key')
        with open(self.key, 'wb') as file:
            file.write(os.urandom(32))
        os.chmod(self.key, 0o600)
        self.kek = ['--kek', 'file:' + self.key]
        self.result = os.path.join(self.disk, 'result')
        os.environ['COFFER_AUDIT'] = os.path.join(self.disk, 'audit')

    def mount(self):
        folder = tempfile.mkdtemp(prefix='coffer-bench-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
        options = f'huge=within_size,mode=700,size={12 * GIB}'
        if os.geteuid() == 0 and subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'coffer-bench', folder],
                                                stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return folder, True, 'a tmpfs of huge pages (huge=within_size)'
        return folder, False, 'a tmpfs of small pages, /dev/shm, for mounting one of huge pages needs root'

    def clean(self):
        if self.mounted:
            subprocess.run(['umount', '-l', self.memory], check=False)
        shutil.rmtree(self.memory, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    def on(self, name):
        return os.path.join(self.memory, name)

    def off(self, name):
        return os.path.join(self.disk, name)

    def room(self, need):
        free = shutil.disk_usage(self.disk).free
        if free < need + GIB:
            raise Skip(f'{need >> 30} GiB of disk are needed, {free >> 30} are free')

    def weights(self, size):
        """A sealed safetensors file of that size on disk, which is made once."""
        sealed, plain = self.off(f'weights-{size}.coffer'), self.off('weights.safetensors')
        if not os.path.exists(sealed):
            self.room(size)
            sparse_weights(plain, size)
            try:
                coffer_run(self, ['seal', plain, '-o', sealed])
            finally:
                remove(plain)
            settle(sealed)
        return sealed


def remove(path):
    if not path:
        return
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def noise(path, size):
    """A file of random bytes; AES in counter mode makes them faster than the kernel does."""
    with open(path, 'wb') as out:
        piece = os.urandom(4 * MIB)
        for i in range(size // (4 * MIB)):
            out.write(i.to_bytes(8, 'big') + piece[8:])
        os.fsync(out.fileno())


def forget(path):
    """Drop a file's pages from the page cache."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def settle(path):
    """Have it on the disk, so that nothing is written in the background while others are measured."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def remember(path):
    with open(path, 'rb') as file:
        while file.read(16 * MIB):
            pass


# ---- measuring ----

WARM_MIB = 1500  # more than most timed runs take


class Run:
    """One way to do the job: its name, its command, what it makes, what comes before it (unmeasured), and the memory it takes."""
    def __init__(self, name, command, target=None, before=None, warm=WARM_MIB):
        self.name, self.command, self.target, self.before, self.warm = name, command, target, before, warm

    def measure(self, place):
        """Seconds, and the peak of memory in MiB."""
        remove(self.target)
        if self.before:
            self.before()
        done = subprocess.run([os.path.join(place.build, 'bench', 'measure'), place.result, str(self.warm), *self.command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            said = done.stderr.decode('utf-8', 'replace').strip().splitlines() or ['nothing']
            raise Skip(f'{self.name} ended with {done.returncode} and said: {said[-1][:120]}')
        with open(place.result, encoding='ascii') as file:
            took, _, peak = file.read().split()
        return float(took), int(peak) / 1024


def compete(place, rounds, runs):
    """Let the runs take turns; each goes first in turn.  Returns the seconds of each, round by round.

    What makes a file runs twice, and the second time counts.  On a virtual machine a page of memory that comes fresh from the
    host costs more than all that is measured here; the first time brings just those pages that the second will use, and
    tests/bench/measure.c takes and frees enough of them before each run.
    """
    seconds = [[] for _ in runs]
    for turn in range(rounds):
        for i in range(len(runs)):
            which = (i + turn) % len(runs)
            if runs[which].target or turn == 0:
                runs[which].measure(place)
            took, _ = runs[which].measure(place)
            seconds[which].append(took)
            remove(runs[which].target)
    return seconds


def ratios(beside, own):
    return [b / o for b, o in zip(beside, own)]


class Page:
    """Rows of ratios and rows of absolute figures, in the order in which they come."""
    def __init__(self):
        self.rows, self.figures, self.skipped = [], [], []

    def row(self, what, beside, values, target=None, at_most=False, unit=''):
        middle = statistics.median(values)
        reached = '' if target is None else 'yes' if (middle <= target if at_most else middle >= target) else 'no'
        goal = '' if target is None else f'{"≤" if at_most else "≥"} {target:g}{unit}'
        form = '{:.1f}{u}' if max(map(abs, values)) >= 10 else '{:.2f}{u}'
        spread = '' if len(values) == 1 else form.format(min(values), u='') + ' – ' + form.format(max(values), u='')
        row = (what, beside, form.format(middle, u=unit), spread, goal, reached)
        self.rows.append(row)
        print('  {:<56} {:<46} {:>9}  {:>15}  {:>9} {}'.format(*row), flush=True)

    def figure(self, what, seconds, size=None):
        middle, best = statistics.median(seconds), min(seconds)
        self.figures.append((what, *(f'{t:.3f} s' if t >= 0.1 else f'{t * 1e3:.2f} ms' for t in (middle, best)),
                             f'{size / middle / 1e9:.2f} GB/s' if size else ''))

    def skip(self, what, why):
        self.skipped.append((what, why))
        print(f'  {what}: not measured: {why}', flush=True)


# ---- small help ----

def sparse_weights(path, size):
    subprocess.run([sys.executable, os.path.join(HERE, 'sparse.py'), 'weights', path, str(size)], check=True)


def size_text(size):
    return f'{size >> 30} GiB' if size >= GIB else f'{size >> 20} MiB'


def coffer_run(place, args):
    done = subprocess.run([place.coffer, args[0], '-q', '--force', *args[1:], *place.kek], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Skip(done.stderr.decode().strip())


def coffer_plain(place, args):
    done = subprocess.run([place.coffer, *args, '-q'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Skip(done.stderr.decode().strip())


def memory_gib(word):
    with open('/proc/meminfo', encoding='ascii') as file:
        return int(re.search(word + r':\s+(\d+)', file.read()).group(1)) / MIB
