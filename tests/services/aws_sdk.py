#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS of our own (aws.py) under boto3, AWS's client for Python: what the one sends the other must take, and the other way round.

Runs itself again with the Python that COFFER_PEERS_CLOUD names; without one it is skipped."""
import os
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class World:
    def __init__(self, aws, address):
        self.aws, self.address = aws, address

    def client(self, service='kms', credential=None, region='eu-central-1'):
        import boto3  # pylint: disable=import-outside-toplevel
        from botocore.config import Config  # pylint: disable=import-outside-toplevel
        c = credential or self.aws.admin
        return boto3.client(service, region_name=region, endpoint_url=self.address, aws_access_key_id=c.id, aws_secret_access_key=c.secret,
                            aws_session_token=c.token or None, config=Config(retries={'total_max_attempts': 1}))


def equal(got, want):
    if got != want:
        raise AssertionError(f'got {got!r}, want {want!r}')


def expect(code, call, *args, words='', **kwargs):
    from botocore.exceptions import ClientError  # pylint: disable=import-outside-toplevel
    try:
        call(*args, **kwargs)
    except ClientError as e:
        equal(e.response['Error']['Code'], code)
        if words not in e.response['Error'].get('Message', ''):
            raise AssertionError(f'{words!r} is not in {e.response["Error"]}') from None
        return
    raise AssertionError(f'no {code}')


def round_trip(w):
    kms, context = w.client(), {'model': 'llama', 'environment': 'grün & <x>'}
    key = kms.create_key()['KeyMetadata']
    equal((key['KeyState'], key['KeySpec']), ('Enabled', 'SYMMETRIC_DEFAULT'))
    kms.create_alias(AliasName='alias/a', TargetKeyId=key['KeyId'])
    sealed = kms.encrypt(KeyId='alias/a', Plaintext=b'dek', EncryptionContext=context)
    equal(sealed['KeyId'], key['Arn'])
    for name in (key['KeyId'], key['Arn'], 'alias/a', key['Arn'].replace('key/' + key['KeyId'], 'alias/a'), None):
        given = {'KeyId': name} if name else {}
        opened = kms.decrypt(CiphertextBlob=sealed['CiphertextBlob'], EncryptionContext=context, **given)
        equal((opened['Plaintext'], opened['KeyId']), (b'dek', key['Arn']))
    data = kms.generate_data_key(KeyId=key['KeyId'], KeySpec='AES_256', EncryptionContext=context)
    equal(kms.decrypt(CiphertextBlob=data['CiphertextBlob'], EncryptionContext=context)['Plaintext'], data['Plaintext'])


def refusals(w):
    kms = w.client()
    a, b = (kms.create_key()['KeyMetadata']['Arn'] for _ in range(2))
    blob = kms.encrypt(KeyId=a, Plaintext=b'dek', EncryptionContext={'k': 'v'})['CiphertextBlob']
    expect('InvalidCiphertextException', kms.decrypt, CiphertextBlob=blob, KeyId=a, EncryptionContext={'k': 'V'})
    expect('InvalidCiphertextException', kms.decrypt, CiphertextBlob=blob, KeyId=a)
    expect('InvalidCiphertextException', kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), KeyId=a, EncryptionContext={'k': 'v'})
    expect('IncorrectKeyException', kms.decrypt, CiphertextBlob=blob, KeyId=b, EncryptionContext={'k': 'v'})
    expect('NotFoundException', kms.encrypt, KeyId='alias/none', Plaintext=b'x')
    kms.disable_key(KeyId=a)
    expect('DisabledException', kms.decrypt, CiphertextBlob=blob, KeyId=a, EncryptionContext={'k': 'v'})
    kms.enable_key(KeyId=a)
    kms.schedule_key_deletion(KeyId=a)
    expect('KMSInvalidStateException', kms.decrypt, CiphertextBlob=blob, KeyId=a, EncryptionContext={'k': 'v'})
    expect('ValidationException', kms.encrypt, KeyId=b, Plaintext=b'x' * 4097)


def rotation(w):
    kms, context = w.client(), {'k': 'v'}
    key = kms.create_key()['KeyMetadata']
    old = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'dek', EncryptionContext=context)['CiphertextBlob']
    before = kms.decrypt(CiphertextBlob=old, EncryptionContext=context)['KeyMaterialId']
    for _ in range(12):
        kms.rotate_key_on_demand(KeyId=key['KeyId'])
    now = kms.describe_key(KeyId=key['KeyId'])['KeyMetadata']['CurrentKeyMaterialId']
    equal(kms.decrypt(CiphertextBlob=old, EncryptionContext=context)['KeyMaterialId'], before)
    new = kms.re_encrypt(CiphertextBlob=old, SourceKeyId=key['KeyId'], SourceEncryptionContext=context, DestinationKeyId=key['Arn'],
                         DestinationEncryptionContext={'other': 'one'})
    equal((new['SourceKeyMaterialId'], new['DestinationKeyMaterialId']), (before, now))
    equal(kms.decrypt(CiphertextBlob=new['CiphertextBlob'], EncryptionContext={'other': 'one'})['Plaintext'], b'dek')
    pages = [page['Rotations'] for page in kms.get_paginator('list_key_rotations').paginate(KeyId=key['KeyId'])]
    equal([len(p) for p in pages], [10, 2])
    kms.create_alias(AliasName='alias/r', TargetKeyId=key['KeyId'])
    expect('InvalidArnException', kms.rotate_key_on_demand, KeyId='alias/r')


def multi_region(w):
    kms = w.client()
    key = kms.create_key(MultiRegion=True)['KeyMetadata']
    kms.replicate_key(KeyId=key['KeyId'], ReplicaRegion='us-east-1')
    blob = kms.encrypt(KeyId=key['KeyId'], Plaintext=b'dek')['CiphertextBlob']
    opened = w.client(region='us-east-1').decrypt(CiphertextBlob=blob, KeyId=key['KeyId'])
    equal((opened['Plaintext'], opened['KeyId']), (b'dek', key['Arn'].replace('eu-central-1', 'us-east-1')))
    expect('UnsupportedOperationException', w.client(region='us-east-1').rotate_key_on_demand, KeyId=key['KeyId'])
    expect('NotFoundException', w.client(region='us-east-2').decrypt, CiphertextBlob=blob, KeyId=key['KeyId'])


def policies(w):
    key = w.aws.add_key('alias/model/development/m')
    statement = {'Effect': 'Allow', 'Action': ['kms:Encrypt', 'kms:Decrypt'], 'Resource': '*', 'Condition': {
        'StringEquals': {'kms:EncryptionContext:environment': 'development'}, 'StringLike': {'kms:RequestAlias': 'alias/model/development/*'}}}
    deny = {'Effect': 'Deny', 'Action': 'kms:*', 'Resource': '*', 'Condition': {'StringNotEquals': {'kms:EncryptionContext:environment': 'development'}}}
    user = w.aws.add_user('loader', [{'Version': '2012-10-17', 'Statement': [statement, deny]}])
    kms, alias = w.client(credential=user), 'alias/model/development/m'
    blob = kms.encrypt(KeyId=alias, Plaintext=b'x', EncryptionContext={'environment': 'development'})['CiphertextBlob']
    equal(kms.decrypt(KeyId=alias, CiphertextBlob=blob, EncryptionContext={'environment': 'development'})['Plaintext'], b'x')
    expect('AccessDeniedException', kms.decrypt, KeyId=key.arn, CiphertextBlob=blob, EncryptionContext={'environment': 'development'},
           words='no identity-based policy allows the kms:Decrypt action')
    expect('AccessDeniedException', kms.encrypt, KeyId=alias, Plaintext=b'x', EncryptionContext={'environment': 'production'},
           words='explicit deny')
    expect('AccessDeniedException', kms.describe_key, KeyId=alias)
    equal(w.aws.log[-1]['errorCode'], 'AccessDeniedException')
    equal(w.aws.log[-2]['requestParameters']['encryptionContext'], {'environment': 'production'})


def signatures(w):
    kms = w.client()
    w.aws.skew = 301
    expect('InvalidSignatureException', kms.describe_key, KeyId='x', words='Signature expired')
    w.aws.skew = -301
    expect('InvalidSignatureException', kms.describe_key, KeyId='x', words='Signature not yet current')
    w.aws.skew = 0
    wrong = type(w.aws.admin)(None)
    wrong.id = w.aws.admin.id
    expect('InvalidSignatureException', w.client(credential=wrong).describe_key, KeyId='x', words='does not match the signature')
    expect('UnrecognizedClientException', w.client(credential=type(wrong)(None)).describe_key, KeyId='x')
    ended = w.aws.give(w.aws.admin.principal, w.aws.now() - 1)
    expect('ExpiredTokenException', w.client(credential=ended).describe_key, KeyId='x')
    w.aws.fail('ThrottlingException', words='Rate exceeded')
    expect('ThrottlingException', kms.describe_key, KeyId='x')
    expect('NotFoundException', kms.describe_key, KeyId='x')


def sts(w):
    user = w.aws.admin
    equal(w.client('sts').get_caller_identity()['Arn'], user.principal.arn)
    role = w.aws.add_role('r', [], external_id='x-1')
    given = w.client('sts').assume_role(RoleArn=role.arn, RoleSessionName='me', ExternalId='x-1')['Credentials']
    credential = w.aws.credentials[given['AccessKeyId']]
    equal(given['SecretAccessKey'], credential.secret)
    equal(w.client('sts', credential).get_caller_identity()['Arn'], 'arn:aws:sts::111122223333:assumed-role/r/me')
    expect('AccessDenied', w.client('sts').assume_role, RoleArn=role.arn, RoleSessionName='me', words='not authorized to perform: sts:AssumeRole')
    web = w.aws.add_role('web', [], web_token='ey.J.w')
    given = w.client('sts').assume_role_with_web_identity(RoleArn=web.arn, RoleSessionName='pod', WebIdentityToken='ey.J.w')['Credentials']
    equal(given['SessionToken'], w.aws.credentials[given['AccessKeyId']].token)
    expect('InvalidIdentityToken', w.client('sts').assume_role_with_web_identity, RoleArn=web.arn, RoleSessionName='pod', WebIdentityToken='ey.N.o')


def chain(w, **environment):
    """Whose credentials botocore's own chain finds in @environment alone."""
    program = 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])'
    clean = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent', 'AWS_DEFAULT_REGION': 'eu-central-1', 'AWS_ENDPOINT_URL': w.address, **environment}
    return subprocess.run([sys.executable, '-c', program], env=clean, capture_output=True, text=True, check=True).stdout.strip()


