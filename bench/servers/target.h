/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* target.h - a server that is measured, as its clients see it.  */

#ifndef BENCH_SERVERS_TARGET_H
#define BENCH_SERVERS_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct target {
  char path[100]; /* of its socket */
  pid_t pid;
  clockid_t clock; /* its processor time */
  size_t n;        /* connections that the measurement is to have with it */
};

/* Reads a target from TEXT, "SOCKET,PID,N", and waits until the server listens.  */
void target_parse (struct target *target, const char *text);

/* Nanoseconds of processor time, the kernel's included, that the server has used so far.  */
uint64_t target_cpu_ns (const struct target *target);

/* Waits until the server has nothing to do any more.  */
void target_settle (const struct target *target);

/* Returns a new connection, whose greeting is still to be read.  */
int target_connect (const struct target *target);

/* Reads the greeting, or else a reply of one line, from FD.  */
void target_skip_line (int fd);

/* Sends all LEN octets at TEXT to FD.  */
void target_send (int fd, const char *text, size_t len);

/* Sends COMMAND, a line with its LF, to FD and reads the reply, which is to end with OK, at once.
   Stores it, of at most SIZE octets, at BUF.  Returns its length.  */
size_t target_ask (int fd, const char *command, char *buf, size_t size);

/* Nanoseconds of CLOCK_MONOTONIC.  */
uint64_t now_ns (void);

/* Sleeps.  */
void sleep_ns (uint64_t ns);

#endif /* BENCH_SERVERS_TARGET_H */
