/* SPDX-License-Identifier: Apache-2.0 */
#include "data/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define WINDOW_SIZE ((size_t)64 << 10)
#define SLURP_STEP ((size_t)1 << 20)

coffer_err
source_read(struct fault *f, const struct coffer_source *source, uint64_t off, void *out, size_t len)
{
	coffer_err err;

	if (off > source->size || len > source->size - off)
		return fault_set(f, COFFER_E_FORMAT, "it ends at byte %" PRIu64 ", but byte %" PRIu64 " is needed",
				 source->size, off + (len > 0 ? len - 1 : 0));
	if (len == 0)
		return COFFER_OK;
	err = source->read_at(source->user, off, out, len);
	if (err != COFFER_OK)
		return fault_set(f, err, "cannot read %zu bytes at %" PRIu64 ": %s", len, off, coffer_err_text(err));
	return COFFER_OK;
}

coffer_err
source_slurp(struct fault *f, const struct coffer_source *source, uint64_t off, size_t len, struct buf *out)
{
	coffer_err err = COFFER_OK;

	if (off > source->size || len > source->size - off)
		return source_read(f, source, off, NULL, len);
	while (len > 0) {
		size_t step = (size_t)num_min(len, SLURP_STEP);

		TRY(buf_reserve(f, out, step));
		TRY(source_read(f, source, off, out->p + out->len, step));
		out->len += step;
		off += step;
		len -= step;
	}
out:
	return err;
}

coffer_err
window_open(struct fault *f, struct window *w, const struct coffer_source *source, uint64_t off, uint64_t end)
{
	if (end > source->size || off > end)
		return fault_set(f, COFFER_E_FORMAT, "it ends at byte %" PRIu64, source->size);
	w->bytes = malloc(WINDOW_SIZE);
	if (!w->bytes)
		return fault_nomem(f);
	w->source = source;
	w->off = off;
	w->end = end;
	w->bytes_off = 0;
	w->bytes_len = 0;
	return COFFER_OK;
}

void
window_close(struct window *w)
{
	free(w->bytes);
	*w = (struct window)WINDOW_INIT;
}

/* have the byte at w->off in w->bytes */
static coffer_err
fill(struct fault *f, struct window *w)
{
	size_t len = (size_t)num_min(window_left(w), WINDOW_SIZE);
	coffer_err err;

	if (w->off >= w->bytes_off && w->off - w->bytes_off < w->bytes_len)
		return COFFER_OK;
	w->bytes_len = 0;
	TRY(source_read(f, w->source, w->off, w->bytes, len));
	w->bytes_off = w->off;
	w->bytes_len = len;
out:
	return err;
}

coffer_err
window_take(struct fault *f, struct window *w, void *out, size_t len)
{
	coffer_err err = COFFER_OK;
	uint8_t *p = out;

	if (len > window_left(w))
		return window_skip(f, w, len);
	while (len > 0) {
		size_t at, part;

		TRY(fill(f, w));
		at = (size_t)(w->off - w->bytes_off);
		part = (size_t)num_min(len, w->bytes_len - at);
		memcpy(p, w->bytes + at, part);
		p += part;
		len -= part;
		w->off += part;
	}
out:
	return err;
}

coffer_err
window_skip(struct fault *f, struct window *w, uint64_t len)
{
	if (len > window_left(w))
		return fault_set(f, COFFER_E_FORMAT,
				 "byte %" PRIu64 ": %" PRIu64 " bytes are said to follow, %" PRIu64 "%s", w->off, len,
				 window_left(w), w->end == w->source->size ? " do" : " may");
	w->off += len;
	return COFFER_OK;
}

coffer_err
window_le32(struct fault *f, struct window *w, uint32_t *out)
{
	uint8_t bytes[4];
	coffer_err err;

	TRY(window_take(f, w, bytes, sizeof(bytes)));
	*out = get_le32(bytes);
out:
	return err;
}

coffer_err
window_le64(struct fault *f, struct window *w, uint64_t *out)
{
	uint8_t bytes[8];
	coffer_err err;

	TRY(window_take(f, w, bytes, sizeof(bytes)));
	*out = get_le64(bytes);
out:
	return err;
}
