/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* child.c - a child process: fork, its descriptors, its environment, exec.

   The order in the child matters.  The program's callback sees the descriptors of the parent.  Then
   the child moves the pipe ends out of the way before it overwrites 0, 1 and 2, because in a parent
   without standard descriptors they may have those very numbers.  It closes everything else
   last.  */

#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What libassuan's children exit with if they could not execute the program.  */
#define EXIT_NO_EXEC 4

/* How often the library looks whether a child has ended, where the system does not tell.  */
#define LOOK_INTERVAL_NS 100000000

/* Numbers from 0 to 2 are the standard descriptors.  */
#define FIRST_FREE_FD 3

extern char **environ;

/* --- The environment -------------------------------------------------------------------------- */

/* Returns true if A and B, each `NAME` or `NAME=VALUE`, have the same name.  */
static bool
is_same_name (const char *a, const char *b) {
  size_t len = strcspn (a, "=");

  return len == strcspn (b, "=") && !memcmp (a, b, len);
}

/* Returns true if one of SETTINGS, or of our own variables, is for the name of VARIABLE.  */
static bool
is_set (const char *variable, const char *const *settings) {
  if (is_same_name (variable, EVA__IO_PID_VARIABLE) || is_same_name (variable, EVA__IO_FD_VARIABLE))
    return true;
  for (; settings && *settings; settings++)
    if (is_same_name (variable, *settings)) return true;
  return false;
}

static size_t
count_strings (const char *const *strings) {
  size_t n = 0;

  while (strings && strings[n])
    n++;
  return n;
}

