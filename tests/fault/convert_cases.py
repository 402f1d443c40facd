# SPDX-License-Identifier: Apache-2.0
"""coffer convert and coffer open --from: what is made has its name only when it is whole, and all that it was made from was authentic."""
import os
import tempfile

import cases
import rig
from cases import KEY1, KEY2, QUIET, content

MOST = 8  # points of a case and a fault, for these are many cases
FOREIGN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../interop/foreign.py')  # writes as other programs do
MODEL = content(1100000, 7)  # more than is read at once, and several times what is written at once
OLD, TEMPORARY = b'what was there before', '.out.coffer-tmp'
OPEN, TO = ('--kek', 'file:k1'), ('--to-kek', 'file:k2')


class Converter:
    """What is prepared for the cases, and how a converted file is judged."""

    def __init__(self, coffer):
        self.coffer = coffer

    def must(self, folder, *argv):
        outcome = rig.execute(argv, folder)
        if outcome.status != 0:
            raise rig.Bad(f'cannot prepare {argv}: {outcome.err}')

    def start(self, form):
        """The keys, and the model as f.enc in that format under k1."""
        with tempfile.TemporaryDirectory() as folder:
            rig.write_tree(folder, {'m.bin': MODEL, 'k1': KEY1, 'k2': KEY2})
            if form == 'coffer':
                self.must(folder, self.coffer, 'seal', 'm.bin', '-o', 'f.enc', *OPEN)
            else:
                self.must(folder, 'python3', FOREIGN, 'make', form, 'k1', 'm.bin', 'f.enc', *(['metadata={}'] if form == 'envmodel' else []))
            return {p: c for p, c in rig.read_tree(folder).items() if p != 'm.bin'}

    def is_model(self, folder, form):
        """Whether what was made opens with the other key, as it should."""
        with tempfile.TemporaryDirectory() as scratch:
            out = os.path.join(scratch, 'out')
            way = [] if form == 'coffer' else ['--from', form]
            outcome = rig.execute([self.coffer, 'open', 'out', *way, '-o', out, '--kek', 'file:k2', *QUIET], folder)
            if outcome.status != 0:
                raise rig.Bad(f'out is there and does not open: {rig.last_line(outcome.err)}')
            with open(out, 'rb') as file:
                if file.read() != MODEL:
                    raise rig.Bad('out opens to something else')

    def case(self, name, argv, start, good, **more):
        """One file is made, out; good(folder) looks at it when it is there and not what was there before."""
        def judge(folder):
            tree = rig.read_tree(folder)
            if any(tree.get(p) != c for p, c in start.items() if p != 'out'):
                raise rig.Bad('what was there is not what it was')
            state = 'old' if tree.get('out') == start.get('out') else 'new'
            if state == 'new':
                good(folder, tree)
            # what replaces another has a name of its own for a moment, when it is whole
            passing = (TEMPORARY,) if state == 'old' and 'out' in start and tree.get(TEMPORARY) == MODEL else ()
            cases.only(tree, (*start, 'out', *passing), state)
            return state

        argv = [self.coffer, *argv, '-o', 'out', *QUIET] if argv[0] == 'open' else [self.coffer, *argv, '-o', 'out']
        return rig.Case(name, argv, start, judge, argv, **{'most': MOST, **more})


def is_plain(_, tree):
    if tree['out'] != MODEL:
        raise rig.Bad('a part of the plaintext has its name already')


def opened(converter):
    for form in 'encmodel', 'aes-cbc', 'ibm':
        yield converter.case(f'open from {form}', ['open', 'f.enc', '--from', form, *OPEN], converter.start(form), is_plain)
    yield converter.case('open from cnap over another', ['open', 'f.enc', '--from', 'cnap', '--force', *OPEN],
                         {**converter.start('cnap'), 'out': OLD}, is_plain)


def refused(converter):
    """One byte of the last is another one: all of it has been read, deciphered and written when that shows."""
    start = converter.start('cnap')
    start['f.enc'] = start['f.enc'][:-20] + bytes([start['f.enc'][-20] ^ 1]) + start['f.enc'][-19:]

    def judge(folder):
        tree = rig.read_tree(folder)
        if 'out' in tree:
            raise rig.Bad('what is not authentic has a name')
        cases.only(tree, start, 'new')
        return 'new'

    for name, argv in (('open', ['open', 'f.enc', '--from', 'cnap', *OPEN, '-o', 'out', *QUIET]),
                       ('convert', ['convert', 'f.enc', '--from', 'cnap', '--to', 'coffer', *OPEN, *TO, '-o', 'out'])):
        argv = [converter.coffer, *argv]
        yield rig.Case(f'{name} of a changed cnap', argv, start, judge, argv, status=5, writes=False, most=MOST)


def converted(converter):
    for come, to in (('encmodel', 'coffer'), ('coffer', 'cnap'), ('coffer', 'aes-cbc'), ('envmodel', 'encmodel')):
        def good(folder, _, to=to):
            converter.is_model(folder, to)
        yield converter.case(f'convert {come} to {to}', ['convert', 'f.enc', '--from', come, '--to', to, *OPEN, *TO], converter.start(come), good)


def all_cases(coffer):
    converter = Converter(coffer)
    return [*opened(converter), *refused(converter), *converted(converter)]
