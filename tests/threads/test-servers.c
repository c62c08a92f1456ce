/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-servers.c - loops in threads: servers on one listening socket, and clients of eva_connect.
   Nothing is locked, and nothing needs to be: a context belongs to one thread.  This is also run
   under ThreadSanitizer.  */

#include "hosts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Threads with clients, clients of each, and calls of each of these.  */
#define N_CREWS  3
#define N_GUESTS 6
#define N_CALLS  100

/* --- Guests: clients in a loop ---------------------------------------------------------------- */

struct crew;

struct guest {
  struct crew *crew;
  assuan_context_t ctx; /* NULL: gone */
  int number;
  int n_calls; /* that were made */
  char text[60];
  char data[100]; /* the beginning of what came */
  size_t len;
};

/* The clients of one thread.  */
struct crew {
  eva_loop *loop;
  const char *address;
  struct guest guests[N_GUESTS];
  int n_there;
  int n_calls, n_done;
  bool persists; /* comes again and again until there is no server any more */
  gpg_error_t err;
};

static void call_next (struct guest *guest);
static gpg_error_t come (struct guest *guest);

/* Something is not as it should be.  */
static void
give_up (struct crew *crew, gpg_error_t err) {
  if (!crew->err) crew->err = err;
  eva_loop_stop (crew->loop);
}

static void
closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct guest *guest = arg;
  struct crew *crew = guest->crew;

  assuan_release (ctx);
  guest->ctx = NULL;
  if (!crew->persists && gpg_err_code (err) != GPG_ERR_CANCELED) give_up (crew, err);
  if (crew->persists && !come (guest)) return;
  if (!--crew->n_there) eva_loop_stop (crew->loop);
}

static gpg_error_t
take_data (void *arg, const void *buf, size_t len) {
  struct guest *guest = arg;

  if (guest->len + len < sizeof guest->data) memcpy (guest->data + guest->len, buf, len);
  guest->len += len;
  return 0;
}

/* The answer to an inquiry is its keyword.  */
static gpg_error_t
answer (void *arg, struct eva_pending_call *call, const char *text) {
  gpg_error_t err = eva_answer_data (call, text, strlen (text));

  (void) arg;
  return err ? err : eva_answer_end (call);
}

/* The connection may end at any time if servers go away.  */
static bool
is_end (const struct crew *crew, gpg_error_t err) {
  gpg_err_code_t code = gpg_err_code (err);

  return crew->persists
         && (code == GPG_ERR_EOF || code == GPG_ERR_EPIPE || code == GPG_ERR_ECONNRESET);
}

static void
expect (struct guest *guest, bool is_true) {
  guest->crew->n_done++;
  if (!is_true) give_up (guest->crew, gpg_error (GPG_ERR_BAD_DATA));
}

static void
told (void *arg, gpg_error_t err, const char *text) {
  struct guest *guest = arg;
  bool is_right =
      guest->len == strlen (guest->text) && !memcmp (guest->data, guest->text, guest->len);

  (void) text;
  expect (guest, err ? is_end (guest->crew, err) : is_right);
  if (!err) call_next (guest);
}

static void
told_much (void *arg, gpg_error_t err, const char *text) {
  struct guest *guest = arg;

  (void) text;
  expect (guest, err ? is_end (guest->crew, err) : guest->len == BULK_LEN);
  if (!err) call_next (guest);
}

static void
failed (void *arg, gpg_error_t err, const char *text) {
  struct guest *guest = arg;
  bool is_right = gpg_err_code (err) == GPG_ERR_NO_SECKEY;

  (void) text;
  expect (guest, is_right || is_end (guest->crew, err));
  if (is_right) call_next (guest);
}

static void
given_up (void *arg, gpg_error_t err, const char *text) {
  (void) text;
  expect (arg, gpg_err_code (err) == GPG_ERR_CANCELED);
}

static const struct {
  const char *command;
  void (*done) (void *arg, gpg_error_t err, const char *text);
} kinds[] = { { "ECHO", told }, { "ASK", told }, { "BULK", told_much }, { "FAIL", failed } };

#define N_KINDS ((int) (sizeof kinds / sizeof *kinds))

