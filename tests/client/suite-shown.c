/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-shown.c - contexts that do not wait, and that a monitor or a log callback releases when it
   is shown a line: in a turn, or out of a call of the program's own.

   Each scene is played again and again, with the release one callback later each time.  */

#include "hand.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum way { MONITOR, LOG_ASKED, LOG_TOLD };
#define N_WAYS 3

static struct {
  enum way way;
  unsigned int left; /* callbacks up to the one that releases; 0: none does */
  bool is_released;
  unsigned int n_late; /* callbacks behind it */
} w;

/* --- Watching --------------------------------------------------------------------------------- */

static void
strike (assuan_context_t ctx, enum way way) {
  if (w.is_released) w.n_late++;
  if (way != w.way || !w.left || --w.left) return;
  assuan_release (ctx);
  w.is_released = true;
}

static unsigned int
on_line (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) arg;
  (void) direction;
  (void) line;
  (void) len;
  strike (ctx, MONITOR);
  return 0;
}

static int
on_log (assuan_context_t ctx, void *arg, unsigned int category, const char *text) {
  (void) arg;
  (void) category;
  strike (ctx, text ? LOG_TOLD : LOG_ASKED);
  return 1;
}

static assuan_log_cb_t log_before;
static void *log_before_arg;

static int
setup (void **state) {
  assuan_get_log_cb (&log_before, &log_before_arg);
  memset (&w, 0, sizeof w);
  assuan_set_log_cb (on_log, NULL);
  return kit_setup (state);
}

static int
teardown (void **state) {
  assuan_set_log_cb (log_before, log_before_arg);
  return kit_teardown (state);
}

/* --- Scenes ----------------------------------------------------------------------------------- */

/* OPEN makes the context, and releases nothing; the peer's end is at P.  CALL may be NULL.  */
struct scene {
  assuan_context_t (*open) (struct peer *p);
  void (*call) (assuan_context_t ctx, struct peer *p);
};

/* Returns whether there were AT callbacks.  */
static bool
play (const struct scene *scene, enum way way, unsigned int at) {
  assuan_context_t ctx;
  struct peer p;
  bool was_in_time;

  memset (&w, 0, sizeof w);
  hand_is_quiet = true;
  ctx = scene->open (&p);
  w.way = way;
  w.left = at;
  scene->call (ctx, &p);
  kit_settle ();
  was_in_time = !w.left;
  w.left = 0;
  if (!w.is_released) assuan_release (ctx);
  kit_settle ();
  peer_take (&p);
  text_free (&p.in);
  assert_true (p.is_at_end);
  peer_close (&p);
  hand_is_quiet = false;
  kit_expect ("");
  assert_int_equal (w.n_late, 0);
  return was_in_time;
}

static void
play_all (const struct scene *scenes, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (int way = 0; way < N_WAYS; way++) {
      unsigned int at = 1;
      while (play (&scenes[i], (enum way) way, at))
        at++;
      assert_true (at > 1);
    }
}

/* --- Servers ---------------------------------------------------------------------------------- */

/* No command begins, and no notification asks whether it may, once the context is gone.  */
static gpg_error_t
before_command (assuan_context_t ctx, const char *command) {
  (void) ctx;
  (void) command;
  assert_false (w.is_released);
  return 0;
}

static assuan_context_t
open_server (struct peer *p) {
  assuan_context_t ctx = hand_new_server (p, ASSUAN_SOCKET_SERVER_FDPASSING);

  assuan_set_io_monitor (ctx, on_line, NULL);
  assuan_register_pre_cmd_notify (ctx, before_command);
  return ctx;
}

static assuan_context_t
open_busy (struct peer *p) {
  assuan_context_t ctx = open_server (p);

  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "0");
  peer_hears_hello (p);
  peer_say (p, "LATER x\n");
  kit_settle ();
  return ctx;
}

static void
attach (assuan_context_t ctx, struct peer *p) {
  gpg_error_t err = eva_attach (ctx, kit_loop.loop, NULL, NULL);

  assert_error (err, w.is_released ? "CANCELED" : "0");
  if (!err) peer_say (p, "ECHO hello\nASK K\nD x\nEND\nSAY 2\nBIG 3000\nHELP\nBOGUS\nLATER x\n");
}

