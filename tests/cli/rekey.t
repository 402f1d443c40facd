# SPDX-License-Identifier: Apache-2.0
# rekey: a new data key; nothing of the old ciphertext stays.
make_model model
ok coffer keygen -o a
ok coffer keygen -o b
ok coffer seal model -o sealed --kek file:a
cp sealed/config.json.coffer old
ok coffer rekey sealed --kek file:a --to file:b --json
prints '"files":3'
expect_err NOKEY coffer check sealed --kek file:a
ok coffer open sealed -o back --kek file:b
same model back
! cmp -s sealed/config.json.coffer old || fail "the payload is the same"
ok coffer rekey sealed --kek file:b
ok coffer check sealed --kek file:b
expect_err USAGE coffer rekey sealed
says '--to KEY'
ok coffer seal model/weights.bin -o one.coffer --kek file:a
ok coffer rekey one.coffer --kek file:a --to file:b
ok coffer open one.coffer -o one --kek file:b
same one model/weights.bin

# many: small ones side by side, a larger one with all threads
mkdir -p "tree/in here"
ok coffer seal model -o "tree/in here/m" --kek file:b
ok coffer seal model/config.json -o tree/c.coffer --kek file:b
head -c 6000000 /dev/urandom >large
ok coffer seal large -o tree/large.coffer --kek file:b
ok coffer keygen -o c
ok coffer seal model/config.json -o tree/zz --kek file:c
cp tree/c.coffer kept
ok coffer rekey --all tree --kek file:b --kek file:c --to file:a --dry-run
says 'would rekey 4 of 4 models'
prints 'tree/large.coffer: through this machine'
same tree/c.coffer kept
expect_err NOKEY coffer rekey --all tree --kek file:b --to file:a
says 'rekeyed 3 of 4 models'
says 'the same command with --before 20'
ok coffer check "tree/in here/m" --kek file:a
ok coffer open tree/large.coffer -o large.back --kek file:a
same large large.back
expect_err NOKEY coffer check tree/large.coffer --kek file:b
# it goes on: what was rekeyed since is left, what is not for these keys too
ok coffer rekey --all tree --kek file:a --kek file:c --to file:a --before 1h --json
prints '"changed":0,"settled":4,"failed":0'
ok coffer rekey --all tree --kek file:a --kek file:c --to file:a --before 2100-01-01 --exclude '*.coffer'
says 'rekeyed 2 of 2 models'
ok coffer check tree/zz --kek file:a
ok coffer rekey tree/zz --kek file:a --dry-run
says 'would rekey 1 of 1 model'
expect_err USAGE coffer rekey --kek file:a

# who may read a model may still read it
umask 077
chmod 755 "tree/in here/m" "tree/in here/m/sub" && chmod 644 "tree/in here/m/coffer.json" "tree/in here/m/sub/empty.coffer" tree/c.coffer
ok coffer rekey --all tree --kek file:a
ok coffer rewrap --all tree --kek file:a
for path in "tree/in here/m" "tree/in here/m/sub"; do
    [ "$(stat -c %a "$path")" = 755 ] || fail "$path became $(stat -c %a "$path")"
done
for path in "tree/in here/m/coffer.json" "tree/in here/m/sub/empty.coffer" tree/c.coffer; do
    [ "$(stat -c %a "$path")" = 644 ] || fail "$path became $(stat -c %a "$path")"
done
