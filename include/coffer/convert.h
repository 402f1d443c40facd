/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files of other programs: in and out (docs/howto/convert.md has their layouts and limits).
 */
#ifndef COFFER_CONVERT_H
#define COFFER_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/key.h>
#include <coffer/seal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** enum coffer_format - how one encrypted file is laid out; integers of a header are 4 bytes */
enum coffer_format {
	COFFER_FORMAT_PLAIN = 1, /* not encrypted; only written */
	COFFER_FORMAT_COFFER,	 /* a sealed file */
	COFFER_FORMAT_ENCMODEL,	 /* «ENCMODEL», length (big-endian), JSON, nonce (12), AES-256-GCM, tag (16) */
	COFFER_FORMAT_ENVMODEL,	 /* «ENVMODEL», length (big-endian), JSON, AES-256-GCM under a wrapped DEK, tag */
	COFFER_FORMAT_CNAP,	 /* lengths of IV, tag, and data with tag (little-endian), IV, AES-256-GCM, tag */
	COFFER_FORMAT_AES_CBC,	 /* IV (16), AES-256-CBC: nothing is authentic */
	COFFER_FORMAT_IBM,	 /* IV (16), HMAC-SHA256 (32), AES-256-CFB128; only read */
};

/** coffer_format_name() - «plain», «coffer», «encmodel», «envmodel», «cnap», «aes-cbc», «ibm»; NULL for no format */
COFFER_API const char *coffer_format_name(enum coffer_format format);

/** coffer_format_find() - the format of that name; false when there is none */
COFFER_API bool coffer_format_find(const char *name, enum coffer_format *format_out);

/** enum coffer_padding - what stands behind the plaintext in COFFER_FORMAT_AES_CBC */
enum coffer_padding {
	COFFER_PADDING_AUTO,  /* in: PKCS #7 where it is that, else zeros; out: PKCS #7 */
	COFFER_PADDING_PKCS7, /* 1 to 16 bytes, each of which says how many */
	COFFER_PADDING_ZERO, /* in: the zeros of the last block, be they padding or not, are dropped; out: 1 to 16 zeros */
	COFFER_PADDING_NONE, /* in: every byte is plaintext; out: refused unless it is whole blocks */
};

/**
 * struct coffer_convert_options - from what to what
 *
 * Zero it, set @version_1 to 1, @from and @to, then whatever should differ from the default.
 */
struct coffer_convert_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @from: any but COFFER_FORMAT_PLAIN; @to: any but COFFER_FORMAT_IBM; not both COFFER_FORMAT_COFFER, nor from that to PLAIN */
	enum coffer_format from;
	enum coffer_format to;

	/** @to_keys: keys of what is written; NULL = those that open.  Of a foreign format it is one AES key. */
	const struct coffer_keyring *to_keys;

	/** @aad, @aad_len: the associated data of COFFER_FORMAT_ENCMODEL, in and out; @aad NULL = none.  Refused where neither is that. */
	const void *aad;
	size_t aad_len;

	/** @padding: of COFFER_FORMAT_AES_CBC, in and out */
	enum coffer_padding padding;

	/** @file: which file of a sealed model; NULL where it has only one */
	const char *file;

	/** @force: replace an output that exists */
	bool force;

	/** @ignore_trust_store: convert one file of a sealed model although the trust store says who must have signed it whole */
	bool ignore_trust_store;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_convert() - rewrite one encrypted file in another format
 * @in: the file; of COFFER_FORMAT_COFFER a sealed directory, too
 * @out: the new file
 * @keys: what opens @in.  Foreign formats name no key, so it is one AES key: the key itself; of COFFER_FORMAT_ENVMODEL it
 *        unwraps the DEK (nonce, AES-256-GCM with the metadata as associated data or none, tag), or is the DEK, as a key service gave it.
 * @options: from what to what
 * @stats_out: what was done; may be NULL.  Its model_id is empty unless @in is sealed.
 *
 * On the way plaintext is only in memory, 1 MiB at a time, unless @to is COFFER_FORMAT_PLAIN; @in is read once, and @out gets
 * its name only when the tag, MAC and hash that @in has hold and @out is durable.  What is weak in a format (no tag, a hash
 * without a key, padding that cannot be told from data) is said to the notice function (coffer_ctx_set_notice()), in
 * a sentence that begins with «warning: ».
 *
 * Return: COFFER_OK; COFFER_E_AUTH for another key, other associated data, or changed bytes; COFFER_E_FORMAT;
 * COFFER_E_UNSUPPORTED; COFFER_E_KEY; COFFER_E_EXISTS; COFFER_E_USAGE, also when @to cannot hold so much; as coffer_open() and coffer_seal().
 */
COFFER_API COFFER_CHECK coffer_err coffer_convert(struct coffer_ctx *ctx, const char *in, const char *out,
						  const struct coffer_keyring *keys,
						  const struct coffer_convert_options *options,
						  struct coffer_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif
