package main

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/recommend/learn"
)

// countVerdicts counts what the gate says of new models, as
// nextbest.gate.verdicts{verdict}: activated, forced or refused.
func countVerdicts(provider metric.MeterProvider) (func(*learn.GateReport), error) {
	c, err := provider.Meter("github.com/nextbest/nextbest").Int64Counter("nextbest.gate.verdicts",
		metric.WithDescription("Verdicts of the gate on new models."))
	if err != nil {
		return nil, err
	}
	count := func(verdict string, n int64) {
		c.Add(context.Background(), n, metric.WithAttributes(attribute.String("verdict", verdict)))
	}
	for _, verdict := range []string{"activated", "forced", "refused"} {
		count(verdict, 0) // an alert on an increase must see the first one
	}
	return func(r *learn.GateReport) {
		switch {
		case r.Forced:
			count("forced", 1)
		case r.Activate:
			count("activated", 1)
		default:
			count("refused", 1)
		}
	}, nil
}
