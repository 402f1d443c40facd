/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All values that go into a text have few letters, none of which means anything in HCL, JSON or CEL: they are checked first.
 */
#include "key/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "key/template.h"
#include "key/uri.h"
#include "key/vault_uri.h"
#include "net/aws_endpoint.h"

#define GCP_OPERATORS 12 /* logical ones in a condition (IAM, Quotas and limits) */
#define GCP_BINDINGS 20	 /* of one role to one member with different conditions (likewise) */
#define GCP_MODELS ((GCP_OPERATORS + 1) / 2)

static const char *const role_names[] = {
	[COFFER_ROLE_PUBLISHER] = "publisher",
	[COFFER_ROLE_LOADER] = "loader",
	[COFFER_ROLE_ROTATOR] = "rotator",
	[COFFER_ROLE_AUDITOR] = "auditor",
};

const char *
policy_role_name(enum coffer_role role)
{
	return role >= COFFER_ROLE_PUBLISHER && role <= COFFER_ROLE_AUDITOR ? role_names[role] : NULL;
}

/* ---- what lists have in common ---- */

/* What stands between the elements of a list, as the writer of element @i. */
static const char *
comma(size_t i)
{
	return i > 0 ? "," : "";
}

/* Vault, Google and Azure: model-ENVIRONMENT-NAME; without @model its beginning */
static coffer_err
add_key_name(struct fault *f, struct buf *out, const struct coffer_policy_options *o, const char *model)
{
	return buf_printf(f, out, "model-%s-%s", o->environment, model ? model : "");
}

/* ---- HashiCorp Vault and OpenBao: Transit ---- */

/* what a role does, as the path after the mount and before the key's name */
struct vault_grant {
	enum coffer_role role;
	const char *operation, *capability;
	const char *after; /* the key's name; such a path needs a whole name */
};

static const struct vault_grant vault_grants[] = {
	{COFFER_ROLE_PUBLISHER, "encrypt", "update", NULL}, {COFFER_ROLE_PUBLISHER, "keys", "read", NULL},
	{COFFER_ROLE_LOADER, "decrypt", "update", NULL},    {COFFER_ROLE_ROTATOR, "rewrap", "update", NULL},
	{COFFER_ROLE_ROTATOR, "keys", "read", NULL},	    {COFFER_ROLE_ROTATOR, "keys", "update", "/rotate"},
	{COFFER_ROLE_AUDITOR, "keys", "read", NULL},
};

static coffer_err
vault_path(struct fault *f, struct buf *out, const char *mount, const struct vault_grant *g, const char *key,
	   const char *capability)
{
	return buf_printf(f, out, "path \"%s/%s/%s%s\" {\n  capabilities = [\"%s\"]\n}\n", mount, g->operation, key,
			  g->after ? g->after : "", capability);
}

static coffer_err
vault_grant(struct fault *f, struct buf *out, const struct coffer_policy_options *o, const char *mount,
	    const struct vault_grant *g)
{
	struct buf key = BUF_INIT(LIMIT_KEY_URI);
	coffer_err err = COFFER_OK;

	if (o->n_models == 0 && g->after)
		return buf_printf(f, out,
				  "# Rotating needs the whole name of a key: name the models with --model, or let who "
				  "administers Vault rotate.\n");
	for (size_t i = 0; i < o->n_models || (i == 0 && o->n_models == 0); i++) {
		key.len = 0;
		TRY(add_key_name(f, &key, o, o->n_models ? o->models[i] : NULL));
		TRY(buf_add(f, &key, o->n_models ? "" : "*", o->n_models ? 1 : 2));
		TRY(vault_path(f, out, mount, g, (const char *)key.p, g->capability));
	}
out:
	buf_free(&key);
	return err;
}

/*
 * By Vault's rules the longer path wins over the shorter, so what is allowed above stays allowed, and what another policy of the same
 * token allows for all keys of the mount does not.  A path with «+» loses against one without, hence all in full.
 */
