// SPDX-License-Identifier: BSL-1.0
// Options can be left out: then the default ones count.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using support::trace;

namespace {

struct get {};
struct break_down {};

class counter : public covey::actor {
 public:
    counter() = default;
    explicit counter(int start, std::string text = {})
        : count_(start + static_cast<int>(text.size())) {}
    int handle(get) { return count_++; }
    void handle(break_down) { throw std::runtime_error("broken"); }

 private:
    int count_ = 0;
};

covey::task<> note_sum(trace& log, int one, int other) {
    log.note(std::to_string(one + other));
    co_return;
}

covey::task<> crash_once(int* crashes) {
    co_await covey::sleep_for(1s);
    if ((*crashes)-- > 0) throw std::runtime_error("once");
}

}  // namespace

TEST_CASE("a supervisor and its children without options have the default ones (SV14, SV15)") {
    support::run_virtual([]() -> covey::task<> {
        trace log;
        int crashes = 1;
        const int value =
            co_await covey::with_supervisor([&](covey::supervisor& owner) -> covey::task<int> {
                const covey::child_id sum = co_await owner.start(note_sum, std::ref(log), 1, 2);
                const covey::child_id again =
                    co_await owner.handle().start(note_sum, std::ref(log), 3, 4);
                CHECK(again.value == sum.value + 1);
                co_await owner.start(crash_once, &crashes);
                co_return 7;
            });
        CHECK(value == 7);
        CHECK(covey::now() >= covey::time_point(1s + covey::backoff{}.first / 2));
        CHECK(log.text() == "3 7");
    });
}

TEST_CASE("an actor without options has the default ones, whoever owns it (SV7)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto plain = co_await covey::start_actor<counter>(nursery);
            const auto given = co_await covey::start_actor<counter>(nursery, 5, "four");
            const int zero = co_await plain.ask(get{});
            const int nine = co_await given.ask(get{});
            CHECK(zero == 0);
            CHECK(nine == 9);
            CHECK(plain.statistics().max_buffer_size == covey::child_options{}.mailbox);
            plain.stop();
            given.stop();
        });
        co_await covey::with_supervisor([](covey::supervisor& owner) -> covey::task<> {
            const auto plain = co_await covey::start_actor<counter>(owner);
            const auto given = co_await covey::start_actor<counter>(owner.handle(), 5);
            co_await given.tell(break_down{});
            const int five = co_await given.ask(get{});
            const int zero = co_await plain.ask(get{});
            CHECK(five == 5);
            CHECK(zero == 0);
            owner.stop_all();
        });
    });
}
