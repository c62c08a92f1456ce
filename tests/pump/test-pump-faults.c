/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-pump-faults.c - pumps whose system calls are short, interrupted, or fail, and whose
   memory runs out.

   The calls that concern the descriptors of the pump go through stand-ins of this file.  */

#include "pump.h"

#include <errno.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define KIB ((size_t) 1024)

/* --- Faults ----------------------------------------------------------------------------------- */

enum fault {
  NO_FAULT,
  INTERRUPTED, /* every other call */
  UNREADY,     /* every other call says that it would have to wait */
  SHORT,       /* a few octets a call */
  NO_SPLICE,   /* the kernel moves nothing by itself */
  BROKEN       /* from the Nth call on */
};

static enum fault fault;
static unsigned int n_calls, n_good_calls;
static unsigned int n_allocations, n_good_allocations = UINT_MAX;

static bool
is_file (int fd) {
  struct stat st;

  return !fstat (fd, &st) && S_ISREG (st.st_mode);
}

/* Files are always ready.  What is between two descriptors has to wait if one of them has.  */
static bool
may_be_unready (int fd, bool in_kernel) {
  return !is_file (fd) || (in_kernel && !is_file (pumping.config.to_fd));
}

/* Returns true if the call on FD is to fail, with errno.  Cuts *LEN.  */
static bool
strikes (int fd, size_t *len, bool in_kernel) {
  if (!fault || (fd != pumping.config.from_fd && fd != pumping.config.to_fd)) return false;
  if (fault == UNREADY && !may_be_unready (fd, in_kernel)) return false;
  n_calls++;
  errno = fault == INTERRUPTED ? EINTR : fault == UNREADY ? EAGAIN : fault == BROKEN ? EIO : EINVAL;
  switch (fault) {
  case INTERRUPTED:
  case UNREADY:
    return n_calls % 2;
  case SHORT:
    if (*len > n_calls % 100 + 1) *len = n_calls % 100 + 1;
    return false;
  case NO_SPLICE:
    return in_kernel;
  default:
    return n_calls > n_good_calls;
  }
}

ssize_t __real_read (int fd, void *buf, size_t len);
ssize_t __wrap_read (int fd, void *buf, size_t len);
ssize_t
__wrap_read (int fd, void *buf, size_t len) {
  return strikes (fd, &len, false) ? -1 : __real_read (fd, buf, len);
}

ssize_t __real_write (int fd, const void *buf, size_t len);
ssize_t __wrap_write (int fd, const void *buf, size_t len);
ssize_t
__wrap_write (int fd, const void *buf, size_t len) {
  return strikes (fd, &len, false) ? -1 : __real_write (fd, buf, len);
}

ssize_t __real_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
                       unsigned int flags);
ssize_t __wrap_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
                       unsigned int flags);
ssize_t
__wrap_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned int flags) {
  return strikes (in, &len, true) ? -1 : __real_splice (in, in_at, out, out_at, len, flags);
}

ssize_t __real_sendfile64 (int out, int in, off64_t *at, size_t len);
ssize_t __wrap_sendfile64 (int out, int in, off64_t *at, size_t len);
ssize_t
__wrap_sendfile64 (int out, int in, off64_t *at, size_t len) {
  return strikes (in, &len, true) ? -1 : __real_sendfile64 (out, in, at, len);
}

static void *
hook_malloc (size_t len) {
  return n_allocations++ < n_good_allocations ? malloc (len) : NULL;
}

static void *
hook_realloc (void *ptr, size_t len) {
  return n_allocations++ < n_good_allocations ? realloc (ptr, len) : NULL;
}

eva_source *__real_eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                                    void (*cb) (void *arg, unsigned int revents), void *arg);
eva_source *__wrap_eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                                    void (*cb) (void *arg, unsigned int revents), void *arg);
eva_source *
__wrap_eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                        void (*cb) (void *arg, unsigned int revents), void *arg) {
  errno = ENOMEM;
  return n_allocations++ < n_good_allocations ? __real_eva_loop_add_fd (loop, fd, events, cb, arg)
                                              : NULL;
}

static int
setup (void **state) {
  struct assuan_malloc_hooks hooks = { hook_malloc, hook_realloc, free };
  struct eva_server_limits limits = { .max_connections = 0 };

  assuan_set_malloc_hooks (&hooks);
  fault = NO_FAULT;
  n_good_allocations = UINT_MAX;
  n_calls = n_allocations = 0;
  pump_setup (state);
  return eva_server_set_limits (kit.server, &limits) != 0;
}

