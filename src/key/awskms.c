/* SPDX-License-Identifier: Apache-2.0 */
#include "key/awskms.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/home.h"
#include "base/limits.h"
#include "data/doc.h"
#include "key/awskms_name.h"
#include "key/envelope.h"
#include "key/remote.h"
#include "mem/secret.h"
#include "mem/secret_file.h"
#include "net/aws_cred.h"
#include "net/aws_endpoint.h"
#include "net/http.h"
#include "net/sigv4.h"

#define KIND "awskms"
#define SERVICE "AWS KMS"
#define ALGORITHM "SYMMETRIC_DEFAULT"
#define GRANT_TOKENS 10 /* of one request (API Reference, GrantTokenList) */
#define ROTATION_PAGES 20
#define BODY_MAX (96u << 10) /* grant tokens are the most of it */
#define MARKER_MAX 1024	     /* API Reference, MarkerType */
#define HOST_MAX 255

struct awskms {
	char *key; /* what is sent as KeyId */
	struct awskms_name name;
	char endpoint[AWS_URL_MAX]; /* of the URI; else empty */
	pthread_mutex_t lock;
	char region[AWS_REGION_MAX + 1]; /* under lock; empty until it is known, then it stays */
	_Atomic int64_t ahead_s;	 /* of the service's clock before ours */
};

/* ---- the URI ---- */

static void
free_awskms(void *self)
{
	struct awskms *k = self;

	if (!k)
		return;
	(void)pthread_mutex_destroy(&k->lock);
	free(k->key);
	free(k);
}

static coffer_err
set_endpoint(struct fault *f, struct awskms *k, struct view host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]", host.p[i]))
			return fault_set(f, COFFER_E_USAGE,
					 "the endpoint in an awskms:// URI is HOST or HOST:PORT, asked by https; leave "
					 "it out for AWS's own: awskms:///alias/NAME");
	if (host.len > HOST_MAX - sizeof("https://"))
		return fault_set(f, COFFER_E_USAGE, "the endpoint in an awskms:// URI is too long");
	if (host.len > 0)
		(void)snprintf(k->endpoint, sizeof(k->endpoint), "https://%.*s", (int)host.len, (const char *)host.p);
	return COFFER_OK;
}

static coffer_err
set_key(struct fault *f, struct awskms *k, const char *key)
{
	k->key = strdup(key);
	if (!k->key)
		return fault_nomem(f);
	if (!awskms_name_parse(k->key, &k->name) || k->name.region.len > AWS_REGION_MAX)
		return fault_set(
			f, COFFER_E_USAGE,
			"«%.100s» names no key of AWS KMS; there are awskms:///KEY-ID, awskms:///alias/NAME (letters, "
			"digits, / _ -) and awskms:///ARN",
			key);
	(void)snprintf(k->region, sizeof(k->region), "%.*s", (int)k->name.region.len,
		       k->name.region.len > 0 ? (const char *)k->name.region.p : "");
	return COFFER_OK;
}

coffer_err
awskms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	const char *slash = strchr(rest, '/');
	struct awskms *k = NULL;
	coffer_err err;

	(void)env;
	*self_out = NULL;
	if (!slash)
		return fault_set(
			f, COFFER_E_USAGE,
			"an awskms:// URI is awskms://[ENDPOINT]/KEY, with three slashes where there is no ENDPOINT: "
			"awskms:///alias/NAME");
	k = calloc(1, sizeof(*k));
	if (!k)
		return fault_nomem(f);
	(void)pthread_mutex_init(&k->lock, NULL);
	TRY(set_endpoint(f, k, view_of(rest, (size_t)(slash - rest))));
	TRY(set_key(f, k, slash + 1));
	*self_out = k;
	k = NULL;
out:
	free_awskms(k);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct awskms *k = self;

	return strcmp(in->kind, KIND) == 0 && awskms_name_may_be(&k->name, in->id);
}

/* ---- one call ---- */

struct call {
	char region[AWS_REGION_MAX + 1];
	char url[AWS_URL_MAX];
	char target[64];
	const char *headers[2];
	struct aws_cred cred; /* that the last try was signed with */
	struct sigv4_headers signed_headers;
	struct awskms *key;
};

