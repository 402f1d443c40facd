# SPDX-License-Identifier: Apache-2.0
"""What the tests with other people's programs share: where those are, and how a test is run and counted."""
import json
import os
import subprocess
import sys
import time
import traceback


class Failed(Exception):
    pass


class Skipped(Exception):
    """A test that cannot be run here, for the reason given."""


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f'{str(what)[:2000]}: {str(got)[:300]}, not {str(wanted)[:300]}')


def skip(reason):
    """End with the exit code of a test that was not run."""
    print(reason)
    sys.exit(77)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    return path


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def need_cryptography():
    try:
        import cryptography  # noqa: F401, pylint: disable=unused-import,import-outside-toplevel
    except ImportError:
        skip('there is no Python package cryptography')


def python(*packages, variable='COFFER_PEERS_PYTHON'):
    """The interpreter that has the packages; without one the test is skipped."""
    path = os.environ.get(variable)
    if not path:
        why = os.environ.get('COFFER_PEERS_WHY', 'tests/peers/setup makes one')
        skip(f'{variable} does not name a Python with {", ".join(packages)}: {why}')
    if not has(path, *packages):
        skip(f'{variable} lacks {", ".join(packages)}')
    return path


def has(path, *packages):
    try:
        return subprocess.run([path, '-c', 'import ' + ', '.join(packages)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def plain_environment(home, world=None):
    """An environment without the caller's proxies, tokens and homes, which trusts the world's CA if it has one."""
    keep = {name: os.environ[name] for name in ('PATH', 'LANG', 'LC_ALL', 'TMPDIR', 'LD_LIBRARY_PATH', 'ASAN_OPTIONS')
            if name in os.environ}
    keep.update(HOME=home, XDG_DATA_HOME=os.path.join(home, '.data'), XDG_CACHE_HOME=os.path.join(home, '.cache'),
                XDG_CONFIG_HOME=os.path.join(home, '.config'), PYTHONDONTWRITEBYTECODE='1', NO_COLOR='1')
    if world is not None and world.identity:
        keep.update(SSL_CERT_FILE=world.at('ca.pem'), REQUESTS_CA_BUNDLE=world.at('ca.pem'))
    return keep


class Client:
    """A helper under another interpreter that answers lines of JSON with lines of JSON."""

    def __init__(self, interpreter, script, home, world=None, **more):
        self.environment = {**plain_environment(home, world), **more}
        self.process = subprocess.Popen([interpreter, script], env=self.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + '\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'the client ended with {self.process.wait()}')
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def run_tests(tests, bench, words=(), before=None):
    """Run functions by name, each with the bench; print what tests/run counts; the exit status."""
    passed = failed = skipped = 0
    for name, test in tests.items():
        label = name.removeprefix('test_').replace('_', ' ')
        if words and not any(word in name for word in words):
            continue
        if before:
            before()
        started = time.monotonic()
        try:
            test(bench)
            passed += 1
            print(f'ok    {label} ({time.monotonic() - started:.1f} s)', flush=True)
        except Skipped as reason:
            skipped += 1
            print(f'skip  {label}: {reason}', flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            if not isinstance(error, Failed):
                traceback.print_exc()
            print(f'FAIL  {label}: {error}', flush=True)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed else 0
