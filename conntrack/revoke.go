package conntrack

// Revoke ends a flow that [Table.Range] returned and reports whether it did. It does
// not if the flow has ended since, was revoked already or was replaced, nor if it is
// untracked: the rules decide about each packet of an untracked flow anyway.
//
// The entry stays, in StateRevoked, for as long as the flow would have lived without
// another packet. Deleting it would not cut the flow: the rules of the other direction
// often permit its next segment or datagram, and the flow would be picked up
// mid-stream (T22). So packets that continue a revoked flow do not pass. Packets that
// begin a new one go to the rules: a SYN, or in other protocols a packet from the side
// that opened the flow. A full table evicts the entry when nothing else can make room.
func (t *Table) Revoke(f *FlowInfo, now Time) bool {
	e := t.Lock(&f.Tuple, now)
	defer e.Unlock()
	live := e.flow
	if live == nil || live.Untracked() || live.state == StateRevoked ||
		live.rule != f.Rule || live.created.time() != f.Created {
		return false
	}
	was := live.state
	live.state = StateRevoked
	e.moved(was, now)
	e.lockShard()
	e.shard.stats.revoked++
	return true
}

// assessRevoked is Assess of a revoked flow: it tells packets that begin a new flow
// from packets that continue the revoked one.
func (f *Flow) assessRevoked(p *PacketMeta) Outcome {
	begins := p.Dir == f.Opener()
	if p.Class == ClassTCP {
		begins = p.TCP.Flags&(SYN|ACK) == SYN
	}
	if begins && Opens(p) {
		return OutcomeReopen
	}
	return OutcomeRevoked
}
