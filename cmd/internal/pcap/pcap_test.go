package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

var (
	moment = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	// ip is an IPv4 header of protocol 253 and four bytes.
	ip = []byte{0x45, 0, 0, 24, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4}
)

// written is a capture of two devices as Writer makes it.
func written(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, "test")
	must(t, err)
	for _, n := range []Interface{
		{Name: "eth0", Link: LinkRaw, Snap: 128, Addresses: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("2001:db8::2/64")}},
		{Name: "veth-0123456789", Link: LinkEthernet},
	} {
		_, err = w.AddInterface(n)
		must(t, err)
	}
	must(t, w.Write(&Packet{Time: moment, Data: ip, Length: 1500, Direction: In,
		Comment: "drop (no-rule) – why"}))
	must(t, w.Write(&Packet{Time: moment.Add(time.Nanosecond), Interface: 1,
		Data: append(make([]byte, 12), 8, 0, 0x45), Direction: Out}))
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWriterAndReader: what was written is read again, options of packets included.
func TestWriterAndReader(t *testing.T) {
	r, err := NewReader(bytes.NewReader(written(t)))
	must(t, err)
	p, err := r.Next()
	must(t, err)
	if !p.Time.Equal(moment) || !bytes.Equal(p.Data, ip) || p.Length != 1500 || p.Direction != In ||
		p.Comment != "drop (no-rule) – why" || p.Interface != 0 {
		t.Errorf("%+v", p)
	}
	n := r.Interface(0)
	if n.Name != "eth0" || n.Link != LinkRaw || n.Snap != 128 || len(n.Addresses) != 2 ||
		n.Addresses[0].String() != "10.0.0.2/24" || n.Addresses[1].String() != "2001:db8::2/64" {
		t.Errorf("%+v", n)
	}
	p, err = r.Next()
	must(t, err)
	if p.Time.Sub(moment) != 1 || p.Direction != Out || p.Comment != "" || p.Length != 15 ||
		r.Interface(p.Interface).Name != "veth-0123456789" {
		t.Errorf("%+v", p)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestReadBySomebodyElse: gopacket reads the same of what Writer writes, and tshark, where
// there is one, the comment as well.
func TestReadBySomebodyElse(t *testing.T) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(written(t)),
		pcapgo.NgReaderOptions{WantMixedLinkType: true})
	must(t, err)
	data, info, err := r.ReadPacketData()
	must(t, err)
	if !bytes.Equal(data, ip) || !info.Timestamp.Equal(moment) || info.Length != 1500 {
		t.Errorf("%v %+v", data, info)
	}
	_, info, err = r.ReadPacketData()
	must(t, err)
	if n, err := r.Interface(info.InterfaceIndex); err != nil || n.Name != "veth-0123456789" {
		t.Errorf("%+v, %v", n, err)
	}

	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("no tshark here")
		return
	}
	file := filepath.Join(t.TempDir(), "x.pcapng")
	must(t, os.WriteFile(file, written(t), 0o600))
	out, err := exec.Command(tshark, "-r", file, "-T", "fields", "-e", "frame.interface_name", "-e",
		"frame.comment", "-e", "frame.time_epoch").Output()
	must(t, err)
	for _, want := range []string{"eth0", "drop (no-rule) – why", "1772366400.123456789"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("tshark says %q, want %q", out, want)
		}
	}
}

// TestFilesOfOthers: what gopacket writes is read, in either format and unit of time.
func TestFilesOfOthers(t *testing.T) {
	info := gopacket.CaptureInfo{Timestamp: moment, CaptureLength: len(ip), Length: 99}
	files := map[string][]byte{}
	write := func(name string, w *pcapgo.Writer, out *bytes.Buffer) {
		must(t, w.WriteFileHeader(200, layers.LinkTypeRaw))
		must(t, w.WritePacket(info, ip))
		files[name] = out.Bytes()
	}
	micro, nano, ng := new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer)
	write("microseconds", pcapgo.NewWriter(micro), micro)
	write("nanoseconds", pcapgo.NewWriterNanos(nano), nano)
	w, err := pcapgo.NewNgWriter(ng, layers.LinkTypeRaw)
	must(t, err)
	must(t, w.WritePacket(info, ip))
	must(t, w.Flush())
	files["pcapng"] = ng.Bytes()
	for name, file := range files {
		r, err := NewReader(bytes.NewReader(file))
		must(t, err)
		p, err := r.Next()
		must(t, err)
		want := moment
		if name == "microseconds" {
			want = moment.Truncate(time.Microsecond)
		}
		if !p.Time.Equal(want) || p.Length != 99 || !bytes.Equal(p.Data, ip) ||
			r.Interface(p.Interface).Link != LinkRaw {
			t.Errorf("%s: %+v", name, p)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
		for cut := 1; cut < len(file); cut++ {
			if packets, err := count(file[:cut]); err == nil && packets > 0 {
				t.Errorf("%s: %d bytes of %d have a whole packet", name, cut, len(file))
			}
		}
	}
}

