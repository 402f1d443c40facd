/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utc.h"
#include "data/scan.h"

#define ORIGIN "coffer audit log "
#define SEQ "{\"seq\":"
#define PREV ",\"prev\":\""
#define LOG "\",\"log\":\""
#define REST "\","

static const struct {
	const char *name;
	const char *category;
	bool read_only;
} events[AUDIT_N_EVENTS] = {
	[AUDIT_UNWRAP] = {"Unwrap", "Data", true},	  [AUDIT_WRAP] = {"Wrap", "Data", false},
	[AUDIT_REWRAP] = {"Rewrap", "Data", false},	  [AUDIT_REMOVE] = {"Remove", "Data", false},
	[AUDIT_ROTATE] = {"Rotate", "Management", false}, [AUDIT_REPAIR] = {"Repair", "Management", false},
};

const char *
audit_event_name(enum audit_event event)
{
	return events[event].name;
}

void
audit_time_text(int64_t ns, char out[static AUDIT_TIME_LEN + 1])
{
	char seconds[UTC_LEN + 1];

	(void)utc_text(ns / 1000000000, seconds);
	(void)snprintf(out, AUDIT_TIME_LEN + 1, "%.19s.%03uZ", seconds, (unsigned int)(ns / 1000000 % 1000));
}

coffer_err
audit_origin(struct fault *f, const uint8_t id[static AUDIT_LOG_ID_LEN], uint8_t out[static SHA256_LEN])
{
	char text[2 * AUDIT_LOG_ID_LEN + 1];

	enc_hex(id, AUDIT_LOG_ID_LEN, text);
	return sha256_two(f, view_str(ORIGIN), view_str(text), out);
}

/* ---- the beginning ---- */

coffer_err
audit_line_begin(struct fault *f, const struct audit_place *place, struct buf *out)
{
	char prev[2 * SHA256_LEN + 1], log[2 * AUDIT_LOG_ID_LEN + 1];

	enc_hex(place->prev, SHA256_LEN, prev);
	enc_hex(place->log, AUDIT_LOG_ID_LEN, log);
	return buf_printf(f, out, SEQ "%" PRIu64 PREV "%s" LOG "%s" REST, place->seq, prev, log);
}

bool
audit_line_place(struct view line, struct audit_place *out)
{
	/* */
	return line_text(&line, SEQ) && line_number(&line, 1, &out->seq) && line_text(&line, PREV) &&
	       line_hex(&line, out->prev, SHA256_LEN) && line_text(&line, LOG) &&
	       line_hex(&line, out->log, AUDIT_LOG_ID_LEN) && line_text(&line, REST);
}

/* ---- writing the rest ---- */

static void
put_text(struct json_out *j, const char *key, const char *text)
{
	if (*text)
		json_out_str(j, key, text);
}

static void
put_number(struct json_out *j, const char *key, uint64_t v)
{
	if (v != 0)
		json_out_uint(j, key, v);
}

static void
put_identity(struct json_out *j, const struct audit_record *r)
{
	json_out_begin(j, "userIdentity", JSON_OBJECT);
	json_out_str(j, "type", r->uid == 0 ? "Root" : "User");
	put_text(j, "principal", r->principal);
	json_out_uint(j, "uid", r->uid);
	if (r->login_uid != 0)
		json_out_uint(j, "loginUid", r->login_uid - 1);
	json_out_end(j);
	put_text(j, "userAgent", r->agent);
	json_out_begin(j, "additionalEventData", JSON_OBJECT);
	put_text(j, "host", r->host);
	put_number(j, "pid", r->pid);
	json_out_end(j);
}

static void
put_parameters(struct json_out *j, const struct audit_record *r)
{
	json_out_begin(j, "requestParameters", JSON_OBJECT);
	put_text(j, "model", r->path);
	put_text(j, "modelId", r->model_id);
	put_text(j, "name", r->name);
	put_text(j, "version", r->version);
	put_text(j, "environment", r->environment);
	put_number(j, "generation", r->generation);
	put_text(j, "keyKind", r->key.kind);
	put_text(j, "keyId", r->key.id);
	put_text(j, "keyVersion", r->key.version);
	put_text(j, "fromKeyKind", r->from.kind);
	put_text(j, "fromKeyId", r->from.id);
	put_text(j, "fromKeyVersion", r->from.version);
	put_text(j, "tornFile", r->torn_file);
	put_number(j, "tornBytes", r->torn_bytes);
	json_out_end(j);
}

