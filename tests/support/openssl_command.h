/* SPDX-License-Identifier: Apache-2.0 */
/* The command openssl: certificates for a test, and whatever else it does. */
#ifndef TESTS_SUPPORT_OPENSSL_COMMAND_H
#define TESTS_SUPPORT_OPENSSL_COMMAND_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/** openssl_exec() - become it, for a minute at most; what it prints goes to @out, or nowhere when that is -1 */
static inline void
openssl_exec(const char *const argv[], int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null, 0);
	(void)dup2(out >= 0 ? out : null, 1);
	(void)dup2(null, 2);
	(void)alarm(60);
	(void)execvp("openssl", (char *const *)(uintptr_t)argv);
	_exit(127);
}

/** openssl() - run it; false when it failed or there is none */
static inline bool
openssl(const char *const argv[])
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		openssl_exec(argv, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/** openssl_root() - a key, and a certificate for the host @name that it has signed itself */
static inline bool
openssl_root(const char *key, const char *cert, const char *name)
{
	char subject[64], san[64];
	const char *const req[] = {
		"openssl", "req",   "-x509", "-newkey", "ec",	 "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes",  "-days", "2",     "-subj",	subject, "-addext",  san,
		"-keyout", key,	    "-out",  cert,	NULL};

	(void)snprintf(subject, sizeof(subject), "/CN=%s", name);
	(void)snprintf(san, sizeof(san), "subjectAltName=DNS:%s", name);
	return openssl(req);
}

/** need_certificate() - skip the test when openssl_root() could not make cert.pem */
static inline void
need_certificate(void)
{
	if (access("cert.pem", R_OK) == 0)
		return;
	print_message("skipped: there is no openssl command\n");
	skip();
}

#endif
