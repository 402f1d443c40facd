#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What «coffer key policy» prints, put to work: each role of two environments does what it is for, and nothing else; a loader of development
opens no model of production, whatever is done to its files.

The text that the command prints is loaded into the fake of each service as its administrator would load it, for a login that has nothing but it.

usage: tests/services/test_policy.py COFFER [WORD…]
"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
from rig import Bad, equal  # noqa: E402

try:
    import aws
    import azure
    import gcp
    import p11
    import vault
except ImportError:
    rig.skip_all('there is no Python package cryptography')

ENVIRONMENTS = 'development', 'production'
ROLES = 'publisher', 'loader', 'rotator', 'auditor'
PLAIN = {'config.json': b'{"layers": 2}', 'weights.bin': bytes(range(256)) * 300}
REFUSED, NOKEY, AUTH = (7, '[REFUSED]'), (7, '[NOKEY]'), (5, '[AUTH]')
NAMES = 'llama', 'llama-2', 'llama2'


class World:
    """A service with a key for each model of each environment, the command, and a login for each role of each environment.

    What a service says of itself: scheme, is_inside (it rewraps by itself), denied (its words), and

        uri(environment, name)    the key of a model; {environment} and {name} stay
        login(who, environment, role, texts)    the environment of somebody with these policies and nothing else
        opened(since)             how many unwraps there were, of which somebody got the plaintext
    """

    provider, scope, is_inside, member = '', (), True, ()

    def __init__(self, command):
        self.coffer = rig.Coffer(command, COFFER_KEY_TIMEOUT='20', COFFER_KEY_RETRIES='0')
        for path, content in PLAIN.items():
            self.coffer.write(f'm/{path}', content)
        self.logins = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.coffer.close()
        self.server.__exit__(kind, *rest)

    def text(self, environment, role, *models):
        """What the command prints, without knowing any service."""
        named = [a for model in models for a in ('--model', model)]
        return self.coffer.ok('key', 'policy', '--provider', self.provider, '--environment', environment, '--role', role, *self.scope,
                              *self.member_of(f'{environment}-{role}'), *named).out

    def member_of(self, who):
        return ()

    def as_(self, environment, role, *models):
        """The environment of who has this role; of a rotator for the models named, else for all."""
        if role == 'rotator' and not models:
            models = NAMES
        who = (environment, role, models)
        if who not in self.logins:
            self.logins[who] = self.login(f'{environment}-{role}', self.text(environment, role, *models))
        return self.logins[who]

    @property
    def template(self):
        return self.uri('{environment}', '{name}')

    # ---- what is done ----

    def run(self, want, who, *argv):
        code, name = (0, ()) if want is True else want
        return self.coffer.expect(code, name, *argv, env=who)

    def seal(self, who, environment, name='llama', out=None, want=True, kek=None):
        out = out or environment
        shutil.rmtree(self.coffer.at(out), ignore_errors=True)
        outcome = self.run(want, who, 'seal', 'm', '-o', out, '--name', name, '--environment', environment, '--kek', kek or self.template)
        equal(os.path.exists(self.coffer.at(out, 'coffer.json')), want is True, f'{out} is sealed')
        return outcome

    def open(self, who, sealed, want=True, kek=None, more=()):
        shutil.rmtree(self.coffer.at('o'), ignore_errors=True)
        outcome = self.run(want, who, 'open', sealed, '-o', 'o', '--kek', kek or self.template, *more)
        equal(os.path.exists(self.coffer.at('o')), want is True, 'something is opened')
        if want is True:
            equal({path: self.coffer.read(f'o/{path}') for path in PLAIN}, PLAIN)
        return outcome

    def rewrap(self, who, sealed, want=True, kek=None):
        return self.run(want, who, 'rewrap', sealed, '--kek', kek or self.template)

    def rotate(self, who, environment, name='llama', want=True):
        return self.run(want, who, 'key', 'rotate', self.uri(environment, name))

    def status(self, who, environment, name='llama', want=True):
        return self.run(want, who, 'key', 'status', environment, '--kek', self.uri(environment, name))

    # ---- what somebody does to the files ----

    def block(self, sealed):
        return json.loads(self.coffer.read(f'{sealed}/coffer.json'))

    def copy(self, sealed, change):
        """A copy of it in «x», after change(its key block)."""
        shutil.rmtree(self.coffer.at('x'), ignore_errors=True)
        shutil.copytree(self.coffer.at(sealed), self.coffer.at('x'))
        block = self.block(sealed)
        change(block)
        self.coffer.write('x/coffer.json', json.dumps(block, sort_keys=True, separators=(',', ':'), ensure_ascii=False) + '\n')


