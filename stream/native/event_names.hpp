// The decoder and the events as Python has them.
#pragma once

#include "decoding.hpp"
#include "names.hpp"

namespace roomwatch {

inline Field field_of(const py::handle& told) {
    const auto [name, kind, required, least, most, words] =
        told.cast<std::tuple<std::string, std::string, bool, double, double, std::vector<std::string>>>();
    static const std::map<std::string, Field::Kind> kKinds = {{"id", Field::Kind::kId},
                                                              {"text", Field::Kind::kText},
                                                              {"integer", Field::Kind::kInteger},
                                                              {"number", Field::Kind::kNumber},
                                                              {"word", Field::Kind::kWord}};
    return {name, kKinds.at(kind), required, least, most, words};
}

// The places of late events, in the order of their log, and the highest time from then on.
inline std::pair<std::vector<std::size_t>, std::int64_t> late_ones(const Events& events,
                                                                   std::int64_t highest_ms,
                                                                   std::int64_t lateness_ms) {
    std::vector<std::size_t> late;
    for (std::size_t place = 0; place < events.all.size(); ++place) {
        const Event& event = events.all[place];
        if (event.room == Event::kNone) {
            continue;
        }
        if (event.at_ms > highest_ms) {
            highest_ms = event.at_ms;
        } else if (event.at_ms < highest_ms - lateness_ms) {
            late.push_back(place);
        }
    }
    return {std::move(late), highest_ms};
}

inline void bind_events(py::module_& module) {
    static const Taking taking;
    module.def("partition_of",
               [](std::string_view key, std::size_t partitions) { return partition_of(key, partitions); });
    py::class_<Users, std::shared_ptr<Users>>(module, "Users")
        .def(py::init([](const py::bytes& key) { return Users(view_of(key)); }))
        .def("full", [](Users& users, std::string_view user_id) { return py::bytes(users.full(user_id)); })
        .def("short", &Users::brief);
    py::class_<Reader>(module, "Reader").def(py::init([](const py::object& read, std::size_t most) {
        return Reader(read.ptr(), most);
    }));
    py::class_<Part>(module, "Part")
        .def("__len__", &Part::size)
        .def_readonly("places", &Part::places)
        .def_property_readonly("oldest_ms", &Part::oldest_ms)
        .def_property_readonly("first_append_ms", [](const Part& part) { return part.at(0).append_ms; })
        .def_property_readonly("last_append_ms",
                               [](const Part& part) { return part.at(part.size() - 1).append_ms; });
    py::class_<Events, std::shared_ptr<Events>>(module, "Events")
        .def(py::init([](std::size_t size, const std::vector<std::string>& actions) {
                 auto events = std::make_shared<Events>();
                 events->all.resize(size);
                 events->actions = std::make_shared<const std::vector<std::string>>(actions);
                 return events;
             }),
             py::arg("size"), py::arg("actions") = std::vector<std::string>())
        .def("put",
             [](Events& events, std::size_t place, const py::object& event, Hash user, std::int64_t append_ms,
                std::int64_t offset) { taking.put(events, place, event.ptr(), user, append_ms, offset); })
        .def("late_ones", &late_ones)
        .def("rooms", [](const std::shared_ptr<Events>& events) {
            py::list found;
            for (Part& part : parts_of(events)) {
                const py::str room_id(events->rooms[part.at(0).room]);
                found.append(py::make_tuple(room_id, std::move(part)));
            }
            return found;
        });
    py::class_<FloodDecoder>(module, "FloodDecoder")
        .def(py::init([](const py::list& fields, std::size_t partitions, std::size_t value_bytes,
                         std::int64_t ahead_ms, std::size_t rooms, const std::shared_ptr<Users>& users) {
                 std::vector<Field> all;
                 for (const py::handle one : fields) {
                     all.push_back(field_of(one));
                 }
                 return FloodDecoder(std::move(all), {partitions, value_bytes, ahead_ms, rooms}, users);
             }),
             py::kw_only(), py::arg("fields"), py::arg("partitions"), py::arg("value_bytes"),
             py::arg("ahead_ms"), py::arg("rooms"), py::arg("users"))
        .def_readwrite("lenient", &FloodDecoder::lenient)
        .def("decode", [](FloodDecoder& decoder, const py::list& records, std::size_t partition) {
            return decoder.decode(records.ptr(), partition);
        });
}

}  // namespace roomwatch
