/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/dsse.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAE_HEADER_MAX (DSSE_TYPE_MAX + 64)

static coffer_err
put_header(struct fault *f, const char *version, const char *payload_type, size_t payload_len,
	   char out[static PAE_HEADER_MAX])
{
	int n = snprintf(out, PAE_HEADER_MAX, "%s %zu %s %zu ", version, strlen(payload_type), payload_type,
			 payload_len);

	if (n < 0 || n >= PAE_HEADER_MAX)
		return fault_set(f, COFFER_E_FORMAT, "a payload type of %zu bytes", strlen(payload_type));
	return COFFER_OK;
}

coffer_err
dsse_pae(struct fault *f, const char *payload_type, struct view payload, struct buf *out)
{
	char header[PAE_HEADER_MAX];
	coffer_err err;

	TRY(put_header(f, "DSSEv1", payload_type, payload.len, header));
	TRY(buf_str(f, out, header));
	TRY(buf_add(f, out, payload.p, payload.len));
out:
	return err;
}

coffer_err
dsse_digest(struct fault *f, enum digest_kind kind, const char *payload_type, struct view payload,
	    uint8_t out[static DIGEST_MAX])
{
	char header[PAE_HEADER_MAX];
	struct view parts[2];
	coffer_err err;

	TRY(put_header(f, "DSSEv1", payload_type, payload.len, header));
	parts[0] = view_str(header);
	parts[1] = payload;
	TRY(digest_of_parts(f, kind, parts, 2, out));
out:
	return err;
}

/* One byte as Python's repr() of bytes shows it between quotes; how many characters that is. */
static size_t
repr_byte(uint8_t byte, char quote, char out[static 5])
{
	static const char letters[] = "\t\n\r\\", shown[] = "tnr\\";
	const char *at = byte ? strchr(letters, byte) : NULL;

	if (at || byte == (uint8_t)quote)
		return (size_t)snprintf(out, 5, "\\%c", at ? shown[at - letters] : quote);
	if (byte < 0x20 || byte >= 0x7f)
		return (size_t)snprintf(out, 5, "\\x%02x", byte);
	out[0] = (char)byte;
	return 1;
}

coffer_err
dsse_pae_v02(struct fault *f, const char *payload_type, struct view payload, struct buf *out)
{
	bool single = payload.len > 0 && memchr(payload.p, '\'', payload.len);
	bool both = single && memchr(payload.p, '"', payload.len);
	const char quote[] = {single && !both ? '"' : '\'', '\0'};
	char header[PAE_HEADER_MAX], shown[5];
	coffer_err err;

	TRY(put_header(f, "DSSEV1", payload_type, payload.len, header));
	TRY(buf_str(f, out, header));
	TRY(buf_str(f, out, "b"));
	TRY(buf_str(f, out, quote));
	for (size_t i = 0; i < payload.len; i++)
		TRY(buf_add(f, out, shown, repr_byte(payload.p[i], quote[0], shown)));
	TRY(buf_str(f, out, quote));
out:
	return err;
}
