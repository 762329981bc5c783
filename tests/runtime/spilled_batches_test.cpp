// SPDX-License-Identifier: BSL-1.0
//
// What full rings give away: which batch is next, and that no task waits there for ever.
#include "spilled_batches.hpp"

#include "support/catch.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>

#include <cstddef>
#include <deque>
#include <vector>

namespace {

using covey::detail::ready_chain;
using covey::detail::spilled_batches;
using age = spilled_batches::age;

class numbered final : public covey::detail::task_record {
 public:
    explicit numbered(int its_number) : number(its_number) {}
    const int number;

    covey::detail::promise_base* start() override { return nullptr; }
    void drop_callable() noexcept override {}
    [[nodiscard]] const char* callable_name() const noexcept override { return "numbered"; }
};

struct numbers {
    std::deque<numbered> made;

    ready_chain batch(int size) {
        ready_chain result;
        for (int i = 0; i < size; ++i) result.add(made.emplace_back(static_cast<int>(made.size())));
        return result;
    }
    void add(spilled_batches& to, int number_of_batches, int size) {
        for (int i = 0; i < number_of_batches; ++i) {
            ready_chain added = batch(size);
            to.add(added);
            CHECK(added.empty());
        }
    }
};

std::vector<int> content(ready_chain& chain) {
    std::vector<int> result;
    while (auto* task = chain.take()) result.push_back(static_cast<numbered*>(task)->number);
    return result;
}

std::vector<int> next(spilled_batches& batches, std::size_t most) {
    ready_chain to;
    const std::size_t taken = batches.take(to, most, age::newest_mostly);
    CHECK(taken == to.count());
    return content(to);
}

}  // namespace

TEST_CASE("spilled: the newest batch is next, its tasks in order") {
    numbers tasks;
    spilled_batches batches;
    tasks.add(batches, 3, 3);
    CHECK(next(batches, 2) == std::vector{6, 7});
    CHECK(next(batches, 9) == std::vector{8});
    CHECK(next(batches, 9) == std::vector{3, 4, 5});
    ready_chain oldest;
    CHECK(batches.take(oldest, 1, age::oldest) == 1);
    CHECK(content(oldest) == std::vector{0});
    CHECK(next(batches, 9) == std::vector{1, 2});
    CHECK(batches.empty());
    CHECK(next(batches, 9).empty());
    CHECK(batches.take(oldest, 1, age::oldest) == 0);
}

TEST_CASE("spilled: one batch in eight is the oldest") {
    numbers tasks;
    spilled_batches batches;
    tasks.add(batches, 20, 1);
    std::vector<int> order;
    while (!batches.empty()) order.push_back(next(batches, 9).at(0));
    CHECK(order ==
          std::vector{19, 18, 17, 16, 15, 14, 13, 0, 12, 11, 10, 9, 8, 7, 6, 1, 5, 4, 3, 2});
}

TEST_CASE("spilled: of many batches the oldest become one, and none is lost") {
    numbers tasks;
    spilled_batches batches;
    constexpr int many = 1000;
    tasks.add(batches, many, 2);
    std::vector<bool> seen(2 * many);
    int last_taken = 0;
    while (!batches.empty()) {
        int before = -1;
        for (const int number : next(batches, 2 * many)) {
            const auto at = static_cast<std::size_t>(number);
            CHECK(number > before);
            CHECK_FALSE(seen[at]);
            seen[at] = true;
            before = last_taken = number;
        }
    }
    CHECK(seen == std::vector<bool>(2 * many, true));
    CHECK(last_taken < 2 * many - 1);
}

TEST_CASE("however many tasks always have something to do, each gets its turns", "[scheduler]") {
    static constexpr int many = 2000;  // a ring holds 256
    static constexpr int rounds = 20;
    covey::run({.workers = 1}, []() -> covey::task<> {
        int ready = many;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            for (int i = 0; i < many; ++i)
                nursery.start_soon([&ready]() -> covey::task<> {
                    for (int round = 0; round < rounds; ++round) co_await covey::checkpoint();
                    --ready;
                    while (ready != 0) co_await covey::checkpoint();
                });
        });
        CHECK(ready == 0);
    });
}
