/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/convert_options.h"

#include <string.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/stats_text.h"

struct converting converting;

static coffer_err
check_out(struct fault *f, const char *in)
{
	if (strcmp(in, "-") == 0)
		return fault_set(f, COFFER_E_USAGE,
				 "%s reads a file and not standard input; name it (./- is a file called -)",
				 common.command->name);
	if (!common.out)
		return fault_set(f, COFFER_E_USAGE, "%s needs to know where to; give -o OUT", common.command->name);
	if (strcmp(common.out, "-") == 0)
		return fault_set(f, COFFER_E_USAGE,
				 "nothing of it is authentic before its last byte, so it cannot go to standard output; "
				 "name a file");
	return COFFER_OK;
}

static enum coffer_padding
padding_of(const char *word)
{
	if (!word)
		return COFFER_PADDING_AUTO;
	return strcmp(word, "pkcs7") == 0  ? COFFER_PADDING_PKCS7
	       : strcmp(word, "zero") == 0 ? COFFER_PADDING_ZERO
					   : COFFER_PADDING_NONE;
}

/* Those of --to-kek; else of --kek, which are read once: NULL; else the one to seal for. */
static coffer_err
keys_to_write(struct fault *f, struct coffer_ctx *ctx, const struct words *to_keks, struct coffer_keyring **out)
{
	if (to_keks && to_keks->n > 0)
		return library_keys(f, ctx, to_keks, out);
	return common.keks.n > 0 ? COFFER_OK : library_keys_to_seal(f, ctx, out);
}

coffer_err
converting_run(struct fault *f, struct coffer_ctx *ctx, const char *in, struct coffer_convert_options *opt,
	       const struct words *to_keks)
{
	struct coffer_keyring *keys = NULL, *to_keys = NULL;
	struct coffer_stats stats = {0};
	coffer_err err;

	TRY(check_out(f, in));
	opt->version_1 = 1;
	(void)coffer_format_find(converting.from, &opt->from);
	opt->aad = converting.aad;
	opt->aad_len = converting.aad ? strlen(converting.aad) : 0;
	opt->padding = padding_of(converting.padding);
	opt->force = common.force;
	TRY(library_keys_to_open(f, ctx, &keys));
	if (opt->to != COFFER_FORMAT_PLAIN)
		TRY(keys_to_write(f, ctx, to_keks, &to_keys));
	opt->to_keys = to_keys;
	TRY(library_fault(f, ctx, coffer_convert(ctx, in, common.out, keys, opt, &stats)));
	stats_say(opt->to == COFFER_FORMAT_PLAIN ? "opened" : "converted", &stats, common.out);
	TRY(stats_print(f, &stats, common.out));
out:
	coffer_keyring_free(&to_keys);
	coffer_keyring_free(&keys);
	return err;
}
