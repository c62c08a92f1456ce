/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kv-daemon.c - keys and values: a whole daemon to start from.

   usage: kv-daemon ADDRESS [IDLE-MS]     ends gently on SIGTERM, or after so long without a client

   It keeps up to MAX_KEYS values in memory, listens at the sockets of systemd or else at ADDRESS,
   and tells systemd how it is.  Keys are words, percent-escaped in a line.  */

#include <eva.h>
#include <eva/notify.h>

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#define MAX_KEY  200
#define MAX_KEYS 1000

struct entry {
  struct entry *next;
  unsigned char *value; /* of malloc, because the program sets no other functions */
  size_t len;
  char key[MAX_KEY + 1];
};

static eva_server *server;
static eva_source *sigterm;
static struct eva_watchdog watchdog;
static struct entry *entries;
static size_t n_entries;

/* Returns where the entry of KEY is linked, or, where there is none, would be.  */
static struct entry **
find (const char *key) {
  struct entry **link = &entries;

  while (*link && strcmp ((*link)->key, key))
    link = &(*link)->next;
  return link;
}

/* Returns false if there is no such entry.  */
static bool
forget (const char *key) {
  struct entry **link = find (key), *entry = *link;

  if (!entry) return false;
  *link = entry->next;
  n_entries--;
  free (entry->value);
  free (entry);
  return true;
}

/* Reads the one argument that LINE has.  */
static gpg_error_t
parse_key (assuan_context_t ctx, const char *line, char *key) {
  const char *word = eva_word_first (line);

  if (!eva_word_unescape (word, 0, key, MAX_KEY + 1, NULL) && !eva_word_next (word)) return 0;
  return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "one key is needed");
}

/* --- Clients that watch, which are those with a pointer --------------------------------------- */

static void
tell (assuan_context_t ctx, void *key) {
  char text[3 * MAX_KEY + 1];

  if (assuan_get_pointer (ctx) && !eva_format (text, sizeof text, "%-s", (char *) key))
    (void) assuan_write_status (ctx, "CHANGED", text);
}

/* The command stays open until the client leaves, or the daemon ends.  */
static gpg_error_t
cmd_watch (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_pointer (ctx, server);
  return eva_defer (ctx);
}

/* --- The other commands ----------------------------------------------------------------------- */

static gpg_error_t
cmd_get (assuan_context_t ctx, char *line) {
  char key[MAX_KEY + 1];
  gpg_error_t err = parse_key (ctx, line, key);
  struct entry *entry = err ? NULL : *find (key);

  if (!entry) return err ? err : gpg_error (GPG_ERR_NOT_FOUND);
  return assuan_send_data (ctx, entry->value, entry->len);
}

static gpg_error_t
cmd_del (assuan_context_t ctx, char *line) {
  char key[MAX_KEY + 1];
  gpg_error_t err = parse_key (ctx, line, key);

  if (!err && !forget (key)) err = gpg_error (GPG_ERR_NOT_FOUND);
  if (!err) eva_server_each (server, tell, key);
  return err;
}

/* The client has answered the inquiry of a PUT, or ERR says why not.  The result ends the
   command.  */
static gpg_error_t
value_came (void *arg, gpg_error_t err, unsigned char *value, size_t len) {
  struct entry *entry = arg;

  if (!err) forget (entry->key);
  if (!err && n_entries >= MAX_KEYS) err = gpg_error (GPG_ERR_LIMIT_REACHED);
  entry->value = value;
  entry->len = len;
  entry->next = entries;
  entries = entry;
  n_entries++;
  if (!err) eva_server_each (server, tell, entry->key);
  if (err) forget (entry->key); /* this one, which is the first */
  return err;
}

static gpg_error_t
cmd_put (assuan_context_t ctx, char *line) {
  struct entry *entry = calloc (1, sizeof *entry);
  gpg_error_t err = entry ? parse_key (ctx, line, entry->key) : gpg_error_from_syserror ();

  if (!err) err = assuan_inquire_ext (ctx, "VALUE", 1 << 20, value_came, entry);
  if (err) free (entry);
  return err;
}

static gpg_error_t
cmd_list (assuan_context_t ctx, char *line) {
  char text[3 * MAX_KEY + 32];

  (void) line;
  for (struct entry *entry = entries; entry; entry = entry->next)
    if (!eva_format (text, sizeof text, "%-s %zu", entry->key, entry->len))
      (void) assuan_write_status (ctx, "KEY", text);
  return 0;
}

/* --- The daemon ------------------------------------------------------------------------------- */

static const struct eva_command commands[] = {
  { .name = "GET", .handler = cmd_get, .help = "GET key\n\nTell the value, as data." },
  { .name = "PUT", .handler = cmd_put, .help = "PUT key\n\nAsk for it: INQUIRE VALUE" },
  { .name = "DEL", .handler = cmd_del, .help = "DEL key\n\nForget the key." },
  { .name = "LIST", .handler = cmd_list, .help = "LIST\n\nTell all: S KEY key len" },
  { .name = "WATCH", .handler = cmd_watch, .help = "WATCH\n\nTell changes: S CHANGED key" },
};

static const struct eva_service service = { .commands = commands,
                                            .n_commands = sizeof commands / sizeof *commands };

static const struct eva_server_limits limits = { .max_connections = 100,
                                                 .connection = { .inquiry_timeout_ms = 60000 } };

static void
drained (eva_server *drained_server, void *arg) {
  (void) drained_server;
  eva_loop_stop (arg);
}

/* SIGTERM: commands have a second to finish.  It ends a WATCH.  */
static void
stop (void *arg, unsigned int revents) {
  (void) revents;
  eva_source_free (sigterm); /* it stays readable */
  (void) eva_notify ("STOPPING=1");
  if (eva_server_drain (server, 1000, drained, arg)) eva_loop_stop (arg);
}

int
main (int argc, char **argv) {
  eva_loop *loop = eva_loop_new ();
  const char *failure;
  gpg_error_t err;
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  if (argc < 2 || !loop) errx (2, "usage: kv-daemon ADDRESS [IDLE-MS]");
  sigterm = eva_loop_add_fd (loop, signalfd (-1, &set, SFD_CLOEXEC), EVA_READABLE, stop, loop);
  err = sigterm ? eva_server_new (loop, &service, NULL, &server) : gpg_error_from_syserror ();
  if (!err) err = eva_server_set_limits (server, &limits);
  if (!err) err = eva_server_listen (server, "systemd:", 0);
  if (gpg_err_code (err) == GPG_ERR_ENOENT) err = eva_server_listen (server, argv[1], 0);
  if (!err && argv[2]) eva_server_set_idle (server, (unsigned int) atoi (argv[2]), drained, loop);
  if (!err) (void) eva_notify ("READY=1");
  (void) eva_watchdog_start (&watchdog, loop);
  if (!err) eva_loop_run (loop);
  failure = eva_loop_get_failure (loop);
  if (err) warnx ("%s", failure ? failure : gpg_strerror (err));
  eva_server_free (server);
  eva_loop_free (loop);
  return err ? 1 : 0;
}
