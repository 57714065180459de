package charts

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/cli/values"
)

// refused are values that must not render, with a part of the message that says
// which value it is.
var refused = map[string]struct{ values, want string }{
	"unknown key":                    {"replicas=3", "replicas"},
	"unknown key of image":           {"image.name=x", "/image"},
	"unknown key of strategy":        {"strategy.maxsurge=1", "/strategy"},
	"unknown key of service":         {"service.targetPort=80", "/service"},
	"unknown key of the budget":      {"podDisruptionBudget.min=1", "/podDisruptionBudget"},
	"unknown variable":               {"config.MAX_ROW=5", "/config"},
	"variable of the chart":          {"config.MODEL=/x", "/config"},
	"variable of the platform":       {"config.PORT=80", "/config"},
	"variable in small letters":      {"config.log_level=info", "/config"},
	"no pods":                        {"replicaCount=0", "/replicaCount"},
	"half a pod":                     {"replicaCount=1.5", "/replicaCount"},
	"pods as text":                   {"replicaCount=two", "/replicaCount"},
	"both zero":                      {"strategy.maxSurge=0", "/strategy"},
	"both zero, as shares":           {"strategy.maxSurge=0%,strategy.maxUnavailable=0%", "/strategy"},
	"both zero, mixed":               {"strategy.maxSurge=0%", "/strategy"},
	"surge below zero":               {"strategy.maxSurge=-1", "/strategy/maxSurge"},
	"surge without percent":          {"strategy.maxSurge=abc", "/strategy/maxSurge"},
	"more than all unavailable":      {"strategy.maxUnavailable=101%", "/strategy/maxUnavailable"},
	"surge missing":                  {"strategy.maxSurge=null", "/strategy"},
	"another strategy":               {"strategy.type=BlueGreen", "/strategy/type"},
	"deadline too soon":              {"progressDeadlineSeconds=5", "progressDeadlineSeconds has to be above minReadySeconds"},
	"tag latest":                     {"image.tag=latest", "/image/tag"},
	"short digest":                   {"image.digest=sha256:00", "/image/digest"},
	"another pull policy":            {"image.pullPolicy=Sometimes", "/image/pullPolicy"},
	"port beyond 65535":              {"service.port=70000", "/service/port"},
	"no such Service":                {"service.type=ExternalName", "/service/type"},
	"name of the Knative Service":    {"fullnameOverride=online-inference", "/fullnameOverride"},
	"capital letters":                {"fullnameOverride=Churn", "/fullnameOverride"},
	"name too long":                  {"fullnameOverride=" + strings.Repeat("a", 58), "/fullnameOverride"},
	"log level":                      {"config.LOG_LEVEL=loud", "/config/LOG_LEVEL"},
	"rows of nothing":                {"config.MAX_ROWS=0", "/config/MAX_ROWS"},
	"drain in minutes":               {"config.DRAIN_DELAY=1m", "/config/DRAIN_DELAY"},
	"no drain at all":                {"config.DRAIN_TIMEOUT=0s", "/config/DRAIN_TIMEOUT"},
	"delay without unit":             {"config.START_DELAY=25", "/config/START_DELAY"},
	"gRPC collector":                 {"config.OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "/config/OTEL_EXPORTER_OTLP_PROTOCOL"},
	"no third bundled model":         {"model.version=3", "/model/version"},
	"label with a space":             {"model.name=my model", "/model/name"},
	"model.yaml for no version":      {"model.yaml=format: 1", "/model/version"},
	"model.yaml and volume":          {"model.version=1,model.yaml=x,model.volume.emptyDir=null,model.volume.configMap.name=x", "/model/volume"},
	"two volumes":                    {"model.volume.configMap.name=x,model.volume.secret.secretName=x", "/model/volume"},
	"fewest above most":              {"autoscaling.enabled=true,autoscaling.minReplicas=6", "must not be above"},
	"autoscaling as text":            {"autoscaling.enabled=yes", "/autoscaling/enabled"},
	"CPU of nothing":                 {"autoscaling.targetCPUUtilizationPercentage=0", "/autoscaling"},
	"budget of nothing":              {"podDisruptionBudget.maxUnavailable=0", "/podDisruptionBudget/maxUnavailable"},
	"budget that blocks":             {"podDisruptionBudget.minAvailable=2", "would let no node be drained"},
	"budget that blocks, by share":   {"podDisruptionBudget.minAvailable=100%", "/podDisruptionBudget/minAvailable"},
	"budget that blocks, autoscaled": {"autoscaling.enabled=true,autoscaling.minReplicas=1,podDisruptionBudget.minAvailable=1", "would let no node"},
	"no such unit":                   {"resources.limits.memory=256MB", "/resources/limits/memory"},
	"memory of nothing":              {"resources.requests.memory=null", "/resources/requests"},
	"no such resource":               {"resources.requests.ram=1Gi", "/resources/requests"},
	"liveness after one miss":        {"probes.liveness.failureThreshold=1", "/probes/liveness/failureThreshold"},
	"probe of another kind":          {"probes.readiness.path=/x", "/probes/readiness"},
	"label of the selector":          {`podLabels.app\.kubernetes\.io/instance=x`, "/podLabels"},
	"annotation that is no text":     {"podAnnotations.x=1", "/podAnnotations/x"},
	"toleration that is no object":   {"tolerations[0]=x", "/tolerations/0"},
	"variables from two sources":     {"extraEnvFrom[0].secretRef.name=x,extraEnvFrom[0].configMapRef.name=x", "/extraEnvFrom/0"},
}

func TestRefused(t *testing.T) {
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			rel, err := render(t, "demo", set(c.values))
			if err == nil {
				t.Fatalf("%s renders:\n%s", c.values, rel.Manifest)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, expected %q in it", c.values, err, c.want)
			}
		})
	}
}

