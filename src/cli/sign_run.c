/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sign_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/sign_path.h"
#include "cli/term.h"
#include "cli/verdict_text.h"

/* ---- trust ---- */

/* The last part of the path of @model; of a sealed file X.coffer it is X. */
static coffer_err
name_by_path(struct fault *f, const char *model, char **name_out)
{
	static const char suffix[] = ".coffer";
	char *real = realpath(model, NULL);
	const char *base;
	size_t len;

	if (!real)
		return fault_errno(f, errno, "cannot find %s", model);
	base = path_base(real);
	len = strlen(base);
	if (signing_is_sealed(model) && len >= sizeof(suffix) && strcmp(base + len - strlen(suffix), suffix) == 0)
		len -= strlen(suffix);
	*name_out = strndup(base, len);
	free(real);
	return *name_out ? COFFER_OK : fault_nomem(f);
}

coffer_err
refuse_misnamed(struct fault *f, struct coffer_ctx *ctx, const char *model, const char *name)
{
	struct coffer_binding *binding = NULL;
	char *expected = NULL;
	coffer_err err;

	TRY(name_by_path(f, model, &expected));
	if (strcmp(expected, name) == 0)
		goto out;
	err = coffer_trust_show(ctx, expected, &binding);
	if (err == COFFER_E_NOTFOUND) {
		err = COFFER_OK;
		goto out;
	}
	TRY(library_fault(f, ctx, err));
	if (strcmp(binding->model, COFFER_TRUST_ANY) != 0)
		err = fault_set(f, COFFER_E_POLICY,
				"the trust store says whose %s must be, and the model at %s calls itself %s; --name %s "
				"takes it for that one",
				expected, model, name, name);
out:
	coffer_trust_list_free(&binding, 1);
	free(expected);
	return err;
}

/* A coffer.json alone makes no sealed model, and is no reason to take the word of whoever put it among plain files. */
static coffer_err
check_whole(struct fault *f, const char *model, const struct coffer_inspection *info)
{
	for (size_t i = 0; i < info->n_files; i++)
		if (info->files[i].n_records == 0)
			return fault_set(f, COFFER_E_FILESET,
					 "%s has a coffer.json and not the sealed file of %s, which it lists: it is no "
					 "sealed model that could say its name; fetch it again, or remove the "
					 "coffer.json if its files are plain",
					 model, info->files[i].path);
	return COFFER_OK;
}

/* What a sealed model calls itself. */
static coffer_err
own_name(struct fault *f, struct coffer_ctx *ctx, const char *model, char **name_out)
{
	struct coffer_inspection *info = NULL;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_inspect(ctx, model, &info)));
	TRY(check_whole(f, model, info));
	*name_out = strdup(info->name);
	if (!*name_out)
		TRY(fault_nomem(f));
	if (signing.name && strcmp(signing.name, *name_out) != 0)
		TRY(fault_set(f, COFFER_E_POLICY, "%s calls itself %s, and %s was asked for; it is another model",
			      model, *name_out, signing.name));
	if (!signing.name)
		TRY(refuse_misnamed(f, ctx, model, *name_out));
out:
	coffer_inspection_free(&info);
	return err;
}

static coffer_err
name_of(struct fault *f, struct coffer_ctx *ctx, const char *model, char **name_out)
{
	if (signing_is_sealed(model))
		return own_name(f, ctx, model, name_out);
	if (!signing.name)
		return name_by_path(f, model, name_out);
	*name_out = strdup(signing.name);
	return *name_out ? COFFER_OK : fault_nomem(f);
}

/* @options: those that say it in the place of the trust store */
static coffer_err
find_trust(struct fault *f, struct coffer_ctx *ctx, const char *model, const char *options,
	   struct coffer_trust **trust_out)
{
	char *name = NULL;
	coffer_err err;

	*trust_out = NULL;
	TRY(name_of(f, ctx, model, &name));
	err = coffer_trust_find(ctx, name, trust_out);
	if (err == COFFER_E_NOTFOUND)
		TRY(fault_set(f, err,
			      "whose signature to believe? The trust store binds nobody to the name %s; give %s, or "
			      "bind one with «coffer trust add»",
			      name, options));
	TRY(library_fault(f, ctx, err));
	term_say("%s is bound in the trust store; nobody else may have signed it", name);
out:
	free(name);
	return err;
}