static void
free_call(struct call *c)
{
	aws_cred_free(&c->cred);
	sigv4_headers_free(&c->signed_headers);
}

static coffer_err
sign(void *user, struct fault *f, struct http_request *request, bool fresh)
{
	struct call *c = user;
	uint64_t rejected = fresh ? c->cred.serial : 0;
	const struct sigv4 sigv4 = {
		.cred = &c->cred, .region = c->region, .service = "kms", .time = (int64_t)time(NULL) + c->key->ahead_s};
	coffer_err err;

	aws_cred_free(&c->cred);
	TRY(aws_cred_get(f, rejected, request->timeout_ms, &c->cred));
	TRY(sigv4_sign(f, &sigv4, request, &c->signed_headers));
out:
	return err;
}

static coffer_err
get_region(struct fault *f, struct awskms *k, char out[static AWS_REGION_MAX + 1])
{
	coffer_err err = COFFER_OK;

	(void)pthread_mutex_lock(&k->lock);
	if (k->region[0] == '\0')
		err = aws_region(f, AWS_REGION_INSTANCE, k->region);
	memcpy(out, k->region, AWS_REGION_MAX + 1);
	(void)pthread_mutex_unlock(&k->lock);
	return err;
}

static coffer_err
get_url(struct fault *f, const struct awskms *k, const char *region, char out[static AWS_URL_MAX])
{
	const char *own = home_setting("COFFER_AWSKMS_ENDPOINT");
	const char *url = k->endpoint[0] ? k->endpoint : own;

	if (!url)
		return aws_endpoint(f, "kms", region, out);
	if (snprintf(out, AWS_URL_MAX, "%s", url) >= AWS_URL_MAX)
		return fault_set(f, COFFER_E_USAGE, "COFFER_AWSKMS_ENDPOINT is longer than %d characters",
				 AWS_URL_MAX - 1);
	return COFFER_OK;
}

/* By the name of the exception, in whatever way it is written. */
static const struct {
	const char *exception;
	enum remote_said said;
} meanings[] = {
	{"IncorrectKeyException", REMOTE_WRONG_KEY},
	{"InvalidCiphertextException", REMOTE_BAD_WRAP},
	{"ExpiredTokenException", REMOTE_EXPIRED},
	{"ExpiredToken", REMOTE_EXPIRED},
	{"AccessDeniedException", REMOTE_REFUSED},
	{"AccessDenied", REMOTE_REFUSED},
	{"UnrecognizedClientException", REMOTE_REFUSED},
	{"InvalidClientTokenId", REMOTE_REFUSED},
	{"MissingAuthenticationTokenException", REMOTE_REFUSED},
	{"IncompleteSignatureException", REMOTE_REFUSED},
	{"NotAuthorized", REMOTE_REFUSED},
	{"OptInRequired", REMOTE_REFUSED},
	{"InvalidGrantTokenException", REMOTE_REFUSED},
	{"InvalidGrantIdException", REMOTE_REFUSED},
	{"LimitExceededException", REMOTE_REFUSED},
	{"UnsupportedOperationException", REMOTE_REFUSED},
	{"ConflictException", REMOTE_REFUSED},
	{"NotFoundException", REMOTE_NO_KEY},
	{"DisabledException", REMOTE_NO_KEY},
	{"KMSInvalidStateException", REMOTE_NO_KEY},
	{"InvalidKeyUsageException", REMOTE_NO_KEY},
	{"InvalidArnException", REMOTE_NO_KEY},
	{"ThrottlingException", REMOTE_BUSY},
	{"Throttling", REMOTE_BUSY},
	{"RequestLimitExceeded", REMOTE_BUSY},
	{"TooManyRequestsException", REMOTE_BUSY},
	{"KMSInternalException", REMOTE_DOWN},
	{"DependencyTimeoutException", REMOTE_DOWN},
	{"KeyUnavailableException", REMOTE_DOWN},
	{"InternalFailure", REMOTE_DOWN},
	{"ServiceUnavailable", REMOTE_DOWN},
	{"ServiceUnavailableException", REMOTE_DOWN},
	{"RequestTimeTooSkewed", REMOTE_WRONG_CLOCK},
	{"RequestExpired", REMOTE_WRONG_CLOCK},
	{"RequestInTheFuture", REMOTE_WRONG_CLOCK},
};

