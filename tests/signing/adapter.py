# SPDX-License-Identifier: Apache-2.0
"""Runs the program that sigstore-conformance would run: tests/adapters/sigstore.c."""
import os, subprocess

SECONDS = 60  # for one run


class Adapter:
    def __init__(self, path, trusted_root=None):
        self.path = os.path.abspath(path)
        self.environment = dict(os.environ) | ({"SIGSTORE_TRUSTED_ROOT": trusted_root} if trusted_root else {})

    def verify(self, bundle, artifact, identity=None, issuer=None, key=None, root=None):
        """The exit code and the sentence; a program that dies of a signal is an error of its own."""
        arguments = [self.path, "verify-bundle", "--bundle", bundle]
        for option, value in (("--certificate-identity", identity), ("--certificate-oidc-issuer", issuer),
                              ("--key", key),
                              ("--trusted-root", root)):
            arguments += [option, value] if value is not None else []
        done = subprocess.run([*arguments, artifact], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                              env=self.environment, check=False)
        text = done.stderr.decode(errors="replace").strip()
        assert 0 <= done.returncode <= 12, "%s: exit code %d: %s" % (bundle, done.returncode, text)
        assert done.returncode != 1 and done.returncode != 2, "%s: %s" % (bundle,
                                                                          text)  # neither a bug nor a wrong call
        assert (b"it holds" in done.stdout) == (done.returncode == 0), "%s: exit code and words differ" % bundle
        return done.returncode, text
