/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.c - what the tests of this directory share.  See kit.h.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The most descriptors that a raw peer sends or takes at a time.  */
#define MAX_FDS 253

void
kit_init (void) {
  signal (SIGPIPE, SIG_DFL);
  alarm (KIT_TIMEOUT_S);
}

void
kit_init_peer (void) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

int
kit_any_fd (void) {
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  assert_true (fd >= 0);
  return fd;
}

void
kit_write (int fd, const void *buf, size_t len) {
  const char *p = buf;

  while (len) {
    ssize_t n = send (fd, p, len, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) n = write (fd, p, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return; /* its reader is gone, which is for the test to notice */
    p += n;
    len -= (size_t) n;
  }
}

void
kit_say (int fd, const char *text) {
  kit_write (fd, text, strlen (text));
}

union control {
  struct cmsghdr align;
  char octets[CMSG_SPACE (MAX_FDS * sizeof (int))];
};

/* Closes the descriptors that came with MSG and returns their number.  */
static size_t
drop_fds (struct msghdr *msg) {
  size_t n_fds = 0;
  int fd;

  for (struct cmsghdr *c = CMSG_FIRSTHDR (msg); c; c = CMSG_NXTHDR (msg, c))
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN (0)) / sizeof fd; i++, n_fds++) {
      memcpy (&fd, CMSG_DATA (c) + i * sizeof fd, sizeof fd);
      close (fd);
    }
  return n_fds;
}

size_t
kit_read_all (int fd, struct text *ret) {
  size_t n_fds = 0;
  char buf[4096];

  for (;;) {
    union control control;
    struct iovec iov = { .iov_base = buf, .iov_len = sizeof buf };
    struct msghdr msg = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg (fd, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == ENOTSOCK)
      n = read (fd, buf, sizeof buf);
    else if (n > 0)
      n_fds += drop_fds (&msg);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n_fds; /* a reset is an end, too */
    text_add (ret, buf, (size_t) n);
  }
}

bool
kit_read_line (int fd, char *buf, size_t size) {
  size_t len = 0;

  for (;;) {
    ssize_t n = read (fd, buf + len, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    if (buf[len] == '\n') break;
    if (len < size - 1) len++;
  }
  buf[len] = 0;
  return true;
}

/* --- Memory ----------------------------------------------------------------------------------- */

struct kit_memory kit_memory;

static bool
is_short (void) {
  struct kit_memory *m = &kit_memory;

  m->n_allocs++;
  if (!m->fail_at || m->n_allocs < m->fail_at) return false;
  if (m->n_allocs > m->fail_at && !m->for_ever) return false;
  m->failed = true;
  return true;
}

static void *
counted_malloc (size_t len) {
  void *ptr = is_short () ? NULL : malloc (len);

  if (ptr) kit_memory.n_live++;
  return ptr;
}

static void *
counted_realloc (void *old, size_t len) {
  void *ptr = is_short () ? NULL : realloc (old, len);

  if (ptr && !old) kit_memory.n_live++;
  return ptr;
}

static void
counted_free (void *ptr) {
  if (!ptr) return;
  if (!kit_memory.n_live) abort ();
  kit_memory.n_live--;
  free (ptr);
}

struct assuan_malloc_hooks kit_malloc_hooks = { counted_malloc, counted_realloc, counted_free };

void
kit_memory_reset (size_t fail_at, bool for_ever) {
  kit_memory = (struct kit_memory) { .fail_at = fail_at, .for_ever = for_ever };
}

assuan_context_t
kit_context (void) {
  assuan_context_t ctx = NULL;
  gpg_error_t err = assuan_new_ext (&ctx, KIT_SOURCE, &kit_malloc_hooks, NULL, NULL);

  assert_true (!err == !!ctx);
  if (err) assert_int_equal (gpg_err_code (err), GPG_ERR_ENOMEM);
  return ctx;
}
