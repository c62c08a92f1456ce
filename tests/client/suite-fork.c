/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-fork.c - clients, and contexts of the program, in children of fork: helpers that end say
   nothing, and the process that goes on does so as before.  */

#include "hand.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static assuan_context_t ctx[4];
static struct peer peers[N_ELEMENTS (ctx)];
static struct rec *rec;

static bool
is_untold (void) {
  static const char *const names[] = { "a", "b", "c", "closed", "cancel", "over" };

  for (size_t i = 0; i < N_ELEMENTS (names); i++)
    if (kit_has_noted (names[i])) return false;
  return true;
}

static int
release_all (void) {
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    assuan_release (ctx[i]);
  eva_loop_free (kit_loop.loop);
  CHILD_ASSERT (is_untold ());
  return 0;
}

static int
close_all (void) {
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    eva_close (ctx[i]);
  return release_all ();
}

static int
cancel_and_release (void) {
  eva_call_cancel (rec->call);
  return release_all ();
}

/* --- Helpers ---------------------------------------------------------------------------------- */

/* One that is not greeted, one at rest, one in a reply with a call behind it, and one in an inquiry
   with more to send than its server takes.  */
static void
test_helper (void **state) {
  static char big[1 << 20];

  (void) state;
  ctx[0] = kit_dial_peer (&peers[0]);
  for (size_t i = 1; i < N_ELEMENTS (ctx); i++)
    ctx[i] = kit_open (&peers[i]);
  kit_call (ctx[0], "a", "ZERO");
  kit_call (ctx[2], "b", "TWO");
  kit_call (ctx[2], "c", "MORE");
  rec = kit_call (ctx[3], "d", "THREE");
  peer_hears (&peers[2], "TWO\n");
  peer_hears (&peers[3], "THREE\n");
  peer_say (&peers[2], "D half");
  peer_say (&peers[3], "INQUIRE x\n");
  kit_await ("d.inquire x\n");
  assert_error (eva_answer_data (rec->call, big, sizeof big), "0");
  kit_settle ();
  assert_int_equal (test_loop_in_child (release_all), 0);
  assert_int_equal (test_loop_in_child (close_all), 0);
  assert_int_equal (test_loop_in_child (cancel_and_release), 0);
  peer_hears_nothing (&peers[0]);
  peer_hears_nothing (&peers[1]);
  peer_hears_nothing (&peers[2]);
  kit_expect ("");
  peer_say (&peers[0], "OK\n");
  kit_await ("ready\n");
  peer_hears (&peers[0], "ZERO\n");
  peer_say (&peers[0], "OK 0\n");
  kit_await ("a.done 0 0\n");
  peer_say (&peers[2], "way\nOK\n");
  kit_await ("b.data halfway\nb.done 0\n");
  peer_hears (&peers[2], "MORE\n");
  peer_say (&peers[2], "OK\n");
  kit_await ("c.done 0\n");
  assert_error (eva_answer_end (rec->call), "0");
  for (unsigned int tries = 0; peers[3].in.len < 8; peer_take (&peers[3]))
    kit_turn (&tries);
  for (unsigned int tries = 0; memcmp (peers[3].in.data + peers[3].in.len - 5, "\nEND\n", 5);
       peer_take (&peers[3]))
    kit_turn (&tries);
  text_free (&peers[3].in);
  peer_say (&peers[3], "OK\n");
  kit_await ("d.done 0\n");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    kit_close (ctx[i], &peers[i]);
}

static int
release_first (void) {
  assuan_release (ctx[0]);
  eva_loop_free (kit_loop.loop);
  CHILD_ASSERT (is_untold ());
  return 0;
}

/* In the middle of a callback.  */
static gpg_error_t
fork_here (struct rec *r, const char *what) {
  (void) r;
  if (!strcmp (what, "data")) kit_note ("child %d", test_loop_in_child (release_first));
  return 0;
}

static void
test_helper_in_callback (void **state) {
  struct rec like = { .name = "x", .hook = fork_here };

  (void) state;
  ctx[0] = kit_open (&peers[0]);
  kit_call_like (ctx[0], &like, "A");
  peer_hears (&peers[0], "A\n");
  peer_say (&peers[0], "D hello\nOK\n");
  kit_await ("x.data hello\nchild 0\nx.done 0\n");
  peer_hears_nothing (&peers[0]);
  kit_close (ctx[0], &peers[0]);
}

/* --- Servers that were started ---------------------------------------------------------------- */

