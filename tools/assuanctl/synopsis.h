/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* synopsis.h - what a server's help says of one command.  */

#ifndef ASSUANCTL_SYNOPSIS_H
#define ASSUANCTL_SYNOPSIS_H

#include <stddef.h>

struct synopsis {
  char *name;
  char *text;     /* behind the name, in one line */
  char **options; /* words as --data, in the order of the text, each once */
  size_t n_options;
  char *help; /* what follows, as it is */
};

/* Reads HELP, lines without `# `: the synopsis, which runs to the first empty line, and the
   rest.  */
void synopsis_parse (const char *help, struct synopsis *ret);
void synopsis_deinit (struct synopsis *synopsis);

#endif /* ASSUANCTL_SYNOPSIS_H */
