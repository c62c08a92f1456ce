/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-crowd.c - many connections at once: each gets what it asked for and nothing else, whatever
   the others do; those at rest cost next to nothing.  */

#include "loop/loop.h"
#include "suite.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Random dialogues against a model --------------------------------------------------------- */

#define N_ACTORS   500
#define N_COMMANDS 12
#define SEED       2500

/* What a client has to say, and what it must hear.  */
struct actor {
  struct peer *peer;
  char say[N_COMMANDS * 3100];
  char hear[N_COMMANDS * 3100];
  size_t say_len, said, hear_len;
};

static struct actor *actors;
static uint32_t seed;

/* Numbers below N: the same in each run.  */
static unsigned int
below (unsigned int n) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % n;
}

__attribute__ ((format (printf, 3, 4))) static void
add (char *text, size_t *len, const char *format, ...) {
  va_list ap;

  va_start (ap, format);
  *len += (size_t) vsprintf (text + *len, format, ap);
  va_end (ap);
}

#define SAY(...)  add (a->say, &a->say_len, __VA_ARGS__)
#define HEAR(...) add (a->hear, &a->hear_len, __VA_ARGS__)

/* An inquiry, answered or refused.  The answer comes back as data.  */
static void
write_inquiry (struct actor *a) {
  bool cancel = !below (5);
  gpg_error_t err = ERR (GPG_ERR_ASS_CANCELED);
  unsigned int n = below (4);

  SAY ("ASK\n");
  HEAR ("INQUIRE ASKED\n");
  if (n && !cancel) HEAR ("D ");
  for (unsigned int i = 0; i < n; i++) {
    unsigned int word = below (1000000);
    SAY ("D w%u\n", word);
    if (!cancel) HEAR ("w%u", word);
  }
  if (n && !cancel) HEAR ("\n");
  SAY (cancel ? "CAN\n" : "END\n");
  if (cancel)
    HEAR ("ERR %u %s <%s>\n", err, gpg_strerror (err), gpg_strsource (err));
  else
    HEAR ("OK\n");
}

static void
write_status (struct actor *a) {
  unsigned int n = below (20);

  SAY ("STATUS %u\n", n);
  for (unsigned int i = 0; i < n; i++)
    HEAR ("S COUNT %u\n", i);
  HEAR ("OK\n");
}

static void
write_data (struct actor *a) {
  unsigned int n = 1 + below (2500);

  SAY ("DATA %u\n", n);
  for (unsigned int i = 0; i < n; i++)
    HEAR ("%s%c", i % 996 ? "" : i ? "\nD " : "D ", service_octet (i));
  HEAR ("\nOK\n");
}

static void
write_command (struct actor *a) {
  unsigned int word = below (1000000);
  gpg_error_t err = ERR (58 + below (10));

  switch (below (7)) {
  case 0:
    SAY ("WAIT\n");
    HEAR ("OK\n");
    break;
  case 1:
    write_status (a);
    break;
  case 2:
    write_data (a);
    break;
  case 3:
    SAY ("FAIL %d\n", (int) gpg_err_code (err));
    HEAR ("ERR %u %s <%s>\n", err, gpg_strerror (err), gpg_strsource (err));
    break;
  case 4:
    SAY ("ECHO x%u\r\n# comment\n", word);
    HEAR ("D x%u\nOK\n", word);
    break;
  default:
    write_inquiry (a);
  }
}

/* Finishes one of the commands that are open.  */
static void
finish_some (unsigned int *n_open) {
  unsigned int skip;

  *n_open = 0;
  for (struct job *j = service.jobs; j; j = j->next)
    *n_open += !j->n_finished;
  if (!*n_open) return;
  skip = below (*n_open);
  for (struct job *j = service.jobs; j; j = j->next)
    if (!j->n_finished && !skip--) {
      service_finish_job (j, 0);
      return;
    }
}

/* One thing of all that may happen.  */
static void
step (void) {
  struct actor *a = &actors[below (N_ACTORS)];
  unsigned int n_open;

  switch (below (8)) {
  case 0:
  case 1:
  case 2:
    a->said +=
        peer_push (a->peer, a->say + a->said, below ((unsigned int) (a->say_len - a->said) + 1));
    break;
  case 3:
  case 4:
    peer_take (a->peer, below (3000));
    break;
  case 5:
    finish_some (&n_open);
    break;
  default:
    kit_turn ();
  }
}

/* Every client says the rest, and hears all.  */
static void
finish (void) {
  unsigned int n_open;
  bool is_said;

  do {
    is_said = true;
    for (size_t i = 0; i < N_ACTORS; i++) {
      struct actor *a = &actors[i];
      a->said += peer_push (a->peer, a->say + a->said, a->say_len - a->said);
      is_said = is_said && a->said == a->say_len;
      peer_take (a->peer, 100000);
    }
    finish_some (&n_open);
    for (unsigned int i = 0; i < 10; i++) {
      kit_turn ();
      finish_some (&n_open);
    }
  } while (!is_said || n_open);
}

