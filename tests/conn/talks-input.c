/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-input.c - conversations about what comes: the length of lines, raw lines, and descriptors
   that come along.  */

#include "conversation.h"

#define SERVER .role = EVA_ROLE_SERVER
#define CLIENT .role = EVA_ROLE_CLIENT

/* --- Lines ------------------------------------------------------------------------------------ */

static const struct conversation line_talks[] = {
  { .name = "the longest requests",
    SERVER,
    STEPS (SAY_BARE_OK, OUT ("OK\n"), LONG_FEED ("A ", 'x', 998, "\n"),
           LONG_EVENT (COMMAND, "A", "", 'x', 998, ""), SAY_BARE_OK,
           LONG_FEED ("A ", 'y', 998, "\r\n"), LONG_EVENT (COMMAND, "A", "", 'y', 998, ""),
           SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "requests that are too long",
    SERVER,
    /* Without CR, an octet is left over from the line end.  */
    STEPS (SAY_BARE_OK, LONG_FEED ("A ", 'x', 999, "\r\n"), WRONG (EVA_E_LINE_TOO_LONG), NOTHING,
           IN (IDLE), LONG_FEED ("A ", 'x', 1000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), NOTHING,
           LONG_FEED ("A ", 'x', 2500, "\n"), WRONG (EVA_E_LINE_TOO_LONG), NOTHING,
           LONG_FEED ("A ", 'x', 20000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), NOTHING, FEED ("NOP\n"),
           GET_COMMAND ("NOP", ""), SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "the rest of an over-long line is no line",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 1100, ""), WRONG (EVA_E_LINE_TOO_LONG), AT_REST, NO_LINE,
           FEED ("OK this is no greeting\n"), HAS_LINE (0), NO_PEEK, NOTHING, AT_REST,
           FEED ("OK this is one\n"), HAS_LINE (1), GET_OK ("this is one")) },

  { .name = "over-long lines in a row",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 2000, "\n"), LONG_FEED ("# ", 'y', 1001, "\nOK\n"),
           WRONG (EVA_E_LINE_TOO_LONG), WRONG (EVA_E_LINE_TOO_LONG), GET_OK (""), AT_REST) },

  { .name = "end of file in an over-long line",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 2000, ""), END_OF_FILE, WRONG (EVA_E_LINE_TOO_LONG), GET_EOF,
           NOTHING, AT_REST) },

  { .name = "end of file behind an over-long line",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 2000, "\n"), END_OF_FILE, WRONG (EVA_E_LINE_TOO_LONG), GET_EOF,
           NOTHING, AT_REST) },

  { .name = "end of file in a line that may yet be too long",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 999, ""), END_OF_FILE, WRONG (EVA_E_TRUNCATED), GET_EOF, NOTHING,
           AT_REST) },

  { .name = "raw lines",
    CLIENT,
    STEPS (FEED ("OK hi\r\n\n \r\r\nx\0y%\nOK"), HAS_LINE (1), LINE ("OK hi"), HAS_LINE (1),
           LINE (""), LINE (" \r"), HAS_LINE (1), LINE ("x\0y%"), HAS_LINE (0), NO_LINE,
           IN (GREETING), FEED ("\n"), LINE ("OK"), NO_LINE, AT_REST, IN (GREETING)) },

  { .name = "raw lines and events in turn",
    SERVER,
    STEPS (SAY_BARE_OK, FEED ("ASK\nraw 1\nraw 2\nNEXT\n"), GET_COMMAND ("ASK", ""), LINE ("raw 1"),
           NOTHING, LINE ("raw 2"), NOTHING, SAY_BARE_OK, GET_COMMAND ("NEXT", ""), NO_LINE,
           SAY_BARE_OK, OUT ("OK\nOK\nOK\n"), AT_REST) },

  { .name = "a raw line that is too long",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 2000, "\nnext\n"), WRONG_LINE (EVA_E_LINE_TOO_LONG), LINE ("next"),
           NO_LINE, AT_REST) },

  { .name = "a raw line that is not ended",
    CLIENT,
    STEPS (FEED ("one\nhalf"), END_OF_FILE, LINE ("one"), WRONG_LINE (EVA_E_TRUNCATED), NO_LINE,
           GET_EOF, NOTHING, AT_REST) },

  { .name = "a line is peeked at",
    CLIENT,
    STEPS (NO_PEEK, FEED ("OK"), NO_PEEK, FEED ("\nS two\n"), PEEK ("OK"), PEEK ("OK"),
           HAS_LINE (1), GET_OK (""), PEEK ("S two"), EVENT (STATUS, "two", "two"), NO_PEEK,
           AT_REST) },

  { .name = "an over-long line is not peeked at",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 2000, "\nOK\n"), NO_PEEK, WRONG (EVA_E_LINE_TOO_LONG), PEEK ("OK"),
           GET_OK ("")) },

  { .name = "a line that was handed out is not counted",
    CLIENT,
    STEPS (FEED ("OK\nS a"), GET_OK (""), HAS_LINE (0), FEED ("\n"), HAS_LINE (1),
           EVENT (STATUS, "a", "a"), HAS_LINE (0), AT_REST) },

  { .name = "more lines than a buffer holds",
    CLIENT,
    /* The client takes some, so that what waits has to be moved.  */
    STEPS (FEED ("OK\n"), GET_OK (""), LONG_FEED ("# ", 'x', 700, "\n"), REPEAT (30, 1),
           LONG_EVENT (COMMENT, NULL, "# ", 'x', 700, ""), REPEAT (20, 1),
           LONG_FEED ("# ", 'x', 700, "\n"), REPEAT (10, 1),
           LONG_EVENT (COMMENT, NULL, "# ", 'x', 700, ""), REPEAT (20, 1), NOTHING, AT_REST) },

  { .name = "room comes with lines that are taken",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 980, "\n"), REPEAT (19, 1), ROOM (0), HAS_LINE (1),
           LONG_EVENT (COMMENT, NULL, "# ", 'x', 980, ""), REPEAT (3, 1), ROOM (1), HAS_LINE (1),
           LONG_LINE ("# ", 'x', 980, ""), REPEAT (15, 1), NO_LINE, ROOM (1), AT_REST) },

  { .name = "a buffer that is full is not read into",
    CLIENT,
    STEPS (LONG_FEED ("# ", 'x', 983, "\n"), REPEAT (40, 1), ROOM (0),
           LONG_EVENT (COMMENT, NULL, "# ", 'x', 983, ""), REPEAT (40, 1), AT_REST) },

  { .name = "closing drops what came",
    CLIENT,
    STEPS (FEED ("OK\nS a\nS b"), GET_OK (""), CLOSE, NOTHING, NO_LINE, NO_PEEK, HAS_LINE (0),
           AT_REST) },

  { .name = "a refusal ends the input",
    CLIENT,
    STEPS (FEED ("ERR 1 no\nOK\nS x"), GET_ERR (1, "no"), IN (CLOSED), NOTHING, HAS_LINE (0),
           NO_PEEK, NO_LINE, AT_REST) },
};

