// Everything of a session (or a vendor's operation) that adds up: totals, panes, people.
#pragma once

#include "growing.hpp"
#include "panes.hpp"

namespace roomwatch {

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
        fine_.forget(fine);
        coarse_.forget(coarse);
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
                change(true, at->first);
            }
        }
    }

    // How many panes lie together in one field of the store: those of ten seconds, and those of a minute.
    Number together(bool coarse) const { return coarse ? kCoarseTogether : schema_->seconds_a_coarse; }

    // Calls with number and bytes of each field of panes that has changed since the last call.
    template <typename Visit>
    void take_changed(bool coarse, Visit visit) {
        std::vector<Number>& changed = coarse ? changed_coarse_ : changed_fine_;
        const Panes& panes = this->panes(coarse);
        const Number size = together(coarse);
        for (const Number number : changed) {
            const Together some{panes.lower_bound(number * size), panes.lower_bound((number + 1) * size),
                                number * size};
            if (some.begin == some.end) {  // all were dropped
                continue;
            }
            for (auto at = some.begin; at != some.end; ++at) {
                for (const auto& [_, kept] : at->second.extras) {
                    kept->settle();
                }
            }
            visit(number, packed_together(some, *schema_));
        }
        changed.clear();
    }

    // The fields of the store that panes lie in.
    std::vector<Number> fields(bool coarse) const {
        std::vector<Number> found;
        for (const auto& [number, _] : panes(coarse)) {
            if (found.empty() || found.back() != number / together(coarse)) {
                found.push_back(number / together(coarse));
            }
        }
        return found;
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

    // Takes in a field that `take_changed` gave. What a newer version keeps besides is left alone.
    void unpack_together(bool coarse, Number field, std::string_view raw, const Places& places) {
        const Number size = together(coarse);
        const Number first = field * size;
        Panes& panes = coarse ? coarse_ : fine_;
        Unpacker in(raw);
        for (std::size_t left = in.map(); left > 0; --left) {
            const std::string_view name = in.text();
            if (name == kCells) {
                each_packed_cell(in.bytes(), first, size, [&](Number number, Cell cell, std::int64_t amount) {
                    Pane& pane =
                        panes[number];  // also where the cell is lost: then the field is written anew
                    if (const auto place = placed(cell, places)) {
                        pane.cells.add(*place, amount);
                    }
                });
            } else if (const auto which = schema_->pane_extra(name)) {
                for (std::size_t kept = in.list() / 2; kept > 0; --kept) {
                    const Number number = in.number();
                    if (number < 0 || number >= size) {
                        throw std::invalid_argument("packed panes of other sizes");
                    }
                    panes[first + number].own_extra(*which, *schema_).unpack(in);
                }
            } else {
                in.skip();
            }
        }
        if (places) {
            change(coarse, first);
        }
    }

    // Takes in the sums of one pane, as earlier versions kept them. They are to be written anew.
    void unpack_cells(bool coarse, Number number, std::string_view raw, const Places& places) {
        Pane& pane = (coarse ? coarse_ : fine_)[number];
        for (const auto& [cell, amount] : moved(unpacked(raw), places)) {
            pane.cells.add(cell, amount);
        }
        change(coarse, number);
    }

    // Takes in what one pane keeps besides, as earlier versions kept it.
    void unpack_extras(bool coarse, Number number, std::string_view raw) {
        Pane& pane = (coarse ? coarse_ : fine_)[number];
        Unpacker in(raw);
        for (std::size_t left = in.map(); left > 0; --left) {
            if (const auto which = schema_->pane_extra(in.text())) {
                pane.own_extra(*which, *schema_).unpack(in);
            } else {
                in.skip();
            }
        }
        change(coarse, number);
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

    static constexpr Number kCoarseTogether = 6;

    // Where a cell lies now; nothing if it is not counted any more.
    std::optional<Cell> placed(Cell cell, const Places& places) const {
        const std::int64_t place = places ? places->at(cell) : cell;
        if (place >= static_cast<std::int64_t>(schema_->cells)) {
            throw std::invalid_argument("packed panes have cells that are not known");
        }
        return place < 0 ? std::nullopt : std::optional(static_cast<Cell>(place));
    }

    // All of them, or none when one cannot be.
    Amounts moved(const Amounts& amounts, const Places& places) const {
        Amounts found;
        for (const auto& [cell, number] : amounts) {
            if (const auto place = placed(cell, places)) {
                found.emplace_back(*place, number);
            }
        }
        return found;
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
            fine_[second].cells.add(cell, amount);
            change(false, second);
        }
        if (coarse) {
            coarse_[number].cells.add(cell, amount);
            change(true, number);
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

    void add_up(std::size_t frame, Number first, Number end, std::int64_t sign) {
        const auto& [coarse, column, columns] = schema_->frames[frame];
        std::vector<std::int64_t>& numbers = sums_[frame].numbers;
        const Panes& all = panes(coarse);
        for (auto at = all.lower_bound(first); at != all.end() && at->first < end; ++at) {
            for (const auto [cell, number] : at->second.cells) {
                if (column[cell] >= 0) {
                    numbers[static_cast<std::size_t>(column[cell])] += sign * number;
                }
            }
        }
    }

    // Notes that the field of a pane must be written.
    void change(bool coarse, Number number) {
        std::vector<Number>& changed = coarse ? changed_coarse_ : changed_fine_;
        const Number field = number / together(coarse);
        if (std::find(changed.rbegin(), changed.rend(), field) == changed.rend()) {
            changed.push_back(field);
        }
    }

    std::int64_t beyond(Number second, const Came& came) const {
        const Pane* pane = fine_.find(second);
        const Kept* kept = pane == nullptr ? nullptr : pane->extra(schema_->busiest);
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
            fine_[second].own_extra(which, *schema_).merge(came);
            change(false, second);
            outdate(which, second, false);
        }
        if (extra.coarse && number >= (extra.brief ? oldest.brief : oldest.coarse)) {
            coarse_[number].own_extra(which, *schema_).merge(came);
            change(true, number);
            outdate(which, number, true);
            if (!extra.fine) {
                outdate(which, second, false);
            }
        }
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
    std::vector<Number> changed_fine_;  // fields of the store
    std::vector<Number> changed_coarse_;
    std::vector<std::unique_ptr<GrowingDistinct>> sets_;
    std::vector<std::unique_ptr<Lowest>> samples_;
    std::vector<Sums> sums_;  // one for each frame
    std::vector<Known> known_;
};

}  // namespace roomwatch
