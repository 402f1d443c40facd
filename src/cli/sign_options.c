/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sign_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/utc.h"
#include "cli/library.h"
#include "cli/term.h"

struct signing signing;

void
signing_free(void)
{
	free(signing.chain.v);
	free(signing.ignore_paths.v);
	free(signing.tsa_chain.v);
	free(signing.reuse_chain.v);
}

/* ---- the tables ---- */

#define HELP_PRIVATE "the private key, in PEM: EC on P-256, P-384 or P-521"
#define HELP_CHAIN "what stands between it and the root, in PEM, to go into the signature; may be repeated"

#define OPTION_PKCS11_URI                                                                                              \
	{                                                                                                              \
		.name = "pkcs11-uri", .value = "URI", .text = &signing.pkcs11_uri,                                     \
		.help = "the key, as pkcs11:token=T;object=O?module-path=M (RFC 7512); pin-source=file:PATH in it "    \
			"reads the PIN, without it coffer asks"                                                        \
	}
#define OPTION_PKCS11_MODULE                                                                                           \
	{                                                                                                              \
		.name = "pkcs11-module", .value = "FILE", .text = &signing.pkcs11_module, .hint = HINT_FILE,           \
		.help = "the module that speaks to the token, whatever the URI says"                                   \
	}

const struct option options_sign_key[] = {
	OPTION_PRIVATE_KEY(HELP_PRIVATE),
	OPTION_PASSPHRASE_FILE,
	OPTION_PASSWORD,
	OPTION_END,
};

const struct option options_sign_certificate[] = {
	OPTION_PRIVATE_KEY(HELP_PRIVATE),
	OPTION_SIGNING_CERTIFICATE,
	OPTION_CERTIFICATE_CHAIN(HELP_CHAIN),
	OPTION_PASSPHRASE_FILE,
	OPTION_PASSWORD,
	OPTION_END,
};

const struct option options_sign_pkcs11_key[] = {
	OPTION_PKCS11_URI,
	OPTION_PKCS11_MODULE,
	OPTION_END,
};

const struct option options_sign_pkcs11_certificate[] = {
	OPTION_PKCS11_URI, OPTION_PKCS11_MODULE, OPTION_SIGNING_CERTIFICATE, OPTION_CERTIFICATE_CHAIN(HELP_CHAIN),
	OPTION_END,
};

const struct option options_sign_sigstore[] = {
	OPTION_IDENTITY_TOKEN,
	OPTION_AMBIENT,
	OPTION_IDENTITY_PROVIDER("sign in there; the default is what the signing config says"),
	{.name = "device", .flag = &signing.device, .help = "sign in with a code on another device, without a browser"},
	{.name = "oauth-force-oob", .flag = &signing.oob, .help = "show an address and ask for the code that it gives"},
	{.name = "client-id", .value = "ID", .text = &signing.client_id, .help = "of the application, for signing in"},
	{.name = "client-secret",
	 .value = "file:FILE",
	 .text = &signing.client_secret,
	 .help = "its secret, which is the first line of FILE"},
	{.name = "signing-config",
	 .value = "FILE",
	 .text = &signing.signing_config,
	 .hint = HINT_FILE,
	 .help = "the services to use; the default is what coffer trust has imported"},
	OPTION_TRUST_CONFIG,
	OPTION_TRUSTED_ROOT(HELP_TRUSTED_ROOT),
	OPTION_STAGING,
	OPTION_END,
};

const struct option options_trust_key[] = {
	OPTION_PUBLIC_KEY("the public key of the signer, in PEM"),
	OPTION_END,
};

const struct option options_trust_certificate[] = {
	OPTION_CERTIFICATE_CHAIN(HELP_ROOTS),
	OPTION_TSA_CHAIN(HELP_TSA_ROOTS),
	OPTION_VERIFY_AT,
	OPTION_END,
};

const struct option options_trust_sigstore[] = {
	OPTION_IDENTITY(HELP_IDENTITY),
	OPTION_IDENTITY_PROVIDER(HELP_PROVIDER),
	OPTION_TRUST_CONFIG,
	OPTION_TRUSTED_ROOT(HELP_TRUSTED_ROOT),
	OPTION_STAGING,
	OPTION_END,
};

