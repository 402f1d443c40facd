/* SPDX-License-Identifier: Apache-2.0 */
#include "data/code.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "data/code_signs.h"
#include "data/names.h"
#include "data/npy.h"
#include "data/pickle.h"
#include "data/safetensors.h"
#include "data/source.h"
#include "data/zip.h"

#define NAMES_SHOWN 3u
#define TORCH_PICKLES 5u

/* a part of a source, or all of it, that remembers what reading it said */
struct part {
	const struct coffer_source *of;
	uint64_t off;
	coffer_err err; /* the last that was none of COFFER_OK */
};

static coffer_err
read_part(void *user, uint64_t off, void *buf, size_t len)
{
	struct part *part = user;
	coffer_err err = part->of->read_at(part->of->user, part->off + off, buf, len);

	if (err != COFFER_OK)
		part->err = err;
	return err;
}

static struct coffer_source
part_source(struct part *part, uint64_t size)
{
	return (struct coffer_source){.size = size, .user = part, .read_at = read_part};
}

/* the file that is looked at: words for it go to @what */
struct look {
	struct fault *f;
	const struct coffer_source *source;
	struct code_head head;
	unsigned int depth; /* in archives */
	char *what;	    /* COFFER_CODE_LEN bytes; empty until something is found */
};

static void __attribute__((format(printf, 2, 3))) found(struct look *look, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(look->what, COFFER_CODE_LEN, fmt, args);
	va_end(args);
}

/* ---- compression ---- */

static coffer_err
is_safetensors(struct look *look, bool *is_out)
{
	struct tensor_table table = TENSOR_TABLE_INIT;
	coffer_err err = COFFER_E_FORMAT;

	if (look->head.len > 8 && look->head.p[8] == '{')
		err = safetensors_read(look->f, look->source, 0, &table);
	*is_out = err == COFFER_OK;
	tensor_table_free(&table);
	return err == COFFER_E_FORMAT ? COFFER_OK : err;
}

static coffer_err
look_for_compression(struct look *look)
{
	const char *what = code_compression(&look->head);
	bool is_safe = false;
	coffer_err err = COFFER_OK;

	if (!what)
		return COFFER_OK;
	/* the length of its header can be any of these numbers */
	TRY(is_safetensors(look, &is_safe));
	if (!is_safe)
		found(look, "is compressed (%s): what is in it cannot be told", what);
out:
	return err;
}

/* ---- pickles ---- */

/* «calls os.system, builtins.eval and 3 more when it is unpickled»: what is called, or else what is imported */
static void
tell_names(struct look *look, const struct pickle_report *report)
{
	size_t n = report->n_called > 0 ? report->n_called : report->n_names, n_shown = 0, len;

	found(look, "%s", report->n_called > 0 ? "calls" : "imports");
	for (size_t i = 0; i < report->n_names && n_shown < NAMES_SHOWN; i++) {
		const char *text = report->names[i].text;

		if (report->n_called > 0 && !report->names[i].called)
			continue;
		len = strlen(look->what);
		if (len + strlen(text) > COFFER_CODE_LEN - 64)
			break;
		snprintf(look->what + len, COFFER_CODE_LEN - len, "%s%s",
			 n_shown == 0	    ? " "
			 : n_shown + 1 == n ? " and "
					    : ", ",
			 text);
		n_shown++;
	}
	len = strlen(look->what);
	if (report->n_names == PICKLE_NAMES)
		snprintf(look->what + len, COFFER_CODE_LEN - len, " and more");
	else if (n > n_shown)
		snprintf(look->what + len, COFFER_CODE_LEN - len, " and %zu more", n - n_shown);
	len = strlen(look->what);
	snprintf(look->what + len, COFFER_CODE_LEN - len, " when it is unpickled");
}

/*
 * @sure: that it is a pickle.  Else nothing is made of one that breaks off before anything was called: any text can begin like an
 * import.
 */
static void
tell_pickle(struct look *look, const struct pickle_report *report, bool sure)
{
	if (report->n_names > 0 && (sure || report->complete || report->doubt || report->n_called > 0))
		tell_names(look, report);
	else if (report->doubt)
		found(look, "is a pickle of which it cannot be told what it calls: %s", report->doubt);
	else if (sure && !report->complete)
		found(look, "is a pickle that is broken: what it calls cannot be told");
}

