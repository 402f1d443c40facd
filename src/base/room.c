/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define TEXT_MAX (64u << 10) /* of a file of /proc or /sys that is read here */
#define PATH_LEN 4096

/* ---- small files of the kernel ---- */

/* The text of @path, or NULL; free it with free(). */
static char *
read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, TEXT_MAX);

	/* not file_slurp(): the kernel says that these have no bytes */
	if (file && text && fread(text, 1, TEXT_MAX - 1, file) > 0) {
		(void)fclose(file);
		return text;
	}
	if (file)
		(void)fclose(file);
	free(text);
	return NULL;
}

/* The number behind @label at the beginning of a line of @text. */
static bool
find_number(const char *text, const char *label, uint64_t *out)
{
	size_t len = strlen(label);
	char digits[24] = "";

	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t n;

		if (strncmp(line, label, len) != 0)
			continue;
		line += len + strspn(line + len, " ");
		n = strspn(line, "0123456789");
		if (n == 0 || n >= sizeof(digits))
			return false;
		memcpy(digits, line, n);
		return num_parse(digits, 0, UINT64_MAX, out);
	}
	return false;
}

/* The number that the file FOLDER/NAME is; «max» is none. */
static bool
read_number(const char *folder, const char *name, uint64_t *out)
{
	char path[PATH_LEN];
	char *text;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return false;
	text = read_text(path);
	ok = text && find_number(text, "", out);
	free(text);
	return ok;
}

/* ---- cgroups ---- */

/** struct controller - what the two versions call the same things */
struct controller {
	const char *line;    /* what the line of /proc/self/cgroup has before the path, without the number */
	const char *mounted; /* where it is; the second place is tried when the first has nothing */
	const char *mounted_else;
	const char *limit;
	const char *used;
	const char *active, *inactive; /* of memory.stat: bytes of files */
};

static const struct controller controllers[] = {
	{"::", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "memory.max", "memory.current", "active_file",
	 "inactive_file"},
	{":memory:", "/sys/fs/cgroup/memory", NULL, "memory.limit_in_bytes", "memory.usage_in_bytes",
	 "total_active_file", "total_inactive_file"},
};

/* What the kernel gives back when somebody asks for memory. */
static uint64_t
reclaimable(const char *folder, const struct controller *c)
{
	uint64_t active = 0, inactive = 0, sum = 0;
	char path[PATH_LEN];
	char *text;

	if (snprintf(path, sizeof(path), "%s/memory.stat", folder) >= (int)sizeof(path))
		return 0;
	text = read_text(path);
	if (text) {
		(void)find_number(text, c->active, &active);
		(void)find_number(text, c->inactive, &inactive);
	}
	free(text);
	return num_add(active, inactive, &sum) ? sum : 0;
}

static void
take_less(struct room *room, uint64_t bytes, const char *what, const char *name)
{
	if (bytes >= room->bytes)
		return;
	room->bytes = bytes;
	(void)snprintf(room->where, sizeof(room->where), "%s%.120s", what, name);
}

static void
measure_cgroup(struct room *room, const struct controller *c, const char *folder, const char *name)
{
	uint64_t limit, used, files;

	if (!read_number(folder, c->limit, &limit) || !read_number(folder, c->used, &used))
		return;
	files = num_min(reclaimable(folder, c), used);
	used -= files;
	take_less(room, limit > used ? limit - used : 0, "the memory cgroup ", *name ? name : "/");
}

/* The cgroup at @path and all above it: each has a limit of its own. */
static void
measure_branch(struct room *room, const struct controller *c, const char *mounted, char *path)
{
	char folder[PATH_LEN];

	for (;;) {
		if (snprintf(folder, sizeof(folder), "%s%s", mounted, path) < (int)sizeof(folder))
			measure_cgroup(room, c, folder, path);
		if (!*path)
			return;
		*strrchr(path, '/') = '\0';
	}
}

/* «5:memory:/a/b» or, of version 2, «0::/a/b», as «/a/b»; the root is «».  In a container the path may be that of the host. */
static bool
find_cgroup(const char *text, const struct controller *c, char *path, size_t cap)
{
	size_t label = strlen(c->line), len;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *colon = line + strspn(line, "0123456789");

		if (strncmp(colon, c->line, label) != 0 || colon[label] != '/')
			continue;
		len = strcspn(colon + label, "\n");
		if (len >= cap)
			return false;
		memcpy(path, colon + label, len);
		path[len == 1 ? 0 : len] = '\0';
		return true;
	}
	return false;
}

static void
measure_controller(struct room *room, const char *root, const char *text, const struct controller *c)
{
	const char *const places[] = {c->mounted, c->mounted_else};
	char path[PATH_LEN], mounted[PATH_LEN];

	for (size_t i = 0; i < 2 && places[i]; i++)
		if (find_cgroup(text, c, path, sizeof(path)) &&
		    snprintf(mounted, sizeof(mounted), "%s%s", root, places[i]) < (int)sizeof(mounted))
			measure_branch(room, c, mounted, path);
}

/* ---- all ---- */

static void
measure_machine(struct room *room, const char *root)
{
	char path[PATH_LEN];
	uint64_t kib, bytes;
	char *text;

	(void)snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	text = read_text(path);
	if (text && find_number(text, "MemAvailable:", &kib) && num_mul(kib, 1024, &bytes))
		take_less(room, bytes, "this machine", "");
	free(text);
}

void
room_measure(const char *root, struct room *out)
{
	char path[PATH_LEN];
	char *text;

	*out = (struct room){.bytes = UINT64_MAX};
	measure_machine(out, root);
	(void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	text = read_text(path);
	for (size_t i = 0; text && i < sizeof(controllers) / sizeof(controllers[0]); i++)
		measure_controller(out, root, text, &controllers[i]);
	free(text);
}
