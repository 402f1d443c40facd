/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing a model and verifying it: OpenSSF Model Signing 1.0 (docs/signing.md).
 *
 * A signer makes signatures, a trust says whose are believed, a verdict tells what was found.  Signers and trusts do not
 * change once they are open and may serve several calls, one after the other; a verdict is the caller's alone.
 */
#ifndef COFFER_SIGN_H
#define COFFER_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** enum coffer_method - how a signature is made and why it is believed */
enum coffer_method {
	COFFER_METHOD_KEY = 1,
	COFFER_METHOD_CERTIFICATE,
	COFFER_METHOD_PKCS11_KEY,	  /* verified as a key */
	COFFER_METHOD_PKCS11_CERTIFICATE, /* verified as a certificate */
	COFFER_METHOD_SIGSTORE,
};

/* ---- signers ---- */

struct coffer_signer;

/** struct coffer_signer_options - which signer; zero it, set @version_1 to 1 and @method, then what the method needs */
struct coffer_signer_options {
	/** @version_1: must be 1 */
	uint32_t version_1;
	/** @method: how it signs; the methods that take an option stand in brackets behind it */
	enum coffer_method method;

	/** @private_key: a PEM file with an EC key on P-256, P-384 or P-521 (key, certificate) */
	const char *private_key;
	/** @passphrase_file: its first line is the passphrase of an encrypted key; NULL = ask through coffer_ctx_set_prompt() */
	const char *passphrase_file;

	/**
	 * @signing_certificate: the certificate of the key, in PEM (certificate, PKCS #11 certificate)
	 * @certificate_chain: PEM files with what stands above it, but for the root
	 */
	const char *signing_certificate;
	const char *const *certificate_chain;
	size_t n_certificate_chain;

	/**
	 * @pkcs11_uri: where the key is (RFC 7512): token or slot, object or id, module-path or module-name, pin-source
	 * @pkcs11_module: the module to load, whatever the URI says; NULL = the URI's
	 */
	const char *pkcs11_uri;
	const char *pkcs11_module;

	/** @tsa_url: have the signature timestamped there (RFC 3161), any method; NULL = no, or what the signing config says */
	const char *tsa_url;

	/**
	 * @trust_config: a ClientTrustConfig (sigstore); NULL = what «coffer trust» imported
	 * @trusted_root: a trusted_root.json, in place of the one in it
	 * @signing_config: a signing config, likewise
	 */
	const char *trust_config;
	const char *trusted_root;
	const char *signing_config;

	/**
	 * @token_file: a file that holds an OIDC identity token (sigstore); none of the three = a person signs in
	 * @token_env: the name of a variable that holds it
	 * @ambient: take the one of the CI service that this runs in
	 */
	const char *token_file;
	const char *token_env;
	bool ambient;

	/**
	 * @issuer: the identity provider that a person signs in with; NULL = that of the signing config
	 * @client_id: the name that coffer has there; NULL = «sigstore»
	 * @client_secret_file: holds the secret that goes with it; NULL = none
	 * @device: the device flow (RFC 8628) in place of a browser on this machine
	 * @oob: the person types in a code that the provider shows
	 */
	const char *issuer;
	const char *client_id;
	const char *client_secret_file;
	bool device;
	bool oob;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_signer_open() - make a signer
 * @options: what the method needs; what it points to may go afterwards
 * @signer_out: gets it, or NULL; free it with coffer_signer_free(), before @ctx
 *
 * Keys and given tokens are read here, and passphrases asked for; people sign in when something is signed.
 *
 * Return: COFFER_OK; COFFER_E_USAGE, COFFER_E_NOTFOUND, COFFER_E_PERM, COFFER_E_KEY or COFFER_E_FORMAT for what @options name.
 */
COFFER_API COFFER_CHECK coffer_err coffer_signer_open(struct coffer_ctx *ctx,
						      const struct coffer_signer_options *options,
						      struct coffer_signer **signer_out);

/** coffer_signer_free() - wipe, free, set to NULL; NULL is fine */
COFFER_API void coffer_signer_free(struct coffer_signer **signer);

/* ---- signing ---- */

/** enum coffer_serialization - one hash per file, or one per shard of each file */
enum coffer_serialization { COFFER_SERIALIZE_FILES, COFFER_SERIALIZE_SHARDS };

/** enum coffer_file_hash - which hash of the files a signature lists; model_signing reads all three */
enum coffer_file_hash { COFFER_HASH_SHA256, COFFER_HASH_BLAKE2B, COFFER_HASH_BLAKE3 };

/** struct coffer_sign_options - how to sign; zero it, set @version_1 to 1 */
struct coffer_sign_options {
	/** @version_1: must be 1 */
	uint32_t version_1;
	/** @serialization, @hash: what is listed of the files; zero = one SHA-256 per file */
	enum coffer_serialization serialization;
	enum coffer_file_hash hash;

