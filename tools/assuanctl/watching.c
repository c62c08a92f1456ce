/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watching.c - standing between clients and a server.  */

#include "watching.h"
#include "dial.h"
#include "dialing.h"
#include "errname.h"
#include "message.h"
#include "mount.h"
#include "place.h"
#include "program.h"
#include "settings.h"
#include "signals.h"
#include "spectator.h"
#include "stream.h"
#include "tap.h"
#include "telling.h"
#include "terminal.h"
#include "text.h"
#include "tunnel.h"
#include "wait.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <gpg-error.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long connections may last when the program that was run has ended.  */
#define LINGER_MS 1000u

/* How long a server that was started may take to end by itself when its client has left.  */
#define LEAVE_MS 1000u

enum option { OPT_WRITE, OPT_LISTEN, OPT_STDIO };

static struct {
  const char *file, *listen;
  bool is_stdio;
} config;

/* A client and its way to the server.  */
struct way {
  struct way *next;
  struct tap *tap;
  struct spectator *spectator;
  struct dialing *dialing; /* while the server is not connected */
  struct dial server;
  struct tap_end client;
  pid_t pid; /* of the client */
};

static struct {
  const struct sink *sink;
  FILE *out;
  struct address address; /* of the server */
  struct way *ways;
  struct tap_end stdio; /* the client of --stdio */
  bool is_over;         /* nothing is left to watch */
  bool is_ended;        /* the program has ended */
  bool has_lost_tunnel;
  pid_t program;
} state;

/* --- Options ---------------------------------------------------------------------------------- */

enum status
watching_set (size_t index, const char *value) {
  switch ((enum option) index) {
  case OPT_WRITE:
    config.file = value;
    break;
  case OPT_LISTEN:
    config.listen = value;
    break;
  case OPT_STDIO:
    config.is_stdio = true;
    break;
  }
  return STATUS_OK;
}

/* --- Connections ------------------------------------------------------------------------------ */

static void
on_line (void *arg, bool is_from_server, const char *line, size_t len, bool is_cut) {
  struct way *way = arg;

  spectator_line (way->spectator, is_from_server, line, len, is_cut);
}

static void
on_lines_end (void *arg) {
  struct way *way = arg;

  spectator_flush (way->spectator);
}

static void
free_way (struct way *way, const char *reason) {
  struct way **at = &state.ways;

  while (*at && *at != way)
    at = &(*at)->next;
  if (*at) *at = way->next;
  tap_free (way->tap);
  spectator_free (way->spectator, reason);
  dialing_free (way->dialing);
  close (way->client.in_fd);
  if (way->client.out_fd != way->client.in_fd) close (way->client.out_fd);
  if (way->server.fd >= 0) close (way->server.fd);
  if (way->server.pid) worker_leave_child (way->server.pid, LEAVE_MS);
  free (way);
  if (!state.ways && (state.is_ended || config.is_stdio)) state.is_over = true;
}

static void
on_over (void *arg, const char *reason) {
  free_way (arg, reason);
}

static struct way *
new_way (struct tap_end client, pid_t pid) {
  struct way *way = text_alloc (sizeof *way);

  *way = (struct way) { .next = state.ways, .client = client, .server = { .fd = -1 }, .pid = pid };
  state.ways = way;
  return way;
}

/* WAY owns SERVER from here on.  */
static void
start_way (struct way *way, struct dial server) {
  static unsigned long n;
  struct tap_config tap = { .client = way->client,
                            .server = { server.fd, server.fd },
                            .line = on_line,
                            .lines_end = on_lines_end,
                            .over = on_over,
                            .arg = way };

  way->server = server;
  way->spectator = spectator_new (state.sink, state.out, ++n, way->pid);
  way->tap = tap_new (wait_loop (), &tap);
  if (way->tap) return;
  message_note ("cannot watch a connection: %s", strerror (errno));
  free_way (way, "local");
}

/* Without a server, a client is told so in place of the greeting.  */
static void
refuse (int fd) {
  gpg_error_t err = gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_ASS_CONNECT_FAILED);
  char *text = errname_describe (err), *line = text_format ("ERR %u %s\n", err, text);

  if (send (fd, line, strlen (line), MSG_NOSIGNAL) < 0 && errno == ENOTSOCK
      && write (fd, line, strlen (line)) < 0) {}
  free (line);
  free (text);
}

static void
on_dialed (void *arg, int fd) {
  struct way *way = arg;

  way->dialing = NULL;
  if (fd >= 0) {
    start_way (way, (struct dial) { .fd = fd });
    return;
  }
  message_note ("%s: cannot connect: %s", state.address.text, strerror (errno));
  refuse (way->client.out_fd);
  free_way (way, "server");
}

