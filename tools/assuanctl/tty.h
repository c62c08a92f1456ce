/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tty.h - asking at the terminal, whatever stdin is, without echo.  */

#ifndef ASSUANCTL_TTY_H
#define ASSUANCTL_TTY_H

#include <stdbool.h>

/* Opens /dev/tty, turns echo off unless ECHOES, and shows PROMPT.  Returns the descriptor, from
   which a line can be read when it is readable, or -1 with errno.  */
int tty_ask (const char *prompt, bool echoes);

/* Ends that: echo is as before, FD is closed.  */
void tty_done (int fd);

/* Only restores the echo, if it is off.  From everywhere, also from a signal handler.  */
void tty_restore (void);

#endif /* ASSUANCTL_TTY_H */
