/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-client.c - conversations of a client: greeting, requests and replies, answers to inquiries,
   replies that are given up.  */

#include "conversation.h"

#define CLIENT .role = EVA_ROLE_CLIENT

/* A client that was greeted; one that asked; one that asked and is asked.  */
#define GREETED FEED ("OK hi\n"), GET_OK ("hi"), IN (IDLE)
#define ASKING  GREETED, SAY_COMMAND ("ASK"), OUT ("ASK\n"), IN (PENDING)
#define ASKED   ASKING, FEED ("INQUIRE PIN now\n"), EVENT (INQUIRE, "PIN", "PIN now"), IN (ANSWERING)

/* --- Replies ---------------------------------------------------------------------------------- */

static const struct conversation reply_talks[] = {
  { .name = "a client is greeted",
    CLIENT,
    STEPS (IN (GREETING), NOTHING, FEED ("OK Pleased to meet you\n"),
           GET_OK ("Pleased to meet you"), IN (IDLE), AT_REST) },

  { .name = "a greeting of several lines",
    CLIENT,
    STEPS (FEED ("# one\n\nOK\n"), EVENT (COMMENT, NULL, "# one"), GET_SKIPPED (""), IN (GREETING),
           GET_OK (""), IN (IDLE)) },

  { .name = "a client is refused",
    CLIENT,
    STEPS (FEED ("ERR 67109139 no\n"), GET_ERR (67109139, "no"), IN (CLOSED), NOTHING, ROOM (0),
           FAILS (EVA_E_CLOSED), SAY_COMMAND ("NOP"), FORGET, IN (CLOSED), AT_REST) },

  { .name = "a reply in place of a greeting",
    CLIENT,
    STEPS (FEED ("D x\nEND\nINQUIRE x\nS x\nD\nOK\n"), WRONG (EVA_E_STATE), WRONG (EVA_E_STATE),
           WRONG (EVA_E_STATE), WRONG (EVA_E_STATE), WRONG (EVA_E_SYNTAX), IN (GREETING),
           GET_OK (""), IN (IDLE)) },

  { .name = "no request before the greeting",
    CLIENT,
    STEPS (FAILS (EVA_E_STATE), SAY_COMMAND ("NOP"), FAILS (EVA_E_STATE), DRAIN, FORGET,
           IN (GREETING), SAY_COMMENT ("hello?"), SAY_COMMAND (""), SAY_COMMAND ("# c"),
           OUT ("# hello?\n\n# c\n"), IN (GREETING), AT_REST) },

  { .name = "a request succeeds",
    CLIENT,
    STEPS (ASKING, NOTHING, FEED ("OK done\n"), GET_OK ("done"), IN (IDLE), AT_REST) },

  { .name = "a request fails",
    CLIENT,
    STEPS (ASKING, FEED ("ERR 67109139 Unknown IPC command\n"),
           GET_ERR (67109139, "Unknown IPC command"), IN (IDLE), AT_REST) },

  { .name = "numbers of errors that came",
    CLIENT,
    STEPS (ASKING, FEED ("ERR 0 a\n"), GET_ERR (0, "a"), SAY_COMMAND ("A"), FEED ("ERR -1 b\n"),
           GET_ERR (0xffffffffu, "b"), SAY_COMMAND ("A"), FEED ("ERR  4294967295   c\n"),
           GET_ERR (0xffffffffu, "c"), SAY_COMMAND ("A"), FEED ("ERR 4294967296 d\n"),
           GET_ERR (0, "ERR 4294967296 d"), SAY_COMMAND ("A"), FEED ("ERR\n"), GET_ERR (0, "ERR"),
           SAY_COMMAND ("A"), FEED ("ERR what\n"), GET_ERR (0, "ERR what"), SAY_COMMAND ("A"),
           FEED ("ERR 7x\n"), GET_ERR (7, "x"), IN (IDLE), OUT ("A\nA\nA\nA\nA\nA\n")) },

  { .name = "a reply with everything",
    CLIENT,
    STEPS (ASKING, FEED ("S PROGRESS a b\n# c\nD d%41\n\nEND\nD \nS\nS  x  y \nOK e\n"),
           EVENT (STATUS, "PROGRESS", "PROGRESS a b"), EVENT (COMMENT, NULL, "# c"),
           GET_DATA ("dA"), GET_SKIPPED (""), GET_END, GET_DATA (""), EVENT (STATUS, "", ""),
           EVENT (STATUS, "x", "x  y "), IN (PENDING), GET_OK ("e"), IN (IDLE), AT_REST) },

  { .name = "data that came",
    CLIENT,
    STEPS (ASKING, FEED ("D  x \nD %25%0D%0a%00\nD \xff\0\x01\r\nD %\nD %4\nD %gg\nOK\n"),
           GET_DATA (" x "), GET_DATA ("%\r\n\0"), GET_DATA ("\xff\0\x01"), GET_DATA ("%"),
           GET_DATA ("%4"), GET_DATA ("%gg"), GET_OK ("")) },

  { .name = "lines that are none of the protocol",
    CLIENT,
    STEPS (ASKING, FEED ("ok\nNOP\n OK\nOKAY\nD\nSTATUS x\nERROR 1\nENDE\nINQUIRED\nOK\n"),
           WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX),
           WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX), WRONG (EVA_E_SYNTAX),
           WRONG (EVA_E_SYNTAX), IN (PENDING), GET_OK ("")) },

  { .name = "replies that nobody asked for",
    CLIENT,
    STEPS (GREETED, FEED ("OK\nERR 1 x\nERR\nD x\nEND\nINQUIRE x\nS a\n# b\n"), WRONG (EVA_E_STATE),
           WRONG (EVA_E_STATE), WRONG (EVA_E_STATE), WRONG (EVA_E_STATE), WRONG (EVA_E_STATE),
           WRONG (EVA_E_STATE), EVENT (STATUS, "a", "a"), EVENT (COMMENT, NULL, "# b"), IN (IDLE),
           AT_REST) },

  { .name = "requests that came together",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("B b"), SAY_COMMAND ("C"), OUT ("B b\nC\n"), IN (PENDING),
           FEED ("OK a\nD b\nERR 2 b\nOK c\n"), GET_OK ("a"), IN (PENDING), GET_DATA ("b"),
           GET_ERR (2, "b"), IN (PENDING), GET_OK ("c"), IN (IDLE), AT_REST) },

  { .name = "requests without a reply",
    CLIENT,
    STEPS (GREETED, SAY_COMMAND (""), SAY_COMMAND ("# c"), IN (IDLE), SAY_COMMAND ("A"),
           SAY_COMMAND ("#"), OUT ("\n# c\nA\n#\n"), FEED ("OK\n"), GET_OK (""), IN (IDLE)) },

  { .name = "what a client may not say",
    CLIENT,
    STEPS (GREETED, FAILS (EVA_E_STATE), SAY_OK ("x"), FAILS (EVA_E_STATE), SAY_ERR (1, "x"),
           FAILS (EVA_E_STATE), SAY_STATUS ("A", "b"), FAILS (EVA_E_STATE), SAY_INQUIRE ("X", 0),
           FAILS (EVA_E_STATE), SAY_DATA ("x"), FAILS (EVA_E_STATE), SAY_END, FAILS (EVA_E_STATE),
           SAY_CAN, FAILS (EVA_E_STATE), DRAIN, IN (IDLE), NO_OUT) },

  { .name = "end of file for a client at rest",
    CLIENT,
    STEPS (GREETED, END_OF_FILE, GET_EOF, NOTHING, AT_EOF (1), ROOM (0), IN (IDLE), AT_REST) },

  { .name = "end of file in place of a greeting",
    CLIENT,
    STEPS (END_OF_FILE, GET_EOF, NOTHING, IN (GREETING)) },

  { .name = "end of file in a reply",
    CLIENT,
    STEPS (ASKING, FEED ("D x\n"), END_OF_FILE, GET_DATA ("x"), GET_EOF, NOTHING, IN (PENDING),
           FORGET, IN (IDLE), AT_REST) },

  { .name = "end of file in a line of a reply",
    CLIENT,
    STEPS (ASKING, FEED ("D x\nO"), END_OF_FILE, GET_DATA ("x"), WRONG (EVA_E_TRUNCATED), GET_EOF,
           NOTHING, IN (PENDING), CLOSE) },

  { .name = "an over-long line of a reply",
    CLIENT,
    STEPS (ASKING, LONG_FEED ("D ", 'x', 5000, "\nD y\nOK\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (PENDING), GET_DATA ("y"), GET_OK (""), AT_REST) },

  { .name = "an over-long end of a reply",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("B"), SAY_COMMAND ("C"), OUT ("B\nC\n"),
           LONG_FEED ("OK ", 'x', 2000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (PENDING),
           LONG_FEED ("ERR 1 ", 'x', 2000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (PENDING),
           LONG_FEED ("OKAY ", 'x', 2000, "\nOK c\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (PENDING),
           GET_OK ("c"), IN (IDLE), LONG_FEED ("OK ", 'x', 2000, "\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (IDLE), AT_REST) },

  { .name = "an over-long end of a reply to who answers",
    CLIENT,
    STEPS (ASKED, LONG_FEED ("ERR 5 ", 'x', 2000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (IDLE)) },

  { .name = "an over-long greeting",
    CLIENT,
    STEPS (LONG_FEED ("OK ", 'x', 2000, "\nOK\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (GREETING),
           GET_OK (""), IN (IDLE)) },

  { .name = "a client forgets",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("B"), FORGET, IN (IDLE), FEED ("OK\nOK\n"), WRONG (EVA_E_STATE),
           WRONG (EVA_E_STATE), SAY_COMMAND ("C"), FEED ("OK c\n"), GET_OK ("c"), IN (IDLE),
           OUT ("B\nC\n")) },

  { .name = "a client forgets an inquiry",
    CLIENT,
    STEPS (ASKED, FORGET, IN (IDLE), FAILS (EVA_E_STATE), SAY_END, SAY_COMMAND ("B"), FEED ("OK\n"),
           GET_OK (""), OUT ("B\n")) },

  { .name = "a client closes",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("BYE"), FEED ("D x\nOK\n"), GET_DATA ("x"), CLOSE, IN (CLOSED),
           NOTHING, OUT ("BYE\n"), FAILS (EVA_E_CLOSED), SAY_COMMAND (""), FAILS (EVA_E_CLOSED),
           SAY_COMMAND ("X"), FAILS (EVA_E_CLOSED), DRAIN, FORGET, IN (CLOSED), AT_REST) },

  { .name = "strict: a malformed escape in a reply",
    CLIENT,
    .flags = EVA_CONN_STRICT,
    STEPS (ASKING, FEED ("D %41\nD a%4\nD %4g\nD b\nS %\nOK %\n"), GET_DATA ("A"),
           WRONG (EVA_E_ESCAPE), IN (PENDING), WRONG (EVA_E_ESCAPE), GET_DATA ("b"),
           EVENT (STATUS, "%", "%"), GET_OK ("%"), IN (IDLE)) },
};

const struct topic reply_topic = TOPIC (reply_talks);

/* --- Inquiries -------------------------------------------------------------------------------- */

static const struct conversation answer_talks[] = {
  { .name = "an answer",
    CLIENT,
    STEPS (ASKED, SAY_DATA ("12"), SAY_DATA ("34"), IN (ANSWERING), SAY_END, IN (PENDING),
           OUT ("D 1234\nEND\n"), FEED ("OK\n"), GET_OK (""), IN (IDLE), AT_REST) },

  { .name = "an answer without data",
    CLIENT,
    STEPS (ASKED, SAY_END, OUT ("END\n"), IN (PENDING), FEED ("OK\n"), GET_OK ("")) },

  { .name = "an answer is refused",
    CLIENT,
    STEPS (ASKED, SAY_DATA ("1"), SAY_CAN, IN (PENDING), OUT ("D 1\nCAN\n"), FEED ("ERR 5 no\n"),
           GET_ERR (5, "no"), IN (IDLE)) },

  { .name = "several inquiries",
    CLIENT,
    STEPS (ASKED, SAY_END, FEED ("INQUIRE\nD x\n"), EVENT (INQUIRE, "", ""), IN (ANSWERING),
           SAY_DATA ("%"), SAY_END, GET_DATA ("x"), IN (PENDING), FEED ("INQUIRE X\n"),
           EVENT (INQUIRE, "X", "X"), SAY_CAN, FEED ("OK\n"), GET_OK (""),
           OUT ("END\nD %25\nEND\nCAN\n"), AT_REST) },

  { .name = "what may not be said while answering",
    CLIENT,
    STEPS (ASKED, FAILS (EVA_E_STATE), SAY_COMMAND ("NOP"), FAILS (EVA_E_STATE), SAY_BARE_OK,
           FAILS (EVA_E_STATE), SAY_STATUS ("A", "b"), FAILS (EVA_E_STATE), SAY_INQUIRE ("X", 0),
           SAY_COMMENT ("c"), SAY_RAW ("D r"), SAY_COMMAND ("# s"), IN (ANSWERING),
           OUT ("# c\nD r\n# s\n"), SAY_END, OUT ("END\n"), FEED ("OK\n"), GET_OK ("")) },

  { .name = "a server that goes on while it inquires",
    CLIENT,
    STEPS (ASKED, FEED ("S a\nD x\nEND\n"), EVENT (STATUS, "a", "a"), GET_DATA ("x"), GET_END,
           IN (ANSWERING), SAY_END, FEED ("OK\n"), GET_OK (""), OUT ("END\n")) },

  { .name = "the next inquiry waits for the answer",
    CLIENT,
    STEPS (ASKED, FEED ("S a\nINQUIRE Y\nOK\n"), EVENT (STATUS, "a", "a"), NOTHING, HAS_LINE (1),
           IN (ANSWERING), SAY_DATA ("1"), NOTHING, SAY_END, EVENT (INQUIRE, "Y", "Y"), SAY_CAN,
           GET_OK (""), IN (IDLE), OUT ("D 1\nEND\nCAN\n"), AT_REST) },

  { .name = "the next inquiry waits, and the answer is given up",
    CLIENT,
    STEPS (ASKED, FEED ("INQUIRE Y\nOK\n"), NOTHING, DRAIN, GET_SKIPPED ("INQUIRE Y"),
           GET_SKIPPED ("OK"), IN (IDLE), OUT ("CAN\nCAN\n"), AT_REST) },

  { .name = "an over-long inquiry",
    CLIENT,
    STEPS (ASKING, LONG_FEED ("INQUIRE ", 'x', 2000, "\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (ANSWERING), LONG_FEED ("INQUIRE ", 'x', 2000, "\nOK\n"), NOTHING, SAY_CAN,
           WRONG (EVA_E_LINE_TOO_LONG), SAY_END, GET_OK (""), IN (IDLE), OUT ("CAN\nEND\n"),
           AT_REST) },

  { .name = "requests that would be taken for the rest of an answer",
    CLIENT,
    STEPS (ASKED, SAY_DATA ("1"), FEED ("OK\n"), GET_OK (""), FAILS (EVA_E_STATE),
           SAY_COMMAND ("END"), FAILS (EVA_E_STATE), SAY_COMMAND ("can"), FAILS (EVA_E_STATE),
           SAY_COMMAND ("CANCEL it"), FAILS (EVA_E_STATE), SAY_COMMAND ("D x"), SAY_COMMAND (""),
           SAY_COMMAND ("# c"), IN (IDLE), SAY_COMMAND ("CANDY"), SAY_COMMAND ("END"),
           OUT ("D 1\n\n# c\nCANDY\nEND\n"), FEED ("OK\nERR 1\n"), GET_OK (""), GET_ERR (1, ""),
           AT_REST) },

  { .name = "an answer that was forgotten is still owed",
    CLIENT,
    STEPS (ASKED, FORGET, IN (IDLE), FAILS (EVA_E_STATE), SAY_COMMAND ("END"), SAY_COMMAND ("A"),
           OUT ("A\n"), FEED ("OK\n"), GET_OK (""), AT_REST) },

  { .name = "a server that does not wait for the answer",
    CLIENT,
    STEPS (ASKED, SAY_DATA ("x"), FEED ("ERR 6 too late\n"), GET_ERR (6, "too late"), IN (IDLE),
           FAILS (EVA_E_STATE), SAY_END, FLUSH, OUT ("D x\n"), AT_REST) },

  { .name = "a server that does not wait, of two requests",
    CLIENT,
    STEPS (GREETED, SAY_COMMAND ("A"), SAY_COMMAND ("B"), FEED ("INQUIRE X\nOK\nOK b\n"),
           EVENT (INQUIRE, "X", "X"), GET_OK (""), IN (PENDING), FAILS (EVA_E_STATE), SAY_END,
           GET_OK ("b"), IN (IDLE), OUT ("A\nB\n")) },

  { .name = "end of file while answering",
    CLIENT,
    STEPS (ASKED, END_OF_FILE, GET_EOF, IN (ANSWERING), SAY_END, OUT ("END\n"), NOTHING,
           IN (PENDING)) },

  { .name = "a client that keeps parts to itself",
    CLIENT,
    .flags = EVA_CONN_RAW,
    STEPS (SAY_END, FEED ("OK\n"), GET_OK (""), SAY_RAW ("ASK"), FEED ("D x%0\nINQUIRE Y\n"),
           LINE ("D x%0"), LINE ("INQUIRE Y"), SAY_DATA ("\r"), SAY_END, SAY_STATUS ("A", "b"),
           SAY_CAN, IN (IDLE), FEED ("OK z\n"), LINE ("OK z"), NO_LINE, IN (IDLE),
           FAILS (EVA_E_STATE), SAY_BARE_OK, FAILS (EVA_E_STATE), DRAIN,
           OUT ("END\nASK\nD %0D\nEND\nS A b\nCAN\n"), SAY_COMMAND ("B"), FEED ("INQUIRE C\n"),
           EVENT (INQUIRE, "C", "C"), SAY_CAN, IN (PENDING), SAY_CAN, IN (PENDING),
           OUT ("B\nCAN\nCAN\n"), CLOSE, FAILS (EVA_E_CLOSED), SAY_CAN) },
};

const struct topic answer_topic = TOPIC (answer_talks);

/* --- Giving up -------------------------------------------------------------------------------- */

/* Just room for a CAN, when the line before it waits.  */
#define FULL_FOR_CAN .max_output_len = 10

static const struct conversation drain_talks[] = {
  { .name = "the rest of a reply is dropped",
    CLIENT,
    STEPS (ASKING, FEED ("D a\nD b\n"), GET_DATA ("a"), DRAIN, IN (DRAINING), GET_SKIPPED ("D b"),
           FEED ("# c\nS d\nD %4\nEND\nOK e\n"), GET_SKIPPED ("# c"), GET_SKIPPED ("S d"),
           GET_SKIPPED ("D %4"), GET_SKIPPED ("END"), IN (DRAINING), GET_SKIPPED ("OK e"),
           IN (IDLE), SAY_COMMAND ("B"), OUT ("B\n"), FEED ("OK b\n"), GET_OK ("b"), AT_REST) },

  { .name = "the rest of a failing reply is dropped",
    CLIENT,
    STEPS (ASKING, DRAIN, FEED ("garbage\n\nERR 1 x\n"), GET_SKIPPED ("garbage"), GET_SKIPPED (""),
           IN (DRAINING), GET_SKIPPED ("ERR 1 x"), IN (IDLE), NO_OUT) },

  { .name = "an ERR without a number ends what is dropped",
    CLIENT,
    STEPS (ASKING, DRAIN, FEED ("ERR\n"), GET_SKIPPED ("ERR"), IN (IDLE), SAY_COMMAND ("B"), DRAIN,
           FEED ("ERR x\n"), GET_SKIPPED ("ERR x"), IN (IDLE), OUT ("B\n")) },

  { .name = "inquiries in what is dropped are cancelled",
    CLIENT,
    STEPS (ASKING, DRAIN, FEED ("INQUIRE A\n"), GET_SKIPPED ("INQUIRE A"), OUT ("CAN\n"),
           IN (DRAINING), FEED ("INQUIRE B\nOK\n"), GET_SKIPPED ("INQUIRE B"), GET_SKIPPED ("OK"),
           OUT ("CAN\n"), IN (IDLE), AT_REST) },

  { .name = "an open inquiry is cancelled",
    CLIENT,
    STEPS (ASKED, SAY_DATA ("12"), DRAIN, IN (DRAINING), OUT ("D 12\nCAN\n"), FEED ("ERR 5 no\n"),
           GET_SKIPPED ("ERR 5 no"), IN (IDLE)) },

  { .name = "what may not be said while draining",
    CLIENT,
    STEPS (ASKING, DRAIN, FAILS (EVA_E_STATE), SAY_COMMAND ("NOP"), FAILS (EVA_E_STATE), DRAIN,
           FAILS (EVA_E_STATE), SAY_END, FAILS (EVA_E_STATE), SAY_DATA ("x"), FAILS (EVA_E_STATE),
           SAY_CAN, SAY_COMMENT ("c"), SAY_COMMAND ("#d"), OUT ("# c\n#d\n"), IN (DRAINING),
           FEED ("OK\n"), GET_SKIPPED ("OK"), IN (IDLE)) },

  { .name = "one of several replies is dropped",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("B"), OUT ("B\n"), DRAIN, FEED ("D a\nOK\nD b\nOK b\n"),
           GET_SKIPPED ("D a"), GET_SKIPPED ("OK"), IN (PENDING), GET_DATA ("b"), GET_OK ("b"),
           IN (IDLE)) },

  { .name = "the CAN finds no room",
    CLIENT,
    FULL_FOR_CAN,
    STEPS (FEED ("OK\n"), GET_OK (""), SAY_COMMAND ("A"), OUT ("A\n"), DRAIN, SAY_RAW ("1234567"),
           FEED ("INQUIRE X\nOK\n"), WRONG (EVA_E_LIMIT), WRONG (EVA_E_LIMIT), IN (DRAINING),
           OUT ("1234567\n"), GET_SKIPPED ("INQUIRE X"), GET_SKIPPED ("OK"), OUT ("CAN\n"),
           IN (IDLE), AT_REST) },

  { .name = "the CAN of an open inquiry finds no room",
    CLIENT,
    FULL_FOR_CAN,
    STEPS (FEED ("OK\n"), GET_OK (""), SAY_COMMAND ("A"), OUT ("A\n"), FEED ("INQUIRE X\n"),
           EVENT (INQUIRE, "X", "X"), SAY_RAW ("1234567"), FAILS (EVA_E_LIMIT), DRAIN,
           FAILS (EVA_E_LIMIT), SAY_CAN, IN (ANSWERING), OUT ("1234567\n"), DRAIN, IN (DRAINING),
           OUT ("CAN\n"), FEED ("OK\n"), GET_SKIPPED ("OK"), IN (IDLE)) },

  { .name = "end of file while draining",
    CLIENT,
    STEPS (ASKING, DRAIN, FEED ("D x\nO"), END_OF_FILE, GET_SKIPPED ("D x"),
           WRONG (EVA_E_TRUNCATED), GET_EOF, IN (DRAINING), FORGET, IN (IDLE), AT_REST) },

  { .name = "an over-long line while draining",
    CLIENT,
    STEPS (ASKING, DRAIN, LONG_FEED ("D ", 'x', 3000, "\nOK\n"), GET_SKIPPED (""), IN (DRAINING),
           GET_SKIPPED ("OK"), IN (IDLE), AT_REST) },

  { .name = "an over-long inquiry while draining",
    CLIENT,
    FULL_FOR_CAN,
    STEPS (FEED ("OK\n"), GET_OK (""), SAY_COMMAND ("A"), OUT ("A\n"), DRAIN, SAY_RAW ("1234567"),
           LONG_FEED ("INQUIRE ", 'x', 3000, "\nOK\n"), WRONG (EVA_E_LIMIT), WRONG (EVA_E_LIMIT),
           OUT ("1234567\n"), GET_SKIPPED (""), IN (DRAINING), OUT ("CAN\n"), GET_SKIPPED ("OK"),
           IN (IDLE), AT_REST) },

  { .name = "an over-long end of what is dropped",
    CLIENT,
    STEPS (ASKING, DRAIN, LONG_FEED ("OK ", 'x', 3000, "\n"), GET_SKIPPED (""), IN (IDLE),
           AT_REST) },

  { .name = "strict: escapes do not matter while draining",
    CLIENT,
    .flags = EVA_CONN_STRICT,
    STEPS (ASKING, DRAIN, FEED ("D %4\nOK\n"), GET_SKIPPED ("D %4"), GET_SKIPPED ("OK"),
           IN (IDLE)) },

  { .name = "a client forgets while it drains",
    CLIENT,
    STEPS (ASKING, SAY_COMMAND ("B"), DRAIN, FORGET, IN (IDLE), SAY_COMMAND ("C"), OUT ("B\nC\n"),
           FEED ("OK\n"), GET_OK (""), IN (IDLE)) },
};

const struct topic drain_topic = TOPIC (drain_talks);
