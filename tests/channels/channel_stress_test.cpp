// SPDX-License-Identifier: BSL-1.0
// Senders -> relays -> receivers over two channels, with cancels, closes and tries from everywhere:
// on one seeded worker, and on several workers with ordinary threads beside them. At the end of a
// round every value is accounted for: what was accepted has been received once, or was destroyed
// with the buffer of a channel whose last receiver left.
#include "support/catch.hpp"
#include "support/channel_ways.hpp"
#include "support/race.hpp"
#include "support/scope_slot.hpp"

#include <covey/channel.hpp>
#include <covey/event.hpp>
#include <covey/nursery.hpp>
#include <covey/timeout.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::dice;
using support::receiving;
using support::scope_slot;
using support::sending;
using support::verdict;

namespace {

// A value with a number. Counts how many there are, those moved from included.
class parcel {
 public:
    explicit parcel(std::size_t number) : text_(std::to_string(number)) {
        text_.resize(40, '.');
        ++alive;
    }
    parcel(parcel&& other) noexcept : text_(std::move(other.text_)) {
        other.text_.clear();
        ++alive;
    }
    parcel& operator=(parcel&&) = delete;
    ~parcel() { --alive; }

    [[nodiscard]] bool moved_from() const { return text_.empty(); }
    [[nodiscard]] std::size_t number() const { return std::stoul(text_); }

    static inline std::atomic<long> alive = 0;

 private:
    std::string text_;
};

using sender = std::shared_ptr<covey::send_channel<parcel>>;
using receiver = std::shared_ptr<covey::receive_channel<parcel>>;

// What happened to each number on one channel.
class ledger {
 public:
    static constexpr std::size_t numbers = 64;

    void note_accepted(std::size_t number) { ++accepted_[number]; }
    void note_received(const parcel& value) { ++received_[value.number()]; }
    [[nodiscard]] bool was_accepted(std::size_t number) const { return accepted_[number] != 0; }
    [[nodiscard]] bool was_received(std::size_t number) const { return received_[number] != 0; }

    // At most so many accepted values may be missing.
    void judge(verdict& judge, std::size_t discarded_at_most) const {
        std::size_t missing = 0;
        for (std::size_t i = 0; i < numbers; ++i) {
            const int in = accepted_[i], out = received_[i];
            judge.require(in <= 1, "accepted twice");
            judge.require(out <= 1, "received twice");
            judge.require(out <= in, "received, but its send was not completed");
            if (in > out) ++missing;
        }
        judge.require(missing <= discarded_at_most,
                      std::to_string(missing) + " accepted values are missing, of at most " +
                          std::to_string(discarded_at_most));
    }

 private:
    std::array<std::atomic<int>, numbers> accepted_{}, received_{};
};

// The parcels of a send. Notes those that were accepted, also when it is cut short: send_from and
// send_all move from what they accept, and from nothing else.
struct consignment {
    ledger& book;
    std::deque<parcel> parcels;
    std::vector<std::size_t> numbers;

