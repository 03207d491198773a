package policy

import "time"

// Preset is one word for the settings of a place. Keys that the policy writes beside it win.
type Preset uint8

const (
	// NoPreset: every setting has its own default.
	NoPreset Preset = iota
	// PresetAWS is what security groups do in AWS: flows that rules for everybody permit
	// are untracked (T2), rules alone decide about ICMP errors (T24), and what AWS never
	// filters is exempt (§4), and packets are judged as the wire has them (X8). The idle
	// timeouts are AWS's anyway.
	PresetAWS
	// PresetAWSNitroV6 is PresetAWS on the machines of Nitro v6, which forget an idle TCP
	// connection after 350 s (§3.3).
	PresetAWSNitroV6
)

var presetNames = [...]string{"none", "aws", "aws-nitro-v6"}

// String is the value in the policy file.
func (p Preset) String() string { return presetNames[min(int(p), len(presetNames)-1)] }

// Presets are the values in the policy file, the default first.
func Presets() []Preset { return []Preset{NoPreset, PresetAWS, PresetAWSNitroV6} }

// nitroV6Established is the idle time of a TCP connection on Nitro v6.
const nitroV6Established = 350 * time.Second

// Settings returns the settings of a policy that says nothing but its preset.
func (p Preset) Settings() Settings {
	s := DefaultSettings
	s.Preset = p
	if p != NoPreset {
		s.Tracking, s.ICMPErrors = TrackingAWS, ICMPErrorsRules
		for _, x := range Exemptions() {
			s.Exempt = s.Exempt.With(x)
		}
	}
	return s
}

// Timeouts returns the idle timeouts of an interface that says none.
func (p Preset) Timeouts() Timeouts {
	t := DefaultTimeouts
	if p == PresetAWSNitroV6 {
		t.TCPEstablished = nitroV6Established
	}
	return t
}

// View returns the view of an interface that says none: in AWS an interface sees the wire
// (X8).
func (p Preset) View() View {
	if p == NoPreset {
		return ViewLocal
	}
	return ViewWire
}

// Departures names the keys with which the policy departs from its preset, in the order
// of the file; those of an interface with its device. There are none without a preset.
func (p *Policy) Departures() []string {
	if p.Settings.Preset == NoPreset {
		return nil
	}
	var keys []string
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		if n.View != p.Settings.Preset.View() {
			keys = append(keys, "view of "+n.Device)
		}
		for _, t := range timeoutRanges {
			if t.get(n.Timeouts) != t.get(p.Settings.Preset.Timeouts()) {
				keys = append(keys, t.key+" of "+n.Device)
			}
		}
	}
	want := p.Settings.Preset.Settings()
	for _, s := range []struct {
		key  string
		same bool
	}{
		{"tracking", p.Settings.Tracking == want.Tracking},
		{"icmp_errors", p.Settings.ICMPErrors == want.ICMPErrors},
		{"exempt", p.Settings.Exempt == want.Exempt},
	} {
		if !s.same {
			keys = append(keys, s.key)
		}
	}
	return keys
}
