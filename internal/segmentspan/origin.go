package segmentspan

import "strings"

// platforms are the values of cloud.platform and the origins that they mean.
var platforms = []struct{ platform, origin string }{
	{"aws_ec2", "AWS::EC2::Instance"},
	{"aws_ecs", "AWS::ECS::Container"},
	{"aws_eks", "AWS::EKS::Container"},
	{"aws_elastic_beanstalk", "AWS::ElasticBeanstalk::Environment"},
	{"aws_app_runner", "AWS::AppRunner::Service"},
	{"aws_lambda", originLambda},
}

const (
	originECSOnEC2   = "AWS::ECS::EC2"
	originECSFargate = "AWS::ECS::Fargate"
	originLambda     = "AWS::Lambda::Function"
)

// origin derives the origin.
func (id *identity) origin() string {
	if !id.onAWS() || id.platform == "" {
		return ""
	}
	for _, p := range platforms {
		if !strings.EqualFold(p.platform, id.platform) {
			continue
		}
		if p.platform == "aws_ecs" {
			switch {
			case strings.EqualFold(id.launchType, "ec2"):
				return originECSOnEC2
			case strings.EqualFold(id.launchType, "fargate"):
				return originECSFargate
			}
		}
		return p.origin
	}
	return ""
}

// platformOf returns the value of cloud.platform for an origin, or "" if none
// stands for it.
func platformOf(origin string) string {
	if origin == originECSOnEC2 || origin == originECSFargate {
		return "aws_ecs"
	}
	for _, p := range platforms {
		if p.origin == origin {
			return p.platform
		}
	}
	return ""
}
