package flowlog

import "strings"

// Field is one value of a record.
type Field uint8

// The fields of AWS by version, and our own, which AWS does not have (F15). Those that mean
// nothing on a host are always "-" (F2).
const (
	Version Field = iota
	AccountID
	InterfaceID
	SrcAddr
	DstAddr
	SrcPort
	DstPort
	Protocol
	Packets
	Bytes
	Start
	End
	Action
	LogStatus

	VPCID
	SubnetID
	InstanceID
	TCPFlags
	Type
	PktSrcAddr
	PktDstAddr

	Region
	AZID
	SublocationType
	SublocationID

	PktSrcAWSService
	PktDstAWSService
	FlowDirection
	TrafficPath

	ECSClusterARN
	ECSClusterName
	ECSContainerInstanceARN
	ECSContainerInstanceID
	ECSContainerID
	ECSSecondContainerID
	ECSServiceName
	ECSTaskDefinitionARN
	ECSTaskARN
	ECSTaskID

	RejectReason
	ResourceID
	EncryptionStatus

	InstanceTag
	InstanceTag2
	InterfaceTag
	InterfaceTag2
	ASGTag
	ASGTag2
	InterfaceType
	NextHopInterfaceID
	NextHopSubnetID
	NextHopAZID
	NextHopVPCID
	NextHopInterfaceType

	// RuleID and GroupID are of what permitted the first packet, or its flow; Reason is why
	// it passed or not, Generation the number of the rules that it was judged by, Device what
	// the policy calls the interface.
	RuleID
	GroupID
	Reason
	Generation
	Device

	fieldCount
)

// Kind is what values of a field are, as AWS has them in Parquet.
type Kind uint8

const (
	// KindText is a string.
	KindText Kind = iota
	// KindInt32 and KindInt64 are numbers.
	KindInt32
	KindInt64
)

// ownPrefix begins the names of our own fields.
const ownPrefix = "sgfw-"

// fields say what each field is called, since which version AWS has it (0: never) and what
// its values are.
var fields = [fieldCount]struct {
	name    string
	version int
	kind    Kind
}{
	Version: {"version", 2, KindInt32}, AccountID: {"account-id", 2, KindText},
	InterfaceID: {"interface-id", 2, KindText},
	SrcAddr:     {"srcaddr", 2, KindText}, DstAddr: {"dstaddr", 2, KindText},
	SrcPort: {"srcport", 2, KindInt32}, DstPort: {"dstport", 2, KindInt32},
	Protocol: {"protocol", 2, KindInt32}, Packets: {"packets", 2, KindInt64},
	Bytes: {"bytes", 2, KindInt64}, Start: {"start", 2, KindInt64}, End: {"end", 2, KindInt64},
	Action: {"action", 2, KindText}, LogStatus: {"log-status", 2, KindText},

	VPCID: {"vpc-id", 3, KindText}, SubnetID: {"subnet-id", 3, KindText},
	InstanceID: {"instance-id", 3, KindText}, TCPFlags: {"tcp-flags", 3, KindInt32},
	Type: {"type", 3, KindText}, PktSrcAddr: {"pkt-srcaddr", 3, KindText},
	PktDstAddr: {"pkt-dstaddr", 3, KindText},

	Region: {"region", 4, KindText}, AZID: {"az-id", 4, KindText},
	SublocationType: {"sublocation-type", 4, KindText},
	SublocationID:   {"sublocation-id", 4, KindText},

	PktSrcAWSService: {"pkt-src-aws-service", 5, KindText},
	PktDstAWSService: {"pkt-dst-aws-service", 5, KindText},
	FlowDirection:    {"flow-direction", 5, KindText}, TrafficPath: {"traffic-path", 5, KindInt32},

	ECSClusterARN: {"ecs-cluster-arn", 7, KindText}, ECSClusterName: {"ecs-cluster-name", 7, KindText},
	ECSContainerInstanceARN: {"ecs-container-instance-arn", 7, KindText},
	ECSContainerInstanceID:  {"ecs-container-instance-id", 7, KindText},
	ECSContainerID:          {"ecs-container-id", 7, KindText},
	ECSSecondContainerID:    {"ecs-second-container-id", 7, KindText},
	ECSServiceName:          {"ecs-service-name", 7, KindText},
	ECSTaskDefinitionARN:    {"ecs-task-definition-arn", 7, KindText},
	ECSTaskARN:              {"ecs-task-arn", 7, KindText}, ECSTaskID: {"ecs-task-id", 7, KindText},

	RejectReason: {"reject-reason", 8, KindText}, ResourceID: {"resource-id", 9, KindText},
	EncryptionStatus: {"encryption-status", 10, KindInt32},

	InstanceTag: {"instance-tag", 11, KindText}, InstanceTag2: {"instance-tag-2", 11, KindText},
	InterfaceTag: {"interface-tag", 11, KindText}, InterfaceTag2: {"interface-tag-2", 11, KindText},
	ASGTag: {"asg-tag", 11, KindText}, ASGTag2: {"asg-tag-2", 11, KindText},
	InterfaceType:        {"interface-type", 11, KindText},
	NextHopInterfaceID:   {"next-hop-interface-id", 11, KindText},
	NextHopSubnetID:      {"next-hop-subnet-id", 11, KindText},
	NextHopAZID:          {"next-hop-az-id", 11, KindText},
	NextHopVPCID:         {"next-hop-vpc-id", 11, KindText},
	NextHopInterfaceType: {"next-hop-interface-type", 11, KindText},

	RuleID: {ownPrefix + "rule-id", 0, KindText}, GroupID: {ownPrefix + "group-id", 0, KindText},
	Reason: {ownPrefix + "reason", 0, KindText}, Generation: {ownPrefix + "generation", 0, KindInt64},
	Device: {ownPrefix + "device", 0, KindText},
}

// Fields are all fields, AWS's in the order of its versions, then our own.
func Fields() []Field {
	out := make([]Field, fieldCount)
	for i := range out {
		out[i] = Field(i)
	}
	return out
}

// String is the field's name in format strings and in headers of text files.
func (f Field) String() string { return fields[f].name }

// Column is the field's name in Parquet files: a name of SQL.
func (f Field) Column() string { return strings.ReplaceAll(fields[f].name, "-", "_") }

// Since is the version of flow logs that has the field first, 0 for our own.
func (f Field) Since() int { return fields[f].version }

// Kind says what the field's values are.
func (f Field) Kind() Kind { return fields[f].kind }

// FieldNamed returns the field of a name. It is false for names that no field has.
func FieldNamed(name string) (Field, bool) {
	for f := range fieldCount {
		if fields[f].name == name {
			return f, true
		}
	}
	return 0, false
}
