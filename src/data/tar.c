/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tar.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/view.h"
#include "data/source.h"

/* POSIX.1-2017, pax, «ustar Interchange Format» */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	CHECKSUM = 148,
	TYPE = 156,
	MAGIC = 257,
	DEV_MAJOR = 329,
	DEV_MINOR = 337,
	PREFIX = 345,
};

#define NAME_LEN 100u
#define PREFIX_LEN 155u
#define NUMBER_LEN 12u /* eleven octal digits and a NUL */
#define NUMBER_MAX ((UINT64_C(1) << 33) - 1)
#define EXTENDED_MAX (2 * LIMIT_SIGNED_PATH)

static const char magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};

uint64_t
tar_room(uint64_t size)
{
	return num_round_up(size, TAR_BLOCK);
}

/* ---- one block ---- */

static void
put_number(uint8_t *block, unsigned int off, unsigned int digits, uint64_t v)
{
	block[off + digits] = '\0';
	for (unsigned int i = digits; i-- > 0; v /= 8)
		block[off + i] = (uint8_t)('0' + v % 8);
}

/* Exactly @digits octal digits and a NUL. */
static bool
get_number(const uint8_t *block, unsigned int off, unsigned int digits, uint64_t *out)
{
	*out = 0;
	for (unsigned int i = 0; i < digits; i++) {
		if (block[off + i] < '0' || block[off + i] > '7')
			return false;
		*out = *out * 8 + (uint64_t)(block[off + i] - '0');
	}
	return block[off + digits] == '\0';
}

/* The sum of all bytes, those of the checksum itself taken for spaces. */
static uint64_t
sum_of(const uint8_t block[static TAR_BLOCK])
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < TAR_BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : block[i];
	return sum;
}

/* Where @path is cut in two: at a slash, so that both halves fit; 0 when all of it is the name, -1 when it does not fit. */
static int
split_at(const char *path)
{
	size_t len = strlen(path);

	if (len <= NAME_LEN)
		return 0;
	for (size_t i = len - NAME_LEN - 1; i <= PREFIX_LEN && i < len; i++)
		if (i > 0 && path[i] == '/' && i + 1 < len)
			return (int)i;
	return -1;
}

static void
make_block(const struct tar_member *m, char type, const char *path, uint64_t size, uint8_t block[static TAR_BLOCK])
{
	int at = split_at(path);
	const char *name = at > 0 ? path + at + 1 : path;

	memset(block, 0, TAR_BLOCK);
	memcpy(block + NAME, name, num_min(strlen(name), NAME_LEN));
	if (at > 0)
		memcpy(block + PREFIX, path, (size_t)at);
	put_number(block, MODE, 7, m->mode & 0777);
	put_number(block, UID, 7, 0); /* owner and group: whoever unpacks it */
	put_number(block, GID, 7, 0);
	put_number(block, SIZE, NUMBER_LEN - 1, size);
	put_number(block, MTIME, NUMBER_LEN - 1, num_min(m->mtime < 0 ? 0 : (uint64_t)m->mtime, NUMBER_MAX));
	block[TYPE] = (uint8_t)type;
	memcpy(block + MAGIC, magic, sizeof(magic));
	put_number(block, DEV_MAJOR, 7, 0);
	put_number(block, DEV_MINOR, 7, 0);
	put_number(block, CHECKSUM, 6, sum_of(block));
	block[CHECKSUM + 7] = ' ';
}

/* ---- writing ---- */

/* «LENGTH KEY=VALUE\n», where LENGTH counts itself. */
static coffer_err
add_record(struct fault *f, struct buf *out, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, n_digits = 1;
	char digits[24];
	coffer_err err;

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", rest + n_digits) != n_digits)
		n_digits++;
	TRY(buf_printf(f, out, "%s %s=", digits, key));
	TRY(buf_str(f, out, value));
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}

static coffer_err
add_zeros(struct fault *f, struct buf *out, uint64_t size)
{
	static const uint8_t zero[TAR_BLOCK];

	return buf_add(f, out, zero, (size_t)(tar_room(size) - size));
}