# ---- the services ----

class Vault(World):
    provider, denied = 'hashivault', 'none of its policies has'
    # of a recipient that was moved to the key of development; and so was the context
    moved, moved_whole = AUTH, AUTH

    def __init__(self, command):
        super().__init__(command)
        self.vault = vault.Vault()
        self.vault.admin('POST', 'sys/mounts/transit', {'type': 'transit'})
        self.vault.admin('POST', 'sys/auth/approle', {'type': 'approle'})
        for environment in ENVIRONMENTS:
            for name in NAMES:
                self.vault.admin('POST', f'transit/keys/model-{environment}-{name}', {'derived': True})
        self.server = self.vault.serve()
        self.coffer.env['VAULT_ADDR'] = self.server.url

    def uri(self, environment, name):
        return f'hashivault://model-{environment}-{name}'

    def login(self, who, text, *more):
        """An AppRole whose token has this policy alone, not even «default»."""
        name = f'{who}-{len(self.logins)}'
        names = [f'{name}-{i}' for i, _ in enumerate((text, *more))]
        for policy, body in zip(names, (text, *more)):
            self.vault.admin('POST', f'sys/policies/acl/{policy}', {'policy': body})
        self.vault.admin('POST', f'auth/approle/role/{name}', {'token_policies': names, 'token_no_default_policy': True, 'token_ttl': '20m'})
        role = self.vault.admin('GET', f'auth/approle/role/{name}/role-id')['data']['role_id']
        secret = self.vault.admin('POST', f'auth/approle/role/{name}/secret-id')['data']['secret_id']
        return {'COFFER_VAULT_ROLE_ID': role, 'COFFER_VAULT_SECRET_ID_FILE': self.coffer.write(f'{name}.secret', secret + '\n')}

    def opened(self):
        return len([e for e in self.vault.log if '/decrypt/' in e['path'] and e['status'] == 200])

    def id(self, environment, name='llama'):
        return {'id': f'transit/model-{environment}-{name}'}


class Aws(World):
    provider, scope, denied = 'awskms', ('--scope', f'{aws.REGION}/{aws.ACCOUNT}'), 'is not authorized to perform'
    moved, moved_whole = REFUSED, NOKEY

    def __init__(self, command):
        super().__init__(command)
        self.aws = aws.Aws()
        self.keys = {(e, n): self.aws.add_key(f'alias/model/{e}/{n}') for e in ENVIRONMENTS for n in NAMES}
        self.server = aws.Server(self.aws)
        self.coffer.env.update(AWS_ENDPOINT_URL=self.server.url, AWS_REGION=aws.REGION, AWS_EC2_METADATA_DISABLED='true')

    def uri(self, environment, name):
        return f'awskms:///alias/model/{environment}/{name}'

    def login(self, who, text, *more):
        return self.aws.add_user(f'{who}-{len(self.logins)}', [json.loads(t) for t in (text, *more)]).environment()

    def opened(self):
        return len([e for e in self.aws.events('Decrypt') + self.aws.events('GenerateDataKey') if 'errorCode' not in e])

    def id(self, environment, name='llama'):
        return {'id': self.keys[environment, name].arn}


