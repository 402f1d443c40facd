/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: a record of every wrap, unwrap and rewrap of a model's key, and of every refusal, written and durable
 * before the key takes effect (docs/audit.md).
 *
 * The library writes it by itself wherever coffer_ctx_set_audit() says.  Here is what reads it.  Where a call takes @dir it
 * is the folder of a log or of a copy of one; NULL stands for the one that the context writes to.
 */
#ifndef COFFER_AUDIT_H
#define COFFER_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_audit_key - the key of a record; texts may be empty, none is NULL */
struct coffer_audit_key {
	const char *kind, *id, *version;
};

/** struct coffer_audit_record - what a line of the log says; valid while the function that was given it runs */
struct coffer_audit_record {
	uint64_t seq;
	const char *time;  /* UTC, «2026-11-20T13:58:18.123Z» */
	const char *id;	   /* of the event, a UUID */
	const char *event; /* «Unwrap», «Wrap», «Rewrap», «Remove», «Rotate», «Repair» */
	const char *principal;
	uint64_t uid;
	const char *agent, *host;
	uint64_t pid;

	/* the model: its path, and what its key block says */
	const char *path;
	const char *model_id, *name, *version, *environment;
	uint64_t generation;
	struct coffer_audit_key key;
	struct coffer_audit_key from; /* of a rewrap: the one before */

	const char *error; /* as coffer_err_name(), or empty: it was done */
	const char *message;

	const char *line; /* the line as it stands in the log, without its line feed */
	size_t line_len;
};

/** struct coffer_audit_filter - which records; zero it and set @version_1 to 1.  Texts are shell patterns; NULL: all. */
struct coffer_audit_filter {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @since, @until: seconds since 1970, the second one not included; 0: no bound */
	int64_t since, until;

	const char *actor; /* the principal, or the number of the user */
	const char *event;
	const char *model; /* path, id or name */
	const char *key;   /* id, or kind where it has no id; of a rewrap, either key */
	const char *error; /* «*» for all refusals */

	/** @after_seq: only records with a higher number */
	uint64_t after_seq;

	/** @last: of the whole log, only so many of the last records are looked at; 0: all */
	uint64_t last;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** coffer_audit_fn - told one record; anything but COFFER_OK ends the call, which returns it */
typedef coffer_err (*coffer_audit_fn)(void *user, const struct coffer_audit_record *record);

/**
 * coffer_audit_read() - hand those records that @filter lets through to @fn, in order
 * @filter: may be NULL
 *
 * Reads strictly and does not verify the chain.  Return: COFFER_OK; COFFER_E_NOTFOUND when there is no log; COFFER_E_FORMAT
 * for a line that is no record; what @fn returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_audit_read(struct coffer_ctx *ctx, const char *dir,
						     const struct coffer_audit_filter *filter, coffer_audit_fn fn,
						     void *user);

/** struct coffer_audit_verify_options - zero it and set @version_1 to 1 */
struct coffer_audit_verify_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @public_key: a file with the key of the checkpoints (PEM) that was kept elsewhere; NULL: the one in the folder */
	const char *public_key;

	/** @checkpoints: a file with checkpoints that were kept elsewhere, one per line, or NULL */
	const char *checkpoints;

	/** @begins_at: records before this number were taken away on purpose; 0: none were */
	uint64_t begins_at;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_audit_report - what coffer_audit_verify() found, up to the first damage */
struct coffer_audit_report {
	char log[33]; /* the id of the log, 32 hex digits */
	uint64_t n_records, first, last;
	uint64_t n_parts, bytes;
	uint64_t torn_bytes;	/* of a last record that was not written to its end, for which no key was used */
	uint64_t n_checkpoints; /* in the folder */
	uint64_t n_outside;	/* that were given */
	uint64_t signed_to;	/* the last record under a verified checkpoint; those behind it have the chain alone */
	char signed_at[32];	/* when that checkpoint was made; empty when there is none */
	char key[65];		/* what signed it: SHA-256 of the SubjectPublicKeyInfo, in hex */
	const char *damage;	/* «whole», or the first damage in one word; static text */
	char file[64];		/* where: a file of the folder; empty where it belongs to none */
	uint64_t line;		/* of that file, from 1; 0 likewise */
	uint64_t seq;		/* the record; 0 likewise */
};

/**
 * coffer_audit_verify() - whether the log is whole: no record changed, removed, inserted, doubled or moved, and none cut off
 * the end that a checkpoint covers
 * @report_out: gets what was found, also with COFFER_E_AUTH; may be NULL
 *
 * Return: COFFER_OK; COFFER_E_AUTH with a sentence that names the first damage; COFFER_E_NOTFOUND when there is no log.
 */
COFFER_API COFFER_CHECK coffer_err coffer_audit_verify(struct coffer_ctx *ctx, const char *dir,
						       const struct coffer_audit_verify_options *options,
						       struct coffer_audit_report *report_out);

/**
 * coffer_audit_public_key() - the public key of the checkpoints, as PEM, to be kept elsewhere
 * @pem_out: gets it; free it with free()
 */
COFFER_API COFFER_CHECK coffer_err coffer_audit_public_key(struct coffer_ctx *ctx, const char *dir, char **pem_out);

/**
 * coffer_audit_folder() - the folder that the context writes to
 * @dir_out: gets its path, free it with free(); NULL when the log is off or goes to the system's log alone
 */
COFFER_API COFFER_CHECK coffer_err coffer_audit_folder(struct coffer_ctx *ctx, char **dir_out);

#ifdef __cplusplus
}
#endif
#endif
