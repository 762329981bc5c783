// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/random.hpp>

#include "runtime_core.hpp"
#include "splitmix.hpp"
#include "worker.hpp"

namespace covey {

std::uint64_t lowlevel::random_number() {
    return detail::current_task("random_number").core->scheduler().random_number();
}

std::size_t lowlevel::random_choice(std::size_t count) {
    detail::task_record& task = detail::current_task("random_choice");
    detail::scheduler& scheduler = task.core->scheduler();
    if (scheduler.simulated() != nullptr) return scheduler.simulated()->choose(count);
    std::uint64_t& state = detail::this_worker()->choices;
    if (state == 0) state = scheduler.random_number();
    return detail::splitmix(state) % count;
}

}  // namespace covey
