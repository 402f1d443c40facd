#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives tests/adapters/oms as the OMS conformance suite does, and checks what was signed as it does.

usage: oms_adapter.py COFFER [WORD…]    runs the tests whose names have one of the words
With jsonschema, under this Python or COFFER_PEERS_PYTHON's, bundles are held against the schemas of the shared vectors.
Exit code 77 means skipped.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import models
import peers
from world import World

ADAPTER = os.path.join(models.TESTS, 'adapters', 'oms')
SCHEMAS = os.path.join(os.path.dirname(os.path.dirname(models.TESTS)), 'shared', 'vectors', 'signing',
                       'ossf+model-signing-spec', 'schemas', 'v1.0')
TREE = {'config.json': 9, 'a/b': 1, 'a/c d': 2, 'model/x': 3, 'model-1.bin': 4, '.hidden': 5, '.gitignore': 6,
        'n\u00e4me': 7, 'empty': 0}
#: validates standard input, a list of [schema, value], with the schemas of a folder
VALIDATE = '''
import json, os, sys, jsonschema, referencing
folder = sys.argv[1]
schemas = {name: json.load(open(os.path.join(folder, name), encoding="utf-8")) for name in os.listdir(folder)}
registry = referencing.Registry().with_resources(
    [(uri, referencing.Resource.from_contents(s)) for name, s in schemas.items() for uri in (s["$id"], name)])
for name, value in json.load(sys.stdin):
    jsonschema.Draft202012Validator(schemas[name], registry=registry).validate(value)
'''


class Bench:
    def __init__(self, coffer, folder):
        self.folder = folder
        self.environment = {**peers.plain_environment(folder), 'COFFER': os.path.abspath(coffer)}
        self.keys = models.Keys(os.path.join(folder, 'keys'))
        self.model = models.make_folder(self.at('a model'), TREE)
        self.bundle = self.at('model.sig')
        here = [path for path in (sys.executable, os.environ.get('COFFER_PEERS_PYTHON'))
                if path and peers.has(path, 'jsonschema', 'referencing')]
        self.validator = here[0] if here and os.path.isdir(SCHEMAS) else None

    def at(self, name):
        return os.path.join(self.folder, name)

    def run(self, *words, **more):
        """(whether it succeeded, what went to standard output, everything that was said)"""
        done = subprocess.run([ADAPTER, *words], cwd='/', stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={**self.environment, **more}, check=False)
        return done.returncode == 0, done.stdout, done.stdout + done.stderr

    def expect(self, wanted, *words, **more):
        good, _, said = self.run(*words, **more)
        peers.expect(f"oms {' '.join(words)}: {said.strip()}", good, wanted)

    def signing(self, method, name='p256', bundle=None):
        words = ('sign-model', '--method', method, '--output-bundle', bundle or self.bundle, '--private-key',
                 self.keys.at(name + '.key'))
        if method == 'certificate':
            # leaf to root, as the suite gives it; the root is for those who verify, and must not get into the bundle
            words += ('--signing-cert', self.keys.at(name + '.crt'), '--cert-chain', self.keys.at('ca.pem'),
                      '--cert-chain', self.keys.at('root.pem'))
        return words

    def verifying(self, method, name='p256', bundle=None, root='root.pem'):
        words = ('verify-model', '--method', method, '--bundle', bundle or self.bundle)
        return words + (('--public-key', self.keys.at(name + '.pub')) if method == 'key' else
                        ('--cert-chain', self.keys.at(root)))

    def check_bundle(self, model, names):
        """What the suite looks at after a signing."""
        bundle = json.loads(peers.read(self.bundle))
        statement = json.loads(base64.b64decode(bundle['dsseEnvelope']['payload']))
        resources = statement['predicate']['resources']
        peers.expect('the names', [r['name'] for r in resources], sorted(names))
        root = hashlib.sha256(b''.join(bytes.fromhex(r['digest']) for r in resources)).hexdigest()
        peers.expect('the root digest', statement['subject'], [{'name': os.path.basename(model), 'digest': {'sha256': root}}])
        if self.validator:
            rows = [['bundle.schema.json', bundle], ['envelope.schema.json', bundle['dsseEnvelope']],
                    ['statement.schema.json', statement], ['predicate.schema.json', statement['predicate']]]
            done = subprocess.run([self.validator, '-c', VALIDATE, SCHEMAS], input=json.dumps(rows), text=True,
                                  capture_output=True, check=False)
            peers.expect(f'the schemas: {done.stderr[-1500:]}', done.returncode, 0)


# ---- tests: each gets a bench ----

def test_roundtrip(bench):
    for method in ('key', 'certificate'):
        for name in models.CURVES:
            model = ('--model-path', bench.model)
            bench.expect(True, *bench.signing(method, name), *model)
            bench.check_bundle(bench.model, [name for name in TREE if name != '.gitignore'])
            bench.expect(True, *bench.verifying(method, name), *model)
            for change in models.FOLDER_CHANGES if name == 'p256' else ('byte',):
                with models.changed(bench.model, change):
                    bench.expect(False, *bench.verifying(method, name), *model)
                    unsigned = bench.run(*bench.verifying(method, name), *model, '--ignore-unsigned-files')[0]
                    peers.expect(f'{change}, unsigned files allowed', unsigned, change in ('more', 'hidden'))
            wrong = bench.verifying('key', 'p384' if name != 'p384' else 'p256') if method == 'key' else \
                bench.verifying(method, name, root='other-root.pem')
            bench.expect(False, *wrong, *model)


