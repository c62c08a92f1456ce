/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mount.c - running a program that finds a socket of ours in place of another one.  */

#include "mount.h"
#include "message.h"
#include "program.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* What the child could not do.  */
enum stage { STAGE_NAMESPACE, STAGE_MOUNT, STAGE_EXEC };

struct report {
  enum stage stage;
  int error;
};

static _Noreturn void
give_up (int fd, enum stage stage) {
  struct report report = { .stage = stage, .error = errno };

  if (write (fd, &report, sizeof report) < 0) {}
  _exit (127);
}

static bool
write_file (const char *path, const char *text) {
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  bool is_written = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t) strlen (text);

  if (fd >= 0) close (fd);
  return is_written;
}

/* Each user and group stays what it is; the kernel lets an ordinary user map nothing else.  */
static bool
map_ids (uid_t uid, gid_t gid) {
  char user[64], group[64];

  snprintf (user, sizeof user, "%u %u 1", (unsigned int) uid, (unsigned int) uid);
  snprintf (group, sizeof group, "%u %u 1", (unsigned int) gid, (unsigned int) gid);
  return write_file ("/proc/self/setgroups", "deny") && write_file ("/proc/self/uid_map", user)
         && write_file ("/proc/self/gid_map", group);
}

static bool
unshare_mounts (void) {
  uid_t uid = geteuid ();
  gid_t gid = getegid ();

  if (!uid && !unshare (CLONE_NEWNS)) return true;
  return !unshare (CLONE_NEWUSER | CLONE_NEWNS) && map_ids (uid, gid);
}

/* The mounts of the namespace have to be private: else the socket changes for the whole system.  */
static _Noreturn void
be_program (int fd, const char *ours, const char *theirs, char *const *argv) {
  program_default_signals ();
  if (!unshare_mounts ()) give_up (fd, STAGE_NAMESPACE);
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) give_up (fd, STAGE_MOUNT);
  if (mount (ours, theirs, NULL, MS_BIND, NULL)) give_up (fd, STAGE_MOUNT);
  execvp (argv[0], argv);
  give_up (fd, STAGE_EXEC);
}

static enum status
fail (const struct report *report, const char *program) {
  if (report->stage == STAGE_EXEC)
    return message_fail (STATUS_LOCAL, "%s: %s", program, strerror (report->error));
  return message_fail (
      STATUS_LOCAL, "this system allows no private %s (%s); watch with --listen or --stdio",
      report->stage == STAGE_NAMESPACE ? "namespace" : "mount", strerror (report->error));
}

enum status
mount_run (const char *ours, const char *theirs, char *const *argv, int out_fd, pid_t *ret_pid) {
  struct report report;
  ssize_t n;
  int fd[2];
  pid_t pid;

  if (pipe2 (fd, O_CLOEXEC))
    return message_fail (STATUS_LOCAL, "cannot make a pipe: %s", strerror (errno));
  pid = fork ();
  if (!pid) {
    if (out_fd != STDOUT_FILENO) dup2 (out_fd, STDOUT_FILENO);
    be_program (fd[1], ours, theirs, argv);
  }
  close (fd[1]);
  if (pid < 0) {
    close (fd[0]);
    return message_fail (STATUS_LOCAL, "cannot fork: %s", strerror (errno));
  }
  do
    n = read (fd[0], &report, sizeof report);
  while (n < 0 && errno == EINTR);
  close (fd[0]);
  if (n == sizeof report) {
    program_wait (pid);
    return fail (&report, argv[0]);
  }
  *ret_pid = pid;
  return STATUS_OK;
}
