/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scenes.c - whole sessions for the fault tests.  See scenes.h.  */

#include "scenes.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const struct scene scenes[] = {
  { .name = "blocking server, socket" },
  { .name = "blocking server, socket with descriptors", .passes_fds = true },
  { .name = "blocking server, pipes", .over_pipes = true },
  { .name = "external server, socket", .is_external = true },
  { .name = "external server, socket with descriptors", .is_external = true, .passes_fds = true },
  { .name = "external server, pipes", .is_external = true, .over_pipes = true },
  { .name = "client, socket", .is_client = true },
  { .name = "client, socket with descriptors", .is_client = true, .passes_fds = true },
};
const size_t n_scenes = N_ELEMENTS (scenes);

/* What the peer says at a time, and what it says when it gets an inquiry in reply, or an
   inquiry's answer. WITH_FD: a descriptor comes along, where that is possible.  */
struct turn {
  const char *say;
  const char *then;
  bool with_fd;
};

/* A run.  */
struct stage {
  const struct scene *scene;
  struct outcome *outcome;
  assuan_context_t ctx;
  int in_fd;    /* where the context reads */
  int peer_in;  /* where the peer reads */
  int peer_out; /* and writes */
  int n_command;
  bool waits;
};

/* --- Errors ----------------------------------------------------------------------------------- */

/* What a fault may lead to.  */
static bool
is_fault (gpg_error_t err) {
  switch (gpg_err_code (err)) {
  case GPG_ERR_EOF:
  case GPG_ERR_EIO:
  case GPG_ERR_EPIPE:
  case GPG_ERR_ENOMEM:
  case GPG_ERR_CANCELED: /* released with an inquiry open */
  case GPG_ERR_ECONNRESET:
  case GPG_ERR_ASS_INCOMPLETE_LINE:
    return true;
  default:
    return false;
  }
}

/* Notes a result: as an event, unless it is a fault's.  Returns ERR.  */
static gpg_error_t
note_result (struct stage *s, const char *what, gpg_error_t err) {
  if (is_fault (err))
    s->outcome->n_errors++;
  else
    text_print (&s->outcome->events, "%s: %u\n", what, gpg_err_code (err));
  return err;
}

/* --- The server ------------------------------------------------------------------------------- */

/* Data with octets that need escapes, none of them LF, as events are lines.  */
static void
fill (char *buf, size_t len) {
  for (size_t i = 0; i < len; i++)
    buf[i] = i % 50 == 7 ? '%' : i % 50 == 9 ? '\r' : (char) ('a' + i % 26);
}

static gpg_error_t
finish (assuan_context_t ctx, gpg_error_t err) {
  struct stage *s = assuan_get_pointer (ctx);

  return s->scene->is_external ? assuan_process_done (ctx, err) : err;
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  struct stage *s = assuan_get_pointer (ctx);

  text_print (&s->outcome->events, "ECHO %s\n", line);
  return finish (ctx, assuan_send_data (ctx, line, strlen (line)));
}

/* Sends so many octets, in calls of growing length.  */
static gpg_error_t
cmd_bulk (assuan_context_t ctx, char *line) {
  size_t len = (size_t) atoi (line);
  gpg_error_t err = 0;
  char buf[2000];

  fill (buf, sizeof buf);
  for (size_t part = 1; len && !err; part = part * 3 % sizeof buf) {
    if (part > len) part = len;
    err = assuan_send_data (ctx, buf, part);
    len -= part;
  }
  return finish (ctx, err);
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_write_status (ctx, "PROGRESS", "one 1 3");

  (void) line;
  if (!err) err = assuan_send_data (ctx, "data", 4);
  if (!err) err = assuan_write_status (ctx, "PROGRESS", "two 2 3");
  if (!err) err = assuan_send_data (ctx, NULL, 0);
  if (!err) err = assuan_write_line (ctx, "# raw");
  if (!err) err = assuan_set_okay_line (ctx, "all said");
  return finish (ctx, err);
}

