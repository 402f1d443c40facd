# SPDX-License-Identifier: Apache-2.0
"""safe_open and load_file, with NumPy; against the safetensors package and PyTorch where they are."""

import gc
import itertools
import json
import os
import subprocess
import sys
import unittest
import warnings

import support
from support import KEY, Case, noise, numpy, safetensors, tensor, write

import coffer
from coffer.safetensors import locate, safe_open

try:
    import safetensors as package
    import torch
except ImportError:
    package = torch = None
try:
    import ml_dtypes  # noqa: F401 - adds its types to NumPy
except ImportError:
    pass
needs_package = unittest.skipUnless(package, 'safetensors and torch are not installed')

TENSORS = {
    'a': tensor('I64', [2, 3]),
    'b': tensor('F32', [4, 3, 5], 2),
    'scalar': tensor('F16', [], 3),
    'none': tensor('F32', [0, 3]),
    'flags': tensor('BOOL', [7]),
    'large': tensor('F32', [1024, 1024], 4),
    'odd': tensor('U8', [3], 5),
    'behind': tensor('F64', [2], 6),  # at an offset that is no multiple of 8
}
DTYPES = {'I64': '<i8', 'F32': '<f4', 'F16': '<f2', 'BOOL': '?', 'U8': 'u1', 'F64': '<f8'}


def expected(name):
    """What NumPy makes of a tensor's bytes."""
    dtype, shape, data = TENSORS[name]
    return numpy.frombuffer(data, DTYPES[dtype]).reshape(shape)


def raw(array):
    """Its bytes."""
    if isinstance(array, numpy.ndarray):
        return array.tobytes()
    return bytes(array.flatten().clone(memory_format=torch.contiguous_format).view(torch.uint8).numpy())


def same(a, b):
    """Whether two arrays are, to the last bit."""
    return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b)


class Lone(Case):
    """One sealed file."""

    def setUp(self):
        super().setUp()
        write('x.safetensors', safetensors(TENSORS, {'format': 'np', 'by': 'us'}))
        coffer.seal('x.safetensors', 'x.safetensors.coffer', kek=KEY)

    def open(self, framework='np', **how):
        opened = safe_open('x.safetensors.coffer', framework, kek=KEY, **how)
        self.addCleanup(opened.close)
        return opened


