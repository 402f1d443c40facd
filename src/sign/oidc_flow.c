/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/oidc_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/path.h"
#include "crypto/hash.h"
#include "crypto/rand.h"
#include "data/doc.h"
#include "net/http.h"
#include "net/loopback.h"
#include "net/url.h"
#include "sign/oidc_answer.h"

#define SCOPE "openid email"
#define OOB_URI "urn:ietf:wg:oauth:2.0:oob"
#define DEVICE_GRANT "urn:ietf:params:oauth:grant-type:device_code"
#define PATIENCE_S 300
#define RANDOM_LEN 32
#define RANDOM_TEXT (ENC_B64_LEN(RANDOM_LEN) + 1) /* base64url is not longer */
#define FORM_MAX (3 * LIMIT_TOKEN)		  /* escaped */

/* What one signing in is made of. */
struct flow {
	const struct oidc_source *source;
	const char *client_id;
	/* by discovery */
	char *issuer, *authorization, *token, *device;
	/* ours, made for this once */
	char state[RANDOM_TEXT], nonce[RANDOM_TEXT], verifier[RANDOM_TEXT], challenge[RANDOM_TEXT];
	const char *redirect_uri; /* NULL: none, as for a device */
	struct secret code;	  /* what the provider gave, or the device's own */
	const char *wanted_nonce; /* that the token must have; NULL when none was sent */
};

static unsigned int
patience_ms(const struct flow *w)
{
	unsigned int s = w->source->patience_s > 0 ? w->source->patience_s : PATIENCE_S;

	return s > 86400 ? 86400000 : s * 1000;
}

/* ---- discovery: OpenID Connect Discovery 1.0, section 4 ---- */

static coffer_err
copy_text(struct fault *f, const struct doc *d, const char *member, char **out)
{
	const char *text = doc_text(doc_get(d, member), 1, LIMIT_URL);

	*out = text ? strdup(text) : NULL;
	return *out || !text ? COFFER_OK : fault_nomem(f);
}

/* @text without a slash at its end, for people write an issuer both ways */
static size_t
bare_len(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[len - 1] == '/' ? len - 1 : len;
}

static coffer_err
check_discovered(struct fault *f, const struct flow *w)
{
	const char *want = w->source->issuer;

	if (!w->issuer || !w->token)
		return fault_set(f, COFFER_E_NET, "the configuration of %s has no «issuer» or no «token_endpoint»",
				 want);
	if (bare_len(w->issuer) != bare_len(want) || strncmp(w->issuer, want, bare_len(want)) != 0)
		return fault_set(
			f, COFFER_E_PERM,
			"the identity provider at %s calls itself «%s»: give that as the issuer, if it is meant", want,
			w->issuer);
	if (w->source->way == OIDC_DEVICE ? !w->device : !w->authorization)
		return fault_set(f, COFFER_E_USAGE, "%s cannot be signed in at %s: choose another way", want,
				 w->source->way == OIDC_DEVICE ? "by a device" : "with a browser");
	return COFFER_OK;
}

static coffer_err
read_discovered(struct fault *f, const struct http_reply *reply, struct flow *w)
{
	struct doc *d = NULL;
	coffer_err err;

	if (doc_parse_foreign(f, "", buf_view(&reply->body), &d) != COFFER_OK)
		return fault_set(f, COFFER_E_NET, "the configuration of the identity provider at %s is no JSON",
				 reply->host);
	TRY(copy_text(f, d, "issuer", &w->issuer));
	TRY(copy_text(f, d, "authorization_endpoint", &w->authorization));
	TRY(copy_text(f, d, "token_endpoint", &w->token));
	TRY(copy_text(f, d, "device_authorization_endpoint", &w->device));
	TRY(check_discovered(f, w));
	/* the others are checked when they are called; this one is called by the browser */
	if (w->authorization)
		TRY(http_check_url(f, w->authorization, false));
out:
	doc_free(&d);
	return err;
}

