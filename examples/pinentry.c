/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pinentry.c - asks for passphrases on a terminal: a program that gpg-agent starts.

   gpg-agent speaks to it through stdin and stdout: it sets texts, with SETDESC and the like, then
   says GETPIN, CONFIRM or MESSAGE, and waits.  The terminal is one more descriptor in the loop.  So
   the server hears, while the user thinks, that the agent is gone or that the time is over.  */

#define GPG_ERR_SOURCE_DEFAULT GPG_ERR_SOURCE_PINENTRY /* for gpg_error */
#include <eva.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* What the agent has set.  Some of it has no place on a terminal.  */
enum { TITLE, DESC, ERROR, PROMPT, REPEAT, DIFFERS, OK, NOT_OK, CANCEL, KEYINFO, TIMEOUT, N_TEXTS };
static char texts[N_TEXTS][1001], tty_name[256] = "/dev/tty"; /* a line has no more */

static const struct eva_service service; /* below */

/* The question under way.  */
enum { PIN = 'G', CONFIRM = 'C', MESSAGE = 'M' }; /* the first letters of the commands */
static int kind, tty, n_pins;
static struct termios tty_state; /* to be restored */
static eva_source *tty_source;
static char pins[2][4096]; /* the passphrase, and once more; a terminal's line has no more */

static void
prompt (void) {
  const char *ok = *texts[OK] ? texts[OK] : "OK";

  if (kind == PIN) dprintf (tty, "%s ", texts[n_pins ? REPEAT : PROMPT]);
  if (kind == MESSAGE) dprintf (tty, "%s (Enter): ", ok);
  if (kind == CONFIRM) dprintf (tty, "%s (y), %s (n): ", ok, *texts[NOT_OK] ? texts[NOT_OK] : "no");
}

/* Gives the terminal back, without what was typed ahead.  The library calls this, too, if the agent
   leaves, if the time is over, and if the server is freed.  */
static void
end_question (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx, (void) arg, (void) reason;
  eva_source_free (tty_source);
  dprintf (tty, "\n");
  tcsetattr (tty, TCSAFLUSH, &tty_state);
  close (tty);
  explicit_bzero (pins, sizeof pins);
}

static void
finish (assuan_context_t ctx, gpg_error_t err) {
  end_question (ctx, NULL, err);
  assuan_process_done (ctx, err);
}

/* A line without a line feed was ended by Ctrl-C or Ctrl-D.  */
static void
line_came (void *ctx, unsigned int revents) {
  ssize_t n = read (tty, pins[n_pins], sizeof pins[0]);

  (void) revents;
  if (n < 1 || pins[n_pins][n - 1] != '\n') {
    finish (ctx, gpg_error (GPG_ERR_CANCELED));
  } else if (kind != PIN) {
    finish (ctx, kind == MESSAGE || *pins[0] == 'y' ? 0 : gpg_error (GPG_ERR_NOT_CONFIRMED));
  } else if (!*texts[REPEAT] || (n_pins && !memcmp (pins[0], pins[1], (size_t) n))) {
    if (n_pins) assuan_write_status (ctx, "PIN_REPEATED", NULL);
    finish (ctx, assuan_send_data (ctx, pins[0], (size_t) n - 1));
  } else {
    if (n_pins) dprintf (tty, "%s\n", *texts[DIFFERS] ? texts[DIFFERS] : "It differs.");
    n_pins = !n_pins;
    prompt ();
  }
}

/* GETPIN, CONFIRM, MESSAGE: from here on the terminal gathers a line, and shows it unless it is a
   passphrase.  */
static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  gpg_error_t err = 0;
  uint64_t seconds = 0;
  struct termios state;

  kind = eva_word_is (line, "--one-button") ? MESSAGE : *assuan_get_command_name (ctx);
  tty_source = NULL;
  tty = open (tty_name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (tty >= 0 && !tcgetattr (tty, &tty_state))
    tty_source = eva_loop_add_fd (eva_get_loop (ctx), tty, EVA_READABLE, line_came, ctx);
  if (!tty_source) err = gpg_error_from_syserror ();
  if (err && tty >= 0) close (tty);
  if (err) return assuan_set_error (ctx, err, tty_name);
  state = tty_state;
  state.c_lflag = ICANON | IEXTEN | ECHONL | ECHOE | (kind == PIN ? 0 : ECHO); /* no ISIG */
  state.c_cc[VEOL] = state.c_cc[VINTR]; /* Ctrl-C ends a line, and does no more */
  tcsetattr (tty, TCSAFLUSH, &state);
  eva_word_number (texts[TIMEOUT], 0, 1000000, &seconds);
  eva_set_limits (ctx, &(struct eva_limits) { .command_timeout_ms = (unsigned) seconds * 1000 });
  eva_set_cancel (ctx, end_question, NULL);
  for (int i = TITLE; i <= ERROR; i++)
    if (*texts[i]) dprintf (tty, "%s\n", texts[i]);
  n_pins = 0;
  prompt ();
  return eva_defer (ctx);
}

