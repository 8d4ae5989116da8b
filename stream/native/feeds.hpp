// How events of the feeds that flood are counted: likes, visits, and the part of chat lines that has no text.
//
// An event is a struct of Python's; what it is made of was checked when it was decoded.
#pragma once

#include <Python.h>

#include "tally.hpp"

namespace roomwatch {

// Names of the fields of events.
struct Fields {
    PyObject* at_ms = PyUnicode_InternFromString("at_ms");
    PyObject* count = PyUnicode_InternFromString("count");
    PyObject* action = PyUnicode_InternFromString("action");
    PyObject* source = PyUnicode_InternFromString("source");
    PyObject* dwell_ms = PyUnicode_InternFromString("dwell_ms");
    PyObject* item_id = PyUnicode_InternFromString("item_id");
};

// A Python error is set.
struct PythonError {};

// A reference that is given back.
class Owned {
public:
    explicit Owned(PyObject* object) : object_(object) {
        if (object == nullptr) {
            throw PythonError();
        }
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { Py_DECREF(object_); }
    PyObject* get() const { return object_; }

private:
    PyObject* object_;
};

// A list or a tuple, or what is made one.
class Sequence {
public:
    explicit Sequence(PyObject* object) : fast_(PySequence_Fast(object, "a list was expected")) {}

    std::size_t size() const { return static_cast<std::size_t>(PySequence_Fast_GET_SIZE(fast_.get())); }

    PyObject* operator[](std::size_t at) const {
        if (at >= size()) {
            throw std::out_of_range("a list is shorter than the one beside it");
        }
        return PySequence_Fast_GET_ITEM(fast_.get(), static_cast<Py_ssize_t>(at));
    }

private:
    Owned fast_;
};

inline std::int64_t whole_number(PyObject* object) {
    const std::int64_t number = PyLong_AsLongLong(object);
    if (number == -1 && PyErr_Occurred() != nullptr) {
        throw PythonError();
    }
    return number;
}

inline Hash hash_of(PyObject* object) {
    const Hash hashed = PyLong_AsUnsignedLongLong(object);
    if (hashed == static_cast<Hash>(-1) && PyErr_Occurred() != nullptr) {
        throw PythonError();
    }
    return hashed;
}

inline std::int64_t number_field(PyObject* event, PyObject* name) {
    return whole_number(Owned(PyObject_GetAttr(event, name)).get());
}

// The oldest and the newest time of events; None is no event. Without any, the oldest is after the newest.
inline std::pair<std::int64_t, std::int64_t> times_of(const Sequence& events, const Fields& fields) {
    auto found =
        std::pair(std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min());
    for (std::size_t at = 0; at < events.size(); ++at) {
        if (events[at] != Py_None) {
            const std::int64_t at_ms = number_field(events[at], fields.at_ms);
            found = {std::min(found.first, at_ms), std::max(found.second, at_ms)};
        }
    }
    return found;
}

// What a visitor does: its cell, the set that it joins by it, whether it is an event of theirs among the
// busiest.
struct Action {
    std::string name;
    Cell cell;
    std::optional<std::size_t> set;
    bool busy;
};

// What the feeds count into.
struct Feeds {
    Number second_ms = 1'000;
    Number pane_ms = 10'000;
    Number minute_ms = 60'000;
    Number judged_ms = 0;  // who comes so long after the event's time is not among the busiest
    Cell like_events = 0;
    Cell likes = 0;
    Cell lines = 0;
    std::size_t interacters = 0;
    std::size_t writers = 0;
    std::size_t busiest = 0;
    std::size_t clicked = 0;
    std::vector<Action> actions;
    std::size_t enter = 0;  // places among the actions
    std::size_t leave = 0;
    std::size_t click = 0;
    Cell stays = 0;
    Cell stays_ms = 0;
    Cell bounced = 0;
    std::vector<Cell> left;               // before each time to look again
    std::vector<std::int64_t> afters_ms;  // the times to look again
    std::vector<std::int64_t> dwell_bounds_ms;
    std::int64_t dwell_max_ms = 0;
    std::int64_t bounce_ms = 0;
};

// What came, by second, until it is taken in.
class Gathered {
public:
    Gathered(bool late) : late_(late) {}

