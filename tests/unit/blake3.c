/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/blake3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"

/*
 * The hash of as many bytes i = 0, 1, 2, ..., each i mod 251.  Up to 102400 the lengths and the hashes are those of
 * BLAKE3's published test_vectors.json, as far as it has them; all are what the reference implementation gives.
 */
static const struct {
	size_t len;
	const char *hash;
} answers[] = {
	{0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
	{1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
	{2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63"},
	{63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
	{64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
	{65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
	{127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
	{128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
	{129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
	{1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
	{1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
	{1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
	{2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
	{2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
	{3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
	{3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
	{4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
	{4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
	{5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
	{5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
	{6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
	{6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
	{7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
	{7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
	{8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
	{8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
	{16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
	{31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
	{65536, "68d647e619a930e7b1082f74f334b0c65a315725569bdc123f0ee11881717bfe"},
	{65537, "7c99f9840a73dfcb6e5bfe4ff6d1558acab7e015640790c26411818bdbe17eca"},
	{102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
	{131072, "306baba93b1a393cbd35172837c98b0f59a41f64e1b2682ae102d8b2534b9e1c"},
	{197633, "4a63c4066a13f92ef13a7ce30a7c14a0dd571d2a06caec332a75124e3f249a8f"},
};

enum { N_ANSWERS = sizeof(answers) / sizeof(answers[0]), LONGEST = 197633 };

static const char *const kernels[] = {"avx512", "avx2", "sse2", "neon", "four lanes", "portable"};

enum { N_KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

static uint8_t *pattern;

static int
setup(void **state)
{
	(void)state;
	pattern = malloc(LONGEST);
	for (size_t i = 0; pattern && i < LONGEST; i++)
		pattern[i] = (uint8_t)(i % 251);
	return pattern ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(pattern);
	return 0;
}

/* the first @len bytes of the pattern, taken @step at a time */
static void
assert_answer(size_t i, size_t step, const char *kernel)
{
	struct blake3 s;
	uint8_t hash[BLAKE3_LEN];
	char text[2 * BLAKE3_LEN + 1];

	blake3_init(&s);
	for (size_t at = 0; at < answers[i].len; at += step)
		blake3_update(&s, pattern + at, answers[i].len - at < step ? answers[i].len - at : step);
	blake3_final(&s, hash);
	enc_hex(hash, BLAKE3_LEN, text);
	if (strcmp(text, answers[i].hash) != 0)
		fail_msg("%s: %zu bytes, %zu at a time, give %s", kernel, answers[i].len, step, text);
}

static void
known_answers(void **state)
{
	size_t n_tried = 0;

	(void)state;
	for (size_t k = 0; k < N_KERNELS; k++) {
		if (!blake3_use_kernel(kernels[k]))
			continue;
		assert_string_equal(blake3_kernel_name(), kernels[k]);
		n_tried++;
		for (size_t i = 0; i < N_ANSWERS; i++) {
			assert_answer(i, LONGEST, kernels[k]);
			assert_answer(i, 1, kernels[k]);
			assert_answer(i, 1000, kernels[k]);
			assert_answer(i, 1024, kernels[k]);
			assert_answer(i, 66561, kernels[k]);
		}
	}
	/* that with lanes, which every machine that we build for has, and that without */
	assert_true(n_tried >= 2);
	assert_false(blake3_use_kernel("sse9"));
}

/* a hash in the middle does not end the stream */
static void
goes_on(void **state)
{
	struct blake3 s;
	uint8_t hash[BLAKE3_LEN];
	char text[2 * BLAKE3_LEN + 1];

	(void)state;
	blake3_init(&s);
	blake3_update(&s, pattern, 1024);
	blake3_final(&s, hash);
	enc_hex(hash, BLAKE3_LEN, text);
	assert_string_equal(text, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
	blake3_update(&s, pattern + 1024, 1);
	blake3_update(&s, NULL, 0);
	blake3_final(&s, hash);
	enc_hex(hash, BLAKE3_LEN, text);
	assert_string_equal(text, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(goes_on),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
