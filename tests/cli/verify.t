# SPDX-License-Identifier: Apache-2.0
# verify: every verdict but one ends with another code than 0, says why, and has no word of success.
make_model model
for key in key other; do
    ok coffer keygen --kind p384 -o $key
done
ok coffer sign key --private-key key model

# refused NAME COMMAND...: in words and in JSON
refused() {
    name=$1
    expect_err "$@"
    ! grep -qi -e verified -e succe "$OUT" "$ERR" || fail "«$*» says that it is verified"
    [ ! -s "$OUT" ] || fail "«$*» has a result"
    shift
    expect_err "$name" "$@" --json
    prints '"verified":false'
    ! grep -q '"verified":true' "$OUT" || fail "«$* --json» says that it is verified"
    prints '"error":{"name":"'"$name"'"'
    expect_err "$name" "$@" --quiet
}
verify() {
    coffer verify key --public-key key.pub "$@"
}

ok verify model
says 'verified: model, 3 files, 2.4 MiB, signed by key'
[ ! -s "$OUT" ] || fail "there is no result but the code"
ok verify model --json
prints '"verified":true'
prints '"method":"key"'
prints '"findings":[]'
ok verify model --quiet
[ ! -s "$ERR" ] || fail "--quiet is not"
ok verify model --log-fingerprints
says "$(sha256sum <key.pub | cut -c 1-64)"
! grep -q 'certificate' "$ERR" || fail "a key has no certificates"
ok verify model --json
! grep -q 'fingerprints' "$OUT" || fail "a key has no certificates"
ok coffer verify pkcs11-key --public_key key.pub model
ok coffer verify model --public-key key.pub

# another signer
refused SIGNATURE coffer verify key --public-key other.pub model
says 'signed with another key'
expect_err SIGNATURE coffer verify key --public-key other.pub model --json
prints '"method":"key"'
refused NOTFOUND coffer verify key --public-key nothing model
refused KEY coffer verify key --public-key model/config.json model
refused KEY coffer verify key --public-key key model
says 'but a private key; «openssl pkey'
ok coffer keygen --kind rsa -o rsa
refused KEY coffer verify key --public-key rsa.pub model

# another signature
refused NOTFOUND coffer verify key --public-key key.pub --signature nothing model
refused FORMAT coffer verify key --public-key key.pub --signature model/config.json model
: >empty.sig
refused FORMAT coffer verify key --public-key key.pub --signature empty.sig model
sed 's/"sig":"\(.\{40\}\)A/"sig":"\1B/; t; s/"sig":"\(.\{40\}\)./"sig":"\1A/' model.sig >broken.sig
! cmp -s model.sig broken.sig || fail "the signature is not changed"
refused SIGNATURE coffer verify key --public-key key.pub --signature broken.sig model
ok coffer sign key --private-key other --signature other.sig model
refused SIGNATURE coffer verify key --public-key key.pub --signature other.sig model

# no signature, and no model
mkdir apart
(cd apart && refused NOTFOUND coffer verify key --public-key ../key.pub ../model &&
    says 'no signature model.sig here, and none in ../model; --signature FILE')
refused NOTFOUND coffer verify nothing
says 'cannot find nothing'

# another model: each kind of finding, by its name
change() {
    rm -rf changed
    cp -r model changed
}
change
flip changed/weights.bin 2400000
refused AUTH coffer verify key --public-key key.pub changed
change
flip changed/weights.bin 0
expect_err AUTH verify changed
says 'weights.bin'
expect_err AUTH verify changed --json
prints '"kind":"changed","path":"weights.bin"'
prints '"verified":false'
change
rm changed/sub/empty
refused FILESET coffer verify key --public-key key.pub changed
expect_err FILESET verify changed --json
prints '"kind":"missing","path":"sub/empty"'
change
echo >changed/.new
refused FILESET coffer verify key --public-key key.pub changed
expect_err FILESET verify changed --json
prints '"kind":"extra","path":".new"'
ok verify changed --ignore-unsigned-files
ok verify changed --ignore_unsigned_files
ok verify changed --ignore-paths changed/.new
says 'not covered: .new'
change
mv changed/config.json changed/Config.json
refused FILESET coffer verify key --public-key key.pub changed
change
ln -s weights.bin changed/link
expect_exit 5 verify changed
change
rm changed/config.json && ln -s ../model/config.json changed/config.json
got=0
verify changed >"$OUT" 2>"$ERR" || got=$?
[ $got -ne 0 ] || fail "a link out of the model is followed"
change
mkfifo changed/pipe
got=0
verify changed >"$OUT" 2>"$ERR" </dev/null || got=$?
[ $got -ne 0 ] || fail "a pipe is nothing"
refused NOTFOUND coffer verify key --public-key key.pub nothing
if [ "$(id -u)" != 0 ]; then
    change
    chmod 000 changed/config.json
    expect_err PERM verify changed
fi

# one failure is told once, and its file named once
change
echo >changed/extra
expect_err FILESET verify changed
[ "$(grep -c 'extra' "$ERR")" = 1 ] || fail "it is told twice"
change
mkfifo changed/pipe
expect_err FILESET verify changed
says 'changed is not what was signed: changed/pipe is no regular file'
[ "$(wc -l <"$ERR")" = 1 ] || fail "it is told twice"

# no more than 20 lines
change
for i in $(seq 30); do
    echo >changed/extra$i
done
expect_err FILESET verify changed
[ "$(grep -c ': extra: ' "$ERR")" = 20 ] || fail "not 20 lines"
says 'and 10 more'
expect_err FILESET verify changed --json
[ "$(grep -o '"kind":"extra"' "$OUT" | wc -l)" = 30 ] || fail "not all in JSON"

# no name of a file moves the cursor
change
: >"$(printf 'changed/\033[31mred')"
expect_err FILESET verify changed
! grep -q "$(printf '\033')" "$ERR" || fail "a name is shown as it is"

# what is missing on the command line
expect_err USAGE coffer verify key model
says '--public-key'
expect_err USAGE coffer verify sigstore model
says '--identity'
expect_err USAGE coffer verify sigstore --identity a@b.org model
says '--identity-provider'
expect_err USAGE coffer verify model --identity a@b.org --public-key key.pub
says 'one kind of signer'
expect_err USAGE coffer verify certificate --verify-at yesterday model
says '2026-01-31'
expect_err USAGE coffer verify certificate --verify-at 2026-02-30 model
expect_err NOTFOUND coffer verify model
says 'trust store'
says '--public-key'
expect_err USAGE coffer verify kye model
says 'did you mean coffer verify key?'

# the fingerprints of a chain, the signer's first
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null
    printf 'extendedKeyUsage=codeSigning\n' >usage
    openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile usage -out leaf.pem 2>/dev/null
    fingerprint() {
        openssl x509 -in "$1" -outform DER | sha256sum | cut -c 1-64
    }
    ok coffer sign certificate --private-key leaf.key --signing-certificate leaf.pem --signature chain.sig model
    ok coffer verify certificate --certificate-chain ca.pem --signature chain.sig --log-fingerprints model
    says "certificate 1 of 2: $(fingerprint leaf.pem)"
    says "certificate 2 of 2: $(fingerprint ca.pem)"
    ok coffer verify certificate --certificate-chain ca.pem --signature chain.sig --json model
    prints "\"fingerprints\":[\"$(fingerprint leaf.pem)\",\"$(fingerprint ca.pem)\"]"
    ok coffer verify certificate --certificate-chain ca.pem --signature chain.sig model
    ! grep -q 'certificate 1' "$ERR" || fail "nobody asked for fingerprints"
fi
