# SPDX-License-Identifier: Apache-2.0
# A folder where a file was expected, the other way round, and things that are neither.
make_model model
ok coffer keygen -o key
ok coffer seal model -o sealed --kek file:key
ok coffer seal model/config.json -o one.coffer --kek file:key
mkdir folder
printf x >file

expect_exit 7 coffer check sealed --kek file:folder
expect_exit 10 coffer seal model/config.json -o folder --kek file:key
expect_exit 10 coffer seal model -o file --kek file:key
expect_exit 10 coffer open one.coffer -o folder --kek file:key
expect_exit 10 coffer open sealed -o file --kek file:key
expect_exit 10 coffer open one.coffer --range 0:1 -o folder --kek file:key
expect_err FILESET coffer check folder --kek file:key
[ "$(cat file)" = x ] && rmdir folder || fail "something was written"

# the input is the output, by any spelling
expect_exit 2 coffer seal model -o model --kek file:key
expect_exit 2 coffer seal model -o model/../model --kek file:key
expect_exit 2 coffer seal model -o model/inside --kek file:key
expect_exit 2 coffer seal model/config.json -o model/config.json --force --kek file:key
ln model/config.json hardlink
expect_exit 2 coffer seal model/config.json -o hardlink --force --kek file:key
rm hardlink
expect_exit 2 coffer open one.coffer -o ./one.coffer --force --kek file:key
ok coffer check one.coffer --kek file:key

mkfifo fifo
expect_exit 2 timeout 10 coffer seal fifo -o out --kek file:key
expect_exit 2 timeout 10 coffer check fifo --kek file:key
expect_exit 7 timeout 10 coffer check sealed --kek file:fifo
