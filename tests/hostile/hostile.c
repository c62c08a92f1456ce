/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hostile.c - clients that behave badly, as a program.

   usage: hostile KIND SOCKET N     ends on SIGTERM, and prints what they did and what they heard
          hostile list  */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "villains.h"

static void
stop (int number) {
  (void) number;
  villains_stop = 1;
}

static int
list (void) {
  const char *name, *what;

  for (size_t i = 0; (name = villains_kind (i, &what)); i++)
    printf ("%s: %s\n", name, what);
  return 0;
}

static void
print (const struct villains_report *r) {
  printf ("n_connected %" PRIu64 "\nn_ended %" PRIu64 "\nn_reset %" PRIu64 "\n", r->n_connected,
          r->n_ended, r->n_reset);
  printf ("n_done %" PRIu64 "\nn_undone %" PRIu64 "\nn_sent %" PRIu64 "\n", r->n_done, r->n_undone,
          r->n_sent);
  printf ("n_ok %" PRIu64 "\nn_err %" PRIu64 "\n", r->n_ok, r->n_err);
  for (size_t i = 0; i < sizeof r->errs / sizeof *r->errs; i++)
    if (r->errs[i].n) printf ("err_%u %" PRIu64 "\n", r->errs[i].code, r->errs[i].n);
}

int
main (int argc, char **argv) {
  struct villains_report report = { 0 };

  if (argc == 2 && !strcmp (argv[1], "list")) return list ();
  if (argc != 4) {
    fprintf (stderr, "usage: hostile KIND SOCKET N | list\n");
    return 2;
  }
  signal (SIGTERM, stop);
  signal (SIGINT, stop);
  if (villains_run (argv[2], argv[1], strtoul (argv[3], NULL, 10), &report)) {
    fprintf (stderr, "hostile: %s: %s\n", argv[1], strerror (errno));
    return 1;
  }
  print (&report);
  return 0;
}
