package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/pcap"
	"sgfw/cmd/internal/replay"
	"sgfw/test/wire"
)

var (
	replayClient = netip.MustParseAddr("203.0.113.9")
	replayServer = netip.MustParseAddr("192.0.2.10")
	replayBegin  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// timed is a packet of IP and when it comes.
type timed struct {
	after time.Duration
	bytes []byte
}

// conversation is an HTTPS handshake, a SYN for SSH and a question for a name.
func conversation() []timed {
	at := func(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
	c, s := at(replayClient, 40000), at(replayServer, 443)
	return []timed{
		{0, wire.TCP(c, s, wire.SYN, 100, 0, nil)},
		{40 * time.Millisecond, wire.TCP(s, c, wire.SYN|wire.ACK, 900, 101, nil)},
		{80 * time.Millisecond, wire.TCP(c, s, wire.ACK, 101, 901, nil)},
		{time.Second, nil}, // ARP
		{9 * time.Second, wire.TCP(at(replayClient, 40001), at(replayServer, 22), wire.SYN, 1, 0, nil)},
		{10 * time.Second, wire.UDP(at(replayServer, 5353),
			at(netip.MustParseAddr("203.0.113.53"), 53), []byte("who"))},
	}
}

// ethernetCapture is a file of pcap, as tcpdump writes it.
func ethernetCapture(packets []timed) string {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	for _, p := range packets {
		frame := append(make([]byte, 12), 8, 0)
		if frame = append(frame, p.bytes...); p.bytes == nil {
			frame = append(make([]byte, 12), 8, 6)
		}
		frame = append(frame, make([]byte, max(0, 60-len(frame)))...) // as short frames are
		at := replayBegin.Add(p.after)
		for _, n := range []int64{at.Unix(), int64(at.Nanosecond() / 1000), int64(len(frame)),
			int64(len(frame))} {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
		b = append(b, frame...)
	}
	return string(b)
}

// yamlOf is the first policy of a page.
func yamlOf(t *testing.T, page string) string {
	t.Helper()
	_, text, ok := strings.Cut(page, "```yaml\n")
	if !ok {
		t.Fatal("the page has no policy")
	}
	text, _, _ = strings.Cut(text, "```")
	return text
}

// replayFolder has the files of docs/captures.md.
func replayFolder(t *testing.T) (page string, run func(args ...string) (exitCode, string, string)) {
	t.Helper()
	b, err := os.ReadFile("../../docs/captures.md")
	if err != nil {
		t.Fatal(err)
	}
	web := yamlOf(t, string(b))
	return string(b), inFolder(t, map[string]string{"eth0.pcap": ethernetCapture(conversation()),
		"web.yaml": web,
		"new.yaml": strings.NewReplacer("198.51.100.0/24", "203.0.113.0/24", "443", "8443").Replace(web)})
}

// TestCapturesPage: every console of docs/captures.md shows what the command prints there.
func TestCapturesPage(t *testing.T) {
	page, run := replayFolder(t)
	n := 0
	for _, console := range strings.Split(page, "```console\n")[1:] {
		console, _, _ = strings.Cut(console, "```")
		line, want, _ := strings.Cut(console, "\n")
		args := strings.Fields(strings.TrimPrefix(line, "$ sgfw "))
		if args[0] != "replay" {
			continue
		}
		n++
		_, out, said := run(args...)
		if out+said != want {
			t.Errorf("%s\n%s\nthe page has\n%s", line, out+said, want)
		}
	}
	if n < 2 {
		t.Errorf("only %d consoles", n)
	}
}

// TestReplayExits: what makes the command fail, and with which code.
func TestReplayExits(t *testing.T) {
	_, run := replayFolder(t)
	whole := []string{"-i", "eth0", "--own", "eth0=192.0.2.10/24"}
	if err := os.WriteFile("cut.pcap", []byte(ethernetCapture(conversation())[:200]),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code exitCode
		said string
	}{
		{append([]string{"eth0.pcap", "--diff", "web.yaml", "web.yaml"}, whole...), exitOK,
			"0 judged otherwise"},
		{append([]string{"eth0.pcap", "--diff", "web.yaml", "new.yaml"}, whole...), exitDifferent, ""},
		{[]string{"eth0.pcap", "-c", "web.yaml"}, exitFailed, "-i DEVICE says where it was captured"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "-i", "eth0"}, exitFailed, "neither end is known"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "-i", "eth1"}, exitFailed, "not managed by the policy"},
		{[]string{"eth0.pcap"}, exitUsage, "config"},
		{[]string{"eth0.pcap", "--diff", "web.yaml"}, exitUsage, "--diff compares two policies"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "port"}, exitUsage, "no term"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "-i", "x=eth0"}, exitUsage, "NUMBER=DEVICE"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "--own", "eth0"}, exitUsage, "DEVICE=ADDRESS"},
		{[]string{"eth0.pcap", "-c", "web.yaml", "--resolver", "dns"}, exitUsage, "no address"},
		{[]string{"web.yaml", "-c", "web.yaml"}, exitFailed, "neither pcap nor pcapng"},
		{[]string{"none.pcap", "-c", "web.yaml"}, exitFailed, "no such file"},
		{append([]string{"cut.pcap", "-c", "web.yaml"}, whole...), exitOK,
			"the file ends within a packet"},
	} {
		code, out, said := run(append([]string{"replay"}, c.args...)...)
		if code != c.code || !strings.Contains(strings.Join(strings.Fields(said), " "), c.said) {
			t.Errorf("%v: %d %s%s, want %d %q", c.args, code, out, said, c.code, c.said)
		}
	}
}

