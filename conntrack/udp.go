package conntrack

// stepUDP changes the state of a UDP flow. AWS calls a flow a stream once it has had
// more than one request and response (§3.3). That is the answer to a second request,
// so answers alone never make a stream. The requests need not wait for each other: a
// resolver asks for A and AAAA at once and is answered twice.
func (f *Flow) stepUDP(d Direction) {
	switch asked := d == f.Opener(); {
	case f.state == StateUnreplied && !asked:
		f.state = StateReplied
		if f.packets[f.Opener()] > 1 {
			f.state = StateAsked
		}
	case f.state == StateReplied && asked:
		f.state = StateAsked
	case f.state == StateAsked && !asked:
		f.state = StateStream
	}
}
