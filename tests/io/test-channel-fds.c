/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-channel-fds.c - descriptors that come with octets: how many, with which octet,
   close-on-exec, and what is done about messages that are not well-formed.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/channel.h"

static struct eva__io_sys sys;

/* Two channels that pass descriptors to each other.  */
struct link {
  struct eva__io_channel a, b;
};

static void
link_up (struct link *link) {
  int fd[2];

  eva__io_sys_init (&sys, NULL, NULL);
  fds_socketpair (fd, 0);
  eva__io_channel_init (&link->a, &sys, fd[0], fd[0], true);
  eva__io_channel_init (&link->b, &sys, fd[1], fd[1], true);
}

static void
link_down (struct link *link) {
  eva__io_channel_close (&link->a);
  eva__io_channel_close (&link->b);
}

static ssize_t
say_with (struct eva__io_channel *ch, const char *text, const int *fds, size_t n_fds) {
  struct iovec iov = { .iov_base = (char *) (uintptr_t) text, .iov_len = strlen (text) };

  return eva__io_channel_write (ch, &iov, 1, fds, n_fds, true);
}

static void
close_all (const struct eva__io_fds *fds) {
  for (size_t i = 0; i < fds->n; i++)
    close (fds->fd[i]);
}

/* Returns true if A and B are the same file.  */
static bool
is_same_file (int a, int b) {
  struct stat sa, sb;

  assert_int_equal (fstat (a, &sa), 0);
  assert_int_equal (fstat (b, &sb), 0);
  return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static void
test_one (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  struct link link;
  char buf[8];
  int fd[2];

  (void) state;
  for (int wait = 0; wait < 2; wait++) {
    link_up (&link);
    fds_pipe (fd, 0);
    fcntl (fd[0], F_SETFD, 0);
    assert_int_equal (say_with (&link.a, "take", fd, 1), 4);
    assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, wait, &fds), 4);
    assert_int_equal (fds.n, 1);
    assert_false (fds.truncated);
    assert_true (is_cloexec (fds.fd[0]));
    assert_true (is_same_file (fds.fd[0], fd[0]));
    close_all (&fds);
    /* The next octets come alone.  */
    assert_int_equal (say_with (&link.a, "none", NULL, 0), 4);
    assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, wait, &fds), 4);
    assert_int_equal (fds.n, 0);
    fds_close_pair (fd);
    link_down (&link);
  }
}

/* As many as the kernel carries, in order.  */
static void
test_full_message (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  struct link link;
  int fd[2], many[EVA__IO_MAX_FDS + 1];
  char buf[8];

  (void) state;
  link_up (&link);
  fds_pipe (fd, 0);
  for (size_t i = 0; i <= EVA__IO_MAX_FDS; i++)
    many[i] = fd[i & 1];
  assert_fails (say_with (&link.a, "x", many, EVA__IO_MAX_FDS + 1), EINVAL);
  assert_int_equal (say_with (&link.a, "take", many, EVA__IO_MAX_FDS), 4);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_int_equal (fds.n, EVA__IO_MAX_FDS);
  assert_false (fds.truncated);
  for (size_t i = 0; i < fds.n; i++) {
    assert_true (is_cloexec (fds.fd[i]));
    assert_true (is_same_file (fds.fd[i], fd[0]));
    /* Which end it is shows in the access mode.  */
    assert_int_equal (fcntl (fds.fd[i], F_GETFL) & O_ACCMODE, i & 1 ? O_WRONLY : O_RDONLY);
  }
  close_all (&fds);
  fds_close_pair (fd);
  link_down (&link);
}

/* Descriptors of two messages do not come in one read.  */
static void
test_two_messages (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  struct link link;
  char buf[16];
  int fd[2];

  (void) state;
  link_up (&link);
  fds_pipe (fd, 0);
  assert_int_equal (say_with (&link.a, "one ", fd, 1), 4);
  assert_int_equal (say_with (&link.a, "two ", fd, 2), 4);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_int_equal (fds.n, 1);
  close_all (&fds);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_memory_equal (buf, "two ", 4);
  assert_int_equal (fds.n, 2);
  close_all (&fds);
  fds_close_pair (fd);
  link_down (&link);
}

