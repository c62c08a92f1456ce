/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pair.h - a server and a client that talk to each other, each in a thread of its own, and the
   threads.

   Only the main thread asserts.  The others return an error, which is looked at when they are
   joined.  */

#ifndef EVA_TESTS_THREADS_PAIR_H
#define EVA_TESTS_THREADS_PAIR_H

#include "assuan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_PAIRS    4
#define N_COMMANDS 200

/* Longer than what is sent at a time.  */
#define BULK_LEN 20000

/* Commands: the text, with a status line; BULK_LEN octets; an error.  */
gpg_error_t pair_echo (assuan_context_t ctx, char *line);
gpg_error_t pair_bulk (assuan_context_t ctx, char *line);
gpg_error_t pair_fail (assuan_context_t ctx, char *line);

/* Registers the commands of the server: ECHO text; ASK, which answers with what it inquires;
   BULK; FAIL text.  */
gpg_error_t pair_register (assuan_context_t ctx);

/* Serves the connection over FD to its end.  */
gpg_error_t pair_serve (int fd);

/* Serves clients of the listening socket FD, one after the other, until it is shut down.  */
gpg_error_t pair_serve_all (int fd);

/* Asks the server at the other end of CTX N times for everything.  Each answer must be the one
   to its question; NAME is a part of both.  */
gpg_error_t pair_ask (assuan_context_t ctx, const char *name, int n);

/* A client that talks over FD to a server, N_COMMANDS times.  */
gpg_error_t pair_talk (int fd);

/* A thread.  */
struct job {
  pthread_t thread;
  gpg_error_t (*run) (int fd);
  int fd;
  gpg_error_t err;
};

void job_start (struct job *job, gpg_error_t (*run) (int), int fd);

/* Waits for all of them; none may have failed.  */
void jobs_finish (struct job *jobs, size_t n);

/* A new socket pair, close-on-exec.  */
void pair_sockets (int fds[2]);

#endif /* EVA_TESTS_THREADS_PAIR_H */
