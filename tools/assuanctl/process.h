/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.h - who a process is: its user, its program, its command line, and its parents.  */

#ifndef ASSUANCTL_PROCESS_H
#define ASSUANCTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
  pid_t pid; /* 0: not known */
  bool has_uid;
  uid_t uid;
  char *exe;      /* NULL: cannot be read */
  char **args;    /* the command line; a passphrase in it is [secret] */
  size_t n_args;  /* 0: cannot be read, or has ended */
  char **parents; /* names, the nearest first */
  size_t n_parents;
};

/* Looks at PID.  RET is given to process_deinit.  */
void process_look (pid_t pid, struct process *ret);
/* Returns the file of the program that PID runs, to be freed, or NULL: it may be gone, or another
   user's.  */
char *process_get_exe (pid_t pid);

void process_deinit (struct process *process);

/* Returns it in one line, `pid 4711 uid 1000 gpg --decrypt x (of sh, tmux)`, to be freed.  What is
   not printable is as it is.  */
char *process_describe (const struct process *process);

#endif /* ASSUANCTL_PROCESS_H */
