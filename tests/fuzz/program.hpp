// SPDX-License-Identifier: BSL-1.0
#pragma once

// Programs that are read from bytes: any bytes are one. What they do is in interpreter.hpp.

#include <covey/channel.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fuzz {

enum class verb : std::uint8_t {
    end,  // of a block
    checkpoint,
    sleep,
    send,
    receive,
    try_send,
    try_receive,
    receive_many,
    select,
    clone,
    close,
    set_event,
    wait_for_event,
    wait_for_soft_cancel,
    fail,
    cancel,
    set_deadline,
    operate,  // a supervisor: stop or restart a child, or stop all
    // Those from here on have blocks inside.
    scope,
    shielded,
    attempt,
    finally,
    fail_after,
    nursery,
    spawn,
    start,
    pipe,  // a producer and a consumer, each with the end that it owns
    supervisor,
};

struct step;
using block = std::vector<step>;

struct step {
    verb what;
    std::uint8_t a = 0, b = 0;  // what they mean depends on the verb
    std::vector<block> inside = {};
};

struct program {
    std::uint64_t seed = 0;  // of the order in which what is ready runs
    bool yields = false;     // after every operation
    struct shape {
        std::size_t capacity;
        covey::overflow policy;
    };
    std::vector<shape> channels;
    block main;
};

// The same bytes for the same seed, everywhere.
[[nodiscard]] std::vector<std::uint8_t> random_bytes(std::uint64_t seed);
[[nodiscard]] program read(std::span<const std::uint8_t> bytes);
// A line for each step, indented.
[[nodiscard]] std::string to_string(const program& shown);

}  // namespace fuzz
