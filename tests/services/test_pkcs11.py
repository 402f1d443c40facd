#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""KEKs on tokens, through the command: SoftHSM, that of NSS, and one that locks and is taken away (token_shim.c).

usage: tests/services/test_pkcs11.py COFFER [WORD…]
"""
import base64
import glob
import hashlib
import json
import os
import sys

import rig
import p11 as tokens

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes, keywrap
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    rig.skip_all('python3-cryptography is not installed')

ALL = tokens.ENCRYPT | tokens.DECRYPT | tokens.WRAP | tokens.UNWRAP
ENCRYPTION = tokens.ENCRYPT | tokens.DECRYPT
WRAPPING = tokens.WRAP | tokens.UNWRAP
KNOWN = bytes(range(100, 132))  # the value of a key that is put on the token from outside
OBJECT = 'pkcs11:token={token};object={object}?module-path={module}{query}'


class World:
    """A command with a home, its tokens, and models that are sealed."""

    def __init__(self, coffer, folder, build):
        self.coffer, self.folder = coffer, folder
        self.soft = tokens.softhsm(folder)
        self.shim = os.path.join(build, 'token_shim.so')
        if not self.soft:
            rig.skip_all('SoftHSM 2 is not installed (Debian: softhsm2)')
        self.nss = tokens.nss(folder, self.shim)
        coffer.env.update(self.soft.env)
        coffer.write('pin', tokens.PIN + '\n')
        coffer.write('wrong', 'x' + tokens.PIN + '\n')
        coffer.write('plain/config.json', '{}')
        coffer.write('plain/model.bin', bytes(range(256)) * 300)
        self.ok('keygen', '-o', 'file.key')
        self.n = 0
        with self.soft.session() as s:
            s.aes('aes', ENCRYPTION, b'\1')
            s.aes('kw', WRAPPING, b'\2')
            s.aes('known', ALL, b'\3', KNOWN)
            s.aes('twin', ENCRYPTION, b'\4')
            s.aes('twin', ENCRYPTION, b'\5')
            s.aes('seals', tokens.ENCRYPT | tokens.WRAP, b'\6')
            self.modulus = s.rsa('rsa', ENCRYPTION, b'\7')

    def uri(self, name, query='&pin-source=file:pin', token=None, module=None):
        token = token or self.soft
        return OBJECT.format(token=token.label.replace(' ', '%20'), object=name, module=module or token.module, query=query)

    def run(self, code, words, *argv, **more):
        """As rig's expect(); and never is the PIN to be seen."""
        outcome = self.coffer.expect(code, words, *argv, **more)
        if tokens.PIN in outcome.out + outcome.err:
            raise rig.Bad(f'coffer {argv}: it shows the PIN')
        return outcome

    def ok(self, *argv, **more):
        return self.run(0, (), *argv, **more)

    def seal(self, *keks, **more):
        """A new sealed model; its path."""
        self.n += 1
        path = f'sealed-{self.n}'
        self.ok('seal', 'plain', '-o', path, *[word for kek in keks for word in ('--kek', kek)], **more)
        return path

    def opens(self, path, *keks, **more):
        self.n += 1
        self.ok('open', path, '-o', f'opened-{self.n}', *[word for kek in keks for word in ('--kek', kek)], **more)
        for name in ('config.json', 'model.bin'):
            rig.equal(self.coffer.read(f'opened-{self.n}/{name}'), self.coffer.read(f'plain/{name}'), name)

    def refuses(self, code, words, path, *keks, **more):
        return self.run(code, words, 'check', path, *[word for kek in keks for word in ('--kek', kek)], **more)

    def block(self, path):
        return json.loads(self.coffer.read(f'{path}/coffer.json'))

    def recipient(self, path):
        """The one recipient of a service."""
        found, = self.block(path)['services']['recipients']
        return found

    def put(self, path, recipient):
        """Write another recipient of a service into the model, as whoever has the file can."""
        block = self.block(path)
        block['services']['recipients'] = [recipient]
        text = json.dumps(block, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
        self.coffer.write(f'{path}/coffer.json', text + '\n')

    def binding(self, path):
        block = self.block(path)
        wanted = {name: block[name] for name in ('context', 'model_id', 'name', 'version')}
        return json.dumps(wanted, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode()

    def envelope_hash(self, path):
        return hashlib.sha256(b'coffer/1 wrap\0pkcs11\0' + self.binding(path)).digest()

    def aad(self, path):
        return hashlib.sha256(b'coffer/1 wrap\0' + self.binding(path)).digest()


# ---- what works ----

def keygen(w):
    made = w.uri('made')
    outcome = w.ok('keygen', made)
    path = w.seal(made)
    rig.equal(w.recipient(path)['id'], outcome.out.strip(), 'the id that keygen prints')
    w.opens(path, made)
    w.run(10, 'has such a key', 'keygen', made)
    w.run(2, 'under the label', 'keygen', OBJECT.format(token=w.soft.label, object='', module=w.soft.module, query=''))
    w.run(2, '--kind', 'keygen', '--kind', 'x25519', w.uri('other'))
    rig.equal(json.loads(w.ok('keygen', '--json', w.uri('json')).out)['kind'], 'pkcs11')


def round_trip(w, name, alg, query='', token=None, env=None):
    uri = w.uri(name, '&pin-source=file:pin' + query, token)
    path = w.seal(uri, env=env)
    recipient = w.recipient(path)
    rig.equal((recipient['kind'], recipient['alg'], recipient['version']), ('pkcs11', alg, ''))
    w.opens(path, uri, env=env)
    # the smallest URI that names it, and all that it has
    w.opens(path, w.uri(name, '&pin-source=file:pin', token), env=env)
    w.opens(path, f'{recipient["id"]}?module-path={(token or w.soft).module}&pin-source=file:pin', env=env)
    # moved to another model, and damaged
    other = w.seal(uri, env=env)
    w.put(other, recipient)
    w.refuses(5, 'AUTH', other, uri, env=env)
    damaged = bytearray(base64.b64decode(recipient['wrapped']))
    damaged[len(damaged) // 2] ^= 1
    w.put(path, {**recipient, 'wrapped': base64.b64encode(damaged).decode()})
    w.refuses(5, 'AUTH', path, uri, env=env)


def by_environment(w):
    env = {'COFFER_PKCS11_MODULE': w.soft.module, 'COFFER_PKCS11_PIN_FILE': w.coffer.at('pin')}
    path = w.seal('pkcs11:token=models;object=aes', env=env)
    w.opens(path, 'pkcs11:object=aes', env=env)
    w.opens(path, 'pkcs11:token=models', env=env)  # the model says which key
    w.opens(path, 'pkcs11:object=aes?module-name=softhsm2', env={**env, 'COFFER_PKCS11_MODULE': '/nowhere.so'})
    w.opens(path, 'pkcs11:object=aes', env={**env, 'COFFER_PKCS11_MODULE': 'softhsm2'})


def by_name(w):
    """One URI for the keys of many models."""
    for name in ('first', 'second'):
        w.ok('keygen', w.uri(f'model-{name}'))
    many = w.uri('model-{name}')
    for name in ('first', 'second'):
        w.ok('seal', 'plain', '-o', f'by-{name}', '--name', name, '--kek', many)
        rig.equal(f'object=model-{name};' in w.recipient(f'by-{name}')['id'], True)
        w.opens(f'by-{name}', many)
    w.refuses(7, 'NOKEY', 'by-first', w.uri('model-second'))


def rewraps(w):
    """From a file to a token, to another key of it, and back."""
    path = w.seal('file:file.key')
    before = w.coffer.read(f'{path}/model.bin.coffer')
    w.ok('rewrap', path, '--kek', 'file:file.key', '--add', w.uri('aes'), '--replace')
    w.opens(path, w.uri('aes'))
    w.refuses(7, 'NOKEY', path, 'file:file.key')
    w.ok('rewrap', path, '--kek', w.uri('aes'), '--add', w.uri('kw'), '--replace')
    rig.equal(w.recipient(path)['alg'], 'CKM_AES_KEY_WRAP_PAD')
    w.opens(path, w.uri('kw'))
    w.refuses(7, 'NOKEY', path, w.uri('aes'))
    w.ok('rewrap', path, '--kek', w.uri('kw'), '--add', 'file:file.key', '--replace')
    w.opens(path, 'file:file.key')
    rig.equal('services' in w.block(path), False)
    rig.equal(w.coffer.read(f'{path}/model.bin.coffer'), before, 'the payload')


def between_tokens(w):
    """Two modules in one process."""
    if not w.nss:
        raise rig.Bad('no second token')
    path = w.seal(w.uri('aes'))
    w.ok('rewrap', path, '--kek', w.uri('aes'), '--add', w.uri('rsa', '', w.nss), env=w.nss.env)
    w.opens(path, w.uri('rsa', token=w.nss), env=w.nss.env)
    w.opens(path, w.uri('aes'))
    rig.equal(sorted(r['alg'] for r in w.block(path)['services']['recipients']), ['CKM_AES_GCM', 'CKM_RSA_PKCS_OAEP/SHA256'])


def public_half(w):
    """Who seals for a pair needs no PIN; who opens does."""
    path = w.seal(w.uri('rsa', ''))
    w.refuses(7, 'no terminal to ask for the PIN', path, w.uri('rsa', ''))
    w.opens(path, w.uri('rsa'))


# ---- the very bytes, by another implementation ----

def bytes_of_aes(w, query, unwrap):
    path = w.seal(w.uri('known', '&pin-source=file:pin' + query))
    envelope = unwrap(base64.b64decode(w.recipient(path)['wrapped']), w.aad(path))
    rig.equal(len(envelope), 64)
    rig.equal(envelope[32:], w.envelope_hash(path), 'what it is bound to')
    return path, envelope


def unwrap_gcm(wrapped, aad):
    try:
        AESGCM(KNOWN).decrypt(wrapped[:12], wrapped[12:], aad[:-1])
        raise rig.Bad('the associated data is not bound')
    except InvalidTag:
        return AESGCM(KNOWN).decrypt(wrapped[:12], wrapped[12:], aad)


def bytes_of_others(w):
    """What cryptography wraps, coffer opens."""
    path, envelope = bytes_of_aes(w, '', unwrap_gcm)
    public = rsa.RSAPublicNumbers(65537, w.modulus).public_key()
    sha1 = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    made = {
        'known': ('CKM_AES_KEY_WRAP', keywrap.aes_key_wrap(KNOWN, envelope)),
        'known ': ('CKM_AES_KEY_WRAP_PAD', keywrap.aes_key_wrap_with_padding(KNOWN, envelope)),
        ' known': ('CKM_AES_GCM', b'123456789012' + AESGCM(KNOWN).encrypt(b'123456789012', envelope, w.aad(path))),
        'rsa': ('CKM_RSA_PKCS_OAEP/SHA1', public.encrypt(envelope, sha1)),
    }
    for name, (alg, wrapped) in made.items():
        name = name.strip()
        w.put(path, {'alg': alg, 'created': '2026-01-31T12:00:00Z', 'id': f'pkcs11:token=models;object={name}', 'kind': 'pkcs11',
                     'version': '', 'wrapped': base64.b64encode(wrapped).decode()})
        w.opens(path, w.uri(name))


# ---- what does not ----

def wrong_pin(w):
    path = w.seal(w.uri('aes'))
    w.refuses(7, ('REFUSED', 'wrong PIN for token «models»'), path, w.uri('aes', '&pin-source=file:wrong'))
    w.refuses(7, 'no terminal to ask for the PIN', path, w.uri('aes', ''))
    w.run(7, ('REFUSED', 'wrong PIN'), 'seal', 'plain', '-o', 'never', '--kek', w.uri('aes', '&pin-source=file:wrong'))
    rig.equal(os.path.exists(w.coffer.at('never')) and os.listdir(w.coffer.at('never')) or [], [], 'a model that no key opens')
    w.refuses(3, 'missing', path, w.uri('aes', '&pin-source=file:missing'))
    w.run(2, 'pin-value', 'check', path, '--kek', w.uri('aes', f'&pin-value={tokens.PIN}'))
    w.opens(path, w.uri('aes'))


def locked_pin(w):
    """A token that locks after three: two are tried, the last is not, whatever is asked for how often."""
    path = w.seal(w.uri('aes'))
    env = {'TOKEN_SHIM_MODULE': w.soft.module, 'TOKEN_SHIM_TRIES': w.coffer.at('tries'), 'TOKEN_SHIM_LOG': w.coffer.at('log')}

    def logins():
        return sum(line.startswith(b'login') for line in w.coffer.read('log').splitlines())

    wrong, right = (w.uri('aes', f'&pin-source=file:{name}', module=w.shim) for name in ('wrong', 'pin'))
    # the same key twice in one command, and two models: one try
    many = [word for _ in range(2) for word in ('--kek', wrong)]
    w.run(7, 'more than one try is left', 'check', path, *many, '--kek', wrong.replace('aes', 'aes;id=%01'), env=env)
    rig.equal(logins(), 1, 'tries')
    w.run(7, 'one try is left', 'check', path, '--kek', wrong, env=env)
    for kek in (wrong, right):
        w.run(7, ('REFUSED', 'one more try before it locks'), 'check', path, '--kek', kek, env=env)
    rig.equal(logins(), 2, 'tries')
    w.coffer.write('tries', '0')
    w.run(7, ('REFUSED', 'is locked', 'security officer'), 'check', path, '--kek', right, env=env)
    rig.equal(logins(), 2, 'tries')
    w.coffer.write('tries', '3')
    w.opens(path, right, env=env)


def taken_away(w):
    path = w.seal(w.uri('aes'))
    env = {'TOKEN_SHIM_MODULE': w.soft.module, 'TOKEN_SHIM_GONE': w.coffer.write('gone', '')}
    w.refuses(7, ('UNAVAILABLE', 'no token'), path, w.uri('aes', module=w.shim), env=env)
    w.refuses(7, ('UNAVAILABLE', 'cannot be loaded'), path, w.uri('aes', module='/nowhere/module.so'))
    w.refuses(7, ('UNAVAILABLE', 'no PKCS#11 module called'), path, 'pkcs11:object=aes?module-name=nothing')
    w.refuses(7, ('UNAVAILABLE', 'cannot be loaded'), path, w.uri('aes', module='/dev/null'))
    w.refuses(7, ('UNAVAILABLE', 'no token'), path, w.uri('aes'), env={'SOFTHSM2_CONF': w.coffer.write(
        'other.conf', f'directories.tokendir = {os.path.dirname(w.coffer.write("other/x", ""))}\nlog.level = ERROR\n')})
    w.refuses(2, 'absolute', path, w.uri('aes', module='module.so'))
    w.opens(path, w.uri('aes'))


def revoked(w):
    with w.soft.session() as s:
        s.aes('leaver', ENCRYPTION)
    path = w.seal(w.uri('leaver'))
    w.opens(path, w.uri('leaver'))
    with w.soft.session() as s:
        rig.equal(s.remove('leaver'), 1)
    w.refuses(7, ('REFUSED', 'no more'), path, w.uri('leaver'))
    w.run(7, 'REFUSED', 'seal', 'plain', '-o', 'never', '--kek', w.uri('leaver'))
    # another key under its name does not open what it sealed
    with w.soft.session() as s:
        s.aes('leaver', ENCRYPTION)
    w.refuses(5, 'AUTH', path, w.uri('leaver'))


def without_right(w):
    path = w.seal(w.uri('seals'))
    w.refuses(7, ('REFUSED', 'CKA_DECRYPT'), path, w.uri('seals'))
    w.run(7, ('REFUSED', 'may not wrap by aes-kwp'), 'seal', 'plain', '-o', 'never', '--kek',
          w.uri('aes', '&pin-source=file:pin&coffer-mech=aes-kwp'))


def twins(w):
    w.run(7, ('KEY', 'fits several keys'), 'seal', 'plain', '-o', 'never', '--kek', w.uri('twin'))
    path = w.seal(w.uri('twin;id=%05'))
    w.opens(path, w.uri('twin;id=%05'))
    w.opens(path, w.uri('twin'))  # the model says which of the two
    w.refuses(7, 'NOKEY', path, w.uri('twin;id=%04'))


def one_is_dead(w):
    """Any recipient opens; when none does, each says why."""
    with w.soft.session() as s:
        s.aes('dead', ENCRYPTION)
    path = w.seal(w.uri('dead'), w.uri('aes'), 'file:file.key')
    with w.soft.session() as s:
        s.remove('dead')
    w.opens(path, w.uri('dead'), w.uri('aes'))
    w.opens(path, w.uri('aes'))
    w.opens(path, w.uri('dead'), 'file:file.key')
    w.refuses(7, ('no more', 'cannot be loaded'), path, w.uri('dead'), w.uri('aes', module='/nowhere/module.so'))


def hostile(w):
    """What a model says of its key moves no module and no PIN."""
    path = w.seal(w.uri('aes'))
    good = w.recipient(path)
    for ident in ('pkcs11:object=aes?module-path=/tmp/evil.so', 'pkcs11:object=aes?pin-source=file:/etc/passwd', 'pkcs11:object=%zz',
                  'pkcs11:object=aes;pin-value=1', 'aes', 'pkcs11:' + 'object=aes;' * 40 + 'object=kw'):
        w.put(path, {**good, 'id': ident})
        w.refuses(7, 'NOKEY', path, w.uri('aes'))
    w.put(path, {**good, 'alg': 'CKM_XOR'})
    w.refuses(5, 'does not know', path, w.uri('aes'))
    w.put(path, {**good, 'alg': 'CKM_AES_KEY_WRAP'})
    w.refuses(7, ('REFUSED', 'may not unwrap'), path, w.uri('aes'))
    for wrapped in ('', 'AA==', good['wrapped'][:16]):
        w.put(path, {**good, 'wrapped': wrapped})
        w.refuses(5, (), path, w.uri('aes'))
    w.put(path, good)
    w.opens(path, w.uri('aes'))


def doctor(w):
    """It says which tokens are there and what is wrong with them, and tries no PIN."""
    env = {'COFFER_PKCS11_MODULE': w.soft.module}
    w.run(0, ('ok    tokens', '«models» by', 'was not tried'), 'doctor', env=env)
    w.run(7, ('bad   tokens', 'cannot be loaded'), 'doctor', env={'COFFER_PKCS11_MODULE': '/nowhere/module.so'})
    rig.equal('tokens' in w.ok('doctor').out, False)
    if os.path.exists(w.shim):
        env = {'COFFER_PKCS11_MODULE': w.shim, 'TOKEN_SHIM_MODULE': w.soft.module, 'TOKEN_SHIM_TRIES': w.coffer.write('doctor', '0')}
        w.run(0, ('note  tokens', '«models» (locked'), 'doctor', env=env)
        w.coffer.write('doctor', '1')
        w.run(0, ('note  tokens', '«models» (one more wrong PIN locks it)'), 'doctor', env=env)


def keeps_the_pin(w):
    """In no file that coffer wrote, the audit log included."""
    for path in glob.glob(w.coffer.at('**'), recursive=True) + glob.glob(w.coffer.at('.*/**'), recursive=True):
        if not os.path.isfile(path) or os.path.basename(path) in ('pin', 'wrong'):
            continue
        with open(path, 'rb') as file:
            if tokens.PIN.encode() in file.read():
                raise rig.Bad(f'{path} holds the PIN')


def main():
    command = sys.argv[1]
    if os.environ.get('COFFER_TEST_EMULATOR'):
        rig.skip_all('a module of this machine is none for a program of another')
    report = rig.Report(sys.argv[2:])
    with rig.Coffer(command) as coffer:
        w = World(coffer, coffer.folder, os.path.dirname(os.path.realpath(command)))
        report.check('keygen', keygen, w)
        report.check('SoftHSM, AES-GCM', round_trip, w, 'aes', 'CKM_AES_GCM')
        report.check('SoftHSM, AES key wrap', round_trip, w, 'kw', 'CKM_AES_KEY_WRAP_PAD')
        report.check('SoftHSM, key wrap where AES-GCM could be', round_trip, w, 'known', 'CKM_AES_KEY_WRAP_PAD', '&coffer-mech=aes-kwp')
        report.check('SoftHSM, RSA', round_trip, w, 'rsa', 'CKM_RSA_PKCS_OAEP/SHA1')
        if w.nss:
            with w.nss.session() as s:
                s.aes('aes', ENCRYPTION, b'\1')
                s.aes('kw', WRAPPING, b'\2')
                s.rsa('rsa', ENCRYPTION, b'\3')
                s.rsa('rsa-kw', WRAPPING, b'\4')
            for name, alg in (('aes', 'CKM_AES_GCM'), ('kw', 'CKM_AES_KEY_WRAP_KWP'), ('rsa', 'CKM_RSA_PKCS_OAEP/SHA256'),
                              ('rsa-kw', 'CKM_RSA_PKCS_OAEP/SHA256')):
                report.check(f'NSS, {name}', round_trip, w, name, alg, '', w.nss, w.nss.env)
            report.check('from one token to another', between_tokens, w)
        else:
            report.skip('NSS', 'it is not installed (Debian: libnss3), or token_shim.so was not built')
        report.check('module and PIN by the environment', by_environment, w)
        report.check('a key for each name', by_name, w)
        report.check('rewrap to, on, and from', rewraps, w)
        report.check('a public half needs no PIN', public_half, w)
        report.check('bytes of AES-GCM', bytes_of_aes, w, '&coffer-mech=aes-gcm', unwrap_gcm)
        report.check('bytes of AES key wrap', bytes_of_aes, w, '&coffer-mech=aes-kwp',
                     lambda wrapped, _: keywrap.aes_key_unwrap_with_padding(KNOWN, wrapped))
        report.check('bytes that others wrapped', bytes_of_others, w)
        report.check('wrong PIN', wrong_pin, w)
        if os.path.exists(w.shim):
            report.check('locked PIN', locked_pin, w)
            report.check('token or module not there', taken_away, w)
        else:
            report.skip('locked PIN, token not there', 'token_shim.so was not built')
        report.check('revoked', revoked, w)
        report.check('no right', without_right, w)
        report.check('two keys of one label', twins, w)
        report.check('one of several is dead', one_is_dead, w)
        report.check('hostile recipients', hostile, w)
        report.check('doctor', doctor, w)
        report.check('the PIN stays where it is', keeps_the_pin, w)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
