/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* villains.c - clients that behave badly.  See villains.h.  */

#include "villains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS    128
#define FLOOD_LEN   ((size_t) 64 << 10)
#define MAX_PERIOD  1024
#define TICK_MS     1
#define N_TICKS     10  /* until each has had its own: they do not drip all at once */
#define N_FDS       100 /* along with each message; the library takes 64 without a request */
#define N_LAST_NOPS 20000

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X990 X100 X100 X100 X100 X100 X100 X100 X100 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10

volatile sig_atomic_t villains_stop;

/* How they behave.  */
struct kind {
  const char *name;
  const char *what;
  const char *first; /* what is said at once, or NULL */
  const char *text;  /* what is said then, again and again, or NULL */
  bool drips;        /* an octet every N_TICKS * TICK_MS; else as much as goes in */
  bool is_deaf;      /* reads nothing before the connection is over */
  bool leaves;       /* as soon as it heard something */
  bool passes_fds;
  size_t max_len; /* of TEXT, then it sends no more, reads all, and counts; 0: no end */
};

static const struct kind kinds[] = {
  { .name = "half", .what = "half a line, and nothing more", .first = "NO", .is_deaf = true },
  { .name = "drip", .what = "an octet every 10 ms", .text = "NOP\n", .drips = true },
  { .name = "crawl", .what = "an octet every 10 ms, all of one line", .text = "x", .drips = true },
  { .name = "greedy", .what = "bulk data, not read", .first = "BULK\n", .is_deaf = true },
  { .name = "silent", .what = "nothing", .is_deaf = true },
  { .name = "reconnect", .what = "come, be greeted, and leave", .leaves = true },
  { .name = "flood", .what = "NOPs as fast as it goes", .text = "NOP\n" },
  { .name = "deaf", .what = "the same, replies not read", .text = "NOP\n", .is_deaf = true },
  { .name = "inquiry",
    .what = "data without end in answer to an inquiry",
    .first = "ASK 100000\n",
    .text = "D " X990 "\n" },
  { .name = "endless", .what = "a line without end", .text = X990 X10 },
  { .name = "fds",
    .what = "descriptors that nobody asked for",
    .text = "NOP\n",
    .passes_fds = true },
  { .name = "last",
    .what = "20000 NOPs, then only reading",
    .text = "NOP\n",
    .max_len = (size_t) 4 * N_LAST_NOPS },
};

#define N_KINDS (sizeof kinds / sizeof *kinds)

struct villain {
  int fd;          /* -1: not connected */
  size_t n_sent;   /* octets of the kind's text */
  uint64_t n_ok;   /* on this connection */
  char line[16];   /* the beginning of the line that is coming */
  size_t line_len; /* octets of it that came */
};

/* All of one kind.  */
struct band {
  const struct kind *kind;
  const char *path;
  struct villain *villains;
  size_t n;
  size_t n_away; /* not connected */
  size_t text_len;
  int epoll_fd;
  int fd_to_pass;
  uint64_t tick_ms; /* when the last ones dripped */
  size_t n_ticks;
  struct villains_report *report;
  char flood[FLOOD_LEN + MAX_PERIOD]; /* the text, again and again */
};

/* --- Hearing ---------------------------------------------------------------------------------- */

static void
count_err (struct villains_report *report, unsigned int code) {
  size_t i = 0;

  report->n_err++;
  while (i + 1 < sizeof report->errs / sizeof *report->errs && report->errs[i].n
         && report->errs[i].code != code)
    i++;
  report->errs[i].code = code;
  report->errs[i].n++;
}

static void
end_line (struct band *band, struct villain *v) {
  size_t len = v->line_len < sizeof v->line - 1 ? v->line_len : sizeof v->line - 1;

  v->line[len] = 0;
  if (!strncmp (v->line, "OK", 2)) {
    band->report->n_ok++;
    v->n_ok++;
  } else if (!strncmp (v->line, "ERR ", 4)) {
    count_err (band->report, (unsigned int) strtoul (v->line + 4, NULL, 10) & 0xffff);
  }
  v->line_len = 0;
}

