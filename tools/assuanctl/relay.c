/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* relay.c - `assuanctl relay`: passes on what clients say to a server, and not all of it.  */

#include "address.h"
#include "admission.h"
#include "dial.h"
#include "dialing.h"
#include "filter.h"
#include "json.h"
#include "link.h"
#include "listening.h"
#include "message.h"
#include "options.h"
#include "program.h"
#include "secret.h"
#include "settings.h"
#include "signals.h"
#include "stream.h"
#include "telling.h"
#include "text.h"
#include "tunnel.h"
#include "wait.h"
#include "worker.h"

#include <errno.h>
#include <eva.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_GRACE_MS 5000u

enum option {
  OPT_ALLOW,
  OPT_DENY,
  OPT_ALLOW_OPTION,
  OPT_ADMISSION,
  OPT_MAX_CLIENTS = OPT_ADMISSION + ADMISSION_N_OPTIONS,
  OPT_MAX_CLIENTS_PER_UID,
  OPT_NO_FDS,
  OPT_LOG,
  OPT_GRACE,
};

static const struct option_spec options[] = {
  { "allow", 0, "PATTERN", "pass only requests that begin so" },
  { "deny", 0, "PATTERN", "pass no requests that begin so" },
  { "allow-option", 0, "NAME", "pass this OPTION; *: any" },
  ADMISSION_OPTIONS,
  { "max-clients", 0, "N", "let at most N clients in at a time" },
  { "max-clients-per-uid", 0, "N", "the same for each user" },
  { "no-fds", 0, NULL, "pass no descriptors" },
  { "log", 0, NULL, "tell who comes and leaves, and what is refused" },
  { "grace", 0, "TIME", "wait for replies at the end (5s)" },
};

static struct {
  struct filter filter;
  struct admission admission;
  unsigned long max_clients, max_clients_per_uid; /* 0: no limit */
  bool has_no_fds;
  bool logs;
  unsigned int grace_ms;
} config = { .grace_ms = DEFAULT_GRACE_MS };

static enum status
set (size_t index, const char *value) {
  if (index >= OPT_ADMISSION && index < OPT_ADMISSION + ADMISSION_N_OPTIONS)
    return admission_set (&config.admission, index - OPT_ADMISSION, value);
  switch ((enum option) index) {
  case OPT_ALLOW:
    return filter_allow (&config.filter, value);
  case OPT_DENY:
    return filter_deny (&config.filter, value);
  case OPT_ALLOW_OPTION:
    return filter_allow_option (&config.filter, value);
  case OPT_MAX_CLIENTS:
    return options_number ("max-clients", value, UINT_MAX, &config.max_clients);
  case OPT_MAX_CLIENTS_PER_UID:
    return options_number ("max-clients-per-uid", value, UINT_MAX, &config.max_clients_per_uid);
  case OPT_NO_FDS:
    config.has_no_fds = true;
    return STATUS_OK;
  case OPT_LOG:
    config.logs = true;
    return STATUS_OK;
  default:
    return options_time ("grace", value, &config.grace_ms);
  }
}

/* --- Clients ---------------------------------------------------------------------------------- */

struct client {
  struct client *previous, *next;
  unsigned long number; /* from 1 */
  uid_t uid;            /* EVA_ANY_UID: not known */
  struct link *link;
  struct spectator *spectator; /* NULL: nothing is told */
  struct worker *program;      /* that serves it, or NULL */
  struct dialing *dialing;     /* while the server is not connected */
  const char *reason;          /* NULL: it is not over by itself */
};

static struct {
  struct address server;
  eva_server *listener;
  struct client *clients;
  unsigned long n_clients, n_ever;
  bool is_for_one;
  bool is_draining;
  bool is_done;
  bool has_lost_tunnel;
  eva_source *grace;
} state;

static unsigned long
count_of (uid_t uid) {
  unsigned long n = 0;

  for (const struct client *c = state.clients; c; c = c->next)
    n += c->uid == uid;
  return n;
}

