# SPDX-License-Identifier: Apache-2.0
# Of a sealed folder everything is a regular file: links, folders and pipes in its place are refused.
make_model model
ok coffer keygen
ok coffer seal model -o sealed

fresh() {
    rm -rf it
    cp -r sealed it
}

fresh && mv it/coffer.json elsewhere && ln -s ../elsewhere it/coffer.json
expect_err FILESET coffer check it
says 'it/coffer.json is a symbolic link, and a sealed folder holds its files themselves: cp -rL copies it so'
fresh && rm it/coffer.json && mkfifo it/coffer.json
expect_err FILESET coffer check it
fresh && mv it/weights.bin.coffer elsewhere && ln -s ../elsewhere it/weights.bin.coffer
expect_err FILESET coffer check it
says 'it/weights.bin.coffer is a symbolic link'
expect_err FILESET coffer open it -o out
fresh && rm it/weights.bin.coffer && mkfifo it/weights.bin.coffer
expect_err FILESET coffer check it
says 'it/weights.bin.coffer is no regular file'
fresh && rm it/weights.bin.coffer && mkdir it/weights.bin.coffer
expect_err FILESET coffer check it
fresh && mkdir it/weights.bin
expect_err PLAIN coffer check it
fresh && ln -s nowhere it/weights.bin
expect_err PLAIN coffer check it
fresh && ln -s weights.bin.coffer it/other.coffer
expect_err FILESET coffer check it

mkdir upper && echo x >upper/Coffer.JSON
expect_err USAGE coffer seal upper -o upper.sealed
