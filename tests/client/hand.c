/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hand.c - contexts that are driven by hand.  See hand.h.  */

#include "hand.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HANDS 8

uint64_t hand_now_ns;
bool hand_is_quiet;
static struct hand *hands[MAX_HANDS];
static size_t n_hands;

/* --- Driving ---------------------------------------------------------------------------------- */

static uint64_t
get_now (void) {
  return hand_now_ns ? hand_now_ns : eva_now ();
}

/* What of EVENTS holds for CTX now.  */
static unsigned int
look (assuan_context_t ctx, unsigned int events, bool is_thrifty) {
  struct pollfd p[2] = { { .fd = eva_get_fd (ctx, EVA_READABLE) },
                         { .fd = eva_get_fd (ctx, EVA_WRITABLE) } };
  nfds_t n = p[0].fd == p[1].fd ? 1 : 2;

  p[0].events = (short) (n == 1 ? events : events & EVA_READABLE);
  p[1].events = (short) (events & EVA_WRITABLE);
  for (nfds_t i = 0; i < n && n == 2; i++)
    if (is_thrifty && !p[i].events) p[i] = (struct pollfd) { .fd = -1 };
  assert_true (poll (p, n, 0) >= 0);
  return (unsigned int) p[0].revents | (n == 2 ? (unsigned int) p[1].revents : 0);
}

/* As a program would: nothing is called unless there is a reason.  */
void
hand_turn (struct hand *h) {
  unsigned int revents;

  if (!h->ctx) return;
  revents = look (h->ctx, eva_get_events (h->ctx), h->is_thrifty);
  if (!revents && eva_get_deadline (h->ctx) > get_now ()) return;
  h->n_calls++;
  h->err = eva_process (h->ctx, revents, get_now ());
  if (h->err) h->ctx = NULL;
}

void
hand_settle (struct hand *h) {
  for (int i = 0; i < 20; i++)
    hand_turn (h);
}

static void
turn_all (void) {
  for (size_t i = 0; i < n_hands; i++)
    hand_turn (hands[i]);
}

void
hand_forget_all (void) {
  n_hands = 0;
  hand_now_ns = 0;
  hand_is_quiet = false;
}

void
hand_drive (struct hand *h, assuan_context_t ctx) {
  if (!kit_also_turn) hand_forget_all ();
  *h = (struct hand) { .ctx = ctx };
  assert_true (n_hands < MAX_HANDS);
  hands[n_hands++] = h;
  kit_also_turn = turn_all;
}

/* --- Commands --------------------------------------------------------------------------------- */

#define note(...) (hand_is_quiet ? (void) 0 : kit_note (__VA_ARGS__))

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  note ("ECHO %s", line);
  return assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  (void) ctx;
  note ("FAIL %s", line);
  return gpg_error (GPG_ERR_USER_1);
}

static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  (void) arg;
  note ("cancel %s", kit_error (reason));
}

static gpg_error_t
cmd_later (assuan_context_t ctx, char *line) {
  note ("LATER %s", line);
  assert_error (eva_set_cancel (ctx, on_cancel, NULL), "0");
  return eva_defer (ctx);
}

static gpg_error_t
answered (void *arg, gpg_error_t err, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  note ("answer %s %.*s", kit_error (err), (int) len, buf ? (char *) buf : "");
  if (!err) err = assuan_send_data (ctx, buf, len);
  free (buf);
  return err;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  note ("ASK %s", line);
  return assuan_inquire_ext (ctx, line, 1000, answered, ctx);
}

static gpg_error_t
cmd_big (assuan_context_t ctx, char *line) {
  size_t len = strtoul (line, NULL, 10);
  char *big = malloc (len + 1);
  gpg_error_t err;

  note ("BIG %s", line);
  if (!big) abort ();
  memset (big, 'b', len);
  err = assuan_send_data (ctx, big, len);
  free (big);
  return err;
}

static gpg_error_t
cmd_say (assuan_context_t ctx, char *line) {
  note ("SAY %s", line);
  for (int i = 0, n = atoi (line); i < n; i++)
    assuan_write_status (ctx, "N", kit_format ("%d", i));
  return 0;
}

static gpg_error_t
cmd_nest (assuan_context_t ctx, char *line) {
  (void) line;
  note ("NEST %s", kit_error (eva_process (ctx, EVA_READABLE, eva_now ())));
  return 0;
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  unsigned char *buf = NULL;
  size_t len;
  char *p;

  (void) line;
  note ("inquire %s", kit_error (assuan_inquire (ctx, "X", &buf, &len, 0)));
  note ("read %s", kit_error (assuan_read_line (ctx, &p, &len)));
  note ("process %s", kit_error (assuan_process (ctx)));
  return 0;
}

static gpg_error_t
cmd_release (assuan_context_t ctx, char *line) {
  (void) line;
  note ("RELEASE");
  assuan_release (ctx);
  return 0;
}

static gpg_error_t
cmd_close (assuan_context_t ctx, char *line) {
  (void) line;
  note ("CLOSE");
  eva_close (ctx);
  return 0;
}

void
hand_register (assuan_context_t ctx) {
  static const struct {
    const char *name;
    assuan_handler_t handler;
  } commands[] = {
    { "ECHO", cmd_echo },       { "FAIL", cmd_fail }, { "LATER", cmd_later },
    { "ASK", cmd_ask },         { "BIG", cmd_big },   { "SAY", cmd_say },
    { "NEST", cmd_nest },       { "WAIT", cmd_wait }, { "CLOSE", cmd_close },
    { "RELEASE", cmd_release },
  };

  for (size_t i = 0; i < N_ELEMENTS (commands); i++)
    assert_error (assuan_register_command (ctx, commands[i].name, commands[i].handler, NULL), "0");
}

/* --- Contexts --------------------------------------------------------------------------------- */

assuan_context_t
hand_new_server (struct peer *p, unsigned int flags) {
  assuan_context_t ctx;
  int fd[2];

  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (p, fd[1]);
  assert_error (assuan_new (&ctx), "0");
  assert_error (assuan_init_socket_server (ctx, fd[0], ASSUAN_SOCKET_SERVER_ACCEPTED | flags), "0");
  hand_register (ctx);
  assert_error (assuan_set_hello_line (ctx, "hi"), "0");
  return ctx;
}

assuan_context_t
hand_new_client (struct peer *p, unsigned int flags) {
  assuan_context_t ctx;
  int fd[2];

  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (p, fd[1]);
  peer_say (p, "OK hi\n");
  assert_error (assuan_new (&ctx), "0");
  assert_error (assuan_socket_connect_fd (ctx, fd[0], flags), "0");
  return ctx;
}

assuan_context_t
hand_serve (struct hand *h, struct peer *p) {
  assuan_context_t ctx = hand_new_server (p, 0);

  assert_error (eva_set_nonblocking (ctx), "0");
  hand_drive (h, ctx);
  peer_hears_hello (p);
  return ctx;
}

assuan_context_t
hand_connect (struct hand *h, struct peer *p) {
  assuan_context_t ctx = hand_new_client (p, 0);

  assert_error (eva_set_nonblocking (ctx), "0");
  hand_drive (h, ctx);
  return ctx;
}

void
hand_end (assuan_context_t ctx, struct peer *p) {
  hand_forget_all ();
  assuan_release (ctx);
  peer_close (p);
  kit_expect ("");
}
