/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire.c - how fast the escapes of data lines are, with vectors and without.

   usage: wire list | NAME SECONDS          prints the rate, more is better; NAME-plain is the
                                            same octet by octet  */

#include "kit.h"

#include "wire/escape.h"
#include "wire/plain.h"

#include <stdlib.h>
#include <string.h>

#define MIB     ((double) (1 << 20))
#define SRC_LEN ((size_t) 2000) /* more than a line of data takes */
#define N_LINES 100

/* What the octets look like: one in so many needs an escape.  */
struct kind {
  bool plain;
  bool unescape;
  size_t one_in; /* 0: none */
};

struct run {
  const struct kind *kind;
  char src[SRC_LEN];
  size_t used; /* of which so many are on the line */
  char line[EVA_LINE_SIZE + EVA__WIRE_SLACK];
  size_t line_len;
};

static void
escape_line (struct run *run) {
  run->line_len =
      run->kind->plain
          ? eva__wire_escape_plain (run->line, EVA__WIRE_DATA_FILL, run->src, SRC_LEN, &run->used)
          : eva__wire_escape (run->line, EVA__WIRE_DATA_FILL, run->src, SRC_LEN, &run->used);
}

static void
unescape_line (struct run *run) {
  char data[EVA_LINE_SIZE + EVA__WIRE_SLACK];
  size_t len = run->kind->plain ? eva__wire_unescape_to_plain (data, run->line, run->line_len)
                                : eva__wire_unescape_to (data, run->line, run->line_len);

  if (len != run->used) die ("unescape", "wrong length");
}

static void
step (void *arg) {
  struct run *run = arg;

  for (int i = 0; i < N_LINES; i++)
    if (run->kind->unescape)
      unescape_line (run);
    else
      escape_line (run);
}

static struct rate
run_escapes (double seconds, const void *arg) {
  static struct run run;

  run.kind = arg;
  for (size_t i = 0; i < SRC_LEN; i++)
    run.src[i] = run.kind->one_in && i % run.kind->one_in == 0 ? '%' : 'x';
  escape_line (&run);
  return measure (seconds, N_LINES * (double) run.used / MIB, step, &run);
}

#define KIND(...)                                                                                  \
  &(const struct kind) {                                                                           \
    __VA_ARGS__                                                                                    \
  }

static const struct benchmark list[] = {
  { "escape", "MiB/s", "escape, no octet needs it", "ours", run_escapes, KIND (false, false, 0) },
  { "escape-plain", "MiB/s", "", "ours", run_escapes, KIND (true, false, 0) },
  { "escape-random", "MiB/s", "  one in 85, as in random data", "ours", run_escapes,
    KIND (false, false, 85) },
  { "escape-random-plain", "MiB/s", "", "ours", run_escapes, KIND (true, false, 85) },
  { "escape-all", "MiB/s", "  all", "ours", run_escapes, KIND (false, false, 1) },
  { "escape-all-plain", "MiB/s", "", "ours", run_escapes, KIND (true, false, 1) },
  { "unescape", "MiB/s", "unescape, no octet is escaped", "ours", run_escapes,
    KIND (false, true, 0) },
  { "unescape-plain", "MiB/s", "", "ours", run_escapes, KIND (true, true, 0) },
  { "unescape-random", "MiB/s", "  one in 85", "ours", run_escapes, KIND (false, true, 85) },
  { "unescape-random-plain", "MiB/s", "", "ours", run_escapes, KIND (true, true, 85) },
  { "unescape-all", "MiB/s", "  all", "ours", run_escapes, KIND (false, true, 1) },
  { "unescape-all-plain", "MiB/s", "", "ours", run_escapes, KIND (true, true, 1) },
};

int
main (int argc, char **argv) {
  return choose_benchmark (argc, argv, list, sizeof list / sizeof *list);
}
