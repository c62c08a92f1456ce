/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-call.c - calls: their order, their replies, and errors of their callbacks.  */

#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Order ------------------------------------------------------------------------------------ */

static void
test_order (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "ONE 1");
  kit_call (ctx, "b", "TWO 2");
  kit_call (ctx, "c", "THREE 3");
  peer_answers (&p, "ONE 1\n", "S X y\n");
  peer_hears_nothing (&p);
  peer_say (&p, "OK one\n");
  peer_answers (&p, "TWO 2\n", kit_format ("ERR %d two\n", GPG_ERR_USER_2));
  kit_exchange (&p, "THREE 3\n", "OK three\n",
                "a.status X y\na.done 0 one\nb.done USER_2 two\nc.done 0 three\n");
  kit_close (ctx, &p);
}

/* Only those that allow it are sent before the others are answered, and none overtakes another.  */
static void
test_ahead (void **state) {
  static const struct rec b = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  static const struct rec c = { .name = "c", .cb.flags = EVA_CALL_AHEAD };
  static const struct rec e = { .name = "e", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  kit_call_like (ctx, &b, "B");
  kit_call_like (ctx, &c, "C");
  kit_call (ctx, "d", "D");
  kit_call_like (ctx, &e, "E");
  peer_answers (&p, "A\nB\nC\n", "OK\n");
  peer_hears_nothing (&p);
  peer_say (&p, "D x\nOK\n");
  peer_hears_nothing (&p);
  peer_say (&p, "OK\n");
  kit_exchange (&p, "D\nE\n", "OK\nD y\nOK\n",
                "a.done 0\nb.data x\nb.done 0\nc.done 0\nd.done 0\ne.data y\ne.done 0\n");
  kit_close (ctx, &p);
}

/* One that may be sent ahead is sent alone, too.  */
static void
test_ahead_alone (void **state) {
  static const struct rec a = { .name = "a", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &a, "A");
  peer_hears (&p, "A\n");
  kit_call_like (ctx, &a, "B");
  kit_exchange (&p, "B\n", "OK\nOK\n", "a.done 0\na.done 0\n");
  kit_close (ctx, &p);
}

/* Calls COMMAND N times: each reply is what was called for.  FLAGS of the calls.  */
static void
call_many (unsigned int n, unsigned int flags) {
  struct text expected = { 0 };
  unsigned int n_heard = 0, tries = 0;
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  for (unsigned int i = 0; i < n; i++) {
    const struct rec like = { .name = "c", .cb.flags = flags };
    const char *line = kit_format ("c.data %u\nc.done 0\n", i);
    kit_call_like (ctx, &like, kit_format ("ECHO %u", i));
    text_add (&expected, line, strlen (line));
  }
  while (n_heard < n) {
    char *line = p.in.data, *end;
    while (line && (end = strchr (line, '\n'))) {
      assert_int_equal (strtoul (line + 5, NULL, 10), n_heard++);
      peer_say (&p, kit_format ("D %.*s\nOK\n", (int) (end - line - 5), line + 5));
      line = end + 1;
    }
    if (line) memmove (p.in.data, line, p.in.len = strlen (line));
    if (line) p.in.data[p.in.len] = 0;
    peer_take (&p);
    if (!p.in.len) kit_turn (&tries);
  }
  kit_await (expected.data);
  text_free (&expected);
  kit_close (ctx, &p);
}

static void
test_thousand (void **state) {
  (void) state;
  call_many (1000, 0);
}

static void
test_thousand_ahead (void **state) {
  (void) state;
  call_many (1000, EVA_CALL_AHEAD);
}

/* --- Replies ---------------------------------------------------------------------------------- */

/* A server that answers with REPLY: the client is told EXPECTED, and the next call gets the next
   answer.  HEARD is what the server hears in between.  */
static void
answer_like (const struct rec *like, const char *reply, const char *heard, const char *expected) {
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  kit_call_like (ctx, like, "ASK");
  kit_call (ctx, "z", "NEXT");
  peer_answers (&p, "ASK\n", reply);
  peer_hears (&p, kit_format ("%sNEXT\n", heard));
  kit_expect (expected);
  kit_exchange (&p, NULL, "D next\nOK z\n", "z.data next\nz.done 0 z\n");
  kit_close (ctx, &p);
}

static void
answer (const char *reply, const char *expected) {
  answer_like (&(struct rec) { .name = "a" }, reply, "", expected);
}

static void
test_data (void **state) {
  (void) state;
  answer ("D hello\nD  world \nOK\n", "a.data hello\na.data  world \na.done 0\n");
  answer ("D a%25b%0D%0Ac%00d%ff\nOK\n", "a.data a%b\\0d\\0ac\\00d\\ff\na.done 0\n");
  answer ("D 100%\nD %zz\nOK\n", "a.data 100%\na.data %zz\na.done 0\n");
  answer ("D \nOK\n", "a.data\na.done 0\n");
  answer ("D x\r\nOK\r\n", "a.data x\na.done 0\n");
}

/* A bare END stands between data.  */
static void
test_end (void **state) {
  (void) state;
  answer ("D x\nEND\nD y\nEND\nOK\n", "a.data x\na.end\na.data y\na.end\na.done 0\n");
}

static void
test_status (void **state) {
  (void) state;
  answer ("S PROGRESS a b c\nS X\nS  Y \nOK\n",
          "a.status PROGRESS a b c\na.status X\na.status Y \na.done 0\n");
}

static void
test_comments (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  answer ("# a comment\n#\n\nOK\n", "a.done 0\n");
  ctx = kit_open (&p);
  assuan_set_flag (ctx, ASSUAN_CONVEY_COMMENTS, 1);
  kit_call (ctx, "a", "ASK");
  kit_exchange (&p, "ASK\n", "# a comment\nS X\n\nOK\n",
                "a.status # a comment\na.status X\na.done 0\n");
  kit_close (ctx, &p);
}

static gpg_error_t
note_comment (void *arg, const char *text) {
  (void) arg;
  kit_note ("comment %s", text);
  return strcmp (text, "# stop") ? 0 : gpg_error (GPG_ERR_USER_1);
}

/* A call that wants comments has them, whatever the context conveys.  */
static void
test_comment_callback (void **state) {
  struct rec like = { .name = "a", .cb.comment = note_comment };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (unsigned int conveys = 0; conveys < 2; conveys++) {
    assuan_set_flag (ctx, ASSUAN_CONVEY_COMMENTS, (int) conveys);
    kit_call_like (ctx, &like, "ASK");
    kit_exchange (&p, "ASK\n", "# a comment\nS X\n#\n\n#no blank\nOK\n",
                  "comment # a comment\na.status X\ncomment #\ncomment #no blank\na.done 0\n");
  }
  kit_call_like (ctx, &like, "ASK");
  kit_exchange (&p, "ASK\n", "# stop\n# more\nS X\nOK\n", "comment # stop\na.done USER_1\n");
  kit_close (ctx, &p);
}

static void
test_results (void **state) {
  (void) state;
  answer ("OK\n", "a.done 0\n");
  answer ("OK \n", "a.done 0\n");
  answer ("OK some text \n", "a.done 0 some text \n");
  answer (kit_format ("ERR %d\n", GPG_ERR_USER_1), "a.done USER_1\n");
  answer (kit_format ("ERR %d some text\n", GPG_ERR_USER_1), "a.done USER_1 some text\n");
  answer ("ERR\n", "a.done ASS_INV_RESPONSE ERR\n");
  answer ("ERR nonsense\n", "a.done ASS_INV_RESPONSE ERR nonsense\n");
}

/* A text that begins with a NUL is none; one that has it later ends there.  */
static void
test_nul_in_results (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "ASK");
  kit_call (ctx, "b", "ASK");
  kit_call (ctx, "c", "ASK");
  peer_hears (&p, "ASK\n");
  peer_write (&p, "OK \0a\n", 6);
  peer_hears (&p, "ASK\n");
  peer_write (&p, "ERR 1024\0b\n", 11);
  peer_hears (&p, "ASK\n");
  peer_write (&p, "OK c\0d\n", 7);
  kit_await ("a.done 0\nb.done USER_1\nc.done 0 c\n");
  kit_close (ctx, &p);
}

