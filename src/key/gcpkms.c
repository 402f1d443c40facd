/* SPDX-License-Identifier: Apache-2.0 */
#include "key/gcpkms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/enc.h"
#include "base/utc.h"
#include "key/envelope.h"
#include "key/gcp_token.h"
#include "net/url.h"

#define KIND "gcpkms"
#define SERVICE "Google Cloud KMS"
#define HOST_URL "https://cloudkms.googleapis.com"
#define PART_MAX 128
#define ID_MAX 63      /* of a key ring or a key */
#define VERSION_MAX 20 /* digits */
#define BODY_MAX (ENC_B64_LEN(LIMIT_BINDING) + ENC_B64_LEN(LIMIT_WRAPPED) + 512)
#define DAMAGED_MAX 3  /* answers that did not come through whole */
#define READY_TRIES 20 /* an HSM takes a while to make a key */
#define READY_WAIT_MS 500

struct gcpkms {
	char name[RECIPIENT_ID_MAX + 1];
	char version[VERSION_MAX + 1]; /* empty: the primary one */
	struct bearer *bearer;	       /* NULL: an emulator, which wants none */
};

/* ---- the name ---- */

static bool
is_part(struct view v, const char *others, size_t max)
{
	bool sound = v.len > 0 && v.len <= max && v.p[0] != '.';

	for (size_t i = 0; i < v.len && sound; i++)
		sound = (v.p[i] >= 'a' && v.p[i] <= 'z') || (v.p[i] >= 'A' && v.p[i] <= 'Z') ||
			(v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] != '\0' && strchr(others, v.p[i]));
	return sound;
}

static bool
is_version(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.len > 0 && v.len <= VERSION_MAX;
}

/* what stands before the next slash, which is taken away with it */
static struct view
take_part(struct view *v)
{
	const uint8_t *slash = v->len > 0 ? memchr(v->p, '/', v->len) : NULL;
	struct view part = view_of(v->p, slash ? (size_t)(slash - v->p) : v->len);

	v->p += part.len + (slash ? 1 : 0);
	v->len -= part.len + (slash ? 1 : 0);
	return part;
}

static bool
parse(const char *rest, struct gcpkms *g)
{
	/* projects may have a domain in front, «example.com:p»; the last two as CreateKeyRing and CreateCryptoKey have it */
	static const struct {
		const char *name, *others;
		size_t max;
	} collections[] = {{"projects", "-.:", PART_MAX},
			   {"locations", "-", PART_MAX},
			   {"keyRings", "-_", ID_MAX},
			   {"cryptoKeys", "-_", ID_MAX}};
	struct view v = view_str(rest), label, part;
	size_t used = 0;

	for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++) {
		label = take_part(&v);
		part = take_part(&v);
		if (!view_is(label, collections[i].name) || !is_part(part, collections[i].others, collections[i].max) ||
		    used + PART_MAX >= sizeof(g->name) - 16)
			return false;
		used += (size_t)snprintf(g->name + used, sizeof(g->name) - used, "%s%s/%.*s", i > 0 ? "/" : "",
					 collections[i].name, (int)part.len, (const char *)part.p);
	}
	if (v.len == 0)
		return rest[strlen(rest) - 1] != '/';
	label = take_part(&v);
	if ((!view_is(label, "cryptoKeyVersions") && !view_is(label, "versions")) || !is_version(v))
		return false;
	(void)snprintf(g->version, sizeof(g->version), "%.*s", (int)v.len, (const char *)v.p);
	return true;
}

/* ---- a request ---- */

static const char *const endpoints[] = {"COFFER_GCPKMS_ENDPOINT", NULL};
static const char *const emulators[] = {"KMS_EMULATOR_HOST", NULL};

