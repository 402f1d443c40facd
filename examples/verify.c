/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verify that a model is what the holder of a key has signed, all of it and nothing else:
 *
 *	verify MODEL SIGNATURE PUBLIC_KEY
 *
 * A sealed model verifies as well as a plain one; no key to open it is needed.
 */
#include <stdio.h>

#include <coffer/coffer.h>

static void
show(const struct coffer_verdict *verdict)
{
	/* every reason is there, not the first alone; what was left out on purpose is no failure */
	for (size_t i = 0; i < verdict->n_findings; i++)
		if (verdict->findings[i].kind != COFFER_FOUND_IGNORED)
			printf("%s: %s\n", verdict->findings[i].path, verdict->findings[i].text);
	if (verdict->verified)
		printf("%llu files signed by %s\n", (unsigned long long)verdict->n_files, verdict->signer);
}

int
main(int argc, char **argv)
{
	/* whom you believe is yours to say: nothing of it is taken from the signature */
	struct coffer_trust_options options = {.version_1 = 1, .method = COFFER_METHOD_KEY};
	struct coffer_verdict *verdict = NULL;
	struct coffer_trust *trust = NULL;
	struct coffer_ctx *ctx = NULL;
	coffer_err err;

	if (argc != 4) {
		fprintf(stderr, "usage: verify MODEL SIGNATURE PUBLIC_KEY\n");
		return 2;
	}
	options.public_key = argv[3];

	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		err = coffer_trust_open(ctx, &options, &trust);
	if (err == COFFER_OK)
		err = coffer_verify(ctx, argv[1], argv[2], trust, NULL, &verdict);

	if (verdict)
		show(verdict); /* after a failure, too: it says what differs */
	if (err != COFFER_OK)
		fprintf(stderr, "verify: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_verdict_free(&verdict);
	coffer_trust_free(&trust);
	coffer_ctx_free(&ctx);	     /* last: the others were made with it */
	return coffer_err_exit(err); /* 5 when a file differs, 6 when another key has signed */
}
