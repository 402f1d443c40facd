#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""As much of the command `vault` as pages of docs/howto show: what whoever keeps a Vault does before coffer comes.

    vault secrets enable [-path=P] [-version=N] KIND    vault auth enable [-path=P] KIND
    vault write [-f] [-field=F] PATH [NAME=VALUE…]      vault read -field=F PATH
    vault policy write NAME FILE|-                      vault token create -policy=P… -field=token
"""
import json
import os
import ssl
import sys
import urllib.error
import urllib.request


def token():
    if 'VAULT_TOKEN' in os.environ:
        return os.environ['VAULT_TOKEN']
    with open(os.path.expanduser('~/.vault-token'), encoding='ascii') as file:
        return file.read().strip()


def ask(method, path, body=None):
    # a Debian without /etc/hosts knows no localhost
    address = os.environ['VAULT_ADDR'].replace('//localhost:', '//127.0.0.1:')
    request = urllib.request.Request(address + '/v1/' + path, method=method, data=json.dumps(body or {}).encode())
    for name, value in (('X-Vault-Token', token()), ('X-Vault-Request', 'true')):
        request.add_header(name, value)
    context = ssl.create_default_context(cafile=os.environ.get('VAULT_CACERT'))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request) as answer:
            return json.loads(answer.read() or b'{}')
    except urllib.error.HTTPError as error:
        sys.exit(f'Error making API request: {error.code} {error.read().decode()}')


def split(words):
    """(options, operands), -f being the one without a value"""
    options, operands = {}, []
    for word in words:
        if word.startswith('-') and len(word) > 1:
            name, _, value = word.lstrip('-').partition('=')
            options.setdefault(name, []).append(value)
        else:
            operands.append(word)
    return options, operands


def read_file(name):
    if name == '-':
        return sys.stdin.read()
    with open(name, encoding='utf-8') as file:
        return file.read()


def pairs(words):
    out = {}
    for word in words:
        name, _, value = word.partition('=')
        out[name] = read_file(value[1:]) if value.startswith('@') else value
    return out


def show(answer, options):
    data = {**(answer.get('data') or {}), **({'token': answer['auth']['client_token']} if answer.get('auth') else {})}
    if 'field' in options:
        print(data[options['field'][0]])
    elif data:
        print(json.dumps(data, indent=2))


def main():
    verb, *words = sys.argv[1:]
    if verb in ('secrets', 'auth'):
        options, (what, kind) = split(words)
        path = options.get('path', [kind])[0]
        body = {'type': kind, 'options': {'version': options.get('version', ['1'])[0]}}
        ask('POST', f'sys/{"mounts" if verb == "secrets" else "auth"}/{path}', body)
        print(f'Success! {what.capitalize()}d {kind} at: {path}/')
    elif verb == 'write':
        options, (path, *fields) = split(words)
        show(ask('POST', path, pairs(fields)), options)
    elif verb == 'read':
        options, (path,) = split(words)
        show(ask('GET', path), options)
    elif verb == 'policy':
        _, name, file = words
        ask('POST', f'sys/policies/acl/{name}', {'policy': read_file(file)})
        print(f'Success! Uploaded policy: {name}')
    elif verb == 'token':
        options, _ = split(words)
        show(ask('POST', 'auth/token/create', {'policies': options.get('policy', [])}), options)
    else:
        sys.exit(f'vault {verb}: not in this one')


if __name__ == '__main__':
    main()
