/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel.c - the octets of a connection, and the descriptors that come with them.

   With the default functions the channel reads and writes a socket with the kernel's own flags for
   "do not wait" and "no signal", and everything that is queued in one call.  Pipes, and all that
   goes through foreign hooks, have no such flags.  There a poll that does not wait asks whether the
   call would; and on a blocking descriptor a write is cut to what the kernel takes without waiting
   once poll says that there is room.  */

#include "io/channel.h"

#include "io/duration.h"
#include "io/fail.h"
#include "io/process.h"
#include "io/sigpipe.h"
#include "wire/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The most elements that a cut write looks at: they only have to hold PIPE_BUF octets.  */
#define MAX_CUT_IOV 16

/* One write: ch's argument list in a struct.  */
struct output {
  const struct iovec *iov;
  size_t n_iov;
  const int *fds;
  size_t n_fds;
  bool wait;
};

/* Room for the control message of a full set of descriptors, and for credentials, which the kernel
   puts in front of it if the program asked for them; aligned as the kernel wants it.  */
union control {
  struct cmsghdr align;
  unsigned char
      octets[CMSG_SPACE (EVA__IO_MAX_FDS * sizeof (int)) + CMSG_SPACE (sizeof (struct ucred))];
};

/* --- Making and closing ----------------------------------------------------------------------- */

/* Returns true if FD is a Unix socket.  */
static bool
is_unix_socket (assuan_fd_t fd) {
  int domain = AF_UNSPEC;
  socklen_t len = sizeof domain;

  return !getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX;
}

/* Returns what tells the file of FD from others, not 0, and stores whether it is a socket; returns
   0 if FD is not open.  Device numbers are small, and inodes do not fill 64 bits: mixed, the two
   keep apart what can be mistaken.  */
static uint64_t
identify_kind (assuan_fd_t fd, bool *ret_is_socket) {
  struct stat st;

  *ret_is_socket = false;
  if (fd == ASSUAN_INVALID_FD || fstat (fd, &st)) return 0;
  *ret_is_socket = S_ISSOCK (st.st_mode);
  return ((uint64_t) st.st_ino ^ (uint64_t) st.st_dev << 40) | (uint64_t) 1 << 63;
}

static uint64_t
identify (assuan_fd_t fd) {
  bool is_socket;

  return identify_kind (fd, &is_socket);
}

/* Hooks may have descriptors that the kernel does not know.  */
static bool
is_same_file (assuan_fd_t fd, uint64_t file) {
  return !file || identify (fd) == file;
}

void
eva__io_channel_init (struct eva__io_channel *ch, const struct eva__io_sys *sys, assuan_fd_t in_fd,
                      assuan_fd_t out_fd, bool pass_fds) {
  bool is_socket;

  ch->sys = sys;
  ch->process = eva__io_this_process ();
  ch->in_fd = in_fd;
  ch->out_fd = out_fd;
  ch->in_file = identify_kind (in_fd, &is_socket);
  ch->out_file = out_fd == in_fd ? ch->in_file : identify (out_fd);
  ch->is_socket = is_socket && in_fd == out_fd;
  ch->passes_fds = pass_fds && ch->is_socket && is_unix_socket (in_fd);
}

void
eva__io_channel_init_socket (struct eva__io_channel *ch, const struct eva__io_sys *sys,
                             assuan_fd_t fd, bool passes_fds) {
  /* An identity of zero is not checked.  */
  *ch = (struct eva__io_channel) {
    .sys = sys,
    .in_fd = fd,
    .out_fd = fd,
    .is_socket = true,
    .passes_fds = passes_fds,
    .process = eva__io_this_process (),
  };
}

void
eva__io_channel_check (struct eva__io_channel *ch) {
  bool same = ch->out_fd == ch->in_fd;

  if (!is_same_file (ch->in_fd, ch->in_file)) ch->in_fd = ASSUAN_INVALID_FD;
  if (same)
    ch->out_fd = ch->in_fd;
  else if (!is_same_file (ch->out_fd, ch->out_file))
    ch->out_fd = ASSUAN_INVALID_FD;
}

