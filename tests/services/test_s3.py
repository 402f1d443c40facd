#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client for object stores (src/net/s3.h) with one of our own (s3.py): what it does, and how it fails.

usage: tests/services/test_s3.py COFFER [WORD…]

Drives the adapter that is built beside the command, adapters/s3.
"""
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
import s3  # noqa: E402

KEY = 'models/a b+c=d&é%.bin'
MIB = 1 << 20


class World:
    """A store with the bucket «models», and the adapter in a folder of its own."""

    def __init__(self, adapter, store, **environment):
        self.store = store
        self.do = rig.Coffer(adapter, **store.env(COFFER_S3_RETRIES='2', **environment))
        self.objects = store.buckets.setdefault('models', {})

    def put(self, body, *more, key=KEY, code=0, words='put', env=None):
        self.do.write('body', body)
        return self.do.expect(code, words, 'put', 'models', key, 'body', *more, env=env)

    def got(self, *more, key=KEY):
        self.do.ok('get', 'models', key, 'got', *more)
        return self.do.read('got')

    def asked(self, method):
        return [r for r in self.store.server.log if r.method == method]


def some(size):
    return random.Random(size).randbytes(size)


def objects(w):
    for body in (b'', b'x', some(100000), some(3 * MIB)):
        for more in ((), ('sha256',), ('memory',)):
            w.put(body, *more)
            rig.equal(w.objects[KEY].body == body, True, 'what was put')
            rig.equal(w.got() == body, True, 'what is got')
    found = w.objects[KEY]
    rig.equal(w.do.ok('head', 'models', KEY).out, f'{len(found.body)} {found.mtime} {found.etag} {KEY}\n')
    w.do.ok('delete', 'models', KEY)
    w.do.ok('delete', 'models', KEY)
    rig.equal(w.objects, {})
    for verb in (('head',), ('get', 'got')):
        w.do.expect(3, ('HTTP 404', 'there is no such object'), verb[0], 'models', KEY, *verb[1:])
    w.do.expect(3, ('NoSuchBucket', 'check its name'), 'get', 'nowhere', KEY, 'got')


def ranges(w):
    body = some(1000)
    w.put(body)
    for off, length in ((0, 1), (0, 1000), (0, 2000), (999, 1), (500, 100), (500, 0), (0, 0)):
        rig.equal(w.got(str(off), str(length)), body[off:off + length] if length else body[off:], f'{length} bytes from {off}')
    w.do.expect(2, ('InvalidRange', 'the object is shorter'), 'get', 'models', KEY, 'got', '1000', '1')
    # one that knows no ranges gives everything
    for act in (lambda a: rig.Answer(200, body), lambda a: rig.Answer(206, body[:10], {'Content-Range': 'bytes 0-9/1000'})):
        w.store.server.fault(rig.changed(act), times=1)
        w.do.expect(8, 'does not give the part', 'get', 'models', KEY, 'got', '10', '10')
    w.store.server.fault(rig.changed(lambda a: rig.Answer(206, body[10:40], {'Content-Range': 'bytes 10-39/1000'})), times=1)
    w.do.expect(8, 'more of an object than it is asked for', 'get', 'models', KEY, 'got', '10', '10')


def keys(w):
    for key in ('.', '..', 'a/../b', './a', 'a/.', '', 'x' * 1025, 'a\tb'):
        w.put(b'x', key=key, code=2, words='key in a bucket')
    for key in ('a..b', '.a', 'a./b', '...', 'x' * 1024, 'a//b', 'sha256:ab=', '~', 'é' * 512):
        w.put(b'x', key=key)
        rig.equal((w.objects.pop(key).body, w.objects), (b'x', {}))
    rig.equal(len(w.asked('PUT')), 9)


def conditions(w):
    w.put(b'1', 'if-absent')
    w.put(b'2', 'if-absent', code=10, words=('PreconditionFailed', 'there is such an object already'))
    rig.equal(w.objects[KEY].body, b'1')
    w.put(b'3')
    rig.equal(w.objects[KEY].body, b'3')
    w.store.conditions = False
    w.put(b'4', 'if-absent', code=10, words='there is such an object already')
    w.do.ok('delete', 'models', KEY)
    w.put(b'5', 'if-absent', words='put, without exclusion')
    rig.equal(w.objects[KEY].body, b'5')


def conflicts(w):
    """409: somebody else is at it; the next try tells who has won."""
    w.store.server.fault(rig.status(409, '<Error><Code>ConditionalRequestConflict</Code></Error>'), times=1)
    w.put(b'1', 'if-absent')
    rig.equal(len(w.asked('PUT')), 2)


def lost_answers(w):
    """What was done and could not be told is not done twice, nor told to be somebody else's."""
    def lose(exchange, make):
        make()
        exchange.cut()
    for more in (('memory',), ()):
        w.store.server.fault(lose, times=1, when=lambda r: r.method == 'PUT')
        w.put(some(10000), 'if-absent', *more)
        w.do.ok('delete', 'models', KEY)

    def others(exchange, _):
        w.objects[KEY] = s3.Object(some(10000)[:-1] + b'!')
        exchange.cut()
    w.store.server.fault(others, times=1, when=lambda r: r.method == 'PUT')
    w.put(some(10000), 'if-absent', code=10, words='there is such an object already')


