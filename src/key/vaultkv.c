/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vaultkv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"
#include "base/num.h"
#include "crypto/rand.h"
#include "key/kek.h"
#include "key/kv.h"

#define KIND "vaultkv"
#define INFO_WRAP "coffer/1 wrap vaultkv"
#define ALG "aes-256-gcm"
#define FIELD "kek"

static void
free_key(void *self)
{
	struct kv_secret *s = self;

	if (!s)
		return;
	kv_secret_close(s);
	free(s);
}

coffer_err
vaultkv_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct kv_secret *s = calloc(1, sizeof(*s));
	coffer_err err;

	(void)env;
	*self_out = NULL;
	if (!s)
		return fault_nomem(f);
	TRY(kv_secret_open(f, rest, FIELD, s));
	*self_out = s;
	s = NULL;
out:
	free_key(s);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct kv_secret *s = self;

	return strcmp(in->kind, KIND) == 0 && strcmp(in->id, s->id) == 0;
}

/* ---- the KEK ---- */

static coffer_err
take_kek(struct fault *f, const struct kv_secret *s, const struct kv_entry *e, struct secret *kek)
{
	struct view text = {.p = NULL};
	size_t len = 0;
	coffer_err err;

	TRY(secret_new(f, kek, KEK_LEN));
	if (!doc_string(doc_get(e->data, s->uri.field), &text))
		TRY(fault_set(f, COFFER_E_KEY,
			      "%s has no field «%s» that is text; name another, as vaultkv://%s/%s#FIELD", s->id,
			      s->uri.field, s->uri.mount, s->uri.path));
	text = view_trim(text);
	if (!dec_b64((const char *)text.p, text.len, kek->p, KEK_LEN, &len) || len != KEK_LEN)
		TRY(fault_set(f, COFFER_E_KEY, "%s is no key: base64 of %d bytes", s->id, KEK_LEN));
out:
	return err;
}

/* @version 0: the latest, whose number is put there */
static coffer_err
get_kek(struct fault *f, const struct kv_secret *s, uint64_t *version, struct secret *kek)
{
	struct kv_entry e;
	coffer_err err;

	TRY(kv_read(f, s, *version, &e));
	if (e.found == KV_NEVER && *version == 0)
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "Vault at %s has no key %s; «coffer key rotate vaultkv://%s/%s#%s» makes one",
			      vault_host(s->vault), s->id, s->uri.mount, s->uri.path, s->uri.field));
	TRY(kv_need(f, s, &e, COFFER_E_REFUSED));
	TRY(take_kek(f, s, &e, kek));
	*version = e.version;
out:
	kv_entry_free(&e);
	return err;
}

/* ---- wrapping ---- */

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	const struct kv_secret *s = self;
	struct secret kek = SECRET_INIT;
	uint64_t version = 0;
	coffer_err err;

	TRY(get_kek(f, s, &version, &kek));
	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", s->id);
	(void)snprintf(out->version, sizeof(out->version), "%llu", (unsigned long long)version);
	(void)snprintf(out->alg, sizeof(out->alg), ALG);
	TRY(kek_wrap(f, kek.p, INFO_WRAP, dek, binding, out));
out:
	secret_free(&kek);
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct kv_secret *s = self;
	struct secret kek = SECRET_INIT;
	uint64_t version = 0;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "it is wrapped by the key %s of Vault, not by %s", in->id, s->id);
	if (!num_parse(in->version, 1, UINT32_MAX, &version))
		return fault_set(f, COFFER_E_AUTH, "the recipient of %s has no version of it", in->id);
	TRY(get_kek(f, s, &version, &kek));
	err = kek_unwrap(f, kek.p, INFO_WRAP, in, binding, dek_out);
	if (err == COFFER_E_AUTH)
		(void)fault_set(f, err,
				"version %s of %s does not unwrap this; it is damaged, or belongs to another model",
				in->version, s->id);
out:
	secret_free(&kek);
	return err;
}

/* ---- rotation ---- */

static void
tell(const struct kv_secret *s, uint64_t version, int64_t created, struct key_state *out)
{
	(void)snprintf(out->id, sizeof(out->id), "%s", s->id);
	(void)snprintf(out->version, sizeof(out->version), "%llu", (unsigned long long)version);
	(void)snprintf(out->alg, sizeof(out->alg), ALG);
	out->created = created;
	out->usable = true;
}

static coffer_err
state(void *self, struct fault *f, struct key_state *out)
{
	const struct kv_secret *s = self;
	struct kv_entry e;
	coffer_err err;

	TRY(kv_read(f, s, 0, &e));
	if (e.found == KV_NEVER)
		TRY(kv_need(f, s, &e, COFFER_E_REFUSED));
	tell(s, e.version, e.created, out);
	out->usable = e.found == KV_THERE;
out:
	kv_entry_free(&e);
	return err;
}

static coffer_err
make_kek(struct fault *f, struct secret *text)
{
	struct secret kek = SECRET_INIT;
	coffer_err err;

	TRY(secret_new(f, &kek, KEK_LEN));
	TRY(secret_new(f, text, ENC_B64_LEN(KEK_LEN) + 1));
	TRY(rand_bytes(f, kek.p, KEK_LEN));
	enc_b64(kek.p, KEK_LEN, (char *)text->p);
out:
	secret_free(&kek);
	return err;
}

/* The first version, too.  Nobody's write in between is lost, and no other field. */
static coffer_err
rotate(void *self, struct fault *f, struct key_state *out)
{
	const struct kv_secret *s = self;
	struct kv_entry had = {.found = KV_NEVER};
	struct secret text = SECRET_INIT;
	uint64_t version;
	coffer_err err;

	TRY(kv_read(f, s, 0, &had));
	TRY(make_kek(f, &text));
	TRY(kv_set_field(f, s, &had, view_of(text.p, ENC_B64_LEN(KEK_LEN)), &version));
	tell(s, version, (int64_t)time(NULL), out);
out:
	secret_free(&text);
	kv_entry_free(&had);
	return err;
}

const struct key_provider vaultkv_provider = {
	.kind = KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.rotate = rotate,
	.state = state,
	.free = free_key,
};
