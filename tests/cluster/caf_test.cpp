// SPDX-License-Identifier: BSL-1.0
#include <covey/caf.hpp>

#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using covey::caf_host;

namespace {

using add = caf::atom_constant<caf::atom("add")>;
using divide = caf::atom_constant<caf::atom("divide")>;
using note = caf::atom_constant<caf::atom("note")>;
using late = caf::atom_constant<caf::atom("late")>;
using mute = caf::atom_constant<caf::atom("mute")>;
using fail = caf::atom_constant<caf::atom("fail")>;
using leave = caf::atom_constant<caf::atom("leave")>;
using end = caf::atom_constant<caf::atom("end")>;

// Answers in every way that there is.
caf::behavior calculator(caf::event_based_actor* self) {
    const auto promised = std::make_shared<std::vector<caf::typed_response_promise<int>>>();
    return {
        [](add, int a, int b) { return a + b; },
        [](divide, int a, int b) -> caf::result<int, int> {
            if (b == 0) return caf::make_error(caf::sec::invalid_argument, "by zero");
            return {a / b, a % b};
        },
        [](note, const std::string&) {},
        [=](late, int x) {
            promised->push_back(self->make_response_promise<int>());
            self->delayed_send(self, 10s, late::value, promised->size() - 1, x);
            return promised->back();
        },
        [=](late, std::size_t which, int x) { (*promised)[which].deliver(x); },
        [=](mute) { return self->make_response_promise<int>(); },
        [](fail) -> int { throw std::runtime_error("no luck"); },
        [=](leave) {
            self->quit();
            return self->make_response_promise<int>();
        },
        [=](end) { self->quit(caf::exit_reason::user_shutdown); },
    };
}

// What a request throws, as caf_error.
template <class T>
covey::task<std::pair<std::string, caf::error>> failure_of(covey::task<T> request) {
    try {
        co_await std::move(request);
    } catch (const covey::caf_error& error) {
        co_return {error.what(), error.error()};
    }
    co_return {"nothing was thrown", {}};
}

// In virtual time, unless CAF has its own threads: those it doesn't wait for.
template <class F>
void with_calculator(F body, bool on_workers = true) {
    const auto main = [&]() -> covey::task<> {
        co_await covey::with_caf({.on_workers = on_workers}, [&](caf_host& host) -> covey::task<> {
            const auto actor = host.system().spawn(calculator);
            co_await body(host, actor);
            CHECK(host.statistics().requests_waiting == 0);
            caf::anon_send(actor, end::value);
        });
    };
    if (on_workers)
        support::run_virtual(main);
    else
        support::run_checked({.workers = 1}, main);
}

}  // namespace

TEST_CASE("a request is answered by nothing, a value, several, or whatever comes") {
    for (const bool on_workers : {true, false}) {
        with_calculator(
            [](caf_host& host, const caf::actor& actor) -> covey::task<> {
                const int sum = co_await host.request<int>(actor, 1h, add::value, 20, 22);
                CHECK(sum == 42);
                const auto [ratio, rest] = co_await host.request<std::tuple<int, int>>(
                    actor, covey::never, divide::value, 17, 5);
                CHECK(ratio == 3);
                CHECK(rest == 2);
                co_await host.request(actor, 1h, note::value, std::string("x"));
                const caf::message any =
                    co_await host.request<caf::message>(actor, 1h, add::value, 1, 2);
                CHECK(any.get_as<int>(0) == 3);
            },
            on_workers);
    }
}

TEST_CASE("a request of a typed actor") {
    using squarer = caf::typed_actor<caf::replies_to<int>::with<int>>;
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_caf([](caf_host& host) -> covey::task<> {
            const squarer actor =
                host.system().spawn([](squarer::pointer) -> squarer::behavior_type {
                    return {[](int x) { return x * x; }};
                });
            const int square = co_await host.request<int>(actor, 1s, 12);
            CHECK(square == 144);
        });
    });
}

