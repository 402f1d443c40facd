# SPDX-License-Identifier: Apache-2.0
# backup: what goes in comes out, only what is new is read and stored, and whatever is damaged is found and said.
make_model plain
ok coffer keygen
ok coffer keygen --kind x25519 -o safe.key
recipient=$(cat "$OUT")
ok coffer keygen -o other.key
mkdir -p models/team
ok coffer seal plain -o models/team/llama
ok coffer seal plain/weights.bin -o models/one.coffer
echo 'read me' >models/team/llama/README
ok coffer keygen --kind p256 -o sign.pem
ok coffer trust add other --public-key sign.pem.pub

# ---- the store must be there, unless it is to be made ----
expect_err NOTFOUND coffer backup create models --store store --kek "$recipient"
says '--init'
mkdir plain-folder && touch plain-folder/mine
expect_err FORMAT coffer backup create models --store plain-folder --kek "$recipient"
expect_err EXISTS coffer backup create models --store plain-folder --init --kek "$recipient"
says 'mine'
expect_err USAGE coffer backup create models --store store --init
says '--kek'
expect_err USAGE coffer backup create models --kek "$recipient"
says 'COFFER_BACKUP_STORE'
absent store
expect_err NOTFOUND coffer backup create nothing --store store --init --kek "$recipient"
absent store
expect_err FORMAT coffer backup list --store plain-folder
expect_err NOTFOUND coffer backup list --store nothing

# ---- make, and make again ----
ok coffer backup create models --store store --init --part-size 1M --kek "$recipient"
says '2 models'
says 'left out: 1 file'
COFFER_BACKUP_STORE=store
export COFFER_BACKUP_STORE
ok coffer backup create models --kek "$recipient"
says ' 0 bytes read'
rm -r .local/state/coffer/backup
ok coffer backup create models --kek "$recipient" --json --quiet
prints '"models":2'
grep -q '"bytes_read":[1-9]' "$OUT" || fail 'all is read where nothing is known'
stored=$(sed 's/.*"bytes_stored":\([0-9]*\).*/\1/' "$OUT")
[ "$stored" -lt 300000 ] || fail "it stored $stored bytes that were there already"
ok coffer backup list
[ "$(wc -l <"$OUT")" -eq 3 ] || fail 'three snapshots, three lines'
ok coffer backup list latest
prints 'models/team/llama/coffer.json'
prints 'models/one.coffer'
ok coffer backup list latest --json
prints '"path":"models/team/llama/sub/empty.coffer"'
ok coffer backup list --json
first=$(sed 's/^\[{"snapshot":"[0-9TZ]*-\([0-9a-f]*\).json".*/\1/' "$OUT")
ok coffer backup list "$first"
ok coffer backup list "$(printf %.8s "$first")"
expect_err NOTFOUND coffer backup list 0123456789ab

# nothing in it can be read that was not public
! grep -rqa 'read me' store || fail 'a plain file is in the store'
secret=$(sed -n 's/^secret: //p' .config/coffer/keys/default.key)
! grep -rqa "$secret" store || fail 'a key is in the store'

# ---- verify ----
ok coffer backup verify
says 'read back 3 snapshots'
says '--kek KEY'
ok coffer backup verify --kek file:safe.key
says 'all are those that were made'
ok coffer backup verify latest --quick --json
prints '"snapshots":1'
expect_err NOKEY coffer backup verify latest --kek file:other.key

