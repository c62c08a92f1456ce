/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attacker.h - a peer that means harm, in a thread of its own: it sends what it was told to,
   as fast as it goes, takes whatever comes, and in the end wants to know whether a peer is
   still there.  */

#ifndef EVA_TESTS_FAULTS_ATTACKER_H
#define EVA_TESTS_FAULTS_ATTACKER_H

#include <pthread.h>

#include "kit.h"

/* Octets of a generator at a time.  */
#define ATTACKER_CHUNK 65536

/* Writes up to ATTACKER_CHUNK octets to BUF.  Returns how many; 0 is the end of the attack.  */
struct attacker;
typedef size_t attacker_func (struct attacker *a, char *buf);

struct attacker {
  /* Set by the test.  */
  int fd;              /* its end, which it closes */
  attacker_func *fill; /* or NULL */
  size_t n_left;       /* for FILL: how much is to come */
  uint64_t seed;       /* for FILL */
  const char *last;    /* what to send in the end; or NULL, to close at once */
  const char *awaited; /* what comes in answer, for which it waits before it closes */

  /* Valid when it is done.  */
  size_t n_sent;     /* octets */
  size_t n_received; /* octets */
  size_t n_ok;       /* lines that begin with OK */
  size_t n_err;      /* and with ERR */
  size_t n_lines;
  bool was_answered;

  /* Private.  */
  pthread_t thread;
  char chunk[ATTACKER_CHUNK];
  size_t chunk_len;
  size_t chunk_at;
  bool said_last;
  char line[64]; /* the beginning of the line that is coming */
  size_t line_len;
  char tail[64]; /* the last octets that came */
  size_t tail_len;
};

void attacker_start (struct attacker *a);

/* Waits for its end.  */
void attacker_join (struct attacker *a);

/* Generators: N_LEFT octets of anything, of x, and N_LEFT repetitions of a text.  */
size_t attack_with_garbage (struct attacker *a, char *buf);
size_t attack_with_endless_line (struct attacker *a, char *buf);
size_t attack_with_text (struct attacker *a, char *buf, const char *text);

#endif /* EVA_TESTS_FAULTS_ATTACKER_H */