static gpg_error_t
call (struct guest *guest, int kind, const char *text, struct eva_pending_call **ret_call) {
  struct eva_callbacks callbacks = { .data = take_data,
                                     .inquire = answer,
                                     .done = kinds[kind].done };
  char command[100];
  gpg_error_t err;

  snprintf (command, sizeof command, "%s %s", kinds[kind].command, text);
  if (ret_call) callbacks.done = given_up;
  err = eva_call (guest->ctx, command, &callbacks, guest, ret_call);
  if (!err) guest->crew->n_calls++;
  return err;
}

/* Calls; now and then with a call before it that is given up, sent or not.  */
static void
call_next (struct guest *guest) {
  struct eva_pending_call *vain = NULL;
  int i = guest->n_calls++;
  gpg_error_t err = 0;

  if (i == N_CALLS) {
    eva_close (guest->ctx);
    return;
  }
  if (i % 7 == 0) err = call (guest, i / 7 % N_KINDS, "in vain", &vain);
  if (vain) eva_call_cancel (vain);
  guest->len = 0;
  snprintf (guest->text, sizeof guest->text, "guest %d call %d", guest->number, i);
  if (!err) err = call (guest, i % N_KINDS, guest->text, NULL);
  if (err && !is_end (guest->crew, err)) give_up (guest->crew, err);
}

static void
ready (assuan_context_t ctx, void *arg) {
  (void) ctx;
  call_next (arg);
}

static gpg_error_t
come (struct guest *guest) {
  struct eva_connect_config config = { .ready = ready, .closed = closed, .arg = guest };

  guest->n_calls = 0;
  return eva_connect (guest->crew->loop, guest->crew->address, &config, &guest->ctx);
}

static atomic_int n_crews_there; /* those all of whose guests have come once */

