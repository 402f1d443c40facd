/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stats_text.h"

#include <stdio.h>

#include "cli/args.h"
#include "cli/out.h"
#include "cli/term.h"

void
stats_say(const char *verb, const struct coffer_stats *stats, const char *where)
{
	char size[TERM_AMOUNT_LEN], time[TERM_AMOUNT_LEN], rate[TERM_AMOUNT_LEN], skipped[80] = "";

	(void)term_rate(stats->bytes, stats->seconds, rate);
	/* what an earlier run did would make this one look fast */
	if (stats->n_skipped > 0) {
		rate[0] = '\0';
		(void)snprintf(skipped, sizeof(skipped), ", %llu of them by an earlier run",
			       (unsigned long long)stats->n_skipped);
	}
	term_say("%s %llu file%s%s, %s in %s%s%s%s%s%s", verb, (unsigned long long)stats->n_files,
		 stats->n_files == 1 ? "" : "s", skipped, term_bytes(stats->bytes, size),
		 term_seconds(stats->seconds, time), *rate ? " (" : "", rate, *rate ? ")" : "", where ? " → " : "",
		 where ? where : "");
}

coffer_err
stats_print(struct fault *f, const struct coffer_stats *stats, const char *where)
{
	struct json_out j;

	if (!common.json)
		return COFFER_OK;
	out_json_begin(&j, f);
	json_out_uint(&j, "files", stats->n_files);
	json_out_uint(&j, "bytes", stats->bytes);
	json_out_uint(&j, "skipped", stats->n_skipped);
	json_out_seconds(&j, "seconds", stats->seconds);
	json_out_str(&j, "model_id", stats->model_id);
	if (where)
		json_out_str(&j, "output", where);
	if (common.dry_run)
		json_out_bool(&j, "dry_run", true);
	return out_json_end(&j);
}
