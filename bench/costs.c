/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* costs.c - what the library uses up: system calls, allocations, memory.  Like bench.c it runs on
   either library.

   usage: costs list | NAME          prints the figure or figures, less is better

   System calls are counted by the kernel: the end of the connection that is looked at is a process
   of its own, under ptrace.  To leave out start and end, a dialogue is held twice, once with
   N_MORE commands more: the difference, divided by N_MORE, is what a command costs.  */

#include "kit.h"
#include "peer.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_FEW         10
#define N_MORE        100
#define N_CONNECTIONS 1000
#define ANSWER_MIB    1

/* Which end of a connection is looked at.  */
enum end { SERVER, LOOP_SERVER, CLIENT };

/* What is said over and over.  */
struct dialogue {
  const char *name;
  const char *title;
  enum end end;
  const char *command;
  double n; /* things that a command does */
};

/* What it costs.  */
struct costs {
  double n_calls;
  double n_allocations;
};

/* --- Allocations ------------------------------------------------------------------------------ */

/* Counted by the process that is looked at.  */
static unsigned long *n_allocations;

static void
allocations_init (void) {
  n_allocations =
      mmap (NULL, sizeof *n_allocations, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  need (n_allocations != MAP_FAILED, "mmap");
}

static void *
counting_malloc (size_t len) {
  ++*n_allocations;
  return malloc (len);
}

static void *
counting_realloc (void *ptr, size_t len) {
  ++*n_allocations;
  return realloc (ptr, len);
}

static struct assuan_malloc_hooks counting_hooks = { counting_malloc, counting_realloc, free };

/* --- System calls ----------------------------------------------------------------------------- */

static int
await_stop (pid_t pid) {
  int status;

  need (waitpid (pid, &status, 0) == pid, "waitpid");
  return status;
}

/* Lets the process PID, which has stopped itself, run to its end.  Returns the number of its system
   calls, each of which stops it twice.  */
static double
count_calls (pid_t pid) {
  unsigned long n_stops = 0;
  int signal_number = 0;
  int status = await_stop (pid);

  if (!WIFSTOPPED (status)) die ("counting system calls", "ptrace is not allowed");
  need (!ptrace (PTRACE_SETOPTIONS, pid, 0L, (long) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
        "ptrace");
  for (;;) {
    need (!ptrace (PTRACE_SYSCALL, pid, 0L, (long) signal_number), "ptrace");
    status = await_stop (pid);
    if (!WIFSTOPPED (status)) break;
    signal_number = WSTOPSIG (status);
    if (signal_number != (SIGTRAP | 0x80)) continue;
    signal_number = 0;
    n_stops++;
  }
  if (!WIFEXITED (status) || WEXITSTATUS (status)) die ("dialogue", "failed");
  return (double) (n_stops / 2);
}

/* --- Dialogues -------------------------------------------------------------------------------- */

static void
talk (int fd, const struct dialogue *dialogue, int n, assuan_malloc_hooks_t hooks) {
  struct client client;

  client_open (&client, fd, hooks);
  client.answer_mib = ANSWER_MIB;
  for (int i = 0; i < n; i++)
    client_command (&client, dialogue->command);
  client_close (&client);
}

static void
serve_in_loop (int fd, assuan_malloc_hooks_t hooks) {
  assuan_context_t ctx = server_new (fd, register_commands, hooks);
  int done = 0;

  while (!done) {
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    need (poll (&poll_fd, 1, -1) == 1, "poll");
    must (assuan_process_next (ctx, &done), "process_next");
  }
  assuan_release (ctx);
}

/* Plays END on FD to the end of the connection.  */
static void
play (enum end end, int fd, const struct dialogue *dialogue, int n) {
  assuan_malloc_hooks_t hooks = end == dialogue->end ? &counting_hooks : NULL;

  if (end == CLIENT)
    talk (fd, dialogue, n, hooks);
  else if (end == SERVER)
    serve (fd, register_commands, hooks);
  else
    serve_in_loop (fd, hooks);
}

/* Holds a dialogue of N commands and tells what it cost the end that is looked at, which is the
   child process; the other end is a child of that.  */
static struct costs
hold (const struct dialogue *dialogue, int n) {
  enum end other = dialogue->end == CLIENT ? SERVER : CLIENT;
  struct costs costs;
  int fds[2];
  pid_t other_pid, pid;

  *n_allocations = 0;
  need (!socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
  other_pid = fork ();
  need (other_pid >= 0, "fork");
  if (!other_pid) {
    close (fds[0]);
    play (other, fds[1], dialogue, n);
    _exit (0);
  }
  pid = fork ();
  need (pid >= 0, "fork");
  if (!pid) {
    close (fds[1]);
    if (ptrace (PTRACE_TRACEME, 0, 0L, 0L)) _exit (1);
    raise (SIGSTOP);
    play (dialogue->end, fds[0], dialogue, n);
    _exit (0);
  }
  close (fds[0]);
  close (fds[1]);
  costs.n_calls = count_calls (pid);
  costs.n_allocations = (double) *n_allocations;
  await_stop (other_pid);
  return costs;
}

static void
print_costs (const struct dialogue *dialogue) {
  struct costs few, many;
  double n = N_MORE * dialogue->n;

  allocations_init ();
  few = hold (dialogue, N_FEW);
  many = hold (dialogue, N_FEW + N_MORE);
  printf ("%.3f %.3f\n", (many.n_calls - few.n_calls) / n,
          (many.n_allocations - few.n_allocations) / n);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* Two descriptors for each connection are more than many systems give without being asked.  */
static void
raise_descriptor_limit (void) {
  struct rlimit limit;

  need (!getrlimit (RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

/* What malloc has given, in octets.  */
static size_t
used_memory (void) {
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

static gpg_error_t
cmd_nothing (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

/* The commands of the measurements, and as many more as a daemon has.  */
static void
register_twenty (assuan_context_t ctx) {
  register_commands (ctx);
  for (size_t i = N_MEASURED; i < 20; i++)
    must (assuan_register_command (ctx, command_name (i), cmd_nothing, NULL), "register");
}

/* Makes a server that has served one command and waits for the next.  */
static void
make_idle (int fds[2]) {
  assuan_context_t ctx = server_new (fds[0], register_twenty, NULL);

  raw_skip_lines (fds[1], 1);
  raw_send (fds[1], "DONE\n", 5);
  must (assuan_process_next (ctx, NULL), "process_next");
  raw_skip_lines (fds[1], 1);
}

/* Octets of the process that are in memory.  */
static size_t
resident_memory (void) {
  FILE *fp = fopen ("/proc/self/statm", "r");
  size_t n_pages = 0;

  need (fp && fscanf (fp, "%*s %zu", &n_pages) == 1, "/proc/self/statm");
  fclose (fp);
  return n_pages * (size_t) sysconf (_SC_PAGESIZE);
}

/* The contexts are not released: the end of the program does that.  */
static void
print_idle_memory (size_t (*measured) (void)) {
  size_t before = 0;

  raise_descriptor_limit ();
  /* The first connection may allocate what all the others share.  */
  for (int i = 0; i <= N_CONNECTIONS; i++) {
    int fds[2];
    need (!socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
    make_idle (fds);
    if (!i) before = measured ();
  }
  printf ("%.0f\n", (double) (measured () - before) / N_CONNECTIONS);
}

/* --- The list --------------------------------------------------------------------------------- */

#define ECHO "ECHO abcdefghijklmnopqrstuvwxyz012345"

static const struct dialogue dialogues[] = {
  { "nop-server", "NOP, server", SERVER, "NOP", 1 },
  { "nop-loop", "NOP, server in an event loop (with poll)", LOOP_SERVER, "NOP", 1 },
  { "nop-client", "NOP, client", CLIENT, "NOP", 1 },
  { "echo-server", "32 octets of data, server", SERVER, ECHO, 1 },
  { "echo-client", "32 octets of data, client", CLIENT, ECHO, 1 },
  { "status-server", "a status line, server", SERVER, "STATUS", STATUS_LINES },
  { "status-client", "a status line, client", CLIENT, "STATUS", STATUS_LINES },
  { "data-server", "1 MiB of data, server", SERVER, "PLAIN 1", 1 },
  { "data-client", "1 MiB of data, client", CLIENT, "PLAIN 1", 1 },
  { "inquiry-server", "1 MiB inquired, server", SERVER, "TAKE", 1 },
  { "inquiry-client", "1 MiB inquired, client", CLIENT, "TAKE", 1 },
};

int
main (int argc, char **argv) {
  bool wants_list = argc == 2 && !strcmp (argv[1], "list");

  peer_init ();
  for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
    if (wants_list)
      printf ("%s|%s\n", dialogues[i].name, dialogues[i].title);
    else if (argc == 2 && !strcmp (argv[1], dialogues[i].name)) {
      print_costs (&dialogues[i]);
      return 0;
    }
  if (argc == 2 && !strcmp (argv[1], "idle-memory")) {
    print_idle_memory (used_memory);
    return 0;
  }
  if (argc == 2 && !strcmp (argv[1], "idle-resident")) {
    print_idle_memory (resident_memory);
    return 0;
  }
  if (wants_list) return 0;
  fprintf (stderr, "usage: %s list | NAME | idle-memory | idle-resident\n", argv[0]);
  return 2;
}