static coffer_err
vault_deny_others(struct fault *f, struct buf *out, const char *mount)
{
	static const char *const operations[] = {
		"encrypt",
		"decrypt",
		"rewrap",
		"datakey/plaintext",
		"datakey/wrapped",
		"keys",
		"export/encryption-key",
		"export/signing-key",
		"export/hmac-key",
		"export/public-key",
		"backup",
		"restore",
		"hmac",
		"cmac",
		"sign",
	};
	coffer_err err;

	TRY(buf_str(f, out, "# All other models, those of other environments among them.\n"));
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct vault_grant g = {.operation = operations[i]};

		TRY(vault_path(f, out, mount, &g, "model-*", "deny"));
	}
out:
	return err;
}

static coffer_err
vault_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out)
{
	const char *mount = o->scope ? o->scope : "transit";
	coffer_err err;

	TRY(buf_printf(f, out,
		       "# coffer: %s of %s, Transit at %s/.  Keys are called model-%s-NAME:\n"
		       "#   --kek 'hashivault://model-{environment}-{name}%s%s'\n",
		       policy_role_name(o->role), o->environment, mount, o->environment, o->scope ? "?mount=" : "",
		       o->scope ? o->scope : ""));
	for (size_t i = 0; i < sizeof(vault_grants) / sizeof(vault_grants[0]); i++)
		if (vault_grants[i].role == o->role)
			TRY(vault_grant(f, out, o, mount, &vault_grants[i]));
	TRY(vault_deny_others(f, out, mount));
	/* as the token of every client may, but one that was made with no_default_policy */
	TRY(buf_str(f, out,
		    "path \"auth/token/lookup-self\" {\n  capabilities = [\"read\"]\n}\n"
		    "path \"auth/token/renew-self\" {\n  capabilities = [\"update\"]\n}\n"));
out:
	return err;
}

/* ---- AWS KMS: an IAM policy ---- */

static const char *const aws_actions[] = {
	[COFFER_ROLE_PUBLISHER] = "\"kms:Encrypt\"",
	[COFFER_ROLE_LOADER] = "\"kms:Decrypt\"",
	[COFFER_ROLE_ROTATOR] = "\"kms:ReEncryptFrom\", \"kms:ReEncryptTo\"",
	[COFFER_ROLE_AUDITOR] = NULL,
};

/* what uses no key, and so has no context */
static const char *const aws_views[] = {
	[COFFER_ROLE_PUBLISHER] = NULL,
	[COFFER_ROLE_LOADER] = NULL,
	[COFFER_ROLE_ROTATOR] = "\"kms:DescribeKey\", \"kms:ListKeyRotations\", \"kms:RotateKeyOnDemand\"",
	[COFFER_ROLE_AUDITOR] = "\"kms:DescribeKey\", \"kms:ListKeyRotations\"",
};

static coffer_err
aws_resource(struct fault *f, struct buf *out, const struct coffer_policy_options *o)
{
	const char *slash = o->scope ? strchr(o->scope, '/') : NULL;
	char region[AWS_REGION_MAX + 1] = "*";

	if (slash)
		(void)snprintf(region, sizeof(region), "%.*s", (int)(slash - o->scope), o->scope);
	return buf_printf(f, out, "      \"Resource\": \"arn:%s:kms:%s:%s:key/*\",\n", aws_partition(region), region,
			  slash	     ? slash + 1
			  : o->scope ? o->scope
				     : "*");
}

static coffer_err
aws_aliases(struct fault *f, struct buf *out, const struct coffer_policy_options *o)
{
	coffer_err err;

	TRY(buf_str(f, out, "        \"ForAnyValue:StringLike\": { \"kms:ResourceAliases\": ["));
	for (size_t i = 0; i < o->n_models || (i == 0 && o->n_models == 0); i++)
		TRY(buf_printf(f, out, "%s\"alias/model/%s/%s\"", comma(i), o->environment,
			       o->n_models ? o->models[i] : "*"));
	TRY(buf_str(f, out, "] }"));
out:
	return err;
}

