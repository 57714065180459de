//go:build tools

// Package kubeconform pins the program that holds manifests against schemas.
package kubeconform

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
