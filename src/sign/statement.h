/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An in-toto statement of a model signature, as its JSON has it: what is where, and nothing about whether it may.
 *
 * Members may come in any order, so nothing can be judged before all is read.  No tree is built: text stays where it was
 * decoded.  Members that nobody here knows are passed over, one that is known and doubled is refused.
 */
#ifndef SIGN_STATEMENT_H
#define SIGN_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

/* UTF-8 without NUL; where there was none it begins at NULL */
struct entry {
	struct view name, digest, algorithm;
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

struct statement_number {
	bool given;
	uint64_t value;
};

struct statement {
	uint8_t *text; /* what the views below are of */
	struct view type, predicate_type;
	struct entries subjects;  /* the digest is the SHA-256 one, the algorithm annotations.actual_hash_algorithm */
	struct entries resources; /* of the predicate */
	struct view method, hash_type;
	struct statement_number shard_size, allow_symlinks;
	struct entries ignored; /* names alone */
};

#define STATEMENT_INIT                                                                                                 \
	{                                                                                                              \
		.text = NULL                                                                                           \
	}

#define STATEMENT_V02 "https://model_signing/Digests/v0.1" /* the predicate of model_signing 0.2.0 */

/** statement_is_v02() - whether it is one of model_signing 0.2.0; nothing but its own copy is kept in memory, so that a stranger's may be asked */
bool statement_is_v02(struct view json);

/** statement_read() - read @json, of which a copy is made; COFFER_E_FORMAT, for lists longer than LIMIT_SHARDS too */
coffer_err statement_read(struct fault *f, struct view json, struct statement *s);

/** statement_free() - free what it holds; it is empty again */
void statement_free(struct statement *s);

#endif
