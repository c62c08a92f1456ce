/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spectator.c - one connection that is watched.  */

#include "spectator.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NS_PER_S 1000000000u

/* Commands whose reply is to come, at most; of more nothing is told at their end.  */
#define MAX_PENDING 64

struct pending {
  char command[32];
  uint64_t began_ns;
};

struct spectator {
  struct watched watched;
  const struct sink *sink;
  FILE *out;
  struct secret_watch *secrets;
  struct pending pending[MAX_PENDING]; /* a ring */
  size_t first, n;
  uint64_t n_octets; /* since the oldest of them */
  bool has_greeted, is_inquiring;
};

static uint64_t
now_ns (void) {
  struct timespec time;

  clock_gettime (CLOCK_REALTIME, &time);
  return (uint64_t) time.tv_sec * NS_PER_S + (uint64_t) time.tv_nsec;
}

struct spectator *
spectator_new (const struct sink *sink, FILE *out, unsigned long number, pid_t pid) {
  struct spectator *s = text_alloc (sizeof *s);

  s->sink = sink;
  s->out = out;
  s->secrets = secret_watch_new ();
  s->watched.number = number;
  if (sink->connect) {
    process_look (pid, &s->watched.peer);
    sink->connect (out, &s->watched, now_ns ());
  }
  fflush (out);
  return s;
}

void
spectator_free (struct spectator *s, const char *reason) {
  if (!s) return;
  if (s->sink->disconnect) s->sink->disconnect (s->out, &s->watched, reason, now_ns ());
  fflush (s->out);
  secret_watch_free (s->secrets);
  process_deinit (&s->watched.peer);
  free (s);
}

/* --- Commands --------------------------------------------------------------------------------- */

static bool
is_word (const char *line, size_t len, const char *word) {
  size_t n = strlen (word);

  return len >= n && !strncasecmp (line, word, n)
         && (len == n || line[n] == ' ' || line[n] == '\r');
}

/* The name alone: arguments may be secret.  */
static void
push (struct spectator *s, const char *line, size_t len, uint64_t time_ns) {
  struct pending *pending = &s->pending[(s->first + s->n) % MAX_PENDING];
  size_t n = 0, room = sizeof pending->command - 1;

  if (s->n == MAX_PENDING) return;
  if (!s->n++) s->n_octets = len + 1;
  *pending = (struct pending) { .began_ns = time_ns };
  while (n < len && n < room && !strchr (" \r\t", line[n]))
    n++;
  memcpy (pending->command, line, n);
}

static void
from_client (struct spectator *s, const char *line, size_t len, uint64_t time_ns) {
  bool is_end = is_word (line, len, "END") || is_word (line, len, "CAN");

  if (!len || *line == '#' || (s->is_inquiring && is_word (line, len, "D"))) return;
  if (s->is_inquiring && is_end)
    s->is_inquiring = false;
  else
    push (s, line, len, time_ns);
}

/* Fills in what the line ends.  */
static void
from_server (struct spectator *s, const char *line, size_t len, struct watched_line *ret) {
  struct pending *pending = &s->pending[s->first];

  if (is_word (line, len, "INQUIRE")) s->is_inquiring = true;
  if (!is_word (line, len, "OK") && !is_word (line, len, "ERR")) return;
  s->is_inquiring = false;
  if (!s->has_greeted) {
    s->has_greeted = true;
    return;
  }
  if (!s->n) return;
  s->watched.n_commands++;
  ret->command = pending->command;
  ret->took_ns = ret->time_ns > pending->began_ns ? ret->time_ns - pending->began_ns : 0;
  ret->n_octets = s->n_octets;
  s->n_octets = 0;
  s->first = (s->first + 1) % MAX_PENDING;
  s->n--;
}

/* `OPTION owner=PID HOST` is how gpg-agent names the process that it asks for to a pinentry;
   `owner=PID/UID HOST` in newer ones.  */
static void
look_for_owner (struct spectator *s, const char *line, size_t len, uint64_t time_ns) {
  static const char option[] = "OPTION owner=";
  size_t n = sizeof option - 1;
  struct process owner;
  char number[16] = "";

  if (!s->sink->owner || len <= n || strncasecmp (line, option, n)) return;
  for (size_t i = 0; i + 1 < sizeof number && n < len && line[n] >= '0' && line[n] <= '9'; i++)
    number[i] = line[n++];
  if (!*number) return;
  process_look ((pid_t) atol (number), &owner);
  s->sink->owner (s->out, &s->watched, &owner, time_ns);
  process_deinit (&owner);
}

void
spectator_line (struct spectator *s, bool is_from_server, const char *line, size_t len,
                bool is_cut) {
  struct watched_line shown = { .time_ns = now_ns (),
                                .is_from_server = is_from_server,
                                .is_cut = is_cut };
  char *text;

  s->n_octets += len + 1;
  text = secret_watch_line (s->secrets, is_from_server, line, len, &shown.len, &shown.hidden);
  shown.text = text;
  if (is_from_server)
    from_server (s, line, len, &shown);
  else
    from_client (s, line, len, shown.time_ns);
  s->sink->line (s->out, &s->watched, &shown);
  if (!is_from_server) look_for_owner (s, line, len, shown.time_ns);
  free (text);
}

void
spectator_flush (struct spectator *s) {
  fflush (s->out);
}