static void
process (assuan_context_t ctx, struct peer *p) {
  gpg_error_t err = eva_set_nonblocking (ctx);

  assert_error (err, w.is_released ? "CANCELED" : "0");
  if (err) return;
  peer_say (p, "ECHO hello\nSAY 2\nASK K\nD x\nEND\nBYE\n");
  while (!err)
    err = eva_process (ctx, EVA_READABLE, eva_now ());
  assert_error (err, "EOF");
}

static void
write_status (assuan_context_t ctx, struct peer *p) {
  (void) p;
  assuan_write_status (ctx, "KEY", "one\ntwo");
}

static void
write_line (assuan_context_t ctx, struct peer *p) {
  (void) p;
  assuan_write_line (ctx, "# one\ntwo");
}

static void
send_data (assuan_context_t ctx, struct peer *p) {
  static char data[200000];

  (void) p;
  memset (data, '%', sizeof data);
  assuan_send_data (ctx, data, sizeof data);
}

static void
send_fd (assuan_context_t ctx, struct peer *p) {
  (void) p;
  assert_error (assuan_send_data (ctx, "data", 4), "0");
  assuan_sendfd (ctx, 0);
}

static void
print (assuan_context_t ctx, struct peer *p) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) p;
  for (int i = 0; i < 3 && !w.is_released; i++)
    fprintf (fp, "%1500d", i);
  if (w.is_released) fclose (fp);
}

static void
finish (assuan_context_t ctx, struct peer *p) {
  (void) p;
  assuan_process_done (ctx, assuan_set_error (ctx, gpg_error (GPG_ERR_USER_1), "one\ntwo"));
}

static gpg_error_t
on_answer (void *arg, gpg_error_t err, unsigned char *buf, size_t len) {
  (void) arg;
  (void) err;
  (void) buf;
  (void) len;
  return 0;
}

static void
inquire (assuan_context_t ctx, struct peer *p) {
  gpg_error_t err = assuan_inquire_ext (ctx, "KEY", 0, on_answer, NULL);

  (void) p;
  assert_error (err, w.is_released ? "CANCELED" : "0");
}

/* A pump that is cancelled tells of its end, too.  */
static unsigned int n_pumped;

static void
on_pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n) {
  (void) ctx;
  (void) arg;
  (void) err;
  (void) n;
  n_pumped++;
}

static void
pump (assuan_context_t ctx, struct peer *p) {
  struct eva_pump_config config = { .from_fd = EVA_PUMP_CONNECTION,
                                    .inquiry = "KEY",
                                    .progress_what = "octets",
                                    .progress_interval_ms = 1,
                                    .done = on_pumped };
  int fd[2];

  assert_int_equal (pipe (fd), 0);
  config.to_fd = fd[1];
  n_pumped = 0;
  assert_error (eva_pump (ctx, &config), "0");
  if (!w.is_released) peer_say (p, "D x\n");
  for (unsigned int tries = 0; !w.is_released && tries < 20;) {
    kit_turn (&tries);
    usleep (1000);
  }
  if (!w.is_released) peer_say (p, "END\n");
  kit_settle ();
  assert_int_equal (n_pumped, 1);
  fds_close_pair (fd);
}

static void
test_shown_servers (void **state) {
  static const struct scene scenes[] = {
    { open_server, attach },   { open_server, process }, { open_busy, write_status },
    { open_busy, write_line }, { open_busy, send_data }, { open_busy, send_fd },
    { open_busy, print },      { open_busy, finish },    { open_busy, inquire },
  };

  (void) state;
  play_all (scenes, N_ELEMENTS (scenes));
}

static void
test_shown_pumps (void **state) {
  static const struct scene scene = { open_busy, pump };

  (void) state;
  play_all (&scene, 1);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static unsigned int n_done;
static struct eva_pending_call *asking; /* it has an inquiry to answer */
static bool answers_at_once;

static gpg_error_t
take_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  (void) buf;
  (void) len;
  assert_false (w.is_released);
  return 0;
}

static gpg_error_t
take_status (void *arg, const char *text) {
  (void) arg;
  (void) text;
  assert_false (w.is_released);
  return 0;
}

