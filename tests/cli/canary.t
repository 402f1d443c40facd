# SPDX-License-Identifier: Apache-2.0
# No byte of a key or passphrase, in any spelling, is written, put on a command line or into the environment.
command -v strace >/dev/null || skip "there is no strace"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
canary="canary-0123456789-abcdefghijklmn" # 32 bytes
printf %s "$canary" >key
printf '%s\n' "$canary" >pass
printf 'tiny' >in
ok coffer keygen -o other
export ASAN_OPTIONS=detect_leaks=0 # which does not go with strace

# trace NAME COMMAND...: all that it wrote and started, in full
trace() {
    name=$1
    shift
    ok strace -f -v -s 200000 -e trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,execve -o "$name.trace" "$@"
}
trace seal coffer seal in -o sealed --kek file:key --kek passphrase:file=pass --json
trace check coffer check sealed --kek file:key
trace open coffer open sealed -o - --kek passphrase:file=pass
trace rewrap coffer rewrap sealed --kek file:key --add file:other
trace show coffer key show file:key --json
cp sealed sealed2
trace wrong coffer rewrap sealed2 --kek file:key --remove file:other --json

# the key as it is, in hex and in base64 at each of its three alignments
hex=$(printf %s "$canary" | od -An -v -tx1 | tr -d ' \n')
b64=$(printf %s "$canary" | base64 -w 0)
b64_1=$(printf 'x%s' "$canary" | base64 -w 0)
b64_2=$(printf 'xx%s' "$canary" | base64 -w 0)
octal=$(printf %s "$canary" | od -An -v -to1 | tr -s ' ' '\\' | tr -d '\n')
cat >needles <<END
canary-0123456
ghijklmn
$(printf %s "$hex" | cut -c 1-24)
$(printf %s "$hex" | cut -c 40-64)
$(printf %s "$b64" | cut -c 1-20)
$(printf %s "$b64_1" | cut -c 5-24)
$(printf %s "$b64_2" | cut -c 5-24)
$(printf %s "$octal" | cut -c 1-40)
END
for t in *.trace; do
    [ "$(wc -l <"$t")" -ge 2 ] || fail "$t: nothing was traced"
    ! grep -qiF -f needles "$t" || fail "$t: $(grep -iF -f needles "$t" | head -n 1 | cut -c 1-300)"
done
# the test can fail
printf 'write(2, "%s")\n' "$canary" | grep -qiF -f needles || fail "the needles find nothing"
