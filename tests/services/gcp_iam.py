# SPDX-License-Identifier: Apache-2.0
"""IAM of Google Cloud, as far as Cloud KMS and coffer's policies have it: roles, bindings, conditions on the name of what is asked for.

As its documentation has it («Policy», «Attribute reference for IAM Conditions», «Quotas and limits», projects.roles): a condition is CEL; here
it is resource.name == "…" and resource.name.startsWith("…") with || between.  It has at most 12 logical operators, and a policy with one is
of version 3; at most 20 bindings give the same role to the same member under different conditions.
"""
import re
from dataclasses import dataclass, field

OPERATORS_MAX = 12
BINDINGS_MAX = 20
TERM = re.compile(r'resource\.name(?: == "([^"\\]*)"|\.startsWith\("([^"\\]*)"\))')

# cloud.google.com/kms/docs/reference/permissions-and-roles: what of them this knows
ROLES = {
    'roles/cloudkms.viewer': {'cloudkms.cryptoKeys.get', 'cloudkms.cryptoKeys.list', 'cloudkms.cryptoKeyVersions.get',
                              'cloudkms.cryptoKeyVersions.list', 'cloudkms.keyRings.get'},
    'roles/cloudkms.cryptoKeyEncrypter': {'cloudkms.cryptoKeyVersions.useToEncrypt'},
    'roles/cloudkms.cryptoKeyDecrypter': {'cloudkms.cryptoKeyVersions.useToDecrypt'},
    'roles/cloudkms.cryptoKeyEncrypterDecrypter': {'cloudkms.cryptoKeyVersions.useToEncrypt', 'cloudkms.cryptoKeyVersions.useToDecrypt'},
    'roles/cloudkms.admin': {'cloudkms.keyRings.create', 'cloudkms.keyRings.get', 'cloudkms.keyRings.setIamPolicy',
                             'cloudkms.keyRings.getIamPolicy', 'cloudkms.cryptoKeys.create', 'cloudkms.cryptoKeys.get',
                             'cloudkms.cryptoKeys.list', 'cloudkms.cryptoKeys.update', 'cloudkms.cryptoKeys.setIamPolicy',
                             'cloudkms.cryptoKeys.getIamPolicy', 'cloudkms.cryptoKeyVersions.create', 'cloudkms.cryptoKeyVersions.get',
                             'cloudkms.cryptoKeyVersions.list', 'cloudkms.cryptoKeyVersions.update', 'cloudkms.cryptoKeyVersions.destroy',
                             'cloudkms.cryptoKeyVersions.restore'},
}
PERMISSIONS = set().union(*ROLES.values())


class BadPolicy(ValueError):
    """Something that IAM would not take."""


def terms_of(expression):
    """[(whole name, beginning of names)], one of each pair being None"""
    terms = []
    for text in expression.split(' || '):
        match = TERM.fullmatch(text)
        if not match:
            raise BadPolicy(f'this IAM does not know the condition {text}')
        terms.append(match.groups())
    if len(terms) - 1 > OPERATORS_MAX:
        raise BadPolicy(f'The condition expression has more than {OPERATORS_MAX} logical operators.')
    return terms


@dataclass
class Binding:
    role: str
    members: list
    expression: str = ''  # '' = no condition
    terms: list = field(default_factory=list)

    def __post_init__(self):
        self.terms = terms_of(self.expression) if self.expression else []

    def holds(self, resource):
        return not self.terms or any(resource == whole if whole is not None else resource.startswith(beginning) for whole, beginning in self.terms)

    def doc(self):
        condition = {'condition': {'title': 'condition', 'expression': self.expression}} if self.expression else {}
        return {'role': self.role, 'members': self.members, **condition}


def bindings_of(policy):
    """What the bindings of a Policy are."""
    bindings, seen = [], {}
    for doc in policy.get('bindings', []):
        condition = doc.get('condition')
        if condition is not None and (not condition.get('title') or not condition.get('expression')):
            raise BadPolicy('A condition has a title and an expression.')
        if condition is not None and policy.get('version') != 3:
            raise BadPolicy('A policy with a condition is of version 3.')
        for member in doc['members']:
            if not re.fullmatch(r'(user|serviceAccount|group|principal):[^\s:]+(:[^\s]+)?', member):
                raise BadPolicy(f'Invalid member {member}')
            seen[doc['role'], member] = seen.get((doc['role'], member), 0) + 1
        bindings.append(Binding(doc['role'], doc['members'], (condition or {}).get('expression', '')))
    if max(seen.values(), default=0) > BINDINGS_MAX:
        raise BadPolicy(f'More than {BINDINGS_MAX} bindings have the same role and the same member.')
    return bindings


def role_of(doc):
    """(name, permissions) of a custom role of a project"""
    unknown = set(doc) - {'name', 'title', 'description', 'includedPermissions', 'stage', 'etag'}
    if unknown or doc.get('stage') not in ('ALPHA', 'BETA', 'GA') or not 1 <= len(doc.get('title', '')) <= 100:
        raise BadPolicy(f'this is no role: {doc}')
    if not re.fullmatch(r'projects/[a-z][a-z0-9.:-]*/roles/[A-Za-z0-9_.]{3,64}', doc['name']):
        raise BadPolicy(f'Invalid name of a role: {doc["name"]}')
    for permission in doc['includedPermissions']:
        if permission not in PERMISSIONS:
            raise BadPolicy(f'Permission {permission} is not valid.')
    return doc['name'], set(doc['includedPermissions'])
