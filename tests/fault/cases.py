# SPDX-License-Identifier: Apache-2.0
"""The commands that write, each with the folder it starts from and what may be left when it is hurt."""
import os
import tempfile

import rig

KEY1, KEY2 = b'1' * 32, b'2' * 32
MARK = b'THIS-IS-PLAINTEXT'  # in every record of every file, so that a stray copy is found
RECORD = 65536
QUIET = ('--jobs', '1')


def content(n, salt):
    """n bytes with the mark in each record, and otherwise no two stretches alike."""
    block = b''.join(MARK + b' %d %d\n' % (salt, i) for i in range(n // 20 + 1))
    return block[:n]


FILE = content(2 * RECORD + 999, 1)
TREE = {'m/a.bin': content(RECORD + 5, 2), 'm/b/c.bin': content(700, 3), 'm/empty': b''}


class Judge:
    """Opens what is there, as a user would, and compares."""

    def __init__(self, coffer):
        self.coffer = coffer

    def opens(self, folder, sealed, key, want):
        """Whether sealed opens with the key; Bad when it then is not what was sealed."""
        with tempfile.TemporaryDirectory() as scratch:
            out = os.path.join(scratch, 'out')
            outcome = rig.execute([self.coffer, 'open', sealed, '-o', out, '--kek', f'file:{key}', *QUIET], folder)
            if outcome.status < 0:
                raise rig.Bad(f'opening {sealed} ends by signal {-outcome.status}')
            if outcome.status != 0:
                return False
            got = rig.read_tree(out) if os.path.isdir(out) else open(out, 'rb').read()
            if got != want:
                raise rig.Bad(f'{sealed} opens to something else')
            return True

    def why(self, folder, sealed, key):
        return rig.last_line(rig.execute([self.coffer, 'check', sealed, '--kek', f'file:{key}'], folder).err)


def model(tree):
    return {p[len('m/'):]: c for p, c in tree.items()}


def only(tree, allowed, where):
    """No file but those that are allowed; and no plaintext in what is not meant to be plain."""
    for path, data in tree.items():
        if path in allowed:
            continue
        if MARK in data:
            raise rig.Bad(f'plaintext is left in {path}')
        if where == 'new':
            raise rig.Bad(f'{path} is left behind')


def seal_file(coffer):
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        if tree.get('m.bin') != FILE:
            raise rig.Bad('the input is not what it was')
        if 'm.coffer' not in tree:
            only(tree, ('m.bin', 'k1'), 'old')
            return 'old'
        if not judge_by.opens(folder, 'm.coffer', 'k1', FILE):
            raise rig.Bad('m.coffer is there and does not open: ' + judge_by.why(folder, 'm.coffer', 'k1'))
        only(tree, ('m.bin', 'm.coffer', 'k1'), 'new')
        return 'new'

    argv = [coffer, 'seal', 'm.bin', '-o', 'm.coffer', '--kek', 'file:k1', '--record-size', '64K', *QUIET]
    return rig.Case('seal file', argv, {'m.bin': FILE, 'k1': KEY1}, judge, argv)


def seal_force(coffer):
    judge_by = Judge(coffer)
    before = b'what was there before'

    def judge(folder):
        tree = rig.read_tree(folder)
        if tree.get('m.bin') != FILE:
            raise rig.Bad('the input is not what it was')
        if tree.get('m.coffer') == before:
            only(tree, ('m.bin', 'm.coffer', 'k1'), 'old')
            return 'old'
        if not judge_by.opens(folder, 'm.coffer', 'k1', FILE):
            raise rig.Bad('m.coffer is neither the old nor the new one')
        only(tree, ('m.bin', 'm.coffer', 'k1'), 'new')
        return 'new'

    argv = [coffer, 'seal', 'm.bin', '-o', 'm.coffer', '--force', '--kek', 'file:k1', '--record-size', '64K', *QUIET]
    return rig.Case('seal file over another', argv, {'m.bin': FILE, 'k1': KEY1, 'm.coffer': before}, judge, argv)


def seal_folder(coffer):
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        if any(tree.get(p) != c for p, c in TREE.items()):
            raise rig.Bad('the input is not what it was')
        if 's/coffer.json' not in tree:
            only(tree, (*TREE, 'k1'), 'old')
            return 'between' if os.path.isdir(os.path.join(folder, 's')) else 'old'
        if not judge_by.opens(folder, 's', 'k1', model(TREE)):
            raise rig.Bad('coffer.json is there and the model does not open: ' + judge_by.why(folder, 's', 'k1'))
        if 's/.coffer.partial' in tree:
            return 'between'
        only(tree, (*TREE, 'k1', 's/coffer.json', *('s/' + p[len('m/'):] + '.coffer' for p in TREE)), 'new')
        return 'new'

    argv = [coffer, 'seal', 'm', '-o', 's', '--kek', 'file:k1', '--record-size', '64K', *QUIET]
    return rig.Case('seal folder', argv, {**TREE, 'k1': KEY1}, judge, argv)


def seal_in_place_file(coffer):
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        plain, sealed = tree.get('m.bin'), 'm.bin.coffer' in tree
        if plain not in (None, FILE):
            raise rig.Bad('m.bin is neither there nor gone')
        if sealed and not judge_by.opens(folder, 'm.bin.coffer', 'k1', FILE):
            raise rig.Bad('m.bin.coffer is there and does not open: ' + judge_by.why(folder, 'm.bin.coffer', 'k1'))
        if plain is None and not sealed:
            raise rig.Bad('the model is lost: neither plain nor sealed')
        only(tree, ('m.bin', 'm.bin.coffer', 'k1'), 'new' if sealed and plain is None else 'old')
        return 'old' if not sealed else 'between' if plain else 'new'

    argv = [coffer, 'seal', 'm.bin', '--in-place', '--kek', 'file:k1', '--record-size', '64K', *QUIET]
    return rig.Case('seal file in place', argv, {'m.bin': FILE, 'k1': KEY1}, judge, argv)


def seal_in_place_folder(coffer):
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        plain = 0
        for path, data in TREE.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'{path} is neither there nor gone')
            if path not in tree and path + '.coffer' not in tree:
                raise rig.Bad(f'{path} is lost: neither plain nor sealed')
            plain += path in tree
        if plain == 0 and 'm/.coffer.partial' not in tree:
            if not judge_by.opens(folder, 'm', 'k1', model(TREE)):
                raise rig.Bad('all is sealed and does not open: ' + judge_by.why(folder, 'm', 'k1'))
            only(tree, ('k1', 'm/coffer.json', *(p + '.coffer' for p in TREE)), 'new')
            return 'new'
        only(tree, (*TREE, 'k1'), 'old')
        return 'old' if tree == {**TREE, 'k1': KEY1} else 'between'

    argv = [coffer, 'seal', 'm', '--in-place', '--kek', 'file:k1', '--record-size', '64K', *QUIET]
    return rig.Case('seal folder in place', argv, {**TREE, 'k1': KEY1}, judge, argv)


def sealed_start(coffer, tree, *argv):
    """The folder that a good command leaves, without what it was made from."""
    with tempfile.TemporaryDirectory() as scratch:
        rig.write_tree(os.path.join(scratch, 'work'), {**tree, 'k1': KEY1, 'k2': KEY2})
        outcome = rig.execute([coffer, *argv, '--kek', 'file:k1', '--record-size', '64K'], os.path.join(scratch, 'work'))
        if outcome.status != 0:
            raise rig.Bad(f'cannot prepare: {outcome.err}')
        return {p: c for p, c in rig.read_tree(os.path.join(scratch, 'work')).items() if p not in tree}


def open_file(coffer):
    start = sealed_start(coffer, {'m.bin': FILE}, 'seal', 'm.bin', '-o', 's.coffer')

    def judge(folder):
        tree = rig.read_tree(folder)
        if tree.get('s.coffer') != start['s.coffer']:
            raise rig.Bad('the sealed file is not what it was')
        if tree.get('out') not in (None, FILE):
            raise rig.Bad('a part of the plaintext has its name already')
        only(tree, (*start, 'out'), 'new' if 'out' in tree else 'old')
        return 'new' if 'out' in tree else 'old'

    argv = [coffer, 'open', 's.coffer', '-o', 'out', '--kek', 'file:k1', *QUIET]
    return rig.Case('open file', argv, start, judge, argv)


def open_folder(coffer):
    start = sealed_start(coffer, TREE, 'seal', 'm', '-o', 's')
    outs = {'out' + p[1:]: c for p, c in TREE.items()}

    def judge(folder):
        tree = rig.read_tree(folder)
        if any(tree.get(p) != c for p, c in start.items()):
            raise rig.Bad('the sealed model is not what it was')
        for path, data in outs.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'a part of {path} has its name already')
        if all(p in tree for p in outs) and 'out/.coffer.opening' not in tree:
            only(tree, (*start, *outs), 'new')
            return 'new'
        only(tree, (*start, *outs), 'old')
        return 'between' if os.path.isdir(os.path.join(folder, 'out')) else 'old'

    argv = [coffer, 'open', 's', '-o', 'out', '--kek', 'file:k1', *QUIET]
    return rig.Case('open folder', argv, start, judge, argv)


