/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-model.c - many clients and a server in one loop, doing everything at random: each call is
   told what it should be, in order, up to its end, and ends once.  */

#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define N_CLIENTS 12
#define MAX_CALLS 12 /* at a time, of a client */
#define N_STEPS   4000

/* --- The server ------------------------------------------------------------------------------- */

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  for (int i = 0, n = atoi (line); i < n; i++)
    assuan_write_status (ctx, "N", kit_format ("%d", i));
  return 0;
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  return assuan_set_error (ctx, gpg_error (GPG_ERR_USER_1), line);
}

static gpg_error_t
cmd_big (assuan_context_t ctx, char *line) {
  size_t len = strtoul (line, NULL, 10);
  char *big = malloc (len + 1);
  gpg_error_t err;

  if (!big) abort ();
  memset (big, 'b', len);
  err = assuan_send_data (ctx, big, len);
  free (big);
  return err;
}

/* The answer comes back as data.  */
static gpg_error_t
answered (void *arg, gpg_error_t err, unsigned char *buf, size_t len) {
  if (!err) err = assuan_send_data (arg, buf, len);
  free (buf);
  assuan_process_done (arg, err);
  return 0;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  return assuan_inquire_ext (ctx, line, 100000, answered, ctx);
}

struct later {
  assuan_context_t ctx;
  eva_source *timer;
};

static void
later_is_now (void *arg) {
  struct later *later = arg;
  assuan_context_t ctx = later->ctx;

  eva_source_free (later->timer);
  free (later);
  assuan_process_done (ctx, 0);
}

static void
later_is_never (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct later *later = arg;

  (void) ctx;
  (void) reason;
  eva_source_free (later->timer);
  free (later);
}

static gpg_error_t
cmd_later (assuan_context_t ctx, char *line) {
  struct later *later = calloc (1, sizeof *later);

  if (!later) abort ();
  later->ctx = ctx;
  later->timer =
      eva_loop_add_timer (kit_loop.loop, (unsigned int) atoi (line), later_is_now, later);
  eva_set_cancel (ctx, later_is_never, later);
  return eva_defer (ctx);
}

static const struct eva_command commands[] = {
  { .name = "ECHO", .handler = cmd_echo }, { .name = "STATUS", .handler = cmd_status },
  { .name = "FAIL", .handler = cmd_fail }, { .name = "BIG", .handler = cmd_big },
  { .name = "ASK", .handler = cmd_ask },   { .name = "LATER", .handler = cmd_later },
};

static const struct eva_service service = { .commands = commands,
                                            .n_commands = N_ELEMENTS (commands) };

/* --- Calls ------------------------------------------------------------------------------------ */

struct client;

struct task {
  struct client *client;
  struct eva_pending_call *call;
  struct text expected; /* what it is to be told, and */
  struct text told;     /* what it was */
  struct text answer;   /* to its inquiry */
  size_t answered;
  bool asks, is_asked, may_time_out;
  bool is_given_up; /* by us */
};

struct client {
  assuan_context_t ctx;
  struct task *tasks[MAX_CALLS];
  bool is_closing;
};

static struct client clients[N_CLIENTS];
static unsigned int n_ended, n_whole;

static void
add (struct text *t, const char *text) {
  text_add (t, text, strlen (text));
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct task *task = arg;

  text_add (&task->told, buf, len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct task *task = arg;

  add (&task->told, "<");
  add (&task->told, text);
  add (&task->told, ">");
  return 0;
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  struct task *task = arg;

  assert_ptr_equal (call, task->call);
  assert_true (task->asks);
  assert_string_equal (text, "KEY x");
  task->is_asked = true;
  return 0;
}

static void
free_task (struct task *task) {
  for (size_t i = 0; i < MAX_CALLS; i++)
    if (task->client->tasks[i] == task) task->client->tasks[i] = NULL;
  text_free (&task->expected);
  text_free (&task->told);
  text_free (&task->answer);
  free (task);
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct task *task = arg;
  gpg_err_code_t code = gpg_err_code (err);
  bool is_whole = !code || code == GPG_ERR_USER_1;

  assert_true (is_whole || task->is_given_up || (code == GPG_ERR_TIMEOUT && task->may_time_out));
  if (code == GPG_ERR_USER_1) add (&task->told, text);
  assert_true (task->told.len <= task->expected.len);
  if (task->told.len) assert_memory_equal (task->told.data, task->expected.data, task->told.len);
  if (is_whole) assert_int_equal (task->told.len, task->expected.len);
  n_ended++;
  n_whole += is_whole;
  free_task (task);
}

/* The command of a task with what it expects.  */
static const char *
fill_task (struct task *task) {
  unsigned int n = kit_random (50), kind = kit_random (6);

  switch (kind) {
  case 0:
    add (&task->expected, kit_format ("text %u", n));
    return kit_format ("ECHO text %u", n);
  case 1:
    for (unsigned int i = 0; i < n; i++)
      add (&task->expected, kit_format ("<N %u>", i));
    return kit_format ("STATUS %u", n);
  case 2:
    add (&task->expected,
         kit_format ("%s <%s> - no %u", gpg_strerror (GPG_ERR_USER_1), gpg_strsource (0), n));
    return kit_format ("FAIL no %u", n);
  case 3:
    n *= n * 10;
    for (unsigned int i = 0; i < n; i++)
      add (&task->expected, "b");
    return kit_format ("BIG %u", n);
  case 4:
    for (unsigned int i = 0; i < n * 10; i++)
      text_add (&task->answer, (char[1]) { (char) kit_random (256) }, 1);
    text_add (&task->expected, task->answer.data, task->answer.len);
    task->asks = true;
    return "ASK KEY x";
  default:
    return kit_format ("LATER %u", n / 10);
  }
}

/* One that is sent ahead must not come into the answer to an inquiry.  */
static bool
may_go_ahead (const struct client *client) {
  for (size_t i = 0; i < MAX_CALLS; i++)
    if (client->tasks[i] && client->tasks[i]->asks) return false;
  return kit_random (2);
}

static void
begin_task (struct client *client) {
  struct eva_callbacks cb = {
    .data = on_data, .status = on_status, .inquire = on_inquire, .done = on_done
  };
  struct task *task = calloc (1, sizeof *task);
  const char *command;
  size_t i = 0;

  if (!task) abort ();
  while (i < MAX_CALLS && client->tasks[i])
    i++;
  task->client = client;
  command = fill_task (task);
  task->may_time_out = kit_random (20) == 0;
  if (may_go_ahead (client)) cb.flags = EVA_CALL_AHEAD;
  if (task->may_time_out) cb.timeout_ms = 1 + kit_random (5);
  if (i == MAX_CALLS || client->is_closing) {
    free_task (task);
    return;
  }
  client->tasks[i] = task;
  assert_error (eva_call (client->ctx, command, &cb, task, &task->call), "0");
}

/* A piece of the answer, its end, or a refusal.  */
static void
go_on_with (struct task *task) {
  size_t left = task->answer.len - task->answered;
  size_t len = left ? 1 + kit_random ((uint32_t) left) : 0;

  if (!task->is_asked || task->is_given_up) return;
  if (len) {
    assert_error (eva_answer_data (task->call, task->answer.data + task->answered, len), "0");
    task->answered += len;
    return;
  }
  task->is_asked = false;
  assert_error (eva_answer_end (task->call), "0");
}

static void
give_up (struct task *task) {
  task->is_given_up = true;
  eva_call_cancel (task->call);
}

static void
give_all_up (struct client *client) {
  for (size_t i = 0; i < MAX_CALLS; i++)
    if (client->tasks[i]) client->tasks[i]->is_given_up = true;
}

/* --- Clients ---------------------------------------------------------------------------------- */

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct client *client = arg;

  assert_ptr_equal (client->ctx, ctx);
  assert_true (client->is_closing);
  assert_error (err, "CANCELED");
  client->ctx = NULL;
  assuan_release (ctx);
}

