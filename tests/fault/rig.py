# SPDX-License-Identifier: Apache-2.0
"""What the fault rigs share: cases, system call traces, and the three verdicts on a folder.

A case is a command, a folder that it starts from, and a judge.  The judge looks at the folder after the command was hurt and
says «old» (as before), «new» (as after a good run) or «between» (a step on the way that running again completes); anything
else it refuses with Bad.  kill.py, power.py, inject.py and alloc.py each hurt every case in their own way.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 120  # seconds a command may take
os.environ['COFFER_AUDIT'] = 'off'  # but for the cases that hurt the audit log itself
WHEN = 1700000000  # the time of every file that a rig writes: a sealed file bears that of its plain one


class Bad(Exception):
    """A state that must not be, with the reason."""


Case = collections.namedtuple('Case', 'name argv start judge again status writes most env states', defaults=(0, True, None, None, None))
Case.__doc__ = """name; argv run inside the folder; start = {path: bytes} (a path that ends in / is an empty folder);
judge(folder) -> 'old' | 'between' | 'new' or raise Bad; again = argv that completes what was hurt;
status = the exit code of a clean run: where it is not 0, the command refuses, and must never end with 0;
writes = False of a command that is to leave no trace; most = how many failing calls of a kind are tried, where not all;
env = variables that the command finds; states = how many states of a disk are looked at after one call, where fewer than usual"""


def read_tree(folder):
    """{relative path: bytes} of all files beneath folder."""
    tree = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, 'rb') as file:
                tree[os.path.relpath(path, folder)] = file.read()
    return tree


def write_tree(folder, tree):
    """Make folder hold exactly tree."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for path, content in tree.items():
        full = os.path.join(folder, path)
        if path.endswith('/'):
            os.makedirs(full, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as file:
            file.write(content)
        os.chmod(full, 0o600)
        os.utime(full, (WHEN, WHEN))


def remove_tree(folder):
    shutil.rmtree(folder, ignore_errors=True)


Outcome = collections.namedtuple('Outcome', 'status out err')


def execute(argv, cwd, env=None):
    """Run to the end; a command that hangs is Bad."""
    try:
        done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as late:
        raise Bad(f'{argv} did not end within {LIMIT} seconds') from late
    return Outcome(done.returncode, done.stdout.decode('utf-8', 'replace'), done.stderr.decode('utf-8', 'replace'))


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ''


# ---- system calls ----

Call = collections.namedtuple('Call', 'pid name args result')


def trace(argv, cwd, syscalls=None, options=(), env=None):
    """Run argv under strace; return (outcome, [Call])."""
    with tempfile.NamedTemporaryFile(suffix='.strace') as log:
        chosen = ['-e', 'trace=' + ','.join('?' + s for s in syscalls)] if syscalls else []
        outcome = execute(['strace', '-f', '-qq', '-o', log.name, *chosen, *options, *argv], cwd, env)
        with open(log.name, encoding='utf-8', errors='replace') as lines:
            return outcome, list(parse(lines))


def parse(lines):
    """strace's lines as calls, those that another thread interrupted put together again."""
    waiting = {}
    for line in lines:
        match = re.match(r'(\d+) +(.*)', line.rstrip('\n'))
        if not match:
            continue
        pid, text = match.groups()
        if text.endswith('<unfinished ...>'):
            waiting[pid] = text[:-len('<unfinished ...>')].rstrip()
            continue
        resumed = re.match(r'<\.\.\. \w+ resumed>', text)
        if resumed:
            text = waiting.pop(pid, '') + text[resumed.end():]
        match = re.match(r'(\w+)\((.*)\) += (-?\d+|\?)', text, re.DOTALL)
        if match:
            result = match.group(3)
            yield Call(pid, match.group(1), match.group(2), None if result == '?' else int(result))


def points(calls, syscalls, wanted=None):
    """(system call, nth) of each call in the list syscalls, counted for each thread apart as strace does, once each; of those wanted(call)."""
    counts = collections.Counter()
    found = []
    for call in calls:
        counts[call.pid, call.name] += 1
        point = (call.name, counts[call.pid, call.name])
        if call.name in syscalls and point not in found and (not wanted or wanted(call)):
            found.append(point)
    return found


def thin(found, case):
    """At most case.most of the points, from the first to the last, evenly."""
    return evenly(found, case.most)


def evenly(found, most):
    if most is None or len(found) <= most:
        return found
    return [found[i * (len(found) - 1) // (most - 1)] for i in range(most)]


# ---- running cases ----

class Report:
    """Counts, prints, and knows the exit status."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def case(self, name, n, unit, complaints):
        """One case: how many points were tried, and what was wrong at which."""
        if complaints or n == 0:
            self.failed += 1
            print(f'FAIL  {name}: {n} {unit}, {len(complaints)} bad')
            for line in complaints[:12]:
                print('      ' + line)
        else:
            self.passed += 1
            print(f'ok    {name}: {n} {unit}')
        sys.stdout.flush()

    def skip(self, name, why):
        self.skipped += 1
        print(f'skipped: {name}: {why}', flush=True)

    def check(self, name, function):
        """One test that is a function; Bad is its failure, what it returns is shown."""
        try:
            said = function()
            self.passed += 1
            print(f'ok    {name}' + (f': {said}' if said else ''), flush=True)
        except Bad as why:
            self.failed += 1
            print(f'FAIL  {name}: {why}', flush=True)

    def end(self):
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        return 1 if self.failed else 0


def complete(case, folder, state):
    """After a judge has said «state»: running again must end in «new»."""
    if state == 'new' or case.status != 0:
        return
    outcome = execute(case.again, folder, case.env)
    if outcome.status != 0:
        raise Bad(f'running again after «{state}» exits {outcome.status}: {last_line(outcome.err)}')
    after = case.judge(folder)
    if after != 'new':
        raise Bad(f'running again after «{state}» leaves «{after}»')


def scratch():
    """A folder for one rig; under $TMPDIR, gone at the end."""
    return tempfile.TemporaryDirectory(prefix='coffer-fault-')


def select(cases, words):
    """The cases whose name holds one of the words, with all their points; without words all cases, some with a choice of points.

    Of «2/3», alone, each third one, beginning with the second: so that a long sweep can be split among processes.
    """
    if len(words) == 1 and re.fullmatch('[1-9]/[1-9]', words[0]):
        part, parts = map(int, words[0].split('/'))
        return cases[part - 1::parts]
    return [c._replace(most=None) for c in cases if any(w in c.name for w in words)] if words else cases
