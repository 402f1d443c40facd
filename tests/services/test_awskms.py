#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer with AWS KMS: the command against an AWS of our own (aws.py).  usage: test_awskms.py COFFER [WORD...]"""
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aws  # noqa: E402
import rig  # noqa: E402

ALIAS = 'alias/model/production/llama'
KEK = 'awskms:///' + ALIAS
OTHER = 'us-east-1'


class World:
    """An AWS, the command, a plain model in «m» and, once seal() was called, a sealed one in «s»."""

    def __init__(self, command):
        self.aws = aws.Aws()
        self.key = self.aws.add_key(ALIAS)
        self.server = aws.Server(self.aws)
        self.coffer = rig.Coffer(command, AWS_ENDPOINT_URL=self.server.url, AWS_REGION=aws.REGION, AWS_EC2_METADATA_DISABLED='true',
                                 COFFER_KEY_RETRIES='1', **self.aws.admin.environment())
        self.coffer.write('m/model.safetensors', b'\x02\0\0\0\0\0\0\0{}')
        self.said = ''

    def run(self, code, words, *argv, env=None):
        outcome = self.coffer.expect(code, words, *argv, env=env)
        self.said += outcome.out + outcome.err
        return outcome

    def seal(self, *keks, to='s', env=None, more=()):
        keks = keks or (KEK,)
        shutil.rmtree(self.coffer.at(to), ignore_errors=True)
        return self.run(0, (), 'seal', 'm', '-o', to, '--name', 'llama', *more, *[a for kek in keks for a in ('--kek', kek)], env=env)

    def open(self, code=0, words=(), kek=KEK, env=None, what='s'):
        shutil.rmtree(self.coffer.at('o'), ignore_errors=True)
        outcome = self.run(code, words, 'open', what, '-o', 'o', '--kek', kek, env=env)
        rig.equal(os.path.exists(self.coffer.at('o')), code == 0, 'what was opened')
        return outcome

    def services(self, what='s'):
        return json.loads(self.coffer.read(what + '/coffer.json'))['services']['recipients']

    def change(self, change, what='s'):
        """Change «services» of a sealed model, as whoever holds the file can."""
        document = json.loads(self.coffer.read(what + '/coffer.json'))
        change(document['services']['recipients'])
        self.coffer.write(what + '/coffer.json', json.dumps(document, separators=(',', ':'), sort_keys=True, ensure_ascii=False) + '\n')


    def user(self, *statements):
        """The environment of a new user with these rights."""
        name = f'u{len(self.aws.credentials)}'
        return self.aws.add_user(name, [{'Version': '2012-10-17', 'Statement': list(statements)}]).environment()

    def secrets(self):
        for credential in self.aws.credentials.values():
            yield credential.secret
            if credential.token:
                yield credential.token

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.server.stop()
        self.coffer.close()
        if kind is None and self.server.errors:
            raise rig.Bad('the fake itself failed:\n' + self.server.errors[0])
        if kind is None and any(secret in self.said for secret in self.secrets()):
            raise rig.Bad('a secret was said:\n' + self.said)


def allow(*actions, **condition):
    return {'Effect': 'Allow', 'Action': [f'kms:{a}' for a in actions], 'Resource': '*', **({'Condition': condition} if condition else {})}


# ---- the nine cases, each with its exit code and sentence ----

def wrap(w):
    w.seal(more=('--context', 'environment=production'))
    [event] = w.aws.events('Encrypt')
    context = event['requestParameters']['encryptionContext']
    rig.equal({**context, 'model_id': len(context['model_id'])}, {'environment': 'production', 'model': 'llama', 'model_id': 32})
    rig.equal(event['requestParameters']['keyId'], ALIAS, 'KeyId as the user wrote it')
    [r] = w.services()
    rig.equal((r['kind'], r['id'], r['alg'], r.get('version', '')), ('awskms', w.key.arn, 'SYMMETRIC_DEFAULT', ''))


def unwrap(w):
    w.seal()
    for kek in (KEK, f'awskms:///{w.key.id}', f'awskms:///{w.key.arn}', f'awskms:///{w.key.arn.replace("key/" + w.key.id, ALIAS)}'):
        w.open(kek=kek)
    rig.equal(w.coffer.read('o/model.safetensors'), w.coffer.read('m/model.safetensors'))
    rig.equal(len(w.aws.events('Decrypt')), 4, 'one request for each model that is opened')


