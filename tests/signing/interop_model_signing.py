#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer and model_signing of several releases: what one signs the other verifies, and refuses after any change.

usage: interop_model_signing.py COFFER [WORD…]    runs the tests whose names have one of the words
COFFER_PEERS_PYTHON names an interpreter with model_signing, COFFER_PEERS_OLD others with older releases, apart from each
other by colons (tests/peers/setup makes them).  Exit code 77 means skipped.
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile

import models
import peers

PYTHON = peers.python('model_signing', 'click')
OLD = [path for path in os.environ.get('COFFER_PEERS_OLD', '').split(':') if path]
CLIENT = os.path.join(models.TESTS, 'peers', 'model_signing_client.py')


class Bench:
    """Models, keys, the command, and model_signing."""

    def __init__(self, coffer, folder):
        self.folder, self.coffer = folder, models.Coffer(coffer, folder)
        self.keys = models.Keys(os.path.join(folder, 'keys'))
        self.model = models.make_folder(self.at('some model'))
        self.file = peers.write(self.at('single f\u00efle.bin'), models.content(100000))
        self.peer = peers.Client(PYTHON, CLIENT, folder)

    def at(self, name):
        return os.path.join(self.folder, name)

    def close(self):
        self.peer.close()

    # ---- the two programs, by the same words ----

    def signing(self, method, name, token=None):
        """The options with which both sign."""
        key, certificate = self.keys.at(name + '.key'), self.keys.at(name + '.crt')
        chain = ('--signing_certificate', certificate, '--certificate_chain', self.keys.at('ca.pem'))
        if method == 'key':
            return 'key', '--private_key', key
        if method == 'certificate':
            return 'certificate', '--private_key', key, *chain
        if method == 'pkcs11-key':
            return method, '--pkcs11_uri', token.uri(name)
        return method, '--pkcs11_uri', token.uri(name), *chain

    def verifying(self, method, name, root='root.pem'):
        if method.endswith('key'):
            return 'key', '--public_key', self.keys.at(name + '.pub')
        return 'certificate', '--certificate_chain', self.keys.at(root)

    def ask(self, *words, peer=None):
        """What model_signing's command answers: (exit code, text)."""
        answer = (peer or self.peer).ask(do='run', args=list(words), folder=self.folder)
        # 0.3.1 says that the verification failed, and exits with 0
        failed = 'failed with error' in answer['said']
        return answer['code'] or int(failed), answer['said']

    def peer_succeed(self, *words, peer=None):
        code, said = self.ask(*words, peer=peer)
        peers.expect(f"model_signing {' '.join(words)}: {said.strip()}", code, 0)

    def peer_refuse(self, *words, peer=None):
        code, said = self.ask(*words, peer=peer)
        peers.expect(f"model_signing {' '.join(words)}: {said.strip()}", code, 1)

    def there_and_back(self, method, name, model, sign_more=(), verify_more=(), peer=None, token=None):
        """Both sign, both verify both signatures, and both refuse them after each change."""
        sign, verify = self.signing(method, name, token), self.verifying(method, name)
        ours, theirs = self.at('ours.sig'), self.at('theirs.sig')
        for path in (ours, theirs):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        self.coffer.succeed('sign', *sign, model, '--signature', ours, *sign_more)
        self.peer_succeed('sign', *sign, model, '--signature', theirs, *sign_more, peer=peer)
        for signature in (ours, theirs):
            check = ('verify', *verify, model, '--signature', signature, *verify_more)
            self.coffer.succeed(*check)
            self.peer_succeed(*check, peer=peer)
            for change in models.FOLDER_CHANGES if os.path.isdir(model) else models.FILE_CHANGES:
                with models.changed(model, change):
                    self.coffer.refuse(*check, codes=(5,))
                    self.peer_refuse(*check, peer=peer)
        return ours, theirs


def payload(path):
    """The statement in a bundle."""
    return json.loads(models.pki.unb64(json.loads(peers.read(path))['dsseEnvelope']['payload']))


# ---- tests: each gets a bench ----

