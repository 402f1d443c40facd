# SPDX-License-Identifier: Apache-2.0
# The exit code is the verdict: one call for each that a machine can bring about.  (check.t and permission.t have more of 4 and 5.)
make_model model
ok coffer keygen -o key
ok coffer keygen -o other
ok coffer seal model/weights.bin -o one.coffer --kek file:key
expect_exit 0 coffer check one.coffer --kek file:key
expect_exit 2 coffer check
expect_exit 3 coffer check nothing --kek file:key
ok coffer keygen
chmod 644 .config/coffer/keys/default*
expect_exit 4 coffer check one.coffer --kek keyring:default
expect_exit 5 coffer check model/weights.bin --kek file:key
expect_exit 7 coffer check one.coffer --kek file:other
expect_exit 10 coffer seal model/weights.bin -o one.coffer --kek file:key
if [ -c /dev/full ]; then
    for call in 'inspect one.coffer' 'open one.coffer -o - --kek file:key' 'hash model' help 'completion bash'; do
        expect_exit 12 sh -c "coffer $call >/dev/full"
    done
fi
expect_exit 12 sh -c 'coffer inspect one.coffer >&-'
expect_exit 0 sh -c 'coffer check one.coffer --kek file:key <&- >&- 2>&-'
# a reader that goes away is an error of writing, not a silent death
expect_exit 12 bash -c 'coffer open one.coffer -o - --kek file:key | head -c 1 >/dev/null; exit "${PIPESTATUS[0]}"'
