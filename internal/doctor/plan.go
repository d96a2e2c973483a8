package doctor

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter"
	"github.com/tailwater-otel/tailwater/extension/awsproxyextension"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver"
)

// plan is what a configuration needs from its surroundings.
type plan struct {
	listeners []listener
	buffers   []buffer
	dials     []dial
	targets   []target
}

// read collects the needs of the components that are in use.
func read(conf *confmap.Conf) (plan, []Finding) {
	var p plan
	var findings []Finding
	root := section(conf.ToStringMap())
	service := root.sub("service")
	used := map[string]map[string]bool{"extension": {}, "receiver": {}, "processor": {}, "exporter": {}}
	for _, id := range service.list("extensions") {
		used["extension"][id] = true
	}
	pipelines := service.sub("pipelines")
	for name := range pipelines {
		for _, kind := range []string{"receiver", "processor", "exporter"} {
			for _, id := range pipelines.sub(name).list(kind + "s") {
				used[kind][id] = true
			}
		}
	}
	for _, kind := range []string{"extension", "receiver", "processor", "exporter"} {
		for _, id := range slices.Sorted(maps.Keys(used[kind])) {
			of := root.sub(kind + "s")
			if !of.has(id) {
				continue // a connector; or an error, which validate tells
			}
			kindOf, _, _ := strings.Cut(id, "/")
			add, ok := readers[kind+" "+kindOf]
			if !ok {
				continue
			}
			c := part{name: kind + " " + id, section: of.sub(id)}
			if err := add(&p, c); err != nil {
				findings = append(findings, Finding{Status: Fail, Component: c.name, Text: err.Error()})
			}
		}
	}
	p.readMetrics(service)
	return p, findings
}

// part is a component's part of the configuration.
type part struct {
	name string
	section
}

// into decodes the part. Keys that are not in to are left out.
func (c part) into(to any) error {
	return confmap.NewFromStringMap(c.section).Unmarshal(to, confmap.WithIgnoreUnused())
}

// settings decodes the part over a component's defaults.
func settings[T component.Config](c part, defaults component.Config) (T, error) {
	config, ok := defaults.(T)
	if !ok {
		return config, fmt.Errorf("its configuration is a %T", defaults)
	}
	return config, confmap.NewFromStringMap(c.section).Unmarshal(config)
}

// readers say what each component needs.
var readers = map[string]func(*plan, part) error{
	"receiver awsxray": func(p *plan, c part) error {
		config, err := settings[*awsxrayreceiver.Config](c, awsxrayreceiver.NewFactory().CreateDefaultConfig())
		if err != nil {
			return err
		}
		p.listeners = append(p.listeners, listener{c.name, "udp", config.Endpoint})
		if config.ReceiveBufferBytes > 0 {
			p.buffers = append(p.buffers, buffer{c.name, config.ReceiveBufferBytes})
		}
		p.sampling(c.name, config.ProxyServer)
		return nil
	},
	"extension awsproxy": func(p *plan, c part) error {
		config, err := settings[*awsproxyextension.Config](c, awsproxyextension.NewFactory().CreateDefaultConfig())
		if err != nil {
			return err
		}
		p.sampling(c.name, config.Server)
		return nil
	},
	"exporter awsxray": func(p *plan, c part) error {
		config, err := settings[*awsxrayexporter.Config](c, awsxrayexporter.NewFactory().CreateDefaultConfig())
		if err != nil {
			return err
		}
		t := target{component: c.name, options: awsclient.Options{
			Service: "xray", Region: config.Region, Endpoint: config.Endpoint, RoleARN: config.RoleARN, ExternalID: config.ExternalID,
			ProxyAddress: config.ProxyAddress, NoVerifySSL: config.NoVerifySSL, LocalMode: config.LocalMode,
		}, ask: xrayActions{putTraceSegments}}
		if config.Telemetry.Enabled {
			t.ask = xrayActions{putTraceSegments, putTelemetryRecords}
		}
		p.targets = append(p.targets, t)
		return nil
	},
	"processor xray_tail_sampling": func(p *plan, c part) error {
		rules := c.sub("rules")
		if !rules.has("xray") {
			return nil
		}
		var account awsAccount
		if err := (part{c.name, rules.sub("xray")}).into(&account); err != nil {
			return err
		}
		p.targets = append(p.targets, target{component: c.name, options: account.options("xray"), ask: xrayActions{getSamplingRules, getSamplingTargets}})
		return nil
	},
	"exporter awsemf":         readEMF,
	"exporter awss3":          readS3Exporter,
	"receiver awss3":          readS3Receiver,
	"exporter otlp":           readOTLP,
	"receiver otlp":           readOTLPReceiver,
	"exporter otlp_grpc":      readOTLP,
	"exporter otlphttp":       readOTLPHTTP,
	"exporter otlp_http":      readOTLPHTTP,
	"exporter loadbalancing":  readLoadBalancing,
	"exporter load_balancing": readLoadBalancing,
	"extension health_check":  readHealthCheck,
	"extension pprof":         listens("localhost:1777"),
	"extension zpages":        listens("localhost:55679"),
	"extension xray_local":    listens("127.0.0.1:2080"),
}

