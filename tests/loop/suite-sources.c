/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-sources.c - sources that are changed, freed and made, in callbacks and out of them, while
   others are ready at the same time.  */

#include "suite.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/loop.h"

#define N_PROBES 10
#define N_MANY   600

/* Some pairs, all of them readable at the same time.  */
static struct probe probes[N_PROBES];
static int pairs[N_PROBES][2];

static void
make_ready (void (*action) (struct probe *p)) {
  for (int i = 0; i < N_PROBES; i++) {
    make_socketpair (pairs[i]);
    put_octet (pairs[i][1]);
    probe_init (&probes[i], pairs[i][0], EVA_READABLE, action);
  }
}

static unsigned int
count_calls (void) {
  unsigned int n = 0;

  for (int i = 0; i < N_PROBES; i++)
    n += probes[i].n;
  return n;
}

static void
until_called (unsigned int n) {
  while (count_calls () < n)
    test_loop_turn (&suite_loop, true);
  suite_settle ();
}

static void
clean_up (void) {
  for (int i = 0; i < N_PROBES; i++) {
    probe_free (&probes[i]);
    close_pair (pairs[i]);
  }
}

/* --- Changing --------------------------------------------------------------------------------- */

static void
test_change (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], 0, NULL);
  suite_settle ();
  assert_int_equal (p.n, 0);
  assert_int_equal (eva_source_set_events (p.source, EVA_READABLE), 0);
  suite_until (&p.n, 2);
  assert_int_equal (eva_source_set_events (p.source, EVA_WRITABLE), 0);
  p.revents = 0;
  suite_until (&p.n, 4);
  assert_int_equal (p.revents, EVA_WRITABLE);
  assert_int_equal (eva_source_set_events (p.source, EVA_WRITABLE | EVA_READABLE), 0);
  suite_until (&p.n, 6);
  assert_int_equal (p.revents, EVA_WRITABLE | EVA_READABLE);
  assert_int_equal (eva_source_set_events (p.source, 0), 0);
  assert_int_equal (eva_source_set_events (p.source, 0), 0);
  p.n = 0;
  suite_settle ();
  assert_int_equal (p.n, 0);
  probe_free (&p);
  close_pair (fd);
}

static void
drop_own (struct probe *p) {
  assert_int_equal (eva_source_set_events (p->source, 0), 0);
}

static void
test_drop_own (void **state) {
  (void) state;
  make_ready (drop_own);
  until_called (N_PROBES);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (probes[i].n, 1);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (eva_source_set_events (probes[i].source, EVA_READABLE), 0);
  until_called (2 * N_PROBES);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (probes[i].n, 2);
  clean_up ();
}

static void
drop_all (struct probe *p) {
  (void) p;
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (eva_source_set_events (probes[i].source, 0), 0);
}

/* One of them is first: the others, which are ready too, are not called any more.  */
static void
test_drop_others (void **state) {
  (void) state;
  make_ready (drop_all);
  until_called (1);
  assert_int_equal (count_calls (), 1);
  clean_up ();
}

static void
drop_and_take_up (struct probe *p) {
  (void) p;
  for (int i = 0; i < N_PROBES; i++) {
    assert_int_equal (eva_source_set_events (probes[i].source, 0), 0);
    assert_int_equal (eva_source_set_events (probes[i].source, EVA_READABLE), 0);
  }
  drain (p->fd);
}

/* It makes no difference if it is taken back at once.  */
static void
test_drop_and_take_up (void **state) {
  (void) state;
  make_ready (drop_and_take_up);
  until_called (N_PROBES);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (probes[i].n, 1);
  clean_up ();
}

/* --- Freeing ---------------------------------------------------------------------------------- */

static void
test_free_own (void **state) {
  (void) state;
  make_ready (probe_free);
  until_called (N_PROBES);
  assert_int_equal (count_calls (), N_PROBES);
  clean_up ();
}

static void
free_all (struct probe *p) {
  (void) p;
  for (int i = 0; i < N_PROBES; i++)
    probe_free (&probes[i]);
}

static void
test_free_others (void **state) {
  (void) state;
  make_ready (free_all);
  until_called (1);
  assert_int_equal (count_calls (), 1);
  clean_up ();
}

