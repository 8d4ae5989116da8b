// Events of the feeds that flood, as they are counted: likes, visits, chat lines.
#pragma once

#include <Python.h>

#include <optional>

#include "users.hpp"

namespace roomwatch {

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
    Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Owned& operator=(Owned&& other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Owned() { Py_XDECREF(object_); }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    PyObject* get() const { return object_; }

private:
    PyObject* object_;
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

inline std::string_view text_of(PyObject* object) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == nullptr) {
        throw PythonError();
    }
    return {text, static_cast<std::size_t>(size)};
}

// What one event says. Which of it is of use depends on the feed.
struct Event {
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    std::int64_t at_ms = 0;
    std::int64_t append_ms = 0;
    std::int64_t offset = 0;
    Hash user = 0;
    std::int64_t count = 0;        // of likes
    std::int64_t dwell_ms = -1;    // below zero without one
    std::uint32_t room = kNone;    // place among the rooms of the batch; none for a bad record
    std::uint32_t text = kNone;    // place among the texts of the batch: of a line, or the item of a visit
    std::uint32_t source = kNone;  // place among them, too
    std::uint8_t action = 0;       // place among the words of the feed
};

// The events of a batch of records, one for each record.
struct Events {
    std::vector<Event> all;
    std::vector<std::string> texts;
    std::vector<std::string> rooms;
    std::shared_ptr<const std::vector<std::string>> actions;  // what visitors may do

    std::uint32_t keep(std::string_view text) {
        texts.emplace_back(text);
        return static_cast<std::uint32_t>(texts.size() - 1);
    }

    // Of these there are few different ones.
    std::uint32_t keep_source(std::string_view source) {
        for (const std::uint32_t known : sources_) {
            if (texts[known] == source) {
                return known;
            }
        }
        const std::uint32_t place = keep(source);
        if (sources_.size() < kSourcesKnown) {
            sources_.push_back(place);
        }
        return place;
    }

private:
    static constexpr std::size_t kSourcesKnown = 32;
    std::vector<std::uint32_t> sources_;
};

// The events of one room among those of a batch, in the order of their log.
struct Part {
    std::shared_ptr<const Events> events;
    std::vector<std::uint32_t> places;  // one at least

    const Event& at(std::size_t number) const { return events->all[places[number]]; }
    std::size_t size() const { return places.size(); }
    const std::string& text(std::uint32_t place) const { return events->texts[place]; }

    std::int64_t oldest_ms() const {
        std::int64_t oldest = at(0).at_ms;
        for (const std::uint32_t place : places) {
            oldest = std::min(oldest, events->all[place].at_ms);
        }
        return oldest;
    }
};

inline std::vector<Part> parts_of(const std::shared_ptr<const Events>& events) {
    std::vector<Part> parts;
    std::vector<std::uint32_t> part_of(events->rooms.size(), Event::kNone);
    for (std::uint32_t place = 0; place < events->all.size(); ++place) {
        const std::uint32_t room = events->all[place].room;
        if (room == Event::kNone) {
            continue;
        }
        if (part_of[room] == Event::kNone) {
            part_of[room] = static_cast<std::uint32_t>(parts.size());
            parts.push_back({events, {}});
        }
        parts[part_of[room]].places.push_back(place);
    }
    return parts;
}

// Takes in an event that Python has decoded.
class Taking {
public:
    void put(Events& events, std::size_t place, PyObject* event, Hash user, std::int64_t append_ms,
             std::int64_t offset) const {
        Event& found = events.all.at(place);
        found = {};
        found.at_ms = whole_number(Owned(PyObject_GetAttr(event, at_ms_)).get());
        found.append_ms = append_ms;
        found.offset = offset;
        found.user = user;
        if (const auto count = some(event, count_)) {
            found.count = whole_number(count->get());
        }
        if (const auto dwell = some(event, dwell_ms_)) {
            found.dwell_ms = whole_number(dwell->get());
        }
        if (const auto text = some(event, text_)) {
            found.text = events.keep(text_of(text->get()));
        }
        if (const auto item = some(event, item_id_)) {
            found.text = events.keep(text_of(item->get()));
        }
        if (const auto source = some(event, source_)) {
            found.source = events.keep_source(text_of(source->get()));
        }
        if (const auto action = some(event, action_)) {
            const auto& actions = *events.actions;
            const auto known = std::find(actions.begin(), actions.end(), text_of(action->get()));
            if (known == actions.end()) {
                throw std::invalid_argument("no such action");
            }
            found.action = static_cast<std::uint8_t>(known - actions.begin());
        }
        const Owned room(PyObject_GetAttr(event, room_id_));
        const std::string_view room_id = text_of(room.get());
        const auto known = std::find(events.rooms.begin(), events.rooms.end(), room_id);
        found.room = static_cast<std::uint32_t>(known - events.rooms.begin());
        if (known == events.rooms.end()) {
            events.rooms.emplace_back(room_id);
        }
    }

private:
    static std::optional<Owned> some(PyObject* event, PyObject* name) {
        PyObject* found = nullptr;
        if (PyObject_HasAttr(event, name) == 0) {
            return std::nullopt;
        }
        found = PyObject_GetAttr(event, name);
        Owned owned(found);
        if (found == Py_None) {
            return std::nullopt;
        }
        return owned;
    }

    PyObject* at_ms_ = PyUnicode_InternFromString("at_ms");
    PyObject* room_id_ = PyUnicode_InternFromString("room_id");
    PyObject* count_ = PyUnicode_InternFromString("count");
    PyObject* dwell_ms_ = PyUnicode_InternFromString("dwell_ms");
    PyObject* text_ = PyUnicode_InternFromString("text");
    PyObject* item_id_ = PyUnicode_InternFromString("item_id");
    PyObject* source_ = PyUnicode_InternFromString("source");
    PyObject* action_ = PyUnicode_InternFromString("action");
};

}  // namespace roomwatch