def rotated(coffer, name, start, sealed, want, argv, again):
    """Of rewrap and rekey: the model opens with the old key or with the new one, never with neither."""
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        if judge_by.opens(folder, sealed, 'k2', want):
            # files of the old one may still lie beside it; running again takes them away
            state = 'between' if any(p.startswith(f'.{sealed}.coffer-new/') for p in tree) else 'new'
        elif judge_by.opens(folder, sealed, 'k1', want):
            state = 'old'
        else:
            raise rig.Bad('opens with neither key: ' + judge_by.why(folder, sealed, 'k1'))
        only(tree, start, state)
        return state

    return rig.Case(name, argv, start, judge, again)


def rotations(coffer):
    file = sealed_start(coffer, {'m.bin': FILE}, 'seal', 'm.bin', '-o', 's.coffer')
    folder = sealed_start(coffer, TREE, 'seal', 'm', '-o', 's')
    rewrap = ('--kek', 'file:k1', '--add', 'file:k2', '--remove', 'file:k1')
    rekey = ('--kek', 'file:k1', '--to', 'file:k2', *QUIET)
    for what, start, sealed, want in (('file', file, 's.coffer', FILE), ('folder', folder, 's', model(TREE))):
        argv = [coffer, 'rewrap', sealed, *rewrap]
        yield rotated(coffer, 'rewrap ' + what, start, sealed, want, argv, argv)
        argv = [coffer, 'rekey', sealed, *rekey]
        yield rotated(coffer, 'rekey ' + what, start, sealed, want, argv, argv + ['--kek', 'file:k2'])


