//go:build !linux && !darwin

package udpsocket

// ReceiveBufferHint names the setting that limits the receive buffer.
const ReceiveBufferHint = ""
