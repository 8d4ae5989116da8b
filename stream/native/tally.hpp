// Everything of a session (or a vendor's operation) that adds up: totals, panes, what panes keep besides.
#pragma once

#include <optional>

#include "kept.hpp"

namespace roomwatch {

using Cell = std::uint16_t;
using Amount = std::pair<Cell, std::int64_t>;
using Amounts = std::vector<Amount>;
using Number = std::int64_t;  // of a pane

// An extra: what panes or sessions keep besides cells. See stream.cells.Extra.
struct Extra {
    std::string name;
    std::function<std::unique_ptr<Kept>()> pane;  // empty where panes keep none
    bool fine = false;
    bool coarse = false;
    bool brief = false;
    Number every = 1;
    std::optional<std::size_t> growing;  // place among the session's sets that it goes into
    std::optional<std::size_t> sampled;  // place among the session's samples that it goes into
};

// Cells whose sums over a window are asked for together.
struct Frame {
    bool coarse;                       // the panes of the window
    std::vector<std::int32_t> column;  // place of a cell -> its column, negative for one of another frame
    std::size_t columns;
};

// What is counted, once for all sessions.
struct Schema {
    std::size_t cells = 0;
    Number seconds_a_coarse = 10;
    std::vector<Frame> frames;
    std::vector<Extra> extras;
    std::vector<std::string> sets;     // names of the sets of people that sessions keep
    std::vector<std::string> samples;  // names of their samples
    int set_precision = 14;
    std::size_t set_exact_max = 1024;
    std::vector<std::size_t> sample_most;
    std::size_t busiest = 0;  // the extra that tells who floods
    Cell flooded = 0;         // the cell of events beyond `flood`
    std::int64_t flood = 0;   // events of a user within ten seconds
    Pings::Bounds pings{};

    std::size_t extra(const std::string& name) const {
        for (std::size_t at = 0; at < extras.size(); ++at) {
            if (extras[at].name == name) {
                return at;
            }
        }
        throw std::invalid_argument("no extra " + name);
    }
};

// The oldest panes that may be begun.
struct Oldest {
    Number fine;
    Number coarse;
    Number brief;
};

struct Pane {
    Amounts cells;  // cells rising
    std::vector<std::pair<std::size_t, std::unique_ptr<Kept>>> extras;
    bool changed = false;  // since it was last taken
    bool changed_extras = false;

    void add(Cell cell, std::int64_t number) {
        const auto at = std::lower_bound(cells.begin(), cells.end(), cell,
                                         [](const Amount& one, Cell wanted) { return one.first < wanted; });
        if (at != cells.end() && at->first == cell) {
            at->second += number;
        } else {
            cells.insert(at, {cell, number});
        }
    }

