/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* weather.c - what may go wrong: decides about each call that the library makes.  */

#include "weather.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "calls.h"
#include "dice.h"
#include "fake-clock.h"
#include "ledger.h"
#include "memory.h"

#define NS_PER_MS 1000000u

struct weather weather;
void (*weather_struck) (int fd);
static uint64_t drought_end_ns;

/* What there is to choose from: one in so many worlds has it.  */
static struct {
  const char *name;
  bool *place;
  unsigned int one_in;
  bool is_left_out;
} choices[] = {
  { .name = "cuts", .place = &weather.cuts, .one_in = 2 },
  { .name = "interrupts", .place = &weather.interrupts, .one_in = 2 },
  { .name = "breaks", .place = &weather.breaks, .one_in = 4 },
  { .name = "droughts", .place = &weather.droughts, .one_in = 4 },
  { .name = "shortages", .place = &weather.shortages, .one_in = 4 },
  { .name = "slow", .place = &weather.slow, .one_in = 2 },
  { .name = "mischief", .place = &weather.mischief, .one_in = 2 },
  { .name = "dialogs", .place = &weather.dialogs, .one_in = 2 },
  { .name = "watchers", .place = &weather.watchers, .one_in = 4 },
  { .name = "forks", .place = &weather.forks, .one_in = 8 },
  { .name = "limits", .place = &weather.limits, .one_in = 4 },
  { .name = "narrow", .place = &weather.narrow, .one_in = 3 },
  { .name = "strangers", .place = &weather.strangers, .one_in = 3 },
};

#define N_CHOICES (sizeof choices / sizeof *choices)

bool
weather_leave_out (const char *name) {
  for (size_t i = 0; i < N_CHOICES; i++)
    if (!strcmp (choices[i].name, name)) return choices[i].is_left_out = true;
  return false;
}

void
weather_begin (void) {
  memset (&weather, 0, sizeof weather);
  drought_end_ns = 0;
  for (size_t i = 0; i < N_CHOICES; i++) {
    *choices[i].place = !dice (choices[i].one_in) && !choices[i].is_left_out;
    if (*choices[i].place) tell ("weather: %s", choices[i].name);
  }
}

/* --- Reads and writes ------------------------------------------------------------------------- */

static enum fate
fail_with (int error) {
  errno = error;
  return FATE_FAIL;
}

/* The connection is gone in both directions; what comes later the kernel knows itself.  */
static enum fate
break_off (enum call_kind kind, int fd) {
  tell ("! descriptor %d breaks", fd);
  weather_struck (fd);
  shutdown (fd, SHUT_RDWR);
  return fail_with (kind == CALL_READ ? ECONNRESET : EPIPE);
}

static size_t
some_octets (void) {
  return 1 + (dice (4) ? dice (40) : dice (5000));
}

/* What the kernel may do depends on what it is: a file never says EAGAIN.  */
enum fate
calls_decide (enum call_place place, enum call_kind kind, int fd, size_t *len) {
  struct stat st;

  (void) place;
  if (weather.is_calm || fstat (fd, &st)) return FATE_GO;
  if (!S_ISSOCK (st.st_mode) && !S_ISFIFO (st.st_mode)) return FATE_GO;
  if (weather.interrupts && dice_hits (100)) return fail_with (dice (2) ? EINTR : EAGAIN);
  if (weather.breaks && kind != CALL_MOVE && S_ISSOCK (st.st_mode) && dice_hits (3))
    return break_off (kind, fd);
  if (weather.cuts && dice_hits (400)) *len = some_octets ();
  return FATE_GO;
}

/* --- What runs short -------------------------------------------------------------------------- */

bool
memory_is_short (void) {
  if (weather.is_calm || !weather.shortages || !dice_hits (4)) return false;
  tell ("! an allocation fails");
  weather_struck (-1);
  return true;
}

bool
weather_lacks_fds (void) {
  uint64_t now_ns = fake_clock_now ();

  if (weather.is_calm || !weather.droughts) return false;
  if (now_ns >= drought_end_ns && dice_hits (50))
    drought_end_ns = now_ns + (uint64_t) dice (300) * NS_PER_MS;
  if (now_ns >= drought_end_ns) return false;
  tell ("! no descriptor");
  errno = dice (4) ? EMFILE : ENFILE;
  return true;
}

size_t
weather_high_water (void) {
  return weather.narrow ? 1 + dice (dice (2) ? 100 : 10000) : 0;
}

/* Low limits are met in many ways.  */
bool
weather_explains (gpg_error_t err) {
  switch (gpg_err_code (err)) {
  case GPG_ERR_ENOMEM:
    return weather.shortages || weather.limits;
  case GPG_ERR_EMFILE:
  case GPG_ERR_ENFILE:
    return weather.droughts || weather.limits;
  case GPG_ERR_CANCELED: /* where a loop cannot be used in a child, who was just let in */
    return (weather.droughts && weather.forks) || weather.limits;
  default:
    return weather.limits;
  }
}
