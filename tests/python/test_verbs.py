# SPDX-License-Identifier: Apache-2.0
"""seal, open_to, check, sign, verify, rewrap and inspect."""

import filecmp
import logging
import os
import shutil
import subprocess

import support
from support import KEY, Case, safetensors, tensor, write

import coffer


class Verbs(Case):
    def setUp(self):
        super().setUp()
        write('m/model.safetensors', safetensors({'t': tensor('F32', [512, 1024])}))
        write('m/config.json', b'{}')
        write('m/notes.md', b'# notes')
        write('key', KEY)

    def keys(self, name):
        """A key pair on P-256."""
        subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', name], check=True)
        subprocess.run(
            ['openssl', 'ec', '-in', name, '-pubout', '-out', name + '.pub'], check=True, stderr=subprocess.DEVNULL
        )

    def test_there_and_back(self):
        sealed = coffer.seal('m', 's', kek='file:key')
        size = sum(os.path.getsize(os.path.join('m', name)) for name in os.listdir('m'))
        self.assertEqual((sealed.files, sealed.bytes, sealed.skipped, len(sealed.model_id)), (3, size, 0, 32))
        self.assertEqual(coffer.check('s', kek=KEY).bytes, sealed.bytes)
        opened = coffer.open_to('s', 'o', kek=KEY)
        self.assertEqual((opened.files, opened.bytes, opened.model_id), (3, sealed.bytes, sealed.model_id))
        self.assertEqual(filecmp.cmpfiles('m', 'o', os.listdir('m'), shallow=False)[1:], ([], []))
        self.assertCoffer('EXISTS', 10, coffer.open_to, 's', 'o', kek=KEY)

    def test_which_files(self):
        coffer.seal('m', 's', kek=KEY, include='*.safetensors', exclude=['x*'])
        self.assertEqual(list(coffer.inspect('s').files), ['model.safetensors'])
        coffer.seal('m', 't', kek=KEY, exclude=['*.md', 'config*'])
        self.assertEqual(list(coffer.inspect('t').files), ['model.safetensors'])
        coffer.seal('m', 'u', kek=KEY)
        self.assertEqual(coffer.open_to('u', 'o', kek=KEY, include=['*.md']).files, 1)
        self.assertEqual(os.listdir('o'), ['notes.md'])

    def test_inspect(self):
        coffer.seal(
            'm',
            's',
            kek=[KEY, 'file:key', bytes(32)],
            name='llama',
            version='2',
            context={'environment': 'test', 'b': 'c'},
        )
        found = coffer.inspect('s')
        self.assertEqual(
            (found.name, found.version, found.generation, found.is_folder, found.is_partial),
            ('llama', '2', 1, True, False),
        )
        self.assertEqual(found.context, {'environment': 'test', 'b': 'c'})
        self.assertEqual({r.kind for r in found.recipients}, {'aes'})
        self.assertEqual(found.files['config.json'], 2)
        self.assertCoffer('NOTFOUND', 3, coffer.inspect, 'absent')

    def test_damage_is_found(self):
        coffer.seal('m', 's', kek=KEY)
        with open('s/model.safetensors.coffer', 'r+b') as file:
            file.seek(-9, os.SEEK_END)
            file.write(b'damage')
        self.assertCoffer('AUTH', 5, coffer.check, 's', kek=KEY)
        self.assertCoffer('AUTH', 5, coffer.open_to, 's', 'o', kek=KEY)
        self.assertFalse(os.path.exists('o/model.safetensors'))

    def test_rewrap(self):
        other = bytes(range(1, 33))
        coffer.seal('m', 's', kek=KEY)
        coffer.rewrap('s', kek=KEY, add=other)
        self.assertEqual(len(coffer.inspect('s').recipients), 2)
        coffer.rewrap('s', kek=other, remove='file:key')
        self.assertCoffer('NOKEY', 7, coffer.open_model, 's', kek=KEY)
        coffer.open_model('s', kek=other, min_generation=3).close()
        coffer.rewrap('s', kek=other, add=[KEY], replace=True)
        coffer.open_model('s', kek=KEY).close()
        self.assertCoffer('USAGE', 2, coffer.rewrap, 's', kek=KEY, remove='file:key')

    def test_sign_and_verify(self):
        self.keys('ours')
        self.keys('theirs')
        coffer.seal('m', 's', kek=KEY)
        for model in 'm', 's':
            signed = coffer.sign(model, private_key='ours')
            self.assertEqual((signed.files, len(signed.digest)), (3, 64))
            verdict = coffer.verify(model, public_key='ours.pub')
            self.assertEqual((verdict.files, len(verdict.key_id)), (3, 64))
            self.assertTrue(verdict.signer)
            self.assertCoffer('SIGNATURE', 6, coffer.verify, model, public_key='theirs.pub')
        self.assertTrue(os.path.exists('s/coffer.sig') and os.path.exists('m/model.sig'))
        write('m/notes.md', b'# others')
        self.assertCoffer('AUTH', 5, coffer.verify, 'm', public_key='ours.pub')
        write('m/more', b'')
        os.remove('m/notes.md')
        self.assertCoffer('FILESET', 5, coffer.verify, 'm', public_key='ours.pub')
        self.assertCoffer('EXISTS', 10, coffer.sign, 's', private_key='ours')
        coffer.sign('s', private_key='ours', force=True, hash='blake3', serialization='shards', shard_size=4096)
        coffer.verify('s', public_key='ours.pub')
        shutil.copy('s/coffer.sig', 'copy.sig')
        coffer.verify('s', 'copy.sig', public_key='ours.pub')

    def test_sign_how(self):
        self.assertCoffer('USAGE', 2, coffer.sign, 'm')
        self.assertCoffer('USAGE', 2, coffer.verify, 'm')
        self.assertCoffer('NOTFOUND', 3, coffer.sign, 'm', private_key='absent')
        self.assertRaises(TypeError, coffer.sign, 'm', private_kye='ours')
        self.keys('ours')
        self.assertRaises(ValueError, coffer.sign, 'm', private_key='ours', hash='md5')

    def test_seal_and_sign(self):
        self.keys('ours')
        coffer.seal('m', 's', kek=KEY, signer={'private_key': 'ours'})
        coffer.verify('s', public_key='ours.pub')
        coffer.open_to('s', 'o', kek=KEY, verify='ours.pub')
        coffer.verify('o', public_key='ours.pub')

    def test_of_others_from_the_command(self):
        """The command and the package make and open the same."""
        command = os.path.join(support.BUILD, 'coffer')
        subprocess.run([command, 'seal', 'm', '-o', 's', '--kek', 'file:key'], check=True, capture_output=True)
        with coffer.open_model('s', kek=KEY) as model:
            self.assertEqual(bytes(model.memory('notes.md')), b'# notes')
        coffer.seal('m', 't', kek=KEY)
        subprocess.run([command, 'open', 't', '-o', 'o', '--kek', 'file:key'], check=True, capture_output=True)
        self.assertEqual(filecmp.cmpfiles('m', 'o', os.listdir('m'), shallow=False)[1:], ([], []))

    def test_notices_are_logged(self):
        with self.assertLogs('coffer', logging.INFO) as caught:
            coffer._errors.notice('continuing')
        self.assertIn('continuing', caught.output[0])

    def test_paths_of_any_kind(self):
        import pathlib

        coffer.seal(pathlib.Path('m'), b's', kek='file:key')
        self.assertEqual(coffer.open_model(pathlib.Path('s'), kek=bytearray(KEY)).name, 'm')
        os.mkdir(b'\xff')
        coffer.seal('m', b'\xff/s', kek=memoryview(KEY))
        self.assertEqual(coffer.open_model(os.fsdecode(b'\xff/s'), kek=KEY).name, 'm')

    def test_version(self):
        self.assertEqual(coffer.__version__.count('.'), 2)
        self.assertIn(coffer.engine, ('libipsec-mb', 'OpenSSL'))
        self.assertEqual({name for name in coffer.__all__ if not hasattr(coffer, name)}, set())


if __name__ == '__main__':
    support.main()
