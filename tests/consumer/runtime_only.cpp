// SPDX-License-Identifier: BSL-1.0
#include <covey/runtime.hpp>

namespace {

covey::task<int> answer() {
    co_await covey::checkpoint();
    co_return 42;
}

}  // namespace

int main() { return covey::run(answer) == 42 ? 0 : 1; }