static void
put_resource(struct json_out *j, const char *type, const char *what, const char *kind, const char *id)
{
	char arn[16 + sizeof(((struct audit_key *)0)->kind) + RECIPIENT_ID_MAX + 1];

	(void)snprintf(arn, sizeof(arn), "coffer:%s%s%s%s%s", what, *kind ? ":" : "", kind, *id ? ":" : "", id);
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "ARN", arn);
	json_out_str(j, "type", type);
	json_out_end(j);
}

static void
put_resources(struct json_out *j, const struct audit_record *r)
{
	json_out_begin(j, "resources", JSON_ARRAY);
	if (r->model_id[0])
		put_resource(j, "coffer::Model", "model", "", r->model_id);
	if (r->key.kind[0])
		put_resource(j, "coffer::Key", "key", r->key.kind, r->key.id);
	if (r->from.kind[0])
		put_resource(j, "coffer::Key", "key", r->from.kind, r->from.id);
	json_out_end(j);
}

coffer_err
audit_line_rest(struct fault *f, const struct audit_record *r, struct buf *out)
{
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_str(&j, "eventVersion", "1.0");
	json_out_str(&j, "eventTime", r->time);
	json_out_str(&j, "eventID", r->id);
	json_out_str(&j, "eventSource", "coffer");
	json_out_str(&j, "eventName", events[r->event].name);
	json_out_str(&j, "eventCategory", events[r->event].category);
	json_out_bool(&j, "readOnly", events[r->event].read_only);
	put_identity(&j, r);
	put_parameters(&j, r);
	put_resources(&j, r);
	put_text(&j, "errorCode", r->error);
	put_text(&j, "errorMessage", r->message);
	json_out_end(&j);
	TRY(json_out_done(&j));
	/* what the chain puts in front has the brace */
	TRY(buf_add(f, out, j.text.p + 1, j.text.len - 1));
out:
	json_out_free(&j);
	return err;
}

/* ---- reading ---- */

enum form { TEXT, NUMBER, NUMBER_1 /* kept plus 1 */, EVENT, DERIVED, OBJECT };

/* what stands in a record; «.» is that of the object around it */
static const struct member {
	const char *name;
	enum form form;
	size_t off, cap;
} members[] = {
#define TEXT_OF(member) TEXT, offsetof(struct audit_record, member), sizeof(((struct audit_record *)0)->member)
#define NUMBER_OF(member) NUMBER, offsetof(struct audit_record, member), 0
	{"seq", DERIVED, 0, 0},
	{"prev", DERIVED, 0, 0},
	{"log", DERIVED, 0, 0},
	{"eventVersion", DERIVED, 0, 0},
	{"eventTime", TEXT_OF(time)},
	{"eventID", TEXT_OF(id)},
	{"eventSource", DERIVED, 0, 0},
	{"eventName", EVENT, 0, 0},
	{"eventCategory", DERIVED, 0, 0},
	{"readOnly", DERIVED, 0, 0},
	{"userIdentity", OBJECT, 0, 0},
	{"type", DERIVED, 0, 0},
	{"principal", TEXT_OF(principal)},
	{"uid", NUMBER_OF(uid)},
	{"loginUid", NUMBER_1, offsetof(struct audit_record, login_uid), 0},
	{"userAgent", TEXT_OF(agent)},
	{"additionalEventData", OBJECT, 0, 0},
	{"host", TEXT_OF(host)},
	{"pid", NUMBER_OF(pid)},
	{"requestParameters", OBJECT, 0, 0},
	{"model", TEXT_OF(path)},
	{"modelId", TEXT_OF(model_id)},
	{"name", TEXT_OF(name)},
	{"version", TEXT_OF(version)},
	{"environment", TEXT_OF(environment)},
	{"generation", NUMBER_OF(generation)},
	{"keyKind", TEXT_OF(key.kind)},
	{"keyId", TEXT_OF(key.id)},
	{"keyVersion", TEXT_OF(key.version)},
	{"fromKeyKind", TEXT_OF(from.kind)},
	{"fromKeyId", TEXT_OF(from.id)},
	{"fromKeyVersion", TEXT_OF(from.version)},
	{"tornFile", TEXT_OF(torn_file)},
	{"tornBytes", NUMBER_OF(torn_bytes)},
	{"resources", DERIVED, 0, 0},
	{"errorCode", TEXT_OF(error)},
	{"errorMessage", TEXT_OF(message)},
};

