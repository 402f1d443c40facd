# SPDX-License-Identifier: Apache-2.0
"""One service on a loopback port, and the ways in which it can be made to misbehave.

A fault is written SERVICE:FAULT[=VALUE][*TIMES], as in «rekor1:status=429*2»: TIMES answers are spoilt, or all of them.
"""
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse

#: what any service can be told to do to an answer
TRANSPORT = {
    'status': 'answers with this HTTP status and an error text (429 and 503 with a Retry-After of 1)',
    'slow': 'waits this many seconds before it answers',
    'cut': 'promises the whole answer and hangs up after this many bytes of its body',
    'refuse': 'hangs up without a word',
    'garbage': 'answers 200 with bytes that are no answer',
    'huge': 'answers 200 with a body of this many MiB',
    'redirect': 'sends the client to this address',
}
SWITCH = re.compile(r'([a-z0-9]+):([a-z-]+)(?:=([^*]*))?(?:\*(\d+))?')


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Reply:
    def __init__(self, body=b'', status=200, kind='application/json', **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        self.body, self.status, self.kind = body, status, kind
        self.headers = {name.replace('_', '-'): value for name, value in headers.items()}


class Request:
    def __init__(self, method, target, headers, body):
        parts = urllib.parse.urlsplit(target)
        self.method, self.path, self.headers, self.body = method, parts.path, headers, body
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def json(self):
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Refusal(400, 'the request is not JSON') from None
        if not isinstance(value, dict):
            raise Refusal(400, 'the request is not a JSON object')
        return value

    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))

    def bearer(self):
        word, _, token = self.headers.get('Authorization', '').partition(' ')
        return token if word.lower() == 'bearer' else None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that hangs up is no error of ours."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 60
    wbufsize = -1

    def handle_any(self):
        service = self.server.service
        length = int(self.headers.get('Content-Length') or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        service.requests.append(request)
        reply = service.spoilt(request)
        if reply is None:
            self.close_connection = True
            return
        cut = service.fault('cut')
        self.send_response(reply.status)
        self.send_header('Content-Type', reply.kind)
        self.send_header('Content-Length', str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(reply.body if cut is None else reply.body[:int(cut or len(reply.body) // 2)])
        self.wfile.flush()
        self.close_connection |= cut is not None

    do_GET = do_POST = do_HEAD = do_PUT = handle_any

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Service:
    """A subclass says its name, the faults of its own, and its routes: {(method, path): function of a request}."""

    name = ''
    own_faults = {}

    def __init__(self, world):
        self.world, self.requests, self.lock = world, [], threading.RLock()
        self.faults = {}
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.service = self
        if world.identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(world.at('server.pem'))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.host = f'127.0.0.1:{self.server.server_address[1]}'
        self.url = ('https' if world.identity else 'http') + '://' + self.host
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # ---- faults ----

    def set_fault(self, fault, value=None, times=None):
        if fault not in {**TRANSPORT, **self.own_faults}:
            raise ValueError(f'{self.name} has no fault {fault}; there are '
                             + ', '.join([*TRANSPORT, *self.own_faults]))
        with self.lock:
            self.faults[fault] = [value or '', times]

    def calm(self):
        """Behave again."""
        with self.lock:
            self.faults.clear()

    def fault(self, fault):
        """The value of a fault («» without one) if this answer is to have it, else None."""
        with self.lock:
            entry = self.faults.get(fault)
            if entry is None:
                return None
            if entry[1] is not None:
                entry[1] -= 1
                if entry[1] <= 0:
                    del self.faults[fault]
            return entry[0]

    def is_bad(self, fault):
        return self.fault(fault) is not None

    # ---- answers ----

    def routes(self):
        raise NotImplementedError

    def answer(self, request):
        routes = self.routes()
        path = request.path.rstrip('/') or '/'
        for (method, pattern), function in routes.items():
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return function(request, *found.groups())
        raise Refusal(404, f'{self.name} has no {request.method} {request.path}')

    def spoilt(self, request):
        """The answer to request as the faults that are set leave it; None for none at all."""
        if (seconds := self.fault('slow')) is not None:
            time.sleep(float(seconds or 2))
        if self.is_bad('refuse'):
            return None
        if (status := self.fault('status')) is not None:
            wait = {'Retry_After': '1'} if status in ('429', '503') else {}
            return self.error(int(status or 500), f'{self.name} was told to fail', **wait)
        if (target := self.fault('redirect')) is not None:
            return Reply(b'', 307, Location=target or self.url)
        if self.is_bad('garbage'):
            return Reply(b'\xff\xfe{"this": is no answer' * 3)
        if (size := self.fault('huge')) is not None:
            return Reply(b' ' * (int(size or 64) << 20))
        try:
            return self.answer(request)
        except Refusal as refusal:
            return self.error(refusal.status, str(refusal))

    def error(self, status, text, **headers):
        """Fulcio and Rekor say it like this; OAuth has its own."""
        return Reply({'code': status, 'message': text}, status, **headers)


def parse_switch(text):
    """SERVICE:FAULT[=VALUE][*TIMES] as (service, fault, value, times)."""
    found = SWITCH.fullmatch(text.strip())
    if not found:
        raise ValueError(f'«{text}» is not SERVICE:FAULT[=VALUE][*TIMES]')
    service, fault, value, times = found.groups()
    return service, fault, value, int(times) if times else None
