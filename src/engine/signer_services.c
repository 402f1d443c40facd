/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/signer_services.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "mem/secret_file.h"
#include "sign/imported.h"
#include "sign/signer_sigstore.h"

/* ---- a person, reached through the context ---- */

static coffer_err
show_url(void *user, struct fault *f, const char *url, const char *code)
{
	const struct coffer_ctx *ctx = user;
	coffer_err err = ctx->browse(ctx->browse_user, url, code);

	return err == COFFER_OK ? COFFER_OK : fault_set(f, err, "signing in was given up");
}

static coffer_err
read_code(void *user, struct fault *f, struct secret *out)
{
	const struct coffer_ctx *ctx = user;
	struct secret room = SECRET_INIT;
	size_t len = 0;
	coffer_err err;

	TRY(secret_new(f, &room, LIMIT_PASSPHRASE));
	err = ctx->prompt(ctx->prompt_user, "code that the identity provider shows", false, (char *)room.p, room.len,
			  &len);
	if (err)
		TRY(fault_set(f, err, "the code of the identity provider could not be asked for"));
	TRY(secret_copy(f, out, room.p, len < room.len ? len : room.len));
out:
	secret_free(&room);
	return err;
}

static bool
is_stopped(void *user)
{
	const struct coffer_ctx *ctx = user;

	return atomic_load(&ctx->cancelled);
}

/* ---- whom to ask, and whom to believe ---- */

static coffer_err
parse_config(struct fault *f, const char *what, struct view json, const struct coffer_signer_options *o,
	     struct signing_config *out)
{
	coffer_err err;

	TRY(signing_config_parse(f, what, json, time(NULL), out));
	if (o->tsa_url)
		TRY(services_set(f, &out->tsa, o->tsa_url, 1));
out:
	return err;
}

static coffer_err
read_config(struct fault *f, const char *path, const struct coffer_signer_options *o, struct signing_config *out)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	TRY(file_slurp(f, path, json.max, &json, NULL));
	TRY(parse_config(f, path, buf_view(&json), o, out));
out:
	buf_free(&json);
	return err;
}

static coffer_err
read_root(struct fault *f, const char *path, struct trusted_root **out)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	TRY(file_slurp(f, path, json.max, &json, NULL));
	TRY(trusted_root_parse(f, path, buf_view(&json), out));
out:
	buf_free(&json);
	return err;
}

static coffer_err
read_imported(struct fault *f, const struct coffer_signer_options *o, struct sigstore_signing *s)
{
	static const struct trust_dirs everywhere = {0};
	struct imported config = {.path = NULL}, root = {.path = NULL};
	coffer_err err;

	TRY(imported_find(f, &everywhere, IMPORTED_SIGNING_CONFIG, BY_ANYBODY, &config));
	TRY(parse_config(f, config.path, buf_view(&config.bytes), o, &s->config));
	if (o->trusted_root)
		return COFFER_OK;
	TRY(imported_find(f, &everywhere, IMPORTED_TRUSTED_ROOT, BY_ANYBODY, &root));
	TRY(trusted_root_parse(f, root.path, buf_view(&root.bytes), &s->root));
out:
	imported_free(&config);
	imported_free(&root);
	return err;
}

static coffer_err
read_services(struct fault *f, const struct coffer_ctx *ctx, const struct coffer_signer_options *o,
	      struct sigstore_signing *s)
{
	const char *config = o->signing_config ? o->signing_config : o->trust_config;
	const char *root = o->trusted_root ? o->trusted_root : o->trust_config;
	coffer_err err;

	TRY(config ? read_config(f, config, o, &s->config) : read_imported(f, o, s));
	if (root)
		TRY(read_root(f, root, &s->root));
	if (!s->root)
		ctx_notice(ctx, "the signature will not be verified when it is made, for no trusted root was given");
out:
	return err;
}

/* ---- a signer ---- */

static coffer_err
fill_source(struct fault *f, const struct coffer_signer_options *o, const struct oidc_ui *ui, struct secret *password,
	    struct oidc_source *out)
{
	coffer_err err = COFFER_OK;

	*out = (struct oidc_source){
		.token_file = o->token_file,
		.token_env = o->token_env,
		.ambient = o->ambient,
		.issuer = o->issuer,
		.client_id = o->client_id,
		.way = o->device ? OIDC_DEVICE
		       : o->oob	 ? OIDC_OOB
				 : OIDC_BROWSER,
		.ui = ui,
	};
	if (o->client_secret_file) {
		TRY(secret_from_file(f, "the client's password", o->client_secret_file, LIMIT_TOKEN, password));
		out->client_secret = password;
	}
out:
	return err;
}

coffer_err
signer_open_sigstore(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o,
		     struct signer **out)
{
	const struct oidc_ui ui = {
		.user = ctx,
		.show_url = ctx->browse ? show_url : NULL,
		.read_code = ctx->prompt ? read_code : NULL,
		.stopped = is_stopped,
	};
	struct sigstore_signing s = {.root = NULL};
	struct secret password = SECRET_INIT;
	struct oidc_source source;
	coffer_err err;

	*out = NULL;
	if ((o->token_file != NULL) + (o->token_env != NULL) + o->ambient > 1)
		return fault_set(f, COFFER_E_USAGE,
				 "one identity token is enough: from a file, a variable or the CI service");
	if (o->device && o->oob)
		return fault_set(f, COFFER_E_USAGE, "a code is typed in here or there: device or oob");
	TRY(fill_source(f, o, &ui, &password, &source));
	TRY(read_services(f, ctx, o, &s));
	s.source = &source;
	TRY(signer_sigstore(f, &s, out));
out:
	signing_config_free(&s.config);
	trusted_root_free(&s.root);
	secret_free(&password);
	return err;
}
