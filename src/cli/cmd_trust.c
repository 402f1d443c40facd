/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coffer/trust.h>

#include "base/utc.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/term.h"

/* The values of the options that only these commands have; a process runs one. */
static const char *mirror, *root;

static const char *
method_name(enum coffer_method method)
{
	return method == COFFER_METHOD_KEY ? "key" : method == COFFER_METHOD_CERTIFICATE ? "certificate" : "sigstore";
}

static void
binding_json(struct json_out *j, const char *key, const struct coffer_binding *b)
{
	json_out_begin(j, key, JSON_OBJECT);
	json_out_str(j, "model", b->model);
	json_out_str(j, "method", method_name(b->method));
	json_out_str(j, "who", b->who);
	json_out_str(j, "path", b->path);
	json_out_bool(j, "administrator", b->is_system);
	json_out_bool(j, "overruled", b->is_overruled);
	json_out_end(j);
}

/* ---- list ---- */

static void
root_json(struct json_out *j, const struct coffer_trusted_root *r)
{
	if (!r) {
		json_out_str(j, "trusted_root", NULL);
		return;
	}
	json_out_begin(j, "trusted_root", JSON_OBJECT);
	json_out_str(j, "path", r->path);
	json_out_str(j, "mirror", r->mirror);
	json_out_bool(j, "administrator", r->is_system);
	json_out_uint(j, "authorities", r->n_authorities);
	json_out_uint(j, "logs", r->n_logs);
	json_out_uint(j, "certificate_logs", r->n_certificate_logs);
	json_out_uint(j, "timestamp_authorities", r->n_timestamp_authorities);
	json_out_str(j, "signing_config", r->signing_config);
	json_out_end(j);
}

static coffer_err
list_json(struct fault *f, const struct coffer_binding *list, size_t n, const struct coffer_trusted_root *r)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_begin(&j, "bindings", JSON_ARRAY);
	for (size_t i = 0; i < n; i++)
		binding_json(&j, NULL, &list[i]);
	json_out_end(&j);
	root_json(&j, r);
	return out_json_end(&j);
}

static const char *
remark(const struct coffer_binding *b)
{
	return b->is_overruled ? ", without effect: the administrator has spoken about it"
	       : b->is_system  ? ", by the administrator"
			       : "";
}

static coffer_err
put_binding(struct fault *f, struct buf *out, const struct coffer_binding *b)
{
	coffer_err err;

	TRY(buf_printf(f, out, "%-24s %-11s ", b->model, method_name(b->method)));
	TRY(buf_str(f, out, b->who));
	TRY(buf_str(f, out, remark(b)));
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}

static coffer_err
list_text(struct fault *f, const struct coffer_binding *list, size_t n)
{
	struct buf out = BUF_INIT((size_t)1 << 30);
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++)
		TRY(put_binding(f, &out, &list[i]));
	TRY(out_buf(f, &out));
out:
	buf_free(&out);
	return err;
}

static void
say_root(const struct coffer_trusted_root *r)
{
	if (!r) {
		term_say(
			"no trusted root of Sigstore was imported; «coffer trust update» and «coffer trust import» do");
		return;
	}
	term_say("Sigstore is believed as %s says (authorities: %zu, logs: %zu, timestamp authorities: %zu), %s%s",
		 r->path, r->n_authorities, r->n_logs, r->n_timestamp_authorities,
		 r->mirror ? "fetched from " : "imported from a file", r->mirror ? r->mirror : "");
}

/* NULL when there is none */
static coffer_err
get_root(struct fault *f, struct coffer_ctx *ctx, struct coffer_trusted_root **out)
{
	coffer_err err = coffer_trust_root(ctx, out);

	return err == COFFER_E_NOTFOUND ? COFFER_OK : library_fault(f, ctx, err);
}

static coffer_err
run_list(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_trusted_root *r = NULL;
	struct coffer_binding *list = NULL;
	size_t n = 0;
	coffer_err err;

	(void)operands;
	TRY(library_fault(f, ctx, coffer_trust_list(ctx, &list, &n)));
	TRY(get_root(f, ctx, &r));
	TRY(common.json ? list_json(f, list, n, r) : list_text(f, list, n));
	if (n == 0)
		term_say("the trust store is empty; «coffer trust add» binds a model to its publisher");
	say_root(r);
out:
	coffer_trust_list_free(&list, n);
	coffer_trusted_root_free(&r);
	return err;
}

