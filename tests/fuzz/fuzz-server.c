/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-server.c - an eva_server with two connections and a clock.

     input = *(step argument [octets])

   A step lets one of two clients send octets or a known line, read, shut down, close or come back;
   lets time go by or the loop turn; or lets the server finish what it had deferred, close, drain.
   Whatever happens, the service is told of each connection's end once, and of each command's, each
   deferred command ends once, a monitor sees nothing of a secret one, what clients read is lines of
   the protocol, and no descriptor stays.  */

#include "eva.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "fake-clock.h"
#include "fake-loop.h"

#define N_CLIENTS 2

/* A connection, seen from the service; it outlives the context until its job is done.  */
struct session {
  assuan_context_t ctx; /* NULL: there is none */
  bool deferred;        /* a job waits for its end */
  const char *command;  /* that before let pass and after has not told; or NULL */
};

struct client {
  int fd;    /* -1: not connected */
  bool shut; /* it has shut down its sending side */
  char line[1003];
  size_t len;
  size_t n_lines; /* that were read */
};

static struct session sessions[N_CLIENTS];
static struct client clients[N_CLIENTS];
static int who; /* the client that a step concerns */
static int n_open, n_jobs;
static eva_server *server;
static eva_loop *loop;
static int null_fd;

/* --- The service ------------------------------------------------------------------------------ */

static struct session *
session_of (assuan_context_t ctx) {
  return assuan_get_pointer (ctx);
}

/* Of a line of the secret command a monitor sees the name alone.  */
static unsigned int
watch (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  static const char shown[] = "[confidential]";
  size_t start = 0;

  (void) ctx;
  (void) arg;
  while (start < len && (line[start] == ' ' || line[start] == '\t' || !line[start]))
    start++;
  if (direction != ASSUAN_IO_FROM_PEER || len - start < 4) return 0;
  if (strncasecmp (line + start, "PASS", 4) != 0) return 0;
  start += 4;
  if (start == len || (line[start] != ' ' && line[start] != '\t' && line[start])) return 0;
  CHECK (len - start == sizeof shown && !memcmp (line + start + 1, shown, sizeof shown - 1));
  return 0;
}

static gpg_error_t
on_open (assuan_context_t ctx) {
  CHECK (!sessions[who].ctx);
  sessions[who] = (struct session) { .ctx = ctx };
  assuan_set_pointer (ctx, &sessions[who]);
  assuan_set_io_monitor (ctx, watch, NULL);
  n_open++;
  return 0;
}

static void
on_close (assuan_context_t ctx, gpg_error_t reason) {
  CHECK (session_of (ctx)->ctx == ctx);
  CHECK (!session_of (ctx)->deferred);
  CHECK (!session_of (ctx)->command);
  CHECK (reason);
  session_of (ctx)->ctx = NULL;
  n_open--;
}

static gpg_error_t
on_before (assuan_context_t ctx, const char *name) {
  CHECK (!session_of (ctx)->command);
  session_of (ctx)->command = name;
  return 0;
}

static void
on_after (assuan_context_t ctx, const char *name, gpg_error_t result) {
  (void) result;
  CHECK (session_of (ctx)->ctx == ctx && session_of (ctx)->command == name);
  session_of (ctx)->command = NULL;
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct session *session = arg;

  CHECK (session->ctx == ctx && session->deferred && reason);
  session->deferred = false;
  n_jobs--;
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  (void) line;
  session_of (ctx)->deferred = true;
  n_jobs++;
  CHECK (!eva_set_cancel (ctx, on_cancel, session_of (ctx)));
  return eva_defer (ctx);
}

static gpg_error_t
on_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;
  gpg_error_t err = rc;

  n_jobs--;
  CHECK (!buf == !!rc);
  if (!err) err = assuan_send_data (ctx, buf, len);
  if (!rc) assuan_free (ctx, buf);
  return err;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_inquire_ext (ctx, "WHAT", *line ? 100 : 0, on_answer, ctx);

  if (!err) n_jobs++;
  return err;
}

/* Much more than a limit allows, or little.  */
static gpg_error_t
cmd_big (assuan_context_t ctx, char *line) {
  static const char data[5000];
  gpg_error_t err = 0;

  for (int n = *line ? 100 : 3; n && !err; n--)
    err = assuan_send_data (ctx, data, sizeof data);
  return err;
}

static gpg_error_t
cmd_pump (assuan_context_t ctx, char *line) {
  struct eva_pump_config in = { .from_fd = null_fd, .to_fd = EVA_PUMP_CONNECTION };
  struct eva_pump_config out = {
    .from_fd = EVA_PUMP_CONNECTION, .to_fd = null_fd, .inquiry = "DATA", .progress_what = "pump"
  };

  return eva_pump (ctx, *line ? &out : &in);
}

