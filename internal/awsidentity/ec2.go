package awsidentity

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// ec2 asks the instance metadata service, version 2, for the instance identity
// document.
func ec2(client *imds.Client, m Machine) Source {
	const name = "aws_ec2"
	return Source{
		Name:     "ec2",
		Platform: name,
		// Nothing on an instance says for sure that it is one.
		Claims: func() bool { return false },
		Detect: func(ctx context.Context) (pcommon.Map, error) {
			if strings.EqualFold(m.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
				return pcommon.Map{}, ErrAbsent
			}
			out, err := client.GetInstanceIdentityDocument(ctx, nil)
			if err != nil {
				return pcommon.Map{}, err
			}
			d := out.InstanceIdentityDocument
			if d.InstanceID == "" {
				return pcommon.Map{}, errors.New("the instance identity document has no instanceId")
			}
			attrs := platform(name)
			put(attrs, "cloud.account.id", d.AccountID)
			put(attrs, "cloud.region", d.Region)
			put(attrs, "cloud.availability_zone", d.AvailabilityZone)
			put(attrs, "host.id", d.InstanceID)
			put(attrs, "host.type", d.InstanceType)
			put(attrs, "host.image.id", d.ImageID)
			return attrs, nil
		},
	}
}
