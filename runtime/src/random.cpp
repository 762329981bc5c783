// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/random.hpp>

#include "runtime_core.hpp"
#include "worker.hpp"

namespace covey {

std::uint64_t lowlevel::random_number() {
    return detail::current_task("random_number").core->scheduler().random_number();
}

std::size_t lowlevel::random_choice(std::size_t count) {
    detail::task_record& task = detail::current_task("random_choice");
    std::uint64_t& state = detail::this_worker()->choices;
    if (state == 0) state = task.core->scheduler().random_number();
    std::uint64_t mixed = (state += 0x9e3779b97f4a7c15U);  // splitmix64
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return (mixed ^ (mixed >> 31U)) % count;
}

}  // namespace covey