static void
enter (struct client *c) {
  c->next = state.clients;
  if (c->next) c->next->previous = c;
  state.clients = c;
  state.n_clients++;
}

static void
leave (struct client *c) {
  if (c->next) c->next->previous = c->previous;
  if (c->previous)
    c->previous->next = c->next;
  else
    state.clients = c->next;
  state.n_clients--;
}

static void
free_client (struct client *c) {
  leave (c);
  link_free (c->link);
  if (c->program) worker_leave (c->program, config.grace_ms);
  dialing_free (c->dialing);
  spectator_free (c->spectator, c->reason ? c->reason : "end");
  free (c);
  if (!state.n_clients && (state.is_for_one || state.is_draining)) state.is_done = true;
}

/* --- Callbacks of a link ---------------------------------------------------------------------- */

/* With --json, objects tell the same and more.  */
static bool
logs_text (void) {
  return config.logs && !settings.is_json;
}

static void
tell_refused (const struct client *c, const char *request, gpg_error_t err) {
  struct json *object = json_new ("refused");

  json_add_number (object, "conn", (int64_t) c->number);
  json_add_octets (object, "request", request, strlen (request));
  json_add_number (object, "code", gpg_err_code (err));
  json_add (object, "text", gpg_strerror (err));
  json_print (object);
}

static void
on_refused (void *arg, const char *request, gpg_error_t err) {
  struct client *c = arg;
  char *shown;

  if (!config.logs) return;
  shown = secret_show_command (request);
  if (logs_text ())
    message_note ("#%lu refused: %s: %s", c->number, shown, gpg_strerror (err));
  else
    tell_refused (c, shown, err);
  secret_free (shown);
}

static void
on_line (void *arg, bool is_from_server, const char *line, size_t len) {
  struct client *c = arg;

  telling_line (c->spectator, is_from_server, line, len);
}

static void
on_over (void *arg, const char *reason) {
  struct client *c = arg;

  c->reason = reason;
  if (logs_text ()) message_note ("#%lu closed (%s)", c->number, reason);
  free_client (c);
}

/* --- The server ------------------------------------------------------------------------------- */

static void
on_program_ended (void *arg, int status) {
  struct client *c = arg;

  (void) status;
  c->program = NULL;
}

/* Each client has a program of its own, which ends when its input does.  */
static int
start_program (struct client *c) {
  const char **split =
      state.server.argv ? NULL : program_parse (state.server.eva + strlen ("exec:"));
  int fd[2], fds[3], error;
  struct worker_config program = { .argv = split ? split : state.server.argv,
                                   .env = environ,
                                   .fds = fds,
                                   .n_fds = 3,
                                   .ended = on_program_ended,
                                   .arg = c };

  errno = ENOENT;
  if (!program.argv[0] || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
    free (split);
    return -1;
  }
  fds[0] = fds[1] = fd[1];
  fds[2] = -1;
  c->program = worker_start (&program);
  error = errno;
  close (fd[1]);
  if (!c->program) close (fd[0]);
  free (split);
  errno = error;
  return c->program ? fd[0] : -1;
}

static void
on_dialed (void *arg, int fd) {
  static const int on = 1;
  struct client *c = arg;

  c->dialing = NULL;
  if (fd >= 0) {
    if (state.server.kind == ADDRESS_TCP) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link_connect (c->link, fd);
    return;
  }
  if (config.logs)
    message_note ("#%lu cannot connect to %s: %s", c->number, state.server.text, strerror (errno));
  link_refuse (c->link, GPG_ERR_ASS_CONNECT_FAILED);
}

static void
connect_client (struct client *c) {
  int fd = state.server.kind == ADDRESS_EXEC
               ? start_program (c)
               : dialing_begin (&state.server, on_dialed, c, &c->dialing);

  if (!c->dialing) on_dialed (c, fd);
}

/* --- Clients that come ------------------------------------------------------------------------ */