class Gcp(World):
    provider, scope, is_inside, denied = 'gcpkms', ('--scope', gcp.RING_NAME), False, 'denied on resource'
    moved, moved_whole = AUTH, AUTH

    def __init__(self, command):
        super().__init__(command)
        self.gcp = gcp.Gcp()
        for environment in ENVIRONMENTS:
            for name in NAMES:
                self.gcp.add_key(self.name(environment, name), slow=1)  # as in an HSM: a new version is not there at once
        self.server = self.gcp.serve()
        self.coffer.env['COFFER_GCPKMS_ENDPOINT'] = self.server.url

    @staticmethod
    def name(environment, name):
        return f'{gcp.RING_NAME}/cryptoKeys/model-{environment}-{name}'

    def uri(self, environment, name):
        return 'gcpkms://' + self.name(environment, name)

    def member_of(self, who):
        return '--member', f'serviceAccount:{who}-{len(self.logins)}@prj.iam.gserviceaccount.com'

    def login(self, who, text, *more):
        email = f'{who}-{len(self.logins)}@prj.iam.gserviceaccount.com'
        self.gcp.add_account(email)
        for document in map(json.loads, (text, *more)):
            self.gcp.add_role(document['customRole'])
            self.gcp.add_bindings(gcp.RING_NAME, document['policy'])
        return {'GOOGLE_APPLICATION_CREDENTIALS': self.coffer.write(f'{email}.json', json.dumps(self.gcp.account_file(email)))}

    def id(self, environment, name='llama'):
        return {'id': self.name(environment, name)}


class AzureModels(World):
    """All environments in one vault: keys are named."""
    provider, is_inside, denied = 'azurekms', False, 'Caller is not authorized'
    vaults = {'development': 'models', 'production': 'models'}
    moved, moved_whole = AUTH, AUTH

    def __init__(self, command):
        super().__init__(command)
        self.services = {v: azure.Azure(f'{v}.vault.azure.net') for v in sorted(set(self.vaults.values()))}
        self.hosts = {service.host: service for service in self.services.values()}
        for environment, v in self.vaults.items():
            for name in NAMES:
                self.services[v].add_key(f'model-{environment}-{name}')
        # one server is all of them: by the name that is asked for, as their own names do
        self.server = rig.Server(self.answer)
        for service in self.services.values():
            service.url = self.server.url
        self.coffer.env.update(AZURE_AUTHORITY_HOST=self.server.url, AZURE_TENANT_ID=azure.TENANT)

    def answer(self, request):
        named = [s for s in self.services.values() if any(f'/{key}' in request.path for key in s.keys)]
        return (named[0] if named else next(iter(self.services.values()))).answer(request)

    def vault_of(self, environment):
        return self.services[self.vaults[environment]]

    def uri(self, environment, name):
        v = 'models' if len(self.services) == 1 else '{environment}' if environment[0] == '{' else self.vaults[environment]
        return f'azurekms://{v}/model-{environment}-{name}'

    def text(self, environment, role, *models):
        self.scope = '--scope', self.vault_of(environment).id
        return super().text(environment, role, *(models or NAMES if len(self.services) == 1 else models))

    def login(self, who, text, *more):
        service = self.vault_of(who.partition('-')[0])
        app = service.add_app(who)
        for other in self.services.values():
            other.apps, other.tokens = service.apps, service.tokens  # one Entra
        for document in map(json.loads, (text, *more)):
            role = service.add_role(document['roleDefinition'])
            for assignment in document['roleAssignments']:
                service.assign_at(app.client_id, role, assignment['scope'])
        return {'AZURE_CLIENT_ID': app.client_id, 'COFFER_AZURE_CLIENT_SECRET_FILE': self.coffer.write(f'{app.client_id}', app.secrets[0] + '\n'),
                'COFFER_AZUREKMS_ENDPOINT': self.server.url}

    def id(self, environment, name='llama'):
        service = self.vault_of(environment)
        return {'id': f'https://{service.host}/keys/model-{environment}-{name}', 'version': service.keys[f'model-{environment}-{name}'][-1].name}


class AzureVaults(AzureModels):
    """A vault for each environment."""
    vaults = {'development': 'development', 'production': 'production'}


# ---- the cases, for each service ----