char **
eva__io_child_environment (const struct eva__io_variables *variables) {
  const char *const *settings = variables->settings;
  size_t n = count_strings ((const char *const *) environ), kept = 0;
  size_t size = (n + count_strings (settings) + 3) * sizeof (char *);
  const char **copy;

  /* malloc could wait forever for a lock that a thread of the parent held.  */
  copy = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return NULL;
  for (size_t i = 0; i < n; i++)
    if (!is_set (environ[i], settings)) copy[kept++] = environ[i];
  for (; settings && *settings; settings++)
    if (strchr (*settings, '=') && !is_set (*settings, settings + 1)) copy[kept++] = *settings;
  if (*variables->pid) copy[kept++] = variables->pid;
  if (*variables->fd) copy[kept++] = variables->fd;
  copy[kept] = NULL;
  /* The array's type is not const, the strings are never written to.  */
  return (char **) (uintptr_t) copy;
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static bool
is_open (int fd) {
  return fcntl (fd, F_GETFD) >= 0;
}

static bool
is_listed (const assuan_fd_t *list, int fd) {
  for (; list && *list != ASSUAN_INVALID_FD; list++)
    if (*list == fd) return true;
  return false;
}

/* Returns the lowest descriptor in LIST that is not below FD, or -1.  No sorted copy: that would
   take memory, and lists are short.  */
static int
next_listed (const assuan_fd_t *list, int fd) {
  int lowest = -1;

  for (; list && *list != ASSUAN_INVALID_FD; list++)
    if (*list >= fd && (lowest < 0 || *list < lowest)) lowest = *list;
  return lowest;
}

/* Closes what /proc says is open from FIRST to LAST.  Returns false if it does not say.  */
static bool
close_span_by_proc (unsigned int first, unsigned int last) {
  /* struct linux_dirent64 of getdents64(2).  opendir would need memory.  */
  enum { RECLEN_AT = 16, NAME_AT = 19 };
  char buf[4096];
  unsigned short reclen;
  int dir = open ("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  long n;

  if (dir < 0) return false;
  while ((n = syscall (SYS_getdents64, dir, buf, sizeof buf)) > 0) {
    for (long at = 0; at < n; at += reclen) {
      const char *digit = buf + at + NAME_AT;
      unsigned int fd = 0;
      memcpy (&reclen, buf + at + RECLEN_AT, sizeof reclen);
      if (*digit == '.') continue;
      while (*digit >= '0' && *digit <= '9')
        fd = fd * 10 + (unsigned int) (*digit++ - '0');
      if (fd >= first && fd <= last && fd != (unsigned int) dir) close ((int) fd);
    }
  }
  close (dir);
  return n == 0;
}

/* Closes all descriptors from FIRST to LAST.  Linux has close_range since 5.9, and sandboxes refuse
   it.  */
static void
close_span (unsigned int first, unsigned int last) {
  struct rlimit limit;

  if (first > last) return;
#ifdef SYS_close_range
  if (!syscall (SYS_close_range, first, last, 0)) return;
#endif
  if (close_span_by_proc (first, last)) return;
  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
    limit.rlim_cur = INT32_MAX;
  for (unsigned int fd = first; fd <= last && fd < limit.rlim_cur; fd++)
    close ((int) fd);
}

/* Closes all descriptors above the standard ones that are not in LIST.  */
static void
close_all_but (const assuan_fd_t *list) {
  int at = FIRST_FREE_FD, keep;

  while ((keep = next_listed (list, at)) >= 0) {
    if (keep > at) close_span ((unsigned int) at, (unsigned int) keep - 1);
    at = keep + 1;
  }
  close_span ((unsigned int) at, ~0u);
}

/* Returns FD, or if that is a standard descriptor, a copy that is not; -1 with errno.  */
static int
raise_fd (int fd) {
  return fd >= 0 && fd < FIRST_FREE_FD ? fcntl (fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD) : fd;
}

/* Makes FD the standard descriptor STD.  Without an FD, leaves a listed one alone, else puts
   /dev/null there.  */
static bool
set_standard (const struct eva__io_child *child, int fd, int std) {
  bool taken = std == child->in_fd || std == child->out_fd; /* a pipe end stood there */
  int null;

  if (fd >= 0) return dup2 (fd, std) == std;
  if (is_listed (child->fd_list, std) && !taken && is_open (std)) {
    fcntl (std, F_SETFD, 0);
    return true;
  }
  null = open ("/dev/null", O_RDWR);
  if (null < 0) return false;
  if (null == std) return true;
  fd = dup2 (null, std);
  close (null);
  return fd == std;
}

/* Gives the child its descriptors.  */
static bool
set_descriptors (const struct eva__io_child *child) {
  int in = raise_fd (child->in_fd), out = raise_fd (child->out_fd);

  if ((child->in_fd >= 0 && in < 0) || (child->out_fd >= 0 && out < 0)) return false;
  if (!set_standard (child, in, 0) || !set_standard (child, out, 1) || !set_standard (child, -1, 2))
    return false;
  for (const assuan_fd_t *fd = child->fd_list; fd && *fd != ASSUAN_INVALID_FD; fd++)
    if (*fd >= FIRST_FREE_FD) fcntl (*fd, F_SETFD, 0);
  close_all_but (child->fd_list);
  return true;
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* A line that grows; what does not fit is left out, because a line has a length.  */
struct line {
  char text[512];
  size_t len;
};

/* Adds at most MAX octets of TEXT, without those that would end the line.  */
static void
add_text (struct line *line, const char *text, size_t max) {
  for (; *text && max-- && line->len < sizeof line->text; text++) {
    bool is_control = *text > 0 && *text < ' ';
    line->text[line->len++] = *text;
    if (is_control) line->text[line->len - 1] = '?';
  }
}

static void
add_number (struct line *line, unsigned int number) {
  char digits[16];
  size_t at = sizeof digits - 1;

  digits[at] = 0;
  do
    digits[--at] = (char) ('0' + number % 10);
  while (number /= 10);
  add_text (line, digits + at, sizeof digits);
}

/* Returns the text for ERROR; unlike strerror without locale and lock.  */
static const char *
error_text (int error) {
  const char *text = NULL;

#ifdef __GLIBC__
  text = strerrordesc_np (error);
#endif
  return text ? text : "system error";
}

/* Returns the text for ERROR of executing CHILD's program.  A script whose interpreter is missing
   is there itself, whatever the system says.  */
static const char *
cause_text (const struct eva__io_child *child, int error) {
  bool is_there = child->name && !access (child->name, X_OK);

  return error == ENOENT && is_there ? "its interpreter is missing" : error_text (error);
}

/* Returns where the parent reads: an out_fd is 1 by now, and without one the connection is a
   socket, which stands in front of the list.  */
static int
error_fd (const struct eva__io_child *child) {
  int type;
  socklen_t len = sizeof type;
  const assuan_fd_t *fd = child->fd_list;

  if (child->out_fd != ASSUAN_INVALID_FD) return STDOUT_FILENO;
  for (; fd && *fd != ASSUAN_INVALID_FD; fd++)
    if (!getsockopt (*fd, SOL_SOCKET, SO_TYPE, &type, &len)) return *fd;
  return -1;
}

/* Ends the child.  The parent waits for a greeting: an ERR line is a server's way to refuse
   one.  */
static _Noreturn void
fail (const struct eva__io_child *child, int error) {
  struct line line = { .len = 0 };
  size_t sent = 0;

  add_text (&line, "ERR ", 4);
  add_number (&line, gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_SERVER_START));
  add_text (&line, " can't exec '", 13);
  add_text (&line, child->name ? child->name : "", 300);
  add_text (&line, "': ", 3);
  add_text (&line, cause_text (child, error), 100);
  line.text[line.len++] = '\n';
  while (sent < line.len) {
    ssize_t n = write (error_fd (child), line.text + sent, line.len - sent);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) sent += (size_t) n;
  }
  _exit (EXIT_NO_EXEC);
}

/* --- The child -------------------------------------------------------------------------------- */

static _Noreturn void
execute (const struct eva__io_child *child) {
  char **env = environ;

  if (child->variables) env = eva__io_child_environment (child->variables);
  /* execve does not write to the arguments, whatever its prototype says.  */
  if (env) execve (child->name, (char *const *) (uintptr_t) child->argv, env);
  fail (child, errno);
}

int
eva__io_child_start (const struct eva__io_child *child, pid_t *ret_pid) {
  pid_t pid = fork ();
  int dir_error = 0;

  if (pid < 0) return -1;
  if (pid) {
    *ret_pid = pid;
    return 0;
  }
  if (child->atfork) child->atfork (child->atfork_value, 0);
  /* Before its descriptor is closed; only after that the child can say what went wrong.  */
  if (child->dir_fd && fchdir (*child->dir_fd)) dir_error = errno;
  if (!set_descriptors (child)) fail (child, errno);
  if (dir_error) fail (child, dir_error);
  if (child->name) execute (child);
  return 1;
}

/* Returns a descriptor that becomes readable again and again, or -1 with errno.  */
static int
tick (void) {
  const struct timespec interval = { .tv_nsec = LOOK_INTERVAL_NS };
  const struct itimerspec when = { .it_interval = interval, .it_value = interval };
  int fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

  if (fd >= 0) timerfd_settime (fd, 0, &when, NULL);
  return fd;
}

int
eva__io_child_watch (pid_t pid) {
  int fd = -1;

  if (pid <= 0) {
    errno = EINVAL;
    return -1;
  }
#ifdef SYS_pidfd_open
  fd = (int) syscall (SYS_pidfd_open, pid, 0);
#endif
  return fd < 0 ? tick () : fd;
}

bool
eva__io_child_is_there (pid_t pid) {
  siginfo_t info;

  return pid > 0 && !waitid (P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT);
}

bool
eva__io_child_reap (pid_t pid) {
  int status;

  return eva__io_child_reap_status (pid, &status);
}

bool
eva__io_child_reap_status (pid_t pid, int *ret_status) {
  int status = 0;
  /* waitpid takes a number that is not a pid for a group of children.  */
  pid_t rc = pid <= 0 ? -1 : waitpid (pid, &status, WNOHANG);

  if (!rc) return false;
  *ret_status = rc == pid ? status : 0;
  return true;
}

/* The default spawn function.  ASSUAN_SPAWN_DETACHED is about consoles, which do not exist
   here.  */
int
__assuan_spawn (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
                assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
                void (*atfork) (void *opaque, int reserved), void *atforkvalue,
                unsigned int flags) {
  const char *slash = name ? strrchr (name, '/') : NULL;
  const char *name_only[] = { slash ? slash + 1 : name, NULL };
  struct eva__io_child child = { .name = name,
                                 .argv = argv ? argv : name_only,
                                 .in_fd = fd_in,
                                 .out_fd = fd_out,
                                 .fd_list = fd_child_list,
                                 .atfork = atfork,
                                 .atfork_value = atforkvalue };
  int rc = eva__io_child_start (&child, r_pid);

  (void) ctx;
  (void) flags;
  if (rc < 0) return -1;
  if (rc == 1) *r_pid = 0;
  if (!name && argv) argv[0] = rc == 1 ? "server" : "client";
  return 0;
}
