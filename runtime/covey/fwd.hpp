// SPDX-License-Identifier: BSL-1.0
#pragma once

// Names without definitions, for headers that only mention them.

namespace covey {

template <class T = void>
class task;
class nursery;
class nursery_handle;
class cancel_scope;
class scope_handle;
class clock_source;
class exception_group;
class event;
template <class T>
class join_handle;
template <class T>
class task_status;
template <class T>
class limited;
template <class T>
class outcome;
class runtime;
template <class T>
class future;
template <class T>
class shared_future;

namespace lowlevel {
class scope_note;
class stop_requests;
}  // namespace lowlevel

namespace detail {
class promise_base;
class task_record;
class runtime_core;
struct scope_control;
class scope_tree;
class tree_printer;
class nursery_block;
class host;
class scope_block;
class thread_pool;
struct nursery_control;
}  // namespace detail

}  // namespace covey
