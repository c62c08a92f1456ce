/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-server.c - conversations of a server: greeting, requests and replies, inquiries.  */

#include "conversation.h"

#define SERVER .role = EVA_ROLE_SERVER

/* A server that has greeted.  */
#define GREETED SAY_OK ("hi"), OUT ("OK hi\n"), IN (IDLE)

/* A command that is under way.  */
#define ASKED FEED ("ASK\n"), GET_COMMAND ("ASK", ""), IN (COMMAND)

/* --- Requests --------------------------------------------------------------------------------- */

static const struct conversation request_talks[] = {
  { .name = "a server greets",
    SERVER,
    STEPS (IN (GREETING), AT_REST, SAY_OK ("Pleased to meet you, process 17"),
           OUT ("OK Pleased to meet you, process 17\n"), IN (IDLE), AT_REST) },

  { .name = "a server greets without text",
    SERVER,
    STEPS (SAY_BARE_OK, OUT ("OK\n"), IN (IDLE), AT_REST) },

  { .name = "an empty text is a blank", SERVER, STEPS (SAY_OK (""), OUT ("OK \n")) },

  { .name = "comments before the greeting",
    SERVER,
    STEPS (SAY_COMMENT ("welcome"), FAILS (EVA_E_STATE), SAY_STATUS ("VERSION", "2"),
           SAY_RAW ("# raw"), IN (GREETING), SAY_OK ("go"), OUT ("# welcome\n# raw\nOK go\n"),
           IN (IDLE)) },

  { .name = "a greeting that refuses",
    SERVER,
    STEPS (SAY_ERR (67109139, "Unknown IPC command"), IN (CLOSED),
           OUT ("ERR 67109139 Unknown IPC command\n"), FEED ("NOP\n"), NOTHING, ROOM (0),
           FAILS (EVA_E_CLOSED), SAY_OK ("late"), AT_REST) },

  { .name = "requests wait for the greeting",
    SERVER,
    STEPS (FEED ("NOP\nBYE\n"), NOTHING, IN (GREETING), HAS_LINE (1), SAY_OK ("hi"),
           GET_COMMAND ("NOP", ""), SAY_BARE_OK, GET_COMMAND ("BYE", ""), SAY_BARE_OK,
           OUT ("OK hi\nOK\nOK\n"), AT_REST) },

  { .name = "a request and its OK",
    SERVER,
    STEPS (GREETED, FEED ("NOP\n"), GET_COMMAND ("NOP", ""), IN (COMMAND), NOTHING, SAY_BARE_OK,
           IN (IDLE), OUT ("OK\n"), AT_REST) },

  { .name = "a request and its ERR",
    SERVER,
    STEPS (GREETED, ASKED, SAY_ERR (67109139, "Unknown IPC command <GPG Agent>"), IN (IDLE),
           OUT ("ERR 67109139 Unknown IPC command <GPG Agent>\n"), AT_REST) },

  { .name = "numbers of errors",
    SERVER,
    STEPS (GREETED, ASKED, SAY_ERR (0, ""), ASKED, SAY_ERR (1, "one"), ASKED,
           SAY_ERR (0x7fffffffu, "most"), ASKED, SAY_ERR (0x80000000u, "least"), ASKED,
           SAY_ERR (0xffffffffu, "last"),
           OUT ("ERR 0 \nERR 1 one\nERR 2147483647 most\nERR -2147483648 least\nERR -1 last\n"),
           IN (IDLE)) },

  { .name = "arguments",
    SERVER,
    STEPS (GREETED, FEED ("SIGN \t  --hash=sha1  a%20b \t\nsign\tx\nSIGN  \nS\n"),
           GET_COMMAND ("SIGN", "--hash=sha1  a%20b \t"), SAY_BARE_OK, GET_COMMAND ("sign", "x"),
           SAY_BARE_OK, GET_COMMAND ("SIGN", ""), SAY_BARE_OK, GET_COMMAND ("S", ""), SAY_BARE_OK,
           OUT ("OK\nOK\nOK\nOK\n")) },

  { .name = "arguments with octets of every kind",
    SERVER,
    STEPS (GREETED, FEED ("A \0b\xff\x80\r\x01\n"), GET_COMMAND ("A", "\0b\xff\x80\r\x01"),
           SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "a NUL ends the command's name",
    SERVER,
    STEPS (GREETED, FEED ("ECHO\0 c\n\0ECHO\n"), GET_COMMAND ("ECHO", "\0 c"), SAY_BARE_OK,
           WRONG (EVA_E_SYNTAX), IN (IDLE), OUT ("OK\n")) },

  { .name = "line ends with CR",
    SERVER,
    STEPS (GREETED, FEED ("NOP\r\n\r\nA b\r\n"), GET_COMMAND ("NOP", ""), SAY_BARE_OK,
           GET_SKIPPED (""), GET_COMMAND ("A", "b"), SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "comments and empty lines",
    SERVER,
    STEPS (GREETED, FEED ("\n# hello\n#\n\nNOP\n"), GET_SKIPPED (""), GET_SKIPPED ("# hello"),
           GET_SKIPPED ("#"), GET_SKIPPED (""), IN (IDLE), GET_COMMAND ("NOP", ""), SAY_BARE_OK,
           OUT ("OK\n"), AT_REST) },

  { .name = "a request that begins with a blank",
    SERVER,
    STEPS (GREETED, FEED (" NOP\n\tNOP\nNOP\n"), WRONG (EVA_E_SYNTAX), IN (IDLE),
           SAY_ERR (67109140, "leading blank"), IN (IDLE), WRONG (EVA_E_SYNTAX), IN (IDLE),
           GET_COMMAND ("NOP", ""), SAY_BARE_OK, OUT ("ERR 67109140 leading blank\nOK\n")) },

  { .name = "words of answers are requests without an inquiry",
    SERVER,
    STEPS (GREETED, FEED ("D x y\nEND\nCAN\nCANCEL now\n"), GET_COMMAND ("D", "x y"), SAY_BARE_OK,
           GET_COMMAND ("END", ""), SAY_BARE_OK, GET_COMMAND ("CAN", ""), SAY_BARE_OK,
           GET_COMMAND ("CANCEL", "now"), SAY_BARE_OK, OUT ("OK\nOK\nOK\nOK\n")) },

  { .name = "the next request waits for the reply",
    SERVER,
    STEPS (GREETED, FEED ("ONE\n# two\nTHREE\n"), GET_COMMAND ("ONE", ""), NOTHING, HAS_LINE (1),
           PEEK ("# two"), NOTHING, SAY_STATUS ("STILL", "at it"), NOTHING, SAY_BARE_OK,
           GET_SKIPPED ("# two"), GET_COMMAND ("THREE", ""), NOTHING, HAS_LINE (0), SAY_BARE_OK,
           OUT ("S STILL at it\nOK\nOK\n"), AT_REST) },

  { .name = "a request that is over-long waits too",
    SERVER,
    STEPS (GREETED, FEED ("ONE\n"), LONG_FEED ("TWO ", 'x', 3000, "\nTHREE\n"),
           GET_COMMAND ("ONE", ""), NOTHING, SAY_BARE_OK, WRONG (EVA_E_LINE_TOO_LONG), IN (IDLE),
           SAY_ERR (5, "too long"), GET_COMMAND ("THREE", ""), SAY_BARE_OK,
           OUT ("OK\nERR 5 too long\nOK\n"), AT_REST) },

  { .name = "what a server may not say",
    SERVER,
    STEPS (GREETED, FAILS (EVA_E_STATE), SAY_OK ("x"), FAILS (EVA_E_STATE), SAY_STATUS ("A", "b"),
           FAILS (EVA_E_STATE), SAY_INQUIRE ("X", 0), FAILS (EVA_E_STATE), SAY_DATA ("x"),
           FAILS (EVA_E_STATE), SAY_END, FAILS (EVA_E_STATE), SAY_CAN, FAILS (EVA_E_STATE),
           SAY_COMMAND ("NOP"), FAILS (EVA_E_STATE), DRAIN, FORGET, IN (IDLE), NO_OUT) },

  { .name = "more than one at a time",
    SERVER,
    STEPS (GREETED, FEED ("A\nB\nC\n"), GET_COMMAND ("A", ""), SAY_OK ("a"), GET_COMMAND ("B", ""),
           SAY_ERR (2, "b"), GET_COMMAND ("C", ""), SAY_OK ("c"), OUT ("OK a\nERR 2 b\nOK c\n")) },

  { .name = "end of file at rest",
    SERVER,
    STEPS (GREETED, AT_EOF (0), END_OF_FILE, GET_EOF, AT_EOF (1), NOTHING, ROOM (0), IN (IDLE),
           AT_REST) },

  { .name = "end of file before the greeting",
    SERVER,
    STEPS (END_OF_FILE, GET_EOF, NOTHING, SAY_OK ("anyone?"), OUT ("OK anyone?\n"), NOTHING) },

  { .name = "end of file during a command",
    SERVER,
    STEPS (GREETED, FEED ("ONE\nTWO\n"), END_OF_FILE, GET_COMMAND ("ONE", ""), NOTHING, AT_EOF (1),
           SAY_BARE_OK, GET_COMMAND ("TWO", ""), GET_EOF, NOTHING, SAY_BARE_OK, OUT ("OK\nOK\n"),
           NOTHING, AT_REST) },

  { .name = "end of file in a line",
    SERVER,
    STEPS (GREETED, FEED ("NOP\nNO"), END_OF_FILE, GET_COMMAND ("NOP", ""), SAY_BARE_OK,
           WRONG (EVA_E_TRUNCATED), GET_EOF, NOTHING, OUT ("OK\n"), AT_REST) },

  { .name = "end of file in a line during a command",
    SERVER,
    STEPS (GREETED, FEED ("NOP\nNO"), END_OF_FILE, GET_COMMAND ("NOP", ""), WRONG (EVA_E_TRUNCATED),
           GET_EOF, NOTHING, IN (COMMAND), SAY_BARE_OK, OUT ("OK\n"), NOTHING, AT_REST) },

  { .name = "end of file before LF behind CR",
    SERVER,
    STEPS (GREETED, FEED ("NOP\r"), END_OF_FILE, WRONG (EVA_E_TRUNCATED), GET_EOF, NOTHING) },

  { .name = "a server closes",
    SERVER,
    STEPS (GREETED, FEED ("ONE\nTWO\nTHR"), GET_COMMAND ("ONE", ""), SAY_DATA ("open"),
           SAY_COMMENT ("bye"), SAY_DATA ("x"), CLOSE, IN (CLOSED), NOTHING, HAS_LINE (0), NO_PEEK,
           ROOM (0), FAILS (EVA_E_CLOSED), SAY_BARE_OK, FAILS (EVA_E_CLOSED), SAY_COMMENT ("x"),
           FAILS (EVA_E_CLOSED), SAY_RAW ("x"), FAILS (EVA_E_CLOSED), SAY_DATA ("x"),
           FAILS (EVA_E_CLOSED), DRAIN, FORGET, CLOSE, IN (CLOSED), OUT ("D open\n# bye\nD x\n"),
           AT_REST) },

  { .name = "no end of file behind closing",
    SERVER,
    STEPS (GREETED, CLOSE, END_OF_FILE, NOTHING, IN (CLOSED), AT_REST) },

  { .name = "backpressure",
    SERVER,
    /* A command, and behind it 16 KiB and more that the peer wants to send.  */
    STEPS (GREETED, ASKED, LONG_FEED ("A ", 'x', 997, "\n"), REPEAT (20, 1), NOTHING, ROOM (0),
           IN (COMMAND), SAY_BARE_OK, LONG_EVENT (COMMAND, "A", "", 'x', 997, ""), SAY_BARE_OK,
           REPEAT (20, 2), NOTHING, ROOM (1), OUT ("OK\n"), REPEAT (21, 1), AT_REST) },

  { .name = "an endless line meets a command under way",
    SERVER,
    STEPS (GREETED, ASKED, LONG_FEED ("", 'x', 40000, ""), NOTHING, ROOM (0), SAY_BARE_OK,
           WRONG (EVA_E_LINE_TOO_LONG), NOTHING, FEED ("x\nNOP\n"), GET_COMMAND ("NOP", ""),
           SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "a server that keeps parts to itself",
    SERVER,
    .flags = EVA_CONN_RAW,
    STEPS (SAY_END, SAY_OK ("hi"), SAY_STATUS ("A", "b"), SAY_DATA ("x"), SAY_CAN, SAY_END,
           IN (IDLE), FAILS (EVA_E_STATE), SAY_BARE_OK, ASKED, SAY_RAW ("INQUIRE X"),
           OUT ("END\nOK hi\nS A b\nD x\nCAN\nEND\nINQUIRE X\n"), IN (COMMAND),
           FEED ("D y%41\nEND\nNEXT\n"), LINE ("D y%41"), LINE ("END"), IN (COMMAND), NOTHING,
           SAY_BARE_OK, GET_COMMAND ("NEXT", ""), SAY_BARE_OK, OUT ("OK\nOK\n"), CLOSE,
           FAILS (EVA_E_CLOSED), SAY_END) },
};

const struct topic request_topic = TOPIC (request_talks);

/* --- Inquiries -------------------------------------------------------------------------------- */

/* An inquiry for at most MAX octets, sent.  */
#define INQUIRING(max) GREETED, ASKED, SAY_INQUIRE ("PIN", max), OUT ("INQUIRE PIN\n"), IN (INQUIRY)

static const struct conversation inquiry_talks[] = {
  { .name = "an inquiry",
    SERVER,
    STEPS (INQUIRING (0), NOTHING, FEED ("D 12\nD 34\nEND\n"), GET_DATA ("12"), IN (INQUIRY),
           GET_DATA ("34"), GET_END, IN (COMMAND), NOTHING, SAY_BARE_OK, OUT ("OK\n"), AT_REST) },

  { .name = "an inquiry with parameters",
    SERVER,
    STEPS (GREETED, ASKED, SAY_INQUIRE ("PINENTRY_LAUNCHED 42  x", 0),
           OUT ("INQUIRE PINENTRY_LAUNCHED 42  x\n"), FEED ("END\n"), GET_END, SAY_BARE_OK,
           OUT ("OK\n")) },

  { .name = "data of every kind",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D \nD  x \nD %25%0D%0a%00\nD \xff\0\x01\nd low\n"), GET_DATA (""),
           GET_DATA (" x "), GET_DATA ("%\r\n\0"), GET_DATA ("\xff\0\x01"), GET_DATA ("low"),
           FEED ("D a%4\nD %\nD %zz%4G\nend\n"), GET_DATA ("a%4"), GET_DATA ("%"),
           GET_DATA ("%zz%4G"), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "a CR at the end of data is the line's",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D a\r\nD b\r\r\nEND\r\n"), GET_DATA ("a"), GET_DATA ("b\r"),
           GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "text behind END",
    SERVER,
    STEPS (INQUIRING (0), FEED ("END  of it\n"), EVENT (END, NULL, "of it"), IN (COMMAND),
           SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "an inquiry is cancelled",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D 1\nCAN\n"), GET_DATA ("1"), EVENT (CANCEL, NULL, ""),
           IN (COMMAND), SAY_INQUIRE ("X", 0), FEED ("cancel please\n"), EVENT (CANCEL, NULL, ""),
           SAY_ERR (1, "no"), OUT ("INQUIRE X\nERR 1 no\n"), IN (IDLE)) },

  { .name = "comments and empty lines in an answer",
    SERVER,
    STEPS (INQUIRING (0), FEED ("# soon\n\nD 1\nEND\n"), GET_SKIPPED ("# soon"), GET_SKIPPED (""),
           IN (INQUIRY), GET_DATA ("1"), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "something else in place of an answer",
    SERVER,
    STEPS (INQUIRING (0), FEED ("NOP a\nNEXT\n"), EVENT (UNEXPECTED, NULL, "NOP a"), IN (COMMAND),
           NOTHING, SAY_ERR (3, "unexpected"), GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           OUT ("ERR 3 unexpected\nOK\n")) },

  { .name = "lines that are nearly answers",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D\n"), EVENT (UNEXPECTED, NULL, "D"), SAY_INQUIRE ("X", 0),
           FEED ("ENDE\n"), EVENT (UNEXPECTED, NULL, "ENDE"), SAY_INQUIRE ("X", 0), FEED (" END\n"),
           EVENT (UNEXPECTED, NULL, " END"), SAY_INQUIRE ("X", 0), FEED ("D\tx\n"),
           EVENT (UNEXPECTED, NULL, "D\tx"), SAY_INQUIRE ("X", 0), FEED ("CANDY\n"),
           EVENT (UNEXPECTED, NULL, "CANDY"), SAY_INQUIRE ("X", 0), FEED ("CANCELJOB 5\n"),
           EVENT (UNEXPECTED, NULL, "CANCELJOB 5"), IN (COMMAND), SAY_BARE_OK,
           OUT ("INQUIRE X\nINQUIRE X\nINQUIRE X\nINQUIRE X\nINQUIRE X\nOK\n")) },

  { .name = "one inquiry after the other",
    SERVER,
    STEPS (INQUIRING (2), FEED ("D 12\nEND\n"), GET_DATA ("12"), GET_END, SAY_INQUIRE ("NEW", 2),
           FEED ("D 3\nD 4\nEND\n"), GET_DATA ("3"), GET_DATA ("4"), GET_END, SAY_BARE_OK,
           OUT ("INQUIRE NEW\nOK\n"), AT_REST) },

  { .name = "a second END is a request",
    SERVER,
    STEPS (INQUIRING (0), FEED ("END\nEND\n"), GET_END, NOTHING, SAY_BARE_OK,
           GET_COMMAND ("END", ""), SAY_ERR (9, "no"), OUT ("OK\nERR 9 no\n")) },

  { .name = "what may be said during an inquiry",
    SERVER,
    STEPS (INQUIRING (0), FAILS (EVA_E_STATE), SAY_INQUIRE ("X", 0), FAILS (EVA_E_STATE), SAY_CAN,
           SAY_STATUS ("A", "b"), SAY_DATA ("x"), SAY_END, SAY_COMMENT ("c"), IN (INQUIRY),
           OUT ("S A b\nD x\nEND\n# c\n"), FEED ("END\n"), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "answers that come before the inquiry",
    SERVER,
    STEPS (GREETED, FEED ("ASK\nD early\nEND\n"), GET_COMMAND ("ASK", ""), NOTHING, HAS_LINE (1),
           SAY_INQUIRE ("PIN", 0), GET_DATA ("early"), GET_END, SAY_BARE_OK,
           OUT ("INQUIRE PIN\nOK\n")) },

  { .name = "the longest line of data",
    SERVER,
    STEPS (INQUIRING (0), LONG_FEED ("D ", 'x', 998, "\r\nEND\n"),
           LONG_EVENT (DATA, NULL, "", 'x', 998, ""), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "end of file in place of an answer",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D 1\n"), END_OF_FILE, GET_DATA ("1"), GET_EOF, NOTHING,
           IN (INQUIRY), SAY_ERR (4, "gone"), IN (STRAGGLER), OUT ("ERR 4 gone\n"), NOTHING,
           AT_REST) },

  { .name = "end of file in a line of an answer",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D 1\nD 2"), END_OF_FILE, GET_DATA ("1"), WRONG (EVA_E_TRUNCATED),
           GET_EOF, IN (INQUIRY), CLOSE) },

  { .name = "strict: a malformed escape",
    SERVER,
    .flags = EVA_CONN_STRICT,
    STEPS (INQUIRING (0), FEED ("D %41\nD a%4\nD b\nEND\n"), GET_DATA ("A"), WRONG (EVA_E_ESCAPE),
           IN (OVERFLOW), GET_SKIPPED ("D b"), GET_END, IN (COMMAND), SAY_BARE_OK, OUT ("OK\n"),
           AT_REST) },

  { .name = "strict: escapes count in data alone",
    SERVER,
    .flags = EVA_CONN_STRICT,
    STEPS (GREETED, FEED ("A %\n"), GET_COMMAND ("A", "%"), SAY_INQUIRE ("X %", 0),
           FEED ("D %25%0d%0A\nEND\n"), GET_DATA ("%\r\n"), GET_END, SAY_OK ("%"),
           OUT ("INQUIRE X %\nOK %\n")) },
};

const struct topic inquiry_topic = TOPIC (inquiry_talks);

/* --- Inquiries that went wrong ---------------------------------------------------------------- */

static const struct conversation overflow_talks[] = {
  { .name = "as much data as is allowed",
    SERVER,
    STEPS (INQUIRING (5), FEED ("D 123\nD \nD 4%35\nD \nEND\n"), GET_DATA ("123"), GET_DATA (""),
           GET_DATA ("45"), GET_DATA (""), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "one octet more than is allowed",
    SERVER,
    STEPS (INQUIRING (5), FEED ("D 123\nD 456\nD 7\n# 8\nEND\nNEXT\n"), GET_DATA ("123"),
           EVENT (OVERFLOW, NULL, "456"), IN (OVERFLOW), GET_SKIPPED ("D 7"), GET_SKIPPED ("# 8"),
           IN (OVERFLOW), GET_END, IN (COMMAND), NOTHING, SAY_ERR (7, "too much"),
           GET_COMMAND ("NEXT", ""), SAY_BARE_OK, OUT ("ERR 7 too much\nOK\n"), AT_REST) },

  { .name = "data that come to too much together",
    SERVER,
    STEPS (INQUIRING (5), FEED ("D 12\nD 34\nD 56\nEND\n"), GET_DATA ("12"), GET_DATA ("34"),
           EVENT (OVERFLOW, NULL, "56"), GET_END, SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "the first line is over the limit",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D %31%32\nCAN\n"), EVENT (OVERFLOW, NULL, "12"),
           EVENT (CANCEL, NULL, ""), IN (COMMAND), SAY_BARE_OK, OUT ("OK\n")) },

  { .name = "a request in the middle of data that were too long",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\nNOP\n"), EVENT (OVERFLOW, NULL, "12"),
           EVENT (UNEXPECTED, NULL, "NOP"), IN (COMMAND), SAY_ERR (7, "too much"), NOTHING,
           OUT ("ERR 7 too much\n"), AT_REST) },

  { .name = "what may be said while data are swallowed",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\n"), EVENT (OVERFLOW, NULL, "12"), FAILS (EVA_E_STATE),
           SAY_INQUIRE ("X", 0), SAY_STATUS ("A", "b"), SAY_DATA ("x"), SAY_END, SAY_COMMENT ("c"),
           OUT ("S A b\nD x\nEND\n# c\n"), IN (OVERFLOW), FEED ("END\n"), GET_END,
           SAY_INQUIRE ("X", 0), FEED ("D 3\nEND\n"), GET_DATA ("3"), GET_END, SAY_BARE_OK,
           OUT ("INQUIRE X\nOK\n")) },

  { .name = "end of file while data are swallowed",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\nD 3\n"), END_OF_FILE, EVENT (OVERFLOW, NULL, "12"),
           GET_SKIPPED ("D 3"), GET_EOF, NOTHING, IN (OVERFLOW), SAY_ERR (4, "gone"),
           OUT ("ERR 4 gone\n"), NOTHING, AT_REST) },

  { .name = "an over-long line of data",
    SERVER,
    STEPS (INQUIRING (0), LONG_FEED ("D ", 'x', 1000, "\nD 1\nEND\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (OVERFLOW), GET_SKIPPED ("D 1"), GET_END, IN (COMMAND), SAY_BARE_OK, OUT ("OK\n"),
           AT_REST) },

  { .name = "over-long lines while data are swallowed",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\n"), EVENT (OVERFLOW, NULL, "12"),
           LONG_FEED ("D ", 'x', 30000, "\nEND\n"), GET_SKIPPED (""), IN (OVERFLOW), GET_END,
           SAY_BARE_OK, OUT ("OK\n"), AT_REST) },

  { .name = "an over-long line in place of an answer",
    SERVER,
    STEPS (INQUIRING (0), LONG_FEED ("NOP ", 'x', 1000, "\nNEXT\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (COMMAND), NOTHING, SAY_BARE_OK, GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           OUT ("OK\nOK\n"), AT_REST) },

  { .name = "an over-long end of an answer",
    SERVER,
    STEPS (INQUIRING (1), LONG_FEED ("END ", 'x', 1000, "\n"), WRONG (EVA_E_LINE_TOO_LONG),
           IN (COMMAND), SAY_INQUIRE ("X", 1), FEED ("D 12\n"), EVENT (OVERFLOW, NULL, "12"),
           LONG_FEED ("CANCEL ", 'x', 1000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), IN (COMMAND),
           SAY_BARE_OK, OUT ("INQUIRE X\nOK\n"), AT_REST) },

  { .name = "the command ends before the answer comes",
    SERVER,
    STEPS (INQUIRING (0), FEED ("D 1\n"), GET_DATA ("1"), SAY_ERR (8, "never mind"), IN (STRAGGLER),
           OUT ("ERR 8 never mind\n"), FEED ("D 2\n\nEND\nNEXT\n"), GET_SKIPPED ("D 2"),
           GET_SKIPPED (""), IN (STRAGGLER), GET_SKIPPED ("END"), IN (IDLE),
           GET_COMMAND ("NEXT", ""), SAY_BARE_OK, OUT ("OK\n"), AT_REST) },

  { .name = "the command succeeds before the answer is cancelled",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, IN (STRAGGLER), OUT ("OK\n"), FEED ("CAN\n"),
           GET_SKIPPED ("CAN"), IN (IDLE), AT_REST) },

  { .name = "the command ends while data are swallowed",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\n"), EVENT (OVERFLOW, NULL, "12"), SAY_BARE_OK,
           IN (STRAGGLER), FEED ("D 3\nEND\n"), GET_SKIPPED ("D 3"), GET_SKIPPED ("END"), IN (IDLE),
           OUT ("OK\n"), AT_REST) },

  { .name = "a client that saw the reply and sends no answer",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, FEED ("# hm\nNEXT x\n"), GET_SKIPPED ("# hm"),
           GET_COMMAND ("NEXT", "x"), IN (COMMAND), SAY_BARE_OK, FEED (" bad\n"),
           WRONG (EVA_E_SYNTAX), IN (IDLE), OUT ("OK\nOK\n")) },

  { .name = "a bad line in place of the straggling answer",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, FEED (" bad\nNEXT\n"), WRONG (EVA_E_SYNTAX), IN (IDLE),
           GET_COMMAND ("NEXT", ""), SAY_BARE_OK, OUT ("OK\nOK\n")) },

  { .name = "what may not be said before the straggler came",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, FAILS (EVA_E_STATE), SAY_BARE_OK, FAILS (EVA_E_STATE),
           SAY_STATUS ("A", "b"), FAILS (EVA_E_STATE), SAY_DATA ("x"), FAILS (EVA_E_STATE), SAY_END,
           FAILS (EVA_E_STATE), SAY_INQUIRE ("X", 0), SAY_COMMENT ("c"), SAY_RAW ("S r"),
           OUT ("OK\n# c\nS r\n"), IN (STRAGGLER), CLOSE, IN (CLOSED)) },

  { .name = "an over-long straggler",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, LONG_FEED ("D ", 'x', 2000, "\nEND\n"), GET_SKIPPED (""),
           IN (STRAGGLER), GET_SKIPPED ("END"), IN (IDLE), OUT ("OK\n"), AT_REST) },

  { .name = "over-long ends of stragglers",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, LONG_FEED ("end ", 'x', 2000, "\n"), GET_SKIPPED (""),
           IN (IDLE), ASKED, SAY_INQUIRE ("X", 0), SAY_BARE_OK,
           LONG_FEED ("CAN ", 'x', 2000, "\nNOP\n"), GET_SKIPPED (""), IN (IDLE),
           GET_COMMAND ("NOP", ""), SAY_BARE_OK, OUT ("OK\nINQUIRE X\nOK\nOK\n"), AT_REST) },

  { .name = "an over-long request in place of the straggling answer",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, LONG_FEED ("CANDY ", 'x', 2000, "\nNOP\n"),
           WRONG (EVA_E_LINE_TOO_LONG), IN (IDLE), SAY_ERR (5, "too long"), GET_COMMAND ("NOP", ""),
           SAY_BARE_OK, OUT ("OK\nERR 5 too long\nOK\n"), AT_REST) },

  { .name = "a request that begins like a straggler",
    SERVER,
    STEPS (INQUIRING (0), SAY_BARE_OK, FEED ("CANCELJOB 5\n"), GET_COMMAND ("CANCELJOB", "5"),
           SAY_INQUIRE ("X", 0), SAY_BARE_OK, FEED ("cancel it\nENDED\n"),
           GET_SKIPPED ("cancel it"), IN (IDLE), GET_COMMAND ("ENDED", ""), SAY_BARE_OK,
           OUT ("OK\nINQUIRE X\nOK\nOK\n"), AT_REST) },
};

const struct topic overflow_topic = TOPIC (overflow_talks);
