/* SPDX-License-Identifier: Apache-2.0 */
/* Trusted roots: each log is found by its id, each authority has a root and one that signs. */

#include "sign/trusted_root.h"
#include "support/fuzz.h"

static void
check_authorities(const struct trusted_authority *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		need(a[i].roots.n == 1 && a[i].leaves.n == 1 && cert_is_self_issued(a[i].roots.v[0]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {.err = COFFER_OK};
	struct trusted_root *root;

	if (trusted_root_parse(&f, "the root", view_of(data, size), &root) != COFFER_OK) {
		need(!root && f.err != COFFER_OK && f.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < root->n_tlogs; i++) {
		need(trusted_root_tlog(root, view_of(root->tlogs[i].id, LOG_ID_LEN)) == &root->tlogs[i]);
		need(trusted_root_tlog(root, view_of(root->tlogs[i].checkpoint_id, LOG_ID_LEN)) == &root->tlogs[i]);
	}
	for (size_t i = 0; i < root->n_ctlogs; i++)
		need(trusted_root_ctlog(root, view_of(root->ctlogs[i].id, LOG_ID_LEN)) == &root->ctlogs[i]);
	check_authorities(root->cas, root->n_cas);
	check_authorities(root->tsas, root->n_tsas);
	trusted_root_free(&root);
	return 0;
}
