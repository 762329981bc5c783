// SPDX-License-Identifier: BSL-1.0
#include "fuzz/program.hpp"

#include "support/dice.hpp"

#include <array>
#include <utility>

namespace fuzz {

namespace {

constexpr std::size_t verbs = static_cast<std::size_t>(verb::supervisor) + 1;
constexpr std::array<const char*, verbs> names{"end",
                                               "checkpoint",
                                               "sleep",
                                               "send",
                                               "receive",
                                               "try_send",
                                               "try_receive",
                                               "receive_many",
                                               "select",
                                               "clone",
                                               "close",
                                               "set_event",
                                               "wait_for_event",
                                               "wait_for_soft_cancel",
                                               "fail",
                                               "cancel",
                                               "set_deadline",
                                               "operate",
                                               "scope",
                                               "shielded",
                                               "attempt",
                                               "finally",
                                               "fail_after",
                                               "nursery",
                                               "spawn",
                                               "start",
                                               "pipe",
                                               "supervisor"};

class reader {
 public:
    explicit reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    program whole() {
        program result;
        result.seed = next();
        result.seed = result.seed * 256 + next();
        const std::uint8_t header = next();
        result.yields = (header & 1U) != 0;
        for (unsigned left = 1 + (header >> 1U) % 3; left != 0; --left) {
            const std::uint8_t shape = next();
            result.channels.push_back({shape % 4U, static_cast<covey::overflow>(shape / 4U % 4U)});
        }
        result.main = inner(most_depth);
        return result;
    }

 private:
    static constexpr unsigned most_depth = 6;
    static constexpr unsigned most_steps = 160;

    // Bytes that are not there are zero: the end of every block.
    std::uint8_t next() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }

    block inner(unsigned depth) {
        block result;
        while (steps_ < most_steps) {
            const verb what = any_verb(depth);
            if (what == verb::end && (depth < most_depth || bytes_.empty())) break;
            if (what == verb::end) continue;  // of main it is the bytes' own
            ++steps_;
            result.push_back(one(what, depth));
        }
        return result;
    }
    // At the bottom nothing with blocks. What is no verb ends a block as well, or all steps would
    // be in the first one.
    verb any_verb(unsigned depth) {
        const std::size_t number = next() % 36U;
        if (number == verbs) return verb::fail;
        const std::size_t choices = depth == 0 ? static_cast<std::size_t>(verb::scope) : verbs;
        return number < choices ? static_cast<verb>(number) : verb::end;
    }
    step one(verb what, unsigned depth) {
        step result{what};
        if (what != verb::checkpoint && what != verb::fail) result.a = next();
        if (what == verb::select || what == verb::operate || what == verb::pipe ||
            what == verb::nursery || what == verb::supervisor)
            result.b = next();
        for (unsigned left = blocks_of(result); left != 0; --left)
            result.inside.push_back(inner(depth - 1));
        return result;
    }
    static unsigned blocks_of(const step& of) {
        switch (of.what) {
            case verb::scope:
            case verb::shielded:
            case verb::attempt:
            case verb::fail_after: return 1;
            case verb::finally:
            case verb::spawn:
            case verb::start: return 2;
            case verb::nursery: return 1 + of.a % 4U;     // the body, children
            case verb::supervisor: return 1 + of.a % 4U;  // likewise
            default: return 0;
        }
    }

    std::span<const std::uint8_t> bytes_;
    unsigned steps_ = 0;
};

void write(std::string& text, const block& shown, const std::string& indent) {
    for (const step& each : shown) {
        text += indent + names[static_cast<std::size_t>(each.what)] + " " + std::to_string(each.a) +
                " " + std::to_string(each.b) + "\n";
        for (const block& inner : each.inside) {
            text += indent + "{\n";
            write(text, inner, indent + "    ");
            text += indent + "}\n";
        }
    }
}

}  // namespace

std::vector<std::uint8_t> random_bytes(std::uint64_t seed) {
    support::dice random(seed);
    std::vector<std::uint8_t> bytes(40 + random.roll(360));
    for (std::uint8_t& each : bytes) each = static_cast<std::uint8_t>(random.roll(256));
    return bytes;
}

program read(std::span<const std::uint8_t> bytes) { return reader(bytes).whole(); }

std::string to_string(const program& shown) {
    constexpr const char* policies[] = {"block", "drop_newest", "drop_oldest", "fail"};
    std::string text = "seed " + std::to_string(shown.seed) + (shown.yields ? ", yields\n" : "\n");
    for (const program::shape& each : shown.channels)
        text += "channel of " + std::to_string(each.capacity) + ", " +
                policies[static_cast<std::size_t>(each.policy)] + "\n";
    write(text, shown.main, "");
    return text;
}

}  // namespace fuzz
