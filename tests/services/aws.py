#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An AWS of our own: as much of KMS, STS and the metadata services as coffer speaks with, for tests.

KMS (2014-11-01): symmetric keys with real AES-GCM and the encryption context as associated data, aliases, states, material that rotates,
multi-Region keys, ReEncrypt.  STS (2011-06-15): AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity.  Every request is checked against
its signature (aws_sigv4.py) and the policies of who signed it (aws_iam.py), and is written down as CloudTrail would.  IMDSv2, and the
credential services of containers.  Codes, statuses and words are those of AWS's API references.  boto3, AWS's own client, is driven against
it by aws_sdk.py.

In a test: Aws(), what it holds, then Server().  From a shell, for a page of docs/howto:

    python3 tests/services/aws.py FOLDER      serves until its standard input ends; FOLDER/env is to be sourced, and
                                              FOLDER/loader.env by who opens
"""
import base64
import binascii
import hashlib
import json
import os
import re
import secrets
import sys
import threading
import time
import uuid
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aws_iam  # noqa: E402
import aws_sigv4  # noqa: E402
import rig  # noqa: E402

ACCOUNT = '111122223333'
REGION = 'eu-central-1'
ALGORITHM = 'SYMMETRIC_DEFAULT'
MAGIC = b'\x01\x02\x03\x00'
ROTATIONS_MAX = 25
SERVER_FAULTS = {'KMSInternalException': 500, 'InternalFailure': 500, 'DependencyTimeoutException': 503, 'KeyUnavailableException': 500,
                 'ServiceUnavailable': 503, 'ServiceUnavailableException': 503}
EVERYTHING = [{'Version': '2012-10-17', 'Statement': {'Effect': 'Allow', 'Action': '*', 'Resource': '*'}}]


class Refused(Exception):
    """An answer that is no success: code and words of the service."""

    def __init__(self, code, words='', status=None):
        super().__init__(code, words)
        self.code, self.words, self.status = code, words, status or SERVER_FAULTS.get(code, 400)


def utc(when):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(when))


# ---- who may ask ----

class Principal:
    """A user or a role, and its policies."""

    def __init__(self, arn, policies):
        self.arn, self.policies = arn, policies


class Credential:
    def __init__(self, principal, ends=None):
        temporary = ends is not None
        self.id = ('ASIA' if temporary else 'AKIA') + ''.join(secrets.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567') for _ in range(16))
        self.secret = base64.b64encode(secrets.token_bytes(30)).decode()
        self.token = 'IQoJ' + base64.b64encode(secrets.token_bytes(300)).decode() if temporary else ''
        self.principal, self.ends = principal, ends

    def environment(self):
        session = {'AWS_SESSION_TOKEN': self.token} if self.token else {}
        return {'AWS_ACCESS_KEY_ID': self.id, 'AWS_SECRET_ACCESS_KEY': self.secret, **session}

    def answer(self, token='Token'):
        """As the metadata services write it; credential_process with token='SessionToken'."""
        return {'AccessKeyId': self.id, 'SecretAccessKey': self.secret, token: self.token, 'Expiration': utc(self.ends or time.time() + 3600)}


class Role(Principal):
    def __init__(self, name, policies, external_id=None, trusts=None, web_token=None):
        super().__init__(f'arn:aws:iam::{ACCOUNT}:role/{name}', policies)
        self.name, self.external_id, self.trusts, self.web_token = name, external_id, trusts, web_token

    def session(self, name):
        return Principal(f'arn:aws:sts::{ACCOUNT}:assumed-role/{self.name}/{name}', self.policies)


# ---- keys ----

class Material:
    def __init__(self, when):
        self.id, self.bytes, self.when = secrets.token_hex(32), secrets.token_bytes(32), when


class Key:
    def __init__(self, region, when, multi_region=False, replica_of=None):
        self.id = replica_of.id if replica_of else f'mrk-{secrets.token_hex(16)}' if multi_region else str(uuid.uuid4())
        self.region, self.created, self.multi_region = region, when, multi_region or replica_of is not None
        self.arn = f'arn:aws:kms:{region}:{ACCOUNT}:key/{self.id}'
        self.materials = replica_of.materials if replica_of else [Material(when)]
        self.primary = replica_of.primary if replica_of else self
        self.state, self.spec, self.usage = 'Enabled', ALGORITHM, 'ENCRYPT_DECRYPT'

    def check_usable(self):
        if self.state == 'Disabled':
            raise Refused('DisabledException', f'{self.arn} is disabled.')
        if self.state != 'Enabled':
            raise Refused('KMSInvalidStateException', f'{self.arn} is pending deletion.')
        if self.spec != ALGORITHM:
            raise Refused('InvalidKeyUsageException', f'The operation failed because the KMS key {self.arn} is not symmetric.')

    def seal(self, plaintext, context):
        nonce, material = secrets.token_bytes(12), self.materials[-1]
        sealed = AESGCM(material.bytes).encrypt(nonce, plaintext, aad(context))
        return MAGIC + hashlib.sha256(self.id.encode()).digest() + bytes.fromhex(material.id) + nonce + sealed, material

    def unseal(self, blob, context):
        material = next((m for m in self.materials if bytes.fromhex(m.id) == blob[36:68]), None)
        if material is None:
            raise Refused('InvalidCiphertextException')
        try:
            return AESGCM(material.bytes).decrypt(blob[68:80], blob[80:], aad(context)), material
        except InvalidTag:
            raise Refused('InvalidCiphertextException') from None

    def metadata(self):
        return {'AWSAccountId': ACCOUNT, 'KeyId': self.id, 'Arn': self.arn, 'CreationDate': self.created, 'Description': '',
                'Enabled': self.state == 'Enabled', 'KeyUsage': self.usage, 'KeyState': self.state, 'Origin': 'AWS_KMS', 'KeyManager': 'CUSTOMER',
                'KeySpec': self.spec, 'CustomerMasterKeySpec': self.spec, 'EncryptionAlgorithms': [ALGORITHM],
                'MultiRegion': self.multi_region, 'CurrentKeyMaterialId': self.materials[-1].id}


def aad(context):
    return json.dumps(sorted(context.items())).encode()


def bytes_of(body, name, most):
    try:
        value = base64.b64decode(body[name], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise Refused('SerializationException', f'{name} is no base64') from None
    if not 1 <= len(value) <= most:
        raise Refused('ValidationException', f'1 validation error detected: Value at \'{name[0].lower() + name[1:]}\' failed to satisfy '
                                             f'constraint: Member must have length less than or equal to {most}')
    return value


def context_of(body, name='EncryptionContext'):
    context = body.get(name) or {}
    if not all(isinstance(v, str) for pair in context.items() for v in pair):
        raise Refused('SerializationException', 'An encryption context is strings.')
    if len(json.dumps(context)) > 8192:
        raise Refused('ValidationException', 'The encryption context is too long.')
    return context


class Kms:
    """One Region's.  A method for each operation: (body, call) to the answer."""

    def __init__(self, aws, region):
        self.aws, self.region, self.keys, self.aliases = aws, region, {}, {}

    def find(self, given, call=None):
        """The key that a KeyId stands for: id, ARN, alias or alias ARN."""
        if not isinstance(given, str) or not given:
            raise Refused('ValidationException', '1 validation error detected: Value at \'keyId\' failed to satisfy constraint: Member must not be null')
        name = given
        if given.startswith('arn:'):
            parts = given.split(':', 5)
            if len(parts) != 6 or parts[2] != 'kms':
                raise Refused('InvalidArnException', f'Invalid arn {given}')
            if parts[3] != self.region:
                raise Refused('NotFoundException', f'Invalid arn {parts[3]}')
            name = parts[5].removeprefix('key/')
            if parts[4] != ACCOUNT:
                raise Refused('NotFoundException', f'Invalid keyId \'{name}\'')
        if name.startswith('alias/'):
            if call:
                call.conditions['kms:RequestAlias'] = [name]
            if name not in self.aliases:
                raise Refused('NotFoundException', f'Alias arn:aws:kms:{self.region}:{ACCOUNT}:{name} is not found.')
            name = self.aliases[name]
        if name not in self.keys:
            raise Refused('NotFoundException', f'Key \'arn:aws:kms:{self.region}:{ACCOUNT}:key/{name}\' does not exist')
        return self.keys[name]

    def find_by_blob(self, blob):
        for key in self.keys.values():
            if len(blob) > 80 and blob[:4] == MAGIC and blob[4:36] == hashlib.sha256(key.id.encode()).digest():
                return key
        raise Refused('InvalidCiphertextException')

    def allow(self, call, action, key, context=None):
        conditions = {**call.conditions, 'kms:CallerAccount': [ACCOUNT], 'aws:RequestedRegion': [self.region]}
        conditions['kms:ResourceAliases'] = [a for a, k in self.aliases.items() if k == key.id] or None
        for name, value in (context or {}).items():
            conditions[f'kms:EncryptionContext:{name}'] = [value]
        conditions['kms:EncryptionContextKeys'] = list(context) if context else None
        call.resources.append(key.arn)
        decision = aws_iam.decide(call.who.policies, action, key.arn, conditions)
        if decision != 'Allow':
            why = 'with an explicit deny in an identity-based policy' if decision else f'because no identity-based policy allows the {action} action'
            raise Refused('AccessDeniedException', f'User: {call.who.arn} is not authorized to perform: {action} on resource: {key.arn} {why}')

    def allow_all(self, call, action):
        """Of an operation that is on no key."""
        if aws_iam.decide(call.who.policies, action, '*', {}) != 'Allow':
            raise Refused('AccessDeniedException', f'User: {call.who.arn} is not authorized to perform: {action}')

    # -- with a key --

    def Encrypt(self, body, call):
        key, context = self.find(body.get('KeyId'), call), context_of(body)
        self.allow(call, 'kms:Encrypt', key, context)
        key.check_usable()
        blob, _ = key.seal(bytes_of(body, 'Plaintext', 4096), context)
        return {'CiphertextBlob': base64.b64encode(blob).decode(), 'KeyId': key.arn, 'EncryptionAlgorithm': ALGORITHM}

    def source(self, body, call, action, given, context):
        """The key that opens, when who asks may use it and means no other one."""
        blob = bytes_of(body, 'CiphertextBlob', 6144)
        named = self.find(given, call) if given is not None else None
        key = named or self.find_by_blob(blob)
        self.allow(call, action, key, context)
        key.check_usable()
        if self.find_by_blob(blob) is not key:
            raise Refused('IncorrectKeyException', 'The key ID in the request does not identify a CMK that can perform this operation.')
        return key, key.unseal(blob, context)

    def Decrypt(self, body, call):
        key, (plaintext, material) = self.source(body, call, 'kms:Decrypt', body.get('KeyId'), context_of(body))
        return {'Plaintext': base64.b64encode(plaintext).decode(), 'KeyId': key.arn, 'EncryptionAlgorithm': ALGORITHM, 'KeyMaterialId': material.id}

    def ReEncrypt(self, body, call):
        context = context_of(body, 'SourceEncryptionContext')
        old, (plaintext, was) = self.source(body, call, 'kms:ReEncryptFrom', body.get('SourceKeyId'), context)
        context = context_of(body, 'DestinationEncryptionContext')
        call.conditions.pop('kms:RequestAlias', None)
        new = self.find(body.get('DestinationKeyId'), call)
        self.allow(call, 'kms:ReEncryptTo', new, context)
        new.check_usable()
        blob, now = new.seal(plaintext, context)
        return {'CiphertextBlob': base64.b64encode(blob).decode(), 'SourceKeyId': old.arn, 'KeyId': new.arn, 'SourceEncryptionAlgorithm': ALGORITHM,
                'DestinationEncryptionAlgorithm': ALGORITHM, 'SourceKeyMaterialId': was.id, 'DestinationKeyMaterialId': now.id}

    def GenerateDataKey(self, body, call):
        key, context = self.find(body.get('KeyId'), call), context_of(body)
        self.allow(call, 'kms:GenerateDataKey', key, context)
        key.check_usable()
        plaintext = secrets.token_bytes(32 if body.get('KeySpec') == 'AES_256' else int(body.get('NumberOfBytes', 16)))
        blob, material = key.seal(plaintext, context)
        return {'CiphertextBlob': base64.b64encode(blob).decode(), 'Plaintext': base64.b64encode(plaintext).decode(), 'KeyId': key.arn,
                'KeyMaterialId': material.id}

    # -- about a key --

    def DescribeKey(self, body, call):
        key = self.find(body.get('KeyId'), call)
        self.allow(call, 'kms:DescribeKey', key)
        return {'KeyMetadata': key.metadata()}

    def not_by_alias(self, body, call, action):
        if 'alias/' in str(body.get('KeyId')):
            raise Refused('InvalidArnException', f'{body["KeyId"]} is an alias; the operation takes a key id or its ARN.')
        key = self.find(body.get('KeyId'), call)
        self.allow(call, action, key)
        return key

    def RotateKeyOnDemand(self, body, call):
        key = self.not_by_alias(body, call, 'kms:RotateKeyOnDemand')
        key.check_usable()
        if key.primary is not key:
            raise Refused('UnsupportedOperationException', f'{key.arn} is a replica key; rotate its primary key.')
        if len(key.materials) > ROTATIONS_MAX:
            raise Refused('LimitExceededException', f'You have exceeded the on-demand rotation limit for KMS key {key.arn}.')
        key.materials.append(Material(self.aws.now()))
        return {'KeyId': key.id}

    def ListKeyRotations(self, body, call):
        key = self.not_by_alias(body, call, 'kms:ListKeyRotations')
        rotations = [{'KeyId': key.id, 'RotationDate': m.when, 'RotationType': 'ON_DEMAND', 'KeyMaterialId': m.id} for m in key.materials[1:]]
        begin, limit = int(body.get('Marker') or 0), int(body.get('Limit') or 10)
        more = begin + limit < len(rotations)
        return {'Rotations': rotations[begin:begin + limit], 'Truncated': more, **({'NextMarker': str(begin + limit)} if more else {})}

    def GetKeyRotationStatus(self, body, call):
        return {'KeyRotationEnabled': False, 'KeyId': self.not_by_alias(body, call, 'kms:GetKeyRotationStatus').id}

    # -- of an administrator --

    def CreateKey(self, body, call):
        self.allow_all(call, 'kms:CreateKey')
        key = Key(self.region, self.aws.now(), multi_region=bool(body.get('MultiRegion')))
        self.keys[key.id] = key
        return {'KeyMetadata': key.metadata()}

    def ReplicateKey(self, body, call):
        key = self.find(body.get('KeyId'), call)
        self.allow(call, 'kms:ReplicateKey', key)
        replica = Key(body['ReplicaRegion'], self.aws.now(), replica_of=key)
        self.aws.kms(replica.region).keys[replica.id] = replica
        return {'ReplicaKeyMetadata': replica.metadata()}

    def CreateAlias(self, body, call):
        key = self.not_by_alias({'KeyId': body.get('TargetKeyId')}, call, 'kms:CreateAlias')
        if body['AliasName'] in self.aliases:
            raise Refused('AlreadyExistsException', f'An alias with the name {body["AliasName"]} already exists')
        self.aliases[body['AliasName']] = key.id
        return None

    def UpdateAlias(self, body, call):
        key = self.not_by_alias({'KeyId': body.get('TargetKeyId')}, call, 'kms:UpdateAlias')
        self.find(body['AliasName'])
        self.aliases[body['AliasName']] = key.id
        return None

    def set_state(self, body, call, action, state):
        self.not_by_alias(body, call, action).state = state

    def EnableKey(self, body, call):
        self.set_state(body, call, 'kms:EnableKey', 'Enabled')

    def DisableKey(self, body, call):
        self.set_state(body, call, 'kms:DisableKey', 'Disabled')

    def ScheduleKeyDeletion(self, body, call):
        self.set_state(body, call, 'kms:ScheduleKeyDeletion', 'PendingDeletion')
        return {'KeyId': body['KeyId'], 'KeyState': 'PendingDeletion', 'DeletionDate': self.aws.now() + 30 * 86400}


