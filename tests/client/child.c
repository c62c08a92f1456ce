/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* child.c - a server that clients start, made of nothing but stdio, so that it can be as rude as a
   test wants.

       child serve [WORD...]    answers commands, see below
       child exit | half | refuse | mute | deaf
       child linger FIFO        greets, and stays until FIFO has no writer any more  */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int in_fd = 0, out_fd = 1;
static int passed_fd = -1;
static unsigned int n_ignored;

static void
say (const char *text) {
  size_t len = strlen (text);

  while (len) {
    ssize_t n = write (out_fd, text, len);
    if (n < 0) exit (1);
    text += n;
    len -= (size_t) n;
  }
}

/* Reads LEN octets, fewer at the end; keeps a descriptor that comes along.  */
static ssize_t
receive (char *buf, size_t len) {
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (sizeof (int))];
  } control;
  struct iovec iov = { .iov_base = buf, .iov_len = len };
  struct msghdr msg = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t n = recvmsg (in_fd, &msg, 0);

  if (n < 0 && errno == ENOTSOCK) return read (in_fd, buf, len);
  if (n > 0 && CMSG_FIRSTHDR (&msg))
    memcpy (&passed_fd, CMSG_DATA (CMSG_FIRSTHDR (&msg)), sizeof passed_fd);
  return n;
}

/* Reads a line without its LF.  Returns false at the end.  */
static bool
read_line (char *line, size_t size) {
  static char buf[65536];
  static size_t start, end;
  size_t len = 0;

  for (;;) {
    if (start == end) {
      ssize_t n = receive (buf, sizeof buf);
      if (n <= 0) return false;
      start = 0;
      end = (size_t) n;
    }
    if (buf[start] == '\n') break;
    if (len + 1 < size) line[len++] = buf[start];
    start++;
  }
  start++;
  line[len] = 0;
  return true;
}

/* Counts the octets of the answer to an inquiry.  */
static void
inquire (void) {
  char line[1100];
  size_t n = 0;

  say ("INQUIRE DATA\n");
  while (read_line (line, sizeof line) && strcmp (line, "END") && strcmp (line, "CAN"))
    n += strlen (line) - 2;
  snprintf (line, sizeof line, "OK %zu\n", n);
  say (line);
}

static void
answer (const char *line, char **argv) {
  char reply[2000] = "OK\n";

  if (!strncmp (line, "ECHO ", 5)) {
    snprintf (reply, sizeof reply, "D %s\nOK\n", line + 5);
  } else if (!strcmp (line, "PID")) {
    snprintf (reply, sizeof reply, "OK %ld\n", (long) getpid ());
  } else if (!strcmp (line, "PARENT")) {
    snprintf (reply, sizeof reply, "OK %s\n", getenv ("_assuan_pipe_connect_pid"));
  } else if (!strcmp (line, "IGNORED")) {
    snprintf (reply, sizeof reply, "OK %u\n", n_ignored);
  } else if (!strcmp (line, "WORDS")) {
    for (; *argv; argv++) {
      say ("S ");
      say (*argv);
      say ("\n");
    }
  } else if (!strcmp (line, "COMPLAIN")) {
    if (write (2, "complaint", 9) < 0) strcpy (reply, "ERR 1\n");
  } else if (!strcmp (line, "MUCH")) {
    for (int i = 0; i < 3000; i++)
      say ("D 0123456789012345678901234567890123456789012345678901234567890123456789\n");
  } else if (!strcmp (line, "INQUIRE")) {
    inquire ();
    return;
  } else if (!strcmp (line, "WRITE")) {
    if (write (passed_fd, "passed", 6) < 0) strcpy (reply, "ERR 1\n");
    close (passed_fd);
  }
  say (reply);
}

static int
serve (char **argv) {
  char line[1100];

  say ("OK ready\n");
  while (read_line (line, sizeof line)) {
    if (!strcmp (line, "BYE")) break;
    answer (line, argv);
  }
  return 0;
}

static void
wait_for_end (void) {
  char c;

  while (read (in_fd, &c, 1) > 0) {}
}

/* Stays when its client has gone.  */
static int
linger (const char *fifo) {
  int fd = open (fifo, O_RDONLY);
  char c;

  say ("OK ready\n");
  wait_for_end ();
  while (read (fd, &c, 1) > 0) {}
  return 0;
}

/* Hears nothing, but has not ended.  */
static void
be_deaf (void) {
  char line[1100];

  say ("OK ready\n");
  read_line (line, sizeof line);
  say ("INQUIRE DATA\n");
  while (read_line (line, sizeof line) && strcmp (line, "END")) {}
  dup2 (open ("/dev/null", O_RDONLY), 0);
  say ("S DEAF\n");
  for (;;)
    pause ();
}

int
main (int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  const char *socket_fd = getenv ("_assuan_connection_fd");

  for (int sig = 1; sig < NSIG; sig++)
    n_ignored += signal (sig, SIG_DFL) == SIG_IGN;
  signal (SIGPIPE, SIG_IGN);
  alarm (1000);
  if (socket_fd) in_fd = out_fd = atoi (socket_fd);
  if (!strcmp (mode, "serve")) return serve (argv + 2);
  if (!strcmp (mode, "half")) say ("OK hal");
  if (!strcmp (mode, "refuse")) say ("ERR 536871936 no\n");
  if (!strcmp (mode, "mute")) wait_for_end ();
  if (!strcmp (mode, "deaf")) be_deaf ();
  if (!strcmp (mode, "linger") && argc > 2) return linger (argv[2]);
  return 0;
}
