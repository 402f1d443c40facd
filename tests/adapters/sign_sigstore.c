/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs one in-toto statement with an identity, for tests/signing/sign_sigstore.py.
 *
 * usage: sign_sigstore [OPTION VALUE]… STATEMENT BUNDLE
 *
 * Options: signing-config, trusted-root, token-file, token-env, issuer, client-id, client-secret-file, way (browser, oob, device,
 * ambient), tsa-url, patience; with key (a PEM file) the method is «key».  Where a person should sign in it prints «URL CODE» and,
 * for «oob», reads what the person would type.  The exit code is that of the command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "mem/secret_file.h"
#include "sign/signer_sigstore.h"
#include "sign/tsa.h"

enum {
	SIGNING_CONFIG,
	TRUSTED_ROOT,
	TOKEN_FILE,
	TOKEN_ENV,
	ISSUER,
	CLIENT_ID,
	CLIENT_SECRET_FILE,
	WAY,
	TSA_URL,
	PATIENCE,
	KEY,
	N_OPTIONS
};

static const char *const names[N_OPTIONS] = {
	"signing-config",     "trusted-root", "token-file", "token-env", "issuer", "client-id",
	"client-secret-file", "way",	      "tsa-url",    "patience",	 "key"};
static const char *options[N_OPTIONS];

static int
find_option(const char *name)
{
	for (int i = 0; i < N_OPTIONS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	(void)fprintf(stderr, "there is no option %s\n", name);
	exit(2);
}

/* ---- a person ---- */

static coffer_err
show_url(void *user, struct fault *f, const char *url, const char *code)
{
	(void)user;
	(void)f;
	(void)printf("%s %s\n", url, code ? code : "-");
	(void)fflush(stdout);
	return COFFER_OK;
}

static coffer_err
read_code(void *user, struct fault *f, struct secret *out)
{
	char line[1024] = "";

	(void)user;
	if (!fgets(line, sizeof(line), stdin))
		return fault_set(f, COFFER_E_USAGE, "there is nobody who types");
	return secret_copy(f, out, line, strcspn(line, "\r\n"));
}

/* ---- a signer ---- */

static coffer_err
read_source(struct fault *f, struct oidc_source *source, struct secret *client_secret)
{
	static const struct oidc_ui ui = {.show_url = show_url, .read_code = read_code};
	const char *way = options[WAY] ? options[WAY] : "browser";
	uint64_t patience = 20;
	coffer_err err = COFFER_OK;

	if (options[PATIENCE] && !num_parse(options[PATIENCE], 1, 60, &patience))
		return fault_set(f, COFFER_E_USAGE, "patience is no number");
	*source = (struct oidc_source){
		.token_file = options[TOKEN_FILE],
		.token_env = options[TOKEN_ENV],
		.ambient = strcmp(way, "ambient") == 0,
		.issuer = options[ISSUER],
		.client_id = options[CLIENT_ID],
		.way = strcmp(way, "oob") == 0	    ? OIDC_OOB
		       : strcmp(way, "device") == 0 ? OIDC_DEVICE
						    : OIDC_BROWSER,
		.ui = strcmp(way, "nobody") == 0 ? NULL : &ui,
		.patience_s = (unsigned int)patience,
	};
	if (options[CLIENT_SECRET_FILE]) {
		TRY(secret_from_file(f, "the client's password", options[CLIENT_SECRET_FILE], 1024, client_secret));
		source->client_secret = client_secret;
	}
out:
	return err;
}

static coffer_err
read_config(struct fault *f, struct sigstore_signing *s)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	TRY(file_slurp(f, options[SIGNING_CONFIG], json.max, &json, NULL));
	TRY(signing_config_parse(f, options[SIGNING_CONFIG], buf_view(&json), time(NULL), &s->config));
	if (options[TSA_URL])
		TRY(services_set(f, &s->config.tsa, options[TSA_URL], 1));
	if (options[TRUSTED_ROOT]) {
		json.len = 0;
		TRY(file_slurp(f, options[TRUSTED_ROOT], json.max, &json, NULL));
		TRY(trusted_root_parse(f, options[TRUSTED_ROOT], buf_view(&json), &s->root));
	}
out:
	buf_free(&json);
	return err;
}

static coffer_err
open_sigstore(struct fault *f, struct signer **out)
{
	struct secret client_secret = SECRET_INIT;
	struct sigstore_signing s = {.root = NULL};
	struct oidc_source source;
	coffer_err err;

	TRY(read_source(f, &source, &client_secret));
	s.source = &source;
	TRY(read_config(f, &s));
	TRY(signer_sigstore(f, &s, out));
out:
	signing_config_free(&s.config);
	trusted_root_free(&s.root);
	secret_free(&client_secret);
	return err;
}

static coffer_err
open_key(struct fault *f, struct signer **out)
{
	struct buf pem = BUF_INIT(LIMIT_PEM);
	struct signer *inner = NULL;
	struct privkey *key = NULL;
	coffer_err err;

	TRY(file_slurp(f, options[KEY], pem.max, &pem, NULL));
	TRY(privkey_from_pem(f, options[KEY], buf_view(&pem), NULL, &key));
	TRY(signer_key(f, key, &inner));
	TRY(signer_with_tsa(f, inner, options[TSA_URL], out));
out:
	buf_free(&pem);
	return err;
}

static coffer_err
run(struct fault *f, const char *statement_path, const char *bundle_path)
{
	struct buf statement = BUF_INIT(LIMIT_BUNDLE), json = BUF_INIT(LIMIT_BUNDLE);
	struct signer *signer = NULL;
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(file_slurp(f, statement_path, statement.max, &statement, NULL));
	TRY(options[KEY] ? open_key(f, &signer) : open_sigstore(f, &signer));
	TRY(sign_payload(f, signer, buf_view(&statement), &b));
	TRY(bundle_write(f, &b, &json));
	TRY(file_write_new(f, bundle_path, json.p, json.len, 0644, true));
out:
	bundle_free(&b);
	signer_free(&signer);
	buf_free(&json);
	buf_free(&statement);
	return err;
}

int
main(int argc, char **argv)
{
	struct fault f = {.text = ""};
	coffer_err err;
	int i = 1;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
		options[find_option(argv[i] + 2)] = argv[i + 1];
	if (argc - i != 2 || (options[KEY] ? !options[TSA_URL] : !options[SIGNING_CONFIG])) {
		(void)fprintf(stderr, "usage: sign_sigstore [OPTION VALUE]... STATEMENT BUNDLE\n");
		return 2;
	}
	err = run(&f, argv[i], argv[i + 1]);
	if (err)
		(void)fprintf(stderr, "%s\n", f.text);
	return coffer_err_exit(err);
}
