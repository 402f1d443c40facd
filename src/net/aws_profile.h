/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiles of AWS's programs: the configuration file and the shared credentials file (AWS SDKs and Tools Reference Guide,
 * «Shared config and credentials files»).
 *
 * AWS_CONFIG_FILE, else ~/.aws/config, has sections [default] and [profile NAME]; AWS_SHARED_CREDENTIALS_FILE, else
 * ~/.aws/credentials, has [NAME].  A file that is not there, or is empty, has no profiles.
 */
#ifndef NET_AWS_PROFILE_H
#define NET_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

#define AWS_PROFILE_MAX 256 /* characters of a name */

enum aws_file { AWS_FILE_SHARED, AWS_FILE_CONFIG, AWS_FILES };

struct aws_profiles {
	char *paths[AWS_FILES];
	struct secret texts[AWS_FILES];
	char name[AWS_PROFILE_MAX + 1]; /* the one to use */
	bool is_named;			/* by the environment, so that it must be there */
};

/** aws_profiles_load() - read both files; @out is filled with aws_profiles_free() in any case */
coffer_err aws_profiles_load(struct fault *f, struct aws_profiles *out);

/** aws_profiles_free() - wipe and free */
void aws_profiles_free(struct aws_profiles *p);

/** aws_profiles_has() - whether either file has @profile */
coffer_err aws_profiles_has(struct fault *f, const struct aws_profiles *p, const char *profile, bool *out);

/** aws_profiles_get() - the value of @key in the @profile of one file; of length 0 when there is none; it lives as long as @p */
coffer_err aws_profiles_get(struct fault *f, const struct aws_profiles *p, enum aws_file file, const char *profile,
			    const char *key, struct view *out);

/** aws_profiles_text() - the same of the first file that has it, as text; COFFER_E_REFUSED when it is longer than @cap - 1 */
coffer_err aws_profiles_text(struct fault *f, const struct aws_profiles *p, const char *profile, const char *key,
			     char *out, size_t cap);

#endif
