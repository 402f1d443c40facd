/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that sigstore-conformance drives a client through, over the same functions that verify models:
 *
 *   sigstore verify-bundle [--staging] --bundle FILE --certificate-identity IDENTITY --certificate-oidc-issuer URL
 *                          [--trusted-root FILE] ARTIFACT
 *   sigstore verify-bundle [--staging] --bundle FILE --key FILE [--trusted-root FILE] ARTIFACT
 *   sigstore sign-bundle   [--staging] [--in-toto] --identity-token TOKEN --bundle FILE [--trusted-root FILE] [--signing-config FILE] ARTIFACT
 *
 * ARTIFACT is a file, or sha256:HEX when there is no such file.  Where --trusted-root is not given, the files that the environment calls
 * SIGSTORE_TRUSTED_ROOT and SIGSTORE_TRUSTED_ROOT_STAGING are believed, for coffer has none built in; likewise SIGSTORE_SIGNING_CONFIG.
 * Exit 0 = it holds, or is signed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "data/doc.h"
#include "sign/signer_sigstore.h"
#include "sign/sigstore.h"

#define ARTIFACT_MAX ((size_t)1 << 30)
#define DIGEST_PREFIX "sha256:"

struct options {
	bool staging, in_toto;
	const char *verb, *bundle, *identity, *issuer, *key, *token, *trusted_root, *signing_config, *artifact;
};

/* ---- the command line ---- */

static bool
read_option(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {
		{"--bundle", &o->bundle},
		{"--certificate-identity", &o->identity},
		{"--certificate-oidc-issuer", &o->issuer},
		{"--key", &o->key},
		{"--identity-token", &o->token},
		{"--trusted-root", &o->trusted_root},
		{"--signing-config", &o->signing_config},
	};

	for (size_t i = 0; value && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0 && !*known[i].value) {
			*known[i].value = value;
			return true;
		}
	}
	return false;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--staging") == 0) {
			o->staging = true;
		} else if (strcmp(argv[i], "--in-toto") == 0) {
			o->in_toto = true;
		} else if (strncmp(argv[i], "--", 2) != 0 && !o->artifact) {
			o->artifact = argv[i];
		} else {
			if (!read_option(o, argv[i], argv[i + 1])) /* argv ends with NULL */
				return false;
			i++;
		}
	}
	if (!o->trusted_root)
		o->trusted_root = getenv(o->staging ? "SIGSTORE_TRUSTED_ROOT_STAGING" : "SIGSTORE_TRUSTED_ROOT");
	if (!o->signing_config)
		o->signing_config = getenv(o->staging ? "SIGSTORE_SIGNING_CONFIG_STAGING" : "SIGSTORE_SIGNING_CONFIG");
	o->verb = argc > 1 ? argv[1] : "";
	if (!o->bundle || !o->artifact || !o->trusted_root)
		return false;
	return o->token ? strcmp(o->verb, "sign-bundle") == 0 && o->signing_config
			: strcmp(o->verb, "verify-bundle") == 0;
}

/* ---- what is asked for ---- */

/* What the artifact hashes to: read, or given as sha256:HEX, which is all there is then. */
struct artifact {
	bool given;
	struct buf bytes;
	uint8_t digest[DIGEST_MAX];
};

static coffer_err
read_artifact(struct fault *f, const char *name, struct artifact *a)
{
	size_t prefix = strlen(DIGEST_PREFIX);

	if (access(name, F_OK) == 0 || strncmp(name, DIGEST_PREFIX, prefix) != 0)
		return file_slurp(f, name, ARTIFACT_MAX, &a->bytes, NULL);
	a->given = true;
	if (!dec_hex(name + prefix, strlen(name + prefix), a->digest, digest_len(DIGEST_SHA256)))
		return fault_set(f, COFFER_E_USAGE, "%s is neither a file nor a digest", name);
	return COFFER_OK;
}

static coffer_err
hash_artifact(struct fault *f, struct artifact *a, enum digest_kind kind)
{
	if (!a->given)
		return digest_of(f, kind, buf_view(&a->bytes), a->digest);
	if (kind != DIGEST_SHA256)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "the bundle is over %s, and the artifact was given by its sha256", digest_name(kind));
	return COFFER_OK;
}

static bool
is_subject(const struct doc *statement, const uint8_t *digest)
{
	const struct doc *subjects = doc_get(statement, "subject");
	size_t len = digest_len(DIGEST_SHA256);
	uint8_t got[DIGEST_MAX];

	for (size_t i = 0; i < doc_size(subjects); i++)
		if (doc_hex(doc_get(doc_get(doc_at(subjects, i), "digest"), "sha256"), got, len) &&
		    memcmp(got, digest, len) == 0)
			return true;
	return false;
}

/* an envelope is over a statement, and that over the artifact */
static coffer_err
check_statement(struct fault *f, const struct bundle *b, struct artifact *a)
{
	struct doc *statement = NULL;
	coffer_err err = COFFER_OK;

	TRY(hash_artifact(f, a, DIGEST_SHA256));
	TRY(doc_parse_foreign(f, "the statement", buf_view(&b->payload), &statement));
	if (!is_subject(statement, a->digest))
		err = fault_set(f, COFFER_E_AUTH, "the statement is not about this artifact");
out:
	doc_free(&statement);
	return err;
}

