//go:build tools

// Package kubescore pins the program that judges manifests.
package kubescore

import _ "github.com/zegl/kube-score/cmd/kube-score"
