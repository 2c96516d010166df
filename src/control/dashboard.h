/* The dashboard: src/control/dashboard.html, one self-contained page, as the build put it into the program. */
#ifndef CONTROL_DASHBOARD_H
#define CONTROL_DASHBOARD_H

#include <stddef.h>

extern const unsigned char dashboard_html[];
extern const size_t dashboard_html_size;

#endif