# ---- restore ----
ok coffer backup restore latest -o back
says 'was not looked at'
absent back/keyring
mv models/team/llama/README .
same models back/models/models
mv README models/team/llama
ok coffer check back/models/models/team/llama
expect_err EXISTS coffer backup restore latest -o back
says '--force'
rm back/models/models/one.coffer
ok coffer backup restore latest -o back --force
ok coffer check back/models/models/one.coffer
expect_err USAGE coffer backup restore latest -o keys --keyring
says '--kek'
absent keys
ok coffer backup restore latest -o keys --keyring --config --kek file:safe.key --include nothing/at/all
same .config/coffer/keys keys/keyring
same .config/coffer/trust.d keys/config/trust.d
absent keys/models
[ "$(stat -c %a keys/keyring)" = 700 ] || fail 'others may look into the keyring'
COFFER_KEYS=keys/keyring ok coffer check models/one.coffer
ok coffer backup restore latest -o part --include 'models/team'
absent part/models/models/one.coffer
ok coffer check part/models/models/team/llama
expect_err NOTFOUND coffer backup restore latest -o none --include nowhere
absent none
expect_err NOKEY coffer backup restore latest -o none --all --kek file:other.key
absent none
expect_err USAGE coffer backup restore latest
says '-o DIR'

# plain files go along when that is asked for, and nobody can read them
ok coffer backup create models --plain --kek "$recipient" --kek file:other.key
! grep -rqa 'read me' store || fail 'a plain file is in the store'
ok coffer backup restore latest -o whole --all --kek file:other.key
same models whole/models/models

# the private part is a sealed file with an archive in it, for days without coffer backup
ok coffer backup list latest --json
snapshot=$(ls store/snapshots | tail -n 1)
python3 -c '
import json, sys
part = json.load(open("store/snapshots/" + sys.argv[1]))["private"]
open("private.coffer", "wb").write(b"".join(open(f"store/objects/{p[:2]}/{p}", "rb").read() for p in part["parts"]))' "$snapshot"
ok coffer open private.coffer -o private.tar --kek file:safe.key
mkdir unpacked
ok tar -xf private.tar -C unpacked
same .config/coffer/keys unpacked/keyring
grep -q 'read me' unpacked/models/models/team/llama/README || fail 'tar did not find the plain file'

# ---- damage ----
largest=$(find store/objects -type f -size 1024k | sort | head -n 1)
flip "$largest" 70000
expect_err AUTH coffer backup verify
says "$(basename "$largest")"
says 'damaged'
ok coffer backup verify --quick
expect_err AUTH coffer backup restore latest -o hurt
says 'could not be restored'
says "$(basename "$largest")"
absent "hurt/$(sed -n 's/^coffer: \(.*\): objects.*/\1/p' "$ERR")"
[ -e hurt/models/models/team/llama/config.json.coffer ] || fail 'what is good was not restored'
truncate -s -1 "$largest"
expect_err AUTH coffer backup verify --quick
says 'belong'
# the next backup puts the good bytes back
ok coffer backup create models --kek "$recipient" --models-only
ok coffer backup verify
rm "$largest"
expect_err FILESET coffer backup verify --quick
says 'missing'
snapshot=$(ls store/snapshots | tail -n 1)
expect_err FILESET coffer backup restore "$snapshot" -o hurt2
ok coffer backup create models --kek "$recipient" --models-only
ok coffer backup verify
expect_err EXISTS coffer backup restore latest -o hurt2
ok coffer backup restore "$snapshot" -o hurt2
says 'going on'
absent hurt2/.coffer.restoring
same models/one.coffer hurt2/models/models/one.coffer

