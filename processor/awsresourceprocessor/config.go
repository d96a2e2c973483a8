package awsresourceprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/internal/awsidentity"
)

// Config holds the settings of the aws_resource processor.
type Config struct {
	// What is looked for: `elastic_beanstalk`, `eks`, `ecs`, `ec2`, `lambda`. The order has no meaning: Elastic Beanstalk
	// comes before EKS, that before ECS, and that before EC2.
	Detectors []string `mapstructure:"detectors"`

	// Put what was found in the place of what is there. Without it resources that say where they come from are left alone.
	Override bool `mapstructure:"override"`

	// Whose identity is told. `task`: that of the ECS task or pod that the collector shares with the application as a
	// sidecar, and of the host if there is none. `node`: that of the machine and the cluster alone, for a collector that
	// serves the other tasks or pods of its machine. `container`: that of the collector's own container, which the
	// application runs in too.
	Scope string `mapstructure:"scope"`

	// Name of the EKS cluster. Empty takes it from K8S_CLUSTER_NAME or CLUSTER_NAME, then from the ConfigMap cluster-info
	// in the namespace amazon-cloudwatch, if it may be read.
	ClusterName string `mapstructure:"cluster_name"`

	// Longest time that the start waits for the detectors, 0 to 10s. What takes longer goes on while data flows.
	StartTimeout time.Duration `mapstructure:"start_timeout"`

	// Longest time of one attempt of a detector.
	Timeout time.Duration `mapstructure:"timeout"`

	// How long a detector that gets no answer tries again, after 1 s, 2 s, 4 s and so on, at most a minute. One whose
	// platform is known from the environment or a file (ECS, EKS, Elastic Beanstalk, Lambda) tries for ever.
	RetryFor time.Duration `mapstructure:"retry_for"`
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	var errs []error
	names := awsidentity.Names()
	if len(c.Detectors) == 0 {
		errs = append(errs, fmt.Errorf("detectors is empty; name at least one of %s", strings.Join(names, ", ")))
	}
	for i, name := range c.Detectors {
		switch {
		case !slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("detectors[%d] is %q; there are %s", i, name, strings.Join(names, ", ")))
		case slices.Contains(c.Detectors[:i], name):
			errs = append(errs, fmt.Errorf("detectors[%d] is %q again", i, name))
		}
	}
	switch awsidentity.Scope(c.Scope) {
	case awsidentity.Task, awsidentity.Node, awsidentity.Container:
	default:
		errs = append(errs, fmt.Errorf("scope is %q; it is task, node or container", c.Scope))
	}
	if c.StartTimeout < 0 || c.StartTimeout > maxStartTimeout {
		errs = append(errs, fmt.Errorf("start_timeout is %s; it is 0s to %s", c.StartTimeout, maxStartTimeout))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout is %s; it must be above 0s", c.Timeout))
	}
	if c.RetryFor < 0 {
		errs = append(errs, fmt.Errorf("retry_for is %s; it must not be negative (0s: do not try again)", c.RetryFor))
	}
	return errors.Join(errs...)
}

// maxStartTimeout bounds how long the start of the collector can be held up.
const maxStartTimeout = 10 * time.Second
