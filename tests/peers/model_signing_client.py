# SPDX-License-Identifier: Apache-2.0
"""model_signing of some release, driven by another program: each line of standard input is a request in JSON, each line
of standard output its answer.  Runs under the interpreter that has the package (tests/peers/setup), and on its own.

{"do": "run", "args": [WORD…], "folder": FOLDER} -> {"code": N, "said": TEXT}, as its command would
{"do": "sign", "model", "signature", "private_key", "hashing": HASHING} -> {"code": 0}, by its library
{"do": "verify", "model", "signature", "public_key", "hashing": HASHING or nothing} -> {"code": 0}
HASHING is {"method": "files" or "shards", "hash": "sha256", "blake2" or "blake3", "shard_size": N}.
"""
import json
import logging
import os
import sys

from click.testing import CliRunner
from model_signing import hashing, signing, verifying
from model_signing._cli import main as command


def stay_at_home():
    """Releases before 1.1 fetch Sigstore's trust root and its issuer from the network to sign with a key, too."""
    if 'use_sigstore_signer' in signing.Config.__init__.__code__.co_names:
        signing.Config.use_sigstore_signer = lambda self, **_: self


def run(request):
    os.chdir(request['folder'])
    done = CliRunner().invoke(command, request['args'])
    return {'code': done.exit_code, 'said': done.output}


def config(asked):
    if asked['method'] == 'shards':
        return hashing.Config().use_shard_serialization(hashing_algorithm=asked['hash'], shard_size=asked['shard_size'])
    return hashing.Config().use_file_serialization(hashing_algorithm=asked['hash'])


def sign(request):
    signer = signing.Config().use_elliptic_key_signer(private_key=request['private_key'])
    signer.set_hashing_config(config(request['hashing'])).sign(request['model'], request['signature'])
    return {'code': 0}


def verify(request):
    verifier = verifying.Config().use_elliptic_key_verifier(public_key=request['public_key'])
    if request.get('hashing'):
        verifier.set_hashing_config(config(request['hashing']))
    verifier.verify(request['model'], request['signature'])
    return {'code': 0}


def main():
    logging.disable(logging.CRITICAL)
    stay_at_home()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'run': run, 'sign': sign, 'verify': verify}[request['do']](request)
        except Exception as error:  # pylint: disable=broad-except
            answer = {'code': 1, 'said': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
