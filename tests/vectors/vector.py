# SPDX-License-Identifier: Apache-2.0
"""The files of this kit, read and written; README.md describes them."""
import io, lzma, os, shutil, tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
SINGLE = "model.coffer"  # the name of a sealed model that is one file


def pack(tree):
    """A sealed model, bytes by name, as one archive with the same bytes each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(tree):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(tree[name]), 0o644
            archive.addfile(member, io.BytesIO(tree[name]))
    return out.getvalue()


def load(base):
    """The sealed model of good/NAME, bytes by name."""
    archive = os.path.join(HERE, base, "model.tar.xz")
    with tarfile.open(archive) as members:
        return {member.name: members.extractfile(member).read() for member in members}


def place(tree, folder):
    for name, content in tree.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def sealed_path(folder):
    """What to give to a reader: the one file, or the directory."""
    single = os.path.join(folder, SINGLE)
    return folder if os.path.exists(os.path.join(folder, "coffer.json")) or not os.path.exists(single) else single


# ---- edits ----

def edit(folder, base, lines):
    """Applies edits to the copy of @base, bytes by name, that lies in @folder."""
    path = None
    for line in lines:
        verb, *rest = line.split(" ")
        if verb == "file:":
            path = os.path.join(folder, line[len("file: "):])
        elif verb == "rename":
            os.makedirs(os.path.dirname(os.path.join(folder, line[len("rename "):])), exist_ok=True)
            os.rename(path, os.path.join(folder, line[len("rename "):]))
        elif verb == "delete":
            os.remove(path)
        elif verb == "truncate":
            os.truncate(path, int(rest[0]))
        elif verb in ("create", "append", "at", "copy"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, {"create": "wb", "append": "ab"}.get(verb, "r+b")) as file:
                if verb == "at":
                    file.seek(int(rest[0]))
                if verb == "copy":  # copy TO FROM LENGTH: bytes of the same file as they are in the base
                    to, start, length = map(int, rest)
                    file.seek(to)
                    file.write(base[os.path.relpath(path, folder)][start:start + length])
                else:
                    file.write(bytes.fromhex(rest[-1]))
        else:
            raise ValueError(f"no such edit: {line}")


def hunks(old, new, gap=24):
    """The (offset, bytes) in which @new differs from @old, which is as long; short runs of equal bytes are bridged."""
    spans = []
    for block in range(0, len(new), 64):
        if old[block:block + 64] != new[block:block + 64]:
            for i in range(block, min(block + 64, len(new))):
                if old[i] != new[i]:
                    if spans and i - spans[-1][1] <= gap:
                        spans[-1][1] = i + 1
                    else:
                        spans.append([i, i + 1])
    return [(start, new[start:end]) for start, end in spans]


def differences(base, tree):
    """The edits that make @tree of @base."""
    lines, gone = [], {name: base[name] for name in base if name not in tree}
    for name in sorted(tree):
        old = base.get(name)
        if old == tree[name]:
            continue
        moved = next((n for n in gone if gone[n] == tree[name]), None) if old is None else None
        if moved is not None:
            del gone[moved]
            lines += [f"file: {moved}", f"rename {name}"]
            continue
        lines.append(f"file: {name}")
        if old is None:
            lines.append("create ")
            old = b""
        if len(old) != len(tree[name]):
            lines.append(f"truncate {len(tree[name])}")
        old = old[:len(tree[name])].ljust(len(tree[name]), b"\0")
        lines += [f"at {offset} {new.hex()}" for offset, new in hunks(old, tree[name])]
    return lines + [line for name in sorted(gone) for line in (f"file: {name}", "delete")]


# ---- cases ----

HEADERS = ("why", "spec", "expect", "exit", "base", "key", "released")


class Case:
    """A bad vector: its headers as attributes, and edits."""

    def __init__(self, name, edits, **headers):
        self.name, self.edits = name, edits
        for header in HEADERS:
            setattr(self, header, headers[header])

    @classmethod
    def read(cls, name):
        with open(os.path.join(HERE, "bad", name + ".txt"), encoding="utf-8") as file:
            lines = file.read().split("\n")
        headers = dict(line.split(": ", 1) for line in lines[:len(HEADERS)])
        assert tuple(headers) == HEADERS and lines[len(HEADERS)] == "" and lines.pop() == "", name
        return cls(name, lines[len(HEADERS) + 1:], **headers)

    def text(self):
        return "".join(f"{header}: {getattr(self, header)}\n" for header in HEADERS) + "\n" + "".join(
            line + "\n" for line in self.edits)

    def place(self, folder):
        base = load(self.base)
        place(base, folder)
        edit(folder, base, self.edits)


def clear(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


def compressed(data):
    return lzma.compress(data, preset=9)


def same_content(path, data):
    """Whether the file at @path holds @data, compressed or not; two versions of a compressor may differ."""
    try:
        with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
            return file.read() == data
    except FileNotFoundError:
        return False