/* A member of type «x»: what of @m the next header has no room for. */
static coffer_err
add_extended(struct fault *f, struct buf *out, const struct tar_member *m)
{
	struct buf records = BUF_INIT(EXTENDED_MAX);
	uint8_t block[TAR_BLOCK];
	char digits[24];
	coffer_err err = COFFER_OK;

	if (split_at(m->path) < 0)
		TRY(add_record(f, &records, "path", m->path));
	if (m->size > NUMBER_MAX) {
		(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)m->size);
		TRY(add_record(f, &records, "size", digits));
	}
	make_block(m, 'x', "pax", records.len, block);
	TRY(buf_add(f, out, block, sizeof(block)));
	TRY(buf_add(f, out, records.p, records.len));
	TRY(add_zeros(f, out, records.len));
out:
	buf_free(&records);
	return err;
}

coffer_err
tar_header(struct fault *f, const struct tar_member *m, struct buf *out)
{
	uint8_t block[TAR_BLOCK];
	coffer_err err = COFFER_OK;

	if (split_at(m->path) < 0 || m->size > NUMBER_MAX)
		TRY(add_extended(f, out, m));
	make_block(m, '0', split_at(m->path) < 0 ? "long" : m->path, num_min(m->size, NUMBER_MAX), block);
	TRY(buf_add(f, out, block, sizeof(block)));
out:
	return err;
}

/* ---- reading ---- */

static coffer_err
damaged(struct fault *f, const char *why)
{
	return fault_set(f, COFFER_E_FORMAT, "the archive %s", why);
}

static size_t
text_len(const uint8_t *p, size_t max)
{
	const uint8_t *nul = memchr(p, '\0', max);

	return nul ? (size_t)(nul - p) : max;
}

static coffer_err
read_block(struct fault *f, const struct coffer_source *source, uint64_t *off, uint8_t block[static TAR_BLOCK])
{
	coffer_err err;

	if (*off > source->size || source->size - *off < TAR_BLOCK)
		return damaged(f, "is cut");
	TRY(source_read(f, source, *off, block, TAR_BLOCK));
	*off += TAR_BLOCK;
out:
	return err;
}

static coffer_err
parse_block(struct fault *f, const uint8_t block[static TAR_BLOCK], struct tar_member *m, char *type)
{
	size_t name = text_len(block + NAME, NAME_LEN), prefix = text_len(block + PREFIX, PREFIX_LEN);
	uint64_t sum, mode, mtime;

	if (memcmp(block + MAGIC, magic, sizeof(magic)) != 0)
		return damaged(f, "has something else where a header belongs");
	if (!get_number(block, CHECKSUM, 6, &sum) || sum != sum_of(block))
		return damaged(f, "has a header with a wrong sum");
	if (!get_number(block, MODE, 7, &mode) || mode > 0777 || !get_number(block, SIZE, NUMBER_LEN - 1, &m->size) ||
	    !get_number(block, MTIME, NUMBER_LEN - 1, &mtime))
		return damaged(f, "has a number that is none");
	m->mode = (uint32_t)mode;
	m->mtime = (int64_t)mtime;
	*type = (char)block[TYPE];
	(void)snprintf(m->path, sizeof(m->path), "%.*s%s%.*s", (int)prefix, (const char *)block + PREFIX,
		       prefix > 0 ? "/" : "", (int)name, (const char *)block + NAME);
	return COFFER_OK;
}