/* --- The line that they belong to ------------------------------------------------------------- */

/* Everything is sent before anything is read.  A descriptor comes with the line in which its
   message begins, or with a piece of it, and with no other.  */
struct piece {
  const char *text;
  bool has_fd;
};

static const struct {
  struct piece sent[6];
  const char *heard; /* & in front of a read with descriptors, | behind each read */
} glued[] = {
  { { { "RESET\n", false }, { "# a\n# b\n", false }, { "INPUT\n", true } },
    "RESET\n|# a\n|# b\n|&INPUT\n|" },
  { { { "one\ntwo\n", false }, { "three\nfour\n", true } }, "one\n|two\n|&three\n|four\n|" },
  { { { "one\nt", false }, { "wo\n", true }, { "three\n", false } }, "one\n|&two\n|three\n|" },
  { { { "one\nt", false }, { "w", true }, { "o\n", false } }, "one\n|&tw|o\n|" },
  { { { "one", false }, { "\n", true }, { "two\n", true } }, "&one\n|&two\n|" },
  { { { "one\n", true }, { "two\n", false }, { "three\n", true } }, "&one\n|two\n|&three\n|" },
  { { { "one", true }, { "t", true }, { "\n", true } }, "&one|&t|&\n|" },
  { { { "one\n", false }, { "two\n", false }, { "three", false } }, "one\ntwo\nthree|" },
};

/* Reads all that is there, up to SIZE octets at a time, and tells it as above.  */
static void
hear_all (struct eva__io_channel *ch, bool wait, size_t size, char *heard) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  char buf[64] = "";
  ssize_t n;

  while ((n = eva__io_channel_read (ch, buf, size, wait, &fds)) > 0) {
    if (fds.n) *heard++ = '&';
    memcpy (heard, buf, (size_t) n);
    heard += n;
    *heard++ = '|';
    /* What was looked at and not read is none of the caller's.  */
    memset (buf, 0, (size_t) n);
    for (size_t i = 0; i < sizeof buf; i++)
      assert_int_equal (buf[i], 0);
    close_all (&fds);
  }
  assert_int_equal (n, 0);
  *heard = 0;
}

/* The same octets, and where descriptors came with a line it is still that one.  */
static void
check_lines (const char *expected, const char *heard) {
  char lines[2][200];
  const char *texts[2] = { expected, heard };

  for (int i = 0; i < 2; i++) {
    bool has_fd = false;
    char line[100], *p = line;
    lines[i][0] = 0;
    for (const char *c = texts[i]; *c; c++) {
      if (*c == '&') has_fd = true;
      if (*c != '&' && *c != '|') *p++ = *c;
      if (*c != '\n' && c[1]) continue;
      *p = 0;
      if (has_fd) strcat (lines[i], "&");
      strcat (lines[i], line);
      has_fd = false;
      p = line;
    }
  }
  assert_string_equal (lines[0], lines[1]);
}

static void
check_glued (size_t i, const struct assuan_system_hooks *hooks, bool wait, size_t size) {
  struct eva__io_channel ch;
  char heard[200];
  int fd[2];

  eva__io_sys_init (&sys, NULL, hooks);
  fds_socketpair (fd, 0);
  eva__io_channel_init (&ch, &sys, fd[0], fd[0], true);
  for (const struct piece *p = glued[i].sent; p->text; p++) {
    struct eva__io_channel from;
    const int passed = 0;
    eva__io_channel_init (&from, &sys, fd[1], fd[1], true);
    assert_true (say_with (&from, p->text, &passed, p->has_fd) > 0);
  }
  close (fd[1]);
  hear_all (&ch, wait, size, heard);
  if (size > 60)
    assert_string_equal (heard, glued[i].heard);
  else
    check_lines (glued[i].heard, heard);
  eva__io_channel_close (&ch);
}

