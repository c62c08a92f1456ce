/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* await.c - `assuanctl wait`: until a server is there, or until it is gone.

   A server that listens is not enough: it has to greet.  The tool tries again after a time that
   grows from 20 to 500 ms, and at once when something changes in the directory of the socket.  */

#include "connection.h"
#include "message.h"
#include "options.h"
#include "text.h"
#include "tunnel.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 20u
#define LAST_PAUSE_MS  500u

enum option { OPT_FOR, OPT_GONE };

static const struct option_spec options[] = {
  { "for", 0, "COMMAND", "wait until this command is OK" },
  { "gone", 0, NULL, "wait until no server listens there" },
};

static struct {
  const char *command;
  bool is_for_gone;
} config;

static enum status
set (size_t index, const char *value) {
  if (index == OPT_FOR)
    config.command = value;
  else
    config.is_for_gone = true;
  return STATUS_OK;
}

/* --- Watching the directory ------------------------------------------------------------------- */

struct directory {
  int fd; /* of inotify, or -1 */
  eva_source *source;
  bool has_changed;
};

static void
on_change (void *arg, unsigned int revents) {
  struct directory *d = arg;
  char buf[4096];

  (void) revents;
  while (read (d->fd, buf, sizeof buf) > 0) {}
  d->has_changed = true;
}

/* The tool looks now and then at a server that it cannot watch.  */
static void
watch (struct directory *d, const struct address *address) {
  const char *path = text_skip (address->eva, "unix:");
  char *dir, *slash;

  *d = (struct directory) { .fd = -1 };
  if (!path) path = text_skip (address->eva, "file://");
  if (!path || *path == '@') return;
  dir = text_dup (path);
  slash = strrchr (dir, '/');
  if (slash) slash[slash == dir] = 0;
  d->fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (d->fd >= 0
      && inotify_add_watch (d->fd, slash ? dir : ".",
                            IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_CLOSE_WRITE)
             >= 0)
    d->source = eva_loop_add_fd (wait_loop (), d->fd, EVA_READABLE, on_change, d);
  free (dir);
}

static void
unwatch (struct directory *d) {
  eva_source_free (d->source);
  if (d->fd >= 0) close (d->fd);
}

/* --- Trying ----------------------------------------------------------------------------------- */

/* ssh takes a connection in any case, and ends it where no server listens.  */
static bool
is_gone (const struct connection *c) {
  return gpg_err_code (c->over) == GPG_ERR_ASS_CONNECT_FAILED
         || (c->address->kind == ADDRESS_SSH && gpg_err_code (c->over) == GPG_ERR_EPIPE);
}

/* Stores at RET_IS_THERE whether what is waited for is so.  Returns what ends the waiting.  */
static enum status
try (struct address *address, bool *ret_is_so) {
  struct reply reply = { 0 };
  struct connection c;
  enum status status = connection_open (
      &c, address, CONNECTION_NO_START | CONNECTION_NO_SESSION | CONNECTION_SILENT);

  *ret_is_so = config.is_for_gone ? is_gone (&c) : !status;
  if (!status && config.command && !config.is_for_gone) {
    status = connection_ask (&c, config.command, &reply);
    *ret_is_so = !status && !reply.err;
    reply_deinit (&reply);
  }
  connection_close (&c);
  return status == STATUS_CONNECTION ? STATUS_OK : status;
}

/* Returns STATUS_TIMEOUT, after a message, when the time is over.  */
static enum status
pause_for (struct directory *d, unsigned int pause_ms) {
  int left_ms = wait_left_ms ();
  enum status status;

  if (left_ms >= 0 && (unsigned int) left_ms < pause_ms) pause_ms = (unsigned int) left_ms;
  status = wait_at_most (&d->has_changed, pause_ms);
  if (status != STATUS_TIMEOUT) return status;
  return wait_left_ms () ? STATUS_OK
                         : message_fail (STATUS_TIMEOUT, "the time of --timeout is over");
}

static enum status
await (struct address *address) {
  unsigned int pause_ms = FIRST_PAUSE_MS;
  struct directory directory;
  enum status status;
  bool is_so = false;

  watch (&directory, address);
  for (;;) {
    directory.has_changed = false;
    status = try (address, &is_so);
    if (is_so || status) break;
    status = pause_for (&directory, pause_ms);
    if (status) break;
    pause_ms = pause_ms * 2 < LAST_PAUSE_MS ? pause_ms * 2 : LAST_PAUSE_MS;
  }
  unwatch (&directory);
  return is_so ? STATUS_OK : status;
}

static enum status
run (const struct arguments *arguments) {
  struct address address;
  enum status status;

  if (arguments->n_words != 1 || arguments->n_rest)
    return message_fail (STATUS_USAGE, "wait takes one address");
  if (config.command && config.is_for_gone)
    return message_fail (STATUS_USAGE, "either --for or --gone");
  status = address_parse (arguments->words[0], false, &address);
  if (status) return status;
  if (address.kind == ADDRESS_EXEC || address.kind == ADDRESS_FD)
    status = message_fail (STATUS_USAGE, "%s: there is nothing to wait for", address.text);
  if (!status) status = address_resolve (&address);
  if (!status) status = tunnel_open (&address, NULL);
  if (!status) status = await (&address);
  address_deinit (&address);
  return status;
}

const struct subcommand wait_subcommand = {
  .name = "wait",
  .synopsis = "ADDRESS",
  .purpose = "Wait until a server greets, or is gone",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
