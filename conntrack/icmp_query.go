package conntrack

// assessQuery: the side that opened the flow asks and the other one replies.
// Anything else shares the tuple by accident and is left to the rules.
func (f *Flow) assessQuery(p *PacketMeta) Outcome {
	if p.Reply == (p.Dir != f.Opener()) {
		return OutcomeMember
	}
	return OutcomeRules
}

// stepReply moves a flow without states of its own (ICMP queries, other
// protocols): any packet of the other direction is the answer.
func (f *Flow) stepReply(d Direction) {
	if d != f.Opener() {
		f.state = StateReplied
	}
}