# a snapshot that was changed, and one of another store
snapshot=$(ls store/snapshots | tail -n 1)
cp "store/snapshots/$snapshot" kept
flip "store/snapshots/$snapshot" 300
expect_err AUTH coffer backup verify
says 'damaged'
expect_err AUTH coffer backup restore latest -o hurt3
absent hurt3
expect_exit 5 coffer backup list
prints 'damaged'
expect_err FORMAT coffer backup prune --keep-last 1
says 'nothing is removed'
mv kept "store/snapshots/$snapshot"
ok coffer backup create models --store second --init --part-size 1M --kek "$recipient" --models-only
cp second/snapshots/* store/snapshots/
expect_err FORMAT coffer backup verify
says 'another store'
rm "store/snapshots/$(basename second/snapshots/*)"

# somebody who edits a snapshot and names it anew is found by who has a key
python3 -c '
import hashlib, json, sys
doc = json.load(open("store/snapshots/" + sys.argv[1]))
doc["files"] = [f for f in doc["files"] if "one" not in f["path"]]
text = json.dumps(doc, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
open("store/snapshots/" + sys.argv[1][:17] + hashlib.sha256(text).hexdigest()[:32] + ".json", "wb").write(text)' "$snapshot"
rm "store/snapshots/$snapshot"
ok coffer backup verify
expect_err AUTH coffer backup verify --kek file:safe.key
says 'not the one that its private part belongs to'
expect_err AUTH coffer backup restore latest -o hurt4 --kek file:safe.key
absent hurt4

# ---- a model that is not whole is left out, and the others are there ----
mv models/team/llama/config.json.coffer away
expect_err FILESET coffer backup create models --kek "$recipient"
says 'config.json.coffer is missing'
says 'all else is in'
ok coffer backup list latest
prints 'models/one.coffer'
! grep -q llama "$OUT" || fail 'half a model is in the backup'
mv away models/team/llama/config.json.coffer
cp plain/config.json models/team/llama
expect_err PLAIN coffer backup create models --kek "$recipient"
rm models/team/llama/config.json
expect_err NOTFOUND coffer backup create plain --kek "$recipient"
says 'no sealed model'
mkdir elsewhere && cp models/one.coffer elsewhere
expect_err USAGE coffer backup create models/one.coffer elsewhere/one.coffer --kek "$recipient"
says 'one name'

# ---- names do not speak to the terminal ----
csi=$(printf 'csi-\302\233')
ok coffer seal plain/weights.bin -o "models/${csi}2J.coffer"
ok coffer backup create models --kek "$recipient"
ok coffer backup list latest
prints 'csi-?2J.coffer'
rm "models/${csi}2J.coffer"

# ---- prune ----
ok coffer backup create models --kek "$recipient"
expect_err USAGE coffer backup prune
says '--keep-last'
expect_err USAGE coffer backup prune --keep-within soon
before=$(find store -type f | wc -l)
ok coffer backup prune --keep-last 1 --dry-run
says 'would remove'
[ "$(find store -type f | wc -l)" -eq "$before" ] || fail 'a dry run removed something'
find store/objects -type f -exec touch -d '3 days ago' {} +
ok coffer backup prune --keep-last 1 --json
prints '"kept":1'
ok coffer backup verify --kek file:safe.key
ok coffer backup list
[ "$(wc -l <"$OUT")" -eq 1 ] || fail 'one was to be kept'
ok coffer backup restore latest -o after --kek file:safe.key
ok coffer check after/models/models/team/llama

# a key's rotation changes one small file, and that alone is stored again
ok coffer keygen second
ok coffer rewrap models/team/llama --add keyring:second --remove keyring:default
ok coffer backup create models --kek "$recipient" --json
read=$(sed 's/.*"bytes_read":\([0-9]*\).*/\1/' "$OUT")
[ "$read" -lt 5000 ] || fail "it read $read bytes for a rewrap"

# nobody may read it
chmod 0 store/snapshots
if [ "$(id -u)" -ne 0 ]; then
    expect_err PERM coffer backup list
fi
chmod 700 store/snapshots

# a safe whose only key is locked up in it is no safe
silent() { ! grep -q 'warning' "$ERR" || fail 'it warns of nothing'; }
ok coffer keygen mine --kind x25519
mine=$(cat "$OUT")
for keys in '--kek keyring:default' "--kek $mine" "--kek $mine --kek keyring:default"; do
    # shellcheck disable=SC2086 # several words
    ok coffer backup create models $keys
    says 'warning: the keyring in this backup holds all keys that open it'
done
ok coffer backup create models --kek keyring:default --kek "$recipient"
silent
ok coffer backup create models --kek keyring:default --models-only
silent