/* Descriptors travel between Unix sockets alone.  A program that is started takes none.  */
static bool
passes_fds (int fd) {
  return !config.has_no_fds && dial_is_unix (fd)
         && (state.server.kind == ADDRESS_NAME || state.server.kind == ADDRESS_UNIX);
}

static gpg_error_t
welcome (int in_fd, int out_fd, const struct ucred *peer) {
  struct client *c = text_alloc (sizeof *c);
  struct link_config link = { .filter = &config.filter,
                              .in_fd = in_fd,
                              .out_fd = out_fd,
                              .passes_fds = in_fd == out_fd && passes_fds (in_fd),
                              .line = settings.is_verbose ? on_line : NULL,
                              .refused = on_refused,
                              .over = on_over,
                              .arg = c };

  *c = (struct client) { .number = ++state.n_ever, .uid = peer ? peer->uid : EVA_ANY_UID };
  c->link = link_new (&link);
  if (!c->link) {
    free (c);
    return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_ENOMEM);
  }
  enter (c);
  c->spectator = telling_begin (c->number, peer ? peer->pid : 0, config.logs);
  if (logs_text () && peer)
    message_note ("#%lu pid %ld uid %lu", c->number, (long) peer->pid, (unsigned long) peer->uid);
  else if (logs_text ())
    message_note ("#%lu", c->number);
  connect_client (c);
  return 0;
}

static gpg_error_t
take (void *userdata, int fd) {
  static const int on = 1;
  struct ucred peer;
  socklen_t len = sizeof peer;
  bool is_known = dial_is_unix (fd) && !getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);

  (void) userdata;
  if ((config.max_clients && state.n_clients >= config.max_clients)
      || (config.max_clients_per_uid && is_known
          && count_of (peer.uid) >= config.max_clients_per_uid))
    return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_LIMIT_REACHED);
  if (!is_known) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return welcome (fd, fd, is_known ? &peer : NULL);
}

/* --- Listening -------------------------------------------------------------------------------- */

static enum status
make_listener (void) {
  static const struct eva_service service = { .take = take };
  gpg_error_t err = eva_server_new (wait_loop (), &service, NULL, &state.listener);

  for (size_t i = 0; i < config.admission.n_uids && !err; i++)
    err = eva_server_allow_uid (state.listener, config.admission.uids[i]);
  if (!err) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot listen: %s", gpg_strerror (err));
}

static enum status
serve_stdio (void) {
  int in, out;

  if (stream_take_stdio (&in, &out)) {
    if (!welcome (in, out, NULL)) return STATUS_OK;
    close (in);
    close (out);
  }
  return message_fail (STATUS_LOCAL, "cannot serve on stdin and stdout: %s", strerror (errno));
}

static enum status
listen_on (const struct address *address) {
  enum status status;
  gpg_error_t err;

  state.is_for_one = listening_is_single (address);
  if (address->kind == ADDRESS_STDIO) {
    json_leave_stdout ();
    return serve_stdio ();
  }
  status = make_listener ();
  if (status) return status;
  err = eva_server_listen (state.listener, address->eva, EVA_LISTEN_FDPASSING);
  if (err) return listening_fail (address, err);
  telling_listen (address, eva_server_get_address (state.listener, 0));
  return admission_open_file (&config.admission, eva_server_get_address (state.listener, 0));
}

