/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva-conn.h - one Assuan dialogue as a state machine without I/O.

   An eva_conn is one end of one connection, server or client.  The owner feeds it the octets that
   came and asks it for the events in them; the owner tells it what to say, and it lends the octets
   to send.  It makes no system call, reads no clock, keeps no global state and calls nothing back
   but its allocator.  So there is no re-entrancy to think about: every function may be called from
   everywhere but the allocator.  The owner brings the transport:

       buf = eva_conn_inbuf (c, &room);              n = read (fd, buf, room);
       eva_conn_fed (c, n);
       while ((rc = eva_conn_next (c, &ev)) > 0) ... answer: eva_conn_data, eva_conn_ok, ...
       n_iov = eva_conn_output (c, iov, 8);          n = writev (fd, iov, n_iov);
       eva_conn_sent (c, n);

   How the input is split into reads never matters: any split gives the same events.  An eva_conn
   holds memory only while there are octets: a connection at rest has nothing but the eva_conn
   itself.  It wipes every buffer before it gives the buffer back, because Assuan carries
   passphrases.

   An eva_conn belongs to one thread at a time.  Different ones share nothing.

   The protocol is the one of the manual "Developing with Assuan" 2.5.5, chapter 3,
   "Implementation"; where this header says "manual", it means that chapter.  */

#ifndef EVA_CONN_H
#define EVA_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* The most octets of a line without its line end, and with CR and LF (manual: lines over 1000
   octets are a communication error).  */
#define EVA_LINE_MAX  1000
#define EVA_LINE_SIZE (EVA_LINE_MAX + 2)

/* Octets of an input buffer: what one read can bring at the most.  */
#define EVA_INPUT_SIZE 16384

/* Octets of an output buffer, of which there are as many as the queued lines need.  */
#define EVA_OUTPUT_SIZE 16384

/* Octets of the first output buffer, and of every buffer when the allocator has no more: some
   programs hand in an allocator with a few kilobytes of locked memory.  Apart from queues of
   descriptors, and unless max_input_len is set, an eva_conn asks its allocator for no other lengths
   while it works: an owner can keep a pool.  */
#define EVA_SMALL_SIZE 2048

/* Default of eva_conn_config.max_output_len: the octets that may wait to be sent.  */
#define EVA_DEFAULT_MAX_OUTPUT ((size_t) 4 << 20)

/* The most that eva_conn_config.max_input_len can be.  */
#define EVA_MOST_INPUT ((size_t) 1 << 30)

/* Default of eva_conn_config.max_fds: the descriptors that may wait in either direction.  */
#define EVA_DEFAULT_MAX_FDS 64

/* What can go wrong.  A function that returns an int below zero returns one of these.  */
enum eva_conn_error {
  EVA_E_NOMEM = -1, /* the allocator gave nothing; nothing was lost, the call may be repeated */
  EVA_E_STATE = -2, /* not allowed in the present state; nothing was done */
  EVA_E_LINE_TOO_LONG = -3, /* out: over EVA_LINE_MAX; in: over EVA_LINE_SIZE with its end */
  EVA_E_TEXT = -4,          /* text to send holds LF */
  EVA_E_LIMIT = -5,         /* a configured limit is reached; nothing was done */
  EVA_E_SYNTAX = -6,        /* the peer's line is no line of the protocol */
  EVA_E_TRUNCATED = -7,     /* the peer closed in the middle of a line */
  EVA_E_ESCAPE = -8,        /* EVA_CONN_STRICT: a `%` that two hex digits do not follow */
  EVA_E_CLOSED = -9         /* the dialogue is over */
};

/* The end of the connection that an eva_conn plays.  */
enum eva_role { EVA_ROLE_SERVER, EVA_ROLE_CLIENT };

/* The states.  A server goes from GREETING to IDLE, then to COMMAND and back for each command, and
   from COMMAND to INQUIRY and back for each inquiry.  A client goes from GREETING to IDLE, then to
   PENDING and back, and to ANSWERING while the server waits for inquired data.

   A state says what the owner waits for.  What the client still owes a server is another matter:
   the eva_conn skips answers that the server gave up, by eva_conn_drain or by finishing the
   command, up to their END or CAN, in every state and before the lines of the answer to a later
   inquiry.  */