static coffer_err
aws_allow(struct fault *f, struct buf *out, const struct coffer_policy_options *o, const char *id, const char *actions,
	  bool has_context)
{
	coffer_err err;

	TRY(buf_printf(f, out, "    {\n      \"Sid\": \"%s\",\n      \"Effect\": \"Allow\",\n      \"Action\": [%s],\n",
		       id, actions));
	TRY(aws_resource(f, out, o));
	TRY(buf_str(f, out, "      \"Condition\": {\n"));
	TRY(aws_aliases(f, out, o));
	if (has_context)
		TRY(buf_printf(f, out, ",\n        \"StringEquals\": { \"kms:EncryptionContext:environment\": \"%s\" }",
			       o->environment));
	TRY(buf_str(f, out, "\n      }\n    },\n"));
out:
	return err;
}

static coffer_err
aws_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out)
{
	coffer_err err;

	TRY(buf_str(f, out, "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n"));
	if (aws_actions[o->role])
		TRY(aws_allow(f, out, o, "UseKeys", aws_actions[o->role], true));
	if (aws_views[o->role])
		TRY(aws_allow(f, out, o, "SeeKeys", aws_views[o->role], false));
	/*
	 * What is denied is what coffer would ask, by its context, of which each has a «model_id»: a role that reads buckets
	 * encrypted with KMS, too, still does.  StringNotEquals holds where there is no environment at all.
	 */
	TRY(buf_printf(f, out,
		       "    {\n      \"Sid\": \"DenyOtherEnvironments\",\n      \"Effect\": \"Deny\",\n"
		       "      \"Action\": [\"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", "
		       "\"kms:GenerateDataKey*\"],\n"
		       "      \"Resource\": \"*\",\n      \"Condition\": {\n"
		       "        \"ForAnyValue:StringEquals\": { \"kms:EncryptionContextKeys\": \"model_id\" },\n"
		       "        \"StringNotEquals\": { \"kms:EncryptionContext:environment\": \"%s\" }\n"
		       "      }\n    }\n  ]\n}\n",
		       o->environment));
out:
	return err;
}

/* ---- Google Cloud KMS: a role of the project's own, and a policy that binds it under a condition ---- */

/*
 * Google has no rewrapping inside the service: it takes both.  A new version is looked at until it is made (an HSM takes a while), and
 * then made the primary one, which is an update of the key.
 */
static const char *const gcp_permissions[] = {
	[COFFER_ROLE_PUBLISHER] = "\"cloudkms.cryptoKeyVersions.useToEncrypt\"",
	[COFFER_ROLE_LOADER] = "\"cloudkms.cryptoKeyVersions.useToDecrypt\"",
	[COFFER_ROLE_ROTATOR] = "\"cloudkms.cryptoKeyVersions.useToEncrypt\", "
				"\"cloudkms.cryptoKeyVersions.useToDecrypt\", \"cloudkms.cryptoKeys.get\", "
				"\"cloudkms.cryptoKeys.update\", \"cloudkms.cryptoKeyVersions.create\", "
				"\"cloudkms.cryptoKeyVersions.get\"",
	[COFFER_ROLE_AUDITOR] = "\"cloudkms.cryptoKeys.get\", \"cloudkms.cryptoKeyVersions.get\"",
};

/* A whole name is that of the key or what is below it; the beginning of names ends with a hyphen. */
static coffer_err
gcp_condition(struct fault *f, struct buf *out, const struct coffer_policy_options *o, size_t first)
{
	coffer_err err = COFFER_OK;

	if (o->n_models == 0)
		return buf_printf(f, out, "resource.name.startsWith(\\\"%s/cryptoKeys/model-%s-\\\")", o->scope,
				  o->environment);
	for (size_t i = first; i < o->n_models && i < first + GCP_MODELS; i++)
		TRY(buf_printf(f, out,
			       "%sresource.name == \\\"%s/cryptoKeys/model-%s-%s\\\" || "
			       "resource.name.startsWith(\\\"%s/cryptoKeys/model-%s-%s/\\\")",
			       i > first ? " || " : "", o->scope, o->environment, o->models[i], o->scope,
			       o->environment, o->models[i]));
out:
	return err;
}

