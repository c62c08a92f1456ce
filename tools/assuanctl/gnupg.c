/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gnupg.c - GnuPG's own servers.  */

#include "gnupg.h"
#include "message.h"
#include "program.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* scdaemon has no public socket: the agent passes on each command that begins with SCD.  */
const struct gnupg_server gnupg_servers[] = {
  { "agent", "agent-socket", "gpg-agent", "", true },
  { "agent-extra", "agent-extra-socket", "gpg-agent", "", true },
  { "agent-browser", "agent-browser-socket", "gpg-agent", "", false },
  { "dirmngr", "dirmngr-socket", "dirmngr", "", false },
  { "keyboxd", "keyboxd-socket", "keyboxd", "", false },
  { "scdaemon", "agent-socket", "gpg-agent", "SCD ", false },
  { "uiserver", NULL, NULL, "", false },
  { NULL, NULL, NULL, NULL, false },
};

/* What gpgconf --list-dirs printed; NULL: it was not asked.  */
static char *directories;

const struct gnupg_server *
gnupg_find (const char *name) {
  for (const struct gnupg_server *server = gnupg_servers; server->name; server++)
    if (!strcmp (server->name, name)) return server;
  return NULL;
}

static enum status
ask_gpgconf (void) {
  static const char *const argv[] = { "gpgconf", "--list-dirs", NULL };

  if (directories) return STATUS_OK;
  if (program_read (argv, &directories))
    return message_fail (STATUS_CONNECTION,
                         "gpgconf --list-dirs fails: is GnuPG installed? else give a path");
  return STATUS_OK;
}

/* Each line is NAME:VALUE with %XX for what would disturb.  */
const char *
gnupg_get_directory (const char *name) {
  static char *last;
  size_t len = strlen (name);

  if (ask_gpgconf ()) return NULL;
  for (const char *line = directories; *line; line += strcspn (line, "\n"), line += *line == '\n') {
    char *value;
    if (strncmp (line, name, len) || line[len] != ':') continue;
    value = text_part (line + len + 1, strcspn (line + len + 1, "\n"));
    free (last);
    last = text_unescape (value, NULL);
    free (value);
    return last;
  }
  return NULL;
}

enum status
gnupg_get_socket (const struct gnupg_server *server, char **ret_path) {
  const char *directory;
  enum status status = ask_gpgconf ();

  if (status) return status;
  directory = gnupg_get_directory (server->directory ? server->directory : "homedir");
  if (!directory)
    return message_fail (STATUS_CONNECTION,
                         "%s: this GnuPG has none (gpgconf --list-dirs tells no %s)", server->name,
                         server->directory ? server->directory : "homedir");
  *ret_path = server->directory ? text_dup (directory) : text_format ("%s/S.uiserver", directory);
  return STATUS_OK;
}

enum status
gnupg_launch (const struct gnupg_server *server) {
  const char *const argv[] = { "gpgconf", "--launch", server->component, NULL };
  char *output;

  if (!server->component)
    return message_fail (STATUS_CONNECTION, "%s: no server listens there, and nothing starts it",
                         server->name);
  if (program_read (argv, &output))
    return message_fail (STATUS_CONNECTION, "%s: gpgconf --launch %s fails", server->name,
                         server->component);
  free (output);
  return STATUS_OK;
}
