# SPDX-License-Identifier: Apache-2.0
# inspect needs no key, and says so.
make_model model
ok coffer keygen -o key
ok coffer seal model -o sealed --kek file:key --name 'A "quoted" name'
ok coffer inspect sealed
prints 'A "quoted" name'
prints '3 files in a sealed folder'
prints 'weights.bin'
prints 'aes '
says 'coffer check'
ok coffer inspect sealed --json
prints '"name":"A \"quoted\" name"'
prints '"verified":false'
prints '"directory":true'
[ "$(wc -l <"$OUT")" -eq 1 ] || fail "one document, one line"
ok coffer inspect sealed --json --kek file:key
prints '"verified":true'
ok coffer seal model/config.json -o one.coffer --kek file:key
ok coffer inspect one.coffer --json
prints '"directory":false'
expect_err FORMAT coffer inspect model/config.json
expect_err NOTFOUND coffer inspect nothing
# a file that is cut is named with its folder
cp -r sealed cut
truncate -s -1 cut/config.json.coffer
expect_err FORMAT coffer inspect cut
says 'coffer: cut/config.json.coffer is cut: '
