/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling of every quantity that comes from outside.
 *
 * Lengths and sizes are in bytes, all else is a count, unless a line says otherwise.  A limit of a format or protocol names it; the
 * others are well above what honest writers make, and low enough that a hostile one costs little memory and time.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* ---- the sealed file: docs/format.md section 2 ---- */

#define LIMIT_SIZE (UINT64_C(1) << 52) /* of a file */
#define LIMIT_RECORD_MIN (UINT32_C(64) << 10)
#define LIMIT_RECORD_MAX (UINT32_C(16) << 20)
#define LIMIT_FILES 1000000u
#define LIMIT_PATH 1920u     /* the room that a head has for it */
#define LIMIT_PATH_PART 248u /* NAME_MAX, less a suffix */

/* ---- the key block: docs/format.md section 3 ---- */

#define LIMIT_KEYBLOCK (256u << 20) /* coffer.json, with all the files that it lists */
#define LIMIT_RECIPIENTS 32u
#define LIMIT_WRAPPED 2048u	  /* one wrapped DEK, decoded */
#define LIMIT_FOREIGN (64u << 10) /* a recipient of an unknown kind */
#define LIMIT_BINDING (64u << 10) /* what a wrap is bound to */
#define LIMIT_CONTEXT 32u	  /* entries */
#define LIMIT_CONTEXT_KEY 64u
#define LIMIT_TEXT 256u	       /* name, version and context values; short texts of other documents, too */
#define LIMIT_SCRYPT_LOG_N 20u /* log2 of N: a gibibyte */

/* ---- many models at once ---- */

#define LIMIT_MODELS (1u << 20)
#define LIMIT_MODEL_LIST (64u << 20) /* a file that names them */

/* ---- JSON of others ---- */

#define LIMIT_JSON_DEPTH 32u
#define LIMIT_JSON_VALUES (1u << 18) /* of one document: each costs some 100 bytes of memory */

/* ---- keys ---- */

#define LIMIT_PASSPHRASE 1024u
#define LIMIT_KEY_FILE 4096u
#define LIMIT_KEY_URI 4352u /* a path (PATH_MAX) and a scheme */
#define LIMIT_KEY_NAME 64u  /* of a key in the local keyring */
#define LIMIT_KEYS 1024u    /* in a keyring, the local one too */

/* ---- the audit log: docs/audit.md ---- */

#define LIMIT_AUDIT_LINE (64u << 10) /* every text of a record, escaped, fits */
#define LIMIT_AUDIT_PARTS 100000u
#define LIMIT_AUDIT_CHECKPOINTS (1u << 24) /* each costs 40 bytes of memory */
#define LIMIT_AUDIT_OUTSIDE (64u << 20)	   /* checkpoints that were kept elsewhere */

/* ---- weight files ---- */

#define LIMIT_WEIGHTS_HEADER (64u << 20) /* a safetensors header or GGUF metadata */
#define LIMIT_TENSORS (1u << 20)
#define LIMIT_TENSOR_NAME 65536u
#define LIMIT_PYTORCH_PICKLE (16u << 20) /* each byte of it can cost 30 of memory */
#define LIMIT_PYTORCH_DEPTH 16u		 /* dicts in dicts */
#define LIMIT_ONNX_DEPTH 64u		 /* messages in messages; a graph in a graph is three of them */
#define LIMIT_ONNX_FIELDS (1u << 26)	 /* about a second */
#define LIMIT_ONNX_PLACES (1u << 16)	 /* files beside a model, as often as they change */

/* ---- pickles, and files in which code is looked for ---- */

#define LIMIT_PICKLE_OPCODES (1u << 26) /* of all the pickles of a file: about a second */
#define LIMIT_PICKLE_DEPTH (1u << 20)	/* values that are not put together yet: each costs 16 bytes of memory */
#define LIMIT_PICKLE_MEMO (1u << 21)	/* values that are remembered: each costs up to 64 bytes */
#define LIMIT_PICKLE_LINE 4096u		/* a module's name, which is a path (PATH_MAX), or a number */
#define LIMIT_PICKLES 1024u		/* one after the other */
#define LIMIT_CODE_DEPTH 2u		/* archives in archives */
#define LIMIT_NPY_HEADER (64u << 10)

/* ---- encrypted files of other programs ---- */

#define LIMIT_FOREIGN_JSON (1u << 20) /* the JSON in front of one */
#define LIMIT_FOREIGN_DEK 16384u      /* a wrapped DEK, decoded */
#define LIMIT_AAD (1u << 20)	      /* associated data */

/* ---- keys and certificates of signers ---- */

#define LIMIT_PEM (4u << 20)	  /* a PEM file: a system's roots are 220 kB */
#define LIMIT_KEY_PEM (64u << 10) /* a private or public key in PEM */
#define LIMIT_RSA_BITS 8192	  /* the longer the key, the longer it takes to verify */
#define LIMIT_CERT (64u << 10)
#define LIMIT_CERTS 64u		 /* of one chain or one file */
#define LIMIT_SYSTEM_CERTS 1024u /* of a system's own store */

/* ---- signatures: docs/signing.md ---- */