/* The server's error comes as it is, with its source.  */
static void
test_error_source (void **state) {
  gpg_error_t err = gpg_err_make (GPG_ERR_SOURCE_GPGAGENT, GPG_ERR_NO_SECKEY);
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "ASK");
  peer_answers (&p, "ASK\n", kit_format ("ERR %u none\n", err));
  kit_await_end ("none\n");
  assert_int_equal (rec->err, err);
  kit_close (ctx, &p);
}

/* --- Callbacks that are not there ------------------------------------------------------------- */

static void
test_no_callbacks (void **state) {
  static const struct rec a = {
    .name = "a", .no_data = true, .no_status = true, .no_inquire = true
  };
  static const char more[] = "D 1\nS 2\nEND\nD 3\nOK\n";

  (void) state;
  answer_like (&a, "S X\n# y\nOK\n", "", "a.done 0\n");
  answer_like (&a, more, "", "a.done ASS_NO_DATA_CB\n");
  answer_like (&a, "END\nOK\n", "", "a.done ASS_NO_DATA_CB\n");
  answer_like (&a, "S X\nD 1\nERR 5\n", "", "a.done ASS_NO_DATA_CB\n");
  answer_like (&a, "INQUIRE X\nERR 5\n", "CAN\n", "a.done ASS_NO_INQUIRE_CB\n");
}

