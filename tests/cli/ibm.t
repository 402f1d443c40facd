# SPDX-License-Identifier: Apache-2.0
# The command lines of IBM's model-encryption, and the files that it wrote.
make_model m
mkdir -p m/.git m/.cache
echo ref >m/.git/HEAD
echo cached >m/.cache/x
cp -r m plain
dd if=/dev/urandom bs=1 count=32 of=aes256.bin 2>/dev/null
head -c 32 /dev/urandom >wrong.bin
openssl ecparam -name prime256v1 -genkey -noout -out key.priv
openssl ec -in key.priv -pubout -out key.pub 2>/dev/null
ok coffer keygen --kind p256 -o other

# as its README has it
sign_encrypt() {
    coffer sign+encrypt key --private_key key.priv --encryption-key aes256.bin --signature m/model.sig m/
}
decrypt_verify() {
    coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin --signature m/model.sig m/
}
refused() {
    expect_err "$@"
    ! grep -qi -e verified -e success "$OUT" "$ERR" || fail "«$*» says that it is verified"
}
is_plain() {
    rm m/model.sig
    same m plain
}

ok sign_encrypt
[ -e m/model.sig.coffer ] && [ -e m/weights.bin.coffer ] || fail "it is not sealed"
absent m/weights.bin
absent m/model.sig
same m/.git plain/.git
same m/.cache plain/.cache
refused SEALED sign_encrypt
ok decrypt_verify
says 'opened 4 files'
says 'verified: m/, 4 files'
ok decrypt_verify
! grep -q opened "$ERR" || fail "there was nothing to open"
says 'verified: m/, 4 files'
[ -e m/model.sig ] || fail "the signature is gone"

# again, with another spelling, a progress bar that nobody sees, and JSON
ok coffer sign+encrypt key --private-key key.priv --encryption_key aes256.bin --signature m/model.sig --no_use_progress_bar m
refused NOKEY coffer decrypt+verify key --public_key key.pub --encryption-key wrong.bin --signature m/model.sig m
[ -e m/weights.bin.coffer ] || fail "it was touched"
ok coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin --signature m/model.sig --use_progress_bar --json m
prints '"verified":true'

# another signer, another file: refused, with the reason, and no word of success
refused SIGNATURE coffer decrypt+verify key --public_key other.pub --encryption-key aes256.bin --signature m/model.sig m
says 'do not use it'
echo more >>m/config.json
refused AUTH decrypt_verify
cp plain/config.json m/config.json
ok decrypt_verify
echo more >>m/.cache/x
refused AUTH decrypt_verify
cp plain/.cache/x m/.cache/x
is_plain

# the other way round
encrypt_sign() {
    coffer encrypt+sign key --private_key key.priv --encryption-key aes256.bin --signature m/model.sig m
}
verify_decrypt() {
    coffer verify+decrypt key --public_key "${1:-key.pub}" --encryption-key aes256.bin --signature m/model.sig m
}
ok encrypt_sign
says 'signed 3 files'
[ -e m/model.sig ] || fail "there is no signature"
refused SIGNATURE verify_decrypt other.pub
[ -e m/weights.bin.coffer ] || fail "it was opened"
flip m/weights.bin.coffer 100000
refused AUTH verify_decrypt
[ -e m/weights.bin.coffer ] || fail "it was opened"
flip m/weights.bin.coffer 100000
refused NOKEY coffer verify+decrypt key --public_key key.pub --encryption-key wrong.bin --signature m/model.sig m
# what the signature leaves out is nobody's: opening believes it for what it lists
cp -r m left-out
mv left-out/coffer.json kept.json
rm left-out/model.sig
ok coffer sign key --private-key key.priv --signature left-out/model.sig --ignore-paths left-out/config.json.coffer \
    --ignore-paths left-out/coffer.json left-out
mv kept.json left-out/coffer.json
refused FILESET coffer verify+decrypt key --public_key key.pub --encryption-key aes256.bin --signature left-out/model.sig left-out
says 'does not cover config.json.coffer'
[ -e left-out/weights.bin.coffer ] || fail "it was opened"
# more than the model's own is as good as the caller says
cp -r m beside
echo more >beside/notes
refused FILESET coffer verify+decrypt key --public_key key.pub --encryption-key aes256.bin --signature beside/model.sig beside
ok coffer verify+decrypt key --public_key key.pub --encryption-key aes256.bin --signature beside/model.sig \
    --ignore-unsigned-files beside
# a signature among the plain files is a file like any other
cp -r plain upstream
ok coffer sign key --private-key other --signature upstream/model.sig upstream
ok coffer encrypt+sign key --private_key key.priv --encryption-key aes256.bin --signature over.sig upstream
ok coffer verify+decrypt key --public_key key.pub --encryption-key aes256.bin --signature over.sig upstream
ok coffer verify key --public-key other.pub upstream
ok verify_decrypt
refused FILESET verify_decrypt
says 'not sealed'
refused EXISTS encrypt_sign
is_plain

