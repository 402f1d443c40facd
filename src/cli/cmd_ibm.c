/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command lines of IBM's model-encryption, unchanged behind the program's name.
 *
 * What they encrypt is a sealed model; what that program encrypted is opened, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/library.h"
#include "cli/sign_options.h"
#include "cli/sign_path.h"
#include "cli/sign_run.h"
#include "cli/stats_text.h"
#include "cli/term.h"
#include "cli/verdict_text.h"

static const char *encryption_key;
static bool no_bar;

#define OPTION_ENCRYPTION_KEY                                                                                          \
	{                                                                                                              \
		.name = "encryption-key", .value = "FILE", .text = &encryption_key, .hint = HINT_FILE,                 \
		.help = "the key to seal and open with: 32 raw bytes, or an aes key file of coffer"                    \
	}
#define OPTION_BAR                                                                                                     \
	{                                                                                                              \
		.name = "use-progress-bar", .unset = &no_bar, .help = "show a progress bar on a terminal: the default" \
	}
#define OPTION_NO_BAR                                                                                                  \
	{                                                                                                              \
		.name = "no-use-progress-bar", .flag = &no_bar, .help = "show none"                                    \
	}

/* ---- what lies there ---- */

static bool
exists(const char *path, const char *more)
{
	char whole[4096];
	struct stat st;

	return snprintf(whole, sizeof(whole), "%s%s", path, more) < (int)sizeof(whole) && lstat(whole, &st) == 0;
}

static bool
ends_in(const char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	return len > n && strcmp(path + len - n, suffix) == 0;
}

/* @model, @model.coffer or @model.enc, whichever is there: a single file has another name while it is closed. */
static coffer_err
find_closed(struct fault *f, const char *model, char **path_out)
{
	const char *suffix = exists(model, "")		? ""
			     : exists(model, ".coffer") ? ".coffer"
			     : exists(model, ".enc")	? ".enc"
							: "";

	if (asprintf(path_out, "%s%s", model, suffix) >= 0)
		return COFFER_OK;
	*path_out = NULL;
	return fault_nomem(f);
}

/* What a single file is called when it is open. */
static coffer_err
find_open(struct fault *f, const char *model, char **path_out)
{
	size_t len = strlen(model);

	if (!exists(model, "") && ends_in(model, ".coffer"))
		len -= strlen(".coffer");
	else if (!exists(model, "") && ends_in(model, ".enc"))
		len -= strlen(".enc");
	*path_out = strndup(model, len);
	return *path_out ? COFFER_OK : fault_nomem(f);
}

/* ---- the steps ---- */

static coffer_err
prepare(struct fault *f, struct coffer_ctx *ctx)
{
	if (no_bar)
		coffer_ctx_set_progress(ctx, NULL, NULL);
	/* its default, whatever the form of the model, and it replaces what is there */
	if (!signing.signature)
		signing.signature = "model.sig";
	common.force = true;
	return signing_need(f, "encryption-key", encryption_key);
}

static coffer_err
read_key(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keys_out)
{
	const char *one[1];
	char *uri = NULL;
	coffer_err err;

	*keys_out = NULL;
	if (asprintf(&uri, "file:%s", encryption_key) < 0)
		return fault_nomem(f);
	one[0] = uri;
	err = library_keys(f, ctx, &(struct words){.v = one, .n = 1}, keys_out);
	free(uri);
	return err;
}

static coffer_err
refuse_sealed(struct fault *f, const char *model)
{
	if (!signing_is_sealed(model) && (exists(model, "") || !exists(model, ".coffer")))
		return COFFER_OK;
	/* an interrupted run, which this one ends: all may be done but to remove the mark */
	if (exists(model, "/.coffer.partial"))
		return COFFER_OK;
	return fault_set(f, COFFER_E_SEALED, "%s is sealed already; open it first to make another", model);
}

/* @done gets what was done, for the caller to tell. */
static coffer_err
encrypt(struct fault *f, struct coffer_ctx *ctx, const char *model, struct coffer_stats *done)
{
	const struct coffer_seal_options options = {.version_1 = 1, .in_place = true};
	struct coffer_keyring *keys = NULL;
	coffer_err err;

	TRY(read_key(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_seal(ctx, model, NULL, keys, &options, done)));
	stats_say("sealed", done, model);
out:
	coffer_keyring_free(&keys);
	return err;
}

