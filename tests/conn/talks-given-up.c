/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-given-up.c - conversations of a server that gives up answers, and of one that inquires
   outside of commands.  */

#include "conversation.h"

#define SERVER .role = EVA_ROLE_SERVER
#define RAW    .flags = EVA_CONN_RAW

#define GREETED        SAY_OK ("hi"), OUT ("OK hi\n"), IN (IDLE)
#define ASKED          FEED ("ASK\n"), GET_COMMAND ("ASK", ""), IN (COMMAND)
#define INQUIRING(max) GREETED, ASKED, SAY_INQUIRE ("PIN", max), OUT ("INQUIRE PIN\n"), IN (INQUIRY)

/* --- Answers that were given up --------------------------------------------------------------- */

static const struct conversation given_up_talks[] = {
  { .name = "an answer is given up",
    SERVER,
    STEPS (GREETED, FAILS (EVA_E_STATE), DRAIN, ASKED, FAILS (EVA_E_STATE), DRAIN,
           SAY_INQUIRE ("PIN", 0), FEED ("D 1\n"), GET_DATA ("1"), DRAIN, IN (COMMAND),
           FAILS (EVA_E_STATE), DRAIN, FEED ("D 2\n# c\n\nEND\nNEXT\n"), GET_SKIPPED ("D 2"),
           GET_SKIPPED ("# c"), GET_SKIPPED (""), GET_SKIPPED ("END"), IN (COMMAND), NOTHING,
           SAY_BARE_OK, IN (IDLE), GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           OUT ("INQUIRE PIN\nOK\nOK\n"), AT_REST) },

  { .name = "an inquiry behind one that was given up",
    SERVER,
    STEPS (INQUIRING (5), DRAIN, SAY_INQUIRE ("NEW", 2), IN (INQUIRY),
           FEED ("D 123\nEND\nD 45\nEND\n"), GET_SKIPPED ("D 123"), GET_SKIPPED ("END"),
           IN (INQUIRY), GET_DATA ("45"), GET_END, IN (COMMAND), SAY_BARE_OK, IN (IDLE),
           OUT ("INQUIRE NEW\nOK\n"), AT_REST) },

  { .name = "an inquiry behind one with too much data",
    SERVER,
    STEPS (INQUIRING (1), FEED ("D 12\nD 3\n"), EVENT (OVERFLOW, NULL, "12"), DRAIN, IN (COMMAND),
           SAY_INQUIRE ("NEW", 1), GET_SKIPPED ("D 3"), FEED ("CAN\nD 45\nEND\n"),
           GET_SKIPPED ("CAN"), EVENT (OVERFLOW, NULL, "45"), GET_END, SAY_BARE_OK,
           OUT ("INQUIRE NEW\nOK\n"), AT_REST) },

  { .name = "an inquiry behind an over-long line",
    SERVER,
    STEPS (INQUIRING (0), LONG_FEED ("D ", 'x', 1000, "\n"), WRONG (EVA_E_LINE_TOO_LONG), DRAIN,
           SAY_INQUIRE ("NEW", 0), LONG_FEED ("D ", 'x', 1000, "\nEND\nD 1\nEND\n"),
           GET_SKIPPED (""), GET_SKIPPED ("END"), GET_DATA ("1"), GET_END, SAY_BARE_OK,
           OUT ("INQUIRE NEW\nOK\n"), AT_REST) },

  { .name = "strict: escapes do not matter in what was given up",
    SERVER,
    .flags = EVA_CONN_STRICT,
    STEPS (INQUIRING (0), FEED ("D %\nD %\nEND\n"), WRONG (EVA_E_ESCAPE), DRAIN,
           GET_SKIPPED ("D %"), GET_SKIPPED ("END"), SAY_BARE_OK, OUT ("OK\n"), AT_REST) },

  { .name = "the command ends while answers are owed",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, SAY_INQUIRE ("TWO", 0), DRAIN, SAY_INQUIRE ("THREE", 0),
           SAY_BARE_OK, IN (STRAGGLER), OUT ("INQUIRE TWO\nINQUIRE THREE\nOK\n"),
           FEED ("D 1\nEND\nCAN\nD 3\n"), GET_SKIPPED ("D 1"), GET_SKIPPED ("END"),
           GET_SKIPPED ("CAN"), GET_SKIPPED ("D 3"), IN (STRAGGLER), FEED ("END\nEND\n"),
           GET_SKIPPED ("END"), IN (IDLE), GET_COMMAND ("END", ""), SAY_BARE_OK, OUT ("OK\n"),
           AT_REST) },

  { .name = "a client that saw the reply owes nothing",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, SAY_INQUIRE ("TWO", 0), SAY_BARE_OK, FEED ("END\nNEXT\nEND\n"),
           GET_SKIPPED ("END"), IN (STRAGGLER), GET_COMMAND ("NEXT", ""), NOTHING, SAY_BARE_OK,
           IN (IDLE), GET_COMMAND ("END", ""), SAY_BARE_OK, OUT ("INQUIRE TWO\nOK\nOK\nOK\n"),
           AT_REST) },

  { .name = "a request waits behind what was given up",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, FEED ("D 1\nNEXT\n"), GET_SKIPPED ("D 1"), NOTHING, IN (COMMAND),
           HAS_LINE (1), SAY_BARE_OK, IN (STRAGGLER), GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           IN (IDLE), OUT ("OK\nOK\n"), AT_REST) },

  { .name = "an over-long request waits behind what was given up",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, LONG_FEED ("NEXT ", 'x', 3000, "\nNOP\n"), NOTHING, IN (COMMAND),
           SAY_BARE_OK, WRONG (EVA_E_LINE_TOO_LONG), IN (IDLE), SAY_ERR (5, "too long"),
           GET_COMMAND ("NOP", ""), SAY_BARE_OK, OUT ("OK\nERR 5 too long\nOK\n"), AT_REST) },

  { .name = "something else in place of two answers",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, SAY_INQUIRE ("TWO", 0), FEED ("NOP\nD 1\nEND\n"),
           EVENT (UNEXPECTED, NULL, "NOP"), IN (COMMAND), NOTHING, SAY_BARE_OK, IN (IDLE),
           GET_COMMAND ("D", "1"), SAY_BARE_OK, GET_COMMAND ("END", ""), SAY_BARE_OK,
           OUT ("INQUIRE TWO\nOK\nOK\nOK\n"), AT_REST) },

  { .name = "end of file while an answer is owed",
    SERVER,
    STEPS (INQUIRING (0), DRAIN, FEED ("D 1\nEN"), END_OF_FILE, GET_SKIPPED ("D 1"),
           WRONG (EVA_E_TRUNCATED), GET_EOF, NOTHING, SAY_BARE_OK, IN (STRAGGLER), OUT ("OK\n"),
           AT_REST) },
};

