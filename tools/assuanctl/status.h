/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.h - the exit statuses of the tool, which scripts rely on.  */

#ifndef ASSUANCTL_STATUS_H
#define ASSUANCTL_STATUS_H

enum status {
  STATUS_OK = 0,
  STATUS_ERR = 1,           /* the server said ERR; of conform: a check failed */
  STATUS_USAGE = 2,         /* the command line is wrong */
  STATUS_CONNECTION = 3,    /* no connection, it broke, or the peer broke the protocol */
  STATUS_TIMEOUT = 4,       /* the time of --timeout is over */
  STATUS_LOCAL = 5,         /* a file, a program, an inquiry that nothing answers */
  STATUS_INTERRUPTED = 130, /* SIGINT came: main ends the process by that signal */
};

#endif /* ASSUANCTL_STATUS_H */
