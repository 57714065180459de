package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Values count the values that a model has scored, by feature, in bins.
type Values interface {
	// Each calls do with every bin, always the same in the same order: its share of
	// the training data, NaN where that is not known, and its count.
	Each(do func(feature, bin string, share float64, values uint64))
}

// valueCollector tells of the values of all models. What to make of them, such as
// a measure of drift, is for who reads them: a process that lives for seconds
// has no view of a distribution.
type valueCollector struct {
	values, shares *prometheus.Desc

	mu     sync.Mutex
	models []modelValues
}

// modelValues are those of one model; labels belong to its bins, in their order.
type modelValues struct {
	Values
	labels [][]*dto.LabelPair
}

var valueLabels = []string{"model", "version", "feature", "bin"}

func newValueCollector() valueCollector {
	return valueCollector{
		values: prometheus.NewDesc("oi_feature_values_total",
			"Values of scored rows by feature, in the bins of the training data: ranges between quantiles, below and above these, categories, and missing values.",
			valueLabels, nil),
		shares: prometheus.NewDesc("oi_feature_training_share",
			"Share of each bin among the values of the training data that were not missing; absent where it is not known.",
			valueLabels, nil),
	}
}

// add takes the values of a model; the labels are written once.
func (c *valueCollector) add(model, version string, v Values) {
	if v == nil {
		return
	}
	one := modelValues{Values: v}
	v.Each(func(feature, bin string, _ float64, _ uint64) {
		one.labels = append(one.labels, prometheus.MakeLabelPairs(c.values, []string{model, version, feature, bin}))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.models = append(c.models, one)
}

// Describe is for the registry.
func (c *valueCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.values
	to <- c.shares
}

// Collect is for the registry.
func (c *valueCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	models := c.models
	c.mu.Unlock()
	for _, m := range models {
		i := 0
		m.Each(func(_, _ string, share float64, values uint64) {
			n := float64(values)
			to <- &sample{c.values, &dto.Metric{Label: m.labels[i], Counter: &dto.Counter{Value: &n}}}
			if share == share {
				to <- &sample{c.shares, &dto.Metric{Label: m.labels[i], Gauge: &dto.Gauge{Value: &share}}}
			}
			i++
		})
	}
}

// A sample is a metric that is complete.
type sample struct {
	desc   *prometheus.Desc
	metric *dto.Metric
}

func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write copies the sample's members into a metric of the registry's.
func (s *sample) Write(to *dto.Metric) error {
	to.Label, to.Counter, to.Gauge = s.metric.Label, s.metric.Counter, s.metric.Gauge
	return nil
}