enum eva_conn_state {
  EVA_STATE_GREETING,  /* server: greeting not yet said.  client: not yet heard */
  EVA_STATE_IDLE,      /* no command under way */
  EVA_STATE_COMMAND,   /* server: a command was handed out and has no OK or ERR yet */
  EVA_STATE_INQUIRY,   /* server: an inquiry was sent, its data come */
  EVA_STATE_OVERFLOW,  /* server: the inquiry's data were too long, the rest is swallowed */
  EVA_STATE_STRAGGLER, /* server: no command; END or CAN of answers that were given up are due */
  EVA_STATE_PENDING,   /* client: a command was sent and has no OK or ERR yet */
  EVA_STATE_ANSWERING, /* client: the server inquires; data, END or CAN are due */
  EVA_STATE_DRAINING,  /* client: the rest of the reply is dropped, inquiries in it are cancelled */
  EVA_STATE_CLOSED     /* nothing more is read or said */
};
#define EVA_N_STATES 10

/* The kinds of events.  */
enum eva_event_type {
  EVA_EVENT_COMMAND = 1, /* server: a request.  word: the command, text: its arguments */
  EVA_EVENT_DATA,        /* both: unescaped data of an inquiry or a reply, in text */
  EVA_EVENT_END,         /* server: end of an inquiry's data.  client: a bare END between data */
  EVA_EVENT_CANCEL,      /* server: the client cancels the inquiry */
  EVA_EVENT_OVERFLOW,    /* server, once: the inquiry's data are over its limit */
  EVA_EVENT_UNEXPECTED,  /* server: in an inquiry came something else.  text: the line */
  EVA_EVENT_OK,          /* client: success, of the greeting too.  text: what follows OK */
  EVA_EVENT_ERR,         /* client: failure.  code: the number, text: what follows it */
  EVA_EVENT_STATUS,      /* client: text: keyword and text, word: the keyword */
  EVA_EVENT_INQUIRE,     /* client: text: keyword and parameters, word: the keyword */
  EVA_EVENT_COMMENT,     /* client: text: the whole line with its # */
  EVA_EVENT_SKIPPED,     /* both: a line that says nothing here.  text: the line */
  EVA_EVENT_EOF          /* both, once: the peer will send nothing more */
};

/* An event.  word and text point into the input buffer: writable, valid until the next call
   that reads from the same eva_conn (eva_conn_next, _next_line, _peek, _inbuf, _close, _free).
   SKIPPED stands for empty lines, for comments to a server, and for the rest of answers and replies
   that the owner gave up; with an empty text also for over-long lines in such a rest.  */
struct eva_event {
  enum eva_event_type type;
  char *word; /* not NULL for COMMAND, STATUS, INQUIRE; NUL-terminated for COMMAND alone */
  size_t word_len;
  char *text; /* never NULL; NUL-terminated */
  size_t text_len;
  uint32_t code; /* of ERR; 0 if its number could not be read, which is still a failure */
};

/* Refuse lines with a malformed escape (EVA_E_ESCAPE).  Without this flag, a `%` that two hex
   digits do not follow stands for itself.  */
#define EVA_CONN_STRICT 1u

/* Allow status lines, data, END and CAN in every state but CLOSED, for an owner that may keep parts
   of the dialogue itself with eva_conn_line and eva_conn_next_line.  Also allow a server to inquire
   in IDLE and STRAGGLER, which the protocol does not know.  If a request comes in place of that
   answer, it has crossed the inquiry: it gives UNEXPECTED with an empty text, and then comes as a
   COMMAND.  */
#define EVA_CONN_RAW 2u

/* How an eva_conn is made.  Zero is a good value for all but role, alloc and release.  */
struct eva_conn_config {
  enum eva_role role;
  unsigned int flags;                                 /* EVA_CONN_STRICT | EVA_CONN_RAW */
  void *(*alloc) (void *arg, size_t len);             /* returns NULL on failure */
  void (*release) (void *arg, void *ptr, size_t len); /* ptr is what alloc gave, wiped */
  void *arg;             /* handed to both; must outlive the eva_conn */
  size_t max_output_len; /* octets; 0: EVA_DEFAULT_MAX_OUTPUT */
  size_t max_fds;        /* 0: EVA_DEFAULT_MAX_FDS */

