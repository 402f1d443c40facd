/* SPDX-License-Identifier: Apache-2.0 */
#include <coffer/err.h>

#include <stddef.h>

static const struct {
	coffer_err err;
	const char *name;
	const char *text;
} table[] = {
	{COFFER_OK, "OK", "done"},
	{COFFER_E_OTHER, "OTHER", "something failed"},
	{COFFER_E_NOMEM, "NOMEM", "out of memory"},
	{COFFER_E_INTERNAL, "INTERNAL", "a bug in coffer: please report it"},
	{COFFER_E_SELFTEST, "SELFTEST", "the cryptography gave a wrong known answer"},
	{COFFER_E_USAGE, "USAGE", "wrong use"},
	{COFFER_E_RANGE, "RANGE", "a byte range past the end"},
	{COFFER_E_NOTFOUND, "NOTFOUND", "not found"},
	{COFFER_E_PERM, "PERM", "not allowed"},
	{COFFER_E_AUTH, "AUTH", "not authentic"},
	{COFFER_E_FORMAT, "FORMAT", "malformed"},
	{COFFER_E_UNSUPPORTED, "UNSUPPORTED", "not known to this version"},
	{COFFER_E_PLAIN, "PLAIN", "a plain file where a sealed one belongs"},
	{COFFER_E_FILESET, "FILESET", "a missing, extra or doubled file"},
	{COFFER_E_SIGNATURE, "SIGNATURE", "the signature does not hold"},
	{COFFER_E_POLICY, "POLICY", "refused by policy"},
	{COFFER_E_KEY, "KEY", "the key is unusable"},
	{COFFER_E_NOKEY, "NOKEY", "none of the given keys is a recipient"},
	{COFFER_E_UNAVAILABLE, "UNAVAILABLE", "a key service could not be asked"},
	{COFFER_E_REFUSED, "REFUSED", "a key service said no"},
	{COFFER_E_NET, "NET", "the network failed"},
	{COFFER_E_ATTEST, "ATTEST", "the attestation was refused"},
	{COFFER_E_EXISTS, "EXISTS", "the output is already there"},
	{COFFER_E_SEALED, "SEALED", "already sealed"},
	{COFFER_E_CHANGED, "CHANGED", "the input changed while it was read"},
	{COFFER_E_BUSY, "BUSY", "another process is at work on it"},
	{COFFER_E_ROLLBACK, "ROLLBACK", "older than what was seen before"},
	{COFFER_E_RATE, "RATE", "too many requests"},
	{COFFER_E_IO, "IO", "reading or writing failed"},
	{COFFER_E_SPACE, "SPACE", "no space left"},
	{COFFER_E_INTERRUPTED, "INTERRUPTED", "interrupted"},
};

enum { N_ERRORS = sizeof(table) / sizeof(table[0]) };

int
coffer_err_exit(coffer_err err)
{
	return (int)((unsigned int)err >> 8);
}

const char *
coffer_err_name(coffer_err err)
{
	for (size_t i = 0; i < N_ERRORS; i++)
		if (table[i].err == err)
			return table[i].name;
	return "UNKNOWN";
}

const char *
coffer_err_text(coffer_err err)
{
	for (size_t i = 0; i < N_ERRORS; i++)
		if (table[i].err == err)
			return table[i].text;
	return "an error that this version does not know";
}