OPERATIONS = {name for name in vars(Kms) if name[0].isupper()}


# ---- all of it ----

class Call:
    """One signed request, and what becomes known of it on the way."""

    def __init__(self, who, key_id, region):
        self.who, self.key_id, self.region, self.conditions, self.resources = who, key_id, region, {}, []


def header(request, name):
    return request.headers.get(name) or ''


class Aws:
    """Log: one dict for each request to KMS or STS, as CloudTrail has it, never with a plaintext.  asked: the paths of the metadata services.
    skew: how far the clock is ahead.  faults: what the next requests get in place of an answer; see fail(); what happens to connections is rig.Server's."""

    def __init__(self):
        self.lock = threading.RLock()
        self.skew, self.log, self.asked, self.faults = 0, [], [], []
        self.regions, self.credentials, self.roles = {}, {}, {}
        self.instance_role, self.instance_region, self.imds_version_1_only = None, REGION, False
        self.container_role, self.container_token = None, None
        self.sessions, self.lifetime = set(), 3600
        self.admin = self.add_user('admin', EVERYTHING)

    def now(self):
        return time.time() + self.skew

    def kms(self, region=REGION):
        return self.regions.setdefault(region, Kms(self, region))

    # -- for a test: what an administrator would do, past HTTP --

    def add_user(self, name, policies):
        return self.give(Principal(f'arn:aws:iam::{ACCOUNT}:user/{name}', policies))

    def give(self, principal, ends=None):
        credential = Credential(principal, ends)
        self.credentials[credential.id] = credential
        return credential

    def add_role(self, name, policies, **more):
        self.roles[f'arn:aws:iam::{ACCOUNT}:role/{name}'] = role = Role(name, policies, **more)
        return role

    def add_key(self, alias=None, region=REGION, **more):
        key = Key(region, self.now(), **more)
        self.kms(region).keys[key.id] = key
        if alias:
            self.kms(region).aliases[alias] = key.id
        return key

    def replicate(self, key, region):
        replica = Key(region, self.now(), replica_of=key)
        self.kms(region).keys[replica.id] = replica
        return replica

    def fail(self, code, times=1, operation='', words='', status=None, retry_after=None):
        """Answer the next requests of @operation with @code."""
        self.faults.append({'code': code, 'times': times, 'operation': operation, 'words': words, 'status': status, 'retry_after': retry_after})

    def events(self, name=''):
        with self.lock:
            return [event for event in self.log if name in event['eventName']]

    # -- requests --

    def authenticate(self, request):
        def secret_of(key_id):
            if key_id not in self.credentials:
                raise Refused('UnrecognizedClientException', 'The security token included in the request is invalid.')
            return self.credentials[key_id].secret
        headers = {name.lower(): request.headers.get_all(name) for name in request.headers}
        key_id, region, service = aws_sigv4.verify(request.method, request.path, request.query, headers, request.body, self.now(), secret_of)
        credential = self.credentials[key_id]
        if header(request, 'x-amz-security-token') != credential.token:
            raise Refused('UnrecognizedClientException', 'The security token included in the request is invalid.')
        if credential.ends is not None and self.now() >= credential.ends:
            raise Refused('ExpiredTokenException', 'The security token included in the request is expired')
        return Call(credential.principal, key_id, region), service

    def next_fault(self, operation):
        for fault in self.faults:
            if fault['operation'] in operation and fault['times'] > 0:
                fault['times'] -= 1
                return fault
        return None

    def write_down(self, source, operation, body, call, refused):
        shown = {name[0].lower() + name[1:]: value for name, value in body.items() if name not in ('Plaintext', 'CiphertextBlob', 'WebIdentityToken')}
        who = {'arn': call.who.arn, 'accessKeyId': call.key_id} if call else {}
        event = {'eventTime': utc(self.now()), 'eventSource': source, 'eventName': operation, 'awsRegion': call.region if call else '',
                 'userIdentity': who, 'requestParameters': shown, 'resources': call.resources if call else []}
        if refused:
            event |= {'errorCode': refused.code, 'errorMessage': refused.words}
        self.log.append(event)

    def logged(self, source, operation, body, request, expected, act):
        """What @act answers to a call that is signed for the service @expected (None: not signed)."""
        call, refused = None, None
        try:
            fault = self.next_fault(operation)
            if fault:
                refused = Refused(fault['code'], fault['words'], fault['status'])
                refused.retry_after = fault['retry_after']
                raise refused
            if expected:
                call, service = self.authenticate(request)
                if service != expected:
                    raise Refused('InvalidSignatureException', f'Credential should be scoped to correct service: \'{expected}\'.')
            return act(call)
        except aws_sigv4.Unsigned as unsigned:
            refused = Refused(*unsigned.args)
            raise refused from None
        except Refused as why:
            refused = why
            raise
        finally:
            self.write_down(source, operation, body, call, refused)

    # -- KMS: AWS JSON 1.1 --

    def answer_kms(self, request):
        operation = header(request, 'x-amz-target').removeprefix('TrentService.')
        headers, status = {'Content-Type': 'application/x-amz-json-1.1', 'x-amzn-RequestId': str(uuid.uuid4())}, 200
        try:
            if header(request, 'content-type') != 'application/x-amz-json-1.1' or operation not in OPERATIONS:
                raise Refused('UnknownOperationException', status=404)
            body = json.loads(request.body)
            answer = self.logged('kms.amazonaws.com', operation, body, request, 'kms',
                                 lambda call: getattr(self.kms(call.region), operation)(body, call))
        except ValueError:
            status, answer = 400, {'__type': 'SerializationException'}
        except Refused as refused:
            status, answer = refused.status, {'__type': refused.code, **({'message': refused.words} if refused.words else {})}
            if getattr(refused, 'retry_after', None) is not None:
                headers['Retry-After'] = str(refused.retry_after)
        return rig.Answer(status, '' if answer is None else json.dumps(answer), headers)

    # -- STS: the query protocol, XML --

    def temporary(self, role, session_name):
        return self.give(role.session(session_name), self.now() + self.lifetime)

    def role_of(self, form):
        role = self.roles.get(form.get('RoleArn'))
        if not role or len(form.get('RoleSessionName', '')) < 2:
            raise Refused('AccessDenied', f'Not authorized to perform sts:AssumeRole on {form.get("RoleArn")}', 403)
        return role

    def AssumeRole(self, form, call):
        role = self.role_of(form)
        if role.web_token or form.get('ExternalId') != role.external_id or (role.trusts is not None and call.who.arn not in role.trusts):
            raise Refused('AccessDenied', f'User: {call.who.arn} is not authorized to perform: sts:AssumeRole on resource: {role.arn}', 403)
        return self.credentials_xml(self.temporary(role, form['RoleSessionName']), 'AssumeRole')

    def AssumeRoleWithWebIdentity(self, form, call):
        role = self.role_of(form)
        if not role.web_token or form.get('WebIdentityToken') != role.web_token:
            raise Refused('InvalidIdentityToken', 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)')
        return self.credentials_xml(self.temporary(role, form['RoleSessionName']), 'AssumeRoleWithWebIdentity')

    def GetCallerIdentity(self, form, call):
        return f'<Arn>{escape(call.who.arn)}</Arn><UserId>{call.key_id}</UserId><Account>{ACCOUNT}</Account>'

    @staticmethod
    def credentials_xml(credential, operation):
        a = credential.answer('SessionToken')
        return '<Credentials>' + ''.join(f'<{name}>{escape(value)}</{name}>' for name, value in a.items()) + '</Credentials>' + \
            f'<AssumedRoleUser><Arn>{escape(credential.principal.arn)}</Arn><AssumedRoleId>AROA:{operation}</AssumedRoleId></AssumedRoleUser>'

    def answer_sts(self, request):
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        operation = form.get('Action', '')
        try:
            if operation not in ('AssumeRole', 'AssumeRoleWithWebIdentity', 'GetCallerIdentity') or form.get('Version') != '2011-06-15':
                raise Refused('InvalidAction', f'Could not find operation {operation}')
            expected = None if operation == 'AssumeRoleWithWebIdentity' else 'sts'
            inner = self.logged('sts.amazonaws.com', operation, form, request, expected, lambda call: getattr(self, operation)(form, call))
            status = 200
            text = f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <{operation}Result>{inner}</{operation}Result>\n' \
                   f'  <ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>\n</{operation}Response>\n'
        except Refused as refused:
            status = refused.status
            code = {'UnrecognizedClientException': 'InvalidClientTokenId', 'ExpiredTokenException': 'ExpiredToken',
                    'InvalidSignatureException': 'SignatureDoesNotMatch'}.get(refused.code, refused.code)
            text = f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n    <Type>Sender</Type>\n' \
                   f'    <Code>{code}</Code>\n    <Message>{escape(refused.words)}</Message>\n  </Error>\n' \
                   f'  <RequestId>{uuid.uuid4()}</RequestId>\n</ErrorResponse>\n'
        return rig.Answer(status, text, {'Content-Type': 'text/xml'})

    # -- the metadata services --

    @staticmethod
    def plain(status, text=''):
        return rig.Answer(status, text, {'Content-Type': 'text/plain'})

    def answer_instance(self, request):
        path = request.path.removeprefix('/latest/')
        if path == 'api/token':
            if request.method != 'PUT' or not header(request, 'x-aws-ec2-metadata-token-ttl-seconds') or header(request, 'x-forwarded-for'):
                return self.plain(400)
            if self.imds_version_1_only:
                return self.plain(404)
            self.sessions.add(token := base64.b64encode(secrets.token_bytes(40)).decode())
            return self.plain(200, token)
        if header(request, 'x-aws-ec2-metadata-token') not in self.sessions and not self.imds_version_1_only:
            return self.plain(401)
        if path == 'meta-data/placement/region':
            return self.plain(200, self.instance_region)
        below = path.removeprefix('meta-data/iam/security-credentials/')
        if below == path or not self.instance_role:
            return self.plain(404)
        if below == '':
            return self.plain(200, self.instance_role.name)
        if below != self.instance_role.name:
            return self.plain(404)
        answer = {'Code': 'Success', 'LastUpdated': utc(self.now()), 'Type': 'AWS-HMAC', **self.temporary(self.instance_role, 'i-1').answer()}
        return self.plain(200, json.dumps(answer, indent=2))

    def answer_container(self, request):
        if self.container_token is not None and header(request, 'authorization') != self.container_token:
            return self.plain(401)
        if not self.container_role:
            return self.plain(404)
        return rig.Answer(body=self.temporary(self.container_role, 'task').answer())

    def answer(self, request):
        with self.lock:
            if request.path.startswith(('/latest/', '/container')):
                self.asked.append(request.path)
                return self.answer_instance(request) if request.path.startswith('/latest/') else self.answer_container(request)
            if request.method == 'POST' and request.path == '/' and header(request, 'x-amz-target'):
                return self.answer_kms(request)
            if request.method == 'POST' and request.path == '/':
                return self.answer_sts(request)
            return self.plain(404)


