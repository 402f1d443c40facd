/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static coffer_err
load_path(struct fault *f, struct token_modules *m, const char *path)
{
	CK_RV rv;

	m->list = calloc(2, sizeof(CK_FUNCTION_LIST *));
	if (!m->list)
		return fault_nomem(f);
	m->list[0] = p11_kit_module_load(path, 0);
	if (!m->list[0])
		return fault_set(f, COFFER_E_UNAVAILABLE, "the PKCS#11 module %s cannot be loaded; is the path right?",
				 path);
	rv = p11_kit_module_initialize(m->list[0]);
	if (rv == CKR_OK)
		return COFFER_OK;
	p11_kit_module_release(m->list[0]);
	m->list[0] = NULL;
	return fault_set(f, COFFER_E_UNAVAILABLE, "the PKCS#11 module %s cannot start: %s", path, p11_kit_strerror(rv));
}

static bool
find_module(const char *name, char *path, size_t cap)
{
	static const char *const folders[] = {
		"/usr/lib64/pkcs11",
		"/usr/lib/pkcs11",
#if defined(__x86_64__)
		"/usr/lib/x86_64-linux-gnu/pkcs11",
		"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/lib/aarch64-linux-gnu/pkcs11",
		"/usr/lib/aarch64-linux-gnu",
#endif
		"/usr/lib/softhsm",
		"/usr/local/lib/pkcs11",
		"/usr/local/lib",
	};
	/* «softhsm2» may be libsofthsm2.so */
	static const struct {
		const char *before, *behind;
	} forms[] = {{"", ""}, {"", ".so"}, {"lib", ".so"}};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		for (size_t j = 0; j < sizeof(forms) / sizeof(*forms); j++) {
			int len = snprintf(path, cap, "%s/%s%s%s", folders[i], forms[j].before, name, forms[j].behind);

			if (len > 0 && (size_t)len < cap && access(path, R_OK) == 0)
				return true;
		}
	}
	return false;
}

static coffer_err
load_named(struct fault *f, struct token_modules *m, const char *name)
{
	char path[512];

	if (strchr(name, '/') || !find_module(name, path, sizeof(path)))
		return fault_set(
			f, COFFER_E_UNAVAILABLE,
			"there is no PKCS#11 module called %s in the usual places; give module-path=/…/module.so",
			name);
	return load_path(f, m, path);
}

static coffer_err
load_configured(struct fault *f, struct token_modules *m)
{
	m->list = p11_kit_modules_load_and_initialize(0);
	m->configured = true;
	if (!m->list || !m->list[0])
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 "no PKCS#11 module is configured here; name one in the URI: "
				 "?module-path=/…/module.so, or in COFFER_PKCS11_MODULE");
	return COFFER_OK;
}

/* What is wanted: a path, else a name, else what is configured. */
static void
choose(P11KitUri *uri, const char *given, const char **path_out, const char **name_out)
{
	const char *path = given ? given : p11_kit_uri_get_module_path(uri);
	const char *name = path ? NULL : p11_kit_uri_get_module_name(uri);

	if (!path && !name) {
		const char *set = secure_getenv("COFFER_PKCS11_MODULE");

		if (set && strchr(set, '/'))
			path = set;
		else if (set && *set)
			name = set;
	}
	*path_out = path;
	*name_out = name;
}

coffer_err
token_modules_check(struct fault *f, P11KitUri *uri, const char *given)
{
	const char *path, *name;

	choose(uri, given, &path, &name);
	if (path && path[0] != '/')
		return fault_set(f, COFFER_E_USAGE, "the PKCS#11 module %s must be an absolute path", path);
	return COFFER_OK;
}

coffer_err
token_modules_load(struct fault *f, P11KitUri *uri, const char *given, struct token_modules *out)
{
	const char *path, *name;
	coffer_err err;

	*out = (struct token_modules){.pid = getpid()};
	choose(uri, given, &path, &name);
	TRY(token_modules_check(f, uri, given));
	if (path)
		TRY(load_path(f, out, path));
	else if (name)
		TRY(load_named(f, out, name));
	else
		TRY(load_configured(f, out));
out:
	if (err)
		token_modules_unload(out);
	return err;
}

static void
release(void *module)
{
	p11_kit_module_release(module);
}

coffer_err
token_modules_restart(struct fault *f, struct token_modules *m)
{
	CK_RV rv = m->configured ? p11_kit_modules_initialize(m->list, release) : p11_kit_module_initialize(m->list[0]);

	if (rv != CKR_OK)
		return fault_set(f, COFFER_E_UNAVAILABLE, "the PKCS#11 module cannot start again after a fork: %s",
				 p11_kit_strerror(rv));
	m->pid = getpid();
	return COFFER_OK;
}

void
token_modules_unload(struct token_modules *m)
{
	if (m->configured) {
		if (m->list)
			p11_kit_modules_finalize_and_release(m->list);
	} else if (m->list) {
		if (m->list[0]) {
			p11_kit_module_finalize(m->list[0]);
			p11_kit_module_release(m->list[0]);
		}
		free(m->list);
	}
	*m = (struct token_modules){.list = NULL};
}
