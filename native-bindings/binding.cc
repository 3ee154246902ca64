// The border to JavaScript: Node-API, which only this file, socket_calls.cc and bpf_calls.cc know. index.ts beside this file has the same list
// of calls with their types, README.md their contracts.
//
// A ring is a number, the place in its environment's list, and is never given out twice: a closed ring is an empty place, so
// using one is an error and not a crash. The lists are those of environment.h.
#include <node_api.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "environment.h"
#include "generator.h"
#include "hash.h"
#include "interface.h"
#include "pages.h"
#include "program.h"
#include "thread.h"
#include "waiter.h"

namespace ecmp {

namespace {

// Raised with every change of the calls below; index.ts refuses an addon of another version.
constexpr uint32_t kVersion = 11;

OpenRing& open_ring(napi_env env, uint32_t handle) {
  auto& rings = environment(env).rings;
  if (handle >= rings.size()) throw Failure("ring " + std::to_string(handle) + ": unknown; wanted one that openRing returned");
  if (!rings[handle].ring) throw Failure(rings[handle].name + ": the port is closed; wanted an open one");
  return rings[handle];
}

Ring& ring_argument(napi_env env, const Arguments& arguments) {
  return *open_ring(env, arguments.integer(0, "ring")).ring;
}

// The ArrayBuffer is the second owner of the mapping (mapping.h): freed, detached or dropped with its environment, it lets go.
void let_go(napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Mapping>*>(hint); }

// openRing(interface, receive, slots, slotBytes, capacity): {ring, buffer, frameBytes, receiveBufferBytes}
napi_value open_ring_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "openRing");
  RingOptions options;
  options.interface = arguments.name(0, "interface");
  options.receive = arguments.boolean(1, "receive");
  options.slots = arguments.integer(2, "slots");
  options.slot_bytes = arguments.integer(3, "slotBytes");
  options.capacity = arguments.integer(4, "capacity");
  auto ring = std::make_unique<Ring>(options);

  auto owner = std::make_unique<std::shared_ptr<Mapping>>(ring->mapping());
  napi_value buffer;
  Mapping& mapping = **owner;
  must(napi_create_external_arraybuffer(env, mapping.base(), mapping.bytes(), let_go, owner.get(), &buffer), "lend the ring's memory");
  owner.release();
  napi_ref reference;
  must(napi_create_reference(env, buffer, 1, &reference), "keep the ring's memory");

  Object answer(env);
  auto& rings = environment(env).rings;
  answer.set("ring", static_cast<uint32_t>(rings.size())).set("buffer", buffer);
  answer.set("frameBytes", static_cast<uint64_t>(ring->frame_bytes()));
  answer.set("receiveBufferBytes", ring->socket().receive_buffer_bytes());
  rings.push_back({options.interface, std::move(ring), reference});
  return answer.value;
}

// listen(ring, fanoutGroup | -1)
napi_value listen_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "listen");
  Ring& ring = ring_argument(env, arguments);
  const bool is_member = arguments.number(1, "fanoutGroup") != -1;
  ring.listen(is_member ? arguments.integer(1, "fanoutGroup", UINT16_MAX) : kNoFanout);
  return nullptr;
}

// filterRing(ring, program), before it listens
napi_value filter_ring_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "filterRing");
  ring_argument(env, arguments).filter_by(static_cast<int>(arguments.integer(1, "program", INT32_MAX)));
  return nullptr;
}

// deafen(ring)
napi_value deafen_call(napi_env env, napi_callback_info info) {
  ring_argument(env, Arguments(env, info, "deafen")).deafen();
  return nullptr;
}

// closeRing(ring). Every view of the ring's memory has length 0 from here on.
napi_value close_ring_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "closeRing");
  OpenRing& open = open_ring(env, arguments.integer(0, "ring"));
  open.ring.reset();
  napi_value buffer;
  must(napi_get_reference_value(env, open.buffer, &buffer), "find the ring's memory");
  if (buffer != nullptr) must(napi_detach_arraybuffer(env, buffer), "detach the ring's memory");
  must(napi_delete_reference(env, open.buffer), "let the ring's memory go");
  return nullptr;
}

// receive(ring): number of frames
napi_value receive_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "receive");
  return to_value(env, ring_argument(env, arguments).receive());
}

// transmit(ring, bytes, rows, count, egress): number of frames refused
napi_value transmit_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "transmit");
  Ring& ring = ring_argument(env, arguments);
  const Bytes bytes = arguments.bytes(1, "bytes");
  const Words rows = arguments.words(2, "rows");
  const uint32_t count = arguments.integer(3, "count");
  const uint32_t egress = arguments.integer(4, "egress");
  if (count > rows.length / (sizeof(Row) / sizeof(uint32_t))) {
    arguments.refuse("count", "at most the rows there are: " + std::to_string(rows.length * sizeof(uint32_t) / sizeof(Row)));
  }
  return to_value(env, ring.transmit(bytes.data, bytes.length, reinterpret_cast<const Row*>(rows.data), count, egress));
}

