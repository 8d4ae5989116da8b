// What the pings of a window tell besides sums: medians, slopes, stalls and nodes of each probe.
//
// All sums are of whole numbers, so nothing depends on the order in which pings came.
#pragma once

#include <cmath>
#include <limits>

#include "tally.hpp"

namespace roomwatch {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Returns part / whole; unknown where either is or where the whole is 0.
inline double ratio(double part, double whole) {
    return whole > 0 ? part / whole : kUnknown;
}

// What is told of a probe; a window that does not tell one of them has "unknown" there.
enum PingFigure {
    kOffsetS,    // median of the sound's offset, seconds
    kNodes,      // how many ping
    kStalled,    // how many of them are stalled
    kShare,      // their share
    kStalls,     // stalls begun per 100 s of the time that pings tell of
    kDrift,      // slope of the offset over time
    kIntervalS,  // median of the time that a ping tells of, seconds
    kPingFigures
};

// The pings of one probe in a window, and what is told of them.
class ProbePings {
public:
    struct Ping {
        std::uint64_t node;  // its hash
        Number at_ms;        // from the window's start
        Number interval_ms;  // the time that the ping tells of
        Number stall_ms;     // how much of it the picture stood still
        Number offset;       // of the sound, in steps
        bool has_offset;     // whether it was told
    };

    std::vector<Ping> pings;
    std::optional<std::uint64_t> limit;  // below it every node's pings are there, where some are left out

    ProbePings since(Number start_ms) const {
        ProbePings found{{}, limit};
        std::copy_if(pings.begin(), pings.end(), std::back_inserter(found.pings),
                     [start_ms](const Ping& one) { return one.at_ms >= start_ms; });
        return found;
    }

