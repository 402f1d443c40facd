/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/audit.h>

#include "base/file.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/selftest.h"
#include "cli/term.h"

static const struct option options[] = {OPTION_JOBS, OPTION_JSON, OPTION_END};

static const struct example examples[] = {
	{"is this machine ready?", "coffer doctor"},
	{NULL, NULL},
};

/* ---- the findings ---- */

enum state { FINE, NOTE, BAD };

struct finding {
	const char *name;
	enum state state;
	char text[400];
};

struct findings {
	struct finding v[24];
	size_t n;
	struct fault worst; /* the first BAD one */
};

static void __attribute__((format(printf, 4, 5)))
find(struct findings *all, const char *name, enum state state, const char *fmt, ...)
{
	struct finding *finding = &all->v[all->n];
	va_list ap;

	if (all->n == sizeof(all->v) / sizeof(all->v[0]))
		return;
	all->n++;
	*finding = (struct finding){.name = name, .state = state};
	va_start(ap, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, ap);
	va_end(ap);
}

static void
find_fault(struct findings *all, const char *name, const struct fault *f)
{
	find(all, name, BAD, "%s", f->text);
	if (!all->worst.err)
		(void)fault_set(&all->worst, f->err, "%s: %s", name, f->text);
}

/* ---- the machine ---- */

/* The first line of @path that begins with @prefix, without it; false when there is none. */
static bool
read_line(const char *path, const char *prefix, char *out, size_t cap)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t line_cap = 0;
	bool found = false;

	while (file && !found && getline(&line, &line_cap, file) > 0)
		if (strncmp(line, prefix, strlen(prefix)) == 0) {
			(void)snprintf(out, cap, "%s", line + strlen(prefix));
			out[strcspn(out, "\n")] = '\0';
			found = true;
		}
	free(line);
	if (file)
		(void)fclose(file);
	return found;
}

static bool
has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *p = strstr(flags, flag); p; p = strstr(p + 1, flag))
		if ((p == flags || p[-1] == ' ' || p[-1] == '\t') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

static void
check_processor(struct findings *all)
{
	static const char *const known[] = {"aes",     "vaes",	 "pclmulqdq", "vpclmulqdq", "avx2",
					    "avx512f", "sha_ni", "pmull",     "sha2"};
	char flags[8192] = "", found[128] = "";
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	size_t used = 0; /* all of @known fit @found */

	if (!read_line("/proc/cpuinfo", "flags", flags, sizeof(flags)) &&
	    !read_line("/proc/cpuinfo", "Features", flags, sizeof(flags))) {
		find(all, "processor", NOTE, "%ld online; /proc/cpuinfo says nothing of them", n);
		return;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (has_flag(flags, known[i]))
			used += (size_t)snprintf(found + used, sizeof(found) - used, " %s", known[i]);
	if (has_flag(flags, "aes"))
		find(all, "processor", FINE, "%ld online with%s", n, found);
	else
		find(all, "processor", NOTE, "%ld online without AES instructions; sealing and opening will be slow",
		     n);
}

static void
check_memory(struct findings *all)
{
	struct rlimit limit = {0, 0};
	char amount[TERM_AMOUNT_LEN];

	find(all, "page size", FINE, "%ld bytes", sysconf(_SC_PAGESIZE));
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		find(all, "locked memory", FINE, "no limit");
	else if (limit.rlim_cur >= 65536)
		find(all, "locked memory", FINE, "up to %s", term_bytes(limit.rlim_cur, amount));
	else
		find(all, "locked memory", NOTE, "up to %s, so keys may reach the swap; ulimit -l 64 allows enough",
		     term_bytes(limit.rlim_cur, amount));
}

static void
check_dumps(struct findings *all)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	(void)getrlimit(RLIMIT_CORE, &limit);
	if (limit.rlim_cur <= 1 && prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) == 0)
		find(all, "core dumps", FINE, "off for coffer");
	else
		find(all, "core dumps", NOTE, "could not be switched off; a crash may write keys to the disk");
}

