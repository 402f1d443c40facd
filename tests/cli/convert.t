# SPDX-License-Identifier: Apache-2.0
# Encrypted files of other programs: those that Python's cryptography writes open here, and those written here open there.
python3 -c 'import cryptography' 2>/dev/null || skip 'python3-cryptography is not installed'
py=$here/../interop/foreign.py
make_model m
head -c 32 /dev/urandom >raw.key
head -c 32 /dev/urandom >other.key
ok coffer keygen -o seal.key
metadata='{"name": "ll\u00e4ma \ud83e\udd99", "n": [1, 2.5, 1e-7, true, null], "a/b": "x\ty"}'
cp m/weights.bin plain

opens() { # FORMAT FILE OPTION...: it opens to plain and converts to a sealed file that does, and with another key does neither
    form=$1 file=$2
    shift 2
    rm -f back c.coffer
    ok coffer open "$file" --from "$form" --kek file:raw.key "$@" -o back
    same plain back
    ok coffer convert "$file" --from "$form" --to coffer --kek file:raw.key --to-kek file:seal.key "$@" -o c.coffer
    rm -f back
    ok coffer open c.coffer --kek file:seal.key -o back
    same plain back
    [ "$form" != aes-cbc ] || return 0 # without a tag another key gives garbage
    expect_err AUTH coffer open "$file" --from "$form" --kek file:other.key "$@" -o never
    absent never
    expect_err AUTH coffer convert "$file" --from "$form" --to coffer --kek file:other.key --to-kek file:seal.key "$@" -o never
    absent never
}

# Python writes, coffer reads; coffer writes, Python reads, and would have written the same bytes
for size in 0 15 16 2500000; do
    head -c "$size" m/weights.bin >plain
    ok coffer seal plain -o s.coffer --kek file:seal.key --force
    for form in encmodel envmodel cnap aes-cbc; do
        python3 "$py" make "$form" raw.key plain f.enc "metadata=$metadata"
        opens "$form" f.enc
        ok coffer convert s.coffer --from coffer --to "$form" --kek file:seal.key --to-kek file:raw.key -o w.enc --force
        python3 "$py" open "$form" raw.key w.enc back
        same plain back
        ok python3 "$py" again "$form" raw.key w.enc
        opens "$form" w.enc
    done
    python3 "$py" make ibm raw.key plain f.enc
    opens ibm f.enc
done

# from one to the other, and back
for from in encmodel envmodel cnap aes-cbc ibm; do
    python3 "$py" make "$from" raw.key plain f.enc "metadata=$metadata"
    for to in encmodel envmodel cnap aes-cbc; do
        ok coffer convert f.enc --from "$from" --to "$to" --kek file:raw.key -o g.enc --force
        ok python3 "$py" again "$to" raw.key g.enc
        ok coffer open g.enc --from "$to" --kek file:raw.key -o back --force
        same plain back
    done
done
# metadata stay, as Python writes them
python3 "$py" make envmodel raw.key plain f.enc "metadata=$metadata"
ok coffer convert f.enc --from envmodel --to envmodel --kek file:raw.key -o g.enc --force
grep -qF '"metadata": {"name": "ll\u00e4ma \ud83e\udd99", "n": [1, 2.5, 1e-07, true, null], "a/b": "x\ty"}' g.enc || fail "other metadata"

# numbers are written as Python writes them, or the associated data would differ
python3 "$py" make envmodel raw.key plain f.enc "metadata={\"n\": $(python3 "$py" numbers 300), \"m\": [0.0, -0.0, -0, 1e16, 1e15,
    123456789012345680.0, 0.0001, 0.00001, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 100.0, 9007199254740993, -5]}"
opens envmodel f.enc

# associated data
python3 "$py" make encmodel raw.key plain f.enc 'aad=model 1'
opens encmodel f.enc --aad 'model 1'
expect_err USAGE coffer open f.enc --from encmodel --kek file:raw.key -o never
says 'give them with --aad TEXT'
expect_err AUTH coffer open f.enc --from encmodel --kek file:raw.key --aad 'model 2' -o never
ok coffer convert s.coffer --from coffer --to encmodel --aad 'é' --kek file:seal.key --to-kek file:raw.key -o w.enc --force
python3 "$py" open encmodel raw.key w.enc back 'aad=é'
same plain back
python3 "$py" make encmodel raw.key plain f.enc
expect_err AUTH coffer open f.enc --from encmodel --kek file:raw.key --aad x -o never
expect_err USAGE coffer open f.enc --from cnap --kek file:raw.key --aad x -o never

# a DEK that a key service wrapped is given as it unwrapped it
head -c 32 /dev/urandom >dek
python3 "$py" make envmodel raw.key plain f.enc "metadata=$metadata" dek=dek
ok coffer open f.enc --from envmodel --kek file:dek -o back --force
same plain back
expect_err AUTH coffer open f.enc --from envmodel --kek file:raw.key -o never
says 'arn:aws:kms:eu-west-1'

