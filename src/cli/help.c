/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "cli/args.h"

#define WIDTH 80
#define COLUMN 26 /* where the help of an option begins */

const char help_keys[] =
	"KEY is file:PATH (32 raw bytes or a key file made by coffer keygen), keyring:NAME (a key of the local "
	"keyring), passphrase: (asks; passphrase:file=PATH and passphrase:fd=N read the first line of a file or "
	"descriptor), recipient:coffer1... (a public key, which seals and cannot open), or the key of a service, which "
	"never gives it out: awskms:, azurekms:, gcpkms:, hashivault:, pkcs11:, or vaultkv:, which does. \"coffer help "
	"keys\" has an example of each. The local keyring is the folder $COFFER_KEYS, else "
	"$XDG_CONFIG_HOME/coffer/keys, else ~/.config/coffer/keys. Keys and passphrases are never arguments "
	"themselves.";

/* Each form of a key URI.  Ends with one that has none. */
static const struct {
	const char *form, *what;
} key_forms[] = {
	{"file:PATH",
	 "32 raw bytes, or a key file made by coffer keygen; file:vaultkv://MOUNT/PATH#FIELD reads it from Vault"},
	{"keyring:NAME", "a key of the local keyring: $COFFER_KEYS, else $XDG_CONFIG_HOME/coffer/keys, else "
			 "~/.config/coffer/keys"},
	{"passphrase:", "asks for a passphrase"},
	{"passphrase:file=PATH", "reads it from the first line of a file"},
	{"passphrase:fd=N", "reads it from the first line of an open descriptor"},
	{"recipient:coffer1...", "a public key (coffer key export-public), which seals and cannot open"},
	{"awskms:///alias/NAME", "AWS KMS, also by key id or ARN: awskms:///KEY-ID, awskms:///ARN; awskms://HOST/... "
				 "asks an endpoint of your own"},
	{"azurekms://VAULT/KEY", "Azure Key Vault or Managed HSM, also azurekms://HOST/KEY/VERSION"},
	{"gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K", "Google Cloud KMS"},
	{"hashivault://KEY", "transit of HashiCorp Vault or OpenBao; ?mount=PATH and ?namespace=NAME say where"},
	{"vaultkv://MOUNT/PATH", "a key kept as a secret in Vault's KV engine, which hands it out; #FIELD says which "
				 "field"},
	{"pkcs11:token=LABEL;object=LABEL",
	 "a key in a token or HSM (RFC 7512); $COFFER_PKCS11_MODULE names its module"},
	{NULL, NULL},
};

const struct exit_code help_exit_codes[] = {
	{0, "done"},
	{1, "something else failed"},
	{2, "wrong usage"},
	{3, "no such file, tensor or key"},
	{4, "not allowed"},
	{5, "not authentic, malformed, or a file missing or extra"},
	{6, "a signature or policy is not satisfied"},
	{7, "a key is missing, unusable or refused"},
	{8, "the network failed"},
	{9, "the attestation was refused"},
	{10, "a conflict: the output exists, or another process is at work"},
	{11, "too many requests"},
	{12, "reading or writing failed, or no space is left"},
	{130, "interrupted"},
	{0, NULL},
};

static const struct example overview_examples[] = {
	{"once: make a key, called \"default\", in your keyring", "coffer keygen"},
	{"seal a model for it", "coffer seal llama/ -o llama.sealed"},
	{"verify every byte, write nothing", "coffer check llama.sealed"},
	{"open it again", "coffer open llama.sealed -o llama"},
	{"sign a model with a key of coffer keygen --kind p256 -o sign.key",
	 "coffer sign key --private-key sign.key llama/"},
	{"and verify it", "coffer verify key --public-key sign.key.pub llama/"},
	{NULL, NULL},
};

/* ---- text ---- */

static coffer_err
add_spaces(struct fault *f, struct buf *b, size_t n)
{
	return buf_printf(f, b, "%*s", (int)n, "");
}

