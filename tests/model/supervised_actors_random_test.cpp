// SPDX-License-Identifier: BSL-1.0
// Random supervised actors with every option that says what becomes of messages, in virtual time:
// whatever crashes, restarts and stops, each message that was sent is handled, queued, returned to
// its asker or a dead letter, and the four add up; at any moment, and to what the senders saw.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"
#include "support/supervision.hpp"

#include <covey/actors.hpp>
#include <covey/timeout.hpp>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::dice;

namespace {

// What became of one actor's messages, as senders and handlers saw it.
struct ledger {
    std::uint64_t accepted = 0, unknown = 0;
    std::uint64_t handled = 0, answered = 0, returned = 0, unavailable = 0, again = 0;
    unsigned most_deliveries = 1;
};

struct job {
    std::uint64_t length, failures;
    bool fails_later;
};
struct question : job {};

class worker : public covey::actor {
 public:
    explicit worker(ledger& books) : books_(books) {}
    covey::task<> handle(job message) { co_await work(message); }
    covey::task<int> handle(question message) {
        CHECK(current_request().delivery() == 1);
        co_await work(message);
        co_return 1;
    }

 private:
    covey::task<> work(job message) {
        const unsigned delivery = current_request().delivery();
        CHECK(delivery <= books_.most_deliveries);
        if (delivery > 1) ++books_.again;
        const bool fails = delivery <= message.failures;
        if (fails && !message.fails_later) throw std::runtime_error("job");
        co_await covey::sleep_for(std::chrono::milliseconds(message.length));
        if (fails) throw std::runtime_error("job, later");
        ++books_.handled;
    }

    ledger& books_;
};

struct staff {
    std::deque<ledger> books;
    std::vector<covey::actor_ref<worker>> refs;
    std::uint64_t unavailable = 0, again = 0;
};

job any_job(dice& random) {
    return {random.roll(30), random.roll(3) == 0 ? 1 + random.roll(3) : 0, random.roll(2) == 0};
}

// Until it knows better, nobody knows what became of a message: its sender may be cancelled.
covey::task<> send(covey::actor_ref<worker> to, ledger& books, dice& random) {
    ++books.unknown;
    const covey::duration limit = std::chrono::milliseconds(random.roll(100));
    try {
        switch (random.roll(4)) {
            case 0: {
                const auto answer =
                    co_await covey::move_on_after(limit, to.ask(question{any_job(random)}));
                if (!answer.finished()) co_return;
                ++books.answered;
                ++books.accepted;
                break;
            }
            case 1: books.accepted += to.try_tell(any_job(random)) ? 1 : 0; break;
            default: {
                const bool sent = co_await covey::move_on_after(limit, to.tell(any_job(random)));
                if (sent) ++books.accepted;
            }
        }
    } catch (const covey::actor_unavailable_error& error) {
        CHECK(error.retry_after() >= 0s);
        ++books.unavailable;
    } catch (const covey::callee_failed_error&) {
        ++books.accepted;
        ++books.returned;
    } catch (const covey::actor_stopped_error&) {  // refused, or taken and returned
        co_return;
    } catch (const covey::channel_full_error&) {
    }
    --books.unknown;
}

covey::task<> client(staff& all, dice random) {
    for (std::uint64_t left = random.roll(40); left != 0; --left) {
        const std::size_t to = random.roll(all.refs.size());
        co_await send(all.refs[to], all.books[to], random);
        CHECK(support::accounted(all.refs[to]) >= all.books[to].accepted);
        if (random.roll(2) == 0)
            co_await covey::sleep_for(std::chrono::milliseconds(random.roll(20)));
    }
}

covey::task<> operate(staff& all, covey::supervisor& supervisor, dice random) {
    for (std::uint64_t left = random.roll(6); left != 0; --left) {
        co_await covey::sleep_for(std::chrono::milliseconds(random.roll(200)));
        const std::size_t to = random.roll(all.refs.size());
        const auto children = supervisor.children();
        const covey::child_id chosen =
            children.empty() ? covey::child_id{} : children[random.roll(children.size())].id;
        try {
            switch (random.roll(4)) {
                case 0: all.refs[to].stop(); break;
                case 1: co_await supervisor.stop(chosen); break;
                default: co_await supervisor.restart(chosen);
            }
        } catch (const covey::closed_nursery_error&) {
        } catch (const std::logic_error&) {  // it has ended for good
        }
    }
}

covey::child_options any_options(dice& random) {
    covey::child_options options{.restart = static_cast<covey::restart>(random.roll(3)),
                                 .grace = std::chrono::milliseconds(random.roll(100)),
                                 .hard = 1s,
                                 .mailbox = random.roll(4),
                                 .overflow = static_cast<covey::overflow>(random.roll(4)),
                                 .on_restart = static_cast<covey::on_restart>(random.roll(3))};
    if (random.roll(8) == 0) options.max_consecutive = static_cast<unsigned>(random.roll(8));
    options.max_deliveries = 1 + static_cast<unsigned>(random.roll(4));
    options.on_stop = static_cast<covey::on_stop>(random.roll(2));
    options.reject_while_down = random.roll(3) == 0;
    return options;
}

covey::task<> work_together(staff& all, covey::supervisor& supervisor, dice& random) {
    for (std::uint64_t left = 1 + random.roll(3); left != 0; --left) {
        const covey::child_options options = any_options(random);
        ledger& books = all.books.emplace_back();
        books.most_deliveries = options.max_deliveries;
        all.refs.push_back(
            co_await covey::start_actor<worker>(supervisor, options, std::ref(books)));
    }
    co_await covey::with_nursery([&](covey::nursery& nursery) {
        for (std::uint64_t left = 1 + random.roll(4); left != 0; --left)
            nursery.start_soon(client, std::ref(all), dice(random.roll(~0ULL)));
        nursery.start_soon(operate, std::ref(all), std::ref(supervisor), dice(random.roll(~0ULL)));
    });
    if (random.roll(2) == 0) co_await covey::sleep_for(10s);
    supervisor.stop_all();
}

void judge(staff& all) {
    for (std::size_t i = 0; i != all.refs.size(); ++i) {
        const ledger& books = all.books[i];
        const covey::actor_statistics end = all.refs[i].statistics();
        CHECK(end.current_buffer_used == 0);
        CHECK(end.in_progress == 0);
        CHECK(end.accepted == end.handled + end.returned + end.dead_letters);
        CHECK(end.handled == books.handled);
        CHECK(end.accepted >= books.accepted);
        CHECK(end.accepted <= books.accepted + books.unknown);
        CHECK(end.returned >= books.returned);
        CHECK(end.returned <= books.returned + books.unknown);
        all.unavailable += books.unavailable;
        all.again += books.again;
    }
}

}  // namespace

