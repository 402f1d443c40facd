/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/home.h"
#include "base/ini.h"
#include "base/limits.h"
#include "mem/secret_file.h"

static const struct {
	const char *variable, *below_home;
} places[AWS_FILES] = {
	[AWS_FILE_SHARED] = {"AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"},
	[AWS_FILE_CONFIG] = {"AWS_CONFIG_FILE", ".aws/config"},
};

/* A «~/» in front is the home, as in AWS's programs.  NULL when there is no home to look in. */
static coffer_err
path_of(struct fault *f, enum aws_file file, char **out)
{
	const char *home = home_setting("HOME"), *path = home_setting(places[file].variable);
	int rc = 0;

	*out = NULL;
	if (path && !(home && strncmp(path, "~/", 2) == 0))
		rc = asprintf(out, "%s", path);
	else if (home)
		rc = asprintf(out, "%s/%s", home, path ? path + 2 : places[file].below_home);
	if (rc < 0) {
		*out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

static bool
is_empty(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

static coffer_err
load(struct fault *f, const char *path, struct secret *out)
{
	struct fault why = {.err = COFFER_OK};
	coffer_err err;

	if (!path || is_empty(path))
		return COFFER_OK;
	err = secret_from_file(&why, "the AWS configuration", path, LIMIT_AWS_FILE, out);
	if (err == COFFER_OK || err == COFFER_E_NOTFOUND)
		return COFFER_OK;
	return fault_set(f, err, "%s", why.text);
}

/* AWS_DEFAULT_PROFILE is what older programs have; botocore knows both. */
static coffer_err
choose(struct fault *f, struct aws_profiles *p)
{
	const char *name = home_setting("AWS_PROFILE");
	int len;

	if (!name)
		name = home_setting("AWS_DEFAULT_PROFILE");
	p->is_named = name != NULL;
	len = snprintf(p->name, sizeof(p->name), "%s", name ? name : "default");
	if (len < 0 || (size_t)len >= sizeof(p->name))
		return fault_set(f, COFFER_E_REFUSED, "AWS_PROFILE is longer than %d characters", AWS_PROFILE_MAX);
	return COFFER_OK;
}

static coffer_err
check_named(struct fault *f, const struct aws_profiles *p)
{
	bool has = !p->is_named;
	coffer_err err = COFFER_OK;

	if (!has)
		TRY(aws_profiles_has(f, p, p->name, &has));
	if (!has)
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "there is no AWS profile «%s» in %s or %s; AWS_PROFILE must name one that is there",
			      p->name, p->paths[AWS_FILE_CONFIG] ? p->paths[AWS_FILE_CONFIG] : "~/.aws/config",
			      p->paths[AWS_FILE_SHARED] ? p->paths[AWS_FILE_SHARED] : "~/.aws/credentials"));
out:
	return err;
}

coffer_err
aws_profiles_load(struct fault *f, struct aws_profiles *out)
{
	coffer_err err;

	*out = (struct aws_profiles){.is_named = false};
	TRY(choose(f, out));
	for (size_t i = 0; i < AWS_FILES; i++) {
		TRY(path_of(f, (enum aws_file)i, &out->paths[i]));
		TRY(load(f, out->paths[i], &out->texts[i]));
	}
	TRY(check_named(f, out));
out:
	return err;
}

void
aws_profiles_free(struct aws_profiles *p)
{
	for (size_t i = 0; i < AWS_FILES; i++) {
		free(p->paths[i]);
		p->paths[i] = NULL;
		secret_free(&p->texts[i]);
	}
}

/* ---- sections ---- */

#define SECTION_FORMS 3
#define SECTION_MAX (AWS_PROFILE_MAX + sizeof("profile \"\""))

/* The names that the section of @profile may have in @file; in order of precedence, the rest empty. */
static void
sections_of(enum aws_file file, const char *profile, char out[static SECTION_FORMS][SECTION_MAX])
{
	bool is_plain = file == AWS_FILE_SHARED || strcmp(profile, "default") == 0;

	memset(out, 0, SECTION_FORMS * SECTION_MAX);
	if (file == AWS_FILE_CONFIG) {
		(void)snprintf(out[0], SECTION_MAX, "profile %s", profile);
		(void)snprintf(out[1], SECTION_MAX, "profile \"%s\"", profile);
	}
	if (is_plain)
		(void)snprintf(out[2], SECTION_MAX, "%s", profile);
}

static struct view
text_of(const struct aws_profiles *p, enum aws_file file)
{
	return view_of(p->texts[file].p, p->texts[file].len);
}

/* The name of the section that is there; empty when none is. */
static coffer_err
find_section(struct fault *f, const struct aws_profiles *p, enum aws_file file, const char *profile,
	     char out[static SECTION_MAX])
{
	char forms[SECTION_FORMS][SECTION_MAX];
	coffer_err err = COFFER_OK;
	bool has = false;

	out[0] = '\0';
	sections_of(file, profile, forms);
	for (size_t i = 0; i < SECTION_FORMS && !has && p->texts[file].len > 0; i++) {
		if (forms[i][0] != '\0')
			TRY(ini_has(f, p->paths[file], text_of(p, file), forms[i], &has));
		if (has)
			memcpy(out, forms[i], SECTION_MAX);
	}
out:
	return err;
}

coffer_err
aws_profiles_has(struct fault *f, const struct aws_profiles *p, const char *profile, bool *out)
{
	char section[SECTION_MAX];
	coffer_err err = COFFER_OK;

	*out = false;
	for (size_t i = 0; i < AWS_FILES; i++) {
		TRY(find_section(f, p, (enum aws_file)i, profile, section));
		*out |= section[0] != '\0';
	}
out:
	return err;
}

coffer_err
aws_profiles_get(struct fault *f, const struct aws_profiles *p, enum aws_file file, const char *profile,
		 const char *key, struct view *out)
{
	char section[SECTION_MAX];
	coffer_err err;

	*out = view_of(NULL, 0);
	TRY(find_section(f, p, file, profile, section));
	if (section[0] != '\0')
		TRY(ini_get(f, p->paths[file], text_of(p, file), section, key, out));
out:
	return err;
}

coffer_err
aws_profiles_text(struct fault *f, const struct aws_profiles *p, const char *profile, const char *key, char *out,
		  size_t cap)
{
	struct view v = {NULL, 0};
	coffer_err err = COFFER_OK;

	out[0] = '\0';
	for (size_t i = 0; i < AWS_FILES && v.len == 0; i++)
		TRY(aws_profiles_get(f, p, (enum aws_file)i, profile, key, &v));
	if (v.len >= cap)
		TRY(fault_set(f, COFFER_E_REFUSED, "%s of the AWS profile «%s» is longer than %zu characters", key,
			      profile, cap - 1));
	memcpy(out, v.p ? (const char *)v.p : "", v.len);
	out[v.len] = '\0';
out:
	return err;
}