static const struct command list = {
	.name = "trust list",
	.brief = "list whose signatures are believed",
	.operands = "",
	.about = "Prints model, method and signer of each binding of the trust store, and says where Sigstore's "
		 "trusted root is from. The administrator's bindings, of /etc/coffer/trust.d, come first.",
	.options = options_json,
	.run = run_list,
	.library = true,
};

/* ---- show ---- */

static coffer_err
show_text(struct fault *f, const char *model, const struct coffer_binding *b)
{
	const struct {
		const char *name, *value;
	} lines[] = {
		{"model", model},   {"bound as", b->model}, {"method", method_name(b->method)},
		{"signer", b->who}, {"said by", b->path},
	};
	struct buf out = BUF_INIT(1 << 20);
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		TRY(buf_printf(f, &out, "%-9s ", lines[i].name));
		TRY(buf_str(f, &out, lines[i].value));
		TRY(buf_str(f, &out, "\n"));
	}
	TRY(out_buf(f, &out));
out:
	buf_free(&out);
	return err;
}

static coffer_err
run_show(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_binding *b = NULL;
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	TRY(library_fault(f, ctx, coffer_trust_show(ctx, operands->v[0], &b)));
	if (common.json) {
		binding_json(&j, NULL, b);
		TRY(out_json(f, &j));
	} else {
		TRY(show_text(f, operands->v[0], b));
	}
out:
	json_out_free(&j);
	coffer_trust_list_free(&b, 1);
	return err;
}

static const struct command show = {
	.name = "trust show",
	.brief = "show who must have signed a model",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.about = "Prints the one binding of the trust store that decides about the model called NAME, and the file "
		 "that says so.",
	.options = options_json,
	.run = run_show,
	.library = true,
};

/* ---- add ---- */

static coffer_err
run_add(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_trust_options options;
	struct coffer_binding *b = NULL;
	enum coffer_method method;
	bool is_given;
	coffer_err err;

	TRY(signing_method(f, &method, &is_given));
	if (!is_given)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "say whose signature is believed: --public-key FILE, --certificate-chain FILE, or "
			      "--identity NAME with --identity-provider URL"));
	options = signing_trust_options(method);
	TRY(library_fault(f, ctx, coffer_trust_add(ctx, operands->v[0], &options)));
	TRY(library_fault(f, ctx, coffer_trust_show(ctx, operands->v[0], &b)));
	term_say("bound %s to %s; nobody else's signature of it is believed from now on", operands->v[0], b->who);
out:
	coffer_trust_list_free(&b, 1);
	return err;
}

static const struct option add_options[] = {
	OPTION_PUBLIC_KEY("the publisher's public key, in PEM"),
	OPTION_CERTIFICATE_CHAIN("the root, and certificates that lead to it, that the publisher's certificate must "
				 "come from, in PEM; may be repeated"),
	OPTION_TSA_CHAIN("likewise of a timestamp authority; with a timestamp a signature outlives its certificate"),
	OPTION_IDENTITY("the mail address or URI that a Sigstore certificate must name, exactly"),
	OPTION_IDENTITY_PROVIDER("who must have vouched for it, exactly"),
	OPTION_TRUSTED_ROOT(
		"the trusted_root.json of another Sigstore; the default is the imported one, whatever it will be then"),
	OPTION_END,
};

static const struct example add_examples[] = {
	{"a publisher's key", "coffer trust add llama --public-key acme.pub"},
	{"a company's certificates, for all its models", "coffer trust add '*' --certificate-chain corp-ca.pem"},
	{"an identity, by Sigstore", "coffer trust add granite --identity Granite.Preview@ibm.com --identity-provider "
				     "https://sigstore.verify.ibm.com/oauth2"},
	{NULL, NULL},
};

static const struct command add = {
	.name = "trust add",
	.brief = "bind a model's name to its publisher's signature",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.about = "From then on verify and open believe this signer's signature of the model called NAME and no "
		 "other, without being told. The name * stands for every model that no other binding names. Keys and "
		 "certificates are copied into the trust store, so that the files may go.",
	.options = add_options,
	.examples = add_examples,
	.run = run_add,
	.library = true,
};

/* ---- remove ---- */

