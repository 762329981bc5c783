// SPDX-License-Identifier: BSL-1.0
// How long a supervisor takes to close: what each child costs, what the order costs, and what
// bounds the whole. The runs of docs/guide/shutdown.md.

#include "timeline.hpp"

#include <covey/covey.hpp>
#include <covey/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>

using namespace std::chrono_literals;

namespace {

using seconds = std::chrono::duration<double>;

// Looks at the soft cancellation, so it ends when it is asked to.
covey::task<> serve_politely() { co_await covey::current_scope().until_soft_cancelled(); }

// Doesn't look, like most tasks: it ends when it is cancelled.
covey::task<> serve() { co_await covey::sleep_forever(); }

// Has something to finish first: it ends when that is done.
covey::task<> serve_and_finish() {
    co_await covey::current_scope().until_soft_cancelled();
    co_await covey::sleep_for(500ms);
}

// Cleans up behind a shield, with somebody who never answers: it ends when the shield is pierced.
covey::task<> serve_and_say_goodbye() {
    co_await covey::finally(covey::sleep_forever(), [] { return covey::sleep_forever(); });
}

using service = covey::task<> (*)();

// Starts children until a second has passed, and is then cancelled from outside.
template <class F>
covey::task<> show(const char* title, covey::supervisor_options options, F start_children) {
    std::optional<covey::supervisor_handle> log;
    const auto begin = covey::now();
    co_await covey::move_on_after(
        1s, covey::with_supervisor(options, [&](covey::supervisor& owner) -> covey::task<> {
            log = owner.handle();
            co_await start_children(owner);
        }));
    const seconds taken = covey::now() - begin - 1s;
    fmt::print("{}: {:g} s\n", title, taken.count());
    timeline::draw(log->events(), 125ms, covey::now());
}

covey::task<> four_kinds(covey::supervisor& owner) {
    const covey::duration grace = 1s;
    const covey::duration hard = 3s;
    co_await owner.start({.name = "goodbye", .grace = grace, .hard = hard}, serve_and_say_goodbye);
    co_await owner.start({.name = "deaf", .grace = grace, .hard = hard}, serve);
    co_await owner.start({.name = "finishes", .grace = grace, .hard = hard}, serve_and_finish);
    co_await owner.start({.name = "polite", .grace = grace, .hard = hard}, serve_politely);
}

// Three of a kind.
auto three(service what, covey::duration grace) {
    return [what, grace](covey::supervisor& owner) -> covey::task<> {
        for (const char* name : {"first", "second", "third"})
            co_await owner.start({.name = name, .grace = grace, .hard = 3s}, what);
    };
}

// The same three, under a supervisor of their own that is the child of another.
covey::task<> show_inner(const char* title, covey::duration hard) {
    std::optional<covey::supervisor_handle> log;
    const auto inner = [&]() -> covey::task<> {
        co_await covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
            log = owner.handle();
            co_await three(serve, 1s)(owner);
        });
    };
    const auto begin = covey::now();
    co_await covey::move_on_after(
        1s, covey::with_supervisor({}, [&](covey::supervisor& owner) -> covey::task<> {
            co_await owner.start({.name = "inner", .grace = 1s, .hard = hard}, inner);
        }));
    const seconds taken = covey::now() - begin - 1s;
    fmt::print("{}: {:g} s\n", title, taken.count());
    timeline::draw(log->events(), 125ms, covey::now());
}

struct form {};

class clerk : public covey::actor {
 public:
    covey::task<> handle(form) { co_await covey::sleep_for(750ms); }
};

// Five messages are in the mailbox, and the second one is being handled when it is cancelled.
covey::task<> show_mailbox(const char* title, covey::on_stop queued) {
    covey::actor_ref<clerk> desk;
    const auto begin = covey::now();
    co_await covey::move_on_after(
        1s, covey::with_supervisor({}, [&](covey::supervisor& office) -> covey::task<> {
            desk = co_await covey::start_actor<clerk>(office, {.name = "clerk", .on_stop = queued});
            for (int number = 1; number <= 5; ++number) co_await desk.tell(form{});
        }));
    const seconds taken = covey::now() - begin - 1s;
    const covey::actor_statistics left = desk.statistics();
    fmt::print("{}: {:g} s\n", title, taken.count());
    fmt::print("  {} handled, {} dead letters\n", left.handled, left.dead_letters);
}

covey::task<> show_all() {
    co_await show("the ladder, grace 1 s and hard 3 s, all together",
                  {.stop_order = covey::stop_order::together}, four_kinds);
    co_await show("the same in reverse", {}, four_kinds);
    co_await show("three deaf ones, grace 1 s", {}, three(serve, 1s));
    co_await show("three deaf ones, grace 0 s", {}, three(serve, 0s));
    co_await show("three that say goodbye, grace 1 s, close_deadline 4 s", {.close_deadline = 4s},
                  three(serve_and_say_goodbye, 1s));
    co_await show_inner("three deaf ones in an inner supervisor, whose own hard is 2 s", 2s);
    co_await show_inner("and with no limit for it", covey::never);
    co_await show_mailbox("an actor with five messages", covey::on_stop::discard);
    co_await show_mailbox("an actor that finishes its five messages", covey::on_stop::finish);
    fmt::print("{}\n", timeline::legend);
}

}  // namespace

int main() {
    covey::testing::virtual_clock clock;
    covey::run({.clock = &clock, .seed = 1}, show_all);
}
