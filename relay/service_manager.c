#include "relay/service_manager.h"
#include <systemd/sd-daemon.h>

/* A manager that does not listen is no reason to do anything else. */
void service_manager_ready(void)
{
    (void)sd_notify(0, "READY=1\nSTATUS=consumers are served; binrelay status tells more");
}

void service_manager_reloading(void)
{
    (void)sd_notify(0, "RELOADING=1");
}

void service_manager_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=ending in order");
}
