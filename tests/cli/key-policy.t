# SPDX-License-Identifier: Apache-2.0
# key policy: the text of each role, which needs no service; what cannot be is said.  What the texts do is tests/services/test_policy.py.
ok coffer key policy --provider hashivault --environment production --role loader
prints 'path "transit/decrypt/model-production-*" {'
prints 'path "transit/decrypt/model-*" {'
prints 'capabilities = ["deny"]'
ok coffer key policy --provider hashivault --environment production --role rotator
prints 'name the models with --model'
ok coffer key policy --provider hashivault --environment production --role rotator --model llama --model phi-4 --scope keys/ml
prints 'path "keys/ml/keys/model-production-phi-4/rotate" {'
prints "hashivault://model-{environment}-{name}?mount=keys/ml"
ok coffer key policy --provider awskms --environment staging --role publisher --scope eu-central-1/111122223333
prints '"Resource": "arn:aws:kms:eu-central-1:111122223333:key/*"'
prints '"kms:EncryptionContext:environment": "staging"'
ok coffer key policy --provider gcpkms --environment staging --role auditor --scope projects/p/locations/l/keyRings/r \
    --member serviceAccount:monitor@p.iam.gserviceaccount.com
prints '"members": ["serviceAccount:monitor@p.iam.gserviceaccount.com"]'
prints 'cryptoKeys/model-staging-'
vault=/subscriptions/1-2/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v
ok coffer key policy --provider azurekms --environment staging --role loader --scope $vault --model llama
prints "\"scope\": \"$vault/keys/model-staging-llama\""
prints '"AssignableScopes": ["/subscriptions/1-2/resourceGroups/g"]'

# what JSON is, every tool can read
for role in publisher loader rotator auditor; do
    for service in 'awskms' 'gcpkms --scope projects/p/locations/l/keyRings/r' "azurekms --scope $vault"; do
        # shellcheck disable=SC2086 # words
        ok coffer key policy --environment production --role $role --provider $service
        python3 -m json.tool "$OUT" >json || fail "the policy of $role in $service is no JSON"
    done
done

# any of them inside a document
ok coffer key policy --provider hashivault --environment production --role loader
cp "$OUT" plain
ok coffer key policy --provider hashivault --environment production --role loader --json
python3 -c 'import json, sys
said = json.load(open(sys.argv[1]))
assert said.pop("policy") == open("plain").read()
assert said == {"provider": "hashivault", "environment": "production", "role": "loader"}, said' "$OUT" || fail 'not the same policy'

expect_err USAGE coffer key policy --provider hashivault --environment production
says 'give --provider, --environment and --role'
expect_err USAGE coffer key policy --provider hashivault --environment production --role owner
says 'owner is no value of --role'
expect_err USAGE coffer key policy --provider pkcs11 --environment production --role loader
says 'pkcs11 is no value of --provider'
expect_err USAGE coffer key policy --provider hashivault --environment 'a"b' --role loader
expect_err USAGE coffer key policy --provider gcpkms --environment production --role loader
says '--scope projects/P/locations/L/keyRings/R'
expect_err USAGE coffer key policy --provider azurekms --environment production --role loader --scope "$vault/keys/x"
expect_err USAGE coffer key policy --provider awskms --environment production --role loader --scope eu/west
says 'ACCOUNT has 12 digits'
expect_err USAGE coffer key policy --provider awskms --environment production --role loader --model llama.3
says 'can have no key for the model llama.3'
expect_err USAGE coffer key policy --provider awskms --environment production --role loader --apply
says 'installed in Vault alone'
expect_err UNAVAILABLE env -u VAULT_ADDR -u BAO_ADDR coffer key policy --provider hashivault --environment production --role loader --apply
says 'VAULT_ADDR'
