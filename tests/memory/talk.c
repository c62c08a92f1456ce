/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talk.c - peers that follow a script.  See talk.h.  */

#include "talk.h"

#include "residue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* An end that is no longer heard is done.  */
static void
say (int fd, const char *octets, size_t len) {
  if (send (fd, octets, len, MSG_NOSIGNAL) != (ssize_t) len) _exit (0);
}

static void
hear_line (int fd) {
  char c;

  do
    if (read (fd, &c, 1) != 1) _exit (3);
  while (c != '\n');
}

/* What our end says last is read, so that its own end is no reset.  */
static void
follow (int fd, const char *script) {
  char secret[SECRET_LEN + 1];
  char c;

  secret_make (secret);
  for (; *script; script++)
    if (*script == '|')
      hear_line (fd);
    else if (*script == '@' || *script == '*')
      for (int n = *script == '*' ? 20 : 1; n; n--)
        say (fd, secret, SECRET_LEN);
    else
      say (fd, script, 1);
  shutdown (fd, SHUT_WR);
  while (read (fd, &c, 1) == 1)
    ;
  _exit (0);
}

void
talk_start (struct talk *talk, const char *script) {
  int fds[2];

  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  talk->pid = fork ();
  assert_true (talk->pid >= 0);
  if (!talk->pid) {
    close (fds[0]);
    follow (fds[1], script);
  }
  close (fds[1]);
  talk->fd = fds[0];
}

void
talk_end (struct talk *talk) {
  int status;

  assert_int_equal (waitpid (talk->pid, &status, 0), talk->pid);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
}
