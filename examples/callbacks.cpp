// SPDX-License-Identifier: BSL-1.0
// A library that calls back, on threads of its own, becomes something to await.

#include <covey/covey.hpp>

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

// The old library. It answers later, or never; what it was asked can be withdrawn.
class thermometer {
 public:
    using callback = std::function<void(int celsius)>;

    thermometer() = default;
    thermometer(const thermometer&) = delete;
    thermometer& operator=(const thermometer&) = delete;
    ~thermometer() {
        for (std::thread& each : threads_) each.join();
    }

    int read(callback done) {
        const std::lock_guard held(lock_);
        pending_[++last_] = std::move(done);
        return last_;
    }
    void answer_all(int celsius) {
        threads_.emplace_back([this, celsius] {
            std::map<int, callback> answered;
            {
                const std::lock_guard held(lock_);
                answered.swap(pending_);
            }
            for (const auto& [request, done] : answered) done(celsius);
        });
    }
    void withdraw(int request) {
        const std::lock_guard held(lock_);
        pending_.erase(request);
    }
    std::size_t pending() {
        const std::lock_guard held(lock_);
        return pending_.size();
    }

 private:
    std::mutex lock_;
    std::map<int, callback> pending_;
    int last_ = 0;
    std::vector<std::thread> threads_;
};

// The same as a task. Cancelled, it withdraws what it has asked.
covey::task<int> temperature(thermometer& device) {
    return covey::from_callback<int>([&device](covey::completion<int> done) {
        const int request = device.read([done](int celsius) mutable { done.set_value(celsius); });
        done.on_cancel([&device, request] { device.withdraw(request); });
    });
}

covey::task<> use(thermometer& device) {
    co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
        nursery.start_soon([&]() -> covey::task<> {
            const int celsius = co_await temperature(device);
            fmt::print("{} degrees\n", celsius);
        });
        while (device.pending() == 0) co_await covey::checkpoint();
        device.answer_all(21);
    });

    const auto late = co_await covey::move_on_after(5ms, temperature(device));
    if (!late.finished()) fmt::print("no answer; still asked for: {}\n", device.pending());

    try {
        co_await covey::from_callback<int>([](covey::completion<int>) {});
    } catch (const covey::broken_resource_error& error) {
        fmt::print("forgotten: {}\n", error.what());
    }
}

}  // namespace

int main() {
    thermometer device;
    covey::run({.workers = 1}, use, std::ref(device));
}