/* The data of an inquiry, or why there are none.  */
static void
note_answer (struct stage *s, gpg_error_t err, const unsigned char *buf, size_t len) {
  note_result (s, "answer", err);
  if (!err) text_print (&s->outcome->events, "data %zu %s\n", len, (const char *) buf);
}

static gpg_error_t
on_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;
  struct stage *s = assuan_get_pointer (ctx);

  note_answer (s, rc, buf, len);
  assuan_free (ctx, buf);
  return assuan_process_done (ctx, rc);
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  struct stage *s = assuan_get_pointer (ctx);
  size_t max = (size_t) atoi (line);
  unsigned char *buf = NULL;
  size_t len = 0;
  gpg_error_t err;

  if (s->scene->is_external) {
    err = assuan_inquire_ext (ctx, "KEY a b", max, on_answer, ctx);
    return err ? assuan_process_done (ctx, err) : 0;
  }
  err = assuan_inquire (ctx, "KEY a b", &buf, &len, max);
  note_answer (s, err, buf, len);
  assuan_free (ctx, buf);
  return err;
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  (void) line;
  return finish (ctx,
                 assuan_set_error (ctx, gpg_err_make (KIT_SOURCE, GPG_ERR_NO_SECKEY), "sorry"));
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  struct stage *s = assuan_get_pointer (ctx);
  assuan_fd_t fd = ASSUAN_INVALID_FD;
  gpg_error_t err = assuan_receivefd (ctx, &fd);

  (void) line;
  note_result (s, "take", err);
  if (!err) close (fd);
  return finish (ctx, 0);
}

/* Sends a descriptor to the client.  */
static gpg_error_t
cmd_give (assuan_context_t ctx, char *line) {
  int fd = kit_any_fd ();
  gpg_error_t err = assuan_sendfd (ctx, fd);

  (void) line;
  close (fd);
  return finish (ctx, gpg_err_code (err) == GPG_ERR_NOT_IMPLEMENTED ? 0 : err);
}

static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  struct stage *s = assuan_get_pointer (ctx);

  text_print (&s->outcome->events, "OPTION %s=%s\n", name, value);
  return strcmp (name, "bad") ? 0 : gpg_err_make (KIT_SOURCE, GPG_ERR_UNKNOWN_OPTION);
}

static gpg_error_t
on_reset (assuan_context_t ctx, char *line) {
  struct stage *s = assuan_get_pointer (ctx);

  text_print (&s->outcome->events, "RESET%s\n", line);
  return 0;
}

static const struct {
  const char *name;
  assuan_handler_t handler;
  const char *help;
} commands[] = {
  { "ECHO", cmd_echo, "ECHO text\n\nSends it back." },
  { "BULK", cmd_bulk, NULL },
  { "STATUS", cmd_status, NULL },
  { "ASK", cmd_ask, "ASK max" },
  { "FAIL", cmd_fail, NULL },
  { "TAKE", cmd_take, NULL },
  { "GIVE", cmd_give, NULL },
  { "INPUT", NULL, NULL },
};

static const struct turn client_turns[] = {
  { "NOP\n", NULL, false },
  { "ECHO hello  world\n", NULL, false },
  { "# not a request\n", NULL, false },
  { "BULK 4000\n", NULL, false },
  { "STATUS\n", NULL, false },
  { "ASK 5000\n", "D abc%25\nD  def\n# wait\nEND\n", false },
  { "ASK 3\n", "D abcd\nD e\nEND\n", false },
  { "ASK 0\n", "CAN\n", false },
  { "ASK 100\n", "D given\nD then not\nCAN\n", false },
  { "ASK 10\n", "D given\nD too much\nEND\n", false },
  { "OPTION name = value\n", NULL, false },
  { "OPTION --bad\n", NULL, false },
  { "OPTION -x\n", NULL, false },
  { "HELP\n", NULL, false },
  { "HELP ECHO\n", NULL, false },
  { "FAIL\n", NULL, false },
  { "WHAT\n", NULL, false },
  { " NOP\n", NULL, false },
  { "TAKE\n", NULL, true },
  { "GIVE\n", NULL, false },
  { "INPUT FD\n", NULL, true },
  { "RESET\n", NULL, false },
  { "ECHO last\n", NULL, false },
  { "BYE\n", NULL, false },
};

