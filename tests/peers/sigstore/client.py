# SPDX-License-Identifier: Apache-2.0
"""The real Sigstore client, driven by another program: each line of standard input is a request in JSON, each line of
standard output its answer.  Runs under the interpreter that has the packages (tests/peers/setup), and on its own.

{"do": "sign", "config": FILE, "token": TEXT, "data": TEXT or "statement": IN_TOTO} -> {"bundle": TEXT}
{"do": "verify", "config": FILE, "bundle": TEXT, "identity": …, "issuer": …, "data": TEXT or nothing} -> {"payload": …}
{"do": "tuf", "url": URL, "root": FILE, "folder": FOLDER, "targets": [NAME…]} -> {"targets": {NAME: TEXT}}
An answer with "error" is a refusal.
"""
import json
import logging
import os
import sys
from pathlib import Path

from sigstore import dsse
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy
from tuf.ngclient import Updater


def config_of(request):
    return ClientTrustConfig.from_json(Path(request['config']).read_text(encoding='utf-8'))


def sign(request):
    context = SigningContext.from_trust_config(config_of(request))
    with context.signer(IdentityToken(request['token'])) as signer:
        if 'statement' in request:
            bundle = signer.sign_dsse(dsse.Statement(request['statement'].encode()))
        else:
            bundle = signer.sign_artifact(request['data'].encode())
    return {'bundle': bundle.to_json()}


def verify(request):
    verifier = Verifier(trusted_root=config_of(request).trusted_root)
    bundle = Bundle.from_json(request['bundle'])
    who = policy.Identity(identity=request['identity'], issuer=request['issuer'])
    if request.get('data') is not None:
        verifier.verify_artifact(request['data'].encode(), bundle, who)
        return {'payload': ''}
    return {'payload': verifier.verify_dsse(bundle, who)[1].decode()}


def tuf(request):
    metadata, targets = (os.path.join(request['folder'], name) for name in ('metadata', 'targets'))
    os.makedirs(targets, exist_ok=True)
    updater = Updater(metadata, request['url'], targets, request['url'] + '/targets/',
                      bootstrap=Path(request['root']).read_bytes())
    updater.refresh()
    out = {}
    for name in request['targets']:
        info = updater.get_targetinfo(name)
        if info is None:
            raise KeyError(name)
        out[name] = Path(updater.download_target(info)).read_text(encoding='utf-8')
    return {'targets': out}


def main():
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'sign': sign, 'verify': verify, 'tuf': tuf}[request['do']](request)
        except Exception as error:  # pylint: disable=broad-except
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
