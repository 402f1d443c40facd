# SPDX-License-Identifier: Apache-2.0
"""Models, files and memory."""
import ctypes
import gc
import io
import json
import mmap
import os
import zipfile
from unittest import mock

import support
from support import KEY, Case, noise, safetensors, tensor, write

import coffer

WEIGHTS = safetensors({'a.weight': tensor('F32', [64, 32]), 'b.weight': tensor('BF16', [3, 5], 2)}, {'format': 'pt'})
FILES = {
    'config.json': b'{"model_type": "llama"}',
    'model.safetensors': WEIGHTS,
    'sub/notes.txt': b'one\ntwo\nthree',
    'empty.txt': b'',
    'large.bin': noise((5 << 20) + 4097),
}


class Sealed(Case):
    """A sealed folder."""

    def setUp(self):
        super().setUp()
        for path, data in FILES.items():
            write(os.path.join('llama', path), data)
        coffer.seal('llama', 'llama.sealed', kek=KEY, version='7')

    def open(self, **how):
        model = coffer.open_model('llama.sealed', **{'kek': KEY, **how})
        self.addCleanup(model.close)
        return model


class Model(Sealed):
    """Models and memory."""

    def test_says_what_it_is(self):
        with self.open() as model:
            self.assertEqual((model.name, model.version, sorted(model.files)), ('llama', '7', sorted(FILES)))
            self.assertEqual({path: model.size(path) for path in model.files}, {p: len(d) for p, d in FILES.items()})
        self.assertTrue(model.closed)

    def test_memory_is_the_file(self):
        model = self.open()
        for path, data in FILES.items():
            memory = model.memory(path)
            self.assertEqual((len(memory), bytes(memory)), (len(data), data))
            view = memoryview(memory)
            self.assertTrue(view.readonly)
            self.assertTrue(view.c_contiguous)

    def test_memory_is_not_copied(self):
        memory = self.open().memory('large.bin', writable=True)
        memoryview(memory)[5] = 99
        self.assertEqual(memoryview(memory)[5], 99)

    def test_memory_that_is_read_only_cannot_be_written(self):
        memory = self.open().memory('large.bin')
        with self.assertRaises(TypeError):
            memoryview(memory)[0] = 1
        with self.assertRaises((TypeError, BufferError)):
            ctypes.c_char.from_buffer(memory)

    def test_memory_begins_on_a_page(self):
        memory = self.open().memory('large.bin', writable=True)
        at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.assertEqual(at % mmap.PAGESIZE, 0)

    def test_memory_outlives_all_else(self):
        model = self.open()
        view = memoryview(model.memory('large.bin'))[4096:]
        model.close()
        del model
        gc.collect()
        self.assertEqual(bytes(view), FILES['large.bin'][4096:])

    def test_memory_stands_in_no_core_dump(self):
        memory = self.open().memory('large.bin', writable=True)
        at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        with open('/proc/self/smaps', encoding='ascii') as maps:
            here = False
            for line in maps:
                first = line.split()[0]
                if '-' in first and not first.endswith(':'):
                    start, end = (int(x, 16) for x in first.split('-'))
                    here = start <= at < end
                elif here and line.startswith('VmFlags:'):
                    self.assertIn('dd', line.split())
                    return
        self.fail('the memory is in no mapping')

    def test_memfd_is_the_file_and_stays_so(self):
        model = self.open()
        for path, data in FILES.items():
            fd = model.memfd(path)
            self.addCleanup(os.close, fd)
            self.assertEqual(os.pread(fd, len(data) + 1, 0), data)
            self.assertFalse(os.get_inheritable(fd))
            with self.assertRaises(OSError):
                os.pwrite(fd, b'x', 0)

    def test_read_into(self):
        model, data = self.open(), FILES['large.bin']
        for off, n in (0, 1), (4095, 3), (1 << 20, 1 << 20), (12345, 3 << 20), (len(data) - 5, 5), (len(data), 0):
            room = bytearray(n)
            model.read_into('large.bin', off, room)
            self.assertEqual(room, data[off : off + n])

    def test_reading_past_the_end(self):
        model, size = self.open(), len(FILES['large.bin'])
        for off, n in (size, 1), (size - 1, 2), (1 << 40, 1), (0, size + 1), ((1 << 64) - 1, 2):
            room = bytearray(b'x' * n)
            error = self.assertCoffer('RANGE', 2, model.read_into, 'large.bin', off, room)
            self.assertIsInstance(error, ValueError)
            self.assertEqual(room, bytes(n))

    def test_offsets_that_are_no_64_bits(self):
        model = self.open()
        for off in (1 << 64, -1):
            self.assertRaises(OverflowError, model.read_into, 'large.bin', off, bytearray(4))
            self.assertRaises(OverflowError, model.open('large.bin').memory, off, 4)

    def test_read_into_needs_room_that_can_be_written(self):
        with self.assertRaises((TypeError, BufferError)):
            self.open().read_into('large.bin', 0, b'12345')

    def test_no_such_file(self):
        error = self.assertCoffer('NOTFOUND', 3, self.open().memory, 'nope.txt')
        self.assertIsInstance(error, LookupError)
        self.assertIn('nope.txt', str(error))

    def test_tensors(self):
        tensors = self.open().tensors()
        self.assertEqual(list(tensors), ['a.weight', 'b.weight'])
        b = tensors['b.weight']
        self.assertEqual((b.dtype, b.shape, b.file, b.size), ('BF16', (3, 5), 'model.safetensors', 30))
        self.assertEqual(WEIGHTS[b.offset : b.offset + b.size], tensor('BF16', [3, 5], 2)[2])

    def test_each_tensor_in_order(self):
        seen, rooms = [], {}

        def place(t):
            rooms[t.name] = bytearray(t.size)
            return rooms[t.name] if t.name != 'a.weight' else None

        self.open().each(place, lambda t, room: seen.append((t.name, bytes(room))))
        self.assertEqual(seen, [('b.weight', tensor('BF16', [3, 5], 2)[2])])

    def test_rooms_of_nothing(self):
        seen = []  # a buffer at no address is what some libraries have for an empty array
        write('e.safetensors', safetensors({'a': tensor('U8', [0]), 'b': tensor('U8', [4])}))
        coffer.seal('e.safetensors', 'e.coffer', kek=KEY)
        with coffer.open_model('e.coffer', kek=KEY) as model:
            model.each(lambda t: (ctypes.c_char * 0).from_address(0) if t.size == 0 else bytearray(4),
                       lambda t, room: seen.append((t.name, len(room))))
        self.assertEqual(seen, [('a', 0), ('b', 4)])

    def test_what_place_raises_comes_out(self):
        def place(t):
            raise LookupError(t.name)

        with self.assertRaisesRegex(LookupError, 'a.weight'):
            self.open().each(place)

    def test_what_ready_raises_comes_out(self):
        def ready(t, room):
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.open().each(lambda t: bytearray(t.size), ready)

    def test_a_place_of_another_size(self):
        with self.assertRaisesRegex(ValueError, '8192'):
            self.open().each(lambda t: bytearray(5))

    def test_load_into(self):
        rooms = {'a.weight': bytearray(64 * 32 * 4)}
        self.open().load_into(rooms)
        self.assertEqual(rooms['a.weight'], tensor('F32', [64, 32])[2])
        self.assertCoffer('NOTFOUND', 3, self.open().load_into, {'c': bytearray(1)})

    def test_folder_of_links(self):
        with self.open().folder() as top:
            for path, data in FILES.items():
                with open(os.path.join(top, path), 'rb') as file:
                    self.assertEqual(file.read(), data)
            self.assertTrue(os.path.islink(os.path.join(top, 'large.bin')))
        self.assertFalse(os.path.exists(top))

    def test_folder_of_links_where_the_root_can_only_be_read(self):
        nowhere = mock.patch('tempfile._get_default_tempdir', side_effect=FileNotFoundError)
        with nowhere, mock.patch('tempfile.tempdir', None), self.open().folder(['config.json']) as top:
            with open(os.path.join(top, 'config.json'), 'rb') as file:
                self.assertEqual(file.read(), FILES['config.json'])
            self.assertTrue(top.startswith('/dev/shm/'))
        self.assertFalse(os.path.exists(top))

    def test_closed(self):
        model = self.open()
        file = model.open('config.json')
        model.close()
        model.close()
        self.assertEqual(file.read(), FILES['config.json'])  # it is still open
        for use in (lambda: model.name, lambda: model.files, model.tensors, lambda: model.memory('config.json')):
            self.assertRaisesRegex(ValueError, 'closed', use)
        file.close()
        for use in (file.read, file.tell, file.readable, file.memfd, lambda: file.size, lambda: memoryview(file)):
            self.assertRaisesRegex(ValueError, 'closed', use)

    def test_reprs(self):
        model = self.open()
        self.assertIn('llama', repr(model))
        self.assertIn('config.json', repr(model.open('config.json')))
        self.assertIn('bytes', repr(model.memory('config.json')))
        model.close()
        self.assertIn('closed', repr(model))


