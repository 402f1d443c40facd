#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A whole Sigstore of its own on loopback ports: see README.md.

usage: world.py DIR [--tls] [--email ADDRESS] [--subject SUB] [--devices-wait] [--fault SERVICE:FAULT[=VALUE][*TIMES]]…
       world.py --faults

Writes its files into the new or empty folder DIR, prints «ready», and serves until standard input ends.
"""
import argparse
import datetime
import json
import os
import sys
import time

import pki
from fulcio import Fulcio
from oidc import Provider
from rekor import RekorV1, RekorV2
from repository import Repository
from service import TRANSPORT, Refusal, Reply, Service, parse_switch
from tsa import Authority

TRUSTED_ROOT = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
SIGNING_CONFIG = 'application/vnd.dev.sigstore.signingconfig.v0.2+json'
TRUST_CONFIG = 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json'


class Control(Service):
    """How a test that is another program talks to the world while it runs."""

    name = 'control'

    def routes(self):
        return {('POST', '/fault'): self.fault_on, ('POST', '/calm'): self.calm_all, ('GET', '/token'): self.token,
                ('GET', '/requests'): self.seen, ('POST', '/clock'): self.clock,
                ('POST', '/tuf/rotate'): self.tuf_rotate, ('POST', '/tuf/publish'): self.tuf_publish}

    def fault_on(self, request):
        for line in request.body.decode().split():
            self.world.fault(line)
        return Reply({})

    def calm_all(self, _):
        self.world.calm()
        return Reply({})

    def clock(self, request):
        """Moves the clock of Fulcio, the logs and the authority by so many seconds."""
        self.world.skew = datetime.timedelta(seconds=int(request.body))
        return Reply({})

    def tuf_rotate(self, _):
        self.world.tuf.rotate()
        return Reply({})

    def tuf_publish(self, _):
        self.world.tuf.publish()
        return Reply({})

    def token(self, request):
        """A token with the claims of the query changed; one that is empty is left out."""
        claims = {name: value or None for name, value in request.query.items()}
        lifetime = int(claims.pop('lifetime', 600))
        return Reply(self.world.oidc.mint(lifetime, **claims), kind='text/plain')

    def seen(self, _):
        return Reply([{'service': s.name, 'method': r.method, 'path': r.path, 'bytes': len(r.body)}
                      for s in self.world.services for r in s.requests])

    def answer(self, request):
        try:
            return super().answer(request)
        except ValueError as error:
            raise Refusal(400, str(error)) from None


class World:
    def __init__(self, folder, tls=False, email='signer@example.com', subject='user-1', devices_agree=True):
        self.folder, self.email, self.subject, self.devices_agree = folder, email, subject, devices_agree
        self.skew = datetime.timedelta()
        os.makedirs(folder, exist_ok=True)
        self.identity = pki.ServerIdentity() if tls else None
        if tls:
            self.write('server.pem', pki.key_pem(self.identity.key) + pki.pem(self.identity.certificate))
            self.write('ca.pem', pki.pem(self.identity.root.certificate))
        self.oidc, self.fulcio, self.tsa = Provider(self), Fulcio(self), Authority(self)
        self.rekor1, self.rekor2 = RekorV1(self), RekorV2(self)
        self.tuf, self.control = Repository(self), Control(self)
        self.services = [self.oidc, self.fulcio, self.rekor1, self.rekor2, self.tsa, self.tuf, self.control]
        self.write_files()

    def __enter__(self):
        for service in self.services:
            service.start()
        return self

    def __exit__(self, *_):
        for service in self.services:
            service.stop()

    def now(self):
        return datetime.datetime.now(pki.UTC).replace(microsecond=0) + self.skew

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, value):
        """Put a file into the folder; its path."""
        data = value if isinstance(value, str) else json.dumps(value, indent=2) + '\n'
        with open(self.at(name), 'w', encoding='utf-8') as file:
            file.write(data)
        return self.at(name)

    def read(self, name):
        with open(self.at(name), 'rb') as file:
            return file.read()

    # ---- faults ----

    def fault(self, switch):
        """Make a service misbehave: «SERVICE:FAULT[=VALUE][*TIMES]»."""
        service, fault, value, times = parse_switch(switch)
        for candidate in self.services:
            if candidate.name == service:
                return candidate.set_fault(fault, value, times)
        raise ValueError(f'there is no service {service}')

    def calm(self):
        for service in self.services:
            service.calm()

    # ---- files ----

    def token(self, lifetime=600, **claims):
        return self.oidc.mint(lifetime, **claims)

    def write_files(self):
        root = self.trusted_root()
        self.write('trusted_root.json', root)
        v1, v2 = self.signing_config(self.rekor1), self.signing_config(self.rekor2)
        self.write('signing_config.v0.2.json', v1)
        self.write('signing_config_rekor_v2.v0.2.json', v2)
        for name, config in (('trust_config.json', v1), ('trust_config_rekor_v2.json', v2)):
            self.write(name, {'mediaType': TRUST_CONFIG, 'trustedRoot': root, 'signingConfig': config})
        names = ('trusted_root.json', 'signing_config.v0.2.json', 'signing_config_rekor_v2.v0.2.json')
        self.tuf.publish({name: self.read(name) for name in names})
        self.write('root.json', self.tuf.files['1.root.json'].decode())
        self.write('tsa_chain.pem', ''.join(pki.pem(c) for c in self.tsa.chain()))
        self.write('token', self.token(24 * 3600))
        self.write('world.json', self.summary())
        self.write('world.env', ''.join(f'{name}={value}\n' for name, value in self.summary().items()))

    def summary(self):
        """What a test that is another program needs to know."""
        values = {service.name: service.url for service in self.services}
        values.update(tsa=self.tsa.stamp_url, issuer=self.oidc.url, identity=self.email, subject=self.subject,
                      actions=self.oidc.url + '/actions?job=1', actions_token=self.oidc.actions_secret)
        return values

    def trusted_root(self):
        start = self.fulcio.root.start.strftime('%Y-%m-%dT%H:%M:%SZ')

        def log(url, public, identifier, details, raw):
            return {'baseUrl': url, 'hashAlgorithm': 'SHA2_256', 'logId': {'keyId': pki.b64(identifier)},
                    'publicKey': {'rawBytes': pki.b64(raw(public)), 'keyDetails': details,
                                  'validFor': {'start': start}}}

        def authority(uri, chain):
            return {'subject': {'organization': pki.ORGANIZATION, 'commonName': uri}, 'uri': uri,
                    'certChain': {'certificates': [{'rawBytes': pki.b64(pki.der(c))} for c in chain]},
                    'validFor': {'start': start}}

        ct_key, p256 = self.fulcio.ct_key.public_key(), 'PKIX_ECDSA_P256_SHA_256'
        return {
            'mediaType': TRUSTED_ROOT,
            'tlogs': [log(self.rekor1.url, self.rekor1.key.public_key(), self.rekor1.log_id, p256, pki.spki),
                      log(self.rekor2.url, self.rekor2.key.public_key(), self.rekor2.log_id, 'PKIX_ED25519',
                          pki.spki)],
            'certificateAuthorities': [authority(self.fulcio.url, self.fulcio.ca.chain())],
            'ctlogs': [log(self.fulcio.url + '/ctlog', ct_key, pki.key_id(ct_key), p256, pki.spki)],
            'timestampAuthorities': [authority(self.tsa.stamp_url, self.tsa.chain())]}

    def signing_config(self, log):
        start = self.fulcio.root.start.strftime('%Y-%m-%dT%H:%M:%SZ')

        def service(url, version=1):
            return {'url': url, 'majorApiVersion': version, 'validFor': {'start': start}, 'operator': 'example.com'}

        return {'mediaType': SIGNING_CONFIG, 'caUrls': [service(self.fulcio.url)],
                'oidcUrls': [service(self.oidc.url)],
                'rekorTlogUrls': [service(log.url, 2 if log is self.rekor2 else 1)],
                'tsaUrls': [service(self.tsa.stamp_url)],
                'rekorTlogConfig': {'selector': 'ANY'}, 'tsaConfig': {'selector': 'ANY'}}


def print_faults():
    print('any service:')
    for fault, meaning in TRANSPORT.items():
        print(f'  {fault:18} {meaning}')
    for service in (Provider, Fulcio, RekorV1, RekorV2, Authority, Repository):
        print(f'{service.name}:')
        for fault, meaning in service.own_faults.items():
            print(f'  {fault:18} {meaning}')


def main(args):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', nargs='?')
    parser.add_argument('--faults', action='store_true', help='list the faults and leave')
    parser.add_argument('--tls', action='store_true', help='serve https, with the CA in DIR/ca.pem')
    parser.add_argument('--email', default='signer@example.com')
    parser.add_argument('--subject', default='user-1')
    parser.add_argument('--devices-wait', action='store_true', help='until somebody visits the verification address')
    parser.add_argument('--fault', action='append', default=[])
    options = parser.parse_args(args)
    if options.faults:
        return print_faults()
    if not options.folder:
        parser.error('there is no folder to write the files into')
    with World(options.folder, options.tls, options.email, options.subject, not options.devices_wait) as world:
        for switch in options.fault:
            world.fault(switch)
        print('ready', flush=True)
        # the end of standard input is the one sign that cannot get lost when the test that started us dies
        while os.read(0, 4096):
            time.sleep(0)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
