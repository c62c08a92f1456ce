/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-output.c - conversations about what leaves: the length of lines and of all of them, data,
   descriptors that go along, and looking at lines before they leave.  */

#include "conversation.h"

#define SERVER .role = EVA_ROLE_SERVER
#define CLIENT .role = EVA_ROLE_CLIENT

/* A server with a command under way; raw lines need neither.  */
#define SERVING FEED ("A\n"), SAY_BARE_OK, OUT ("OK\n"), GET_COMMAND ("A", ""), NOTHING

/* --- Lines ------------------------------------------------------------------------------------ */

static const struct conversation say_talks[] = {
  { .name = "the longest replies",
    SERVER,
    STEPS (SERVING, LONG_SAY (COMMENT, "", 'x', 998, ""), LONG_OUT ("# ", 'x', 998, "\n"),
           { .op = STEP_STATUS, .word = "A", LONG_TEXT_ ("", 'x', 996, "") },
           LONG_OUT ("S A ", 'x', 996, "\n"), LONG_SAY (RAW, "", 'x', 1000, ""),
           LONG_OUT ("", 'x', 1000, "\n"), LONG_SAY (OK, "", 'x', 997, ""),
           LONG_OUT ("OK ", 'x', 997, "\n"), FEED ("B\n"), GET_COMMAND ("B", ""),
           LONG_SAY (ERR, "", 'x', 994, ""), LONG_OUT ("ERR 0 ", 'x', 994, "\n"), FEED ("C\n"),
           GET_COMMAND ("C", ""), LONG_SAY (INQUIRE, "X ", 'x', 990, ""),
           LONG_OUT ("INQUIRE X ", 'x', 990, "\n"), IN (INQUIRY)) },

  { .name = "replies that are too long",
    SERVER,
    STEPS (SERVING, FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (COMMENT, "", 'x', 999, ""),
           FAILS (EVA_E_LINE_TOO_LONG),
           { .op = STEP_STATUS, .word = "A", LONG_TEXT_ ("", 'x', 997, "") },
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (RAW, "", 'x', 1001, ""),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (OK, "", 'x', 998, ""),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (OK, "", 'x', 99999, ""),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (ERR, "", 'x', 995, ""),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (INQUIRE, "X ", 'x', 991, ""),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (INQUIRE, "X ", 'x', 99999, ""), IN (COMMAND),
           NO_OUT, AT_REST) },

  { .name = "the longest request",
    CLIENT,
    STEPS (FEED ("OK\n"), GET_OK (""), FAILS (EVA_E_LINE_TOO_LONG),
           LONG_SAY (COMMAND, "", 'x', 1001, ""), FAILS (EVA_E_LINE_TOO_LONG),
           LONG_SAY (COMMAND, "#", 'x', 1000, ""), IN (IDLE), LONG_SAY (COMMAND, "", 'x', 1000, ""),
           IN (PENDING), LONG_OUT ("", 'x', 1000, "\n")) },

  { .name = "texts that are none",
    SERVER,
    STEPS (SERVING, FAILS (EVA_E_TEXT), SAY_COMMENT ("a\nb"), FAILS (EVA_E_TEXT), SAY_OK ("\n"),
           FAILS (EVA_E_TEXT), SAY_ERR (1, "a\n"), FAILS (EVA_E_TEXT), SAY_STATUS ("A", "\nb"),
           FAILS (EVA_E_TEXT), SAY_STATUS ("A\nB", "c"), FAILS (EVA_E_TEXT),
           SAY_BARE_STATUS ("A\n"), FAILS (EVA_E_TEXT), SAY_INQUIRE ("A\nB", 0), FAILS (EVA_E_TEXT),
           SAY_RAW ("a\nb"), FAILS (EVA_E_TEXT), SAY_RAW ("\n"), IN (COMMAND), NO_OUT) },

  { .name = "texts that are empty",
    SERVER,
    STEPS (SERVING, SAY_STATUS ("", ""), SAY_BARE_STATUS (""), SAY_STATUS ("A", ""),
           SAY_COMMENT (""), SAY_RAW (""), SAY_INQUIRE ("", 0), SAY_ERR (1, ""),
           OUT ("S  \nS \nS A \n# \n\nINQUIRE \nERR 1 \n")) },

  { .name = "requests that are none",
    CLIENT,
    STEPS (FEED ("OK\n"), GET_OK (""), FAILS (EVA_E_TEXT), SAY_COMMAND ("A\n"), FAILS (EVA_E_TEXT),
           SAY_COMMAND ("#\nA"), IN (IDLE), NO_OUT) },

  { .name = "octets of every kind in raw lines",
    SERVER,
    STEPS (SAY_RAW ("a\0b\r\xff%"), SAY_RAW (""), OUT ("a\0b\r\xff%\n\n")) },

  { .name = "more lines than a buffer holds",
    SERVER,
    STEPS (LONG_SAY (RAW, "", 'x', 1000, ""), REPEAT (39, 1), OUT_LEN (40 * 1001),
           LONG_OUT ("", 'x', 1000, "\n"), REPEAT (39, 1), OUT_LEN (0), AT_REST) },

  { .name = "lines leave while others are queued",
    SERVER,
    STEPS (LONG_SAY (RAW, "", 'x', 900, ""), REPEAT (9, 1), LONG_OUT ("", 'x', 900, "\n"),
           LONG_SAY (RAW, "", 'x', 900, ""), LONG_OUT ("", 'x', 900, "\n"), REPEAT (30, 2),
           SAY_RAW ("end"), LONG_OUT ("", 'x', 900, "\n"), REPEAT (8, 1), OUT ("end\n"), AT_REST) },

  { .name = "everything is sent, and more",
    SERVER,
    STEPS (SAY_RAW ("a"), LONG_SAY (RAW, "", 'x', 1000, ""), REPEAT (20, 1), SENT_ALL, OUT_LEN (0),
           NO_OUT, AT_REST, SAY_RAW ("b"), OUT ("b\n"), SENT_ALL) },

  { .name = "a limit of what is queued",
    SERVER,
    .max_output_len = 10,
    STEPS (SAY_RAW ("1234567"), FAILS (EVA_E_LIMIT), SAY_RAW ("90"), SAY_RAW ("9"), OUT_LEN (10),
           FAILS (EVA_E_LIMIT), SAY_RAW (""), FAILS (EVA_E_LIMIT), SAY_BARE_OK, IN (GREETING),
           OUT ("1234567\n9\n"), SAY_BARE_OK, IN (IDLE), OUT ("OK\n")) },

  { .name = "a limit that moves the state nowhere",
    SERVER,
    .max_output_len = 6,
    STEPS (FEED ("A\nB\n"), SAY_BARE_OK, OUT ("OK\n"), GET_COMMAND ("A", ""), SAY_RAW ("1234"),
           FAILS (EVA_E_LIMIT), SAY_BARE_OK, FAILS (EVA_E_LIMIT), SAY_ERR (1, ""),
           FAILS (EVA_E_LIMIT), SAY_INQUIRE ("X", 0), IN (COMMAND), NOTHING, OUT ("1234\n"),
           SAY_BARE_OK, IN (IDLE), OUT ("OK\n"), GET_COMMAND ("B", "")) },

  { .name = "a request that finds no room",
    CLIENT,
    .max_output_len = 6,
    STEPS (FEED ("OK\n"), GET_OK (""), SAY_COMMAND ("A234"), FAILS (EVA_E_LIMIT), SAY_COMMAND ("B"),
           OUT ("A234\n"), FEED ("OK\n"), GET_OK (""), IN (IDLE), FAILS (EVA_E_LIMIT),
           SAY_COMMAND ("123456"), IN (IDLE), SAY_COMMAND ("12345"), OUT ("12345\n")) },
};

