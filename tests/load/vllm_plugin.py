# SPDX-License-Identifier: Apache-2.0
"""The load format «coffer» against vLLM's own code; started by consumers.py.

Usage: vllm_plugin.py SEALED PLAIN DAMAGED UNSIGNED KEK PUBLIC_KEY

Real are: load_general_plugins() and the entry point, as pyproject.toml declares it; register_model_loader(), get_model_loader(),
LoadConfig, BaseModelLoader, AutoWeightsLoader.  Not under test is an engine, which needs a GPU: the model is a torch module with
load_weights(), as vLLM's models have, and model_config has the two members that a loader reads.
"""
import os
import pathlib
import sys
import tempfile
import tomllib
import types

import safetensors.torch
import torch

import coffer
from consumer import torch_digest

SEALED, PLAIN, DAMAGED, UNSIGNED, KEK, PUBLIC_KEY = sys.argv[1:]


def declare():
    """The entry points of pyproject.toml, where importlib.metadata finds those of installed packages."""
    root = pathlib.Path(__file__).parents[2]
    with open(root / 'pyproject.toml', 'rb') as file:
        groups = tomllib.load(file)['project']['entry-points']
    site = tempfile.mkdtemp()
    info = os.path.join(site, 'coffer-0.dist-info')
    os.mkdir(info)
    with open(os.path.join(info, 'METADATA'), 'w', encoding='utf-8') as file:
        file.write('Metadata-Version: 2.1\nName: coffer\nVersion: 0\n')
    with open(os.path.join(info, 'entry_points.txt'), 'w', encoding='utf-8') as file:
        for group, points in groups.items():
            file.write(f'[{group}]\n' + ''.join(f'{k} = {v}\n' for k, v in points.items()))
    sys.path.insert(0, site)


declare()
from vllm.config.load import LoadConfig  # noqa: E402
from vllm.model_executor import model_loader  # noqa: E402
from vllm.model_executor.model_loader.base_loader import BaseModelLoader  # noqa: E402
from vllm.model_executor.models.utils import AutoWeightsLoader  # noqa: E402
from vllm.plugins import load_general_plugins  # noqa: E402


def plain_tensors():
    found = {}
    for path in sorted(pathlib.Path(PLAIN).glob('*.safetensors')):
        found.update(safetensors.torch.load_file(path))
    return found


def module_of(tensors):
    """A tree of modules with those parameters, and vLLM's way to fill it."""
    top = torch.nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split('.')
        at = top
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, torch.nn.Module())
            at = getattr(at, part)
        at.register_parameter(last, torch.nn.Parameter(torch.zeros_like(tensor), requires_grad=False))
    top.load_weights = lambda weights: AutoWeightsLoader(top).load_weights(weights)
    return top


def loader_of(**extra):
    return model_loader.get_model_loader(LoadConfig(load_format='coffer', model_loader_extra_config=extra))


def raises(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return
    raise AssertionError(f'no {error.__name__}')


plain = plain_tensors()
config = types.SimpleNamespace(model=SEALED, quantization=None)
raises(ValueError, loader_of)  # not registered yet
load_general_plugins()
load_again = model_loader._LOAD_FORMAT_TO_MODEL_LOADER['coffer']  # noqa: SLF001
loader = loader_of(kek=KEK, verify=PUBLIC_KEY)
assert isinstance(loader, BaseModelLoader) and type(loader) is load_again

loader.download_model(config)
model = module_of(plain)
loader.load_weights(model, config)
assert torch_digest(dict(model.named_parameters())) == torch_digest(plain)
elsewhere = types.SimpleNamespace(model=PLAIN, quantization=None)
again = module_of(plain)
loader_of(sealed=SEALED, kek=[KEK]).load_weights(again, elsewhere)
assert torch_digest(dict(again.named_parameters())) == torch_digest(plain)

raises(coffer.AuthError, loader_of(sealed=DAMAGED, kek=KEK).load_weights, module_of(plain), config)
raises(coffer.SignatureError, loader_of(sealed=UNSIGNED, kek=KEK, verify=PUBLIC_KEY).download_model, config)
raises(coffer.SignatureError, loader_of(sealed=UNSIGNED, kek=KEK, verify=PUBLIC_KEY).load_weights, module_of(plain), config)
raises(coffer.UsageError, lambda: loader_of(keks=KEK))
more = module_of({**plain, 'model.extra.weight': torch.zeros(2)})
raises(ValueError, loader.load_weights, more, config)

# a worker may load its plugins again: the class stays the same
from coffer.vllm import register  # noqa: E402

register()
assert model_loader._LOAD_FORMAT_TO_MODEL_LOADER['coffer'] is load_again  # noqa: SLF001
print('ok')
