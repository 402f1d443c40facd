# SPDX-License-Identifier: Apache-2.0
# No permission is exit code 4, and leaves nothing.
make_model model
ok coffer keygen -o key
ok coffer seal model -o sealed --kek file:key

# a key file of coffer's own that others can read is refused, whoever asks
ok coffer keygen deploy --kind x25519
chmod 644 .config/coffer/keys/deploy*
expect_err PERM coffer check sealed --kek keyring:deploy

[ "$(id -u)" -ne 0 ] || skip "in part: root may do everything"
mkdir locked
chmod 500 locked
expect_err PERM coffer seal model/config.json -o locked/out --kek file:key
expect_err PERM coffer open sealed -o locked/out --kek file:key
chmod 000 model/weights.bin
expect_err PERM coffer seal model -o out --kek file:key
chmod 000 key
expect_err PERM coffer check sealed --kek file:key
expect_err PERM coffer hash model