@support.needs_numpy
class WithNumpy(Lone):
    """As the package has it."""

    def test_names(self):
        with self.open() as f:
            self.assertEqual(f.keys(), sorted(TENSORS))
            self.assertEqual([n for n in f.offset_keys() if n != 'none'], [n for n in TENSORS if n != 'none'])
            self.assertIn('none', f.offset_keys())
            self.assertEqual(f.metadata(), {'format': 'np', 'by': 'us'})
            self.assertEqual((len(f), sorted(f)), (len(TENSORS), sorted(TENSORS)))

    def test_tensors(self):
        f = self.open()
        for name in TENSORS:
            self.assertTrue(same(f.get_tensor(name), expected(name)), name)
        for name, array in f.get_tensors().items():
            self.assertTrue(same(array, expected(name)), name)

    def test_load_file(self):
        import coffer.numpy

        loaded = coffer.numpy.load_file('x.safetensors.coffer', kek=KEY)
        gc.collect()
        self.assertEqual(set(loaded), set(TENSORS))
        for name, array in loaded.items():
            self.assertTrue(same(array, expected(name)), name)
            self.assertTrue(array.flags.writeable)
        loaded['b'][0] = 7
        self.assertTrue(same(self.open().get_tensor('b'), expected('b')))

    def test_arrays_are_parts_of_one_memory(self):
        import coffer.numpy

        loaded = coffer.numpy.load_file('x.safetensors.coffer', kek=KEY)
        kept = loaded.pop('large')
        distance = kept.ctypes.data - loaded['b'].ctypes.data
        with coffer.open_model('x.safetensors.coffer', kek=KEY) as model:
            tensors = model.tensors()
        self.assertEqual(distance, tensors['large'].offset - tensors['b'].offset)
        del loaded
        gc.collect()
        self.assertTrue(same(kept, expected('large')))

    def test_slices_are_those_of_numpy(self):
        f = self.open()
        warnings.simplefilter('ignore')
        parts = [
            0,
            1,
            -1,
            slice(None),
            slice(1, 3),
            slice(0, 3, 2),
            slice(None, None, 2),
            slice(-2, None),
            slice(2, 1),
            slice(5, 9),
            slice(None, None, -1),
            Ellipsis,
            None,
            [0, 1],
            numpy.int64(1),
            9,
            -9,
            1.5,
            'x',
        ]
        for name in TENSORS:
            lazy, whole = f.get_slice(name), expected(name)
            self.assertEqual((lazy.get_shape(), lazy.get_dtype()), (list(whole.shape), TENSORS[name][0]))
            for index in [
                (),
                *parts,
                *itertools.product(parts, repeat=2),
                (0, 1, 2),
                (0, 1, 2, 3),
                (1, slice(None), [0, 2]),
            ]:
                if name == 'large' and isinstance(index, tuple):
                    continue
                try:
                    want = numpy.asarray(whole[index])
                except (IndexError, TypeError, ValueError):
                    with self.assertRaises((IndexError, TypeError, ValueError), msg=(name, index)):
                        lazy[index]
                    continue
                got = lazy[index]
                self.assertTrue(same(numpy.asarray(got), want), (name, index))
                self.assertIsInstance(got, numpy.ndarray)

    def test_a_slice_reads_no_more_than_it_needs(self):
        f = self.open()
        self.assertEqual(
            f.get_slice('large')[3:5].base.nbytes if f.get_slice('large')[3:5].base is not None else 0, 2 * 4096
        )
        column = f.get_slice('large')[:, 7]
        self.assertEqual((column.base, column.nbytes), (None, 4096))

    def test_refused(self):
        f = self.open()
        self.assertCoffer('NOTFOUND', 3, f.get_tensor, 'nope')
        self.assertCoffer('NOTFOUND', 3, f.get_slice, 'nope')
        self.assertCoffer('USAGE', 2, self.open, 'jax')
        self.assertCoffer('USAGE', 2, self.open, 'np', device='cuda')
        lazy = f.get_slice('b')
        f.close()
        for use in (f.keys, f.metadata, f.get_tensors, lambda: f.get_tensor('b'), lambda: lazy[:]):
            self.assertRaisesRegex(ValueError, 'closed', use)

    def test_types_that_numpy_lacks(self):
        write('y.safetensors', safetensors({'w': tensor('BF16', [4]), 'e': tensor('F8_E4M3', [4])}))
        coffer.seal('y.safetensors', 'y.safetensors.coffer', kek=KEY)
        blocked = (
            'import sys; sys.modules["ml_dtypes"] = None\n'
            'from coffer.safetensors import safe_open\n'
            'f = safe_open("y.safetensors.coffer", "np", kek=bytes(range(32)))\n'
            'assert f.get_slice("w").get_dtype() == "BF16"\n'
            'try:\n    f.get_tensor("w")\nexcept TypeError as e:\n    print(e)\n'
        )
        said = subprocess.run([sys.executable, '-c', blocked], check=True, capture_output=True, text=True).stdout
        self.assertIn('ml_dtypes', said)

    def test_a_name_without_its_suffix(self):
        os.remove('x.safetensors')
        self.assertEqual(safe_open('x.safetensors', 'np', kek=KEY).keys(), sorted(TENSORS))


