/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.h - what the tests of clients share: a loop, a server played by hand, and a record of
   what the client's callbacks were told.

   Everything is one thread: the test says and hears what a server would, octet by octet, and
   turns the client's loop meanwhile.  The record is text, one line for each callback:

       ready                   closed EOF
       a.data hello            a.end (a bare END)         a.status KEYWORD text
       a.inquire KEYWORD       a.done 0 text              a.done TIMEOUT

   where `a` is the name that the test gave the call.  Octets that are not printable stand as
   \xx.  */

#ifndef EVA_TESTS_CLIENT_KIT_H
#define EVA_TESTS_CLIENT_KIT_H

#include "assertions.h"
#include "eva.h"
#include "fds.h"
#include "loops.h"
#include "suites.h"
#include "text.h"
#include "tmpdir.h"

/* --- Tests ------------------------------------------------------------------------------------ */

/* A test between kit_setup and kit_teardown: it has a loop and a record of its own, and leaves no
   descriptor, child or file behind.  */
#define kit_test(name) cmocka_unit_test_setup_teardown (name, kit_setup, kit_teardown)
int kit_setup (void **state);
int kit_teardown (void **state);

/* What main does: suites_run.  SIGPIPE has its default disposition, so that one would end the
   program.  */
int kit_run (const char *name, const struct suite *const *suites, size_t n, char **argv);

extern struct test_loop kit_loop;

/* Frees the loop before kit_teardown does.  */
void kit_free_loop (void);

/* FORMAT, filled, valid until the next but seven calls.  */
const char *kit_format (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* A number below LIMIT, from a sequence that begins with kit_seed.  */
extern uint32_t kit_seed;
uint32_t kit_random (uint32_t limit);

/* --- Turning ---------------------------------------------------------------------------------- */

/* So many turns, without waiting, that whatever is due has happened.  */
void kit_settle (void);

/* One turn on the way to something that must happen.  Fails the test if it never does.  TRIES, 0 at
   first, counts.  */
void kit_turn (unsigned int *tries);

/* Called after each turn, if not NULL: for contexts that are driven by hand.  */
extern void (*kit_also_turn) (void);

/* Turns until *DONE.  */
void kit_until (const bool *done);

/* --- Programs --------------------------------------------------------------------------------- */

/* The directory of this program, and of client-child.  */
const char *kit_program_dir (void);

/* Returns true if there is a child, ended or not.  */
bool kit_has_child (void);

/* The loop reaps them all, as long as it has something else to do.  */
void kit_await_reaping (void);

/* --- The record ------------------------------------------------------------------------------- */

void kit_note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* "0", "EOF", "TIMEOUT" and so on: the code of ERR.  */
const char *kit_error (gpg_error_t err);
#define assert_error(err, name) assert_string_equal (kit_error (err), name)

/* Turns until the record has as much text as EXPECTED, and some more; asserts that it is that, and
   empties it.  */
void kit_await (const char *expected);

/* The same without turning.  */
void kit_expect (const char *expected);

/* Returns true if a line of the record begins with TEXT.  */
bool kit_has_noted (const char *text);

/* Turns until the record ends with the line ENDING, and empties it: for tests that have
   counted.  */
void kit_await_end (const char *ending);

/* --- Servers, played by hand ------------------------------------------------------------------ */

#define PEER_MAX_FDS 300

struct peer {
  int fd; /* -1: none */
  struct text in;
  int fds[PEER_MAX_FDS];      /* descriptors that came */
  size_t fd_at[PEER_MAX_FDS]; /* number of the octet that each came with */
  size_t n_octets;            /* that came in all */
  size_t n_fds;
  bool is_at_end;
  size_t most;      /* octets of one read; 0: many */
  bool is_stubborn; /* does not read while it cannot write */
};

/* Takes FD.  */
void peer_init (struct peer *p, int fd);

/* Listens at ADDRESS, unix:... or tcp:127.0.0.1, whose port is stored at RET_PORT unless that is
   NULL.  Accepts from a listener, turning.  */
int peer_listen (const char *address, int backlog, unsigned int *ret_port);
void peer_accept (struct peer *p, int listener);

/* Says the octets, turning while there is no room.  */
void peer_write (struct peer *p, const void *octets, size_t len);
void peer_say (struct peer *p, const char *text);

/* Takes what came, without turning.  */
void peer_take (struct peer *p);

/* The greeting of a server of ours whose program set the hello line "hi".  */
void peer_hears_hello (struct peer *p);

/* Turns until the peer heard as many octets as EXPECTED has, and some more; asserts that they are
   these.  */
void peer_hears (struct peer *p, const char *expected);
void peer_hears_nothing (struct peer *p);

/* peer_hears, peer_say.  */
void peer_answers (struct peer *p, const char *hears, const char *says);

/* Turns until the peer heard HEARS, says SAYS, and turns until the record has what is TOLD of it:
   peer_hears, peer_say, kit_await.  HEARS may be NULL, for nothing that is looked at.  */
void kit_exchange (struct peer *p, const char *hears, const char *says, const char *told);

/* Turns until the client closed the connection.  */
void peer_hears_end (struct peer *p);

/* Closes the connection and the descriptors that came.  RESET: so that the client's end gets
   ECONNRESET.  */
void peer_close (struct peer *p);
void peer_reset (struct peer *p);

/* --- Clients ---------------------------------------------------------------------------------- */

/* How kit_dial connects; a test may change it first.  Its callbacks keep the record and then run
   these, unless they are NULL.  */
extern struct eva_connect_config kit_config;
extern void (*kit_on_ready) (assuan_context_t ctx);
extern void (*kit_on_closed) (assuan_context_t ctx, gpg_error_t err);

/* For kit_on_closed: notes `reason` and what eva_get_reason says, or `-`.  */
void kit_note_reason (assuan_context_t ctx, gpg_error_t err);

/* eva_connect, which must work.  */
assuan_context_t kit_dial (const char *address);

/* The same to P over a socket pair, without greeting; and with it.  */
assuan_context_t kit_dial_peer (struct peer *p);
assuan_context_t kit_open (struct peer *p);

/* Releases CTX and closes P; nothing must be told any more.  */
void kit_close (assuan_context_t ctx, struct peer *p);

/* A call, and what its callbacks do behind the record: HOOK gets the name of the callback (`data`,
   `end`, `status`, `inquire`, `done`) and its result is the callback's.  */
struct rec {
  const char *name;
  struct eva_callbacks cb; /* its functions are filled in, unless the following forbid it */
  bool no_data, no_status, no_inquire;
  gpg_error_t (*hook) (struct rec *rec, const char *what);
  void *arg; /* of the hook */

  struct eva_pending_call *call; /* NULL once it ended */
  assuan_context_t ctx;
  gpg_error_t err; /* of done */
  unsigned int n_done;
};

/* Calls COMMAND as NAME.  Returns the call, which lives until the next test.  */
struct rec *kit_call (assuan_context_t ctx, const char *name, const char *command);

/* The same with the members of LIKE that the test fills.  */
struct rec *kit_call_like (assuan_context_t ctx, const struct rec *like, const char *command);

/* The same with what eva_call returned; the other must work.  */
gpg_error_t kit_try_call (assuan_context_t ctx, struct rec *rec, const char *command);

#endif /* EVA_TESTS_CLIENT_KIT_H */
