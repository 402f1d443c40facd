#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer backup into a bucket of moto, a server of AWS's services that others wrote.

usage: tests/services/test_backup_moto.py COFFER [WORD…]

COFFER_PEERS_CLOUD names a Python that has moto[server]; without it this is skipped.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import backup_round  # noqa: E402
import rig  # noqa: E402
import test_s3_moto  # noqa: E402


def main():
    python = os.environ.get('COFFER_PEERS_CLOUD')
    if not python or subprocess.run([python, '-c', 'import moto.server'], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        rig.skip_all('COFFER_PEERS_CLOUD names no Python with moto[server] (tests/peers/setup makes one)')
    report = rig.Report(sys.argv[2:])
    with rig.Coffer(sys.argv[1], AWS_ACCESS_KEY_ID='AKID', AWS_SECRET_ACCESS_KEY='secret', AWS_REGION='us-east-1') as do:
        moto = test_s3_moto.Moto(python, do.folder)
        do.env['AWS_ENDPOINT_URL'] = moto.url
        try:
            test_s3_moto.ask(moto.url + '/models', 'PUT')
            backup_round.prepare(do)
            report.check('a round', backup_round.whole, do)
        finally:
            moto.stop()
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