static coffer_err
discover(struct fault *f, struct flow *w)
{
	struct http_request r = {.method = "GET", .follow = true, .max_body = LIMIT_ANSWER};
	struct http_reply reply = {.status = 0};
	char *url = NULL;
	coffer_err err;

	TRY(url_join(f, w->source->issuer, ".well-known/openid-configuration", &url));
	r.url = url;
	TRY(http_call(f, &r, &reply));
	TRY(http_expect(f, &r, &reply, 200));
	TRY(read_discovered(f, &reply, w));
out:
	http_reply_free(&reply);
	free(url);
	return err;
}

/* ---- what nobody can guess ---- */

static coffer_err
random_text(struct fault *f, char out[static RANDOM_TEXT])
{
	uint8_t bytes[RANDOM_LEN];
	coffer_err err;

	TRY(rand_bytes(f, bytes, sizeof(bytes)));
	enc_b64url(bytes, sizeof(bytes), out);
out:
	mem_wipe(bytes, sizeof(bytes));
	return err;
}

static coffer_err
make_secrets(struct fault *f, struct flow *w)
{
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	TRY(random_text(f, w->state));
	TRY(random_text(f, w->nonce));
	TRY(random_text(f, w->verifier));
	/* S256, RFC 7636 section 4.2 */
	TRY(sha256(f, view_str(w->verifier), hash));
	enc_b64url(hash, sizeof(hash), w->challenge);
out:
	return err;
}

/* ---- the token endpoint ---- */

/* «Basic» of RFC 6749 section 2.3.1: name and password are escaped as in a form, then put together */
static coffer_err
basic_credential(struct fault *f, const struct flow *w, struct secret *out)
{
	const struct secret *password = w->source->client_secret;
	struct form form = FORM_INIT;
	uint8_t *equals;
	coffer_err err;

	TRY(form_new(f, &form, FORM_MAX));
	TRY(form_add(f, &form, w->client_id, view_of(password->p, password->len)));
	equals = memchr(form.mem.p, '=', form.len);
	*equals = ':';
	TRY(secret_new(f, out, ENC_B64_LEN(form.len) + 1));
	enc_b64(form.mem.p, form.len, (char *)out->p);
	out->len--; /* the NUL is no part of it */
out:
	form_free(&form);
	return err;
}

static coffer_err
post(struct fault *f, const struct flow *w, const char *url, const struct form *form, struct http_request *r,
     struct http_reply *reply)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
					      "Accept: application/json"};
	struct secret credential = SECRET_INIT;
	coffer_err err;

	*r = (struct http_request){.method = "POST",
				   .url = url,
				   .headers = headers,
				   .n_headers = 2,
				   .body = form_view(form),
				   .secret_reply = true,
				   .max_body = LIMIT_TOKEN};
	if (w->source->client_secret) {
		TRY(basic_credential(f, w, &credential));
		r->bearer = &credential;
		r->scheme = "Basic";
	}
	TRY(http_call(f, r, reply));
out:
	r->bearer = NULL;
	secret_free(&credential);
	return err;
}

static coffer_err
fill_token_form(struct fault *f, const struct flow *w, struct form *form)
{
	bool is_device = w->source->way == OIDC_DEVICE;
	coffer_err err;

	TRY(form_new(f, form, FORM_MAX));
	TRY(form_add_text(f, form, "grant_type", is_device ? DEVICE_GRANT : "authorization_code"));
	TRY(form_add(f, form, is_device ? "device_code" : "code", view_of(w->code.p, w->code.len)));
	TRY(form_add_text(f, form, "redirect_uri", w->redirect_uri));
	TRY(form_add_text(f, form, "client_id", w->client_id));
	TRY(form_add_text(f, form, "code_verifier", w->verifier));
out:
	return err;
}

enum outcome { OUTCOME_TOKEN, OUTCOME_PENDING, OUTCOME_SLOW_DOWN };

