// Package knative holds the Knative manifests and the tests that check them
// against the types that Knative's own webhook uses. It has no code to run:
// the deployable is in function/, and nothing there may import Knative.
package knative