/* Makes the context a server.  On failure the descriptors stay ours.  */
static gpg_error_t
init_server (struct stage *s, int in_fd, int out_fd) {
  assuan_fd_t fds[2] = { in_fd, out_fd };
  unsigned int flags = ASSUAN_SOCKET_SERVER_ACCEPTED;
  gpg_error_t err;

  if (s->scene->passes_fds) flags |= ASSUAN_SOCKET_SERVER_FDPASSING;
  if (s->scene->over_pipes)
    err = assuan_init_pipe_server (s->ctx, fds);
  else
    err = assuan_init_socket_server (s->ctx, in_fd, flags);
  if (err) close (in_fd);
  if (err && out_fd != in_fd) close (out_fd);
  return err;
}

static gpg_error_t
register_commands (struct stage *s) {
  gpg_error_t err = assuan_set_hello_line (s->ctx, "first line\nhello");

  for (size_t i = 0; i < N_ELEMENTS (commands) && !err; i++)
    err = assuan_register_command (s->ctx, commands[i].name, commands[i].handler, commands[i].help);
  assuan_set_pointer (s->ctx, s);
  assuan_register_option_handler (s->ctx, on_option);
  assuan_register_reset_notify (s->ctx, on_reset);
  return err;
}

/* One call for each line at the most is a turn or two; this many are a hang.  */
#define MANY_TURNS 1000000

/* Waits as a loop of the program's would.  */
static void
await_input (struct stage *s) {
  struct pollfd p = { .fd = s->in_fd, .events = POLLIN };

  while (poll (&p, 1, -1) < 0)
    ;
}

static gpg_error_t
serve_external (struct stage *s) {
  gpg_error_t err = 0;
  int done = 0;

  for (size_t i = 0; !done && !err; i++) {
    assert_true (i < MANY_TURNS);
    if (s->waits) await_input (s);
    err = assuan_process_next (s->ctx, &done);
  }
  return err;
}

static void
play_server (struct stage *s, int in_fd, int out_fd) {
  gpg_error_t err = init_server (s, in_fd, out_fd);

  if (note_result (s, "init", err)) return;
  err = register_commands (s);
  if (err) {
    note_result (s, "register", err);
    if (!s->scene->over_pipes) close (in_fd); /* ours until it is used */
    return;
  }
  err = note_result (s, "accept", assuan_accept (s->ctx));
  if (err) return;
  note_result (s, "served", s->scene->is_external ? serve_external (s) : assuan_process (s->ctx));
}

/* --- The client ------------------------------------------------------------------------------- */

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct stage *s = arg;

  text_print (&s->outcome->events, "%d data %zu %.*s\n", s->n_command, len, (int) len,
              buf ? (const char *) buf : "end");
  return len == 4 && !memcmp (buf, "fail", 4) ? gpg_err_make (KIT_SOURCE, GPG_ERR_FALSE) : 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct stage *s = arg;

  text_print (&s->outcome->events, "%d status %s\n", s->n_command, text);
  return 0;
}

static gpg_error_t
on_inquire (void *arg, const char *text) {
  struct stage *s = arg;
  char buf[1500];

  text_print (&s->outcome->events, "%d inquire %s\n", s->n_command, text);
  if (!strcmp (text, "NO")) return gpg_err_make (KIT_SOURCE, GPG_ERR_NOT_CONFIRMED);
  fill (buf, sizeof buf);
  return assuan_send_data (s->ctx, buf, sizeof buf);
}

