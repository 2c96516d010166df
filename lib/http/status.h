/* Status codes in words (RFC 9110 15). */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

/* The reason phrase; of a code that is not ours, that of its class. */
const char *http_reason(unsigned status);

#endif
