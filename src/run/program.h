/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that is started: found before anything is opened, told where the models are, and executed in this process.
 */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

/** struct program_model - a model that it is told of */
struct program_model {
	const char *name;
	const char *folder; /* where it is, absolute */
	const char *file;   /* where its one file is, absolute; NULL for a model in a folder */
};

/** struct program - it; what it points to must live until it is executed */
struct program {
	const char *const *argv; /* its name and arguments */
	size_t argc;
	bool verbatim; /* braces in the arguments mean nothing */
	const struct program_model *models;
	size_t n_models;
};

/** program_find() - COFFER_E_NOTFOUND or COFFER_E_PERM when the program @name cannot be executed, which is looked for as execvp(3) does */
coffer_err program_find(struct fault *f, const char *name);

/** program_check() - COFFER_E_USAGE when an argument names a model, or a file, that there is not */
coffer_err program_check(struct fault *f, const struct program *program);

/**
 * program_exec() - become the program
 *
 * In its arguments «{model}» and «{file}» are the folder and the file of the first model, «{model:NAME}» and «{file:NAME}» those
 * of the one called NAME; COFFER_MODEL and COFFER_MODEL_FILE in its environment say those of the first.  It writes no core.
 * Return: only when it cannot be executed.
 */
coffer_err program_exec(struct fault *f, const struct program *program);

#endif
