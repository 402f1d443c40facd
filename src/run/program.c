/* SPDX-License-Identifier: Apache-2.0 */
#include "run/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/core.h"

#define ARGUMENT_MAX (1u << 20) /* well above what the kernel takes for one (128 KiB) */

/* ---- is it there ---- */

static coffer_err
check_executable(struct fault *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fault_errno(f, errno, "cannot run %s", path);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_PERM, "cannot run %s: it is no file; name a program", path);
	if (access(path, X_OK) != 0)
		return fault_set(f, COFFER_E_PERM, "cannot run %s: it may not be executed (chmod +x allows it)", path);
	return COFFER_OK;
}

coffer_err
program_find(struct fault *f, const char *name)
{
	const char *folders = getenv("PATH"), *end;
	coffer_err found = COFFER_E_NOTFOUND;

	if (!*name)
		return fault_set(f, COFFER_E_USAGE, "the name of the program is empty; name one behind --");
	if (strchr(name, '/'))
		return check_executable(f, name);
	for (const char *p = folders ? folders : "/bin:/usr/bin"; p; p = *end ? end + 1 : NULL) {
		char path[4096];
		coffer_err err;

		end = p + strcspn(p, ":");
		if (snprintf(path, sizeof(path), "%.*s%s%s", (int)(end - p), p, end > p ? "/" : "", name) >=
		    (int)sizeof(path))
			continue;
		err = check_executable(NULL, path);
		if (err == COFFER_OK)
			return COFFER_OK;
		if (err == COFFER_E_PERM)
			found = err;
	}
	return found == COFFER_E_PERM
		       ? fault_set(f, found, "cannot run %s: what is called so in PATH may not be executed", name)
		       : fault_set(f, found, "cannot run %s: no folder of PATH has such a program; nothing was opened",
				   name);
}

/* ---- what the arguments say ---- */

/** struct mark - «{model}», «{file:NAME}» */
struct mark {
	size_t len;
	bool file;
	const char *name; /* NULL: of the first model */
	size_t name_len;
};

static bool
read_mark(const char *text, struct mark *m)
{
	static const char model[] = "{model", file[] = "{file";
	const char *p = text, *end;

	*m = (struct mark){.file = strncmp(text, file, strlen(file)) == 0};
	if (!m->file && strncmp(text, model, strlen(model)) != 0)
		return false;
	p += m->file ? strlen(file) : strlen(model);
	end = *p == ':' ? strchr(p, '}') : p;
	if (!end || *end != '}')
		return false;
	if (*p == ':') {
		m->name = p + 1;
		m->name_len = (size_t)(end - m->name);
	}
	m->len = (size_t)(end + 1 - text);
	return true;
}

static const struct program_model *
find_model(const struct program *program, const struct mark *m)
{
	if (!m->name)
		return &program->models[0];
	for (size_t i = 0; i < program->n_models; i++)
		if (strlen(program->models[i].name) == m->name_len &&
		    strncmp(program->models[i].name, m->name, m->name_len) == 0)
			return &program->models[i];
	return NULL;
}

static coffer_err
look_up(struct fault *f, const struct program *program, const char *text, const struct mark *m, const char **out)
{
	const struct program_model *model = find_model(program, m);

	*out = NULL;
	if (!model)
		return fault_set(f, COFFER_E_USAGE,
				 "%.*s in the arguments names no model; the first is called %s, --model SEALED=NAME "
				 "gives a name, --verbatim leaves braces alone",
				 (int)m->len, text, program->models[0].name);
	*out = m->file ? model->file : model->folder;
	if (!*out)
		return fault_set(f, COFFER_E_USAGE,
				 "%.*s in the arguments is the one file of a sealed file, and %s is a folder; write "
				 "{model%s%.*s}/FILE, or --verbatim to leave braces alone",
				 (int)m->len, text, model->name, m->name ? ":" : "", (int)m->name_len,
				 m->name ? m->name : "");
	return COFFER_OK;
}

static coffer_err
expand(struct fault *f, const struct program *program, const char *text, struct buf *out)
{
	coffer_err err = COFFER_OK;

	while (*text && !program->verbatim) {
		size_t plain = strcspn(text, "{");
		const char *value;
		struct mark m;

		TRY(buf_add(f, out, text, plain));
		text += plain;
		if (!*text)
			break;
		if (read_mark(text, &m)) {
			TRY(look_up(f, program, text, &m, &value));
			TRY(buf_str(f, out, value));
			text += m.len;
		} else {
			TRY(buf_add(f, out, text++, 1));
		}
	}
	TRY(buf_add(f, out, text, strlen(text) + 1));
out:
	return err;
}

coffer_err
program_check(struct fault *f, const struct program *program)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 1; i < program->argc; i++) {
		struct buf text = BUF_INIT(ARGUMENT_MAX);

		err = expand(f, program, program->argv[i], &text);
		buf_free(&text);
		TRY(err);
	}
out:
	return err;
}

/* ---- run it ---- */

static coffer_err
set_environment(struct fault *f, const struct program *program)
{
	const struct program_model *first = &program->models[0];

	if (setenv("COFFER_MODEL", first->folder, 1) != 0)
		return fault_nomem(f);
	if (!first->file)
		(void)unsetenv("COFFER_MODEL_FILE"); /* that of a program that has started us */
	else if (setenv("COFFER_MODEL_FILE", first->file, 1) != 0)
		return fault_nomem(f);
	return COFFER_OK;
}

static void
free_arguments(char **argv, size_t n)
{
	for (size_t i = 0; argv && i < n; i++)
		free(argv[i]);
	free(argv);
}

coffer_err
program_exec(struct fault *f, const struct program *program)
{
	char **argv = calloc(program->argc + 1, sizeof(*argv));
	coffer_err err;

	if (!argv)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < program->argc; i++) {
		struct buf text = BUF_INIT(ARGUMENT_MAX);

		/* its own name is none of the arguments */
		err = i == 0 ? buf_add(f, &text, program->argv[0], strlen(program->argv[0]) + 1)
			     : expand(f, program, program->argv[i], &text);
		argv[i] = (char *)text.p;
		TRY(err);
	}
	TRY(set_environment(f, program));
	core_forbid();
	(void)execvp(argv[0], argv);
	err = fault_errno(f, errno, "cannot run %s", argv[0]);
out:
	free_arguments(argv, program->argc);
	return err;
}
