#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer and openssl: key files and certificates that it made, signatures of one file, and bundles that it checks by parts.

usage: interop_openssl.py COFFER [WORD…]    runs the tests whose names have one of the words
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

CURVES = {'prime256v1': 'sha256', 'secp384r1': 'sha384', 'secp521r1': 'sha512'}
PASSPHRASE = 'p\u00e4ss phrase'
#: how openssl writes a private key: the name, the words after «openssl», and whether it is encrypted
KEY_FORMS = (
    ('PKCS #8', ('pkcs8', '-topk8', '-nocrypt'), False),
    ('PKCS #8, AES, PBKDF2', ('pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'file:pass'), True),
    ('PKCS #8, scrypt', ('pkcs8', '-topk8', '-scrypt', '-passout', 'file:pass'), True),
    ('traditional', ('pkey', '-traditional'), False),
    ('traditional, AES', ('pkey', '-traditional', '-aes256', '-passout', 'file:pass'), True),
    ('with text before it', ('pkey', '-text'), False),
)


class Bench:
    def __init__(self, coffer, folder):
        self.folder, self.coffer, self.keys = folder, models.Coffer(coffer, folder), {}
        self.model = models.make_folder(self.at('model'))
        self.data = peers.write(self.at('file'), models.content(3000001))
        peers.write(self.at('pass'), PASSPHRASE.encode() + b'\nnot this line\n')

    def at(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words, stdin=b'', status=0):
        done = subprocess.run(('openssl', *words), cwd=self.folder, input=stdin, capture_output=True, check=False)
        peers.expect(f"openssl {' '.join(words)}: {done.stderr.decode(errors='replace')}", done.returncode, status)
        return done.stdout

    def key(self, kind, form=KEY_FORMS[0]):
        """The name of a private key of openssl's; its public key is in NAME.pub."""
        made = ('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:' + kind[3:]) if kind.startswith('rsa') else \
            ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:' + kind)
        if kind not in self.keys:
            self.keys[kind] = self.openssl('genpkey', *made)
        key = self.keys[kind]
        peers.write(self.at('key'), self.openssl(*form[1], stdin=key))
        os.chmod(self.at('key'), 0o600)
        peers.write(self.at('key.pub'), self.openssl('pkey', '-pubout', stdin=key))
        return self.at('key')


def statement_of(path):
    """(the bundle, what was signed, the signature, the statement)"""
    bundle = json.loads(peers.read(path))
    envelope = bundle['dsseEnvelope']
    payload, kind = base64.b64decode(envelope['payload']), envelope['payloadType'].encode()
    pae = b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(payload), payload)
    return bundle, pae, base64.b64decode(envelope['signatures'][0]['sig']), json.loads(payload)


# ---- tests: each gets a bench ----

def test_key_files(bench):
    """Every form in which openssl writes a private key, of every kind, signs a file and a model."""
    for kind in (*CURVES, 'rsa2048', 'rsa3072', 'rsa4096'):
        forms = KEY_FORMS if kind in ('prime256v1', 'rsa2048') else KEY_FORMS[:1]
        for form in forms:
            key = bench.key(kind, form)
            more = ('--passphrase-file', bench.at('pass')) if form[2] else ()
            bench.coffer.succeed('sign', 'detached', bench.data, '--private-key', key, '--force', *more)
            bench.openssl('dgst', '-sha256', '-verify', 'key.pub', '-signature', 'file.sig', 'file')
            sign = ('sign', 'key', bench.model, '--private-key', key, '--signature', bench.at('m.sig'), '--force', *more)
            if kind.startswith('rsa'):
                peers.expect(f'a model signed with {kind}', bench.coffer.run(*sign)[0] != 0, True)
                continue
            bench.coffer.succeed(*sign)
            bench.coffer.succeed('verify', 'key', bench.model, '--public-key', key + '.pub', '--signature',
                                 bench.at('m.sig'))


def test_refused_keys(bench):
    """Curves that models are not signed on, and kinds that are no signing keys."""
    for words in (('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'), ('-algorithm', 'ED25519'),
                  ('-algorithm', 'X25519'), ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-pkeyopt',
                                             'ec_param_enc:explicit')):
        peers.write(bench.at('odd'), bench.openssl('genpkey', *words))
        os.chmod(bench.at('odd'), 0o600)
        bench.coffer.refuse('sign', 'key', bench.model, '--private-key', bench.at('odd'), '--signature',
                            bench.at('odd.sig'), codes=(5, 7))
        peers.expect('a signature is left', os.path.exists(bench.at('odd.sig')), False)


