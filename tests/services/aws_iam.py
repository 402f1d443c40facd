# SPDX-License-Identifier: Apache-2.0
"""IAM policies, evaluated: Effect, Action, Resource, Condition; a deny wins, and what nothing allows is denied («Policy evaluation logic» and
«IAM JSON policy elements: Condition operators», IAM User Guide).  An element that this does not know is an error, never passed over."""
import re


def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text):
    """* is any characters, ? is one; nothing else is special."""
    parts = ''.join('.*' if c == '*' else '.' if c == '?' else re.escape(c) for c in pattern)
    return re.fullmatch(parts, text, re.DOTALL) is not None


def equal(want, text):
    return want == text


# by name: how one wanted value is compared, and whether the operator is the opposite
OPERATORS = {'StringEquals': (equal, False), 'StringNotEquals': (equal, True), 'StringLike': (like, False), 'StringNotLike': (like, True),
             'StringEqualsIgnoreCase': (lambda a, b: a.lower() == b.lower(), False), 'Bool': (lambda a, b: a.lower() == b.lower(), False),
             'ArnLike': (like, False), 'ArnEquals': (like, False)}


def one_condition(operator, want, values):
    """@values: what the request has, a list, or None where it has no such key"""
    if operator == 'Null':
        return (values is None) == (str(listed(want)[0]).lower() == 'true')
    quantifier, _, bare = operator.rpartition(':')
    if_exists = bare.endswith('IfExists')
    bare = bare.removesuffix('IfExists')
    if bare not in OPERATORS or quantifier not in ('', 'ForAnyValue', 'ForAllValues'):
        raise ValueError(f'a condition operator that this IAM does not know: {operator}')
    compare, opposite = OPERATORS[bare]
    if values is None:
        return if_exists or opposite or quantifier == 'ForAllValues'

    def holds(value):
        return any(compare(str(w), value) for w in listed(want)) != opposite
    return all(map(holds, values)) if quantifier == 'ForAllValues' else any(map(holds, values))


def conditions_hold(statement, context):
    known = {name.lower(): value for name, value in context.items()}
    return all(one_condition(operator, want, known.get(key.lower()))
               for operator, keys in statement.get('Condition', {}).items() for key, want in keys.items())


def applies(statement, action, resource, context):
    unknown = set(statement) - {'Sid', 'Effect', 'Action', 'Resource', 'Condition', 'Principal'}
    if unknown or statement['Effect'] not in ('Allow', 'Deny'):
        raise ValueError(f'a statement that this IAM does not know: {statement}')
    return (any(like(a.lower(), action.lower()) for a in listed(statement['Action'])) and
            any(like(r, resource) for r in listed(statement['Resource'])) and conditions_hold(statement, context))


def check_document(policy):
    if policy.get('Version') != '2012-10-17':
        raise ValueError('a policy needs «Version»: «2012-10-17»')
    return policy


def decide(policies, action, resource, context):
    """«Allow», «Deny» (an explicit one) or «» (nothing allows it).  @context: condition key to a list of values"""
    effects = {s['Effect'] for p in policies for s in listed(check_document(p)['Statement']) if applies(s, action, resource, context)}
    return 'Deny' if 'Deny' in effects else 'Allow' if 'Allow' in effects else ''
