/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inference engine that reads sealed models, and does not depend on coffer: it is built without any header of coffer, and
 * linked with nothing of it.
 *
 *	hook PATH [FILE]
 *
 * writes PATH to standard output; when it is a sealed model, its file FILE.  The keys are those of $COFFER_KEK, or of the local
 * keyring.  Without the library it is an engine as it was before.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- copied from coffer/hook.h, which is frozen ---- */

struct coffer_hook_model;

struct coffer_hook {
	uint32_t version;
	int (*is_sealed)(const char *path);
	int (*open)(const char *path, const char *kek, struct coffer_hook_model **model_out, char *why, size_t why_len);
	void (*close)(struct coffer_hook_model *model);
	size_t (*files)(const struct coffer_hook_model *model);
	const char *(*path)(const struct coffer_hook_model *model, size_t index);
	size_t (*find)(const struct coffer_hook_model *model, const char *path);
	uint64_t (*size)(struct coffer_hook_model *model, size_t index);
	int (*read)(struct coffer_hook_model *model, size_t index, uint64_t off, void *buf, size_t len);
	int (*map)(struct coffer_hook_model *model, size_t index, const void **bytes_out, size_t *len_out);
	void (*unmap)(struct coffer_hook_model *model, size_t index);
	const char *(*why)(void);
};

typedef const struct coffer_hook *(*coffer_hook_fn)(uint32_t version);

/* ---- the engine's own ---- */

static const struct coffer_hook *
find_hook(void)
{
	void *library = dlopen("libcoffer.so.0", RTLD_NOW);
	/* a function's address comes as an object's: POSIX dlsym() says so */
	union {
		void *object;
		coffer_hook_fn fn;
	} get = {.object = library ? dlsym(library, "coffer_hook") : NULL};

	return get.object ? get.fn(1) : NULL;
}

static int
load_sealed(const struct coffer_hook *hook, const char *path, const char *file)
{
	struct coffer_hook_model *model;
	const void *bytes;
	char why[600];
	size_t index, len;
	int rc = hook->open(path, NULL, &model, why, sizeof(why));

	if (rc != 0) {
		fprintf(stderr, "hook: %s\n", why);
		return 1;
	}
	index = hook->find(model, file);
	if (index == SIZE_MAX) {
		fprintf(stderr, "hook: %s has no file %s\n", path, file);
		rc = 1;
	} else if (hook->map(model, index, &bytes, &len) != 0) {
		fprintf(stderr, "hook: %s\n", hook->why());
		rc = 1;
	} else if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0) {
		rc = 1;
	}
	hook->close(model);
	return rc;
}

static int
load_plain(const char *path)
{
	FILE *in = fopen(path, "rb");
	char bytes[4096];
	size_t n;

	if (!in) {
		perror(path);
		return 1;
	}
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		if (fwrite(bytes, 1, n, stdout) != n)
			break;
	n = (size_t)(ferror(in) || ferror(stdout) || fflush(stdout) != 0);
	fclose(in);
	return (int)n;
}

int
main(int argc, char **argv)
{
	const struct coffer_hook *hook = find_hook();

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: hook PATH [FILE]\n");
		return 2;
	}
	if (hook && hook->is_sealed(argv[1]))
		return load_sealed(hook, argv[1], argc == 3 ? argv[2] : "model.safetensors");
	return load_plain(argv[1]);
}