/* «Signature expired: … is now earlier than …» and «Signature not yet current: …» are about the clock, all else is not. */
static enum remote_said
judge_signature(const char *words)
{
	bool is_clock = words && (strncasecmp(words, "Signature expired", 17) == 0 ||
				  strncasecmp(words, "Signature not yet current", 25) == 0);

	return is_clock ? REMOTE_WRONG_CLOCK : REMOTE_REFUSED;
}

/* AWS JSON protocol: «__type» may have a name space in front of a # */
static const char *
exception_of(const struct doc *answer)
{
	const char *type = doc_text(doc_get(answer, "__type"), 1, LIMIT_TEXT), *hash;

	if (!type)
		type = doc_text(doc_get(answer, "code"), 1, LIMIT_TEXT);
	hash = type ? strrchr(type, '#') : NULL;
	return hash ? hash + 1 : type;
}

static enum remote_said
judge(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	const char *exception = exception_of(answer);
	const char *words = doc_text(doc_get(answer, "message"), 1, LIMIT_ANSWER);

	if (!words)
		words = doc_text(doc_get(answer, "Message"), 1, LIMIT_ANSWER);
	*words_out = words ? words : exception;
	if (exception && strcmp(exception, "InvalidSignatureException") == 0)
		return judge_signature(words);
	for (size_t i = 0; exception && i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(exception, meanings[i].exception) == 0)
			return meanings[i].said;
	if (reply->status == 401 || reply->status == 403)
		return REMOTE_REFUSED;
	return reply->status == 429 ? REMOTE_BUSY : reply->status >= 500 ? REMOTE_DOWN : REMOTE_ODD;
}

static void
set_clock(void *user, int64_t ahead_s)
{
	struct call *c = user;

	c->key->ahead_s = ahead_s;
}

/* ---- what is sent ---- */

static struct doc *
add_pair(struct doc *context, const char *name, const char *value)
{
	return value[0] != '\0' ? doc_set(context, name, doc_new_text(value)) : context;
}

static struct doc *
context_of(const struct binding *binding)
{
	struct doc *context = doc_object();

	context = add_pair(context, "model_id", binding->model_id);
	context = add_pair(context, "model", binding->name);
	context = add_pair(context, "version", binding->version);
	return add_pair(context, "environment", binding->environment);
}

/* The tokens of @text, white space between; NULL when memory ended. */
static struct doc *
split_tokens(struct view text)
{
	struct doc *tokens = doc_array();
	char token[8192 + 1]; /* API Reference, GrantTokenType */

	while (text.len > 0 && tokens) {
		size_t len = 0;

		while (len < text.len && !view_is_space(text.p[len]))
			len++;
		(void)snprintf(token, sizeof(token), "%.*s", (int)len, (const char *)text.p);
		tokens = doc_add(tokens, doc_new_text(token));
		text = view_trim(view_of(text.p + len, text.len - len));
	}
	mem_wipe(token, sizeof(token));
	return tokens;
}

/* A grant that was made a moment ago counts everywhere at once for who shows its token. */
static coffer_err
add_grant_tokens(struct fault *f, struct doc **body)
{
	const char *path = home_setting("COFFER_AWS_GRANT_TOKENS_FILE");
	struct secret text = SECRET_INIT;
	struct doc *tokens;
	coffer_err err = COFFER_OK;

	if (!path)
		return COFFER_OK;
	TRY(secret_from_file(f, "the grant tokens", path, LIMIT_TOKEN, &text));
	tokens = split_tokens(view_of(text.p, text.len));
	if (doc_size(tokens) > GRANT_TOKENS) {
		doc_free(&tokens);
		TRY(fault_set(f, COFFER_E_USAGE, "%s has more than %d grant tokens, which is what AWS KMS takes", path,
			      GRANT_TOKENS));
	}
	*body = doc_set(*body, "GrantTokens", tokens);
out:
	secret_free(&text);
	return err;
}

