// Strings as the store's scripts read them.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace roomwatch {

namespace py = pybind11;

// Packs strings of any bytes as a msgpack list; there are no marks of `bin`, the scripts' msgpack is older.
class StringPacker {
public:
    void list(std::size_t size) { head(0xDD, size); }

    void string(std::string_view value) {
        constexpr std::size_t kShort = 32;
        if (value.size() < kShort) {
            out_.push_back(static_cast<char>(0xA0 | value.size()));
        } else {
            head(0xDB, value.size());
        }
        out_.append(value);
    }

    void string(PyObject* value) {
        if (PyBytes_Check(value)) {
            string(std::string_view(PyBytes_AS_STRING(value),
                                    static_cast<std::size_t>(PyBytes_GET_SIZE(value))));
            return;
        }
        Py_ssize_t size = 0;
        const char* text = PyUnicode_AsUTF8AndSize(value, &size);
        if (text == nullptr) {
            throw py::error_already_set();
        }
        string(std::string_view(text, static_cast<std::size_t>(size)));
    }

    py::bytes take() const { return py::bytes(out_); }

private:
    void head(int mark, std::size_t size) {
        out_.push_back(static_cast<char>(mark));
        for (int shift = 24; shift >= 0; shift -= 8) {
            out_.push_back(static_cast<char>(size >> shift));
        }
    }

    std::string out_;
};

inline py::bytes pack_strings(const py::iterable& strings) {
    const py::tuple all(strings);
    StringPacker out;
    out.list(all.size());
    for (const py::handle one : all) {
        out.string(one.ptr());
    }
    return out.take();
}

// A command on a hash: its name, the number of the key, then name and value of each field.
inline py::bytes pack_fields(const std::string& kind, std::size_t number, const py::dict& fields) {
    StringPacker out;
    out.list(2 + 2 * fields.size());
    out.string(kind);
    out.string(std::to_string(number));
    for (const auto& [name, value] : fields) {
        out.string(name.ptr());
        out.string(value.ptr());
    }
    return out.take();
}

}  // namespace roomwatch
