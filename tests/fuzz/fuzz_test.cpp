// SPDX-License-Identifier: BSL-1.0
// The programs that the fuzzer found worth keeping, and random ones, without the fuzzer; and that
// the books in which they are kept would show a fault. COVEY_SEED=n runs one random program.
#include "fuzz/interpreter.hpp"
#include "support/catch.hpp"
#include "support/race.hpp"

#include <covey/watchdog.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<std::uint8_t> bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string running;  // which program is

// One that doesn't end says so, and not only that time was up.
class hang_guard {
 public:
    static void tell(const covey::watchdog_report& seen) {
        std::fprintf(stderr, "%s doesn't end: %s\n", running.c_str(), seen.text.c_str());
        std::abort();
    }

 private:
    const covey::watchdog watching_{
        {.longest_turn = covey::never, .longest_stall = std::chrono::seconds(10), .report = tell}};
};

void expect_right(const std::vector<std::uint8_t>& bytes, fuzz::tally& sums) {
    const fuzz::program played = fuzz::read(bytes);
    const std::string wrong = fuzz::run(played, sums);
    if (!wrong.empty()) FAIL(wrong << "\n" << to_string(played));
}

// What the books say at the end of a story of one channel for one value.
template <class F>
std::string judged(F story) {
    support::faults found;
    fuzz::ledger books(found);
    const std::size_t account = books.open_account(1);
    fuzz::tally sums;
    story(books, account);
    books.judge(account, 0, false);
    books.judge_all(sums);
    return found.text();
}

}  // namespace

TEST_CASE("programs of the corpus keep the rules, and leave nothing (C2, M30, N20, SV2)") {
    const hang_guard guard;
    std::size_t files = 0;
    fuzz::tally sums;
    for (const auto& each : std::filesystem::directory_iterator(COVEY_FUZZ_CORPUS)) {
        running = each.path().filename().string();
        INFO(running);
        ++files;
        expect_right(bytes_of(each.path()), sums);
    }
    CHECK(files > 20);
    CHECK(sums.received > 0);
    CHECK(sums.absorbed > 0);
}

TEST_CASE("random programs keep the rules, and leave nothing (C2, M30, N20, SV2)") {
    const hang_guard guard;
    fuzz::tally sums;
    for (const std::uint64_t seed : support::seeds(support::rounds(1500))) {
        running = "COVEY_SEED=" + std::to_string(seed);
        INFO(running);
        expect_right(fuzz::random_bytes(seed), sums);
    }
    if (std::getenv("COVEY_SEED") != nullptr) return;
    CHECK(sums.steps > 1000);
    CHECK(sums.received > 100);
    CHECK(sums.unsent > 100);
    CHECK(sums.errors > 100);
    CHECK(sums.absorbed > 10);
    CHECK(sums.supervisors > 100);
}

TEST_CASE("a program is the same for the same bytes, and no byte is a program too (R22)") {
    fuzz::tally sums;
    expect_right({}, sums);
    CHECK(sums.steps == 0);
    for (const std::uint64_t seed : support::seeds(20)) {
        const fuzz::program played = fuzz::read(fuzz::random_bytes(seed));
        fuzz::tally first, second;
        const std::string wrong = fuzz::run(played, first) + fuzz::run(played, second);
        CHECK(wrong == "");
        CHECK(first.steps == second.steps);
        CHECK(first.received == second.received);
    }
}

TEST_CASE("the books show a value that is lost, doubled or kept (M30)") {
    using fuzz::ledger;
    CHECK(judged([](ledger& books, std::size_t account) {
              const fuzz::token value = books.make(account);
              books.accept(value.number());
              books.receive(value.number());
          }) == "");
    CHECK(judged([](ledger& books, std::size_t account) {
              const fuzz::token value = books.make(account);
              books.accept(value.number());
          }) != "");
    CHECK(judged([](ledger& books, std::size_t account) {
              const fuzz::token value = books.make(account);
              books.accept(value.number());
              books.receive(value.number());
              books.receive(value.number());
          }) != "");
    CHECK(judged([](ledger& books, std::size_t account) {
              const fuzz::token value = books.make(account);
              books.receive(value.number());
          }) != "");
    CHECK(judged([](ledger& books, std::size_t account) {
              const std::size_t number = books.make(account).number();
              books.destroy(number);
          }) != "");
}

TEST_CASE("the books show an error that is lost or doubled, and who outlives whom (N20, C2)") {
    for (const int places : {0, 1, 2}) {
        support::faults found;
        fuzz::ledger books(found);
        fuzz::world in(found, books, std::chrono::milliseconds(1));
        try {
            in.fail();
        } catch (...) {
            for (int i = 0; i < places; ++i) in.arrive(std::current_exception());
        }
        fuzz::tally sums;
        in.judge(sums);
        CHECK((found.text() == "") == (places == 1));
    }
    support::faults found;
    fuzz::ledger books(found);
    fuzz::world in(found, books, std::chrono::milliseconds(1));
    {
        support::presence outer(in.found, nullptr);
        const support::presence inner(in.found, &outer);
    }
    CHECK(found.text() == "");
    std::optional<support::presence> outer(std::in_place, in.found, nullptr);
    alignas(support::presence) unsigned char unnoticed[sizeof(support::presence)];
    ::new (unnoticed) support::presence(in.found, &*outer);  // it never ends
    outer.reset();
    CHECK(found.text() != "");
}

TEST_CASE("a budget that is exceeded, or not used up, shows in the log (SV14, SC7)") {
    using kind = covey::supervision_event::kind;
    const covey::supervisor_options two{.intensity = 2, .period = std::chrono::seconds(10)};
    const auto at = [](int seconds, kind what) {
        covey::supervision_event event{};
        event.at = covey::time_point{} + std::chrono::seconds(seconds);
        event.what = what;
        return event;
    };
    std::vector<covey::supervision_event> log{at(0, kind::incident), at(5, kind::incident),
                                              at(10, kind::incident)};
    CHECK_FALSE(fuzz::budget_was_kept(log, two));  // one too many
    log.push_back(at(10, kind::gave_up));
    CHECK(fuzz::budget_was_kept(log, two));
    log[2].at += std::chrono::nanoseconds(1);  // the first is out of the window
    CHECK_FALSE(fuzz::budget_was_kept(log, two));
    log.pop_back();
    CHECK(fuzz::budget_was_kept(log, two));
}
