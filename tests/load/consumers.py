#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real consumers over sealed models: each computes what it computes over the plain one, by every way that docs/loading.md lists.

Usage: consumers.py COFFER BUILD [WORD].  With WORD only the tests whose name holds it.  Runs in the Python that
COFFER_PEERS_LOAD names (tests/peers/setup makes it).  Exit code 77 means skipped, for the reason in the last line.
"""
import contextlib
import importlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

PEER = os.environ.get('COFFER_PEERS_LOAD')
if not PEER:
    print(os.environ.get('COFFER_PEERS_LOAD_WHY') or os.environ.get('COFFER_PEERS_WHY') or
          'COFFER_PEERS_LOAD names no Python with torch, safetensors and the others; tests/peers/setup makes one')
    sys.exit(77)
COFFER, BUILD = (os.path.abspath(p) for p in sys.argv[1:3])
if not os.path.exists(os.path.join(BUILD, 'python', 'coffer', '_native.abi3.so')):
    print(f'the Python package is not built: make python (in {os.path.basename(BUILD)})')
    sys.exit(77)
if os.environ.get('COFFER_CONSUMERS') != 'inside':
    os.environ.update(COFFER_CONSUMERS='inside', PYTHONPATH=os.path.join(BUILD, 'python'),
                      HF_HUB_OFFLINE='1', TRANSFORMERS_VERBOSITY='error', VLLM_LOGGING_LEVEL='ERROR', OMP_NUM_THREADS='2')
    os.execv(PEER, [PEER, os.path.abspath(__file__), *sys.argv[1:]])

import coffer  # noqa: E402
import consumer  # noqa: E402
import models  # noqa: E402

HERE = pathlib.Path(__file__).parent
WEIGHTS = {'minilm': 'model.safetensors', 'shards': 'model-00002-of-00002.safetensors', 'pickled': 'pytorch_model.bin',
           'onnx': 'model.onnx', 'onnx-external': 'weights.data', 'gguf': 'tiny.gguf', 'gguf-split': 'tiny-00003-of-00003.gguf'}


class Skipped(Exception):
    pass


class World:
    """Plain models, the same sealed and signed, and sealed and damaged, in a folder of its own."""

    def __init__(self, top):
        self.top = top
        os.environ.update(HOME=top, COFFER_KEYS=self.at('none'), COFFER_AUDIT=self.at('audit'))
        for name in ('COFFER_KEK', 'COFFER_ENVIRONMENT', 'XDG_CONFIG_HOME'):
            os.environ.pop(name, None)
        self.run('keygen', '-o', self.at('model.key'))
        self.run('keygen', '--kind', 'p256', '-o', self.at('publisher.pem'))
        self.key = {'kek': 'file:' + self.at('model.key')}
        self.how = {**self.key, 'verify': self.at('publisher.pem.pub')}
        self.answers = {}

    def at(self, *parts):
        return os.path.join(self.top, *parts)

    def run(self, *arguments, code=0, **options):
        """The command; what it prints."""
        done = subprocess.run([COFFER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              **options)
        if done.returncode != code:
            raise AssertionError(f'coffer {" ".join(arguments)} ended with {done.returncode} and not {code}: {done.stderr}')
        return done.stdout

    def plain(self, model):
        if not os.path.exists(self.at('plain', model)):
            os.makedirs(self.at('plain'), exist_ok=True)
            models.MAKERS[model](self.at('plain', model))
        return self.at('plain', model)

    def sealed(self, model):
        """Sealed and signed."""
        out = self.at('sealed', model)
        if not os.path.exists(out):
            os.makedirs(self.at('sealed'), exist_ok=True)
            self.run('seal', self.plain(model), '-o', out, '--quiet', '--kek', self.key['kek'], '--sign', self.at('publisher.pem'))
        return out

    def unsigned(self, model):
        out = self.at('unsigned', model)
        if not os.path.exists(out):
            os.makedirs(self.at('unsigned'), exist_ok=True)
            self.run('seal', self.plain(model), '-o', out, '--quiet', '--record-size', '64K', '--kek', self.key['kek'])
        return out

    def damaged(self, model):
        """Unsigned, and one bit in the middle of its weights is flipped: the tag alone can tell."""
        out = self.at('damaged', model)
        if not os.path.exists(out):
            shutil.copytree(self.unsigned(model), out)
            with open(os.path.join(out, WEIGHTS[model] + '.coffer'), 'r+b') as file:
                size = os.path.getsize(self.at('plain', model, WEIGHTS[model]))
                at = os.path.getsize(file.name) - size // 2
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1]))
        return out

    def answer(self, name, model):
        """What the consumer computes over the plain model, once."""
        if (name, model) not in self.answers:
            self.answers[name, model] = consumer.CONSUMERS[name][0](self.plain(model))
        return self.answers[name, model]


# ---- native adapters: the same digests as consumer.py makes of plain files ----

def native_safetensors_numpy(sealed, how):
    import coffer.numpy
    found = coffer.numpy.load_file(sealed, **how)
    return consumer.hashlib.sha256(b''.join(n.encode() + found[n].tobytes() for n in sorted(found))).hexdigest()


def native_safetensors_torch(sealed, how):
    import coffer.safetensors
    import coffer.torch
    found = dict(coffer.torch.load_file(sealed, **how))
    with coffer.open_model(sealed, **how) as model:
        for path in sorted(f for f in model.files if f.endswith('.safetensors')):
            with coffer.safetensors.safe_open(model, 'pt', file=path) as file:
                name = max(file.keys())
                found['slice of ' + name] = file.get_slice(name)[1:3]
    return consumer.torch_digest(found)


def native_transformers(sealed, how):
    import transformers
    import coffer.transformers
    model = coffer.transformers.from_pretrained(transformers.AutoModel, sealed, **how)
    return consumer.embedding(model.eval(), coffer.transformers.from_pretrained(transformers.AutoTokenizer, sealed, **how))


def native_torch_load(sealed, how):
    import coffer.torch
    return consumer.torch_digest(coffer.torch.load(sealed, file='pytorch_model.bin', **how))


def native_onnxruntime(sealed, how):
    import onnxruntime
    import coffer.onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return consumer.answer(coffer.onnxruntime.session(sealed, sess_options=options, providers=['CPUExecutionProvider'], **how))


def native_llama_cpp(sealed, how):
    import coffer.llama_cpp
    mapped = consumer.logits(coffer.llama_cpp.Llama(sealed, **how, **consumer.LLAMA))
    assert consumer.logits(coffer.llama_cpp.Llama(sealed, use_mmap=False, **how, **consumer.LLAMA)) == mapped
    return mapped


NATIVE = {'safetensors.numpy': native_safetensors_numpy, 'safetensors.torch': native_safetensors_torch,
          'transformers': native_transformers, 'torch.load': native_torch_load, 'onnxruntime': native_onnxruntime,
          'llama.cpp': native_llama_cpp}


# ---- the ways ----

def refused(error, call, *arguments):
    """It raises that, and gives nothing."""
    try:
        found = call(*arguments)
    except error:
        return
    raise AssertionError(f'{error.__name__} was expected, and this came: {found!r:.100}')


def check_native(world, name, model):
    same(NATIVE[name](world.sealed(model), world.how), world.answer(name, model))
    refused(coffer.AuthError, NATIVE[name], world.damaged(model), world.key)
    refused(coffer.SignatureError, NATIVE[name], world.unsigned(model), world.how)


def check_folder(world, name, model):
    with coffer.open_model(world.sealed(model), **world.how) as opened, opened.folder() as folder:
        same(consumer.CONSUMERS[name][0](folder), world.answer(name, model))
    refused(coffer.AuthError, enter_folder, world.damaged(model), world.key)
    refused(coffer.SignatureError, enter_folder, world.unsigned(model), world.how)


def check_folder_not_taken(world, name, model):
    """onnxruntime resolves links before it looks whether external data is beside its model; if that changes, so does the table."""
    with coffer.open_model(world.sealed(model), **world.how) as opened, opened.folder() as folder:
        try:
            consumer.CONSUMERS[name][0](folder)
        except Exception as error:  # noqa: BLE001 # its own kind
            assert 'External data path' in str(error), error
            return
    raise AssertionError('it takes the folder now: docs/loading.md says otherwise')


def check_folder_of(name, model):
    return check_folder_not_taken if (name, model) == ('onnxruntime', 'onnx-external') else check_folder


def enter_folder(sealed, how):
    with coffer.open_model(sealed, **how) as opened, opened.folder() as folder:
        return folder


def same(found, plain):
    assert found == plain, f'{found} is not what the plain model gives, which is {plain}'


def program(cells, folder_of, *options):
    """consumer.py over many models in one process."""
    return [sys.executable, str(HERE / 'consumer.py'), *options, *(f'{name}@{model}={folder_of(model)}' for name, model in cells)]


def answers_of(text, cells):
    found = dict(line.split(' ', 1) for line in text.splitlines() if '@' in line.split(' ', 1)[0])
    return {(name, model): found.get(f'{name}@{model}', 'nothing') for name, model in cells}


def command(name):
    """Whether the command has that verb."""
    done = subprocess.run([COFFER, 'help', name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise Skipped(f'this coffer has no «{name}»')


def answers_in_run(world, cells):
    """Every consumer in one `coffer run`, which gives it all models."""
    command('run')
    given = [word for m in sorted({m for _, m in cells}) for word in ('--model', f'{world.sealed(m)}={m}')]
    how = ['--kek', world.key['kek'], '--verify-key', world.at('publisher.pem.pub')]
    return answers_of(world.run('run', *given, *how, '--', *program(cells, lambda m: '{model:%s}' % m)), cells)


def check_run_refuses(world, model):
    """The program is not started."""
    command('run')
    canary = ['--', sys.executable, '-c', 'print("started")']
    said = world.run('run', '--model', world.damaged(model), '--kek', world.key['kek'], *canary, code=5)
    said += world.run('run', '--model', world.unsigned(model), '--kek', world.key['kek'], '--verify-key',
                      world.at('publisher.pem.pub'), *canary, code=6)
    assert said == '', f'the program was started: {said}'


def answers_in_mount(world, cells, sealed_of, *how):
    """Every consumer in one process, over models that are all mounted."""
    command('mount')
    can_mount()
    folders = {}
    try:
        for model in sorted({m for _, m in cells}):
            folder = tempfile.mkdtemp(dir=world.top)
            world.run('mount', sealed_of(model), folder, '--kek', world.key['kek'], *how)
            folders[model] = folder
        done = subprocess.run(program(cells, folders.get, '--fork'), capture_output=True, text=True, check=True)
        return answers_of(done.stdout, cells)
    finally:
        for folder in folders.values():
            world.run('umount', folder)


def can_mount():
    if not os.access('/dev/fuse', os.R_OK | os.W_OK):
        raise Skipped('there is no /dev/fuse that may be used')
    if os.geteuid() != 0 and not shutil.which('fusermount3'):
        raise Skipped('who is not root needs fusermount3 to mount (Debian: fuse3)')


def check_mount_refuses_unsigned(world, model):
    """There is nothing to see."""
    command('mount')
    can_mount()
    folder = tempfile.mkdtemp(dir=world.top)
    world.run('mount', world.unsigned(model), folder, '--kek', world.key['kek'], '--verify-key', world.at('publisher.pem.pub'),
              code=6)
    assert os.listdir(folder) == []


# ---- what adapters do besides ----

def check_folder_is_given_back(world):
    """After from_pretrained() there is no folder and no descriptor left, and the model still computes."""
    import transformers
    import coffer.transformers
    before = set(os.listdir('/proc/self/fd'))
    seen = []

    class Spy(transformers.AutoModel):
        @classmethod
        def from_pretrained(cls, folder, *arguments, **rest):
            seen.append((folder, sorted(os.listdir(folder)), rest))
            return transformers.AutoModel.from_pretrained(folder, *arguments, **rest)

    model = coffer.transformers.from_pretrained(Spy, world.sealed('minilm'), torch_dtype='float32', **world.how)
    folder, files, rest = seen[0]
    assert 'model.safetensors' in files and rest == {'torch_dtype': 'float32'}, (files, rest)
    assert not os.path.exists(folder), f'{folder} is still there'
    assert set(os.listdir('/proc/self/fd')) <= before | {str(max(map(int, before)) + 1)}, os.listdir('/proc/self/fd')
    tokenizer = transformers.AutoTokenizer.from_pretrained(world.plain('minilm'))
    same(consumer.embedding(model.eval(), tokenizer), world.answer('transformers', 'minilm'))
    called = []
    spy = type('Never', (), {'from_pretrained': staticmethod(lambda *a, **k: called.append(a))})
    refused(coffer.AuthError, lambda: coffer.transformers.from_pretrained(spy, world.damaged('minilm'), **world.key))
    assert not called, 'the consumer was called with a damaged model'


def check_onnx_beside(world):
    """External data comes from the model or from nowhere: onnxruntime would take what lies in the working directory."""
    import onnxruntime
    import coffer.onnxruntime
    plain = world.at('plain', 'onnx-without')
    shutil.copytree(world.plain('onnx-external'), plain)
    os.rename(os.path.join(plain, 'weights.data'), world.at('weights.data'))
    sealed = world.sealed('onnx-without')
    with contextlib.chdir(world.top):
        with open(os.path.join(plain, 'model.onnx'), 'rb') as graph:
            onnxruntime.InferenceSession(graph.read())  # this one does
        refused(coffer.AuthError, lambda: coffer.onnxruntime.session(sealed, **world.how))


def check_onnx_value(world):
    """A value that is called «location» is none."""
    import onnx
    import coffer.onnxruntime
    path = world.at('plain', 'onnx-value', 'model.onnx')
    os.makedirs(os.path.dirname(path))
    model = onnx.load(os.path.join(world.plain('onnx'), 'model.onnx'))
    for node in model.graph.node:
        node.input[:] = ['location' if name == 'inner' else name for name in node.input]
        node.output[:] = ['location' if name == 'inner' else name for name in node.output]
    model.graph.value_info.append(onnx.helper.make_tensor_value_info('location', onnx.TensorProto.FLOAT, ['n', 512]))
    onnx.save_model(model, path)
    coffer.onnxruntime.session(world.sealed('onnx-value'), providers=['CPUExecutionProvider'], **world.how)


def check_load_into(world):
    """A module is filled where it is, or anew on a device from «meta»; strict refuses before a byte is changed."""
    import torch
    import transformers
    import coffer.torch
    answer = world.answer('transformers', 'minilm')
    tokenizer = transformers.AutoTokenizer.from_pretrained(world.plain('minilm'))
    config = transformers.AutoConfig.from_pretrained(world.plain('minilm'))
    model = transformers.AutoModel.from_config(config).eval()
    addresses = [p.data_ptr() for p in model.parameters()]
    keys = coffer.torch.load_into(model, world.sealed('minilm'), strict=False, **world.how)
    assert keys.missing_keys == [] and set(keys.unexpected_keys) <= {'embeddings.position_ids'}, keys
    assert addresses == [p.data_ptr() for p in model.parameters()], 'the parameters were replaced'
    same(consumer.embedding(model, tokenizer), answer)
    with torch.device('meta'):
        empty = transformers.AutoModel.from_config(config).eval()
    coffer.torch.load_into(empty, world.sealed('minilm'), 'cpu', strict=False, **world.how)
    assert all(p.device.type == 'cpu' for p in empty.parameters())
    line = torch.nn.Linear(2, 2)
    before = line.weight.clone()
    refused(RuntimeError, lambda: coffer.torch.load_into(line, world.sealed('minilm'), **world.how))
    assert torch.equal(line.weight, before)


def check_tied(world):
    """Tied weights are one parameter, under whichever name the file has it, and stay one; on «meta» nothing is filled in silence."""
    import safetensors.torch
    import torch
    import coffer.torch

    def made(device):
        with torch.device(device):
            module = torch.nn.ModuleDict({'embedding': torch.nn.Embedding(9, 4), 'head': torch.nn.Linear(4, 9, bias=False)})
        module['head'].weight = module['embedding'].weight
        return module

    for name in 'embedding.weight', 'head.weight':
        path = world.at('plain', f'tied {name}', 'model.safetensors')
        plain = torch.randn(9, 4)
        os.makedirs(os.path.dirname(path))
        safetensors.torch.save_file({name: plain}, path)
        sealed = world.sealed(f'tied {name}')
        for device, where in ('cpu', None), ('cpu', 'cpu'), ('meta', 'cpu'):
            module = made(device)
            keys = coffer.torch.load_into(module, sealed, where, **world.how)
            assert keys == ([], []), keys
            assert torch.equal(module['head'].weight, plain) and module['head'].weight is module['embedding'].weight, (name, device)
            assert module['head'].weight.requires_grad
        refused(RuntimeError, lambda: coffer.torch.load_into(made('meta'), sealed, **world.how))


def check_load_state_dict(world):
    """Of pickled files those count that their index lists, and not what a training has left beside them."""
    import json
    import torch
    import coffer.torch
    folder = world.at('plain', 'training')
    state = {f'{i}.weight': torch.randn(3, i + 1) for i in range(4)}
    os.makedirs(folder)
    index = {name: f'pytorch_model-0000{1 + i % 2}-of-00002.bin' for i, name in enumerate(state)}
    for shard in set(index.values()):
        torch.save({name: state[name] for name in state if index[name] == shard}, os.path.join(folder, shard))
    torch.save(torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))]).state_dict(), os.path.join(folder, 'optimizer.pt'))
    torch.save(torch.get_rng_state(), os.path.join(folder, 'rng_state.pth'))
    shutil.copytree(folder, world.at('plain', 'no index'))
    shutil.copytree(folder, world.at('plain', 'one'))
    torch.save(state, world.at('plain', 'one', 'pytorch_model.bin'))
    pathlib.Path(folder, 'pytorch_model.bin.index.json').write_text(json.dumps({'weight_map': index}), encoding='utf-8')
    for model in 'training', 'one':
        found = coffer.torch.load_state_dict(world.sealed(model), **world.how)
        assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state), (model, found)
    refused(coffer.UsageError, lambda: coffer.torch.load_state_dict(world.sealed('no index'), **world.how))
    found = coffer.torch.load_state_dict(world.sealed('no index'), file=index['1.weight'], **world.how)
    assert found.keys() == {name for name in state if index[name] == index['1.weight']}, found


def many(world):
    """Tensors of many shapes and types, small ones beside one that is larger than a batch."""
    import safetensors.torch
    import torch
    path = world.at('plain', 'many', 'model.safetensors')
    if os.path.exists(path):
        return safetensors.torch.load_file(path)
    generator = torch.Generator().manual_seed(3)
    found = {f'small.{i:03}': torch.randn((i % 7, 3), generator=generator).to(
        (torch.float32, torch.bfloat16, torch.float16)[i % 3]) for i in range(200)}
    found.update(large=torch.randint(0, 255, (70 << 20,), dtype=torch.uint8, generator=generator), scalar=torch.tensor(2.5),
                 flag=torch.tensor([True, False]), odd=torch.arange(3, dtype=torch.int8), f8=torch.ones(5).to(torch.float8_e4m3fn))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    safetensors.torch.save_file(found, path)
    return found


def check_iterate(world):
    """Each tensor comes once, in order, as it was, in memory that can be written to."""
    import torch
    import coffer.torch
    plain = many(world)
    sealed = world.sealed('many')
    with coffer.open_model(sealed, **world.how) as model:
        places = {t.name: t.offset for t in model.tensors().values()}
        found = list(coffer.torch.iterate(model))
    assert [places[name] for name, _ in found] == sorted(places.values()) and len(found) == len(plain)
    assert consumer.torch_digest(dict(found)) == consumer.torch_digest(plain)
    tensors = dict(found)
    tensors['large'][0] += 1
    whole = coffer.torch.load_file(os.path.join(sealed, 'model.safetensors.coffer'), **world.how)
    assert torch.equal(whole['large'], plain['large'])


def check_pickle_runs_nothing(world):
    """A pickle with a call in it is refused by coffer, and with allow_code by torch: it is not run."""
    import torch
    import coffer.torch
    trace = world.at('ran')

    class Evil:
        def __reduce__(self):
            return os.mkdir, (trace,)

    os.makedirs(world.at('plain', 'evil'), exist_ok=True)
    torch.save({'w': torch.ones(3), 'x': Evil()}, world.at('plain', 'evil', 'pytorch_model.bin'))
    sealed = world.sealed('evil')
    try:
        coffer.torch.load(sealed, file='pytorch_model.bin', **world.how)
        raise AssertionError('a pickle that calls mkdir was loaded')
    except coffer.Error as error:
        assert error.code == 'POLICY', error
    try:
        coffer.torch.load(sealed, file='pytorch_model.bin', allow_code=True, **world.how)
        raise AssertionError('a pickle that calls mkdir was loaded with allow_code')
    except coffer.Error:
        raise
    except Exception as error:  # noqa: BLE001 # UnpicklingError of torch's own kind
        assert 'weights' in str(error).lower(), error
    assert not os.path.exists(trace), 'what was pickled was run'


def check_cuda(world):
    """The same tensors by way of pinned memory and streams, and nothing of them left in it."""
    import torch
    if not torch.cuda.is_available():
        raise Skipped('there is no GPU here')
    import coffer.torch
    plain = many(world)
    before = torch.cuda.memory_allocated()
    found = coffer.torch.load_file(world.sealed('many'), device='cuda', **world.how)
    assert all(t.is_cuda for t in found.values())
    assert consumer.torch_digest(found) == consumer.torch_digest(plain)
    used = torch.cuda.memory_allocated() - before
    assert used < sum(t.nbytes for t in plain.values()) + (4 << 20), f'{used} bytes of the GPU'
    refused(coffer.AuthError, lambda: coffer.torch.load_file(world.damaged('minilm'), device='cuda', **world.key))


def check_ring(world):
    """The way to a device without one: torch's streams are stood in for, the pieces and their order are real."""
    import contextlib
    from unittest import mock
    import torch
    import coffer.torch
    many(world)
    pinned, empty = [], torch.empty

    def unpinned(*size, pin_memory=False, **rest):
        made = empty(*size, **rest)
        if pin_memory:
            pinned.append(made)
        return made

    with mock.patch.object(torch, 'empty', unpinned), mock.patch.multiple(
            torch.cuda, Stream=mock.Mock(), Event=mock.Mock(), current_stream=mock.Mock(),
            stream=lambda _: contextlib.nullcontext()):
        fill, done = coffer.torch._ring(torch.device('cpu'))
        with coffer.open(world.sealed('many'), 'model.safetensors', **world.how) as file:
            with open(world.at('plain', 'many', 'model.safetensors'), 'rb') as source:
                plain = source.read()
            for start, size in ((0, len(plain)), (5, 0), (7, 1), ((16 << 20) - 3, 7), ((33 << 20) + 1, 30 << 20)):
                assert bytes(fill(file, start, size).numpy()) == plain[start:start + size], (start, size)
        assert len(pinned) == coffer.torch.PIECES and all(p.any() for p in pinned)
        done()
    assert not any(p.any() for p in pinned), 'plaintext is left in pinned memory'


