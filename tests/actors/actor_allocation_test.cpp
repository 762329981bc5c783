// SPDX-License-Identifier: BSL-1.0
// Memory: what messages take. One thread throughout, and ThreadSanitizer brings its own operator
// new: not there.
#include <covey/lowlevel/sanitizers.hpp>

#if !COVEY_UNDER_TSAN

#include "support/actors.hpp"
#include "support/catch.hpp"
#include "support/failing_new.hpp"

#include <covey/actor.hpp>

#include <array>
#include <functional>
#include <new>
#include <string>

using support::failing_new;
using support::trace;

namespace {

struct small {
    std::array<char, 48> bytes{};
};
struct large {
    std::array<char, 49> bytes{};
};
struct ask_small {};
struct ask_later {};

class sink : public covey::actor {
 public:
    void handle(const small&) { ++count_; }
    void handle(const large&) { ++count_; }
    int handle(ask_small) { return ++count_; }
    covey::task<int> handle(ask_later) {
        co_await covey::checkpoint_if_cancelled();
        co_return ++count_;
    }

 private:
    int count_ = 0;
};

// How many allocations fn's operation needs: the first one that is never reached.
template <class Make>
covey::task<long> allocations_of(Make make) {
    for (long number = 0;; ++number) {
        bool failed = false;
        try {
            auto operation = make();  // its frame, if it is one, isn't counted
            const failing_new scarce(number);
            co_await std::move(operation);
            failed = scarce.happened();
        } catch (const std::bad_alloc&) {
            failed = true;
        } catch (const covey::callee_failed_error&) {
            failed = true;  // the handler's frame
        }
        if (!failed) co_return number;
    }
}

struct resuming_sink : sink {
    using sink::handle;
    covey::verdict on_error(const std::exception_ptr&) override { return covey::verdict::resume; }
};

}  // namespace

TEST_CASE("a message of up to 48 bytes needs no memory, whatever is told how") {
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<resuming_sink>(nursery, {.mailbox = 4});
        co_await ref.ask(ask_small());  // the mailbox has its storage now
        for (int i = 0; i < 4; ++i) co_await ref.tell(small());
        co_await ref.ask(ask_small());
        long taken = 0;
        {
            const failing_new none(0, failing_new::length::for_good);
            for (int i = 0; i < 100; ++i) {
                co_await ref.tell(small());
                static_cast<void>(ref.try_tell(small()));
                if (none.happened()) ++taken;
            }
        }
        CHECK(taken == 0);
        const long for_large = co_await allocations_of([&] { return ref.tell(small()); });
        CHECK(for_large == 0);
        nursery.cancel();
    });
}

TEST_CASE("a larger message lies on the heap, and without memory it isn't told") {
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<resuming_sink>(nursery, {});
        co_await ref.tell(large());
        co_await ref.ask(ask_small());
        bool failed = false;
        try {
            const failing_new none(0);
            static_cast<void>(ref.try_tell(large()));
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        CHECK(failed);
        CHECK(ref.statistics().accepted == 2);
        nursery.cancel();
    });
}

TEST_CASE("an ask needs one allocation, and one for a coroutine handler's frame") {
    support::with_actors([](covey::nursery& nursery, trace&) -> covey::task<> {
        const auto ref = co_await covey::start_actor<resuming_sink>(nursery, {});
        co_await ref.ask(ask_small());
        long plain = 0, later = 0;
        // The reply's state is made with the operation: counted apart.
        const auto makes = [&](auto message) {
            for (long number = 0;; ++number) {
                const failing_new scarce(number);
                try {
                    const auto operation = ref.ask(message);
                    if (!scarce.happened()) return number;
                } catch (const std::bad_alloc&) {
                }
            }
        };
        CHECK(makes(ask_small()) == 1);
        plain = co_await allocations_of([&] { return ref.ask(ask_small()); });
        CHECK(plain == 0);
        later = co_await allocations_of([&] { return ref.ask(ask_later()); });
        CHECK(later == 1);
        nursery.cancel();
    });
}

TEST_CASE("starting an actor without memory throws and leaves nothing") {
    support::run_virtual([]() -> covey::task<> {
        co_await covey::with_nursery([](covey::nursery& nursery) -> covey::task<> {
            long number = 0;
            for (;; ++number) {
                bool failed = true;
                try {
                    const failing_new scarce(number);
                    auto ref = co_await covey::start_actor<sink>(nursery, {});
                    failed = scarce.happened();
                    ref.stop();
                    co_await ref.watch();
                } catch (const std::bad_alloc&) {
                } catch (const covey::actor_stopped_error&) {
                }
                if (!failed) break;
            }
            CHECK(number > 5);
            CHECK(number < 40);
        });
    });
}

#endif  // !COVEY_UNDER_TSAN
