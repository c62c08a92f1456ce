/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-late.c - errors that come by done and closed, out of the loop, and in no other way.  */

#include "kit.h"

#include <string.h>
#include <unistd.h>

static const struct rec late = { .name = "a", .cb.flags = EVA_CALL_LATE_ERRORS };

static struct rec *
call_late (assuan_context_t ctx, const char *name, const char *command) {
  struct rec like = late;

  like.name = name;
  return kit_call_like (ctx, &like, command);
}

/* What eva_call would return comes by done, after it returned.  */
static void
test_wrong_commands (void **state) {
  static const char *const commands[][2] = { { "", "ASS_INV_VALUE" },
                                             { "# comment", "ASS_INV_VALUE" },
                                             { "ONE\nTWO", "ASS_INV_VALUE" } };
  assuan_context_t ctx;
  char line[1002];
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (size_t i = 0; i < N_ELEMENTS (commands); i++) {
    call_late (ctx, "a", commands[i][0]);
    kit_expect ("");
    kit_await (kit_format ("a.done %s\n", commands[i][1]));
  }
  memset (line, 'x', 1001);
  line[1001] = 0;
  call_late (ctx, "a", line);
  call_late (ctx, "b", "");
  call_late (ctx, "c", "ASK");
  kit_await ("a.done ASS_LINE_TOO_LONG\nb.done ASS_INV_VALUE\n");
  kit_exchange (&p, "ASK\n", "OK\n", "c.done 0\n");
  kit_close (ctx, &p);
}

static void
note_done (void *arg, gpg_error_t err, const char *text) {
  kit_note ("%s.done %s%s", (const char *) arg, kit_error (err), text ? text : "");
}

static void
test_format (void **state) {
  struct eva_callbacks cb = { .done = note_done, .flags = EVA_CALL_LATE_ERRORS };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  assert_error (eva_callf (ctx, &cb, (void *) (uintptr_t) "a", NULL, "%s", (char *) NULL), "0");
  assert_error (eva_callf (ctx, &cb, (void *) (uintptr_t) "b", NULL, "%1000d", 1), "0");
  kit_expect ("");
  kit_await ("a.done ASS_INV_VALUE\nb.done ASS_INV_VALUE\n");
  kit_close (ctx, &p);
}

/* A descriptor that cannot be passed, or is none.  */
static void
test_descriptors (void **state) {
  struct rec like = late;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  like.cb.has_fd = true;
  like.cb.fd = 0;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "ASK");
  kit_await ("a.done NOT_SUPPORTED\n");
  kit_close (ctx, &p);
  kit_config.flags = EVA_CONNECT_FDPASSING;
  like.cb.fd = -1;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "ASK");
  kit_await ("a.done EBADF\n");
  kit_close (ctx, &p);
}

static void
call_in_closed (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  call_late (ctx, "c", "ASK");
}

/* A connection that is over: those calls that were made before closed end before it.  */
static void
test_over (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_on_closed = call_in_closed;
  eva_close (ctx);
  call_late (ctx, "a", "ASK");
  kit_expect ("");
  kit_await ("a.done EPIPE\nclosed CANCELED\nc.done EPIPE\n");
  call_late (ctx, "b", "ASK");
  kit_expect ("");
  kit_await ("b.done EPIPE\n");
  assuan_release (ctx);
  peer_close (&p);
}

/* A call that failed can be given up like any other, or its context released.  */
static void
test_given_up (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  call_late (ctx, "a", "");
  rec = call_late (ctx, "b", "");
  assert_ptr_equal (eva_call_get_context (rec->call), ctx);
  call_late (ctx, "c", "");
  eva_call_cancel (rec->call);
  kit_expect ("b.done CANCELED\n");
  assuan_release (ctx);
  kit_expect ("a.done ASS_INV_VALUE\nc.done ASS_INV_VALUE\n");
  peer_close (&p);
}