const struct option options_trust_open[] = {
	{.name = "verify-key",
	 .value = "FILE",
	 .text = &signing.public_key,
	 .hint = HINT_FILE,
	 .help = "open only what the owner of this public key (PEM) has signed"},
	OPTION_CERTIFICATE_CHAIN("or who has a certificate for signing code that leads to these roots (PEM); may be "
				 "repeated"),
	OPTION_IDENTITY(HELP_IDENTITY),
	OPTION_IDENTITY_PROVIDER(HELP_PROVIDER),
	OPTION_TRUSTED_ROOT(HELP_TRUSTED_ROOT),
	OPTION_TRUST_CONFIG,
	OPTION_TSA_CHAIN(HELP_TSA_ROOTS),
	OPTION_VERIFY_AT,
	OPTION_SIGNATURE("the signature of the sealed files; the default is coffer.sig in SEALED, or SEALED.sig"),
	{.name = "name",
	 .value = "NAME",
	 .text = &signing.name,
	 .help = "open only a model that calls itself NAME, which is what the trust store is asked for"},
	{.name = "no-trust-store",
	 .flag = &signing.ignore_trust_store,
	 .help = "do not ask the trust store who must have signed the model"},
	OPTION_END,
};

/* ---- what may not be typed ---- */

static const char *
after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 && text[len] ? text + len : NULL;
}

/* What names a secret that stands elsewhere, as a file or in Vault; NULL for anything else. */
static const char *
after_file(const char *text)
{
	static const char store[] = "vaultkv://";

	return strncmp(text, store, strlen(store)) == 0 ? text : after(text, "file:");
}

/* A secret was typed: it is not repeated. */
static coffer_err
refuse_secret(struct fault *f, const char *what, const char *way_out)
{
	return fault_set(f, COFFER_E_USAGE,
			 "%s never goes on the command line, where every process of the machine can read it; %s", what,
			 way_out);
}

static coffer_err
read_password(struct fault *f, const char **file_out)
{
	*file_out = signing.passphrase_file;
	if (!signing.password)
		return COFFER_OK;
	if (signing.passphrase_file)
		return fault_set(f, COFFER_E_USAGE, "--password and --passphrase-file say the same; leave one out");
	*file_out = after_file(signing.password);
	return *file_out ? COFFER_OK
			 : refuse_secret(f, "a passphrase",
					 "--passphrase-file FILE reads its first line, and without it coffer asks");
}

/*
 * A token in the arguments, as the lines of model_signing and IBM's tool have it.  It is good for minutes and one use, so
 * those lines work; from now on it is in memory of our own alone, and whoever wrote the line is told.
 */
static coffer_err
take_token_out(struct fault *f, struct coffer_signer_options *out)
{
	static char path[sizeof("/proc/self/fd/") + 12];
	char *token = (char *)(uintptr_t)signing.identity_token; /* words of argv may be written to */
	size_t len = strlen(token);
	int fd = memfd_create("token", MFD_CLOEXEC); /* open until the process ends */
	coffer_err err;

	if (fd < 0)
		return fault_errno(f, errno, "cannot keep the identity token");
	TRY(file_write_at(f, fd, "the identity token", token, len, 0));
	explicit_bzero(token, len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out->token_file = path;
	term_say("an identity token in the arguments can be read by every process of the machine; better: export "
		 "TOKEN, and --identity-token env:TOKEN");
out:
	return err;
}

static coffer_err
read_token(struct fault *f, struct coffer_signer_options *out)
{
	if (!signing.identity_token)
		return COFFER_OK;
	out->token_env = after(signing.identity_token, "env:");
	out->token_file = after_file(signing.identity_token);
	if (strncmp(signing.identity_token, "eyJ", 3) == 0) /* how every JWT begins: {" in base64 */
		return take_token_out(f, out);
	return out->token_env || out->token_file
		       ? COFFER_OK
		       : refuse_secret(
				 f, "an identity token",
				 "with the token in the variable TOKEN, exported, say --identity-token env:TOKEN; "
				 "file:PATH reads a file, --use-ambient-credentials asks the CI service");
}

static coffer_err
read_client_secret(struct fault *f, struct coffer_signer_options *out)
{
	if (!signing.client_secret)
		return COFFER_OK;
	out->client_secret_file = after_file(signing.client_secret);
	return out->client_secret_file
		       ? COFFER_OK
		       : refuse_secret(f, "a client secret", "write it to a file and say --client-secret file:FILE");
}

static coffer_err
refuse_pin(struct fault *f)
{
	if (signing.pkcs11_uri && strstr(signing.pkcs11_uri, "pin-value="))
		return refuse_secret(
			f, "a PIN",
			"write pin-source=file:FILE in place of pin-value, or leave it out and coffer asks");
	return COFFER_OK;
}

static coffer_err
refuse_bare_staging(struct fault *f)
{
	if (signing.staging && !signing.trust_config && !signing.trusted_root)
		return fault_set(f, COFFER_E_USAGE,
				 "coffer has no trust in Sigstore's staging instance built in; give its own "
				 "--trust-config FILE, or leave --use-staging out");
	return COFFER_OK;
}

/* ---- what the library is given ---- */

coffer_err
signing_need(struct fault *f, const char *option, const char *value)
{
	if (value)
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE, "%s needs --%s; «coffer help %s» says what it is", common.command->name,
			 option, common.command->name);
}

