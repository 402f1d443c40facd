# SPDX-License-Identifier: Apache-2.0
# key status: which keys models depend on, how long, and what is overdue; it needs no key.
make_model model
ok coffer keygen -o a
ok coffer keygen -o b --kind x25519
mkdir -p tree/deeper
ok coffer seal model -o tree/deeper/m --kek file:a --kek file:b
ok coffer seal model/config.json -o tree/c.coffer --kek file:a
rm a b
ok coffer key status tree
prints 'tree/c.coffer  generation 1'
prints '  aes '
prints '  x25519 '
prints ', wrapped 20'
says '2 models'
ok coffer key status tree --max-age 1d
says '2 models, 0 overdue'
sleep 1.1
expect_err POLICY coffer key status tree/c.coffer --max-age 0s
prints ', OVERDUE'
says '1 of 1 models depend on a wrap that is older than 0s'
expect_exit 6 coffer key status tree tree/deeper --max-age 0s --json
prints '"models_seen":2,"overdue":2,"rewrap_due":0,"failed":0'
prints '"overdue":true'
expect_err USAGE coffer key status tree --max-age soon
expect_err USAGE coffer key status
says 'needs a folder'
expect_err NOTFOUND coffer key status model
expect_err NOTFOUND coffer key status nothing
printf 'tree/c.coffer\n' >list
ok coffer key status --list list
says '1 model'
expect_err USAGE coffer key status --list list --exclude c.coffer
says 'found in a folder'

# one that cannot be read is said, and the others are shown
head -c 4096 tree/c.coffer >tree/cut.coffer
expect_err FORMAT coffer key status tree
prints 'tree/c.coffer  generation 1'
says 'tree/cut.coffer'
says '1 of 3 models could not be read'
expect_exit 5 coffer key status tree --json
prints '"failed":1'

# keys of one's own have no versions
ok coffer keygen -o a
expect_err USAGE coffer key rotate file:a
says 'make a new key'
expect_err USAGE coffer key rotate default
says 'coffer keygen'
expect_err USAGE coffer key rotate