#define LIMIT_BUNDLE (128u << 20)    /* a signature file, with all the files that it lists */
#define LIMIT_SIGNATURE (16u << 10)  /* one signature */
#define LIMIT_V02_PAYLOAD (4u << 20) /* a statement of model_signing 0.2: see signing_key.h */
#define LIMIT_SHARDS 4000000u	     /* of one manifest */
#define LIMIT_SIGNED_PATH 4096u	     /* Linux takes no longer one (PATH_MAX) */
#define LIMIT_IGNORE_PATHS 1024u
#define LIMIT_FINDINGS 1000u /* that a verdict keeps of failures, and of what was left out; all are counted */
#define LIMIT_TAG_FILE 4096u /* an HMAC in hexadecimal or bytes: 32 of them, and white space */
#define LIMIT_TIMESTAMPS 32u /* of one bundle */
#define LIMIT_TIMESTAMP (64u << 10)
#define LIMIT_TLOG_ENTRIES 8u
#define LIMIT_TLOG_BODY (1u << 20) /* what a log holds about one signature */
#define LIMIT_PROOF_HASHES 64u	   /* a tree of 2^64 leaves has no longer path */
#define LIMIT_LOG_HASH 128u	   /* what length is right is for its verifier to say */
#define LIMIT_CHECKPOINT (64u << 10)
#define LIMIT_CHECKPOINT_SIGNATURE 1024u /* one line of it, decoded: of any key that can be ours */

/* ---- where trust comes from ---- */

#define LIMIT_TRUSTED_ROOT (4u << 20) /* trusted_root.json, signing config or both in one */
#define LIMIT_TRUSTED 64u	      /* logs or authorities of a kind in one trusted root */
#define LIMIT_LOG_URL 1024u
#define LIMIT_TRUST_BINDINGS 1024u	/* in one folder */
#define LIMIT_TRUST_BINDING (16u << 20) /* a trusted root can be in it, as text */
#define LIMIT_TRUST_NAME 256u		/* a model's name */
#define LIMIT_IDENTITY 2048u		/* a signer's identity, or its provider's address */

/* metadata of The Update Framework: python-tuf has the same ceilings */
#define LIMIT_TUF_ROOT 512000u
#define LIMIT_TUF_TIMESTAMP 16384u
#define LIMIT_TUF_SNAPSHOT 2000000u
#define LIMIT_TUF_TARGETS 5000000u
#define LIMIT_TUF_ROTATIONS 256u /* new roots of one update */
#define LIMIT_TUF_KEYS 64u	 /* of one role */
#define LIMIT_TUF_SIGNATURE 1024u

/* ---- services ---- */

#define LIMIT_URL 4096u
#define LIMIT_HTTP_HEADERS (64u << 10) /* all of one answer */
#define LIMIT_REQUEST 16384u	       /* the head of a request to the loopback address */
#define LIMIT_ANSWER (1u << 20)	       /* an answer that holds no payload */
#define LIMIT_SERVICES 64u	       /* of a kind in one signing config */
#define LIMIT_TOKEN (64u << 10)	       /* an identity token, or an answer that holds one */
#define LIMIT_CLAIM 2048u	       /* a text in an identity token */

/* ---- AWS ---- */

#define LIMIT_AWS_FILE (256u << 10) /* the configuration file, or the shared credentials file */
#define LIMIT_AWS_TOKEN (16u << 10) /* a session token: STS says at most 4096, others more */
#define LIMIT_AWS_CHAIN 8u	    /* roles that are assumed one from another */

/* ---- object stores: net/s3.h ---- */

#define LIMIT_S3_ANSWER (8u << 20) /* a page of a list: 1000 keys, each byte of them escaped */
#define LIMIT_S3_PAGES 100000u	   /* of one list */
#define LIMIT_S3_PARTS 10000u	   /* of one object: S3 takes no more */
#define LIMIT_S3_UPLOAD 1024u	   /* the name of an upload in parts, or a mark between two pages */

/* ---- backups: docs/backup.md ---- */

#define LIMIT_BACKUP_PART_MIN (UINT64_C(64) << 10)
#define LIMIT_BACKUP_PART_MAX (UINT64_C(1) << 30)
#define LIMIT_BACKUP_STORE 4096u	   /* what a store says of itself */
#define LIMIT_BACKUP_SNAPSHOT (512u << 20) /* with all the files that it lists: some 100 TiB in parts of 16 MiB */
#define LIMIT_BACKUP_SNAPSHOTS 100000u	   /* of one store */
#define LIMIT_BACKUP_FILES 4000000u	   /* of one snapshot */
#define LIMIT_BACKUP_OBJECTS (1u << 26)	   /* of one store */
#define LIMIT_BACKUP_ROOTS 1024u
#define LIMIT_BACKUP_PATH 4095u	      /* Linux takes no longer one (PATH_MAX) */
#define LIMIT_BACKUP_PRIVATE 1000000u /* members of a private part */

/* ---- memory for bulk work, over all threads ---- */

#define LIMIT_BULK_MEMORY (UINT64_C(32) << 20)

#endif
