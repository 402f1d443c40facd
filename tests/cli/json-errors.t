# SPDX-License-Identifier: Apache-2.0
# With --json a program gets one document, also when it fails.
expect_err NOTFOUND coffer inspect nothing --json
prints '{"error":{"name":"NOTFOUND","exit":3,"message":"'
[ "$(wc -l <"$OUT")" -eq 1 ] || fail "one document"
expect_err USAGE coffer inspect --json --nonsense x
prints '{"error":{"name":"USAGE","exit":2'
expect_err USAGE coffer nonsense --json
prints '"name":"USAGE"'
expect_err NOTFOUND coffer inspect nothing
[ ! -s "$OUT" ] || fail "JSON that nobody asked for"
