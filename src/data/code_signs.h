/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the name of a file and its first bytes tell of code in it, without reading on.
 *
 * The words follow the file's name: «is Python source».
 */
#ifndef DATA_CODE_SIGNS_H
#define DATA_CODE_SIGNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/tar.h"

#define CODE_HEAD_SIZE TAR_BLOCK

/** struct code_head - the first bytes of a file */
struct code_head {
	uint8_t p[CODE_HEAD_SIZE];
	size_t len; /* all there are, at most CODE_HEAD_SIZE */
};

/** code_sign_of_name() - what the last part of @path says; NULL for nothing */
const char *code_sign_of_name(const char *path);

/** code_sign_of_head() - what programs of a known kind begin with; NULL for none of them */
const char *code_sign_of_head(const struct code_head *head);

/** code_compression() - which program may have compressed it, «gzip»; NULL for none */
const char *code_compression(const struct code_head *head);

/** code_is_zip() - whether it begins as an archive does, empty or not */
bool code_is_zip(const struct code_head *head);

/** code_is_tar() - whether the sum of the first header is right, which is how tar programs of all kinds tell */
bool code_is_tar(const struct code_head *head);

#endif
