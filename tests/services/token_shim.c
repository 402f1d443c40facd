/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module before another one, which is a real token: it adds what that one lacks and other tokens have.
 *
 * TOKEN_SHIM_MODULE=PATH	the other one
 * TOKEN_SHIM_INIT=TEXT		is given to it as pReserved: NSS wants to know where its database is
 * TOKEN_SHIM_TRIES=FILE	N wrong PINs in a row lock the token: the file holds how many are left, out of 3 where it is empty
 * TOKEN_SHIM_LOG=FILE		a line «login RV» is appended for each C_Login, «init» for each C_Initialize
 * TOKEN_SHIM_HIDE=0xN,0xM	mechanisms that it does not have
 * TOKEN_SHIM_OWN_IV=1		it makes the IV of AES-GCM itself, and refuses any other
 * TOKEN_SHIM_GONE=FILE		while that file is there, the token is not
 *
 * And a session that another thread uses than the one that opened it is an error, as it should be.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

static CK_FUNCTION_LIST mine, *theirs;

/* ---- what is asked of it ---- */

static bool
is_gone(void)
{
	const char *path = getenv("TOKEN_SHIM_GONE");

	return path && access(path, F_OK) == 0;
}

static bool
is_hidden(CK_MECHANISM_TYPE type)
{
	const char *list = getenv("TOKEN_SHIM_HIDE");
	char name[24];

	(void)snprintf(name, sizeof(name), "0x%lx", type);
	return list && strstr(list, name);
}

static void
note(const char *what, CK_RV rv)
{
	const char *path = getenv("TOKEN_SHIM_LOG");
	FILE *file = path ? fopen(path, "ae") : NULL;

	if (!file)
		return;
	(void)fprintf(file, "%s 0x%lx\n", what, rv);
	(void)fclose(file);
}

/* ---- tries ---- */

static int
tries_left(void)
{
	const char *path = getenv("TOKEN_SHIM_TRIES");
	FILE *file = path ? fopen(path, "re") : NULL;
	int c = file ? fgetc(file) : EOF;

	if (file)
		(void)fclose(file);
	return c >= '0' && c <= '3' ? c - '0' : 3;
}

static void
set_tries(int left)
{
	const char *path = getenv("TOKEN_SHIM_TRIES");
	FILE *file = path ? fopen(path, "we") : NULL;

	if (!file)
		return;
	(void)fprintf(file, "%d\n", left);
	(void)fclose(file);
}

static CK_RV
get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	static const CK_FLAGS flags[] = {CKF_USER_PIN_LOCKED, CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW,
					 CKF_USER_PIN_COUNT_LOW, 0};
	CK_RV rv = is_gone() ? CKR_TOKEN_NOT_PRESENT : theirs->C_GetTokenInfo(slot, info);

	if (rv == CKR_OK && getenv("TOKEN_SHIM_TRIES")) {
		info->flags &= ~(CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW);
		info->flags |= flags[tries_left()];
	}
	return rv;
}

static CK_RV
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
	CK_RV rv;

	if (is_gone())
		return CKR_DEVICE_REMOVED;
	rv = getenv("TOKEN_SHIM_TRIES") && tries_left() == 0 ? CKR_PIN_LOCKED
							     : theirs->C_Login(session, user, pin, len);
	if (rv == CKR_OK)
		set_tries(3);
	else if (rv == CKR_PIN_INCORRECT && tries_left() > 0)
		set_tries(tries_left() - 1);
	note("login", rv);
	return rv;
}

/* ---- a session is of one thread ---- */

#define SESSIONS 4096

static struct {
	CK_SESSION_HANDLE session;
	long thread;
} owners[SESSIONS];

static CK_RV
open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	CK_RV rv = is_gone() ? CKR_TOKEN_NOT_PRESENT : theirs->C_OpenSession(slot, flags, app, notify, out);

	if (rv == CKR_OK) {
		owners[*out % SESSIONS].session = *out;
		owners[*out % SESSIONS].thread = syscall(SYS_gettid);
	}
	return rv;
}

static CK_RV
check(CK_SESSION_HANDLE session)
{
	if (is_gone())
		return CKR_DEVICE_REMOVED;
	if (owners[session % SESSIONS].session == session && owners[session % SESSIONS].thread != syscall(SYS_gettid)) {
		note("thread", CKR_GENERAL_ERROR);
		abort();
	}
	return CKR_OK;
}

static CK_RV
find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = check(session);

	return rv == CKR_OK ? theirs->C_FindObjectsInit(session, template, n) : rv;
}

/* ---- mechanisms ---- */

static CK_RV
get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	return is_hidden(type) ? CKR_MECHANISM_INVALID : theirs->C_GetMechanismInfo(slot, type, info);
}

static CK_RV
encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	CK_GCM_PARAMS *gcm = mechanism->pParameter;
	CK_RV rv = check(session);

	if (rv != CKR_OK || is_hidden(mechanism->mechanism))
		return rv != CKR_OK ? rv : CKR_MECHANISM_INVALID;
	if (mechanism->mechanism == CKM_AES_GCM && getenv("TOKEN_SHIM_OWN_IV")) {
		for (CK_ULONG i = 0; i < gcm->iv_len; i++)
			if (gcm->iv_ptr[i])
				return CKR_MECHANISM_PARAM_INVALID;
		if (getenv("TOKEN_SHIM_OWN_IV")[0] == '1' &&
		    getrandom(gcm->iv_ptr, gcm->iv_len, 0) != (ssize_t)gcm->iv_len)
			return CKR_GENERAL_ERROR;
	}
	return theirs->C_EncryptInit(session, mechanism, key);
}

static CK_RV
decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	CK_RV rv = check(session);

	return rv != CKR_OK			 ? rv
	       : is_hidden(mechanism->mechanism) ? CKR_MECHANISM_INVALID
						 : theirs->C_DecryptInit(session, mechanism, key);
}

/* ---- the module ---- */

static CK_RV
get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	if (!is_gone() || !present)
		return theirs->C_GetSlotList(present, slots, n);
	*n = 0;
	return CKR_OK;
}

static CK_RV
initialize(void *args)
{
	CK_C_INITIALIZE_ARGS copy = {.flags = CKF_OS_LOCKING_OK};
	const char *text = getenv("TOKEN_SHIM_INIT");
	CK_RV rv;

	if (args)
		copy = *(CK_C_INITIALIZE_ARGS *)args;
	if (text)
		copy.pReserved = (void *)(uintptr_t)text;
	rv = theirs->C_Initialize(&copy);
	note("init", rv);
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out);

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	const char *path = getenv("TOKEN_SHIM_MODULE");
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
	CK_C_GetFunctionList get;

	memcpy(&get, &symbol, sizeof(get));
	if (!get || get(&theirs) != CKR_OK)
		return CKR_GENERAL_ERROR;
	mine = *theirs;
	mine.C_GetFunctionList = C_GetFunctionList;
	mine.C_Initialize = initialize;
	mine.C_GetSlotList = get_slot_list;
	mine.C_GetTokenInfo = get_token_info;
	mine.C_GetMechanismInfo = get_mechanism_info;
	mine.C_OpenSession = open_session;
	mine.C_Login = login;
	mine.C_FindObjectsInit = find_objects_init;
	mine.C_EncryptInit = encrypt_init;
	mine.C_DecryptInit = decrypt_init;
	*out = &mine;
	return CKR_OK;
}
