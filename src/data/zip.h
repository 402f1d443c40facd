/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a ZIP archive (PKWARE APPNOTE 6.3).  Nothing is ever extracted.
 *
 * Read strictly, for archives that readers take apart in two ways are made to look harmless to one of them: one central directory
 * with nothing between it and the end, which names each entry as the entry's own header does.
 */
#ifndef DATA_ZIP_H
#define DATA_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/fault.h"
#include "base/view.h"

/** struct zip_entry - one file in an archive; @name is valid as long as the call that it is given to */
struct zip_entry {
	struct view name; /* any bytes */
	bool stored;	  /* its bytes are there as they are: neither compressed nor encrypted */
	uint64_t off;	  /* where its bytes are */
	uint64_t size;	  /* how many are there */
};

/** zip_visit_fn - told of one entry; ends the walk with an error, or without one when it sets *@stop */
typedef coffer_err zip_visit_fn(struct fault *f, void *user, const struct zip_entry *entry, bool *stop);

/**
 * zip_walk() - tell @visit of each entry, in order of the central directory
 * @found_out: whether there is a central directory at all
 *
 * Return: COFFER_OK; COFFER_E_FORMAT for an archive that is broken or contradicts itself; COFFER_E_NOMEM; what @source or @visit
 * returned.
 */
coffer_err zip_walk(struct fault *f, const struct coffer_source *source, zip_visit_fn *visit, void *user,
		    bool *found_out);

/** zip_has_pickle() - whether an entry's name ends in «.pkl», as in what torch.save() writes; as zip_walk(), false without a directory */
coffer_err zip_has_pickle(struct fault *f, const struct coffer_source *source, bool *has_out);

/** zip_is_behind() - whether a reader that looks for archives from the end of @source, as Python does, could find one there */
coffer_err zip_is_behind(struct fault *f, const struct coffer_source *source, bool *is_out);

#endif
