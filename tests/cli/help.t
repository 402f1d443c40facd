# SPDX-License-Identifier: Apache-2.0
# Help: each command has one, and it names what the command does.
ok coffer
prints 'Usage: coffer COMMAND'
prints 'Examples:'
cp "$OUT" overview
for call in --help -h help; do
    ok coffer $call
    same "$OUT" overview
done
for command in keygen seal open check inspect sign verify key rewrap rekey secret audit backup convert hash digest trust sign+encrypt decrypt+verify encrypt+sign verify+decrypt encrypt decrypt doctor completion version help; do
    grep -q "^  $command " overview || fail "$command is not in the overview"
    ok coffer help $command
    prints "Usage: coffer $command"
    cp "$OUT" page
    awk 'length > 80' page | grep -v '^  coffer' && fail "$command: a line is too wide"
    ok coffer $command --help
    same "$OUT" page
    ok coffer $command -h
done
! grep -q _man overview || fail "what is hidden is shown"
ok coffer help seal
for word in --kek --context --record-size COFFER_KEYS passphrase: keyring: recipient:; do
    prints "$word"
done
ok coffer help keys
for form in file:PATH keyring:NAME passphrase: recipient: awskms:// azurekms:// gcpkms:// hashivault:// vaultkv:// pkcs11:; do
    prints "  $form"
done
awk 'length > 80' "$OUT" | grep . && fail "help keys: a line is too wide"
expect_err USAGE coffer help sael
says 'did you mean coffer help seal?'
ok coffer version
prints 'coffer 0.'
cp "$OUT" version
ok coffer --version
same "$OUT" version
ok coffer version --json
prints '"version":"0.'