    const Kept* extra(std::size_t which) const {
        for (const auto& [number, kept] : extras) {
            if (number == which) {
                return kept.get();
            }
        }
        return nullptr;
    }
};

using Panes = std::map<Number, Pane>;

// Old place of a cell -> its place now, negative for one that is not counted any more; nothing if none moved.
using Places = std::optional<std::vector<std::int64_t>>;

// A window in panes: [first, end), fine or coarse.
struct Span {
    bool coarse;
    Number first;
    Number end;
    bool operator==(const Span&) const = default;
};

// Packed amounts: 2 bytes for the cell, 4 for the number; what is above 32 bits is an entry of its own.
inline std::string packed(const Amounts& amounts) {
    constexpr Cell kHigh = 0x8000;
    std::string raw;
    const auto put = [&raw](Cell cell, std::uint32_t number) {
        raw.append(reinterpret_cast<const char*>(&cell), sizeof cell);
        raw.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    Amounts above;
    for (const auto& [cell, number] : amounts) {
        put(cell, static_cast<std::uint32_t>(number));
        if (number >> 32 != 0) {
            above.emplace_back(cell, number >> 32);
        }
    }
    for (const auto& [cell, number] : above) {
        put(static_cast<Cell>(cell | kHigh), static_cast<std::uint32_t>(number));
    }
    return raw;
}

inline Amounts unpacked(std::string_view raw) {
    constexpr Cell kHigh = 0x8000;
    constexpr std::size_t kEntry = sizeof(Cell) + sizeof(std::uint32_t);
    if (raw.size() % kEntry != 0) {
        throw std::invalid_argument("a packed pane ends too early");
    }
    Pane pane;
    for (std::size_t at = 0; at + kEntry <= raw.size(); at += kEntry) {
        Cell cell = 0;
        std::uint32_t number = 0;
        std::memcpy(&cell, raw.data() + at, sizeof cell);
        std::memcpy(&number, raw.data() + at + sizeof cell, sizeof number);
        const bool high = (cell & kHigh) != 0;
        const auto low = static_cast<std::uint64_t>(number);
        pane.add(static_cast<Cell>(cell & ~kHigh), static_cast<std::int64_t>(high ? low << 32 : low));
    }
    return std::move(pane.cells);
}

class Tally {
public:
    explicit Tally(std::shared_ptr<const Schema> schema)
        : schema_(std::move(schema)),
          totals_(schema_->cells),
          sets_(schema_->sets.size()),
          samples_(schema_->samples.size()),
          sums_(schema_->frames.size()) {}

    static constexpr Number kLate = -1;  // stands for the second of what counts in totals only

    bool touched = true;

    const std::vector<std::int64_t>& totals() const { return totals_; }
    const Panes& panes(bool coarse) const { return coarse ? coarse_ : fine_; }
    const GrowingDistinct* set(std::size_t which) const { return sets_.at(which).get(); }
    const Lowest* sample(std::size_t which) const { return samples_.at(which).get(); }
    const Schema& schema() const { return *schema_; }

    // Takes in what came within a second.
    void take(Number second, const Amounts& cells, const std::vector<std::pair<std::size_t, Came>>& extras,
              const Oldest& oldest) {
        touched = true;
        const Number number = second / schema_->seconds_a_coarse;
        const bool fine = second >= 0 && second >= oldest.fine;
        const bool coarse = second >= 0 && number >= oldest.coarse;
        for (const auto& [which, came] : extras) {
            if (which == schema_->busiest && second != kLate) {
                const std::int64_t flooded = beyond(second, came);
                if (flooded > 0) {
                    add(second, number, schema_->flooded, flooded, fine, coarse);
                }
            }
        }
        for (const auto& [cell, amount] : cells) {
            add(second, number, cell, amount, fine, coarse);
        }
        for (const auto& [which, came] : extras) {
            take_extra(which, second, number, came, oldest);
        }
    }

    // The sums of a frame's cells over the panes [first, end). They are remembered and moved on: a window
    // that gains a pane and leaves one behind looks at these two only.
    const std::vector<std::int64_t>& sums(std::size_t frame, Number first, Number end) {
        Sums& known = sums_[frame];
        if (known.first == first && known.end == end) {
            return known.numbers;
        }
        if (known.first <= first && first <= known.end && known.end <= end) {
            add_up(frame, known.first, first, -1);
            add_up(frame, known.end, end, 1);
        } else {
            known.numbers.assign(schema_->frames[frame].columns, 0);
            add_up(frame, first, end, 1);
        }
        known.first = first;
        known.end = end;
        return known.numbers;
    }

    // Calls with each pane of a window that keeps an extra.
    template <typename Visit>
    void each(std::size_t which, const Span& span, Visit visit) const {
        const Panes& panes = this->panes(span.coarse);
        const Number every = schema_->extras[which].every;
        for (auto at = panes.lower_bound(span.first); at != panes.end() && at->first < span.end; ++at) {
            if (every == 1 || at->first % every == 0) {
                if (const Kept* kept = at->second.extra(which)) {
                    visit(at->first, *kept);
                }
            }
        }
    }

    // Returns what a window is known to come to; null when it must be worked out (again).
    const double* recall(std::size_t which, int what, const Span& span) const {
        for (const Known& known : known_) {
            if (known.extra == which && known.what == what && known.span == span &&
                known.changed_from >= span.end) {
                return &known.result;
            }
        }
        return nullptr;
    }

    // Remembers what a window comes to until one of its panes changes; one window of each kind.
    void remember(std::size_t which, int what, const Span& span, double result) {
        for (Known& known : known_) {
            if (known.extra == which && known.what == what) {
                known = {which, what, span, result, kNever};
                return;
            }
        }
        known_.push_back({which, what, span, result, kNever});
    }

    // Drops panes before these numbers.
    void forget(Number fine, Number coarse) {
        fine_.erase(fine_.begin(), fine_.lower_bound(fine));
        coarse_.erase(coarse_.begin(), coarse_.lower_bound(coarse));
        for (std::size_t frame = 0; frame < sums_.size(); ++frame) {
            if (sums_[frame].first < (schema_->frames[frame].coarse ? coarse : fine)) {
                sums_[frame] = Sums();  // what it would have to leave behind is gone
            }
        }
    }

    // Drops extras that are kept briefly from the coarse panes before this number.
    void forget_brief(Number oldest) {
        for (auto at = coarse_.begin(); at != coarse_.end() && at->first < oldest; ++at) {
            const auto gone = std::erase_if(
                at->second.extras, [this](const auto& one) { return schema_->extras[one.first].brief; });
            if (gone > 0) {
                at->second.changed_extras = true;
                change(changed_coarse_, at->first, at->second);
            }
        }
    }

    // Calls with the number and pane of each that changed since the last call.
    template <typename Visit>
    void take_changed(bool coarse, Visit visit) {
        Panes& panes = coarse ? coarse_ : fine_;
        std::vector<Number>& changed = coarse ? changed_coarse_ : changed_fine_;
        for (const Number number : changed) {
            const auto at = panes.find(number);
            if (at != panes.end()) {
                for (const auto& [which, kept] : at->second.extras) {
                    kept->settle();
                }
                visit(number, at->second);
                at->second.changed = at->second.changed_extras = false;
            }
        }
        changed.clear();
    }

    std::string packed_extras(const Pane& pane) const {
        Packer out;
        out.map(pane.extras.size());
        for (const auto& [which, kept] : pane.extras) {
            out.text(schema_->extras[which].name);
            kept->pack(out);
        }
        return out.take();
    }

    // `places` tells where the cells lie now that lay elsewhere when they were packed.
    void unpack_totals(std::string_view raw, const Places& places) {
        for (const auto& [cell, number] : moved(unpacked(raw), places)) {
            totals_.at(cell) += number;
        }
        touched = places.has_value();
    }

    void unpack_cells(bool coarse, Number number, std::string_view raw, const Places& places) {
        Pane& pane = (coarse ? coarse_ : fine_)[number];
        for (const auto& [cell, amount] : moved(unpacked(raw), places)) {
            pane.add(cell, amount);
        }
        if (places) {
            change(coarse ? changed_coarse_ : changed_fine_, number, pane);
        }
    }

    // What a newer version keeps besides is left alone.
    void unpack_extras(bool coarse, Number number, std::string_view raw) {
        Pane& pane = (coarse ? coarse_ : fine_)[number];
        Unpacker in(raw);
        for (std::size_t left = in.map(); left > 0; --left) {
            const std::string name(in.text());
            const auto known =
                std::find_if(schema_->extras.begin(), schema_->extras.end(),
                             [&name](const Extra& one) { return one.name == name && one.pane; });
            if (known == schema_->extras.end()) {
                in.skip();
                continue;
            }
            auto kept = known->pane();
            kept->unpack(in);
            pane.extras.emplace_back(known - schema_->extras.begin(), std::move(kept));
        }
    }

    GrowingDistinct& own_set(std::size_t which) {
        auto& found = sets_.at(which);
        if (!found) {
            found = std::make_unique<GrowingDistinct>(schema_->set_precision, schema_->set_exact_max);
        }
        return *found;
    }

    Lowest& own_sample(std::size_t which) {
        auto& found = samples_.at(which);
        if (!found) {
            found = std::make_unique<Lowest>(schema_->sample_most[which]);
        }
        return *found;
    }

private:
    static constexpr Number kNever = Number{1} << 62;

    Amounts moved(Amounts amounts, const Places& places) const {
        if (places) {
            std::erase_if(amounts, [&places](const Amount& one) { return places->at(one.first) < 0; });
            for (Amount& one : amounts) {
                one.first = static_cast<Cell>(places->at(one.first));
            }
        }
        for (const auto& [cell, number] : amounts) {
            if (cell >= schema_->cells) {
                throw std::invalid_argument("packed panes have cells that are not known");
            }
        }
        return amounts;
    }

    struct Sums {
        Number first = -1;
        Number end = -1;
        std::vector<std::int64_t> numbers;
    };

    struct Known {
        std::size_t extra;
        int what;
        Span span;
        double result;
        Number changed_from;  // the oldest pane that has changed since
    };

    void add(Number second, Number number, Cell cell, std::int64_t amount, bool fine, bool coarse) {
        totals_[cell] += amount;
        if (fine) {
            add_to(fine_[second], changed_fine_, second, cell, amount);
        }
        if (coarse) {
            add_to(coarse_[number], changed_coarse_, number, cell, amount);
        }
        for (std::size_t frame = 0; frame < sums_.size(); ++frame) {
            const auto& [is_coarse, column, columns] = schema_->frames[frame];
            if (column[cell] >= 0 && (is_coarse ? coarse : fine)) {
                Sums& known = sums_[frame];
                const Number pane = is_coarse ? number : second;
                if (known.first <= pane && pane < known.end) {
                    known.numbers[static_cast<std::size_t>(column[cell])] += amount;
                }
            }
        }
    }

    static void add_to(Pane& pane, std::vector<Number>& changed, Number number, Cell cell,
                       std::int64_t amount) {
        pane.add(cell, amount);
        change(changed, number, pane);
    }

    void add_up(std::size_t frame, Number first, Number end, std::int64_t sign) {
        const auto& [coarse, column, columns] = schema_->frames[frame];
        std::vector<std::int64_t>& numbers = sums_[frame].numbers;
        const Panes& all = panes(coarse);
        for (auto at = all.lower_bound(first); at != all.end() && at->first < end; ++at) {
            for (const auto& [cell, number] : at->second.cells) {
                if (column[cell] >= 0) {
                    numbers[static_cast<std::size_t>(column[cell])] += sign * number;
                }
            }
        }
    }

    static void change(std::vector<Number>& changed, Number number, Pane& pane) {
        if (!pane.changed) {
            pane.changed = true;
            changed.push_back(number);
        }
    }

    std::int64_t beyond(Number second, const Came& came) const {
        const auto at = fine_.find(second);
        const Kept* kept = at == fine_.end() ? nullptr : at->second.extra(schema_->busiest);
        const Busiest none(0);
        return (kept != nullptr ? dynamic_cast<const Busiest&>(*kept) : none).beyond(came, schema_->flood);
    }

    void take_extra(std::size_t which, Number second, Number number, const Came& came, const Oldest& oldest) {
        const Extra& extra = schema_->extras[which];
        if (extra.growing) {
            own_set(*extra.growing).add(came.people);
        }
        if (extra.sampled) {
            own_sample(*extra.sampled).add(came.people);
        }
        if (!extra.pane || second == kLate) {
            return;
        }
        if (extra.fine && second >= oldest.fine) {
            Pane& pane = fine_[second];
            merge(pane, which, came);
            change(changed_fine_, second, pane);
            outdate(which, second, false);
        }
        if (extra.coarse && number >= (extra.brief ? oldest.brief : oldest.coarse)) {
            Pane& pane = coarse_[number];
            merge(pane, which, came);
            change(changed_coarse_, number, pane);
            outdate(which, number, true);
            if (!extra.fine) {
                outdate(which, second, false);
            }
        }
    }

    void merge(Pane& pane, std::size_t which, const Came& came) {
        pane.changed_extras = true;
        for (const auto& [number, kept] : pane.extras) {
            if (number == which) {
                kept->merge(came);
                return;
            }
        }
        pane.extras.emplace_back(which, schema_->extras[which].pane());
        pane.extras.back().second->merge(came);
    }

    void outdate(std::size_t which, Number number, bool coarse) {
        for (Known& known : known_) {
            if (known.extra == which && known.span.coarse == coarse) {
                known.changed_from = std::min(known.changed_from, number);
            }
        }
    }

    std::shared_ptr<const Schema> schema_;
    std::vector<std::int64_t> totals_;
    Panes fine_;
    Panes coarse_;
    std::vector<Number> changed_fine_;
    std::vector<Number> changed_coarse_;
    std::vector<std::unique_ptr<GrowingDistinct>> sets_;
    std::vector<std::unique_ptr<Lowest>> samples_;
    std::vector<Sums> sums_;  // one for each frame
    std::vector<Known> known_;
};

}  // namespace roomwatch