/* Looks at LEN octets that came.  */
static void
take (struct band *band, struct villain *v, const char *buf, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (buf[i] == '\n')
      end_line (band, v);
    else if (v->line_len++ < sizeof v->line - 1)
      v->line[v->line_len - 1] = buf[i];
  }
}

/* Reads once.  Returns 1 if something came, 0 if nothing did, -1 at the end.  */
static int
hear (struct band *band, struct villain *v) {
  static char buf[FLOOD_LEN];
  ssize_t n = recv (v->fd, buf, sizeof buf, MSG_DONTWAIT);

  if (n > 0) take (band, v, buf, (size_t) n);
  if (n > 0) return 1;
  if (n < 0 && errno == EAGAIN) return 0;
  if (n)
    band->report->n_reset++;
  else
    band->report->n_ended++;
  return -1;
}

/* --- Speaking --------------------------------------------------------------------------------- */

/* Sends BUF, with descriptors if the kind is so.  */
static ssize_t
say (struct band *band, struct villain *v, const char *buf, size_t len) {
  struct iovec iov = { .iov_base = (char *) buf, .iov_len = len };
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (N_FDS * sizeof (int))];
  } control;
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

  if (band->kind->passes_fds) {
    msg.msg_control = &control;
    msg.msg_controllen = sizeof control;
    memset (&control, 0, sizeof control);
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN (N_FDS * sizeof (int));
    for (size_t i = 0; i < N_FDS; i++)
      memcpy (CMSG_DATA (&control.align) + i * sizeof (int), &band->fd_to_pass, sizeof (int));
  }
  return sendmsg (v->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Octets of the text that may still be sent.  */
static size_t
left (const struct band *band, const struct villain *v) {
  return band->kind->max_len ? band->kind->max_len - v->n_sent : SIZE_MAX;
}

/* Sends at most LEN octets of the text.  A failure shows in what is heard.  */
static void
say_text (struct band *band, struct villain *v, size_t len) {
  size_t may_send = left (band, v);
  ssize_t n;

  if (len > may_send) len = may_send;
  if (!len) return;
  n = say (band, v, band->flood + v->n_sent % band->text_len, len);
  if (n <= 0) return;
  v->n_sent += (size_t) n;
  band->report->n_sent += (uint64_t) n;
  if ((size_t) n < may_send) return;
  shutdown (v->fd, SHUT_WR);
  epoll_ctl (band->epoll_fd, EPOLL_CTL_MOD, v->fd,
             &(struct epoll_event) { .events = EPOLLIN, .data.ptr = v });
}

/* --- Coming and going ------------------------------------------------------------------------- */

/* Connects to the server.  Returns a descriptor, or -1 with errno.  */
static int
dial (const char *path) {
  socklen_t len = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (path));
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;

  errno = ENAMETOOLONG;
  if (strlen (path) >= sizeof address.sun_path) return -1;
  strcpy (address.sun_path, path);
  if (*path == '@') address.sun_path[0] = 0; /* an abstract one, whose length counts */
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect (fd, (struct sockaddr *) &address, len)) {
    int err = errno;
    close (fd);
    errno = err;
    return -1;
  }
  return fd;
}

/* Lets V come.  A server whose queue is full is tried again later.  */
static int
come (struct band *band, struct villain *v) {
  struct epoll_event event = { .data.ptr = v };
  const struct kind *kind = band->kind;

  v->fd = dial (band->path);
  if (v->fd < 0) return errno == EAGAIN ? 0 : -1;
  band->n_away--;
  band->report->n_connected++;
  v->n_ok = 0;
  v->n_sent = v->line_len = 0;
  if (kind->first) (void) !send (v->fd, kind->first, strlen (kind->first), MSG_NOSIGNAL);
  if (!kind->is_deaf) event.events |= EPOLLIN;
  if (kind->text && !kind->drips) event.events |= EPOLLOUT;
  return epoll_ctl (band->epoll_fd, EPOLL_CTL_ADD, v->fd, &event);
}

