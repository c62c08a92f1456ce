/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-gio.c - calls as asynchronous functions of GIO: replies, errors, and giving up.  */

#include "kit.h"

#include <eva/gio.h>
#include <string.h>

static assuan_context_t ctx;
static struct peer p;
static GCancellable *cancellable;
static GAsyncResult *kept;
static void (*behind) (void);

static int
setup (void **state) {
  kit_setup (state);
  g_main_context_push_thread_default (kit_loop.foreign);
  cancellable = g_cancellable_new ();
  behind = NULL;
  ctx = kit_open (&p);
  return 0;
}

static int
teardown (void **state) {
  g_object_unref (cancellable);
  kit_close (ctx, &p);
  g_main_context_pop_thread_default (kit_loop.foreign);
  return kit_teardown (state);
}

/* `NAME DATA [STATUS] ... TEXT`, or `NAME DOMAIN CODE MESSAGE`.  */
static void
note (const char *name, const eva_gio_reply *reply, const GError *error) {
  struct text t = { 0 };

  if (error) {
    assert_null (reply);
    kit_note ("%s %s %s %s", name, error->domain == EVA_ERROR ? "eva" : "gio",
              error->domain == EVA_ERROR ? kit_error ((gpg_error_t) error->code) : "-",
              error->domain == EVA_ERROR ? error->message : "-");
    return;
  }
  assert_int_equal (reply->data[reply->data_len], 0);
  for (size_t i = 0; i < reply->n_status; i++)
    text_print (&t, " [%s]", reply->status[i]);
  kit_note ("%s '%s'%s %s", name, reply->data, text_get (&t), reply->text ? reply->text : "-");
  text_free (&t);
}

static void
came (GObject *source, GAsyncResult *result, gpointer name) {
  GError *error = NULL;
  eva_gio_reply *reply = eva_call_finish (result, &error);

  assert_null (source);
  note (name, reply, error);
  eva_gio_reply_free (reply);
  g_clear_error (&error);
  if (behind) behind ();
}

static void
ask_of (const char *name, const char *command, GCancellable *by) {
  eva_call_async (ctx, command, by, came, (gpointer) (uintptr_t) name);
}

static void
ask (const char *name, const char *command) {
  ask_of (name, command, cancellable);
}

/* --- Replies ---------------------------------------------------------------------------------- */

static void
test_reply (void **state) {
  (void) state;
  ask ("a", "ONE");
  ask_of ("b", "TWO", NULL);
  kit_expect ("");
  peer_answers (&p, "ONE\n", "S A 1\nD some\nS B\nD  data\nOK text\n");
  peer_answers (&p, "TWO\n", "OK\n");
  kit_await ("a 'some data' [A 1] [B] text\nb '' -\n");
}

static void
test_errors (void **state) {
  (void) state;
  ask ("a", "ONE");
  peer_answers (&p, "ONE\n", kit_format ("D x\nERR %d No luck <Test>\n", GPG_ERR_USER_1));
  kit_await ("a eva USER_1 No luck <Test>\n");
  ask ("b", "ONE");
  peer_answers (&p, "ONE\n", kit_format ("ERR %d \xe4 no\n", GPG_ERR_USER_2));
  kit_await ("b eva USER_2 \\344 no\n");
  ask ("c", "ONE");
  peer_answers (&p, "ONE\n", "INQUIRE SECRET\n");
  peer_answers (&p, "CAN\n", "ERR 1\n");
  kit_await (kit_format ("c eva ASS_NO_INQUIRE_CB %s\n", gpg_strerror (GPG_ERR_ASS_NO_INQUIRE_CB)));
}

/* What eva_call refuses comes by the callback, and not within the call.  */
static void
test_refused (void **state) {
  (void) state;
  ask ("a", "ONE\nTWO");
  kit_expect ("");
  kit_await (kit_format ("a eva ASS_INV_VALUE %s\n", gpg_strerror (GPG_ERR_ASS_INV_VALUE)));
  peer_hears_nothing (&p);
}

/* NULL for both is allowed.  */
static void
drop (GObject *source, GAsyncResult *result, gpointer arg) {
  (void) source;
  (void) arg;
  eva_gio_reply_free (eva_call_finish (result, NULL));
  kit_note ("dropped");
}

static void
test_dropped (void **state) {
  (void) state;
  eva_call_async (ctx, "ONE", NULL, drop, NULL);
  peer_answers (&p, "ONE\n", "ERR 1\n");
  kit_await ("dropped\n");
  eva_call_async (ctx, "ONE", NULL, NULL, NULL);
  peer_answers (&p, "ONE\n", "D x\nOK\n");
  kit_settle ();
}

