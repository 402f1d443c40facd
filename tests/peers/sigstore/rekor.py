# SPDX-License-Identifier: Apache-2.0
"""Rekor, the transparency log, in both of its versions.

https://github.com/sigstore/rekor: openapi.yaml, pkg/types; https://github.com/sigstore/rekor-tiles: CLIENTS.md.
"""
import hashlib
import json

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

import merkle
import pki
from service import Refusal, Reply, Service

DETAILS = {256: ('PKIX_ECDSA_P256_SHA_256', 'SHA2_256'), 384: ('PKIX_ECDSA_P384_SHA_384', 'SHA2_384'),
           521: ('PKIX_ECDSA_P521_SHA_512', 'SHA2_512')}
LOG_FAULTS = {
    'stale-checkpoint': 'answers with the checkpoint of the log as it was before this entry',
    'wrong-checkpoint': 'signs the checkpoint wrongly',
    'other-log': 'signs the checkpoint with the key of a log that nobody knows',
    'other-origin': 'names another log in the checkpoint',
    'no-checkpoint': 'leaves the checkpoint out',
    'witnessed': 'adds the signatures of two witnesses that nobody knows (no fault, but to be borne)',
    'wrong-root': 'answers with another root hash',
    'wrong-proof': 'spoils a hash of the inclusion proof',
    'short-proof': 'leaves a hash of the inclusion proof out',
    'other-entry': 'answers with another entry, logged before',
    'other-id': 'names another log as that of the entry',
}


def canonical(value):
    """RFC 8785, of values that have only ASCII text and small whole numbers in them."""
    return json.dumps(value, sort_keys=True, separators=(',', ':')).encode()


def flip(data):
    return bytes([data[0] ^ 1]) + data[1:]


def pae(kind, payload):
    """DSSE's pre-authentication encoding."""
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind.encode(), len(payload), payload)


class Log(Service):
    """What the versions share: a tree that starts with five entries of nobody's, and its checkpoints."""

    make_key = None

    def __init__(self, world):
        super().__init__(world)
        self.key, self.other_key = self.make_key(), self.make_key()
        self.tree, self.entries, self.origin = merkle.Tree(), [], self.host
        for i in range(5):
            self.log(canonical(self.filler(b'filler %d' % i)))

    def filler(self, data):
        """An entry of nobody's for data."""
        raise NotImplementedError

    def log(self, body):
        """Put an entry in; its index in the tree."""
        with self.lock:
            self.entries.append(body)
            return self.tree.append(body)

    def checkpoint(self, size):
        origin = self.origin + '.example' if self.is_bad('other-origin') else self.origin
        text = merkle.checkpoint(origin, size, self.tree.root(size))
        key = self.other_key if self.is_bad('other-log') else self.key
        signature = pki.sign(key, text.encode() + (b'!' if self.is_bad('wrong-checkpoint') else b''))
        lines = [merkle.signature_line(self.host, self.log_id[:4], signature)]
        if self.is_bad('witnessed'):
            strange = bytes(8) + pki.ed25519_key().sign(text.encode())
            lines.insert(0, merkle.signature_line('witness.example', b'\1\2\3\4', strange))
            lines.append(merkle.signature_line('other.example/w', b'\5\6\7\x08', strange))
        return text + '\n' + ''.join(lines)

    @property
    def log_id(self):
        """The 32 bytes that a trusted root calls it by."""
        raise NotImplementedError

    def proof(self, index):
        """(the entry, its index, the size, the root, the hashes, the checkpoint) as the faults leave them."""
        with self.lock:
            size = len(self.tree)
            if self.is_bad('other-entry'):
                index = 1
            hashes, root = self.tree.proof(index, size), self.tree.root(size)
            note = self.checkpoint(size - 1 if self.is_bad('stale-checkpoint') else size)
            if self.is_bad('wrong-proof'):
                hashes[0] = flip(hashes[0])
            if self.is_bad('short-proof'):
                hashes = hashes[:-1]
            if self.is_bad('wrong-root'):
                root = flip(root)
            if self.is_bad('no-checkpoint'):
                note = None
            return self.entries[index], index, size, root, hashes, note

    def named_id(self):
        return flip(self.log_id) if self.is_bad('other-id') else self.log_id


def check_signature(public, signature, data, prehashed=False):
    """Refusal(400) unless the signature is that of an elliptic curve key with its own hash."""
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise Refusal(400, 'the key is not on an elliptic curve')
    algorithm = pki.own_hash(public)
    try:
        public.verify(signature, data, ec.ECDSA(Prehashed(algorithm) if prehashed else algorithm))
    except (pki.InvalidSignature, ValueError):
        raise Refusal(400, 'the signature does not hold') from None


