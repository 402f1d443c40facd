#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether what is right in universe.py is accepted, and each fault refused for its own reason: by the adapter, and by the
command where it could be the signature of a model.

usage: sigstore_universe.py ADAPTER COFFER [NAME…]
"""
import os, subprocess, sys, tempfile

import universe
from adapter import Adapter, SECONDS

# what the command sees before it asks whether the bundle holds, and says in its own words
COMMAND_SAYS = {"no-entry": "without an entry of its log", "payload-type": "not of a model"}


def wrong(case, right, status, text, says=None):
    """What is wrong with an answer; nothing if it is as it should be."""
    says = says or case.says
    if right:
        return "" if status == 0 else "refused: " + text
    if status not in (5, 6):  # of the bundle's form, or of what it says
        return "accepted" if status == 0 else "exit code %d: %s" % (status, text)
    return "" if says in text else "refused for another reason than «%s»: %s" % (says, text)


def ask_adapter(adapter, folder, case):
    at = lambda name: os.path.join(folder, name)
    artifact = at("artifact") if "messageSignature" in case.bundle else case.subject
    status, text = adapter.verify(at("model.sig"), artifact, case.identity, case.issuer, at("key.pub") if case.key else None,
                                  at("trusted_root.json"))
    return wrong(case, case.step == 0, status, text)


def ask_command(coffer, folder, case):
    at = lambda name: os.path.join(folder, name)
    done = subprocess.run(
        [coffer, "verify", "sigstore", at("model"), "--signature", at("model.sig"), "--trusted-root", at("trusted_root.json"),
         "--identity", case.identity, "--identity-provider", case.issuer],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, env={**os.environ, "HOME": folder}, check=False)
    text = (done.stdout + done.stderr).decode()
    if done.returncode != 0 and ("verified: " in text or "certificates judged" in text):
        return "a failure has a word of success: " + text
    if case.step == 0 and not case.is_v03:
        return "" if done.returncode == 5 else "exit code %d for an older bundle: %s" % (done.returncode, text)
    # what is well-formed and older is refused for its version, whatever else is wrong with it
    says = COMMAND_SAYS.get(case.name) if case.is_v03 or case.says in text else "[UNSUPPORTED]"
    return wrong(case, case.step == 0, done.returncode, text, says)


def main(path, coffer, *names):
    adapter, coffer, made = Adapter(path), os.path.abspath(coffer), universe.Universe()
    n = n_wrong = 0
    for name in names or made.plans:
        case = made.make(name)
        with tempfile.TemporaryDirectory() as folder:
            universe.write(folder, case)
            answers = [ask_adapter(adapter, folder, case)] + ([ask_command(coffer, folder, case)] if case.is_envelope else [])
        n += len(answers)
        for answer in filter(None, answers):
            n_wrong += 1
            print("step %d, %s: %s" % (case.step, name, answer))
    right = sum(made.plans[name].step == 0 for name in names or made.plans)
    print("%d right, %d with one fault each" % (right, len(names or made.plans) - right))
    print("%d passed, %d failed, 0 skipped" % (n - n_wrong, n_wrong))
    sys.exit(1 if n_wrong or not n else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
