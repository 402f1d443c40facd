/* SPDX-License-Identifier: Apache-2.0 */
#include "data/protobuf.h"

#include <inttypes.h>

coffer_err
protobuf_varint(struct fault *f, struct window *w, uint64_t *out)
{
	uint64_t v = 0;
	coffer_err err;
	uint8_t byte;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		TRY(window_take(f, w, &byte, 1));
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = v;
			return COFFER_OK;
		}
	}
	err = fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": a number of more than 64 bits", w->off);
out:
	return err;
}

coffer_err
protobuf_next(struct fault *f, struct window *w, struct protobuf_field *out)
{
	uint64_t tag = 0;
	coffer_err err;

	TRY(protobuf_varint(f, w, &tag));
	out->number = tag >> 3;
	out->wire = (enum protobuf_wire)(tag & 7);
	switch (out->wire) {
	case PROTOBUF_VARINT:
	case PROTOBUF_BYTES:
		TRY(protobuf_varint(f, w, &out->value));
		break;
	case PROTOBUF_FIXED64:
		out->value = 8;
		break;
	case PROTOBUF_FIXED32:
		out->value = 4;
		break;
	default:
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": a field of the unknown kind %u", w->off,
				 (unsigned int)(tag & 7));
	}
	if (out->wire != PROTOBUF_VARINT && out->value > window_left(w))
		return window_skip(f, w, out->value);
out:
	return err;
}

coffer_err
protobuf_skip(struct fault *f, struct window *w, const struct protobuf_field *field)
{
	return field->wire == PROTOBUF_VARINT ? COFFER_OK : window_skip(f, w, field->value);
}