void
eva__io_channel_close (struct eva__io_channel *ch) {
  eva__io_channel_check (ch);
  eva__io_sys_close (ch->sys, ch->in_fd);
  if (ch->out_fd != ch->in_fd) eva__io_sys_close (ch->sys, ch->out_fd);
  ch->in_fd = ch->out_fd = ASSUAN_INVALID_FD;
}

/* Returns true if a call itself may wait: up to a deadline only poll and its like can.  */
static bool
may_block (const struct eva__io_channel *ch, bool wait) {
  return wait && !ch->sys->deadline_ns;
}

/* Waits until the deadline, or until a call with FD is worth another try.  If poll says that FD is
   ready although the call would wait, a hook knows better, or something came just now: the first
   time it is tried again at once.  */
static int
await_in_time (struct eva__io_channel *ch, assuan_fd_t fd, short events, unsigned int *step_us) {
  if (!eva__io_sys_is_ready (fd, events)) return eva__io_sys_await (ch->sys, fd, events);
  if (eva__io_now_ns () >= ch->sys->deadline_ns) return eva__io_fail (ETIME);
  if (*step_us)
    eva__io_sys_pause (ch->sys, step_us);
  else
    *step_us = 1;
  return 0;
}

/* Waits until a call with FD is worth another try.  With foreign hooks the library cannot say when:
   a thread package may know better than poll.  So there is a pause and then simply another try.
   Returns 0, or -1 with errno at the deadline.  */
static int
await (struct eva__io_channel *ch, assuan_fd_t fd, short events, unsigned int *step_us) {
  if (ch->sys->deadline_ns) return await_in_time (ch, fd, events, step_us);
  if (eva__io_sys_is_own (ch->sys))
    eva__io_sys_wait (ch->sys, fd, events);
  else
    eva__io_sys_pause (ch->sys, step_us);
  return 0;
}

/* Returns true if calls for octets of CH are simply those of the system for sockets.  */
static bool
is_plain (const struct eva__io_channel *ch) {
  return ch->is_socket && eva__io_sys_is_own (ch->sys) && !ch->sys->is_clamped;
}

/* A call with FD failed, with errno.  Returns true if it is worth another try, which this waits for
   if WAIT.  */
static __attribute__ ((noinline)) bool
may_repeat (struct eva__io_channel *ch, assuan_fd_t fd, short events, bool wait,
            unsigned int *step_us) {
  if (errno == EINTR) return true;
  if (errno == EWOULDBLOCK) errno = EAGAIN;
  if (errno != EAGAIN || !wait) return false;
  return await (ch, fd, events, step_us) >= 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Puts the N descriptors at DATA into FDS.  The hook of a program may have received them without
   close-on-exec: it is set here, as early as we can.  */
static void
keep_fds (struct eva__io_channel *ch, const unsigned char *data, size_t n,
          struct eva__io_fds *fds) {
  bool set_cloexec = !eva__io_sys_is_own (ch->sys);
  int fd;

  for (size_t i = 0; i < n; i++) {
    memcpy (&fd, data + i * sizeof fd, sizeof fd);
    if (fds->n < fds->max) {
      if (set_cloexec) fcntl (fd, F_SETFD, FD_CLOEXEC);
      fds->fd[fds->n++] = fd;
    } else {
      eva__io_sys_close (ch->sys, fd);
      fds->truncated = true;
    }
  }
}

/* Takes the descriptors out of MSG.  The kernel writes well-formed messages, a foreign hook may
   not: this checks lengths against the LEN octets of our buffer before it believes them, and skips
   other kinds of messages.  */
static void
take_fds (struct eva__io_channel *ch, const struct msghdr *msg, const union control *control,
          struct eva__io_fds *fds) {
  size_t len = msg->msg_controllen, at = 0;
  struct cmsghdr head;

  if (len > sizeof *control) len = sizeof *control;
  while (len - at >= sizeof head) {
    memcpy (&head, control->octets + at, sizeof head);
    if (head.cmsg_len < CMSG_LEN (0) || head.cmsg_len > len - at) break;
    if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS)
      keep_fds (ch, control->octets + at + CMSG_LEN (0),
                (head.cmsg_len - CMSG_LEN (0)) / sizeof (int), fds);
    if (CMSG_ALIGN (head.cmsg_len) > len - at) break;
    at += CMSG_ALIGN (head.cmsg_len);
  }
  if (msg->msg_flags & MSG_CTRUNC) fds->truncated = true;
}

