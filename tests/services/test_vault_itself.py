#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys and secrets in Vault, through the command: what test_vault.py tries with the fake, with a real one (vault_itself.py).

usage: tests/services/test_vault_itself.py COFFER [WORD…]

COFFER_PEERS_VAULT names the Vault; without it this is skipped.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rig  # noqa: E402
import test_vault  # noqa: E402
import vault_itself  # noqa: E402


def main():
    vault_itself.need()
    report = rig.Report(sys.argv[2:])
    for case in test_vault.CASES:
        def one(case=case):
            made = []

            def make():
                made.append(vault_itself.Vault())
                return made[0]
            try:
                test_vault.in_world(sys.argv[1], case, make=make)
            finally:
                for vault in made:
                    vault.stop()
        one.__name__ = case.__name__
        vault_itself.check(report, one)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
