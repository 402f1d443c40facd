/* SPDX-License-Identifier: Apache-2.0 */
#include "data/npy.h"

#include <string.h>

#include "base/limits.h"
#include "data/source.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_LEN 6u
#define PREFIX_MAX 12u

bool
npy_begins(const uint8_t *head, size_t len)
{
	return len >= MAGIC_LEN && memcmp(head, MAGIC, MAGIC_LEN) == 0;
}

static bool
take_word(struct view *v, const char *word)
{
	struct view rest = *v, taken;

	if (!view_take(&rest, strlen(word), &taken) || !view_is(taken, word))
		return false;
	*v = rest;
	return true;
}

/* one character of @set */
static bool
take_one(struct view *v, const char *set)
{
	if (v->len == 0 || v->p[0] == '\0' || !strchr(set, v->p[0]))
		return false;
	*v = view_of(v->p + 1, v->len - 1);
	return true;
}

static void
take_all(struct view *v, const char *set)
{
	while (take_one(v, set))
		;
}

/* «<f4», «|V2», «<M8[ns]» */
static bool
take_plain_type(struct view *v)
{
	if (!take_one(v, "<>|=") || !take_one(v, "?biufcSUVmM"))
		return false;
	take_all(v, "0123456789");
	if (take_one(v, "[")) {
		take_all(v, "0123456789abcdefghijklmnopqrstuvwxyzDMWY");
		return take_one(v, "]");
	}
	return true;
}

static bool
is_plain(struct view v)
{
	if (!take_word(&v, "{'descr': '") || !take_plain_type(&v) || !take_word(&v, "', 'fortran_order': ") ||
	    (!take_word(&v, "False") && !take_word(&v, "True")) || !take_word(&v, ", 'shape': ("))
		return false;
	take_all(&v, "0123456789, L");
	if (!take_word(&v, ")"))
		return false;
	take_all(&v, ", ");
	if (!take_word(&v, "}"))
		return false;
	take_all(&v, " \n");
	return v.len == 0;
}

coffer_err
npy_is_plain(struct fault *f, const struct coffer_source *source, bool *is_out, uint64_t *data_out)
{
	struct buf header = BUF_INIT(LIMIT_NPY_HEADER);
	uint8_t prefix[PREFIX_MAX];
	size_t at = 10;
	uint32_t len;
	coffer_err err;

	*is_out = false;
	TRY(source_read(f, source, 0, prefix, at));
	len = (uint32_t)(prefix[8] | prefix[9] << 8);
	if (prefix[6] > 1) {
		at = PREFIX_MAX;
		TRY(source_read(f, source, 0, prefix, at));
		len = get_le32(prefix + 8);
	}
	if (prefix[6] == 0 || prefix[6] > 3 || len > LIMIT_NPY_HEADER)
		TRY(fault_set(f, COFFER_E_FORMAT, "npy: no version from 1 to 3, or a header that is too long"));
	TRY(source_slurp(f, source, at, len, &header));
	*data_out = at + len;
	*is_out = is_plain(buf_view(&header));
out:
	buf_free(&header);
	return err;
}
