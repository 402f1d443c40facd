# SPDX-License-Identifier: Apache-2.0
# The calls that must work for ever, as they are written in the README.
make_model model
ok coffer keygen -o key
ok coffer keygen -o key2
ok coffer seal model -o sealed --kek file:key
ok coffer check sealed --kek file:key
ok coffer inspect sealed --json
ok coffer open sealed -o back --kek file:key
same model back
ok coffer rewrap sealed --kek file:key --add file:key2 --remove file:key
expect_err NOKEY coffer check sealed --kek file:key
ok coffer check sealed --kek file:key2

ok coffer seal model/weights.bin -o one.coffer --kek file:key
ok coffer open one.coffer -o one --kek file:key
same model/weights.bin one