# weak formats are said to be weak, with the way out
python3 "$py" make aes-cbc raw.key plain f.enc
ok coffer open f.enc --from aes-cbc --kek file:raw.key -o back --force
says 'aes-cbc has no tag'
says 'coffer convert f.enc --from aes-cbc --to coffer'
python3 "$py" make encmodel raw.key plain f.enc
ok coffer open f.enc --from encmodel --kek file:raw.key -o back --force
says 'a hash without a key'
ok coffer open f.enc --from encmodel --kek file:raw.key -o back --force --quiet
says 'a hash without a key'
! grep -q opened "$ERR" || fail "it is not quiet"
python3 "$py" make cnap raw.key plain f.enc
ok coffer open f.enc --from cnap --kek file:raw.key -o back --force
! grep -q warning "$ERR" || fail "cnap has a tag"
printf 'model\0\0' >z
python3 "$py" make aes-cbc raw.key z f.enc padding=zero
ok coffer open f.enc --from aes-cbc --kek file:raw.key -o back --force
says '11 bytes were dropped'
printf 'model' >want
same want back
ok coffer open f.enc --from aes-cbc --padding none --kek file:raw.key -o back --force
printf 'model\0\0\0\0\0\0\0\0\0\0\0' >want
same want back
expect_err AUTH coffer open f.enc --from aes-cbc --padding pkcs7 --kek file:raw.key -o never
printf 'sixteen bytes ok' >want
ok coffer seal want -o z.coffer --kek file:seal.key
for padding in pkcs7 zero none; do
    ok coffer convert z.coffer --from coffer --to aes-cbc --padding $padding --kek file:seal.key --to-kek file:raw.key -o w.enc --force
    [ $padding = none ] || ok python3 "$py" again aes-cbc raw.key w.enc padding=$padding
done
ok coffer seal z -o seven.coffer --kek file:seal.key
expect_err USAGE coffer convert seven.coffer --from coffer --to aes-cbc --padding none --kek file:seal.key --to-kek file:raw.key -o never
absent never

# one changed byte anywhere in what is authenticated, a cut, an addition
for form in encmodel envmodel cnap ibm; do
    head -c 100 m/weights.bin >plain
    python3 "$py" make "$form" raw.key plain f.enc "metadata={}"
    size=$(wc -c <f.enc)
    for off in $((size - 1)) $((size - 17)) $((size - 60)); do
        cp f.enc bad.enc
        flip bad.enc "$off"
        expect_err AUTH coffer open bad.enc --from "$form" --kek file:raw.key -o never
        absent never
    done
    for size in 0 1 7 11 12 20 40 $((size - 1)); do
        head -c "$size" f.enc >bad.enc
        expect_exit 5 coffer open bad.enc --from "$form" --kek file:raw.key -o never
        absent never
    done
    { cat f.enc && printf x; } >bad.enc
    expect_exit 5 coffer open bad.enc --from "$form" --kek file:raw.key -o never
    absent never
done
# the hash is not authenticated, and is held against the plaintext all the same
python3 "$py" make encmodel raw.key plain f.enc
at=$(grep -obaF '"plaintext_hash": "' f.enc | head -n 1 | cut -d: -f1)
byte=$(dd if=f.enc bs=1 skip=$((at + 19)) count=1 2>/dev/null)
{ [ "$byte" = 0 ] && printf 1 || printf 0; } | dd of=f.enc bs=1 seek=$((at + 19)) conv=notrunc 2>/dev/null
expect_err AUTH coffer open f.enc --from encmodel --kek file:raw.key -o never
says plaintext_hash
absent never

# what it is not is said
python3 "$py" make encmodel raw.key plain f.enc
expect_err FORMAT coffer open f.enc --from envmodel --kek file:raw.key -o never
says 'say --from encmodel'
expect_err FORMAT coffer open s.coffer --from encmodel --kek file:raw.key -o never
says 'it is a sealed file of coffer'
expect_err FORMAT coffer open plain --from cnap --kek file:raw.key -o never
expect_err NOTFOUND coffer open nothing --from cnap --kek file:raw.key -o never
expect_err EXISTS coffer open f.enc --from encmodel --kek file:raw.key -o back
expect_err USAGE coffer open f.enc --from encmodel --kek file:raw.key -o -
expect_err USAGE coffer open f.enc --from encmodel --kek file:raw.key
expect_err USAGE coffer open f.enc --from zip --kek file:raw.key -o never
expect_err USAGE coffer open f.enc --aad x --kek file:raw.key -o never
expect_err USAGE coffer open f.enc --from encmodel --range 0:4 --kek file:raw.key -o never
expect_err USAGE coffer convert f.enc --to coffer --kek file:raw.key -o never
expect_err USAGE coffer convert f.enc --from encmodel --to ibm --kek file:raw.key -o never
expect_err USAGE coffer convert s.coffer --from coffer --to coffer --kek file:seal.key -o never
expect_err KEY coffer open f.enc --from encmodel --kek file:raw.key --kek file:other.key -o never
says 'and 2 were given'
ok coffer keygen --kind x25519 -o pair.key
expect_err KEY coffer open f.enc --from encmodel --kek file:pair.key -o never
says 'of kind x25519'

# one file of a sealed folder; a model that the trust store knows
ok coffer seal m -o m.sealed --kek file:seal.key
expect_err USAGE coffer convert m.sealed --from coffer --to cnap --kek file:seal.key --to-kek file:raw.key -o never
says '--file PATH'
ok coffer convert m.sealed --file config.json --from coffer --to cnap --kek file:seal.key --to-kek file:raw.key -o w.enc --force
python3 "$py" open cnap raw.key w.enc back
same m/config.json back
ok coffer convert w.enc --from cnap --to coffer --kek file:raw.key -o w.coffer --json
prints '"output":"w.coffer"'
ok coffer check w.coffer --kek file:raw.key