# no signature; a single file; a path with «/.» in it
ok coffer encrypt aes-256 --encryption-key aes256.bin m
[ -e m/config.json.coffer ] || fail "it is not sealed"
ok coffer decrypt aes-256 --encryption-key aes256.bin m --json
prints '"files":3'
same m plain
ok coffer decrypt aes-256 --encryption-key aes256.bin m
says 'open already'
ok coffer sign+encrypt key --private_key key.priv --encryption-key aes256.bin m/weights.bin
absent m/weights.bin
ok coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin m/weights.bin
ok coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin m/weights.bin
mkdir -p .hidden && cp -r plain .hidden/m
ok coffer encrypt aes-256 --encryption-key aes256.bin .hidden/m
[ -e .hidden/m/weights.bin.coffer ] || fail "a hidden folder above is no reason to leave it in the clear"
same m plain

# a name that is bound: what a method says comes before it, and without one it counts
ok coffer trust add m --public-key other.pub
ok sign_encrypt
ok decrypt_verify
rm m/model.sig
ok coffer encrypt aes-256 --encryption-key aes256.bin m
refused POLICY coffer decrypt aes-256 --encryption-key aes256.bin m
[ -e m/weights.bin.coffer ] || fail "it was opened"
ok coffer trust remove m
ok coffer decrypt aes-256 --encryption-key aes256.bin m
same m plain

# ---- what the Python tool wrote ----

hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
# enc FILE: becomes FILE.enc as IBM's program makes it
enc() {
    pad=$((16 - $(stat -c %s "$1") % 16))
    head -c 16 /dev/urandom >iv
    {
        cat "$1"
        for _ in $(seq $pad); do
            # shellcheck disable=SC2059 # the format is the byte
            printf "\\$(printf %03o $pad)"
        done
    } >padded
    openssl enc -aes-256-cfb -K "$(hex aes256.bin)" -iv "$(hex iv)" -in padded -out cipher
    cat iv cipher >both
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(hex aes256.bin)" -binary -out tag both
    cat iv tag cipher >"$1.enc"
    rm "$1"
}
enc_all() {
    for file in m/weights.bin m/config.json m/sub/empty; do
        enc $file
    done
}

ok coffer sign key --private-key key.priv --signature m/model.sig m
cp m/model.sig kept.sig
enc_all
enc m/model.sig
ok decrypt_verify
says 'opened 4 files'
says 'verified: m/, 4 files'
ok decrypt_verify
same m/model.sig kept.sig
is_plain

# a wrong key is said, and nothing happens
enc_all
refused AUTH coffer decrypt aes-256 --encryption-key wrong.bin m
says 'does not open with wrong.bin'
cp m/weights.bin.enc m/model.sig.enc
refused AUTH coffer decrypt+verify key --public_key key.pub --encryption-key wrong.bin --signature m/model.sig m
says 'does not open with wrong.bin'
rm m/model.sig.enc
refused NOTFOUND decrypt_verify
[ -e m/weights.bin.enc ] || fail "it was opened"
[ "$(find m -name '*.enc' | wc -l)" = 3 ] || fail "something happened"

# one that was changed stays what it was, and is said; the others open
flip m/config.json.enc 50
refused AUTH coffer decrypt aes-256 --encryption-key aes256.bin m
says 'm/config.json.enc'
absent m/config.json
same m/weights.bin plain/weights.bin
cp kept.sig m/model.sig
refused FILESET decrypt_verify
says 'm/config.json.enc'
flip m/config.json.enc 50
ok decrypt_verify
is_plain

# the model's own .enc file is left alone, and said
printf 'not of IBM' >m/notes.enc
head -c 80 /dev/urandom >m/vocab.enc
cp -r m own
ok coffer sign key --private-key key.priv --signature m/model.sig m
enc m/notes.enc
enc m/weights.bin
ok decrypt_verify
says 'vocab.enc'
says 'verified'
ok decrypt_verify
says 'cannot be IBM'
rm m/model.sig
same m own

# verify, then decrypt: over the .enc files
rm m/notes.enc m/vocab.enc
enc_all
ok coffer sign key --private-key key.priv --signature m/model.sig m
refused SIGNATURE verify_decrypt other.pub
[ -e m/weights.bin.enc ] || fail "it was opened"
ok verify_decrypt
says 'verified'
says 'opened 3 files'
is_plain

# what is missing
expect_err USAGE coffer sign+encrypt key --private_key key.priv m
says '--encryption-key'
expect_err USAGE coffer decrypt+verify key --encryption-key aes256.bin m
says '--public-key'
expect_err USAGE coffer decrypt+verify --encryption-key aes256.bin m
says '--identity'
expect_err NOTFOUND coffer decrypt+verify key --public_key key.pub --encryption-key nothing m
ok coffer encrypt aes-256 --encryption-key aes256.bin m
expect_err NOTFOUND coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin --signature m/none.sig m
says 'no signature m/none.sig, open or closed'
[ -e m/weights.bin.coffer ] || fail "it was opened"
ok coffer decrypt aes-256 --encryption-key aes256.bin m
expect_err NOTFOUND coffer encrypt aes-256 --encryption-key aes256.bin nothing
expect_err NOTFOUND coffer decrypt aes-256 --encryption-key aes256.bin nothing
head -c 31 aes256.bin >short.bin
expect_err KEY coffer encrypt aes-256 --encryption-key short.bin m
same m plain
for command in sign+encrypt decrypt+verify encrypt+sign verify+decrypt encrypt decrypt; do
    ok coffer help $command
    prints "Usage: coffer $command"
    prints --encryption-key
done
