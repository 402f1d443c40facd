/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that stand in Vault or OpenBao and not in a file: vaultkv://MOUNT/PATH#FIELD wherever a file with a secret is named.
 */
#ifndef KEY_SECRET_SOURCE_H
#define KEY_SECRET_SOURCE_H

#include "mem/secret_file.h"

/** secret_source_install() - have secret_from_file() and its kin take such a URI; any number of times, from any thread */
void secret_source_install(void);

#endif
