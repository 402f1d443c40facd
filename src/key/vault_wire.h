/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to Vault or OpenBao and what its answer means (their HTTP API, version 1; errors as OpenBao's sdk/logical/response_util.go makes
 * them).  Which token goes with it, vault.h says.
 */
#ifndef KEY_VAULT_WIRE_H
#define KEY_VAULT_WIRE_H

#include "data/doc.h"
#include "key/remote.h"
#include "key/vault_settings.h"

/** enum vault_accept - which answer, besides success, the caller looks at himself */
enum vault_accept {
	VAULT_SUCCESS,
	VAULT_OR_MISSING,  /* 404, which for KV can mean «deleted», and for a list «empty» */
	VAULT_OR_CONFLICT, /* 400 because check-and-set found another version: vault_is_conflict() */
};

struct vault_request {
	const char *method;    /* «GET», «POST», «DELETE» */
	const char *path;      /* below /v1/ */
	const char *namespace; /* NULL or empty: the root */
	struct view body;      /* JSON */
	enum vault_accept accept;
	size_t max_answer;	 /* 0 = LIMIT_TOKEN */
	unsigned int timeout_ms; /* 0 = as key/remote.h says */
};

/** struct vault_signer - what gives a request its token; both NULL: it has none */
struct vault_signer {
	coffer_err (*sign)(void *user, struct fault *f, struct http_request *request, bool fresh);
	void *user;
};

/** vault_send() - ask the server of @settings; any thread.  The answer holds secrets: doc_free() wipes it. */
coffer_err vault_send(struct fault *f, const struct vault_settings *settings, const struct vault_request *request,
		      const struct vault_signer *signer, struct doc **answer_out);

/** vault_is_conflict() - whether @answer, of a request with VAULT_OR_CONFLICT, says that */
bool vault_is_conflict(const struct doc *answer);

/** vault_remote - for remote_secret() over an answer */
extern const struct remote vault_remote;

#endif
