#include "config-build.h"

#include "notify.h"

#include "base/mono.h"

#include <stdio.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

static void tell(const char *state)
{
	sd_notify(0, state);
}
#else
static void tell(const char *state)
{
	(void)state;
}
#endif

void notify_ready(void)
{
	tell("READY=1");
}

void notify_reloading(void)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)mono_now().us);
	tell(state);
}

void notify_successor(int pid)
{
	char state[32];

	snprintf(state, sizeof(state), "MAINPID=%d", pid);
	tell(state);
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_failure(void)
{
	tell("WATCHDOG=trigger");
}

void notify_watchdog(void)
{
	tell("WATCHDOG=1");
}
