# SPDX-License-Identifier: Apache-2.0
# The audit log: what is written, what is refused without it, how it is read, and that damage is found.
log=.local/state/coffer/audit
make_model model
ok coffer keygen -o key
ok coffer keygen -o other
expect_err NOTFOUND coffer audit tail
ok coffer seal model -o sealed --kek file:key --version 1.5 --environment production
ok coffer open sealed -o back --kek file:key
expect_err NOKEY coffer check sealed --kek file:other
[ "$(stat -c %a $log)" = 700 ] || fail 'others may look into the folder'

# one line a record, and any JSON reader reads it
[ "$(wc -l <$log/audit.jsonl)" = 3 ] || fail 'three uses are not three records'
python3 - $log/audit.jsonl <<'END' || fail 'the lines are not what they should be'
import hashlib, json, os, sys
lines = open(sys.argv[1], 'rb').read().split(b'\n')[:-1]
records = [json.loads(line) for line in lines]
assert [r['eventName'] for r in records] == ['Wrap', 'Unwrap', 'Unwrap'], records
assert [r.get('errorCode') for r in records] == [None, None, 'NOKEY'], records
assert records[0]['prev'] == hashlib.sha256(b'coffer audit log ' + records[0]['log'].encode()).hexdigest()
assert records[1]['prev'] == hashlib.sha256(lines[0]).hexdigest()
for r in records:
    p = r['requestParameters']
    assert p['name'] == 'model' and p['version'] == '1.5' and p['environment'] == 'production', p
    assert p['model'] == os.path.join(os.getcwd(), 'sealed'), p
    assert r['userIdentity']['uid'] == os.geteuid()
END
key=$(od -An -tx1 -v key | tr -d ' \n' | head -c 64)
! grep -rqi "$key" $log || fail 'a key is in the log'

ok coffer audit tail
prints 'Unwrap'
prints 'REFUSED NOKEY: '
[ "$(wc -l <"$OUT")" = 3 ] || fail 'tail does not have three lines'
ok coffer audit tail -n 1 --json
tail -n 1 $log/audit.jsonl | cmp -s - "$OUT" || fail 'tail --json is not the last line'
ok coffer audit search --error '*'
[ "$(wc -l <"$OUT")" = 1 ] || fail 'not one refusal'
expect_err USAGE coffer audit search --event unwrap
says 'Unwrap'
expect_err USAGE coffer audit export --event Open
ok coffer audit search --event '*wrap'
ok coffer audit search --event Unwrap --model 'mod*' --actor "$(id -u)" --since 1h
[ "$(wc -l <"$OUT")" = 2 ] || fail 'not two unwraps'
ok coffer audit search --until 2001-01-01
says 'no record is like that'
ok coffer audit search --key passphrase
says 'no record is like that'
expect_err USAGE coffer audit search --since yesterday
says '2026-11-20'
ok coffer audit verify
prints 'records     3, from 1 to 3'
says 'the audit log is whole'
ok coffer audit verify --json
prints '"damage":"whole"'

# for other programs
ok coffer audit export
cmp -s "$OUT" $log/audit.jsonl || fail 'export is not the log'
ok coffer audit export --format csv -o out.csv --error NOKEY
python3 - out.csv <<'END' || fail 'this is no CSV'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
assert len(rows) == 1 and rows[0]['eventName'] == 'Unwrap' and 'no key opens it: ' in rows[0]['errorMessage'], rows
END
expect_err EXISTS coffer audit export --format csv -o out.csv
ok coffer audit export --format cef
prints 'CEF:0|coffer|coffer|'
prints 'outcome=failure reason=NOKEY'
expect_err USAGE coffer audit export --format xml
printf x >'=a|b'
ok coffer seal '=a|b' -o x.coffer --kek file:key
ok coffer audit export --format csv --model '=a|b'
prints "\"'=a|b\""
ok coffer audit export --format cef --model '=a|b'
prints 'cs2=\=a|b'

# kept elsewhere
ok coffer audit key
cp "$OUT" audit.pub
tail -n 1 $log/checkpoints.jsonl >kept
ok coffer audit verify --public-key audit.pub --checkpoint kept
expect_err KEY coffer audit verify --public-key key
expect_err FORMAT coffer audit verify --checkpoint key

# whoever verifies by hand: a checkpoint is the line without its signature, signed
if command -v openssl >/dev/null; then
    sed 's/,"signature":.*/}/' kept | tr -d '\n' >text
    sed 's/.*"signature":"\([^"]*\)".*/\1/' kept | base64 -d >signature
    openssl pkeyutl -verify -pubin -inkey audit.pub -rawin -in text -sigfile signature >/dev/null || fail 'OpenSSL does not verify it'
fi

