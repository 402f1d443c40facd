# SPDX-License-Identifier: Apache-2.0
"""What must not open: wrong keys, damaged, cut and swapped files, code, models of others."""

import os
import pickle
import shutil
import subprocess

import support
from support import KEY, Case, noise, safetensors, tensor, write

import coffer
from coffer.safetensors import safe_open

MIB = 1 << 20


class Evil:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ('was-run',)


class Refused(Case):
    def setUp(self):
        super().setUp()
        write('m/model.safetensors', safetensors({f't{i}': tensor('U8', [MIB], i) for i in range(4)}))
        write('m/config.json', b'{}')
        coffer.seal('m', 'm.sealed', kek=KEY)
        self.weights = 'm.sealed/model.safetensors.coffer'

    def change(self, offset, path=None):
        with open(path or self.weights, 'r+b') as file:
            file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))

    def test_another_key(self):
        error = self.assertCoffer('NOKEY', 7, coffer.open_model, 'm.sealed', kek=bytes(32))
        self.assertIsInstance(error, coffer.KeyError_)
        self.assertNotIsInstance(error, KeyError)

    def test_keys_that_are_none(self):
        write('short', b'123')
        self.assertCoffer('KEY', 7, coffer.open_model, 'm.sealed', kek='file:short')
        self.assertCoffer('USAGE', 2, coffer.open_model, 'm.sealed', kek=b'123')
        self.assertCoffer('USAGE', 2, coffer.open_model, 'm.sealed', kek='nonsense:7')
        self.assertCoffer('NOTFOUND', 3, coffer.open_model, 'm.sealed', kek='file:absent')
        error = self.assertCoffer('USAGE', 2, coffer.open_model, 'm.sealed', kek='short')
        self.assertIn('file:short', str(error))
        self.assertRaises(TypeError, coffer.open_model, 'm.sealed', kek=7)
        self.assertRaises(TypeError, coffer.open_model, 'm.sealed', kek=[7.5])
        self.assertCoffer('NOKEY', 7, coffer.open_model, 'm.sealed')

    def test_keys_from_the_environment(self):
        write('key', KEY)
        write('other', bytes(32))
        os.environ['COFFER_KEK'] = 'file:other file:key'
        self.assertEqual(coffer.open_model('m.sealed').name, 'm')

    def test_a_damaged_record(self):
        self.change(-2 * MIB)
        model = coffer.open_model('m.sealed', kek=KEY)
        for use in (
            lambda: model.memory('model.safetensors'),
            lambda: model.memfd('model.safetensors'),
            lambda: memoryview(model.open('model.safetensors')),
            lambda: (
                coffer.safetensors.safe_open('m.sealed', 'np', kek=KEY).get_slice('t2')[:]
                if support.numpy
                else model.memory('model.safetensors')
            ),
        ):
            error = self.assertCoffer('AUTH', 5, use)
            self.assertIn('model.safetensors', str(error))
        room = bytearray(b'x' * 10)
        with model.open('model.safetensors') as file:
            file.read_into(0, room)  # another record is whole
            self.assertCoffer('AUTH', 5, file.read_into, 5 * MIB // 2, room)
            self.assertEqual(room, bytes(10))

    def test_a_damaged_record_is_not_delivered(self):
        self.change(-2 * MIB)
        ready = []
        with coffer.open_model('m.sealed', kek=KEY) as model:
            self.assertCoffer('AUTH', 5, model.each, lambda t: bytearray(t.size), lambda t, room: ready.append(t.name))
        self.assertEqual([n for n in ready if n not in ('t0', 't1')], [])

    def test_a_damaged_head(self):
        self.change(16)
        with self.assertRaises(coffer.AuthError), coffer.open_model('m.sealed', kek=KEY) as model:
            model.memory('model.safetensors')

    def test_a_damaged_key_block(self):
        with open('m.sealed/coffer.json', encoding='utf-8') as file:
            text = file.read()
        write('m.sealed/coffer.json', text.replace('"m"', '"n"').encode())
        with self.assertRaises(coffer.AuthError):
            coffer.open_model('m.sealed', kek=KEY)

    def test_a_cut_file(self):
        os.truncate(self.weights, os.path.getsize(self.weights) - MIB)
        with self.assertRaises(coffer.AuthError), coffer.open_model('m.sealed', kek=KEY) as model:
            model.memory('model.safetensors')

    def test_a_file_that_is_not_there(self):
        os.remove(self.weights)
        self.assertCoffer('FILESET', 5, coffer.open_model, 'm.sealed', kek=KEY)

    def test_a_file_of_another_model(self):
        coffer.seal('m', 'n.sealed', kek=KEY)
        shutil.copyfile('n.sealed/model.safetensors.coffer', self.weights)
        with self.assertRaises(coffer.AuthError), coffer.open_model('m.sealed', kek=KEY) as model:
            model.memory('model.safetensors')

    def test_a_plain_file(self):
        self.assertCoffer('FORMAT', 5, coffer.open_model, 'm/model.safetensors', kek=KEY)
        self.assertCoffer('FORMAT', 5, safe_open, 'm/model.safetensors', 'np', kek=KEY)
        with self.assertRaises(coffer.Error):
            coffer.open_model('m', kek=KEY)

    def test_nothing_there(self):
        self.assertCoffer('NOTFOUND', 3, coffer.open_model, 'absent', kek=KEY)

    def test_names_that_no_path_has(self):
        self.assertRaises(ValueError, coffer.open_model, 'a\0b', kek=KEY)
        with self.assertRaises(coffer.NotFoundError) as caught:
            coffer.open_model(b'm\xff\xfe', kek=KEY)
        self.assertIn('m\ufffd\ufffd', str(caught.exception))

    def test_another_name(self):
        self.assertCoffer('POLICY', 6, coffer.open_model, 'm.sealed', kek=KEY, name='llama')

    def test_another_environment(self):
        coffer.seal('m', 'e.sealed', kek=KEY, context={'environment': 'test'})
        coffer.open_model('e.sealed', kek=KEY, environment='test').close()
        self.assertCoffer('POLICY', 6, coffer.open_model, 'e.sealed', kek=KEY, environment='production')
        os.environ['COFFER_ENVIRONMENT'] = 'production'
        self.assertCoffer('POLICY', 6, coffer.open_model, 'e.sealed', kek=KEY)
        self.assertCoffer('USAGE', 2, coffer.open_model, 'e.sealed', kek=KEY, environment='test')
        os.environ['COFFER_ENVIRONMENT'] = ''
        self.assertCoffer('USAGE', 2, coffer.open_model, 'e.sealed', kek=KEY)

    def test_a_generation_of_before(self):
        self.assertCoffer('ROLLBACK', 10, coffer.open_model, 'm.sealed', kek=KEY, min_generation=2)

    def test_options_that_are_none(self):
        self.assertRaises(TypeError, coffer.open_model, 'm.sealed', kek=KEY, nonsense=1)
        self.assertRaises((TypeError, OverflowError), coffer.open_model, 'm.sealed', kek=KEY, jobs=-1)
        self.assertRaises(OverflowError, coffer.open_model, 'm.sealed', kek=KEY, jobs=1 << 40)
        self.assertRaises(TypeError, coffer.open_model, 'm.sealed', kek=KEY, name=7)

    def test_code(self):
        write('p/weights.bin', pickle.dumps({'w': Evil()}))
        coffer.seal('p', 'p.sealed', kek=KEY)
        error = self.assertCoffer('POLICY', 6, coffer.open_model, 'p.sealed', kek=KEY)
        self.assertIn('weights.bin', str(error))
        with coffer.open_model('p.sealed', kek=KEY, allow_code=True) as model:
            self.assertEqual(bytes(model.memory('weights.bin')), pickle.dumps({'w': Evil()}))
        self.assertFalse(os.path.exists('was-run'))

    def test_hostile_safetensors(self):
        for head in (
            b'{',
            b'[]',
            b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}',
            b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1099511627776]}}',
        ):
            shutil.rmtree('h', ignore_errors=True)
            shutil.rmtree('h.sealed', ignore_errors=True)
            write('h/model.safetensors', len(head).to_bytes(8, 'little') + head + bytes(4))
            coffer.seal('h', 'h.sealed', kek=KEY)
            self.assertRaises(coffer.AuthError, safe_open, 'h.sealed', 'np', kek=KEY)


