/* SPDX-License-Identifier: Apache-2.0 */
/* The trusted root and a bundle of universe.h, read; a test changes them and asks again. */
#ifndef TESTS_SUPPORT_UNIVERSE_KIT_H
#define TESTS_SUPPORT_UNIVERSE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sign/bundle.h"
#include "sign/trusted_root.h"
#include "support/universe.h"

struct universe {
	struct trusted_root *root;
	struct bundle b;
};

static inline void
universe_open(struct universe *u, const char *bundle)
{
	struct fault f = {.err = COFFER_OK};

	*u = (struct universe){.root = NULL};
	bundle_init(&u->b);
	if (trusted_root_parse(&f, "the root", view_str(universe_root), &u->root) != COFFER_OK ||
	    bundle_parse(&f, "the bundle", view_str(bundle), &u->b) != COFFER_OK)
		fail_msg("%s", f.text);
}

static inline void
universe_close(struct universe *u)
{
	bundle_free(&u->b);
	trusted_root_free(&u->root);
}

/** assert_says() - that @call, which is given a fault «f», ends with @want and a sentence with @part in it */
#define assert_says(call, want, part)                                                                                  \
	do {                                                                                                           \
		struct fault f = {.err = COFFER_OK};                                                                   \
		coffer_err got_ = (call);                                                                              \
		if (got_ != (want) || !strstr(f.text, (part)))                                                         \
			fail_msg("%s: %s «%s», not %s «%s»", #call, coffer_err_name(got_), f.text,                     \
				 coffer_err_name(want), (part));                                                       \
	} while (0)

#endif
