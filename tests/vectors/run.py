#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a reader over the kit of README.md: run.py COFFER, or run.py --reader for tests/interop/reader.py."""
import argparse, contextlib, hashlib, io, os, re, shutil, subprocess, sys, tempfile

import vector

KEYS = {  # what opens with which file of keys/, for the command and for reader.py
    "aes": ("file:{}/aes.key", "--key", "aes.key"),
    "aes-other": ("file:{}/aes-other.key", "--key", "aes-other.key"),
    "x25519": ("file:{}/x25519.key", "--x25519", "x25519.raw"),
    "x25519-other": ("file:{}/x25519-other.key", "--x25519", "x25519-other.raw"),
    "passphrase": ("passphrase:file={}/passphrase.txt", "--passphrase-file", "passphrase.txt"),
    "passphrase-other": ("passphrase:file={}/passphrase-other.txt", "--passphrase-file", "passphrase-other.txt")}
SECONDS = 60  # for one command


class Command:
    """The coffer command."""

    def __init__(self, path, folder):
        self.path, self.keys = os.path.abspath(path), os.path.join(folder, "keys")
        shutil.copytree(os.path.join(vector.HERE, "keys"), self.keys)
        for name in os.listdir(self.keys):
            os.chmod(os.path.join(self.keys, name), 0o600)
        self.environment = {**os.environ, "HOME": folder, "COFFER_KEYS": os.path.join(folder, "none"),
                            "COFFER_AUDIT": os.path.join(folder, "audit")}

    def run(self, *arguments):
        """The exit code, the name of the error, and what went to standard output."""
        done = subprocess.run([self.path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                              env=self.environment, check=False)
        error = re.search(r"\[([A-Z]+)\]$", done.stderr.decode(errors="replace").strip())
        return done.returncode, error[1] if error else "OK" if done.returncode == 0 else "none", done.stdout

    def check(self, sealed, key):
        return self.run("check", sealed, "--kek", KEYS[key][0].format(self.keys))

    def open(self, sealed, key, out):
        return self.run("open", sealed, "-o", out, "--kek", KEYS[key][0].format(self.keys))


class Reader:
    """tests/interop/reader.py, which proves the kit before there is a command."""

    def __init__(self):
        sys.path.insert(0, os.path.join(vector.HERE, "..", "interop"))
        import reader
        self.main = reader.main

    def open(self, sealed, key, out):
        option, name = KEYS[key][1:]
        stdout, stderr = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = self.main([sealed, option, os.path.join(vector.HERE, "keys", name)] + (["-o", out] if out else []))
        error = re.search(r"\[([A-Z]+)\]$", stderr.getvalue().strip())
        return status, error[1] if error else "OK", stdout.buffer.getvalue()

    def check(self, sealed, key):
        return self.open(sealed, key, None)


def found(path):
    """SHA-256 of each file at @path, by relative name; of a single file by the empty name."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            return {"": hashlib.sha256(file.read()).hexdigest()}
    return {os.path.relpath(os.path.join(top, name), path): found(os.path.join(top, name))[""]
            for top, _, names in os.walk(path) for name in names}


def manifest(base):
    with open(os.path.join(vector.HERE, base, "plain.sha256"), encoding="utf-8", newline="\n") as file:
        return {path: digest for digest, path in (line.rstrip("\n").split("  ", 1) for line in file)}


def try_model(reader, folder, key, code, error, plain, released):
    """What went wrong with the sealed model in folder/in: sentences."""
    sealed, target = vector.sealed_path(os.path.join(folder, "in")), os.path.join(folder, "out")
    single = os.path.isfile(sealed)
    vector.clear(target)
    results = {"check": reader.check(sealed, key), "open": reader.open(sealed, key, os.path.join(target, "model"))}
    written = found(os.path.join(target, "model"))
    if single:
        written = {path: written[""] for path in plain if "" in written}
        results["open to standard output"] = reader.open(sealed, key, "-")
        digest = hashlib.sha256(results["open to standard output"][2]).hexdigest()
        if digest != released:
            yield f"released {len(results['open to standard output'][2])} bytes that are not those expected"
    for verb, (status, name, _) in results.items():
        if (status, name) != (code, error):
            yield f"{verb}: {name} and exit code {status}, not {error} and {code}"
    if code == 0 and written != plain:
        yield "opened to something else than the model"
    if code != 0 and (written and single or written.items() - plain.items()):
        yield "left output that was not verified"
    if os.listdir(target) not in ([], ["model"]):
        yield f"left {os.listdir(target)}"


def good_cases(reader, folder):
    for name in sorted(os.listdir(os.path.join(vector.HERE, "good"))):
        base = f"good/{name}"
        with open(os.path.join(vector.HERE, base, "about.txt"), encoding="utf-8") as file:
            about = dict(line.rstrip("\n").split(": ", 1) for line in file)
        vector.clear(os.path.join(folder, "in"))
        vector.place(vector.load(base), os.path.join(folder, "in"))
        plain = manifest(base)
        yield base, try_model(reader, folder, about["key"], 0, "OK", plain, next(iter(plain.values())))


def bad_cases(reader, folder):
    for name in sorted(os.listdir(os.path.join(vector.HERE, "bad"))):
        case = vector.Case.read(name[:-len(".txt")])
        vector.clear(os.path.join(folder, "in"))
        case.place(os.path.join(folder, "in"))
        yield f"bad/{case.name}", try_model(reader, folder, case.key, int(case.exit), case.expect, manifest(case.base),
                                           case.released)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("coffer", nargs="?", help="the command to try")
    parser.add_argument("--reader", action="store_true", help="try tests/interop/reader.py instead")
    parser.add_argument("--only", default="", help="only vectors whose name has this in it")
    args = parser.parse_args()
    if bool(args.coffer) == args.reader:
        parser.error("give either COFFER or --reader")
    passed, failed, skipped = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="coffer-vectors-") as folder:
        reader = Reader() if args.reader else Command(args.coffer, folder)
        for cases in (good_cases, bad_cases):
            for name, faults in cases(reader, folder):
                if args.only not in name:
                    skipped += 1
                    continue
                try:
                    faults = list(faults)
                except subprocess.TimeoutExpired:
                    faults = [f"no answer after {SECONDS} seconds"]
                for fault in faults:
                    print(f"{name}: {fault}")
                passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
