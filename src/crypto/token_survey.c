/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_survey.h"

#include "crypto/token_module.h"

static const char *
trouble_of(CK_FLAGS flags)
{
	if (!(flags & CKF_USER_PIN_INITIALIZED))
		return " (no PIN is set)";
	if (flags & CKF_USER_PIN_LOCKED)
		return " (locked after wrong PINs)";
	if (flags & CKF_USER_PIN_FINAL_TRY)
		return " (one more wrong PIN locks it)";
	if (flags & CKF_USER_PIN_TO_BE_CHANGED)
		return " (its PIN must be changed)";
	return "";
}

static coffer_err
survey_module(struct fault *f, CK_FUNCTION_LIST *m, struct buf *out, size_t *n_found, bool *well_out)
{
	CK_SLOT_ID slots[256];
	CK_ULONG n = sizeof(slots) / sizeof(*slots);
	coffer_err err = COFFER_OK;

	if (m->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
		n = 0;
	for (CK_ULONG i = 0; i < n; i++) {
		char label[TOKEN_LABEL_LEN];
		const char *trouble;
		CK_TOKEN_INFO info;

		if (m->C_GetTokenInfo(slots[i], &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED) ||
		    !(info.flags & CKF_LOGIN_REQUIRED))
			continue;
		token_uri_label(&info, label);
		trouble = trouble_of(info.flags);
		*well_out = *well_out && trouble[0] == '\0';
		TRY(buf_printf(f, out, "%s«%s»%s", (*n_found)++ ? ", " : "", label, trouble));
	}
out:
	return err;
}

coffer_err
token_survey(struct fault *f, struct buf *out, bool *well_out)
{
	struct token_modules modules = {.list = NULL};
	P11KitUri *any = p11_kit_uri_new();
	size_t n_found = 0;
	coffer_err err;

	*well_out = true;
	if (!any)
		return fault_nomem(f);
	TRY(token_modules_load(f, any, NULL, &modules));
	for (size_t i = 0; modules.list[i]; i++)
		TRY(survey_module(f, modules.list[i], out, &n_found, well_out));
	if (n_found == 0) {
		*well_out = false;
		TRY(buf_str(f, out, "none that is set up"));
	}
out:
	token_modules_unload(&modules);
	p11_kit_uri_free(any);
	return err;
}
