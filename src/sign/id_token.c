/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/id_token.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/utc.h"
#include "data/scan.h"

#define EARLY_S 60 /* a provider's clock may be that much ahead of ours */

/* ---- the form: HEADER.PAYLOAD.SIGNATURE, each in base64url (RFC 7515 section 7.1) ---- */

static coffer_err
no_token(struct fault *f, const char *why)
{
	return fault_set(f, COFFER_E_FORMAT, "the identity token is no JSON Web Token: %s", why);
}

static bool
is_base64url(struct view v)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		      c == '_'))
			return false;
	}
	return v.len > 0;
}

static coffer_err
split(struct fault *f, struct view text, struct view *payload_out)
{
	struct view part[3] = {{0}};
	size_t n = 0;

	for (size_t from = 0, i = 0; i <= text.len; i++) {
		if (i < text.len && text.p[i] != '.')
			continue;
		if (n == 3)
			return no_token(f, "it has more than three parts");
		part[n++] = view_of(text.p + from, i - from);
		from = i + 1;
	}
	/* a token without a signature is one that anybody can write */
	if (n < 3 || !is_base64url(part[0]) || !is_base64url(part[1]) || !is_base64url(part[2]))
		return no_token(f, "it is not three parts in base64url with dots between them");
	*payload_out = part[1];
	return COFFER_OK;
}

static coffer_err
decode(struct fault *f, struct view part, struct secret *out, size_t *len_out)
{
	coffer_err err = secret_new(f, out, part.len);

	if (err == COFFER_OK && !dec_b64url((const char *)part.p, part.len, out->p, out->len, len_out))
		err = no_token(f, "its payload is not base64url");
	return err;
}

/* ---- what it claims ---- */

struct claims {
	struct view iss, sub, email, nonce;
	uint64_t exp, nbf;
	bool has_exp, has_aud;
	unsigned int seen; /* a bit a claim: none may come twice */
	const char *audience;
};

enum { CLAIM_ISS, CLAIM_SUB, CLAIM_EMAIL, CLAIM_NONCE, CLAIM_AUD, CLAIM_EXP, CLAIM_NBF, N_CLAIMS };

static const char *const claim_names[N_CLAIMS] = {"iss", "sub", "email", "nonce", "aud", "exp", "nbf"};

static unsigned int
find_claim(struct view key)
{
	unsigned int i = 0;

	while (i < N_CLAIMS && !view_is(key, claim_names[i]))
		i++;
	return i;
}

/* a text, or a list of them (RFC 7519 section 4.1.3) */
static coffer_err
read_audience(struct fault *f, struct scan *r, struct claims *c)
{
	struct view one;
	bool more = true;
	coffer_err err = COFFER_OK;

	if (scan_peek(r) != '[') {
		TRY(scan_string(f, r, &one));
		c->has_aud = view_is(one, c->audience);
		return COFFER_OK;
	}
	TRY(scan_enter(f, r, '['));
	for (;;) {
		TRY(scan_next(f, r, ']', &more));
		if (!more)
			break;
		TRY(scan_string(f, r, &one));
		c->has_aud |= view_is(one, c->audience);
	}
out:
	return err;
}

static coffer_err
read_claim(struct fault *f, struct scan *r, unsigned int claim, struct claims *c)
{
	struct view *const texts[] = {&c->iss, &c->sub, &c->email, &c->nonce};

	bool optional = claim == CLAIM_EMAIL || claim == CLAIM_NONCE;

	/* «email»: null is what some providers write for none */
	if (claim == N_CLAIMS || (optional && scan_peek(r) != '"'))
		return scan_skip(f, r);
	if (c->seen >> claim & 1)
		return fault_set(f, COFFER_E_FORMAT, "«%s» is there twice", claim_names[claim]);
	c->seen |= 1u << claim;
	if (claim <= CLAIM_NONCE)
		return scan_string(f, r, texts[claim]);
	if (claim == CLAIM_AUD)
		return read_audience(f, r, c);
	c->has_exp |= claim == CLAIM_EXP;
	return scan_whole(f, r, claim == CLAIM_EXP ? &c->exp : &c->nbf);
}

