# SPDX-License-Identifier: Apache-2.0
"""Threads, signals, forks, and what is left behind."""

import contextlib
import gc
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import support
from support import KEY, Case, noise, safetensors, tensor, write

import coffer

try:
    import _xxsubinterpreters as interpreters
except ImportError:
    interpreters = None  # Python 3.13 and later have them under another name

MIB = 1 << 20
SANITIZED = 'libasan' in os.environ.get('LD_PRELOAD', '')


class Large(Case):
    """A model that takes a moment."""

    size = 64 * MIB

    def setUp(self):
        super().setUp()
        self.data = noise(self.size)
        write('m/model.safetensors', safetensors({'w': ('U8', [self.size], self.data)}))
        write('m/config.json', b'{}')
        coffer.seal('m', 'm.sealed', kek=KEY)
        self.whole = safetensors({'w': ('U8', [self.size], self.data)})

    def test_the_gil_is_free_meanwhile(self):
        counted, done = [0], threading.Event()

        def count():
            while not done.is_set():
                counted[0] += 1
                time.sleep(0.0005)

        with coffer.open_model('m.sealed', kek=KEY, jobs=1) as model:
            thread = threading.Thread(target=count)
            thread.start()
            before = counted[0]
            started = time.monotonic()
            for _ in range(3):
                model.memory('model.safetensors')
            seconds = time.monotonic() - started
            during = counted[0] - before
            done.set()
            thread.join()
        self.assertGreater(during, seconds / 0.0005 / 50)

    def test_many_threads_at_once(self):
        model = coffer.open_model('m.sealed', kek=KEY)
        shared = model.open('model.safetensors')
        wrong = []

        def use(seed):
            with contextlib.ExitStack() as stack:
                for i in range(6):
                    off = (seed * 7919 + i * 104729) * 37 % (self.size - 3 * MIB)
                    room = bytearray(3 * MIB if i % 3 == 0 else 4321)
                    file = shared if i % 2 else stack.enter_context(model.open('model.safetensors'))
                    file.read_into(off, room)
                    if room != self.whole[off : off + len(room)]:
                        wrong.append((seed, i))
                if seed % 4 == 0 and memoryview(shared)[-100:] != self.whole[-100:]:
                    wrong.append(seed)

        threads = [threading.Thread(target=use, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_closing_while_others_read(self):
        for _ in range(8):
            model = coffer.open_model('m.sealed', kek=KEY)
            results = []

            def use(model=model, results=results):
                try:
                    while True:
                        results.append(len(model.memory('config.json')))
                except ValueError as error:
                    results.append(str(error))

            threads = [threading.Thread(target=use) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.005)
            model.close()
            for thread in threads:
                thread.join()
            self.assertEqual({r for r in results if r != 2}, {'I/O operation on closed model'})

    def test_interrupted(self):
        program = """
import os, signal, sys, threading, coffer
model = coffer.open_model('m.sealed', kek=bytes(range(32)), jobs=1)
threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    while True:
        model.memory('model.safetensors')
except KeyboardInterrupt:
    print('interrupted', len(model.memory('model.safetensors')) >> 20)
"""
        for delay in '0.05', '0.111':
            done = subprocess.run(
                [sys.executable, '-c', program, delay], capture_output=True, text=True, timeout=60, check=False
            )
            self.assertEqual((done.stdout, done.returncode), ('interrupted 64\n', 0), done.stderr)

    def test_a_handler_of_the_program_runs_meanwhile(self):
        seen = []
        old = signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
        self.addCleanup(signal.signal, signal.SIGALRM, old)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        for _ in range(50):
            started = time.monotonic()
            self.assertEqual(coffer.open_to('m.sealed', 'o', kek=KEY, jobs=1).files, 2)
            ended = time.monotonic()
            quarter = (ended - started) / 4
            if any(started + quarter < at < ended - quarter for at in seen):
                return
            shutil.rmtree('o')
        self.fail('no handler ran before a call had ended')

    def test_a_child_of_a_fork(self):
        model = coffer.open_model('m.sealed', kek=KEY, jobs=2)
        memory = model.memory('model.safetensors')
        file = model.open('config.json')
        file.read(1)
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                support_the_child(model, memory, file, self.whole)
                failed = 0
            finally:
                os._exit(failed)
        _, status = os.waitpid(child, 0)
        self.assertEqual(status, 0)
        self.assertEqual(bytes(model.memory('config.json')), b'{}')


def support_the_child(model, memory, file, whole):
    """Memory stays; the model says that it must be opened again; that works, and nothing hangs at the end."""
    assert memory == whole or bytes(memory) == whole
    for use in (lambda: model.memory('config.json'), lambda: model.open('config.json'), file.read, model.tensors):
        try:
            use()
        except coffer.UsageError as error:
            assert 'fork' in str(error)
        else:
            raise AssertionError('it was used')
    with coffer.open_model('m.sealed', kek=KEY) as again:
        assert bytes(again.memory('config.json')) == b'{}'
    file.close()
    model.close()
    gc.collect()


class Leaks(Case):
    """Ten thousand times, and no more memory or descriptors than after a few."""

    def setUp(self):
        super().setUp()
        write('m/model.safetensors', safetensors({'w': tensor('F32', [64, 64])}))
        write('m/broken.bin', noise(3 * MIB))
        coffer.seal('m', 'm.sealed', kek=KEY)
        with open('m.sealed/broken.bin.coffer', 'r+b') as file:
            file.seek(-3 * MIB // 2, os.SEEK_END)
            file.write(b'damage')

    def repeat(self, times, call):
        def use():
            with open('/proc/self/status', encoding='ascii') as status:
                lines = dict(line.split(':', 1) for line in status)
            return int(lines['VmRSS'].split()[0]) * 1024, len(os.listdir('/proc/self/fd')), int(lines['Threads'])

        for _ in range(times // 10 + 10):
            call()
        gc.collect()
        before = use()
        for _ in range(times):
            call()
        gc.collect()
        after = use()
        if not SANITIZED:  # which keeps what was freed
            self.assertLess(after[0] - before[0], 512 * 1024 if times >= 5000 else 4 * MIB, (before, after))
        self.assertEqual(before[1:], after[1:])

    def test_memory(self):
        model = coffer.open_model('m.sealed', kek=KEY)
        self.repeat(10000, lambda: memoryview(model.memory('model.safetensors'))[:5])

    def test_files(self):
        model = coffer.open_model('m.sealed', kek=KEY)

        def use():
            with model.open('model.safetensors') as file:
                file.read(10)
                memoryview(file)
                file.tensors()

        self.repeat(10000, use)

    def test_models(self):
        def use():
            with coffer.open_model('m.sealed', kek=KEY) as model:
                model.tensors()
                model.size('broken.bin')
            coffer.inspect('m.sealed')

        self.repeat(100, use)

    def test_tensors_delivered(self):
        model = coffer.open_model('m.sealed', kek=KEY)
        self.repeat(300, lambda: model.each(lambda t: bytearray(t.size)))

    def test_failures(self):
        model = coffer.open_model('m.sealed', kek=KEY)

        def use():
            for fails in (
                lambda: model.memory('broken.bin'),
                lambda: model.memfd('broken.bin'),
                lambda: model.memory('nope'),
                lambda: model.each(lambda t: 1 // 0),
                lambda: model.each(lambda t: b''),
                lambda: coffer.open_model('m.sealed', kek=bytes(32)),
                lambda: coffer.open_model('absent', kek=KEY),
            ):
                with contextlib.suppress(coffer.Error, ZeroDivisionError, BufferError, TypeError, ValueError):
                    fails()
                    self.fail('it did not')

        self.repeat(100, use)

    def test_refusals(self):
        file = coffer.open_model('m.sealed', kek=KEY).open('model.safetensors')
        room = bytearray(5)

        def use():
            with contextlib.suppress(coffer.UsageError):
                file.read_into(1 << 40, room)

        self.repeat(10000, use)

    def test_memory_goes_with_its_last_view(self):
        write('large/w.bin', noise(64 * MIB))
        coffer.seal('large', 'large.sealed', kek=KEY)
        model = coffer.open_model('large.sealed', kek=KEY)
        with open('/proc/self/statm', encoding='ascii') as statm:
            before = int(statm.read().split()[1])
        for _ in range(4):
            view = memoryview(model.memory('w.bin'))[1:]
            self.assertEqual(view[-1], noise(64 * MIB)[-1])
        del view
        gc.collect()
        with open('/proc/self/statm', encoding='ascii') as statm:
            after = int(statm.read().split()[1])
        self.assertLess((after - before) * resource.getpagesize(), 16 * MIB)


@unittest.skipUnless(interpreters, 'this Python has no _xxsubinterpreters')
class Interpreters(Case):
    """Others in the same process, as servers of Python programs have them."""

    def test_each_has_exceptions_of_its_own(self):
        for _ in range(2):
            other = interpreters.create(isolated=False)
            interpreters.run_string(other, 'import coffer\ntry:\n    coffer.open_model("none", kek=bytes(32))\nexcept coffer.NotFoundError:\n    pass')
            interpreters.destroy(other)
        self.assertCoffer('NOTFOUND', 3, coffer.open_model, 'none', kek=KEY)


@unittest.skipIf(SANITIZED, 'a sanitizer takes memory of its own')
class Peak(Case):
    """Loading takes the memory of what is loaded, and little more."""

    def test_load(self):
        self.measure('model.memory("model.safetensors")')

    def test_read(self):
        self.measure('model.open("model.safetensors").read()')

    def measure(self, load):
        size = 160 * MIB
        write('m/model.safetensors', safetensors({'w': ('U8', [size], noise(size))}))
        coffer.seal('m', 'm.sealed', kek=KEY)
        program = f"""
import coffer
def peak():
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
with coffer.open_model('m.sealed', kek=bytes(range(32))) as model:
    before = peak()
    loaded = {load}
    print(peak() - before)
"""
        grown = (
            int(subprocess.run([sys.executable, '-c', program], check=True, capture_output=True, text=True).stdout)
            << 10
        )
        self.assertLess(grown, size + 64 * MIB)
        self.assertGreater(grown, size // 2)


class Secrets(Case):
    """Keys are no objects of Python."""

    def test_a_passphrase_is_asked_for(self):
        write('m', b'weights')
        asked = []

        def prompt(what, confirm):
            asked.append((what, confirm))
            return bytearray(b'correct horse')

        coffer.seal('m', 'm.coffer', kek='passphrase:', prompt=prompt)
        with coffer.open_model('m.coffer', kek='passphrase:', prompt=prompt) as model:
            self.assertEqual(bytes(model.memory('m')), b'weights')
        self.assertEqual([confirm for _, confirm in asked], [True, False])
        self.assertIn('passphrase', asked[0][0])
        self.assertCoffer('NOKEY', 7, coffer.open_model, 'm.coffer', kek='passphrase:', prompt=lambda *_: 'wrong')

    def test_what_the_prompt_raises_comes_out(self):
        write('m', b'weights')

        def prompt(what, confirm):
            raise LookupError('nobody is here')

        for threaded in False, True:
            caught = []

            def use(caught=caught):
                try:
                    coffer.seal('m', 'm.coffer', kek='passphrase:', prompt=prompt)
                except LookupError as error:
                    caught.append(str(error))

            if threaded:
                thread = threading.Thread(target=use)
                thread.start()
                thread.join()
            else:
                use()
            self.assertEqual(caught, ['nobody is here'])

    def test_a_passphrase_that_is_too_long(self):
        write('m', b'weights')
        with self.assertRaises(coffer.Error):
            coffer.seal('m', 'm.coffer', kek='passphrase:', prompt=lambda *_: b'x' * 100000)

    def test_without_a_prompt(self):
        write('m', b'weights')
        with self.assertRaises(coffer.Error):
            coffer.seal('m', 'm.coffer', kek='passphrase:')

    def test_from_the_terminal(self):
        write('m', b'weights')
        coffer.seal('m', 'm.coffer', kek='passphrase:', prompt=lambda *_: b'correct horse')
        leader, follower = os.openpty()
        self.addCleanup(os.close, leader)
        program = 'import coffer; print(coffer.open_model("m.coffer", kek="passphrase:").name)'
        with subprocess.Popen(
            [sys.executable, '-c', program],
            stdin=follower,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: claim(follower),
        ) as child:
            os.close(follower)
            said = b''
            while not said.endswith(b': '):
                said += os.read(leader, 100)
            os.write(leader, b'correct horse\n')
            out, _ = child.communicate(timeout=60)
            rest = os.read(leader, 1000)
        self.assertEqual((out, child.returncode), ('m\n', 0))
        self.assertNotIn(b'horse', said + rest)


def claim(fd):
    """Make a terminal that of this process."""
    import fcntl
    import termios

    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


if __name__ == '__main__':
    support.main()
