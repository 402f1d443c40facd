# SPDX-License-Identifier: Apache-2.0
"""The commands that sign and verify.  A signature has its name only when it is whole and holds; a verification never passes wrongly."""
import json
import os
import tempfile

import cases
import rig
from cases import FILE, KEY1, QUIET, TREE

MOST = 8  # points of a case and a fault, for these are many cases
KEK = ('--kek', 'file:k1')
BY = ('--public-key', 'sign.pub')
SEAL = (*KEK, '--record-size', '64K', *QUIET)
OPENED = {'out' + p[1:]: c for p, c in TREE.items()}


class Signer:
    """A key of its own for the cases, and what is prepared with it."""

    def __init__(self, coffer):
        self.coffer = coffer
        os.environ['HOME'] = '.'  # the trust store of a case is in its folder
        for name in ('XDG_CONFIG_HOME', 'XDG_DATA_HOME'):
            os.environ.pop(name, None)
        with tempfile.TemporaryDirectory() as folder:
            for kind in ('sign', 'other'):
                self.must(folder, 'keygen', '--kind', 'p256', '-o', kind)
            made = rig.read_tree(folder)
        self.keys = {'sign': made['sign'], 'sign.pub': made['sign.pub'], 'k1': KEY1}
        self.other = made['other']

    def must(self, folder, *argv):
        outcome = rig.execute([self.coffer, *argv], folder)
        if outcome.status != 0:
            raise rig.Bad(f'cannot prepare {argv}: {outcome.err}')

    def after(self, tree, *argvs, without=()):
        """The folder that good commands leave."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, 'work')
            rig.write_tree(folder, {**self.keys, **tree})
            for argv in argvs:
                self.must(folder, *argv)
            return {p: c for p, c in rig.read_tree(folder).items() if not p.startswith(tuple(without))}

    def holds(self, folder, model, *signature):
        """Whether the signature is good; Bad when verifying ends by a signal or with a code that says neither."""
        outcome = rig.execute([self.coffer, 'verify', 'key', *BY, *signature, model], folder)
        if outcome.status not in (0, 5, 6):
            raise rig.Bad(f'verifying {model} exits {outcome.status}: {rig.last_line(outcome.err)}')
        return outcome.status == 0


def case(name, argv, start, judge, **more):
    return rig.Case(name, argv, start, judge, **{'again': argv, 'most': MOST, **more})


def kept(tree, start, but=()):
    """What was there is there, byte for byte."""
    for path, data in start.items():
        if path not in but and tree.get(path) != data:
            raise rig.Bad(f'{path} is not what it was')


def is_plain_signature(data):
    return json.loads(data)['mediaType'].startswith('application/vnd.dev.sigstore.bundle')


# ---- sign ----

def sign_new(signer):
    start = {**TREE, **signer.keys}

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        if 'm.sig' not in tree:
            cases.only(tree, start, 'old')
            return 'old'
        if not signer.holds(folder, 'm', '--signature', 'm.sig'):
            raise rig.Bad('m.sig is there and does not hold')
        cases.only(tree, (*start, 'm.sig'), 'new')
        return 'new'

    return case('sign', [signer.coffer, 'sign', 'key', '--private-key', 'sign', '--signature', 'm.sig', 'm'], start, judge)


def sign_over(signer):
    """--force: the old signature or the new one, whole.  The old one is of another key, so that they can be told apart."""
    start = signer.after({**TREE, 'other': signer.other},
                         ['sign', 'key', '--private-key', 'other', '--signature', 'm/model.sig', 'm'])

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start, ('m/model.sig',))
        if tree.get('m/model.sig') == start['m/model.sig']:
            cases.only(tree, start, 'old')
            return 'old'
        cases.only(tree, start, 'new')
        if not signer.holds(folder, 'm', '--signature', 'm/model.sig'):
            raise rig.Bad('the signature is neither the old nor the new one')
        return 'new'

    argv = [signer.coffer, 'sign', 'key', '--private-key', 'sign', '--signature', 'm/model.sig', '--force', 'm']
    return case('sign over another', argv, start, judge)


def trust_add(signer):
    start = {**TREE, **signer.after(TREE, ['sign', 'key', '--private-key', 'sign', '--signature', 'm.sig', 'm'])}
    verify = [signer.coffer, 'verify', '--signature', 'm.sig', 'm']

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        bound = [p for p in tree if p not in start]
        if not bound:
            return 'old'
        if bound != ['.config/coffer/trust.d/m.json']:
            raise rig.Bad(f'{bound} is left behind')
        outcome = rig.execute(verify, folder)
        if outcome.status != 0:
            raise rig.Bad(f'the binding is not good: {rig.last_line(outcome.err)}')
        return 'new'

    return case('trust', [signer.coffer, 'trust', 'add', 'm', *BY], start, judge)


# ---- verify ----

def unchanged(start):
    """Of a command that writes nothing: new is what there was."""
    def judge(folder):
        if rig.read_tree(folder) != start:
            raise rig.Bad('something was written')
        return 'new'
    return judge


def verifications(signer):
    """A good model, which may be refused for want of something; and three that must never pass."""
    start = signer.after(TREE, ['sign', 'key', '--private-key', 'sign', '--signature', 'm.sig', 'm'])
    changed = {**start, 'm/a.bin': start['m/a.bin'][:-1] + b'X'}
    more = {**start, 'm/b/more': b''}
    stranger = signer.after({**TREE, 'other': signer.other}, ['sign', 'key', '--private-key', 'other', '--signature', 'm.sig', 'm'])
    argv = [signer.coffer, 'verify', 'key', *BY, '--signature', 'm.sig', 'm']
    for name, tree, status in (('', start, 0), (' of a changed file', changed, 5), (' of one file more', more, 5),
                               (" of a stranger's signature", stranger, 6)):
        yield case('verify' + name, argv, tree, unchanged(tree), status=status, writes=False)


# ---- seal and sign ----

def with_signature(tree, want, folder):
    """The tree of an opened model, but for the signature that is in it, which must be one."""
    tree = dict(tree)
    signature = tree.pop(folder + 'model.sig', None)
    if signature is None or not is_plain_signature(signature):
        raise rig.Bad('the inner signature is missing or none')
    if tree != want:
        raise rig.Bad('it opens to something else')


def opens_signed(signer, folder, sealed):
    """Whether sealed opens for its publisher; what comes out is the model, and its inner signature holds over it."""
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, 'out')
        outcome = rig.execute([signer.coffer, 'open', sealed, '-o', out, *KEK, '--verify-key', 'sign.pub', *QUIET], folder)
        if outcome.status != 0:
            return False
        if os.path.isdir(out):
            with_signature(rig.read_tree(out), cases.model(TREE), '')
            if not signer.holds(folder, out, '--signature', os.path.join(out, 'model.sig')):
                raise rig.Bad('the inner signature does not hold')
        return True


def seal_sign_folder(signer):
    start = {**TREE, **signer.keys}
    names = [*('s/' + p[len('m/'):] + '.coffer' for p in TREE), 's/coffer.json', 's/coffer.sig', 's/model.sig.coffer']

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        if 's/coffer.sig' in tree and 's/coffer.json' in tree and 's/.coffer.partial' not in tree:
            if not opens_signed(signer, folder, 's'):
                raise rig.Bad('it has its signature and does not open for its publisher')
            cases.only(tree, (*start, *names), 'new')
            return 'new'
        cases.only(tree, start, 'old')
        return 'between' if os.path.isdir(os.path.join(folder, 's')) else 'old'

    argv = [signer.coffer, 'seal', 'm', '-o', 's', *SEAL, '--sign', 'sign']
    return case('seal and sign folder', argv, start, judge)


def seal_sign_in_place(signer):
    start = {**TREE, **signer.keys}
    names = [*(p + '.coffer' for p in TREE), 'm/coffer.json', 'm/coffer.sig', 'm/model.sig.coffer']

    def judge(folder):
        tree = rig.read_tree(folder)
        plain = 0
        for path, data in TREE.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'{path} is neither there nor gone')
            if path not in tree and path + '.coffer' not in tree:
                raise rig.Bad(f'{path} is lost: neither plain nor sealed')
            plain += path in tree
        if plain == 0 and 'm/.coffer.partial' not in tree and 'm/coffer.sig' in tree:
            if not opens_signed(signer, folder, 'm'):
                raise rig.Bad('it has its signature and does not open for its publisher')
            cases.only(tree, (*signer.keys, *names), 'new')
            return 'new'
        cases.only(tree, start, 'old')
        return 'old' if tree == start else 'between'

    argv = [signer.coffer, 'seal', 'm', '--in-place', *SEAL, '--sign', 'sign']
    return case('seal and sign folder in place', argv, start, judge)


def seal_sign_file(signer):
    """The sealed file comes first: without its signature it is what somebody sealed, and no publisher's; --force makes both."""
    judge_by = cases.Judge(signer.coffer)
    start = {'m.bin': FILE, **signer.keys}

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        if 'm.coffer' in tree and 'm.coffer.sig' not in tree:
            if opens_signed(signer, folder, 'm.coffer') or not judge_by.opens(folder, 'm.coffer', 'k1', FILE):
                raise rig.Bad('m.coffer without a signature opens for its publisher, or not at all')
            cases.only(tree, (*start, 'm.coffer', 'm.sig.coffer'), 'old')
            return 'between'
        if 'm.coffer.sig' in tree and not signer.holds(folder, 'm.coffer', '--signature', 'm.coffer.sig'):
            raise rig.Bad('the outer signature is there and does not hold')
        if 'm.coffer' not in tree:
            cases.only(tree, start, 'old')
            return 'old'
        if not opens_signed(signer, folder, 'm.coffer'):
            raise rig.Bad('m.coffer is there and does not open for its publisher')
        cases.only(tree, (*start, 'm.coffer', 'm.coffer.sig', 'm.sig.coffer'), 'new')
        return 'new'

    argv = [signer.coffer, 'seal', 'm.bin', '-o', 'm.coffer', *SEAL, '--sign', 'sign']
    return case('seal and sign file', argv, start, judge, again=[*argv, '--force'])