/* @trust: who must have signed the sealed files; NULL = nobody, or whom the trust store says */
static coffer_err
open_sealed(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct coffer_trust *trust,
	    struct coffer_stats *done)
{
	const struct coffer_verify_options verify = signing_verify_options();
	const struct coffer_open_options options = {
		.version_1 = 1,
		.in_place = true,
		/* verified again with the files that are opened: those of before may have been replaced */
		.trust = trust,
		.signature = trust ? signing.signature : NULL,
		.verify = &verify,
		.outer_alone = true,
		/* with a method the caller says whose signature is believed, and it need not be one of the sealed files */
		.ignore_trust_store = common.command->method != 0,
	};
	struct coffer_keyring *keys = NULL;
	coffer_err err;

	TRY(read_key(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_open(ctx, path, NULL, keys, &options, done)));
	stats_say("opened", done, path);
out:
	coffer_keyring_free(&keys);
	return err;
}

static coffer_err
open_ibm(struct fault *f, struct coffer_ctx *ctx, const char *path, struct coffer_stats *done)
{
	struct coffer_ibm_stats stats = {0};
	coffer_err err = library_fault(f, ctx, coffer_ibm_open(ctx, path, encryption_key, &stats));

	*done = (struct coffer_stats){.n_files = stats.n_files, .bytes = stats.bytes, .seconds = stats.seconds};
	if (stats.n_files > 0)
		stats_say("opened", done, path);
	return err;
}

/* Whatever is closed is opened in place; nothing is no failure.  @trust as for open_sealed(); IBM's files have none. */
static coffer_err
decrypt(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust,
	struct coffer_stats *done)
{
	char *path = NULL;
	struct stat st;
	coffer_err err;

	TRY(find_closed(f, model, &path));
	if (signing_is_sealed(path))
		TRY(open_sealed(f, ctx, path, trust, done));
	else if (stat(path, &st) != 0 || S_ISDIR(st.st_mode) || ends_in(path, ".enc"))
		TRY(open_ibm(f, ctx, path, done));
out:
	free(path);
	return err;
}

/* ---- sign, then encrypt; decrypt, then verify ---- */

static coffer_err
sign(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_signer *signer)
{
	/* an interrupted run: the signature was there before the first file was sealed */
	if (exists(model, "/.coffer.partial")) {
		term_say("going on with an interrupted run, whose signature is made");
		return COFFER_OK;
	}
	return sign_run(f, ctx, model, signer);
}

static coffer_err
run_sign_encrypt(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_signer *signer = NULL;
	struct coffer_stats done = {0};
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(refuse_sealed(f, operands->v[0]));
	TRY(signing_signer(f, ctx, common.command->method, &signer));
	TRY(sign(f, ctx, operands->v[0], signer));
	TRY(encrypt(f, ctx, operands->v[0], &done));
out:
	coffer_signer_free(&signer);
	return err;
}

/*
 * Files called .enc that do not open under the key may be the model's own: then the signature says so.  Without one that can
 * be read, as when it is encrypted, too, nothing would.
 */
static coffer_err
decrypt_to_verify(struct fault *f, struct coffer_ctx *ctx, const char *model)
{
	struct coffer_stats done = {0};
	coffer_err err = decrypt(f, ctx, model, NULL, &done);

	if (err != COFFER_E_AUTH || signing_is_sealed(model) || !exists(signing.signature, ""))
		return err;
	term_warn("%s", f->text);
	fault_clear(f);
	return COFFER_OK;
}

/* A signature that no decryption brings to light is missed while the model is still closed. */
static coffer_err
refuse_no_signature(struct fault *f)
{
	const char *path = signing.signature;

	if (exists(path, "") || exists(path, ".coffer") || exists(path, ".enc"))
		return COFFER_OK;
	return fault_set(f, COFFER_E_NOTFOUND,
			 "there is no signature %s, open or closed; --signature FILE names another", path);
}