// TestOrders: a big-endian file means the same.
func TestOrders(t *testing.T) {
	b := binary.BigEndian.AppendUint32(nil, magicNano)
	b = append(b, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 101)
	b = append(b, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x45)
	r, err := NewReader(bytes.NewReader(b))
	must(t, err)
	p, err := r.Next()
	must(t, err)
	if p.Time.UnixNano() != 7e9+9 || p.Length != 2 || len(p.Data) != 1 || r.Interface(0).Snap != 256 {
		t.Errorf("%+v", p)
	}
}

// TestWrong: what is no capture is refused, and a file that ends within a packet says so.
func TestWrong(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "short": "\xd4\xc3", "text": "version: 1\n",
		"head": "\xd4\xc3\xb2\xa1\x02\x00", "gzip": "\x1f\x8b\x08\x00",
	} {
		if _, err := NewReader(strings.NewReader(file)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := written(t)
	for _, cut := range []int{1, 4, 30} {
		if n, err := count(whole[:len(whole)-cut]); n != 1 || !errors.Is(err, ErrCut) {
			t.Errorf("%d bytes less: %d packets, %v", cut, n, err)
		}
	}
	broken := bytes.Clone(whole)
	broken[len(broken)-4]++
	if n, err := count(broken); n != 1 || !errors.Is(err, ErrFormat) {
		t.Errorf("with a wrong length at the end: %d packets, %v", n, err)
	}
}

// count reads all packets of a file.
func count(file []byte) (n int, err error) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return 0, err
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		r.Interface(p.Interface).Link.Network(&p)
		n++
	}
}

// TestNetwork: the network layer is found behind every link layer.
func TestNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		link LinkType
		head []byte
		tail int
		want Network
		no   bool
	}{
		"raw":      {link: LinkRaw},
		"loopback": {link: LinkNull, head: []byte{2, 0, 0, 0}},
		"ethernet": {link: LinkEthernet, head: append(make([]byte, 12), 8, 0), tail: 22},
		"arp":      {link: LinkEthernet, head: append(make([]byte, 12), 8, 6), no: true},
		"short":    {link: LinkEthernet, head: nil, no: true},
		"vlan": {link: LinkEthernet,
			head: append(make([]byte, 12), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0)},
		"cooked in": {link: LinkCooked, head: append(make([]byte, 14), 8, 0),
			want: Network{Direction: In}},
		"cooked out": {link: LinkCooked, head: append([]byte{0, 4}, append(make([]byte, 12), 8, 0)...),
			want: Network{Direction: Out}},
		"cooked 2": {link: LinkCooked2,
			head: append([]byte{8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4}, make([]byte, 9)...),
			want: Network{Direction: Out, Index: 3}},
		"unknown": {link: 147, no: true},
	} {
		p := Packet{Data: append(append(bytes.Clone(c.head), ip...), make([]byte, c.tail)...)}
		p.Length = uint32(len(p.Data))
		n, ok := c.link.Network(&p)
		if ok == c.no {
			t.Errorf("%s: %t", name, ok)
			continue
		}
		if ok && (!bytes.Equal(n.Bytes, ip) || n.Length != uint32(len(ip)) ||
			n.Direction != c.want.Direction || n.Index != c.want.Index) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// FuzzReader: no file makes the reader panic, go on for ever, or hand out more than is there.
func FuzzReader(f *testing.F) {
	f.Add(written(f))
	f.Add([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00" +
		"\x65\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x45"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		total := 0
		for {
			p, err := r.Next()
			if err != nil {
				if err != io.EOF && !errors.Is(err, ErrCut) && !errors.Is(err, ErrFormat) {
					t.Fatalf("an error of no kind: %v", err)
				}
				return
			}
			if total += max(len(p.Data), 1); total > len(file) || len(p.Data) > int(p.Length) {
				t.Fatalf("%d bytes of packets in a file of %d", total, len(file))
			}
			if n, ok := r.Interface(p.Interface).Link.Network(&p); ok && len(n.Bytes) > int(n.Length) {
				t.Fatalf("%d bytes of a packet of %d", len(n.Bytes), n.Length)
			}
		}
	})
}
