package segment

// Each append here writes the block as a member, or nothing if it is nil or
// holds nothing.

func (v *Service) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"service":{`...)
	dst = appendText(dst, `"name":`, v.Name)
	dst = appendText(dst, `"version":`, v.Version)
	dst = appendText(dst, `"runtime":`, v.Runtime)
	dst = appendText(dst, `"runtime_version":`, v.RuntimeVersion)
	dst = appendText(dst, `"compiler":`, v.Compiler)
	dst = appendText(dst, `"compiler_version":`, v.CompilerVersion)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *HTTP) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"http":{`...)
	dst = v.Request.append(dst)
	dst = v.Response.append(dst)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *HTTPRequest) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"request":{`...)
	dst = appendText(dst, `"method":`, v.Method)
	dst = appendText(dst, `"url":`, v.URL)
	dst = appendText(dst, `"user_agent":`, v.UserAgent)
	dst = appendText(dst, `"client_ip":`, v.ClientIP)
	dst = appendBool(dst, `"x_forwarded_for":`, v.XForwardedFor)
	dst = appendBool(dst, `"traced":`, v.Traced)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *HTTPResponse) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"response":{`...)
	dst = appendInt(dst, `"status":`, v.Status)
	dst = appendInt(dst, `"content_length":`, v.ContentLength)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *SQL) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"sql":{`...)
	dst = appendText(dst, `"url":`, v.URL)
	dst = appendText(dst, `"connection_string":`, v.ConnectionString)
	dst = appendText(dst, `"sanitized_query":`, v.SanitizedQuery)
	dst = appendText(dst, `"preparation":`, v.Preparation)
	dst = appendText(dst, `"database_type":`, v.DatabaseType)
	dst = appendText(dst, `"database_version":`, v.DatabaseVersion)
	dst = appendText(dst, `"driver_version":`, v.DriverVersion)
	dst = appendText(dst, `"user":`, v.User)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *AWS) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"aws":{`...)
	dst = appendText(dst, `"account_id":`, v.AccountID)
	dst = appendText(dst, `"operation":`, v.Operation)
	dst = appendText(dst, `"region":`, v.Region)
	dst = appendText(dst, `"request_id":`, v.RequestID)
	dst = appendText(dst, `"queue_url":`, v.QueueURL)
	dst = appendText(dst, `"table_name":`, v.TableName)
	dst = appendTexts(dst, `"table_names":[`, v.TableNames)
	dst = appendInt(dst, `"retries":`, v.Retries)
	if len(v.CloudWatchLogs) > 0 {
		dst = append(dst, `"cloudwatch_logs":[`...)
		for i := range v.CloudWatchLogs {
			g := &v.CloudWatchLogs[i]
			dst = append(dst, '{')
			dst = appendText(dst, `"log_group":`, g.Name)
			dst = appendText(dst, `"arn":`, g.ARN)
			dst = appendMembers(dst, g.Extra)
			dst = append(closed(dst, '}'), ',')
		}
		dst = append(closed(dst, ']'), ',')
	}
	dst = v.EC2.append(dst)
	dst = v.ECS.append(dst)
	dst = v.EKS.append(dst)
	dst = v.ElasticBeanstalk.append(dst)
	dst = v.XRay.append(dst)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *EC2) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"ec2":{`...)
	dst = appendText(dst, `"instance_id":`, v.InstanceID)
	dst = appendText(dst, `"instance_size":`, v.InstanceSize)
	dst = appendText(dst, `"ami_id":`, v.AMIID)
	dst = appendText(dst, `"availability_zone":`, v.AvailabilityZone)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *ECS) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"ecs":{`...)
	dst = appendText(dst, `"container":`, v.Container)
	dst = appendText(dst, `"container_id":`, v.ContainerID)
	dst = appendText(dst, `"container_arn":`, v.ContainerARN)
	dst = appendText(dst, `"cluster_arn":`, v.ClusterARN)
	dst = appendText(dst, `"task_arn":`, v.TaskARN)
	dst = appendText(dst, `"task_family":`, v.TaskFamily)
	dst = appendText(dst, `"launch_type":`, v.LaunchType)
	dst = appendText(dst, `"availability_zone":`, v.AvailabilityZone)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *EKS) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"eks":{`...)
	dst = appendText(dst, `"cluster_name":`, v.ClusterName)
	dst = appendText(dst, `"pod":`, v.Pod)
	dst = appendText(dst, `"container_id":`, v.ContainerID)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *ElasticBeanstalk) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"elastic_beanstalk":{`...)
	dst = appendText(dst, `"environment_name":`, v.EnvironmentName)
	dst = appendText(dst, `"version_label":`, v.VersionLabel)
	dst = appendInt(dst, `"deployment_id":`, v.DeploymentID)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *XRay) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, `"xray":{`...)
	dst = appendText(dst, `"sdk":`, v.SDK)
	dst = appendText(dst, `"sdk_version":`, v.SDKVersion)
	dst = appendText(dst, `"sampling_rule_name":`, v.SamplingRuleName)
	dst = appendBool(dst, `"auto_instrumentation":`, v.AutoInstrumentation)
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}