static gpg_error_t
release_in_done (struct rec *rec, const char *what) {
  (void) what;
  rec->hook = NULL;
  assuan_release (rec->ctx);
  return 0;
}

static void
test_release_in_done (void **state) {
  struct rec like = late;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  like.hook = release_in_done;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "");
  call_late (ctx, "b", "");
  kit_await ("a.done ASS_INV_VALUE\nb.done ASS_INV_VALUE\n");
  peer_close (&p);
}

/* Behind the release of the context that is refused at once.  */
static gpg_error_t
call_once_more (struct rec *rec, const char *what) {
  static struct rec next;

  (void) what;
  next = late;
  next.name = "n";
  kit_try_call (rec->ctx, &next, "");
  return 0;
}

static void
test_call_in_done (void **state) {
  struct rec like = late;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  like.hook = call_once_more;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "");
  kit_await ("a.done ASS_INV_VALUE\nn.done ASS_INV_VALUE\n");
  kit_call_like (ctx, &like, "");
  assuan_release (ctx); /* too late for a call in done */
  kit_expect ("a.done ASS_INV_VALUE\n");
  peer_close (&p);
}

/* Where no context is, or it is going away, no callback can be told.  */
static void
test_returned (void **state) {
  assert_error (eva_call (NULL, "ASK", &late.cb, NULL, NULL), "NOT_SUPPORTED");
  (void) state;
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* What eva_connect would return comes by closed; calls can be made meanwhile.  */
static void
fail_late (const char *address, const char *error) {
  assuan_context_t ctx;

  kit_config.flags = EVA_CONNECT_LATE_ERRORS;
  ctx = kit_dial (address);
  kit_call (ctx, "a", "ASK");
  kit_expect ("");
  kit_await (kit_format ("a.done %s\nclosed %s\n", error, error));
  assuan_release (ctx);
}

static void
test_connect (void **state) {
  (void) state;
  fail_late ("nonsense", "INV_ARG");
  fail_late (kit_format ("unix:%s", tmpdir_path ("missing")), "ASS_CONNECT_FAILED");
  fail_late ("exec:/nonexistent/program", "ENOENT");
  fail_late ("fd:-1", "INV_ARG");
}

/* What CONFIG says of programs cannot be: that comes in the same way, with nothing dialled.  */
static void
test_connect_config (void **state) {
  static const char *const nothing[] = { NULL }, *const nameless[] = { "=value", NULL };

  (void) state;
  kit_config.start_argv = nothing;
  fail_late (kit_format ("unix:%s", tmpdir_path ("missing")), "INV_ARG");
  kit_config.start_argv = NULL;
  kit_config.environment = nameless;
  fail_late ("exec:true", "INV_ARG");
  kit_config.environment = NULL;
}

/* No callback is told any more.  */
static void
test_connect_and_release (void **state) {
  assuan_context_t ctx;

  (void) state;
  kit_config.flags = EVA_CONNECT_LATE_ERRORS;
  ctx = kit_dial ("nonsense");
  assuan_release (ctx);
  kit_settle ();
  kit_expect ("");
}

static void
test_connect_and_close (void **state) {
  assuan_context_t ctx;

  (void) state;
  kit_config.flags = EVA_CONNECT_LATE_ERRORS;
  ctx = kit_dial ("nonsense");
  eva_close (ctx);
  kit_expect ("");
  kit_await ("closed CANCELED\n");
  assuan_release (ctx);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_wrong_commands),    kit_test (test_format),
  kit_test (test_descriptors),       kit_test (test_over),
  kit_test (test_given_up),          kit_test (test_release_in_done),
  kit_test (test_call_in_done),      kit_test (test_returned),
  kit_test (test_connect),           kit_test (test_connect_and_release),
  kit_test (test_connect_and_close), kit_test (test_connect_config),
};

const struct suite late_suite = { "late", tests, N_ELEMENTS (tests) };