static bool
is_pkcs11(enum coffer_method method)
{
	return method == COFFER_METHOD_PKCS11_KEY || method == COFFER_METHOD_PKCS11_CERTIFICATE;
}

static bool
has_certificate(enum coffer_method method)
{
	return method == COFFER_METHOD_CERTIFICATE || method == COFFER_METHOD_PKCS11_CERTIFICATE;
}

static coffer_err
need_of_signer(struct fault *f, enum coffer_method method)
{
	coffer_err err = COFFER_OK;

	if (method == COFFER_METHOD_SIGSTORE)
		return COFFER_OK;
	if (is_pkcs11(method))
		TRY(signing_need(f, "pkcs11-uri", signing.pkcs11_uri));
	else
		TRY(signing_need(f, "private-key", signing.private_key));
	if (has_certificate(method))
		TRY(signing_need(f, "signing-certificate", signing.certificate));
out:
	return err;
}

coffer_err
signing_signer_options(struct fault *f, enum coffer_method method, struct coffer_signer_options *out)
{
	coffer_err err;

	*out = (struct coffer_signer_options){
		.version_1 = 1,
		.method = method,
		.private_key = signing.private_key,
		.signing_certificate = signing.certificate,
		.certificate_chain = signing.chain.v,
		.n_certificate_chain = signing.chain.n,
		.pkcs11_uri = signing.pkcs11_uri,
		.pkcs11_module = signing.pkcs11_module,
		.tsa_url = signing.tsa_url,
		.trust_config = signing.trust_config,
		.trusted_root = signing.trusted_root,
		.signing_config = signing.signing_config,
		.ambient = signing.ambient,
		.issuer = signing.identity_provider,
		.client_id = signing.client_id,
		.device = signing.device,
		.oob = signing.oob,
	};
	TRY(need_of_signer(f, method));
	TRY(read_password(f, &out->passphrase_file));
	TRY(read_token(f, out));
	TRY(read_client_secret(f, out));
	TRY(refuse_pin(f));
	TRY(refuse_bare_staging(f));
out:
	return err;
}

coffer_err
signing_signer(struct fault *f, struct coffer_ctx *ctx, enum coffer_method method, struct coffer_signer **signer_out)
{
	struct coffer_signer_options options;
	coffer_err err;

	*signer_out = NULL;
	TRY(signing_signer_options(f, method, &options));
	TRY(library_fault(f, ctx, coffer_signer_open(ctx, &options, signer_out)));
out:
	return err;
}

static coffer_err
read_time(struct fault *f, int64_t *time_out)
{
	char text[64];

	*time_out = 0;
	if (!signing.verify_at)
		return COFFER_OK;
	(void)snprintf(text, sizeof(text), "%s%s", signing.verify_at,
		       strlen(signing.verify_at) == strlen("2026-01-31") ? "T00:00:00Z" : "");
	if (utc_parse(text, time_out) && *time_out > 0)
		return COFFER_OK;
	return fault_set(
		f, COFFER_E_USAGE,
		"%s is no time for --verify-at; write a day, 2026-01-31, or a time in UTC, 2026-01-31T12:00:00Z",
		args_shown(signing.verify_at));
}