/* whether another one begins at @off; what follows the five of torch.save() is numbers, which can look like anything */
static coffer_err
begins_another(struct look *look, uint64_t off, bool *begins_out)
{
	uint8_t head[3];
	size_t len = (size_t)num_min(look->source->size - off, sizeof(head));
	coffer_err err;

	TRY(source_read(look->f, look->source, off, head, len));
	*begins_out = pickle_begins(head, len);
out:
	return err;
}

/* from @off on, one after the other, as far as there are any; @sure: that the first is one */
static coffer_err
look_for_pickles(struct look *look, uint64_t off, bool sure)
{
	uint32_t budget = LIMIT_PICKLE_OPCODES;
	struct pickle_report report;
	coffer_err err = COFFER_OK;

	for (unsigned int i = 0; off < look->source->size && !*look->what; i++) {
		if (i == LIMIT_PICKLES) {
			found(look, "is more pickles than are looked at");
			break;
		}
		TRY(pickle_scan(look->f, look->source, off, &budget, &report));
		tell_pickle(look, &report, sure);
		if (!report.complete)
			break;
		off = report.end;
		sure = false;
		if (i + 1 < TORCH_PICKLES)
			TRY(begins_another(look, off, &sure));
	}
out:
	return err;
}

static coffer_err
look_at_npy(struct look *look)
{
	uint64_t data = 0;
	bool is_plain;
	coffer_err err;

	err = npy_is_plain(look->f, look->source, &is_plain, &data);
	if (err == COFFER_OK && is_plain)
		return COFFER_OK;
	if (err == COFFER_OK)
		TRY(look_for_pickles(look, data, false));
	else if (err != COFFER_E_FORMAT)
		goto out;
	if (!*look->what)
		found(look, "is a NumPy array that can hold objects: cannot be told");
	err = COFFER_OK;
out:
	return err;
}

/* ---- archives ---- */

struct archive {
	struct look *look;
	struct names names;
	char *torch; /* what names of PyTorch's files in it begin with, «archive/»; NULL when it is none of PyTorch's */
};

static coffer_err look_at(struct look *look, const char *path);

/* remember the name, for none may stand there twice; and what it says about the archive */
static coffer_err
visit_name(struct fault *f, void *user, const struct zip_entry *entry, bool *stop)
{
	struct archive *a = user;
	const char *name, *slash;
	coffer_err err;

	TRY(names_add(f, &a->names, entry->name, &name));
	slash = strchr(name, '/');
	if (strcmp(slash ? slash + 1 : name, "constants.pkl") == 0) {
		found(a->look, "is a TorchScript program");
		*stop = true;
	} else if (strcmp(slash ? slash + 1 : name, "data.pkl") == 0 && !a->torch) {
		a->torch = strndup(name, slash ? (size_t)(slash - name) + 1 : 0);
		if (!a->torch)
			err = fault_nomem(f);
	}
out:
	return err;
}

/* the bytes of a storage, which nobody takes for anything else */
static bool
is_storage(const struct archive *a, const char *name)
{
	size_t len = a->torch ? strlen(a->torch) : 0;

	return a->torch && strncmp(name, a->torch, len) == 0 && strncmp(name + len, "data/", 5) == 0 &&
	       name[len + 5] != '\0' && strspn(name + len + 5, "0123456789") == strlen(name + len + 5);
}

static bool
is_torch_pickle(const struct archive *a, const char *name)
{
	size_t len = a->torch ? strlen(a->torch) : 0;

	return a->torch && strncmp(name, a->torch, len) == 0 && strcmp(name + len, "data.pkl") == 0;
}

static coffer_err
look_at_member(struct archive *a, const char *name, const struct zip_entry *entry)
{
	struct part part = {.of = a->look->source, .off = entry->off};
	struct coffer_source source = part_source(&part, entry->size);
	char what[COFFER_CODE_LEN] = "";
	struct look look = {.f = a->look->f, .source = &source, .depth = a->look->depth + 1, .what = what};
	coffer_err err;

	TRY(look_at(&look, name));
	if (!*what && is_torch_pickle(a, name))
		TRY(look_for_pickles(&look, 0, true));
	if (*what && is_torch_pickle(a, name))
		found(a->look, "%s", what);
	else if (*what)
		found(a->look, "holds «%.*s», which %s", name_shown(name), name, what);
out:
	return err;
}

