// SPDX-License-Identifier: BSL-1.0
// When restarting doesn't help: giving up, supervisors in supervisors, and decide().
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/supervision.hpp"

#include <covey/error.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using covey::verdict;
using support::lines;
using support::observed;
using kind = covey::supervision_event::kind;

namespace {

struct refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// By the error's text: what decide() answers.
covey::verdict by_text(const covey::child_info& child, const std::exception_ptr& error) {
    CHECK(child.name == "a");
    const std::string text = support::message_of(error);
    if (text == "resume") return verdict::resume;
    if (text == "stop") return verdict::stop;
    if (text == "escalate") return verdict::escalate;
    if (text == "throw") throw refused("decide can't");
    return verdict::restart;
}

// What a supervisor with by_text() logs about a child that fails after 1 s, and what it throws.
struct ending {
    lines story;
    lines errors;
};
ending decided(const char* what, covey::supervisor_options options = {},
               covey::child_options child = {}) {
    support::witness log;
    ending result;
    options.decide = by_text;
    child.name = "a";
    support::run_virtual([&]() -> covey::task<> {
        int failures = 1;
        try {
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start(child, support::fails_at_first, &failures, 1s, what);
                    co_await covey::sleep_for(2s);
                    supervisor.stop_all();
                });
        } catch (const covey::exception_group& group) {
            result.errors = support::messages_of(group);
        }
    });
    result.story = log.story_after(2);
    return result;
}

// A supervisor as a child: its own child fails `*failures` times, 1 s after each start.
covey::task<> nested(covey::supervisor_options options, int* failures) {
    options.backoff = covey::backoff::none();
    co_await covey::with_supervisor(options, [&](covey::supervisor& supervisor) -> covey::task<> {
        co_await supervisor.start({.name = "worker"}, support::fails_at_first, failures, 1s,
                                  "crash");
        co_await support::obedient();
    });
}

}  // namespace

TEST_CASE("a supervisor that gives up stops the others and says why (SV17)") {
    support::witness log;
    const auto error = support::thrown_by<covey::supervisor_gave_up>([&] {
        support::run_virtual([&]() -> covey::task<> {
            int run = 0;
            covey::supervisor_options options{.intensity = 2, .period = 10s, .name = "shop"};
            options.backoff = covey::backoff::none();
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "till"}, support::fails_to_stop, 1s, "late");
                    co_await supervisor.start({.name = "clerk"}, [&]() -> covey::task<> {
                        constexpr const char* texts[] = {"first", "second", "third"};
                        co_await support::fails_after(1s, texts[run++]);
                    });
                    co_await supervisor.start({.name = "guard"}, support::slow_stop, 1s);
                    co_await covey::sleep_forever();
                });
        });
    });
    CHECK(support::messages_of(error) == lines{"third", "second", "first", "late"});
    CHECK_THAT(error.what(),
               StartsWith("supervisor 'shop' gave up: more than 2 restarts in 10 s (4 errors)"));
    CHECK(error.dropped() == 0);
    REQUIRE(error.failures().size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& each = error.failures()[i];
        CHECK(each.path == "shop/clerk");
        CHECK(each.child.value == 2);
        CHECK(each.incarnation == 3 - i);
        CHECK(each.incident == 3 - i);
        CHECK(each.at.time_since_epoch() == (3 - i) * 1s);
        CHECK(each.error == error.exceptions()[i]);
    }
    CHECK(log.story_after(log.events().size() - 8) ==
          lines{"3 incident clerk.3 #3: third", "3 gave_up: third", "3 closing",
                "3 asked_to_stop guard.1", "4 stopped guard.1", "4 asked_to_stop till.1",
                "5 failed_to_stop till.1: late", "5 closed"});
}