TEST_CASE("random supervised actors lose no message (SV2, SV11, SV14, SV23 to SV30)") {
    std::uint64_t unavailable = 0, again = 0, gave_up = 0;
    for (const std::uint64_t seed : support::seeds(support::rounds(1000))) {
        INFO("COVEY_SEED=" << seed);
        dice random(seed);
        staff all;
        support::run_virtual(seed, [&]() -> covey::task<> {
            covey::supervisor_options options{
                .strategy = static_cast<covey::strategy>(random.roll(3)),
                .intensity = static_cast<unsigned>(random.roll(3) == 0 ? 3 : 1000)};
            options.backoff.first = std::chrono::milliseconds(random.roll(40));
            options.stop_order = static_cast<covey::stop_order>(random.roll(2));
            const covey::duration limit =
                random.roll(3) == 0 ? std::chrono::milliseconds(random.roll(500)) : covey::never;
            try {
                const bool finished = co_await covey::move_on_after(limit, [&]() -> covey::task<> {
                    co_await covey::with_supervisor(
                        options, [&](covey::supervisor& supervisor) -> covey::task<> {
                            co_await work_together(all, supervisor, random);
                        });
                });
                static_cast<void>(finished);
            } catch (const covey::supervisor_gave_up&) {
                ++gave_up;
            } catch (const covey::exception_group&) {  // failed while it was stopped
            }
        });
        judge(all);
        unavailable += all.unavailable;
        again += all.again;
    }
    if (std::getenv("COVEY_SEED") != nullptr) return;
    CHECK(unavailable > 0);
    CHECK(again > 0);
    CHECK(gave_up > 0);
}
