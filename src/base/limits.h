/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling of every quantity that comes from outside.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* the sealed file, docs/format.md section 2 */
#define LIMIT_SIZE (UINT64_C(1) << 52)
#define LIMIT_RECORD_MIN (UINT32_C(64) << 10)
#define LIMIT_RECORD_MAX (UINT32_C(16) << 20)
#define LIMIT_FILES 1000000u
#define LIMIT_PATH 1920u
#define LIMIT_PATH_PART 248u

/* the key block, section 3 */
#define LIMIT_RECIPIENTS 32u
#define LIMIT_CONTEXT 32u
#define LIMIT_TEXT 256u /* name, version and context values, in bytes */
#define LIMIT_CONTEXT_KEY 64u
#define LIMIT_WRAPPED 2048u	    /* bytes of one wrapped DEK, decoded */
#define LIMIT_FOREIGN (64u << 10)   /* bytes of a recipient of an unknown kind */
#define LIMIT_KEYBLOCK (256u << 20) /* bytes of coffer.json */
#define LIMIT_JSON_DEPTH 32u
#define LIMIT_JSON_VALUES (1u << 18) /* of a document that others write */
#define LIMIT_SCRYPT_LOG_N 20u
#define LIMIT_PASSPHRASE 1024u
#define LIMIT_KEY_FILE 4096u
#define LIMIT_KEY_URI 4352u	  /* bytes: a path and a scheme */
#define LIMIT_KEY_NAME 64u	  /* of a key in the local keyring */
#define LIMIT_KEYS 1024u	  /* in a keyring, the local one too */
#define LIMIT_BINDING (64u << 10) /* bytes that a wrap is bound to */

/* weight files */
#define LIMIT_WEIGHTS_HEADER (64u << 20) /* bytes of a safetensors header or of GGUF metadata */
#define LIMIT_TENSORS (1u << 20)
#define LIMIT_TENSOR_NAME 65536u

/* encrypted files of other programs */
#define LIMIT_FOREIGN_JSON (1u << 20) /* bytes of the JSON in front of one */
#define LIMIT_FOREIGN_DEK 16384u      /* bytes of a wrapped DEK, decoded */
#define LIMIT_AAD (1u << 20)	      /* bytes of associated data */

/* signatures */
#define LIMIT_BUNDLE (128u << 20) /* bytes of a signature file */
#define LIMIT_PEM (4u << 20)	  /* bytes of a PEM file: a system's roots are 220 kB */
#define LIMIT_KEY_PEM (64u << 10) /* bytes of a private or public key in PEM */
#define LIMIT_CERT (64u << 10)	  /* bytes of one certificate */
#define LIMIT_CERTS 64u		  /* of one chain or one file */
#define LIMIT_SYSTEM_CERTS 1024u  /* of a system's own store */
#define LIMIT_TLOG_ENTRIES 8u
#define LIMIT_TIMESTAMPS 32u
#define LIMIT_TIMESTAMP (64u << 10)
#define LIMIT_PROOF_HASHES 64u
#define LIMIT_CHECKPOINT (64u << 10)
#define LIMIT_TLOG_BODY (1u << 20)    /* bytes of what a log holds about one signature */
#define LIMIT_TRUSTED_ROOT (4u << 20) /* bytes of a trusted_root.json */
#define LIMIT_TRUSTED 64u	      /* logs or authorities of a kind in one trusted root */
#define LIMIT_IGNORE_PATHS 1024u
#define LIMIT_SHARDS 4000000u	    /* of one manifest */
#define LIMIT_SIGNED_PATH 4096u	    /* bytes of a file's name in a signature; Linux takes no longer one */
#define LIMIT_FINDINGS 1000u	    /* that a verdict keeps of failures, and of what was left out; all are counted */
#define LIMIT_SIGNATURE (16u << 10) /* bytes of one signature */

/* where trust comes from: metadata of The Update Framework (python-tuf has the same ceilings), and the trust store */
#define LIMIT_TUF_ROOT 512000u
#define LIMIT_TUF_TIMESTAMP 16384u
#define LIMIT_TUF_SNAPSHOT 2000000u
#define LIMIT_TUF_TARGETS 5000000u
#define LIMIT_TUF_ROTATIONS 256u	/* new roots of one update */
#define LIMIT_TUF_KEYS 64u		/* of one role */
#define LIMIT_TUF_SIGNATURE 1024u	/* bytes */
#define LIMIT_TRUST_BINDINGS 1024u	/* in one folder */
#define LIMIT_TRUST_BINDING (16u << 20) /* bytes of one: a trusted root can be in it, as text */
#define LIMIT_TRUST_NAME 256u		/* bytes of a model's name */
#define LIMIT_IDENTITY 2048u		/* bytes of a signer's identity or its provider's address */

/* services */
#define LIMIT_URL 4096u
#define LIMIT_HTTP_HEADERS (64u << 10) /* bytes of all headers of one answer */
#define LIMIT_ANSWER (1u << 20)	       /* bytes of an answer that holds no payload */
#define LIMIT_SERVICES 64u	       /* of a kind in one signing config */
#define LIMIT_TOKEN (64u << 10)	       /* bytes of an identity token, or of an answer that holds one */
#define LIMIT_CLAIM 2048u

/* memory for bulk work, in bytes, over all threads */
#define LIMIT_BULK_MEMORY (UINT64_C(32) << 20)

#endif
