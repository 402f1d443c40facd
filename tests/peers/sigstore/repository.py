# SPDX-License-Identifier: Apache-2.0
"""A TUF repository as Sigstore's are: consistent snapshots, root and targets signed by several people, the rest online.

https://theupdateframework.github.io/specification/latest/ (1.0.31), sections 4 (formats) and 5 (what clients do).
"""
import datetime
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ed25519

import pki
from service import Refusal, Reply, Service

SPEC_VERSION = '1.0.31'
DELEGATED = 'registry.npmjs.org'
ROLES = ('timestamp', 'snapshot', 'targets')


def canonical(value):
    """Canonical JSON (OLPC): only quotes and backslashes are escaped."""
    if isinstance(value, dict):
        return '{' + ','.join(canonical(k) + ':' + canonical(value[k]) for k in sorted(value)) + '}'
    if isinstance(value, list):
        return '[' + ','.join(map(canonical, value)) + ']'
    if isinstance(value, str):
        return '"' + value.replace('\\', '\\\\').replace('"', '\\"') + '"'
    return json.dumps(value)


def described(data):
    """How metadata speaks of a file."""
    return {'length': len(data), 'hashes': {'sha256': hashlib.sha256(data).hexdigest()}}


class Key:
    def __init__(self, key):
        self.key, public = key, key.public_key()
        if isinstance(key, ed25519.Ed25519PrivateKey):
            self.value = {'keytype': 'ed25519', 'scheme': 'ed25519', 'keyval': {'public': pki.raw(public).hex()}}
        else:
            self.value = {'keytype': 'ecdsa', 'scheme': 'ecdsa-sha2-nistp256',
                          'keyval': {'public': pki.spki_pem(public)}}
        self.id = hashlib.sha256(canonical(self.value).encode()).hexdigest()

    def sign(self, signed):
        return {'keyid': self.id, 'sig': pki.sign(self.key, canonical(signed).encode()).hex()}