static int
gcp_project(const struct coffer_policy_options *o)
{
	return (int)(strlen("projects/") + strcspn(o->scope + strlen("projects/"), "/"));
}

/* Of as many models from @first on as a condition can name; titles need not differ. */
static coffer_err
gcp_binding(struct fault *f, struct buf *out, const struct coffer_policy_options *o, size_t first)
{
	const char *role = policy_role_name(o->role);
	coffer_err err;

	TRY(buf_printf(f, out,
		       "%s\n      {\n        \"role\": \"%.*s/roles/coffer_%s\",\n        \"members\": [\"%s\"],\n"
		       "        \"condition\": {\n          \"title\": \"coffer-%s-%s\",\n          \"expression\": \"",
		       comma(first), gcp_project(o), o->scope, role,
		       o->member ? o->member : "serviceAccount:NAME@PROJECT.iam.gserviceaccount.com", o->environment,
		       role));
	TRY(gcp_condition(f, out, o, first));
	TRY(buf_str(f, out, "\"\n        }\n      }"));
out:
	return err;
}

static coffer_err
gcp_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out)
{
	const char *role = policy_role_name(o->role);
	coffer_err err;

	if (o->n_models > GCP_BINDINGS * GCP_MODELS)
		return fault_set(
			f, COFFER_E_USAGE,
			"Google's conditions have room for %d models; name fewer, or none for all of the environment",
			GCP_BINDINGS * GCP_MODELS);
	TRY(buf_printf(
		f, out,
		"{\n  \"customRole\": {\n    \"name\": \"%.*s/roles/coffer_%s\",\n    \"title\": \"coffer %s\",\n"
		"    \"includedPermissions\": [%s],\n    \"stage\": \"GA\"\n  },\n",
		gcp_project(o), o->scope, role, role, gcp_permissions[o->role]));
	/* conditions need version 3 of a policy */
	TRY(buf_str(f, out, "  \"policy\": {\n    \"version\": 3,\n    \"bindings\": ["));
	for (size_t i = 0; i == 0 || i < o->n_models; i += GCP_MODELS)
		TRY(gcp_binding(f, out, o, i));
	TRY(buf_str(f, out, "\n    ]\n  }\n}\n"));
out:
	return err;
}

/* ---- Azure Key Vault: a role definition and its assignments ---- */

#define AZURE "Microsoft.KeyVault/vaults/keys/"

/* Azure has no rewrapping inside the service: it takes both.  Neither wrapping nor unwrapping reads the key. */
static const char *const azure_actions[] = {
	[COFFER_ROLE_PUBLISHER] = "\"" AZURE "wrap/action\"",
	[COFFER_ROLE_LOADER] = "\"" AZURE "unwrap/action\"",
	[COFFER_ROLE_ROTATOR] =
		"\"" AZURE "read\", \"" AZURE "wrap/action\", \"" AZURE "unwrap/action\", \"" AZURE "rotate/action\"",
	[COFFER_ROLE_AUDITOR] = "\"" AZURE "read\"",
};

static coffer_err
azure_scopes(struct fault *f, struct buf *out, const struct coffer_policy_options *o)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < o->n_models || (i == 0 && o->n_models == 0); i++) {
		TRY(buf_printf(f, out, "%s\n    { \"scope\": \"%s", comma(i), o->scope));
		if (o->n_models) {
			TRY(buf_str(f, out, "/keys/"));
			TRY(add_key_name(f, out, o, o->models[i]));
		}
		TRY(buf_str(f, out, "\" }"));
	}
out:
	return err;
}

