/* SPDX-License-Identifier: Apache-2.0 */
/* The public half of keys: coffer/key.h, with a context. */
#include <stdio.h>

#include <coffer/key.h>

#include <string.h>

#include "crypto/token_survey.h"
#include "engine/ctx.h"
#include "engine/key_use.h"
#include "key/keyfile.h"
#include "key/keyring.h"
#include "key/pkcs11.h"
#include "key/services.h"
#include "key/store.h"
#include "key/template.h"

coffer_err
coffer_keyring_new(struct coffer_ctx *ctx, struct coffer_keyring **keyring_out)
{
	return keyring_new(ctx_begin(ctx), keyring_out);
}

void
coffer_keyring_free(struct coffer_keyring **keyring)
{
	if (keyring)
		keyring_free(keyring);
}

coffer_err
coffer_keyring_add(struct coffer_ctx *ctx, struct coffer_keyring *keyring, const char *uri)
{
	struct key_env env = {.prompt = ctx->prompt, .prompt_user = ctx->prompt_user};

	return keyring_add_uri(ctx_begin(ctx), keyring, &env, uri);
}

coffer_err
coffer_keyring_add_raw(struct coffer_ctx *ctx, struct coffer_keyring *keyring, const uint8_t key[COFFER_KEY_LEN])
{
	return keyring_add_raw(ctx_begin(ctx), keyring, key);
}

coffer_err
coffer_keyring_add_store(struct coffer_ctx *ctx, struct coffer_keyring *keyring, const char *dir)
{
	return keyring_add_store(ctx_begin(ctx), keyring, dir);
}

coffer_err
coffer_keyring_cache(struct coffer_ctx *ctx, struct coffer_keyring *keyring, unsigned int lifetime_s, unsigned int uses)
{
	return keyring_set_cache(ctx_begin(ctx), keyring, lifetime_s, uses);
}

size_t
coffer_keyring_size(const struct coffer_keyring *keyring)
{
	return keyring_size(keyring);
}

bool
coffer_keyring_can_unwrap(const struct coffer_keyring *keyring)
{
	return keyring_can_unwrap(keyring);
}

coffer_err
coffer_key_generate(struct coffer_ctx *ctx, enum coffer_key_kind kind, const char *path,
		    struct coffer_key_info *info_out)
{
	struct fault *f = ctx_begin(ctx);
	struct keyfile k = KEYFILE_INIT;
	coffer_err err;

	if (info_out)
		*info_out = (struct coffer_key_info){.secret = false};
	TRY(keyfile_generate(f, kind, &k));
	TRY(keyfile_write(f, path, &k));
	if (info_out)
		*info_out = k.info;
out:
	keyfile_free(&k);
	return err;
}

_Static_assert(COFFER_SERVICE_ID_LEN == RECIPIENT_ID_MAX + 1, "an id fits, with its NUL");

coffer_err
coffer_key_make(struct coffer_ctx *ctx, const char *uri, char id_out[COFFER_SERVICE_ID_LEN])
{
	struct key_env env = {.prompt = ctx->prompt, .prompt_user = ctx->prompt_user};
	struct fault *f = ctx_begin(ctx);
	char id[COFFER_SERVICE_ID_LEN] = "";
	const char *rest;
	const struct key_service *service = key_service_find(uri, &rest);
	coffer_err err;

	if (!service || service->provider != &pkcs11_provider)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "a key is made on a token, pkcs11:token=NAME;object=LABEL; other services make theirs "
			      "themselves"));
	TRY(pkcs11_generate(f, &env, rest, id));
out:
	if (id_out)
		memcpy(id_out, id, sizeof(id));
	return err;
}

coffer_err
coffer_tokens(struct coffer_ctx *ctx, char **text_out, bool *well_out)
{
	struct buf text = BUF_INIT(65536);
	struct fault *f = ctx_begin(ctx);
	coffer_err err;

	*text_out = NULL;
	TRY(token_survey(f, &text, well_out));
	TRY(buf_take_text(f, &text, text_out));
out:
	buf_free(&text);
	return err;
}

coffer_err
coffer_key_inspect(struct coffer_ctx *ctx, const char *uri, struct coffer_key_info *info_out)
{
	struct fault *f = ctx_begin(ctx);
	struct keyfile k = KEYFILE_INIT;
	struct key_uri parsed;
	coffer_err err;

	*info_out = (struct coffer_key_info){.secret = false};
	TRY(key_uri_parse(f, uri, &parsed));
	TRY(store_load(f, &parsed, &k));
	*info_out = k.info;
out:
	keyfile_free(&k);
	return err;
}

coffer_err
coffer_store_path(struct coffer_ctx *ctx, const char *dir, const char *name, char **path_out)
{
	return store_path(ctx_begin(ctx), dir, name, path_out);
}

coffer_err
coffer_store_import(struct coffer_ctx *ctx, const char *dir, const char *name, const char *uri)
{
	return store_import(ctx_begin(ctx), dir, name, uri);
}

coffer_err
coffer_store_remove(struct coffer_ctx *ctx, const char *dir, const char *name)
{
	return store_remove(ctx_begin(ctx), dir, name);
}

coffer_err
coffer_store_list(struct coffer_ctx *ctx, const char *dir, struct coffer_key_info **list_out, size_t *n_out)
{
	return store_list(ctx_begin(ctx), dir, list_out, n_out);
}

/* ---- keys of services ---- */

coffer_err
coffer_key_uri_of(struct coffer_ctx *ctx, const char *uri, const char *environment, const char *name, char **uri_out)
{
	const struct binding binding = {.model_id = "", .version = "", .environment = environment, .name = name};

	return template_fill(ctx_begin(ctx), uri, &binding, uri_out);
}

static struct coffer_key_state
show_state(const struct coffer_keyring *keyring, const struct key_state *state)
{
	struct coffer_key_state out = {.created = state->created, .usable = state->usable};
	const char *kind, *name;

	keyring_names(keyring, 0, &kind, &name);
	(void)snprintf(out.kind, sizeof(out.kind), "%s", kind);
	(void)snprintf(out.id, sizeof(out.id), "%s", state->id);
	(void)snprintf(out.version, sizeof(out.version), "%s", state->version);
	(void)snprintf(out.alg, sizeof(out.alg), "%s", state->alg);
	return out;
}

static coffer_err
one_key(struct fault *f, struct coffer_ctx *ctx, const char *uri, struct coffer_keyring **out)
{
	const struct key_env env = {.prompt = ctx->prompt, .prompt_user = ctx->prompt_user};
	coffer_err err;

	TRY(keyring_new(f, out));
	TRY(keyring_add_uri(f, *out, &env, uri));
out:
	return err;
}

coffer_err
coffer_key_state(struct coffer_ctx *ctx, const char *uri, struct coffer_key_state *state_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_keyring *keyring = NULL;
	struct key_state state;
	coffer_err err;

	*state_out = (struct coffer_key_state){.usable = false};
	TRY(one_key(f, ctx, uri, &keyring));
	TRY(keyring_state(f, keyring, 0, NULL, &state));
	*state_out = show_state(keyring, &state);
out:
	keyring_free(&keyring);
	return err;
}

coffer_err
coffer_key_rotate(struct coffer_ctx *ctx, const char *uri, struct coffer_key_state *state_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_keyring *keyring = NULL;
	struct key_state state;
	coffer_err err;

	*state_out = (struct coffer_key_state){.usable = false};
	TRY(one_key(f, ctx, uri, &keyring));
	TRY(key_use_rotate(f, ctx, keyring, 0, &state));
	*state_out = show_state(keyring, &state);
out:
	keyring_free(&keyring);
	return err;
}