static coffer_err
run_decrypt_verify(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_trust *trust = NULL;
	char *model = NULL;
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(signing_trust(f, ctx, common.command->method, &trust));
	TRY(refuse_no_signature(f));
	TRY(decrypt_to_verify(f, ctx, operands->v[0]));
	TRY(find_open(f, operands->v[0], &model));
	err = verify_run(f, ctx, model, trust);
	if (err)
		term_warn("%s is open, and its signature does not say that it is good: do not use it", model);
out:
	coffer_trust_free(&trust);
	free(model);
	return verdict_early(f, err, operands->v[0]);
}

/* ---- encrypt, then sign; verify, then decrypt ---- */

/* An older signature among the files would be sealed with them, and the new one could not take its place. */
static coffer_err
refuse_old_signature(struct fault *f, const char *model)
{
	char *signature = realpath(signing.signature, NULL), *folder = realpath(model, NULL);
	size_t len = folder ? strlen(folder) : 0;
	coffer_err err = COFFER_OK;

	if (signature && folder && strncmp(signature, folder, len) == 0 && signature[len] == '/')
		err = fault_set(f, COFFER_E_EXISTS,
				"%s is a file of the model and would be sealed; remove it, or name another signature",
				signing.signature);
	free(signature);
	free(folder);
	return err;
}

static coffer_err
run_encrypt_sign(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_signer *signer = NULL;
	struct coffer_stats done = {0};
	char *sealed = NULL;
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(refuse_sealed(f, operands->v[0]));
	TRY(refuse_old_signature(f, operands->v[0]));
	TRY(signing_signer(f, ctx, common.command->method, &signer));
	TRY(encrypt(f, ctx, operands->v[0], &done));
	TRY(find_closed(f, operands->v[0], &sealed));
	TRY(sign_run(f, ctx, sealed, signer));
out:
	coffer_signer_free(&signer);
	free(sealed);
	return err;
}

/* That it is verified is said last, when the rest is done, too. */
static coffer_err
run_verify_decrypt(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_verdict *verdict = NULL;
	struct coffer_trust *trust = NULL;
	struct coffer_stats done = {0};
	char *closed = NULL;
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(signing_trust(f, ctx, common.command->method, &trust));
	TRY(find_closed(f, operands->v[0], &closed));
	err = verify_only(f, ctx, closed, trust, &verdict);
	if (err && !signing_is_sealed(closed))
		term_warn("%s is not sealed: coffer verify is for models that are open", closed);
	if (!err)
		err = decrypt(f, ctx, closed, trust, &done);
	err = verdict_end(f, err, verdict, closed);
out:
	coffer_verdict_free(&verdict);
	coffer_trust_free(&trust);
	free(closed);
	return verdict_early(f, err, operands->v[0]);
}

/* ---- no signature ---- */

static coffer_err
run_encrypt(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_stats done = {0};
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(refuse_sealed(f, operands->v[0]));
	TRY(encrypt(f, ctx, operands->v[0], &done));
	TRY(stats_print(f, &done, operands->v[0]));
out:
	return err;
}

static coffer_err
run_decrypt(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_stats done = {0};
	coffer_err err;

	TRY(prepare(f, ctx));
	TRY(decrypt(f, ctx, operands->v[0], NULL, &done));
	if (done.n_files == 0)
		term_say("%s is open already", operands->v[0]);
	TRY(stats_print(f, &done, operands->v[0]));
out:
	return err;
}

/* ---- the tables ---- */

static const struct option signing_too[] = {
	OPTION_ENCRYPTION_KEY, OPTION_SIGNATURE("where the signature goes; the default is model.sig here"),
	OPTION_IGNORE_PATHS,   OPTION_IGNORE_GIT,
	OPTION_NO_IGNORE_GIT,  OPTION_BAR,
	OPTION_NO_BAR,	       OPTION_JOBS,
	OPTION_JSON,	       OPTION_END,
};