class Server(rig.Server):
    """with Server(aws) as server: … server.url"""

    def __init__(self, aws, **more):
        self.aws = aws
        super().__init__(aws.answer, **more)

    @property
    def clock_ahead(self):
        return self.aws.skew

    @clock_ahead.setter
    def clock_ahead(self, seconds):
        self.aws.skew = seconds


def policy_of_page():
    """The policy that docs/howto/aws-kms.md gives a loader: what the page says is what is tried."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'howto', 'aws-kms.md')
    with open(page, encoding='utf-8') as file:
        return json.loads(re.search(r'^```json\n(.*?)^```$', file.read(), re.DOTALL | re.MULTILINE)[1])


def write_environment(path, settings):
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(f'export {name}={value}\n' for name, value in settings.items())


def main(folder):
    """Two environments with a key each, one to rotate to, an administrator, and a loader."""
    aws = Aws()
    for alias in ('production/llama', 'production/next', 'development/llama'):
        aws.add_key('alias/model/' + alias)
    with Server(aws) as server:
        os.makedirs(folder, exist_ok=True)
        place = {'AWS_ENDPOINT_URL': server.url, 'AWS_REGION': REGION, 'AWS_EC2_METADATA_DISABLED': 'true'}
        write_environment(os.path.join(folder, 'env'), {**place, **aws.admin.environment()})
        write_environment(os.path.join(folder, 'loader.env'), aws.add_user('loader', [policy_of_page()]).environment())
        print('ready', flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    main(sys.argv[1])
