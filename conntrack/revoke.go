package conntrack

// Revoke ends the flow that [Table.Range] showed and reports whether it did: not
// if the flow has ended since, was revoked already, or gave its place to another,
// and not if it is untracked: then rules decide about its packets.
//
// Its entry stays, in StateRevoked, for as long as the flow would have lived
// without another packet. A table that forgot the flow would not cut it: the rules
// of the other direction often permit its next segment or datagram, and the flow
// would be picked up mid-stream (T22). So what goes on with a
// revoked flow does not pass, and what begins anew is for the rules: a SYN, or
// without TCP a packet from the side that opened the flow. A full table takes the
// entry's place as it does that of a closed connection.
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
	e.moved(was)
	e.lockShard()
	e.shard.stats.revoked++
	return true
}

// assessRevoked tells what begins anew from what goes on.
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
