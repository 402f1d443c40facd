# SPDX-License-Identifier: Apache-2.0
# On a terminal: no raw bytes, a question before a key is removed, and names that cannot move the cursor.
has_terminal || skip "script(1) makes no terminal here"
make_model model
ok coffer keygen
ok coffer seal model -o sealed
script -qec 'coffer open sealed --file weights.bin -o -; echo "ended $?"' /dev/null >"$OUT" </dev/null
prints 'ended 2'
prints 'raw bytes do not go to a terminal'
script -qec 'coffer open sealed --file weights.bin --range 0:10; echo "ended $?"' /dev/null >"$OUT" </dev/null
prints 'ended 2'
(sleep 0.5 && echo n) | script -qec 'coffer key remove default; echo "ended $?"' /dev/null >"$OUT"
prints 'ended 1'
ok coffer key show default
(sleep 0.5 && echo y) | script -qec 'coffer key remove default; echo "ended $?"' /dev/null >"$OUT"
prints 'ended 0'
expect_err NOTFOUND coffer key show default

evil=$(printf 'no\033[2Jthing')
expect_err NOTFOUND coffer inspect "$evil"
! grep -q "$(printf '\033')" "$ERR" || fail "an escape came through"
