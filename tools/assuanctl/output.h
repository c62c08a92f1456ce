/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.h - what a server says, on its way to stdout: as text, in wire form, or as JSON.

   The kinds that are named go to stdout.  One kind alone is its text, data decoded and exact;
   several are lines in wire form.  The kinds that are not named go to stderr in wire form, but for
   OK.  With --json all of them are objects on stdout.  What is not printable never reaches a
   terminal.  */

#ifndef ASSUANCTL_OUTPUT_H
#define ASSUANCTL_OUTPUT_H

#include "status.h"

#include <gpg-error.h>
#include <stdbool.h>
#include <stddef.h>

/* Kinds, a set.  */
#define OUTPUT_DATA      1u
#define OUTPUT_STATUS    2u
#define OUTPUT_COMMENTS  4u
#define OUTPUT_OK        8u
#define OUTPUT_INQUIRIES 16u
#define OUTPUT_ALL       31u

struct output {
  unsigned int kinds;          /* named ones; 0: data */
  const char *const *keywords; /* status lines of these go to stdout, without their keyword */
  size_t n_keywords;
  unsigned long seq; /* of the command, from 1 */
  bool is_open_line; /* data on a terminal did not end with a LF */
};

/* Reads TEXT, names of kinds with commas between, into *RET_KINDS.  */
enum status output_parse_kinds (const char *text, unsigned int *ret_kinds);

/* The server greeted with TEXT, or NULL.  */
void output_hello (struct output *output, const char *text);

/* A command begins.  */
void output_command (struct output *output);

/* What its reply brings.  BUF NULL is a bare END.  TEXT of a comment has its '#'.  ANSWERED is the
   kind of the source.  */
void output_data (struct output *output, const char *buf, size_t len);
void output_status (struct output *output, const char *text);
void output_comment (struct output *output, const char *text);
void output_inquiry (struct output *output, const char *text, const char *answered);
void output_ok (struct output *output, const char *text);
void output_err (struct output *output, gpg_error_t err, const char *text);

/* Flushes stdout.  Returns STATUS_LOCAL, after a message, if something could not be written.  */
enum status output_finish (void);

#endif /* ASSUANCTL_OUTPUT_H */
