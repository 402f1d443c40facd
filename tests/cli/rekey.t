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