/* A role can be made for a resource group and no less; it is assigned to the vault or its keys all the same. */
static coffer_err
azure_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out)
{
	const char *role = policy_role_name(o->role);
	coffer_err err;

	TRY(buf_printf(
		f, out,
		"{\n  \"roleDefinition\": {\n    \"Name\": \"coffer %s %s\",\n"
		"    \"Description\": \"%s of the models of %s\",\n    \"Actions\": [],\n    \"NotActions\": [],\n"
		"    \"DataActions\": [%s],\n    \"NotDataActions\": [],\n    \"AssignableScopes\": [\"%.*s\"]\n  },\n"
		"  \"roleAssignments\": [",
		o->environment, role, role, o->environment, azure_actions[o->role],
		(int)(strstr(o->scope, "/providers/Microsoft.KeyVault/") - o->scope), o->scope));
	TRY(azure_scopes(f, out, o));
	TRY(buf_str(f, out, "\n  ]\n}\n"));
out:
	return err;
}

/* ---- any ---- */

/* what a place has to look like: its parts between slashes, where NULL is any of these letters */
struct form {
	const char *letters, *sentence;
	size_t n_parts;
	const char *parts[9];
};

static const struct form gcp_form = {
	"._:-", "projects/P/locations/L/keyRings/R", 6, {"projects", NULL, "locations", NULL, "keyRings", NULL}};
static const struct form azure_form = {
	"._()-",
	"/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/V",
	9,
	{"", "subscriptions", NULL, "resourceGroups", NULL, "providers", "Microsoft.KeyVault", "vaults", NULL}};

static bool
is_of(struct view v, const char *more, size_t max)
{
	for (size_t i = 0; i < v.len; i++)
		if (!(v.p[i] >= 'a' && v.p[i] <= 'z') && !(v.p[i] >= 'A' && v.p[i] <= 'Z') &&
		    !(v.p[i] >= '0' && v.p[i] <= '9') && (v.p[i] == '\0' || !strchr(more, v.p[i])))
			return false;
	return v.len > 0 && v.len <= max;
}

static bool
has_form(const char *scope, const struct form *form)
{
	for (size_t i = 0; i < form->n_parts; i++) {
		struct view part = view_of(scope, strcspn(scope, "/"));

		if (form->parts[i] ? !view_is(part, form->parts[i]) : !is_of(part, form->letters, LIMIT_TEXT))
			return false;
		scope += part.len;
		if ((*scope == '/') != (i + 1 < form->n_parts))
			return false;
		scope += *scope == '/';
	}
	return *scope == '\0';
}

static coffer_err
check_form(struct fault *f, const struct coffer_policy_options *o, const struct form *form)
{
	if (!o->scope || strlen(o->scope) > LIMIT_TEXT || !has_form(o->scope, form))
		return fault_set(f, COFFER_E_USAGE, "%s needs to know where the keys are: give --scope %s", o->provider,
				 form->sentence);
	return COFFER_OK;
}

static coffer_err
gcp_scope(struct fault *f, const struct coffer_policy_options *o)
{
	return check_form(f, o, &gcp_form);
}

static coffer_err
azure_scope(struct fault *f, const struct coffer_policy_options *o)
{
	return check_form(f, o, &azure_form);
}

static coffer_err
vault_scope(struct fault *f, const struct coffer_policy_options *o)
{
	size_t len = o->scope ? strlen(o->scope) : 0;

	if (o->scope && (!is_of(view_str(o->scope), "/._-", VAULT_NAME_MAX) || o->scope[0] == '/' ||
			 o->scope[len - 1] == '/' || strstr(o->scope, "//")))
		return fault_set(f, COFFER_E_USAGE,
				 "the scope of hashivault is the mount of the transit engine: letters, digits and / . "
				 "_ -, no slash at its ends");
	return COFFER_OK;
}

