/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquire.c - `assuanctl inquire`, for the commands of `serve`: asks the client, and prints what it
   answers.  The question goes to descriptor 3, and the answer comes on 4.  */

#include "message.h"
#include "options.h"
#include "output.h"
#include "text.h"

#include <errno.h>
#include <eva-conn.h>
#include <eva-words.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_FD       3
#define ANSWER_FD       4
#define DEFAULT_MAX_LEN 65536u

static const struct option_spec options[] = {
  { "max", 0, "N", "take at most N octets (65536)" },
};

static unsigned long max_len = DEFAULT_MAX_LEN;

static enum status
set (size_t index, const char *value) {
  (void) index;
  return options_number ("max", value, LONG_MAX, &max_len);
}

/* --- The question ----------------------------------------------------------------------------- */

static bool
is_pipe (int fd) {
  struct stat st;

  return !fstat (fd, &st) && S_ISFIFO (st.st_mode);
}

static enum status
ask (const struct arguments *arguments) {
  char *line = text_dup ("INQUIRE");
  enum status status = STATUS_OK;
  size_t len;

  for (size_t i = 0; i < arguments->n_words + arguments->n_rest; i++) {
    char *longer = text_format ("%s %s", line,
                                i < arguments->n_words ? arguments->words[i]
                                                       : arguments->rest[i - arguments->n_words]);
    free (line);
    line = longer;
  }
  len = strlen (line);
  if (len > EVA_LINE_MAX || strchr (line, '\n'))
    status = message_fail (STATUS_USAGE, "an inquiry has at most %d octets, and no line feed",
                           EVA_LINE_MAX);
  line[len] = '\n'; /* in place of the NUL */
  if (!status && write (REPORT_FD, line, len + 1) != (ssize_t) len + 1)
    status = message_fail (STATUS_LOCAL, "serve does not hear the inquiry: %s", strerror (errno));
  free (line);
  return status;
}

/* --- The answer ------------------------------------------------------------------------------- */

struct answer {
  char *octets;
  size_t len, size;
  bool is_too_long;
};

static void
keep (struct answer *a, char *text, size_t len) {
  char *larger;

  if (eva_unescape (text, len, EVA_ESCAPE_LENIENT, &len) || !len) return;
  if (len > max_len - a->len || a->is_too_long) {
    a->is_too_long = true; /* the rest is still read, up to its end */
    return;
  }
  if (!a->octets || len > a->size - a->len) {
    /* A secret may be in it, which realloc would leave behind.  */
    larger = text_alloc (a->size = (a->len + len) * 2);
    if (a->len) memcpy (larger, a->octets, a->len);
    if (a->octets) explicit_bzero (a->octets, a->len);
    free (a->octets);
    a->octets = larger;
  }
  memcpy (a->octets + a->len, text, len);
  a->len += len;
}

/* Returns the status when LINE ends the answer, or -1.  */
static int
take_line (struct answer *a, char *line, size_t len) {
  if (len >= 2 && !strncmp (line, "D ", 2)) keep (a, line + 2, len - 2);
  if (!strcmp (line, "CAN")) return (int) message_fail (STATUS_ERR, "the client does not answer");
  if (strcmp (line, "END")) return -1;
  if (a->is_too_long)
    return (int) message_fail (STATUS_LOCAL, "the answer has over %lu octets (--max)", max_len);
  setvbuf (stdout, NULL, _IONBF, 0); /* nothing of it is kept */
  if (a->len) fwrite (a->octets, 1, a->len, stdout);
  return (int) output_finish ();
}

static enum status
read_answer (void) {
  static char buffer[BUFSIZ]; /* of FILE: a secret may be in it */
  FILE *file = fdopen (ANSWER_FD, "r");
  struct answer a = { 0 };
  size_t size =
      (size_t) 2 * EVA_LINE_SIZE; /* which is never too little: nothing is left behind elsewhere */
  char *line = text_alloc (size);
  int status = -1;
  ssize_t len;

  if (file) setvbuf (file, buffer, _IOFBF, sizeof buffer);
  while (status < 0 && file && (len = getline (&line, &size, file)) > 0) {
    line[--len] = 0; /* the LF; there may be NULs in front of it */
    status = take_line (&a, line, (size_t) len);
  }
  explicit_bzero (buffer, sizeof buffer);
  explicit_bzero (line, size);
  free (line);
  if (a.octets) explicit_bzero (a.octets, a.len);
  free (a.octets);
  if (status < 0) return message_fail (STATUS_LOCAL, "serve gives no answer");
  return (enum status) status;
}

static enum status
run (const struct arguments *arguments) {
  enum status status;

  if (!arguments->n_words && !arguments->n_rest)
    return message_fail (STATUS_USAGE, "inquire takes a keyword, and its parameters");
  if (!getenv ("ASSUAN_COMMAND") || !is_pipe (REPORT_FD) || !is_pipe (ANSWER_FD))
    return message_fail (STATUS_LOCAL, "inquire works within a command of assuanctl serve alone");
  status = ask (arguments);
  return status ? status : read_answer ();
}

const struct subcommand inquire_subcommand = {
  .name = "inquire",
  .synopsis = "KEYWORD [ARG...]",
  .purpose = "Ask the client of a command of serve",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
