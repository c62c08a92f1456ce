/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Helpers of the dual suite: programs that use nothing but <assuan.h> and run twice, on the
 * reference libassuan and on ours.
 *
 * A test asserts what a user notices: octets on the wire and results of calls.  Where we differ on
 * purpose the test asks on_oracle () and asserts both sides.  Every test runs between suite_setup
 * and suite_teardown (macro suite_test), which compare the descriptors and children before and
 * after it.
 *
 * Assertions belong into the test's own thread: a handler runs in the server's thread, so it
 * records what it saw and the test asserts it after server_stop (), which joins the thread.  */

#ifndef EVA_TESTS_ASSUAN_SUITE_H
#define EVA_TESTS_ASSUAN_SUITE_H

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>

#include <assuan.h>

#include "assertions.h"
#include "fds.h"
#include "tmpdir.h"

/* How long a helper waits before it calls that a hang.  Nothing depends on its value.  */
#define SUITE_TIMEOUT_MS 30000

/* The error source that every program of the suite runs with; suite_init sets it.  */
#define SUITE_SOURCE GPG_ERR_SOURCE_USER_2

/* The generation of libassuan whose header the program is built with, and whose library it runs on:
 * 2.5, or 3.  */
#define IS_GENERATION_3 (ASSUAN_VERSION_NUMBER >= 0x030000)

/* True if this run is on the reference library (EVA_TEST_LIBRARY=oracle), false on ours.  */
bool on_oracle (void);

/* What main does first: refuse to run on another library than the one named in the environment,
 * ignore SIGPIPE as daemons do (a test may set it otherwise for its time), set the error source. */
void suite_init (void);

#define suite_run(tests) (suite_init (), cmocka_run_group_tests (tests, NULL, NULL))

int suite_setup (void **state);
int suite_teardown (void **state);
#define suite_test(name) cmocka_unit_test_setup_teardown (name, suite_setup, suite_teardown)

/* The same between assuan_sock_init and assuan_sock_deinit.  */
int suite_sock_setup (void **state);
int suite_sock_teardown (void **state);
#define sock_test(name)                                                                            \
  cmocka_unit_test_setup_teardown (name, suite_sock_setup, suite_sock_teardown)

/* cmocka's own skip () reports "not ok - SKIP", which meson takes for a failure: say it in a
 * comment line and leave the test.  Only for use in a test itself, before it holds anything.  */
#undef skip
#define skip()                                                                                     \
  do {                                                                                             \
    suite_skipped (__func__);                                                                      \
    return;                                                                                        \
  } while (0)
void suite_skipped (const char *test);

/* Where an assertion stands.  */
#define SUITE_HERE __FILE__, __LINE__

