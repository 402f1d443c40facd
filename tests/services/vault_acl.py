# SPDX-License-Identifier: Apache-2.0
"""Policies of Vault and OpenBao: what they say, and which rule decides about a path.

As their documentation has it (concepts/policies) and OpenBao's internal/vault/policy/acl.go does it: an exact rule before
every other; among prefixes the longest; with «+» in play, in this order: the later first wildcard, no «*» at the end, fewer
«+», the longer, the greater in the order of letters.  Rules for the same path from several policies are one, with all their capabilities;
«deny» takes all of them away.  A path of a LIST is looked for without its slash too.
"""
import json
import re

CAPABILITIES = {'create', 'read', 'update', 'delete', 'list', 'patch', 'sudo', 'deny'}

TOKEN = re.compile(r'''\s*(?:(?:\#|//)[^\n]*|/\*.*?\*/|("(?:[^"\\]|\\.)*")|([A-Za-z_][A-Za-z_0-9]*)|([{}\[\]=,]))''', re.DOTALL)


class BadPolicy(ValueError):
    """A policy that Vault would not take."""


def tokens_of(text):
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if not match:
            raise BadPolicy(f'failed to parse policy: illegal character at {at}')
        at = match.end()
        if match.lastindex:
            yield match.group(match.lastindex)


class Reader:
    """HCL, as far as policies have it: path "P" { capabilities = ["c", …] }."""

    def __init__(self, text):
        self.tokens = list(tokens_of(text))
        self.at = 0

    def take(self, wanted=None):
        got = self.tokens[self.at] if self.at < len(self.tokens) else ''
        if wanted is not None and got != wanted:
            raise BadPolicy(f'failed to parse policy: expected {wanted}, found {got or "the end"}')
        self.at += 1
        return got

    def text(self):
        got = self.take()
        if not got.startswith('"'):
            raise BadPolicy(f'failed to parse policy: expected a string, found {got or "the end"}')
        return json.loads(got)

    def words(self):
        self.take('[')
        out = []
        while self.tokens[self.at:self.at + 1] != [']']:
            out.append(self.text())
            if self.tokens[self.at:self.at + 1] == [',']:
                self.take(',')
            elif self.tokens[self.at:self.at + 1] != [']']:
                raise BadPolicy('failed to parse policy: a list without «,»')
        self.take(']')
        return out

    def rule(self):
        self.take('path')
        path = self.text()
        self.take('{')
        capabilities = []
        while self.tokens[self.at:self.at + 1] != ['}']:
            name = self.take()
            if name != 'capabilities':
                raise BadPolicy(f'failed to parse policy: invalid key "{name}" in path "{path}"')
            self.take('=')
            capabilities = self.words()
        self.take('}')
        return path, capabilities

    def rules(self):
        out = []
        while self.at < len(self.tokens):
            out.append(self.rule())
        return out


def parse(text):
    """The rules of a policy: [(path, {capability…})]."""
    if text.lstrip().startswith('{'):
        try:
            rules = [(path, rule['capabilities']) for path, rule in json.loads(text)['path'].items()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadPolicy(f'failed to parse policy: {error}') from error
    else:
        rules = Reader(text).rules()
    for path, capabilities in rules:
        unknown = set(capabilities) - CAPABILITIES
        if unknown:
            raise BadPolicy(f'path "{path}": invalid capability "{unknown.pop()}"')
        if '+*' in path:
            raise BadPolicy(f'path "{path}": invalid use of wildcards (\'+*\' is forbidden)')
        if '*' in path[:-1]:
            raise BadPolicy(f'path "{path}": a «*» is the last character of a path')
    return [(path, {'deny'} if 'deny' in capabilities else set(capabilities)) for path, capabilities in rules]


def matches(rule, path):
    """Whether a rule with «+» is about the path."""
    is_prefix = rule.endswith('*')
    wanted, given = rule.rstrip('*').split('/'), path.split('/')
    if len(given) < len(wanted) or (not is_prefix and len(given) != len(wanted)):
        return False
    for i, (want, have) in enumerate(zip(wanted, given)):
        last = is_prefix and i == len(wanted) - 1
        if want != '+' and want != have and not (last and have.startswith(want)):
            return False
    return True


def rank(rule):
    """The greater, the sooner: of two rules that are about the same path."""
    is_prefix = rule.endswith('*')
    text = rule[:-1] if is_prefix else rule
    first = text.index('+') if '+' in text else len(text)
    return first, not is_prefix, -text.split('/').count('+'), len(text), text


class Acl:
    """What the policies of one token come to."""

    def __init__(self, policies):
        """policies: [(prefix of their namespace, [(path, capabilities)])]"""
        self.rules = {}
        for namespace, rules in policies:
            for path, capabilities in rules:
                had = self.rules.setdefault(namespace + path.lstrip('/'), set())
                had |= capabilities

    def find(self, path):
        candidates = [rule for rule in self.rules if '+' in rule.split('/') and matches(rule, path)]
        plain = [rule for rule in self.rules if '+' not in rule.split('/') and rule.endswith('*') and path.startswith(rule[:-1])]
        if plain:
            candidates.append(max(plain, key=len))
        return max(candidates, key=rank) if candidates else None

    def capabilities(self, path, listing=False):
        path = path.lstrip('/')
        rule = path if path in self.rules else None
        if rule is None and listing and path.rstrip('/') in self.rules:
            rule = path.rstrip('/')
        if rule is None:
            rule = self.find(path)
        if rule is None and listing and path.endswith('/'):
            rule = self.find(path[:-1])
        found = self.rules.get(rule, set())
        return set() if 'deny' in found else found

    def allows(self, path, operation):
        return operation in self.capabilities(path, operation == 'list')
