/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define VERSIONS_MAX 1024
#define LATEST_UNSET UINT64_MAX

static const char *file;
static struct words versions;
static uint64_t version, latest = LATEST_UNSET;
static bool binary, show, undelete, destroy;

#define ABOUT_URI                                                                                                      \
	"SECRET is vaultkv://MOUNT/PATH#FIELD, of the KV engine (version 2) of Vault or OpenBao; without #FIELD "      \
	"it is the field «value». VAULT_ADDR and VAULT_TOKEN, or BAO_ADDR and BAO_TOKEN, say where it is and who "   \
	"asks."

#define OPTION_BINARY(what)                                                                                            \
	{                                                                                                              \
		.name = "binary", .flag = &binary, .help = (what)                                                      \
	}

/* What a person needs to know of a value in an argument. */
static coffer_err
refuse_value(struct fault *f, const struct words *operands)
{
	if (operands->n < 2)
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "a secret never goes on the command line, where every process of the machine can read it; "
			 "write it to standard input, or name its file with --file");
}

/* ---- put ---- */

/* struct value - what is to be kept: in memory that is not swapped where the limit allows, and is wiped */
struct value {
	uint8_t *p;
	size_t len, cap;
};

static coffer_err
value_new(struct fault *f, struct value *v)
{
	/* one byte more than may be, so that more is seen */
	v->cap = COFFER_SECRET_MAX + 1;
	v->p = mmap(NULL, v->cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (v->p == MAP_FAILED) {
		v->p = NULL;
		return fault_set(f, COFFER_E_NOMEM, "no memory");
	}
	(void)mlock(v->p, v->cap);
	return COFFER_OK;
}

static void
value_free(struct value *v)
{
	if (!v->p)
		return;
	explicit_bzero(v->p, v->cap);
	(void)munmap(v->p, v->cap);
}

static coffer_err
read_all(struct fault *f, int fd, const char *shown, struct value *v)
{
	while (v->len < v->cap) {
		ssize_t n = read(fd, v->p + v->len, v->cap - v->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot read the secret from %s", shown);
		if (n == 0)
			return COFFER_OK;
		v->len += (size_t)n;
	}
	return COFFER_OK;
}

static coffer_err
read_value(struct fault *f, struct value *v)
{
	int fd = STDIN_FILENO;
	coffer_err err;

	TRY(value_new(f, v));
	if (!file && isatty(STDIN_FILENO))
		return term_prompt(f, "secret", true, (char *)v->p, COFFER_SECRET_MAX, &v->len);
	if (file)
		fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s", file);
	TRY(read_all(f, fd, file ? file : "standard input", v));
out:
	if (file)
		file_close(&fd);
	return err;
}

static coffer_err
print_version(struct fault *f, const char *uri, uint64_t number)
{
	struct json_out j;

	if (!common.json)
		return COFFER_OK;
	out_json_begin(&j, f);
	json_out_str(&j, "secret", uri);
	json_out_uint(&j, "version", number);
	return out_json_end(&j);
}

static coffer_err
run_put(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_secret_put_options options = {.version_1 = 1, .binary = binary};
	const char *uri = operands->v[0];
	struct value v = {.p = NULL};
	uint64_t number = 0;
	coffer_err err;

	options.check = latest != LATEST_UNSET;
	options.latest = options.check ? latest : 0;
	TRY(refuse_value(f, operands));
	TRY(read_value(f, &v));
	TRY(library_fault(f, ctx, coffer_secret_put(ctx, uri, v.p, v.len, &options, &number)));
	term_say("wrote version %llu of %s", (unsigned long long)number, uri);
	TRY(print_version(f, uri, number));
out:
	value_free(&v);
	return err;
}

static const struct option put_options[] = {
	{.name = "file",
	 .value = "FILE",
	 .text = &file,
	 .hint = HINT_FILE,
	 .help = "keep what is in FILE; without it standard input is read, or the value is asked for on a terminal"},
	{.name = "latest",
	 .value = "N",
	 .number = &latest,
	 .min = 0,
	 .max = UINT32_MAX,
	 .help = "write only if the latest version is N; 0: if there is none yet"},
	OPTION_BINARY("keep it as base64; what is no UTF-8 text needs that"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command put = {
	.name = "secret put",
	.brief = "write a secret",
	.operands = "SECRET",
	.min = 1,
	.max = 2,
	.about = "Writes a new version of SECRET, byte for byte what is read; other fields stay as they "
		 "are.\n\n" ABOUT_URI,
	.options = put_options,
	.run = run_put,
	.library = true,
};

/* ---- get ---- */

static coffer_err
refuse_terminal(struct fault *f)
{
	if (common.out || show || !isatty(STDOUT_FILENO))
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "a secret is not shown on a terminal: -o FILE writes it to a file that you alone may read, a "
			 "pipe takes it, --show shows it");
}

static coffer_err
refuse_mixed(struct fault *f)
{
	if (common.json && !common.out)
		return fault_set(f, COFFER_E_USAGE,
				 "--json tells the version, and the secret goes to a file then: add -o FILE");
	return COFFER_OK;
}

static coffer_err
run_get(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *uri = operands->v[0];
	struct coffer_secret *secret = NULL;
	const void *value;
	size_t len;
	coffer_err err;

	TRY(refuse_mixed(f));
	TRY(refuse_terminal(f));
	TRY(library_fault(f, ctx, coffer_secret_get(ctx, uri, version, binary, &secret)));
	value = coffer_secret_value(secret, &len);
	if (common.out) {
		TRY(file_write_new(f, common.out, value, len, 0600, common.force));
		term_say("version %llu of %s → %s", (unsigned long long)coffer_secret_version(secret), uri, common.out);
	} else {
		TRY(out_bytes(f, value, len));
	}
	TRY(print_version(f, uri, coffer_secret_version(secret)));
out:
	coffer_secret_free(&secret);
	return err;
}

static const struct option get_options[] = {
	OPTION_OUT("FILE", "write it to FILE, which you alone may read"),
	{.name = "version",
	 .value = "N",
	 .number = &version,
	 .min = 1,
	 .max = UINT32_MAX,
	 .help = "read version N; without it the latest"},
	OPTION_BINARY("it is kept as base64: write the bytes"),
	{.name = "show", .flag = &show, .help = "write it to the terminal, too"},
	OPTION_FORCE("replace FILE"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command get = {
	.name = "secret get",
	.brief = "read a secret",
	.operands = "SECRET",
	.min = 1,
	.max = 1,
	.about = "Writes SECRET to standard output, byte for byte what was put, or to a file.\n\n" ABOUT_URI,
	.options = get_options,
	.run = run_get,
	.library = true,
};

/* ---- list ---- */

static coffer_err
print_list(struct fault *f, char *const *names, size_t n)
{
	char clean[LIMIT_URL + 1]; /* the names are whoever's who may write there */
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_begin(&j, "secrets", JSON_ARRAY);
		for (size_t i = 0; i < n; i++)
			json_out_str(&j, NULL, names[i]);
		json_out_end(&j);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		for (size_t i = 0; i < n; i++)
			TRY(buf_printf(f, &j.text, "%s\n", term_clean(names[i], clean, sizeof(clean))));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static coffer_err
run_list(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	char **names = NULL;
	size_t n = 0;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_secret_list(ctx, operands->v[0], &names, &n)));
	TRY(print_list(f, names, n));
out:
	coffer_secret_list_free(&names, n);
	return err;
}

static const struct command list = {
	.name = "secret list",
	.brief = "list the secrets in a folder",
	.operands = "FOLDER",
	.min = 1,
	.max = 1,
	.about = "Prints the names below FOLDER, which is vaultkv://MOUNT or vaultkv://MOUNT/PATH; those of folders "
		 "end in /.",
	.options = options_json,
	.run = run_list,
	.library = true,
};

/* ---- delete ---- */

static coffer_err
read_versions(struct fault *f, uint64_t **out)
{
	*out = calloc(versions.n + 1, sizeof(**out));
	if (!*out)
		return fault_set(f, COFFER_E_NOMEM, "no memory");
	for (size_t i = 0; i < versions.n; i++)
		if (!num_parse(versions.v[i], 1, UINT32_MAX, &(*out)[i]))
			return fault_set(f, COFFER_E_USAGE, "%s is no number of a version", args_shown(versions.v[i]));
	return COFFER_OK;
}

static coffer_err
choose_change(struct fault *f, enum coffer_secret_change *out)
{
	*out = undelete ? COFFER_SECRET_UNDELETE : destroy ? COFFER_SECRET_DESTROY : COFFER_SECRET_DELETE;
	if (undelete && destroy)
		return fault_set(f, COFFER_E_USAGE, "--undelete and --destroy: which of them?");
	if (undelete && versions.n == 0)
		return fault_set(f, COFFER_E_USAGE, "--undelete needs --versions N: which shall come back");
	if (versions.n > VERSIONS_MAX)
		return fault_set(f, COFFER_E_USAGE, "at most %d versions at once", VERSIONS_MAX);
	return COFFER_OK;
}

static coffer_err
confirm(struct fault *f, enum coffer_secret_change change, const char *uri)
{
	char question[512];

	(void)snprintf(question, sizeof(question), "Destroy %s %.400s for ever?",
		       versions.n > 0 ? "these versions of" : "all versions of", uri);
	if (change != COFFER_SECRET_DESTROY || common.yes || term_confirm(question))
		return COFFER_OK;
	return fault_set(f, COFFER_E_OTHER, "%s was not destroyed; --yes destroys it without asking", uri);
}

static coffer_err
run_delete(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	static const char *const done[] = {[COFFER_SECRET_DELETE] = "deleted",
					   [COFFER_SECRET_UNDELETE] = "brought back",
					   [COFFER_SECRET_DESTROY] = "destroyed"};
	const char *uri = operands->v[0];
	enum coffer_secret_change change;
	uint64_t *numbers = NULL;
	coffer_err err;

	TRY(choose_change(f, &change));
	TRY(read_versions(f, &numbers));
	TRY(confirm(f, change, uri));
	TRY(library_fault(f, ctx, coffer_secret_delete(ctx, uri, change, numbers, versions.n)));
	term_say("%s %s of %s, as far as there was one: Vault does not say", done[change],
		 versions.n > 0			   ? "the versions that were named"
		 : change == COFFER_SECRET_DESTROY ? "all"
						   : "the latest version",
		 uri);
out:
	free(numbers);
	return err;
}

static const struct option delete_options[] = {
	{.name = "versions",
	 .value = "N",
	 .list = &versions,
	 .help = "this one; may be repeated.  Without it: the latest"},
	{.name = "undelete", .flag = &undelete, .help = "bring the versions back"},
	{.name = "destroy",
	 .flag = &destroy,
	 .help = "destroy the versions for ever, or without --versions all that there is of it"},
	OPTION_YES,
	OPTION_JSON,
	OPTION_END,
};

static const struct command delete_secret = {
	.name = "secret delete",
	.brief = "delete a secret, or bring it back",
	.operands = "SECRET",
	.min = 1,
	.max = 1,
	.about = "Deletes a version with all of its fields, so that --undelete can bring it back, or destroys "
		 "it.\n\n" ABOUT_URI,
	.options = delete_options,
	.run = run_delete,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&put, &get, &list, &delete_secret, NULL};

static const struct example examples[] = {
	{"keep a passphrase", "coffer secret put vaultkv://secret/signing#passphrase --file passphrase.txt"},
	{"and sign with it",
	 "coffer sign key --private-key sign.key --passphrase-file vaultkv://secret/signing#passphrase llama/"},
	{"the password of a database, for a program", "coffer secret get vaultkv://secret/app#password | program"},
	{NULL, NULL},
};

const struct command cmd_secret = {
	.name = "secret",
	.brief = "write, read, list and delete secrets in Vault",
	.operands = "",
	.about = "Keeps API keys, passphrases and credentials in the KV engine (version 2) of HashiCorp Vault or "
		 "OpenBao. Every option that takes a FILE with a secret takes vaultkv://MOUNT/PATH#FIELD in its place.",
	.options = options_none,
	.examples = examples,
	.subs = subs,
};