const struct topic say_topic = TOPIC (say_talks);

/* --- Data ------------------------------------------------------------------------------------- */

static const struct conversation data_talks[] = {
  { .name = "data are escaped",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a%b\rc\nd\0e\xff ~"), NO_OUT, FLUSH, NO_OUT_FD,
           OUT ("D a%25b%0Dc%0Ad\0e\xff ~\n")) },

  { .name = "a data line stays open",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a"), NO_OUT, OUT_LEN (3), SAY_DATA ("b"), OUT_LEN (4), SENT_ALL,
           OUT_LEN (4), SAY_BARE_OK, OUT_LEN (8), OUT ("D ab\nOK\n"), AT_REST) },

  { .name = "no data",
    SERVER,
    STEPS (SERVING, SAY_DATA (""), OUT_LEN (0), FLUSH, OUT_LEN (0), AT_REST) },

  { .name = "every line ends the data line",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a"), SAY_STATUS ("S", "s"), SAY_DATA ("b"), SAY_COMMENT ("c"),
           SAY_DATA ("d"), SAY_END, SAY_DATA ("e"), SAY_RAW ("f"), SAY_DATA ("g"), FLUSH, FLUSH,
           SAY_DATA ("h"), SAY_INQUIRE ("I", 0), SAY_DATA ("j"), SAY_ERR (1, "k"),
           OUT ("D a\nS S s\nD b\n# c\nD d\nEND\nD e\nf\nD g\nD h\nINQUIRE I\nD j\nERR 1 k\n")) },

  { .name = "what is not said does not end the data line",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a"), FAILS (EVA_E_TEXT), SAY_COMMENT ("\n"),
           FAILS (EVA_E_LINE_TOO_LONG), LONG_SAY (COMMENT, "", 'x', 999, ""), FAILS (EVA_E_STATE),
           SAY_CAN, OUT_LEN (3), SAY_DATA ("b"), FLUSH, OUT ("D ab\n")) },

  { .name = "a full line of data",
    SERVER,
    STEPS (SERVING, LONG_SAY (DATA, "", 'x', 995, ""), NO_OUT, SAY_DATA ("y"),
           LONG_OUT ("D ", 'x', 995, "y\n"), AT_REST, LONG_SAY (DATA, "", 'x', 996, "z"),
           LONG_OUT ("D ", 'x', 996, "\n"), NO_OUT, FLUSH, OUT ("D z\n"), AT_REST) },

  { .name = "escapes at the end of a line of data",
    SERVER,
    STEPS (SERVING, LONG_SAY (DATA, "", 'x', 993, "%%"), LONG_OUT ("D ", 'x', 993, "%25\n"), FLUSH,
           OUT ("D %25\n"), LONG_SAY (DATA, "", 'x', 994, "%y"), LONG_OUT ("D ", 'x', 994, "%25\n"),
           FLUSH, OUT ("D y\n"), LONG_SAY (DATA, "", 'x', 995, "%y"),
           LONG_OUT ("D ", 'x', 995, "%25\n"), FLUSH, OUT ("D y\n"),
           LONG_SAY (DATA, "", 'x', 996, "%y"), LONG_OUT ("D ", 'x', 996, "\n"), FLUSH,
           OUT ("D %25y\n"), AT_REST) },

  { .name = "many lines of data",
    SERVER,
    STEPS (SERVING, LONG_SAY (DATA, "", 'x', 9960, "y"), LONG_OUT ("D ", 'x', 996, "\n"),
           REPEAT (9, 1), SAY_BARE_OK, OUT ("D y\nOK\n"), AT_REST) },

  { .name = "data find room for part of them",
    SERVER,
    .max_output_len = 2003,
    STEPS (SERVING, TAKES (1992), FAILS (EVA_E_LIMIT), LONG_SAY (DATA, "", 'x', 3000, ""),
           TAKES (0), FAILS (EVA_E_LIMIT), SAY_DATA ("x"), OUT_LEN (1998),
           LONG_OUT ("D ", 'x', 996, "\n"), TAKES (996), FAILS (EVA_E_LIMIT),
           LONG_SAY (DATA, "", 'y', 1000, ""), LONG_OUT ("D ", 'x', 996, "\n"), SAY_DATA ("z"),
           SAY_BARE_OK, LONG_OUT ("D ", 'y', 996, "\n"), OUT ("D z\nOK\n"), AT_REST) },

  { .name = "an open data line counts as queued",
    SERVER,
    .max_output_len = 1002,
    STEPS (SERVING, SAY_DATA ("x"), OUT_LEN (3), SAY_DATA ("y"), FAILS (EVA_E_LIMIT),
           LONG_SAY (RAW, "", 'x', 997, ""), OUT_LEN (5), LONG_SAY (RAW, "", 'x', 996, ""),
           OUT_LEN (1002), OUT ("D xy\n"), LONG_OUT ("", 'x', 996, "\n"), AT_REST) },

  { .name = "no room for a line of data",
    SERVER,
    .max_output_len = 1001,
    STEPS (SERVING, TAKES (0), FAILS (EVA_E_LIMIT), SAY_DATA ("x"), OUT_LEN (0), AT_REST) },

  { .name = "data lines behind what was sent in part",
    SERVER,
    STEPS (SERVING, SAY_RAW ("12345"), OUT ("12"), SAY_DATA ("x"), OUT ("345\n"), NO_OUT,
           OUT_LEN (3), SAY_DATA ("y"), FLUSH, OUT ("D x"), SAY_DATA ("z"), OUT ("y\n"), FLUSH,
           OUT ("D z\n"), AT_REST) },
};