class Trust(Case):
    """Whose model it is."""

    def setUp(self):
        super().setUp()
        write('m/model.safetensors', safetensors({'t': tensor('U8', [MIB])}))
        write('m/notes', noise(10))
        for name in 'ours', 'theirs':
            subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', name], check=True)
            subprocess.run(
                ['openssl', 'ec', '-in', name, '-pubout', '-out', name + '.pub'], check=True, stderr=subprocess.DEVNULL
            )
        coffer.seal('m', 'm.sealed', kek=KEY, signer={'private_key': 'ours'})

    def test_by_a_key(self):
        with coffer.open_model('m.sealed', kek=KEY, verify='ours.pub') as model:
            self.assertEqual(bytes(model.memory('notes')), noise(10))
        self.assertCoffer('SIGNATURE', 6, coffer.open_model, 'm.sealed', kek=KEY, verify='theirs.pub')

    def test_unsigned(self):
        os.remove('m.sealed/coffer.sig')
        coffer.open_model('m.sealed', kek=KEY).close()
        with self.assertRaises(coffer.SignatureError):
            coffer.open_model('m.sealed', kek=KEY, verify='ours.pub')

    def test_swapped_after_it_was_verified(self):
        with coffer.open_model('m.sealed', kek=KEY, verify='ours.pub') as model:
            coffer.seal('m', 'again.sealed', kek=KEY)
            os.replace('again.sealed/notes.coffer', 'm.sealed/notes.coffer')
            with self.assertRaises(coffer.Error) as caught:
                model.memory('notes')
            self.assertIn(caught.exception.code, ('CHANGED', 'AUTH'))

    def test_swapped_after_tensors_were_delivered(self):
        with coffer.open_model('m.sealed', kek=KEY, verify='ours.pub') as model:
            shutil.copyfile('m.sealed/notes.coffer', 'copy')
            model.each(lambda t: None)
            os.replace('copy', 'm.sealed/notes.coffer')  # authentic, and still not the file that was verified
            self.assertCoffer('CHANGED', 10, model.memory, 'notes')

    def test_one_kind_of_signer(self):
        self.assertCoffer('USAGE', 2, coffer.open_model, 'm.sealed', kek=KEY, verify='ours.pub', identity='a@b.org')
        self.assertCoffer('NOTFOUND', 3, coffer.open_model, 'm.sealed', kek=KEY, verify='absent.pub')


if __name__ == '__main__':
    support.main()