def roles(w):
    """Each does what it is for, and is refused all else."""
    for e in ENVIRONMENTS:
        publisher, loader, rotator, auditor = (w.as_(e, role) for role in ROLES)
        w.seal(publisher, e)
        refused = [w.open(publisher, e, REFUSED), w.rotate(publisher, e, want=REFUSED), w.rewrap(publisher, e, REFUSED)]
        w.open(loader, e)
        refused += [w.seal(loader, e, out='x', want=REFUSED), w.rotate(loader, e, want=REFUSED), w.status(loader, e, want=REFUSED),
                    w.rewrap(loader, e, REFUSED)]
        w.status(auditor, e)
        refused += [w.open(auditor, e, REFUSED), w.seal(auditor, e, out='x', want=REFUSED), w.rotate(auditor, e, want=REFUSED),
                    w.rewrap(auditor, e, REFUSED)]
        for outcome in refused:
            if w.denied not in outcome.err:
                raise Bad(f'it is refused for another reason: {outcome.err}')
        before = w.block(e)
        w.rotate(rotator, e)
        w.status(rotator, e)
        w.rewrap(rotator, e)
        if before['services'] == w.block(e)['services']:
            raise Bad('nothing was wrapped anew')
        w.open(loader, e)


def rewraps_inside(w):
    """Nobody but the service sees a data key when a rotator is at work, who could not open it."""
    for e in ENVIRONMENTS:
        rotator = w.as_(e, 'rotator')
        w.seal(w.as_(e, 'publisher'), e)
        before = w.opened()
        w.rotate(rotator, e)
        w.rewrap(rotator, e)
        equal(w.opened(), before, 'unwraps')
        w.open(rotator, e, REFUSED)
        w.seal(rotator, e, out='x', want=REFUSED)
        equal(w.opened(), before, 'unwraps')


def rotator_opens(w):
    """Where the service cannot rewrap, who does can open: the roles are honest about it."""
    w.seal(w.as_('production', 'publisher'), 'production')
    w.open(w.as_('production', 'rotator'), 'production')


def environments(w):
    """A loader of development and a model of production: every way to ask is refused, and none opens."""
    def moved(block, **more):
        block['services']['recipients'][0].update(w.id('development'), **more)

    def renamed(block):
        block['context']['environment'] = 'development'

    def both(block):
        moved(block)
        renamed(block)

    def swapped(block):
        block['services'] = w.block('development')['services']

    for e in ENVIRONMENTS:
        w.seal(w.as_(e, 'publisher'), e)
    thief, here, there = w.as_('development', 'loader'), w.uri('development', 'llama'), w.uri('production', 'llama')
    w.open(thief, 'development')
    w.open(w.as_('production', 'loader'), 'production')
    # as it is, by the right URI and by that of production
    for kek in (w.template, there):
        if w.denied not in w.open(thief, 'production', REFUSED, kek).err:
            raise Bad('it is refused for another reason')
    w.open(thief, 'production', w.by_own_key, kek=here)
    w.open(thief, 'production', (6, '[POLICY]'), more=('--environment', 'development'))
    w.open(thief, 'production', REFUSED, more=('--environment', 'production'))
    # by its own key, to which the recipient was moved; by the template it is that of production, which is not the recipient's
    w.copy('production', moved)
    w.open(thief, 'x', w.moved, kek=here)
    w.open(thief, 'x', w.moved_template)
    w.open(thief, 'x', w.moved_there, kek=there)
    # as if it were a model of development
    w.copy('production', renamed)
    w.open(thief, 'x', REFUSED, kek=there)
    w.open(thief, 'x', w.renamed_template)
    w.open(thief, 'x', w.renamed_template, more=('--environment', 'development'))
    w.copy('production', both)
    w.open(thief, 'x', w.moved_whole, kek=here)
    w.open(thief, 'x', w.moved_whole)
    w.open(thief, 'x', w.moved_whole, more=('--environment', 'development'))
    # with the wrap of a model of its own, which opens, and belongs to another
    for kek in (here, w.template):
        w.copy('production', swapped)
        w.open(thief, 'x', w.swapped[kek is here], kek=kek)
    # who may open the model does not open it either, once it says that it is another's
    w.copy('production', renamed)
    w.open(w.as_('production', 'loader'), 'x', w.renamed_own, kek=there)
    w.open(thief, 'development')


