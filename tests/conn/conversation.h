/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conversation.h - dialogues as tables, and the runner that plays them on an eva_conn.

   A conversation is a list of steps: what the peer sends, which events must come of it, what is
   said in answer, which octets must leave.  The runner plays it with the input and the output cut
   in any way, and with an allocator that fails wherever it is told; the steps must come out the
   same each time.  Behind every step it looks into the eva_conn: what was used is wiped, what is
   not needed was given back, and counters agree with what they count.  */

#ifndef EVA_TESTS_CONN_CONVERSATION_H
#define EVA_TESTS_CONN_CONVERSATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eva-conn.h"

/* --- Steps ------------------------------------------------------------------------------------ */

enum step_op {
  STEP_DONE,
  STEP_REPEAT,

  /* What the peer does.  */
  STEP_FEED,
  STEP_FED_FD,
  STEP_EOF,

  /* What is read.  */
  STEP_EVENT,
  STEP_NOTHING,
  STEP_WRONG,
  STEP_LINE,
  STEP_NO_LINE,
  STEP_WRONG_LINE,
  STEP_PEEK,
  STEP_NO_PEEK,
  STEP_HAS_LINE,
  STEP_AT_EOF,
  STEP_ROOM,
  STEP_TAKE_FD,
  STEP_NO_FD,
  STEP_TAKE_ANY_FD,

  /* What is said.  */
  STEP_FAILS,
  STEP_TAKES,
  STEP_OK,
  STEP_ERR,
  STEP_STATUS,
  STEP_COMMENT,
  STEP_INQUIRE,
  STEP_COMMAND,
  STEP_DATA,
  STEP_END,
  STEP_CAN,
  STEP_RAW,
  STEP_PASS,
  STEP_DRAIN,
  STEP_SEND_FD,
  STEP_FLUSH,
  STEP_FORGET,
  STEP_CLOSE,

  /* What leaves.  */
  STEP_OUT,
  STEP_NO_OUT,
  STEP_LENT,
  STEP_WITH_FD,
  STEP_SENT_ALL,
  STEP_OUT_LEN,
  STEP_INSPECT,
  STEP_NO_INSPECT,
  STEP_DISCARD,
  STEP_TAKE_OUT_FD,
  STEP_NO_OUT_FD,

  /* What is.  */
  STEP_IN,
  STEP_AT_REST
};

/* Octets: head, then FILL so many times, then tail.  */
struct text {
  const char *head;
  size_t head_len;
  size_t n_fill;
  const char *tail;
  size_t tail_len;
  char fill;
};

struct step {
  struct text text;
  const char *word;
  long number;
  uint32_t code;
  enum step_op op;
  bool has_text; /* else TEXT is NULL where a string is handed over */
};

#define TEXT_(t) .has_text = true, .text = { .head = (t), .head_len = sizeof (t) - 1 }
#define LONG_TEXT_(h, c, n, t)                                                                     \
  .has_text = true, .text = { .head = (h),                                                         \
                              .head_len = sizeof (h) - 1,                                          \
                              .fill = (c),                                                         \
                              .n_fill = (n),                                                       \
                              .tail = (t),                                                         \
                              .tail_len = sizeof (t) - 1 }

/* Plays the K steps before this one N more times.  Not within another repetition.  */
#define REPEAT(n, k)                                                                               \
  {                                                                                                \
    .op = STEP_REPEAT, .number = (n), .text = {.n_fill = (k) }                                     \
  }

/* The peer sends octets, a descriptor along with the next octet, the end of file.  They wait in the
   kernel, so to speak, until a later step needs them or the way of cutting has them come.  */
#define FEED(t)               { .op = STEP_FEED, TEXT_ (t) }
#define LONG_FEED(h, c, n, t) { .op = STEP_FEED, LONG_TEXT_ (h, c, n, t) }
#define FED_FD(fd)            { .op = STEP_FED_FD, .number = (fd) }
#define END_OF_FILE           { .op = STEP_EOF }