TEST_CASE("the story of a supervisor that gives up has the last eight incidents (SV17)") {
    const auto error = support::thrown_by<covey::supervisor_gave_up>([] {
        support::run_virtual([]() -> covey::task<> {
            covey::supervisor_options options{.intensity = 20, .period = 1000s};
            options.backoff = covey::backoff::none();
            co_await covey::with_supervisor(
                observed(options), [](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start({}, support::fails_after, 1s, "crash");
                });
        });
    });
    CHECK(error.failures().size() == 9);
    CHECK(error.dropped() == 12);
    CHECK(error.exceptions().size() == 9);
    CHECK(error.failures().front().incident == 21);
    CHECK(error.failures().back().incident == 13);
}

TEST_CASE("decide answers for every error (SV4, SV32)") {
    CHECK(decided("restart").story == lines{"1 incident a.1 #1: restart", "1 backoff a.1 +0.05",
                                            "1.05 start a.2", "1.05 ready a.2", "2 closing",
                                            "2 asked_to_stop a.2", "2 stopped a.2", "2 closed"});
    for (const char* end : {"stop", "resume"}) {
        const ending result = decided(end);
        CHECK(result.story ==
              lines{std::string("1 forgotten a.1: ") + end, "2 closing", "2 closed"});
        CHECK(result.errors.empty());
    }
    const ending escalated = decided("escalate");
    CHECK(escalated.story == lines{"1 escalated a.1: escalate", "1 closing", "1 closed"});
    CHECK(escalated.errors == lines{"escalate"});
}

TEST_CASE("a restart that decide wants is still up to the child's type (SV32)") {
    CHECK(decided("restart", {}, {.restart = covey::restart::temporary}).story ==
          lines{"1 forgotten a.1: restart", "2 closing", "2 closed"});
    CHECK(decided("stop", {}, {.restart = covey::restart::permanent}).story ==
          lines{"1 forgotten a.1: stop", "2 closing", "2 closed"});
}

TEST_CASE("what decide throws fails the supervisor, with the child's error (SV4, SC24)") {
    const ending result = decided("throw");
    CHECK(result.story == lines{"1 escalated a.1: decide can't", "1 closing", "1 closed"});
    CHECK(result.errors == lines{"decide can't", "throw"});
}

TEST_CASE("an error that escalates stops the others in order (SV4, SC24)") {
    support::witness log;
    const auto error = support::thrown_by<covey::exception_group>([&] {
        support::run_virtual([&]() -> covey::task<> {
            covey::supervisor_options options;
            options.decide = by_text;
            co_await covey::with_supervisor(
                observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                    log.watch(supervisor);
                    co_await supervisor.start({.name = "x"}, support::slow_stop, 1s);
                    co_await supervisor.start({.name = "y"}, support::slow_stop, 1s);
                    co_await supervisor.start({.name = "a"}, support::fails_after, 1s, "escalate");
                    co_await covey::sleep_forever();
                });
        });
    });
    CHECK(error.find<covey::supervisor_gave_up>() == nullptr);
    CHECK(support::messages_of(error) == lines{"escalate"});
    CHECK(log.story_after(6) == lines{"1 escalated a.1: escalate", "1 closing",
                                      "1 asked_to_stop y.1", "2 stopped y.1", "2 asked_to_stop x.1",
                                      "3 stopped x.1", "3 closed"});
}

TEST_CASE("decide is asked about starts that failed again, but they are told as such (SV8a)") {
    support::run_virtual([]() -> covey::task<> {
        covey::supervisor_options options;
        options.decide = by_text;
        bool failed = false;
        co_await covey::with_supervisor(
            observed(options), [&](covey::supervisor& supervisor) -> covey::task<> {
                try {
                    co_await supervisor.start({.name = "a"},
                                              [] { throw std::runtime_error("escalate"); });
                } catch (const covey::start_failed_error&) {
                    failed = true;
                }
            });
        CHECK(failed);
    });
}