static void
free_others (struct probe *p) {
  for (int i = 0; i < N_PROBES; i++) {
    if (&probes[i] != p) probe_free (&probes[i]);
  }
}

static void
test_free_all_but_own (void **state) {
  (void) state;
  make_ready (free_others);
  until_called (3);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (probes[i].n != 0, probes[i].source != NULL);
  clean_up ();
}

static void
test_free_unused (void **state) {
  (void) state;
  make_ready (NULL);
  for (int i = 0; i < N_PROBES; i++)
    probe_free (&probes[i]);
  suite_settle ();
  assert_int_equal (count_calls (), 0);
  clean_up ();
  eva_source_free (NULL);
}

/* --- Numbers of descriptors that are used again ----------------------------------------------- */

/* Puts other descriptors, which have nothing to read, in the place of all but P's, and watches
   them.  */
static void
replace_others (struct probe *p) {
  for (int i = 0; i < N_PROBES; i++) {
    int fd[2];
    if (&probes[i] == p) continue;
    probe_free (&probes[i]);
    make_socketpair (fd);
    assert_int_equal (dup3 (fd[0], pairs[i][0], O_CLOEXEC), pairs[i][0]);
    assert_int_equal (dup3 (fd[1], pairs[i][1], O_CLOEXEC), pairs[i][1]);
    close_pair (fd);
    probe_init (&probes[i], pairs[i][0], EVA_READABLE, probe_read);
  }
  p->action = probe_read;
  drain (p->fd);
}

/* None of the new ones is taken for the old one that was ready.  */
static void
test_reuse_in_batch (void **state) {
  (void) state;
  make_ready (replace_others);
  until_called (1);
  assert_int_equal (count_calls (), 1);
  for (int i = 0; i < N_PROBES; i++) {
    probes[i].n = 0;
    put_octet (pairs[i][1]);
  }
  until_called (N_PROBES);
  for (int i = 0; i < N_PROBES; i++)
    assert_int_equal (probes[i].n, 1);
  clean_up ();
}

static void
test_reuse (void **state) {
  struct probe p;

  (void) state;
  for (int i = 0; i < 20; i++) {
    int fd[2];
    make_socketpair (fd);
    probe_init (&p, fd[0], i % 2 ? EVA_READABLE : EVA_WRITABLE, NULL);
    put_octet (fd[1]);
    suite_until (&p.n, 1);
    assert_int_equal (p.revents, i % 2 ? EVA_READABLE : EVA_WRITABLE);
    if (i % 3 == 0) assert_int_equal (eva_source_set_events (p.source, 0), 0);
    probe_free (&p);
    close_pair (fd);
  }
}

/* --- Making ----------------------------------------------------------------------------------- */

static struct probe made;
static int made_fd[2];

static void
make_another (struct probe *p) {
  drain (p->fd);
  make_socketpair (made_fd);
  put_octet (made_fd[1]);
  probe_init (&made, made_fd[0], EVA_READABLE, probe_read);
}

static void
test_make_in_callback (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, make_another);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  suite_until (&made.n, 1);
  suite_settle ();
  assert_int_equal (made.n, 1);
  probe_free (&made);
  probe_free (&p);
  close_pair (fd);
  close_pair (made_fd);
}

/* More than a loop takes from the kernel at once.  */
static void
test_many (void **state) {
  static struct probe many[N_MANY];
  int fd[2];

  (void) state;
  /* Both ends: where one epoll is in another, a socket can be watched 500 times.  */
  make_socketpair (fd);
  put_octet (fd[0]);
  put_octet (fd[1]);
  for (int i = 0; i < N_MANY; i++)
    probe_init (&many[i], dup (fd[i & 1]), EVA_READABLE, drop_own);
  for (int i = 0; i < N_MANY; i++)
    suite_until (&many[i].n, 1);
  suite_settle ();
  for (int i = 0; i < N_MANY; i++) {
    assert_int_equal (many[i].n, 1);
    probe_free (&many[i]);
    close (many[i].fd);
  }
  close_pair (fd);
}

/* --- Listening -------------------------------------------------------------------------------- */

