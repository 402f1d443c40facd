# SPDX-License-Identifier: Apache-2.0
"""What the fakes of services and the tests with them share: a server whose faults a test switches on, the command, and the count.

    with rig.Server(answer) as server, rig.Coffer(sys.argv[1], VAULT_ADDR=server.url) as coffer:
        server.fault(rig.status(503, headers={'Retry-After': '1'}), times=2)
        coffer.ok('seal', 'model', '--kek', 'hashivault://k')

A test program is tests/services/test_NAME.py COFFER: it makes a rig.Report(), gives each case to check(), and exits with end().  Standard
library alone, but for TLS, which needs Debian's python3-cryptography.
"""
import collections
import datetime
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = 120  # seconds a command may take
BODY_MAX = 256 << 20


class Bad(Exception):
    """Something is not as it should be, with the reason."""


# ---- a server ----

class Request:
    """What was asked: method, target (path and query as sent), path, query, headers (in any case), body, client (its certificate's subject)."""

    def __init__(self, method, target, headers, body, client):
        self.method, self.target, self.headers, self.body, self.client = method, target, headers, body, client
        self.path, _, self.query = target.partition('?')
        self.when = time.monotonic()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'{self.method} {self.target}'


class Answer:
    """What is answered: a body of bytes, of text, or of anything that becomes JSON."""

    def __init__(self, status=200, body=b'', headers=None):
        self.status, self.headers = status, dict(headers or {})
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
            self.headers.setdefault('Content-Type', 'application/json')
        self.body = body


# A fault is called with the exchange and the answer that would be given; whatever it does is done instead.

def status(code, body=b'', headers=None):
    """That answer in place of the good one, which is not even made."""
    def act(exchange, _):
        exchange.send(Answer(code, body, headers))
    return act


def close_before():
    """The connection ends without an answer."""
    def act(exchange, _):
        exchange.cut()
    return act


def close_within(n):
    """The connection ends after n bytes of the good answer's body."""
    def act(exchange, make):
        answer = make()
        exchange.send_head(answer)
        exchange.write(answer.body[:n])
        exchange.cut()
    return act


def hang(seconds=60):
    """No answer for so long, and then none; it ends early when the server stops."""
    def act(exchange, _):
        exchange.server.stopping.wait(seconds)
        exchange.cut()
    return act


def late(seconds):
    """The good answer, after a while."""
    def act(exchange, make):
        answer = make()
        exchange.server.stopping.wait(seconds)
        exchange.send(answer)
    return act


def slow(pause, part=1):
    """The good answer's body in parts, with a pause before each."""
    def act(exchange, make):
        answer = make()
        exchange.send_head(answer)
        for at in range(0, len(answer.body), part):
            if exchange.server.stopping.wait(pause):
                break
            exchange.write(answer.body[at:at + part])
    return act


def changed(change):
    """What change() makes of the good answer: it gets and returns an Answer."""
    def act(exchange, make):
        exchange.send(change(make()))
    return act


