# SPDX-License-Identifier: Apache-2.0
# run: a program on an opened model.  (tests/load/test_run.py has who sees it, and how it ends.)
make_model model
ok coffer keygen
ok coffer seal model -o "m ä.sealed"
ok coffer seal model/weights.bin -o w.coffer
export COFFER_MODEL_FILE=another

# the folder, the file, and names
ok coffer run --model "m ä.sealed" -- sh -c 'cp -rL "$1" back && printf %s "${COFFER_MODEL_FILE-none}|$COFFER_MODEL"' sh '{model}'
same back model
prints 'none|/'
prints '/m ä'
ok coffer run -m w.coffer -- cmp '{file}' model/weights.bin
ok coffer run -m w.coffer=first -m "m ä.sealed=second" -- sh -c 'cmp "$1" "$2/weights.bin" && cmp "$1" "$COFFER_MODEL_FILE"' sh '{file:first}' '{model:second}'
ok coffer run -m w.coffer --verbatim -- printf %s '{file}{model:x}'
[ "$(cat "$OUT")" = '{file}{model:x}' ] || fail "--verbatim"
cp w.coffer w=x.coffer
ok coffer run -m w=x.coffer -- true

# the program's own options, streams and exit code
ok coffer run -m w.coffer -- printf '%s.' --model -q -- --help ''
[ "$(cat "$OUT")" = '--model.-q.--.--help..' ] || fail "an argument was taken"
expect_exit 77 coffer run -m w.coffer -- sh -c 'exit 77'
expect_exit 143 sh -c 'coffer run -m w.coffer -- sh -c "kill -TERM \$\$"'
printf 'through it' | coffer run -m w.coffer -- cat >back2
[ "$(cat back2)" = 'through it' ] || fail "standard input"
expect_exit 3 sh -c 'coffer run -m w.coffer -- sh -c "exit 3" <&- >&- 2>&-'

# what is refused before anything is opened, by a key that would not open it
ok coffer keygen -o other
expect_err NOTFOUND coffer run -m w.coffer --kek file:other -- no-such-program
says 'no folder of PATH'
expect_err NOTFOUND coffer run -m w.coffer --kek file:other -- ./nothing
expect_err PERM coffer run -m w.coffer --kek file:other -- ./other
expect_err PERM coffer run -m w.coffer --kek file:other -- .//model
expect_err USAGE coffer run -m w.coffer --kek file:other -- true '{model:y}'
says '--verbatim'
expect_err USAGE coffer run -m "m ä.sealed" --kek file:other -- true '{file}'
says '{model}/FILE'
expect_err NOTFOUND coffer run -m nothing -- true
expect_err NOTFOUND coffer run -m nothing=x -- true
expect_err SPACE coffer run -m w.coffer --kek file:other --size 1M -- true
says '--size allows 1.0 MiB'
expect_err NOKEY coffer run -m w.coffer --kek file:other -- true

# the command line
expect_err USAGE coffer run
expect_err USAGE coffer run -m w.coffer
expect_err USAGE coffer run -- true
says '--model SEALED'
expect_err USAGE coffer run -m w.coffer true
says 'put -- in front of the program'
expect_err USAGE coffer run -m w.coffer --json -- true
expect_err USAGE coffer run -m w.coffer -m w.coffer -- true
says 'two models are called w'
expect_err USAGE coffer run -m w.coffer= -- true
expect_err USAGE coffer run -m w.coffer=.. -- true
expect_err USAGE coffer run -m w.coffer=a/b -- true
expect_err USAGE coffer run -m w.coffer -m "m ä.sealed" --name x -- true
expect_err USAGE coffer run -m w.coffer -- ''

# damaged, unsigned, with code: never started
cp w.coffer bad.coffer
flip bad.coffer 1500000
expect_err AUTH coffer run -m bad.coffer -- touch started
ok openssl ecparam -name prime256v1 -genkey -noout -out sign.key
ok openssl ec -in sign.key -pubout -out sign.pub
expect_err POLICY coffer run -m w.coffer --verify-key sign.pub -- touch started
expect_err POLICY coffer run -m w.coffer --verify -- touch started
says 'coffer trust add'
mkdir code && echo 'import os' >code/model.py
ok coffer seal code -o code.sealed
expect_err POLICY coffer run -m code.sealed -- touch started
says 'model.py carries code'
absent started
ok coffer run -m code.sealed --allow-code -- cat '{model}/model.py'
prints 'import os'
ok coffer sign key w.coffer --private-key sign.key
ok coffer run -m w.coffer --verify --verify-key sign.pub -- true
