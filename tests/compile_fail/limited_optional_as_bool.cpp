// SPDX-License-Identifier: BSL-1.0
// Whether the limit fired and whether there is a value are two questions: the result of
// move_on_after is no bool where the body's own result is one.
// expect: (no viable conversion|could not convert|not contextually convertible).*limited<
#include <covey/timeout.hpp>

#include <optional>

covey::task<std::optional<int>> next() { co_return 1; }

covey::task<int> sum() {
    int total = 0;
#ifndef COVEY_CONTROL
    while (auto value = co_await covey::move_on_after(covey::duration(1), next()))
#else
    while (std::optional<int> value = co_await next())
#endif
        total += *value;
    co_return total;
}
