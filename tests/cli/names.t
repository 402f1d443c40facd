# SPDX-License-Identifier: Apache-2.0
# Spaces, Unicode, dashes and long names.
mkdir -p 'my model/ünter ordner'
printf 1 >'my model/a b  c.bin'
printf 2 >'my model/ünter ordner/模型 🦙.bin'
printf 3 >'my model/--kek'
printf 4 >"my model/-"
printf 5 >"my model/$(printf 'x%.0s' $(seq 240))"
ok coffer keygen -o 'my key ü'
ok coffer seal 'my model' -o 'my sealed ü' --kek 'file:my key ü' --name 'Ünïcode 模型'
ok coffer inspect 'my sealed ü'
prints 'Ünïcode 模型'
prints 'ünter ordner/模型 🦙.bin'
ok coffer open 'my sealed ü' -o 'my copy' --kek 'file:my key ü'
same 'my model' 'my copy'
ok coffer open 'my sealed ü' --file 'ünter ordner/模型 🦙.bin' -o - --kek 'file:my key ü'
[ "$(cat "$OUT")" = 2 ] || fail "another file"
cd 'my model'
ok coffer seal --kek 'file:../my key ü' -- --kek
ok coffer seal ./- -o ../dash.coffer --kek 'file:../my key ü'
cd ..
ok coffer check 'my model/--kek.coffer' --kek 'file:my key ü'

# one that cannot be sealed is named, as far as it can be shown
mkdir odd
printf 6 >"odd/$(printf 'a\tb\377')"
expect_err USAGE coffer seal odd -o odd.sealed --kek 'file:my key ü'
says 'odd cannot be sealed: path «a?b?» is not UTF-8 or has control characters'
