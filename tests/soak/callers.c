/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* callers.c - clients of eva_connect that come, call the host (tests/host), and go, many at a time
   and in every way, each answer checked.

   usage: callers ADDRESS N SECONDS SEED     ends earlier on SIGTERM

   In the end it prints figures.  The exit status is 1 if an answer was not as it should have been,
   or if memory or descriptors were left.  */

#include <eva.h>

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../wire/random.h"

#define TEXT_SIZE    20000
#define PIECE_LEN    ((size_t) 16 << 10)
#define COMMAND_SIZE 1001
#define N_COMPLAINTS 20
#define NS_PER_MS    ((uint64_t) 1000000)

/* Octets that may be left, of the C library's own.  mixture.py takes care that the allocator keeps
   nothing for itself.  */
#define HEAP_SLACK ((size_t) 4 << 10)

static struct {
  eva_loop *loop;
  const char *address;
  uint64_t seed;
  uint64_t end_ns;
  unsigned long n_there;
  bool is_over;
  char text[TEXT_SIZE]; /* what calls are made of */
  char zeros[PIECE_LEN];
  uint64_t n_connections, n_calls, n_good, n_refused, n_cancelled, n_timed_out, n_lost, n_octets;
  uint64_t n_errors;
} load;

struct caller {
  assuan_context_t ctx; /* NULL: away */
  eva_source *timer;    /* until it leaves in the middle of something, or NULL */
  unsigned int n_left;  /* calls until it leaves */
  unsigned int n_open;
  bool is_leaving; /* calls may end as they like */
  bool is_busy;    /* calls are being made */
};

/* When a call is given up.  */
enum cancel { NEVER, AT_ONCE, WHEN_ANSWERED, AFTER_A_WHILE, N_CANCELS };

struct task {
  struct caller *caller;
  const struct kind *kind;
  struct eva_pending_call *call;
  eva_source *timer; /* gives it up, or answers, or NULL */
  enum cancel cancel;
  size_t at, len; /* of load.text, or how many zeros: what is expected, or sent */
  size_t n_sent;  /* of the answer to an inquiry */
  size_t n_came;
  bool is_wrong; /* what came is not what was expected */
  bool has_limit;
};

struct kind {
  const char *command;
  enum { NOTHING, LENGTH, TEXT } argument;
  bool is_text;    /* data are load.text from AT on; else zeros */
  bool sends_data; /* as many as LEN */
  bool inquires;   /* so nothing is sent ahead behind it */
  size_t max_len;
  gpg_err_code_t err; /* with which it ends, from the server */
};

static const struct kind echo = {
  .command = "ECHO", .argument = TEXT, .is_text = true, .sends_data = true, .max_len = 900
};
static const struct kind bulk = {
  .command = "BULK", .argument = LENGTH, .sends_data = true, .max_len = 500000
};
static const struct kind wait_for = { .command = "WAIT", .argument = LENGTH, .max_len = 20 };
static const struct kind ask = {
  .command = "ASK", .is_text = true, .sends_data = true, .inquires = true, .max_len = TEXT_SIZE
};
static const struct kind take = { .command = "TAKE", .inquires = true, .max_len = 1000000 };
static const struct kind fail = {
  .command = "FAIL 58", .argument = TEXT, .max_len = 100, .err = GPG_ERR_NO_DATA
};
static const struct kind nonsense = { .command = "NONSENSE", .err = GPG_ERR_ASS_UNKNOWN_CMD };

static const struct kind *const kinds[] = { &echo, &echo,     &ask,  &bulk,
                                            &take, &wait_for, &fail, &nonsense };

static void come (struct caller *caller);
static void go_on (struct caller *caller);

static unsigned int
roll (unsigned int n) {
  return (unsigned int) random_below (&load.seed, n);
}

static void
complain (const char *what, const char *why) {
  if (load.n_errors++ < N_COMPLAINTS) fprintf (stderr, "callers: %s: %s\n", what, why);
}

static eva_source *
add_timer (unsigned int delay_ms, void (*cb) (void *), void *arg) {
  eva_source *timer = eva_loop_add_timer (load.loop, delay_ms, cb, arg);

  if (!timer) complain ("timer", strerror (errno));
  return timer;
}

/* --- How calls end ---------------------------------------------------------------------------- */