def test_folder_with_keys(bench):
    for curve in models.CURVES:
        ours, theirs = bench.there_and_back('key', curve, bench.model)
        names = [[r['name'] for r in payload(path)['predicate']['resources']] for path in (ours, theirs)]
        peers.expect('the names signed', sorted(names[0]), sorted(names[1]))
        peers.expect('the order', names[0], sorted(names[0]))
        wanted = [name for name in models.FOLDER if not name.startswith(models.LEFT_OUT) or name == '.gitmodules']
        peers.expect('what is signed', sorted(names[0]), sorted(wanted))


def test_folder_with_certificates(bench):
    for curve in models.CURVES:
        ours, theirs = bench.there_and_back('certificate', curve, bench.model)
        for signature in (ours, theirs):
            other = bench.verifying('certificate', curve, 'other-root.pem')
            bench.coffer.refuse('verify', *other, bench.model, '--signature', signature, codes=(6,))
            bench.peer_refuse('verify', *other, bench.model, '--signature', signature)


def test_single_file(bench):
    """coffer lists it by its name, as the specification wants; model_signing knows no other name for it than «.»."""
    for method in ('key', 'certificate'):
        one_file(bench, method)


def one_file(bench, method, peer=None):
    sign, verify = bench.signing(method, 'p256'), bench.verifying(method, 'p256')
    ours, theirs = bench.at('ours.sig'), bench.at('theirs.sig')
    bench.coffer.succeed('sign', *sign, bench.file, '--signature', ours, '--force')
    bench.peer_succeed('sign', *sign, bench.file, '--signature', theirs, peer=peer)
    for signature, name in ((ours, os.path.basename(bench.file)), (theirs, '.')):
        peers.expect('the name', [r['name'] for r in payload(signature)['predicate']['resources']], [name])
        check = ('verify', *verify, bench.file, '--signature', signature)
        bench.coffer.succeed(*check)
        (bench.peer_refuse if signature == ours else bench.peer_succeed)(*check, peer=peer)
        for change in models.FILE_CHANGES:
            with models.changed(bench.file, change):
                bench.coffer.refuse(*check, codes=(5,))
                bench.peer_refuse(*check, peer=peer)


def test_token(bench):
    token = models.Token(bench.at('hsm'), bench.keys)
    if not peers.has(PYTHON, 'PyKCS11'):
        raise peers.Skipped('COFFER_PEERS_PYTHON lacks PyKCS11')
    bench.coffer.environment['SOFTHSM2_CONF'] = token.config
    old, bench.peer = bench.peer, peers.Client(PYTHON, CLIENT, bench.folder, SOFTHSM2_CONF=token.config)
    with contextlib.closing(old):
        for name in token.names:
            bench.there_and_back('pkcs11-key', name, bench.model, token=token)
            # model_signing 1.1.1 fails to sign with pkcs11-certificate beside any sigstore that has it sign at all
            ours = bench.at('token.sig')
            bench.coffer.succeed('sign', *bench.signing('pkcs11-certificate', name, token), bench.model, '--signature',
                                 ours, '--force')
            check = ('verify', *bench.verifying('pkcs11-certificate', name), bench.model, '--signature', ours)
            bench.coffer.succeed(*check)
            bench.peer_succeed(*check)
            with models.changed(bench.model, 'byte'):
                bench.coffer.refuse(*check, codes=(5,))
                bench.peer_refuse(*check)


def test_other_keys(bench):
    """A signature by another key, or certificate, is refused by both, whoever made it."""
    signature = bench.at('s')
    for signs in (bench.coffer.succeed, bench.peer_succeed):
        for method in ('key', 'certificate'):
            with contextlib.suppress(FileNotFoundError):
                os.remove(signature)
            signs('sign', *bench.signing(method, 'p256'), bench.file, '--signature', signature)
            wrong = bench.verifying('key', 'p384') if method == 'key' else \
                bench.verifying('certificate', 'p256', 'other-root.pem')
            bench.coffer.refuse('verify', *wrong, bench.file, '--signature', signature, codes=(6,))
            bench.peer_refuse('verify', *wrong, bench.file, '--signature', signature)