static const char *
child (const char *arguments) {
  static char dir[PATH_MAX];
  ssize_t len = readlink ("/proc/self/exe", dir, sizeof dir - 1);

  assert_true (len > 0);
  dir[len] = 0;
  *strrchr (dir, '/') = 0;
  return kit_format ("exec:%s/client-child %s", dir, arguments);
}

static void
do_nothing (void *arg) {
  (void) arg;
}

/* The loop reaps all children, as long as it has something else to do.  */
static void
await_reaping (void) {
  eva_source *other = eva_loop_add_timer (kit_loop.loop, 3600000, do_nothing, NULL);
  siginfo_t info;

  assert_non_null (other);
  for (unsigned int tries = 0; !waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);)
    kit_turn (&tries);
  eva_source_free (other);
}

static void
test_program (void **state) {
  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    kit_config.flags = flags ? EVA_CONNECT_FDPASSING : 0;
    ctx[0] = kit_dial (child ("serve"));
    kit_await ("ready\n");
    assert_int_equal (test_loop_in_child (release_first), 0);
    kit_call (ctx[0], "x", "ECHO hello");
    kit_await ("x.data hello\nx.done 0\n");
    assuan_release (ctx[0]);
    await_reaping ();
  }
}

static int
free_loop (void) {
  eva_loop_free (kit_loop.loop);
  return 0;
}

/* One that stays behind its client is still the parent's to reap.  */
static void
test_orphan (void **state) {
  int fd;

  (void) state;
  assert_int_equal (mkfifo (tmpdir_path ("fifo"), 0600), 0);
  fd = open (tmpdir_path ("fifo"), O_RDWR | O_CLOEXEC);
  assert_true (fd >= 0);
  ctx[0] = kit_dial (child (kit_format ("linger %s", tmpdir_path ("fifo"))));
  kit_await ("ready\n");
  assuan_release (ctx[0]);
  kit_settle ();
  assert_int_equal (test_loop_in_child (free_loop), 0);
  close (fd);
  await_reaping ();
}

/* --- Children that go on ---------------------------------------------------------------------- */

/* Both ends are the child's, too.  */
static int
go_on (void) {
  if (!test_loop_forked (&kit_loop)) return 0;
  peer_say (&peers[0], "OK first\n");
  kit_await ("x.done 0 first\n");
  kit_call (ctx[0], "y", "SECOND");
  peer_hears (&peers[0], "SECOND\n");
  peer_say (&peers[0], "D z\nOK\n");
  kit_await ("y.data z\ny.done 0\n");
  assuan_release (ctx[0]);
  peer_hears (&peers[0], "BYE\n");
  eva_loop_free (kit_loop.loop);
  return 0;
}

/* At rest, with nothing that comes.  */
static int
say_something (void) {
  if (!test_loop_forked (&kit_loop)) return 0;
  kit_call (ctx[0], "y", "SECOND");
  peer_hears (&peers[0], "SECOND\n");
  assuan_release (ctx[0]);
  kit_expect ("y.done CANCELED\n");
  peer_hears (&peers[0], "BYE\n");
  return 0;
}

static void
test_go_on (void **state) {
  (void) state;
  ctx[0] = kit_open (&peers[0]);
  kit_settle ();
  assert_int_equal (test_loop_in_child (say_something), 0);
  kit_call (ctx[0], "x", "FIRST");
  peer_hears (&peers[0], "FIRST\n");
  assert_int_equal (test_loop_in_child (go_on), 0);
  kit_expect ("");
  peer_say (&peers[0], "OK\n");
  kit_await ("x.done 0\n");
  kit_close (ctx[0], &peers[0]);
}

/* --- Contexts of the program ------------------------------------------------------------------ */

static void
on_over (assuan_context_t c, void *arg, gpg_error_t err) {
  (void) c;
  (void) arg;
  kit_note ("over %s", kit_error (err));
}

static int
detach_and_release (void) {
  eva_detach (ctx[0]);
  return release_first ();
}

static void
test_attached (void **state) {
  (void) state;
  ctx[0] = hand_new_server (&peers[0], 0);
  assert_error (eva_attach (ctx[0], kit_loop.loop, on_over, NULL), "0");
  peer_hears_hello (&peers[0]);
  peer_say (&peers[0], "LATER 1\n");
  kit_await ("LATER 1\n");
  assert_int_equal (test_loop_in_child (release_first), 0);
  assert_int_equal (test_loop_in_child (detach_and_release), 0);
  peer_hears_nothing (&peers[0]);
  assert_error (assuan_process_done (ctx[0], 0), "0");
  peer_hears (&peers[0], "OK\n");
  peer_say (&peers[0], "ECHO y\n");
  peer_hears (&peers[0], "D y\nOK\n");
  kit_expect ("ECHO y\n");
  assuan_release (ctx[0]);
  peer_close (&peers[0]);
}

