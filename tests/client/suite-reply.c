/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-reply.c - calls whose reply comes at once, in one callback.  */

#include "kit.h"

#include <string.h>

static assuan_context_t ctx;
static void (*behind) (void);

/* NAME: what stands in the record: `NAME.replied ERR DATA [STATUS] ... TEXT`.  */
static void
replied (void *name, gpg_error_t err, const struct eva_reply *reply) {
  struct text t = { 0 };

  assert_int_equal (reply->data[reply->data_len], 0);
  for (size_t i = 0; i < reply->data_len; i++)
    text_add (&t, reply->data[i] ? &reply->data[i] : "\\0", reply->data[i] ? 1 : 2);
  for (size_t i = 0; i < reply->n_status; i++)
    text_print (&t, " [%s]", reply->status[i]);
  kit_note ("%s.replied %s '%s' %s", (const char *) name, kit_error (err), text_get (&t),
            reply->text ? reply->text : "-");
  text_free (&t);
  if (behind) behind ();
}

static gpg_error_t
inquired (void *name, struct eva_pending_call *call, const char *text) {
  kit_note ("%s.inquire %s", (const char *) name, text);
  return eva_answer_end (call);
}

static struct eva_pending_call *
ask (const char *name, size_t max_len) {
  struct eva_callbacks cb = { .replied = replied, .inquire = inquired, .max_reply_len = max_len };
  struct eva_pending_call *call;

  assert_error (eva_call (ctx, "ASK", &cb, (void *) (uintptr_t) name, &call), "0");
  return call;
}

/* The answer SAYS is told as TOLD, and the next call gets its own.  */
static void
exchange (size_t max_len, const char *says, const char *told) {
  struct peer p;

  ctx = kit_open (&p);
  ask ("a", max_len);
  ask ("b", 0);
  peer_answers (&p, "ASK\n", says);
  kit_exchange (&p, "ASK\n", "D b\nOK\n", kit_format ("%sb.replied 0 'b' -\n", told));
  kit_close (ctx, &p);
}

static void
test_replies (void **state) {
  (void) state;
  exchange (0, "OK\n", "a.replied 0 '' -\n");
  exchange (0, "OK some text\n", "a.replied 0 '' some text\n");
  exchange (0, "S A 1\nD he\nD l%25lo\n# c\nS B\nEND\nD %00\nOK all\n",
            "a.replied 0 'hel%lo\\0 [A 1] [B]' all\n");
  exchange (0, kit_format ("D part\nS X\nERR %d no\n", GPG_ERR_USER_1),
            "a.replied USER_1 'part [X]' no\n");
}

/* An octet too many ends the call; of status lines the NUL counts.  */
static void
test_limit (void **state) {
  (void) state;
  exchange (4, "D 1234\nOK\n", "a.replied 0 '1234' -\n");
  exchange (4, "D 12345\nOK\n", "a.replied TOO_LARGE '' -\n");
  exchange (4, "D 12\nD 34\nD 5\nOK\n", "a.replied TOO_LARGE '1234' -\n");
  exchange (4, "D 1\nS A\nOK\n", "a.replied 0 '1 [A]' -\n");
  exchange (4, "D 1\nS AB\nOK\n", "a.replied 0 '1 [AB]' -\n");
  exchange (4, "D 1\nS ABC\nOK\n", "a.replied TOO_LARGE '1' -\n");
  exchange (4, "S A\nS B\nS\nOK\n", "a.replied TOO_LARGE ' [A] [B]' -\n");
  exchange (EVA_NO_LIMIT_LEN, "D 1\nOK\n", "a.replied 0 '1' -\n");
}

/* So much that the buffer grows many times.  */
static void
test_much (void **state) {
  struct text says = { 0 }, told = { 0 };

  (void) state;
  text_print (&told, "a.replied 0 '");
  for (int i = 0; i < 300; i++) {
    text_print (&says, "D line %d\n", i);
    text_print (&told, "line %d", i);
  }
  for (int i = 0; i < 300; i++) {
    text_print (&says, "S N %d\n", i);
    text_print (&told, " [N %d]", i);
  }
  text_print (&says, "OK\n");
  text_print (&told, "' -\n");
  {
    struct peer p;
    ctx = kit_open (&p);
    ask ("a", 0);
    kit_exchange (&p, "ASK\n", text_get (&says), text_get (&told));
    kit_close (ctx, &p);
  }
  text_free (&says);
  text_free (&told);
}

static void
test_inquiry (void **state) {
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  ask ("a", 0);
  peer_answers (&p, "ASK\n", "D 1\nINQUIRE X\n");
  peer_answers (&p, "END\n", "D 2\nOK\n");
  kit_await ("a.inquire X\na.replied 0 '12' -\n");
  kit_close (ctx, &p);
}

/* A call that ends before its reply is complete tells what came.  */
static void
test_ends (void **state) {
  struct eva_pending_call *call;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  call = ask ("a", 0);
  peer_answers (&p, "ASK\n", "D 1\nS X\n");
  kit_settle ();
  eva_call_cancel (call);
  kit_expect ("a.replied CANCELED '1 [X]' -\n");
  call = ask ("b", 0);
  eva_call_cancel (call);
  kit_expect ("b.replied CANCELED '' -\n");
  ask ("c", 0);
  peer_say (&p, "D 2\nOK\n");
  peer_answers (&p, "ASK\n", "D 3\n");
  peer_close (&p);
  kit_await ("c.replied EOF '3' -\nclosed EPIPE\n");
  assuan_release (ctx);
}

static void
release (void) {
  behind = NULL;
  assuan_release (ctx);
}

static void
test_release (void **state) {
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  behind = release;
  ask ("a", 0);
  kit_exchange (&p, "ASK\n", "D 1\nS X\nOK y\n", "a.replied 0 '1 [X]' y\n");
  peer_close (&p);
  ctx = kit_open (&p);
  ask ("b", 0);
  peer_answers (&p, "ASK\n", "D 1\n");
  kit_settle ();
  assuan_release (ctx);
  kit_expect ("b.replied CANCELED '1' -\n");
  peer_close (&p);
}

static gpg_error_t
no_text (void *arg, const char *text) {
  (void) arg, (void) text;
  return 0;
}

static gpg_error_t
no_data (void *arg, const void *buf, size_t len) {
  (void) arg, (void) buf, (void) len;
  return 0;
}

static void
no_done (void *arg, gpg_error_t err, const char *text) {
  (void) arg, (void) err, (void) text;
}

static void
test_both (void **state) {
  static const struct eva_callbacks both[] = { { .replied = replied, .data = no_data },
                                               { .replied = replied, .status = no_text },
                                               { .replied = replied, .done = no_done } };
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (size_t i = 0; i < N_ELEMENTS (both); i++)
    assert_error (eva_call (ctx, "ASK", &both[i], NULL, NULL), "ASS_INV_VALUE");
  peer_hears_nothing (&p);
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_replies), kit_test (test_limit),   kit_test (test_much), kit_test (test_inquiry),
  kit_test (test_ends),    kit_test (test_release), kit_test (test_both),
};

const struct suite reply_suite = { "reply", tests, N_ELEMENTS (tests) };
