# SPDX-License-Identifier: Apache-2.0
# secret: what is refused before any server is asked.  tests/services/test_vault.py has the rest.
ok coffer secret
prints "coffer secret get"
expect_err USAGE coffer secret put
expect_err USAGE coffer secret put vaultkv://secret/a hunter2
says 'a secret never goes on the command line'
! grep -q hunter2 "$ERR" || fail "the secret is repeated"
expect_err USAGE coffer secret put vaultkv://secret/a
says '1 to 262144 bytes'
printf x >value
for uri in secret/a file:value vaultkv:// vaultkv://secret vaultkv://secret/ vaultkv://secret/../a 'vaultkv://secret/a b' 'vaultkv://secret/a#b#c'; do
    expect_err USAGE coffer secret put "$uri" --file value
    says 'vaultkv://'
    expect_err USAGE coffer secret get "$uri"
done
expect_err USAGE coffer secret put vaultkv://secret/a --file value --latest -1
expect_err NOTFOUND coffer secret put vaultkv://secret/a --file nothing
printf '\377' >binary
expect_err USAGE coffer secret put vaultkv://secret/a --file binary
says '--binary'
expect_err USAGE coffer secret get vaultkv://secret/a --version 0
expect_err USAGE coffer secret get vaultkv://secret/a --json
says 'add -o FILE'
expect_err USAGE coffer secret delete vaultkv://secret/a#value
says 'with all of its fields'
expect_err USAGE coffer secret delete vaultkv://secret/a --undelete
expect_err USAGE coffer secret delete vaultkv://secret/a --undelete --destroy --versions 1
expect_err USAGE coffer secret delete vaultkv://secret/a --versions one
expect_err USAGE coffer secret list vaultkv://secret#a

# nobody to ask, and nobody who asks
unset VAULT_ADDR BAO_ADDR VAULT_TOKEN BAO_TOKEN COFFER_VAULT_ENDPOINT || true
expect_exit 7 coffer secret get vaultkv://secret/a
says 'there is no address of Vault'
expect_exit 7 env VAULT_ADDR=http://127.0.0.1:1 coffer secret get vaultkv://secret/a
says 'there is no token of Vault'
expect_err USAGE env VAULT_ADDR=http://vault.example VAULT_TOKEN=t coffer secret get vaultkv://secret/a
expect_err USAGE env COFFER_VAULT_AUTH=ldap coffer secret get vaultkv://secret/a
says 'COFFER_VAULT_AUTH'

# a terminal does not get to see it
has_terminal || skip "script(1) makes no terminal here"
script -qec 'coffer secret get vaultkv://secret/a; echo "ended $?"' /dev/null >"$OUT" </dev/null
prints 'ended 2'
prints 'a secret is not shown on a terminal'
script -qec 'coffer secret get --show vaultkv://secret/a; echo "ended $?"' /dev/null >"$OUT" </dev/null
prints 'ended 7'
(sleep 0.5 && echo n) | script -qec 'coffer secret delete --destroy vaultkv://secret/a; echo "ended $?"' /dev/null >"$OUT"
prints 'ended 1'
prints 'was not destroyed'
(sleep 0.5 && printf 'one\n' && sleep 0.3 && printf 'one\n') | script -qec 'coffer secret put vaultkv://secret/a; echo "ended $?"' /dev/null >"$OUT"
prints 'secret'
prints 'ended 7'
! grep -q one "$OUT" || fail "what was typed is shown"