const struct topic data_topic = TOPIC (data_talks);

/* --- Descriptors ------------------------------------------------------------------------------ */

static const struct conversation out_fd_talks[] = {
  { .name = "a descriptor goes along",
    CLIENT,
    STEPS (FEED ("OK\n"), GET_OK (""), SEND_FD (7), NO_OUT, OUT_LEN (0), SAY_COMMAND ("INPUT FD"),
           LENT ("INPUT FD\n"), WITH_FD (7), OUT ("INPUT FD\n"), NO_OUT_FD, AT_REST) },

  { .name = "a descriptor goes with the first octet",
    SERVER,
    STEPS (SEND_FD (7), SAY_RAW ("abc"), WITH_FD (7), OUT ("a"), LENT ("bc\n"), OUT ("bc\n"),
           NO_OUT_FD, AT_REST) },

  { .name = "octets do not pass a descriptor",
    SERVER,
    STEPS (SAY_RAW ("a"), SAY_RAW ("b"), SEND_FD (7), SAY_RAW ("c"), SEND_FD (8), SEND_FD (9),
           SAY_RAW ("d"), SAY_RAW ("e"), LENT ("a\nb\n"), OUT ("a\nb\n"), LENT ("c\n"), WITH_FD (7),
           OUT ("c"), LENT ("\n"), OUT ("\n"), LENT ("d\ne\n"), WITH_FD (8), WITH_FD (9),
           OUT ("d\ne\n"), NO_OUT_FD, AT_REST) },

  { .name = "a descriptor ends the data line",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a"), SEND_FD (7), SAY_DATA ("b"), LENT ("D a\n"), OUT ("D a\n"),
           NO_OUT, FLUSH, WITH_FD (7), OUT ("D b\n"), AT_REST) },

  { .name = "descriptors over many buffers",
    SERVER,
    STEPS (LONG_SAY (RAW, "", 'x', 1000, ""), REPEAT (10, 1), SEND_FD (7),
           LONG_SAY (RAW, "", 'y', 1000, ""), REPEAT (10, 1), SEND_FD (8), SAY_RAW ("z"),
           LONG_OUT ("", 'x', 1000, "\n"), REPEAT (10, 1), WITH_FD (7),
           LONG_OUT ("", 'y', 1000, "\n"), LONG_OUT ("", 'y', 1000, "\n"), REPEAT (9, 1),
           LENT ("z\n"), WITH_FD (8), OUT ("z\n"), AT_REST) },

  { .name = "a descriptor is taken back",
    SERVER,
    STEPS (SEND_FD (7), SEND_FD (8), NO_OUT, TAKE_OUT_FD (7), SAY_RAW ("a"), WITH_FD (8),
           OUT ("a\n"), NO_OUT_FD, SEND_FD (9), TAKE_OUT_FD (9), NO_OUT_FD, AT_REST) },

  { .name = "a descriptor is taken back from its octet",
    SERVER,
    STEPS (SAY_RAW ("a"), SEND_FD (7), SAY_RAW ("b"), LENT ("a\n"), TAKE_OUT_FD (7),
           LENT ("a\nb\n"), OUT ("a\nb\n"), AT_REST) },

  { .name = "a limit of descriptors that go",
    SERVER,
    .max_fds = 2,
    STEPS (SEND_FD (7), SEND_FD (8), FAILS (EVA_E_LIMIT), SEND_FD (9), SAY_RAW ("a"),
           FAILS (EVA_E_LIMIT), SEND_FD (9), WITH_FD (7), WITH_FD (8), OUT ("a"), SEND_FD (9),
           OUT ("\n"), TAKE_OUT_FD (9), AT_REST) },

  { .name = "the default limit of descriptors that go",
    SERVER,
    STEPS (SEND_FD (5), REPEAT (EVA_DEFAULT_MAX_FDS - 1, 1), FAILS (EVA_E_LIMIT), SEND_FD (6),
           TAKE_OUT_FD (5), REPEAT (EVA_DEFAULT_MAX_FDS - 1, 1), NO_OUT_FD, AT_REST) },

  { .name = "closing leaves descriptors to go",
    SERVER,
    STEPS (SAY_RAW ("a"), SEND_FD (7), SAY_RAW ("b"), SEND_FD (8), CLOSE, LENT ("a\n"), OUT ("a\n"),
           WITH_FD (7), OUT ("b\n"), NO_OUT, TAKE_OUT_FD (8), NO_OUT_FD, AT_REST) },

  { .name = "everything is sent with its descriptor",
    SERVER,
    STEPS (SEND_FD (7), SAY_RAW ("a"), SENT_ALL, NO_OUT_FD, OUT_LEN (0), AT_REST) },
};

