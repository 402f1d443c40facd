# SPDX-License-Identifier: Apache-2.0
# keygen makes keys of both kinds, in a file or in the keyring, and never overwrites one.
ok coffer keygen
says "$HOME/.config/coffer/keys/default"
[ ! -s "$OUT" ] || fail "an aes key has nothing to print"
expect_err EXISTS coffer keygen
ok coffer keygen team --kind aes
ok coffer keygen --kind x25519 deploy
grep -qx 'recipient:coffer1[0-9a-z]*' "$OUT" || fail "no public key"
ok coffer keygen -o file.key
[ "$(stat -c %a file.key)" = 600 ] || fail "others can read the key"
[ "$(stat -c %a .config/coffer/keys)" = 700 ] || fail "others can list the keys"
cp file.key before
expect_err EXISTS coffer keygen -o file.key
same file.key before
expect_err USAGE coffer keygen --kind des
says 'aes x25519'
expect_err USAGE coffer keygen name -o file2
expect_err USAGE coffer keygen ../escape
expect_err NOTFOUND coffer keygen -o no/such/folder/key

ok coffer keygen --json other
prints '"name":"other"'
prints '"kind":"aes"'
prints '"secret":true'

# the folder can be elsewhere
ok env COFFER_KEYS="$PWD/else where" coffer keygen
[ -d 'else where' ] || fail "COFFER_KEYS has no effect"
ok env XDG_CONFIG_HOME="$PWD/xdg" coffer keygen
[ -d xdg/coffer/keys ] || fail "XDG_CONFIG_HOME has no effect"
