// The border's half for sockets: TCP sockets with options that Node lacks, by descriptor, and UDP sockets that tell the TTL, by
// number as rings are. A TCP socket is its environment's until it is released, which is when Node takes it.
#include <algorithm>

#include "environment.h"
#include "tcp_socket.h"

namespace ecmp {

namespace {

constexpr uint32_t kHighestPort = UINT16_MAX;

SocketAddress address_argument(const Arguments& arguments, size_t index, const char* name, uint32_t port) {
  const Bytes bytes = arguments.bytes(index, name);
  if (bytes.length != 4 && bytes.length != 16) arguments.refuse(name, "an IP address: 4 or 16 bytes");
  return {bytes.data, bytes.length, static_cast<uint16_t>(port)};
}

uint8_t prefix_length_argument(const Arguments& arguments, size_t index, const SocketAddress& address) {
  return static_cast<uint8_t>(arguments.integer(index, "prefixLength", address.is_ipv4() ? 32 : 128));
}

int descriptor_argument(const Arguments& arguments) {
  return static_cast<int>(arguments.integer(0, "descriptor", INT32_MAX));
}

int ttl_argument(const Arguments& arguments, size_t index) {
  const uint32_t ttl = arguments.integer(index, "ttl", 255);
  if (ttl == 0) arguments.refuse("ttl", "a whole number from 1 to 255");
  return static_cast<int>(ttl);
}

std::vector<Descriptor>::iterator stream_argument(napi_env env, const Arguments& arguments) {
  const int number = descriptor_argument(arguments);
  auto& streams = environment(env).streams;
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const Descriptor& one) { return one.number() == number; });
  if (found == streams.end()) arguments.refuse("descriptor", "one that openTcp returned to this thread, not released yet");
  return found;
}

DatagramSocket& datagram_socket(napi_env env, uint32_t handle) {
  auto& sockets = environment(env).datagrams;
  if (handle >= sockets.size()) {
    throw Failure("UDP socket " + std::to_string(handle) + ": unknown; wanted one that openDatagrams returned");
  }
  if (!sockets[handle]) throw Failure("UDP socket " + std::to_string(handle) + ": closed; wanted an open one");
  return *sockets[handle];
}

// openTcp(ipv6): descriptor
napi_value open_tcp_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "openTcp");
  auto& streams = environment(env).streams;
  streams.push_back(open_tcp(arguments.boolean(0, "ipv6") ? AF_INET6 : AF_INET));
  return to_value(env, static_cast<uint32_t>(streams.back().number()));
}

// releaseTcp(descriptor): who takes it closes it
napi_value release_tcp_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "releaseTcp");
  const auto found = stream_argument(env, arguments);
  found->release();
  environment(env).streams.erase(found);
  return nullptr;
}

// closeTcp(descriptor), of one that was not released
napi_value close_tcp_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "closeTcp");
  environment(env).streams.erase(stream_argument(env, arguments));
  return nullptr;
}

// bindTcp(descriptor, address, port, reuse)
napi_value bind_tcp_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "bindTcp");
  const SocketAddress address = address_argument(arguments, 1, "address", arguments.integer(2, "port", kHighestPort));
  bind_tcp(descriptor_argument(arguments), address, arguments.boolean(3, "reuse"));
  return nullptr;
}

// bindToDevice(descriptor, interface)
napi_value bind_to_device_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "bindToDevice");
  bind_to_device(descriptor_argument(arguments), arguments.name(1, "interface"));
  return nullptr;
}

// signTcp(descriptor, address, prefixLength, key)
napi_value sign_tcp_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "signTcp");
  const SocketAddress peer = address_argument(arguments, 1, "address", 0);
  const uint8_t prefix_length = prefix_length_argument(arguments, 2, peer);
  const Bytes key = arguments.bytes(3, "key");
  if (key.length > kLongestSignatureKey) arguments.refuse("key", "at most " + std::to_string(kLongestSignatureKey) + " bytes");
  sign_tcp(descriptor_argument(arguments), peer, prefix_length, key.data, key.length);
  return nullptr;
}

// setTtl(descriptor, ttl)
napi_value set_ttl_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "setTtl");
  set_ttl(descriptor_argument(arguments), ttl_argument(arguments, 1));
  return nullptr;
}

// setMinimumTtl(descriptor, ttl)
napi_value set_minimum_ttl_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "setMinimumTtl");
  set_minimum_ttl(descriptor_argument(arguments), ttl_argument(arguments, 1));
  return nullptr;
}

