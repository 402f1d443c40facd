/* SPDX-License-Identifier: Apache-2.0 */
#include "key/body.h"

#include <string.h>

#include "base/enc.h"

#define BRACES 2

coffer_err
body_new(struct fault *f, struct body *body, size_t cap)
{
	coffer_err err = secret_new(f, &body->mem, cap + BRACES);

	if (err)
		return err;
	body->mem.p[0] = '{';
	body->len = 1;
	return COFFER_OK;
}

void
body_free(struct body *body)
{
	secret_free(&body->mem);
	body->len = 0;
}

/* One byte is kept for the brace that ends it. */
static bool
put(struct body *body, const void *bytes, size_t len)
{
	if (len >= body->mem.len - body->len)
		return false;
	memcpy(body->mem.p + body->len, bytes, len);
	body->len += len;
	return true;
}

static bool
put_char(struct body *body, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char escaped[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

	if (c < 0x20)
		return put(body, escaped, sizeof(escaped));
	if (c == '"' || c == '\\')
		return put(body, "\\", 1) && put(body, &c, 1);
	return put(body, &c, 1);
}

static bool
put_name(struct body *body, const char *name)
{
	return (body->len == 1 || put(body, ",", 1)) && put(body, "\"", 1) && put(body, name, strlen(name)) &&
	       put(body, "\":\"", 3);
}

static coffer_err
too_long(struct fault *f, const char *name)
{
	return fault_set(f, COFFER_E_USAGE, "what is to be sent as «%s» is too long", name);
}

coffer_err
body_text(struct fault *f, struct body *body, const char *name, struct view value)
{
	bool fits = put_name(body, name);

	for (size_t i = 0; i < value.len && fits; i++)
		fits = put_char(body, value.p[i]);
	return fits && put(body, "\"", 1) ? COFFER_OK : too_long(f, name);
}

coffer_err
body_b64(struct fault *f, struct body *body, const char *name, struct view value)
{
	size_t len = ENC_B64_LEN(value.len);

	/* the NUL that enc_b64() writes stands where the quotation mark will */
	if (!put_name(body, name) || len + 1 >= body->mem.len - body->len)
		return too_long(f, name);
	enc_b64(value.p, value.len, (char *)body->mem.p + body->len);
	body->len += len;
	return put(body, "\"", 1) ? COFFER_OK : too_long(f, name);
}

struct view
body_end(struct body *body)
{
	body->mem.p[body->len] = '}';
	return view_of(body->mem.p, body->len + 1);
}
