/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-attach.c - contexts of assuan.h that a loop drives, and that move: from one loop to
   another, to the program's hands, and back.  */

#include "hand.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The stations of a context: the loop, another loop, by hand.  */
struct stations {
  struct test_loop other;
  struct hand h;
  unsigned int n;
};

static struct stations stations;

static void
on_over (assuan_context_t ctx, void *arg, gpg_error_t err) {
  (void) ctx;
  kit_note ("over %s %s", (const char *) arg, kit_error (err));
}

static void
attach (assuan_context_t ctx, eva_loop *loop, const char *name) {
  assert_error (eva_attach (ctx, loop, on_over, (void *) (uintptr_t) name), "0");
}

static assuan_context_t
serve (struct peer *p) {
  assuan_context_t ctx = hand_new_server (p, 0);

  attach (ctx, kit_loop.loop, "s");
  peer_hears_hello (p);
  return ctx;
}

static void
end (assuan_context_t ctx, struct peer *p) {
  hand_forget_all ();
  stations.h.ctx = NULL;
  assuan_release (ctx);
  peer_close (p);
  kit_settle ();
  kit_expect ("");
}

/* --- In a loop -------------------------------------------------------------------------------- */

static void
test_server (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = serve (&p);
  peer_say (&p, "ECHO hello\nASK K\n");
  peer_answers (&p, "D hello\nOK\nINQUIRE K\n", "D x\nEND\nLATER 1\nECHO behind\n");
  peer_hears (&p, "D x\nOK\n");
  kit_expect ("ECHO hello\nASK K\nanswer 0 x\nLATER 1\n");
  assert_error (assuan_process_done (ctx, 0), "0");
  peer_hears (&p, "OK\nD behind\nOK\n");
  kit_expect ("ECHO behind\n");
  end (ctx, &p);
}

static void
test_client (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = hand_new_client (&p, 0);
  attach (ctx, kit_loop.loop, "c");
  rec = kit_call (ctx, "a", "ONE");
  kit_call (ctx, "b", "TWO");
  kit_exchange (&p, "ONE\n", "D x\nINQUIRE y\n", "a.data x\na.inquire y\n");
  eva_call_cancel (rec->call);
  peer_answers (&p, "CAN\n", "OK\n");
  peer_hears (&p, "TWO\n");
  peer_close (&p);
  kit_await ("a.done CANCELED\nb.done EOF\nover c EPIPE\n");
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  end (ctx, &p);
}

/* Told once, out of the loop; not after assuan_release.  */
static void
test_over (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = serve (&p);
  kit_exchange (&p, NULL, "LATER x\n", "LATER x\n");
  peer_close (&p);
  kit_await ("cancel EPIPE\nover s EPIPE\n");
  end (ctx, &p);
  ctx = serve (&p);
  kit_exchange (&p, NULL, "BYE\n", "over s EOF\n");
  end (ctx, &p);
  ctx = serve (&p);
  eva_close (ctx);
  kit_expect ("");
  kit_await ("over s CANCELED\n");
  eva_close (ctx);
  end (ctx, &p);
  ctx = serve (&p);
  kit_exchange (&p, NULL, "LATER x\n", "LATER x\n");
  peer_close (&p);
  assuan_release (ctx);
  kit_await ("cancel CANCELED\n");
  serve (&p);
  kit_exchange (&p, NULL, "RELEASE\nECHO x\n", "RELEASE\n");
  peer_hears_end (&p);
  peer_close (&p);
}

static void
release_over (assuan_context_t ctx, void *arg, gpg_error_t err) {
  on_over (ctx, arg, err);
  assuan_release (ctx);
}

static void
test_release_in_over (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = hand_new_server (&p, 0);
  assert_error (eva_attach (ctx, kit_loop.loop, release_over, (void *) (uintptr_t) "s"), "0");
  peer_hears_hello (&p);
  peer_close (&p);
  kit_await ("over s EOF\n");
  ctx = hand_new_client (&p, 0);
  assert_error (eva_attach (ctx, kit_loop.loop, release_over, (void *) (uintptr_t) "c"), "0");
  kit_call (ctx, "a", "A");
  peer_close (&p);
  kit_await ("a.done EOF\nover c EPIPE\n");
}

static void
test_nobody_told (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = hand_new_server (&p, 0);
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "0");
  peer_hears_hello (&p);
  peer_close (&p);
  kit_settle ();
  assert_true (assuan_write_status (ctx, "X", NULL));
  end (ctx, &p);
}

