# SPDX-License-Identifier: Apache-2.0
# Completions: correct for their shells, and complete.
expect_err USAGE coffer completion tcsh
says 'bash, zsh and fish'
for shell in bash zsh fish; do
    ok coffer completion $shell
    cp "$OUT" $shell.completion
    prints record-size
    prints export-public
    ! grep -q _man $shell.completion || fail "what is hidden is offered"
    ! command -v $shell >/dev/null || $shell -n $shell.completion
done
command -v bash >/dev/null || skip "in part: there is no bash"
ok coffer keygen team
cat >try <<'END'
compopt() { :; }
. ./bash.completion
COMP_LINE=$1 COMP_POINT=${#1}
_coffer
printf '%s\n' "${COMPREPLY[@]}"
END
# offers LINE WORD: at the end of LINE, WORD is among the candidates
offers() {
    ok bash ./try "$1"
    grep -qxF -e "$2" "$OUT" || fail "«$1» does not offer $2"
}
printf x >in.bin
offers 'coffer ' seal
offers 'coffer re' rewrap
offers 'coffer seal --ke' --kek
offers 'coffer seal ' in.bin
offers 'coffer seal in.bin --kek ' file:
offers 'coffer seal in.bin --kek ' hashivault:
offers 'coffer seal in.bin --kek file:in' in.bin
offers 'coffer seal in.bin -k keyring:t' team
offers 'coffer keygen --kind ' x25519
offers 'coffer key ' export-public
offers 'coffer key show ' team
offers 'coffer key list --js' --json
offers 'coffer completion f' fish
offers 'coffer help in' inspect
# groups that do something by default offer it, too
offers 'coffer sign ' pkcs11-key
offers 'coffer sign --sig' --signature
offers 'coffer sign in' in.bin
offers 'coffer sign key --priv' --private-key
offers 'coffer sign key --sig' --signature
offers 'coffer verify --pub' --public-key
offers 'coffer sign key --hash ' blake3
offers 'coffer sign+encrypt k' key
offers 'coffer sign+encrypt key --enc' --encryption-key
