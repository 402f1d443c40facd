# SPDX-License-Identifier: Apache-2.0
"""What the tests of run and mount share: a folder with coffer in it, checks, and a runner of cases."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

NOBODY = 65534
ROOT = os.geteuid() == 0
MIB = 1 << 20


class Skip(Exception):
    """What this machine does not give, and why."""


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def await_(condition, what, seconds=20):
    """Until condition() holds."""
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, what)
        time.sleep(0.02)


class World:
    """A folder that everybody may enter, with a copy of coffer and a key; processes of the test have its mark in their environment."""

    def __init__(self, command, what):
        self.dir = tempfile.mkdtemp(prefix=f'coffer-{what}-', dir='/tmp')
        os.chmod(self.dir, 0o755)
        self.coffer = self.at('coffer')
        shutil.copy(command, self.coffer)
        self.mark = os.path.basename(self.dir)
        self.variable = f'COFFER_{what.upper()}_TEST'
        self.env = {k: v for k, v in os.environ.items() if not k.startswith('COFFER_')}
        self.env.update({'HOME': self.dir, 'COFFER_AUDIT': 'off', self.variable: self.mark, 'LC_ALL': 'C.UTF-8'})
        self.env.pop('XDG_CONFIG_HOME', None)

    def at(self, *names):
        return os.path.join(self.dir, *names)

    def make(self, name, content):
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), 'wb') as f:
            f.write(content)

    def after_failure(self):
        """Nothing is left that could upset the next case."""

    def end(self):
        shutil.rmtree(self.dir)


def run_cases(world, names):
    """Run every case_… of names that the command line asks for; return the exit status."""
    passed = failed = skipped = 0
    try:
        for name, case in [(n, c) for n, c in names.items() if n.startswith('case_')]:
            if len(sys.argv) > 2 and not any(word in name for word in sys.argv[2:]):
                continue
            started = time.monotonic()
            try:
                case(world)
                passed += 1
            except Skip as why:
                skipped += 1
                print(f'skip: {name[5:]}: {why}')
            except (AssertionError, subprocess.SubprocessError, OSError) as why:
                failed += 1
                print(f'FAIL: {name[5:]}: {why!r}')
                world.after_failure()
            if os.environ.get('VERBOSE'):
                print(f'{time.monotonic() - started:6.2f} s {name[5:]}', flush=True)
    finally:
        world.end()
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return failed > 0