def rotated_together(coffer, name, start, wants, argv, again):
    """Of rewrap --all and rekey --all: each of the models opens with the old key or with the new one, whatever became of the others."""
    judge_by = Judge(coffer)

    def judge(folder):
        tree = rig.read_tree(folder)
        states = set()
        for sealed, want in wants.items():
            if judge_by.opens(folder, sealed, 'k2', want):
                states.add('new')
            elif judge_by.opens(folder, sealed, 'k1', want):
                states.add('old')
            else:
                raise rig.Bad(f'{sealed} opens with neither key: ' + judge_by.why(folder, sealed, 'k1'))
        if any('.coffer-new/' in p for p in tree):
            states.add('between')
        state = states.pop() if len(states) == 1 else 'between'
        only(tree, start, state)
        return state

    return rig.Case(name, argv, start, judge, again, most=60)


def rotations_of_many(coffer):
    """A file, a folder and a file in a folder of its own, in one thread so that its system calls can be counted."""
    tree = {'m/a.bin': content(700, 2), 'm/b/c.bin': content(300, 3)}
    file = sealed_start(coffer, {'m.bin': content(900, 1)}, 'seal', 'm.bin', '-o', 's.coffer')
    folder = sealed_start(coffer, tree, 'seal', 'm', '-o', 's')
    start = {k: file[k] for k in ('k1', 'k2')}
    start.update({'t/s.coffer': file['s.coffer'], 't/in a folder/s.coffer': file['s.coffer']})
    start.update({f't/{p}': c for p, c in folder.items() if p.startswith('s/')})
    wants = {'t/s.coffer': content(900, 1), 't/in a folder/s.coffer': content(900, 1), 't/s': model(tree)}
    argv = [coffer, 'rewrap', '--all', 't', '--kek', 'file:k1', '--add', 'file:k2', '--remove', 'file:k1', *QUIET]
    yield rotated_together(coffer, 'rewrap of many', start, wants, argv, argv)
    argv = [coffer, 'rekey', '--all', 't', '--kek', 'file:k1', '--to', 'file:k2', *QUIET]
    yield rotated_together(coffer, 'rekey of many', start, wants, argv, argv + ['--kek', 'file:k2'])


