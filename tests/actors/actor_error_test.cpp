// SPDX-License-Identifier: BSL-1.0
#include <covey/actor_error.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <stdexcept>
#include <string>
#include <type_traits>

TEST_CASE("the errors of actors are std::runtime_errors that say what happened") {
    static_assert(std::is_base_of_v<std::runtime_error, covey::actor_stopped_error>);
    static_assert(std::is_base_of_v<std::runtime_error, covey::callee_failed_error>);
    static_assert(std::is_nothrow_copy_constructible_v<covey::callee_failed_error>);
    const covey::callee_failed_error error("actor 'x' failed", 3, true,
                                           std::make_exception_ptr(std::runtime_error("why")));
    CHECK(std::string(error.what()) == "actor 'x' failed");
    CHECK(error.incarnation() == 3);
    CHECK(error.restarting());
    CHECK(support::message_of(error.cause()) == "why");
    CHECK_FALSE(covey::callee_failed_error("x", 1, false).cause());
}
