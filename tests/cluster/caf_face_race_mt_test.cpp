// SPDX-License-Identifier: BSL-1.0
#include "support/caf.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/checkpoint.hpp>
#include <covey/supervisor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int senders = 3;
constexpr std::uint64_t requests_of_each = 8;
constexpr std::uint64_t requests = senders * requests_of_each;

// Answers, waits a little, or fails.
class moody : public covey::actor {
 public:
    covey::task<int> handle(int x) {
        if (x % 3 == 0) co_await covey::checkpoint();
        if (x % 7 == 6) throw std::runtime_error("a mood");
        co_return x + 1;
    }
};

// To CAF who sends the requests; it notes how often each was answered.
class asker final : public caf::monitorable_actor {
 public:
    explicit asker(caf::actor_config& config) : monitorable_actor(config) {}

    void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
        if (!what->mid.is_response()) return;
        const caf::message answer = what->move_content_to_message();
        const std::uint64_t number = what->mid.request_id().integer_value();
        if (answer.match_elements<int>()) ++replied;
        ++answers.at(number);
        ++total;
    }

    std::vector<std::atomic<int>> answers = std::vector<std::atomic<int>>(requests + 1);
    std::atomic<std::uint64_t> total{0}, replied{0};
};

void ask(const caf::strong_actor_ptr& asker, const caf::actor& face, std::uint64_t number) {
    caf::actor_cast<caf::abstract_actor*>(face)->enqueue(
        caf::make_mailbox_element(asker, caf::message_id(number).with_normal_priority(), {},
                                  static_cast<int>(number)),
        nullptr);
}

// One round: three ask, somebody stops the actor, and the block ends before or after.
covey::task<std::uint64_t> run_round(support::dice& random, support::foreign_thread& thread) {
    caf::strong_actor_ptr kept;
    const std::uint64_t kind = random.roll(4);
    support::parties others(senders + 1);
    co_await covey::with_supervisor(
        {.intensity = 1000}, [&](covey::supervisor& around) -> covey::task<> {
            const auto ref = co_await covey::start_actor<moody>(
                around, {.restart = covey::restart::permanent,
                         .mailbox = kind == 0 ? std::size_t{2} : std::size_t{64}});
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                co_await covey::with_caf([&](covey::caf_host& host) -> covey::task<> {
                    caf::actor_config config;
                    kept = caf::make_actor<asker, caf::strong_actor_ptr>(
                        host.system().next_actor_id(), host.system().node(), &host.system(),
                        config);
                    const caf::actor known = host.as_caf<int>(ref);
                    for (int i = 0; i < senders; ++i) {
                        const auto first = static_cast<std::uint64_t>(i) * requests_of_each + 1;
                        others.start(nursery, random, thread, [kept, known, first] {
                            for (std::uint64_t j = 0; j < requests_of_each; ++j)
                                ask(kept, known, first + j);
                        });
                    }
                    others.start(nursery, random, thread, [=] {
                        if (kind == 1) ref.stop();
                        if (kind == 2) caf::anon_send_exit(known, caf::exit_reason::kill);
                    });
                    if (kind != 3) co_await others.wait();
                });
                if (kind == 3) co_await others.wait();
            });
            ref.stop();
        });
    const auto& who = *static_cast<asker*>(kept->get());
    for (std::uint64_t i = 1; i <= requests; ++i) CHECK(who.answers[i] == 1);
    CHECK(who.total == requests);
    co_return who.replied;
}

}  // namespace

TEST_CASE("a face on two workers, its actor failing and stopped: each request is answered once") {
    std::uint64_t replied = 0;
    const std::size_t count = support::rounds(200);
    support::foreign_thread thread;
    support::run_mt(2, 1, [&]() -> covey::task<> {
        support::dice random(1);
        for (std::size_t round = 0; round < count; ++round) {
            const std::uint64_t of_round = co_await run_round(random, thread);
            replied += of_round;
        }
    });
    CHECK(replied > count);
}