static const struct option verifying_too[] = {
	OPTION_ENCRYPTION_KEY,
	OPTION_SIGNATURE("the signature; the default is model.sig here"),
	OPTION_IGNORE_PATHS,
	OPTION_IGNORE_GIT,
	OPTION_NO_IGNORE_GIT,
	OPTION_IGNORE_UNSIGNED,
	OPTION_LOG_FINGERPRINTS,
	OPTION_BAR,
	OPTION_NO_BAR,
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct option alone[] = {
	OPTION_ENCRYPTION_KEY, OPTION_BAR, OPTION_NO_BAR, OPTION_JOBS, OPTION_JSON, OPTION_END,
};

#define TAKES_MODEL .operands = "MODEL", .min = 1, .max = 1, .hint = HINT_FILE, .library = true

/* one member of a group that signs, for one method */
#define SIGNS(variable, group, word, id, table, does)                                                                  \
	static const struct command variable = {                                                                       \
		.name = group " " word,                                                                                \
		.brief = "sign by " word,                                                                              \
		.about = "As coffer sign " word " signs.",                                                             \
		.options = table,                                                                                      \
		.shared = signing_too,                                                                                 \
		.method = COFFER_METHOD_##id,                                                                          \
		.run = does,                                                                                           \
		TAKES_MODEL,                                                                                           \
	}

/* one member of a group that verifies */
#define VERIFIES(variable, group, word, id, table, does)                                                               \
	static const struct command variable = {                                                                       \
		.name = group " " word,                                                                                \
		.brief = "verify by " word,                                                                            \
		.about = "As coffer verify " word " verifies.",                                                        \
		.options = table,                                                                                      \
		.shared = verifying_too,                                                                               \
		.method = COFFER_METHOD_##id,                                                                          \
		.run = does,                                                                                           \
		TAKES_MODEL,                                                                                           \
	}

SIGNS(se_sigstore, "sign+encrypt", "sigstore", SIGSTORE, options_sign_sigstore, run_sign_encrypt);
SIGNS(se_key, "sign+encrypt", "key", KEY, options_sign_key, run_sign_encrypt);
SIGNS(se_cert, "sign+encrypt", "certificate", CERTIFICATE, options_sign_certificate, run_sign_encrypt);
SIGNS(se_p11_key, "sign+encrypt", "pkcs11-key", PKCS11_KEY, options_sign_pkcs11_key, run_sign_encrypt);
SIGNS(se_p11_cert, "sign+encrypt", "pkcs11-certificate", PKCS11_CERTIFICATE, options_sign_pkcs11_certificate,
      run_sign_encrypt);

SIGNS(es_sigstore, "encrypt+sign", "sigstore", SIGSTORE, options_sign_sigstore, run_encrypt_sign);
SIGNS(es_key, "encrypt+sign", "key", KEY, options_sign_key, run_encrypt_sign);
SIGNS(es_cert, "encrypt+sign", "certificate", CERTIFICATE, options_sign_certificate, run_encrypt_sign);
SIGNS(es_p11_key, "encrypt+sign", "pkcs11-key", PKCS11_KEY, options_sign_pkcs11_key, run_encrypt_sign);
SIGNS(es_p11_cert, "encrypt+sign", "pkcs11-certificate", PKCS11_CERTIFICATE, options_sign_pkcs11_certificate,
      run_encrypt_sign);

VERIFIES(dv_sigstore, "decrypt+verify", "sigstore", SIGSTORE, options_trust_sigstore, run_decrypt_verify);
VERIFIES(dv_key, "decrypt+verify", "key", KEY, options_trust_key, run_decrypt_verify);
VERIFIES(dv_cert, "decrypt+verify", "certificate", CERTIFICATE, options_trust_certificate, run_decrypt_verify);

VERIFIES(vd_sigstore, "verify+decrypt", "sigstore", SIGSTORE, options_trust_sigstore, run_verify_decrypt);
VERIFIES(vd_key, "verify+decrypt", "key", KEY, options_trust_key, run_verify_decrypt);
VERIFIES(vd_cert, "verify+decrypt", "certificate", CERTIFICATE, options_trust_certificate, run_verify_decrypt);

static const struct command encrypt_aes = {
	.name = "encrypt aes-256",
	.brief = "seal a model in place",
	.about = "Replaces each file of MODEL by its sealed file, as coffer seal --in-place does.",
	.options = alone,
	.run = run_encrypt,
	TAKES_MODEL,
};

static const struct command decrypt_aes = {
	.name = "decrypt aes-256",
	.brief = "open a model in place",
	.about = "Replaces each sealed file of MODEL by its plain one. Files NAME.enc that IBM's program wrote are "
		 "opened, too, when their HMAC holds.",
	.options = alone,
	.run = run_decrypt,
	TAKES_MODEL,
};

static const struct command *const se_subs[] = {&se_sigstore, &se_key, &se_cert, &se_p11_key, &se_p11_cert, NULL};
static const struct command *const es_subs[] = {&es_sigstore, &es_key, &es_cert, &es_p11_key, &es_p11_cert, NULL};
static const struct command *const dv_subs[] = {&dv_sigstore, &dv_key, &dv_cert, NULL};
static const struct command *const vd_subs[] = {&vd_sigstore, &vd_key, &vd_cert, NULL};
static const struct command *const encrypt_subs[] = {&encrypt_aes, NULL};
static const struct command *const decrypt_subs[] = {&decrypt_aes, NULL};

static const struct example se_examples[] = {
	{"as IBM's README has it",
	 "coffer sign+encrypt key --private_key key.priv --encryption-key aes256.bin --signature m/model.sig m/"},
	{NULL, NULL},
};

static const struct example dv_examples[] = {
	{"as IBM's README has it",
	 "coffer decrypt+verify key --public_key key.pub --encryption-key aes256.bin --signature m/model.sig m/"},
	{NULL, NULL},
};

const struct command cmd_sign_encrypt = {
	.name = "sign+encrypt",
	.brief = "sign, then seal in place (IBM's command line)",
	.operands = "",
	.about =
		"Signs the plain files of MODEL, then replaces each by its sealed file; hidden files are left alone. "
		"The signature holds again when the model is open. Without a method it is sigstore.\n\n"
		"This is the command line of IBM's model-encryption; what it writes are sealed models of coffer. A new "
		"model is better sealed by coffer seal --sign, which reads it once and can be verified while closed.",
	.options = options_none,
	.shared = signing_too,
	.examples = se_examples,
	.subs = se_subs,
	.fallback = &se_sigstore,
};

const struct command cmd_decrypt_verify = {
	.name = "decrypt+verify",
	.brief = "open in place, then verify (IBM's command line)",
	.operands = "",
	.about = "Opens MODEL in place, if it is sealed or has .enc files of IBM's program, then verifies its "
		 "signature. A second run finds nothing to open and verifies alone. Without a method it is sigstore; "
		 "where identity or provider are not as expected, the answer says which they are.",
	.options = options_none,
	.shared = verifying_too,
	.examples = dv_examples,
	.subs = dv_subs,
	.fallback = &dv_sigstore,
};

const struct command cmd_encrypt_sign = {
	.name = "encrypt+sign",
	.brief = "seal in place, then sign (IBM's command line)",
	.operands = "",
	.about = "Replaces each file of MODEL by its sealed file, then signs the sealed files. Without a method it is "
		 "sigstore.",
	.options = options_none,
	.shared = signing_too,
	.subs = es_subs,
	.fallback = &es_sigstore,
};

const struct command cmd_verify_decrypt = {
	.name = "verify+decrypt",
	.brief = "verify, then open in place (IBM's command line)",
	.operands = "",
	.about =
		"Verifies the signature of the sealed files of MODEL, or of the .enc files of IBM's program, and opens "
		"them in place only when it holds. Without a method it is sigstore.",
	.options = options_none,
	.shared = verifying_too,
	.subs = vd_subs,
	.fallback = &vd_sigstore,
};

const struct command cmd_encrypt = {
	.name = "encrypt",
	.brief = "seal in place (IBM's command line)",
	.operands = "",
	.about = "As coffer seal --in-place. Its one method is aes-256.",
	.options = options_none,
	.subs = encrypt_subs,
	.fallback = &encrypt_aes,
};

const struct command cmd_decrypt = {
	.name = "decrypt",
	.brief = "open in place (IBM's command line)",
	.operands = "",
	.about = "As coffer open --in-place, and for the .enc files of IBM's program. Its one method is aes-256.",
	.options = options_none,
	.subs = decrypt_subs,
	.fallback = &decrypt_aes,
};
