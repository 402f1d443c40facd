/* SPDX-License-Identifier: Apache-2.0 */
#include "data/safetensors_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/scan.h"
#include "data/source.h"

static const char weight_map[] = "weight_map";
static const char suffix[] = ".safetensors";

static bool
has_suffix(struct view name)
{
	size_t len = sizeof(suffix) - 1;

	return name.len > len && memcmp(name.p + name.len - len, suffix, len) == 0;
}

/* the name of a file in the same folder; the suffix rules out «.» and «..» */
static bool
is_shard_name(struct view name)
{
	return has_suffix(name) && name.len <= LIMIT_PATH_PART && !memchr(name.p, '/', name.len) &&
	       !memchr(name.p, '\\', name.len);
}

/* the text of @shard; entries of one shard mostly follow each other and share it */
static coffer_err
keep_shard(struct fault *f, struct safetensors_index *index, struct view shard, const char **shard_out)
{
	if (index->n > 0 && view_is(shard, index->v[index->n - 1].shard)) {
		*shard_out = index->v[index->n - 1].shard;
		return COFFER_OK;
	}
	return names_add(f, &index->shards, shard, shard_out);
}

static coffer_err
list_room(struct fault *f, struct safetensors_index *index)
{
	size_t cap = index->cap ? index->cap * 2 : 64;
	struct index_entry *v;

	if (index->n == LIMIT_TENSORS)
		return fault_set(f, COFFER_E_FORMAT, "more than %u tensors", LIMIT_TENSORS);
	if (index->n < index->cap)
		return COFFER_OK;
	v = reallocarray(index->v, cap, sizeof(*v));
	if (!v)
		return fault_nomem(f);
	index->v = v;
	index->cap = cap;
	return COFFER_OK;
}

static coffer_err
add_entry(struct fault *f, struct safetensors_index *index, struct view tensor, struct view shard)
{
	struct index_entry entry;
	coffer_err err;

	if (!is_shard_name(shard))
		return fault_set(f, COFFER_E_FORMAT, "a shard is no plain file name that ends in %s", suffix);
	TRY(list_room(f, index));
	TRY(names_add(f, &index->tensors, tensor, &entry.tensor));
	TRY(keep_shard(f, index, shard, &entry.shard));
	index->v[index->n++] = entry;
out:
	return err;
}

static coffer_err
read_map(struct fault *f, struct scan *r, struct safetensors_index *index)
{
	struct view tensor, shard;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, r, &tensor));
		TRY(scan_string(f, r, &shard));
		TRY(add_entry(f, index, tensor, shard));
	}
	TRY(names_unique(f, &index->tensors, 0, "the tensor"));
out:
	return err;
}

/* members but weight_map tell nothing about where tensors lie: they are passed over, but none may stand there twice */
static coffer_err
read_document(struct fault *f, struct scan *r, struct safetensors_index *index)
{
	struct names keys = NAMES_INIT;
	const char *kept;
	struct view key;
	bool more, found = false;
	coffer_err err;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, r, &key));
		TRY(names_add(f, &keys, key, &kept));
		if (strcmp(kept, weight_map) != 0) {
			TRY(scan_skip(f, r));
		} else if (!found) {
			found = true;
			TRY(read_map(f, r, index));
		} else {
			break; /* twice: names_unique() below says so */
		}
	}
	TRY(names_unique(f, &keys, 0, "the member"));
	TRY(scan_end(f, r));
	if (!found)
		err = fault_set(f, COFFER_E_FORMAT, "there is no weight_map");
out:
	names_free(&keys);
	return err;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;
	int c = x->shard == y->shard ? 0 : strcmp(x->shard, y->shard);

	return c != 0 ? c : strcmp(x->tensor, y->tensor);
}

coffer_err
safetensors_index_read(struct fault *f, const struct coffer_source *source, struct safetensors_index *index)
{
	struct buf text = BUF_INIT(LIMIT_WEIGHTS_HEADER);
	struct scan r;
	coffer_err err;

	if (source->size > LIMIT_WEIGHTS_HEADER)
		return fault_set(f, COFFER_E_FORMAT, "an index of %" PRIu64 " bytes: at most %u are accepted",
				 source->size, LIMIT_WEIGHTS_HEADER);
	TRY(source_slurp(f, source, 0, (size_t)source->size, &text));
	r = scan_begin(text.p, text.len);
	TRY(read_document(f, &r, index));
	if (index->n > 1)
		qsort(index->v, index->n, sizeof(*index->v), compare_entries);
out:
	buf_free(&text);
	return err;
}

void
safetensors_index_free(struct safetensors_index *index)
{
	free(index->v);
	names_free(&index->tensors);
	names_free(&index->shards);
	*index = (struct safetensors_index)SAFETENSORS_INDEX_INIT;
}

/* at the value of weight_map */
static coffer_err
looks_like_map(struct scan *r, bool *looks_out)
{
	struct view tensor, shard;
	coffer_err err;
	bool more;

	TRY(scan_enter(NULL, r, '{'));
	TRY(scan_next(NULL, r, '}', &more));
	*looks_out = !more;
	if (more) {
		TRY(scan_key(NULL, r, &tensor));
		TRY(scan_string(NULL, r, &shard));
		*looks_out = has_suffix(shard);
	}
out:
	return err;
}

bool
safetensors_index_looks(void *text, size_t len)
{
	struct scan r = scan_begin(text, len);
	bool more, looks = false;
	struct view key;
	coffer_err err;

	TRY(scan_enter(NULL, &r, '{'));
	for (;;) {
		TRY(scan_next(NULL, &r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(NULL, &r, &key));
		if (view_is(key, weight_map)) {
			TRY(looks_like_map(&r, &looks));
			break;
		}
		TRY(scan_skip(NULL, &r));
	}
out:
	return err == COFFER_OK && looks;
}