static gpg_error_t
take_inquiry (void *arg, struct eva_pending_call *call, const char *text) {
  gpg_error_t err;

  (void) arg;
  (void) text;
  assert_false (w.is_released);
  asking = call;
  if (!answers_at_once) return 0;
  err = eva_answer_data (call, "x", 1);
  return err || w.is_released ? err : eva_answer_end (call);
}

static void
count_done (void *arg, gpg_error_t err, const char *text) {
  (void) arg;
  (void) err;
  (void) text;
  n_done++;
}

static void
call (assuan_context_t ctx, unsigned int flags) {
  const struct eva_callbacks cb = { .flags = flags,
                                    .data = take_data,
                                    .status = take_status,
                                    .inquire = take_inquiry,
                                    .done = count_done };

  assert_error (eva_call (ctx, "A", &cb, NULL, NULL), "0");
}

static assuan_context_t
open_client (struct peer *p) {
  assuan_context_t ctx = hand_new_client (p, 0);

  assuan_set_io_monitor (ctx, on_line, NULL);
  n_done = 0;
  asking = NULL;
  answers_at_once = true;
  return ctx;
}

static assuan_context_t
open_asked (struct peer *p) {
  assuan_context_t ctx = open_client (p);

  answers_at_once = false;
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "0");
  call (ctx, 0);
  peer_answers (p, "A\n", "INQUIRE z\n");
  kit_settle ();
  assert_non_null (asking);
  return ctx;
}

/* Two calls; each of them ends, released or not.  */
static void
call_twice (assuan_context_t ctx, struct peer *p) {
  assert_error (eva_attach (ctx, kit_loop.loop, NULL, NULL), "0");
  call (ctx, 0);
  call (ctx, EVA_CALL_AHEAD);
  kit_settle ();
  if (!w.is_released) peer_say (p, "S x\n# c\nD y\nINQUIRE z\nOK 1\nOK 2\n");
  kit_settle ();
  assert_int_equal (n_done, 2);
}

/* The rest of a reply that is given up, and an inquiry in it.  */
static void
give_up (assuan_context_t ctx, struct peer *p) {
  (void) ctx;
  eva_call_cancel (asking);
  kit_settle ();
  if (!w.is_released) peer_say (p, "D y\nINQUIRE z\nERR 99\n");
  kit_settle ();
  assert_int_equal (n_done, 1);
}

static void
answer_data (assuan_context_t ctx, struct peer *p) {
  static char data[200000];

  (void) ctx;
  (void) p;
  memset (data, '%', sizeof data);
  eva_answer_data (asking, data, sizeof data);
}

static void
answer_end (assuan_context_t ctx, struct peer *p) {
  (void) ctx;
  (void) p;
  eva_answer_end (asking);
}

static void
answer_cancel (assuan_context_t ctx, struct peer *p) {
  (void) ctx;
  (void) p;
  eva_answer_cancel (asking);
}

static void
say_goodbye (assuan_context_t ctx, struct peer *p) {
  (void) p;
  eva_close (ctx);
}

static void
test_shown_clients (void **state) {
  static const struct scene scenes[] = {
    { open_client, call_twice }, { open_asked, give_up },       { open_asked, answer_data },
    { open_asked, answer_end },  { open_asked, answer_cancel }, { open_asked, say_goodbye },
    { open_asked, write_line },
  };

  (void) state;
  play_all (scenes, N_ELEMENTS (scenes));
}

/* The greeting is shown to the first, and no callback hears of it.  */
static assuan_context_t
dial (struct peer *p) {
  assuan_context_t ctx = kit_dial_peer (p);

  assuan_set_io_monitor (ctx, on_line, NULL);
  return ctx;
}

static void
hear_greeting (assuan_context_t ctx, struct peer *p) {
  (void) ctx;
  peer_say (p, "# hi\nOK hi\n");
  kit_settle ();
  kit_expect (w.is_released ? "" : "ready\n");
}

static void
test_shown_connecting (void **state) {
  static const struct scene scene = { dial, hear_greeting };

  (void) state;
  play_all (&scene, 1);
}

#define shown_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

static const struct CMUnitTest tests[] = {
  shown_test (test_shown_servers),
  shown_test (test_shown_pumps),
  shown_test (test_shown_clients),
  shown_test (test_shown_connecting),
};

const struct suite shown_suite = { "shown", tests, N_ELEMENTS (tests) };