/* No callback runs.  */
static void
test_null_callbacks (void **state) {
  static const struct eva_callbacks none = { .timeout_ms = 0 };
  struct eva_pending_call *call = NULL;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  assert_error (eva_call (ctx, "ONE", NULL, NULL, NULL), "0");
  assert_error (eva_call (ctx, "TWO", &none, NULL, &call), "0");
  assert_ptr_equal (eva_call_get_context (call), ctx);
  kit_call (ctx, "z", "THREE");
  peer_answers (&p, "ONE\n", "S X\nD data\nINQUIRE X\n");
  peer_answers (&p, "CAN\n", "OK\n");
  peer_answers (&p, "TWO\n", "ERR 1\n");
  kit_exchange (&p, "THREE\n", "OK\n", "z.done 0\n");
  kit_close (ctx, &p);
}

/* --- Errors of callbacks ---------------------------------------------------------------------- */

static gpg_error_t
fail_at (struct rec *rec, const char *what) {
  return strcmp (what, rec->arg) ? 0 : gpg_error (GPG_ERR_USER_1);
}

static void
fail_in (const char *what, const char *reply, const char *heard, const char *expected) {
  struct rec like = { .name = "a", .hook = fail_at };

  like.arg = (void *) (uintptr_t) what;
  answer_like (&like, reply, heard, expected);
}

/* The call ends with it, and nothing of the rest of the reply reaches a callback.  */
static void
test_callback_errors (void **state) {
  (void) state;
  fail_in ("data", "D 1\nD 2\nS X\nEND\nOK a\n", "", "a.data 1\na.done USER_1\n");
  fail_in ("data", "D 1\nERR 9\n", "", "a.data 1\na.done USER_1\n");
  fail_in ("data", "D 1\nINQUIRE X\nINQUIRE Y\nOK\n", "CAN\nCAN\n", "a.data 1\na.done USER_1\n");
  fail_in ("end", "D 1\nEND\nD 2\nOK\n", "", "a.data 1\na.end\na.done USER_1\n");
  fail_in ("status", "S 1\nS 2\nD 3\nOK\n", "", "a.status 1\na.done USER_1\n");
  fail_in ("inquire", "INQUIRE X y\nERR 5\n", "CAN\n", "a.inquire X y\na.done USER_1\n");
  fail_in ("inquire", "INQUIRE X\nS y\nINQUIRE Z\nD 5\nOK\n", "CAN\nCAN\n",
           "a.inquire X\na.done USER_1\n");
}

/* Without anything behind it: the connection waits for the rest, which may take its time.  */
static void
test_rest_comes_late (void **state) {
  struct rec like = { .name = "a", .hook = fail_at, .arg = (void *) (uintptr_t) "status" };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "ASK");
  kit_call (ctx, "b", "NEXT");
  kit_exchange (&p, "ASK\n", "S X\n", "a.status X\na.done USER_1\n");
  peer_hears_nothing (&p);
  peer_say (&p, "D x");
  peer_say (&p, "y\nINQUIRE Z\n");
  peer_answers (&p, "CAN\n", "OK a");
  peer_hears_nothing (&p);
  peer_say (&p, "\n");
  kit_exchange (&p, "NEXT\n", "OK b\n", "b.done 0 b\n");
  kit_close (ctx, &p);
}

/* --- Calls in callbacks ----------------------------------------------------------------------- */

static gpg_error_t
call_again (struct rec *rec, const char *what) {
  kit_call (rec->ctx, "n", kit_format ("IN %s", what));
  return 0;
}

static void
test_call_in_callbacks (void **state) {
  static const struct rec a = { .name = "a", .hook = call_again };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &a, "ASK");
  peer_answers (&p, "ASK\n", "D x\nEND\nS y\nOK\n");
  for (int i = 0; i < 4; i++) {
    static const char *const what[] = { "data", "end", "status", "done" };
    peer_answers (&p, kit_format ("IN %s\n", what[i]), kit_format ("OK %d\n", i));
  }
  kit_await (
      "a.data x\na.end\na.status y\na.done 0\nn.done 0 0\nn.done 0 1\nn.done 0 2\nn.done 0 3\n");
  kit_close (ctx, &p);
}

/* --- What cannot be called -------------------------------------------------------------------- */

