#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rig itself: its faults are the ones that they say, and a test that should fail does.

usage: tests/services/test_rig.py COFFER [WORD…]
"""
import contextlib
import http.client
import io
import json
import os
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request

import rig


def echo(request):
    return {'method': request.method, 'path': request.path, 'query': request.query, 'body': request.body.decode(),
            'client': request.client, 'x': request.headers.get('X-One')}


def ask(server, path='/a?b=c', method='GET', body=None, headers=None, context=None):
    """Status, headers and body."""
    # a Debian without /etc/hosts knows no localhost
    request = urllib.request.Request(server.url.replace('//localhost:', '//127.0.0.1:') + path, method=method, data=body, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def refused(kind, function, *args, words='', **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        if words not in str(error):
            raise rig.Bad(f'{error!r} does not say «{words}»') from error
        return
    raise rig.Bad(f'no {kind.__name__}')


def answers():
    with rig.Server(echo) as server:
        status, headers, body = ask(server, method='LIST', body=b'x', headers={'X-One': '1'})
        rig.equal(status, 200)
        rig.equal(headers['Content-Type'], 'application/json')
        rig.equal(json.loads(body), {'method': 'LIST', 'path': '/a', 'query': 'b=c', 'body': 'x', 'client': None, 'x': '1'})
        rig.equal([repr(r) for r in server.log], ['LIST /a?b=c'])
    refused(urllib.error.URLError, ask, server)


def keeps_connections():
    with rig.Server(lambda request: b'12345') as server:
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=10)
        for method, length in (('HEAD', 0), ('GET', 5), ('PUT', 5)):
            connection.request(method, '/')
            rig.equal(len(connection.getresponse().read()), length)
        connection.close()
        rig.equal(len(server.log), 3)


def other_answers():
    table = {'/none': rig.Answer(204), '/text': 'wörds', '/bytes': b'\0\1', '/own': rig.Answer(206, b'ab', {'Content-Type': 'x/y', 'ETag': '"1"'})}
    with rig.Server(lambda request: table[request.path]) as server:
        rig.equal(ask(server, '/none')[0], 204)
        rig.equal(ask(server, '/text')[2], 'wörds'.encode())
        rig.equal(ask(server, '/bytes')[2], b'\0\1')
        status, headers, body = ask(server, '/own')
        rig.equal((status, headers['ETag'], body), (206, '"1"', b'ab'))


def statuses():
    with rig.Server(echo) as server:
        server.fault(rig.status(503, {'errors': ['sealed']}, {'Retry-After': '7'}), times=2)
        server.fault(rig.status(429), when=lambda request: request.method == 'PUT')
        for _ in range(2):
            status, headers, body = ask(server)
            rig.equal((status, headers['Retry-After'], body), (503, '7', b'{"errors": ["sealed"]}'))
        rig.equal([ask(server)[0], ask(server, method='PUT', body=b'')[0], ask(server)[0]], [200, 429, 200])
        server.heal()
        rig.equal(server.log, [])
        rig.equal(ask(server, method='PUT', body=b'')[0], 200)


def broken_answers():
    with rig.Server(echo) as server:
        server.fault(rig.close_before(), times=1)
        server.fault(rig.close_within(3), times=1)
        refused((http.client.RemoteDisconnected, urllib.error.URLError), ask, server)
        refused(http.client.IncompleteRead, ask, server, words='IncompleteRead(3 bytes')
        server.fault(rig.changed(lambda answer: rig.Answer(answer.status, answer.body.replace(b'GET', b'GOT'))), times=1)
        rig.equal(json.loads(ask(server)[2])['method'], 'GOT')


def slow_answers():
    with rig.Server(lambda request: b'0123456789') as server:
        for fault, least in ((rig.late(0.3), 0.3), (rig.slow(0.05, 2), 0.25)):
            server.fault(fault, times=1)
            started = time.monotonic()
            rig.equal(ask(server)[2], b'0123456789')
            took = time.monotonic() - started
            if not least <= took < least + 5:
                raise rig.Bad(f'it took {took:.2f} s, not {least} s')
        server.fault(rig.hang())
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=0.3)
        connection.request('GET', '/')
        refused(TimeoutError, connection.getresponse)
        started = time.monotonic()
    if time.monotonic() - started > 5:
        raise rig.Bad('a server that hangs does not stop')


def clocks():
    with rig.Server(echo) as server:
        server.clock_ahead = 86400
        date = time.mktime(time.strptime(ask(server)[1]['Date'], '%a, %d %b %Y %H:%M:%S GMT'))
        ahead = date - time.mktime(time.gmtime())
        if not 86390 < ahead < 86410:
            raise rig.Bad(f'its clock is {ahead} s ahead')


def mistakes_of_a_fake():
    def wrong(_):
        return {}['no such member']

    def use():
        with rig.Server(wrong) as server:
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(server)
    refused(rig.Bad, use, words='no such member')


def tls():
    with tempfile.TemporaryDirectory() as folder:
        ours, others = rig.Authority(folder), rig.Authority(folder, 'others')
        with rig.Server(echo, tls=ours) as server:
            trusting = ssl.create_default_context(cafile=ours.ca)
            rig.equal(json.loads(ask(server, context=trusting)[2])['client'], None)
            refused(urllib.error.URLError, ask, server, context=ssl.create_default_context(cafile=others.ca), words='CERTIFICATE_VERIFY_FAILED')
        with rig.Server(echo, tls=ours, client_ca=others) as server:
            refused(OSError, ask, server, context=trusting)
            trusting.load_cert_chain(*ours.issue('stranger'))
            refused(OSError, ask, server, context=trusting)
            trusting.load_cert_chain(*others.issue('friend'))
            rig.equal(json.loads(ask(server, context=trusting)[2])['client'], {'commonName': 'friend'})
            rig.equal(len(server.log), 1)


def nobody_there():
    class Nobody:
        url = f'http://127.0.0.1:{rig.nobody()}'
    refused(urllib.error.URLError, ask, Nobody)


def command(coffer):
    os.environ['AWS_PROFILE'] = 'of the developer'
    with rig.Coffer(coffer, COFFER_TEST='1') as c:
        rig.equal((c.env.get('AWS_PROFILE'), c.env['COFFER_TEST'], c.env['HOME']), (None, '1', c.folder))
        c.write('a/b', 'text')
        rig.equal(c.read('a/b'), b'text')
        c.ok('--version')
        c.expect(2, ('nonsense', 'is not a command'), 'nonsense')
        refused(rig.Bad, c.ok, 'nonsense', words='exit 2, not 0')
        refused(rig.Bad, c.expect, 2, 'such words', 'nonsense', words='«such words» is not in')
        folder = c.folder
    rig.equal(os.path.exists(folder), False)


def counts():
    def fails():
        raise rig.Bad('as it should')
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        report, nothing = rig.Report(['a ']), rig.Report()
        report.check('a good', lambda: None)
        report.check('a bad', fails)
        report.check('a crash', lambda: {}['x'])
        report.check('something else', fails)
        report.skip('a skipped', 'for a reason')
        codes = report.end(), nothing.end()
    lines = said.getvalue().splitlines()
    rig.equal(codes, (1, 1))
    rig.equal([lines[0], lines[1], lines[2]], ['ok    a good', 'FAIL  a bad: as it should', 'FAIL  a crash:'])
    rig.equal(lines[-4:], ['skip  a skipped: for a reason', '1 passed, 2 failed, 1 skipped', 'no case was run', '0 passed, 1 failed, 0 skipped'])


def main():
    report = rig.Report(sys.argv[2:])
    for case in (answers, keeps_connections, other_answers, statuses, broken_answers, slow_answers, clocks, mistakes_of_a_fake, tls, nobody_there,
                 counts):
        report.check(case.__name__.replace('_', ' '), case)
    report.check('command', command, sys.argv[1])
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