static coffer_err
aws_scope(struct fault *f, const struct coffer_policy_options *o)
{
	const char *slash = o->scope ? strchr(o->scope, '/') : NULL, *account = slash ? slash + 1 : o->scope;
	char region[AWS_REGION_MAX + 1];
	bool sound = true;

	if (slash) {
		sound = slash - o->scope <= AWS_REGION_MAX;
		(void)snprintf(region, sizeof(region), "%.*s", (int)(slash - o->scope), o->scope);
		sound = sound && aws_region_valid(region);
	}
	if (account)
		sound = sound && strlen(account) == 12 && strspn(account, "0123456789") == 12;
	if (!sound)
		return fault_set(f, COFFER_E_USAGE,
				 "the scope of awskms is ACCOUNT or REGION/ACCOUNT, where ACCOUNT has 12 digits");
	return COFFER_OK;
}

static const struct provider {
	const char *name;
	const char *letters;  /* beside letters and digits, of the names of its keys */
	const char *not_last; /* of these, those that no name ends with */
	size_t key_max;	      /* characters of a name */
	coffer_err (*check_scope)(struct fault *f, const struct coffer_policy_options *o);
	coffer_err (*text)(struct fault *f, const struct coffer_policy_options *o, struct buf *out);
} providers[] = {
	{"hashivault", "._-", ".-", VAULT_NAME_MAX, vault_scope, vault_text},
	{"awskms", "_-", "", 250, aws_scope, aws_text},
	{"gcpkms", "_-", "", 63, gcp_scope, gcp_text},
	{"azurekms", "-", "", 127, azure_scope, azure_text},
};

static coffer_err
check_model(struct fault *f, const struct provider *p, const struct coffer_policy_options *o, const char *model)
{
	size_t len = strlen(model), most = p->key_max - strlen("model--") - strlen(o->environment);

	if (!is_of(view_str(model), p->letters, most) || strchr(p->not_last, model[len - 1]))
		return fault_set(
			f, COFFER_E_USAGE,
			"%s can have no key for the model %.100s: of its name, a key of %s takes 1 to %zu letters, "
			"digits and «%s»%s%s%s",
			p->name, model, o->environment, most, p->letters, *p->not_last ? ", none of «" : "",
			p->not_last, *p->not_last ? "» at the end" : "");
	return COFFER_OK;
}

static coffer_err
check_values(struct fault *f, const struct provider *p, const struct coffer_policy_options *o)
{
	coffer_err err;

	TRY(p->check_scope(f, o));
	for (size_t i = 0; i < o->n_models; i++)
		TRY(check_model(f, p, o, o->models[i]));
	if (o->member && !is_of(view_str(o->member), ":/@._-", LIMIT_TEXT))
		TRY(fault_set(f, COFFER_E_USAGE, "a member has letters, digits and :/@._- alone"));
out:
	return err;
}

static coffer_err
check(struct fault *f, const struct coffer_policy_options *o)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= o->reserved[i];
	if (o->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "policy options of another version");
	if (!policy_role_name(o->role))
		return fault_set(f, COFFER_E_USAGE, "a role is publisher, loader, rotator or auditor");
	if (!o->environment || !environment_valid(o->environment))
		return fault_set(f, COFFER_E_USAGE, "an environment is named by 1 to %d of a-z 0-9", ENVIRONMENT_MAX);
	for (size_t i = 0; i < o->n_models; i++)
		if (!key_name_valid(view_str(o->models[i])))
			return fault_set(f, COFFER_E_USAGE,
					 "a model that is part of a key's name has 1 to %u of A-Z a-z 0-9 . _ -, no "
					 "dot in front",
					 LIMIT_KEY_NAME);
	return COFFER_OK;
}

coffer_err
policy_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out)
{
	const struct provider *p = NULL;
	coffer_err err;

	TRY(check(f, o));
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]) && !p && o->provider; i++)
		if (strcmp(providers[i].name, o->provider) == 0)
			p = &providers[i];
	if (!p)
		return fault_set(
			f, COFFER_E_USAGE,
			"policies are known for hashivault, awskms, gcpkms and azurekms; for another provider its "
			"documentation says how");
	TRY(check_values(f, p, o));
	TRY(p->text(f, o, out));
out:
	return err;
}
