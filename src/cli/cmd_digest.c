/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/limits.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/term.h"

static const struct option options[] = {
	OPTION_IGNORE_PATHS,  OPTION_IGNORE_GIT,
	OPTION_NO_IGNORE_GIT, OPTION_ALLOW_SYMLINKS("follow symbolic links within MODEL; without it a link is refused"),
	OPTION_SERIALIZATION, OPTION_SHARD_SIZE,
	OPTION_HASH,	      OPTION_JOBS,
	OPTION_JSON,	      OPTION_END,
};

static const struct example examples[] = {
	{"is it the same model as over there?", "coffer digest llama/"},
	{NULL, NULL},
};

static coffer_err
print(struct fault *f, const struct coffer_sign_stats *stats)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "digest", stats->root);
		json_out_uint(&j, "files", stats->n_files);
		json_out_uint(&j, "bytes", stats->bytes);
		json_out_seconds(&j, "seconds", stats->seconds);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(buf_printf(f, &j.text, "sha256:%s\n", stats->root));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct coffer_sign_options how = signing_sign_options();
	struct coffer_sign_stats stats = {0};
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_sign_digest(ctx, operands->v[0], &how, &stats)));
	TRY(print(f, &stats));
out:
	return err;
}

const struct command cmd_digest = {
	.name = "digest",
	.brief = "print the one hash that a signature of a model would be over",
	.operands = "MODEL",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Prints sha256: and the root digest of MODEL: the SHA-256 of the hashes of its files, in the order of "
		 "their names. It changes with any file, name or order of names, and signs nothing.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