  /* Octets that may wait to be handed out.  At EVA_INPUT_SIZE, which is the least and stands for 0,
     one buffer holds them.  Above that, a server that is fed while its command is under way takes
     larger buffers as lines pile up: of 2, 4, ... times the length of the first one, up to twice
     this limit.  At most EVA_MOST_INPUT.  */
  size_t max_input_len;
};

typedef struct eva_conn eva_conn;

/* --- Life ------------------------------------------------------------------------------------- */

/* Makes an eva_conn from CONFIG, which is copied, and stores it at RET_CONN.  The caller frees it
   with eva_conn_free.  A server is in state GREETING until it said OK or ERR, a client until it
   heard one.
   Returns 0; EVA_E_NOMEM; EVA_E_STATE if the role is none or the allocator is missing.  On failure
   RET_CONN is untouched.  */
int eva_conn_new (const struct eva_conn_config *config, eva_conn **ret_conn);

/* Wipes and releases C and its buffers.  NULL is allowed.  It does not close descriptors that are
   still queued, because this library makes no system call: take them first with
   eva_conn_take_any_fd and eva_conn_take_output_fd.  */
void eva_conn_free (eva_conn *c);

/* Returns the state of C.  */
enum eva_conn_state eva_conn_get_state (const eva_conn *c);

/* Ends the dialogue: the state becomes CLOSED, input is dropped and wiped, and queued output can
   still be sent.  Allowed in every state.  */
void eva_conn_close (eva_conn *c);

/* --- Input ------------------------------------------------------------------------------------ */

/* Lends the place where the next octets from the peer go, and stores its length at RET_LEN.  The
   place is valid until the next call with C.  Length 0 means: do not read now, because lines that C
   cannot hand out yet reach max_input_len (backpressure), the dialogue is CLOSED, or the end of
   file was fed.
   Returns NULL with length 0 in those cases, and NULL with a length above 0 if memory is short.  */
void *eva_conn_inbuf (eva_conn *c, size_t *ret_len);

/* Returns 1 if eva_conn_inbuf would lend room, 0 if not.  It tells whether to watch for input,
   without taking a buffer.  */
int eva_conn_wants_input (const eva_conn *c);

/* Returns how many octets came and were not handed out: those of whole lines that wait, and of the
   beginning of a line that has not ended.  */
size_t eva_conn_input_len (const eva_conn *c);

/* Tells C that the owner put N octets where eva_conn_inbuf said; 0 means end of file.
   Returns 0; EVA_E_LIMIT if N is over the length that was lent (nothing is taken).  */
int eva_conn_fed (eva_conn *c, size_t n);

/* Tells C that descriptor FD came with the octets of the next eva_conn_fed; call this one first.
   FD can be taken as soon as C hands out a line that ends after the first of these octets.  So that
   octet must be the first one of the message that brought FD, or one of the same line.  A recvmsg
   of Linux ends after such a message, but may begin with octets of earlier ones: where recvmsg with
   MSG_PEEK and no room for control messages reports MSG_CTRUNC, read a line at a time.
   Returns 0, and C keeps the number and never closes it; EVA_E_LIMIT or EVA_E_NOMEM, and FD stays
   the caller's.  */
int eva_conn_fed_fd (eva_conn *c, int fd);

/* Stores the next event at RET.  C turns whole lines into events as the state allows: while a
   server's command is under way, the next request stays where it is; while a client answers an
   inquiry, so does the next inquiry.
   Returns 1 with an event, 0 if there is none now, or an error:
   EVA_E_LINE_TOO_LONG once for an over-long line, which C skips up to its LF;
   EVA_E_SYNTAX for a line that is none of the protocol (for a server: a request that begins with a
   blank), which is used up;
   EVA_E_STATE for a line of a reply, or of none, to a client that asked nothing or was not greeted;
   that line is used up, too;
   EVA_E_ESCAPE likewise;
   EVA_E_TRUNCATED once for half a line before the end of file;
   EVA_E_NOMEM and EVA_E_LIMIT if the CAN that a DRAINING client owes could not be queued: send
   output and call again.
   After an error the dialogue goes on.  A server without a command may answer a bad line with
   eva_conn_err.  If the bad line was inquired data, too long or with a bad escape, the state is
   OVERFLOW.  An over-long line means what it begins with: OK and ERR end a reply; END, CAN and a
   request end an answer; INQUIRE makes a client ANSWERING.  */