class File(Sealed):
    """Files, as those of io."""

    def test_reads_as_a_plain_file_does(self):
        model = self.open()
        for path, data in FILES.items():
            write('plain', data)
            with open('plain', 'rb') as plain, model.open(path) as sealed:
                for step in (
                    lambda f: f.read(7),
                    lambda f: f.tell(),
                    lambda f: f.seek(-3, 2) if data else 0,
                    lambda f: f.read(),
                    lambda f: f.read(),
                    lambda f: f.seek(4),
                    lambda f: f.read1(9),
                    lambda f: f.seek(2, 1),
                    lambda f: f.readinto(bytearray(11)),
                    lambda f: f.tell(),
                    lambda f: f.seek(0),
                    lambda f: f.readline(),
                    lambda f: f.readline(2),
                    lambda f: f.readlines(),
                    lambda f: f.seek(1 << 40),
                    lambda f: f.read(),
                    lambda f: f.seek(0),
                    lambda f: list(f),
                    lambda f: (f.readable(), f.writable(), f.seekable(), f.isatty(), f.closed),
                ):
                    self.assertEqual(step(plain), step(sealed), path)

    def test_refuses_what_a_plain_file_does(self):
        file = self.open().open('config.json')
        self.assertRaises(ValueError, file.seek, -1)
        self.assertRaises(ValueError, file.seek, 0, 7)
        for refused in (
            lambda: file.write(b'x'),
            file.truncate,
            file.fileno,
            file.detach,
            lambda: file.writelines([b'x']),
        ):
            self.assertRaises(io.UnsupportedOperation, refused)

    def test_is_one_of_io(self):
        file = self.open().open('sub/notes.txt')
        self.assertIsInstance(file, io.BufferedIOBase)
        self.assertEqual(io.TextIOWrapper(file).read(), 'one\ntwo\nthree')

    def test_works_with_readers_of_others(self):
        made = io.BytesIO()
        with zipfile.ZipFile(made, 'w') as archive:
            archive.writestr('inside', b'text')
        write('lone.zip', made.getvalue())
        coffer.seal('lone.zip', 'lone.zip.coffer', kek=KEY)
        with coffer.open('lone.zip.coffer', kek=KEY) as file, zipfile.ZipFile(file) as archive:
            self.assertEqual(archive.read('inside'), b'text')
        with coffer.open('llama.sealed', 'config.json', kek=KEY) as file:
            self.assertEqual(json.load(file), {'model_type': 'llama'})

    def test_has_the_buffer_protocol(self):
        for path, data in FILES.items():
            with self.open().open(path) as file:
                view = memoryview(file)
            self.assertEqual(bytes(view), data)
            self.assertTrue(view.readonly)

    def test_a_part_in_memory(self):
        file = self.open().open('large.bin')
        self.assertEqual(bytes(file.memory(1000, 2 << 20)), FILES['large.bin'][1000:1000 + (2 << 20)])
        self.assertEqual(bytes(file.memory(1000)), FILES['large.bin'][1000:])
        self.assertCoffer('RANGE', 2, file.memory, len(FILES['large.bin']), 1)
        for size in (1 << 45, 1 << 62):  # before there is any memory for it
            self.assertCoffer('RANGE', 2, file.memory, 0, size)

    def test_which_file(self):
        error = self.assertCoffer('USAGE', 2, coffer.open, 'llama.sealed', kek=KEY)
        self.assertIn('5 files', str(error))


if __name__ == '__main__':
    support.main()