static int
go_on_detached (void) {
  struct hand h = { .ctx = NULL };

  if (!test_loop_forked (&kit_loop)) return 0;
  test_loop_turn (&kit_loop, false);
  eva_detach (ctx[0]);
  hand_drive (&h, ctx[0]);
  kit_call (ctx[0], "y", "SECOND");
  peer_hears (&peers[0], "SECOND\n");
  peer_say (&peers[0], "OK\n");
  kit_await ("y.done 0\n");
  hand_forget_all ();
  assuan_release (ctx[0]);
  peer_hears (&peers[0], "BYE\n");
  return 0;
}

static void
test_detached (void **state) {
  (void) state;
  ctx[0] = hand_new_client (&peers[0], 0);
  assert_error (eva_attach (ctx[0], kit_loop.loop, on_over, NULL), "0");
  kit_settle ();
  assert_int_equal (test_loop_in_child (detach_and_release), 0);
  peer_hears_nothing (&peers[0]);
  assert_int_equal (test_loop_in_child (go_on_detached), 0);
  kit_call (ctx[0], "x", "FIRST");
  peer_hears (&peers[0], "FIRST\n");
  peer_say (&peers[0], "OK\n");
  kit_await ("x.done 0\n");
  kit_close (ctx[0], &peers[0]);
}

/* --- By hand ---------------------------------------------------------------------------------- */

static struct hand hand;

static int
release_by_hand (void) {
  hand_forget_all ();
  assuan_release (hand.ctx);
  CHILD_ASSERT (is_untold ());
  return 0;
}

static int
go_on_by_hand (void) {
  if (!test_loop_forked (&kit_loop)) return 0; /* which the tests turn as well */
  kit_call (hand.ctx, "y", "SECOND");
  peer_hears (&peers[0], "SECOND\n");
  peer_say (&peers[0], "OK\n");
  kit_await ("y.done 0\n");
  hand_forget_all ();
  assuan_release (hand.ctx);
  peer_hears (&peers[0], "BYE\n");
  return 0;
}

static void
test_by_hand (void **state) {
  (void) state;
  hand = (struct hand) { .ctx = NULL };
  ctx[0] = hand_connect (&hand, &peers[0]);
  kit_call (ctx[0], "x", "FIRST");
  peer_hears (&peers[0], "FIRST\n");
  assert_int_equal (test_loop_in_child (release_by_hand), 0);
  peer_hears_nothing (&peers[0]);
  peer_say (&peers[0], "OK\n");
  kit_await ("x.done 0\n");
  assert_int_equal (test_loop_in_child (go_on_by_hand), 0);
  kit_call (ctx[0], "z", "THIRD");
  peer_hears (&peers[0], "THIRD\n");
  peer_say (&peers[0], "OK\n");
  kit_await ("z.done 0\n");
  hand_end (ctx[0], &peers[0]);
}

/* An inquiry is not given up, nor is a command cancelled.  */
static void
test_served_by_hand (void **state) {
  (void) state;
  hand = (struct hand) { .ctx = NULL };
  ctx[0] = hand_serve (&hand, &peers[0]);
  peer_say (&peers[0], "ASK K\n");
  peer_hears (&peers[0], "INQUIRE K\n");
  kit_expect ("ASK K\n");
  assert_int_equal (test_loop_in_child (release_by_hand), 0);
  peer_hears_nothing (&peers[0]);
  peer_say (&peers[0], "D x\nEND\nLATER 1\n");
  peer_hears (&peers[0], "D x\nOK\n");
  kit_await ("answer 0 x\nLATER 1\n");
  assert_int_equal (test_loop_in_child (release_by_hand), 0);
  peer_hears_nothing (&peers[0]);
  assert_error (assuan_process_done (ctx[0], 0), "0");
  peer_hears (&peers[0], "OK\n");
  hand_end (ctx[0], &peers[0]);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_helper),         kit_test (test_helper_in_callback),
  kit_test (test_program),        kit_test (test_orphan),
  kit_test (test_go_on),          kit_test (test_attached),
  kit_test (test_detached),       kit_test (test_by_hand),
  kit_test (test_served_by_hand),
};

const struct suite fork_suite = { "fork", tests, N_ELEMENTS (tests) };
