/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many snapshots are kept.
 */
#ifndef ENGINE_BACKUP_RETAIN_H
#define ENGINE_BACKUP_RETAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coffer_backup_prune_options;

/** struct retained - one snapshot; its group is the host and the folders that it is of */
struct retained {
	int64_t time; /* seconds since 1970 */
	uint8_t group[32];
	bool whole; /* all its objects are there */
	bool keep;
};

/** retain_has_rule() - whether @rules would keep anything */
bool retain_has_rule(const struct coffer_backup_prune_options *rules);

/**
 * retain_choose() - set keep of each of the @n snapshots at @v, the oldest first
 *
 * The newest of each day (week, month, year) stands for it.  Of each group the newest that is whole is kept.  Those that are not whole
 * are counted apart, so that they take nobody's place.
 */
void retain_choose(const struct coffer_backup_prune_options *rules, struct retained *v, size_t n);

#endif