static int
teardown (void **state) {
  fault = NO_FAULT;
  n_good_allocations = UINT_MAX;
  return pump_teardown (state);
}

/* --- Pumps of all kinds ----------------------------------------------------------------------- */

enum place { NOWHERE, PIPE, SOCKET, FILE_ };

static const struct {
  enum place from, to;
} kinds[] = {
  { PIPE, NOWHERE },   { SOCKET, NOWHERE }, { FILE_, NOWHERE }, { NOWHERE, PIPE },
  { NOWHERE, SOCKET }, { NOWHERE, FILE_ },  { PIPE, PIPE },     { PIPE, SOCKET },
  { PIPE, FILE_ },     { SOCKET, PIPE },    { SOCKET, SOCKET }, { SOCKET, FILE_ },
  { FILE_, PIPE },     { FILE_, SOCKET },   { FILE_, FILE_ },
};

/* The end of a pump, where octets come from if IS_FROM, and the test's end of it.  */
static void
open_end (enum place place, bool is_from, size_t len, int *ret_fd, int *ret_far) {
  int fds[2] = { EVA_PUMP_CONNECTION, -1 };

  if (place == PIPE) pump_pipe (fds);
  if (place == SOCKET) pump_socketpair (fds);
  if (place == FILE_) fds[0] = pump_file (is_from ? len : 0, is_from ? O_RDONLY : O_RDWR);
  *ret_fd = fds[place == PIPE && !is_from];
  *ret_far = fds[place != PIPE || is_from];
}

/* What feeds and reads a pump.  */
struct run {
  struct peer *peer;
  size_t len, at;
  int from_fd, from_far, to_fd, to_far;
  struct haul haul, reply;
};

static void
run_close (struct run *run) {
  int fds[] = { run->from_fd, run->from_far, run->to_fd, run->to_far };

  for (size_t i = 0; i < N_ELEMENTS (fds); i++)
    if (fds[i] >= 0) pump_close (fds[i]);
  haul_free (&run->haul);
  haul_free (&run->reply);
  peer_close (run->peer);
  kit_settle ();
}

/* Does whatever is possible now.  */
static void
run_turn (struct run *run) {
  if (run->from_far >= 0 && pump_feed (run->from_far, &run->at, run->len)) {
    pump_close (run->from_far);
    run->from_far = -1;
  }
  if (run->from_fd < 0) pump_answer (run->peer, &run->at, run->len);
  if (run->to_far >= 0) haul_read (&run->haul, run->to_far, 1 << 20);
  if (!run->reply.end[0] && !run->peer->at_end) haul_take (&run->reply, run->peer, 1 << 20);
}

static bool
run_is_over (const struct run *run) {
  return (run->reply.end[0] || run->peer->at_end)
         && (!pumping.pumps || pumping.pumps->begun || pump_has_ended ());
}

/* Runs a pump of KIND with LEN octets; N_GOOD allocations, and then none.  */
static void
run_pump (struct run *run, size_t kind, size_t len, unsigned int n_good) {
  /* The numbers may mean something else now.  */
  pumping.config.from_fd = pumping.config.to_fd = EVA_PUMP_CONNECTION;
  *run = (struct run) { .peer = peer_new (), .len = len };
  open_end (kinds[kind].from, true, len, &run->from_fd, &run->from_far);
  open_end (kinds[kind].to, false, len, &run->to_fd, &run->to_far);
  pumping.config.from_fd = run->from_fd;
  pumping.config.to_fd = run->to_fd;
  pumping.config.inquiry = run->from_fd < 0 ? "BULK" : NULL;
  pump_octets (len);
  peer_say (run->peer, "RUN\n");
  n_allocations = 0;
  n_good_allocations = n_good;
  kit_wait_begin ();
  while (run_turn (run), !run_is_over (run))
    kit_wait ("the end", __FILE__, __LINE__);
  n_good_allocations = UINT_MAX;
}

