/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress.c - progress as one line on a terminal.  */

#include "progress.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"

#include <eva-loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define INTERVAL_NS 100000000u
#define BAR_WIDTH   20u

static bool is_shown;
static uint64_t shown_ns;

static size_t
get_width (void) {
  struct winsize size;

  if (ioctl (fileno (stderr), TIOCGWINSZ, &size) || size.ws_col < 10) return 80;
  return size.ws_col;
}

static void
print_bar (const char *what, unsigned long current, unsigned long total) {
  char line[200], bar[BAR_WIDTH + 1] = "";
  size_t n = total ? (size_t) (current < total ? current * BAR_WIDTH / total : BAR_WIDTH) : 0;
  size_t width = get_width ();

  memset (bar, '#', n);
  memset (bar + n, '.', BAR_WIDTH - n);
  if (total)
    snprintf (line, sizeof line, "%s [%s] %lu/%lu", what, bar, current, total);
  else
    snprintf (line, sizeof line, "%s %lu", what, current);
  /* A line that wraps could not be rewritten.  */
  if (width <= sizeof line) line[width - 1] = 0;
  fputs ("\r\033[K", stderr);
  text_print (stderr, line, strlen (line), false);
}

bool
progress_show (const char *text) {
  unsigned long current, total = 0;
  char what[101];
  uint64_t now_ns;

  if (settings.is_quiet || settings.is_json || !terminal_is (stderr)) return false;
  if (sscanf (text, "PROGRESS %100s %*s %lu %lu", what, &current, &total) < 2) return false;
  now_ns = eva_now ();
  if (is_shown && now_ns - shown_ns < INTERVAL_NS) return true;
  is_shown = true;
  shown_ns = now_ns;
  fflush (stdout);
  print_bar (what, current, total);
  return true;
}

void
progress_clear (void) {
  if (is_shown) fputs ("\r\033[K", stderr);
  is_shown = false;
}
