/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* consumer.c - a program as a user of the installed library would write it.

   It serves one conversation over a socket pair and prints the replies, so that not only
   compiling and linking is tried but also that the right library is loaded and works.  Which one
   that was it tells, too.  With WITH_CONN it uses eva-conn.h besides.  Also compiled as C++.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <assuan.h>
#ifdef WITH_CONN
#  include <eva-conn.h>
#endif

/* A command: say the argument back as data. */
static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

/* Serve what the other end of FD has sent. */
static gpg_error_t
serve (int fd) {
  assuan_context_t ctx;
  gpg_error_t err = assuan_new (&ctx);
  if (err) return err;
  err = assuan_init_socket_server (ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  if (!err) err = assuan_register_command (ctx, "ECHO", cmd_echo, NULL);
  if (!err) err = assuan_set_hello_line (ctx, "consumer");
  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err;
}

/* Print which libraries of ours are loaded, one path each. */
static int
print_libraries (void) {
  char line[4096], previous[4096] = "";
  FILE *maps = fopen ("/proc/self/maps", "r");
  if (!maps) return -1;
  while (fgets (line, sizeof line, maps)) {
    const char *path = strchr (line, '/');
    if (!path || !strstr (path, "assuan.so") || !strcmp (path, previous)) continue;
    printf ("loaded %s", path);
    strcpy (previous, path);
  }
  return fclose (maps);
}

int
main (void) {
  static const char request[] = "ECHO hello\nBYE\n";
  char reply[1024];
  size_t len = 0;
  ssize_t n;
  int fds[2];

  alarm (60); /* a library that does not close the connection would have us wait forever */
  printf ("version %s\n", assuan_check_version (ASSUAN_VERSION));
#ifdef WITH_CONN
  struct eva_conn_config config;
  memset (&config, 0, sizeof config);
  eva_conn_free (NULL);
#endif
  if (print_libraries () || socketpair (AF_UNIX, SOCK_STREAM, 0, fds)) return 1;
  if (write (fds[0], request, sizeof request - 1) != (ssize_t) sizeof request - 1) return 1;
  gpg_error_t err = serve (fds[1]);
  if (err) {
    printf ("serve: %s\n", gpg_strerror (err));
    return 1;
  }
  while ((n = read (fds[0], reply + len, sizeof reply - 1 - len)) > 0)
    len += (size_t) n;
  reply[len] = 0;
  fputs (reply, stdout);
  return 0;
}
