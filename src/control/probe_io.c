#include "control/probe_io.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <sys/socket.h>

void probe_detail(struct probe *p, const char *text)
{
	snprintf(p->result.detail, sizeof(p->result.detail), "%s", text);
}

static enum probe_move move_of_errno(enum probe_move wanted)
{
	if (errno == EAGAIN || errno == EINTR)
		return wanted;
	return PROBE_RESET;
}

/* The first error is the cause, the later ones are what followed from it. */
static void take_tls_reason(struct probe *p)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	probe_detail(p, reason ? reason : "unknown reason");
	ERR_clear_error();
}

static enum probe_move move_of_ssl(struct probe *p, int ret)
{
	switch (SSL_get_error(p->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return PROBE_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return PROBE_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return PROBE_CLOSED;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return errno ? PROBE_RESET : PROBE_CLOSED;
	default:
		take_tls_reason(p);
		return PROBE_BROKEN;
	}
}

enum probe_move probe_send(struct probe *p, const void *bytes, size_t n, size_t *ret_n)
{
	ssize_t sent;
	int ret;

	if (!p->ssl) {
		sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0)
			return move_of_errno(PROBE_WANTS_WRITE);
		*ret_n = (size_t)sent;
		return PROBE_MOVED;
	}
	errno = 0;
	ret = SSL_write_ex(p->ssl, bytes, n, ret_n);
	return ret > 0 ? PROBE_MOVED : move_of_ssl(p, ret);
}

enum probe_move probe_recv(struct probe *p, void *bytes, size_t n, size_t *ret_n)
{
	ssize_t got;
	int ret;

	if (!p->ssl) {
		got = recv(p->fd, bytes, n, 0);
		if (got < 0)
			return move_of_errno(PROBE_WANTS_READ);
		*ret_n = (size_t)got;
		return got > 0 ? PROBE_MOVED : PROBE_CLOSED;
	}
	errno = 0;
	ret = SSL_read_ex(p->ssl, bytes, n, ret_n);
	return ret > 0 ? PROBE_MOVED : move_of_ssl(p, ret);
}

enum probe_move probe_handshake(struct probe *p)
{
	enum probe_move move;
	long verdict;
	int ret;

	errno = 0;
	ret = SSL_do_handshake(p->ssl);
	if (ret == 1)
		return PROBE_MOVED;
	move = move_of_ssl(p, ret);
	if (move != PROBE_BROKEN)
		return move;
	verdict = p->plan->health->ca ? SSL_get_verify_result(p->ssl) : X509_V_OK;
	p->result.status = verdict == X509_V_OK ? CHECK_L6RESPONSE : CHECK_L6CERTIFICATE;
	if (verdict != X509_V_OK)
		probe_detail(p, X509_verify_cert_error_string(verdict));
	return PROBE_BROKEN;
}

void probe_say_goodbye(struct probe *p)
{
	if (!p->ssl || !SSL_is_init_finished(p->ssl))
		return;
	SSL_shutdown(p->ssl);
	ERR_clear_error();
}
