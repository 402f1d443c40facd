/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include "cli/out.h"

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct json_out j;
	coffer_err err;

	(void)ctx;
	(void)operands;
	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "version", coffer_version());
		json_out_str(&j, "engine", coffer_engine_name());
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(buf_printf(f, &j.text, "coffer %s (%s)\n", coffer_version(), coffer_engine_name()));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

const struct command cmd_version = {
	.name = "version",
	.brief = "print the version; coffer --version does, too",
	.operands = "",
	.about = "Prints the version of coffer and, in parentheses, which AES-256-GCM it uses on this machine.",
	.options = options_json,
	.run = run,
};
