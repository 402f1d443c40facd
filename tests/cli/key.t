# SPDX-License-Identifier: Apache-2.0
# key lists, shows, imports, exports and removes; secrets are never printed.
ok coffer key list
says 'coffer keygen'
ok coffer keygen
ok coffer keygen deploy --kind x25519
recipient=$(cat "$OUT")
ok coffer key list
[ "$(wc -l <"$OUT")" -eq 2 ] || fail "two keys, two lines"
prints default
ok coffer key list --json
prints '"recipient":"recipient:coffer1'
ok coffer key show default
prints 'aes, seals and opens'
ok coffer key show "$recipient"
prints 'cannot open'
ok coffer key show --json keyring:deploy
prints '"kind":"x25519"'
expect_err NOTFOUND coffer key show nobody

ok coffer key export-public deploy
[ "$(cat "$OUT")" = "$recipient" ] || fail "another public key"
expect_err KEY coffer key export-public default
says '--kind x25519'

ok coffer key import anna "$recipient"
ok coffer key show anna
prints 'cannot open'
ok coffer keygen -o file.key
ok coffer key import mine file:file.key
expect_err EXISTS coffer key import mine file:file.key
expect_err USAGE coffer key import mine2 file.key
says 'file:PATH'

ok coffer key remove anna
expect_err NOTFOUND coffer key remove anna
expect_err NOTFOUND coffer key show anna
expect_err USAGE coffer key remove file:file.key
[ -e file.key ] || fail "it removed a file"

# the group itself
ok coffer key
prints 'coffer key export-public'
expect_err USAGE coffer key lsit
says 'did you mean coffer key list?'
