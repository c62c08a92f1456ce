/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checking.h - the parts of a check: a connection that has greeted, lines with the replies that
   they must have, and reasons in words.  */

#ifndef ASSUANCTL_CHECKING_H
#define ASSUANCTL_CHECKING_H

#include "checks.h"

/* Sets the reason and returns CHECK_FAIL or, for the others, RESULT.  */
enum check_result checking_fail (struct checking *c, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
enum check_result checking_end (struct checking *c, enum check_result result, const char *format,
                                ...) __attribute__ ((format (printf, 3, 4)));

/* Connects P and awaits the greeting.  P is given to probe_close in any case.  */
enum check_result checking_open (struct checking *c, struct probe *p);

/* Returns CHECK_OK if KIND, the reply to LINE, is what WANTS says (struct step).  */
enum check_result checking_want (struct checking *c, const struct probe *p, const char *line,
                                 enum reply_kind kind, char wants);

/* Sends LINE, which has its end, and wants a reply.  */
enum check_result checking_ask (struct checking *c, struct probe *p, const char *line, char wants);

/* NOP is OK, and no superfluous reply follows.  */
enum check_result checking_go_on (struct checking *c, struct probe *p);

/* Takes leave, and fails if replies come that nothing asked for.  */
enum check_result checking_finish (struct checking *c, struct probe *p);

/* Awaits the end of the connection; a reply before it is a failure.  BECAUSE names what was
   done.  */
enum check_result checking_closes (struct checking *c, struct probe *p, const char *because);

/* The steps of the check.  */
enum check_result check_dialogue (struct checking *c);

/* Those of every server (checks-basic.c).  */
enum check_result check_greet (struct checking *c);
enum check_result check_bye (struct checking *c);
enum check_result check_eof (struct checking *c);
enum check_result check_shut (struct checking *c);
enum check_result check_unknown (struct checking *c);
enum check_result check_number (struct checking *c);
enum check_result check_ahead (struct checking *c);
enum check_result check_octets (struct checking *c);
enum check_result check_line_1000 (struct checking *c);
enum check_result check_line_long (struct checking *c);
enum check_result check_nul (struct checking *c);
enum check_result check_long_arg (struct checking *c);
enum check_result check_help (struct checking *c);
enum check_result check_help_name (struct checking *c);
enum check_result check_two (struct checking *c);
enum check_result check_idle (struct checking *c);
enum check_result check_fd (struct checking *c);

/* Those that need --command (checks-inquiry.c).  */
enum check_result check_inquire (struct checking *c);
enum check_result check_inquire_can (struct checking *c);
enum check_result check_inquire_cancel (struct checking *c);
enum check_result check_inquire_big (struct checking *c);
enum check_result check_escape (struct checking *c);
enum check_result check_leave (struct checking *c);

#endif /* ASSUANCTL_CHECKING_H */
