/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens for Google Cloud, as Application Default Credentials (google.aip.dev/auth/4110) find them:
 *
 *	GOOGLE_APPLICATION_CREDENTIALS	a file
 *	application_default_credentials.json	in $CLOUDSDK_CONFIG, else ~/.config/gcloud
 *	the metadata server		GCE_METADATA_HOST, else metadata.google.internal
 *
 * Kinds of files: service_account (a JWT, RFC 7523), authorized_user (a refresh token), external_account (a token of another
 * identity provider, from a file or a URL, exchanged by RFC 8693; then, if it says so, for one of a service account).
 *
 * The files say where to ask, and are believed: they are the user's own.  Beyond this machine only https is asked.
 */
#ifndef KEY_GCP_TOKEN_H
#define KEY_GCP_TOKEN_H

#include "key/bearer.h"

/** gcp_token_get() - the token for Cloud KMS, shared by all its keys; asks nobody */
coffer_err gcp_token_get(struct fault *f, struct bearer **out);

#endif
