package conntrack

// TCPFlags are the control bits of a TCP header, byte 13 (RFC 9293 §3.1).
type TCPFlags uint8

const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCPSegment is what the table needs to know about one TCP segment. Seq and Ack are in
// host order. Len counts payload bytes only, without SYN and FIN. It is the true length
// even where only the headers were copied.
type TCPSegment struct {
	Seq, Ack uint32
	Len      uint32
	Flags    TCPFlags
}

// End is the sequence number after the segment: SYN and FIN take one each.
func (s *TCPSegment) End() uint32 {
	end := s.Seq + s.Len
	if s.Flags&SYN != 0 {
		end++
	}
	if s.Flags&FIN != 0 {
		end++
	}
	return end
}