/* The next event; WORD may be NULL.  */
#define EVENT(type, w, t) { .op = STEP_EVENT, .number = EVA_EVENT_##type, .word = (w), TEXT_ (t) }
#define LONG_EVENT(type, w, h, c, n, t)                                                            \
  { .op = STEP_EVENT, .number = EVA_EVENT_##type, .word = (w), LONG_TEXT_ (h, c, n, t) }
#define GET_COMMAND(w, t) EVENT (COMMAND, w, t)
#define GET_DATA(t)       EVENT (DATA, NULL, t)
#define GET_SKIPPED(t)    EVENT (SKIPPED, NULL, t)
#define GET_END           EVENT (END, NULL, "")
#define GET_EOF           EVENT (EOF, NULL, "")
#define GET_OK(t)         EVENT (OK, NULL, t)
#define GET_ERR(c, t)     { .op = STEP_EVENT, .number = EVA_EVENT_ERR, .code = (c), TEXT_ (t) }
/* Everything that the peer sent is fed, and there is no event; or next comes this error.  */
#define NOTHING      { .op = STEP_NOTHING }
#define WRONG(error) { .op = STEP_WRONG, .number = (error) }

/* The next raw line; none after feeding everything; an error in its place.  */
#define LINE(t)               { .op = STEP_LINE, TEXT_ (t) }
#define LONG_LINE(h, c, n, t) { .op = STEP_LINE, LONG_TEXT_ (h, c, n, t) }
#define NO_LINE               { .op = STEP_NO_LINE }
#define WRONG_LINE(error)     { .op = STEP_WRONG_LINE, .number = (error) }

/* These feed everything first.  */
#define PEEK(t)         { .op = STEP_PEEK, TEXT_ (t) }
#define NO_PEEK         { .op = STEP_NO_PEEK }
#define HAS_LINE(yes)   { .op = STEP_HAS_LINE, .number = (yes) }
#define AT_EOF(yes)     { .op = STEP_AT_EOF, .number = (yes) }
#define ROOM(yes)       { .op = STEP_ROOM, .number = (yes) }
#define TAKE_FD(fd)     { .op = STEP_TAKE_FD, .number = (fd) }
#define NO_FD           { .op = STEP_NO_FD }
#define TAKE_ANY_FD(fd) { .op = STEP_TAKE_ANY_FD, .number = (fd) } /* -1: there is none */

/* The next step, one that says something or a FED_FD, must fail with ERROR, and change nothing.  */
#define FAILS(error) { .op = STEP_FAILS, .number = (error) }
/* So many octets the next SAY_DATA takes, if not all.  */
#define TAKES(n) { .op = STEP_TAKES, .number = (n) }

#define SAY_OK(t)                  { .op = STEP_OK, TEXT_ (t) }
#define SAY_BARE_OK                { .op = STEP_OK }
#define SAY_ERR(c, t)              { .op = STEP_ERR, .code = (c), TEXT_ (t) }
#define SAY_STATUS(w, t)           { .op = STEP_STATUS, .word = (w), TEXT_ (t) }
#define SAY_BARE_STATUS(w)         { .op = STEP_STATUS, .word = (w) }
#define SAY_COMMENT(t)             { .op = STEP_COMMENT, TEXT_ (t) }
#define SAY_INQUIRE(t, max)        { .op = STEP_INQUIRE, .number = (max), TEXT_ (t) }
#define SAY_COMMAND(t)             { .op = STEP_COMMAND, TEXT_ (t) }
#define SAY_DATA(t)                { .op = STEP_DATA, TEXT_ (t) }
#define SAY_END                    { .op = STEP_END }
#define SAY_CAN                    { .op = STEP_CAN }
#define SAY_RAW(t)                 { .op = STEP_RAW, TEXT_ (t) }
#define PASS(t)                    { .op = STEP_PASS, TEXT_ (t) }
#define LONG_SAY(what, h, c, n, t) { .op = STEP_##what, LONG_TEXT_ (h, c, n, t) }
#define DRAIN                      { .op = STEP_DRAIN }
#define SEND_FD(fd)                { .op = STEP_SEND_FD, .number = (fd) }
#define FLUSH                      { .op = STEP_FLUSH }
#define FORGET                     { .op = STEP_FORGET }
#define CLOSE                      { .op = STEP_CLOSE }

/* These octets leave next, in pieces as the way of cutting wants it.  */
#define OUT(t)               { .op = STEP_OUT, TEXT_ (t) }
#define LONG_OUT(h, c, n, t) { .op = STEP_OUT, LONG_TEXT_ (h, c, n, t) }
/* Nothing is lent.  */
#define NO_OUT { .op = STEP_NO_OUT }
/* Exactly these octets are lent; they stay.  */
#define LENT(t) { .op = STEP_LENT, TEXT_ (t) }
/* This descriptor leaves with the first octet of the next OUT.  */
#define WITH_FD(fd) { .op = STEP_WITH_FD, .number = (fd) }
/* Everything is sent, and more.  */
#define SENT_ALL                 { .op = STEP_SENT_ALL }
#define OUT_LEN(n)               { .op = STEP_OUT_LEN, .number = (n) }
#define INSPECT(t)               { .op = STEP_INSPECT, TEXT_ (t) }
#define LONG_INSPECT(h, c, n, t) { .op = STEP_INSPECT, LONG_TEXT_ (h, c, n, t) }
#define NO_INSPECT               { .op = STEP_NO_INSPECT }
#define DISCARD                  { .op = STEP_DISCARD }
#define TAKE_OUT_FD(fd)          { .op = STEP_TAKE_OUT_FD, .number = (fd) }
#define NO_OUT_FD                { .op = STEP_NO_OUT_FD }

#define IN(state) { .op = STEP_IN, .number = EVA_STATE_##state }
/* No event, and nothing is owned but the eva_conn itself.  */
#define AT_REST { .op = STEP_AT_REST }

/* --- Conversations ---------------------------------------------------------------------------- */

struct conversation {
  const char *name;
  const struct step *steps;
  enum eva_role role;
  unsigned int flags;    /* EVA_CONN_... */
  size_t max_output_len; /* as in struct eva_conn_config */
  size_t max_fds;
};

#define STEPS(...)                                                                                 \
  .steps = (const struct step[]) {                                                                 \
    __VA_ARGS__, {                                                                                 \
      .op = STEP_DONE                                                                              \
    }                                                                                              \
  }

/* A list of conversations about one topic, and all lists.  */
struct topic {
  const struct conversation *talks;
  size_t n_talks;
};
#define TOPIC(talks) { (talks), sizeof (talks) / sizeof *(talks) }

extern const struct topic request_topic, inquiry_topic, overflow_topic, given_up_topic, aside_topic;
extern const struct topic reply_topic, answer_topic, drain_topic;
extern const struct topic line_topic, in_fd_topic;
extern const struct topic say_topic, data_topic, out_fd_topic, inspect_topic, pass_topic;

/* --- Runs ------------------------------------------------------------------------------------- */

/* How input and output are cut.  */
enum cut {
  CUT_NONE,   /* each FEED and OUT at once */
  CUT_OCTETS, /* octet by octet, and none before it is needed */
  CUT_TWO,    /* the input in two, at octet AT */
  CUT_RANDOM  /* anyhow, after SEED */
};

/* Which allocations fail.  */
enum shortage {
  SHORT_NEVER,
  SHORT_ONCE,    /* the AT-th */
  SHORT_FOREVER, /* the AT-th and all behind it */
  SHORT_ABOVE    /* all of over AT octets */
};

struct way {
  enum cut cut;
  size_t cut_at;
  uint64_t seed;
  enum shortage shortage;
  size_t short_at; /* number, from 1; or octets */
};

struct played {
  size_t n_octets; /* of input */
  size_t n_allocs;
  bool gave_up; /* memory stayed short, so the conversation was not finished */
};

/* Plays TALK in the way WAY and fails the test, saying where, if anything is not as it must be.  */
struct played play (const struct conversation *talk, const struct way *way);

/* Runs TEST for each conversation of ROLE, of both if ROLE is -1, as a cmocka test with the
   conversation's name; its initial state is the conversation.  Returns what main is to return.  */
int run_conversations (const char *group, int role, CMUnitTestFunction test);

#endif /* EVA_TESTS_CONN_CONVERSATION_H */
