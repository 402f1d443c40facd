/* SPDX-License-Identifier: Apache-2.0 */
#include "key/pkcs11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"
#include "crypto/hash.h"
#include "crypto/token_kek.h"
#include "key/envelope.h"
#include "key/kek.h"
#include "key/passphrase.h"
#include "mem/secret.h"

#define PKCS11_KIND "pkcs11"

struct pkcs11 {
	struct key_env env;
	struct token_kek *kek;
};

/* token_pin's ask: a PIN is asked for as a passphrase is */
static coffer_err
ask_pin(void *user, struct fault *f, const char *token_label, struct secret *pin_out)
{
	const struct pkcs11 *p = user;
	char what[128];

	(void)snprintf(what, sizeof(what), "token «%s», its PIN", token_label);
	return passphrase_ask(f, p->env.prompt, p->env.prompt_user, what, false, pin_out);
}

static void
free_pkcs11(void *self)
{
	struct pkcs11 *p = self;

	if (p)
		token_kek_free(&p->kek);
	free(p);
}

coffer_err
pkcs11_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct pkcs11 *p = calloc(1, sizeof(*p));
	struct token_pin pin = {.ask = env->prompt ? ask_pin : NULL, .user = p};
	char *uri = NULL;
	coffer_err err;

	*self_out = NULL;
	if (!p || asprintf(&uri, PKCS11_SCHEME "%s", rest) < 0)
		TRY(fault_nomem(f));
	p->env = *env;
	TRY(token_kek_new(f, uri, &pin, &p->kek));
	*self_out = p;
	p = NULL;
out:
	free(uri);
	free_pkcs11(p);
	return err;
}

/* ---- the verbs ---- */

static coffer_err
hash_aad(struct fault *f, const struct binding *binding, uint8_t out[static SHA256_LEN])
{
	struct buf aad = BUF_INIT(LIMIT_BINDING + 64);
	coffer_err err;

	TRY(kek_aad(f, binding, &aad));
	TRY(sha256(f, buf_view(&aad), out));
out:
	buf_free(&aad);
	return err;
}

/* @text, which is of PKCS#11, as a field of a recipient has it */
static coffer_err
keep_id(struct fault *f, const struct buf *text, char out[static RECIPIENT_ID_MAX + 1])
{
	if (text->len > RECIPIENT_ID_MAX)
		return fault_set(
			f, COFFER_E_KEY,
			"the name of the key on its token is too long: as a URI it has %zu characters and may have %d; "
			"give the key a shorter label",
			text->len, RECIPIENT_ID_MAX);
	memcpy(out, text->p, text->len);
	out[text->len] = '\0';
	return COFFER_OK;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	struct pkcs11 *p = self;
	struct buf id = BUF_INIT(4096), wrapped = BUF_INIT(LIMIT_WRAPPED);
	uint8_t envelope[ENVELOPE_LEN], aad[SHA256_LEN];
	const char *alg = "";
	coffer_err err;

	TRY(envelope_make(f, PKCS11_KIND, dek, binding, envelope));
	TRY(hash_aad(f, binding, aad));
	TRY(token_kek_wrap(f, p->kek, view_of(envelope, sizeof(envelope)), view_of(aad, sizeof(aad)), &id, &alg,
			   &wrapped));
	TRY(keep_id(f, &id, out->id));
	(void)snprintf(out->kind, sizeof(out->kind), PKCS11_KIND);
	(void)snprintf(out->alg, sizeof(out->alg), "%s", alg);
	memcpy(out->wrapped, wrapped.p, wrapped.len);
	out->wrapped_len = wrapped.len;
out:
	mem_wipe(envelope, sizeof(envelope));
	buf_free(&id);
	buf_free(&wrapped);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct pkcs11 *p = self;

	return strcmp(in->kind, PKCS11_KIND) == 0 && !in->foreign && token_kek_fits(p->kek, in->id);
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	struct pkcs11 *p = self;
	uint8_t envelope[ENVELOPE_LEN], aad[SHA256_LEN];
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "the model is sealed for %s, which is another key",
				 in->id[0] ? in->id : in->kind);
	TRY(hash_aad(f, binding, aad));
	TRY(token_kek_unwrap(f, p->kek, in->id, in->alg, view_of(in->wrapped, in->wrapped_len),
			     view_of(aad, sizeof(aad)), envelope, sizeof(envelope)));
	TRY(envelope_open(f, PKCS11_KIND, view_of(envelope, sizeof(envelope)), binding, dek_out));
out:
	mem_wipe(envelope, sizeof(envelope));
	return err;
}

/* ---- the key itself ---- */

/* CKA_START_DATE, which has no time, as that day's first second */
static int64_t
start_of(const struct token_kek_state *s)
{
	char text[UTC_LEN + 16];
	int64_t time;

	(void)snprintf(text, sizeof(text), "%04u-%02u-%02uT00:00:00Z", s->year, s->month, s->day);
	return utc_parse(text, &time) ? time : 0;
}

static coffer_err
state(void *self, struct fault *f, struct key_state *out)
{
	struct pkcs11 *p = self;
	struct buf id = BUF_INIT(4096);
	struct token_kek_state s;
	coffer_err err;

	*out = (struct key_state){.created = 0};
	TRY(token_kek_state(f, p->kek, &id, &s));
	TRY(keep_id(f, &id, out->id));
	(void)snprintf(out->alg, sizeof(out->alg), "%.*s", (int)strcspn(s.alg, "/"), s.alg);
	out->created = start_of(&s);
	out->usable = s.can_unwrap;
out:
	buf_free(&id);
	return err;
}

coffer_err
pkcs11_generate(struct fault *f, const struct key_env *env, const char *rest, char id_out[static RECIPIENT_ID_MAX + 1])
{
	struct buf id = BUF_INIT(4096);
	struct pkcs11 *p;
	void *self = NULL;
	coffer_err err;

	id_out[0] = '\0';
	TRY(pkcs11_new(f, env, rest, &self));
	p = self;
	TRY(token_kek_generate(f, p->kek, &id));
	TRY(keep_id(f, &id, id_out));
out:
	free_pkcs11(self);
	buf_free(&id);
	return err;
}

const struct key_provider pkcs11_provider = {
	.kind = PKCS11_KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.state = state,
	.free = free_pkcs11,
};
