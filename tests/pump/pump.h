/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.h - what the tests of eva_pump share: commands that begin pumps, the books that are
   kept of them, and bulk data.

   The server, its clients and the turns of the loop are those of the tests of eva_server.  The
   command RUN begins a pump as the test has set.  Each pump that was begun is owed exactly one
   end, which pump_teardown looks after.  */

#ifndef EVA_TESTS_PUMP_PUMP_H
#define EVA_TESTS_PUMP_PUMP_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "peer.h"
#include "service.h"

#define pump_test(name) cmocka_unit_test_setup_teardown (name, pump_setup, pump_teardown)
int pump_setup (void **state);
int pump_teardown (void **state);

/* A pump that was begun, or not.  */
struct pump {
  struct pump *next;
  assuan_context_t ctx;
  gpg_error_t begun; /* what eva_pump returned */
  unsigned int n_ended;
  gpg_error_t err;
  uint64_t n_pumped;
  bool was_closed; /* from_fd or to_fd was closed when done ran */
  bool is_silent;  /* without a done function */
};

/* What RUN does; all of it zero but the descriptors, which are the connection.  */
struct pumping {
  struct eva_pump_config config; /* done and arg are ours */
  bool is_silent;
  void (*before) (assuan_context_t ctx);
  gpg_error_t (*after) (struct pump *pump); /* the handler's result; NULL: what eva_pump returned */
  void (*at_end) (struct pump *pump);       /* NULL: the command is finished with its error */
  struct pump *pumps;                       /* the newest one first */
  unsigned int n_cancels;                   /* calls of the function for cancelling */
};
extern struct pumping pumping;

/* Begins a pump as is set.  */
gpg_error_t pump_begin (assuan_context_t ctx);

/* The newest pump, which must have been begun; and once it has ended, with CODE.  */
struct pump *pump_newest (void);
struct pump *pump_await_end (gpg_err_code_t code);
bool pump_has_ended (void);

/* For before: a function for cancelling, which must run behind done.  */
void pump_set_cancel (assuan_context_t ctx);

/* For at_end: says that it has ended, and leaves the command open.  */
void pump_say_done (struct pump *pump);

/* A new client, which has said RUN: the pump is under way.  */
struct peer *pump_run (int from_fd, int to_fd);

/* --- Descriptors ------------------------------------------------------------------------------ */

/* Pairs that are closed when the test is over, in blocking mode: [0] is to read from.  */
void pump_pipe (int fds[2]);
void pump_socketpair (int fds[2]);

/* A terminal: its program's side, raw, and the other one.  */
void pump_terminal (int *ret_slave, int *ret_master);

/* A file with LEN octets of bulk data, open at its beginning; FLAGS are for open.  */
int pump_file (size_t len, int flags);

/* Has FD closed when the test is over; forgets one that the test or the library closed.  */
int pump_keep (int fd);
void pump_forget (int fd);

void pump_close (int fd);

/* The two ends of a pump are as they were: open, and in blocking mode.  */
void pump_expect_untouched (int from_fd, int to_fd);

bool pump_is_open (int fd);
bool pump_is_nonblocking (int fd);

/* --- Bulk data -------------------------------------------------------------------------------- */

/* LEN octets, always the same, of all values.  */
const char *pump_octets (size_t len);

/* Octets that come in pieces.  */
struct haul {
  char *data;
  size_t len, size;
  unsigned int n_progress; /* of a peer: lines of progress, the last one, and the line of the end */
  char progress[200];
  char end[200];
};

/* Takes octets from FD until it has no more for now, at most MAX_LEN.  Returns true at its end.  */
bool haul_read (struct haul *haul, int fd, size_t max_len);

/* Takes what P has, at most MAX_LEN octets of lines; data lines without their escapes.
   Returns true after the line OK or ERR.  */
bool haul_take (struct haul *haul, struct peer *p, size_t max_len);

/* These are the first LEN octets of bulk data, and nothing else.  */
#define haul_expect(haul, len) haul_expect_ ((haul), (len), __FILE__, __LINE__)
void haul_expect_ (struct haul *haul, size_t len, const char *file, int line);
void haul_free (struct haul *haul);

/* Takes all that P has up to the OK of RUN, which are LEN octets.  */
void pump_expect_data (struct peer *p, size_t len);

/* Takes the LEN octets that FD has up to its end.  */
void pump_expect_octets (int fd, size_t len);

/* Writes the first LEN octets of bulk data to FD, as far as they go in; *AT is where it goes on.
   Returns true when all are in.  */
bool pump_feed (int fd, size_t *at, size_t len);

/* Likewise to P, as data lines, all octets escaped that may be; and END.  *AT is of those
   octets.  */
bool pump_answer (struct peer *p, size_t *at, size_t len);

#endif /* EVA_TESTS_PUMP_PUMP_H */
