// Reading the arguments of a call from JavaScript, each checked where it arrives, and building the answer. Whatever is wrong
// becomes a Failure, which `guarded` turns into a JavaScript Error.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "failure.h"

namespace ecmp {

inline void must(napi_status status, const char* what) {
  if (status != napi_ok) throw Failure(std::string("native bindings: ") + what + " (status " + std::to_string(status) + ")");
}

struct Bytes {
  uint8_t* data;
  size_t length;
};

struct Words {
  uint32_t* data;
  size_t length;
};

class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info, const char* call) : env_(env), call_(call) {
    must(napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr), "read arguments");
  }

  // Whole and in range: napi_get_value_uint32 would make 4294967295 of -1, and 0 of NaN.
  uint32_t integer(size_t index, const char* name, uint32_t maximum = UINT32_MAX) const {
    const double value = number(index, name);
    if (!(value >= 0 && value <= maximum) || value != std::floor(value)) {
      refuse(name, "a whole number from 0 to " + std::to_string(maximum));
    }
    return static_cast<uint32_t>(value);
  }

  double number(size_t index, const char* name) const {
    double value;
    if (index >= count_ || napi_get_value_double(env_, values_[index], &value) != napi_ok) refuse(name, "a number");
    return value;
  }

  bool boolean(size_t index, const char* name) const {
    bool value;
    if (index >= count_ || napi_get_value_bool(env_, values_[index], &value) != napi_ok) refuse(name, "true or false");
    return value;
  }

  // As those of interfaces and threads are: 1 to 15 bytes.
  std::string name(size_t index, const char* name) const {
    char text[256];
    size_t length;
    if (index >= count_ || napi_get_value_string_utf8(env_, values_[index], text, sizeof text, &length) != napi_ok ||
        length == 0 || length > 15 || std::memchr(text, 0, length) != nullptr) {
      refuse(name, "a name of 1 to 15 bytes, none of them 0");
    }
    return std::string(text, length);
  }

  Bytes bytes(size_t index, const char* name) const {
    void* data;
    const size_t length = typed_array(index, name, napi_uint8_array, "a Uint8Array", &data);
    return {static_cast<uint8_t*>(data), length};
  }

  Words words(size_t index, const char* name) const {
    void* data;
    const size_t length = typed_array(index, name, napi_uint32_array, "a Uint32Array", &data);
    return {static_cast<uint32_t*>(data), length};
  }

  [[noreturn]] void refuse(const char* name, const std::string& wanted) const {
    throw Failure(std::string(call_) + ": " + name + "; wanted " + wanted);
  }

 private:
  size_t typed_array(size_t index, const char* name, napi_typedarray_type wanted, const char* title, void** data) const {
    napi_typedarray_type type;
    size_t length;
    if (index >= count_ || napi_get_typedarray_info(env_, values_[index], &type, &length, data, nullptr, nullptr) != napi_ok ||
        type != wanted) {
      refuse(name, title);
    }
    return length;
  }

  static constexpr size_t kMaximum = 8;
  napi_env env_;
  const char* call_;
  size_t count_ = kMaximum;
  napi_value values_[kMaximum];
};

inline napi_value to_value(napi_env env, uint32_t number) {
  napi_value value;
  must(napi_create_uint32(env, number, &value), "create a number");
  return value;
}

inline napi_value to_value(napi_env env, double number) {
  napi_value value;
  must(napi_create_double(env, number, &value), "create a number");
  return value;
}

inline napi_value to_value(napi_env env, uint64_t number) { return to_value(env, static_cast<double>(number)); }

inline napi_value to_value(napi_env env, bool truth) {
  napi_value value;
  must(napi_get_boolean(env, truth, &value), "create a boolean");
  return value;
}

inline napi_value to_value(napi_env env, const std::string& text) {
  napi_value value;
  must(napi_create_string_utf8(env, text.data(), text.size(), &value), "create a text");
  return value;
}

class Object {
 public:
  explicit Object(napi_env env) : env_(env) { must(napi_create_object(env, &value), "create an object"); }

  Object& set(const char* name, napi_value property) {
    must(napi_set_named_property(env_, value, name, property), "set a property");
    return *this;
  }
  template <typename T>
  Object& set(const char* name, const T& property) {
    return set(name, to_value(env_, property));
  }

  napi_value value;

 private:
  napi_env env_;
};

// A call with its failures made into errors of JavaScript; `code` is the errno, by number, where there is one.
template <napi_value (*Call)(napi_env, napi_callback_info)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return Call(env, info);
  } catch (const Failure& failure) {
    const std::string code = std::to_string(failure.code);
    napi_throw_error(env, failure.code == 0 ? nullptr : code.c_str(), failure.what());
  } catch (const std::exception& exception) {
    napi_throw_error(env, nullptr, exception.what());
  }
  return nullptr;
}

}  // namespace ecmp
