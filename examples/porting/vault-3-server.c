/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vault-3-server.c - the same in an event loop: eva_server accepts, and one thread serves all
   clients, so there is no lock.  SUM still waits for the other server, and holds up everyone.

   usage: vault ADDRESS DIGEST-SOCKET

     OPTION prefix=TEXT   names of this client begin with TEXT
     PUT NAME             keeps what the client answers to INQUIRE DATA
     GET NAME             sends it as data
     DEL NAME             forgets it
     LIST                 status lines: S PIECE name octets
     SUM NAME             its SHA-256, which the server at DIGEST-SOCKET computes (DIGEST)  */

#include <eva.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEN ((size_t) 1 << 20) /* of a piece */

/* --- Pieces ----------------------------------------------------------------------------------- */

struct piece {
  struct piece *next;
  char *name;
  unsigned char *data;
  size_t len;
};

static struct piece *pieces;
static const char *digest_path;

/* Returns where the pointer to the piece NAME is, or would be.  */
static struct piece **
find (const char *name) {
  struct piece **p = &pieces;

  while (*p && strcmp ((*p)->name, name))
    p = &(*p)->next;
  return p;
}

static void
forget (struct piece **p) {
  struct piece *piece = *p;

  *p = piece->next;
  free (piece->name);
  free (piece->data);
  free (piece);
}

/* Keeps a copy of LEN octets at DATA.  */
static gpg_error_t
keep (const char *name, const unsigned char *data, size_t len) {
  struct piece *piece = calloc (1, sizeof *piece);

  if (piece) piece->name = strdup (name);
  if (piece) piece->data = malloc (len + 1);
  if (!piece || !piece->name || !piece->data) {
    if (piece) free (piece->name);
    free (piece);
    return gpg_error_from_syserror ();
  }
  memcpy (piece->data, data, len);
  piece->len = len;
  if (*find (name)) forget (find (name));
  piece->next = pieces;
  pieces = piece;
  return 0;
}

/* --- Sessions --------------------------------------------------------------------------------- */

struct session {
  char prefix[64];
};

/* Makes the full name of the piece that LINE names, which the caller frees.  */
static char *
full_name (assuan_context_t ctx, const char *line) {
  struct session *session = assuan_get_pointer (ctx);
  char *name = malloc (strlen (session->prefix) + strlen (line) + 1);

  if (name) strcat (strcpy (name, session->prefix), line);
  return name;
}

static gpg_error_t
set_option (assuan_context_t ctx, const char *name, const char *value) {
  struct session *session = assuan_get_pointer (ctx);

  if (strcmp (name, "prefix")) return gpg_error (GPG_ERR_UNKNOWN_OPTION);
  if (strlen (value) >= sizeof session->prefix) return gpg_error (GPG_ERR_TOO_LARGE);
  strcpy (session->prefix, value);
  return 0;
}

static gpg_error_t
was_reset (assuan_context_t ctx, char *line) {
  struct session *session = assuan_get_pointer (ctx);

  (void) line;
  session->prefix[0] = 0;
  return 0;
}

/* --- Commands --------------------------------------------------------------------------------- */

struct put {
  assuan_context_t ctx;
  char *name;
};

static gpg_error_t
data_came (void *arg, gpg_error_t err, unsigned char *data, size_t len) {
  struct put *put = arg;

  if (!err) err = keep (put->name, data, len);
  assuan_free (put->ctx, data);
  free (put->name);
  free (put);
  return err;
}

static gpg_error_t
cmd_put (assuan_context_t ctx, char *line) {
  struct put *put = calloc (1, sizeof *put);
  gpg_error_t err;

  if (!put) return gpg_error_from_syserror ();
  put->ctx = ctx;
  put->name = full_name (ctx, line);
  err = put->name ? 0 : gpg_error_from_syserror ();
  if (!err) err = assuan_inquire_ext (ctx, "DATA", MAX_LEN, data_came, put);
  if (err) {
    free (put->name);
    free (put);
  }
  return err;
}

static gpg_error_t
cmd_get (assuan_context_t ctx, char *line) {
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  if (name && *find (name)) err = assuan_send_data (ctx, (*find (name))->data, (*find (name))->len);
  free (name);
  return err;
}

