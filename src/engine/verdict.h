/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict in the making: what was found about a model.
 *
 * It says «not verified» until verdict_accept(), the only place where it comes to say anything else.
 */
#ifndef ENGINE_VERDICT_H
#define ENGINE_VERDICT_H

#include <coffer/sign.h>

#include "base/fault.h"
#include "sign/signer.h"

struct verdict {
	struct coffer_verdict public; /* the first member: what the caller is given */
	struct coffer_finding *findings;
	size_t n, cap;
	size_t n_of[COFFER_FOUND_IGNORED + 1]; /* by kind: how many there were, kept or not */
	coffer_err unreadable;		       /* why the first file that cannot be read cannot */
	struct signed_by who;
	char **fingerprints; /* of the chain in @who */
};

/** verdict_new() - nothing found, not verified */
coffer_err verdict_new(struct fault *f, struct verdict **out);

/** verdict_signed() - the signature holds, and @who, which is taken over on success, made it; COFFER_E_NOMEM */
coffer_err verdict_signed(struct fault *f, struct verdict *v, enum coffer_method method, struct signed_by *who);

/**
 * verdict_find() - add a finding; COFFER_E_NOMEM
 * @path: relative to the model; what cannot be shown in it becomes «?»
 *
 * LIMIT_FINDINGS failures are kept, and as many of what was left out; all are counted.
 */
coffer_err verdict_find(struct fault *f, struct verdict *v, enum coffer_finding_kind kind, const char *path,
			const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** verdict_judge() - COFFER_OK without failures; else the error that they amount to, and a sentence that counts them */
coffer_err verdict_judge(struct fault *f, struct verdict *v, const char *model);

/** verdict_accept() - all was done and nothing was found; COFFER_E_INTERNAL, and no acceptance, if something was */
coffer_err verdict_accept(struct fault *f, struct verdict *v, uint64_t n_files, uint64_t bytes);

#endif
