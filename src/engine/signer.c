/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "engine/signer_services.h"
#include "key/passphrase.h"
#include "mem/secret_file.h"
#include "sign/sign_token.h"
#include "sign/tsa.h"

/* ---- key files ---- */

static coffer_err
read_secret(struct fault *f, struct coffer_ctx *ctx, const char *path, struct secret *out)
{
	coffer_err err = COFFER_OK;
	struct stat st;
	int fd;

	if (secret_file_is_source(path))
		return secret_from_file(f, "the private key", path, LIMIT_KEY_PEM, out);
	/* O_NONBLOCK: a FIFO must not hang us before we see that it is one */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot open the private key %s", path));
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > (off_t)LIMIT_KEY_PEM)
		TRY(fault_set(f, COFFER_E_KEY, "%s is no private key: that is a regular file of 1 to %u bytes", path,
			      LIMIT_KEY_PEM));
	TRY(secret_new(f, out, (size_t)st.st_size));
	TRY(file_read_at(f, fd, path, out->p, out->len, 0));
	if (st.st_mode & 077)
		ctx_notice(ctx, "others may read the private key %s (mode %04o); run: chmod 600 %s", path,
			   (unsigned int)st.st_mode & 07777, path);
out:
	file_close(&fd);
	return err;
}

static coffer_err
get_passphrase(struct fault *f, struct coffer_ctx *ctx, const char *path, const char *passphrase_file,
	       struct secret *out)
{
	if (passphrase_file)
		return passphrase_read(f, passphrase_file, out);
	if (!ctx->prompt)
		return fault_set(f, COFFER_E_NOKEY,
				 "%s is encrypted, and there is nobody to ask for its passphrase; name a file that "
				 "holds it",
				 path);
	return passphrase_ask(f, ctx->prompt, ctx->prompt_user, path, false, out);
}

coffer_err
signer_read_key(struct fault *f, struct coffer_ctx *ctx, const char *path, const char *passphrase_file,
		struct privkey **out)
{
	struct secret pem = SECRET_INIT, passphrase = SECRET_INIT;
	coffer_err err;

	*out = NULL;
	TRY(read_secret(f, ctx, path, &pem));
	err = privkey_from_pem(f, path, view_of(pem.p, pem.len), NULL, out);
	if (err == COFFER_E_NOKEY) {
		TRY(get_passphrase(f, ctx, path, passphrase_file, &passphrase));
		err = privkey_from_pem(f, path, view_of(pem.p, pem.len), &passphrase, out);
	}
out:
	secret_free(&pem);
	secret_free(&passphrase);
	return err;
}

/* ---- signers ---- */

static coffer_err
need_option(struct fault *f, const char *value, const char *what)
{
	return value ? COFFER_OK : fault_set(f, COFFER_E_USAGE, "this method of signing needs %s", what);
}

static coffer_err
read_certificates(struct fault *f, const char *path, struct certs *list)
{
	struct buf pem = BUF_INIT(LIMIT_PEM);
	coffer_err err;

	TRY(file_slurp(f, path, LIMIT_PEM, &pem, NULL));
	TRY(certs_from_pem(f, path, buf_view(&pem), list));
out:
	buf_free(&pem);
	return err;
}

/* The leaf, and behind it what the caller gave to build the chain with. */
static coffer_err
read_chain(struct fault *f, const struct coffer_signer_options *o, struct certs *list)
{
	coffer_err err;

	TRY(need_option(f, o->signing_certificate, "the signing certificate"));
	TRY(read_certificates(f, o->signing_certificate, list));
	for (size_t i = 0; i < o->n_certificate_chain; i++)
		TRY(read_certificates(f, o->certificate_chain[i], list));
out:
	return err;
}

static coffer_err
open_key(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o, struct coffer_signer *s)
{
	struct privkey *key = NULL, *given;
	coffer_err err;

	TRY(need_option(f, o->private_key, "a private key"));
	TRY(signer_read_key(f, ctx, o->private_key, o->passphrase_file, &key));
	TRY(privkey_public(f, key, &s->public));
	given = key;
	key = NULL; /* signer_key() takes it over */
	TRY(signer_key(f, given, &s->signer));
out:
	privkey_free(&key);
	return err;
}

