/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* party.c - the books, and what callbacks do.  See party.h.  */

#include "party.h"

#include <unistd.h>

#include "fds.h"

#define N_TURNS     200
#define MOST_NESTED 3 /* loops in loops */
#define MOST_DEEP   6 /* callbacks in callbacks that do something */
#define MOST_SEATS  6

struct test_loop party_loop;
struct seat *party_seats;
struct deed *party_deeds;
eva_server *party_server;
bool party_is_over;
unsigned int party_n_deeds, party_n_dialogs;

static uint32_t random_state, seed_of_run;
static unsigned int n_nested, n_deep;

/* xorshift; the same in every run.  */
uint32_t
party_random (uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

/* --- The books -------------------------------------------------------------------------------- */

static void *
make (size_t len) {
  void *ptr = calloc (1, len);

  if (!ptr) abort ();
  return ptr;
}

struct seat *
party_add_seat (assuan_context_t ctx, bool is_guest) {
  struct seat *seat = make (sizeof *seat);

  *seat = (struct seat) { .next = party_seats, .ctx = ctx, .is_guest = is_guest };
  party_seats = seat;
  return seat;
}

struct deed *
party_add_deed (struct seat *seat, enum deed_kind kind) {
  struct deed *deed = make (sizeof *deed);

  *deed = (struct deed) { .next = party_deeds, .seat = seat, .kind = kind };
  party_deeds = deed;
  seat->n_open++;
  party_n_deeds++;
  return deed;
}

struct seat *
party_end_deed (struct deed *deed) {
  assert_false (deed->has_ended);
  assert_false (deed->seat->is_gone);
  deed->has_ended = true;
  deed->seat->n_open--;
  return deed->seat;
}

/* The program's own decisions are told within its callbacks, what others do is not.  */
void
party_leave (struct seat *seat) {
  assert_false (seat->is_gone);
  assert_int_equal (seat->n_open, 0);
  if (!seat->is_ended) assert_int_equal (seat->depth, 0);
  seat->is_gone = true;
  seat->ctx = NULL;
}

static struct seat *
any_seat (void) {
  unsigned int n = 0;
  struct seat *found = NULL;

  for (struct seat *seat = party_seats; seat; seat = seat->next)
    if (seat->ctx && !seat->is_released && !party_random (++n)) found = seat;
  return found;
}

static struct deed *
any_deed (void) {
  unsigned int n = 0;
  struct deed *found = NULL;

  for (struct deed *deed = party_deeds; deed; deed = deed->next)
    if (!deed->has_ended && !party_random (++n)) found = deed;
  return found;
}

static unsigned int
count_callers (void) {
  unsigned int n = 0;

  for (struct seat *seat = party_seats; seat; seat = seat->next)
    n += seat->ctx && !seat->is_guest;
  return n;
}

/* --- What a callback does --------------------------------------------------------------------- */

static void
run_loop (void) {
  if (!test_loop_recurses () || n_nested == MOST_NESTED) return;
  n_nested++;
  party_n_dialogs++;
  for (uint32_t n = 1 + party_random (6); n; n--)
    test_loop_turn (&party_loop, false);
  n_nested--;
}

static void
set_flag (void *arg) {
  *(bool *) arg = true;
}

/* The loop waits, for a moment.  */
static void
wait_in_loop (void) {
  bool over = false;
  eva_source *timer;

  if (!test_loop_recurses () || n_nested == MOST_NESTED) return;
  n_nested++;
  party_n_dialogs++;
  timer = eva_loop_add_timer (party_loop.loop, party_random (3), set_flag, &over);
  test_loop_run (&party_loop, &over);
  eva_source_free (timer);
  n_nested--;
}

static void
begin_call (void) {
  struct seat *seat = any_seat ();

  if (seat && !seat->is_guest) caller_call (seat);
}

static void
connect_another (void) {
  if (count_callers () < MOST_SEATS) caller_connect ();
}

static void
give_up (void) {
  struct deed *deed = any_deed ();

  if (!deed || deed->kind != CALL || !deed->call) return;
  deed->is_given_up = true;
  eva_call_cancel (deed->call);
  assert_true (deed->has_ended);
}

static void
finish (void) {
  struct deed *deed = any_deed ();

  if (!deed) return;
  if (deed->kind == JOB) host_finish (deed);
  if (deed->kind == CALL) caller_answer (deed);
}

static void
close_one (void) {
  struct seat *seat = party_random (3) ? NULL : any_seat ();

  if (!seat) return;
  seat->is_ended = true;
  eva_close (seat->ctx);
}

/* The server may be releasing it just now: then it tells of the end behind that.  */
static void
release (struct seat *seat) {
  bool was_ended = seat->is_ended;

  seat->is_ended = seat->is_released = true;
  assuan_release (seat->ctx);
  if (!seat->is_guest) party_leave (seat);
  assert_true (seat->is_gone || was_ended);
}

static void
release_one (void) {
  struct seat *seat = party_random (4) ? NULL : any_seat ();

  if (seat) release (seat);
}

static void
say (void) {
  struct seat *seat = any_seat ();

  if (seat && seat->is_guest && seat->n_open) assuan_write_status (seat->ctx, "SAID", "by others");
}

static void
on_writable (assuan_context_t ctx, void *arg) {
  struct seat *seat = arg;

  assert_ptr_equal (seat->ctx, ctx);
  party_act (seat);
}

static void
want_room (void) {
  struct seat *seat = any_seat ();

  if (seat) eva_set_writable (seat->ctx, on_writable, seat);
}

static void
end_all_guests (void) {
  for (struct seat *seat = party_seats; seat; seat = seat->next)
    if (seat->is_guest) seat->is_ended = true;
}

static void
replace_server (void) {
  eva_server *old = party_server;

  if (party_random (40)) return;
  host_begin ();
  end_all_guests ();
  eva_server_free (old);
}

/* Without what would go on forever.  */
void
party_act (struct seat *seat) {
  static void (*const acts[]) (
      void) = { begin_call,   begin_call, begin_call, begin_call,      run_loop, run_loop,
                wait_in_loop, finish,     finish,     connect_another, give_up,  close_one,
                release_one,  say,        want_room,  replace_server };

  if (n_deep == MOST_DEEP) return;
  n_deep++;
  if (seat) seat->depth++;
  for (uint32_t n = party_random (3); n; n--) {
    void (*act) (void) = acts[party_random (N_ELEMENTS (acts))];
    bool is_beginning = act == begin_call || act == connect_another || act == replace_server;
    if (!party_is_over || !is_beginning) act ();
  }
  if (seat) seat->depth--;
  n_deep--;
}

/* --- A run ------------------------------------------------------------------------------------ */

static void
check_ends (void) {
  while (party_deeds) {
    struct deed *deed = party_deeds;
    party_deeds = deed->next;
    assert_true (deed->has_ended);
    free (deed);
  }
  while (party_seats) {
    struct seat *seat = party_seats;
    party_seats = seat->next;
    assert_true (seat->is_gone);
    assert_int_equal (seat->depth, 0);
    free (seat);
  }
}

static void
end (void) {
  party_is_over = true;
  end_all_guests ();
  eva_server_free (party_server);
  for (struct seat *seat = party_seats; seat; seat = seat->next) {
    if (!seat->ctx) continue;
    assert_false (seat->is_guest);
    release (seat);
  }
  for (int i = 0; i < 50; i++)
    test_loop_turn (&party_loop, false);
}

/* The test ends by assertions, which tell nothing of the seed.  */
static void
tell_seed (void) {
  if (seed_of_run) print_error ("the run of seed %u did not come to its end\n", seed_of_run);
}

void
party_run (uint32_t seed) {
  static bool is_told;
  unsigned int n_fds = fds_count ();

  if (!is_told) atexit (tell_seed);
  is_told = true;
  seed_of_run = seed;
  random_state = seed * 2654435769u + 1;
  party_is_over = false;
  test_loop_init (&party_loop);
  host_begin ();
  caller_connect ();
  for (int i = 0; i < N_TURNS; i++) {
    test_loop_turn (&party_loop, false);
    party_act (NULL);
  }
  end ();
  test_loop_deinit (&party_loop);
  check_ends ();
  if (seed) assert_int_equal (fds_count (), n_fds);
  seed_of_run = 0;
}
