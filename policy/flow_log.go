package policy

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// TrafficType says which traffic a flow log has (F12).
type TrafficType string

// The traffic types of AWS.
const (
	TrafficAll    TrafficType = "ALL"
	TrafficAccept TrafficType = "ACCEPT"
	TrafficReject TrafficType = "REJECT"
)

// TrafficTypes are the values in the policy file, the default first.
func TrafficTypes() []TrafficType { return []TrafficType{TrafficAll, TrafficAccept, TrafficReject} }

// Includes reports whether traffic that was accepted, or was not, belongs to the type.
func (t TrafficType) Includes(accepted bool) bool {
	return t == TrafficAll || (t == TrafficAccept) == accepted
}

// FlowLogFile is how files of flow logs are written.
type FlowLogFile string

const (
	// FlowLogText is lines of text. The default.
	FlowLogText FlowLogFile = "text"
	// FlowLogGzip is lines of text, compressed.
	FlowLogGzip FlowLogFile = "gzip"
)

// FlowLogFiles are the values in the policy file, the default first.
func FlowLogFiles() []FlowLogFile { return []FlowLogFile{FlowLogText, FlowLogGzip} }

// FlowLogStdout is the destination that is the daemon's standard output.
const FlowLogStdout = "stdout"

// FlowLog are the values under `settings.flow_log:`; zero where there is no such key.
type FlowLog struct {
	// Destination is a directory, by its absolute path, or FlowLogStdout; "" for no flow log.
	Destination string
	File        FlowLogFile
	// Format is a format string, "" for that of version 2; see package policy/flowlog. The
	// reader of the policy file has checked it.
	Format  string
	Traffic TrafficType
	// Interval is how long a record's window is, 1 to 600 seconds (F10).
	Interval time.Duration
	// Hive names folders as Hive does: year=2026 and so on.
	Hive bool
	// Megabytes is how much all files of the destination have together; the oldest make room.
	Megabytes int
	// What records and paths call this machine and its place; "" for what has no name.
	AccountID, Region, AZID, VPCID, SubnetID, InstanceID string
}

// Bounds of [FlowLog].
const (
	MinFlowLogInterval  = time.Second
	MaxFlowLogInterval  = 600 * time.Second
	MinFlowLogMegabytes = 1
	MaxFlowLogMegabytes = 1 << 20
	// maxFlowLogName is how long a name is at most.
	maxFlowLogName = 64
)

// DefaultFlowLog is what one has that only names a destination.
var DefaultFlowLog = FlowLog{File: FlowLogText, Traffic: TrafficAll, Interval: 60 * time.Second,
	Megabytes: 1024}

// A FlowLogName is a name that records and paths have.
type FlowLogName struct {
	key string
	get func(*FlowLog) *string
}

var flowLogNames = []FlowLogName{
	{"account_id", func(f *FlowLog) *string { return &f.AccountID }},
	{"region", func(f *FlowLog) *string { return &f.Region }},
	{"az_id", func(f *FlowLog) *string { return &f.AZID }},
	{"vpc_id", func(f *FlowLog) *string { return &f.VPCID }},
	{"subnet_id", func(f *FlowLog) *string { return &f.SubnetID }},
	{"instance_id", func(f *FlowLog) *string { return &f.InstanceID }},
}

// FlowLogNames lists them in the order of the policy file.
func FlowLogNames() []FlowLogName { return flowLogNames }

// String is the key in the policy file.
func (n FlowLogName) String() string { return n.key }

// Of is the name that a flow log has, to be read or set.
func (n FlowLogName) Of(f *FlowLog) *string { return n.get(f) }

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	flowLogName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// check reports what is out of range.
func (f FlowLog) check(report func(Problem)) {
	invalid := func(field, hint, format string, a ...any) {
		report(Problem{Field: "settings.flow_log." + field, Code: InvalidParameterValue,
			Message: fmt.Sprintf(format, a...), Hint: hint})
	}
	if f == (FlowLog{}) {
		return
	}
	if d := f.Destination; d != FlowLogStdout {
		switch {
		case d == "":
			invalid("destination", "a folder, such as /var/log/sgfw, or "+FlowLogStdout,
				"flow_log has no destination")
		case !filepath.IsAbs(d):
			invalid("destination", "such as /var/log/sgfw, or "+FlowLogStdout,
				"flow_log.destination %s is no absolute path", Quote(d))
		case filepath.Clean(d) == "/", strings.ContainsAny(d, "\x00\n"):
			invalid("destination", "such as /var/log/sgfw", "flow_log.destination %s cannot be used",
				Quote(d))
		}
	} else if f.File != FlowLogText {
		invalid("file_format", "leave it out", "flow_log.file_format is of files, and not of %s",
			FlowLogStdout)
	}
	if f.Interval < MinFlowLogInterval || f.Interval > MaxFlowLogInterval {
		invalid("aggregation_interval", fmt.Sprintf("1 to %d seconds", MaxFlowLogInterval/time.Second),
			"flow_log.aggregation_interval %d is out of range", f.Interval/time.Second)
	}
	if f.Megabytes < MinFlowLogMegabytes || f.Megabytes > MaxFlowLogMegabytes {
		invalid("max_megabytes", fmt.Sprintf("%d to %d", MinFlowLogMegabytes, MaxFlowLogMegabytes),
			"flow_log.max_megabytes %d is out of range", f.Megabytes)
	}
	for _, n := range flowLogNames {
		switch name := *n.get(&f); {
		case name == "":
		case n.key == "account_id" && !accountID.MatchString(name):
			invalid(n.key, "such as \"123456789012\"", "flow_log.account_id %s is not 12 digits",
				Quote(name))
		case len(name) > maxFlowLogName || !flowLogName.MatchString(name):
			invalid(n.key, fmt.Sprintf("letters, digits, dots, dashes and underscores, at most %d",
				maxFlowLogName), "flow_log.%s cannot be %s", n.key, Quote(name))
		}
	}
}

// flowLog reports what is different between two flow logs.
func (d *differ) flowLog(a, b FlowLog) {
	d.value("flow_log.destination", word(a.Destination), word(b.Destination))
	if a == (FlowLog{}) || b == (FlowLog{}) {
		return // the rest came, or went, with it
	}
	d.value("flow_log.file_format", a.File, b.File)
	d.value("flow_log.log_format", cmp.Or(a.Format, "default"), cmp.Or(b.Format, "default"))
	d.value("flow_log.traffic_type", a.Traffic, b.Traffic)
	d.value("flow_log.aggregation_interval", inSeconds(a.Interval), inSeconds(b.Interval))
	d.value("flow_log.hive_compatible_partitions", a.Hive, b.Hive)
	d.value("flow_log.max_megabytes", a.Megabytes, b.Megabytes)
	for _, n := range flowLogNames {
		d.value("flow_log."+n.key, word(*n.get(&a)), word(*n.get(&b)))
	}
}
