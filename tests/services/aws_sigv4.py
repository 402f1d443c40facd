# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4, verified: what AWS's services do with an Authorization header («Create a signed AWS API request», IAM User Guide).

Strict where the services are: headers in order, every x-amz-* header signed, the scope's date that of the request, a clock within five
minutes.  Written from the documentation, and proved with botocore's signer by aws_sdk.py."""
import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

ALGORITHM = 'AWS4-HMAC-SHA256'
AUTHORIZATION = re.compile(ALGORITHM + r' Credential=(?P<id>[^/, ]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request, ?'
                           r'SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})')
WINDOW = 300


class Unsigned(Exception):
    """(code, words) of the service that refuses"""


def stamp(when):
    return time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(when))


def parse_stamp(text):
    try:
        return calendar.timegm(time.strptime(text, '%Y%m%dT%H%M%SZ'))
    except ValueError:
        raise Unsigned('IncompleteSignatureException', f'Date must be in ISO-8601 \'basic format\'. Got \'{text}\'.') from None


def quoted(text, safe=''):
    return urllib.parse.quote_from_bytes(urllib.parse.unquote_to_bytes(text), safe=safe + '-_.~')


def canonical_query(query):
    pairs = [part.partition('=') for part in query.split('&') if part]
    return '&'.join(sorted(f'{quoted(name)}={quoted(value)}' for name, _, value in pairs))


def canonical_path(path, service):
    once = quoted(path or '/', '/')
    return once if service == 's3' else urllib.parse.quote(once, safe='/-_.~')


def canonical_request(method, path, query, headers, names, service, body_hash):
    lines = ''.join(f'{n}:{",".join(" ".join(v.split()) for v in headers[n])}\n' for n in names)
    return '\n'.join([method, canonical_path(path, service), canonical_query(query), lines, ';'.join(names), body_hash])


def signing_key(secret, day, region, service):
    key = ('AWS4' + secret).encode()
    for part in (day, region, service, 'aws4_request'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def check_clock(when, now):
    if when < now - WINDOW:
        raise Unsigned('InvalidSignatureException', f'Signature expired: {stamp(when)} is now earlier than {stamp(now - WINDOW)} '
                                                    f'({stamp(now)} - 5 min.)')
    if when > now + WINDOW:
        raise Unsigned('InvalidSignatureException', f'Signature not yet current: {stamp(when)} is still later than {stamp(now + WINDOW)} '
                                                    f'({stamp(now)} + 5 min.)')


def verify(method, path, query, headers, body, now, secret_of):
    """(access key id, region, service) of who signed.  @headers: lower-case name to a list of values; @secret_of: id to secret, or raises"""
    given = headers.get('authorization')
    if not given:
        raise Unsigned('MissingAuthenticationTokenException', 'Missing Authentication Token')
    found = AUTHORIZATION.fullmatch(given[0]) if len(given) == 1 else None
    if not found:
        raise Unsigned('IncompleteSignatureException', 'Authorization header requires \'Credential\', \'SignedHeaders\' and \'Signature\'.')
    names = found['headers'].split(';')
    wanted = [n for n in headers if n.startswith('x-amz-') or n == 'host']
    if names != sorted(set(names)) or any(n not in headers for n in names) or any(n not in names for n in wanted):
        raise Unsigned('InvalidSignatureException', 'Not all headers that must be signed are, or they are in disorder.')
    date = headers.get('x-amz-date', [''])[0]
    when = parse_stamp(date)
    if not date.startswith(found['day']):
        raise Unsigned('InvalidSignatureException', 'Credential should be scoped to the date of the request.')
    check_clock(when, now)
    body_hash = hashlib.sha256(body).hexdigest()
    if headers.get('x-amz-content-sha256', [body_hash])[0] != body_hash:
        raise Unsigned('InvalidSignatureException', 'The provided x-amz-content-sha256 header does not match what was computed.')
    scope = f'{found["day"]}/{found["region"]}/{found["service"]}/aws4_request'
    request = canonical_request(method, path, query, headers, names, found['service'], body_hash)
    to_sign = '\n'.join([ALGORITHM, date, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = signing_key(secret_of(found['id']), found['day'], found['region'], found['service'])
    if not hmac.compare_digest(hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest(), found['signature']):
        raise Unsigned('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided. Check your AWS '
                                                    'Secret Access Key and signing method. Consult the service documentation for details.')
    return found['id'], found['region'], found['service']
