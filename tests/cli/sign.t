# SPDX-License-Identifier: Apache-2.0
# sign: defaults, options in both spellings, and what is refused before a key is touched.
make_model model
mkdir -p model/.git model/.cache model/sub/.github
for hidden in model/.git/HEAD model/.gitignore model/.cache/x model/sub/.gitignore; do
    echo hidden >$hidden
done
ok coffer keygen --kind p256 -o key

ok coffer sign key --private-key key model
says 'signed 5 files'
says '→ model.sig'
ok coffer verify key --public-key key.pub model
expect_err EXISTS coffer sign key --private-key key model
says '--force'
ok coffer sign key --private_key key --signature=new.sig model --json
prints '"signature":"new.sig"'
prints '"files":5'
digest=$(sed 's/.*"digest":"\([0-9a-f]*\)".*/\1/' "$OUT")

# the digest is that of the signature, and of what is ignored nothing
ok coffer digest model
prints "sha256:$digest"
ok coffer digest model --no-ignore-git-paths
! grep -q "$digest" "$OUT" || fail "what git keeps does not count"
ok coffer digest model --no_ignore_git_paths --ignore-git-paths
prints "$digest"
ok coffer digest model --ignore-paths model/.cache --ignore_paths model/sub/.gitignore --json
prints '"files":3'
ok coffer digest model --serialization shards --shard-size 1M --hash blake2b
ok coffer digest model --hash blake3
expect_err USAGE coffer digest model --hash md5
says 'sha256 blake2b blake3'
expect_err NOTFOUND coffer digest nothing

# what is ignored at signing is not missed at verifying
ok coffer sign key --private-key key --ignore-paths model/.cache --ignore-paths model/sub/empty --signature part.sig model
says 'signed 3 files'
echo more >>model/.cache/x
ok coffer verify key --public-key key.pub --signature part.sig model
says 'not covered: .cache'
ok coffer sign key --private-key key --ignore-paths sub --signature none.sig model
says 'as in model/FILE'
expect_err AUTH coffer verify key --public-key key.pub --signature new.sig model

# every form
for how in "--serialization files --hash blake2b" "--serialization files --hash blake3" "--serialization shards --shard-size 1M" \
    "--serialization=shards --shard_size=65536 --hash=blake3"; do
    # shellcheck disable=SC2086 # words
    ok coffer sign key --private-key key --force --signature form.sig $how model
    ok coffer verify key --public-key key.pub --signature form.sig model
done

# a signature in the model is no part of it; a single file; links
ok coffer sign key --private-key key --signature model/model.sig model
mkdir elsewhere
(cd elsewhere && ok coffer verify key --public-key ../key.pub ../model)
expect_err USAGE coffer verify key --public-key key.pub model
says 'say which with --signature'
(cd model && ok coffer verify key --public-key ../key.pub .)
grep 'not covered: model.sig' "$ERR" && fail 'the signature names itself as not covered'
rm model/model.sig
ok coffer sign key --private-key key --signature one.sig model/weights.bin
ok coffer verify key --public-key key.pub --signature one.sig model/weights.bin
ln -s weights.bin model/link
expect_err USAGE coffer sign key --private-key key --signature link.sig model
ok coffer sign key --private-key key --signature link.sig --allow_symlinks model
ok coffer verify key --public-key key.pub --signature link.sig --allow-symlinks model
rm model/link

# a stream is no signature file
for method in 'key --private-key key' 'detached --private-key key' 'hmac --kek file:key'; do
    # shellcheck disable=SC2086 # words
    expect_err USAGE coffer sign $method --signature - model/weights.bin
    says 'names none'
done
expect_err USAGE coffer verify key --public-key key.pub --signature - model
absent -

# an empty model
mkdir void
expect_err USAGE coffer sign key --private-key key --signature void.sig void
absent void.sig

# hashes that were made before
ok coffer sign key --private-key key --signature old.sig model
touch -d '1 hour' old.sig
ok coffer sign key --private-key key --signature again.sig --reuse old.sig --reuse-key key.pub model
says '5 of them not read again'
ok coffer verify key --public-key key.pub --signature again.sig model
ok coffer keygen --kind p256 -o other
expect_err SIGNATURE coffer sign key --private-key key --signature third.sig --reuse old.sig --reuse-key other.pub model
expect_err USAGE coffer sign key --private-key key --signature third.sig --reuse-key other.pub model
expect_err NOTFOUND coffer sign key --private-key key --signature third.sig --reuse old.sig model
says 'give --reuse-key FILE or --reuse-chain FILE'
absent third.sig

# which method
expect_err USAGE coffer sign kye model
says 'did you mean coffer sign key?'
expect_err USAGE coffer sign card model
says 'card is not a command of coffer sign'
expect_err USAGE coffer sign --private_key key model
says 'did you mean coffer sign key?'
expect_err USAGE coffer -q sign key model
says 'options stand behind the command'
ok coffer sign
prints 'coffer sign pkcs11-key'
expect_err USAGE coffer sign key model
says '--private-key'
expect_err USAGE coffer sign certificate --private-key key model
says '--signing-certificate'
expect_err USAGE coffer sign pkcs11-key model
says '--pkcs11-uri'
expect_err NOTFOUND coffer sign key --private-key nothing --signature no.sig model
ok coffer help sign certificate
prints 'coffer sign certificate [OPTIONS] MODEL'
ok coffer sign key --help
prints '--private-key FILE'
prints '--ignore-paths'

# no secret on the command line, and none in a message
secret=s3cret-t0ken
for call in "sign key --private-key key --password $secret model" "sign key --private_key key --password= model" \
    "sign sigstore --identity-token $secret model" "sign model --identity_token $secret" "sign model --client_secret $secret" \
    "sign pkcs11-key --pkcs11-uri pkcs11:token=t?pin-value=$secret model" \
    "sign+encrypt --identity_token $secret --encryption-key key model" "seal model -o out --sign sigstore --identity-token $secret"; do
    # shellcheck disable=SC2086 # words
    expect_err USAGE coffer $call
    says 'command line'
    ! grep -q "$secret" "$ERR" || fail "«$call» repeats the secret"
done
expect_err USAGE coffer sign model --use_staging
says '--trust-config'
absent no.sig