class Exchange(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def handle(self):
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            pass  # who asked has gone: some tests do

    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.service()
        self.wfile.flush()

    def service(self):
        length = int(self.headers.get('Content-Length') or 0)
        if length > BODY_MAX or 'Transfer-Encoding' in self.headers:
            raise OSError('a body that nobody sends here')
        if self.headers.get('Expect', '').lower() == '100-continue':
            self.send_response_only(100)
            self.end_headers()
        request = Request(self.command, self.path, self.headers, self.rfile.read(length), self.client())
        self.server.owner.serve(self, request)

    def client(self):
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        return {key: value for part in (certificate or {}).get('subject', ()) for key, value in part} or None

    def send_head(self, answer):
        self.send_response_only(answer.status)
        self.send_header('Date', self.date_time_string(time.time() + self.server.owner.clock_ahead))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204 and 'Content-Length' not in answer.headers:
            self.send_header('Content-Length', str(len(answer.body)))
        self.end_headers()

    def write(self, data):
        if self.command != 'HEAD':
            self.wfile.write(data)
            self.wfile.flush()

    def send(self, answer):
        self.send_head(answer)
        self.write(answer.body)

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner, context):
        self.owner, self.context, self.stopping = owner, context, threading.Event()
        super().__init__(('127.0.0.1', 0), Exchange)

    def finish_request(self, request, client_address):
        """In the thread of the connection: a client that does not go on with TLS keeps nobody else waiting."""
        if self.context:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        super().finish_request(request, client_address)

    def server_bind(self):
        """Without asking the name service for our name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """An answer() that fails is a mistake of the fake: the test that uses it is to see it."""
        self.owner.errors.append(traceback.format_exc())


_Fault = collections.namedtuple('_Fault', 'act times when')


class Server:
    """A server on 127.0.0.1 that answers what answer(request) returns: an Answer, or what Answer takes as its body.

    It has url and port; log, all requests; errors, the tracebacks of an answer() that failed; clock_ahead, seconds by which its Date is
    before ours.  tls is an Authority, and client_ca another one (or the same) whose certificates clients must show.
    """

    def __init__(self, answer, tls=None, client_ca=None):
        self.answer, self.log, self.errors, self.clock_ahead = answer, [], [], 0
        self.lock, self.faults = threading.Lock(), []
        self.listener = Listener(self, tls.server_context(client_ca) if tls else None)
        self.port = self.listener.server_port
        self.host = 'localhost' if tls else '127.0.0.1'
        self.url = f'{"https" if tls else "http"}://{self.host}:{self.port}'
        self.thread = threading.Thread(target=self.listener.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
        self.thread.start()

    def fault(self, act, times=None, when=None):
        """From now on act, for the next so many requests (None: all) for which when(request) is true.  Faults are taken in order."""
        with self.lock:
            self.faults.append(_Fault(act, times, when))

    def heal(self):
        """No more faults, and an empty log."""
        with self.lock:
            self.faults.clear()
            self.log.clear()

    def take_fault(self, request):
        with self.lock:
            self.log.append(request)
            for i, fault in enumerate(self.faults):
                if fault.when and not fault.when(request):
                    continue
                if fault.times is not None:
                    self.faults[i:i + 1] = [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
                return fault.act
        return None

    def serve(self, exchange, request):
        def make():
            made = self.answer(request)
            return made if isinstance(made, Answer) else Answer(body=made)
        act = self.take_fault(request)
        if act:
            act(exchange, make)
        else:
            exchange.send(make())

    def stop(self):
        self.listener.stopping.set()
        self.listener.shutdown()
        self.listener.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if self.errors and kind is None:
            raise Bad('the fake itself failed:\n' + self.errors[0])


def nobody():
    """A port of 127.0.0.1 where nobody listens."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# ---- certificates ----

