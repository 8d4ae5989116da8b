// The Python module: see the stub _native.pyi for what each name does.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "feeds.hpp"
#include "tally.hpp"

namespace py = pybind11;

namespace roomwatch {
namespace {

using Figures = py::array_t<double>;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::string_view view_of(const py::bytes& raw) {
    return std::string_view(raw);
}

std::string deflate(const std::string& raw) {
    constexpr int kFast = 1;  // registers have little more order than their histogram
    return py::module_::import("zlib").attr("compress")(py::bytes(raw), kFast).cast<std::string>();
}

std::string inflate(std::string_view raw) {
    const py::module_ module = py::module_::import("zlib");
    try {
        return module.attr("decompress")(py::bytes(raw.data(), raw.size())).cast<std::string>();
    } catch (py::error_already_set& error) {
        if (!error.matches(module.attr("error"))) {
            throw;
        }
        throw std::invalid_argument("a packed set that cannot be inflated");
    }
}

Hashes hashes_of(const py::iterable& numbers) {
    Hashes found;
    for (const py::handle one : numbers) {
        found.push_back(hash_of(one.ptr()));
    }
    return found;
}

py::list list_of(const Hashes& hashes) {
    py::list found(hashes.size());
    for (std::size_t at = 0; at < hashes.size(); ++at) {
        found[at] = hashes[at];
    }
    return found;
}

using Three = std::tuple<Number, Number, Number>;

Oldest oldest_of(const Three& numbers) {
    const auto& [fine, coarse, brief] = numbers;
    return {fine, coarse, brief};
}

Oldest oldest_of(const py::object& batch) {
    return oldest_of(batch.attr("oldest").cast<Three>());
}

Batch batch_of(const py::object& batch) {
    const auto sequence = [&batch](const char* name) { return batch.attr(name); };
    return {
        Sequence(py::object(sequence("events")).ptr()),
        Sequence(py::object(sequence("users")).ptr()),
        Sequence(py::object(sequence("places")).ptr()),
        Sequence(py::object(sequence("records")).ptr()),
        batch.attr("late").cast<bool>(),
        batch.attr("whole").cast<bool>(),
    };
}

// Registers sets that Python uses by themselves.
template <typename Set, typename... Bases>
py::class_<Set, Bases...> bind_set(py::module_& module, const char* name) {
    return py::class_<Set, Bases...>(module, name)
        .def_readwrite("changed", &Set::changed)
        .def("merge", [](Set& set, const Distinct& other) { set.merge(other); })
        .def("merge", [](Set& set, const py::iterable& hashes) { set.add(hashes_of(hashes)); })
        .def("count", &Set::count)
        .def("pack", [](const Set& set) { return py::bytes(set.pack()); })
        .def("unpack", [](Set& set, const py::bytes& raw) { set.unpack(view_of(raw)); })
        .def_property_readonly("members", [](const Set& set) -> py::object {
            if (!set.exact()) {
                return py::none();
            }
            return py::set(list_of(set.members()));
        });
}

// What Python knows the schema by: names.
struct Names {
    std::shared_ptr<Schema> schema;
    Feeds feeds;
    Fields fields;
    py::dict cells;
    py::dict extras;