/* Every client takes two descriptors.  */
static void
raise_limit (void) {
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

/* --- Running ---------------------------------------------------------------------------------- */

static void
end_all (void *arg) {
  (void) arg;
  state.is_done = true;
}

/* Requests that are under way have the time of --grace; a second signal ends them at once.  */
static void
drain (void) {
  struct client *next;

  if (state.is_draining || !state.n_clients) state.is_done = true;
  if (state.is_draining) worker_kill_all ();
  if (state.is_draining) return;
  state.is_draining = true;
  eva_server_free (state.listener);
  state.listener = NULL;
  state.grace = eva_loop_add_timer (wait_loop (), config.grace_ms, end_all, NULL);
  for (struct client *c = state.clients; c; c = next) {
    next = c->next;
    link_drain (c->link);
  }
}

static void
on_signal (int sig) {
  if (sig == SIGTERM) drain ();
}

static enum status
serve (void) {
  enum status status = wait_until (&state.is_done), first = status;

  if (status == STATUS_INTERRUPTED) {
    wait_forget_interrupt ();
    drain ();
    status = wait_until (&state.is_done);
    if (status == STATUS_INTERRUPTED) worker_kill_all ();
    wait_forget_interrupt ();
  }
  return first == STATUS_INTERRUPTED ? first : status;
}

static void
close_all (void) {
  eva_server_free (state.listener);
  while (state.clients)
    free_client (state.clients);
  eva_source_free (state.grace);
  worker_await_all ();
}

/* Starts a server of GnuPG if no process listens.  A client that comes after its end gets
   an ERR.  */
static enum status
start_server (void) {
  int fd;

  if (state.server.kind != ADDRESS_NAME || !state.server.server->component) return STATUS_OK;
  fd = dial_try (&state.server);
  if (fd >= 0) close (fd);
  if (fd >= 0 || (errno != ECONNREFUSED && errno != ENOENT)) return STATUS_OK;
  return gnupg_launch (state.server.server);
}

static void
on_tunnel_lost (void) {
  state.has_lost_tunnel = state.is_done = true;
}

static enum status
start (const struct address *address) {
  enum status status = signals_watch (on_signal);

  if (!status) status = start_server ();
  if (!status) status = tunnel_open (&state.server, on_tunnel_lost);
  raise_limit ();
  if (!status) status = listen_on (address);
  if (!status) status = serve ();
  if (!status && state.has_lost_tunnel) status = STATUS_CONNECTION;
  close_all ();
  return status;
}

static enum status
check_server (void) {
  const struct address *server = &state.server;

  if (server->kind == ADDRESS_FD)
    return message_fail (STATUS_USAGE, "%s: each client needs a connection of its own",
                         server->text);
  if (server->server && *server->server->prefix)
    return message_fail (STATUS_USAGE, "%s has no socket of its own; try: --allow=%s with agent",
                         server->text, "SCD");
  return STATUS_OK;
}

/* SERVER is the second word, or the program behind `--`.  */
static enum status
take_server (const struct arguments *arguments) {
  struct arguments rest = { .words = arguments->words + 1,
                            .n_words = arguments->n_words - 1,
                            .rest = arguments->rest,
                            .n_rest = arguments->n_rest };
  char **words = NULL;
  size_t n = 0;
  enum status status = address_take (&rest, &state.server, &words, &n);

  free (words);
  if (!status && n)
    status = message_fail (STATUS_USAGE, "relay takes two addresses: LISTEN and SERVER");
  if (!status) status = check_server ();
  return status ? status : address_resolve (&state.server);
}

static enum status
run (const struct arguments *arguments) {
  struct address address = { 0 };
  enum status status = STATUS_OK;

  if (!arguments->n_words)
    return message_fail (STATUS_USAGE, "relay takes two addresses: LISTEN and SERVER");
  if (config.filter.n_allowed && config.filter.n_denied)
    return message_fail (STATUS_USAGE, "either --allow or --deny");
  status = address_parse (arguments->words[0], true, &address);
  if (!status) status = admission_check (&config.admission, &address);
  if (!status) status = take_server (arguments);
  if (!status) status = start (&address);
  signals_unwatch ();
  admission_deinit (&config.admission);
  filter_deinit (&config.filter);
  address_deinit (&address);
  address_deinit (&state.server);
  return status;
}

const struct subcommand relay_subcommand = {
  .name = "relay",
  .synopsis = "LISTEN SERVER\nLISTEN -- PROGRAM [ARG...]",
  .purpose = "Pass on what clients say to a server, and not all of it",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .listens = true,
  .relays = true,
  .set = set,
  .run = run,
};
