/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's files of one array (numpy.lib.format 1.0 to 3.0), to find out whether its elements are numbers.
 */
#ifndef DATA_NPY_H
#define DATA_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/fault.h"

/** npy_begins() - whether @len bytes at @head are the beginning of one */
bool npy_begins(const uint8_t *head, size_t len);

/**
 * npy_is_plain() - whether the header is one that NumPy writes for an array of numbers, texts or bytes
 * @data_out: where what follows the header begins: a pickle, when the elements are objects
 *
 * Elements of several fields are not plain: their names are Python's to read, and one of them could be of objects.
 *
 * Return: COFFER_OK; COFFER_E_FORMAT for a broken header; COFFER_E_NOMEM; what @source returned.
 */
coffer_err npy_is_plain(struct fault *f, const struct coffer_source *source, bool *is_out, uint64_t *data_out);

#endif
