package awsidentity

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// lambda reads the environment of a Lambda function
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func lambda(m Machine) Source {
	const name = "aws_lambda"
	there := func() bool { return m.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" }
	return Source{
		Name:     "lambda",
		Platform: name,
		Claims:   there,
		Detect: func(context.Context) (pcommon.Map, error) {
			if !there() {
				return pcommon.Map{}, ErrAbsent
			}
			attrs := platform(name)
			put(attrs, "cloud.region", m.Getenv("AWS_REGION"))
			put(attrs, "faas.name", m.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
			put(attrs, "faas.version", m.Getenv("AWS_LAMBDA_FUNCTION_VERSION"))
			put(attrs, "faas.instance", m.Getenv("AWS_LAMBDA_LOG_STREAM_NAME"))
			if group := m.Getenv("AWS_LAMBDA_LOG_GROUP_NAME"); group != "" {
				putList(attrs, "aws.log.group.names", []string{group})
			}
			return attrs, nil
		},
	}
}
