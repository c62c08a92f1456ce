/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drive.h - contexts that never wait: what to do, turn by turn, and when.

   A drive makes a context non-blocking.  Its user asks what to wait for, calls eva__drive_turn when
   that came, and hears from the drive when the program did something outside of a turn.  The rooms
   above embed the drive in what they know of a connection.

       turn:  send what waits; call what waits for room; read once; handle some lines;
              check deadlines; send what was said

   A peer that always has more lines is put off (backlog): it is not watched, and gets its next turn
   when all others had theirs.  */

#ifndef EVA__ASSUAN_DRIVE_H
#define EVA__ASSUAN_DRIVE_H

#include "eva.h"

#include "assuan/context.h"

/* What the context waits for; each phase has its limit of time.  */
enum eva__phase {
  EVA__PHASE_NONE,
  EVA__PHASE_IDLE,    /* a request of the peer */
  EVA__PHASE_LINE,    /* the end of a line that was begun */
  EVA__PHASE_COMMAND, /* the end of a command */
  EVA__PHASE_INQUIRY, /* the answer to an inquiry */
  EVA__PHASE_STUCK,   /* the peer to take what is queued */
  EVA__PHASE_ENDING   /* likewise, before the connection is closed */
};

/* Octets of buffers that many connections hold, and descriptors that were passed, limited in a
   chain: those of a user, of a server.  */
struct eva__account {
  struct eva__account *parent; /* or NULL */
  size_t held_len;
  size_t most_len; /* at one time */
  size_t limit_len;
  size_t n_fds;
  size_t limit_fds;
  unsigned int max_fd; /* of a user: descriptors with this number, or a higher one, are too many */
};

struct eva__drive;

/* Bulk data in a command; pumps are built on it.  */
struct eva__stream {
  /* Less than high_water_len octets wait to be sent.  */
  void (*writable) (struct eva__stream *stream);

  /* An event of the answer to its inquiry, or an error as of eva_conn_next.  */
  void (*answered) (struct eva__stream *stream, int rc, const struct eva_event *ev);

  /* The lines that came were handled, so nothing has to wait for more of them.  May be NULL.  */
  void (*rested) (struct eva__stream *stream);

  /* The stream cannot go on, but the command can; the stream is off the drive already.  */
  void (*failed) (struct eva__stream *stream, gpg_error_t err);

  /* The command cannot go on; the stream is off the drive already.  */
  void (*cancelled) (struct eva__stream *stream, gpg_error_t reason);

  bool is_full;   /* nothing can be taken now: lines stay where they are */
  bool wants_out; /* writable is to be called */
  bool wants_in;  /* answers go here */
};

/* What the room above hears and answers.  All but wake and now may run callbacks of the
   program.  */
struct eva__drive_ops {
  /* A turn is due soon: something was said or changed outside of one.  */
  void (*wake) (struct eva__drive *drive);

  /* A client's next event, or RC < 0, as from eva_conn_next.  NULL for servers.  */
  void (*on_event) (struct eva__drive *drive, int rc, const struct eva_event *ev);

  /* As eva_now.  */
  uint64_t (*now) (void);

  /* The room's own next deadline, or EVA_NO_DEADLINE; and a call when it is over.  May be NULL.  */
  uint64_t (*get_deadline) (struct eva__drive *drive);
  void (*at_deadline) (struct eva__drive *drive, uint64_t now_ns);

  /* What the peer says now belongs to what was asked for confidentially.  NULL: it does not.  */
  bool (*hears_secret) (const struct eva__drive *drive);

  /* The connection is over, drive->over says why: ends what waits for something of it.  Called in
     each turn from then on, also while callbacks of the context run.  NULL: there is nothing but
     the command.  */
  void (*lost) (struct eva__drive *drive);

  /* Reports the same to the program; once, out of a turn, and after all callbacks of the context.
     May release the context.  */
  void (*over) (struct eva__drive *drive);

