# SPDX-License-Identifier: Apache-2.0
# The tensors of a sealed model are listed and open alone.
mkdir model
header='{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b/ü":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}}'
# shellcheck disable=SC2059 # the format is the length as a byte
{
    printf "$(printf '\\%03o' "$(printf %s "$header" | wc -c)")"'\0\0\0\0\0\0\0'
    printf %s "$header"
    printf 0123456789abcdefXYZ
} >model/m.safetensors
ok coffer keygen
ok coffer seal model -o sealed
ok coffer inspect sealed --tensors
prints 'a  F32  [2, 2]  16 bytes at '
prints 'b/ü  U8  [3]  3 bytes at '
prints '[safetensors]'
ok coffer inspect sealed --tensors --json
prints '"name":"a","dtype":"F32","shape":[2,2],"file":"m.safetensors"'
ok coffer open sealed --tensor b/ü
[ "$(cat "$OUT")" = XYZ ] || fail "other bytes"
ok coffer open sealed --tensor a -o a.bin
[ "$(cat a.bin)" = 0123456789abcdef ] || fail "other bytes"
expect_err NOTFOUND coffer open sealed --tensor c
says '--tensors'
expect_err USAGE coffer open sealed --tensor a --range 0:1

# without a key there is no looking inside
ok coffer inspect sealed
grep -q safetensors] "$OUT" && fail "it looked inside"
expect_err NOKEY env COFFER_KEYS="$PWD/none" coffer inspect sealed --tensors