/* --- Moving ----------------------------------------------------------------------------------- */

static void
turn_other (void) {
  for (int i = 0; i < 3; i++)
    test_loop_turn (&stations.other, false);
  hand_turn (&stations.h);
}

static void
move_on (assuan_context_t ctx) {
  switch (stations.n++ % 3) {
  case 0:
    eva_detach (ctx);
    assert_null (eva_get_loop (ctx));
    stations.h = (struct hand) { .ctx = ctx };
    break;
  case 1:
    stations.h.ctx = NULL;
    attach (ctx, stations.other.loop, "other");
    assert_ptr_equal (eva_get_loop (ctx), stations.other.loop);
    break;
  default:
    eva_detach (ctx);
    attach (ctx, kit_loop.loop, "first");
    assert_ptr_equal (eva_get_loop (ctx), kit_loop.loop);
  }
}

static void
begin_moving (void) {
  stations = (struct stations) { .n = 0 };
  test_loop_init (&stations.other);
  kit_also_turn = turn_other;
}

static void
end_moving (void) {
  kit_also_turn = NULL;
  test_loop_deinit (&stations.other);
}

/* Between requests, in the middle of lines, of commands, of inquiries.  */
static void
test_moving_server (void **state) {
  static const char requests[] = "ECHO hello\nASK K\nD x\nEND\nNOP\nSAY 2\n";
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  begin_moving ();
  ctx = serve (&p);
  for (const char *s = requests; *s; s++) {
    peer_write (&p, s, 1);
    kit_settle ();
    move_on (ctx);
  }
  peer_hears (&p, "D hello\nOK\nINQUIRE K\nD x\nOK\nOK\nS N 0\nS N 1\nOK\n");
  kit_expect ("ECHO hello\nASK K\nanswer 0 x\nSAY 2\n");
  kit_exchange (&p, NULL, "LATER\n", "LATER \n");
  for (int i = 0; i < 5; i++)
    move_on (ctx);
  assert_error (assuan_process_done (ctx, 0), "0");
  peer_hears (&p, "OK\n");
  end (ctx, &p);
  end_moving ();
}

static void
test_moving_client (void **state) {
  static const char reply[] = "S x\nD y\nINQUIRE z\nOK 1\nOK 2\n";
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  begin_moving ();
  ctx = hand_new_client (&p, 0);
  attach (ctx, kit_loop.loop, "c");
  for (int i = 0; i < 5; i++) {
    kit_call (ctx, "a", "A");
    move_on (ctx);
    kit_call_like (ctx, &(struct rec) { .name = "b", .cb.flags = EVA_CALL_AHEAD }, "B");
    peer_hears (&p, "A\nB\n");
    for (const char *s = reply; *s; s++) {
      peer_write (&p, s, 1);
      kit_settle ();
      move_on (ctx);
    }
    kit_await ("a.status x\na.data y\na.inquire z\na.done 0 1\nb.done 0 2\n");
  }
  end (ctx, &p);
  end_moving ();
}

/* Only the last owner to which it was attached hears of it, and none if it was taken back.  */
static void
test_over_behind_moving (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  begin_moving ();
  for (int i = 0; i < 3; i++) {
    static const char *const told[] = { "over s EOF\n", "", "over other EOF\n" };
    stations.n = 0;
    ctx = serve (&p);
    for (int j = 0; j < i; j++)
      move_on (ctx);
    peer_close (&p);
    kit_settle ();
    kit_settle ();
    kit_await (told[i]);
    end (ctx, &p);
  }
  end_moving ();
}

/* In a callback of its own.  */
static gpg_error_t
move_in (struct rec *rec, const char *what) {
  (void) what;
  move_on (rec->ctx);
  return 0;
}

static void
test_moving_in_callbacks (void **state) {
  const struct rec like = { .name = "a", .hook = move_in };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  begin_moving ();
  ctx = hand_new_client (&p, 0);
  attach (ctx, kit_loop.loop, "c");
  for (int i = 0; i < 6; i++) {
    kit_call_like (ctx, &like, "A");
    kit_call (ctx, "b", "B");
    peer_answers (&p, "A\n", "S x\nD y\nEND\n");
    if (i % 2) peer_say (&p, "S x\n");
    peer_say (&p, "OK\n");
    kit_exchange (&p, "B\n", "OK\n",
                  kit_format ("a.status x\na.data y\na.end\n%sa.done 0\nb.done 0\n",
                              i % 2 ? "a.status x\n" : ""));
  }
  end (ctx, &p);
  end_moving ();
}

