/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/library.h"
#include "cli/sign_options.h"
#include "cli/sign_path.h"
#include "cli/sign_run.h"
#include "cli/term.h"
#include "cli/verdict_text.h"

/* ---- a model, by a method ---- */

static const struct option shared[] = {
	OPTION_SIGNATURE("the signature; the default is model.sig here or in MODEL, and for a sealed folder coffer.sig "
			 "in it"),
	OPTION_IGNORE_PATHS,
	OPTION_IGNORE_GIT,
	OPTION_NO_IGNORE_GIT,
	OPTION_ALLOW_SYMLINKS("follow symbolic links within MODEL; without it a link is a failure"),
	OPTION_IGNORE_UNSIGNED,
	OPTION_LOG_FINGERPRINTS,
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static coffer_err
run_method(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_trust *trust = NULL;
	coffer_err err;

	TRY(signing_trust(f, ctx, common.command->method, &trust));
	TRY(verify_run(f, ctx, operands->v[0], trust));
out:
	coffer_trust_free(&trust);
	return verdict_early(f, err, operands->v[0]);
}

#define VERIFIES_MODEL .operands = "MODEL", .min = 1, .max = 1, .hint = HINT_FILE, .shared = shared, .library = true

static const struct command key = {
	.name = "verify key",
	.brief = "verify a model that a key has signed",
	.about = "Verifies MODEL and its signature, which the key that goes with --public-key must have made.",
	.options = options_trust_key,
	.run = run_method,
	.method = COFFER_METHOD_KEY,
	VERIFIES_MODEL,
};

static const struct command pkcs11_key = {
	.name = "verify pkcs11-key",
	.brief = "the same as verify key",
	.about = "The same as verify key: a signature does not tell where its key was kept.",
	.options = options_trust_key,
	.run = run_method,
	.method = COFFER_METHOD_KEY,
	VERIFIES_MODEL,
};

static const struct command certificate = {
	.name = "verify certificate",
	.brief = "verify a model that a certified key has signed",
	.about = "Verifies MODEL and its signature, whose certificate must be for signing code and lead to a trusted "
		 "root, all of it valid at one time: that of --verify-at, else that of a timestamp which --tsa-chain "
		 "makes believed, else now.",
	.options = options_trust_certificate,
	.run = run_method,
	.method = COFFER_METHOD_CERTIFICATE,
	VERIFIES_MODEL,
};

static const struct command pkcs11_certificate = {
	.name = "verify pkcs11-certificate",
	.brief = "the same as verify certificate",
	.about = "The same as verify certificate: a signature does not tell where its key was kept.",
	.options = options_trust_certificate,
	.run = run_method,
	.method = COFFER_METHOD_CERTIFICATE,
	VERIFIES_MODEL,
};

static const struct command sigstore = {
	.name = "verify sigstore",
	.brief = "verify a model that somebody has signed with Sigstore",
	.about = "Verifies MODEL and its signature, which --identity must have made, vouched for by "
		 "--identity-provider. Certificate, log entry and timestamp are checked against the trusted root, "
		 "without the network. Where an identity is not as expected, the answer says which it is.",
	.options = options_trust_sigstore,
	.run = run_method,
	.method = COFFER_METHOD_SIGSTORE,
	VERIFIES_MODEL,
};

/* ---- a model, by what its name is bound to ---- */

static coffer_err
run_any(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_trust *trust = NULL;
	enum coffer_method method;
	bool is_given;
	coffer_err err;

	TRY(signing_method(f, &method, &is_given));
	if (is_given)
		TRY(signing_trust(f, ctx, method, &trust));
	else
		TRY(trust_by_name(f, ctx, operands->v[0], &trust));
	TRY(verify_run(f, ctx, operands->v[0], trust));
out:
	coffer_trust_free(&trust);
	return verdict_early(f, err, operands->v[0]);
}

static const struct option any_options[] = {
	{.name = "name",
	 .value = "NAME",
	 .text = &signing.name,
	 .help = "what the trust store knows MODEL as, and a sealed model must call itself; the default is the name of "
		 "a sealed model, else the last part of the path"},
	OPTION_PUBLIC_KEY("the public key of the signer, in PEM"),
	OPTION_CERTIFICATE_CHAIN(HELP_ROOTS),
	OPTION_TSA_CHAIN(HELP_TSA_ROOTS),
	OPTION_VERIFY_AT,
	OPTION_IDENTITY(HELP_IDENTITY),
	OPTION_IDENTITY_PROVIDER(HELP_PROVIDER),
	OPTION_TRUST_CONFIG,
	OPTION_TRUSTED_ROOT(HELP_TRUSTED_ROOT),
	OPTION_STAGING,
	OPTION_END,
};

static const struct command any = {
	.name = "verify",
	.brief = "verify a model by what its name is bound to",
	.about =
		"Verifies MODEL by the method that the options speak of, and without any by what the trust store binds "
		"its name to.",
	.options = any_options,
	.run = run_any,
	VERIFIES_MODEL,
};

/* ---- one file, without a bundle ---- */

static coffer_err
run_detached(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	char *signature = NULL;
	coffer_err err;

	TRY(signing_need(f, "public-key", signing.public_key));
	TRY(signing_path_of_file(f, operands->v[0], ".sig", &signature));
	err = library_fault(f, ctx, coffer_verify_file(ctx, operands->v[0], signature, signing.public_key));
	err = verdict_end_file(f, err, operands->v[0], "the key that was given");
out:
	free(signature);
	return verdict_early(f, err, operands->v[0]);
}

static const struct option detached_options[] = {
	OPTION_PUBLIC_KEY("the public key of the signer, in PEM: EC or RSA"),
	OPTION_SIGNATURE("the signature; the default is FILE.sig"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command detached = {
	.name = "verify detached",
	.brief = "verify one file as openssl dgst does",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Verifies a plain signature of FILE's bytes, as openssl dgst -sha256 -sign makes it.",
	.options = detached_options,
	.run = run_detached,
	.library = true,
};

static coffer_err
run_hmac(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *kek = NULL;
	char *tag = NULL;
	coffer_err err;

	TRY(library_one_key(f, &kek));
	TRY(signing_path_of_file(f, operands->v[0], ".hmac", &tag));
	err = library_fault(f, ctx, coffer_hmac_verify_file(ctx, operands->v[0], tag, kek));
	err = verdict_end_file(f, err, operands->v[0], "somebody who has the key");
out:
	free(tag);
	return verdict_early(f, err, operands->v[0]);
}

static const struct option hmac_options[] = {
	OPTION_KEK("the secret that both sides have: file:PATH or keyring:NAME of an aes key"),
	OPTION_SIGNATURE("the tag; the default is FILE.hmac"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command hmac = {
	.name = "verify hmac",
	.brief = "verify the tag of one file",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Verifies the HMAC-SHA256 of FILE: 64 hex digits, or 32 raw bytes.",
	.options = hmac_options,
	.run = run_hmac,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&key,	&certificate, &pkcs11_key, &pkcs11_certificate,
					     &sigstore, &detached,    &hmac,	   NULL};

static const struct example examples[] = {
	{"by a key", "coffer verify key --public-key sign.key.pub llama/"},
	{"by certificates that lead to a company's root",
	 "coffer verify certificate --certificate-chain root.pem llama/"},
	{"by who signed, with Sigstore",
	 "coffer verify sigstore --identity a@b.org --identity-provider https://accounts.google.com llama/"},
	{"by what the name is bound to", "coffer verify llama/"},
	{"a sealed model, without any key of it", "coffer verify key --public-key sign.key.pub llama.sealed"},
	{NULL, NULL},
};

const struct command cmd_verify = {
	.name = "verify",
	.brief = "verify the signature of a model, or of one file",
	.operands = "[METHOD] MODEL",
	.about = "Verifies that MODEL is what somebody trusted has signed: the signature, then every file. A file that "
		 "is missing, changed or was never signed is a failure. Signatures of model_signing 0.2 and later are "
		 "understood, and its options, with hyphens or underscores.\n\n"
		 "The exit code is 0 only when all of it holds: 6 when the signature does not, 5 when a file does not.",
	.options = options_none,
	.shared = shared,
	.examples = examples,
	.subs = subs,
	.fallback = &any,
};