def test_signatures_of_files(bench):
    """Both ways, for every kind of key; and neither accepts a changed file."""
    for kind in (*CURVES, 'rsa2048', 'rsa4096'):
        key = bench.key(kind)
        ours, theirs = bench.at('ours'), bench.at('theirs')
        bench.coffer.succeed('sign', 'detached', bench.data, '--private-key', key, '--signature', ours, '--force')
        bench.openssl('dgst', '-sha256', '-sign', key, '-out', theirs, bench.data)
        for signature in (ours, theirs):
            check = ('verify', 'detached', bench.data, '--public-key', key + '.pub', '--signature', signature)
            by_openssl = ('dgst', '-sha256', '-verify', key + '.pub', '-signature', signature, bench.data)
            bench.coffer.succeed(*check)
            bench.openssl(*by_openssl)
            with models.changed(bench.data, 'byte'):
                bench.coffer.refuse(*check, codes=(6,))
                bench.openssl(*by_openssl, status=1)
        # another hash is another signature
        bench.openssl('dgst', '-sha384', '-sign', key, '-out', theirs, bench.data)
        bench.coffer.refuse('verify', 'detached', bench.data, '--public-key', key + '.pub', '--signature', theirs, codes=(6,))
        if kind.startswith('rsa'):
            bench.openssl('dgst', '-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sign', key, '-out', theirs, bench.data)
            bench.coffer.refuse('verify', 'detached', bench.data, '--public-key', key + '.pub', '--signature', theirs,
                                codes=(6,))


def test_tags(bench):
    """HMAC-SHA256, as openssl prints it and as it writes it."""
    peers.write(bench.at('secret'), bytes(range(32)))
    os.chmod(bench.at('secret'), 0o600)
    hmac = ('dgst', '-sha256', '-mac', 'HMAC', '-macopt', 'hexkey:' + bytes(range(32)).hex())
    kek = ('--kek', 'file:' + bench.at('secret'))
    bench.coffer.succeed('sign', 'hmac', bench.data, *kek)
    text = bench.openssl(*hmac, bench.data).split()[-1]
    peers.expect('the tag', peers.read(bench.at('file.hmac')).strip(), text)
    for tag in (text, text + b'\n', bytes.fromhex(text.decode())):
        peers.write(bench.at('their.hmac'), tag)
        check = ('verify', 'hmac', bench.data, *kek, '--signature', bench.at('their.hmac'))
        bench.coffer.succeed(*check)
        with models.changed(bench.data, 'longer'):
            bench.coffer.refuse(*check, codes=(5, 6))


def test_bundles(bench):
    """openssl checks the signature in a bundle, and sha256sum's figures make its root digest."""
    for curve, digest in CURVES.items():
        key = bench.key(curve)
        bench.coffer.succeed('sign', 'key', bench.model, '--private-key', key, '--signature', bench.at('b.sig'), '--force')
        bundle, pae, signature, statement = statement_of(bench.at('b.sig'))
        peers.write(bench.at('sig'), signature)
        bench.openssl('dgst', '-' + digest, '-verify', key + '.pub', '-signature', 'sig', stdin=pae)
        bench.openssl('dgst', '-' + digest, '-verify', key + '.pub', '-signature', 'sig', stdin=pae + b'\n', status=1)
        peers.expect('the hint', bundle['verificationMaterial']['publicKey']['hint'],
                     hashlib.sha256(peers.read(key + '.pub')).hexdigest())
        root = hashlib.sha256()
        for resource in statement['predicate']['resources']:
            done = subprocess.run(['sha256sum', '--zero', '--', os.path.join(bench.model, resource['name'])],
                                  capture_output=True, check=True)
            peers.expect(resource['name'], resource['digest'], done.stdout.decode()[:64])
            root.update(bytes.fromhex(resource['digest']))
        peers.expect('the root digest', statement['subject'], [{'name': 'model', 'digest': {'sha256': root.hexdigest()}}])