static void
refuse (assuan_context_t ctx, const char *command, const char *error) {
  struct rec rec = { .name = "x" };

  assert_error (kit_try_call (ctx, &rec, command), error);
  assert_null (rec.call);
}

static void
test_wrong_commands (void **state) {
  assuan_context_t ctx;
  char line[1002];
  struct peer p;

  (void) state;
  memset (line, 'x', sizeof line);
  line[1001] = 0;
  ctx = kit_open (&p);
  refuse (ctx, NULL, "ASS_INV_VALUE");
  refuse (ctx, "", "ASS_INV_VALUE");
  refuse (ctx, "# comment", "ASS_INV_VALUE");
  refuse (ctx, "ONE\nTWO", "ASS_INV_VALUE");
  refuse (ctx, "ONE\n", "ASS_INV_VALUE");
  assert_error (eva_call (ctx, "A", &(struct eva_callbacks) { .flags = 128 }, NULL, NULL),
                "ASS_INV_VALUE");
  refuse (ctx, "\r", "ASS_INV_VALUE"); /* an empty line, that has no reply */
  refuse (ctx, line, "ASS_LINE_TOO_LONG");
  peer_hears_nothing (&p);
  line[1000] = 0;
  kit_call (ctx, "a", line);
  kit_exchange (&p, kit_format ("%s\n", line), "OK\n", "a.done 0\n");
  kit_close (ctx, &p);
}

/* The line is what the format says, escaped, and an octet too many is an error.  */
static void
test_format (void **state) {
  struct rec rec = { .name = "a" };
  assuan_context_t ctx;
  char text[1001];
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  assert_error (eva_callf (ctx, NULL, NULL, NULL, "SETDESC %s", "100 %\nsure"), "0");
  peer_answers (&p, "SETDESC 100 %25%0Asure\n", "OK\n");
  assert_error (eva_callf (ctx, NULL, NULL, NULL, "PUT --ttl=%u %-s %s", 5u, "a b", "c d"), "0");
  peer_answers (&p, "PUT --ttl=5 a%20b c d\n", "OK\n");
  memset (text, 'x', 1000);
  text[1000] = 0;
  assert_error (eva_callf (ctx, NULL, NULL, &rec.call, "A%s", text), "ASS_LINE_TOO_LONG");
  assert_error (eva_callf (ctx, NULL, NULL, &rec.call, "A%s", text + 1), "0");
  assert_ptr_equal (eva_call_get_context (rec.call), ctx);
  peer_answers (&p, kit_format ("A%s\n", text + 1), "OK\n");
  assert_error (eva_callf (ctx, NULL, NULL, NULL, "A %s", (char *) NULL), "ASS_INV_VALUE");
  assert_error (eva_callf (ctx, NULL, NULL, NULL, "%s", ""), "ASS_INV_VALUE");
  assert_error (eva_callf (ctx, NULL, NULL, NULL, "A\n%d", 1), "ASS_INV_VALUE");
  assert_error (eva_callf (NULL, NULL, NULL, NULL, "A"), "NOT_SUPPORTED");
  peer_hears_nothing (&p);
  kit_close (ctx, &p);
}

static void
test_wrong_contexts (void **state) {
  assuan_context_t ctx;

  (void) state;
  refuse (NULL, "NOP", "NOT_SUPPORTED");
  assert_error (assuan_new (&ctx), "0");
  refuse (ctx, "NOP", "NOT_SUPPORTED");
  assuan_release (ctx);
}

/* What lies between replies belongs to no call.  */
static void
test_between_replies (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  peer_say (&p, "S EARLY\n# x\n\n");
  kit_settle ();
  kit_call (ctx, "a", "ASK");
  kit_exchange (&p, "ASK\n", "OK\nS LATE\n# y\n\n", "a.done 0\n");
  kit_call (ctx, "a", "ASK");
  kit_exchange (&p, "ASK\n", "OK\n", "a.done 0\n");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_order),
  kit_test (test_ahead),
  kit_test (test_ahead_alone),
  kit_test (test_thousand),
  kit_test (test_thousand_ahead),
  kit_test (test_data),
  kit_test (test_end),
  kit_test (test_status),
  kit_test (test_comments),
  kit_test (test_comment_callback),
  kit_test (test_results),
  kit_test (test_nul_in_results),
  kit_test (test_error_source),
  kit_test (test_no_callbacks),
  kit_test (test_null_callbacks),
  kit_test (test_callback_errors),
  kit_test (test_rest_comes_late),
  kit_test (test_call_in_callbacks),
  kit_test (test_wrong_commands),
  kit_test (test_format),
  kit_test (test_wrong_contexts),
  kit_test (test_between_replies),
};

const struct suite call_suite = { "call", tests, N_ELEMENTS (tests) };
