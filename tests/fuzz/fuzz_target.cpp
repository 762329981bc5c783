// SPDX-License-Identifier: BSL-1.0
// What libFuzzer calls: a program for any bytes. It keeps the bytes of one that fails; the test
// "programs of the corpus" runs them as well.
#include "fuzz/interpreter.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::program played = fuzz::read({data, size});
    fuzz::tally sums;
    const std::string wrong = fuzz::run(played, sums);
    if (wrong.empty()) return 0;
    std::fprintf(stderr, "%s\n%s", wrong.c_str(), to_string(played).c_str());
    std::abort();
}