/* Error values.  assert_err compares code and source; assert_code only the code.  */
#define ERR(code)                gpg_err_make (SUITE_SOURCE, (code))
#define assert_err(rc, expected) suite_assert_err ((rc), (expected), #rc, SUITE_HERE)
#define assert_code(rc, code)                                                                      \
  suite_assert_err (gpg_err_code (rc), (gpg_error_t) (code), #rc, SUITE_HERE)
void suite_assert_err (gpg_error_t rc, gpg_error_t expected, const char *what, const char *file,
                       int line);

/* System hooks that are the library's own functions, for a test to change some of.  */
struct assuan_system_hooks suite_hooks (void);

/* A context with the suite's error source; the test fails if there is none.  */
assuan_context_t new_context (void);
/* A client context connected to FD (assuan_socket_connect_fd); it owns FD.  The peer's greeting
 * must be on its way.  */
assuan_context_t new_client (int fd, unsigned int flags);

/* The test as raw peer: send octets; expect exactly these octets next; expect the end of file.
 * Strings, unless a length is given.  A mismatch shows both sides escaped.  */
#define peer_say(fd, text)               suite_peer_send ((fd), (text), strlen (text), SUITE_HERE)
#define peer_send(fd, buf, len)          suite_peer_send ((fd), (buf), (len), SUITE_HERE)
#define peer_expect(fd, text)            suite_peer_expect ((fd), (text), strlen (text), SUITE_HERE)
#define peer_expect_octets(fd, buf, len) suite_peer_expect ((fd), (buf), (len), SUITE_HERE)
#define peer_expect_eof(fd)              suite_peer_expect_eof ((fd), SUITE_HERE)
/* An ERR line for ERR as a server must write it, with " - TEXT" unless TEXT is NULL.  */
#define peer_expect_err(fd, err, text) suite_peer_expect_err ((fd), (err), (text), SUITE_HERE)
/* One line, whatever it is, without its LF, into BUF as a string; returns its length.  */
#define peer_read_line(fd, buf, size) suite_peer_read_line ((fd), (buf), (size), SUITE_HERE)
/* All that comes up to the end of file, at most SIZE octets; returns their number.  */
#define peer_read_all(fd, buf, size) suite_peer_read_all ((fd), (buf), (size), SUITE_HERE)

void suite_peer_send (int fd, const void *buf, size_t len, const char *file, int line);
void suite_peer_expect (int fd, const void *expected, size_t len, const char *file, int line);
void suite_peer_expect_eof (int fd, const char *file, int line);
void suite_peer_expect_err (int fd, gpg_error_t err, const char *text, const char *file, int line);
size_t suite_peer_read_line (int fd, char *buf, size_t size, const char *file, int line);
size_t suite_peer_read_all (int fd, void *buf, size_t size, const char *file, int line);

/* Send N descriptors, or one, along with the octets TEXT (not empty).  */
#define peer_send_fds(sock, text, fds, n)                                                          \
  assert_int_equal (fds_send ((sock), (text), (fds), (n)), strlen (text))
#define peer_send_fd(sock, text, fd) peer_send_fds ((sock), (text), &(int) { (fd) }, 1)

/* TEXT with each "%P" replaced by what libassuan 3 puts behind a hello line of the program,
 * ", process N" with our own pid, and libassuan 2 does not.  In a buffer that the next call but
 * three uses again.  */
const char *with_pid (const char *text);

/* Callbacks of assuan_transact.  The first one adds LEN to the size_t at ARG.  The second one
 * answers an inquiry of the context ARG with SUITE_LARGE_LEN octets: more than a socket holds, so
 * both ends have to wait for each other.  */
#define SUITE_LARGE_LEN (300 * 1000)
gpg_error_t suite_count_data (void *arg, const void *buf, size_t len);
gpg_error_t suite_send_large (void *arg, const char *text);

/* What handlers saw, one entry after the other, for the test to compare after server_stop.  An
 * entry is FORMAT's text and a LF; text that does not fit any more is dropped.  */
struct notes {
  size_t len;
  char text[8192];
};
void note (struct notes *notes, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
/* An error value as text for a note: "0", "-1" or "CODE/SOURCE" in decimal.  */
const char *err_text (gpg_error_t err);

/* A blocking server in a thread of its own, as the daemons write it: init, prepare, then accept and
 * process until accept returns non-zero.  */
enum server_kind {
  SERVER_SOCKET,    /* one end of a socketpair, ASSUAN_SOCKET_SERVER_ACCEPTED */
  SERVER_FDPASSING, /* the same with ASSUAN_SOCKET_SERVER_FDPASSING */
  SERVER_PIPE       /* two pipes, assuan_init_pipe_server */
};

struct server {
  assuan_context_t ctx;
  int in;  /* what the test reads the server's octets from */
  int out; /* what the test writes to; the same as IN unless SERVER_PIPE */
  void *arg;

  /* Valid after server_stop or server_join.  */
  gpg_error_t accept_rc;  /* of the first accept */
  gpg_error_t process_rc; /* of the last process */
  gpg_error_t last_rc;    /* of the accept that ended the loop */
  int n_rounds;           /* how often process was called */

  /* Private. */
  pthread_t thread;
  bool joined;
  enum server_kind kind;
};

/* PREPARE (may be NULL) registers commands and the like before the first accept; ARG is handed to
 * it and becomes the context's pointer (assuan_get_pointer).  server_start consumes the default
 * greeting; server_start_raw leaves it to the test.  */
typedef void (*server_prepare_t) (assuan_context_t ctx, void *arg);
void server_start (struct server *s, enum server_kind kind, server_prepare_t prepare, void *arg);
void server_start_raw (struct server *s, enum server_kind kind, server_prepare_t prepare,
                       void *arg);
/* Only the context and the descriptors, no thread: for tests that call accept and process.  */
void server_make (struct server *s, enum server_kind kind);
/* Consume the default greeting, whose pid is ours.  */
void server_expect_greeting (struct server *s);
/* Close our side, then wait for the thread to end and release the context.  */
void server_stop (struct server *s);
/* The same, and what handlers noted must be TEXT.  */
#define server_stop_noting(s, notes, expected)                                                     \
  (server_stop (s), assert_string_equal ((notes)->text, (expected)))
/* The parts of it: shut our writing side (the server sees the end of file, we still read), wait for
 * the thread, release.  */
void server_shut (struct server *s);
void server_join (struct server *s);
void server_free (struct server *s);

/* Say TEXT and expect ANSWER, the bread and butter of the server tests.  */
#define server_ask(s, text, answer) (peer_say ((s)->out, (text)), peer_expect ((s)->in, (answer)))
/* Say TEXT and expect an ERR line of the suite's source.  */
#define server_ask_err(s, text, code, detail)                                                      \
  (peer_say ((s)->out, (text)), peer_expect_err ((s)->in, ERR (code), (detail)))

#endif /* EVA_TESTS_ASSUAN_SUITE_H */
