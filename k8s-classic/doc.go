// Package classic holds the plain Kubernetes manifests, without Knative, and
// the tests that check them against the Kubernetes API types.
package classic
