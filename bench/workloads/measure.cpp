// SPDX-License-Identifier: BSL-1.0
#include "measure.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace workloads {

namespace {

double milliseconds(const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
}

}  // namespace

double resident_bytes() {
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    if (!file) throw std::runtime_error("/proc/self/statm can't be read: no figures of memory");
    long size = 0;
    long resident = 0;
    const int read = std::fscanf(file, "%ld %ld", &size, &resident);
    std::fclose(file);
    if (read != 2) throw std::runtime_error("/proc/self/statm isn't two numbers");
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// getrusage would count what the parent held when it started this program.
double peak_resident_bytes() {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;) {
        double kib = 0;
        if (word == "VmHWM:" && file >> kib) return 1024 * kib;
    }
    throw std::runtime_error("/proc/self/status has no VmHWM: no figure of the peak");
}

double cpu_milliseconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return milliseconds(used.ru_utime) + milliseconds(used.ru_stime);
}

void append_percentiles(figures& to, std::string_view prefix, std::vector<double> values) {
    if (values.empty()) return;
    std::ranges::sort(values);
    const auto at = [&](double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(values.size()));
        return values[std::min(index, values.size() - 1)];
    };
    const std::string before(prefix);
    to.push_back({before + "p50", at(0.5)});
    to.push_back({before + "p90", at(0.9)});
    to.push_back({before + "p99", at(0.99)});
    to.push_back({before + "p99.9", at(0.999)});
}

}  // namespace workloads