def test_ignored_paths(bench):
    """Ignored when signing: recorded, so that nobody has to say it again; ignored when verifying: as well."""
    model = models.make_folder(bench.at('ignoring'), {'config.json': 9, 'a/b': 1, 'a/c': 2, 'n \u00e9': 3, 'z/y': 4})
    ignore = ('--ignore-paths', os.path.join(model, 'a'), '--ignore-paths', os.path.join(model, 'n \u00e9'))
    ours, theirs = bench.there_and_back('key', 'p256', model, sign_more=ignore)
    for path in (ours, theirs):
        predicate = payload(path)['predicate']
        peers.expect('signed', [r['name'] for r in predicate['resources']], ['config.json', 'z/y'])
        peers.expect('recorded', {'a', 'n \u00e9'} - set(predicate['serialization']['ignore_paths']), set())
    # and what was not there when it was signed
    more = ('--ignore-paths', peers.write(os.path.join(model, 'later'), b'later'))
    for path in (ours, theirs):
        check = ('verify', *bench.verifying('key', 'p256'), model, '--signature', path)
        bench.coffer.refuse(*check, codes=(5,))
        bench.peer_refuse(*check)
        bench.coffer.succeed(*check, *more)
        bench.peer_succeed(*check, *more)


def test_signature_in_the_model(bench):
    model = models.make_folder(bench.at('inside'), {'config.json': 9, 'a/b': 1})
    for signs in (bench.coffer.succeed, bench.peer_succeed):
        signature = os.path.join(model, 'model.sig')
        signs('sign', *bench.signing('key', 'p256'), model, '--signature', signature)
        check = ('verify', *bench.verifying('key', 'p256'), model, '--signature', signature)
        bench.coffer.succeed(*check)
        bench.peer_succeed(*check)
        os.remove(signature)


def test_git_paths(bench):
    bench.there_and_back('key', 'p256', bench.model, sign_more=('--no-ignore-git-paths',),
                         verify_more=('--no-ignore-git-paths',))


def test_unsigned_files(bench):
    model = models.make_folder(bench.at('unsigned'), {'config.json': 9, 'a': 1})
    for signs in (bench.coffer.succeed, bench.peer_succeed):
        signature = bench.at(f'unsigned-{signs.__name__}')
        signs('sign', *bench.signing('key', 'p256'), model, '--signature', signature)
        check = ('verify', *bench.verifying('key', 'p256'), model, '--signature', signature, '--ignore_unsigned_files')
        with models.changed(model, 'more'):
            bench.coffer.succeed(*check)
            bench.peer_succeed(*check)
        with models.changed(model, 'byte'):
            bench.coffer.refuse(*check, codes=(5,))
            bench.peer_refuse(*check)


def test_links(bench):
    model = models.make_folder(bench.at('linked'), {'config.json': 9, 'a/b': 1})
    os.symlink('b', os.path.join(model, 'a', 'link'))
    os.symlink('../config.json', os.path.join(model, 'a', 'up'))
    sign = ('sign', *bench.signing('key', 'p256'), model, '--signature', bench.at('refused'))
    peers.expect('links without leave', bench.coffer.run(*sign)[0] != 0, True)
    bench.peer_refuse(*sign)
    bench.there_and_back('key', 'p256', model, sign_more=('--allow_symlinks',), verify_more=('--allow_symlinks',))


