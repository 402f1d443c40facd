/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of signing and verifying, which several commands share: their
 * tables, and what the library is given of them.
 *
 * Names and meanings are those of model_signing where it has them.
 */
#ifndef CLI_SIGN_OPTIONS_H
#define CLI_SIGN_OPTIONS_H

#include <coffer/open.h>
#include <coffer/sign.h>

#include "base/limits.h"
#include "cli/args.h"

/** struct signing - their values; a process runs one command */
struct signing {
	const char *signature;

	/* who signs */
	const char *private_key;
	const char *password;
	const char *passphrase_file;
	const char *certificate;
	struct words chain; /* of the signer's certificate, or trusted ones */
	const char *pkcs11_uri;
	const char *pkcs11_module;
	const char *tsa_url;
	const char *trust_config;
	const char *trusted_root;
	const char *signing_config;
	const char *identity_token;
	const char *client_id;
	const char *client_secret;
	bool ambient, oob, device, staging;

	/* what is signed, and how */
	struct words ignore_paths;
	bool git; /* also what git keeps */
	bool allow_symlinks;
	const char *serialization;
	const char *hash;
	uint64_t shard_size;
	const char *reuse;
	const char *reuse_key;
	struct words reuse_chain;

	/* whose signature is believed */
	const char *public_key;
	const char *identity;
	const char *identity_provider; /* who signs takes it, too */
	struct words tsa_chain;
	const char *verify_at;
	const char *name;
	bool ignore_trust_store;
	bool ignore_unsigned;
	bool log_fingerprints;
};

extern struct signing signing;

/** signing_free() - what the lists hold */
void signing_free(void);

/* of a signer, one table a method: for @options or @shared of a command */
extern const struct option options_sign_key[], options_sign_certificate[], options_sign_pkcs11_key[],
	options_sign_pkcs11_certificate[], options_sign_sigstore[];

/* of a trust, likewise */
extern const struct option options_trust_key[], options_trust_certificate[], options_trust_sigstore[];

/* whose model it must be that is opened, by any of these methods or by the trust store */
extern const struct option options_trust_open[];

/* One entry of a table each. */
#define OPTION_PRIVATE_KEY(what)                                                                                       \
	{                                                                                                              \
		.name = "private-key", .value = "FILE", .text = &signing.private_key, .hint = HINT_FILE,               \
		.help = (what)                                                                                         \
	}
#define OPTION_PASSPHRASE_FILE                                                                                         \
	{                                                                                                              \
		.name = "passphrase-file", .value = "FILE", .text = &signing.passphrase_file, .hint = HINT_FILE,       \
		.help = "the first line of FILE is the passphrase of the private key; without it coffer asks"          \
	}
#define OPTION_PASSWORD                                                                                                \
	{                                                                                                              \
		.name = "password", .value = "file:FILE", .text = &signing.password,                                   \
		.help = "the same, as model_signing calls it; a passphrase itself is not taken, for others see "       \
			"arguments"                                                                                    \
	}
#define OPTION_SIGNING_CERTIFICATE                                                                                     \
	{                                                                                                              \
		.name = "signing-certificate", .value = "FILE", .text = &signing.certificate, .hint = HINT_FILE,       \
		.help = "the certificate of the key, in PEM"                                                           \
	}
#define OPTION_CERTIFICATE_CHAIN(what)                                                                                 \
	{                                                                                                              \
		.name = "certificate-chain", .value = "FILE", .list = &signing.chain, .hint = HINT_FILE,               \
		.help = (what)                                                                                         \
	}
#define OPTION_TSA_URL                                                                                                 \
	{                                                                                                              \
		.name = "tsa-url", .value = "URL", .text = &signing.tsa_url,                                           \
		.help = "have the signature timestamped there (RFC 3161)"                                              \
	}
#define OPTION_TRUST_CONFIG                                                                                            \
	{                                                                                                              \
		.name = "trust-config", .value = "FILE", .text = &signing.trust_config, .hint = HINT_FILE,             \
		.help = "another Sigstore than the imported one: its ClientTrustConfig"                                \
	}
#define OPTION_TRUSTED_ROOT(what)                                                                                      \
	{                                                                                                              \
		.name = "trusted-root", .value = "FILE", .text = &signing.trusted_root, .hint = HINT_FILE,             \
		.help = (what)                                                                                         \
	}
#define OPTION_STAGING                                                                                                 \
	{                                                                                                              \
		.name = "use-staging", .flag = &signing.staging,                                                       \
		.help = "the staging instance of Sigstore; coffer has no trust in it built in, so it wants "           \
			"--trust-config, too"                                                                          \
	}
#define OPTION_IDENTITY_TOKEN                                                                                          \
	{                                                                                                              \
		.name = "identity-token", .value = "SOURCE", .text = &signing.identity_token,                          \
		.help = "an OIDC token: env:NAME reads the variable NAME, file:PATH a file; a token itself is "        \
			"taken with a warning, for others see arguments"                                               \
	}
#define OPTION_AMBIENT                                                                                                 \
	{                                                                                                              \
		.name = "use-ambient-credentials", .flag = &signing.ambient,                                           \
		.help = "take the token of the CI service that this runs in"                                           \
	}
#define OPTION_PUBLIC_KEY(what)                                                                                        \
	{                                                                                                              \
		.name = "public-key", .value = "FILE", .text = &signing.public_key, .hint = HINT_FILE, .help = (what)  \
	}
#define OPTION_TSA_CHAIN(what)                                                                                         \
	{                                                                                                              \
		.name = "tsa-chain", .value = "FILE", .list = &signing.tsa_chain, .hint = HINT_FILE, .help = (what)    \
	}
