#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OMS bundles with exactly one fault each, correctly signed otherwise, and the exit code that the command must end with.

Usage: oms_faults.py COFFER.  Keys, certificates and models are made anew each time.  Needs Debian's python3-cryptography (else 77).

A case changes one thing: the model on disk, the statement, the envelope, the bundle, or its text.  Whatever is changed above the
signature is signed again, so that only the check it names can refuse it.
"""
import base64
import copy
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    print('there is no Python package cryptography')
    sys.exit(77)

IN_TOTO = 'application/vnd.in-toto+json'
MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
PREDICATE = 'https://model_signing/signature/v1.0'
FILES = {'config.json': b'{"layers": 2}', 'empty.bin': b'', 'model.safetensors': bytes(range(256)) * 40,
         'sub/vocab.txt': 'één\n'.encode(), 'a b.bin': b'space', '模型.bin': b'unicode'}
NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)

ACCEPT, DAMAGED, REFUSED, BAD_KEY = 0, 5, 6, 7


# ---- making ----

def b64(data):
    return base64.b64encode(data).decode()


def pem(public):
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def pae(payload_type, payload):
    kind = payload_type.encode()
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(payload), payload)


HASHES = {'secp256r1': hashes.SHA256(), 'secp384r1': hashes.SHA384(), 'secp521r1': hashes.SHA512(), 'secp256k1': hashes.SHA256()}


def sign(key, data, digest=None):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        from cryptography.hazmat.primitives.asymmetric import padding
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(digest or HASHES[key.curve.name]))


def write_model(folder, files):
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(data)


def digest(algorithm, data):
    if algorithm == 'blake2b':
        return hashlib.blake2b(data).hexdigest()
    return hashlib.sha256(data).hexdigest()


def resources_of(files, algorithm='sha256'):
    return [{'name': name, 'digest': digest(algorithm, data), 'algorithm': algorithm}
            for name, data in sorted(files.items(), key=lambda f: f[0])]


def shards_of(files, size):
    found = []
    for name, data in files.items():
        for start in range(0, len(data), size):
            end = min(start + size, len(data))
            found.append({'name': f'{name}:{start}:{end}', 'digest': digest('sha256', data[start:end]), 'algorithm': 'sha256'})
    return sorted(found, key=lambda r: r['name'])


def root_of(resources):
    return hashlib.sha256(b''.join(bytes.fromhex(r['digest']) for r in resources)).hexdigest()


def statement_of(resources, serialization_=None):
    return {'_type': 'https://in-toto.io/Statement/v1',
            'subject': [{'name': 'model', 'digest': {'sha256': root_of(resources)}}],
            'predicateType': PREDICATE,
            'predicate': {'resources': resources,
                          'serialization': serialization_ or {'method': 'files', 'hash_type': 'sha256', 'allow_symlinks': False,
                                                              'ignore_paths': ['.git', '.gitattributes', '.github', '.gitignore']}}}


def rooted(statement):
    """With the root digest put right after the resources were changed."""
    statement['subject'][0]['digest']['sha256'] = root_of(statement['predicate']['resources'])
    return statement


def certificate(subject, key, issuer, issuer_key, *, ca=False, usage=True, code=True, start=-DAY, end=365 * DAY, critical=None,
                extended=None, path_length=None, same_name=None):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    by = issuer.subject if issuer else name
    if same_name:
        by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, same_name)])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(by).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(NOW + start).not_valid_after(NOW + end)
            .add_extension(x509.BasicConstraints(ca, path_length), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if issuer:
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    if ca:
        made = made.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    elif usage is not None:
        made = made.add_extension(x509.KeyUsage(usage, False, not usage, False, False, False, False, False, False), True)
    if extended or (code and not ca):
        made = made.add_extension(x509.ExtendedKeyUsage([extended or ExtendedKeyUsageOID.CODE_SIGNING]), False)
    if critical:
        made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b'\x05\x00'), True)
    return made.sign(issuer_key or key, hashes.SHA256())


class World:
    """Keys, a chain, and a model, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {'p256': ec.generate_private_key(ec.SECP256R1()), 'p384': ec.generate_private_key(ec.SECP384R1()),
                     'p521': ec.generate_private_key(ec.SECP521R1()), 'k1': ec.generate_private_key(ec.SECP256K1()),
                     'other': ec.generate_private_key(ec.SECP256R1()), 'ed25519': ed25519.Ed25519PrivateKey.generate(),
                     'rsa': rsa.generate_private_key(65537, 2048)}
        for name, key in self.keys.items():
            self.write(name + '.pub', pem(key.public_key()))
        self.root_key, self.inter_key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        self.root = certificate('root', self.root_key, None, None, ca=True, end=3650 * DAY)
        self.inter = certificate('intermediate', self.inter_key, self.root, self.root_key, ca=True, end=3650 * DAY)
        self.write('root.pem', self.root.public_bytes(serialization.Encoding.PEM))
        stranger = ec.generate_private_key(ec.SECP384R1())
        self.write('stranger.pem', certificate('root', stranger, None, None, ca=True).public_bytes(serialization.Encoding.PEM))
        self.write('inter.pem', self.inter.public_bytes(serialization.Encoding.PEM))

    def at(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        with open(self.at(name), 'wb') as file:
            file.write(data)

    def leaf(self, **how):
        return certificate('publisher', self.keys['p256'], how.pop('issuer', self.inter), how.pop('issuer_key', self.inter_key), **how)


def key_material(key):
    return {'publicKey': {'hint': hashlib.sha256(pem(key.public_key())).hexdigest()}, 'tlogEntries': []}


def chain_material(*certificates):
    return {'x509CertificateChain': {'certificates': [
        {'rawBytes': b64(c.public_bytes(serialization.Encoding.DER))} for c in certificates]}, 'tlogEntries': []}


def bundle_of(key, statement, material=None, payload_type=IN_TOTO, digest_=None, payload=None, signed=None):
    if payload is None:
        payload = json.dumps(statement, ensure_ascii=False).encode()
    return {'mediaType': MEDIA_TYPE, 'verificationMaterial': material or key_material(key),
            'dsseEnvelope': {'payload': b64(payload), 'payloadType': payload_type,
                             'signatures': [{'sig': b64(sign(key, signed or pae(payload_type, payload), digest_)), 'keyid': ''}]}}


# ---- cases: (name, exit code, function of a World that returns what differs) ----

CASES = []


def case(code, name=None):
    def take(function):
        CASES.append((name or function.__name__.replace('_', ' '), code, function))
        return function
    return take


def statement_case(code, name, change, fix_root=True):
    """One change of a good statement."""
    def make(world):
        statement = statement_of(resources_of(FILES))
        statement = change(statement) or statement
        return {'statement': rooted(statement) if fix_root else statement}
    CASES.append((name, code, make))


def bundle_case(code, name, change):
    """One change of a good bundle, not signed again."""
    def make(world):
        bundle = bundle_of(world.keys['p256'], statement_of(resources_of(FILES)))
        return {'bundle': change(bundle, world) or bundle}
    CASES.append((name, code, make))


def model_case(code, name, change, *flags):
    """One change of the model on disk."""
    CASES.append((name, code, lambda world: {'model': change, 'flags': flags}))


def text_case(code, name, change):
    """One change of the signature file's bytes."""
    def make(world):
        text = json.dumps(bundle_of(world.keys['p256'], statement_of(resources_of(FILES)))).encode()
        return {'text': change(text)}
    CASES.append((name, code, make))


def chain_case(code, name, make_chain, *flags, root='root.pem'):
    """A bundle of the method certificate."""
    def make(world):
        return {'bundle': bundle_of(world.keys['p256'], statement_of(resources_of(FILES)), chain_material(*make_chain(world))),
                'how': ['certificate', '--certificate-chain', world.at(root)], 'flags': flags}
    CASES.append((name, code, make))


def edit(path, value):
    """A change that sets the member at @path, or removes it when @value is missing."""
    def change(document, *_):
        at = document
        for step in path[:-1]:
            at = at[step]
        if value is MISSING:
            del at[path[-1]]
        else:
            at[path[-1]] = value
    return change


MISSING = object()
RESOURCE = ('predicate', 'resources', 0)

# good ones: what is to be accepted, so that a refusal of all would be seen
for curve in ('p256', 'p384', 'p521'):
    CASES.append((f'good, {curve}', ACCEPT, lambda world, curve=curve: {'key': curve}))
statement_case(ACCEPT, 'good, order by path component', lambda s: s['predicate']['resources'].reverse())
statement_case(ACCEPT, 'good, predicate v1.7', edit(('predicateType',), 'https://model_signing/signature/v1.7'))
statement_case(ACCEPT, 'good, unknown member of a resource', edit((*RESOURCE, 'note'), 'x'))
statement_case(ACCEPT, 'good, no ignore_paths', edit(('predicate', 'serialization', 'ignore_paths'), MISSING))
statement_case(ACCEPT, 'good, another subject name', edit(('subject', 0, 'name'), 'anything'))
bundle_case(ACCEPT, 'good, no keyid', edit(('dsseEnvelope', 'signatures', 0, 'keyid'), MISSING))
bundle_case(ACCEPT, 'good, no tlogEntries', edit(('verificationMaterial', 'tlogEntries'), MISSING))
bundle_case(ACCEPT, 'good, indented', lambda b, w: json.loads(json.dumps(b, indent=2)))
chain_case(ACCEPT, 'good chain', lambda w: (w.leaf(), w.inter))
chain_case(ACCEPT, 'good chain, only the extended usage', lambda w: (w.leaf(usage=None), w.inter))
chain_case(ACCEPT, 'good chain, only the key usage', lambda w: (w.leaf(code=False), w.inter))


@case(ACCEPT)
def good_shards(world):
    return {'statement': statement_of(shards_of(FILES, 1000), {'method': 'shards', 'hash_type': 'sha256', 'shard_size': 1000,
                                                               'allow_symlinks': False}),
            'files': {k: v for k, v in FILES.items() if v}}


@case(ACCEPT)
def good_blake2b(world):
    return {'statement': statement_of(resources_of(FILES, 'blake2b'), {'method': 'files', 'hash_type': 'blake2b',
                                                                       'allow_symlinks': False})}


# the model
model_case(DAMAGED, 'a byte changed', lambda m: open(m + '/config.json', 'r+b').write(b'['))
model_case(DAMAGED, 'a file cut', lambda m: os.truncate(m + '/model.safetensors', 100))
model_case(DAMAGED, 'a file grown', lambda m: open(m + '/model.safetensors', 'ab').write(b'x'))
model_case(DAMAGED, 'an empty file filled', lambda m: open(m + '/empty.bin', 'ab').write(b'x'))
model_case(DAMAGED, 'a file removed', lambda m: os.unlink(m + '/config.json'))
model_case(DAMAGED, 'an empty file removed', lambda m: os.unlink(m + '/empty.bin'))
model_case(DAMAGED, 'a file added', lambda m: open(m + '/more', 'wb').close())
model_case(DAMAGED, 'a file added in a folder', lambda m: open(m + '/sub/more', 'wb').close())
model_case(DAMAGED, 'a hidden file added', lambda m: open(m + '/.env', 'wb').close())
model_case(DAMAGED, 'a .gitignore added below', lambda m: open(m + '/sub/.gitignore', 'wb').close())
model_case(ACCEPT, 'good, a .gitignore at the top', lambda m: open(m + '/.gitignore', 'wb').close())
model_case(ACCEPT, 'good, a file more that is allowed', lambda m: open(m + '/more', 'wb').close(), '--ignore-unsigned-files')
model_case(DAMAGED, 'a file changed while more are allowed', lambda m: open(m + '/config.json', 'r+b').write(b'['),
           '--ignore-unsigned-files')
model_case(DAMAGED, 'a file removed while more are allowed', lambda m: os.unlink(m + '/config.json'), '--ignore_unsigned_files')
model_case(DAMAGED, 'a file renamed', lambda m: os.rename(m + '/config.json', m + '/Config.json'))
model_case(DAMAGED, 'two files swapped', lambda m: (os.rename(m + '/config.json', m + '/t'), os.rename(m + '/a b.bin', m + '/config.json'),
                                                    os.rename(m + '/t', m + '/a b.bin')))
model_case(DAMAGED, 'a folder in place of a file', lambda m: (os.unlink(m + '/config.json'), os.mkdir(m + '/config.json')))
model_case(DAMAGED, 'a link in place of a file', lambda m: (os.rename(m + '/config.json', m + '/../c'), os.symlink('../c', m + '/config.json')))
model_case(DAMAGED, 'a link in place of a file, links allowed', lambda m: (os.rename(m + '/config.json', m + '/../c2'),
                                                                        os.symlink('../c2', m + '/config.json')), '--allow-symlinks')
model_case(DAMAGED, 'a link to itself', lambda m: os.symlink('.', m + '/loop'), '--allow-symlinks')
model_case(DAMAGED, 'a pipe', lambda m: os.mkfifo(m + '/pipe'))
model_case(DAMAGED, 'all files gone', lambda m: (shutil.rmtree(m), os.mkdir(m)))

# the statement
for what, value in (('major 2', 'https://model_signing/signature/v2.0'), ('of something else', 'https://slsa.dev/provenance/v1'),
                    ('with text behind', PREDICATE + 'x'), ('without minor', 'https://model_signing/signature/v1')):
    statement_case(DAMAGED, 'predicate ' + what, edit(('predicateType',), value))
statement_case(DAMAGED, 'no predicate', edit(('predicate',), MISSING), fix_root=False)
statement_case(DAMAGED, 'statement v0.1', edit(('_type',), 'https://in-toto.io/Statement/v0.1'))
statement_case(DAMAGED, 'no statement type', edit(('_type',), MISSING))
statement_case(DAMAGED, 'root digest of another list', edit(('subject', 0, 'digest', 'sha256'), '00' * 32), fix_root=False)
statement_case(DAMAGED, 'root digest by another hash', edit(('subject', 0, 'digest'), {'sha512': '00' * 64}), fix_root=False)
statement_case(DAMAGED, 'two subjects', lambda s: s['subject'].append({'name': 'b', 'digest': {'sha256': '00' * 32}}))
statement_case(DAMAGED, 'empty subject name', edit(('subject', 0, 'name'), ''))
statement_case(DAMAGED, 'no resources', edit(('predicate', 'resources'), []))
for what, name in (('..', '..'), ('../x', '../config.json'), ('sub/../x', 'sub/../config.json'), ('./x', './config.json'),
                   ('a doubled slash', 'sub//vocab.txt'), ('a slash behind', 'config.json/'), ('absolute', '/etc/hostname'),
                   ('empty', ''), ('a NUL', 'config.json\0')):
    statement_case(DAMAGED, 'name: ' + what, edit((*RESOURCE, 'name'), name))
statement_case(DAMAGED, 'name is a number', edit((*RESOURCE, 'name'), 5))
statement_case(DAMAGED, 'name twice', lambda s: s['predicate']['resources'].append(dict(s['predicate']['resources'][0])))
statement_case(DAMAGED, 'hash too short', edit((*RESOURCE, 'digest'), '00' * 31))
statement_case(DAMAGED, 'hash too long', edit((*RESOURCE, 'digest'), '00' * 33))
statement_case(DAMAGED, 'hash of another file', edit((*RESOURCE, 'digest'), hashlib.sha256(b'x').hexdigest()))
statement_case(DAMAGED, 'a resource by another hash', edit((*RESOURCE, 'algorithm'), 'blake2b'))
statement_case(DAMAGED, 'hash type unknown', edit(('predicate', 'serialization', 'hash_type'), 'md5'))
statement_case(DAMAGED, 'hash type missing', edit(('predicate', 'serialization', 'hash_type'), MISSING))
statement_case(DAMAGED, 'method unknown', edit(('predicate', 'serialization', 'method'), 'tree'))
statement_case(DAMAGED, 'method missing', edit(('predicate', 'serialization', 'method'), MISSING))
statement_case(DAMAGED, 'allow_symlinks is a text', edit(('predicate', 'serialization', 'allow_symlinks'), 'yes'))
for what, path in (('.', '.'), ('empty', ''), ('/', '/'), ('..', '..'), ('up', 'sub/../..'), ('absolute', '/etc')):
    statement_case(DAMAGED, 'ignored path ' + what, edit(('predicate', 'serialization', 'ignore_paths'), [path]))
statement_case(DAMAGED, 'ignored path is a number', edit(('predicate', 'serialization', 'ignore_paths'), [1]))
statement_case(ACCEPT, 'good, a listed file that is ignored too', edit(('predicate', 'serialization', 'ignore_paths'), ['config.json']))


@case(DAMAGED)
def a_listed_file_that_is_ignored_too_changed(world):
    statement = statement_of(resources_of(FILES))
    statement['predicate']['serialization']['ignore_paths'] = ['config.json']
    return {'statement': statement, 'files': {**FILES, 'config.json': b'other'}}


def shards(change, size=1000):
    def make(world):
        files = {k: v for k, v in FILES.items() if v}
        statement = statement_of(shards_of(files, 1000), {'method': 'shards', 'hash_type': 'sha256', 'shard_size': size,
                                                          'allow_symlinks': False})
        change(statement['predicate']['resources'])
        return {'statement': rooted(statement), 'files': files}
    return make


def at(resources, name):
    return next(i for i, r in enumerate(resources) if r['name'] == name)


CASES += [
    ('shards: a gap', DAMAGED, shards(lambda r: r.pop(at(r, 'model.safetensors:3000:4000')))),
    ('shards: the first missing', DAMAGED, shards(lambda r: r.pop(at(r, 'model.safetensors:0:1000')))),
    ('shards: the last missing', DAMAGED, shards(lambda r: r.pop(at(r, 'model.safetensors:10000:10240')))),
    ('shards: one too long', DAMAGED, shards(lambda r: r[at(r, 'model.safetensors:0:1000')].update(name='model.safetensors:0:2000'))),
    ('shards: one that ends before it begins', DAMAGED,
     shards(lambda r: r[at(r, 'model.safetensors:0:1000')].update(name='model.safetensors:1000:0'))),
    ('shards: an end of 30 digits', DAMAGED,
     shards(lambda r: r[at(r, 'model.safetensors:10000:10240')].update(name='model.safetensors:10000:' + '9' * 30))),
    ('shards: past the end of the file', DAMAGED,
     shards(lambda r: r[at(r, 'model.safetensors:10000:10240')].update(name='model.safetensors:10000:10241'))),
    ('shards: of size 0', DAMAGED, shards(lambda r: None, 0)),
    ('shards: of size -1', DAMAGED, shards(lambda r: None, -1)),
    ('shards: of another size than said', DAMAGED, shards(lambda r: None, 999)),
    ('shards: a sign in an offset', DAMAGED, shards(lambda r: r[at(r, 'model.safetensors:0:1000')].update(name='model.safetensors:+0:1000'))),
]

# the envelope and the signature
bundle_case(REFUSED, 'signature of other bytes', lambda b, w: b['dsseEnvelope']['signatures'][0].update(sig=b64(sign(w.keys['p256'], b'x'))))
bundle_case(REFUSED, 'signature all zero', lambda b, w: b['dsseEnvelope']['signatures'][0].update(sig=b64(bytes(70))))
bundle_case(REFUSED, 'signature r = s = 0', lambda b, w: b['dsseEnvelope']['signatures'][0].update(sig=b64(bytes.fromhex('3006020100020100'))))
bundle_case(DAMAGED, 'signature empty', edit(('dsseEnvelope', 'signatures', 0, 'sig'), ''))
bundle_case(DAMAGED, 'no signature', edit(('dsseEnvelope', 'signatures'), []))
bundle_case(DAMAGED, 'signatures is no list', edit(('dsseEnvelope', 'signatures'), {}))
bundle_case(DAMAGED, 'signature not base64', edit(('dsseEnvelope', 'signatures', 0, 'sig'), '!!!!'))
bundle_case(DAMAGED, 'base64url', edit(('dsseEnvelope', 'signatures', 0, 'sig'), '-_-_'))
bundle_case(DAMAGED, 'payload not base64', edit(('dsseEnvelope', 'payload'), 'e30'))
bundle_case(REFUSED, 'payload of another bundle',
            lambda b, w: b['dsseEnvelope'].update(payload=b64(json.dumps(statement_of(resources_of({'x': b''}))).encode())))
bundle_case(DAMAGED, 'no envelope', edit(('dsseEnvelope',), MISSING))
bundle_case(DAMAGED, 'message signature beside', lambda b, w: b.update(messageSignature={'signature': 'AA=='}))
bundle_case(DAMAGED, 'no material', edit(('verificationMaterial',), MISSING))
bundle_case(DAMAGED, 'two materials', lambda b, w: b['verificationMaterial'].update(certificate={'rawBytes': 'AA=='}))
bundle_case(DAMAGED, 'bundle v0.1', edit(('mediaType',), 'application/vnd.dev.sigstore.bundle+json;version=0.1'))
bundle_case(DAMAGED, 'media type of something else', edit(('mediaType',), 'application/json'))
bundle_case(ACCEPT, 'good, unknown member', lambda b, w: b.update(more=1))


@case(REFUSED)
def dsse_with_a_capital_v(world):
    payload = json.dumps(statement_of(resources_of(FILES))).encode()
    return {'bundle': bundle_of(world.keys['p256'], None, payload=payload, signed=b'DSSEV1' + pae(IN_TOTO, payload)[6:])}


@case(REFUSED)
def signature_over_the_payload_alone(world):
    payload = json.dumps(statement_of(resources_of(FILES))).encode()
    return {'bundle': bundle_of(world.keys['p256'], None, payload=payload, signed=payload)}


@case(REFUSED)
def p384_signed_with_sha256(world):
    return {'key': 'p384', 'bundle': bundle_of(world.keys['p384'], statement_of(resources_of(FILES)), digest_=hashes.SHA256())}


@case(DAMAGED)
def payload_is_a_list(world):
    return {'bundle': bundle_of(world.keys['p256'], None, payload=b'[]')}


@case(DAMAGED)
def payload_is_empty(world):
    return {'bundle': bundle_of(world.keys['p256'], None, payload=b'')}


@case(DAMAGED)
def payload_has_a_member_twice(world):
    text = json.dumps(statement_of(resources_of(FILES))).replace('"predicateType"', '"predicateType": "x", "predicateType"', 1)
    return {'bundle': bundle_of(world.keys['p256'], None, payload=text.encode())}


@case(DAMAGED)
def payload_is_not_utf8(world):
    text = json.dumps(statement_of(resources_of(FILES)), ensure_ascii=False).encode().replace('模'.encode(), b'\xff\xfe\xfd')
    return {'bundle': bundle_of(world.keys['p256'], None, payload=text)}


@case(REFUSED)
def signed_by_another_key(world):
    return {'bundle': bundle_of(world.keys['other'], statement_of(resources_of(FILES)), key_material(world.keys['p256']))}


@case(REFUSED)
def hint_of_another_key(world):
    return {'bundle': bundle_of(world.keys['p256'], statement_of(resources_of(FILES)), key_material(world.keys['other']))}


for curve in ('k1', 'ed25519', 'rsa'):
    # the key that the caller gives is the caller's fault; one that a stranger's bundle brings is the bundle's
    CASES.append((f'a key of the kind {curve}', BAD_KEY, lambda world, curve=curve: {'key': curve}))
    CASES.append((f'signed by a key of the kind {curve}', REFUSED, lambda world, curve=curve: {
        'bundle': bundle_of(world.keys[curve], statement_of(resources_of(FILES)), key_material(world.keys['p256']))}))
    CASES.append((f'chain: a leaf of the kind {curve}', DAMAGED, lambda world, curve=curve: {
        'bundle': bundle_of(world.keys[curve], statement_of(resources_of(FILES)), chain_material(
            certificate('publisher', world.keys[curve], world.inter, world.inter_key), world.inter)),
        'how': ['certificate', '--certificate-chain', world.at('root.pem')]}))

# certificates
chain_case(REFUSED, 'chain: unknown root', lambda w: (w.leaf(), w.inter), root='stranger.pem')
chain_case(REFUSED, 'chain: no intermediate', lambda w: (w.leaf(),))
chain_case(REFUSED, 'chain: expired leaf', lambda w: (w.leaf(start=-10 * DAY, end=-DAY), w.inter))
chain_case(REFUSED, 'chain: leaf of tomorrow', lambda w: (w.leaf(start=DAY), w.inter))
chain_case(ACCEPT, 'good chain, expired leaf, at its time', lambda w: (w.leaf(start=-0.9 * DAY, end=-0.1 * DAY), w.inter), '--verify-at',
           (NOW - 0.5 * DAY).strftime('%Y-%m-%dT%H:%M:%SZ'))
chain_case(REFUSED, 'chain: good leaf, judged before its time', lambda w: (w.leaf(), w.inter), '--verify-at',
           (NOW - 20 * DAY).strftime('%Y-%m-%dT%H:%M:%SZ'))
chain_case(REFUSED, 'chain: expired intermediate', lambda w: (w.leaf(), certificate(
    'intermediate', w.inter_key, w.root, w.root_key, ca=True, start=-10 * DAY, end=-DAY)))
chain_case(REFUSED, 'chain: intermediate that is no CA', lambda w: (w.leaf(), certificate(
    'intermediate', w.inter_key, w.root, w.root_key)))
chain_case(REFUSED, 'chain: path length exceeded', lambda w: (w.leaf(), w.inter, w.root), root='stranger.pem')
chain_case(REFUSED, 'chain: key agreement only', lambda w: (w.leaf(usage=False, code=False), w.inter))
chain_case(REFUSED, 'chain: server certificate', lambda w: (w.leaf(usage=False, extended=ExtendedKeyUsageOID.SERVER_AUTH), w.inter))
chain_case(REFUSED, 'chain: unknown critical extension', lambda w: (w.leaf(critical='1.3.6.1.4.1.57264.9.9'), w.inter))
chain_case(REFUSED, 'chain: signed by another intermediate', lambda w: (certificate(
    'publisher', w.keys['p256'], w.inter, w.root_key), w.inter))
chain_case(REFUSED, 'chain: self-signed leaf', lambda w: (certificate('publisher', w.keys['p256'], None, None),))
chain_case(DAMAGED, 'chain: empty', lambda w: ())
CASES.append(('chain: a key bundle is asked for', REFUSED, lambda world: {
    'bundle': bundle_of(world.keys['p256'], statement_of(resources_of(FILES)), chain_material(world.leaf(), world.inter))}))


@case(REFUSED)
def leaf_of_another_key(world):
    other = certificate('publisher', world.keys['other'], world.inter, world.inter_key)
    return {'bundle': bundle_of(world.keys['p256'], statement_of(resources_of(FILES)), chain_material(other, world.inter)),
            'how': ['certificate', '--certificate-chain', world.at('root.pem')]}


# the text
text_case(DAMAGED, 'cut in the middle', lambda t: t[:len(t) // 2])
text_case(DAMAGED, 'cut by one byte', lambda t: t[:-1])
text_case(DAMAGED, 'nothing in it', lambda t: b'')
text_case(DAMAGED, 'only spaces', lambda t: b'   \n')
text_case(DAMAGED, 'a second document behind', lambda t: t + b'{}')
text_case(DAMAGED, 'a byte order mark', lambda t: b'\xef\xbb\xbf' + t)
text_case(DAMAGED, 'a member twice', lambda t: t.replace(b'"mediaType"', b'"mediaType": "x", "mediaType"', 1))
text_case(DAMAGED, 'a comment', lambda t: b'// x\n' + t)
text_case(DAMAGED, 'a comma too many', lambda t: t[:-1] + b',}')
text_case(DAMAGED, '100,000 levels', lambda t: b'[' * 100000)
text_case(DAMAGED, '200 MB of spaces', lambda t: t + b' ' * 200_000_000)
text_case(ACCEPT, 'good, spaces around', lambda t: b'\n ' + t + b'\n')


# ---- running ----

def verify(coffer, world, number, difference):
    """Write what the case differs in, verify, and return the exit code and what was said."""
    model = world.at(f'{number:03d}', 'model')
    write_model(model, difference.get('files', FILES))
    key = difference.get('key', 'p256')
    bundle = difference.get('bundle') or bundle_of(world.keys[key], difference.get('statement') or statement_of(resources_of(FILES)))
    signature = world.at(f'{number:03d}', 'model.sig')
    with open(signature, 'wb') as file:
        file.write(difference.get('text', json.dumps(bundle).encode()))
    if 'model' in difference:
        difference['model'](model)
    how = difference.get('how', ['key', '--public-key', world.at(key + '.pub')])
    done = subprocess.run([coffer, 'verify', how[0], model, *how[1:], '--signature', signature, *difference.get('flags', ())],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    shutil.rmtree(world.at(f'{number:03d}'))
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def wrong(code, got, said):
    """Why the outcome is not as it should be, or nothing."""
    boasts = 'verified' in said.lower().replace('not verified', '').replace('unverified', '')
    if code == ACCEPT:
        return '' if got == 0 else 'must be accepted'
    if got != code:
        return f'must end with {code}'
    if boasts:
        return 'prints a word of success'
    return '' if said.strip() else 'says nothing'


def main():
    coffer = os.path.realpath(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ''
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix='coffer-oms-') as work:
        os.environ['HOME'] = work
        for name in ('XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'COFFER_AUDIT'):
            os.environ.pop(name, None)
        world = World(work)
        for number, (name, code, make) in enumerate(CASES):
            if only not in name:
                continue
            got, said = verify(coffer, world, number, copy.copy(make(world)))
            why = wrong(code, got, said)
            passed, failed = passed + (not why), failed + bool(why)
            if why:
                print(f'FAILED {name}: exit {got}, {why}: {said.strip()[-300:]}')
            elif only:
                print(f'ok {name}: exit {got}: {said.strip()[-300:]}')
    print(f'{passed} passed, {failed} failed, 0 skipped')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