    std::size_t cell(PyObject* name) const { return place(cells, name, "no cell "); }
    std::size_t extra(PyObject* name) const { return place(extras, name, "no extra "); }

private:
    static std::size_t place(const py::dict& places, PyObject* name, const char* fault) {
        PyObject* found = PyDict_GetItemWithError(places.ptr(), name);
        if (found == nullptr) {
            throw py::key_error(fault + py::repr(name).cast<std::string>());
        }
        return static_cast<std::size_t>(whole_number(found));
    }
};

std::function<std::unique_ptr<Kept>()> maker(const Schema& schema, const std::string& kind, int precision,
                                             std::size_t most) {
    if (kind == "people") {
        return [=] { return std::make_unique<People>(precision, most); };
    }
    if (kind == "sample") {
        return [=] { return std::make_unique<Sample>(most); };
    }
    if (kind == "busiest") {
        return [=] { return std::make_unique<Busiest>(most); };
    }
    if (kind == "said") {
        return [=] { return std::make_unique<Said>(most); };
    }
    if (kind == "pings") {
        return [&schema] { return std::make_unique<Pings>(schema.pings); };
    }
    if (kind == "counts") {
        return [] { return std::make_unique<Counts>(); };
    }
    throw py::value_error("no kind of extra " + kind);
}

Came came_of(PyObject* part) {
    Came came;
    if (PyDict_Check(part)) {
        PyObject* key = nullptr;
        PyObject* value = nullptr;
        Py_ssize_t at = 0;
        while (PyDict_Next(part, &at, &key, &value) != 0) {
            came.counts.emplace_back(hash_of(key), whole_number(value));
        }
    } else if (PyList_Check(part)) {
        for (Py_ssize_t at = 0; at + 1 < PyList_GET_SIZE(part); at += 2) {
            came.pings.emplace_back(hash_of(PyList_GET_ITEM(part, at)),
                                    hash_of(PyList_GET_ITEM(part, at + 1)));
        }
    } else {
        came.people = hashes_of(py::reinterpret_borrow<py::iterable>(part));
    }
    return came;
}

// A tally, and the names that Python calls things by.
class NamedTally : public Tally {
public:
    explicit NamedTally(std::shared_ptr<Names> names) : Tally(names->schema), names_(std::move(names)) {}

    const Names& names() const { return *names_; }

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
        Feeding feeding(names_->feeds, names_->fields, batch);
        feeding.likes();
        feeding.into(*this, oldest);
    }

    void add_lines(const Batch& batch, const Oldest& oldest) {
        Feeding feeding(names_->feeds, names_->fields, batch);
        feeding.lines();
        feeding.into(*this, oldest);
    }