static void
test_random_dialogues (void **state) {
  const char *given = getenv ("EVA_TEST_SEED");

  (void) state;
  seed = given ? (uint32_t) strtoul (given, NULL, 10) : SEED;
  actors = calloc (N_ACTORS, sizeof *actors);
  assert_non_null (actors);
  for (size_t i = 0; i < N_ACTORS; i++) {
    actors[i].peer = peer_new ();
    for (int j = 0; j < N_COMMANDS; j++)
      write_command (&actors[i]);
  }
  for (unsigned int i = 0; i < 30 * N_ACTORS; i++)
    step ();
  finish ();
  for (size_t i = 0; i < N_ACTORS; i++)
    kit_until ((finish_some (&(unsigned int) { 0 }), peer_take (actors[i].peer, 100000),
                actors[i].peer->len >= actors[i].hear_len));
  for (size_t i = 0; i < N_ACTORS; i++)
    peer_expect_octets (actors[i].peer, actors[i].hear, actors[i].hear_len);
  assert_int_equal (kit_stats ().n_commands, N_ACTORS * N_COMMANDS);
  assert_int_equal (kit_stats ().most_connections, N_ACTORS);
  assert_int_equal (kit_stats ().held_len, 0);
  free (actors);
}

/* Many leave in the middle of everything.  */
static void
test_random_leaving (void **state) {
  struct peer *peers[N_ACTORS];

  (void) state;
  seed = SEED + 1;
  for (size_t i = 0; i < N_ACTORS; i++)
    peers[i] = peer_new ();
  for (size_t i = 0; i < N_ACTORS; i++) {
    static const char *const texts[] = { "WAIT\n", "ASK\nD x\n", "DATA 300000\n", "ECHO hal",
                                         "WAIT\nNOP\n" };
    peer_say (peers[i], texts[below (N_ELEMENTS (texts))]);
    if (!below (3)) kit_turn ();
    if (!below (4)) peer_shut (peers[i]);
  }
  for (size_t i = 0; i < N_ACTORS; i += 2) {
    peer_close (peers[i]);
    if (!below (3)) kit_turn ();
  }
  for (size_t i = 0; i < N_ACTORS; i += 2)
    kit_until (peers[i]->guest->n_closed);
  assert_true (kit_stats ().n_connections <= N_ACTORS / 2);
}

/* --- Fairness --------------------------------------------------------------------------------- */

#define N_FLOODERS 20

static char nops[40000];

static void
flood (struct peer *flooders[N_FLOODERS]) {
  for (size_t i = 0; i < N_FLOODERS; i++) {
    peer_push (flooders[i], nops, sizeof nops);
    peer_take (flooders[i], 200000);
    flooders[i]->start = flooders[i]->len = 0;
  }
}

/* Clients that flood with requests do not keep another one waiting: before it gets its answer there
   are no more of theirs than a few turns of each.  */
static void
test_fairness (void **state) {
  struct peer *flooders[N_FLOODERS], *p = peer_new ();

  (void) state;
  for (size_t i = 0; i < sizeof nops; i += 4)
    memcpy (nops + i, "NOP\n", 4);
  for (size_t i = 0; i < N_FLOODERS; i++)
    flooders[i] = peer_new ();
  for (int i = 0; i < 50; i++) {
    flood (flooders);
    kit_turn ();
  }
  for (int i = 0; i < 50; i++) {
    uint64_t n = kit_stats ().n_commands;
    peer_say (p, "NOP\n");
    kit_until ((flood (flooders), peer_has_line (p)));
    assert_string_equal (peer_line (p), "OK");
    assert_in_range (kit_stats ().n_commands - n, 1, 3 * 64 * N_FLOODERS);
  }
}

/* --- Rest ------------------------------------------------------------------------------------- */

#define N_IDLE 1000
#define N_WARM 100 /* before that: what is kept for all of them counts for none */

static void
allow_descriptors (void) {
  struct rlimit limit;

  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
}

static size_t
heap_len (void) {
  return mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
}

/* N clients that were greeted, and each got an answer.  */
static void
make_idle (eva_server *server, int *fds, size_t n) {
  char buf[200];

  for (size_t i = 0; i < n; i++) {
    int pair[2];
    fds_socketpair (pair, O_NONBLOCK);
    fds[i] = pair[0];
    assert_int_equal (eva_server_adopt (server, pair[1], 0, NULL), 0);
  }
  for (size_t i = 0; i < n; i++) {
    kit_until (recv (fds[i], buf, sizeof buf, MSG_DONTWAIT) > 0);
    assert_int_equal (send (fds[i], "NOP\n", 4, MSG_NOSIGNAL), 4);
  }
  for (size_t i = 0; i < n; i++)
    kit_until (recv (fds[i], buf, sizeof buf, MSG_DONTWAIT) > 0);
  kit_settle ();
}

