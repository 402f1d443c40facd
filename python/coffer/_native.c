/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcoffer for Python: the public headers and nothing else, by the limited API of Python 3.11.
 *
 * What users see is in the .py files; here is what has to be C: calls without the GIL, memory that is handed out without a copy,
 * and keys that never become Python objects.  _native.pyi lists what there is.
 *
 * Threads: a context serves one call at a time, so every call makes one of its own; the model and its files are shared by
 * counts, which change with the GIL held.  On the main thread the library's work goes to a thread of its own, which the main
 * thread waits for, so that Python's signal handlers run and Ctrl-C cancels it.
 *
 * Forks: secrets are wiped in a child (MADV_WIPEONFORK) and threads are not there, so a child cannot use a model that its parent
 * has opened, and is told so.  Memory stays what it is.
 *
 * In this order, each under a line of its own:
 *
 *	errors		from a coffer_err to an exception
 *	lists
 *	options		from a dict to one of the library's structs
 *	calls		one call of the library: without the GIL, with signals, passphrases and notices
 *	keys		from a tuple of URIs and raw keys to a keyring
 *	verbs		what most calls begin with: their options, the keys, whom to trust
 *	opened models	what the objects of one model share
 *	lists of tensors
 *	the types	Memory, Model, File
 *	the functions	seal(), open_to(), check(); sign(), verify(); rewrap(), inspect()
 *	the module
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <coffer/coffer.h>
#include <coffer/load.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define HUGE_PAGE (2 * MIB)
#define SMALL_READ MIB		/* below it one thread is as fast as all of them */
#define SMALL_MEMORY (64 * KIB) /* below it a mapping of its own costs more than it gives */
#define SIGNALS_NS 20000000	/* how often the main thread looks for signals */
#define MAX_BLOCKS 32

static PyTypeObject *memory_type, *file_type, *model_type;

/* ---- errors ---- */

/* A function of coffer._errors: that of the interpreter that asks, for each has exceptions of its own. */
static PyObject *
of_errors(const char *name)
{
	PyObject *errors = PyImport_ImportModule("coffer._errors");
	PyObject *function = errors ? PyObject_GetAttrString(errors, name) : NULL;

	Py_XDECREF(errors);
	return function;
}

static PyObject *
raise_text(coffer_err err, const char *text)
{
	PyObject *error_for, *error = NULL, *said;

	if (err == COFFER_E_NOMEM)
		return PyErr_NoMemory();
	error_for = of_errors("error_for");
	said = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"); /* a path in it may be anything */
	if (error_for && said)
		error = PyObject_CallFunction(error_for, "siO", coffer_err_name(err), coffer_err_exit(err), said);
	if (error)
		PyErr_SetObject((PyObject *)Py_TYPE(error), error);
	Py_XDECREF(error);
	Py_XDECREF(said);
	Py_XDECREF(error_for);
	return NULL;
}

static PyObject *
raise_error(coffer_err err, const struct coffer_ctx *ctx)
{
	const char *text = coffer_ctx_message(ctx);

	return raise_text(err, *text ? text : coffer_err_text(err));
}

/* ---- lists ---- */

/* Add @item, which is taken over, to @list, or give both up. */
static PyObject *
append(PyObject *list, PyObject *item)
{
	if (!item || PyList_Append(list, item) < 0)
		Py_CLEAR(list);
	Py_XDECREF(item);
	return list;
}

/* ---- options: from a dict into one of the library's structs ---- */

enum kind { TEXT, LIST, PAIRS, FLAG, U32, U64, I64, CHOICE, OBJECT };

/** struct option - one member; of LIST and PAIRS the number goes to @off_n, of CHOICE the value is the index in @choices */
struct option {
	const char *name;
	enum kind kind;
	size_t off, off_n;
	const char *const *choices;
};

/** struct blocks - what the members point to, but for text, which the dict owns */
struct blocks {
	void *v[MAX_BLOCKS];
	size_t n;
};

static void
blocks_free(struct blocks *b)
{
	while (b->n > 0)
		free(b->v[--b->n]);
}

static void *
blocks_new(struct blocks *b, size_t n, size_t size)
{
	void *block = b->n < MAX_BLOCKS ? calloc(n + 1, size) : NULL;

	if (!block) {
		PyErr_NoMemory();
		return NULL;
	}
	b->v[b->n++] = block;
	return block;
}

/* A str, or the bytes of a path; NULL with an exception. */
static const char *
text_of(PyObject *o)
{
	const char *text;
	Py_ssize_t len;

	if (PyBytes_Check(o)) {
		text = PyBytes_AsString(o);
		len = PyBytes_Size(o);
	} else {
		text = PyUnicode_AsUTF8AndSize(o, &len);
	}
	if (text && strlen(text) != (size_t)len) {
		PyErr_SetString(PyExc_ValueError, "embedded null character");
		return NULL;
	}
	return text;
}

/* For PyArg_ParseTuple, whose «K» takes a number modulo 2^64. */
static int
to_u64(PyObject *o, void *out)
{
	unsigned long long number = PyLong_AsUnsignedLongLong(o);

	*(uint64_t *)out = number;
	return !PyErr_Occurred();
}

/* @width texts an entry */
static int
set_list(PyObject *tuple, size_t width, const char ***list_out, size_t *n_out, struct blocks *blocks)
{
	Py_ssize_t n = PyTuple_Size(tuple);
	const char **list;

	if (n < 0)
		return -1;
	list = blocks_new(blocks, (size_t)n, sizeof(*list));
	if (!list)
		return -1;
	for (Py_ssize_t i = 0; i < n; i++) {
		list[i] = text_of(PyTuple_GetItem(tuple, i));
		if (!list[i])
			return -1;
	}
	*list_out = list;
	*n_out = (size_t)n / width;
	return 0;
}

static int
set_choice(PyObject *value, const char *const *choices, int *out)
{
	const char *text = text_of(value);

	if (!text)
		return -1;
	for (int i = 0; choices[i]; i++)
		if (strcmp(choices[i], text) == 0) {
			*out = i;
			return 0;
		}
	PyErr_Format(PyExc_ValueError, "there is no choice %R", value);
	return -1;
}

static int
set_member(const struct option *o, PyObject *value, char *base, struct blocks *blocks)
{
	void *at = base + o->off;
	unsigned long long number;
	int truth;

	switch (o->kind) {
	case TEXT:
		*(const char **)at = text_of(value);
		return *(const char **)at ? 0 : -1;
	case LIST:
		return set_list(value, 1, at, (size_t *)(void *)(base + o->off_n), blocks);
	case PAIRS: /* an array of struct coffer_pair is one of twice as many texts */
		return set_list(value, 2, at, (size_t *)(void *)(base + o->off_n), blocks);
	case CHOICE:
		return set_choice(value, o->choices, at);
	case FLAG:
		truth = PyObject_IsTrue(value);
		*(bool *)at = truth > 0;
		return truth < 0 ? -1 : 0;
	case I64:
		*(int64_t *)at = PyLong_AsLongLong(value);
		return PyErr_Occurred() ? -1 : 0;
	case U64:
		*(uint64_t *)at = PyLong_AsUnsignedLongLong(value);
		return PyErr_Occurred() ? -1 : 0;
	case U32:
		number = PyLong_AsUnsignedLongLong(value);
		if (!PyErr_Occurred() && number > UINT32_MAX)
			PyErr_Format(PyExc_OverflowError, "%s is too large", o->name);
		*(uint32_t *)at = (uint32_t)number;
		return PyErr_Occurred() ? -1 : 0;
	case OBJECT:
		*(PyObject **)at = value;
		return 0;
	}
	return -1;
}

/* Each entry of @dict that is not None; @dict is a copy of the caller's that nobody changes meanwhile. */
static int
set_options(PyObject *dict, const struct option *table, void *out, struct blocks *blocks)
{
	PyObject *key, *value;
	Py_ssize_t at = 0;

	while (PyDict_Next(dict, &at, &key, &value)) {
		const struct option *o = table;
		const char *name = text_of(key);

		if (!name)
			return -1;
		while (o->name && strcmp(o->name, name) != 0)
			o++;
		if (!o->name) {
			PyErr_Format(PyExc_TypeError, "there is no option %R", key);
			return -1;
		}
		if (value != Py_None && set_member(o, value, out, blocks) < 0)
			return -1;
	}
	return 0;
}

