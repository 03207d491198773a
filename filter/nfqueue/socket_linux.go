package nfqueue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"sgfw/policy"
)

// enum nfqnl_attr_config and its values.
const (
	configCommand = 1
	configParams  = 2
	configMaxLen  = 3
	configMask    = 4
	configFlags   = 5

	commandBind = 1 // NFQNL_CFG_CMD_BIND
	copyPacket  = 2 // NFQNL_COPY_PACKET

	// With NFQA_CFG_F_FAIL_OPEN a full queue accepts packets without a verdict and without a
	// counter. It is in our mask to be switched off where nobody asked for it.
	flagFailOpen = 1 << 0
	// Without NFQA_CFG_F_GSO the kernel segments each aggregate before it is queued, which
	// costs TCP two thirds of its throughput.
	flagGSO = 1 << 2
)

// flags are those of the queue.
func (c Config) flags() uint32 {
	if c.Overloaded == policy.FailAccept {
		return flagGSO | flagFailOpen
	}
	return flagGSO
}

// configMessage is a NFQNL_MSG_CONFIG request for one queue.
func configMessage(
	queue uint16, flags netlink.HeaderFlags, attrs ...netlink.Attribute,
) (netlink.Message, error) {
	body := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0}
	binary.BigEndian.PutUint16(body[2:], queue)
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return netlink.Message{}, err
	}
	return netlink.Message{
		Header: netlink.Header{Type: typeConfig, Flags: netlink.Request | flags},
		Data:   append(body, data...),
	}, nil
}

func commandAttr(command uint8) netlink.Attribute {
	return netlink.Attribute{Type: configCommand, Data: []byte{command, 0, 0, 0}}
}

// paramsAttr is struct nfqnl_msg_config_params, which is packed.
func paramsAttr(copyRange uint32, mode uint8) netlink.Attribute {
	data := binary.BigEndian.AppendUint32(nil, copyRange)
	return netlink.Attribute{Type: configParams, Data: append(data, mode)}
}

func uint32Attr(kind uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: binary.BigEndian.AppendUint32(nil, v)}
}

// probeMessage sets a value that is already set. What counts is the answer: ENODEV if the queue
// is gone. With acknowledge there always is an answer, which wakes a reader.
func probeMessage(cfg Config, flags netlink.HeaderFlags) (netlink.Message, error) {
	return configMessage(cfg.Queue, flags, uint32Attr(configMaxLen, cfg.MaxLen))
}

// prepareSocket sets the socket options that both drivers need.
func prepareSocket(raw syscall.RawConn, cfg Config) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) { err = prepareDescriptor(int(fd), cfg) }); cerr != nil {
		return cerr
	}
	return err
}

func prepareDescriptor(fd int, cfg Config) error {
	// A connected netlink socket refuses messages from others than its peer. Port 0 is the
	// kernel (netlink_getsockbyportid).
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("connect to the kernel: %w", os.NewSyscallError("connect", err))
	}
	// Without this option the kernel refuses every message after an overrun until the socket
	// has been read empty (NETLINK_S_CONGESTED). KernelQueue.UserDropped still counts the loss
	// (K12).
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1); err != nil {
		return fmt.Errorf("NETLINK_NO_ENOBUFS: %w", os.NewSyscallError("setsockopt", err))
	}
	// The kernel doubles the value. SO_RCVBUFFORCE may exceed net.core.rmem_max and needs
	// CAP_NET_ADMIN in the initial user namespace; SO_RCVBUF is capped.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, cfg.ReadBuffer) == nil {
		return nil
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, cfg.ReadBuffer)
	if err != nil {
		return fmt.Errorf("receive buffer: %w", os.NewSyscallError("setsockopt", err))
	}
	return nil
}

// explainBind explains the kernel's error.
func explainBind(err error, number uint16) error {
	switch {
	case errors.Is(err, unix.EPERM):
		// The kernel answers EPERM without the capability, and to everybody but the owner of
		// the queue.
		if o := owner(number); o != nil {
			return o
		}
		return fmt.Errorf("binding needs CAP_NET_ADMIN in this network namespace: %w", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: the kernel has it bound already: %w", ErrOwned, err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP),
		errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("this kernel has no nfnetlink_queue (CONFIG_NETFILTER_NETLINK_QUEUE): %w", err)
	}
	return err
}