/* --- Descriptors of servers ------------------------------------------------------------------- */

/* A server passes one and closes it at once, though the client reads nothing yet.  */
static void
test_sendfd (void **state) {
  unsigned int tries = 0;
  assuan_context_t ctx;
  struct peer p;
  char c;
  int fd[2];

  (void) state;
  ctx = hand_new_server (&p, ASSUAN_SOCKET_SERVER_FDPASSING);
  attach (ctx, kit_loop.loop, "s");
  peer_hears_hello (&p);
  kit_exchange (&p, NULL, "LATER\n", "LATER \n");
  for (int i = 0; i < 1000; i++)
    assert_error (assuan_write_status (ctx, "FILLER", kit_format ("%0900d", i)), "0");
  kit_settle ();
  assert_true (eva_get_queued_len (ctx) > 0);
  assert_int_equal (pipe2 (fd, O_CLOEXEC | O_NONBLOCK), 0);
  assert_error (assuan_sendfd (ctx, fd[1]), "0");
  close (fd[1]);
  assert_error (assuan_process_done (ctx, 0), "0");
  assert_int_equal (read (fd[0], &c, 1), -1); /* it has not been lost */
  for (; p.in.len < 900000 || memcmp (p.in.data + p.in.len - 4, "\nOK\n", 4); peer_take (&p))
    kit_turn (&tries);
  assert_int_equal (p.n_fds, 1);
  assert_int_equal (write (p.fds[0], "x", 1), 1);
  assert_int_equal (read (fd[0], &c, 1), 1);
  close (p.fds[--p.n_fds]);
  assert_int_equal (read (fd[0], &c, 1), 0); /* no other process has it */
  close (fd[0]);
  end (ctx, &p);
}

/* --- Misuse ----------------------------------------------------------------------------------- */

static void
test_misuse (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = serve (&p);
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "ASS_INV_VALUE");
  assert_error (eva_attach (ctx, NULL, NULL, NULL), "ASS_INV_VALUE");
  assert_error (eva_process (ctx, EVA_READABLE, eva_now ()), "NOT_SUPPORTED");
  assert_error (eva_set_nonblocking (ctx), "0");
  peer_say (&p, "NEST\nWAIT\n");
  peer_hears (&p, "OK\nOK\n");
  kit_expect ("NEST NOT_SUPPORTED\ninquire NOT_SUPPORTED\nread NOT_SUPPORTED\n"
              "process NOT_SUPPORTED\n");
  eva_detach (ctx);
  eva_detach (ctx);
  attach (ctx, kit_loop.loop, "s");
  kit_exchange (&p, NULL, "BYE\n", "over s EOF\n");
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "ASS_INV_VALUE");
  eva_detach (ctx);
  end (ctx, &p);
}

/* One of eva_connect stays where it is.  */
static void
test_not_ours (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "ASS_INV_VALUE");
  eva_detach (ctx);
  assert_error (eva_process (ctx, EVA_READABLE, eva_now ()), "NOT_SUPPORTED");
  kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "OK\n", "a.done 0\n");
  kit_close (ctx, &p);
}

/* A blocking command got a line that is no response: what comes now may still be its reply.  */
static void
test_out_of_step (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = hand_new_client (&p, 0);
  peer_write (&p, "debug\nOK\n", 9);
  assert_error (assuan_transact (ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL), "ASS_INV_RESPONSE");
  assert_error (eva_set_nonblocking (ctx), "EPIPE");
  assert_error (eva_attach (ctx, kit_loop.loop, on_over, NULL), "EPIPE");
  assert_error (eva_call (ctx, "B", NULL, NULL, NULL), "NOT_SUPPORTED");
  peer_hears (&p, "A\n");
  end (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_server),
  kit_test (test_client),
  kit_test (test_over),
  kit_test (test_release_in_over),
  kit_test (test_nobody_told),
  kit_test (test_moving_server),
  kit_test (test_moving_client),
  kit_test (test_over_behind_moving),
  kit_test (test_moving_in_callbacks),
  kit_test (test_sendfd),
  kit_test (test_misuse),
  kit_test (test_not_ours),
  kit_test (test_out_of_step),
};

const struct suite attach_suite = { "attach", tests, N_ELEMENTS (tests) };