/* The next word of @text: its length in bytes. */
static size_t
word_len(const char *text)
{
	return strcspn(text, " \n");
}

/* @text in lines of at most 80 columns, each behind @indent spaces; the first begins at column @at */
static coffer_err
wrap(struct fault *f, struct buf *b, const char *text, size_t indent, size_t at)
{
	coffer_err err = COFFER_OK;

	while (*text) {
		size_t len = word_len(text);

		if (at > indent && at + 1 + len > WIDTH) {
			TRY(buf_str(f, b, "\n"));
			at = 0;
		}
		if (at < indent) {
			TRY(add_spaces(f, b, indent - at));
			at = indent;
		} else if (at > indent) {
			TRY(buf_str(f, b, " "));
			at++;
		}
		TRY(buf_add(f, b, text, len));
		at += len;
		text += len;
		if (strncmp(text, "\n\n", 2) == 0) {
			TRY(buf_str(f, b, "\n\n"));
			at = 0;
		}
		text += strspn(text, " \n");
	}
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

/* «  -o, --out FILE      where it goes» */
static coffer_err
add_option(struct fault *f, struct buf *b, const struct option *o)
{
	size_t begin = b->len;
	coffer_err err;

	if (o->letter)
		TRY(buf_printf(f, b, "  -%c, --%s", o->letter, o->name));
	else
		TRY(buf_printf(f, b, "      --%s", o->name));
	if (o->value)
		TRY(buf_printf(f, b, " %s", o->value));
	if (b->len - begin + 2 > COLUMN) {
		TRY(buf_str(f, b, "\n"));
		begin = b->len;
	}
	TRY(add_spaces(f, b, COLUMN - (b->len - begin)));
	TRY(wrap(f, b, o->help, COLUMN, COLUMN));
out:
	return err;
}

static coffer_err
add_options(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_str(f, b, "\nOptions:\n"));
	for (size_t i = 0; args_table(command, i); i++)
		for (const struct option *o = args_table(command, i); o->name; o++)
			TRY(add_option(f, b, o));
out:
	return err;
}

static coffer_err
add_examples(struct fault *f, struct buf *b, const struct example *examples)
{
	coffer_err err;

	TRY(buf_str(f, b, "\nExamples:\n"));
	for (const struct example *e = examples; e->line; e++)
		TRY(buf_printf(f, b, "  # %s\n  %s\n", e->what, e->line));
out:
	return err;
}

/* ---- whole pages ---- */

/* «coffer seal [OPTIONS] IN», without a line end */
static coffer_err
usage(struct fault *f, struct buf *b, const struct command *command)
{
	if (command->fallback)
		return buf_printf(f, b, "coffer %s [METHOD] [OPTIONS] %s", command->name, command->fallback->operands);
	if (command->subs)
		return buf_printf(f, b, "coffer %s COMMAND [OPTIONS]", command->name);
	return buf_printf(f, b, "coffer %s [OPTIONS]%s%s", command->name, *command->operands ? " " : "",
			  command->operands);
}

static coffer_err
add_briefs(struct fault *f, struct buf *b, const struct command *const *from, size_t n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n && from[i]; i++)
		if (!from[i]->hidden)
			TRY(buf_printf(f, b, "  %-16s %s\n", command_word(from[i]), from[i]->brief));
out:
	return err;
}

coffer_err
help_overview(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b,
		    "coffer keeps model weights secret: it seals a file or a folder for one or more\n"
		    "keys, and opens it, or any tensor of it, at the speed of memory. It signs models,\n"
		    "and verifies who made them.\n\n"
		    "Usage: coffer COMMAND [OPTIONS] ...\n\n"
		    "The five that you need:\n"));
	TRY(add_briefs(f, b, commands, N_FIRST_COMMANDS));
	TRY(buf_str(f, b, "\nThe others:\n"));
	TRY(add_briefs(f, b, commands + N_FIRST_COMMANDS, SIZE_MAX));
	TRY(add_examples(f, b, overview_examples));
	TRY(buf_str(f, b, "\n\"coffer help COMMAND\" says all about one, \"coffer help keys\" how a key is named.\n"));
