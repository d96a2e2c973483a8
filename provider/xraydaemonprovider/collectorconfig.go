package xraydaemonprovider

import (
	"net"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
)

// How the memory for waiting documents is shared out. The exporter's queue
// must hold a request of 1 MiB, the receiver's at least 1 MiB.
const (
	minReceiverBytes = 1 << 20
	maxReceiverBytes = 8 << 20 // the receiver's own default
)

// CollectorConfig returns the collector configuration that does what the
// daemon does with these settings and bufferMB of memory for documents that
// wait. It has strings, numbers, booleans, lists and maps only; $ in strings
// is doubled, because the collector looks for variables after a single one.
func CollectorConfig(s xraydaemon.Settings, bufferMB int) map[string]any {
	buffer := bufferMB << 20
	// The receiver holds what was not decoded yet, the exporter what X-Ray did
	// not take yet: that is where an outage piles up.
	receiverQueue := min(max(buffer/4, minReceiverBytes), maxReceiverBytes)

	sampling := section{"endpoint": s.TCPAddress}
	sampling.set("aws_endpoint", s.Endpoint)
	sampling.set("proxy_address", proxyURL(s.ProxyAddress))
	exporter := section{
		"num_workers": s.Concurrency,
		"sending_queue": section{
			"sizer":      "bytes",
			"queue_size": buffer - receiverQueue,
		},
		"telemetry": section{"enabled": true, "include_metadata": true},
	}
	exporter.set("endpoint", s.Endpoint)
	exporter.set("proxy_address", proxyURL(s.ProxyAddress))
	exporter.set("resource_arn", s.ResourceARN)
	for _, c := range []section{sampling, exporter} {
		c.set("region", s.Region)
		c.set("role_arn", s.RoleARN)
		if s.LocalMode {
			c["local_mode"] = true
		}
	}
	if s.NoVerifySSL {
		sampling["tls"] = section{"insecure_skip_verify": true}
		exporter["no_verify_ssl"] = true
	}

	logs := section{"level": level(s.LogLevel)}
	if s.LogPath != "" {
		logs["output_paths"] = []any{s.LogPath}
	}
	service := section{
		"pipelines": section{
			"traces": section{"receivers": []any{"awsxray"}, "exporters": []any{"awsxray"}},
		},
		"telemetry": section{"logs": logs, "metrics": metrics(s.MetricsAddress)},
	}
	config := section{
		"receivers": section{"awsxray": section{
			"endpoint":     s.UDPAddress,
			"queue_bytes":  receiverQueue,
			"proxy_server": sampling,
		}},
		"exporters": section{"awsxray": exporter},
		"service":   service,
	}
	if s.HealthAddress != "" {
		config["extensions"] = section{"health_check": section{"endpoint": s.HealthAddress}}
		service["extensions"] = []any{"health_check"}
	}
	return escaped(config).(map[string]any)
}

// section is a part of a configuration.
type section map[string]any

// set adds a key unless it has the value of a missing one.
func (c section) set(key, value string) {
	if value != "" {
		c[key] = value
	}
}

// metrics returns where the collector serves its own metrics. The daemon opens
// no port of its own, so this is off unless it is asked for.
func metrics(address string) section {
	host, port, err := xraydaemon.SplitAddress(address)
	if err != nil {
		return section{"level": "none"}
	}
	if host == "" {
		host = net.IPv4zero.String()
	}
	return section{"readers": []any{section{"pull": section{"exporter": section{"prometheus": section{"host": host, "port": port}}}}}}
}

// level returns the collector's name of a log level.
func level(daemons string) string {
	switch daemons {
	case "dev":
		return "debug"
	case "prod":
		return "info"
	}
	return daemons
}

// proxyURL writes host:port as the URL that the sampling API asks for.
func proxyURL(address string) string {
	if address == "" || strings.Contains(address, "://") {
		return address
	}
	return "http://" + address
}

// escaped returns a value whose strings mean themselves, with maps of the type
// that confmap takes.
func escaped(value any) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, "$", "$$")
	case section:
		return escaped(map[string]any(value))
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, v := range value {
			out[key] = escaped(v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = escaped(v)
		}
		return out
	}
	return value
}
