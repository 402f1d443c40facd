/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

static const char *provider, *environment, *role, *scope, *member;
static struct words models;
static bool apply;

static const struct option options[] = {
	{.name = "provider",
	 .value = "NAME",
	 .text = &provider,
	 .hint = HINT_WORDS,
	 .words = "hashivault awskms gcpkms azurekms",
	 .help = "the key service: hashivault, awskms, gcpkms or azurekms"},
	{.name = "environment", .value = "E", .text = &environment, .help = "the environment whose keys it is about"},
	{.name = "role",
	 .value = "ROLE",
	 .text = &role,
	 .hint = HINT_WORDS,
	 .words = "publisher loader rotator auditor",
	 .help = "publisher: wraps when it seals; loader: unwraps when it opens; rotator: makes new versions and "
		 "rewraps; auditor: sees keys and their age"},
	{.name = "model",
	 .value = "NAME",
	 .list = &models,
	 .help = "the keys of this model alone; may be repeated. The default is every model of the environment"},
	{.name = "scope",
	 .value = "PLACE",
	 .text = &scope,
	 .help = "where the keys are. hashivault: the mount (transit); awskms: ACCOUNT or REGION/ACCOUNT; gcpkms: "
		 "projects/P/locations/L/keyRings/R; azurekms: the resource id of the vault, /subscriptions/..."},
	{.name = "member",
	 .value = "WHO",
	 .text = &member,
	 .help = "who gets the role, for gcpkms: serviceAccount:NAME@PROJECT.iam.gserviceaccount.com"},
	{.name = "apply",
	 .flag = &apply,
	 .help = "install it in Vault as coffer-ENVIRONMENT-ROLE, in place of what is called so there"},
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"what a GPU server of production may do, in Vault",
	 "coffer key policy --provider hashivault --environment production --role loader"},
	{"install it there", "coffer key policy --provider hashivault --environment production --role loader --apply"},
	{"an IAM policy for who seals for staging", "coffer key policy --provider awskms --environment staging --role "
						    "publisher --scope eu-central-1/111122223333"},
	{NULL, NULL},
};

static enum coffer_role
role_of(const char *name)
{
	static const struct {
		const char *name;
		enum coffer_role role;
	} roles[] = {{"publisher", COFFER_ROLE_PUBLISHER},
		     {"loader", COFFER_ROLE_LOADER},
		     {"rotator", COFFER_ROLE_ROTATOR},
		     {"auditor", COFFER_ROLE_AUDITOR}};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].role;
	return 0;
}

/* The answer: @text, or under @key in a document that also says what was asked. */
static coffer_err
answer(struct fault *f, const char *key, const char *text)
{
	struct json_out j;

	if (!common.json)
		return out_text(f, text);
	out_json_begin(&j, f);
	json_out_str(&j, "provider", provider);
	json_out_str(&j, "environment", environment);
	json_out_str(&j, "role", role);
	json_out_str(&j, key, text);
	return out_json_end(&j);
}

static coffer_err
install(struct fault *f, struct coffer_ctx *ctx, const struct coffer_policy_options *opt)
{
	char *name = NULL;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_policy_apply(ctx, opt, &name)));
	term_say("installed the policy %s; give it to a login, as «vault write auth/approle/role/NAME "
		 "token_policies=%s»",
		 name, name);
	TRY(answer(f, "installed", name));
	if (!common.json)
		TRY(out_text(f, "\n"));
out:
	free(name);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_policy_options opt = {
		.version_1 = 1, .provider = provider, .environment = environment, .scope = scope, .member = member};
	char *text = NULL;
	coffer_err err;

	(void)operands;
	if (!provider || !environment || !role)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "a policy needs to know what for; give --provider, --environment and --role"));
	opt.role = role_of(role);
	opt.models = models.v;
	opt.n_models = models.n;
	if (apply) {
		TRY(install(f, ctx, &opt));
	} else {
		TRY(library_fault(f, ctx, coffer_policy_text(ctx, &opt, &text)));
		TRY(answer(f, "policy", text));
	}
out:
	free(text);
	free(models.v);
	return err;
}

const struct command cmd_key_policy = {
	.name = "key policy",
	.brief = "print who may do what with the keys of an environment",
	.operands = "",
	.about = "Prints the least that a role needs of a key service, in the form that the service's own tools take: "
		 "an ACL policy of Vault (vault policy write), an IAM policy of AWS, a custom role and an IAM policy "
		 "of Google, a role definition and its assignments of Azure. Other environments are denied.\n\n"
		 "Keys are named after their models: alias/model/ENVIRONMENT/NAME in AWS KMS, model-ENVIRONMENT-NAME "
		 "elsewhere, so that --kek hashivault://model-{environment}-{name} names the right one for each. A "
		 "vault of Azure holds the keys of one environment, unless --model names them.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
