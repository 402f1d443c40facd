# SPDX-License-Identifier: Apache-2.0
# Sealing and signing in one pass, and opening only what somebody has signed.
make_model model
ok coffer keygen -o kek
ok coffer keygen -o kek2
for key in key other; do
    ok coffer keygen --kind p256 -o $key
done
refused() {
    expect_err "$@"
    ! grep -qi -e verified -e '^opened' -e success -e 'signatures hold' "$OUT" "$ERR" || fail "«$*» says that it is good"
    absent never
}

ok coffer seal model -o sealed --kek file:kek --sign key --name model
says 'signed and sealed 4 files'
[ -e sealed/coffer.sig ] && [ -e sealed/model.sig.coffer ] || fail "a signature is missing"
# the outer one: without a key to open, here and anywhere
ok coffer verify key --public-key key.pub sealed
says 'not covered: coffer.json'
refused SIGNATURE coffer verify key --public-key other.pub sealed
# it opens with and without asking for a signature; the inner one goes on holding
ok coffer open sealed -o one --kek file:kek
ok coffer open sealed -o two --kek file:kek --verify-key key.pub
says 'signatures hold'
same one two
ok coffer verify key --public-key key.pub two
rm two/model.sig
same two model
ok coffer check sealed --kek file:kek

# somebody else's, a damaged one, none: nothing is opened
refused SIGNATURE coffer open sealed -o never --kek file:kek --verify-key other.pub
refused SIGNATURE coffer open sealed -o never --kek file:kek --verify-key other.pub --dry-run
cp -r sealed damaged
flip damaged/weights.bin.coffer 1000000
refused AUTH coffer open damaged -o never --kek file:kek --verify-key key.pub
refused AUTH coffer verify key --public-key key.pub damaged
cp -r sealed bare
rm bare/coffer.sig
refused POLICY coffer open bare -o never --kek file:kek --verify-key key.pub
ok coffer open bare -o unsigned --kek file:kek
cp sealed/coffer.sig elsewhere.sig
ok coffer open bare -o three --kek file:kek --verify-key key.pub --signature elsewhere.sig

# who can open a model can seal another, but not sign it
ok coffer seal model -o forged --kek file:kek --sign other --name model
refused SIGNATURE coffer open forged -o never --kek file:kek --verify-key key.pub
cp -r forged mixed
cp sealed/coffer.sig mixed/coffer.sig
refused AUTH coffer open mixed -o never --kek file:kek --verify-key key.pub

# a rotation leaves the outer signature good; another sealing ends it
ok coffer rewrap sealed --kek file:kek --add file:kek2 --remove file:kek
ok coffer verify key --public-key key.pub sealed
ok coffer open sealed -o four --kek file:kek2 --verify-key key.pub

# the trust store
ok coffer trust add model --public-key key.pub
ok coffer open sealed -o five --kek file:kek2
ok coffer verify sealed
says 'bound in the trust store'
refused SIGNATURE coffer open forged -o never --kek file:kek
refused SIGNATURE coffer verify forged
ok coffer open forged -o anyway --kek file:kek --no-trust-store
refused POLICY coffer open sealed --file config.json -o never --kek file:kek2
says '--no-trust-store'
ok coffer open sealed --file config.json -o part --kek file:kek2 --no-trust-store
same part model/config.json
ok coffer verify five --name model
rm -rf plain && mkdir plain && cp -r five plain/model
ok coffer verify plain/model
echo more >>plain/model/config.json
refused AUTH coffer verify plain/model
ok coffer seal model -o stranger --kek file:kek --name stranger
ok coffer open stranger -o six --kek file:kek
expect_err NOTFOUND coffer verify stranger
ok coffer trust remove model

# a model names itself: who is bound to one name cannot offer his where another is expected
ok coffer trust add model --public-key key.pub
ok coffer trust add other --public-key other.pub
mkdir there
ok coffer seal model -o there/model --kek file:kek --sign other --name other
for option in '' '--name model'; do
    # shellcheck disable=SC2086 # none or two words
    refused POLICY coffer open there/model -o never --kek file:kek $option
    says 'calls itself other'
    # shellcheck disable=SC2086
    refused POLICY coffer verify there/model $option
    says 'calls itself other'
    # shellcheck disable=SC2086
    refused POLICY coffer open there/model --file config.json -o never --kek file:kek $option
    says 'calls itself other'
done
refused POLICY coffer open there/model -o never --kek file:kek --verify-key other.pub --name model
ok coffer open there/model -o named --kek file:kek --name other
ok coffer verify there/model --name other
refused POLICY coffer open there/model --file config.json -o never --kek file:kek --name other
says '--no-trust-store'
ok coffer open there/model -o nobody --kek file:kek --no-trust-store
ok coffer open there/model --verify-key other.pub -o given --kek file:kek
# nor can what was dropped among plain files say what they are
mkdir dropped
cp -r plain/model dropped/model
cp -r plain/model dropped/loose
ok coffer sign key dropped/loose --private-key other --signature dropped/loose/coffer.sig --ignore-paths dropped/loose/coffer.json --force
cp there/model/coffer.json dropped/loose
refused FILESET coffer verify dropped/loose
says 'no sealed model'
cp dropped/loose/coffer.* dropped/model
refused FILESET coffer verify dropped/model
ok coffer trust remove model
ok coffer trust remove other

# a single file
ok coffer seal model/weights.bin -o weights.coffer --kek file:kek --sign key
[ -e weights.coffer.sig ] || fail "there is no signature beside it"
ok coffer verify key --public-key key.pub weights.coffer
ok coffer open weights.coffer -o weights --kek file:kek --verify-key key.pub
same weights model/weights.bin
refused SIGNATURE coffer open weights.coffer -o never --kek file:kek --verify-key other.pub

# in place
cp -r model inplace
ok coffer seal inplace --in-place --kek file:kek --sign key
ok coffer verify key --public-key key.pub inplace
refused SIGNATURE coffer open inplace --in-place --kek file:kek --verify-key other.pub
[ -e inplace/weights.bin.coffer ] || fail "it was opened"
ok coffer open inplace --in-place --kek file:kek --verify-key key.pub
ok coffer verify key --public-key key.pub inplace

# the command line
expect_err USAGE coffer seal model -o out --kek file:kek --signing-certificate cert.pem
says '--sign'
expect_err USAGE coffer seal model -o out --kek file:kek --sign key --certificate-chain chain.pem
says '--signing-certificate'
expect_err NOTFOUND coffer seal model -o out --kek file:kek --sign nothing
expect_err USAGE coffer open sealed -o out --kek file:kek2 --signature sealed/coffer.sig
says '--verify-key'
expect_err USAGE coffer open sealed -o out --kek file:kek2 --identity a@b.org
says '--identity-provider'
expect_err USAGE coffer open sealed --file config.json -o out --kek file:kek2 --verify-key key.pub
says 'whole model'
absent out