# damage: exit 5, and the line
cp -r $log copy
sed -i '2s/production/staging/' copy/audit.jsonl
expect_err AUTH coffer audit verify copy
says 'audit.jsonl line 2: record 2 was changed'
expect_exit 5 coffer audit verify copy --json
prints '"damage":"changed","file":"audit.jsonl","line":2,"seq":2'
prints '"error":{'
cp $log/audit.jsonl copy/audit.jsonl
sed -i 2d copy/audit.jsonl
expect_err AUTH coffer audit verify copy
says 'record 2 is missing'
head -n 3 $log/audit.jsonl >copy/audit.jsonl
expect_err AUTH coffer audit verify copy
says 'were taken away'
sed -i '$d' copy/checkpoints.jsonl
ok coffer audit verify copy
expect_err AUTH coffer audit verify copy --checkpoint kept
rm -r copy

# no log, no key: nothing is opened and nothing is made
chmod 777 $log
expect_err PERM coffer open sealed -o never --kek file:key
says 'no key is used without a word in the audit log (COFFER_AUDIT says where it is, or off), and that cannot be written: '
absent never
expect_err PERM coffer seal model -o never --kek file:key
absent never/coffer.json
chmod 700 $log
mv $log away
: >$log
expect_err IO coffer open sealed -o never --kek file:key
rm $log
mv away $log
if [ -c /dev/full ]; then
    mv $log/audit.jsonl kept.jsonl
    ln -s /dev/full $log/audit.jsonl
    expect_err PERM coffer check sealed --kek file:key
    rm $log/audit.jsonl
    mv kept.jsonl $log/audit.jsonl
fi
rm -rf never
expect_err NOTFOUND env -u HOME coffer check sealed --kek file:key
says 'COFFER_AUDIT'

# elsewhere
COFFER_AUDIT=elsewhere ok coffer check sealed --kek file:key
ok coffer audit verify elsewhere
n=$(wc -l <$log/audit.jsonl)
COFFER_AUDIT=off ok coffer check sealed --kek file:key
[ "$(wc -l <$log/audit.jsonl)" = "$n" ] || fail 'off is not off'
COFFER_AUDIT=a,b expect_err USAGE coffer check sealed --kek file:key
# words that nobody means as a folder of the one they are in
for word in syslog Syslog: journal Off stderr: 'x, syslog:'; do
    COFFER_AUDIT=$word expect_err USAGE coffer check sealed --kek file:key
    absent "$word"
done
# said once
COFFER_AUDIT=/dev/null expect_err IO coffer rewrap sealed --kek file:key
[ "$(grep -c 'no key is used' "$ERR")" = 1 ] || fail 'it is said more than once'
COFFER_AUDIT=./syslog ok coffer check sealed --kek file:key
coffer audit verify syslog >/dev/null || fail 'a folder can be called so'
COFFER_AUDIT=syslog: COFFER_SYSLOG_SOCKET=nobody expect_err NOTFOUND coffer check sealed --kek file:key
COFFER_AUDIT=off ok coffer doctor
prints 'off: the use of keys is written nowhere'

# parts, and some of them taken away
export COFFER_AUDIT=parts COFFER_AUDIT_PART_SIZE=1
for _ in 1 2 3 4; do ok coffer check sealed --kek file:key; done
unset COFFER_AUDIT_PART_SIZE
[ "$(find parts -name 'audit*.jsonl' | wc -l)" = 4 ] || fail 'not four parts'
ok coffer audit verify
ok coffer audit tail -n 3
[ "$(wc -l <"$OUT")" = 3 ] || fail 'tail does not go over parts'
rm parts/audit-00000000000000000001.jsonl
expect_err AUTH coffer audit verify
says '--begins-at 2'
ok coffer audit verify --begins-at 2
rm parts/audit-00000000000000000003.jsonl
expect_err AUTH coffer audit verify --begins-at 2
unset COFFER_AUDIT

# what comes is shown as it comes
coffer audit tail --follow -n 1 >followed 2>/dev/null &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
i=0
while [ ! -s followed ] && [ $i -lt 50 ]; do
    sleep 0.1
    i=$((i + 1))
done
ok coffer check sealed --kek file:key
while [ "$(wc -l <followed)" -lt 2 ] && [ $i -lt 100 ]; do
    sleep 0.1
    i=$((i + 1))
done
kill -TERM $pid # a shell has its background processes ignore SIGINT
wait $pid && fail 'a terminated tail ended with 0' || [ $? -eq 130 ] || fail 'not 130'
[ "$(wc -l <followed)" = 2 ] || fail 'what came was not shown'

# two at once
for i in 1 2; do
    (for _ in $(seq 15); do coffer check sealed --kek file:key >/dev/null 2>&1 || exit 1; done) &
    eval "p$i=$!"
done
# shellcheck disable=SC2154 # set by eval
wait "$p1" && wait "$p2" || fail 'one of two processes could not'
ok coffer audit verify
