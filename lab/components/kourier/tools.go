//go:build tools

// Package kourier pins the program of Kourier that the lab builds.
package kourier

import (
	_ "knative.dev/net-kourier/cmd/kourier"
)