static int
recvmsg_of_ours (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  assert_false (flags & MSG_PEEK); /* a program's function may not know that */
  return __assuan_recvmsg (ctx, fd, msg, flags);
}

static void
test_with_their_line (void **state) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();

  (void) state;
  hooks.recvmsg = recvmsg_of_ours;
  for (size_t i = 0; i < sizeof glued / sizeof *glued; i++)
    for (int way = 0; way < 4; way++)
      for (size_t size = 1; size <= 64; size++)
        check_glued (i, way & 1 ? &hooks : NULL, way & 2, size);
}

static int meanwhile_fd;

/* A hook that waits is asked for one octet: what comes while it does may be glued.  */
static int
recvmsg_meanwhile (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  static int n_calls;
  const int passed = 0;

  (void) ctx;
  if (!n_calls++) {
    struct eva__io_channel from;
    eva__io_channel_init (&from, &sys, meanwhile_fd, meanwhile_fd, true);
    assert_true (say_with (&from, "one\n", NULL, 0) > 0);
    assert_true (say_with (&from, "two\n", &passed, 1) > 0);
    close (meanwhile_fd);
  }
  return __assuan_recvmsg (NULL, fd, msg, flags);
}

static void
test_while_a_hook_waits (void **state) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();
  struct eva__io_channel ch;
  char heard[200];
  int fd[2];

  (void) state;
  hooks.recvmsg = recvmsg_meanwhile;
  eva__io_sys_init (&sys, NULL, &hooks);
  fds_socketpair (fd, 0);
  meanwhile_fd = fd[1];
  eva__io_channel_init (&ch, &sys, fd[0], fd[0], true);
  hear_all (&ch, true, 64, heard);
  assert_string_equal (heard, "o|ne\n|&two\n|");
  eva__io_channel_close (&ch);
}

/* A caller that asks for no descriptors does not get any, nor keeps them open.  */
static void
test_unwanted (void **state) {
  struct eva__io_channel plain;
  struct link link;
  char buf[8];
  int fd[2];

  (void) state;
  link_up (&link);
  eva__io_channel_init (&plain, &sys, link.b.in_fd, link.b.in_fd, false);
  fds_pipe (fd, 0);
  for (int i = 0; i < 2; i++) {
    unsigned int n = fds_count ();
    assert_int_equal (say_with (&link.a, "take", fd, 2), 4);
    assert_int_equal (eva__io_channel_read (i ? &plain : &link.b, buf, sizeof buf, true, NULL), 4);
    assert_memory_equal (buf, "take", 4);
    assert_int_equal (fds_count (), n);
  }
  fds_close_pair (fd);
  link_down (&link);
}

static void
test_cannot_pass (void **state) {
  struct eva__io_channel plain;
  struct link link;
  int fd[2];

  (void) state;
  link_up (&link);
  fds_pipe (fd, 0);
  eva__io_channel_init (&plain, &sys, fd[0], fd[1], true);
  assert_fails (say_with (&plain, "take", fd, 1), EOPNOTSUPP);
  eva__io_channel_init (&plain, &sys, link.a.in_fd, link.a.in_fd, false);
  assert_fails (say_with (&plain, "take", fd, 1), EOPNOTSUPP);
  /* A descriptor needs an octet to ride on; without one it would get lost.  */
  assert_fails (say_with (&link.a, "", fd, 1), EINVAL);
  fds_close_pair (fd);
  link_down (&link);
}

