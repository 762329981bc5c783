// SPDX-License-Identifier: BSL-1.0
#include <covey/covey.hpp>

#include <fmt/format.h>

#include <utility>

covey::task<> produce(covey::send_channel<int> tx, int first) {
    for (int number = first; number < first + 3; ++number) co_await tx.send(number);
}

covey::task<> consume(covey::receive_channel<int> rx) {
    while (auto number = co_await rx.next()) fmt::print("{}\n", *number);
}

covey::task<> pipeline() {
    auto [tx, rx] = covey::open_memory_channel<int>(8);
    co_await covey::with_nursery([&](covey::nursery& workers) {
        workers.start_soon(produce, tx.clone(), 1);
        workers.start_soon(produce, std::move(tx), 100);
        workers.start_soon(consume, std::move(rx));
    });
}

int main() { covey::run(pipeline); }