    consignment(ledger& written_to, std::deque<parcel> given)
        : book(written_to), parcels(std::move(given)) {
        for (const parcel& each : parcels) numbers.push_back(each.number());
    }
    consignment(const consignment&) = delete;
    consignment& operator=(const consignment&) = delete;
    ~consignment() {
        for (std::size_t i = 0; i < parcels.size(); ++i)
            if (parcels[i].moved_from()) book.note_accepted(numbers[i]);
    }
};

covey::task<> send_parcels(sending how, const covey::send_channel<parcel>& tx, ledger& book,
                           std::deque<parcel> parcels) {
    if (support::keeps_unsent(how)) {
        consignment mine(book, std::move(parcels));
        if (how == sending::send_all) {
            co_await tx.send_all(mine.parcels);
            co_return;
        }
        for (parcel& each : mine.parcels) co_await tx.send_from(each);
        co_return;
    }
    for (parcel& each : parcels) {
        const std::size_t number = each.number();
        if (how == sending::send)
            co_await tx.send(std::move(each));
        else
            co_await tx.emplace(std::move(each));
        book.note_accepted(number);
    }
}

// Nothing: the channel has ended.
covey::task<std::deque<parcel>> receive_parcels(receiving how,
                                                const covey::receive_channel<parcel>& rx,
                                                ledger& book, std::size_t max) {
    std::deque<parcel> parcels;
    if (how == receiving::receive_many) {
        auto values = co_await rx.receive_many(max);
        for (parcel& each : values) parcels.push_back(std::move(each));
    } else {
        auto value = co_await support::receive_by(how, rx);
        if (value) parcels.push_back(std::move(*value));
    }
    for (const parcel& each : parcels) book.note_received(each);
    co_return parcels;
}

using threads = std::array<support::foreign_thread, 3>;

// One round. With threads: a run of several workers; without: one worker, in virtual time.
class pipeline {
 public:
    pipeline(dice random, verdict& judge, threads* outside)
        : random_(random), judge_(judge), threads_(outside), capacity_{roll(4), roll(4)} {
        for (const std::size_t which : {0U, 1U}) {
            auto [tx, rx] = covey::open_memory_channel<parcel>(capacity_[which]);
            statistics_.push_back(tx.clone());
            statistics_.back().close();
            tx_[which] = std::make_shared<covey::send_channel<parcel>>(std::move(tx));
            rx_[which] = std::make_shared<covey::receive_channel<parcel>>(std::move(rx));
            closable_tx_[which] = shared_tx_[which] = own(tx_[which]);
            closable_rx_[which] = shared_rx_[which] = own(rx_[which]);
        }
    }

    covey::task<> run() {
        // By somebody who is never cancelled: no channel breaks then, and nothing may be missing.
        const bool is_kept_open = roll(2) == 0;
        co_await covey::with_nursery([&](covey::nursery& outside) -> covey::task<> {
            for (const std::size_t which : {0U, 1U})
                if (is_kept_open) outside.start_soon(sink, this, which, own(rx_[which]), fork());
            start_threads();
            for (std::size_t i = roll(3); i > 0; --i) outside.start_soon(disturb, this, fork());
            co_await covey::with_cancel_scope([&](covey::cancel_scope& all) -> covey::task<> {
                slots_[0].set(all.handle());
                co_await covey::with_nursery(
                    [&](covey::nursery& nursery) { start_parties(nursery); });
            });
            close_own();  // if they were cancelled before they could be started
            co_await threads_have_ended_.wait();
        });
        settle_accounts(is_kept_open);
    }

 private:
    std::size_t roll(std::uint64_t sides) { return random_.roll(sides); }
    dice fork() { return dice(random_.roll(~std::uint64_t{0})); }

    template <class Handle>
    static Handle own(const Handle& original) {
        return std::make_shared<typename Handle::element_type>(original->clone());
    }
    // A clone, or a handle with others, which somebody may close.
    sender some_tx(std::size_t which) { return roll(3) == 0 ? shared_tx_[which] : own(tx_[which]); }
    receiver some_rx(std::size_t which) {
        return roll(3) == 0 ? shared_rx_[which] : own(rx_[which]);
    }

    void start_parties(covey::nursery& nursery) {
        std::size_t slot = 1;
        for (std::size_t i = 1 + roll(3); i > 0; --i)
            nursery.start_soon(source, this, slot++, some_tx(0), fork());
        for (std::size_t i = 1 + roll(2); i > 0; --i)
            nursery.start_soon(relay, this, slot++, some_rx(0), some_tx(1), fork());
        for (std::size_t i = 1 + roll(2); i > 0; --i)
            nursery.start_soon(cancellable_sink, this, slot++, some_rx(1), fork());
        close_own();
    }
    void close_own() {
        tx_ = shared_tx_ = {};
        rx_ = shared_rx_ = {};
    }

