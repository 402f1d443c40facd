# SPDX-License-Identifier: Apache-2.0
# seal and open in place: each file is replaced by its other form.
make_model model
cp -R model before
ok coffer keygen -o key
ok coffer seal model --in-place --kek file:key
absent model/config.json
[ -e model/config.json.coffer ] || fail "not sealed in place"
ok coffer check model --kek file:key
ok coffer open model --in-place --kek file:key
same model before
expect_err USAGE coffer open model --in-place -o elsewhere --kek file:key