# ---- open for a publisher ----

def open_verified_folder(signer):
    start = signer.after(TREE, ['seal', 'm', '-o', 's', *SEAL, '--sign', 'sign'], without=('m/',))

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        for path, data in OPENED.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'a part of {path} has its name already')
        if all(p in tree for p in (*OPENED, 'out/model.sig')) and 'out/.coffer.opening' not in tree:
            if not signer.holds(folder, 'out', '--signature', 'out/model.sig'):
                raise rig.Bad('the inner signature does not hold')
            cases.only(tree, (*start, *OPENED, 'out/model.sig'), 'new')
            return 'new'
        cases.only(tree, (*start, *OPENED), 'old')
        return 'between' if os.path.isdir(os.path.join(folder, 'out')) else 'old'

    argv = [signer.coffer, 'open', 's', '-o', 'out', *KEK, '--verify-key', 'sign.pub', *QUIET]
    return case('open signed folder', argv, start, judge)


def opens_nothing(name, signer, start, sealed):
    """A sealed model that its publisher did not sign: nothing may come out, whatever fails besides."""
    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        cases.only(tree, start, 'new')
        return 'new'

    argv = [signer.coffer, 'open', sealed, '-o', 'out', *KEK, '--verify-key', 'sign.pub', *QUIET]
    return case(name, argv, start, judge, status=6, writes=False)


