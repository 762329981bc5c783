// SPDX-License-Identifier: BSL-1.0
#pragma once

// Plays programs on real channels: each party is a task of a run with several workers, or an
// ordinary thread. What they saw, and when, makes the program a history for linearizability.hpp.

#include "model/channel_programs.hpp"
#include "support/race.hpp"
#include "support/scope_slot.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/select.hpp>
#include <covey/timeout.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace model {

// The two kinds of values that channels tell apart: those that are moved by their type, and words,
// which are copied in a short cut.
using boxed = std::unique_ptr<std::uint64_t>;
using word = std::uint64_t;

template <class Value>
Value value_of(int number) {
    const auto wide = static_cast<std::uint64_t>(number);
    if constexpr (std::is_same_v<Value, boxed>)
        return std::make_unique<std::uint64_t>(wide);
    else
        return wide;
}
inline int number_of(const boxed& value) { return static_cast<int>(*value); }
inline int number_of(word value) { return static_cast<int>(value); }

// One performance. The parties use their ends at once; when none of them can go on, the stage
// closes what sends, takes out what is left, and both are calls of a party more.
template <class Value>
class stage {
 public:
    explicit stage(channel_program& played)
        : program_(played), ends_(played.ends), scopes_(played.calls.size()) {
        for (std::size_t i = 0; i < program_.channels.size(); ++i) {
            const auto [capacity, policy] = program_.channels[i];
            auto [tx, rx] = covey::open_memory_channel<Value>(capacity, policy);
            ends_[2 * i].publish(std::move(tx));
            ends_[2 * i + 1].publish(std::move(rx));
        }
    }

