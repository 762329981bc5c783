// SPDX-License-Identifier: BSL-1.0
#include <covey/dead_letters.hpp>

#include "support/actors.hpp"
#include "support/catch.hpp"

#include <covey/actor.hpp>

#include <functional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using covey::dead_letter;
using covey::dead_letter_reason;
using support::echo;
using support::hold;
using support::note;
using support::scribe;
using support::trace;

namespace {

constexpr dead_letter_reason all_reasons[] = {
    dead_letter_reason::stopped, dead_letter_reason::overflow, dead_letter_reason::failed,
    dead_letter_reason::cancelled, dead_letter_reason::restarted};

std::string text_of(const dead_letter& letter) {
    return letter.actor_name + " " + letter.message_type + " " + to_string(letter.reason) + " " +
           std::to_string(letter.incarnation);
}

}  // namespace

TEST_CASE("dead letters are counted, all in all and by reason") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto& office = covey::dead_letters();
        CHECK(&office == &covey::dead_letters());
        const auto before = office.total();
        const auto stopped = office.count(dead_letter_reason::stopped);
        covey::event gate;
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        co_await ref.tell(hold{&gate});
        co_await covey::testing::wait_all_tasks_blocked();
        for (int i = 0; i < 3; ++i) co_await ref.tell(note{"a"});
        ref.stop();
        CHECK(office.total() == before + 3);
        CHECK(office.count(dead_letter_reason::stopped) == stopped + 3);
        std::uint64_t sum = 0;
        for (const dead_letter_reason each : all_reasons) sum += office.count(each);
        CHECK(sum == office.total());
        gate.set();
    });
}

TEST_CASE("a sample says of each dead letter whose it was, what, and why") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        auto letters = covey::dead_letters().sample(8);
        struct picky : covey::actor {
            void handle(const note& message) { throw std::runtime_error(message.text); }
            covey::verdict on_error(const std::exception_ptr&) override {
                return covey::verdict::resume;
            }
        };
        const auto failing = co_await covey::start_actor<picky>(nursery, {.name = "picky"});
        co_await failing.tell(note{"bad"});
        covey::event never_set;
        const auto full = co_await covey::start_actor<scribe>(
            nursery,
            {.name = "full", .grace = 1s, .mailbox = 1, .overflow = covey::overflow::drop_newest},
            std::ref(log));
        co_await full.tell(hold{&never_set});
        co_await covey::testing::wait_all_tasks_blocked();
        co_await full.tell(note{"kept"});
        co_await full.tell(note{"dropped"});
        full.stop();
        co_await full.watch();
        failing.stop();

        std::vector<std::string> texts;
        while (auto letter = letters.try_receive()) {
            texts.push_back(text_of(*letter));
            CHECK((letter->reason == dead_letter_reason::failed) == (letter->error != nullptr));
            if (letter->error) CHECK(support::message_of(letter->error) == "bad");
            CHECK(letter->actor == (letter->actor_name == "full" ? full.id() : failing.id()));
        }
        CHECK(texts == std::vector<std::string>{
                           "picky support::note failed 1", "full support::note overflow 1",
                           "full support::note stopped 1", "full support::hold cancelled 1"});
    });
}

TEST_CASE("a sample that nobody empties drops, and one that is closed is forgotten") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        covey::event gate;
        const auto make_letters = [&](int count) -> covey::task<> {
            const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
            co_await ref.tell(hold{&gate});
            co_await covey::testing::wait_all_tasks_blocked();
            for (int i = 0; i < count; ++i) co_await ref.tell(note{"a"});
            ref.stop();
        };
        auto small = covey::dead_letters().sample(2);
        {
            auto other = covey::dead_letters().sample();
            co_await make_letters(5);
            CHECK(other.statistics().current_buffer_used == 5);
        }
        CHECK(small.statistics().current_buffer_used == 2);
        CHECK(small.statistics().dropped == 3);
        co_await make_letters(1);
        CHECK(small.statistics().dropped == 4);
        gate.set();
    });
}

TEST_CASE("a request is no dead letter: its asker is told") {
    support::with_actors([](covey::nursery& nursery, trace& log) -> covey::task<> {
        const auto before = covey::dead_letters().total();
        covey::event gate;
        const auto ref = co_await covey::start_actor<scribe>(nursery, {}, std::ref(log));
        co_await ref.tell(hold{&gate});
        std::string answer;
        nursery.start_soon(support::note_ask<covey::actor_ref<scribe>, echo>, ref, echo{"a"},
                           std::ref(answer));
        co_await covey::testing::wait_all_tasks_blocked();
        ref.stop();
        gate.set();
        co_await covey::testing::wait_all_tasks_blocked();
        CHECK(answer == "stopped");
        CHECK(covey::dead_letters().total() == before);
    });
}
