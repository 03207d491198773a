package netlab

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value (include/uapi/linux/ethtool.h).
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolRequest is struct ifreq with a pointer in its union
// (include/uapi/linux/if.h).
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// offloadOff switches off what would leave packets unfinished on the link.
// Segmentation goes first: it depends on checksums.
func (d *Device) offloadOff() error {
	return d.host.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, cmd := range []uint32{
			unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO, unix.ETHTOOL_STXCSUM,
			unix.ETHTOOL_SRXCSUM,
		} {
			value := ethtoolValue{cmd: cmd}
			req := ethtoolRequest{data: unsafe.Pointer(&value)}
			copy(req.name[:], d.name)
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL,
				uintptr(unsafe.Pointer(&req)))
			runtime.KeepAlive(&value)
			// A device that lacks a switch has nothing to switch off.
			if errno != 0 && errno != unix.EOPNOTSUPP {
				return errno
			}
		}
		return nil
	})
}
