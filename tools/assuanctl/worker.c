/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.c - a program that runs beside the loop.

   The number of a group is free for others as soon as its leader was waited for and no member is
   left.  So a worker that is being ended is waited for last: until then a signal can reach no other
   group.  The kernel does not tell whether a group has members after its leader has ended, but the
   pipe that all of them have does.  A member that has closed the pipe ends by the SIGKILL.  */

#include "worker.h"
#include "program.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KILL_MS  5000u
#define AWAIT_MS 50u

struct worker {
  struct worker *previous, *next;
  struct worker_config config; /* without what is needed for starting alone */
  pid_t pid;
  pid_t target; /* of signals: the group, -PID, or PID alone */
  int pidfd;
  eva_source *pid_source;
  bool is_ending, has_ended;
  int fd; /* of worker_end, or -1 */
  eva_source *fd_source, *timer;
};

static struct worker *workers;

/* --- Life ------------------------------------------------------------------------------------- */

static void
unlink_worker (struct worker *w) {
  if (w->previous)
    w->previous->next = w->next;
  else
    workers = w->next;
  if (w->next) w->next->previous = w->previous;
}

static void
close_fd (struct worker *w) {
  eva_source_free (w->fd_source);
  w->fd_source = NULL;
  if (w->fd >= 0) close (w->fd);
  w->fd = -1;
}

static void
free_worker (struct worker *w) {
  unlink_worker (w);
  close_fd (w);
  eva_source_free (w->timer);
  eva_source_free (w->pid_source);
  close (w->pidfd);
  free (w);
}

/* --- Ending ----------------------------------------------------------------------------------- */

/* Nothing is left of a group that was ended.  */
static void
finish (struct worker *w) {
  struct worker_config config = w->config;

  program_wait (w->pid);
  free_worker (w);
  if (config.gone) config.gone (config.gone_arg);
}

static void
look (struct worker *w) {
  if (w->has_ended && w->fd < 0) finish (w);
}

static void
on_fd (void *arg, unsigned int revents) {
  struct worker *w = arg;
  char buf[512];
  ssize_t n = read (w->fd, buf, sizeof buf);

  (void) revents;
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
  close_fd (w);
  look (w);
}

/* Kills what is left.  The pidfd still waits for a leader that is stuck in the kernel.  */
static void
on_time (void *arg) {
  struct worker *w = arg;

  kill (w->target, SIGKILL);
  close_fd (w);
  look (w);
}

static void
on_end (void *arg, unsigned int revents) {
  struct worker *w = arg;
  struct worker_config config = w->config;
  int status;

  (void) revents;
  if (w->is_ending) {
    w->has_ended = true;
    eva_source_free (w->pid_source); /* it stays readable */
    w->pid_source = NULL;
    look (w);
    return;
  }
  status = program_wait (w->pid);
  free_worker (w);
  if (config.ended) config.ended (config.arg, status);
  if (config.gone) config.gone (config.gone_arg);
}

void
worker_end (struct worker *w, int fd) {
  w->is_ending = true;
  kill (w->target, SIGTERM);
  kill (w->target, SIGCONT); /* one that is stopped hears no other signal */
  eva_source_free (w->timer);
  w->timer = eva_loop_add_timer (wait_loop (), KILL_MS, on_time, w);
  w->fd = fd;
  if (fd >= 0) w->fd_source = eva_loop_add_fd (wait_loop (), fd, EVA_READABLE, on_fd, w);
  if (fd >= 0 && !w->fd_source) close_fd (w);
  if (!w->timer) kill (w->target, SIGKILL);
}

static void
on_leave_time (void *arg) {
  worker_end (arg, -1);
}

void
worker_leave (struct worker *w, unsigned int ms) {
  w->config.ended = NULL;
  w->config.gone = NULL;
  w->timer = eva_loop_add_timer (wait_loop (), ms, on_leave_time, w);
  if (!w->timer) worker_end (w, -1);
}

/* --- Starting --------------------------------------------------------------------------------- */

static int
watch (struct worker *w) {
  w->pidfd = (int) syscall (SYS_pidfd_open, w->pid, 0);
  if (w->pidfd < 0) return -1;
  fcntl (w->pidfd, F_SETFD, FD_CLOEXEC);
  w->pid_source = eva_loop_add_fd (wait_loop (), w->pidfd, EVA_READABLE, on_end, w);
  if (w->pid_source) return 0;
  close (w->pidfd);
  return -1;
}

static void
enter (struct worker *w) {
  w->next = workers;
  if (workers) workers->previous = w;
  workers = w;
}

void
worker_leave_child (pid_t pid, unsigned int ms) {
  struct worker *w = text_alloc (sizeof *w);

  *w = (struct worker) { .pid = pid, .target = pid, .fd = -1 };
  if (watch (w)) {
    kill (pid, SIGKILL);
    program_wait (w->pid);
    free (w);
    return;
  }
  enter (w);
  worker_leave (w, ms);
}

struct worker *
worker_start (const struct worker_config *config) {
  struct worker *w = text_alloc (sizeof *w);

  *w = (struct worker) { .config = *config, .fd = -1 };
  w->pid = program_start_group (config->argv, config->env, config->fds, config->n_fds);
  if (w->pid < 0 || watch (w)) {
    int error = errno;
    if (w->pid > 0) kill (-w->pid, SIGKILL);
    if (w->pid > 0) program_wait (w->pid);
    free (w);
    errno = error;
    return NULL;
  }
  w->target = -w->pid;
  enter (w);
  return w;
}

void
worker_kill_all (void) {
  for (struct worker *w = workers; w; w = w->next)
    kill (w->target, SIGKILL);
}

/* The end of a worker ends a turn of the loop, but not wait_at_most: so this waits in short
   pieces.  */
void
worker_await_all (void) {
  bool never = false;

  while (workers) {
    enum status status = wait_at_most (&never, AWAIT_MS);
    if (status == STATUS_TIMEOUT) continue;
    worker_kill_all ();
    if (status != STATUS_INTERRUPTED) return;
  }
}