static gpg_error_t
cmd_del (assuan_context_t ctx, char *line) {
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  if (name && *find (name)) {
    forget (find (name));
    err = 0;
  }
  free (name);
  return err;
}

static gpg_error_t
cmd_list (assuan_context_t ctx, char *line) {
  gpg_error_t err = 0;

  (void) line;
  for (struct piece *piece = pieces; piece && !err; piece = piece->next) {
    char text[900];
    snprintf (text, sizeof text, "%s %zu", piece->name, piece->len);
    err = assuan_write_status (ctx, "PIECE", text);
  }
  return err;
}

/* --- The other server ------------------------------------------------------------------------- */

struct sum {
  assuan_context_t ctx;    /* of the client */
  assuan_context_t digest; /* of the server that computes */
  struct piece *piece;
};

static gpg_error_t
digest_asks (void *arg, const char *keyword) {
  struct sum *sum = arg;

  (void) keyword;
  return assuan_send_data (sum->digest, sum->piece->data, sum->piece->len);
}

static gpg_error_t
digest_says (void *arg, const void *data, size_t len) {
  struct sum *sum = arg;

  return assuan_send_data (sum->ctx, data, len);
}

static gpg_error_t
ask_digest (struct sum *sum) {
  gpg_error_t err = assuan_new (&sum->digest);

  if (!err) err = assuan_socket_connect (sum->digest, digest_path, ASSUAN_INVALID_PID, 0);
  if (!err)
    err = assuan_transact (sum->digest, "DIGEST", digest_says, sum, digest_asks, sum, NULL, NULL);
  assuan_release (sum->digest);
  return err;
}

static gpg_error_t
cmd_sum (assuan_context_t ctx, char *line) {
  struct sum sum = { .ctx = ctx };
  char *name = full_name (ctx, line);
  gpg_error_t err = name ? gpg_error (GPG_ERR_NOT_FOUND) : gpg_error_from_syserror ();

  if (name) sum.piece = *find (name);
  if (sum.piece) err = ask_digest (&sum);
  free (name);
  return err;
}

/* --- The server ------------------------------------------------------------------------------- */

static const struct eva_command commands[] = {
  { .name = "PUT",
    .handler = cmd_put,
    .help = "PUT name\n\nKeep the answer to INQUIRE DATA under this name." },
  { .name = "GET", .handler = cmd_get, .help = "GET name\n\nSend the piece as data." },
  { .name = "DEL", .handler = cmd_del, .help = "DEL name\n\nForget the piece." },
  { .name = "LIST",
    .handler = cmd_list,
    .help = "LIST\n\nName all pieces:\n  S PIECE <name> <octets>" },
  { .name = "SUM",
    .handler = cmd_sum,
    .help = "SUM name\n\nSend the SHA-256 of the piece, in hex." },
};

static gpg_error_t
came (assuan_context_t ctx) {
  struct session *session = calloc (1, sizeof *session);

  if (!session) return gpg_error_from_syserror ();
  assuan_set_pointer (ctx, session);
  return 0;
}

static void
went (assuan_context_t ctx, gpg_error_t reason) {
  if (!eva_is_orderly (reason)) fprintf (stderr, "vault: a client: %s\n", gpg_strerror (reason));
  free (assuan_get_pointer (ctx));
}

static const struct eva_service service = {
  .hello = "the vault is open",
  .commands = commands,
  .n_commands = sizeof commands / sizeof *commands,
  .open = came,
  .close = went,
  .option = set_option,
  .reset = was_reset,
};

int
main (int argc, char **argv) {
  eva_server *server = NULL;
  eva_loop *loop;
  gpg_error_t err;

  if (argc != 3) {
    fputs ("usage: vault ADDRESS DIGEST-SOCKET\n", stderr);
    return 2;
  }
  digest_path = argv[2];
  signal (SIGPIPE, SIG_IGN);
  loop = eva_loop_new ();
  err = loop ? eva_server_new (loop, &service, NULL, &server) : gpg_error_from_syserror ();
  if (!err) err = eva_server_listen (server, argv[1], 0);
  if (!err) {
    printf ("vault: listening on %s\n", argv[1]);
    fflush (stdout);
    eva_loop_run (loop);
  } else
    fprintf (stderr, "vault: %s: %s\n", argv[1], gpg_strerror (err));
  eva_server_free (server);
  eva_loop_free (loop);
  return err ? 1 : 0;
}