def check_vllm(world):
    """vLLM's own registration finds the entry point and builds the loader, which gives weights to a model by vLLM's own
    AutoWeightsLoader; in a process of its own, for vLLM changes torch's defaults."""
    needs('vllm')
    done = subprocess.run([sys.executable, str(HERE / 'vllm_plugin.py'), world.sealed('shards'), world.plain('shards'),
                           world.damaged('shards'), world.unsigned('shards'), world.key['kek'], world.how['verify']],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def needs(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise Skipped(f'{package} is not installed')


def once(function, *arguments):
    """Call it when it is first needed."""
    found = []

    def get():
        if not found:
            found.append(function(*arguments))
        return found[0]

    return get


def check_damaged_in_mount(modes, cell):
    """The consumer gets an error, or a signal where it maps, and never an answer."""
    for answers in modes:
        assert answers()[cell].startswith('error: '), f'the damaged model gave {answers()[cell]}'


def steps(world):
    """Name and function of every test."""
    cells = [(name, model) for name, (_, packages, of) in consumer.CONSUMERS.items() for model in of
             if all(importlib.util.find_spec(p) for p in packages)]
    run = once(answers_in_run, world, cells)
    mount = once(answers_in_mount, world, cells, world.sealed, '--verify-key', world.at('publisher.pem.pub'))
    damaged = [once(answers_in_mount, world, cells, world.damaged, *how) for how in ((), ('--no-passthrough',))]
    for name, (_, packages, of) in consumer.CONSUMERS.items():
        for model in of:
            cell = (name, model)

            def step(check, *arguments, packages=packages):
                def do():
                    needs(*packages)
                    check(*arguments)
                return do

            if name in NATIVE:
                yield f'{name}, {model}: native adapter', step(check_native, world, name, model)
            yield f'{name}, {model}: folder of memfds', step(check_folder_of(name, model), world, name, model)
            yield f'{name}, {model}: coffer run', step(lambda c=cell: same(run()[c], world.answer(*c)))
            yield f'{name}, {model}: coffer mount', step(lambda c=cell: same(mount()[c], world.answer(*c)))
            yield f'{name}, {model}: coffer mount, damaged', step(check_damaged_in_mount, damaged, cell)
    yield 'coffer mount refuses what is unsigned', lambda: check_mount_refuses_unsigned(world, 'shards')
    for model in WEIGHTS:
        yield f'coffer run refuses {model}', lambda model=model: check_run_refuses(world, model)
    yield 'transformers: nothing is left of the folder', lambda: (needs('transformers', 'torch'), check_folder_is_given_back(world))
    yield 'onnxruntime: no external data from elsewhere', lambda: (needs('onnxruntime', 'onnx'), check_onnx_beside(world))
    yield 'onnxruntime: a value called location', lambda: (needs('onnxruntime', 'onnx'), check_onnx_value(world))
    yield 'torch: load_into', lambda: (needs('transformers', 'torch'), check_load_into(world))
    yield 'torch: load_into, tied weights', lambda: (needs('torch', 'safetensors'), check_tied(world))
    yield 'torch: load_state_dict', lambda: (needs('torch'), check_load_state_dict(world))
    yield 'torch: iterate', lambda: (needs('torch', 'safetensors'), check_iterate(world))
    yield 'torch: a pickle runs nothing', lambda: (needs('torch'), check_pickle_runs_nothing(world))
    yield 'torch: the pieces on their way to a device', lambda: (needs('torch', 'safetensors'), check_ring(world))
    yield 'torch: a CUDA device', lambda: (needs('torch'), check_cuda(world))
    yield 'vLLM: load format coffer', lambda: check_vllm(world)


def main():
    word = sys.argv[3] if len(sys.argv) > 3 else ''
    passed, failed, skipped = 0, 0, {}
    with tempfile.TemporaryDirectory() as top:
        for name, step in steps(World(top)):
            if word not in name:
                continue
            started = time.monotonic()
            try:
                step()
                passed += 1
                print(f'ok    {name} ({time.monotonic() - started:.1f} s)', flush=True)
            except Skipped as why:
                skipped.setdefault(str(why), []).append(name)
            except Exception as error:  # noqa: BLE001 # what a library raises is a failure like any other
                failed += 1
                print(f'FAIL  {name}: {type(error).__name__}: {error}', flush=True)
    for why, names in skipped.items():
        print(f'skipped: {len(names)} tests, as «{names[0]}»: {why}')
    print(f'{passed} passed, {failed} failed, {sum(map(len, skipped.values()))} skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