	/** @shard_size: of shards, in bytes; 0 = 1 000 000 000 */
	uint64_t shard_size;

	/** @ignore_paths: files or folders as the caller names them (from the working folder); recorded in the signature */
	const char *const *ignore_paths;
	size_t n_ignore_paths;

	/** @sign_git: sign .git, .gitignore, .gitattributes and .github at the top, too; they are left out by default */
	bool sign_git;

	/** @allow_symlinks: sign what links lead to, within the model; else a link is refused */
	bool allow_symlinks;

	/**
	 * @reuse: an older signature of this model: files that have not changed since it was written are not hashed again.  What
	 * is trusted then is the file system's change time, and that old signature
	 * @reuse_trust: who must have made it; needed with @reuse
	 */
	const char *reuse;
	const struct coffer_trust *reuse_trust;

	/** @force: replace a signature file that exists */
	bool force;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_sign_stats - what a signing did */
struct coffer_sign_stats {
	uint64_t n_files;
	uint64_t bytes;
	uint64_t n_reused; /* files whose hash came from the older signature */
	double seconds;
	char root[65]; /* the root digest, in hex */
};

/**
 * coffer_sign() - sign a model
 * @model: a folder or a file, plain or sealed
 * @signature: the new file
 * @options: NULL = all defaults
 * @stats_out: what was done; may be NULL
 *
 * A sealed model is signed as the files that it consists of, without its key block, which may change.  The signature file
 * itself is never part of the model.
 *
 * Return: COFFER_OK; COFFER_E_CHANGED when a file changed meanwhile; COFFER_E_USAGE for an empty model, links, special
 * files or names that cannot be signed; an error of category 3, 4, 6, 7, 8, 10, 12 or 130.
 */
COFFER_API COFFER_CHECK coffer_err coffer_sign(struct coffer_ctx *ctx, const char *model, const char *signature,
					       const struct coffer_signer *signer,
					       const struct coffer_sign_options *options,
					       struct coffer_sign_stats *stats_out);

/** coffer_sign_digest() - the root digest that a signature of @model would have, without signing; else as coffer_sign() */
COFFER_API COFFER_CHECK coffer_err coffer_sign_digest(struct coffer_ctx *ctx, const char *model,
						      const struct coffer_sign_options *options,
						      struct coffer_sign_stats *stats_out);

/* ---- trust ---- */

struct coffer_trust;

/** struct coffer_trust_options - whose signature is believed; zero it, set @version_1 to 1 and @method */
struct coffer_trust_options {
	/** @version_1: must be 1 */
	uint32_t version_1;
	/** @method: how the signature must be made; a PKCS #11 method is the same as the plain one */
	enum coffer_method method;

	/** @public_key: a PEM file (key) */
	const char *public_key;

	/**
	 * @certificate_chain: PEM files (certificate): self-issued ones are roots, others help to build chains; none = the
	 * system's roots
	 */
	const char *const *certificate_chain;
	size_t n_certificate_chain;
	/** @tsa_chain: PEM files with the roots of timestamp authorities that are believed (certificate) */
	const char *const *tsa_chain;
	size_t n_tsa_chain;