#define MEMBER_AS(called, type, in, member)                                                                            \
	{                                                                                                              \
		.name = called, .kind = type, .off = offsetof(in, member)                                              \
	}
#define MEMBER(type, in, member) MEMBER_AS(#member, type, in, member)
#define MEMBERS(type, in, member)                                                                                      \
	{                                                                                                              \
		.name = #member, .kind = type, .off = offsetof(in, member), .off_n = offsetof(in, n_##member)          \
	}
#define ONE_OF(in, member, words)                                                                                      \
	{                                                                                                              \
		.name = #member, .kind = CHOICE, .off = offsetof(in, member), .choices = words                         \
	}

/* ---- calls ---- */

/** struct question - a passphrase that a thread of the library waits for */
struct question {
	const char *what;
	bool confirm;
	char *out;
	size_t cap;
	size_t *len_out;
	bool answered;
	coffer_err err;
};

/** struct call - one call of the library */
struct call {
	struct coffer_ctx *ctx;
	PyObject *prompt; /* or NULL */

	bool threaded; /* @work runs in a thread of its own, and the caller's thread answers */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct question *question;
	bool done;
	coffer_err (*work)(void *);
	void *user;
	coffer_err err;
	bool fine; /* the last @work did what it should, so that @ctx can serve again */

	PyObject *type, *value, *traceback; /* what Python code has raised meanwhile */
};

/** struct call_options - what of a context can be chosen */
struct call_options {
	const char *environment;
	uint64_t min_generation;
	uint32_t jobs;
	PyObject *prompt;
};

static void
keep_exception(struct call *c)
{
	if (c->type)
		PyErr_Clear();
	else
		PyErr_Fetch(&c->type, &c->value, &c->traceback);
	coffer_ctx_cancel(c->ctx);
}

