// What Python calls things by, and how what it hands over is read.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "feeds.hpp"
#include "tally.hpp"

namespace roomwatch {

namespace py = pybind11;

inline std::string_view view_of(const py::bytes& raw) {
    return std::string_view(raw);
}

inline Hashes hashes_of(const py::iterable& numbers) {
    Hashes found;
    for (const py::handle one : numbers) {
        found.push_back(hash_of(one.ptr()));
    }
    return found;
}

using Three = std::tuple<Number, Number, Number>;

inline Oldest oldest_of(const Three& numbers) {
    const auto& [fine, coarse, brief] = numbers;
    return {fine, coarse, brief};
}

// What Python knows the schema by: names.
struct Names {
    std::shared_ptr<Schema> schema;
    Feeds feeds;
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

inline std::function<std::unique_ptr<Kept>()> maker(const Schema& schema, const std::string& kind,
                                                    int precision, std::size_t most) {
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

inline Came came_of(PyObject* part) {
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

// Reads what the feeds count into; empty where no feed is counted here.
inline Feeds feeds_of(const Names& names, const py::dict& told) {
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
    feeds.again = cell(told["again"]);
    feeds.repeats = cell(told["repeats"]);
    feeds.interacters = extra("interacters");
    feeds.writers = extra("writers");
    feeds.complainers = extra("complainers");
    feeds.said = extra("said");
    feeds.texts_max = told["texts_max"].cast<std::size_t>();
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

inline std::shared_ptr<Names> new_schema(const py::list& cells, const py::list& frames,
                                         const py::list& extras, const py::dict& sizes,
                                         const py::dict& feeds) {
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

}  // namespace roomwatch
