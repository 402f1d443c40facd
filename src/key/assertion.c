/* SPDX-License-Identifier: Apache-2.0 */
#include "key/assertion.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "crypto/rand.h"

#define ID_LEN 16
#define SKEW_S 30 /* that our clock may be ahead of the endpoint's */

static void
put_text(struct json_out *j, const char *name, const char *value)
{
	if (value)
		json_out_str(j, name, value);
}

static coffer_err
write_header(struct json_out *j, const struct assertion *a)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "alg", a->alg == ASSERTION_PS256 ? "PS256" : "RS256");
	json_out_str(j, "typ", "JWT");
	if (a->key_name)
		put_text(j, a->key_name, a->key_id);
	json_out_end(j);
	return json_out_done(j);
}

static coffer_err
write_claims(struct fault *f, struct json_out *j, const struct assertion *a)
{
	uint64_t from = (uint64_t)time(NULL) - SKEW_S;
	char id[2 * ID_LEN + 1];
	uint8_t random[ID_LEN];
	coffer_err err;

	TRY(rand_bytes(f, random, sizeof(random)));
	enc_hex(random, sizeof(random), id);
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "iss", a->issuer);
	put_text(j, "sub", a->subject);
	json_out_str(j, "aud", a->audience);
	put_text(j, "scope", a->scope);
	json_out_str(j, "jti", id);
	json_out_uint(j, "iat", from);
	json_out_uint(j, "nbf", from);
	json_out_uint(j, "exp", from + a->lifetime_s);
	json_out_end(j);
	TRY(json_out_done(j));
out:
	return err;
}

/* append @bytes in base64url */
static coffer_err
add_part(struct fault *f, struct buf *text, struct view bytes)
{
	coffer_err err;

	TRY(buf_reserve(f, text, ENC_B64_LEN(bytes.len) + 1));
	enc_b64url(bytes.p, bytes.len, (char *)text->p + text->len);
	text->len += strlen((const char *)text->p + text->len);
out:
	return err;
}

coffer_err
assertion_make(struct fault *f, const struct assertion *a, const struct privkey *key, struct secret *out)
{
	struct buf text = BUF_INIT(LIMIT_TOKEN), sig = BUF_INIT(LIMIT_SIGNATURE);
	struct json_out header, claims;
	coffer_err err;

	json_out_init(&header, f);
	json_out_init(&claims, f);
	if (privkey_kind(key) != PKEY_RSA)
		TRY(fault_set(f, COFFER_E_KEY, "%s proves itself by an RSA key, and this is a %s one", a->issuer,
			      pkey_kind_name(privkey_kind(key))));
	TRY(write_header(&header, a));
	TRY(write_claims(f, &claims, a));
	/* without the line ends */
	TRY(add_part(f, &text, view_trim(buf_view(&header.text))));
	TRY(buf_str(f, &text, "."));
	TRY(add_part(f, &text, view_trim(buf_view(&claims.text))));
	if (a->alg == ASSERTION_PS256)
		TRY(privkey_sign_pss(f, key, buf_view(&text), &sig));
	else
		TRY(privkey_sign(f, key, DIGEST_SHA256, buf_view(&text), &sig));
	/* only with the signature is it a credential, and then it is in memory that is wiped */
	TRY(buf_str(f, &text, "."));
	TRY(secret_new(f, out, text.len + ENC_B64_LEN(sig.len) + 1));
	memcpy(out->p, text.p, text.len);
	enc_b64url(sig.p, sig.len, (char *)out->p + text.len);
	out->len = strlen((const char *)out->p);
out:
	mem_wipe(sig.p, sig.len);
	json_out_free(&header);
	json_out_free(&claims);
	buf_free(&text);
	buf_free(&sig);
	return err;
}
