/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HashiCorp Vault and OpenBao, as their users: one client for all keys of a process that ask the same server as the same user.
 *
 * It gets a token when the first request is made, renews it at two thirds of its lease, and gets another when it has ended.
 * Any thread.
 */
#ifndef KEY_VAULT_H
#define KEY_VAULT_H

#include "key/vault_wire.h"

struct vault;

/** vault_open() - the client that the environment describes (vault_settings.h); asks nobody; give it back with vault_close() */
coffer_err vault_open(struct fault *f, struct vault **out);

/** vault_close() - give *@v back and set it to NULL; with the last one its token is wiped.  NULL is fine. */
void vault_close(struct vault **v);

/** vault_namespace() - the namespace of the environment, without slashes around it; empty for the root */
const char *vault_namespace(const struct vault *v);

/** vault_host() - where it is, for sentences */
const char *vault_host(const struct vault *v);

/**
 * vault_call() - a request with the client's token
 *
 * Return: as remote_call().  COFFER_E_REFUSED says whether the token ended or which right it lacks.
 */
coffer_err vault_call(struct fault *f, struct vault *v, const struct vault_request *request, struct doc **answer_out);

#endif