// counters(ring): see counters.h
napi_value counters_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "counters");
  const Counters& counters = ring_argument(env, arguments).counters();
  Object answer(env);
  answer.set("receivedFrames", counters.received_frames).set("receivedBytes", counters.received_bytes);
  answer.set("transmittedFrames", counters.transmitted_frames).set("transmittedBytes", counters.transmitted_bytes);
  answer.set("transmitErrors", counters.transmit_errors).set("receiveDrops", counters.receive_drops);
  answer.set("cutFrames", counters.cut_frames).set("interfaceErrors", counters.interface_errors);
  const int error = counters.last_interface_error;
  answer.set("lastInterfaceError", std::string(error == 0 ? "" : std::strerror(error)));
  return answer.value;
}

// wait(rings, event, timeoutMs)
napi_value wait_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "wait");
  const Words handles = arguments.words(0, "rings");
  const uint32_t event = arguments.integer(1, "event", INT32_MAX);
  const double timeout_ms = arguments.number(2, "timeoutMs");
  if (!(timeout_ms >= 0)) arguments.refuse("timeoutMs", "a number of milliseconds from 0");
  std::vector<Ring*> rings(handles.length);
  for (size_t i = 0; i < handles.length; i++) rings[i] = open_ring(env, handles.data[i]).ring.get();
  wait_for_frames(rings, static_cast<int>(event), timeout_ms);
  return nullptr;
}

// openEvent(): descriptor
napi_value open_event_call(napi_env env, napi_callback_info) {
  auto& events = environment(env).events;
  events.emplace_back(open_event());
  return to_value(env, static_cast<uint32_t>(events.back().number()));
}

// signalEvent(descriptor), from any thread
napi_value signal_event_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "signalEvent");
  signal_event(static_cast<int>(arguments.integer(0, "event", INT32_MAX)));
  return nullptr;
}

// closeEvent(descriptor), in the environment that opened it
napi_value close_event_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "closeEvent");
  const int number = static_cast<int>(arguments.integer(0, "event", INT32_MAX));
  auto& events = environment(env).events;
  const auto found = std::find_if(events.begin(), events.end(), [&](const Descriptor& event) { return event.number() == number; });
  if (found == events.end()) arguments.refuse("event", "one that openEvent returned to this thread, not closed yet");
  events.erase(found);
  return nullptr;
}

napi_value address_value(napi_env env, const InterfaceAddress& address) {
  void* data;
  napi_value buffer;
  napi_value bytes;
  must(napi_create_arraybuffer(env, address.bytes.size(), &data, &buffer), "create a buffer");
  std::copy(address.bytes.begin(), address.bytes.end(), static_cast<uint8_t*>(data));
  must(napi_create_typedarray(env, napi_uint8_array, address.bytes.size(), buffer, 0, &bytes), "create an array");
  return Object(env).set("bytes", bytes).set("prefixLength", address.prefix_length).value;
}

// replaceProgram(words): never, or an error. Each word ends with a zero.
napi_value replace_program_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "replaceProgram");
  const Bytes bytes = arguments.bytes(0, "words");
  if (bytes.length == 0 || bytes.data[bytes.length - 1] != 0) arguments.refuse("words", "at least one, each with a zero at its end");
  std::vector<std::string> words;
  const auto* const text = reinterpret_cast<const char*>(bytes.data);
  for (size_t at = 0; at < bytes.length; at += words.back().size() + 1) words.emplace_back(text + at);
  replace_program(words);
}

// packetDrops(descriptor): frames since the last time, or -1
napi_value packet_drops_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "packetDrops");
  return to_value(env, static_cast<double>(packet_drops(static_cast<int>(arguments.integer(0, "descriptor", INT32_MAX)))));
}

// nameThread(name)
napi_value name_thread_call(napi_env env, napi_callback_info info) {
  name_thread(Arguments(env, info, "nameThread").name(0, "name"));
  return nullptr;
}

// makeThreadRealTime(): whether it is now
napi_value make_thread_real_time_call(napi_env env, napi_callback_info) { return to_value(env, make_thread_real_time()); }

// adviseLargePages(bytes): whether the kernel was asked
napi_value advise_large_pages_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "adviseLargePages");
  const Bytes memory = arguments.bytes(0, "memory");
  return to_value(env, advise_large_pages(memory.data, memory.length));
}

// listInterfaces(): [{name, index, mac, mtu, up, running, loopback, addresses: [{bytes, prefixLength}]}]
napi_value list_interfaces_call(napi_env env, napi_callback_info) {
  napi_value list;
  must(napi_create_array(env, &list), "create an array");
  uint32_t count = 0;
  for (const InterfaceInfo& info : list_interfaces()) {
    napi_value addresses;
    must(napi_create_array(env, &addresses), "create an array");
    for (uint32_t i = 0; i < info.addresses.size(); i++) {
      must(napi_set_element(env, addresses, i, address_value(env, info.addresses[i])), "fill an array");
    }
    double mac = 0;
    for (const uint8_t byte : info.mac) mac = mac * 256 + byte;
    Object entry(env);
    entry.set("name", info.name).set("index", info.index).set("mac", mac).set("mtu", info.mtu);
    entry.set("up", info.up).set("running", info.running).set("loopback", info.loopback).set("addresses", addresses);
    must(napi_set_element(env, list, count++, entry.value), "fill an array");
  }
  return list;
}

