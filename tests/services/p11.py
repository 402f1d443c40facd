# SPDX-License-Identifier: Apache-2.0
"""Keys on tokens to test with, made through PKCS#11 itself (ctypes), so that nothing of coffer is needed to make them.

    soft = p11.softhsm(folder)                     # a new token of SoftHSM, or None where that is not installed
    with soft.session() as s:
        s.aes('kek', p11.ENCRYPT | p11.DECRYPT)
"""
import ctypes
import os
import subprocess

PIN = 'kept-secret-4711'
LABEL = 'models'

SOFTHSM = ('/usr/lib/softhsm/libsofthsm2.so', '/usr/local/lib/softhsm/libsofthsm2.so')
NSS = ('/usr/lib/x86_64-linux-gnu/libsoftokn3.so', '/usr/lib/aarch64-linux-gnu/libsoftokn3.so')

ENCRYPT, DECRYPT, WRAP, UNWRAP = 1, 2, 4, 8

# ---- PKCS#11 2.40, as much as is needed ----

CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE, CKA_ID = 0x0, 0x1, 0x2, 0x3, 0x11, 0x100, 0x102
CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP = 0x103, 0x104, 0x105, 0x106, 0x107
CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_VALUE_LEN, CKA_EXTRACTABLE = 0x120, 0x121, 0x122, 0x161, 0x162
CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY = 2, 3, 4
CKK_AES = 0x1f
CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_AES_KEY_GEN = 0x0, 0x1080
CKU_SO, CKU_USER = 0, 1

# the place of each function in CK_FUNCTION_LIST, behind the version
NAMES = ('Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList GetMechanismInfo InitToken '
         'InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo GetOperationState SetOperationState Login Logout '
         'CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue SetAttributeValue FindObjectsInit FindObjects '
         'FindObjectsFinal EncryptInit Encrypt EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest '
         'DigestUpdate DigestKey DigestFinal SignInit Sign SignUpdate SignFinal SignRecoverInit SignRecover VerifyInit Verify VerifyUpdate '
         'VerifyFinal VerifyRecoverInit VerifyRecover DigestEncryptUpdate DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate '
         'GenerateKey GenerateKeyPair').split()

Long = ctypes.c_ulong


class Attribute(ctypes.Structure):
    _fields_ = [('type', Long), ('value', ctypes.c_void_p), ('len', Long)]


class Mechanism(ctypes.Structure):
    _fields_ = [('type', Long), ('parameter', ctypes.c_void_p), ('len', Long)]


class TokenInfo(ctypes.Structure):
    _fields_ = [('label', ctypes.c_char * 32), ('rest', ctypes.c_char * 256)]


def template(attributes):
    """An array of attributes: numbers become CK_ULONG, truth CK_BBOOL, text and bytes stay what they are."""
    out, keep = (Attribute * len(attributes))(), []
    for place, (kind, value) in zip(out, attributes.items()):
        if isinstance(value, bool):
            value = bytes([value])
        elif isinstance(value, int):
            value = bytes(Long(value))
        elif isinstance(value, str):
            value = value.encode()
        keep.append(ctypes.create_string_buffer(value, len(value)))
        place.type, place.value, place.len = kind, ctypes.addressof(keep[-1]), len(value)
    out.keep = keep
    return out