/* Of more than the caller takes nearly all are never opened, not for a moment.  */
static void
test_more_than_wanted (void **state) {
  struct eva__io_fds fds = { .max = 3 };
  struct rlimit old, low;
  struct link link;
  int fd[2], many[EVA__IO_MAX_FDS];
  char buf[8];

  (void) state;
  skip_if_emulated ("takes descriptors for which there is no room");
  link_up (&link);
  fds_pipe (fd, 0);
  for (size_t i = 0; i < EVA__IO_MAX_FDS; i++)
    many[i] = fd[0];
  assert_int_equal (say_with (&link.a, "take", many, EVA__IO_MAX_FDS), 4);
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &old), 0);
  low = old;
  many[0] = dup (fd[0]);
  low.rlim_cur = (rlim_t) many[0] + 40;
  close (many[0]);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &old), 0);
  assert_true (fds.truncated);
  assert_int_equal (fds.n, 3);
  /* There were numbers enough: so it did not try to open them all.  */
  assert_false (eva__io_fds_ran_out (&fds));
  close_all (&fds);
  fds_close_pair (fd);
  link_down (&link);
}

/* Credentials, which the program has asked for, take no room away.  */
static void
test_with_credentials (void **state) {
  struct eva__io_fds fds = { .max = 2 };
  struct link link;
  int fd[2], on = 1;
  char buf[8];

  (void) state;
  link_up (&link);
  fds_pipe (fd, 0);
  assert_int_equal (setsockopt (link.b.in_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  assert_int_equal (say_with (&link.a, "take", fd, 2), 4);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_int_equal (fds.n, 2);
  assert_false (fds.truncated);
  close_all (&fds);
  fds_close_pair (fd);
  link_down (&link);
}

/* No numbers left: what could be taken is taken, and it is told that some are missing.  */
static void
test_out_of_numbers (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  struct rlimit old, low;
  struct link link;
  int fd[2], many[8];
  char buf[8];

  (void) state;
  link_up (&link);
  fds_pipe (fd, 0);
  for (size_t i = 0; i < 8; i++)
    many[i] = fd[0];
  assert_int_equal (say_with (&link.a, "take", many, 8), 4);
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &old), 0);
  low = old;
  /* The next free number is the highest so far plus one, if there are no gaps: leave room for one
     or a few.  */
  many[0] = dup (fd[0]);
  low.rlim_cur = (rlim_t) many[0] + 2;
  close (many[0]);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
  assert_int_equal (eva__io_channel_read (&link.b, buf, sizeof buf, true, &fds), 4);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &old), 0);
  assert_memory_equal (buf, "take", 4);
  assert_true (fds.truncated);
  assert_true (eva__io_fds_ran_out (&fds));
  assert_in_range (fds.n, 1, 7);
  close_all (&fds);
  fds_close_pair (fd);
  link_down (&link);
}

/* --- Messages from a hook --------------------------------------------------------------------- */

/* What the hook puts into the message.  */
static struct {
  unsigned char control[256];
  size_t controllen; /* told; may be a lie */
  size_t filled;
} forged;

static int
forge_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  (void) ctx;
  (void) flags;
  if (msg->msg_control) memcpy (msg->msg_control, forged.control, forged.filled);
  msg->msg_controllen = forged.controllen;
  msg->msg_flags = 0;
  return (int) read (fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len);
}

/* Appends a control message with LEN octets of DATA and a length that is off by LIE.  */
static void
forge (int level, int type, const void *data, size_t len, long lie) {
  struct cmsghdr head = { .cmsg_level = level, .cmsg_type = type };

  head.cmsg_len = (size_t) ((long) CMSG_LEN (len) + lie);
  memcpy (forged.control + forged.filled, &head, sizeof head);
  if (len) memcpy (forged.control + forged.filled + CMSG_LEN (0), data, len);
  forged.filled += CMSG_SPACE (len);
  forged.controllen = forged.filled;
}

