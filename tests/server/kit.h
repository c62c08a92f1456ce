/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.h - what the tests of eva_server share: a loop, a server in it, and turns of the loop that
   the test itself makes, so that every octet and its time is under control.

   Each test runs between kit_setup and kit_teardown, which check that nothing is left behind:
   descriptors, memory of the server, callbacks that are still owed.  */

#ifndef EVA_TESTS_SERVER_KIT_H
#define EVA_TESTS_SERVER_KIT_H

#include <fcntl.h>

#include "assertions.h"
#include "eva.h"
#include "fds.h"
#include "loops.h"
#include "suites.h"
#include "tmpdir.h"

/* The error source of everything here.  */
#define KIT_SOURCE GPG_ERR_SOURCE_USER_2
#define ERR(code)  gpg_err_make (KIT_SOURCE, (code))

/* assert that the gpg_error_t ERR has CODE.  */
#define assert_code(err, code) assert_int_equal (gpg_err_code (err), (code))

#define kit_test(name) cmocka_unit_test_setup_teardown (name, kit_setup, kit_teardown)
int kit_setup (void **state);
int kit_teardown (void **state);

struct kit {
  struct test_loop loop;
  eva_server *server; /* NULL once kit_free_server was called */
  unsigned int n_turns;
};
extern struct kit kit;

/* Returns true if the loop tells of peers that leave while nothing is watched for.  */
bool kit_tells_hangup (void);

/* Sets limits of KIT's server, or of its connections.  */
void kit_set_limits (const struct eva_server_limits *limits);
void kit_set_connection_limits (const struct eva_limits *limits);

struct eva_stats kit_stats (void);

/* What teardown would do: for tests of eva_server_free.  */
void kit_free_server (void);

/* Zeroed memory of the tests' own, which never fails: where allocations are made to fail, those are
   counted as none.  */
void *kit_alloc (size_t len);
extern volatile bool kit_is_own_alloc; /* compilers think that calloc does not look */

/* --- Turns ------------------------------------------------------------------------------------ */

/* One turn of the loop, which does not wait.  */
void kit_turn (void);

/* So many turns that whatever is due has happened.  */
void kit_settle (void);

/* Turns until CONDITION holds.  Only a hang ends it otherwise.  */
#define kit_until(condition)                                                                       \
  do {                                                                                             \
    kit_wait_begin ();                                                                             \
    while (!(condition))                                                                           \
      kit_wait (#condition, __FILE__, __LINE__);                                                   \
  } while (0)
void kit_wait_begin (void);
void kit_wait (const char *condition, const char *file, int line);

/* Turns for MS milliseconds, letting the loop wait.  Returns the number of turns: a loop that has
   nothing to do makes few.  */
unsigned int kit_idle (unsigned int ms);

/* Calls CB with ARG out of the loop, DELAY_MS milliseconds from now.  */
void kit_after (unsigned int delay_ms, void (*cb) (void *arg), void *arg);

#endif /* EVA_TESTS_SERVER_KIT_H */
