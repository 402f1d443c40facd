/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binding: a model's name, and whose signature of it is believed.
 *
 * It is a small JSON file of the trust store (trust_store.h), with these members and no others; docs/howto/trust.md explains them:
 *
 *   coffer-trust		1
 *   model			the model's name, or «*» for every model that no other binding of the folder names
 *   method			«key», «certificate» or «sigstore»; then, by the method,
 *   public_key			the publisher's key, as PEM text
 *   certificate_chain		roots that are believed, and certificates that lead to them, as PEM text
 *   tsa_chain			those of timestamp authorities; may be left out
 *   identity, identity_provider	who must have signed, and who must have vouched for that
 *   trusted_root		the text of a trusted_root.json; left out, the imported one is meant
 */
#ifndef SIGN_BINDING_H
#define SIGN_BINDING_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"

#define BINDING_ANY "*" /* the name that stands for every model */

enum binding_method { BINDING_KEY, BINDING_CERTIFICATE, BINDING_SIGSTORE };

/** struct trust_binding - zeroed before; what its method has not is NULL */
struct trust_binding {
	char *model;
	enum binding_method method;
	char *public_key;
	char *certificate_chain;
	char *tsa_chain;
	char *identity;
	char *identity_provider;
	char *trusted_root;
};

/** binding_check_model() - COFFER_E_USAGE unless @model is 1 to LIMIT_TRUST_NAME bytes of text without control characters */
coffer_err binding_check_model(struct fault *f, const char *model);

/** binding_parse() - read the file @what; form alone, keys and certificates are not looked at; COFFER_E_FORMAT, COFFER_E_UNSUPPORTED */
coffer_err binding_parse(struct fault *f, const char *what, struct view json, struct trust_binding *out);

/** binding_write() - append it as such a file */
coffer_err binding_write(struct fault *f, const struct trust_binding *b, struct buf *out);

/** binding_free() - free all; zeroed again */
void binding_free(struct trust_binding *b);

#endif