TEST_CASE("a transient supervisor that gives up has failed, and is started again (SV17, SC15)") {
    support::witness log;
    support::run_virtual([&]() -> covey::task<> {
        int failures = 2;  // one more than the inner budget
        co_await covey::with_supervisor(
            observed(), [&](covey::supervisor& supervisor) -> covey::task<> {
                log.watch(supervisor);
                co_await supervisor.start({.name = "inner", .restart = covey::restart::transient},
                                          nested, covey::supervisor_options{.intensity = 1},
                                          &failures);
                co_await covey::sleep_for(10s);
                supervisor.stop_all();
            });
        CHECK(failures == -1);
    });
    const auto events = log.events();
    REQUIRE(events.size() > 3);
    CHECK(events[2].what == kind::incident);
    CHECK(events[2].at.time_since_epoch() == 2s);
    CHECK(support::holds<covey::supervisor_gave_up>(events[2].error));
    CHECK(log.only({kind::start}) == "0 start inner.1, 2.05 start inner.2");
}

TEST_CASE("the budgets of nested supervisors multiply (SV17, SC16)") {
    for (const auto& [outer, inner] : {std::pair{0U, 0U}, {1U, 2U}, {2U, 3U}, {3U, 1U}}) {
        int failures = 1000;
        bool gave_up = false;
        support::run_virtual([&]() -> covey::task<> {
            covey::supervisor_options options{.intensity = outer, .period = 1000s};
            options.backoff = covey::backoff::none();
            covey::supervisor_options below{.intensity = inner, .period = 1000s};
            try {
                co_await covey::with_supervisor(
                    options, [&](covey::supervisor& supervisor) -> covey::task<> {
                        co_await supervisor.start({}, nested, below, &failures);
                    });
            } catch (const covey::supervisor_gave_up& error) {
                gave_up = true;
                CHECK(error.failures().size() == outer + 1);
                CHECK(support::holds<covey::supervisor_gave_up>(error.exceptions()[0]));
            }
        });
        CHECK(gave_up);
        CHECK(1000 - failures == static_cast<int>((outer + 1) * (inner + 1)));
    }
}

TEST_CASE("a nested supervisor that gives up says so through every level (SV17)") {
    const auto error = support::thrown_by<covey::supervisor_gave_up>([] {
        support::run_virtual([]() -> covey::task<> {
            int failures = 1000;
            co_await covey::with_supervisor(
                observed({.intensity = 0, .name = "outer"}),
                [&](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start(
                        {.name = "nested"}, nested,
                        covey::supervisor_options{.intensity = 0, .name = "inner"}, &failures);
                    co_await covey::sleep_forever();
                });
        });
    });
    CHECK(error.find<std::runtime_error>() != nullptr);
    CHECK_THAT(error.what(), StartsWith("supervisor 'outer' gave up") &&
                                 Contains("supervisor 'inner' gave up") && Contains("crash"));
    CHECK(error.failures().at(0).path == "outer/nested");
}

TEST_CASE("a start that fails inside a nested supervisor fails the nested supervisor (SV8a)") {
    const auto error = support::thrown_by<covey::start_failed_error>([] {
        support::run_virtual([]() -> covey::task<> {
            co_await covey::with_supervisor(
                observed(), [](covey::supervisor& supervisor) -> covey::task<> {
                    co_await supervisor.start(
                        {.name = "inner"}, [](covey::task_status<void> status) -> covey::task<> {
                            co_await covey::with_supervisor(
                                {}, [&](covey::supervisor& below) -> covey::task<> {
                                    co_await below.start({.name = "worker"}, [] {
                                        throw std::runtime_error("no port");
                                    });
                                    status.started();
                                });
                        });
                });
        });
    });
    CHECK(error.child() == "inner");
    REQUIRE(error.exceptions().size() == 1);
    CHECK(support::holds<covey::start_failed_error>(error.exceptions()[0]));
    CHECK_THAT(error.what(), Contains("child 'worker' ended before it was ready"));
}
