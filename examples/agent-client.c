/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* agent-client.c - asks gpg-agent for its keys and lets it sign hashes, one after the other:

       keys       lists the keys
       sign       signs a hash with the first key of the list
       KEYGRIP    signs it with that key
       wait       waits for a line of standard input, or its end

   It never waits for the agent but in its loop.  Ctrl-C gives up what is under way, and so does the
   time.  The agent may end and start again between two commands, or in the middle of one: the
   client connects anew, and starts an agent if none is there.  The agent's pinentry asks for
   passphrases; agent-keys.c answers the agent itself.

   usage: agent-client ADDRESS COMMAND...
   such as: agent-client "$(gpgconf --list-dirs agent-socket)" keys sign
            agent-client 'exec:gpg-agent --server' keys
            agent-client ssh:host/run/user/1000/gnupg/S.gpg-agent keys  */

#include <eva.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* SHA-256 of "abc".  */
#define SETHASH                                                                                    \
  "SETHASH --hash=sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static eva_loop *loop;
static const char *address;
static assuan_context_t ctx; /* NULL: the next call connects */
static char **commands;      /* the first one is under way */
static char keygrip[41];
static int step;                   /* of signing */
static bool is_lost, was_repeated; /* the agent left in the middle of the command */
static eva_source *input;          /* while a line is wanted */
static bool has_failed;

static void call (void);
static void line_came (void *arg, unsigned int revents);

static void
next_command (void) {
  was_repeated = false;
  step = 0;
  commands++;
  if (!*commands)
    eva_loop_stop (loop);
  else if (strcmp (*commands, "wait") != 0)
    call ();
  else if (!(input = eva_loop_add_fd (loop, STDIN_FILENO, EVA_READABLE, line_came, NULL)))
    line_came (NULL, EVA_READABLE); /* a file is always ready, and cannot be watched */
}

/* After a connection that was lost the command runs once more, when closed has run.  */
static void
finish (gpg_error_t err) {
  const char *reason = ctx ? eva_get_reason (ctx) : NULL;
  gpg_err_code_t code = gpg_err_code (err);

  is_lost = (code == GPG_ERR_EOF || code == GPG_ERR_EPIPE) && !was_repeated && !reason;
  if (is_lost) return;
  if (err)
    fprintf (stderr, "agent-client: %s: %s%s%s\n", *commands, gpg_strerror (err),
             reason ? ": " : "", reason ? reason : "");
  has_failed |= err != 0;
  next_command ();
}

/* `KEYINFO KEYGRIP TYPE SERIALNO IDSTR CACHED PROTECTION ...`  */
static void
show_key (const char *text) {
  const char *word = text, *words[7];
  char grip[41];

  for (int i = 0; i < 7; i++, word = eva_word_next (word))
    words[i] = word;
  if (!eva_word_is (text, "KEYINFO") || eva_word_copy (words[1], grip, sizeof grip)) return;
  printf ("%s  %s%s\n", grip, eva_word_is (words[2], "T") ? "on a card" : "on disk",
          eva_word_is (words[6], "P") ? ", with a passphrase" : "");
  if (!*keygrip) memcpy (keygrip, grip, sizeof grip);
}

static void
answered (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  bool is_signing = strcmp (*commands, "keys") != 0;

  (void) arg;
  for (size_t i = 0; !err && !is_signing && i < reply->n_status; i++)
    show_key (reply->status[i]);
  if (!err && is_signing && ++step < 3) {
    call ();
    return;
  }
  if (!err && is_signing) printf ("signed with %s: %zu octets\n", keygrip, reply->data_len);
  fflush (stdout);
  finish (err);
}

/* The agent has left, or could not be reached.  */
static void
closed (assuan_context_t over, void *arg, gpg_error_t err) {
  (void) arg, (void) err;
  assuan_release (over);
  ctx = NULL;
  if (!is_lost) return;
  is_lost = false;
  was_repeated = true;
  step = 0;
  call ();
}

static gpg_error_t
connect_to_agent (void) {
  static const char *const start[] = { "gpgconf", "--launch", "gpg-agent", NULL };
  struct eva_connect_config config = { .flags = EVA_CONNECT_LATE_ERRORS, .closed = closed };
  const char *tty = ttyname (STDIN_FILENO);
  gpg_error_t err;

  if (*address == '/' || !strncmp (address, "unix:/", 6)) config.start_argv = start;
  err = eva_connect (loop, address, &config, &ctx);
  return err || !tty ? err : eva_callf (ctx, NULL, NULL, NULL, "OPTION ttyname=%s", tty);
}

/* Makes the next call of the command.  Each has a minute: a user may have to find a passphrase.  */
static void
call (void) {
  static const struct eva_callbacks callbacks = { .replied = answered,
                                                  .timeout_ms = 60000,
                                                  .flags = EVA_CALL_LATE_ERRORS };
  gpg_error_t err = ctx ? 0 : connect_to_agent ();
  bool is_listing = !strcmp (*commands, "keys");

  if (!is_listing && strcmp (*commands, "sign") != 0)
    snprintf (keygrip, sizeof keygrip, "%s", *commands);
  if (!err && is_listing)
    err = eva_call (ctx, "KEYINFO --list", &callbacks, NULL, NULL);
  else if (!err && !step)
    err = eva_callf (ctx, &callbacks, NULL, NULL, "SIGKEY %s", keygrip);
  else if (!err)
    err = eva_call (ctx, step == 1 ? SETHASH : "PKSIGN", &callbacks, NULL, NULL);
  if (err) finish (err);
}

static void
line_came (void *arg, unsigned int revents) {
  char line[256];

  (void) arg, (void) revents;
  eva_source_free (input);
  if (read (STDIN_FILENO, line, sizeof line) >= 0) next_command ();
}

/* Ctrl-C.  The agent goes on with a call that is given up, and ends it if its client leaves.  */
static void
interrupted (void *fd, unsigned int revents) {
  assuan_context_t old = ctx;
  struct signalfd_siginfo info;

  (void) revents;
  if (read (*(int *) fd, &info, sizeof info) < 0) return;
  if (!strcmp (*commands, "wait")) eva_loop_stop (loop);
  ctx = NULL;
  assuan_release (old);
}

int
main (int argc, char **argv) {
  sigset_t signals;
  int fd;

  if (argc < 3 || *argv[1] == '-') {
    fputs ("usage: agent-client ADDRESS {keys | sign | KEYGRIP | wait}...\n", stderr);
    return 2;
  }
  address = argv[1];
  commands = argv + 1;
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  fd = signalfd (-1, &signals, SFD_CLOEXEC);
  loop = eva_loop_new ();
  if (!loop || fd < 0 || !eva_loop_add_fd (loop, fd, EVA_READABLE, interrupted, &fd)) {
    perror ("agent-client");
    return 1;
  }
  next_command ();
  if (*commands) eva_loop_run (loop);
  assuan_release (ctx);
  eva_loop_free (loop);
  return has_failed;
}