/* A passphrase as bytes that were made here; those of one character Python shares. */
static void
forget(PyObject *bytes)
{
	if (bytes && PyBytes_Size(bytes) > 1)
		explicit_bzero(PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
	Py_XDECREF(bytes);
}

/* With the GIL. */
static void
answer(struct call *c, struct question *q)
{
	PyObject *said = PyObject_CallFunction(c->prompt, "sO", q->what, q->confirm ? Py_True : Py_False);
	PyObject *bytes = said && PyUnicode_Check(said) ? PyUnicode_AsUTF8String(said) : said;
	Py_buffer view;

	q->err = COFFER_E_INTERRUPTED;
	if (!bytes || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0) {
		keep_exception(c);
	} else if ((size_t)view.len > q->cap) {
		q->err = COFFER_E_USAGE;
		PyBuffer_Release(&view);
	} else {
		memcpy(q->out, view.buf, (size_t)view.len);
		*q->len_out = (size_t)view.len;
		q->err = COFFER_OK;
		PyBuffer_Release(&view);
	}
	if (bytes != said)
		forget(bytes);
	Py_XDECREF(said);
}

static coffer_err
ask(void *user, const char *what, bool confirm, char *out, size_t cap, size_t *len_out)
{
	struct question q = {.what = what, .confirm = confirm, .out = out, .cap = cap, .len_out = len_out};
	struct call *c = user;

	if (!c->threaded) {
		PyGILState_STATE gil = PyGILState_Ensure();

		answer(c, &q);
		PyGILState_Release(gil);
		return q.err;
	}
	pthread_mutex_lock(&c->lock);
	c->question = &q;
	pthread_cond_broadcast(&c->changed);
	while (!q.answered)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return q.err;
}

static void
tell(void *user, const char *text)
{
	PyGILState_STATE gil = PyGILState_Ensure();
	PyObject *notice = of_errors("notice"), *none = notice ? PyObject_CallFunction(notice, "s", text) : NULL;

	(void)user;
	if (!none)
		PyErr_WriteUnraisable(notice);
	Py_XDECREF(none);
	Py_XDECREF(notice);
	PyGILState_Release(gil);
}

/* Free its context, unless this fails. */
static int
call_begin(struct call *c, const struct call_options *o)
{
	coffer_err err;

	*c = (struct call){.prompt = o->prompt, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	err = coffer_ctx_new(&c->ctx);
	if (err) {
		(void)raise_text(err, coffer_err_text(err));
		return -1;
	}
	coffer_ctx_set_jobs(c->ctx, o->jobs);
	coffer_ctx_set_min_generation(c->ctx, o->min_generation);
	coffer_ctx_set_notice(c->ctx, tell, NULL);
	if (c->prompt)
		coffer_ctx_set_prompt(c->ctx, ask, c);
	err = coffer_ctx_set_environment(c->ctx, o->environment);
	if (err)
		(void)raise_error(err, c->ctx);
	if (err)
		coffer_ctx_free(&c->ctx);
	return err ? -1 : 0;
}

static void *
run_thread(void *user)
{
	struct call *c = user;
	coffer_err err = c->work(c->user);

	pthread_mutex_lock(&c->lock);
	c->err = err;
	c->done = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Until there is something to do, or it is time to look for signals; without the GIL.  Says whether @work is done. */
static bool
wait_a_while(struct call *c, struct question **question_out)
{
	struct timespec until;
	bool done;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SIGNALS_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&c->lock);
	if (!c->done && !c->question)
		(void)pthread_cond_timedwait(&c->changed, &c->lock, &until);
	*question_out = c->question;
	c->question = NULL;
	done = c->done;
	pthread_mutex_unlock(&c->lock);
	return done;
}

static void
attend(struct call *c, pthread_t thread)
{
	bool done = false;

	while (!done) {
		PyThreadState *gil = PyEval_SaveThread();
		struct question *q;

		done = wait_a_while(c, &q);
		PyEval_RestoreThread(gil);
		if (q) {
			answer(c, q);
			pthread_mutex_lock(&c->lock);
			q->answered = true;
			pthread_cond_broadcast(&c->changed);
			pthread_mutex_unlock(&c->lock);
		}
		if (PyErr_CheckSignals() < 0)
			keep_exception(c);
	}
	(void)pthread_join(thread, NULL);
}

/* Run @work without the GIL: 0, or -1 with an exception. */
static int
call_run(struct call *c, coffer_err (*work)(void *), void *user)
{
	pthread_t thread;

	c->work = work;
	c->user = user;
	c->done = c->fine = false;
	/* signals are the main thread's; the thread looks at it as soon as it is there */
	c->threaded = gettid() == getpid();
	if (c->threaded)
		c->threaded = pthread_create(&thread, NULL, run_thread, c) == 0;
	if (c->threaded) {
		attend(c, thread);
	} else {
		PyThreadState *gil = PyEval_SaveThread();

		c->err = work(user);
		PyEval_RestoreThread(gil);
	}
	if (c->type) {
		PyErr_Restore(c->type, c->value, c->traceback);
		c->type = c->value = c->traceback = NULL;
		return -1;
	}
	if (c->err)
		(void)raise_error(c->err, c->ctx);
	c->fine = !c->err;
	return c->err ? -1 : 0;
}

/* ---- keys ---- */

static int
add_raw(struct call *c, struct coffer_keyring *keys, PyObject *o)
{
	Py_buffer view;
	coffer_err err;

	if (PyObject_GetBuffer(o, &view, PyBUF_SIMPLE) < 0)
		return -1;
	err = COFFER_E_USAGE;
	if (view.len == COFFER_KEY_LEN)
		err = coffer_keyring_add_raw(c->ctx, keys, view.buf);
	if (view.len != COFFER_KEY_LEN)
		(void)raise_text(err, "a key is 32 bytes");
	else if (err)
		(void)raise_error(err, c->ctx);
	PyBuffer_Release(&view);
	return err ? -1 : 0;
}

/** struct adding - a URI on its way into a keyring */
struct adding {
	struct coffer_ctx *ctx;
	struct coffer_keyring *keys;
	const char *uri; /* NULL: all of the local keyring */
};

static coffer_err
work_add(void *user)
{
	struct adding *a = user;

	return a->uri ? coffer_keyring_add(a->ctx, a->keys, a->uri) : coffer_keyring_add_store(a->ctx, a->keys, NULL);
}

/* @list: a tuple of URIs and raw keys; None adds the local keyring */
static int
add_keys(struct call *c, struct coffer_keyring *keys, PyObject *list)
{
	Py_ssize_t n = list == Py_None ? 1 : PyTuple_Size(list);

	if (n < 0)
		return -1;
	for (Py_ssize_t i = 0; i < n; i++) {
		struct adding a = {.ctx = c->ctx, .keys = keys};
		PyObject *key = list == Py_None ? NULL : PyTuple_GetItem(list, i);

		if (key && !PyUnicode_Check(key)) {
			if (add_raw(c, keys, key) < 0)
				return -1;
			continue;
		}
		a.uri = key ? text_of(key) : NULL;
		if ((key && !a.uri) || call_run(c, work_add, &a) < 0)
			return -1;
	}
	return 0;
}

static struct coffer_keyring *
keys_new(struct call *c, PyObject *list)
{
	struct coffer_keyring *keys = NULL;
	coffer_err err = coffer_keyring_new(c->ctx, &keys);

	if (err)
		(void)raise_error(err, c->ctx);
	else if (add_keys(c, keys, list) < 0)
		coffer_keyring_free(&keys);
	return keys;
}

/* Keys to open with: without any there is nothing to try. */
static struct coffer_keyring *
keys_to_open(struct call *c, PyObject *list)
{
	struct coffer_keyring *keys = keys_new(c, list);

	if (keys && coffer_keyring_size(keys) == 0) {
		(void)raise_text(COFFER_E_NOKEY, "no key was given and the local keyring is empty; give kek=, or set "
						 "COFFER_KEK; coffer.inspect() says which keys a model wants");
		coffer_keyring_free(&keys);
	}
	return keys;
}

/* ---- verbs: what most calls begin with ---- */

static const struct option call_table[] = {
	MEMBER(TEXT, struct call_options, environment),
	MEMBER(U64, struct call_options, min_generation),
	MEMBER(U32, struct call_options, jobs),
	MEMBER(OBJECT, struct call_options, prompt),
	{0},
};

/* as enum coffer_method numbers them */
static const char *const methods[] = {"", "key", "certificate", "pkcs11-key", "pkcs11-certificate", "sigstore", NULL};

static const struct option trust_table[] = {
	ONE_OF(struct coffer_trust_options, method, methods),
	MEMBER(TEXT, struct coffer_trust_options, public_key),
	MEMBERS(LIST, struct coffer_trust_options, certificate_chain),
	MEMBERS(LIST, struct coffer_trust_options, tsa_chain),
	MEMBER(I64, struct coffer_trust_options, verify_at),
	MEMBER(TEXT, struct coffer_trust_options, identity),
	MEMBER(TEXT, struct coffer_trust_options, issuer),
	MEMBER(TEXT, struct coffer_trust_options, trusted_root),
	MEMBER(TEXT, struct coffer_trust_options, trust_config),
	{0},
};

static const struct option open_table[] = {
	MEMBERS(LIST, struct coffer_open_options, include),
	MEMBERS(LIST, struct coffer_open_options, exclude),
	MEMBER(FLAG, struct coffer_open_options, force),
	MEMBER(TEXT, struct coffer_open_options, signature),
	MEMBER(FLAG, struct coffer_open_options, ignore_trust_store),
	MEMBER(TEXT, struct coffer_open_options, name),
	{0},
};

static const struct option seal_table[] = {
	MEMBER(U32, struct coffer_seal_options, record_size),
	MEMBER(TEXT, struct coffer_seal_options, name),
	MEMBER_AS("version", TEXT, struct coffer_seal_options, model_version),
	MEMBERS(PAIRS, struct coffer_seal_options, context),
	MEMBERS(LIST, struct coffer_seal_options, include),
	MEMBERS(LIST, struct coffer_seal_options, exclude),
	MEMBER(FLAG, struct coffer_seal_options, hidden),
	MEMBER(FLAG, struct coffer_seal_options, follow_symlinks),
	MEMBER(FLAG, struct coffer_seal_options, force),
	{0},
};

static const struct option signer_table[] = {
	ONE_OF(struct coffer_signer_options, method, methods),
	MEMBER(TEXT, struct coffer_signer_options, private_key),
	MEMBER(TEXT, struct coffer_signer_options, passphrase_file),
	MEMBER(TEXT, struct coffer_signer_options, signing_certificate),
	MEMBERS(LIST, struct coffer_signer_options, certificate_chain),
	MEMBER(TEXT, struct coffer_signer_options, pkcs11_uri),
	MEMBER(TEXT, struct coffer_signer_options, pkcs11_module),
	MEMBER(TEXT, struct coffer_signer_options, tsa_url),
	MEMBER(TEXT, struct coffer_signer_options, trust_config),
	MEMBER(TEXT, struct coffer_signer_options, trusted_root),
	MEMBER(TEXT, struct coffer_signer_options, signing_config),
	MEMBER(TEXT, struct coffer_signer_options, token_file),
	MEMBER(TEXT, struct coffer_signer_options, token_env),
	MEMBER(FLAG, struct coffer_signer_options, ambient),
	{0},
};

static const char *const serializations[] = {"files", "shards", NULL};
static const char *const hashes[] = {"sha256", "blake2b", "blake3", NULL};

static const struct option sign_table[] = {
	ONE_OF(struct coffer_sign_options, serialization, serializations),
	ONE_OF(struct coffer_sign_options, hash, hashes),
	MEMBER(U64, struct coffer_sign_options, shard_size),
	MEMBERS(LIST, struct coffer_sign_options, ignore_paths),
	MEMBER(FLAG, struct coffer_sign_options, allow_symlinks),
	MEMBER(FLAG, struct coffer_sign_options, force),
	{0},
};

static const struct option verify_table[] = {
	MEMBERS(LIST, struct coffer_verify_options, ignore_paths),
	MEMBER(FLAG, struct coffer_verify_options, allow_symlinks),
	MEMBER(FLAG, struct coffer_verify_options, ignore_unsigned),
	{0},
};

static const struct option rewrap_table[] = {
	MEMBERS(LIST, struct coffer_rewrap_options, remove_ids),
	MEMBER(FLAG, struct coffer_rewrap_options, replace),
	MEMBER(FLAG, struct coffer_rewrap_options, renew),
	{0},
};

/** struct verb - what most calls begin with, and clean up at their end */
struct verb {
	struct call call;
	struct blocks blocks;
	struct coffer_keyring *keys;
	struct coffer_trust *trust;
};

static void
verb_end(struct verb *v)
{
	coffer_trust_free(&v->trust);
	coffer_keyring_free(&v->keys);
	coffer_ctx_free(&v->call.ctx);
	blocks_free(&v->blocks);
}

static int
verb_begin(struct verb *v, PyObject *call)
{
	struct call_options options = {0};

	*v = (struct verb){.trust = NULL};
	if (set_options(call, call_table, &options, &v->blocks) < 0)
		return -1;
	return call_begin(&v->call, &options);
}

/** struct trusting - a trust on its way */
struct trusting {
	struct coffer_ctx *ctx;
	const struct coffer_trust_options *options;
	struct coffer_trust **out;
};

static coffer_err
work_trust(void *user)
{
	struct trusting *t = user;

	return coffer_trust_open(t->ctx, t->options, t->out);
}

/* @dict: None for whom the trust store says */
static int
verb_trust(struct verb *v, PyObject *dict)
{
	struct coffer_trust_options options = {.version_1 = 1};
	struct trusting t = {.ctx = v->call.ctx, .options = &options, .out = &v->trust};

	if (dict == Py_None)
		return 0;
	if (set_options(dict, trust_table, &options, &v->blocks) < 0)
		return -1;
	return call_run(&v->call, work_trust, &t);
}

static int
verb_keys(struct verb *v, PyObject *keys)
{
	v->keys = keys_to_open(&v->call, keys);
	return v->keys ? 0 : -1;
}

/* ---- opened models, which objects share ---- */

/** struct held - a file of a model that is open for as long as somebody uses it */
struct held {
	struct coffer_file *file;
	size_t users;
};

/** struct opened - a model; its Python object, its files and the calls that run each count as a user */
struct opened {
	size_t users; /* with the GIL */
	pid_t pid;
	struct coffer_ctx *ctx;	 /* that it was opened with */
	struct coffer_ctx *idle; /* of a call that has ended, for the next one, whose threads are warm; or NULL */
	struct coffer_model *model;
	uint32_t jobs;
	struct held *files; /* with the GIL */
};

static void
opened_put(struct opened **opened)
{
	struct opened *o = *opened;

	*opened = NULL;
	if (!o || --o->users > 0)
		return;
	/* in a child the threads of the context are not there to be ended */
	if (o->pid == getpid()) {
		coffer_model_free(&o->model);
		coffer_ctx_free(&o->ctx);
		coffer_ctx_free(&o->idle);
	}
	free(o->files);
	free(o);
}

/* For one more user; NULL with an exception when it is closed, or the parent's. */
static struct opened *
opened_get(struct opened *o)
{
	if (!o) {
		PyErr_SetString(PyExc_ValueError, "I/O operation on closed model");
		return NULL;
	}
	if (o->pid != getpid()) {
		(void)raise_text(COFFER_E_USAGE,
				 "the model was opened before this process was forked, and its key is wiped here; "
				 "open it again in this process");
		return NULL;
	}
	o->users++;
	return o;
}

/* A call on a model; give it back with call_return(), unless this fails. */
static int
call_borrow(struct call *c, struct opened *o)
{
	if (!o->idle)
		return call_begin(c, &(struct call_options){.jobs = o->jobs});
	*c = (struct call){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .ctx = o->idle};
	o->idle = NULL;
	return 0;
}

static void
call_return(struct call *c, struct opened *o)
{
	if (!c->fine || o->idle) {
		coffer_ctx_free(&c->ctx); /* a cancelled one stays so */
	} else {
		o->idle = c->ctx;
		c->ctx = NULL;
	}
}

static void
let_go(struct opened *o, size_t index)
{
	struct held *h = &o->files[index];

	if (--h->users == 0 && o->pid == getpid())
		coffer_file_free(&h->file);
}

/* Two threads may open the same file at a time; then the second one's is not needed. */
static int
hold(struct opened *o, size_t index)
{
	struct held *h = &o->files[index];
	struct coffer_file *file = NULL;
	PyThreadState *gil;
	struct call call;
	coffer_err err;

	h->users++;
	if (h->file)
		return 0;
	if (call_borrow(&call, o) < 0)
		goto failed;
	gil = PyEval_SaveThread();
	err = coffer_file_open(call.ctx, o->model, index, &file);
	PyEval_RestoreThread(gil);
	if (err)
		(void)raise_error(err, call.ctx);
	call.fine = !err;
	call_return(&call, o);
	if (err)
		goto failed;
	if (h->file)
		coffer_file_free(&file);
	else
		h->file = file;
	return 0;
failed:
	let_go(o, index);
	return -1;
}

/* ---- lists of tensors ---- */

static PyObject *
tensor_tuple(const struct coffer_tensor *t)
{
	PyObject *shape = PyTuple_New((Py_ssize_t)t->n_dims);

	for (unsigned int i = 0; shape && i < t->n_dims; i++) {
		PyObject *n = PyLong_FromUnsignedLongLong(t->shape[i]);

		if (!n || PyTuple_SetItem(shape, (Py_ssize_t)i, n) < 0)
			Py_CLEAR(shape);
	}
	return shape ? Py_BuildValue("ssNnKK", t->name, t->dtype, shape, (Py_ssize_t)t->file,
				     (unsigned long long)t->off, (unsigned long long)t->size)
		     : NULL;
}

static PyObject *
tensor_list(const struct coffer_tensors *tensors)
{
	PyObject *list = PyList_New(0);

	for (size_t i = 0; list && i < coffer_tensors_size(tensors); i++)
		list = append(list, tensor_tuple(coffer_tensors_at(tensors, i)));
	return list;
}

/** struct listing - the tensors of a model, or of one file of it */
struct listing {
	struct coffer_ctx *ctx;
	struct coffer_model *model;
	struct coffer_file *file;
	struct coffer_tensors *tensors;
};

static coffer_err
work_list(void *user)
{
	struct listing *l = user;
	struct coffer_source source;

	if (!l->file)
		return coffer_tensors_read_model(l->ctx, l->model, &l->tensors);
	source = coffer_file_source(l->file);
	return coffer_tensors_read(l->ctx, &source, &l->tensors);
}

static PyObject *
list_tensors(struct call *call, struct listing *l)
{
	PyObject *list = NULL;

	l->ctx = call->ctx;
	if (call_run(call, work_list, l) == 0)
		list = tensor_list(l->tensors);
	coffer_tensors_free(&l->tensors);
	return list;
}

/* ---- the type Memory ---- */

/** struct memory - bytes of a file, opened; what looks at them keeps the object, and the object keeps them */
struct memory {
	PyObject_HEAD uint8_t *bytes;
	size_t len;
	void *map; /* what is unmapped; NULL: @bytes are freed */
	size_t map_len;
	bool writable;
};

/* Aligned to a huge page, so that it is made of them. */
static int
map_huge(struct memory *m)
{
	size_t room = m->len + HUGE_PAGE;
	uint8_t *map, *at;

	if (room < m->len)
		return -1;
	map = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	at = m->len < HUGE_PAGE ? map : (uint8_t *)(((uintptr_t)map + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	(void)madvise(at, m->len, MADV_HUGEPAGE);
	(void)madvise(map, room, MADV_DONTDUMP);
	m->map = map;
	m->map_len = room;
	m->bytes = at;
	return 0;
}

static struct memory *
memory_new(size_t len, bool writable)
{
	struct memory *m = PyObject_New(struct memory, memory_type);
	bool made;

	if (!m)
		return NULL;
	m->bytes = NULL;
	m->map = NULL;
	m->len = len;
	m->writable = writable;
	if (len < SMALL_MEMORY)
		made = posix_memalign((void **)&m->bytes, 64, len ? len : 1) == 0;
	else
		made = map_huge(m) == 0;
	if (!made) {
		m->bytes = NULL;
		Py_DECREF(m);
		PyErr_NoMemory();
		return NULL;
	}
	return m;
}

static void
memory_dealloc(PyObject *self)
{
	struct memory *m = (struct memory *)self;
	PyTypeObject *type = Py_TYPE(self);

	if (m->map) {
		(void)munmap(m->map, m->map_len);
	} else if (m->bytes) {
		explicit_bzero(m->bytes, m->len);
		free(m->bytes);
	}
	PyObject_Free(self);
	Py_DECREF(type);
}

static int
memory_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
	struct memory *m = (struct memory *)self;

	return PyBuffer_FillInfo(view, self, m->bytes, (Py_ssize_t)m->len, !m->writable, flags);
}

static Py_ssize_t
memory_len(PyObject *self)
{
	return (Py_ssize_t)((struct memory *)self)->len;
}

static PyObject *
memory_repr(PyObject *self)
{
	struct memory *m = (struct memory *)self;

	return PyUnicode_FromFormat("<coffer.Memory of %zu bytes%s>", m->len, m->writable ? ", writable" : "");
}

static char memory_doc[] = "Bytes of a model, opened: private to this process.  It has the buffer protocol, and lives "
			   "as long as a view of it does.";

static PyType_Slot memory_slots[] = {
	{Py_tp_doc, memory_doc},    {Py_tp_dealloc, memory_dealloc},	 {Py_tp_repr, memory_repr},
	{Py_sq_length, memory_len}, {Py_bf_getbuffer, memory_getbuffer}, {0, NULL},
};

static PyType_Spec memory_spec = {
	.name = "coffer.Memory",
	.basicsize = sizeof(struct memory),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = memory_slots,
};

/* ---- the type Model ---- */

/** struct model - what Python has of one */
struct model {
	PyObject_HEAD struct opened *opened; /* NULL: closed */
};

/** struct opening - a model on its way */
struct opening {
	struct verb verb;
	const char *path;
	struct coffer_open_options options;
	int allow_code;
	struct coffer_model *model;
};

/* Nothing of a model is used before it is known whose it is and that it carries no code. */
static coffer_err
work_open(void *user)
{
	struct opening *o = user;
	struct coffer_ctx *ctx = o->verb.call.ctx;
	coffer_err err = coffer_model_open(ctx, o->path, o->verb.keys, &o->model);

	if (!err)
		err = coffer_model_trust(ctx, o->model, &o->options);
	if (!err && !o->allow_code)
		err = coffer_model_refuse_code(ctx, o->model);
	return err;
}

static struct opened *
opened_new(struct opening *o)
{
	struct opened *opened = calloc(1, sizeof(*opened));
	struct held *files = calloc(coffer_model_size(o->model) + 1, sizeof(*files));

	if (!opened || !files) {
		free(opened);
		free(files);
		PyErr_NoMemory();
		return NULL;
	}
	*opened = (struct opened){
		.users = 1, .pid = getpid(), .ctx = o->verb.call.ctx, .model = o->model, .files = files};
	coffer_ctx_set_prompt(opened->ctx, NULL, NULL);
	o->verb.call.ctx = NULL;
	o->model = NULL;
	return opened;
}

/* Model(path, keys, call, trust, options, allow_code) */
static PyObject *
model_new(PyTypeObject *type, PyObject *args, PyObject *none)
{
	struct opening o = {.options.version_1 = 1};
	PyObject *path, *keys, *call, *trust, *options;
	struct opened *opened = NULL;
	struct call_options jobs = {0};
	struct model *m = NULL;

	(void)none;
	if (!PyArg_ParseTuple(args, "SOO!OO!p", &path, &keys, &PyDict_Type, &call, &trust, &PyDict_Type, &options,
			      &o.allow_code))
		return NULL;
	o.path = text_of(path);
	if (o.path && verb_begin(&o.verb, call) == 0 && set_options(call, call_table, &jobs, &o.verb.blocks) == 0 &&
	    set_options(options, open_table, &o.options, &o.verb.blocks) == 0 && verb_trust(&o.verb, trust) == 0 &&
	    verb_keys(&o.verb, keys) == 0) {
		o.options.trust = o.verb.trust;
		if (call_run(&o.verb.call, work_open, &o) == 0)
			opened = opened_new(&o);
	}
	coffer_model_free(&o.model);
	verb_end(&o.verb);
	if (!opened)
		return NULL;
	opened->jobs = jobs.jobs;
	m = (struct model *)(void *)PyType_GenericAlloc(type, 0);
	if (m)
		m->opened = opened;
	else
		opened_put(&opened);
	return (PyObject *)m;
}

static int
refuse_closed_model(const struct model *m)
{
	if (m->opened)
		return 0;
	PyErr_SetString(PyExc_ValueError, "I/O operation on closed model");
	return -1;
}

static PyObject *
model_get_name(PyObject *self, void *none)
{
	struct model *m = (struct model *)self;

	(void)none;
	return refuse_closed_model(m) < 0 ? NULL : PyUnicode_FromString(coffer_model_name(m->opened->model));
}

static PyObject *
model_get_version(PyObject *self, void *none)
{
	struct model *m = (struct model *)self;

	(void)none;
	return refuse_closed_model(m) < 0 ? NULL : PyUnicode_FromString(coffer_model_version(m->opened->model));
}

static PyObject *
model_get_files(PyObject *self, void *none)
{
	struct model *m = (struct model *)self;
	PyObject *list;

	(void)none;
	if (refuse_closed_model(m) < 0)
		return NULL;
	list = PyList_New(0);
	for (size_t i = 0; list && i < coffer_model_size(m->opened->model); i++)
		list = append(list, PyUnicode_FromString(coffer_model_path(m->opened->model, i)));
	return list;
}

static PyObject *
model_get_closed(PyObject *self, void *none)
{
	(void)none;
	return PyBool_FromLong(!((struct model *)self)->opened);
}

static PyObject *
model_close(PyObject *self, PyObject *none)
{
	(void)none;
	opened_put(&((struct model *)self)->opened);
	Py_RETURN_NONE;
}

static void
model_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	opened_put(&((struct model *)self)->opened);
	release(self);
	Py_DECREF(type);
}

static PyObject *
model_tensors(PyObject *self, PyObject *none)
{
	struct opened *o = opened_get(((struct model *)self)->opened);
	PyObject *list = NULL;
	struct call call;

	(void)none;
	if (!o)
		return NULL;
	if (call_borrow(&call, o) == 0) {
		struct listing l = {.model = o->model};

		list = list_tensors(&call, &l);
		call_return(&call, o);
	}
	opened_put(&o);
	return list;
}

/* Model.each(): each tensor, as soon as it is verified. */

/** struct placed - the buffer of a tensor that is not ready yet */
struct placed {
	Py_buffer view;
	struct placed *next;
};

/** struct delivery - coffer_loader_each() with functions of Python */
struct delivery {
	struct coffer_ctx *ctx;
	struct coffer_model *model;
	uint64_t ahead;
	PyObject *place, *ready;
	struct placed *first, **last; /* in the order of the tensors */
	PyObject *type, *value, *traceback;
};

static void
placed_free(struct placed *p)
{
	PyBuffer_Release(&p->view);
	free(p);
}

static coffer_err
fail_delivery(struct delivery *d)
{
	if (!d->type)
		PyErr_Fetch(&d->type, &d->value, &d->traceback);
	else
		PyErr_Clear();
	return COFFER_E_INTERRUPTED;
}

/* The memory that place() gave, or NULL: with an exception, or because it gave None. */
static void *
keep_placed(struct delivery *d, const struct coffer_tensor *t, PyObject *given)
{
	static char nowhere;
	struct placed *p;

	if (given == Py_None)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		PyErr_NoMemory();
		return NULL;
	}
	if (PyObject_GetBuffer(given, &p->view, PyBUF_WRITABLE) < 0) {
		free(p);
		return NULL;
	}
	if ((uint64_t)p->view.len != t->size) {
		PyErr_Format(PyExc_ValueError, "place() gave %zd bytes for a tensor of %llu", p->view.len,
			     (unsigned long long)t->size);
		placed_free(p);
		return NULL;
	}
	*d->last = p;
	d->last = &p->next;
	/* of no bytes it may be NULL, which would say that the tensor is left out */
	return p->view.buf ? p->view.buf : &nowhere;
}

static void *
deliver_place(void *user, const struct coffer_tensor *t)
{
	struct delivery *d = user;
	PyGILState_STATE gil = PyGILState_Ensure();
	PyObject *tensor = tensor_tuple(t);
	PyObject *given = tensor ? PyObject_CallFunctionObjArgs(d->place, tensor, NULL) : NULL;
	void *to = given ? keep_placed(d, t, given) : NULL;

	if (PyErr_Occurred()) {
		(void)fail_delivery(d);
		coffer_ctx_cancel(d->ctx);
	}
	Py_XDECREF(given);
	Py_XDECREF(tensor);
	PyGILState_Release(gil);
	return to;
}

static coffer_err
deliver_ready(void *user, const struct coffer_tensor *t, void *bytes)
{
	struct delivery *d = user;
	PyGILState_STATE gil = PyGILState_Ensure();
	struct placed *p = d->first;
	PyObject *tensor = tensor_tuple(t);
	PyObject *none = tensor ? PyObject_CallFunction(d->ready, "OO", tensor, p->view.obj) : NULL;
	coffer_err err = COFFER_OK;

	(void)bytes;
	if (!none || PyErr_CheckSignals() < 0)
		err = fail_delivery(d);
	Py_XDECREF(none);
	Py_XDECREF(tensor);
	d->first = p->next;
	if (!d->first)
		d->last = &d->first;
	placed_free(p);
	PyGILState_Release(gil);
	return err;
}

static coffer_err
deliver(struct delivery *d)
{
	/* whose the model is and that it carries no code was seen to when it was opened, and stays in force */
	const struct coffer_load_options options = {.version_1 = 1, .allow_code = true};
	const struct coffer_tensor_sink sink = {.user = d, .place = deliver_place, .ready = deliver_ready};
	struct coffer_loader *loader = NULL;
	coffer_err err = coffer_loader_open(d->ctx, d->model, &options, &loader);

	if (!err)
		err = coffer_loader_each(d->ctx, loader, d->ahead, &sink);
	coffer_loader_free(&loader);
	return err;
}

/* model.each(place, ready, ahead): both are called in the caller's thread, for what they use may belong to it */
static PyObject *
model_each(PyObject *self, PyObject *args)
{
	struct delivery d = {.last = &d.first};
	PyThreadState *gil;
	struct opened *o;
	struct call call;
	coffer_err err;

	if (!PyArg_ParseTuple(args, "OOO&", &d.place, &d.ready, to_u64, &d.ahead))
		return NULL;
	o = opened_get(((struct model *)self)->opened);
	if (!o)
		return NULL;
	if (call_borrow(&call, o) < 0) {
		opened_put(&o);
		return NULL;
	}
	d.ctx = call.ctx;
	d.model = o->model;
	gil = PyEval_SaveThread();
	err = deliver(&d);
	PyEval_RestoreThread(gil);
	while (d.first) {
		struct placed *next = d.first->next;

		placed_free(d.first);
		d.first = next;
	}
	if (d.type)
		PyErr_Restore(d.type, d.value, d.traceback);
	else if (err)
		(void)raise_error(err, call.ctx);
	call.fine = !err;
	call_return(&call, o);
	opened_put(&o);
	if (PyErr_Occurred())
		return NULL;
	Py_RETURN_NONE;
}

static PyMethodDef model_methods[] = {
	{"tensors", model_tensors, METH_NOARGS, "tensors(): of all weight files"},
	{"each", model_each, METH_VARARGS, "each(place, ready, ahead): every tensor, as soon as it is verified"},
	{"close", model_close, METH_NOARGS, "close(): wipe its keys as soon as no file of it is open"},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef model_members[] = {
	{"name", model_get_name, NULL, "as its publisher calls it; verified", NULL},
	{"version", model_get_version, NULL, "likewise", NULL},
	{"files", model_get_files, NULL, "the relative paths of its files", NULL},
	{"closed", model_get_closed, NULL, "whether close() was called", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static char model_doc[] = "A sealed model, open";

static PyType_Slot model_slots[] = {
	{Py_tp_doc, model_doc},		{Py_tp_new, model_new},	       {Py_tp_dealloc, model_dealloc},
	{Py_tp_methods, model_methods}, {Py_tp_getset, model_members}, {0, NULL},
};

static PyType_Spec model_spec = {
	.name = "coffer._native.Model",
	.basicsize = sizeof(struct model),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = model_slots,
};

/* ---- the type File ---- */

/** struct file - one file of a model */
struct file {
	PyObject_HEAD struct opened *opened; /* NULL: closed */
	size_t index;
	struct memory *all; /* for the buffer protocol, once somebody has asked */
};

static void
file_let_go(struct file *f)
{
	if (!f->opened)
		return;
	let_go(f->opened, f->index);
	opened_put(&f->opened);
}

/** struct use - a call that uses a file, which nobody else can close meanwhile */
struct use {
	struct opened *opened;
	size_t index;
	struct coffer_file *file;
	struct call call;
};

static int
use_begin(struct use *u, struct file *f, bool with_call)
{
	*u = (struct use){.index = f->index};
	if (!f->opened) {
		PyErr_SetString(PyExc_ValueError, "I/O operation on closed file");
		return -1;
	}
	u->opened = opened_get(f->opened);
	if (!u->opened)
		return -1;
	u->opened->files[u->index].users++;
	u->file = u->opened->files[u->index].file;
	return with_call ? call_borrow(&u->call, u->opened) : 0;
}

static void
use_end(struct use *u)
{
	if (u->opened) {
		call_return(&u->call, u->opened);
		let_go(u->opened, u->index);
	}
	opened_put(&u->opened);
}

/** struct loading - a range on its way into memory */
struct loading {
	struct use *use;
	uint64_t off;
	void *to;
	size_t len;
};

static coffer_err
work_load(void *user)
{
	struct loading *l = user;

	return coffer_file_load(l->use->call.ctx, l->use->file, l->off, l->to, l->len);
}

/* A little: there is nothing to interrupt, and no thread to start. */
static int
read_small(struct use *u, uint64_t off, void *to, size_t len)
{
	const char *path = coffer_model_path(u->opened->model, u->index);
	PyThreadState *gil;
	char text[1024];
	coffer_err err;

	gil = PyEval_SaveThread();
	err = coffer_file_read_at(u->file, off, to, len);
	PyEval_RestoreThread(gil);
	if (!err)
		return 0;
	(void)snprintf(text, sizeof(text), "%s: %s", path, coffer_err_text(err));
	(void)raise_text(err, text);
	return -1;
}

static int
load_range(struct file *f, uint64_t off, void *to, size_t len)
{
	struct use use;
	struct loading loading = {.use = &use, .off = off, .to = to, .len = len};
	int failed = use_begin(&use, f, len >= SMALL_READ);

	if (!failed)
		failed = len < SMALL_READ ? read_small(&use, off, to, len) : call_run(&use.call, work_load, &loading);
	use_end(&use);
	return failed;
}

static uint64_t
size_of(const struct file *f)
{
	return coffer_file_size(f->opened->files[f->index].file);
}

static struct memory *
file_memory(struct file *f, uint64_t off, uint64_t len, bool writable)
{
	struct memory *m;

	if (len > PY_SSIZE_T_MAX - HUGE_PAGE)
		return (struct memory *)(void *)PyErr_NoMemory();
	m = memory_new((size_t)len, writable);
	if (!m)
		return NULL;
	if (load_range(f, off, m->bytes, m->len) < 0)
		Py_CLEAR(m);
	else if (m->map && !writable)
		(void)mprotect(m->map, m->map_len, PROT_READ);
	return m;
}

static int
refuse_closed(const struct file *f)
{
	if (f->opened)
		return 0;
	PyErr_SetString(PyExc_ValueError, "I/O operation on closed file");
	return -1;
}

/* Before there is memory for what is not there, which would be filled with zeros. */
static int
refuse_past_end(const struct file *f, uint64_t off, uint64_t len)
{
	char text[128];
	uint64_t size;

	if (refuse_closed(f) < 0)
		return -1;
	size = size_of(f);
	if (off <= size && len <= size - off)
		return 0;
	(void)snprintf(text, sizeof(text), "%llu bytes from %llu on, of a file of %llu", (unsigned long long)len,
		       (unsigned long long)off, (unsigned long long)size);
	(void)raise_text(COFFER_E_RANGE, text);
	return -1;
}

/* file.load(off, len, writable) */
static PyObject *
file_load_range(PyObject *self, PyObject *args)
{
	struct file *f = (struct file *)self;
	uint64_t off, len;
	int writable;

	if (!PyArg_ParseTuple(args, "O&O&p", to_u64, &off, to_u64, &len, &writable) || refuse_past_end(f, off, len) < 0)
		return NULL;
	return (PyObject *)file_memory(f, off, len, writable != 0);
}

/* file.read_bytes(off, len) */
static PyObject *
file_read_bytes(PyObject *self, PyObject *args)
{
	struct file *f = (struct file *)self;
	PyObject *bytes = NULL;
	uint64_t off, len;

	if (!PyArg_ParseTuple(args, "O&O&", to_u64, &off, to_u64, &len) || refuse_past_end(f, off, len) < 0)
		return NULL;
	bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)len); /* nobody has it yet, so it may be filled */
	if (bytes && load_range(f, off, PyBytes_AsString(bytes), (size_t)len))
		Py_CLEAR(bytes);
	return bytes;
}

/* file.read_into(off, buffer) */
static PyObject *
file_read_into(PyObject *self, PyObject *args)
{
	uint64_t off;
	Py_buffer to;
	int failed;

	if (!PyArg_ParseTuple(args, "O&w*", to_u64, &off, &to))
		return NULL;
	failed = load_range((struct file *)self, off, to.buf, (size_t)to.len);
	PyBuffer_Release(&to);
	if (failed)
		return NULL;
	Py_RETURN_NONE;
}

/** struct sealing_fd - a memfd on its way */
struct sealing_fd {
	struct use *use;
	int fd;
};

static coffer_err
work_memfd(void *user)
{
	struct sealing_fd *s = user;

	return coffer_file_memfd(s->use->call.ctx, s->use->file, &s->fd);
}

static PyObject *
file_memfd(PyObject *self, PyObject *none)
{
	struct use use;
	struct sealing_fd s = {.use = &use, .fd = -1};
	int failed = use_begin(&use, (struct file *)self, true);

	(void)none;
	if (!failed)
		failed = call_run(&use.call, work_memfd, &s);
	use_end(&use);
	if (failed && s.fd >= 0)
		(void)close(s.fd);
	return failed ? NULL : PyLong_FromLong(s.fd);
}

static PyObject *
file_close(PyObject *self, PyObject *none)
{
	struct file *f = (struct file *)self;

	(void)none;
	file_let_go(f);
	Py_CLEAR(f->all);
	Py_RETURN_NONE;
}

static PyObject *
file_get_size(PyObject *self, void *none)
{
	struct file *f = (struct file *)self;

	(void)none;
	return refuse_closed(f) < 0 ? NULL : PyLong_FromUnsignedLongLong(size_of(f));
}

static PyObject *
file_get_closed(PyObject *self, void *none)
{
	(void)none;
	return PyBool_FromLong(!((struct file *)self)->opened);
}

/* All of the file, opened when first asked for. */
static int
file_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
	struct file *f = (struct file *)self;

	view->obj = NULL;
	if (refuse_closed(f) < 0)
		return -1;
	if (!f->all) {
		struct memory *m = file_memory(f, 0, size_of(f), false);

		if (!m)
			return -1;
		if (f->all || !f->opened) /* another thread was faster, or has closed it */
			Py_DECREF(m);
		else
			f->all = m;
		if (refuse_closed(f) < 0)
			return -1;
	}
	return PyObject_GetBuffer((PyObject *)f->all, view, flags);
}

static void
file_dealloc(PyObject *self)
{
	struct file *f = (struct file *)self;
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	file_let_go(f);
	Py_CLEAR(f->all);
	release(self);
	Py_DECREF(type);
}

static PyObject *
file_tensors(PyObject *self, PyObject *none)
{
	struct use use;
	PyObject *list = NULL;

	(void)none;
	if (use_begin(&use, (struct file *)self, true) == 0) {
		struct listing l = {.file = use.file};

		list = list_tensors(&use.call, &l);
	}
	use_end(&use);
	return list;
}

/* File(model, index) */
static PyObject *
file_new(PyTypeObject *type, PyObject *args, PyObject *none)
{
	struct opened *o;
	struct file *f = NULL;
	PyObject *model;
	Py_ssize_t index;

	(void)none;
	if (!PyArg_ParseTuple(args, "O!n", model_type, &model, &index))
		return NULL;
	o = opened_get(((struct model *)model)->opened);
	if (!o)
		return NULL;
	if (index < 0 || (size_t)index >= coffer_model_size(o->model))
		PyErr_SetString(PyExc_IndexError, "the model has no such file");
	else if (hold(o, (size_t)index) == 0) {
		f = (struct file *)(void *)PyType_GenericAlloc(type, 0);
		if (!f)
			let_go(o, (size_t)index);
	}
	if (f) {
		f->opened = o;
		f->index = (size_t)index;
	} else {
		opened_put(&o);
	}
	return (PyObject *)f;
}

static PyMethodDef file_methods[] = {
	{"load", file_load_range, METH_VARARGS, "load(off, len, writable): a range in memory of its own"},
	{"read_bytes", file_read_bytes, METH_VARARGS, "read_bytes(off, len): a range as bytes"},
	{"read_into", file_read_into, METH_VARARGS, "read_into(off, buffer): fill it, or raise"},
	{"memfd", file_memfd, METH_NOARGS, "memfd(): a descriptor of all of it, which is the caller's"},
	{"tensors", file_tensors, METH_NOARGS, "tensors(): those in it"},
	{"close", file_close, METH_NOARGS, "close(): let go of it"},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef file_members[] = {
	{"size", file_get_size, NULL, "bytes of plaintext; verified", NULL},
	{"closed", file_get_closed, NULL, "whether close() was called", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static char file_doc[] = "One file of a model; it has the buffer protocol";

static PyType_Slot file_slots[] = {
	{Py_tp_doc, file_doc},
	{Py_tp_new, file_new},
	{Py_tp_dealloc, file_dealloc},
	{Py_tp_methods, file_methods},
	{Py_tp_getset, file_members},
	{Py_bf_getbuffer, file_getbuffer},
	{0, NULL},
};

static PyType_Spec file_spec = {
	.name = "coffer._native.File",
	.basicsize = sizeof(struct file),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = file_slots,
};

/* ---- seal(), open_to(), check() ---- */

static PyObject *
stats_tuple(const struct coffer_stats *s)
{
	return Py_BuildValue("KKKds", (unsigned long long)s->n_files, (unsigned long long)s->bytes,
			     (unsigned long long)s->n_skipped, s->seconds, s->model_id);
}

/** struct transfer - sealing, opening or checking */
struct transfer {
	struct verb verb;
	const char *in, *out;
	struct coffer_seal_options seal;
	struct coffer_open_options open;
	struct coffer_signer_options signing;
	struct coffer_signer *signer;
	bool signs;
	struct coffer_stats stats;
};

static coffer_err
work_seal(void *user)
{
	struct transfer *t = user;
	struct coffer_ctx *ctx = t->verb.call.ctx;
	coffer_err err = t->signs ? coffer_signer_open(ctx, &t->signing, &t->signer) : COFFER_OK;

	t->seal.signer = t->signer;
	return err ? err : coffer_seal(ctx, t->in, t->out, t->verb.keys, &t->seal, &t->stats);
}

static coffer_err
work_open_to(void *user)
{
	struct transfer *t = user;

	return coffer_open(t->verb.call.ctx, t->in, t->out, t->verb.keys, &t->open, &t->stats);
}

static coffer_err
work_check(void *user)
{
	struct transfer *t = user;

	return coffer_check(t->verb.call.ctx, t->in, t->verb.keys, &t->stats);
}

static PyObject *
transfer_end(struct transfer *t, bool done)
{
	coffer_signer_free(&t->signer);
	verb_end(&t->verb);
	return done ? stats_tuple(&t->stats) : NULL;
}

/* seal(path, out, keys, call, options, signer) */
static PyObject *
py_seal(PyObject *module, PyObject *args)
{
	struct transfer t = {.seal.version_1 = 1, .signing.version_1 = 1};
	PyObject *keys, *call, *options, *signer;
	bool done;

	(void)module;
	if (!PyArg_ParseTuple(args, "yyO!O!O!O", &t.in, &t.out, &PyTuple_Type, &keys, &PyDict_Type, &call, &PyDict_Type,
			      &options, &signer))
		return NULL;
	t.signs = signer != Py_None;
	done = verb_begin(&t.verb, call) == 0 && set_options(options, seal_table, &t.seal, &t.verb.blocks) == 0 &&
	       (!t.signs || set_options(signer, signer_table, &t.signing, &t.verb.blocks) == 0) &&
	       (t.verb.keys = keys_new(&t.verb.call, keys)) && call_run(&t.verb.call, work_seal, &t) == 0;
	return transfer_end(&t, done);
}

/* open_to(path, out, keys, call, trust, options) */
static PyObject *
py_open_to(PyObject *module, PyObject *args)
{
	struct transfer t = {.open.version_1 = 1};
	PyObject *keys, *call, *trust, *options;
	bool done;

	(void)module;
	if (!PyArg_ParseTuple(args, "yyOO!OO!", &t.in, &t.out, &keys, &PyDict_Type, &call, &trust, &PyDict_Type,
			      &options))
		return NULL;
	done = verb_begin(&t.verb, call) == 0 && set_options(options, open_table, &t.open, &t.verb.blocks) == 0 &&
	       verb_trust(&t.verb, trust) == 0 && verb_keys(&t.verb, keys) == 0;
	t.open.trust = t.verb.trust;
	done = done && call_run(&t.verb.call, work_open_to, &t) == 0;
	return transfer_end(&t, done);
}

/* check(path, keys, call) */
static PyObject *
py_check(PyObject *module, PyObject *args)
{
	struct transfer t = {.signs = false};
	PyObject *keys, *call;
	bool done;

	(void)module;
	if (!PyArg_ParseTuple(args, "yOO!", &t.in, &keys, &PyDict_Type, &call))
		return NULL;
	done = verb_begin(&t.verb, call) == 0 && verb_keys(&t.verb, keys) == 0 &&
	       call_run(&t.verb.call, work_check, &t) == 0;
	return transfer_end(&t, done);
}

/* ---- sign(), verify() ---- */

/** struct signing - signing, or verifying */
struct signing {
	struct verb verb;
	const char *model, *signature;
	struct coffer_signer_options with;
	struct coffer_sign_options sign;
	struct coffer_sign_stats stats;
	struct coffer_verify_options verify;
	struct coffer_verdict *verdict;
};

static coffer_err
work_sign(void *user)
{
	struct signing *s = user;
	struct coffer_ctx *ctx = s->verb.call.ctx;
	struct coffer_signer *signer = NULL;
	coffer_err err = coffer_signer_open(ctx, &s->with, &signer);

	if (!err)
		err = coffer_sign(ctx, s->model, s->signature, signer, &s->sign, &s->stats);
	coffer_signer_free(&signer);
	return err;
}

static coffer_err
work_verify(void *user)
{
	struct signing *s = user;

	return coffer_verify(s->verb.call.ctx, s->model, s->signature, s->verb.trust, &s->verify, &s->verdict);
}

/* sign(path, signature, call, signer, options) */
static PyObject *
py_sign(PyObject *module, PyObject *args)
{
	struct signing s = {.with.version_1 = 1, .sign.version_1 = 1};
	PyObject *call, *signer, *options;
	bool done;

	(void)module;
	if (!PyArg_ParseTuple(args, "yyO!O!O!", &s.model, &s.signature, &PyDict_Type, &call, &PyDict_Type, &signer,
			      &PyDict_Type, &options))
		return NULL;
	done = verb_begin(&s.verb, call) == 0 && set_options(signer, signer_table, &s.with, &s.verb.blocks) == 0 &&
	       set_options(options, sign_table, &s.sign, &s.verb.blocks) == 0 &&
	       call_run(&s.verb.call, work_sign, &s) == 0;
	verb_end(&s.verb);
	return done ? Py_BuildValue("KKds", (unsigned long long)s.stats.n_files, (unsigned long long)s.stats.bytes,
				    s.stats.seconds, s.stats.root)
		    : NULL;
}

/* Whose signature it is, and how much it covers. */
static PyObject *
verdict_tuple(const struct coffer_verdict *v)
{
	return Py_BuildValue("zzzzKK", v->signer, v->key_id, v->identity, v->issuer, (unsigned long long)v->n_files,
			     (unsigned long long)v->bytes);
}

/* verify(path, signature, call, trust, options) */
static PyObject *
py_verify(PyObject *module, PyObject *args)
{
	struct signing s = {.verify.version_1 = 1};
	PyObject *call, *trust, *options, *result = NULL;

	(void)module;
	if (!PyArg_ParseTuple(args, "yyO!O!O!", &s.model, &s.signature, &PyDict_Type, &call, &PyDict_Type, &trust,
			      &PyDict_Type, &options))
		return NULL;
	if (verb_begin(&s.verb, call) == 0 && verb_trust(&s.verb, trust) == 0 &&
	    set_options(options, verify_table, &s.verify, &s.verb.blocks) == 0 &&
	    call_run(&s.verb.call, work_verify, &s) == 0)
		result = verdict_tuple(s.verdict);
	coffer_verdict_free(&s.verdict);
	verb_end(&s.verb);
	return result;
}

/* ---- rewrap(), inspect() ---- */

/** struct rewrapping - new recipients on their way */
struct rewrapping {
	struct verb verb;
	const char *path;
	struct coffer_keyring *add, *remove;
	struct coffer_rewrap_options options;
};

static coffer_err
work_rewrap(void *user)
{
	struct rewrapping *r = user;

	return coffer_rewrap(r->verb.call.ctx, r->path, r->verb.keys, &r->options);
}

/* rewrap(path, keys, call, options, add, remove) */
static PyObject *
py_rewrap(PyObject *module, PyObject *args)
{
	struct rewrapping r = {.options.version_1 = 1};
	PyObject *keys, *call, *options, *add, *remove;
	bool done;

	(void)module;
	if (!PyArg_ParseTuple(args, "yOO!O!O!O!", &r.path, &keys, &PyDict_Type, &call, &PyDict_Type, &options,
			      &PyTuple_Type, &add, &PyTuple_Type, &remove))
		return NULL;
	done = verb_begin(&r.verb, call) == 0 && set_options(options, rewrap_table, &r.options, &r.verb.blocks) == 0 &&
	       verb_keys(&r.verb, keys) == 0 && (r.add = keys_new(&r.verb.call, add)) &&
	       (r.remove = keys_new(&r.verb.call, remove));
	r.options.add = r.add;
	r.options.remove = r.remove;
	done = done && call_run(&r.verb.call, work_rewrap, &r) == 0;
	coffer_keyring_free(&r.add);
	coffer_keyring_free(&r.remove);
	verb_end(&r.verb);
	if (!done)
		return NULL;
	Py_RETURN_NONE;
}

/** struct looking - an inspection */
struct looking {
	struct verb verb;
	const char *path;
	struct coffer_inspection *found;
};

static coffer_err
work_inspect(void *user)
{
	struct looking *l = user;

	return coffer_inspect(l->verb.call.ctx, l->path, &l->found);
}

static PyObject *
inspection_tuple(const struct coffer_inspection *f)
{
	PyObject *context = PyList_New(0), *recipients = PyList_New(0), *files = PyList_New(0);

	for (size_t i = 0; context && i < f->n_context; i++)
		context = append(context, Py_BuildValue("ss", f->context[i].key, f->context[i].value));
	for (size_t i = 0; recipients && i < f->n_recipients; i++)
		recipients = append(recipients, Py_BuildValue("sss", f->recipients[i].kind, f->recipients[i].id,
							      f->recipients[i].version));
	for (size_t i = 0; files && i < f->n_files; i++)
		files = append(files, Py_BuildValue("sK", f->files[i].path, (unsigned long long)f->files[i].size));
	if (context && recipients && files)
		return Py_BuildValue("sssKKNNNOO", f->model_id, f->name, f->version, (unsigned long long)f->generation,
				     (unsigned long long)f->bytes, context, recipients, files,
				     f->directory ? Py_True : Py_False, f->partial ? Py_True : Py_False);
	Py_XDECREF(context);
	Py_XDECREF(recipients);
	Py_XDECREF(files);
	return NULL;
}

/* inspect(path) */
static PyObject *
py_inspect(PyObject *module, PyObject *args)
{
	struct looking l = {.path = NULL};
	PyObject *result = NULL, *call = NULL;

	(void)module;
	if (!PyArg_ParseTuple(args, "yO!", &l.path, &PyDict_Type, &call))
		return NULL;
	if (verb_begin(&l.verb, call) == 0 && call_run(&l.verb.call, work_inspect, &l) == 0)
		result = inspection_tuple(l.found);
	coffer_inspection_free(&l.found);
	verb_end(&l.verb);
	return result;
}

/* ---- the module ---- */

static PyMethodDef functions[] = {
	{"seal", py_seal, METH_VARARGS, NULL},	     {"open_to", py_open_to, METH_VARARGS, NULL},
	{"check", py_check, METH_VARARGS, NULL},     {"sign", py_sign, METH_VARARGS, NULL},
	{"verify", py_verify, METH_VARARGS, NULL},   {"rewrap", py_rewrap, METH_VARARGS, NULL},
	{"inspect", py_inspect, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "coffer._native", .m_size = -1,
					.m_methods = functions};

static int
add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
	*out = (PyTypeObject *)(void *)PyType_FromModuleAndSpec(module, spec, NULL);
	return *out ? PyModule_AddType(module, *out) : -1;
}

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC
PyInit__native(void)
{
	PyObject *module = PyModule_Create(&definition);

	if (module && add_type(module, &memory_spec, &memory_type) == 0 &&
	    add_type(module, &model_spec, &model_type) == 0 && add_type(module, &file_spec, &file_type) == 0 &&
	    PyModule_AddStringConstant(module, "version", coffer_version()) == 0 &&
	    PyModule_AddStringConstant(module, "engine", coffer_engine_name()) == 0)
		return module;
	Py_XDECREF(module);
	return NULL;
}
