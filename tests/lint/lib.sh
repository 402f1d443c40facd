# SPDX-License-Identifier: Apache-2.0
# What every lint does alike: go to the root of the tree, name mistakes, end with a verdict.
# shellcheck shell=sh

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.." || exit 2
: "${BUILD:=build}"
bad=$(mktemp) || exit 2
trap 'rm -f "$bad"' EXIT

# mistake TEXT: one mistake, with its place and the way out
mistake() {
    printf '%s\n' "$*" >>"$bad"
}

# mistakes: every line of standard input is one
mistakes() {
    cat >>"$bad"
}

# needs COMMAND PACKAGE: skip this lint where it cannot run
needs() {
    command -v "$1" >/dev/null || skip "$1 is not installed (package $2)"
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# files PATTERN…: the files of the tree whose path matches one of the patterns (of case)
files() {
    find . \( -path ./.git -o -path './build*' -o -name __pycache__ \) -prune -o -type f -print | sed 's,^\./,,' | sort |
        while read -r file; do
            for pattern in "$@"; do
                # shellcheck disable=SC2254 # it is meant as a pattern
                case $file in $pattern)
                    printf '%s\n' "$file"
                    break
                    ;;
                esac
            done
        done
}

# verdict WHAT: say what was checked, or every mistake
verdict() {
    if [ -s "$bad" ]; then
        cat "$bad"
        exit 1
    fi
    printf '%s\n' "$*"
    exit 0
}
