# SPDX-License-Identifier: Apache-2.0
# Files that carry code are named, with what they would do, and nothing of it is done.
mkdir model
printf '\200\002}q\000.' >model/data.pkl
printf '\200\002cposix\nsystem\nX\012\000\000\000touch done\205R.' >model/pytorch_model.bin
printf 'cposix\nsystem\n(S"touch done"\ntR.' >model/tokenizer.json
printf 'cat\ncow\nbird\n' >model/vocab.txt
printf 'import os\n' >model/modeling.py
printf '\177ELF\002\001\001' >model/weights.gguf
printf '\037\213\010\000' >model/corpus.bin
ok coffer keygen
ok coffer seal model -o sealed
ok coffer inspect sealed --tensors
prints 'corpus.bin  CARRIES CODE: it is compressed (gzip): what is in it cannot be told'
prints 'data.pkl  [pickle]'
prints 'modeling.py  CARRIES CODE: it is Python source'
prints 'pytorch_model.bin  [pickle]  CARRIES CODE: it calls os.system when it is unpickled'
prints 'tokenizer.json  [pickle]  CARRIES CODE: it calls os.system when it is unpickled'
prints 'weights.gguf  CARRIES CODE: it is native code (ELF)'
[ "$(grep -c 'CARRIES CODE' "$OUT")" -eq 5 ] || fail "others carry code, too"
ok coffer inspect sealed --tensors --json
prints '"path":"data.pkl"'
prints '"format":"pickle","carries_code":false}'
prints '"format":"pickle","carries_code":true,"code":"calls os.system when it is unpickled"}'
[ ! -e done ] || fail "it was done"

# without a key nothing is known, and nothing is said
ok coffer inspect sealed
grep -q 'CODE' "$OUT" && fail "it looked inside"

# an archive that contradicts itself is named, too, instead of being an error
printf 'PK\003\004 and no directory' >one.pt
ok coffer seal one.pt -o one.coffer
ok coffer inspect one.coffer --tensors
prints 'CARRIES CODE: it is a ZIP archive that is broken or contradicts itself'
