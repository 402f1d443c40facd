/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <coffer/coffer.h>

#include "base/utc.h"
#include "cli/out.h"

/* ---- for people ---- */

static const char *
model_of(const struct coffer_audit_record *r)
{
	return r->name[0] ? r->name : r->path[0] ? r->path : "-";
}

static coffer_err
put_clean(struct fault *f, struct buf *out, const char *before, const char *text, const char *after)
{
	coffer_err err;

	TRY(buf_str(f, out, before));
	TRY(out_add_clean(f, out, text));
	TRY(buf_str(f, out, after));
out:
	return err;
}

static coffer_err
put_key(struct fault *f, struct buf *out, const struct coffer_audit_key *k)
{
	coffer_err err = COFFER_OK;

	if (!k->kind[0])
		goto out;
	TRY(put_clean(f, out, "  ", k->kind, ""));
	if (k->id[0])
		TRY(put_clean(f, out, " ", k->id, ""));
	if (k->version[0])
		TRY(put_clean(f, out, " (", k->version, ")"));
out:
	return err;
}

coffer_err
audit_text_human(struct fault *f, struct buf *out, const struct coffer_audit_record *r)
{
	coffer_err err;

	TRY(buf_printf(f, out, "%" PRIu64 "  %.10s %.8s  %-6s  ", r->seq, r->time, r->time + 11, r->event));
	TRY(put_clean(f, out, "", r->principal, "  "));
	TRY(put_clean(f, out, "", model_of(r), ""));
	if (r->version[0])
		TRY(put_clean(f, out, " ", r->version, ""));
	if (r->environment[0])
		TRY(put_clean(f, out, " (", r->environment, ")"));
	TRY(put_key(f, out, &r->key));
	if (r->from.kind[0]) {
		TRY(buf_str(f, out, "  from"));
		TRY(put_key(f, out, &r->from));
	}
	if (r->error[0]) {
		TRY(put_clean(f, out, "  REFUSED ", r->error, ": "));
		TRY(put_clean(f, out, "", r->message, ""));
	}
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}

/* ---- JSON ---- */

coffer_err
audit_text_json(struct fault *f, struct buf *out, const struct coffer_audit_record *r)
{
	coffer_err err;

	TRY(buf_add(f, out, r->line, r->line_len));
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}

/* ---- CSV ---- */

coffer_err
audit_text_csv_head(struct fault *f, struct buf *out)
{
	return buf_str(f, out,
		       "seq,eventTime,eventName,principal,uid,host,pid,userAgent,model,modelId,name,version,"
		       "environment,generation,keyKind,keyId,keyVersion,fromKeyKind,fromKeyId,fromKeyVersion,errorCode,"
		       "errorMessage,eventID\r\n");
}

static coffer_err
put_cell(struct fault *f, struct buf *out, const char *text)
{
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]);
	coffer_err err;

	if (!formula && text[strcspn(text, ",\"\r\n")] == '\0')
		return buf_str(f, out, text);
	TRY(buf_str(f, out, formula ? "\"'" : "\""));
	for (const char *p = text; *p; p++)
		TRY(buf_add(f, out, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1));
	TRY(buf_str(f, out, "\""));
out:
	return err;
}

coffer_err
audit_text_csv(struct fault *f, struct buf *out, const struct coffer_audit_record *r)
{
	char seq[24], uid[24], pid[24], generation[24];
	const char *const cells[] = {
		seq,	     r->time,	r->event,	r->principal, uid,	  r->host,	   pid,
		r->agent,    r->path,	r->model_id,	r->name,      r->version, r->environment,  generation,
		r->key.kind, r->key.id, r->key.version, r->from.kind, r->from.id, r->from.version, r->error,
		r->message,  r->id,
	};
	coffer_err err = COFFER_OK;

	(void)snprintf(seq, sizeof(seq), "%" PRIu64, r->seq);
	(void)snprintf(uid, sizeof(uid), "%" PRIu64, r->uid);
	(void)snprintf(pid, sizeof(pid), "%" PRIu64, r->pid);
	(void)snprintf(generation, sizeof(generation), "%" PRIu64, r->generation);
	if (r->generation == 0)
		generation[0] = '\0';
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (i > 0)
			TRY(buf_str(f, out, ","));
		TRY(put_cell(f, out, cells[i]));
	}
	TRY(buf_str(f, out, "\r\n"));