/* Returns true if CODE is how a call ends whose connection does.  */
static bool
is_end (gpg_err_code_t code) {
  return code == GPG_ERR_EOF || code == GPG_ERR_CANCELED || code == GPG_ERR_EPIPE;
}

static void
count (const struct task *task, gpg_error_t err) {
  gpg_err_code_t code = gpg_err_code (err);

  if (task->caller->is_leaving && is_end (code))
    load.n_lost++;
  else if (task->cancel != NEVER && code == GPG_ERR_CANCELED)
    load.n_cancelled++;
  else if (task->has_limit && code == GPG_ERR_TIMEOUT)
    load.n_timed_out++;
  else if (code != task->kind->err)
    complain (task->kind->command, gpg_strerror (err));
  else if (task->is_wrong || (task->kind->sends_data && task->n_came != task->len))
    complain (task->kind->command, "another answer than expected");
  else if (err)
    load.n_refused++;
  else
    load.n_good++;
}

/* TEXT, of OK or ERR, is the same for all calls of a kind, or what was sent.  */
static void
look_at_text (struct task *task, const char *text) {
  size_t text_len = text ? strlen (text) : 0;

  if (task->kind == &fail && task->len
      && (text_len < task->len
          || memcmp (text + text_len - task->len, load.text + task->at, task->len) != 0))
    task->is_wrong = true;
}

static void
done (void *arg, gpg_error_t err, const char *text) {
  struct task *task = arg;
  struct caller *caller = task->caller;

  look_at_text (task, text);
  count (task, err);
  load.n_octets += task->n_came + task->n_sent;
  eva_source_free (task->timer);
  if (task->kind->inquires) eva_set_writable (caller->ctx, NULL, NULL);
  free (task);
  if (!--caller->n_open && !caller->is_busy && !caller->is_leaving) go_on (caller);
}

/* --- What comes ------------------------------------------------------------------------------- */

static bool
is_as_expected (const struct task *task, const char *octets, size_t len) {
  if (task->n_came + len > task->len) return false;
  if (task->kind->is_text) return !memcmp (octets, load.text + task->at + task->n_came, len);
  for (size_t i = 0; i < len; i++)
    if (octets[i]) return false;
  return true;
}

static gpg_error_t
data_came (void *arg, const void *buf, size_t len) {
  struct task *task = arg;

  if (!is_as_expected (task, buf, len)) task->is_wrong = true;
  task->n_came += len;
  if (task->cancel == WHEN_ANSWERED) eva_call_cancel (task->call);
  return 0;
}

static gpg_error_t
status_came (void *arg, const char *text) {
  struct task *task = arg;
  size_t n_taken;

  if (sscanf (text, "TAKEN %zu", &n_taken) != 1 || n_taken != task->len || task->kind != &take)
    task->is_wrong = true;
  return 0;
}

/* --- Answers to inquiries --------------------------------------------------------------------- */

/* Gives what there is room for.  While the server inquires nothing else is under way on the
   connection, so eva_set_writable is this task's.  */
static void
give_more (assuan_context_t ctx, void *arg) {
  struct task *task = arg;
  gpg_error_t err = 0;

  while (!err && task->n_sent < task->len && eva_get_queued_len (ctx) < 2 * PIECE_LEN) {
    size_t len = task->len - task->n_sent;
    if (len > PIECE_LEN) len = PIECE_LEN;
    err = eva_answer_data (
        task->call, task->kind->is_text ? load.text + task->at + task->n_sent : load.zeros, len);
    if (!err) task->n_sent += len;
  }
  if (!err && task->n_sent < task->len)
    err = eva_set_writable (ctx, give_more, task);
  else if (!err)
    err = eva_answer_end (task->call);
  if (err) complain ("answer", gpg_strerror (err));
}

static void
answer_later (void *arg) {
  struct task *task = arg;

  give_more (task->caller->ctx, task);
}

/* Answers at once, or later, or not at all.  */
static gpg_error_t
inquired (void *arg, struct eva_pending_call *call, const char *text) {
  struct task *task = arg;

  if (strcmp (text, "DATA") != 0 || !task->kind->inquires) task->is_wrong = true;
  if (task->cancel == WHEN_ANSWERED)
    eva_call_cancel (call);
  else if (!task->timer && roll (2))
    task->timer = add_timer (roll (5), answer_later, task);
  else
    give_more (task->caller->ctx, task);
  return 0;
}

