#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the kit that README.md describes: keys/, good/ and bad/.

Everything is derived from seeds, so a second run changes nothing.  What is in good/ was written once for ever: this
program refuses to change it.
"""
import hashlib, os, sys

import vector
from faults import PARTS, Kit
from models import good, keys


def write(path, data):
    """Writes what differs; true where it did."""
    path = os.path.join(vector.HERE, path)
    if vector.same_content(path, data):
        return False
    if path.endswith(".xz") and os.path.exists(path):
        sys.exit(f"{path}: a good model would change, and they are kept for ever")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(vector.compressed(data) if path.endswith(".xz") else data)
    return True


def main():
    changed = sum(write("keys/" + name, content) for name, content in keys().items())
    for name, why, key, tree, files in good():
        manifest = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())
        changed += write(f"good/{name}/model.tar.xz", vector.pack(tree))
        changed += write(f"good/{name}/plain.sha256", manifest.encode())
        changed += write(f"good/{name}/about.txt", f"why: {why}\nkey: {key}\n".encode())
    kit = Kit()
    for part in PARTS:
        part(kit)
    for case in kit.cases.values():
        changed += write(f"bad/{case.name}.txt", case.text().encode())
    stale = {name[:-4] for name in os.listdir(os.path.join(vector.HERE, "bad"))} - kit.cases.keys()
    for name in stale:
        os.remove(os.path.join(vector.HERE, "bad", name + ".txt"))
    print(f"{len(kit.cases)} bad vectors, {changed} files written, {len(stale)} removed")


if __name__ == "__main__":
    main()