#define OPTION_VERIFY_AT                                                                                               \
	{                                                                                                              \
		.name = "verify-at", .value = "TIME", .text = &signing.verify_at,                                      \
		.help = "judge certificates at this time, as 2026-01-31 or 2026-01-31T12:00:00Z, and at no other. "    \
			"The default: that of a trusted timestamp, else now"                                           \
	}
#define OPTION_IDENTITY(what)                                                                                          \
	{                                                                                                              \
		.name = "identity", .value = "NAME", .text = &signing.identity, .help = (what)                         \
	}
#define OPTION_IDENTITY_PROVIDER(what)                                                                                 \
	{                                                                                                              \
		.name = "identity-provider", .value = "URL", .text = &signing.identity_provider, .help = (what)        \
	}
#define OPTION_SIGNATURE(what)                                                                                         \
	{                                                                                                              \
		.name = "signature", .value = "FILE", .text = &signing.signature, .hint = HINT_FILE, .help = (what)    \
	}
#define OPTION_IGNORE_PATHS                                                                                            \
	{                                                                                                              \
		.name = "ignore-paths", .value = "PATH", .list = &signing.ignore_paths, .hint = HINT_FILE,             \
		.help = "leave out this file or folder of MODEL, as MODEL/FILE: it is looked for from here; repeat "   \
			"it for more"                                                                                  \
	}
#define OPTION_IGNORE_GIT                                                                                              \
	{                                                                                                              \
		.name = "ignore-git-paths", .unset = &signing.git,                                                     \
		.help = "leave out .git, .gitignore, .gitattributes and .github at the top of MODEL: the default"      \
	}
#define OPTION_NO_IGNORE_GIT                                                                                           \
	{                                                                                                              \
		.name = "no-ignore-git-paths", .flag = &signing.git, .help = "take them, too"                          \
	}
#define OPTION_ALLOW_SYMLINKS(what)                                                                                    \
	{                                                                                                              \
		.name = "allow-symlinks", .flag = &signing.allow_symlinks, .help = (what)                              \
	}
#define OPTION_SERIALIZATION                                                                                           \
	{                                                                                                              \
		.name = "serialization", .value = "HOW", .text = &signing.serialization, .hint = HINT_WORDS,           \
		.words = "files shards",                                                                               \
		.help = "one hash for each of the files (the default), or for each of the shards of every file"        \
	}
#define OPTION_SHARD_SIZE                                                                                              \
	{                                                                                                              \
		.name = "shard-size", .value = "SIZE", .number = &signing.shard_size, .min = 1, .max = LIMIT_SIZE,     \
		.help = "bytes of a shard; the default is 1000000000"                                                  \
	}
#define OPTION_HASH                                                                                                    \
	{                                                                                                              \
		.name = "hash", .value = "HASH", .text = &signing.hash, .hint = HINT_WORDS,                            \
		.words = "sha256 blake2b blake3", .help = "sha256 (the default), blake2b or blake3"                    \
	}
#define OPTION_IGNORE_UNSIGNED                                                                                         \
	{                                                                                                              \
		.name = "ignore-unsigned-files", .flag = &signing.ignore_unsigned,                                     \
		.help = "files that the signature does not list are no failure"                                        \
	}
#define OPTION_LOG_FINGERPRINTS                                                                                        \
	{                                                                                                              \
		.name = "log-fingerprints", .flag = &signing.log_fingerprints,                                         \
		.help = "say the SHA-256 of the signer's key, and of each certificate from the signer's to the root"   \
	}

#define HELP_ROOTS                                                                                                     \
	"trusted roots, and certificates that lead to them, in PEM; may be repeated. The default: the roots of this "  \
	"system"
#define HELP_TSA_ROOTS "roots of timestamp authorities that are believed, in PEM; may be repeated"
#define HELP_IDENTITY "who must have signed, with Sigstore: the mail address or URI of the certificate, exactly"
#define HELP_TRUSTED_ROOT "its trusted_root.json alone; the default is what coffer trust has imported"
#define HELP_PROVIDER "who must have vouched for the identity, exactly"

/** signing_need() - COFFER_E_USAGE when the option --@option, which must be there, has no @value */
coffer_err signing_need(struct fault *f, const char *option, const char *value);

/** signing_signer() - a signer of @method of the options; free it with coffer_signer_free() */
coffer_err signing_signer(struct fault *f, struct coffer_ctx *ctx, enum coffer_method method,
			  struct coffer_signer **signer_out);

/** signing_signer_options() - the same, not yet opened; what it points to belongs to @signing and argv */
coffer_err signing_signer_options(struct fault *f, enum coffer_method method, struct coffer_signer_options *out);

/** signing_trust() - a trust of @method of the options; free it with coffer_trust_free() */
coffer_err signing_trust(struct fault *f, struct coffer_ctx *ctx, enum coffer_method method,
			 struct coffer_trust **trust_out);

/** signing_trust_options() - the same, not yet opened and not yet checked; what it points to belongs to @signing */
struct coffer_trust_options signing_trust_options(enum coffer_method method);

/** signing_method() - which method the options of trust speak of; COFFER_E_USAGE for two, false for none */
coffer_err signing_method(struct fault *f, enum coffer_method *method_out, bool *is_given_out);

/**
 * signing_to_open() - say in @out whose model it must be, of options_trust_open
 * @trust_out: gets what @out->trust points to, NULL when it is left to the trust store; free it with coffer_trust_free()
 */
coffer_err signing_to_open(struct fault *f, struct coffer_ctx *ctx, struct coffer_open_options *out,
			   struct coffer_trust **trust_out);

/** signing_sign_options(), signing_verify_options() - what is signed or verified, and how */
struct coffer_sign_options signing_sign_options(void);
struct coffer_verify_options signing_verify_options(void);

#endif
