/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources and sinks: how bytes come and go when they are not plain files.
 *
 * A source or sink is a struct of functions that the caller fills in and that
 * must live as long as the object it was given to.
 */
#ifndef COFFER_IO_H
#define COFFER_IO_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_source - bytes of a known number, readable at any place */
struct coffer_source {
	/** @size: how many bytes there are */
	uint64_t size;

	/** @user: handed to @read_at */
	void *user;

	/**
	 * @read_at: put exactly @len bytes from @off into @buf.  Is never asked for bytes
	 * past @size.  May be called from several threads at once.  Return:
	 * COFFER_OK, or any error; fewer bytes than asked for is COFFER_E_IO.
	 */
	coffer_err (*read_at)(void *user, uint64_t off, void *buf, size_t len);
};

/** struct coffer_sink - a place for bytes */
struct coffer_sink {
	/** @user: handed to the functions */
	void *user;

	/**
	 * @write_at: take all @len bytes of @buf for offset @off.  Each byte is written
	 * once, in any order, and from several threads at once.
	 */
	coffer_err (*write_at)(void *user, uint64_t off, const void *buf, size_t len);
};

#ifdef __cplusplus
}
#endif
#endif
