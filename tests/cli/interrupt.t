# SPDX-License-Identifier: Apache-2.0
# SIGTERM ends a run with 130 and says so; nohup holds.
head -c 8000000 /dev/urandom >in
ok coffer keygen -o key
ok coffer seal in -o sealed --kek file:key
mkfifo pipe

# more than a pipe holds, so the writer hangs in the middle once its first byte has come
coffer open sealed -o - --kek file:key >pipe 2>"$ERR" &
pid=$!
exec 3<pipe
head -c 1 <&3 >/dev/null
kill -TERM $pid
status=0
wait $pid || status=$?
exec 3<&-
[ $status -eq 130 ] || fail "ended with $status"
grep -q '\[INTERRUPTED\]$' "$ERR" || fail "no word of it"

# a signal that was ignored from the start stays so
(trap '' HUP && exec coffer open sealed -o - --kek file:key >pipe 2>"$ERR") &
pid=$!
exec 3<pipe
dd bs=1 count=1 <&3 >back 2>/dev/null
kill -HUP $pid
cat <&3 >>back
wait $pid || fail "nohup does not hold"
same in back