/* google.rpc.Status (AIP-193) */
static enum remote_said
judge(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	const struct doc *error = doc_get(answer, "error");
	const char *status = doc_text(doc_get(error, "status"), 1, 64);

	*words_out = remote_words(doc_get(error, "message"));
	if (reply->status == 401)
		return REMOTE_EXPIRED;
	if (reply->status == 403)
		return REMOTE_REFUSED;
	if (reply->status == 404 || (status && strcmp(status, "FAILED_PRECONDITION") == 0))
		return REMOTE_NO_KEY;
	if (reply->status == 429)
		return REMOTE_BUSY;
	/* 409: another change of the same key is under way */
	return reply->status >= 500 || reply->status == 409 ? REMOTE_DOWN : REMOTE_ODD;
}

/* INVALID_ARGUMENT: what was to be decrypted is not what this key encrypted, with this data; or it did not come through whole. */
static enum remote_said
judge_decrypt(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	const char *status = doc_text(doc_get(doc_get(answer, "error"), "status"), 1, 64);
	enum remote_said said = judge(reply, answer, words_out);

	if (said != REMOTE_ODD || !status || strcmp(status, "INVALID_ARGUMENT") != 0)
		return said;
	return *words_out && strstr(*words_out, "checksum") ? REMOTE_DOWN : REMOTE_BAD_WRAP;
}

/* struct call - one request, and what its headers are made of */
struct call {
	const struct gcpkms *key;
	struct bearer_use use;
	char project[64 + BEARER_PROJECT_MAX];
	const char *headers[2];
};

static coffer_err
add_credential(void *user, struct fault *f, struct http_request *request, bool fresh)
{
	struct call *c = user;
	coffer_err err = COFFER_OK;

	c->headers[0] = "Content-Type: application/json";
	request->headers = c->headers;
	request->n_headers = 1;
	if (!c->key->bearer)
		return COFFER_OK;
	TRY(bearer_take(f, c->key->bearer, fresh, request->timeout_ms, &c->use));
	request->bearer = &c->use.text;
	if (c->use.project[0]) {
		(void)snprintf(c->project, sizeof(c->project), "x-goog-user-project: %s", c->use.project);
		c->headers[request->n_headers++] = c->project;
	}
out:
	return err;
}

static coffer_err
make_url(struct fault *f, const struct gcpkms *g, const char *behind, char **out)
{
	const char *emulator = remote_endpoint(emulators, NULL);
	char base[512], path[sizeof(g->name) + 64];

	(void)snprintf(base, sizeof(base), "http://%s", emulator ? emulator : "");
	(void)snprintf(path, sizeof(path), "v1/%s%s", g->name, behind);
	return url_join(f, remote_endpoint(endpoints, emulator ? base : HOST_URL), path, out);
}

/* struct ask - what is asked of the key: «:encrypt», and so on */
struct ask {
	const char *method, *behind;
	struct view body;
	enum remote_said (*judge)(const struct http_reply *, const struct doc *, const char **);
};

static coffer_err
ask(struct fault *f, const struct gcpkms *g, const struct ask *a, struct doc **answer_out)
{
	struct call call = {.key = g, .use = BEARER_USE_INIT};
	const struct remote remote = {
		.name = SERVICE, .judge = a->judge ? a->judge : judge, .sign = add_credential, .user = &call};
	struct http_request r = {.method = a->method, .body = a->body, .max_body = LIMIT_ANSWER};
	char *url = NULL;
	coffer_err err;

	*answer_out = NULL;
	TRY(make_url(f, g, a->behind, &url));
	r.url = url;
	err = remote_call(f, &remote, &r, answer_out);
	if (err)
		(void)fault_prefix(f, "%s", strrchr(g->name, '/') + 1);
out:
	bearer_use_free(&call.use);
	free(url);
	return err;
}

/* ---- encrypting and decrypting ---- */