    void add(std::int64_t at_ms, Cell cell, std::int64_t number) {
        Amounts& cells = at(at_ms).cells;
        for (auto& [known, sum] : cells) {
            if (known == cell) {
                sum += number;
                return;
            }
        }
        cells.emplace_back(cell, number);
    }

    void join(std::int64_t at_ms, std::size_t extra, Hash user) { came(at_ms, extra).people.push_back(user); }
    void count(std::int64_t at_ms, std::size_t extra, Hash user) {
        came(at_ms, extra).counts.emplace_back(user, 1);
    }

    void into(Tally& tally, const Oldest& oldest) const {
        for (const Second& one : seconds_) {
            tally.take(one.second, one.cells, one.extras, oldest);
        }
    }

private:
    struct Second {
        Number second;
        Amounts cells;
        std::vector<std::pair<std::size_t, Came>> extras;
    };

    Second& at(std::int64_t at_ms) {
        const Number second = late_ ? Tally::kLate : at_ms / 1'000;
        for (auto one = seconds_.rbegin(); one != seconds_.rend(); ++one) {
            if (one->second == second) {
                return *one;
            }
        }
        seconds_.push_back({second, {}, {}});
        return seconds_.back();
    }

    Came& came(std::int64_t at_ms, std::size_t extra) {
        auto& extras = at(at_ms).extras;
        for (auto& [known, found] : extras) {
            if (known == extra) {
                return found;
            }
        }
        extras.emplace_back(extra, Came());
        return extras.back().second;
    }

    bool late_;
    std::vector<Second> seconds_;
};

// Events of one feed that belong to one session, as Python has them.
struct Batch {
    Sequence events;   // structs
    Sequence users;    // hash of the user of each
    Sequence places;   // where the record of each stands
    Sequence records;  // tuples whose third is the append time
    bool late;
    bool whole;

    std::size_t size() const { return events.size(); }
    PyObject* event(std::size_t at) const { return events[at]; }
    Hash user(std::size_t at) const { return hash_of(users[at]); }
    std::int64_t append_ms(std::size_t at) const {
        PyObject* append = PyTuple_GetItem(records[static_cast<std::size_t>(whole_number(places[at]))], 2);
        if (append == nullptr) {
            throw PythonError();
        }
        return whole_number(append);
    }
};

class Feeding {
public:
    Feeding(const Feeds& feeds, const Fields& fields, const Batch& batch)
        : feeds_(feeds), fields_(fields), batch_(batch), gathered_(batch.late) {}

    void likes() {
        for (std::size_t at = 0; at < batch_.size(); ++at) {
            PyObject* event = batch_.event(at);
            const std::int64_t at_ms = number_field(event, fields_.at_ms);
            gathered_.add(at_ms, feeds_.like_events, 1);
            gathered_.add(at_ms, feeds_.likes, number_field(event, fields_.count));
            if (batch_.whole) {
                const Hash user = batch_.user(at);
                gathered_.join(minute(at_ms), feeds_.interacters, user);
                busy(at, at_ms, user);
            }
        }
    }

    void lines() {
        for (std::size_t at = 0; at < batch_.size(); ++at) {
            const std::int64_t at_ms = number_field(batch_.event(at), fields_.at_ms);
            gathered_.add(at_ms, feeds_.lines, 1);
            if (batch_.whole) {
                const Hash user = batch_.user(at);
                gathered_.join(minute(at_ms), feeds_.writers, user);
                gathered_.join(minute(at_ms), feeds_.interacters, user);
                busy(at, at_ms, user);
            }
        }
    }

    // What Python counts itself of visits.
    struct Visits {
        std::int64_t here;  // who is there, and the most that were
        std::int64_t most;
        std::vector<std::pair<PyObject*, std::int64_t>>
            sources;                      // of those who entered; borrowed, None for none
        std::vector<std::int64_t> stays;  // by bound, empty without any
        std::vector<std::size_t> clicks;  // places of clicks
    };

