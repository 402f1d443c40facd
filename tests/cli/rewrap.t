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

expect_err USAGE coffer rewrap sealed
says '--add KEY'
expect_err USAGE coffer rewrap
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

# without a change: wrapped anew for the same key
ok coffer inspect one.coffer --json
cp "$OUT" before
ok coffer rewrap one.coffer --kek file:b --json
prints '"changes":[{"change":"renew","kind":"aes"'
prints '"way":"here"'
says 'through this machine'
ok coffer inspect one.coffer --json
! cmp -s "$OUT" before || fail 'nothing was wrapped anew'
ok coffer check one.coffer --kek file:b
expect_err NOKEY coffer rewrap one.coffer --kek file:a
ok coffer rewrap one.coffer --kek file:b --before 1d
says 'nothing had to change'
expect_err USAGE coffer rewrap one.coffer --kek file:b --before yesterday
says '2026-01-31'

# many: a folder, a list, names of all kinds; what is hidden is found, what is no model is not
mkdir -p "tree/a b/ü" tree/.hidden tree/none
for m in tree/one.coffer "tree/a b/zwei, drei.coffer" "tree/a b/ü/mo del" tree/.hidden/m.coffer tree/other; do
    case $m in
    *.coffer | *other) ok coffer seal model/config.json -o "$m" --kek file:a ;;
    *) ok coffer seal model -o "$m" --kek file:a ;;
    esac
done
echo text >tree/none/text
ln -s ../one.coffer tree/none/link.coffer
# what an interrupted rekey leaves beside a model is none
cp -r "tree/a b/ü/mo del" "tree/a b/ü/.mo del.coffer-new"
ok coffer rewrap --all tree --kek file:a --add file:b --remove file:a --dry-run
says 'would rewrap 5 of 5 models'
prints 'tree/a b/ü/mo del: add aes'
prints 'remove aes'
ok coffer check tree/one.coffer --kek file:a
ok coffer rewrap --all tree --kek file:a --add file:b --remove file:a --exclude other
says 'rewrapped 4 of 4 models'
says 'rekey'
ok coffer check "tree/a b/ü/mo del" --kek file:b
ok coffer check tree/.hidden/m.coffer --kek file:b
expect_err NOKEY coffer check tree/other --kek file:b
ok coffer rewrap --all tree --kek file:a --add file:b --remove file:a --json
prints '"changed":1,"settled":4,"failed":0'
ok coffer rewrap --all tree --kek file:a --add file:b --remove file:a
says '5 had nothing to change'

# a list with the line ends of Windows, in which one is named twice and one is not there
printf '\357\273\277tree/one.coffer\r\ntree/a b/zwei, drei.coffer\r\n\r\n./tree/one.coffer\r\n' >list
ok coffer rewrap --list list --kek file:b --add file:c
says 'rewrapped 2 of 2 models'
printf 'tree/one.coffer\ngone\ntree/other' >list
expect_err NOTFOUND coffer rewrap --list list --kek file:b --add file:a
says 'rewrapped 2 of 3 models'
says '1 of 3 models failed; the first: cannot open gone'
says 'the same command goes on'
printf 'a\0b\n' >list
expect_err FORMAT coffer rewrap --list list --kek file:b --add file:a
coffer rewrap --list - --kek file:b --remove file:a <<-END || fail 'a list from standard input'
	tree/one.coffer
	tree/other
	END
expect_err NOKEY coffer check tree/other --kek file:a

# a damaged one does not stop the others, nor does one that vanishes or one of somebody else
flip tree/one.coffer 100
ok coffer keygen -o d
ok coffer seal model -o tree/zz --kek file:d
expect_exit 5 coffer rewrap --all tree --kek file:b --add file:a --json
prints '"changed":4,"settled":0,"failed":2'
prints '"name":"NOKEY"'
says '2 of 6 models failed; the first: tree/one.coffer'
flip tree/one.coffer 100
ok coffer rewrap --all tree --kek file:d
says '5 had nothing to change'
expect_err NOTFOUND coffer rewrap --all nowhere --kek file:b --add file:a
expect_err NOTFOUND coffer rewrap --all tree/none --kek file:b --add file:a
expect_err FORMAT coffer rewrap --all tree/none/text --kek file:b --add file:a
expect_err USAGE coffer rewrap tree/one.coffer --kek file:b --exclude x
expect_err USAGE coffer rewrap --all --kek file:b --add file:a

# dates: what was wrapped since is left
ok coffer rewrap --all tree --kek file:b --before 1h
says 'rewrapped 0 of 6 models'
ok coffer rewrap --all tree --kek file:b --before 2100-01-01
says 'rewrapped 5 of 6 models'