def verifier_key(text):
    """The key of a PEM certificate or PEM public key."""
    if b'BEGIN CERTIFICATE' in text:
        return x509.load_pem_x509_certificate(text).public_key()
    return load_pem_public_key(text)


class RekorV1(Log):
    name = 'rekor1'
    own_faults = {
        **LOG_FAULTS,
        'wrong-set': 'spoils the signed entry timestamp',
        'no-set': 'leaves the signed entry timestamp out',
        'other-time': 'says another integrated time than it has signed',
        'late': 'integrates the entry an hour from now',
        'exists': 'answers 409, as for an entry that is there already',
    }
    TREE_ID = 4411111111111111441
    #: the log as a whole has older shards with so many entries
    OLDER = 90000

    make_key = staticmethod(pki.ec_key)

    def __init__(self, world):
        super().__init__(world)
        self.origin = f'{self.host} - {self.TREE_ID}'

    def filler(self, data):
        key = pki.ec_key()
        return self.entry({'apiVersion': '0.0.1', 'kind': 'hashedrekord', 'spec': {
            'data': {'hash': {'algorithm': 'sha256', 'value': hashlib.sha256(data).hexdigest()}},
            'signature': {'content': pki.b64(pki.sign(key, data)),
                          'publicKey': {'content': pki.b64(pki.spki_pem(key.public_key()).encode())}}}})

    @property
    def log_id(self):
        return pki.key_id(self.key.public_key())

    def routes(self):
        return {
            ('POST', '/api/v1/log/entries'): self.post,
            ('GET', '/api/v1/log/entries'): self.get_index,
            ('GET', '/api/v1/log/entries/([0-9a-f]+)'): self.get_uuid,
            ('GET', '/api/v1/log'): self.info,
            ('GET', '/api/v1/log/publicKey'): lambda _: Reply(pki.spki_pem(self.key.public_key()),
                                                              kind='application/x-pem-file'),
        }

    def info(self, _):
        size = len(self.tree)
        return Reply({'rootHash': self.tree.root(size).hex(), 'treeSize': size, 'treeID': str(self.TREE_ID),
                      'signedTreeHead': self.checkpoint(size)})

    def uuid(self, index):
        return f'{self.TREE_ID:016x}{self.tree.leaves[index].hex()}'

    def post(self, request):
        body = canonical(self.entry(request.json()))
        with self.lock:
            known = self.is_bad('exists') or body in self.entries
            index = self.entries.index(body) if body in self.entries else self.log(body)
            if known:
                place = f'/api/v1/log/entries/{self.uuid(index)}'
                return self.error(409, 'an equivalent entry already exists in the transparency log', Location=place)
            return Reply(self.shown(index), 201, Location=f'/api/v1/log/entries/{self.uuid(index)}')

    def get_uuid(self, _, uuid):
        for index in range(len(self.entries)):
            if self.uuid(index).endswith(uuid[-64:]):
                return Reply(self.shown(index))
        raise Refusal(404, 'there is no such entry')

    def get_index(self, request):
        index = int(request.query.get('logIndex', '-1')) - self.OLDER
        if not 0 <= index < len(self.entries):
            raise Refusal(404, 'there is no such entry')
        return Reply(self.shown(index))

    def shown(self, index):
        """An entry with its proof, as the API shows it."""
        uuid = self.uuid(index)
        body, index, size, root, hashes, note = self.proof(index)
        moment = int(self.world.now().timestamp()) + (3600 if self.is_bad('late') else 0)
        promise = {'body': pki.b64(body), 'integratedTime': moment, 'logID': self.named_id().hex(),
                   'logIndex': index + self.OLDER}
        signature = pki.sign(self.key, canonical(promise))
        if self.is_bad('wrong-set'):
            signature = pki.sign(self.key, signature)
        if self.is_bad('other-time'):
            promise['integratedTime'] += 1
        proof = {'checkpoint': note, 'hashes': [h.hex() for h in hashes], 'logIndex': index, 'rootHash': root.hex(),
                 'treeSize': size}
        if note is None:
            del proof['checkpoint']
        verification = {'inclusionProof': proof, 'signedEntryTimestamp': pki.b64(signature)}
        if self.is_bad('no-set'):
            del verification['signedEntryTimestamp']
        return {uuid: {**promise, 'verification': verification}}

    # ---- what is logged ----

    def entry(self, proposed):
        """The entry for a proposed one, which must hold."""
        kinds = {'dsse': self.dsse, 'hashedrekord': self.hashedrekord}
        kind, version = proposed.get('kind'), proposed.get('apiVersion')
        if kind not in kinds or version != '0.0.1':
            raise Refusal(400, f'entries of kind {kind} {version} are not taken')
        try:
            return {'apiVersion': version, 'kind': kind, 'spec': kinds[kind](proposed['spec'])}
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Refusal(400, f'the entry cannot be read: {error!r}') from None

    @staticmethod
    def dsse(spec):
        content = spec['proposedContent']
        envelope = json.loads(content['envelope'])
        payload = pki.unb64(envelope['payload'])
        signed = pae(envelope['payloadType'], payload)
        verifiers = content['verifiers']
        if len(verifiers) != len(envelope['signatures']) or not verifiers:
            raise Refusal(400, 'there is not one verifier for each signature')
        for signature, verifier in zip(envelope['signatures'], verifiers):
            check_signature(verifier_key(pki.unb64(verifier)), pki.unb64(signature['sig']), signed)
        return {
            'envelopeHash': {'algorithm': 'sha256', 'value': hashlib.sha256(content['envelope'].encode()).hexdigest()},
            'payloadHash': {'algorithm': 'sha256', 'value': hashlib.sha256(payload).hexdigest()},
            'signatures': [{'signature': s['sig'], 'verifier': v} for s, v in zip(envelope['signatures'], verifiers)]}

    @staticmethod
    def hashedrekord(spec):
        digest, signature = spec['data']['hash'], spec['signature']
        if digest['algorithm'] not in ('sha256', 'sha384', 'sha512'):
            raise Refusal(400, 'the hash is none of sha256, sha384, sha512')
        check_signature(verifier_key(pki.unb64(signature['publicKey']['content'])), pki.unb64(signature['content']),
                        bytes.fromhex(digest['value']), prehashed=True)
        return {'data': {'hash': {'algorithm': digest['algorithm'], 'value': digest['value']}},
                'signature': {'content': signature['content'],
                              'publicKey': {'content': signature['publicKey']['content']}}}


