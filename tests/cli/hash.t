# SPDX-License-Identifier: Apache-2.0
# hash writes and reads what sha256sum does, its escapes included.
make_model model
printf 'a' >'model/back\slash'
printf 'b' >'model/new
line'
printf 'c' >'model/s p ä'
printf 'd' >model/.hidden
ok coffer hash model
cp "$OUT" sums
[ "$(wc -l <sums)" -eq 6 ] || fail "six files, six lines"
ok sha256sum -c sums
ok coffer hash --check sums
prints '\model/new\nline: OK'
ok coffer hash -c sums --quiet
[ ! -s "$OUT" ] || fail "--quiet is not"
find model -type f ! -name .hidden -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >theirs
same sums theirs
ok coffer hash model --hidden
[ "$(wc -l <"$OUT")" -eq 7 ] || fail "no hidden file"
ok coffer hash model/config.json model/sub/empty
[ "$(wc -l <"$OUT")" -eq 2 ] || fail "two files, two lines"
ok coffer hash model --json
prints '"path":"model/new\u000aline"'
ok sh -c 'coffer hash --check - <sums'

# differences
printf x >>model/config.json
expect_err AUTH coffer hash --check sums
prints 'model/config.json: FAILED'
expect_err AUTH coffer hash --check sums --json
prints '"ok":false'
prints '"error":{"name":"AUTH","exit":5'
[ "$(wc -l <"$OUT")" -eq 1 ] || fail "one document"
printf '{"model_type":"test"}\n' >model/config.json
rm model/sub/empty
expect_err NOTFOUND coffer hash --check sums
prints 'model/sub/empty: FAILED open or read'

# one that is missing does not stop the others
expect_err NOTFOUND coffer hash model/config.json nothing
prints '  model/config.json'
says nothing

printf 'nonsense\n' >bad
expect_err FORMAT coffer hash --check bad
says 'line 1 of bad'
: >none
expect_err FORMAT coffer hash --check none
expect_err NOTFOUND coffer hash --check nothing
expect_err USAGE coffer hash
expect_err USAGE coffer hash model --check sums
ln -s . model/loop
expect_err USAGE coffer hash model
mkfifo fifo
expect_err USAGE coffer hash fifo
