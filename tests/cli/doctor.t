# SPDX-License-Identifier: Apache-2.0
# doctor finds this machine fit, and a keyring that others can look into not.
ok coffer doctor
prints 'AES-256-GCM'
prints 'a changed byte was refused'
prints 'page size'
ok coffer doctor --json
prints '{"ok":true,'
absent .config
ok coffer keygen
chmod 755 .config/coffer/keys
expect_err PERM coffer doctor
prints 'bad   keyring'
says 'chmod 700'
expect_err PERM coffer doctor --json
prints '"ok":false'
prints '"error":{"name":"PERM","exit":4'