out:
	return err;
}

/* ---- CEF ---- */

/* « key=value», with what would end the value escaped; nothing when it is empty */
static coffer_err
put_extension(struct fault *f, struct buf *out, const char *key, const char *value)
{
	coffer_err err;

	if (*value == '\0')
		return COFFER_OK;
	TRY(buf_printf(f, out, " %s=", key));
	for (const char *p = value; *p; p++) {
		if (*p == '\n' || *p == '\r')
			TRY(buf_str(f, out, *p == '\n' ? "\\n" : "\\r"));
		else if (*p == '\\' || *p == '=')
			TRY(buf_add(f, out, (const char[]){'\\', *p}, 2));
		else
			TRY(buf_add(f, out, p, 1));
	}
out:
	return err;
}

static coffer_err
put_labelled(struct fault *f, struct buf *out, int n, const char *label, const char *value)
{
	char key[8], key_label[16];
	coffer_err err;

	if (*value == '\0')
		return COFFER_OK;
	(void)snprintf(key, sizeof(key), "cs%d", n);
	(void)snprintf(key_label, sizeof(key_label), "cs%dLabel", n);
	TRY(put_extension(f, out, key_label, label));
	TRY(put_extension(f, out, key, value));
out:
	return err;
}

static coffer_err
put_extensions(struct fault *f, struct buf *out, const struct coffer_audit_record *r)
{
	char rt[40] = "", number[24];
	int64_t time;
	coffer_err err;

	if (utc_parse(r->time, &time))
		(void)snprintf(rt, sizeof(rt), "%" PRId64 "%.3s", time, r->time + 20);
	TRY(put_extension(f, out, "rt", rt));
	(void)snprintf(number, sizeof(number), "%" PRIu64, r->seq);
	TRY(put_extension(f, out, "externalId", number));
	TRY(put_extension(f, out, "act", r->event));
	TRY(put_extension(f, out, "outcome", r->error[0] ? "failure" : "success"));
	TRY(put_extension(f, out, "reason", r->error));
	TRY(put_extension(f, out, "msg", r->message));
	TRY(put_extension(f, out, "suser", r->principal));
	(void)snprintf(number, sizeof(number), "%" PRIu64, r->uid);
	TRY(put_extension(f, out, "suid", number));
	TRY(put_extension(f, out, "dvchost", r->host));
	(void)snprintf(number, sizeof(number), "%" PRIu64, r->pid);
	TRY(put_extension(f, out, "spid", number));
	TRY(put_extension(f, out, "sproc", r->agent));
	TRY(put_extension(f, out, "filePath", r->path));
	TRY(put_labelled(f, out, 1, "modelId", r->model_id));
	TRY(put_labelled(f, out, 2, "name", r->name));
	TRY(put_labelled(f, out, 3, "version", r->version));
	TRY(put_labelled(f, out, 4, "environment", r->environment));
	TRY(put_labelled(f, out, 5, "keyKind", r->key.kind));
	TRY(put_labelled(f, out, 6, "keyId", r->key.id));
out:
	return err;
}

coffer_err
audit_text_cef(struct fault *f, struct buf *out, const struct coffer_audit_record *r)
{
	coffer_err err;

	/* severity: a refusal is for somebody to look at */
	TRY(buf_printf(f, out, "CEF:0|coffer|coffer|%s|%s|%s of a model key|%d|", coffer_version(), r->event, r->event,
		       r->error[0] ? 7 : 3));
	TRY(put_extensions(f, out, r));
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}
