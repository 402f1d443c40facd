# SPDX-License-Identifier: Apache-2.0
# An environment: what was sealed for one is opened for no other, and a wrong variable opens nothing.
make_model model
ok coffer keygen -o a
ok coffer keygen -o b
ok coffer seal model -o prod --kek file:a --environment production
ok coffer seal model -o dev --kek file:a --context environment=development --context team=red
ok coffer seal model -o none --kek file:a
ok coffer inspect prod
prints 'environment=production'
ok coffer check prod --kek file:a
ok coffer check prod --kek file:a --environment production
for command in 'check prod' 'open prod -o out' 'rewrap prod --add file:b' 'rekey prod' 'inspect prod --kek file:a'; do
    # shellcheck disable=SC2086 # words
    case $command in
    inspect*) expect_err POLICY env COFFER_ENVIRONMENT=development coffer $command ;;
    *) expect_err POLICY coffer $command --kek file:a --environment development ;;
    esac
    says 'production'
done
absent out
# before any key is asked: there is none
expect_err POLICY coffer check prod --environment development --kek passphrase:
expect_err POLICY coffer check none --kek file:a --environment production
says 'no environment'
expect_err POLICY coffer rewrap --all . --kek file:a --add file:b --environment development
says 'rewrapped 1 of 3 models'
ok coffer check dev --kek file:b

# the variable is the default, and never less than it says
ok env COFFER_ENVIRONMENT=production coffer check prod --kek file:a
expect_err POLICY env COFFER_ENVIRONMENT=production coffer check dev --kek file:a
expect_err POLICY env COFFER_ENVIRONMENT=production coffer check none --kek file:a
expect_err USAGE env COFFER_ENVIRONMENT= coffer check prod --kek file:a
expect_err USAGE env COFFER_ENVIRONMENT=Production coffer check prod --kek file:a
expect_err USAGE env COFFER_ENVIRONMENT=production coffer check dev --kek file:a --environment development
expect_err USAGE coffer check prod --kek file:a --environment 'prod/../dev'
ok env COFFER_ENVIRONMENT=staging coffer seal model -o stage --kek file:a
ok coffer check stage --kek file:a --environment staging
expect_err USAGE coffer seal model -o x --kek file:a --environment staging --context environment=production
ok coffer seal model -o y --kek file:a --environment staging --context environment=staging
ok coffer check y --kek file:a --environment staging
absent x

# moving a model to another environment takes its key: the wrap is bound to it
sed -i 's/"environment":"development"/"environment":"production"/' dev/coffer.json
expect_err AUTH coffer check dev --kek file:a --environment production

# a pinned generation: a copy from before is not taken
cp -r prod old
ok coffer rewrap prod --kek file:a --add file:b
ok coffer check prod --kek file:a --min-generation 2
expect_err ROLLBACK coffer check old --kek file:a --min-generation 2
says 'generation 1'
expect_err ROLLBACK coffer open old -o out --kek file:a --min-generation 2
expect_err ROLLBACK coffer rewrap old --kek file:a --add file:b --min-generation 2
absent out

# one file is sealed for an environment, too
ok coffer seal model/config.json -o one.coffer --kek file:b --environment staging
ok coffer check one.coffer --kek file:b --environment staging
expect_err POLICY coffer open one.coffer -o one.json --kek file:b --environment production
absent one.json

# it is part of the path of a key, which is asked for nowhere before it is known
VAULT_ADDR=http://127.0.0.1:1 VAULT_TOKEN=none COFFER_KEY_RETRIES=0
export VAULT_ADDR VAULT_TOKEN COFFER_KEY_RETRIES
path='vaultkv://secret/model/{environment}/{name}'
expect_err USAGE coffer seal model -o k --kek "$path"
says 'the key URI wants {environment}, and model has none; seal it with --environment'
expect_err USAGE coffer seal model -o k --kek "$path" --context environment=Eu/1
says 'has one that cannot be part of it'
expect_err USAGE coffer seal model -o k --kek "$path" --environment production --name ../other
says '«../other» cannot be part of it'
expect_err USAGE coffer seal model -o k --kek 'vaultkv://secret/{Environment}/x' --environment production
says 'neither {environment} nor {name}'
expect_err UNAVAILABLE coffer seal model -o k --kek "$path" --environment production
says '127.0.0.1'
expect_err UNAVAILABLE env COFFER_ENVIRONMENT=production coffer seal model -o k --kek "$path"
# a model without one is opened by no such URI, and nor is one of another scheme's key
expect_err USAGE coffer seal model -o k --kek 'hashivault://model-{environment}-{name}' --environment production --name m.
says 'letters, digits'
absent k/coffer.json
