/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor that is told of lies in its storage. */
#include "data/torch_pickle.h"
#include "support/fuzz.h"

static coffer_err
tell(struct fault *f, void *user, struct view name, const struct torch_tensor *tensor)
{
	struct view *pickle = user;
	uint8_t sum = 0;

	(void)f;
	for (size_t i = 0; i < name.len; i++)
		sum ^= name.p[i];
	need(tensor->off <= tensor->storage_size && tensor->size <= tensor->storage_size - tensor->off);
	need(tensor->storage.p >= pickle->p && tensor->storage.p + tensor->storage.len <= pickle->p + pickle->len);
	need(tensor->dtype && tensor->n_dims <= COFFER_MAX_DIMS);
	return sum == 1 ? COFFER_E_IO : COFFER_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view pickle = view_of(data, size);
	struct fault f;
	coffer_err err = torch_pickle_read(&f, pickle, tell, &pickle);

	need(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED || err == COFFER_E_IO);
	return 0;
}
