#include "data/http2_window.h"

void http2_window_give(nghttp2_session *session, size_t held)
{
	int32_t came = nghttp2_session_get_effective_recv_data_length(session);
	int32_t left = nghttp2_session_get_effective_local_window_size(session) - came;
	int32_t taken = came - (int32_t)held;

	if (taken > 0 && taken >= left)
		nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, 0, taken);
}
