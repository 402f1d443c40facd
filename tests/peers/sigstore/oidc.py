# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect provider with one user, who always agrees.

OpenID Connect Core and Discovery 1.0, RFC 6749, RFC 7636 (PKCE, S256 and nothing else), RFC 8628 (device grant), and
the endpoint from which GitHub Actions hands tokens to jobs.
"""
import base64
import hashlib
import json
import secrets
import time
import urllib.parse

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import pki
from service import Refusal, Reply, Service

OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob'
DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class OAuthError(Refusal):
    """RFC 6749, 5.2."""

    def __init__(self, error, text, status=400):
        super().__init__(status, text)
        self.error = error


class Provider(Service):
    name = 'oidc'
    own_faults = {
        'state': 'redirects with another state than it was given',
        'denied': 'redirects, or answers a device, with access_denied',
        'nonce': 'puts another nonce into the token',
        'expired': 'gives tokens that have expired',
        'audience': 'gives tokens for another audience',
        'issuer': 'calls itself by another name in its configuration',
        'slow-down': 'tells a device to ask less often',
        'pending': 'leaves a device waiting',
        'expired-device': 'tells a device that its code has expired',
        'no-token': 'answers without any token',
    }

    def __init__(self, world):
        super().__init__(world)
        self.key = pki.ec_key()
        self.codes, self.devices = {}, {}
        self.actions_secret = secrets.token_hex(16)

    def routes(self):
        return {
            ('GET', '/.well-known/openid-configuration'): self.configuration,
            ('GET', '/keys'): self.keys,
            ('GET', '/auth'): self.authorize,
            ('POST', '/token'): self.token,
            ('POST', '/device/code'): self.device_code,
            ('GET', '/device'): self.device_page,
            ('GET', '/actions'): self.actions,
        }

    def error(self, status, text, **headers):
        return Reply({'error': 'server_error', 'error_description': text}, status, **headers)

    def answer(self, request):
        try:
            return super().answer(request)
        except OAuthError as error:
            return Reply({'error': error.error, 'error_description': str(error)}, error.status)

    # ---- tokens ----

    def mint(self, lifetime=600, key=None, **claims):
        """A signed identity token: the user's, with claims changed, added, or (None) left out."""
        now = int(time.time())
        body = {'iss': self.url, 'aud': 'sigstore', 'sub': self.world.subject, 'email': self.world.email,
                'email_verified': True, 'iat': now, 'exp': now + lifetime, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        header = {'alg': 'ES256', 'typ': 'JWT', 'kid': pki.key_id(self.key.public_key()).hex()[:16]}
        text = '.'.join(url64(json.dumps(part, separators=(',', ':')).encode()) for part in (header, body))
        r, s = decode_dss_signature(pki.sign(key or self.key, text.encode()))
        return f"{text}.{url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def claims(self, token):
        """The claims of a token that holds; Refusal otherwise."""
        try:
            text, _, signature = token.rpartition('.')
            signature = base64.urlsafe_b64decode(signature + '==')
            parts = [base64.urlsafe_b64decode(part + '==') for part in text.split('.')]
            pki.verify_raw(self.key.public_key(), signature, text.encode())
            claims = json.loads(parts[1])
        except (ValueError, IndexError, pki.InvalidSignature):
            raise Refusal(401, 'the identity token is not of this provider') from None
        now = time.time()
        if claims.get('iss') != self.url or claims.get('aud') != 'sigstore' or not claims.get('sub'):
            raise Refusal(401, 'the identity token is for another issuer or audience')
        if not claims.get('iat', now) - 5 <= now < claims.get('exp', 0):
            raise Refusal(401, 'the identity token is not valid now')
        return claims

    def granted(self, client, nonce):
        """What the token endpoint answers when all is well."""
        if self.is_bad('no-token'):
            return Reply({'token_type': 'Bearer', 'expires_in': 600})
        if self.is_bad('nonce'):
            nonce = 'not-' + (nonce or 'asked-for')
        audience = 'somebody-else' if self.is_bad('audience') else client
        token = self.mint(-60 if self.is_bad('expired') else 600, aud=audience, nonce=nonce)
        return Reply({'access_token': token, 'id_token': token, 'token_type': 'Bearer', 'expires_in': 600},
                     Cache_Control='no-store')

    # ---- endpoints ----

    def configuration(self, _):
        return Reply({
            'issuer': self.url + '/other' if self.is_bad('issuer') else self.url,
            'authorization_endpoint': self.url + '/auth', 'token_endpoint': self.url + '/token',
            'device_authorization_endpoint': self.url + '/device/code', 'jwks_uri': self.url + '/keys',
            'response_types_supported': ['code'], 'subject_types_supported': ['public'],
            'grant_types_supported': ['authorization_code', DEVICE_GRANT],
            'code_challenge_methods_supported': ['S256'], 'scopes_supported': ['openid', 'email'],
            'id_token_signing_alg_values_supported': ['ES256']})

    def keys(self, _):
        numbers = self.key.public_key().public_numbers()
        return Reply({'keys': [{
            'kty': 'EC', 'crv': 'P-256', 'use': 'sig', 'alg': 'ES256',
            'kid': pki.key_id(self.key.public_key()).hex()[:16],
            'x': url64(numbers.x.to_bytes(32, 'big')), 'y': url64(numbers.y.to_bytes(32, 'big'))}]})

    def authorize(self, request):
        """RFC 6749, 4.1.1, with the user's consent at once."""
        query = request.query
        target = query.get('redirect_uri', '')
        if target != OUT_OF_BAND and urllib.parse.urlsplit(target).hostname not in ('localhost', '127.0.0.1', '::1'):
            raise OAuthError('invalid_request', 'redirect_uri is not on this machine')
        if query.get('response_type') != 'code' or not query.get('client_id'):
            raise OAuthError('invalid_request', 'response_type is not code, or there is no client_id')
        if 'openid' not in query.get('scope', '').split():
            raise OAuthError('invalid_scope', 'the scope has no openid')
        if query.get('code_challenge_method') != 'S256' or len(query.get('code_challenge', '')) != 43:
            raise OAuthError('invalid_request', 'there is no code_challenge with S256')
        code = secrets.token_urlsafe(24)
        self.codes[code] = query
        if target == OUT_OF_BAND:
            return Reply(f'<html><body>Your code: <code>{code}</code></body></html>', kind='text/html')
        answer = {'error': 'access_denied'} if self.is_bad('denied') else {'code': code}
        if 'state' in query:
            answer['state'] = 'another' if self.is_bad('state') else query['state']
        mark = '&' if '?' in target else '?'
        return Reply(b'', 302, Location=target + mark + urllib.parse.urlencode(answer))

    def token(self, request):
        form = request.form()
        client = self.client_of(request, form)
        if form.get('grant_type') == DEVICE_GRANT:
            return self.device_token(form, client)
        if form.get('grant_type') != 'authorization_code':
            raise OAuthError('unsupported_grant_type', 'grant_type is neither authorization_code nor device_code')
        asked = self.codes.pop(form.get('code', ''), None)
        if asked is None:
            raise OAuthError('invalid_grant', 'the code is unknown, or was used before')
        if asked['redirect_uri'] != form.get('redirect_uri') or asked['client_id'] != client:
            raise OAuthError('invalid_grant', 'the code was given for another redirect_uri or client')
        if url64(hashlib.sha256(form.get('code_verifier', '').encode()).digest()) != asked['code_challenge']:
            raise OAuthError('invalid_grant', 'code_verifier is not that of code_challenge')
        return self.granted(client, asked.get('nonce'))

    @staticmethod
    def client_of(request, form):
        """The client's name, from the form or from HTTP Basic; there are only public clients."""
        word, _, value = request.headers.get('Authorization', '').partition(' ')
        if word != 'Basic':
            return form.get('client_id')
        return urllib.parse.unquote_plus(base64.b64decode(value).decode().partition(':')[0])

    # ---- devices ----

    def device_code(self, request):
        """RFC 8628, 3.1 and 3.2."""
        form = request.form()
        if not form.get('client_id'):
            raise OAuthError('invalid_request', 'there is no client_id')
        device, user = secrets.token_urlsafe(24), f'{secrets.randbelow(10 ** 8):08d}'
        self.devices[device] = {'user': user, 'client': form['client_id'], 'challenge': form.get('code_challenge'),
                                'approved': self.world.devices_agree, 'asked': 0}
        page = self.url + '/device'
        return Reply({'device_code': device, 'user_code': user, 'verification_uri': page,
                      'verification_uri_complete': f'{page}?user_code={user}', 'expires_in': 300, 'interval': 1})

    def device_page(self, request):
        """Where the user agrees: by going there."""
        for device in self.devices.values():
            if device['user'] == request.query.get('user_code'):
                device['approved'] = True
                return Reply('<html><body>Thank you.</body></html>', kind='text/html')
        raise Refusal(404, 'there is no such user code')

    def device_token(self, form, client):
        """RFC 8628, 3.4 and 3.5: pending at least once."""
        device = self.devices.get(form.get('device_code', ''))
        if device is None or device['client'] != client:
            raise OAuthError('invalid_grant', 'there is no such device code')
        if device['challenge'] and \
                url64(hashlib.sha256(form.get('code_verifier', '').encode()).digest()) != device['challenge']:
            raise OAuthError('invalid_grant', 'code_verifier is not that of code_challenge')
        device['asked'] += 1
        if self.is_bad('denied'):
            raise OAuthError('access_denied', 'the user said no')
        if self.is_bad('expired-device'):
            raise OAuthError('expired_token', 'the device code has expired')
        if self.is_bad('slow-down'):
            raise OAuthError('slow_down', 'you ask too often')
        if not device['approved'] or device['asked'] == 1 or self.is_bad('pending'):
            raise OAuthError('authorization_pending', 'the user has not agreed yet')
        del self.devices[form['device_code']]
        return self.granted(client, None)

    # ---- jobs ----

    def actions(self, request):
        """What GitHub Actions answers at ACTIONS_ID_TOKEN_REQUEST_URL."""
        if request.bearer() != self.actions_secret:
            raise Refusal(401, 'this is not the request token')
        return Reply({'count': 1, 'value': self.mint(aud=request.query.get('audience', 'nobody'))})
