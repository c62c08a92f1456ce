/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* threads-server.c - an Assuan server of several threads, with an event loop in each.

   A loop, its server and all its connections belong to one thread.  The threads share the listening
   socket, from which each takes the clients that it finds waiting, and the service, which is
   constant; so there is nothing to lock.  The main thread waits for signals and hands them on: one
   thread wakes the loop of another with an eventfd.

   usage: threads-server SOCKET THREADS
   ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "by-hand/listener.h"
#include "service.h"

#define MAX_WORKERS 64u

struct worker {
  pthread_t thread;
  int stop_fd; /* the main thread wants it to end */
  eva_loop *loop;
  eva_server *server;
  gpg_error_t err;
};

static struct listener listener;
static pthread_barrier_t ready;
static int ended_fd; /* counts threads that have ended */

static void
drained (eva_server *server, void *loop) {
  (void) server;
  eva_loop_stop (loop);
}

static void
stop_came (void *arg, unsigned int revents) {
  struct worker *worker = arg;
  eventfd_t count;

  (void) revents;
  eventfd_read (worker->stop_fd, &count);
  if (count > 1 || eva_server_drain (worker->server, SERVICE_DRAIN_MS, drained, worker->loop))
    eva_loop_stop (worker->loop); /* it is draining already */
}

static void *
work (void *arg) {
  struct worker *worker = arg;
  eva_loop *loop = eva_loop_new ();
  eva_source *stop = NULL;
  gpg_error_t err;
  char address[32];

  worker->loop = loop;
  snprintf (address, sizeof address, "fd:%d", listener.fd);
  if (loop) stop = eva_loop_add_fd (loop, worker->stop_fd, EVA_READABLE, stop_came, worker);
  err = stop ? eva_server_new (loop, &service, NULL, &worker->server) : gpg_error_from_syserror ();
  if (!err) err = eva_server_listen (worker->server, address, EVA_LISTEN_FDPASSING);
  if (err) {
    fprintf (stderr, "threads-server: a thread cannot serve: %s\n", gpg_strerror (err));
    kill (getpid (), SIGTERM); /* all or none */
  }
  pthread_barrier_wait (&ready);
  if (!err) eva_loop_run (loop);

  eva_server_free (worker->server);
  eva_source_free (stop);
  eva_loop_free (loop);
  worker->err = err;
  eventfd_write (ended_fd, 1);
  return NULL;
}

/* Hands on the signals that come, until all threads have ended.  */
static void
watch_over (struct worker *workers, unsigned int n_workers, int signal_fd) {
  struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
                          { .fd = ended_fd, .events = POLLIN } };

  for (eventfd_t n_ended = 0, count; n_ended < n_workers;) {
    struct signalfd_siginfo info;

    poll (fds, 2, -1);
    if (fds[0].revents && read (signal_fd, &info, sizeof info) == sizeof info)
      for (unsigned int i = 0; i < n_workers; i++)
        eventfd_write (workers[i].stop_fd, 1);
    if (fds[1].revents && !eventfd_read (ended_fd, &count)) n_ended += count;
  }
}

/* Starts the threads.  If that fails the process ends, with all of them.  */
static int
start (struct worker *workers, unsigned int n_workers) {
  pthread_barrier_init (&ready, NULL, n_workers + 1);
  ended_fd = eventfd (0, EFD_CLOEXEC);
  for (unsigned int i = 0; i < n_workers; i++) {
    workers[i].stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ended_fd < 0 || workers[i].stop_fd < 0) return errno;
    errno = pthread_create (&workers[i].thread, NULL, work, &workers[i]);
    if (errno) return errno;
  }
  return 0;
}

int
main (int argc, char **argv) {
  static struct worker workers[MAX_WORKERS];
  unsigned int n_workers = argc == 3 ? (unsigned int) strtoul (argv[2], NULL, 10) : 0;
  int rc = 0, signal_fd;
  sigset_t set;

  if (argc != 3 || argv[1][0] == '-' || n_workers < 1 || n_workers > MAX_WORKERS) {
    fprintf (stderr, "usage: threads-server SOCKET THREADS     (a path, and 1 to %u)\n",
             MAX_WORKERS);
    return 2;
  }
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL); /* for the threads, too */
  signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (service_init () || listener_open (&listener, argv[1])) return 1;
  if (start (workers, n_workers)) {
    perror ("threads-server: cannot start a thread");
    listener_close (&listener);
    return 1;
  }
  pthread_barrier_wait (&ready);
  printf ("threads-server: listening on %s\n", argv[1]);
  fflush (stdout);
  watch_over (workers, n_workers, signal_fd);

  for (unsigned int i = 0; i < n_workers; i++) {
    pthread_join (workers[i].thread, NULL);
    if (workers[i].err) rc = 1;
  }
  listener_close (&listener);
  return rc;
}
