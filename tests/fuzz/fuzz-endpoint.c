/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-endpoint.c - addresses in words, there and back; the words of command lines; and addresses
   as the kernel gives them.

     input = text, or the name of a Unix socket  */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "io/endpoint.h"
#include "io/program.h"
#include "io/ssh.h"

static bool
starts_with (const char *text, const char *prefix) {
  return !strncmp (text, prefix, strlen (prefix));
}

static bool
ends_with (const char *text, const char *end) {
  return strlen (text) >= strlen (end) && !strcmp (text + strlen (text) - strlen (end), end);
}

/* What EP says in words means the same again, but for relative paths, which only clients have.  */
static void
try_back (const struct eva__io_endpoint *ep) {
  struct eva__io_endpoint again;
  char words[EVA__IO_ENDPOINT_SIZE];

  CHECK (!eva__io_endpoint_print (&ep->addr, ep->addr_len, words));
  CHECK (strlen (words) < sizeof words);
  if (eva__io_endpoint_parse (words, &again) < 0) {
    CHECK (ep->is_for_clients && ep->kind == EVA__IO_ENDPOINT_UNIX);
    return;
  }
  if (ep->is_for_clients && starts_with (words, "unix:@") && ep->addr.un.sun_path[0]) return;
  CHECK (again.kind == ep->kind && again.is_loopback == ep->is_loopback);
  CHECK (again.addr_len == ep->addr_len && !again.is_for_clients);
  CHECK (!memcmp (&again.addr, &ep->addr, ep->addr_len));
}

/* The parts of the address make it up again, and none is an option.  */
static void
try_ssh (const char *text) {
  char whole[600], bracketed[600];
  struct eva__io_ssh ssh;
  const char *user, *port;

  CHECK (!eva__io_ssh_parse (text, &ssh));
  CHECK (*ssh.user != '-' && *ssh.host && *ssh.host != '-' && *ssh.path == '/');
  user = *ssh.user ? "@" : "";
  port = *ssh.port ? ":" : "";
  snprintf (whole, sizeof whole, "%s%s%s%s%s%s", ssh.user, user, ssh.host, port, ssh.port,
            ssh.path);
  snprintf (bracketed, sizeof bracketed, "%s%s[%s]%s%s%s", ssh.user, user, ssh.host, port, ssh.port,
            ssh.path);
  CHECK (!strcmp (whole, text) || !strcmp (bracketed, text));
}

/* Checks EP against TEXT, from which it was parsed.  */
static void
check (const struct eva__io_endpoint *ep, const char *text) {
  switch (ep->kind) {
  case EVA__IO_ENDPOINT_UNIX:
    CHECK (ep->addr.any.sa_family == AF_UNIX);
    CHECK (ends_with (text, ep->addr.un.sun_path + !ep->addr.un.sun_path[0]));
    try_back (ep);
    break;
  case EVA__IO_ENDPOINT_INTERNET:
    CHECK (starts_with (text, "tcp:") || starts_with (text, "assuan://"));
    CHECK (ep->addr.in.sin_port || !ep->is_for_clients);
    try_back (ep);
    break;
  case EVA__IO_ENDPOINT_FD:
    CHECK (starts_with (text, "fd:") && ep->fd == strtoll (text + 3, NULL, 10));
    CHECK (text[3 + strspn (text + 3, "0123456789")] == 0);
    break;
  case EVA__IO_ENDPOINT_SYSTEMD:
    CHECK (starts_with (text, "systemd:"));
    CHECK (ep->name ? ep->name == text + 8 : !text[8]);
    break;
  case EVA__IO_ENDPOINT_EXEC:
    CHECK (starts_with (text, "exec:") && ep->name == text + 5);
    break;
  case EVA__IO_ENDPOINT_SSH:
    CHECK (starts_with (text, "ssh:") && ep->name == text + 4);
    try_ssh (ep->name);
    break;
  }
}

static void
try_text (const char *text) {
  struct eva__io_endpoint ep, classic;
  int rc = eva__io_endpoint_parse (text, &ep), error = errno;

  CHECK (rc == 0 || (rc == -1 && (error == EINVAL || error == ENAMETOOLONG)));
  if (!rc) check (&ep, text);
  if (!eva__io_endpoint_parse_classic (text, &classic))
    CHECK (!rc && ep.is_for_clients && ep.kind == classic.kind);
  else
    CHECK (rc || !ep.is_for_clients);
}

/* Returns true if COMMAND has octets that quote others.  */
static bool
has_quotes (const char *command) {
  return strpbrk (command, "'\"\\");
}

/* Adds TEXT to the words of a program that is there, and looks for them.  */
static void
try_words (const char *text) {
  char *command = malloc (strlen (text) + 20), *save, *word;
  struct eva__io_program *program;
  size_t n = 0;

  CHECK (command);
  sprintf (command, "/bin/sh\t%s", text);
  if (eva__io_program_new (command, &program)) {
    CHECK (errno == EBADMSG || errno == ENOENT);
    CHECK (has_quotes (text));
    free (command);
    return;
  }
  for (word = strtok_r (command, " \t", &save); word && !has_quotes (text);
       word = strtok_r (NULL, " \t", &save))
    CHECK (program->argv[n] && !strcmp (program->argv[n++], word));
  CHECK (has_quotes (text) || !program->argv[n]);
  free (program);
  free (command);
}

/* Quoted, TEXT is one word, whatever is in it.  */
static void
try_quoted (const char *text) {
  char *command = malloc (4 * strlen (text) + 20), *to;
  struct eva__io_program *program;

  CHECK (command);
  to = stpcpy (command, "/bin/sh '");
  for (const char *c = text; *c; c++)
    to = *c == '\'' ? stpcpy (to, "'\\''") : (*to = *c, to + 1);
  strcpy (to, "'");
  CHECK (!eva__io_program_new (command, &program));
  CHECK (!strcmp (program->path, "/bin/sh") && !strcmp (program->argv[1], text));
  CHECK (!program->argv[2]);
  free (program);
  free (command);
}

/* Prints the address of a socket that has the LEN octets at DATA as its name.  */
static void
try_name (const uint8_t *data, size_t len) {
  union eva__io_sockaddr addr;
  char words[EVA__IO_ENDPOINT_SIZE];

  if (len > sizeof addr.un.sun_path) return;
  memset (&addr, 0x55, sizeof addr);
  addr.un.sun_family = AF_UNIX;
  memcpy (addr.un.sun_path, data, len);
  len += offsetof (struct sockaddr_un, sun_path);
  if (!eva__io_endpoint_print (&addr, (socklen_t) len, words))
    CHECK (starts_with (words, "unix:") && strlen (words) < sizeof words);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  char *text = malloc (len + 1);

  CHECK (text);
  memcpy (text, data, len);
  text[len] = 0;
  try_text (text);
  try_words (text);
  try_quoted (text);
  free (text);
  try_name (data, len);
  return 0;
}
