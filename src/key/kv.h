/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in the KV engine, version 2, of Vault or OpenBao (API: secret/kv/kv-v2): versions of objects whose members are texts.
 */
#ifndef KEY_KV_H
#define KEY_KV_H

#include <stdint.h>

#include "base/limits.h"
#include "base/view.h"
#include "data/doc.h"
#include "format/recipient.h"
#include "key/vault.h"
#include "key/vault_uri.h"

#define KV_SCHEME "vaultkv://"
#define KV_FIELD "value" /* the one that is meant when a secret is named without */

/** struct kv_secret - a place in a store */
struct kv_secret {
	struct vault *vault;
	struct kv_uri uri;	       /* with the namespace that counts */
	char id[RECIPIENT_ID_MAX + 1]; /* [NAMESPACE/]MOUNT/PATH[#FIELD], for sentences and recipients */
};

enum kv_found {
	KV_NEVER, /* nothing is there, or never was that version */
	KV_THERE,
	KV_DELETED, /* it can be had back */
	KV_DESTROYED,
};

/** struct kv_entry - one version of it */
struct kv_entry {
	enum kv_found found;
	uint64_t version;	/* 0 of KV_NEVER */
	int64_t created;	/* seconds since 1970, 0 where the server does not say */
	const struct doc *data; /* the object, of KV_THERE; else NULL */
	struct doc *answer;	/* owns it */
};

#define KV_SECRET_INIT                                                                                                 \
	{                                                                                                              \
		.vault = NULL                                                                                          \
	}

/** kv_secret_open() - the place that @rest, behind vaultkv://, names; @field as for kv_uri_parse(); asks nobody.  Free it with kv_secret_close(). */
coffer_err kv_secret_open(struct fault *f, const char *rest, const char *field, struct kv_secret *out);
void kv_secret_close(struct kv_secret *s);

/** kv_read() - read @version, or the latest for 0; free @out with kv_entry_free(), which wipes it.  What is not there is no fault. */
coffer_err kv_read(struct fault *f, const struct kv_secret *s, uint64_t version, struct kv_entry *out);
void kv_entry_free(struct kv_entry *e);

/** kv_need() - COFFER_OK when the entry is there; else @err, and a sentence that says what became of it */
coffer_err kv_need(struct fault *f, const struct kv_secret *s, const struct kv_entry *e, coffer_err err);

/**
 * kv_set_field() - write a new version in which the field of @s is @value, and all other fields are as in @had
 * @had: the latest version, of kv_read(), any @found; it is what must still be the latest
 * @version_out: gets the number of the new one
 *
 * COFFER_E_CHANGED when it is the latest no more.
 */
coffer_err kv_set_field(struct fault *f, const struct kv_secret *s, const struct kv_entry *had, struct view value,
			uint64_t *version_out);

/** kv_delete() - delete the latest version, so that it can be had back */
coffer_err kv_delete(struct fault *f, const struct kv_secret *s);

enum kv_change { KV_DELETE, KV_UNDELETE, KV_DESTROY };

/** kv_change() - do that to the @n versions; those that are not there are passed over by the server */
coffer_err kv_change(struct fault *f, const struct kv_secret *s, enum kv_change change, const uint64_t *versions,
		     size_t n);

/** kv_forget() - destroy all versions and the place itself */
coffer_err kv_forget(struct fault *f, const struct kv_secret *s);

/** kv_list() - what stands below @s: names, those of folders with a slash behind; @answer_out owns them, doc_free() frees it; @names_out is an array, or NULL when there is nothing */
coffer_err kv_list(struct fault *f, const struct kv_secret *s, struct doc **answer_out, const struct doc **names_out);

#endif
