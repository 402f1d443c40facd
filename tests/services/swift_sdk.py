#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenStack Swift's S3 API (swift.py) under boto3, Amazon's client for Python: what coffer relies on, and what this server does otherwise.

Runs itself again with the Python that COFFER_PEERS_CLOUD names; without one, or without Swift, it is skipped."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cloud_peers  # noqa: E402
import rig  # noqa: E402
import swift  # noqa: E402
from s3_sdk import refused  # noqa: E402

BIG = 5 << 20


def client(store, user=swift.OWNER, secret=None):
    import boto3
    from botocore.config import Config
    has = store.env(user, secret)
    return boto3.client('s3', region_name=swift.REGION, endpoint_url=store.url, aws_access_key_id=user, aws_secret_access_key=has['AWS_SECRET_ACCESS_KEY'],
                        config=Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'},
                                      request_checksum_calculation='when_required', response_checksum_validation='when_required'))


def objects(store):
    c = client(store)
    c.put_object(Bucket='models', Key='a/é +=&%.bin', Body=b'0123456789')
    found = c.get_object(Bucket='models', Key='a/é +=&%.bin')
    rig.equal((found['Body'].read(), found['ContentLength'], found['ETag']), (b'0123456789', 10, '"781e5e245d69b566979b86e28d23f2c7"'))
    part = c.get_object(Bucket='models', Key='a/é +=&%.bin', Range='bytes=2-4', IfMatch=found['ETag'])
    rig.equal((part['Body'].read(), part['ContentRange']), (b'234', 'bytes 2-4/10'))
    refused('InvalidRange', c.get_object, Bucket='models', Key='a/é +=&%.bin', Range='bytes=10-')
    refused('PreconditionFailed', c.get_object, Bucket='models', Key='a/é +=&%.bin', IfMatch='"other"')
    refused('404', c.head_object, Bucket='models', Key='none')
    refused('NoSuchKey', c.get_object, Bucket='models', Key='none')
    refused('NoSuchBucket', c.get_object, Bucket='none', Key='none')
    refused('NotImplemented', c.put_object, Bucket='models', Key='other', Body=b'', IfNoneMatch='*')
    c.delete_object(Bucket='models', Key='a/é +=&%.bin')
    c.delete_object(Bucket='models', Key='a/é +=&%.bin')


def lists(store):
    c = client(store)
    names = sorted(f'p/{n:02} é&<+%' for n in range(2 * swift.PAGE + 1))
    for name in names:
        c.put_object(Bucket='models', Key=name, Body=name.encode())
    pages = list(c.get_paginator('list_objects_v2').paginate(Bucket='models', Prefix='p/'))
    rig.equal([(o['Key'], o['Size']) for p in pages for o in p['Contents']], [(name, len(name.encode())) for name in names])
    rig.equal(len(pages), 3)


def parts(store):
    c = client(store)
    upload = c.create_multipart_upload(Bucket='models', Key='k')['UploadId']
    rig.equal([(u['Key'], u['UploadId']) for u in c.list_multipart_uploads(Bucket='models')['Uploads']], [('k', upload)])
    etags = [c.upload_part(Bucket='models', Key='k', UploadId=upload, PartNumber=n + 1, Body=body)['ETag'] for n, body in enumerate((bytes(BIG), b'end'))]
    named = [{'PartNumber': n + 1, 'ETag': etag} for n, etag in enumerate(etags)]
    done = c.complete_multipart_upload(Bucket='models', Key='k', UploadId=upload, MultipartUpload={'Parts': named})
    rig.equal((done['ETag'][-3:], c.get_object(Bucket='models', Key='k')['Body'].read()), ('-2"', bytes(BIG) + b'end'))
    other = c.create_multipart_upload(Bucket='models', Key='k')['UploadId']
    c.abort_multipart_upload(Bucket='models', Key='k', UploadId=other)
    refused('NoSuchUpload', c.abort_multipart_upload, Bucket='models', Key='k', UploadId=other)


def who_may(store):
    client(store).put_object(Bucket='models', Key='w', Body=b'x')
    refused('SignatureDoesNotMatch', client(store, secret='wrong').list_objects_v2, Bucket='models')
    refused('AccessDenied', client(store, swift.STRANGER).list_objects_v2, Bucket='models')
    reader = client(store, swift.READER)
    rig.equal(reader.get_object(Bucket='models', Key='w')['Body'].read(), b'x')
    reader.list_objects_v2(Bucket='models')
    refused('AccessDenied', reader.put_object, Bucket='models', Key='w', Body=b'y')
    refused('AccessDenied', reader.delete_object, Bucket='models', Key='w')


def main():
    swift.need()
    cloud_peers.need('boto3')
    report = rig.Report(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix='coffer-swift-') as folder, swift.Swift(folder) as store:
        store.make('models')
        for case in (objects, lists, parts, who_may):
            report.check(case.__name__.replace('_', ' '), case, store)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