/* Finds out how much of what waits may be read at once, so that descriptors come with the line that
   they belong to.  The kernel ends a read after a message that has some, but hands out the octets
   of earlier messages together with it, and does not tell where it begins.  So there is a look
   first, without room for descriptors: if there are some ahead, MSG_CTRUNC says so, though not
   where, and then this reads one line.  IOV becomes as short.
   Returns how many octets it looked at, which stand in the buffer; 0 at end of file; -1 with
   errno.  */
static ssize_t
look_ahead (struct eva__io_channel *ch, struct iovec *iov, int flags, bool *ret_has_fds) {
  struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };
  ssize_t n = recvmsg (ch->in_fd, &msg, flags | MSG_PEEK);
  const char *lf;

  if (n <= 0) return n;
  *ret_has_fds = msg.msg_flags & MSG_CTRUNC;
  lf = *ret_has_fds ? memchr (iov->iov_base, '\n', (size_t) n) : NULL;
  iov->iov_len = lf ? (size_t) (lf - (const char *) iov->iov_base) + 1 : (size_t) n;
  return n;
}

/* One recvmsg.  Without room for control messages the kernel drops descriptors itself.  It opens as
   many as there is room for: those that are too many must not take numbers away from others
   meanwhile.  */
static __attribute__ ((noinline)) ssize_t
read_message (struct eva__io_channel *ch, struct iovec *iov, int flags, struct eva__io_fds *fds) {
  union control control;
  struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };
  ssize_t n;

  if (fds) {
    /* A hook may claim more than it wrote: what it did not touch must not look like a message.  */
    if (!eva__io_sys_is_own (ch->sys)) memset (&control, 0, sizeof control);
    msg.msg_control = &control;
    msg.msg_controllen = CMSG_SPACE (fds->max * sizeof (int)) + CMSG_SPACE (sizeof (struct ucred));
  }
  n = ch->sys->hooks.recvmsg (ch->sys->ctx, ch->in_fd, &msg, flags);
  if (n >= 0 && fds) take_fds (ch, &msg, &control, fds);
  return n;
}

/* Without a hook, which has no flag for "do not wait".  */
static ssize_t
read_own_socket (struct eva__io_channel *ch, struct iovec *iov, int flags) {
  struct eva__io_clamp clamp;
  ssize_t n;

  eva__io_sys_begin_call (ch->sys, &clamp);
  n = recv (ch->in_fd, iov->iov_base, iov->iov_len, flags);
  eva__io_sys_end_call (ch->sys, &clamp);
  return n;
}

/* A read that may bring descriptors.  Foreign hooks may know nothing of looking, so they only read:
   the library looks, and does not wait.  Where nothing has come yet the hook waits for a single
   octet, to which no earlier message can be glued.  */
static __attribute__ ((noinline)) ssize_t
read_line_by_line (struct eva__io_channel *ch, const struct iovec *iov, int flags,
                   struct eva__io_fds *fds) {
  bool is_own = eva__io_sys_is_own (ch->sys), has_fds = true;
  struct iovec part = *iov;
  ssize_t n_seen = look_ahead (ch, &part, is_own ? flags : MSG_DONTWAIT, &has_fds);
  ssize_t n;

  if (n_seen <= 0 && is_own) return n_seen;
  if (n_seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) part.iov_len = 1;
  if (is_own && !has_fds)
    n = read_own_socket (ch, &part, flags);
  else
    n = read_message (ch, &part, flags, fds);
  if (n_seen > 0 && n_seen > n) {
    size_t n_read = n > 0 ? (size_t) n : 0;
    eva__wire_wipe ((char *) part.iov_base + n_read, (size_t) n_seen - n_read);
  }
  return n;
}

