# SPDX-License-Identifier: Apache-2.0
# seal: outputs, options and refusals.
make_model model
ok coffer keygen -o key

# the default output of a file
ok coffer seal model/config.json --kek file:key
says 'sealed 1 file, 22 bytes'
says 'model/config.json.coffer'
ok coffer inspect model/config.json.coffer
rm model/config.json.coffer
expect_err USAGE coffer seal model --kek file:key
says '--in-place'

# options that show
ok coffer seal model -o sealed --kek file:key --name llama --version 2.1 --context env=production --context stage=b \
    --record-size 64K --jobs 1 --json
prints '"files":3'
prints '"output":"sealed"'
ok coffer inspect sealed --json
prints '"name":"llama","version":"2.1"'
prints '"context":{"env":"production","stage":"b"}'
prints '"record_size":65536'
ok coffer open sealed -o back --kek file:key
same model back

# which files
ok coffer seal model -o some --kek file:key --include '*.json' --include weights.bin --exclude config.json
ok coffer inspect some --json
prints '"files":[{"path":"weights.bin"'
touch model/.hidden
ok coffer seal model -o with --kek file:key --hidden
ok coffer inspect with
prints .hidden
rm model/.hidden

# refusals, none of which leaves anything
expect_err NOTFOUND coffer seal nothing -o out --kek file:key
expect_err USAGE coffer seal model -o out --kek file:key --context noequals
says 'KEY=VALUE'
expect_err USAGE coffer seal model -o out --kek file:key --record-size 100000
expect_err USAGE coffer seal model -o out --kek file:key --record-size 32K
expect_err USAGE coffer seal model -o out --kek file:key --jobs 0
expect_err USAGE coffer seal model -o out --in-place --kek file:key
expect_err USAGE coffer seal - -o out --kek file:key
expect_err USAGE coffer seal model/config.json -o - --kek file:key
expect_err SEALED coffer seal sealed -o out --kek file:key
expect_err NOTFOUND coffer seal model -o out --kek file:nothing
expect_err NOTFOUND coffer seal model -o out
says 'coffer keygen'
absent out
ok coffer seal model -o out --kek file:key --dry-run
says 'nothing written'
absent out

# an output that is there
ok coffer seal model/config.json -o one --kek file:key
expect_err EXISTS coffer seal model/config.json -o one --kek file:key
ok coffer seal model/config.json -o one --kek file:key --force

# the key called default is the default
ok coffer keygen
ok coffer seal model -o mine
ok coffer check mine

# quiet is quiet
ok coffer seal model -o quiet --quiet
[ ! -s "$OUT" ] && [ ! -s "$ERR" ] || fail "--quiet is not"