coffer_err
trust_by_name(struct fault *f, struct coffer_ctx *ctx, const char *model, struct coffer_trust **trust_out)
{
	return find_trust(f, ctx, model,
			  "--public-key FILE, --certificate-chain FILE, or --identity NAME and --identity-provider URL",
			  trust_out);
}

/* Whose older signature --reuse believes: a key's, a chain's, or that of whom the name is bound to. */
static coffer_err
trust_to_reuse(struct fault *f, struct coffer_ctx *ctx, const char *model, struct coffer_trust **trust_out)
{
	struct coffer_trust_options options = {
		.version_1 = 1,
		.method = signing.reuse_key ? COFFER_METHOD_KEY : COFFER_METHOD_CERTIFICATE,
		.public_key = signing.reuse_key,
		.certificate_chain = signing.reuse_chain.v,
		.n_certificate_chain = signing.reuse_chain.n,
	};

	*trust_out = NULL;
	if (!signing.reuse && (signing.reuse_key || signing.reuse_chain.n > 0))
		return fault_set(f, COFFER_E_USAGE,
				 "--reuse-key and --reuse-chain go with --reuse OLD, which is missing");
	if (!signing.reuse)
		return COFFER_OK;
	if (signing.reuse_key && signing.reuse_chain.n > 0)
		return fault_set(f, COFFER_E_USAGE,
				 "OLD was made by a key or with a certificate; leave --reuse-key or --reuse-chain out");
	if (signing.reuse_key || signing.reuse_chain.n > 0)
		return library_fault(f, ctx, coffer_trust_open(ctx, &options, trust_out));
	return find_trust(f, ctx, model, "--reuse-key FILE or --reuse-chain FILE", trust_out);
}

/* ---- sign ---- */

static void
say(const struct coffer_sign_stats *stats, const char *signature)
{
	char size[TERM_AMOUNT_LEN], time[TERM_AMOUNT_LEN], rate[TERM_AMOUNT_LEN], reused[80] = "";

	(void)term_rate(stats->bytes, stats->seconds, rate);
	/* what was not read would make it look fast */
	if (stats->n_reused > 0) {
		rate[0] = '\0';
		(void)snprintf(reused, sizeof(reused), ", %llu of them not read again",
			       (unsigned long long)stats->n_reused);
	}
	term_say("signed %llu file%s%s, %s in %s%s%s%s → %s", (unsigned long long)stats->n_files,
		 stats->n_files == 1 ? "" : "s", reused, term_bytes(stats->bytes, size),
		 term_seconds(stats->seconds, time), *rate ? " (" : "", rate, *rate ? ")" : "", signature);
}

static coffer_err
print(struct fault *f, const struct coffer_sign_stats *stats, const char *signature)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_str(&j, "signature", signature);
	json_out_str(&j, "digest", stats->root);
	json_out_uint(&j, "files", stats->n_files);
	json_out_uint(&j, "bytes", stats->bytes);
	json_out_uint(&j, "reused", stats->n_reused);
	json_out_seconds(&j, "seconds", stats->seconds);
	return out_json_end(&j);
}

coffer_err
sign_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_signer *signer)
{
	struct coffer_sign_options options = signing_sign_options();
	struct coffer_sign_stats stats = {0};
	struct coffer_trust *trust = NULL;
	char *signature = NULL;
	coffer_err err;

	TRY(signing_path(f, model, SIGNATURE_MAKE, &signature));
	TRY(trust_to_reuse(f, ctx, model, &trust));
	options.reuse_trust = trust;
	TRY(library_fault(f, ctx, coffer_sign(ctx, model, signature, signer, &options, &stats)));
	say(&stats, signature);
	if (common.json)
		TRY(print(f, &stats, signature));
out:
	coffer_trust_free(&trust);
	free(signature);
	return err;
}

/* ---- verify ---- */

coffer_err
verify_only(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust,
	    struct coffer_verdict **verdict_out)
{
	const struct coffer_verify_options options = signing_verify_options();
	char *signature = NULL;
	coffer_err err;

	*verdict_out = NULL;
	TRY(signing_path(f, model, SIGNATURE_READ, &signature));
	TRY(library_fault(f, ctx, coffer_verify(ctx, model, signature, trust, &options, verdict_out)));
out:
	free(signature);
	return err;
}

coffer_err
verify_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust)
{
	struct coffer_verdict *verdict = NULL;
	coffer_err err = verify_only(f, ctx, model, trust, &verdict);

	err = verdict_end(f, err, verdict, model);
	coffer_verdict_free(&verdict);
	return err;
}
