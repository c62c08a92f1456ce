/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wait.c - the one event loop of the tool, and waiting in it.  */

#include "wait.h"
#include "message.h"
#include "settings.h"
#include "tty.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

static eva_loop *loop;
static eva_source *interrupt_source;
static int interrupt_fd = -1;
static volatile sig_atomic_t n_interrupts;
static uint64_t started_ns;
static void (*after_turn) (void);

/* --- SIGINT ----------------------------------------------------------------------------------- */

/* The second one ends a process that hangs where no loop runs, as in a write to a pipe.  */
static void
on_interrupt (int sig) {
  static const uint64_t one = 1;
  int saved = errno;

  if (n_interrupts++) {
    tty_restore ();
    signal (sig, SIG_DFL);
    raise (sig);
  }
  if (write (interrupt_fd, &one, sizeof one) < 0) {}
  errno = saved;
}

static void
on_interrupt_fd (void *arg, unsigned int revents) {
  uint64_t n;

  (void) arg;
  (void) revents;
  if (read (interrupt_fd, &n, sizeof n) < 0) {}
}

bool
wait_was_interrupted (void) {
  return n_interrupts > 0;
}

void
wait_forget_interrupt (void) {
  n_interrupts = 0;
}

/* --- The loop --------------------------------------------------------------------------------- */

/* A process that was started with SIGINT ignored, in the background of a script, leaves it so.  */
static void
catch_interrupts (void) {
  struct sigaction action = { .sa_handler = on_interrupt }, old;

  sigemptyset (&action.sa_mask);
  if (!sigaction (SIGINT, NULL, &old) && old.sa_handler != SIG_IGN)
    sigaction (SIGINT, &action, NULL);
}

enum status
wait_init (void) {
  loop = eva_loop_new ();
  interrupt_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop && interrupt_fd >= 0)
    interrupt_source = eva_loop_add_fd (loop, interrupt_fd, EVA_READABLE, on_interrupt_fd, NULL);
  if (!interrupt_source)
    return message_fail (STATUS_LOCAL, "cannot make an event loop: %s", strerror (errno));
  wait_restart_timeout ();
  catch_interrupts ();
  return STATUS_OK;
}

void
wait_deinit (void) {
  eva_source_free (interrupt_source);
  eva_loop_free (loop);
  if (interrupt_fd >= 0) close (interrupt_fd);
}

eva_loop *
wait_loop (void) {
  return loop;
}

void
wait_after_turn (void (*cb) (void)) {
  after_turn = cb;
}

void
wait_restart_timeout (void) {
  started_ns = eva_now ();
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static int
left_ms (uint64_t since_ns, unsigned int timeout_ms) {
  uint64_t spent_ms = (eva_now () - since_ns) / NS_PER_MS;

  return spent_ms >= timeout_ms ? 0 : (int) (timeout_ms - spent_ms);
}

int
wait_left_ms (void) {
  return settings.timeout_ms ? left_ms (started_ns, settings.timeout_ms) : -1;
}

static void
end_turn (void) {
  void (*cb) (void) = after_turn;

  after_turn = NULL;
  if (cb) cb ();
}

/* One turn of at most MAX_MS milliseconds, -1 being without end.  */
static enum status
turn (int max_ms) {
  int error = eva_loop_dispatch (loop, max_ms) ? errno : 0;

  end_turn ();
  errno = error;
  if (!error || error == EINTR) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "the event loop fails: %s", strerror (errno));
}

enum status
wait_until (const bool *done) {
  while (!*done) {
    int max_ms = wait_left_ms ();
    enum status status;
    if (!max_ms) return message_fail (STATUS_TIMEOUT, "the time of --timeout is over");
    status = n_interrupts ? STATUS_INTERRUPTED : turn (max_ms);
    if (status) return status;
  }
  return STATUS_OK;
}

enum status
wait_at_most (const bool *done, unsigned int timeout_ms) {
  uint64_t since_ns = eva_now ();
  int before = n_interrupts;

  while (!*done) {
    int max_ms = left_ms (since_ns, timeout_ms);
    enum status status;
    if (!max_ms) return STATUS_TIMEOUT;
    status = n_interrupts > before ? STATUS_INTERRUPTED : turn (max_ms);
    if (status) return status;
  }
  return STATUS_OK;
}