int eva_conn_next (eva_conn *c, struct eva_event *ret);

/* Gets the next whole line as it stands.  It does not look at the state and does not change it: it
   is for programs that speak for themselves in the middle of a command.  RET_LINE is
   NUL-terminated, writable, without line end, valid as in struct eva_event.
   Returns 1; 0 if no whole line is there; EVA_E_LINE_TOO_LONG, EVA_E_TRUNCATED as for
   eva_conn_next.  */
int eva_conn_next_line (eva_conn *c, char **ret_line, size_t *ret_len);

/* Shows the line that eva_conn_next or eva_conn_next_line would use next, and leaves it there.
   Returns 1, or 0 if no whole line is there.  */
int eva_conn_peek (eva_conn *c, char **ret_line, size_t *ret_len);

/* Returns 1 if a whole line waits after the one that was handed out last, which stays valid;
   else 0.  */
int eva_conn_has_line (const eva_conn *c);

/* Returns 1 if the peer's end of file was fed, else 0; lines before it may still wait.  */
int eva_conn_at_eof (const eva_conn *c);

/* Takes the oldest descriptor that came in.  The caller then owns it and closes it.
   Returns 1 and the descriptor at RET_FD, 0 if none may be taken now.  */
int eva_conn_take_fd (eva_conn *c, int *ret_fd);

/* Like eva_conn_take_fd, but whatever octet the descriptor came with: for an owner that releases a
   connection.  */
int eva_conn_take_any_fd (eva_conn *c, int *ret_fd);

/* --- Output ----------------------------------------------------------------------------------- */

/* All of these but eva_conn_data end an open data line first, so that the order on the wire is the
   order of the calls.  All of them copy what they are given, and return 0 or an error: EVA_E_STATE
   if the state forbids the line, EVA_E_LINE_TOO_LONG, EVA_E_TEXT, EVA_E_LIMIT above max_output_len,
   EVA_E_NOMEM, EVA_E_CLOSED.  After an error nothing was queued.  TEXT may be NULL: then no blank
   is written either.  */

/* Server: `OK TEXT`: the greeting, or success of the command.  Next state: IDLE, or STRAGGLER while
   the client owes answers.  */
int eva_conn_ok (eva_conn *c, const char *text);

/* Server: `ERR CODE TEXT`: the greeting of a server that refuses (next state: CLOSED), or
   failure of the command (IDLE).  In IDLE and STRAGGLER it answers a line that was no request.
   CODE is a gpg_error_t (manual, "Error codes"), written as the signed number that peers read.  */
int eva_conn_err (eva_conn *c, uint32_t code, const char *text);

/* Server: `S KEYWORD TEXT`.  Allowed in COMMAND, INQUIRY, OVERFLOW.  */
int eva_conn_status (eva_conn *c, const char *keyword, const char *text);

/* `# TEXT`.  Allowed in every state but CLOSED.  */
int eva_conn_comment (eva_conn *c, const char *text);

/* Server: `INQUIRE KEYWORD`, which may have parameters after a blank.  Next state: INQUIRY.
   The data may have MAX_LEN octets (0: no limit); above that C gives EVA_EVENT_OVERFLOW once and
   swallows the rest.  */
int eva_conn_inquire (eva_conn *c, const char *keyword, size_t max_len);

/* Client: a request, COMMAND with its arguments.  Next state: PENDING.  Allowed in PENDING
   too: replies come in the order of the requests.  Send nothing after a request that inquires: the
   server would take it for the answer.  An empty line and one that starts with # get no reply, and
   leave the state alone.
   EVA_E_STATE also if the last reply came before the answer to an inquiry was ended, and COMMAND is
   D with a blank, END, CAN or CANCEL: the server would take it for the rest of that answer.  */
int eva_conn_command (eva_conn *c, const char *command);

/* LEN octets of data at BUF, escaped: a server's reply, or a client's answer to an inquiry.
   Lines are filled to 998 octets or more; the last one stays open for more data until
   eva_conn_flush or any other line.
   Stores at RET_TAKEN how many octets were queued: all, or fewer if EVA_E_LIMIT or EVA_E_NOMEM
   is returned.  The caller then sends some output and goes on with the rest.  */
int eva_conn_data (eva_conn *c, const void *buf, size_t len, size_t *ret_taken);