def parts(w):
    for size, part, n in ((2 * MIB, 2 * MIB, 0), (2 * MIB + 1, MIB, 3), (100, 9, 12)):
        w.store.server.heal()
        body = some(size)
        for more in ((), ('memory',)):
            w.put(body, *more, str(part))
            rig.equal(w.got() == body, True, 'what is got')
        rig.equal(w.objects[KEY].etag.endswith(f'-{n}"') if n else '-' not in w.objects[KEY].etag, True, w.objects[KEY].etag)
        rig.equal(len(w.asked('POST')), 4 if n else 0)
    rig.equal(w.store.uploads, {})
    w.put(some(100), 'if-absent', '10', code=10, words='there is such an object already')
    rig.equal(w.store.uploads, {}, 'what is left of a refused one')
    w.do.ok('delete', 'models', KEY)
    w.put(some(100), 'if-absent', '10')
    w.store.conditions = False
    w.put(some(100), 'if-absent', '10', code=10, words='there is such an object already')
    w.do.ok('delete', 'models', KEY)
    w.put(some(100), 'if-absent', '10', words='put, without exclusion')
    rig.equal(w.store.uploads, {})


def faults_of_parts(w):
    body = some(100)
    w.store.late_errors = ['InternalError']
    w.put(body, '10')
    rig.equal(w.got() == body, True)
    w.store.late_errors = ['AccessDenied']
    w.put(body, '10', code=8, words='AccessDenied')
    w.store.server.fault(rig.status(403, '<Error><Code>AccessDenied</Code></Error>'), when=lambda r: 'partNumber=4' in r.query)
    w.put(body, '10', code=4, words='AccessDenied')
    rig.equal(w.store.uploads, {}, 'what is left of a failed one')
    w.store.server.heal()
    w.store.server.fault(rig.close_before(), times=2, when=lambda r: 'partNumber=4' in r.query)
    w.put(body, '10')

    def lose(exchange, make):
        make()
        exchange.cut()
    w.store.server.fault(lose, times=1, when=lambda r: r.method == 'POST' and 'uploadId' in r.query)
    w.put(body, '10')
    rig.equal(w.got() == body, True)

    # not to be taken for that: an object that was there before, when the upload cannot be ended, or is gone for another reason
    w.objects[KEY].mtime -= 100
    for act in (rig.status(500), rig.status(404, '<Error><Code>NoSuchUpload</Code></Error>')):
        w.store.server.fault(rig.close_before(), times=1, when=lambda r: r.method == 'POST' and 'uploadId' in r.query)
        w.store.server.fault(act, when=lambda r: r.method == 'POST' and 'uploadId' in r.query)
        w.do.write('body', body)
        rig.equal(w.do.run('put', 'models', KEY, 'body', '10').status in (8, 10), True, 'it cannot be ended')
        w.store.server.heal()
    rig.equal(w.store.uploads, {})
    w.do.ok('delete', 'models', KEY)
    w.store.server.fault(rig.changed(lambda a: rig.Answer(200, b'<InitiateMultipartUploadResult/>')), times=1, when=lambda r: r.query == 'uploads')
    w.put(body, '10', code=8, words='gave it no name')
    rig.equal(w.objects, {})


def broken_reads(w):
    """It goes on where it broke off, with the same object alone."""
    body = some(3 * MIB)
    w.put(body)
    w.store.server.fault(rig.close_within(MIB), times=1)
    w.store.server.fault(rig.close_within(1000), times=1)
    rig.equal(w.got() == body, True, 'what is got')
    ranges_asked = [r.headers.get('Range') for r in w.asked('GET')]
    rig.equal((len(ranges_asked), ranges_asked[0], w.asked('GET')[1].headers['If-Match']), (3, None, w.objects[KEY].etag))
    w.store.server.heal()
    w.store.server.fault(rig.close_within(100), times=1)
    rig.equal(w.got('10', '1000'), body[10:1010])
    rig.equal([r.headers['Range'] for r in w.asked('GET')], ['bytes=10-1009', 'bytes=110-1009'])

    def change(exchange, make):
        rig.close_within(100)(exchange, make)
        w.objects[KEY] = s3.Object(body[::-1])
    w.store.server.fault(change, times=1)
    w.do.expect(10, 'became another object', 'get', 'models', KEY, 'got')


