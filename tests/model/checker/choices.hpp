// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace model {

// How the next schedule is chosen.
//
// What      An execution is determined by the answers to its questions: which thread goes on, which
//           of the stores is read. The same answers give the same execution, so a list of them is
//           a schedule: it can be printed, repeated, and the last question answered in another way.
// Searches  Depth first: all answers to the last question before the one ahead of it is changed.
//           Random: every answer by lot, the same for the same seed.
class choices {
 public:
    enum class search : std::uint8_t { depth_first, random, replay };

    choices(search how, std::uint64_t seed, std::vector<std::uint16_t> answers);

    // One of `count`; 0 is the answer that most programs see on most machines.
    [[nodiscard]] unsigned choose(unsigned count);
    // True: an execution begins. False: all have been.
    [[nodiscard]] bool begin();
    [[nodiscard]] bool is_random() const noexcept { return how_ == search::random; }
    [[nodiscard]] bool is_replay() const noexcept { return how_ == search::replay; }
    // Not recorded, and only for what is recorded in another way.
    [[nodiscard]] unsigned lot(unsigned below) { return static_cast<unsigned>(lots_() % below); }
    // The same, where `given` is the usual answer. Also of one: a search that asks more often finds
    // the same number of questions.
    unsigned answer(unsigned given, unsigned count);
    // The same program has asked something else at the same place.
    [[nodiscard]] bool has_strayed() const noexcept { return strayed_; }

    [[nodiscard]] std::vector<std::uint16_t> answers() const;

 private:
    struct question {
        std::uint16_t answer;
        std::uint16_t count;
    };

    search how_;
    std::mt19937_64 lots_;
    std::vector<question> asked_;  // of this execution, up to next_
    std::size_t next_ = 0;
    bool begun_ = false;
    bool strayed_ = false;
};

// "0x12 1 0": an answer, and how often in a row.
[[nodiscard]] std::string to_text(const std::vector<std::uint16_t>& answers);
[[nodiscard]] std::vector<std::uint16_t> from_text(const std::string& text);

}  // namespace model