// generate(interface, frame, count, seconds, packetsPerSecond, flows, checksum): {sent, refusals, seconds}
napi_value generate_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "generate");
  const Bytes frame = arguments.bytes(1, "frame");
  TrafficPlan plan;
  plan.interface = arguments.name(0, "interface");
  plan.frame.assign(frame.data, frame.data + frame.length);
  plan.count = arguments.integer(2, "count");
  plan.seconds = arguments.number(3, "seconds");
  plan.packets_per_second = arguments.number(4, "packetsPerSecond");
  plan.flows = arguments.integer(5, "flows", 65536);
  plan.checksum = arguments.boolean(6, "checksum");
  const TrafficResult result = generate(plan);
  return Object(env).set("sent", result.sent).set("refusals", result.refusals).set("seconds", result.seconds).value;
}

// Four columns, one behind the other in one array, because asking for an array costs as much as some 20 hashes.
Tuples tuples_argument(const Arguments& arguments, const Words& hashes) {
  const Words columns = arguments.words(1, "columns");
  const size_t rows = columns.length / 4;
  if (columns.length % 4 != 0 || rows < hashes.length) {
    arguments.refuse("columns", "four of the same length, at least that of hashes: " + std::to_string(hashes.length));
  }
  const uint32_t* first = columns.data;
  return {first, first + rows, first + 2 * rows, first + 3 * rows, hashes.length};
}

// hashXxh32, hashMurmur3, hashCrc32c(seed, columns, hashes): see hash.h
template <void (*Hash)(uint32_t, const Tuples&, uint32_t*)>
napi_value hash_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "hash");
  const uint32_t seed = arguments.integer(0, "seed");
  const Words hashes = arguments.words(2, "hashes");
  Hash(seed, tuples_argument(arguments, hashes), hashes.data);
  return nullptr;
}

// hashToeplitz(tables, columns, hashes)
napi_value hash_toeplitz_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "hashToeplitz");
  const Words tables = arguments.words(0, "tables");
  if (tables.length != kToeplitzTableWords) arguments.refuse("tables", std::to_string(kToeplitzTableWords) + " words");
  const Words hashes = arguments.words(2, "hashes");
  hash_toeplitz(tables.data, tuples_argument(arguments, hashes), hashes.data);
  return nullptr;
}

// A hook and not the finalizer of the instance data: Node may put that off for as long as an ArrayBuffer of ours lives.
void end_environment(void* state) { delete static_cast<Environment*>(state); }

napi_value begin_environment(napi_env env, napi_value exports) {
  auto state = std::make_unique<Environment>();
  must(napi_set_instance_data(env, state.get(), nullptr, nullptr), "keep the environment's state");
  must(napi_add_env_cleanup_hook(env, end_environment, state.get()), "add a cleanup hook");
  state.release();
  add<open_ring_call>(env, exports, "openRing");
  add<listen_call>(env, exports, "listen");
  add<filter_ring_call>(env, exports, "filterRing");
  add<deafen_call>(env, exports, "deafen");
  add<close_ring_call>(env, exports, "closeRing");
  add<receive_call>(env, exports, "receive");
  add<transmit_call>(env, exports, "transmit");
  add<counters_call>(env, exports, "counters");
  add<wait_call>(env, exports, "wait");
  add<open_event_call>(env, exports, "openEvent");
  add<signal_event_call>(env, exports, "signalEvent");
  add<close_event_call>(env, exports, "closeEvent");
  add<list_interfaces_call>(env, exports, "listInterfaces");
  add<packet_drops_call>(env, exports, "packetDrops");
  add<name_thread_call>(env, exports, "nameThread");
  add<make_thread_real_time_call>(env, exports, "makeThreadRealTime");
  add<advise_large_pages_call>(env, exports, "adviseLargePages");
  add<replace_program_call>(env, exports, "replaceProgram");
  add<generate_call>(env, exports, "generate");
  add<hash_call<hash_xxh32>>(env, exports, "hashXxh32");
  add<hash_call<hash_murmur3>>(env, exports, "hashMurmur3");
  add<hash_call<hash_crc32c>>(env, exports, "hashCrc32c");
  add<hash_toeplitz_call>(env, exports, "hashToeplitz");
  add_socket_calls(env, exports);
  add_bpf_calls(env, exports);
  must(napi_set_named_property(env, exports, "version", to_value(env, kVersion)), "export the version");
  return exports;
}

}  // namespace

}  // namespace ecmp

NAPI_MODULE_INIT() {
  try {
    return ecmp::begin_environment(env, exports);
  } catch (const std::exception& exception) {
    napi_throw_error(env, nullptr, exception.what());
    return nullptr;
  }
}
