/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit log of any length, for benchmarks and tests: N records as key_use.c writes them.
 *
 *	audit_log FOLDER N [BATCH]		BATCH records at a time (1000), each batch durable before the next
 *
 * Prints the seconds that it took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/actor.h"
#include "audit/log.h"
#include "base/num.h"

static void
must(coffer_err err, const struct fault *f)
{
	if (err == COFFER_OK)
		return;
	(void)fprintf(stderr, "%s: %s\n", coffer_err_name(err), f->text);
	exit(1);
}

static void
put_record(struct fault *f, const struct audit_record *pattern, uint64_t i, struct buf *out)
{
	struct audit_record r = *pattern;

	r.event = i % 4 == 0 ? AUDIT_WRAP : AUDIT_UNWRAP;
	r.generation = 1 + i % 7;
	(void)snprintf(r.path, sizeof(r.path), "/srv/models/llama-%03d/model.coffer", (int)(i % 1000));
	(void)snprintf(r.name, sizeof(r.name), "llama-%03d", (int)(i % 1000));
	must(audit_line_rest(f, &r, out), f);
}

int
main(int argc, char **argv)
{
	struct fault f = {.text = ""};
	struct buf rests = BUF_INIT((size_t)1 << 30);
	struct audit_log *log = NULL;
	struct audit_record pattern;
	struct timespec from, to;
	uint64_t n, batch = 1000;

	if (argc < 3 || argc > 4 || !num_parse(argv[2], 1, 100000000, &n) ||
	    (argc == 4 && !num_parse(argv[3], 1, 1000000, &batch))) {
		(void)fprintf(stderr, "usage: audit_log FOLDER N [BATCH]\n");
		return 2;
	}
	must(audit_actor(&f, &pattern), &f);
	(void)snprintf(pattern.model_id, sizeof(pattern.model_id), "%s", "00112233445566778899aabbccddeeff");
	(void)snprintf(pattern.version, sizeof(pattern.version), "%s", "3.1");
	(void)snprintf(pattern.environment, sizeof(pattern.environment), "%s", "production");
	(void)snprintf(pattern.key.kind, sizeof(pattern.key.kind), "%s", "aes");
	(void)snprintf(pattern.key.id, sizeof(pattern.key.id), "%s", "ffeeddccbbaa99887766554433221100");
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	must(audit_log_open(&f, argv[1], &log), &f);
	for (uint64_t i = 0; i < n;) {
		rests.len = 0;
		for (uint64_t k = 0; k < batch && i < n; k++)
			put_record(&f, &pattern, i++, &rests);
		must(audit_log_write(&f, log, buf_view(&rests)), &f);
	}
	must(audit_log_close(&f, &log), &f);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	buf_free(&rests);
	(void)printf("%.6f\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return 0;
}
