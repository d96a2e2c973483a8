package awsidentity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// eks reads the token of the pod's service account, whose issuer is the
// cluster's own and names EKS and the region, and which names the pod. No
// right in the cluster is needed for that. Only where the token does not
// say EKS, or nobody told the cluster's name, the Kubernetes API is asked.
type eks struct {
	machine Machine
	options Options
}

const (
	eksPlatform    = "aws_eks"
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"
)

// podToken holds the claims of a service account's token that matter here.
type podToken struct {
	Issuer     string `json:"iss"`
	Kubernetes struct {
		Namespace string
		Pod       struct{ Name string }
	} `json:"kubernetes.io"`
}

func (e *eks) source() Source {
	return Source{
		Name:     "eks",
		Platform: eksPlatform,
		Claims: func() bool {
			token, err := e.token()
			return err == nil && token.region() != ""
		},
		Detect: e.detect,
	}
}

func (e *eks) detect(ctx context.Context) (pcommon.Map, error) {
	token, err := e.token()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A pod may be without a token; then only its environment says that
		// this is Kubernetes, and nothing that it is EKS.
		return pcommon.Map{}, ErrAbsent
	case err != nil:
		return pcommon.Map{}, err
	}
	if token.region() == "" {
		if err := e.askVersion(ctx); err != nil {
			return pcommon.Map{}, err
		}
	}
	cluster, unknown := e.clusterName(ctx)
	attrs := platform(eksPlatform)
	put(attrs, "cloud.region", token.region())
	put(attrs, "k8s.cluster.name", cluster)
	if cluster != "" {
		// Where Container Insights puts what applications print; the X-Ray
		// SDKs' plugins name the same group.
		putList(attrs, "aws.log.group.names", []string{"/aws/containerinsights/" + cluster + "/application"})
	}
	if e.options.Scope == Node {
		return attrs, unknown
	}
	put(attrs, "k8s.namespace.name", token.Kubernetes.Namespace)
	put(attrs, "k8s.pod.name", e.podName(token))
	if e.options.Scope == Container {
		put(attrs, "container.id", e.containerID())
	}
	return attrs, unknown
}

// token reads the service account's token. Who issued it is not checked: it
// comes from the machine itself.
func (e *eks) token() (podToken, error) {
	text, err := e.machine.readFile(serviceAccount + "token")
	if err != nil {
		return podToken{}, err
	}
	return parseToken(string(text))
}

// parseToken reads the claims of a JSON web token, RFC 7519.
func parseToken(text string) (podToken, error) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 3 {
		return podToken{}, errors.New("the service account's token is not a JSON web token")
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return podToken{}, fmt.Errorf("read the service account's token: %w", err)
	}
	var token podToken
	if err := json.Unmarshal(claims, &token); err != nil {
		return podToken{}, fmt.Errorf("read the claims of the service account's token: %w", err)
	}
	return token, nil
}

var eksIssuer = regexp.MustCompile(`^https://oidc[.-]eks\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws|api\.amazonwebservices\.com)`)

// region returns the region of the EKS cluster that issued the token, or "" if
// none did: https://oidc.eks.REGION.amazonaws.com/id/…
func (t podToken) region() string {
	if match := eksIssuer.FindStringSubmatch(t.Issuer); match != nil {
		return match[1]
	}
	return ""
}

// podName returns the pod's name: what the downward API was told to put into
// the environment, else what the token says, else the host name, which is the
// pod's unless it uses the node's network.
func (e *eks) podName(token podToken) string {
	for _, name := range []string{e.machine.Getenv("K8S_POD_NAME"), e.machine.Getenv("POD_NAME"), token.Kubernetes.Pod.Name} {
		if name != "" {
			return name
		}
	}
	return e.machine.Getenv("HOSTNAME")
}

// clusterName returns what the configuration or the environment says, else what
// the CloudWatch agent for containers was told, if it is there.
func (e *eks) clusterName(ctx context.Context) (string, error) {
	for _, name := range []string{e.options.ClusterName, e.machine.Getenv("K8S_CLUSTER_NAME"), e.machine.Getenv("CLUSTER_NAME")} {
		if name != "" {
			return name, nil
		}
	}
	var info struct{ Data map[string]string }
	err := e.ask(ctx, "/api/v1/namespaces/amazon-cloudwatch/configmaps/cluster-info", &info)
	var status *statusError
	switch {
	case errors.Is(err, ErrAbsent):
		return "", nil // no API to ask
	case errors.As(err, &status) && (status.code == http.StatusForbidden || status.code == http.StatusNotFound):
		return "", nil // no right to read it, or it is not there
	case err != nil:
		return "", fmt.Errorf("find the cluster's name, which cluster_name or K8S_CLUSTER_NAME would tell: %w", err)
	}
	return info.Data["cluster.name"], nil
}

// askVersion returns ErrAbsent unless the API server's version is one of EKS.
func (e *eks) askVersion(ctx context.Context) error {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := e.ask(ctx, "/version", &version); err != nil {
		return err
	}
	if !strings.Contains(version.GitVersion, "-eks-") {
		return ErrAbsent
	}
	return nil
}

// ask asks the Kubernetes API, as the pod's service account.
func (e *eks) ask(ctx context.Context, path string, v any) error {
	host, port := e.machine.Getenv("KUBERNETES_SERVICE_HOST"), e.machine.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" {
		return ErrAbsent
	}
	token, err := e.machine.readFile(serviceAccount + "token")
	if err != nil {
		return err
	}
	authority, err := e.machine.readFile(serviceAccount + "ca.crt")
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%sca.crt holds no certificate", serviceAccount)
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	if port == "" {
		port = "443"
	}
	at := url.URL{Scheme: "https", Host: net.JoinHostPort(host, port), Path: path}
	return getJSON(ctx, client, at.String(), http.Header{"Authorization": {"Bearer " + strings.TrimSpace(string(token))}}, v)
}

// containerIDs finds the ID of a container in a line of a cgroup file, where
// it is the last part of a path, and of a mount table, where it is below the
// directory that Docker keeps containers in. The sandbox that containerd mounts
// files of is the pod's, not the container's.
var containerIDs = map[string]*regexp.Regexp{
	"/proc/self/cgroup":    regexp.MustCompile(`([0-9a-f]{64})(?:\.scope)?\s*$`),
	"/proc/self/mountinfo": regexp.MustCompile(`/containers/([0-9a-f]{64})/`),
}

// containerID returns the ID of this container, or "" where the kernel hides it
// (cgroups of version 2, with containerd).
func (e *eks) containerID() string {
	for _, path := range []string{"/proc/self/cgroup", "/proc/self/mountinfo"} {
		text, err := e.machine.readFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if match := containerIDs[path].FindStringSubmatch(line); match != nil {
				return match[1]
			}
		}
	}
	return ""
}