/* ---- one request ---- */

/* @body is taken over, and may be NULL: memory ended. */
static coffer_err
ask(struct fault *f, struct awskms *k, const char *operation, struct doc *body, struct doc **answer_out)
{
	struct call c = {.key = k, .cred = AWS_CRED_INIT, .signed_headers = SIGV4_HEADERS_INIT};
	const struct remote remote = {
		.name = SERVICE, .judge = judge, .sign = sign, .set_clock = set_clock, .user = &c};
	struct http_request r = {.method = "POST", .url = c.url, .headers = c.headers, .max_body = LIMIT_TOKEN};
	struct buf text = BUF_INIT(BODY_MAX);
	coffer_err err;

	*answer_out = NULL;
	if (!body)
		TRY(fault_nomem(f));
	TRY(get_region(f, k, c.region));
	TRY(get_url(f, k, c.region, c.url));
	/* a buffer that grows would leave parts of the DEK behind */
	TRY(buf_reserve(f, &text, BODY_MAX));
	TRY(doc_canonical(f, body, &text));
	(void)snprintf(c.target, sizeof(c.target), "X-Amz-Target: TrentService.%s", operation);
	c.headers[r.n_headers++] = "Content-Type: application/x-amz-json-1.1";
	c.headers[r.n_headers++] = c.target;
	r.body = buf_view(&text);
	TRY(remote_call(f, &remote, &r, answer_out));
out:
	mem_wipe(text.p, text.cap);
	buf_free(&text);
	doc_free(&body);
	free_call(&c);
	return err;
}

/* As ask(), with grant tokens: of those operations that use a key. */
static coffer_err
ask_for_key(struct fault *f, struct awskms *k, const char *operation, struct doc *body, struct doc **answer_out)
{
	coffer_err err = body ? add_grant_tokens(f, &body) : fault_nomem(f);

	*answer_out = NULL;
	if (err) {
		doc_free(&body);
		return err;
	}
	return ask(f, k, operation, body, answer_out);
}

static coffer_err
odd(struct fault *f, const char *what)
{
	return fault_set(f, COFFER_E_UNAVAILABLE, "the answer of " SERVICE " lacks %s: is that its address?", what);
}

/* The ARN in @member; COFFER_E_NOKEY when it may not be that of @k. */
static coffer_err
read_key_id(struct fault *f, const struct awskms *k, const struct doc *answer, const char *member, const char **out)
{
	const char *id = doc_text(doc_get(answer, member), 1, RECIPIENT_ID_MAX);

	*out = id;
	if (!id)
		return odd(f, "the key's ARN");
	if (!awskms_name_may_be(&k->name, id))
		return fault_set(f, COFFER_E_NOKEY,
				 SERVICE " used the key %.200s, which is not «%.100s»; check the endpoint", id, k->key);
	return COFFER_OK;
}

/* Fill @out with what was wrapped. */
static coffer_err
read_wrapped(struct fault *f, const struct awskms *k, const struct doc *answer, const char *algorithm,
	     const char *material, struct recipient *out)
{
	const char *alg = doc_text(doc_get(answer, algorithm), 1, RECIPIENT_ALG_MAX);
	const char *version = doc_text(doc_get(answer, material), 1, RECIPIENT_VERSION_MAX);
	const char *id;
	coffer_err err;

	TRY(read_key_id(f, k, answer, "KeyId", &id));
	if (!doc_b64(doc_get(answer, "CiphertextBlob"), out->wrapped, sizeof(out->wrapped), &out->wrapped_len) ||
	    out->wrapped_len == 0)
		TRY(odd(f, "the ciphertext"));
	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", id);
	(void)snprintf(out->version, sizeof(out->version), "%s", version ? version : "");
	(void)snprintf(out->alg, sizeof(out->alg), "%s", alg ? alg : ALGORITHM);
out:
	return err;
}

