#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Do what a page of docs/howto says, as a reader would: in a folder that holds a small model, with a home of its own, and
# coffer in the path.  Blocks «```sh» are run one after the other in one shell, blocks «```c NAME» and «```python NAME» become the
# file NAME.
# A line «<!-- needs: PROGRAM... -->» skips the page where one is not installed, or a /dev/… cannot be used; «<!-- world: NAME -->» runs services of our own for as
# long as the page runs, and puts their files into the folder NAME: sigstore is that of tests/peers/sigstore, every other one is
# tests/services/NAME.py, whose file «env» is read before the page begins.  «<!-- peers: PACKAGE... -->» has python3 be the one that
# COFFER_PEERS_LOAD names, with the Python package of coffer, and skips the page where it lacks a package; «<!-- python: PACKAGE... -->» is
# the same with the python3 of this system.  «<!-- models: NAME... -->» makes models of tests/load/models.py.
# usage: tests/howto/run.sh PAGE BUILD
set -eu
root=$(realpath "$(dirname "$0")/../..")
page=$(realpath "$1")
build=$(realpath "$2")
needs=$(sed -n 's/^<!-- needs: \(.*\) -->$/\1/p' "$page")
for program in $needs; do
    case $program in /*)
        [ -w "$program" ] || {
            echo "there is no $program for this user"
            exit 77
        }
        continue
        ;;
    esac
    command -v "$program" >/dev/null || {
        echo "$program is not installed"
        exit 77
    }
done
packages=$(sed -n 's/^<!-- peers: \(.*\) -->$/\1/p' "$page")
if [ -n "$packages" ]; then
    peer=${COFFER_PEERS_LOAD:-}
    [ -n "$peer" ] || {
        echo "${COFFER_PEERS_LOAD_WHY:-${COFFER_PEERS_WHY:-COFFER_PEERS_LOAD names no Python with $packages; tests/peers/setup makes one}}"
        exit 77
    }
    [ -e "$build/python/coffer/_native.abi3.so" ] || {
        echo 'the Python package is not built: make python'
        exit 77
    }
    PATH=$(dirname "$peer"):$PATH PYTHONPATH=$build/python HF_HUB_OFFLINE=1
    export PATH PYTHONPATH HF_HUB_OFFLINE
    for package in $packages; do
        python3 -c 'import importlib.util as u, sys; sys.exit(not u.find_spec(sys.argv[1]))' "$package" || {
            echo "the Python of COFFER_PEERS_LOAD has no $package"
            exit 77
        }
    done
fi
packages=$(sed -n 's/^<!-- python: \(.*\) -->$/\1/p' "$page")
if [ -n "$packages" ]; then
    [ -e "$build/python/coffer/_native.abi3.so" ] || {
        echo 'the Python package is not built: its headers are not installed (python3-dev)'
        exit 77
    }
    [ ! -x /usr/bin/python3 ] || PATH=/usr/bin:$PATH
    PYTHONPATH=$build/python PYTHONDONTWRITEBYTECODE=1
    export PATH PYTHONPATH PYTHONDONTWRITEBYTECODE
    for package in $packages; do
        python3 -c "import $package" 2>/dev/null || {
            echo "python3 has no $package (python3-$package)"
            exit 77
        }
    done
fi
work=$(mktemp -d)
world=
trap 'kill $world 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/home" "$work/here" "$work/pkgconfig"
python3 "$root/tests/interop/make_weights.py" "$work/here/llama" --size 3
models=$(sed -n 's/^<!-- models: \(.*\) -->$/\1/p' "$page")
for model in $models; do
    python3 "$root/tests/load/models.py" "$model" "$work/here/$model"
done

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
/^```(c [a-z_]+\.c|python [a-z_]+\.py)$/ { out = $2; next }
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
    program=$root/tests/services/$1.py
    [ "$1" != sigstore ] || program=$root/tests/peers/sigstore/world.py
    mkfifo "$work/until"
    python3 "$program" "$work/here/$1" <"$work/until" >"$work/ready" 2>"$work/world.log" &
    world=$!
    exec 9>"$work/until"
    for _ in $(seq 100); do
        ! grep -q ready "$work/ready" || return 0
        sleep 0.1
    done
    cat "$work/world.log"
    exit 1
}
name=$(sed -n 's/^<!-- world: \([a-z]*\) -->$/\1/p' "$page")
[ -z "$name" ] || begin_world "$name"

HOME=$work/home PATH=$build:$PATH PKG_CONFIG_PATH=$work/pkgconfig LD_LIBRARY_PATH=$build
export HOME PATH PKG_CONFIG_PATH LD_LIBRARY_PATH
unset XDG_CONFIG_HOME XDG_STATE_HOME COFFER_KEYS COFFER_AUDIT
if [ -n "$name" ] && [ -e "$work/here/$name/env" ]; then
    # shellcheck disable=SC1090 # its name is known when it is there
    . "$work/here/$name/env"
fi
sh -eux "$work/script"
