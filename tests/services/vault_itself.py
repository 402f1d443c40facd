# SPDX-License-Identifier: Apache-2.0
"""A real Vault in place of the fake: the same handle for tests (vault.py), the requests answered by tests/peers/vault.

COFFER_PEERS_VAULT names the program.  What a test does to time cannot be done to it, and it has no namespaces.
"""
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import rig
import vault as fake


class Cannot(Exception):
    """A real server does not let a test do that."""


def check(report, case, *args, **kwargs):
    """As report.check(); what cannot be done to a real server is skipped."""
    failed = None
    if not report.wanted(case.__name__):
        return
    try:
        case(*args, **kwargs)
    except Cannot as why:
        report.skip(case.__name__, str(why))
        return
    except Exception as error:  # pylint: disable=broad-except
        failed = error

    def outcome():
        if failed:
            raise failed
    report.check(case.__name__, outcome)


def need():
    program = os.environ.get('COFFER_PEERS_VAULT')
    if not program or not os.access(program, os.X_OK):
        rig.skip_all('COFFER_PEERS_VAULT names no Vault (VAULT=yes tests/peers/setup builds one)')
    return program


class Vault(fake.Vault):
    """Made as the fake is; what it is asked goes to a Vault of its own."""

    spent, unknown = 'invalid secret id', 'invalid role ID'  # of 1.13

    def __init__(self, *, openbao=False):
        if openbao:
            raise Cannot('it is no OpenBao')
        self.process = subprocess.Popen([need()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        address, root_token, self.unseal_key = self.process.stdout.readline().split()
        self.url = f'http://{address}'
        self.is_sealed = False
        super().__init__(need_request_header=False)  # an agent in front of it would want one
        self.tokens = {root_token: None}
        self.root_token = root_token

    @property
    def sealed(self):
        return self.is_sealed

    @sealed.setter
    def sealed(self, wanted):
        if wanted != self.is_sealed:
            self.admin('PUT', 'sys/seal' if wanted else 'sys/unseal', {} if wanted else {'key': self.unseal_key})
            self.is_sealed = wanted

    def pass_time(self, by):
        raise Cannot('its clock is that of the machine')

    def add_token(self, namespace, policies, ttl, **more):
        return fake.Token(self, namespace, policies, ttl, **more)

    def admin(self, method, path, body=None, namespace=''):
        if namespace or path.startswith('sys/namespaces'):
            raise Cannot('it has no namespaces')
        if not path.isprintable():
            raise Cannot('it refuses such a path')
        return super().admin(method, path, body, namespace)

    def handle(self, method, path, query, headers, raw):
        """What the Vault answers, in the form that the fake has."""
        sent = {k: v for k, v in headers.items() if k in ('x-vault-token', 'x-vault-request', 'authorization', 'content-type')}
        asked = '?' + urllib.parse.urlencode(query) if query else ''
        request = urllib.request.Request(f'{self.url}/v1/{urllib.parse.quote(path)}{asked}', method=method, headers=sent,
                                         data=raw if method in ('POST', 'PUT', 'PATCH') else None)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
                status, body = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        with self.lock:
            self.log.append({'method': method, 'path': path, 'status': status})
            if status < 300 and body:
                self.remember(body)
        return status, body, {'Content-Type': 'application/json'}

    def remember(self, body):
        """A token that it gave out, for the tests that look for those where none may be."""
        auth = json.loads(body).get('auth')
        if auth:
            self.tokens[auth['client_token']] = None

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