/* A command and the server's part: the reply, or its beginning up to an inquiry, and the rest.  */
static const struct {
  const char *command;
  struct turn turn;
  bool bare; /* asked without callbacks */
} server_turns[] = {
  { "NOP", { "OK\n", NULL, false }, false },
  { "DATA", { "D abc%25def\nD \nEND\nD  ghi \nOK\n", NULL, false }, false },
  { "STATUS", { "S PROGRESS a 1 2\n# comment\nS\nD x\nS B\nOK done\n", NULL, false }, false },
  { "ASK", { "S A\nINQUIRE KEY a b\n", "D thanks\nOK\n", false }, false },
  { "ASK and refuse", { "INQUIRE NO\n", "D not seen\nERR 99 refused\n", false }, false },
  { "ASK without callback", { "INQUIRE KEY\n", "ERR 98 got nothing\n", false }, true },
  { "DATA without callback", { "D x\nS y\nD z\nOK\n", NULL, false }, true },
  { "DATA that fail", { "D fail\nD not seen\nS not seen\nOK\n", NULL, false }, false },
  { "DATA again", { "D seen\nOK\n", NULL, false }, false },
  { "FAIL", { "D part\nERR 33554433 General error <X>\n", NULL, false }, false },
  { "GIVE", { "S here\nOK\n", NULL, true }, false },
  { "# nothing comes back", { "", NULL, false }, false },
  { "LAST", { "D last\nOK\n", NULL, false }, false },
};

static const struct turn greeting = { "# first line\nOK hello\n", NULL, false };

static void
ask (struct stage *s, size_t i) {
  gpg_error_t err;
  char what[40];

  s->n_command = (int) i;
  if (server_turns[i].turn.with_fd && s->scene->passes_fds) {
    int fd = kit_any_fd ();
    note_result (s, "send", assuan_sendfd (s->ctx, fd));
    close (fd);
  }
  if (server_turns[i].bare)
    err = assuan_transact (s->ctx, server_turns[i].command, NULL, NULL, NULL, NULL, NULL, NULL);
  else
    err =
        assuan_transact (s->ctx, server_turns[i].command, on_data, s, on_inquire, s, on_status, s);
  snprintf (what, sizeof what, "%zu result", i);
  note_result (s, what, err);
  if (!err && server_turns[i].turn.with_fd && s->scene->passes_fds) {
    assuan_fd_t fd = ASSUAN_INVALID_FD;
    if (!note_result (s, "receive", assuan_receivefd (s->ctx, &fd))) close (fd);
  }
}

static void
play_client (struct stage *s, int fd) {
  unsigned int flags = s->scene->passes_fds ? ASSUAN_SOCKET_CONNECT_FDPASSING : 0;

  assuan_set_flag (s->ctx, ASSUAN_CONVEY_COMMENTS, 1);
  if (note_result (s, "connect", assuan_socket_connect_fd (s->ctx, fd, flags))) return;
  for (size_t i = 0; i < N_ELEMENTS (server_turns); i++)
    ask (s, i);
}

/* --- The peer --------------------------------------------------------------------------------- */

static void
peer_say (const struct stage *s, const struct turn *turn) {
  if (turn->with_fd && s->scene->passes_fds) {
    int fd = kit_any_fd ();
    fds_send (s->peer_out, turn->say, &fd, 1);
    close (fd);
  } else {
    kit_say (s->peer_out, turn->say);
  }
}

static void
write_beforehand (const struct stage *s, const struct turn *turn) {
  peer_say (s, turn);
  if (turn->then) kit_say (s->peer_out, turn->then);
}

static void *
peer_beforehand (void *arg) {
  struct stage *s = arg;

  kit_init_peer ();
  if (s->scene->is_client) {
    write_beforehand (s, &greeting);
    for (size_t i = 0; i < N_ELEMENTS (server_turns); i++)
      write_beforehand (s, &server_turns[i].turn);
  } else {
    for (size_t i = 0; i < N_ELEMENTS (client_turns); i++)
      write_beforehand (s, &client_turns[i]);
  }
  /* What is written behind this has no reader.  */
  if (s->scene->over_pipes) {
    close (s->peer_out);
    s->peer_out = -1;
  } else {
    shutdown (s->peer_out, SHUT_WR);
  }
  return NULL;
}

/* Reads a line and keeps it.  Descriptors are not looked at: read drops them.  */
static bool
peer_read_line (struct stage *s, char *buf, size_t size) {
  if (!kit_read_line (s->peer_in, buf, size)) return false;
  text_print (&s->outcome->octets, "%s\n", buf);
  return true;
}