static coffer_err
need_of_trust(struct fault *f, enum coffer_method method)
{
	coffer_err err = COFFER_OK;

	if (method == COFFER_METHOD_KEY || method == COFFER_METHOD_PKCS11_KEY)
		TRY(signing_need(f, "public-key", signing.public_key));
	if (method == COFFER_METHOD_SIGSTORE) {
		TRY(signing_need(f, "identity", signing.identity));
		TRY(signing_need(f, "identity-provider", signing.identity_provider));
		TRY(refuse_bare_staging(f));
	}
out:
	return err;
}

struct coffer_trust_options
signing_trust_options(enum coffer_method method)
{
	return (struct coffer_trust_options){
		.version_1 = 1,
		.method = method,
		.public_key = signing.public_key,
		.certificate_chain = signing.chain.v,
		.n_certificate_chain = signing.chain.n,
		.tsa_chain = signing.tsa_chain.v,
		.n_tsa_chain = signing.tsa_chain.n,
		.identity = signing.identity,
		.issuer = signing.identity_provider,
		.trusted_root = signing.trusted_root,
		.trust_config = signing.trust_config,
	};
}

coffer_err
signing_trust(struct fault *f, struct coffer_ctx *ctx, enum coffer_method method, struct coffer_trust **trust_out)
{
	struct coffer_trust_options options = signing_trust_options(method);
	coffer_err err;

	*trust_out = NULL;
	TRY(need_of_trust(f, method));
	TRY(read_time(f, &options.verify_at));
	TRY(library_fault(f, ctx, coffer_trust_open(ctx, &options, trust_out)));
out:
	return err;
}

coffer_err
signing_method(struct fault *f, enum coffer_method *method_out, bool *is_given_out)
{
	bool key = signing.public_key, chain = signing.chain.n > 0;
	bool sigstore = signing.identity || signing.identity_provider;

	*is_given_out = key || chain || sigstore;
	*method_out = key ? COFFER_METHOD_KEY : chain ? COFFER_METHOD_CERTIFICATE : COFFER_METHOD_SIGSTORE;
	if (key + chain + sigstore > 1)
		return fault_set(
			f, COFFER_E_USAGE,
			"%s believes one kind of signer: a key, certificates, or an identity; leave the others out",
			common.command->name);
	return COFFER_OK;
}

coffer_err
signing_to_open(struct fault *f, struct coffer_ctx *ctx, struct coffer_open_options *out,
		struct coffer_trust **trust_out)
{
	enum coffer_method method;
	bool is_given;
	coffer_err err;

	*trust_out = NULL;
	TRY(signing_method(f, &method, &is_given));
	if (is_given)
		TRY(signing_trust(f, ctx, method, trust_out));
	else if (signing.signature)
		TRY(fault_set(
			f, COFFER_E_USAGE,
			"--signature alone does not say whose it must be; add --verify-key, --certificate-chain or "
			"--identity"));
	out->trust = *trust_out;
	out->signature = signing.signature;
	out->ignore_trust_store = signing.ignore_trust_store;
	out->name = signing.name;
out:
	return err;
}

struct coffer_sign_options
signing_sign_options(void)
{
	struct coffer_sign_options options = {
		.version_1 = 1,
		.shard_size = signing.shard_size,
		.ignore_paths = signing.ignore_paths.v,
		.n_ignore_paths = signing.ignore_paths.n,
		.sign_git = signing.git,
		.allow_symlinks = signing.allow_symlinks,
		.reuse = signing.reuse,
		.force = common.force,
	};

	if (signing.serialization && strcmp(signing.serialization, "shards") == 0)
		options.serialization = COFFER_SERIALIZE_SHARDS;
	if (signing.hash && strcmp(signing.hash, "blake2b") == 0)
		options.hash = COFFER_HASH_BLAKE2B;
	if (signing.hash && strcmp(signing.hash, "blake3") == 0)
		options.hash = COFFER_HASH_BLAKE3;
	return options;
}

struct coffer_verify_options
signing_verify_options(void)
{
	return (struct coffer_verify_options){
		.version_1 = 1,
		.ignore_paths = signing.ignore_paths.v,
		.n_ignore_paths = signing.ignore_paths.n,
		.verify_git = signing.git,
		.allow_symlinks = signing.allow_symlinks,
		.ignore_unsigned = signing.ignore_unsigned,
	};
}
