/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe.c - a client that sends what it likes, and reads whole replies.  */

#include "probe.h"
#include "telling.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that sends more without an end of line breaks the protocol.  */
#define MAX_INPUT ((size_t) 1 << 20)

static void
note (struct record *record, const char *buf, size_t len) {
  size_t room = sizeof record->octets - record->len;

  if (len > room) record->is_cut = true;
  len = len < room ? len : room;
  memcpy (record->octets + record->len, buf, len);
  record->len += len;
}

/* Tells of the lines, for --verbose.  Of one that is too long, its beginning.  */
static void
tell (struct probe *p, bool is_from_server, const char *buf, size_t len) {
  struct probe_line *line = is_from_server ? &p->from_server : &p->to_server;

  for (size_t i = 0; p->spectator && i < len; i++) {
    if (buf[i] != '\n') {
      if (line->len < sizeof line->octets) line->octets[line->len++] = buf[i];
      continue;
    }
    telling_line (p->spectator, is_from_server, line->octets, line->len);
    line->len = 0;
  }
}

static void
note_sent (struct probe *p, const char *buf, size_t len) {
  note (p->sent, buf, len);
  tell (p, false, buf, len);
}

static void
note_got (struct probe *p, const char *buf, size_t len) {
  note (p->got, buf, len);
  tell (p, true, buf, len);
}

bool
probe_open (struct probe *p, const struct address *address, uint64_t deadline_ns,
            struct record *sent, struct record *got) {
  static unsigned long n;

  *p =
      (struct probe) { .dial = { .fd = -1 }, .deadline_ns = deadline_ns, .sent = sent, .got = got };
  if (dial_open (address, DIAL_SILENT, &p->dial)) return false;
  p->spectator = telling_begin (++n, 0, false);
  return true;
}

void
probe_close (struct probe *p) {
  dial_close (&p->dial);
  spectator_free (p->spectator, "end");
  p->spectator = NULL;
  free (p->input);
  free (p->line);
  p->input = p->line = NULL;
}

/* --- Waiting and reading ---------------------------------------------------------------------- */

/* Returns what of EVENTS holds, or 0 when the time is over.  */
static int
wait_for (const struct probe *p, short events) {
  struct pollfd watched = { .fd = p->dial.fd, .events = events };

  for (;;) {
    uint64_t now_ns = eva_now ();
    uint64_t left_ns = now_ns < p->deadline_ns ? p->deadline_ns - now_ns : 0;
    int n = poll (&watched, 1, (int) ((left_ns + 999999) / 1000000));
    if (n > 0) return watched.revents;
    if (n < 0 && errno != EINTR) return 0;
    if (!left_ns || wait_was_interrupted ()) return 0;
  }
}

/* Reads once.  A server that closes with our octets unread resets the connection.  */
static void
take (struct probe *p) {
  ssize_t n;

  if (p->input_size - p->input_len < 4096) {
    p->input_size = p->input_size * 2 + 8192;
    p->input = realloc (p->input, p->input_size);
    if (!p->input) abort ();
  }
  n = read (p->dial.fd, p->input + p->input_len, p->input_size - p->input_len);
  if (n > 0) {
    note_got (p, p->input + p->input_len, (size_t) n);
    p->input_len += (size_t) n;
  } else if (!n || (errno != EAGAIN && errno != EINTR)) {
    p->is_eof = true;
  }
}

/* Hands out the next line: REPLY_OK, or why there is none.  */
static enum reply_kind
next_line (struct probe *p) {
  char *lf;
  size_t len;

  while (!(lf = p->input_len ? memchr (p->input, '\n', p->input_len) : NULL)) {
    if (p->is_eof) return REPLY_CLOSED;
    if (p->input_len > MAX_INPUT) return REPLY_JUNK;
    if (!wait_for (p, POLLIN)) return REPLY_TIMEOUT;
    take (p);
  }
  len = (size_t) (lf - p->input);
  free (p->line);
  p->line = text_part (p->input, len);
  if (len && p->line[len - 1] == '\r') p->line[len - 1] = 0;
  p->input_len -= len + 1;
  memmove (p->input, lf + 1, p->input_len);
  return REPLY_OK;
}

/* --- Sending ---------------------------------------------------------------------------------- */

bool
probe_send (struct probe *p, const void *buf, size_t len) {
  const char *from = buf;

  note_sent (p, from, len);
  while (len) {
    ssize_t n = send (p->dial.fd, from, len, MSG_NOSIGNAL);
    int ready;
    if (n >= 0) {
      from += n;
      len -= (size_t) n;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    /* Once there is no more to read, POLLIN would always hold.  */
    ready = wait_for (p, p->is_eof || p->input_len > MAX_INPUT ? POLLOUT : POLLIN | POLLOUT);
    if (!ready) return false;
    if (ready & POLLIN) take (p);
  }
  return true;
}

bool
probe_say (struct probe *p, const char *text) {
  return probe_send (p, text, strlen (text));
}

bool
probe_send_fd (struct probe *p, const char *text, int fd) {
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (sizeof fd)];
  } control = { .octets = { 0 } };
  char copy[64];
  struct iovec iov = { .iov_base = copy, .iov_len = strlen (text) };
  struct msghdr message = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  memcpy (copy, text, iov.iov_len);
  *header = (struct cmsghdr) { .cmsg_len = CMSG_LEN (sizeof fd),
                               .cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS };
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  note_sent (p, text, iov.iov_len);
  return sendmsg (p->dial.fd, &message, MSG_NOSIGNAL) == (ssize_t) iov.iov_len;
}

void
probe_shut (struct probe *p) {
  shutdown (p->dial.fd, SHUT_WR);
}

/* --- Replies ---------------------------------------------------------------------------------- */

static bool
is_word (const char *line, const char *word) {
  const char *rest = text_skip (line, word);

  return rest && (!*rest || *rest == ' ');
}

static void
keep_comment (char **comments, const char *line) {
  char *longer = text_format ("%s%s\n", *comments ? *comments : "", line + (*line == ' '));

  free (*comments);
  *comments = longer;
}

enum reply_kind
probe_reply (struct probe *p, char **comments) {
  for (;;) {
    enum reply_kind kind = next_line (p);
    const char *line = p->line;
    if (kind) return kind;
    if (is_word (line, "OK")) return REPLY_OK;
    if (is_word (line, "ERR")) return REPLY_ERR;
    if (is_word (line, "INQUIRE")) return REPLY_INQUIRE;
    if (*line == '#' && comments) keep_comment (comments, line + 1);
    if (*line != '#' && !is_word (line, "S") && !is_word (line, "D") && !is_word (line, "END"))
      return REPLY_JUNK;
  }
}

enum reply_kind
probe_reply_within (struct probe *p, unsigned int timeout_ms) {
  uint64_t before_ns = p->deadline_ns;
  enum reply_kind kind;

  p->deadline_ns = eva_now () + (uint64_t) timeout_ms * 1000000;
  kind = probe_reply (p, NULL);
  p->deadline_ns = before_ns;
  return kind;
}

/* Peers read it as a signed number, of which 32 bits count.  */
uint32_t
probe_error (const struct probe *p) {
  const char *number = p->line ? text_skip (p->line, "ERR ") : NULL;
  char *end;
  long long value;

  if (!number || (!(*number >= '0' && *number <= '9') && *number != '-')) return 0;
  errno = 0;
  value = strtoll (number, &end, 10);
  if (errno || end == number || (*end && *end != ' ')) return 0;
  return (uint32_t) value;
}
