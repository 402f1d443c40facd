# SPDX-License-Identifier: Apache-2.0
# check: everything that can be wrong with a sealed model has its verdict.
make_model model
ok coffer keygen
ok coffer seal model -o sealed
ok coffer check sealed
says 'verified 3 files'
ok coffer check sealed --json
prints '"files":3'

# a fresh copy, changed by the given command, gets the given verdict and no word of being verified
verdict() {
    name=$1
    shift
    rm -rf copy
    cp -R sealed copy
    "$@"
    expect_err "$name" coffer check copy
    ! grep -q verified "$ERR" || fail "it says verified"
}
newer() {
    printf '\002' | dd of=copy/config.json.coffer bs=1 seek=9 conv=notrunc 2>/dev/null
}
plain() {
    rm copy/config.json.coffer
    cp model/config.json copy
}
verdict AUTH flip copy/weights.bin.coffer 1500000
verdict AUTH flip copy/weights.bin.coffer 100
verdict FORMAT truncate -s 2000000 copy/weights.bin.coffer
verdict FORMAT truncate -s 100 copy/config.json.coffer
verdict UNSUPPORTED newer
verdict FILESET rm copy/sub/empty.coffer
verdict FILESET cp copy/config.json.coffer copy/extra.coffer
verdict PLAIN plain
expect_err FILESET coffer check model
expect_err NOTFOUND coffer check nothing
