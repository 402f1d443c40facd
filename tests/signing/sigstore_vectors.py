#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bundles of sigstore-conformance and model-transparency, with the verdicts that they ask for.

usage: sigstore_vectors.py ADAPTER
"""
import base64, glob, json, os, sys

from adapter import Adapter

SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/vectors/signing")
CONFORMANCE = os.path.join(SHARED, "sigstore+sigstore-conformance")
PRODUCTION = os.path.join(SHARED, "sigstore+root-signing/targets/trusted_root.json")
MODELS = os.path.join(SHARED, "sigstore+model-transparency/scripts/tests/*-sigstore/model.sig")
PUBLISHER = dict(identity="stefanb@us.ibm.com", issuer="https://sigstore.verify.ibm.com/oauth2")
N_CONFORMANCE, N_MODELS = 35, 4


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def conformance(adapter, case, defaults):
    """Whether the adapter says what the case's name does."""
    folder = os.path.join(CONFORMANCE, "test/assets/bundle-verify", case["name"])
    own = {n: os.path.join(folder, n) for n in ("artifact", "identity", "issuer", "key.pub", "trusted_root.json")
           if os.path.exists(os.path.join(folder, n))}
    who = {"key": own["key.pub"]} if "key.pub" in own else {
        n: read(own[n]).strip() if n in own else defaults[n] for n in ("identity", "issuer")}
    status, text = adapter.verify(os.path.join(folder, "bundle.sigstore.json"),
                                  own.get("artifact", os.path.join(CONFORMANCE, defaults["artifact"])),
                                  root=own.get("trusted_root.json"), **who)
    print("%-70s %s" % (case["name"], "accepted" if status == 0 else text))
    return (status == 0) == (case["expect"] == "pass")


def subject(bundle):
    """What an artifact must hash to, for the bundle's statement to be about it."""
    payload = json.loads(base64.b64decode(json.loads(read(bundle))["dsseEnvelope"]["payload"]))
    return "sha256:" + payload["subject"][0]["digest"]["sha256"]


def model(adapter, bundle):
    """Whether a model's bundle is accepted for who made it, and for nobody else."""
    status, text = adapter.verify(bundle, subject(bundle), **PUBLISHER)
    print("%-70s %s" % (bundle.split("/")[-2], "accepted" if status == 0 else text))
    others = ({"identity": "stefanb@us.ibm.co"}, {"issuer": "https://accounts.google.com"})
    return status == 0 and all(adapter.verify(bundle, subject(bundle), **(PUBLISHER | other))[0] == 6 for other in others)


def main(path):
    if not os.path.exists(CONFORMANCE):
        print("skipped: there is no %s" % os.path.relpath(CONFORMANCE))
        sys.exit(77)
    adapter = Adapter(path, PRODUCTION)
    index = json.loads(read(os.path.join(CONFORMANCE, "index.json")))
    cases = [conformance(adapter, case, index["defaults"]) for case in index["cases"]]
    models = [model(adapter, bundle) for bundle in sorted(glob.glob(MODELS))]
    print("%d of %d conformance cases, %d of %d bundles of models" % (sum(cases), len(cases), sum(models), len(models)))
    assert (len(cases), len(models)) == (N_CONFORMANCE, N_MODELS), "some of the vectors are not there"
    both = cases + models
    print("%d passed, %d failed, 0 skipped" % (sum(both), len(both) - sum(both)))
    sys.exit(0 if all(both) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
