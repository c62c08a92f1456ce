/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c - the blocking client: one command, its data to stdout, its status lines to stderr,
   what the server inquires from stdin.  Exit status: 0 for OK, 1 for an error, 2 for bad usage.  */

#include <assuan.h>
#include <stdlib.h>
#include <string.h>

static gpg_error_t
write_data (void *arg, const void *data, size_t len) {
  (void) arg;
  return fwrite (data, 1, len, stdout) == len ? 0 : gpg_error_from_syserror ();
}

static gpg_error_t
show_status (void *arg, const char *text) {
  (void) arg;
  return fprintf (stderr, "S %s\n", text) < 0 ? gpg_error_from_syserror () : 0;
}

/* The library adds END if this returns 0, and cancels the inquiry if it returns an error.  */
static gpg_error_t
send_stdin (void *ctx, const char *keyword) {
  char buffer[4096];
  gpg_error_t err = 0;
  size_t len;

  (void) keyword;
  while (!err && (len = fread (buffer, 1, sizeof buffer, stdin)) > 0)
    err = assuan_send_data (ctx, buffer, len);
  return !err && ferror (stdin) ? gpg_error_from_syserror () : err;
}

int
main (int argc, char **argv) {
  char command[ASSUAN_LINELENGTH] = "", *path = NULL;
  const char *name;
  assuan_context_t ctx = NULL;
  gpg_error_t err;

  if (argc < 3 || argv[1][0] == '-') {
    fputs ("usage: client SOCKET COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  for (int i = 2; i < argc; i++) {
    if (strlen (command) + 1 + strlen (argv[i]) > 1000 || strchr (argv[i], '\n')) {
      fputs ("client: a command is one line of at most 1000 octets\n", stderr);
      return 2;
    }
    if (i > 2) strcat (command, " ");
    strcat (command, argv[i]);
  }
  /* The servers print an address.  Of a path, what does not begin with a slash is not taken
     for one.  */
  name = argv[1] + (strncmp (argv[1], "unix:", 5) ? 0 : 5);
  err = assuan_new (&ctx);
  if (!err && !(path = realpath (name, NULL))) err = gpg_error_from_syserror ();
  if (!err) err = assuan_socket_connect (ctx, path, ASSUAN_INVALID_PID, 0);
  if (err) {
    fprintf (stderr, "client: cannot connect to %s: %s\n", argv[1], gpg_strerror (err));
  } else {
    err = assuan_transact (ctx, command, write_data, NULL, send_stdin, ctx, show_status, NULL);
    if (!err && fflush (stdout)) err = gpg_error_from_syserror ();
    if (err) fprintf (stderr, "client: %s: %s\n", argv[2], gpg_strerror (err));
  }
  free (path);
  assuan_release (ctx);
  return err ? 1 : 0;
}