static void
accept_one (struct probe *p) {
  int fd = accept4 (p->fd, NULL, NULL, SOCK_CLOEXEC);

  assert_true (fd >= 0);
  close (fd);
}

static int
connect_to (const struct sockaddr_un *address, socklen_t len) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_equal (connect (fd, (const struct sockaddr *) address, len), 0);
  return fd;
}

/* A listening socket that is shared can be paused as any other.  */
static void
test_exclusive (void **state) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t len = sizeof (sa_family_t); /* the kernel finds a name */
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), client[2];
  struct probe p;

  (void) state;
  assert_int_equal (bind (fd, (struct sockaddr *) &address, len), 0);
  len = sizeof address;
  assert_int_equal (getsockname (fd, (struct sockaddr *) &address, &len), 0);
  assert_int_equal (listen (fd, 10), 0);
  probe_init (&p, fd, EVA_READABLE, accept_one);
  eva__loop_set_exclusive (p.source);
  client[0] = connect_to (&address, len);
  suite_until (&p.n, 1);
  assert_int_equal (eva_source_set_events (p.source, 0), 0);
  client[1] = connect_to (&address, len);
  suite_settle ();
  assert_int_equal (p.n, 1);
  assert_int_equal (eva_source_set_events (p.source, EVA_READABLE), 0);
  suite_until (&p.n, 2);
  suite_settle ();
  assert_int_equal (p.n, 2);
  probe_free (&p);
  close_pair (client);
  close (fd);
}

/* --- A program's own -------------------------------------------------------------------------- */

/* A descriptor that the program watches without us, and what it does with ours meanwhile.  */
struct own {
  int fd;
  unsigned int n; /* calls */
  struct probe probe;
  struct eva__task task;
  unsigned int n_rings, n_tasks;
};

static void
count_ring (void *arg) {
  ((struct own *) arg)->n_rings++;
}

static void
count_task (struct eva__task *task) {
  EVA__CONTAINER (struct own, task, task)->n_tasks++;
}

static void
own_ready (void *arg) {
  struct own *own = arg;

  take_octet (own->fd);
  own->n++;
  if (own->n == 2) assert_int_equal (eva_source_set_events (own->probe.source, EVA_WRITABLE), 0);
  if (own->n == 3) probe_free (&own->probe);
}

/* The loop is the program's, too: neither disturbs the other, and what is put off or set by the
   program comes as anything else.  */
static void
test_own (void **state) {
  struct own own = { .task.cb = count_task };
  eva_source *timer;
  int fd[2], own_fd[2];
  void *watch;

  (void) state;
  make_socketpair (fd);
  make_socketpair (own_fd);
  own.fd = own_fd[0];
  probe_init (&own.probe, fd[0], EVA_READABLE, probe_read);
  watch = test_loop_watch (&suite_loop, own_fd[0], own_ready, &own);
  put_octet (fd[1]);
  put_octet (own_fd[1]);
  suite_until (&own.probe.n, 1);
  suite_until (&own.n, 1);
  eva__loop_run_soon (suite_loop.loop, &own.task);
  timer = eva_loop_add_timer (suite_loop.loop, 1, count_ring, &own);
  suite_until (&own.n_tasks, 1);
  suite_until (&own.n_rings, 1);
  put_octet (own_fd[1]);
  suite_until (&own.probe.n, 5);
  assert_int_equal (own.n, 2);
  put_octet (own_fd[1]);
  suite_until (&own.n, 3);
  suite_settle ();
  assert_null (own.probe.source);
  test_loop_unwatch (&suite_loop, watch);
  put_octet (own_fd[1]);
  suite_settle ();
  assert_int_equal (own.n, 3);
  eva_source_free (timer);
  close_pair (fd);
  close_pair (own_fd);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_change),      suite_test (test_drop_own),
  suite_test (test_drop_others), suite_test (test_drop_and_take_up),
  suite_test (test_free_own),    suite_test (test_free_others),
  suite_test (test_free_unused), suite_test (test_free_all_but_own),
  suite_test (test_reuse),       suite_test (test_reuse_in_batch),
  suite_test (test_many),        suite_test (test_make_in_callback),
  suite_test (test_exclusive),   suite_test (test_own),
};

const struct suite source_suite = { "source", tests, N_ELEMENTS (tests) };