/* Other clients go on meanwhile, so nothing here waits for the server.  */
static void
connect_way (struct way *way) {
  struct dial server = { .fd = -1 };

  if (state.address.kind != ADDRESS_EXEC) {
    int fd = dialing_begin (&state.address, on_dialed, way, &way->dialing);
    if (!way->dialing) on_dialed (way, fd);
  } else if (dial_open (&state.address, 0, &server)) {
    refuse (way->client.out_fd);
    free_way (way, "server");
  } else {
    start_way (way, server);
  }
}

/* A client comes to the socket of ours.  */
static void
on_client (void *arg, int fd, pid_t pid) {
  (void) arg;
  connect_way (new_way ((struct tap_end) { fd, fd }, pid));
}

/* --- Where it is shown ------------------------------------------------------------------------ */

static enum status
open_file (void) {
  int flags =
      O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (state.sink->appends ? O_APPEND : O_TRUNC);
  int fd = open (config.file, flags, 0600);

  if (fd >= 0) state.out = fdopen (fd, "a");
  if (state.out) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "%s: %s", config.file, strerror (errno));
}

static enum status
open_out (void) {
  if (config.file && strcmp (config.file, "-") != 0) return open_file ();
  if (state.sink->is_binary && config.is_stdio)
    return message_fail (STATUS_USAGE, "with --stdio, name a file: --write=FILE");
  if (state.sink->is_binary && terminal_is (stdout))
    return message_fail (STATUS_USAGE, "a capture is not for a terminal; pipe it, or --write=FILE");
  state.out = config.is_stdio ? stderr : stdout;
  return STATUS_OK;
}

static enum status
close_out (void) {
  bool is_bad;

  if (!state.out) return STATUS_OK;
  is_bad = fflush (state.out) || ferror (state.out);
  if (state.out != stdout && state.out != stderr && fclose (state.out)) is_bad = true;
  if (!is_bad) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot write %s: %s",
                       config.file ? config.file : "the output", strerror (errno));
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* SIGTERM or SIGHUP ends the program, and with it this one.  */
static void
on_signal (int sig) {
  if (state.program > 0)
    kill (state.program, sig);
  else
    state.is_over = true;
}

/* Unlike a peer, a reader of stdout that leaves ends this process.  */
static enum status
watch_signals (void) {
  enum status status = signals_watch (on_signal);

  signal (SIGPIPE, SIG_DFL);
  return status;
}

/* Waits for the program.  Ctrl-C is meant for the program: it ends, or goes on, as it would without
   us.  */
static enum status
wait_for_program (void) {
  enum status status;

  while ((status = wait_until (&state.is_over)) == STATUS_INTERRUPTED)
    wait_forget_interrupt ();
  return status;
}

static void
on_linger (void *arg) {
  (void) arg;
  state.is_over = true;
}

static void
on_program_end (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  state.is_ended = true;
  if (!state.ways) state.is_over = true;
}

/* --- A program of ours ------------------------------------------------------------------------ */

/* What the program returned, as a shell tells it.  */
static enum status
reap (void) {
  int status = program_wait (state.program);

  if (status < 0) return STATUS_LOCAL;
  return (enum status) (WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status));
}

/* Waits until the program has ended, and what it said was shown.  */
static enum status
watch_program (void) {
  int fd = (int) syscall (SYS_pidfd_open, state.program, 0);
  eva_source *ends =
      fd >= 0 ? eva_loop_add_fd (wait_loop (), fd, EVA_READABLE, on_program_end, NULL) : NULL;
  eva_source *linger = NULL;
  enum status status = STATUS_OK, ended;

  if (!ends) status = message_fail (STATUS_LOCAL, "cannot watch a process: %s", strerror (errno));
  if (!status) status = watch_signals ();
  while (!status && !state.is_ended && !state.is_over) {
    status = wait_until (&state.is_ended);
    if (status != STATUS_INTERRUPTED) continue;
    wait_forget_interrupt ();
    status = STATUS_OK;
  }
  eva_source_free (ends);
  if (fd >= 0) close (fd);
  if (!status && !state.is_over) {
    linger = eva_loop_add_timer (wait_loop (), LINGER_MS, on_linger, NULL);
    status = wait_for_program ();
    eva_source_free (linger);
  }
  if (status) kill (state.program, SIGTERM);
  ended = reap ();
  return status ? status : ended;
}

/* The server may have to be started, and has to be there.  */
static enum status
meet_server (void) {
  struct dial server;
  enum status status = dial_open (&state.address, 0, &server);

  if (!status) dial_close (&server);
  return status;
}

