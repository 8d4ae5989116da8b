// Formulas as a list of instructions, each of which gives one number of a subject; see
// stream.figures.expression.
#pragma once

#include "values.hpp"
#include "window_figures.hpp"

namespace roomwatch {

enum class Op {
    number,
    total,
    seen,
    sum,
    register_,  // from here on with what is asked for,
    fact,
    session_people,
    people,  // from here on of a window
    busiest_share,
    lag,
    rank,
    ping_minute,
    ping_quarter,
    add,
    subtract,
    multiply,
    divide,
    power,
    ratio,
    above,
    unknown,
    known,
    where,
    larger,
    smaller,
};

inline Op op_of(const std::string& name) {
    static const std::map<std::string, Op> ops = {
        {"number", Op::number},
        {"total", Op::total},
        {"seen", Op::seen},
        {"sum", Op::sum},
        {"register", Op::register_},
        {"fact", Op::fact},
        {"people", Op::people},
        {"session_people", Op::session_people},
        {"busiest_share", Op::busiest_share},
        {"lag", Op::lag},
        {"rank", Op::rank},
        {"ping_minute", Op::ping_minute},
        {"ping_quarter", Op::ping_quarter},
        {"add", Op::add},
        {"subtract", Op::subtract},
        {"multiply", Op::multiply},
        {"divide", Op::divide},
        {"power", Op::power},
        {"ratio", Op::ratio},
        {"above", Op::above},
        {"unknown", Op::unknown},
        {"known", Op::known},
        {"where", Op::where},
        {"larger", Op::larger},
        {"smaller", Op::smaller},
    };
    const auto found = ops.find(name);
    if (found == ops.end()) {
        throw py::value_error("no operation " + name);
    }
    return found->second;
}

// What the program runs through for each subject: small, for there are a thousand.
struct Instruction {
    Op op;
    std::array<std::uint16_t, 3> at{};  // operands, or what is looked up
};

// What an instruction asks the subject for, where that does not fit into it.
struct Asked {
    py::str name{};
    std::size_t which = 0;  // extra or set
    std::size_t at = 0;
    double share = 0;
    Window window{0, false, 1, 1, 0, 0};
    Lag lag{};
};

// A frame whose sums are asked for, and the window.
struct Summed {
    std::size_t frame;
    Window window;
};

// Works out the columns of subjects of one kind.
class Program {
public:
    Program(std::shared_ptr<Names> names, const py::list& instructions, const py::list& columns)
        : names_(std::move(names)), columns_(std::make_shared<Columns>()) {
        constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();
        if (instructions.size() > kMost) {
            throw py::value_error("a program is too long");
        }
        for (const py::handle one : instructions) {
            const auto told = one.cast<py::tuple>();
            const Op op = op_of(told[0].cast<std::string>());
            if (op == Op::number) {
                numbers_.push_back(told[1].cast<double>());
            } else {
                steps_.emplace_back(static_cast<std::uint16_t>(numbers_.size()), instruction_of(op, told));
                numbers_.push_back(kUnknown);
            }
        }
        for (const py::handle one : columns) {
            columns_->push_back(column_of(one.cast<py::tuple>()));
        }
    }

    // Returns the figures of each subject. `ends` tells where the windows of each set of feeds end, `facts`
    // what is said of each subject, `given` the objects that Python has worked out of each.
    py::list values(const py::list& tallies, const std::vector<Number>& ends, const py::list& facts,
                    const py::list& given) const {
        const auto span_of = [&ends](const auto& one) { return one.window.at(ends.at(one.window.end)); };
        std::vector<Span> summed;
        std::transform(summed_.begin(), summed_.end(), std::back_inserter(summed), span_of);
        std::vector<Span> asked;
        std::transform(asked_.begin(), asked_.end(), std::back_inserter(asked), span_of);
        std::vector<double> numbers = numbers_;
        std::vector<const std::int64_t*> sums(summed.size());
        py::list found;
        for (std::size_t at = 0; at < tallies.size(); ++at) {
            const py::object tally = tallies[at];
            const auto registers =
                py::reinterpret_steal<py::dict>(PyObject_GetAttr(tally.ptr(), registers_.ptr()));
            const py::dict said = facts[at];
            Subject subject{tally.cast<NamedTally&>(), registers, said, sums.data(), asked.data()};
            for (std::size_t one = 0; one < sums.size(); ++one) {
                sums[one] = subject.tally.sums(summed_[one].frame, summed[one].first, summed[one].end).data();
            }
            for (const auto& [place, step] : steps_) {
                numbers[place] = result(step, numbers.data(), subject);
            }
            Values values = values_of(numbers, registers);
            values.given = given[at];
            found.append(std::move(values));
        }
        return found;
    }

private:
    struct Subject {
        NamedTally& tally;
        const py::dict& registers;
        const py::dict& facts;
        const std::int64_t* const* sums;  // of each frame that is asked for
        const Span* spans;                // of each that is asked
    };