def test_no_root_in_the_bundle(bench):
    bench.expect(True, *bench.signing('certificate'), '--model-path', bench.model)
    chain = json.loads(peers.read(bench.bundle))['verificationMaterial']['x509CertificateChain']['certificates']
    leaf, above = (base64.b64decode(certificate['rawBytes']) for certificate in chain)
    peers.expect('the one above', above == models.pki.der(bench.keys.ca.certificate), True)
    peers.expect('the leaf', leaf != above, True)


def test_single_file(bench):
    path = peers.write(bench.at('weights.bin'), b'weights')
    bench.expect(True, *bench.signing('key'), '--model-path', path)
    bench.check_bundle(path, ['weights.bin'])
    bench.expect(True, *bench.verifying('key'), '--model-path', path)


def test_ignored_paths(bench):
    ignore = ('--ignore-paths', os.path.join(bench.model, 'a'), '--ignore-paths', os.path.join(bench.model, 'empty'))
    bench.expect(True, *bench.signing('key'), '--model-path', bench.model, *ignore)
    bench.check_bundle(bench.model, [name for name in TREE if name not in ('.gitignore', 'a/b', 'a/c d', 'empty')])
    bench.expect(True, *bench.verifying('key'), '--model-path', bench.model)
    more = ('--ignore-paths', os.path.join(bench.model, 'more'))
    with models.changed(bench.model, 'more'):
        bench.expect(False, *bench.verifying('key'), '--model-path', bench.model)
        bench.expect(True, *bench.verifying('key'), '--model-path', bench.model, *more)


def test_signature_in_the_model(bench):
    inside = os.path.join(bench.model, 'model.sig')
    for _ in range(2):
        bench.expect(True, *bench.signing('key', bundle=inside), '--model-path', bench.model)
        bench.expect(True, *bench.verifying('key', bundle=inside), '--model-path', bench.model)
    os.remove(inside)


def test_refusals(bench):
    """An empty model, no model, no key, a method that is none, the other method's bundle."""
    empty = bench.at('empty model')
    os.makedirs(empty, exist_ok=True)
    bench.expect(False, *bench.signing('key', bundle=bench.at('none.sig')), '--model-path', empty)
    bench.expect(False, *bench.signing('key', bundle=bench.at('none.sig')), '--model-path', bench.at('nothing'))
    bench.expect(False, 'sign-model', '--method', 'key', '--model-path', bench.model, '--output-bundle', bench.at('none.sig'))
    bench.expect(False, 'sign-model', '--method', 'other', '--model-path', bench.model, '--output-bundle', bench.at('none.sig'))
    peers.expect('a bundle is left', os.path.exists(bench.at('none.sig')), False)
    bench.expect(True, *bench.signing('key'), '--model-path', bench.model)
    bench.expect(False, *bench.verifying('certificate'), '--model-path', bench.model)
    peers.write(bench.bundle, peers.read(bench.bundle)[:-40])
    bench.expect(False, *bench.verifying('key'), '--model-path', bench.model)


def test_sigstore(bench):
    with World(bench.at('world')) as world:
        config = ('--trust-config', world.at('trust_config.json'))
        model = ('--model-path', bench.model)
        bench.expect(True, 'sign-model', '--method', 'sigstore', *model, '--output-bundle', bench.bundle, *config,
                     '--identity-token', world.token())
        bench.check_bundle(bench.model, [name for name in TREE if name != '.gitignore'])
        check = ('verify-model', '--method', 'sigstore', *model, '--bundle', bench.bundle, '--identity-provider',
                 world.oidc.url, '--identity')
        root = {'SIGSTORE_TRUSTED_ROOT': world.at('trusted_root.json')}
        bench.expect(True, *check, world.email, *config)
        bench.expect(True, *check, world.email, **root)
        bench.expect(False, *check, world.email)
        bench.expect(False, *check, 'somebody@example.com', **root)
        staging = {'SIGSTORE_TRUSTED_ROOT_STAGING': world.at('trusted_root.json')}
        bench.expect(True, *check, world.email, '--use-staging', **staging)
        bench.expect(False, *check, world.email, '--use-staging', **root)


def test_capabilities_and_benchmark(bench):
    good, out, said = bench.run('capabilities')
    peers.expect(f'capabilities: {said}', good, True)
    answer = json.loads(out)
    peers.expect('its parts', sorted(answer), ['benchmark_model', 'client_version', 'flags', 'hash_algorithms'])
    for words in (bench.signing('key'), (*bench.signing('key'), '--hash-algorithm', 'blake3'),
                  (*bench.signing('key'), '--shard-size', '1024', '--max-workers', '2'), bench.verifying('key')):
        operation = words[0].split('-')[0]
        good, out, said = bench.run('benchmark-model', '--operation', operation, *words[1:], '--model-path', bench.model,
                                    '--repeat', '3')
        peers.expect(f'benchmark: {said}', good, True)
        peers.expect('times', [t > 0 for t in json.loads(out)['times_ms']], [True] * 3)
    with models.changed(bench.model, 'byte'):
        good, out, _ = bench.run('benchmark-model', '--operation', 'verify', *bench.verifying('key')[1:], '--model-path',
                                 bench.model)
        peers.expect('a benchmark that fails', (good, out), (False, ''))


def main(words):
    if not words:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        tests = {name: test for name, test in globals().items() if name.startswith('test_')}
        bench = Bench(words[0], folder)
        if not bench.validator:
            print('skipped in part: bundles are not held against the schemas (no jsonschema, or no shared vectors)')
        return peers.run_tests(tests, bench, words[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
