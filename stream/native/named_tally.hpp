// A tally as Python has it.
#pragma once

#include "names.hpp"

namespace roomwatch {

// A tally, and the names that Python calls things by.
class NamedTally : public Tally {
public:
    explicit NamedTally(std::shared_ptr<Names> names) : Tally(names->schema), names_(std::move(names)) {}

    const Names& names() const { return *names_; }

    // What the pings of a minute and of a quarter of an hour tell, see ping_figures.hpp.
    std::array<std::vector<double>, 2> ping_figures;

    void take_named(Number second, const py::dict& cells, const py::dict& extras, const Three& oldest) {
        Amounts amounts;
        for (const auto& [name, number] : cells) {
            amounts.emplace_back(static_cast<Cell>(names_->cell(name.ptr())), whole_number(number.ptr()));
        }
        std::vector<std::pair<std::size_t, Came>> came;
        for (const auto& [name, part] : extras) {
            came.emplace_back(names_->extra(name.ptr()), came_of(part.ptr()));
        }
        take(second, amounts, came, oldest_of(oldest));
    }

    // Counts events of a feed, see feeds.hpp.
    void add_likes(const Batch& batch, const Oldest& oldest) {
        Feeding feeding(names_->feeds, batch);
        feeding.likes();
        feeding.into(*this, oldest);
    }

    // Returns of each line in which something was found its place, its text and what was found.
    py::list add_lines(const Batch& batch, const Oldest& oldest, Reader* reader) {
        py::list found;
        Feeding feeding(names_->feeds, batch);
        feeding.lines(
            heard(), [reader](const std::string& text) -> const Reading& { return reader->read(text); },
            [&](std::size_t number, const Reading& reading) {
                const Event& line = batch.part.at(number);
                found.append(py::make_tuple(batch.part.text(line.text), line.user, line.offset,
                                            py::handle(reading.hits->get())));
            });
        feeding.into(*this, oldest);
        return found;
    }

    py::tuple add_visits(const Batch& batch, const Oldest& oldest, std::int64_t here, std::int64_t most) {
        Feeding feeding(names_->feeds, batch);
        const auto found = feeding.visits(here, most);
        feeding.into(*this, oldest);
        py::list sources;
        for (const auto& [source, number] : found.sources) {
            const py::object name =
                source == Event::kNone ? py::object(py::none()) : py::str(batch.part.text(source));
            sources.append(py::make_tuple(name, number));
        }
        py::list clicks;
        for (const std::size_t number : found.clicks) {
            const Event& click = batch.part.at(number);
            clicks.append(py::make_tuple(batch.part.text(click.text), click.at_ms, click.user));
        }
        return py::make_tuple(found.here, found.most, sources, found.stays, clicks);
    }

    // Packs what changed; names of fields begin with their kind and the session's start.
    py::dict pack(const std::string& start) {
        py::dict fields;
        const auto put = [&fields](const std::string& name, const std::string& raw) {
            fields[py::str(name)] = py::bytes(raw);
        };
        if (touched) {
            touched = false;
            Amounts amounts;
            for (std::size_t cell = 0; cell < totals().size(); ++cell) {
                if (totals()[cell] != 0) {
                    amounts.emplace_back(static_cast<Cell>(cell), totals()[cell]);
                }
            }
            put("t:" + start, packed(amounts));
        }
        for (std::size_t which = 0; which < schema().sets.size(); ++which) {
            if (set(which) != nullptr && set(which)->changed) {
                for (const auto& [part, raw] : own_set(which).pack_changes()) {
                    put("e:" + start + ":" + schema().sets[which] + "#" + part, raw);
                }
            }
        }
        for (std::size_t which = 0; which < schema().samples.size(); ++which) {
            if (sample(which) != nullptr && sample(which)->changed) {
                own_sample(which).changed = false;
                Packer out;
                out.bytes(sample(which)->pack());
                put("e:" + start + ":" + schema().samples[which], out.take());
            }
        }
        for (const bool coarse : {false, true}) {
            take_changed(coarse, [&](Number number, const std::string& raw) {
                put((coarse ? "P:" : "p:") + start + ":" + std::to_string(number), raw);
            });
        }
        return fields;
    }

    void unpack_part(const std::string& name, const std::string& part, const py::bytes& raw) {
        for (std::size_t which = 0; which < schema().sets.size(); ++which) {
            if (schema().sets[which] == name) {
                own_set(which).unpack_part(part, view_of(raw));
                own_set(which).changed = false;
            }
        }
        for (std::size_t which = 0; which < schema().samples.size(); ++which) {
            if (schema().samples[which] == name) {
                own_sample(which).unpack(Unpacker(view_of(raw)).bytes());
            }
        }
    }

    // Returns the numbers of the fields of which no pane is left.
    std::pair<std::vector<Number>, std::vector<Number>> forget_named(Number fine, Number coarse) {
        std::pair before(fields(false), fields(true));
        forget(fine, coarse);
        const auto gone = [](std::vector<Number>& fields, const std::vector<Number>& left) {
            std::erase_if(fields,
                          [&left](Number one) { return std::binary_search(left.begin(), left.end(), one); });
        };
        gone(before.first, fields(false));
        gone(before.second, fields(true));
        return before;
    }

private:
    // What was said lately, made from the panes the first time.
    Heard& heard() {
        if (!heard_) {
            heard_ = std::make_unique<Heard>(names_->feeds.texts_max);
            for (const auto& [number, pane] : panes(false)) {
                if (const Kept* kept = pane.extra(names_->feeds.said)) {
                    heard_->recall(number, dynamic_cast<const Said&>(*kept).pairs(), Said::kSecondBits);
                }
            }
        }
        return *heard_;
    }

    std::shared_ptr<Names> names_;
    std::unique_ptr<Heard> heard_;
};

inline py::dict cells_of(const NamedTally& tally, bool coarse) {
    py::dict found;
    for (const auto& [number, pane] : tally.panes(coarse)) {
        if (!pane.cells.empty()) {
            found[py::int_(number)] = py::bytes(packed(pane.cells));
        }
    }
    return found;
}

inline py::dict extras_of(const NamedTally& tally, bool coarse) {
    py::dict found;
    for (const auto& [number, pane] : tally.panes(coarse)) {
        if (!pane.extras.empty()) {
            found[py::int_(number)] = py::bytes(tally.packed_extras(pane));
        }
    }
    return found;
}

}  // namespace roomwatch