// awsAccount is the keys that our components share.
type awsAccount struct {
	Region       string `mapstructure:"region"`
	Endpoint     string `mapstructure:"endpoint"`
	RoleARN      string `mapstructure:"role_arn"`
	ExternalID   string `mapstructure:"external_id"`
	ProxyAddress string `mapstructure:"proxy_address"`
	NoVerifySSL  bool   `mapstructure:"no_verify_ssl"`
	LocalMode    bool   `mapstructure:"local_mode"`
}

func (a awsAccount) options(service string) awsclient.Options {
	return awsclient.Options{
		Service: service, Region: a.Region, Endpoint: a.Endpoint, RoleARN: a.RoleARN, ExternalID: a.ExternalID,
		ProxyAddress: a.ProxyAddress, NoVerifySSL: a.NoVerifySSL, LocalMode: a.LocalMode,
	}
}

// sampling adds what the sampling API needs.
func (p *plan) sampling(name string, config samplingserver.Config) {
	if config.Endpoint == "" {
		return
	}
	p.listeners = append(p.listeners, listener{name, "tcp", config.Endpoint})
	service := config.ServiceName
	if service == "" {
		service = "xray"
	}
	p.targets = append(p.targets, target{component: name, options: awsclient.Options{
		Service: service, Region: config.Region, Endpoint: config.AWSEndpoint, RoleARN: config.RoleARN,
		ProxyAddress: config.ProxyAddress, NoVerifySSL: config.TLS.Insecure || config.TLS.InsecureSkipVerify, LocalMode: config.LocalMode,
	}, ask: xrayActions{getSamplingRules, getSamplingTargets}})
}

// listens is for components with one key endpoint.
func listens(otherwise string) func(*plan, part) error {
	return func(p *plan, c part) error {
		p.listeners = append(p.listeners, listener{c.name, "tcp", c.text("endpoint", otherwise)})
		return nil
	}
}

// readHealthCheck knows the component's second version too, which serves HTTP
// and gRPC where it is told to.
func readHealthCheck(p *plan, c part) error {
	if !c.has("http") && !c.has("grpc") {
		return listens("localhost:13133")(p, c)
	}
	for _, protocol := range []struct{ key, otherwise string }{{"http", "localhost:13133"}, {"grpc", "localhost:13132"}} {
		if c.has(protocol.key) {
			p.listeners = append(p.listeners, listener{c.name + " (" + protocol.key + ")", "tcp", c.sub(protocol.key).text("endpoint", protocol.otherwise)})
		}
	}
	return nil
}

func readOTLPReceiver(p *plan, c part) error {
	protocols := c.sub("protocols")
	for _, protocol := range []struct{ key, otherwise string }{{"grpc", "localhost:4317"}, {"http", "localhost:4318"}} {
		if protocols.has(protocol.key) {
			address := protocols.sub(protocol.key).text("endpoint", protocol.otherwise)
			if strings.Contains(address, "/") {
				continue // a Unix socket
			}
			p.listeners = append(p.listeners, listener{c.name + " (" + protocol.key + ")", "tcp", address})
		}
	}
	return nil
}

func readOTLP(p *plan, c part) error {
	address := c.text("endpoint", "")
	if u, err := url.Parse(address); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		address = u.Host
	}
	if address == "" || strings.Contains(address, "/") {
		return nil // a resolver of gRPC's own, or a Unix socket
	}
	p.dials = append(p.dials, dial{c.name, address})
	return nil
}

func readOTLPHTTP(p *plan, c part) error {
	for _, key := range []string{"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"} {
		text := c.text(key, "")
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		address := u.Host
		if u.Port() == "" {
			address += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		}
		p.dials = append(p.dials, dial{c.name, address})
	}
	return nil
}

// readLoadBalancing adds the gateways that are named. Those of Kubernetes and
// AWS Cloud Map are known at run time only.
func readLoadBalancing(p *plan, c part) error {
	resolver := c.sub("resolver")
	addresses := resolver.sub("static").list("hostnames")
	if dns := resolver.sub("dns"); dns.has("hostname") {
		addresses = append(addresses, net.JoinHostPort(dns.text("hostname", ""), dns.text("port", "4317")))
	}
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(address, "4317")
		}
		p.dials = append(p.dials, dial{c.name, address})
	}
	return nil
}

// readMetrics adds the port of the collector's own metrics.
func (p *plan) readMetrics(service section) {
	metrics := service.sub("telemetry").sub("metrics")
	if metrics.text("level", "") == "none" {
		return
	}
	readers, set := metrics["readers"].([]any)
	if !set {
		p.listeners = append(p.listeners, listener{"own metrics", "tcp", "localhost:8888"})
		return
	}
	for _, r := range readers {
		m, _ := r.(map[string]any)
		prometheus := section(m).sub("pull").sub("exporter").sub("prometheus")
		if prometheus != nil {
			p.listeners = append(p.listeners, listener{"own metrics", "tcp",
				prometheus.text("host", "localhost") + ":" + prometheus.text("port", "8888")})
		}
	}
}
