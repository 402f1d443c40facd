/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does one thing with a bucket, for tests/services/test_s3*.py.
 *
 * usage: s3 put BUCKET KEY FILE [if-absent] [sha256] [memory] [PART_SIZE]   get BUCKET KEY FILE [OFF LEN]
 *        s3 head BUCKET KEY   list BUCKET PREFIX   delete BUCKET KEY   abort-stale BUCKET PREFIX BEFORE
 *
 * Objects are printed as «SIZE MTIME ETAG», with the key behind in a list.  The exit code is that of the command.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "net/s3.h"

struct run {
	struct fault *f;
	struct s3 *s3;
	const char *key;
	char **more;
	int n_more;
};

static uint64_t
number(const char *text)
{
	uint64_t v;

	if (!num_parse(text, 0, INT64_MAX, &v)) {
		(void)fprintf(stderr, "%s is no number\n", text);
		exit(2);
	}
	return v;
}

static coffer_err
show(void *arg, struct fault *f, const char *key, const struct s3_object *o)
{
	(void)arg;
	(void)f;
	(void)printf("%llu %lld %s %s\n", (unsigned long long)o->size, (long long)o->mtime, o->etag, key);
	return COFFER_OK;
}

/* ---- put ---- */

static bool
has(const struct run *r, const char *word)
{
	for (int i = 1; i < r->n_more; i++)
		if (strcmp(r->more[i], word) == 0)
			return true;
	return false;
}

static coffer_err
put(const struct run *r)
{
	int fd = open(r->more[0], O_RDONLY | O_CLOEXEC);
	struct buf bytes = BUF_INIT(64 << 20);
	uint8_t hash[SHA256_LEN];
	struct s3_body body = {.is_file = true, .fd = fd, .off = 0};
	struct stat st;
	coffer_err err;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_set(r->f, COFFER_E_NOTFOUND, "there is no %s", r->more[0]);
	body.len = (uint64_t)st.st_size;
	if (strspn(r->more[r->n_more - 1], "0123456789") > 0)
		s3_set_part_size(r->s3, number(r->more[r->n_more - 1]));
	if (has(r, "sha256") || has(r, "memory"))
		TRY(file_slurp(r->f, r->more[0], bytes.max, &bytes, NULL));
	if (has(r, "memory"))
		body = (struct s3_body){.bytes = buf_view(&bytes)};
	if (has(r, "sha256")) {
		TRY(sha256(r->f, buf_view(&bytes), hash));
		body.sha256 = hash;
	}
	TRY(s3_put(r->f, r->s3, r->key, &body, has(r, "if-absent") ? S3_IF_ABSENT : S3_ALWAYS));
	(void)printf("%s\n", s3_can_exclude(r->s3) ? "put" : "put, without exclusion");
out:
	buf_free(&bytes);
	(void)close(fd);
	return err;
}

/* ---- get ---- */

static coffer_err
write_part(void *user, struct fault *f, struct view part)
{
	if (fwrite(part.p, 1, part.len, user) != part.len)
		return fault_set(f, COFFER_E_SPACE, "it cannot be written");
	return COFFER_OK;
}

static coffer_err
get(const struct run *r)
{
	FILE *out = fopen(r->more[0], "we");
	struct s3_range range = {.off = 0};
	struct s3_object object;
	coffer_err err;

	if (!out)
		return fault_set(r->f, COFFER_E_IO, "cannot write %s", r->more[0]);
	if (r->n_more == 3)
		range = (struct s3_range){.off = number(r->more[1]), .len = number(r->more[2])};
	TRY(s3_get(r->f, r->s3, r->key, &range, write_part, out, &object));
	TRY(show(NULL, r->f, r->key, &object));
out:
	(void)fclose(out);
	return err;
}

/* ---- the others ---- */

static coffer_err
head(const struct run *r)
{
	struct s3_object object;
	coffer_err err = s3_head(r->f, r->s3, r->key, &object);

	return err == COFFER_OK ? show(NULL, r->f, r->key, &object) : err;
}

static coffer_err
list(const struct run *r)
{
	return s3_list(r->f, r->s3, r->key, show, NULL);
}

static coffer_err
delete_one(const struct run *r)
{
	return s3_delete(r->f, r->s3, r->key);
}

static coffer_err
abort_stale(const struct run *r)
{
	return s3_abort_stale(r->f, r->s3, r->key, (int64_t)number(r->more[0]));
}

static const struct {
	const char *name;
	int n_least;
	coffer_err (*run)(const struct run *r);
} verbs[] = {
	{"put", 1, put},   {"get", 1, get},	      {"head", 0, head},
	{"list", 0, list}, {"delete", 0, delete_one}, {"abort-stale", 1, abort_stale},
};

int
main(int argc, char **argv)
{
	struct fault f = {.text = ""};
	struct run r = {.f = &f, .more = argv + 4, .n_more = argc - 4};
	coffer_err err = COFFER_E_USAGE;

	if (argc < 4)
		return 2;
	r.key = argv[3];
	err = s3_new(&f, argv[2], &r.s3);
	for (size_t i = 0; err == COFFER_OK && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && r.n_more >= verbs[i].n_least)
			err = verbs[i].run(&r);
	if (err != COFFER_OK)
		(void)fprintf(stderr, "s3: %s [%s]\n", f.text, coffer_err_name(err));
	s3_free(&r.s3);
	return coffer_err_exit(err);
}