    double offset_s() const {
        std::vector<Number> offsets;
        for (const Ping& one : pings) {
            if (one.has_offset) {
                offsets.push_back(one.offset);
            }
        }
        return median(std::move(offsets)) / (kOffsetSteps * 1'000);
    }

    double interval_s() const {
        std::vector<Number> intervals;
        for (const Ping& one : pings) {
            intervals.push_back(one.interval_ms);
        }
        return median(std::move(intervals)) / 1'000;
    }

    // Leaves out the pings of nodes of which some are missing, and returns how many nodes stand behind each.
    // A probe that sends too many pings of a single node has no such node: all of its pings are the sample.
    double sample() {
        const auto above = [this](const Ping& one) { return one.node >= *limit; };
        if (!limit || std::all_of(pings.begin(), pings.end(), above)) {
            return 1;
        }
        std::erase_if(pings, above);
        return static_cast<double>(kHashes) / static_cast<double>(*limit);
    }

    void order() {
        std::stable_sort(pings.begin(), pings.end(), [](const Ping& one, const Ping& other) {
            return std::pair(one.node, one.at_ms) < std::pair(other.node, other.at_ms);
        });
    }

    // Returns how many nodes ping and how many of them are stalled: stalls make up 5 % of their time.
    std::pair<double, double> stalled_nodes() const {
        ProbePings some = *this;
        const double behind = some.sample();
        if (some.pings.empty()) {
            return {kUnknown, kUnknown};
        }
        some.order();
        double nodes = 0;
        double stalled = 0;
        some.each_node([&](auto from, auto to) {
            Number stall_ms = 0;
            Number interval_ms = 0;
            for (; from != to; ++from) {
                stall_ms += from->stall_ms;
                interval_ms += from->interval_ms;
            }
            ++nodes;
            stalled += stall_ms > 0 && stall_ms * kPartsOfStalled >= interval_ms ? 1 : 0;
        });
        return {nodes * behind, stalled * behind};
    }

    // Tells of stalled nodes and their share; where nothing stalls, nodes need not be told apart.
    void tell_stalled(double* told) const {
        const bool stalls =
            std::any_of(pings.begin(), pings.end(), [](const Ping& p) { return p.stall_ms > 0; });
        if (pings.empty() || stalls) {
            const auto [nodes, stalled] = stalled_nodes();
            told[kStalled] = stalled;
            told[kShare] = ratio(stalled, nodes);
        } else {
            told[kStalled] = told[kShare] = 0;
        }
    }

    // Stalls begun per 100 s of the time that the pings tell of. Stalled pings of a node that follow each
    // other are one stall; one that goes on from before the start did not begin after it. To be ordered
    // before.
    double stalls_begun(Number start_ms) const {
        Number begun = 0;
        Number watched_ms = 0;
        for (std::size_t at = 0; at < pings.size(); ++at) {
            if (pings[at].at_ms >= start_ms) {
                const bool goes_on =
                    at > 0 && pings[at - 1].stall_ms > 0 && pings[at - 1].node == pings[at].node;
                begun += pings[at].stall_ms > 0 && !goes_on ? 1 : 0;
                watched_ms += pings[at].interval_ms;
            }
        }
        return ratio(static_cast<double>(begun), static_cast<double>(watched_ms)) * 100'000;
    }

    // The slope of the offset over time by least squares. Each node has an offset of its own and all share
    // the slope: a node that begins to ping in the middle does not look like drift. To be ordered before.
    double drift() {
        std::erase_if(pings, [](const Ping& one) { return !one.has_offset; });
        const auto [first, last] =
            std::minmax_element(pings.begin(), pings.end(),
                                [](const Ping& one, const Ping& other) { return one.at_ms < other.at_ms; });
        if (pings.size() < kPingsLeast || last->at_ms - first->at_ms < kSpanLeastMs) {
            return kUnknown;
        }
        double spread = 0;
        double shared = 0;
        each_node([&](auto from, auto to) {
            const auto number = static_cast<double>(to - from);
            Number times = 0;
            Number offsets = 0;
            Number squares = 0;
            Number products = 0;
            for (; from != to; ++from) {
                times += from->at_ms;
                offsets += from->offset;
                squares += from->at_ms * from->at_ms;
                products += from->at_ms * from->offset;
            }
            spread += left(squares, times, times, number);
            shared += left(products, times, offsets, number);
        });
        return spread > 0 ? shared / (spread * kOffsetSteps) : kUnknown;
    }

private:
    static constexpr std::uint64_t kHashes = std::uint64_t{1} << 32;
    static constexpr int kOffsetSteps = 10;     // of a millisecond
    static constexpr int kPartsOfStalled = 20;  // of a node's time, see stalled_nodes; from metrics.md
    // A slope of fewer pings, or of a shorter time, is noise: 10 ms of it over a minute look like 5 ms/min of
    // drift.
    static constexpr std::size_t kPingsLeast = 5;
    static constexpr Number kSpanLeastMs = 60'000;

    // The sum of products, less what the means explain.
    static double left(Number products, Number ones, Number others, double number) {
        return static_cast<double>(products) -
               static_cast<double>(ones) * static_cast<double>(others) / number;
    }

    static double median(std::vector<Number> numbers) {
        if (numbers.empty()) {
            return kUnknown;
        }
        std::sort(numbers.begin(), numbers.end());
        const std::size_t size = numbers.size();
        return static_cast<double>(numbers[(size - 1) / 2] + numbers[size / 2]) / 2;
    }

    // Calls with the pings of each node; they are ordered.
    template <typename Visit>
    void each_node(Visit visit) const {
        for (auto from = pings.begin(); from != pings.end();) {
            const auto to =
                std::find_if(from, pings.end(), [from](const Ping& p) { return p.node != from->node; });
            visit(from, to);
            from = to;
        }
    }
};

// Reads the pings of [start, end), epoch milliseconds, by probe.
inline std::vector<ProbePings> read_pings(const Tally& tally, std::size_t which, Number start_ms,
                                          Number end_ms) {
    constexpr Number kFineMs = 1'000;
    constexpr std::uint64_t kTimeMask = (1 << 20) - 1;
    constexpr std::uint64_t kOffsetMask = (1 << 24) - 1;
    constexpr Number kOffsetZero = 1 << 23;
    constexpr int kStallShift = 24;
    constexpr int kIntervalShift = 44;
    const auto& shape = tally.schema().pings;
    const Number pane_ms = tally.schema().seconds_a_coarse * kFineMs;
    std::vector<ProbePings> found(shape.most.size());
    const Span span{true, start_ms / pane_ms, (end_ms + pane_ms - 1) / pane_ms};
    tally.each(which, span, [&](Number number, const Kept& kept) {
        const auto& pane = dynamic_cast<const Pings&>(kept);
        for (const auto& [probe, node] : pane.limits()) {
            auto& limit = found.at(probe).limit;
            limit = std::min(limit.value_or(node), node);
        }
        for (const auto& [where, what] : pane.pings()) {
            const auto within = static_cast<Number>(where & ((std::uint64_t{1} << shape.node_shift) - 1));
            const Number at_ms = number * pane_ms + within;
            const std::size_t probe = where >> shape.probe_shift;
            if (at_ms < start_ms || at_ms >= end_ms || probe >= found.size()) {
                continue;
            }
            const auto offset = static_cast<Number>(what & kOffsetMask);
            found[probe].pings.push_back({where >> shape.node_shift & shape.node_mask, at_ms - start_ms,
                                          static_cast<Number>(what >> kIntervalShift & kTimeMask),
                                          static_cast<Number>(what >> kStallShift & kTimeMask),
                                          offset - kOffsetZero, offset > 0});
        }
    });
    return found;
}

// Tells of a minute, then of the 10 s that end at the same instant: a row for each probe in both.
inline std::vector<double> tell_minute(const std::vector<ProbePings>& probes, Number length_ms) {
    constexpr Number kTenMs = 10'000;
    std::vector<double> told(2 * probes.size() * kPingFigures, kUnknown);
    for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t probe = 0; probe < probes.size(); ++probe) {
            const ProbePings pings = probes[probe].since(half == 0 ? 0 : length_ms - kTenMs);
            double* row = told.data() + (half * probes.size() + probe) * kPingFigures;
            row[kOffsetS] = pings.offset_s();
            pings.tell_stalled(row);
        }
    }
    return told;
}

// Tells of 5 min, then of the 15 min that end at the same instant: a row for each probe in both.
inline std::vector<double> tell_quarter(const std::vector<ProbePings>& probes, Number length_ms) {
    constexpr Number kBeforeMs = 60'000;  // pings of so long before tell whether a stall goes on from there
    const Number start_ms = length_ms - 300'000;
    std::vector<double> told(2 * probes.size() * kPingFigures, kUnknown);
    for (std::size_t probe = 0; probe < probes.size(); ++probe) {
        double* five = told.data() + probe * kPingFigures;
        double* quarter = five + probes.size() * kPingFigures;
        quarter[kIntervalS] = probes[probe].interval_s();
        probes[probe].tell_stalled(quarter);
        ProbePings more = probes[probe].since(start_ms - kBeforeMs);
        more.sample();
        more.order();
        five[kStalls] = more.stalls_begun(start_ms);
        ProbePings inside = more.since(start_ms);
        five[kOffsetS] = inside.offset_s();
        const auto [nodes, stalled] = inside.stalled_nodes();
        five[kNodes] = nodes;
        five[kStalled] = stalled;
        five[kShare] = ratio(stalled, nodes);
        five[kDrift] = inside.drift();
    }
    return told;
}

}  // namespace roomwatch