static ssize_t
read_once (struct eva__io_channel *ch, struct iovec *iov, bool wait, struct eva__io_fds *fds) {
  bool own_socket = ch->is_socket && eva__io_sys_is_own (ch->sys);
  int flags = own_socket && !wait ? MSG_DONTWAIT : 0;

  if (!wait && !own_socket && !eva__io_sys_is_ready (ch->in_fd, POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  if (ch->passes_fds && fds) return read_line_by_line (ch, iov, flags, fds);
  if (ch->passes_fds) return read_message (ch, iov, flags, NULL);
  if (own_socket) return read_own_socket (ch, iov, flags);
  return ch->sys->hooks.read (ch->sys->ctx, ch->in_fd, iov->iov_base, iov->iov_len);
}

static __attribute__ ((noinline)) ssize_t
read_otherwise (struct eva__io_channel *ch, void *buf, size_t len, bool wait,
                struct eva__io_fds *fds) {
  struct iovec iov = { .iov_base = buf, .iov_len = len };
  unsigned int step_us = 0;

  if (fds) {
    fds->n = 0;
    fds->truncated = false;
  }
  for (;;) {
    ssize_t n = read_once (ch, &iov, may_block (ch, wait), fds);
    if (n >= 0 || !may_repeat (ch, ch->in_fd, POLLIN, wait, &step_us)) return n;
  }
}

/* Most reads are a plain recv that does not wait, and bring something.  */
ssize_t
eva__io_channel_read (struct eva__io_channel *ch, void *buf, size_t len, bool wait,
                      struct eva__io_fds *fds) {
  unsigned int step_us = 0;
  ssize_t n;

  if (wait || fds || !is_plain (ch) || ch->passes_fds)
    return read_otherwise (ch, buf, len, wait, fds);
  n = recv (ch->in_fd, buf, len, MSG_DONTWAIT);
  if (n >= 0 || !may_repeat (ch, ch->in_fd, POLLIN, wait, &step_us)) return n;
  return read_otherwise (ch, buf, len, wait, fds);
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Puts the descriptors of OUT into CONTROL for MSG.  */
static void
add_fds (struct msghdr *msg, union control *control, const struct output *out) {
  size_t len = out->n_fds * sizeof (int);

  /* The padding goes to the kernel too.  */
  memset (control, 0, CMSG_SPACE (len));
  control->align.cmsg_level = SOL_SOCKET;
  control->align.cmsg_type = SCM_RIGHTS;
  control->align.cmsg_len = CMSG_LEN (len);
  memcpy (control->octets + CMSG_LEN (0), out->fds, len);
  msg->msg_control = control;
  msg->msg_controllen = CMSG_SPACE (len);
}

static __attribute__ ((noinline)) ssize_t
write_message (struct eva__io_channel *ch, const struct output *out, int flags) {
  union control control;
  struct msghdr msg = { .msg_iov = (struct iovec *) out->iov, .msg_iovlen = out->n_iov };

  if (out->n_fds) add_fds (&msg, &control, out);
  return ch->sys->hooks.sendmsg (ch->sys->ctx, ch->out_fd, &msg, flags | MSG_NOSIGNAL);
}

/* Writes OUT to a pipe, or through the write hook, which takes one buffer only: the rest is left
   to the next call.  */
static ssize_t
write_plain (struct eva__io_channel *ch, const struct output *out) {
  struct eva__io_sigpipe guard;
  struct eva__io_clamp clamp;
  ssize_t n;

  eva__io_sigpipe_block (&guard);
  if (eva__io_sys_is_own (ch->sys)) {
    eva__io_sys_begin_call (ch->sys, &clamp);
    n = writev (ch->out_fd, out->iov, (int) out->n_iov);
    eva__io_sys_end_call (ch->sys, &clamp);
  } else {
    n = ch->sys->hooks.write (ch->sys->ctx, ch->out_fd, out->iov->iov_base, out->iov->iov_len);
  }
  eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  return n;
}

/* Makes OUT fit for a descriptor that would wait for room: copies its elements to CUT up to
   PIPE_BUF octets, which a pipe or a socket takes at once if poll reports room at all.  Returns
   false with EAGAIN if it does not.  */
static bool
cut_to_room (struct eva__io_channel *ch, struct output *out, struct iovec cut[MAX_CUT_IOV]) {
  int status = fcntl (ch->out_fd, F_GETFL);
  size_t left = PIPE_BUF, n = 0;

  if (status >= 0 && (status & O_NONBLOCK)) return true;
  if (!eva__io_sys_is_ready (ch->out_fd, POLLOUT)) {
    errno = EAGAIN;
    return false;
  }
  for (; n < out->n_iov && n < MAX_CUT_IOV && left; n++) {
    cut[n] = out->iov[n];
    if (cut[n].iov_len > left) cut[n].iov_len = left;
    left -= cut[n].iov_len;
  }
  out->iov = cut;
  out->n_iov = n;
  return true;
}

/* With the default functions most writes are one piece, and write costs the kernel less than
   writev.  */
static ssize_t
write_own_socket (struct eva__io_channel *ch, const struct output *out) {
  int flags = out->wait ? 0 : MSG_DONTWAIT;
  struct eva__io_clamp clamp;
  ssize_t n;

  if (out->n_iov > 1 || out->n_fds) return write_message (ch, out, flags);
  eva__io_sys_begin_call (ch->sys, &clamp);
  n = send (ch->out_fd, out->iov->iov_base, out->iov->iov_len, flags | MSG_NOSIGNAL);
  eva__io_sys_end_call (ch->sys, &clamp);
  return n;
}

/* With foreign hooks, or to a pipe.  */
static __attribute__ ((noinline)) ssize_t
write_otherwise (struct eva__io_channel *ch, struct output out) {
  struct iovec cut[MAX_CUT_IOV];

  if (!out.wait && !cut_to_room (ch, &out, cut)) return -1;
  return ch->passes_fds ? write_message (ch, &out, 0) : write_plain (ch, &out);
}

static ssize_t
write_once (struct eva__io_channel *ch, const struct output *out) {
  if (ch->is_socket && eva__io_sys_is_own (ch->sys)) return write_own_socket (ch, out);
  return write_otherwise (ch, *out);
}

/* Skips empty elements in front, so that the first one is worth a write of its own, and stays
   within the kernel's limit.  */
static __attribute__ ((cold, noinline)) void
trim (struct output *out) {
  while (out->n_iov && !out->iov->iov_len) {
    out->iov++;
    out->n_iov--;
  }
  if (out->n_iov > IOV_MAX) out->n_iov = IOV_MAX;
}

ssize_t
eva__io_channel_write (struct eva__io_channel *ch, const struct iovec *iov, size_t n_iov,
                       const int *fds, size_t n_fds, bool wait) {
  struct output out = {
    .iov = iov, .n_iov = n_iov, .fds = fds, .n_fds = n_fds, .wait = may_block (ch, wait)
  };
  unsigned int step_us = 0;

  if (!n_iov || !iov->iov_len || n_iov > IOV_MAX) trim (&out);
  if (n_fds && (!ch->passes_fds || n_fds > EVA__IO_MAX_FDS || !out.n_iov)) {
    errno = ch->passes_fds ? EINVAL : EOPNOTSUPP;
    return -1;
  }
  if (!out.n_iov) return 0;
  for (;;) {
    ssize_t n = write_once (ch, &out);
    if (n >= 0 || !may_repeat (ch, ch->out_fd, POLLOUT, wait, &step_us)) return n;
  }
}

static __attribute__ ((noinline)) ssize_t
write_piece_otherwise (struct eva__io_channel *ch, const void *buf, size_t len, bool wait) {
  struct iovec iov = { .iov_base = (void *) buf, .iov_len = len };

  return eva__io_channel_write (ch, &iov, 1, NULL, 0, wait);
}

/* The kernel tells some errors once, so only what is worth another try gets one.  */
ssize_t
eva__io_channel_write_piece (struct eva__io_channel *ch, const void *buf, size_t len, bool wait) {
  unsigned int step_us = 0;
  ssize_t n;

  if (!is_plain (ch)) return write_piece_otherwise (ch, buf, len, wait);
  n = send (ch->out_fd, buf, len, MSG_NOSIGNAL | (may_block (ch, wait) ? 0 : MSG_DONTWAIT));
  if (n >= 0 || !may_repeat (ch, ch->out_fd, POLLOUT, wait, &step_us)) return n;
  return write_piece_otherwise (ch, buf, len, wait);
}
