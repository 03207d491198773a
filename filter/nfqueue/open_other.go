//go:build !linux

package nfqueue

// ReadKernelQueues always fails with [ErrUnsupported].
func ReadKernelQueues() ([]KernelQueue, error) { return nil, ErrUnsupported }

func open(Driver, Config, Handler) (Queue, error) { return nil, ErrUnsupported }