const struct topic out_fd_topic = TOPIC (out_fd_talks);

/* --- Looking at lines ------------------------------------------------------------------------- */

static const struct conversation inspect_talks[] = {
  { .name = "lines are shown once",
    SERVER,
    STEPS (NO_INSPECT, SAY_RAW ("a"), SAY_RAW (""), SAY_RAW ("b\0c"), INSPECT ("a"), INSPECT (""),
           INSPECT ("b\0c"), NO_INSPECT, SAY_RAW ("d"), INSPECT ("d"), NO_INSPECT,
           OUT ("a\n\nb\0c\nd\n"), NO_INSPECT, SAY_RAW ("e"), INSPECT ("e"), OUT ("e\n"),
           AT_REST) },

  { .name = "an open data line is not shown",
    SERVER,
    STEPS (SERVING, SAY_DATA ("a"), NO_INSPECT, SAY_DATA ("%"), NO_INSPECT, FLUSH,
           INSPECT ("D a%25"), NO_INSPECT, SAY_DATA ("b"), NO_INSPECT, SAY_BARE_OK, INSPECT ("D b"),
           INSPECT ("OK"), NO_INSPECT, OUT ("D a%25\nD b\nOK\n")) },

  { .name = "lines that left unseen",
    SERVER,
    STEPS (SAY_RAW ("abc"), SAY_RAW ("def"), OUT ("abc\nd"), NO_INSPECT, SAY_RAW ("g"),
           INSPECT ("g"), OUT ("ef\ng\n"), SAY_RAW ("hi"), OUT ("hi"), SAY_RAW (""), INSPECT (""),
           OUT ("\n\n"), AT_REST) },

  { .name = "lines that left after they were seen",
    SERVER,
    STEPS (SAY_RAW ("a"), SAY_RAW ("b"), INSPECT ("a"), OUT ("a\n"), INSPECT ("b"), OUT ("b\n"),
           SAY_RAW ("c"), INSPECT ("c"), NO_INSPECT, OUT ("c"), NO_INSPECT, OUT ("\n"), AT_REST) },

  { .name = "lines over many buffers are shown",
    SERVER,
    STEPS (LONG_SAY (RAW, "", 'x', 1000, ""), REPEAT (29, 1), LONG_INSPECT ("", 'x', 1000, ""),
           REPEAT (19, 1), LONG_OUT ("", 'x', 1000, "\n"), REPEAT (24, 1),
           LONG_INSPECT ("", 'x', 1000, ""), REPEAT (4, 1), NO_INSPECT,
           LONG_OUT ("", 'x', 1000, "\n"), REPEAT (4, 1), AT_REST) },

  { .name = "a line is discarded",
    SERVER,
    STEPS (DISCARD, SAY_RAW ("a"), SAY_RAW ("secret"), SAY_RAW ("b"), DISCARD, INSPECT ("a"),
           INSPECT ("secret"), DISCARD, DISCARD, OUT_LEN (4), INSPECT ("b"), NO_INSPECT,
           OUT ("a\nb\n"), AT_REST) },

  { .name = "a line is discarded once",
    SERVER,
    STEPS (SAY_RAW ("longer than the next"), SAY_RAW ("x"), INSPECT ("longer than the next"),
           INSPECT ("x"), DISCARD, DISCARD, OUT ("longer than the next\n"), AT_REST) },

  { .name = "all lines are discarded",
    SERVER,
    STEPS (SAY_RAW ("a"), SAY_RAW ("b"), INSPECT ("a"), DISCARD, INSPECT ("b"), DISCARD, NO_INSPECT,
           OUT_LEN (0), NO_OUT, AT_REST, SAY_RAW ("c"), DISCARD, OUT_LEN (2), INSPECT ("c"),
           DISCARD, AT_REST) },

  { .name = "a line is discarded before an open data line",
    SERVER,
    STEPS (SERVING, SAY_COMMENT ("a"), SAY_DATA ("b"), INSPECT ("# a"), DISCARD, NO_INSPECT,
           OUT_LEN (3), SAY_DATA ("c"), FLUSH, INSPECT ("D bc"), OUT ("D bc\n"), AT_REST) },

  { .name = "a line that left is not discarded",
    SERVER,
    STEPS (SAY_RAW ("abc"), SAY_RAW ("def"), INSPECT ("abc"), OUT ("abc\n"), DISCARD, OUT_LEN (4),
           INSPECT ("def"), OUT ("de"), DISCARD, OUT_LEN (2), OUT ("f\n"), DISCARD, AT_REST) },

  { .name = "a line of which octets left is not discarded",
    SERVER,
    STEPS (SAY_RAW ("abc"), OUT ("ab"), NO_INSPECT, DISCARD, OUT_LEN (2), SAY_RAW ("def"),
           INSPECT ("def"), OUT ("c\nd"), DISCARD, OUT ("ef\n"), SAY_RAW ("g"), SAY_RAW ("h"),
           OUT ("g"), INSPECT ("h"), DISCARD, OUT ("\n"), AT_REST) },

  { .name = "lines over many buffers are discarded",
    SERVER,
    STEPS (LONG_SAY (RAW, "", 'x', 1000, ""), SAY_RAW ("keep"), REPEAT (19, 2),
           LONG_INSPECT ("", 'x', 1000, ""), DISCARD, INSPECT ("keep"), REPEAT (19, 3),
           OUT_LEN (20 * 5), OUT ("keep\n"), REPEAT (19, 1), AT_REST) },

  { .name = "descriptors of lines behind one that is discarded",
    SERVER,
    STEPS (SAY_RAW ("a"), SEND_FD (7), SAY_RAW ("b"), SEND_FD (8), SAY_RAW ("c"), INSPECT ("a"),
           DISCARD, LENT ("b\n"), WITH_FD (7), OUT ("b\n"), LENT ("c\n"), WITH_FD (8), OUT ("c\n"),
           AT_REST) },

  { .name = "the descriptor of a line that is discarded",
    SERVER,
    STEPS (SAY_RAW ("a"), SEND_FD (7), SAY_RAW ("b"), SAY_RAW ("c"), SEND_FD (8), SAY_RAW ("d"),
           INSPECT ("a"), INSPECT ("b"), DISCARD, LENT ("a\n"), OUT ("a\n"), LENT ("c\n"),
           WITH_FD (7), OUT ("c\n"), WITH_FD (8), OUT ("d\n"), AT_REST) },

  { .name = "the descriptor of the last line that is discarded",
    SERVER,
    STEPS (SEND_FD (7), SAY_RAW ("a"), INSPECT ("a"), DISCARD, NO_OUT, SEND_FD (8), SAY_RAW ("b"),
           WITH_FD (7), WITH_FD (8), OUT ("b\n"), AT_REST) },
};

const struct topic inspect_topic = TOPIC (inspect_talks);
