#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run the scenarios of the command.
#
# usage: tests/cli/run.sh COFFER [NAME...]
#
# Each tests/cli/NAME.t is a piece of sh, run with `set -eu` in a new folder that is also HOME, with COFFER in PATH as coffer.
# It passes when it comes to its end.  What a scenario printed is shown when it fails.  The last line counts.

here=$(cd "$(dirname "$0")" && pwd)
coffer=$(realpath "${1:?usage: tests/cli/run.sh COFFER [NAME...]}")
[ -x "$coffer" ] || { echo "$coffer is not built (make)" && exit 2; }
shift

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/bin" && ln -s "$coffer" "$work/bin/coffer"
PATH=$work/bin:$PATH
unset COFFER_KEYS COFFER_AUDIT XDG_CONFIG_HOME XDG_STATE_HOME
export PATH LC_ALL=C.UTF-8 OUT="$work/out" ERR="$work/err"

# ---- what scenarios may use ----

fail() {
    printf 'FAILED: %s\n' "$*"
    printf -- '--- stdout\n'
    head -c 2000 "$OUT" | tr -c '\n -~' '?'
    printf -- '--- stderr\n'
    head -c 2000 "$ERR"
    exit 1
}

# skip REASON: leave the scenario
skip() {
    printf '%s\n' "$*"
    exit 77
}

# has_terminal: whether script(1) can make one; a bare chroot has no /dev/pts
has_terminal() {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null
}

# expect_exit N COMMAND...: it ends with N; what it printed is in $OUT and $ERR
expect_exit() {
    wanted=$1
    shift
    got=0
    "$@" >"$OUT" 2>"$ERR" </dev/null || got=$?
    [ "$got" -eq "$wanted" ] || fail "«$*» ended with $got, not $wanted"
}

ok() {
    expect_exit 0 "$@"
}

# exit_of NAME: the frozen table; docs/exit-codes.md is for people
exit_of() {
    case $1 in
    OTHER | NOMEM | INTERNAL | SELFTEST) echo 1 ;;
    USAGE | RANGE) echo 2 ;;
    NOTFOUND) echo 3 ;;
    PERM) echo 4 ;;
    AUTH | FORMAT | UNSUPPORTED | PLAIN | FILESET) echo 5 ;;
    SIGNATURE | POLICY) echo 6 ;;
    KEY | NOKEY | REFUSED | UNAVAILABLE) echo 7 ;;
    NET) echo 8 ;;
    ATTEST) echo 9 ;;
    EXISTS | SEALED | CHANGED | BUSY | ROLLBACK) echo 10 ;;
    RATE) echo 11 ;;
    IO | SPACE) echo 12 ;;
    INTERRUPTED) echo 130 ;;
    *) echo "no error is called $1" >&2 && exit 1 ;;
    esac
}

# expect_err NAME COMMAND...: it fails with that name at the end of the last line, and with its exit code
expect_err() {
    error=$1
    shift
    expect_exit "$(exit_of "$error")" "$@"
    last=$(tail -n 1 "$ERR")
    case $last in
    "coffer: "*" [$error]") ;;
    *) fail "«$*» does not end with [$error]" ;;
    esac
}

# says TEXT: standard error of the last command has it; prints TEXT: standard output has
says() {
    grep -qF -e "$1" "$ERR" || fail "standard error does not say «$1»"
}

prints() {
    grep -qF -e "$1" "$OUT" || fail "standard output does not have «$1»"
}

# same A B: two files or folders are equal
same() {
    diff -r "$1" "$2" >/dev/null || fail "$1 and $2 differ"
}

absent() {
    [ ! -e "$1" ] || fail "$1 should not be there"
}

# make_model DIR: a small model with what is easily forgotten
make_model() {
    mkdir -p "$1/sub"
    head -c 2500000 /dev/urandom >"$1/weights.bin"
    printf '{"model_type":"test"}\n' >"$1/config.json"
    : >"$1/sub/empty"
}

# flip FILE OFFSET: change one bit of one byte
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# ---- run them ----

run_one() {
    mkdir "$work/té st" && cd "$work/té st" || exit 1
    HOME=$PWD
    export HOME
    : >"$OUT"
    : >"$ERR"
    set -eu
    # shellcheck disable=SC1090 # one of many
    . "$here/$1.t"
}

[ $# -gt 0 ] || for t in "$here"/*.t; do
    set -- "$@" "$(basename "$t" .t)"
done
passed=0 failed=0 skipped=0
for name; do
    status=0
    (run_one "$name") >"$work/log" 2>&1
    status=$?
    case $status in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) && echo "skip: $name: $(tail -n 1 "$work/log")" ;;
    *) failed=$((failed + 1)) && echo "FAIL: $name ($status)" && sed 's/^/    /' "$work/log" ;;
    esac
    chmod -R u+rwx "$work/té st"
    rm -rf "$work/té st"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