class Repository(Service):
    name = 'tuf'
    own_faults = {
        **{f'expired-{role}': f'publishes a {role} that has expired' for role in ('root', *ROLES)},
        **{f'wrong-{role}': f'signs {role} wrongly' for role in ROLES},
        **{f'stranger-{role}': f'signs {role} with a key that the root does not name' for role in ROLES},
        'root-by-new-keys': 'publishes a root that only its own keys have signed',
        'root-by-old-keys': 'publishes a root that only the keys of the one before have signed',
        'root-skips': 'publishes a root whose number is one too high',
        'targets-by-one': 'has targets signed by one of two people',
        'targets-twice-by-one': 'has targets signed by one person, twice',
        'old-timestamp': 'publishes a timestamp with a lower number than the one before',
        'old-snapshot': 'publishes a snapshot with a lower number',
        'old-targets': 'publishes targets with a lower number',
        'other-snapshot': 'publishes another snapshot than the timestamp says, with the number it says',
        'other-number': 'publishes a snapshot with another number than the timestamp says',
        'other-type': 'publishes a timestamp that calls itself a snapshot',
        'no-target': 'leaves trusted_root.json out of the targets',
        'wrong-target': 'serves a trusted_root.json with one byte changed',
        'long-target': 'serves a trusted_root.json with a byte too many',
    }
    ROOT_FAULTS = ('expired-root', 'root-by-new-keys', 'root-by-old-keys', 'root-skips')

    def __init__(self, world):
        super().__init__(world)
        self.files, self.targets = {}, {}
        self.people = [Key(pki.ec_key()), Key(pki.ed25519_key()), Key(pki.ec_key())]
        self.online, self.delegate = Key(pki.ec_key()), Key(pki.ec_key())
        self.version, self.root_version = 0, 1
        self.files['1.root.json'] = self.signed(self.root(1), self.people[:2])

    # ---- what is done to it ----

    def publish(self, targets=None):
        """Publish targets {name: bytes}, or once more those that are there, under new numbers."""
        with self.lock:
            self.targets = targets or self.targets
            self.version += 10
            self.build()

    def rotate(self):
        """A new root, with one person and the online key replaced; then everything is signed anew."""
        with self.lock:
            old = list(self.people)
            self.people = [*old[1:], Key(pki.ec_key())]
            self.online = Key(pki.ec_key())
            self.root_version += 1
            self.files[f'{self.root_version}.root.json'] = \
                self.signed(self.root(self.root_version), [*old[:2], self.people[2]])
        self.publish()

    def set_fault(self, fault, value=None, times=None):
        super().set_fault(fault, value, times)
        if fault in self.own_faults:
            self.publish()

    def calm(self):
        if any(fault in self.own_faults for fault in self.faults):
            super().calm()
            self.publish()
        super().calm()

    # ---- metadata ----

    def has(self, fault):
        """Whether fault is set; one of the repository stays until it is told otherwise."""
        return fault in self.faults

    def head(self, role, version):
        end = self.world.now() + datetime.timedelta(days=-1 if self.has(f'expired-{role}') else 30)
        return {'_type': role, 'spec_version': SPEC_VERSION, 'version': version,
                'expires': end.strftime('%Y-%m-%dT%H:%M:%SZ')}

    @staticmethod
    def signed(part, keys):
        envelope = {'signatures': [key.sign(part) for key in keys], 'signed': part}
        return json.dumps(envelope, indent=1).encode()

    def sign(self, role, part):
        """The file of a role, signed by those who should, but for faults."""
        keys = self.people[:2] if role == 'targets' else [self.online]
        if role == 'targets' and self.has('targets-by-one'):
            keys = keys[:1]
        if role == 'targets' and self.has('targets-twice-by-one'):
            keys = [keys[0], keys[0]]
        if self.has(f'stranger-{role}'):
            keys = [Key(pki.ec_key()), Key(pki.ec_key())]
        data = self.signed(part, keys)
        if self.has(f'wrong-{role}'):
            envelope = json.loads(data)
            envelope['signatures'] = [key.sign({**part, 'x': 1}) for key in keys]
            data = json.dumps(envelope).encode()
        return data

    def root(self, version):
        people = [key.id for key in self.people]
        keys = {key.id: key.value for key in [*self.people, self.online]}
        online = {'keyids': [self.online.id], 'threshold': 1}
        return {**self.head('root', version), 'consistent_snapshot': True, 'keys': keys, 'roles': {
            'root': {'keyids': people, 'threshold': 2}, 'targets': {'keyids': people, 'threshold': 2},
            'snapshot': online, 'timestamp': online}}

    def bad_root(self):
        """The root after the present one, if a fault asks for one: it stays only as long as the fault."""
        version = self.root_version + 1
        self.files.pop(f'{version}.root.json', None)
        if not any(map(self.has, self.ROOT_FAULTS)):
            return
        old, keys = self.people, self.people[:2]
        if self.has('root-by-new-keys') or self.has('root-by-old-keys'):
            self.people = [Key(pki.ec_key()) for _ in old]
            keys = self.people[:2] if self.has('root-by-new-keys') else old[:2]
        part = self.root(version + 1 if self.has('root-skips') else version)
        self.files[f'{version}.root.json'] = self.signed(part, keys)
        self.people = old

    def build(self):
        """Make all files anew, as the faults want them."""
        self.bad_root()
        # «old-…» gives a role a number that it has had, with other contents
        number = {role: 1 if self.has(f'old-{role}') else self.version for role in ROLES}
        self.files[f"{number['targets']}.targets.json"] = self.sign('targets', self.listed(number['targets']))
        self.files[f'{self.version}.{DELEGATED}.json'] = self.signed(
            {**self.head('targets', self.version), 'targets': {}}, [self.delegate])
        snapshot = {**self.head('snapshot', number['snapshot']), 'meta': {
            'targets.json': {'version': number['targets']}, f'{DELEGATED}.json': {'version': self.version}}}
        data = self.sign('snapshot', snapshot)
        said = {'version': number['snapshot'], **described(data)}
        if self.has('other-number'):
            data, said = self.sign('snapshot', {**snapshot, 'version': 1}), {'version': number['snapshot']}
        if self.has('other-snapshot'):
            data = self.sign('snapshot', {**snapshot, 'x': 1})
        self.files[f"{number['snapshot']}.snapshot.json"] = data
        timestamp = {**self.head('timestamp', number['timestamp']), 'meta': {'snapshot.json': said}}
        if self.has('other-type'):
            timestamp['_type'] = 'snapshot'
        self.files['timestamp.json'] = self.sign('timestamp', timestamp)

    def listed(self, version):
        """The signed part of targets, which delegates a name to somebody as Sigstore's does; also serves them."""
        names = [name for name in self.targets if not (self.has('no-target') and name == 'trusted_root.json')]
        for name, content in self.targets.items():
            self.files[f'targets/{hashlib.sha256(content).hexdigest()}.{name}'] = content
        delegation = {'keys': {self.delegate.id: self.delegate.value}, 'roles': [{
            'name': DELEGATED, 'keyids': [self.delegate.id], 'threshold': 1, 'terminating': True,
            'paths': [DELEGATED + '/*']}]}
        return {**self.head('targets', version), 'targets': {name: described(self.targets[name]) for name in names},
                'delegations': delegation}

    # ---- files ----

    def routes(self):
        return {('GET', '/(.+)'): self.file}

    def file(self, _, name):
        data = self.files.get(name)
        if data is None:
            raise Refusal(404, 'there is no such file')
        if name.endswith('.trusted_root.json'):
            if self.has('wrong-target'):
                data = data.replace(b'\n', b' ', 1)
            if self.has('long-target'):
                data += b'\n'
        return Reply(data)
