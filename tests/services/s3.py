# SPDX-License-Identifier: Apache-2.0
"""An object store of our own: as much of Amazon S3 as coffer speaks with, for tests.

Objects, ranges, conditions, lists in pages, uploads in parts, and the signature of every request checked (aws_sigv4.py, with the rules of S3).
Answers and error codes are those of the Amazon S3 API reference.  boto3 is driven against it by s3_sdk.py.

    with s3.Store() as store:
        store.buckets['b'] = {}
        ...  # at store.server.url, with store.env() as the environment of who asks
"""
import hashlib
import hmac
import os
import sys
import time
import urllib.parse
from xml.etree import ElementTree
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aws_sigv4  # noqa: E402
import rig  # noqa: E402

XMLNS = 'http://s3.amazonaws.com/doc/2006-03-01/'
UNSIGNED = 'UNSIGNED-PAYLOAD'
WINDOW = 900


class Refused(Exception):
    """(status, code, words)"""


class Object:
    def __init__(self, body, etag=None):
        self.body, self.mtime = body, int(time.time())
        self.etag = etag or f'"{hashlib.md5(body).hexdigest()}"'


class Upload:
    def __init__(self, bucket, key, begun):
        self.bucket, self.key, self.begun, self.parts = bucket, key, begun, {}


def iso(when):
    return time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(when))


def http_date(when):
    return time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(when))


