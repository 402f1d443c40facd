# SPDX-License-Identifier: Apache-2.0
# trust binds models to their publishers; once bound, verify needs no flags and takes nobody else's signature.
unset XDG_DATA_HOME
for who in anna bob; do
    openssl ecparam -name prime256v1 -genkey -noout -out $who.key 2>/dev/null
    openssl ec -in $who.key -pubout -out $who.pub 2>/dev/null
done
mkdir llama && echo weights >llama/w

ok coffer trust list
[ ! -s "$OUT" ] || fail "an empty store prints nothing"
says 'coffer trust add'
expect_err NOTFOUND coffer trust show llama
expect_err NOTFOUND coffer trust remove llama

# a key
ok coffer trust add llama --public-key anna.pub
[ "$(stat -c %a .config/coffer/trust.d)" = 700 ] || fail "others can see the trust store"
[ "$(stat -c %a .config/coffer/trust.d/llama.json)" = 600 ] || fail "others can read a binding"
rm anna.pub # its copy is in the store
ok coffer trust show llama
prints 'method    key'
ok coffer trust show --json llama
prints '"model":"llama","method":"key","who":"key '
expect_err EXISTS coffer trust add llama --public-key bob.pub
ok coffer sign key llama --private-key anna.key --signature anna.sig
ok coffer sign key llama --private-key bob.key --signature bob.sig
ok coffer verify llama --signature anna.sig
expect_err SIGNATURE coffer verify llama --signature bob.sig

# every other model
cp -r llama granite
expect_err NOTFOUND coffer verify granite --signature bob.sig
ok coffer trust add '*' --public_key bob.pub
ok coffer verify granite --signature bob.sig
expect_err SIGNATURE coffer verify granite --signature anna.sig
expect_err SIGNATURE coffer verify llama --signature bob.sig
ok coffer trust show granite
prints 'bound as  *'
ok coffer trust list
[ "$(wc -l <"$OUT")" -eq 2 ] || fail "two bindings, two lines"
ok coffer trust remove '*'
expect_err NOTFOUND coffer verify granite --signature bob.sig

# certificates: what else lies in the file does not come along
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj '/CN=ACME models' \
    2>/dev/null
cat ca.key >>ca.pem
ok coffer trust add granite --certificate-chain ca.pem
! grep -q 'PRIVATE' .config/coffer/trust.d/granite.json || fail "a private key was copied"
ok coffer trust show granite
prints 'certificates of CN=ACME models'

# an identity
expect_err NOTFOUND coffer trust add mistral --identity a@b.org --identity-provider https://accounts.example
says 'coffer trust import'
printf '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}' >trusted_root.json
ok coffer trust add mistral --identity a@b.org --identity-provider https://accounts.example --trusted-root trusted_root.json
ok coffer trust show mistral
prints 'a@b.org (https://accounts.example)'
ok coffer trust import trusted_root.json
ok coffer trust add qwen --identity a@b.org --identity-provider https://accounts.example
ok coffer trust list --json
prints '"trusted_root":{"path":"'"$HOME"'/.config/coffer/sigstore/trusted_root.json","mirror":null'
# a binding that cannot be asked any more is no binding that is not there
rm .config/coffer/sigstore/trusted_root.json
cp -r llama qwen
expect_err POLICY coffer verify qwen --signature anna.sig

# what is not understood binds nobody
expect_err USAGE coffer trust add new
says '--public-key FILE'
expect_err USAGE coffer trust add new --public-key bob.pub --identity a@b.org
expect_err USAGE coffer trust add new --identity a@b.org
expect_err USAGE coffer trust add new --tsa-chain ca.pem
expect_err NOTFOUND coffer trust add new --public-key none.pub
expect_err FORMAT coffer trust add new --certificate-chain bob.pub
expect_err USAGE coffer trust add '' --public-key bob.pub
expect_err FORMAT coffer trust import bob.pub
echo '{"mediaType":"text/plain"}' >other.json
expect_err UNSUPPORTED coffer trust import other.json
expect_err NOTFOUND coffer trust show new

# a store that others may have written is not believed
chmod 666 .config/coffer/trust.d/llama.json
expect_err PERM coffer verify llama --signature anna.sig
expect_err PERM coffer verify granite --signature anna.sig
says 'chmod go-w'
chmod 600 .config/coffer/trust.d/llama.json
echo '{}' >.config/coffer/trust.d/broken.json
expect_err FORMAT coffer verify llama --signature anna.sig
rm .config/coffer/trust.d/broken.json
ok coffer verify llama --signature anna.sig

# updates: no network is needed to be refused
expect_err USAGE coffer trust update --mirror ftp://tuf.example
expect_err USAGE coffer trust update --mirror http://tuf.example
expect_err NOTFOUND coffer trust update --mirror https://tuf.example
says '--root FILE'
expect_err NOTFOUND coffer trust update --root none.json
expect_err FORMAT coffer trust update --root bob.pub

# the group itself
ok coffer trust
prints 'coffer trust import'
expect_err USAGE coffer trust ad
says 'did you mean coffer trust add?'
