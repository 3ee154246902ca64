// What one environment (the main thread, or a worker) has open at the border. It is emptied when the environment ends, however
// it ends. binding.cc makes it and has the calls of rings; socket_calls.cc has those of sockets, bpf_calls.cc those of BPF.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "datagram_socket.h"
#include "descriptor.h"
#include "ring.h"

namespace ecmp {

struct OpenRing {
  std::string name;
  std::unique_ptr<Ring> ring;
  napi_ref buffer;
};

struct Environment {
  std::vector<OpenRing> rings;
  std::vector<Descriptor> events;
  // Maps, programs and their places (bpf_calls.cc).
  std::vector<Descriptor> descriptors;
  // TCP sockets that nobody has taken over yet.
  std::vector<Descriptor> streams;
  std::vector<std::unique_ptr<DatagramSocket>> datagrams;
};

inline Environment& environment(napi_env env) {
  void* data = nullptr;
  must(napi_get_instance_data(env, &data), "find the environment's state");
  return *static_cast<Environment*>(data);
}

template <napi_value (*Call)(napi_env, napi_callback_info)>
void add(napi_env env, napi_value exports, const char* name) {
  napi_value function;
  must(napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<Call>, nullptr, &function), "create a function");
  must(napi_set_named_property(env, exports, name, function), "export a function");
}

void add_socket_calls(napi_env env, napi_value exports);
void add_bpf_calls(napi_env env, napi_value exports);

}  // namespace ecmp
