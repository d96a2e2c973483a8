package udpsocket

import (
	"errors"

	"golang.org/x/sys/windows"
)

// AddressTaken says whether err means that another socket has the address.
func AddressTaken(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }
