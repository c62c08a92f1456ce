/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tty.c - asking at the terminal.  */

#include "tty.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t silent_fd = -1;

int
tty_ask (const char *prompt, bool echoes) {
  int fd = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  struct termios silent;
  char *printable;

  if (fd < 0) return -1;
  if (tcgetattr (fd, &before)) {
    close (fd);
    errno = ENOTTY;
    return -1;
  }
  silent = before;
  if (!echoes) silent.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
  silent.c_lflag |= ICANON | ISIG;
  silent_fd = fd;
  tcsetattr (fd, TCSAFLUSH, &silent); /* what was typed before is no answer */
  printable = text_printable (prompt);
  dprintf (fd, "%s", printable);
  free (printable);
  return fd;
}

void
tty_restore (void) {
  int fd = (int) silent_fd;

  silent_fd = -1;
  if (fd >= 0) tcsetattr (fd, TCSANOW, &before);
}

void
tty_done (int fd) {
  tty_restore ();
  dprintf (fd, "\n");
  close (fd);
}
