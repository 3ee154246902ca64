// A port's ring: TPACKET_V2 slots that the kernel fills (Documentation/networking/packet_mmap.rst), and the way out.
//
//   slot:  | tpacket2_hdr | sockaddr_ll | ... | virtio_net_hdr | Ethernet | IP ...... |
//          0              32                  tp_mac - 10      tp_mac     tp_net, a multiple of 4
//
// A frame larger than its slot is cut there and comes whole by recv (PACKET_COPY_THRESH), in the same order; it is put into the
// jumbo area behind the ring. Everything is called by one thread. This file knows nothing of JavaScript.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "counters.h"
#include "mapping.h"
#include "packet_socket.h"
#include "row.h"
#include "sender.h"

struct tpacket2_hdr;

namespace ecmp {

struct RingOptions {
  std::string interface;
  // False: send only. No slots, no jumbo area, and the socket hears nothing.
  bool receive = true;
  uint32_t slots = 8192;
  // A power of two. What a slot does not hold costs a system call and a copy more; what it holds in vain, pages that the
  // kernel's and our own translation caches have no room for.
  uint32_t slot_bytes = 512;
  // Rows, and so the most frames of one receive.
  uint32_t capacity = 64;
};

class Ring {
 public:
  // Nothing comes in until `listen`: to allocate the slots takes the kernel some 20 ms, to listen takes it none.
  explicit Ring(const RingOptions& options);
  ~Ring();

  // Before it listens: a BPF program (socket filter) is asked about every frame, and those for which it says 0 do not come in.
  void filter_by(int program) { socket_.filter_by(program); }
  // Once. Alone, or as a member of a group from 0 to 65535.
  void listen(uint32_t fanout_group);
  // Nothing comes in from here on, at once; what has come is still there to be received. For good.
  void deafen();

  // Gives the slots of the last call back, fills the rows with the frames that wait now and returns their number. A system
  // call only where a frame is larger than a slot.
  uint32_t receive();
  uint32_t transmit(uint8_t* bytes, size_t byte_length, const Row* rows, uint32_t count, uint32_t egress) {
    return sender_.transmit(bytes, byte_length, rows, count, egress);
  }

  // Whether `receive` would find a frame.
  bool ready() const;
  // The socket reported an error: read it, or poll reports it for ever.
  void take_interface_error();
  const Counters& counters();

  const PacketSocket& socket() const { return socket_; }
  const std::shared_ptr<Mapping>& mapping() const { return mapping_; }
  // Bytes that frames can lie in; the rows follow them.
  size_t frame_bytes() const { return frame_bytes_; }

 private:
  tpacket2_hdr* slot(uint32_t index) const;
  void give_back();
  void receive_jumbo();
  void note_interface_error(int error);

  RingOptions options_;
  PacketSocket socket_;
  Counters counters_;
  Sender sender_;
  std::shared_ptr<Mapping> mapping_;
  size_t frame_bytes_ = 0;
  Row* rows_ = nullptr;
  // The next slot to look at, and how many in front of it are ours.
  uint32_t head_ = 0;
  uint32_t outstanding_ = 0;
  // The row, or none, of each frame of this batch that waits in the socket's queue, in order.
  std::vector<uint32_t> jumbo_rows_;
  std::vector<mmsghdr> jumbo_messages_;
  std::vector<iovec> jumbo_vectors_;
};

}  // namespace ecmp