    // Each on a thread of its own: what blocks there can't be cancelled, only served or told.
    void start_threads() {
        if (threads_ == nullptr) {
            threads_have_ended_.set();
            return;
        }
        const bool sends = roll(2) == 0, receives = roll(2) == 0;
        threads_running_ = 1U + (sends ? 1U : 0U) + (receives ? 1U : 0U);
        if (sends) {
            (*threads_)[0].post([this, tx = own(tx_[0]), random = fork()]() mutable {
                block_to_send(*tx, random);
                tx.reset();
                leave();
            });
        }
        if (receives) {
            const std::size_t which = roll(2);
            (*threads_)[1].post([this, which, rx = own(rx_[which])]() mutable {
                while (const auto value = rx->receive_blocking())
                    books_[which].note_received(*value);
                rx.reset();
                leave();
            });
        }
        (*threads_)[2].post([this, tx = own(tx_[0]), rx = own(rx_[1]), random = fork()]() mutable {
            for (std::size_t i = 1 + random.roll(8); i > 0; --i) {
                support::dawdle(random);
                if (random.roll(3) == 0)
                    try_both(*tx, *rx);
                else
                    disturb_once(random);
            }
            tx.reset();
            rx.reset();
            leave();
        });
    }
    void leave() {
        if (threads_running_.fetch_sub(1) == 1) threads_have_ended_.set();
    }
    void block_to_send(const covey::send_channel<parcel>& tx, dice& random) {
        try {
            for (parcel& each : some_parcels(1 + random.roll(6))) {
                const std::size_t number = each.number();
                tx.send_blocking(std::move(each));
                books_[0].note_accepted(number);
                support::dawdle(random);
            }
        } catch (const covey::broken_resource_error&) {
        }
    }
    void try_both(const covey::send_channel<parcel>& tx, const covey::receive_channel<parcel>& rx) {
        try {
            for (parcel& each : some_parcels(1)) {
                const std::size_t number = each.number();
                const bool sent = tx.try_send(std::move(each));
                judge_.require(sent == each.moved_from(), "moved from unless accepted");
                if (sent) books_[0].note_accepted(number);
            }
        } catch (const covey::broken_resource_error&) {
        }
        try {
            if (const auto value = rx.try_receive()) books_[1].note_received(*value);
        } catch (const covey::end_of_channel&) {
        }
    }

    // The next numbers, none when they are used up.
    std::deque<parcel> some_parcels(std::size_t count) {
        std::deque<parcel> parcels;
        while (count-- > 0) {
            const std::size_t number = next_number_.fetch_add(1);
            if (number >= ledger::numbers) break;
            parcels.emplace_back(number);
        }
        return parcels;
    }

    // Sometimes lets others run, or time pass.
    covey::task<> pause(dice& random) {
        if (threads_ == nullptr) {
            if (random.roll(2) == 0) co_await covey::sleep_for(1ms * random.roll(4));
        } else if (random.roll(8) == 0) {
            co_await covey::checkpoint();
        } else {
            support::dawdle(random);
        }
    }

    // A party in a scope of its own, which others cancel; its handles closed are its end.
    template <class Party>
    covey::task<> in_scope(std::size_t slot, Party party) {
        co_await covey::with_cancel_scope([&](covey::cancel_scope& scope) -> covey::task<> {
            slots_[slot].set(scope.handle());
            try {
                co_await party();
            } catch (const covey::closed_resource_error&) {
            } catch (const covey::broken_resource_error&) {
            }
        });
    }

    static covey::task<> source(pipeline* of, std::size_t slot, sender tx, dice random) {
        co_await of->in_scope(slot, [&]() -> covey::task<> {
            for (std::size_t i = 1 + random.roll(5); i > 0; --i) {
                co_await of->pause(random);
                co_await send_parcels(support::all_sendings[random.roll(4)], *tx, of->books_[0],
                                      of->some_parcels(1 + random.roll(3)));
            }
        });
    }
    static covey::task<> relay(pipeline* of, std::size_t slot, receiver rx, sender tx,
                               dice random) {
        co_await of->in_scope(slot, [&]() -> covey::task<> {
            for (;;) {
                auto parcels = co_await receive_parcels(support::all_receivings[random.roll(3)],
                                                        *rx, of->books_[0], 1 + random.roll(3));
                if (parcels.empty()) break;
                co_await of->pause(random);
                co_await send_parcels(support::all_sendings[random.roll(4)], *tx, of->books_[1],
                                      std::move(parcels));
            }
        });
    }
    static covey::task<> cancellable_sink(pipeline* of, std::size_t slot, receiver rx,
                                          dice random) {
        co_await of->in_scope(
            slot, [&]() -> covey::task<> { return sink(of, 1, std::move(rx), random); });
    }
    static covey::task<> sink(pipeline* of, std::size_t which, receiver rx, dice random) {
        for (;;) {
            const auto parcels =
                co_await receive_parcels(support::all_receivings[random.roll(3)], *rx,
                                         of->books_[which], 1 + random.roll(3));
            if (parcels.empty()) break;
            co_await of->pause(random);
        }
    }