def make_authority(bench):
    """root, intermediate and leaf, all of them made by openssl: NAME.key, NAME.crt"""
    config = '[root]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n' \
        '[leaf]\nbasicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' \
        '[server]\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=serverAuth\n'
    peers.write(bench.at('openssl.cnf'), config.encode())
    for name, issuer, section, kind in (('root', None, 'root', ('rsa:3072',)), ('middle', 'root', 'root', ('rsa:2048',)),
                                        ('leaf', 'middle', 'leaf', ('ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1')),
                                        ('server', 'middle', 'server', ('ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'))):
        bench.openssl('req', '-new', '-nodes', '-newkey', *kind, '-keyout', name + '.key', '-subj', '/CN=' + name, '-out',
                      name + '.csr')
        sign = ('-CA', issuer + '.crt', '-CAkey', issuer + '.key', '-CAcreateserial') if issuer else \
            ('-signkey', name + '.key')
        bench.openssl('x509', '-req', '-in', name + '.csr', *sign, '-days', '30', '-extfile', 'openssl.cnf', '-extensions',
                      section, '-out', name + '.crt')
        os.chmod(bench.at(name + '.key'), 0o600)


def test_certificates(bench):
    make_authority(bench)
    sign = ('sign', 'certificate', bench.model, '--private-key', bench.at('leaf.key'), '--signing-certificate',
            bench.at('leaf.crt'), '--certificate-chain', bench.at('middle.crt'), '--signature', bench.at('c.sig'))
    check = ('verify', 'certificate', bench.model, '--signature', bench.at('c.sig'))
    bench.coffer.succeed(*sign)
    bench.coffer.succeed(*check, '--certificate-chain', bench.at('root.crt'))
    bench.coffer.refuse(*check, '--certificate-chain', bench.at('server.crt'), codes=(2, 6, 7))
    bundle, pae, signature, _ = statement_of(bench.at('c.sig'))
    peers.write(bench.at('sig'), signature)
    chain = [base64.b64decode(c['rawBytes'])
             for c in bundle['verificationMaterial']['x509CertificateChain']['certificates']]
    peers.expect('certificates', len(chain), 2)
    for name, certificate in zip(('leaf', 'middle'), chain):
        peers.expect(name, certificate, bench.openssl('x509', '-in', name + '.crt', '-outform', 'DER'))
    peers.write(bench.at('leaf.pub'), bench.openssl('x509', '-in', 'leaf.crt', '-pubkey', '-noout'))
    bench.openssl('dgst', '-sha384', '-verify', 'leaf.pub', '-signature', 'sig', stdin=pae)
    bench.openssl('verify', '-CAfile', 'root.crt', '-untrusted', 'middle.crt', 'leaf.crt')
    # a certificate for something else signs nothing
    bench.coffer.refuse('sign', 'certificate', bench.model, '--private-key', bench.at('server.key'),
                        '--signing-certificate', bench.at('server.crt'), '--certificate-chain', bench.at('middle.crt'),
                        '--signature', bench.at('no.sig'), codes=(6, 7))
    peers.expect('a signature is left', os.path.exists(bench.at('no.sig')), False)


def main(words):
    if not words:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        tests = {name: test for name, test in globals().items() if name.startswith('test_')}
        return peers.run_tests(tests, Bench(words[0], folder), words[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
