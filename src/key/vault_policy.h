/* SPDX-License-Identifier: Apache-2.0 */
/* ACL policies of Vault and OpenBao (sys/policies/acl). */
#ifndef KEY_VAULT_POLICY_H
#define KEY_VAULT_POLICY_H

#include "base/fault.h"

/** vault_write_policy() - make or replace the ACL policy @name of the environment's Vault and namespace; errors of vault_call() */
coffer_err vault_write_policy(struct fault *f, const char *name, const char *text);

#endif
