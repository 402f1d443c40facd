# SPDX-License-Identifier: Apache-2.0
"""vLLM: the load format «coffer», which this package registers by its entry point of vllm.general_plugins.

    vllm serve CONFIG_DIR --load-format coffer --model-loader-extra-config '{"sealed": "llama.sealed"}'

CONFIG_DIR has the plain config.json and tokenizer, which vLLM reads itself; the weights come from the sealed model, are
decrypted by every worker for itself, and go straight to its device.  Keys are found as everywhere: COFFER_KEK, the keyring.
"""
from __future__ import annotations

from typing import Any

from coffer._errors import error_for
from coffer._keywords import split
from coffer._model import open_model


def register() -> None:
    """Register the load format; vLLM calls it in each of its processes, and may do so more than once."""
    from vllm.model_executor import model_loader  # noqa: PLC0415
    from vllm.model_executor.model_loader.base_loader import BaseModelLoader  # noqa: PLC0415

    from coffer.torch import iterate  # noqa: PLC0415

    class CofferLoader(BaseModelLoader):  # type: ignore[misc]
        """Weights from a sealed model.

        model_loader_extra_config: «sealed», where it is (by default where vLLM has its model from), and whatever
        coffer.open_model() takes that JSON can say: «kek», «verify», «identity», «name», «environment», …
        """

        def __init__(self, load_config: Any) -> None:
            super().__init__(load_config)
            given = dict(load_config.model_loader_extra_config or {})
            self.sealed = given.pop('sealed', None)
            self.how, unknown = split(given)
            if unknown:
                raise error_for('USAGE', 2, f'model_loader_extra_config has {", ".join(sorted(unknown))}, which the load format '
                                            'coffer does not know; it takes sealed, and what coffer.open_model() takes')

        def download_model(self, model_config: Any) -> None:
            """Nothing is downloaded; that the model can be opened is found out before anything is built."""
            self._open(model_config).close()

        def load_weights(self, model: Any, model_config: Any) -> None:
            """Give the model its weights, on the device where it is."""
            device = next((p.device for p in model.parameters()), 'cpu')
            with self._open(model_config) as sealed:
                loaded = model.load_weights(iterate(sealed, device))
            if loaded is None or getattr(model_config, 'quantization', None) is not None:
                return
            missing = {name for name, _ in model.named_parameters()} - set(loaded)
            if missing:
                raise ValueError(f'the sealed model has no weights for {sorted(missing)}')

        def _open(self, model_config: Any) -> Any:
            return open_model(self.sealed or model_config.model, **self.how)

    loader = getattr(model_loader, '_LOAD_FORMAT_TO_MODEL_LOADER', {}).get('coffer')
    if loader is None or loader.__module__ != __name__:
        model_loader.register_model_loader('coffer')(CofferLoader)
