/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server connections in an event loop, for the tests of the external loop: the manual's flow,
 * with poll.
 *
 * One descriptor is watched per connection, the first of assuan_get_active_fds; when it is
 * readable, assuan_process_next is called once.  Timers and other events of a real program
 * are explicit steps of the test.  The test is the peer as well, in the same thread: what it
 * says is readable at once, so nothing here waits, and a call that blocks shows as a hang.
 *
 * Every test runs twice, with the library's own system calls and with system hooks that
 * count.  */

#ifndef EVA_TESTS_ASSUAN_LOOP_H
#define EVA_TESTS_ASSUAN_LOOP_H

#include "suite.h"

enum conn_kind {
  CONN_SOCKET,    /* one end of a socketpair, ASSUAN_SOCKET_SERVER_ACCEPTED */
  CONN_FDPASSING, /* the same with ASSUAN_SOCKET_SERVER_FDPASSING */
  CONN_PIPE,      /* two pipes, assuan_init_pipe_server */
  CONN_SPAWNED    /* a socketpair that _assuan_connection_fd names, assuan_init_pipe_server */
};
#define N_CONN_KINDS 4

/* What the command INQ does, and what its callback saw.  */
struct conn_inquiry {
  size_t maxlen;
  bool finish;        /* the callback calls assuan_process_done with its RC */
  gpg_error_t ret;    /* what the callback returns */
  const char *again;  /* the callback first sends this inquiry, once */
  gpg_error_t ext_rc; /* of the last assuan_inquire_ext */
  int n_calls;        /* how often the callback ran */
  gpg_error_t rc;     /* its arguments, of the last call */
  bool has_buf;
  bool has_nul; /* a NUL was behind the length */
  size_t len;
  char data[4096]; /* the first octets of the buffer */
};

struct conn {
  assuan_context_t ctx; /* NULL once released */
  enum conn_kind kind;
  int in;       /* what the test reads the server's octets from */
  int out;      /* what the test writes to; the same as IN unless CONN_PIPE */
  int fd;       /* the server's descriptor that the loop watches */
  int fd_out;   /* the server's other descriptor, the same as FD unless CONN_PIPE */
  bool pending; /* a command waits for conn_finish or for its inquiry */
  bool asking;  /* it is an inquiry */

  gpg_error_t rc; /* of the last assuan_process_next */
  bool done;
  int n_turns; /* calls of assuan_process_next */

  /* What handlers and notifiers saw, one after the other, separated by blanks.  */
  char notes[8192];
  size_t notes_len;
  struct conn_inquiry inquiry;

  /* System calls on the context, if loop_hooked ().  */
  int n_reads, n_writes, n_sleeps, n_closes;
};

/* A test that runs in both modes; what suite_test is for the other programs.  */
#define loop_test(name)                                                                            \
  { #name " (native)", name, loop_setup_native, suite_teardown, NULL }, {                          \
    #name " (hooks)", name, loop_setup_hooks, suite_teardown, NULL                                 \
  }
int loop_setup_native (void **state);
int loop_setup_hooks (void **state);
/* True if the running test uses counting system hooks, which never sleep.  */
bool loop_hooked (void);

/* A context with these commands, not opened yet, its descriptors blocking:
 *   DONE text     finishes at once; notes DONE(text)
 *   ECHO text     sends TEXT as data and finishes
 *   FAIL          finishes at once with BAD_CERT and a text
 *   ASYNC text    returns 0 and stays pending; notes ASYNC(text)
 *   LATER text    the same, but returns the error UNFINISHED
 *   INQ [keyword] asks with assuan_inquire_ext; see struct conn_inquiry  */
void conn_make (struct conn *c, enum conn_kind kind);
/* The same with nothing registered.  */
void conn_make_bare (struct conn *c, enum conn_kind kind);
/* Make the server's descriptors non-blocking.  */
void conn_nonblock (struct conn *c);
/* Consume the greeting.  */
void conn_expect_greeting (struct conn *c);
/* A connection opened, greeted and ready.  Non-blocking on the reference library only, which
 * needs it; see conn_nonblock.  */
void conn_open (struct conn *c, enum conn_kind kind);
/* Release the context only.  */
void conn_release (struct conn *c);
/* Release the context and close our end.  */
void conn_free (struct conn *c);
/* Close our end.  */
void conn_hang_up (struct conn *c);
/* Close our writing half only.  */
void conn_half_close (struct conn *c);

/* One call of assuan_process_next, asked for or not; its result, which stays in RC and DONE.  */
gpg_error_t conn_next (struct conn *c);
/* Is the watched descriptor readable?  */
bool conn_readable (const struct conn *c);
/* What the loop does with one connection: conn_next while readable, until done or an error.  */
void conn_turns (struct conn *c);
/* Write as much of the LEN octets at BUF as there is room for, never waiting; the number that went.
   */
size_t conn_pour (const struct conn *c, const char *buf, size_t len);
/* Finish the pending command.  */
void conn_finish (struct conn *c, gpg_error_t rc);
/* conn_next as long as a whole line is buffered and no asynchronous command is pending.  */
void conn_resume (struct conn *c);
/* Say, let the loop work; and expect.  */
#define conn_say(c, text)         (peer_say ((c)->out, (text)), conn_turns (c))
#define conn_ask(c, text, answer) (conn_say ((c), (text)), peer_expect ((c)->in, (answer)))
/* Nothing was sent.  */
#define conn_expect_silence(c) conn_assert_silence ((c), __FILE__, __LINE__)
void conn_assert_silence (const struct conn *c, const char *file, int line);
/* All that was sent so far, as a string (less than SIZE octets); never waits.  */
size_t conn_take (const struct conn *c, char *buf, size_t size);

/* A connection with an inquiry of at most MAXLEN octets under way.  */
void conn_inquire (struct conn *c, enum conn_kind kind, size_t maxlen);
/* The callback ran once, with RC, and with the LEN octets at DATA, a NUL behind them.  */
#define conn_expect_answer(c, rc, data, len)                                                       \
  conn_assert_answer ((c), (rc), (data), (len), SUITE_HERE)
void conn_assert_answer (const struct conn *c, gpg_error_t rc, const char *data, size_t len,
                         const char *file, int line);
/* The callback ran once and was told of a failure; whether there is a part of the data does not
 * matter.  */
#define conn_expect_failure(c, rc) conn_assert_failure ((c), (rc), SUITE_HERE)
void conn_assert_failure (const struct conn *c, gpg_error_t rc, const char *file, int line);

/* Append to the notes; compare and forget them.  */
void conn_note (struct conn *c, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
#define conn_expect_notes(c, text) conn_assert_notes ((c), (text), __FILE__, __LINE__)
void conn_assert_notes (struct conn *c, const char *text, const char *file, int line);
/* Note every command and its end, as PRE(NAME) and POST(CODE,NAME).  */
void conn_note_commands (struct conn *c);

/* The whole loop: one poll for all connections, then a turn for each that is readable, until
 * none is.  Connections that are done, failed or released are no longer watched.  */
void loop_run (struct conn *conns, size_t n_conns);

#endif /* EVA_TESTS_ASSUAN_LOOP_H */
