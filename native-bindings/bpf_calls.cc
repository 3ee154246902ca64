// The border's calls of bpf.h (binding.cc has those of rings). Descriptors are the environment's until they are closed, or it ends.
#include <algorithm>

#include "bpf.h"
#include "environment.h"
#include "link.h"

namespace ecmp {

namespace {

// The ArrayBuffer is the only owner of the mapping; of the map's descriptor the environment is.
void let_go(napi_env, void*, void* hint) { delete static_cast<SharedValue*>(hint); }

napi_value lend(napi_env env, std::unique_ptr<SharedValue> value) {
  napi_value buffer;
  SharedValue& lent = *value;
  must(napi_create_external_arraybuffer(env, lent.base(), lent.bytes(), let_go, value.get(), &buffer), "lend a map's memory");
  value.release();
  return buffer;
}

uint32_t keep(napi_env env, Descriptor descriptor) {
  auto& descriptors = environment(env).descriptors;
  descriptors.push_back(std::move(descriptor));
  return static_cast<uint32_t>(descriptors.back().number());
}

// createMap(bytes): {descriptor, buffer}
napi_value create_map_call(napi_env env, napi_callback_info info) {
  auto value = std::make_unique<SharedValue>(Arguments(env, info, "createMap").integer(0, "bytes", INT32_MAX));
  Object answer(env);
  answer.set("descriptor", keep(env, value->take_descriptor()));
  return answer.set("buffer", lend(env, std::move(value))).value;
}

// shareMap(descriptor, bytes): ArrayBuffer
napi_value share_map_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "shareMap");
  const auto descriptor = static_cast<int>(arguments.integer(0, "descriptor", INT32_MAX));
  return lend(env, std::make_unique<SharedValue>(descriptor, arguments.integer(1, "bytes", INT32_MAX)));
}

// loadProgram(isIngress, name, code): descriptor
napi_value load_program_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "loadProgram");
  const auto kind = arguments.boolean(0, "isIngress") ? ProgramKind::kIngress : ProgramKind::kSocketFilter;
  const Bytes code = arguments.bytes(2, "code");
  if (code.length % 8 != 0) arguments.refuse("code", "instructions of eight bytes");
  return to_value(env, keep(env, load_program(kind, arguments.name(1, "name"), code.data, code.length)));
}

// attachIngress(program, interfaceIndex): descriptor
napi_value attach_ingress_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "attachIngress");
  const auto program = static_cast<int>(arguments.integer(0, "program", INT32_MAX));
  return to_value(env, keep(env, attach_ingress(program, static_cast<int>(arguments.integer(1, "interfaceIndex", INT32_MAX)))));
}

// isVethAcross(interfaceIndex)
napi_value is_veth_across_call(napi_env env, napi_callback_info info) {
  return to_value(env, is_veth_across(Arguments(env, info, "isVethAcross").integer(0, "interfaceIndex", INT32_MAX)));
}

// closeDescriptor(descriptor), in the environment that opened it
napi_value close_descriptor_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "closeDescriptor");
  const auto number = static_cast<int>(arguments.integer(0, "descriptor", INT32_MAX));
  auto& open = environment(env).descriptors;
  const auto found = std::find_if(open.begin(), open.end(), [&](const Descriptor& one) { return one.number() == number; });
  if (found == open.end()) arguments.refuse("descriptor", "one that this thread opened and has not closed");
  open.erase(found);
  return nullptr;
}

}  // namespace

void add_bpf_calls(napi_env env, napi_value exports) {
  add<create_map_call>(env, exports, "createMap");
  add<share_map_call>(env, exports, "shareMap");
  add<load_program_call>(env, exports, "loadProgram");
  add<attach_ingress_call>(env, exports, "attachIngress");
  add<is_veth_across_call>(env, exports, "isVethAcross");
  add<close_descriptor_call>(env, exports, "closeDescriptor");
}

}  // namespace ecmp