/* Take «LENGTH KEY=VALUE\n» off @v: the key and the value as views of it. */
static bool
take_record(struct view *v, struct view *key, struct view *value)
{
	const uint8_t *space = memchr(v->p, ' ', v->len), *equals;
	char digits[8];
	struct view record;
	uint64_t len;

	if (!space || (size_t)(space - v->p) >= sizeof(digits))
		return false;
	memcpy(digits, v->p, (size_t)(space - v->p));
	digits[space - v->p] = '\0';
	if (!num_parse(digits, 1, EXTENDED_MAX, &len) || !view_take(v, (size_t)len, &record) ||
	    record.p[record.len - 1] != '\n' || record.p + record.len <= space + 1)
		return false;
	equals = memchr(space, '=', (size_t)(record.p + record.len - space));
	if (!equals)
		return false;
	*key = view_of(space + 1, (size_t)(equals - space) - 1);
	*value = view_of(equals + 1, (size_t)(record.p + record.len - equals) - 2);
	return true;
}

static bool
is_text(struct view v, const char *text)
{
	return v.len == strlen(text) && memcmp(v.p, text, v.len) == 0;
}

/* What «x» said of the next member. */
struct extended {
	char path[LIMIT_SIGNED_PATH + 1]; /* or the empty string */
	uint64_t size;			  /* or 0 */
};

static bool
take_value(struct extended *x, struct view key, struct view value)
{
	char digits[24];

	if (is_text(key, "path") && value.len > 0 && value.len < sizeof(x->path) && x->path[0] == '\0' &&
	    !memchr(value.p, '\0', value.len)) {
		memcpy(x->path, value.p, value.len);
		x->path[value.len] = '\0';
		return true;
	}
	if (!is_text(key, "size") || value.len >= sizeof(digits) || x->size != 0)
		return false;
	memcpy(digits, value.p, value.len);
	digits[value.len] = '\0';
	return num_parse(digits, NUMBER_MAX + 1, LIMIT_SIZE, &x->size);
}

static coffer_err
read_extended(struct fault *f, const struct coffer_source *source, uint64_t *off, uint64_t size, struct extended *x)
{
	struct buf records = BUF_INIT(EXTENDED_MAX);
	struct view v, key, value;
	coffer_err err;

	memset(x, 0, sizeof(*x));
	if (size == 0 || size > EXTENDED_MAX || source->size - *off < tar_room(size))
		return damaged(f, "has an extended header of a wrong length");
	TRY(source_slurp(f, source, *off, (size_t)size, &records));
	*off += tar_room(size);
	v = buf_view(&records);
	while (v.len > 0)
		if (!take_record(&v, &key, &value) || !take_value(x, key, value))
			TRY(damaged(f, "has an extended header that this reader does not know"));
out:
	buf_free(&records);
	return err;
}

/* The end: a second block of zeros, and nothing behind it. */
static coffer_err
check_end(struct fault *f, const struct coffer_source *source, uint64_t off)
{
	uint8_t block[TAR_BLOCK];
	coffer_err err;

	TRY(read_block(f, source, &off, block));
	if (!view_zero(view_of(block, sizeof(block))) || off != source->size)
		TRY(damaged(f, "has something behind its end"));
out:
	return err;
}

coffer_err
tar_next(struct fault *f, const struct coffer_source *source, uint64_t *off, struct tar_member *m, bool *end_out)
{
	uint8_t block[TAR_BLOCK];
	struct extended x = {.path = ""};
	char type;
	coffer_err err;

	memset(m, 0, sizeof(*m));
	*end_out = false;
	TRY(read_block(f, source, off, block));
	if (view_zero(view_of(block, sizeof(block)))) {
		TRY(check_end(f, source, *off));
		*end_out = true;
		goto out;
	}
	TRY(parse_block(f, block, m, &type));
	if (type == 'x') {
		TRY(read_extended(f, source, off, m->size, &x));
		TRY(read_block(f, source, off, block));
		TRY(parse_block(f, block, m, &type));
	}
	if (type != '0')
		TRY(damaged(f, "has something else than files in it"));
	if (x.path[0] != '\0')
		memcpy(m->path, x.path, sizeof(m->path));
	if (x.size != 0)
		m->size = x.size;
	if (m->path[0] == '\0' || source->size - *off < tar_room(m->size))
		TRY(damaged(f, "is cut, or has a file without a name"));
	m->off = *off;
	*off += tar_room(m->size);
out:
	return err;
}
