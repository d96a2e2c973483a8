//go:build !windows

package udpsocket

import (
	"errors"
	"syscall"
)

// AddressTaken says whether err means that another socket has the address.
func AddressTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
