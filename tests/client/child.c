/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* child.c - a server that clients start, made of nothing but stdio, so that it can be as rude as a
   test wants.

       child serve [WORD...]    answers commands, see below
       child exit | half | refuse | mute | deaf
       child linger FIFO        greets, and stays until FIFO has no writer any more
       child daemon SOCKET STARTS HOW
                                adds an octet to the file STARTS, then listens, until a client
                                says END; HOW is `stay`, `fork`, or an exit status to fail with
       child ssh HOW FILE OPTIONS...
                                stands in for `ssh -L PATH:...`: writes its words to FILE, and
                                listens at PATH; or HOW is `deaf` (to SIGTERM), `fail`, `hang`,
                                `leave` (when a client comes) or `drop` (each client)  */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int in_fd = 0, out_fd = 1;
static pid_t daemon_pid;
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

/* Returns how many descriptors above the standard ones are open, without the connection.  */
static unsigned int
count_fds (void) {
  unsigned int n = 0;

  for (int fd = 3; fd < 1000; fd++)
    n += fd != in_fd && fcntl (fd, F_GETFD) >= 0;
  return n;
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
  } else if (!strncmp (line, "GETENV ", 7)) {
    const char *value = getenv (line + 7);
    snprintf (reply, sizeof reply, "OK %s\n", value ? value : "(unset)");
  } else if (!strcmp (line, "WHERE")) {
    char dir[1000];
    snprintf (reply, sizeof reply, "OK %s\n", getcwd (dir, sizeof dir) ? dir : "?");
  } else if (!strcmp (line, "HOLDS")) {
    snprintf (reply, sizeof reply, "OK %u %s\n", count_fds (),
              getsid (0) == daemon_pid ? "leads" : "follows");
  } else if (!strcmp (line, "END")) {
    kill (daemon_pid, SIGTERM);
  } else if (!strcmp (line, "DROP")) {
    kill (-daemon_pid, SIGKILL); /* this one, too */
  } else if (!strcmp (line, "COMPLAIN")) {
    if (write (2, "complaint\n", 10) < 0) strcpy (reply, "ERR 1\n");
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

/* --- A daemon --------------------------------------------------------------------------------- */

/* Each client has a process of its own.  */
static _Noreturn void
serve_all (int listener) {
  for (;;) {
    int fd = accept (listener, NULL, NULL);
    if (fd < 0) exit (3);
    if (!fork ()) {
      close (listener);
      in_fd = out_fd = fd;
      exit (serve ((char *[]) { NULL }));
    }
    close (fd);
  }
}

static int
be_daemon (const char *path, const char *starts, const char *how) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = open (starts, O_WRONLY | O_APPEND | O_CREAT, 0600);

  if (fd < 0 || write (fd, "x", 1) != 1) return 2;
  close (fd);
  if (strcmp (how, "stay") && strcmp (how, "fork")) return atoi (how);
  if (!strcmp (how, "fork") && fork ()) return 0;
  usleep (30000); /* clients come meanwhile */
  daemon_pid = getpid ();
  if (!strcmp (how, "fork")) setsid ();
  signal (SIGCHLD, SIG_IGN);
  strncpy (addr.sun_path, path, sizeof addr.sun_path - 1);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  unlink (path);
  if (bind (fd, (struct sockaddr *) &addr, sizeof addr) || listen (fd, 100)) return 3;
  serve_all (fd);
}

/* --- ssh -------------------------------------------------------------------------------------- */

static int
be_ssh (const char *how, const char *file, char **words) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  FILE *fp = fopen (file, "w");
  int fd;

  for (; fp && *words; words++) {
    fprintf (fp, "%s\n", *words);
    if (!strcmp (*words, "-L")) memcpy (addr.sun_path, words[1], strcspn (words[1], ":"));
  }
  if (!fp || fclose (fp)) return 2;
  daemon_pid = getpid ();
  signal (SIGCHLD, SIG_IGN);
  fprintf (stderr, "Warning: first\n");
  if (!strcmp (how, "fail")) fprintf (stderr, "me@host: Permission denied (publickey).\n");
  if (!strcmp (how, "fail")) return 255;
  while (!strcmp (how, "hang"))
    pause ();
  usleep (30000);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  if (bind (fd, (struct sockaddr *) &addr, sizeof addr) || listen (fd, 100)) return 3;
  if (!strcmp (how, "deaf")) signal (SIGTERM, SIG_IGN);
  if (!strcmp (how, "serve") || !strcmp (how, "deaf")) serve_all (fd);
  do {
    int client = accept (fd, NULL, NULL);
    fprintf (stderr, "channel 2: open failed: connect failed\n");
    close (client);
  } while (!strcmp (how, "drop"));
  return 255;
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
  if (!strcmp (mode, "daemon") && argc > 4) return be_daemon (argv[2], argv[3], argv[4]);
  if (!strcmp (mode, "ssh") && argc > 4) return be_ssh (argv[2], argv[3], argv + 4);
  if (!strcmp (mode, "linger") && argc > 2) return linger (argv[2]);
  return 0;
}
