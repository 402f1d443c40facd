/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses a key: what a record says of the process. */
#ifndef AUDIT_ACTOR_H
#define AUDIT_ACTOR_H

#include "audit/record.h"

/** audit_actor() - zero @r and set in it who is at it, in which program and on which machine, the time, and a new event id */
coffer_err audit_actor(struct fault *f, struct audit_record *r);

/** audit_now() - nanoseconds since 1970 */
int64_t audit_now(void);

#endif
