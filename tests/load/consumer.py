#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people load models with, as a program that knows nothing of coffer.

    consumer.py [--fork] NAME@ANYTHING=FOLDER...

prints «NAME@ANYTHING DIGEST», of what the consumer called NAME computed with the model in FOLDER, or «NAME@ANYTHING error: …».
With --fork each does so in a process of its own, which a bad page of what it has mapped may end.
"""
import glob
import hashlib
import importlib
import json
import os
import sys

SENTENCE = 'The weights are kept secret, and nobody reads them.'


def digest(parts):
    """Of names and arrays, in order."""
    total = hashlib.sha256()
    for name, array in parts:
        total.update(f'{name} {array.dtype} {tuple(array.shape)}\n'.encode())
        total.update(array.tobytes() if hasattr(array, 'tobytes') else bytes(array))
    return total.hexdigest()


def torch_digest(tensors):
    """The same of tensors."""
    import torch
    return digest((n, t.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()) for n, t in sorted(tensors.items()))


def one(folder, pattern):
    """The only file that fits, or the first."""
    return sorted(glob.glob(os.path.join(folder, pattern)))[0]


def safetensors_numpy(folder):
    """safetensors.numpy.load_file of each file; NumPy has BF16 by ml_dtypes alone, so bytes are what is compared."""
    import safetensors
    parts = {}
    for path in sorted(glob.glob(os.path.join(folder, '*.safetensors'))):
        with open(path, 'rb') as file:
            for name, tensor in safetensors.deserialize(file.read()):
                parts[name] = tensor['data']
    return hashlib.sha256(b''.join(n.encode() + bytes(parts[n]) for n in sorted(parts))).hexdigest()


def safetensors_torch(folder):
    """safetensors.torch.load_file, and safe_open for a slice, which maps the file."""
    import safetensors
    import safetensors.torch
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, '*.safetensors'))):
        found.update(safetensors.torch.load_file(path))
        with safetensors.safe_open(path, 'pt') as file:
            name = max(file.keys())
            found['slice of ' + name] = file.get_slice(name)[1:3]
    return torch_digest(found)


def embedding(model, tokenizer):
    """What the model makes of a sentence."""
    import torch
    with torch.no_grad():
        out = model(**tokenizer(SENTENCE, return_tensors='pt')).last_hidden_state
    return torch_digest({'hidden': out, 'mean': out.mean(1)})


def transformers(folder):
    """AutoModel and AutoTokenizer."""
    import transformers as t
    return embedding(t.AutoModel.from_pretrained(folder).eval(), t.AutoTokenizer.from_pretrained(folder))


def torch_load(folder):
    """torch.load of a state dict, read and mapped."""
    import torch
    path = one(folder, '*.bin')
    read = torch.load(path, weights_only=True)
    mapped = torch.load(path, weights_only=True, mmap=True)
    if torch_digest(read) != torch_digest(mapped):
        raise ValueError('mapped is not as read')
    return torch_digest(read)


def answer(session):
    """What an ONNX model makes of a matrix."""
    import numpy
    x = numpy.random.default_rng(5).standard_normal((3, 384), 'f4')
    return digest([('y', session.run(None, {'x': x})[0])])


def onnxruntime(folder):
    """A session of one thread, so that sums come out the same each time."""
    import onnxruntime as o
    options = o.SessionOptions()
    options.intra_op_num_threads = 1
    return answer(o.InferenceSession(one(folder, '*.onnx'), options, providers=['CPUExecutionProvider']))


def gguf(folder):
    """gguf.GGUFReader, which maps the file."""
    import gguf as g
    parts = []
    for path in sorted(glob.glob(os.path.join(folder, '*.gguf'))):
        parts += [(t.name, t.data) for t in g.GGUFReader(path).tensors]
    return digest(parts)


def logits(llm):
    """What a llama thinks comes after some tokens."""
    import numpy
    llm.eval([1, 70, 75, 261])
    return digest([('logits', numpy.array(llm.scores[:4], 'f4'))])


LLAMA = {'n_ctx': 32, 'logits_all': True, 'verbose': False, 'n_threads': 1, 'n_threads_batch': 1}


def llama_cpp(folder):
    """llama-cpp-python, which maps the file; and once more without that."""
    import llama_cpp as l
    path = one(folder, '*.gguf')
    mapped = logits(l.Llama(path, **LLAMA))
    if logits(l.Llama(path, use_mmap=False, **LLAMA)) != mapped:
        raise ValueError('mapped is not as read')
    return mapped


CONSUMERS = {  # name: (what does it, the packages it needs, the models of models.py)
    'safetensors.numpy': (safetensors_numpy, ('safetensors', 'numpy'), ('shards', 'minilm')),
    'safetensors.torch': (safetensors_torch, ('safetensors', 'torch'), ('shards', 'minilm')),
    'transformers': (transformers, ('transformers', 'torch'), ('minilm',)),
    'torch.load': (torch_load, ('torch',), ('pickled',)),
    'onnxruntime': (onnxruntime, ('onnxruntime', 'onnx'), ('onnx', 'onnx-external')),
    'gguf': (gguf, ('gguf',), ('gguf', 'gguf-split')),
    'llama.cpp': (llama_cpp, ('llama_cpp', 'gguf'), ('gguf', 'gguf-split')),
}


def answer_one(argument):
    """What to say about one argument."""
    name, folder = argument.split('=', 1)
    try:
        return f'{name} {CONSUMERS[name.split("@")[0]][0](folder)}'
    except Exception as error:  # noqa: BLE001 # whatever a library raises
        return f'{name} error: {type(error).__name__}: {json.dumps(str(error))}'


def main():
    arguments = sys.argv[1:]
    if arguments[0] != '--fork':
        for argument in arguments:
            print(answer_one(argument), flush=True)
        return
    for package in {p for argument in arguments[1:] for p in CONSUMERS[argument.split('@')[0]][1]}:
        importlib.import_module(package)  # once, and not in every process
    for argument in arguments[1:]:
        child = os.fork()
        if child == 0:
            os.write(1, (answer_one(argument) + '\n').encode())
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            print(f'{argument.split("=")[0]} error: ended with {status}', flush=True)


if __name__ == '__main__':
    main()
