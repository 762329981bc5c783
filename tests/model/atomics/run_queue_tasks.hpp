// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "explored.hpp"
#include "run_queue.hpp"

#include <array>
#include <cstddef>

namespace checked {

using covey::detail::promise_base;
using covey::detail::run_queue;
using covey::detail::task_record;
using model::expect;
using model::together;

class task final : public task_record {
 public:
    promise_base* start() override { return nullptr; }
    void drop_callable() noexcept override {}
    [[nodiscard]] const char* callable_name() const noexcept override { return "task"; }

    int written = 0;  // by its maker
    int taken = 0;
};

inline void take(task_record* found) {
    if (found == nullptr) return;
    auto& mine = static_cast<task&>(*found);
    expect(mine.written == 1, "what was written into a task is seen by who takes it");
    expect(mine.taken++ == 0, "a task is taken once");
}

inline void drain(run_queue& queue) {
    while (task_record* found = queue.pop()) take(found);
}

struct shared_queue : run_queue {
    shared_queue() {
        share_with_thieves();
        model::name(*this, "queue");
    }
};

template <std::size_t Count>
struct made_tasks : std::array<task, Count> {
    void push(run_queue& to, std::size_t index) {
        (*this)[index].written = 1;
        expect(to.push((*this)[index]), "there is room");
    }
    void expect_all_taken() {
        for (const task& each : *this) expect(each.taken == 1, "no task is lost");
    }
};

inline void steal_ring(run_queue& from, run_queue& own) {
    take(from.steal_into(own, from.tail()));
    drain(own);
}

}  // namespace checked