const struct topic given_up_topic = TOPIC (given_up_talks);

/* --- Inquiries outside of commands ------------------------------------------------------------ */

static const struct conversation aside_talks[] = {
  { .name = "an inquiry outside of a command",
    SERVER,
    RAW,
    STEPS (FAILS (EVA_E_STATE), SAY_INQUIRE ("WHO", 0), GREETED, SAY_INQUIRE ("WHO", 0),
           IN (INQUIRY), FAILS (EVA_E_STATE), SAY_BARE_OK, FAILS (EVA_E_STATE), SAY_ERR (1, "no"),
           FAILS (EVA_E_STATE), SAY_INQUIRE ("WHO", 0), FEED ("D me\nEND\nNOP\n"), GET_DATA ("me"),
           GET_END, IN (IDLE), GET_COMMAND ("NOP", ""), SAY_BARE_OK, OUT ("INQUIRE WHO\nOK\n"),
           AT_REST) },

  { .name = "an answer outside of a command is refused",
    SERVER,
    RAW,
    STEPS (GREETED, ASKED, SAY_BARE_OK, SAY_INQUIRE ("WHO", 0), FEED ("CAN\n"),
           EVENT (CANCEL, NULL, ""), IN (IDLE), OUT ("OK\nINQUIRE WHO\n"), AT_REST) },

  { .name = "too much data outside of a command",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 1), FEED ("D me\n"), EVENT (OVERFLOW, NULL, "me"),
           FAILS (EVA_E_STATE), SAY_BARE_OK, FEED ("D 2\nEND\n"), GET_SKIPPED ("D 2"), GET_END,
           IN (IDLE), OUT ("INQUIRE WHO\n"), AT_REST) },

  { .name = "an answer outside of a command is given up",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), DRAIN, IN (STRAGGLER), SAY_INQUIRE ("NOW", 0),
           FEED ("D me\nEND\nD 2\n"), GET_SKIPPED ("D me"), GET_SKIPPED ("END"), GET_DATA ("2"),
           DRAIN, IN (STRAGGLER), FEED ("END\n"), GET_SKIPPED ("END"), IN (IDLE),
           OUT ("INQUIRE WHO\nINQUIRE NOW\n"), AT_REST) },

  { .name = "a request that crossed an inquiry",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), FEED ("NOP\nD me\nEND\nNEXT\n"),
           EVENT (UNEXPECTED, NULL, ""), IN (STRAGGLER), GET_COMMAND ("NOP", ""), IN (COMMAND),
           GET_SKIPPED ("D me"), SAY_BARE_OK, IN (STRAGGLER), GET_SKIPPED ("END"), IN (IDLE),
           GET_COMMAND ("NEXT", ""), SAY_BARE_OK, OUT ("INQUIRE WHO\nOK\nOK\n"), AT_REST) },

  { .name = "a request that crossed an inquiry which was given up",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), DRAIN, FEED ("NOP\nD me\nEND\nNEXT\n"),
           GET_COMMAND ("NOP", ""), GET_SKIPPED ("D me"), GET_SKIPPED ("END"), NOTHING, SAY_BARE_OK,
           IN (IDLE), GET_COMMAND ("NEXT", ""), SAY_BARE_OK, ASKED, SAY_INQUIRE ("PIN", 0),
           SAY_BARE_OK, FEED ("NOP\nEND\n"), GET_COMMAND ("NOP", ""), NOTHING, SAY_BARE_OK,
           GET_COMMAND ("END", ""), SAY_BARE_OK,
           OUT ("INQUIRE WHO\nOK\nOK\nINQUIRE PIN\nOK\nOK\nOK\n"), AT_REST) },

  { .name = "a request that crossed two inquiries",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), FEED ("NOP\nEND\nEND\nNEXT\n"),
           EVENT (UNEXPECTED, NULL, ""), SAY_INQUIRE ("NOW", 0), EVENT (UNEXPECTED, NULL, ""),
           GET_COMMAND ("NOP", ""), GET_SKIPPED ("END"), GET_SKIPPED ("END"), NOTHING, SAY_BARE_OK,
           IN (IDLE), GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           OUT ("INQUIRE WHO\nINQUIRE NOW\nOK\nOK\n"), AT_REST) },

  { .name = "a request in place of an answer",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), FEED ("NOP\nNEXT\n"), EVENT (UNEXPECTED, NULL, ""),
           GET_COMMAND ("NOP", ""), NOTHING, SAY_BARE_OK, GET_COMMAND ("NEXT", ""), SAY_BARE_OK,
           IN (IDLE), OUT ("INQUIRE WHO\nOK\nOK\n"), AT_REST) },

  { .name = "a bad line that crossed an inquiry",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), FEED (" NOP\nEND\n"), EVENT (UNEXPECTED, NULL, ""),
           WRONG (EVA_E_SYNTAX), IN (STRAGGLER), SAY_ERR (5, "bad"), IN (STRAGGLER),
           GET_SKIPPED ("END"), IN (IDLE), OUT ("INQUIRE WHO\nERR 5 bad\n"), AT_REST) },

  { .name = "an over-long request that crossed an inquiry",
    SERVER,
    RAW,
    STEPS (GREETED, SAY_INQUIRE ("WHO", 0), LONG_FEED ("NOP ", 'x', 2000, "\nEND\n"),
           EVENT (UNEXPECTED, NULL, ""), WRONG (EVA_E_LINE_TOO_LONG), IN (STRAGGLER),
           GET_SKIPPED ("END"), IN (IDLE), OUT ("INQUIRE WHO\n"), AT_REST) },
};

const struct topic aside_topic = TOPIC (aside_talks);