static void
go (struct band *band, struct villain *v) {
  uint64_t n_wanted = band->kind->max_len / strlen ("NOP\n") + 1; /* and the greeting */

  if (band->kind->max_len && v->n_ok == n_wanted) band->report->n_done++;
  if (band->kind->max_len && v->n_ok != n_wanted) band->report->n_undone++;
  close (v->fd);
  v->fd = -1;
  band->n_away++;
}

/* Lets all come that are away.  */
static int
come_all (struct band *band) {
  for (size_t i = 0; band->n_away && i < band->n; i++)
    if (band->villains[i].fd < 0 && come (band, &band->villains[i])) return -1;
  return 0;
}

/* --- The loop --------------------------------------------------------------------------------- */

/* What the server said before it ended a connection is still there.  */
static void
on_event (struct band *band, struct villain *v, uint32_t events) {
  bool is_over = events & (EPOLLHUP | EPOLLERR);
  int rc = 1;

  if (is_over)
    while (rc > 0)
      rc = hear (band, v);
  else if (events & EPOLLIN)
    rc = hear (band, v);
  if (rc >= 0 && (events & EPOLLOUT)) say_text (band, v, FLOOD_LEN);
  if (rc < 0 || is_over || (band->kind->leaves && v->n_ok)) go (band, v);
}

/* Lets those drip whose turn it is, if it is time.  */
static void
drip (struct band *band) {
  struct timespec now;
  uint64_t now_ms;

  clock_gettime (CLOCK_MONOTONIC, &now);
  now_ms = (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
  if (now_ms - band->tick_ms < TICK_MS) return;
  band->tick_ms = now_ms;
  for (size_t i = band->n_ticks++ % N_TICKS; i < band->n; i += N_TICKS)
    if (band->villains[i].fd >= 0) say_text (band, &band->villains[i], 1);
}

static int
misbehave (struct band *band) {
  int timeout_ms = band->kind->drips ? TICK_MS : N_TICKS * TICK_MS;
  struct epoll_event events[N_EVENTS];

  while (!villains_stop) {
    int n = epoll_wait (band->epoll_fd, events, N_EVENTS, timeout_ms);
    if (n < 0 && errno != EINTR) return -1;
    for (int i = 0; i < n; i++)
      on_event (band, events[i].data.ptr, events[i].events);
    if (band->kind->drips) drip (band);
    if (!villains_stop && come_all (band)) return -1;
  }
  return 0;
}

/* Prepares BAND, whose kind is known.  */
static int
gather (struct band *band) {
  band->villains = calloc (band->n, sizeof *band->villains);
  band->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  band->fd_to_pass = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (!band->villains || band->epoll_fd < 0 || band->fd_to_pass < 0) return -1;
  for (size_t i = 0; i < band->n; i++)
    band->villains[i].fd = -1;
  band->n_away = band->n;
  if (!band->kind->text) return 0;
  band->text_len = strlen (band->kind->text);
  for (size_t i = 0; i < sizeof band->flood; i++)
    band->flood[i] = band->kind->text[i % band->text_len];
  return 0;
}

static void
disperse (struct band *band) {
  for (size_t i = 0; band->villains && i < band->n; i++)
    if (band->villains[i].fd >= 0) close (band->villains[i].fd);
  if (band->epoll_fd >= 0) close (band->epoll_fd);
  if (band->fd_to_pass >= 0) close (band->fd_to_pass);
  free (band->villains);
  free (band);
}

const char *
villains_kind (size_t index, const char **ret_what) {
  if (index >= N_KINDS) return NULL;
  *ret_what = kinds[index].what;
  return kinds[index].name;
}

int
villains_run (const char *path, const char *kind, size_t n, struct villains_report *report) {
  struct band *band = calloc (1, sizeof *band);
  int rc;

  if (!band) return -1;
  *band =
      (struct band) { .path = path, .n = n, .epoll_fd = -1, .fd_to_pass = -1, .report = report };
  for (size_t i = 0; i < N_KINDS; i++)
    if (!strcmp (kind, kinds[i].name)) band->kind = &kinds[i];
  if (!band->kind) errno = EINVAL;
  rc = band->kind ? gather (band) : -1;
  if (!rc) rc = come_all (band);
  if (!rc) rc = misbehave (band);
  disperse (band);
  return rc;
}
