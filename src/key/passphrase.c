/* SPDX-License-Identifier: Apache-2.0 */
#include "key/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/kdf.h"
#include "crypto/rand.h"
#include "key/kek.h"
#include "mem/secret_file.h"

#define INFO_WRAP "coffer/1 wrap passphrase"
#define LOG_N_MIN 10

/* Over asking, so that a person is asked once, and over scrypt, which takes up to a gibibyte: one at a time in a process. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct passphrase {
	struct secret text; /* room for the longest and its line end */
	size_t len;	    /* 0 until it is known */
	coffer_prompt_fn prompt;
	void *prompt_user;
};

static void
free_passphrase(void *self)
{
	struct passphrase *p = self;

	if (!p)
		return;
	secret_free(&p->text);
	free(p);
}

static coffer_err
new_passphrase(struct fault *f, struct passphrase **out)
{
	struct passphrase *p = calloc(1, sizeof(*p));
	coffer_err err;

	*out = NULL;
	if (!p)
		return fault_nomem(f);
	TRY(secret_new(f, &p->text, LIMIT_PASSPHRASE + 2));
	*out = p;
	p = NULL;
out:
	free_passphrase(p);
	return err;
}

coffer_err
passphrase_new_ask(struct fault *f, coffer_prompt_fn prompt, void *user, void **self_out)
{
	struct passphrase *p;
	coffer_err err;

	*self_out = NULL;
	TRY(new_passphrase(f, &p));
	p->prompt = prompt;
	p->prompt_user = user;
	*self_out = p;
out:
	return err;
}

