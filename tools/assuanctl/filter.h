/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.h - which requests of clients `relay` passes on.

   A pattern is one or more words, which are compared without case to the first words of a request;
   `*` is any request.  `OPTION NAME` matches in each form that the protocol has for it: NAME=VALUE,
   NAME VALUE, --NAME.  Where some are allowed, only these pass, and NOP, BYE, RESET, END and HELP;
   OPTION needs the name of the option, or a pattern that begins with OPTION.  Where some are
   denied, all others pass.  */

#ifndef ASSUANCTL_FILTER_H
#define ASSUANCTL_FILTER_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct filter {
  const char **allowed, **denied, **options; /* the strings are the caller's */
  size_t n_allowed, n_denied, n_options;
};

/* Adds a pattern, or the name of an option, exact with case; `*` is any.  Says what is wrong.  */
enum status filter_allow (struct filter *filter, const char *pattern);
enum status filter_deny (struct filter *filter, const char *pattern);
enum status filter_allow_option (struct filter *filter, const char *name);
void filter_deinit (struct filter *filter);

/* Returns true if the request LINE, a string, passes.  */
bool filter_passes (const struct filter *filter, const char *line);

#endif /* ASSUANCTL_FILTER_H */