/* What the program prints goes to stderr if a capture goes to stdout.  */
static enum status
run_program (const struct arguments *arguments) {
  int out_fd = state.sink->is_binary && state.out == stdout ? STDERR_FILENO : STDOUT_FILENO;
  char *theirs = NULL;
  struct place *place = NULL;
  enum status status = meet_server ();

  if (!status) status = place_of_server (&state.address, &theirs);
  if (!status) status = place_new_private (on_client, NULL, &place);
  if (!status)
    status = mount_run (place_get_path (place), theirs, arguments->rest, out_fd, &state.program);
  /* The mount keeps the socket; so no file is left, however this process ends.  */
  if (!status) place_hide (place);
  if (!status) status = watch_program ();
  signals_unwatch ();
  place_free (place);
  free (theirs);
  return status;
}

/* --- A socket of ours ------------------------------------------------------------------------- */

/* An object has no place in a capture.  */
static void
tell_listen (const struct address *address, const struct place *place) {
  if (settings.is_json && !(state.sink->is_binary && state.out == stdout))
    telling_listen (address, place_get_address (place));
  else
    message_note ("listening on %s", address->text);
}

static enum status
run_listening (void) {
  struct address listen;
  struct place *place = NULL;
  enum status status = address_parse (config.listen, true, &listen);

  if (status) return status;
  status = place_new (&listen, on_client, NULL, &place);
  if (!status) status = watch_signals ();
  if (!status) tell_listen (&listen, place);
  if (!status) status = wait_until (&state.is_over);
  signals_unwatch ();
  place_free (place);
  address_deinit (&listen);
  return status;
}

/* --- A server that is started ----------------------------------------------------------------- */

/* Our signals are meant for the server: gpg-agent sends SIGINT to a pinentry that is to give
   up.  */
static enum status
wait_for_server (void) {
  pid_t pid = state.ways ? state.ways->server.pid : 0;
  enum status status;

  while ((status = wait_until (&state.is_over)) == STATUS_INTERRUPTED) {
    wait_forget_interrupt ();
    if (pid > 0) kill (pid, SIGINT);
  }
  return status;
}

static enum status
take_stdio (void) {
  if (stream_take_stdio (&state.stdio.in_fd, &state.stdio.out_fd)) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot serve on stdin and stdout: %s", strerror (errno));
}

static enum status
run_stdio (void) {
  struct way *way = new_way (state.stdio, getppid ());
  struct dial server;
  enum status status = dial_open (&state.address, 0, &server);

  if (status) {
    refuse (way->client.out_fd);
    free_way (way, "server");
    return status;
  }
  status = signals_watch (on_signal);
  start_way (way, server);
  if (!status) status = wait_for_server ();
  signals_unwatch ();
  return status;
}

/* --- The interface ---------------------------------------------------------------------------- */

static enum status
check_usage (const struct arguments *a) {
  size_t n_wanted = config.is_stdio ? 0 : 1;

  if (config.is_stdio && config.listen)
    return message_fail (STATUS_USAGE, "either --stdio or --listen");
  if (a->n_words != n_wanted)
    return message_fail (STATUS_USAGE, config.is_stdio
                                           ? "with --stdio, the server stands behind --"
                                           : "which server? a name as agent, or a path");
  if (config.listen ? a->n_rest > 0 : !a->n_rest)
    return message_fail (
        STATUS_USAGE,
        "give one of: ADDRESS -- PROGRAM, ADDRESS --listen=ADDRESS, --stdio -- SERVER");
  return STATUS_OK;
}

static void
on_tunnel_lost (void) {
  state.is_over = state.has_lost_tunnel = true;
}

static enum status
take_address (const struct arguments *arguments) {
  enum status status;

  if (config.is_stdio) {
    char **words;
    size_t n;
    status = address_take (arguments, &state.address, &words, &n);
    if (!status) free (words);
    return status;
  }
  status = address_parse (arguments->words[0], false, &state.address);
  if (!status) status = address_resolve (&state.address);
  return status ? status : tunnel_open (&state.address, on_tunnel_lost);
}

static enum status
run (const struct arguments *arguments) {
  enum status status = open_out ();

  if (status) return status;
  if (state.sink->begin)
    state.sink->begin (state.out, state.address.argv ? state.address.text : state.address.eva);
  fflush (state.out);
  if (config.is_stdio) return run_stdio ();
  return config.listen ? run_listening () : run_program (arguments);
}

enum status
watching_run (const struct arguments *arguments, const struct sink *sink) {
  enum status status = check_usage (arguments), closed;

  state.sink = sink;
  if (!status && config.is_stdio) status = take_stdio ();
  if (!status) status = take_address (arguments);
  if (!status) status = run (arguments);
  while (state.ways)
    free_way (state.ways, "end");
  worker_await_all ();
  if (!status && state.has_lost_tunnel) status = STATUS_CONNECTION;
  closed = close_out ();
  address_deinit (&state.address);
  return status ? status : closed;
}
