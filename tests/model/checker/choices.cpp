// SPDX-License-Identifier: BSL-1.0
#include "choices.hpp"

#include <sstream>

namespace model {

choices::choices(search how, std::uint64_t seed, std::vector<std::uint16_t> answers)
    : how_(how), lots_(seed) {
    for (const std::uint16_t each : answers) asked_.push_back({each, 0});
}

bool choices::begin() {
    next_ = 0;
    strayed_ = false;
    if (how_ == search::random) asked_.clear();
    if (how_ == search::replay) return true;
    if (!begun_) return begun_ = true;
    if (how_ == search::random) return true;
    while (!asked_.empty() && asked_.back().answer + 1 == asked_.back().count) asked_.pop_back();
    if (asked_.empty()) return false;
    ++asked_.back().answer;
    return true;
}

unsigned choices::choose(unsigned count) {
    if (how_ != search::random) return answer(0, count);
    // What is usual is half of the lots: a schedule of surprises only is no likely one either.
    return answer(count == 1 || lot(2) == 0 ? 0 : lot(count), count);
}

unsigned choices::answer(unsigned given, unsigned count) {
    if (next_ == asked_.size()) {
        asked_.push_back({static_cast<std::uint16_t>(given), static_cast<std::uint16_t>(count)});
    } else if (asked_[next_].count == 0) {
        asked_[next_].count = static_cast<std::uint16_t>(count);  // as in a replay
    }
    const question& here = asked_[next_++];
    if (here.count != count || here.answer >= count) {
        strayed_ = true;
        return 0;
    }
    return here.answer;
}

std::vector<std::uint16_t> choices::answers() const {
    std::vector<std::uint16_t> result;
    for (std::size_t i = 0; i != next_; ++i) result.push_back(asked_[i].answer);
    return result;
}

std::string to_text(const std::vector<std::uint16_t>& answers) {
    if (answers.empty()) return "0";
    std::ostringstream text;
    for (std::size_t i = 0; i < answers.size();) {
        std::size_t end = i;
        while (end != answers.size() && answers[end] == answers[i]) ++end;
        text << (i == 0 ? "" : " ") << answers[i];
        if (end - i > 1) text << 'x' << end - i;
        i = end;
    }
    return text.str();
}

std::vector<std::uint16_t> from_text(const std::string& text) {
    std::vector<std::uint16_t> result;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const std::size_t times = word.find('x');
        const auto answer = static_cast<std::uint16_t>(std::stoul(word));
        result.insert(result.end(), times == word.npos ? 1 : std::stoul(word.substr(times + 1)),
                      answer);
    }
    return result;
}

}  // namespace model