class RekorV2(Log):
    name = 'rekor2'
    own_faults = LOG_FAULTS
    make_key = staticmethod(pki.ed25519_key)

    def filler(self, data):
        key = pki.ec_key()
        return self.entry({
            'digest': pki.b64(hashlib.sha256(data).digest()),
            'signature': {'content': pki.b64(pki.sign(key, data)), 'verifier': {
                'publicKey': {'rawBytes': pki.b64(pki.spki(key.public_key()))},
                'keyDetails': 'PKIX_ECDSA_P256_SHA_256'}}})

    @property
    def log_id(self):
        """signed-note.md: the key's id, of which the first four bytes are the hint of a signature."""
        return hashlib.sha256(self.origin.encode() + b'\n\1' + pki.raw(self.key.public_key())).digest()

    def routes(self):
        return {('POST', '/api/v2/log/entries'): self.post,
                ('GET', '/api/v2/checkpoint'): lambda _: Reply(self.checkpoint(len(self.tree)), kind='text/plain')}

    def post(self, request):
        try:
            body = canonical(self.entry(request.json()['hashedRekordRequestV002']))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Refusal(400, f'the entry cannot be read: {error!r}') from None
        index = self.log(body)
        body, index, size, root, hashes, note = self.proof(index)
        proof = {'logIndex': str(index), 'rootHash': pki.b64(root), 'treeSize': str(size),
                 'hashes': [pki.b64(h) for h in hashes], 'checkpoint': {'envelope': note}}
        if note is None:
            del proof['checkpoint']
        return Reply({'logIndex': str(index), 'logId': {'keyId': pki.b64(self.named_id())},
                      'kindVersion': {'kind': 'hashedrekord', 'version': '0.0.2'}, 'inclusionProof': proof,
                      'canonicalizedBody': pki.b64(body)}, 201)

    @staticmethod
    def entry(asked):
        signature, verifier = asked['signature'], asked['signature']['verifier']
        if ('x509Certificate' in verifier) == ('publicKey' in verifier):
            raise Refusal(400, 'the verifier is not one of x509Certificate and publicKey')
        if 'x509Certificate' in verifier:
            public = x509.load_der_x509_certificate(pki.unb64(verifier['x509Certificate']['rawBytes'])).public_key()
        else:
            public = load_der_public_key(pki.unb64(verifier['publicKey']['rawBytes']))
        check_signature(public, pki.unb64(signature['content']), pki.unb64(asked['digest']), prehashed=True)
        details, algorithm = DETAILS[public.curve.key_size]
        if verifier['keyDetails'] != details:
            raise Refusal(400, f"the key is {details}, not {verifier['keyDetails']}")
        return {'apiVersion': '0.0.2', 'kind': 'hashedrekord', 'spec': {'hashedRekordV002': {
            'data': {'algorithm': algorithm, 'digest': asked['digest']},
            'signature': {'content': signature['content'], 'verifier': verifier}}}}
