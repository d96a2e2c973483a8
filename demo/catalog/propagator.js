'use strict';
// OpenTelemetry for Node cannot select the X-Ray header by OTEL_PROPAGATORS, so
// this line does, before the instrumentation starts.
const { propagation } = require('@opentelemetry/api');
const { AWSXRayPropagator } = require('@opentelemetry/propagator-aws-xray');

propagation.setGlobalPropagator(new AWSXRayPropagator());
