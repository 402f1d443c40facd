/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what with the keys of one environment: the least-privilege policy of a key service, as text for its own tools.
 *
 * Keys are named after the models that they are for: «model/ENVIRONMENT/NAME» where a service allows slashes (alias of AWS KMS),
 * «model-ENVIRONMENT-NAME» where it does not; an environment has no hyphen, so that none is the beginning of another.  What a
 * policy does not allow is denied, and other environments are denied by name where a service has such a thing.
 */
#ifndef COFFER_POLICY_H
#define COFFER_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** enum coffer_role - what somebody does with keys */
enum coffer_role {
	COFFER_ROLE_PUBLISHER = 1, /* seals: wraps, cannot unwrap */
	COFFER_ROLE_LOADER = 2,	   /* opens: unwraps, cannot wrap */
	COFFER_ROLE_ROTATOR = 3,   /* makes new versions and rewraps; sees no data key where the service can rewrap */
	COFFER_ROLE_AUDITOR = 4,   /* sees which keys there are and how old they are, uses none */
};

/** struct coffer_policy_options - for whom; zero it and set @version_1 to 1 */
struct coffer_policy_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @provider: «hashivault», «awskms», «gcpkms» or «azurekms» */
	const char *provider;

	/** @environment: 1 to 32 of a-z 0-9 */
	const char *environment;

	enum coffer_role role;

	/** @models: the names of the models, 1 to 64 of A-Z a-z 0-9 . _ - each; none: every model of the environment */
	const char *const *models;
	size_t n_models;

	/**
	 * @scope: where the keys are.  hashivault: the mount, NULL = «transit».  awskms: «ACCOUNT» or «REGION/ACCOUNT», NULL = any.
	 * gcpkms: «projects/P/locations/L/keyRings/R».  azurekms: «/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/V»,
	 * a vault that holds only the keys of this environment unless @models are named.
	 */
	const char *scope;

	/** @member: of gcpkms: who gets the role, as «serviceAccount:NAME@PROJECT.iam.gserviceaccount.com»; NULL: a place to fill in */
	const char *member;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_policy_text() - the policy, in the form that the service's own tools take
 * @text_out: gets it, to be freed with free()
 *
 * Asks nobody.  Return: COFFER_OK; COFFER_E_USAGE, saying which value cannot be.
 */
COFFER_API COFFER_CHECK coffer_err coffer_policy_text(struct coffer_ctx *ctx,
						      const struct coffer_policy_options *options, char **text_out);

/**
 * coffer_policy_apply() - install the policy in Vault, as «coffer-ENVIRONMENT-ROLE», with the address and login of key URIs
 * @name_out: gets its name, to be freed with free(); may be NULL
 *
 * Return: COFFER_OK; COFFER_E_USAGE for another provider than hashivault; COFFER_E_UNAVAILABLE; COFFER_E_REFUSED.
 */
COFFER_API COFFER_CHECK coffer_err coffer_policy_apply(struct coffer_ctx *ctx,
						       const struct coffer_policy_options *options, char **name_out);

#ifdef __cplusplus
}
#endif
#endif
