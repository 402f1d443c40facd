#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Do what a page of docs/howto says, as a reader would: in a folder that holds a small model, with a home of its own, and
# coffer in the path.  Blocks «```sh» are run one after the other in one shell, blocks «```c NAME» become the file NAME.
# A line «<!-- needs: PROGRAM... -->» skips the page where one is not installed; «<!-- world: sigstore -->» puts the files of a
# Sigstore of our own (tests/peers/sigstore) into the folder sigstore, for as long as the page runs.
# usage: tests/howto/run.sh PAGE BUILD
set -eu
root=$(realpath "$(dirname "$0")/../..")
page=$(realpath "$1")
build=$(realpath "$2")
needs=$(sed -n 's/^<!-- needs: \(.*\) -->$/\1/p' "$page")
for program in $needs; do
    command -v "$program" >/dev/null || {
        echo "$program is not installed"
        exit 77
    }
done
work=$(mktemp -d)
world=
trap 'kill $world 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/here" "$work/pkgconfig"
python3 "$root/tests/interop/make_weights.py" "$work/here/llama" --size 3

# the library as if it were installed; one that was built with a sanitizer needs that in the program, too
sanitizer=$(grep -o -m 1 -e '-fsanitize=[a-z,]*' "$build/flags" | head -n 1 || true)
cat >"$work/pkgconfig/coffer.pc" <<EOF
Name: coffer
Description: where it was built
Version: 0
Libs: -L$build -lcoffer
Cflags: -I$root/include $sanitizer
EOF

cd "$work/here"
awk -v script="$work/script" '
/^```/ { out = "" }
/^```sh$/ { out = script; n++; next }
/^```c [a-z_]+\.c$/ { out = $2; next }
out { print >out }
END { exit !n }' "$page" || {
    echo "$1 has no block of sh, so nothing shows that what it says is true"
    exit 1
}
# the services end with the pipe that is their standard input
begin_world() {
    python3 -c 'import cryptography' 2>/dev/null || {
        echo 'python3-cryptography is not installed'
        exit 77
    }
    mkfifo "$work/until"
    python3 "$root/tests/peers/sigstore/world.py" "$work/here/sigstore" <"$work/until" >"$work/ready" 2>"$work/world.log" &
    world=$!
    exec 9>"$work/until"
    for _ in $(seq 100); do
        ! grep -q ready "$work/ready" || return 0
        sleep 0.1
    done
    cat "$work/world.log"
    exit 1
}
! grep -qx '<!-- world: sigstore -->' "$page" || begin_world

HOME=$work/home PATH=$build:$PATH PKG_CONFIG_PATH=$work/pkgconfig LD_LIBRARY_PATH=$build
export HOME PATH PKG_CONFIG_PATH LD_LIBRARY_PATH
unset XDG_CONFIG_HOME XDG_STATE_HOME COFFER_KEYS COFFER_AUDIT
sh -eux "$work/script"
