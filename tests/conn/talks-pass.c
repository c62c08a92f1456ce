/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talks-pass.c - lines that a relay passes on, as they stand, with the state that they lead to.  */

#include "conversation.h"

#define SERVER .role = EVA_ROLE_SERVER
#define CLIENT .role = EVA_ROLE_CLIENT

#define SERVING                                                                                    \
  PASS ("OK hi"), OUT ("OK hi\n"), IN (IDLE), FEED ("GET x\n"), EVENT (COMMAND, "GET", "x")
#define GREETED FEED ("OK hi\n"), GET_OK ("hi"), IN (IDLE)
#define ASKING  GREETED, PASS ("ASK"), OUT ("ASK\n"), IN (PENDING)
#define ASKED   ASKING, FEED ("INQUIRE PIN\n"), EVENT (INQUIRE, "PIN", "PIN"), IN (ANSWERING)

static const struct conversation pass_talks[] = {
  { .name = "a server passes a greeting and a reply",
    SERVER,
    STEPS (FAILS (EVA_E_STATE), PASS ("S x"), FAILS (EVA_E_STATE), PASS ("D x"),
           FAILS (EVA_E_STATE), PASS ("INQUIRE x"), PASS ("# wait"), PASS (""), OUT ("# wait\n\n"),
           SERVING, IN (COMMAND), PASS ("S  K  v"), PASS ("D a%zz%25"), PASS ("END "), PASS ("D "),
           PASS ("OK  well  done"), IN (IDLE),
           OUT ("S  K  v\nD a%zz%25\nEND \nD \nOK  well  done\n"), FAILS (EVA_E_STATE), PASS ("OK"),
           AT_REST) },

  { .name = "a server passes refusals",
    SERVER,
    STEPS (SERVING, PASS ("ERR  -5 no"), IN (IDLE), FEED ("A\n"), EVENT (COMMAND, "A", ""),
           PASS ("ERR what"), IN (IDLE), FEED ("A\n"), EVENT (COMMAND, "A", ""), PASS ("ERR"),
           IN (IDLE), OUT ("ERR  -5 no\nERR what\nERR\n"), AT_REST) },

  { .name = "a server passes an ERR in place of a greeting",
    SERVER,
    STEPS (PASS ("ERR 1 no"), IN (CLOSED), FAILS (EVA_E_CLOSED), PASS ("OK"), OUT ("ERR 1 no\n"),
           AT_REST) },

  { .name = "a server passes an inquiry, and what comes of it",
    SERVER,
    STEPS (SERVING, PASS ("INQUIRE  PIN  x"), IN (INQUIRY), OUT ("INQUIRE  PIN  x\n"),
           FEED ("D a\nEND\n"), EVENT (DATA, NULL, "a"), EVENT (END, NULL, ""), IN (COMMAND),
           PASS ("INQUIRE X"), OUT ("INQUIRE X\n"), PASS ("OK"), IN (STRAGGLER), OUT ("OK\n"),
           FEED ("END\n"), GET_SKIPPED ("END"), IN (IDLE), AT_REST) },

  { .name = "a server passes no line that is none",
    SERVER,
    STEPS (SERVING, FAILS (EVA_E_SYNTAX), PASS ("ok"), FAILS (EVA_E_SYNTAX), PASS ("D"),
           FAILS (EVA_E_SYNTAX), PASS ("NOP"), FAILS (EVA_E_SYNTAX), PASS ("OKAY"),
           FAILS (EVA_E_TEXT), PASS ("D a\nb"), FAILS (EVA_E_LINE_TOO_LONG),
           LONG_SAY (PASS, "D ", 'x', 999, ""), LONG_SAY (PASS, "D ", 'x', 998, ""),
           LONG_OUT ("D ", 'x', 998, "\n"), IN (COMMAND)) },

  { .name = "a server passes NULs",
    SERVER,
    STEPS (SERVING, PASS ("D a\0b"), PASS ("S a\0b"), PASS ("OK a\0b"), IN (IDLE),
           OUT ("D a\0b\nS a\0b\nOK a\0b\n"), AT_REST) },

  { .name = "a client passes requests",
    CLIENT,
    STEPS (FAILS (EVA_E_STATE), PASS ("NOP"), PASS ("# early"), OUT ("# early\n"), GREETED,
           PASS ("get  a\tb"), IN (PENDING), PASS ("D x"), PASS (""), PASS ("# c"), PASS ("END"),
           OUT ("get  a\tb\nD x\n\n# c\nEND\n"), FEED ("OK\nOK\nERR 1\n"), GET_OK (""), GET_OK (""),
           IN (PENDING), GET_ERR (1, ""), IN (IDLE), FAILS (EVA_E_SYNTAX), PASS (" NOP"),
           FAILS (EVA_E_SYNTAX), PASS ("\tNOP"), AT_REST) },

  { .name = "a client passes answers",
    CLIENT,
    STEPS (ASKED, FAILS (EVA_E_STATE), PASS ("NOP"), PASS ("d a%zz"), PASS ("# c"), PASS ("end  x"),
           IN (PENDING), OUT ("d a%zz\n# c\nend  x\n"), FEED ("INQUIRE B\n"),
           EVENT (INQUIRE, "B", "B"), PASS ("CANCEL"), IN (PENDING), OUT ("CANCEL\n"),
           FEED ("OK\n"), GET_OK (""), IN (IDLE), AT_REST) },

  { .name = "a client passes the rest of an answer that was not waited for to nobody",
    CLIENT,
    STEPS (ASKED, FEED ("OK\n"), GET_OK (""), IN (IDLE), FAILS (EVA_E_STATE), PASS ("D x"),
           FAILS (EVA_E_STATE), PASS ("CAN"), PASS ("NOP"), IN (PENDING), OUT ("NOP\n")) },
};

const struct topic pass_topic = TOPIC (pass_talks);