/* A byte at a time: what follows the line belongs to whoever reads @fd next. */
static coffer_err
read_byte(struct fault *f, int fd, const char *shown, uint8_t *out, bool *end_out)
{
	ssize_t n;

	do {
		n = read(fd, out, 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fault_errno(f, errno, "cannot read the passphrase from %s", shown);
	*end_out = n == 0;
	return COFFER_OK;
}

static coffer_err
read_line(struct fault *f, int fd, const char *shown, struct passphrase *p)
{
	size_t len = 0;
	bool end = false;
	coffer_err err;

	for (;;) {
		if (len == p->text.len)
			return fault_set(f, COFFER_E_KEY, "the passphrase in %s is longer than %u bytes", shown,
					 LIMIT_PASSPHRASE);
		TRY(read_byte(f, fd, shown, p->text.p + len, &end));
		if (end)
			break;
		if (p->text.p[len] == '\n') {
			if (len > 0 && p->text.p[len - 1] == '\r')
				len--;
			break;
		}
		len++;
	}
	if (len == 0)
		return fault_set(f, COFFER_E_KEY, "the passphrase in %s is empty: its first line has nothing", shown);
	if (len > LIMIT_PASSPHRASE)
		return fault_set(f, COFFER_E_KEY, "the passphrase in %s is longer than %u bytes", shown,
				 LIMIT_PASSPHRASE);
	p->len = len;
out:
	return err;
}

static coffer_err
new_from(struct fault *f, int fd, const char *shown, void **self_out)
{
	struct passphrase *p = NULL;
	coffer_err err;

	*self_out = NULL;
	TRY(new_passphrase(f, &p));
	TRY(read_line(f, fd, shown, p));
	*self_out = p;
	p = NULL;
out:
	free_passphrase(p);
	return err;
}

coffer_err
passphrase_new_fd(struct fault *f, int fd, void **self_out)
{
	char shown[32];

	(void)snprintf(shown, sizeof(shown), "descriptor %d", fd);
	return new_from(f, fd, shown, self_out);
}

static coffer_err
new_from_source(struct fault *f, const char *uri, void **self_out)
{
	struct secret line = SECRET_INIT;
	struct passphrase *p = NULL;
	coffer_err err;

	*self_out = NULL;
	TRY(secret_line_from_source(f, "the passphrase", uri, LIMIT_PASSPHRASE, &line));
	TRY(new_passphrase(f, &p));
	memcpy(p->text.p, line.p, line.len);
	p->len = line.len;
	*self_out = p;
out:
	secret_free(&line);
	return err;
}

coffer_err
passphrase_new_file(struct fault *f, const char *path, void **self_out)
{
	coffer_err err;
	int fd;

	if (secret_file_is_source(path))
		return new_from_source(f, path, self_out);
	/* a pipe is welcome here: a password manager writes into one */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	*self_out = NULL;
	if (fd < 0)
		return fault_errno(f, errno, "cannot open the passphrase file %s", path);
	err = new_from(f, fd, path, self_out);
	file_close(&fd);
	return err;
}

/* Have the passphrase: ask for it if nobody has yet. */
static coffer_err
need(struct fault *f, struct passphrase *p, const char *model, bool confirm)
{
	char what[LIMIT_TEXT + 64];
	size_t len = 0;
	coffer_err err;

	if (p->len > 0)
		return COFFER_OK;
	if (!p->prompt)
		return fault_set(
			f, COFFER_E_KEY,
			"there is nobody to ask for the passphrase; give passphrase:file=PATH or passphrase:fd=N");
	(void)snprintf(what, sizeof(what), "%s for %s", confirm ? "new passphrase" : "passphrase", model);
	err = p->prompt(p->prompt_user, what, confirm, (char *)p->text.p, LIMIT_PASSPHRASE, &len);
	if (err)
		return fault_set(f, err, "no passphrase for %s was given", model);
	if (len < 1 || len > LIMIT_PASSPHRASE)
		return fault_set(f, COFFER_E_KEY, "a passphrase has 1 to %u bytes", LIMIT_PASSPHRASE);
	p->len = len;
	return COFFER_OK;
}

/* What it holds, in memory of its own; @p goes. */
static coffer_err
give_away(struct fault *f, struct passphrase *p, struct secret *out)
{
	coffer_err err = secret_new(f, out, p->len);

	if (err == COFFER_OK)
		memcpy(out->p, p->text.p, p->len);
	free_passphrase(p);
	return err;
}

coffer_err
passphrase_read(struct fault *f, const char *path, struct secret *out)
{
	void *p;
	coffer_err err = passphrase_new_file(f, path, &p);

	return err == COFFER_OK ? give_away(f, p, out) : err;
}

coffer_err
passphrase_ask(struct fault *f, coffer_prompt_fn prompt, void *user, const char *what, bool confirm, struct secret *out)
{
	struct passphrase *p;
	void *self = NULL;
	coffer_err err;

	TRY(passphrase_new_ask(f, prompt, user, &self));
	p = self;
	TRY(need(f, p, what, confirm));
	self = NULL;
	err = give_away(f, p, out);
out:
	free_passphrase(self);
	return err;
}

/* The KEK for @r; a passphrase that is asked for is a new one when @confirm. */
static coffer_err
derive(struct fault *f, struct passphrase *p, const struct recipient *r, const char *model, bool confirm,
       uint8_t kek[static KEK_LEN])
{
	coffer_err err;

	pthread_mutex_lock(&one_at_a_time);
	TRY(need(f, p, model, confirm));
	TRY(scrypt_key(f, view_of(p->text.p, p->len), view_of(r->scrypt_salt, sizeof(r->scrypt_salt)), r->scrypt_log_n,
		       kek));
out:
	pthread_mutex_unlock(&one_at_a_time);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	(void)self;
	return strcmp(in->kind, PASSPHRASE_KIND) == 0;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	struct passphrase *p = self;
	uint8_t kek[KEK_LEN];
	coffer_err err;

	(void)snprintf(out->kind, sizeof(out->kind), PASSPHRASE_KIND);
	out->id[0] = '\0';
	out->scrypt_log_n = PASSPHRASE_LOG_N;
	TRY(rand_bytes(f, out->scrypt_salt, sizeof(out->scrypt_salt)));
	TRY(derive(f, p, out, binding->name, true, kek));
	TRY(kek_wrap(f, kek, INFO_WRAP, dek, binding, out));
out:
	mem_wipe(kek, sizeof(kek));
	return err;
}

/* A wrong passphrase and a recipient of somebody else look the same, so a tag that differs is «not mine». */
static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	struct passphrase *p = self;
	uint8_t kek[KEK_LEN];
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return COFFER_E_NOKEY;
	/* before a person is asked and a gigabyte taken */
	TRY(kek_check(f, in));
	if (in->scrypt_log_n < LOG_N_MIN || in->scrypt_log_n > LIMIT_SCRYPT_LOG_N)
		TRY(fault_set(f, COFFER_E_FORMAT, "log_n of a recipient «" PASSPHRASE_KIND "» is %u and not %d to %u",
			      in->scrypt_log_n, LOG_N_MIN, LIMIT_SCRYPT_LOG_N));
	TRY(derive(f, p, in, binding->name, false, kek));
	err = kek_unwrap(f, kek, INFO_WRAP, in, binding, dek_out);
	if (err == COFFER_E_AUTH)
		err = COFFER_E_NOKEY;
out:
	mem_wipe(kek, sizeof(kek));
	return err;
}

const struct key_provider passphrase_provider = {
	.kind = PASSPHRASE_KIND,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.free = free_passphrase,
};
