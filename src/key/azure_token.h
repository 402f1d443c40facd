/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens for a key vault of Azure, as azure-identity's DefaultAzureCredential finds them; the first of:
 *
 *	a secret	AZURE_CLIENT_SECRET, or the file COFFER_AZURE_CLIENT_SECRET_FILE
 *	a certificate	AZURE_CLIENT_CERTIFICATE_PATH: PEM, with its RSA key; AZURE_CLIENT_CERTIFICATE_PASSWORD
 *	a federated token	AZURE_FEDERATED_TOKEN_FILE, read anew each time
 *	App Service	IDENTITY_ENDPOINT and IDENTITY_HEADER
 *	a virtual machine's identity	the metadata service, AZURE_POD_IDENTITY_AUTHORITY_HOST in place of http://169.254.169.254
 *
 * AZURE_CLIENT_ID says whose; the first three need it, and AZURE_TENANT_ID where the vault does not tell the tenant.  AZURE_AUTHORITY_HOST stands in
 * for https://login.microsoftonline.com.
 *
 * What a token must be for, the vault itself says, in the challenge of a 401 (RFC 6750 section 3).  It is believed only when
 * its host is part of what it names, so that no vault gets a token for another service; and never where to send a credential.
 */
#ifndef KEY_AZURE_TOKEN_H
#define KEY_AZURE_TOKEN_H

#include "key/bearer.h"

#define AZURE_HOST_MAX 255

/** azure_token_get() - the token for the vault or Managed HSM @host, shared by all its keys; asks nobody */
coffer_err azure_token_get(struct fault *f, const char *host, struct bearer **out);

/** azure_url() - where @path of @host is asked: COFFER_AZUREKMS_ENDPOINT, else https://@host; free it with free() */
coffer_err azure_url(struct fault *f, const char *host, const char *path, char **out);

/** struct azure_challenge - what a vault says */
struct azure_challenge {
	char resource[AZURE_HOST_MAX + 16]; /* «https://vault.azure.net» */
	char tenant[64];		    /* empty = not said */
};

/**
 * azure_challenge_read() - read the value of WWW-Authenticate, which came from @host
 *
 * COFFER_E_UNAVAILABLE when it is no challenge for a token, or one for a token for somebody else.
 */
coffer_err azure_challenge_read(struct fault *f, const char *header, const char *host, struct azure_challenge *out);

#endif
