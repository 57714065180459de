// Package conform holds any server against the Open Inference Protocol: it sends
// the requests of package checks, fitted to the model that the server has, and
// tells where the answers deviate. What the specification says and what are rules
// of ours is counted apart.
package conform