def xml(root, inside):
    return rig.Answer(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{inside}</{root}>', {'Content-Type': 'application/xml'})


class Store:
    """buckets: name to {key: Object}; uploads: id to Upload; credentials: id to (secret, token or None).

    page: objects of one page; conditions: whether it knows If-None-Match; late_errors: what the next ends of uploads answer with 200;
    ahead: seconds by which its clock is before ours; encoded: whether it escapes keys of lists when asked; lost: of how many requests that it
    has done the answer gets lost.
    """

    def __init__(self, region='eu-central-1', tls=None):
        self.region, self.buckets, self.uploads = region, {}, {}
        self.credentials = {'AKIDTEST': ('store/secret+key', None)}
        self.page, self.conditions, self.late_errors, self.ahead, self.encoded = 1000, True, [], 0, True
        self.server = rig.Server(self.answer, tls=tls)

    def env(self, **more):
        return {'AWS_ACCESS_KEY_ID': 'AKIDTEST', 'AWS_SECRET_ACCESS_KEY': self.credentials['AKIDTEST'][0], 'AWS_REGION': self.region,
                'AWS_ENDPOINT_URL_S3': self.server.url, **more}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    # ---- who may ----

    def verify(self, request):
        headers = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        found = aws_sigv4.AUTHORIZATION.fullmatch(headers.get('authorization', [''])[0])
        if not found:
            raise Refused(403, 'AccessDenied', 'Access Denied.')
        names, date = found['headers'].split(';'), headers.get('x-amz-date', [''])[0]
        unsigned = [n for n in headers if (n.startswith('x-amz-') or n == 'host') and n not in names]
        if names != sorted(set(names)) or unsigned or any(n not in headers for n in names):
            raise Refused(403, 'AccessDenied', 'There were headers present in the request which were not signed')
        if found['id'] not in self.credentials:
            raise Refused(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
        secret, token = self.credentials[found['id']]
        if headers.get('x-amz-security-token', [None])[0] != token:
            raise Refused(400, 'ExpiredToken', 'The provided token has expired.')
        if abs(aws_sigv4.parse_stamp(date) - time.time() - self.ahead) > WINDOW:
            raise Refused(403, 'RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.')
        if (found['region'], found['service']) != (self.region, 's3'):
            raise Refused(400, 'AuthorizationHeaderMalformed', f'the region is wrong; expecting \'{self.region}\'</Message><Region>{self.region}</Region><Message>')
        payload = headers.get('x-amz-content-sha256', [''])[0]
        if payload != UNSIGNED and payload != hashlib.sha256(request.body).hexdigest():
            raise Refused(400, 'XAmzContentSHA256Mismatch', 'The provided \'x-amz-content-sha256\' header does not match what was computed.')
        canonical = aws_sigv4.canonical_request(request.method, request.path, request.query, headers, names, 's3', payload)
        scope = f'{date[:8]}/{self.region}/s3/aws4_request'
        to_sign = '\n'.join([aws_sigv4.ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = aws_sigv4.signing_key(secret, date[:8], self.region, 's3')
        if hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() != found['signature']:
            raise Refused(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.')

    # ---- what is asked ----

    def answer(self, request):
        try:
            self.verify(request)
            return self.route(request)
        except Refused as refused:
            code, name, words = refused.args
            text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{name}</Code><Message>{words}</Message><RequestId>1</RequestId></Error>'
            return rig.Answer(code, text, {'Content-Type': 'application/xml'})

    def route(self, request):
        """In the path, or the first part of the host's name where that is a name."""
        bucket, _, key = request.path[1:].partition('/')
        host = request.headers['Host'].partition(':')[0]
        if host.endswith('.localhost'):
            bucket, key = host[:-len('.localhost')], request.path[1:]
        query = dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
        if bucket not in self.buckets:
            raise Refused(404, 'NoSuchBucket', 'The specified bucket does not exist')
        verb = self.of_bucket if not key else self.of_upload if 'uploads' in query or 'uploadId' in query else self.of_object
        return verb(request, bucket, urllib.parse.unquote(key), query)

    def of_object(self, request, bucket, key, _):
        objects = self.buckets[bucket]
        if request.method == 'PUT':
            self.check_absent(request, objects, key)
            objects[key] = Object(request.body)
            return rig.Answer(200, b'', {'ETag': objects[key].etag})
        if request.method == 'DELETE':
            objects.pop(key, None)
            return rig.Answer(204)
        if key not in objects:
            raise Refused(404, 'NoSuchKey', 'The specified key does not exist.')
        return self.read(request, objects[key])

    def check_absent(self, request, objects, key):
        if 'If-None-Match' not in request.headers:
            return
        if not self.conditions:
            raise Refused(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented')
        if key in objects:
            raise Refused(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')

    @staticmethod
    def read(request, found):
        headers = {'ETag': found.etag, 'Last-Modified': http_date(found.mtime), 'Accept-Ranges': 'bytes', 'Content-Type': 'binary/octet-stream'}
        if request.headers.get('If-Match', found.etag) != found.etag:
            raise Refused(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
        if 'Range' not in request.headers:
            return rig.Answer(200, found.body, headers)
        first, _, last = request.headers['Range'][len('bytes='):].partition('-')
        first, last = int(first), min(int(last or len(found.body)), len(found.body) - 1)
        if first >= len(found.body):
            raise Refused(416, 'InvalidRange', 'The requested range is not satisfiable')
        headers['Content-Range'] = f'bytes {first}-{last}/{len(found.body)}'
        return rig.Answer(206, found.body[first:last + 1], headers)

    # ---- lists ----

    def of_bucket(self, request, bucket, _, query):
        if request.method == 'PUT':
            return rig.Answer(200)
        if request.method == 'HEAD':
            return rig.Answer(200)
        if 'uploads' in query:
            return self.list_uploads(bucket, query)
        if query.get('list-type') != '2':
            raise Refused(501, 'NotImplemented', 'only ListObjectsV2')
        return self.list_objects(bucket, query)

    def name(self, key, query):
        return urllib.parse.quote(key, safe='/-_.~').replace('%20', '+') if self.encoded and query.get('encoding-type') == 'url' else escape(key)

    def encoding(self, query):
        return '<EncodingType>url</EncodingType>' if self.encoded and 'encoding-type' in query else ''

    def list_objects(self, bucket, query):
        keys = sorted(k for k in self.buckets[bucket] if k.startswith(query.get('prefix', '')))
        after = query.get('continuation-token')
        if after:
            keys = [k for k in keys if k > urllib.parse.unquote(after[2:])]
        page, more = keys[:self.page], len(keys) > self.page
        inside = f'<Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount><IsTruncated>{"true" if more else "false"}</IsTruncated>'
        for key in page:
            found = self.buckets[bucket][key]
            inside += (f'<Contents><Key>{self.name(key, query)}</Key><LastModified>{iso(found.mtime)}</LastModified><ETag>{escape(found.etag)}</ETag>'
                       f'<Size>{len(found.body)}</Size><StorageClass>STANDARD</StorageClass></Contents>')
        if more:
            inside += f'<NextContinuationToken>t={urllib.parse.quote(page[-1], safe="")}</NextContinuationToken>'
        return xml('ListBucketResult', inside + self.encoding(query))

    def list_uploads(self, bucket, query):
        mine = sorted((u.key, name) for name, u in self.uploads.items() if u.bucket == bucket and u.key.startswith(query.get('prefix', '')))
        mark = query.get('key-marker', ''), query.get('upload-id-marker', '')
        mine = [m for m in mine if m > mark]
        page, more = mine[:self.page], len(mine) > self.page
        inside = f'<Bucket>{bucket}</Bucket><IsTruncated>{"true" if more else "false"}</IsTruncated>'
        if more:
            inside += f'<NextKeyMarker>{self.name(page[-1][0], query)}</NextKeyMarker><NextUploadIdMarker>{page[-1][1]}</NextUploadIdMarker>'
        for key, name in page:
            inside += f'<Upload><Key>{self.name(key, query)}</Key><UploadId>{name}</UploadId><Initiated>{iso(self.uploads[name].begun)}</Initiated></Upload>'
        return xml('ListMultipartUploadsResult', inside + self.encoding(query))

    # ---- uploads in parts ----

    def of_upload(self, request, bucket, key, query):
        if request.method == 'POST' and 'uploads' in query:
            name = f'upload.{len(self.uploads) + 1}~+/='
            self.uploads[name] = Upload(bucket, key, int(time.time()))
            return xml('InitiateMultipartUploadResult', f'<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{name}</UploadId>')
        upload = self.uploads.get(query.get('uploadId'))
        if not upload or (upload.bucket, upload.key) != (bucket, key):
            raise Refused(404, 'NoSuchUpload', 'The specified upload does not exist.')
        if request.method == 'PUT':
            etag = f'"{hashlib.md5(request.body).hexdigest()}"'
            upload.parts[int(query['partNumber'])] = etag, request.body
            return rig.Answer(200, b'', {'ETag': etag})
        if request.method == 'DELETE':
            del self.uploads[query['uploadId']]
            return rig.Answer(204)
        return self.end_upload(request, upload, query['uploadId'])

    def end_upload(self, request, upload, name):
        listed = [tuple(part.find(f'{{{XMLNS}}}{name}').text for name in ('PartNumber', 'ETag'))
                  for part in ElementTree.fromstring(request.body).findall(f'{{{XMLNS}}}Part')]
        if listed != [(str(n), etag) for n, (etag, _) in sorted(upload.parts.items())]:
            raise Refused(400, 'InvalidPart', 'One or more of the specified parts could not be found.')
        if self.late_errors:
            return rig.Answer(200, f'<?xml version="1.0"?>\n  \n<Error><Code>{self.late_errors.pop(0)}</Code><Message>We encountered an internal error.</Message></Error>')
        objects = self.buckets[upload.bucket]
        self.check_absent(request, objects, upload.key)
        etags = b''.join(bytes.fromhex(etag.strip('"')) for _, (etag, _) in sorted(upload.parts.items()))
        body = b''.join(body for _, (_, body) in sorted(upload.parts.items()))
        objects[upload.key] = Object(body, f'"{hashlib.md5(etags).hexdigest()}-{len(upload.parts)}"')
        del self.uploads[name]
        answer = xml('CompleteMultipartUploadResult', f'<Key>{escape(upload.key)}</Key><ETag>{escape(objects[upload.key].etag)}</ETag>')
        # white space behind the declaration keeps the connection alive while it takes long
        answer.body = answer.body.replace(b'?>', b'?>\n \n', 1)
        return answer