/* The library's own memory, without the books of the tests.  */
static void
test_idle_memory (void **state) {
  const struct eva_service offer = { .hello = "hello" };
  static int fds[N_WARM + N_IDLE];
  eva_server *server;
  size_t before, len;

  (void) state;
  allow_descriptors ();
  assert_int_equal (eva_server_new (kit.loop.loop, &offer, NULL, &server), 0);
  make_idle (server, fds, N_WARM);
  before = heap_len ();
  make_idle (server, fds + N_WARM, N_IDLE);
  len = (heap_len () - before) / N_IDLE;
  print_message ("# %s: %zu octets for a connection at rest\n", test_loop_name, len);
  /* A sanitizer tells of no heap; a foreign loop has memory of its own.  */
  if (!kit.loop.foreign && before) assert_in_range (len, 1, 540);
  eva_server_free (server);
  for (size_t i = 0; i < N_WARM + N_IDLE; i++)
    close (fds[i]);
}

static void
test_idle_work (void **state) {
  (void) state;
  for (size_t i = 0; i < 200; i++) {
    struct peer *p = peer_new ();
    peer_ask (p, "NOP\n", "OK\n");
  }
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
  assert_in_range (kit_idle (300), 0, 30);
}

/* With open commands that wait for something else, and half a line each.  */
static void
test_waiting_work (void **state) {
  (void) state;
  for (size_t i = 0; i < 100; i++)
    peer_say (peer_new (), i % 2 ? "WAIT\nECHO" : "ASK\nD some");
  kit_settle ();
  assert_in_range (kit_idle (300), 0, 30);
}

/* --- Coming and going ------------------------------------------------------------------------- */

#define N_LEAVING 40
#define N_COMING  10

/* Some come and many leave at once: the others wait for few of them, and none is forgotten.  */
static void
test_coming_and_going (void **state) {
  struct peer *p = peer_new (), *leaving[N_LEAVING], *coming[N_COMING];
  char address[100];
  unsigned int n;

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  for (size_t i = 0; i < N_LEAVING; i++)
    leaving[i] = peer_new ();
  kit_settle ();
  for (size_t i = 0; i < N_COMING; i++)
    coming[i] = peer_connect (0);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  assert_in_range (kit_stats ().n_accepted, 1 + N_LEAVING, N_LEAVING + N_COMING / 2);
  for (size_t i = 0; i < N_LEAVING; i++)
    peer_close (leaving[i]);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  n = kit_stats ().n_connections;
  if (eva__loop_is_patient (kit.loop.loop)) assert_true (n > N_LEAVING / 2);
  for (size_t i = 0; i < N_COMING; i++)
    peer_expect_greeting (coming[i]);
  kit_until (kit_stats ().n_connections == 1 + N_COMING);
}

/* Rude ones, who did not read their greeting, are gone after a few turns, whatever the loop is told
   of them meanwhile.  */
static void
test_rude_leaving (void **state) {
  unsigned int n_turns = 0;
  gpg_error_t err;

  (void) state;
  for (size_t i = 0; i < N_LEAVING; i++)
    assert_non_null (peer_adopt (0, &err));
  kit_settle ();
  peer_close_all ();
  for (; kit_stats ().n_connections; n_turns++)
    kit_turn ();
  assert_in_range (n_turns, 1, 2 * N_LEAVING);
  if (kit_tells_hangup () && !eva__loop_is_patient (kit.loop.loop)) assert_in_range (n_turns, 1, 4);
}

#define N_LISTENERS 12 /* more than a turn lets in */

static void
knock_at_all (struct peer **peers) {
  char address[100];

  for (size_t i = 0; i < N_LISTENERS; i++) {
    snprintf (address, sizeof address, "unix:%s%zu", tmpdir_path ("s"), i);
    assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  }
  kit_settle ();
  for (size_t i = 0; i < N_LISTENERS; i++)
    peers[i] = peer_connect (i);
  kit_turn ();
}

/* The server goes away while some wait at its listeners.  */
static void
test_freed_with_knocks (void **state) {
  struct peer *peers[N_LISTENERS];

  (void) state;
  knock_at_all (peers);
  kit_free_server ();
  kit_settle ();
  for (size_t i = 0; i < N_LISTENERS; i++) {
    peer_drop_all (peers[i]);
    peer_expect_end (peers[i]);
  }
}

