/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel.c - a socket of another host, which ssh forwards to one of ours.

   As in eva.h, USER, HOST and PORT may hold nothing that is an option or anything else to ssh, and
   the path nothing that means something where it forwards.  ssh takes the first setting that it
   finds, so these count more than its configuration.  */

#include "tunnel.h"
#include "directory.h"
#include "message.h"
#include "program.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* How long ssh may take to log in, and how often is looked.  */
#define LOGIN_MS 10000u
#define PAUSE_MS 20u

#define MAX_PATH_LEN 107u

/* The pieces of [USER@]HOST[:PORT]/PATH.  */
struct target {
  char *user, *host, *port, *path; /* NULL: not there */
};

static struct {
  char *dir;
  pid_t pid; /* 0: none */
  int fd;    /* tells of its end */
  eva_source *source;
  const char *name; /* of the address */
  void (*lost) (void);
} tunnel;

/* --- The address ------------------------------------------------------------------------------ */

/* Returns the LEN octets at TEXT, if all of them are ALLOWED, or NULL.  */
static char *
take (const char *text, size_t len, const char *allowed) {
  return len && *text != '-' && strspn (text, allowed) >= len ? text_part (text, len) : NULL;
}

static bool
is_path (const char *path) {
  size_t len = strlen (path);

  for (const char *c = path; *c; c++)
    if ((*c >= 0 && *c <= ' ') || *c == 0x7f || strchr (":\\%$", *c)) return false;
  return len >= 2 && len <= MAX_PATH_LEN;
}

static bool
parse (const char *text, struct target *ret) {
  const char *path = strchr (text, '/');
  const char *at = path ? memchr (text, '@', (size_t) (path - text)) : NULL;
  const char *host = at ? at + 1 : text;
  bool is_v6 = *host == '[';
  size_t len = strcspn (host + is_v6, is_v6 ? "]/" : ":/");
  const char *rest = host + is_v6 + len;

  if (!path || !is_path (path) || (is_v6 && *rest++ != ']')) return false;
  ret->path = text_dup (path);
  ret->host = take (host + is_v6, len, is_v6 ? ALNUM ".:%" : ALNUM ".-_");
  if (at) ret->user = take (text, (size_t) (at - text), ALNUM "._-+");
  if (*rest == ':') ret->port = take (rest + 1, (size_t) (path - rest) - 1, "0123456789");
  return ret->host && (!at || ret->user) && (*rest == ':' ? ret->port != NULL : rest == path);
}

static void
target_deinit (struct target *t) {
  free (t->user);
  free (t->host);
  free (t->port);
  free (t->path);
}

/* --- ssh -------------------------------------------------------------------------------------- */

/* Starts ssh so that SOCKET is forwarded.  Returns its pid, or -1 with errno.  */
static pid_t
start (const struct target *t, const char *socket) {
  char *forward = text_format ("%s:%s", socket, t->path);
  const char *argv[40] = { "ssh", "-N", "-T", "-a", "-x", "-S", "none" };
  static const char *const settings[] = { "ControlMaster=no",           "BatchMode=yes",
                                          "ExitOnForwardFailure=yes",   "ClearAllForwardings=no",
                                          "ForkAfterAuthentication=no", "PermitLocalCommand=no",
                                          "RemoteCommand=none" };
  size_t n = 7;
  pid_t pid;

  for (size_t i = 0; i < N_ELEMENTS (settings); i++) {
    argv[n++] = "-o";
    argv[n++] = settings[i];
  }
  argv[n++] = "-L";
  argv[n++] = forward;
  if (t->user) argv[n++] = "-l";
  if (t->user) argv[n++] = t->user;
  if (t->port) argv[n++] = "-p";
  if (t->port) argv[n++] = t->port;
  argv[n++] = "--";
  argv[n] = t->host;
  pid = program_start_bound (argv);
  free (forward);
  return pid;
}

static void
on_end (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  eva_source_free (tunnel.source);
  tunnel.source = NULL;
  message_fail (STATUS_CONNECTION, "%s: ssh has ended", tunnel.name);
  if (tunnel.lost) tunnel.lost ();
}

/* Waits until the file SOCKET is there.  */
static enum status
await (const char *socket) {
  uint64_t until_ns = eva_now () + LOGIN_MS * UINT64_C (1000000);
  bool never = false;

  while (access (socket, F_OK)) {
    if (waitpid (tunnel.pid, NULL, WNOHANG)) {
      tunnel.pid = 0;
      return message_fail (STATUS_CONNECTION, "%s: cannot connect: ssh has said why", tunnel.name);
    }
    if (!wait_left_ms ()) return message_fail (STATUS_TIMEOUT, "the time of --timeout is over");
    if (eva_now () > until_ns)
      return message_fail (STATUS_CONNECTION, "%s: cannot connect: ssh does not log in",
                           tunnel.name);
    if (wait_at_most (&never, PAUSE_MS) == STATUS_INTERRUPTED) return STATUS_INTERRUPTED;
  }
  return STATUS_OK;
}

/* --- The interface ---------------------------------------------------------------------------- */

static enum status
forward (const struct target *t, struct address *address) {
  char *socket;
  enum status status;

  tunnel.dir = directory_make ();
  socket = text_format ("%s/S", tunnel.dir ? tunnel.dir : "");
  if (tunnel.dir) tunnel.pid = start (t, socket);
  if (tunnel.dir && tunnel.pid > 0) {
    status = await (socket);
  } else {
    status =
        message_fail (STATUS_LOCAL, "%s: cannot start ssh: %s", address->text, strerror (errno));
    tunnel.pid = 0;
  }
  if (!status) {
    free (address->eva);
    address->eva = text_format ("unix:%s", socket);
  }
  free (socket);
  return status;
}

enum status
tunnel_open (struct address *address, void (*lost) (void)) {
  const char *text = text_skip (address->eva, "ssh:");
  struct target target = { 0 };
  enum status status;

  if (!text) return STATUS_OK;
  tunnel.name = address->text;
  tunnel.lost = lost;
  if (parse (text, &target))
    status = forward (&target, address);
  else
    status = message_fail (STATUS_USAGE, "'%s' is no address; write ssh:[USER@]HOST[:PORT]/PATH",
                           address->text);
  target_deinit (&target);
  if (status) return status;
  tunnel.fd = (int) syscall (SYS_pidfd_open, tunnel.pid, 0);
  if (tunnel.fd >= 0)
    tunnel.source = eva_loop_add_fd (wait_loop (), tunnel.fd, EVA_READABLE, on_end, NULL);
  return STATUS_OK;
}

void
tunnel_close (void) {
  eva_source_free (tunnel.source);
  tunnel.source = NULL;
  if (tunnel.pid) {
    kill (tunnel.pid, SIGKILL); /* as in program_start_bound */
    program_wait (tunnel.pid);
    if (tunnel.fd >= 0) close (tunnel.fd);
  }
  tunnel.pid = 0;
  directory_remove (tunnel.dir);
  tunnel.dir = NULL;
}
