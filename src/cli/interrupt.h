/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT, SIGTERM and SIGHUP: end soon and tidily.  A second one ends at once.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include <coffer/ctx.h>

/** interrupt_catch() - cancel @ctx when a signal comes; signals that were ignored stay so (nohup).  NULL forgets it. */
void interrupt_catch(struct coffer_ctx *ctx);

/** interrupt_begin() - a reader that went away is an error of writing, and a child is waited for, whatever we were started with */
void interrupt_begin(void);

/** interrupt_restore() - as it was before, for a program that is to be executed */
void interrupt_restore(void);

/** interrupt_tell() - call @fn, too, in the signal handler: of what waits and is no call of the library; NULL ends that */
void interrupt_tell(void (*fn)(void));

/** interrupt_seen() - whether one has come */
bool interrupt_seen(void);

#endif