def rewrap(w):
    """To another key of KMS, and to one that is no service's."""
    w.aws.add_key('alias/next')
    w.seal()
    w.run(0, (), 'rewrap', 's', '--kek', KEK, '--add', 'awskms:///alias/next', '--remove', KEK)
    w.open(7, 'says that another key has wrapped this', kek=KEK)
    w.open(kek='awskms:///alias/next')


def wrong_context(w):
    """A wrap that was moved from another model: KMS finds that its context differs."""
    w.seal(to='other')
    w.seal()
    w.change(lambda r: r.__setitem__(slice(None), w.services('other')))
    w.open(5, ('AWS KMS (127.0.0.1) does not unwrap this', 'InvalidCiphertextException', 'belongs to another model'))


def damaged_wrap(w):
    w.seal()

    def flip(recipients):
        wrapped = recipients[0]['wrapped']
        recipients[0]['wrapped'] = wrapped[:-8] + ('B' if wrapped[-8] == 'A' else 'A') + wrapped[-7:]
    w.change(flip)
    w.open(5, 'InvalidCiphertextException')


def expired_credential(w):
    w.seal()
    ended = w.aws.give(w.aws.admin.principal, w.aws.now() - 1)
    w.open(7, ('AWS KMS (127.0.0.1) says that the credential has expired', 'The security token included in the request is expired', 'renew it'),
           env=ended.environment())


def throttled(w):
    w.seal()
    w.aws.fail('ThrottlingException', times=2, words='Rate exceeded')
    w.open(11, ('AWS KMS (127.0.0.1) has too many requests', 'Rate exceeded', 'try again'))
    rig.equal(len(w.aws.events('Decrypt')), 2, 'tries')
    for code in ('ThrottlingException', 'KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException', 'RequestLimitExceeded'):
        w.aws.fail(code)
        w.open()


def unreachable(w):
    w.seal()
    address = f'http://127.0.0.1:{rig.nobody()}'
    w.open(7, ('AWS KMS did not answer (asked 2 times)', '127.0.0.1'), env={'AWS_ENDPOINT_URL': address})
    w.aws.fail('KMSInternalException', times=2)
    w.open(7, 'cannot serve now')
    w.server.fault(rig.hang())
    w.open(7, 'gave no whole answer within', env={'COFFER_KEY_TIMEOUT': '1', 'COFFER_KEY_RETRIES': '0'})
    w.server.heal()
    w.server.fault(rig.close_within(20), times=1)
    w.open()


def wrong_key(w):
    w.aws.add_key('alias/other')
    w.seal()
    w.open(7, ('AWS KMS (127.0.0.1) says that another key has wrapped this', 'does not identify a CMK'), kek='awskms:///alias/other')
    other = aws.Key(aws.REGION, 0)
    asked = len(w.aws.log)
    w.open(7, ('no key opens it: it is sealed for awskms ' + w.key.arn, 'given to open it: awskms awskms:///' + other.arn), kek='awskms:///' + other.arn)
    rig.equal(len(w.aws.log), asked, 'nobody is asked for a key that the model does not name')


def revoked_permission(w):
    w.seal()
    w.open(7, ('AWS KMS (127.0.0.1) refuses', 'is not authorized to perform: kms:Decrypt', 'has the right to do this'), env=w.user(allow('Encrypt')))
    w.key.state = 'Disabled'
    w.open(7, ('has no such key that can be used', 'is disabled'))
    w.key.state = 'PendingDeletion'
    w.open(7, ('has no such key that can be used', 'is pending deletion'))
    w.key.state = 'Enabled'
    del w.aws.kms().aliases[ALIAS]
    w.open(7, ('has no such key that can be used', 'is not found'))


# ---- rotation ----

def reencrypt(w):
    """A rotator that may not decrypt: the DEK never leaves KMS, and the material's id is known from then on."""
    w.seal(more=('--environment', 'production'))
    rotator = w.user(allow('ReEncryptFrom', 'ReEncryptTo', 'DescribeKey', 'ListKeyRotations', StringEqualsIfExists={
        'kms:EncryptionContext:environment': 'production'}))
    w.open(7, 'not authorized to perform: kms:Decrypt', env=rotator)
    w.run(0, (), 'rewrap', 's', '--kek', KEK, env=rotator)
    rig.equal([e['eventName'] for e in w.aws.log if 'errorCode' not in e], ['Encrypt', 'ReEncrypt'])
    rig.equal(w.services()[0]['version'], w.key.materials[-1].id)
    w.open()
    w.aws.add_key('alias/next')
    w.run(0, (), 'rewrap', 's', '--kek', KEK, '--add', 'awskms:///alias/next', '--remove', KEK, env=rotator)
    rig.equal(w.services()[0]['id'], w.aws.kms().find('alias/next').arn)
    w.open(kek='awskms:///alias/next')
    rig.equal({e['userIdentity']['arn'] for e in w.aws.events('Decrypt') if 'errorCode' not in e}, {w.aws.admin.principal.arn})