def other_roles(w):
    """Nor do the others reach into production."""
    w.seal(w.as_('production', 'publisher'), 'production')
    w.seal(w.as_('development', 'publisher'), 'production', out='x', want=REFUSED)
    w.rewrap(w.as_('development', 'rotator'), 'production', REFUSED)
    w.rotate(w.as_('development', 'rotator'), 'production', want=REFUSED)
    w.status(w.as_('development', 'auditor'), 'production', want=REFUSED)
    # a model that only says that it is of development, under the key of production
    w.seal(w.as_('development', 'publisher'), 'development', out='x', want=REFUSED, kek=w.uri('production', 'llama'))


def names(w):
    """A policy for named models does not reach one whose name begins alike, in any role."""
    for name in NAMES:
        w.seal(w.as_('production', 'publisher'), 'production', name, out=name)
    loader, rotator = w.as_('production', 'loader', 'llama'), w.as_('production', 'rotator', 'llama')
    publisher, auditor = w.as_('production', 'publisher', 'llama'), w.as_('production', 'auditor', 'llama')
    w.open(loader, 'llama')
    w.seal(publisher, 'production', 'llama', out='x')
    w.rotate(rotator, 'production', 'llama')
    w.rewrap(rotator, 'llama')
    shutil.copytree(w.coffer.at('llama'), w.coffer.at('production'))
    w.status(auditor, 'production', 'llama')
    for name in NAMES[1:]:
        w.open(loader, name, REFUSED)
        w.seal(publisher, 'production', name, out='x', want=REFUSED)
        w.rotate(rotator, 'production', name, want=REFUSED)
        w.rewrap(rotator, name, REFUSED)
        w.status(auditor, 'production', name, want=REFUSED)
    both = w.as_('production', 'loader', 'llama', 'llama-2')
    for name in ('llama', 'llama-2'):
        w.open(both, name)
    w.open(both, 'llama2', REFUSED)


def impossible_names(w):
    """A name that the service cannot take is said at once, and nobody is asked."""
    w.server.log.clear()
    for name in w.impossible:
        w.seal(w.as_('production', 'publisher'), 'production', name, out='x', want=(2, '[USAGE]'))
        w.coffer.expect(2, ['can have no key for the model', '[USAGE]'], 'key', 'policy', '--provider', w.provider, '--environment', 'production',
                        '--role', 'loader', *w.scope, '--model', name)
    equal(w.server.log, [], 'requests')


# what each attack ends with, where services differ
Vault.by_own_key = Gcp.by_own_key = AzureModels.by_own_key = NOKEY
Aws.by_own_key = REFUSED  # an alias may be that of any key, so KMS is asked: under a context of production
Vault.moved_template = Gcp.moved_template = AzureModels.moved_template = NOKEY
Aws.moved_template = REFUSED
Vault.moved_there = Gcp.moved_there = AzureModels.moved_there = NOKEY
Aws.moved_there = REFUSED
Vault.renamed_template = Gcp.renamed_template = AzureModels.renamed_template = NOKEY
Aws.renamed_template = NOKEY  # «another key has wrapped this», says KMS
Vault.renamed_own = Gcp.renamed_own = AzureModels.renamed_own = AUTH
Aws.renamed_own = REFUSED  # the policy wants contexts of production
# (by the template, by the own key)
Vault.swapped = Gcp.swapped = AzureModels.swapped = (NOKEY, AUTH)
Aws.swapped = (REFUSED, REFUSED)
Vault.impossible = ['llama-', 'llama.']
Aws.impossible = ['llama.3']
Gcp.impossible = ['llama.3', 'l' * 47]
AzureModels.impossible = ['llama.3', 'llama_3']


# ---- of Vault ----

def applies(w):
    """--apply installs what is printed, under a name, and a login with it works."""
    admin = {'VAULT_TOKEN': w.vault.root_token}
    for e in ENVIRONMENTS:
        for role in ROLES:
            more = ('--model', 'llama') if role == 'rotator' else ()
            outcome = w.coffer.ok('key', 'policy', '--provider', 'hashivault', '--environment', e, '--role', role, '--apply', *more, env=admin)
            equal(outcome.out, f'coffer-{e}-{role}\n')
            had = w.vault.admin('GET', f'sys/policies/acl/coffer-{e}-{role}')['data']['policy']
            equal(had, w.text(e, role, *more[1:]))
    w.seal({'VAULT_TOKEN': w.vault.token('coffer-production-publisher')}, 'production')
    w.open({'VAULT_TOKEN': w.vault.token('coffer-production-loader')}, 'production')
    w.open({'VAULT_TOKEN': w.vault.token('coffer-development-loader')}, 'production', REFUSED)
    # who may not, does not
    outcome = w.coffer.expect(7, ['sys/policies/acl/coffer-production-loader', '[REFUSED]'], 'key', 'policy', '--provider', 'hashivault',
                              '--environment', 'production', '--role', 'loader', '--apply', env=w.as_('production', 'publisher'))
    equal(outcome.out, '')


