// SPDX-License-Identifier: BSL-1.0
#include <covey/supervisor_error.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <optional>
#include <stdexcept>
#include <type_traits>

static_assert(std::is_nothrow_copy_constructible_v<covey::start_failed_error>);
static_assert(std::is_nothrow_copy_constructible_v<covey::supervisor_gave_up>);
static_assert(std::is_base_of_v<covey::exception_group, covey::start_failed_error>);
static_assert(std::is_base_of_v<covey::exception_group, covey::supervisor_gave_up>);

namespace {

std::exception_ptr error(const char* what) {
    return std::make_exception_ptr(std::runtime_error(what));
}

}  // namespace

TEST_CASE("a failed start names the child and holds its errors (SV8a)") {
    std::optional<covey::start_failed_error> first(std::in_place, "worker",
                                                   std::vector{error("no port"), error("late")});
    const covey::start_failed_error copy(*first);
    first.reset();
    CHECK(copy.child() == "worker");
    CHECK(support::messages_of(copy) == support::lines{"no port", "late"});
    CHECK(copy.what() == std::string("child 'worker' ended before it was ready (2 errors)\n"
                                     "├─ std::runtime_error: no port\n"
                                     "╰─ std::runtime_error: late"));
    CHECK(support::holds<covey::exception_group>(std::make_exception_ptr(copy)));
}

TEST_CASE("giving up keeps the story of the incidents, also in copies (SV17)") {
    std::optional<covey::supervisor_gave_up> first(
        std::in_place, "supervisor 'a' gave up", std::vector{error("crash")},
        std::vector<covey::supervisor_gave_up::failure>{
            {"a/b", {3}, 2, 4, covey::time_point(), error("crash")}},
        7);
    covey::supervisor_gave_up copy(*first);
    first.reset();
    REQUIRE(copy.failures().size() == 1);
    CHECK(copy.failures()[0].path == "a/b");
    CHECK(copy.failures()[0].child == covey::child_id{3});
    CHECK(copy.failures()[0].incarnation == 2);
    CHECK(copy.failures()[0].incident == 4);
    CHECK(copy.dropped() == 7);
    CHECK(copy.find<std::runtime_error>() != nullptr);
}