class Authority:
    """A certificate authority for this run: ca (its own certificate), and in the same folder whatever it issues, as PEM files.

    hosts: what servers are called.
    """

    def __init__(self, folder, name='ca'):
        try:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes, serialization
            from cryptography.hazmat.primitives.asymmetric import ec
        except ImportError:
            skip_all('there is no Python package cryptography')
        self.x509, self.hashes, self.serialization, self.ec = x509, hashes, serialization, ec
        self.folder, self.name, self.hosts = folder, name, ('localhost', '127.0.0.1')
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._write(name, self._certificate(name, self.key, [(x509.BasicConstraints(ca=True, path_length=0), True)]))[0]

    def _certificate(self, name, key, extensions):
        x509, now = self.x509, datetime.datetime.utcnow()
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=2))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, self.hashes.SHA256())

    def _write(self, name, certificate, key=None):
        s = self.serialization
        paths = os.path.join(self.folder, name + '.crt'), os.path.join(self.folder, name + '.key')
        with open(paths[0], 'wb') as file:
            file.write(certificate.public_bytes(s.Encoding.PEM))
        if key:
            with open(os.open(paths[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
                file.write(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
        return paths

    def issue(self, name, hosts=()):
        """Paths of a certificate and its key, for a server of those hosts, or for a client."""
        x509 = self.x509
        key = self.ec.generate_private_key(self.ec.SECP256R1())
        extensions = []
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
            extensions.append((x509.SubjectAlternativeName(names), False))
        return self._write(name, self._certificate(name, key, extensions), key)

    def server_context(self, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue('server', self.hosts))
        if client_ca:
            context.load_verify_locations(client_ca.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


# ---- the command ----

Outcome = collections.namedtuple('Outcome', 'status out err seconds')

KEPT = 'PATH', 'LANG', 'LC_ALL', 'TMPDIR', 'LD_LIBRARY_PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS'


class Coffer:
    """The command in a folder of its own, which is its home, too; it sees nothing of our environment that says where services are."""

    def __init__(self, command, **environment):
        self.command = os.path.realpath(command)
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix='coffer-service-'))
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env.update({'HOME': self.folder}, **environment)

    def at(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, path, content):
        """A file below the folder; returns its whole path."""
        full = self.at(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return full

    def read(self, path):
        with open(self.at(path), 'rb') as file:
            return file.read()

    def run(self, *argv, env=None, stdin=b''):
        """Run to the end; env changes variables, and takes away those that are None."""
        changed = {**self.env, **(env or {})}
        started = time.monotonic()
        try:
            done = subprocess.run([self.command, *argv], cwd=self.folder, input=stdin, capture_output=True, timeout=LIMIT, check=False,
                                  env={name: value for name, value in changed.items() if value is not None})
        except subprocess.TimeoutExpired as end:
            raise Bad(f'coffer {" ".join(argv)} did not end within {LIMIT} seconds') from end
        return Outcome(done.returncode, done.stdout.decode('utf-8', 'replace'), done.stderr.decode('utf-8', 'replace'),
                       time.monotonic() - started)

    def expect(self, code, words, *argv, env=None, stdin=b''):
        """It ends with that exit code, and all the words (a text, or several) are in what it says; returns the Outcome."""
        outcome = self.run(*argv, env=env, stdin=stdin)
        said = outcome.out + outcome.err
        if outcome.status != code:
            raise Bad(f'coffer {" ".join(argv)}: exit {outcome.status}, not {code}: {said.strip()[-600:]}')
        for word in [words] if isinstance(words, str) else words:
            if word not in said:
                raise Bad(f'coffer {" ".join(argv)}: «{word}» is not in: {said.strip()[-600:]}')
        return outcome

    def ok(self, *argv, env=None, stdin=b''):
        return self.expect(0, (), *argv, env=env, stdin=stdin)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the count ----

def equal(have, want, what=''):
    if have != want:
        raise Bad(f'{what}{": " if what else ""}{have!r} is not {want!r}')


def skip_all(reason):
    """The whole program cannot run here; tests/run shows the last line."""
    print(reason)
    sys.exit(77)


class Report:
    """Counts cases and prints a line for each; words of the command line choose cases by their names."""

    def __init__(self, words=()):
        self.words, self.passed, self.failed, self.skipped = words, 0, 0, 0

    def wanted(self, name):
        return not self.words or any(word in name for word in self.words)

    def check(self, name, function, *args, **kwargs):
        """Call the function; it passes unless it raises."""
        if not self.wanted(name):
            return
        try:
            function(*args, **kwargs)
        except Bad as bad:
            self.failed += 1
            print(f'FAIL  {name}: {bad}', flush=True)
        except Exception:
            self.failed += 1
            print(f'FAIL  {name}:\n{traceback.format_exc()}', flush=True)
        else:
            self.passed += 1
            print(f'ok    {name}', flush=True)

    def skip(self, name, why):
        if self.wanted(name):
            self.skipped += 1
            print(f'skip  {name}: {why}', flush=True)

    def end(self):
        """Print the numbers; the exit code."""
        if not self.passed + self.failed + self.skipped:
            print('no case was run')
            self.failed = 1
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        return 1 if self.failed else 0
