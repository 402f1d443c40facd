#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client for object stores (src/net/s3.h) with moto, a server of AWS's services that others wrote.

usage: tests/services/test_s3_moto.py COFFER [WORD…]

COFFER_PEERS_CLOUD names a Python that has moto[server]; without it this is skipped.  Drives the adapter that is built beside the command,
adapters/s3.  moto checks no signatures here: test_s3.py does.
"""
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from s3_round import got, lists, objects, parts, put  # noqa: E402

def ask(url, method='GET'):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(url, method=method), timeout=5) as reply:
        return reply.read()


class Moto:
    """The server in a process of its own."""

    def __init__(self, python, folder):
        port = rig.nobody()
        self.url = f'http://127.0.0.1:{port}'
        self.process = subprocess.Popen([python, '-c', 'import sys; from moto.server import main; main(sys.argv[1:])', '-H', '127.0.0.1', '-p', str(port)],
                                        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                ask(self.url + '/moto-api/data.json')
                return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
                if self.process.poll() is not None:
                    break
        self.stop()
        rig.skip_all('moto does not start')

    def stop(self):
        self.process.kill()
        self.process.wait()


def conditions(do):
    put(do, b'1', 'if-absent', key='c')
    put(do, b'2', 'if-absent', key='c', code=10, words='there is such an object already')
    rig.equal(got(do, key='c'), b'1')


def pages(do):
    """More than a page of 1000, which nobody can make smaller."""
    import concurrent.futures
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def one(n):
        request = urllib.request.Request(f'{do.env["AWS_ENDPOINT_URL"]}/models/many/{n}', method='PUT', data=b'x')
        opener.open(request, timeout=20).close()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(1005)))
    lines = do.ok('list', 'models', 'many/').out.splitlines()
    rig.equal(sorted(int(line.rpartition('/')[2]) for line in lines), list(range(1005)))


def uploads(do):
    base = f'{do.env["AWS_ENDPOINT_URL"]}/models/u%20p'
    ask(base + '?uploads', 'POST')
    do.ok('abort-stale', 'models', '', '1000')
    rig.equal(b'<UploadId>' in ask(f'{do.env["AWS_ENDPOINT_URL"]}/models?uploads'), True)
    do.ok('abort-stale', 'models', '', str(int(time.time()) + 10**9))
    rig.equal(b'<UploadId>' in ask(f'{do.env["AWS_ENDPOINT_URL"]}/models?uploads'), False)


def main():
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if not python or subprocess.run([python, '-c', 'import moto.server'], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        rig.skip_all('COFFER_PEERS_CLOUD names no Python with moto[server] (tests/peers/setup makes one)')
    report = rig.Report(sys.argv[2:])
    with rig.Coffer(os.path.join(os.path.dirname(sys.argv[1]), 'adapters', 's3'), AWS_ACCESS_KEY_ID='AKID', AWS_SECRET_ACCESS_KEY='secret',
                    AWS_REGION='us-east-1') as do:
        moto = Moto(python, do.folder)
        do.env['AWS_ENDPOINT_URL'] = moto.url
        try:
            ask(moto.url + '/models', 'PUT')
            for case in (objects, conditions, parts, lists, pages, uploads):
                report.check(case.__name__, case, do)
        finally:
            moto.stop()
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
