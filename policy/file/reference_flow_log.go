package file

import (
	"fmt"
	"time"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

var flowLogTable = Part{
	"settings.flow_log", `A running daemon can change it: the log so far ends, and another one
		begins. What cannot be written delays no packet; it becomes SKIPDATA.`, []Key{
		{Name: "destination", Required: true,
			Text: `A folder, by its absolute path, or stdout. In a folder there is a file for every five
				minutes, in folders by account, region, day and hour as AWS has them in S3. Give it a
				folder of its own: old files with such names are deleted, AWS's own too. The packages'
				service may write to /var/log/sgfw.`},
		{Name: "file_format", Kind: KindWord, Default: string(policy.DefaultFlowLog.File),
			Words: wordsOf(policy.FlowLogFiles()),
			Text: `text: lines, in files that can be followed while they grow. gzip: the same,
				compressed.`},
		{Name: "log_format", Default: "that of version 2", Text: fmt.Sprintf(`The fields, as ${name}
			with one space between two, in quotes. The default is %q. flow-logs.md lists all fields.`,
			flowlog.DefaultFormat)},
		{Name: "traffic_type", Kind: KindWord, Default: string(policy.DefaultFlowLog.Traffic),
			Words: wordsOf(policy.TrafficTypes()),
			Text:  `Which traffic is recorded: what is let through, what is refused, or both.`},
		{Name: "aggregation_interval", Kind: KindNumber,
			Low:     int(policy.MinFlowLogInterval / time.Second),
			High:    int(policy.MaxFlowLogInterval / time.Second),
			Default: fmt.Sprint(int(policy.DefaultFlowLog.Interval / time.Second)),
			Text:    `How many seconds of a flow one record has.`},
		{Name: "hive_compatible_partitions", Kind: KindTruth, Default: "false",
			Text: `Folders are named as Hive does it, such as year=2026/month=11, which query engines
				understand.`},
		{Name: "max_megabytes", Kind: KindNumber, Low: policy.MinFlowLogMegabytes,
			High: policy.MaxFlowLogMegabytes, Default: fmt.Sprint(policy.DefaultFlowLog.Megabytes),
			Text: `How much all files of the folder have together. The oldest are deleted when a new one
				begins, so there can be up to 75 MB more.`},
		{Name: "account_id", Default: "none",
			Text: "12 digits: what records call the account. Paths have 000000000000 without one."},
		{Name: "region", Default: "none",
			Text: "What records call the region. Paths have local without one."},
		{Name: "az_id", Default: "none", Text: "What records call the availability zone."},
		{Name: "vpc_id", Default: "none", Text: "What records call the VPC."},
		{Name: "subnet_id", Default: "none", Text: "What records call the subnet."},
		{Name: "instance_id", Default: "none", Text: "What records call this machine."},
	},
}
