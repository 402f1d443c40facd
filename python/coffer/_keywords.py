# SPDX-License-Identifier: Apache-2.0
"""Keyword arguments of adapters: some are coffer's, the rest are for the library that they adapt to."""
from __future__ import annotations

import inspect
from typing import Any

from coffer._model import open_model

OURS = frozenset(inspect.signature(open_model).parameters) - {'path'}


def split(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of open_model(), and the rest."""
    return {k: v for k, v in given.items() if k in OURS}, {k: v for k, v in given.items() if k not in OURS}
