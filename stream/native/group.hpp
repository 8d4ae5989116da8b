// What is told of several tallies at once.
#pragma once

#include <pybind11/numpy.h>

#include "named_tally.hpp"

namespace roomwatch {

using Figures = py::array_t<double>;
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What is told of several tallies at once: a number for each, in their order.
class Group {
public:
    explicit Group(const py::list& tallies) : kept_(tallies) {
        for (const py::handle one : kept_) {
            tallies_.push_back(one.cast<NamedTally*>());
        }
    }

    Figures totals() const {
        const std::size_t cells = tallies_.empty() ? 0 : tallies_.front()->totals().size();
        Figures found({tallies_.size(), cells});
        double* out = found.mutable_data();
        for (const Tally* tally : tallies_) {
            out = std::transform(tally->totals().begin(), tally->totals().end(), out,
                                 [](std::int64_t number) { return static_cast<double>(number); });
        }
        return found;
    }

    // A row for each column of a frame, a figure for each tally.
    Figures sums(std::size_t frame, Number first, Number end) const {
        const std::size_t columns = names().schema->frames.at(frame).columns;
        Figures found({columns, tallies_.size()});
        double* out = found.mutable_data();
        for (std::size_t at = 0; at < tallies_.size(); ++at) {
            const auto& numbers = tallies_[at]->sums(frame, first, end);
            for (std::size_t column = 0; column < columns; ++column) {
                out[column * tallies_.size() + at] = static_cast<double>(numbers[column]);
            }
        }
        return found;
    }

    Figures people(const py::str& extra, bool coarse, Number first, Number end) const {
        return each(extra, kPeople, {coarse, first, end},
                    [](const Tally& tally, std::size_t which, const Span& span) {
                        std::vector<const Distinct*> parts;
                        tally.each(which, span, [&parts](Number, const Kept& kept) {
                            parts.push_back(&dynamic_cast<const People&>(kept).set);
                        });
                        return static_cast<double>(union_count(parts));
                    });
    }

    Figures session_people(const std::string& name) const {
        Figures found(static_cast<py::ssize_t>(tallies_.size()));
        double* out = found.mutable_data();
        for (const Tally* tally : tallies_) {
            const auto& sets = tally->schema().sets;
            const auto at =
                static_cast<std::size_t>(std::find(sets.begin(), sets.end(), name) - sets.begin());
            const GrowingDistinct* set = tally->set(at);
            *out++ = set == nullptr ? kUnknown : static_cast<double>(set->count());
        }
        return found;
    }