static bool
starts_with (const char *line, const char *word) {
  return !strncmp (line, word, strlen (word));
}

/* A raw client reads a reply and answers the inquiries in it.  */
static bool
await_reply (struct stage *s, const char *then) {
  char line[ASSUAN_LINELENGTH];

  while (peer_read_line (s, line, sizeof line)) {
    if (starts_with (line, "OK") || starts_with (line, "ERR")) return true;
    if (starts_with (line, "INQUIRE")) kit_say (s->peer_out, then ? then : "CAN\n");
  }
  return false;
}

/* A raw server finds the reply to a command; BYE has none.  */
static const struct turn *
find_turn (const char *line) {
  for (size_t i = 0; i < N_ELEMENTS (server_turns); i++)
    if (!strcmp (line, server_turns[i].command)) return &server_turns[i].turn;
  return NULL;
}

static void
serve_turns (struct stage *s) {
  const struct turn *turn = &greeting;
  char line[ASSUAN_LINELENGTH];

  peer_say (s, turn);
  while (peer_read_line (s, line, sizeof line)) {
    if (turn && turn->then && (!strcmp (line, "END") || !strcmp (line, "CAN"))) {
      kit_say (s->peer_out, turn->then);
      turn = NULL;
    } else if (!starts_with (line, "D ")) {
      turn = find_turn (line);
      if (turn) peer_say (s, turn);
    }
  }
}

static void *
peer_in_turn (void *arg) {
  struct stage *s = arg;
  bool goes_on;

  kit_init_peer ();
  goes_on = s->scene->is_client || await_reply (s, NULL);
  for (size_t i = 0; i < N_ELEMENTS (client_turns) && goes_on && !s->scene->is_client; i++) {
    peer_say (s, &client_turns[i]);
    if (client_turns[i].say[0] != '#') goes_on = await_reply (s, client_turns[i].then);
  }
  if (s->scene->is_client) serve_turns (s);
  kit_read_all (s->peer_in, &s->outcome->octets);
  return NULL;
}

/* Reads on so that there is always room for what the context says.  */
static void *
peer_reads (void *arg) {
  struct stage *s = arg;

  s->outcome->n_fds = kit_read_all (s->peer_in, &s->outcome->octets);
  return NULL;
}

/* --- Playing ---------------------------------------------------------------------------------- */

/* Makes the connection: RET_IN and RET_OUT for the context.  */
static void
connect_peer (struct stage *s, int *ret_in, int *ret_out) {
  int fds[2], more[2];

  if (!s->scene->over_pipes) {
    fds_socketpair (fds, 0);
    *ret_in = *ret_out = fds[0];
    s->peer_in = s->peer_out = fds[1];
    return;
  }
  fds_pipe (fds, 0);
  fds_pipe (more, 0);
  *ret_in = fds[0];
  s->peer_out = fds[1];
  s->peer_in = more[0];
  *ret_out = more[1];
}

static void
play_context (struct stage *s, assuan_system_hooks_t sys, int in_fd, int out_fd) {
  s->in_fd = in_fd;
  s->ctx = kit_context ();
  if (!s->ctx) {
    s->outcome->n_errors++;
    close (in_fd);
    if (out_fd != in_fd) close (out_fd);
    return;
  }
  if (sys) assuan_ctx_set_system_hooks (s->ctx, sys);
  if (s->scene->is_client)
    play_client (s, in_fd);
  else
    play_server (s, in_fd, out_fd);
  assuan_release (s->ctx);
}

/* A descriptor's number, which a comment tells the peer, may be another in each run.  */
static void
blank_fd_numbers (struct text *t) {
  static const char comment[] = "# descriptor ";

  for (char *p = t->data; p && (p = strstr (p, comment));)
    for (p += strlen (comment); *p >= '0' && *p <= '9'; p++)
      *p = 'N';
}

