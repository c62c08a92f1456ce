/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-io-faults.c - whole sessions with reads and writes that go wrong: each call once, in every
   way.  What the kernel may do at any time must not be noticed; a connection that dies must lead to
   an error and to nothing else: no hang, no SIGPIPE, nothing lost, nothing left behind.  */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "kit.h"
#include "scenes.h"

/* The most octets that a call moves: any number, and few, so that there are many calls.  */
static const size_t max_lens[] = { SIZE_MAX, 61 };

/* What happens to a run.  */
struct trouble {
  enum call_place place;
  size_t max_len;
  enum fault_kind kind;
  size_t at;
};

/* Plays SCENE with one fault.  Returns how many calls there were.  After a failure that passes
   the session goes on without the command that it hit, so the peer must not have said all
   beforehand.  */
static size_t
play_disturbed (const struct scene *scene, const struct trouble *t, struct outcome *ret) {
  kit_memory_reset (0, false);
  fault_arm (t->place, t->kind, t->at, t->max_len);
  scene_play (scene, t->place == IN_HOOKS ? calls_hooks () : NULL, t->kind == FAULT_EIO, ret);
  return fault_disarm ();
}

static void
check_fault (const struct scene *scene, const struct trouble *t, const struct outcome *reference) {
  struct outcome got;
  char what[200];

  snprintf (what, sizeof what, "%s, %s at %s %zu", scene->name, fault_name (t->kind),
            t->place == IN_HOOKS ? "hook" : "call", t->at);
  play_disturbed (scene, t, &got);
  if (fault_is_fatal (t->kind))
    outcome_check_clean (&got, reference, what);
  else
    outcome_check_same (&got, reference, what);
  outcome_free (&got);
}

static void
check_scene (const struct scene *scene, enum call_place place, size_t max_len) {
  struct trouble t = { .place = place, .kind = FAULT_NONE, .max_len = max_len };
  struct outcome reference;
  size_t n_calls = play_disturbed (scene, &t, &reference);

  assert_true (n_calls >= (max_len == SIZE_MAX ? 2 : 10));
  assert_int_equal (reference.n_errors, 0);
  for (t.at = 1; t.at <= n_calls; t.at++)
    for (int kind = FAULT_OCTETS; kind < N_FAULT_KINDS; kind++) {
      t.kind = (enum fault_kind) kind;
      /* These two are the same wherever they begin.  */
      if (t.at > 1 && (kind == FAULT_OCTETS || kind == FAULT_STORM)) continue;
      check_fault (scene, &t, &reference);
    }
  outcome_free (&reference);
}

static void
check_lens (const struct scene *scene, enum call_place place) {
  for (size_t i = 0; i < N_ELEMENTS (max_lens); i++)
    check_scene (scene, place, max_lens[i]);
}

static void
test_in_hooks (void **state) {
  check_lens (*state, IN_HOOKS);
}

static void
test_in_calls (void **state) {
  check_lens (*state, IN_CALLS);
}

/* The sessions are what they are meant to be: whatever a scene shows of itself is there.  */
static void
test_undisturbed (void **state) {
  const struct scene *scene = *state;
  struct outcome plain, waiting;

  kit_memory_reset (0, false);
  scene_play (scene, NULL, false, &plain);
  assert_int_equal (plain.n_errors, 0);
  assert_non_null (strstr (plain.events.data, scene->is_client ? " data 4 last" : "ECHO last"));
  assert_non_null (
      strstr (plain.octets.data, scene->is_client ? "\nLAST\nBYE\n" : "\nD last\nOK\n"));
  assert_int_equal (plain.n_fds, scene->passes_fds ? 1 : 0);

  scene_play (scene, NULL, true, &waiting);
  waiting.n_fds = plain.n_fds; /* it drops them */
  outcome_check_same (&waiting, &plain, "waiting");
  outcome_free (&plain);
  outcome_free (&waiting);
}

/* A server over two pipes, greeted; RET gets the ends of its peer, to read and to write.  */
static assuan_context_t
pipe_server (assuan_system_hooks_t sys, int ret[2]) {
  assuan_context_t ctx;
  int in[2], out[2], fds[2];

  kit_memory_reset (0, false);
  ctx = kit_context ();
  assert_non_null (ctx);
  if (sys) assuan_ctx_set_system_hooks (ctx, sys);
  fds_pipe (in, 0);
  fds_pipe (out, 0);
  fds[0] = in[0];
  fds[1] = out[1];
  assert_int_equal (assuan_init_pipe_server (ctx, fds), 0);
  assert_int_equal (assuan_accept (ctx), 0);
  ret[0] = out[0];
  ret[1] = in[1];
  return ctx;
}

/* A reader that is gone is an error, not a signal, whose disposition is the default.  */
static void
test_broken_pipe (void **state) {
  assuan_context_t ctx;
  int peer[2];

  (void) state;
  ctx = pipe_server (NULL, peer);
  close (peer[0]);
  kit_say (peer[1], "NOP\nNOP\n");
  assert_int_equal (gpg_err_code (assuan_process (ctx)), GPG_ERR_EPIPE);
  assert_int_equal (gpg_err_code (assuan_write_line (ctx, "# x")), GPG_ERR_EPIPE);
  assert_int_equal (gpg_err_code (assuan_write_status (ctx, "X", NULL)), GPG_ERR_EPIPE);
  assuan_release (ctx);
  close (peer[1]);
}

/* A signal at the wrong moment must not make assuan_process_next wait for input.  */
static void
check_interrupted (assuan_system_hooks_t sys) {
  assuan_context_t ctx;
  int peer[2], done;

  ctx = pipe_server (sys, peer);
  fault_interrupt_poll ();
  assert_int_equal (assuan_process_next (ctx, &done), 0);
  assert_false (done);
  kit_say (peer[1], "BYE\n");
  assert_int_equal (assuan_process_next (ctx, &done), 0);
  assert_true (done);
  fault_disarm ();
  assuan_release (ctx);
  fds_close_pair (peer);
}

static void
test_interrupted_poll (void **state) {
  (void) state;
  check_interrupted (NULL);
  check_interrupted (calls_hooks ());
}

int
main (void) {
  static struct CMUnitTest tests[100];
  static char names[N_ELEMENTS (tests)][100];
  static const struct {
    const char *name;
    CMUnitTestFunction func;
  } kinds[] = { { "undisturbed", test_undisturbed },
                { "faults in hooks", test_in_hooks },
                { "faults in calls", test_in_calls } };
  size_t n = 0;

  kit_init ();
  for (size_t kind = 0; kind < N_ELEMENTS (kinds); kind++)
    for (size_t i = 0; i < n_scenes; i++, n++) {
      snprintf (names[n], sizeof names[n], "%s: %s", scenes[i].name, kinds[kind].name);
      tests[n] = (struct CMUnitTest) { .name = names[n],
                                       .test_func = kinds[kind].func,
                                       .initial_state = (void *) (uintptr_t) &scenes[i] };
    }
  tests[n++] = (struct CMUnitTest) cmocka_unit_test (test_broken_pipe);
  tests[n++] = (struct CMUnitTest) cmocka_unit_test (test_interrupted_poll);
  return _cmocka_run_group_tests ("io-faults", tests, n, NULL, NULL);
}
