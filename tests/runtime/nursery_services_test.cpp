// SPDX-License-Identifier: BSL-1.0
// start_service(): children that are there for the others and end after them.
#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/nursery.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using messages = std::vector<std::string>;
using support::trace;

std::string at(const std::string& what) {
    return what + "@" + std::to_string(support::elapsed() / 1s);
}

// Works until it is stopped; its clean-up takes a second.
covey::task<> service(trace& order, std::string name) {
    co_await covey::finally(covey::sleep_forever(), [&order, name]() -> covey::task<> {
        order.note(at(name + "-stops"));
        co_await covey::sleep_for(1s);
        order.note(at(name + "-gone"));
    });
}

covey::task<> child(trace& order, std::string name, covey::duration length) {
    co_await covey::sleep_for(length);
    order.note(at(name));
}

}  // namespace

TEST_CASE("services do not keep a nursery open, and stop in reverse order, one by one (RN49)") {
    for (const std::uint64_t seed : support::seeds()) {
        trace order;
        support::run_virtual(seed, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_service(service, std::ref(order), "a");
                nursery.start_soon(child, std::ref(order), "child", 2s);
                nursery.start_service(service, std::ref(order), "b");
                nursery.start_service({.name = "third"}, service, std::ref(order), "c");
                co_await covey::sleep_for(1s);
                order.note(at("body"));
            });
            order.note(at("closed"));
        });
        CHECK(order.text() ==
              "body@1 child@2 c-stops@2 c-gone@3 b-stops@3 b-gone@4 a-stops@4 a-gone@5 closed@5");
    }
}

TEST_CASE("a cancelled nursery joins its children before its services are told (RN49)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_service(service, std::ref(order), "a");
            nursery.start_soon([&]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                    co_await covey::sleep_for(3s);  // the service is still at work
                    order.note(at("child-gone"));
                });
            });
            co_await covey::sleep_for(1s);
            nursery.cancel();
            co_await covey::sleep_forever();
        });
    });
    CHECK(order.text() == "child-gone@4 a-stops@4 a-gone@5");
}

TEST_CASE("services are out of reach of an outer cancellation until the children are joined") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        const bool finished = co_await covey::move_on_after(1s, [&]() -> covey::task<> {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                covey::event asked;
                covey::event answered;
                nursery.start_service([&]() -> covey::task<> {
                    co_await asked.wait();
                    co_await covey::sleep_for(1s);
                    answered.set();
                    co_await service(order, "a");
                });
                co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                    asked.set();  // clean-up needs the service
                    co_await answered.wait();
                    order.note(at("answered"));
                });
            });
        });
        CHECK_FALSE(finished);
        order.note(at("closed"));
    });
    CHECK(order.text() == "answered@2 a-stops@2 a-gone@3 closed@3");
}

TEST_CASE("a service that returns is done, and leaves the others alone") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
            nursery.start_service(service, std::ref(order), "a");
            nursery.start_service(child, std::ref(order), "returns", 1s);
            nursery.start_service([&] { order.note(at("plain")); });
            co_await covey::sleep_for(2s);
            CHECK_FALSE(nursery.scope().cancel_called());
        });
    });
    CHECK(order.text() == "plain@0 returns@1 a-stops@2 a-gone@3");
}

TEST_CASE("a service that fails is a failed child (N20, RN50)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        messages found;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<> {
                nursery.start_service(service, std::ref(order), "a");
                nursery.start_service([]() -> covey::task<> {
                    co_await covey::sleep_for(2s);
                    throw std::runtime_error("the service crashed");
                });
                nursery.start_soon([]() -> covey::task<> { co_await covey::sleep_forever(); });
                co_await covey::sleep_forever();
            });
        } catch (const covey::exception_group& group) {
            found = support::messages_of(group);
        }
        CHECK(found == messages{"the service crashed"});
        CHECK(support::elapsed() == 3s);
    });
    CHECK(order.text() == "a-stops@2 a-gone@3");
}

TEST_CASE("a service that fails while it stops is in the group, the rest stops in order (N22)") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        messages found;
        try {
            co_await covey::with_nursery([&](covey::nursery& nursery) {
                nursery.start_service(service, std::ref(order), "a");
                nursery.start_service([&]() -> covey::task<> {
                    co_await covey::finally(covey::sleep_forever(), [&]() -> covey::task<> {
                        co_await covey::sleep_for(1s);
                        throw std::runtime_error("b's clean-up");
                    });
                });
                nursery.start_service(service, std::ref(order), "c");
            });
        } catch (const covey::exception_group& group) {
            found = support::messages_of(group);
        }
        CHECK(found == messages{"b's clean-up"});
        order.note(at("closed"));
    });
    CHECK(order.text() == "c-stops@0 c-gone@1 a-stops@2 a-gone@3 closed@3");
}

TEST_CASE("what a stopping service starts is joined before the next one is told") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_service(service, std::ref(order), "a");
            nursery.start_service([&]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(), [&] {
                    order.note(at("b-stops"));
                    nursery.start_soon(child, std::ref(order), "last-wishes", 5s);
                });
            });
        });
        order.note(at("closed"));
    });
    CHECK(order.text() == "b-stops@0 last-wishes@5 a-stops@5 a-gone@6 closed@6");
}

TEST_CASE("a service started by a stopping service is stopped next") {
    trace order;
    support::run_virtual([&]() -> covey::task<> {
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_service(service, std::ref(order), "a");
            nursery.start_service([&]() -> covey::task<> {
                co_await covey::finally(covey::sleep_forever(), [&] {
                    order.note(at("b-stops"));
                    nursery.start_service(service, std::ref(order), "late");
                });
            });
        });
        order.note(at("closed"));
    });
    CHECK(order.text() == "b-stops@0 late-stops@0 late-gone@1 a-stops@1 a-gone@2 closed@2");
}

TEST_CASE("a service is stopped with source shutdown, in a scope of its own") {
    support::run_virtual([]() -> covey::task<> {
        covey::cancel_cause cause;
        co_await covey::with_nursery([&](covey::nursery& nursery) {
            nursery.start_service([&]() -> covey::task<> {
                covey::cancel_scope& own = covey::current_scope();
                CHECK(&own != &nursery.scope());
                co_await covey::finally(covey::sleep_forever(), [&] { cause = own.cause(); });
            });
        });
        CHECK(cause.source == covey::cancel_source::shutdown);
        CHECK(cause.reason == "body and children of the service's nursery are done");
    });
}

TEST_CASE("the value of the block outlives a limit that fires while services stop (C10)") {
    support::run_virtual([]() -> covey::task<> {
        trace order;
        const auto limited = co_await covey::move_on_after(1500ms, [&]() -> covey::task<int> {
            const int value =
                co_await covey::with_nursery([&](covey::nursery& nursery) -> covey::task<int> {
                    nursery.start_service(service, std::ref(order), "a");
                    co_await covey::sleep_for(1s);
                    co_return 5;
                });
            order.note(at("block"));
            co_return value;
        });
        REQUIRE(limited.finished());
        CHECK(*limited == 5);
        CHECK(order.text() == "a-stops@1 a-gone@2 block@2");
    });
}
