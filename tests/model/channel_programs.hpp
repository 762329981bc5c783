// SPDX-License-Identifier: BSL-1.0
#pragma once

// Random programs of three parties on one or two small channels, for channel_stage.hpp to play.

#include "model/linearizability.hpp"
#include "support/dice.hpp"

#include <covey/channel.hpp>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace model {

using support::dice;

enum class crew : std::uint8_t { tasks, threads, both };

inline constexpr std::size_t parties = 3;

struct channel_program {
    struct shape {
        std::size_t capacity;
        covey::overflow policy;
    };
    std::vector<shape> channels;  // the ends of the n-th are 2n and 2n + 1
    std::size_t ends = 0;         // those, and one for each clone
    std::array<bool, parties> is_task{};
    history calls;                              // each party's in their order
    std::array<std::uint64_t, parties> pace{};  // seeds of their delays

    [[nodiscard]] static bool sends(std::size_t end) { return end % 2 == 0; }

    [[nodiscard]] model::channels fresh_model(fault broken = fault::none) const {
        model::channels result(broken);
        for (const shape& each : channels)
            static_cast<void>(result.open(each.capacity, each.policy));
        return result;
    }
    [[nodiscard]] std::string text() const {
        constexpr const char* names[] = {"block", "drop_newest", "drop_oldest", "fail"};
        std::string result;
        for (std::size_t i = 0; i < channels.size(); ++i)
            result += "\n  e" + std::to_string(2 * i) + " sends to e" + std::to_string(2 * i + 1) +
                      ", capacity " + std::to_string(channels[i].capacity) + ", " +
                      names[static_cast<std::size_t>(channels[i].policy)];
        for (std::size_t i = 0; i < parties; ++i)
            result += "\n  party " + std::to_string(i) + (is_task[i] ? ": task" : ": thread");
        return result;
    }
};

// Draws programs. An end's number says what it is: even ones send.
class channel_program_maker {
 public:
    channel_program_maker(std::uint64_t seed, crew who) : random_(seed) {
        for (std::uint64_t left = 1 + random_.roll(2); left != 0; --left) {
            const auto policy = random_.roll(2) == 0
                                    ? covey::overflow::block
                                    : static_cast<covey::overflow>(random_.roll(4));
            made_.channels.push_back({random_.roll(3), policy});
        }
        made_.ends = 2 * made_.channels.size();
        for (std::size_t party = 0; party < parties; ++party) {
            made_.is_task[party] =
                who == crew::tasks || (who == crew::both && random_.roll(2) == 0);
            made_.pace[party] = random_.roll(~std::uint64_t{0});
            add_calls(party);
        }
        aim_cancellations();
    }
    [[nodiscard]] channel_program take() { return std::move(made_); }

 private:
    using kind = call::kind;

    void add_calls(std::size_t party) {
        own_.clear();
        for (std::size_t end = 0; end < 2 * made_.channels.size(); ++end) own_.push_back(end);
        for (std::uint64_t left = 2 + random_.roll(3); left != 0; --left)
            made_.calls.push_back(any_call(party));
    }
    call any_call(std::size_t party) {
        const std::uint64_t roll = random_.roll(made_.is_task[party] ? 22 : 17);
        if (roll < 4) return {kind::send, party, {sending(0)}};
        if (roll < 8) return {kind::receive, party, {{any_end(false)}}};
        if (roll < 10) return {kind::try_send, party, {sending(0)}};
        if (roll < 13) return {kind::try_receive, party, {{any_end(false)}}};
        if (roll < 14) return {kind::close, party, {{any_end(random_.roll(2) == 0)}}};
        if (roll < 15) return clone(party);
        if (roll < 17) return {kind::look, party, {{any_end(true)}}};
        if (roll < 19) return {kind::cancel, party, {}};
        return {kind::select, party, {any_use(0), any_use(1)}};
    }
    call clone(std::size_t party) {
        const std::size_t original = own_[random_.roll(own_.size())];
        // Numbers are even for senders: one may be left out.
        made_.ends += made_.ends % 2 == original % 2 ? 0 : 1;
        const std::size_t fresh = made_.ends++;
        own_.push_back(fresh);
        return {kind::clone, party, {{original}}, fresh};
    }
    std::size_t any_end(bool sender) {
        for (;;) {
            const std::size_t end = own_[random_.roll(own_.size())];
            if (channel_program::sends(end) == sender) return end;
        }
    }
    use any_use(std::size_t place) {
        return random_.roll(2) == 0 ? sending(place) : use{any_end(false)};
    }
    use sending(std::size_t place) {  // each value once, and it fits a byte
        return {any_end(true), static_cast<int>(2 * made_.calls.size() + place + 1)};
    }

    // Each cancels a call of another party that may wait.
    void aim_cancellations() {
        for (call& each : made_.calls) {
            if (each.what != kind::cancel) continue;
            std::vector<std::size_t> targets;
            for (std::size_t i = 0; i < made_.calls.size(); ++i) {
                const call& target = made_.calls[i];
                if (waits(target.what) && target.party != each.party && made_.is_task[target.party])
                    targets.push_back(i);
            }
            if (targets.empty())
                each = {kind::try_receive, each.party, {{1}}};
            else
                each.other = targets[random_.roll(targets.size())];
        }
    }

    dice random_;
    channel_program made_;
    std::vector<std::size_t> own_;  // the ends that the party may use
};

}  // namespace model
