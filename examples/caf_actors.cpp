// SPDX-License-Identifier: BSL-1.0
// CAF actors in a covey program: they run on its workers, and its tasks ask them.
// docs/guide/caf.md tells the story.
#include <covey/caf.hpp>
#include <covey/run.hpp>

#include <caf/all.hpp>
#include <fmt/format.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

// An ordinary CAF actor.
caf::behavior word_counter(caf::event_based_actor* self) {
    return {
        [](const std::string& text) -> caf::result<int> {
            if (text.empty()) return caf::make_error(caf::sec::invalid_argument, "no text");
            int words = 1;
            for (const char each : text) words += each == ' ';
            return words;
        },
        [=](int) { self->quit(); },
    };
}

covey::task<> count_words(covey::caf_host& host) {
    const auto counter = host.system().spawn(word_counter);

    const int words = co_await host.request<int>(counter, 1s, std::string("to be or not to be"));
    fmt::print("{} words\n", words);

    try {
        co_await host.request<int>(counter, 1s, std::string());
    } catch (const covey::caf_error& error) {
        fmt::print("refused: {}\n", error.error() == caf::sec::invalid_argument);
    }
    caf::anon_send(counter, 0);  // the block waits for the actor
}

int main() {
    covey::run([]() -> covey::task<> {
        co_await covey::with_caf(count_words);
        fmt::print("all actors have ended\n");
    });
}
