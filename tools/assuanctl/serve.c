/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve.c - `assuanctl serve`: a server whose commands are scripts.  */

#include "address.h"
#include "admission.h"
#include "catalog.h"
#include "job.h"
#include "json.h"
#include "listening.h"
#include "message.h"
#include "options.h"
#include "peer.h"
#include "secret.h"
#include "settings.h"
#include "signals.h"
#include "telling.h"
#include "text.h"
#include "wait.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_MAX_CHILDREN 32u
#define DEFAULT_GRACE_MS     5000u

enum option {
  OPT_DIR,
  OPT_HELLO,
  OPT_OPTION,
  OPT_ADMISSION,
  OPT_MAX_CHILDREN = OPT_ADMISSION + ADMISSION_N_OPTIONS,
  OPT_COMMAND_TIMEOUT,
  OPT_GRACE,
};

static const struct option_spec options[] = {
  { "dir", 0, "DIR", "serve the executable files of DIR" },
  { "hello", 0, "TEXT", "greet with TEXT" },
  { "option", 0, "NAME", "take this OPTION of clients; *: any" },
  ADMISSION_OPTIONS,
  { "max-children", 0, "N", "run at most N programs at a time (32)" },
  { "command-timeout", 0, "TIME", "end a command after TIME" },
  { "grace", 0, "TIME", "wait for commands at the end (5s)" },
};

static struct {
  const char *dir;
  const char *hello;
  const char **options; /* of clients */
  size_t n_options;
  struct admission admission;
  unsigned long max_children;
  unsigned int command_timeout_ms;
  unsigned int grace_ms;
} config = { .max_children = DEFAULT_MAX_CHILDREN, .grace_ms = DEFAULT_GRACE_MS };

static struct {
  eva_server *server;
  struct catalog *catalog;
  char **definitions;
  size_t n_definitions;
  bool is_for_one; /* client: that ends, and so do we */
  bool is_draining;
  bool is_done;
} state;

static void
add_client_option (const char *name) {
  config.options = realloc (config.options, (config.n_options + 1) * sizeof *config.options);
  if (!config.options) abort ();
  config.options[config.n_options++] = name;
}

static enum status
set (size_t index, const char *value) {
  if (index >= OPT_ADMISSION && index < OPT_ADMISSION + ADMISSION_N_OPTIONS)
    return admission_set (&config.admission, index - OPT_ADMISSION, value);
  switch ((enum option) index) {
  case OPT_DIR:
    config.dir = value;
    return STATUS_OK;
  case OPT_HELLO:
    config.hello = value;
    return STATUS_OK;
  case OPT_OPTION:
    add_client_option (value);
    return STATUS_OK;
  case OPT_MAX_CHILDREN:
    return options_number ("max-children", value, 100000, &config.max_children);
  case OPT_COMMAND_TIMEOUT:
    return options_time ("command-timeout", value, &config.command_timeout_ms);
  default:
    return options_time ("grace", value, &config.grace_ms);
  }
}

/* --- The service ------------------------------------------------------------------------------ */

static gpg_error_t
handle (assuan_context_t ctx, char *line) {
  struct peer *peer = assuan_get_pointer (ctx);
  const struct catalog_entry *entry = catalog_find (peer->catalog, assuan_get_command_name (ctx));

  if (!entry) return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_ASS_UNKNOWN_CMD);
  return job_begin (peer, entry, line);
}

static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  for (size_t i = 0; i < config.n_options; i++)
    if (!strcmp (config.options[i], "*") || !strcasecmp (config.options[i], name))
      return peer_set_option (assuan_get_pointer (ctx), name, value);
  return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_UNKNOWN_OPTION);
}

static unsigned int
show_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t len) {
  (void) ctx;
  telling_line (hook, inout == ASSUAN_IO_TO_PEER, line, len);
  return 0;
}

static void
watch (struct peer *peer) {
  peer->spectator = telling_begin (peer->number, assuan_get_pid (peer->ctx), false);
  if (peer->spectator) assuan_set_io_monitor (peer->ctx, show_line, peer->spectator);
}

/* A client keeps the commands that there were when it came.  */
static gpg_error_t
on_open (assuan_context_t ctx) {
  struct peer *peer = peer_new (ctx, state.catalog);
  gpg_error_t err = 0;

  for (size_t i = 0; i < peer->catalog->n_entries && !err; i++) {
    const struct catalog_entry *entry = &peer->catalog->entries[i];
    err = assuan_register_command (ctx, entry->name, handle, entry->help);
  }
  if (err) {
    peer_unref (peer);
    return err;
  }
  assuan_set_pointer (ctx, peer);
  watch (peer);
  return 0;
}

static bool
is_end (gpg_error_t reason) {
  return !reason || gpg_err_code (reason) == GPG_ERR_EOF;
}