/* Clients that came before the drain are let in all the same.  */
static void
test_drained_with_knocks (void **state) {
  struct peer *peers[N_LISTENERS];

  (void) state;
  knock_at_all (peers);
  if (eva__loop_is_patient (kit.loop.loop)) assert_true (kit_stats ().n_accepted < N_LISTENERS);
  assert_int_equal (eva_server_drain (kit.server, 1000, NULL, NULL), 0);
  kit_until (kit_stats ().n_accepted == N_LISTENERS);
  for (size_t i = 0; i < N_LISTENERS; i++)
    peer_expect_greeting (peers[i]);
}

static gpg_error_t
run_loop (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  assert_in_range (kit_idle (50), 0, 20);
  return 0;
}

/* A client that leaves while its command runs the loop, as a dialog does, makes it turn for nothing
   but what comes up.  */
static void
test_leaving_in_dialog (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  if (!test_loop_recurses ()) return;
  service.run = run_loop;
  peer_say (p, "RUN\n");
  peer_close (p);
  kit_until (service.n_runs && !kit_stats ().n_connections);
}

/* --- No descriptors left ---------------------------------------------------------------------- */

static unsigned int n_fillers;
static int fillers[2000];

/* Leaves room for no descriptor.  */
static void
use_up_descriptors (void) {
  struct rlimit limit;

  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = 500;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  for (n_fillers = 0; n_fillers < N_ELEMENTS (fillers); n_fillers++) {
    fillers[n_fillers] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fillers[n_fillers] < 0) break;
  }
  assert_true (n_fillers < N_ELEMENTS (fillers));
}

static void
give_back_descriptors (void) {
  while (n_fillers)
    close (fillers[--n_fillers]);
  allow_descriptors ();
}

/* Accepting pauses, and costs nothing meanwhile; clients that are in are served.  */
static void
test_no_descriptors (void **state) {
  struct peer *p = peer_new (), *late[3];
  unsigned int n_turns;
  char address[100];

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  kit_idle (1);
  for (size_t i = 0; i < 3; i++)
    late[i] = peer_connect (0);
  use_up_descriptors ();
  n_turns = kit_idle (350);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  give_back_descriptors ();
  assert_in_range (n_turns, 0, 100);
  assert_in_range (kit_stats ().n_accept_pauses, 1, 10);
  assert_int_equal (service.n_guests, 1);
  for (size_t i = 0; i < 3; i++)
    peer_expect_greeting (late[i]);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  assert_int_equal (kit_stats ().n_accepted, 4);
  assert_int_equal (kit_stats ().n_refused, 0);
}

/* The server goes away while it pauses.  */
static void
test_freed_without_descriptors (void **state) {
  char address[100];
  struct peer *p;

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  p = peer_connect (0);
  use_up_descriptors ();
  kit_settle ();
  kit_free_server ();
  give_back_descriptors ();
  peer_expect_end (p);
  kit_idle (150);
}

/* --- Limits that the process has -------------------------------------------------------------- */

/* A process that may open nothing, which has the socket of its client already.  */
static void
test_no_descriptor_allowed (void **state) {
  static const struct eva_service nothing = { 0 };
  struct rlimit limit, none;
  eva_server *server;
  gpg_error_t err;
  int fds[2];

  (void) state;
  fds_socketpair (fds, 0);
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 0;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
  err = eva_server_new (kit.loop.loop, &nothing, NULL, &server);
  if (!err) err = eva_server_adopt (server, fds[0], 0, NULL);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  assert_int_equal (err, 0);
  eva_server_free (server);
  close (fds[1]);
}

/* What others than the user of the process may have is asked when a client comes: this process
   becomes the user that was let in.  */
static void
test_user_changes (void **state) {
  const struct eva_server_limits limits = { .max_connections = 8 };
  gpg_error_t err = 0;
  unsigned int n;

  (void) state;
  if (geteuid ()) return; /* only root can be another user */
  kit_set_limits (&limits);
  assert_int_equal (eva_server_allow_uid (kit.server, 1000), 0);
  peer_new ();
  assert_int_equal (seteuid (1000), 0);
  for (n = 1; n < limits.max_connections && !err; n++)
    peer_adopt (0, &err);
  assert_int_equal (seteuid (0), 0);
  assert_int_equal (err, 0);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_random_dialogues),
  kit_test (test_random_leaving),
  kit_test (test_fairness),
  kit_test (test_idle_memory),
  kit_test (test_idle_work),
  kit_test (test_waiting_work),
  kit_test (test_coming_and_going),
  kit_test (test_rude_leaving),
  kit_test (test_freed_with_knocks),
  kit_test (test_drained_with_knocks),
  kit_test (test_leaving_in_dialog),
  kit_test (test_no_descriptors),
  kit_test (test_freed_without_descriptors),
  kit_test (test_no_descriptor_allowed),
  kit_test (test_user_changes),
};

SUITE (crowd);
