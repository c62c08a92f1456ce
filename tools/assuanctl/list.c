/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list.c - `assuanctl list`: GnuPG's servers, and whether they run.  It starts none.  */

#include "connection.h"
#include "json.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct row {
  const struct gnupg_server *server;
  const char *state;
  long pid;      /* 0: unknown */
  char *address; /* NULL: none */
};

/* Only the agent can ask its card daemon, and tells of it.  */
static void
look_at_scdaemon (struct connection *c, struct row *row) {
  struct reply reply = { 0 };
  struct address agent = *c->address, *own = c->address;

  agent.server = gnupg_find ("agent"); /* whose commands have no prefix */
  c->address = &agent;
  row->state = "stopped";
  row->pid = 0;
  if (!connection_ask (c, "GETINFO scd_running", &reply) && !reply.err) row->state = "running";
  reply_deinit (&reply);
  c->address = own;
  if (*row->state != 'r') return;
  if (!connection_ask (c, "GETINFO pid", &reply) && !reply.err) row->pid = atol (reply.data);
  reply_deinit (&reply);
}

/* Returns the process at the other end, or 0.  The kernel tells which one began to listen, and a
   daemon forks after that, so the server is asked first.  A restricted socket does not tell.  */
static long
peer_of (struct connection *c) {
  struct reply reply = { 0 };
  struct ucred peer;
  socklen_t len = sizeof peer;
  bool is_forbidden;
  long pid = 0;

  if (!connection_ask (c, "GETINFO pid", &reply) && !reply.err) pid = atol (reply.data);
  is_forbidden = gpg_err_code (reply.err) == GPG_ERR_FORBIDDEN;
  reply_deinit (&reply);
  if (pid > 0 || is_forbidden) return pid;
  if (getsockopt (eva_get_fd (c->ctx, EVA_READABLE), SOL_SOCKET, SO_PEERCRED, &peer, &len))
    return 0;
  return peer.pid;
}

static enum status
look (struct row *row) {
  struct address address = { .kind = ADDRESS_NAME, .server = row->server };
  struct connection c = { 0 };
  enum status status;

  address.text = text_dup (row->server->name);
  address.eva = text_dup (row->address);
  status = connection_open (&c, &address,
                            CONNECTION_NO_START | CONNECTION_NO_SESSION | CONNECTION_SILENT);
  row->state = status ? "stopped" : "running";
  if (!status && *row->server->prefix)
    look_at_scdaemon (&c, row);
  else if (!status)
    row->pid = peer_of (&c);
  connection_close (&c);
  address_deinit (&address);
  return status == STATUS_CONNECTION ? STATUS_OK : status;
}

static void
print_json (const struct row *row) {
  struct json *object = json_new (NULL);

  json_add (object, "name", row->server->name);
  json_add (object, "state", row->state);
  if (row->pid) json_add_number (object, "pid", row->pid);
  if (row->address) json_add (object, "address", row->address);
  json_print (object);
}

static void
print_row (const struct row *row) {
  char pid[30] = "-";

  if (row->pid) snprintf (pid, sizeof pid, "%ld", row->pid);
  printf ("%s%-13s%s  %-7s  %7s  ", terminal_color (TERMINAL_NAME), row->server->name,
          terminal_color (TERMINAL_PLAIN), row->state, pid);
  if (!row->address)
    putchar ('-');
  else if (terminal_is (stdout))
    text_print (stdout, row->address, strlen (row->address), false);
  else
    fputs (row->address, stdout);
  putchar ('\n');
}

static enum status
list_server (const struct gnupg_server *server) {
  const char *directory = gnupg_get_directory (server->directory ? server->directory : "homedir");
  struct row row = { .server = server, .state = "absent" };
  enum status status = STATUS_OK;

  if (directory)
    row.address = server->directory ? text_format ("unix:%s", directory)
                                    : text_format ("unix:%s/S.uiserver", directory);
  if (row.address) status = look (&row);
  if (!status && settings.is_json)
    print_json (&row);
  else if (!status)
    print_row (&row);
  free (row.address);
  return status;
}

static enum status
run (const struct arguments *arguments) {
  enum status status = STATUS_OK;
  char *path;

  if (arguments->n_words || arguments->n_rest)
    return message_fail (STATUS_USAGE, "list takes no arguments");
  /* Says what to do if there is no gpgconf.  */
  status = gnupg_get_socket (gnupg_find ("agent"), &path);
  if (status) return status;
  free (path);
  if (!settings.is_json && !settings.is_quiet) puts ("NAME           STATE        PID  ADDRESS");
  for (const struct gnupg_server *server = gnupg_servers; server->name && !status; server++)
    status = list_server (server);
  return status;
}

const struct subcommand list_subcommand = {
  .name = "list",
  .synopsis = "",
  .purpose = "List GnuPG's servers, and whether they run",
  .run = run,
};
