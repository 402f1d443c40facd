#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Say how close sentences are in meaning to the first of them: inference with all-MiniLM-L6-v2, in NumPy alone.

    embed.py MODEL SENTENCE...

MODEL is the folder of the model.  This program knows nothing of coffer; it opens files, as any other does:

    coffer run --model minilm.sealed -- python3 embed.py '{model}' 'The cat sleeps.' 'A pet is dozing.' 'Rates went up.'
"""
import hashlib
import json
import math
import mmap
import os
import re
import sys
import unicodedata

import numpy


def read_weights(path):
    """The tensors of a safetensors file, mapped and not read"""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    start = 8 + int.from_bytes(data[:8], "little")
    weights = {}
    for name, tensor in json.loads(data[8:start]).items():
        if name != "__metadata__" and tensor["dtype"] == "F32":
            first, end = tensor["data_offsets"]
            weights[name] = numpy.frombuffer(data, "<f4", (end - first) // 4, start + first).reshape(tensor["shape"])
    return weights


def tokens(sentence, vocabulary):
    """WordPiece: the longest piece that the vocabulary has, again and again"""
    ids = [vocabulary["[CLS]"]]
    letters = (c for c in unicodedata.normalize("NFD", sentence.lower()) if not unicodedata.combining(c))
    for word in re.findall(r"[^\W_]+|[^\w\s]|_", "".join(letters)):
        start, pieces = 0, []
        while start < len(word):
            ends = range(len(word), start, -1)
            found = next((e for e in ends if ("##" if start else "") + word[start:e] in vocabulary), None)
            if found is None:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[("##" if start else "") + word[start:found]])
            start = found
        ids += pieces
    return ids + [vocabulary["[SEP]"]]


def embed(weights, config, ids):
    """BERT's encoder over one sentence, and the mean of what comes out, of length 1"""
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    erf = numpy.vectorize(math.erf, otypes=["f4"])

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def normalised(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + eps) * weights[name + ".weight"] + weights[name + ".bias"]

    def by_head(x):
        return x.reshape(len(ids), heads, -1).swapaxes(0, 1)

    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = normalised(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        query, key, value = (by_head(linear(x, layer + "attention.self." + n)) for n in ("query", "key", "value"))
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        chances = numpy.exp(scores - scores.max(-1, keepdims=True))
        chances /= chances.sum(-1, keepdims=True)
        seen = (chances @ value).swapaxes(0, 1).reshape(len(ids), -1)
        x = normalised(x + linear(seen, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
        inner = linear(x, layer + "intermediate.dense")
        inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
        x = normalised(x + linear(inner, layer + "output.dense"), layer + "output.LayerNorm")
    mean = x.mean(0)
    return (mean / numpy.linalg.norm(mean)).astype("<f4")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    model, *sentences = sys.argv[1:]
    weights = read_weights(os.path.join(model, "model.safetensors"))
    with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    with open(os.path.join(model, "vocab.txt"), encoding="utf-8") as file:
        vocabulary = {word.rstrip("\n"): i for i, word in enumerate(file)}
    vectors = [embed(weights, config, tokens(s, vocabulary)) for s in sentences]
    for sentence, vector in zip(sentences, vectors):
        print(f"{float(vector @ vectors[0]):.4f}  {sentence}  ({hashlib.sha256(vector).hexdigest()[:16]})")


if __name__ == "__main__":
    main()