    // With all parties as threads, outside of any run.
    void play(std::array<support::foreign_thread, parties>& threads) {
        for (std::size_t party = 0; party < parties; ++party)
            threads[party].post([this, party] { act_as_thread(party); });
        while (!help_to_end()) std::this_thread::yield();
        finish();
    }
    covey::task<> play_in_run(std::array<support::foreign_thread, parties>& threads) {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            for (std::size_t party = 0; party < parties; ++party) {
                if (program_.is_task[party])
                    nursery.start_soon([this, party] { return act_as_task(party); });
                else
                    threads[party].post([this, party] { act_as_thread(party); });
            }
            while (!help_to_end()) co_await let_others_run();
        });
        finish();
    }

    // What is wrong without any model; "" is right.
    [[nodiscard]] std::string fault() const { return judge_.first(); }

 private:
    using kind = call::kind;

    struct end_slot {
        std::optional<covey::send_channel<Value>> tx;
        std::optional<covey::receive_channel<Value>> rx;
        std::atomic<bool> is_there = false;
        bool is_closed_at_the_end = false;

        void publish(covey::send_channel<Value> end) {
            tx.emplace(std::move(end));
            is_there = true;
        }
        void publish(covey::receive_channel<Value> end) {
            rx.emplace(std::move(end));
            is_there = true;
        }
    };

    std::uint64_t stamp() noexcept { return clock_.fetch_add(1) + 1; }

    // ---- What all parties do

    void act_as_thread(std::size_t party) {
        ++present_;
        while (present_ < parties) std::this_thread::yield();
        dice delays(program_.pace[party]);
        for (std::size_t i = 0; i < program_.calls.size(); ++i) {
            call& mine = program_.calls[i];
            if (mine.party != party || !has_ends(mine)) continue;
            support::dawdle(delays);
            if (waits(mine.what))
                block_in(mine);
            else
                make_at_once(mine);
        }
        ++gone_;
    }
    covey::task<> act_as_task(std::size_t party) {
        ++present_;
        while (present_ < parties) co_await let_others_run();
        dice delays(program_.pace[party]);
        for (std::size_t i = 0; i < program_.calls.size(); ++i) {
            call& mine = program_.calls[i];
            if (mine.party != party || !has_ends(mine)) continue;
            support::dawdle(delays);
            if (waits(mine.what))
                co_await await(mine, scopes_[i], delays);
            else
                make_at_once(mine);
        }
        ++gone_;
    }
    // Threads as well: there may be more of them than cores.
    static covey::checkpoint_operation let_others_run() {
        std::this_thread::yield();
        return covey::checkpoint();
    }
    // A clone that was refused isn't there.
    [[nodiscard]] bool has_ends(const call& asked) const {
        return std::all_of(asked.uses.begin(), asked.uses.end(),
                           [this](const use& each) { return ends_[each.end].is_there.load(); });
    }

    void make_at_once(call& mine) {
        mine.began = stamp();
        switch (mine.what) {
            case kind::try_send: mine.seen = try_send(mine.uses[0]); break;
            case kind::try_receive: mine.seen = try_receive(mine.uses[0].end); break;
            case kind::close: close(mine.uses[0].end); break;
            case kind::clone: mine.seen = clone(mine.uses[0].end, mine.other); break;
            case kind::look:
                mine.seen = {outcome::kind::done, 0,
                             figures_of(ends_[mine.uses[0].end].tx->statistics())};
                break;
            case kind::cancel:
                if (!scopes_[mine.other].cancel()) return;  // nothing to cancel yet: not made
                break;
            default: break;
        }
        if (mine.what == kind::close || mine.what == kind::cancel)
            mine.seen = {outcome::kind::done};
        mine.ended = stamp();
    }
    outcome try_send(const use& wanted) {
        Value value = value_of<Value>(wanted.value);
        const outcome seen = outcome_of([&]() -> outcome {
            const bool sent = ends_[wanted.end].tx->try_send(std::move(value));
            return {sent ? outcome::kind::sent : outcome::kind::would_block};
        });
        expect_kept(value, seen);
        return seen;
    }
    outcome try_receive(std::size_t end) {
        return outcome_of([&]() -> outcome {
            const std::optional<Value> value = ends_[end].rx->try_receive();
            if (!value) return {outcome::kind::would_block};
            return {outcome::kind::received, 0, number_of(*value)};
        });
    }
    void close(std::size_t end) {
        if (channel_program::sends(end))
            ends_[end].tx->close();
        else
            ends_[end].rx->close();
    }
    outcome clone(std::size_t original, std::size_t fresh) {
        return outcome_of([&]() -> outcome {
            if (channel_program::sends(original))
                ends_[fresh].publish(ends_[original].tx->clone());
            else
                ends_[fresh].publish(ends_[original].rx->clone());
            return {outcome::kind::done};
        });
    }

    void block_in(call& mine) {
        const use& wanted = mine.uses[0];
        mine.began = stamp();
        mine.seen = outcome_of([&]() -> outcome {
            if (mine.what == kind::send) {
                ends_[wanted.end].tx->send_blocking(value_of<Value>(wanted.value));
                return {outcome::kind::sent};
            }
            return received(0, ends_[wanted.end].rx->receive_blocking());
        });
        mine.ended = stamp();
    }

    // Sometimes long enough for a cancellation to come first.
    static void pause_before_it(dice& delays) {
        for (std::uint64_t left = delays.roll(4) == 0 ? 40 : 1; left != 0; --left)
            support::dawdle(delays);
    }
    covey::task<> await(call& mine, support::scope_slot& scope, dice& delays) {
        mine.seen = {outcome::kind::cancelled};
        const bool finished =
            co_await covey::with_cancel_scope([&](covey::cancel_scope& own) -> covey::task<> {
                scope.set(own.handle());
                pause_before_it(delays);
                mine.began = stamp();
                try {
                    if (mine.what == kind::select)
                        co_await select(mine);
                    else
                        co_await send_or_receive(mine);
                } catch (...) {
                    mine.seen = outcome_of([]() -> outcome { throw; });
                }
            });
        mine.ended = stamp();
        judge_.require(finished == (mine.seen.what != outcome::kind::cancelled),
                       "a scope that caught a cancellation had something to cancel");
    }
    covey::task<> send_or_receive(call& mine) {
        const use& wanted = mine.uses[0];
        if (mine.what == kind::receive) {
            const std::optional<Value> value = co_await ends_[wanted.end].rx->next();
            mine.seen = received(0, value);
            co_return;
        }
        kept offered(*this, mine, 0);
        co_await ends_[wanted.end].tx->send_from(offered.value);
        mine.seen = {outcome::kind::sent};
    }
    covey::task<> select(call& mine) {
        // Two cases of any kind, out of two of each: the others are switched off.
        const use& first = mine.uses[0];
        const use& second = mine.uses[1];
        kept first_value(*this, mine, 0), second_value(*this, mine, 1);
        const auto sends = [](const use& each) { return channel_program::sends(each.end); };
        const auto tx = [&](const use& each) -> const covey::send_channel<Value>& {
            return *ends_[sends(each) ? each.end : 0].tx;
        };
        const auto rx = [&](const use& each) -> const covey::receive_channel<Value>& {
            return *ends_[sends(each) ? 1 : each.end].rx;
        };
        const auto which = co_await covey::select(
            covey::send_to(tx(first), first_value.value).when(sends(first)),
            covey::receive_from(rx(first)).when(!sends(first)),
            covey::send_to(tx(second), second_value.value).when(sends(second)),
            covey::receive_from(rx(second)).when(!sends(second)));
        switch (which.index()) {
            case 0: mine.seen = {outcome::kind::sent, 0}; break;
            case 1: mine.seen = received(0, std::get<1>(which)); break;
            case 2: mine.seen = {outcome::kind::sent, 1}; break;
            default: mine.seen = received(1, std::get<3>(which));
        }
    }

    static outcome received(std::size_t place, const std::optional<Value>& value) {
        if (!value) return {outcome::kind::ended, place};
        return {outcome::kind::received, place, number_of(*value)};
    }
    template <class F>
    static outcome outcome_of(F attempt) {
        try {
            return attempt();
        } catch (const covey::closed_resource_error&) {
            return {outcome::kind::closed};
        } catch (const covey::broken_resource_error&) {
            return {outcome::kind::broken};
        } catch (const covey::channel_full_error&) {
            return {outcome::kind::full};
        } catch (const covey::end_of_channel&) {
            return {outcome::kind::ended};
        }
    }

    // ---- A value that is not sent is still there

    void expect_kept(const Value& value, const outcome& seen, std::size_t place = 0) {
        if constexpr (std::is_same_v<Value, boxed>) {
            const bool is_sent = seen.what == outcome::kind::sent && seen.place == place;
            judge_.require((value == nullptr) == is_sent,
                           "a value is moved from only when it is sent");
        }
    }
    // Looks when its frame goes: after a cancellation too.
    struct kept {
        kept(stage& on_stage, const call& of, std::size_t which)
            : in(on_stage),
              sender(of),
              place(which),
              value(value_of<Value>(of.uses[which].value)) {}
        kept(const kept&) = delete;
        kept& operator=(const kept&) = delete;
        ~kept() { in.expect_kept(value, sender.seen, place); }

        stage& in;
        const call& sender;
        std::size_t place;
        Value value;
    };

    // ---- The end

    // True: everybody has gone. Who waits on an end of a channel that nobody can send to any more
    // goes on, so closing all senders is enough.
    bool help_to_end() {
        if (gone_ == parties) return true;
        std::size_t waiting = gone_;
        for (std::size_t i = 0; i < program_.channels.size(); ++i) {
            const covey::channel_statistics now = ends_[2 * i].tx->statistics();
            waiting += now.tasks_waiting_send + now.tasks_waiting_receive;
        }
        if (waiting >= parties) close_senders();
        return false;
    }
    void close_senders() {
        for (std::size_t end = 0; end < ends_.size(); end += 2) {
            if (!ends_[end].is_there || std::exchange(ends_[end].is_closed_at_the_end, true))
                continue;
            make_last({kind::close, parties, {{end}}});
        }
    }
    outcome make_last(call last) {
        make_at_once(last);
        last_calls_.push_back(last);
        return last.seen;
    }
    void finish() {
        close_senders();
        for (std::size_t end = 1; end < ends_.size(); end += 2) {
            if (!ends_[end].is_there) continue;
            while (make_last({kind::try_receive, parties, {{end}}}).what ==
                   outcome::kind::received) {
            }
        }
        for (const call& each : last_calls_) program_.calls.push_back(each);
    }

    channel_program& program_;
    std::deque<end_slot> ends_;
    std::deque<support::scope_slot> scopes_;  // of each call, if it waits
    history last_calls_;
    support::verdict judge_;
    std::atomic<std::uint64_t> clock_ = 0;
    std::atomic<std::size_t> present_ = 0, gone_ = 0;
};

}  // namespace model
