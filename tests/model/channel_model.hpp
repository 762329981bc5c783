// SPDX-License-Identifier: BSL-1.0
#pragma once

// What memory channels are, without a lock or a pointer: for each one a queue of values and two of
// those who wait, and the close matrix. A step is one operation that takes effect; those whose wait
// it ends are told in `finished`. It can be broken on purpose, to see that a test notices.

#include <covey/channel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace model {

// What became of an operation.
struct outcome {
    enum class kind : std::uint8_t {
        waits,
        sent,
        received,
        would_block,
        full,
        closed,
        broken,
        ended,
        cancelled,
        done,
    };
    kind what = kind::waits;
    std::size_t place = 0;  // of a select: which case was it
    int value = 0;          // of what was received

    friend bool operator==(const outcome&, const outcome&) = default;
};

inline std::string to_string(const outcome& seen) {
    using kind = outcome::kind;
    switch (seen.what) {
        case kind::waits: return "waits";
        case kind::sent: return "sent";
        case kind::received: return "got " + std::to_string(seen.value);
        case kind::would_block: return "would block";
        case kind::full: return "full";
        case kind::closed: return "closed";
        case kind::broken: return "broken";
        case kind::ended: return "end";
        case kind::cancelled: return "cancelled";
        case kind::done: break;
    }
    return "done";
}

// A send or a receive through one end, alone or as a case of a select.
struct use {
    std::size_t end;
    int value = 0;  // to be sent
};

enum class fault : std::uint8_t {
    none,
    newest_value_first,
    last_receiver_first,
    last_sender_first,
    cancelled_sender_stays,
    ends_before_it_is_empty,
    sender_is_overtaken,
};
inline constexpr fault all_faults[] = {
    fault::newest_value_first,     fault::last_receiver_first,     fault::last_sender_first,
    fault::cancelled_sender_stays, fault::ends_before_it_is_empty, fault::sender_is_overtaken};

class channels {
 public:
    explicit channels(fault broken = fault::none) : fault_(broken) {}

    // The numbers of its two ends.
    std::pair<std::size_t, std::size_t> open(std::size_t capacity, covey::overflow policy) {
        const std::size_t number = all_.size();
        all_.push_back({.capacity = capacity, .policy = policy});
        ends_.push_back({number, true, true});
        ends_.push_back({number, false, true});
        return {ends_.size() - 2, ends_.size() - 1};
    }

    // Who waited for what the steps have done, to be taken away by the caller.
    std::vector<std::pair<std::size_t, outcome>> finished;

    [[nodiscard]] std::size_t count_ends() const { return ends_.size(); }
    [[nodiscard]] bool sends(std::size_t end) const { return ends_[end].sends; }
    [[nodiscard]] bool is_open(std::size_t end) const {
        return end < ends_.size() && ends_[end].is_open;
    }
    [[nodiscard]] std::size_t count_open(std::size_t of_channel, bool senders) const {
        return static_cast<std::size_t>(
            std::count_if(ends_.begin(), ends_.end(), [&](const endpoint& each) {
                return each.is_open && each.channel == of_channel && each.sends == senders;
            }));
    }

    // What it would give at once. Nothing changes.
    [[nodiscard]] outcome look(const use& wanted) const {
        return sends(wanted.end) ? look_at_sending(wanted) : look_at_receiving(wanted);
    }

    // Takes effect if it can at once, and gives what look() would.
    outcome take_effect(const use& wanted) {
        const outcome now = look(wanted);
        if (now.what == outcome::kind::sent) send(channel_of(wanted), wanted.value);
        if (now.what == outcome::kind::received) receive(channel_of(wanted));
        return now;
    }

    // Operation `who` waits for this as its case `place`; and likewise for others.
    void wait(std::size_t who, std::size_t place, const use& wanted) {
        channel& on = channel_of(wanted);
        (sends(wanted.end) ? on.senders : on.receivers)
            .push_back({who, place, wanted.end, wanted.value});
    }
    void cancel(std::size_t who) {
        const bool was_waiting = std::any_of(all_.begin(), all_.end(), [who](const channel& each) {
            const auto is_it = [who](const waiter& one) { return one.who == who; };
            return std::any_of(each.senders.begin(), each.senders.end(), is_it) ||
                   std::any_of(each.receivers.begin(), each.receivers.end(), is_it);
        });
        if (!was_waiting) return;
        finished.push_back({who, {outcome::kind::cancelled}});
        leave(who, fault_ == fault::cancelled_sender_stays);
    }

    outcome clone(std::size_t original, std::size_t fresh) {
        if (!is_open(original)) return {outcome::kind::closed};
        if (ends_.size() <= fresh) ends_.resize(fresh + 1);
        ends_[fresh] = {ends_[original].channel, ends_[original].sends, true};
        return {outcome::kind::done};
    }
    void close(std::size_t closing) {
        if (!std::exchange(ends_[closing].is_open, false)) return;
        const bool senders = sends(closing);
        const std::size_t number = ends_[closing].channel;
        channel& on = all_[number];
        end_waits(senders ? on.senders : on.receivers, &closing, outcome::kind::closed);
        if (count_open(number, senders) != 0) return;
        end_waits(senders ? on.receivers : on.senders, nullptr,
                  senders ? outcome::kind::ended : outcome::kind::broken);
        if (!senders) on.buffer.clear();
    }

