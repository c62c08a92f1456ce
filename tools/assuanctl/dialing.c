/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialing.c - a connection to a server that comes about in the loop.

   A Unix socket connects at once, or reports that the server's queue is full.  Nothing reports when
   the queue has room again: so a timer tries again.  A socket of TCP becomes writable when it is
   connected.  */

#include "dialing.h"
#include "dial.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS    20u
#define MAX_RETRIES 500u

struct dialing {
  const struct address *address;
  void (*cb) (void *arg, int fd);
  void *arg;
  int fd; /* of TCP, or -1 */
  eva_source *source;
  unsigned int n_retries;
};

void
dialing_free (struct dialing *d) {
  if (!d) return;
  eva_source_free (d->source);
  if (d->fd >= 0) close (d->fd);
  free (d);
}

/* Tells what came of it: FD, or ERROR.  */
static void
finish (struct dialing *d, int fd, int error) {
  void (*cb) (void *arg, int fd) = d->cb;
  void *arg = d->arg;

  d->fd = -1;
  dialing_free (d);
  errno = error;
  cb (arg, fd);
}

static void
on_connected (void *arg, unsigned int revents) {
  struct dialing *d = arg;
  int fd = d->fd, error = 0;
  socklen_t len = sizeof error;

  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &len)) error = errno;
  /* The loop may report a hang-up of a socket that is not connected yet.  */
  if (!error && !(revents & EVA_WRITABLE)) return;
  if (error) close (fd);
  finish (d, error ? -1 : fd, error);
}

static void
on_retry (void *arg) {
  struct dialing *d = arg;
  int fd = dial_try (d->address), error = errno;

  if (fd < 0 && error == EAGAIN && d->n_retries++ < MAX_RETRIES)
    eva_source_set_delay (d->source, RETRY_MS);
  else
    finish (d, fd, error);
}

/* FD is -1, or a socket of TCP on which the connection may still be to come.  */
static struct dialing *
new_dialing (const struct address *address, int fd) {
  struct dialing *d = text_alloc (sizeof *d);

  *d = (struct dialing) { .address = address, .fd = fd };
  d->source = fd < 0 ? eva_loop_add_timer (wait_loop (), RETRY_MS, on_retry, d)
                     : eva_loop_add_fd (wait_loop (), fd, EVA_WRITABLE, on_connected, d);
  if (d->source) return d;
  dialing_free (d);
  errno = ENOMEM;
  return NULL;
}

int
dialing_begin (const struct address *address, void (*cb) (void *arg, int fd), void *arg,
               struct dialing **ret) {
  int fd = dial_try (address);
  bool is_later = fd < 0 ? errno == EAGAIN : address->kind == ADDRESS_TCP;
  struct dialing *d = is_later ? new_dialing (address, fd) : NULL;

  if (!is_later) return fd;
  if (!d) return -1;
  d->cb = cb;
  d->arg = arg;
  *ret = d;
  return -1;
}
