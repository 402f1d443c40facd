/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core dumps: plaintext of a process that crashed belongs on no disk.
 */
#ifndef RUN_CORE_H
#define RUN_CORE_H

/**
 * core_forbid() - this process, its children and what it executes write no core
 *
 * Others of the user may look into this process from now on: while it may not be looked into, it may not say what a core
 * of it has either.  It must hold no key.
 */
void core_forbid(void);

#endif
