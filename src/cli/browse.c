/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/browse.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/sign_options.h"
#include "cli/term.h"

#define SHOWN_MAX 4352

extern char **environ;

static bool
has_desktop(void)
{
	return (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY")) && isatty(STDERR_FILENO);
}

/* The address is shown in any case, so that it does not matter whether this works. */
static void
start_browser(const char *url)
{
	char program[] = "xdg-open";
	char *const argv[] = {program, (char *)(uintptr_t)url, NULL};
	posix_spawn_file_actions_t actions;
	pid_t child;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	(void)posix_spawnp(&child, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
}

coffer_err
browse(void *user, const char *url, const char *code)
{
	char shown[SHOWN_MAX], shown_code[128] = "";

	(void)user;
	if (code)
		(void)term_clean(code, shown_code, sizeof(shown_code));
	term_progress_end();
	/* with --quiet too, for without it nobody could sign in */
	(void)fprintf(stderr, "coffer: to sign in, open %s%s%s\n", term_clean(url, shown, sizeof(shown)),
		      code ? " and enter the code " : "", shown_code);
	(void)fflush(stderr);
	if (!code && !signing.oob && has_desktop())
		start_browser(url);
	return COFFER_OK;
}
