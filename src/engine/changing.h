/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a sealed model where it stands: one process at a time, and after a crash its key block is the old one or the new.
 */
#ifndef ENGINE_CHANGING_H
#define ENGINE_CHANGING_H

#include "engine/model.h"

/** changing_lock() - open and lock what is at @path, until *@fd_out is closed; COFFER_E_BUSY when another process has it */
coffer_err changing_lock(struct fault *f, const char *path, int *fd_out);

/** changing_check_still() - that @m, loaded by its path, is what @locked locked: another process may have replaced it before; COFFER_E_BUSY */
coffer_err changing_check_still(struct fault *f, int locked, const struct coffer_model *m);

enum changing_run { CHANGING_DRY, CHANGING_FOR_GOOD };

/**
 * changing_write() - make @doc the key block of @m, which @locked locked, and durable [F-20] [F-21]
 *
 * Dry, it tells whether that would do, and writes nothing.
 */
coffer_err changing_write(struct fault *f, int locked, const struct coffer_model *m, struct view doc,
			  enum changing_run run);

/** changing_mend() - bring an interrupted change of @m, which is torn, to its end: what is older than the key block that counts goes */
coffer_err changing_mend(struct fault *f, int locked, const struct coffer_model *m);

/** changing_write_folder() - make @doc the coffer.json of the folder @dirfd, and durable; it takes after that of the folder @old */
coffer_err changing_write_folder(struct fault *f, int dirfd, const char *shown, int old, struct view doc);

#endif