static coffer_err
run_remove(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *name = operands->v[0];
	char question[400];
	coffer_err err;

	(void)snprintf(question, sizeof(question), "Believe other signatures of %.256s from now on?", name);
	if (!common.yes && !term_confirm(question))
		TRY(fault_set(f, COFFER_E_OTHER, "the binding of %s was not removed; --yes removes it without asking",
			      name));
	TRY(library_fault(f, ctx, coffer_trust_remove(ctx, name)));
	term_say("removed the binding of %s", name);
out:
	return err;
}

static const struct option remove_options[] = {
	OPTION_YES,
	OPTION_END,
};

static const struct command remove_binding = {
	.name = "trust remove",
	.brief = "remove a binding from the trust store",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.about =
		"Removes your binding of the model called NAME; on a terminal it asks first. The administrator's stay.",
	.options = remove_options,
	.run = run_remove,
	.library = true,
};

/* ---- import ---- */

static coffer_err
run_import(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_trust_import(ctx, operands->v[0])));
	term_say("imported %s; «coffer trust list» says what is believed now", operands->v[0]);
out:
	return err;
}

static const struct command import = {
	.name = "trust import",
	.brief = "import Sigstore's trusted root from a file",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Keeps a trusted_root.json, a signing config, or a ClientTrustConfig, which is both in one. It must "
		 "come from a source that you trust: whoever wrote it decides whose signatures hold. The sigstore "
		 "package on PyPI has the one of the public instance.",
	.options = options_none,
	.run = run_import,
	.library = true,
};

/* ---- update ---- */

static coffer_err
update_json(struct fault *f, const struct coffer_trust_update_stats *stats, const char *expires)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_str(&j, "mirror", stats->mirror);
	json_out_uint(&j, "root_version", stats->root_version);
	json_out_uint(&j, "timestamp_version", stats->timestamp_version);
	json_out_uint(&j, "snapshot_version", stats->snapshot_version);
	json_out_uint(&j, "targets_version", stats->targets_version);
	json_out_str(&j, "expires", expires);
	json_out_bool(&j, "signing_config", stats->has_signing_config);
	return out_json_end(&j);
}

static coffer_err
run_update(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct coffer_trust_update_options options = {.version_1 = 1, .mirror = mirror, .root = root};
	struct coffer_trust_update_stats stats;
	char expires[UTC_LEN + 1];
	coffer_err err;

	(void)operands;
	TRY(library_fault(f, ctx, coffer_trust_update(ctx, &options, &stats)));
	(void)utc_text(stats.expires, expires);
	if (common.json)
		TRY(update_json(f, &stats, expires));
	term_say("fetched the trusted root of %s: root %llu, timestamp %llu, targets %llu, all signed as they must be; "
		 "they hold until %s",
		 stats.mirror, (unsigned long long)stats.root_version, (unsigned long long)stats.timestamp_version,
		 (unsigned long long)stats.targets_version, expires);
out:
	return err;
}

static const struct option update_options[] = {
	{.name = "mirror",
	 .value = "URL",
	 .text = &mirror,
	 .help = "the address of the repository; the default is the one of the last update, else " COFFER_TRUST_MIRROR},
	{.name = "root",
	 .value = "FILE",
	 .text = &root,
	 .hint = HINT_FILE,
	 .help = "its root.json, from a source that you trust; needed the first time"},
	OPTION_JSON,
	OPTION_END,
};

static const struct command update = {
	.name = "trust update",
	.brief = "fetch Sigstore's trusted root by The Update Framework",
	.operands = "",
	.about = "Fetches the trusted root and the signing config from a mirror that need not be trusted: what it says "
		 "must be signed by the keys of a root.json that you gave the first time, or of one that those keys "
		 "signed since, must not have expired, and never goes back.",
	.options = update_options,
	.run = run_update,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&list, &show, &add, &remove_binding, &import, &update, NULL};

static const struct example examples[] = {
	{"whose signatures are believed?", "coffer trust list"},
	{"only ACME's key signs llama", "coffer trust add llama --public-key acme.pub"},
	{"believe what the public Sigstore believes", "coffer trust import trusted_root.json"},
	{NULL, NULL},
};

const struct command cmd_trust = {
	.name = "trust",
	.brief = "say whose signatures of which models are believed",
	.operands = "",
	.about = "Works on the trust store, which binds models to their publishers, and on Sigstore's trusted root.",
	.options = options_none,
	.examples = examples,
	.subs = subs,
};
