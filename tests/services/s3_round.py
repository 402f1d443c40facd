# SPDX-License-Identifier: Apache-2.0
"""What the client for object stores (src/net/s3.h) does with every server of S3 that there is; driven through adapters/s3."""
import random
import time

import rig

KEY = 'models/a b+c=d&é%.bin'
MIB = 1 << 20


def put(do, body, *more, key=KEY, code=0, words='put'):
    do.write('body', body)
    do.expect(code, words, 'put', 'models', key, 'body', *more)


def got(do, *more, key=KEY):
    do.ok('get', 'models', key, 'got', *more)
    return do.read('got')


def objects(do):
    for body in (b'', b'x', random.Random(1).randbytes(3 * MIB)):
        for more in ((), ('sha256',), ('memory',)):
            put(do, body, *more)
            rig.equal(got(do) == body, True, 'what is got')
    size, mtime, etag, key = do.ok('head', 'models', KEY).out.rstrip('\n').split(' ', 3)
    rig.equal((int(size), key), (3 * MIB, KEY))
    rig.equal(abs(int(mtime) - time.time()) < 60 and etag.startswith('"'), True, f'{mtime} {etag}')
    rig.equal(got(do, '5', '1000') == body[5:1005], True, 'a part')
    rig.equal(got(do, str(3 * MIB - 5), '0') == body[-5:], True, 'the end')
    do.expect(2, 'the object is shorter', 'get', 'models', KEY, 'got', str(3 * MIB), '1')
    do.ok('delete', 'models', KEY)
    do.ok('delete', 'models', KEY)
    do.expect(3, 'there is no such object', 'get', 'models', KEY, 'got')
    do.expect(3, 'NoSuchBucket', 'get', 'nowhere', KEY, 'got')


def parts(do):
    body = random.Random(2).randbytes(12 * MIB + 17)
    for more in ((), ('memory',)):
        put(do, body, *more, str(5 * MIB), key='parts')
        rig.equal(got(do, key='parts') == body, True, 'what is got')
    rig.equal(do.ok('head', 'models', 'parts').out.split()[2].endswith('-3"'), True)


def lists(do):
    names = sorted(f'l/{n:04} é&<+%' for n in range(12))
    for name in names:
        put(do, name.encode(), key=name)
    lines = [line.split(' ', 3) for line in do.ok('list', 'models', 'l/').out.splitlines()]
    rig.equal([(int(line[0]), line[3]) for line in lines], [(len(name.encode()), name) for name in names])
    rig.equal(do.ok('list', 'models', 'none').out, '')
