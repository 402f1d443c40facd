# SPDX-License-Identifier: Apache-2.0
# Plain signatures and tags of one file: as openssl makes and checks them.
head -c 3000000 /dev/urandom >file
ok coffer keygen -o hmac.key
ok coffer keygen -o other.key

for kind in p256 p384 p521 rsa; do
    ok coffer keygen --kind $kind -o $kind
    says "made the $kind key pair"
    [ "$(stat -c %a $kind)" = 600 ] || fail "others may read $kind"
    id=$(cat "$OUT")
    [ "$(sha256sum <$kind.pub | cut -c 1-64)" = "$id" ] || fail "$id is not the id of $kind.pub"
    expect_err EXISTS coffer keygen --kind $kind -o $kind

    # ours with openssl, and openssl's with ours
    ok coffer sign detached file --private-key $kind --signature $kind.sig
    ok openssl dgst -sha256 -verify $kind.pub -signature $kind.sig file
    openssl dgst -sha256 -sign $kind -out $kind.theirs file
    ok coffer verify detached file --public-key $kind.pub --signature $kind.theirs
    says 'verified: file'
    expect_err EXISTS coffer sign detached file --private-key $kind --signature $kind.sig
    ok coffer sign detached file --private_key $kind --signature $kind.sig --force
done

# refused, without a word of success
refused() {
    expect_err "$@"
    ! grep -qi verified "$OUT" "$ERR" || fail "«$*» says that it is verified"
    shift
    expect_exit "$(exit_of "$error")" "$@" --json
    prints '"verified":false'
    ! grep -q '"verified":true' "$OUT" || fail "«$*» says that it is verified"
}
refused SIGNATURE coffer verify detached file --public-key p256.pub --signature p384.sig
refused SIGNATURE coffer verify detached file --public-key rsa.pub --signature p256.sig
refused NOTFOUND coffer verify detached file --public-key p256.pub
refused NOTFOUND coffer verify detached file --public-key none --signature p256.sig
printf "no key\n" >nokey
refused KEY coffer verify detached file --public-key nokey --signature p256.sig
cp file changed
flip changed 1500000
refused SIGNATURE coffer verify detached changed --public-key p256.pub --signature p256.sig
: >empty
refused SIGNATURE coffer verify detached file --public-key p256.pub --signature empty
expect_err USAGE coffer verify detached file --signature p256.sig
says '--public-key'
expect_err USAGE coffer sign detached file
says '--private-key'

# an encrypted key
printf 'secret words\n' >words
ok coffer keygen --kind p256 -o locked --passphrase-file words
grep -q ENCRYPTED locked || fail "it is not encrypted"
ok coffer sign detached file --private-key locked --passphrase-file words
ok openssl dgst -sha256 -verify locked.pub -signature file.sig file
ok coffer verify detached file --public-key locked.pub
printf 'other words\n' >words
expect_err KEY coffer sign detached file --private-key locked --passphrase-file words --force
expect_err USAGE coffer sign detached file --private-key locked --password 'secret words' --force
says '--passphrase-file'
! grep -q 'secret words' "$ERR" || fail "it repeats the passphrase"
printf 'secret words\n' >words
ok coffer sign detached file --private-key locked --password file:words --force
expect_err USAGE coffer keygen --kind p256
says '-o FILE'

# tags
head -c 32 /dev/urandom >raw
ok coffer sign hmac file --kek file:raw
openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -v -tx1 raw | tr -d ' \n')" -r file | cut -c 1-64 >theirs
same file.hmac theirs
ok coffer verify hmac file --kek file:raw
says 'verified: file'
ok coffer sign hmac file --kek file:hmac.key --signature tag
ok coffer verify hmac file --kek file:hmac.key --signature tag
expect_err EXISTS coffer sign hmac file --kek file:raw
refused SIGNATURE coffer verify hmac file --kek file:other.key --signature tag
refused SIGNATURE coffer verify hmac changed --kek file:hmac.key --signature tag
refused FORMAT coffer verify hmac file --kek file:hmac.key --signature p256.sig
refused NOTFOUND coffer verify hmac file --kek file:hmac.key --signature none
expect_err USAGE coffer sign hmac file
says '--kek'
expect_err USAGE coffer sign hmac file --kek raw
says 'did you mean file:raw'
expect_err USAGE coffer sign hmac file --kek passphrase:
ok coffer keygen
ok coffer sign hmac file --kek keyring:default --signature mine --json
prints '"signature":"mine"'