def two_policies(w):
    """What is denied stays denied beside a policy that allows all, and a login of two environments has both."""
    all_of_it = '\n'.join(f'path "transit/{verb}/*" {{ capabilities = ["create", "read", "update", "list"] }}'
                          for verb in ('encrypt', 'decrypt', 'rewrap', 'keys', 'datakey/plaintext', 'export/encryption-key'))
    for e in ENVIRONMENTS:
        w.seal(w.as_(e, 'publisher'), e)
    greedy = w.login('greedy', w.text('development', 'loader'), all_of_it)
    w.open(greedy, 'development')
    w.open(greedy, 'production', REFUSED)
    w.seal(greedy, 'development', out='x', want=REFUSED)
    capabilities = w.vault.acl_of(w.vault.tokens[w.vault.token(*[n for n in w.vault.root.policies if n.startswith('greedy')])]).capabilities
    for verb in ('encrypt', 'rewrap', 'keys', 'datakey/plaintext', 'export/encryption-key'):
        for name in ('model-production-llama', 'model-development-llama'):
            equal(capabilities(f'transit/{verb}/{name}'), set(), verb)
    equal(capabilities('transit/encrypt/of-others'), {'create', 'read', 'update', 'list'})
    two = w.login('two', w.text('development', 'loader'), w.text('production', 'loader'))
    for e in ENVIRONMENTS:
        w.open(two, e)


def never_makes_keys(w):
    """A publisher has «update», which makes no key; nor does a rotator's whole name reach the key's configuration."""
    w.seal(w.as_('production', 'publisher'), 'production', 'new', out='x', want=REFUSED)
    if 'model-production-new' in w.vault.admin('LIST', 'transit/keys')['data']['keys']:
        raise Bad('a key was made')
    for role in ROLES:
        text = w.text('production', role, 'llama')
        acl = vault.vault_acl.Acl([('', vault.vault_acl.parse(text))])
        for path in ('keys/model-production-llama/config', 'keys/model-production-llama/trim', 'keys/model-production-llama/import_version',
                     'keys', 'restore/model-production-llama', 'backup/model-production-llama', 'export/encryption-key/model-production-llama'):
            equal({c for c in acl.capabilities(f'transit/{path}', True) if c != 'read'}, set(), f'{role}: {path}')
        equal('delete' in acl.capabilities('transit/keys/model-production-llama'), False)


# ---- of AWS ----

def contexts_of_others(w):
    """The deny is about what coffer wraps: whoever has other rights keeps them, and those do not open other environments."""
    bucket = w.aws.add_key('alias/bucket')
    everything = json.dumps(aws.EVERYTHING[0])
    w.seal(w.as_('production', 'publisher'), 'production')
    w.seal(w.as_('development', 'publisher'), 'development')
    rich = w.login('rich', w.text('development', 'loader'), everything)
    w.open(rich, 'development')
    w.open(rich, 'production', REFUSED)
    kms, who = w.aws.kms(), w.aws.credentials[rich['AWS_ACCESS_KEY_ID']].principal
    kms.allow(aws.Call(who, '', aws.REGION), 'kms:Decrypt', bucket, {'aws:s3:arn': 'arn:aws:s3:::bucket'})
    kms.allow(aws.Call(who, '', aws.REGION), 'kms:GenerateDataKey', bucket, None)
    # without an environment, or with its key in other letters, it is none of this environment
    for context in ({'model_id': '00'}, {'model_id': '00', 'environment': 'production'}, {'model_id': '00', 'environment': 'Development'}):
        try:
            kms.allow(aws.Call(who, '', aws.REGION), 'kms:Decrypt', bucket, context)
        except aws.Refused:
            continue
        raise Bad(f'{context} is allowed')


