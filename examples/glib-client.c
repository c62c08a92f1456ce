/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glib-client.c - a client in GLib's main loop, with progress and a cancel button, in a terminal.

   It lets the server count, shows how far that is, and stays responsive all the while: `c` or Enter
   cancels.  Assuan cannot stop a command at the server.  So the library drops the rest of its reply
   when it comes, and the server answers the next command on the same connection after that.

   usage: glib-client ADDRESS N
   exit status: 0 if the second command was answered, 1 after an error, 2 for bad usage  */

#include <eva.h>
#include <eva/glib.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static GMainLoop *main_loop;
static assuan_context_t ctx;
static struct eva_pending_call *counting; /* NULL: there is nothing to cancel */
static struct termios old_terminal;
static gboolean has_button;
static int exit_status = 1;

/* Only the first reason is printed.  */
static void
quit (const char *what, gpg_error_t err) {
  if (err && g_main_loop_is_running (main_loop))
    fprintf (stderr, "glib-client: %s: %s\n", what, gpg_strerror (err));
  g_main_loop_quit (main_loop);
}

static gpg_error_t
echo_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  printf ("the server says: %.*s\n", (int) len, (const char *) buf);
  return 0;
}

static void
echo_done (void *arg, gpg_error_t err, const char *text) {
  (void) arg;
  (void) text;
  exit_status = err ? 1 : 0;
  quit ("ECHO", err);
}

/* `PROGRESS COUNT ? NOW TOTAL`, as GnuPG's programs say it, too.  */
static gpg_error_t
count_status (void *arg, const char *text) {
  static const char bar[] = "########################################";
  unsigned long now, total;

  (void) arg;
  if (sscanf (text, "PROGRESS %*s %*s %lu %lu", &now, &total) != 2 || !total || now > total)
    return 0;
  printf ("%s[%-40.*s] %lu of %lu%s", has_button ? "\r" : "", (int) (now * 40 / total), bar, now,
          total, has_button ? "   c: cancel " : "\n");
  fflush (stdout);
  return 0;
}

static void
count_done (void *arg, gpg_error_t err, const char *text) {
  struct eva_callbacks echo = { .data = echo_data, .done = echo_done };

  (void) arg;
  (void) text;
  counting = NULL;
  if (has_button) putchar ('\n');
  if (err && gpg_err_code (err) != GPG_ERR_CANCELED) quit ("COUNT", err);
  if (!g_main_loop_is_running (main_loop)) return;
  puts (err ? "cancelled; the next answer comes when the server has finished" : "counted");
  fflush (stdout);
  err = eva_call (ctx, "ECHO the connection is as good as ever", &echo, NULL, NULL);
  if (err) quit ("ECHO", err);
}

static gboolean
key_pressed (gint fd, GIOCondition condition, gpointer data) {
  char key;

  (void) condition;
  (void) data;
  if (read (fd, &key, 1) != 1) return G_SOURCE_REMOVE;
  if (counting && (key == 'c' || key == 'C' || key == '\n')) eva_call_cancel (counting);
  return G_SOURCE_CONTINUE;
}

/* Keys come one by one, without echo.  Where there is no terminal there is no button.  */
static void
open_button (void) {
  struct termios terminal;

  if (tcgetattr (STDIN_FILENO, &old_terminal)) return;
  has_button = TRUE;
  terminal = old_terminal;
  terminal.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
  tcsetattr (STDIN_FILENO, TCSANOW, &terminal);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN, key_pressed, NULL);
}

static gboolean
signal_came (gpointer data) {
  (void) data;
  g_main_loop_quit (main_loop);
  return G_SOURCE_CONTINUE;
}

static void
closed (assuan_context_t the_ctx, void *arg, gpg_error_t err) {
  (void) the_ctx;
  quit (arg, err);
}

int
main (int argc, char **argv) {
  struct eva_callbacks count = { .status = count_status, .done = count_done };
  struct eva_connect_config config = { .closed = closed, .arg = argc == 3 ? argv[1] : NULL };
  char command[64];
  eva_loop *loop;
  gpg_error_t err;

  if (argc != 3 || argv[1][0] == '-' || strlen (argv[2]) > 20) {
    fputs ("usage: glib-client ADDRESS N     (such as unix:/PATH 100)\n", stderr);
    return 2;
  }
  main_loop = g_main_loop_new (NULL, FALSE);
  loop = eva_loop_from_glib (NULL);
  g_unix_signal_add (SIGINT, signal_came, NULL); /* so that the terminal is restored */
  g_unix_signal_add (SIGTERM, signal_came, NULL);
  snprintf (command, sizeof command, "COUNT %s", argv[2]);
  err = eva_connect (loop, argv[1], &config, &ctx);
  if (!err) err = eva_call (ctx, command, &count, NULL, &counting);
  if (!err) {
    open_button ();
    g_main_loop_run (main_loop);
  } else
    fprintf (stderr, "glib-client: cannot connect to '%s': %s; is a server listening there?\n",
             argv[1], gpg_strerror (err));
  if (has_button) tcsetattr (STDIN_FILENO, TCSANOW, &old_terminal);
  assuan_release (ctx);
  eva_loop_free (loop);
  g_main_loop_unref (main_loop);
  return exit_status;
}