void
scene_play (const struct scene *scene, assuan_system_hooks_t sys, bool waits, struct outcome *ret) {
  struct stage s = { .scene = scene, .outcome = ret, .waits = waits };
  size_t n_fds = fds_count ();
  pthread_t thread;
  int in_fd, out_fd;

  *ret = (struct outcome) { 0 };
  connect_peer (&s, &in_fd, &out_fd);
  /* The peer's calls are made in other threads, as those of this one are disturbed.  */
  if (!waits) {
    assert_int_equal (pthread_create (&thread, NULL, peer_beforehand, &s), 0);
    pthread_join (thread, NULL);
  }
  assert_int_equal (pthread_create (&thread, NULL, waits ? peer_in_turn : peer_reads, &s), 0);
  play_context (&s, sys, in_fd, out_fd);
  pthread_join (thread, NULL);
  blank_fd_numbers (&ret->octets);
  if (s.peer_out >= 0 && s.peer_out != s.peer_in) close (s.peer_out);
  close (s.peer_in);
  assert_int_equal (kit_memory.n_live, 0);
  assert_int_equal (fds_count (), n_fds);
}

void
outcome_free (struct outcome *o) {
  text_free (&o->events);
  text_free (&o->octets);
}

/* --- Comparing -------------------------------------------------------------------------------- */

static void
fail_comparison (const char *what, const char *which, const struct text *got,
                 const struct text *reference) {
  fprintf (stderr, "%s: %s\n--- expected\n%s\n--- got\n%s\n---\n", what, which,
           reference->data ? reference->data : "", got->data ? got->data : "");
  fail ();
}

void
outcome_check_same (const struct outcome *got, const struct outcome *reference, const char *what) {
  if (!text_is (&got->events, &reference->events))
    fail_comparison (what, "events", &got->events, &reference->events);
  if (!text_is (&got->octets, &reference->octets))
    fail_comparison (what, "octets", &got->octets, &reference->octets);
  assert_int_equal (got->n_fds, reference->n_fds);
  assert_int_equal (got->n_errors, 0);
}

/* A line that only an error brings: the reply or the answer that tells of it.  */
static bool
tells_of_error (const char *line, size_t len) {
  return (len == 3 && !memcmp (line, "CAN", 3))
         || (len > 4 && !memcmp (line, "ERR ", 4) && is_fault ((gpg_error_t) atol (line + 4)));
}

/* A line of what came.  */
struct line {
  const char *start;
  size_t len;
  bool ended; /* else it may be the beginning of a longer one */
};

static struct line
line_at (const struct text *text, size_t at) {
  const char *start = text->data + at;
  const char *lf = memchr (start, '\n', text->len - at);

  return (struct line) { start, lf ? (size_t) (lf - start) : text->len - at, lf != NULL };
}

/* Returns true if LINE is EXPECTED, or stands for it: the text that explains an ERR is dropped
   when there is no memory for it.  */
static bool
is_line (const struct line *line, const struct line *expected) {
  size_t len = line->len;

  if (expected->len < len || memcmp (line->start, expected->start, len)) return false;
  if (expected->len == len || !line->ended) return true;
  return !memcmp (line->start, "ERR ", 4) && !memcmp (expected->start + len, " - ", 3);
}

/* Returns where LINE, found in TEXT from AT on, ends there; or -1.  */
static long
find_line (const struct text *text, size_t at, const struct line *line) {
  while (at < text->len) {
    struct line candidate = line_at (text, at);
    at += candidate.len + 1;
    if (is_line (line, &candidate)) return (long) at;
  }
  return -1;
}

static void
check_clean (const struct text *got, const struct text *reference, const char *what,
             const char *which) {
  size_t at = 0, reference_at = 0;

  while (at < got->len) {
    struct line line = line_at (got, at);
    long found;
    at += line.len + 1;
    if (tells_of_error (line.start, line.len)) continue;
    found = find_line (reference, reference_at, &line);
    if (found < 0) fail_comparison (what, which, got, reference);
    reference_at = (size_t) found;
  }
}

void
outcome_check_clean (const struct outcome *got, const struct outcome *reference, const char *what) {
  check_clean (&got->events, &reference->events, what, "events");
  check_clean (&got->octets, &reference->octets, what, "octets");
  assert_true (got->n_fds <= reference->n_fds);
}
