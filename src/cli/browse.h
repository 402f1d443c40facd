/* SPDX-License-Identifier: Apache-2.0 */
/* The person's browser, where signing in happens. */
#ifndef CLI_BROWSE_H
#define CLI_BROWSE_H

#include <coffer/err.h>

/** browse() - a coffer_browse_fn: says where to go, and starts the browser of the desktop if there is one and no code is to be typed */
coffer_err browse(void *user, const char *url, const char *code);

#endif
