/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of AWS KMS keys: ids, aliases, and ARNs (arn:PARTITION:kms:REGION:ACCOUNT:key/ID, …:alias/NAME).
 */
#ifndef KEY_AWSKMS_NAME_H
#define KEY_AWSKMS_NAME_H

#include <stdbool.h>

#include "base/view.h"
#include "format/recipient.h"

/** struct awskms_name - a name taken apart; views into its text */
struct awskms_name {
	struct view partition, region, account; /* of an ARN; else empty */
	struct view resource;			/* key id, or «alias/NAME» */
	bool is_alias;
};

/** awskms_name_parse() - take @text apart; false for what is none of these */
bool awskms_name_parse(const char *text, struct awskms_name *out);

/** awskms_name_is_arn() - whether it says region and account */
bool awskms_name_is_arn(const struct awskms_name *name);

/**
 * awskms_name_may_be() - whether the key with the ARN @arn may be the one that @name stands for
 *
 * Exact but for aliases, of which the service alone knows what they stand for, and for multi-Region keys, which have the same id in each
 * Region.
 */
bool awskms_name_may_be(const struct awskms_name *name, const char *arn);

/** awskms_same_key() - whether two ARNs are of one key: equal, or of one multi-Region key */
bool awskms_same_key(const char *a, const char *b);

#endif