    static covey::task<> disturb(pipeline* of, dice random) {
        for (std::size_t i = 1 + random.roll(4); i > 0; --i) {
            co_await of->pause(random);
            of->disturb_once(random);
        }
    }
    // One thing that gets in the way; done by any thread.
    void disturb_once(dice& random) {
        const std::size_t which = random.roll(2);
        switch (random.roll(8)) {
            case 0:
                if (random.roll(4) == 0) slots_[0].cancel();
                break;
            case 1:
            case 2:
            case 3: slots_[1 + random.roll(slots_.size() - 1)].cancel(); break;
            case 4:
                if (const auto tx = closable_tx_[which].lock()) tx->close();
                break;
            case 5:
                if (const auto rx = closable_rx_[which].lock()) rx->close();
                break;
            default: look(which); break;
        }
    }
    void look(std::size_t which) {
        const auto now = statistics_[which].statistics();
        if (now.tasks_waiting_receive != 0) {
            judge_.require(now.current_buffer_used == 0, "a receiver waits beside a value");
            judge_.require(now.tasks_waiting_send == 0, "a receiver waits beside a sender");
        }
        if (now.tasks_waiting_send != 0)
            judge_.require(now.current_buffer_used == capacity_[which],
                           "a sender waits beside a free place");
        judge_.require(now.peak_buffer_used <= capacity_[which], "the peak is above the capacity");
    }

    void settle_accounts(bool was_kept_open) {
        for (const std::size_t which : {0U, 1U}) {
            books_[which].judge(judge_, was_kept_open ? 0 : capacity_[which]);
            const auto end = statistics_[which].statistics();
            judge_.require(end.current_buffer_used == 0, "something is left in a buffer");
            judge_.require(end.open_send_channels == 0, "a sender is still open");
            judge_.require(end.open_receive_channels == 0, "a receiver is still open");
            judge_.require(end.tasks_waiting_send == 0, "somebody still waits to send");
            judge_.require(end.tasks_waiting_receive == 0, "somebody still waits to receive");
        }
        for (std::size_t i = 0; i < ledger::numbers; ++i)
            judge_.require(!books_[1].was_accepted(i) || books_[0].was_received(i),
                           "sent on, but never received");
        judge_.require(parcel::alive == 0, "a value is still alive");
    }

    dice random_;
    verdict& judge_;
    threads* threads_;
    std::array<std::size_t, 2> capacity_;
    std::vector<covey::send_channel<parcel>> statistics_;  // closed ends: they only look
    std::array<std::weak_ptr<covey::send_channel<parcel>>, 2> closable_tx_;
    std::array<std::weak_ptr<covey::receive_channel<parcel>>, 2> closable_rx_;

    // The main task's.
    std::array<sender, 2> tx_, shared_tx_;
    std::array<receiver, 2> rx_, shared_rx_;

    // Everybody's.
    std::array<ledger, 2> books_;
    std::array<scope_slot, 8> slots_;  // of all parties, then of each
    std::atomic<std::size_t> next_number_ = 0, threads_running_ = 0;
    covey::event threads_have_ended_;
};

}  // namespace

TEST_CASE("a pipeline disturbed in every way keeps its accounts (K6, K17, M13, M14, M22, M30)") {
    for (const std::uint64_t seed : support::seeds(support::rounds(400))) {
        verdict judge;
        support::run_virtual(seed, [&]() -> covey::task<> {
            pipeline round(dice(seed), judge, nullptr);
            co_await round.run();
        });
        INFO("COVEY_SEED=" << seed);
        CHECK(judge.first() == "");
    }
}

TEST_CASE("a pipeline disturbed by workers and threads keeps its accounts, stress_mt (K17, M30)") {
    threads outside;
    for (const unsigned workers : {2U, 3U, 4U}) {
        verdict judge;
        support::run_mt(workers, workers, [&]() -> covey::task<> {
            dice random(workers);
            for (std::size_t i = support::rounds(400); i > 0 && judge.first().empty(); --i) {
                pipeline round(dice(random.roll(~std::uint64_t{0})), judge, &outside);
                co_await round.run();
            }
        });
        CHECK(judge.first() == "");
    }
}
