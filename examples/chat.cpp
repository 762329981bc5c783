// SPDX-License-Identifier: BSL-1.0
// A chat: a room is a topic, a member is an actor that subscribes to it. Each member reads at their
// own pace through a channel of their own; what happens when that is full is each one's choice. One
// member crashes, and comes back.
//
// Ends with 1 if a line isn't accounted for.

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct line {
    std::size_t number;
    std::string from;
    std::string text;
};

using room = covey::topic<line>;

// How a member listens.
struct habits {
    covey::duration reading;  // of one line
    std::size_t capacity;
    covey::overflow when_full;
};

// What somebody has heard, by the numbers of the lines, and how many were dropped.
struct ear {
    std::vector<std::size_t> heard;
    std::size_t dropped = 0;
    bool was_thrown_out = false;
};

struct say {
    line what;
};

class member : public covey::actor {
 public:
    member(std::string name, habits own, room& place, ear& kept)
        : name_(std::move(name)), own_(own), room_(place), ear_(kept) {}

    covey::task<std::size_t> handle(say each) { co_return co_await room_.publish(each.what); }

 protected:
    // Who reads is a task of this incarnation: it ends with it, and if it fails, so does the
    // member.
    covey::task<> on_start() override {
        children().start_soon(&member::read, this, room_.subscribe(own_.capacity, own_.when_full));
        co_return;
    }

 private:
    covey::task<> read(covey::receive_channel<line> lines) {
        while (auto each = co_await lines.next()) {
            ear_.heard.push_back(each->number);
            ear_.dropped = lines.statistics().dropped;
            if (name_ == "Robo" && each->text == "42/0?") throw std::domain_error("by zero");
            co_await covey::sleep_for(own_.reading);
        }
        ear_.was_thrown_out = true;
    }

    const std::string name_;
    const habits own_;
    room& room_;
    ear& ear_;
};

constexpr std::size_t line_count = 16;

// A line each half second, by the two in turn.
covey::task<> talk(covey::actor_ref<member> ada, covey::actor_ref<member> ben) {
    fmt::print("  line    ");
    for (std::size_t number = 1; number <= line_count; ++number) fmt::print("{:>3}", number);
    fmt::print("\n  taken by");
    for (std::size_t number = 1; number <= line_count; ++number) {
        const auto& speaker = number % 2 == 1 ? ada : ben;
        const line next{number, speaker.name(), number == 6 ? "42/0?" : "hello"};
        const std::size_t listeners = co_await speaker.ask(say{next});
        fmt::print("{:>3}", listeners);
        co_await covey::sleep_for(500ms);
    }
    fmt::print("\n\n");
}

using ears = std::map<std::string, ear>;

covey::task<> meet(ears& all) {
    constexpr habits fast = {0s, 4, covey::overflow::block};
    constexpr habits slow_and_late = {2s, 2, covey::overflow::drop_oldest};
    constexpr habits slow_and_strict = {2s, 2, covey::overflow::fail};
    const covey::supervisor_options options = {.backoff = {.first = 1s, .jitter = 0}};
    room lobby;
    co_await covey::with_supervisor(options, [&](covey::supervisor& chat) -> covey::task<> {
        const auto enter = [&](std::string_view name, habits own) {
            return covey::start_actor<member>(chat, {.name = name}, std::string(name), own,
                                              std::ref(lobby), std::ref(all[std::string(name)]));
        };
        const auto ada = co_await enter("Ada", fast);
        const auto ben = co_await enter("Ben", fast);
        co_await enter("Cleo", slow_and_late);
        co_await enter("Dan", slow_and_strict);
        co_await enter("Robo", fast);
        co_await talk(ada, ben);
        co_await covey::sleep_for(5s);  // until Cleo has read what she has
        chat.stop_all();
    });
}

void print(const ears& all) {
    for (const auto& [name, each] : all) {
        std::vector<std::string> cells(line_count, "  ·");
        for (const std::size_t number : each.heard) cells[number - 1] = "  ●";
        std::string text = fmt::format("  {:<8}", name);
        for (const std::string& cell : cells) text += cell;
        fmt::print("{}  {:>2} heard, {:>2} dropped{}\n", text, each.heard.size(), each.dropped,
                   each.was_thrown_out ? ", thrown out" : "");
    }
}

// Whether every line is where it has to be.
bool is_right(const ears& all) {
    bool right = true;
    for (const char* attentive : {"Ada", "Ben"})
        right &= all.at(attentive).heard.size() == line_count;
    const ear& cleo = all.at("Cleo");
    right &= cleo.heard.size() + cleo.dropped == line_count && cleo.heard.back() == line_count;
    const ear& dan = all.at("Dan");
    right &= dan.was_thrown_out && dan.heard.back() == dan.heard.size();  // up to some line, all
    const ear& robo = all.at("Robo");
    right &= robo.heard.size() < line_count && robo.heard.back() == line_count;
    return right;
}

}  // namespace

int main() {
    ears all;
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, meet, std::ref(all));
    print(all);
    return is_right(all) ? 0 : 1;
}
