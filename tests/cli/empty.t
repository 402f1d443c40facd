# SPDX-License-Identifier: Apache-2.0
# 0 bytes: an empty file is a model, an empty folder is none, an empty key is none.
: >nothing
mkdir hollow
ok coffer keygen -o key
ok coffer seal nothing -o nothing.sealed --kek file:key
ok coffer check nothing.sealed --kek file:key
ok coffer open nothing.sealed -o back --kek file:key
same nothing back
ok coffer open nothing.sealed -o - --kek file:key
[ ! -s "$OUT" ] || fail "bytes from nowhere"
ok coffer open nothing.sealed --range 0:0 --kek file:key
expect_err RANGE coffer open nothing.sealed --range 0:1 --kek file:key
expect_err USAGE coffer seal hollow -o out --kek file:key
says --hidden
expect_err KEY coffer seal nothing -o out --kek file:nothing
expect_exit 5 coffer check nothing --kek file:key
