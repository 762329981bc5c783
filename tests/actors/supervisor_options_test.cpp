// SPDX-License-Identifier: BSL-1.0
#include <covey/supervisor_options.hpp>

#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <limits>
#include <set>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

// What a supervisor named "top" says about its options; nothing, if it takes them.
std::string refusal_of(covey::supervisor_options options) {
    options.name = "top";
    std::string said;
    support::run_virtual([&]() -> covey::task<> {
        try {
            co_await covey::with_supervisor(options, [](covey::supervisor&) {});
        } catch (const std::invalid_argument& refused) {
            said = refused.what();
        }
    });
    return said;
}
bool is_refused(const covey::supervisor_options& options) { return !refusal_of(options).empty(); }

}  // namespace

TEST_CASE("the defaults of a supervisor are those of the model (SV14, SV15)") {
    const covey::supervisor_options options;
    CHECK(options.strategy == covey::strategy::one_for_one);
    CHECK(options.intensity == 5);
    CHECK(options.period == 30s);
    CHECK(options.backoff.first == 50ms);
    CHECK(options.backoff.factor == 2);
    CHECK(options.backoff.max == 10s);
    CHECK(options.backoff.jitter == 0.2);
    CHECK_FALSE(options.backoff.reset_after);
    CHECK(options.budget == covey::budget_scope::supervisor);
    CHECK(options.stop_order == covey::stop_order::reverse);
    CHECK(options.close_when == covey::close_when::all_done);
    CHECK(options.close_deadline == covey::never);
    CHECK(options.unresponsive == covey::unresponsive::wait);
    CHECK(options.decide == nullptr);
    CHECK(covey::backoff::none().first == 0s);
}

TEST_CASE("options that make no sense are refused (SV15)") {
    constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
    CHECK_FALSE(is_refused({}));
    CHECK(is_refused({.period = -1ns}));
    CHECK(is_refused({.close_deadline = -1ns}));
    CHECK(is_refused({.backoff = {.first = -1ns}}));
    CHECK(is_refused({.backoff = {.first = 11s}}));
    CHECK_FALSE(is_refused({.backoff = {.first = 10s}}));
    CHECK(is_refused({.backoff = {.factor = 0.9}}));
    CHECK(is_refused({.backoff = {.factor = no_number}}));
    CHECK_FALSE(is_refused({.backoff = {.factor = 1}}));
    CHECK(is_refused({.backoff = {.jitter = -0.1}}));
    CHECK(is_refused({.backoff = {.jitter = 1.1}}));
    CHECK(is_refused({.backoff = {.jitter = no_number}}));
    CHECK_FALSE(is_refused({.backoff = {.jitter = 1}}));
    CHECK(is_refused({.backoff = {.reset_after = -1ns}}));
    CHECK(refusal_of({.close_deadline = -2s}) ==
          "covey: supervisor 'top': supervisor_options::close_deadline is -2 s, and can't be "
          "negative");
    CHECK(refusal_of({.backoff = {.factor = 0.5}}) ==
          "covey: supervisor 'top': backoff needs a factor of at least 1, not 0.5");
}

TEST_CASE("ids order as their children were started (SV16)") {
    CHECK(covey::child_id{1} < covey::child_id{2});
    CHECK(covey::child_id{2} == covey::child_id{2});
    CHECK(covey::child_id{}.value == 0);
}

TEST_CASE("every state has a name of its own") {
    std::set<std::string> names;
    for (int i = 0; i <= static_cast<int>(covey::child_state::removed); ++i)
        names.insert(to_string(static_cast<covey::child_state>(i)));
    CHECK(names.size() == 9);
    CHECK(names.count("unknown") == 0);
    CHECK(to_string(covey::child_state::backoff) == std::string("backoff"));
    CHECK(to_string(static_cast<covey::child_state>(99)) == std::string("unknown"));
}
