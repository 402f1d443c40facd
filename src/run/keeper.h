/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: the process that has the keys and opens the model.
 *
 * It stays outside of the namespace of the program: in a user namespace files of root would belong to nobody, and no check of
 * whose a key file or a trust store is would hold.  And the process that becomes the program has never held a key.
 * The two talk over a socket, in turns.
 */
#ifndef RUN_KEEPER_H
#define RUN_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

/** struct keeper_word - what one of them says */
struct keeper_word {
	pid_t pid;	    /* who says it */
	struct fault fault; /* COFFER_OK, or how it ended */
	uint64_t number;
	char path[512];
};

/** struct keeper - the keeper, for the process that waits for it */
struct keeper {
	pid_t pid;
	int channel;
};

/**
 * keeper_fn - what the keeper does
 * @channel: to the process that waits
 *
 * When it fails, or has nothing more to say, the keeper ends, and the fault is what the other one hears next.
 */
typedef coffer_err keeper_fn(void *arg, struct fault *f, int channel);

enum keeper_life {
	KEEPER_CHILD, /* dies with this process, or is waited for */
	KEEPER_STAYS, /* is no child of this process, and ends by itself */
};

/** keeper_start() - fork one; this process must have one thread.  End with keeper_end(). */
coffer_err keeper_start(struct fault *f, keeper_fn *fn, void *arg, enum keeper_life life, struct keeper *out);

/** keeper_end() - say no more, and wait for the end of a child */
void keeper_end(struct keeper *k);

/**
 * keeper_say() - say @word over @channel, and hand on the descriptor @fd, unless it is -1
 *
 * When the other one is no more that is COFFER_E_INTERRUPTED.
 */
coffer_err keeper_say(struct fault *f, int channel, const struct keeper_word *word, int fd);

/**
 * keeper_hear() - wait for a word
 * @fd_out: gets the descriptor that came with it, or -1; close-on-exec.  NULL: none is expected.
 *
 * Return: the fault of the word, or COFFER_E_OTHER when the other one has ended without any.  A signal does not
 * end the wait.
 */
coffer_err keeper_hear(struct fault *f, int channel, struct keeper_word *word, int *fd_out);

/** keeper_forward() - from now on SIGINT, SIGTERM and SIGHUP go on to @pid, which ends tidily; ignored ones stay so */
void keeper_forward(pid_t pid);

/** keeper_forwarded() - whether one has come; then signals are as they were before keeper_forward() */
bool keeper_forwarded(void);

/**
 * keeper_note_inherited() - remember the descriptors that this process was started with, those of the terminal aside: before
 * anything else is opened that does not end with exec.  A process of keeper_start() has done so.
 */
void keeper_note_inherited(void);

/** keeper_leave_terminal() - be in nobody's way: no terminal, no folder, no lock or pipe that somebody waits for the end of */
void keeper_leave_terminal(void);

#endif