class WithoutNumpy(Lone):
    """Nothing but numpy's own arrays needs it."""

    def test_everything_else_works(self):
        program = (
            'import sys; sys.modules["numpy"] = None\n'
            'import coffer, coffer.safetensors\n'
            'f = coffer.safetensors.safe_open("x.safetensors.coffer", "np", kek=bytes(range(32)))\n'
            'print(f.get_slice("b").get_shape(), f.metadata()["by"])\n'
            'with coffer.open_model("x.safetensors.coffer", kek=bytes(range(32))) as m:\n'
            '    print(len(m.memory("x.safetensors")))\n'
            'try:\n    f.get_tensor("b")\nexcept ImportError:\n    print("needs numpy")\n'
        )
        said = subprocess.run([sys.executable, '-c', program], check=True, capture_output=True, text=True).stdout
        self.assertEqual(said.split('\n')[0], '[4, 3, 5] us')
        self.assertIn('needs numpy', said)


@support.needs_numpy
class Sharded(Case):
    """A folder with an index."""

    def setUp(self):
        super().setUp()
        self.parts = {
            'model-1-of-2.safetensors': {'b': TENSORS['b'], 'a': TENSORS['a']},
            'model-2-of-2.safetensors': {'large': TENSORS['large']},
        }
        for path, tensors in self.parts.items():
            write(f'm/{path}', safetensors(tensors, {'of': path}))
        weight_map = {name: path for path, tensors in self.parts.items() for name in tensors}
        write('m/model.safetensors.index.json', json.dumps({'metadata': {}, 'weight_map': weight_map}).encode())
        write('m/config.json', b'{}')
        write('m/other.safetensors', safetensors({'other': TENSORS['odd']}))
        coffer.seal('m', 'm.sealed', kek=KEY)

    def test_paths(self):
        top = os.path.abspath('m.sealed')
        for path, want in (
            ('m.sealed', None),
            ('m.sealed/', None),
            ('m.sealed/other.safetensors', 'other.safetensors'),
            ('m.sealed/other.safetensors.coffer', 'other.safetensors'),
            ('./m.sealed/a/b', 'a/b'),
        ):
            self.assertEqual(locate(path), (top, want))
        self.assertEqual(locate('x')[1], None)

    def test_whole(self):
        for path in 'm.sealed', 'm.sealed/model.safetensors.index.json':
            with safe_open(path, 'np', kek=KEY) as f:
                self.assertEqual(f.keys(), ['a', 'b', 'large'])
                for name, array in f.get_tensors().items():
                    self.assertTrue(same(array, expected(name)))
                self.assertTrue(same(f.get_tensor('b'), expected('b')))

    def test_one_shard(self):
        import coffer.numpy

        self.assertEqual(list(coffer.numpy.load_file('m.sealed/model-2-of-2.safetensors', kek=KEY)), ['large'])
        self.assertEqual(list(coffer.numpy.load_file('m.sealed', file='other.safetensors', kek=KEY)), ['other'])

    def test_an_index_that_is_none(self):
        for i, text in enumerate((b'{"weight_map": 3', b'\xff', b'[]', b'{}', b'{"weight_map": []}', b'{"weight_map": {"a": 1}}')):
            write('m/model.safetensors.index.json', text)
            coffer.seal('m', f'{i}.sealed', kek=KEY)
            error = self.assertCoffer('FORMAT', 5, safe_open, f'{i}.sealed', 'np', kek=KEY)
            self.assertIn('model.safetensors.index.json', str(error))

    def test_a_model_that_is_open(self):
        with coffer.open_model('m.sealed', kek=KEY) as model:
            with safe_open(model, 'np') as f:
                self.assertTrue(same(f.get_tensor('a'), expected('a')))
            self.assertFalse(model.closed)

    def test_which(self):
        os.remove('m/model.safetensors.index.json')
        coffer.seal('m', 'n.sealed', kek=KEY)
        self.assertCoffer('USAGE', 2, safe_open, 'n.sealed', 'np', kek=KEY)
        self.assertCoffer('NOTFOUND', 3, safe_open, 'n.sealed/absent.safetensors', 'np', kek=KEY)
        write('m/model.safetensors', safetensors({'whole': TENSORS['odd']}))
        coffer.seal('m', 'o.sealed', kek=KEY)
        self.assertEqual(safe_open('o.sealed', 'np', kek=KEY).keys(), ['whole'])
        write('p/config.json', b'{}')
        write('p/tokenizer.json', b'{}')
        coffer.seal('p', 'p.sealed', kek=KEY)
        self.assertCoffer('NOTFOUND', 3, safe_open, 'p.sealed', 'np', kek=KEY)


