/* What the workers say to control (src/order.h): each report goes to the module that it concerns, or to the log.
 * Both are a mailbox's callbacks, and take the whole batch. thread: control. */
#ifndef CONTROL_REPORTS_H
#define CONTROL_REPORTS_H

#include "mailbox/mailbox.h"

void reports_come(struct mail *batch, void *control); /* struct control, all of its modules there */
void reports_drop(struct mail *batch, void *arg); /* at the end: nobody is interested any more */

#endif