/* {"@field": @bytes, the binding, and the checksums of both} */
static coffer_err
make_body(struct fault *f, const char *field, struct view bytes, const struct binding *binding, struct secret *out)
{
	size_t used;
	coffer_err err;

	if (bytes.len > LIMIT_WRAPPED || binding->text.len > LIMIT_BINDING)
		return fault_set(f, COFFER_E_INTERNAL, "too much to send to " SERVICE);
	TRY(secret_new(f, out, BODY_MAX));
	used = (size_t)snprintf((char *)out->p, out->len, "{\"%s\":\"", field);
	enc_b64(bytes.p, bytes.len, (char *)out->p + used);
	used += ENC_B64_LEN(bytes.len);
	used += (size_t)snprintf((char *)out->p + used, out->len - used,
				 "\",\"%sCrc32c\":\"%" PRIu32 "\",\"additionalAuthenticatedDataCrc32c\":\"%" PRIu32
				 "\",\"additionalAuthenticatedData\":\"",
				 field, crc32c(bytes), crc32c(binding->text));
	enc_b64(binding->text.p, binding->text.len, (char *)out->p + used);
	used += ENC_B64_LEN(binding->text.len);
	used += (size_t)snprintf((char *)out->p + used, out->len - used, "\"}");
	out->len = used;
out:
	return err;
}

static bool
is_true(const struct doc *d)
{
	bool v;

	return doc_bool(d, &v) && v;
}

/* whether @d is the checksum of @bytes: int64, and thus text */
static bool
is_crc(const struct doc *d, struct view bytes)
{
	uint64_t v;

	return doc_decimal(d, UINT32_MAX, &v) && v == crc32c(bytes);
}

/* the version in «NAME/cryptoKeyVersions/V», when that is the key's name and V may be */
static const char *
version_in(const struct gcpkms *g, const char *name)
{
	static const char between[] = "/cryptoKeyVersions/";
	size_t len = strlen(g->name);

	if (!name || strncmp(name, g->name, len) != 0 || strncmp(name + len, between, strlen(between)) != 0)
		return NULL;
	name += len + strlen(between);
	return is_version(view_str(name)) ? name : NULL;
}

/* What is wrong with the answer to «:encrypt», or NULL and @out is filled in. */
static const char *
read_encrypted(const struct gcpkms *g, const struct doc *answer, struct recipient *out)
{
	const char *version = version_in(g, doc_text(doc_get(answer, "name"), 1, LIMIT_TEXT * 4));

	if (!is_true(doc_get(answer, "verifiedPlaintextCrc32c")) ||
	    !is_true(doc_get(answer, "verifiedAdditionalAuthenticatedDataCrc32c")))
		return "it did not compare the checksums of what it was sent";
	if (!doc_b64(doc_get(answer, "ciphertext"), out->wrapped, sizeof(out->wrapped), &out->wrapped_len) ||
	    out->wrapped_len == 0)
		return "it sent no ciphertext";
	if (!is_crc(doc_get(answer, "ciphertextCrc32c"), view_of(out->wrapped, out->wrapped_len)))
		return "the ciphertext does not have its checksum";
	if (!version || (g->version[0] && strcmp(g->version, version) != 0))
		return "it used another key than the one asked for";
	(void)snprintf(out->version, sizeof(out->version), "%s", version);
	return NULL;
}

/* What is wrong with the answer to «:decrypt», or NULL and @out has the plaintext. */
static const char *
read_decrypted(const struct doc *answer, struct secret *out)
{
	static const struct remote remote = {.name = SERVICE};

	if (remote_secret(NULL, &remote, doc_get(answer, "plaintext"), LIMIT_WRAPPED, out) != COFFER_OK)
		return "it sent no plaintext";
	if (is_crc(doc_get(answer, "plaintextCrc32c"), view_of(out->p, out->len)))
		return NULL;
	secret_free(out);
	return "the plaintext does not have its checksum";
}

static coffer_err
damaged(struct fault *f, const char *what)
{
	return fault_set(f, COFFER_E_UNAVAILABLE,
			 SERVICE " gave %d answers that are not whole: %s; look for a proxy on the way that changes "
				 "them",
			 DAMAGED_MAX, what);
}

