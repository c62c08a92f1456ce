/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/notify.h - tells the service manager how a daemon is, by the protocol of sd_notify(3).

   A service of `Type=notify` counts as started when it says so, and systemd restarts a service with
   `WatchdogSec=` that has not said for so long that its loop runs:

       eva_notify ("READY=1")                     the daemon serves now
       eva_notify ("STOPPING=1")                  it drains
       eva_notify ("RELOADING=1 ...")             and so on: all that sd_notify(3) lists
       eva_notify_status ("12 clients")           what `systemctl status` shows
       eva_watchdog_start (&watchdog, loop)       WATCHDOG=1, from a timer of the loop

   Without a service manager all of them do nothing, so a daemon calls them in any case.  This
   header is all there is: neither the library nor the program links anything for it.  The
   environment stays as it is; systemd hears none but the main process, unless `NotifyAccess=` says
   otherwise.  */

#ifndef EVA_NOTIFY_H
#define EVA_NOTIFY_H

#include <eva-loop.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The timer of a watchdog.  Zero-initialized it is none.  */
struct eva_watchdog {
  eva_source *timer;
  unsigned int interval_ms;
};

/* For the functions below: fills ADDR from $NOTIFY_SOCKET, a path or @ and an abstract name.
   Returns the length of the address; 0 if the variable is not set; -1 with errno EAFNOSUPPORT for
   something else, ENAMETOOLONG.  */
static inline int
eva_notify_address (struct sockaddr_un *addr) {
  const char *name = getenv ("NOTIFY_SOCKET");
  size_t len = name ? strlen (name) : 0;

  if (!len) return 0;
  errno = EAFNOSUPPORT;
  if ((*name != '/' && *name != '@') || len < 2) return -1;
  errno = ENAMETOOLONG;
  if (len >= sizeof addr->sun_path) return -1;
  memset (addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  memcpy (addr->sun_path, name, len);
  if (*name == '@') addr->sun_path[0] = 0;
  return (int) (offsetof (struct sockaddr_un, sun_path) + len);
}

/* For the functions below: as eva_notify, with flags of send.  */
static inline int
eva_notify_send (const char *state, int flags) {
  const struct timeval limit = { 1, 0 };
  struct sockaddr_un addr;
  int addr_len = eva_notify_address (&addr), fd, saved;
  ssize_t n;

  if (addr_len <= 0) return addr_len;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  (void) setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  do
    n = sendto (fd, state, strlen (state), flags | MSG_NOSIGNAL, (const struct sockaddr *) &addr,
                (socklen_t) addr_len);
  while (n < 0 && errno == EINTR);
  saved = errno;
  close (fd);
  errno = saved;
  return n < 0 ? -1 : 1;
}

/* Tells the service manager STATE: assignments as sd_notify(3) lists them, with LF between.  If the
   service manager has not read what it was told, this waits for at most a second.  May be called
   from everywhere.
   Returns 1; 0 if there is no service manager ($NOTIFY_SOCKET is not set); -1 with errno: EAGAIN if
   it does not read; EINVAL if STATE is NULL or empty; ENAMETOOLONG or EAFNOSUPPORT for a
   $NOTIFY_SOCKET that is no Unix socket; or what the system gives, as ECONNREFUSED.  */
static inline int
eva_notify (const char *state) {
  errno = EINVAL;
  if (!state || !*state) return -1;
  return eva_notify_send (state, 0);
}

/* Tells the service manager TEXT, one line without LF and of less than 1000 octets, as what the
   service does now.  May be called from everywhere.  Returns as eva_notify; EINVAL also for another
   text.  */
static inline int
eva_notify_status (const char *text) {
  char state[1024];

  errno = EINVAL;
  if (!text || strchr (text, '\n') || strlen (text) >= 1000) return -1;
  snprintf (state, sizeof state, "STATUS=%s", text);
  return eva_notify_send (state, 0);
}

/* Returns how many microseconds may go by between two WATCHDOG=1 of this process; 0 if the service
   manager wants none of it, or wants them of another process.  May be called from everywhere.  */
static inline uint64_t
eva_watchdog_limit_us (void) {
  const char *limit = getenv ("WATCHDOG_USEC"), *pid = getenv ("WATCHDOG_PID");
  char *end;
  unsigned long long us;

  if (!limit || *limit < '0' || *limit > '9') return 0;
  errno = 0;
  us = strtoull (limit, &end, 10);
  if (errno || *end) return 0;
  if (pid && strtoull (pid, &end, 10) != (unsigned long long) getpid ()) return 0;
  return us;
}

/* For eva_watchdog_start: the callback of the timer.  If the service manager does not read now, the
   next one makes up for that.  */
static inline void
eva_watchdog_tick (void *arg) {
  struct eva_watchdog *watchdog = (struct eva_watchdog *) arg;

  (void) eva_notify_send ("WATCHDOG=1", MSG_DONTWAIT);
  eva_source_set_delay (watchdog->timer, watchdog->interval_ms);
}

/* Ends WATCHDOG, if it is one.  It comes before LOOP is freed, or not at all.  May be called from
   everywhere.  */
static inline void
eva_watchdog_stop (struct eva_watchdog *watchdog) {
  eva_source_free (watchdog->timer);
  watchdog->timer = NULL;
}

/* Lets a timer of LOOP tell the service manager, at once and then whenever half of its limit has
   gone by, that LOOP runs.  A callback that takes longer than the other half makes the service
   manager end the process.  WATCHDOG is the caller's, zero-initialized before its first start, and
   stays where it is until eva_watchdog_stop.  If LOOP is freed before, the timer goes with it, and
   the caller zeroes WATCHDOG before another start.  If WATCHDOG is one already, this ends it and
   begins anew.  May be called from everywhere.
   Returns 1; 0 if the service manager wants no such thing, and then WATCHDOG is none; -1 with errno
   ENOMEM.  */
static inline int
eva_watchdog_start (struct eva_watchdog *watchdog, eva_loop *loop) {
  uint64_t ms = eva_watchdog_limit_us () / 2000;

  eva_watchdog_stop (watchdog);
  if (!eva_watchdog_limit_us ()) return 0;
  watchdog->interval_ms = ms > 3600000u ? 3600000u : ms ? (unsigned int) ms : 1;
  watchdog->timer = eva_loop_add_timer (loop, 0, eva_watchdog_tick, watchdog);
  return watchdog->timer ? 1 : -1;
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_NOTIFY_H */