	/** @verify_at: judge certificates at this time (seconds since 1970) and no other; 0 = a trusted timestamp's, else now */
	int64_t verify_at;

	/** @identity, @issuer: who signed, and who vouched for that; both, exactly (sigstore) */
	const char *identity;
	const char *issuer;
	/**
	 * @trusted_root: a trusted_root.json (sigstore)
	 * @trust_config: a ClientTrustConfig, in place of it; NULL both = what «coffer trust» imported
	 */
	const char *trusted_root;
	const char *trust_config;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_trust_open() - make a trust
 * @options: what the method needs; what it points to may go afterwards
 * @trust_out: gets it, or NULL; free it with coffer_trust_free()
 *
 * Return: COFFER_OK; COFFER_E_USAGE, COFFER_E_NOTFOUND, COFFER_E_KEY or COFFER_E_FORMAT for what @options name.
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_open(struct coffer_ctx *ctx, const struct coffer_trust_options *options,
						     struct coffer_trust **trust_out);

/**
 * coffer_trust_find() - whom the trust store (coffer/trust.h) binds the model called @name to
 * @trust_out: gets it, or NULL; free it with coffer_trust_free()
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND when nobody; COFFER_E_PERM when others may write the store; COFFER_E_FORMAT.
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_find(struct coffer_ctx *ctx, const char *name,
						     struct coffer_trust **trust_out);

/** coffer_trust_free() - free *@trust and set it to NULL; NULL is fine */
COFFER_API void coffer_trust_free(struct coffer_trust **trust);

/* ---- verdicts ---- */

/** enum coffer_finding_kind - one thing that was found about a model */
enum coffer_finding_kind {
	COFFER_FOUND_SIGNATURE,	 /* the signature does not hold */
	COFFER_FOUND_MISSING,	 /* listed, not there */
	COFFER_FOUND_CHANGED,	 /* there, with another hash */
	COFFER_FOUND_EXTRA,	 /* there, not listed */
	COFFER_FOUND_UNREADABLE, /* there, cannot be read */
	COFFER_FOUND_REFUSED,	 /* a link, a special file, a name that cannot be signed */
	COFFER_FOUND_IGNORED,	 /* there, and left out by the signature or the caller: no failure */
};

/** struct coffer_finding - one of them */
struct coffer_finding {
	enum coffer_finding_kind kind;
	const char *path; /* relative to the model; «» for the whole */
	const char *text; /* a sentence */
};

/** struct coffer_verdict - the answer; starts as «not verified»; a single line of the library sets @verified */
struct coffer_verdict {
	bool verified;
	enum coffer_method method;	       /* key, certificate or sigstore */
	const char *signer;		       /* who signed, in one line; NULL unless the signature holds */
	const char *key_id;		       /* hex SHA-256 of the public key in PEM; NULL likewise */
	const char *identity, *issuer;	       /* of sigstore */
	int64_t time;			       /* at which certificates were judged; 0 = none */
	const char *time_source;	       /* «timestamp», «log», «now», «given», or NULL */
	uint64_t n_files, bytes;	       /* that were verified */
	const struct coffer_finding *findings; /* every reason, and what was ignored */
	size_t n_findings;
	size_t n_failures; /* findings that are failures */
	const char *const
		*fingerprints; /* hex SHA-256 of the certificates, the signer's first, the root last; of a key none */
	size_t n_fingerprints;
};

/** struct coffer_verify_options - how to verify; zero it, set @version_1 to 1 */
struct coffer_verify_options {
	/** @version_1: must be 1 */
	uint32_t version_1;
	/** @ignore_paths: beyond those that the signature lists */
	const char *const *ignore_paths;
	size_t n_ignore_paths;
	/** @verify_git, @allow_symlinks: as @sign_git and @allow_symlinks of struct coffer_sign_options */
	bool verify_git;
	bool allow_symlinks;
	/** @ignore_unsigned: files that the signature does not list are no failure */
	bool ignore_unsigned;
	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_verify() - verify a model against a signature
 * @model: a folder or a file, plain or sealed; no key to open it is needed
 * @signature: the file
 * @trust: whose signature is believed
 * @options: NULL = all defaults
 * @verdict_out: gets the verdict, with every reason, after a failure too (NULL only for want of memory); free it with
 *	coffer_verdict_free()
 *
 * Needs no network.
 *
 * Return: COFFER_OK only if all of it holds; COFFER_E_SIGNATURE or COFFER_E_POLICY when the signature does not;
 * COFFER_E_AUTH when a file differs; COFFER_E_FILESET when one is missing or extra; COFFER_E_FORMAT or
 * COFFER_E_UNSUPPORTED for the bundle.
 */
COFFER_API COFFER_CHECK coffer_err coffer_verify(struct coffer_ctx *ctx, const char *model, const char *signature,
						 const struct coffer_trust *trust,
						 const struct coffer_verify_options *options,
						 struct coffer_verdict **verdict_out);

/** coffer_verdict_free() - free *@verdict with all that it points to and set it to NULL; NULL is fine */
COFFER_API void coffer_verdict_free(struct coffer_verdict **verdict);

/* ---- signing keys, plain signatures ---- */

/** enum coffer_curve - of a new signing key; RSA is for single files only, models are signed on a curve */
enum coffer_curve { COFFER_CURVE_P256, COFFER_CURVE_P384, COFFER_CURVE_P521, COFFER_RSA_3072 };

/**
 * coffer_signing_key_generate() - make a key pair
 * @private_path: the new PEM file of the private key, mode 0600
 * @public_path: the new PEM file of the public one
 * @passphrase_file: its first line encrypts the private key; NULL = it is not encrypted, «-» = ask
 * @key_id_out: the hex SHA-256 of the public key in PEM, as bundles and verdicts name it
 *
 * Return: COFFER_OK; COFFER_E_EXISTS when one of the files is there, and is left as it is; COFFER_E_IO and its kin.
 */
COFFER_API COFFER_CHECK coffer_err coffer_signing_key_generate(struct coffer_ctx *ctx, enum coffer_curve curve,
							       const char *private_path, const char *public_path,
							       const char *passphrase_file, char key_id_out[65]);

/**
 * coffer_sign_file() - a plain detached signature of one file's bytes
 * @signature: the new file; what «openssl dgst -sha256 -sign» writes (EC: DER; RSA: PKCS #1 v1.5)
 * @key: of the method key
 * @force: replace a signature that exists
 */
COFFER_API COFFER_CHECK coffer_err coffer_sign_file(struct coffer_ctx *ctx, const char *path, const char *signature,
						    const struct coffer_signer_options *key, bool force);

/** coffer_verify_file() - COFFER_OK when «openssl dgst -sha256 -verify» with the PEM file @public_key says so; COFFER_E_SIGNATURE */
COFFER_API COFFER_CHECK coffer_err coffer_verify_file(struct coffer_ctx *ctx, const char *path, const char *signature,
						      const char *public_key);

/* ---- tags of files, for those who share a key ---- */

/**
 * coffer_hmac_file() - write the HMAC-SHA256 of the bytes of the file at @path into the new file @tag: 64 hex digits and a line end
 * @key: file:PATH or keyring:NAME of an AES key; use one for nothing else
 *
 * It is what «openssl dgst -sha256 -mac HMAC» says.  Whoever can check a tag can make one: it proves nothing to others.
 */
COFFER_API COFFER_CHECK coffer_err coffer_hmac_file(struct coffer_ctx *ctx, const char *path, const char *tag,
						    const char *key, bool force);

/** coffer_hmac_verify_file() - COFFER_OK when the file @tag (hex digits, or 32 raw bytes) is that of @path; COFFER_E_SIGNATURE */
COFFER_API COFFER_CHECK coffer_err coffer_hmac_verify_file(struct coffer_ctx *ctx, const char *path, const char *tag,
							   const char *key);

#ifdef __cplusplus
}
#endif
#endif
