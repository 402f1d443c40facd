/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <coffer/tensors.h>

#include "support/memory_source.h"

#define BYTES(s) (s), sizeof(s) - 1

static const char safetensors[] = "\x69\0\0\0\0\0\0\0{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]},"
				  "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}123456";

static int
make_ctx(void **state)
{
	return coffer_ctx_new((struct coffer_ctx **)state) == COFFER_OK ? 0 : -1;
}

static int
free_ctx(void **state)
{
	coffer_ctx_free((struct coffer_ctx **)state);
	return 0;
}

static void
test_read(void **state)
{
	struct memory m = {.bytes = safetensors, .len = sizeof(safetensors) - 1};
	struct coffer_source source = memory_source(&m);
	struct coffer_tensors *tensors = NULL;
	const struct coffer_tensor *b;

	assert_int_equal(coffer_tensors_read(*state, &source, &tensors), COFFER_OK);
	assert_string_equal(coffer_ctx_message(*state), "");
	assert_int_equal(coffer_tensors_size(tensors), 2);
	assert_string_equal(coffer_tensors_at(tensors, 0)->name, "a");
	b = coffer_tensors_at(tensors, 1);
	assert_string_equal(b->name, "b");
	assert_string_equal(b->dtype, "U8");
	assert_int_equal(b->n_dims, 1);
	assert_int_equal(b->shape[0], 2);
	assert_int_equal(b->file, 0);
	assert_int_equal(b->size, 2);
	assert_memory_equal(safetensors + b->off, "56", 2);
	assert_ptr_equal(coffer_tensors_find(tensors, "b"), b);
	assert_null(coffer_tensors_find(tensors, "c"));
	assert_null(coffer_tensors_at(tensors, 2));
	assert_null(coffer_tensors_at(tensors, SIZE_MAX));
	coffer_tensors_free(&tensors);
	assert_null(tensors);
	coffer_tensors_free(&tensors);
	coffer_tensors_free(NULL);
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	coffer_err err;
	const char *message;
} refused[] = {
	{"text", BYTES("hello"), COFFER_E_UNSUPPORTED,
	 "the tensors of this file cannot be listed: its format is unknown, not safetensors, GGUF, ONNX or PyTorch"},
	{"pickle", BYTES("\x80\2}q\0."), COFFER_E_UNSUPPORTED,
	 "the tensors of this file cannot be listed: its format is pickle, not safetensors, GGUF, ONNX or PyTorch"},
	{"index", BYTES("{\"weight_map\":{}}"), COFFER_E_UNSUPPORTED,
	 "the tensors of this file cannot be listed: its format is safetensors index, not safetensors, GGUF, ONNX or PyTorch"},
	{"hole", BYTES("\x35\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}xy"),
	 COFFER_E_FORMAT, "the tensor «a» is at 1 of the data and 1 bytes long; 0 and at most 2 were next"},
};

static void
test_refused(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct memory m = {.bytes = refused[i].bytes, .len = refused[i].len};
		struct coffer_source source = memory_source(&m);
		struct coffer_tensors *tensors = (struct coffer_tensors *)state;

		assert_int_equal(coffer_tensors_read(*state, &source, &tensors), refused[i].err);
		assert_string_equal(coffer_ctx_message(*state), refused[i].message);
		assert_null(tensors);
	}
}

static void
test_recognise(void **state)
{
	struct memory m = {.bytes = safetensors, .len = sizeof(safetensors) - 1};
	struct coffer_source source = memory_source(&m);
	enum coffer_weights_format format;

	assert_int_equal(coffer_weights_recognise(*state, &source, &format), COFFER_OK);
	assert_int_equal(format, COFFER_WEIGHTS_SAFETENSORS);
	m.fail_at = m.n_reads + 1;
	m.fail_with = COFFER_E_IO;
	assert_int_equal(coffer_weights_recognise(*state, &source, &format), COFFER_E_IO);
	assert_int_equal(format, COFFER_WEIGHTS_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(test_refused, make_ctx, free_ctx),
		cmocka_unit_test_setup_teardown(test_recognise, make_ctx, free_ctx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