@needs_package
class Package(Lone):
    """Against the real ones, framework by framework."""

    def both(self, framework):
        return package.safe_open('x.safetensors', framework), self.open(framework)

    def test_the_same(self):
        for framework in 'np', 'pt':
            plain, sealed = self.both(framework)
            self.assertEqual(plain.keys(), sealed.keys())
            self.assertEqual(plain.offset_keys(), sealed.offset_keys())
            self.assertEqual(plain.metadata(), sealed.metadata())
            self.assertEqual(list(plain.get_tensors()), list(sealed.get_tensors()))
            for name in sealed.keys():
                for a, b in (
                    (plain.get_tensor(name), sealed.get_tensor(name)),
                    (plain.get_tensors()[name], sealed.get_tensors()[name]),
                ):
                    self.assertTrue(same(a, b), (framework, name))
                self.assertEqual(plain.get_slice(name).get_shape(), sealed.get_slice(name).get_shape())
                self.assertEqual(plain.get_slice(name).get_dtype(), sealed.get_slice(name).get_dtype())

    def test_slices_that_it_takes(self):
        """Whatever it accepts gives the same; what it refuses may give what the framework makes of it."""
        warnings.simplefilter('ignore')
        parts = [
            0,
            -1,
            slice(None),
            slice(1, 3),
            slice(0, 3, 2),
            slice(-2, None),
            slice(5, 9),
            Ellipsis,
            None,
            [0, 1],
            [],
            True,
            9,
        ]
        for framework, name in itertools.product(('np', 'pt'), ('a', 'b', 'scalar', 'none', 'flags')):
            plain, sealed = (f.get_slice(name) for f in self.both(framework))
            for index in [(), *parts, *itertools.product(parts, repeat=2), (0, 1, 2), (0, 1, 2, 3)]:
                try:
                    want = plain[index]
                except Exception:  # noqa: BLE001, S112 - of several kinds
                    continue
                got = sealed[index]
                self.assertTrue(same(want, got), (framework, name, index))

    def test_types(self):
        for dtype, shape, size in (
            ('BF16', [4], 8),
            ('F8_E4M3', [4], 4),
            ('F8_E5M2', [4], 4),
            ('F8_E8M0', [4], 4),
            ('F8_E4M3FNUZ', [4], 4),
            ('F8_E5M2FNUZ', [4], 4),
            ('F4', [2, 4], 4),
            ('C64', [2], 16),
            ('U16', [2], 4),
            ('U32', [2], 8),
            ('U64', [2], 16),
            ('I8', [3], 3),
            ('I16', [2], 4),
        ):
            write('t.safetensors', safetensors({'t': (dtype, shape, noise(size))}))
            coffer.seal('t.safetensors', 't.safetensors.coffer', kek=KEY, force=True)
            for framework in 'np', 'pt':
                try:
                    want = package.safe_open('t.safetensors', framework).get_tensor('t')
                except (AttributeError, TypeError):  # NumPy has no such type, and the package stops there
                    continue
                got = safe_open('t.safetensors.coffer', framework, kek=KEY).get_tensor('t')
                self.assertTrue(same(want, got), (dtype, framework))
                self.assertEqual(raw(got), noise(size))

    def test_tensors_can_be_written_without_a_warning(self):
        warnings.simplefilter('error')
        f = self.open('pt')
        t = f.get_tensor('b')
        t[0] = 7
        self.assertEqual(f.get_tensors()['b'].add_(1).shape, t.shape)

    def test_tensors_outlive_the_model(self):
        t = self.open('pt').get_tensors()['large']
        gc.collect()
        self.assertTrue(raw(t) == TENSORS['large'][2])


if __name__ == '__main__':
    support.main()
