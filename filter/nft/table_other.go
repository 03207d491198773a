//go:build !linux

package nft

import (
	"context"
	"errors"
)

// Table stands for the nftables table, which only Linux has.
type Table struct{}

// Option configures Open and Cleanup.
type Option func()

// InNamespace would choose a network namespace.
func InNamespace(int) Option { return func() {} }

// Open fails with errors.ErrUnsupported.
func Open(...Option) (*Table, error) { return nil, errors.ErrUnsupported }

// Cleanup fails with errors.ErrUnsupported.
func Cleanup(...Option) ([]string, error) { return nil, errors.ErrUnsupported }

// Inspect fails with errors.ErrUnsupported.
func Inspect(...Option) (Standing, error) { return Standing{}, errors.ErrUnsupported }

// BridgesFilter is false.
func BridgesFilter() bool { return false }

// Probe fails with errors.ErrUnsupported.
func Probe(...Option) (Facts, error) { return Facts{}, errors.ErrUnsupported }

// Look fails with errors.ErrUnsupported.
func Look(...Option) (Survey, error) { return Survey{}, errors.ErrUnsupported }

// Observation stands for a table that copies packets, which only Linux has.
type Observation struct{}

// Observe fails with errors.ErrUnsupported.
func Observe(uint16, []string, ...Option) (*Observation, error) {
	return nil, errors.ErrUnsupported
}

// Close does nothing.
func (*Observation) Close() error { return nil }

// ObserveGroups yields nothing.
func ObserveGroups(func(uint16) bool) {}

// Apply fails with errors.ErrUnsupported.
func (*Table) Apply(Plan) error { return errors.ErrUnsupported }

// Repair fails with errors.ErrUnsupported.
func (*Table) Repair(Plan) error { return errors.ErrUnsupported }

// Bar fails with errors.ErrUnsupported.
func (*Table) Bar(Plan) error { return errors.ErrUnsupported }

// Unbar fails with errors.ErrUnsupported.
func (*Table) Unbar() error { return errors.ErrUnsupported }

// Flush fails with errors.ErrUnsupported.
func (*Table) Flush() error { return errors.ErrUnsupported }

// Remove fails with errors.ErrUnsupported.
func (*Table) Remove() error { return errors.ErrUnsupported }

// Close does nothing.
func (*Table) Close() error { return nil }

// Verify fails with errors.ErrUnsupported.
func (*Table) Verify() error { return errors.ErrUnsupported }

// Watch fails with errors.ErrUnsupported.
func (*Table) Watch(context.Context, func(Change)) error { return errors.ErrUnsupported }

// Facts is empty.
func (*Table) Facts() Facts { return Facts{} }

// Counters fails with errors.ErrUnsupported.
func (*Table) Counters() (map[string]Count, error) { return nil, errors.ErrUnsupported }