static coffer_err
read_claims(struct fault *f, struct secret *json, size_t len, struct claims *c)
{
	struct scan r = scan_begin(json->p, len);
	struct view key;
	bool more;
	coffer_err err;

	TRY(scan_enter(f, &r, '{'));
	for (;;) {
		TRY(scan_next(f, &r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, &r, &key));
		TRY(read_claim(f, &r, find_claim(key), c));
	}
	TRY(scan_end(f, &r));
out:
	return err;
}

/* ---- whether it will do ---- */

static coffer_err
check_texts(struct fault *f, const struct claims *c)
{
	const struct view texts[] = {c->iss, c->sub, c->email};

	for (unsigned int i = CLAIM_ISS; i <= CLAIM_EMAIL; i++)
		if (texts[i].len > LIMIT_CLAIM || !text_check((const char *)texts[i].p, texts[i].len) ||
		    (texts[i].len == 0 && i != CLAIM_EMAIL))
			return fault_set(f, COFFER_E_FORMAT,
					 "the identity token has no «%s», or one that is too long or no text",
					 claim_names[i]);
	if (!c->has_exp || c->exp > INT64_MAX || c->nbf > INT64_MAX - EARLY_S)
		return fault_set(f, COFFER_E_FORMAT, "the identity token does not say until when it is good («exp»)");
	return COFFER_OK;
}

static coffer_err
check_time(struct fault *f, const struct claims *c, int64_t now)
{
	char when[UTC_LEN + 1];

	if ((int64_t)c->exp <= now)
		return fault_set(f, COFFER_E_PERM, "the identity token expired at %s: get a new one",
				 utc_text((int64_t)c->exp, when));
	if ((int64_t)c->nbf > now + EARLY_S)
		return fault_set(f, COFFER_E_PERM,
				 "the identity token is good from %s only: is this machine's clock right?",
				 utc_text((int64_t)c->nbf, when));
	return COFFER_OK;
}

static coffer_err
check_claims(struct fault *f, const struct claims *c, const struct id_token_policy *policy)
{
	coffer_err err;

	TRY(check_texts(f, c));
	if (policy->issuer && !view_is(c->iss, policy->issuer))
		return fault_set(f, COFFER_E_PERM, "the identity token is by «%.*s», not by «%s»", (int)c->iss.len,
				 (const char *)c->iss.p, policy->issuer);
	if (!c->has_aud)
		return fault_set(f, COFFER_E_PERM,
				 "the identity token is not for «%s» («aud»): ask the provider for one that is",
				 policy->audience);
	if (policy->nonce && !view_is(c->nonce, policy->nonce))
		return fault_set(f, COFFER_E_PERM,
				 "the identity token answers another request than ours (its «nonce» differs)");
	TRY(check_time(f, c, policy->now));
out:
	return err;
}

static coffer_err
keep(struct fault *f, struct view text, const struct claims *c, struct id_token *out)
{
	coffer_err err;

	TRY(secret_copy(f, &out->text, text.p, text.len));
	out->issuer = strndup((const char *)c->iss.p, c->iss.len);
	out->subject = strndup((const char *)c->sub.p, c->sub.len);
	out->email = c->email.len > 0 ? strndup((const char *)c->email.p, c->email.len) : NULL;
	out->expires = (int64_t)c->exp;
	if (!out->issuer || !out->subject || (c->email.len > 0 && !out->email))
		TRY(fault_nomem(f));
out:
	return err;
}

coffer_err
id_token_parse(struct fault *f, struct view text, const struct id_token_policy *policy, struct id_token *out)
{
	struct claims c = {.audience = policy->audience};
	struct secret json = SECRET_INIT;
	struct view payload = {0};
	size_t len = 0;
	coffer_err err;

	text = view_trim(text);
	if (text.len == 0 || text.len > LIMIT_TOKEN)
		return no_token(f, text.len == 0 ? "it is empty" : "it is too long");
	TRY(split(f, text, &payload));
	TRY(decode(f, payload, &json, &len));
	/* a sentence about the JSON says where, not what */
	err = read_claims(f, &json, len, &c);
	if (err)
		TRY(fault_prefix(f, "the identity token"));
	TRY(check_claims(f, &c, policy));
	TRY(keep(f, text, &c, out));
out:
	secret_free(&json);
	return err;
}

void
id_token_free(struct id_token *t)
{
	secret_free(&t->text);
	free(t->issuer);
	free(t->subject);
	free(t->email);
	*t = (struct id_token){.text = SECRET_INIT};
}