static gpg_error_t
cmd_gone (assuan_context_t ctx, char *line) {
  if (*line)
    eva_close (ctx);
  else
    assuan_release (ctx);
  return 0;
}

/* The line is as described: the first argument is a number.  */
static gpg_error_t
cmd_pass (assuan_context_t ctx, char *line) {
  const char *word = eva_word_skip_options (line);
  uint64_t number;

  CHECK (!eva_word_number (word, 1, 99, &number));
  return assuan_send_data (ctx, word, strlen (word));
}

static const struct eva_parameter parameters[] = {
  { .name = "--old", .type = EVA_WORD },
  { .name = "--force" },
  { .name = "--id", .type = EVA_HEX, .min = 1, .max = 3 },
  { .name = "n", .type = EVA_NUMBER, .min = 1, .max = 99 },
  { .name = "text", .type = EVA_REST, .is_optional = true },
};

static const struct eva_command commands[] = {
  { .name = "PASS",
    .handler = cmd_pass,
    .flags = EVA_COMMAND_SECRET | EVA_COMMAND_CHECKED,
    .parameters = parameters,
    .n_parameters = sizeof parameters / sizeof *parameters },
  { .name = "ECHO", .handler = cmd_echo },
  { .name = "WAIT", .handler = cmd_wait },
  { .name = "ASK", .handler = cmd_ask },
  { .name = "BIG", .handler = cmd_big },
  { .name = "PUMP", .handler = cmd_pump },
  { .name = "GONE", .handler = cmd_gone },
  { .name = "INPUT" },
  { .name = "OUTPUT" },
};

static const struct eva_parameter options[] = {
  { .name = "a", .type = EVA_WORD },
  { .name = "n", .type = EVA_NUMBER, .max = 10 },
  { .name = "on" },
  { .name = "text", .type = EVA_REST },
};

/* The value is as described.  */
static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  uint64_t number;

  (void) ctx;
  if (!strcmp (name, "n")) CHECK (!eva_word_number (value, 0, 10, &number));
  CHECK (!*value == !strcmp (name, "on"));
  return 0;
}

static const struct eva_service service = {
  .option = on_option,
  .options = options,
  .n_options = sizeof options / sizeof *options,
  .commands = commands,
  .n_commands = sizeof commands / sizeof *commands,
  .open = on_open,
  .close = on_close,
  .before = on_before,
  .after = on_after,
};

static const struct eva_server_limits limits = {
  .connection = { .high_water_len = 20000,
                  .max_queued_len = 100000,
                  .max_inquiry_len = 3000,
                  .max_pending_fds = 3,
                  .line_timeout_ms = 1000,
                  .idle_timeout_ms = 5000,
                  .command_timeout_ms = 2000,
                  .inquiry_timeout_ms = 3000,
                  .close_timeout_ms = 500 },
  .max_held_len = 300000,
  .max_held_per_uid_len = 250000,
  .max_passed_fds = 7,
  .max_passed_fds_per_uid = 5,
};

/* --- The clients ------------------------------------------------------------------------------ */