/* --- Giving up -------------------------------------------------------------------------------- */

static void
test_cancelled_before (void **state) {
  (void) state;
  g_cancellable_cancel (cancellable);
  ask ("a", "ONE");
  kit_expect ("");
  kit_await ("a gio - -\n");
  peer_hears_nothing (&p);
}

static void
test_cancelled_unsent (void **state) {
  (void) state;
  ask_of ("a", "ONE", NULL);
  ask ("b", "TWO");
  peer_hears (&p, "ONE\n");
  g_cancellable_cancel (cancellable);
  kit_expect ("");
  kit_await ("b gio - -\n");
  peer_say (&p, "OK\n");
  kit_await ("a '' -\n");
  peer_hears_nothing (&p);
}

static void
test_cancelled_during (void **state) {
  (void) state;
  ask ("a", "ONE");
  ask_of ("b", "TWO", NULL);
  peer_answers (&p, "ONE\n", "D part\n");
  g_cancellable_cancel (cancellable);
  kit_await ("a gio - -\n");
  peer_answers (&p, "", "D rest\nOK\n");
  peer_answers (&p, "TWO\n", "OK two\n");
  kit_await ("b '' two\n");
}

/* The reply came, but the program has not been told yet.  */
static void
keep (GObject *source, GAsyncResult *result, gpointer arg) {
  (void) source;
  (void) arg;
  kept = g_object_ref (result);
}

