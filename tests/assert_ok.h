#ifndef YT_TEST_ASSERT_OK_H
#define YT_TEST_ASSERT_OK_H

#include <cmocka.h>

#include "runtime/fail.h"

/** assert_int_equal with the sentence, which is what one wants to read. */
#define assert_ok(call)                                                        \
    do {                                                                       \
        const enum yt_status assert_ok_status_ = (call);                       \
        if (assert_ok_status_ != YT_OK)                                        \
            fail_msg("%s: %s", yt_status_name(assert_ok_status_), yt_error()); \
    } while (0)

#endif