static coffer_err
open_certificate(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o,
		 struct coffer_signer *s)
{
	struct privkey *key = NULL, *given;
	struct certs chain = {0};
	coffer_err err;

	TRY(need_option(f, o->private_key, "a private key"));
	TRY(read_chain(f, o, &chain));
	TRY(signer_read_key(f, ctx, o->private_key, o->passphrase_file, &key));
	given = key;
	key = NULL; /* signer_certificate() takes it over */
	TRY(signer_certificate(f, given, &chain, &s->signer));
out:
	certs_free(&chain);
	privkey_free(&key);
	return err;
}

/* token_pin's ask: a PIN is asked for as a passphrase is */
static coffer_err
ask_pin(void *user, struct fault *f, const char *token_label, struct secret *pin_out)
{
	const struct coffer_ctx *ctx = user;
	char what[128];

	(void)snprintf(what, sizeof(what), "token «%s», its PIN", token_label);
	return passphrase_ask(f, ctx->prompt, ctx->prompt_user, what, false, pin_out);
}

static coffer_err
open_token(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o, struct coffer_signer *s)
{
	const struct token_pin pin = {.ask = ctx->prompt ? ask_pin : NULL, .user = ctx};
	bool with_chain = o->method == COFFER_METHOD_PKCS11_CERTIFICATE;
	struct token_key *key = NULL, *given;
	struct certs chain = {0};
	coffer_err err;

	TRY(need_option(f, o->pkcs11_uri, "a PKCS#11 URI"));
	if (with_chain)
		TRY(read_chain(f, o, &chain));
	TRY(token_key_open(f, o->pkcs11_uri, o->pkcs11_module, &pin, &key));
	if (!with_chain)
		TRY(token_key_public(f, key, &s->public));
	given = key;
	key = NULL; /* signer_token() takes it over */
	TRY(signer_token(f, given, with_chain ? &chain : NULL, &s->signer));
out:
	certs_free(&chain);
	token_key_close(&key);
	return err;
}

static coffer_err
open_method(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o, struct coffer_signer *s)
{
	switch (o->method) {
	case COFFER_METHOD_KEY:
		return open_key(f, ctx, o, s);
	case COFFER_METHOD_CERTIFICATE:
		return open_certificate(f, ctx, o, s);
	case COFFER_METHOD_PKCS11_KEY:
	case COFFER_METHOD_PKCS11_CERTIFICATE:
		return open_token(f, ctx, o, s);
	case COFFER_METHOD_SIGSTORE:
		return signer_open_sigstore(f, ctx, o, &s->signer);
	}
	return fault_set(f, COFFER_E_USAGE, "signer options without a method");
}

/* Sigstore has timestamps of its own. */
static coffer_err
add_timestamps(struct fault *f, const struct coffer_signer_options *o, struct coffer_signer *s)
{
	struct signer *plain = s->signer;

	if (!o->tsa_url || o->method == COFFER_METHOD_SIGSTORE)
		return COFFER_OK;
	s->signer = NULL; /* signer_with_tsa() takes it over */
	return signer_with_tsa(f, plain, o->tsa_url, &s->signer);
}

coffer_err
coffer_signer_open(struct coffer_ctx *ctx, const struct coffer_signer_options *options,
		   struct coffer_signer **signer_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_signer *s = NULL;
	coffer_err err;

	*signer_out = NULL;
	if (options->version_1 != 1 || !view_zero(view_of(options->reserved, sizeof(options->reserved))))
		return fault_set(f, COFFER_E_USAGE, "signer options of another version");
	s = calloc(1, sizeof(*s));
	if (!s)
		return fault_nomem(f);
	TRY(open_method(f, ctx, options, s));
	TRY(add_timestamps(f, options, s));
	*signer_out = s;
	s = NULL;
out:
	coffer_signer_free(&s);
	return err;
}

void
coffer_signer_free(struct coffer_signer **signer)
{
	struct coffer_signer *s = *signer;

	if (!s)
		return;
	signer_free(&s->signer);
	pubkey_free(&s->public);
	free(s);
	*signer = NULL;
}