    static Window window_of(const py::handle& told) {
        const auto [end, coarse, step_ms, step, first, last] =
            told.cast<std::tuple<std::size_t, bool, Number, Number, Number, Number>>();
        return {end, coarse, step_ms, step, first, last};
    }

    Instruction instruction_of(Op op, const py::tuple& told) {
        Instruction made{op};
        if (op == Op::sum) {
            made.at = {place_of({told[1].cast<std::size_t>(), window_of(told[3])}),
                       told[2].cast<std::uint16_t>()};
        } else if (op >= Op::register_ && op <= Op::ping_quarter) {
            made.at[0] = static_cast<std::uint16_t>(asked_.size());
            asked_.push_back(asked_of(op, told));
        } else {
            for (std::size_t at = 1; at < told.size(); ++at) {
                made.at.at(at - 1) = told[at].cast<std::uint16_t>();
            }
        }
        return made;
    }

    // The place of a frame and window among those that are summed up.
    std::uint16_t place_of(const Summed& wanted) {
        const auto found = std::find_if(summed_.begin(), summed_.end(), [&wanted](const Summed& one) {
            return one.frame == wanted.frame && one.window.end == wanted.window.end;
        });
        const auto place = static_cast<std::uint16_t>(found - summed_.begin());
        if (found == summed_.end()) {
            summed_.push_back(wanted);
        }
        return place;
    }

    Asked asked_of(Op op, const py::tuple& told) const {
        Asked made;
        const auto number = [&told](std::size_t at) { return told[at].cast<std::size_t>(); };
        const auto extra = [this, &told](std::size_t at) {
            return names_->extra(py::object(told[at]).ptr());
        };
        switch (op) {
            case Op::register_:
                made.name = told[1];
                made.at = number(2);
                break;
            case Op::fact:
                made.name = told[1];
                break;
            case Op::session_people:
                made.which = set_of(told[1].cast<std::string>());
                break;
            case Op::people:
                made.which = extra(1);
                break;
            case Op::busiest_share:
                made.which = extra(1);
                made.at = number(2);
                break;
            case Op::lag:
                made.lag = {extra(1), extra(2), number(3), told[4].cast<double>()};
                break;
            case Op::rank:
                made.which = extra(1);
                made.share = told[2].cast<double>();
                break;
            default:
                made.which = extra(1);
                made.at = number(2);
        }
        if (op >= Op::people) {
            made.window = window_of(told[told.size() - 1]);
        }
        return made;
    }

    std::size_t set_of(const std::string& name) const {
        const auto& sets = names_->schema->sets;
        const auto found = std::find(sets.begin(), sets.end(), name);
        if (found == sets.end()) {
            throw py::key_error("sessions keep no people " + name);
        }
        return static_cast<std::size_t>(found - sets.begin());
    }

    static Column column_of(const py::tuple& told) {
        Column made;
        const auto kind = told[0].cast<std::string>();
        if (kind == "open") {
            made.kind = Column::Kind::open;
            made.name = told[1].cast<std::string>() + ":";
            made.at = told[2].cast<std::size_t>();
            made.unit = told[3].cast<double>();
        } else if (kind == "given") {
            made.kind = Column::Kind::given;
        } else {
            made.kind = kind == "labelled" ? Column::Kind::labelled : Column::Kind::figure;
            for (const py::handle one : told[1]) {
                const auto [label, place, whole] = one.cast<std::tuple<std::string, std::size_t, bool>>();
                made.labels.push_back(label);
                made.places.push_back(place);
                made.whole.push_back(whole);
            }
        }
        return made;
    }

    static double number_of(PyObject* number) {
        const double found = number == nullptr ? kUnknown : PyFloat_AsDouble(number);
        if (found == -1 && PyErr_Occurred() != nullptr) {
            throw py::error_already_set();
        }
        return found;
    }

    static double register_of(const Subject& subject, const Asked& asked) {
        PyObject* found = PyDict_GetItemWithError(subject.registers.ptr(), asked.name.ptr());
        const auto at = static_cast<Py_ssize_t>(asked.at);
        const bool known = found != nullptr && PyList_Check(found) && at < PyList_GET_SIZE(found);
        return number_of(known ? PyList_GET_ITEM(found, at) : nullptr);
    }

