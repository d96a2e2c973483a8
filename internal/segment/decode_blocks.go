package segment

func (d *Decoder) service(v *Service) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "name":
			d.str(&o, &v.Name)
		case "version":
			d.str(&o, &v.Version)
		case "runtime":
			d.str(&o, &v.Runtime)
		case "runtime_version":
			d.str(&o, &v.RuntimeVersion)
		case "compiler":
			d.str(&o, &v.Compiler)
		case "compiler_version":
			d.str(&o, &v.CompilerVersion)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) http(v *HTTP) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "request":
			block(d, &o, &v.Request, &d.mem.requests, (*Decoder).request)
		case "response":
			block(d, &o, &v.Response, &d.mem.responses, (*Decoder).response)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) request(v *HTTPRequest) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "method":
			d.str(&o, &v.Method)
		case "url":
			d.str(&o, &v.URL)
		case "user_agent":
			d.str(&o, &v.UserAgent)
		case "client_ip":
			d.str(&o, &v.ClientIP)
		case "x_forwarded_for":
			d.flag(&o, &v.XForwardedFor)
		case "traced":
			d.flag(&o, &v.Traced)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) response(v *HTTPResponse) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "status":
			d.integer(&o, &v.Status)
		case "content_length":
			d.integer(&o, &v.ContentLength)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) sql(v *SQL) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "connection_string":
			d.str(&o, &v.ConnectionString)
		case "url":
			d.str(&o, &v.URL)
		case "sanitized_query":
			d.str(&o, &v.SanitizedQuery)
		case "database_type":
			d.str(&o, &v.DatabaseType)
		case "database_version":
			d.str(&o, &v.DatabaseVersion)
		case "driver_version":
			d.str(&o, &v.DriverVersion)
		case "user":
			d.str(&o, &v.User)
		case "preparation":
			d.str(&o, &v.Preparation)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) aws(v *AWS) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "account_id":
			d.str(&o, &v.AccountID)
		case "operation":
			d.str(&o, &v.Operation)
		case "region":
			d.str(&o, &v.Region)
		case "request_id":
			d.str(&o, &v.RequestID)
		case "queue_url":
			d.str(&o, &v.QueueURL)
		case "table_name":
			d.str(&o, &v.TableName)
		case "table_names":
			list(d, &o, &v.TableNames, &d.texts, &d.mem.texts, (*Decoder).textElement)
		case "retries":
			d.integer(&o, &v.Retries)
		case "cloudwatch_logs":
			list(d, &o, &v.CloudWatchLogs, &d.logGroups, &d.mem.logGroups, (*Decoder).logGroup)
		case "ec2":
			block(d, &o, &v.EC2, &d.mem.ec2, (*Decoder).ec2)
		case "ecs":
			block(d, &o, &v.ECS, &d.mem.ecs, (*Decoder).ecs)
		case "eks":
			block(d, &o, &v.EKS, &d.mem.eks, (*Decoder).eks)
		case "elastic_beanstalk":
			block(d, &o, &v.ElasticBeanstalk, &d.mem.beanstalks, (*Decoder).elasticBeanstalk)
		case "xray":
			block(d, &o, &v.XRay, &d.mem.xrays, (*Decoder).xray)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) logGroup(v *LogGroup) bool {
	if d.peek() != '{' {
		return false
	}
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "log_group":
			d.str(&o, &v.Name)
		case "arn":
			d.str(&o, &v.ARN)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
	return true
}

func (d *Decoder) ec2(v *EC2) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "instance_id":
			d.str(&o, &v.InstanceID)
		case "instance_size":
			d.str(&o, &v.InstanceSize)
		case "ami_id":
			d.str(&o, &v.AMIID)
		case "availability_zone":
			d.str(&o, &v.AvailabilityZone)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) ecs(v *ECS) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "container":
			d.str(&o, &v.Container)
		case "container_id":
			d.str(&o, &v.ContainerID)
		case "container_arn":
			d.str(&o, &v.ContainerARN)
		case "cluster_arn":
			d.str(&o, &v.ClusterARN)
		case "task_arn":
			d.str(&o, &v.TaskARN)
		case "task_family":
			d.str(&o, &v.TaskFamily)
		case "launch_type":
			d.str(&o, &v.LaunchType)
		case "availability_zone":
			d.str(&o, &v.AvailabilityZone)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) eks(v *EKS) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "cluster_name":
			d.str(&o, &v.ClusterName)
		case "pod":
			d.str(&o, &v.Pod)
		case "container_id":
			d.str(&o, &v.ContainerID)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) elasticBeanstalk(v *ElasticBeanstalk) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "environment_name":
			d.str(&o, &v.EnvironmentName)
		case "version_label":
			d.str(&o, &v.VersionLabel)
		case "deployment_id":
			d.integer(&o, &v.DeploymentID)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

func (d *Decoder) xray(v *XRay) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "sdk":
			d.str(&o, &v.SDK)
		case "sdk_version":
			d.str(&o, &v.SDKVersion)
		case "sampling_rule_name":
			d.str(&o, &v.SamplingRuleName)
		case "auto_instrumentation":
			d.flag(&o, &v.AutoInstrumentation)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}
