# SPDX-License-Identifier: Apache-2.0
"""A timestamp authority (RFC 3161 over HTTP; RFC 5652 and RFC 5816 for what it signs)."""
import datetime
import hashlib

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

import der
import pki
from service import Refusal, Reply, Service

SIGNED_DATA = '1.2.840.113549.1.7.2'
TST_INFO = '1.2.840.113549.1.9.16.1.4'
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = ('1.2.840.113549.1.9.' + n for n in '345')
SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
ECDSA_SHA256 = '1.2.840.10045.4.3.2'
HASHES = {'2.16.840.1.101.3.4.2.1': 32, '2.16.840.1.101.3.4.2.2': 48, '2.16.840.1.101.3.4.2.3': 64}
SHA256 = next(iter(HASHES))
POLICY = '1.3.6.1.4.1.57264.2'
HOUR = datetime.timedelta(hours=1)


class Authority(Service):
    name = 'tsa'
    own_faults = {
        'wrong-nonce': 'answers with another nonce',
        'no-nonce': 'answers without the nonce',
        'wrong-imprint': 'stamps another hash than the one that was sent',
        'wrong-signature': 'spoils the signature',
        'other-key': 'signs with a certificate of the same name that nobody knows',
        'no-usage': 'signs with a certificate that is not for timestamps',
        'rejected': 'answers 200 with the status «rejection»',
        'no-certificate': 'leaves its certificate out although it is asked for',
        'late': 'says that it is an hour later than it is',
        'early': 'says that it is an hour earlier than it is',
        'ancient': 'says that it is ten years ago',
        'trailing': 'adds a byte after the answer',
    }

    def __init__(self, world):
        super().__init__(world)
        self.root = pki.Authority('timestamp root', length=1)
        self.ca = pki.Authority('timestamp intermediate', self.root, [ExtendedKeyUsageOID.TIME_STAMPING], length=0)
        self.key = pki.ec_key()
        self.certificate = self.certify(self.ca, self.key, ExtendedKeyUsageOID.TIME_STAMPING)
        stranger = pki.Authority('timestamp intermediate', pki.Authority('timestamp root', length=1), length=0)
        self.other_key = pki.ec_key()
        self.other = self.certify(stranger, self.other_key, ExtendedKeyUsageOID.TIME_STAMPING)
        self.useless = self.certify(self.ca, self.other_key, ExtendedKeyUsageOID.CODE_SIGNING)
        self.serial = 1000

    @staticmethod
    def certify(authority, key, use):
        extensions = ((pki.usage(digital_signature=True), True), (x509.ExtendedKeyUsage([use]), True))
        return authority.issue(key.public_key(), authority.start, authority.start + 9 * pki.YEAR, extensions,
                               subject=pki.name('timestamp authority'))

    def chain(self):
        return [self.certificate, *self.ca.chain()]

    @property
    def stamp_url(self):
        return self.url + '/api/v1/timestamp'

    def routes(self):
        return {('POST', '/api/v1/timestamp'): self.stamp}

    def stamp(self, request):
        if request.headers.get('Content-Type') != 'application/timestamp-query':
            raise Refusal(415, 'the request is not an application/timestamp-query')
        try:
            imprint, nonce, wants_certificate = self.parse(request.body)
        except (ValueError, IndexError, StopIteration):
            return self.reply(self.rejection())
        if self.is_bad('rejected'):
            return self.reply(self.rejection())
        info = self.info(imprint, nonce)
        answer = der.sequence(der.sequence(der.integer(0)), self.token(info, wants_certificate))
        return self.reply(answer + b'\0' if self.is_bad('trailing') else answer)

    @staticmethod
    def reply(answer):
        return Reply(answer, kind='application/timestamp-reply')

    @staticmethod
    def rejection():
        """PKIStatusInfo: rejection, with a text, badDataFormat."""
        text = der.sequence(der.utf8('this is not a request that is taken'))
        return der.sequence(der.sequence(der.integer(2), text, der.tlv(0x03, b'\2\4')))

    @staticmethod
    def parse(body):
        """TimeStampReq: (the DER of messageImprint, that of the nonce or None, certReq)."""
        tag, contents, after = der.read(body)
        if tag != 0x30 or after != len(body):
            raise ValueError('not one sequence')
        version, imprint, *rest = der.children(contents)
        if version[1] != b'\1' or imprint[0] != 0x30:
            raise ValueError('not version 1')
        algorithm, digest = der.children(imprint[1])
        known = next(size for name, size in HASHES.items() if der.oid(name) == der.children(algorithm[1])[0][2])
        if digest[0] != 0x04 or len(digest[1]) != known:
            raise ValueError('not a hash of that length')
        nonce = next((whole for tag, _, whole in rest if tag == 0x02), None)
        return imprint[2], nonce, any(tag == 0x01 and value != b'\0' for tag, value, _ in rest)

    # ---- what is signed ----

    def info(self, imprint, nonce):
        """TSTInfo."""
        now = self.world.now()
        for fault, shift in (('late', HOUR), ('early', -HOUR), ('ancient', -10 * pki.YEAR)):
            if self.is_bad(fault):
                now += shift
        if self.is_bad('wrong-imprint'):
            imprint = imprint[:-1] + bytes([imprint[-1] ^ 1])
        if self.is_bad('wrong-nonce'):
            nonce = der.integer(4711)
        if self.is_bad('no-nonce'):
            nonce = None
        with self.lock:
            self.serial += 1
            serial = self.serial
        return der.sequence(der.integer(1), der.oid(POLICY), imprint, der.integer(serial), der.time(now),
                            der.sequence(der.integer(1)), nonce or b'')

    def token(self, info, wants_certificate):
        """The TimeStampToken: a ContentInfo with SignedData over info."""
        key, certificate = self.key, self.certificate
        if self.is_bad('other-key'):
            key, certificate = self.other_key, self.other
        if self.is_bad('no-usage'):
            key, certificate = self.other_key, self.useless
        sha256 = der.algorithm(SHA256)
        attributes = self.attributes(info, certificate)
        signature = pki.sign(key, der.set_of(*attributes))
        if self.is_bad('wrong-signature'):
            signature = pki.sign(key, signature)
        signer = der.sequence(
            der.integer(1), der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
            sha256, der.context(0, *sorted(attributes)), der.algorithm(ECDSA_SHA256), der.octets(signature))
        certificates = der.context(0, pki.der(certificate)) \
            if wants_certificate and not self.is_bad('no-certificate') else b''
        data = der.sequence(
            der.integer(3), der.set_of(sha256),
            der.sequence(der.oid(TST_INFO), der.context(0, der.octets(info))), certificates, der.set_of(signer))
        return der.sequence(der.oid(SIGNED_DATA), der.context(0, data))

    def attributes(self, info, certificate):
        """The signed attributes, each in DER; ESSCertIDv2 with its default hash, SHA-256."""
        hashed = der.sequence(der.octets(hashlib.sha256(pki.der(certificate)).digest()))
        return [
            der.sequence(der.oid(CONTENT_TYPE), der.set_of(der.oid(TST_INFO))),
            der.sequence(der.oid(SIGNING_TIME), der.set_of(
                der.tlv(0x17, self.world.now().strftime('%y%m%d%H%M%SZ').encode()))),
            der.sequence(der.oid(MESSAGE_DIGEST), der.set_of(der.octets(hashlib.sha256(info).digest()))),
            der.sequence(der.oid(SIGNING_CERTIFICATE_V2), der.set_of(der.sequence(der.sequence(hashed))))]
