/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static struct coffer_ctx *volatile to_cancel;
static void (*volatile to_tell)(void);
static volatile sig_atomic_t seen;

static void
on_signal(int signum)
{
	struct coffer_ctx *ctx = to_cancel;
	void (*tell)(void) = to_tell;

	(void)signum;
	seen = 1;
	if (ctx)
		coffer_ctx_cancel(ctx);
	if (tell)
		tell();
}

/* No SA_RESTART: a prompt must wake up.  SA_RESETHAND: the second signal ends the process. */
static void
catch_one(int signum)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;

	if (sigaction(signum, NULL, &old) == 0 && old.sa_handler != SIG_DFL)
		return;
	(void)sigaction(signum, &action, NULL);
}

void
interrupt_catch(struct coffer_ctx *ctx)
{
	to_cancel = ctx;
	if (!ctx)
		return;
	catch_one(SIGINT);
	catch_one(SIGTERM);
	catch_one(SIGHUP);
}

static struct sigaction pipe_before, child_before;

/* Whoever has ignored SIGCHLD leaves that to us, and then the kernel tells nobody how a child ended (wait(2)). */
void
interrupt_begin(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, by_default = {.sa_handler = SIG_DFL};

	(void)sigaction(SIGPIPE, &ignore, &pipe_before);
	(void)sigaction(SIGCHLD, &by_default, &child_before);
}

void
interrupt_restore(void)
{
	(void)sigaction(SIGPIPE, &pipe_before, NULL);
	(void)sigaction(SIGCHLD, &child_before, NULL);
}

void
interrupt_tell(void (*fn)(void))
{
	to_tell = fn;
	/* it came a moment before */
	if (fn && seen)
		fn();
}

bool
interrupt_seen(void)
{
	return seen != 0;
}
