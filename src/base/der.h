/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One element of DER (X.690 chapter 10) off the front of a view: enough for an extension that holds a single string.
 */
#ifndef BASE_DER_H
#define BASE_DER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

#define DER_OCTET_STRING 0x04
#define DER_UTF8_STRING 0x0c

/**
 * der_take() - take an element with the tag @tag off the front of @v
 * @content_out: gets its content, a part of @v
 *
 * Return: false, with @v untouched, for another tag, a length that is indefinite or not in its shortest form, or one past the end.
 */
bool der_take(struct view *v, uint8_t tag, struct view *content_out);

#endif
