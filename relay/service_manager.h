/*
 * What a service manager is told: ready, ending, reloading. Says nothing where there is none
 * (NOTIFY_SOCKET is not set). Source: sd_notify(3).
 *
 * Main's thread only.
 */
#pragma once

void service_manager_ready(void);
/* Configuration is read again or the program begins anew; service_manager_ready() ends it. */
void service_manager_reloading(void);
void service_manager_stopping(void);