def lists(w):
    names = sorted(f'p/{n:03} é&<+%' for n in range(250))
    w.objects.update({name: s3.Object(name.encode()) for name in [*names, 'q']})
    for page, encoded in ((1000, True), (100, True), (1, True), (100, False)):
        if page == 1:
            for name in names[20:]:
                w.objects.pop(name, None)
            names = names[:20]
        w.store.page, w.store.encoded = page, encoded
        w.store.server.heal()
        lines = w.do.ok('list', 'models', 'p/').out.splitlines()
        rig.equal(lines, [f'{len(w.objects[n].body)} {w.objects[n].mtime} {w.objects[n].etag} {n}' for n in names])
        rig.equal(len(w.asked('GET')), -(-len(names) // page))
    rig.equal(w.do.ok('list', 'models', 'none').out, '')
    w.do.expect(3, 'NoSuchBucket', 'list', 'nowhere', '')
    for bad in (b'<html/>', b'', b'<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>',
                b'<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
                b'<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>',
                b'<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult>&a;</ListBucketResult>'):
        w.store.server.fault(rig.changed(lambda a, b=bad: rig.Answer(200, b)), times=1)
        w.do.expect(8, 'object store', 'list', 'models', 'p/')


def stale_uploads(w):
    w.store.page, now = 2, int(time.time())
    for n in range(5):
        w.store.uploads[f'old{n}'] = s3.Upload('models', f'p/{n} é+', now - 1000)
    w.store.uploads['young'] = s3.Upload('models', 'p/9', now)
    w.store.uploads['other'] = s3.Upload('models', 'q', now - 1000)
    w.do.ok('abort-stale', 'models', 'p/', str(now - 500))
    rig.equal(sorted(w.store.uploads), ['other', 'young'])


def tries(w):
    """What is tried again, and what is not: status, code, the exit code, requests that it took."""
    table = ((500, 'InternalError', 8, 3), (503, 'SlowDown', 11, 3), (503, '', 8, 3), (429, '', 11, 3), (502, '', 8, 3), (504, '', 8, 3),
             (400, 'RequestTimeout', 8, 3), (409, 'OperationAborted', 8, 3), (403, 'AccessDenied', 4, 1), (400, 'InvalidArgument', 8, 1),
             (403, 'SignatureDoesNotMatch', 4, 1), (507, '', 12, 1), (400, 'QuotaExceeded', 12, 1), (301, 'PermanentRedirect', 2, 1),
             (405, 'MethodNotAllowed', 8, 1))
    for status, name, code, n in table:
        w.store.server.heal()
        w.store.server.fault(rig.status(status, f'<Error><Code>{name}</Code><Message>so it is</Message></Error>' if name else b''))
        words = (f'HTTP {status}', name + ': so it is' if name else '')
        w.do.expect(code, words, 'get', 'models', KEY, 'got')
        rig.equal(len(w.store.server.log), n, f'tries for {status} {name}')
    w.store.server.heal()
    w.store.server.fault(rig.status(503, headers={'Retry-After': '1'}), times=1)
    w.objects[KEY] = s3.Object(b'x')
    started = time.monotonic()
    w.do.ok('head', 'models', KEY)
    rig.equal(1 <= time.monotonic() - started < 5, True, 'Retry-After')
    w.store.server.fault(rig.status(503, headers={'Retry-After': '700'}))
    w.do.expect(8, 'HTTP 503', 'head', 'models', KEY)


def nobody_there(w):
    address = f'http://127.0.0.1:{rig.nobody()}'
    w.do.expect(8, '127.0.0.1', 'head', 'models', KEY, env={'AWS_ENDPOINT_URL_S3': address})
    w.store.server.fault(rig.hang())
    started = time.monotonic()
    w.do.expect(8, 'within', 'head', 'models', KEY, env={'COFFER_S3_TIMEOUT': '1'})
    rig.equal(0.9 <= time.monotonic() - started < 3, True, 'the deadline')


def settings(w):
    w.objects[KEY] = s3.Object(b'x')
    url = w.store.server.url
    nowhere = f'http://127.0.0.1:{rig.nobody()}'
    for env in ({'AWS_ENDPOINT_URL_S3': nowhere, 'COFFER_S3_ENDPOINT': url}, {'AWS_ENDPOINT_URL_S3': None, 'AWS_ENDPOINT_URL': url + '/'},
                {'AWS_REGION': None, 'AWS_DEFAULT_REGION': w.store.region}):
        w.do.expect(0, '1 ', 'head', 'models', KEY, env=env)
    for env, words in (({'COFFER_S3_ENDPOINT': 'http://example.org'}, 'not protected by TLS'), ({'COFFER_S3_ENDPOINT': 'example.org'}, 'not a URL'),
                       ({'COFFER_S3_STYLE': 'both'}, 'COFFER_S3_STYLE'), ({'COFFER_S3_RETRIES': '11'}, 'COFFER_S3_RETRIES'),
                       ({'COFFER_S3_TIMEOUT': '0'}, 'COFFER_S3_TIMEOUT')):
        w.do.expect(2, words, 'head', 'models', KEY, env=env)
    for bucket in ('ab', 'Models', 'a_b', '-ab', 'ab-', 'a..b', '.ab', 'a/b', 'x' * 64):
        w.do.expect(2, 'is no name of a bucket', 'head', bucket, KEY)
    w.do.expect(2, ('AuthorizationHeaderMalformed', f'it says {w.store.region}', 'AWS_REGION'), 'get', 'models', KEY, 'got',
                env={'AWS_REGION': 'us-west-1'})


def credentials(w):
    w.objects[KEY] = s3.Object(b'x')
    w.do.expect(4, ('SignatureDoesNotMatch', 'check the credentials'), 'get', 'models', KEY, 'got', env={'AWS_SECRET_ACCESS_KEY': 'wrong'})
    w.do.expect(4, 'InvalidAccessKeyId', 'get', 'models', KEY, 'got', env={'AWS_ACCESS_KEY_ID': 'OTHER'})
    w.store.credentials['AKIDTEST'] = w.store.credentials['AKIDTEST'][0], 'to/k+en=='
    w.do.expect(0, '1 ', 'head', 'models', KEY, env={'AWS_SESSION_TOKEN': 'to/k+en=='})
    w.do.expect(4, 'ExpiredToken', 'get', 'models', KEY, 'got', env={'AWS_SESSION_TOKEN': 'old'})


def fresh_credentials(w):
    """A process that gives another credential when it is asked again."""
    w.objects[KEY] = s3.Object(b'x')
    secret = w.store.credentials['AKIDTEST'][0]
    w.store.credentials['AKIDTEST'] = secret, 'token-2'
    script = w.do.write('cred', '#!/bin/sh\necho >>asked\nn=$(wc -l <asked)\nprintf \'{"Version":1,"AccessKeyId":"AKIDTEST",'
                                f'"SecretAccessKey":"{secret}","SessionToken":"token-%d"}}\' "$n"\n')
    os.chmod(script, 0o755)
    w.do.write('config', f'[default]\ncredential_process = {script}\n')
    env = {'AWS_ACCESS_KEY_ID': None, 'AWS_SECRET_ACCESS_KEY': None, 'AWS_CONFIG_FILE': w.do.at('config'), 'AWS_EC2_METADATA_DISABLED': 'true'}
    w.do.expect(0, '1 ', 'get', 'models', KEY, 'got', env=env)
    rig.equal(len(w.store.server.log), 2)


def clocks(w):
    w.objects[KEY] = s3.Object(b'x')
    w.store.ahead = w.store.server.clock_ahead = 7200
    w.do.expect(0, '1 ', 'get', 'models', KEY, 'got')
    w.do.expect(0, '1 ', 'head', 'models', KEY)
    w.store.server.clock_ahead = 0
    w.do.expect(4, ('RequestTimeTooSkewed', 'set the clock'), 'get', 'models', KEY, 'got')


def over_tls(adapter):
    """The bytes are not read twice to hash them, unless their hash is known."""
    with rig.Coffer(adapter) as folder:
        authority = rig.Authority(folder.folder)
        authority.hosts += ('models.localhost',)
        with s3.Store(tls=authority) as store:
            w = World(adapter, store, SSL_CERT_FILE=authority.ca)
            w.put(some(100000))
            w.put(some(100000), 'sha256')
            w.put(some(100), '10')
            hashes = [r.headers['X-Amz-Content-SHA256'] == s3.UNSIGNED for r in w.asked('PUT')]
            rig.equal(hashes, [True, False] + [True] * 10)
            rig.equal(w.got() == some(100), True)
            w.do.ok('head', 'models', KEY, env={'COFFER_S3_STYLE': 'virtual'})
            rig.equal(store.server.log[-1].headers['Host'], f'models.localhost:{store.server.port}')
            w.do.expect(8, 'certificate', 'head', 'models', KEY, env={'SSL_CERT_FILE': None})
            w.do.close()


def main():
    adapter = os.path.join(os.path.dirname(sys.argv[1]), 'adapters', 's3')
    report = rig.Report(sys.argv[2:])
    for case in (objects, ranges, keys, conditions, conflicts, lost_answers, parts, faults_of_parts, broken_reads, lists, stale_uploads, tries,
                 nobody_there, settings, credentials, fresh_credentials, clocks):
        def one(case=case):
            with s3.Store() as store:
                w = World(adapter, store)
                case(w)
                w.do.close()
        report.check(case.__name__.replace('_', ' '), one)
    report.check('over tls', over_tls, adapter)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