def reencrypt_refused(w):
    w.seal()
    w.run(7, 'not authorized to perform: kms:ReEncryptFrom', 'rewrap', 's', '--kek', KEK, env=w.user(allow('Decrypt', 'Encrypt')))
    w.run(7, 'not authorized to perform: kms:ReEncryptTo', 'rewrap', 's', '--kek', KEK, env=w.user(allow('ReEncryptFrom')))
    w.open()


def rotate(w):
    w.seal()

    def due():
        return json.loads(w.run(0, (), 'key', 'status', 's', '--kek', KEK, '--json').out)['rewrap_due']
    rig.equal(due(), 0)
    time.sleep(1.1)  # dates of wraps are whole seconds
    w.run(0, (), 'key', 'rotate', KEK)
    rig.equal((due(), w.services()[0]['version']), (1, ''))  # KMS does not say what it wraps with, but since when there is newer
    w.run(0, '1 inside', 'rewrap', '--all', 's', '--kek', KEK)
    rig.equal(due(), 0)
    w.run(0, 'nothing to change', 'rewrap', '--all', 's', '--kek', KEK)


def rotate_again(w):
    w.seal()
    first = w.key.materials[-1].id
    w.run(0, (), 'rewrap', 's', '--kek', KEK)
    w.run(0, (), 'key', 'rotate', KEK)
    rig.equal(len(w.key.materials), 2)
    rig.equal(w.services()[0]['version'], first)
    w.open()  # older material opens as before
    due = w.run(0, w.key.materials[-1].id[:8], 'key', 'status', 's', '--kek', KEK).out
    w.run(0, (), 'rewrap', 's', '--kek', KEK)
    rig.equal(w.services()[0]['version'], w.key.materials[-1].id)
    if w.run(0, (), 'key', 'status', 's', '--kek', KEK).out == due:
        raise rig.Bad('the status is what it was before: ' + due)
    w.open()
    w.run(7, 'not authorized to perform: kms:RotateKeyOnDemand', 'key', 'rotate', KEK, env=w.user(allow('DescribeKey')))


# ---- policies ----

def environments_are_apart(w):
    """A loader of development cannot open a model of production, under the same key neither."""
    w.aws.kms().aliases['alias/model/development/llama'] = w.key.id
    mine = {'StringEquals': {'kms:EncryptionContext:environment': 'development'}}
    loader = w.user(allow('Decrypt', **mine))
    w.seal(more=('--context', 'environment=production'))
    w.open(7, 'is not authorized to perform: kms:Decrypt', env=loader)
    w.seal(more=('--context', 'environment=development'))
    w.open(env=loader)


def aliases_are_apart(w):
    loader = w.user(allow('Decrypt', StringLike={'kms:RequestAlias': 'alias/model/production/*'}))
    w.seal()
    w.open(env=loader)
    w.open(7, 'is not authorized to perform', kek='awskms:///' + w.key.arn, env=loader)


def templates(w):
    w.aws.add_key('alias/model/development/llama')
    template = 'awskms:///alias/model/{environment}/{name}'
    w.seal(template, more=('--context', 'environment=production'))
    rig.equal(w.aws.events('Encrypt')[-1]['requestParameters']['keyId'], ALIAS)
    w.open(kek=template)
    w.open()


# ---- pins ----

def an_alias_that_moved(w):
    """The alias stands for a new key by now: the model names the old one."""
    w.seal()
    w.aws.kms().aliases[ALIAS] = w.aws.add_key().id
    w.open(7, 'says that another key has wrapped this')
    w.open(kek='awskms:///' + w.key.arn)


