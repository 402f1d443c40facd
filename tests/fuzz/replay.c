/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Give each file of the named folders to a fuzz entry once: the seeds of libFuzzer as a test that any compiler builds.
 *
 * The bytes lie at the end of an allocation of their exact size, so that valgrind and the sanitizers see a read past them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long len = -1;
	int ok = 0;

	if (file && fseek(file, 0, SEEK_END) == 0)
		len = ftell(file);
	if (len >= 0)
		bytes = malloc(len > 0 ? (size_t)len : 1);
	if (bytes && fseek(file, 0, SEEK_SET) == 0)
		ok = fread(bytes, 1, (size_t)len, file) == (size_t)len;
	if (ok)
		(void)LLVMFuzzerTestOneInput(bytes, (size_t)len);
	else
		fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
	free(bytes);
	if (file)
		(void)fclose(file);
	return ok ? 0 : -1;
}

static int
replay_folder(const char *folder, unsigned int *n)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -1;
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		rc = replay_file(path);
		++*n;
	}
	(void)closedir(dir);
	return rc;
}

/* Inputs that every parser must survive, so that an entry without seeds is tried all the same. */
static void
replay_plain(void)
{
	static const char *const texts[] = {"", "{", "{}", "[]", "\n", "0", "\"", "GGUF", "coffer1"};
	static uint8_t block[5000];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)texts[i], strlen(texts[i]));
	for (int fill = 0; fill <= 0xff; fill += 0xff / 3) {
		memset(block, fill, sizeof(block));
		(void)LLVMFuzzerTestOneInput(block, sizeof(block));
	}
}

int
main(int argc, char **argv)
{
	unsigned int n = 0;

	replay_plain();
	for (int i = 1; i < argc; i++) {
		if (replay_folder(argv[i], &n) != 0)
			return 1;
	}
	printf("%u seeds\n", n);
	return 0;
}
