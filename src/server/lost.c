/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lost.c - sockets whose files are no longer there.

   No client finds such a socket, and its server would wait forever.  The kernel reports changes in
   the directories of the files (io/watch.h), and then the server looks at the files.  It also looks
   once a minute: the kernel does not report that a directory further up was moved.  Where the
   kernel reports nothing, because the user has too many watches, the server looks every second.

   In a child of fork the kernel's part of the watch is still the parent's: what one of the two
   reads the other never sees.  So the child makes one of its own when it notices.  */

#include "server/lost.h"

#include "io/process.h"
#include "io/socket.h"
#include "io/watch.h"
#include "server/acceptor.h"
#include "server/end.h"

#include <string.h>

#define INTERVAL_NS       60000000000u
#define SHORT_INTERVAL_NS 1000000000u

/* Returns the next listener from ACCEPTOR on whose socket has a file, or NULL.  */
static struct eva__acceptor *
next_with_file (struct eva__acceptor *acceptor) {
  while (acceptor && !*acceptor->listener.file.path)
    acceptor = acceptor->next;
  return acceptor;
}

void
eva__lost_stop (eva_server *server) {
  struct eva__lost *lost = &server->lost;

  eva_source_free (lost->source);
  if (lost->source) eva__io_socket_close (lost->fd);
  lost->source = NULL;
  eva__loop_cancel_timer (server->loop, &lost->timer);
  eva__loop_cancel_task (server->loop, &lost->task);
}

/* --- Looking ---------------------------------------------------------------------------------- */

/* Returns a listener whose file is gone or was replaced, or NULL.  */
static struct eva__acceptor *
find_lost (const eva_server *server, bool *ret_is_replaced) {
  struct eva__acceptor *acceptor = next_with_file (server->acceptors);

  for (; acceptor; acceptor = next_with_file (acceptor->next)) {
    enum eva__io_sockfile_state state = eva__io_listener_look (&acceptor->listener);
    *ret_is_replaced = state == EVA__IO_SOCKFILE_REPLACED;
    if (state != EVA__IO_SOCKFILE_STANDS) return acceptor;
  }
  return NULL;
}

/* Tells the program of one after the other.  It may free the server, drain, or listen again.  */
static void
look (eva_server *server) {
  struct eva__acceptor *acceptor;
  char address[EVA__IO_ENDPOINT_SIZE];
  bool is_replaced;

  eva__server_ref (server);
  while (!server->is_freed && server->lost.cb && (acceptor = find_lost (server, &is_replaced))) {
    memcpy (address, acceptor->address, sizeof address);
    eva__acceptor_retire (acceptor);
    if (!server->is_freed && server->lost.cb)
      server->lost.cb (server, server->lost.arg, address, is_replaced);
  }
  if (!server->is_freed) eva__lost_update (server);
  eva__server_unref (server);
}

static void
on_task (struct eva__task *task) {
  look (EVA__CONTAINER (eva_server, lost.task, task));
}

static void
on_timer (struct eva__timer *timer) {
  look (EVA__CONTAINER (eva_server, lost.timer, timer));
}

/* --- The watch -------------------------------------------------------------------------------- */

static bool
is_ours (const struct eva__lost *lost) {
  return lost->source && lost->process == eva__io_this_process ();
}

static void
reported (void *arg, unsigned int revents) {
  eva_server *server = arg;

  (void) revents;
  if (is_ours (&server->lost))
    eva__io_watch_clear (server->lost.fd);
  else
    eva__lost_stop (server);
  look (server);
}

static void
open_watch (eva_server *server) {
  struct eva__lost *lost = &server->lost;

  lost->fd = eva__io_watch_new ();
  if (lost->fd < 0) return;
  lost->process = eva__io_this_process ();
  lost->source = eva_loop_add_fd (server->loop, lost->fd, EVA_READABLE, reported, server);
  if (!lost->source) eva__io_socket_close (lost->fd);
}

/* Watches the directories of all files.  Returns false if it is not all of them.  To watch one
   again changes nothing.  */
static bool
watch_all (eva_server *server) {
  struct eva__acceptor *acceptor = next_with_file (server->acceptors);

  if (!is_ours (&server->lost)) {
    eva__lost_stop (server);
    open_watch (server);
  }
  if (!server->lost.source) return false;
  for (; acceptor; acceptor = next_with_file (acceptor->next)) {
    const struct eva__io_listener *listener = &acceptor->listener;
    if (eva__io_watch_add (server->lost.fd, listener->file.path)) return false;
    if (listener->alias && eva__io_watch_add (server->lost.fd, listener->alias->path)) return false;
  }
  return true;
}

/* A file may have gone before the watch began, so this looks in any case.  */
void
eva__lost_update (eva_server *server) {
  struct eva__lost *lost = &server->lost;
  bool is_watched;

  if (!lost->cb || !next_with_file (server->acceptors)) {
    eva__lost_stop (server);
    return;
  }
  is_watched = watch_all (server);
  lost->timer.cb = on_timer;
  eva__loop_set_timer (server->loop, &lost->timer,
                       eva_now () + (is_watched ? INTERVAL_NS : SHORT_INTERVAL_NS));
  lost->task.cb = on_task;
  if (find_lost (server, &is_watched)) eva__loop_run_soon (server->loop, &lost->task);
}

void
eva_server_set_lost (eva_server *server,
                     void (*cb) (eva_server *server, void *arg, const char *address,
                                 bool is_replaced),
                     void *arg) {
  if (!server || server->is_freed) return;
  (void) eva__loop_take_over (server->loop);
  server->lost.cb = cb;
  server->lost.arg = arg;
  eva__lost_update (server);
}
