/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attacker.c - a peer that means harm.  See attacker.h.  */

#include "attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/random.h"

/* --- Receiving -------------------------------------------------------------------------------- */

static void
end_line (struct attacker *a) {
  a->n_lines++;
  if (a->line_len >= 2 && !memcmp (a->line, "OK", 2)) a->n_ok++;
  if (a->line_len >= 3 && !memcmp (a->line, "ERR", 3)) a->n_err++;
  a->line_len = 0;
}

static void
keep_tail (struct attacker *a, char octet) {
  if (a->tail_len == sizeof a->tail) memmove (a->tail, a->tail + 1, --a->tail_len);
  a->tail[a->tail_len++] = octet;
}

static void
take (struct attacker *a, const char *buf, size_t len) {
  a->n_received += len;
  for (size_t i = 0; i < len; i++) {
    keep_tail (a, buf[i]);
    if (buf[i] == '\n')
      end_line (a);
    else if (a->line_len < sizeof a->line)
      a->line[a->line_len++] = buf[i];
  }
  if (a->said_last && a->awaited && memmem (a->tail, a->tail_len, a->awaited, strlen (a->awaited)))
    a->was_answered = true;
}

/* Returns false at the end.  */
static bool
receive (struct attacker *a) {
  char buf[16384];
  ssize_t n = recv (a->fd, buf, sizeof buf, MSG_DONTWAIT);

  if (n > 0) take (a, buf, (size_t) n);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Gets the next octets to send, if those before are gone.  Returns false if there are none.  */
static bool
refill (struct attacker *a) {
  if (a->chunk_at < a->chunk_len) return true;
  a->chunk_at = 0;
  a->chunk_len = a->fill && !a->said_last ? a->fill (a, a->chunk) : 0;
  if (!a->chunk_len && a->last && !a->said_last) {
    a->chunk_len = strlen (a->last);
    memcpy (a->chunk, a->last, a->chunk_len);
    a->said_last = true;
  }
  return a->chunk_len > 0;
}

static bool
transmit (struct attacker *a) {
  ssize_t n =
      send (a->fd, a->chunk + a->chunk_at, a->chunk_len - a->chunk_at, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (n > 0) a->chunk_at += (size_t) n;
  if (n > 0) a->n_sent += (size_t) n;
  return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void *
run (void *arg) {
  struct attacker *a = arg;
  bool goes_on = true;

  while (goes_on && !a->was_answered) {
    bool sends = refill (a);
    struct pollfd p = { .fd = a->fd, .events = (short) (sends ? POLLIN | POLLOUT : POLLIN) };
    if (!sends && !a->said_last) break;
    if (poll (&p, 1, -1) < 0) continue;
    if (p.revents & (POLLIN | POLLHUP | POLLERR)) goes_on = receive (a);
    if (goes_on && (p.revents & POLLOUT)) goes_on = transmit (a);
  }
  close (a->fd);
  return NULL;
}

void
attacker_start (struct attacker *a) {
  assert_int_equal (pthread_create (&a->thread, NULL, run, a), 0);
}

void
attacker_join (struct attacker *a) {
  pthread_join (a->thread, NULL);
}

/* --- Generators ------------------------------------------------------------------------------- */

static size_t
next_len (struct attacker *a) {
  size_t len = a->n_left < ATTACKER_CHUNK ? a->n_left : ATTACKER_CHUNK;

  a->n_left -= len;
  return len;
}

size_t
attack_with_garbage (struct attacker *a, char *buf) {
  size_t len = next_len (a);

  for (size_t i = 0; i < len; i++)
    buf[i] = (char) random_next (&a->seed);
  return len;
}

size_t
attack_with_endless_line (struct attacker *a, char *buf) {
  size_t len = next_len (a);

  memset (buf, 'x', len);
  return len;
}

size_t
attack_with_text (struct attacker *a, char *buf, const char *text) {
  size_t text_len = strlen (text), len = 0;

  for (; a->n_left && len + text_len <= ATTACKER_CHUNK; a->n_left--, len += text_len)
    memcpy (buf + len, text, text_len);
  return len;
}
