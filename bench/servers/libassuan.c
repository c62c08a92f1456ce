/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libassuan.c - a server for many clients in the two forms that libassuan knows: an event loop of
   the program's own with assuan_process_next, as its manual tells, or a thread for each client with
   assuan_process.  Only <assuan.h> is used, so that it runs on either library.

   usage: server-libassuan loop|threads SOCKET  */

#include "handlers.h"
#include "kit.h"
#include "peer.h"
#include "serving.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_EVENTS  1024
#define STACK_LEN ((size_t) 1 << 20)

/* --- In a loop -------------------------------------------------------------------------------- */

static gpg_error_t
loop_mix (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_process_done (ctx, handle_mix (ctx));
}

static gpg_error_t
loop_heap (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_process_done (ctx, handle_heap (ctx));
}

static void
register_for_loop (assuan_context_t ctx) {
  must (assuan_register_command (ctx, "MIX", loop_mix, NULL), "register");
  must (assuan_register_command (ctx, "HEAP", loop_heap, NULL), "register");
}

/* Accepts who waits.  */
static void
loop_accept (int epoll_fd, int listen_fd) {
  int fd;

  while ((fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
    struct epoll_event event = { .events = EPOLLIN };
    event.data.ptr = server_new (fd, register_for_loop, NULL);
    need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
}

static void
loop_turn (assuan_context_t ctx) {
  int done = 0;
  gpg_error_t err = assuan_process_next (ctx, &done);

  /* The descriptor leaves the loop when it is closed.  */
  if (err || done) assuan_release (ctx);
}

static void
serve_in_loop (int listen_fd) {
  static struct epoll_event events[N_EVENTS];
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);

  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, listen_fd, &event), "epoll_ctl");
  for (;;) {
    int n = epoll_wait (epoll_fd, events, N_EVENTS, -1);
    need (n >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        loop_turn (events[i].data.ptr);
      else
        loop_accept (epoll_fd, listen_fd);
  }
}

/* --- In threads ------------------------------------------------------------------------------- */

static gpg_error_t
thread_mix (assuan_context_t ctx, char *line) {
  (void) line;
  return handle_mix (ctx);
}

static gpg_error_t
thread_heap (assuan_context_t ctx, char *line) {
  (void) line;
  return handle_heap (ctx);
}

static void
register_for_thread (assuan_context_t ctx) {
  must (assuan_register_command (ctx, "MIX", thread_mix, NULL), "register");
  must (assuan_register_command (ctx, "HEAP", thread_heap, NULL), "register");
}

static void *
serve_one (void *arg) {
  serve ((int) (long) arg, register_for_thread, NULL);
  return NULL;
}

static void
serve_in_threads (int listen_fd) {
  pthread_attr_t attributes;

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, STACK_LEN);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC);
    pthread_t thread;
    need (fd >= 0, "accept");
    errno = pthread_create (&thread, &attributes, serve_one, (void *) (long) fd);
    need (!errno, "thread");
  }
}

int
main (int argc, char **argv) {
  if (argc != 3) die ("usage", "server-libassuan loop|threads SOCKET");
  peer_init ();
  serving_init ();
  if (!strcmp (argv[1], "loop"))
    serve_in_loop (serving_listen (argv[2], SOCK_NONBLOCK));
  else
    serve_in_threads (serving_listen (argv[2], 0));
  return 0;
}
