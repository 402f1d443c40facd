# SPDX-License-Identifier: Apache-2.0
"""OpenStack Swift of Debian (swift-proxy, swift-account, swift-container, swift-object; memcached), on this machine alone, with its own S3 API: a
server that others wrote, which checks signatures and permissions.

    with swift.Swift(folder) as store:
        store.make('models', reader=True)
        do.env.update(store.env(swift.OWNER))

It needs no root, no loop device and no Keystone: a folder whose files may have user attributes is the disk, and all that it reads
and writes is below it.  What S3 cannot say here (who may read a bucket) is said with Swift's own API.
"""
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import rig

PYTHON = '/usr/bin/python3'  # Debian's, which has the modules of the packages
PACKAGES = 'swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached'
SERVERS = 'account', 'container', 'object', 'proxy'
REGION = 'us-east-1'
PAGE = 7  # objects of one page of a list
OWNER, READER, STRANGER = 'test:owner', 'test:reader', 'test:stranger'
SECRETS = {OWNER: 'the-owner', READER: 'a-reader', STRANGER: 'a-stranger'}

# Reads swift.conf of the folder instead of /etc/swift, makes the rings, then is the servers, which end with it.
SERVE = '''
import ctypes, os, signal, sys
from swift.common import utils
folder, user, ports = sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]
utils.set_swift_dir(folder)
from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi
from swift.obj.server import global_conf_callback
for port, name in zip(ports, ('account', 'container', 'object')):
    builder = RingBuilder(1, 1, 1)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'd', 'weight': 1.0})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, name + '.ring.gz'))
servers = []
for name in ('memcached', 'account', 'container', 'object', 'proxy'):
    servers.append(os.fork())
    if servers[-1]:
        continue
    print(os.getpid(), file=open(os.path.join(folder, name + '.pid'), 'w'))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if name == 'memcached':
        os.execlp(name, name, '-u', user, '-l', '127.0.0.1', '-p', str(ports[-1]), '-U', '0', '-m', '16')
    more = {'global_conf_callback': global_conf_callback} if name == 'object' else {}
    os._exit(run_wsgi(os.path.join(folder, name + '.conf'), name + '-server', **more) or 0)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    signal.pause()
finally:
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
'''

CONF = '''[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/disk
mount_check = false
log_address = {folder}/nolog
container_update_timeout = 60
conn_timeout = 20
node_timeout = 60
'''

STORAGE = '''[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
'''

PROXY = '''[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 20
node_timeout = 60
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:s3api]
use = egg:swift#s3api
location = {region}
max_bucket_listing = {page}
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:slo]
use = egg:swift#slo
'''

HASHES = '''[swift-hash]
swift_hash_path_prefix = coffer
swift_hash_path_suffix = test
'''


def need():
    """Skip the whole program where it is not installed, or files cannot have user attributes."""
    asked = subprocess.run([PYTHON, '-I', '-c', 'import swift.proxy.server, swift.common.middleware.s3api.s3api'],
                           stderr=subprocess.DEVNULL, check=False) if os.path.exists(PYTHON) else None
    if not asked or asked.returncode or not shutil.which('memcached') or not all(shutil.which(f'swift-{name}-server') for name in SERVERS):
        rig.skip_all(f'OpenStack Swift is not installed (Debian: {" ".join(PACKAGES)})')


def may_have_attributes(folder):
    path = os.path.join(folder, 'attribute')
    with open(path, 'wb'):
        pass
    try:
        os.setxattr(path, 'user.coffer', b'x' * 1000)
    except OSError:
        return False
    finally:
        os.remove(path)
    return True


class Swift:
    """One node in this folder: url."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, 'swift')
        os.makedirs(os.path.join(self.folder, 'disk', 'd'))
        if not may_have_attributes(self.folder):
            rig.skip_all(f'files below {folder} cannot have user attributes, in which Swift keeps what it knows of them; TMPDIR says where to try')
        self.ports = [rig.nobody() for _ in (*SERVERS, 'memcached')]
        self.url = f'http://127.0.0.1:{self.ports[SERVERS.index("proxy")]}'
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self._configure()
        with open(self.path('errors'), 'wb') as errors:
            self.process = subprocess.Popen([PYTHON, '-c', SERVE, self.folder, self.user, *map(str, self.ports)], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self.path(name), 'w', encoding='ascii') as file:
            file.write(text)

    def _configure(self):
        users = '\n'.join(f'user_{name.replace(":", "_")} = {secret}{" .admin" if name == OWNER else ""}' for name, secret in SECRETS.items())
        self._write('swift.conf', HASHES)
        for name, port in zip(SERVERS, self.ports):
            text = CONF + (PROXY if name == 'proxy' else STORAGE)
            self._write(name + '.conf', text.format(name=name, port=port, memcached=self.ports[-1], user=self.user, folder=self.folder,
                                                    region=REGION, page=PAGE, users=users))

    def _wait(self):
        """Until all four answer."""
        for port in self.ports[:-1]:
            for _ in range(600):
                try:
                    self.ask('GET', f'http://127.0.0.1:{port}/')
                    break
                except urllib.error.HTTPError:
                    break
                except (OSError, urllib.error.URLError):
                    time.sleep(0.1)
                if self.process.poll() is not None:
                    with open(self.path('errors'), encoding='utf-8') as errors:
                        raise rig.Bad(f'Swift ended at once: {errors.read()[-600:]}')
            else:
                raise rig.Bad('Swift does not answer')

    @staticmethod
    def ask(method, url, headers=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, method=method, headers=headers or {}), timeout=60) as reply:
            return reply.headers, reply.read()

    def native(self, method, path, headers=None):
        """Ask as the owner, with Swift's own API; what is answered."""
        token, _ = self.ask('GET', self.url + '/auth/v1.0', {'X-Auth-User': OWNER, 'X-Auth-Key': SECRETS[OWNER]})
        return self.ask(method, f'{token["X-Storage-Url"]}/{path}', {'X-Auth-Token': token['X-Auth-Token'], **(headers or {})})[1]

    def make(self, bucket):
        """Make the bucket, which the owner may write and the reader may read; parts of objects have one of their own."""
        for name in bucket, bucket + '+segments':
            self.native('PUT', name, {'X-Container-Read': READER})

    def objects(self, bucket, prefix=''):
        """Name to what Swift says of each object: bytes, hash, last_modified."""
        listed = json.loads(self.native('GET', urllib.parse.quote(bucket) + '?format=json&prefix=' + urllib.parse.quote(prefix)))
        return {o['name']: o for o in listed}

    def file_of(self, bucket, name):
        """Where it keeps the bytes of an object on its disk; what it knows of it, its name, too, is in an attribute of the file."""
        for base, _, files in os.walk(self.path('disk/d/objects')):
            for path in (os.path.join(base, file) for file in files if file.endswith('.data')):
                if f'/{bucket}/{name}'.encode() in os.getxattr(path, 'user.swift.metadata'):
                    return path
        raise rig.Bad(f'Swift has no file of {bucket}/{name}')

    def env(self, user=OWNER, secret=None):
        """What the command needs to be that user."""
        return {'AWS_ENDPOINT_URL': self.url, 'AWS_REGION': REGION, 'AWS_ACCESS_KEY_ID': user, 'AWS_SECRET_ACCESS_KEY': secret or SECRETS[user]}

    def lose(self, server):
        """One of its servers dies, for good."""
        with open(self.path(server + '.pid'), encoding='ascii') as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def stop(self):
        """Its servers end with it."""
        self.process.terminate()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
