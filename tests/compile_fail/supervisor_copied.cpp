// SPDX-License-Identifier: BSL-1.0
// A supervisor is used where it is, or through a handle.
// expect: deleted
#include <covey/supervisor.hpp>

covey::supervisor_handle keep(covey::supervisor& supervisor) {
#ifndef COVEY_CONTROL
    covey::supervisor copy = supervisor;
    return copy.handle();
#else
    return supervisor.handle();
#endif
}
