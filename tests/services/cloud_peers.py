# SPDX-License-Identifier: Apache-2.0
"""The SDKs of the clouds are in a Python environment of their own (tests/peers/setup)."""
import os
import subprocess
import sys

import rig


def need(modules):
    """Return where these modules are there; else run the program again where they are, or skip it."""
    if os.environ.get('COFFER_IN_PEERS') == '1':
        return
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if not python or subprocess.run([python, '-I', '-c', f'import {modules}'], stderr=subprocess.DEVNULL, check=False).returncode:
        rig.skip_all(os.environ.get('COFFER_PEERS_WHY') or f'COFFER_PEERS_CLOUD names no Python with {modules}')
    sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, 'COFFER_IN_PEERS': '1'}, check=False).returncode)
