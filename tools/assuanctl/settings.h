/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* settings.h - what the global options say.  main sets it once, before a subcommand runs.  */

#ifndef ASSUANCTL_SETTINGS_H
#define ASSUANCTL_SETTINGS_H

#include <stdbool.h>

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct settings {
  bool is_json;
  bool is_quiet;
  bool is_verbose;
  bool shows_secrets;
  bool has_no_pager;
  enum color_when color;
  unsigned int timeout_ms; /* 0: none */
};

extern struct settings settings;

#endif /* ASSUANCTL_SETTINGS_H */
