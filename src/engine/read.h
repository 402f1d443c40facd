/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a sealed model, open: what is behind the struct coffer_file of coffer/open.h. */
#ifndef ENGINE_READ_H
#define ENGINE_READ_H

#include <pthread.h>

#include <coffer/open.h>

#include "engine/sealed.h"
#include "mem/pages.h"

struct coffer_file {
	struct sealed sealed;
	char *shown;

	pthread_mutex_t lock; /* of all that follows */
	bool bulk;	      /* read_expect_bulk() was called */

	/* the record that was last read in part: small reads in a row cost one record; and room for the next one */
	struct pages cached, spare;
	uint64_t cached_index;
};

/** read_check_range() - COFFER_E_RANGE for what is not there, COFFER_E_AUTH once a tag has failed */
coffer_err read_check_range(struct fault *f, struct coffer_file *o, uint64_t off, uint64_t len);

/** read_range() - coffer_file_read_at() that says why; what it leaves in @buf after a failure is of no use */
coffer_err read_range(struct fault *f, struct coffer_file *o, uint64_t off, uint8_t *buf, size_t len);

/** read_expect_bulk() - input_expect_bulk(), once a file, from any thread: call it before any record is read in bulk */
void read_expect_bulk(struct coffer_file *o);

#endif
