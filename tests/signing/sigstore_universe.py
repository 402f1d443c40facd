#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether what is right in universe.py is accepted, and each fault refused for its own reason.

usage: sigstore_universe.py ADAPTER [NAME…]
"""
import os, sys, tempfile

import universe
from adapter import Adapter


def judge(adapter, folder, case):
    """What is wrong with the answer; nothing if it is right."""
    universe.write(folder, case)
    at = lambda name: os.path.join(folder, name)
    status, text = adapter.verify(
        at("model.sig"), at("artifact") if "messageSignature" in case.bundle else case.subject, case.identity, case.issuer,
        at("key.pub") if case.key else None, at("trusted_root.json"))
    if case.step == 0:
        return "" if status == 0 else "refused: " + text
    if status == 0:
        return "accepted"
    return "" if case.says in text else "refused for another reason than «%s»: %s" % (case.says, text)


def main(path, *names):
    adapter, made, wrong = Adapter(path), universe.Universe(), 0
    names = names or tuple(made.plans)
    for name in names:
        case = made.make(name)
        with tempfile.TemporaryDirectory() as folder:
            answer = judge(adapter, folder, case)
        if answer:
            wrong += 1
            print("step %d, %s: %s" % (case.step, name, answer))
    right = sum(made.plans[name].step == 0 for name in names)
    print("%d right, %d with one fault each" % (right, len(names) - right))
    print("%d passed, %d failed, 0 skipped" % (len(names) - wrong, wrong))
    sys.exit(1 if wrong or not names else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