static void
on_close (assuan_context_t ctx, gpg_error_t reason) {
  struct peer *peer = assuan_get_pointer (ctx);

  assuan_set_io_monitor (ctx, NULL, NULL);
  spectator_free (peer->spectator, is_end (reason) ? "eof" : gpg_strerror (reason));
  peer->spectator = NULL;
  peer->ctx = NULL;
  peer_unref (peer);
  if (state.is_for_one) state.is_done = true;
}

static const struct eva_command commands[] = { { .name = "INPUT" }, { .name = "OUTPUT" } };

static struct eva_service service = {
  .commands = commands,
  .n_commands = N_ELEMENTS (commands),
  .open = on_open,
  .close = on_close,
  .option = on_option,
};

/* --- Listening -------------------------------------------------------------------------------- */

static enum status
listen_on (const struct address *address) {
  gpg_error_t err;

  state.is_for_one = listening_is_single (address);
  if (address->kind == ADDRESS_STDIO) json_leave_stdout ();
  if (address->kind == ADDRESS_STDIO)
    err = eva_server_adopt_pipe (state.server, 0, 1, NULL);
  else
    err = eva_server_listen (state.server, address->eva, EVA_LISTEN_FDPASSING);
  if (err) return listening_fail (address, err);
  if (address->kind != ADDRESS_STDIO)
    telling_listen (address, eva_server_get_address (state.server, 0));
  return admission_open_file (&config.admission, eva_server_get_address (state.server, 0));
}

static enum status
make_server (void) {
  struct eva_server_limits limits = { .connection.command_timeout_ms = config.command_timeout_ms };
  gpg_error_t err;

  service.hello = config.hello;
  err = eva_server_new (wait_loop (), &service, NULL, &state.server);
  if (!err) err = eva_server_set_limits (state.server, &limits);
  for (size_t i = 0; i < config.admission.n_uids && !err; i++)
    err = eva_server_allow_uid (state.server, config.admission.uids[i]);
  if (!err) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot make a server: %s", gpg_strerror (err));
}

/* --- Running ---------------------------------------------------------------------------------- */

static void
on_drained (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  state.is_done = true;
}

/* Commands under way have the time of --grace; a second signal ends them at once.  */
static void
drain (void) {
  if (state.is_draining || eva_server_drain (state.server, config.grace_ms, on_drained, NULL))
    state.is_done = true;
  state.is_draining = true;
}

static void
reread (void) {
  struct catalog *catalog;

  if (catalog_read (config.dir, state.definitions, state.n_definitions, &catalog)) return;
  catalog_unref (state.catalog);
  state.catalog = catalog;
}

static void
on_signal (int sig) {
  if (sig == SIGHUP)
    reread ();
  else
    drain ();
}

static enum status
serve (void) {
  enum status status = wait_until (&state.is_done), first = status;

  if (status == STATUS_INTERRUPTED) {
    wait_forget_interrupt ();
    drain ();
    status = wait_until (&state.is_done);
  }
  eva_server_free (state.server);
  state.server = NULL;
  wait_forget_interrupt ();
  worker_await_all (); /* those of clients that are gone may need their five seconds */
  return first == STATUS_INTERRUPTED ? first : status;
}

static enum status
start (const struct address *address) {
  enum status status =
      catalog_read (config.dir, state.definitions, state.n_definitions, &state.catalog);

  if (!status) status = signals_watch (on_signal);
  if (!status) status = make_server ();
  if (!status) status = listen_on (address);
  if (!status) return serve ();
  eva_server_free (state.server);
  return status;
}

static enum status
run (const struct arguments *arguments) {
  struct address address = { 0 };
  enum status status;

  if (!arguments->n_words || arguments->n_rest)
    return message_fail (STATUS_USAGE, "serve takes an address, and --dir or NAME=COMMAND");
  if (arguments->n_words == 1 && !config.dir)
    return message_fail (STATUS_USAGE, "which commands? give --dir=DIR, or NAME=COMMAND");
  if (!config.max_children)
    return message_fail (STATUS_USAGE, "--max-children: at least 1, or no command can run");
  state.definitions = arguments->words + 1;
  state.n_definitions = arguments->n_words - 1;
  turn_set_max (config.max_children);
  status = address_parse (arguments->words[0], true, &address);
  if (!status) status = admission_check (&config.admission, &address);
  if (!status) status = start (&address);
  signals_unwatch ();
  catalog_unref (state.catalog);
  admission_deinit (&config.admission);
  free (config.options);
  address_deinit (&address);
  return status;
}

const struct subcommand serve_subcommand = {
  .name = "serve",
  .synopsis = "ADDRESS NAME=COMMAND...\nADDRESS --dir=DIR [NAME=COMMAND...]",
  .purpose = "Serve commands that are scripts",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .listens = true,
  .set = set,
  .run = run,
};