    Visits visits(std::int64_t here, std::int64_t most) {
        Visits found{here, most, {}, {}, {}};
        for (std::size_t at = 0; at < batch_.size(); ++at) {
            PyObject* event = batch_.event(at);
            const std::int64_t at_ms = number_field(event, fields_.at_ms);
            const std::size_t which = action_of(event);
            const Action& action = feeds_.actions[which];
            gathered_.add(at_ms, action.cell, 1);
            if (which == feeds_.enter) {
                found.most = std::max(found.most, ++found.here);
                came_from(found, event);
            } else if (which == feeds_.leave) {
                --found.here;
                stay(found, event, at_ms);
                continue;
            }
            if (which == feeds_.click) {
                found.clicks.push_back(at);
            }
            if (batch_.whole) {
                join(at, at_ms, which);
            }
        }
        return found;
    }

    void into(Tally& tally, const Oldest& oldest) const { gathered_.into(tally, oldest); }

private:
    std::int64_t minute(std::int64_t at_ms) const { return at_ms / feeds_.minute_ms * feeds_.minute_ms; }
    std::int64_t pane(std::int64_t at_ms) const { return at_ms / feeds_.pane_ms * feeds_.pane_ms; }

    void busy(std::size_t at, std::int64_t at_ms, Hash user) {
        if (!batch_.late && at_ms > batch_.append_ms(at) - feeds_.judged_ms) {
            gathered_.count(pane(at_ms), feeds_.busiest, user);
        }
    }

    void join(std::size_t at, std::int64_t at_ms, std::size_t which) {
        const Action& action = feeds_.actions[which];
        if (!action.set && !action.busy && which != feeds_.click) {
            return;
        }
        const Hash user = batch_.user(at);
        if (action.set) {
            gathered_.join(minute(at_ms), *action.set, user);
        }
        if (which == feeds_.click) {
            gathered_.join(pane(at_ms), feeds_.clicked, user);
        } else if (action.busy) {
            busy(at, at_ms, user);
        }
    }

    std::size_t action_of(PyObject* event) const {
        const Owned action(PyObject_GetAttr(event, fields_.action));
        const char* name = PyUnicode_AsUTF8(action.get());
        if (name == nullptr) {
            throw PythonError();
        }
        for (std::size_t at = 0; at < feeds_.actions.size(); ++at) {
            if (feeds_.actions[at].name == name) {
                return at;
            }
        }
        throw std::invalid_argument(std::string("no action ") + name);
    }

    void came_from(Visits& found, PyObject* event) const {
        const Owned source(PyObject_GetAttr(event, fields_.source));
        for (auto& [known, number] : found.sources) {
            const int same = known == source.get() ? 1 : PyObject_RichCompareBool(known, source.get(), Py_EQ);
            if (same < 0) {
                throw PythonError();
            }
            if (same == 1) {
                ++number;
                return;
            }
        }
        found.sources.emplace_back(source.get(), 1);  // the event, which the caller holds, keeps it alive
    }

    void stay(Visits& found, PyObject* event, std::int64_t at_ms) {
        const Owned dwell(PyObject_GetAttr(event, fields_.dwell_ms));
        if (dwell.get() == Py_None) {
            return;
        }
        const std::int64_t stay_ms = std::min(whole_number(dwell.get()), feeds_.dwell_max_ms);
        const auto& bounds = feeds_.dwell_bounds_ms;
        found.stays.resize(bounds.size() + 1);
        ++found.stays[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), stay_ms) -
                                               bounds.begin())];
        gathered_.add(at_ms, feeds_.stays, 1);
        gathered_.add(at_ms, feeds_.stays_ms, stay_ms);
        const auto& afters = feeds_.afters_ms;
        const auto after = std::upper_bound(afters.begin(), afters.end(), stay_ms);
        if (after != afters.end()) {
            const Cell cell = stay_ms <= feeds_.bounce_ms
                                  ? feeds_.bounced
                                  : feeds_.left[static_cast<std::size_t>(after - afters.begin())];
            gathered_.add(pane(at_ms - stay_ms), cell, 1);
        }
    }

    const Feeds& feeds_;
    const Fields& fields_;
    const Batch& batch_;
    Gathered gathered_;
};

}  // namespace roomwatch
