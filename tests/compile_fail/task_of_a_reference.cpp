// SPDX-License-Identifier: BSL-1.0
// A task gives a value, not a reference.
// expect: covey::task<T&> is not supported: return a pointer or std::reference_wrapper
#include <covey/task.hpp>

#ifndef COVEY_CONTROL
covey::task<int&> number(int& value) { co_return value; }
#else
covey::task<int*> number(int& value) { co_return &value; }
#endif
