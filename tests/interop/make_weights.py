#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write weight files that the usual programs read, with nothing but the standard library.

    make_weights.py OUTDIR [--size MIB] [--sharded] [--all]

makes a plausible model directory: config.json, tokenizer.json, tokenizer_config.json, model.safetensors (or, with --sharded,
two shards and their index) of about MIB mebibytes, and a small model.gguf.  --all adds what coffer
recognises but does not list: model.onnx, pytorch_model.bin (a zip with a pickle in it) and model.pkl.
The bytes depend on the arguments alone.  Tests import the functions.
"""

import argparse
import collections
import io
import json
import os
import pickle
import random
import struct
import zipfile

DTYPE_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1}
GGML_F32, GGML_Q8_0 = 0, 8
GGUF_UINT32, GGUF_FLOAT32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY = 4, 6, 7, 8, 9
GGUF_ALIGNMENT = 32
CHUNK = 1 << 20

Tensor = collections.namedtuple("Tensor", "name dtype shape")


def n_elements(shape):
    n = 1
    for dim in shape:
        n *= dim
    return n


def tensor_bytes(tensor):
    return n_elements(tensor.shape) * DTYPE_BYTES[tensor.dtype]


def write_noise(out, size, seed):
    """SIZE bytes that do not compress, of SEED alone."""
    rng = random.Random(seed)
    while size > 0:
        n = min(size, CHUNK)
        out.write(rng.randbytes(n))
        size -= n


def write_safetensors(path, tensors, metadata=None):
    header, at = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for t in tensors:
        header[t.name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [at, at + tensor_bytes(t)]}
        at += tensor_bytes(t)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for t in tensors:
            write_noise(out, tensor_bytes(t), t.name)


def write_sharded(folder, tensors, n_shards):
    """model-0000i-of-0000n.safetensors and model.safetensors.index.json"""
    weight_map = {}
    for i in range(n_shards):
        name = f"model-{i + 1:05}-of-{n_shards:05}.safetensors"
        part = tensors[len(tensors) * i // n_shards : len(tensors) * (i + 1) // n_shards]
        write_safetensors(os.path.join(folder, name), part, {"format": "pt"})
        weight_map.update({t.name: name for t in part})
    write_json(
        os.path.join(folder, "model.safetensors.index.json"),
        {"metadata": {"total_size": sum(map(tensor_bytes, tensors))}, "weight_map": weight_map},
    )


def gguf_string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_value(value):
    if isinstance(value, bool):
        return struct.pack("<IB", GGUF_BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", GGUF_UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", GGUF_FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", GGUF_STRING) + gguf_string(value)
    elements = [gguf_value(v) for v in value]
    return struct.pack("<I", GGUF_ARRAY) + elements[0][:4] + struct.pack("<Q", len(value)) + b"".join(e[4:] for e in elements)


def gguf_bytes(shape, ggml_type):
    return n_elements(shape) * 4 if ggml_type == GGML_F32 else n_elements(shape) // 32 * 34


def write_gguf(path, keys, tensors, alignment=GGUF_ALIGNMENT):
    """TENSORS: (name, shape with the innermost dimension first, ggml type)"""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(gguf_string(k) + gguf_value(v) for k, v in keys.items())
    at = 0
    for name, shape, ggml_type in tensors:
        head += gguf_string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, ggml_type, at)
        at += gguf_bytes(shape, ggml_type)
        at += -at % alignment
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % alignment))
        for name, shape, ggml_type in tensors:
            size = gguf_bytes(shape, ggml_type)
            write_noise(out, size, name)
            out.write(bytes(-size % alignment))


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def proto(field, value):
    """one protobuf field: a number, or bytes"""
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    return varint(field << 3 | 2) + varint(len(value)) + value


def write_onnx(path):
    """onnx.ModelProto: y = Identity(x), floats of shape [1]"""
    dim = proto(1, proto(1, 1))
    tensor_type = proto(1, 1) + proto(2, dim)
    info = lambda name: proto(1, name) + proto(2, proto(1, tensor_type))
    node = proto(1, b"x") + proto(2, b"y") + proto(4, b"Identity")
    graph = proto(1, node) + proto(2, b"g") + proto(11, info(b"x")) + proto(12, info(b"y"))
    opset = proto(1, b"") + proto(2, 13)
    with open(path, "wb") as out:
        out.write(proto(1, 8) + proto(2, b"make_weights") + proto(7, graph) + proto(8, opset))


def write_pickle(path, protocol=4):
    with open(path, "wb") as out:
        pickle.dump({"weight": [1.0, 2.0]}, out, protocol)


def write_pytorch(path):
    """as torch.save() lays it out: ARCHIVE/data.pkl first, then the storages, all stored"""
    archive = os.path.splitext(os.path.basename(path))[0]
    state = io.BytesIO()
    pickle.dump({"weight": [1.0, 2.0]}, state, 2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for name, content in (("data.pkl", state.getvalue()), ("data/0", bytes(64)), ("version", b"3\n")):
            z.writestr(zipfile.ZipInfo(f"{archive}/{name}"), content)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out, indent=2)
        out.write("\n")


def llama(size):
    """the tensors of a small Llama of about SIZE bytes, and its configuration"""
    vocabulary, dtype_bytes = 1024, 2
    for hidden in (4096, 2048, 1024, 512, 256, 128, 64):
        ffn = hidden * 11 // 4
        per_layer = (4 * hidden * hidden + 3 * hidden * ffn + 2 * hidden) * dtype_bytes
        outside = (2 * vocabulary * hidden + hidden) * dtype_bytes
        if outside + 4 * per_layer <= size:
            break
    layers = max(1, round((size - outside) / per_layer))
    bf16 = lambda name, *shape: Tensor(name, "BF16", shape)
    tensors = [bf16("model.embed_tokens.weight", vocabulary, hidden)]
    for i in range(layers):
        p = f"model.layers.{i}."
        tensors.append(bf16(p + "input_layernorm.weight", hidden))
        tensors += [bf16(p + f"self_attn.{x}_proj.weight", hidden, hidden) for x in "qkvo"]
        tensors.append(bf16(p + "post_attention_layernorm.weight", hidden))
        tensors += [bf16(p + f"mlp.{x}_proj.weight", ffn, hidden) for x in ("gate", "up")]
        tensors.append(bf16(p + "mlp.down_proj.weight", hidden, ffn))
    tensors += [bf16("model.norm.weight", hidden), bf16("lm_head.weight", vocabulary, hidden)]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-05,
        "vocab_size": vocabulary,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }
    return tensors, config


def vocabulary_of(n):
    return ["<unk>", "<s>", "</s>"] + [f"token{i}" for i in range(3, n)]


def write_tokenizer(folder, n):
    write_json(
        os.path.join(folder, "tokenizer.json"),
        {
            "version": "1.0",
            "added_tokens": [],
            "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {t: i for i, t in enumerate(vocabulary_of(n))}},
        },
    )
    write_json(
        os.path.join(folder, "tokenizer_config.json"),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast"},
    )


def write_small_gguf(path):
    keys = {
        "general.architecture": "llama",
        "general.name": "demo",
        "general.alignment": GGUF_ALIGNMENT,
        "llama.context_length": 2048,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.tokens": vocabulary_of(64),
        "tokenizer.ggml.scores": [0.0] * 64,
    }
    tensors = [("token_embd.weight", (64, 64), GGML_Q8_0), ("output_norm.weight", (60,), GGML_F32)]
    tensors += [(f"blk.{i}.attn_q.weight", (64, 64), GGML_Q8_0) for i in range(2)]
    write_gguf(path, keys, tensors)


def make_model(folder, size=4 << 20, sharded=False, everything=False):
    os.makedirs(folder, exist_ok=True)
    at = lambda name: os.path.join(folder, name)
    tensors, config = llama(size)
    write_json(at("config.json"), config)
    write_tokenizer(folder, config["vocab_size"])
    if sharded:
        write_sharded(folder, tensors, 2)
    else:
        write_safetensors(at("model.safetensors"), tensors, {"format": "pt"})
    write_small_gguf(at("model.gguf"))
    if everything:
        write_onnx(at("model.onnx"))
        write_pytorch(at("pytorch_model.bin"))
        write_pickle(at("model.pkl"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir")
    parser.add_argument("--size", type=int, default=4, metavar="MIB", help="about so many MiB of tensors (default 4)")
    parser.add_argument("--sharded", action="store_true", help="two safetensors files and an index")
    parser.add_argument("--all", action="store_true", help="formats too that are recognised and not listed")
    args = parser.parse_args()
    make_model(args.outdir, args.size << 20, args.sharded, args.all)


if __name__ == "__main__":
    main()
