/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/library.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/args.h"
#include "cli/browse.h"
#include "cli/interrupt.h"
#include "cli/term.h"

/* why the prompt gave up: the library knows only the code */
static struct fault prompt_fault;

/* One that is set wrong must not open more than one that is set right: it is never passed over. */
coffer_err
library_environment(struct fault *f, const char **out)
{
	const char *variable = getenv("COFFER_ENVIRONMENT");

	*out = common.environment ? common.environment : variable;
	if (variable && !*variable)
		return fault_set(f, COFFER_E_USAGE,
				 "COFFER_ENVIRONMENT is set and empty; name an environment, or unset it");
	if (variable && strcmp(*out, variable) != 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"--environment %s is not what COFFER_ENVIRONMENT says, which is %s; one of them is wrong",
			args_shown(common.environment), variable);
	return COFFER_OK;
}

static coffer_err
set_demands(struct fault *f, struct coffer_ctx *ctx)
{
	const char *environment;
	coffer_err err;

	TRY(library_environment(f, &environment));
	TRY(library_fault(f, ctx, coffer_ctx_set_environment(ctx, environment)));
	coffer_ctx_set_min_generation(ctx, common.min_generation);
out:
	return err;
}

coffer_err
library_start(struct fault *f, struct coffer_ctx **ctx_out)
{
	coffer_err err = coffer_ctx_new(ctx_out);

	if (err)
		return fault_set(f, err, "cannot start: %s; «coffer doctor» says more", coffer_err_text(err));
	if (term_is_fancy())
		coffer_ctx_set_progress(*ctx_out, term_progress, NULL);
	coffer_ctx_set_notice(*ctx_out, term_notice, NULL);
	coffer_ctx_set_prompt(*ctx_out, term_prompt, &prompt_fault);
	coffer_ctx_set_browse(*ctx_out, browse, NULL);
	coffer_ctx_set_jobs(*ctx_out, (unsigned int)common.jobs);
	interrupt_catch(*ctx_out);
	return set_demands(f, *ctx_out);
}

void
library_end(struct coffer_ctx **ctx)
{
	interrupt_catch(NULL);
	coffer_ctx_free(ctx);
}

coffer_err
library_fault(struct fault *f, const struct coffer_ctx *ctx, coffer_err err)
{
	if (err == COFFER_OK)
		return COFFER_OK;
	if (err == prompt_fault.err)
		return fault_set(f, err, "%s", prompt_fault.text);
	return fault_set(f, err, "%s", coffer_ctx_message(ctx));
}

/* Keys in arguments are seen by every process of the machine and kept by the shell. */
static coffer_err
refuse_key_material(struct fault *f, const char *uri)
{
	const char *colon = strchr(uri, ':');
	/* a file may well be called by a hash */
	bool is_name = colon && (strncmp(uri, "file:", 5) == 0 || strncmp(uri, "keyring:", 8) == 0);

	if (!is_name && (args_is_key(uri) || (colon && args_is_key(colon + 1))))
		return fault_set(f, COFFER_E_USAGE,
				 "that looks like a key itself, and keys never go on the command line, where others "
				 "see them; put it in a file and say file:PATH");
	if (strncmp(uri, "passphrase:", 11) == 0 && uri[11] && strncmp(uri + 11, "file=", 5) != 0 &&
	    strncmp(uri + 11, "fd=", 3) != 0)
		return fault_set(f, COFFER_E_USAGE,
				 "a passphrase never goes on the command line, where others see it; passphrase: asks, "
				 "passphrase:file=PATH and passphrase:fd=N read it");
	return COFFER_OK;
}

/* «--kek my.key» is a slip that has a sure answer */
static coffer_err
refuse_bare_path(struct fault *f, const char *uri)
{
	struct stat st;

	if (!strchr(uri, ':') && stat(uri, &st) == 0)
		return fault_set(f, COFFER_E_USAGE, "%s does not say what kind of key it is; did you mean file:%s?",
				 uri, uri);
	return COFFER_OK;
}

coffer_err
library_keys(struct fault *f, struct coffer_ctx *ctx, const struct words *uris, struct coffer_keyring **keyring_out)
{
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_keyring_new(ctx, keyring_out)));
	for (size_t i = 0; i < uris->n; i++) {
		TRY(refuse_key_material(f, uris->v[i]));
		TRY(refuse_bare_path(f, uris->v[i]));
		TRY(library_fault(f, ctx, coffer_keyring_add(ctx, *keyring_out, uris->v[i])));
	}
out:
	if (err)
		coffer_keyring_free(keyring_out);
	return err;
}

coffer_err
library_one_key(struct fault *f, const char **uri_out)
{
	coffer_err err;

	*uri_out = NULL;
	if (common.keks.n != 1)
		return fault_set(f, COFFER_E_USAGE, "%s needs one --kek, which is file:PATH or keyring:NAME",
				 common.command->name);
	TRY(refuse_key_material(f, common.keks.v[0]));
	TRY(refuse_bare_path(f, common.keks.v[0]));
	*uri_out = common.keks.v[0];
out:
	return err;
}

coffer_err
library_keys_to_seal(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keyring_out)
{
	coffer_err err;

	TRY(library_keys(f, ctx, &common.keks, keyring_out));
	if (common.keks.n > 0)
		return COFFER_OK;
	err = coffer_keyring_add(ctx, *keyring_out, "keyring:default");
	if (err == COFFER_E_NOTFOUND)
		TRY(fault_set(
			f, err,
			"no key was given and the local keyring has none called default; «coffer keygen» makes it, "
			"--kek file:KEY uses another"));
	TRY(library_fault(f, ctx, err));
out:
	if (err)
		coffer_keyring_free(keyring_out);
	return err;
}

coffer_err
library_keys_to_open(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keyring_out)
{
	coffer_err err;

	TRY(library_keys(f, ctx, &common.keks, keyring_out));
	if (common.keks.n > 0)
		return COFFER_OK;
	TRY(library_fault(f, ctx, coffer_keyring_add_store(ctx, *keyring_out, NULL)));
	if (coffer_keyring_size(*keyring_out) == 0)
		TRY(fault_set(f, COFFER_E_NOKEY,
			      "no key was given and the local keyring is empty; --kek KEY gives one («coffer help "
			      "keys»), «coffer inspect» says which keys a model wants"));
out:
	if (err)
		coffer_keyring_free(keyring_out);
	return err;
}
