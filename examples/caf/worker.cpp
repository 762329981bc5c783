// SPDX-License-Identifier: BSL-1.0
// A program that knows CAF and nothing of covey: an actor that counts prime numbers, at a port that
// it prints. pipeline.cpp has work for it.
#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <iostream>

caf::behavior prime_counter(caf::event_based_actor*) {
    return {[](int from, int to) {
        int count = 0;
        for (int n = from; n != to; ++n) {
            bool is_prime = n > 1;
            for (int d = 2; is_prime && d * d <= n; ++d) is_prime = n % d != 0;
            count += is_prime;
        }
        return count;
    }};
}

void caf_main(caf::actor_system& system) {
    const auto counter = system.spawn(prime_counter);
    const auto port = system.middleman().publish(counter, 0, "127.0.0.1");
    std::cout << (port ? *port : 0) << std::endl;
    // It serves until somebody ends the process.
}

CAF_MAIN(caf::io::middleman)