/* ---- the verbs ---- */

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	struct awskms *k = self;
	uint8_t envelope[ENVELOPE_LEN];
	struct doc *body = NULL, *answer = NULL;
	coffer_err err;

	TRY(envelope_make(f, KIND, dek, binding, envelope));
	body = doc_set(doc_object(), "KeyId", doc_new_text(k->key));
	body = doc_set(body, "Plaintext", doc_new_b64(envelope, sizeof(envelope)));
	body = doc_set(body, "EncryptionContext", context_of(binding));
	TRY(ask_for_key(f, k, "Encrypt", body, &answer));
	TRY(read_wrapped(f, k, answer, "EncryptionAlgorithm", "KeyMaterialId", out));
out:
	mem_wipe(envelope, sizeof(envelope));
	doc_free(&answer);
	return err;
}

/* That the service opened with the key that the recipient names, as was asked: an alias may stand for another one by now. */
static coffer_err
check_pin(struct fault *f, const struct awskms *k, const struct doc *answer, const char *member, const char *want)
{
	const char *id;
	coffer_err err;

	TRY(read_key_id(f, k, answer, member, &id));
	if (!awskms_same_key(id, want))
		TRY(fault_set(f, COFFER_E_NOKEY, SERVICE " opened with the key %.200s, and the model names %.200s", id,
			      want));
out:
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct remote remote = {.name = SERVICE};
	struct secret envelope = SECRET_INIT;
	struct awskms *k = self;
	struct doc *body, *answer = NULL;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "awskms:///%.200s is not the key that the model names, %.200s",
				 k->key, in->id);
	body = doc_set(doc_object(), "KeyId", doc_new_text(k->key));
	body = doc_set(body, "CiphertextBlob", doc_new_b64(in->wrapped, in->wrapped_len));
	body = doc_set(body, "EncryptionContext", context_of(binding));
	TRY(ask_for_key(f, k, "Decrypt", body, &answer));
	TRY(check_pin(f, k, answer, "KeyId", in->id));
	TRY(remote_secret(f, &remote, doc_get(answer, "Plaintext"), ENVELOPE_LEN, &envelope));
	TRY(envelope_open(f, KIND, view_of(envelope.p, envelope.len), binding, dek_out));
out:
	secret_free(&envelope);
	doc_free(&answer);
	return err;
}

/* One request goes to one Region of one service. */
static bool
is_one_service(struct awskms *a, struct awskms *b)
{
	char region_a[AWS_REGION_MAX + 1], region_b[AWS_REGION_MAX + 1];

	return get_region(NULL, a, region_a) == COFFER_OK && get_region(NULL, b, region_b) == COFFER_OK &&
	       strcmp(region_a, region_b) == 0 && strcmp(a->endpoint, b->endpoint) == 0;
}

static bool
can_rewrap(void *self, void *from, const struct recipient *in)
{
	return matches(from, in) && is_one_service(self, from);
}

static coffer_err
rewrap(void *self, struct fault *f, void *from, const struct recipient *in, const struct binding *binding,
       struct recipient *out)
{
	struct awskms *k = self, *old = from;
	struct doc *body, *answer = NULL;
	coffer_err err;

	body = doc_set(doc_object(), "CiphertextBlob", doc_new_b64(in->wrapped, in->wrapped_len));
	body = doc_set(body, "SourceKeyId", doc_new_text(old->key));
	body = doc_set(body, "SourceEncryptionContext", context_of(binding));
	body = doc_set(body, "DestinationKeyId", doc_new_text(k->key));
	body = doc_set(body, "DestinationEncryptionContext", context_of(binding));
	TRY(ask_for_key(f, k, "ReEncrypt", body, &answer));
	TRY(check_pin(f, old, answer, "SourceKeyId", in->id));
	TRY(read_wrapped(f, k, answer, "DestinationEncryptionAlgorithm", "DestinationKeyMaterialId", out));
out:
	doc_free(&answer);
	return err;
}

/* ---- what is known of a key ---- */

static coffer_err
ask_about(struct fault *f, struct awskms *k, const char *operation, const char *key, const char *marker,
	  struct doc **answer_out)
{
	struct doc *body = doc_set(doc_object(), "KeyId", doc_new_text(key));

