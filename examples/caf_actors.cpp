// SPDX-License-Identifier: BSL-1.0
// CAF actors in a covey program: they run on its workers, its tasks ask them, and they ask its
// actors.
// docs/guide/caf.md tells the story.
#include <covey/actor.hpp>
#include <covey/caf.hpp>
#include <covey/run.hpp>

#include <caf/all.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>
#include <vector>

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

// A covey actor, and what CAF's may ask it.
using count_atom = caf::atom_constant<caf::atom("count")>;
using count_of = std::tuple<count_atom, std::string>;

class word_list : public covey::actor {
 public:
    void handle(std::string word) { words_.push_back(std::move(word)); }
    int handle(const count_of& wanted) const {
        return static_cast<int>(std::ranges::count(words_, std::get<1>(wanted)));
    }

 private:
    std::vector<std::string> words_;
};

// A CAF actor that knows nothing of covey.
void collector(caf::event_based_actor* self, const caf::actor& list) {
    for (const char* each : {"to", "be", "or", "not", "to", "be"})
        self->send(list, std::string(each));
    self->request(list, 1s, count_atom::value, std::string("be")).then([](int times) {
        fmt::print("\"be\" stands there {} times\n", times);
    });
}

covey::task<> collect_words(covey::nursery& nursery) {
    const auto list = co_await covey::start_actor<word_list>(nursery);
    co_await covey::with_caf([&](covey::caf_host& host) {
        const caf::actor face = host.as_caf<std::string, count_of>(list);
        host.system().spawn(collector, face);
    });
    list.stop();
}

int main() {
    covey::run([]() -> covey::task<> {
        co_await covey::with_nursery(collect_words);
        co_await covey::with_caf(count_words);
        fmt::print("all actors have ended\n");
    });
}