def open_verified_file(signer):
    start = signer.after({'m.bin': FILE}, ['seal', 'm.bin', '-o', 's.coffer', *SEAL, '--sign', 'sign'], without=('m.bin',))

    def judge(folder):
        tree = rig.read_tree(folder)
        kept(tree, start)
        if tree.get('out') not in (None, FILE):
            raise rig.Bad('a part of the plaintext has its name already')
        state = 'new' if 'out' in tree else 'old'
        cases.only(tree, (*start, 'out', 'out.sig'), state)
        return state

    argv = [signer.coffer, 'open', 's.coffer', '-o', 'out', *KEK, '--verify-key', 'sign.pub', *QUIET]
    return case('open signed file', argv, start, judge)


def strangers(signer):
    with_other = {'other': signer.other}
    folder = signer.after({**TREE, **with_other}, ['seal', 'm', '-o', 's', *SEAL, '--sign', 'other'], without=('m/',))
    file = signer.after({'m.bin': FILE, **with_other}, ['seal', 'm.bin', '-o', 's', *SEAL, '--sign', 'other'], without=('m.bin',))
    yield opens_nothing("open a stranger's folder", signer, folder, 's')
    yield opens_nothing("open a stranger's file", signer, file, 's')


# ---- IBM's command lines ----

IBM = ('--encryption-key', 'k1', '--signature', 'm/model.sig', 'm')