/* One of the texts, in whose order the commands are.  It must not control the terminal.  */
static gpg_error_t
cmd_set (assuan_context_t ctx, char *line) {
  gpg_error_t err;
  int i = 0;

  while (strcmp (service.commands[i].name, assuan_get_command_name (ctx)) != 0)
    i++;
  err = eva_unescape_to (line + (*line == '_'), EVA_ESCAPE_LENIENT, texts[i], sizeof *texts, NULL);
  for (char *c = texts[i]; *c; c++)
    if ((unsigned char) *c < ' ' && *c != '\n') *c = '?';
  return err;
}

static gpg_error_t
cmd_getinfo (assuan_context_t ctx, char *line) {
  char text[300] = "";

  if (eva_word_is (line, "version")) strcpy (text, "1.0");
  if (eva_word_is (line, "flavor")) strcpy (text, "tty");
  if (eva_word_is (line, "pid")) snprintf (text, sizeof text, "%d", getpid ());
  if (eva_word_is (line, "ttyinfo")) snprintf (text, sizeof text, "%s - - - - -", tty_name);
  return *text ? assuan_send_data (ctx, text, strlen (text)) : gpg_error (GPG_ERR_ASS_PARAMETER);
}

/* The agent sets more, which is for other kinds of pinentries.  */
static gpg_error_t
option (assuan_context_t ctx, const char *name, const char *value) {
  (void) ctx;
  return strcmp (name, "ttyname") ? 0 : eva_word_copy (value, tty_name, sizeof tty_name);
}

static gpg_error_t
reset (assuan_context_t ctx, char *line) {
  (void) ctx, (void) line;
  memset (texts, 0, sizeof texts);
  return 0;
}

static void
closed (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  eva_loop_stop (eva_get_loop (ctx));
}

/* What GETPIN answers is secret: it stands in no log.  */
/* clang-format off */
#define SET(title) { .name = title, .handler = cmd_set }
static const struct eva_command commands[] = {
  SET ("SETTITLE"), SET ("SETDESC"), SET ("SETERROR"), SET ("SETPROMPT"), SET ("SETREPEAT"),
  SET ("SETREPEATERROR"), SET ("SETOK"), SET ("SETNOTOK"), SET ("SETCANCEL"), SET ("SETKEYINFO"),
  SET ("SETTIMEOUT"), { .name = "GETPIN", .handler = cmd_ask, .flags = EVA_COMMAND_SECRET },
  { .name = "CONFIRM", .handler = cmd_ask }, { .name = "MESSAGE", .handler = cmd_ask },
  { .name = "GETINFO", .handler = cmd_getinfo },
};
static const struct eva_service service = {
  .commands = commands, .n_commands = sizeof commands / sizeof *commands,
  .close = closed, .option = option, .reset = reset,
};
/* clang-format on */

static void
signal_came (void *loop, unsigned int revents) {
  (void) revents;
  eva_loop_stop (loop);
}

/* A signal ends the program like the agent's leaving: the terminal is given back.  */
int
main (void) {
  eva_loop *loop = eva_loop_new ();
  eva_server *server;
  sigset_t set;

  assuan_set_gpg_err_source (GPG_ERR_SOURCE_DEFAULT);
  sigfillset (&set);
  sigdelset (&set, SIGWINCH);
  sigprocmask (SIG_BLOCK, &set, NULL);
  if (!loop || eva_server_new (loop, &service, NULL, &server)) return 1;
  eva_loop_add_fd (loop, signalfd (-1, &set, SFD_CLOEXEC), EVA_READABLE, signal_came, loop);
  if (eva_server_adopt_pipe (server, 0, 1, NULL)) return 1;
  eva_loop_run (loop);
  eva_server_free (server); /* which ends a question */
  eva_loop_free (loop);
}
