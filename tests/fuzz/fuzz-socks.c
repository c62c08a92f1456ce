/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-socks.c - what a SOCKS proxy may say: the parser alone, and the whole dialogue through
   system hooks that know no kernel.

     input = how octets

   HOW chooses the target, whether there are credentials, and how the octets come: see below.
   OCTETS are all that the proxy says.  */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "io/socks.h"

#define HOW_TARGET      0x03 /* nothing, an IPv4 address, an IPv6 address, a host */
#define HOW_CREDENTIALS 0x04
#define HOW_PIECES      0x08 /* an octet at a time, in both directions */
#define HOW_INTERRUPTED 0x10 /* every other call is interrupted, or would block */

/* The proxy's side.  The hooks get it as their context.  */
struct proxy {
  const uint8_t *says;
  size_t len;
  size_t at;
  uint8_t heard[1024];
  size_t heard_len;
  uint8_t how;
  unsigned int n_calls;
};

/* Returns the proxy, or NULL if this call is to fail.  */
static struct proxy *
begin_call (assuan_context_t ctx) {
  struct proxy *p = (struct proxy *) (void *) ctx;

  p->n_calls++;
  if (!(p->how & HOW_INTERRUPTED) || !(p->n_calls & 1)) return p;
  errno = p->n_calls & 2 ? EINTR : EAGAIN;
  return NULL;
}

static ssize_t
proxy_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  struct proxy *p = begin_call (ctx);

  (void) fd;
  if (!p) return -1;
  CHECK (size);
  if (size > p->len - p->at) size = p->len - p->at;
  if (size && (p->how & HOW_PIECES)) size = 1;
  if (size) memcpy (buffer, p->says + p->at, size);
  p->at += size;
  return (ssize_t) size;
}

static ssize_t
proxy_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  struct proxy *p = begin_call (ctx);

  (void) fd;
  if (!p) return -1;
  CHECK (size);
  if (p->how & HOW_PIECES) size = 1;
  CHECK (size <= sizeof p->heard - p->heard_len);
  memcpy (p->heard + p->heard_len, buffer, size);
  p->heard_len += size;
  return (ssize_t) size;
}

static int
proxy_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length) {
  (void) ctx;
  (void) sock;
  CHECK (addr->sa_family == AF_INET && length == sizeof (struct sockaddr_in));
  return 0;
}

static void
proxy_usleep (assuan_context_t ctx, unsigned int usec) {
  (void) ctx;
  (void) usec;
}

/* --- The parser ------------------------------------------------------------------------------- */

/* What the parser should return, written down another time.  */
static int
expected_reply (const uint8_t *buf, size_t len) {
  static const uint8_t start[] = { 5, 0, 0 };

  if (memcmp (buf, start, len < 3 ? len : 3)) return -1;
  if (len < 5) return 0;
  if (buf[3] == 1) return 10;
  if (buf[3] == 4) return 22;
  return buf[3] == 3 ? 7 + buf[4] : -1;
}

/* Longer and longer beginnings: once the length is known, or that it is no reply, that stays.  */
static void
try_reply (const uint8_t *data, size_t len) {
  int known = 0;

  for (size_t n = 0; n <= len && n <= EVA__IO_SOCKS_REPLY_MAX; n++) {
    uint8_t *copy = malloc (n ? n : 1);

    CHECK (copy);
    if (n) memcpy (copy, data, n);
    errno = 0;
    int rc = eva__io_socks_parse_reply (copy, n);
    CHECK (rc == expected_reply (copy, n) && rc <= EVA__IO_SOCKS_REPLY_MAX);
    CHECK (rc >= 0 || errno);
    CHECK (!known || rc == known);
    known = rc;
    free (copy);
  }
  /* No reply needs more than five octets to be known.  */
  CHECK (known || len < 5);
}

/* --- The dialogue ----------------------------------------------------------------------------- */

/* Returns the octets of what the proxy says that are its answers, or 0 if they are not those of a
   proxy that lets us through.  */
static size_t
answers_len (const struct proxy *p) {
  static const uint8_t plain[] = { 5, 0 };
  static const uint8_t with_password[] = { 5, 2, 1, 0 };
  size_t at = (p->how & HOW_CREDENTIALS) ? sizeof with_password : sizeof plain;

  if (p->len < at || memcmp (p->says, at == sizeof plain ? plain : with_password, at)) return 0;
  if (!(p->how & HOW_TARGET)) return at;
  int rc = expected_reply (p->says + at, p->len - at);
  return rc > 0 && at + (size_t) rc <= p->len ? at + (size_t) rc : 0;
}

/* Returns the octets that we have to say to get a connection.  */
static size_t
requests_len (uint8_t how) {
  static const size_t target_lens[] = { 0, 4 + 4 + 2, 4 + 16 + 2, 4 + 1 + 9 + 2 };

  size_t credentials_len = (how & HOW_CREDENTIALS) ? 1 + 1 + 4 + 1 + 6 : 0;

  return 3 + credentials_len + target_lens[how & HOW_TARGET];
}

/* The target that HOW chooses.  */
static struct eva__io_socks_target
make_target (uint8_t how) {
  static const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = 0x1234 };
  static const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = 0x1234 };
  struct eva__io_socks_target target = { .addr = NULL };

  if ((how & HOW_TARGET) == 1) target.addr = (const struct sockaddr *) (const void *) &in;
  if ((how & HOW_TARGET) == 2) target.addr = (const struct sockaddr *) (const void *) &in6;
  if ((how & HOW_TARGET) == 3) {
    target.host = "some.host";
    target.port = 80;
  }
  if (how & HOW_CREDENTIALS) target.credentials = "user:secret";
  return target;
}

static void
try_dialogue (struct proxy *p, assuan_fd_t fd) {
  static const struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = proxy_usleep,
    .read = proxy_read,
    .write = proxy_write,
    .connect = proxy_connect,
  };
  struct eva__io_socks_target target = make_target (p->how);
  struct eva__io_sys sys;

  eva__io_sys_init (&sys, (assuan_context_t) (void *) p, &hooks);
  errno = 0;
  int rc = eva__io_socks_connect (&sys, fd, EVA__IO_SOCKS_PORT, &target);
  CHECK (rc == (answers_len (p) ? 0 : -1) && (!rc || errno));
  CHECK (p->heard_len >= 3 && p->heard_len <= requests_len (p->how));
  if (rc) return;

  /* All was said, and nothing was read of what comes behind the proxy's answers.  */
  CHECK (p->heard_len == requests_len (p->how));
  CHECK (p->at == answers_len (p));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  static int fd = -1;

  if (!len) return 0;
  /* The hooks do not use it, but it has to be one, and no socket.  */
  if (fd < 0) fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK (fd >= 0);

  struct proxy p = { .how = *data, .says = data + 1, .len = len - 1 };
  /* A reply alone, and behind the answers to the questions before.  */
  for (size_t at = 1; at <= 5 && at <= len; at += 2)
    try_reply (data + at, len - at);
  try_dialogue (&p, fd);
  return 0;
}