/* RFC 8628 section 3.5: two errors that mean «ask again», and those that mean what they say */
static coffer_err
explain_error(struct fault *f, const struct http_request *r, const struct http_reply *reply, const char *error,
	      enum outcome *outcome_out)
{
	if (strcmp(error, "authorization_pending") == 0 || strcmp(error, "slow_down") == 0) {
		*outcome_out = error[0] == 's' ? OUTCOME_SLOW_DOWN : OUTCOME_PENDING;
		return COFFER_OK;
	}
	if (strcmp(error, "access_denied") == 0)
		return fault_set(f, COFFER_E_PERM, "the identity provider says that signing in was refused");
	if (strcmp(error, "invalid_grant") == 0)
		return fault_set(f, COFFER_E_PERM, "the identity provider does not take the code: sign in again");
	if (strcmp(error, "expired_token") == 0)
		return fault_set(f, COFFER_E_PERM, "nobody signed in before the code expired: try again");
	return http_expect(f, r, reply, 200);
}

static coffer_err
take_token(struct fault *f, const struct flow *w, struct http_reply *reply, struct id_token *out)
{
	const struct id_token_policy policy = {
		.audience = w->client_id, .issuer = w->issuer, .nonce = w->wanted_nonce, .now = time(NULL)};
	struct oidc_member wanted = {.name = "id_token"};
	coffer_err err;

	TRY(oidc_members(f, reply, &wanted, 1));
	if (wanted.text.len == 0)
		TRY(fault_set(f, COFFER_E_PERM,
			      "%s gave no identity token («id_token»): is the client registered for OpenID?",
			      reply->host));
	TRY(id_token_parse(f, wanted.text, &policy, out));
out:
	return err;
}

/* The «error» of a refusal, read without writing over the answer, which http_expect() may still want. */
static void
find_error(const struct http_reply *reply, char *out, size_t cap)
{
	struct doc *d = NULL;
	const char *error = NULL;

	if (doc_parse_foreign(NULL, "", buf_view(&reply->body), &d) == COFFER_OK)
		error = doc_text(doc_get(d, "error"), 1, cap - 1);
	(void)snprintf(out, cap, "%s", error ? error : "");
	doc_free(&d);
}

static coffer_err
ask_for_token(struct fault *f, const struct flow *w, enum outcome *outcome_out, struct id_token *out)
{
	struct http_reply reply = {.status = 0};
	struct form form = FORM_INIT;
	struct http_request r;
	char error[64];
	coffer_err err;

	*outcome_out = OUTCOME_TOKEN;
	TRY(fill_token_form(f, w, &form));
	TRY(post(f, w, w->token, &form, &r, &reply));
	if (reply.status == 200) {
		err = take_token(f, w, &reply, out);
	} else {
		find_error(&reply, error, sizeof(error));
		err = explain_error(f, &r, &reply, error, outcome_out);
	}
out:
	form_free(&form);
	http_reply_free(&reply);
	return err;
}

/* ---- authorization code: RFC 6749 section 4.1 ---- */

static coffer_err
authorization_url(struct fault *f, const struct flow *w, char **out)
{
	struct form form = FORM_INIT;
	coffer_err err;

	TRY(form_new(f, &form, LIMIT_URL));
	TRY(form_add_text(f, &form, "response_type", "code"));
	TRY(form_add_text(f, &form, "client_id", w->client_id));
	TRY(form_add_text(f, &form, "scope", SCOPE));
	TRY(form_add_text(f, &form, "redirect_uri", w->redirect_uri));
	TRY(form_add_text(f, &form, "state", w->state));
	TRY(form_add_text(f, &form, "nonce", w->nonce));
	TRY(form_add_text(f, &form, "code_challenge", w->challenge));
	TRY(form_add_text(f, &form, "code_challenge_method", "S256"));
	if (asprintf(out, "%s%c%.*s", w->authorization, strchr(w->authorization, '?') ? '&' : '?', (int)form.len,
		     (const char *)form.mem.p) < 0) {
		*out = NULL;
		TRY(fault_nomem(f));
	}
out:
	form_free(&form);
	return err;
}

static coffer_err
show(struct fault *f, const struct flow *w, const char *url, const char *code)
{
	const struct oidc_ui *ui = w->source->ui;

	return ui->show_url(ui->user, f, url, code);
}

