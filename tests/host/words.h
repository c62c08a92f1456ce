/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.h - limits in words, NAME=VALUE, where NAME is what the member is called in eva.h.  */

#ifndef EVA_TESTS_HOST_WORDS_H
#define EVA_TESTS_HOST_WORDS_H

#include <eva.h>

/* Puts what TEXT says into LIMITS.  Returns false if it says nothing that makes sense.  */
bool limits_set (struct eva_limits *limits, const char *text);

/* Likewise; members of the connections' limits are known, too.  */
bool limits_set_of_server (struct eva_server_limits *limits, const char *text);

#endif /* EVA_TESTS_HOST_WORDS_H */