static const struct member *
find_member(struct view name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (view_is(name, members[i].name))
			return &members[i];
	return NULL;
}

static coffer_err
read_event(struct fault *f, struct scan *s, struct audit_record *out)
{
	struct view text;
	coffer_err err;

	TRY(scan_string(f, s, &text));
	for (size_t i = 0; i < AUDIT_N_EVENTS; i++) {
		if (view_is(text, events[i].name)) {
			out->event = (enum audit_event)i;
			goto out;
		}
	}
	err = fault_set(f, COFFER_E_UNSUPPORTED, "an event that this version does not know");
out:
	return err;
}

static coffer_err
read_text(struct fault *f, struct scan *s, const struct member *m, struct audit_record *out)
{
	struct view text;
	coffer_err err;

	TRY(scan_string(f, s, &text));
	if (text.len >= m->cap)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is longer than %zu bytes", m->name, m->cap - 1));
	memcpy((char *)out + m->off, text.p, text.len);
	((char *)out)[m->off + text.len] = '\0';
out:
	return err;
}

static coffer_err
read_number(struct fault *f, struct scan *s, const struct member *m, struct audit_record *out)
{
	uint64_t v;
	coffer_err err;

	TRY(scan_uint(f, s, &v));
	if (m->form == NUMBER_1 && !num_add(v, 1, &v))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is out of range", m->name));
	memcpy((char *)out + m->off, &v, sizeof(v));
out:
	return err;
}

static coffer_err read_object(struct fault *f, struct scan *s, struct audit_record *out);

static coffer_err
read_member(struct fault *f, struct scan *s, struct audit_record *out)
{
	const struct member *m;
	struct view key;
	coffer_err err;

	TRY(scan_key(f, s, &key));
	m = find_member(key);
	if (!m)
		TRY(fault_set(f, COFFER_E_FORMAT, "a member that no record has"));
	switch (m->form) {
	case TEXT:
		return read_text(f, s, m, out);
	case NUMBER:
	case NUMBER_1:
		return read_number(f, s, m, out);
	case EVENT:
		return read_event(f, s, out);
	case OBJECT:
		return read_object(f, s, out);
	case DERIVED:
		return scan_skip(f, s);
	}
out:
	return err;
}

/* Which object a member stands in, in which order and how often, is seen when the line is written again. */
static coffer_err
read_object(struct fault *f, struct scan *s, struct audit_record *out)
{
	bool more;
	coffer_err err;

	TRY(scan_enter(f, s, '{'));
	for (;;) {
		TRY(scan_next(f, s, '}', &more));
		if (!more)
			break;
		TRY(read_member(f, s, out));
	}
out:
	return err;
}

static coffer_err
check_canonical(struct fault *f, struct view line, const struct audit_record *r)
{
	struct buf again = BUF_INIT(LIMIT_AUDIT_LINE);
	coffer_err err;

	TRY(audit_line_begin(f, &r->place, &again));
	TRY(audit_line_rest(f, r, &again));
	if (again.len != line.len + 1 || memcmp(again.p, line.p, line.len) != 0)
		TRY(fault_set(f, COFFER_E_FORMAT, "it is not in the form that a record has"));
out:
	buf_free(&again);
	return err;
}

coffer_err
audit_line_decode(struct fault *f, struct view line, struct audit_record *out)
{
	struct scan s;
	uint8_t *copy = NULL;
	coffer_err err;

	memset(out, 0, sizeof(*out));
	if (line.len > LIMIT_AUDIT_LINE)
		return fault_set(f, COFFER_E_FORMAT, "it is longer than %u bytes", LIMIT_AUDIT_LINE);
	if (!audit_line_place(line, &out->place))
		return fault_set(f, COFFER_E_FORMAT, "it does not begin as a record does");
	copy = malloc(line.len); /* strings are decoded where they stand */
	if (!copy)
		return fault_nomem(f);
	memcpy(copy, line.p, line.len);
	s = scan_begin(copy, line.len);
	TRY(read_object(f, &s, out));
	TRY(scan_end(f, &s));
	TRY(check_canonical(f, line, out));
out:
	free(copy);
	return err;
}