  /* eva_close was called.  NULL: nothing happens.  */
  void (*close) (struct eva__drive *drive);

  /* eva_set_limits was called.  Returns 0, or an error with nothing changed.  */
  gpg_error_t (*set_limits) (struct eva__drive *drive, const struct eva_limits *limits);

  /* The loop that drives the context, or would if the connection were made; or NULL.  */
  eva_loop *(*get_loop) (const struct eva__drive *drive);

  /* The drive lives in a loop, which belongs to this process.  */
  bool (*is_ours) (const struct eva__drive *drive);

  /* assuan_release was called: no turn may come any more, and everything that waits for the context
     ends.  */
  void (*release) (struct eva__drive *drive);

  /* The context is gone, and the drive with it.  */
  void (*free) (struct eva__drive *drive);
};

/* What the drives of a server have in common.  */
struct eva__drive_class {
  const struct eva__drive_ops *ops;
  const struct eva_limits *limits; /* without zeros */
  struct eva_stats *stats;         /* or NULL */
};

struct eva__outgoing_fd;

/* What most connections never need: bulk data, callbacks that the program set, a second pipe, and
   descriptors of ours that wait to be sent.  */
struct eva__callbacks {
  struct eva__stream *stream; /* of the command under way, or NULL */
  void (*cancel) (assuan_context_t ctx, void *arg, gpg_error_t reason); /* or NULL */
  void *cancel_arg;
  void (*writable) (assuan_context_t ctx, void *arg); /* or NULL */
  void *writable_arg;
  eva_source *out;    /* of the room above: what watches the outbound one of two pipes */
  bool is_of_command; /* writable: it was set by the command under way, and goes with it */
  struct eva__outgoing_fd *outgoing_fds;
};

struct eva__drive {
  assuan_context_t ctx;
  const struct eva__drive_class *class;
  struct eva__account *account;     /* or NULL */
  struct eva__callbacks *callbacks; /* or NULL; of the context's memory */
  uint64_t since_ns;                /* when the phase began; 0 if nothing limits it */
  const char *begun;                /* the command whose end the service is to hear of, or NULL */
  gpg_error_t over;                 /* why the connection is over; 0 while it is not */
  enum eva__phase phase : 8;
  bool restarted : 1; /* the phase begins anew, though it is the same */
  bool moved : 1;     /* octets were exchanged in this turn */
  bool deferred : 1;  /* the command ends with assuan_process_done only */
  bool cancelled : 1; /* the command was cancelled, because it cannot be finished */
  bool due : 1;       /* a turn is due at once, or, in a turn, if a callback runs the loop */
  bool backlog : 1;   /* the peer has more lines than a turn handles */
  bool drained : 1;   /* all lines that came were handled */
  bool late : 1;      /* the command's time was over while a callback of it ran */
  bool in_line : 1;   /* a callback works with a line, which must stay where it is */
  bool held : 1;      /* this turn is within such a callback: lines wait */
  bool telling : 1;   /* the function of eva_set_writable runs */
  bool leaves : 1;    /* the connection ends as soon as no command is under way */
  bool is_new : 1;    /* no line of the peer was handled yet: a first command may still come */
  bool closing : 1;   /* no more is read; over when all is sent */
  bool rests : 1;     /* the last turn ended with a server that waits for a request alone */
  bool is_owed : 1;   /* the peer left in the middle of something */
  gpg_error_t closing_reason;
  unsigned int n_fds; /* counted to the account */
};

/* Makes CTX non-blocking with DRIVE.  CTX has a connection and runs none of its callbacks; DRIVE
   has its ops and limits set and is zero otherwise, and stays as long as CTX.  */
void eva__drive_init (struct eva__drive *drive, assuan_context_t ctx);

/* The connection of DRIVE is over, and its context is about to get another one: forgets it.  The
   context is disconnected by now.  */
void eva__drive_restart (struct eva__drive *drive);

/* Returns what DRIVE keeps of these, or NULL if there is no memory.  */
struct eva__callbacks *eva__drive_get_callbacks (struct eva__drive *drive);

