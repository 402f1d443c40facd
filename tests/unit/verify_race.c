/* SPDX-License-Identifier: Apache-2.0 */
/* A model that changes while it is signed or verified. */
#include <coffer/sign.h>

#include "support/sign_kit.h"

struct meanwhile {
	void (*change)(void);
	bool done;
};

/* Called while the model is hashed. */
static void
change_meanwhile(void *user, const char *path, uint64_t done, uint64_t total)
{
	struct meanwhile *m = user;

	(void)path;
	(void)done;
	(void)total;
	if (!m->done) {
		m->done = true;
		m->change();
	}
}

static void
append_to_it(void)
{
	int fd = open("m/big", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
}

static void
write_into_it(void)
{
	kit_flip("m/big", (off_t)15 << 20, 1);
}

static void
cut_it(void)
{
	assert_int_equal(truncate("m/big", 5), 0);
}

static void
replace_it(void)
{
	kit_file("m2", 10, 1);
	assert_int_equal(rename("m2", "m/big"), 0);
}

static void
remove_it(void)
{
	assert_int_equal(unlink("m/big"), 0);
}

static void
add_another(void)
{
	kit_file("m/more", 1, 0);
}

static void
remove_another(void)
{
	assert_int_equal(unlink("m/a.bin"), 0);
}

static void
rename_another(void)
{
	assert_int_equal(rename("m/a.bin", "m/A.bin"), 0);
}

static const struct {
	const char *what;
	void (*change)(void);
} races[] = {
	{"appended", append_to_it},
	{"written into", write_into_it},
	{"cut", cut_it},
	{"replaced", replace_it},
	{"removed", remove_it},
	{"another added", add_another},
	{"another removed", remove_another},
	{"another renamed", rename_another},
};

static void
make_model(void)
{
	int fd;

	kit_file("m/a.bin", 3, 2);
	/* large enough for the progress function to be called before its end, and a hole: it takes no room */
	fd = open("m/big", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, (off_t)(getenv("COFFER_TEST_EMULATOR") ? 16 : 256) << 20), 0);
	(void)close(fd);
	/* the time of what comes next must differ from that of what was listed */
	(void)usleep(20000);
}

static void
a_model_that_changes_while_it_is_signed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++) {
		struct meanwhile m = {races[i].change, false};
		coffer_err err;

		make_model();
		coffer_ctx_set_progress(kit.ctx, change_meanwhile, &m);
		err = coffer_sign(kit.ctx, "m", "new.sig", sign_kit.signer, NULL, NULL);
		coffer_ctx_set_progress(kit.ctx, NULL, NULL);
		if (!m.done || err != COFFER_E_CHANGED || kit_exists("new.sig"))
			fail_msg("%s: %s: %s", races[i].what, coffer_err_name(err), coffer_ctx_message(kit.ctx));
		(void)kit_remove_all("m");
	}
}

static void
a_model_that_changes_while_it_is_verified(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++) {
		struct meanwhile m = {races[i].change, false};
		struct coffer_verdict *v;
		coffer_err err;

		make_model();
		assert_ok(coffer_sign(kit.ctx, "m", "m.sig", sign_kit.signer, NULL, NULL));
		(void)usleep(20000);
		coffer_ctx_set_progress(kit.ctx, change_meanwhile, &m);
		err = coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, NULL, &v);
		coffer_ctx_set_progress(kit.ctx, NULL, NULL);
		if (!m.done || err != COFFER_E_CHANGED || v->verified)
			fail_msg("%s: %s: %s", races[i].what, coffer_err_name(err), coffer_ctx_message(kit.ctx));
		coffer_verdict_free(&v);
		(void)kit_remove_all("m");
		assert_int_equal(unlink("m.sig"), 0);
	}
}

static void
cancel(void)
{
	coffer_ctx_cancel(kit.ctx);
}

static void
a_verification_that_is_cancelled(void **state)
{
	struct meanwhile m = {cancel, false};
	struct coffer_verdict *v;

	(void)state;
	make_model();
	assert_ok(coffer_sign(kit.ctx, "m", "m.sig", sign_kit.signer, NULL, NULL));
	coffer_ctx_set_progress(kit.ctx, change_meanwhile, &m);
	assert_refused(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, NULL, &v), COFFER_E_INTERRUPTED);
	assert_false(v->verified);
	assert_int_equal(v->n_failures, 1);
	coffer_verdict_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SIGN_TEST(a_model_that_changes_while_it_is_signed),
		SIGN_TEST(a_model_that_changes_while_it_is_verified),
		SIGN_TEST(a_verification_that_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
