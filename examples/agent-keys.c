/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* agent-keys.c - asks gpg-agent for its keys and lets it sign a hash, without ever waiting for it.

   Calls queue up: each is sent when the one before is answered, and its callbacks tell what came.
   An inquiry in the middle of a call is answered at once or later; here the passphrase comes from
   standard input, whenever there is a line.  In a terminal, the agent's pinentry asks for it.

   usage: agent-keys ADDRESS [KEYGRIP]     signs with that key, or the first one
   such as: agent-keys "$(gpgconf --list-dirs agent-socket)"
            agent-keys 'exec:gpg-agent --server'  */

#include <eva.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* SHA-256 of "abc".  */
#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static eva_loop *loop;
static assuan_context_t ctx;
static char keygrip[41];
static eva_source *input;    /* while a call waits for a passphrase */
static int exit_status = -1; /* not known yet */

/* The first error is the one that counts.  If the connection is over, it may have a reason.  */
static void
quit (gpg_error_t err) {
  const char *reason = eva_get_reason (ctx);

  if (exit_status < 0 && err)
    fprintf (stderr, "agent-keys: gpg-agent: %s\n", reason ? reason : gpg_strerror (err));
  if (exit_status < 0) exit_status = err ? 1 : 0;
  eva_loop_stop (loop);
}

static void
input_came (void *call, unsigned int revents) {
  char line[256];
  ssize_t n = read (STDIN_FILENO, line, sizeof line);

  (void) revents;
  eva_source_free (input);
  input = NULL;
  if (n > 0 && line[n - 1] == '\n') n--;
  if (n > 0 && !eva_answer_data (call, line, (size_t) n))
    eva_answer_end (call);
  else
    eva_answer_cancel (call); /* what we do not know */
}

/* The agent tells that its pinentry is there, or asks for the passphrase itself.  A file is always
   ready, and cannot be watched.  */
static gpg_error_t
inquired (void *arg, struct eva_pending_call *call, const char *text) {
  (void) arg;
  if (eva_word_is (text, "PINENTRY_LAUNCHED")) return eva_answer_end (call);
  if (!eva_word_is (text, "PASSPHRASE")) return eva_answer_cancel (call);
  input = eva_loop_add_fd (loop, STDIN_FILENO, EVA_READABLE, input_came, call);
  if (!input) input_came (call, EVA_READABLE);
  return 0;
}

/* The signature came, all of it.  */
static void
was_signed (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  (void) arg;
  eva_source_free (input);
  input = NULL;
  if (!err) printf ("signed with %s: %zu octets\n", keygrip, reply->data_len);
  quit (err);
}

/* The end of a call whose answer is nothing but OK.  */
static void
was_ok (void *arg, gpg_error_t err, const char *text) {
  (void) arg, (void) text;
  if (err) quit (err);
}

/* `KEYINFO KEYGRIP TYPE SERIALNO IDSTR CACHED PROTECTION ...`  */
static gpg_error_t
key_came (void *arg, const char *text) {
  const char *word = text, *words[7];
  char grip[41];

  (void) arg;
  for (int i = 0; i < 7; i++, word = eva_word_next (word))
    words[i] = word;
  if (!eva_word_is (text, "KEYINFO") || eva_word_copy (words[1], grip, sizeof grip)) return 0;
  printf ("%s  %s%s\n", grip, eva_word_is (words[2], "T") ? "on a card" : "on disk",
          eva_word_is (words[6], "P") ? ", with a passphrase" : "");
  if (!*keygrip) memcpy (keygrip, grip, sizeof grip);
  return 0;
}

/* All keys came.  If one of the calls fails, quit gives up those after it.  */
static void
keys_came (void *arg, gpg_error_t err, const char *text) {
  struct eva_callbacks ok = { .done = was_ok };
  struct eva_callbacks pksign = { .inquire = inquired, .replied = was_signed };

  (void) arg, (void) text;
  fflush (stdout);
  if (!err && !*keygrip) err = gpg_error (GPG_ERR_NO_SECKEY);
  if (!err) err = eva_callf (ctx, &ok, NULL, NULL, "SIGKEY %s", keygrip);
  if (!err) err = eva_call (ctx, "SETHASH --hash=sha256 " HASH, &ok, NULL, NULL);
  if (!err) err = eva_call (ctx, "PKSIGN", &pksign, NULL, NULL);
  if (err) quit (err);
}

static void
was_closed (assuan_context_t the_ctx, void *arg, gpg_error_t err) {
  (void) the_ctx;
  (void) arg;
  quit (err);
}

int
main (int argc, char **argv) {
  struct eva_callbacks list = { .status = key_came, .done = keys_came };
  struct eva_callbacks ok = { .done = was_ok };
  struct eva_connect_config config = { .closed = was_closed };
  const char *tty = ttyname (STDIN_FILENO), *failure;
  gpg_error_t err;

  if (argc < 2 || argc > 3 || argv[1][0] == '-' || (argc > 2 && strlen (argv[2]) != 40)) {
    fputs ("usage: agent-keys ADDRESS [KEYGRIP]     (a socket, or exec:gpg-agent --server)\n",
           stderr);
    return 2;
  }
  if (argc > 2) strcpy (keygrip, argv[2]);
  loop = eva_loop_new ();
  if (!loop) {
    perror ("agent-keys");
    return 1;
  }
  err = eva_connect (loop, argv[1], &config, &ctx);
  if (!err && tty) err = eva_callf (ctx, &ok, NULL, NULL, "OPTION ttyname=%s", tty);
  if (!err && !tty) err = eva_call (ctx, "OPTION pinentry-mode=loopback", &ok, NULL, NULL);
  if (!err) err = eva_call (ctx, "KEYINFO --list", &list, NULL, NULL);
  failure = eva_loop_get_failure (loop);
  if (!err)
    eva_loop_run (loop);
  else
    fprintf (stderr, "agent-keys: %s\n", failure ? failure : gpg_strerror (err));
  assuan_release (ctx);
  eva_loop_free (loop);
  return exit_status ? 1 : 0;
}