def a_service_that_uses_another_key(w):
    w.seal()
    other = w.aws.add_key('alias/other')

    def elsewhere(answer):
        return rig.Answer(answer.status, answer.body.replace(w.key.arn.encode(), other.arn.encode()), answer.headers)
    w.server.fault(rig.changed(elsewhere))
    w.open(7, ('AWS KMS opened with the key ' + other.arn, 'the model names ' + w.key.arn))
    w.open(7, ('AWS KMS used the key ' + other.arn, 'check the endpoint'), kek='awskms:///' + w.key.arn)


def answers_that_are_none(w):
    w.seal()
    for body, words in ((b'<html>', 'is no JSON'), (b'{}', "lacks the key's ARN"),
                        (json.dumps({'KeyId': w.key.arn}).encode(), 'lacks a secret'),
                        (json.dumps({'KeyId': w.key.arn, 'Plaintext': 'QUJD'}).encode(), 'was not wrapped by coffer')):
        w.server.fault(rig.status(200, body), times=1)
        outcome = w.coffer.run('open', 's', '-o', 'o', '--kek', KEK)
        if outcome.status not in (5, 7) or words not in outcome.err:
            raise rig.Bad(f'{body}: {outcome}')


def multi_region(w):
    key = w.aws.add_key('alias/mrk', multi_region=True)
    w.aws.replicate(key, OTHER)
    w.seal('awskms:///alias/mrk')
    rig.equal(w.services()[0]['id'], key.arn)
    there = {'AWS_REGION': OTHER}
    w.open(kek='awskms:///' + key.id, env=there)
    w.open(kek='awskms:///' + key.arn.replace(aws.REGION, OTHER), env={'AWS_REGION': None})
    rig.equal(w.aws.events('Decrypt')[-1]['awsRegion'], OTHER)
    w.open(7, 'Alias arn:aws:kms:us-east-1', kek='awskms:///alias/mrk', env=there)
    w.seal()
    w.open(7, 'no key opens it', kek='awskms:///' + w.key.arn.replace(aws.REGION, OTHER))


def several_recipients(w):
    w.aws.add_key('alias/second')
    w.seal(KEK, 'awskms:///alias/second')
    w.open(kek=KEK)
    w.open(kek='awskms:///alias/second')
    w.aws.kms().find(ALIAS).state = 'Disabled'
    w.open(kek='awskms:///alias/second')
    outcome = w.coffer.run('open', 's', '-o', 'p', '--kek', KEK, '--kek', 'awskms:///alias/second')
    rig.equal(outcome.status, 0, outcome.err)


# ---- where credentials come from ----

def nothing(**more):
    return {'AWS_ACCESS_KEY_ID': None, 'AWS_SECRET_ACCESS_KEY': None, **more}


def principal_of(w):
    return w.aws.events('Decrypt')[-1]['userIdentity']['arn']


def no_credentials(w):
    w.seal()
    w.open(7, ('there are no AWS credentials', 'AWS_ACCESS_KEY_ID', 'set AWS_PROFILE'), env=nothing())
    w.open(7, 'The security token included in the request is invalid', env={'AWS_ACCESS_KEY_ID': 'AKIANOBODY'})
    w.open(7, 'The request signature we calculated does not match', env={'AWS_SECRET_ACCESS_KEY': 'wrong'})


def write_profile(w, where, text):
    w.coffer.write('.aws/' + where, text)


def shared_file(w):
    w.seal()
    user = w.aws.add_user('filed', aws.EVERYTHING)
    write_profile(w, 'credentials', f'[work]\naws_access_key_id = {user.id}\naws_secret_access_key = {user.secret}\n')
    write_profile(w, 'config', '[profile work]\nregion = eu-central-1\n')
    w.open(env=nothing(AWS_PROFILE='work', AWS_REGION=None))
    rig.equal(principal_of(w), user.principal.arn)


def credential_process(w):
    w.seal()
    role = w.aws.add_role('processed', aws.EVERYTHING)
    answer = w.coffer.write('answer', json.dumps({'Version': 1, **w.aws.temporary(role, 'p').answer('SessionToken')}))
    write_profile(w, 'config', f'[default]\ncredential_process = cat {answer}\n')
    w.open(env=nothing())
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/processed/p')


