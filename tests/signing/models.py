# SPDX-License-Identifier: Apache-2.0
"""What the interoperability tests sign, with what, and how they change it."""
import contextlib
import datetime
import os
import random
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, 'peers'), os.path.join(TESTS, 'peers', 'sigstore')]

import peers  # noqa: E402

peers.need_cryptography()

import der  # noqa: E402
import pki  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: E402

CURVES = {'p256': ec.SECP256R1, 'p384': ec.SECP384R1, 'p521': ec.SECP521R1}
SOFTHSM = next((path for path in ('/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
                                  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so') if os.path.exists(path)), None)
DAY = datetime.timedelta(days=1)

#: a model with everything that a name may have, and what is left out by default
FOLDER = {
    'config.json': 700, 'model-00001-of-00002.safetensors': 3 << 20, 'model-00002-of-00002.safetensors': 65536,
    'empty': 0, 'with space.bin': 10, 'dir with space/a b': 20, 'na\u00efve.bin': 30, 'nai\u0308ve.bin': 31,
    '\u6a21\u578b/\u6743\u91cd.bin': 5000, '\U0001f511.key': 1, 'quote".txt': 2, "quote'.txt": 3, 'back\\slash': 4,
    'colon:1:2': 5, '-dash': 6, '~tilde': 7, '%41': 8,
    # by whole names these sort otherwise than by their parts
    'model/x': 11, 'model-1.bin': 12, 'model.bin': 13, 'model/sub/y': 14, 'model/sub-1': 15,
    '.hidden': 16, '.cache/tokens': 17, 'sub/.gitignore': 18, 'sub/.git/config': 19, '.gitmodules': 21,
    '.gitignore': 22, '.gitattributes': 23, '.git/HEAD': 24, '.github/workflows/ci.yml': 25, 'p' * 250: 26,
}
LEFT_OUT = ('.git/', '.gitignore', '.gitattributes', '.github/')


def content(size, seed=0):
    return random.Random(size + seed).randbytes(size)


def make_folder(path, tree=None):
    for name, size in (FOLDER if tree is None else tree).items():
        peers.write(os.path.join(path, name), content(size))
    return path


class Coffer:
    """The command, in a home of its own."""

    def __init__(self, command, home, world=None):
        self.command, self.home = os.path.abspath(command), home
        self.environment = peers.plain_environment(home, world)

    def run(self, *words, **more):
        """(exit code, what was said on both outputs)"""
        done = subprocess.run([self.command, *words], cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**self.environment, **more}, timeout=120, check=False)
        return done.returncode, done.stdout.decode('utf-8', 'replace')

    def succeed(self, *words, **more):
        code, said = self.run(*words, **more)
        peers.expect(f"coffer {' '.join(words)}: {said.strip()}", code, 0)
        return said

    def refuse(self, *words, codes=(5, 6), **more):
        """It must end with one of codes, and with no word of success."""
        code, said = self.run(*words, **more)
        if code not in codes or 'verified' in said.replace('not verified', '').replace('unverified', ''):
            raise peers.Failed(f"coffer {' '.join(words)}: exit {code}, not {codes}: {said.strip()}")


class Keys:
    """Key pairs and certificates in a folder: root, intermediate, and a leaf for each key."""

    def __init__(self, folder):
        self.folder = folder
        self.root = pki.Authority('interop root')
        self.ca = pki.Authority('interop intermediate', self.root)
        self.write('root.pem', pki.pem(self.root.certificate))
        self.write('ca.pem', pki.pem(self.ca.certificate))
        self.write('other-root.pem', pki.pem(pki.Authority('other root').certificate))
        self.keys = {}
        for name, curve in CURVES.items():
            self.add(name, pki.ec_key(curve))

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        return peers.write(self.at(name), text.encode())

    def add(self, name, key):
        self.write(name + '.key', pki.key_pem(key))
        self.add_public(name, key.public_key())

    def add_public(self, name, public):
        """NAME.pub and NAME.crt"""
        now = datetime.datetime.now(pki.UTC)
        extensions = ((pki.usage(digital_signature=True), True),
                      (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
                      (x509.BasicConstraints(ca=False, path_length=None), True))
        self.write(name + '.pub', pki.spki_pem(public))
        self.write(name + '.crt', pki.pem(self.ca.issue(public, now - DAY, now + 30 * DAY, extensions,
                                                        subject=pki.name('signer ' + name))))


class Token:
    """A SoftHSM2 token of this test's own, with EC keys."""

    PIN = '1234'

    def __init__(self, folder, keys, curves=('secp256r1', 'secp384r1')):
        if not SOFTHSM:
            raise peers.Skipped('there is no SoftHSM2 (softhsm2)')
        tokens = os.path.join(folder, 'tokens')
        os.makedirs(tokens)
        self.config = peers.write(os.path.join(folder, 'softhsm2.conf'),
                                  f'directories.tokendir = {tokens}\nobjectstore.backend = file\n'.encode())
        self.environment = {**os.environ, 'SOFTHSM2_CONF': self.config}
        self.pin = peers.write(os.path.join(folder, 'pin'), self.PIN.encode())
        self.call('softhsm2-util', '--init-token', '--free', '--label', 'interop token', '--so-pin', '5678', '--pin', self.PIN)
        self.names = {}
        for number, curve in enumerate(curves, 1):
            name = f'hsm-{curve}'
            tool = ('pkcs11-tool', '--module', SOFTHSM, '--token-label', 'interop token', '--login', '--pin', self.PIN)
            said = self.call(*tool, '--keypairgen', '--key-type', 'EC:' + curve, '--label', name, '--id', f'0{number}')
            # the point is an OCTET STRING in hex
            point = der.read(bytes.fromhex(re.search(r'EC_POINT:\s*([0-9a-f]+)', said).group(1)))[1]
            keys.add_public(name, ec.EllipticCurvePublicKey.from_encoded_point(getattr(ec, curve.upper())(), point))
            self.names[name] = number

    def call(self, *words):
        try:
            done = subprocess.run(words, env=self.environment, check=False, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError:
            raise peers.Skipped(f'there is no {words[0]}') from None
        peers.expect(f'{words[0]}: {done.stdout}', done.returncode, 0)
        return done.stdout

    def uri(self, name):
        return (f'pkcs11:token=interop%20token;object={name};id=%0{self.names[name]}?module-path={SOFTHSM}'
                f'&pin-source=file:{self.pin}')


@contextlib.contextmanager
def changed(path, change):
    """A model with one change: «byte», «longer», «more», «less», «hidden» or «renamed»; put back afterwards."""
    folder = os.path.isdir(path)
    victim = os.path.join(path, 'config.json') if folder else path
    before = peers.read(victim)
    extra = os.path.join(path, '.hidden-more' if change == 'hidden' else 'more')
    if change == 'byte':
        peers.write(victim, bytes([before[0] ^ 1]) + before[1:])
    elif change == 'longer':
        peers.write(victim, before + b'\0')
    elif change in ('more', 'hidden'):
        peers.write(extra, b'')
    elif change == 'less':
        os.remove(victim)
    elif change == 'renamed':
        os.rename(victim, extra)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.remove(extra)
        peers.write(victim, before)


FOLDER_CHANGES = ('byte', 'longer', 'more', 'hidden', 'less', 'renamed')
FILE_CHANGES = ('byte', 'longer')
