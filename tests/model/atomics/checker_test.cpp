// SPDX-License-Identifier: BSL-1.0
// The checker is checked: programs that are known to be broken, each beside its repaired twin, and
// the small programs by which memory models are told apart.

#include "explore.hpp"
#include "support/catch.hpp"

#include <covey/lowlevel/asymmetric_fence.hpp>
#include <covey/lowlevel/atomic.hpp>
#include <covey/lowlevel/thread.hpp>

#include <cstdint>

namespace {

using covey::lowlevel::atomic;
using covey::lowlevel::order;
using model::expect;
using model::together;

template <class Program>
model::report explore_all(Program program) {
    return model::explore({.preemptions = 4, .leaks_fail = true}, program);
}

template <class Program>
void must_pass(Program program) {
    const model::report found = explore_all(program);
    INFO(found.text());
    CHECK_FALSE(found.failed);
    CHECK(found.complete);
}

// ... and its schedule, repeated, fails in the same way.
template <class Program>
void must_fail(Program program, const char* what) {
    const model::report found = explore_all(program);
    INFO(found.text());
    REQUIRE(found.failed);
    CHECK_THAT(found.what, Catch::Matchers::Contains(what));
    const model::report again =
        model::explore({.leaks_fail = true, .replay = found.replay}, program);
    CHECK(again.what == found.what);
    CHECK(again.trace == found.trace);
}

// ---------------------------------------------------------------------------------- known broken

struct message {
    order how;
    void operator()() const {
        int payload = 0;
        atomic<bool> is_there{false};
        together(
            [&] {
                payload = 42;
                is_there.store(true, how);
            },
            [&] {
                if (is_there.load(order::acquire)) expect(payload == 42, "the message is read");
            });
    }
};

TEST_CASE("a message whose flag is stored without release is a race") {
    must_fail(message{order::relaxed}, "data race");
    must_pass(message{order::release});
}

// The same with a payload that is atomic: no race, and the old value is read.
struct atomic_message {
    order how;
    void operator()() const {
        atomic<int> payload{0};
        atomic<bool> is_there{false};
        together(
            [&] {
                payload.store(42, order::relaxed);
                is_there.store(true, how);
            },
            [&] {
                if (is_there.load(order::acquire))
                    expect(payload.load(order::relaxed) == 42, "the message is read");
            });
    }
};

TEST_CASE("a message whose flag is stored without release may be read in its old state") {
    must_fail(atomic_message{order::relaxed}, "not so: the message is read");
    must_pass(atomic_message{order::release});
}

// Who sleeps says so and looks again; who brings work looks for sleepers.
struct sleeper {
    order how;
    bool looks_again;
    void operator()() const {
        covey::lowlevel::mutex lock;
        covey::lowlevel::condition bell;
        atomic<bool> asleep{false};
        atomic<bool> work{false};
        together(
            [&] {
                if (work.load(how)) return;
                covey::lowlevel::mutex_lock held(lock);
                asleep.store(true, how);
                if (looks_again && work.load(how)) return;
                bell.wait(held);
            },
            [&] {
                work.store(true, how);
                if (!asleep.load(how)) return;
                {
                    const covey::lowlevel::mutex_guard held(lock);
                }
                bell.notify_one();
            });
    }
};

TEST_CASE("a wake-up is lost without a second look, and without sequential consistency") {
    must_fail(sleeper{order::seq_cst, false}, "nobody can go on");
    must_fail(sleeper{order::acq_rel, true}, "nobody can go on");
    must_pass(sleeper{order::seq_cst, true});
}

// A stack of numbered nodes. With a tag, who has looked at the head finds out that it went and
// came back.
template <bool HasTag>
class node_stack {
 public:
    static constexpr std::uint32_t none = 7;

    void push(std::uint32_t node) {
        std::uint64_t head = head_.load(order::relaxed);
        do {
            next_[node].store(top(head), order::relaxed);
        } while (
            !head_.compare_exchange(head, with_tag(node, head), order::release, order::relaxed));
    }
    std::uint32_t pop() {
        std::uint64_t head = head_.load(order::acquire);
        for (;;) {
            if (top(head) == none) return none;
            const std::uint32_t next = next_[top(head)].load(order::relaxed);
            if (head_.compare_exchange(head, with_tag(next, head), order::acquire, order::acquire))
                return top(head);
        }
    }

