// SPDX-License-Identifier: BSL-1.0
#pragma once

// Every way to send and to receive on a memory channel under one signature, and what became of it
// as a word: the tests go through all of them.

#include <covey/channel.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace support {

enum class sending { send, send_from, emplace, send_all };
inline constexpr std::array all_sendings{sending::send, sending::send_from, sending::emplace,
                                         sending::send_all};
enum class receiving { receive, next, receive_many };
inline constexpr std::array all_receivings{receiving::receive, receiving::next,
                                           receiving::receive_many};

inline const char* name_of(sending how) {
    constexpr std::array names{"send", "send_from", "emplace", "send_all"};
    return names[static_cast<std::size_t>(how)];
}
inline const char* name_of(receiving how) {
    constexpr std::array names{"receive", "next", "receive_many"};
    return names[static_cast<std::size_t>(how)];
}

// Whether a value that is not sent stays where it was.
constexpr bool keeps_unsent(sending how) {
    return how == sending::send_from || how == sending::send_all;
}

template <class T>
covey::task<> send_by(sending how, const covey::send_channel<T>& tx, T& value) {
    switch (how) {
        case sending::send: co_await tx.send(std::move(value)); break;
        case sending::send_from: co_await tx.send_from(value); break;
        case sending::emplace: co_await tx.emplace(std::move(value)); break;
        case sending::send_all: {
            std::span<T> one(&value, 1);
            co_await tx.send_all(one);
            break;
        }
    }
}

// Nothing: the channel has ended.
template <class T>
covey::task<std::optional<T>> receive_by(receiving how, const covey::receive_channel<T>& rx) {
    switch (how) {
        case receiving::receive: {
            try {
                T value = co_await rx.receive();
                co_return value;
            } catch (const covey::end_of_channel&) {
                co_return std::nullopt;
            }
        }
        case receiving::next: break;
        case receiving::receive_many: {
            std::vector<T> values = co_await rx.receive_many(1);
            if (values.empty()) co_return std::nullopt;
            co_return std::move(values.front());
        }
    }
    std::optional<T> value = co_await rx.next();
    co_return value;
}

// "sent", "closed", "broken"; "waits" as long as it hasn't ended, and for ever when cancelled.
template <class T>
covey::task<> note_send(sending how, const covey::send_channel<T>& tx, T value, std::string& note) {
    try {
        note = "waits";
        co_await send_by(how, tx, value);
        note = "sent";
    } catch (const covey::closed_resource_error&) {
        note = "closed";
    } catch (const covey::broken_resource_error&) {
        note = "broken";
    }
}

// "got 7", "end", "closed"; "waits" as long as it hasn't ended, and for ever when cancelled.
inline covey::task<> note_receive(receiving how, const covey::receive_channel<int>& rx,
                                  std::string& note) {
    try {
        note = "waits";
        const std::optional<int> value = co_await receive_by(how, rx);
        note = value ? "got " + std::to_string(*value) : "end";
    } catch (const covey::closed_resource_error&) {
        note = "closed";
    }
}

// Awaits an operation: "done", or what it throws: "closed", "broken", "full", "end".
template <class Operation>
covey::task<std::string> ending_of(Operation operation) {
    try {
        co_await std::move(operation);
        co_return "done";
    } catch (const covey::closed_resource_error&) {
        co_return "closed";
    } catch (const covey::broken_resource_error&) {
        co_return "broken";
    } catch (const covey::channel_full_error&) {
        co_return "full";
    } catch (const covey::end_of_channel&) {
        co_return "end";
    }
}

// "sent", "full", "closed", "broken".
template <class T>
std::string try_send(const covey::send_channel<T>& tx, T value) {
    try {
        return tx.try_send(std::move(value)) ? "sent" : "full";
    } catch (const covey::closed_resource_error&) {
        return "closed";
    } catch (const covey::broken_resource_error&) {
        return "broken";
    }
}

// "got 7", "empty", "closed", "end".
inline std::string try_receive(const covey::receive_channel<int>& rx) {
    try {
        const std::optional<int> value = rx.try_receive();
        return value ? "got " + std::to_string(*value) : "empty";
    } catch (const covey::closed_resource_error&) {
        return "closed";
    } catch (const covey::end_of_channel&) {
        return "end";
    }
}

}  // namespace support
