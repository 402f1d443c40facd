#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies every shared OMS case and every real bundle of a released model_signing with the command.

Usage: oms_vectors.py COFFER.  The vectors lie in ../shared/vectors/signing beside the project; without them all is skipped (77).
"""
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
VECTORS = os.path.join(os.path.dirname(ROOT), 'shared', 'vectors', 'signing')
REAL = os.path.join(VECTORS, 'sigstore+model-transparency', 'scripts', 'tests')
PYTHON_STORE = os.path.join(VECTORS, 'sigstore+sigstore-python', 'sigstore', '_store', 'tuf-repo-cdn.sigstore.dev')
# what the vectors' README says of the sigstore bundles
IDENTITY = ['--identity', 'stefanb@us.ibm.com', '--identity-provider', 'https://sigstore.verify.ibm.com/oauth2']
SUCCESS = ('verified', 'succe')  # words that nothing may print that does not return 0


class Count:
    passed = failed = 0

    def check(self, name, good, why=''):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f'FAILED {name}: {why}')


def run(coffer, *words):
    done = subprocess.run([coffer, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def expect(count, name, accept, outcome):
    """A refusal has exit code 5 or 6, a sentence, and no word of success."""
    code, said = outcome
    if accept:
        count.check(name, code == 0, f'exit {code}, but it must be accepted: {said.strip()[-300:]}')
        return
    # «not verified» is what a refusal says
    boast = any(word in said.lower().replace('not verified', '').replace('unverified', '') for word in SUCCESS)
    count.check(name, code in (5, 6) and not boast and said.strip(), f'exit {code}, but it must be refused: {said.strip()[-300:]}')


def generated(coffer, count, work):
    folder = os.path.join(VECTORS, 'generated', 'oms')
    with open(os.path.join(folder, 'index.json'), encoding='utf-8') as file:
        cases = json.load(file)['cases']
    with tarfile.open(os.path.join(folder, 'models.tar')) as tar:
        tar.extractall(work)
    for case in cases:
        how = ['key', '--public-key', os.path.join(folder, case['public_key'])] if case['method'] == 'key' else [
            'certificate', '--certificate-chain', os.path.join(folder, case['root'])]
        expect(count, case['name'], case['expect'] != 'fail',
               run(coffer, 'verify', how[0], os.path.join(work, case['model']), *how[1:], '--signature',
                   os.path.join(folder, 'cases', case['name'] + '.sig')))


def real(coffer, count, work):
    """Also changed in one byte, with a file more and one less: each must then be refused."""
    keys = os.path.join(REAL, 'keys', 'certificate')
    how = {'certificate': ['certificate', '--certificate-chain', os.path.join(keys, 'ca-cert.pem')],
           'elliptic-key': ['key', '--public-key', os.path.join(keys, 'signing-key-pub.pem')],
           'sigstore': ['sigstore', '--trusted-root', os.path.join(PYTHON_STORE, 'trusted_root.json'), *IDENTITY]}
    for name in sorted(os.listdir(REAL)):
        method = how.get(name.partition('-')[2])
        if not method:
            continue
        model = os.path.join(work, 'real', name)
        shutil.copytree(os.path.join(REAL, name), model)
        signature = os.path.join(work, name + '.sig')
        shutil.move(os.path.join(model, 'model.sig'), signature)
        single = name in ('v0.3.1-elliptic-key', 'v1.0.0-elliptic-key')
        path = os.path.join(model, 'signme-1') if single else model
        extra = []
        if os.path.exists(os.path.join(model, 'ignore-me')) and not name.startswith('v1.1'):
            extra = ['--ignore-paths', os.path.join(model, 'ignore-me')]

        def verify():
            return run(coffer, 'verify', method[0], path, '--signature', signature, *method[1:], *extra)

        expect(count, name, True, verify())
        with open(os.path.join(model, 'signme-1'), 'r+b') as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]) if first else b'x')
        expect(count, name + ' with a byte changed', False, verify())
        with open(os.path.join(model, 'signme-1'), 'r+b') as file:
            file.write(first)
            if not first:
                file.truncate(0)
        if single:
            continue
        os.rename(os.path.join(model, 'signme-2'), os.path.join(work, 'away'))
        expect(count, name + ' with a file less', False, verify())
        os.rename(os.path.join(work, 'away'), os.path.join(model, 'signme-2'))
        with open(os.path.join(model, 'more'), 'wb'):
            pass
        expect(count, name + ' with a file more', False, verify())
        count.check(name + ' with a file more, allowed',
                    run(coffer, 'verify', method[0], path, '--signature', signature, *method[1:], *extra,
                        '--ignore-unsigned-files')[0] == 0)
        os.unlink(os.path.join(model, 'more'))
        expect(count, name + ' as it was', True, verify())


def ibm(coffer, count):
    """Signed by a key whose public half is not among the vectors: the form is read, the signature refused."""
    folder = os.path.join(VECTORS, 'IBM+model-encryption', 'test')
    key = os.path.join(VECTORS, 'generated', 'oms', 'keys', 'p256.pub')
    code, said = run(coffer, 'verify', 'key', os.path.join(folder, 'test'), '--signature', os.path.join(folder, 'model.sig'),
                     '--public-key', key)
    count.check('IBM bundle under a foreign key', code == 6, f'exit {code}: {said}')


def schema_vectors(coffer, count, work):
    """Bundles that break the schema are malformed, whatever key is given; those that keep it get as far as their signature."""
    folder = os.path.join(VECTORS, 'ossf+model-signing-spec', 'test-vectors', 'v1.0')
    key = os.path.join(VECTORS, 'generated', 'oms', 'keys', 'p256.pub')
    model = os.path.join(work, 'models', 'm1')
    for kind in ('invalid', 'invalid-payload', 'valid'):
        for name in sorted(os.listdir(os.path.join(folder, kind))):
            expect(count, f'{kind}/{name}', False,
                   run(coffer, 'verify', 'key', model, '--signature', os.path.join(folder, kind, name), '--public-key', key))


def main():
    coffer = os.path.realpath(sys.argv[1])
    if not os.path.isdir(VECTORS):
        print('the shared vectors are not beside the project (../shared/vectors/signing)')
        sys.exit(77)
    count = Count()
    with tempfile.TemporaryDirectory(prefix='coffer-oms-') as work:
        os.environ['HOME'] = work  # no trust store of the caller's
        for name in ('XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'COFFER_AUDIT'):
            os.environ.pop(name, None)
        generated(coffer, count, work)
        real(coffer, count, work)
        ibm(coffer, count)
        schema_vectors(coffer, count, work)
    print(f'{count.passed} passed, {count.failed} failed, 0 skipped')
    sys.exit(count.failed > 0)


if __name__ == '__main__':
    main()
