/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document (RFC 8259), read strictly and written canonically (RFC 8785).
 *
 * Only what coffer's own documents need: objects, arrays, text without control
 * characters, whole numbers below 2^53, names of ASCII.  Over jansson, which stays behind this header.
 *
 * What a document had in memory is wiped when it is freed, and one for which memory did not suffice is none.  For that
 * jansson is given a malloc() and a free() of ours (json_set_alloc_funcs()), once, when the first document is made: a
 * setting of the whole process, which does no harm to an application that uses jansson, too, for free() takes what malloc()
 * gave (mem/wiping.h).  An application that has set an allocator of its own keeps it, and wiping is then its task.
 */
#ifndef DATA_DOC_H
#define DATA_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"

#define DOC_NUMBER_MAX ((INT64_C(1) << 53) - 1) /* every reader has it exactly */

struct doc; /* a value; those inside another belong to it */

/**
 * doc_parse() - read one document
 * @what: its name, for messages
 * @out: gets it; free with doc_free()
 *
 * Refuses duplicate members, nesting past LIMIT_JSON_DEPTH, anything after the end, and wherever it stands what
 * doc_canonical() could not write: control characters, names that are not ASCII, fractions, numbers of 2^53 and more.
 */
coffer_err doc_parse(struct fault *f, const char *what, struct view text, struct doc **out);

/**
 * doc_parse_foreign() - read one document that others write
 *
 * As doc_parse(), but text may hold control characters (no NUL), names any UTF-8, and numbers may be fractions or negative.  What it gives
 * cannot be written canonically.  At most LIMIT_JSON_VALUES values, so that memory stays a small multiple of the text.
 */
coffer_err doc_parse_foreign(struct fault *f, const char *what, struct view text, struct doc **out);

/** doc_free() - free *@d and set it to NULL; NULL is fine */
void doc_free(struct doc **d);

/** doc_canonical() - append the canonical form of @d */
coffer_err doc_canonical(struct fault *f, const struct doc *d, struct buf *out);

/**
 * doc_olpc() - append the canonical form that TUF signs (wiki.laptop.org/go/Canonical_JSON, as securesystemslib writes it)
 *
 * Members in order of code points, no space, control characters as they are.  Of a document of doc_parse_foreign() too;
 * COFFER_E_FORMAT when it has a number that is not whole.
 */
coffer_err doc_olpc(struct fault *f, const struct doc *d, struct buf *out);

/**
 * doc_python() - append what Python's json.dumps() would make of @d
 *
 * Members in the order in which they were read, «, » and «: » between, ASCII alone, floats with the fewest digits.  Of a document
 * of doc_parse_foreign(), too.
 */
coffer_err doc_python(struct fault *f, const struct doc *d, struct buf *out);

/* ---- reading; all of them take NULL and say no ---- */

const struct doc *doc_get(const struct doc *object, const char *member);
bool doc_is_object(const struct doc *d);
bool doc_is_array(const struct doc *d);
/** doc_text() - NUL-terminated UTF-8 without control characters of @min to @max bytes, or NULL */
const char *doc_text(const struct doc *d, size_t min, size_t max);
/** doc_string() - any text, as bytes that live as long as @d; UTF-8 without NUL, and a NUL follows them */
bool doc_string(const struct doc *d, struct view *out);
/** doc_is_null() - whether it is there and null */
bool doc_is_null(const struct doc *d);
/** doc_bool() - true or false */
bool doc_bool(const struct doc *d, bool *out);
/** doc_whole() - a whole number from 0 to @max, be it written 5, 5.0 or 5e0; with fraction or exponent only below 2^53, where it is exact */
bool doc_whole(const struct doc *d, uint64_t max, uint64_t *out);
/** doc_floor() - a number from 0 to @max, at most DOC_NUMBER_MAX, without its fraction: as AWS writes points in time */
bool doc_floor(const struct doc *d, uint64_t max, uint64_t *out);
/** doc_decimal() - text that is a whole number from 0 to @max without sign or leading zero, as protobuf's JSON writes int64; a plain number too */
bool doc_decimal(const struct doc *d, uint64_t max, uint64_t *out);
/** doc_b64_buf() - text that is base64, appended to @out; COFFER_E_FORMAT, without a sentence, when it is not, or is longer than the ceiling */
coffer_err doc_b64_buf(struct fault *f, const struct doc *d, struct buf *out);
/** doc_number() - a whole number from @min to @max */
bool doc_number(const struct doc *d, uint64_t min, uint64_t max, uint64_t *out);
/** doc_hex() - text of exactly 2 · @len lower-case hex digits */
bool doc_hex(const struct doc *d, void *out, size_t len);
/** doc_b64() - text that is base64 of at most @cap bytes */
bool doc_b64(const struct doc *d, void *out, size_t cap, size_t *len_out);
/** doc_size() - members of an object or elements of an array */
size_t doc_size(const struct doc *d);
const struct doc *doc_at(const struct doc *array, size_t index);
/** doc_only() - whether @object has just the @n members of @names */
bool doc_only(const struct doc *object, const char *const names[], size_t n);
/** doc_each() - call @fn with each member of @object, in order of its name; ends at the first error */
coffer_err doc_each(const struct doc *object, coffer_err (*fn)(void *arg, const char *name, const struct doc *value),
		    void *arg);

/* ---- building; an object or array owns what is put into it.  A failed allocation makes the whole NULL-poisoned:
 * every call takes NULL, and the end result is NULL, so one check at the end is enough. ---- */

struct doc *doc_object(void);
struct doc *doc_array(void);
struct doc *doc_new_text(const char *text);
/** doc_new_string() - any text, as doc_string() gives; NULL when it is no UTF-8, too */
struct doc *doc_new_string(struct view text);
struct doc *doc_new_hex(const void *bytes, size_t len);
struct doc *doc_new_b64(const void *bytes, size_t len);
struct doc *doc_new_number(uint64_t v);
/** doc_share() - @d once more, for another object to own */
struct doc *doc_share(const struct doc *d);
/** doc_set() - put @value under @member; both are freed and NULL is returned when either is NULL or memory ends */
struct doc *doc_set(struct doc *object, const char *member, struct doc *value);
/** doc_add() - append @value; as doc_set() */
struct doc *doc_add(struct doc *array, struct doc *value);
/** doc_remove() - take @member away */
void doc_remove(struct doc *object, const char *member);

#endif
