// Package payment is the shop's payment service, traced with the OpenTelemetry SDK for Go.
package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// maxBody bounds a request; the demo's own are far smaller.
const maxBody = 64 << 10

type service struct {
	bank   *http.Client
	tracer trace.Tracer
}

// Handler returns the service. client reaches the bank under the host name
// "bank.example". The address of the collector comes from
// OTEL_EXPORTER_OTLP_ENDPOINT, as for any program that uses the SDK. stop sends
// what is still waiting and must be called at the end.
func Handler(ctx context.Context, client *http.Client) (h http.Handler, stop func(context.Context) error, err error) {
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("OTLP exporter: %w", err)
	}
	about, err := resource.Merge(resource.Default(), resource.NewSchemaless(
		attribute.String("service.name", "payment"), attribute.String("service.version", "0.9.0")))
	if err != nil {
		return nil, nil, fmt.Errorf("resource: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(about),
		// X-Ray wants the time in a trace ID; any other ID works too.
		sdktrace.WithIDGenerator(xray.NewIDGenerator()),
		// The demo records every request that nobody has decided about.
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())),
	)
	// X-Ray SDKs pass the trace on in X-Amzn-Trace-Id, others in traceparent.
	both := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, xray.Propagator{})
	options := []otelhttp.Option{otelhttp.WithTracerProvider(provider), otelhttp.WithPropagators(both)}
	s := &service{
		bank: &http.Client{
			Transport: otelhttp.NewTransport(client.Transport, options...),
			Timeout:   client.Timeout,
		},
		tracer: provider.Tracer("payment"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", s.pay)
	return otelhttp.NewHandler(mux, "pay", options...), provider.Shutdown, nil
}

type payment struct {
	Item     string `json:"item"`
	Card     string `json:"card"`
	Customer string `json:"customer"`
}

// pay has the bank charge a card, and tries once more when the bank is busy.
func (s *service) pay(w http.ResponseWriter, r *http.Request) {
	var p payment
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&p); err != nil {
		http.Error(w, "not a payment", http.StatusBadRequest)
		return
	}
	status, err := s.charge(r.Context(), p)
	switch {
	case err != nil:
		span := trace.SpanFromContext(r.Context())
		span.RecordError(err, trace.WithStackTrace(true))
		span.SetStatus(codes.Error, err.Error())
		http.Error(w, "the bank failed", http.StatusBadGateway)
	case status >= http.StatusBadRequest:
		http.Error(w, "the bank refused", status)
	default:
		fmt.Fprintln(w, `{"paid":true}`)
	}
}

// charge is one step of work with a span of its own, around the calls to the bank.
func (s *service) charge(ctx context.Context, p payment) (status int, err error) {
	ctx, span := s.tracer.Start(ctx, "charge", trace.WithAttributes(attribute.String("payment.card", p.Card)))
	defer span.End()
	const tries = 2
	for range tries {
		status, err = s.ask(ctx, p, span.SpanContext().TraceID().String())
		if err != nil || status != http.StatusServiceUnavailable {
			break
		}
		span.AddEvent("the bank is busy")
	}
	if err == nil && status >= http.StatusInternalServerError {
		err = fmt.Errorf("bank answered %d", status)
	}
	return status, err
}

func (s *service) ask(ctx context.Context, p payment, orderID string) (int, error) {
	body, err := json.Marshal(map[string]string{"order": orderID, "card": p.Card})
	if err != nil {
		return 0, fmt.Errorf("encode charge: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://bank.example/charge", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make charge request: %w", err)
	}
	reply, err := s.bank.Do(request)
	if err != nil {
		return 0, fmt.Errorf("reach the bank: %w", err)
	}
	defer reply.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(reply.Body, maxBody))
	return reply.StatusCode, err
}
