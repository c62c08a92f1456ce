/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-log.c - what is said or asked for while a client is confidential is not logged, though it
   leaves, or is answered, later.  */

#include "capture.h"
#include "kit.h"

#include <string.h>

#define HIDDEN "[[Confidential data not shown]]"

static FILE *stream;

static int
setup (void **state) {
  int rc = kit_setup (state);

  stream = capture_open ();
  return rc;
}

static int
teardown (void **state) {
  int rc = kit_teardown (state);

  assuan_set_assuan_log_stream (NULL);
  capture_close ();
  return rc;
}

#define log_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

static assuan_context_t
open_logged (struct peer *p) {
  assuan_context_t ctx = kit_open (p);

  assuan_set_log_stream (ctx, stream);
  return ctx;
}

/* The log, without its channel, is TEXT.  */
static void
expect_logged (const char *text) {
  const char *logged = capture_get (), *expected = text;

  for (const char *line = logged; *line; line = strchr (line, '\n') + 1) {
    const char *arrow = strpbrk (line, "<-[");
    size_t len = strcspn (arrow, "\n") + 1;
    if (strncmp (arrow, expected, len)) fail_msg ("logged: %s", logged);
    expected += len;
  }
  assert_string_equal (expected, "");
}

static struct rec *
call_secretly (assuan_context_t ctx, const char *name, const char *command) {
  struct rec *rec;

  assuan_begin_confidential (ctx);
  rec = kit_call (ctx, name, command);
  assuan_end_confidential (ctx);
  return rec;
}

/* After a call that is not, and before another one.  */
static void
test_call (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = open_logged (&p);
  kit_call (ctx, "a", "FIRST");
  call_secretly (ctx, "b", "PASS secret");
  kit_call (ctx, "c", "LAST");
  peer_answers (&p, "FIRST\n", "D one\nOK\n");
  peer_answers (&p, "PASS secret\n", "D secret\nOK secret\n");
  kit_exchange (&p, "LAST\n", "OK\n",
                "a.data one\na.done 0\nb.data secret\nb.done 0 secret\nc.done 0\n");
  expect_logged ("-> FIRST\n<- D one\n<- OK\n-> " HIDDEN "\n<- " HIDDEN "\n<- " HIDDEN
                 "\n-> LAST\n<- OK\n");
  kit_close (ctx, &p);
}

static void
test_answer (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = open_logged (&p);
  rec = kit_call (ctx, "a", "ASK");
  kit_exchange (&p, "ASK\n", "INQUIRE PIN\n", "a.inquire PIN\n");
  assuan_begin_confidential (ctx);
  assert_error (eva_answer_data (rec->call, "secret", 6), "0");
  assuan_end_confidential (ctx);
  assert_error (eva_answer_data (rec->call, " end", 4), "0");
  assert_error (eva_answer_end (rec->call), "0");
  kit_exchange (&p, "D secret end\nEND\n", "OK\n", "a.done 0\n");
  expect_logged ("-> ASK\n<- INQUIRE PIN\n-> " HIDDEN "\n-> END\n<- OK\n");
  kit_close (ctx, &p);
}

/* All of a confidential call is: also what answers its inquiries.  */
static void
test_answer_to_call (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = open_logged (&p);
  rec = call_secretly (ctx, "a", "ASK");
  kit_exchange (&p, "ASK\n", "INQUIRE PIN\n", "a.inquire PIN\n");
  assert_error (eva_answer_data (rec->call, "secret", 6), "0");
  assert_error (eva_answer_end (rec->call), "0");
  kit_exchange (&p, "D secret\nEND\n", "OK\n", "a.done 0\n");
  expect_logged ("-> " HIDDEN "\n<- " HIDDEN "\n-> " HIDDEN "\n-> " HIDDEN "\n<- " HIDDEN "\n");
  kit_close (ctx, &p);
}

/* The rest of a reply that was given up is dropped, and not shown either.  */
static void
test_cancel (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = open_logged (&p);
  rec = call_secretly (ctx, "a", "ASK");
  peer_hears (&p, "ASK\n");
  eva_call_cancel (rec->call);
  kit_call (ctx, "b", "NEXT");
  peer_say (&p, "D secret\nOK secret\n");
  kit_exchange (&p, "NEXT\n", "OK\n", "a.done CANCELED\nb.done 0\n");
  expect_logged ("-> " HIDDEN "\n<- " HIDDEN "\n<- " HIDDEN "\n-> NEXT\n<- OK\n");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  log_test (test_call),
  log_test (test_answer),
  log_test (test_answer_to_call),
  log_test (test_cancel),
};

const struct suite log_suite = { "log", tests, N_ELEMENTS (tests) };
