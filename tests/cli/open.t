# SPDX-License-Identifier: Apache-2.0
# open: outputs, single files, ranges and refusals.
make_model model
ok coffer keygen -o key
ok coffer keygen -o wrong
ok coffer seal model -o sealed --kek file:key
ok coffer seal model/weights.bin -o weights.coffer --kek file:key

# the default output of a file
ok coffer open weights.coffer --kek file:key
same weights model/weights.bin
expect_err EXISTS coffer open weights.coffer --kek file:key
ok coffer open weights.coffer --kek file:key --force
expect_err USAGE coffer open sealed --kek file:key
expect_err EXISTS coffer open sealed -o model --kek file:key

# which files
ok coffer open sealed -o some --kek file:key --include '*.json' --json
prints '"output":"some"'
same some/config.json model/config.json
absent some/weights.bin
ok coffer open sealed -o none --kek file:key --dry-run
absent none

# one file, to standard output and to a file
ok coffer open weights.coffer -o - --kek file:key
same "$OUT" model/weights.bin
ok coffer open sealed --file config.json -o - --kek file:key
same "$OUT" model/config.json
ok coffer open sealed --file sub/empty -o - --kek file:key
[ ! -s "$OUT" ] || fail "an empty file is empty"
ok coffer open sealed --file config.json -o one --kek file:key
same one model/config.json
expect_err EXISTS coffer open sealed --file config.json -o one --kek file:key
expect_err NOTFOUND coffer open sealed --file nothing -o - --kek file:key
expect_err USAGE coffer open sealed -o - --kek file:key
says '--file'

# ranges; the borders of records are at 1048576
range() {
    ok coffer open weights.coffer --kek file:key --range "$1"
    tail -c +"$(($2 + 1))" model/weights.bin | head -c "$3" >wanted
    same "$OUT" wanted
}
range 0:1 0 1
range 1M:16 1048576 16
range 1048570:12 1048570 12
range 100: 100 2499900
range 2499999:1 2499999 1
range 2500000:0 2500000 0
range 1K:2M 1024 2097152
ok coffer open sealed --file config.json --range 2:10 -o part --kek file:key
[ "$(cat part)" = model_type ] || fail "another range"
expect_err RANGE coffer open weights.coffer --kek file:key --range 2499999:2
expect_err RANGE coffer open weights.coffer --kek file:key --range 3M:
expect_err USAGE coffer open weights.coffer --kek file:key --range 5-7
says 'OFF:LEN'
expect_err USAGE coffer open weights.coffer --kek file:key --range -1:5
expect_err USAGE coffer open weights.coffer --kek file:key --range 0:99999999999999999999999
expect_err USAGE coffer open weights.coffer --kek file:key --range 0:1 --in-place
expect_err USAGE coffer open weights.coffer --kek file:key --range 0:1 --json
expect_err RANGE coffer open weights.coffer --kek file:key --range 3M: -o never
absent never

# wrong keys and wrong inputs
expect_err NOKEY coffer open sealed -o never --kek file:wrong
says 'aes '
expect_err NOKEY coffer open sealed -o never
says '--kek KEY gives one'
expect_err FORMAT coffer open model/weights.bin -o never --kek file:key
expect_err NOTFOUND coffer open nothing -o never --kek file:key
expect_err USAGE coffer open - -o never --kek file:key
absent never

# a changed byte is refused, and nothing is left
cp weights.coffer bad.coffer
flip bad.coffer 1500000
expect_err AUTH coffer open bad.coffer -o never --kek file:key
expect_err AUTH coffer open bad.coffer --range 1300000:200000 -o never --kek file:key
absent never