TEST_CASE("what CAF says instead of an answer is a caf_error") {
    with_calculator([](caf_host& host, const caf::actor& actor) -> covey::task<> {
        auto [zero, why] =
            co_await failure_of(host.request<std::tuple<int, int>>(actor, 1s, divide::value, 1, 0));
        CHECK(why == caf::sec::invalid_argument);
        CHECK_THAT(zero, Contains("answered with an error"));
        CHECK_THAT(zero, Contains("by zero"));
        auto [type, unexpected] =
            co_await failure_of(host.request<std::string>(actor, 1s, add::value, 1, 2));
        CHECK(unexpected == caf::sec::unexpected_response);
        CHECK_THAT(type, Contains("of another type"));
        auto [unknown, message] = co_await failure_of(host.request(actor, 1s, 1.5));
        CHECK(message == caf::sec::unexpected_message);
    });
}

TEST_CASE("an actor that fails, or ends, while it is asked") {
    with_calculator([](caf_host& host, const caf::actor&) -> covey::task<> {
        const auto failing = host.system().spawn(calculator);
        auto [thrown, runtime] = co_await failure_of(host.request<int>(failing, 1h, fail::value));
        CHECK(runtime == caf::sec::runtime_error);
        const auto leaving = host.system().spawn(calculator);
        auto [ended, down] = co_await failure_of(host.request<int>(leaving, 1h, leave::value));
        CHECK(down == caf::sec::request_receiver_down);
        CHECK_THAT(ended, Contains("ended without an answer"));
        CHECK(support::elapsed() == 0s);
    });
}

TEST_CASE("CT3: whoever waits is told of a death at once, and whoever asks the dead") {
    with_calculator([](caf_host& host, const caf::actor&) -> covey::task<> {
        const auto actor = host.system().spawn(calculator);
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < 3; ++i) {
                nursery.start_soon([&]() -> covey::task<> {
                    auto [what, error] =
                        co_await failure_of(host.request<int>(actor, covey::never, mute::value));
                    CHECK(error == caf::exit_reason::kill);
                    CHECK_THAT(what, Contains("ended without an answer"));
                    CHECK(support::elapsed() == 5s);
                });
            }
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::sleep_for(5s);
                caf::anon_send_exit(actor, caf::exit_reason::kill);
            });
        });
        auto [what, error] =
            co_await failure_of(host.request<int>(actor, covey::never, add::value, 1, 2));
        CHECK(error == caf::exit_reason::kill);
        CHECK(host.statistics().answers_dropped == 0);
    });
}

TEST_CASE("a time limit and a cancellation leave at once, and a late answer is dropped") {
    with_calculator([](caf_host& host, const caf::actor& actor) -> covey::task<> {
        bool too_slow = false;
        try {
            co_await host.request<int>(actor, 2s, late::value, 1);
        } catch (const covey::too_slow_error&) {
            too_slow = true;
        }
        CHECK(too_slow);
        CHECK(support::elapsed() == 2s);
        const bool in_time = co_await covey::move_on_after(3s, [&]() -> covey::task<> {
            co_await host.request<int>(actor, covey::never, late::value, 2);
        });
        CHECK_FALSE(in_time);
        CHECK(support::elapsed() == 5s);
        CHECK(host.statistics().requests_waiting == 0);
        const int third = co_await host.request<int>(actor, 1h, late::value, 3);
        CHECK(third == 3);
        CHECK(support::elapsed() == 15s);
        CHECK(host.statistics().answers_dropped == 2);
    });
}

TEST_CASE("a request that can't be made is refused") {
    with_calculator([](caf_host& host, const caf::actor& actor) -> covey::task<> {
        bool is_refused = false;
        try {
            co_await host.request(caf::actor{}, 1s, 1);
        } catch (const std::invalid_argument&) {
            is_refused = true;
        }
        CHECK(is_refused);
        CHECK_THROWS_AS(static_cast<void>(host.request(actor, -1s, 1)), std::invalid_argument);
    });
}