// TestTaken has the other side of the table's borders.
func TestTaken(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{"strategy.maxSurge=0,strategy.maxUnavailable=1", "maxSurge: 0\n      maxUnavailable: 1\n"},
		{"strategy.maxSurge=100%,strategy.maxUnavailable=0%", "maxSurge: 100%\n      maxUnavailable: 0%\n"},
		{"strategy.maxSurge=200%", "maxSurge: 200%\n"},
		{"strategy.maxSurge=0%,strategy.maxUnavailable=100%", "maxUnavailable: 100%\n"},
		{"strategy.type=Recreate,strategy.maxSurge=null,strategy.maxUnavailable=null", "strategy:\n    type: Recreate\n  minReadySeconds"},
		{"config.MAX_BODY_BYTES=1073741824", `MAX_BODY_BYTES: "1073741824"`},
		{"config.OTEL_SDK_DISABLED=true", `OTEL_SDK_DISABLED: "true"`},
		{"config.OTEL_TRACES_SAMPLER_ARG=0.25", `OTEL_TRACES_SAMPLER_ARG: "0.25"`},
		{"config.METRICS_PORT=null", "DRAIN_TIMEOUT"},
		{"config.DRAIN_DELAY=10s,config.DRAIN_TIMEOUT=60s", "terminationGracePeriodSeconds: 75\n"},
		{"config.DRAIN_DELAY=null,config.DRAIN_TIMEOUT=null", "terminationGracePeriodSeconds: 25\n"},
		{"model.version=2", `MODEL_VERSION: "2"`},
		{"model.version=", "kind: ConfigMap"},
		{"image.repository=registry.example:5000/team/oi,image.tag=v2", "image: registry.example:5000/team/oi:v2\n"},
		{"replicaCount=1", "replicas: 1\n"},
		{"podDisruptionBudget.enabled=false,podDisruptionBudget.minAvailable=9", "kind: Service\n"},
		{"replicaCount=3,podDisruptionBudget.minAvailable=2", "minAvailable: 2\n"},
		{"resources.limits.cpu=1.5", "cpu: \"1.5\"\n"},
		{"global.region=x", "kind: Deployment"},
	} {
		rel, err := render(t, "demo", set(c.values))
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
		} else if !strings.Contains(rel.Manifest, c.want) {
			t.Errorf("%s: no %q in\n%s", c.values, c.want, rel.Manifest)
		}
	}
}

// TestNumbersOfFiles has the number that YAML reads as a float.
func TestNumbersOfFiles(t *testing.T) {
	rel := mustRender(t, "demo", values.Options{JSONValues: []string{`config={"MAX_BODY_BYTES":2097152,"MAX_ROWS":1e4}`}})
	for _, want := range []string{`MAX_BODY_BYTES: "2097152"`, `MAX_ROWS: "10000"`} {
		if !strings.Contains(rel.Manifest, want) {
			t.Errorf("no %s in\n%s", want, rel.Manifest)
		}
	}
}