static coffer_err
encrypt(struct fault *f, const struct gcpkms *g, const uint8_t envelope[static ENVELOPE_LEN],
	const struct binding *binding, struct recipient *out)
{
	struct ask a = {.method = "POST"};
	struct secret body = SECRET_INIT;
	const char *wrong = "";
	struct doc *answer = NULL;
	char behind[64];
	coffer_err err;

	(void)snprintf(behind, sizeof(behind), "%s%s:encrypt", g->version[0] ? "/cryptoKeyVersions/" : "", g->version);
	a.behind = behind;
	TRY(make_body(f, "plaintext", view_of(envelope, ENVELOPE_LEN), binding, &body));
	a.body = view_of(body.p, body.len);
	for (int i = 0; i < DAMAGED_MAX && wrong; i++) {
		doc_free(&answer);
		TRY(ask(f, g, &a, &answer));
		wrong = read_encrypted(g, answer, out);
	}
	err = wrong ? damaged(f, wrong) : COFFER_OK;
out:
	doc_free(&answer);
	secret_free(&body);
	return err;
}

static coffer_err
decrypt(struct fault *f, const struct gcpkms *g, const struct recipient *in, const struct binding *binding,
	struct secret *out)
{
	struct ask a = {.method = "POST", .behind = ":decrypt", .judge = judge_decrypt};
	struct secret body = SECRET_INIT;
	const char *wrong = "";
	struct doc *answer = NULL;
	coffer_err err;

	TRY(make_body(f, "ciphertext", view_of(in->wrapped, in->wrapped_len), binding, &body));
	a.body = view_of(body.p, body.len);
	for (int i = 0; i < DAMAGED_MAX && wrong; i++) {
		doc_free(&answer);
		TRY(ask(f, g, &a, &answer));
		wrong = read_decrypted(answer, out);
	}
	err = wrong ? damaged(f, wrong) : COFFER_OK;
out:
	doc_free(&answer);
	secret_free(&body);
	return err;
}

/* ---- the provider ---- */

static bool
matches(void *self, const struct recipient *in)
{
	const struct gcpkms *g = self;

	return strcmp(in->kind, KIND) == 0 && strcmp(in->id, g->name) == 0;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	const struct gcpkms *g = self;
	uint8_t envelope[ENVELOPE_LEN];
	coffer_err err;

	TRY(envelope_make(f, KIND, dek, binding, envelope));
	TRY(encrypt(f, g, envelope, binding, out));
	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", g->name);
	(void)snprintf(out->alg, sizeof(out->alg), "GOOGLE_SYMMETRIC_ENCRYPTION");
out:
	mem_wipe(envelope, sizeof(envelope));
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct gcpkms *g = self;
	struct secret envelope = SECRET_INIT;
	coffer_err err;

	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "the model was not sealed for %s", g->name);
	TRY(decrypt(f, g, in, binding, &envelope));
	TRY(envelope_open(f, KIND, view_of(envelope.p, envelope.len), binding, dek_out));
out:
	secret_free(&envelope);
	return err;
}

/* @version: a CryptoKeyVersion */
static coffer_err
read_version(struct fault *f, const struct gcpkms *g, const struct doc *version, struct key_state *out)
{
	const char *number = version_in(g, doc_text(doc_get(version, "name"), 1, LIMIT_TEXT * 4));
	const char *state = doc_text(doc_get(version, "state"), 1, 64);
	const char *created = doc_text(doc_get(version, "createTime"), 1, 64);
	const char *alg = doc_text(doc_get(version, "algorithm"), 1, RECIPIENT_ALG_MAX);

	if (!number || !state)
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 SERVICE " tells of no version of %s that wraps; is its purpose ENCRYPT_DECRYPT, and "
					 "does it have a primary version?",
				 g->name);
	(void)snprintf(out->id, sizeof(out->id), "%s", g->name);
	(void)snprintf(out->version, sizeof(out->version), "%s", number);
	(void)snprintf(out->alg, sizeof(out->alg), "%s", alg ? alg : "");
	if (!created || !utc_parse(created, &out->created))
		out->created = 0;
	out->usable = strcmp(state, "ENABLED") == 0;
	return COFFER_OK;
}

