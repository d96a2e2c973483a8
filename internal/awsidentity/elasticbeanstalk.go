package awsidentity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// beanstalkConf is where Elastic Beanstalk says, for the X-Ray daemon and
// SDKs, what it deployed (X-Ray Developer Guide, "Running the X-Ray daemon on
// AWS Elastic Beanstalk"; the path is that of the SDKs' plugins).
func beanstalkConf() string {
	if runtime.GOOS == "windows" {
		return `C:\Program Files\Amazon\XRay\environment.conf`
	}
	return "/var/elasticbeanstalk/xray/environment.conf"
}

func elasticBeanstalk(m Machine) Source {
	const name = "aws_elastic_beanstalk"
	return Source{
		Name:     "elastic_beanstalk",
		Platform: name,
		Claims: func() bool {
			_, err := m.readFile(beanstalkConf())
			return err == nil
		},
		Detect: func(context.Context) (pcommon.Map, error) {
			text, err := m.readFile(beanstalkConf())
			if errors.Is(err, fs.ErrNotExist) {
				return pcommon.Map{}, ErrAbsent
			}
			if err != nil {
				return pcommon.Map{}, err
			}
			return parseBeanstalk(name, text)
		},
	}
}

// parseBeanstalk reads environment.conf. The attributes are those that X-Ray's
// elastic_beanstalk block is made from.
func parseBeanstalk(name string, text []byte) (pcommon.Map, error) {
	var conf struct {
		Environment string      `json:"environment_name"`
		Version     string      `json:"version_label"`
		Deployment  json.Number `json:"deployment_id"`
	}
	if err := json.Unmarshal(text, &conf); err != nil {
		return pcommon.Map{}, fmt.Errorf("read %s: %w", beanstalkConf(), err)
	}
	attrs := platform(name)
	put(attrs, "service.namespace", conf.Environment)
	put(attrs, "service.version", conf.Version)
	put(attrs, "service.instance.id", conf.Deployment.String())
	put(attrs, "deployment.environment.name", conf.Environment)
	return attrs, nil
}
