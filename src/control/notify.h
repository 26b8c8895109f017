/*
 * What a service manager is told (sd_notify(3)): that the task is up, that it
 * moves, what it does. Nothing where NOTIFY_SOCKET is not set.
 */
#pragma once

#include <stdint.h>

void notify_manager(const char *message);

/* How often the watchdog wants a sign, in ms; 0: there is none. */
uint64_t notify_watchdog_ms(void);