class Session:
    """A session that may write, with the user logged in; it ends with the with block, and so does the use of the module."""

    def __init__(self, token):
        self.token = token
        os.environ.update(token.env)
        library = ctypes.CDLL(token.module)
        found = ctypes.POINTER(ctypes.c_void_p)()
        self._check('GetFunctionList', library.C_GetFunctionList(ctypes.byref(found)))
        self.functions = {name: ctypes.CFUNCTYPE(Long)(found[1 + i]) for i, name in enumerate(NAMES)}
        self.call('Initialize', None)

    @staticmethod
    def _check(name, rv):
        if rv != 0:
            raise RuntimeError(f'C_{name}: {rv:#x}')

    def call(self, name, *args):
        self._check(name, self.functions[name](*args))

    def slots(self):
        n = Long(16)
        slots = (Long * 16)()
        self.call('GetSlotList', ctypes.c_ubyte(1), slots, ctypes.byref(n))
        return [Long(slot) for slot in slots[:n.value]]

    def open(self, slot):
        self.handle = Long(0)
        self.call('OpenSession', slot, Long(6), None, None, ctypes.byref(self.handle))

    def login(self, user, pin):
        self.call('Login', self.handle, Long(user), pin.encode(), Long(len(pin)))

    def __enter__(self):
        for slot in self.slots():
            info = TokenInfo()
            self.call('GetTokenInfo', slot, ctypes.byref(info))
            if bytes(info)[:32].decode().rstrip() == self.token.label:
                self.open(slot)
                self.login(CKU_USER, PIN)
                return self
        raise RuntimeError(f'no token {self.token.label}')

    def __exit__(self, *_):
        self.call('Finalize', None)

    # ---- keys ----

    def aes(self, label, use, ident=b'', value=None):
        """A key of 256 bits, generated, or with that value; ident is its CKA_ID."""
        handle = Long(0)
        attributes = {CKA_TOKEN: True, CKA_PRIVATE: True, CKA_SENSITIVE: True, CKA_EXTRACTABLE: False, CKA_LABEL: label, CKA_ID: ident,
                      CKA_ENCRYPT: bool(use & ENCRYPT), CKA_DECRYPT: bool(use & DECRYPT), CKA_WRAP: bool(use & WRAP),
                      CKA_UNWRAP: bool(use & UNWRAP)}
        if value is None:
            made = template({**attributes, CKA_VALUE_LEN: 32})
            self.call('GenerateKey', self.handle, ctypes.byref(Mechanism(CKM_AES_KEY_GEN, None, 0)), made, Long(len(made)),
                      ctypes.byref(handle))
        else:
            made = template({**attributes, CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, CKA_VALUE: value})
            self.call('CreateObject', self.handle, made, Long(len(made)), ctypes.byref(handle))

    def rsa(self, label, use, ident, bits=2048):
        """A pair; returns the modulus."""
        public = template({CKA_TOKEN: True, CKA_PRIVATE: False, CKA_LABEL: label, CKA_ID: ident, CKA_ENCRYPT: bool(use & ENCRYPT),
                           CKA_WRAP: bool(use & WRAP), CKA_MODULUS_BITS: bits, CKA_PUBLIC_EXPONENT: b'\1\0\1'})
        private = template({CKA_TOKEN: True, CKA_PRIVATE: True, CKA_SENSITIVE: True, CKA_EXTRACTABLE: False, CKA_LABEL: label,
                            CKA_ID: ident, CKA_DECRYPT: bool(use & DECRYPT), CKA_UNWRAP: bool(use & UNWRAP)})
        handles = Long(0), Long(0)
        self.call('GenerateKeyPair', self.handle, ctypes.byref(Mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN, None, 0)), public, Long(len(public)),
                  private, Long(len(private)), ctypes.byref(handles[0]), ctypes.byref(handles[1]))
        modulus = ctypes.create_string_buffer(bits // 8)
        wanted = Attribute(CKA_MODULUS, ctypes.addressof(modulus), bits // 8)
        self.call('GetAttributeValue', self.handle, handles[0], ctypes.byref(wanted), Long(1))
        return int.from_bytes(modulus.raw[:wanted.len], 'big')

    def remove(self, label):
        """All objects with that label."""
        wanted = template({CKA_LABEL: label})
        found, n = (Long * 8)(), Long(0)
        self.call('FindObjectsInit', self.handle, wanted, Long(1))
        self.call('FindObjects', self.handle, found, Long(8), ctypes.byref(n))
        self.call('FindObjectsFinal', self.handle)
        for handle in found[:n.value]:
            self.call('DestroyObject', self.handle, Long(handle))
        return n.value


class Token:
    """Where one is: the module, the label, and what its module wants of the environment."""

    def __init__(self, module, label, env):
        self.module, self.label, self.env = module, label, env

    def session(self):
        return Session(self)


def first(places):
    return next((place for place in places if os.path.exists(place)), None)


def softhsm(folder):
    """A new token of SoftHSM in the folder."""
    module = first(SOFTHSM)
    if not module:
        return None
    os.makedirs(os.path.join(folder, 'tokens'))
    conf = os.path.join(folder, 'softhsm2.conf')
    with open(conf, 'w', encoding='utf-8') as file:
        file.write(f'directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n')
    made = Token(module, LABEL, {'SOFTHSM2_CONF': conf})
    subprocess.run(['softhsm2-util', '--init-token', '--free', '--label', LABEL, '--pin', PIN, '--so-pin', PIN], check=True,
                   capture_output=True, env={**os.environ, **made.env})
    return made


def nss(folder, shim):
    """The token of NSS, its database in the folder, reached through BUILD/token_shim.so, which tells it where that is."""
    module = first(NSS)
    if not module or not os.path.exists(shim):
        return None
    database = os.path.join(folder, 'nss')
    os.makedirs(database)
    made = Token(shim, 'NSS Certificate DB', {
        'TOKEN_SHIM_MODULE': module, 'TOKEN_SHIM_INIT': f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags="})
    s = made.session()
    try:
        s.open(Long(2))
        s.login(CKU_SO, '')
        s.call('InitPIN', s.handle, PIN.encode(), Long(len(PIN)))
    finally:
        s.call('Finalize', None)
    return made
