// SPDX-License-Identifier: BSL-1.0
// Every message that a mailbox has taken ends as exactly one of handled, queued, returned to its
// asker or dead letter: in random programs, and whoever stops, cancels or fails when.
#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/actor.hpp>
#include <covey/exception_group.hpp>
#include <covey/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::dice;

namespace {

// What became of the messages, as their senders and the handlers saw it.
struct ledger {
    std::uint64_t accepted = 0;  // told, and asked with an answer of any kind
    std::uint64_t begun = 0, handled = 0;
    std::uint64_t alive = 0;     // messages that exist anywhere
    std::uint64_t given_up = 0;  // asks whose asker was cancelled: taken by the mailbox or not
    std::uint64_t answered = 0, returned = 0, refused = 0;
};

// Notices when it is lost or doubled.
class token {
 public:
    explicit token(ledger& books) : books_(&books) { ++books_->alive; }
    token(token&& other) noexcept : books_(std::exchange(other.books_, nullptr)) {}
    token& operator=(token&& other) noexcept {
        std::swap(books_, other.books_);
        return *this;
    }
    ~token() {
        if (books_ != nullptr) --books_->alive;
    }
    [[nodiscard]] bool is_here() const noexcept { return books_ != nullptr; }

 private:
    ledger* books_;
};

enum class way : std::uint8_t { at_once, napping, failing, failing_later };

struct job {
    token body;
    way how;
    covey::duration length;
};
struct question {
    token body;
    way how;
    covey::duration length;
};

class worker : public covey::actor {
 public:
    worker(ledger& books, covey::verdict decided) : books_(books), decided_(decided) {}

    covey::task<> handle(job message) { co_await work(message.how, message.length); }
    covey::task<int> handle(question message) {
        co_await work(message.how, message.length);
        co_return 1;
    }

 protected:
    covey::verdict on_error(const std::exception_ptr&) override { return decided_; }

 private:
    covey::task<> work(way how, covey::duration length) {
        ++books_.begun;
        if (how == way::failing) throw std::runtime_error("job");
        if (how != way::at_once) co_await covey::sleep_for(length);
        if (how == way::failing_later) throw std::runtime_error("job, later");
        ++books_.handled;
    }

    ledger& books_;
    const covey::verdict decided_;
};

covey::task<> tell_once(covey::actor_ref<worker> to, ledger& books, dice& random) {
    job message{token(books), static_cast<way>(random.roll(4)),
                std::chrono::milliseconds(random.roll(20))};
    try {
        if (random.roll(4) == 0) {
            if (to.try_tell(std::move(message)))
                ++books.accepted;
            else
                CHECK(message.body.is_here());
            co_return;
        }
        const bool sent = co_await covey::move_on_after(std::chrono::milliseconds(random.roll(40)),
                                                        to.tell(std::move(message)));
        if (sent) ++books.accepted;
        CHECK(sent != message.body.is_here());
    } catch (const covey::actor_stopped_error&) {
        CHECK(message.body.is_here());
    } catch (const covey::channel_full_error&) {
        CHECK(message.body.is_here());
    }
}

covey::task<> ask_once(covey::actor_ref<worker> to, ledger& books, dice& random) {
    question message{token(books), static_cast<way>(random.roll(4)),
                     std::chrono::milliseconds(random.roll(20))};
    try {
        const auto answer = co_await covey::move_on_after(
            std::chrono::milliseconds(random.roll(60)), to.ask(std::move(message)));
        if (answer.finished()) {
            ++books.answered;
            ++books.accepted;
        } else if (!message.body.is_here()) {
            ++books.accepted;
            ++books.given_up;
        }
    } catch (const covey::actor_stopped_error&) {
        // Refused, or taken and then returned.
        if (message.body.is_here())
            ++books.refused;
        else
            ++books.accepted, ++books.returned;
    } catch (const covey::callee_failed_error&) {
        ++books.accepted;
        ++books.returned;
        CHECK_FALSE(message.body.is_here());
    } catch (const covey::channel_full_error&) {
        CHECK(message.body.is_here());
    }
}

covey::task<> client(covey::actor_ref<worker> to, ledger& books, dice& random) {
    const std::uint64_t count = random.roll(12);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (random.roll(3) == 0)
            co_await ask_once(to, books, random);
        else
            co_await tell_once(to, books, random);
        if (random.roll(2) == 0)
            co_await covey::sleep_for(std::chrono::milliseconds(random.roll(20)));
    }
}

