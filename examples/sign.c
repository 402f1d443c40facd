/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sign a model, so that others can tell that it is yours and unchanged:
 *
 *	sign MODEL SIGNATURE KEY PUBLIC_KEY
 *
 * KEY is an EC key in a PEM file; it is made, with PUBLIC_KEY for those who verify, when there is none.  The signature is one
 * file that other tools of OpenSSF Model Signing read, too.
 */
#include <stdio.h>

#include <coffer/coffer.h>

int
main(int argc, char **argv)
{
	/* other methods take a certificate, a PKCS #11 token or an identity: the rest of the code stays as it is */
	struct coffer_signer_options options = {.version_1 = 1, .method = COFFER_METHOD_KEY};
	struct coffer_signer *signer = NULL;
	struct coffer_sign_stats stats;
	struct coffer_ctx *ctx = NULL;
	char key_id[65];
	coffer_err err;

	if (argc != 5) {
		fprintf(stderr, "usage: sign MODEL SIGNATURE KEY PUBLIC_KEY\n");
		return 2;
	}
	options.private_key = argv[3];

	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		err = coffer_signing_key_generate(ctx, COFFER_CURVE_P256, argv[3], argv[4], NULL, key_id);
	if (err == COFFER_E_EXISTS) /* made before */
		err = COFFER_OK;
	if (err == COFFER_OK)
		err = coffer_signer_open(ctx, &options, &signer);
	if (err == COFFER_OK)
		err = coffer_sign(ctx, argv[1], argv[2], signer, NULL, &stats);

	if (err == COFFER_OK)
		printf("%llu files, root %s\n", (unsigned long long)stats.n_files, stats.root);
	else
		fprintf(stderr, "sign: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_signer_free(&signer); /* wipes the key */
	coffer_ctx_free(&ctx);	     /* last: the others were made with it */
	return coffer_err_exit(err);
}