def sign_encrypt(signer):
    """Signs, then seals in place: what was signed already is continued, for the signature is that of the same files."""
    start = {**TREE, **signer.keys}

    def judge(folder):
        tree = rig.read_tree(folder)
        for path, data in TREE.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'{path} is neither there nor gone')
            if path not in tree and path + '.coffer' not in tree:
                raise rig.Bad(f'{path} is lost: neither plain nor sealed')
        if 'm/model.sig' in tree and 'm/.coffer.partial' not in tree and \
                not signer.holds(folder, 'm', '--signature', 'm/model.sig', '--ignore-paths', 'm/.coffer.partial'):
            raise rig.Bad('the signature is there and does not hold')
        if not any(p in tree for p in TREE) and 'm/.coffer.partial' not in tree and 'm/model.sig' not in tree:
            cases.only(tree, (*signer.keys, 'm/coffer.json', 'm/model.sig.coffer', *(p + '.coffer' for p in TREE)), 'new')
            return 'new'
        cases.only(tree, start, 'old')
        return 'old' if tree == start else 'between'

    return case('sign+encrypt', [signer.coffer, 'sign+encrypt', 'key', '--private-key', 'sign', *IBM], start, judge)


def decrypt_verify(signer):
    start = signer.after(TREE, ['sign+encrypt', 'key', '--private-key', 'sign', *IBM])

    def judge(folder):
        tree = rig.read_tree(folder)
        for path, data in TREE.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'a part of {path} has its name already')
            if path not in tree and path + '.coffer' not in tree:
                raise rig.Bad(f'{path} is lost: neither plain nor sealed')
        if all(p in tree for p in (*TREE, 'm/model.sig')) and 'm/coffer.json' not in tree:
            if not signer.holds(folder, 'm', '--signature', 'm/model.sig', '--ignore-paths', 'm/.coffer.opening'):
                raise rig.Bad('it is open and the signature does not hold')
            cases.only(tree, (*TREE, *signer.keys, 'm/model.sig', 'm/.coffer.opening'), 'new')
            return 'new'
        cases.only(tree, (*TREE, *start), 'old')
        return 'old' if tree == start else 'between'

    return case('decrypt+verify', [signer.coffer, 'decrypt+verify', 'key', *BY, *IBM], start, judge)


def all_cases(coffer):
    signer = Signer(coffer)
    return [sign_new(signer), sign_over(signer), trust_add(signer), *verifications(signer), seal_sign_folder(signer),
            seal_sign_in_place(signer), seal_sign_file(signer), open_verified_folder(signer), open_verified_file(signer),
            *strangers(signer), sign_encrypt(signer), decrypt_verify(signer)]