 private:
    static std::uint32_t top(std::uint64_t head) { return static_cast<std::uint32_t>(head) % 8; }
    static std::uint64_t with_tag(std::uint32_t node, std::uint64_t before) {
        return HasTag ? (before / 8 + 1) * 8 + node : node;
    }
    atomic<std::uint64_t> head_{none};
    atomic<std::uint32_t> next_[3];
};

template <bool HasTag>
void pop_while_nodes_return() {
    node_stack<HasTag> stack;
    int owners[3] = {};
    stack.push(1);
    stack.push(0);
    const auto take = [&](std::uint32_t node) {
        if (node != stack.none) expect(owners[node]++ == 0, "a node has one owner");
    };
    together([&] { take(stack.pop()); },
             [&] {
                 const std::uint32_t first = stack.pop();
                 const std::uint32_t second = stack.pop();
                 if (second == stack.none) return take(first);
                 take(second);
                 if (first != stack.none) stack.push(first);
             });
    take(stack.pop());
    take(stack.pop());
}

TEST_CASE("a node that left a stack and came back is taken for one that stayed (ABA)") {
    const model::report broken = explore_all(pop_while_nodes_return<false>);
    INFO(broken.text());
    CHECK(broken.failed);
    const model::report repaired = explore_all(pop_while_nodes_return<true>);
    INFO(repaired.text());
    CHECK_FALSE(repaired.failed);
    CHECK(repaired.complete);
}

// Two owners of a block; the last one frees it.
struct counted_block {
    order how;
    bool asks_again;  // instead of taking what the decrement says
    void operator()() const {
        struct block {
            atomic<int> owners{2};
            int value = 0;
        };
        auto* const shared = new block;
        const auto use = [this, shared] {
            static_cast<void>(static_cast<volatile block*>(shared)->value);
            const bool was_last = shared->owners.fetch_sub(1, how) == 1;
            if (asks_again ? shared->owners.load(how) == 0 : was_last) delete shared;
        };
        together(use, use);
    }
};

TEST_CASE("a count of owners that is lowered without order frees a block in use") {
    must_fail(counted_block{order::relaxed, false}, "data race");
    must_pass(counted_block{order::acq_rel, false});
}

TEST_CASE("a count of owners that is asked again frees twice") {
    const model::report found = explore_all(counted_block{order::acq_rel, true});
    INFO(found.text());
    CHECK(found.failed);
}

TEST_CASE("a block that nobody frees, and one that is used when it is free, are found") {
    must_fail([] { static_cast<void>(new volatile int(1)); }, "never freed");
    must_fail(
        [] {
            auto* const block = new int(1);
            volatile int* volatile again = block;  // or the compiler would find it first
            delete block;
            *again = 2;
        },
        "use after free");
    must_fail(
        [] {
            auto* const block = new int(1);
            int* volatile again = block;
            delete block;
            delete again;
        },
        "freed twice");
}

struct two_locks {
    bool in_one_order;
    void operator()() const {
        covey::lowlevel::spin_lock first;
        covey::lowlevel::spin_lock second;
        const auto both = [](covey::lowlevel::spin_lock& a, covey::lowlevel::spin_lock& b) {
            const covey::lowlevel::locked held(a);
            const covey::lowlevel::locked also_held(b);
        };
        together([&] { both(first, second); },
                 [&] { in_one_order ? both(first, second) : both(second, first); });
    }
};

TEST_CASE("two locks that are taken in two orders lock each other out") {
    must_fail(two_locks{false}, "nobody can go on");
    must_pass(two_locks{true});
}

TEST_CASE("a loop that waits for what never comes is found, one that waits for a store ends") {
    atomic<bool>* flag = nullptr;
    const auto wait = [&flag] {
        while (!flag->load(order::acquire)) covey::lowlevel::pause();
    };
    must_fail(
        [&] {
            atomic<bool> here{false};
            flag = &here;
            together(wait, [&] { here.store(false, order::release); });
        },
        "nobody can go on");
    must_pass([&] {
        atomic<bool> here{false};
        flag = &here;
        together(wait, [&] { here.store(true, order::release); });
    });
}

// --------------------------------------------------------------------------- what may be observed

// Which of the results of a program of two flags ever come: a bit for each, first + 2 * second.
template <class Program>
unsigned results_of(Program program, unsigned preemptions = 6) {
    unsigned seen = 0;
    const model::report found = model::explore({.preemptions = preemptions}, [&] {
        int first = 0;
        int second = 0;
        program(first, second);
        seen |= 1U << (first + 2 * second);
    });
    INFO(found.text());
    CHECK_FALSE(found.failed);
    CHECK(found.complete);
    return seen;
}

unsigned store_then_look(order store, order load) {
    return results_of([=](int& first, int& second) {
        atomic<int> x{0};
        atomic<int> y{0};
        together(
            [&] {
                x.store(1, store);
                first = y.load(load);
            },
            [&] {
                y.store(1, store);
                second = x.load(load);
            });
    });
}

TEST_CASE("two who store and look miss each other unless all is sequentially consistent") {
    CHECK(store_then_look(order::relaxed, order::relaxed) == 0b1111);
    CHECK(store_then_look(order::release, order::acquire) == 0b1111);
    CHECK(store_then_look(order::seq_cst, order::acquire) == 0b1111);
    CHECK(store_then_look(order::seq_cst, order::seq_cst) == 0b1110);
}

TEST_CASE("a fence of all threads is enough for two who store and look") {
    const auto look = [](bool has_fence) {
        return results_of([=](int& first, int& second) {
            atomic<int> x{0};
            atomic<int> y{0};
            together(
                [&] {
                    x.store(1, order::relaxed);
                    covey::lowlevel::light_fence();
                    first = y.load(order::relaxed);
                },
                [&] {
                    y.store(1, order::relaxed);
                    if (has_fence) covey::lowlevel::heavy_fence();
                    second = x.load(order::relaxed);
                });
        });
    };
    CHECK(look(false) == 0b1111);
    CHECK(look(true) == 0b1110);
}

TEST_CASE("of one location nobody sees a newer store and then an older one") {
    const unsigned seen = results_of([](int& first, int& second) {
        atomic<int> x{0};
        together([&] { x.store(1, order::relaxed); },
                 [&] {
                     first = x.load(order::relaxed);
                     second = x.load(order::relaxed);
                 });
    });
    CHECK(seen == 0b1101);
}

TEST_CASE("what a read-modify-write passes on is still released, what a store writes is not") {
    const auto pass_on = [](bool changes) {
        return results_of([=](int& first, int& second) {
            atomic<int> data{0};
            atomic<int> flag{0};
            together(
                [&] {
                    data.store(1, order::relaxed);
                    flag.store(1, order::release);
                },
                [&] {
                    if (flag.load(order::relaxed) != 1) return;
                    if (changes)
                        flag.fetch_add(1, order::relaxed);
                    else
                        flag.store(2, order::relaxed);
                },
                [&] {
                    if (flag.load(order::acquire) != 2) return;
                    first = 1;
                    second = data.load(order::relaxed);
                });
        });
    };
    CHECK(pass_on(true) == 0b1001);
    CHECK(pass_on(false) == 0b1011);
}

TEST_CASE("two who look at two stores agree on their order if all is sequentially consistent") {
    const auto look = [](order how) {
        return results_of(
            [=](int& first, int& second) {
                atomic<int> x{0};
                atomic<int> y{0};
                together(
                    [&] { x.store(1, how); }, [&] { y.store(1, how); },
                    [&] {
                        const int seen = x.load(how == order::release ? order::acquire : how);
                        first = seen - y.load(how == order::release ? order::acquire : how) == 1;
                    },
                    [&] {
                        const int seen = y.load(how == order::release ? order::acquire : how);
                        second = seen - x.load(how == order::release ? order::acquire : how) == 1;
                    });
            },
            2);
    };
    CHECK(look(order::release) == 0b1111);
    CHECK(look(order::seq_cst) == 0b0111);
}

TEST_CASE("a schedule is written as it is read") {
    const auto twice = [](const char* text) {
        const model::report found = model::explore({.replay = text}, [] {
            for (int i = 0; i != 5; ++i)
                if (model::choose(3) == 2) expect(i != 3, "not at the fourth");
        });
        return found;
    };
    CHECK(twice("0x3 2 1").what == "not so: not at the fourth");
    CHECK_FALSE(twice("0x3 1x2").failed);
}

}  // namespace