/* Ends an open data line, so that eva_conn_output lends it.  Returns 0 (it cannot fail).  */
int eva_conn_flush (eva_conn *c);

/* `END`: ends a client's answer (next state: PENDING), or marks a pause in a server's data.  */
int eva_conn_end (eva_conn *c);

/* Client: `CAN`: refuses an inquiry.  Next state: PENDING.  */
int eva_conn_can (eva_conn *c);

/* The LEN octets of LINE as a line of their own, whatever they mean, in every state but
   CLOSED; the state does not change.  EVA_E_TEXT if there is a LF among them.  */
int eva_conn_line (eva_conn *c, const char *line, size_t len);

/* Says the LEN octets of LINE, which a NUL follows, as a line of their own, and moves to the state
   that the function for such a line leads to.  It is for a relay, which passes on to one end what
   it heard at the other.  eva_conn_next cuts a line into words and unescapes it, so a relay copies
   the line that eva_conn_peek shows before.
   A server passes OK, ERR, S, D, END, INQUIRE, comments and empty lines.  An ERR may have a number
   that cannot be read, and the answer to an INQUIRE has no limit.  A client passes requests, and in
   ANSWERING the lines of an answer.
   Returns as the function for such a line, and EVA_E_SYNTAX for any other line.  If a server
   replied before a client ended its answer, the rest of that answer (D, END, CAN) comes too late:
   EVA_E_STATE until the next request.  */
int eva_conn_pass (eva_conn *c, const char *line, size_t len);

/* Client: gives up the reply under way.  C drops the rest of it when it comes, and answers
   inquiries in it with CAN.  State DRAINING until its OK or ERR, then IDLE.  Allowed in PENDING and
   ANSWERING (an inquiry that is open gets CAN at once); else EVA_E_STATE.
   Server: gives up the answer to its inquiry.  C drops the rest of it when it comes.  Next state:
   COMMAND, in which it may inquire again or finish the command.  Allowed in INQUIRY and OVERFLOW;
   else EVA_E_STATE.  */
int eva_conn_drain (eva_conn *c);

/* Client: treats every request as answered, though no OK or ERR came: state IDLE, except for
   GREETING and CLOSED, which stay.  For an owner that goes on after a peer broke the protocol.  */
void eva_conn_forget (eva_conn *c);

/* Queues descriptor FD, which leaves with the next octet that is queued.
   Returns 0, and FD must stay open until eva_conn_take_output_fd or eva_conn_output_fds gave it
   back; EVA_E_LIMIT, EVA_E_NOMEM.  */
int eva_conn_send_fd (eva_conn *c, int fd);

/* Lends the queued octets: fills up to N elements of IOV, oldest first, and stops before an
   octet that further descriptors belong to.  Returns how many elements were filled; 0: nothing
   to send.  Valid until the next call that changes C.  */
size_t eva_conn_output (eva_conn *c, struct iovec *iov, size_t n);

/* Stores in FDS up to N descriptors that have to leave with the first octet that
   eva_conn_output lends, and returns their number.  They stay queued until eva_conn_sent reports at
   least one octet.  */
size_t eva_conn_output_fds (const eva_conn *c, int *fds, size_t n);

/* Tells C that the first N lent octets, and with N > 0 the descriptors of eva_conn_output_fds,
   were sent: it wipes and forgets them.  N over what was lent counts as all of it.  */
void eva_conn_sent (eva_conn *c, size_t n);

/* Takes back the oldest descriptor that waits to be sent.  Returns 1 and stores it at RET_FD,
   or 0.  */
int eva_conn_take_output_fd (eva_conn *c, int *ret_fd);

/* Returns how many octets wait to be sent, an open data line included.  */
size_t eva_conn_output_len (const eva_conn *c);

/* Shows the oldest queued line that this function has not shown before: for logs and monitors.
   RET_LINE is not NUL-terminated and without its LF, valid until the next call with C.
   Returns 1, or 0 if all were shown.  It does not show an open data line before that line ends, nor
   a line of which octets were sent already.  */
int eva_conn_inspect (eva_conn *c, const char **ret_line, size_t *ret_len);

/* Removes from the queue the line that eva_conn_inspect showed last, unless octets of it were sent
   since.  */
void eva_conn_discard (eva_conn *c);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* EVA_CONN_H */
