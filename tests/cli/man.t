# SPDX-License-Identifier: Apache-2.0
# The manual has a page for each command, with each option of its help.
mkdir man
ok coffer _man man
for command in keygen seal open check inspect sign verify key rewrap rekey hash digest trust audit sign+encrypt decrypt+verify encrypt+sign verify+decrypt encrypt decrypt doctor completion version help; do
    [ -s man/coffer-$command.1 ] || fail "no page for $command"
    ok coffer help $command
    grep -o ' --[a-z-]*' "$OUT" | sort -u | while read -r option; do
        grep -q -e "Fl -${option#--}" -e "$option" man/coffer-$command.1 || fail "coffer-$command.1 lacks $option"
    done
done
grep -q '^.Ev COFFER_KEYS\|^.It Ev COFFER_KEYS' man/coffer.1 || fail "no environment"
command -v mandoc >/dev/null || skip "in part: there is no mandoc"
mandoc -T lint man/*.1 | grep -v 'referenced manual not found' >"$OUT" || true
[ ! -s "$OUT" ] || fail "mandoc has something to say"