static coffer_err
read_root(struct fault *f, const char *path, struct trusted_root **out)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err = COFFER_OK;

	TRY(file_slurp(f, path, LIMIT_TRUSTED_ROOT, &json, NULL));
	TRY(trusted_root_parse(f, path, buf_view(&json), out));
out:
	buf_free(&json);
	return err;
}

static coffer_err
read_bundle(struct fault *f, const char *path, struct bundle *out)
{
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	coffer_err err = COFFER_OK;

	TRY(file_slurp(f, path, LIMIT_BUNDLE, &json, NULL));
	TRY(bundle_parse(f, path, buf_view(&json), out));
out:
	buf_free(&json);
	return err;
}

static coffer_err
read_key(struct fault *f, const char *path, struct pubkey **out)
{
	struct buf pem = BUF_INIT(LIMIT_CERT);
	coffer_err err = COFFER_OK;

	if (path) {
		TRY(file_slurp(f, path, LIMIT_CERT, &pem, NULL));
		TRY(pubkey_from_pem(f, path, buf_view(&pem), out));
	}
out:
	buf_free(&pem);
	return err;
}

static coffer_err
verify(struct fault *f, const struct options *o, struct signed_by *who)
{
	struct artifact artifact = {.bytes = BUF_INIT(ARTIFACT_MAX)};
	struct sigstore_policy policy = {.identity = o->identity, .issuer = o->issuer};
	struct trusted_root *root = NULL;
	struct pubkey *key = NULL;
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(read_root(f, o->trusted_root, &root));
	TRY(read_key(f, o->key, &key));
	TRY(read_bundle(f, o->bundle, &b));
	TRY(read_artifact(f, o->artifact, &artifact));
	policy.key = key;
	if (b.content == BUNDLE_MESSAGE) {
		policy.digest_kind = b.has_digest ? b.digest_kind : DIGEST_SHA256;
		policy.digest = artifact.digest;
		TRY(hash_artifact(f, &artifact, policy.digest_kind));
	}
	TRY(sigstore_verify_bundle(f, root, &b, &policy, who));
	if (b.content == BUNDLE_DSSE)
		TRY(check_statement(f, &b, &artifact));
out:
	bundle_free(&b);
	pubkey_free(&key);
	trusted_root_free(&root);
	buf_free(&artifact.bytes);
	return err;
}

/* ---- signing ---- */

static coffer_err
open_signer(struct fault *f, const struct options *o, struct signer **out)
{
	const struct oidc_source source = {.token_env = "CONFORMANCE_TOKEN"};
	struct sigstore_signing s = {.source = &source};
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	/* the protocol has it among the arguments; coffer itself takes none from there */
	if (setenv(source.token_env, o->token, 1) != 0)
		return fault_nomem(f);
	TRY(file_slurp(f, o->signing_config, json.max, &json, NULL));
	TRY(signing_config_parse(f, o->signing_config, buf_view(&json), time(NULL), &s.config));
	TRY(read_root(f, o->trusted_root, &s.root));
	TRY(signer_sigstore(f, &s, out));
out:
	signing_config_free(&s.config);
	trusted_root_free(&s.root);
	buf_free(&json);
	return err;
}

static coffer_err
sign_message(struct fault *f, struct signer *signer, struct artifact *a, struct bundle *b)
{
	coffer_err err;

	TRY(hash_artifact(f, a, DIGEST_SHA256));
	b->content = BUNDLE_MESSAGE;
	b->has_digest = true;
	b->digest_kind = DIGEST_SHA256;
	memcpy(b->digest, a->digest, sizeof(b->digest));
	TRY(signer->sign(signer, f, b));
out:
	return err;
}

static coffer_err
sign(struct fault *f, const struct options *o)
{
	struct artifact artifact = {.bytes = BUF_INIT(ARTIFACT_MAX)};
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct signer *signer = NULL;
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(read_artifact(f, o->artifact, &artifact));
	TRY(open_signer(f, o, &signer));
	TRY(o->in_toto ? sign_payload(f, signer, buf_view(&artifact.bytes), &b)
		       : sign_message(f, signer, &artifact, &b));
	TRY(bundle_write(f, &b, &json));
	TRY(file_write_new(f, o->bundle, json.p, json.len, 0644, true));
out:
	bundle_free(&b);
	signer_free(&signer);
	buf_free(&json);
	buf_free(&artifact.bytes);
	return err;
}

int
main(int argc, char **argv)
{
	struct signed_by who = {.who = NULL};
	struct options options = {.staging = false};
	struct fault f = {.err = COFFER_OK};
	coffer_err err;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr,
			"usage: sigstore verify-bundle [--staging] --bundle FILE [--certificate-identity IDENTITY "
			"--certificate-oidc-issuer URL | --key FILE] [--trusted-root FILE] ARTIFACT\n"
			"usage: sigstore sign-bundle [--staging] [--in-toto] --identity-token TOKEN --bundle FILE "
			"[--trusted-root FILE] [--signing-config FILE] ARTIFACT\n");
		return 2;
	}
	err = options.token ? sign(&f, &options) : verify(&f, &options, &who);
	if (err == COFFER_OK && !options.token)
		printf("it holds: %s\n", who.who);
	if (err != COFFER_OK)
		fprintf(stderr, "%s [%s]\n", f.text, coffer_err_name(err));
	signed_by_free(&who);
	return coffer_err_exit(err);
}