def test_hashes_and_shards(bench):
    """What model_signing's library signs otherwise than its command, coffer verifies."""
    for hashing in ({'method': 'files', 'hash': 'sha256'}, {'method': 'files', 'hash': 'blake2'},
                    {'method': 'files', 'hash': 'blake3'}, {'method': 'shards', 'hash': 'sha256', 'shard_size': 1 << 20},
                    {'method': 'shards', 'hash': 'sha256', 'shard_size': 1000000000},
                    {'method': 'shards', 'hash': 'blake2', 'shard_size': 65536}):
        signature = bench.at('hashing.sig')
        model = models.make_folder(bench.at('hashing'), {
            name: size for name, size in models.FOLDER.items() if hashing['method'] == 'files' or ':' not in name})
        answer = bench.peer.ask(do='sign', model=model, signature=signature, hashing=hashing,
                                private_key=bench.keys.at('p256.key'))
        peers.expect(f'model_signing with {hashing}', answer, {'code': 0})
        check = ('verify', *bench.verifying('key', 'p256'), model, '--signature', signature)
        bench.coffer.succeed(*check)
        for change in ('byte', 'longer', 'less', 'renamed'):
            with models.changed(model, change):
                bench.coffer.refuse(*check, codes=(5,))


def test_our_hashes(bench):
    """What coffer signs with another hash, model_signing's library verifies when told which."""
    for ours, theirs in (('sha256', 'sha256'), ('blake2b', 'blake2'), ('blake3', 'blake3')):
        signature = bench.at(f'our-{ours}.sig')
        bench.coffer.succeed('sign', *bench.signing('key', 'p256'), bench.model, '--signature', signature, '--hash', ours)
        hashing = {'method': 'files', 'hash': theirs}
        ask = {'do': 'verify', 'model': bench.model, 'signature': signature, 'public_key': bench.keys.at('p256.pub'),
               'hashing': hashing}
        peers.expect(ours, bench.peer.ask(**ask), {'code': 0})
        with models.changed(bench.model, 'byte'):
            peers.expect(ours + ' changed', bench.peer.ask(**ask)['code'], 1)


def test_older_releases(bench):
    """Both directions again; old signatures do not record what was ignored, so it is said again.

    Those releases sign .git and the like, which they mean to leave out, unless they run within the model: the model that is
    signed by both has none.
    """
    if not OLD:
        raise peers.Skipped('COFFER_PEERS_OLD names no older releases (tests/peers/setup makes them)')
    tree = {name: size for name, size in models.FOLDER.items() if not name.startswith(models.LEFT_OUT)}
    model = models.make_folder(bench.at('older'), {**tree, 'left out/x': 1})
    ignore = ('--ignore-paths', os.path.join(model, 'left out'))
    for interpreter in OLD:
        peers.expect(f'model_signing under {interpreter}', peers.has(interpreter, 'model_signing'), True)
        with contextlib.closing(peers.Client(interpreter, CLIENT, bench.folder)) as peer:
            # in 0.3.1 words are misspelt in what signs and verifies with certificates
            old = '0.3.1' in bench.ask('--version', peer=peer)[1]
            for method in ('key',) if old else ('key', 'certificate'):
                bench.there_and_back(method, 'p384', model, ignore, ignore, peer=peer)
                one_file(bench, method, peer)
            signature = bench.at('with-git.sig')
            bench.peer_succeed('sign', *bench.signing('key', 'p256'), bench.model, '--signature', signature, peer=peer)
            peers.expect('signed', '.git/HEAD' in [r['name'] for r in payload(signature)['predicate']['resources']], True)
            bench.coffer.succeed('verify', *bench.verifying('key', 'p256'), bench.model, '--signature', signature)


def test_as_a_command(bench):
    """Once as people run it, in a process of its own, without the name of a signature."""
    def peer(*words):
        done = subprocess.run([PYTHON, '-m', 'model_signing', *words], cwd=bench.folder, env=bench.peer.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        peers.expect(f"model_signing {' '.join(words)}: {done.stderr}", done.returncode, 0)

    for signs, verifies in ((bench.coffer.succeed, peer), (peer, bench.coffer.succeed)):
        signs('sign', *bench.signing('key', 'p256'), bench.model)
        verifies('verify', *bench.verifying('key', 'p256'), bench.model, '--signature', bench.at('model.sig'))
        os.remove(bench.at('model.sig'))


def main(words):
    if not words:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Bench(words[0], folder)) as bench:
        tests = {name: test for name, test in globals().items() if name.startswith('test_')}
        return peers.run_tests(tests, bench, words[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