covey::task<> program(ledger& books, dice& random, covey::actor_ref<worker>& ref) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        const covey::child_options options{
            .grace = std::chrono::milliseconds(random.roll(30)),
            .hard = std::chrono::milliseconds(30 + random.roll(30)),
            .mailbox = random.roll(4),
            .overflow = static_cast<covey::overflow>(random.roll(4))};
        constexpr covey::verdict verdicts[] = {covey::verdict::resume, covey::verdict::resume,
                                               covey::verdict::stop, covey::verdict::restart};
        ref = co_await covey::start_actor<worker>(nursery, options, std::ref(books),
                                                  verdicts[random.roll(4)]);
        nursery.start_soon([&]() -> covey::task<> {
            co_await covey::sleep_for(std::chrono::milliseconds(random.roll(200)));
            CHECK(support::accounted(ref) >= books.accepted);
            if (random.roll(2) == 0)
                ref.stop();
            else
                nursery.cancel();
        });
        const std::uint64_t clients = 1 + random.roll(4);
        for (std::uint64_t i = 0; i < clients; ++i)
            nursery.start_soon(client, ref, std::ref(books), std::ref(random));
    });
}

void check_program(std::uint64_t seed) {
    ledger books;
    dice random(seed);
    covey::actor_ref<worker> ref;
    try {
        support::run_virtual(seed, [&] { return program(books, random, ref); });
    } catch (const covey::exception_group&) {
    }
    INFO("COVEY_SEED=" << seed);
    const covey::actor_statistics end = ref.statistics();
    CHECK(end.current_buffer_used == 0);
    CHECK(end.in_progress == 0);
    CHECK(books.alive == 0);
    CHECK(end.handled == books.handled);
    // A client that the nursery cancelled doesn't say what became of its message.
    CHECK(end.accepted == end.handled + end.returned + end.dead_letters);
    CHECK(end.accepted >= books.accepted);
    CHECK(books.begun <= end.handled + end.returned + end.dead_letters);
    CHECK(end.returned >= books.returned);
}

}  // namespace

TEST_CASE("no message is lost or doubled in random programs (SV23, SC26)") {
    for (const std::uint64_t seed : support::seeds(1500)) check_program(seed);
}

TEST_CASE("the accounts of an actor that is told from everywhere and stopped add up, exactly") {
    for (const std::uint64_t seed : support::seeds(300)) {
        ledger books;
        dice random(seed);
        covey::actor_ref<worker> ref;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                ref = co_await covey::start_actor<worker>(
                    nursery,
                    {.grace = 5ms,
                     .mailbox = 1 + random.roll(3),
                     .overflow = static_cast<covey::overflow>(random.roll(4))},
                    std::ref(books), covey::verdict::resume);
                co_await covey::with_nursery([&](covey::nursery& clients) {
                    for (int i = 0; i < 3; ++i)
                        clients.start_soon(client, ref, std::ref(books), std::ref(random));
                    clients.start_soon([&]() -> covey::task<> {
                        co_await covey::sleep_for(std::chrono::milliseconds(random.roll(300)));
                        ref.stop();
                    });
                });
            });
        });
        const covey::actor_statistics end = ref.statistics();
        CHECK(end.accepted == books.accepted);
        CHECK(end.handled + end.returned + end.dead_letters == books.accepted);
        CHECK(end.handled == books.handled);
        CHECK(books.alive == 0);
        // Requests: answered, returned, or given up by their asker and then one of all three.
        CHECK(end.returned >= books.returned);
        CHECK(end.returned <= books.returned + books.given_up);
    }
}
