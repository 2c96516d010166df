/* What the service manager is told (sd_notify(3)). Without systemd, at build or at run time, all of it does nothing. */
#ifndef NOTIFY_H
#define NOTIFY_H

void notify_ready(void);
void notify_reloading(void); /* notify_ready() says that it is over */
void notify_stopping(void);
void notify_successor(int pid); /* that process is the service from now on */
void notify_failure(void);	/* the service is dead: all of it is to be started anew */
void notify_watchdog(void);	/* this loop and those of all workers still turn */

#endif
