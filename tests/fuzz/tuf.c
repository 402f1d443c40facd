/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata of The Update Framework: what is read can be asked, and a root judges any file without believing its own. */

#include "sign/tuf_file.h"
#include "support/fuzz.h"

static coffer_err
look_up(void *arg, const char *name, const struct tuf_listed *listed)
{
	struct tuf_listed again;

	need(listed->version > 0);
	need(tuf_file_lists(arg, name, &again) && again.version == listed->version);
	(void)tuf_listed_check(NULL, name, listed, view_of("", 0));
	return COFFER_OK;
}

/* what the workflow asks of a file that was read must be there */
static void
ask(struct tuf_file *file)
{
	struct tuf_listed listed;
	coffer_err err;

	if (file->role == TUF_TIMESTAMP || file->role == TUF_SNAPSHOT) {
		need(tuf_file_lists(file, file->role == TUF_TIMESTAMP ? "snapshot.json" : "targets.json", &listed));
		need(tuf_file_each(file, look_up, file) == COFFER_OK);
	}
	if (file->role == TUF_TARGETS) {
		err = tuf_file_target(NULL, file, "trusted_root.json", &listed);
		need(err == COFFER_OK || err == COFFER_E_NOTFOUND || err == COFFER_E_FORMAT);
		need(err != COFFER_OK || (listed.has_length && (listed.has_hash[0] || listed.has_hash[1])));
	}
	if (file->role == TUF_ROOT) {
		err = tuf_file_verify(NULL, "it", file, file);
		need(err == COFFER_OK || err == COFFER_E_SIGNATURE || err == COFFER_E_FORMAT);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum tuf_role role = TUF_ROOT; role < N_TUF_ROLES; role++) {
		struct tuf_file file = TUF_FILE_INIT;
		struct fault f = {.text = ""};
		coffer_err err;

		if (size > tuf_role_limit(role) || buf_add(NULL, &file.bytes, data, size) != COFFER_OK)
			continue;
		err = tuf_file_read(&f, "it", role, &file);
		if (err == COFFER_OK)
			ask(&file);
		else
			need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
		tuf_file_free(&file);
	}
	return 0;
}