const struct topic line_topic = TOPIC (line_talks);

/* --- Descriptors ------------------------------------------------------------------------------ */

static const struct conversation in_fd_talks[] = {
  { .name = "a descriptor comes along",
    SERVER,
    STEPS (SAY_BARE_OK, OUT ("OK\n"), FED_FD (7), FEED ("INPUT FD\n"), NO_FD,
           GET_COMMAND ("INPUT", "FD"), TAKE_FD (7), NO_FD, SAY_BARE_OK, OUT ("OK\n"), AT_REST) },

  { .name = "descriptors are taken in the order that they came in",
    SERVER,
    STEPS (SAY_BARE_OK, FED_FD (7), FED_FD (8), FEED ("# two\n"), FED_FD (3), FEED ("A\n"),
           GET_SKIPPED ("# two"), TAKE_FD (7), GET_COMMAND ("A", ""), TAKE_FD (8), TAKE_FD (3),
           NO_FD, SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "a descriptor waits for the line behind it",
    SERVER,
    STEPS (SAY_BARE_OK, FEED ("A\nB\n"), FED_FD (7), FEED ("C\n"), NO_FD, GET_COMMAND ("A", ""),
           NO_FD, SAY_BARE_OK, GET_COMMAND ("B", ""), NO_FD, SAY_BARE_OK, GET_COMMAND ("C", ""),
           TAKE_FD (7), SAY_BARE_OK, OUT ("OK\nOK\nOK\nOK\n")) },

  { .name = "a descriptor in the middle of a line",
    SERVER,
    STEPS (SAY_BARE_OK, FEED ("A\nB"), FED_FD (7), FEED ("B"), FED_FD (8), FEED ("\n"), FED_FD (9),
           FEED ("C\n"), GET_COMMAND ("A", ""), NO_FD, SAY_BARE_OK, GET_COMMAND ("BB", ""),
           TAKE_FD (7), TAKE_FD (8), NO_FD, SAY_BARE_OK, GET_COMMAND ("C", ""), TAKE_FD (9),
           SAY_BARE_OK, OUT ("OK\nOK\nOK\nOK\n")) },

  { .name = "a descriptor stays until it is taken",
    SERVER,
    STEPS (SAY_BARE_OK, FED_FD (7), FEED ("A\n"), GET_COMMAND ("A", ""), SAY_BARE_OK, NOTHING,
           FED_FD (8), FEED ("B\n"), GET_COMMAND ("B", ""), TAKE_FD (7), TAKE_FD (8), SAY_BARE_OK,
           OUT ("OK\nOK\nOK\n"), AT_REST) },

  { .name = "a descriptor and a raw line",
    CLIENT,
    STEPS (FED_FD (7), FEED ("one\n"), PEEK ("one"), NO_FD, LINE ("one"), TAKE_FD (7), AT_REST) },

  { .name = "a descriptor with an over-long line",
    CLIENT,
    STEPS (FED_FD (7), LONG_FEED ("# ", 'x', 2000, "\nOK\n"), NO_FD, WRONG (EVA_E_LINE_TOO_LONG),
           TAKE_FD (7), GET_OK (""), AT_REST) },

  { .name = "a descriptor with half a line",
    CLIENT,
    STEPS (FED_FD (7), FEED ("OK"), END_OF_FILE, NO_FD, WRONG (EVA_E_TRUNCATED), TAKE_FD (7),
           GET_EOF, AT_REST) },

  { .name = "descriptors are taken though nothing was read",
    SERVER,
    STEPS (FED_FD (7), FEED ("A\n"), FED_FD (8), FEED ("B"), NOTHING, NO_FD, TAKE_ANY_FD (7), NO_FD,
           TAKE_ANY_FD (8), TAKE_ANY_FD (-1), SAY_BARE_OK, GET_COMMAND ("A", ""), NO_FD,
           SAY_BARE_OK, OUT ("OK\nOK\n"), NOTHING) },

  { .name = "closing leaves descriptors to be taken",
    SERVER,
    STEPS (FED_FD (7), FEED ("A\n"), FED_FD (8), FEED ("B"), NOTHING, CLOSE, TAKE_FD (7),
           TAKE_FD (8), NO_FD, AT_REST) },

  { .name = "a limit of descriptors",
    SERVER,
    .max_fds = 2,
    STEPS (SAY_BARE_OK, OUT ("OK\n"), FED_FD (7), FED_FD (8), FEED ("A\n"), ROOM (1),
           FAILS (EVA_E_LIMIT), FED_FD (9), GET_COMMAND ("A", ""), TAKE_FD (7), FED_FD (10),
           FEED ("B\n"), TAKE_FD (8), NO_FD, SAY_BARE_OK, GET_COMMAND ("B", ""), TAKE_FD (10),
           NO_FD, SAY_BARE_OK, OUT ("OK\nOK\n"), AT_REST) },

  { .name = "the default limit of descriptors",
    SERVER,
    STEPS (SAY_BARE_OK, OUT ("OK\n"), FED_FD (5), REPEAT (EVA_DEFAULT_MAX_FDS - 1, 1), FEED ("A\n"),
           ROOM (1), FAILS (EVA_E_LIMIT), FED_FD (6), GET_COMMAND ("A", ""), TAKE_FD (5),
           REPEAT (EVA_DEFAULT_MAX_FDS - 1, 1), NO_FD, SAY_BARE_OK, OUT ("OK\n"), AT_REST) },
};

const struct topic in_fd_topic = TOPIC (in_fd_talks);