    static bool seen(const Tally& tally, std::size_t first, std::size_t end) {
        const std::int64_t* totals = tally.totals().data();
        return std::any_of(totals + first, totals + end, [](std::int64_t number) { return number != 0; });
    }

    double result(const Instruction& step, const double* numbers, const Subject& subject) const {
        const auto [first, second, third] = step.at;
        switch (step.op) {
            case Op::total:
                return static_cast<double>(subject.tally.totals()[first]);
            case Op::seen:
                return seen(subject.tally, first, second) ? 1 : 0;
            case Op::sum:
                return static_cast<double>(subject.sums[first][second]);
            case Op::where:
                return numbers[first] != 0 ? numbers[second] : numbers[third];
            default:
                return step.op < Op::add ? answer(step.op, asked_[first], subject.spans[first], subject)
                                         : computed(step.op, numbers[first], numbers[second]);
        }
    }

    static double answer(Op op, const Asked& asked, const Span& span, const Subject& subject) {
        NamedTally& tally = subject.tally;
        switch (op) {
            case Op::register_:
                return register_of(subject, asked);
            case Op::fact:
                return number_of(PyDict_GetItemWithError(subject.facts.ptr(), asked.name.ptr()));
            case Op::session_people: {
                const GrowingDistinct* set = tally.set(asked.which);
                return set == nullptr ? kUnknown : static_cast<double>(set->count());
            }
            case Op::people:
                return people_of(tally, asked.which, asked.window, span);
            case Op::busiest_share:
                return busiest_share(tally, asked.which, asked.at, asked.window, span);
            case Op::lag:
                return lag_of(tally, asked.lag, asked.window, span);
            case Op::rank:
                return rank_of(tally, asked.which, asked.share, span);
            default:
                return ping_figure(tally, asked.which, op == Op::ping_minute, asked.at, asked.window, span);
        }
    }

    // Arithmetic; what is done with "unknown" is unknown, unless it is asked for.
    static double computed(Op op, double one, double other) {
        switch (op) {
            case Op::add:
                return one + other;
            case Op::subtract:
                return one - other;
            case Op::multiply:
                return one * other;
            case Op::divide:
                return one / other;
            case Op::power:
                return std::pow(one, other);
            case Op::ratio:
                return ratio(one, other);
            case Op::above:
                return one > other ? 1 : 0;
            case Op::unknown:
                return std::isnan(one) ? 1 : 0;
            case Op::known:
                return std::isnan(one) ? 0 : one;
            case Op::larger:
                return one > other || std::isnan(one) ? one : other;
            case Op::smaller:
                return one < other || std::isnan(one) ? one : other;
            default:
                return kUnknown;
        }
    }

    Values values_of(const std::vector<double>& numbers, const py::dict& registers) const {
        Values values(columns_);
        values.figures.reserve(numbers.size());
        for (const Column& column : *columns_) {
            for (const std::size_t place : column.places) {
                values.figures.push_back(numbers[place]);
            }
            if (column.kind == Column::Kind::open) {
                values.amounts.push_back(amounts_of(registers, column));
            }
        }
        return values;
    }

    // The amounts by label, in the order of the labels.
    static Values::Amounts amounts_of(const py::dict& registers, const Column& column) {
        Values::Amounts found;
        for (const auto& [name, amounts] : registers) {
            const std::string_view text = text_of(name.ptr());
            if (text.starts_with(column.name)) {
                const py::object amount = amounts[py::int_(column.at)];
                found.emplace_back(text.substr(column.name.size()), whole_number(amount.ptr()));
            }
        }
        std::sort(found.begin(), found.end());
        return found;
    }

    std::shared_ptr<Names> names_;
    std::shared_ptr<Columns> columns_;
    std::vector<std::pair<std::uint16_t, Instruction>> steps_;  // place of the result, and how it comes about
    std::vector<double> numbers_;  // of each place; what is not constant is unknown
    std::vector<Asked> asked_;
    std::vector<Summed> summed_;
    py::str registers_{"registers"};
};

inline void bind_program(py::module_& module) {
    py::class_<Values>(module, "Values")
        .def("__len__", &Values::size)
        .def("tolist", &Values::written<PythonFigures>)
        .def("pack", &Values::written<PackedFigures>)
        .def("json", &Values::written<JsonFigures>);
    py::class_<Program>(module, "Program")
        .def(py::init<std::shared_ptr<Names>, py::list, py::list>())
        .def("values", &Program::values);
}

}  // namespace roomwatch