static void
open_client (struct client *client, eva_server *server) {
  struct eva_connect_config config = { .closed = on_closed, .arg = client };
  const char *address = eva_server_get_address (server, 0);
  int fd[2];

  client->is_closing = false;
  if (kit_random (2)) {
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_error (eva_server_adopt (server, fd[1], 0, NULL), "0");
    address = kit_format ("fd:%d", fd[0]);
  }
  assert_error (eva_connect (kit_loop.loop, address, &config, &client->ctx), "0");
}

static void
release_client (struct client *client) {
  assuan_context_t ctx = client->ctx;

  give_all_up (client);
  client->ctx = NULL;
  assuan_release (ctx);
}

static void
step (struct client *client, eva_server *server) {
  struct task *task = client->tasks[kit_random (MAX_CALLS)];
  uint32_t what = kit_random (100);

  if (!client->ctx) {
    open_client (client, server);
  } else if (what < 40) {
    begin_task (client);
  } else if (what < 70) {
    for (size_t i = 0; i < MAX_CALLS; i++)
      if (client->tasks[i]) go_on_with (client->tasks[i]);
  } else if (what < 80) {
    if (task) give_up (task);
  } else if (what < 81) {
    release_client (client);
  } else if (what < 82) {
    give_all_up (client);
    client->is_closing = true;
    eva_close (client->ctx);
  }
}

/* Goes on with all calls.  Returns their number.  */
static size_t
go_on_with_all (void) {
  size_t n = 0;

  for (size_t i = 0; i < N_CLIENTS; i++)
    for (size_t j = 0; j < MAX_CALLS; j++)
      if (clients[i].tasks[j]) {
        go_on_with (clients[i].tasks[j]);
        n++;
      }
  return n;
}

/* Lets everything end, and looks at what the server counted.  */
static void
finish (eva_server *server) {
  unsigned int tries = 0;
  struct eva_stats stats;

  while (go_on_with_all ())
    kit_turn (&tries);
  for (size_t i = 0; i < N_CLIENTS; i++)
    if (clients[i].ctx) release_client (&clients[i]);
  do {
    kit_turn (&tries);
    eva_server_get_stats (server, &stats);
  } while (stats.n_connections);
  assert_int_equal (stats.n_open_commands, 0);
  assert_int_equal (stats.held_len, 0);
  assert_int_equal (stats.n_dropped, 0);
}

static void
test_random (void **state) {
  eva_server *server;

  (void) state;
  for (uint32_t seed = 1; seed <= 4; seed++) {
    kit_seed = seed;
    n_ended = n_whole = 0;
    memset (clients, 0, sizeof clients);
    assert_error (eva_server_new (kit_loop.loop, &service, NULL, &server), "0");
    assert_error (eva_server_listen (server, kit_format ("unix:%s", tmpdir_path ("s")), 0), "0");
    for (int i = 0; i < N_STEPS; i++) {
      step (&clients[kit_random (N_CLIENTS)], server);
      for (uint32_t n = kit_random (4); n; n--)
        test_loop_turn (&kit_loop, false);
    }
    finish (server);
    eva_server_free (server);
    assert_true (n_whole > N_STEPS / 20);
    assert_true (n_ended > n_whole);
  }
}

static const struct CMUnitTest tests[] = {
  kit_test (test_random),
};

const struct suite model_suite = { "model", tests, N_ELEMENTS (tests) };
