/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/sign_path.h"
#include "cli/sign_run.h"
#include "cli/term.h"

/* ---- a model ---- */

static const struct option shared[] = {
	OPTION_SIGNATURE("where the signature goes; the default is model.sig here, and for a sealed folder coffer.sig "
			 "in it"),
	OPTION_IGNORE_PATHS,
	OPTION_IGNORE_GIT,
	OPTION_NO_IGNORE_GIT,
	OPTION_ALLOW_SYMLINKS("sign what symbolic links within MODEL lead to; without it a link is refused"),
	OPTION_SERIALIZATION,
	OPTION_SHARD_SIZE,
	OPTION_HASH,
	{.name = "reuse",
	 .value = "OLD",
	 .text = &signing.reuse,
	 .hint = HINT_FILE,
	 .help = "an older signature of MODEL: files that did not change since, by the file system's word, are not "
		 "read again; a copy of it must keep its time (cp -p)"},
	{.name = "reuse-key",
	 .value = "FILE",
	 .text = &signing.reuse_key,
	 .hint = HINT_FILE,
	 .help = "the public key that must have made OLD; without it and --reuse-chain: whom the trust store binds "
		 "MODEL to"},
	{.name = "reuse-chain",
	 .value = "FILE",
	 .list = &signing.reuse_chain,
	 .hint = HINT_FILE,
	 .help = "or the roots that its certificate must lead to; may be repeated"},
	OPTION_TSA_URL,
	OPTION_FORCE("replace a signature that exists"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static coffer_err
run_model(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_signer *signer = NULL;
	coffer_err err;

	TRY(signing_signer(f, ctx, common.command->method, &signer));
	TRY(sign_run(f, ctx, operands->v[0], signer));
out:
	coffer_signer_free(&signer);
	return err;
}

#define SIGNS_MODEL                                                                                                    \
	.operands = "MODEL", .min = 1, .max = 1, .hint = HINT_FILE, .shared = shared, .run = run_model, .library = true

static const struct command key = {
	.name = "sign key",
	.brief = "sign a model with a private key",
	.about = "Signs MODEL with an EC key in a PEM file. coffer keygen --kind p256 -o FILE makes one.",
	.options = options_sign_key,
	.method = COFFER_METHOD_KEY,
	SIGNS_MODEL,
};

static const struct command certificate = {
	.name = "sign certificate",
	.brief = "sign a model with a key that has a certificate",
	.about = "Signs MODEL with an EC key in a PEM file. The certificate must be for signing code and valid now; it "
		 "goes into the signature with its chain, but for the root, which those who verify have.",
	.options = options_sign_certificate,
	.method = COFFER_METHOD_CERTIFICATE,
	SIGNS_MODEL,
};

static const struct command pkcs11_key = {
	.name = "sign pkcs11-key",
	.brief = "sign a model with a key in a token or HSM",
	.about = "Signs MODEL with an EC key that stays in a PKCS #11 token. It is verified as a key.",
	.options = options_sign_pkcs11_key,
	.method = COFFER_METHOD_PKCS11_KEY,
	SIGNS_MODEL,
};

static const struct command pkcs11_certificate = {
	.name = "sign pkcs11-certificate",
	.brief = "sign a model with a certified key in a token or HSM",
	.about = "The same, with the certificate of the key. It is verified as a certificate.",
	.options = options_sign_pkcs11_certificate,
	.method = COFFER_METHOD_PKCS11_CERTIFICATE,
	SIGNS_MODEL,
};

static const struct command sigstore = {
	.name = "sign sigstore",
	.brief = "sign a model as somebody, with Sigstore",
	.about = "Signs MODEL with a key that lives for this one signature, for the identity that a token vouches for: "
		 "Fulcio certifies it, Rekor logs it, a timestamp authority dates it. With Rekor v1 the names and "
		 "hashes of all files become public. This is what coffer sign MODEL does, too.",
	.options = options_sign_sigstore,
	.method = COFFER_METHOD_SIGSTORE,
	SIGNS_MODEL,
};

/* ---- one file, without a bundle ---- */

static coffer_err
print_file(struct fault *f, const char *file, const char *signature)
{
	struct json_out j;

	if (!common.json)
		return COFFER_OK;
	out_json_begin(&j, f);
	json_out_str(&j, "file", file);
	json_out_str(&j, "signature", signature);
	return out_json_end(&j);
}

static coffer_err
run_detached(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_signer_options options;
	char *signature = NULL;
	coffer_err err;

	TRY(signing_signer_options(f, COFFER_METHOD_KEY, &options));
	TRY(signing_path_of_file(f, operands->v[0], ".sig", &signature));
	TRY(library_fault(f, ctx, coffer_sign_file(ctx, operands->v[0], signature, &options, common.force)));
	term_say("signed %s → %s", operands->v[0], signature);
	TRY(print_file(f, operands->v[0], signature));
out:
	free(signature);
	return err;
}

static const struct option detached_options[] = {
	OPTION_PRIVATE_KEY("the private key, in PEM: EC or RSA"),
	OPTION_PASSPHRASE_FILE,
	OPTION_PASSWORD,
	OPTION_SIGNATURE("where the signature goes; the default is FILE.sig"),
	OPTION_FORCE("replace a signature that exists"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command detached = {
	.name = "sign detached",
	.brief = "sign one file as openssl dgst does",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Signs the bytes of FILE and nothing else: what openssl dgst -sha256 -sign writes, for EC and RSA "
		 "keys.",
	.options = detached_options,
	.run = run_detached,
	.library = true,
};

static coffer_err
run_hmac(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *kek = NULL;
	char *tag = NULL;
	coffer_err err;

	TRY(library_one_key(f, &kek));
	TRY(signing_path_of_file(f, operands->v[0], ".hmac", &tag));
	TRY(library_fault(f, ctx, coffer_hmac_file(ctx, operands->v[0], tag, kek, common.force)));
	term_say("tagged %s → %s", operands->v[0], tag);
	TRY(print_file(f, operands->v[0], tag));
out:
	free(tag);
	return err;
}

static const struct option hmac_options[] = {
	OPTION_KEK("the secret that both sides have: file:PATH or keyring:NAME of an aes key; use it for nothing else"),
	OPTION_SIGNATURE("where the tag goes; the default is FILE.hmac"),
	OPTION_FORCE("replace a tag that exists"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command hmac = {
	.name = "sign hmac",
	.brief = "tag one file for those who have the same key",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Writes the HMAC-SHA256 of FILE, as openssl dgst -sha256 -mac HMAC prints it. Whoever can check a tag "
		 "can make one: it proves nothing to others.",
	.options = hmac_options,
	.run = run_hmac,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&key,	&certificate, &pkcs11_key, &pkcs11_certificate,
					     &sigstore, &detached,    &hmac,	   NULL};

static const struct example examples[] = {
	{"make a key pair, and sign",
	 "coffer keygen --kind p256 -o sign.key && coffer sign key --private-key sign.key llama/"},
	{"the signature beside the files", "coffer sign key --private-key sign.key --signature llama/model.sig llama/"},
	{"with a key in an HSM", "coffer sign pkcs11-key --pkcs11-uri 'pkcs11:token=T;object=O?module-name=M' llama/"},
	{"as somebody, with a token of one's identity provider", "coffer sign llama/ --identity-token env:TOKEN"},
	{NULL, NULL},
};

const struct command cmd_sign = {
	.name = "sign",
	.brief = "sign a model, or one file",
	.operands = "[METHOD] MODEL",
	.about = "Signs all files of MODEL, a folder or a file, with one signature file: an OpenSSF Model Signing "
		 "bundle, which model_signing verifies, too. Hidden files are signed; what git keeps at the top is "
		 "left out. Options are those of model_signing, with hyphens or underscores, and some more.\n\n"
		 "A sealed model is signed as the sealed files that it consists of, without its coffer.json, which may "
		 "change. Without METHOD it is sigstore.",
	.options = options_none,
	.shared = shared,
	.examples = examples,
	.subs = subs,
	.fallback = &sigstore,
};
