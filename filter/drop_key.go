package filter

import (
	"math/bits"
	"math/rand/v2"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// dropKey is what equal drops have in common.
type dropKey struct {
	tuple conntrack.Tuple
	// what has the index, reason and direction, and ICMP type and code or TCP flags.
	what uint64
}

// DropKey is equal for drops that are.
type DropKey = dropKey

// Key is what the dropped packet has in common with equal ones.
func (r *Record) Key() DropKey { return r.dropKey() }

// dropKey is the key of a dropped packet. A client takes another port each time it
// tries; whoever asks is the source of a first packet, and of one that belongs to no
// flow it is the end with the higher port.
func (r *Record) dropKey() dropKey {
	flags := r.Flags &^ conntrack.PSH
	k := dropKey{tuple: r.Tuple, what: uint64(r.Index)<<32 | uint64(r.Verdict.Reason)<<24 |
		uint64(r.Verdict.Direction)<<16}
	t := &k.tuple
	source, destination := &t.RemotePort, &t.LocalPort
	if r.Verdict.Direction == conntrack.Egress {
		source, destination = destination, source
	}
	switch {
	case r.Kind == packet.KindTCP && flags&(conntrack.SYN|conntrack.ACK) != conntrack.SYN &&
		*source < *destination:
		k.what |= uint64(flags)
		*destination = 0
	case r.Kind == packet.KindTCP, r.Kind == packet.KindUDP:
		k.what |= uint64(flags)
		*source = 0
	default:
		k.what |= uint64(r.ICMPType)<<8 | uint64(r.ICMPCode)
		*source, *destination = 0, 0
	}
	return k
}

// keys of the hashes keep strangers from choosing packets that share chains or counters.
var keys = [4]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()}

// fold multiplies to 128 bits and XORs the two halves, as wyhash does.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash is that of the whole key.
func (k *dropKey) hash() uint64 {
	t := &k.tuple
	return fold(fold(t.Local.Lo^keys[0], t.Local.Hi^keys[1])^k.peer(), k.service()^keys[2])
}

// peer is a hash of who is at the other end.
func (k *dropKey) peer() uint64 {
	t := &k.tuple
	return fold(t.Remote.Lo^keys[1], t.Remote.Hi^keys[3])
}

// service is a hash of the key without its addresses: what everybody asks for.
func (k *dropKey) service() uint64 {
	t := &k.tuple
	w := uint64(t.LocalPort)<<48 | uint64(t.RemotePort)<<32 | uint64(t.Scope())<<8 | uint64(t.Proto())
	return fold(w^keys[0], k.what^keys[2])
}