    [[nodiscard]] covey::channel_statistics statistics(std::size_t number) const {
        const channel& on = all_[number];
        return {on.buffer.size(),
                on.capacity,
                count_open(number, true),
                count_open(number, false),
                on.senders.size(),
                on.receivers.size(),
                on.peak,
                on.dropped};
    }

    [[nodiscard]] covey::channel_statistics statistics_at(std::size_t end) const {
        return statistics(ends_[end].channel);
    }

    // The same text for states from which the same can follow.
    void write_to(std::string& text) const {
        const auto put = [&text](std::size_t number) { text += static_cast<char>(number); };
        for (const endpoint& each : ends_) put(each.is_open ? 1 : 0);
        for (const channel& each : all_) {
            put(each.buffer.size());
            for (const int value : each.buffer) put(static_cast<std::size_t>(value));
            for (const auto* queue : {&each.senders, &each.receivers}) {
                put(queue->size());
                for (const waiter& one : *queue) {
                    put(one.who);
                    put(one.place);
                }
            }
        }
    }

 private:
    struct endpoint {
        std::size_t channel = 0;
        bool sends = false;
        bool is_open = false;
    };
    struct waiter {
        std::size_t who, place, end;
        int value;
    };
    struct channel {
        std::size_t capacity = 0;
        covey::overflow policy = covey::overflow::block;
        std::vector<int> buffer = {};
        std::vector<waiter> senders = {}, receivers = {};
        std::size_t peak = 0, dropped = 0;
    };

    channel& channel_of(const use& wanted) { return all_[ends_[wanted.end].channel]; }
    [[nodiscard]] const channel& channel_of(const use& wanted) const {
        return all_[ends_[wanted.end].channel];
    }

    [[nodiscard]] outcome look_at_sending(const use& wanted) const {
        using kind = outcome::kind;
        const channel& on = channel_of(wanted);
        if (!is_open(wanted.end)) return {kind::closed};
        if (count_open(ends_[wanted.end].channel, false) == 0) return {kind::broken};
        if (!on.receivers.empty() || on.buffer.size() < on.capacity) return {kind::sent};
        switch (on.policy) {
            case covey::overflow::block: return {kind::waits};
            case covey::overflow::fail: return {kind::full};
            case covey::overflow::drop_newest:
            case covey::overflow::drop_oldest: break;
        }
        return {kind::sent};
    }
    [[nodiscard]] outcome look_at_receiving(const use& wanted) const {
        using kind = outcome::kind;
        const channel& on = channel_of(wanted);
        if (!is_open(wanted.end)) return {kind::closed};
        const bool has_ended = count_open(ends_[wanted.end].channel, true) == 0;
        if (has_ended && fault_ == fault::ends_before_it_is_empty) return {kind::ended};
        if (!on.buffer.empty())
            return {kind::received, 0,
                    fault_ == fault::newest_value_first ? on.buffer.back() : on.buffer.front()};
        if (!on.senders.empty())
            return {kind::received, 0, on.senders[next_of(on.senders, false)].value};
        return {has_ended ? kind::ended : kind::waits};
    }

    void send(channel& on, int value) {
        if (!on.receivers.empty()) {
            finish(on.receivers[next_of(on.receivers, true)], outcome::kind::received, value);
            return;
        }
        if (on.buffer.size() < on.capacity) {
            on.buffer.push_back(value);
            on.peak = std::max(on.peak, on.buffer.size());
            return;
        }
        ++on.dropped;
        if (on.policy != covey::overflow::drop_oldest || on.capacity == 0) return;
        on.buffer.erase(on.buffer.begin());
        on.buffer.push_back(value);
    }
    // A value leaves, and who has waited longest sends into the place.
    void receive(channel& on) {
        if (on.buffer.empty()) {
            finish(on.senders[next_of(on.senders, false)], outcome::kind::sent, 0);
            return;
        }
        on.buffer.erase(fault_ == fault::newest_value_first ? on.buffer.end() - 1
                                                            : on.buffer.begin());
        if (on.senders.empty() || fault_ == fault::sender_is_overtaken) return;
        const waiter first = on.senders[next_of(on.senders, false)];
        on.buffer.push_back(first.value);
        finish(first, outcome::kind::sent, 0);
    }

    [[nodiscard]] std::size_t next_of(const std::vector<waiter>& queue, bool receivers) const {
        const fault reversed = receivers ? fault::last_receiver_first : fault::last_sender_first;
        return fault_ == reversed ? queue.size() - 1 : 0;
    }
    void finish(const waiter who, outcome::kind how, int value) {
        const bool is_case = how != outcome::kind::closed && how != outcome::kind::broken;
        finished.push_back({who.who, {how, is_case ? who.place : 0, value}});
        leave(who.who);
    }
    void leave(std::size_t who, bool stays_a_sender = false) {
        const auto is_it = [who](const waiter& each) { return each.who == who; };
        for (channel& each : all_) {
            if (!stays_a_sender) std::erase_if(each.senders, is_it);
            std::erase_if(each.receivers, is_it);
        }
    }
    void end_waits(const std::vector<waiter>& queue, const std::size_t* through,
                   outcome::kind how) {
        for (std::size_t i = 0; i < queue.size();) {
            if (through != nullptr && queue[i].end != *through) {
                ++i;
                continue;
            }
            finish(queue[i], how, 0);  // takes out all that this one waits for
            i = 0;
        }
    }

    fault fault_;
    std::vector<channel> all_;
    std::vector<endpoint> ends_;
};

}  // namespace model