// TestReplayOfAnyDevice: a capture of all devices says direction and number.
func TestReplayOfAnyDevice(t *testing.T) {
	_, run := replayFolder(t)
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file, "dumpcap")
	if err == nil {
		_, err = w.AddInterface(pcap.Interface{Link: pcap.LinkCooked2})
	}
	for i, p := range conversation()[:3] {
		kind := byte(0)
		if i == 1 {
			kind = 4
		}
		head := append([]byte{8, 0, 0, 0, 0, 0, 0, 3, 0, 1, kind}, make([]byte, 9)...)
		if err == nil {
			err = w.Write(&pcap.Packet{Time: replayBegin.Add(p.after), Data: append(head, p.bytes...)})
		}
	}
	if err == nil {
		err = os.WriteFile("any.pcapng", file.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	code, out, said := run("replay", "any.pcapng", "-c", "web.yaml", "-i", "3=eth0")
	if code != exitOK || strings.Count(out, "accept") != 3 || !strings.Contains(out, "eth0 egress") {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// TestReplayOfGuest: of a guest's packets those that leave it come in through its device.
func TestReplayOfGuest(t *testing.T) {
	_, run := replayFolder(t)
	web, err := os.ReadFile("web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	guest := strings.Replace(string(web),
		"{device: eth0, security_groups: [web]}",
		"{device: eth0, mode: guest, addresses: [192.0.2.10], security_groups: [web]}", 1)
	if err := os.WriteFile("guest.yaml", []byte(guest), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, said := run("replay", "eth0.pcap", "-c", "guest.yaml", "-i", "eth0", "dir:egress")
	if code != exitOK || strings.Count(out, "egress") != 2 ||
		!strings.Contains(out, "syn,ack (flow)") ||
		!strings.Contains(said, "3 accepted, 2 dropped") {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// TestReplayRecorded: a capture that sgfw wrote is compared with what it says; what belongs to
// a connection from before it is not judged.
func TestReplayRecorded(t *testing.T) {
	_, run := replayFolder(t)
	var file bytes.Buffer
	w, err := replay.NewWriter(&file, "test", 512, ruleName)
	if err != nil {
		t.Fatal(err)
	}
	say := func(p timed, in bool, verdict, reason, before string, rule *api.RuleRef) {
		part := api.CapturePart{Type: api.CapturePacket, Before: before, Ruleset: 1, Data: p.bytes,
			Verdict: &api.LogRecord{Time: replayBegin.Add(p.after), Verdict: verdict, Reason: reason,
				Interface: "eth0", Direction: "ingress", Length: uint32(len(p.bytes)), Rule: rule}}
		if part.In, part.Hook = "eth0", 1; !in {
			part.In, part.Out, part.Hook = "", "eth0", 3
		}
		if err := w.Write(&part); err != nil {
			t.Fatal(err)
		}
	}
	packets := conversation()
	web := &api.RuleRef{Group: "web", Direction: "ingress"}
	old := timed{0, wire.TCP(netip.AddrPortFrom(replayClient, 5000),
		netip.AddrPortFrom(replayServer, 8080), wire.ACK, 7, 7, nil)}
	say(old, true, "accept", "flow", "established", web)
	say(packets[0], true, "accept", "rule", "", web)
	say(packets[1], false, "accept", "flow", "syn_sent", web)
	say(packets[4], true, "accept", "rule", "",
		&api.RuleRef{Group: "web", Direction: "ingress", Index: 1})
	if err := os.WriteFile("x.pcapng", file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, said := run("replay", "x.pcapng", "-c", "web.yaml", "--recorded")
	if code != exitDifferent || strings.Count(out, "#") != 1 ||
		!strings.Contains(out, "recorded accept (rule) web/ingress/1") ||
		!strings.Contains(said, "2 as recorded, 1 otherwise") ||
		!strings.Contains(said, "1 packet: its flow began before the capture") {
		t.Errorf("%d %s%s", code, out, said)
	}
	code, out, _ = run("replay", "x.pcapng", "-c", "new.yaml", "-o", "json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last api.ReplayPart
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Summary == nil {
		t.Fatalf("%d %s %v", code, out, err)
	}
	if s := last.Summary; s.Packets != 4 || s.Accepted != 1 || s.Dropped != 2 || s.AsRecorded != 1 ||
		s.Otherwise != 2 || s.Rulesets != 1 || len(s.Skipped) != 1 {
		t.Errorf("%+v", s)
	}
}
