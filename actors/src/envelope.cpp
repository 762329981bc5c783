// SPDX-License-Identifier: BSL-1.0
#include <covey/detail/envelope.hpp>

#include "actor_cell.hpp"

#include <covey/actor_error.hpp>
#include <covey/detail/reply.hpp>

#include <fmt/format.h>

#include <string_view>

namespace covey::detail {

namespace {

std::string text_of(const std::exception_ptr& error) {
    if (!error) return {};
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return fmt::format(": {}", known.what());
    } catch (...) {
        return ": not a std::exception";
    }
}

// What the asker of a request is told that won't be handled.
std::exception_ptr error_for_asker(const actor_cell& cell, dead_letter_reason why,
                                   const std::exception_ptr& error, bool restarting) noexcept {
    try {
        const char* what = nullptr;
        switch (why) {
            case dead_letter_reason::stopped:
                return std::make_exception_ptr(actor_stopped_error(
                    fmt::format("actor '{}' stopped before it handled the request", cell.name())));
            case dead_letter_reason::overflow:
                what = "dropped the request: its mailbox is full";
                restarting = true;  // it goes on
                break;
            case dead_letter_reason::failed: what = "failed while it handled the request"; break;
            case dead_letter_reason::cancelled:
                what = "was cut off while it handled the request";
                break;
            case dead_letter_reason::restarted:
                what = "was restarted before it handled the request";
                break;
        }
        return std::make_exception_ptr(
            callee_failed_error(fmt::format("actor '{}' (incarnation {}) {}{}", cell.name(),
                                            cell.incarnation(), what, text_of(error)),
                                cell.incarnation(), restarting, error));
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace

void envelope::discard(dead_letter_reason why, const std::exception_ptr& error,
                       bool restarting) noexcept {
    if (is_empty()) return;
    const bool is_begun = why == dead_letter_reason::failed || why == dead_letter_reason::cancelled;
    if (is_posted) {
        if (box.type()->tag == nullptr && !is_begun) {
            target->count_withdrawn();
        } else if (reply != nullptr) {
            target->count_returned();
            std::exchange(reply, nullptr)->fail(error_for_asker(*target, why, error, restarting));
        } else {
            target->count_dead();
            record_dead_letter(*target, *box.type(), why, error);
        }
    }
    release();
}

void envelope::release_reply() noexcept { std::exchange(reply, nullptr)->drop_reference(); }

// "const char *covey::detail::spelled_type() [M = app::job]" -> "app::job"
std::string readable_type(const char* spelled) {
    std::string_view text = spelled;
    for (const std::string_view before : {"[M = ", "[with M = "}) {
        const std::size_t at = text.find(before);
        if (at == std::string_view::npos) continue;
        text.remove_prefix(at + before.size());
        if (text.ends_with(']')) text.remove_suffix(1);
        break;
    }
    std::string readable(text);
    for (const std::string_view unnamed :
         {"(anonymous namespace)::", "{anonymous}::", "<unnamed>::"}) {
        for (std::size_t at = readable.find(unnamed); at != std::string::npos;
             at = readable.find(unnamed, at))
            readable.erase(at, unnamed.size());
    }
    return readable;
}

}  // namespace covey::detail
