# SPDX-License-Identifier: Apache-2.0
# The command line: every refusal says what would have worked.
expect_err USAGE coffer seal --keks file:k in
says '--keks is not an option of seal; did you mean --kek?'
expect_err USAGE coffer seal --rec 1M in
says 'did you mean --record-size?'
expect_err USAGE coffer open --xyzzy in
says 'coffer help open'
expect_err USAGE coffer open -Z in
says 'coffer help open'
expect_err USAGE coffer sael
says 'did you mean coffer seal?'
expect_err USAGE coffer frobnicate
says 'coffer help'
expect_err USAGE coffer seal
says 'coffer help seal'
expect_err USAGE coffer seal a b
says 'coffer seal IN'
expect_err USAGE coffer seal a --kek
says 'needs a value'
expect_err USAGE coffer seal a --kek --force
says 'an option follows'
expect_err USAGE coffer seal a --force=yes
expect_err USAGE coffer seal a -o b -o c
says 'twice'
expect_err USAGE coffer mount a b --memory 1M
says '1M is no value of --memory; it takes a size from 64M to 4096T'
expect_err USAGE coffer check a --jobs 0
says '0 is no value of --jobs; it takes a whole number from 1 to 1024'
expect_err USAGE coffer check a --kek bogus:key
expect_err USAGE coffer check a --kek ''
: >my.key
expect_err USAGE coffer check a --kek my.key
says 'did you mean file:my.key?'

# «_» is as good as «-»; what model_signing has in front of the command
expect_err USAGE coffer seal a --record_size 1
says '--record-size'
ok coffer --log-level DEBUG version
ok coffer --log_level=INFO version
expect_err USAGE coffer --log-level

# no key on the command line, and none in a message
key=00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF
b64=ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=
for call in "check a --kek $key" "check a --kek hex:$key" "check a --kek $b64" "seal $key $key" "keygen $key" "key show $key" \
    "$key" "help $key" "completion $key" "seal a --jobs $key" "keygen --kind $key" "open a --range $key" \
    "seal a --kek file:k --context $key"; do
    # shellcheck disable=SC2086 # words
    expect_exit 2 coffer $call
    ! grep -qiF -e "$key" -e "$b64" "$ERR" || fail "the key is shown"
done
expect_err USAGE coffer check a --kek $key
says 'keys never go on the command line'

# the same in short, in any order
printf x >in
ok coffer keygen -qo k
ok coffer seal -qfkfile:k -oout in
ok coffer seal in --kek=file:k --out=out --force -q
ok coffer check --quiet -k file:k -- out
