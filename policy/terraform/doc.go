// Package terraform reads security groups that were written for Terraform: what
// terraform show -json says of a state or a plan, and configurations, in HCL or JSON. It
// evaluates what groups, rules and lists need of a configuration and leaves everything else
// alone: nothing is asked of AWS, and no provider runs.
//
// What a configuration means is Terraform's: a group lets nothing out unless a rule says so
// (D4), and all protocols have the ports 0 and 0 (D5).
package terraform