/* All octets came.  */
static void
run_expect_all (struct run *run) {
  struct haul *haul = run->to_fd < 0 ? &run->reply : &run->haul;

  assert_string_equal (run->reply.end, "OK");
  pump_await_end (0);
  if (run->to_fd >= 0 && run->to_far < 0) {
    assert_int_equal (lseek (run->to_fd, 0, SEEK_SET), 0);
    kit_until (haul_read (haul, run->to_fd, 1 << 20));
  } else if (run->to_fd >= 0) {
    pump_close (run->to_fd);
    run->to_fd = -1;
    kit_until (haul_read (haul, run->to_far, 1 << 20));
  }
  haul_expect (haul, run->len);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void
run_all (enum fault which, size_t len) {
  for (size_t kind = 0; kind < N_ELEMENTS (kinds); kind++) {
    struct run run;
    fault = which;
    run_pump (&run, kind, len, UINT_MAX);
    fault = NO_FAULT;
    run_expect_all (&run);
    run_close (&run);
  }
}

static void
test_no_fault (void **state) {
  (void) state;
  run_all (NO_FAULT, 300 * KIB);
}

static void
test_interrupted (void **state) {
  (void) state;
  run_all (INTERRUPTED, 300 * KIB);
  assert_true (n_calls > 0);
}

static void
test_short (void **state) {
  (void) state;
  run_all (SHORT, 30 * KIB);
  assert_true (n_calls > 0);
}

static void
test_kernel_moves_nothing (void **state) {
  (void) state;
  run_all (NO_SPLICE, 300 * KIB);
  assert_true (n_calls > 0);
}

/* The other side may be ready again before the pump looks.  */
static void
test_unready (void **state) {
  (void) state;
  run_all (UNREADY, 300 * KIB);
  assert_true (n_calls > 0);
}

/* The Nth call fails, and all behind it.  */
static void
test_broken (void **state) {
  (void) state;
  for (size_t kind = 0; kind < N_ELEMENTS (kinds); kind++)
    for (n_good_calls = 0; n_good_calls < 6; n_good_calls++) {
      struct run run;
      fault = BROKEN;
      n_calls = 0;
      run_pump (&run, kind, 150 * KIB, UINT_MAX);
      fault = NO_FAULT;
      if (n_calls > n_good_calls) {
        pump_await_end (GPG_ERR_EIO);
        assert_int_equal (strncmp (run.reply.end, "ERR ", 4), 0);
      } else {
        run_expect_all (&run);
      }
      run_close (&run);
    }
}

/* Whatever allocation fails, the pump ends once, and what is told of it is true.  */
static void
test_no_memory (void **state) {
  unsigned int n_refused = 0, n_broken = 0;

  (void) state;
  pumping.config.progress_what = "file";
  for (size_t kind = 0; kind < N_ELEMENTS (kinds); kind++)
    for (unsigned int n_good = 0; n_good < 40; n_good++) {
      struct run run;
      struct pump *before = pumping.pumps;
      run_pump (&run, kind, 150 * KIB, n_good);
      if (!strcmp (run.reply.end, "OK")) run_expect_all (&run);
      if (pumping.pumps != before && pumping.pumps->n_ended && !pumping.pumps->err)
        assert_int_equal (pumping.pumps->n_pumped, run.len);
      if (pumping.pumps != before && gpg_err_code (pumping.pumps->begun) == GPG_ERR_ENOMEM)
        n_refused++;
      if (pumping.pumps != before && gpg_err_code (pumping.pumps->err) == GPG_ERR_ENOMEM)
        n_broken++;
      run_close (&run);
      assert_int_equal (kit_stats ().held_len, 0);
    }
  assert_true (n_refused >= N_ELEMENTS (kinds) && n_broken >= N_ELEMENTS (kinds));
}

/* Memory that is over a limit is the end of the connection.  */
static void
test_too_much_held (void **state) {
  (void) state;
  for (size_t kind = 0; kind < N_ELEMENTS (kinds); kind++) {
    struct eva_server_limits limits = { .max_held_len = 24 * KIB };
    struct run run;
    assert_int_equal (eva_server_set_limits (kit.server, &limits), 0);
    run_pump (&run, kind, 150 * KIB, UINT_MAX);
    if (!strcmp (run.reply.end, "OK")) run_expect_all (&run);
    assert_true (kit_stats ().most_held_len <= 24 * KIB);
    run_close (&run);
    assert_int_equal (kit_stats ().held_len, 0);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_no_fault, setup, teardown),
    cmocka_unit_test_setup_teardown (test_interrupted, setup, teardown),
    cmocka_unit_test_setup_teardown (test_short, setup, teardown),
    cmocka_unit_test_setup_teardown (test_kernel_moves_nothing, setup, teardown),
    cmocka_unit_test_setup_teardown (test_unready, setup, teardown),
    cmocka_unit_test_setup_teardown (test_broken, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_memory, setup, teardown),
    cmocka_unit_test_setup_teardown (test_too_much_held, setup, teardown),
  };

  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