static coffer_err
visit_member(struct fault *f, void *user, const struct zip_entry *entry, bool *stop)
{
	struct archive *a = user;
	char *name = strndup((const char *)entry->name.p, entry->name.len);
	coffer_err err = COFFER_OK;

	if (!name)
		return fault_nomem(f);
	if (entry->stored && !is_storage(a, name))
		TRY(look_at_member(a, name, entry));
	else if (!entry->stored)
		found(a->look, "holds «%.*s», which is compressed: what is in it cannot be told", name_shown(name),
		      name);
	*stop = *a->look->what != '\0';
out:
	free(name);
	return err;
}

static coffer_err
look_at_zip(struct look *look)
{
	struct archive a = {.look = look, .names = NAMES_INIT};
	bool has_directory = false;
	coffer_err err;

	if (look->depth == LIMIT_CODE_DEPTH) {
		found(look, "is a ZIP archive in others: what is in it cannot be told");
		return COFFER_OK;
	}
	TRY(zip_walk(look->f, look->source, visit_name, &a, &has_directory));
	TRY(names_unique(look->f, &a.names, 0, "the file"));
	if (!*look->what && has_directory)
		TRY(zip_walk(look->f, look->source, visit_member, &a, &has_directory));
	if (!has_directory)
		err = fault_set(look->f, COFFER_E_FORMAT, "zip: no central directory");
out:
	names_free(&a.names);
	free(a.torch);
	/* readers do not agree on what is in a broken archive */
	if (err != COFFER_E_FORMAT)
		return err;
	found(look, "is a ZIP archive that is broken or contradicts itself: what is in it cannot be told");
	return COFFER_OK;
}

/* ---- all ---- */

static coffer_err
look_at_content(struct look *look)
{
	bool is_behind = false;
	coffer_err err = COFFER_OK;

	if (code_is_zip(&look->head))
		return look_at_zip(look);
	TRY(look_for_compression(look));
	if (!*look->what && code_is_tar(&look->head))
		found(look, "is a tar archive: what is in it cannot be told");
	if (!*look->what && npy_begins(look->head.p, look->head.len))
		TRY(look_at_npy(look));
	if (!*look->what)
		TRY(look_for_pickles(look, 0, pickle_begins(look->head.p, look->head.len) && look->head.p[8] != '{'));
	if (!*look->what)
		TRY(zip_is_behind(look->f, look->source, &is_behind));
	if (is_behind)
		found(look, "has a ZIP archive at its end: what is in it cannot be told");
out:
	return err;
}

/* goes into itself by way of look_at_member(), LIMIT_CODE_DEPTH times at most */
static coffer_err
look_at(struct look *look, const char *path)
{
	const char *sign = code_sign_of_name(path);
	coffer_err err;

	look->head.len = (size_t)num_min(look->source->size, CODE_HEAD_SIZE);
	TRY(source_read(look->f, look->source, 0, look->head.p, look->head.len));
	if (!sign)
		sign = code_sign_of_head(&look->head);
	if (sign)
		found(look, "%s", sign);
	else
		TRY(look_at_content(look));
out:
	return err;
}

coffer_err
code_find(struct fault *f, const char *path, const struct coffer_source *source, char what_out[static COFFER_CODE_LEN])
{
	struct part whole = {.of = source};
	struct coffer_source readable = part_source(&whole, source->size);
	struct look look = {.f = f, .source = &readable, .what = what_out};
	coffer_err err;

	what_out[0] = '\0';
	err = look_at(&look, path);
	/* whatever was made of it in between: a file that cannot be read is not one that is broken */
	if (whole.err != err && whole.err != COFFER_OK)
		err = fault_set(f, whole.err, "cannot read it: %s", coffer_err_text(whole.err));
	if (err != COFFER_OK)
		what_out[0] = '\0';
	else
		fault_clear(f);
	return err;
}
