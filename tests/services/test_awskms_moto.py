#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer with the KMS of moto, which others wrote.  usage: test_awskms_moto.py COFFER [WORD...]

Runs itself again with the Python that COFFER_PEERS_CLOUD names; without one it is skipped.  What moto does not do (it checks neither
signatures nor rights unless told to) is in test_awskms.py."""
import json
import logging
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402

REGION = 'eu-central-1'
KEK = 'awskms:///alias/llama'


class World:
    def __init__(self, command):
        import boto3  # pylint: disable=import-outside-toplevel
        from moto.server import ThreadedMotoServer  # pylint: disable=import-outside-toplevel
        self.server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
        self.server.start()
        url = 'http://127.0.0.1:%d' % self.server.get_host_and_port()[1]
        keys = {'AWS_ACCESS_KEY_ID': 'AKIAEXAMPLE', 'AWS_SECRET_ACCESS_KEY': 'secret'}
        self.kms = boto3.client('kms', region_name=REGION, endpoint_url=url, aws_access_key_id='AKIAEXAMPLE', aws_secret_access_key='secret')
        self.coffer = rig.Coffer(command, AWS_ENDPOINT_URL=url, AWS_REGION=REGION, COFFER_KEY_RETRIES='0', **keys)
        self.coffer.write('m/model.safetensors', b'\x02\0\0\0\0\0\0\0{}')
        self.key = self.add_key('alias/llama')

    def add_key(self, alias):
        key = self.kms.create_key()['KeyMetadata']
        self.kms.create_alias(AliasName=alias, TargetKeyId=key['KeyId'])
        return key['Arn']

    def seal(self, to='s'):
        shutil.rmtree(self.coffer.at(to), ignore_errors=True)
        self.coffer.ok('seal', 'm', '-o', to, '--name', 'llama', '--environment', 'test', '--kek', KEK)

    def open(self, kek=KEK):
        shutil.rmtree(self.coffer.at('o'), ignore_errors=True)
        self.coffer.ok('open', 's', '-o', 'o', '--kek', kek)
        rig.equal(self.coffer.read('o/model.safetensors'), self.coffer.read('m/model.safetensors'))

    def document(self, what='s'):
        return json.loads(self.coffer.read(what + '/coffer.json'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.coffer.close()


def seal_and_open(w):
    w.seal()
    rig.equal([r['id'] for r in w.document()['services']['recipients']], [w.key])
    w.open()
    w.open('awskms:///' + w.key)


def the_context_is_bound(w):
    """KMS itself knows the model's context: with another one it does not open."""
    import base64  # pylint: disable=import-outside-toplevel
    w.seal()
    document = w.document()
    blob = base64.b64decode(document['services']['recipients'][0]['wrapped'])
    context = {'environment': 'test', 'model': 'llama', 'model_id': document['model_id']}
    rig.equal(len(w.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)['Plaintext']), 64)
    try:
        w.kms.decrypt(CiphertextBlob=blob, EncryptionContext={**context, 'environment': 'production'})
    except w.kms.exceptions.InvalidCiphertextException:
        pass
    else:
        raise rig.Bad('another context opens it')


def wrong_context(w):
    w.seal('other')
    w.seal()
    document = w.document()
    document['services'] = w.document('other')['services']
    w.coffer.write('s/coffer.json', json.dumps(document, separators=(',', ':'), sort_keys=True, ensure_ascii=False) + '\n')
    w.coffer.expect(5, 'AWS KMS (127.0.0.1) does not unwrap this', 'open', 's', '-o', 'o', '--kek', KEK)


def rewrap(w):
    """ReEncrypt, to another key."""
    new = w.add_key('alias/next')
    w.seal()
    w.coffer.ok('rewrap', 's', '--kek', KEK, '--add', 'awskms:///alias/next', '--remove', KEK)
    rig.equal([r['id'] for r in w.document()['services']['recipients']], [new])
    w.open('awskms:///alias/next')


def state(w):
    """What a key tells: an alias of none, and one that waits to be deleted."""
    w.seal()
    w.coffer.ok('key', 'status', 's', '--kek', KEK)
    w.coffer.expect(7, 'has no such key that can be used', 'open', 's', '-o', 'p', '--kek', 'awskms:///alias/none')


def policies(w):
    """What «coffer key policy» prints is a policy that IAM takes; what it would not take is found."""
    import boto3  # pylint: disable=import-outside-toplevel
    iam = boto3.client('iam', region_name=REGION, endpoint_url=w.kms.meta.endpoint_url, aws_access_key_id='AKIAEXAMPLE', aws_secret_access_key='secret')
    for role in ('publisher', 'loader', 'rotator', 'auditor'):
        for more in ([], ['--model', 'llama', '--model', 'phi-4'], ['--scope', 'cn-north-1/111122223333']):
            text = w.coffer.ok('key', 'policy', '--provider', 'awskms', '--environment', 'production', '--role', role, *more).out
            name = f'{role}-{len(more)}-{more[-1] if more else ""}'.replace('/', '-')
            iam.create_policy(PolicyName=name, PolicyDocument=text)
            try:
                iam.create_policy(PolicyName=name + '-bad', PolicyDocument=text.replace('ForAnyValue:', 'ForAnyWish:'))
            except iam.exceptions.MalformedPolicyDocumentException:
                continue
            raise rig.Bad('moto takes any policy')


CASES = [seal_and_open, the_context_is_bound, wrong_context, rewrap, state, policies]


def main():
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if os.environ.get('COFFER_AWS_MOTO') != '1':
        if not python or subprocess.run([python, '-c', 'import boto3, moto.server'], stderr=subprocess.DEVNULL, check=False).returncode:
            rig.skip_all('COFFER_PEERS_CLOUD names no Python with boto3 and moto[server]')
        return subprocess.run([python, __file__, *sys.argv[1:]], env={**os.environ, 'COFFER_AWS_MOTO': '1'}, check=False).returncode
    logging.getLogger('werkzeug').setLevel(logging.ERROR)
    report = rig.Report(sys.argv[2:])
    with World(sys.argv[1]) as world:  # one, for moto has one state in a process
        for case in CASES:
            report.check(case.__name__.replace('_', ' '), case, world)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