static void
check_huge_pages(struct findings *all)
{
	char text[128];
	const char *begin, *end;

	if (!read_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "", text, sizeof(text)) ||
	    !(begin = strchr(text, '[')) || !(end = strchr(begin, ']')))
		find(all, "huge pages", FINE, "not known for shared memory");
	else
		find(all, "huge pages", FINE, "«%.*s» for shared memory", (int)(end - begin - 1), begin + 1);
}

/* ---- files ---- */

static void
check_files(struct findings *all)
{
	int fd = open(".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	bool proc = access("/proc/self/fd", X_OK) == 0;

	if (fd >= 0 && proc)
		find(all, "new files", FINE, "unnamed until they are whole (O_TMPFILE), in this folder");
	else if (fd >= 0)
		find(all, "new files", NOTE,
		     "/proc is not mounted; .NAME.coffer-tmp is used instead of an unnamed file");
	else if (errno == EACCES || errno == EROFS || errno == EPERM)
		find(all, "new files", NOTE, "this folder cannot be written, so it was not tried");
	else
		find(all, "new files", NOTE,
		     "this file system has no O_TMPFILE; .NAME.coffer-tmp is used while a file is made");
	file_close(&fd);
}

/* As documented for the local keyring; asking the library would make the folder. */
static bool
keyring_folder(char *out, size_t cap)
{
	const char *keys = getenv("COFFER_KEYS"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (keys && *keys)
		return snprintf(out, cap, "%s", keys) < (int)cap;
	if (config && *config)
		return snprintf(out, cap, "%s/coffer/keys", config) < (int)cap;
	return home && *home && snprintf(out, cap, "%s/.config/coffer/keys", home) < (int)cap;
}

static void
check_keys(struct findings *all, struct coffer_ctx *ctx, const char *folder)
{
	struct coffer_key_info *list = NULL;
	struct fault f = {0};
	size_t n = 0;

	if (library_fault(&f, ctx, coffer_store_list(ctx, NULL, &list, &n)) != COFFER_OK)
		find_fault(all, "keyring", &f);
	else
		find(all, "keyring", FINE, "%zu key%s in %s", n, n == 1 ? "" : "s", folder);
	free(list);
}

static void
check_keyring(struct findings *all, struct coffer_ctx *ctx)
{
	struct fault f = {0};
	char folder[4096];
	struct stat st;

	if (!keyring_folder(folder, sizeof(folder))) {
		find(all, "keyring", NOTE, "no folder for it: neither COFFER_KEYS nor HOME is set");
	} else if (stat(folder, &st) != 0) {
		find(all, "keyring", FINE, "none yet; «coffer keygen» makes %s", folder);
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		(void)fault_set(&f, COFFER_E_PERM, "others may look into %s; chmod 700 shuts them out", folder);
		find_fault(all, "keyring", &f);
	} else {
		check_keys(all, ctx, folder);
	}
}

/* Only where one is meant to be used: to look at all that a system has takes its time. */
static void
check_tokens(struct findings *all, struct coffer_ctx *ctx)
{
	const char *module = getenv("COFFER_PKCS11_MODULE");
	struct fault f = {0};
	char *text = NULL;
	bool well;

	if (!module || !*module)
		return;
	if (library_fault(&f, ctx, coffer_tokens(ctx, &text, &well)) != COFFER_OK)
		find_fault(all, "tokens", &f);
	else
		find(all, "tokens", well ? FINE : NOTE, "%s by %s; the PIN was not tried", text, module);
	free(text);
}

/* ---- the audit log ---- */

static void
check_audit(struct findings *all, struct coffer_ctx *ctx)
{
	const char *where = getenv("COFFER_AUDIT");
	struct fault f = {0};
	char *folder = NULL;

	if (library_fault(&f, ctx, coffer_audit_folder(ctx, &folder)) != COFFER_OK)
		find_fault(all, "audit log", &f);
	else if (where && strcmp(where, "off") == 0)
		find(all, "audit log", NOTE, "off: the use of keys is written nowhere, as COFFER_AUDIT says");
	else if (!folder)
		find(all, "audit log", FINE, "to the system's log alone (%s)", where ? where : "");
	else if (access(folder, F_OK) != 0)
		find(all, "audit log", FINE, "none yet; the first use of a key makes %s", folder);
	else if (access(folder, R_OK | W_OK | X_OK) != 0)
		find(all, "audit log", BAD, "%s cannot be written, so no key can be used; COFFER_AUDIT names another",
		     folder);
	else
		find(all, "audit log", FINE, "in %s", folder);
	free(folder);
}

/* ---- cryptography ---- */

static void
check_self(struct findings *all, struct coffer_ctx *ctx)
{
	char seal[TERM_AMOUNT_LEN], open_rate[TERM_AMOUNT_LEN], size[TERM_AMOUNT_LEN];
	struct selftest times;
	struct fault f = {0};

	/* a key that lives for this moment, and opens nothing of anybody's */
	if (coffer_ctx_set_audit(ctx, "off") != COFFER_OK || selftest_run(&f, ctx, &times) != COFFER_OK ||
	    coffer_ctx_set_audit(ctx, NULL) != COFFER_OK) {
		find_fault(all, "self test", &f);
		return;
	}
	find(all, "self test", FINE, "%s in memory sealed at %s and opened at %s; a changed byte was refused",
	     term_bytes(SELFTEST_SIZE, size), term_rate(SELFTEST_SIZE, times.seal, seal),
	     term_rate(SELFTEST_SIZE, times.open, open_rate));
}

static void
check_library(struct findings *all)
{
	struct coffer_ctx *ctx = NULL;
	struct fault f = {0};

	find(all, "version", FINE, "coffer %s", coffer_version());
	if (library_start(&f, &ctx) != COFFER_OK) {
		find_fault(all, "engine", &f);
		return;
	}
	coffer_ctx_set_progress(ctx, NULL, NULL);
	find(all, "engine", FINE, "AES-256-GCM by %s, known answers right", coffer_engine_name());
	check_self(all, ctx);
	check_keyring(all, ctx);
	check_tokens(all, ctx);
	check_audit(all, ctx);
	library_end(&ctx);
}

/* ---- the report ---- */

static const char *
state_name(enum state state)
{
	return state == FINE ? "ok" : state == NOTE ? "note" : "bad";
}

static coffer_err
print_json(struct fault *f, const struct findings *all)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_bool(&j, "ok", all->worst.err == COFFER_OK);
	json_out_begin(&j, "checks", JSON_ARRAY);
	for (size_t i = 0; i < all->n; i++) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "name", all->v[i].name);
		json_out_str(&j, "state", state_name(all->v[i].state));
		json_out_str(&j, "text", all->v[i].text);
		json_out_end(&j);
	}
	json_out_end(&j);
	if (all->worst.err)
		out_json_error(&j, &all->worst);
	return out_json_end(&j);
}

