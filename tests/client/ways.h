/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ways.h - blocking contexts with each kind of system hooks, and servers played by hand.  */

#ifndef EVA_TESTS_CLIENT_WAYS_H
#define EVA_TESTS_CLIENT_WAYS_H

#include <stdbool.h>

#include "assertions.h"
#include "eva.h"

/* A short limit is only ever one that has to go by.  A call that must not run out of time has none,
   or finds there already what it waits for.  */
#define SHORT_MS 40u

#define assert_code(rc, code) assert_int_equal (gpg_err_code (rc), (code))

extern const struct eva_timeouts all_short, calls_short;

/* Which functions a context has, and the program a clamp.  */
struct way {
  const char *name;
  bool hooks, sleeps, clamp;
};

/* That of new contexts; the default functions at first.  */
extern const struct way *way;

/* Runs WAIT in each way.  */
void each_way (void (*wait) (void));

#define ROW(name)                                                                                  \
  static void test_##name (void **state) {                                                         \
    (void) state;                                                                                  \
    each_way (wait_##name);                                                                        \
  }

/* Asserts that the library has waited so since each_way called: with a clamp between its functions,
   else with the usleep hook, if there is one, and else by poll alone.  */
void expect_way (void);

/* A context with these limits; NULL: none.  */
assuan_context_t new_context (const struct eva_timeouts *timeouts);

/* A client that was greeted, and the end of its server.  */
assuan_context_t open_client (const struct eva_timeouts *timeouts, unsigned int flags,
                              int *ret_peer);

/* A transaction without callbacks.  */
gpg_error_t ask (assuan_context_t ctx);

/* Asserts that the connection is over: every call says so at once.  */
void expect_over (assuan_context_t ctx);

/* The other end: says TEXT; expects TEXT and then the end of file.  */
void say (int fd, const char *text);
void expect_last (int fd, const char *text);

int ways_setup (void **state);
int ways_teardown (void **state);
#define way_test(name) cmocka_unit_test_setup_teardown (name, ways_setup, ways_teardown)

#endif /* EVA_TESTS_CLIENT_WAYS_H */