/* What the browser brought back: a code, or a refusal; by whom, if it says so (RFC 9207). */
static coffer_err
read_redirect(struct fault *f, struct flow *w, struct view query)
{
	struct secret mem = SECRET_INIT;
	char text[LIMIT_CLAIM];
	coffer_err err;

	if (query_get(query, "error", text, sizeof(text)))
		return fault_set(f, COFFER_E_PERM, "the identity provider refused to sign in: %.100s",
				 text_check(text, strlen(text)) ? text : "it does not say why");
	if (query_get(query, "iss", text, sizeof(text)) && strcmp(text, w->issuer) != 0)
		return fault_set(f, COFFER_E_PERM, "the browser brought the answer of another identity provider");
	TRY(secret_new(f, &mem, query.len + 1));
	if (!query_get(query, "code", (char *)mem.p, mem.len) || mem.p[0] == '\0')
		TRY(fault_set(f, COFFER_E_NET, "the identity provider sent the browser back without a code"));
	TRY(secret_copy(f, &w->code, mem.p, strlen((const char *)mem.p)));
out:
	secret_free(&mem);
	return err;
}

static coffer_err
get_code_by_browser(struct fault *f, struct flow *w, struct loopback *l)
{
	const struct oidc_ui *ui = w->source->ui;
	const struct loopback_wait wait = {
		.state = w->state, .timeout_ms = patience_ms(w), .stopped = ui->stopped, .arg = ui->user};
	struct secret query = SECRET_INIT;
	char *url = NULL;
	coffer_err err;

	w->redirect_uri = l->url;
	TRY(authorization_url(f, w, &url));
	TRY(show(f, w, url, NULL));
	TRY(loopback_wait(f, l, &wait, &query));
	TRY(read_redirect(f, w, view_of(query.p, query.len)));
out:
	secret_free(&query);
	free(url);
	return err;
}

static coffer_err
sign_in_by_browser(struct fault *f, struct flow *w, struct id_token *out)
{
	struct loopback l = LOOPBACK_INIT;
	enum outcome outcome;
	coffer_err err;

	TRY(loopback_open(f, &l));
	TRY(get_code_by_browser(f, w, &l));
	TRY(ask_for_token(f, w, &outcome, out));
	if (outcome != OUTCOME_TOKEN)
		TRY(fault_set(f, COFFER_E_NET, "the identity provider has not finished signing in"));
out:
	loopback_close(&l);
	return err;
}

static coffer_err
sign_in_by_hand(struct fault *f, struct flow *w, struct id_token *out)
{
	const struct oidc_ui *ui = w->source->ui;
	enum outcome outcome;
	char *url = NULL;
	coffer_err err;

	w->redirect_uri = OOB_URI;
	TRY(authorization_url(f, w, &url));
	TRY(show(f, w, url, NULL));
	TRY(ui->read_code(ui->user, f, &w->code));
	if (w->code.len == 0)
		TRY(fault_set(f, COFFER_E_USAGE, "no code was typed in"));
	TRY(ask_for_token(f, w, &outcome, out));
	if (outcome != OUTCOME_TOKEN)
		TRY(fault_set(f, COFFER_E_NET, "the identity provider has not finished signing in"));
out:
	free(url);
	return err;
}

/* ---- device: RFC 8628 ---- */

struct device {
	char *url;
	char user_code[64];
	unsigned int interval_s;
	time_t deadline;
};

static coffer_err
fill_device(struct fault *f, struct flow *w, struct http_reply *reply, struct device *d)
{
	struct oidc_member wanted[] = {
		{.name = "device_code"},      {.name = "user_code"},
		{.name = "verification_uri"}, {.name = "verification_uri_complete"},
		{.name = "interval"},	      {.name = "expires_in"},
	};
	const struct view *code = &wanted[1].text, *url;
	coffer_err err;

	TRY(oidc_members(f, reply, wanted, sizeof(wanted) / sizeof(wanted[0])));
	url = &wanted[wanted[3].text.len > 0 ? 3 : 2].text;
	if (wanted[0].text.len == 0 || code->len == 0 || code->len >= sizeof(d->user_code) || url->len == 0 ||
	    !text_check((const char *)code->p, code->len))
		TRY(fault_set(f, COFFER_E_NET, "the answer of %s is not one to a device", reply->host));
	memcpy(d->user_code, code->p, code->len);
	d->url = strndup((const char *)url->p, url->len);
	if (!d->url)
		TRY(fault_nomem(f));
	TRY(http_check_url(f, d->url, false));
	TRY(secret_copy(f, &w->code, wanted[0].text.p, wanted[0].text.len));
	d->interval_s = wanted[4].number == 0 ? 5 : wanted[4].number > 60 ? 60 : (unsigned int)wanted[4].number;
	if (wanted[5].number > 0 && wanted[5].number < patience_ms(w) / 1000)
		d->deadline = time(NULL) + (time_t)wanted[5].number;
	else
		d->deadline = time(NULL) + patience_ms(w) / 1000;
out:
	return err;
}