def assumed_role(w):
    w.seal()
    user = w.aws.add_user('base', [])
    middle = w.aws.add_role('middle', [], trusts=[user.principal.arn])
    last = w.aws.add_role('last', aws.EVERYTHING, external_id='x 1', trusts=['arn:aws:sts::111122223333:assumed-role/middle/coffer'])
    write_profile(w, 'credentials', f'[base]\naws_access_key_id = {user.id}\naws_secret_access_key = {user.secret}\n')
    write_profile(w, 'config', f'[default]\nrole_arn = {last.arn}\nsource_profile = middle\nexternal_id = x 1\nrole_session_name = night\n'
                               f'duration_seconds = 900\n[profile middle]\nrole_arn = {middle.arn}\nsource_profile = base\n')
    w.open(env=nothing())
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/last/night')
    rig.equal(w.aws.events('AssumeRole')[-1]['requestParameters']['durationSeconds'], '900')
    last.external_id = 'another'
    w.open(7, ('STS (127.0.0.1) does not give the role ' + last.arn, 'AccessDenied', 'trust policy'), env=nothing())
    write_profile(w, 'config', f'[default]\nrole_arn = {middle.arn}\ncredential_source = Environment\n')
    w.open(7, 'takes its credentials from Environment, and there are none', env=nothing())


def web_identity(w):
    """As in a pod of EKS: the token is a file, and the request is not signed."""
    w.seal()
    role = w.aws.add_role('pod', aws.EVERYTHING, web_token='eyJ.a+b/c.x')
    env = nothing(AWS_WEB_IDENTITY_TOKEN_FILE=w.coffer.write('token', 'eyJ.a+b/c.x\n'), AWS_ROLE_ARN=role.arn, AWS_ROLE_SESSION_NAME='pod-1')
    w.open(env=env)
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/pod/pod-1')
    w.aws.fail('IDPCommunicationError', operation='AssumeRoleWithWebIdentity')
    w.open(env=env)
    w.coffer.write('token', 'eyJ.forged.x')
    outcome = w.open(7, ('STS (127.0.0.1) does not give the role', 'InvalidIdentityToken'), env=env)
    if 'forged' in outcome.err:
        raise rig.Bad('the token was said')
    write_profile(w, 'config', f'[default]\nrole_arn = {role.arn}\nweb_identity_token_file = {w.coffer.write("token", role.web_token)}\n')
    w.open(env=nothing())
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/pod/coffer')