out:
	return err;
}

bool
help_takes_key(const struct command *command)
{
	for (size_t i = 0; args_table(command, i); i++)
		for (const struct option *o = args_table(command, i); o->name; o++)
			if (o->hint == HINT_KEY)
				return true;
	for (const struct command *const *sub = command->subs; sub && *sub; sub++)
		if (help_takes_key(*sub))
			return true;
	return command->hint == HINT_KEY;
}

static coffer_err
add_member(struct fault *f, struct buf *b, const struct command *member)
{
	coffer_err err;

	TRY(buf_str(f, b, "\n"));
	TRY(usage(f, b, member));
	TRY(buf_str(f, b, "\n"));
	TRY(wrap(f, b, member->about, 4, 0));
	for (const struct option *o = member->options; o->name; o++)
		TRY(add_option(f, b, o));
out:
	return err;
}

bool
help_is_apart(const struct command *group)
{
	const struct command *const *sub = group->subs;

	while (*sub && *sub != group->fallback)
		sub++;
	return group->fallback && !*sub;
}

static coffer_err
help_group(struct fault *f, struct buf *b, const struct command *group)
{
	coffer_err err = COFFER_OK;

	if (help_is_apart(group))
		TRY(add_member(f, b, group->fallback));
	for (const struct command *const *sub = group->subs; *sub; sub++)
		TRY(add_member(f, b, *sub));
	if (group->shared)
		TRY(buf_str(f, b, "\nOptions of all that take a MODEL:\n"));
	for (const struct option *o = group->shared; o && o->name; o++)
		TRY(add_option(f, b, o));
	if (!help_takes_key(group))
		return COFFER_OK;
	TRY(buf_str(f, b, "\n"));
	TRY(wrap(f, b, help_keys, 0, 0));
out:
	return err;
}

coffer_err
help_key_forms(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, "KEY, in --kek KEY and elsewhere, names a key by one of these:\n\n"));
	for (size_t i = 0; key_forms[i].form; i++) {
		size_t begin = b->len, at;

		TRY(buf_printf(f, b, "  %s", key_forms[i].form));
		at = b->len - begin;
		if (at + 2 > COLUMN) {
			TRY(buf_str(f, b, "\n"));
			at = 0;
		}
		TRY(wrap(f, b, key_forms[i].what, COLUMN, at));
	}
	TRY(buf_str(f, b, "\n"));
	TRY(wrap(
		f, b,
		"In keys of services {environment} and {name} stand for those of the model: "
		"awskms:///alias/model/{environment}/{name} names a key for each.\n\n"
		"Credentials and addresses of services come from the environment (VAULT_ADDR, AWS_REGION, "
		"GOOGLE_APPLICATION_CREDENTIALS, AZURE_TENANT_ID and their kin) and from files, never from the command "
		"line; docs/key-services.md lists them. Keys and passphrases are never arguments themselves.",
		0, 0));
out:
	return err;
}

coffer_err
help_command(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_printf(f, b, "coffer %s: %s\n\nUsage: ", command->name, command->brief));
	TRY(usage(f, b, command));
	TRY(buf_str(f, b, "\n\n"));
	TRY(wrap(f, b, command->about, 0, 0));
	if (command->subs) {
		TRY(help_group(f, b, command));
	} else {
		TRY(add_options(f, b, command));
		if (help_takes_key(command)) {
			TRY(buf_str(f, b, "\n"));
			TRY(wrap(f, b, help_keys, 0, 0));
		}
	}
	if (command->examples)
		TRY(add_examples(f, b, command->examples));
out:
	return err;
}