static coffer_err
begin_device(struct fault *f, struct flow *w, struct device *d)
{
	struct http_reply reply = {.status = 0};
	struct form form = FORM_INIT;
	struct http_request r;
	coffer_err err;

	TRY(form_new(f, &form, LIMIT_URL));
	TRY(form_add_text(f, &form, "client_id", w->client_id));
	TRY(form_add_text(f, &form, "scope", SCOPE));
	/* RFC 8628 has no PKCE; providers that know it here (Dex) want the verifier, others take no notice */
	TRY(form_add_text(f, &form, "code_challenge", w->challenge));
	TRY(form_add_text(f, &form, "code_challenge_method", "S256"));
	TRY(post(f, w, w->device, &form, &r, &reply));
	TRY(http_expect(f, &r, &reply, 200));
	TRY(fill_device(f, w, &reply, d));
out:
	form_free(&form);
	http_reply_free(&reply);
	return err;
}

static coffer_err
poll_device(struct fault *f, struct flow *w, struct device *d, struct id_token *out)
{
	const struct oidc_ui *ui = w->source->ui;
	enum outcome outcome = OUTCOME_PENDING;
	coffer_err err = COFFER_OK;

	while (outcome != OUTCOME_TOKEN) {
		struct timespec pause = {.tv_sec = d->interval_s};

		if (time(NULL) + (time_t)d->interval_s > d->deadline)
			return fault_set(f, COFFER_E_PERM, "nobody signed in before the code expired: try again");
		(void)nanosleep(&pause, NULL); /* a signal ends it early */
		if (ui->stopped && ui->stopped(ui->user))
			return fault_set(f, COFFER_E_INTERRUPTED, "interrupted while waiting for somebody to sign in");
		TRY(ask_for_token(f, w, &outcome, out));
		if (outcome == OUTCOME_SLOW_DOWN)
			d->interval_s += 5;
	}
out:
	return err;
}

static coffer_err
sign_in_by_device(struct fault *f, struct flow *w, struct id_token *out)
{
	struct device d = {.url = NULL};
	coffer_err err;

	TRY(begin_device(f, w, &d));
	TRY(show(f, w, d.url, d.user_code));
	TRY(poll_device(f, w, &d, out));
out:
	free(d.url);
	return err;
}

/* ---- all of it ---- */

static coffer_err
go(struct fault *f, struct flow *w, struct id_token *out)
{
	if (w->source->way == OIDC_DEVICE)
		return sign_in_by_device(f, w, out);
	w->wanted_nonce = w->nonce;
	return w->source->way == OIDC_OOB ? sign_in_by_hand(f, w, out) : sign_in_by_browser(f, w, out);
}

static void
free_flow(struct flow *w)
{
	free(w->issuer);
	free(w->authorization);
	free(w->token);
	free(w->device);
	secret_free(&w->code);
	mem_wipe(w, sizeof(*w));
}

coffer_err
oidc_sign_in(struct fault *f, const struct oidc_source *source, struct id_token *out)
{
	struct flow w = {
		.source = source,
		.client_id = source->client_id ? source->client_id : OIDC_CLIENT,
		.code = SECRET_INIT,
	};
	coffer_err err;

	TRY(discover(f, &w));
	TRY(make_secrets(f, &w));
	TRY(go(f, &w, out));
out:
	free_flow(&w);
	return err;
}