static coffer_err
get_version(struct fault *f, const struct gcpkms *g, const char *version, struct key_state *out)
{
	struct doc *answer = NULL;
	char behind[64];
	coffer_err err;

	(void)snprintf(behind, sizeof(behind), "%s%s", version[0] ? "/cryptoKeyVersions/" : "", version);
	TRY(ask(f, g, &(struct ask){.method = "GET", .behind = behind}, &answer));
	TRY(read_version(f, g, version[0] ? answer : doc_get(answer, "primary"), out));
out:
	doc_free(&answer);
	return err;
}

static coffer_err
state(void *self, struct fault *f, struct key_state *out)
{
	const struct gcpkms *g = self;

	*out = (struct key_state){.usable = false};
	return get_version(f, g, g->version, out);
}

/* Until the version in @s can be used, or for as long as one waits. */
static coffer_err
wait_ready(struct fault *f, const struct gcpkms *g, struct key_state *s)
{
	static const struct timespec pause = {.tv_nsec = READY_WAIT_MS * 1000000L};
	char number[VERSION_MAX + 1];
	coffer_err err = COFFER_OK;

	(void)snprintf(number, sizeof(number), "%.*s", VERSION_MAX, s->version);
	for (int i = 0; i < READY_TRIES && !s->usable; i++) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		TRY(get_version(f, g, number, s));
	}
	if (!s->usable)
		TRY(fault_set(f, COFFER_E_UNAVAILABLE,
			      SERVICE " made version %s of %s, which is not ready yet; make it the primary one later",
			      s->version, g->name));
out:
	return err;
}

static coffer_err
make_primary(struct fault *f, const struct gcpkms *g, struct key_state *s)
{
	struct doc *answer = NULL;
	char body[64];
	coffer_err err;

	(void)snprintf(body, sizeof(body), "{\"cryptoKeyVersionId\":\"%.*s\"}", VERSION_MAX, s->version);
	TRY(ask(f, g, &(struct ask){.method = "POST", .behind = ":updatePrimaryVersion", .body = view_str(body)},
		&answer));
	TRY(read_version(f, g, doc_get(answer, "primary"), s));
out:
	doc_free(&answer);
	return err;
}

static coffer_err
rotate(void *self, struct fault *f, struct key_state *out)
{
	const struct gcpkms *g = self;
	struct doc *answer = NULL;
	coffer_err err;

	*out = (struct key_state){.usable = false};
	if (g->version[0])
		return fault_set(f, COFFER_E_USAGE,
				 "gcpkms://%s/cryptoKeyVersions/%s names one version; leave it out to rotate the key",
				 g->name, g->version);
	TRY(ask(f, g, &(struct ask){.method = "POST", .behind = "/cryptoKeyVersions", .body = view_str("{}")},
		&answer));
	TRY(read_version(f, g, answer, out));
	TRY(wait_ready(f, g, out));
	TRY(make_primary(f, g, out));
out:
	doc_free(&answer);
	return err;
}

static void
free_gcpkms(void *self)
{
	struct gcpkms *g = self;

	if (!g)
		return;
	bearer_put(&g->bearer);
	free(g);
}

coffer_err
gcpkms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct gcpkms *g = calloc(1, sizeof(*g));
	coffer_err err = COFFER_OK;

	(void)env;
	*self_out = NULL;
	if (!g)
		return fault_nomem(f);
	if (!parse(rest, g))
		TRY(fault_set(
			f, COFFER_E_USAGE,
			"«gcpkms://%.200s» names no key: gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K, and "
			"/cryptoKeyVersions/V behind it for one version; R and K have letters, digits, _ and -, at "
			"most %d",
			rest, ID_MAX));
	if (remote_endpoint(endpoints, NULL) || !remote_endpoint(emulators, NULL))
		TRY(gcp_token_get(f, &g->bearer));
	*self_out = g;
	g = NULL;
out:
	free_gcpkms(g);
	return err;
}

const struct key_provider gcpkms_provider = {
	.kind = KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.rotate = rotate,
	.state = state,
	.free = free_gcpkms,
};