/* --- Making calls ----------------------------------------------------------------------------- */

static void
lose_patience (void *arg) {
  eva_call_cancel (((struct task *) arg)->call);
}

static void
format (const struct task *task, char buf[COMMAND_SIZE]) {
  const struct kind *kind = task->kind;

  if (kind->argument == LENGTH)
    snprintf (buf, COMMAND_SIZE, "%s %zu", kind->command, task->len);
  else if (kind->argument == TEXT)
    snprintf (buf, COMMAND_SIZE, "%s %.*s", kind->command, (int) task->len, load.text + task->at);
  else
    snprintf (buf, COMMAND_SIZE, "%s", kind->command);
}

static struct task *
task_new (struct caller *caller, const struct kind *kind) {
  struct task *task = calloc (1, sizeof *task);

  if (!task) abort ();
  task->caller = caller;
  task->kind = kind;
  task->len = roll ((unsigned int) kind->max_len + 1);
  if (kind->is_text || kind->argument == TEXT)
    task->at = roll ((unsigned int) (TEXT_SIZE - task->len + 1));
  if (!roll (4)) task->cancel = (enum cancel) roll (N_CANCELS);
  task->has_limit = kind == &wait_for && roll (2);
  return task;
}

/* Makes a call of KIND.  */
static void
begin (struct caller *caller, const struct kind *kind, bool ahead) {
  struct eva_callbacks callbacks = {
    .data = data_came, .status = status_came, .inquire = inquired, .done = done
  };
  struct task *task = task_new (caller, kind);
  char command[COMMAND_SIZE];
  gpg_error_t err;

  if (task->has_limit) callbacks.timeout_ms = 1 + roll (10);
  if (ahead) callbacks.flags = EVA_CALL_AHEAD;
  format (task, command);
  load.n_calls++;
  caller->n_open++;
  err = eva_call (caller->ctx, command, &callbacks, task, &task->call);
  if (err) {
    complain ("eva_call", gpg_strerror (err));
    caller->n_open--;
    free (task);
  } else if (task->cancel == AT_ONCE) {
    eva_call_cancel (task->call);
  } else if (task->cancel == AFTER_A_WHILE) {
    task->timer = add_timer (roll (10), lose_patience, task);
  }
}

/* --- Coming and going ------------------------------------------------------------------------- */

static void
gone (struct caller *caller) {
  caller->ctx = NULL;
  eva_source_free (caller->timer);
  caller->timer = NULL;
  if (caller->n_open) complain ("connection", "calls did not end with it");
  caller->n_open = 0;
  if (!load.is_over && eva_now () < load.end_ns)
    come (caller);
  else if (!--load.n_there)
    eva_loop_stop (load.loop);
}

static void
closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct caller *caller = arg;

  if (!caller->is_leaving) complain ("connection", gpg_strerror (err));
  caller->is_leaving = true;
  assuan_release (ctx);
  gone (caller);
}

/* Leaves in the middle of whatever it is.  */
static void
vanish (void *arg) {
  struct caller *caller = arg;

  caller->is_leaving = true;
  assuan_release (caller->ctx);
  gone (caller);
}

static void
leave (struct caller *caller) {
  caller->is_leaving = true;
  eva_source_free (caller->timer);
  caller->timer = NULL;
  switch (roll (3)) {
  case 0: /* the server closes */
    if (eva_call (caller->ctx, "BYE", &(struct eva_callbacks) { .flags = 0 }, NULL, NULL))
      complain ("BYE", "cannot be said");
    break;
  case 1:
    eva_close (caller->ctx);
    break;
  default: /* after this callback */
    caller->timer = add_timer (0, vanish, caller);
  }
}

/* The next calls, one or some at a time; or the end.  */
static void
go_on (struct caller *caller) {
  const struct kind *kind;

  /* A call that is given up at once ends before the next one is made.  */
  while (!caller->n_open) {
    if (!caller->n_left || load.is_over) {
      leave (caller);
      return;
    }
    caller->n_left--;
    kind = kinds[roll (sizeof kinds / sizeof *kinds)];
    caller->is_busy = true;
    begin (caller, kind, false);
    for (unsigned int i = roll (8); i > 4 && !kind->inquires; i--)
      begin (caller, roll (2) ? &echo : &bulk, true);
    caller->is_busy = false;
  }
}

