/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquiries.c - how fast a server takes the data that it inquires.

   The answer is made before, all its octets random: one in 85 is escaped.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"
#include "serving.h"
#include "speed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB      ((size_t) 1 << 20)
#define LINE_LEN ((size_t) 996) /* octets that are put on a line, behind its "D " */

/* One client of each server, and what it answers.  */
struct pair {
  struct target *targets;
  struct crowd crowds[2];
  double n_mib;
  char *answer;
  size_t answer_len;
};

/* Adds C, escaped if it has to be.  */
static size_t
put (char *at, unsigned char c) {
  if (c == '%' || c == '\r' || c == '\n') return (size_t) sprintf (at, "%%%02X", c);
  *at = (char) c;
  return 1;
}

/* Writes a line of the data from SRC on, of which there are LEFT octets.  Adds the length of the
   line to *TO_LEN.  Returns how many octets it took.  */
static size_t
put_line (char *to, size_t *to_len, const unsigned char *src, size_t left) {
  char *at = to + *to_len, *start = at;
  size_t used = 0;

  *at++ = 'D';
  *at++ = ' ';
  while (used < left && (size_t) (at - start) < LINE_LEN)
    at += put (at, src[used++]);
  *at++ = '\n';
  *to_len += (size_t) (at - start);
  return used;
}

static void
make_answer (struct pair *pair, size_t len) {
  int fd = serving_open_source ();
  const unsigned char *src = mmap (NULL, len, PROT_READ, MAP_SHARED, fd, 0);

  need (src != MAP_FAILED, "mmap");
  pair->answer = malloc (2 * len);
  need (pair->answer != NULL, "malloc");
  for (size_t at = 0; at < len;)
    at += put_line (pair->answer, &pair->answer_len, src + at, len - at);
  memcpy (pair->answer + pair->answer_len, "END\n", 4);
  pair->answer_len += 4;
  munmap ((void *) (size_t) src, len);
  close (fd);
}

static void
send_all (int fd, const char *at, size_t left) {
  while (left) {
    ssize_t n = send (fd, at, left, MSG_NOSIGNAL);
    need (n > 0, "send");
    at += n;
    left -= (size_t) n;
  }
}

static void
skip_inquiry (int fd) {
  char buf[64];
  ssize_t n = recv (fd, buf, sizeof buf - 1, 0);

  need (n > 0, "recv");
  buf[n] = 0;
  if (strcmp (buf, "INQUIRE DATA\n") != 0) die (buf, "is no inquiry");
}

static struct speed
answer (void *arg, size_t turn) {
  struct pair *pair = arg;
  struct stopwatch watch = stopwatch_start (&pair->targets[turn]);
  int fd = pair->crowds[turn].fds[0];

  target_send (fd, "TAKE\n", 5);
  skip_inquiry (fd);
  send_all (fd, pair->answer, pair->answer_len);
  target_skip_line (fd);
  return stopwatch_speed (&watch, pair->n_mib);
}

void
load_inquiries (const struct task *task, struct target *targets) {
  struct pair pair = { .targets = targets, .n_mib = (double) task->n_mib };

  if (!task->n_mib || task->n_mib * MIB > SOURCE_LEN) die ("inquiries", "no such size");
  make_answer (&pair, task->n_mib * MIB);
  for (size_t i = 0; i < 2; i++) {
    crowd_open (&pair.crowds[i], &targets[i], 1);
    answer (&pair, i);
  }
  take_turns (task->n_rounds, answer, &pair);
  for (size_t i = 0; i < 2; i++)
    crowd_close (&pair.crowds[i], &targets[i]);
  free (pair.answer);
}
