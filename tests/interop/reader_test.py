#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seals models of many shapes with the command and opens them with reader.py, whole and by range.

Usage: reader_test.py COFFER.  Exit code 77 means skipped, for the reason in the last line.
"""
import base64, contextlib, io, os, random, subprocess, sys, tempfile

try:
    import cryptography  # noqa: F401
except ImportError:
    print("there is no Python package cryptography")
    sys.exit(77)

import reader

KIB = 1 << 10
FILES = (  # size, record size, name
    (0, "64K", "empty.bin"), (1, "64K", "one"), (64 * KIB - 1, "64K", "w"), (64 * KIB, "64K", "w"),
    (64 * KIB + 1, "64K", "w"), (200 * KIB + 17, "64K", "with space \u00e9.bin"), (300 * KIB, "128K", "w"),
    (1024 * KIB + 5, "1M", "model.safetensors"), (257 * 64 * KIB, "64K", "two-tag-pages"), (1000, "16M", "w"))
DIRECTORY = {
    "config.json": 700, "model-00001-of-00002.safetensors": 300 * KIB, "model-00002-of-00002.safetensors": 64 * KIB,
    "empty": 0, "a/b/c d/\u6a21\u578b.bin": 5000, ".hidden/tokens.json": 20, "p" * 248: 1}


class Failed(Exception):
    pass


def content(size):
    return random.Random(size).randbytes(size)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Bench:
    """A folder with keys, the command, and the reader."""

    def __init__(self, coffer, folder):
        self.coffer, self.folder = os.path.abspath(coffer), folder
        self.environment = {**os.environ, "HOME": folder, "COFFER_KEYS": os.path.join(folder, "none"),
                            "COFFER_AUDIT": os.path.join(folder, "audit")}
        write(self.at("aes.key"), bytes(range(32)))
        write(self.at("other.key"), bytes(range(1, 33)))
        write(self.at("passphrase"), "p\u00e4ss phrase\nnot this line\n".encode())
        self.run("keygen", "--kind", "x25519", "-o", self.at("pair.key"))
        secret = next(line for line in read(self.at("pair.key")).split(b"\n") if line.startswith(b"secret: "))
        write(self.at("pair.raw"), base64.b64decode(secret.split()[1]))
        self.kek = {"aes": "file:" + self.at("aes.key"), "other": "file:" + self.at("other.key"),
                    "x25519": "file:" + self.at("pair.key"), "passphrase": "passphrase:file=" + self.at("passphrase")}
        self.option = {"aes": ("--key", self.at("aes.key")), "other": ("--key", self.at("other.key")),
                       "x25519": ("--x25519", self.at("pair.raw")),
                       "passphrase": ("--passphrase-file", self.at("passphrase"))}

    def at(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        done = subprocess.run([self.coffer, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              env=self.environment, check=False)
        if done.returncode != 0:
            raise Failed(f"coffer {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")

    def seal(self, name, keys, *options):
        self.run("seal", self.at(name), "-o", self.at(name + ".sealed"), *options,
                 *(word for key in keys for word in ("--kek", self.kek[key])))
        return self.at(name + ".sealed")

    def read(self, sealed, key, *options):
        """The exit code of the reader, and what it wrote."""
        out = self.at("out")
        with contextlib.redirect_stderr(io.StringIO()):
            status = reader.main([sealed, *self.option[key], *options, "-o", out])
        data = read(out) if os.path.isfile(out) else None
        if data is not None:
            os.remove(out)
        return status, data

    def expect(self, what, got, wanted):
        if got != wanted:
            raise Failed(f"{what}: {str(got)[:60]}, not {str(wanted)[:60]}")

    def check_ranges(self, sealed, key, plain, *options):
        size, dice = len(plain), random.Random(len(plain))
        ranges = {(0, 0), (0, size), (size, 0), (max(size - 1, 0), min(1, size)), (size // 2, size - size // 2)}
        ranges |= {(edge - 6, 12) for edge in (64 * KIB, 128 * KIB, 1024 * KIB) if edge + 6 <= size}
        for _ in range(4):
            offset = dice.randint(0, size)
            ranges.add((offset, dice.randint(0, size - offset)))
        for offset, length in sorted(ranges):
            got = self.read(sealed, key, *options, "--range", f"{offset}:{length}")
            self.expect(f"{length} bytes from {offset} of {sealed}", got, (0, plain[offset:offset + length]))
        self.expect("a range past the end", self.read(sealed, key, *options, "--range", f"{size}:1"), (2, None))

    def check_directory(self, sealed, key, tree):
        target = tempfile.mkdtemp(dir=self.folder)
        self.expect(sealed, reader.main([sealed, *self.option[key], "-o", target]), 0)
        opened = {os.path.relpath(os.path.join(top, name), target): read(os.path.join(top, name))
                  for top, _, names in os.walk(target) for name in names}
        self.expect(f"the files of {sealed}", opened, tree)
        for path, plain in tree.items():
            self.check_ranges(sealed, key, plain, "--file", path)
        self.expect("a file that is not there", self.read(sealed, key, "--file", "nothing"), (3, None))


def test_files(bench):
    for i, (size, record, name) in enumerate(FILES):
        plain = content(size)
        write(bench.at(f"{i}/{name}"), plain)
        sealed = bench.seal(f"{i}/{name}", ["aes"], "--record-size", record)
        bench.expect(sealed, bench.read(sealed, "aes"), (0, plain))
        bench.check_ranges(sealed, "aes", plain)


def test_kinds(bench):
    plain = content(100 * KIB)
    for keys in (["aes"], ["x25519"], ["passphrase"], ["passphrase", "x25519", "aes"]):
        name = "-".join(keys)
        write(bench.at(name), plain)
        sealed = bench.seal(name, keys, "--name", "na\u00efve \"model\" \\ \U0001f511", "--version", "2.0-r\u00e9v",
                            "--context", "env=production", "--context", "a.b-c_1=")
        for key in ("aes", "x25519", "passphrase"):
            bench.expect(f"{sealed} with {key}", bench.read(sealed, key), (0, plain) if key in keys else (7, None))


def test_directory(bench):
    tree = {path: content(size) for path, size in DIRECTORY.items()}
    for path, plain in tree.items():
        write(bench.at(f"model/{path}"), plain)
    sealed = bench.seal("model", ["aes", "x25519"], "--hidden", "--record-size", "64K")
    bench.check_directory(sealed, "aes", tree)
    bench.check_directory(sealed, "x25519", tree)
    bench.run("rewrap", sealed, "--kek", bench.kek["aes"], "--add", bench.kek["other"], "--remove", bench.kek["aes"])
    bench.expect("a removed key", bench.read(sealed, "aes", "--file", "config.json"), (7, None))
    bench.check_directory(sealed, "other", tree)
    os.remove(os.path.join(sealed, "empty.coffer"))
    bench.expect("a missing file", bench.read(sealed, "other", "--file", "config.json"), (5, None))


def test_rewrap(bench):
    plain = content(70 * KIB)
    write(bench.at("rewrapped"), plain)
    sealed = bench.seal("rewrapped", ["aes"])
    for option in (("--add", "other"), ("--add", "x25519"), ("--remove", "aes")):
        bench.run("rewrap", sealed, "--kek", bench.kek["aes"], option[0], bench.kek[option[1]])
        for key in ("other", "x25519") if option[0] == "--remove" else ("aes", option[1]):
            bench.expect(f"{sealed} with {key}", bench.read(sealed, key), (0, plain))
    bench.expect("a removed key", bench.read(sealed, "aes"), (7, None))


def test_in_place(bench):
    plain = content(90 * KIB)
    write(bench.at("placed/w.bin"), plain)
    bench.run("seal", bench.at("placed"), "--in-place", "--kek", bench.kek["aes"])
    bench.check_directory(bench.at("placed"), "aes", {"w.bin": plain})


def main():
    failed = 0
    tests = (test_files, test_kinds, test_directory, test_rewrap, test_in_place)
    for test in tests:
        with tempfile.TemporaryDirectory(prefix="coffer-reader-") as folder:
            try:
                test(Bench(sys.argv[1], folder))
            except Failed as failure:
                print(f"{test.__name__}: {failure}")
                failed += 1
    print(f"{len(tests) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) == 2 else __doc__)
