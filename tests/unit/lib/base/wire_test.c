#include "base/wire.h"

#include <criterion/criterion.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

Test(wire, numbers_are_in_network_order)
{
	struct wire_reader r = wire_read(span_of(bytes, sizeof(bytes)));

	cr_assert_eq(wire_u8(&r), 0x01);
	cr_assert_eq(wire_u16(&r), 0x0203);
	cr_assert_eq(wire_u24(&r), 0x040506);
	cr_assert_eq(wire_u32(&r), 0x0708090a);
	cr_assert_eq(wire_left(&r), 0);
	cr_assert_not(r.failed);
	r = wire_read(span_of(bytes, 8));
	cr_assert_eq(wire_u64(&r), 0x0102030405060708);
}

Test(wire, bytes_are_borrowed_from_the_source)
{
	struct wire_reader r = wire_read(span_of(bytes, sizeof(bytes)));
	struct span s = wire_bytes(&r, 3);

	cr_assert_eq(s.p, bytes);
	cr_assert_eq(s.n, 3);
	cr_assert_eq(wire_left(&r), 7);
	cr_assert_eq(wire_bytes(&r, 0).n, 0);
	cr_assert_not(r.failed);
}

Test(wire, reading_past_the_end_fails_and_stays_failed)
{
	struct wire_reader r = wire_read(span_of(bytes, 3));

	cr_assert_eq(wire_u32(&r), 0);
	cr_assert(r.failed);
	cr_assert_eq(wire_left(&r), 3);
	cr_assert_eq(wire_u8(&r), 0);
	cr_assert_eq(wire_u16(&r), 0);
	cr_assert_eq(wire_bytes(&r, 1).n, 0);
	cr_assert_eq(wire_left(&r), 3);
}

Test(wire, nothing_can_be_read_from_nowhere)
{
	struct wire_reader r = wire_read(span_of(NULL, 0));

	cr_assert_eq(wire_left(&r), 0);
	cr_assert_eq(wire_u8(&r), 0);
	cr_assert(r.failed);
}

Test(wire, length_that_would_wrap_around_fails)
{
	struct wire_reader r = wire_read(span_of(bytes, 3));

	cr_assert_eq(wire_bytes(&r, SIZE_MAX).n, 0);
	cr_assert(r.failed);
}

Test(wire, what_is_written_is_read_back)
{
	uint8_t buf[18];
	struct wire_writer w = wire_write(buf, sizeof(buf));
	struct wire_reader r = wire_read(span_of(buf, sizeof(buf)));

	wire_put_u8(&w, 0xff);
	wire_put_u16(&w, 0xfedc);
	wire_put_u32(&w, 0xfedcba98);
	wire_put_u64(&w, 0xfedcba9876543210);
	wire_put_bytes(&w, span_str("end"));
	cr_assert_not(w.failed);
	cr_assert_eq(wire_written(&w), sizeof(buf));
	cr_assert_eq(wire_u8(&r), 0xff);
	cr_assert_eq(wire_u16(&r), 0xfedc);
	cr_assert_eq(wire_u32(&r), 0xfedcba98);
	cr_assert_eq(wire_u64(&r), 0xfedcba9876543210);
	cr_assert(span_eq(wire_bytes(&r, 3), span_str("end")));
}

Test(wire, writing_past_the_end_writes_nothing_and_stays_failed)
{
	uint8_t buf[4] = {9, 9, 9, 9};
	struct wire_writer w = wire_write(buf, 3);

	wire_put_u16(&w, 0x0102);
	wire_put_u16(&w, 0x0304);
	wire_put_u8(&w, 5);
	cr_assert(w.failed);
	cr_assert_eq(wire_written(&w), 2);
	cr_assert_arr_eq(buf, ((uint8_t[]){1, 2, 9, 9}), 4);
}
