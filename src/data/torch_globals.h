/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pickle may import and call for torch.load(weights_only=True).
 *
 * Source: _get_allowed_globals() of torch/_weights_only_unpickler.py, torch 2.15; what 2.6 and later allow is in it.
 * tests/interop/code.py compares this list with that of the torch it finds.
 */
#ifndef DATA_TORCH_GLOBALS_H
#define DATA_TORCH_GLOBALS_H

#include <stdbool.h>

#include "base/view.h"

/** torch_global_allowed() - whether @module's @name is on the list */
bool torch_global_allowed(struct view module, struct view name);

#endif