def two_aliases(w):
    """A key with aliases of both environments: the context still decides."""
    w.aws.kms().aliases['alias/model/development/shared'] = w.keys['production', 'llama'].id
    w.seal(w.as_('production', 'publisher'), 'production')
    w.open(w.as_('development', 'loader'), 'production', REFUSED, kek='awskms:///alias/model/development/shared')
    w.open(w.as_('production', 'loader'), 'production')


# ---- tokens: the one of an environment has a PIN of its own ----

class Tokens:
    def __init__(self, command):
        self.coffer = rig.Coffer(command)
        self.coffer.write('m/weights.bin', PLAIN['weights.bin'])

    def __enter__(self):
        soft = p11.softhsm(self.coffer.folder)
        self.module, self.coffer.env['SOFTHSM2_CONF'] = soft.module, soft.env['SOFTHSM2_CONF']
        for e in ENVIRONMENTS:
            pin = f'pin-of-{e}'
            subprocess.run(['softhsm2-util', '--init-token', '--free', '--label', e, '--pin', pin, '--so-pin', pin], check=True, capture_output=True,
                           env={**os.environ, **soft.env})
            self.coffer.write(f'{e}.pin', pin + '\n')
            self.coffer.ok('keygen', self.uri(e, 'model-llama'), env=self.as_(e))
        return self

    def __exit__(self, *_):
        self.coffer.close()

    def uri(self, environment, name):
        return f'pkcs11:token={environment};object={name}?module-path={self.module}'

    def as_(self, environment):
        return {'COFFER_PKCS11_PIN_FILE': self.coffer.at(f'{environment}.pin')}


def tokens(command):
    with Tokens(command) as w:
        template = w.uri('{environment}', 'model-{name}')
        for e in ENVIRONMENTS:
            w.coffer.ok('seal', 'm', '-o', e, '--name', 'llama', '--environment', e, '--kek', template, env=w.as_(e))
            w.coffer.ok('check', e, '--kek', template, env=w.as_(e))
        thief = w.as_('development')
        w.coffer.expect(7, ['PIN', '[REFUSED]'], 'open', 'production', '-o', 'o', '--kek', template, env=thief)
        w.coffer.expect(7, '[NOKEY]', 'open', 'production', '-o', 'o', '--kek', w.uri('development', 'model-llama'), env=thief)
        w.coffer.expect(6, '[POLICY]', 'open', 'production', '-o', 'o', '--kek', template, '--environment', 'development', env=thief)
        block, other = (json.loads(w.coffer.read(f'{e}/coffer.json')) for e in ('production', 'development'))
        block['context']['environment'] = 'development'
        for change in ({'id': other['services']['recipients'][0]['id']}, other['services']['recipients'][0]):
            block['services']['recipients'][0].update(change)
            w.coffer.write('production/coffer.json', json.dumps(block, sort_keys=True, separators=(',', ':')) + '\n')
            w.coffer.expect(5, '[AUTH]', 'open', 'production', '-o', 'o', '--kek', template, env=thief)
        equal(os.path.exists(w.coffer.at('o')), False)


COMMON = [roles, environments, other_roles, names, impossible_names]
WORLDS = [(Vault, COMMON + [rewraps_inside, applies, two_policies, never_makes_keys]), (Aws, COMMON + [rewraps_inside, contexts_of_others, two_aliases]),
          (Gcp, COMMON + [rotator_opens]), (AzureModels, COMMON + [rotator_opens]), (AzureVaults, COMMON)]


def in_world(world, case, command):
    with world(command) as w:
        case(w)


def main():
    report = rig.Report(sys.argv[2:])
    for world, cases in WORLDS:
        for case in cases:
            report.check(f'{world.__name__}: {case.__name__.replace("_", " ")}', in_world, world, case, sys.argv[1])
    if p11.first(p11.SOFTHSM):
        report.check('PKCS#11: a token for each environment', tokens, sys.argv[1])
    else:
        report.skip('PKCS#11: a token for each environment', 'SoftHSM 2 is not installed (Debian: softhsm2)')
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
