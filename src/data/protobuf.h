/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding), read from a window.
 *
 * Groups, which nobody writes any more, are refused.
 */
#ifndef DATA_PROTOBUF_H
#define DATA_PROTOBUF_H

#include <stdint.h>

#include "base/fault.h"
#include "data/source.h"

enum protobuf_wire { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };

/** struct protobuf_field - a field's tag, and the first of what follows */
struct protobuf_field {
	uint64_t number;
	enum protobuf_wire wire;
	uint64_t value; /* of a VARINT, or how many BYTES stand at the window now; 8 or 4 of a FIXED one */
};

/** protobuf_varint() - the next number; COFFER_E_FORMAT when it has more than 64 bits, else as window_take() */
coffer_err protobuf_varint(struct fault *f, struct window *w, uint64_t *out);

/** protobuf_next() - the next field; unless it is a VARINT the caller takes or skips its bytes, which are there */
coffer_err protobuf_next(struct fault *f, struct window *w, struct protobuf_field *out);

/** protobuf_skip() - pass over the bytes of @field */
coffer_err protobuf_skip(struct fault *f, struct window *w, const struct protobuf_field *field);

#endif