def metadata(w):
    w.aws.instance_role = w.aws.add_role('instance', [])
    equal(chain(w, AWS_EC2_METADATA_SERVICE_ENDPOINT=w.address), 'arn:aws:sts::111122223333:assumed-role/instance/i-1')
    equal(w.aws.asked[0], '/latest/api/token')
    w.aws.container_role, w.aws.container_token = w.aws.add_role('task', []), 'token-1'
    equal(chain(w, AWS_CONTAINER_CREDENTIALS_FULL_URI=w.address + '/container', AWS_CONTAINER_AUTHORIZATION_TOKEN='token-1'),
          'arn:aws:sts::111122223333:assumed-role/task/task')


CASES = [round_trip, refusals, rotation, multi_region, policies, signatures, sts, metadata]


def main():
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if os.environ.get('COFFER_AWS_SDK') != '1':
        if not python or subprocess.run([python, '-c', 'import boto3, cryptography'], stderr=subprocess.DEVNULL, check=False).returncode:
            print('COFFER_PEERS_CLOUD names no Python with boto3 and cryptography')
            return 77
        return subprocess.run([python, __file__], env={**os.environ, 'COFFER_AWS_SDK': '1'}, check=False).returncode
    import aws as fake  # pylint: disable=import-outside-toplevel
    failed = 0
    for case in CASES:
        aws = fake.Aws()
        with fake.Server(aws) as server:
            try:
                case(World(aws, server.url))
                print(f'ok    {case.__name__}')
            except Exception:  # noqa: BLE001
                failed += 1
                print(f'FAIL  {case.__name__}\n{traceback.format_exc(limit=-3)}')
    print(f'{len(CASES) - failed} passed, {failed} failed, 0 skipped')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