static void
come (void) {
  int fds[2];

  if (clients[who].fd >= 0 || sessions[who].ctx) return;
  CHECK (!socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
  if (eva_server_adopt (server, fds[1], EVA_LISTEN_FDPASSING, NULL)) {
    close (fds[0]);
    close (fds[1]);
    return;
  }
  clients[who] = (struct client) { .fd = fds[0] };
}

static void
leave (void) {
  if (clients[who].fd >= 0) close (clients[who].fd);
  clients[who].fd = -1;
}

static void
check_line (struct client *c) {
  static const char *const words[] = { "OK", "ERR ", "S ", "D ", "#", "INQUIRE ", "END" };
  bool known = false;

  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (c->len >= strlen (words[i]) && !memcmp (c->line, words[i], strlen (words[i]))) known = true;
  CHECK (known);
  if (!c->n_lines++) CHECK (c->line[0] == 'O' || c->line[0] == 'E');
}

static void
receive (size_t len) {
  struct client *c = &clients[who];
  char buf[4096];
  ssize_t n = c->fd < 0 ? 0 : recv (c->fd, buf, len < sizeof buf ? len : sizeof buf, 0);

  for (ssize_t i = 0; i < n; i++)
    if (buf[i] == '\n') {
      check_line (c);
      c->len = 0;
    } else {
      CHECK (c->len < 1000);
      c->line[c->len++] = buf[i];
    }
}

static void
say (const void *octets, size_t len) {
  if (clients[who].fd >= 0 && !clients[who].shut)
    (void) !send (clients[who].fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
say_known (unsigned int which) {
  static const char *const lines[] = {
    "NOP\n",        "ECHO a%20b\n",
    "WAIT\n",       "ASK\n",
    "ASK 1\n",      "D abc\nEND\n",
    "END\n",        "CAN\n",
    "BIG\n",        "BIG 1\n",
    "PUMP\n",       "PUMP 1\n",
    "D 1%\nD 2\n",  "BYE\n",
    "GONE\n",       "GONE 1\n",
    "RESET\n",      "INPUT FD\n",
    "HELP\n",       "OPTION --a = b\r\n",
    " x\n",         "NOP\nWAIT\nNOP\nBYE\n",
    "PASS 5 a b\n", " pass x\n",
    "OPTION n 5\n", "HELP OPTION\n",
    "HELP pass\n",  "pass --old=x --force --id=0aff 99\n",
  };
  const char *line = lines[which % (sizeof lines / sizeof *lines)];

  say (line, strlen (line));
}

static void
pass_fd (void) {
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (sizeof (int))];
  } control = { .octets = { 0 } };
  char octet = '\n';
  struct iovec iov = { .iov_base = &octet, .iov_len = 1 };
  struct msghdr msg = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };

  control.align.cmsg_level = SOL_SOCKET;
  control.align.cmsg_type = SCM_RIGHTS;
  control.align.cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (&control.align), &null_fd, sizeof null_fd);
  if (clients[who].fd >= 0 && !clients[who].shut)
    (void) !sendmsg (clients[who].fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- The script ------------------------------------------------------------------------------- */

/* The server goes on with what it had deferred.  */
static void
work (unsigned int how) {
  struct session *session = &sessions[who];

  if (!session->ctx || !session->deferred) return;
  assuan_write_status (session->ctx, "PROGRESS", "wait ? 1 2");
  if (how & 1) return;
  session->deferred = false;
  n_jobs--;
  assuan_process_done (session->ctx, how & 2 ? gpg_error (GPG_ERR_GENERAL) : 0);
}

static void
turn (unsigned int n) {
  for (n = n % 4 + 1; n; n--)
    fake_loop_turn ();
}

static void
end_session (unsigned int how) {
  struct session *session = &sessions[who];

  if (!session->ctx) return;
  if (how % 3 == 0)
    eva_close (session->ctx);
  else if (how % 3 == 1)
    assuan_set_flag (session->ctx, ASSUAN_FORCE_CLOSE, 1);
  else
    assuan_release (session->ctx);
}

/* One step.  Returns how many octets of DATA it used.  */
static size_t
step (unsigned int what, unsigned int arg, const uint8_t *data, size_t len) {
  size_t n = arg < len ? arg : len;

  who = what & 1;
  switch (what >> 1 & 15) {
  case 0:
  case 1:
    say (data, n);
    return n;
  case 2:
  case 3:
  case 4:
    say_known (arg);
    break;
  case 5:
    receive (arg * 16 + 1);
    break;
  case 6:
    fake_clock_advance ((uint64_t) (arg * arg / 4) * 1000000u);
    break;
  case 7:
  case 8:
    turn (arg);
    break;
  case 9:
    if (clients[who].fd >= 0) clients[who].shut = !shutdown (clients[who].fd, SHUT_WR);
    break;
  case 10:
    leave ();
    break;
  case 11:
    come ();
    break;
  case 12:
    work (arg);
    break;
  case 13:
    end_session (arg);
    break;
  case 14:
    pass_fd ();
    break;
  default:
    if (arg == 0) eva_server_drain (server, 1000, NULL, NULL);
    turn (3);
    break;
  }
  return 0;
}

/* The lowest number that is free.  */
static int
free_fd (void) {
  int fd = fcntl (null_fd, F_DUPFD_CLOEXEC, 0);

  close (fd);
  return fd;
}

static void
begin (void) {
  loop = fake_loop_new (NULL);
  CHECK (loop && !eva_server_new (loop, &service, NULL, &server));
  CHECK (!eva_server_set_limits (server, &limits));
  for (who = 0; who < N_CLIENTS; who++) {
    clients[who].fd = -1;
    come ();
  }
}

/* Descriptors that were passed are counted as long as they are there.  */
static void
check_passed (void) {
  struct eva_stats stats;

  eva_server_get_stats (server, &stats);
  CHECK (stats.n_passed_fds <= limits.max_passed_fds);
  CHECK (stats.n_connections || !stats.n_passed_fds);
}

static void
end (void) {
  for (who = 0; who < N_CLIENTS; who++) {
    receive (SIZE_MAX);
    leave ();
  }
  turn (3);
  check_passed ();
  eva_server_free (server);
  eva_loop_free (loop);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  int fd;

  if (!null_fd) null_fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  fd = free_fd ();
  begin ();
  for (size_t i = 0; i + 1 < len;) {
    unsigned int what = data[i], arg = data[i + 1];
    i += 2;
    i += step (what, arg, data + i, len - i);
    check_passed ();
  }
  end ();
  CHECK (!n_open && !n_jobs);
  CHECK (free_fd () == fd);
  return 0;
}
