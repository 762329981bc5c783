// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>

namespace support {

// Whether the error is an E.
template <class E>
bool holds(const std::exception_ptr& error) {
    if (!error) return false;
    try {
        std::rethrow_exception(error);
    } catch (const E&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace support
