/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gio-client.c - a client whose calls are asynchronous functions of GIO, as those of D-Bus are
   there.

   It sends all commands at once, and prints each reply when all of it came: the data to stdout, the
   status lines and errors to stderr.  One GCancellable gives up what is not answered yet: after
   SECONDS, or at Ctrl-C.  A handler of an application would do the same from a window's button.

   usage: gio-client ADDRESS SECONDS COMMAND...     (such as unix:/PATH 10 'LIST 3' 'ECHO hello')
   exit status: 0 if all were answered with OK, 1 otherwise, 2 for bad usage  */

#include <eva/gio.h>
#include <eva/glib.h>
#include <glib-unix.h>
#include <stdio.h>

static GMainLoop *main_loop;
static GCancellable *cancellable;
static int n_calls; /* that have not ended */
static int exit_status;

static void
print_reply (const eva_gio_reply *reply) {
  for (size_t i = 0; i < reply->n_status; i++)
    fprintf (stderr, "S %s\n", reply->status[i]);
  fwrite (reply->data, 1, reply->data_len, stdout);
  fflush (stdout);
}

static void
call_ended (GObject *source, GAsyncResult *result, gpointer command) {
  g_autoptr (eva_gio_reply) reply = NULL;
  g_autoptr (GError) error = NULL;

  (void) source;
  reply = eva_call_finish (result, &error);
  if (reply) {
    print_reply (reply);
  } else {
    fprintf (stderr, "gio-client: %s: %s\n", (const char *) command,
             g_error_matches (error, EVA_ERROR, GPG_ERR_ASS_UNKNOWN_CMD)
                 ? "the server has no such command"
                 : error->message);
    exit_status = 1;
  }
  if (!--n_calls) g_main_loop_quit (main_loop);
}

static gboolean
give_up (gpointer data) {
  (void) data;
  g_cancellable_cancel (cancellable);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv) {
  guint seconds = argc > 3 ? (guint) g_ascii_strtoull (argv[2], NULL, 10) : 0;
  assuan_context_t ctx = NULL;
  eva_loop *loop;
  gpg_error_t err;

  if (!seconds || argv[1][0] == '-') {
    fputs ("usage: gio-client ADDRESS SECONDS COMMAND...     (such as unix:/PATH 10 'LIST 3')\n",
           stderr);
    return 2;
  }
  main_loop = g_main_loop_new (NULL, FALSE);
  cancellable = g_cancellable_new ();
  loop = eva_loop_from_glib (NULL);
  err = eva_connect (loop, argv[1], NULL, &ctx);
  if (err) {
    fprintf (stderr, "gio-client: cannot connect to '%s': %s; is a server listening there?\n",
             argv[1], gpg_strerror (err));
    exit_status = 1;
  } else {
    g_unix_signal_add (SIGINT, give_up, NULL);
    g_timeout_add_seconds (seconds, give_up, NULL);
    for (int i = 3; i < argc; i++, n_calls++)
      eva_call_async (ctx, argv[i], cancellable, call_ended, argv[i]);
    g_main_loop_run (main_loop);
  }
  assuan_release (ctx);
  eva_loop_free (loop);
  g_object_unref (cancellable);
  g_main_loop_unref (main_loop);
  return exit_status;
}
