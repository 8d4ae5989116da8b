// The Python module: see the stub _native.pyi for what each name does.

#include "event_names.hpp"
#include "program.hpp"
#include "writes.hpp"

namespace roomwatch {
namespace {

std::string deflate(const std::string& raw) {
    // Registers have no more order than their histogram: each gets as many bits as it is rare.
    const py::module_ module = py::module_::import("zlib");
    const py::object huffman =
        module.attr("compressobj")(py::arg("strategy") = module.attr("Z_HUFFMAN_ONLY"));
    const auto first = huffman.attr("compress")(py::bytes(raw)).cast<std::string>();
    return first + huffman.attr("flush")().cast<std::string>();
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

py::list list_of(const Hashes& hashes) {
    py::list found(hashes.size());
    for (std::size_t at = 0; at < hashes.size(); ++at) {
        found[at] = hashes[at];
    }
    return found;
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
    module.def("pack_strings", &pack_strings);
    module.def("pack_fields", &pack_fields);
    bind_events(module);
    py::class_<NamedTally>(module, "Tally", py::dynamic_attr())
        .def(py::init<std::shared_ptr<Names>>())
        .def_readwrite("touched", &NamedTally::touched)
        .def("take", &NamedTally::take_named)
        .def("add_likes",
             [](NamedTally& tally, const Part& part, bool late, bool whole, const Three& oldest) {
                 tally.add_likes({part, late, whole}, oldest_of(oldest));
             })
        .def("add_lines",
             [](NamedTally& tally, const Part& part, bool late, bool whole, const Three& oldest,
                Reader* reader) { return tally.add_lines({part, late, whole}, oldest_of(oldest), reader); })
        .def("add_visits",
             [](NamedTally& tally, const Part& part, bool late, bool whole, const Three& oldest,
                std::int64_t here, std::int64_t most) {
                 return tally.add_visits({part, late, whole}, oldest_of(oldest), here, most);
             })
        .def("pack", &NamedTally::pack)
        .def("unpack_totals", [](NamedTally& tally, const py::bytes& raw,
                                 const Places& places) { tally.unpack_totals(view_of(raw), places); })
        .def("unpack_part", &NamedTally::unpack_part)
        .def("unpack_cells",
             [](NamedTally& tally, bool coarse, Number number, const py::bytes& raw, const Places& places) {
                 tally.unpack_cells(coarse, number, view_of(raw), places);
             })
        .def("unpack_together",
             [](NamedTally& tally, bool coarse, Number field, const py::bytes& raw, const Places& places) {
                 tally.unpack_together(coarse, field, view_of(raw), places);
             })
        .def("unpack_extras", [](NamedTally& tally, bool coarse, Number number,
                                 const py::bytes& raw) { tally.unpack_extras(coarse, number, view_of(raw)); })
        .def("forget", &NamedTally::forget_named)
        .def("forget_brief", &NamedTally::forget_brief)
        .def("fields", &NamedTally::fields)
        .def("numbers",
             [](const NamedTally& tally, bool coarse) {
                 std::vector<Number> numbers;
                 for (const auto& [number, pane] : tally.panes(coarse)) {
                     numbers.push_back(number);
                 }
                 return numbers;
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
    bind_program(module);
}

}  // namespace roomwatch
