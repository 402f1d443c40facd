/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_uri.h"

#include <string.h>

#include "base/view.h"

static bool
put(struct view v, char *out, size_t cap)
{
	if (v.len >= cap || memchr(v.p, '\0', v.len))
		return false;
	memcpy(out, v.p, v.len);
	out[v.len] = '\0';
	return true;
}

/* What stands before the first @c of @v, which begins behind it from now on; false, and @head is all of it, when there is none. */
static bool
cut(struct view *v, char c, struct view *head)
{
	const uint8_t *at = v->len > 0 ? memchr(v->p, c, v->len) : NULL;
	struct view c_itself;

	(void)view_take(v, at ? (size_t)(at - v->p) : v->len, head);
	return at && view_take(v, 1, &c_itself);
}

/* transit's own rule for a name: letters, digits, «_», and within also «.» and «-» */
static bool
key_valid(const char *name)
{
	size_t len = strlen(name);

	return vault_path_valid(name, VAULT_NAME_MAX) && !strchr(name, '/') && !strchr(".-", name[0]) &&
	       !strchr(".-", name[len - 1]);
}

static bool
put_path(struct view v, char *out, size_t cap)
{
	return put(v, out, cap) && vault_path_valid(out, cap - 1);
}

static bool
put_bind(struct view v, enum vault_bind *out)
{
	*out = view_is(v, "aad") ? VAULT_BIND_AAD : VAULT_BIND_CONTEXT;
	return view_is(v, "aad") || view_is(v, "context");
}

static bool
transit_parameter(struct view name, struct view value, struct transit_uri *out)
{
	if (view_is(name, "mount"))
		return put_path(value, out->mount, sizeof(out->mount));
	if (view_is(name, "namespace"))
		return put_path(value, out->namespace, sizeof(out->namespace));
	return view_is(name, "bind") && put_bind(value, &out->bind);
}

static bool
parse_transit(struct view rest, struct transit_uri *out)
{
	struct view name, value;
	bool more = cut(&rest, '?', &name);

	if (!put(name, out->key, sizeof(out->key)) || !key_valid(out->key))
		return false;
	while (more) {
		more = cut(&rest, '&', &value);
		(void)cut(&value, '=', &name);
		if (!transit_parameter(name, value, out))
			return false;
	}
	return true;
}

coffer_err
transit_uri_parse(struct fault *f, const char *rest, struct transit_uri *out)
{
	*out = (struct transit_uri){.mount = "transit", .bind = VAULT_BIND_CONTEXT};
	if (parse_transit(view_str(rest), out))
		return COFFER_OK;
	*out = (struct transit_uri){.bind = VAULT_BIND_CONTEXT};
	return fault_set(
		f, COFFER_E_USAGE,
		"a key of Vault's transit engine is hashivault://KEY (letters, digits and _, within it . and -, too), "
		"with ?mount=MOUNT, namespace=NAMESPACE and bind=context or aad behind it where they differ; one that "
		"was given is not");
}

/* ---- KV ---- */

/* Letters of a path of a URL (RFC 3986 3.3) but for «%», so that what is written is what is asked for. */
static bool
segment_valid(struct view v)
{
	static const char others[] = "-._~@:+=,!$&'()*";

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr(others, c)))
			return false;
	}
	return v.len > 0 && !view_is(v, ".") && !view_is(v, "..");
}

static bool
put_kv_path(struct view path, bool folder, struct kv_uri *out)
{
	struct view rest = path, segment;

	while (rest.len > 0) {
		(void)cut(&rest, '/', &segment);
		if (!segment_valid(segment))
			return false;
	}
	if (!folder && (path.len == 0 || path.p[path.len - 1] == '/'))
		return false;
	return put(path, out->path, sizeof(out->path));
}

static bool
put_field(struct view field, char *out, size_t cap)
{
	return segment_valid(field) && put(field, out, cap);
}

static bool
put_namespace(struct view query, struct kv_uri *out)
{
	struct view name;

	return cut(&query, '=', &name) && view_is(name, "namespace") &&
	       put_path(query, out->namespace, sizeof(out->namespace));
}

static bool
parse_kv(struct view rest, const char *field, struct kv_uri *out)
{
	struct view query, path, mount;
	bool has_field = cut(&rest, '#', &query), has_query = cut(&query, '?', &path);

	(void)cut(&path, '/', &mount);
	if (!put_path(mount, out->mount, sizeof(out->mount)) || !put_kv_path(path, !field, out))
		return false;
	if (has_query && !put_namespace(query, out))
		return false;
	if (!field)
		return !has_field;
	return put_field(has_field ? rest : view_str(field), out->field, sizeof(out->field));
}

coffer_err
kv_uri_parse(struct fault *f, const char *rest, const char *field, struct kv_uri *out)
{
	*out = (struct kv_uri){.path = ""};
	if (parse_kv(view_str(rest), field, out))
		return COFFER_OK;
	*out = (struct kv_uri){.path = ""};
	return fault_set(
		f, COFFER_E_USAGE,
		"%s of Vault's KV engine is vaultkv://MOUNT/PATH%s, with ?namespace=NAMESPACE before the «#» where "
		"that differs, of letters, digits and -._~@:+=,!$&'()*; one that was given is not",
		field ? "a secret" : "a folder", field ? "#FIELD" : "");
}