/* Reads one message with what was forged; returns the number of descriptors.  */
static size_t
read_forged (struct eva__io_fds *fds) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();
  struct eva__io_channel ch;
  int fd[2];
  char buf[8];

  hooks.recvmsg = forge_recvmsg;
  eva__io_sys_init (&sys, NULL, &hooks);
  fds_socketpair (fd, 0);
  eva__io_channel_init (&ch, &sys, fd[0], fd[0], true);
  write_all (fd[1], "x", 1);
  assert_int_equal (eva__io_channel_read (&ch, buf, sizeof buf, true, fds), 1);
  close (fd[1]);
  eva__io_channel_close (&ch);
  memset (&forged, 0, sizeof forged);
  return fds->n;
}

/* The program's hook received without close-on-exec, with other messages before and between.  */
static void
test_hook_gets_cloexec (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  int a = dup (0), b[2] = { dup (0), dup (0) };
  char other[13] = "";

  (void) state;
  fcntl (a, F_SETFD, 0);
  forge (SOL_SOCKET, SCM_CREDENTIALS, other, sizeof other, 0);
  forge (SOL_SOCKET, SCM_RIGHTS, &a, sizeof a, 0);
  forge (SOL_SOCKET + 1, SCM_RIGHTS, other, sizeof other, 0);
  forge (SOL_SOCKET, SCM_RIGHTS, b, sizeof b, 0);
  assert_int_equal (read_forged (&fds), 3);
  assert_int_equal (fds.fd[0], a);
  assert_int_equal (fds.fd[1], b[0]);
  assert_int_equal (fds.fd[2], b[1]);
  for (size_t i = 0; i < 3; i++)
    assert_true (is_cloexec (fds.fd[i]));
  close_all (&fds);
}

/* Lengths that are too short, too long, or beyond everything: what stands before them counts,
   nothing else is read.  */
static void
test_malformed (void **state) {
  static const long lies[] = { -17, -16, -5, 5, 100, 100000, -1000 };
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  int fd = 0, half[2] = { 0 };

  (void) state;
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    forge (SOL_SOCKET, SCM_RIGHTS, &fd, 0, 0);
    forge (SOL_SOCKET, SCM_RIGHTS, &fd, 0, lies[i]);
    forged.controllen = forged.filled;
    assert_int_equal (read_forged (&fds), 0);
  }
  for (size_t len = 0; len < sizeof (struct cmsghdr) + sizeof fd; len++) {
    forge (SOL_SOCKET, SCM_RIGHTS, &fd, sizeof fd, 0);
    forged.controllen = len;
    assert_int_equal (read_forged (&fds), 0);
  }
  /* A whole one and half a number.  */
  half[0] = dup (0);
  forge (SOL_SOCKET, SCM_RIGHTS, half, sizeof fd + 2, 0);
  assert_int_equal (read_forged (&fds), 1);
  close_all (&fds);
}

/* A hook that claims more than the buffer holds.  */
static void
test_oversized (void **state) {
  struct eva__io_fds fds = { .max = EVA__IO_MAX_FDS };
  int fd = dup (0);

  (void) state;
  forge (SOL_SOCKET, SCM_RIGHTS, &fd, sizeof fd, 0);
  forged.controllen = 1u << 20;
  assert_int_equal (read_forged (&fds), 1);
  close_all (&fds);
  forge (SOL_SOCKET, SCM_RIGHTS, &fd, 0, (1l << 20));
  forged.controllen = ~(size_t) 0;
  assert_int_equal (read_forged (&fds), 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_one),
    fixture_test (test_full_message),
    fixture_test (test_two_messages),
    fixture_test (test_with_their_line),
    fixture_test (test_while_a_hook_waits),
    fixture_test (test_unwanted),
    fixture_test (test_cannot_pass),
    fixture_test (test_more_than_wanted),
    fixture_test (test_with_credentials),
    fixture_test (test_out_of_numbers),
    fixture_test (test_hook_gets_cloexec),
    fixture_test (test_malformed),
    fixture_test (test_oversized),
  };

  return cmocka_run_group_tests_name ("channel-fds", tests, NULL, NULL);
}
