/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/secret_file.h"

#define PIN_MAX 256 /* bytes */

/* ---- where it comes from ---- */

coffer_err
token_pin_file(struct fault *f, const char *source, const char **path_out)
{
	*path_out = NULL;
	if (!source)
		*path_out = secure_getenv("COFFER_PKCS11_PIN_FILE");
	else if (strncmp(source, "file://", 7) == 0 && source[7] == '/')
		*path_out = source + 7;
	else if (strncmp(source, "file:", 5) == 0)
		*path_out = source + 5;
	else if (source[0] == '/' || secret_file_is_source(source))
		*path_out = source;
	else
		return fault_set(f, COFFER_E_USAGE,
				 "pin-source=%s is not known; it is a file, file:PATH, or vaultkv://PATH", source);
	return COFFER_OK;
}

coffer_err
token_pin_read(struct fault *f, const char *path, struct secret *out)
{
	struct secret text = SECRET_INIT;
	size_t len = 0;
	coffer_err err;
	FILE *file;

	if (secret_file_is_source(path))
		return secret_line_from_source(f, "the PIN", path, PIN_MAX, out);
	TRY(secret_new(f, &text, PIN_MAX + 2));
	file = fopen(path, "re");
	if (!file)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "the PIN cannot be read from %s", path));
	setvbuf(file, NULL, _IONBF, 0); /* no copy of it is left in a buffer */
	len = fread(text.p, 1, PIN_MAX + 2, file);
	(void)fclose(file);
	for (size_t i = 0; i < len; i++)
		if (text.p[i] == '\n' || text.p[i] == '\r')
			len = i;
	if (len == 0 || len > PIN_MAX)
		TRY(fault_set(f, COFFER_E_KEY, "%s must hold a PIN of 1 to %d bytes in its first line", path, PIN_MAX));
	TRY(secret_copy(f, out, text.p, len));
out:
	secret_free(&text);
	return err;
}

coffer_err
token_pin_ask(struct fault *f, const struct token_pin *pin, const char *token_label, struct secret *out)
{
	if (!pin || !pin->ask)
		return fault_set(f, COFFER_E_REFUSED,
				 "token «%s» wants a PIN; give pin-source=file:PATH in the URI, or the path in "
				 "COFFER_PKCS11_PIN_FILE",
				 token_label);
	return pin->ask(pin->user, f, token_label, out);
}

/* ---- what was refused ---- */

#define REFUSED_MAX 16

static struct {
	char token[64];
	struct secret pin;
} refused[REFUSED_MAX];

static size_t next_refused;

bool
token_pin_was_refused(const char *token, const struct secret *pin)
{
	for (size_t i = 0; i < REFUSED_MAX; i++)
		if (strcmp(refused[i].token, token) == 0 && refused[i].pin.len == pin->len && pin->len > 0 &&
		    mem_equal(refused[i].pin.p, pin->p, pin->len))
			return true;
	return false;
}

void
token_pin_refuse(const char *token, struct secret *pin)
{
	size_t at = next_refused++ % REFUSED_MAX;

	secret_free(&refused[at].pin);
	secret_move(&refused[at].pin, pin);
	(void)snprintf(refused[at].token, sizeof(refused[at].token), "%s", token);
}