static void
ready (assuan_context_t ctx, void *arg) {
  (void) ctx;
  go_on (arg);
}

static void
come (struct caller *caller) {
  struct eva_connect_config config = { .ready = ready, .closed = closed, .arg = caller };
  gpg_error_t err;

  caller->n_left = roll (20);
  caller->is_leaving = false;
  err = eva_connect (load.loop, load.address, &config, &caller->ctx);
  if (err) {
    complain ("eva_connect", gpg_strerror (err));
    if (!--load.n_there) eva_loop_stop (load.loop);
    return;
  }
  load.n_connections++;
  if (!roll (5)) caller->timer = add_timer (roll (50), vanish, caller);
}

/* --- The program ------------------------------------------------------------------------------ */

static void
stop_came (void *arg, unsigned int revents) {
  struct signalfd_siginfo info;

  (void) revents;
  if (read (*(int *) arg, &info, sizeof info) == sizeof info) load.is_over = true;
}

static void
run (unsigned long n) {
  struct caller *callers = calloc (n, sizeof *callers);

  if (!callers) abort ();
  load.n_there = n;
  for (unsigned long i = 0; i < n; i++)
    come (&callers[i]);
  if (load.n_there) eva_loop_run (load.loop);
  free (callers);
}

/* Octets that are allocated; 0 where a sanitizer, which looks itself, stands in for the
   allocator.  */
static size_t
heap_len (void) {
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* The most memory that this process had.  What getrusage tells is also what its parent had before
   it became this one.  */
static unsigned long
peak_kib (void) {
  FILE *file = fopen ("/proc/self/status", "re");
  unsigned long kib = 0;
  char line[256];

  if (!file) return 0;
  while (fgets (line, sizeof line, file))
    sscanf (line, "VmHWM: %lu", &kib);
  fclose (file);
  return kib;
}

static void
report (void) {
  printf ("n_connections %" PRIu64 "\nn_calls %" PRIu64 "\nn_good %" PRIu64 "\nn_refused %" PRIu64
          "\nn_cancelled %" PRIu64 "\nn_timed_out %" PRIu64 "\nn_lost %" PRIu64
          "\nn_octets %" PRIu64 "\nn_errors %" PRIu64 "\nmax_rss_kib %lu\n",
          load.n_connections, load.n_calls, load.n_good, load.n_refused, load.n_cancelled,
          load.n_timed_out, load.n_lost, load.n_octets, load.n_errors, peak_kib ());
}

static int
open_stop (void) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* All of it, from the loop's making to its end.  */
static void
call_host (unsigned long n) {
  int stop_fd = open_stop ();
  eva_source *stop = NULL;

  load.loop = eva_loop_new ();
  if (load.loop) stop = eva_loop_add_fd (load.loop, stop_fd, EVA_READABLE, stop_came, &stop_fd);
  if (stop)
    run (n);
  else
    complain ("loop", strerror (errno));
  eva_source_free (stop);
  eva_loop_free (load.loop);
  close (stop_fd);
}

int
main (int argc, char **argv) {
  size_t heap_before;
  int first_fd;

  if (argc != 5) {
    fprintf (stderr, "usage: callers ADDRESS N SECONDS SEED\n");
    return 2;
  }
  load.address = argv[1];
  load.end_ns = eva_now () + (uint64_t) (strtod (argv[3], NULL) * 1000) * NS_PER_MS;
  load.seed = strtoul (argv[4], NULL, 10);
  for (size_t i = 0; i < TEXT_SIZE; i++)
    load.text[i] = "evassuan%&abcdefghijklmnopqrstuvwxyz"[roll (36)];
  setvbuf (stdout, NULL, _IOFBF, BUFSIZ);
  heap_before = heap_len ();
  first_fd = dup (STDERR_FILENO);
  close (first_fd);
  call_host (strtoul (argv[2], NULL, 10));
  if (heap_len () > heap_before + HEAP_SLACK) complain ("memory", "is left");
  if (dup (STDERR_FILENO) != first_fd) complain ("descriptors", "are left");
  report ();
  return load.n_errors ? 1 : 0;
}