static void
test_cancelled_after (void **state) {
  GError *error = NULL;

  (void) state;
  eva_call_async (ctx, "ONE", cancellable, keep, NULL);
  peer_answers (&p, "ONE\n", "D secret\nOK\n");
  kit_settle ();
  g_cancellable_cancel (cancellable);
  assert_null (eva_call_finish (kept, &error));
  assert_true (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_error_free (error);
  g_object_unref (kept);
  ask_of ("b", "TWO", NULL);
  peer_answers (&p, "TWO\n", "OK\n");
  kit_await ("b '' -\n");
}

static gpointer
cancel (gpointer arg) {
  g_cancellable_cancel (arg);
  return NULL;
}

static void
test_cancelled_by_thread (void **state) {
  (void) state;
  ask ("a", "ONE");
  peer_hears (&p, "ONE\n");
  g_thread_join (g_thread_new ("cancel", cancel, cancellable));
  kit_await ("a gio - -\n");
  peer_say (&p, "OK\n");
  kit_settle ();
}

/* --- Ends of the connection ------------------------------------------------------------------- */

static void
release (void) {
  assuan_release (ctx);
  ctx = NULL;
  behind = NULL;
}

/* The callback comes after assuan_release, and needs no context.  */
static void
test_released (void **state) {
  (void) state;
  ask ("a", "ONE");
  ask_of ("b", "TWO", NULL);
  peer_hears (&p, "ONE\n");
  release ();
  kit_expect ("");
  kit_await (kit_format ("a eva CANCELED %s\nb eva CANCELED %s\n", gpg_strerror (GPG_ERR_CANCELED),
                         gpg_strerror (GPG_ERR_CANCELED)));
}

/* Given up, released, and only then a turn.  */
static void
test_released_cancelled (void **state) {
  (void) state;
  ask ("a", "ONE");
  peer_hears (&p, "ONE\n");
  g_cancellable_cancel (cancellable);
  release ();
  kit_await ("a gio - -\n");
}

static void
test_released_within (void **state) {
  (void) state;
  behind = release;
  ask ("a", "ONE");
  ask ("b", "TWO");
  peer_answers (&p, "ONE\n", "OK\n");
  kit_await (kit_format ("a '' -\nb eva CANCELED %s\n", gpg_strerror (GPG_ERR_CANCELED)));
}

static void
test_server_leaves (void **state) {
  (void) state;
  ask ("a", "ONE");
  peer_hears (&p, "ONE\n");
  peer_close (&p);
  kit_await (kit_format ("closed EPIPE\na eva EOF %s\n", gpg_strerror (GPG_ERR_EOF)));
  ask ("b", "TWO");
  kit_await (kit_format ("b eva EPIPE %s\n", gpg_strerror (GPG_ERR_EPIPE)));
}

/* A callback runs the loop until the next call has ended.  */
static void
ask_within (void) {
  behind = NULL;
  ask ("b", "TWO");
  peer_answers (&p, "TWO\n", "OK\n");
  kit_await ("a '' -\nb '' -\n");
}

static void
test_dialog (void **state) {
  (void) state;
  behind = ask_within;
  ask ("a", "ONE");
  peer_answers (&p, "ONE\n", "OK\n");
  kit_settle ();
}

/* --- Tasks of the program --------------------------------------------------------------------- */

static gpg_error_t
inquired (void *arg, struct eva_pending_call *call, const char *text) {
  kit_note ("%s inquire %s", (char *) arg, text);
  eva_answer_data (call, "answer", 6);
  return eva_answer_end (call);
}

static gpg_error_t
commented (void *arg, const char *text) {
  kit_note ("%s comment %s", (char *) arg, text);
  return 0;
}

static void
test_task (void **state) {
  struct eva_callbacks cb = { .inquire = inquired, .comment = commented };
  GTask *task = g_task_new (NULL, cancellable, came, (gpointer) (uintptr_t) "a");
  char arg[] = "of a";

  (void) state;
  eva_call_task (ctx, "ONE", &cb, arg, task);
  g_object_unref (task);
  peer_answers (&p, "ONE\n", "# why\nINQUIRE KEY 1\n");
  peer_answers (&p, "D answer\nEND\n", "OK\n");
  kit_await ("of a comment # why\nof a inquire KEY 1\na '' -\n");
}

static void
test_task_time (void **state) {
  struct eva_callbacks cb = { .timeout_ms = 1 };
  GTask *task = g_task_new (NULL, cancellable, came, (gpointer) (uintptr_t) "a");

  (void) state;
  eva_call_task (ctx, "ONE", &cb, NULL, task);
  g_object_unref (task);
  kit_await (kit_format ("a eva TIMEOUT %s\n", gpg_strerror (GPG_ERR_TIMEOUT)));
}

static void
replied (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  (void) arg;
  (void) err;
  (void) reply;
  fail ();
}

static void
test_task_refused (void **state) {
  struct eva_callbacks cb = { .replied = replied };
  GTask *task = g_task_new (NULL, cancellable, came, (gpointer) (uintptr_t) "a");

  (void) state;
  eva_call_task (ctx, "ONE", &cb, NULL, task);
  g_object_unref (task);
  kit_await (kit_format ("a eva ASS_INV_VALUE %s\n", gpg_strerror (GPG_ERR_ASS_INV_VALUE)));
}

/* A task that an earlier turn has made: GLib itself would call back within the function.  */
static GTask *early;
static struct eva_callbacks early_cb;

static gboolean
call_in_source (gpointer arg) {
  (void) arg;
  eva_call_task (ctx, "ONE", &early_cb, NULL, early);
  g_object_unref (early);
  kit_note ("called");
  return G_SOURCE_REMOVE;
}

static void
call_early (void) {
  GSource *source = g_idle_source_new ();

  early = g_task_new (NULL, cancellable, came, (gpointer) (uintptr_t) "a");
  kit_settle ();
  g_source_set_callback (source, call_in_source, NULL, NULL);
  g_source_attach (source, kit_loop.foreign);
  g_source_unref (source);
}

static void
test_task_not_within (void **state) {
  (void) state;
  early_cb = (struct eva_callbacks) { .replied = replied };
  call_early ();
  kit_await (kit_format ("called\na eva ASS_INV_VALUE %s\n", gpg_strerror (GPG_ERR_ASS_INV_VALUE)));
  early_cb = (struct eva_callbacks) { 0 };
  g_cancellable_cancel (cancellable);
  call_early ();
  kit_await ("called\na gio - -\n");
  peer_hears_nothing (&p);
}

#define gio_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    gio_test (test_reply),
    gio_test (test_errors),
    gio_test (test_refused),
    gio_test (test_dropped),
    gio_test (test_cancelled_before),
    gio_test (test_cancelled_unsent),
    gio_test (test_cancelled_during),
    gio_test (test_cancelled_after),
    gio_test (test_cancelled_by_thread),
    gio_test (test_released),
    gio_test (test_released_cancelled),
    gio_test (test_released_within),
    gio_test (test_server_leaves),
    gio_test (test_dialog),
    gio_test (test_task),
    gio_test (test_task_time),
    gio_test (test_task_refused),
    gio_test (test_task_not_within),
  };

  /* What GLib keeps for the whole process comes first.  */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
  return cmocka_run_group_tests (tests, NULL, NULL);
}
