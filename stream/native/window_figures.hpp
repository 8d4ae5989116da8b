// What extras of a session's panes come to over a window; remembered until a pane of the window changes.
#pragma once

#include <map>

#include "named_tally.hpp"
#include "ping_figures.hpp"

namespace roomwatch {

// What is remembered of windows, one of each length.
enum class Recalled : int { people, share, pings, lag = 100 };

// A window before the reach of a set of feeds is known.
struct Window {
    std::size_t end;  // number of the set of feeds
    bool coarse;      // its panes
    Number step_ms;   // it ends on a multiple of this
    Number step;      // panes in a step
    Number first;     // its first pane, counted from that end
    Number last;      // the first pane after it

    Span at(Number reach_ms) const {
        const Number base = reach_ms / step_ms * step;
        return {coarse, base + first, base + last};
    }

    // What is remembered under: windows of one length share it, and are told apart by where they lie.
    int memory(Recalled what, int more = 0) const {
        constexpr int kLengths = 10'000;
        return (static_cast<int>(what) + more) * kLengths + static_cast<int>(last - first);
    }
};

template <typename WorkOut>
double recalled(Tally& tally, std::size_t which, int what, const Span& span, WorkOut work_out) {
    if (const double* known = tally.recall(which, what, span)) {
        return *known;
    }
    const double result = work_out();
    tally.remember(which, what, span, result);
    return result;
}

// How many different people there were.
inline double people_of(Tally& tally, std::size_t which, const Window& window, const Span& span) {
    return recalled(tally, which, window.memory(Recalled::people), span, [&] {
        std::vector<const Distinct*> parts;
        tally.each(which, span, [&parts](Number, const Kept& kept) {
            parts.push_back(&dynamic_cast<const People&>(kept).set);
        });
        return static_cast<double>(union_count(parts));
    });
}

// The share of the `top` busiest users in all events.
inline double busiest_share(Tally& tally, std::size_t which, std::size_t top, const Window& window,
                            const Span& span) {
    return recalled(tally, which, window.memory(Recalled::share), span, [&] {
        std::map<std::uint32_t, std::int64_t> numbers;
        std::int64_t total = 0;
        tally.each(which, span, [&](Number, const Kept& kept) {
            const auto& pane = dynamic_cast<const Busiest&>(kept);
            for (const auto& [user, number] : pane.numbers()) {
                numbers[user] += number + pane.missed();
            }
            total += pane.total();
        });
        if (total == 0) {
            return kUnknown;
        }
        std::vector<std::int64_t> largest;
        for (const auto& [user, number] : numbers) {
            largest.push_back(number);
        }
        std::sort(largest.begin(), largest.end(), std::greater<>());
        largest.resize(std::min(largest.size(), top));
        const auto sum = std::accumulate(largest.begin(), largest.end(), std::int64_t{0});
        return std::min(1.0, static_cast<double>(sum) / static_cast<double>(total));
    });
}

// How many panes before the payment the last click was; -1 without one, or if nobody knows.
inline Number lag_of_payer(const std::vector<std::pair<Number, const Lowest*>>& clicks, std::uint32_t payer,
                           Number paid) {
    for (auto at = clicks.rbegin(); at != clicks.rend(); ++at) {
        if (at->first <= paid) {
            const auto& kept = at->second->kept();
            if (std::binary_search(kept.begin(), kept.end(), payer)) {
                return paid - at->first;
            }
            if (payer >= at->second->limit()) {
                return -1;
            }
        }
    }
    return -1;
}

// Extras and share of a lag.
struct Lag {
    std::size_t clicked;
    std::size_t paid;
    std::size_t payers;  // that are looked at in each pane
    double share;
};

// How many panes before their payment payers clicked last: the share-th of them, in panes.
inline double lag_of(Tally& tally, const Lag& lag, const Window& window, const Span& span) {
    constexpr int kPercent = 100;
    const int what = window.memory(Recalled::lag, static_cast<int>(kPercent * lag.share));
    const double* known = tally.recall(lag.clicked, what, span);
    if (known != nullptr && tally.recall(lag.paid, what, span) != nullptr) {
        return *known;
    }
    std::vector<std::pair<Number, const Lowest*>> clicks;
    tally.each(lag.clicked, span, [&clicks](Number number, const Kept& kept) {
        clicks.emplace_back(number, &dynamic_cast<const Sample&>(kept).people);
    });
    std::vector<Number> lags;
    tally.each(lag.paid, span, [&](Number number, const Kept& kept) {
        const auto& all = dynamic_cast<const Sample&>(kept).people.kept();
        for (std::size_t at = 0; at < std::min(all.size(), lag.payers); ++at) {
            const Number one = lag_of_payer(clicks, all[at], number);
            if (one >= 0) {
                lags.push_back(one);
            }
        }
    });
    double result = kUnknown;
    if (!lags.empty()) {
        std::sort(lags.begin(), lags.end());
        const auto rank =
            static_cast<std::size_t>(std::ceil(static_cast<double>(lags.size()) * lag.share)) - 1;
        result = static_cast<double>(lags[rank]);
    }
    tally.remember(lag.clicked, what, span, result);
    tally.remember(lag.paid, what, span, result);
    return result;
}

// The step that this share of what was counted does not exceed; unknown if nothing was.
inline double rank_of(const Tally& tally, std::size_t which, double share, const Span& span) {
    std::map<std::uint64_t, std::int64_t> whole;
    std::int64_t total = 0;
    tally.each(which, span, [&](Number, const Kept& kept) {
        for (const auto& [step, number] : dynamic_cast<const Counts&>(kept).counts()) {
            whole[step] += number;
            total += number;
        }
    });
    auto left = static_cast<std::int64_t>(std::ceil(static_cast<double>(total) * share));
    for (const auto& [step, number] : whole) {
        left -= number;
        if (left <= 0) {
            return static_cast<double>(step);
        }
    }
    return kUnknown;
}

// One number of what the pings of a window tell: of a minute, or else of a quarter of an hour.
inline double ping_figure(NamedTally& tally, std::size_t which, bool minute, std::size_t at,
                          const Window& window, const Span& span) {
    std::vector<double>& told = tally.ping_figures[minute ? 0 : 1];
    recalled(tally, which, window.memory(Recalled::pings), span, [&] {
        constexpr Number kFineMs = 1'000;
        const Number pane_ms = span.coarse ? tally.schema().seconds_a_coarse * kFineMs : kFineMs;
        const auto probes = read_pings(tally, which, span.first * pane_ms, span.end * pane_ms);
        const bool any = std::any_of(probes.begin(), probes.end(),
                                     [](const ProbePings& one) { return !one.pings.empty(); });
        const Number length_ms = (span.end - span.first) * pane_ms;
        told = !any     ? std::vector<double>()
               : minute ? tell_minute(probes, length_ms)
                        : tell_quarter(probes, length_ms);
        return 0.0;
    });
    return at < told.size() ? told[at] : kUnknown;
}

}  // namespace roomwatch