static gpg_error_t
run_crew (struct crew *crew, int number) {
  gpg_error_t err = 0;

  crew->loop = eva_loop_new ();
  if (!crew->loop) return gpg_error_from_syserror ();
  for (int i = 0; i < N_GUESTS && !err; i++) {
    crew->guests[i].crew = crew;
    crew->guests[i].number = number * N_GUESTS + i;
    err = come (&crew->guests[i]);
    if (!err) crew->n_there++;
  }
  if (err) give_up (crew, err);
  atomic_fetch_add (&n_crews_there, 1);
  if (!crew->err && eva_loop_run (crew->loop)) err = gpg_error_from_syserror ();
  for (int i = 0; i < N_GUESTS; i++)
    assuan_release (crew->guests[i].ctx);
  /* Servers that were started are waited for.  */
  for (int i = 0; i < 10; i++)
    eva_loop_dispatch (crew->loop, 0);
  eva_loop_free (crew->loop);
  if (!crew->err && crew->n_calls != crew->n_done) crew->err = gpg_error (GPG_ERR_FALSE);
  return crew->err ? crew->err : err;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static gpg_error_t
call_all (int number) {
  struct crew crew = { .address = hosts.address };
  gpg_error_t err = run_crew (&crew, number);

  return !err && crew.n_done < N_GUESTS * N_CALLS ? gpg_error (GPG_ERR_FALSE) : err;
}

/* A client that waits, one connection after the other.  */
static gpg_error_t
ask_all (int number) {
  gpg_error_t err = 0;
  char name[20];

  snprintf (name, sizeof name, "asker %d", number);
  for (int i = 0; i < N_GUESTS && !err; i++) {
    assuan_context_t ctx;
    err = assuan_new (&ctx);
    if (!err) err = assuan_socket_connect (ctx, hosts.path, ASSUAN_INVALID_PID, 0);
    if (!err) err = pair_ask (ctx, name, N_CALLS / 10);
    assuan_release (ctx);
  }
  return err;
}

/* Each client is served by one of the servers, and each call by the right one.  */
static void
one_socket_for_several_loops (void **state) {
  struct job callers[N_CREWS], askers[N_CREWS];
  uint64_t n_accepted = 0, n_refused = 0;

  (void) state;
  hosts_start ();
  for (int i = 0; i < N_CREWS; i++) {
    job_start (&callers[i], call_all, i);
    job_start (&askers[i], ask_all, i);
  }
  jobs_finish (callers, N_CREWS);
  jobs_finish (askers, N_CREWS);
  for (int i = 0; i < N_HOSTS; i++)
    hosts_drain (i);
  hosts_finish ();
  for (int i = 0; i < N_HOSTS; i++) {
    n_accepted += hosts.hosts[i].stats.n_accepted;
    n_refused += hosts.hosts[i].stats.n_refused;
    assert_int_equal (hosts.hosts[i].stats.n_connections, 0);
    assert_int_equal (hosts.hosts[i].stats.n_open_commands, 0);
  }
  assert_int_equal (n_accepted, 2 * N_CREWS * N_GUESTS);
  assert_int_equal (n_refused, 0);
}

static gpg_error_t
fork_all (int number) {
  assuan_context_t ctx = NULL;
  gpg_error_t err = assuan_new (&ctx);

  (void) number;
  if (!err) err = assuan_socket_connect (ctx, hosts.path, ASSUAN_INVALID_PID, 0);
  for (int i = 0; i < N_CALLS / 5 && !err; i++) {
    struct guest guest = { .len = 0 };
    err = assuan_transact (ctx, "FORK x", take_data, &guest, NULL, NULL, NULL, NULL);
    if (!err && guest.len != 1) err = gpg_error (GPG_ERR_BAD_DATA);
  }
  assuan_release (ctx);
  return err;
}

/* Helpers are forked, and end, in the middle of what other threads do.  */
static void
helpers_of_several_loops (void **state) {
  struct job callers[N_CREWS], forkers[N_CREWS];

  (void) state;
  hosts_start ();
  for (int i = 0; i < N_CREWS; i++) {
    job_start (&callers[i], call_all, i);
    job_start (&forkers[i], fork_all, i);
  }
  jobs_finish (callers, N_CREWS);
  jobs_finish (forkers, N_CREWS);
  for (int i = 0; i < N_HOSTS; i++)
    hosts_drain (i);
  hosts_finish ();
}

static gpg_error_t
call_to_the_end (int number) {
  struct crew crew = { .address = hosts.address, .persists = true };

  return run_crew (&crew, number);
}

/* Servers go away one after the other, in the middle of calls: their clients find the others, until
   there is none any more.  Each call ends once, well or not.  */
static void
servers_drain_under_load (void **state) {
  struct job callers[N_CREWS];

  (void) state;
  hosts_start ();
  atomic_store (&n_crews_there, 0);
  for (int i = 0; i < N_CREWS; i++)
    job_start (&callers[i], call_to_the_end, i);
  while (atomic_load (&n_crews_there) < N_CREWS)
    usleep (1000);
  for (int i = 0; i < N_HOSTS; i++) {
    usleep (100000);
    hosts_drain (i);
  }
  hosts_finish ();
  jobs_finish (callers, N_CREWS);
}

static char program_address[300];

static gpg_error_t
call_children (int number) {
  struct crew crew = { .address = program_address };

  return run_crew (&crew, number);
}

/* Servers that are started by several threads at once, each over pipes, and waited for.  */
static void
programs_of_several_loops (void **state) {
  struct job callers[N_CREWS];

  (void) state;
  for (int i = 0; i < N_CREWS; i++)
    job_start (&callers[i], call_children, i);
  jobs_finish (callers, N_CREWS);
  while (waitpid (-1, NULL, 0) > 0) /* for which no loop has waited when it was freed */
    ;
}

/* The program of that test: serves the process that started it.  */
static int
be_program (void) {
  assuan_context_t ctx = NULL;
  assuan_fd_t fds[2] = { 0, 1 };
  gpg_error_t err = assuan_new (&ctx);

  if (!err) err = assuan_init_pipe_server (ctx, fds);
  if (!err) err = pair_register (ctx);
  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err ? 1 : 0;
}

int
main (int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (one_socket_for_several_loops),
    cmocka_unit_test (helpers_of_several_loops),
    cmocka_unit_test (servers_drain_under_load),
    cmocka_unit_test (programs_of_several_loops),
  };

  if (argc > 1 && !strcmp (argv[1], "--server")) return be_program ();
  snprintf (program_address, sizeof program_address, "exec:%s --server", argv[0]);
  return cmocka_run_group_tests_name ("servers", tests, NULL, NULL);
}