    // The share of the `top` busiest users in all events of a window.
    Figures busiest_share(const py::str& extra, std::size_t top, Number first, Number end) const {
        return each(extra, kShare, {false, first, end},
                    [top](const Tally& tally, std::size_t which, const Span& span) {
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

    // How many panes before their payment payers clicked last: the share-th of them, in panes.
    Figures lag(const py::str& clicked, const py::str& paid, std::size_t payers, double share, Number first,
                Number end) const {
        const int what = kLag + static_cast<int>(100 * share);
        const std::size_t clicks = names().extra(clicked.ptr());
        const std::size_t pays = names().extra(paid.ptr());
        const Span span{true, first, end};
        Figures found(static_cast<py::ssize_t>(tallies_.size()));
        double* out = found.mutable_data();
        for (NamedTally* tally : tallies_) {
            const double* known = tally->recall(clicks, what, span);
            if (known == nullptr || tally->recall(pays, what, span) == nullptr) {
                const double result = lag_of(*tally, clicks, pays, payers, share, span);
                tally->remember(clicks, what, span, result);
                tally->remember(pays, what, span, result);
                *out++ = result;
            } else {
                *out++ = *known;
            }
        }
        return found;
    }

    // The places of the tallies of which a window must be read (again); it counts as read from now on.
    std::vector<std::size_t> stale(const py::str& extra, int what, bool coarse, Number first,
                                   Number end) const {
        const std::size_t which = names().extra(extra.ptr());
        const Span span{coarse, first, end};
        std::vector<std::size_t> found;
        for (std::size_t at = 0; at < tallies_.size(); ++at) {
            if (tallies_[at]->recall(which, kRead + what, span) == nullptr) {
                tallies_[at]->remember(which, kRead + what, span, 0);
                found.push_back(at);
            }
        }
        return found;
    }

    // The pings of some tallies in coarse panes: bytes; pane, size in bytes and limits of each pane; panes of
    // each tally.
    py::tuple pings(const py::str& extra, const std::vector<std::size_t>& places, Number first,
                    Number end) const {
        std::string raw;
        std::vector<Number> numbers;
        std::vector<std::size_t> sizes;
        std::vector<std::size_t> panes;
        std::vector<std::tuple<std::size_t, std::size_t, std::uint64_t>> limits;
        const std::size_t which = names().extra(extra.ptr());
        for (std::size_t at = 0; at < places.size(); ++at) {
            const std::size_t before = numbers.size();
            tallies_.at(places[at])->each(which, {true, first, end}, [&](Number number, const Kept& kept) {
                const auto& pane = dynamic_cast<const Pings&>(kept);
                raw += pane.raw();
                numbers.push_back(number);
                sizes.push_back(pane.size());
                for (const auto& [probe, node] : pane.limits()) {
                    limits.emplace_back(at, probe, node);
                }
            });
            panes.push_back(numbers.size() - before);
        }
        return py::make_tuple(py::bytes(raw), numbers, sizes, panes, limits);
    }

    // What counts of a window come to, a dict for each.
    py::list counts(const py::str& extra, bool coarse, Number first, Number end) const {
        const std::size_t which = names().extra(extra.ptr());
        py::list found;
        for (const Tally* tally : tallies_) {
            std::map<std::uint64_t, std::int64_t> whole;
            tally->each(which, {coarse, first, end}, [&whole](Number, const Kept& kept) {
                for (const auto& [step, number] : dynamic_cast<const Counts&>(kept).counts()) {
                    whole[step] += number;
                }
            });
            found.append(whole);
        }
        return found;
    }

private:
    // What is remembered of windows.
    enum { kPeople, kShare, kRead = 100, kLag = 1'000 };

    const Names& names() const {
        if (tallies_.empty()) {
            throw py::value_error("a group of no tallies tells nothing");
        }
        return tallies_.front()->names();
    }

    template <typename WorkOut>
    Figures each(const py::str& extra, int what, const Span& span, WorkOut work_out) const {
        Figures found(static_cast<py::ssize_t>(tallies_.size()));
        double* out = found.mutable_data();
        for (NamedTally* tally : tallies_) {
            const std::size_t which = tally->names().extra(extra.ptr());
            const double* known = tally->recall(which, what, span);
            const double result = known != nullptr ? *known : work_out(*tally, which, span);
            if (known == nullptr) {
                tally->remember(which, what, span, result);
            }
            *out++ = result;
        }
        return found;
    }

    static double lag_of(const Tally& tally, std::size_t clicked, std::size_t paid, std::size_t payers,
                         double share, const Span& span) {
        std::vector<std::pair<Number, const Lowest*>> clicks;
        tally.each(clicked, span, [&clicks](Number number, const Kept& kept) {
            clicks.emplace_back(number, &dynamic_cast<const Sample&>(kept).people);
        });
        std::vector<Number> lags;
        tally.each(paid, span, [&](Number number, const Kept& kept) {
            const auto& all = dynamic_cast<const Sample&>(kept).people.kept();
            for (std::size_t at = 0; at < std::min(all.size(), payers); ++at) {
                const Number lag = lag_of_payer(clicks, all[at], number);
                if (lag >= 0) {
                    lags.push_back(lag);
                }
            }
        });
        if (lags.empty()) {
            return kUnknown;
        }
        std::sort(lags.begin(), lags.end());
        const auto rank = static_cast<std::size_t>(std::ceil(static_cast<double>(lags.size()) * share)) - 1;
        return static_cast<double>(lags[rank]);
    }

    // How many panes before the payment the last click was; -1 without one, or if nobody knows.
    static Number lag_of_payer(const std::vector<std::pair<Number, const Lowest*>>& clicks,
                               std::uint32_t payer, Number paid) {
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

    py::tuple kept_;  // keeps the tallies alive
    std::vector<NamedTally*> tallies_;
};

}  // namespace roomwatch