/* Returns the stream of the command under way, or NULL.  */
static inline struct eva__stream *
eva__drive_stream (const struct eva__drive *drive) {
  return drive->callbacks ? drive->callbacks->stream : NULL;
}

/* The same, and takes it off DRIVE.  */
struct eva__stream *eva__drive_take_stream (struct eva__drive *drive);

/* Returns true if a stream can take nothing now.  */
static inline bool
eva__drive_is_full (const struct eva__drive *drive) {
  const struct eva__stream *stream = eva__drive_stream (drive);

  return stream && stream->is_full;
}

/* Fills the zeros of LIMITS with the defaults.  */
void eva__drive_complete_limits (struct eva_limits *limits);

/* Puts those of LIMITS that an eva_conn checks into CONFIG.  */
void eva__drive_configure (struct eva_conn_config *config, const struct eva_limits *limits);

/* Returns true if more waits to be sent than should.  */
static inline bool
eva__drive_is_above_water (const struct eva__drive *drive) {
  return eva__conn_output_len (drive->ctx->conn) > drive->class->limits->high_water_len;
}

/* Returns true if a turn of DRIVE has to know what time it is.  */
static inline bool
eva__drive_needs_time (const struct eva__drive *drive) {
  return drive->since_ns || drive->class->ops->get_deadline;
}

/* Makes a turn due, because something was said or changed.  Within a turn that same turn handles
   it, or, if a callback runs the loop, a turn within it.  */
void eva__drive_wake (struct eva__drive *drive);

/* Ends the connection because of ERR, in the turn under way or the next one: at once, without
   sending what waits.  */
void eva__drive_fail (struct eva__drive *drive, gpg_error_t err);

/* Ends the connection because of REASON when what waits is sent; nothing more is read.  */
void eva__drive_close (struct eva__drive *drive, gpg_error_t reason);

/* Ends the stream of the command under way, if there is one, because of ERR.  */
void eva__drive_stop_stream (struct eva__drive *drive, gpg_error_t err);

/* Call it before the command under way is answered.  */
void eva__drive_count_command (struct eva__drive *drive);

/* Forgets the callbacks that the command under way set: what they need is gone with the command, so
   none may run later.  */
void eva__drive_forget_callbacks (struct eva__drive *drive);

/* The command is finished, its reply said: ends a stream in it, and forgets all other callbacks of
   the command.  */
void eva__drive_forget_command (struct eva__drive *drive);

/* Returns true if what the peer says now is confidential.  */
bool eva__drive_hears_secret (const struct eva__drive *drive);

/* Counts LEN octets of buffers in DRIVE's accounts.  Returns false if that is above a limit.  */
bool eva__drive_hold (struct eva__drive *drive, size_t len);
void eva__drive_unhold (struct eva__drive *drive, size_t len);

/* Returns true if with LEN octets more half of each of DRIVE's accounts stays free, for what
   connections must have.  */
bool eva__drive_can_spare (const struct eva__drive *drive, size_t len);

/* Counts in DRIVE's accounts the descriptors that the peer passed and that it still has: those that
   wait, and those of INPUT and OUTPUT.  Programs take and close them at any time, so this counts
   anew before more are taken and after each turn.  */
void eva__drive_count_fds (struct eva__drive *drive);

/* Returns how many more the accounts have room for.  */
size_t eva__drive_fd_room (const struct eva__drive *drive);

/* Returns true if descriptors with the number FD are left for others.  */
bool eva__drive_leaves_fd (const struct eva__drive *drive, int fd);

/* Returns the error of calls that wait, with a text for HELP of the client; 0 if CTX may wait.  */
gpg_error_t eva__drive_may_wait (assuan_context_t ctx);

/* Returns the error, with a text, of calls that would give a driven context another connection.  */
gpg_error_t eva__drive_refuse_connection (assuan_context_t ctx);

#endif /* EVA__ASSUAN_DRIVE_H */