def open_in_place_file(coffer):
    start = {k: v for k, v in sealed_start(coffer, {'m.bin': FILE}, 'seal', 'm.bin', '--in-place').items() if k != 'k2'}

    def judge(folder):
        tree = rig.read_tree(folder)
        sealed, plain = tree.get('m.bin.coffer'), tree.get('m.bin')
        if sealed not in (None, start['m.bin.coffer']) or plain not in (None, FILE):
            raise rig.Bad('a file is neither there nor gone')
        if sealed is None and plain is None:
            raise rig.Bad('the model is lost: neither plain nor sealed')
        only(tree, ('m.bin', *start), 'new' if sealed is None else 'old')
        return 'new' if sealed is None else 'old' if plain is None else 'between'

    argv = [coffer, 'open', 'm.bin.coffer', '--in-place', '--kek', 'file:k1', *QUIET]
    return rig.Case('open file in place', argv, start, judge, argv)


def open_in_place_folder(coffer):
    start = {k: v for k, v in sealed_start(coffer, TREE, 'seal', 'm', '--in-place').items() if k != 'k2'}

    def judge(folder):
        tree = rig.read_tree(folder)
        for path, data in TREE.items():
            if tree.get(path) not in (None, data):
                raise rig.Bad(f'a part of {path} has its name already')
            if path not in tree and path + '.coffer' not in tree:
                raise rig.Bad(f'{path} is lost: neither plain nor sealed')
        # the mark alone may be left: without the key block nothing can tell that it is ours, so no run will remove it
        if all(p in tree for p in TREE) and 'm/coffer.json' not in tree:
            only(tree, (*TREE, 'k1', 'm/.coffer.opening'), 'new')
            return 'new'
        only(tree, (*TREE, *start), 'old')
        return 'old' if tree == start else 'between'

    argv = [coffer, 'open', 'm', '--in-place', '--kek', 'file:k1', *QUIET]
    return rig.Case('open folder in place', argv, start, judge, argv)


def all_cases(coffer):
    import audit_cases
    import backup_cases
    import convert_cases
    import signing_cases
    others = audit_cases, signing_cases, backup_cases, convert_cases
    return own_cases(coffer) + [case for module in others for case in module.all_cases(coffer)]


def own_cases(coffer):
    return [seal_file(coffer), seal_force(coffer), seal_folder(coffer), seal_in_place_file(coffer), seal_in_place_folder(coffer),
            open_file(coffer), open_folder(coffer), open_in_place_file(coffer), open_in_place_folder(coffer), *rotations(coffer), *rotations_of_many(coffer)]
