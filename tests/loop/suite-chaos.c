/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-chaos.c - everything at once, at random: descriptors, timers and tasks that change, free
   and make each other in their callbacks, and run the loop where it allows that.  No source is
   called that is free or takes no interest, and one that is ready is called in the end.  */

#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"

#define N_NODES  40
#define N_CALLS  20000
#define N_ROUNDS 3

/* One end of a pair, a timer and a task.  */
struct node {
  int fd[2];
  eva_source *source; /* of fd[0] */
  unsigned int events;
  eva_source *timer;
  uint64_t due_ns;
  struct eva__task task;
};

static struct node nodes[N_NODES];
static unsigned int n_calls;
static uint32_t random_state;

static uint32_t
next_random (uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

static void on_ready (void *arg, unsigned int revents);
static void on_time (void *arg);

/* --- What can happen to a node ---------------------------------------------------------------- */

static void
watch (struct node *node) {
  if (node->source) return;
  node->events = next_random (4) & 2 ? EVA_READABLE | EVA_WRITABLE : EVA_READABLE;
  node->source = eva_loop_add_fd (suite_loop.loop, node->fd[0], node->events, on_ready, node);
  assert_non_null (node->source);
}

static void
unwatch (struct node *node) {
  eva_source *source = node->source;

  node->source = NULL;
  eva_source_free (source);
}

static void
change (struct node *node) {
  static const unsigned int sets[] = { 0, EVA_READABLE, EVA_WRITABLE, EVA_READABLE | EVA_WRITABLE };

  if (!node->source) return;
  node->events = sets[next_random (4)];
  assert_int_equal (eva_source_set_events (node->source, node->events), 0);
}

/* New descriptors, most likely with the numbers of the old ones.  */
static void
renew (struct node *node) {
  unwatch (node);
  close_pair (node->fd);
  make_socketpair (node->fd);
  watch (node);
}

static void
say (struct node *node) {
  (void) !write (node->fd[1], "x", 1);
}

static void
set_timer (struct node *node) {
  unsigned int delay_ms = next_random (3);

  node->due_ns = eva_now () + delay_ms * UINT64_C (1000000);
  if (node->timer)
    eva_source_set_delay (node->timer, delay_ms);
  else
    node->timer = eva_loop_add_timer (suite_loop.loop, delay_ms, on_time, node);
  assert_non_null (node->timer);
}

static void
free_timer (struct node *node) {
  eva_source *timer = node->timer;

  node->timer = NULL;
  eva_source_free (timer);
}

static void
put_off (struct node *node) {
  static void (*const ways[]) (eva_loop *,
                               struct eva__task *) = { eva__loop_run_soon, eva__loop_run_later,
                                                       eva__loop_let_in, eva__loop_see_off };
  uint32_t n = suite_is_patient () ? N_ELEMENTS (ways) : 2; /* the others would run at once */

  ways[next_random (n)](suite_loop.loop, &node->task);
}

static void
take_back (struct node *node) {
  eva__loop_cancel_task (suite_loop.loop, &node->task);
}

/* As a dialog does.  */
static void
run_loop (struct node *node) {
  static unsigned int depth;

  (void) node;
  if (!test_loop_recurses () || depth == 3) return;
  depth++;
  for (uint32_t n = 1 + next_random (3); n; n--)
    test_loop_turn (&suite_loop, false);
  depth--;
}

/* --- Callbacks -------------------------------------------------------------------------------- */

static void
act (void) {
  static void (*const actions[]) (
      struct node *) = { watch, watch,     unwatch,    change,  change,    renew,   say,
                         say,   set_timer, free_timer, put_off, take_back, run_loop };

  for (uint32_t n = next_random (6); n; n--)
    actions[next_random (N_ELEMENTS (actions))](&nodes[next_random (N_NODES)]);
}

static void
on_ready (void *arg, unsigned int revents) {
  struct node *node = arg;

  assert_non_null (node->source);
  assert_int_equal (revents & ~node->events, 0); /* no peer hangs up here */
  n_calls++;
  if (revents & EVA_READABLE) drain (node->fd[0]);
  if (revents & EVA_WRITABLE) change (node);
  act ();
}

static void
on_time (void *arg) {
  struct node *node = arg;

  assert_non_null (node->timer);
  assert_true (eva_now () >= node->due_ns);
  n_calls++;
  act ();
}

static void
on_task (struct eva__task *task) {
  assert_null (task->next);
  n_calls++;
  act ();
}

/* --- The test --------------------------------------------------------------------------------- */

static void
begin (uint32_t seed) {
  random_state = seed;
  n_calls = 0;
  memset (nodes, 0, sizeof nodes);
  for (int i = 0; i < N_NODES; i++) {
    make_socketpair (nodes[i].fd);
    nodes[i].task.cb = on_task;
    watch (&nodes[i]);
  }
}

static void
end (void) {
  for (int i = 0; i < N_NODES; i++) {
    unwatch (&nodes[i]);
    free_timer (&nodes[i]);
    take_back (&nodes[i]);
    close_pair (nodes[i].fd);
  }
}

static void
test_chaos (void **state) {
  (void) state;
  for (uint32_t round = 1; round <= N_ROUNDS; round++) {
    begin (round);
    while (n_calls < N_CALLS) {
      test_loop_turn (&suite_loop, false);
      act ();
    }
    end ();
    n_calls = 0;
    suite_settle ();
    assert_int_equal (n_calls, 0);
  }
}

static const struct CMUnitTest tests[] = {
  suite_test (test_chaos),
};

const struct suite chaos_suite = { "chaos", tests, N_ELEMENTS (tests) };
