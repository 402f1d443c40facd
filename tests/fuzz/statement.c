/* SPDX-License-Identifier: Apache-2.0 */
/* A statement: names that are read lead nowhere but into the model, each stands once, and what is written says the same. */
#include <string.h>

#include "base/limits.h"
#include "sign/manifest.h"
#include "sign/statement.h"
#include "support/fuzz.h"

/* said in another way than manifest.c does */
static bool
is_inside(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && path[0] != '/' && path[len - 1] != '/' && !strstr(path, "//") && !strstr(path, "/../") &&
	       !strstr(path, "/./") && strncmp(path, "../", 3) != 0 && strncmp(path, "./", 2) != 0 &&
	       strcmp(path, "..") != 0 && strcmp(path, ".") != 0 && (len < 3 || strcmp(path + len - 3, "/..") != 0) &&
	       (len < 2 || strcmp(path + len - 2, "/.") != 0);
}

static void
check_sorted(const struct manifest *m)
{
	for (size_t i = 1; i < m->n; i++) {
		const struct resource *a = &m->resources[i - 1], *b = &m->resources[i];

		need(strcmp(a->path, b->path) != 0 || a->start != b->start);
	}
}

static void
check_rewrite(struct manifest *m)
{
	struct buf text = BUF_INIT((size_t)1 << 24), again = BUF_INIT((size_t)1 << 24);
	struct manifest back;

	manifest_sort(m);
	check_sorted(m);
	manifest_init(&back);
	need(manifest_write(NULL, m, &text) == COFFER_OK);
	need(manifest_parse(NULL, buf_view(&text), &back) == COFFER_OK);
	need(back.n == m->n && back.n_ignore_paths == m->n_ignore_paths);
	need(manifest_write(NULL, &back, &again) == COFFER_OK);
	need(text.len == again.len && memcmp(text.p, again.p, text.len) == 0);
	manifest_free(&back);
	buf_free(&text);
	buf_free(&again);
}

static void
check(struct manifest *m)
{
	need(m->n > 0 && m->n_ignore_paths <= LIMIT_IGNORE_PATHS);
	for (size_t i = 0; i < m->n; i++) {
		const struct resource *r = &m->resources[i];

		need(is_inside(r->path) || strcmp(r->path, ".") == 0);
		need(m->method == MANIFEST_FILES ? r->end == 0
						 : r->end > r->start && r->end - r->start <= m->shard_size);
	}
	for (size_t i = 0; i < m->n_ignore_paths; i++)
		need(is_inside(m->ignore_paths[i]));
	if (!m->v02)
		check_rewrite(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool v02 = statement_is_v02(view_of(data, size));
	struct fault f = {.text = ""};
	struct manifest m;
	coffer_err err;

	manifest_init(&m);
	err = manifest_parse(&f, view_of(data, size), &m);
	if (err == COFFER_OK) {
		need(m.v02 == v02);
		check(&m);
	} else {
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED || err == COFFER_E_AUTH) &&
		     f.text[0] != '\0');
	}
	manifest_free(&m);
	return 0;
}
