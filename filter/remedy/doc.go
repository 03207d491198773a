// Package remedy looks for the smallest changes that let a dropped packet pass, and the answer
// to it: of the packet, of the rules, of the attached groups. Each one is a guess until
// [filter.Judge] has been asked about the packet under the changed policy; what it does not
// let pass is not returned.
//
// Where several things stop a packet, such as groups, a network ACL and the network ACL on
// the way back, a remedy has a change for each of them, and none that could be left out.
package remedy
