/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sign_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/sign_options.h"

static bool
exists(const char *folder, const char *name)
{
	char path[4096];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) && stat(path, &st) == 0;
}

bool
signing_is_sealed(const char *model)
{
	static const char suffix[] = ".coffer";
	size_t len = strlen(model);
	struct stat st;

	if (stat(model, &st) == 0 && S_ISDIR(st.st_mode))
		return exists(model, "coffer.json");
	return len > strlen(suffix) && strcmp(model + len - strlen(suffix), suffix) == 0;
}

/* «FOLDER/NAME», without a second slash */
static char *
join(const char *folder, const char *name)
{
	size_t len = strlen(folder);
	char *path;

	while (len > 1 && folder[len - 1] == '/')
		len--;
	return asprintf(&path, "%.*s/%s", (int)len, folder, name) < 0 ? NULL : path;
}

static char *
default_path(const char *model)
{
	struct stat st;
	bool folder = stat(model, &st) == 0 && S_ISDIR(st.st_mode), sealed = signing_is_sealed(model);
	char *path;

	if (sealed && folder)
		return join(model, "coffer.sig");
	if (sealed)
		return asprintf(&path, "%s.sig", model) < 0 ? NULL : path;
	return strdup("model.sig");
}

static bool
is_here(const char *model)
{
	struct stat here, there;

	return stat(".", &here) == 0 && stat(model, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* A signature that came with the model lies in it; with one here, too, it is not for us to choose. */
static coffer_err
find_within(struct fault *f, const char *model, char **path)
{
	if (signing_is_sealed(model) || is_here(model) || !exists(model, "model.sig"))
		return COFFER_OK;
	if (exists(".", "model.sig"))
		return fault_set(f, COFFER_E_USAGE,
				 "there is a model.sig here and one in %s; say which with --signature FILE", model);
	free(*path);
	*path = join(model, "model.sig");
	return *path ? COFFER_OK : fault_nomem(f);
}

/* Of a model that is not there either, that is what will be said. */
static coffer_err
miss(struct fault *f, const char *model, const char *path)
{
	struct stat st;

	if (stat(model, &st) != 0 || stat(path, &st) == 0 || errno != ENOENT)
		return COFFER_OK;
	return fault_set(f, COFFER_E_NOTFOUND, "there is no signature %s%s%s; --signature FILE names another", path,
			 signing_is_sealed(model) ? "" : " here, and none in ", signing_is_sealed(model) ? "" : model);
}

/* Elsewhere «-» is a stream; a signature appears whole, as a file. */
static coffer_err
refuse_stream(struct fault *f)
{
	if (signing.signature && strcmp(signing.signature, "-") == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"a signature is a file, and --signature - names none; ./- is one, and /dev/stdin is read");
	return COFFER_OK;
}

coffer_err
signing_path(struct fault *f, const char *model, enum signature_use use, char **path_out)
{
	coffer_err err;

	*path_out = NULL;
	TRY(refuse_stream(f));
	*path_out = signing.signature ? strdup(signing.signature) : default_path(model);
	if (!*path_out)
		TRY(fault_nomem(f));
	if (!signing.signature && use == SIGNATURE_READ) {
		TRY(find_within(f, model, path_out));
		TRY(miss(f, model, *path_out));
	}
out:
	if (err) {
		free(*path_out);
		*path_out = NULL;
	}
	return err;
}

coffer_err
signing_path_of_file(struct fault *f, const char *file, const char *suffix, char **path_out)
{
	coffer_err err;

	*path_out = NULL;
	TRY(refuse_stream(f));
	if (signing.signature)
		*path_out = strdup(signing.signature);
	else if (asprintf(path_out, "%s%s", file, suffix) < 0)
		*path_out = NULL;
	if (!*path_out)
		TRY(fault_nomem(f));
out:
	return err;
}
