// SPDX-License-Identifier: BSL-1.0
#include <covey/covey.hpp>

#include <utility>

namespace {

covey::task<> produce(covey::send_channel<int> tx) {
    for (int number = 1; number <= 4; ++number) co_await tx.send(number);
}

covey::task<int> sum() {
    auto [tx, rx] = covey::open_memory_channel<int>(1);
    int total = 0;
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon(produce, std::move(tx));
        while (auto number = co_await rx.next()) total += *number;
    });
    co_return total;
}

}  // namespace

int main() { return covey::run(sum) == 10 ? 0 : 1; }