	if (marker)
		body = doc_set(body, "Marker", doc_new_text(marker));
	return ask(f, k, operation, body, answer_out);
}

static bool
is_text(const struct doc *d, const char *text)
{
	const char *s = doc_text(d, 1, LIMIT_TEXT);

	return s && strcmp(s, text) == 0;
}

static coffer_err
describe(struct fault *f, struct awskms *k, struct key_state *out)
{
	const char *id, *version;
	const struct doc *metadata;
	struct doc *answer = NULL;
	uint64_t created = 0;
	bool is_enabled = false;
	coffer_err err;

	*out = (struct key_state){.usable = false};
	TRY(ask_about(f, k, "DescribeKey", k->key, NULL, &answer));
	metadata = doc_get(answer, "KeyMetadata");
	TRY(read_key_id(f, k, metadata, "Arn", &id));
	version = doc_text(doc_get(metadata, "CurrentKeyMaterialId"), 1, RECIPIENT_VERSION_MAX);
	(void)doc_floor(doc_get(metadata, "CreationDate"), DOC_NUMBER_MAX, &created);
	(void)doc_bool(doc_get(metadata, "Enabled"), &is_enabled);
	(void)snprintf(out->id, sizeof(out->id), "%s", id);
	(void)snprintf(out->version, sizeof(out->version), "%s", version ? version : "");
	(void)snprintf(out->alg, sizeof(out->alg), ALGORITHM);
	out->created = (int64_t)created;
	out->usable = is_enabled && is_text(doc_get(metadata, "KeyState"), "Enabled") &&
		      is_text(doc_get(metadata, "KeySpec"), ALGORITHM) &&
		      is_text(doc_get(metadata, "KeyUsage"), "ENCRYPT_DECRYPT");
out:
	doc_free(&answer);
	return err;
}

/* The latest of one page of rotations, if it is later. */
static void
take_latest(const struct doc *rotations, int64_t *latest)
{
	for (size_t i = 0; i < doc_size(rotations); i++) {
		uint64_t at;

		if (doc_floor(doc_get(doc_at(rotations, i), "RotationDate"), DOC_NUMBER_MAX, &at) &&
		    (int64_t)at > *latest)
			*latest = (int64_t)at;
	}
}

/* When it was last rotated, for those who may know that; the others know when it was made. */
static coffer_err
add_rotation(struct awskms *k, struct key_state *state)
{
	char marker[MARKER_MAX + 1] = "";
	coffer_err err = COFFER_OK;

	for (int i = 0; i < ROTATION_PAGES && err == COFFER_OK; i++) {
		struct doc *answer = NULL;
		const char *next = NULL;

		err = ask_about(NULL, k, "ListKeyRotations", state->id, marker[0] ? marker : NULL, &answer);
		take_latest(doc_get(answer, "Rotations"), &state->created);
		next = doc_text(doc_get(answer, "NextMarker"), 1, MARKER_MAX);
		(void)snprintf(marker, sizeof(marker), "%s", next ? next : "");
		doc_free(&answer);
		if (!next)
			break;
	}
	/* a right that is not there, a kind of key that has none: no reason to say nothing at all */
	return err == COFFER_E_NOMEM ? err : COFFER_OK;
}

static coffer_err
get_state(void *self, struct fault *f, struct key_state *out)
{
	coffer_err err;

	TRY(describe(f, self, out));
	TRY(add_rotation(self, out) ? fault_nomem(f) : COFFER_OK);
out:
	return err;
}

/* New material under the same ARN; what the old wrapped opens as before.  KMS takes an id here, no alias. */
static coffer_err
rotate(void *self, struct fault *f, struct key_state *out)
{
	struct doc *answer = NULL;
	coffer_err err;

	TRY(describe(f, self, out));
	TRY(ask_about(f, self, "RotateKeyOnDemand", out->id, NULL, &answer));
	TRY(get_state(self, f, out));
out:
	doc_free(&answer);
	return err;
}

const struct key_provider awskms_provider = {
	.kind = KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.rewrap = rewrap,
	.can_rewrap = can_rewrap,
	.rotate = rotate,
	.state = get_state,
	.free = free_awskms,
};
