// SPDX-License-Identifier: BSL-1.0
#include <covey/actor.hpp>

#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/nursery.hpp>

#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

struct add {
    int amount;
};
struct get {};
struct text {
    std::string what;
};
struct nap {
    covey::duration length;
};

class counter : public covey::actor {
 public:
    explicit counter(int start = 0) : sum_(start) {}
    void handle(add message) { sum_ += message.amount; }
    int handle(get) const { return sum_; }
    std::string handle(const text& message) { return message.what + "!"; }
    covey::task<int> handle(nap message) {
        co_await covey::sleep_for(message.length);
        co_return sum_;
    }

 private:
    int sum_;
};

}  // namespace

TEST_CASE("an actor in a nursery handles what it is told and answers what it is asked (SV26)") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            const auto ref = co_await covey::start_actor<counter>(nursery, {.name = "sum"}, 10);
            CHECK(ref.name() == "sum");
            co_await ref.tell(add{5});
            CHECK(ref.try_tell(add{6}));
            const int sum = co_await ref.ask(get{});
            CHECK(sum == 21);
            const std::string loud = co_await ref.ask(text{"hello"});
            CHECK(loud == "hello!");
            const int later = co_await ref.ask(nap{2s});
            CHECK(later == 21);
            CHECK(support::elapsed() == 2s);
            ref.stop();
            const covey::down end = co_await ref.watch();
            CHECK(end.reason == covey::exit_reason::stopped);
        });
    });
}

// A member of the base class hides a type of that name in every actor: so the base has few, and no
// verb that is a message's name.
namespace {

struct stop {};
struct request {};
struct start {};
struct ask {};
struct tell {};
struct watch {};
struct name {};
struct id {};

class common_names : public covey::actor {
 public:
    int handle(stop) { return 1; }
    int handle(request) { return 2; }
    int handle(start) { return 3; }
    int handle(ask) { return 4; }
    int handle(tell) { return 5; }
    int handle(watch) { return 6; }
    int handle(name) { return 7; }
    int handle(id) { return 8; }
};

}  // namespace

TEST_CASE("messages may have the names that messages often have") {
    support::with_actors([](covey::nursery& nursery, support::trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<common_names>(nursery, {});
        {
            const auto got = co_await ref.ask(stop{});
            CHECK(got == 1);
        }
        {
            const auto got = co_await ref.ask(request{});
            CHECK(got == 2);
        }
        {
            const auto got = co_await ref.ask(id{});
            CHECK(got == 8);
        }
        ref.stop();
    });
}