static coffer_err
print_text(struct fault *f, const struct findings *all)
{
	struct buf b = BUF_INIT(65536);
	char clean[sizeof(all->v[0].text)];
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < all->n; i++)
		TRY(buf_printf(f, &b, "%-5s %-14s %s\n", state_name(all->v[i].state), all->v[i].name,
			       term_clean(all->v[i].text, clean, sizeof(clean))));
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct findings all = {0};
	coffer_err err;

	(void)ctx; /* made by check_library(), which tells when it cannot be */
	(void)operands;
	check_library(&all);
	check_processor(&all);
	check_memory(&all);
	check_huge_pages(&all);
	check_dumps(&all);
	check_files(&all);
	TRY(common.json ? print_json(f, &all) : print_text(f, &all));
	*f = all.worst;
	err = all.worst.err;
out:
	return err;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.brief = "see whether this machine is ready, and how fast it is",
	.operands = "",
	.about = "Tells which AES-256-GCM is in use, seals and opens some memory with it, and looks at what coffer "
		 "needs of the machine: processor, locked memory, core dumps, files, the local keyring, and the tokens "
		 "that COFFER_PKCS11_MODULE reaches. Exit code 0 means that nothing is bad; a note is worth knowing "
		 "and no failure.",
	.options = options,
	.examples = examples,
	.run = run,
};
