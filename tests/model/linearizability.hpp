// SPDX-License-Identifier: BSL-1.0
#pragma once

// Whether what several parties saw of channels that they used at once can have happened in some
// order: one step of the model for each call, between the call's begin and its end. The search is
// Wing and Gong's, and remembers the states from which nothing was found.
//
// A call that waits takes two steps: its own, which puts it into the queue, and that of whoever
// ends its wait, which must come before it returned. So the order of those who wait is checked as
// well as the values.

#include "model/channel_model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace model {

struct call {
    enum class kind : std::uint8_t {
        send,
        receive,
        try_send,
        try_receive,
        close,
        clone,
        cancel,
        select,
        look,
    };
    kind what;
    std::size_t party;
    std::vector<use> uses;  // select: all its cases; cancel: none; else the one end
    std::size_t other = 0;  // clone: the end that it makes; cancel: the call that it cancels

    // What was seen. A call that was never made has no end.
    std::uint64_t began = 0, ended = 0;
    outcome seen = {};
};
using history = std::vector<call>;

// The statistics of one instant as a number: open senders and receivers, values, waiting senders
// and receivers, a hexadecimal digit each.
inline int figures_of(const covey::channel_statistics& seen) {
    const std::size_t digits = (((seen.open_send_channels * 16 + seen.open_receive_channels) * 16 +
                                 seen.current_buffer_used) *
                                    16 +
                                seen.tasks_waiting_send) *
                                   16 +
                               seen.tasks_waiting_receive;
    return static_cast<int>(digits);
}

inline std::string figures_text(int figures) {
    constexpr const char* names[] = {"senders", "receivers", "values", "wait to send",
                                     "wait to receive"};
    std::string text;
    for (int place = 0; place < 5; ++place)
        text += std::to_string((figures >> (4 * (4 - place))) & 15) + " " + names[place] +
                (place < 4 ? ", " : "");
    return text;
}

inline bool waits(call::kind what) {
    return what == call::kind::send || what == call::kind::receive || what == call::kind::select;
}

inline std::string to_string(const call& shown) {
    constexpr const char* names[] = {"send",  "receive", "try_send", "try_receive", "close",
                                     "clone", "cancel",  "select",   "look at"};
    std::string text = names[static_cast<std::size_t>(shown.what)];
    for (const use& each : shown.uses) {
        text += (each.value != 0 ? " " + std::to_string(each.value) + " to e" : " e") +
                std::to_string(each.end);
    }
    if (shown.what == call::kind::clone) text += " as e" + std::to_string(shown.other);
    if (shown.what == call::kind::cancel) text += " call " + std::to_string(shown.other);
    return text;
}

// A line for each call: its time, what it was, and what it gave.
inline std::string to_string(const history& all) {
    std::string text;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const call& each = all[i];
        text += "\n  " + std::to_string(i) + "  party " + std::to_string(each.party) + "  ";
        if (each.ended == 0) {
            text += to_string(each) + ": not made";
            continue;
        }
        text += std::to_string(each.began) + ".." + std::to_string(each.ended) + "  " +
                to_string(each) + ": " + to_string(each.seen);
        if (each.what == call::kind::look) text += " " + figures_text(each.seen.value);
        if (each.what == call::kind::select) text += ", case " + std::to_string(each.seen.place);
    }
    return text;
}

class linearizer {
 public:
    linearizer(const channels& initial, const history& seen) : history_(seen) {
        state start{initial};
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if (history_[i].ended != 0) continue;
            start.begun |= bit(i);
            start.over |= bit(i);
        }
        found_ = is_explained(start);
    }

    // Whether there is an order that explains everything.
    [[nodiscard]] bool found() const { return found_; }
    [[nodiscard]] std::size_t states() const { return refused_.size(); }

 private:
    struct state {
        channels world;
        std::uint64_t begun = 0;      // calls that have taken their own step
        std::uint64_t over = 0;       // and those whose outcome is decided
        std::uint64_t cancelled = 0;  // calls whose scope is

        [[nodiscard]] std::string text() const {
            std::string result;
            for (const std::uint64_t set : {begun, over, cancelled})
                result.append(reinterpret_cast<const char*>(&set), sizeof(set));
            world.write_to(result);
            return result;
        }
    };

    static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << i; }

    bool is_explained(const state& from) {
        if (from.over == bit(history_.size()) - 1) return true;
        std::string key = from.text();
        if (refused_.contains(key)) return false;
        const std::uint64_t latest = end_of_first_open(from);
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if ((from.begun & bit(i)) != 0 || history_[i].began > latest) continue;
            state next = from;
            if (take_step(next, i) && is_explained(next)) return true;
        }
        refused_.insert(std::move(key));
        return false;
    }

    // Nothing that began after this may come before the call that ended then.
    [[nodiscard]] std::uint64_t end_of_first_open(const state& in) const {
        std::uint64_t first = ~std::uint64_t{0};
        for (std::size_t i = 0; i < history_.size(); ++i)
            if ((in.over & bit(i)) == 0) first = std::min(first, history_[i].ended);
        return first;
    }

    // False: then it would have given something else.
    bool take_step(state& in, std::size_t i) const {
        const call& each = history_[i];
        in.begun |= bit(i);
        switch (each.what) {
            case call::kind::send:
            case call::kind::receive:
            case call::kind::select:
                if (!start(in, i)) return false;
                break;
            case call::kind::try_send:
            case call::kind::try_receive: {
                outcome now = in.world.take_effect(each.uses[0]);
                if (now.what == outcome::kind::waits) now = {outcome::kind::would_block};
                if (!decide(in, i, now)) return false;
                break;
            }
            case call::kind::close:
                in.world.close(each.uses[0].end);
                if (!decide(in, i, {outcome::kind::done})) return false;
                break;
            case call::kind::clone:
                if (!decide(in, i, in.world.clone(each.uses[0].end, each.other))) return false;
                break;
            case call::kind::cancel:
                in.cancelled |= bit(each.other);
                in.world.cancel(each.other);
                if (!decide(in, i, {outcome::kind::done})) return false;
                break;
            case call::kind::look: {
                const auto now = in.world.statistics_at(each.uses[0].end);
                if (!decide(in, i, {outcome::kind::done, 0, figures_of(now)})) return false;
                break;
            }
        }
        const auto ended = std::exchange(in.world.finished, {});
        return std::all_of(ended.begin(), ended.end(), [&](const auto& one) {
            return (in.over & bit(one.first)) != 0 || decide(in, one.first, one.second);
        });
    }

    bool start(state& in, std::size_t i) const {
        const call& each = history_[i];
        if ((in.cancelled & bit(i)) != 0) return decide(in, i, {outcome::kind::cancelled});
        bool is_ready = false;
        for (std::size_t place = 0; place < each.uses.size(); ++place) {
            outcome now = in.world.look(each.uses[place]);
            if (now.what == outcome::kind::waits) continue;
            is_ready = true;
            if (now.what != outcome::kind::closed && now.what != outcome::kind::broken &&
                now.what != outcome::kind::full)
                now.place = place;
            if (now != each.seen) continue;  // of those that are ready, any may be chosen
            in.world.take_effect(each.uses[place]);
            return decide(in, i, now);
        }
        if (is_ready) return false;
        for (std::size_t place = 0; place < each.uses.size(); ++place)
            in.world.wait(i, place, each.uses[place]);
        return true;
    }

    bool decide(state& in, std::size_t i, const outcome& how) const {
        in.over |= bit(i);
        return how == history_[i].seen;
    }

    const history& history_;
    std::unordered_set<std::string> refused_;
    bool found_ = false;
};

}  // namespace model
