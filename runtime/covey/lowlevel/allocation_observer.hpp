// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace covey::lowlevel {

// Is told what its thread takes from operator new and gives back, in a program that has
// <covey/replace_new.hpp>.
class allocation_observer {
 public:
    allocation_observer(const allocation_observer&) = delete;
    allocation_observer& operator=(const allocation_observer&) = delete;

    // False: there shall be no memory for it.
    [[nodiscard]] virtual bool allows(std::size_t bytes) noexcept = 0;
    virtual void taken(void*) noexcept {}
    virtual void given_back(void*) noexcept {}

 protected:
    allocation_observer() noexcept = default;
    ~allocation_observer() = default;
};

// From now on it is told, and nobody else; null: nobody. For the calling thread; gives the one
// before.
allocation_observer* set_allocation_observer(allocation_observer* observer) noexcept;
[[nodiscard]] allocation_observer* current_allocation_observer() noexcept;

}  // namespace covey::lowlevel
