# SPDX-License-Identifier: Apache-2.0
# rewrap changes who can open, and nothing else.
make_model model
for k in a b c; do
    ok coffer keygen -o $k
done
ok coffer seal model -o sealed --kek file:a
cp sealed/weights.bin.coffer payload
ok coffer rewrap sealed --kek file:a --add file:b --add file:c
says '3 keys can open it now'
for k in a b c; do
    ok coffer check sealed --kek file:$k
done
ok coffer rewrap sealed --kek file:b --remove file:a
says 'rekey'
expect_err NOKEY coffer check sealed --kek file:a
ok coffer key show file:c --json
id=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' "$OUT")
ok coffer rewrap sealed --kek file:b --remove-id "$id" --json
prints '"recipients":1'
expect_err NOKEY coffer check sealed --kek file:c
ok coffer rewrap sealed --kek file:b --add file:c --replace
expect_err NOKEY coffer check sealed --kek file:b
ok coffer check sealed --kek file:c
ok coffer rewrap sealed --kek file:c --add file:a --dry-run
expect_err NOKEY coffer check sealed --kek file:a
same sealed/weights.bin.coffer payload

expect_err USAGE coffer rewrap sealed --kek file:c
says '--add KEY'
expect_err USAGE coffer rewrap sealed --kek file:c --replace
expect_err USAGE coffer rewrap sealed --kek file:c --remove file:c
expect_err USAGE coffer rewrap sealed --kek file:c --remove file:a
expect_err NOKEY coffer rewrap sealed --kek file:a --add file:a
ok coffer check sealed --kek file:c

# one file
ok coffer seal model/weights.bin -o one.coffer --kek file:a
ok coffer rewrap one.coffer --kek file:a --add file:b --remove file:a
ok coffer open one.coffer -o one --kek file:b
same one model/weights.bin