def container(w):
    w.seal()
    w.aws.container_role, w.aws.container_token = w.aws.add_role('task', aws.EVERYTHING), 'Bearer x y'
    env = nothing(AWS_CONTAINER_CREDENTIALS_FULL_URI=w.server.url + '/container', AWS_CONTAINER_AUTHORIZATION_TOKEN='Bearer x y')
    w.open(env=env)
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/task/task')
    w.open(env={**env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN': None, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE': w.coffer.write('t', 'Bearer x y\n')})
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/task/task')
    role = w.aws.add_role('from-task', aws.EVERYTHING, trusts=['arn:aws:sts::111122223333:assumed-role/task/task'])
    write_profile(w, 'config', f'[profile task]\nrole_arn = {role.arn}\ncredential_source = EcsContainer\n')
    w.open(env={**env, 'AWS_PROFILE': 'task'})
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/from-task/coffer')
    w.open(7, 'answered 401; does the task or pod have a role?', env={**env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN': 'no'})
    asked = len(w.aws.asked)
    for uri in ('http://203.0.113.1/c', 'http://169.254.169.254/latest/', 'http://169.254.170.2.example/', 'http://u@127.0.0.1/'):
        w.open(7, 'AWS_CONTAINER_CREDENTIALS_FULL_URI', env={**env, 'AWS_CONTAINER_CREDENTIALS_FULL_URI': uri})
    rig.equal(len(w.aws.asked), asked)


def instance(w):
    w.seal()
    w.aws.instance_role = w.aws.add_role('instance', aws.EVERYTHING)
    env = nothing(AWS_EC2_METADATA_DISABLED=None, AWS_EC2_METADATA_SERVICE_ENDPOINT=w.server.url + '/', http_proxy='http://127.0.0.1:1')
    w.open(env={**env, 'AWS_REGION': None})
    rig.equal(principal_of(w), 'arn:aws:sts::111122223333:assumed-role/instance/i-1')
    rig.equal(w.aws.asked, ['/latest/api/token', '/latest/meta-data/placement/region', '/latest/api/token',
                            '/latest/meta-data/iam/security-credentials/', '/latest/meta-data/iam/security-credentials/instance'])
    w.aws.asked.clear()
    w.open(7, 'there are no AWS credentials', env={**env, 'AWS_EC2_METADATA_DISABLED': 'true'})
    rig.equal(w.aws.asked, [])
    w.aws.imds_version_1_only = True
    w.open(7, 'there are no AWS credentials', env=env)
    rig.equal(w.aws.asked, ['/latest/api/token'], 'version 1 is never asked')


def a_credential_that_ends_on_the_way(w):
    """KMS calls the instance's credentials expired: others are asked for, once."""
    w.seal()
    w.aws.instance_role = w.aws.add_role('instance', aws.EVERYTHING)
    env = nothing(AWS_EC2_METADATA_DISABLED=None, AWS_EC2_METADATA_SERVICE_ENDPOINT=w.server.url)
    w.aws.fail('ExpiredTokenException', operation='Decrypt')
    w.open(env=env)
    rig.equal(w.aws.asked.count('/latest/meta-data/iam/security-credentials/instance'), 2)
    w.aws.fail('ExpiredTokenException', operation='Decrypt', times=5)
    w.open(7, 'the credential has expired', env=env)


# ---- the rest ----

def clocks(w):
    w.seal()
    for ahead in (7200, -7200):
        w.aws.skew = ahead
        w.open()
        rig.equal([e.get('errorCode') for e in w.aws.events('Decrypt')[-2:]], ['InvalidSignatureException', None])
    w.server.fault(rig.changed(lambda a: rig.Answer(a.status, a.body, {**a.headers, 'Date': 'x'})))
    w.aws.skew = 0
    w.open()


def grant_tokens(w):
    w.seal()
    w.open(env={'COFFER_AWS_GRANT_TOKENS_FILE': w.coffer.write('grants', 'one\ntwo\n')})
    rig.equal(w.aws.events('Decrypt')[-1]['requestParameters']['grantTokens'], ['one', 'two'])
    w.open(2, 'more than 10 grant tokens', env={'COFFER_AWS_GRANT_TOKENS_FILE': w.coffer.write('grants', 'x ' * 11)})


def endpoints(w):
    dead = f'http://127.0.0.1:{rig.nobody()}'
    w.seal()
    w.open(env={'AWS_ENDPOINT_URL_KMS': w.server.url, 'AWS_ENDPOINT_URL': dead})
    w.open(env={'COFFER_AWSKMS_ENDPOINT': w.server.url, 'AWS_ENDPOINT_URL_KMS': dead, 'AWS_ENDPOINT_URL': dead})
    w.open(2, 'is not protected by TLS', env={'AWS_ENDPOINT_URL': 'http://kms.example'})
    authority = rig.Authority(w.coffer.folder)
    with aws.Server(w.aws, tls=authority) as tls:
        trusted = {'SSL_CERT_FILE': authority.ca, 'AWS_ENDPOINT_URL': dead}
        w.open(kek=f'awskms://localhost:{tls.port}/{ALIAS}', env=trusted)
        w.open(7, 'SSL_CERT_FILE', kek=f'awskms://localhost:{tls.port}/{ALIAS}', env={'AWS_ENDPOINT_URL': dead})


def uris(w):
    w.seal()
    for rest, words in (('', 'an awskms:// URI is'), (ALIAS.split('/', maxsplit=1)[0], 'an awskms:// URI is'), ('/', 'names no key'),
                        ('/alias/a.b', 'names no key'), ('/arn:aws:s3:::bucket', 'names no key'), ('u@h/' + ALIAS, 'endpoint in an awskms://'),
                        ('/arn:aws:kms:eu-central-1:12:key/x', 'names no key'), ('/x?y', 'names no key')):
        w.open(2, words, kek='awskms://' + rest)
    w.open(2, 'there is no AWS region', env={'AWS_REGION': None})


CASES = [wrap, unwrap, rewrap, wrong_context, damaged_wrap, expired_credential, throttled, unreachable, wrong_key, revoked_permission,
         reencrypt, reencrypt_refused, rotate, rotate_again, environments_are_apart, aliases_are_apart, templates, an_alias_that_moved, a_service_that_uses_another_key, answers_that_are_none,
         multi_region, several_recipients, no_credentials, shared_file, credential_process, assumed_role, web_identity, container, instance,
         a_credential_that_ends_on_the_way, clocks, grant_tokens, endpoints, uris]


def main():
    report = rig.Report(sys.argv[2:])
    for case in CASES:
        def in_a_world(case=case):
            with World(sys.argv[1]) as world:
                case(world)
        report.check(case.__name__.replace('_', ' '), in_a_world)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
