package udpsocket

// ReceiveBufferHint names the setting that limits the receive buffer.
const ReceiveBufferHint = "sysctl -w kern.ipc.maxsockbuf="
