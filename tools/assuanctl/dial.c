/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.c - a raw connection to a server.  */

#include "dial.h"
#include "message.h"
#include "program.h"
#include "text.h"

#include <assuan.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 10

/* How long a server that was started may take to listen, and a program to end.  */
#define START_TRIES 50
#define END_TRIES   100
#define PAUSE_MS    100
#define END_MS      10

static void
pause_ms (long ms) {
  struct timespec time = { .tv_sec = 0, .tv_nsec = ms * 1000000 };

  nanosleep (&time, NULL);
}

/* --- Each kind of address --------------------------------------------------------------------- */

/* Without a limit, connect would wait forever for a listener that accepts no client.  */
static int
new_socket (int domain, int flags) {
  struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT_S };
  int fd = socket (domain, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

  if (fd >= 0) setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  return fd;
}

/* Connects FD, which has FLAGS, and closes it if that fails.  */
static int
connect_to (int fd, int flags, const void *address, size_t len) {
  int saved;

  if (fd < 0) return -1;
  if (!connect (fd, address, (socklen_t) len)) return fd;
  if (flags && errno == EINPROGRESS) return fd;
  saved = !flags && (errno == EAGAIN || errno == EINPROGRESS) ? ETIMEDOUT : errno;
  close (fd);
  errno = saved;
  return -1;
}

static int
connect_abstract (const char *name, int flags) {
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  size_t len = strlen (name);

  if (len >= sizeof un.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy (un.sun_path + 1, name, len);
  return connect_to (new_socket (AF_UNIX, flags), flags, &un,
                     offsetof (struct sockaddr_un, sun_path) + 1 + len);
}

/* A path that is too long for a socket may be that of a redirection file.  */
static int
connect_path (const char *path, int flags) {
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  int is_redirected;

  if (assuan_sock_set_sockaddr_un (path, (struct sockaddr *) &un, &is_redirected)) return -1;
  return connect_to (new_socket (AF_UNIX, flags), flags, &un, sizeof un);
}

/* IP:PORT or [IP6]:PORT.  */
static int
connect_tcp (const char *text, int flags) {
  struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                            .ai_socktype = SOCK_STREAM },
                  *found;
  const char *colon = strrchr (text, ':');
  bool is_bracketed = *text == '[' && colon && colon > text + 1 && colon[-1] == ']';
  char *host;
  int fd = -1;

  errno = EINVAL;
  if (!colon) return -1;
  host = is_bracketed ? text_part (text + 1, (size_t) (colon - text) - 2)
                      : text_part (text, (size_t) (colon - text));
  if (!getaddrinfo (host, colon + 1, &hints, &found)) {
    fd =
        connect_to (new_socket (found->ai_family, flags), flags, found->ai_addr, found->ai_addrlen);
    freeaddrinfo (found);
  }
  free (host);
  return fd;
}

static int
start_program (const struct address *address, pid_t *ret_pid) {
  const char **split = address->argv ? NULL : program_parse (address->eva + strlen ("exec:"));
  const char *const *argv = split ? split : address->argv;
  int fd[2], saved;

  errno = ENOENT;
  if (!argv || !argv[0] || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
    free (split);
    return -1;
  }
  *ret_pid = program_start_server (argv, fd[1]);
  saved = errno;
  free (split);
  close (fd[1]);
  if (*ret_pid > 0) return fd[0];
  close (fd[0]);
  *ret_pid = 0;
  errno = saved;
  return -1;
}

/* eva.h takes a path that is not whole as `file://PATH`.  */
static int
connect_unix (const struct address *address, int flags) {
  const char *path = text_skip (address->eva, "unix:");

  if (!path) path = text_skip (address->eva, "file://");
  return *path == '@' ? connect_abstract (path + 1, flags) : connect_path (path, flags);
}

/* FLAGS: of the socket.  */
static int
dial (const struct address *address, int flags, pid_t *ret_pid) {
  switch (address->kind) {
  case ADDRESS_NAME:
  case ADDRESS_UNIX:
  case ADDRESS_SSH: /* by a tunnel */
    return connect_unix (address, flags);
  case ADDRESS_TCP:
    return connect_tcp (address->eva + strlen ("tcp:"), flags);
  case ADDRESS_EXEC:
    return start_program (address, ret_pid);
  case ADDRESS_FD:
    return fcntl (atoi (address->eva + strlen ("fd:")), F_DUPFD_CLOEXEC, 3);
  default:
    errno = EAFNOSUPPORT;
    return -1;
  }
}

/* --- The interface ---------------------------------------------------------------------------- */

static bool
is_nobody (void) {
  return errno == ECONNREFUSED || errno == ENOENT;
}

/* A daemon that has just been started may not listen yet.  */
static int
start_and_dial (const struct address *address, enum status *ret_status) {
  pid_t none;
  int fd = -1;

  *ret_status = gnupg_launch (address->server);
  for (int i = 0; i < START_TRIES && !*ret_status && fd < 0; i++) {
    if (i) pause_ms (PAUSE_MS);
    fd = dial (address, 0, &none);
    if (fd < 0 && !is_nobody ()) break;
  }
  return fd;
}

static enum status
fail (const struct address *address, unsigned int flags) {
  int error = errno;

  if (error == EAFNOSUPPORT)
    return message_fail (STATUS_USAGE, "%s: this subcommand cannot connect there", address->text);
  if (flags & DIAL_SILENT) return STATUS_CONNECTION;
  return message_fail (STATUS_CONNECTION, "%s: cannot connect: %s%s", address->text,
                       strerror (error), is_nobody () ? "; does the server run?" : "");
}

enum status
dial_open (const struct address *address, unsigned int flags, struct dial *ret) {
  struct timeval none = { 0 };
  enum status status = STATUS_OK;
  pid_t pid = 0;
  int fd = dial (address, 0, &pid);

  if (fd < 0 && is_nobody () && address->server && !(flags & DIAL_NO_START))
    fd = start_and_dial (address, &status);
  if (status) return status;
  if (fd < 0) return fail (address, flags);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  /* Another process has an inherited descriptor, too, and would get the flag.  */
  if (address->kind != ADDRESS_FD) fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  *ret = (struct dial) { .fd = fd, .pid = pid, .is_tunnel = address->kind == ADDRESS_SSH };
  return STATUS_OK;
}

int
dial_try (const struct address *address) {
  pid_t none;

  return dial (address, SOCK_NONBLOCK, &none);
}

bool
dial_is_unix (int fd) {
  int domain = 0;
  socklen_t len = sizeof domain;

  return !getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX;
}

bool
dial_passes_fds (const struct dial *d) {
  return !d->pid && !d->is_tunnel && dial_is_unix (d->fd);
}

/* Returns true if the program has ended within TRIES.  */
static bool
has_ended (pid_t pid, int tries) {
  for (int i = 0; i < tries; i++) {
    if (waitpid (pid, NULL, WNOHANG)) return true;
    pause_ms (END_MS);
  }
  return false;
}

void
dial_close (struct dial *d) {
  if (d->fd >= 0) close (d->fd);
  if (d->pid > 0 && !has_ended (d->pid, END_TRIES)) {
    kill (d->pid, SIGTERM);
    if (!has_ended (d->pid, END_TRIES)) {
      kill (d->pid, SIGKILL);
      waitpid (d->pid, NULL, 0);
    }
  }
  *d = (struct dial) { .fd = -1 };
}