    py::tuple add_visits(const Batch& batch, const Oldest& oldest, std::int64_t here, std::int64_t most) {
        Feeding feeding(names_->feeds, names_->fields, batch);
        const auto found = feeding.visits(here, most);
        feeding.into(*this, oldest);
        py::list sources;
        for (const auto& [source, number] : found.sources) {
            sources.append(py::make_tuple(py::handle(source), number));
        }
        return py::make_tuple(found.here, found.most, sources, found.stays, found.clicks);
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
            take_changed(coarse, [&](Number number, const Pane& pane) {
                const std::string name = ":" + start + ":" + std::to_string(number);
                if (!pane.cells.empty() || !pane.changed_extras) {  // of which all were lost: no stale ones
                    put((coarse ? "c" : "f") + name, packed(pane.cells));
                }
                if (pane.changed_extras) {
                    put((coarse ? "C" : "F") + name, packed_extras(pane));
                }
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

    // Returns the numbers of the panes that are dropped.
    std::pair<std::vector<Number>, std::vector<Number>> forget_named(Number fine, Number coarse) {
        const auto before = [](const Panes& panes, Number limit) {
            std::vector<Number> gone;
            for (auto at = panes.begin(); at != panes.end() && at->first < limit; ++at) {
                gone.push_back(at->first);
            }
            return gone;
        };
        auto gone = std::pair(before(panes(false), fine), before(panes(true), coarse));
        forget(fine, coarse);
        return gone;
    }

private:
    std::shared_ptr<Names> names_;
};

py::dict cells_of(const NamedTally& tally, bool coarse) {
    py::dict found;
    for (const auto& [number, pane] : tally.panes(coarse)) {
        if (!pane.cells.empty()) {
            found[py::int_(number)] = py::bytes(packed(pane.cells));
        }
    }
    return found;
}

py::dict extras_of(const NamedTally& tally, bool coarse) {
    py::dict found;
    for (const auto& [number, pane] : tally.panes(coarse)) {
        if (!pane.extras.empty()) {
            found[py::int_(number)] = py::bytes(tally.packed_extras(pane));
        }
    }
    return found;
}

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

// Reads what the feeds count into; empty where no feed is counted here.
Feeds feeds_of(const Names& names, const py::dict& told) {
    Feeds feeds;
    if (told.empty()) {
        return feeds;
    }
    const auto cell = [&names](const py::handle& name) { return static_cast<Cell>(names.cell(name.ptr())); };
    const auto extra = [&names](const char* name) { return names.extra(py::str(name).ptr()); };
    const auto numbers = [&told](const char* name) { return told[name].cast<std::vector<std::int64_t>>(); };
    feeds.judged_ms = told["judged_ms"].cast<std::int64_t>();
    feeds.like_events = cell(told["like_events"]);
    feeds.likes = cell(told["likes"]);
    feeds.lines = cell(told["lines"]);
    feeds.interacters = extra("interacters");
    feeds.writers = extra("writers");
    feeds.busiest = extra("busiest");
    feeds.clicked = extra("clicked");
    for (const py::handle one : told["actions"]) {
        const auto [name, action_cell, set, busy] =
            one.cast<std::tuple<std::string, py::str, py::object, bool>>();
        Action action{name, cell(action_cell), std::nullopt, busy};
        if (!set.is_none()) {
            action.set = names.extra(set.ptr());
        }
        if (name == "enter") {
            feeds.enter = feeds.actions.size();
        } else if (name == "leave") {
            feeds.leave = feeds.actions.size();
        } else if (name == "click") {
            feeds.click = feeds.actions.size();
        }
        feeds.actions.push_back(std::move(action));
    }
    feeds.stays = cell(told["stays"]);
    feeds.stays_ms = cell(told["stays_ms"]);
    feeds.bounced = cell(told["bounced"]);
    for (const py::handle one : told["left"]) {
        feeds.left.push_back(cell(one));
    }
    feeds.afters_ms = numbers("afters_ms");
    feeds.dwell_bounds_ms = numbers("dwell_bounds_ms");
    feeds.dwell_max_ms = told["dwell_max_ms"].cast<std::int64_t>();
    feeds.bounce_ms = told["bounce_ms"].cast<std::int64_t>();
    return feeds;
}

std::shared_ptr<Names> new_schema(const py::list& cells, const py::list& frames, const py::list& extras,
                                  const py::dict& sizes, const py::dict& feeds) {
    auto names = std::make_shared<Names>();
    names->schema = std::make_shared<Schema>();
    Schema& schema = *names->schema;
    schema.cells = cells.size();
    for (std::size_t at = 0; at < cells.size(); ++at) {
        names->cells[cells[at]] = at;
    }
    for (const py::handle one : frames) {
        auto [coarse, column, columns] = one.cast<std::tuple<bool, std::vector<std::int32_t>, std::size_t>>();
        schema.frames.push_back({coarse, std::move(column), columns});
    }
    schema.set_precision = sizes["set_precision"].cast<int>();
    schema.set_exact_max = sizes["set_exact_max"].cast<std::size_t>();
    schema.flood = sizes["flood"].cast<std::int64_t>();
    schema.flooded = static_cast<Cell>(sizes["flooded"].cast<std::size_t>());
    schema.pings = {sizes["pings_max"].cast<std::vector<std::size_t>>(), sizes["probe_shift"].cast<int>(),
                    sizes["node_shift"].cast<int>(), sizes["node_mask"].cast<std::uint64_t>()};
    schema.busiest = extras.size();
    const auto place_in = [](std::vector<std::string>& all, const std::string& name) {
        const auto found = std::find(all.begin(), all.end(), name);
        if (found != all.end()) {
            return static_cast<std::size_t>(found - all.begin());
        }
        all.push_back(name);
        return all.size() - 1;
    };
    for (const py::handle one : extras) {
        Extra extra;
        extra.name = one.attr("name").cast<std::string>();
        const auto kind = one.attr("kind").cast<std::string>();
        if (one.attr("panes").cast<bool>()) {
            extra.pane =
                maker(schema, kind, one.attr("precision").cast<int>(), one.attr("most").cast<std::size_t>());
        }
        extra.fine = one.attr("fine").cast<bool>();
        extra.coarse = one.attr("coarse").cast<bool>();
        extra.brief = one.attr("brief").cast<bool>();
        extra.every = one.attr("every").cast<Number>();
        if (const py::object into = one.attr("into"); !into.is_none()) {
            extra.growing = place_in(schema.sets, into.cast<std::string>());
        }
        if (const py::object sample = one.attr("sample"); !sample.is_none()) {
            extra.sampled = place_in(schema.samples, sample.cast<std::string>());
            schema.sample_most.resize(schema.samples.size(), one.attr("sample_most").cast<std::size_t>());
        }
        if (kind == "busiest") {
            schema.busiest = schema.extras.size();
        }
        names->extras[py::str(extra.name)] = schema.extras.size();
        schema.extras.push_back(std::move(extra));
    }
    names->feeds = feeds_of(*names, feeds);
    return names;
}

}  // namespace

PYBIND11_MODULE(_native, module) {
    zlib = {deflate, inflate};
    py::register_local_exception_translator([](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const PythonError&) {  // Python has its error already
        } catch (const std::out_of_range& wrong) {
            PyErr_SetString(PyExc_ValueError, wrong.what());
        }
    });
    py::class_<Names, std::shared_ptr<Names>>(module, "Schema")
        .def(py::init(&new_schema), py::arg("cells"), py::arg("frames"), py::arg("extras"), py::arg("sizes"),
             py::arg("feeds") = py::dict());
    bind_set<Distinct>(module, "Distinct")
        .def(py::init<int, std::size_t>(), py::arg("precision"), py::arg("exact_max") = 1024);
    bind_set<GrowingDistinct, Distinct>(module, "GrowingDistinct")
        .def(py::init<int, std::size_t>(), py::arg("precision"), py::arg("exact_max") = 1024)
        .def("pack_changes",
             [](GrowingDistinct& set) {
                 py::dict parts;
                 for (const auto& [name, raw] : set.pack_changes()) {
                     parts[py::str(name)] = py::bytes(raw);
                 }
                 return parts;
             })
        .def("unpack_part", [](GrowingDistinct& set, const std::string& name,
                               const py::bytes& raw) { set.unpack_part(name, view_of(raw)); })
        .def_readonly_static("PIECES", &GrowingDistinct::kPieces);
    py::class_<Lowest>(module, "Lowest")
        .def(py::init<std::size_t>(), py::arg("most"))
        .def_readwrite("changed", &Lowest::changed)
        .def("merge", [](Lowest& sample, const py::iterable& hashes) { sample.add(hashes_of(hashes)); })
        .def("pack", [](const Lowest& sample) { return py::bytes(sample.pack()); })
        .def("unpack", [](Lowest& sample, const py::bytes& raw) { sample.unpack(view_of(raw)); })
        .def_property_readonly("kept", &Lowest::kept)
        .def_property_readonly("limit", &Lowest::limit);
    module.def("union_count", [](const py::iterable& sets) {
        std::vector<const Distinct*> parts;
        for (const py::handle one : sets) {
            parts.push_back(one.cast<const Distinct*>());
        }
        return union_count(parts);
    });
    module.def("rows_of", [](const Figures& figures, const std::vector<bool>& whole) {
        const auto rows = figures.unchecked<2>();
        if (rows.shape(1) != static_cast<py::ssize_t>(whole.size())) {
            throw py::value_error("as many columns as are told of were expected");
        }
        py::list found(rows.shape(0));
        for (py::ssize_t at = 0; at < rows.shape(0); ++at) {
            py::list row(rows.shape(1));
            for (py::ssize_t column = 0; column < rows.shape(1); ++column) {
                const double figure = rows(at, column);
                PyObject* one = std::isnan(figure)                        ? Py_NewRef(Py_None)
                                : whole[static_cast<std::size_t>(column)] ? PyLong_FromDouble(figure)
                                                                          : PyFloat_FromDouble(figure);
                if (one == nullptr) {
                    throw py::error_already_set();
                }
                PyList_SET_ITEM(row.ptr(), column, one);
            }
            found[static_cast<std::size_t>(at)] = std::move(row);
        }
        return found;
    });
    module.def("times_of", [](const py::sequence& events) {
        static const Fields fields;
        return times_of(Sequence(events.ptr()), fields);
    });
    py::class_<NamedTally>(module, "Tally", py::dynamic_attr())
        .def(py::init<std::shared_ptr<Names>>())
        .def_readwrite("touched", &NamedTally::touched)
        .def("take", &NamedTally::take_named)
        .def("add_likes", [](NamedTally& tally,
                             const py::object& batch) { tally.add_likes(batch_of(batch), oldest_of(batch)); })
        .def("add_lines", [](NamedTally& tally,
                             const py::object& batch) { tally.add_lines(batch_of(batch), oldest_of(batch)); })
        .def("add_visits",
             [](NamedTally& tally, const py::object& batch, std::int64_t here, std::int64_t most) {
                 return tally.add_visits(batch_of(batch), oldest_of(batch), here, most);
             })
        .def("pack", &NamedTally::pack)
        .def("unpack_totals", [](NamedTally& tally, const py::bytes& raw,
                                 const Places& places) { tally.unpack_totals(view_of(raw), places); })
        .def("unpack_part", &NamedTally::unpack_part)
        .def("unpack_cells",
             [](NamedTally& tally, bool coarse, Number number, const py::bytes& raw, const Places& places) {
                 tally.unpack_cells(coarse, number, view_of(raw), places);
             })
        .def("unpack_extras", [](NamedTally& tally, bool coarse, Number number,
                                 const py::bytes& raw) { tally.unpack_extras(coarse, number, view_of(raw)); })
        .def("forget", &NamedTally::forget_named)
        .def("forget_brief", &NamedTally::forget_brief)
        .def("numbers",
             [](const NamedTally& tally, bool coarse) {
                 std::vector<Number> numbers;
                 for (const auto& [number, pane] : tally.panes(coarse)) {
                     numbers.push_back(number);
                 }
                 return numbers;
             })
        .def("said",
             [](const NamedTally& tally, const py::str& extra) {
                 const std::size_t which = tally.names().extra(extra.ptr());
                 std::vector<std::pair<Number, Hashes>> found;
                 for (const auto& [number, pane] : tally.panes(false)) {
                     if (const Kept* kept = pane.extra(which)) {
                         found.emplace_back(number, dynamic_cast<const Said&>(*kept).pairs());
                     }
                 }
                 return found;
             })
        .def(
            "people",
            [](const NamedTally& tally, const std::string& name) -> const GrowingDistinct* {
                const auto& sets = tally.schema().sets;
                const auto at = std::find(sets.begin(), sets.end(), name);
                return at == sets.end() ? nullptr : tally.set(static_cast<std::size_t>(at - sets.begin()));
            },
            py::return_value_policy::reference_internal)
        .def(
            "sample",
            [](const NamedTally& tally, const std::string& name) -> const Lowest* {
                const auto& samples = tally.schema().samples;
                const auto at = std::find(samples.begin(), samples.end(), name);
                return at == samples.end() ? nullptr
                                           : tally.sample(static_cast<std::size_t>(at - samples.begin()));
            },
            py::return_value_policy::reference_internal)
        .def("parts",
             [](const NamedTally& tally) {
                 std::pair<std::vector<std::string>, std::vector<std::string>> names;
                 for (std::size_t at = 0; at < tally.schema().sets.size(); ++at) {
                     if (tally.set(at) != nullptr) {
                         names.first.push_back(tally.schema().sets[at]);
                     }
                 }
                 for (std::size_t at = 0; at < tally.schema().samples.size(); ++at) {
                     if (tally.sample(at) != nullptr) {
                         names.second.push_back(tally.schema().samples[at]);
                     }
                 }
                 return names;
             })
        .def_property_readonly("totals", [](const NamedTally& tally) { return tally.totals(); })
        .def("panes", &cells_of)
        .def("extras_of_panes", &extras_of);
    py::class_<Group>(module, "Group")
        .def(py::init<py::list>())
        .def("totals", &Group::totals)
        .def("sums", &Group::sums)
        .def("people", &Group::people)
        .def("session_people", &Group::session_people)
        .def("busiest_share", &Group::busiest_share)
        .def("lag", &Group::lag)
        .def("stale", &Group::stale)
        .def("pings", &Group::pings)
        .def("counts", &Group::counts);
}

}  // namespace roomwatch