// requireTtl(descriptor, addresses, rows): of each row prefixLength and ttl; the addresses one behind the other
napi_value require_ttl_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "requireTtl");
  const Bytes addresses = arguments.bytes(1, "addresses");
  const Bytes rows = arguments.bytes(2, "rows");
  const size_t count = rows.length / 2;
  const size_t width = count == 0 ? 0 : addresses.length / count;
  if (rows.length % 2 != 0 || (count > 0 && width != 4 && width != 16) || addresses.length != width * count) {
    arguments.refuse("addresses", "4 or 16 bytes for each row of two bytes");
  }
  std::vector<MinimumTtl> wanted;
  for (size_t i = 0; i < count; i++) {
    wanted.push_back({{addresses.data + i * width, width, 0}, rows.data[2 * i], rows.data[2 * i + 1]});
    if (wanted.back().prefix_length > width * 8) arguments.refuse("rows", "prefix lengths of the family");
  }
  require_ttl(descriptor_argument(arguments), wanted);
  return nullptr;
}

// droppedSegments(descriptor)
napi_value dropped_segments_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "droppedSegments");
  return to_value(env, dropped_segments(descriptor_argument(arguments)));
}

// openDatagrams(address, port, ttl): socket
napi_value open_datagrams_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "openDatagrams");
  const SocketAddress address = address_argument(arguments, 0, "address", arguments.integer(1, "port", kHighestPort));
  auto& sockets = environment(env).datagrams;
  sockets.push_back(std::make_unique<DatagramSocket>(address, ttl_argument(arguments, 2)));
  return to_value(env, static_cast<uint32_t>(sockets.size() - 1));
}

// closeDatagrams(socket)
napi_value close_datagrams_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "closeDatagrams");
  const uint32_t handle = arguments.integer(0, "socket");
  datagram_socket(env, handle);
  environment(env).datagrams[handle].reset();
  return nullptr;
}

// sendDatagram(socket, bytes, address, port): errno, or 0
napi_value send_datagram_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "sendDatagram");
  const Bytes bytes = arguments.bytes(1, "bytes");
  const SocketAddress to = address_argument(arguments, 2, "address", arguments.integer(3, "port", kHighestPort));
  const DatagramSocket& socket = datagram_socket(env, arguments.integer(0, "socket"));
  return to_value(env, static_cast<uint32_t>(socket.send(bytes.data, bytes.length, to)));
}

// receiveDatagram(socket, bytes, facts): length, or -1. facts: TTL, interface, port, bytes of the address; address (4 words)
napi_value receive_datagram_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "receiveDatagram");
  const Bytes bytes = arguments.bytes(1, "bytes");
  const Words facts = arguments.words(2, "facts");
  constexpr size_t kFacts = 8;
  if (facts.length < kFacts) arguments.refuse("facts", std::to_string(kFacts) + " words");
  Datagram datagram;
  const DatagramSocket& socket = datagram_socket(env, arguments.integer(0, "socket"));
  if (!socket.receive(bytes.data, bytes.length, datagram)) return to_value(env, -1.0);
  const size_t width = datagram.source.is_ipv4() ? 4 : 16;
  facts.data[0] = datagram.ttl;
  facts.data[1] = datagram.interface_index;
  facts.data[2] = datagram.source.port();
  facts.data[3] = static_cast<uint32_t>(width);
  std::memcpy(facts.data + 4, datagram.source.bytes(), width);
  return to_value(env, static_cast<uint32_t>(datagram.length));
}

// waitForDatagrams(sockets, event, timeoutMs)
napi_value wait_for_datagrams_call(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info, "waitForDatagrams");
  const Words handles = arguments.words(0, "sockets");
  const uint32_t event = arguments.integer(1, "event", INT32_MAX);
  const double timeout_ms = arguments.number(2, "timeoutMs");
  if (!(timeout_ms >= 0)) arguments.refuse("timeoutMs", "a number of milliseconds from 0");
  std::vector<const DatagramSocket*> sockets(handles.length);
  for (size_t i = 0; i < handles.length; i++) sockets[i] = &datagram_socket(env, handles.data[i]);
  wait_for_datagrams(sockets, static_cast<int>(event), timeout_ms);
  return nullptr;
}

}  // namespace

void add_socket_calls(napi_env env, napi_value exports) {
  add<open_tcp_call>(env, exports, "openTcp");
  add<release_tcp_call>(env, exports, "releaseTcp");
  add<close_tcp_call>(env, exports, "closeTcp");
  add<bind_tcp_call>(env, exports, "bindTcp");
  add<bind_to_device_call>(env, exports, "bindToDevice");
  add<sign_tcp_call>(env, exports, "signTcp");
  add<set_ttl_call>(env, exports, "setTtl");
  add<set_minimum_ttl_call>(env, exports, "setMinimumTtl");
  add<require_ttl_call>(env, exports, "requireTtl");
  add<dropped_segments_call>(env, exports, "droppedSegments");
  add<open_datagrams_call>(env, exports, "openDatagrams");
  add<close_datagrams_call>(env, exports, "closeDatagrams");
  add<send_datagram_call>(env, exports, "sendDatagram");
  add<receive_datagram_call>(env, exports, "receiveDatagram");
  add<wait_for_datagrams_call>(env, exports, "waitForDatagrams");
}

}  // namespace ecmp
