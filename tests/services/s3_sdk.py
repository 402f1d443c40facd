#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The object store of our own (s3.py) under boto3, Amazon's client for Python: each thing that coffer relies on.

Runs itself again with the Python that COFFER_PEERS_CLOUD names; without one it is skipped."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
import s3  # noqa: E402


class World:
    def __init__(self, store):
        self.store = store

    def client(self, secret=None, token=None, key='AKIDTEST'):
        import boto3
        from botocore.config import Config
        return boto3.client('s3', region_name='eu-central-1', endpoint_url=self.store.server.url, aws_access_key_id=key,
                            aws_secret_access_key=secret or self.store.credentials['AKIDTEST'][0], aws_session_token=token,
                            config=Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'},
                                          request_checksum_calculation='when_required', response_checksum_validation='when_required'))


def refused(code, call, **kwargs):
    from botocore.exceptions import ClientError
    try:
        call(**kwargs)
    except ClientError as error:
        rig.equal(error.response['Error']['Code'], code)
        return
    raise rig.Bad(f'no {code}')


def objects(w):
    c = w.client()
    c.put_object(Bucket='b', Key='a/é +=&%.bin', Body=b'0123456789')
    found = c.get_object(Bucket='b', Key='a/é +=&%.bin')
    rig.equal((found['Body'].read(), found['ContentLength'], found['ETag']), (b'0123456789', 10, '"781e5e245d69b566979b86e28d23f2c7"'))
    rig.equal(abs(found['LastModified'].timestamp() - time.time()) < 5, True)
    part = c.get_object(Bucket='b', Key='a/é +=&%.bin', Range='bytes=2-4', IfMatch=found['ETag'])
    rig.equal((part['Body'].read(), part['ContentRange'], part['ResponseMetadata']['HTTPStatusCode']), (b'234', 'bytes 2-4/10', 206))
    rig.equal(c.get_object(Bucket='b', Key='a/é +=&%.bin', Range='bytes=7-')['Body'].read(), b'789')
    refused('InvalidRange', c.get_object, Bucket='b', Key='a/é +=&%.bin', Range='bytes=10-')
    refused('PreconditionFailed', c.get_object, Bucket='b', Key='a/é +=&%.bin', IfMatch='"other"')
    rig.equal(c.head_object(Bucket='b', Key='a/é +=&%.bin')['ContentLength'], 10)
    refused('404', c.head_object, Bucket='b', Key='none')
    refused('NoSuchKey', c.get_object, Bucket='b', Key='none')
    refused('NoSuchBucket', c.get_object, Bucket='none', Key='none')
    c.delete_object(Bucket='b', Key='a/é +=&%.bin')
    c.delete_object(Bucket='b', Key='a/é +=&%.bin')
    refused('NoSuchKey', c.get_object, Bucket='b', Key='a/é +=&%.bin')


def conditions(w):
    c = w.client()
    c.put_object(Bucket='b', Key='k', Body=b'1', IfNoneMatch='*')
    refused('PreconditionFailed', c.put_object, Bucket='b', Key='k', Body=b'2', IfNoneMatch='*')
    rig.equal(c.get_object(Bucket='b', Key='k')['Body'].read(), b'1')
    w.store.conditions = False
    refused('NotImplemented', c.put_object, Bucket='b', Key='k2', Body=b'2', IfNoneMatch='*')


def lists(w):
    c = w.client()
    names = sorted(f'p/{n} é&<+%' for n in range(7))
    for name in [*names, 'q']:
        c.put_object(Bucket='b', Key=name, Body=name.encode())
    for page in (3, 7, 1000):
        w.store.page = page
        pages = list(c.get_paginator('list_objects_v2').paginate(Bucket='b', Prefix='p/'))
        rig.equal(len(pages), -(-7 // page))
        rig.equal([(o['Key'], o['Size']) for p in pages for o in p['Contents']], [(name, len(name.encode())) for name in names])
    rig.equal(c.list_objects_v2(Bucket='b', Prefix='none')['KeyCount'], 0)


def parts(w):
    c = w.client()
    upload = c.create_multipart_upload(Bucket='b', Key='k')['UploadId']
    listed = c.list_multipart_uploads(Bucket='b')['Uploads']
    rig.equal([(u['Key'], u['UploadId']) for u in listed], [('k', upload)])
    etags = [c.upload_part(Bucket='b', Key='k', UploadId=upload, PartNumber=n + 1, Body=body)['ETag'] for n, body in enumerate((b'one', b'two'))]
    named = [{'PartNumber': n + 1, 'ETag': etag} for n, etag in enumerate(etags)]
    refused('InvalidPart', c.complete_multipart_upload, Bucket='b', Key='k', UploadId=upload, MultipartUpload={'Parts': named[:1]})
    w.store.late_errors = ['InternalError']
    refused('InternalError', c.complete_multipart_upload, Bucket='b', Key='k', UploadId=upload, MultipartUpload={'Parts': named})
    done = c.complete_multipart_upload(Bucket='b', Key='k', UploadId=upload, MultipartUpload={'Parts': named})
    rig.equal((done['ETag'][-3:], c.get_object(Bucket='b', Key='k')['Body'].read()), ('-2"', b'onetwo'))
    refused('NoSuchUpload', c.complete_multipart_upload, Bucket='b', Key='k', UploadId=upload, MultipartUpload={'Parts': named})
    other = c.create_multipart_upload(Bucket='b', Key='k')['UploadId']
    c.abort_multipart_upload(Bucket='b', Key='k', UploadId=other)
    refused('NoSuchUpload', c.abort_multipart_upload, Bucket='b', Key='k', UploadId=other)


def who_may(w):
    refused('SignatureDoesNotMatch', w.client(secret='wrong').list_objects_v2, Bucket='b')
    refused('InvalidAccessKeyId', w.client(key='AKIDOTHER').list_objects_v2, Bucket='b')
    refused('ExpiredToken', w.client(token='old').list_objects_v2, Bucket='b')
    w.store.credentials['AKIDTEST'] = w.store.credentials['AKIDTEST'][0], 'tok/en+='
    w.client(token='tok/en+=').list_objects_v2(Bucket='b')
    w.store.ahead = 3600
    refused('RequestTimeTooSkewed', w.client(token='tok/en+=').list_objects_v2, Bucket='b')


def main():
    try:
        import boto3  # noqa: F401
    except ImportError:
        peers = os.environ.get('COFFER_PEERS_CLOUD')
        if not peers:
            rig.skip_all('COFFER_PEERS_CLOUD names no Python with boto3 (tests/peers/setup makes one)')
        os.execv(peers, [peers, __file__, *sys.argv[1:]])
    report = rig.Report(sys.argv[1:])
    for case in (objects, conditions, lists, parts, who_may):
        with s3.Store() as store:
            store.buckets['b'] = {}
            report.check(case.__name__.replace('_', ' '), case, World(store))
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
