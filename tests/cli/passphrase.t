# SPDX-License-Identifier: Apache-2.0
# Passphrases come from a file, a descriptor or the terminal, never from an argument.
make_model model
printf 'correct horse\nsecond line\n' >pass
ok coffer seal model -o sealed --kek passphrase:file=pass
ok coffer check sealed --kek passphrase:file=pass
# shellcheck disable=SC2016 # for the inner shell
ok sh -c 'coffer check sealed --kek passphrase:fd=3 3<pass'
printf 'wrong horse\n' >wrong
expect_exit 7 coffer check sealed --kek passphrase:file=wrong
expect_err USAGE coffer check sealed --kek 'passphrase:correct horse'
says 'never goes on the command line'
! grep -q 'correct horse' "$ERR" || fail "it repeats the passphrase"
expect_err KEY setsid -w coffer check sealed --kek passphrase:
says 'the passphrase for model; passphrase:file=PATH'
ok coffer keygen --kind p256 -o locked --passphrase-file pass
expect_err KEY setsid -w coffer sign key --private-key locked --signature none.sig model
says '--passphrase-file FILE'

has_terminal || skip "in part: script(1) makes no terminal here"
# answer N TEXT: type it when the prompt was there N times; what is typed too early is dropped, as it should be
answer() {
    tries=0
    while [ "$(grep -o 'passphrase for [^:]*: ' typescript 2>/dev/null | wc -l)" -lt "$1" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    printf "$2"
}
# on_terminal COMMAND: what it shows is in $OUT
on_terminal() {
    script -qefc "$1" typescript >/dev/null
    mv typescript "$OUT"
}

# a terminal of script(1) begins without echo when it is fed by a pipe
echo_state='printf "left %s\n" "$(stty -a | tr " ;" "\n\n" | grep -x -e "-*echo")"'

# asked twice when it is new, and again when the two differ; never shown
{ answer 1 'one\n' && answer 2 'two\n' && answer 3 'correct horse\n' && answer 4 'correct horse\n'; } |
    on_terminal 'stty echo; coffer seal model -o typed --kek passphrase:; echo "ended $?"; '"$echo_state"
prints 'They differ'
prints 'ended 0'
prints 'left echo'
! grep -q horse "$OUT" || fail "the passphrase is shown"
ok coffer check typed --kek passphrase:file=pass
answer 1 'correct horse\n' | on_terminal 'coffer check typed --kek passphrase:; echo "ended $?"'
prints 'ended 0'

# ^C at the prompt ends it and brings the echo back
answer 1 '\003' | on_terminal 'stty echo; trap : INT; coffer check typed --kek passphrase:; echo "ended $?"; '"$echo_state"
prints 'ended 130'
prints 'left echo'
